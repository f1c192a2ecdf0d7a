/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier/register.h"

#include "base/text.h"
#include "policy/control_map.h"
#include "verifier/floors.h"
#include "verifier/rollouts.h"

#define INTERVAL_MAX (100 * 366 * (int64_t)86400)

/* ---- reading ---- */

static bool party_ok(const json_t *party)
{
	const char *name = json_string_value(json_object_get(party, "name"));
	const char *place = json_string_value(json_object_get(party, "jurisdiction"));
	if (json_object_size(party) != 2 || !name || !place)
		return false;
	for (const char *at = name; *at; at++)
		if ((unsigned char)*at < 0x20 || *at == 0x7f)
			return false;
	return name[0] && strlen(name) <= REGISTER_PARTY_LEN && strlen(place) == 2 &&
	       place[0] >= 'A' && place[0] <= 'Z' && place[1] >= 'A' && place[1] <= 'Z';
}

static bool listed_before(const json_t *list, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (json_equal(json_array_get(list, k), json_array_get(list, i)))
			return true;
	return false;
}

static void keep_list(
	struct json_fields *f, const char *key, const json_t *list, char out[ROW_FACTS_MAX])
{
	OWNED(buf_release) struct buf text = {0};
	if (f->why)
		return;
	if (!json_write(list, false, &text, NULL) || text.len >= ROW_FACTS_MAX)
		json_fields_fail(f, key, "more than 4096 bytes");
	else
		(void)snprintf(out, ROW_FACTS_MAX, "%.*s", (int)text.len, (char *)text.data);
}

static void read_controls(struct json_fields *f, const json_t *body, struct workload_row *row)
{
	const json_t *list = json_want_array(f, body, "controls", REGISTER_CONTROLS_MAX);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *id = json_array_get(list, i);
		if (!control_id_ok(bytes_of(json_string_value(id), json_string_length(id))))
			json_fields_fail(f, "controls",
				"expected control ids of 1 to 64 letters, digits and . _ - / : ( "
				")");
		else if (listed_before(list, i))
			json_fields_fail(f, "controls", "a control is given twice");
	}
	if (list)
		keep_list(f, "controls", list, row->controls);
}

static void read_parties(struct json_fields *f, const json_t *body, struct workload_row *row)
{
	const json_t *list = json_want_array(f, body, "third_parties", REGISTER_PARTIES_MAX);
	for (size_t i = 0; i < json_array_size(list); i++) {
		if (!party_ok(json_array_get(list, i)))
			json_fields_fail(f, "third_parties",
				"expected name (1 to 128 bytes) and jurisdiction (two capital "
				"letters)");
		else if (listed_before(list, i))
			json_fields_fail(f, "third_parties", "a third party is given twice");
	}
	if (list)
		keep_list(f, "third_parties", list, row->third_parties);
}

void register_read_facts(
	struct json_fields *f, const json_t *body, struct workload_row *row, int64_t *ret_next)
{
	const char *unit = json_want_str(f, body, "unit", ROW_TEXT_MAX - 1);
	const char *next = json_want_str(f, body, "next_review", TIME_TEXT_MAX);
	if (unit)
		(void)snprintf(row->unit, sizeof(row->unit), "%s", unit);
	read_controls(f, body, row);
	read_parties(f, body, row);
	row->review_interval =
		json_want_int(f, body, "review_interval", 0, INTERVAL_MAX, row->review_interval);
	*ret_next = 0;
	if (next && !time_parse(bytes_str(next), ret_next, NULL))
		json_fields_fail(f, "next_review", "expected a form like 2027-06-01T00:00:00Z");
}

bool register_set_next(struct workload_row *row, const struct policy_class *class, int64_t given,
	int64_t now, struct err *err)
{
	char latest[TIME_TEXT_MAX];
	int64_t every = class ? class->review_every : 0;
	int64_t interval = row->review_interval > 0 ? row->review_interval : every;
	if (every > 0 && row->review_interval > every)
		return err_set(err, ERR_FORMAT,
			"body: review_interval: risk class %s asks for a review every %lld s",
			row->risk_class, (long long)every);
	if (given > 0 && given <= now)
		return err_set(err, ERR_FORMAT, "body: next_review: must lie ahead");
	if (every > 0 && given > now + every)
		return err_set(err, ERR_FORMAT,
			"body: next_review: risk class %s asks for a review by %s", row->risk_class,
			time_format(now + every, latest));
	row->review_next = given > 0 ? given : interval > 0 ? now + interval : 0;
	return true;
}

