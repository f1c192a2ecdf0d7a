/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "crypto/sha256_lanes.h"

#define LENGTHS   301u
#define BATCH_MAX 17u
#define POOL      8192u

struct kind_case {
	enum sha256_lanes_kind kind;
	const char *name;
};
static const struct kind_case kinds[] = {
	{SHA256_LANES_AUTO, "auto"},
	{SHA256_LANES_OPENSSL, "openssl"},
	{SHA256_LANES_SHANI, "sha-ni"},
	{SHA256_LANES_AVX2, "avx2"},
};

static uint8_t pool[POOL];
static uint8_t expected[LENGTHS][SHA256_LEN];

static int setup(void **state)
{
	(void)state;
	for (size_t i = 0; i < POOL; i++)
		pool[i] = (uint8_t)(i * 167 + (i >> 8) * 13 + 5);
	for (size_t len = 0; len < LENGTHS; len++)
		if (!sha256_of(bytes_of(pool, len), expected[len], NULL))
			return -1;
	return 0;
}

static void skip_unless_here(enum sha256_lanes_kind kind)
{
	struct err err = {0};
	if (sha256_lanes_with(kind, NULL, 0, NULL, &err))
		return;
	assert_int_equal(err.code, ERR_UNSUPPORTED);
	skip();
}

/* The content stands at the very end of its own block, so that the sanitizer sees one byte too
 * many. */
static void check_batch(enum sha256_lanes_kind kind, const size_t *lengths, size_t n)
{
	struct bytes in[BATCH_MAX] = {{NULL, 0}};
	uint8_t *copies[BATCH_MAX];
	uint8_t out[BATCH_MAX][SHA256_LEN];
	struct err err = {0};
	for (size_t i = 0; i < n; i++) {
		copies[i] = malloc(lengths[i] + 1);
		assert_non_null(copies[i]);
		memcpy(copies[i] + 1, pool, lengths[i]); /* + 1: odd alignment */
		in[i] = bytes_of(copies[i] + 1, lengths[i]);
	}
	bool done = sha256_lanes_with(kind, in, n, out, &err);
	for (size_t i = 0; i < n; i++)
		free(copies[i]);
	assert_true(done);
	for (size_t i = 0; i < n; i++)
		assert_memory_equal(out[i], expected[lengths[i]], SHA256_LEN);
}

static void every_length(enum sha256_lanes_kind kind)
{
	skip_unless_here(kind);
	size_t lengths[BATCH_MAX];
	for (size_t n = 1; n <= BATCH_MAX; n++) {
		for (size_t len = 0; len < LENGTHS; len++) {
			for (size_t i = 0; i < n; i++)
				lengths[i] = len;
			check_batch(kind, lengths, n);
		}
	}
}

static void mixed_lengths(enum sha256_lanes_kind kind)
{
	skip_unless_here(kind);
	size_t lengths[BATCH_MAX];
	uint32_t random = 1;
	for (size_t round = 0; round < 2000; round++) {
		size_t n = round % BATCH_MAX + 1;
		for (size_t i = 0; i < n; i++) {
			random = random * 1103515245u + 12345u;
			lengths[i] = (random >> 8) % LENGTHS;
		}
		check_batch(kind, lengths, n);
	}
}

static void auto__every_length_and_count__as_openssl(void **state)
{
	(void)state;
	every_length(SHA256_LANES_AUTO);
}
static void openssl__every_length_and_count__as_openssl(void **state)
{
	(void)state;
	every_length(SHA256_LANES_OPENSSL);
}
static void shani__every_length_and_count__as_openssl(void **state)
{
	(void)state;
	every_length(SHA256_LANES_SHANI);
}
static void avx2__every_length_and_count__as_openssl(void **state)
{
	(void)state;
	every_length(SHA256_LANES_AVX2);
}
static void auto__mixed_lengths__as_openssl(void **state)
{
	(void)state;
	mixed_lengths(SHA256_LANES_AUTO);
}
static void shani__mixed_lengths__as_openssl(void **state)
{
	(void)state;
	mixed_lengths(SHA256_LANES_SHANI);
}
static void avx2__mixed_lengths__as_openssl(void **state)
{
	(void)state;
	mixed_lengths(SHA256_LANES_AVX2);
}

static void lanes__long_beside_short__as_openssl(void **state)
{
	(void)state;
	static const size_t lengths[] = {POOL, 0, 4096, 1, POOL - 1, 55, 56, 64, 4095, 119, 120};
	for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
		struct bytes in[ARRAY_LEN(lengths)];
		uint8_t out[ARRAY_LEN(lengths)][SHA256_LEN], want[SHA256_LEN];
		struct err err = {0};
		for (size_t i = 0; i < ARRAY_LEN(lengths); i++)
			in[i] = bytes_of(pool + (POOL - lengths[i]), lengths[i]);
		if (!sha256_lanes_with(kinds[k].kind, in, ARRAY_LEN(lengths), out, &err)) {
			assert_int_equal(err.code, ERR_UNSUPPORTED);
			continue;
		}
		for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
			assert_true(sha256_of(in[i], want, &err));
			assert_memory_equal(out[i], want, SHA256_LEN);
		}
	}
}

static void lanes__unknown_kernel__refused(void **state)
{
	(void)state;
	struct err err = {0};
	assert_false(sha256_lanes_with((enum sha256_lanes_kind)9, NULL, 0, NULL, &err));
	assert_int_equal(err.code, ERR_UNSUPPORTED);
	assert_string_equal(err.text, "SHA-256 kernel 9: not on this processor");
}

static void lanes__nothing_to_do__done(void **state)
{
	(void)state;
	assert_true(sha256_lanes(NULL, 0, NULL, NULL));
	assert_non_null(strstr(sha256_lanes_name(), " x"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(auto__every_length_and_count__as_openssl),
		cmocka_unit_test(openssl__every_length_and_count__as_openssl),
		cmocka_unit_test(shani__every_length_and_count__as_openssl),
		cmocka_unit_test(avx2__every_length_and_count__as_openssl),
		cmocka_unit_test(auto__mixed_lengths__as_openssl),
		cmocka_unit_test(shani__mixed_lengths__as_openssl),
		cmocka_unit_test(avx2__mixed_lengths__as_openssl),
		cmocka_unit_test(lanes__long_beside_short__as_openssl),
		cmocka_unit_test(lanes__unknown_kernel__refused),
		cmocka_unit_test(lanes__nothing_to_do__done),
	};
	return cmocka_run_group_tests(tests, setup, NULL);
}
