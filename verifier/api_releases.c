/* SPDX-License-Identifier: Apache-2.0 */
/* Routes about releases and approvals. What is published must be signed by somebody the policy
 * names, at the time it comes in; whether it suffices is judged anew at every decision. */
#include "verifier/floors.h"
#include "verifier/rollouts.h"

#include "base/text.h"
#include "crypto/dsse.h"
#include "policy/checklist.h"
#include "verifier/leases.h"

#include <stdlib.h>

/* ---- what the policy says of a release ---- */

struct judged {
	struct verdict *verdict;
	struct checklist *list;
	struct release *release;
};

static void judged_release(struct judged *j)
{
	free(j->verdict);
	free(j->list);
	release_free(&j->release);
}

static bool judge(
	struct call *call, const struct release_input *input, struct judged *ret, struct err *err)
{
	OWNED(policy_ref_drop) struct policy_ref *policy = app_policy(call->app);
	ret->verdict = calloc(1, sizeof(*ret->verdict));
	ret->list = calloc(1, sizeof(*ret->list));
	if (!ret->verdict || !ret->list)
		return err_set(err, ERR_NOMEM, "release");
	if (!release_checklist(input, policy->policy, clock_wall(call->app->clock), ret->list,
		    ret->verdict, &ret->release, err))
		return false;
	verdict_conclude(ret->verdict);
	return true;
}

/* What stands against taking a release in; approvals may still come. */
static bool publishable(const struct judged *j, struct err *err)
{
	static const struct {
		enum reason_code reason;
		enum err_code code;
	} against[] = {
		{REASON_RELEASE_MALFORMED, ERR_FORMAT},
		{REASON_RELEASE_SIGNATURE, ERR_DENIED},
		{REASON_RISK_CLASS, ERR_DENIED},
	};
	for (size_t i = 0; i < j->verdict->reason_count; i++)
		for (size_t k = 0; k < ARRAY_LEN(against); k++) {
			const struct reason *r = &j->verdict->reasons[i];
			if (r->code == against[k].reason)
				return err_set(err, against[k].code,
					"%s: %s: expected %s, found %s", reason_code_name(r->code),
					r->subject, r->expected[0] ? r->expected : "-",
					r->actual[0] ? r->actual : "-");
		}
	return j->release ? true : err_set(err, ERR_FORMAT, "not a release");
}

/* ---- publishing ---- */

struct publishing {
	struct call *call;
	const struct release *release;
	struct release_row row;
	bool known;
};

static void publishing_release(struct publishing *p)
{
	release_row_release(&p->row);
}

static bool publish_store(struct publishing *p, struct store_tx *tx, struct err *err)
{
	char digest[2 * SHA256_LEN + 1];
	uint8_t object[SHA256_LEN];
	hex_encode(BYTES_OF(p->row.digest), digest);
	return sha256_of(buf_bytes(&p->row.envelope), object, err) &&
	       object_put(tx->sql, object, buf_bytes(&p->row.envelope), err) &&
	       release_insert(tx->sql, &p->row, err) && subjects_put(tx->sql, p->release, err) &&
	       entry_append(p->call->app, tx, LEAF_RELEASE, p->row.published,
		       json_pack("{s:s, s:s, s:s, s:s}", "event", "release", "digest", digest,
			       "workload", p->row.workload, "by", p->call->who.uri),
		       err);
}

static bool publish_work(struct store_tx *tx, void *arg, struct err *err)
{
	struct publishing *p = arg;
	struct workload_row workload;
	OWNED(release_row_release) struct release_row present = {0};
	bool found = false;
	if (!workload_get(tx->sql, bytes_str(p->row.workload), &workload, &found, err))
		return false;
	if (!found || workload.state != WORKLOAD_ACTIVE)
		return err_set(err, ERR_NOT_FOUND, "no active workload %s: register it first",
			p->row.workload);
	if (!bytes_equal_str(bytes_str(p->release->risk_class), workload.risk_class))
		return err_set(err, ERR_CONFLICT,
			"the release is of risk class %s, its workload of %s",
			ESC(bytes_str(p->release->risk_class)), workload.risk_class);
	if (!release_get(tx->sql, p->row.digest, &present, &p->known, err))
		return false;
	/* The same statement again, perhaps signed anew: it is published, and stays as it was first
	 * signed. */
	if (p->known && present.state == RELEASE_REVOKED)
		return err_set(err, ERR_CONFLICT, "this release was revoked");
	return p->known || publish_store(p, tx, err);
}

