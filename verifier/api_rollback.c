/* SPDX-License-Identifier: Apache-2.0 */
/* POST /v1/workloads/{name}/rollback: the version floor goes down onto an older release, with the
 * approvals of persons that the workload's risk class demands, and never below the security floor. */
#include "verifier/floors.h"

#include "base/text.h"

#include <stdlib.h>

struct rolling {
	struct call *call;
	const char *reason;
	struct policy_ref *policy;
	struct workload_row workload;
	struct release_row release;
	struct floors floors;
	struct buf approvals[APPROVALS_MAX];
	size_t approval_count;
	struct floor_row row;
};

static void rolling_free(struct rolling **rolling)
{
	struct rolling *r = *rolling;
	if (!r)
		return;
	policy_ref_drop(&r->policy);
	release_row_release(&r->release);
	for (size_t i = 0; i < r->approval_count; i++)
		buf_release(&r->approvals[i]);
	free(r);
	*rolling = NULL;
}

/* ---- what was asked for ---- */

static bool approvals_read(const json_t *list, struct rolling *r, struct err *err)
{
	for (size_t i = 0; i < json_array_size(list); i++)
		if (!json_write(json_array_get(list, i), false, &r->approvals[r->approval_count++],
			    err))
			return err_wrap(err, "body: approvals");
	return true;
}

static bool body_read(json_t *body, struct rolling *r, uint8_t release[SHA256_LEN], struct err *err)
{
	static const char *const keys[] = {"release", "reason", "approvals", NULL};
	struct json_fields f = json_fields_of("body");
	json_only_keys(&f, body, keys);
	json_need_hex(&f, body, "release", release, SHA256_LEN);
	r->reason = json_need_str(&f, body, "reason", ROW_TEXT_MAX - 1);
	const json_t *list = json_want_array(&f, body, "approvals", APPROVALS_MAX);
	if (!r->reason[0])
		json_fields_fail(&f, "reason", "say why");
	return json_fields_ok(&f, err) && approvals_read(list, r, err);
}

/* ---- what there is ---- */

static bool rows_read(
	struct rolling *r, struct bytes name, const uint8_t release[SHA256_LEN], struct err *err)
{
	struct sql *sql = NULL;
	bool workload = false, known = false;
	if (!call_read(r->call, &sql, err))
		return false;
	bool ok = workload_get(sql, name, &r->workload, &workload, err) &&
		  release_get(sql, release, &r->release, &known, err) &&
		  (!known || floors_load(sql, name, &r->release, &r->floors, err));
	store_read_done(r->call->app->store, &sql);
	if (ok && !workload)
		return err_set(err, ERR_NOT_FOUND, "no workload %s", ESC(name));
	if (ok && (!known || !bytes_equal_str(name, r->release.workload)))
		return err_set(
			err, ERR_NOT_FOUND, "no such release of workload %s", r->workload.name);
	return ok;
}

static bool below_the_floor(const struct rolling *r, struct err *err)
{
	const struct floor_row *floor = &r->floors.version;
	const struct floor_mark rests = {
		bytes_str(floor->version), floor->release, floor->published};
	const struct floor_mark to = {
		bytes_str(r->release.release_version), r->release.digest, r->release.published};
	if (floor->sequence == 0)
		return err_set(err, ERR_CONFLICT, "workload %s has no version floor yet",
			r->workload.name);
	return floor_place(&to, &rests) != FLOOR_REACHED ||
	       err_set(err, ERR_CONFLICT, "release %s is not below the version floor %s",
		       ESC(to.version), ESC(rests.version));
}

/* ---- whether it may be ---- */

/* "approval-missing: expected 1 as model-risk, found none; rollback approval by alice as model-risk:
 * expired": what is lacking, and why what there is does not count. */
static bool refused(const struct verdict *v, struct err *err)
{
	OWNED(buf_release) struct buf text = {0};
	for (size_t i = 0; i < v->reason_count && i < 3; i++) {
		const struct reason *reason = &v->reasons[i];
		if (i == 0)
			buf_printf(&text, "%s: expected %s, found %s",
				reason_code_name(reason->code), reason->expected, reason->actual);
		else
			buf_printf(&text, "; %s: %s", reason->subject, reason->actual);
	}
	return err_set(err, ERR_DENIED, "rollback refused: %s",
		buf_str(&text) ? buf_str(&text) : "no memory");
}

static void verdict_free(struct verdict **verdict)
{
	free(*verdict);
}

