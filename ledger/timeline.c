/* SPDX-License-Identifier: Apache-2.0 */
/* The frame of a story: its lines, and which entry is told by whom. */
#include "ledger/timeline_private.h"

#include <stdlib.h>

#include "base/text.h"

bool timeline_new(const struct timeline_options *options, struct timeline **ret, struct err *err)
{
	struct timeline *t = calloc(1, sizeof(*t));

	if (!t)
		return err_set(err, ERR_NOMEM, "timeline");
	t->options = *options;
	if (options->host) {
		memcpy(t->host, options->host, sizeof(t->host));
		t->options.host = t->host;
	}
	*ret = t;
	return true;
}

void timeline_free(struct timeline **t)
{
	if (!*t)
		return;
	for (size_t i = 0; i < (*t)->line_count; i++)
		json_decref((*t)->lines[i].value);
	free((*t)->lines);
	free((*t)->hosts);
	free((*t)->instances);
	free(*t);
	*t = NULL;
}

/* ---- lines ---- */

static bool set_text(json_t *line, const char *key, const char *value)
{
	return !value || !value[0] || json_object_set_new(line, key, json_string(value)) == 0;
}

static bool set_hex(json_t *line, const char *key, struct bytes value)
{
	char hex[2 * SHA256_LEN + 1];

	hex_encode(value, hex);
	return set_text(line, key, hex);
}

static bool set_facts(json_t *line, const struct decision_facts *facts)
{
	return !facts || (set_hex(line, "host", BYTES_OF(facts->host)) &&
				 set_hex(line, "instance", BYTES_OF(facts->instance)) &&
				 set_hex(line, "release", BYTES_OF(facts->release)) &&
				 set_text(line, "workload", facts->workload));
}

/* What the entry names, as it names it. */
static bool set_names(json_t *line, const struct ledger_entry *entry)
{
	static const char *const names[] = {
		"host", "workload", "release", "instance", "incident", "by"};

	for (size_t i = 0; entry && entry->said && i < ARRAY_LEN(names); i++)
		if (!set_text(line, names[i],
			    json_string_value(json_object_get(entry->said, names[i]))))
			return false;
	return true;
}

static json_t *rests_json(const struct telling *telling)
{
	OWNED(json_release) json_t *list = json_array();

	for (size_t i = 0; i < telling->rest_count; i++) {
		char id[2 * SHA256_LEN + 1];

		hex_encode(BYTES_OF(telling->rests[i].id), id);
		if (json_array_append_new(
			    list, json_pack("{s:I, s:s}", "entry",
					  (json_int_t)telling->rests[i].index, "id", id)) != 0)
			return NULL;
	}
	return TAKE(list);
}

static json_t *line_json(const struct telling *telling)
{
	char time[TIME_TEXT_MAX], until[TIME_TEXT_MAX] = "";
	OWNED(json_release)
	json_t *line =
		json_pack("{s:s, s:s, s:s, s:s, s:o}", "time", time_format(telling->time, time),
			"kind", telling->kind, "text", telling->text, "standing",
			telling->proven ? "proven" : "asserted", "rests_on", rests_json(telling));

	if (telling->until)
		(void)time_format(telling->until, until);
	if (!line || !set_text(line, "until", until) || !set_facts(line, telling->facts) ||
		!set_names(line, telling->entry) ||
		(telling->host && !set_hex(line, "host", bytes_of(telling->host, HOST_ID_LEN))) ||
		(telling->count &&
			json_object_set_new(line, "count", json_integer(telling->count)) != 0))
		return NULL;
	return TAKE(line);
}

bool timeline_tell(struct timeline *t, const struct telling *telling, struct err *err)
{
	if (t->line_count == TIMELINE_LINES_MAX)
		return err_set(err, ERR_LIMIT, "timeline: more than %u lines", TIMELINE_LINES_MAX);
	if (t->line_count == t->line_room) {
		size_t room = t->line_room ? 2 * t->line_room : 64;
		struct line *lines = realloc(t->lines, room * sizeof(*lines));

		if (!lines)
			return err_set(err, ERR_NOMEM, "timeline");
		t->lines = lines;
		t->line_room = room;
	}
	struct line *line = &t->lines[t->line_count];

	line->index = telling->rests[0].index;
	line->place = telling->place;
	line->value = line_json(telling);
	if (!line->value)
		return err_set(err, ERR_NOMEM, "timeline");
	t->line_count++;
	return true;
}

/* ---- entries ---- */

static bool other_host(const struct timeline *t, const struct ledger_entry *entry)
{
	uint8_t host[HOST_ID_LEN];
	const char *named = json_string_value(json_object_get(entry->said, "host"));

	if (!t->options.host)
		return false;
	if (entry->decided)
		return memcmp(entry->facts.host, t->host, HOST_ID_LEN) != 0;
	return named && (!hex_decode_exact(bytes_str(named), host, sizeof(host), NULL) ||
				memcmp(host, t->host, sizeof(host)) != 0);
}

static bool tell_entry(struct timeline *t, const struct ledger_entry *entry, struct err *err)
{
	char text[TIMELINE_TEXT_MAX];
	struct telling telling = {.place = PLACE_AT,
		.time = entry->time,
		.text = text,
		.facts = entry->decided ? &entry->facts : NULL,
		.entry = entry,
		.rests = {rest_of(entry)},
		.rest_count = 1};

	timeline_words(entry, &telling.kind, text);
	return timeline_tell(t, &telling, err) && timeline_stop(t, entry, err);
}

bool timeline_add(
	struct timeline *t, const struct ledger_entry *entry, bool audited, struct err *err)
{
	if (t->begun && entry->index <= t->last)
		return err_set(err, ERR_USAGE, "timeline: entry %llu behind entry %llu",
			(unsigned long long)entry->index, (unsigned long long)t->last);
	t->begun = true;
	t->last = entry->index;
	if (other_host(t, entry))
		return true;
	if (entry->decided && !entry->emptied)
		return timeline_decision(t, entry, audited, err);
	if (entry->type == LEAF_ISSUED && !entry->destroyed)
		return timeline_issued(t, entry, err);
	return tell_entry(t, entry, err);
}

static int line_order(const void *a, const void *b)
{
	const struct line *x = a, *y = b;

	if (x->index != y->index)
		return x->index < y->index ? -1 : 1;
	return (int)x->place - (int)y->place;
}

bool timeline_finish(struct timeline *t, json_t **ret_lines, struct err *err)
{
	OWNED(json_release) json_t *lines = json_array();

	if (!timeline_close(t, err))
		return false;
	if (t->line_count > 0)
		qsort(t->lines, t->line_count, sizeof(t->lines[0]), line_order);
	for (size_t i = 0; i < t->line_count; i++)
		if (json_array_append(lines, t->lines[i].value) != 0)
			return err_set(err, ERR_NOMEM, "timeline");
	*ret_lines = TAKE(lines);
	return true;
}
