/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ledger's first form: leaves, RFC 9162 tree hashing with the right edge kept, and records.
 * Pure.
 *
 * A leaf is deterministic CBOR {0: type, 1: time, 2: issuer (SHA-256 of a key's SPKI), 3:
 * commitment} and public. The commitment is SHA-256(salt(32) || content): the content lies beside,
 * the salt is kept with it.
 */
#ifndef ASSAY_LEDGER_LEDGER_H
#define ASSAY_LEDGER_LEDGER_H

#include "crypto/cose.h"
#include "crypto/merkle.h"
#include "evidence/evidence.h"

#define LEDGER_SALT_LEN          32
#define LEDGER_EDGE_MAX          64
#define LEDGER_LEAF_MAX          256
#define RECORD_INPUTS_MAX        16
#define APPROVALS_IN_RECORD_MAX  64
#define STATEMENTS_IN_RECORD_MAX 64

enum leaf_type {
	LEAF_NONE = 0,
	LEAF_DECISION = 1,
	LEAF_ISSUED = 2,
	LEAF_ENROLMENT = 3,
	LEAF_HOST_STATE = 4,
	LEAF_RELEASE = 5,
	LEAF_APPROVAL = 6,
	LEAF_POLICY = 7,
	LEAF_WORKLOAD = 8,
	LEAF_KEY = 9,
	LEAF_INSTANCE_END = 10,
	LEAF_ROLLOUT = 11,
	LEAF_ELEVATION = 12,
	LEAF_RETENTION = 13,
	LEAF_INCIDENT = 14,
	LEAF_INSTANCE_STATE = 15,
	LEAF_WEBHOOK = 16,
	LEAF_TYPES
};
const char *leaf_type_name(enum leaf_type type);

struct leaf {
	enum leaf_type type;
	int64_t time;
	uint8_t issuer[SHA256_LEN];
	uint8_t commitment[SHA256_LEN];
};
must_use bool leaf_encode(const struct leaf *leaf, struct buf *out, struct err *err);
must_use bool leaf_decode(struct bytes in, struct leaf *ret, struct err *err);
/* SHA-256(0x00 || leaf), RFC 9162 section 2.1.1. */
must_use bool leaf_hash(struct bytes leaf, uint8_t out[SHA256_LEN], struct err *err);
must_use bool ledger_commitment(const uint8_t salt[LEDGER_SALT_LEN], struct bytes content,
	uint8_t out[SHA256_LEN], struct err *err);

/* The right edge of a tree: the roots of its perfect subtrees, largest first. Enough to append and
 * to know the root. */
struct tree_edge {
	uint64_t size;
	size_t count; /* == popcount(size) */
	uint8_t nodes[LEDGER_EDGE_MAX][SHA256_LEN];
};
must_use bool tree_append(
	struct tree_edge *edge, const uint8_t leaf_hash[SHA256_LEN], struct err *err);
/* The roots of the perfect subtrees of 256, 256^2 … leaves that one leaf completed: what stands on
 * the levels of tiles (ledger/tile.h) above the leaves'. */
struct tree_completed {
	size_t count;
	uint8_t roots[LEDGER_EDGE_MAX / 8][SHA256_LEN];
};
/* tree_append that tells them; written also when none was completed. */
must_use bool tree_append_tiles(struct tree_edge *edge, const uint8_t leaf_hash[SHA256_LEN],
	struct tree_completed *ret, struct err *err);
/* Root; of the empty tree SHA-256(""). */
must_use bool tree_root(const struct tree_edge *edge, uint8_t out[SHA256_LEN], struct err *err);
must_use bool tree_edge_encode(const struct tree_edge *edge, struct buf *out, struct err *err);
must_use bool tree_edge_decode(struct bytes in, struct tree_edge *ret, struct err *err);
/* What is kept of one decision: a COSE_Sign1 by the verifier, a Signed Statement of RFC 9943 (content
 * type MEDIA_RECORD, kid, iss = verifier id, sub = host/…, iat = time; nothing unprotected), over
 * deterministic CBOR. Inputs are named by digest; the objects lie
 * beside. */
struct record_input {
	char name[24]; /* "evidence", "context", "policy", "release", "approval-0", "verdict",
			  "state-in", … */
	uint8_t digest[SHA256_LEN];
};
struct record {
	int64_t time; /* 1 */
	enum purpose purpose; /* 2 */
	uint8_t host_id[HOST_ID_LEN]; /* 3 */
	uint8_t instance[INSTANCE_ID_LEN]; /* 4 */
	struct bytes workload; /* 5 */
	uint8_t release[SHA256_LEN]; /* 6 */
	bool trusted; /* 7 */
	unsigned assurance; /* 8 */
	uint8_t key[SHA256_LEN]; /* 9: SHA-256 of the SPKI of the key asked for */
	size_t input_count; /* 10: {name: digest} sorted by name */
	struct record_input
		inputs[RECORD_INPUTS_MAX + APPROVALS_IN_RECORD_MAX + STATEMENTS_IN_RECORD_MAX];
	struct bytes verifier_id; /* 11 */
};
must_use bool record_encode(const struct record *record, struct buf *out, struct err *err);
must_use bool record_decode(struct bytes in, struct record *ret, struct err *err);
must_use bool record_sign(
	const struct record *record, struct key *key, struct buf *out, struct err *err);
/* Verified with the key, or ERR_MISMATCH. Records from before there was an iat have none. */
must_use bool record_open(
	struct bytes cose, const struct key *key, struct record *ret, struct err *err);

#endif
