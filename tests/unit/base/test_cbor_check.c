/* SPDX-License-Identifier: Apache-2.0 */
/* What cbor_open accepts and refuses, and where it says the fault is. */
#include "base/cbor.h"

#include <stdlib.h>

#include "base/text.h"
#include "tests/support/unit.h"

static int setup(void **state)
{
	*state = calloc(1, sizeof(struct buf));
	return *state ? 0 : -1;
}

static int teardown(void **state)
{
	buf_release(*state);
	free(*state);
	return 0;
}

static struct bytes from_hex(struct buf *buf, const char *hex)
{
	assert_true(hex_decode(bytes_str(hex), SIZE_MAX, buf, NULL));
	return buf_bytes(buf);
}

static bool opens(struct bytes in, bool deterministic, struct err *err)
{
	struct cbor_doc doc;
	struct cbor_item root = {0};
	bool ok = cbor_open(in, deterministic, "msg", &doc, &root, err);

	/* The document remembers: reading on after a refusal must not end in trust. */
	assert_int_equal(cbor_close(&doc, NULL), ok);
	if (ok)
		assert_bytes(root.raw, in);
	else
		assert_null(root.doc);
	return ok;
}

/* RFC 8949 appendix A, those in deterministic form without floats. */
static const char *const deterministic_vectors[] = {"00", "01", "0a", "17", "1818", "1819", "1864",
	"1903e8", "1a000f4240", "1b000000e8d4a51000", "1bffffffffffffffff", "3bffffffffffffffff",
	"20", "29", "3863", "3903e7", "f4", "f5", "f6", "40", "4401020304", "60", "6161",
	"6449455446", "62225c", "62c3bc", "63e6b0b4", "64f0908591", "80", "83010203",
	"8301820203820405", "98190102030405060708090a0b0c0d0e0f101112131415161718181819", "a0",
	"a201020304", "a26161016162820203", "826161a161626163",
	"a56161614161626142616361436164614461656145", "c249010000000000000000",
	"c349010000000000000000", "c074323031332d30332d32315432303a30343a30305a", "c11a514b67b0",
	"d74401020304", "d818456449455446", "d82076687474703a2f2f7777772e6578616d706c652e636f6d",
	/* COSE_Sign1 and its neighbours, in the range that libcbor does not know */
	"d28443a10126a04040", "c600", "d400", "d500", "d81800",
	/* keys of each allowed kind, in bytewise order */
	"a500001818002000410000610000"};

/* Well-formed and of definite length, but not deterministic. */
static const char *const lenient_vectors[] = {
	/* RFC 8949 appendix A: floats and undefined */
	"f90000", "f98000", "f93c00", "fb3ff199999999999a", "f93e00", "f97bff", "fa47c35000",
	"fa7f7fffff", "fb7e37e43c8800759c", "f90001", "f90400", "f9c400", "fbc010666666666666",
	"f97c00", "f97e00", "f9fc00", "fa7f800000", "fa7fc00000", "faff800000",
	"fb7ff0000000000000", "fb7ff8000000000000", "fbfff0000000000000", "c1fb41d452d9e2000000",
	"f7",
	/* longer heads than needed, of every kind */
	"1817", "190017", "1a00000017", "1b0000000000000017", "3817", "5800", "590001aa", "7800",
	"9800", "9a0000000101", "b800", "d80600", "d9001200",
	/* keys in another order */
	"a202000100", "a2616200616100", "a220000000"};

static void cbor_open__deterministic_vectors__open(void **state)
{
	struct err err;

	for (size_t i = 0; i < ARRAY_LEN(deterministic_vectors); i++) {
		assert_ok(opens(from_hex(*state, deterministic_vectors[i]), true, &err), err);
		assert_ok(opens(from_hex(*state, deterministic_vectors[i]), false, &err), err);
	}
}

static void cbor_open__lenient_vectors__open_only_leniently(void **state)
{
	struct err err;

	for (size_t i = 0; i < ARRAY_LEN(lenient_vectors); i++) {
		assert_ok(opens(from_hex(*state, lenient_vectors[i]), false, &err), err);
		assert_false(opens(from_hex(*state, lenient_vectors[i]), true, &err));
		assert_int_equal(err.code, ERR_FORMAT);
	}
}

struct refusal {
	const char *hex;
	enum err_code code;
	const char *text;
};

static void assert_refused(
	struct buf *buf, const struct refusal *cases, size_t n, bool deterministic)
{
	struct err err;

