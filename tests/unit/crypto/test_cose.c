/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/cbor.h"
#include "base/text.h"
#include "crypto/cose.h"
#include "tests/support/vectors.h"

static struct key *keys[5];
static const enum key_type types[] = {KEY_EC_P256, KEY_EC_P384, KEY_EC_P521, KEY_ED25519, KEY_RSA};
static const int64_t algs[] = {-7, -35, -36, -8, -37};

static struct key *key;
static struct buf a, b, c;
static struct cose_sign1 message;
static struct err err;

static int group_setup(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (!key_generate(types[i], &keys[i], &err))
			return -1;
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		key_unref(&keys[i]);
	return 0;
}

static int setup(void **state)
{
	(void)state;
	err = (struct err){0};
	message = (struct cose_sign1){0};
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

static struct bytes hex(const char *text, struct buf *out)
{
	buf_clear(out);
	assert_true(hex_decode(bytes_str(text), 8192, out, &err));
	return buf_bytes(out);
}

static const struct cose_sign_options plain = {.content_type = "application/x-test"};

static void sign(struct key *with, const struct cose_sign_options *options, const char *payload)
{
	buf_clear(&a);
	assert_true(
		cose_sign1_sign(with, options, bytes_str(payload), (struct bytes){0}, &a, &err));
}

/* Examples of the COSE working group. */
#define ES256_EXAMPLE                                                                              \
	"D28445A201260300A10442313154546869732069732074686520636F6E74656E742E5840"                 \
	"6520BBAF2081D7E0ED0F95F76EB0733D667005F7467CEC4B87B9381A6BA1EDE8"                         \
	"E00DF29F32A37230F39A842A54821FDD223092819D7728EFB9D3A0080B75380B"
#define EDDSA_EXAMPLE                                                                              \
	"D28445A201270300A10442313154546869732069732074686520636F6E74656E742E5840"                 \
	"7142FD2FF96D56DB85BEE905A76BA1D0B7321A95C8C4D3607C5781932B7AFB87"                         \
	"11497DFA751BF40B58B3BCC32300B1487F3DB34085EEF013BF08F4A44D6FEF0D"

static void example_key_11(void)
{
	hex("bac5b11cad8f99f9c72b05cf4b9e26d244dc189f745228255a219a86d6a09eff", &b);
	hex("20138bf82dc1b6d562be0fa54ab7804a3a64b6d72ccfed6b6fb6ed28bbfc117e", &c);
	assert_true(key_from_ec_point(KEY_EC_P256, buf_bytes(&b), buf_bytes(&c), &key, &err));
}

static void cose_sign1_verify__es256_example__verifies(void **state)
{
	(void)state;
	example_key_11();
	assert_true(cose_sign1_parse(hex(ES256_EXAMPLE, &a), &message, &err));
	assert_int_equal(message.alg, -7);
	assert_true(bytes_equal_str(message.kid, "11"));
	assert_true(bytes_equal_str(message.payload, "This is the content."));
	assert_int_equal(message.content_type.len, 0); /* numeric there */
	assert_true(cose_sign1_verify(&message, key, (struct bytes){0}, (struct bytes){0}, &err));
}

static void cose_sign1_verify__eddsa_example__verifies(void **state)
{
	(void)state;
	hex("302a300506032b6570032100d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f70751"
	    "1a",
		&b);
	assert_true(key_from_spki(buf_bytes(&b), &key, &err));
	assert_true(cose_sign1_parse(hex(EDDSA_EXAMPLE, &a), &message, &err));
	assert_int_equal(message.alg, -8);
	assert_true(cose_sign1_verify(&message, key, (struct bytes){0}, (struct bytes){0}, &err));
}

static void cose_sign1_sign__every_key__parses_and_verifies(void **state)
{
	static const struct cose_sign_options options = {.content_type = "application/x-test",
		.iss = "https://verifier.example",
		.sub = "agent"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		sign(keys[i], &options, "payload");
		assert_true(cose_sign1_parse(buf_bytes(&a), &message, &err));
		assert_int_equal(message.alg, algs[i]);
		assert_true(bytes_equal_str(message.content_type, "application/x-test"));
		assert_true(bytes_equal_str(message.iss, "https://verifier.example"));
		assert_true(bytes_equal_str(message.sub, "agent"));
		assert_true(bytes_equal(message.kid, bytes_of(key_id(keys[i]), SHA256_LEN)));
		assert_true(bytes_equal_str(message.payload, "payload"));
		assert_true(bytes_equal(message.unprotected, BYTES_LIT("\xa0")));
		assert_true(cose_sign1_verify(
			&message, keys[i], (struct bytes){0}, (struct bytes){0}, &err));
	}
}

static void cose_sign1_sign__output__is_deterministic_cbor(void **state)
{
	struct cbor_doc doc;
	struct cbor_item root;

	(void)state;
	sign(keys[0], &plain, "payload");
	assert_true(cbor_open(buf_bytes(&a), true, "message", &doc, &root, &err));
	assert_true(cose_sign1_parse(buf_bytes(&a), &message, &err));
	assert_true(cbor_open(message.protected_, true, "protected", &doc, &root, &err));
}

static void cose_sign1_verify__wrong_key__refused(void **state)
{
	(void)state;
	sign(keys[0], &plain, "payload");
	assert_true(cose_sign1_parse(buf_bytes(&a), &message, &err));
	example_key_11();
	assert_false(cose_sign1_verify(&message, key, (struct bytes){0}, (struct bytes){0}, &err));
	assert_int_equal(err.code, ERR_MISMATCH);
	assert_string_equal(
		err.text, "COSE_Sign1: signature: does not verify with this ECDSA P-256 key");
}

/* Whatever the algorithm says, the key decides what can verify at all. */
static void cose_sign1_verify__algorithm_of_another_key_type__refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		for (size_t j = 0; j < ARRAY_LEN(types); j++) {
			if (i == j)
				continue;
			sign(keys[i], &plain, "payload");
			assert_true(cose_sign1_parse(buf_bytes(&a), &message, &err));
			assert_false(cose_sign1_verify(
				&message, keys[j], (struct bytes){0}, (struct bytes){0}, &err));
			assert_true(err.code == ERR_FORMAT || err.code == ERR_MISMATCH);
		}
}

