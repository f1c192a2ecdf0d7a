/* SPDX-License-Identifier: Apache-2.0 */
/* Routes about retention: what counts now and what comes, and a sweep that somebody asks for. */
#include "verifier/retention.h"

#include "base/text.h"

#include <stdlib.h>

/* ---- status ---- */

struct status {
	struct call *call;
	struct sql *sql;
	int64_t now;
	bool clock_right;
	struct err clock_why;
	struct retention_state state;
	struct retention_counts counts;
	struct retention_rules rules;
	struct holds *holds;
	struct policy_seen seen[POLICIES_SEEN_MAX];
	size_t seen_count;
	bool whole;
};

static bool status_load(struct status *s, struct err *err)
{
	const struct app *app = s->call->app;
	int64_t grace = app->config.retention_grace;
	s->clock_right = retention_now(app->retention, s->sql, &s->now, &s->clock_why);
	if (!s->clock_right)
		s->now = clock_wall(app->clock);
	return retention_state_get(s->sql, &s->state, err) &&
	       retention_count(s->sql, &s->counts, err) &&
	       policies_seen(s->sql, s->now - grace, s->seen, &s->seen_count, &s->whole, err) &&
	       retention_rules_load(s->sql, s->now, grace, &s->rules, err) &&
	       holds_load(s->sql, s->now, grace, s->holds, err);
}

/* Seconds; for ever is null. */
static json_t *keep_json(int64_t keep)
{
	return keep == RETENTION_FOREVER ? json_null() : json_integer((json_int_t)keep);
}

static json_t *times_json(const struct retention_rules *rules, struct bytes class)
{
	return json_pack("{s:o, s:o, s:o}", "launch",
		keep_json(rules_of_decision(rules, class, RETENTION_LAUNCH)), "renew",
		keep_json(rules_of_decision(rules, class, RETENTION_RENEW)), "refused",
		keep_json(rules_of_decision(rules, class, RETENTION_REFUSED)));
}

static json_t *classes_json(const struct retention_rules *rules)
{
	json_t *classes = json_object();
	for (size_t i = 0; classes && i < rules->count; i++)
		for (size_t k = 0; k < rules->list[i]->retention.class_count; k++) {
			const char *name = rules->list[i]->retention.classes[k].name;
			if (json_object_set_new(
				    classes, name, times_json(rules, bytes_str(name))) != 0) {
				json_decref(classes);
				return NULL;
			}
		}
	return classes;
}

static json_t *entries_json(const struct retention_rules *rules)
{
	json_t *entries = json_object();
	for (size_t i = 0; entries && i < RETENTION_ENTRY_KINDS; i++)
		if (json_object_set_new(entries, retention_entries[i].name,
			    keep_json(rules_of_entry(rules, retention_entries[i].leaf_type))) !=
			0) {
			json_decref(entries);
			return NULL;
		}
	return entries;
}

/* The policies whose times count, and from when the newest counts alone. */
static json_t *policies_json(const struct status *s)
{
	json_t *list = json_array();
	char seen[TIME_TEXT_MAX], alone[TIME_TEXT_MAX];
	int64_t grace = s->call->app->config.retention_grace;
	for (size_t i = 0; list && i < s->seen_count; i++)
		if (json_array_append_new(list,
			    json_pack("{s:I, s:s, s:s}", "version", (json_int_t)s->seen[i].version,
				    "seen", time_json(s->seen[i].seen, seen), "alone_from",
				    i == 0 ? time_json(s->seen[i].seen + grace, alone) : "")) !=
			0) {
			json_decref(list);
			return NULL;
		}
	return list;
}

static json_t *status_json(const struct status *s)
{
	char now[TIME_TEXT_MAX], last[TIME_TEXT_MAX], finished[TIME_TEXT_MAX];
	return json_pack(
		"{s:s, s:s, s:s, s:s, s:b, s:I, s:o, s:o, s:o, s:o, s:I, s:I, s:I, s:I, s:I}",
		"time", time_json(s->now, now), "clock",
		s->clock_right ? "right" : s->clock_why.text, "last_sweep",
		time_json(s->state.time, last), "last_finished",
		time_json(s->state.finished, finished), "destroys",
		(int)(s->clock_right && !rules_say_nothing(&s->rules)), "grace",
		(json_int_t)s->call->app->config.retention_grace, "policies", policies_json(s),
		"decisions", times_json(&s->rules, (struct bytes){0}), "risk_classes",
		classes_json(&s->rules), "entries", entries_json(&s->rules), "holds",
		(json_int_t)s->holds->count, "records", (json_int_t)s->counts.records,
		"records_destroyed", (json_int_t)s->counts.records_gone, "entries_total",
		(json_int_t)s->counts.entries, "entries_destroyed",
		(json_int_t)s->counts.entries_gone);
}

static void status_free(struct status **s)
{
	if (!*s)
		return;
	retention_rules_release(&(*s)->rules);
	free((*s)->holds);
	free(*s);
	*s = NULL;
}

bool serve_retention(struct call *call, struct err *err)
{
	OWNED(status_free) struct status *s = calloc(1, sizeof(*s));
	if (!s)
		return err_set(err, ERR_NOMEM, "retention");
	s->call = call;
	s->holds = calloc(1, sizeof(*s->holds));
	if (!s->holds)
		return err_set(err, ERR_NOMEM, "retention");
	if (!call_read(call, &s->sql, err))
		return false;
	bool ok = status_load(s, err);
	store_read_done(call->app->store, &s->sql);
	return ok && call_json(call, 200, status_json(s), err);
}

/* ---- a sweep ---- */

static bool request_read(
	struct call *call, json_t *body, struct sweep_request *ret, struct err *err)
{
	static const char *const keys[] = {"dry_run", "accept_clock", "reason", NULL};
	struct json_fields f = json_fields_of("body");
	json_only_keys(&f, body, keys);
	ret->told = true;
	ret->dry = json_want_bool(&f, body, "dry_run", false);
	ret->accept_clock = json_want_bool(&f, body, "accept_clock", false);
	ret->by = call->who.uri;
	ret->reason = json_want_str(&f, body, "reason", ROW_TEXT_MAX - 1);
	if (!ret->reason)
		ret->reason = "";
	if (ret->accept_clock && !ret->reason[0])
		json_fields_fail(&f, "reason", "say why the clock is right");
	if (ret->accept_clock && ret->dry)
		json_fields_fail(&f, "accept_clock", "a dry run changes nothing");
	return json_fields_ok(&f, err);
}

bool serve_retention_sweep(struct call *call, struct err *err)
{
	OWNED(json_release) json_t *body = NULL;
	struct sweep_request request = {0};
	struct sweep_result result;
	if (!call_body_json(call, &body, err) || !request_read(call, body, &request, err) ||
		!retention_sweep(call->app->retention, &request, &result, err))
		return false;
	if (!request.dry)
		call_log(call, "retention-sweep", (struct bytes){0}, bytes_str(request.reason));
	json_t *answer = json_pack("{s:b, s:O, s:O, s:O, s:b}", "dry_run", (int)request.dry,
		"records", result.gone.records, "objects", result.gone.objects, "entries",
		result.gone.entries, "more", (int)result.more);
	gone_list_release(&result.gone);
	return call_json(call, 200, answer, err);
}
