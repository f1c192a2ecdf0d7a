/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/text.h"
#include "crypto/dsse.h"

enum { KEYS = 5 };
static const enum key_type types[KEYS] = {
	KEY_EC_P256, KEY_EC_P384, KEY_EC_P521, KEY_ED25519, KEY_RSA};
static struct key *keys[KEYS];

static struct key *key;
static struct dsse *dsse;
static struct buf a, b;
static uint64_t mask;
static struct err err;

static int group_setup(void **state)
{
	(void)state;
	for (size_t i = 0; i < KEYS; i++)
		if (!key_generate(types[i], &keys[i], &err))
			return -1;
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	for (size_t i = 0; i < KEYS; i++)
		key_unref(&keys[i]);
	return 0;
}

static int setup(void **state)
{
	(void)state;
	err = (struct err){0};
	mask = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	key_unref(&key);
	dsse_free(&dsse);
	buf_release(&a);
	buf_release(&b);
	return 0;
}

static void parse(const char *json)
{
	dsse_free(&dsse);
	if (!dsse_parse(bytes_str(json), &dsse, &err))
		fail_msg("%s", err.text);
}

/* The specification's own example: raw r || s. */
#define EXAMPLE_SIG                                                                                \
	"A3JqsQGtVsJ2O2xqrI5IcnXip5GToJ3F+FnZ+O88SjtR6rDAajabZKciJTfUiHqJPcIAriEGAHTVeCUjW2JIZA=="
#define EXAMPLE_SIG_URL                                                                            \
	"A3JqsQGtVsJ2O2xqrI5IcnXip5GToJ3F-FnZ-O88SjtR6rDAajabZKciJTfUiHqJPcIAriEGAHTVeCUjW2JIZA"
#define EXAMPLE(type, sig)                                                                         \
	"{\"payload\":\"aGVsbG8gd29ybGQ=\",\"payloadType\":\"" type                                \
	"\",\"signatures\":[{\"sig\":\"" sig "\"}]}"
#define EXAMPLE_TYPE "http://example.com/HelloWorld"

static void example_key(void)
{
	assert_true(hex_decode(
		BYTES_LIT("67cd390f77aa359cb08c2235f652270493a9ed832b0abcc01f70954c0390d238"), 32,
		&a, &err));
	assert_true(hex_decode(
		BYTES_LIT("0c782bd54e269125a44f4433aff1432ce94e12bca73aa67ac80cea12608ddf74"), 32,
		&b, &err));
	assert_true(key_from_ec_point(KEY_EC_P256, buf_bytes(&a), buf_bytes(&b), &key, &err));
}

static void dsse_verify__specification_example__verifies(void **state)
{
	static const char *const forms[] = {EXAMPLE(EXAMPLE_TYPE, EXAMPLE_SIG),
		EXAMPLE(EXAMPLE_TYPE, EXAMPLE_SIG_URL),
		EXAMPLE(EXAMPLE_TYPE, EXAMPLE_SIG_URL "==")};

	(void)state;
	example_key();
	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		parse(forms[i]);
		assert_true(bytes_equal_str(buf_bytes(&dsse->payload), "hello world"));
		assert_string_equal(dsse->payload_type, EXAMPLE_TYPE);
		assert_string_equal(dsse->signatures[0].keyid, "");
		assert_true(dsse_verify(dsse, &key, 1, &mask, &err));
		assert_int_equal(mask, 1);
	}
}

/* P1: the type is signed. */
static void dsse_verify__payload_type_swapped__does_not_verify(void **state)
{
	(void)state;
	example_key();
	parse(EXAMPLE("http://example.com/HelloWorle", EXAMPLE_SIG));
	assert_true(dsse_verify(dsse, &key, 1, &mask, &err));
	assert_int_equal(mask, 0);
}

/* Without the lengths in it, type and payload could be shifted against each other. */
static void dsse_verify__type_and_payload_shifted__does_not_verify(void **state)
{
	(void)state;
	assert_true(dsse_sign("a b", BYTES_LIT("c d"), keys[0], &a, &err));
	parse(buf_str(&a));
	snprintf(dsse->payload_type, sizeof(dsse->payload_type), "a");
	buf_clear(&dsse->payload);
	buf_put_str(&dsse->payload, "b 3 c d");
	assert_true(dsse_verify(dsse, keys, KEYS, &mask, &err));
	assert_int_equal(mask, 0);
}