	for (size_t i = 0; i < n; i++)
		assert_fails(opens(from_hex(buf, cases[i].hex), deterministic, &err), err,
			cases[i].code, cases[i].text);
}

static void cbor_open__not_deterministic__each_violation_is_named_with_its_offset(void **state)
{
	static const struct refusal cases[] = {
		{"811817", ERR_FORMAT, "msg: not in shortest form at offset 1"},
		{"82001817", ERR_FORMAT, "msg: not in shortest form at offset 2"},
		{"82001900ff", ERR_FORMAT, "msg: not in shortest form at offset 2"},
		{"82001a0000ffff", ERR_FORMAT, "msg: not in shortest form at offset 2"},
		{"82001b00000000ffffffff", ERR_FORMAT, "msg: not in shortest form at offset 2"},
		{"82003817", ERR_FORMAT, "msg: not in shortest form at offset 2"},
		{"8200580101", ERR_FORMAT, "msg: not in shortest form at offset 2"},
		{"8200780161", ERR_FORMAT, "msg: not in shortest form at offset 2"},
		{"8200980100", ERR_FORMAT, "msg: not in shortest form at offset 2"},
		{"8200b8010000", ERR_FORMAT, "msg: not in shortest form at offset 2"},
		{"8200d81200", ERR_FORMAT, "msg: not in shortest form at offset 2"},
		{"a201000000", ERR_FORMAT, "msg: map keys out of order at offset 3"},
		{"a220000000", ERR_FORMAT, "msg: map keys out of order at offset 3"},
		{"a2626161006162f6", ERR_FORMAT, "msg: map keys out of order at offset 5"},
		{"a201000100", ERR_FORMAT, "msg: duplicate map key at offset 3"},
		{"a2000082f9000000", ERR_FORMAT,
			"msg: map key is no integer and no string at offset 3"},
		{"8200f93c00", ERR_FORMAT, "msg: floating point or undefined at offset 2"},
		{"8200f97e00", ERR_FORMAT, "msg: floating point or undefined at offset 2"},
		{"8200fa7fc00001", ERR_FORMAT, "msg: floating point or undefined at offset 2"},
		{"8200fb7ff8000000000001", ERR_FORMAT,
			"msg: floating point or undefined at offset 2"},
		{"8200f7", ERR_FORMAT, "msg: floating point or undefined at offset 2"},
	};

	assert_refused(*state, cases, ARRAY_LEN(cases), true);
}

/* Refused in both modes. */
static const struct refusal malformed[] = {
	{"", ERR_FORMAT, "msg: truncated at offset 0"},
	{"0000", ERR_FORMAT, "msg: trailing bytes at offset 1"},
	{"8100ff", ERR_FORMAT, "msg: trailing bytes at offset 2"},
	/* indefinite lengths, and a break without one */
	{"5f42010243030405ff", ERR_FORMAT, "msg: indefinite length at offset 0"},
	{"7f657374726561646d696e67ff", ERR_FORMAT, "msg: indefinite length at offset 0"},
	{"9fff", ERR_FORMAT, "msg: indefinite length at offset 0"},
	{"82009f0102ff", ERR_FORMAT, "msg: indefinite length at offset 2"},
	{"bf61610161629f0203ffff", ERR_FORMAT, "msg: indefinite length at offset 0"},
	{"ff", ERR_FORMAT, "msg: indefinite length at offset 0"},
	{"8200ff", ERR_FORMAT, "msg: indefinite length at offset 2"},
	/* reserved additional information */
	{"1c", ERR_FORMAT, "msg: malformed head at offset 0"},
	{"3d", ERR_FORMAT, "msg: malformed head at offset 0"},
	{"5e", ERR_FORMAT, "msg: malformed head at offset 0"},
	{"9c", ERR_FORMAT, "msg: malformed head at offset 0"},
	{"dc00", ERR_FORMAT, "msg: malformed head at offset 0"},
	{"fc", ERR_FORMAT, "msg: malformed head at offset 0"},
	/* simple values: unassigned, and false in two bytes */
	{"f0", ERR_FORMAT, "msg: malformed head at offset 0"},
	{"f8ff", ERR_FORMAT, "msg: malformed head at offset 0"},
	{"f814", ERR_FORMAT, "msg: malformed head at offset 0"},
	{"82e000", ERR_FORMAT, "msg: malformed head at offset 1"},
	/* lengths that the input does not have */
	{"5bffffffffffffffff", ERR_FORMAT, "msg: truncated at offset 0"},
	{"7bffffffffffffffff", ERR_FORMAT, "msg: truncated at offset 0"},
	{"9bffffffffffffffff", ERR_FORMAT, "msg: truncated at offset 0"},
	{"bbffffffffffffffff", ERR_FORMAT, "msg: truncated at offset 0"},
	{"bb8000000000000001", ERR_FORMAT, "msg: truncated at offset 0"},
	{"8100004bffffffffffffffff", ERR_FORMAT, "msg: trailing bytes at offset 2"},
	{"825bfffffffffffffff700", ERR_FORMAT, "msg: truncated at offset 1"},
	{"9a0001000000", ERR_FORMAT, "msg: truncated at offset 0"},
	{"a200", ERR_FORMAT, "msg: truncated at offset 0"},
	{"d2", ERR_FORMAT, "msg: truncated at offset 0"},
	/* text that is no UTF-8 */
	{"8261ff00", ERR_FORMAT, "msg: invalid UTF-8 at offset 1"},
	{"62c080", ERR_FORMAT, "msg: invalid UTF-8 at offset 0"},
	{"63eda080", ERR_FORMAT, "msg: invalid UTF-8 at offset 0"},
	{"a161ff00", ERR_FORMAT, "msg: invalid UTF-8 at offset 1"},
	/* keys */
	{"a1800000", ERR_FORMAT, "msg: map key is no integer and no string at offset 1"},
	{"a1a00000", ERR_FORMAT, "msg: map key is no integer and no string at offset 1"},
	{"a1c10000", ERR_FORMAT, "msg: map key is no integer and no string at offset 1"},
	{"a1f400", ERR_FORMAT, "msg: map key is no integer and no string at offset 1"},
	{"a1f600", ERR_FORMAT, "msg: map key is no integer and no string at offset 1"},
};

