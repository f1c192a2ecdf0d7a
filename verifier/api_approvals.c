/* SPDX-License-Identifier: Apache-2.0 */
/* POST /v1/approvals: taken in when it is signed by the person it names, in a role the policy gives
 * that person. */
#include "verifier/app.h"

#include "base/text.h"
#include "crypto/dsse.h"

static const struct policy_approver *approver_find(const struct policy *policy, const char *person)
{
	for (size_t i = 0; i < policy->approver_count; i++)
		if (strcmp(policy->approvers[i].person, person) == 0)
			return &policy->approvers[i];
	return NULL;
}

static bool has_role(const struct policy_approver *approver, const char *role)
{
	for (size_t i = 0; i < approver->role_count; i++)
		if (strcmp(approver->roles[i], role) == 0)
			return true;
	return false;
}

static bool check(const struct dsse *dsse, const struct approval *approval,
	const struct policy *policy, struct err *err)
{
	uint64_t mask = 0;
	const struct policy_approver *approver = approver_find(policy, approval->person);
	if (!approver)
		return err_set(err, ERR_DENIED, "approval-signature: %s is nobody the policy names",
			ESC(bytes_str(approval->person)));
	if (!dsse_verify(dsse, approver->keys, approver->key_count, &mask, err))
		return false;
	if (mask == 0)
		return err_set(err, ERR_DENIED, "approval-signature: not signed by a key of %s",
			approver->person);
	if (!has_role(approver, approval->role))
		return err_set(err, ERR_DENIED, "approval-signature: %s has no role %s",
			approver->person, ESC(bytes_str(approval->role)));
	return true;
}

static bool read(struct call *call, struct dsse **ret_dsse, struct approval **ret, struct err *err)
{
	if (!dsse_parse(http_body(call->exchange), ret_dsse, err))
		return false;
	if (strcmp((*ret_dsse)->payload_type, DSSE_INTOTO_TYPE) != 0)
		return err_set(err, ERR_FORMAT, "approval: payload type is not " DSSE_INTOTO_TYPE);
	return approval_parse(buf_bytes(&(*ret_dsse)->payload), ret, err);
}

struct approving {
	struct call *call;
	const struct policy_approver *approver;
	const struct dsse *dsse;
	struct approval_row row;
	bool added;
};

/* Whether this envelope says what was to be stored, signed by the same person. */
static bool says_it(
	const struct approving *a, struct bytes envelope, bool *ret_does, struct err *err)
{
	OWNED(dsse_free) struct dsse *stored = NULL;
	struct err why = {0};
	uint64_t mask = 0;
	*ret_does = false;
	if (!dsse_parse(envelope, &stored, &why))
		return why.code != ERR_NOMEM || err_set(err, ERR_NOMEM, "approval");
	if (!bytes_equal(buf_bytes(&stored->payload), buf_bytes(&a->dsse->payload)))
		return true;
	if (!dsse_verify(stored, a->approver->keys, a->approver->key_count, &mask, err))
		return false;
	*ret_does = mask != 0;
	return true;
}

/* The same in other bytes around it is not another one: anybody can write those. */
static bool approval_known(
	struct sql *sql, const struct approving *a, bool *ret_known, struct err *err)
{
	struct buf stored[APPROVALS_MAX] = {0};
	size_t count = 0;
	*ret_known = false;
	bool ok = approvals_get(sql, a->row.release, stored, &count, err);
	for (size_t i = 0; i < count && ok && !*ret_known; i++)
		ok = says_it(a, buf_bytes(&stored[i]), ret_known, err);
	for (size_t i = 0; i < count; i++)
		buf_release(&stored[i]);
	return ok;
}

static bool approve_work(struct store_tx *tx, void *arg, struct err *err)
{
	struct approving *a = arg;
	OWNED(release_row_release) struct release_row release = {0};
	char digest[2 * SHA256_LEN + 1];
	uint8_t object[SHA256_LEN];
	bool found = false, known = false;
	if (!release_get(tx->sql, a->row.release, &release, &found, err))
		return false;
	if (!found)
		return err_set(
			err, ERR_NOT_FOUND, "no such release: publish it before it is approved");
	if (!approval_known(tx->sql, a, &known, err))
		return false;
	if (known)
		return true;
	if (!approval_insert(tx->sql, &a->row, &a->added, err))
		return false;
	if (!a->added)
		return true;
	hex_encode(BYTES_OF(a->row.release), digest);
	return sha256_of(a->row.envelope, object, err) &&
	       object_put(tx->sql, object, a->row.envelope, err) &&
	       entry_append(a->call->app, tx, LEAF_APPROVAL, a->row.time,
		       json_pack("{s:s, s:s, s:s, s:s, s:b}", "event", "approval", "release",
			       digest, "role", a->row.role, "by", a->call->who.uri, "withdrawn",
			       (int)a->row.withdrawn),
		       err);
}

bool serve_approval(struct call *call, struct err *err)
{
	OWNED(dsse_free) struct dsse *dsse = NULL;
	OWNED(approval_free) struct approval *approval = NULL;
	OWNED(policy_ref_drop) struct policy_ref *policy = app_policy(call->app);
	struct approving a = {.call = call};
	char digest[2 * SHA256_LEN + 1];
	if (!read(call, &dsse, &approval, err) || !check(dsse, approval, policy->policy, err))
		return false;
	a.approver = approver_find(policy->policy, approval->person);
	a.dsse = dsse;
	if (strlen(approval->person) >= sizeof(a.row.person) ||
		strlen(approval->role) >= sizeof(a.row.role))
		return err_set(err, ERR_FORMAT, "approval: person or role is too long");
	memcpy(a.row.release, approval->release, sizeof(a.row.release));
	(void)snprintf(a.row.person, sizeof(a.row.person), "%s", approval->person);
	(void)snprintf(a.row.role, sizeof(a.row.role), "%s", approval->role);
	a.row.envelope = http_body(call->exchange);
	a.row.withdrawn = approval->withdrawn;
	a.row.time = clock_wall(call->app->clock);
	if (!store_run(call->app->store, approve_work, &a, err))
		return false;
	hex_encode(BYTES_OF(a.row.release), digest);
	call_log(call, approval->withdrawn ? "approval-withdrawn" : "approved", bytes_str(digest),
		bytes_str(approval->person));
	return call_json(call, a.added ? 201 : 200,
		json_pack("{s:s, s:s, s:s, s:b}", "release", digest, "role", a.row.role, "person",
			a.row.person, "withdrawn", (int)a.row.withdrawn),
		err);
}