static bool approved(const struct rolling *r, struct err *err)
{
	OWNED(verdict_free) struct verdict *verdict = calloc(1, sizeof(*verdict));
	OWNED(release_free) struct release *release = NULL;
	struct bytes views[APPROVALS_MAX];
	const struct rollback_terms terms = {.workload = bytes_str(r->workload.name),
		.from = bytes_str(r->floors.version.version),
		.floor = r->floors.version.sequence};
	const struct release_input input = {.envelope = buf_bytes(&r->release.envelope),
		.approvals = views,
		.approval_count = r->approval_count,
		.environment = bytes_str(r->workload.environment),
		.rollback = &terms};
	if (!verdict)
		return err_set(err, ERR_NOMEM, "rollback");
	for (size_t i = 0; i < r->approval_count; i++)
		views[i] = buf_bytes(&r->approvals[i]);
	if (!release_appraise(&input, r->policy->policy, clock_wall(r->call->app->clock), verdict,
		    &release, err))
		return false;
	verdict_conclude(verdict);
	return verdict->trusted || refused(verdict, err);
}

/* The release itself: signed, approved, not revoked, above the security floor. */
static bool stands(const struct rolling *r, struct err *err)
{
	char why[RELEASE_WHY_MAX];
	bool ok = false;
	if (!release_stands(r->call, r->release.digest, true, &ok, why, NULL, err))
		return false;
	return ok || err_set(err, ERR_DENIED, "rollback refused: %s", why);
}

/* ---- doing it ---- */

static json_t *entry_of(const struct rolling *r)
{
	OWNED(json_release) json_t *approvals = json_array();
	char hex[2 * SHA256_LEN + 1];
	uint8_t digest[SHA256_LEN];
	for (size_t i = 0; i < r->approval_count; i++) {
		if (!sha256_of(buf_bytes(&r->approvals[i]), digest, NULL))
			return NULL;
		hex_encode(BYTES_OF(digest), hex);
		if (json_array_append_new(approvals, json_string(hex)) != 0)
			return NULL;
	}
	hex_encode(BYTES_OF(r->row.release), hex);
	return json_pack("{s:s, s:s, s:s, s:s, s:I, s:s, s:s, s:s, s:O}", "event",
		"version-floor-rollback", "name", r->row.workload, "version", r->row.version,
		"release", hex, "sequence", (json_int_t)r->row.sequence, "from",
		r->floors.version.version, "by", r->call->who.uri, "reason", r->reason, "approvals",
		approvals);
}

static bool objects_put(const struct rolling *r, struct store_tx *tx, struct err *err)
{
	for (size_t i = 0; i < r->approval_count; i++) {
		uint8_t digest[SHA256_LEN];
		struct bytes envelope = buf_bytes(&r->approvals[i]);
		if (!sha256_of(envelope, digest, err) ||
			!object_put(tx->sql, digest, envelope, err))
			return false;
	}
	return true;
}

static bool rollback_work(struct store_tx *tx, void *arg, struct err *err)
{
	const struct rolling *r = arg;
	if (memcmp(tx->policy, r->policy->policy->digest, SHA256_LEN) != 0)
		return err_set(err, ERR_CONFLICT, "the policy was changed meanwhile");
	return workload_recheck(tx->sql, bytes_str(r->workload.name), r->workload.version, err) &&
	       release_recheck(tx->sql, r->release.digest, r->release.version, err) &&
	       objects_put(r, tx, err) && floor_insert(tx->sql, &r->row, err) &&
	       entry_append(r->call->app, tx, LEAF_WORKLOAD, r->row.time, entry_of(r), err);
}

static void row_fill(struct rolling *r)
{
	struct floor_row *row = &r->row;
	memcpy(row->workload, r->workload.name, sizeof(row->workload));
	memcpy(row->version, r->release.release_version, sizeof(row->version));
	memcpy(row->release, r->release.digest, sizeof(row->release));
	row->sequence = r->floors.version.sequence + 1;
	row->published = r->release.published;
	row->time = clock_wall(r->call->app->clock);
	row->rollback = true;
}

bool serve_rollback(struct call *call, struct err *err)
{
	OWNED(json_release) json_t *body = NULL;
	OWNED(rolling_free) struct rolling *r = calloc(1, sizeof(*r));
	struct bytes name = bytes_str(http_path_param(call->exchange, 0));
	uint8_t release[SHA256_LEN];
	if (!r)
		return err_set(err, ERR_NOMEM, "rollback");
	r->call = call;
	r->policy = app_policy(call->app);
	if (!json_open(http_body(call->exchange), ROLLBACK_MAX, &body, err))
		return err_wrap(err, "body");
	if (!body_read(body, r, release, err) || !rows_read(r, name, release, err) ||
		!below_the_floor(r, err) || !stands(r, err) || !approved(r, err))
		return false;
	row_fill(r);
	if (!store_run(call->app->store, rollback_work, r, err))
		return false;
	call_log(call, "version-floor-rollback", name, bytes_str(r->reason));
	return floors_answer(call, 200, name, err);
}