static void dsse_sign__every_key__verifies_with_it_alone(void **state)
{
	char keyid[2 * SHA256_LEN + 1];

	(void)state;
	for (size_t i = 0; i < KEYS; i++) {
		buf_clear(&a);
		assert_true(dsse_sign(DSSE_INTOTO_TYPE, BYTES_LIT("{}"), keys[i], &a, &err));
		parse(buf_str(&a));
		assert_int_equal(dsse->count, 1);
		hex_encode(bytes_of(key_id(keys[i]), SHA256_LEN), keyid);
		assert_string_equal(dsse->signatures[0].keyid, keyid);
		assert_true(dsse_verify(dsse, keys, KEYS, &mask, &err));
		assert_int_equal(mask, 1u << i);
	}
}

static void dsse_sign__output__canonical_json(void **state)
{
	(void)state;
	assert_true(dsse_sign("t", BYTES_LIT("{}"), keys[0], &a, &err));
	assert_ptr_equal(
		strstr(buf_str(&a), "{\"payload\":\"e30=\",\"payloadType\":\"t\",\"signatures\":[{"
				    "\"keyid\":\""),
		a.data);
}

static void dsse_verify__raw_and_der__both_accepted(void **state)
{
	struct buf raw = {0};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		buf_clear(&a);
		assert_true(dsse_sign("t", BYTES_LIT("x"), keys[i], &a, &err));
		parse(buf_str(&a));
		assert_int_equal(dsse->signatures[0].signature.data[0], 0x30);
		buf_clear(&raw);
		assert_true(key_sign(keys[i], SIGN_ECDSA_RAW, key_default_digest(keys[i]),
			BYTES_LIT("DSSEv1 1 t 1 x"), &raw, &err));
		buf_clear(&dsse->signatures[0].signature);
		buf_put(&dsse->signatures[0].signature, buf_bytes(&raw));
		assert_true(dsse_verify(dsse, keys, KEYS, &mask, &err));
		assert_int_equal(mask, 1u << i);
	}
	buf_release(&raw);
}

static void dsse_verify__changed_anywhere__does_not_verify(void **state)
{
	(void)state;
	assert_true(dsse_sign("type", BYTES_LIT("payload"), keys[0], &a, &err));
	parse(buf_str(&a));
	for (size_t i = 0; i < dsse->payload.len; i++) {
		dsse->payload.data[i] ^= 1;
		assert_true(dsse_verify(dsse, keys, 1, &mask, &err));
		assert_int_equal(mask, 0);
		dsse->payload.data[i] ^= 1;
	}
	for (size_t i = 0; i < dsse->signatures[0].signature.len; i++) {
		dsse->signatures[0].signature.data[i] ^= 1;
		assert_true(dsse_verify(dsse, keys, 1, &mask, &err));
		assert_int_equal(mask, 0);
		dsse->signatures[0].signature.data[i] ^= 1;
	}
	assert_true(dsse_verify(dsse, keys, 1, &mask, &err));
	assert_int_equal(mask, 1);
}

/* P5: the mask is over keys, so that one key under two names is one. */
static void dsse_verify__one_key_twice__one_bit(void **state)
{
	(void)state;
	assert_true(dsse_sign("t", BYTES_LIT("x"), keys[0], &a, &err));
	assert_true(dsse_add_signature(buf_bytes(&a), keys[0], &b, &err));
	parse(buf_str(&b));
	assert_int_equal(dsse->count, 2);
	snprintf(dsse->signatures[1].keyid, sizeof(dsse->signatures[1].keyid), "somebody else");
	assert_true(dsse_verify(dsse, keys, KEYS, &mask, &err));
	assert_int_equal(mask, 1);
}

static void dsse_verify__key_ids_lie__keys_decide(void **state)
{
	(void)state;
	assert_true(dsse_sign("t", BYTES_LIT("x"), keys[0], &a, &err));
	parse(buf_str(&a));
	hex_encode(bytes_of(key_id(keys[1]), SHA256_LEN), dsse->signatures[0].keyid);
	assert_true(dsse_verify(dsse, keys, KEYS, &mask, &err));
	assert_int_equal(mask, 1);
}

static void dsse_add_signature__of_all_keys__all_verify(void **state)
{
	(void)state;
	assert_true(dsse_sign("t", BYTES_LIT("x"), keys[0], &a, &err));
	for (size_t i = 1; i < KEYS; i++) {
		buf_clear(&b);
		assert_true(dsse_add_signature(buf_bytes(&a), keys[i], &b, &err));
		buf_clear(&a);
		buf_put(&a, buf_bytes(&b));
	}
	parse(buf_str(&a));
	assert_int_equal(dsse->count, KEYS);
	assert_true(dsse_verify(dsse, keys, KEYS, &mask, &err));
	assert_int_equal(mask, (1u << KEYS) - 1);
}

