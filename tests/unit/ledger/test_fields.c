/* SPDX-License-Identifier: Apache-2.0 */
/* Fields of an entry: shown one by one, each proved by what the leaf commits to; taken out, the rest stays proved. */
#include "ledger/fields.h"

#include "base/text.h"
#include "ledger/entry.h"
#include "tests/support/unit.h"

static const char PLAIN[] =
	"{\"by\":\"anna\",\"event\":\"host-state\",\"reason\":\"M\xc3\xbcller was "
	"here\",\"n\":7,\"list\":[\"a\",\"b\"]}";
static struct buf kept, text, other;
static struct fields fields;
static struct err err;

static int teardown(void **state)
{
	(void)state;
	fields_release(&fields);
	buf_release(&kept);
	buf_release(&text);
	buf_release(&other);
	err = (struct err){0};
	return 0;
}

static void seal(void)
{
	json_t *content = NULL;
	uint8_t salts[5 * FIELD_SALT_LEN];

	for (size_t i = 0; i < sizeof(salts); i++)
		salts[i] = (uint8_t)(i * 7 + 1);
	assert_ok(json_open(bytes_str(PLAIN), 4096, &content, &err), err);
	assert_ok(fields_seal(content, BYTES_OF(salts), &kept, &err), err);
	json_decref(content);
}

static void open_kept(const struct buf *from)
{
	fields_release(&fields);
	assert_ok(fields_open(buf_bytes(from), &fields, &err), err);
}

static void fields__sealed_and_opened__the_same(void **state)
{
	json_t *content = NULL;

	(void)state;
	seal();
	open_kept(&kept);
	assert_true(fields.salted);
	assert_int_equal(fields.redacted, 0);
	assert_ok(json_open(bytes_str(PLAIN), 4096, &content, &err), err);
	assert_true(json_equal(content, fields.shown));
	json_decref(content);
	assert_int_equal(strncmp(buf_str(&fields.committed), "{\"digests\":[\"", 13), 0);
	assert_non_null(strstr(buf_str(&fields.committed), "\"],\"type\":\"assay/fields/1\"}"));
	assert_null(strstr(buf_str(&fields.committed), "anna"));
}

/* By hand: sha256 of ["01…","x",1] with 32 bytes of 01 as salt. */
static void fields__known_answer__as_another_program_computes_it(void **state)
{
	json_t *content = json_pack("{s:i}", "x", 1);
	uint8_t salt[FIELD_SALT_LEN], digest[SHA256_LEN];
	char hex[2 * SHA256_LEN + 1];
	struct buf wanted = {0};

	(void)state;
	memset(salt, 1, sizeof(salt));
	assert_ok(fields_seal(content, BYTES_OF(salt), &kept, &err), err);
	json_decref(content);
	buf_put_str(&text, "[\"");
	for (size_t i = 0; i < FIELD_SALT_LEN; i++)
		buf_put_str(&text, "01");
	buf_put_str(&text, "\",\"x\",1]");
	assert_ok(sha256_of(buf_bytes(&text), digest, &err), err);
	hex_encode(BYTES_OF(digest), hex);
	buf_printf(&wanted, "{\"digests\":[\"%s\"],\"type\":\"assay/fields/1\"}", hex);
	open_kept(&kept);
	assert_string_equal(buf_str(&fields.committed), buf_str(&wanted));
	buf_release(&wanted);
}

static void fields__taken_out_one_by_one__commit_to_the_same(void **state)
{
	static const char *const names[] = {"reason", "by", "list", "n", "event"};

	(void)state;
	seal();
	open_kept(&kept);
	buf_put(&text, buf_bytes(&fields.committed));
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		buf_clear(&other);
		assert_ok(fields_redact(buf_bytes(&kept), names[i], &other, &err), err);
		buf_clear(&kept);
		buf_put(&kept, buf_bytes(&other));
		open_kept(&kept);
		assert_int_equal(fields.redacted, i + 1);
		assert_null(json_object_get(fields.shown, names[i]));
		assert_int_equal(json_object_size(fields.shown), ARRAY_LEN(names) - i - 1);
		assert_string_equal(buf_str(&fields.committed), buf_str(&text));
	}
	assert_null(strstr(buf_str(&kept), "anna"));
	assert_null(strstr(buf_str(&kept), "here"));
}

