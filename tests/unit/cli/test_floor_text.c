/* SPDX-License-Identifier: Apache-2.0 */
/* What a verifier says of floors, before anybody signs the next one (floor_text.c, cmd_floor.c). */
#include "cli/floor_text.h"

#include "policy/security_floor.h"
#include "tests/support/unit.h"

static struct err err;

static bool next(const char *sequence, int64_t *ret)
{
	json_t *view = NULL;
	char text[96];
	(void)snprintf(text, sizeof(text), "{\"security_floor\":{\"sequence\":%s}}", sequence);
	assert_ok(json_open(bytes_str(text), sizeof(text), &view, &err), err);
	bool ok = floor_next_sequence(view, ret, &err);
	json_decref(view);
	return ok;
}

static void next_sequence__of_the_one_in_force__follows(void **state)
{
	json_t *none = json_object();
	int64_t sequence = 0;
	(void)state;
	assert_true(next("41", &sequence));
	assert_int_equal(sequence, 42);
	assert_ok(floor_next_sequence(none, &sequence, &err), err);
	assert_int_equal(sequence, 1);
	json_decref(none);
}

/* The highest there is would be the last floor for good. */
static void next_sequence__none_can_follow__refused(void **state)
{
	static const char *const last[] = {
		"-1", "9007199254740990", "9007199254740991", "9223372036854775807"};
	int64_t sequence = 7;
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(last); i++) {
		if (next(last[i], &sequence))
			fail_msg("after %s: %lld", last[i], (long long)sequence);
		assert_int_equal(err.code, ERR_FORMAT);
	}
	assert_int_equal(sequence, 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(next_sequence__of_the_one_in_force__follows),
		cmocka_unit_test(next_sequence__none_can_follow__refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
