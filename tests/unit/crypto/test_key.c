/* SPDX-License-Identifier: Apache-2.0 */
/* Keys made from SPKI, points, moduli, PEM and files; everything that is not exactly one of ours is
 * refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "base/file.h"
#include "base/text.h"
#include "crypto/key.h"

enum { TYPES = 5 };
static const enum key_type types[TYPES] = {
	KEY_RSA, KEY_EC_P256, KEY_EC_P384, KEY_EC_P521, KEY_ED25519};

static struct key *generated[TYPES]; /* one of each, made once */
static struct key *key, *other;
static struct buf a, b;
static struct err err;

static int group_setup(void **state)
{
	(void)state;
	for (size_t i = 0; i < TYPES; i++)
		if (!key_generate(types[i], &generated[i], &err))
			return -1;
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	for (size_t i = 0; i < TYPES; i++)
		key_unref(&generated[i]);
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
	key_unref(&other);
	buf_release(&a);
	buf_release(&b);
	return 0;
}

static struct bytes hex(const char *text, struct buf *out)
{
	buf_clear(out);
	assert_true(hex_decode(bytes_str(text), 8192, out, &err));
	return buf_bytes(out);
}

static void assert_refused(struct bytes spki, enum err_code code, const char *text)
{
	err = (struct err){0};
	assert_false(key_from_spki(spki, &key, &err));
	assert_null(key);
	assert_int_equal(err.code, code);
	assert_string_equal(err.text, text);
}

static void key_from_spki__of_each_type__round_trips(void **state)
{
	(void)state;
	for (size_t i = 0; i < TYPES; i++) {
		assert_true(key_from_spki(key_spki(generated[i]), &key, &err));
		assert_int_equal(key_type_of(key), types[i]);
		assert_true(key_equal(key, generated[i]));
		assert_memory_equal(key_id(key), key_id(generated[i]), SHA256_LEN);
		assert_false(key_has_private(key));
		assert_true(key_has_private(generated[i]));
		key_unref(&key);
	}
	assert_false(key_equal(generated[1], generated[2]));
}

static void key_spki__against_openssl__same_bytes(void **state)
{
	(void)state;
	for (size_t i = 0; i < TYPES; i++) {
		uint8_t *der = NULL;
		int len = i2d_PUBKEY(key_evp(generated[i]), &der);

		assert_true(len > 0);
		assert_int_equal(key_spki(generated[i]).len, len);
		assert_memory_equal(key_spki(generated[i]).data, der, (size_t)len);
		OPENSSL_free(der);
	}
}

static void key_bits__of_each_type__as_named(void **state)
{
	static const size_t bits[TYPES] = {2048, 256, 384, 521, 256};
	static const char *names[TYPES] = {
		"RSA", "ECDSA P-256", "ECDSA P-384", "ECDSA P-521", "Ed25519"};

	(void)state;
	for (size_t i = 0; i < TYPES; i++) {
		assert_int_equal(key_bits(generated[i]), bits[i]);
		assert_string_equal(key_type_name(types[i]), names[i]);
	}
	assert_string_equal(key_type_name((enum key_type)99), "unknown");
	assert_false(key_generate((enum key_type)99, &key, &err));
	assert_int_equal(err.code, ERR_USAGE);
}

static void key_from_spki__truncated_anywhere__refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < TYPES; i++) {
		struct bytes spki = key_spki(generated[i]);

		for (size_t len = 0; len < spki.len; len++) {
			assert_false(key_from_spki(bytes_of(spki.data, len), &key, &err));
			assert_int_equal(err.code, ERR_FORMAT);
		}
	}
}

static void key_from_spki__trailing_byte__refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < TYPES; i++) {
		buf_clear(&a);
		buf_put(&a, key_spki(generated[i]));
		buf_put_u8(&a, 0);
		assert_false(key_from_spki(buf_bytes(&a), &key, &err));
		assert_int_equal(err.code, ERR_FORMAT);
		assert_non_null(strstr(err.text, "trailing"));
	}
}

