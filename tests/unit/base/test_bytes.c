/* SPDX-License-Identifier: Apache-2.0 */
#include "base/bytes.h"

#include <stdlib.h>

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

static void bytes_equal__content_and_length__decide(void **state)
{
	(void)state;
	assert_true(bytes_equal(BYTES_LIT("abc"), BYTES_LIT("abc")));
	assert_false(bytes_equal(BYTES_LIT("abc"), BYTES_LIT("abd")));
	assert_false(bytes_equal(BYTES_LIT("abc"), BYTES_LIT("ab")));
	assert_true(bytes_equal((struct bytes){0}, BYTES_LIT("")));
	assert_true(bytes_equal_str(BYTES_LIT("abc"), "abc"));
	assert_false(bytes_equal_str(BYTES_LIT("abc\0"), "abc"));
	assert_true(bytes_equal_str((struct bytes){0}, NULL));
}

static void bytes_compare__order__is_lexicographic(void **state)
{
	(void)state;
	assert_int_equal(bytes_compare(BYTES_LIT("a"), BYTES_LIT("b")), -1);
	assert_int_equal(bytes_compare(BYTES_LIT("\xff"), BYTES_LIT("\x01\x01")), 1);
	assert_int_equal(bytes_compare(BYTES_LIT("a"), BYTES_LIT("aa")), -1);
	assert_int_equal(bytes_compare(BYTES_LIT("aa"), BYTES_LIT("a")), 1);
	assert_int_equal(bytes_compare((struct bytes){0}, BYTES_LIT("")), 0);
}

static void secret_equal__every_byte__counts(void **state)
{
	uint8_t a[32] = {0}, b[32] = {0};

	(void)state;
	assert_true(secret_equal(BYTES_OF(a), BYTES_OF(b)));
	for (size_t i = 0; i < sizeof(a); i++) {
		b[i] = 0x80;
		assert_false(secret_equal(BYTES_OF(a), BYTES_OF(b)));
		b[i] = 0;
	}
	assert_false(secret_equal(BYTES_OF(a), bytes_of(b, 31)));
}

static void secret_wipe__memory__is_zero(void **state)
{
	uint8_t secret[] = {1, 2, 3}, zeros[3] = {0};

	(void)state;
	secret_wipe(secret, sizeof(secret));
	assert_memory_equal(secret, zeros, 3);
	secret_wipe(NULL, 0);
}

static void buf_put__mixed__appends_big_endian(void **state)
{
	struct buf *buf = *state;

	buf_put_u8(buf, 1);
	buf_put_be16(buf, 0x0203);
	buf_put_be32(buf, 0x04050607);
	buf_put_be64(buf, 0x08090a0b0c0d0e0f);
	buf_put_str(buf, "x");
	buf_put(buf, (struct bytes){0});
	buf_printf(buf, "%d-%s", 42, "y");
	assert_bytes(buf_bytes(buf), BYTES_LIT("\1\2\3\4\5\6\7\10\11\12\13\14\15\16\17x42-y"));
	assert_true(buf_ok(buf, NULL));
}

static void buf_put__many__grows_and_keeps_content(void **state)
{
	struct buf *buf = *state;

	for (unsigned i = 0; i < 10000; i++)
		buf_put_u8(buf, (uint8_t)i);
	assert_int_equal(buf->len, 10000);
	for (unsigned i = 0; i < 10000; i++)
		assert_int_equal(buf->data[i], (uint8_t)i);
}

static void buf_extend__impossible_length__fails_sticky(void **state)
{
	struct buf *buf = *state;
	struct err err = {0};

	buf_put_str(buf, "kept");
	assert_null(buf_extend(buf, SIZE_MAX));
	assert_null(buf_extend(buf, SIZE_MAX / 2));
	buf_put_str(buf, "lost");
	assert_int_equal(buf->len, 4);
	assert_null(buf_str(buf));
	buf_clear(buf);
	assert_fails(buf_ok(buf, &err), err, ERR_NOMEM, "out of memory");
}

static void buf_str__empty_and_full__ends_with_nul(void **state)
{
	struct buf *buf = *state;

	assert_string_equal(buf_str(buf), "");
	buf_printf(buf, "%063d", 1);
	assert_int_equal(strlen(buf_str(buf)), 63);
	buf_put_u8(buf, 'x');
	assert_int_equal(strlen(buf_str(buf)), 64);
	assert_int_equal(buf->len, 64);
	buf_clear(buf);
	assert_string_equal(buf_str(buf), "");
}

static void buf_extend__nothing__still_gives_a_place(void **state)
{
	assert_non_null(buf_extend(*state, 0));
}

static void bytes_strdup__embedded_nul__is_refused(void **state)
{
	char *copy = bytes_strdup(BYTES_LIT("name"));

	(void)state;
	assert_string_equal(copy, "name");
	free(copy);
	assert_null(bytes_strdup(BYTES_LIT("na\0me")));
	copy = bytes_strdup((struct bytes){0});
	assert_string_equal(copy, "");
	free(copy);
}

static void take__struct__leaves_zeros(void **state)
{
	struct buf *from = *state;
	struct buf to;

	buf_put_str(from, "x");
	to = TAKE_STRUCT(*from);
	assert_null(from->data);
	assert_int_equal(to.len, 1);
	buf_release(&to);
	assert_null(to.data);
	buf_release(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_equal__content_and_length__decide),
		cmocka_unit_test(bytes_compare__order__is_lexicographic),
		cmocka_unit_test(secret_equal__every_byte__counts),
		cmocka_unit_test(secret_wipe__memory__is_zero),
		cmocka_unit_test_setup_teardown(
			buf_put__mixed__appends_big_endian, setup, teardown),
		cmocka_unit_test_setup_teardown(
			buf_put__many__grows_and_keeps_content, setup, teardown),
		cmocka_unit_test_setup_teardown(
			buf_extend__impossible_length__fails_sticky, setup, teardown),
		cmocka_unit_test_setup_teardown(
			buf_str__empty_and_full__ends_with_nul, setup, teardown),
		cmocka_unit_test_setup_teardown(
			buf_extend__nothing__still_gives_a_place, setup, teardown),
		cmocka_unit_test(bytes_strdup__embedded_nul__is_refused),
		cmocka_unit_test_setup_teardown(take__struct__leaves_zeros, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
