/* SPDX-License-Identifier: Apache-2.0 */
/* Whose share a request is: who asks without a certificate, as often as he can, waits behind himself (call.c). */
#include "tests/unit/verifier/world.h"
#include "verifier/revocation.h"

#define ASKED 6u

static struct world w;

static int setup(void **state)
{
	(void)state;
	/* Of two one is for whoever else comes; two requests of each peer may wait. */
	const struct workers_options few = {.count = 2, .queue_max = 8};
	world_start(&w);
	world_enroll(&w);
	workers_free(&w.app->workers);
	assert_ok(workers_new(&few, &w.app->workers, &w.err), w.err);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	world_stop(&w);
	return 0;
}

static bool await(unsigned running, unsigned queued)
{
	struct workers_state now = {0};
	for (int i = 0; i < 6000 && (now.running != running || now.queued != queued); i++) {
		(void)usleep(5000);
		workers_look(w.app->workers, &now);
	}
	return now.running == running && now.queued == queued;
}

static void share__nobody_asks_for_much__a_host_is_answered_at_once(void **state)
{
	(void)state;
	struct https nobody[ASKED], host;
	size_t refused = 0;
	assert_true(world_connect(&w, &host));
	/* Until then no list is given out. */
	(void)pthread_mutex_lock(&w.app->revocation->crl_lock);
	for (size_t i = 0; i < ASKED; i++) {
		assert_true(https_open(&nobody[i], w.port, w.ca, NULL, NULL));
		assert_true(https_send(&nobody[i], "GET", "/crl", NULL, (struct bytes){0}));
	}
	bool before = await(1, 2);
	struct https_answer own = {0};
	if (before)
		own = https_request(&host, "GET", "/v1/whoami", NULL, (struct bytes){0});
	bool after = await(1, 2);
	(void)pthread_mutex_unlock(&w.app->revocation->crl_lock);
	assert_true(before && after);
	assert_int_equal(own.status, 200);
	buf_release(&own.body);
	for (size_t i = 0; i < ASKED; i++) {
		struct https_answer a;
		https_receive(&nobody[i], &a);
		assert_true(a.status == 200 || a.status == 429);
		refused += a.status == 429;
		buf_release(&a.body);
		https_close(&nobody[i]);
	}
	assert_int_equal(refused, ASKED - 3);
	https_close(&host);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			share__nobody_asks_for_much__a_host_is_answered_at_once, setup, teardown),
	};
	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
