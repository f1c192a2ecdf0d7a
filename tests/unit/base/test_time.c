/* SPDX-License-Identifier: Apache-2.0 */
#include "base/time.h"

#include "tests/support/unit.h"

static void time__known_instants__both_ways(void **state)
{
	static const struct {
		int64_t seconds;
		const char *text;
	} cases[] = {
		{0, "1970-01-01T00:00:00Z"},
		{951782400, "2000-02-29T00:00:00Z"},
		{1795389698, "2026-11-22T23:21:38Z"},
		{2147483648, "2038-01-19T03:14:08Z"},
		{253402300799, "9999-12-31T23:59:59Z"},
	};
	char text[TIME_TEXT_MAX];
	struct err err;
	int64_t seconds;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_string_equal(time_format(cases[i].seconds, text), cases[i].text);
		assert_ok(time_parse(bytes_str(cases[i].text), &seconds, &err), err);
		assert_true(seconds == cases[i].seconds);
	}
}

static void time_format__out_of_range__says_so(void **state)
{
	char text[TIME_TEXT_MAX];

	(void)state;
	assert_string_equal(time_format(-1, text), "(time out of range)");
	assert_string_equal(time_format(253402300800, text), "(time out of range)");
	assert_string_equal(time_format(INT64_MAX, text), "(time out of range)");
	assert_string_equal(time_format(INT64_MIN, text), "(time out of range)");
}

static void time_parse__fraction__is_dropped(void **state)
{
	int64_t seconds = 0;

	(void)state;
	assert_true(time_parse(BYTES_LIT("1970-01-01T00:00:01.999999999Z"), &seconds, NULL));
	assert_int_equal(seconds, 1);
}

static void time_parse__no_such_time__is_refused(void **state)
{
	static const char *const cases[] = {"2025-02-29T00:00:00Z", "1900-01-01T00:00:00Z",
		"1969-12-31T23:59:59Z", "2100-02-29T00:00:00Z", "2026-00-01T00:00:00Z",
		"2026-13-01T00:00:00Z", "2026-04-31T00:00:00Z", "2026-01-00T00:00:00Z",
		"2026-01-01T24:00:00Z", "2026-01-01T00:60:00Z", "2016-12-31T23:59:60Z"};
	int64_t seconds = 7;
	struct err err;
	char wanted[128];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		snprintf(wanted, sizeof(wanted), "time \"%s\": no such time", cases[i]);
		assert_fails(
			time_parse(bytes_str(cases[i]), &seconds, &err), err, ERR_FORMAT, wanted);
	}
	assert_int_equal(seconds, 7);
}

static void time_parse__other_forms__are_refused(void **state)
{
	static const char *const cases[] = {"", "2026-11-22", "2026-11-22T23:21:38",
		"2026-11-22 23:21:38Z", "2026-11-22t23:21:38z", "2026-11-22T23:21:38+00:00",
		"2026-11-22T23:21:38.Z", "2026-11-22T23:21:38.1234567890Z",
		"2026-11-22T23:21:38.1xZ", "+026-11-22T23:21:38Z", "2026-11-22T23:21:3 Z",
		" 2026-11-22T23:21:38Z", "2026-11-22T23:21:38Z ", "02026-11-22T23:21:38Z",
		"2026-11-22T23:21:38,5Z"};
	int64_t seconds;
	struct err err;
	char wanted[160];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		snprintf(wanted, sizeof(wanted),
			"time \"%s\": expected a form like 2026-11-22T23:21:38Z", cases[i]);
		assert_fails(
			time_parse(bytes_str(cases[i]), &seconds, &err), err, ERR_FORMAT, wanted);
	}
}

static void time_parse_duration__units(void **state)
{
	static const struct {
		const char *text;
		int64_t seconds;
	} cases[] = {
		{"0", 0}, {"90", 90}, {"90s", 90}, {"15m", 900}, {"12h", 43200}, {"30d", 2592000}};
	int64_t seconds;
	struct err err;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_ok(time_parse_duration(bytes_str(cases[i].text), 2592000, &seconds, &err),
			err);
		assert_true(seconds == cases[i].seconds);
	}
}

static void time_parse_duration__bad__is_refused(void **state)
{
	static const char *const bad[] = {"", "s", "-1", "+1", "1 h", "1w", "1hm", "1.5h", "h1",
		"1234567890123456789", "0x10"};
	static const char *const big[] = {"31d", "2592001", "999999999999999999d"};
	int64_t seconds;
	struct err err;
	char wanted[128];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		snprintf(wanted, sizeof(wanted),
			"duration \"%s\": expected a form like 90s, 15m, 12h, 30d", bad[i]);
		assert_fails(time_parse_duration(bytes_str(bad[i]), 2592000, &seconds, &err), err,
			ERR_FORMAT, wanted);
	}
	for (size_t i = 0; i < ARRAY_LEN(big); i++) {
		snprintf(wanted, sizeof(wanted), "duration \"%s\": more than 2592000 seconds",
			big[i]);
		assert_fails(time_parse_duration(bytes_str(big[i]), 2592000, &seconds, &err), err,
			ERR_LIMIT, wanted);
	}
}

static void clock_system__reads__plausibly(void **state)
{
	uint64_t before = clock_monotonic_ms(&clock_system);

	(void)state;
	assert_true(clock_wall(&clock_system) > 1700000000);
	assert_true(clock_monotonic_ms(&clock_system) >= before);
}

static void clock_deadline__any_distance__behind_now_by_it(void **state)
{
	static const int64_t distances[] = {0, 1, 999, 1000, 1999, 600000};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(distances); i++) {
		uint64_t before = clock_now_us();
		struct timespec at = clock_deadline(distances[i]);
		uint64_t after = clock_now_us(), us = (uint64_t)distances[i] * 1000;
		uint64_t deadline = (uint64_t)at.tv_sec * 1000000 + (uint64_t)at.tv_nsec / 1000;

		assert_in_range(at.tv_nsec, 0, 999999999);
		assert_in_range(deadline, before + us, after + us);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(time__known_instants__both_ways),
		cmocka_unit_test(time_format__out_of_range__says_so),
		cmocka_unit_test(time_parse__fraction__is_dropped),
		cmocka_unit_test(time_parse__no_such_time__is_refused),
		cmocka_unit_test(time_parse__other_forms__are_refused),
		cmocka_unit_test(time_parse_duration__units),
		cmocka_unit_test(time_parse_duration__bad__is_refused),
		cmocka_unit_test(clock_deadline__any_distance__behind_now_by_it),
		cmocka_unit_test(clock_system__reads__plausibly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
