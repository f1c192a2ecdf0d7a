/* SPDX-License-Identifier: Apache-2.0 */
/* Looking things up in an open document: what is found, and how the first fault stands. */
#include "base/cbor.h"

#include <stdlib.h>
#include <time.h>

#include "base/text.h"
#include "tests/support/unit.h"

struct fixture {
	struct buf in;
	struct cbor_doc doc;
	struct cbor_item root;
	struct err err;
};

static int setup(void **state)
{
	*state = calloc(1, sizeof(struct fixture));
	return *state ? 0 : -1;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	buf_release(&f->in);
	free(f);
	return 0;
}

static struct cbor_item open_hex(struct fixture *f, const char *hex)
{
	assert_true(hex_decode(bytes_str(hex), SIZE_MAX, &f->in, NULL));
	assert_ok(cbor_open(buf_bytes(&f->in), false, "msg", &f->doc, &f->root, &f->err), f->err);
	return f->root;
}

/* {-2^63: true, -65537: "x", -1: h'0102', 1: 5, 2^63-1: [1, -2], "t": 18(null)}, keys not in order
 */
#define SAMPLE                                                                                     \
	"a63b7ffffffffffffffff53a000100006178204201020105"                                         \
	"1b7fffffffffffffff8201216174d2f6"

static void cbor_key__every_size_of_key__is_found(void **state)
{
	struct fixture *f = *state;
	struct cbor_item root = open_hex(f, SAMPLE);
	struct cbor_item list;

	assert_int_equal(root.kind, CBOR_MAP);
	assert_int_equal(cbor_map(root, 6, "root"), 6);
	assert_true(cbor_bool(cbor_key(root, INT64_MIN, "least"), "least"));
	assert_bytes(cbor_text(cbor_key(root, -65537, "x"), 1, 1, "x"), BYTES_LIT("x"));
	assert_bytes(cbor_bytes(cbor_key(root, -1, "b"), 0, 2, "b"), BYTES_LIT("\1\2"));
	assert_int_equal(cbor_uint(cbor_key(root, 1, "u"), 5, "u"), 5);
	list = cbor_key(root, INT64_MAX, "list");
	assert_int_equal(cbor_array(list, 2, "list"), 2);
	assert_int_equal(cbor_int(cbor_at(list, 0, "i"), "i"), 1);
	assert_int_equal(cbor_int(cbor_at(list, 1, "i"), "i"), -2);
	assert_int_equal(cbor_untag(cbor_key_text(root, "t", "t"), 18, "t").kind, CBOR_NULL);
	assert_int_equal(cbor_key_optional(root, 2).kind, CBOR_ABSENT);
	assert_int_equal(cbor_key_optional(root, -2).kind, CBOR_ABSENT);
	assert_int_equal(cbor_key_text_optional(root, "u").kind, CBOR_ABSENT);
	assert_int_equal(cbor_key_text_optional(root, "t").kind, CBOR_TAG);
	assert_ok(cbor_close(&f->doc, &f->err), f->err);
}

static void cbor_map_at__pairs__come_in_order_of_the_input(void **state)
{
	struct fixture *f = *state;
	struct cbor_item root = open_hex(f, "a30a410020190100616102");

	assert_int_equal(cbor_uint(cbor_map_key_at(root, 0, "k"), 10, "k"), 10);
	assert_int_equal(cbor_map_value_at(root, 0, "v").kind, CBOR_BYTES);
	assert_bytes(cbor_text(cbor_map_key_at(root, 2, "k"), 1, 1, "k"), BYTES_LIT("a"));
	assert_int_equal(cbor_uint(cbor_map_value_at(root, 1, "v"), 256, "v"), 256);
	assert_int_equal(cbor_int(cbor_map_key_at(root, 1, "k"), "k"), -1);
	assert_int_equal(cbor_map_value_at(root, 2, "v").value, 2);
	assert_ok(cbor_close(&f->doc, &f->err), f->err);
}

static void cbor_int__range__is_int64(void **state)
{
	struct fixture *f = *state;

	assert_true(cbor_int(open_hex(f, "1b7fffffffffffffff"), "n") == INT64_MAX);
	assert_true(cbor_int(open_hex(f, "3b7fffffffffffffff"), "n") == INT64_MIN);
	assert_ok(cbor_close(&f->doc, &f->err), f->err);
	assert_int_equal(cbor_int(open_hex(f, "1b8000000000000000"), "n"), 0);
	assert_fails(cbor_close(&f->doc, &f->err), f->err, ERR_FORMAT,
		"msg: n: out of range at offset 0");
	assert_int_equal(cbor_int(open_hex(f, "3b8000000000000000"), "n"), 0);
	assert_fails(cbor_close(&f->doc, &f->err), f->err, ERR_FORMAT,
		"msg: n: out of range at offset 0");
}

static void cbor_copy__exact_length__or_zeros(void **state)
{
	struct fixture *f = *state;
	uint8_t out[2] = {7, 7};

	cbor_copy(open_hex(f, "42abcd"), out, 2, "id");
	assert_memory_equal(out, "\xab\xcd", 2);
	cbor_copy(open_hex(f, "43abcdef"), out, 2, "id");
	assert_memory_equal(out, "\0\0", 2);
	assert_fails(cbor_close(&f->doc, &f->err), f->err, ERR_FORMAT,
		"msg: id: expected 2 bytes at offset 0");
}

