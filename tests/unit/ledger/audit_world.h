/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A verifier's ledger in memory: what scenes were judged by is kept as records, one leaf each, and any
 * of them can be made a bundle, a renewal with the chain behind it.
 */
#ifndef ASSAY_TESTS_UNIT_LEDGER_AUDIT_WORLD_H
#define ASSAY_TESTS_UNIT_LEDGER_AUDIT_WORLD_H

#include "ledger/audit.h"
#include "tests/support/tree_proof.h"
#include "tests/unit/policy/scene.h"

#define WORLD_RECORDS 64
#define WORLD_INPUTS  24

/* One decision as the verifier keeps it. Change what is recorded, then world_seal it again. */
struct kept {
	struct record record;
	struct buf workload, verifier_id; /* what the record borrows */
	struct buf objects[WORLD_INPUTS]; /* in the order of the record's inputs */
	struct buf cose, leaf;
	uint8_t salt[LEDGER_SALT_LEN], hash[SHA256_LEN];
};

struct audit_world {
	struct key *verifier;
	size_t count;
	struct kept records[WORLD_RECORDS];
	/* of the bundle made last */
	struct audit_bundle b;
	struct buf proof, proofs[WORLD_RECORDS], chain, bundle;
	struct audit_link links[WORLD_RECORDS];
	struct bytes link_objects[WORLD_RECORDS * WORLD_INPUTS];
	struct audit_links chained;
	struct audit_report report;
	struct err err;
};

static inline void kept_release(struct kept *k)
{
	for (size_t i = 0; i < WORLD_INPUTS; i++)
		buf_release(&k->objects[i]);
	buf_release(&k->workload);
	buf_release(&k->verifier_id);
	buf_release(&k->cose);
	buf_release(&k->leaf);
}

static inline void audit_world_clear(struct audit_world *w)
{
	for (size_t i = 0; i < w->count; i++)
		kept_release(&w->records[i]);
	for (size_t i = 0; i < WORLD_RECORDS; i++)
		buf_release(&w->proofs[i]);
	buf_release(&w->proof);
	buf_release(&w->chain);
	buf_release(&w->bundle);
	audit_report_release(&w->report);
	memset(w->records, 0, sizeof(w->records));
	w->count = 0;
}

static inline void kept_name(struct kept *k, const char *name, struct bytes object)
{
	size_t i = k->record.input_count++;
	struct err err = {0};

	assert_true(i < WORLD_INPUTS);
	(void)snprintf(k->record.inputs[i].name, sizeof(k->record.inputs[i].name), "%s", name);
	assert_ok(sha256_of(object, k->record.inputs[i].digest, &err), err);
	buf_put(&k->objects[i], object);
}

static inline void kept_inputs(struct kept *k, struct scene *s, const struct verdict *said)
{
	struct buf context = {0}, verdict = {0}, state = {0};
	struct err err = {0};

	assert_ok(policy_context_encode(
			  &s->context, buf_bytes(&s->evidence), &s->state_in, &context, &err),
		err);
	assert_ok(verdict_json(said, &verdict, &err), err);
	assert_ok(policy_state_encode(&s->state_out, &state, &err), err);
	kept_name(k, "context", buf_bytes(&context));
	kept_name(k, "evidence", buf_bytes(&s->evidence));
	kept_name(k, "policy", buf_bytes(&s->policy_text));
	kept_name(k, "release", s->context.release);
	kept_name(k, "verdict", buf_bytes(&verdict));
	kept_name(k, "state-out", buf_bytes(&state));
	if (s->context.host.ek_certs.len > 0)
		kept_name(k, "ek-certs", s->context.host.ek_certs);
	for (size_t i = 0; i < s->context.approval_count; i++)
		kept_name(k, i ? "approval-1" : "approval-0", s->context.approvals[i]);
	for (size_t i = 0; i < s->context.statement_count; i++)
		kept_name(k, i ? "statement-1" : "statement-0", s->context.statements[i]);
	buf_release(&context);
	buf_release(&verdict);
	buf_release(&state);
}

/* Signs the record and makes its leaf, again where that was done before. */
static inline void world_seal(struct audit_world *w, size_t index)
{
	struct kept *k = &w->records[index];
	struct leaf leaf = {.type = LEAF_DECISION, .time = k->record.time};

	buf_clear(&k->cose);
	buf_clear(&k->leaf);
	assert_ok(record_sign(&k->record, w->verifier, &k->cose, &w->err), w->err);
	memset(k->salt, 0x5a, LEDGER_SALT_LEN);
	memcpy(leaf.issuer, key_id(w->verifier), SHA256_LEN);
	assert_ok(
		ledger_commitment(k->salt, buf_bytes(&k->cose), leaf.commitment, &w->err), w->err);
	assert_ok(leaf_encode(&leaf, &k->leaf, &w->err), w->err);
	assert_ok(leaf_hash(buf_bytes(&k->leaf), k->hash, &w->err), w->err);
}

