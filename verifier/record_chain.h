/* SPDX-License-Identifier: Apache-2.0 */
/* The records that a renewal stands on, read back from the store as far as a bundle may carry them.
 * Private to verifier/. */
#ifndef ASSAY_VERIFIER_RECORD_CHAIN_H
#define ASSAY_VERIFIER_RECORD_CHAIN_H

#include "verifier/record_objects.h"

/* What a chain may weigh, so that with its first record it fits a bundle. */
#define RECORD_CHAIN_BYTES_MAX (24u << 20)

struct record_chain {
	/* sql and shared (what the bundle holds anyhow) are the caller's to set. */
	struct record_objects objects;
	const struct key *key; /* the verifier's: a record that another one signed ends the chain */
	uint64_t tree_size; /* proofs are of this tree */
	size_t limit; /* records, at most; 0: none */

	size_t count, bytes; /* bytes: of the records */
	struct chain_row {
		struct buf cose, leaf, proof;
		uint8_t salt[LEDGER_SALT_LEN];
		uint64_t index;
	} * rows; /* owned */
	uint8_t policy[SHA256_LEN]; /* whose references were collected last */
};
/* From the record that the state names back to a full appraisal. The chain ends before it where the
 * limit is reached, where it would weigh too much, and where an object is no longer kept. Errors: the
 * store's. */
must_use bool record_chain_collect(
	struct record_chain *chain, const struct policy_state *state, struct err *err);
/* struct audit_links; nothing when there is no record. */
must_use bool record_chain_encode(
	const struct record_chain *chain, struct buf *out, struct err *err);
void record_chain_release(struct record_chain *chain);

#endif