static void cbor_only_keys__cases(void **state)
{
	static const int64_t keys[] = {1, -65537};
	static const struct {
		const char *hex, *text;
	} cases[] = {
		{"a0", ""},
		{"a201003a0001000000", ""},
		{"a201000200", "msg: claims: unknown key at offset 3"},
		{"a201002000", "msg: claims: unknown key at offset 3"},
		{"a20100613100", "msg: claims: unknown key at offset 3"},
		{"a201003bffffffffffffffff00", "msg: claims: unknown key at offset 3"},
		{"80", "msg: claims: expected a map at offset 0"},
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		cbor_only_keys(open_hex(f, cases[i].hex), keys, 2, "claims");
		f->err = (struct err){0};
		assert_int_equal(cbor_close(&f->doc, &f->err), cases[i].text[0] == '\0');
		assert_string_equal(f->err.text, cases[i].text);
	}
}

static void use_key(struct cbor_item item)
{
	assert_int_equal(cbor_key(item, 1, "f").kind, CBOR_ABSENT);
}
static void use_key_optional(struct cbor_item item)
{
	assert_int_equal(cbor_key_optional(item, 1).kind, CBOR_ABSENT);
}
static void use_key_text(struct cbor_item item)
{
	assert_int_equal(cbor_key_text(item, "1", "f").kind, CBOR_ABSENT);
}
static void use_at(struct cbor_item item)
{
	assert_int_equal(cbor_at(item, 1, "f").kind, CBOR_ABSENT);
}
static void use_key_at(struct cbor_item item)
{
	assert_int_equal(cbor_map_key_at(item, 1, "f").kind, CBOR_ABSENT);
}
static void use_value_at(struct cbor_item item)
{
	assert_int_equal(cbor_map_value_at(item, 1, "f").kind, CBOR_ABSENT);
}
static void use_array(struct cbor_item item)
{
	assert_int_equal(cbor_array(item, 1, "f"), 0);
}
static void use_map(struct cbor_item item)
{
	assert_int_equal(cbor_map(item, 1, "f"), 0);
}
static void use_uint(struct cbor_item item)
{
	assert_int_equal(cbor_uint(item, 1, "f"), 0);
}
static void use_int(struct cbor_item item)
{
	assert_int_equal(cbor_int(item, "f"), 0);
}
static void use_bool(struct cbor_item item)
{
	assert_false(cbor_bool(item, "f"));
}
static void use_bytes(struct cbor_item item)
{
	assert_int_equal(cbor_bytes(item, 1, 2, "f").len, 0);
}
static void use_text(struct cbor_item item)
{
	assert_int_equal(cbor_text(item, 1, 2, "f").len, 0);
}
static void use_untag(struct cbor_item item)
{
	assert_int_equal(cbor_untag(item, 18, "f").kind, CBOR_ABSENT);
}

static const struct {
	void (*use)(struct cbor_item item);
	const char *hex, *why;
} faults[] = {
	{use_key, "a10200", "msg: f: missing at offset 0"},
	{use_key, "8101", "msg: f: expected inside a map at offset 0"},
	{use_key_optional, "8101", "msg: item: expected a map at offset 0"},
	{use_key_text, "a10100", "msg: f: missing at offset 0"},
	{use_key_text, "01", "msg: f: expected inside a map at offset 0"},
	{use_at, "8100", "msg: f: missing at offset 0"},
	{use_at, "a101f6", "msg: f: expected an array at offset 0"},
	{use_key_at, "a10000", "msg: f: missing at offset 0"},
	{use_key_at, "820000", "msg: f: expected a map at offset 0"},
	{use_value_at, "a10000", "msg: f: missing at offset 0"},
	{use_array, "820000", "msg: f: too many items at offset 0"},
	{use_array, "a10000", "msg: f: expected an array at offset 0"},
	{use_map, "a200000100", "msg: f: too many items at offset 0"},
	{use_map, "8100", "msg: f: expected a map at offset 0"},
	{use_uint, "02", "msg: f: out of range at offset 0"},
	{use_uint, "20", "msg: f: expected an unsigned integer at offset 0"},
	{use_uint, "f93c00", "msg: f: expected an unsigned integer at offset 0"},
	{use_uint, "c100", "msg: f: expected an unsigned integer at offset 0"},
	{use_int, "6131", "msg: f: expected an integer at offset 0"},
	{use_bool, "01", "msg: f: expected true or false at offset 0"},
	{use_bool, "f6", "msg: f: expected true or false at offset 0"},
	{use_bytes, "6161", "msg: f: expected a byte string at offset 0"},
	{use_bytes, "40", "msg: f: expected 1 to 2 bytes at offset 0"},
	{use_bytes, "43000000", "msg: f: expected 1 to 2 bytes at offset 0"},
	{use_text, "4161", "msg: f: expected a text string at offset 0"},
	{use_text, "60", "msg: f: expected 1 to 2 bytes at offset 0"},
	{use_untag, "d100", "msg: f: wrong tag at offset 0"},
	{use_untag, "00", "msg: f: expected a tag at offset 0"},
};

