/* SPDX-License-Identifier: Apache-2.0 */
/* An elevation begun and ended: row, credentials and ledger move together, inside one job. */
#include "verifier/elevations.h"

#include "base/text.h"

#define BY_ITSELF "verifier"

static const struct {
	const char *name, *event;
} states[] = {
	[ELEVATION_NONE] = {"none", ""},
	[ELEVATION_ASKED] = {"asked", "elevation-asked"},
	[ELEVATION_IN_FORCE] = {"in-force", "elevation-begun"},
	[ELEVATION_DENIED] = {"denied", "elevation-denied"},
	[ELEVATION_LAPSED] = {"lapsed", "elevation-lapsed"},
	[ELEVATION_ENDED] = {"ended", "elevation-ended"},
	[ELEVATION_REVOKED] = {"revoked", "elevation-revoked"},
};

const char *elevation_state_name(enum elevation_state state)
{
	return (size_t)state < ARRAY_LEN(states) ? states[state].name : "unknown";
}

/* ---- the end ---- */

static json_t *end_json(const struct elevation_row *row, const struct elevation_end *end)
{
	char id[2 * ELEVATION_ID_LEN + 1], statement[2 * SHA256_LEN + 1] = "";
	char began[TIME_TEXT_MAX];
	hex_encode(BYTES_OF(row->id), id);
	if (end->statement)
		hex_encode(bytes_of(end->statement, SHA256_LEN), statement);
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "event", states[end->to].event,
		"elevation", id, "workload", row->workload, "right", row->right, "began",
		time_json(row->activated, began), "reason", end->why, "by", end->by, "statement",
		statement);
}

bool elevation_finish(struct app *app, struct store_tx *tx, struct elevation_row *row,
	const struct elevation_end *end, struct err *err)
{
	enum elevation_state from = row->state;
	row->state = end->to;
	row->ended = row->until > 0 && row->until < end->now ? row->until : end->now;
	(void)snprintf(row->why, sizeof(row->why), "%s", end->why);
	return elevation_update(tx->sql, row, from, err) &&
	       credentials_revoke_elevation(tx->sql, BYTES_OF(row->id), end->now, err) &&
	       entry_append(app, tx, LEAF_ELEVATION, end->now, end_json(row, end), err);
}

/* ---- the beginning ---- */

bool elevation_room(struct sql *sql, const struct elevation_row *row,
	const struct policy_elevation *rule, int64_t now, struct err *err)
{
	char until[TIME_TEXT_MAX];
	unsigned in_force = 0;
	int64_t ended = 0;
	if (!elevations_count(sql, row, &in_force, &ended, err))
		return false;
	if (in_force >= rule->at_once)
		return err_set(err, ERR_CONFLICT,
			"elevation %s: %u in force for workload %s: at most %u at one time",
			row->right, in_force, row->workload, rule->at_once);
	return ended == 0 || now >= ended + rule->cool_down ||
	       err_set(err, ERR_CONFLICT,
		       "elevation %s: the last one of workload %s is cooling down until %s",
		       row->right, row->workload, time_format(ended + rule->cool_down, until));
}

static json_t *digests_json(const struct elevation *elevation)
{
	OWNED(json_release) json_t *list = json_array();
	char hex[2 * SHA256_LEN + 1];
	uint8_t digest[SHA256_LEN];
	for (size_t i = 0; i < elevation->approval_count; i++) {
		if (!sha256_of(buf_bytes(&elevation->approvals[i]), digest, NULL))
			return NULL;
		hex_encode(BYTES_OF(digest), hex);
		if (json_array_append_new(list, json_string(hex)) != 0)
			return NULL;
	}
	return TAKE(list);
}

static json_t *begin_json(const struct elevation_row *row, const struct elevation *elevation,
	const struct elevation_judgement *judgement)
{
	const struct elevation_request *r = elevation->request;
	char id[2 * ELEVATION_ID_LEN + 1], request[2 * SHA256_LEN + 1], until[TIME_TEXT_MAX];
	hex_encode(BYTES_OF(row->id), id);
	hex_encode(BYTES_OF(r->digest), request);
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:o}", "event",
		states[ELEVATION_IN_FORCE].event, "elevation", id, "workload", row->workload,
		"right", row->right, "request", request, "reason", r->reason, "requester",
		r->requester, "approved_by", judgement->persons, "until",
		time_format(row->until, until), "approvals", digests_json(elevation));
}