/* ---- showing ---- */

static json_t *list_json(const char *text)
{
	json_t *list = NULL;
	return json_open(bytes_str(text), ROW_FACTS_MAX, &list, NULL) ? list : NULL;
}

json_t *register_entry(const struct workload_row *row)
{
	char created[TIME_TEXT_MAX], reviewed[TIME_TEXT_MAX], next[TIME_TEXT_MAX];
	return json_pack(
		"{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:I, s:s, s:s, s:s, s:s}",
		"name", row->name, "risk_class", row->risk_class, "environment", row->environment,
		"owner", row->owner, "purpose", row->purpose, "state",
		workload_state_name(row->state), "created", time_json(row->created, created),
		"unit", row->unit, "controls", list_json(row->controls), "third_parties",
		list_json(row->third_parties), "review_interval", (json_int_t)row->review_interval,
		"reviewed", time_json(row->reviewed, reviewed), "reviewed_by", row->reviewer,
		"review_reason", row->review_reason, "next_review",
		time_json(row->review_next, next));
}

struct seen_releases {
	const uint8_t *in_force; /* what a rollout left; NULL: the newest published */
	json_t *current, *previous; /* owned; current NULL until seen */
};

static bool is_current(const struct seen_releases *seen, const struct release_row *row)
{
	return !seen->current && row->state == RELEASE_PUBLISHED &&
	       (!seen->in_force || memcmp(row->digest, seen->in_force, SHA256_LEN) == 0);
}

static void seen_releases_release(struct seen_releases *seen)
{
	json_decref(seen->current);
	json_decref(seen->previous);
}

static bool release_seen(void *arg, const struct release_row *row, struct err *err)
{
	struct seen_releases *seen = arg;
	char digest[2 * SHA256_LEN + 1], published[TIME_TEXT_MAX];
	hex_encode(BYTES_OF(row->digest), digest);
	json_t *release = json_pack("{s:s, s:s, s:s, s:s, s:s}", "digest", digest, "name",
		row->name, "version", row->release_version, "state", release_state_name(row->state),
		"published", time_json(row->published, published));
	if (!release)
		return err_set(err, ERR_NOMEM, "releases");
	if (is_current(seen, row))
		seen->current = release;
	else if (json_array_size(seen->previous) == REGISTER_RELEASES_MAX)
		json_decref(release);
	else if (json_array_append_new(seen->previous, release) != 0)
		return err_set(err, ERR_NOMEM, "releases");
	return true;
}

static json_t *review_json(const struct workload_row *row, const struct policy *policy, int64_t now)
{
	const struct context_workload reviewed = {
		.reviewed = row->reviewed, .review_next = row->review_next};
	struct review review = policy_review(
		policy_class_find(policy, bytes_str(row->risk_class)), &reviewed, now);
	char due[TIME_TEXT_MAX], refused[TIME_TEXT_MAX];
	return json_pack("{s:s, s:s, s:s}", "state", review_state_name(review.state), "due",
		time_json(review.due, due), "refused_from",
		time_json(review.refused_from, refused));
}

bool register_view(struct sql *sql, const struct workload_row *row, const struct policy *policy,
	int64_t now, json_t **ret, struct err *err)
{
	OWNED(json_release) json_t *view = register_entry(row);
	OWNED(seen_releases_release) struct seen_releases seen = {.previous = json_array()};
	OWNED(json_release) json_t *shown = NULL;
	struct floors floors;
	struct rollout_row rollout;
	bool rolled = false;
	if (!view || !seen.previous)
		return err_set(err, ERR_NOMEM, "workload %s", row->name);
	if (!rollout_last(sql, bytes_str(row->name), &rollout, &rolled, err))
		return false;
	seen.in_force = rolled ? rollout_in_force(&rollout) : NULL;
	if (!releases_each(sql, bytes_str(row->name), release_seen, &seen, err) ||
		!floors_load(sql, bytes_str(row->name), NULL, &floors, err))
		return false;
	shown = floors_json(&floors);
	if (!shown || json_object_update(view, shown) != 0 ||
		json_object_set_new(view, "review", review_json(row, policy, now)) != 0 ||
		json_object_set(
			view, "current_release", seen.current ? seen.current : json_null()) != 0 ||
		json_object_set(view, "previous_releases", seen.previous) != 0)
		return err_set(err, ERR_NOMEM, "workload %s", row->name);
	*ret = TAKE(view);
	return true;
}
