/* SPDX-License-Identifier: Apache-2.0 */
#include "base/reader.h"

#include "tests/support/unit.h"

static void rd__integers__both_byte_orders(void **state)
{
	static const uint8_t in[] = {1, 1, 2, 1, 2, 3, 4, 1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 1, 2, 3, 4,
		1, 2, 3, 4, 5, 6, 7, 8};
	struct reader r = rd_of(BYTES_OF(in));

	(void)state;
	assert_int_equal(rd_u8(&r, "a"), 1);
	assert_int_equal(rd_be16(&r, "b"), 0x0102);
	assert_int_equal(rd_be32(&r, "c"), 0x01020304);
	assert_true(rd_be64(&r, "d") == 0x0102030405060708);
	assert_int_equal(rd_le16(&r, "e"), 0x0201);
	assert_int_equal(rd_le32(&r, "f"), 0x04030201);
	assert_int_equal(rd_left(&r), 8);
	assert_true(rd_le64(&r, "g") == 0x0807060504030201);
	assert_true(rd_finish(&r, NULL));
}

static void rd__truncated__names_field_and_offset_and_yields_zeros(void **state)
{
	static const uint8_t in[] = {0xff, 0xff, 0xff, 0xff, 0xff};
	struct reader r = rd_of(BYTES_OF(in));
	struct err err;

	(void)state;
	rd_be32(&r, "magic");
	assert_int_equal(rd_be16(&r, "type"), 0);
	assert_true(rd_failed(&r));
	assert_int_equal(rd_u8(&r, "later"), 0);
	assert_int_equal(rd_left(&r), 0);
	assert_null(rd_bytes(&r, 1, "later").data);
	assert_fails(rd_finish(&r, &err), err, ERR_FORMAT, "type: truncated at offset 4 of 5");
}

static void rd_bytes__length_near_size_max__is_truncated(void **state)
{
	static const uint8_t in[] = {1, 2, 3};
	struct reader r = rd_of(BYTES_OF(in));
	struct err err;

	(void)state;
	rd_u8(&r, "first");
	assert_null(rd_bytes(&r, SIZE_MAX, "rest").data);
	assert_fails(rd_finish(&r, &err), err, ERR_FORMAT, "rest: truncated at offset 1 of 3");
}

static void rd_finish__trailing__is_refused(void **state)
{
	static const uint8_t in[] = {1, 2};
	struct reader r = rd_of(BYTES_OF(in));
	struct err err;

	(void)state;
	rd_u8(&r, "a");
	assert_fails(rd_finish(&r, &err), err, ERR_FORMAT, "trailing bytes at offset 1 of 2");
}

static void rd_tpm2b__sizes__are_checked(void **state)
{
	static const uint8_t in[] = {0, 3, 'a', 'b', 'c'};
	struct reader r = rd_of(BYTES_OF(in));
	struct err err;

	(void)state;
	assert_bytes(rd_tpm2b(&r, 3, "digest"), BYTES_LIT("abc"));
	assert_true(rd_finish(&r, NULL));
	r = rd_of(BYTES_OF(in));
	assert_int_equal(rd_tpm2b(&r, 2, "digest").len, 0);
	assert_fails(rd_finish(&r, &err), err, ERR_FORMAT, "digest: too long at offset 0 of 5");
	r = rd_of(bytes_of(in, 4));
	assert_int_equal(rd_tpm2b(&r, 3, "digest").len, 0);
	assert_fails(rd_finish(&r, &err), err, ERR_FORMAT, "digest: truncated at offset 2 of 4");
}

static void rd_sub__inner_failure__reaches_the_parent_with_outer_offset(void **state)
{
	static const uint8_t in[] = {9, 1, 2, 3, 9};
	struct reader r = rd_of(BYTES_OF(in));
	struct reader sub;
	struct err err;

	(void)state;
	rd_u8(&r, "head");
	sub = rd_sub(&r, 3, "body");
	rd_be16(&sub, "a");
	rd_be16(&sub, "b");
	rd_sub_finish(&r, &sub, "body");
	assert_int_equal(rd_u8(&r, "tail"), 0);
	assert_fails(rd_finish(&r, &err), err, ERR_FORMAT, "b: truncated at offset 3 of 5");
}

static void rd_sub__unread_rest__is_refused(void **state)
{
	static const uint8_t in[] = {9, 1, 2, 3, 9};
	struct reader r = rd_of(BYTES_OF(in));
	struct reader sub;
	struct err err;

	(void)state;
	rd_u8(&r, "head");
	sub = rd_sub(&r, 3, "body");
	rd_be16(&sub, "a");
	rd_sub_finish(&r, &sub, "body");
	assert_fails(rd_finish(&r, &err), err, ERR_FORMAT, "body: trailing bytes at offset 3 of 5");
}

static void rd_sub__longer_than_input__both_fail(void **state)
{
	static const uint8_t in[] = {9, 1};
	struct reader r = rd_of(BYTES_OF(in));
	struct reader sub = rd_sub(&r, 3, "body");
	struct err err;

	(void)state;
	assert_true(rd_failed(&sub));
	assert_int_equal(rd_u8(&sub, "a"), 0);
	rd_sub_finish(&r, &sub, "body");
	assert_fails(rd_finish(&r, &err), err, ERR_FORMAT, "body: truncated at offset 0 of 2");
}

static void rd_fail__first_fault__stands(void **state)
{
	static const uint8_t in[] = {9, 1};
	struct reader r = rd_of(BYTES_OF(in));
	struct err err;

	(void)state;
	rd_u8(&r, "a");
	rd_fail(&r, "a", "unknown algorithm");
	rd_fail(&r, "b", "something else");
	assert_fails(rd_finish(&r, &err), err, ERR_FORMAT, "a: unknown algorithm at offset 1 of 2");
}

static void rd__empty_input__is_exact(void **state)
{
	struct reader r = rd_of((struct bytes){0});
	struct err err;

	(void)state;
	assert_int_equal(rd_bytes(&r, 0, "nothing").len, 0);
	assert_true(rd_finish(&r, NULL));
	rd_u8(&r, "a");
	assert_fails(rd_finish(&r, &err), err, ERR_FORMAT, "a: truncated at offset 0 of 0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rd__integers__both_byte_orders),
		cmocka_unit_test(rd__truncated__names_field_and_offset_and_yields_zeros),
		cmocka_unit_test(rd_bytes__length_near_size_max__is_truncated),
		cmocka_unit_test(rd_finish__trailing__is_refused),
		cmocka_unit_test(rd_tpm2b__sizes__are_checked),
		cmocka_unit_test(rd_sub__inner_failure__reaches_the_parent_with_outer_offset),
		cmocka_unit_test(rd_sub__unread_rest__is_refused),
		cmocka_unit_test(rd_sub__longer_than_input__both_fail),
		cmocka_unit_test(rd_fail__first_fault__stands),
		cmocka_unit_test(rd__empty_input__is_exact),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