/* Every single-bit change is refused or gives another key, and no accepted form re-encodes
 * differently. */
static void key_from_spki__any_bit_flipped__refused_or_another_key(void **state)
{
	(void)state;
	for (size_t i = 0; i < TYPES; i++) {
		struct bytes spki = key_spki(generated[i]);

		buf_clear(&a);
		buf_put(&a, spki);
		for (size_t bit = 0; bit < 8 * spki.len; bit++) {
			a.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
			if (key_from_spki(buf_bytes(&a), &key, &err)) {
				assert_false(key_equal(key, generated[i]));
				assert_true(bytes_equal(key_spki(key), buf_bytes(&a)));
				key_unref(&key);
			}
			a.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
		}
	}
}

#define P256_HEAD "3059301306072a8648ce3d020106082a8648ce3d030107034200"
#define P256_X    "bac5b11cad8f99f9c72b05cf4b9e26d244dc189f745228255a219a86d6a09eff"
#define P256_Y    "20138bf82dc1b6d562be0fa54ab7804a3a64b6d72ccfed6b6fb6ed28bbfc117e"

static void key_from_spki__point_off_the_curve__refused(void **state)
{
	(void)state;
	assert_true(key_from_spki(hex(P256_HEAD "04" P256_X P256_Y, &a), &key, &err));
	key_unref(&key);
	a.data[a.len - 1] ^= 1;
	assert_false(key_from_spki(buf_bytes(&a), &key, &err));
	assert_int_equal(err.code, ERR_FORMAT);
	assert_non_null(strstr(err.text, "ECDSA P-256: public key: "));
}

/* p and p + 1 are other names of 0 and 1; with y = sqrt(b), x = p would be a point. */
static void key_from_spki__coordinate_not_below_p__refused(void **state)
{
	static const char *const points[] = {
		"ffffffff00000001000000000000000000000000ffffffffffffffffffffffff"
		"66485c780e2f83d72433bd5d84a06bb6541c2af31dae871728bf856a174f93f4",
		P256_X "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff",
	};
	static const char zero[] =
		P256_HEAD "04"
			  "0000000000000000000000000000000000000000000000000000000000000000"
			  "66485c780e2f83d72433bd5d84a06bb6541c2af31dae871728bf856a174f93f4";
	char spki[400];
	(void)state;
	assert_true(key_from_spki(hex(zero, &a), &key, &err));
	key_unref(&key);
	for (size_t i = 0; i < ARRAY_LEN(points); i++) {
		(void)snprintf(spki, sizeof(spki), P256_HEAD "04%s", points[i]);
		buf_clear(&a);
		assert_false(key_from_spki(hex(spki, &a), &key, &err));
		assert_int_equal(err.code, ERR_FORMAT);
		assert_non_null(strstr(err.text, "ECDSA P-256: public key: "));
	}
}

