/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The frozen context: every input of a decision in one deterministic CBOR map, byte objects by
 * their digest (docs/formats/record.md). Encode and decode stand side by side, part for part.
 */
#include "base/cbor.h"
#include "base/text.h"
#include "policy/context_floors.h"
#include "policy/context_parts.h"

#define CONTEXT_FORMAT  1
#define CONTEXT_MAX     65536u
#define VERIFIER_ID_MAX 255u

enum {
	KEY_FORMAT = 0,
	KEY_NOW = 1,
	KEY_VERIFIER_ID = 2,
	KEY_POLICY = 3,
	KEY_HOST = 4,
	KEY_CHALLENGE = 5,
	KEY_EXPORTER = 6,
	KEY_WORKLOAD = 7,
	KEY_RELEASE_STATE = 8,
	KEY_RELEASE = 9,
	KEY_APPROVALS = 10,
	KEY_LEDGER_INDEX = 11,
	KEY_EVIDENCE = 12,
	KEY_STATE_IN = 13,
	KEY_STATEMENTS = 14, /* only where there are any: older records have none */
	KEY_FLOOR = CONTEXT_KEY_FLOOR, /* the same */
	KEY_SECURITY_FLOOR = CONTEXT_KEY_SECURITY_FLOOR, /* the same */
	KEY_ROLLOUT = 17, /* the same */
	KEY_LEASE = 18, /* the same */
	KEY_ELEVATIONS = 19, /* the same */
	KEY_FULL_AGO = 20, /* the same */
};

static const int64_t KEYS[] = {KEY_FORMAT, KEY_NOW, KEY_VERIFIER_ID, KEY_POLICY, KEY_HOST,
	KEY_CHALLENGE, KEY_EXPORTER, KEY_WORKLOAD, KEY_RELEASE_STATE, KEY_RELEASE, KEY_APPROVALS,
	KEY_LEDGER_INDEX, KEY_EVIDENCE, KEY_STATE_IN, KEY_STATEMENTS, KEY_FLOOR, KEY_SECURITY_FLOOR,
	KEY_ROLLOUT, KEY_LEASE, KEY_ELEVATIONS, KEY_FULL_AGO};

static bool put_objects(struct cbor_writer *w, int64_t key, const struct bytes *objects,
	size_t count, struct err *err)
{
	cbor_put_int(w, key);
	cbor_put_array(w, count);
	for (size_t i = 0; i < count; i++) {
		uint8_t digest[SHA256_LEN];

		if (!sha256_of(objects[i], digest, err))
			return false;
		cbor_put_bytes(w, BYTES_OF(digest));
	}
	return true;
}

static bool put_context(struct cbor_writer *w, const struct policy_context *c,
	struct bytes evidence, struct bytes state_in, struct err *err)
{
	cbor_put_map(w, ARRAY_LEN(KEYS) - (c->statement_count == 0) - 2u + context_count_floors(c) -
				(c->rollout.state == ROLLOUT_NONE) - (c->lease == 0) -
				(c->elevations.len == 0) - (c->full_ago == 0));
	cbor_pair_uint(w, KEY_FORMAT, CONTEXT_FORMAT);
	cbor_pair_uint(w, KEY_NOW, (uint64_t)c->now);
	cbor_pair_text(w, KEY_VERIFIER_ID, c->verifier_id);
	cbor_pair_bytes(w, KEY_POLICY, BYTES_OF(c->policy->digest));
	cbor_put_int(w, KEY_HOST);
	if (!context_put_host(w, &c->host, err))
		return false;
	cbor_put_int(w, KEY_CHALLENGE);
	context_put_challenge(w, &c->challenge);
	cbor_pair_bytes(w, KEY_EXPORTER, BYTES_OF(c->exporter));
	cbor_put_int(w, KEY_WORKLOAD);
	context_put_workload(w, &c->workload);
	cbor_pair_uint(w, KEY_RELEASE_STATE, c->release_state);
	if (!context_put_object(w, KEY_RELEASE, c->release, err) ||
		!put_objects(w, KEY_APPROVALS, c->approvals, c->approval_count, err))
		return false;
	cbor_pair_uint(w, KEY_LEDGER_INDEX, c->ledger_index);
	if (!context_put_object(w, KEY_EVIDENCE, evidence, err))
		return false;
	cbor_pair_bytes(w, KEY_STATE_IN, state_in);
	if (c->statement_count > 0 &&
		!put_objects(w, KEY_STATEMENTS, c->statements, c->statement_count, err))
		return false;
	context_put_floors(w, c);
	if (c->rollout.state != ROLLOUT_NONE) {
		cbor_put_int(w, KEY_ROLLOUT);
		context_put_rollout(w, &c->rollout);
	}
	if (c->lease != 0)
		cbor_pair_uint(w, KEY_LEASE, (uint64_t)c->lease);
	if (c->elevations.len > 0 && !context_put_object(w, KEY_ELEVATIONS, c->elevations, err))
		return false;
	if (c->full_ago != 0)
		cbor_pair_uint(w, KEY_FULL_AGO, c->full_ago);
	return true;
}

