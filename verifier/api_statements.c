/* SPDX-License-Identifier: Apache-2.0 */
/* POST /v1/releases/{digest}/statements: taken in beside a release when a key that the policy trusts
 * for its kind signed it and it speaks of that release. A withdrawal of one comes the same way: from then on decisions
 * count it, and it is stored, frozen and audited as the statements are. */
#include "verifier/app.h"

#include "base/text.h"
#include "crypto/dsse.h"
#include "policy/withdrawal.h"

struct stating {
	struct call *call;
	const struct policy *policy;
	struct statement_row row;
	bool added;
};

/* A withdrawal lies only beside what it takes back, once for each who takes it back, and a statement once for each who makes
 * it: or anybody who may sign one, or has one to send again, could fill the room that is kept for them. */
static bool is_new(struct sql *sql, const struct stating *s, bool *ret_new, struct err *err)
{
	struct buf stored[STATEMENTS_MAX] = {0};
	struct bytes views[STATEMENTS_MAX];
	size_t count = 0;
	*ret_new = false;
	bool ok = statements_get(sql, s->row.release, stored, &count, err);
	for (size_t i = 0; i < count; i++)
		views[i] = buf_bytes(&stored[i]);
	ok = ok && (s->row.withdrawal ? withdrawal_place : statement_adds)(
			   s->row.envelope, views, count, s->policy, s->row.time, ret_new, err);
	for (size_t i = 0; i < count; i++)
		buf_release(&stored[i]);
	return ok;
}

static bool statement_work(struct store_tx *tx, void *arg, struct err *err)
{
	struct stating *s = arg;
	OWNED(release_row_release) struct release_row release = {0};
	uint8_t object[SHA256_LEN];
	bool found = false, added = false;
	if (!release_get(tx->sql, s->row.release, &release, &found, err))
		return false;
	if (!found)
		return err_set(err, ERR_NOT_FOUND, "no such release");
	if (release.state == RELEASE_REVOKED)
		return err_set(err, ERR_CONFLICT, "this release was revoked");
	if (!is_new(tx->sql, s, &added, err))
		return false;
	if (!added)
		return true;
	if (!statement_insert(tx->sql, &s->row, &s->added, err))
		return false;
	if (!s->added)
		return true;
	char digest[2 * SHA256_LEN + 1];
	if (!sha256_of(s->row.envelope, object, err) ||
		!object_put(tx->sql, object, s->row.envelope, err))
		return false;
	hex_encode(BYTES_OF(object), digest);
	return entry_append(s->call->app, tx, LEAF_RELEASE, s->row.time,
		json_pack("{s:s, s:s, s:s, s:s}", "event",
			s->row.withdrawal ? "statement-withdrawn" : "statement", "release",
			http_path_param(s->call->exchange, 0), "digest", digest, "by",
			s->call->who.uri),
		err);
}

static bool release_load(
	struct call *call, const uint8_t digest[SHA256_LEN], struct release **ret, struct err *err)
{
	OWNED(release_row_release) struct release_row row = {0};
	OWNED(dsse_free) struct dsse *dsse = NULL;
	struct sql *sql = NULL;
	bool found = false;
	if (!call_read(call, &sql, err))
		return false;
	bool ok = release_get(sql, digest, &row, &found, err);
	store_read_done(call->app->store, &sql);
	if (ok && !found)
		return err_set(err, ERR_NOT_FOUND, "no such release: publish it first");
	return ok && dsse_parse(buf_bytes(&row.envelope), &dsse, err) &&
	       release_parse(buf_bytes(&dsse->payload), ret, err);
}

bool serve_statement(struct call *call, struct err *err)
{
	OWNED(policy_ref_drop) struct policy_ref *policy = app_policy(call->app);
	OWNED(release_free) struct release *release = NULL;
	struct stating s = {.call = call, .policy = policy->policy};
	s.row.envelope = http_body(call->exchange);
	s.row.time = clock_wall(call->app->clock);
	if (!call_param_digest(call, 0, s.row.release, err) ||
		!release_load(call, s.row.release, &release, err) ||
		!withdrawal_check(s.row.envelope, s.row.release, policy->policy, s.row.time,
			&s.row.withdrawal, err) ||
		!release_statement_check(
			release, s.row.envelope, policy->policy, s.row.time, err) ||
		!store_run(call->app->store, statement_work, &s, err))
		return false;
	call_log(call, s.row.withdrawal ? "statement-withdrawn" : "statement-published",
		bytes_str(http_path_param(call->exchange, 0)), (struct bytes){0});
	return call_json(call, s.added ? 201 : 200,
		json_pack("{s:s, s:b}", "release", http_path_param(call->exchange, 0), "new",
			(int)s.added),
		err);
}
