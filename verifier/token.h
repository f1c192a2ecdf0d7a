/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Challenges: authenticated tokens that need no memory. Deterministic CBOR and an HMAC-SHA256
 * behind it:
 *
 *   {0: host id, 1: instance, 2: purpose, 3: counter, 4: issued, 5: expires, 6: tree size, 7: tree
 * root, 8: random(16), 9: process(16), 10: monotonic deadline in ms} || mac(32)
 *
 * The tree root makes sure that no quote over the token can be older than the ledger it names; the
 * counter is what is used up in the store. The monotonic deadline holds inside the process that
 * issued the token, so that a step of the wall clock makes no challenge live longer.
 */
#ifndef ASSAY_VERIFIER_TOKEN_H
#define ASSAY_VERIFIER_TOKEN_H

#include "base/time.h"
#include "policy/policy.h"

#define TOKEN_KEY_LEN     32
#define TOKEN_PROCESS_LEN 16

struct token_key {
	uint8_t key[TOKEN_KEY_LEN];
	uint8_t process[TOKEN_PROCESS_LEN]; /* random, new in every process */
};
/* Hex of 32 bytes, as `assay-verifierd init` writes it. */
must_use bool token_key_parse(
	struct bytes text, struct random *random, struct token_key *ret, struct err *err);
void token_key_wipe(struct token_key *key);

/* what: host, instance, purpose, counter and tree; its times and nonce are set here. No randomness,
 * no challenge. */
must_use bool challenge_issue(const struct token_key *key, struct random *random,
	const struct clock *clock, int64_t lifetime, struct context_challenge *what,
	struct buf *out, struct err *err);

enum challenge_fault { CHALLENGE_FORGED = 0, CHALLENGE_LATE, CHALLENGE_GOOD };
/* Who made the token is the only question here, and (inside one process) the monotonic deadline:
 * everything else about a challenge is judged by the appraisal. *ret is filled unless forged. False
 * only when a primitive failed. */
must_use bool challenge_open(const struct token_key *key, const struct clock *clock,
	struct bytes token, struct context_challenge *ret, enum challenge_fault *ret_fault,
	struct err *err);

#endif
