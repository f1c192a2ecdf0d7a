/* SPDX-License-Identifier: Apache-2.0 */
/* The job that makes a decision true: it holds for the rows as they are now, or it does not happen.
 */
#include "verifier/decide.h"

#include "base/text.h"
#include "policy/instant.h"
#include "verifier/leases.h"
#include "verifier/record_objects.h"

/* Refusals that say nothing against the instance, only that this evidence came too late, over
 * another connection, or has to be sent in full. Anything else ends what was issued. */
static const enum reason_code harmless[] = {
	REASON_CHALLENGE_EXPIRED,
	REASON_EXPORTER,
	REASON_STATE_STALE,
	REASON_PCRS_CHANGED,
	REASON_RUNTIME_GAP,
};

bool decide_harmless(const struct verdict *verdict)
{
	for (size_t i = 0; i < verdict->reason_count; i++) {
		bool found = false;
		for (size_t k = 0; k < ARRAY_LEN(harmless); k++)
			found = found || verdict->reasons[i].code == harmless[k];
		if (!found)
			return false;
	}
	return verdict->reason_count > 0 && !verdict->reasons_cut;
}

static bool recheck(struct decision *d, struct store_tx *tx, struct err *err)
{
	if (memcmp(tx->policy, d->policy->policy->digest, SHA256_LEN) != 0)
		return err_set(err, ERR_CONFLICT, "the policy was changed meanwhile");
	bool named = text_is_name(d->claims.workload);
	return host_recheck(tx->sql, &d->host, err) &&
	       (!named || workload_recheck(
				  tx->sql, d->claims.workload, d->common->workload.version, err)) &&
	       release_recheck(tx->sql, d->claims.release, d->common->release.version, err) &&
	       decide_rollout_recheck(d, tx, err);
}

static bool consume(struct decision *d, struct store_tx *tx, struct err *err)
{
	return counter_take(tx->sql, d->host.id, d->challenge.instance, d->challenge.purpose,
		d->challenge.counter, err);
}

/* By the digest that the record names it by: it was hashed when the record was made. */
static bool put_object(struct decision *d, struct store_tx *tx, const char *name,
	struct bytes content, struct err *err)
{
	const uint8_t *digest = record_input_digest(d->opened, name);
	return digest ? object_put(tx->sql, digest, content, err)
		      : err_set(err, ERR_INTERNAL, "the record names no %s", name);
}

/* Policy, release, approvals and the host's keys were stored when they came to be; evidence, context, state and verdict are the
 * record's own. */
static bool put_record(struct decision *d, struct store_tx *tx, struct err *err)
{
	if (!leaf_append(tx, &d->leaf, err))
		return false;
	d->record.index = d->leaf.index;
	return record_insert(tx->sql, &d->record, err) &&
	       (d->elevations.len == 0 ||
		       put_object(d, tx, "elevations", buf_bytes(&d->elevations), err));
}

int64_t decide_lease(const struct decision *d)
{
	const struct policy_class *class =
		policy_class_find(d->policy->policy, bytes_str(d->common->workload.risk_class));
	int64_t until = instant_after(
		d->context.now, class ? class->lease : d->verdict.credential_lifetime);
	return d->instance_known && until == d->instance.lease ? until + 1 : until;
}

static bool next_renewal(struct decision *d, struct store_tx *tx, struct err *err)
{
	d->next_renewal = d->challenge.counter + 1;
	return d->challenge.purpose == PURPOSE_RENEW ||
	       counter_get(tx->sql, d->host.id, d->challenge.instance, PURPOSE_RENEW,
		       &d->next_renewal, err);
}

