/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/package_gather.h"

#include "cli/compliance.h"
#include "ledger/audit_package.h"

#include <stdlib.h>

#define PATH_MAX_ 192

/* What was seen in the entries and is to be asked for. */
struct gathering {
	struct cli *cli;
	struct package_file *file;
	const struct package_span *span;
	uint64_t tree_size;
	unsigned pages;
	json_t *hosts, *incidents, *objects; /* sets */
	json_t *decisions; /* [[index, id, whether with its chain]] */
	json_t *gone; /* set of entries that say what was destroyed, by index */
	json_t *taken; /* set of entries with a content or fields not there, by index */
	json_t *running; /* set of instances that a decision in the package accepted */
};

static void gathering_release(struct gathering *g)
{
	json_decref(g->hosts);
	json_decref(g->incidents);
	json_decref(g->objects);
	json_decref(g->decisions);
	json_decref(g->gone);
	json_decref(g->taken);
	json_decref(g->running);
}

static bool note(struct gathering *g, json_t *set, const char *key)
{
	return !key || !key[0] || json_object_set_new(set, key, json_true()) == 0 ||
	       err_set(&g->cli->err, ERR_NOMEM, "package");
}

static const char *said(const struct ledger_entry *entry, const char *key)
{
	return json_string_value(json_object_get(entry->said, key));
}

/* Digests of objects that entries name: policies and their signatures, statements, notes, files. */
static bool note_objects(struct gathering *g, const struct ledger_entry *entry)
{
	const char *event = said(entry, "event"), *what = said(entry, "what");
	if (!event)
		return true;
	if (entry->type == LEAF_POLICY && strncmp(event, "policy", 6) == 0)
		return note(g, g->objects, said(entry, "digest")) &&
		       note(g, g->objects, said(entry, "signature"));
	if (strncmp(event, "statement", 9) == 0)
		return note(g, g->objects, said(entry, "digest"));
	if (strcmp(event, "security-floor") == 0)
		return note(g, g->objects, said(entry, "statement"));
	if (what && (strcmp(what, "note") == 0 || strcmp(what, "file") == 0))
		return note(g, g->objects, said(entry, "attached"));
	return true;
}

/* A renewal stands on the decision before it, which is in the package: its own chain would only
 * repeat that. Of what was accepted before the time of the package the chain is all there is. */
static bool decision_note(struct gathering *g, const struct ledger_entry *entry, const char *id)
{
	const struct decision_facts *f = &entry->facts;
	char instance[2 * (HOST_ID_LEN + INSTANCE_ID_LEN) + 1];
	hex_encode(BYTES_OF(f->host), instance);
	hex_encode(BYTES_OF(f->instance), instance + strlen(instance));
	bool chain = f->purpose == PURPOSE_RENEW && !json_object_get(g->running, instance);
	if (f->trusted && !note(g, g->running, instance))
		return false;
	return json_array_append_new(g->decisions,
		       json_pack("[I, s, b]", (json_int_t)entry->index, id, (int)chain)) == 0 ||
	       err_set(&g->cli->err, ERR_NOMEM, "package");
}

static bool note_entry(struct gathering *g, const struct ledger_entry *entry)
{
	char hex[2 * SHA256_LEN + 1];
	(void)snprintf(hex, sizeof(hex), "%llu", (unsigned long long)entry->index);
	if (entry->type != LEAF_DECISION && (entry->destroyed || entry->redacted > 0) &&
		!note(g, g->taken, hex))
		return false;
	if (entry->type == LEAF_INCIDENT && !note(g, g->incidents, said(entry, "incident")))
		return false;
	if (!entry->decided)
		return note_objects(g, entry);
	hex_encode(BYTES_OF(entry->facts.host), hex);
	if (!note(g, g->hosts, hex))
		return false;
	hex_encode(BYTES_OF(entry->id), hex);
	return decision_note(g, entry, hex);
}

/* ---- entries ---- */

static bool page_add(struct gathering *g, const json_t *answer, uint64_t *start)
{
	struct entry_page page;
	char path[64];
	struct err *err = &g->cli->err;
	if (!entry_page_read(answer, &page, err))
		return false;
	if (page.more && page.next <= *start)
		return err_set(err, ERR_FORMAT, "entries: next: does not move on");
	*start = page.more ? page.next : 0;
	for (size_t i = 0; i < json_array_size(page.entries); i++) {
		OWNED(ledger_entry_release) struct ledger_entry entry = {0};
		if (!ledger_entry_read(json_array_get(page.entries, i), &entry, err) ||
			!note_entry(g, &entry))
			return false;
	}
	if (json_array_size(page.entries) == 0)
		return true;
	(void)snprintf(path, sizeof(path), "entries/%06u.json", ++g->pages);
	return package_file_add_json(g->file, path, answer, err);
}

