/* SPDX-License-Identifier: Apache-2.0 */
/* Webhooks when the verifier's clock is wrong for a moment (verifier/webhooks.c, rows_webhooks.c): how long an event was tried, and
 * whose turn it is. */
#include "tests/unit/verifier/fakes.h"
#include "tests/unit/verifier/world.h"

#include "verifier/webhooks.h"

#define DAYS(n) ((n) * (int64_t)86400)

static struct world w;
static struct shifted_clock clock_ = {.base = {&shifted_clock_ops}};

/* Nobody listens there. */
static void prepare(struct world *world)
{
	char path[128];
	struct buf text = {0};
	(void)world_path(world, "hook.secret", path);
	assert_ok(file_write_atomic(path, BYTES_LIT("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n"),
			  0600, &world->err),
		world->err);
	(void)world_path(world, "verifierd.yaml", path);
	assert_ok(file_read(path, 65536, &text, &world->err), world->err);
	buf_put_str(&text, "webhooks:\n  - name: dead\n    url: https://127.0.0.1:1/\n"
			   "    secret_file: hook.secret\n    give_up_after: 60s\n");
	assert_ok(file_write_atomic(path, buf_bytes(&text), 0600, &world->err), world->err);
	buf_release(&text);
}

static int setup(void **state)
{
	(void)state;
	clock_.shift = 0;
	clock_.later_ms = 0;
	w.clock = &clock_.base;
	w.prepare = prepare;
	world_start(&w);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	world_stop(&w);
	return 0;
}

static struct webhook_row row_now(void)
{
	struct webhook_row row;
	struct sql *sql = NULL;
	bool found = false;
	assert_ok(store_read(w.app->store, &sql, &w.err), w.err);
	bool ok = webhook_row_get(sql, "dead", &row, &found, &w.err);
	store_read_done(w.app->store, &sql);
	assert_ok(ok, w.err);
	assert_true(found);
	return row;
}

/* Once there was another attempt. */
static struct webhook_row next_attempt(int64_t after)
{
	struct webhook_row row = row_now();
	for (int i = 0; i < 2000 && row.attempts <= after; i++) {
		(void)usleep(10000);
		row = row_now();
	}
	assert_true(row.attempts > after);
	return row;
}

/* ---- how long ---- */

static void tried__by_two_in_turn__never_more_than_there_was(void **state)
{
	struct webhook_trying a = {0}, b = {0};
	struct webhook_row row = {.position = 7, .first_try = 1000};
	(void)state;
	row.tried = webhook_tried(&a, &row, 50000);
	assert_int_equal(row.tried, 0);
	row.tried = webhook_tried(&b, &row, 910000); /* 10 s later, on another machine */
	assert_int_equal(row.tried, 0);
	row.tried = webhook_tried(&a, &row, 80000);
	assert_int_equal(row.tried, 30);
	row.tried = webhook_tried(&b, &row, 920000); /* 20 s after its first: less than is known */
	assert_int_equal(row.tried, 30);
	row.tried = webhook_tried(&b, &row, 1000000);
	assert_int_equal(row.tried, 90);
	/* Begun again, or another event. */
	row = (struct webhook_row){.position = 7, .first_try = 2000};
	assert_int_equal(webhook_tried(&a, &row, 200000), 0);
	row = (struct webhook_row){.position = 8, .first_try = 2000};
	assert_int_equal(webhook_tried(&a, &row, 300000), 0);
	/* After a restart: what was written down, and from then on. */
	struct webhook_trying c = {0};
	row.tried = 5;
	assert_int_equal(webhook_tried(&c, &row, 10), 5);
	assert_int_equal(webhook_tried(&c, &row, 3010), 8);
}

static void clock__ahead_for_a_moment__not_given_up_until_it_was_tried_so_long(void **state)
{
	(void)state;
	struct webhook_row row = next_attempt(0);
	clock_.shift = DAYS(10);
	row = next_attempt(row.attempts);
	assert_int_equal(row.state, WEBHOOK_DELIVERING);
	clock_.shift = 0;
	row = next_attempt(row.attempts);
	assert_int_equal(row.state, WEBHOOK_DELIVERING);
	clock_.shift = -DAYS(10);
	row = next_attempt(row.attempts);
	assert_int_equal(row.state, WEBHOOK_DELIVERING);
	clock_.later_ms = 60000;
	clock_.shift = 0;
	row = next_attempt(row.attempts);
	assert_int_equal(row.state, WEBHOOK_GAVE_UP);
	json_decref(world_entry(&w, "webhook-gave-up"));
}

static void tried__across_a_restart__goes_on(void **state)
{
	(void)state;
	struct webhook_row row = next_attempt(0);
	clock_.later_ms = 40000;
	row = next_attempt(row.attempts);
	assert_true(row.tried >= 40);
	app_close(&w.app);
	assert_true(world_open(&w));
	row = next_attempt(row.attempts);
	assert_int_equal(row.state, WEBHOOK_DELIVERING);
	clock_.later_ms += 20000;
	row = next_attempt(row.attempts);
	assert_int_equal(row.state, WEBHOOK_GAVE_UP);
}

/* ---- whose turn ---- */

static bool turn_work(struct store_tx *tx, void *arg, struct err *err)
{
	static const uint8_t other[WEBHOOK_OWNER_LEN] = {2};
	int64_t now = clock_wall(&clock_system);
	return webhook_turn(tx->sql, "dead", other, now, now + 200, arg, err);
}

/* A turn taken by a clock that ran ahead lasts no longer than one: another has it by then. */
static void turn__taken_while_the_clock_was_ahead__not_believed(void **state)
{
	bool others = false;
	(void)state;
	struct webhook_row row = next_attempt(0);
	clock_.shift = DAYS(10);
	row = next_attempt(row.attempts);
	assert_ok(store_run(w.app->store, turn_work, &others, &w.err), w.err);
	assert_true(others);
	row = row_now();
	clock_.shift = 0;
	(void)usleep(2000000);
	assert_int_equal(row_now().attempts, row.attempts);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tried__by_two_in_turn__never_more_than_there_was),
		T(clock__ahead_for_a_moment__not_given_up_until_it_was_tried_so_long),
		T(tried__across_a_restart__goes_on),
		T(turn__taken_while_the_clock_was_ahead__not_believed),
	};
	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
