/* SPDX-License-Identifier: Apache-2.0 */
#include "base/time.h"

#include <stdio.h>

#include "base/text.h"

#define TIME_MAX         253402300799 /* 9999-12-31T23:59:59Z */
#define DURATION_DIGITS  18 /* fits int64_t whatever the digits */
#define FRACTION_DIGITS  9
#define BOOT_TEXT_LEN    36
#define TIME_SECONDS_LEN 19 /* "2026-11-22T23:21:38" */

static int64_t system_wall(const struct clock *clock)
{
	struct timespec now = {0};

	(void)clock;
	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec;
}

/* Counts on while the machine sleeps, so that no deadline is stretched by suspending it. */
static uint64_t system_monotonic_ms(const struct clock *clock)
{
	struct timespec now = {0};

	(void)clock;
	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* "8-4-4-4-12" digits, as random(4) documents it. */
static bool system_boot(const struct clock *clock, uint8_t *id)
{
	char text[BOOT_TEXT_LEN + 1], hex[2 * CLOCK_BOOT_LEN];
	size_t n = 0;

	(void)clock;
	FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");
	if (!file)
		return false;
	size_t len = fread(text, 1, sizeof(text), file);
	(void)fclose(file);
	for (size_t i = 0; i < len && text[i] != '\n'; i++)
		if (text[i] != '-' && n < sizeof(hex))
			hex[n++] = text[i];
	return hex_decode_exact(bytes_of(hex, n), id, CLOCK_BOOT_LEN, NULL);
}

uint64_t clock_now_us(void)
{
	struct timespec now = {0};

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

struct timespec clock_deadline(int64_t ms)
{
	struct timespec at = {0};

	clock_gettime(CLOCK_MONOTONIC, &at);
	at.tv_sec += ms / 1000;
	at.tv_nsec += ms % 1000 * 1000000;
	at.tv_sec += at.tv_nsec / 1000000000;
	at.tv_nsec %= 1000000000;
	return at;
}

static const struct clock_ops system_ops = {
	.wall = system_wall, .monotonic_ms = system_monotonic_ms, .boot = system_boot};
const struct clock clock_system = {.ops = &system_ops};

const char *time_format(int64_t seconds, char out[TIME_TEXT_MAX])
{
	time_t when = (time_t)seconds;
	struct tm tm;

	if (seconds < 0 || seconds > TIME_MAX || !gmtime_r(&when, &tm))
		snprintf(out, TIME_TEXT_MAX, "(time out of range)");
	else
		strftime(out, TIME_TEXT_MAX, "%Y-%m-%dT%H:%M:%SZ", &tm);
	return out;
}

/* The decimal number at text[at..at+n), or -1 when there is another character. */
static int number_at(struct bytes text, size_t at, size_t n)
{
	int value = 0;

	for (size_t i = at; i < at + n; i++) {
		if (text.data[i] < '0' || text.data[i] > '9')
			return -1;
		value = value * 10 + (text.data[i] - '0');
	}
	return value;
}

static int days_in_month(int year, int month)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return month == 2 && leap ? 29 : days[month - 1];
}

/* What follows the seconds: "Z", or a fraction of 1 to 9 digits and "Z". */
static bool tail_is_utc(struct bytes tail)
{
	size_t digits;

	if (tail.len == 0 || tail.data[tail.len - 1] != 'Z')
		return false;
	if (tail.len == 1)
		return true;
	digits = tail.len - 2;
	return tail.data[0] == '.' && digits >= 1 && digits <= FRACTION_DIGITS &&
	       number_at(tail, 1, digits) >= 0;
}

/* "2026-11-22T23:21:38Z" with digits anywhere a digit stands, and perhaps a fraction. */
static bool has_shape(struct bytes in)
{
	static const char shape[] = "____-__-__T__:__:__";

	if (in.len < TIME_SECONDS_LEN)
		return false;
	for (size_t i = 0; i < TIME_SECONDS_LEN; i++)
		if (shape[i] == '_' ? number_at(in, i, 1) < 0 : in.data[i] != (uint8_t)shape[i])
			return false;
	return tail_is_utc(bytes_of(in.data + TIME_SECONDS_LEN, in.len - TIME_SECONDS_LEN));
}

bool time_parse(struct bytes in, int64_t *ret, struct err *err)
{
	struct tm tm = {0};

	if (!has_shape(in))
		return err_set(err, ERR_FORMAT,
			"time \"%s\": expected a form like 2026-11-22T23:21:38Z", ESC(in));
	tm.tm_year = number_at(in, 0, 4);
	tm.tm_mon = number_at(in, 5, 2);
	tm.tm_mday = number_at(in, 8, 2);
	tm.tm_hour = number_at(in, 11, 2);
	tm.tm_min = number_at(in, 14, 2);
	tm.tm_sec = number_at(in, 17, 2);
	if (tm.tm_year < 1970 || tm.tm_mon < 1 || tm.tm_mon > 12 || tm.tm_mday < 1 ||
		tm.tm_mday > days_in_month(tm.tm_year, tm.tm_mon) || tm.tm_hour > 23 ||
		tm.tm_min > 59 || tm.tm_sec > 59)
		return err_set(err, ERR_FORMAT, "time \"%s\": no such time", ESC(in));
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	*ret = timegm(&tm);
	return true;
}

bool time_parse_duration(struct bytes in, int64_t max, int64_t *ret, struct err *err)
{
	static const struct {
		char unit;
		int64_t seconds;
	} units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
	struct bytes digits = in;
	int64_t value = 0, scale = 1, product;

	for (size_t i = 0; in.len && i < ARRAY_LEN(units); i++) {
		if (in.data[in.len - 1] != (uint8_t)units[i].unit)
			continue;
		scale = units[i].seconds;
		digits.len--;
	}
	if (digits.len == 0 || digits.len > DURATION_DIGITS)
		return err_set(err, ERR_FORMAT,
			"duration \"%s\": expected a form like 90s, 15m, 12h, 30d", ESC(in));
	for (size_t i = 0; i < digits.len; i++) {
		if (digits.data[i] < '0' || digits.data[i] > '9')
			return err_set(err, ERR_FORMAT,
				"duration \"%s\": expected a form like 90s, 15m, 12h, 30d",
				ESC(in));
		value = value * 10 + (digits.data[i] - '0');
	}
	if (__builtin_mul_overflow(value, scale, &product) || product > max)
		return err_set(err, ERR_LIMIT, "duration \"%s\": more than %lld seconds", ESC(in),
			(long long)max);
	*ret = product;
	return true;
}
