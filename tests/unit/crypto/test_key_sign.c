/* SPDX-License-Identifier: Apache-2.0 */
/* Signatures, OAEP and ECDH: what verifies, and everything near it that must not. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "base/text.h"
#include "crypto/key.h"

enum { RSA_2K, P256, P384, P521, ED, KEYS };
static const enum key_type types[KEYS] = {
	KEY_RSA, KEY_EC_P256, KEY_EC_P384, KEY_EC_P521, KEY_ED25519};
static struct key *keys[KEYS], *others[KEYS];

static struct key *key;
static struct buf a, b, c;
static struct err err;

#define MESSAGE BYTES_LIT("what was measured")

static int group_setup(void **state)
{
	(void)state;
	for (size_t i = 0; i < KEYS; i++)
		if (!key_generate(types[i], &keys[i], &err) ||
			!key_generate(types[i], &others[i], &err))
			return -1;
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	for (size_t i = 0; i < KEYS; i++) {
		key_unref(&keys[i]);
		key_unref(&others[i]);
	}
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
	key_unref(&key);
	buf_release(&a);
	buf_release(&b);
	buf_release(&c);
	return 0;
}

static const struct use {
	int key;
	enum signature_scheme scheme;
	enum digest_alg alg;
	size_t len; /* 0: varies */
} uses[] = {
	{RSA_2K, SIGN_RSA_PKCS1, DIGEST_SHA256, 256},
	{RSA_2K, SIGN_RSA_PKCS1, DIGEST_SHA384, 256},
	{RSA_2K, SIGN_RSA_PKCS1, DIGEST_SHA512, 256},
	{RSA_2K, SIGN_RSA_PSS, DIGEST_SHA256, 256},
	{RSA_2K, SIGN_RSA_PSS, DIGEST_SHA512, 256},
	{P256, SIGN_ECDSA, DIGEST_SHA256, 0},
	{P256, SIGN_ECDSA, DIGEST_SHA512, 0},
	{P256, SIGN_ECDSA_RAW, DIGEST_SHA256, 64},
	{P384, SIGN_ECDSA, DIGEST_SHA384, 0},
	{P384, SIGN_ECDSA_RAW, DIGEST_SHA384, 96},
	{P521, SIGN_ECDSA, DIGEST_SHA512, 0},
	{P521, SIGN_ECDSA_RAW, DIGEST_SHA512, 132},
	{ED, SIGN_ED25519, DIGEST_NONE, 64},
};

static void sign(const struct use *use)
{
	buf_clear(&a);
	if (!key_sign(keys[use->key], use->scheme, use->alg, MESSAGE, &a, &err))
		fail_msg("%s", err.text);
}

static bool verifies(const struct use *use, struct bytes message, struct bytes signature)
{
	return key_verify(keys[use->key], use->scheme, use->alg, message, signature, &err);
}

static void key_verify__own_signature__accepted(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(uses); i++) {
		/* Twice, since the second time goes through the prepared context. */
		for (int n = 0; n < 2; n++) {
			sign(&uses[i]);
			if (uses[i].len)
				assert_int_equal(a.len, uses[i].len);
			if (!verifies(&uses[i], MESSAGE, buf_bytes(&a)))
				fail_msg("%zu: %s", i, err.text);
		}
	}
}

static void key_verify__any_bit_of_signature_flipped__refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(uses); i++) {
		size_t step = uses[i].key == RSA_2K || uses[i].key == P521 ? 7 : 1;

		sign(&uses[i]);
		for (size_t bit = 0; bit < 8 * a.len; bit += step) {
			a.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
			assert_false(verifies(&uses[i], MESSAGE, buf_bytes(&a)));
			assert_true(err.code == ERR_MISMATCH || err.code == ERR_FORMAT);
			a.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
		}
	}
}

static void key_verify__any_bit_of_message_flipped__refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(uses); i++) {
		sign(&uses[i]);
		buf_clear(&b);
		buf_put(&b, MESSAGE);
		for (size_t bit = 0; bit < 8 * b.len; bit += 5) {
			b.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
			assert_false(verifies(&uses[i], buf_bytes(&b), buf_bytes(&a)));
			assert_int_equal(err.code, ERR_MISMATCH);
			b.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
		}
		assert_false(verifies(&uses[i], (struct bytes){0}, buf_bytes(&a)));
	}
}

