/* SPDX-License-Identifier: Apache-2.0 */
/* What a decision leaves behind: the record, its leaf, and, if it is trust, the credentials. Signed
 * here, stored and sent elsewhere. */
#include "verifier/decide.h"
#include "verifier/record_contents.h"
#include "verifier/revocation.h"

#include "base/cbor.h"
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>

struct decision *decide_new(void)
{
	struct decision *d = malloc(sizeof(*d));
	if (!d)
		return NULL;
	memset(d, 0, offsetof(struct decision, verdict));
	d->common = &decide_common_none;
	verdict_clear(&d->verdict);
	d->attributes.count = 0;
	return d;
}

void decide_drop(struct decision *d)
{
	policy_ref_drop(&d->policy);
	host_row_release(&d->host);
	decide_common_drop(&d->common);
	buf_release(&d->elevations);
	buf_release(&d->context_bytes);
	buf_release(&d->state_bytes);
	buf_release(&d->verdict_json);
	record_row_release(&d->record);
	free(d->opened);
	d->opened = NULL;
	leaf_row_release(&d->leaf);
	leaf_row_release(&d->issued_leaf);
	for (size_t i = 0; i < d->credential_count; i++)
		issued_release(&d->credentials[i]);
}

void decide_unmake(struct decision *d)
{
	decide_drop(d);
	d->credential_count = 0;
	memset(&d->instance, 0, sizeof(d->instance));
	memset(&d->context, 0, sizeof(d->context));
	verdict_clear(&d->verdict);
	memset(&d->state_in, 0, sizeof(d->state_in));
	memset(&d->state_out, 0, sizeof(d->state_out));
	d->instance_known = d->common_kept = false;
	d->watched_count = 0;
	d->outcome = DECIDE_NONE;
	d->quarantined = false;
}

/* ---- the record ----
 *
 * The context names what went in and holds the state the appraisal stood on; besides, the record
 * names each byte object, the verdict, and the state that came out (before it is told which record
 * established it: an auditor computes the same). */

static bool add_digest(
	struct record *record, const char *name, const uint8_t digest[SHA256_LEN], struct err *err)
{
	if (record->input_count == ARRAY_LEN(record->inputs))
		return err_set(err, ERR_INTERNAL, "a record has at most %zu inputs",
			ARRAY_LEN(record->inputs));
	struct record_input *input = &record->inputs[record->input_count++];
	(void)snprintf(input->name, sizeof(input->name), "%s", name);
	memcpy(input->digest, digest, sizeof(input->digest));
	return true;
}

static bool add_input(struct record *record, const char *name, struct bytes object, struct err *err)
{
	uint8_t digest[SHA256_LEN];
	return sha256_of(object, digest, err) && add_digest(record, name, digest, err);
}

/* Hashed once, when it came into force. */
static bool add_policy(struct record *record, const struct policy_ref *ref, struct err *err)
{
	return add_digest(record, "policy", ref->policy->digest, err) &&
	       (ref->signature.len == 0 ||
		       (add_digest(record, "policy-signature", ref->signature_digest, err) &&
			       add_digest(record, "policy-signers", ref->signers_digest, err)));
}

/* "approval-0", "approval-1", … */
static bool add_numbered(struct record *record, const char *name, const struct bytes *objects,
	size_t count, struct err *err)
{
	for (size_t i = 0; i < count; i++) {
		char numbered[24];
		(void)snprintf(numbered, sizeof(numbered), "%s-%u", name, (unsigned)i);
		if (!add_input(record, numbered, objects[i], err))
			return false;
	}
	return true;
}

static bool add_inputs(struct decision *d, struct record *record, struct err *err)
{
	const struct {
		const char *name;
		struct bytes object;
	} inputs[] = {
		{"evidence", http_body(d->call->exchange)},
		{"context", buf_bytes(&d->context_bytes)},
		{"release", buf_bytes(&d->common->release.envelope)},
		{"state-out", buf_bytes(&d->state_bytes)},
		{"verdict", buf_bytes(&d->verdict_json)},
		{"ek-certs", buf_bytes(&d->host.ek_certs)},
		{"elevations", buf_bytes(&d->elevations)},
	};
	for (size_t i = 0; i < ARRAY_LEN(inputs); i++)
		if (inputs[i].object.len > 0 &&
			!add_input(record, inputs[i].name, inputs[i].object, err))
			return false;
	return add_policy(record, d->policy, err) &&
	       add_numbered(record, "approval", d->common->approval_views,
		       d->common->approval_count, err) &&
	       add_numbered(record, "statement", d->common->statement_views,
		       d->common->statement_count, err);
}