static bool entries_add(
	struct gathering *g, const char *key, const char *value, const char *type, bool since)
{
	uint64_t start = 0;
	do {
		OWNED(json_release) json_t *answer = NULL;
		OWNED(buf_release) struct buf path = {0};
		buf_printf(&path, "/v1/entries?type=%s&limit=%u&start=%llu&tree_size=%llu&to=%s",
			type, ENTRIES_PAGE_MAX, (unsigned long long)start,
			(unsigned long long)g->tree_size, g->span->to);
		if (key)
			buf_printf(&path, "&%s=%s", key, value);
		if (since)
			buf_printf(&path, "&from=%s", g->span->from);
		if (!buf_str(&path))
			return err_set(&g->cli->err, ERR_NOMEM, "package");
		if (!api_json(g->cli, buf_str(&path), NULL, NULL, &answer) ||
			!page_add(g, answer, &start))
			return false;
	} while (start);
	return true;
}

/* Decisions and lost leases of the time; all else from the beginning, since it was in force then. */
static bool entries_gather(struct gathering *g)
{
	static const char *const types[] = {"workload", "release", "approval", "rollout",
		"instance-end", "elevation", "policy", "retention", "incident"};
	static const char *const host_types[] = {"enrolment", "host-state", "incident"};
	const char *host;
	json_t *value;
	if (!entries_add(g, "workload", g->span->workload, "decision", true) ||
		!entries_add(g, "workload", g->span->workload, "issued", true) ||
		!entries_add(g, "workload", g->span->workload, "instance-state", true))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (!entries_add(g, "workload", g->span->workload, types[i], false))
			return false;
	if (!entries_add(g, NULL, NULL, "policy", false))
		return false;
	json_object_foreach(g->hosts, host, value)
	{
		for (size_t i = 0; i < ARRAY_LEN(host_types); i++)
			if (!entries_add(g, "host", host, host_types[i], false))
				return false;
	}
	return true;
}

/* ---- what was destroyed ---- */

/* The retention entry, which may lie behind the time of the package, but not behind its tree. */
static bool retention_add(struct gathering *g, uint64_t index)
{
	OWNED(json_release) json_t *answer = NULL;
	char path[PATH_MAX_], key[24];
	uint64_t next = 0;
	(void)snprintf(key, sizeof(key), "%llu", (unsigned long long)index);
	if (json_object_get(g->gone, key))
		return true;
	(void)snprintf(path, sizeof(path),
		"/v1/entries?type=retention&limit=1&start=%s&tree_size=%llu", key,
		(unsigned long long)g->tree_size);
	if (!api_json(g->cli, path, NULL, NULL, &answer))
		return false;
	const json_t *first = json_array_get(json_object_get(answer, "entries"), 0);
	if (index >= g->tree_size ||
		json_integer_value(json_object_get(first, "index")) != (json_int_t)index)
		return err_set(&g->cli->err, ERR_CONFLICT,
			"content was destroyed meanwhile, as ledger entry %s says: make the "
			"package again",
			key);
	return page_add(g, answer, &next) && note(g, g->gone, key);
}

/* Whether an entry of type retention is about one that is in the package. */
static bool says_taken(const struct gathering *g, const json_t *said)
{
	const json_t *list = json_object_get(said, "entries");
	const json_t *of = json_object_get(said, "entry");
	char key[24];
	for (size_t i = 0; i <= json_array_size(list); i++) {
		const json_t *index = i < json_array_size(list) ? json_array_get(list, i) : of;
		(void)snprintf(key, sizeof(key), "%lld", (long long)json_integer_value(index));
		if (json_is_integer(index) && json_object_get(g->taken, key))
			return true;
	}
	return false;
}

/* Of a page of entries of type retention those that are; the others are nobody's who reads the package.
 * What was taken meanwhile, behind the tree, is found missing when the package is verified: then it has
 * to be made again. */