static void cbor_open__malformed__is_refused_in_both_modes(void **state)
{
	assert_refused(*state, malformed, ARRAY_LEN(malformed), true);
	assert_refused(*state, malformed, ARRAY_LEN(malformed), false);
}

static void cbor_open__lenient_duplicates__are_found_by_value_and_in_any_order(void **state)
{
	static const struct refusal cases[] = {
		{"a201000100", ERR_FORMAT, "msg: duplicate map key at offset 3"},
		{"a20100180100", ERR_FORMAT, "msg: duplicate map key at offset 3"},
		{"a3030001000300", ERR_FORMAT, "msg: duplicate map key at offset 5"},
		{"a2616100780161f6", ERR_FORMAT, "msg: duplicate map key at offset 4"},
		{"a24161005801610a", ERR_FORMAT, "msg: duplicate map key at offset 4"},
		{"a2200038000a", ERR_FORMAT, "msg: duplicate map key at offset 3"},
		/* in a map inside a map, and in the outer one behind it */
		{"a205a2010001000600", ERR_FORMAT, "msg: duplicate map key at offset 5"},
		{"a205a2010002000500", ERR_FORMAT, "msg: duplicate map key at offset 7"},
	};
	struct err err;

	assert_refused(*state, cases, ARRAY_LEN(cases), false);
	/* the same key in two maps, and the same argument in four kinds of key, are no duplicates
	 */
	assert_ok(opens(from_hex(*state, "a20ba10b000aa10b00"), false, &err), err);
	assert_ok(opens(from_hex(*state, "a4610000410000200000f6"), false, &err), err);
}

static void cbor_open__truncated_anywhere__is_refused(void **state)
{
	struct buf *buf = *state;
	struct bytes in =
		from_hex(buf, "d2844ba201260445010203040520a1186382f5f65820"
			      "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
			      "83626869a0190100");
	struct err err;

	assert_ok(opens(in, true, &err), err);
	for (size_t len = 0; len < in.len; len++) {
		uint8_t *exact = bytes_dup(bytes_of(in.data, len));
		bool deterministic = opens(bytes_of(exact, len), true, &err);
		bool lenient = opens(bytes_of(exact, len), false, &err);

		free(exact);
		assert_false(deterministic);
		assert_false(lenient);
	}
}

static void fill(struct buf *buf, uint8_t byte, size_t n)
{
	uint8_t *room = buf_extend(buf, n);

	assert_non_null(room);
	memset(room, byte, n);
}

