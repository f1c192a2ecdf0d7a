/* SPDX-License-Identifier: Apache-2.0 */
#include "base/cbor.h"

#include <stdlib.h>

#include "base/text.h"
#include "tests/support/unit.h"

struct fixture {
	struct buf out, hex;
	struct cbor_writer w;
	struct err err;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	*state = f;
	if (!f)
		return -1;
	f->w = cbor_writer_of(&f->out);
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	buf_release(&f->out);
	buf_release(&f->hex);
	free(f);
	return 0;
}

static void restart(struct fixture *f)
{
	buf_clear(&f->out);
	f->w = cbor_writer_of(&f->out);
}

static void assert_written(struct fixture *f, const char *hex)
{
	struct cbor_doc doc;
	struct cbor_item root;

	assert_ok(cbor_writer_finish(&f->w, &f->err), f->err);
	buf_clear(&f->hex);
	buf_put_hex(&f->hex, buf_bytes(&f->out));
	assert_string_equal(buf_str(&f->hex), hex);
	assert_ok(cbor_open(buf_bytes(&f->out), true, "own", &doc, &root, &f->err), f->err);
}

static void cbor_put_int__rfc8949_vectors(void **state)
{
	static const struct {
		int64_t value;
		const char *hex;
	} cases[] = {{0, "00"}, {1, "01"}, {23, "17"}, {24, "1818"}, {255, "18ff"}, {256, "190100"},
		{1000, "1903e8"}, {65535, "19ffff"}, {65536, "1a00010000"}, {1000000, "1a000f4240"},
		{4294967295, "1affffffff"}, {4294967296, "1b0000000100000000"},
		{1000000000000, "1b000000e8d4a51000"}, {INT64_MAX, "1b7fffffffffffffff"},
		{-1, "20"}, {-10, "29"}, {-24, "37"}, {-25, "3818"}, {-100, "3863"},
		{-1000, "3903e7"}, {-65537, "3a00010000"}, {INT64_MIN, "3b7fffffffffffffff"}};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		restart(f);
		cbor_put_int(&f->w, cases[i].value);
		assert_written(f, cases[i].hex);
	}
	restart(f);
	cbor_put_uint(&f->w, UINT64_MAX);
	assert_written(f, "1bffffffffffffffff");
}

static void cbor_put__every_kind__in_one_message(void **state)
{
	struct fixture *f = *state;

	cbor_put_tag(&f->w, 18);
	cbor_put_array(&f->w, 4);
	cbor_put_map(&f->w, 3);
	cbor_put_int(&f->w, 1);
	cbor_put_bool(&f->w, true);
	cbor_put_int(&f->w, -1);
	cbor_put_null(&f->w);
	cbor_put_str(&f->w, "key");
	cbor_put_array(&f->w, 0);
	cbor_put_bytes(&f->w, BYTES_LIT("\1\2"));
	cbor_put_text(&f->w, BYTES_LIT("\xc3\xbc"));
	cbor_put_map(&f->w, 0);
	assert_written(f, "d284a301f520f6636b65798042010262c3bca0");
}

static void cbor_put_bytes__long__gets_the_shortest_head(void **state)
{
	static const struct {
		size_t len;
		const char *head;
	} cases[] = {{0, "40"}, {23, "57"}, {24, "5818"}, {256, "590100"}, {65536, "5a00010000"}};
	struct fixture *f = *state;
	uint8_t *content = calloc(1, 65536);

	assert_non_null(content);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		restart(f);
		cbor_put_bytes(&f->w, bytes_of(content, cases[i].len));
		buf_clear(&f->hex);
		buf_put_hex(&f->hex, bytes_of(f->out.data, strlen(cases[i].head) / 2));
		assert_string_equal(buf_str(&f->hex), cases[i].head);
		assert_int_equal(f->out.len, strlen(cases[i].head) / 2 + cases[i].len);
	}
	free(content);
}

static void cbor_put_raw__checked_item__goes_in_as_is(void **state)
{
	struct fixture *f = *state;

	cbor_put_map(&f->w, 2);
	cbor_put_raw(&f->w, BYTES_LIT("\x01"));
	cbor_put_raw(&f->w, BYTES_LIT("\x81\x00"));
	cbor_put_raw(&f->w, BYTES_LIT("\x61x"));
	cbor_put_raw(&f->w, BYTES_LIT("\xa1\x00\xd2\x40"));
	assert_written(f, "a20181006178a100d240");
}

static void cbor_writer__appends__behind_what_is_there(void **state)
{
	struct fixture *f = *state;

	buf_put_str(&f->out, "head");
	f->w = cbor_writer_of(&f->out);
	cbor_put_map(&f->w, 2);
	for (int i = 0; i < 2; i++) {
		cbor_put_int(&f->w, i);
		cbor_put_null(&f->w);
	}
	assert_ok(cbor_writer_finish(&f->w, &f->err), f->err);
	assert_bytes(buf_bytes(&f->out), BYTES_LIT("head\xa2\x00\xf6\x01\xf6"));
}

