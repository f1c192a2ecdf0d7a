/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 of eight messages at once in AVX2, one message a 32-bit column: for processors without
 * the SHA extensions. */
#include "crypto/sha256_lanes_kernel.h"

#if defined(__x86_64__)

#include <immintrin.h>
#include <stdbool.h>

#define AVX2        __attribute__((target("avx2")))
#define AVX2_INLINE static inline __attribute__((always_inline, target("avx2")))

#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

AVX2_INLINE __m256i rotr(__m256i x, int n)
{
	return _mm256_or_si256(_mm256_srli_epi32(x, n), _mm256_slli_epi32(x, 32 - n));
}
AVX2_INLINE __m256i xor3(__m256i a, __m256i b, __m256i c)
{
	return _mm256_xor_si256(_mm256_xor_si256(a, b), c);
}
AVX2_INLINE __m256i add(__m256i a, __m256i b)
{
	return _mm256_add_epi32(a, b);
}

/* Rows to columns: r[i] holds eight words of lane i, afterwards r[i] holds word i of all lanes. */
AVX2_INLINE void transpose(__m256i r[8])
{
	__m256i t[8], u[8];
	for (int i = 0; i < 8; i += 2) {
		t[i] = _mm256_unpacklo_epi32(r[i], r[i + 1]);
		t[i + 1] = _mm256_unpackhi_epi32(r[i], r[i + 1]);
	}
	for (int i = 0; i < 8; i += 4) {
		u[i] = _mm256_unpacklo_epi64(t[i], t[i + 2]);
		u[i + 1] = _mm256_unpackhi_epi64(t[i], t[i + 2]);
		u[i + 2] = _mm256_unpacklo_epi64(t[i + 1], t[i + 3]);
		u[i + 3] = _mm256_unpackhi_epi64(t[i + 1], t[i + 3]);
	}
	for (int i = 0; i < 4; i++) {
		r[i] = _mm256_permute2x128_si256(u[i], u[i + 4], 0x20);
		r[i + 4] = _mm256_permute2x128_si256(u[i], u[i + 4], 0x31);
	}
}

AVX2_INLINE void load_columns(const void *const rows[8], __m256i columns[8])
{
	for (int i = 0; i < 8; i++)
		columns[i] = _mm256_loadu_si256((const __m256i *)rows[i]);
	transpose(columns);
}

/* Sixteen message words of every lane, in host order. */
AVX2_INLINE void load_block(const uint8_t *const in[8], __m256i w[16])
{
	const __m256i big_endian = _mm256_broadcastsi128_si256(
		_mm_set_epi64x(0x0c0d0e0f08090a0bll, 0x0405060700010203ll));
	for (int half = 0; half < 2; half++) {
		const void *rows[8];
		for (int i = 0; i < 8; i++)
			rows[i] = in[i] + 32 * half;
		load_columns(rows, w + 8 * half);
	}
	for (int i = 0; i < 16; i++)
		w[i] = _mm256_shuffle_epi8(w[i], big_endian);
}

/* Message word r of the next sixteen, written over the word it follows by sixteen. */
AVX2_INLINE void schedule(__m256i w[16], unsigned r)
{
	__m256i w15 = w[(r + 1) % 16], w2 = w[(r + 14) % 16];
	__m256i s0 = xor3(rotr(w15, 7), rotr(w15, 18), _mm256_srli_epi32(w15, 3));
	__m256i s1 = xor3(rotr(w2, 17), rotr(w2, 19), _mm256_srli_epi32(w2, 10));
	w[r] = add(add(w[r], s0), add(w[(r + 9) % 16], s1));
}

/* FIPS 180-4 section 6.2.2 step 3, sixteen rounds; v is a..h, whose roles rotate instead of the
 * contents. */
AVX2_INLINE void rounds16(__m256i v[8], __m256i w[16], const uint32_t *k, bool expand)
{
	UNROLL
	for (unsigned r = 0; r < 16; r++) {
		__m256i a = v[(16 - r) % 8], b = v[(17 - r) % 8], c = v[(18 - r) % 8];
		__m256i e = v[(20 - r) % 8], f = v[(21 - r) % 8], g = v[(22 - r) % 8];
		if (expand)
			schedule(w, r);
		__m256i wk = add(w[r], _mm256_set1_epi32((int)k[r]));
		__m256i sum1 = xor3(rotr(e, 6), rotr(e, 11), rotr(e, 25));
		__m256i ch = _mm256_xor_si256(_mm256_and_si256(e, _mm256_xor_si256(f, g)), g);
		__m256i t1 = add(add(v[(23 - r) % 8], sum1), add(ch, wk));
		__m256i sum0 = xor3(rotr(a, 2), rotr(a, 13), rotr(a, 22));
		__m256i maj = _mm256_or_si256(
			_mm256_and_si256(a, b), _mm256_and_si256(c, _mm256_or_si256(a, b)));
		v[(19 - r) % 8] = add(v[(19 - r) % 8], t1);
		v[(23 - r) % 8] = add(t1, add(sum0, maj));
	}
}

AVX2 void sha256_lanes_avx2(
	uint32_t (*states)[8], const uint8_t *const *data, size_t blocks, size_t lanes)
{
	/* Idle columns repeat lane 0 and are thrown away. */
	const void *rows[8];
	const uint8_t *in[8];
	for (size_t i = 0; i < 8; i++) {
		rows[i] = states[i < lanes ? i : 0];
		in[i] = data[i < lanes ? i : 0];
	}
	__m256i state[8];
	load_columns(rows, state);
	for (; blocks > 0; blocks--) {
		__m256i w[16], v[8];
		load_block(in, w);
		for (int i = 0; i < 8; i++)
			v[i] = state[i];
		rounds16(v, w, sha256_k, false);
		for (int i = 16; i < 64; i += 16)
			rounds16(v, w, sha256_k + i, true);
		for (int i = 0; i < 8; i++) {
			state[i] = add(state[i], v[i]);
			in[i] += SHA256_BLOCK;
		}
	}
	transpose(state);
	for (size_t i = 0; i < lanes; i++)
		_mm256_storeu_si256((__m256i *)(void *)states[i], state[i]);
}

#endif
