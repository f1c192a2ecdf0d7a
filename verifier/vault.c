/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier/vault.h"

#include <pthread.h>
#include <stdlib.h>

#include "crypto/random_blocks.h"

struct vault_key {
	uint32_t generation;
	uint8_t key[AES_KEY_LEN];
};
struct vault {
	struct random_blocks *random; /* a key and a nonce for each content */
	const struct clock *clock;
	pthread_rwlock_t lock; /* of what is below: a rotation adds a key while others read */
	size_t count;
	struct vault_key keys[VAULT_KEYS_MAX];
};

bool vault_new(
	struct random *random, const struct clock *clock, struct vault **ret, struct err *err)
{
	struct vault *vault = calloc(1, sizeof(*vault));
	if (!vault || pthread_rwlock_init(&vault->lock, NULL) != 0) {
		free(vault);
		return err_set(err, ERR_NOMEM, "content keys");
	}
	if (!random_blocks_new(random, &vault->random, err)) {
		vault_free(&vault);
		return err_wrap(err, "content keys");
	}
	vault->clock = clock;
	*ret = vault;
	return true;
}

void vault_free(struct vault **vault)
{
	struct vault *self = TAKE(*vault);
	if (!self)
		return;
	(void)pthread_rwlock_destroy(&self->lock);
	random_blocks_free(&self->random);
	secret_wipe(self, sizeof(*self));
	free(self);
}

bool vault_add(
	struct vault *vault, uint32_t generation, const uint8_t key[AES_KEY_LEN], struct err *err)
{
	bool ok = true;
	(void)pthread_rwlock_wrlock(&vault->lock);
	if (vault->count == VAULT_KEYS_MAX)
		ok = err_set(
			err, ERR_LIMIT, "content keys: more than %u generations", VAULT_KEYS_MAX);
	else if (generation <= (vault->count ? vault->keys[vault->count - 1].generation : 0))
		ok = err_set(
			err, ERR_STORE, "content keys: generation %u is out of order", generation);
	if (ok) {
		struct vault_key *to = &vault->keys[vault->count++];
		to->generation = generation;
		memcpy(to->key, key, sizeof(to->key));
	}
	(void)pthread_rwlock_unlock(&vault->lock);
	return ok;
}

uint32_t vault_newest(struct vault *vault)
{
	(void)pthread_rwlock_rdlock(&vault->lock);
	uint32_t newest = vault->count ? vault->keys[vault->count - 1].generation : 0;
	(void)pthread_rwlock_unlock(&vault->lock);
	return newest;
}

bool vault_key(struct vault *vault, uint32_t generation, uint8_t ret[AES_KEY_LEN], struct err *err)
{
	bool found = false;
	(void)pthread_rwlock_rdlock(&vault->lock);
	for (size_t i = 0; i < vault->count && !found; i++) {
		found = vault->keys[i].generation == generation;
		if (found)
			memcpy(ret, vault->keys[i].key, AES_KEY_LEN);
	}
	(void)pthread_rwlock_unlock(&vault->lock);
	return found ||
	       err_set(err, ERR_STORE, "the content key of generation %u is missing", generation);
}

int64_t vault_now(const struct vault *vault)
{
	return clock_wall(vault->clock);
}

/* ---- data keys ---- */

uint32_t vault_generation_of(const uint8_t wrapped[VAULT_WRAPPED_LEN])
{
	return (uint32_t)wrapped[0] << 24 | (uint32_t)wrapped[1] << 16 | (uint32_t)wrapped[2] << 8 |
	       wrapped[3];
}

static bool data_key_wrap(struct vault *vault, const uint8_t data_key[AES_KEY_LEN],
	uint8_t ret[VAULT_WRAPPED_LEN], struct err *err)
{
	uint8_t master[AES_KEY_LEN];
	uint32_t generation = vault_newest(vault);
	bool ok = vault_key(vault, generation, master, err) &&
		  aes_key_wrap(master, data_key, ret + 4, err);
	secret_wipe(master, sizeof(master));
	for (unsigned i = 0; i < 4; i++)
		ret[i] = (uint8_t)(generation >> (24 - 8 * i));
	return ok;
}

static bool data_key_unwrap(struct vault *vault, const uint8_t wrapped[VAULT_WRAPPED_LEN],
	uint8_t ret[AES_KEY_LEN], struct err *err)
{
	uint8_t master[AES_KEY_LEN];
	bool ok = vault_key(vault, vault_generation_of(wrapped), master, err) &&
		  aes_key_unwrap(master, wrapped + 4, ret, err);
	secret_wipe(master, sizeof(master));
	return ok;
}

/* What an attacker of the database can bring about is the store's fault, not a caller's. */
static bool store_fault(struct err *err)
{
	if (err && err->code != ERR_NOMEM)
		err->code = ERR_STORE;
	return err_wrap(err, "sealed content");
}

bool vault_seal(struct vault *vault, struct bytes identity, struct bytes content,
	uint8_t ret_wrapped[VAULT_WRAPPED_LEN], struct buf *ret_sealed, struct err *err)
{
	struct random *random = random_blocks_random(vault->random);
	uint8_t data_key[AES_KEY_LEN];
	bool ok = random_fill(random, data_key, sizeof(data_key), err) &&
		  data_key_wrap(vault, data_key, ret_wrapped, err) &&
		  aes_gcm_seal(BYTES_OF(data_key), identity, content, random, ret_sealed, err);
	secret_wipe(data_key, sizeof(data_key));
	return ok || err_wrap(err, "sealing content");
}

bool vault_open(struct vault *vault, struct bytes identity, struct bytes wrapped,
	struct bytes sealed, struct buf *ret_content, struct err *err)
{
	uint8_t data_key[AES_KEY_LEN];
	if (wrapped.len != VAULT_WRAPPED_LEN)
		return err_set(
			err, ERR_STORE, "sealed content: a wrapped key of %zu bytes", wrapped.len);
	bool ok = data_key_unwrap(vault, wrapped.data, data_key, err) &&
		  aes_gcm_open(BYTES_OF(data_key), identity, sealed, ret_content, err);
	secret_wipe(data_key, sizeof(data_key));
	return ok || store_fault(err);
}

bool vault_rewrap(
	struct vault *vault, uint8_t wrapped[VAULT_WRAPPED_LEN], bool *ret_changed, struct err *err)
{
	uint8_t data_key[AES_KEY_LEN];
	uint32_t generation = vault_generation_of(wrapped);
	*ret_changed = generation != 0 && generation != vault_newest(vault);
	if (!*ret_changed)
		return true;
	bool ok = data_key_unwrap(vault, wrapped, data_key, err) &&
		  data_key_wrap(vault, data_key, wrapped, err);
	secret_wipe(data_key, sizeof(data_key));
	return ok || store_fault(err);
}
