/* SPDX-License-Identifier: Apache-2.0 */
/* The audit file of what a scene was last judged by, with nothing left out: certificates, leaf, proof, and a checkpoint that a
 * witness cosigned. */
#ifndef ASSAY_TESTS_UNIT_LEDGER_WHOLE_BUNDLE_H
#define ASSAY_TESTS_UNIT_LEDGER_WHOLE_BUNDLE_H

#include "ledger/audit.h"
#include "tests/support/tree_proof.h"
#include "tests/unit/policy/scene.h"

#define WHOLE_LEAVES 5u
#define WHOLE_INDEX  2u

struct whole {
	struct key *verifier, *ca_key, *log_pair, *witness_pair;
	struct cert *ca, *cert;
	struct note_key log_key, cosigner;
	struct tlog_policy *policy; /* the log, and the witness that it demands */
	struct record record;
	struct audit_bundle b;
	struct buf context, verdict, state, sealed, leaf, proof, note, file;
	uint8_t hashes[WHOLE_LEAVES][SHA256_LEN];
	struct err err;
};

static inline void whole_release(struct whole *w)
{
	struct buf *bufs[] = {&w->context, &w->verdict, &w->state, &w->sealed, &w->leaf, &w->proof,
		&w->note, &w->file};
	for (size_t i = 0; i < ARRAY_LEN(bufs); i++)
		buf_release(bufs[i]);
	key_unref(&w->verifier);
	key_unref(&w->ca_key);
	key_unref(&w->log_pair);
	key_unref(&w->witness_pair);
	cert_unref(&w->ca);
	cert_unref(&w->cert);
	note_key_release(&w->log_key);
	note_key_release(&w->cosigner);
	tlog_policy_free(&w->policy);
}

static inline void whole_certificate(struct whole *w, const char *name, const struct key *subject,
	const struct cert *issuer, struct key *issuer_key, struct cert **ret)
{
	struct cert_request request = {
		.common_name = name,
		.subject = subject,
		.not_before = SCENE_NOW - 86400,
		.not_after = SCENE_NOW + 86400,
		.ca = subject != w->verifier,
	};
	assert_ok(cert_issue(&request, issuer, issuer_key, ret, &w->err), w->err);
}

static inline void whole_keys(struct whole *w)
{
	struct buf text = {0};
	assert_ok(key_generate(KEY_EC_P256, &w->verifier, &w->err), w->err);
	assert_ok(key_generate(KEY_EC_P256, &w->ca_key, &w->err), w->err);
	assert_ok(key_generate(KEY_ED25519, &w->log_pair, &w->err), w->err);
	assert_ok(key_generate(KEY_ED25519, &w->witness_pair, &w->err), w->err);
	whole_certificate(w, "Verifier CA", w->ca_key, NULL, w->ca_key, &w->ca);
	whole_certificate(w, "verifier", w->verifier, w->ca, w->ca_key, &w->cert);
	assert_ok(note_key_of("log.example", w->log_pair, &w->log_key, &w->err), w->err);
	assert_ok(note_cosigner_of("w.example", w->witness_pair, &w->cosigner, &w->err), w->err);
	buf_put_str(&text, "log ");
	assert_ok(note_key_write(&w->log_key, &text, &w->err), w->err);
	buf_put_str(&text, "\nwitness W ");
	assert_ok(note_key_write(&w->cosigner, &text, &w->err), w->err);
	buf_put_str(&text, "\nquorum W\n");
	assert_ok(tlog_policy_parse(buf_bytes(&text), &w->policy, &w->err), w->err);
	buf_release(&text);
}

static inline void whole_input(struct whole *w, const char *name, size_t n, struct bytes object)
{
	struct record_input *input = &w->record.inputs[w->record.input_count++];
	if (n == SIZE_MAX)
		(void)snprintf(input->name, sizeof(input->name), "%s", name);
	else
		(void)snprintf(input->name, sizeof(input->name), "%s-%u", name, (unsigned)n);
	assert_ok(sha256_of(object, input->digest, &w->err), w->err);
	w->b.objects[w->b.object_count++] = object;
}

