/* SPDX-License-Identifier: Apache-2.0 */
/* The core of rollouts: places, states, decisions, limits, and shares as people write them. */
#include "policy/rollout.h"

#include "tests/support/unit.h"

static const uint8_t id[ROLLOUT_ID_LEN] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};

static void host_of(uint32_t n, uint8_t out[HOST_ID_LEN])
{
	assert_true(sha256_of(bytes_of(&n, sizeof(n)), out, NULL));
}

static uint64_t place_of(const uint8_t rollout[ROLLOUT_ID_LEN], uint32_t n)
{
	uint8_t host[HOST_ID_LEN];
	uint64_t place = 0;

	host_of(n, host);
	assert_true(rollout_place(rollout, host, &place, NULL));
	return place;
}

/* ---- places ---- */

static void place__known_value__first_eight_bytes_of_the_digest(void **state)
{
	uint8_t message[23 + ROLLOUT_ID_LEN + HOST_ID_LEN] = "assay/rollout-place/v1";
	uint8_t host[HOST_ID_LEN], digest[SHA256_LEN];
	uint64_t place = 0, expected = 0;

	(void)state;
	host_of(7, host);
	memcpy(message + 23, id, sizeof(id));
	memcpy(message + 23 + sizeof(id), host, sizeof(host));
	assert_true(sha256_of(BYTES_OF(message), digest, NULL));
	for (size_t i = 0; i < 8; i++)
		expected = expected << 8 | digest[i];
	assert_true(rollout_place(id, host, &place, NULL));
	assert_true(place == expected);
}

static void place__same_host__elsewhere_in_another_rollout(void **state)
{
	const uint8_t other[ROLLOUT_ID_LEN] = {9};

	(void)state;
	assert_true(place_of(id, 1) == place_of(id, 1));
	assert_true(place_of(id, 1) != place_of(other, 1));
	assert_true(place_of(id, 1) != place_of(id, 2));
}

/* share * 2^64 / 10000, as computed with wide integers elsewhere. */
static void within__at_the_edge__exact(void **state)
{
	static const struct {
		unsigned share;
		uint64_t first_out; /* the first place outside */
	} cases[] = {
		{1, UINT64_C(1844674407370956)}, /* 1844674407370955.1616 */
		{500, UINT64_C(922337203685477581)}, /* …580.8 */
		{2500, UINT64_C(0x4000000000000000)}, {5000, UINT64_C(0x8000000000000000)},
		{9999, UINT64_C(18444899399302180661)}, /* …660.4544 */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_true(rollout_place_within(cases[i].first_out - 1, cases[i].share));
		assert_false(rollout_place_within(cases[i].first_out, cases[i].share));
	}
	assert_false(rollout_place_within(0, 0));
	assert_true(rollout_place_within(0, 1));
	assert_true(rollout_place_within(UINT64_MAX, 10000));
	assert_true(rollout_place_within(UINT64_MAX, 1000000000));
	assert_false(rollout_place_within(UINT64_MAX, 9999));
}

static void within__share_grows__no_host_leaves_and_about_as_many_as_asked(void **state)
{
	unsigned in = 0;

	(void)state;
	for (uint32_t n = 0; n < 2000; n++) {
		uint64_t place = place_of(id, n);
		bool was = false;

		for (unsigned share = 0; share <= ROLLOUT_SHARE_ALL; share += 50) {
			bool is = rollout_place_within(place, share);

			assert_true(is || !was);
			was = is;
		}
		in += rollout_place_within(place, 500);
	}
	assert_in_range(in, 60, 140); /* of 2000, 5% are 100: four deviations either way */
}

/* ---- states ---- */