static void T20__field_changed_added_or_swapped__commits_to_something_else(void **state)
{
	static const struct {
		const char *from, *to;
	} cases[] = {
		{"\"anna\"", "\"bert\""},
		{":7,", ":8,"},
		{"\"by\":\"anna\"", "\"by\":\"host-state\""},
		{"[\"a\",\"b\"]", "[\"b\",\"a\"]"},
		{"M\xc3\xbcller", "Muller"},
	};

	(void)state;
	seal();
	open_kept(&kept);
	buf_put(&other, buf_bytes(&fields.committed));
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *whole = buf_str(&kept), *at = strstr(whole, cases[i].from);

		assert_non_null(at);
		buf_clear(&text);
		buf_printf(&text, "%.*s%s%s", (int)(at - whole), whole, cases[i].to,
			at + strlen(cases[i].from));
		open_kept(&text);
		if (strcmp(buf_str(&fields.committed), buf_str(&other)) == 0)
			fail_msg("the same with %s", cases[i].to);
	}
}

/* Every bit of what is kept stands for something: turned over, it is refused, or commits to something
 * else. */
static void T20__each_bit_turned__refused_or_something_else(void **state)
{
	(void)state;
	seal();
	buf_clear(&text);
	assert_ok(fields_redact(buf_bytes(&kept), "n", &text, &err), err);
	open_kept(&text);
	buf_put(&other, buf_bytes(&fields.committed));
	for (size_t bit = 0; bit < 8 * text.len; bit++) {
		struct fields bent = {0};

		text.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
		if (fields_open(buf_bytes(&text), &bent, NULL) &&
			bytes_equal(buf_bytes(&bent.committed), buf_bytes(&other)))
			fail_msg("bit %zu: the same", bit);
		fields_release(&bent);
		text.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}

#define SALT "0101010101010101010101010101010101010101010101010101010101010101"

/* The text that a leaf commits to, shown as if it were content: the commitment would hold, and nothing be seen. */
static void T20__digests_shown_as_content__refused(void **state)
{
	struct buf committed = {0};
	uint8_t salt[LEDGER_SALT_LEN] = {3}, out[SHA256_LEN];

	(void)state;
	seal();
	open_kept(&kept);
	buf_put(&committed, buf_bytes(&fields.committed));
	fields_release(&fields);
	assert_false(fields_open(buf_bytes(&committed), &fields, &err));
	assert_int_equal(err.code, ERR_FORMAT);
	assert_non_null(strstr(err.text, "digests of fields without the fields"));
	assert_false(entry_commitment(LEAF_HOST_STATE, salt, buf_bytes(&committed), out, &err));
	assert_int_equal(err.code, ERR_MISMATCH);
	buf_release(&committed);
}

static void fields__malformed__refused(void **state)
{
	static const struct {
		const char *text, *why;
	} cases[] = {
		{"[]", "entry: not a JSON object"},
		{"{", "entry: "},
		{"{\"salts\":1}", "salts: not an object"},
		{"{\"a\":1,\"salts\":{}}", "salts: a: not the hex of a salt"},
		{"{\"a\":1,\"salts\":{\"a\":\"00\"}}", "salts: a: not the hex of a salt"},
		{"{\"salts\":{\"a\":\"" SALT "\"}}", "salts: one is no field's"},
		{"{\"a\":1,\"salts\":{\"a\":\"" SALT "\"},\"redacted\":[]}",
			"not a list of digests"},
		{"{\"a\":1,\"salts\":{\"a\":\"" SALT "\"},\"redacted\":[1]}",
			"not the hex of a digest"},
		{"{\"a\":1,\"salts\":{\"a\":\"" SALT "\"},\"redacted\":[\"ab\"]}",
			"not the hex of a digest"},
		{"{\"salts\":{},\"redacted\":[\"" SALT "\",\"" SALT "\"]}",
			"a digest is there twice"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		err = (struct err){0};
		if (fields_open(bytes_str(cases[i].text), &fields, &err))
			fail_msg("accepted: %s", cases[i].text);
		if (!strstr(err.text, cases[i].why))
			fail_msg("%s, wanted %s", err.text, cases[i].why);
		assert_int_equal(err.code, ERR_FORMAT);
	}
}

static void fields__too_many__refused(void **state)
{
	json_t *content = json_object(), *salts = json_object();
	uint8_t salt[(FIELDS_MAX + 1) * FIELD_SALT_LEN] = {0};

	(void)state;
	for (unsigned i = 0; i <= FIELDS_MAX; i++) {
		char name[8];

		(void)snprintf(name, sizeof(name), "f%u", i);
		assert_int_equal(json_object_set_new(content, name, json_integer(1)), 0);
		assert_int_equal(json_object_set_new(salts, name, json_string(SALT)), 0);
	}
	assert_false(fields_seal(content, BYTES_OF(salt), &kept, &err));
	assert_int_equal(err.code, ERR_LIMIT);
	assert_int_equal(json_object_set_new(content, "salts", salts), 0);
	assert_ok(json_write(content, false, &text, &err), err);
	assert_false(fields_open(buf_bytes(&text), &fields, &err));
	assert_int_equal(err.code, ERR_LIMIT);
	json_decref(content);
}

static void fields__seal_of_reserved_names_or_wrong_salts__refused(void **state)
{
	json_t *content = json_pack("{s:i}", "redacted", 1);
	uint8_t salt[FIELD_SALT_LEN] = {0};

	(void)state;
	assert_false(fields_seal(content, BYTES_OF(salt), &kept, &err));
	assert_int_equal(err.code, ERR_USAGE);
	json_decref(content);
	content = json_pack("{s:i}", "a", 1);
	assert_false(fields_seal(content, bytes_of(salt, 31), &kept, &err));
	assert_int_equal(err.code, ERR_USAGE);
	json_decref(content);
}

static void fields__entry_from_before__read_as_it_is_and_not_redacted(void **state)
{
	(void)state;
	assert_ok(fields_open(bytes_str(PLAIN), &fields, &err), err);
	assert_false(fields.salted);
	assert_string_equal(buf_str(&fields.committed), PLAIN);
	assert_string_equal(json_string_value(json_object_get(fields.shown, "by")), "anna");
	assert_false(fields_redact(bytes_str(PLAIN), "by", &text, &err));
	assert_int_equal(err.code, ERR_UNSUPPORTED);
}

static void fields__redact_of_no_field__not_found(void **state)
{
	static const char *const names[] = {"nothing", "salts", "redacted", ""};

	(void)state;
	seal();
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		assert_false(fields_redact(buf_bytes(&kept), names[i], &text, &err));
		assert_int_equal(err.code, ERR_NOT_FOUND);
	}
	assert_ok(fields_redact(buf_bytes(&kept), "by", &text, &err), err);
	assert_false(fields_redact(buf_bytes(&text), "by", &other, &err));
	assert_int_equal(err.code, ERR_NOT_FOUND);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(fields__sealed_and_opened__the_same, teardown),
		cmocka_unit_test_teardown(
			fields__known_answer__as_another_program_computes_it, teardown),
		cmocka_unit_test_teardown(
			fields__taken_out_one_by_one__commit_to_the_same, teardown),
		cmocka_unit_test_teardown(
			T20__field_changed_added_or_swapped__commits_to_something_else, teardown),
		cmocka_unit_test_teardown(
			T20__each_bit_turned__refused_or_something_else, teardown),
		cmocka_unit_test_teardown(T20__digests_shown_as_content__refused, teardown),
		cmocka_unit_test_teardown(fields__malformed__refused, teardown),
		cmocka_unit_test_teardown(fields__too_many__refused, teardown),
		cmocka_unit_test_teardown(
			fields__seal_of_reserved_names_or_wrong_salts__refused, teardown),
		cmocka_unit_test_teardown(
			fields__entry_from_before__read_as_it_is_and_not_redacted, teardown),
		cmocka_unit_test_teardown(fields__redact_of_no_field__not_found, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