static void key_verify__wrong_key__mismatch(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(uses); i++) {
		sign(&uses[i]);
		assert_false(key_verify(others[uses[i].key], uses[i].scheme, uses[i].alg, MESSAGE,
			buf_bytes(&a), &err));
		assert_int_equal(err.code, ERR_MISMATCH);
		assert_non_null(strstr(err.text, "signature: does not verify with this "));
	}
}

static void key_verify__truncated_or_longer__refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(uses); i++) {
		sign(&uses[i]);
		for (size_t len = 0; len < a.len; len++) {
			assert_false(verifies(&uses[i], MESSAGE, bytes_of(a.data, len)));
			assert_int_equal(err.code, ERR_FORMAT);
		}
		buf_put_u8(&a, 0);
		assert_false(verifies(&uses[i], MESSAGE, buf_bytes(&a)));
		assert_int_equal(err.code, ERR_FORMAT);
	}
}

/* Every signature under every other scheme and digest. */
static void key_verify__scheme_that_does_not_fit__refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(uses); i++) {
		sign(&uses[i]);
		for (size_t j = 0; j < ARRAY_LEN(uses); j++) {
			if (uses[i].scheme == uses[j].scheme && uses[i].alg == uses[j].alg)
				continue;
			assert_false(key_verify(keys[uses[i].key], uses[j].scheme, uses[j].alg,
				MESSAGE, buf_bytes(&a), &err));
		}
	}
}

static void key_sign__scheme_that_does_not_fit__refused_by_name(void **state)
{
	(void)state;
	assert_false(key_sign(keys[RSA_2K], SIGN_ECDSA, DIGEST_SHA256, MESSAGE, &a, &err));
	assert_int_equal(err.code, ERR_FORMAT);
	assert_string_equal(err.text, "signature: the scheme does not fit an RSA key");
	assert_false(key_sign(keys[P256], SIGN_RSA_PSS, DIGEST_SHA256, MESSAGE, &a, &err));
	assert_string_equal(err.text, "signature: the scheme does not fit an ECDSA P-256 key");
	assert_false(key_sign(keys[ED], SIGN_ECDSA_RAW, DIGEST_SHA256, MESSAGE, &a, &err));
	assert_false(key_sign(keys[P256], SIGN_ED25519, DIGEST_NONE, MESSAGE, &a, &err));
	assert_false(
		key_sign(keys[P256], (enum signature_scheme)0, DIGEST_SHA256, MESSAGE, &a, &err));
	assert_false(key_sign(keys[ED], SIGN_ED25519, DIGEST_SHA512, MESSAGE, &a, &err));
	assert_string_equal(err.text, "signature: Ed25519 takes no digest algorithm");
	assert_int_equal(a.len, 0);
}

static void key_sign__sha1_or_unknown_digest__refused(void **state)
{
	(void)state;
	assert_false(key_sign(keys[P256], SIGN_ECDSA, DIGEST_SHA1, MESSAGE, &a, &err));
	assert_int_equal(err.code, ERR_FORMAT);
	assert_string_equal(err.text, "signature: SHA-1 is refused");
	assert_false(key_verify(keys[P256], SIGN_ECDSA, DIGEST_SHA1, MESSAGE, MESSAGE, &err));
	assert_string_equal(err.text, "signature: SHA-1 is refused");
	assert_false(key_verify(keys[P256], SIGN_ECDSA, DIGEST_NONE, MESSAGE, MESSAGE, &err));
	assert_string_equal(err.text, "signature: digest algorithm 0x0000 is not known");
}

static void key_sign__public_key__denied(void **state)
{
	(void)state;
	assert_true(key_from_spki(key_spki(keys[P256]), &key, &err));
	assert_false(key_sign(key, SIGN_ECDSA, DIGEST_SHA256, MESSAGE, &a, &err));
	assert_int_equal(err.code, ERR_DENIED);
	assert_string_equal(err.text, "signature: the key has no private half");
}