static const struct {
	const char *spki;
	enum err_code code;
	const char *text;
} bad_spkis[] = {
	/* A compressed point, even a valid one. */
	{"3039301306072a8648ce3d020106082a8648ce3d030107032200"
	 "02" P256_X,
		ERR_UNSUPPORTED, "public key: a compressed point"},
	/* The hybrid form. */
	{P256_HEAD "06" P256_X P256_Y, ERR_FORMAT,
		"public key: not an uncompressed point of ECDSA P-256"},
	/* The point at infinity. */
	{"3019301306072a8648ce3d020106082a8648ce3d03010703020000", ERR_FORMAT,
		"public key: not an uncompressed point of ECDSA P-256"},
	/* Explicit parameters: an empty SEQUENCE in place of the curve's name is enough to be
	   refused. */
	{"3050300b06072a8648ce3d02013000034100" P256_X P256_Y, ERR_FORMAT,
		"public key: explicit curve parameters, expected a named curve"},
	/* secp256k1. */
	{"3056301006072a8648ce3d020106052b8104000a034200"
	 "04" P256_X P256_Y,
		ERR_UNSUPPORTED, "public key: a curve that is none of P-256, P-384, P-521"},
	/* X25519. */
	{"302a300506032b656e032100" P256_X, ERR_UNSUPPORTED,
		"public key: an algorithm that is none of RSA, ECDSA, Ed25519"},
	/* Ed25519 with NULL parameters. */
	{"302c300706032b65700500032100" P256_X, ERR_UNSUPPORTED,
		"public key: an algorithm that is none of RSA, ECDSA, Ed25519"},
	/* Ed25519 of 31 bytes. */
	{"3029300506032b6570032000bac5b11cad8f99f9c72b05cf4b9e26d244dc189f745228255a219a86d6a09e",
		ERR_FORMAT, "public key: 31 bytes, expected 32"},
	/* An Ed25519 key of small order: y = 0, and p + 1 with the sign set. */
	{"302a300506032b65700321000000000000000000000000000000000000000000000000000000000000000000",
		ERR_FORMAT, "public key: an Ed25519 point of small order"},
	{"302a300506032b6570032100eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
		ERR_FORMAT, "public key: an Ed25519 point of small order"},
	/* A bit string of partial octets. */
	{"3059301306072a8648ce3d020106082a8648ce3d030107034201"
	 "04" P256_X P256_Y,
		ERR_FORMAT,
		"public key: subjectPublicKey: bit string of partial octets at offset 91 of 91"},
	/* The RSA of old certificates: id-RSAES-OAEP, id-RSASSA-PSS. */
	{"3013300d06092a864886f70d0101070500"
	 "03020000",
		ERR_UNSUPPORTED, "public key: an algorithm that is none of RSA, ECDSA, Ed25519"},
	{"3013300d06092a864886f70d01010a0500"
	 "03020000",
		ERR_UNSUPPORTED, "public key: an algorithm that is none of RSA, ECDSA, Ed25519"},
	/* RSA of a few bits, and with a negative modulus. */
	{"301e300d06092a864886f70d0101010500030d00300a020500c00000010201"
	 "03",
		ERR_FORMAT, "public key: RSA of 32 bits, expected 2048 to 4096"},
	{"301d300d06092a864886f70d0101010500030c0030090204c0000001020103", ERR_FORMAT,
		"public key: modulus: not a positive integer at offset 8 of 11"},
};

static void key_from_spki__not_one_of_ours__refused_by_name(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad_spkis); i++)
		assert_refused(hex(bad_spkis[i].spki, &a), bad_spkis[i].code, bad_spkis[i].text);
}

/* Cut to 32 bits it would be 65537. */
static void key_from_spki__rsa_exponent_of_40_bits__refused(void **state)
{
	static const size_t lengths[] = {3, 22, 27}; /* low octets of the three lengths around it */

	(void)state;
	buf_put(&a, bytes_of(key_spki(generated[0]).data, key_spki(generated[0]).len - 5));
	buf_put(&a, BYTES_LIT("\x02\x05\x01\x00\x01\x00\x01"));
	for (size_t i = 0; i < ARRAY_LEN(lengths); i++)
		a.data[lengths[i]] = (uint8_t)(a.data[lengths[i]] + 2);
	assert_false(key_from_spki(buf_bytes(&a), &key, &err));
	assert_int_equal(err.code, ERR_FORMAT);
	assert_non_null(strstr(err.text, "publicExponent: more than 32 bits"));
}

static void key_from_spki__too_long__refused_at_once(void **state)
{
	static const uint8_t zeros[4096];

	(void)state;
	assert_refused(BYTES_OF(zeros), ERR_LIMIT, "public key: 4096 bytes, at most 1024");
}