static bool taken_page(struct gathering *g, json_t *answer, uint64_t *start)
{
	json_t *list = json_object_get(answer, "entries");
	for (size_t i = json_array_size(list); i-- > 0;) {
		OWNED(ledger_entry_release) struct ledger_entry entry = {0};
		char key[24];
		if (!ledger_entry_read(json_array_get(list, i), &entry, &g->cli->err))
			return false;
		(void)snprintf(key, sizeof(key), "%llu", (unsigned long long)entry.index);
		if (!says_taken(g, entry.said) || json_object_get(g->gone, key))
			(void)json_array_remove(list, i);
		else if (!note(g, g->gone, key))
			return false;
	}
	return page_add(g, answer, start);
}

static bool taken_gather(struct gathering *g)
{
	uint64_t start = 0;
	if (json_object_size(g->taken) == 0)
		return true;
	do {
		OWNED(json_release) json_t *answer = NULL;
		char path[PATH_MAX_];
		(void)snprintf(path, sizeof(path),
			"/v1/entries?type=retention&limit=%u&start=%llu&tree_size=%llu",
			ENTRIES_PAGE_MAX, (unsigned long long)start,
			(unsigned long long)g->tree_size);
		if (!api_json(g->cli, path, NULL, NULL, &answer) || !taken_page(g, answer, &start))
			return false;
	} while (start);
	return true;
}

static bool destroyed_add(struct gathering *g, json_int_t index, const char *id)
{
	OWNED(json_release) json_t *answer = NULL;
	struct package_destroyed mark = {.entry = (uint64_t)index};
	struct err *err = &g->cli->err;
	char path[PATH_MAX_];
	(void)snprintf(path, sizeof(path), "/v1/records/%s", id);
	if (!api_json(g->cli, path, NULL, NULL, &answer))
		return false;
	const json_t *by = json_object_get(answer, "destroyed_by_entry");
	if (!json_is_integer(by) || json_integer_value(by) <= index)
		return err_set(err, ERR_FORMAT, "no ledger entry says that it was destroyed");
	mark.by = (uint64_t)json_integer_value(by);
	return hex_decode_exact(bytes_str(id), mark.record, sizeof(mark.record), err) &&
	       retention_add(g, mark.by) && package_index_add_destroyed(g->file->index, &mark, err);
}

/* ---- decisions and objects ---- */

static bool object_keep(
	void *arg, const uint8_t digest[SHA256_LEN], struct bytes object, struct err *err)
{
	struct gathering *g = arg;
	char path[sizeof("objects/") + 2 * SHA256_LEN] = "objects/";
	hex_encode(bytes_of(digest, SHA256_LEN), path + strlen(path));
	return package_file_add(g->file, path, object, err);
}

static bool decision_add(struct gathering *g, json_int_t index, const char *id, bool chain)
{
	OWNED(buf_release) struct buf bundle = {0}, stripped = {0};
	char path[PATH_MAX_];
	struct err *err = &g->cli->err;
	(void)snprintf(path, sizeof(path), "/v1/records/%s/bundle%s", id, chain ? "" : "?chain=0");
	bool there = api_bytes(g->cli, path, NULL, NULL, &bundle);
	if (!there && err->code == ERR_GONE) {
		*err = (struct err){0};
		return destroyed_add(g, index, id) || err_wrap(err, "record %.16s", id);
	}
	if (!there || !package_strip(buf_bytes(&bundle), object_keep, g, &stripped, err))
		return err_wrap(err, "record %.16s", id);
	(void)snprintf(path, sizeof(path), "decisions/%020lld.cbor", (long long)index);
	return package_file_add(g->file, path, buf_bytes(&stripped), err);
}

static bool decisions_gather(struct gathering *g)
{
	for (size_t i = 0; i < json_array_size(g->decisions); i++) {
		const json_t *d = json_array_get(g->decisions, i);
		if (!decision_add(g, json_integer_value(json_array_get(d, 0)),
			    json_string_value(json_array_get(d, 1)),
			    json_is_true(json_array_get(d, 2))))
			return false;
	}
	return true;
}

