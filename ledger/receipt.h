/* SPDX-License-Identifier: Apache-2.0 */
/*
 * COSE receipts (RFC 9942) of RFC 9162 trees over SHA-256, and statements that carry them (RFC 9943).
 * Pure.
 *
 * A receipt is COSE_Sign1 with a detached payload, the root that its proof leads to: protected {1:
 * alg, 4: kid, 15: {1: iss, 2: sub}, 395: 1}, unprotected {396: {-1: [<<[size, index, [* hash]]>>]}},
 * or {-2: [<<[old size, new size, [* hash]]>>]} of consistency. The signature is over the root alone:
 * every leaf of one tree has the same. RFC 9942 does not sign the tree's size, and often more than one
 * size leads to the same root: so ours say it in sub, "tree/" and the size in decimal.
 */
#ifndef ASSAY_LEDGER_RECEIPT_H
#define ASSAY_LEDGER_RECEIPT_H

#include "ledger/ledger.h"

#define RECEIPT_MAX            8192 /* bytes */
#define RECEIPT_SUBJECT_PREFIX "tree/"
#define STATEMENT_RECEIPTS_MAX 8
#define STATEMENT_MAX          (65536 + STATEMENT_RECEIPTS_MAX * (RECEIPT_MAX + 8))

enum receipt_kind { RECEIPT_NONE = 0, RECEIPT_INCLUSION, RECEIPT_CONSISTENCY };
struct receipt_proof {
	enum receipt_kind kind;
	uint64_t size; /* of the tree, the newer one */
	uint64_t from; /* index of the leaf; of consistency the older tree's size */
	struct bytes hashes; /* a run of them, from the leaf up */
};
/* Signs the root of a tree: a receipt that has no proof yet. The key is the ledger's receipt key,
 * iss the log's origin. */
must_use bool receipt_seal(struct key *key, const char *origin, uint64_t size,
	const uint8_t root[SHA256_LEN], struct buf *out, struct err *err);
/* Appends the receipt that proves this, by what receipt_seal made of the same tree's root. That the
 * proof leads there is not looked at. ERR_USAGE for hashes that are no run of at most
 * MERKLE_PROOF_MAX, and for a proof of no tree. */
must_use bool receipt_write(
	struct bytes seal, const struct receipt_proof *proof, struct buf *out, struct err *err);

struct receipt {
	struct cose_sign1 message; /* borrowed; its vds is RFC9162_SHA256 */
	struct receipt_proof proof; /* its hashes are those below */
	struct buf hashes;
};
void receipt_release(struct receipt *receipt);
/* Exactly one proof. What is not signed must be deterministic CBOR: no receipt has two forms. The
 * signed header is taken as others write it. ERR_FORMAT, ERR_LIMIT; ERR_UNSUPPORTED for another
 * structure than RFC9162_SHA256. Nothing is verified. */
must_use bool receipt_parse(struct bytes in, struct receipt *ret, struct err *err);
/* That the tree whose root this key signed holds the leaf of this hash (RECEIPT_INCLUSION), or begins
 * with the older tree of this root (RECEIPT_CONSISTENCY; that proof.from is that tree's size is for the
 * caller to compare). origin: a ledger of ours, which the receipt must name with the size of its tree;
 * NULL: anybody's, and the size is then not proven. ret_root may be NULL. ERR_MISMATCH; ERR_UNSUPPORTED for an algorithm we do not know. */
must_use bool receipt_verify(const struct receipt *receipt, const struct key *key,
	const char *origin, const uint8_t known[SHA256_LEN], uint8_t ret_root[SHA256_LEN],
	struct err *err);

/* A Transparent Statement: a record as it was registered, with receipts under label 394 and the salt
 * of its leaf under COSE_LABEL_SALT in the unprotected header, which was empty. */
struct transparent {
	struct buf statement; /* as registered */
	bool salted;
	uint8_t salt[LEDGER_SALT_LEN];
	size_t receipt_count; /* at least 1 */
	struct bytes receipts[STATEMENT_RECEIPTS_MAX]; /* borrowed */
};
void transparent_release(struct transparent *transparent);
must_use bool transparent_write(struct bytes statement, const uint8_t salt[LEDGER_SALT_LEN],
	const struct bytes *receipts, size_t count, struct buf *out, struct err *err);
/* ERR_FORMAT, ERR_LIMIT. Nothing is verified. */
must_use bool transparent_parse(struct bytes in, struct transparent *ret, struct err *err);
/* Appends the leaf that a record's entry must be: a decision, its time, the kid of its protected
 * header as issuer, and the commitment to its bytes. ERR_FORMAT for what is no record. The record's
 * signature is not looked at. */
must_use bool statement_leaf(struct bytes statement, const uint8_t salt[LEDGER_SALT_LEN],
	struct buf *out, struct err *err);

#endif
