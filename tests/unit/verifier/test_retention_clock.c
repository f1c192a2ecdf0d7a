/* SPDX-License-Identifier: Apache-2.0 */
/* What a sweep believes of the time: within a boot of the machine, over the starts of the service, and over boots. */
#include "verifier/retention.h"

#include "tests/support/unit.h"

#define START INT64_C(1700000000)
#define DAY   INT64_C(86400)
#define SLACK RETENTION_CLOCK_SLACK_S

/* A machine: two clocks, and which boot this is; 0: it does not say. */
static struct machine {
	struct clock base;
	int64_t wall;
	uint64_t ms;
	uint8_t boot;
} machine;

static int64_t machine_wall(const struct clock *clock)
{
	return ((const struct machine *)clock)->wall;
}
static uint64_t machine_ms(const struct clock *clock)
{
	return ((const struct machine *)clock)->ms;
}
static bool machine_boot(const struct clock *clock, uint8_t *id)
{
	uint8_t boot = ((const struct machine *)clock)->boot;
	memset(id, boot, CLOCK_BOOT_LEN);
	return boot != 0;
}
static const struct clock_ops machine_ops = {
	.wall = machine_wall, .monotonic_ms = machine_ms, .boot = machine_boot};

static struct retention_clock now_of;
static struct retention_state state;
static struct err err;

/* The service starts; it knows what the store has. */
static void start(void)
{
	assert_ok(retention_clock_open(&machine.base, &random_system, &now_of, &err), err);
}

static void boot(void)
{
	machine.boot++;
	machine.ms = 0;
	start();
}

static void pass(int64_t seconds)
{
	machine.wall += seconds;
	machine.ms += (uint64_t)seconds * 1000;
}

static bool sweep(void)
{
	struct retention_state next;
	err = (struct err){0};
	if (!retention_clock_check(&now_of, &state, &next, &err)) {
		assert_int_equal(err.code, ERR_DENIED);
		return false;
	}
	assert_true(next.time >= state.time && next.time >= machine.wall);
	state = next;
	return true;
}

static void refused_for(const char *why)
{
	if (sweep() || !strstr(err.text, why))
		fail_msg("%s, wanted %s", err.text, why);
}

#define BEHIND "s are believed"

static int setup(void **test)
{
	(void)test;
	machine = (struct machine){.base = {&machine_ops}, .wall = START, .ms = 5000, .boot = 1};
	state = (struct retention_state){.allowance = DAY};
	start();
	assert_true(sweep());
	return 0;
}

static void clock__time_that_passes__believed_in_one_boot_whatever_starts(void **test)
{
	(void)test;
	for (int i = 0; i < 5; i++) {
		pass(30 * DAY);
		start();
		assert_true(sweep());
		assert_int_equal(state.time, machine.wall);
	}
	assert_int_equal(state.allowance, DAY);
}

/* 500 ppm and the slack, once and for all starts together. */
static void T9__clock_set_and_service_started_again__no_second_slack(void **test)
{
	(void)test;
	pass(8000000);
	machine.wall += 4000 + SLACK;
	assert_true(sweep());
	machine.wall += 1;
	refused_for("the clock jumped ahead");
	start();
	refused_for("the clock jumped ahead");
	machine.wall += DAY;
	start();
	refused_for("the clock jumped ahead");
	machine.wall -= DAY + 1;
	assert_true(sweep());
}

static void clock__set_back__refused_beyond_the_slack(void **test)
{
	(void)test;
	int64_t last = state.time;
	machine.wall -= SLACK;
	assert_true(sweep());
	assert_int_equal(state.time, last);
	machine.wall -= 1;
	refused_for("the clock went back");
	boot();
	refused_for("the clock went back");
}

/* A machine that was off: what it has been up since is proved, the rest is the allowance's. */
static void clock__over_a_boot__a_day_and_what_the_machine_was_up(void **test)
{
	(void)test;
	machine.wall += DAY;
	boot();
	pass(40 * DAY);
	assert_true(sweep());
	assert_int_equal(state.allowance, 0);
	machine.wall += 1;
	boot();
	refused_for(BEHIND);
}

static void T9__clock_set_and_machine_booted_again_and_again__a_day_in_all(void **test)
{
	(void)test;
	int64_t gained = 0;
	for (int i = 0; i < 100; i++) {
		boot();
		machine.wall += DAY / 10;
		if (sweep())
			gained += DAY / 10;
		else
			machine.wall -= DAY / 10;
	}
	assert_int_equal(gained, DAY);
}

/* The slack within each boot counts when the next begins. */
static void T9__slack_of_each_boot__taken_from_the_allowance(void **test)
{
	(void)test;
	int64_t gained = 0;
	for (int i = 0; i < 1000; i++) {
		boot();
		if (!sweep())
			break;
		machine.wall += SLACK;
		assert_true(sweep());
		gained += SLACK;
	}
	assert_true(gained <= DAY + SLACK);
	refused_for(BEHIND);
}

