/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Public keys met lately. The same few come back at each renewal, one several times in it, and to make one costs half of what
 * it costs to verify with it. A place is found by some of the key's own bytes, and counts only where all of them are the same;
 * whoever makes keys to share a place with another's makes it slower, no more.
 */
#include "crypto/key_private.h"

#include <pthread.h>

#define PLACES 4096u

static struct {
	pthread_mutex_t lock;
	struct key *places[PLACES];
} recent = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* From the middle, where of every type the key's own numbers stand. */
static struct key **place_of(struct bytes spki)
{
	uint64_t some = 0;

	if (spki.len >= 2 * sizeof(some))
		memcpy(&some, spki.data + spki.len / 2, sizeof(some));
	return &recent.places[(some ^ some >> 32) % PLACES];
}

struct key *key_recent(struct bytes spki)
{
	struct key **place = place_of(spki), *found = NULL;

	(void)pthread_mutex_lock(&recent.lock);
	if (*place && bytes_equal(key_spki(*place), spki))
		found = key_ref(*place);
	(void)pthread_mutex_unlock(&recent.lock);
	return found;
}

void key_recent_keep(struct key *key)
{
	struct key **place = place_of(key_spki(key)), *gone;

	(void)pthread_mutex_lock(&recent.lock);
	gone = *place;
	*place = key_ref(key);
	(void)pthread_mutex_unlock(&recent.lock);
	key_unref(&gone);
}

void keys_forget(void)
{
	for (size_t i = 0; i < PLACES; i++) {
		struct key *gone;

		(void)pthread_mutex_lock(&recent.lock);
		gone = TAKE(recent.places[i]);
		(void)pthread_mutex_unlock(&recent.lock);
		key_unref(&gone);
	}
}