static void misuse_nothing(struct cbor_writer *w)
{
	(void)w;
}
static void misuse_too_few_items(struct cbor_writer *w)
{
	cbor_put_array(w, 2);
	cbor_put_null(w);
}
static void misuse_value_missing(struct cbor_writer *w)
{
	cbor_put_map(w, 1);
	cbor_put_int(w, 1);
}
static void misuse_tag_alone(struct cbor_writer *w)
{
	cbor_put_tag(w, 18);
}
static void misuse_too_many_items(struct cbor_writer *w)
{
	cbor_put_array(w, 1);
	cbor_put_null(w);
	cbor_put_null(w);
}
static void misuse_descending(struct cbor_writer *w)
{
	cbor_put_map(w, 2);
	cbor_put_int(w, 2);
	cbor_put_null(w);
	cbor_put_int(w, 1);
	cbor_put_null(w);
}
static void misuse_negative_before_positive(struct cbor_writer *w)
{
	cbor_put_map(w, 2);
	cbor_put_int(w, -1);
	cbor_put_null(w);
	cbor_put_int(w, 1);
	cbor_put_null(w);
}
static void misuse_same_key(struct cbor_writer *w)
{
	cbor_put_map(w, 2);
	cbor_put_str(w, "a");
	cbor_put_map(w, 1);
	cbor_put_str(w, "z");
	cbor_put_null(w);
	cbor_put_str(w, "a");
	cbor_put_null(w);
}
static void misuse_array_as_key(struct cbor_writer *w)
{
	cbor_put_map(w, 1);
	cbor_put_array(w, 0);
	cbor_put_null(w);
}
static void misuse_null_as_key(struct cbor_writer *w)
{
	cbor_put_map(w, 1);
	cbor_put_null(w);
	cbor_put_null(w);
}
static void misuse_raw_map_as_key(struct cbor_writer *w)
{
	cbor_put_map(w, 1);
	cbor_put_raw(w, BYTES_LIT("\xa0"));
	cbor_put_null(w);
}
static void misuse_text(struct cbor_writer *w)
{
	cbor_put_text(w, BYTES_LIT("\xff"));
}
static void misuse_raw_not_shortest(struct cbor_writer *w)
{
	cbor_put_raw(w, BYTES_LIT("\x18\x01"));
}
static void misuse_raw_two_items(struct cbor_writer *w)
{
	cbor_put_raw(w, BYTES_LIT("\x01\x02"));
}
static void misuse_raw_empty(struct cbor_writer *w)
{
	cbor_put_raw(w, (struct bytes){0});
}
static void misuse_depth(struct cbor_writer *w)
{
	for (int i = 0; i <= CBOR_DEPTH_MAX; i++)
		cbor_put_array(w, 1);
}
static void misuse_raw_depth(struct cbor_writer *w)
{
	for (int i = 0; i < CBOR_DEPTH_MAX; i++)
		cbor_put_array(w, 1);
	cbor_put_raw(w, BYTES_LIT("\x80"));
}
static void misuse_pairs(struct cbor_writer *w)
{
	cbor_put_map(w, SIZE_MAX);
}

static void cbor_writer_finish__misuse__is_seen(void **state)
{
	static const struct {
		void (*misuse)(struct cbor_writer *w);
		const char *text;
	} cases[] = {
		{misuse_nothing, "CBOR writer: items are missing"},
		{misuse_too_few_items, "CBOR writer: items are missing"},
		{misuse_value_missing, "CBOR writer: items are missing"},
		{misuse_tag_alone, "CBOR writer: items are missing"},
		{misuse_too_many_items, "CBOR writer: more than one item"},
		{misuse_descending, "CBOR writer: map keys not ascending"},
		{misuse_negative_before_positive, "CBOR writer: map keys not ascending"},
		{misuse_same_key, "CBOR writer: map keys not ascending"},
		{misuse_array_as_key, "CBOR writer: map key is no integer and no string"},
		{misuse_null_as_key, "CBOR writer: map key is no integer and no string"},
		{misuse_raw_map_as_key, "CBOR writer: map key is no integer and no string"},
		{misuse_text, "CBOR writer: invalid UTF-8"},
		{misuse_raw_not_shortest, "CBOR writer: raw item is not deterministic CBOR"},
		{misuse_raw_two_items, "CBOR writer: raw item is not deterministic CBOR"},
		{misuse_raw_empty, "CBOR writer: raw item is not deterministic CBOR"},
		{misuse_depth, "CBOR writer: nested too deep"},
		{misuse_raw_depth, "CBOR writer: nested too deep"},
		{misuse_pairs, "CBOR writer: more pairs than there can be"},
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		restart(f);
		cases[i].misuse(&f->w);
		assert_fails(
			cbor_writer_finish(&f->w, &f->err), f->err, ERR_INTERNAL, cases[i].text);
	}
}

static void cbor_writer_finish__no_memory__is_said(void **state)
{
	struct fixture *f = *state;

	cbor_put_array(&f->w, 2);
	f->out.failed = true;
	cbor_put_null(&f->w);
	assert_fails(cbor_writer_finish(&f->w, &f->err), f->err, ERR_NOMEM, "out of memory");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(cbor_put_int__rfc8949_vectors, setup, teardown),
		cmocka_unit_test_setup_teardown(
			cbor_put__every_kind__in_one_message, setup, teardown),
		cmocka_unit_test_setup_teardown(
			cbor_put_bytes__long__gets_the_shortest_head, setup, teardown),
		cmocka_unit_test_setup_teardown(
			cbor_put_raw__checked_item__goes_in_as_is, setup, teardown),
		cmocka_unit_test_setup_teardown(
			cbor_writer__appends__behind_what_is_there, setup, teardown),
		cmocka_unit_test_setup_teardown(
			cbor_writer_finish__misuse__is_seen, setup, teardown),
		cmocka_unit_test_setup_teardown(
			cbor_writer_finish__no_memory__is_said, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
