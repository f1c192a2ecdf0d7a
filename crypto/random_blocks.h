/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Randomness drawn in blocks, for who needs a few bytes very often. Bytes are given out once and wiped
 * where they lay; what was drawn and not yet given out lies in a page that a child process finds empty
 * (MADV_WIPEONFORK) and that core dumps leave out. Safe to share between threads.
 */
#ifndef ASSAY_CRYPTO_RANDOM_BLOCKS_H
#define ASSAY_CRYPTO_RANDOM_BLOCKS_H

#include "crypto/digest.h"

/* Longer requests go to the source as they are. */
#define RANDOM_BLOCKS_MAX 64u

struct random_blocks;
/* source: borrowed, as long as the blocks live. ERR_NOMEM; ERR_UNSUPPORTED: this kernel keeps no page from
 * children. */
must_use bool random_blocks_new(struct random *source, struct random_blocks **ret, struct err *err);
/* What to draw from; as long as the blocks live. */
struct random *random_blocks_random(struct random_blocks *blocks);
/* Wipes; NULL is fine. */
void random_blocks_free(struct random_blocks **blocks);

#endif
