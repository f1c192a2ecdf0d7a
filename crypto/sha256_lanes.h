/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Several SHA-256 computations at once on one core. Used for Merkle leaves and batches of small
 * files only; everything else goes to OpenSSL. Runtime dispatch: SHA-NI with interleaved lanes,
 * AVX2 with eight lanes, OpenSSL one by one.
 */
#ifndef ASSAY_CRYPTO_SHA256_LANES_H
#define ASSAY_CRYPTO_SHA256_LANES_H

#include "crypto/digest.h"

enum sha256_lanes_kind {
	SHA256_LANES_AUTO = 0,
	SHA256_LANES_OPENSSL,
	SHA256_LANES_SHANI,
	SHA256_LANES_AVX2
};

/* out[i] = SHA-256(in[i]), for any n and any lengths. */
must_use bool sha256_lanes(
	const struct bytes *in, size_t n, uint8_t (*out)[SHA256_LEN], struct err *err);
/* The same with a chosen kernel, for tests and benchmarks; ERR_UNSUPPORTED when this processor
 * lacks it. */
must_use bool sha256_lanes_with(enum sha256_lanes_kind kind, const struct bytes *in, size_t n,
	uint8_t (*out)[SHA256_LEN], struct err *err);
/* The kernel AUTO uses here, "sha-ni x2". */
const char *sha256_lanes_name(void);

#endif
