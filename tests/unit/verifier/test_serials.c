/* SPDX-License-Identifier: Apache-2.0 */
/* What a serial number says of its CA, and what it does not. */
#include "verifier/serials.h"

#include "base/text.h"
#include "tests/support/unit.h"

static const uint8_t ca[SHA256_LEN] = {0xca, 1, 2, 3}, other[SHA256_LEN] = {0xca, 1, 3, 3};
static struct err err;

static bool filled_with_ff(struct random *random, uint8_t *out, size_t len, struct err *ret_err)
{
	(void)random;
	(void)ret_err;
	memset(out, 0xff, len);
	return true;
}

static const char *made(int64_t now)
{
	static const struct random_ops ops = {filled_with_ff};
	static struct random random = {&ops};
	static char text[2 * SERIAL_LEN + 1];
	uint8_t serial[SERIAL_LEN];
	assert_ok(serial_make(&random, now, ca, serial, &err), err);
	hex_encode(BYTES_OF(serial), text);
	return text;
}

static void serial__made__as_the_header_lays_it_out(void **state)
{
	(void)state;
	assert_string_equal(made(0x6a000001), "206a000001ca0102ffffffffffffffff");
	assert_string_equal(made(0x1fffffffff), "3fffffffffca0102ffffffffffffffff");
	assert_string_equal(made(-1), "2000000000ca0102ffffffffffffffff");
}

static void serial__that_names_its_ca__of_no_other(void **state)
{
	(void)state;
	const char *serial = made(1800000000);
	assert_true(serial_may_be_of(serial, 1800000000, ca));
	assert_false(serial_may_be_of(serial, 1800000000, other));
}

/* Wrongly said to be another's, what is revoked would stand on no list. */
static void serial__that_may_not_name_its_ca__may_be_of_any(void **state)
{
	static const char *const older[] = {
		"406b49d200ca0102ffffffffffffffff", /* of before: the time, and random */
		"5fa8123456ca0102ffffffffffffffff", /* of before that: random */
		"2fa8123456ca0102ffffffffffffffff", /* the same, by chance in the form of now */
		"206b49d200ca0102ffffffffffffffff00", "206b49d200ca0102", "", "1", "zz"};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(older); i++)
		if (!serial_may_be_of(older[i], 0x6b49d200, ca) ||
			!serial_may_be_of(older[i], 0x6b49d200, other))
			fail_msg("%s", older[i]);
	assert_false(serial_may_be_of("206b49d200ca0102ffffffffffffffff", 0x6b49d200, other));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(serial__made__as_the_header_lays_it_out),
		cmocka_unit_test(serial__that_names_its_ca__of_no_other),
		cmocka_unit_test(serial__that_may_not_name_its_ca__may_be_of_any),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
