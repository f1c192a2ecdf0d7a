/* SPDX-License-Identifier: Apache-2.0 */
/* AES key wrap, and secrets wrapped for whoever has a private key. */
#include "crypto/key.h"

#include "base/text.h"
#include "tests/support/unit.h"

enum { TYPES = 4 };
static struct key *keys[TYPES], *others[TYPES], *ed25519;
static struct buf wrapped;
static struct err err;
static const uint8_t secret[AES_KEY_LEN] = {1, 2, 3};
static const struct bytes info = BYTES_LIT("what it is");

static int group_setup(void **state)
{
	static const enum key_type types[TYPES] = {KEY_RSA, KEY_EC_P256, KEY_EC_P384, KEY_EC_P521};
	(void)state;
	for (size_t i = 0; i < TYPES; i++)
		if (!key_generate(types[i], &keys[i], &err) ||
			!key_generate(types[i], &others[i], &err))
			return -1;
	return key_generate(KEY_ED25519, &ed25519, &err) ? 0 : -1;
}

static int group_teardown(void **state)
{
	(void)state;
	for (size_t i = 0; i < TYPES; i++) {
		key_unref(&keys[i]);
		key_unref(&others[i]);
	}
	key_unref(&ed25519);
	return 0;
}

static int setup(void **state)
{
	(void)state;
	err = (struct err){0};
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	buf_release(&wrapped);
	return 0;
}

/* RFC 3394 section 4.6. */
static void aes_key_wrap__vector_of_the_rfc__reproduced(void **state)
{
	(void)state;
	uint8_t kek[AES_KEY_LEN], data[AES_KEY_LEN], out[AES_WRAPPED_LEN], again[AES_KEY_LEN];
	char hex[2 * AES_WRAPPED_LEN + 1];
	for (unsigned i = 0; i < sizeof(kek); i++) {
		kek[i] = (uint8_t)i;
		data[i] = (uint8_t)(i < 16 ? i * 0x11 : i - 16);
	}
	assert_ok(aes_key_wrap(kek, data, out, &err), err);
	hex_encode(BYTES_OF(out), hex);
	assert_string_equal(hex, "28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed326cbc7f0e71a99f43b"
				 "fb988b9b7a02dd21");
	assert_ok(aes_key_unwrap(kek, out, again, &err), err);
	assert_memory_equal(again, data, sizeof(data));
}