static void cose_sign1_verify__unknown_algorithm__refused(void **state)
{
	static const int64_t others[] = {0, -6, 1, 5, -47, -48, -260, -65535};

	(void)state;
	sign(keys[0], &plain, "payload");
	assert_true(cose_sign1_parse(buf_bytes(&a), &message, &err));
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		message.alg = others[i];
		assert_false(cose_sign1_verify(
			&message, keys[0], (struct bytes){0}, (struct bytes){0}, &err));
		assert_int_equal(err.code, ERR_UNSUPPORTED);
	}
}

static void cose_sign1__any_bit_flipped__never_verifies(void **state)
{
	(void)state;
	sign(keys[0], &plain, "payload");
	for (size_t bit = 0; bit < 8 * a.len; bit++) {
		a.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
		if (cose_sign1_parse(buf_bytes(&a), &message, &err))
			assert_false(cose_sign1_verify(
				&message, keys[0], (struct bytes){0}, (struct bytes){0}, &err));
		a.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}

static void cose_sign1_parse__truncated_or_trailing__refused(void **state)
{
	(void)state;
	sign(keys[0], &plain, "payload");
	for (size_t len = 0; len < a.len; len++) {
		assert_false(cose_sign1_parse(bytes_of(a.data, len), &message, &err));
		assert_int_equal(err.code, ERR_FORMAT);
	}
	buf_put_u8(&a, 0);
	assert_false(cose_sign1_parse(buf_bytes(&a), &message, &err));
	assert_non_null(strstr(err.text, "trailing"));
}

static void cose_sign1__detached__needs_the_same_payload(void **state)
{
	static const struct cose_sign_options detached = {.detached = true};

	(void)state;
	sign(keys[0], &detached, "payload");
	assert_true(cose_sign1_parse(buf_bytes(&a), &message, &err));
	assert_true(message.detached);
	assert_int_equal(message.payload.len, 0);
	assert_true(cose_sign1_verify(
		&message, keys[0], BYTES_LIT("payload"), (struct bytes){0}, &err));
	assert_false(cose_sign1_verify(
		&message, keys[0], BYTES_LIT("paylaod"), (struct bytes){0}, &err));
	assert_int_equal(err.code, ERR_MISMATCH);
}

/* A payload that is there is what was signed; the caller's cannot take its place. */
static void cose_sign1__attached__other_payload_ignored(void **state)
{
	(void)state;
	sign(keys[0], &plain, "payload");
	assert_true(cose_sign1_parse(buf_bytes(&a), &message, &err));
	assert_true(
		cose_sign1_verify(&message, keys[0], BYTES_LIT("other"), (struct bytes){0}, &err));
	message.payload = BYTES_LIT("other");
	assert_false(cose_sign1_verify(
		&message, keys[0], BYTES_LIT("payload"), (struct bytes){0}, &err));
}

static void cose_sign1__external_data__must_match(void **state)
{
	(void)state;
	assert_true(cose_sign1_sign(
		keys[0], &plain, BYTES_LIT("payload"), BYTES_LIT("context"), &a, &err));
	assert_true(cose_sign1_parse(buf_bytes(&a), &message, &err));
	assert_true(cose_sign1_verify(
		&message, keys[0], (struct bytes){0}, BYTES_LIT("context"), &err));
	assert_false(
		cose_sign1_verify(&message, keys[0], (struct bytes){0}, (struct bytes){0}, &err));
	assert_int_equal(err.code, ERR_MISMATCH);
}

/* Headers and what must be said of them. The payload is 'x', the signature one byte. */
static const struct {
	const char *message, *text;
} bad[] = {
	{"84 41a0 a0 4178 4100", "COSE_Sign1: tag: expected a tag at offset 0"},
	{"d1 84 41a0 a0 4178 4100", "COSE_Sign1: tag: wrong tag at offset 0"},
	{"d2 83 43a10126 a0 4178", "COSE_Sign1: message: expected four items at offset 1"},
	{"d2 85 43a10126 a0 4178 4100 4100", "COSE_Sign1: message: too many items at offset 1"},
	{"d2 84 40 a0 4178 4100", "COSE_Sign1: protected header: truncated at offset 0"},
	{"d2 84 41a0 a10126 4178 4100", "COSE_Sign1: protected header: alg: missing at offset 0"},
	{"d2 84 44a1016126 a0 4178 4100",
		"COSE_Sign1: protected header: alg: expected an integer at offset 2"},
	{"d2 84 43a10126 a0 6178 4100", "COSE_Sign1: payload: expected a byte string at offset 7"},
	{"d2 84 43a10126 a0 f7 4100", "COSE_Sign1: payload: expected a byte string at offset 7"},
	{"d2 84 43a10126 a0 4178 40",
		"COSE_Sign1: signature: expected 1 to 1024 bytes at offset 9"},
	/* The same label in both headers, and twice in one. */
	{"d2 84 46a2012604413a a1044139 4178 4100",
		"COSE_Sign1: protected header: label: in both headers at offset 3"},
	{"d2 84 45a201260126 a0 4178 4100",
		"COSE_Sign1: protected header: duplicate map key at offset 3"},
	/* The same, one written with a longer head. */
	{"d2 84 46a20126180126 a0 4178 4100",
		"COSE_Sign1: protected header: duplicate map key at offset 3"},
	{"d2 84 46a2012604413a a218044139 05 40 4178 4100",
		"COSE_Sign1: protected header: label: in both headers at offset 3"},
	/* crit: of something unknown, empty, absent from the header, not protected. */
	{"d2 84 4aa3012602811863186300 a0 4178 4100",
		"COSE_Sign1: protected header: crit: a header parameter that is not understood at "
		"offset "
		"5"},
	{"d2 84 49a201260281637878 78 a0 4178 4100", "COSE_Sign1: protected header: crit: a header "
						     "parameter that is not understood at offset "
						     "5"},
	{"d2 84 45a201260280 a0 4178 4100",
		"COSE_Sign1: protected header: crit: empty at offset 4"},
	{"d2 84 46a20126028104 a10441 39 4178 4100",
		"COSE_Sign1: protected header: crit: missing at offset 0"},
	{"d2 84 43a10126 a1028104 4178 4100", "COSE_Sign1: crit: not protected at offset 6"},
	/* Types of what we read. */
	{"d2 84 45a201260340 a0 4178 4100", "COSE_Sign1: protected header: content type: expected "
					    "an unsigned integer at offset 4"},
	{"d2 84 45a201260460 a0 4178 4100",
		"COSE_Sign1: protected header: kid: expected a byte string at offset 4"},
	{"d2 84 45a201260f80 a0 4178 4100",
		"COSE_Sign1: protected header: item: expected a map at offset 4"},
	{"d2 84 47a201260fa10140 a0 4178 4100",
		"COSE_Sign1: protected header: iss: expected a text string at offset 6"},
};

static struct bytes spaced_hex(const char *text)
{
	char packed[256];
	size_t n = 0;

	for (; *text; text++)
		if (*text != ' ')
			packed[n++] = *text;
	packed[n] = 0;
	return hex(packed, &a);
}

static void cose_sign1_parse__bad_messages__refused_by_name(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_false(cose_sign1_parse(spaced_hex(bad[i].message), &message, &err));
		assert_int_equal(err.code, ERR_FORMAT);
		assert_string_equal(err.text, bad[i].text);
	}
}

