/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tiles of a log (C2SP tlog-tiles v0.1.0): their names, and proofs made from them. A tile holds up
 * to 256 hashes: entry i of tile n of level l is the root of the 256^l leaves from
 * (256*n + i) * 256^l on. A bundle holds the leaves themselves. Pure: tiles come from a source.
 */
#ifndef ASSAY_LEDGER_TILE_H
#define ASSAY_LEDGER_TILE_H

#include "crypto/merkle.h"

#define TILE_WIDTH     256u
#define TILE_LEVEL_MAX 7u /* 256^8 leaves are more than a size can say */
#define TILE_PATH_MAX  64
#define TILE_BYTES_MAX (TILE_WIDTH * SHA256_LEN)

struct tile {
	bool entries; /* a bundle of leaves; level is 0 */
	unsigned level; /* 0..TILE_LEVEL_MAX */
	uint64_t index;
	unsigned width; /* 1..TILE_WIDTH; below it the tile is partial */
};
/* "tile/<L>/<N>[.p/<W>]" or "tile/entries/<N>[.p/<W>]", without a leading slash, in the one form
 * that the specification allows. ERR_FORMAT for anything else. */
must_use bool tile_path_parse(struct bytes path, struct tile *ret, struct err *err);
/* Appends the path. ERR_USAGE for a tile that cannot be. */
must_use bool tile_path_write(const struct tile *tile, struct buf *out, struct err *err);
/* How many entries this tile has in a tree of that size: 0..TILE_WIDTH. */
unsigned tile_width_in(uint64_t size, unsigned level, uint64_t index);

/* Appends one leaf of at most 65,535 bytes to a bundle: its length, 16 bits big-endian, and it. */
must_use bool bundle_put(struct buf *bundle, struct bytes leaf, struct err *err);
/* Cuts the next leaf, borrowed, off the bundle. ERR_FORMAT when it is cut short. */
must_use bool bundle_next(struct bytes *bundle, struct bytes *ret_leaf, struct err *err);

/* Root of a full tile's hashes: an entry of the level above. ERR_FORMAT unless they are 256. */
must_use bool tile_fold(struct bytes hashes, uint8_t out[SHA256_LEN], struct err *err);

/* Where tiles come from. read appends the tile's hashes, exactly tile->width * 32 bytes; it is asked
 * for tiles of the width they have in a tree of `size` leaves, and for no other. */
struct tile_source {
	uint64_t size;
	bool (*read)(void *arg, const struct tile *tile, struct buf *out, struct err *err);
	void *arg;
};
/* Root of the tree's first `size` leaves, size at most the source's; of none SHA-256(""). */
must_use bool tiles_root(
	const struct tile_source *source, uint64_t size, uint8_t out[SHA256_LEN], struct err *err);
/* RFC 9162 sections 2.1.3.1 and 2.1.4.1; checked by tree_inclusion_check and
 * tree_consistency_check. Hashes from the leaf up are appended. Reads O(log size) tiles. ERR_USAGE
 * for a leaf outside the tree, or for a tree larger than the source or the new one. */
must_use bool tiles_inclusion(const struct tile_source *source, uint64_t index, uint64_t size,
	struct buf *out, struct err *err);
must_use bool tiles_consistency(const struct tile_source *source, uint64_t old_size,
	uint64_t new_size, struct buf *out, struct err *err);

#endif