static void aes_key_unwrap__any_bit_changed__mismatch_and_nothing_given(void **state)
{
	(void)state;
	static const uint8_t kek[AES_KEY_LEN] = {9}, zeros[AES_KEY_LEN];
	uint8_t out[AES_WRAPPED_LEN], again[AES_KEY_LEN];
	assert_ok(aes_key_wrap(kek, secret, out, &err), err);
	for (unsigned bit = 0; bit < 8 * sizeof(out); bit++) {
		memset(again, 7, sizeof(again));
		out[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_fails(aes_key_unwrap(kek, out, again, &err), err, ERR_MISMATCH,
			"AES key wrap: another key wrapped it, or it was changed");
		assert_memory_equal(again, zeros, sizeof(zeros));
		out[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}

static void key_wrap__each_type__opens_with_its_private_half_alone(void **state)
{
	(void)state;
	uint8_t out[AES_KEY_LEN];
	for (size_t i = 0; i < TYPES; i++) {
		buf_clear(&wrapped);
		assert_ok(key_wrap(keys[i], info, secret, &random_system, &wrapped, &err), err);
		assert_null(memmem(wrapped.data, wrapped.len, secret, sizeof(secret)));
		assert_ok(key_unwrap(keys[i], info, buf_bytes(&wrapped), out, &err), err);
		assert_memory_equal(out, secret, sizeof(secret));
		assert_false(key_unwrap(others[i], info, buf_bytes(&wrapped), out, &err));
		assert_int_equal(err.code, ERR_MISMATCH);
	}
}

static void key_unwrap__other_info__mismatch(void **state)
{
	(void)state;
	uint8_t out[AES_KEY_LEN];
	for (size_t i = 0; i < TYPES; i++) {
		buf_clear(&wrapped);
		assert_ok(key_wrap(keys[i], info, secret, &random_system, &wrapped, &err), err);
		assert_fails(key_unwrap(keys[i], BYTES_LIT("something else"), buf_bytes(&wrapped),
				     out, &err),
			err, ERR_MISMATCH,
			"AES key wrap: another key wrapped it, or it was changed");
	}
}

static void key_unwrap__changed_anywhere__refused(void **state)
{
	(void)state;
	uint8_t out[AES_KEY_LEN];
	for (size_t i = 0; i < TYPES; i++) {
		buf_clear(&wrapped);
		assert_ok(key_wrap(keys[i], info, secret, &random_system, &wrapped, &err), err);
		for (size_t at = 0; at < wrapped.len; at += 7) {
			wrapped.data[at] ^= 1;
			assert_false(key_unwrap(keys[i], info, buf_bytes(&wrapped), out, &err));
			wrapped.data[at] ^= 1;
		}
	}
}

static void key_unwrap__too_short_or_no_point__format(void **state)
{
	(void)state;
	uint8_t out[AES_KEY_LEN];
	assert_ok(key_wrap(keys[1], info, secret, &random_system, &wrapped, &err), err);
	assert_fails(key_unwrap(keys[1], info, bytes_of(wrapped.data, AES_WRAPPED_LEN), out, &err),
		err, ERR_FORMAT, "key wrap: 40 bytes are too few");
	assert_fails(key_unwrap(keys[1], info, bytes_of(wrapped.data, wrapped.len - 1), out, &err),
		err, ERR_FORMAT, "key wrap: not the point of an ephemeral key");
	wrapped.data[0] = 2;
	assert_fails(key_unwrap(keys[1], info, buf_bytes(&wrapped), out, &err), err, ERR_FORMAT,
		"key wrap: not the point of an ephemeral key");
}

static void key_wrap__key_that_only_signs__unsupported(void **state)
{
	(void)state;
	uint8_t out[AES_KEY_LEN], in[72] = {4};
	assert_fails(key_wrap(ed25519, info, secret, &random_system, &wrapped, &err), err,
		ERR_UNSUPPORTED, "key wrap: expected an RSA or EC key, not Ed25519");
	assert_fails(key_unwrap(ed25519, info, BYTES_OF(in), out, &err), err, ERR_UNSUPPORTED,
		"key wrap: expected an RSA or EC key, not Ed25519");
}

static void key_unwrap__public_half_alone__denied(void **state)
{
	(void)state;
	uint8_t out[AES_KEY_LEN];
	for (size_t i = 0; i < 2; i++) {
		struct key *public = NULL;
		buf_clear(&wrapped);
		assert_ok(key_from_spki(key_spki(keys[i]), &public, &err), err);
		assert_ok(key_wrap(public, info, secret, &random_system, &wrapped, &err), err);
		assert_false(key_unwrap(public, info, buf_bytes(&wrapped), out, &err));
		assert_int_equal(err.code, ERR_DENIED);
		key_unref(&public);
	}
}

static void key_oaep_decrypt__no_rsa_key_or_digest__format(void **state)
{
	(void)state;
	uint8_t in[256] = {0};
	assert_fails(key_oaep_decrypt(keys[1], DIGEST_SHA256, BYTES_OF(in), &wrapped, &err), err,
		ERR_FORMAT, "OAEP: needs an RSA key and a known digest");
	assert_fails(key_oaep_decrypt(keys[0], DIGEST_NONE, BYTES_OF(in), &wrapped, &err), err,
		ERR_FORMAT, "OAEP: needs an RSA key and a known digest");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(aes_key_wrap__vector_of_the_rfc__reproduced),
		TEST(aes_key_unwrap__any_bit_changed__mismatch_and_nothing_given),
		TEST(key_wrap__each_type__opens_with_its_private_half_alone),
		TEST(key_unwrap__other_info__mismatch),
		TEST(key_unwrap__changed_anywhere__refused),
		TEST(key_unwrap__too_short_or_no_point__format),
		TEST(key_wrap__key_that_only_signs__unsupported),
		TEST(key_unwrap__public_half_alone__denied),
		TEST(key_oaep_decrypt__no_rsa_key_or_digest__format),
	};
	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