static void dsse_add_signature__unknown_members__kept(void **state)
{
	(void)state;
	assert_true(dsse_add_signature(
		BYTES_LIT("{\"other\":1,\"payload\":\"eA==\",\"payloadType\":\"t\","
			  "\"signatures\":[{\"sig\":\"eA==\",\"cert\":\"c\"}]}"),
		keys[0], &a, &err));
	assert_non_null(strstr(buf_str(&a), "\"other\":1"));
	assert_non_null(strstr(buf_str(&a), "\"cert\":\"c\""));
	parse(buf_str(&a));
	assert_true(dsse_verify(dsse, keys, 1, &mask, &err));
	assert_int_equal(mask, 1);
}

static void put_many(size_t n)
{
	buf_clear(&a);
	buf_put_str(&a, "{\"payload\":\"eA==\",\"payloadType\":\"t\",\"signatures\":[");
	for (size_t i = 0; i < n; i++)
		buf_put_str(&a, i ? ",{\"sig\":\"eA==\"}" : "{\"sig\":\"eA==\"}");
	buf_put_str(&a, "]}");
}

/* P13 */
static void dsse_parse__too_many_signatures__refused(void **state)
{
	(void)state;
	put_many(DSSE_SIGNATURES_MAX);
	parse(buf_str(&a));
	assert_int_equal(dsse->count, DSSE_SIGNATURES_MAX);
	assert_false(dsse_add_signature(buf_bytes(&a), keys[0], &b, &err));
	assert_int_equal(err.code, ERR_LIMIT);
	assert_string_equal(err.text, "DSSE envelope: has 64 signatures already");
	put_many(DSSE_SIGNATURES_MAX + 1);
	dsse_free(&dsse);
	assert_false(dsse_parse(buf_bytes(&a), &dsse, &err));
	assert_string_equal(err.text, "DSSE envelope: signatures: too many items");
	put_many(100000);
	assert_false(dsse_parse(buf_bytes(&a), &dsse, &err));
	assert_string_equal(err.text, "DSSE envelope: signatures: too many items");
}

#define E(payload, type, signatures)                                                               \
	"{\"payload\":" payload ",\"payloadType\":" type ",\"signatures\":" signatures "}"

static const struct {
	const char *json, *text;
} bad[] = {
	{"", "DSSE envelope: JSON: line 1, column 0: '[' or '{' expected near end of file"},
	{"[]", "DSSE envelope: payloadType: expected inside an object"},
	{"{}", "DSSE envelope: payloadType: missing"},
	{E("\"eA==\"", "\"t\"", "[]"), "DSSE envelope: signatures: empty"},
	{E("\"eA==\"", "\"t\"", "{}"), "DSSE envelope: signatures: expected an array"},
	{E("\"eA==\"", "\"t\"", "[1]"), "DSSE envelope: signature: sig: expected inside an object"},
	{E("\"eA==\"", "\"t\"", "[{\"keyid\":\"x\"}]"), "DSSE envelope: signature: sig: missing"},
	{E("\"eA==\"", "\"t\"", "[{\"sig\":\"eA==\",\"keyid\":1}]"),
		"DSSE envelope: signature: keyid: expected a string"},
	{E("1", "\"t\"", "[{\"sig\":\"eA==\"}]"), "DSSE envelope: payload: expected a string"},
	{E("\"e!==\"", "\"t\"", "[{\"sig\":\"eA==\"}]"),
		"DSSE envelope: payload: base64: not in the alphabet at offset 1"},
	{E("\"eB==\"", "\"t\"", "[{\"sig\":\"eA==\"}]"),
		"DSSE envelope: payload: base64: pad bits are not zero at offset 1"},
	{E("\"eA==\"", "\"t\"", "[{\"sig\":\"e A=\"}]"),
		"DSSE envelope: sig: base64: not in the alphabet at offset 1"},
	{"{\"payload\":\"eA==\",\"payload\":\"eQ==\",\"payloadType\":\"t\",\"signatures\":[{"
	 "\"sig\":"
	 "\"eA==\"}]}",
		"DSSE envelope: JSON: line 1, column 27: duplicate object key near '\"payload\"'"},
};

static void dsse_parse__bad_envelopes__refused_by_name(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_false(dsse_parse(bytes_str(bad[i].json), &dsse, &err));
		assert_null(dsse);
		assert_int_equal(err.code, ERR_FORMAT);
		assert_string_equal(err.text, bad[i].text);
	}
}

static void dsse_parse__truncated_anywhere__refused(void **state)
{
	(void)state;
	assert_true(dsse_sign("t", BYTES_LIT("x"), keys[0], &a, &err));
	for (size_t len = 0; len < a.len; len++)
		assert_false(dsse_parse(bytes_of(a.data, len), &dsse, &err));
	buf_put_u8(&a, '}');
	assert_false(dsse_parse(buf_bytes(&a), &dsse, &err));
}

