/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the service proves of its ledger to others: COSE receipts by the receipt key, and offline
 * proofs under a signed checkpoint. A receipt's signature is over a tree and not over a leaf, so one
 * serves every leaf of it. There are two trees at a time, the newest signed and the newest that witnesses
 * saw: with a seal kept for each, nobody's requests make the key sign more often than these two grow.
 */
#ifndef ASSAY_VERIFIER_RECEIPTS_H
#define ASSAY_VERIFIER_RECEIPTS_H

#include "ledger/receipt.h"
#include "ledger/tlog_proof.h"
#include "verifier/rows.h"

#include <pthread.h>

struct receipt_sealed {
	uint64_t size; /* of the tree that was signed; 0: none yet */
	struct buf seal;
};
struct receipt_signer {
	struct key *key; /* P-256 */
	const char *origin; /* borrowed */
	pthread_mutex_t lock; /* over what is below, and while the key signs */
	struct receipt_sealed sealed[2]; /* the newest tree, and the one that witnesses saw */
};
/* uri: OSSL_STORE URI of a P-256 private key; NULL: signing, which is kept. */
must_use bool receipt_signer_load(const char *uri, struct key *signing, const char *origin,
	struct receipt_signer *ret, struct err *err);
void receipt_signer_release(struct receipt_signer *signer);

/* The tree that is proved from: the newest that a quorum of witnesses saw, if it has the leaf; the
 * newest signed one otherwise. ERR_NOT_FOUND when neither has it. The checkpoint's origin is borrowed
 * from the note. */
must_use bool log_tree_choose(struct sql *sql, uint64_t index, struct buf *ret_note,
	struct checkpoint *ret, struct err *err);
/* Appends a receipt: that the leaf `from` is in the ledger, or that the ledger begins with its first
 * `from` leaves. ERR_NOT_FOUND when it has not so many. */
must_use bool receipt_make(struct receipt_signer *signer, struct sql *sql, enum receipt_kind kind,
	uint64_t from, struct buf *out, struct err *err);
/* Appends the offline proof of a leaf (C2SP tlog-proof). extra: what goes with it; empty: nothing. */
must_use bool log_proof_make(
	struct sql *sql, uint64_t index, struct bytes extra, struct buf *out, struct err *err);

#endif