static void key_from_ec_point__of_each_curve__same_key(void **state)
{
	(void)state;
	for (size_t i = 1; i <= 3; i++) {
		buf_clear(&a);
		buf_clear(&b);
		assert_true(key_ec_point(generated[i], &a, &b, &err));
		assert_int_equal(a.len, (key_bits(generated[i]) + 7) / 8);
		assert_int_equal(b.len, a.len);
		assert_true(key_from_ec_point(types[i], buf_bytes(&a), buf_bytes(&b), &key, &err));
		assert_true(key_equal(key, generated[i]));
		key_unref(&key);
	}
	assert_false(key_ec_point(generated[0], &a, &b, &err));
	assert_int_equal(err.code, ERR_FORMAT);
	assert_string_equal(err.text, "RSA key: has no coordinates");
}

/* The private scalar 1 of P-521: its base point, whose x begins with a zero octet and has 66 in
 * full. */
static const char p521_x[] = "00c6858e06b70404e9cd9e3ecb662395b4429c648139053fb521f828af606b4d"
			     "3dbaa14b5e77efe75928fe1dc127a2ffa8de3348b3c1856a429bf97e7e31c2e5bd66";
static const char p521_y[] = "011839296a789a3bc0045c8a5fb42c7d1bd998f54449579b446817afbd17273e"
			     "662c97ee72995ef42640c550b9013fad0761353c7086a272c24088be94769fd16650";

static void key_from_ec_point__p521_65_and_66_bytes__same_key(void **state)
{
	(void)state;
	hex(p521_x, &a);
	hex(p521_y, &b);
	assert_int_equal(a.len, 66);
	assert_true(key_from_ec_point(KEY_EC_P521, buf_bytes(&a), buf_bytes(&b), &key, &err));
	assert_true(key_from_ec_point(
		KEY_EC_P521, bytes_of(a.data + 1, 65), buf_bytes(&b), &other, &err));
	assert_true(key_equal(key, other));
}

static void key_from_ec_point__wrong_sizes__refused(void **state)
{
	static const uint8_t zeros[67];

	(void)state;
	hex(P256_X, &a);
	assert_false(key_from_ec_point(KEY_EC_P256, buf_bytes(&a), (struct bytes){0}, &key, &err));
	assert_string_equal(err.text, "public key: coordinate y of 0 bytes, expected at most 32");
	assert_false(
		key_from_ec_point(KEY_EC_P256, bytes_of(zeros, 33), buf_bytes(&a), &key, &err));
	assert_string_equal(err.text, "public key: coordinate x of 33 bytes, expected at most 32");
	assert_false(key_from_ec_point(KEY_EC_P521, BYTES_OF(zeros), BYTES_OF(zeros), &key, &err));
	assert_int_equal(err.code, ERR_FORMAT);
	assert_false(key_from_ec_point(KEY_RSA, buf_bytes(&a), buf_bytes(&a), &key, &err));
	assert_int_equal(err.code, ERR_USAGE);
	/* (0, 0) is how some write the point at infinity. */
	assert_false(key_from_ec_point(
		KEY_EC_P256, bytes_of(zeros, 32), bytes_of(zeros, 32), &key, &err));
	assert_int_equal(err.code, ERR_FORMAT);
}

static void key_from_ec_point__coordinate_not_below_p__refused(void **state)
{
	/* x of the P-256 point plus p would not fit; x = p - 1 + 2 = p + 1 is congruent to 1. */
	(void)state;
	hex("ffffffff00000001000000000000000000000001000000000000000000000000", &a);
	hex(P256_Y, &b);
	assert_false(key_from_ec_point(KEY_EC_P256, buf_bytes(&a), buf_bytes(&b), &key, &err));
	assert_int_equal(err.code, ERR_FORMAT);
}