static bool put_instance(
	struct decision *d, struct store_tx *tx, enum instance_state state, struct err *err)
{
	struct instance_row row = d->instance;
	row.state = state;
	row.policy_state = d->state_out;
	/* Refused for want of a full log: the next challenge has to ask for it from the beginning. */
	if (!d->verdict.trusted && verdict_wants_full(&d->verdict))
		row.policy_state.runtime_next = 0;
	if (d->verdict.trusted) {
		if (!next_renewal(d, tx, err))
			return false;
		row.full_counter = decide_full_counter(d, d->next_renewal);
		memcpy(row.host, d->host.id, sizeof(row.host));
		memcpy(row.instance, d->challenge.instance, sizeof(row.instance));
		memcpy(row.release, d->claims.release, sizeof(row.release));
		memcpy(row.workload, d->common->workload.name, sizeof(row.workload));
		row.created = d->instance_known ? row.created : d->context.now;
		row.renewed = d->context.now;
		row.lease = decide_lease(d);
	}
	row.version = d->instance_known ? d->instance.version : 0;
	return instance_put(tx->sql, &row, err);
}

/* A revoked right takes its credentials along. */
static bool put_carried(
	struct decision *d, struct store_tx *tx, const struct credential_row *row, struct err *err)
{
	for (size_t i = 0; i < d->verdict.elevation_count; i++)
		if (!elevation_credential_insert(
			    tx->sql, d->verdict.elevations[i].id, row->serial, row->not_after, err))
			return false;
	return true;
}

static bool put_credentials(struct decision *d, struct store_tx *tx, struct err *err)
{
	for (size_t i = 0; i < d->credential_count; i++) {
		struct credential_row row = {
			.kind = d->kinds[i],
			.issued = d->context.now,
			.not_after = d->credentials[i].not_after,
			.status = d->credentials[i].status,
		};
		memcpy(row.serial, d->credentials[i].serial, sizeof(row.serial));
		memcpy(row.host, d->host.id, sizeof(row.host));
		memcpy(row.instance, d->challenge.instance, sizeof(row.instance));
		memcpy(row.spki, d->key, sizeof(row.spki));
		if (!credential_insert(tx->sql, &row, err) || !put_carried(d, tx, &row, err))
			return false;
	}
	return d->credential_count == 0 || leaf_append(tx, &d->issued_leaf, err);
}

static bool put_seen(struct decision *d, struct store_tx *tx, struct err *err)
{
	struct host_row seen = {
		.seen = d->context.now > 0 ? d->context.now : 1,
		.seen_index = d->leaf.index,
		.reset_count = d->attest.reset_count,
		.restart_count = d->attest.restart_count,
		.clock = d->attest.clock,
		.firmware_version = d->attest.firmware_version,
	};
	memcpy(seen.id, d->host.id, sizeof(seen.id));
	memcpy(seen.boot_id, d->claims.boot_id, sizeof(seen.boot_id));
	/* Quotes of one host may overtake each other: the newest clock stays. */
	if (d->host.seen && d->host.reset_count == seen.reset_count && d->host.clock > seen.clock)
		seen.clock = d->host.clock;
	return host_set_seen(tx->sql, &seen, err);
}

/* Where rollouts rule, only the release in force raises the floor: a canary's may still be taken
 * back, and one that an earlier rollout took back stays so. A promotion raises it by itself. */
static bool in_force(const struct decision *d)
{
	return !d->common->rollout_known ||
	       memcmp(d->common->release.digest, rollout_in_force(&d->common->rollout),
		       SHA256_LEN) == 0;
}

static bool note(struct decision *d, struct store_tx *tx, enum instance_view view, const char *why,
	struct err *err)
{
	return instance_history_add(
		tx->sql, d->host.id, d->challenge.instance, d->context.now, view, why, err);
}

/* It was not shown as trusted just before. */
static bool is_news(const struct decision *d)
{
	return !d->instance_known || d->instance.state != INSTANCE_TRUSTED ||
	       d->instance.told != VIEW_TRUSTED || d->instance.lease <= d->context.now;
}

static bool note_trusted(struct decision *d, struct store_tx *tx, struct err *err)
{
	return !is_news(d) || note(d, tx, VIEW_TRUSTED, purpose_name(d->claims.purpose), err);
}

