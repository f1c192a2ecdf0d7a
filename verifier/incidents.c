/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier/incidents.h"

#include "base/text.h"

#include <stdio.h>

void incident_release(struct incident *incident)
{
	json_decref(incident->opened);
	json_decref(incident->steps);
	memset(incident, 0, sizeof(*incident));
}

/* What the step says, and where it stands. */
static json_t *step_json(const struct ledger_entry *entry)
{
	char id[2 * SHA256_LEN + 1], time[TIME_TEXT_MAX];
	OWNED(json_release)
	json_t *step =
		entry->said ? json_incref(entry->said) : json_pack("{s:s}", "step", "destroyed");
	hex_encode(BYTES_OF(entry->id), id);
	if (!step || json_object_del(step, "event") > 0 ||
		json_object_set_new(step, "entry", json_integer((json_int_t)entry->index)) != 0 ||
		json_object_set_new(step, "id", json_string(id)) != 0 ||
		json_object_set_new(step, "time", json_string(time_format(entry->time, time))) != 0)
		return NULL;
	return TAKE(step);
}

static bool step_visited(void *arg, struct ledger_entry *entry, struct err *err)
{
	struct incident *i = arg;
	json_t *step = step_json(entry);
	const char *name = json_string_value(json_object_get(step, "step"));
	if (!step || json_array_append_new(i->steps, step) != 0)
		return err_set(err, ERR_NOMEM, "incident");
	if (!i->opened)
		i->opened = json_incref(step);
	i->closed = name && strcmp(name, "closed") == 0;
	i->step_count++;
	return true;
}

bool incident_load(struct sql *sql, const char *id, struct incident *ret, struct err *err)
{
	OWNED(incident_release) struct incident incident = {.steps = json_array()};
	struct entry_filter filter = {.kind = SUBJECT_INCIDENT,
		.subject = bytes_str(id),
		.type = LEAF_INCIDENT,
		.end = INT64_MAX,
		.limit = INCIDENT_STEPS_MAX,
		.bytes_max = SIZE_MAX};
	uint64_t next = 0;
	if (!incident.steps)
		return err_set(err, ERR_NOMEM, "incident");
	(void)snprintf(incident.id, sizeof(incident.id), "%s", id);
	if (!entries_each(sql, &filter, step_visited, &incident, &next, err))
		return false;
	*ret = TAKE_STRUCT(incident);
	return true;
}

json_t *incident_json(const struct incident *i)
{
	static const char *const names[] = {
		"title", "severity", "host", "workload", "release", "time", "by"};
	OWNED(json_release)
	json_t *view = json_pack("{s:s, s:s, s:O}", "incident", i->id, "state",
		i->closed ? "closed" : "open", "steps", i->steps);
	for (size_t n = 0; view && n < ARRAY_LEN(names); n++) {
		json_t *value = json_object_get(i->opened, names[n]);
		const char *as = strcmp(names[n], "time") == 0 ? "opened"
				 : strcmp(names[n], "by") == 0 ? "opened_by"
							       : names[n];
		if (value && json_object_set(view, as, value) != 0)
			return NULL;
	}
	return TAKE(view);
}
