/* SPDX-License-Identifier: Apache-2.0 */
/* What goes back to the host, and challenges: the next one with every answer, or one asked for. */
#include "verifier/decide.h"

#include "base/text.h"
#include "verifier/leases.h"

static void offer_from(const struct policy *policy, const struct policy_state *state,
	struct challenge_offer *offer)
{
	bool further = state && state->runtime_next > 0;
	offer->runtime_first = further ? state->runtime_next : 0;
	offer->ima_wanted = further ? state->ima.bank != DIGEST_NONE : policy_wants_ima(policy);
	offer->ima_first = further ? state->ima.next : 0;
}

void offer_logs(struct app *app, const struct instance_row *instance, const struct host_row *host,
	uint64_t counter, struct challenge_offer *offer)
{
	const struct policy_state *state = &instance->policy_state;
	OWNED(policy_ref_drop) struct policy_ref *policy = app_policy(app);
	bool usable = instance->state == INSTANCE_TRUSTED && state->established && !state->ended &&
		      memcmp(state->policy, policy->policy->digest, SHA256_LEN) == 0 &&
		      state->reset_count == host->reset_count &&
		      state->restart_count == host->restart_count &&
		      !full_due(app, instance->instance, instance->full_counter, counter);
	offer_from(policy->policy, usable ? state : NULL, offer);
}

bool offer_make(struct app *app, const struct store_tree *tree, const uint8_t host[HOST_ID_LEN],
	const uint8_t instance[INSTANCE_ID_LEN], enum purpose purpose, uint64_t counter,
	int64_t lifetime, struct buf *out, int64_t *ret_expires, struct err *err)
{
	struct context_challenge what = {.purpose = purpose, .counter = counter};
	what.tree_size = tree->size;
	memcpy(what.host_id, host, sizeof(what.host_id));
	memcpy(what.instance, instance, sizeof(what.instance));
	memcpy(what.tree_root, tree->root, sizeof(what.tree_root));
	if (!challenge_issue(&app->token_key, app->random, app->clock, lifetime, &what, out, err))
		return false;
	*ret_expires = what.expires;
	return true;
}

/* ---- POST /v1/challenge ---- */

struct offer_rows {
	struct host_row host;
	struct instance_row instance;
	uint64_t counter;
	int64_t heard;
};

static void offer_rows_release(struct offer_rows *rows)
{
	host_row_release(&rows->host);
}

static bool offer_load(struct call *call, const struct challenge_request *request,
	struct offer_rows *ret, struct err *err)
{
	struct sql *sql = NULL;
	bool host = false, instance = false;
	if (!call_read(call, &sql, err))
		return false;
	bool ok = host_get(sql, call->who.host, &ret->host, &host, err) &&
		  instance_get(
			  sql, call->who.host, request->instance, &ret->instance, &instance, err) &&
		  counter_get(sql, call->who.host, request->instance, request->purpose,
			  &ret->counter, err) &&
		  host_heard_get(sql, call->who.host, &ret->heard, err);
	store_read_done(call->app->store, &sql);
	if (ok && !host)
		return err_set(err, ERR_DENIED, "this host is not enrolled");
	return ok;
}

bool serve_challenge(struct call *call, struct err *err)
{
	OWNED(offer_rows_release) struct offer_rows rows = {0};
	OWNED(policy_ref_drop) struct policy_ref *policy = app_policy(call->app);
	OWNED(buf_release) struct buf challenge = {0};
	struct challenge_request request;
	struct challenge_offer offer = {0};
	struct store_tree tree;
	if (!challenge_request_decode(http_body(call->exchange), &request, err))
		return false;
	if (request.purpose != PURPOSE_LAUNCH && request.purpose != PURPOSE_RENEW)
		return err_set(err, ERR_FORMAT, "challenge: purpose: expected launch or renew");
	if (!offer_load(call, &request, &rows, err))
		return false;
	store_tree(call->app->store, &tree);
	if (!offer_make(call->app, &tree, call->who.host, request.instance, request.purpose,
		    rows.counter, policy->policy->challenge_lifetime, &challenge, &offer.expires,
		    err))
		return false;
	leases_heard(call->app, &rows.host, rows.heard);
	offer.challenge = buf_bytes(&challenge);
	if (request.purpose == PURPOSE_RENEW)
		offer_logs(call->app, &rows.instance, &rows.host, rows.counter, &offer);
	else
		offer_from(policy->policy, NULL, &offer);
	metric_add(call->app->metrics, METRIC_CHALLENGES, 0, 1);
	call->status = 200;
	call->type = MEDIA_MESSAGE;
	return challenge_offer_encode(&offer, &call->reply, err);
}

/* ---- the answer to an attestation ---- */