/* Any order of labels, long heads, labels of any kind, content types as numbers, a float. */
static const char *const good[] = {
	"d2 84 43a10126 a1 05 40 4178 4100",
	"d2 84 45a203000126 a0 4178 4100",
	"d8 12 98 04 58 03a10126 b8 00 58 01 78 58 01 00",
	"d2 84 4ba301260444616263640500 a0 4178 4100",
	"d2 84 49a201266178637a7a7a a1 6179 f93c00 4178 4100",
	"d2 84 48a30126028104 0440 a0 4178 4100",
};

static void cose_sign1_parse__as_others_write_it__accepted(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		if (!cose_sign1_parse(spaced_hex(good[i]), &message, &err))
			fail_msg("%zu: %s", i, err.text);
		assert_int_equal(message.alg, -7);
		assert_true(bytes_equal_str(message.payload, "x"));
	}
}

static void cose_sign1_parse__indefinite_lengths__refused(void **state)
{
	(void)state;
	assert_false(
		cose_sign1_parse(spaced_hex("d2 9f 43a10126 a0 4178 4100 ff"), &message, &err));
	assert_int_equal(err.code, ERR_FORMAT);
}

static void cose_sign1_sign__public_key__denied(void **state)
{
	(void)state;
	example_key_11();
	assert_false(cose_sign1_sign(key, &plain, BYTES_LIT("x"), (struct bytes){0}, &a, &err));
	assert_int_equal(err.code, ERR_DENIED);
	assert_int_equal(a.len, 0);
}

