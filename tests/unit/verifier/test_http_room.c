/* SPDX-License-Identifier: Apache-2.0 */
/* Room for who has just come to the HTTPS front: who is idle has to go, whichever loop has it, and nobody else. */
#include "tests/unit/verifier/front.h"

#include <poll.h>
#include <signal.h>

#define COMERS 16u

static const char hello[] = "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n";
static const char later[] = "GET /later HTTP/1.1\r\nHost: x\r\n\r\n";

static int get(struct client *client, const char *text)
{
	return exchange(client, text, strlen(text), NULL, 0);
}

/* Asks and waits until the server has seen that its answer is gone: only then the connection is idle. */
static void served(struct client *client, struct cert *cert)
{
	struct http_state now = {.busy = 1};
	assert_true(client_open(client, cert));
	assert_int_equal(get(client, hello), 200);
	for (int i = 0; i < 500 && now.busy > 0; i++, (void)usleep(1000))
		http_server_look(server, &now);
	assert_int_equal(now.busy, 0);
}

static bool ended(const struct client *client)
{
	struct pollfd poll_fd = {.fd = client->fd, .events = POLLIN};
	char byte[256];
	while (poll(&poll_fd, 1, 2000) == 1)
		if (SSL_read(client->ssl, byte, sizeof(byte)) <= 0)
			return true;
	return false;
}

/* The kernel chooses the loop: among so many some have the idle one on the other. */
static void room__full__each_that_comes_is_served_and_the_one_before_has_to_go(void **state)
{
	(void)state;
	struct client clients[COMERS];
	for (size_t i = 0; i < COMERS; i++) {
		served(&clients[i], NULL);
		if (i > 0)
			assert_true(ended(&clients[i - 1]));
	}
	for (size_t i = 0; i < COMERS; i++)
		client_close(&clients[i]);
	assert_int_equal(front.events[HTTP_EVENT_EVICTED], COMERS - 1);
	assert_int_equal(front.events[HTTP_EVENT_LIMIT], 0);
}

static void room__nobody_is_idle__who_comes_is_refused(void **state)
{
	(void)state;
	struct client working;
	struct http_state now = {0};
	assert_true(client_open(&working, NULL));
	assert_true(SSL_write(working.ssl, later, (int)strlen(later)) > 0);
	for (int i = 0; i < 500 && now.busy == 0; i++, (void)usleep(1000))
		http_server_look(server, &now);
	assert_int_equal(now.busy, 1);
	assert_int_equal(ask(NULL, hello), 0);
	assert_int_equal(get(&working, ""), 200);
	client_close(&working);
	assert_int_equal(front.events[HTTP_EVENT_LIMIT], 1);
	assert_int_equal(front.events[HTTP_EVENT_EVICTED], 0);
}

/* Who showed a certificate stays while somebody without one can go, even on another loop and though idle for longer. */
static void room__full__who_showed_no_certificate_goes_first(void **state)
{
	(void)state;
	struct client known, comers[COMERS];
	served(&known, pki.client);
	for (size_t i = 0; i < COMERS; i++) {
		served(&comers[i], NULL);
		if (i > 0)
			assert_true(ended(&comers[i - 1]));
	}
	assert_int_equal(get(&known, hello), 200);
	for (size_t i = 0; i < COMERS; i++)
		client_close(&comers[i]);
	client_close(&known);
}

static int setup_one(void **state)
{
	memset(&front, 0, sizeof(front));
	front.connections_max = 1;
	return setup(state);
}

static int setup_two(void **state)
{
	memset(&front, 0, sizeof(front));
	front.connections_max = 2;
	return setup(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			room__full__each_that_comes_is_served_and_the_one_before_has_to_go,
			setup_one, teardown),
		cmocka_unit_test_setup_teardown(
			room__nobody_is_idle__who_comes_is_refused, setup_one, teardown),
		cmocka_unit_test_setup_teardown(
			room__full__who_showed_no_certificate_goes_first, setup_two, teardown),
	};
	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