static bool make_record(struct decision *d, struct err *err)
{
	struct record *record = calloc(1, sizeof(*record));
	struct record_row *row = &d->record;
	if (!record)
		return err_set(err, ERR_NOMEM, "record");
	d->opened = record;
	record->time = row->time = d->context.now;
	record->purpose = row->purpose = d->challenge.purpose;
	record->trusted = row->trusted = d->verdict.trusted;
	record->assurance = d->verdict.assurance;
	record->workload = d->claims.workload;
	record->verifier_id = d->context.verifier_id;
	memcpy(record->host_id, d->host.id, sizeof(record->host_id));
	memcpy(record->instance, d->challenge.instance, sizeof(record->instance));
	memcpy(record->release, d->claims.release, sizeof(record->release));
	memcpy(record->key, d->key, sizeof(record->key));
	memcpy(row->host, d->host.id, sizeof(row->host));
	memcpy(row->instance, d->challenge.instance, sizeof(row->instance));
	memcpy(row->release, d->claims.release, sizeof(row->release));
	if (text_is_name(d->claims.workload))
		memcpy(row->workload, d->claims.workload.data, d->claims.workload.len);
	if (!add_inputs(d, record, err) ||
		!record_sign(record, d->app->issuer.signing_key, &row->cose, err) ||
		!entry_make(d->app, LEAF_DECISION, row->time, buf_bytes(&row->cose), false,
			&d->leaf, err) ||
		!leaf_seal(store_vault(d->app->store), &d->leaf, err))
		return err_wrap(err, "record");
	memcpy(row->id, d->leaf.hash, sizeof(row->id));
	row->opened = record;
	const struct bytes own[] = {http_body(d->call->exchange), buf_bytes(&d->context_bytes),
		buf_bytes(&d->state_bytes), buf_bytes(&d->verdict_json)};
	return record_seal(store_vault(d->app->store), row, own, ARRAY_LEN(own), err);
}

/* ---- credentials ---- */

static bool make_one(struct decision *d, const struct issue *issue, const struct bytes *audience,
	struct err *err)
{
	struct issued *to = &d->credentials[d->credential_count];
	if (!(audience ? issue_jwt(&d->app->issuer, issue, *audience, to, err)
		       : issue_x509(&d->app->issuer, issue, to, err)))
		return false;
	d->kinds[d->credential_count++] = audience ? CREDENTIAL_JWT : CREDENTIAL_X509;
	return true;
}

/* Each with a place of its own in a status list: nobody could be told otherwise that it was revoked. */
static bool make_token(
	struct decision *d, struct issue *issue, const struct bytes *audience, struct err *err)
{
	return revocation_status_take(d->app, &issue->status, err) &&
	       make_one(d, issue, audience, err);
}

/* What was issued, by digest only: {0: decision, 1: [SHA-256 of each credential]}. */
static bool make_issued_leaf(struct decision *d, struct err *err)
{
	OWNED(buf_release) struct buf content = {0};
	struct cbor_writer w = cbor_writer_of(&content);
	if (d->credential_count == 0)
		return true;
	cbor_put_map(&w, 2);
	cbor_pair_bytes(&w, 0, BYTES_OF(d->leaf.hash));
	cbor_put_int(&w, 1);
	cbor_put_array(&w, d->credential_count);
	for (size_t i = 0; i < d->credential_count; i++) {
		uint8_t digest[SHA256_LEN];
		if (!sha256_of(buf_bytes(&d->credentials[i].bytes), digest, err))
			return false;
		cbor_put_bytes(&w, BYTES_OF(digest));
	}
	return cbor_writer_finish(&w, err) &&
	       entry_make(d->app, LEAF_ISSUED, d->context.now, buf_bytes(&content), true,
		       &d->issued_leaf, err) &&
	       leaf_seal(store_vault(d->app->store), &d->issued_leaf, err);
}

/* Tokens for the audiences that are lent. The verdict holds by this policy, so it has the class and
 * the right, and there is room. */
static bool make_lent(struct decision *d, struct issue *issue, struct err *err)
{
	const struct policy_class *class =
		policy_class_find(d->policy->policy, d->context.workload.risk_class);
	for (size_t i = 0; i < d->verdict.elevation_count; i++) {
		const struct policy_elevation *rule =
			policy_elevation_find(class, bytes_str(d->verdict.elevations[i].right));
		for (size_t k = 0; k < rule->audience_count; k++) {
			struct bytes audience = bytes_str(rule->audiences[k]);
			if (!make_token(d, issue, &audience, err))
				return false;
		}
	}
	return true;
}

static bool make_credentials(struct decision *d, struct err *err)
{
	struct issue issue = {
		.spki = d->claims.key,
		.now = d->context.now,
		.lifetime = d->verdict.credential_lifetime,
		.decision = d->leaf.hash,
		.protection = (enum key_protection)d->verdict.key_protection,
		.elevations = d->verdict.elevations,
		.elevation_count = d->verdict.elevation_count,
	};
	if (!identity_workload_uri(d->app->config.trust_domain, bytes_str(d->common->workload.name),
		    d->challenge.instance, issue.uri, err))
		return false;
	if (d->claims.want_x509 && !make_one(d, &issue, NULL, err))
		return false;
	for (size_t i = 0; i < d->claims.audience_count; i++)
		if (!make_token(d, &issue, &d->claims.audiences[i], err))
			return false;
	return make_lent(d, &issue, err) && make_issued_leaf(d, err);
}

bool decide_make(struct decision *d, struct err *err)
{
	struct bytes evidence = http_body(d->call->exchange);
	if (!sha256_of(d->claims.key, d->key, err) ||
		!policy_state_encode(&d->state_out, &d->state_bytes, err) ||
		!policy_context_encode(
			&d->context, evidence, &d->state_in, &d->context_bytes, err) ||
		!verdict_json(&d->verdict, &d->verdict_json, err) || !make_record(d, err))
		return err_wrap(err, "decision");
	if (!d->verdict.trusted)
		return true;
	memcpy(d->state_out.record, d->leaf.hash, sizeof(d->state_out.record));
	return make_credentials(d, err);
}
