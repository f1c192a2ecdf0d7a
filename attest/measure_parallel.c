/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fs-verity inside one large file: threads take chunks in order, hash their leaves each in a buffer
 * of its own, and leave the leaf digests in a ring; whoever completes the next chunk in order moves
 * all that are ready into the tree. The ring bounds memory: nobody runs further ahead than its
 * length.
 */
#include "attest/measure_internal.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/text.h"
#include "base/thread.h"
#include "crypto/fsverity.h"

#define CHUNK_LEAVES (MEASURE_CHUNK / FSVERITY_BLOCK)

struct slot {
	bool ready;
	size_t leaves;
	uint8_t digests[CHUNK_LEAVES * SHA256_LEN];
};

struct large {
	int fd;
	const char *name;
	uint64_t size, chunks;
	size_t window;
	pthread_mutex_t lock;
	pthread_cond_t moved; /* `merged` or `failed` changed */
	/* Below: under the lock. */
	uint64_t taken, merged;
	bool failed;
	struct err err; /* of the first failure */
	struct slot *ring;
	struct fsverity *tree;
};

static void fail(struct large *large, const struct err *why)
{
	pthread_mutex_lock(&large->lock);
	if (!large->failed)
		large->err = *why;
	large->failed = true;
	pthread_cond_broadcast(&large->moved);
	pthread_mutex_unlock(&large->lock);
}

/* The next chunk to hash; false when there is none. */
static bool take(struct large *large, uint64_t *ret_chunk)
{
	pthread_mutex_lock(&large->lock);
	while (!large->failed && large->taken < large->chunks &&
		large->taken >= large->merged + large->window)
		pthread_cond_wait(&large->moved, &large->lock);
	bool more = !large->failed && large->taken < large->chunks;
	if (more)
		*ret_chunk = large->taken++;
	pthread_mutex_unlock(&large->lock);
	return more;
}

static bool put(
	struct large *large, uint64_t chunk, const uint8_t *digests, size_t leaves, struct err *err)
{
	bool done = true;
	pthread_mutex_lock(&large->lock);
	struct slot *slot = &large->ring[chunk % large->window];
	memcpy(slot->digests, digests, leaves * SHA256_LEN);
	slot->leaves = leaves;
	slot->ready = true;
	for (;;) {
		slot = &large->ring[large->merged % large->window];
		if (!done || !slot->ready)
			break;
		done = fsverity_put_leaves(large->tree, slot->digests, slot->leaves, err);
		slot->ready = false;
		large->merged++;
	}
	pthread_cond_broadcast(&large->moved);
	pthread_mutex_unlock(&large->lock);
	return done;
}

static bool hash_chunk(struct large *large, uint64_t chunk, uint8_t *buffer, struct err *err)
{
	uint8_t digests[CHUNK_LEAVES * SHA256_LEN];
	uint64_t at = chunk * MEASURE_CHUNK;
	size_t n = large->size - at < MEASURE_CHUNK ? (size_t)(large->size - at) : MEASURE_CHUNK;
	size_t leaves = (n + FSVERITY_BLOCK - 1) / FSVERITY_BLOCK;
	if (!measure_read(large->fd, large->name, buffer, n, at, err))
		return false;
	memset(buffer + n, 0, leaves * FSVERITY_BLOCK - n);
	return fsverity_hash_blocks(buffer, leaves, digests, err) &&
	       put(large, chunk, digests, leaves, err);
}

static void *work(void *context)
{
	struct large *large = context;
	struct err err = {0};
	struct scratch scratch = {0};
	uint64_t chunk;
	bool done = scratch_init(&scratch, MEASURE_CHUNK, &err);
	while (done && take(large, &chunk))
		done = hash_chunk(large, chunk, scratch.data, &err);
	if (!done)
		fail(large, &err);
	scratch_release(&scratch);
	return NULL;
}

bool measure_parallel(int fd, const char *name, uint64_t size, int threads,
	uint8_t digest[SHA256_LEN], struct err *err)
{
	pthread_t helpers[MEASURE_THREADS_MAX];
	int started = 0;
	OWNED(fsverity_free) struct fsverity *tree = NULL;
	OWNED(free_ptr) struct slot *ring = NULL;
	struct large large = {
		.fd = fd,
		.name = name,
		.size = size,
		.chunks = size / MEASURE_CHUNK + (size % MEASURE_CHUNK != 0),
		.window = 4 * (size_t)threads,
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.moved = PTHREAD_COND_INITIALIZER,
	};
	ring = calloc(large.window, sizeof(*ring));
	if (!ring)
		return err_set(err, ERR_NOMEM, "%s: out of memory", ESC(bytes_str(name)));
	if (!fsverity_new(&tree, err))
		return false;
	large.ring = ring;
	large.tree = tree;
	/* The caller works too; fewer threads than wanted only take longer. */
	while (started < threads - 1 &&
		thread_start(&helpers[started], "measure", 0, work, &large, NULL))
		started++;
	work(&large);
	for (int i = 0; i < started; i++)
		pthread_join(helpers[i], NULL);
	pthread_cond_destroy(&large.moved);
	pthread_mutex_destroy(&large.lock);
	if (large.failed) {
		if (err)
			*err = large.err;
		return false;
	}
	return fsverity_final(tree, size, digest, err);
}
