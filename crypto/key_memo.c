/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a public key said of a signature is the same for ever: whoever asks again and again (a release and its approvals at
 * every renewal of every agent that runs it) is told without the arithmetic. A place is found by the digest of all that was
 * asked, and counts only where the whole digest is the same.
 */
#include "crypto/key_private.h"

#include <pthread.h>
#include <stdlib.h>

#define PLACES 256u

struct key_memo {
	pthread_mutex_t lock;
	struct place {
		bool taken, verified;
		uint8_t asked[SHA256_LEN];
	} places[PLACES];
};

static bool asked_digest(enum signature_scheme scheme, enum digest_alg alg, struct bytes message,
	struct bytes signature, struct digest *ret, struct err *err)
{
	const uint64_t numbers[] = {(uint64_t)scheme, (uint64_t)alg, message.len};
	const struct bytes parts[] = {bytes_of(numbers, sizeof(numbers)), message, signature};

	return digest_of_parts(DIGEST_SHA256, parts, ARRAY_LEN(parts), ret, err);
}

/* NULL: no memory for it, and nothing is remembered. */
static struct key_memo *memo_of(const struct key *key)
{
	/* The memo behind the key guards itself, as its contexts do. */
	_Atomic(struct key_memo *) *at = &((struct key *)key)->memo;
	struct key_memo *memo = atomic_load_explicit(at, memory_order_acquire);
	struct key_memo *made;

	if (memo)
		return memo;
	made = calloc(1, sizeof(*made));
	if (!made || pthread_mutex_init(&made->lock, NULL) != 0) {
		free(made);
		return NULL;
	}
	if (atomic_compare_exchange_strong(at, &memo, made))
		return made;
	key_memo_free(made);
	return memo;
}

void key_memo_free(struct key_memo *memo)
{
	if (memo)
		(void)pthread_mutex_destroy(&memo->lock);
	free(memo);
}

static struct place *place_of(struct key_memo *memo, const struct digest *asked)
{
	return &memo->places[asked->bytes[0] % PLACES];
}

static bool recall(struct key_memo *memo, const struct digest *asked, bool *ret_verified)
{
	struct place *place = place_of(memo, asked);
	bool same;

	(void)pthread_mutex_lock(&memo->lock);
	same = place->taken && memcmp(place->asked, asked->bytes, SHA256_LEN) == 0;
	*ret_verified = same && place->verified;
	(void)pthread_mutex_unlock(&memo->lock);
	return same;
}

static void remember(struct key_memo *memo, const struct digest *asked, bool verified)
{
	struct place *place = place_of(memo, asked);

	(void)pthread_mutex_lock(&memo->lock);
	place->taken = true;
	place->verified = verified;
	memcpy(place->asked, asked->bytes, SHA256_LEN);
	(void)pthread_mutex_unlock(&memo->lock);
}

bool key_verify_remembered(const struct key *key, enum signature_scheme scheme, enum digest_alg alg,
	struct bytes message, struct bytes signature, struct err *err)
{
	struct key_memo *memo = memo_of(key);
	struct digest asked;
	struct err why = {0};
	bool verified = false;

	if (!memo)
		return key_verify(key, scheme, alg, message, signature, err);
	if (!asked_digest(scheme, alg, message, signature, &asked, err))
		return false;
	if (recall(memo, &asked, &verified))
		return verified || key_mismatch(key, err);
	verified = key_verify(key, scheme, alg, message, signature, &why);
	/* What failed otherwise may be otherwise the next time. */
	if (verified || why.code == ERR_MISMATCH)
		remember(memo, &asked, verified);
	return verified || err_set(err, why.code, "%s", why.text);
}