bool elevation_begin(struct app *app, struct store_tx *tx, struct elevation_row *row,
	const struct elevation *elevation, const struct elevation_judgement *judgement, int64_t now,
	struct err *err)
{
	row->state = ELEVATION_IN_FORCE;
	row->activated = now;
	row->until = judgement->until;
	memcpy(row->policy, tx->policy, sizeof(row->policy));
	return entry_append_leaf(app, tx, LEAF_ELEVATION, now,
		       begin_json(row, elevation, judgement), row->activation, err) &&
	       elevation_update(tx->sql, row, ELEVATION_ASKED, err);
}

/* ---- by itself ---- */

/* NULL: it goes on. */
static const char *over(const struct elevation_row *row, const struct policy_class *class,
	int64_t now, struct elevation_end *end)
{
	const struct policy_elevation *rule =
		class ? policy_elevation_find(class, bytes_str(row->right)) : NULL;
	bool asked = row->state == ELEVATION_ASKED;
	*end = (struct elevation_end){
		.to = asked ? ELEVATION_LAPSED : ELEVATION_ENDED, .by = BY_ITSELF, .now = now};
	if (asked && now >= row->lapses)
		return "not approved in time";
	if (!asked && now >= row->until)
		return "its time is over";
	if (!rule)
		return "no longer lent by the policy";
	if (memcmp(rule->clause, row->clause, SHA256_LEN) != 0)
		return "lent on other terms by the policy";
	return NULL;
}

/* By another policy than before: whether the approvals still suffice. */
static bool review(struct app *app, struct store_tx *tx, const struct policy *policy,
	const struct policy_class *class, struct elevation_row *row, int64_t now, struct err *err)
{
	OWNED(elevation_row_release) struct elevation_row whole = {0};
	OWNED(elevation_release) struct elevation elevation = {0};
	struct elevation_end end = {.to = ELEVATION_ENDED, .by = BY_ITSELF, .now = now};
	struct elevation_judgement j;
	bool found = false;
	/* Back behind its beginning, the clock says nothing. */
	int64_t from = row->activated < now ? row->activated : now;
	if (!elevation_get(tx->sql, row->id, &whole, &found, err) ||
		!elevation_open(tx->sql, &whole, &elevation, err) ||
		!elevation_judge(policy, class, &elevation, from, now, &j, err))
		return false;
	if (!j.holds) {
		end.why = j.why;
		return elevation_finish(app, tx, row, &end, err);
	}
	memcpy(row->policy, policy->digest, sizeof(row->policy));
	return elevation_update(tx->sql, row, ELEVATION_IN_FORCE, err);
}

static bool is_other(const struct elevation_row *row, const struct policy *policy)
{
	return row->state == ELEVATION_IN_FORCE &&
	       memcmp(row->policy, policy->digest, SHA256_LEN) != 0;
}

#define SETTLE_MAX  (ELEVATIONS_ASKED_MAX + 64u)
#define SETTLE_PAGE 64u

static bool settle_rows(struct app *app, struct store_tx *tx, const struct policy *policy,
	struct bytes workload, struct elevation_row *rows, size_t count, int64_t now,
	struct err *err)
{
	struct workload_row register_row;
	bool found = false;
	if (!workload_get(tx->sql, workload, &register_row, &found, err))
		return false;
	const struct policy_class *class =
		found ? policy_class_find(policy, bytes_str(register_row.risk_class)) : NULL;
	for (size_t i = 0; i < count; i++) {
		struct elevation_end end;
		end.why = over(&rows[i], class, now, &end);
		if (end.why ? !elevation_finish(app, tx, &rows[i], &end, err)
			    : is_other(&rows[i], policy) &&
					!review(app, tx, policy, class, &rows[i], now, err))
			return false;
	}
	return true;
}