static void key_from_rsa__modulus_and_exponents__checked(void **state)
{
	static const uint32_t bad_exponents[] = {0, 1, 2, 65536};
	uint8_t modulus[514];

	(void)state;
	memset(modulus, 0xa5, sizeof(modulus));
	modulus[0] = 0;
	assert_true(
		key_from_rsa(bytes_of(modulus, 257), 65537, &key, &err)); /* with a sign octet */
	assert_int_equal(key_bits(key), 2048);
	key_unref(&key);
	assert_true(key_from_rsa(bytes_of(modulus + 1, 512), 3, &key, &err));
	assert_int_equal(key_bits(key), 4096);
	key_unref(&key);
	assert_false(key_from_rsa(bytes_of(modulus + 1, 255), 65537, &key, &err));
	assert_string_equal(err.text, "public key: RSA of 2040 bits, expected 2048 to 4096");
	assert_false(key_from_rsa(bytes_of(modulus + 1, 513), 65537, &key, &err));
	assert_string_equal(err.text, "public key: RSA of 4104 bits, expected 2048 to 4096");
	assert_false(key_from_rsa((struct bytes){0}, 65537, &key, &err));
	assert_string_equal(err.text, "public key: RSA of 0 bits, expected 2048 to 4096");
	for (size_t i = 0; i < ARRAY_LEN(bad_exponents); i++) {
		assert_false(key_from_rsa(bytes_of(modulus, 257), bad_exponents[i], &key, &err));
		assert_int_equal(err.code, ERR_FORMAT);
	}
	modulus[256] = 0xa4;
	assert_false(key_from_rsa(bytes_of(modulus, 257), 65537, &key, &err));
	assert_string_equal(err.text, "public key: an even RSA modulus");
}

static void key_from_pem__own_output__round_trips(void **state)
{
	(void)state;
	for (size_t i = 0; i < TYPES; i++) {
		buf_clear(&a);
		buf_clear(&b);
		assert_true(key_private_pem(generated[i], &a, &err));
		assert_true(key_from_pem(buf_bytes(&a), &key, &err));
		assert_true(key_has_private(key));
		assert_true(key_equal(key, generated[i]));
		assert_true(key_public_pem(generated[i], &b, &err));
		assert_true(key_from_pem(buf_bytes(&b), &other, &err));
		assert_false(key_has_private(other));
		assert_true(key_equal(other, generated[i]));
		assert_false(key_private_pem(other, &a, &err));
		assert_int_equal(err.code, ERR_DENIED);
		key_unref(&key);
		key_unref(&other);
	}
}

/* What `openssl ecparam -genkey`, `openssl genrsa -traditional` and `openssl genpkey -aes256`
 * write. */
static void write_traditional(
	EVP_PKEY *pkey, const char *head, const char *passphrase, struct buf *out)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *text;
	long len;

	BIO_puts(bio, head);
	if (passphrase)
		assert_int_equal(PEM_write_bio_PKCS8PrivateKey(bio, pkey, EVP_aes_256_cbc(),
					 passphrase, (int)strlen(passphrase), NULL, NULL),
			1);
	else
		assert_int_equal(
			PEM_write_bio_PrivateKey_traditional(bio, pkey, NULL, NULL, 0, NULL, NULL),
			1);
	len = BIO_get_mem_data(bio, &text);
	buf_clear(out);
	buf_put(out, bytes_of(text, (size_t)len));
	BIO_free(bio);
}

static void key_from_pem__traditional_forms__accepted(void **state)
{
	(void)state;
	write_traditional(key_evp(generated[0]), "", NULL, &a);
	assert_non_null(strstr(buf_str(&a), "BEGIN RSA PRIVATE KEY"));
	assert_true(key_from_pem(buf_bytes(&a), &key, &err));
	assert_true(key_equal(key, generated[0]));
	write_traditional(key_evp(generated[1]),
		"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n",
		NULL, &a);
	assert_non_null(strstr(buf_str(&a), "BEGIN EC PRIVATE KEY"));
	assert_true(key_from_pem(buf_bytes(&a), &other, &err));
	assert_true(key_equal(other, generated[1]));
}