static void key_default__of_each_type__fits(void **state)
{
	(void)state;
	for (size_t i = 0; i < KEYS; i++) {
		buf_clear(&a);
		assert_true(key_sign(keys[i], key_default_scheme(keys[i]),
			key_default_digest(keys[i]), MESSAGE, &a, &err));
		assert_true(key_verify(keys[i], key_default_scheme(keys[i]),
			key_default_digest(keys[i]), MESSAGE, buf_bytes(&a), &err));
	}
	assert_int_equal(key_default_digest(keys[P384]), DIGEST_SHA384);
	assert_int_equal(key_default_digest(keys[P521]), DIGEST_SHA512);
}

/* ---- ECDSA ------------------------------------------------------------------------------------- */

/* r and s of zero, one, the order and beyond, in raw form: none may verify, none may crash. */
static void key_verify__degenerate_ecdsa_numbers__refused(void **state)
{
	static const char *const numbers[] = {
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0000000000000000000000000000000000000000000000000000000000000001",
		"ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551", /* n */
		"ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632550",
		"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
		for (size_t j = 0; j < ARRAY_LEN(numbers); j++) {
			buf_clear(&a);
			assert_true(hex_decode(bytes_str(numbers[i]), 32, &b, &err));
			assert_true(hex_decode(bytes_str(numbers[j]), 32, &c, &err));
			buf_put(&a, buf_bytes(&b));
			buf_put(&a, buf_bytes(&c));
			assert_false(key_verify(keys[P256], SIGN_ECDSA_RAW, DIGEST_SHA256, MESSAGE,
				buf_bytes(&a), &err));
			assert_int_equal(err.code, ERR_MISMATCH);
		}
}

static const struct {
	const char *der, *text;
} bad_ders[] = {
	{"", "signature: ECDSA signature: truncated at offset 0 of 0"},
	{"3000", "signature: r: truncated at offset 2 of 2"},
	{"3006020100020100", "signature: r: not a positive integer at offset 5 of 8"},
	{"3006020101020100", "signature: s: not a positive integer at offset 8 of 8"},
	{"3006020181020101", "signature: r: not a positive integer at offset 5 of 8"},
	{"300702020001020101", "signature: r: integer not in its shortest form at offset 6 of 9"},
	{"308106020101020101",
		"signature: ECDSA signature: length not in its shortest form at offset 3 of 9"},
	{"3080020101020101"
	 "0000",
		"signature: ECDSA signature: indefinite or oversized length at offset 2 of 10"},
	{"300602010102010100", "signature: trailing bytes at offset 8 of 9"},
	{"3009020101020101020101", "signature: ECDSA signature: trailing bytes at offset 8 of 11"},
};

static void key_verify__not_der__refused_by_name(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad_ders); i++) {
		assert_true(hex_decode(bytes_str(bad_ders[i].der), 64, &a, &err));
		assert_false(key_verify(
			keys[P256], SIGN_ECDSA, DIGEST_SHA256, MESSAGE, buf_bytes(&a), &err));
		assert_int_equal(err.code, ERR_FORMAT);
		assert_string_equal(err.text, bad_ders[i].text);
	}
}

static void key_verify__ecdsa_of_another_curves_size__refused(void **state)
{
	(void)state;
	assert_true(key_sign(keys[P384], SIGN_ECDSA, DIGEST_SHA256, MESSAGE, &a, &err));
	assert_false(
		key_verify(keys[P256], SIGN_ECDSA, DIGEST_SHA256, MESSAGE, buf_bytes(&a), &err));
	assert_true(err.code == ERR_FORMAT || err.code == ERR_MISMATCH);
	assert_true(key_sign(keys[P384], SIGN_ECDSA_RAW, DIGEST_SHA256, MESSAGE, &b, &err));
	assert_false(key_verify(
		keys[P256], SIGN_ECDSA_RAW, DIGEST_SHA256, MESSAGE, buf_bytes(&b), &err));
	assert_string_equal(err.text, "signature: 96 bytes, expected 64");
}

