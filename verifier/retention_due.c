/* SPDX-License-Identifier: Apache-2.0 */
/* Whether content may go: by the times that count, by the holds, and by what still runs. */
#include "verifier/retention.h"

#include "base/cbor.h"
#include "base/text.h"
#include "ledger/entry.h"

/* A time that cannot have passed is not past: sums stay below the year 10000. */
static bool is_past(int64_t since, int64_t keep, int64_t now)
{
	return keep != RETENTION_FOREVER && since <= POLICY_TIME_MAX && since + keep <= now;
}

/* ---- holds ---- */

static bool span_touches(const struct hold_row *hold, int64_t first, int64_t last)
{
	return (hold->from == 0 || last >= hold->from) && (hold->to == 0 || first <= hold->to);
}

/* A hold keeps at least what it names: where parts of a history fit parts of its scope, all of it is
 * kept. */
static bool hold_fits(struct sql *sql, const struct hold_row *hold, const struct history_row *row,
	bool *ret, struct err *err)
{
	*ret = (!hold->of_host || memcmp(hold->host, row->key.host, HOST_ID_LEN) == 0) &&
	       (!hold->workload[0] || strcmp(hold->workload, row->workload) == 0) &&
	       span_touches(hold, row->first, row->last);
	return !*ret || !hold->of_release ||
	       history_names_release(sql, &row->key, hold->release, ret, err);
}

static bool is_held(struct sql *sql, const struct holds *holds, const struct history_row *row,
	bool *ret, struct err *err)
{
	*ret = false;
	for (size_t i = 0; !*ret && i < holds->count; i++)
		if (!hold_fits(sql, &holds->list[i], row, ret, err))
			return false;
	return true;
}

/* ---- histories ---- */

struct judging {
	struct sql *sql;
	const struct retention_view *view;
	bool any, due;
};

static bool class_of(struct sql *sql, const char *workload, char out[ROW_NAME_MAX], struct err *err)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	out[0] = 0;
	return sql_first(sql, "SELECT risk_class FROM workloads WHERE name=?1",
		       SQL_ARGS(sql_t(bytes_of(workload, strlen(workload)))), &q, err) &&
	       (!q || sql_text(q, 0, "risk class", out, ROW_NAME_MAX, err));
}

static bool judge_part(void *arg, const struct history_row *row, struct err *err)
{
	struct judging *j = arg;
	char class[ROW_NAME_MAX];
	bool held = false;
	j->any = true;
	if (!class_of(j->sql, row->workload, class, err) ||
		!is_held(j->sql, j->view->holds, row, &held, err))
		return false;
	j->due = j->due && !held;
	for (unsigned kind = 0; kind < RETENTION_KINDS; kind++)
		if (row->newest[kind] > 0 &&
			!is_past(row->newest[kind],
				rules_of_decision(j->view->rules, bytes_str(class), kind),
				j->view->now))
			j->due = false;
	return true;
}

/* A renewal that comes would rest on what is here. */
static bool is_running(
	struct sql *sql, const struct history_key *key, int64_t now, bool *ret, struct err *err)
{
	struct instance_row row = {0};
	bool found = false;
	if (!instance_get(sql, key->host, key->instance, &row, &found, err))
		return false;
	*ret = found && row.state == INSTANCE_TRUSTED && row.renewed + RETENTION_RUNNING_S > now;
	return true;
}

bool history_due(struct sql *sql, const struct retention_view *view, const struct history_key *key,
	bool *ret, struct err *err)
{
	struct judging j = {.sql = sql, .view = view, .due = true};
	bool running = false;
	*ret = false;
	if (!history_each(sql, key, judge_part, &j, err) ||
		!is_running(sql, key, view->now, &running, err))
		return false;
	*ret = j.any && j.due && !running;
	return true;
}

/* ---- entries ---- */

