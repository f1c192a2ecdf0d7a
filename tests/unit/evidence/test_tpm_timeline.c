/* SPDX-License-Identifier: Apache-2.0 */
/* Reboot, suspend, clear, rollback, fork: told apart by what quotes say. */
#include "tests/support/unit.h"

#include "evidence/tpm_timeline.h"

#define SLACK 2000u

/* Seen an hour after it was up: reset 5, restart 2, the clock at ten hours. */
static struct tpm_sighting before(void)
{
	return (struct tpm_sighting){.time = 1000000,
		.reset_count = 5,
		.restart_count = 2,
		.clock = 36000000,
		.safe = true,
		.firmware_version = 7,
		.epoch = 1,
		.boot_id = {1}};
}

static struct tpm_sighting later(void)
{
	struct tpm_sighting s = before();
	s.time += 600;
	s.clock += 600000;
	return s;
}

static void steps__between_two_looks__table(void **state)
{
	static const struct {
		int reset, restart; /* moved by */
		int64_t clock; /* moved by, from the clock before */
		bool unsafe;
		uint8_t boot;
		unsigned steps;
	} cases[] = {
		{0, 0, 600000, false, 1, 0},
		{0, 0, 0, false, 1, 0},
		{0, 0, -2000, false, 1, 0}, /* overtaken by another quote */
		{0, 0, -2001, false, 1, TPM_STEP_FORK},
		{0, 0, 600000, false, 2, TPM_STEP_KERNEL},
		{0, 0, 600000, false, 0, 0}, /* no boot id known: nothing said */
		{0, 1, 600000, false, 1, TPM_STEP_RESUME},
		{0, 1, 600000, false, 2, TPM_STEP_REBOOT},
		{1, -2, 600000, false, 2, TPM_STEP_REBOOT},
		{1, -2, -3600000, true, 2, TPM_STEP_REBOOT | TPM_STEP_UNCLEAN},
		{0, -1, 600000, false, 1, TPM_STEP_FORK},
		{0, -1, -600000, false, 1, TPM_STEP_FORK},
		{-1, 0, 600000, false, 2, TPM_STEP_FORK},
		{-1, 0, 0, false, 2, TPM_STEP_FORK},
		{-1, 0, -1, false, 2, TPM_STEP_ROLLBACK},
		{-5, -2, -36000000 + 300000, false, 2, TPM_STEP_CLEAR},
		{-5, -2, -36000000 + 606000 + 2000, false, 2, TPM_STEP_CLEAR},
		{-5, -2, -36000000 + 606000 + 2001, false, 2, TPM_STEP_ROLLBACK},
		{-4, -1, -36000000 + 300000, true, 2, TPM_STEP_CLEAR},
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct tpm_sighting a = before(), b = later();
		b.reset_count = (uint32_t)((int)a.reset_count + cases[i].reset);
		b.restart_count = (uint32_t)((int)a.restart_count + cases[i].restart);
		b.clock = (uint64_t)((int64_t)a.clock + cases[i].clock);
		b.safe = !cases[i].unsafe;
		b.boot_id[0] = cases[i].boot;
		if (tpm_steps(&a, &b, SLACK) != cases[i].steps)
			fail_msg("case %zu: %x, wanted %x", i, tpm_steps(&a, &b, SLACK),
				cases[i].steps);
	}
}

static void steps__firmware_and_key__said_beside(void **state)
{
	struct tpm_sighting a = before(), b = later();
	(void)state;
	b.firmware_version = 8;
	assert_int_equal(tpm_steps(&a, &b, SLACK), TPM_STEP_FIRMWARE_NEW);
	b.firmware_version = 6;
	b.epoch = 2;
	b.reset_count++;
	assert_int_equal(tpm_steps(&a, &b, SLACK),
		TPM_STEP_FIRMWARE_OLD | TPM_STEP_ENROLLED | TPM_STEP_REBOOT);
}

/* The verifier's clock went back: nothing can have begun since, so it is no clear. */
static void steps__time_of_the_looks_goes_back__rollback(void **state)
{
	struct tpm_sighting a = before(), b = later();
	(void)state;
	b.time = a.time - 10;
	b.reset_count = 0;
	b.clock = SLACK + 1;
	assert_int_equal(tpm_steps(&a, &b, SLACK), TPM_STEP_ROLLBACK);
	b.clock = SLACK;
	assert_int_equal(tpm_steps(&a, &b, SLACK), TPM_STEP_CLEAR);
	a.clock = SLACK; /* a young clock, and slack that reaches below zero */
	b = a;
	b.clock = 0;
	assert_int_equal(tpm_steps(&a, &b, SLACK), 0);
}

static void steps__names__one_each(void **state)
{
	(void)state;
	assert_string_equal(tpm_step_name(TPM_STEP_REBOOT), "reboot");
	assert_string_equal(tpm_step_name(TPM_STEP_FORK), "fork");
	assert_string_equal(tpm_step_name(TPM_STEP_ENROLLED), "enrolled-again");
	assert_string_equal(tpm_step_name((enum tpm_step)0), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(steps__between_two_looks__table),
		cmocka_unit_test(steps__firmware_and_key__said_beside),
		cmocka_unit_test(steps__time_of_the_looks_goes_back__rollback),
		cmocka_unit_test(steps__names__one_each),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