/* ---- RSA --------------------------------------------------------------------------------------- */

/* RSA of a block as it stands, with the private key: what a forger with a bad padding would send if it were that easy. */
static void raw_rsa(const uint8_t block[256])
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key_evp(keys[RSA_2K]), NULL);
	size_t len = 256;

	buf_clear(&a);
	assert_non_null(buf_extend(&a, len));
	assert_int_equal(EVP_PKEY_sign_init(ctx), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_NO_PADDING), 1);
	assert_int_equal(EVP_PKEY_sign(ctx, a.data, &len, block, 256), 1);
	EVP_PKEY_CTX_free(ctx);
}

static const uint8_t info_sha256[] = {0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
	0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20};

/* 00 01 FF… 00 || tail */
static void pkcs1_block(uint8_t block[256], struct bytes tail)
{
	memset(block, 0xff, 256);
	block[0] = 0;
	block[1] = 1;
	block[255 - tail.len] = 0;
	memcpy(block + 256 - tail.len, tail.data, tail.len);
}

static struct bytes good_tail(struct buf *out)
{
	uint8_t digest[SHA256_LEN];

	assert_true(sha256_of(MESSAGE, digest, &err));
	buf_clear(out);
	buf_put(out, BYTES_OF(info_sha256));
	buf_put(out, BYTES_OF(digest));
	return buf_bytes(out);
}

static bool block_verifies(const uint8_t block[256])
{
	raw_rsa(block);
	return key_verify(
		keys[RSA_2K], SIGN_RSA_PKCS1, DIGEST_SHA256, MESSAGE, buf_bytes(&a), &err);
}

static void key_verify__rsa_block_made_by_hand__accepted_when_exact(void **state)
{
	uint8_t block[256];

	(void)state;
	pkcs1_block(block, good_tail(&b));
	assert_true(block_verifies(block));
}

/* Q16: each changes the block in one way that some verifier once let pass. */
static void key_verify__rsa_padding_garbage__refused(void **state)
{
	static const struct {
		size_t at;
		uint8_t value;
	} changes[] = {
		{1, 0}, /* block type 0 */
		{1, 2}, /* block type 2: encryption */
		{2, 0}, /* padding ends at once */
		{3, 0xfe}, /* padding is not all ones */
		{100, 0}, /* an early end */
		{204, 1}, /* no separator */
		{205, 0x31}, /* DigestInfo's tag */
		{206, 0x32}, /* its length */
		{219, 0x02}, /* the OID: SHA-384 */
		{220, 0x04}, /* parameters not NULL */
		{222, 0x05}, /* digest's tag */
		{223, 0x1f}, /* digest's length */
		{255, 0x00},
	};
	uint8_t block[256];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
		pkcs1_block(block, good_tail(&b));
		if (block[changes[i].at] == changes[i].value)
			block[changes[i].at] ^= 0x55;
		else
			block[changes[i].at] = changes[i].value;
		assert_false(block_verifies(block));
		assert_int_equal(err.code, ERR_MISMATCH);
	}
}

static void key_verify__rsa_short_padding_and_garbage_behind__refused(void **state)
{
	uint8_t block[256];
	struct bytes tail = good_tail(&b);

	(void)state;
	/* Bleichenbacher 2006: eight octets of padding, DigestInfo, and the rest free. */
	memset(block, 0xa5, sizeof(block));
	memset(block, 0xff, 10);
	block[0] = 0;
	block[1] = 1;
	block[10] = 0;
	memcpy(block + 11, tail.data, tail.len);
	assert_false(block_verifies(block));
	assert_int_equal(err.code, ERR_MISMATCH);
}