static void dsse_parse__null_or_absent_keyid__accepted(void **state)
{
	(void)state;
	parse(E("\"eA==\"", "\"t\"", "[{\"sig\":\"eA==\",\"keyid\":null},{\"sig\":\"\"}]"));
	assert_int_equal(dsse->count, 2);
	assert_true(dsse_verify(dsse, keys, KEYS, &mask, &err));
	assert_int_equal(mask, 0);
}

static void dsse_parse__long_fields__refused(void **state)
{
	static const char *const fields[] = {"payloadType", "keyid", "sig"};
	static const size_t lens[] = {128, 129, 1369};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		buf_clear(&a);
		buf_clear(&b);
		for (size_t n = 0; n < lens[i]; n++)
			buf_put_u8(&b, 'A');
		buf_printf(&a,
			"{\"payload\":\"eA==\",\"payloadType\":\"%s\",\"signatures\":[{\"sig\":\"%"
			"s\",\"keyid\":"
			"\"%s\"}]}",
			i == 0 ? buf_str(&b) : "t",
			i == 2 ? buf_str(&b) : "eA==", i == 1 ? buf_str(&b) : "");
		assert_false(dsse_parse(buf_bytes(&a), &dsse, &err));
		assert_non_null(strstr(err.text, fields[i]));
		assert_non_null(strstr(err.text, ": too long"));
	}
}

static void dsse_sign__payload_too_long__refused(void **state)
{
	(void)state;
	assert_non_null(buf_extend(&b, DSSE_PAYLOAD_MAX + 1));
	memset(b.data, 'x', b.len);
	assert_true(dsse_sign("t", bytes_of(b.data, DSSE_PAYLOAD_MAX), keys[0], &a, &err));
	assert_true(dsse_parse(buf_bytes(&a), &dsse, &err));
	assert_int_equal(dsse->payload.len, DSSE_PAYLOAD_MAX);
	buf_clear(&a);
	assert_false(dsse_sign("t", buf_bytes(&b), keys[0], &a, &err));
	assert_int_equal(err.code, ERR_LIMIT);
	assert_int_equal(a.len, 0);
}

static void dsse_sign__empty_payload__round_trips(void **state)
{
	(void)state;
	assert_true(dsse_sign("t", (struct bytes){0}, keys[0], &a, &err));
	parse(buf_str(&a));
	assert_int_equal(dsse->payload.len, 0);
	assert_true(dsse_verify(dsse, keys, 1, &mask, &err));
	assert_int_equal(mask, 1);
}

static void dsse_verify__too_many_keys__refused(void **state)
{
	struct key *many[65] = {0};

	(void)state;
	parse(E("\"eA==\"", "\"t\"", "[{\"sig\":\"eA==\"}]"));
	assert_false(dsse_verify(dsse, many, ARRAY_LEN(many), &mask, &err));
	assert_int_equal(err.code, ERR_USAGE);
	assert_true(dsse_verify(dsse, NULL, 0, &mask, &err));
	assert_int_equal(mask, 0);
}

static void dsse_sign__public_key__denied(void **state)
{
	(void)state;
	assert_true(key_from_spki(key_spki(keys[0]), &key, &err));
	assert_false(dsse_sign("t", BYTES_LIT("x"), key, &a, &err));
	assert_int_equal(err.code, ERR_DENIED);
	assert_string_equal(err.text, "DSSE envelope: signature: the key has no private half");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(dsse_verify__specification_example__verifies),
		TEST(dsse_verify__payload_type_swapped__does_not_verify),
		TEST(dsse_verify__type_and_payload_shifted__does_not_verify),
		TEST(dsse_sign__every_key__verifies_with_it_alone),
		TEST(dsse_sign__output__canonical_json),
		TEST(dsse_verify__raw_and_der__both_accepted),
		TEST(dsse_verify__changed_anywhere__does_not_verify),
		TEST(dsse_verify__one_key_twice__one_bit),
		TEST(dsse_verify__key_ids_lie__keys_decide),
		TEST(dsse_add_signature__of_all_keys__all_verify),
		TEST(dsse_add_signature__unknown_members__kept),
		TEST(dsse_parse__too_many_signatures__refused),
		TEST(dsse_parse__bad_envelopes__refused_by_name),
		TEST(dsse_parse__truncated_anywhere__refused),
		TEST(dsse_parse__null_or_absent_keyid__accepted),
		TEST(dsse_parse__long_fields__refused),
		TEST(dsse_sign__payload_too_long__refused),
		TEST(dsse_sign__empty_payload__round_trips),
		TEST(dsse_verify__too_many_keys__refused),
		TEST(dsse_sign__public_key__denied),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