static void states__every_step__as_the_table_says(void **state)
{
	static const struct {
		enum rollout_state from;
		enum rollout_step step;
		enum rollout_state to;
	} allowed[] = {
		{ROLLOUT_RUNNING, ROLLOUT_WIDEN, ROLLOUT_RUNNING},
		{ROLLOUT_RUNNING, ROLLOUT_PROMOTE, ROLLOUT_PROMOTED},
		{ROLLOUT_RUNNING, ROLLOUT_HALT, ROLLOUT_HALTED},
		{ROLLOUT_RUNNING, ROLLOUT_ROLL_BACK, ROLLOUT_ROLLED_BACK},
		{ROLLOUT_HALTED, ROLLOUT_ROLL_BACK, ROLLOUT_ROLLED_BACK},
		{ROLLOUT_PROMOTED, ROLLOUT_ROLL_BACK, ROLLOUT_ROLLED_BACK},
	};

	(void)state;
	for (unsigned from = 0; from < 8; from++)
		for (unsigned step = 0; step < 6; step++) {
			enum rollout_state to = ROLLOUT_NONE;

			for (size_t i = 0; i < ARRAY_LEN(allowed); i++)
				if (allowed[i].from == from && allowed[i].step == step)
					to = allowed[i].to;
			assert_int_equal(
				rollout_next((enum rollout_state)from, (enum rollout_step)step),
				to);
		}
	assert_string_equal(rollout_state_name(ROLLOUT_ROLLED_BACK), "rolled-back");
	assert_string_equal(rollout_state_name(ROLLOUT_HALTED), "halted");
	assert_string_equal(rollout_state_name((enum rollout_state)5), "none");
}

/* ---- one decision ---- */

#define IN  UINT64_C(0)
#define OUT UINT64_MAX

static struct rollout_view view(enum rollout_state state)
{
	return (struct rollout_view){
		.state = state,
		.share = 500,
		.release_new = {1},
		.release_old = {2},
		.changed = 1000,
		.drain = 100,
	};
}

static void judge__state_release_place__table(void **state)
{
	enum { NEW = 1, OLD = 2, OTHER = 3 };
	static const struct {
		enum rollout_state state;
		uint8_t release;
		uint64_t place;
		enum rollout_answer launch, renewal;
	} cases[] = {
		{ROLLOUT_NONE, NEW, OUT, ROLLOUT_ADMIT, ROLLOUT_ADMIT},
		{ROLLOUT_NONE, OLD, OUT, ROLLOUT_ADMIT, ROLLOUT_ADMIT},
		{ROLLOUT_NONE, OTHER, OUT, ROLLOUT_ADMIT, ROLLOUT_ADMIT},
		{ROLLOUT_RUNNING, NEW, IN, ROLLOUT_ADMIT_CANARY, ROLLOUT_ADMIT_CANARY},
		{ROLLOUT_RUNNING, NEW, OUT, ROLLOUT_REFUSE_HOST, ROLLOUT_REFUSE_HOST},
		{ROLLOUT_RUNNING, OLD, IN, ROLLOUT_ADMIT, ROLLOUT_ADMIT},
		{ROLLOUT_RUNNING, OLD, OUT, ROLLOUT_ADMIT, ROLLOUT_ADMIT},
		{ROLLOUT_RUNNING, OTHER, IN, ROLLOUT_REFUSE_RELEASE, ROLLOUT_ADMIT},
		{ROLLOUT_HALTED, NEW, IN, ROLLOUT_REFUSE_STATE, ROLLOUT_REFUSE_STATE},
		{ROLLOUT_HALTED, NEW, OUT, ROLLOUT_REFUSE_STATE, ROLLOUT_REFUSE_STATE},
		{ROLLOUT_HALTED, OLD, IN, ROLLOUT_ADMIT, ROLLOUT_ADMIT},
		{ROLLOUT_HALTED, OTHER, IN, ROLLOUT_REFUSE_RELEASE, ROLLOUT_ADMIT},
		{ROLLOUT_PROMOTED, NEW, OUT, ROLLOUT_ADMIT, ROLLOUT_ADMIT},
		{ROLLOUT_PROMOTED, OLD, IN, ROLLOUT_REFUSE_RELEASE, ROLLOUT_ADMIT},
		{ROLLOUT_PROMOTED, OTHER, IN, ROLLOUT_REFUSE_RELEASE, ROLLOUT_ADMIT},
		{ROLLOUT_ROLLED_BACK, NEW, IN, ROLLOUT_REFUSE_STATE, ROLLOUT_REFUSE_STATE},
		{ROLLOUT_ROLLED_BACK, OLD, OUT, ROLLOUT_ADMIT, ROLLOUT_ADMIT},
		{ROLLOUT_ROLLED_BACK, OTHER, IN, ROLLOUT_REFUSE_RELEASE, ROLLOUT_ADMIT},
		{(enum rollout_state)5, NEW, IN, ROLLOUT_REFUSE_STATE, ROLLOUT_REFUSE_STATE},
		{(enum rollout_state)5, OLD, IN, ROLLOUT_REFUSE_STATE, ROLLOUT_REFUSE_STATE},
		{(enum rollout_state)9, NEW, IN, ROLLOUT_REFUSE_STATE, ROLLOUT_REFUSE_STATE},
		{(enum rollout_state)9, OLD, IN, ROLLOUT_REFUSE_STATE, ROLLOUT_REFUSE_STATE},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct rollout_view v = view(cases[i].state);
		const uint8_t release[SHA256_LEN] = {cases[i].release};
		enum rollout_answer launch =
			rollout_judge(&v, cases[i].place, release, false, 1099);
		enum rollout_answer renewal =
			rollout_judge(&v, cases[i].place, release, true, 1099);

		if (launch != cases[i].launch || renewal != cases[i].renewal)
			fail_msg("case %zu: launch %d, renewal %d", i, launch, renewal);
	}
}