static void key_from_pem__compressed_public_half__same_key(void **state)
{
	EVP_PKEY *pkey = EVP_PKEY_dup(key_evp(generated[1]));

	(void)state;
	assert_int_equal(EVP_PKEY_set_utf8_string_param(
				 pkey, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, "compressed"),
		1);
	write_traditional(pkey, "", NULL, &a);
	EVP_PKEY_free(pkey);
	assert_true(key_from_pem(buf_bytes(&a), &key, &err));
	assert_true(key_equal(key, generated[1]));
}

static void key_from_pem__trailing_byte_in_block__refused(void **state)
{
	PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(key_evp(generated[1]));
	BIO *bio = BIO_new(BIO_s_mem());
	uint8_t der[512] = {0}, *end = der;
	char *text;
	long len;

	(void)state;
	len = i2d_PKCS8_PRIV_KEY_INFO(info, &end);
	PEM_write_bio(bio, PEM_STRING_PKCS8INF, "", der, len + 1);
	len = BIO_get_mem_data(bio, &text);
	buf_put(&a, bytes_of(text, (size_t)len));
	BIO_free(bio);
	PKCS8_PRIV_KEY_INFO_free(info);
	assert_false(key_from_pem(buf_bytes(&a), &key, &err));
	assert_int_equal(err.code, ERR_FORMAT);
	assert_string_equal(err.text, "private key: trailing bytes");
}

static void key_from_pem__encrypted__refused_without_asking(void **state)
{
	(void)state;
	write_traditional(key_evp(generated[1]), "", "secret", &a);
	assert_false(key_from_pem(buf_bytes(&a), &key, &err));
	assert_int_equal(err.code, ERR_UNSUPPORTED);
	assert_string_equal(err.text,
		"key: it is encrypted: name the file that has its passphrase, "
		"…?passphrase-file=FILE");
}

static void key_from_pem__halves_of_two_keys__refused(void **state)
{
	/* In base64, byte 54 of the structure, two before the point, is character 72 of the body; a
	 * line has 64. */
	const size_t point = sizeof("-----BEGIN EC PRIVATE KEY-----\n") - 1 + 73;

	(void)state;
	assert_true(key_generate(KEY_EC_P256, &other, &err));
	write_traditional(key_evp(generated[1]), "", NULL, &a);
	write_traditional(key_evp(other), "", NULL, &b);
	assert_int_equal(a.len, b.len);
	memcpy(a.data + point, b.data + point, a.len - point);
	assert_false(key_from_pem(buf_bytes(&a), &key, &err));
	assert_int_equal(err.code, ERR_FORMAT);
	assert_non_null(strstr(err.text, "private key: its halves do not belong together"));
}

static const struct {
	const char *pem, *text;
} bad_pems[] = {
	{"", "key: no PEM block"},
	{"not a key at all\n", "key: no PEM block"},
	{"-----BEGIN PUBLIC KEY-----\n!!\n-----END PUBLIC KEY-----\n", "PEM: bad base64 decode"},
	{"-----BEGIN PUBLIC KEY-----\nMFkw\n-----END PUBLIC KEY-----\n",
		"public key: SubjectPublicKeyInfo: truncated at offset 2 of 3"},
	{"-----BEGIN CERTIFICATE-----\nMFkw\n-----END CERTIFICATE-----\n",
		"key: a PEM block \"CERTIFICATE\", expected a private or public key"},
	{"-----BEGIN RSA PUBLIC KEY-----\nMFkw\n-----END RSA PUBLIC KEY-----\n",
		"key: a PEM block \"RSA PUBLIC KEY\", expected a private or public key"},
};

static void key_from_pem__no_key__refused_by_name(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad_pems); i++) {
		assert_false(key_from_pem(bytes_str(bad_pems[i].pem), &key, &err));
		assert_int_equal(err.code, ERR_FORMAT);
		assert_string_equal(err.text, bad_pems[i].text);
	}
}

static void key_from_pem__two_keys__refused(void **state)
{
	(void)state;
	assert_true(key_public_pem(generated[1], &a, &err));
	assert_true(key_public_pem(generated[2], &a, &err));
	assert_false(key_from_pem(buf_bytes(&a), &key, &err));
	assert_int_equal(err.code, ERR_FORMAT);
	assert_string_equal(err.text, "key: more than one PEM block");
}

