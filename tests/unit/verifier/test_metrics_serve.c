/* SPDX-License-Identifier: Apache-2.0 */
/* The metrics listener on a socket that somebody else made: in clear it serves this machine alone. */
#include <arpa/inet.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/support/unit.h"
#include "verifier/app.h"
#include "verifier/app_metrics.h"

static struct app *app;
static struct metrics_server *server;
static struct err err;
static int fd;

static int setup(void **state)
{
	(void)state;
	app = calloc(1, sizeof(*app));
	assert_non_null(app);
	fd = -1;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	metrics_serve_end(&server);
	if (fd >= 0)
		(void)close(fd);
	free(app);
	return 0;
}

/* Bound, and listening where that goes no further than this machine. */
static int bound(const char *address)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
	bool four = inet_pton(AF_INET, address, &v4.sin_addr) == 1;
	assert_true(four || inet_pton(AF_INET6, address, &v6.sin6_addr) == 1);
	int made = socket(four ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (made < 0)
		return -1;
	if (bind(made, four ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6,
		    four ? sizeof(v4) : sizeof(v6)) == 0)
		return made;
	(void)close(made);
	return -1;
}

static void socket_of_another__to_other_machines__refused(void **state)
{
	static const char *const addresses[] = {"0.0.0.0", "::", "::ffff:127.0.0.1"};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(addresses); i++) {
		fd = bound(addresses[i]);
		if (fd < 0)
			continue; /* no IPv6 here */
		assert_fails(metrics_serve(app, fd, &server, &err), err, ERR_CONFIG,
			"metrics socket: neither a loopback address nor a unix socket: leave it to "
			"metrics_listen, which asks for TLS and a certificate there");
		assert_null(server);
		(void)close(fd);
	}
	fd = -1;
}

static void socket_of_another__no_socket__refused(void **state)
{
	int ends[2];
	(void)state;
	assert_int_equal(pipe(ends), 0);
	assert_false(metrics_serve(app, ends[0], &server, &err));
	assert_int_equal(err.code, ERR_CONFIG);
	(void)close(ends[0]);
	(void)close(ends[1]);
}

static void socket_of_another__to_this_machine__served(void **state)
{
	static const char *const addresses[] = {"127.0.0.1", "127.1.2.3", "::1"};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(addresses); i++) {
		fd = bound(addresses[i]);
		if (fd < 0 && strchr(addresses[i], ':'))
			continue; /* no IPv6 here */
		assert_true(fd >= 0);
		assert_int_equal(listen(fd, 4), 0);
		assert_ok(metrics_serve(app, fd, &server, &err), err);
		metrics_serve_end(&server);
		(void)close(fd);
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un any = {.sun_family = AF_UNIX};
	assert_int_equal(bind(fd, (struct sockaddr *)&any, sizeof(sa_family_t)), 0);
	assert_int_equal(listen(fd, 4), 0);
	assert_ok(metrics_serve(app, fd, &server, &err), err);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(socket_of_another__to_other_machines__refused),
		T(socket_of_another__no_socket__refused),
		T(socket_of_another__to_this_machine__served),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