bool policy_context_encode(const struct policy_context *context, struct bytes evidence,
	const struct policy_state *state_in, struct buf *out, struct err *err)
{
	OWNED(buf_release) struct buf state = {0};
	struct cbor_writer w = cbor_writer_of(out);

	const int64_t times[] = {context->now, context->host.enrolled, context->challenge.issued,
		context->challenge.expires, context->workload.reviewed,
		context->workload.review_next, context->floor.published,
		context->floor.judged_published, context->floor.passed, context->rollout.changed,
		context->rollout.drain, context->lease};

	if (!context->policy || context->approval_count > APPROVALS_MAX ||
		context->statement_count > STATEMENTS_MAX)
		return err_set(
			err, ERR_USAGE, "context: no policy, or too many approvals or statements");
	if (context->host.attribute_count > HOST_ATTRIBUTES_MAX)
		return err_set(err, ERR_USAGE, "context: too many attributes of the host");
	for (size_t i = 0; i < ARRAY_LEN(times); i++)
		if (times[i] < 0 || times[i] > POLICY_TIME_MAX)
			return err_set(err, ERR_USAGE, "context: a time out of range");
	if (!policy_state_encode(state_in, &state, err))
		return false;
	return (put_context(&w, context, evidence, buf_bytes(&state), err) &&
		       cbor_writer_finish(&w, err)) ||
	       err_wrap(err, "context");
}

/* Where decoding finds objects, and the first one that it did not find. */
struct source {
	policy_find find;
	policy_withheld withheld; /* NULL: nothing may be missing */
	void *arg;
	struct err *err;
	bool failed;
};

static struct bytes find_object(
	struct source *s, const char *name, struct bytes digest, bool may_be_withheld)
{
	uint8_t actual[SHA256_LEN];
	struct bytes object = {0};

	if (s->failed || digest.len != SHA256_LEN)
		return object;
	s->failed = true;
	if (!s->find(s->arg, digest.data, &object)) {
		if (may_be_withheld && s->withheld && s->withheld(s->arg, digest.data)) {
			s->failed = false;
			return (struct bytes){0};
		}
		char hex[2 * SHA256_LEN + 1];

		hex_encode(digest, hex);
		(void)err_set(
			s->err, ERR_NOT_FOUND, "%s %s: not among the inputs given", name, hex);
		return (struct bytes){0};
	}
	if (!sha256_of(object, actual, s->err))
		return (struct bytes){0};
	if (memcmp(actual, digest.data, SHA256_LEN) != 0) {
		(void)err_set(s->err, ERR_MISMATCH, "%s: not the bytes with its digest", name);
		return (struct bytes){0};
	}
	s->failed = false;
	return object;
}

/* The digests that the map names, before anything is looked up. */
struct named {
	struct bytes policy, ek_certs, release, evidence, state_in, elevations;
	struct bytes approvals[APPROVALS_MAX], statements[STATEMENTS_MAX];
	struct host_attribute *attributes; /* where they go */
};