static inline void whole_record(struct whole *w, const struct scene *s)
{
	w->record = (struct record){.time = s->context.now,
		.purpose = s->context.challenge.purpose,
		.workload = s->claims.workload,
		.trusted = s->verdict->trusted,
		.assurance = s->verdict->assurance,
		.verifier_id = s->context.verifier_id};
	memcpy(w->record.host_id, s->context.host.id, HOST_ID_LEN);
	memcpy(w->record.instance, s->context.challenge.instance, INSTANCE_ID_LEN);
	memcpy(w->record.release, s->claims.release, SHA256_LEN);
	assert_ok(sha256_of(s->claims.key, w->record.key, &w->err), w->err);
	assert_ok(policy_context_encode(
			  &s->context, buf_bytes(&s->evidence), &s->state_in, &w->context, &w->err),
		w->err);
	assert_ok(verdict_json(s->verdict, &w->verdict, &w->err), w->err);
	assert_ok(policy_state_encode(&s->state_out, &w->state, &w->err), w->err);
	whole_input(w, "context", SIZE_MAX, buf_bytes(&w->context));
	whole_input(w, "evidence", SIZE_MAX, buf_bytes(&s->evidence));
	whole_input(w, "policy", SIZE_MAX, buf_bytes(&s->policy_text));
	whole_input(w, "release", SIZE_MAX, s->context.release);
	whole_input(w, "verdict", SIZE_MAX, buf_bytes(&w->verdict));
	whole_input(w, "state-out", SIZE_MAX, buf_bytes(&w->state));
	for (size_t i = 0; i < s->context.approval_count; i++)
		whole_input(w, "approval", i, s->context.approvals[i]);
	for (size_t i = 0; i < s->context.statement_count; i++)
		whole_input(w, "statement", i, s->context.statements[i]);
	assert_ok(record_sign(&w->record, w->verifier, &w->sealed, &w->err), w->err);
	w->b.record = buf_bytes(&w->sealed);
}

/* The third leaf of five. */
static inline void whole_leaf(struct whole *w)
{
	struct leaf leaf = {.type = LEAF_DECISION, .time = w->record.time};
	struct tree_edge edge = {0};
	memset(w->b.salt, 0x5a, LEDGER_SALT_LEN);
	memcpy(leaf.issuer, key_id(w->verifier), SHA256_LEN);
	assert_ok(ledger_commitment(w->b.salt, w->b.record, leaf.commitment, &w->err), w->err);
	assert_ok(leaf_encode(&leaf, &w->leaf, &w->err), w->err);
	w->b.leaf = buf_bytes(&w->leaf);
	w->b.index = WHOLE_INDEX;
	w->b.tree_size = WHOLE_LEAVES;
	for (unsigned i = 0; i < WHOLE_LEAVES; i++) {
		memset(w->hashes[i], (int)i, SHA256_LEN);
		if (i == WHOLE_INDEX)
			assert_ok(leaf_hash(w->b.leaf, w->hashes[i], &w->err), w->err);
		assert_ok(tree_append(&edge, w->hashes[i], &w->err), w->err);
	}
	assert_ok(tree_root(&edge, w->b.tree_root, &w->err), w->err);
	assert_ok(tree_inclusion_proof((const uint8_t(*)[SHA256_LEN])w->hashes, WHOLE_LEAVES,
			  WHOLE_INDEX, &w->proof, &w->err),
		w->err);
	w->b.proof = buf_bytes(&w->proof);
}

static inline void whole_checkpoint(struct whole *w)
{
	struct buf text = {0};
	struct checkpoint made = {.origin = BYTES_LIT("log.example"), .size = w->b.tree_size};
	memcpy(made.root, w->b.tree_root, SHA256_LEN);
	assert_ok(checkpoint_write(&made, &text, &w->err), w->err);
	assert_ok(note_sign(buf_bytes(&text), &w->log_key, &w->note, &w->err), w->err);
	assert_ok(
		note_cosign(buf_bytes(&text), &w->cosigner, SCENE_NOW, &w->note, &w->err), w->err);
	w->b.checkpoint = buf_bytes(&w->note);
	buf_release(&text);
}

/* more: objects that the policy names, say. w is zeros; its file is what `assay audit` reads. */
static inline void whole_make(
	struct whole *w, const struct scene *s, const struct bytes *more, size_t more_count)
{
	whole_keys(w);
	whole_record(w, s);
	for (size_t i = 0; i < more_count; i++)
		w->b.objects[w->b.object_count++] = more[i];
	whole_leaf(w);
	whole_checkpoint(w);
	w->b.certs[0] = cert_der(w->cert);
	w->b.cert_count = 1; /* the root is the auditor's */
	assert_ok(audit_bundle_encode(&w->b, &w->file, &w->err), w->err);
}

#endif