static void cbor_lookup__wrong__fails_the_document(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
		faults[i].use(open_hex(f, faults[i].hex));
		assert_fails(cbor_close(&f->doc, &f->err), f->err, ERR_FORMAT, faults[i].why);
	}
}

static void cbor_lookup__after_a_fault_or_without_a_document__yields_nothing(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
		struct cbor_item root = open_hex(f, SAMPLE);

		cbor_fail(cbor_key(root, 1, "first"), "first", "made to fail");
		faults[i].use(root);
		faults[i].use((struct cbor_item){0});
		assert_fails(cbor_close(&f->doc, &f->err), f->err, ERR_FORMAT,
			"msg: first: made to fail at offset 23");
	}
}

static void cbor_lookup__absent_optional__is_missing_when_used(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
		struct cbor_item inner = cbor_key(open_hex(f, "a101a0"), 1, "inner");

		faults[i].use(cbor_key_optional(inner, 9));
		f->err = (struct err){0};
		assert_false(cbor_close(&f->doc, &f->err));
		assert_non_null(strstr(f->err.text, ": missing at offset 2"));
	}
}

static void cbor_fail__nested_item__gives_its_offset(void **state)
{
	struct fixture *f = *state;
	struct cbor_item root = open_hex(f, "a10182004103");

	cbor_uint(cbor_at(cbor_key(root, 1, "list"), 1, "entry"), 9, "entry");
	assert_fails(cbor_close(&f->doc, &f->err), f->err, ERR_FORMAT,
		"msg: entry: expected an unsigned integer at offset 4");
}

static void cbor_at__any_order__finds_the_same(void **state)
{
	static const size_t order[] = {0, 2, 1, 1, 4, 3, 0, 4};
	struct fixture *f = *state;
	/* [[0, [0]], [1, [10]], …]: each item read with its inside, at several depths */
	struct cbor_item root = open_hex(f, "85820081008201810a82028114820381181e8204811828");

	for (size_t i = 0; i < ARRAY_LEN(order); i++) {
		struct cbor_item entry = cbor_at(root, order[i], "entry");
		struct cbor_item inner = cbor_at(entry, 1, "inner");

		assert_int_equal(
			cbor_uint(cbor_at(inner, 0, "value"), 100, "value"), 10 * order[i]);
		assert_int_equal(cbor_uint(cbor_at(entry, 0, "number"), 100, "number"), order[i]);
	}
	assert_ok(cbor_close(&f->doc, &f->err), f->err);
}

/* [[{0: n}], …]: 16,000 entries of four items, read by index with lookups inside each. */
static void cbor_at__large_array__is_linear(void **state)
{
	struct fixture *f = *state;
	const size_t n = 16000;
	clock_t start = clock();
	struct cbor_item root;

	buf_put_u8(&f->in, 0x99);
	buf_put_be16(&f->in, (uint16_t)n);
	for (size_t i = 0; i < n; i++) {
		buf_put(&f->in, BYTES_LIT("\x81\xa1\x00\x19"));
		buf_put_be16(&f->in, (uint16_t)(i | 256));
	}
	assert_ok(cbor_open(buf_bytes(&f->in), true, "msg", &f->doc, &root, &f->err), f->err);
	for (size_t i = 0; i < n; i++) {
		struct cbor_item map = cbor_at(cbor_at(root, i, "entry"), 0, "map");

		assert_int_equal(cbor_uint(cbor_key(map, 0, "n"), 65535, "n"), i | 256);
		assert_int_equal(cbor_map_key_at(map, 0, "key").value, 0);
	}
	assert_ok(cbor_close(&f->doc, &f->err), f->err);
	/* A quadratic walk takes some 512 million steps; this takes 200 thousand. */
	assert_true(clock() - start < 5 * CLOCKS_PER_SEC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			cbor_key__every_size_of_key__is_found, setup, teardown),
		cmocka_unit_test_setup_teardown(
			cbor_map_at__pairs__come_in_order_of_the_input, setup, teardown),
		cmocka_unit_test_setup_teardown(cbor_int__range__is_int64, setup, teardown),
		cmocka_unit_test_setup_teardown(cbor_copy__exact_length__or_zeros, setup, teardown),
		cmocka_unit_test_setup_teardown(cbor_only_keys__cases, setup, teardown),
		cmocka_unit_test_setup_teardown(
			cbor_lookup__wrong__fails_the_document, setup, teardown),
		cmocka_unit_test_setup_teardown(
			cbor_lookup__after_a_fault_or_without_a_document__yields_nothing, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			cbor_lookup__absent_optional__is_missing_when_used, setup, teardown),
		cmocka_unit_test_setup_teardown(
			cbor_fail__nested_item__gives_its_offset, setup, teardown),
		cmocka_unit_test_setup_teardown(
			cbor_at__any_order__finds_the_same, setup, teardown),
		cmocka_unit_test_setup_teardown(cbor_at__large_array__is_linear, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