static size_t read_digests(struct cbor_item array, size_t max, struct bytes *ret, const char *field)
{
	size_t count = cbor_array(array, max, field);

	for (size_t i = 0; i < count; i++)
		ret[i] = cbor_bytes(cbor_at(array, i, field), SHA256_LEN, SHA256_LEN, field);
	return count;
}

static void read_statements(struct cbor_item root, struct policy_context *c, struct named *named)
{
	struct cbor_item item = cbor_key_optional(root, KEY_STATEMENTS);

	if (item.kind == CBOR_ABSENT)
		return;
	c->statement_count = read_digests(item, STATEMENTS_MAX, named->statements, "statements");
	if (c->statement_count == 0)
		cbor_fail(item, "statements", "empty: left out where there are none");
}

static void read_lease(struct cbor_item root, struct policy_context *c)
{
	struct cbor_item item = cbor_key_optional(root, KEY_LEASE);

	if (item.kind == CBOR_ABSENT)
		return;
	c->lease = context_read_time(root, KEY_LEASE, "lease");
	if (c->lease == 0)
		cbor_fail(item, "lease", "0: left out where it did not end");
}

static void read_full_ago(struct cbor_item root, struct policy_context *c)
{
	struct cbor_item item = cbor_key_optional(root, KEY_FULL_AGO);

	if (item.kind == CBOR_ABSENT)
		return;
	c->full_ago = cbor_uint(item, UINT64_MAX, "full appraisal");
	if (c->full_ago == 0)
		cbor_fail(item, "full appraisal", "0: left out where none is overdue");
}

/* Left out where there are none: null is not written. */
static struct bytes read_elevations(struct cbor_item root)
{
	struct cbor_item item = cbor_key_optional(root, KEY_ELEVATIONS);

	if (item.kind == CBOR_ABSENT)
		return (struct bytes){0};
	return cbor_bytes(item, SHA256_LEN, SHA256_LEN, "elevations");
}

static void read_context(struct cbor_item root, struct policy_context *c, struct named *named)
{
	cbor_only_keys(root, KEYS, ARRAY_LEN(KEYS), "context");
	if (context_read_number(root, KEY_FORMAT, UINT32_MAX, "format") != CONTEXT_FORMAT)
		cbor_fail(root, "format", "another one than this program knows");
	c->now = context_read_time(root, KEY_NOW, "now");
	c->verifier_id = cbor_text(
		cbor_key(root, KEY_VERIFIER_ID, "verifier id"), 0, VERIFIER_ID_MAX, "verifier id");
	named->policy =
		cbor_bytes(cbor_key(root, KEY_POLICY, "policy"), SHA256_LEN, SHA256_LEN, "policy");
	context_read_host(
		cbor_key(root, KEY_HOST, "host"), &c->host, &named->ek_certs, named->attributes);
	context_read_challenge(cbor_key(root, KEY_CHALLENGE, "challenge"), &c->challenge);
	cbor_copy(cbor_key(root, KEY_EXPORTER, "exporter"), c->exporter, TLS_EXPORTER_LEN,
		"exporter");
	context_read_workload(cbor_key(root, KEY_WORKLOAD, "workload"), &c->workload);
	c->release_state = (enum release_state)context_read_number(
		root, KEY_RELEASE_STATE, RELEASE_REVOKED, "release state");
	named->release = context_read_object(root, KEY_RELEASE, "release");
	c->approval_count = read_digests(cbor_key(root, KEY_APPROVALS, "approvals"), APPROVALS_MAX,
		named->approvals, "approvals");
	c->ledger_index = context_read_number(root, KEY_LEDGER_INDEX, UINT64_MAX, "ledger index");
	named->evidence = context_read_object(root, KEY_EVIDENCE, "evidence");
	named->state_in =
		cbor_bytes(cbor_key(root, KEY_STATE_IN, "state"), 1, CONTEXT_MAX, "state");
	read_statements(root, c, named);
	context_read_floors(root, c);
	context_read_rollout(cbor_key_optional(root, KEY_ROLLOUT), &c->rollout);
	read_lease(root, c);
	named->elevations = read_elevations(root);
	read_full_ago(root, c);
}