static void key_verify__rsa_digest_info_variants__refused(void **state)
{
	/* Without NULL parameters; with BER lengths; a bare digest. */
	static const uint8_t no_null[] = {0x30, 0x2f, 0x30, 0x0b, 0x06, 0x09, 0x60, 0x86, 0x48,
		0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x04, 0x20};
	static const uint8_t ber[] = {0x30, 0x81, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48,
		0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20};
	const struct bytes heads[] = {BYTES_OF(no_null), BYTES_OF(ber), {0}};
	uint8_t digest[SHA256_LEN], block[256];

	(void)state;
	assert_true(sha256_of(MESSAGE, digest, &err));
	for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
		buf_clear(&b);
		buf_put(&b, heads[i]);
		buf_put(&b, BYTES_OF(digest));
		pkcs1_block(block, buf_bytes(&b));
		assert_false(block_verifies(block));
		assert_int_equal(err.code, ERR_MISMATCH);
	}
}

static void key_verify__rsa_numbers_zero_one_and_modulus__refused(void **state)
{
	uint8_t signature[256] = {0};
	static const enum signature_scheme schemes[] = {SIGN_RSA_PKCS1, SIGN_RSA_PSS};
	/* The modulus stands in the SPKI behind 33 octets of head. */
	const uint8_t *modulus = key_spki(keys[RSA_2K]).data + 33;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
		signature[255] = 0;
		assert_false(key_verify(keys[RSA_2K], schemes[i], DIGEST_SHA256, MESSAGE,
			BYTES_OF(signature), &err));
		signature[255] = 1;
		assert_false(key_verify(keys[RSA_2K], schemes[i], DIGEST_SHA256, MESSAGE,
			BYTES_OF(signature), &err));
		assert_int_equal(err.code, ERR_MISMATCH);
		assert_false(key_verify(keys[RSA_2K], schemes[i], DIGEST_SHA256, MESSAGE,
			bytes_of(modulus, 256), &err));
		assert_int_equal(err.code, ERR_MISMATCH);
	}
}

static void sign_pss(int salt_len, const EVP_MD *mgf)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *pctx;
	size_t len = 256;

	buf_clear(&a);
	assert_non_null(buf_extend(&a, len));
	assert_int_equal(
		EVP_DigestSignInit(ctx, &pctx, EVP_sha256(), NULL, key_evp(keys[RSA_2K])), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, salt_len), 1);
	if (mgf)
		assert_int_equal(EVP_PKEY_CTX_set_rsa_mgf1_md(pctx, mgf), 1);
	assert_int_equal(EVP_DigestSign(ctx, a.data, &len, MESSAGE.data, MESSAGE.len), 1);
	EVP_MD_CTX_free(ctx);
}

/* Q16: TPMs salt with as much as fits, RFC 8230 with the hash's length, some with nothing. */
static void key_verify__pss_salt_of_any_length__accepted(void **state)
{
	static const int lens[] = {0, 1, 20, 32, 222};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(lens); i++) {
		sign_pss(lens[i], NULL);
		assert_true(key_verify(
			keys[RSA_2K], SIGN_RSA_PSS, DIGEST_SHA256, MESSAGE, buf_bytes(&a), &err));
		assert_false(key_verify(
			keys[RSA_2K], SIGN_RSA_PSS, DIGEST_SHA384, MESSAGE, buf_bytes(&a), &err));
		assert_int_equal(err.code, ERR_MISMATCH);
	}
}

static void key_verify__pss_with_another_mgf__refused(void **state)
{
	(void)state;
	sign_pss(32, EVP_sha1());
	assert_false(key_verify(
		keys[RSA_2K], SIGN_RSA_PSS, DIGEST_SHA256, MESSAGE, buf_bytes(&a), &err));
	assert_int_equal(err.code, ERR_MISMATCH);
}

/* ---- OAEP and ECDH ----------------------------------------------------------------------------- */

static void key_oaep_encrypt__with_label__decrypts_with_it_alone(void **state)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key_evp(keys[RSA_2K]), NULL);
	uint8_t plain[256];
	size_t len = sizeof(plain);

	(void)state;
	assert_true(key_oaep_encrypt(
		keys[RSA_2K], DIGEST_SHA256, bytes_of("IDENTITY", 9), BYTES_LIT("seed"), &a, &err));
	assert_int_equal(a.len, 256);
	EVP_PKEY_decrypt_init(ctx);
	EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING);
	EVP_PKEY_CTX_set_rsa_oaep_md(ctx, EVP_sha256());
	EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, EVP_sha256());
	EVP_PKEY_CTX_set0_rsa_oaep_label(ctx, OPENSSL_strdup("IDENTITY"), 9);
	assert_int_equal(EVP_PKEY_decrypt(ctx, plain, &len, a.data, a.len), 1);
	assert_int_equal(len, 4);
	assert_memory_equal(plain, "seed", 4);
	EVP_PKEY_CTX_set0_rsa_oaep_label(ctx, OPENSSL_strdup("IDENTITY"), 8);
	len = sizeof(plain);
	assert_true(EVP_PKEY_decrypt(ctx, plain, &len, a.data, a.len) != 1);
	EVP_PKEY_CTX_free(ctx);
}

