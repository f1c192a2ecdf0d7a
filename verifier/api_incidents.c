/* SPDX-License-Identifier: Apache-2.0 */
/* Routes about incidents: opened, attached to, closed, looked at. Each step is an entry of the
 * ledger, with who and when; notes and files are objects. */
#include "verifier/incidents.h"

#include "base/text.h"

#include <stdio.h>

#define TITLE_MAX 256u

static bool id_ok(const char *id)
{
	uint8_t bytes[INCIDENT_ID_LEN];
	return hex_decode_exact(bytes_str(id), bytes, sizeof(bytes), NULL);
}

/* What a request adds. */
struct step {
	struct call *call;
	char id[INCIDENT_ID_TEXT];
	const char *name; /* "opened", "attached", "closed" */
	const char *event; /* in the service's own log */
	json_t *content; /* of the entry */
	struct buf file; /* an object; empty: none */
	uint8_t digest[SHA256_LEN];
	uint8_t record[SHA256_LEN];
	bool is_record, is_subject;
};

static void step_release(struct step *s)
{
	json_decref(s->content);
	buf_release(&s->file);
}

static bool put(struct step *s, const char *key, const char *value, struct err *err)
{
	return !value || !value[0] ||
	       json_object_set_new(s->content, key, json_string(value)) == 0 ||
	       err_set(err, ERR_NOMEM, "incident");
}

static bool put_hex(struct step *s, const char *key, struct bytes value, struct err *err)
{
	char hex[2 * SHA256_LEN + 1];
	hex_encode(value, hex);
	return put(s, key, hex, err);
}

static bool step_begin(struct step *s, const char *name, const char *event, struct err *err)
{
	s->name = name;
	s->event = event;
	s->content = json_pack("{s:s, s:s, s:s, s:s}", "event", "incident", "incident", s->id,
		"step", name, "by", s->call->who.uri);
	return s->content || err_set(err, ERR_NOMEM, "incident");
}

/* The steps after the first are of an incident that is there, open, and not endless. */
static bool may_follow(const struct step *s, const struct incident *present, struct err *err)
{
	if (!present->opened)
		return err_set(err, ERR_NOT_FOUND, "no incident %s", s->id);
	if (present->closed)
		return err_set(err, ERR_CONFLICT, "incident %s is closed", s->id);
	/* The last place is kept for its end. */
	return strcmp(s->name, "closed") == 0 || present->step_count + 1 < INCIDENT_STEPS_MAX ||
	       err_set(err, ERR_LIMIT, "an incident has at most %u steps", INCIDENT_STEPS_MAX);
}

/* A record is attached under its own host and workload. */
static bool record_find(struct step *s, struct sql *sql, struct err *err)
{
	OWNED(record_row_release) struct record_row row = {0};
	bool found = false;
	if (!record_get(sql, s->record, &row, &found, err))
		return false;
	return found ? put_hex(s, "host", BYTES_OF(row.host), err) &&
			       put(s, "workload", row.workload, err)
		     : err_set(err, ERR_NOT_FOUND, "no such record");
}

/* What an incident is about, each of its steps is about. */
static bool inherit(struct step *s, const struct incident *present, struct err *err)
{
	static const char *const names[] = {"host", "workload", "release"};
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (!json_object_get(s->content, names[i]) &&
			!put(s, names[i],
				json_string_value(json_object_get(present->opened, names[i])), err))
			return false;
	return true;
}

static bool step_work(struct store_tx *tx, void *arg, struct err *err)
{
	OWNED(incident_release) struct incident present = {0};
	struct step *s = arg;
	if (!incident_load(tx->sql, s->id, &present, err))
		return false;
	bool first = strcmp(s->name, "opened") == 0;
	if (first ? present.opened && err_set(err, ERR_CONFLICT, "that incident is there already")
		  : !may_follow(s, &present, err))
		return false;
	if ((s->is_record && !record_find(s, tx->sql, err)) ||
		(!first && !s->is_subject && !inherit(s, &present, err)) ||
		(s->file.len > 0 && !object_put(tx->sql, s->digest, buf_bytes(&s->file), err)))
		return false;
	return entry_append(s->call->app, tx, LEAF_INCIDENT, clock_wall(s->call->app->clock),
		TAKE(s->content), err);
}

static bool answer(struct call *call, const char *id, int status, struct err *err)
{
	OWNED(incident_release) struct incident incident = {0};
	struct sql *sql = NULL;
	if (!call_read(call, &sql, err))
		return false;
	bool ok = incident_load(sql, id, &incident, err);
	store_read_done(call->app->store, &sql);
	if (!ok)
		return false;
	if (!incident.opened)
		return err_set(err, ERR_NOT_FOUND, "no incident %s", ESC(bytes_str(id)));
	return call_json(call, status, incident_json(&incident), err);
}