static bool resolve_policy(
	struct source *s, struct bytes text, struct policy_frozen *f, struct err *err)
{
	if (!policy_parse(text, "policy", &f->policy, err))
		return false;
	for (size_t i = 0; policy_reference(f->policy, i); i++) {
		struct bytes object = find_object(s, "reference",
			bytes_of(policy_reference(f->policy, i), SHA256_LEN), false);

		if (s->failed || !policy_attach(f->policy, object, err))
			return false;
	}
	return true;
}

static bool resolve(struct source *s, const struct named *named, struct policy *known,
	struct policy_frozen *f, struct err *err)
{
	struct bytes text = find_object(s, "policy", named->policy, false);

	f->context.host.ek_certs = find_object(s, "EK certificates", named->ek_certs, true);
	f->context.release = find_object(s, "release", named->release, true);
	for (size_t i = 0; i < f->context.approval_count; i++)
		f->approvals[i] = find_object(s, "approval", named->approvals[i], true);
	for (size_t i = 0; i < f->context.statement_count; i++)
		f->statements[i] = find_object(s, "statement", named->statements[i], true);
	f->evidence = find_object(s, "evidence", named->evidence, true);
	f->context.elevations = find_object(s, "elevations", named->elevations, true);
	f->context.approvals = f->approvals;
	f->context.statements = f->statements;
	if (s->failed)
		return false;
	f->lent = known && bytes_equal(BYTES_OF(known->digest), named->policy);
	if (f->lent)
		f->policy = known;
	else if (!resolve_policy(s, text, f, err))
		return false;
	f->context.policy = f->policy;
	return policy_state_decode(named->state_in, &f->state_in, err);
}

bool policy_context_decode(
	struct bytes in, policy_find find, void *arg, struct policy_frozen *ret, struct err *err)
{
	return policy_context_decode_withheld(in, find, NULL, arg, NULL, ret, err);
}

bool policy_context_decode_withheld(struct bytes in, policy_find find, policy_withheld withheld,
	void *arg, struct policy *known, struct policy_frozen *ret, struct err *err)
{
	struct source source = {.find = find, .withheld = withheld, .arg = arg, .err = err};
	struct named named = {.attributes = ret->attributes};
	struct cbor_doc doc;
	struct cbor_item root;

	memset(ret, 0, sizeof(*ret));
	if (in.len > CONTEXT_MAX)
		return err_set(
			err, ERR_LIMIT, "context: %zu bytes: more than %u", in.len, CONTEXT_MAX);
	if (!cbor_open(in, true, "context", &doc, &root, err))
		return false;
	read_context(root, &ret->context, &named);
	if (cbor_close(&doc, err) && resolve(&source, &named, known, ret, err))
		return true;
	policy_frozen_release(ret);
	return err_wrap(err, "context");
}

bool policy_context_state(struct bytes in, struct policy_state *ret_state,
	uint8_t ret_policy[SHA256_LEN], struct err *err)
{
	struct cbor_doc doc;
	struct cbor_item root;
	struct bytes state;

	if (in.len > CONTEXT_MAX)
		return err_set(
			err, ERR_LIMIT, "context: %zu bytes: more than %u", in.len, CONTEXT_MAX);
	if (!cbor_open(in, true, "context", &doc, &root, err))
		return false;
	cbor_copy(cbor_key(root, KEY_POLICY, "policy"), ret_policy, SHA256_LEN, "policy");
	state = cbor_bytes(cbor_key(root, KEY_STATE_IN, "state"), 1, CONTEXT_MAX, "state");
	return (cbor_close(&doc, err) && policy_state_decode(state, ret_state, err)) ||
	       err_wrap(err, "context");
}

void policy_frozen_release(struct policy_frozen *frozen)
{
	if (!frozen->lent)
		policy_free(&frozen->policy);
	memset(frozen, 0, sizeof(*frozen));
}