/* What an entry is about, as far as its content says; zero: it names nothing. */
struct subject {
	bool of_host, of_release;
	uint8_t host[HOST_ID_LEN], release[SHA256_LEN];
	char workload[ROW_NAME_MAX];
};

static bool take_hex(const char *text, uint8_t out[SHA256_LEN])
{
	return text && hex_decode_exact(bytes_str(text), out, SHA256_LEN, NULL);
}

static void subject_of_json(enum leaf_type type, struct bytes text, struct subject *s)
{
	OWNED(json_release) json_t *content = NULL;
	if (!json_open(text, JSON_INPUT_MAX, &content, NULL))
		return;
	const char *workload = entry_workload(type, content);
	s->of_host = take_hex(json_string_value(json_object_get(content, "host")), s->host);
	/* A rollout is about two releases: it is not told which one a hold means. */
	if (type != LEAF_ROLLOUT)
		s->of_release = take_hex(entry_release(type, content), s->release);
	if (workload && strlen(workload) < sizeof(s->workload))
		memcpy(s->workload, workload, strlen(workload) + 1);
}

/* Of credentials: what the decision was about. */
static bool subject_of_issued(
	struct sql *sql, struct bytes content, struct subject *s, struct err *err)
{
	OWNED(record_row_release) struct record_row row = {0};
	struct cbor_doc doc;
	struct cbor_item root;
	uint8_t id[SHA256_LEN];
	bool found = false;
	if (!cbor_open(content, true, "issued", &doc, &root, NULL))
		return true;
	cbor_copy(cbor_key(root, 0, "decision"), id, sizeof(id), "decision");
	if (!cbor_close(&doc, NULL))
		return true;
	if (!record_get(sql, id, &row, &found, err))
		return false;
	if (!found)
		return true;
	s->of_host = s->of_release = true;
	memcpy(s->host, row.host, sizeof(s->host));
	memcpy(s->release, row.release, sizeof(s->release));
	memcpy(s->workload, row.workload, sizeof(s->workload));
	return true;
}

static bool subject_read(
	struct sql *sql, const struct entry_row *row, struct subject *s, struct err *err)
{
	OWNED(leaf_row_release) struct leaf_row leaf = {0};
	bool found = false;
	if (!leaf_get(sql, row->index, &leaf, &found, err))
		return false;
	if (found && row->type == LEAF_ISSUED)
		return subject_of_issued(sql, buf_bytes(&leaf.content), s, err);
	if (found)
		subject_of_json(row->type, buf_bytes(&leaf.content), s);
	return true;
}

/* Whatever does not name something else is held: what a legal hold needs is not to be guessed here. */
static bool hold_fits_entry(
	const struct hold_row *hold, const struct entry_row *row, const struct subject *s)
{
	if (!span_touches(hold, row->time, row->time))
		return false;
	if (hold->of_host && s->of_host && memcmp(hold->host, s->host, HOST_ID_LEN) != 0)
		return false;
	if (hold->of_release && s->of_release && memcmp(hold->release, s->release, SHA256_LEN) != 0)
		return false;
	return !hold->workload[0] || !s->workload[0] || strcmp(hold->workload, s->workload) == 0;
}

bool entry_held(struct sql *sql, const struct holds *holds, const struct entry_row *row, bool *ret,
	struct err *err)
{
	struct subject s = {0};
	*ret = false;
	if (holds->count > 0 && !subject_read(sql, row, &s, err))
		return false;
	for (size_t i = 0; i < holds->count; i++)
		*ret = *ret || hold_fits_entry(&holds->list[i], row, &s);
	return true;
}

bool entry_due(struct sql *sql, const struct retention_view *view, const struct entry_row *row,
	bool *ret, struct err *err)
{
	bool held = false;
	*ret = row->type != LEAF_RETENTION &&
	       is_past(row->time, rules_of_entry(view->rules, row->type), view->now);
	if (!*ret)
		return true;
	if (!entry_held(sql, view->holds, row, &held, err))
		return false;
	*ret = !held;
	return true;
}
