/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/fsverity.h"

#include <stdlib.h>

#include "crypto/sha256_lanes.h"

#define PER_BLOCK (FSVERITY_BLOCK / SHA256_LEN)
/* 128^9 leaves of 4 KiB exceed 2^64 bytes, so ten levels hold the tree of any file. */
#define LEVELS_MAX 10u
#define BATCH      64u

/* struct fsverity_descriptor of the kernel, less its signature: 256 bytes, numbers little-endian.
 */
#define DESCRIPTOR_LEN        256u
#define DESCRIPTOR_AT_VERSION 0
#define DESCRIPTOR_AT_HASH    1 /* 1: SHA-256 */
#define DESCRIPTOR_AT_LOG2    2
#define DESCRIPTOR_AT_SIZE    8
#define DESCRIPTOR_AT_ROOT    16

/* The block of hashes that each level is filling; a full one is hashed into the level above. */
struct fsverity {
	uint64_t leaves;
	struct {
		size_t count; /* hashes in `block` */
		uint64_t blocks; /* full blocks given upwards */
		uint8_t block[FSVERITY_BLOCK];
	} levels[LEVELS_MAX];
};

static void fsverity_reset(struct fsverity *state)
{
	state->leaves = 0;
	for (size_t i = 0; i < LEVELS_MAX; i++) {
		state->levels[i].count = 0;
		state->levels[i].blocks = 0;
	}
}

bool fsverity_new(struct fsverity **ret, struct err *err)
{
	struct fsverity *state = malloc(sizeof(*state));
	if (!state)
		return err_set(err, ERR_NOMEM, "fs-verity: out of memory");
	fsverity_reset(state);
	*ret = state;
	return true;
}

void fsverity_free(struct fsverity **state)
{
	if (!state)
		return;
	free(*state);
	*state = NULL;
}

bool fsverity_hash_blocks(const uint8_t *data, size_t blocks, uint8_t *out_digests, struct err *err)
{
	struct bytes in[BATCH];
	for (size_t done = 0; done < blocks;) {
		size_t n = blocks - done < BATCH ? blocks - done : BATCH;
		for (size_t i = 0; i < n; i++)
			in[i] = bytes_of(data + (done + i) * FSVERITY_BLOCK, FSVERITY_BLOCK);
		uint8_t(*out)[SHA256_LEN] =
			(uint8_t(*)[SHA256_LEN])(out_digests + done * SHA256_LEN);
		if (!sha256_lanes(in, n, out, err))
			return false;
		done += n;
	}
	return true;
}

/* Hashes the level's block, zero-padded, into the level above; cascades while that one is full too.
 */
static bool level_flush(struct fsverity *state, size_t level, struct err *err)
{
	for (;;) {
		uint8_t *block = state->levels[level].block;
		size_t filled = state->levels[level].count * SHA256_LEN;
		if (level + 1 >= LEVELS_MAX)
			return err_set(
				err, ERR_LIMIT, "fs-verity: more than %u levels", LEVELS_MAX);
		memset(block + filled, 0, FSVERITY_BLOCK - filled);
		size_t above = state->levels[level + 1].count;
		if (!fsverity_hash_blocks(
			    block, 1, state->levels[level + 1].block + above * SHA256_LEN, err))
			return false;
		state->levels[level].count = 0;
		state->levels[level].blocks++;
		state->levels[++level].count++;
		if (state->levels[level].count < PER_BLOCK)
			return true;
	}
}

bool fsverity_put_leaves(
	struct fsverity *state, const uint8_t *digests, size_t count, struct err *err)
{
	while (count > 0) {
		size_t have = state->levels[0].count;
		size_t n = PER_BLOCK - have < count ? PER_BLOCK - have : count;
		memcpy(state->levels[0].block + have * SHA256_LEN, digests, n * SHA256_LEN);
		state->levels[0].count += n;
		state->leaves += n;
		digests += n * SHA256_LEN;
		count -= n;
		if (state->levels[0].count == PER_BLOCK && !level_flush(state, 0, err))
			return false;
	}
	return true;
}

/* Closes open blocks from the bottom up until one hash is left: the root. One leaf alone is the
 * root itself. */
static bool fsverity_root(struct fsverity *state, uint8_t root[SHA256_LEN], struct err *err)
{
	if (state->leaves == 0) {
		memset(root, 0, SHA256_LEN);
		return true;
	}
	for (size_t level = 0; level < LEVELS_MAX; level++) {
		bool top = state->levels[level].blocks == 0;
		if (top && state->levels[level].count == 1) {
			memcpy(root, state->levels[level].block, SHA256_LEN);
			return true;
		}
		if (state->levels[level].count > 0 && !level_flush(state, level, err))
			return false;
	}
	return err_set(err, ERR_INTERNAL, "fs-verity: no root after %u levels", LEVELS_MAX);
}

bool fsverity_final(
	struct fsverity *state, uint64_t file_size, uint8_t out[SHA256_LEN], struct err *err)
{
	uint64_t wanted = file_size / FSVERITY_BLOCK + (file_size % FSVERITY_BLOCK != 0);
	if (state->leaves != wanted)
		return err_set(err, ERR_INTERNAL,
			"fs-verity: %llu leaves for a file of %llu blocks",
			(unsigned long long)state->leaves, (unsigned long long)wanted);
	uint8_t descriptor[DESCRIPTOR_LEN] = {
		[DESCRIPTOR_AT_VERSION] = 1, [DESCRIPTOR_AT_HASH] = 1, [DESCRIPTOR_AT_LOG2] = 12};
	for (size_t i = 0; i < 8; i++)
		descriptor[DESCRIPTOR_AT_SIZE + i] = (uint8_t)(file_size >> (8 * i));
	if (!fsverity_root(state, descriptor + DESCRIPTOR_AT_ROOT, err))
		return false;
	fsverity_reset(state);
	struct bytes in = bytes_of(descriptor, sizeof(descriptor));
	return sha256_lanes(&in, 1, (uint8_t(*)[SHA256_LEN])out, err);
}

static bool fsverity_put_content(struct fsverity *state, struct bytes content, struct err *err)
{
	uint8_t digests[BATCH * SHA256_LEN];
	size_t whole = content.len / FSVERITY_BLOCK, rest = content.len % FSVERITY_BLOCK;
	for (size_t done = 0; done < whole;) {
		size_t n = whole - done < BATCH ? whole - done : BATCH;
		if (!fsverity_hash_blocks(content.data + done * FSVERITY_BLOCK, n, digests, err) ||
			!fsverity_put_leaves(state, digests, n, err))
			return false;
		done += n;
	}
	if (rest == 0)
		return true;
	uint8_t last[FSVERITY_BLOCK] = {0};
	memcpy(last, content.data + whole * FSVERITY_BLOCK, rest);
	return fsverity_hash_blocks(last, 1, digests, err) &&
	       fsverity_put_leaves(state, digests, 1, err);
}

bool fsverity_of(struct bytes content, uint8_t out[SHA256_LEN], struct err *err)
{
	OWNED(fsverity_free) struct fsverity *state = NULL;
	return fsverity_new(&state, err) && fsverity_put_content(state, content, err) &&
	       fsverity_final(state, content.len, out, err);
}