static bool publish_row(struct publishing *p, struct err *err)
{
	const struct release *r = p->release;
	struct release_row *row = &p->row;
	if (!text_is_name(bytes_str(r->workload)) || strlen(r->name) >= sizeof(row->name) ||
		strlen(r->version) >= sizeof(row->release_version))
		return err_set(err, ERR_FORMAT, "release: workload, name or version is too long");
	memcpy(row->digest, r->digest, sizeof(row->digest));
	(void)snprintf(row->workload, sizeof(row->workload), "%s", r->workload);
	(void)snprintf(row->name, sizeof(row->name), "%s", r->name);
	(void)snprintf(row->release_version, sizeof(row->release_version), "%s", r->version);
	row->published = clock_wall(p->call->app->clock);
	row->state = RELEASE_PUBLISHED;
	buf_put(&row->envelope, http_body(p->call->exchange));
	return buf_ok(&row->envelope, err);
}

static json_t *release_json(const struct release_row *row)
{
	char digest[2 * SHA256_LEN + 1], published[TIME_TEXT_MAX];
	hex_encode(BYTES_OF(row->digest), digest);
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "digest", digest, "name", row->name,
		"version", row->release_version, "workload", row->workload, "state",
		release_state_name(row->state), "published", time_json(row->published, published));
}

bool serve_release_publish(struct call *call, struct err *err)
{
	OWNED(judged_release) struct judged judged = {0};
	OWNED(publishing_release) struct publishing publishing = {.call = call};
	const struct release_input input = {.envelope = http_body(call->exchange)};
	if (!judge(call, &input, &judged, err) || !publishable(&judged, err))
		return false;
	publishing.release = judged.release;
	if (!publish_row(&publishing, err) ||
		!store_run(call->app->store, publish_work, &publishing, err))
		return false;
	char digest[2 * SHA256_LEN + 1];
	hex_encode(BYTES_OF(publishing.row.digest), digest);
	call_log(call, "release-published", bytes_str(digest), (struct bytes){0});
	return call_json(call, publishing.known ? 200 : 201, release_json(&publishing.row), err);
}

/* ---- looking ---- */

static bool release_visited(void *arg, const struct release_row *row, struct err *err)
{
	return json_array_append_new(arg, release_json(row)) == 0
		       ? true
		       : err_set(err, ERR_NOMEM, "releases");
}

bool serve_releases(struct call *call, struct err *err)
{
	OWNED(json_release) json_t *list = json_array();
	struct sql *sql = NULL;
	if (!list || !call_read(call, &sql, err))
		return list ? false : err_set(err, ERR_NOMEM, "releases");
	bool ok = releases_each(
		sql, bytes_str(http_query(call->exchange, "workload")), release_visited, list, err);
	store_read_done(call->app->store, &sql);
	return ok && call_json(call, 200, json_pack("{s:O}", "releases", list), err);
}

struct loaded {
	struct release_row release;
	struct workload_row workload;
	struct buf approvals[APPROVALS_MAX], statements[STATEMENTS_MAX];
	size_t count, statement_count;
	struct floors floors;
	struct rollout_row rollout; /* the workload's last one; zeroes: none */
};

static void loaded_free(struct loaded **l)
{
	if (!*l)
		return;
	release_row_release(&(*l)->release);
	for (size_t i = 0; i < (*l)->count; i++)
		buf_release(&(*l)->approvals[i]);
	for (size_t i = 0; i < (*l)->statement_count; i++)
		buf_release(&(*l)->statements[i]);
	free(*l);
	*l = NULL;
}