static void key_from_uri__file_forms__loaded(void **state)
{
	static const char *const forms[] = {"%s", "file:%s", "file://%s"};
	char path[] = "/tmp/assay-key-XXXXXX", uri[64];
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	assert_true(key_private_pem(generated[1], &a, &err));
	assert_true(file_write_fd(fd, path, buf_bytes(&a), &err));
	close(fd);
	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		snprintf(uri, sizeof(uri), forms[i], path);
#pragma GCC diagnostic pop
		assert_true(key_from_uri(uri, &key, &err));
		assert_true(key_equal(key, generated[1]));
		key_unref(&key);
	}
	unlink(path);
	assert_false(key_from_uri(path, &key, &err));
	assert_int_equal(err.code, ERR_NOT_FOUND);
}

static void key_from_uri__public_key_file__denied(void **state)
{
	char path[] = "/tmp/assay-key-XXXXXX";
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	assert_true(key_public_pem(generated[1], &a, &err));
	assert_true(file_write_fd(fd, path, buf_bytes(&a), &err));
	close(fd);
	assert_false(key_from_uri(path, &key, &err));
	unlink(path);
	assert_int_equal(err.code, ERR_DENIED);
	assert_non_null(strstr(err.text, "a public key, expected a private one"));
}

static void key_from_uri__pkcs11_without_provider__unsupported(void **state)
{
	(void)state;
	if (key_from_uri("pkcs11:token=none", &key, &err) || err.code != ERR_UNSUPPORTED)
		skip(); /* this machine has the provider */
	assert_string_equal(
		err.text, "pkcs11:token=none: OpenSSL's provider \"pkcs11\" is not installed here");
}

static void key_ref__unref_in_any_order__freed_once(void **state)
{
	(void)state;
	assert_true(key_from_spki(key_spki(generated[1]), &key, &err));
	other = key_ref(key);
	key_unref(&key);
	assert_null(key);
	assert_true(key_equal(other, generated[1]));
	assert_null(key_ref(NULL));
	key_unref(&key);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(key_from_spki__of_each_type__round_trips),
		TEST(key_spki__against_openssl__same_bytes),
		TEST(key_bits__of_each_type__as_named),
		TEST(key_from_spki__truncated_anywhere__refused),
		TEST(key_from_spki__trailing_byte__refused),
		TEST(key_from_spki__any_bit_flipped__refused_or_another_key),
		TEST(key_from_spki__point_off_the_curve__refused),
		TEST(key_from_spki__coordinate_not_below_p__refused),
		TEST(key_from_spki__not_one_of_ours__refused_by_name),
		TEST(key_from_spki__rsa_exponent_of_40_bits__refused),
		TEST(key_from_spki__too_long__refused_at_once),
		TEST(key_from_ec_point__of_each_curve__same_key),
		TEST(key_from_ec_point__p521_65_and_66_bytes__same_key),
		TEST(key_from_ec_point__wrong_sizes__refused),
		TEST(key_from_ec_point__coordinate_not_below_p__refused),
		TEST(key_from_rsa__modulus_and_exponents__checked),
		TEST(key_from_pem__own_output__round_trips),
		TEST(key_from_pem__traditional_forms__accepted),
		TEST(key_from_pem__compressed_public_half__same_key),
		TEST(key_from_pem__trailing_byte_in_block__refused),
		TEST(key_from_pem__encrypted__refused_without_asking),
		TEST(key_from_pem__halves_of_two_keys__refused),
		TEST(key_from_pem__no_key__refused_by_name),
		TEST(key_from_pem__two_keys__refused),
		TEST(key_from_uri__file_forms__loaded),
		TEST(key_from_uri__public_key_file__denied),
		TEST(key_from_uri__pkcs11_without_provider__unsupported),
		TEST(key_ref__unref_in_any_order__freed_once),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
