/* SPDX-License-Identifier: Apache-2.0 */
/* What the multi-lane SHA-256 kernels and their scheduler share; private to crypto/. */
#ifndef ASSAY_CRYPTO_SHA256_LANES_KERNEL_H
#define ASSAY_CRYPTO_SHA256_LANES_KERNEL_H

#include <stddef.h>
#include <stdint.h>

#define SHA256_BLOCK     64u
#define SHA256_LANES_MAX 8u

/* FIPS 180-4 section 4.2.2, aligned for vector loads. */
extern const uint32_t sha256_k[64];

/* Runs `blocks` whole blocks of each of `lanes` (1..SHA256_LANES_MAX) independent messages.
 * states[i] is the chaining value of lane i as eight words a..h in host order; data[i] needs no
 * alignment. */
typedef void (*sha256_lanes_blocks)(
	uint32_t (*states)[8], const uint8_t *const *data, size_t blocks, size_t lanes);

#if defined(__x86_64__)
void sha256_lanes_shani(
	uint32_t (*states)[8], const uint8_t *const *data, size_t blocks, size_t lanes);
void sha256_lanes_avx2(
	uint32_t (*states)[8], const uint8_t *const *data, size_t blocks, size_t lanes);
#endif

#endif