static bool load(
	struct call *call, const uint8_t digest[SHA256_LEN], struct loaded *l, struct err *err)
{
	struct sql *sql = NULL;
	bool found = false, workload = false, rolled = false;
	if (!call_read(call, &sql, err))
		return false;
	bool ok = release_get(sql, digest, &l->release, &found, err) &&
		  approvals_get(sql, digest, l->approvals, &l->count, err) &&
		  statements_get(sql, digest, l->statements, &l->statement_count, err) &&
		  workload_get(sql, bytes_str(l->release.workload), &l->workload, &workload, err) &&
		  (!found || floors_load(sql, bytes_str(l->release.workload), &l->release,
				     &l->floors, err)) &&
		  rollout_last(sql, bytes_str(l->release.workload), &l->rollout, &rolled, err);
	store_read_done(call->app->store, &sql);
	if (ok && !found)
		return err_set(err, ERR_NOT_FOUND, "no such release");
	return ok;
}

/* What the class asks of the workload's entry in the register. */
static bool judge_register(struct call *call, const struct workload_row *workload,
	const struct judged *judged, struct err *err)
{
	OWNED(policy_ref_drop) struct policy_ref *policy = app_policy(call->app);
	const struct policy_class *class =
		policy_class_find(policy->policy, bytes_str(workload->risk_class));
	const struct context_workload entry = {.reviewed = workload->reviewed,
		.review_next = workload->review_next,
		.third_parties = workload_third_parties(workload)};
	int64_t now = clock_wall(call->app->clock);
	policy_review_appraise(class, &entry, now, judged->verdict);
	checklist_review(judged->list, class, &entry, now);
	return policy_third_parties_appraise(class, &entry, judged->verdict, err);
}

/* As of a launch. */
static void judge_floors(const struct loaded *l, const struct judged *judged)
{
	struct context_floor floor;
	struct context_security_floor security;
	if (!judged->release)
		return;
	floors_context(&l->floors, &floor, &security);
	policy_floor_appraise(NULL, &floor, judged->release, false, 0, judged->verdict);
	policy_security_floor_appraise(&security, judged->release, judged->verdict);
}

/* What is stored of a release, judged for its workload's environment: what the policy and the
 * registers say of it now. */
static bool judge_loaded(
	struct call *call, const struct loaded *l, struct judged *ret, struct err *err)
{
	struct bytes views[APPROVALS_MAX], statements[STATEMENTS_MAX];
	for (size_t i = 0; i < l->count; i++)
		views[i] = buf_bytes(&l->approvals[i]);
	for (size_t i = 0; i < l->statement_count; i++)
		statements[i] = buf_bytes(&l->statements[i]);
	const struct release_input input = {
		.envelope = buf_bytes(&l->release.envelope),
		.approvals = views,
		.approval_count = l->count,
		.statements = statements,
		.statement_count = l->statement_count,
		.environment = bytes_str(l->workload.environment),
	};
	if (!judge(call, &input, ret, err))
		return false;
	if (l->release.state == RELEASE_REVOKED)
		verdict_refuse(ret->verdict, REASON_RELEASE_REVOKED, l->release.name, "published",
			"revoked", NULL, NULL);
	if (l->workload.state != WORKLOAD_ACTIVE)
		verdict_refuse(ret->verdict, REASON_WORKLOAD_RETIRED, l->release.workload, "active",
			workload_state_name(l->workload.state), NULL, NULL);
	if (!judge_register(call, &l->workload, ret, err))
		return false;
	judge_floors(l, ret);
	verdict_conclude(ret->verdict);
	return true;
}

static bool appraisal_json(struct call *call, const struct loaded *l, json_t **ret, struct err *err)
{
	OWNED(judged_release) struct judged judged = {0};
	OWNED(buf_release) struct buf text = {0};
	return judge_loaded(call, l, &judged, err) && verdict_json(judged.verdict, &text, err) &&
	       json_open(buf_bytes(&text), JSON_INPUT_MAX, ret, err);
}

