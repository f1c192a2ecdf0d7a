/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/text.h"
#include "crypto/digest.h"

static struct err err;
static struct buf out, in;
static struct hasher *hasher;

static int setup(void **state)
{
	(void)state;
	err = (struct err){0};
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	buf_release(&out);
	buf_release(&in);
	hasher_free(&hasher);
	return 0;
}

static void assert_hex(struct bytes bytes, const char *hex)
{
	struct buf text = {0};

	buf_put_hex(&text, bytes);
	assert_string_equal(buf_str(&text), hex);
	buf_release(&text);
}

static struct bytes from_hex(const char *hex, struct buf *ret)
{
	buf_clear(ret);
	assert_true(hex_decode(bytes_str(hex), 4096, ret, &err));
	return buf_bytes(ret);
}

/* FIPS 180-4 example "abc". */
static const struct digest_case {
	enum digest_alg alg;
	const char *name, *hex;
	size_t len;
} digests[] = {
	{DIGEST_SHA1, "sha1", "a9993e364706816aba3e25717850c26c9cd0d89d", 20},
	{DIGEST_SHA256, "sha256",
		"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", 32},
	{DIGEST_SHA384, "sha384",
		"cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed"
		"8086072ba1e7cc2358baeca134c825a7",
		48},
	{DIGEST_SHA512, "sha512",
		"ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
		"2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
		64},
};

static void digest_of__abc__known_answers(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(digests); i++) {
		struct digest made;

		assert_true(digest_of(digests[i].alg, BYTES_LIT("abc"), &made, &err));
		assert_int_equal(made.alg, digests[i].alg);
		assert_hex(digest_bytes(&made), digests[i].hex);
	}
}

static void digest_alg__names_and_lengths__round_trip(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(digests); i++) {
		assert_string_equal(digest_alg_name(digests[i].alg), digests[i].name);
		assert_int_equal(digest_alg_of_name(bytes_str(digests[i].name)), digests[i].alg);
		assert_int_equal(digest_alg_len(digests[i].alg), digests[i].len);
	}
	assert_int_equal(digest_alg_of_name(BYTES_LIT("SHA256")), DIGEST_NONE);
	assert_int_equal(digest_alg_of_name(BYTES_LIT("sha2567")), DIGEST_NONE);
	assert_int_equal(digest_alg_of_name(BYTES_LIT("")), DIGEST_NONE);
	assert_string_equal(digest_alg_name((enum digest_alg)0x12), "unknown");
	assert_int_equal(digest_alg_len((enum digest_alg)0x12), 0);
}

static void digest_of__unknown_algorithm__refused(void **state)
{
	struct digest made;

	(void)state;
	assert_false(digest_of((enum digest_alg)0x12, BYTES_LIT("abc"), &made, &err));
	assert_int_equal(err.code, ERR_UNSUPPORTED);
	assert_string_equal(err.text, "digest: algorithm 0x0012 is not known");
	assert_false(hasher_new(DIGEST_NONE, &hasher, &err));
	assert_int_equal(err.code, ERR_UNSUPPORTED);
	assert_false(hmac_of(DIGEST_NONE, BYTES_LIT("k"), BYTES_LIT("abc"), &made, &err));
	assert_int_equal(err.code, ERR_UNSUPPORTED);
}

static void digest_of_parts__split_anywhere__as_whole(void **state)
{
	struct digest whole, made;

	(void)state;
	assert_true(digest_of(DIGEST_SHA384, BYTES_LIT("measured"), &whole, &err));
	for (size_t at = 0; at <= 8; at++) {
		struct bytes parts[] = {
			bytes_of("measured", at), {0}, bytes_of(&"measured"[at], 8 - at)};

		assert_true(digest_of_parts(DIGEST_SHA384, parts, ARRAY_LEN(parts), &made, &err));
		assert_true(digest_equal(&whole, &made));
	}
}

static void digest_equal__other_algorithm_or_zero__unequal(void **state)
{
	struct digest a = {.alg = DIGEST_SHA256, .len = 32}, b = {.alg = DIGEST_SHA512, .len = 32};
	struct digest zero = {0};

	(void)state;
	assert_true(digest_equal(&a, &a));
	assert_false(digest_equal(&a, &b));
	assert_false(digest_equal(&zero, &zero));
	b = a;
	b.bytes[31] = 1;
	assert_false(digest_equal(&a, &b));
}