static void key_oaep_encrypt__senseless__refused(void **state)
{
	static const uint8_t big[256];

	(void)state;
	assert_false(key_oaep_encrypt(
		keys[P256], DIGEST_SHA256, (struct bytes){0}, BYTES_LIT("x"), &a, &err));
	assert_int_equal(err.code, ERR_FORMAT);
	assert_false(key_oaep_encrypt(
		keys[RSA_2K], DIGEST_NONE, (struct bytes){0}, BYTES_LIT("x"), &a, &err));
	assert_int_equal(err.code, ERR_FORMAT);
	assert_false(key_oaep_encrypt(
		keys[RSA_2K], DIGEST_SHA256, (struct bytes){0}, BYTES_OF(big), &a, &err));
	assert_int_equal(err.code, ERR_CRYPTO);
	assert_false(key_oaep_encrypt(
		keys[RSA_2K], DIGEST_SHA256, BYTES_OF(big), BYTES_LIT("x"), &a, &err));
	assert_int_equal(err.code, ERR_LIMIT);
	assert_int_equal(a.len, 0);
}

static void key_ecdh__both_ways__same_secret_full_length(void **state)
{
	static const int curves[] = {P256, P384, P521};
	static const size_t lens[] = {32, 48, 66};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(curves); i++) {
		buf_clear(&a);
		buf_clear(&b);
		assert_true(key_ecdh(keys[curves[i]], others[curves[i]], &a, &err));
		assert_true(key_ecdh(others[curves[i]], keys[curves[i]], &b, &err));
		assert_int_equal(a.len, lens[i]);
		assert_true(bytes_equal(buf_bytes(&a), buf_bytes(&b)));
	}
}

static void key_ecdh__other_curve_or_no_private__refused(void **state)
{
	(void)state;
	assert_false(key_ecdh(keys[P256], keys[P384], &a, &err));
	assert_int_equal(err.code, ERR_FORMAT);
	assert_string_equal(err.text,
		"ECDH: two keys on one curve are needed, not ECDSA P-256 and ECDSA P-384");
	assert_false(key_ecdh(keys[RSA_2K], keys[RSA_2K], &a, &err));
	assert_int_equal(err.code, ERR_FORMAT);
	assert_true(key_from_spki(key_spki(keys[P256]), &key, &err));
	assert_false(key_ecdh(key, keys[P256], &a, &err));
	assert_int_equal(err.code, ERR_DENIED);
}

/* ---- threads ------------------------------------------------------------------------------------ */

/* Asked twice each: the second answer is the remembered one. */
static void key_verify_remembered__asked_again__same_answer(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(uses); i++) {
		const struct use *use = &uses[i];
		buf_clear(&a);
		assert_true(key_sign(keys[use->key], use->scheme, use->alg, MESSAGE, &a, &err));
		for (int twice = 0; twice < 2; twice++) {
			assert_true(key_verify_remembered(keys[use->key], use->scheme, use->alg,
				MESSAGE, buf_bytes(&a), &err));
			assert_false(key_verify_remembered(keys[use->key], use->scheme, use->alg,
				BYTES_LIT("what was measureD"), buf_bytes(&a), &err));
			assert_int_equal(err.code, ERR_MISMATCH);
			assert_non_null(strstr(err.text, "signature: does not verify with this "));
			assert_false(key_verify_remembered(others[use->key], use->scheme, use->alg,
				MESSAGE, buf_bytes(&a), &err));
			assert_int_equal(err.code, ERR_MISMATCH);
		}
	}
}