static void judge__drain_over__old_and_others_renew_no_more(void **state)
{
	struct rollout_view v = view(ROLLOUT_PROMOTED);
	const uint8_t new[SHA256_LEN] = {1}, old[SHA256_LEN] = {2}, other[SHA256_LEN] = {3};

	(void)state;
	assert_int_equal(rollout_drained(&v), 1100);
	assert_int_equal(rollout_judge(&v, IN, old, true, 1100), ROLLOUT_REFUSE_DRAINED);
	assert_int_equal(rollout_judge(&v, IN, other, true, 1100), ROLLOUT_REFUSE_DRAINED);
	assert_int_equal(rollout_judge(&v, IN, new, true, 1100), ROLLOUT_ADMIT);
	/* A clock that went back ends nothing early. */
	assert_int_equal(rollout_judge(&v, IN, old, true, 1), ROLLOUT_ADMIT);
	v.changed = INT64_C(253402300799);
	assert_true(rollout_drained(&v) == INT64_C(253402300799));
	v.drain = 0;
	v.changed = 1000;
	assert_int_equal(rollout_judge(&v, IN, old, true, 1000), ROLLOUT_REFUSE_DRAINED);
}

/* ---- limits ---- */

static void breached__counts_and_shares__table(void **state)
{
	static const struct {
		struct rollout_limit refusals, failures;
		struct rollout_counts counts;
		const char *why; /* NULL: all hold */
	} cases[] = {
		{{0, 0}, {0, 0}, {1000, 1000, 1000, 1000, 1000, 0}, NULL},
		{{1, 0}, {0, 0}, {100, 0, 0, 0, 0, 0}, NULL},
		{{1, 0}, {0, 0}, {100, 1, 0, 0, 0, 0}, "refusals: 1, the limit is 1"},
		{{3, 0}, {0, 0}, {100, 2, 0, 0, 0, 0}, NULL},
		{{3, 0}, {0, 0}, {100, 3, 0, 0, 0, 0}, "refusals: 3, the limit is 3"},
		{{3, 0}, {0, 0}, {3, 4, 0, 0, 0, 0}, "refusals: 4, the limit is 3"},
		{{0, 500}, {0, 0}, {19, 19, 0, 0, 0, 0}, NULL}, /* too few to be a share */
		{{0, 500}, {0, 0}, {20, 1, 0, 0, 0, 0},
			"refusals: 1 of 20 decisions, the limit is 5%"},
		{{0, 500}, {0, 0}, {21, 1, 0, 0, 0, 0}, NULL},
		{{0, 1}, {0, 0}, {10001, 1, 0, 0, 0, 0}, NULL},
		{{0, 1}, {0, 0}, {10000, 1, 0, 0, 0, 0},
			"refusals: 1 of 10000 decisions, the limit is 0.01%"},
		{{0, 10000}, {0, 0}, {50, 49, 0, 0, 0, 0}, NULL},
		{{0, 10000}, {0, 0}, {50, 50, 0, 0, 0, 0},
			"refusals: 50 of 50 decisions, the limit is 100%"},
		{{0, 0}, {2, 0}, {100, 50, 9, 9, 1, 0}, NULL},
		{{0, 0}, {2, 0}, {100, 50, 9, 9, 2, 0}, "failures: 2, the limit is 2"},
		{{0, 0}, {0, 1050}, {100, 0, 20, 9, 2, 0}, NULL},
		{{0, 0}, {0, 1050}, {100, 0, 20, 9, 3, 0},
			"failures: 3 of 20 launches, the limit is 10.5%"},
		{{0, 0}, {0, 1}, {0, 0, 0, 0, 0, 0}, NULL},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct rollout_plan plan = {
			.refusals = cases[i].refusals, .failures = cases[i].failures, .sample = 20};
		char why[ROLLOUT_BREACH_TEXT] = "";
		bool breached = rollout_breached(&plan, &cases[i].counts, why);

		if (breached != (cases[i].why != NULL))
			fail_msg("case %zu: %d %s", i, breached, why);
		assert_string_equal(why, cases[i].why ? cases[i].why : "");
	}
}