/* One that is no longer kept is left out: whoever audits is told. */
static bool objects_gather(struct gathering *g)
{
	const char *digest;
	json_t *value;
	json_object_foreach(g->objects, digest, value)
	{
		OWNED(buf_release) struct buf object = {0};
		char ask[PATH_MAX_], path[PATH_MAX_];
		uint8_t is[SHA256_LEN];
		if (!hex_decode_exact(bytes_str(digest), is, sizeof(is), &g->cli->err))
			return err_wrap(&g->cli->err, "an entry's digest");
		(void)snprintf(ask, sizeof(ask), "/v1/objects/%s", digest);
		(void)snprintf(path, sizeof(path), "objects/%s", digest);
		if (package_file_has(g->file, path))
			continue;
		if (!api_bytes(g->cli, ask, NULL, NULL, &object)) {
			if (g->cli->err.code != ERR_NOT_FOUND && g->cli->err.code != ERR_GONE)
				return false;
			g->cli->err = (struct err){0};
		} else if (!package_file_add(g->file, path, buf_bytes(&object), &g->cli->err)) {
			return false;
		}
	}
	return true;
}

/* ---- what the verifier says ---- */

static bool answer_add(struct gathering *g, const char *ask, const char *path)
{
	OWNED(json_release) json_t *answer = NULL;
	return api_json(g->cli, ask, NULL, NULL, &answer) &&
	       package_file_add_json(g->file, path, answer, &g->cli->err);
}

static bool releases_gather(struct gathering *g)
{
	OWNED(json_release) json_t *answer = NULL;
	char ask[PATH_MAX_], path[PATH_MAX_];
	(void)snprintf(ask, sizeof(ask), "/v1/releases?workload=%s", g->span->workload);
	if (!api_json(g->cli, ask, NULL, NULL, &answer))
		return false;
	const json_t *list = json_object_get(answer, "releases");
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *digest =
			json_string_value(json_object_get(json_array_get(list, i), "digest"));
		uint8_t is[SHA256_LEN];
		if (!hex_decode_exact(bytes_str(digest), is, sizeof(is), &g->cli->err))
			return err_wrap(&g->cli->err, "a release's digest");
		(void)snprintf(ask, sizeof(ask), "/v1/releases/%s", digest);
		(void)snprintf(path, sizeof(path), "releases/%s.json", digest);
		if (!answer_add(g, ask, path))
			return false;
	}
	return true;
}

static bool incidents_gather(struct gathering *g)
{
	const char *id;
	json_t *value;
	json_object_foreach(g->incidents, id, value)
	{
		char ask[PATH_MAX_], path[PATH_MAX_];
		if (!text_is_name(bytes_str(id)))
			return err_set(&g->cli->err, ERR_FORMAT, "an incident's id is no name");
		(void)snprintf(ask, sizeof(ask), "/v1/incidents/%s", id);
		(void)snprintf(path, sizeof(path), "incidents/%s.json", id);
		if (!answer_add(g, ask, path))
			return false;
	}
	return true;
}

static bool said_gather(struct gathering *g)
{
	OWNED(json_release) json_t *report = NULL;
	char ask[PATH_MAX_];
	(void)snprintf(ask, sizeof(ask), "/v1/workloads/%s", g->span->workload);
	return answer_add(g, ask, "register.json") && releases_gather(g) && incidents_gather(g) &&
	       compliance_of_workload(g->cli, g->span->workload, &report) &&
	       package_file_add_json(g->file, "compliance.json", report, &g->cli->err);
}

bool package_gather(struct cli *cli, struct package_file *file, const struct package_span *span)
{
	OWNED(buf_release) struct buf note_text = {0};
	OWNED(gathering_release)
	struct gathering g = {.cli = cli,
		.file = file,
		.span = span,
		.hosts = json_object(),
		.incidents = json_object(),
		.objects = json_object(),
		.decisions = json_array(),
		.gone = json_object(),
		.taken = json_object(),
		.running = json_object()};
	struct checkpoint checkpoint;
	if (!g.hosts || !g.incidents || !g.objects || !g.decisions || !g.gone || !g.taken ||
		!g.running)
		return err_set(&cli->err, ERR_NOMEM, "package");
	if (!api_bytes(cli, "/log/checkpoint", NULL, NULL, &note_text) ||
		!checkpoint_parse(buf_bytes(&note_text), &checkpoint, &cli->err) ||
		!package_file_add(file, "checkpoint", buf_bytes(&note_text), &cli->err))
		return false;
	g.tree_size = checkpoint.size;
	return entries_gather(&g) && decisions_gather(&g) && taken_gather(&g) &&
	       objects_gather(&g) && said_gather(&g);
}