/* Keeps what the scene was judged by, with the verdict that the verifier says came out. */
static inline size_t world_keep_as(
	struct audit_world *w, struct scene *s, const struct verdict *said)
{
	struct kept *k = &w->records[w->count];
	struct record *r = &k->record;

	assert_true(w->count < WORLD_RECORDS);
	buf_put(&k->workload, s->claims.workload);
	buf_put(&k->verifier_id, s->context.verifier_id);
	r->time = s->context.now;
	r->purpose = s->context.challenge.purpose;
	r->workload = buf_bytes(&k->workload);
	r->trusted = said->trusted;
	r->assurance = said->assurance;
	r->verifier_id = buf_bytes(&k->verifier_id);
	memcpy(r->host_id, s->context.host.id, HOST_ID_LEN);
	memcpy(r->instance, s->context.challenge.instance, INSTANCE_ID_LEN);
	memcpy(r->release, s->claims.release, SHA256_LEN);
	assert_ok(sha256_of(s->claims.key, r->key, &w->err), w->err);
	kept_inputs(k, s, said);
	world_seal(w, w->count);
	return w->count++;
}

static inline size_t world_keep(struct audit_world *w, struct scene *s)
{
	return world_keep_as(w, s, s->verdict);
}

static inline void world_prove(struct audit_world *w, size_t index, struct buf *out)
{
	uint8_t hashes[WORLD_RECORDS][SHA256_LEN];

	for (size_t i = 0; i < w->count; i++)
		memcpy(hashes[i], w->records[i].hash, SHA256_LEN);
	buf_clear(out);
	assert_ok(tree_inclusion_proof(
			  (const uint8_t(*)[SHA256_LEN])hashes, w->count, index, out, &w->err),
		w->err);
}

/* The bundle of one record over the tree of all, into w->b. */
static inline void world_bundle(struct audit_world *w, size_t index)
{
	const struct kept *k = &w->records[index];
	struct tree_edge edge = {0};

	w->b = (struct audit_bundle){
		.record = buf_bytes(&k->cose),
		.leaf = buf_bytes(&k->leaf),
		.index = index,
		.tree_size = w->count,
		.object_count = k->record.input_count,
	};
	for (size_t i = 0; i < k->record.input_count; i++)
		w->b.objects[i] = buf_bytes(&k->objects[i]);
	memcpy(w->b.salt, k->salt, LEDGER_SALT_LEN);
	for (size_t i = 0; i < w->count; i++)
		assert_ok(tree_append(&edge, w->records[i].hash, &w->err), w->err);
	assert_ok(tree_root(&edge, w->b.tree_root, &w->err), w->err);
	world_prove(w, index, &w->proof);
	w->b.proof = buf_bytes(&w->proof);
}

/* Behind it the records from `from` down to `to`, in w->chained; world_chain_seal puts them in. */
static inline void world_chain(struct audit_world *w, size_t from, size_t to)
{
	w->chained = (struct audit_links){.links = w->links, .objects = w->link_objects};
	for (size_t i = from + 1; i-- > to;) {
		const struct kept *k = &w->records[i];
		struct audit_link *link = &w->links[w->chained.count++];

		world_prove(w, i, &w->proofs[i]);
		*link = (struct audit_link){.record = buf_bytes(&k->cose),
			.leaf = buf_bytes(&k->leaf),
			.proof = buf_bytes(&w->proofs[i]),
			.index = i};
		memcpy(link->salt, k->salt, LEDGER_SALT_LEN);
		for (size_t o = 0; o < k->record.input_count; o++)
			w->link_objects[w->chained.object_count++] = buf_bytes(&k->objects[o]);
	}
}

static inline void world_chain_seal(struct audit_world *w)
{
	buf_clear(&w->chain);
	assert_ok(audit_links_encode(&w->chained, &w->chain, &w->err), w->err);
	w->b.chain = buf_bytes(&w->chain);
}

static inline void world_audit(struct audit_world *w, const struct audit_anchors *anchors)
{
	audit_report_release(&w->report);
	buf_clear(&w->bundle);
	assert_ok(audit_bundle_encode(&w->b, &w->bundle, &w->err), w->err);
	assert_ok(audit_run(buf_bytes(&w->bundle), anchors, &w->report, &w->err), w->err);
}

/* The first leaf of that name whose result is the one wanted; NULL: none. */
static inline const struct audit_step *world_leaf(
	const struct audit_world *w, const char *what, enum audit_step_result result, bool earlier)
{
	for (size_t i = 0; i < w->report.step_count; i++) {
		const struct audit_step *step = &w->report.steps[i];

		if (strcmp(step->what, what) == 0 && step->result == result &&
			step->earlier == earlier)
			return step;
	}
	return NULL;
}

static inline void world_print(const struct audit_world *w)
{
	struct buf text = {0};
	struct err err = {0};

	assert_ok(audit_report_text(&w->report, false, &text, &err), err);
	for (const char *line = buf_str(&text); *line;) {
		size_t n = strcspn(line, "\n");

		print_message("%.*s\n", (int)n, line);
		line += n + (line[n] == '\n');
	}
	buf_release(&text);
}

#endif