static bool envelopes_json(const struct buf *envelopes, size_t count, json_t *ret, struct err *err)
{
	for (size_t i = 0; i < count; i++) {
		json_t *value = NULL;
		if (!json_open(buf_bytes(&envelopes[i]), JSON_INPUT_MAX, &value, err))
			return false;
		if (json_array_append_new(ret, value) != 0)
			return err_set(err, ERR_NOMEM, "release");
	}
	return true;
}

/* The gate's alone: the next rollout may well be of a release that was taken back. */
static void judge_rollout(const struct loaded *l, const struct judged *judged)
{
	const struct rollout_view view = rollout_view_of(&l->rollout);
	policy_rollout_gate(&view, l->release.digest, judged->verdict);
	verdict_conclude(judged->verdict);
}

/* Launches are judged by the workload's own: of another one there is nothing to say. */
static bool environment_is(const struct loaded *l, const char *environment, struct err *err)
{
	return strcmp(environment, l->workload.environment) == 0 ||
	       err_set(err, ERR_USAGE,
		       "environment: workload %s is registered for environment %s, and its "
		       "launches are judged for that",
		       l->release.workload, l->workload.environment);
}

bool serve_release_gate(struct call *call, struct err *err)
{
	uint8_t digest[SHA256_LEN];
	OWNED(loaded_free) struct loaded *l = calloc(1, sizeof(*l));
	OWNED(judged_release) struct judged judged = {0};
	const char *environment = http_query(call->exchange, "environment");
	OWNED(json_release) json_t *answer = NULL, *floors = NULL;
	if (!l)
		return err_set(err, ERR_NOMEM, "release");
	if (!environment || !text_is_name(bytes_str(environment)))
		return err_set(err, ERR_USAGE, "environment: its name is needed");
	if (!call_param_digest(call, 0, digest, err) || !load(call, digest, l, err) ||
		!environment_is(l, environment, err) || !judge_loaded(call, l, &judged, err))
		return false;
	judge_rollout(l, &judged);
	if (!gate_json(judged.release, environment, judged.list, judged.verdict, &answer, err))
		return false;
	floors = floors_json(&l->floors);
	if (!floors || json_object_update(answer, floors) != 0)
		return err_set(err, ERR_NOMEM, "release");
	return call_json(call, 200, TAKE(answer), err);
}

/* Before anything is judged: a policy that changes meanwhile is not that one either. */
static void grounds_of(
	struct call *call, const struct loaded *l, struct release_grounds *ret_grounds)
{
	OWNED(policy_ref_drop) struct policy_ref *policy = app_policy(call->app);
	*ret_grounds = (struct release_grounds){
		.release_version = l->release.version, .workload_version = l->workload.version};
	memcpy(ret_grounds->release, l->release.digest, SHA256_LEN);
	memcpy(ret_grounds->policy, policy->policy->digest, SHA256_LEN);
	memcpy(ret_grounds->workload, l->release.workload, sizeof(ret_grounds->workload));
}

bool release_grounds_hold(
	struct store_tx *tx, const struct release_grounds *grounds, struct err *err)
{
	if (memcmp(tx->policy, grounds->policy, SHA256_LEN) != 0)
		return err_set(err, ERR_CONFLICT, "the policy was changed meanwhile");
	return workload_recheck(
		       tx->sql, bytes_str(grounds->workload), grounds->workload_version, err) &&
	       release_recheck(tx->sql, grounds->release, grounds->release_version, err);
}

bool release_stands(struct call *call, const uint8_t digest[SHA256_LEN], bool rollback,
	bool *ret_stands, char why[RELEASE_WHY_MAX], struct release_grounds *ret_grounds,
	struct err *err)
{
	OWNED(judged_release) struct judged judged = {0};
	OWNED(loaded_free) struct loaded *l = calloc(1, sizeof(*l));
	char hex[2 * SHA256_LEN + 1];
	*ret_stands = false;
	why[0] = '\0';
	if (!l)
		return err_set(err, ERR_NOMEM, "release");
	if (!load(call, digest, l, err))
		return false;
	if (ret_grounds)
		grounds_of(call, l, ret_grounds);
	if (rollback)
		l->floors.version = (struct floor_row){0};
	if (!judge_loaded(call, l, &judged, err))
		return false;
	hex_encode(bytes_of(digest, SHA256_LEN), hex);
	const struct verdict *v = judged.verdict;
	if (!v->trusted)
		(void)snprintf(why, RELEASE_WHY_MAX, "release %s: %s: %s", hex,
			reason_code_name(v->reason_count ? v->reasons[0].code : REASON_NONE),
			v->reason_count ? v->reasons[0].subject : "nothing was checked");
	else
		*ret_stands = true;
	return true;
}