/* A byte moved from the message into the signature, another digest: other questions. */
static void key_verify_remembered__verified_before__counts_for_nothing_else(void **state)
{
	(void)state;
	assert_true(key_sign(keys[ED], SIGN_ED25519, DIGEST_NONE, MESSAGE, &a, &err));
	assert_true(key_verify_remembered(
		keys[ED], SIGN_ED25519, DIGEST_NONE, MESSAGE, buf_bytes(&a), &err));
	buf_put(&b, bytes_of("d", 1));
	buf_put(&b, buf_bytes(&a));
	assert_false(key_verify_remembered(keys[ED], SIGN_ED25519, DIGEST_NONE,
		BYTES_LIT("what was measure"), buf_bytes(&b), &err));
	assert_int_equal(err.code, ERR_FORMAT);
	buf_clear(&a);
	assert_true(key_sign(keys[P256], SIGN_ECDSA, DIGEST_SHA256, MESSAGE, &a, &err));
	assert_true(key_verify_remembered(
		keys[P256], SIGN_ECDSA, DIGEST_SHA256, MESSAGE, buf_bytes(&a), &err));
	assert_false(key_verify_remembered(
		keys[P256], SIGN_ECDSA, DIGEST_SHA384, MESSAGE, buf_bytes(&a), &err));
	assert_int_equal(err.code, ERR_MISMATCH);
}

static void *use_from_thread(void *arg)
{
	struct buf signature = {0};
	struct err why;

	for (int n = 0; n < 200; n++) {
		const struct use *use = &uses[5 + n % 3]; /* P-256 */

		buf_clear(&signature);
		if (!key_sign(key, use->scheme, use->alg, MESSAGE, &signature, &why) ||
			!key_verify(
				key, use->scheme, use->alg, MESSAGE, buf_bytes(&signature), &why))
			*(bool *)arg = true;
	}
	buf_release(&signature);
	return NULL;
}

static void key__shared_by_threads_from_its_first_use__works(void **state)
{
	pthread_t threads[4];
	bool failed[4] = {0};

	(void)state;
	assert_true(key_generate(KEY_EC_P256, &key, &err));
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, use_from_thread, &failed[i]), 0);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		assert_false(failed[i]);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(key_verify__own_signature__accepted),
		TEST(key_verify__any_bit_of_signature_flipped__refused),
		TEST(key_verify__any_bit_of_message_flipped__refused),
		TEST(key_verify__wrong_key__mismatch),
		TEST(key_verify__truncated_or_longer__refused),
		TEST(key_verify__scheme_that_does_not_fit__refused),
		TEST(key_sign__scheme_that_does_not_fit__refused_by_name),
		TEST(key_sign__sha1_or_unknown_digest__refused),
		TEST(key_sign__public_key__denied),
		TEST(key_default__of_each_type__fits),
		TEST(key_verify__degenerate_ecdsa_numbers__refused),
		TEST(key_verify__not_der__refused_by_name),
		TEST(key_verify__ecdsa_of_another_curves_size__refused),
		TEST(key_verify__rsa_block_made_by_hand__accepted_when_exact),
		TEST(key_verify__rsa_padding_garbage__refused),
		TEST(key_verify__rsa_short_padding_and_garbage_behind__refused),
		TEST(key_verify__rsa_digest_info_variants__refused),
		TEST(key_verify__rsa_numbers_zero_one_and_modulus__refused),
		TEST(key_verify__pss_salt_of_any_length__accepted),
		TEST(key_verify__pss_with_another_mgf__refused),
		TEST(key_verify_remembered__asked_again__same_answer),
		TEST(key_verify_remembered__verified_before__counts_for_nothing_else),
		TEST(key_oaep_encrypt__with_label__decrypts_with_it_alone),
		TEST(key_oaep_encrypt__senseless__refused),
		TEST(key_ecdh__both_ways__same_secret_full_length),
		TEST(key_ecdh__other_curve_or_no_private__refused),
		TEST(key__shared_by_threads_from_its_first_use__works),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