static bool commit_trusted(struct decision *d, struct store_tx *tx, struct err *err)
{
	return note_trusted(d, tx, err) && decide_put_sighting(d, tx, err) &&
	       put_instance(d, tx, INSTANCE_TRUSTED, err) && put_credentials(d, tx, err) &&
	       put_seen(d, tx, err) &&
	       (!in_force(d) || floor_raise(d->app, tx, &d->common->floors, &d->common->release,
					d->context.now, err));
}

static bool end_instance(struct decision *d, struct store_tx *tx, struct err *err)
{
	char host[2 * HOST_ID_LEN + 1], instance[2 * INSTANCE_ID_LEN + 1];
	hex_encode(BYTES_OF(d->host.id), host);
	hex_encode(BYTES_OF(d->challenge.instance), instance);
	return entry_append(d->app, tx, LEAF_INSTANCE_END, d->context.now,
		json_pack("{s:s, s:s, s:s}", "event", "instance-end", "host", host, "instance",
			instance),
		err);
}

static bool quarantine(struct decision *d, struct store_tx *tx, struct err *err)
{
	char host[2 * HOST_ID_LEN + 1];
	hex_encode(BYTES_OF(d->host.id), host);
	d->quarantined = true;
	return instance_history_host(
		       tx->sql, d->host.id, d->context.now, VIEW_QUARANTINED, "fork", err) &&
	       host_set_state(tx->sql, d->host.id, d->host.version, HOST_QUARANTINED, err) &&
	       credentials_revoke_host(
		       tx->sql, d->host.id, d->context.now, REVOKED_KEY_COMPROMISE, err) &&
	       entry_append(d->app, tx, LEAF_HOST_STATE, d->context.now,
		       json_pack("{s:s, s:s, s:s, s:s, s:s}", "event", "host-state", "host", host,
			       "state", host_state_name(HOST_QUARANTINED), "by", "verifier",
			       "reason",
			       "the TPM's counters or clock went back: its state exists twice"),
		       err);
}

static bool note_refused(
	struct decision *d, struct store_tx *tx, enum instance_state state, struct err *err)
{
	const char *why = reason_code_name(d->verdict.reasons[0].code);
	if (state == d->instance.state)
		return true;
	return note(d, tx, state == INSTANCE_ENDED ? VIEW_ENDED : VIEW_UNTRUSTED, why, err);
}

static bool commit_refused(struct decision *d, struct store_tx *tx, struct err *err)
{
	bool ended = d->state_out.ended && !d->state_in.ended;
	if (!host_heard_set(tx->sql, d->host.id, d->context.now, err) ||
		!decide_put_sighting(d, tx, err) || (decide_is_fork(d) && !quarantine(d, tx, err)))
		return false;
	if (!d->instance_known)
		return true;
	enum instance_state state = d->instance.state;
	if (d->state_out.ended)
		state = INSTANCE_ENDED;
	else if (!decide_harmless(&d->verdict))
		state = INSTANCE_REFUSED;
	if (state != INSTANCE_TRUSTED &&
		!credentials_revoke_instance(tx->sql, d->host.id, d->challenge.instance,
			d->context.now, ended ? REVOKED_CESSATION : REVOKED_PRIVILEGE, err))
		return false;
	return note_refused(d, tx, state, err) && put_instance(d, tx, state, err) &&
	       (!ended || end_instance(d, tx, err));
}

bool decide_commit(struct store_tx *tx, void *decision, struct err *err)
{
	struct decision *d = decision;
	d->quarantined = d->again = d->rollout_halted = false;
	if (!decide_rollout_count_exits(d, tx, err))
		return false;
	if (d->again)
		return true;
	if (!consume(d, tx, err) || !recheck(d, tx, err) || !put_record(d, tx, err) ||
		!(d->verdict.trusted ? commit_trusted(d, tx, err) : commit_refused(d, tx, err)))
		return false;
	return decide_rollout_count(d, tx, err);
}
