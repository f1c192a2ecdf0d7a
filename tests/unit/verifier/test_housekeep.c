/* SPDX-License-Identifier: Apache-2.0 */
/* What is forgotten, and by which clock. */
#include "verifier/housekeep.h"

#include "tests/unit/verifier/retention_world.h"

#define REVOKED "SELECT count(*) FROM credentials WHERE revoked>0"

static void quarantine(void)
{
	char id[2 * HOST_ID_LEN + 1], path[128];
	hex_encode(BYTES_OF(w.host_id), id);
	(void)snprintf(path, sizeof(path), "/v1/hosts/%s/quarantine", id);
	world_do(&w, &w.admin, "POST", path, "{\"reason\":\"stolen\"}", 200);
}

/* Whoever stole a host sets the verifier's clock ahead for a moment. */
static void S11__clock_set_ahead__what_was_revoked_is_not_forgotten(void **state)
{
	(void)state;
	sweep();
	quarantine();
	assert_int_equal(number(REVOKED), 1);
	aged.set = 30 * DAY;
	assert_false(housekeep(w.app, &w.err));
	assert_int_equal(w.err.code, ERR_DENIED);
	assert_non_null(strstr(w.err.text, "the clock jumped ahead"));
	assert_int_equal(number(REVOKED), 1);
	aged.set = 0;
	assert_ok(housekeep(w.app, &w.err), w.err);
	assert_int_equal(number(REVOKED), 1);
}

static void credentials__a_day_after_their_end__forgotten(void **state)
{
	(void)state;
	sweep();
	quarantine();
	pass(9 * DAY); /* its lifetime */
	assert_ok(housekeep(w.app, &w.err), w.err);
	assert_int_equal(number(REVOKED), 1);
	pass(DAY + 60);
	assert_ok(housekeep(w.app, &w.err), w.err);
	assert_int_equal(number(REVOKED), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			S11__clock_set_ahead__what_was_revoked_is_not_forgotten, setup, teardown),
		cmocka_unit_test_setup_teardown(
			credentials__a_day_after_their_end__forgotten, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
