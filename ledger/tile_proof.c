/* SPDX-License-Identifier: Apache-2.0 */
/* Roots and proofs out of tiles: every node that a proof needs lies inside one tile, or is folded
 * from nodes that do. */
#include "ledger/tile.h"

#define HEIGHT_MAX 64u

/* Joins pairs of neighbours until one hash is left; count is a power of two. */
static bool reduce(uint8_t *hashes, size_t count, struct err *err)
{
	for (; count > 1; count /= 2)
		for (size_t i = 0; i < count; i += 2)
			if (!tree_node_hash(hashes + i * SHA256_LEN, hashes + (i + 1) * SHA256_LEN,
				    hashes + i / 2 * SHA256_LEN, err))
				return false;
	return true;
}

bool tile_fold(struct bytes hashes, uint8_t out[SHA256_LEN], struct err *err)
{
	uint8_t work[TILE_BYTES_MAX];

	if (hashes.len != sizeof(work))
		return err_set(err, ERR_FORMAT, "tile: %zu bytes are no full one", hashes.len);
	memcpy(work, hashes.data, sizeof(work));
	if (!reduce(work, TILE_WIDTH, err))
		return false;
	memcpy(out, work, SHA256_LEN);
	return true;
}

/* Tiles as one proof needs them: each is read once. A proof meets two on each level, one above its
 * leaf and one at the tree's right edge. */
struct tiles {
	const struct tile_source *source;
	size_t count;
	struct {
		struct tile tile;
		struct buf hashes;
	} kept[2 * (TILE_LEVEL_MAX + 1)];
};

static void tiles_release(struct tiles *tiles)
{
	for (size_t i = 0; i < tiles->count; i++)
		buf_release(&tiles->kept[i].hashes);
}

/* Borrowed until the next call. */
static bool tiles_read(
	struct tiles *tiles, const struct tile *tile, struct bytes *ret, struct err *err)
{
	const struct tile_source *source = tiles->source;
	struct buf *hashes;
	size_t i = 0;

	while (i < tiles->count && (tiles->kept[i].tile.level != tile->level ||
					   tiles->kept[i].tile.index != tile->index))
		i++;
	if (i < tiles->count) {
		*ret = buf_bytes(&tiles->kept[i].hashes);
		return true;
	}
	/* One more than there should be takes the last one's place. */
	if (i == ARRAY_LEN(tiles->kept))
		buf_release(&tiles->kept[--i].hashes);
	tiles->count = i;
	hashes = &tiles->kept[i].hashes;
	*hashes = (struct buf){0};
	tiles->kept[i].tile = *tile;
	tiles->count = i + 1; /* whatever comes now is released with the others */
	if (!source->read(source->arg, tile, hashes, err) || !buf_ok(hashes, err))
		return false;
	if (hashes->len != (size_t)tile->width * SHA256_LEN)
		return err_set(err, ERR_FORMAT, "tile: %zu bytes where %u hashes belong",
			hashes->len, tile->width);
	*ret = buf_bytes(hashes);
	return true;
}

/* Root of the 2^height leaves from index * 2^height on, all of them in the source's tree. */
static bool perfect_root(struct tiles *tiles, unsigned height, uint64_t index,
	uint8_t out[SHA256_LEN], struct err *err)
{
	uint8_t work[TILE_BYTES_MAX];
	unsigned level = height / 8, within = height % 8;
	uint64_t first = index << within; /* entry of its level */
	struct tile tile = {.level = level, .index = first / TILE_WIDTH};
	size_t offset = first % TILE_WIDTH, count = (size_t)1 << within;
	struct bytes hashes;

	tile.width = tile_width_in(tiles->source->size, level, tile.index);
	if (!tiles_read(tiles, &tile, &hashes, err))
		return false;
	memcpy(work, hashes.data + offset * SHA256_LEN, count * SHA256_LEN);
	if (!reduce(work, count, err))
		return false;
	memcpy(out, work, SHA256_LEN);
	return true;
}

/* Root of `count` > 0 leaves from `start` on, where start is a multiple of a power of two that is
 * at least count: the perfect subtrees, smallest last, folded from the right. */
static bool range_root(struct tiles *tiles, uint64_t start, uint64_t count, uint8_t out[SHA256_LEN],
	struct err *err)
{
	uint8_t roots[HEIGHT_MAX][SHA256_LEN];
	size_t n = 0;