bool elevations_settle_in(struct app *app, struct store_tx *tx, const struct policy *policy,
	struct bytes workload, int64_t now, struct err *err)
{
	struct elevation_row rows[SETTLE_MAX];
	size_t count = 0;
	return elevations_open(tx->sql, workload, rows, ARRAY_LEN(rows), &count, err) &&
	       (count == 0 || settle_rows(app, tx, policy, workload, rows, count, now, err));
}

struct settling {
	struct app *app;
	struct policy_ref *policy;
	struct bytes workload;
	int64_t now;
};

static bool settle_work(struct store_tx *tx, void *arg, struct err *err)
{
	const struct settling *s = arg;
	if (memcmp(tx->policy, s->policy->policy->digest, SHA256_LEN) != 0)
		return true; /* whoever comes next does it, by that policy */
	return elevations_settle_in(s->app, tx, s->policy->policy, s->workload, s->now, err);
}

/* Whether anything is over, without a job. */
static bool due(const struct settling *s, struct sql *sql, bool *ret, struct err *err)
{
	struct elevation_row rows[SETTLE_MAX];
	struct workload_row workload;
	struct elevation_end end;
	size_t count = 0;
	bool found = false;
	*ret = false;
	if (!elevations_open(sql, s->workload, rows, ARRAY_LEN(rows), &count, err))
		return false;
	if (count == 0)
		return true;
	if (!workload_get(sql, s->workload, &workload, &found, err))
		return false;
	const struct policy_class *class =
		policy_class_find(s->policy->policy, bytes_str(workload.risk_class));
	for (size_t i = 0; i < count; i++)
		*ret = *ret || over(&rows[i], class, s->now, &end) ||
		       is_other(&rows[i], s->policy->policy);
	return true;
}

bool elevations_settle(struct app *app, struct bytes workload, struct err *err)
{
	OWNED(policy_ref_drop) struct policy_ref *policy = app_policy(app);
	struct settling s = {app, policy, workload, clock_wall(app->clock)};
	struct sql *sql = NULL;
	bool wanted = false;
	if (!store_read(app->store, &sql, err))
		return false;
	bool ok = due(&s, sql, &wanted, err);
	store_read_done(app->store, &sql);
	return ok && (!wanted || store_run(app->store, settle_work, &s, err));
}

static void tell(const struct app *app, const char *workload, const struct err *err)
{
	log_event(&app->log, LOG_LEVEL_WARNING, "elevations-not-settled",
		{"workload", bytes_str(workload)}, {"code", bytes_str(err_code_name(err->code))},
		{"error", bytes_str(err->text)});
}

/* Those after a name, in its order; *ret_count less than SETTLE_PAGE: there are no more. */
static bool due_page(struct app *app, const char *after, char names[][ROW_NAME_MAX],
	size_t *ret_count, struct err *err)
{
	OWNED(policy_ref_drop) struct policy_ref *policy = app_policy(app);
	struct sql *sql = NULL;
	if (!store_read(app->store, &sql, err))
		return false;
	bool ok = elevations_due(sql, policy->policy->digest, clock_wall(app->clock), after, names,
		SETTLE_PAGE, ret_count, err);
	store_read_done(app->store, &sql);
	return ok;
}

/* What fails for one workload is told, and the others have theirs. */
void elevations_settle_all(struct app *app)
{
	char names[SETTLE_PAGE][ROW_NAME_MAX], after[ROW_NAME_MAX] = "";
	size_t count = SETTLE_PAGE;
	while (count == SETTLE_PAGE) {
		struct err err = {0};
		if (!due_page(app, after, names, &count, &err)) {
			tell(app, "", &err);
			return;
		}
		for (size_t i = 0; i < count; i++) {
			struct err why = {0};
			if (elevations_settle(app, bytes_str(names[i]), &why))
				continue;
			tell(app, names[i], &why);
			if (!store_ready(app->store))
				return;
		}
		if (count > 0)
			memcpy(after, names[count - 1], sizeof(after));
	}
}