static bool commit(struct step *s, int status, struct err *err)
{
	if (!store_run(s->call->app->store, step_work, s, err))
		return false;
	call_log(s->call, s->event, bytes_str(s->id), (struct bytes){0});
	return answer(s->call, s->id, status, err);
}

/* ---- opening ---- */

static bool severity_ok(const char *text)
{
	static const char *const known[] = {"low", "medium", "high", "critical"};
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (strcmp(known[i], text) == 0)
			return true;
	return false;
}

static bool is_digest(const char *text)
{
	uint8_t digest[SHA256_LEN];
	return hex_decode_exact(bytes_str(text), digest, sizeof(digest), NULL);
}

/* Whom it is about, as the body says it. */
static bool subjects_read(
	struct step *s, struct json_fields *f, const json_t *body, struct err *err)
{
	static const struct {
		const char *name;
		bool digest;
	} subjects[] = {{"host", true}, {"workload", false}, {"release", true}};
	for (size_t i = 0; i < ARRAY_LEN(subjects); i++) {
		const char *text = json_want_str(f, body, subjects[i].name, 64);
		if (!text)
			continue;
		if (subjects[i].digest ? !is_digest(text) : !text_is_name(bytes_str(text)))
			json_fields_fail(f, subjects[i].name,
				subjects[i].digest ? "expected 64 hex digits" : "not a name");
		else if (!put(s, subjects[i].name, text, err))
			return false;
	}
	return true;
}

static bool open_read(struct step *s, const json_t *body, struct err *err)
{
	static const char *const keys[] = {
		"title", "severity", "host", "workload", "release", NULL};
	struct json_fields f = json_fields_of("body");
	json_only_keys(&f, body, keys);
	const char *title = json_need_str(&f, body, "title", TITLE_MAX);
	const char *severity = json_need_str(&f, body, "severity", 16);
	if (!title[0])
		json_fields_fail(&f, "title", "say what happened");
	if (!severity_ok(severity))
		json_fields_fail(&f, "severity", "expected low, medium, high or critical");
	return subjects_read(s, &f, body, err) && json_fields_ok(&f, err) &&
	       put(s, "title", title, err) && put(s, "severity", severity, err);
}

bool serve_incident_open(struct call *call, struct err *err)
{
	OWNED(json_release) json_t *body = NULL;
	OWNED(step_release) struct step s = {.call = call};
	uint8_t id[INCIDENT_ID_LEN];
	if (!call_body_json(call, &body, err) ||
		!random_fill(call->app->random, id, sizeof(id), err))
		return false;
	hex_encode(BYTES_OF(id), s.id);
	return step_begin(&s, "opened", "incident-opened", err) && open_read(&s, body, err) &&
	       commit(&s, 201, err);
}

/* ---- attaching ---- */

static bool attach_file(
	struct step *s, struct json_fields *f, const json_t *body, bool note, struct err *err)
{
	const char *text = json_need_str(f, body, "content", INCIDENT_BODY_MAX);
	if (!json_fields_ok(f, err))
		return false;
	if (!base64_decode(bytes_str(text), false, INCIDENT_FILE_MAX, &s->file, err))
		return err_wrap(err, "body: content");
	if (s->file.len == 0)
		return err_set(err, ERR_FORMAT, "body: content: empty");
	if (note && !utf8_valid(buf_bytes(&s->file)))
		return err_set(err, ERR_FORMAT, "body: content: a note is text in UTF-8");
	return sha256_of(buf_bytes(&s->file), s->digest, err) &&
	       put_hex(s, "attached", BYTES_OF(s->digest), err) &&
	       (json_object_set_new(s->content, "length", json_integer((json_int_t)s->file.len)) ==
			       0 ||
		       err_set(err, ERR_NOMEM, "incident"));
}

static bool attach_id(struct step *s, struct json_fields *f, const json_t *body, const char *what,
	struct err *err)
{
	const char *id = json_need_str(f, body, "id", 64);
	bool name = strcmp(what, "workload") == 0 || strcmp(what, "hold") == 0;
	s->is_record = strcmp(what, "record") == 0;
	s->is_subject = !s->is_record && strcmp(what, "hold") != 0;
	if (name ? !text_is_name(bytes_str(id)) : !is_digest(id))
		json_fields_fail(f, "id", name ? "not a name" : "expected 64 hex digits");
	return json_fields_ok(f, err) &&
	       (!s->is_record || hex_decode_exact(bytes_str(id), s->record, SHA256_LEN, err)) &&
	       put(s, "attached", id, err) && (!s->is_subject || put(s, what, id, err));
}

