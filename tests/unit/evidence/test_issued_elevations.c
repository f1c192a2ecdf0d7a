/* SPDX-License-Identifier: Apache-2.0 */
/* The extension that says which rights a certificate carries. */
#include "evidence/issued.h"
#include "tests/support/unit.h"

static struct buf out;
static struct issued_elevation list[ISSUED_ELEVATIONS_MAX + 1], found[ISSUED_ELEVATIONS_MAX];
static size_t count;
static struct err err;

static int setup(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(list); i++) {
		list[i] = (struct issued_elevation){.right = BYTES_LIT("delete-tickets"),
			.entitlement = BYTES_LIT("tickets.delete"),
			.until = 1795685400};
		memset(list[i].approval, (int)i, SHA256_LEN);
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	buf_release(&out);
	return 0;
}

static void extension__written__read_back_and_as_described(void **state)
{
	static const char head[] = "\x30\x55\x30\x53\x0c\x0e"
				   "delete-tickets\x0c\x0e"
				   "tickets.delete\x18\x0f"
				   "20261126093000Z\x04\x20";

	(void)state;
	assert_ok(issued_elevations_encode(list, 1, &out, &err), err);
	assert_int_equal(out.len, 0x57);
	assert_memory_equal(out.data, head, sizeof(head) - 1);
	assert_ok(issued_elevations_decode(buf_bytes(&out), found, &count, &err), err);
	assert_int_equal(count, 1);
	assert_bytes(found[0].right, list[0].right);
	assert_bytes(found[0].entitlement, list[0].entitlement);
	assert_int_equal(found[0].until, 1795685400);
	assert_memory_equal(found[0].approval, list[0].approval, SHA256_LEN);
}

static void extension__of_all_lengths__read_back(void **state)
{
	static char text[128];

	(void)state;
	memset(text, 'e', sizeof(text));
	for (size_t n = 1; n <= ISSUED_ELEVATIONS_MAX; n++)
		for (size_t len = 0; len <= sizeof(text); len += 16) {
			buf_clear(&out);
			list[0].entitlement = bytes_of(text, len);
			assert_ok(issued_elevations_encode(list, n, &out, &err), err);
			assert_ok(issued_elevations_decode(buf_bytes(&out), found, &count, &err),
				err);
			assert_int_equal(count, n);
			assert_int_equal(found[0].entitlement.len, len);
		}
}

static void extension__that_cannot_be_written__refused(void **state)
{
	static char text[129];

	(void)state;
	assert_false(issued_elevations_encode(list, 0, &out, &err));
	assert_non_null(strstr(err.text, "none"));
	assert_false(issued_elevations_encode(list, ISSUED_ELEVATIONS_MAX + 1, &out, &err));
	assert_non_null(strstr(err.text, "too many"));
	memset(text, 'e', sizeof(text));
	list[0].entitlement = bytes_of(text, sizeof(text));
	assert_false(issued_elevations_encode(list, 1, &out, &err));
	assert_non_null(strstr(err.text, "entitlement: of another length than expected"));
	list[0].entitlement = BYTES_LIT("");
	list[0].right = BYTES_LIT("a b");
	assert_false(issued_elevations_encode(list, 1, &out, &err));
	assert_non_null(strstr(err.text, "right: not a name"));
}

/* Each byte cut off, one byte more, and lengths that are not the shortest. */
static void extension__bent__refused(void **state)
{
	static const struct {
		const char *der;
		size_t len;
		const char *why;
	} cases[] = {
		{"\x30\x00", 2, "elevations: none"},
		{"\x31\x00", 2, "another tag than expected"},
		{"\x30\x81\x02\x30\x00", 5, "a length that is not the shortest"},
		{"\x30\x82\x00\x02\x30\x00", 6, "a length that is not the shortest"},
		{"\x30\x80\x00\x00", 4, "a length that is not written so"},
		{"\x30\x02\x30\x00", 4, "truncated"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		err = (struct err){0};
		assert_false(issued_elevations_decode(
			bytes_of(cases[i].der, cases[i].len), found, &count, &err));
		if (!strstr(err.text, cases[i].why))
			fail_msg("%s: wanted %s", err.text, cases[i].why);
		assert_int_equal(err.code, ERR_FORMAT);
	}
	assert_ok(issued_elevations_encode(list, 2, &out, &err), err);
	for (size_t n = 0; n < out.len; n++)
		assert_false(issued_elevations_decode(bytes_of(out.data, n), found, &count, &err));
	buf_put_u8(&out, 0);
	assert_false(issued_elevations_decode(buf_bytes(&out), found, &count, &err));
	assert_non_null(strstr(err.text, "trailing"));
}

static void extension__time_that_is_none__refused(void **state)
{
	(void)state;
	assert_ok(issued_elevations_encode(list, 1, &out, &err), err);
	((uint8_t *)out.data)[0x06 + 14 + 2 + 14 + 2 + 4] = '9'; /* month 91 */
	assert_false(issued_elevations_decode(buf_bytes(&out), found, &count, &err));
	assert_non_null(strstr(err.text, "until: not a time"));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(extension__written__read_back_and_as_described),
		T(extension__of_all_lengths__read_back),
		T(extension__that_cannot_be_written__refused),
		T(extension__bent__refused),
		T(extension__time_that_is_none__refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