static void ready__soak_trial_and_limits__in_that_order(void **state)
{
	const struct rollout_plan plan = {.soak = 100, .refusals = {2, 0}, .sample = 20};
	const struct rollout_counts good = {.decisions = 2, .refusals = 1},
				    untried = {.decisions = 1, .refusals = 1},
				    bad = {.decisions = 9, .refusals = 2}, none = {0};

	(void)state;
	assert_int_equal(rollout_ready(&plan, &good, 1000, 1099), ROLLOUT_SOAKING);
	assert_int_equal(rollout_ready(&plan, &good, 1000, 1100), ROLLOUT_READY);
	assert_int_equal(rollout_ready(&plan, &good, 1000, 1), ROLLOUT_SOAKING); /* clock back */
	assert_int_equal(rollout_ready(&plan, &none, 1000, 1100), ROLLOUT_UNTRIED);
	assert_int_equal(rollout_ready(&plan, &untried, 1000, 1100), ROLLOUT_UNTRIED);
	assert_int_equal(rollout_ready(&plan, &bad, 1000, 1100), ROLLOUT_BREACHED);
	assert_true(rollout_soak_left(&plan, 1000, 1001) == 99);
	assert_true(rollout_soak_left(&plan, 1000, 5000) == 0);
	assert_true(rollout_soak_left(&plan, INT64_C(253402300799), 1) == INT64_C(253402300798));
}

/* ---- in words ---- */

static void share__as_people_write_it__read_exactly_or_refused(void **state)
{
	static const struct {
		const char *text;
		unsigned share; /* 0: refused */
		const char *shown;
	} cases[] = {
		{"5%", 500, "5%"},
		{"100%", 10000, "100%"},
		{"100.00%", 10000, "100%"},
		{"5.5%", 550, "5.5%"},
		{"5.05%", 505, "5.05%"},
		{"0.01%", 1, "0.01%"},
		{"99.99%", 9999, "99.99%"},
		{"0%", 0, NULL},
		{"0.00%", 0, NULL},
		{"100.01%", 0, NULL},
		{"101%", 0, NULL},
		{"5.5 %", 0, NULL},
		{"5%%", 0, NULL},
		{"%", 0, NULL},
		{"", 0, NULL},
		{"5", 0, NULL},
		{"1e9%", 0, NULL},
		{"1e9", 0, NULL},
		{"4294967301%", 0, NULL}, /* 2^32 + 5 */
		{"-5%", 0, NULL},
		{"+5%", 0, NULL},
		{"05%", 0, NULL},
		{".5%", 0, NULL},
		{"5.%", 0, NULL},
		{"5.x%", 0, NULL},
		{"5,5%", 0, NULL},
		{"5.555%", 0, NULL},
		{" 5%", 0, NULL},
		{"0x5%", 0, NULL},
		{"nan%", 0, NULL},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		unsigned share = 77;
		char shown[ROLLOUT_SHARE_TEXT];
		struct err err = {0};
		bool ok = rollout_share_parse(bytes_str(cases[i].text), &share, &err);

		if (ok != (cases[i].share > 0))
			fail_msg("%s: %u", cases[i].text, share);
		if (!ok) {
			assert_int_equal(err.code, ERR_USAGE);
			assert_non_null(strstr(err.text, "expected a share like 5% or 0.25%"));
			continue;
		}
		assert_int_equal(share, cases[i].share);
		assert_string_equal(rollout_share_format(share, shown), cases[i].shown);
	}
}