static void cose_sign1_parse__real_receipt__read(void **state)
{
	(void)state;
	if (!vectors_read("made/cose/receipt-leaf42.cbor", &a))
		skip();
	assert_true(cose_sign1_parse(buf_bytes(&a), &message, &err));
	assert_true(message.detached);
	assert_true(message.unprotected.len > 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(cose_sign1_verify__es256_example__verifies),
		TEST(cose_sign1_verify__eddsa_example__verifies),
		TEST(cose_sign1_sign__every_key__parses_and_verifies),
		TEST(cose_sign1_sign__output__is_deterministic_cbor),
		TEST(cose_sign1_verify__wrong_key__refused),
		TEST(cose_sign1_verify__algorithm_of_another_key_type__refused),
		TEST(cose_sign1_verify__unknown_algorithm__refused),
		TEST(cose_sign1__any_bit_flipped__never_verifies),
		TEST(cose_sign1_parse__truncated_or_trailing__refused),
		TEST(cose_sign1__detached__needs_the_same_payload),
		TEST(cose_sign1__attached__other_payload_ignored),
		TEST(cose_sign1__external_data__must_match),
		TEST(cose_sign1_parse__bad_messages__refused_by_name),
		TEST(cose_sign1_parse__as_others_write_it__accepted),
		TEST(cose_sign1_parse__indefinite_lengths__refused),
		TEST(cose_sign1_sign__public_key__denied),
		TEST(cose_sign1_parse__real_receipt__read),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
