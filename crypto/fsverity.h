/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fs-verity digests (Linux, Documentation/filesystems/fsverity.rst): SHA-256, 4 KiB blocks, no
 * salt: what `fsverity digest` prints. And plain SHA-256 of batches of small files. Both use the
 * multi-lane kernel.
 */
#ifndef ASSAY_CRYPTO_FSVERITY_H
#define ASSAY_CRYPTO_FSVERITY_H

#include "crypto/digest.h"

#define FSVERITY_BLOCK 4096u

/* Incremental Merkle tree. Leaves may be hashed by other threads: fsverity_put_leaves takes ready
 * leaf digests in order. */
struct fsverity;
must_use bool fsverity_new(struct fsverity **ret, struct err *err);
void fsverity_free(struct fsverity **state);
/* Hashes `blocks` whole 4 KiB blocks to 32-byte digests, multi-lane. A last short block must be
 * zero-padded by the caller. */
must_use bool fsverity_hash_blocks(
	const uint8_t *data, size_t blocks, uint8_t *out_digests, struct err *err);
must_use bool fsverity_put_leaves(
	struct fsverity *state, const uint8_t *digests, size_t count, struct err *err);
/* The file digest: H(descriptor{version 1, sha256, log2 12, size, root}). An empty file has a zero
 * root. */
must_use bool fsverity_final(
	struct fsverity *state, uint64_t file_size, uint8_t out[SHA256_LEN], struct err *err);
/* All at once, single-threaded, over memory. */
must_use bool fsverity_of(struct bytes content, uint8_t out[SHA256_LEN], struct err *err);

#endif
