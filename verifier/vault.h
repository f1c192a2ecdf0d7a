/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Content at rest. Whatever lies beside the ledger is sealed with AES-256-GCM under a data key of its
 * own; the data key is wrapped (RFC 3394) under a master key of a numbered generation; the master keys
 * are in memory from start to end, wiped then, and stand in the database wrapped for the
 * key-encryption key (content_keys.h). What destroys a content is that its wrapped data key goes.
 *
 *	wrapped data key: generation u32be || AES-256 key wrap (40 bytes)     always 44 bytes, so that a
 *	                                                                      row of them is overwritten in place
 *	sealed content:   nonce(12) || ciphertext || tag(16)
 *
 * Safe to share between threads.
 */
#ifndef ASSAY_VERIFIER_VAULT_H
#define ASSAY_VERIFIER_VAULT_H

#include "base/time.h"
#include "crypto/digest.h"

#define VAULT_KEYS_MAX    64u
#define VAULT_WRAPPED_LEN (4 + AES_WRAPPED_LEN)

struct vault;
/* Without keys. */
must_use bool vault_new(
	struct random *random, const struct clock *clock, struct vault **ret, struct err *err);
/* Wipes; NULL is fine. */
void vault_free(struct vault **vault);
/* Generations come in ascending order, from 1 on; the last one wraps what is new. ERR_LIMIT,
 * ERR_STORE. */
must_use bool vault_add(
	struct vault *vault, uint32_t generation, const uint8_t key[AES_KEY_LEN], struct err *err);
/* 0: it has no key. */
uint32_t vault_newest(struct vault *vault);
/* ERR_STORE when it has none of that generation. */
must_use bool vault_key(
	struct vault *vault, uint32_t generation, uint8_t ret[AES_KEY_LEN], struct err *err);
/* Of a wrapped data key; 0: it was destroyed. */
uint32_t vault_generation_of(const uint8_t wrapped[VAULT_WRAPPED_LEN]);
int64_t vault_now(const struct vault *vault);

/* identity: what the content is; the same at the opening, or it does not open. Appends to
 * ret_sealed. */
must_use bool vault_seal(struct vault *vault, struct bytes identity, struct bytes content,
	uint8_t ret_wrapped[VAULT_WRAPPED_LEN], struct buf *ret_sealed, struct err *err);
/* Appends. ERR_STORE: not sealed as this, or changed since, or the master key is missing. */
must_use bool vault_open(struct vault *vault, struct bytes identity, struct bytes wrapped,
	struct bytes sealed, struct buf *ret_content, struct err *err);
/* Under the newest generation. *ret_changed is false when it is there already, or destroyed. */
must_use bool vault_rewrap(struct vault *vault, uint8_t wrapped[VAULT_WRAPPED_LEN],
	bool *ret_changed, struct err *err);

#endif