static void clock__allowance__filled_by_time_that_is_proved_and_no_further(void **test)
{
	(void)test;
	machine.wall += DAY;
	boot();
	assert_true(sweep());
	assert_int_equal(state.allowance, 0);
	pass(7 * 3600);
	assert_true(sweep());
	machine.wall += 3601;
	boot();
	refused_for(BEHIND);
	machine.wall -= 1;
	assert_true(sweep());
	assert_int_equal(state.allowance, 0);
	pass(70 * DAY);
	assert_true(sweep());
	machine.wall += DAY + 1;
	boot();
	refused_for(BEHIND);
	machine.wall -= 1;
	assert_true(sweep());
}

/* A virtual machine put back to an earlier time: the same boot, and its other clock is behind. */
static void T9__other_clock_goes_back__as_another_boot(void **test)
{
	(void)test;
	pass(3600);
	assert_true(sweep());
	machine.ms -= 1000000;
	machine.wall += DAY + 1000;
	refused_for(BEHIND);
	machine.wall -= 1000;
	assert_true(sweep());
	machine.wall += SLACK + 1;
	refused_for("the clock jumped ahead");
}

static void clock__accepted_by_a_person__from_there_on(void **test)
{
	(void)test;
	struct retention_state next;
	machine.wall += 90 * DAY;
	refused_for("the clock jumped ahead");
	retention_clock_accept(&now_of, &state, &next);
	state = next;
	assert_int_equal(state.time, machine.wall);
	assert_true(sweep());
	machine.wall += SLACK;
	assert_true(sweep());
	machine.wall += 1;
	refused_for("the clock jumped ahead");
	start();
	refused_for("the clock jumped ahead");
	machine.wall -= 80 * DAY;
	refused_for("the clock went back");
	retention_clock_accept(&now_of, &state, &next);
	state = next;
	assert_true(sweep());
	assert_int_equal(state.time, machine.wall);
}

/* It was up while others swept. */
static void T9__machine_met_beside_others__its_uptime_proves_nothing(void **test)
{
	(void)test;
	boot();
	state.next = RETENTION_BOOT_BESIDE;
	machine.ms = 40 * (uint64_t)DAY * 1000;
	machine.wall += DAY + 1;
	refused_for(BEHIND);
	machine.wall -= 1;
	assert_true(sweep());
	assert_int_equal(state.allowance, 0);
}

/* A machine that does not say: each start of the service counts as a boot, and proves nothing before it. */
static void T9__machine_does_not_say_which_boot__starts_share_the_allowance(void **test)
{
	(void)test;
	machine.boot = 0;
	start();
	assert_false(now_of.known);
	assert_true(sweep());
	uint8_t before[CLOCK_BOOT_LEN];
	memcpy(before, now_of.boot, sizeof(before));
	start();
	assert_memory_not_equal(before, now_of.boot, sizeof(before));
	machine.wall += DAY / 2;
	machine.ms += (uint64_t)DAY * 5000;
	assert_true(sweep());
	start();
	machine.wall += DAY / 2;
	assert_true(sweep());
	start();
	machine.wall += 1;
	refused_for(BEHIND);
}

/* As a store from before this has it: when the last sweep was, and nothing of the clocks. */
static void clock__state_from_before__a_day_once(void **test)
{
	(void)test;
	state = (struct retention_state){.time = START, .allowance = DAY};
	machine.ms = 0;
	machine.wall = START + DAY + 1;
	refused_for(BEHIND);
	machine.wall -= 1;
	assert_true(sweep());
	assert_int_equal(state.allowance, 0);
	assert_int_equal(state.anchor, machine.wall);
}

static void clock_boot__of_this_machine__the_same_each_time(void **test)
{
	(void)test;
	uint8_t one[CLOCK_BOOT_LEN] = {0}, two[CLOCK_BOOT_LEN] = {1}, none[CLOCK_BOOT_LEN] = {0};
	assert_true(clock_boot(&clock_system, one));
	assert_true(clock_boot(&clock_system, two));
	assert_memory_equal(one, two, sizeof(one));
	assert_memory_not_equal(one, none, sizeof(one));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup(name, setup)
		T(clock__time_that_passes__believed_in_one_boot_whatever_starts),
		T(T9__clock_set_and_service_started_again__no_second_slack),
		T(clock__set_back__refused_beyond_the_slack),
		T(clock__over_a_boot__a_day_and_what_the_machine_was_up),
		T(T9__clock_set_and_machine_booted_again_and_again__a_day_in_all),
		T(T9__slack_of_each_boot__taken_from_the_allowance),
		T(clock__allowance__filled_by_time_that_is_proved_and_no_further),
		T(T9__other_clock_goes_back__as_another_boot),
		T(clock__accepted_by_a_person__from_there_on),
		T(T9__machine_met_beside_others__its_uptime_proves_nothing),
		T(T9__machine_does_not_say_which_boot__starts_share_the_allowance),
		T(clock__state_from_before__a_day_once),
		T(clock_boot__of_this_machine__the_same_each_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