static void limit__as_people_write_it__read_or_refused(void **state)
{
	static const struct {
		const char *text;
		struct rollout_limit refusals, failures;
		const char *why; /* NULL: read */
	} cases[] = {
		{"refusals=3", {3, 0}, {0, 0}, NULL},
		{"refusals=1000000", {1000000, 0}, {0, 0}, NULL},
		{"refusals=2.5%", {0, 250}, {0, 0}, NULL},
		{"failures=1", {0, 0}, {1, 0}, NULL},
		{"failures=100%", {0, 0}, {0, 10000}, NULL},
		{"refusals=0", {0}, {0}, "expected a count of 1 to 1000000, or a share like 5%"},
		{"refusals=0%", {0}, {0}, "expected a count of"},
		{"refusals=", {0}, {0}, "expected a count of"},
		{"refusals=1000001", {0}, {0}, "expected a count of"},
		{"refusals=3 ", {0}, {0}, "expected a count of"},
		{"refusals=-1", {0}, {0}, "expected a count of"},
		{"refusals=5%%", {0}, {0}, "expected a count of"},
		{"Refusals=3", {0}, {0}, "expected refusals=N, refusals=N%, failures=N"},
		{"refusals", {0}, {0}, "expected refusals=N"},
		{"", {0}, {0}, "expected refusals=N"},
		{"crashes=3", {0}, {0}, "expected refusals=N"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct rollout_plan plan = {0};
		struct err err = {0};
		bool ok = rollout_limit_parse(bytes_str(cases[i].text), &plan, &err);

		if (ok != (cases[i].why == NULL))
			fail_msg("%s: %s", cases[i].text, err.text);
		if (!ok) {
			assert_int_equal(err.code, ERR_USAGE);
			assert_non_null(strstr(err.text, cases[i].why));
		}
		assert_memory_equal(&plan.refusals, &cases[i].refusals, sizeof(plan.refusals));
		assert_memory_equal(&plan.failures, &cases[i].failures, sizeof(plan.failures));
	}
}

static void limit__given_twice__refused(void **state)
{
	struct rollout_plan plan = {0};
	struct err err = {0};

	(void)state;
	assert_true(rollout_limit_parse(BYTES_LIT("refusals=3"), &plan, NULL));
	assert_true(rollout_limit_parse(BYTES_LIT("failures=3%"), &plan, NULL));
	assert_false(rollout_limit_parse(BYTES_LIT("refusals=9%"), &plan, &err));
	assert_non_null(strstr(err.text, "given twice"));
	assert_false(rollout_limit_parse(BYTES_LIT("failures=9"), &plan, &err));
	assert_int_equal(plan.refusals.count, 3);
	assert_int_equal(plan.failures.share, 300);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(place__known_value__first_eight_bytes_of_the_digest),
		cmocka_unit_test(place__same_host__elsewhere_in_another_rollout),
		cmocka_unit_test(within__at_the_edge__exact),
		cmocka_unit_test(within__share_grows__no_host_leaves_and_about_as_many_as_asked),
		cmocka_unit_test(states__every_step__as_the_table_says),
		cmocka_unit_test(judge__state_release_place__table),
		cmocka_unit_test(judge__drain_over__old_and_others_renew_no_more),
		cmocka_unit_test(breached__counts_and_shares__table),
		cmocka_unit_test(ready__soak_trial_and_limits__in_that_order),
		cmocka_unit_test(share__as_people_write_it__read_exactly_or_refused),
		cmocka_unit_test(limit__as_people_write_it__read_or_refused),
		cmocka_unit_test(limit__given_twice__refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
