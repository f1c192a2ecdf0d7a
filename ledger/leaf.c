/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/ledger.h"

#include <assert.h>

#include "base/cbor.h"

enum { KEY_TYPE = 0, KEY_TIME = 1, KEY_ISSUER = 2, KEY_COMMITMENT = 3 };
static const int64_t KEYS[] = {KEY_TYPE, KEY_TIME, KEY_ISSUER, KEY_COMMITMENT};

static const char *const names[] = {
	[LEAF_NONE] = "none",
	[LEAF_DECISION] = "decision",
	[LEAF_ISSUED] = "issued",
	[LEAF_ENROLMENT] = "enrolment",
	[LEAF_HOST_STATE] = "host-state",
	[LEAF_RELEASE] = "release",
	[LEAF_APPROVAL] = "approval",
	[LEAF_POLICY] = "policy",
	[LEAF_WORKLOAD] = "workload",
	[LEAF_KEY] = "key",
	[LEAF_INSTANCE_END] = "instance-end",
	[LEAF_ROLLOUT] = "rollout",
	[LEAF_ELEVATION] = "elevation",
	[LEAF_RETENTION] = "retention",
	[LEAF_INCIDENT] = "incident",
	[LEAF_INSTANCE_STATE] = "instance-state",
	[LEAF_WEBHOOK] = "webhook",
};
static_assert(ARRAY_LEN(names) == LEAF_TYPES, "every leaf type has a name");

const char *leaf_type_name(enum leaf_type type)
{
	return (unsigned)type < LEAF_TYPES ? names[type] : "unknown";
}

bool leaf_encode(const struct leaf *leaf, struct buf *out, struct err *err)
{
	struct cbor_writer w = cbor_writer_of(out);

	if (leaf->type == LEAF_NONE || (unsigned)leaf->type >= LEAF_TYPES || leaf->time < 0)
		return err_set(err, ERR_USAGE, "leaf: no type, or no time");
	cbor_put_map(&w, ARRAY_LEN(KEYS));
	cbor_pair_uint(&w, KEY_TYPE, leaf->type);
	cbor_pair_uint(&w, KEY_TIME, (uint64_t)leaf->time);
	cbor_pair_bytes(&w, KEY_ISSUER, BYTES_OF(leaf->issuer));
	cbor_pair_bytes(&w, KEY_COMMITMENT, BYTES_OF(leaf->commitment));
	return cbor_writer_finish(&w, err) || err_wrap(err, "leaf");
}

bool leaf_decode(struct bytes in, struct leaf *ret, struct err *err)
{
	struct leaf leaf = {0};
	struct cbor_doc doc;
	struct cbor_item root, type;

	if (in.len > LEDGER_LEAF_MAX)
		return err_set(
			err, ERR_LIMIT, "leaf: %zu bytes: more than %d", in.len, LEDGER_LEAF_MAX);
	if (!cbor_open(in, true, "leaf", &doc, &root, err))
		return false;
	cbor_only_keys(root, KEYS, ARRAY_LEN(KEYS), "leaf");
	type = cbor_key(root, KEY_TYPE, "type");
	leaf.type = (enum leaf_type)cbor_uint(type, LEAF_TYPES - 1, "type");
	if (leaf.type == LEAF_NONE)
		cbor_fail(type, "type", "none");
	leaf.time = (int64_t)cbor_uint(cbor_key(root, KEY_TIME, "time"), INT64_MAX, "time");
	cbor_copy(cbor_key(root, KEY_ISSUER, "issuer"), leaf.issuer, SHA256_LEN, "issuer");
	cbor_copy(cbor_key(root, KEY_COMMITMENT, "commitment"), leaf.commitment, SHA256_LEN,
		"commitment");
	if (!cbor_close(&doc, err))
		return false;
	*ret = leaf;
	return true;
}

bool leaf_hash(struct bytes leaf, uint8_t out[SHA256_LEN], struct err *err)
{
	return tree_leaf_hash(leaf, out, err);
}

bool ledger_commitment(const uint8_t salt[LEDGER_SALT_LEN], struct bytes content,
	uint8_t out[SHA256_LEN], struct err *err)
{
	const struct bytes parts[] = {bytes_of(salt, LEDGER_SALT_LEN), content};
	struct digest digest;

	if (!digest_of_parts(DIGEST_SHA256, parts, ARRAY_LEN(parts), &digest, err))
		return false;
	memcpy(out, digest.bytes, SHA256_LEN);
	return true;
}