static void hasher__used_twice__starts_over(void **state)
{
	struct digest first, second, one_shot;

	(void)state;
	assert_true(hasher_new(DIGEST_SHA256, &hasher, &err));
	assert_true(hasher_update(hasher, BYTES_LIT("a"), &err));
	assert_true(hasher_update(hasher, BYTES_LIT("bc"), &err));
	assert_true(hasher_final(hasher, &first, &err));
	assert_true(hasher_update(hasher, BYTES_LIT("abc"), &err));
	assert_true(hasher_final(hasher, &second, &err));
	assert_hex(digest_bytes(&first), digests[1].hex);
	assert_true(digest_equal(&first, &second));
	assert_true(hasher_final(hasher, &second, &err));
	assert_true(digest_of(DIGEST_SHA256, (struct bytes){0}, &one_shot, &err));
	assert_true(digest_equal(&second, &one_shot));
}

/* RFC 4231 cases 1, 2 and 6; and the empty key, computed with Python. */
static const struct {
	const char *key, *in, *hex;
} hmacs[] = {
	{"0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "4869205468657265",
		"b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
	{"4a656665", "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
		"5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
	{"", "", "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad"},
};

static void hmac_of__sha256__known_answers(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(hmacs); i++) {
		struct digest made;

		from_hex(hmacs[i].key, &in);
		from_hex(hmacs[i].in, &out);
		assert_true(hmac_of(DIGEST_SHA256, buf_bytes(&in), buf_bytes(&out), &made, &err));
		assert_hex(digest_bytes(&made), hmacs[i].hex);
	}
}

static void *hash_in_thread(void *arg)
{
	for (int i = 0; i < 2000; i++) {
		struct digest made;

		if (!digest_of(digests[i % 4].alg, BYTES_LIT("abc"), &made, NULL) ||
			made.len != digests[i % 4].len)
			*(bool *)arg = true;
	}
	return NULL;
}

static void digest_of__many_threads__all_agree(void **state)
{
	pthread_t threads[4];
	bool failed[4] = {0};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, hash_in_thread, &failed[i]), 0);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		assert_false(failed[i]);
	}
}

/* NIST SP 800-38A F.3.13 and F.3.17, the first two blocks. */
static const struct {
	const char *key, *hex;
} cfbs[] = {
	{"2b7e151628aed2a6abf7158809cf4f3c",
		"3b3fd92eb72dad20333449f8e83cfb4ac8a64537a0b3a93fcde3cdad9f1ce58b"},
	{"603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
		"dc7e84bfda79164b7ecd8486985d386039ffed143b28b1c832113c6331e5407b"},
};

static void aes_cfb__nist_vectors__both_ways(void **state)
{
	static const uint8_t iv[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
	static const char plain[] =
		"6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51";
	struct buf key = {0};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cfbs); i++) {
		from_hex(cfbs[i].key, &key);
		buf_clear(&out);
		assert_true(aes_cfb(true, buf_bytes(&key), iv, from_hex(plain, &in), &out, &err));
		assert_hex(buf_bytes(&out), cfbs[i].hex);
		buf_clear(&out);
		assert_true(aes_cfb(
			false, buf_bytes(&key), iv, from_hex(cfbs[i].hex, &in), &out, &err));
		assert_hex(buf_bytes(&out), plain);
	}
	buf_release(&key);
}

static void aes_cfb__odd_length_no_iv__reverses(void **state)
{
	static const uint8_t key[16] = {7};

	(void)state;
	assert_true(aes_cfb(true, BYTES_OF(key), NULL, BYTES_LIT("17 bytes of text!"), &in, &err));
	assert_int_equal(in.len, 17);
	assert_true(aes_cfb(false, BYTES_OF(key), NULL, buf_bytes(&in), &out, &err));
	assert_string_equal(buf_str(&out), "17 bytes of text!");
	buf_clear(&out);
	assert_true(aes_cfb(true, BYTES_OF(key), NULL, (struct bytes){0}, &out, &err));
	assert_int_equal(out.len, 0);
}

static void aes__wrong_key_sizes__refused(void **state)
{
	static const uint8_t key[64];

	(void)state;
	for (size_t len = 0; len <= sizeof(key); len++) {
		if (len != 16 && len != 32) {
			assert_false(aes_cfb(
				true, bytes_of(key, len), NULL, BYTES_LIT("x"), &out, &err));
			assert_int_equal(err.code, ERR_USAGE);
		}
		if (len != 32) {
			assert_false(aes_gcm_seal(bytes_of(key, len), BYTES_LIT(""), BYTES_LIT("x"),
				&random_system, &out, &err));
			assert_int_equal(err.code, ERR_USAGE);
		}
	}
	assert_int_equal(out.len, 0);
}

static bool zero_fill(struct random *random, uint8_t *to, size_t len, struct err *e)
{
	(void)random;
	(void)e;
	memset(to, 0, len);
	return true;
}

