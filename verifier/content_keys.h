/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The master keys of sealed content in the database: each generation once, wrapped for the
 * key-encryption key that the configuration names as content_key. Private to verifier/.
 */
#ifndef ASSAY_VERIFIER_CONTENT_KEYS_H
#define ASSAY_VERIFIER_CONTENT_KEYS_H

#include "crypto/key.h"
#include "verifier/store.h"
#include "verifier/vault.h"

/* Gives the vault every stored generation; makes and stores the first one where nothing was ever
 * sealed. The only thing that asks the private half of the key-encryption key for anything.
 * ERR_CONFIG: it is another key than the one they are wrapped for. ERR_STORE: keys are missing, or
 * changed. */
must_use bool content_keys_open(struct sql *sql, struct vault *vault, struct key *kek,
	struct random *random, struct err *err);

/* Whether the key opens what is wrapped for it. */
must_use bool content_key_try(struct key *kek, struct random *random, struct err *err);

struct content_rotation {
	const struct key *kek; /* the same as before or another one; its public half is enough */
	struct random *random;
	/* Inside the job that makes the new generation: appends a ledger entry, say. May be NULL. */
	bool (*note)(struct store_tx *tx, void *arg, uint32_t generation, struct err *err);
	void *note_arg;
	/* what came of it */
	uint32_t generation;
	uint64_t rewrapped; /* data keys */
};
/* A new generation, for what is new from now on; then every data key under it, in batches; then the
 * older generations are deleted. Contents are not touched. Stopped anywhere, everything stays
 * readable, and doing it once more completes it. */
/* ERR_BUSY: others write the database. */
must_use bool content_keys_rotate(
	struct store *store, struct content_rotation *rotation, struct err *err);

#endif
