/* SPDX-License-Identifier: Apache-2.0 */
/* What the entries of a package do not show: a content that was destroyed, fields that were taken out.
 * For each there has to be an entry of type retention in the package, behind it in the ledger, that
 * says so: otherwise whoever made the package could leave out what he likes. Decisions stand in
 * audit_package_gone.c. */
#include "ledger/audit_package_private.h"

#include <stdio.h>

#include "base/text.h"

#define SHOWN_MAX 16 /* failures told one by one */
#define WHOLE     "" /* instead of a field's name, which is never empty */

struct index_key {
	char text[24];
};

static struct index_key key_of(uint64_t index)
{
	struct index_key key;

	(void)snprintf(key.text, sizeof(key.text), "%llu", (unsigned long long)index);
	return key;
}

static bool no_memory(struct err *err)
{
	return err_set(err, ERR_NOMEM, "package");
}

bool package_taken_open(struct package_case *c, struct err *err)
{
	c->taken = json_object();
	c->said_taken = json_object();
	return (c->taken && c->said_taken) || no_memory(err);
}

/* ---- what entries say was taken ---- */

/* said_taken: {entry: {field: the last entry that says so}} */
static bool said_put(
	struct package_case *c, uint64_t entry, const char *field, uint64_t by, struct err *err)
{
	struct index_key key = key_of(entry);
	json_t *fields = json_object_get(c->said_taken, key.text);

	if (!fields) {
		fields = json_object();
		if (json_object_set_new(c->said_taken, key.text, fields) != 0)
			return no_memory(err);
	}
	const json_t *before = json_object_get(fields, field);

	if (before && (uint64_t)json_integer_value(before) >= by)
		return true;
	return json_object_set_new(fields, field, json_integer((json_int_t)by)) == 0 ||
	       no_memory(err);
}

static bool heed_destroyed(
	struct package_case *c, const struct ledger_entry *entry, struct err *err)
{
	const json_t *list = json_object_get(entry->said, "entries");

	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *one = json_array_get(list, i);

		if (json_is_integer(one) && json_integer_value(one) >= 0 &&
			!said_put(c, (uint64_t)json_integer_value(one), WHOLE, entry->index, err))
			return false;
	}
	return true;
}

static bool heed_redacted(struct package_case *c, const struct ledger_entry *entry, struct err *err)
{
	const json_t *of = json_object_get(entry->said, "entry");
	const char *field = json_string_value(json_object_get(entry->said, "field"));

	return !json_is_integer(of) || json_integer_value(of) < 0 || !field || !field[0] ||
	       said_put(c, (uint64_t)json_integer_value(of), field, entry->index, err);
}

static bool heed(struct package_case *c, const struct ledger_entry *entry, struct err *err)
{
	const char *event = json_string_value(json_object_get(entry->said, "event"));

	if (entry->type != LEAF_RETENTION || !event)
		return true;
	if (strcmp(event, "content-destroyed") == 0)
		return heed_destroyed(c, entry, err);
	return strcmp(event, "field-redacted") != 0 || heed_redacted(c, entry, err);
}

/* ---- what is not there ---- */

/* taken: {entry: [how many fields are not shown; -1: none is, those that are]}. An entry that comes twice
 * counts as the less that it shows. */
bool package_taken_note(struct package_case *c, const struct ledger_entry *entry, struct err *err)
{
	json_int_t missing = entry->destroyed ? -1 : (json_int_t)entry->redacted;
	struct index_key key = key_of(entry->index);

	if (!heed(c, entry, err))
		return false;
	if (missing == 0 || entry->type == LEAF_DECISION)
		return true;
	const json_t *before = json_object_get(c->taken, key.text);
	json_int_t had = json_integer_value(json_array_get(before, 0));

	if (before && (had < 0 || (missing > 0 && had >= missing)))
		return true;
	return json_object_set_new(c->taken, key.text,
		       json_pack("[I, O?]", missing, entry->destroyed ? NULL : entry->said)) == 0 ||
	       no_memory(err);
}

/* ---- one against the other ---- */

/* Only what was said behind it counts, and of a field only where that one is not shown: another cannot be hidden
 * instead. */
static bool is_said(
	const struct package_case *c, const char *index, json_int_t missing, const json_t *shown)
{
	const json_t *fields = json_object_get(c->said_taken, index), *by;
	json_t *walked = json_object_get(c->said_taken, index);
	json_int_t of = 0, named = 0;
	uint64_t number = 0;
	const char *field;
	json_t *value;

	if (!text_decimal(bytes_str(index), &number))
		return false;
	of = (json_int_t)number;
	by = json_object_get(fields, WHOLE);
	if (missing < 0)
		return by && json_integer_value(by) > of;
	json_object_foreach(walked, field, value) named +=
		field[0] && json_integer_value(value) > of && !json_object_get(shown, field);
	return named >= missing;
}

static void note_failed(struct package_case *c, const char *index, json_int_t missing)
{
	if (missing < 0)
		package_note(c, AUDIT_FAILED, "content taken out",
			"entry %s: no retention entry in the package says that its content was "
			"destroyed",
			index);
	else
		package_note(c, AUDIT_FAILED, "content taken out",
			"entry %s: %lld of its fields are not shown, and the retention entries in "
			"the package do not say so",
			index, (long long)missing);
}

void package_taken_close(struct package_case *c)
{
	size_t whole = 0, fields = 0, shown = 0;
	const char *index;
	json_t *value;

	json_object_foreach(c->taken, index, value)
	{
		json_int_t missing = json_integer_value(json_array_get(value, 0));

		if (!is_said(c, index, missing, json_array_get(value, 1))) {
			if (shown++ < SHOWN_MAX)
				note_failed(c, index, missing);
			continue;
		}
		whole += missing < 0;
		fields += missing < 0 ? 0 : (size_t)missing;
	}
	c->audit->redacted_count = fields;
	if (whole > 0)
		package_note(c, AUDIT_NOT_CHECKED, "content taken out",
			"the content of %zu entries was destroyed, as ledger entries say: that "
			"they were made is all that is known",
			whole);
	if (fields > 0)
		package_note(c, AUDIT_NOT_CHECKED, "content taken out",
			"%zu fields were taken out of entries, as ledger entries say", fields);
}

void package_taken_release(struct package_case *c)
{
	json_decref(c->taken);
	json_decref(c->said_taken);
}