static bool no_fill(struct random *random, uint8_t *to, size_t len, struct err *e)
{
	(void)random;
	(void)to;
	(void)len;
	return err_set(e, ERR_CRYPTO, "no entropy");
}

static const struct random_ops zero_ops = {zero_fill}, no_ops = {no_fill};

/* The GCM specification's test case 14. */
static void aes_gcm_seal__zero_key_and_nonce__known_answer(void **state)
{
	static const uint8_t key[32], plain[16];
	struct random zeros = {&zero_ops};

	(void)state;
	assert_true(aes_gcm_seal(
		BYTES_OF(key), (struct bytes){0}, BYTES_OF(plain), &zeros, &out, &err));
	assert_hex(buf_bytes(&out), "000000000000000000000000"
				    "cea7403d4d606b6e074ec5d3baf39d18"
				    "d0d1c8a799996bf0265b98b5d48ab919");
}

static void aes_gcm_seal__randomness_fails__nothing_sealed(void **state)
{
	static const uint8_t key[32];
	struct random none = {&no_ops};

	(void)state;
	assert_false(aes_gcm_seal(BYTES_OF(key), BYTES_LIT(""), BYTES_LIT("x"), &none, &out, &err));
	assert_int_equal(err.code, ERR_CRYPTO);
	assert_string_equal(err.text, "AES-256-GCM nonce: no entropy");
	assert_int_equal(out.len, 0);
}

static void aes_gcm_open__each_bit_flipped__refused(void **state)
{
	static const uint8_t key[32] = {1};

	(void)state;
	assert_true(aes_gcm_seal(
		BYTES_OF(key), BYTES_LIT("aad"), BYTES_LIT("secret"), &random_system, &in, &err));
	assert_true(aes_gcm_open(BYTES_OF(key), BYTES_LIT("aad"), buf_bytes(&in), &out, &err));
	assert_string_equal(buf_str(&out), "secret");
	buf_clear(&out);
	for (size_t bit = 0; bit < 8 * in.len; bit++) {
		in.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_false(
			aes_gcm_open(BYTES_OF(key), BYTES_LIT("aad"), buf_bytes(&in), &out, &err));
		assert_int_equal(err.code, ERR_MISMATCH);
		in.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	assert_string_equal(err.text, "AES-256-GCM: the tag does not verify");
	assert_false(aes_gcm_open(BYTES_OF(key), BYTES_LIT("aaD"), buf_bytes(&in), &out, &err));
	assert_int_equal(err.code, ERR_MISMATCH);
	assert_int_equal(out.len, 0);
}

static void aes_gcm_open__truncated__refused(void **state)
{
	static const uint8_t key[32] = {1};

	(void)state;
	assert_true(aes_gcm_seal(
		BYTES_OF(key), BYTES_LIT(""), BYTES_LIT("secret"), &random_system, &in, &err));
	for (size_t len = 0; len < in.len; len++) {
		assert_false(aes_gcm_open(
			BYTES_OF(key), BYTES_LIT(""), bytes_of(in.data, len), &out, &err));
		assert_int_equal(err.code, len < 28 ? ERR_FORMAT : ERR_MISMATCH);
	}
}

static void random_system__two_draws__differ(void **state)
{
	uint8_t a[32] = {0}, b[32] = {0};

	(void)state;
	assert_true(random_fill(&random_system, a, sizeof(a), &err));
	assert_true(random_fill(&random_system, b, sizeof(b), &err));
	assert_memory_not_equal(a, b, sizeof(a));
	assert_true(random_fill(&random_system, a, 0, &err));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(digest_of__abc__known_answers),
		TEST(digest_alg__names_and_lengths__round_trip),
		TEST(digest_of__unknown_algorithm__refused),
		TEST(digest_of_parts__split_anywhere__as_whole),
		TEST(digest_equal__other_algorithm_or_zero__unequal),
		TEST(hasher__used_twice__starts_over),
		TEST(hmac_of__sha256__known_answers),
		TEST(digest_of__many_threads__all_agree),
		TEST(aes_cfb__nist_vectors__both_ways),
		TEST(aes_cfb__odd_length_no_iv__reverses),
		TEST(aes__wrong_key_sizes__refused),
		TEST(aes_gcm_seal__zero_key_and_nonce__known_answer),
		TEST(aes_gcm_seal__randomness_fails__nothing_sealed),
		TEST(aes_gcm_open__each_bit_flipped__refused),
		TEST(aes_gcm_open__truncated__refused),
		TEST(random_system__two_draws__differ),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
