/* SPDX-License-Identifier: Apache-2.0 */
/* The order of release versions: what has one, and that it is one. */
#include "policy/release_version.h"

#include "tests/support/unit.h"

/* Each is below the next; those between bars are equal. */
static const char *const ladder[] = {
	"0.0.0-0",
	"0|0.0|0.0.0|0.0.0+build",
	"0.0.0.1",
	"1.0.0-0.3.7",
	"1.0.0-alpha|1.0.0-alpha+001",
	"1.0.0-alpha.1",
	"1.0.0-alpha.beta",
	"1.0.0-alpha.beta.1",
	"1.0.0-beta",
	"1.0.0-beta.2",
	"1.0.0-beta.11",
	"1.0.0-beta.2x",
	"1.0.0-rc.1",
	"1|1.0|1.0.0|1.0.0+20130313144700|1.0.0+21AF26D3---117B344092BD|1.0.0.0",
	"1.0.0.1|1.0.0.1.0.0.0.0",
	"1.0.1-rc.1",
	"1.0.1",
	"1.2",
	"1.9.0",
	"1.10.0",
	"1.10.0.99999999999999999999999",
	"2.0.0-2",
	"2.0.0-11",
	"2.0.0--",
	"2.0.0-A",
	"2.0.0-Z",
	"2.0.0-a",
	"2.0.0-a.1",
	"2.0.0-a-",
	"2.0.0-a1",
	"2.0.0-z",
	"2.0.0",
	"18446744073709551615.0.0",
	"18446744073709551616.0.0",
	"99999999999999999999999999.0.0",
};

struct rung {
	size_t at;
	char text[64];
	struct release_version version;
};

static size_t rungs_make(struct rung *ret)
{
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_LEN(ladder); i++)
		for (const char *at = ladder[i]; at;) {
			size_t len = strcspn(at, "|");

			snprintf(ret[n].text, sizeof(ret[n].text), "%.*s", (int)len, at);
			ret[n].at = i;
			if (!release_version_parse(bytes_str(ret[n].text), &ret[n].version))
				fail_msg("%s: has no order", ret[n].text);
			n++;
			at = at[len] ? at + len + 1 : NULL;
		}
	return n;
}

static int sign(int n)
{
	return (n > 0) - (n < 0);
}

static void order__every_pair_of_the_ladder__as_it_stands(void **state)
{
	static struct rung rungs[64];
	size_t n = rungs_make(rungs);

	(void)state;
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < n; k++) {
			int wanted = (rungs[i].at > rungs[k].at) - (rungs[i].at < rungs[k].at);
			int got = sign(release_version_order(&rungs[i].version, &rungs[k].version));

			if (got != wanted)
				fail_msg("%s to %s: %d, wanted %d", rungs[i].text, rungs[k].text,
					got, wanted);
		}
}

static void version__anything_else__has_no_order(void **state)
{
	static const char *const bad[] = {"", " ", "v1.0.0", "V1", "1.", ".1", "1..2", "01", "1.02",
		"1.0.00", "2026.01.05", "-1", "1-", "1.0-rc", "1-rc.1", "1.0.0.0-rc", "1.0.0-",
		"1.0.0-.", "1.0.0-a.", "1.0.0-a..b", "1.0.0-01", "1.0.0-a.00", "1.0.0-a_b",
		"1.0.0-\xc3\xa4", "1.0.0+", "1.0.0+a..b", "1.0.0+a+b", "1.0.0+a_b", "1.0+a",
		"1.0.0-a+", "1.0.0 ", " 1.0.0", "1.0.0\n", "1.0.x", "latest", "1,0", "0x10",
		"\xd9\xa1.0.0", "1.2.3.4.5.6.7.8.9"};
	struct release_version v;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		memset(&v, 0xff, sizeof(v));
		if (release_version_parse(bytes_str(bad[i]), &v))
			fail_msg("\"%s\" has an order", bad[i]);
		assert_int_equal(v.number_count, 0);
	}
	assert_false(release_version_parse(bytes_of("1.0.0\0", 6), &v));
}

static void version__as_long_as_may_be__read_and_longer_not(void **state)
{
	char text[RELEASE_VERSION_MAX + 2];
	struct release_version a, b;

	(void)state;
	memset(text, '9', sizeof(text));
	assert_true(release_version_parse(bytes_of(text, RELEASE_VERSION_MAX), &a));
	assert_false(release_version_parse(bytes_of(text, RELEASE_VERSION_MAX + 1), &b));
	assert_true(release_version_parse(bytes_of(text, RELEASE_VERSION_MAX - 1), &b));
	assert_true(release_version_order(&a, &b) > 0);
	assert_true(release_version_parse(BYTES_LIT("1.2.3.4.5.6.7.8"), &a));
	assert_int_equal(a.number_count, RELEASE_VERSION_NUMBERS_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(order__every_pair_of_the_ladder__as_it_stands),
		cmocka_unit_test(version__anything_else__has_no_order),
		cmocka_unit_test(version__as_long_as_may_be__read_and_longer_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