static void cbor_open__depth__is_limited(void **state)
{
	static const uint8_t wrappers[] = {0x81, 0xc1, 0xd2};
	struct buf *buf = *state;
	struct err err;

	for (size_t i = 0; i < ARRAY_LEN(wrappers); i++) {
		buf_clear(buf);
		fill(buf, wrappers[i], CBOR_DEPTH_MAX);
		buf_put_u8(buf, 0);
		assert_ok(opens(buf_bytes(buf), true, &err), err);
		buf_clear(buf);
		fill(buf, wrappers[i], CBOR_DEPTH_MAX + 1);
		buf_put_u8(buf, 0);
		assert_fails(opens(buf_bytes(buf), true, &err), err, ERR_LIMIT,
			"msg: nested too deep at offset 16");
		buf_clear(buf);
		fill(buf, wrappers[i], CBOR_DEPTH_MAX);
		buf_put_u8(buf, 0x80);
		assert_fails(opens(buf_bytes(buf), false, &err), err, ERR_LIMIT,
			"msg: nested too deep at offset 16");
		buf_clear(buf);
		fill(buf, wrappers[i], 100000);
		assert_fails(opens(buf_bytes(buf), false, &err), err, ERR_LIMIT,
			"msg: nested too deep at offset 16");
	}
}

static void cbor_open__item_count__is_limited(void **state)
{
	struct buf *buf = *state;
	struct err err;

	buf_put(buf, BYTES_LIT("\x99\xff\xff"));
	fill(buf, 0, 65535);
	assert_ok(opens(buf_bytes(buf), true, &err), err);
	buf_clear(buf);
	buf_put(buf, BYTES_LIT("\x9a\x00\x01\x00\x00"));
	fill(buf, 0, 65536);
	assert_fails(opens(buf_bytes(buf), true, &err), err, ERR_LIMIT,
		"msg: too many items at offset 65540");
}

/* Descending keys: the worst that a hostile map can ask of the search for duplicates. */
static void cbor_open__large_lenient_map__opens(void **state)
{
	struct buf *buf = *state;
	struct err err;

	buf_put(buf, BYTES_LIT("\xb9\x7f\xff"));
	for (unsigned i = 0x7fff; i > 0; i--) {
		buf_put_u8(buf, 0x19);
		buf_put_be16(buf, (uint16_t)i);
		buf_put_u8(buf, 0xf6);
	}
	assert_ok(opens(buf_bytes(buf), false, &err), err);
	buf->data[buf->len - 3] = 0xff;
	buf->data[buf->len - 2] = 0xff;
	assert_ok(opens(buf_bytes(buf), false, &err), err);
	buf->data[buf->len - 3] = 0x7f;
	assert_fails(opens(buf_bytes(buf), false, &err), err, ERR_FORMAT,
		"msg: duplicate map key at offset 131067");
}

/* No input of three bytes gets past the check without being read back whole. */
static void cbor_open__all_short_inputs__never_overrun(void **state)
{
	uint8_t in[3];

	(void)state;
	for (unsigned i = 0; i < 1u << 24; i += 5) {
		in[0] = (uint8_t)(i >> 16);
		in[1] = (uint8_t)(i >> 8);
		in[2] = (uint8_t)i;
		for (size_t len = 1; len <= 3; len++) {
			struct cbor_doc doc;
			struct cbor_item root;

			if (cbor_open(bytes_of(in, len), i & 1, "msg", &doc, &root, NULL))
				assert_int_equal(root.raw.len, len);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			cbor_open__deterministic_vectors__open, setup, teardown),
		cmocka_unit_test_setup_teardown(
			cbor_open__lenient_vectors__open_only_leniently, setup, teardown),
		cmocka_unit_test_setup_teardown(
			cbor_open__not_deterministic__each_violation_is_named_with_its_offset,
			setup, teardown),
		cmocka_unit_test_setup_teardown(
			cbor_open__malformed__is_refused_in_both_modes, setup, teardown),
		cmocka_unit_test_setup_teardown(
			cbor_open__lenient_duplicates__are_found_by_value_and_in_any_order, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			cbor_open__truncated_anywhere__is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(cbor_open__depth__is_limited, setup, teardown),
		cmocka_unit_test_setup_teardown(cbor_open__item_count__is_limited, setup, teardown),
		cmocka_unit_test_setup_teardown(
			cbor_open__large_lenient_map__opens, setup, teardown),
		cmocka_unit_test(cbor_open__all_short_inputs__never_overrun),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