	for (unsigned height = HEIGHT_MAX; height-- > 0;) {
		if (!(count >> height & 1))
			continue;
		if (!perfect_root(tiles, height, start >> height, roots[n++], err))
			return false;
		start += UINT64_C(1) << height;
	}
	for (; n > 1; n--)
		if (!tree_node_hash(roots[n - 2], roots[n - 1], roots[n - 2], err))
			return false;
	memcpy(out, roots[0], SHA256_LEN);
	return true;
}

static bool size_ok(const struct tile_source *source, uint64_t size, struct err *err)
{
	return size <= source->size ||
	       err_set(err, ERR_USAGE, "tiles: %llu leaves are asked for, and %llu are there",
		       (unsigned long long)size, (unsigned long long)source->size);
}

bool tiles_root(
	const struct tile_source *source, uint64_t size, uint8_t out[SHA256_LEN], struct err *err)
{
	OWNED(tiles_release) struct tiles tiles = {.source = source};

	if (!size_ok(source, size, err))
		return false;
	return size == 0 ? sha256_of((struct bytes){0}, out, err)
			 : range_root(&tiles, 0, size, out, err);
}

/* The largest power of two below n, for n > 1. */
static uint64_t split_of(uint64_t n)
{
	return UINT64_C(1) << (63 - __builtin_clzll(n - 1));
}

/* A proof as it is found, from the root down. */
struct path {
	uint8_t hashes[HEIGHT_MAX + 1][SHA256_LEN];
	size_t count;
};

static bool path_push(
	struct path *path, struct tiles *tiles, uint64_t start, uint64_t count, struct err *err)
{
	return range_root(tiles, start, count, path->hashes[path->count++], err);
}

/* From the leaf up. */
static bool path_put(const struct path *path, struct buf *out, struct err *err)
{
	for (size_t i = path->count; i > 0; i--)
		buf_put(out, BYTES_OF(path->hashes[i - 1]));
	return buf_ok(out, err);
}

/* Part of the tree: `count` leaves from `start` on. */
struct part {
	uint64_t start, count;
};

/* Into the half of a part of two or more that holds the leaf; the root of the other half goes into the path. */
static bool path_descend(
	struct path *path, struct tiles *tiles, uint64_t leaf, struct part *part, struct err *err)
{
	uint64_t k = split_of(part->count);
	struct part left = {part->start, k}, right = {part->start + k, part->count - k};
	bool is_left = leaf < right.start;
	const struct part *other = is_left ? &right : &left;

	*part = is_left ? left : right;
	return path_push(path, tiles, other->start, other->count, err);
}

bool tiles_inclusion(const struct tile_source *source, uint64_t index, uint64_t size,
	struct buf *out, struct err *err)
{
	OWNED(tiles_release) struct tiles tiles = {.source = source};
	struct path path = {0};
	struct part part = {0, size};

	if (!size_ok(source, size, err))
		return false;
	if (index >= size)
		return err_set(err, ERR_USAGE, "tiles: no leaf %llu in a tree of %llu",
			(unsigned long long)index, (unsigned long long)size);
	while (part.count > 1)
		if (!path_descend(&path, &tiles, index, &part, err))
			return false;
	return path_put(&path, out, err);
}

bool tiles_consistency(const struct tile_source *source, uint64_t old_size, uint64_t new_size,
	struct buf *out, struct err *err)
{
	OWNED(tiles_release) struct tiles tiles = {.source = source};
	struct path path = {0};
	struct part part = {0, new_size};

	if (!size_ok(source, new_size, err))
		return false;
	if (old_size > new_size)
		return err_set(err, ERR_USAGE, "tiles: a tree of %llu is no part of one of %llu",
			(unsigned long long)old_size, (unsigned long long)new_size);
	if (old_size == 0)
		return true;
	/* Down to the part that ends where the old tree did. */
	while (part.start + part.count != old_size)
		if (!path_descend(&path, &tiles, old_size - 1, &part, err))
			return false;
	/* An old tree that is this part is known to who checks, and left out. */
	if (part.start != 0 && !path_push(&path, &tiles, part.start, part.count, err))
		return false;
	return path_put(&path, out, err);
}
