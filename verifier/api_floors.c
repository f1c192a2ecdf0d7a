/* SPDX-License-Identifier: Apache-2.0 */
/* Security floors: taken in when enough of the policy's signers signed them, and given out again. */
#include "verifier/floors.h"

#include "base/text.h"
#include "policy/security_floor.h"

#define CLOCK_SKEW_MAX 60 /* seconds by which a signer's clock may be ahead */

struct setting {
	struct call *call;
	const struct security_floor *floor;
	struct security_floor_row row;
	uint64_t signed_by;
	bool known;
};

/* The leaf: what was said, and whose keys said it. */
static json_t *entry_of(const struct setting *l)
{
	const struct policy_signers *signers = &l->call->app->config.policy_signers;
	OWNED(json_release) json_t *names = json_array();
	char statement[2 * SHA256_LEN + 1];
	for (size_t i = 0; i < signers->count; i++)
		if ((l->signed_by >> i & 1) &&
			json_array_append_new(names, json_string(signers->names[i])) != 0)
			return NULL;
	hex_encode(BYTES_OF(l->row.statement), statement);
	return json_pack("{s:s, s:s, s:s?, s:I, s:s, s:s, s:I, s:O, s:s}", "event",
		"security-floor", "workload", l->row.workload, "minimum", l->floor->minimum,
		"sequence", (json_int_t)l->row.sequence, "reason", l->floor->reason, "statement",
		statement, "threshold", (json_int_t)signers->threshold, "signed_by", names, "by",
		l->call->who.uri);
}

static bool workload_active(struct sql *sql, const char *name, struct err *err)
{
	struct workload_row workload;
	bool found = false;
	if (!workload_get(sql, bytes_str(name), &workload, &found, err))
		return false;
	if (!found)
		return err_set(err, ERR_NOT_FOUND, "no workload %s", name);
	return workload.state == WORKLOAD_ACTIVE ||
	       err_set(err, ERR_CONFLICT, "workload %s is retired", name);
}

static bool floor_work(struct store_tx *tx, void *arg, struct err *err)
{
	struct setting *l = arg;
	struct floors present;
	struct bytes envelope = http_body(l->call->exchange);
	if (!workload_active(tx->sql, l->row.workload, err) ||
		!floors_load(tx->sql, bytes_str(l->row.workload), NULL, &present, err))
		return false;
	const struct security_floor_row *last = &present.security;
	l->known = last->sequence == l->row.sequence &&
		   memcmp(last->payload, l->row.payload, SHA256_LEN) == 0;
	if (l->known)
		return true;
	if (l->row.sequence <= last->sequence)
		return err_set(err, ERR_CONFLICT,
			"security floor of %s: sequence %llu: %llu is in force; a new statement "
			"needs a higher one",
			l->row.workload, (unsigned long long)l->row.sequence,
			(unsigned long long)last->sequence);
	return object_put(tx->sql, l->row.statement, envelope, err) &&
	       security_floor_insert(tx->sql, &l->row, err) &&
	       entry_append(l->call->app, tx, LEAF_POLICY, l->row.time, entry_of(l), err);
}

static bool check(struct call *call, const struct security_floor *floor, struct err *err)
{
	const char *domain = call->app->config.trust_domain;
	if (strcmp(floor->trust_domain, domain) != 0)
		return err_set(err, ERR_DENIED,
			"security floor: of trust domain %s: this verifier is of %s",
			ESC(bytes_str(floor->trust_domain)), domain);
	if (floor->issued > clock_wall(call->app->clock) + CLOCK_SKEW_MAX)
		return err_set(err, ERR_DENIED, "security floor: issued in the future");
	return true;
}

static bool row_of(struct call *call, const struct security_floor *floor,
	struct security_floor_row *ret, struct err *err)
{
	*ret = (struct security_floor_row){
		.sequence = (uint64_t)floor->sequence, .time = clock_wall(call->app->clock)};
	(void)snprintf(ret->workload, sizeof(ret->workload), "%s", floor->workload);
	(void)snprintf(
		ret->minimum, sizeof(ret->minimum), "%s", floor->minimum ? floor->minimum : "");
	memcpy(ret->payload, floor->digest, sizeof(ret->payload));
	return sha256_of(http_body(call->exchange), ret->statement, err);
}

bool serve_security_floor(struct call *call, struct err *err)
{
	const struct policy_signers *signers = &call->app->config.policy_signers;
	OWNED(security_floor_free) struct security_floor *floor = NULL;
	struct setting l = {.call = call};
	if (signers->count == 0)
		return err_set(err, ERR_UNSUPPORTED,
			"this verifier has no policy_keys: it names nobody who may set a security "
			"floor");
	if (!security_floor_verify(http_body(call->exchange), signers, &floor, &l.signed_by, err) ||
		!check(call, floor, err) || !row_of(call, floor, &l.row, err))
		return false;
	l.floor = floor;
	if (!store_run(call->app->store, floor_work, &l, err))
		return false;
	call_log(call, "security-floor", bytes_str(floor->workload), bytes_str(floor->reason));
	return floors_answer(call, l.known ? 200 : 201, bytes_str(floor->workload), err);
}

bool serve_security_floor_get(struct call *call, struct err *err)
{
	OWNED(buf_release) struct buf envelope = {0};
	struct floors floors;
	struct sql *sql = NULL;
	struct bytes workload = bytes_str(http_path_param(call->exchange, 0));
	if (!call_read(call, &sql, err))
		return false;
	bool ok = floors_load(sql, workload, NULL, &floors, err);
	if (ok && floors.security.sequence != 0)
		ok = object_get(sql, floors.security.statement, &envelope, err);
	store_read_done(call->app->store, &sql);
	if (ok && floors.security.sequence == 0)
		return err_set(err, ERR_NOT_FOUND, "no security floor of %s", ESC(workload));
	return ok && call_bytes(call, 200, MEDIA_DSSE, buf_bytes(&envelope), err);
}