static void put_credentials(const struct decision *d, struct attest_result *result)
{
	const struct issuer *issuer = &d->app->issuer;
	for (size_t i = 0; i < d->credential_count; i++) {
		const struct issued *issued = &d->credentials[i];
		if (d->kinds[i] == CREDENTIAL_JWT) {
			result->tokens[result->token_count++] = buf_bytes(&issued->bytes);
		} else {
			struct bytes chain[X509_CHAIN_MAX];
			size_t n = issuer_chain(issuer, chain);
			result->certs[result->cert_count++] = buf_bytes(&issued->bytes);
			for (size_t k = 0; k < n && result->cert_count < CREDENTIAL_CERTS_MAX; k++)
				result->certs[result->cert_count++] = chain[k];
		}
		if (result->expires == 0 || issued->not_after < result->expires)
			result->expires = issued->not_after;
	}
	for (size_t i = 0; i < issuer->ca_count && i < CREDENTIAL_CERTS_MAX; i++)
		result->bundle[result->bundle_count++] = cert_der(issuer->ca[i]);
	if (result->expires == 0)
		result->expires = d->context.now + d->verdict.credential_lifetime;
}

/* A renewal's challenge lives as long as the credential it renews, and a little longer. A refusal brings none. On the writer's
 * thread: nothing is read, what was committed with the decision is known. */
static bool put_next(
	const struct decision *d, struct buf *token, struct challenge_offer *next, struct err *err)
{
	int64_t lifetime = d->policy->policy->challenge_lifetime + d->verdict.credential_lifetime;
	uint64_t counter = d->next_renewal;
	struct store_tree tree;
	store_tree_known(d->app->store, &tree);
	if (!offer_make(d->app, &tree, d->host.id, d->challenge.instance, PURPOSE_RENEW, counter,
		    lifetime, token, &next->expires, err))
		return false;
	next->challenge = buf_bytes(token);
	bool full =
		full_due(d->app, d->challenge.instance, decide_full_counter(d, counter), counter);
	offer_from(d->policy->policy, full ? NULL : &d->state_out, next);
	return true;
}

bool decide_answer(struct decision *d, struct err *err)
{
	OWNED(buf_release) struct buf token = {0};
	struct attest_result result = {.trusted = d->verdict.trusted};
	if (d->verdict_json.len == 0 && !verdict_json(&d->verdict, &d->verdict_json, err))
		return false;
	result.verdict = buf_bytes(&d->verdict_json);
	result.on_refusal = (enum end_action)d->verdict.on_refusal;
	if (d->outcome == DECIDE_RECORDED)
		memcpy(result.record, d->record.id, sizeof(result.record));
	if (d->verdict.trusted) {
		put_credentials(d, &result);
		result.renew_after = d->verdict.renew_after;
		result.report_end = d->canary;
		result.lease = decide_lease(d) - d->context.now;
		result.on_lease_end = (enum end_action)d->verdict.on_lease_end;
		result.thaw =
			d->claims.purpose == PURPOSE_RENEW && d->verdict.on_lease_end == END_FREEZE;
		if (!put_next(d, &token, &result.next, err))
			return false;
	} else {
		result.again = d->claims.purpose == PURPOSE_RENEW && decide_harmless(&d->verdict);
	}
	buf_clear(&d->call->reply);
	d->call->status = 200;
	d->call->type = MEDIA_MESSAGE;
	return attest_result_encode(&result, &d->call->reply, err);
}

void decide_log_halt(const struct decision *d)
{
	char host[2 * HOST_ID_LEN + 1];
	hex_encode(BYTES_OF(d->challenge.host_id), host);
	log_event(&d->app->log, LOG_LEVEL_ERROR, "rollout-halted", {"workload", d->claims.workload},
		{"host", bytes_str(host)});
}

void decide_log(const struct decision *d)
{
	const struct verdict *v = &d->verdict;
	char host[2 * HOST_ID_LEN + 1], instance[2 * INSTANCE_ID_LEN + 1],
		record[2 * SHA256_LEN + 1], ms[24];
	hex_encode(BYTES_OF(d->challenge.host_id), host);
	hex_encode(BYTES_OF(d->challenge.instance), instance);
	hex_encode(BYTES_OF(d->record.id), record);
	(void)snprintf(ms, sizeof(ms), "%llu",
		(unsigned long long)(clock_monotonic_ms(d->app->clock) - d->started_ms));
	log_event(&d->app->log, v->trusted ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING, "decision",
		{"request", bytes_str(http_request_id(d->call->exchange))},
		{"outcome", bytes_str(v->trusted ? "trusted" : "untrusted")},
		{"host", bytes_str(host)}, {"instance", bytes_str(instance)},
		{"workload", d->claims.workload},
		{"purpose", bytes_str(purpose_name(d->claims.purpose))},
		{"reason", bytes_str(v->reason_count ? reason_code_name(v->reasons[0].code) : "")},
		{"record", bytes_str(d->outcome == DECIDE_RECORDED ? record : "")},
		{"ms", bytes_str(ms)});
	if (d->rollout_halted)
		decide_log_halt(d);
	if (d->quarantined)
		log_event(&d->app->log, LOG_LEVEL_ERROR, "host-quarantined",
			{"host", bytes_str(host)}, {"reason", bytes_str("clock-backwards")});
}