static bool attach_read(struct step *s, const json_t *body, struct err *err)
{
	static const char *const keys[] = {"what", "id", "content", "name", "comment", NULL};
	static const char *const kinds[] = {
		"record", "hold", "host", "workload", "release", "note", "file"};
	struct json_fields f = json_fields_of("body");
	json_only_keys(&f, body, keys);
	const char *what = json_need_str(&f, body, "what", 16);
	const char *name = json_want_str(&f, body, "name", TITLE_MAX);
	const char *comment = json_want_str(&f, body, "comment", TITLE_MAX);
	size_t kind = 0;
	while (kind < ARRAY_LEN(kinds) && strcmp(kinds[kind], what) != 0)
		kind++;
	if (kind == ARRAY_LEN(kinds))
		json_fields_fail(
			&f, "what", "expected record, hold, host, workload, release, note or file");
	if (!json_fields_ok(&f, err) || !put(s, "what", what, err) || !put(s, "name", name, err) ||
		!put(s, "comment", comment, err))
		return false;
	bool note = strcmp(what, "note") == 0;
	return note || strcmp(what, "file") == 0 ? attach_file(s, &f, body, note, err)
						 : attach_id(s, &f, body, what, err);
}

static bool id_read(struct call *call, struct step *s, struct err *err)
{
	const char *id = http_path_param(call->exchange, 0);
	if (!id_ok(id))
		return err_set(err, ERR_NOT_FOUND, "%s is no incident: expected 16 hex digits",
			ESC(bytes_str(id)));
	(void)snprintf(s->id, sizeof(s->id), "%s", id);
	return true;
}

bool serve_incident_attach(struct call *call, struct err *err)
{
	OWNED(json_release) json_t *body = NULL;
	OWNED(step_release) struct step s = {.call = call};
	if (!id_read(call, &s, err))
		return false;
	if (!json_open(http_body(call->exchange), INCIDENT_BODY_MAX, &body, err))
		return err_wrap(err, "body");
	return step_begin(&s, "attached", "incident-attached", err) && attach_read(&s, body, err) &&
	       commit(&s, 200, err);
}

/* ---- closing, looking ---- */

bool serve_incident_close(struct call *call, struct err *err)
{
	OWNED(buf_release) struct buf reason = {0};
	OWNED(step_release) struct step s = {.call = call};
	return id_read(call, &s, err) && call_reason(call, &reason, err) &&
	       step_begin(&s, "closed", "incident-closed", err) &&
	       put(&s, "reason", buf_str(&reason), err) && commit(&s, 200, err);
}

bool serve_incident(struct call *call, struct err *err)
{
	struct step s = {.call = call};
	return id_read(call, &s, err) && answer(call, s.id, 200, err);
}

struct listing {
	struct sql *sql;
	json_t *list;
};

static bool opened_visited(void *arg, struct ledger_entry *entry, struct err *err)
{
	OWNED(incident_release) struct incident incident = {0};
	OWNED(json_release) json_t *view = NULL;
	struct listing *l = arg;
	const char *step = json_string_value(json_object_get(entry->said, "step"));
	const char *id = json_string_value(json_object_get(entry->said, "incident"));
	if (!step || !id || strcmp(step, "opened") != 0)
		return true;
	if (!incident_load(l->sql, id, &incident, err))
		return false;
	view = incident_json(&incident);
	if (!view || json_object_set_new(view, "steps", json_integer(incident.step_count)) != 0 ||
		json_array_append(l->list, view) != 0)
		return err_set(err, ERR_NOMEM, "incidents");
	return true;
}

static bool list_all(struct listing *l, struct err *err)
{
	struct entry_filter filter = {.type = LEAF_INCIDENT,
		.end = INT64_MAX,
		.limit = ENTRIES_PAGE_MAX,
		.bytes_max = SIZE_MAX};
	do
		if (!entries_each(l->sql, &filter, opened_visited, l, &filter.start, err))
			return false;
	while (filter.start && json_array_size(l->list) < ROW_LIST_MAX);
	return true;
}

bool serve_incidents(struct call *call, struct err *err)
{
	OWNED(json_release) json_t *list = json_array();
	struct listing l = {.list = list};
	if (!list || !call_read(call, &l.sql, err))
		return list ? false : err_set(err, ERR_NOMEM, "incidents");
	bool ok = list_all(&l, err);
	store_read_done(call->app->store, &l.sql);
	return ok && call_json(call, 200, json_pack("{s:O}", "incidents", list), err);
}