bool serve_release(struct call *call, struct err *err)
{
	uint8_t digest[SHA256_LEN];
	OWNED(loaded_free) struct loaded *l = calloc(1, sizeof(*l));
	OWNED(json_release) json_t *parts = json_array();
	OWNED(json_release) json_t *approvals = json_array();
	OWNED(json_release) json_t *statements = json_array();
	OWNED(json_release) json_t *appraisal = NULL;
	OWNED(json_release) json_t *answer = NULL;
	if (!l || !parts || !approvals || !statements)
		return err_set(err, ERR_NOMEM, "release");
	if (!call_param_digest(call, 0, digest, err) || !load(call, digest, l, err) ||
		!envelopes_json(&l->release.envelope, 1, parts, err) ||
		!envelopes_json(l->approvals, l->count, approvals, err) ||
		!envelopes_json(l->statements, l->statement_count, statements, err) ||
		!appraisal_json(call, l, &appraisal, err))
		return false;
	answer = release_json(&l->release);
	if (!answer || json_object_set(answer, "envelope", json_array_get(parts, 0)) != 0 ||
		json_object_set(answer, "approvals", approvals) != 0 ||
		json_object_set(answer, "statements", statements) != 0 ||
		json_object_set(answer, "appraisal", appraisal) != 0)
		return err_set(err, ERR_NOMEM, "release");
	return call_json(call, 200, TAKE(answer), err);
}

/* ---- revoking ---- */

struct revoking {
	struct call *call;
	uint8_t digest[SHA256_LEN];
	const char *reason;
	int64_t now;
};

static bool revoke_work(struct store_tx *tx, void *arg, struct err *err)
{
	const struct revoking *r = arg;
	OWNED(release_row_release) struct release_row row = {0};
	bool found = false;
	if (!release_get(tx->sql, r->digest, &row, &found, err))
		return false;
	if (!found)
		return err_set(err, ERR_NOT_FOUND, "no such release");
	if (row.state == RELEASE_REVOKED)
		return err_set(err, ERR_CONFLICT, "this release is revoked already");
	return release_set_state(tx->sql, r->digest, row.version, RELEASE_REVOKED, err) &&
	       instance_history_release(tx->sql, r->digest, r->now, "release-revoked", err) &&
	       credentials_revoke_release(tx->sql, r->digest, r->now, REVOKED_PRIVILEGE, err) &&
	       entry_append(r->call->app, tx, LEAF_RELEASE, r->now,
		       json_pack("{s:s, s:s, s:s, s:s}", "event", "release-revoked", "digest",
			       http_path_param(r->call->exchange, 0), "by", r->call->who.uri,
			       "reason", r->reason),
		       err);
}

bool serve_release_revoke(struct call *call, struct err *err)
{
	OWNED(buf_release) struct buf reason = {0};
	OWNED(loaded_free) struct loaded *l = calloc(1, sizeof(*l));
	struct revoking revoking = {.call = call, .now = clock_wall(call->app->clock)};
	if (!l)
		return err_set(err, ERR_NOMEM, "release");
	if (!call_param_digest(call, 0, revoking.digest, err) || !call_reason(call, &reason, err))
		return false;
	revoking.reason = buf_str(&reason);
	if (!store_run(call->app->store, revoke_work, &revoking, err))
		return false;
	call_log(call, "release-revoked", bytes_str(http_path_param(call->exchange, 0)),
		buf_bytes(&reason));
	return load(call, revoking.digest, l, err) &&
	       call_json(call, 200, release_json(&l->release), err);
}
