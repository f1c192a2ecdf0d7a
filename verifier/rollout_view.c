/* SPDX-License-Identifier: Apache-2.0 */
/* A rollout as its routes show it. */
#include "verifier/rollouts.h"

#include "base/text.h"

static const char *const readiness_names[] = {
	[ROLLOUT_BREACHED] = "breached",
	[ROLLOUT_UNTRIED] = "untried",
	[ROLLOUT_SOAKING] = "soaking",
	[ROLLOUT_READY] = "ready",
};

/* Digest, name and version, as published. */
static bool release_json(
	struct sql *sql, const uint8_t digest[SHA256_LEN], json_t **ret, struct err *err)
{
	OWNED(release_row_release) struct release_row row = {0};
	char hex[2 * SHA256_LEN + 1];
	bool found = false;
	if (!release_get(sql, digest, &row, &found, err))
		return false;
	hex_encode(bytes_of(digest, SHA256_LEN), hex);
	*ret = json_pack("{s:s, s:s, s:s, s:s}", "digest", hex, "name", row.name, "version",
		row.release_version, "state", release_state_name(row.state));
	return *ret ? true : err_set(err, ERR_NOMEM, "rollout");
}

struct canary {
	const struct rollout_row *row;
	int64_t active, inside;
	json_t *ids; /* NULL: not asked for */
};

static bool host_placed(void *arg, const uint8_t id[HOST_ID_LEN], struct err *err)
{
	struct canary *c = arg;
	char hex[2 * HOST_ID_LEN + 1];
	uint64_t place = 0;
	if (!rollout_place(c->row->id, id, &place, err))
		return false;
	c->active++;
	if (!rollout_place_within(place, c->row->plan.share))
		return true;
	c->inside++;
	hex_encode(bytes_of(id, HOST_ID_LEN), hex);
	return !c->ids || json_array_size(c->ids) >= ROLLOUT_HOSTS_MAX ||
	       json_array_append_new(c->ids, json_string(hex)) == 0 ||
	       err_set(err, ERR_NOMEM, "hosts");
}

static bool event_shown(void *arg, const struct rollout_event *e, struct err *err)
{
	char time[TIME_TEXT_MAX], share[ROLLOUT_SHARE_TEXT];
	return json_array_append_new(arg,
		       json_pack("{s:s, s:s, s:s, s:s, s:s}", "time", time_json(e->time, time),
			       "event", e->event, "canary", rollout_share_format(e->share, share),
			       "by", e->by, "reason", e->reason)) == 0 ||
	       err_set(err, ERR_NOMEM, "history");
}

static json_t *limit_json(const struct rollout_limit *limit)
{
	char share[ROLLOUT_SHARE_TEXT];
	if (limit->count > 0)
		return json_sprintf("%u", limit->count);
	return limit->share > 0 ? json_string(rollout_share_format(limit->share, share))
				: json_null();
}

static json_t *plan_json(const struct rollout_plan *p)
{
	return json_pack("{s:I, s:I, s:b, s:o, s:o, s:I}", "soak", (json_int_t)p->soak, "drain",
		(json_int_t)p->drain, "automatic", (int)p->automatic, "abort_on_refusals",
		limit_json(&p->refusals), "abort_on_failures", limit_json(&p->failures), "sample",
		(json_int_t)p->sample);
}

static json_t *counts_json(const struct rollout_counts *c)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "decisions", (json_int_t)c->decisions,
		"refusals", (json_int_t)c->refusals, "launches", (json_int_t)c->launches, "ended",
		(json_int_t)c->ended, "failures", (json_int_t)c->failures, "unknown",
		(json_int_t)c->unknown);
}

/* Whether it could be promoted by the rules; null once it runs no more. */
static json_t *ready_json(const struct rollout_row *row, int64_t now)
{
	if (row->state != ROLLOUT_RUNNING)
		return json_null();
	return json_string(
		readiness_names[rollout_ready(&row->plan, &row->counts, row->soak_from, now)]);
}

static json_t *row_json(const struct rollout_row *row, int64_t now)
{
	char id[2 * ROLLOUT_ID_LEN + 1], share[ROLLOUT_SHARE_TEXT];
	char started[TIME_TEXT_MAX], changed[TIME_TEXT_MAX], drained[TIME_TEXT_MAX];
	const struct rollout_view view = rollout_view_of(row);
	int64_t left = row->state == ROLLOUT_RUNNING
			       ? rollout_soak_left(&row->plan, row->soak_from, now)
			       : 0;
	hex_encode(BYTES_OF(row->id), id);
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:o, s:o, s:o}", "workload",
		row->workload, "rollout", id, "state", rollout_state_name(row->state), "canary",
		rollout_share_format(row->plan.share, share), "started",
		time_json(row->started, started), "changed", time_json(row->changed, changed),
		"drained",
		row->state == ROLLOUT_PROMOTED ? time_json(rollout_drained(&view), drained) : "",
		"soak_left", (json_int_t)left, "promotion", ready_json(row, now), "plan",
		plan_json(&row->plan), "counts", counts_json(&row->counts));
}

static bool add(json_t *view, const char *key, json_t *value, struct err *err)
{
	return json_object_set_new(view, key, value) == 0 || err_set(err, ERR_NOMEM, "rollout");
}

bool rollout_show(struct sql *sql, const struct rollout_row *row, int64_t now, bool hosts,
	json_t **ret, struct err *err)
{
	OWNED(json_release) json_t *view = row_json(row, now);
	OWNED(json_release) json_t *ids = hosts ? json_array() : NULL;
	OWNED(json_release) json_t *history = json_array();
	json_t *new = NULL, *old = NULL;
	struct canary canary = {.row = row, .ids = ids};
	int64_t seen = 0;
	if (!view || !history || (hosts && !ids))
		return err_set(err, ERR_NOMEM, "rollout");
	if (!release_json(sql, row->release_new, &new, err) || !add(view, "release", new, err) ||
		!release_json(sql, row->release_old, &old, err) || !add(view, "from", old, err) ||
		!hosts_active_each(sql, host_placed, &canary, err) ||
		!rollout_hosts_seen(sql, row->id, &seen, err) ||
		!rollout_events_each(sql, row->id, event_shown, history, err) ||
		!add(view, "history", json_incref(history), err) ||
		!add(view, "hosts",
			json_pack("{s:I, s:I, s:I}", "active", (json_int_t)canary.active, "canary",
				(json_int_t)canary.inside, "seen", (json_int_t)seen),
			err) ||
		(hosts && !add(view, "canary_hosts", json_incref(ids), err)))
		return false;
	*ret = TAKE(view);
	return true;
}
