/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier/activation.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/unit.h"
#include "verifier/descriptors.h"

#define FIRST 200

/* Descriptors 200 and above: listening, or not. */
static void make(int fd, bool listening)
{
	struct sockaddr_in to = {.sin_family = AF_INET};
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	int made = socket(AF_INET, SOCK_STREAM, 0);
	assert_true(made >= 0);
	if (listening) {
		assert_int_equal(bind(made, (struct sockaddr *)&to, sizeof(to)), 0);
		assert_int_equal(listen(made, 4), 0);
	}
	assert_int_equal(dup2(made, fd), fd);
	(void)close(made);
}

static void take__for_this_process__sockets_and_the_named_one(void **state)
{
	(void)state;
	struct activation a = {0};
	struct err err = {0};
	make(FIRST, true);
	make(FIRST + 1, true);
	make(FIRST + 2, true);
	assert_ok(activation_take("42", "3", "https:metrics:https", 42, FIRST, &a, &err), err);
	assert_int_equal(a.count, 2);
	assert_int_equal(a.sockets[0], FIRST);
	assert_int_equal(a.sockets[1], FIRST + 2);
	assert_int_equal(a.metrics, FIRST + 1);
	assert_true((fcntl(FIRST, F_GETFD) & FD_CLOEXEC) != 0);
	assert_ok(activation_take("42", "1", NULL, 42, FIRST, &a, &err), err);
	assert_int_equal(a.count, 1);
	assert_int_equal(a.metrics, -1);
	for (int i = 0; i < 3; i++)
		(void)close(FIRST + i);
}

static void take__for_another_process_or_nobody__none(void **state)
{
	(void)state;
	struct activation a = {.count = 7};
	struct err err = {0};
	assert_ok(activation_take("41", "3", NULL, 42, FIRST, &a, &err), err);
	assert_int_equal(a.count, 0);
	assert_ok(activation_take(NULL, NULL, NULL, 42, FIRST, &a, &err), err);
	assert_int_equal(a.count, 0);
	assert_int_equal(a.metrics, -1);
}

static void take__not_listening_or_too_many__refused(void **state)
{
	(void)state;
	struct activation a = {0};
	struct err err = {0};
	make(FIRST, false);
	assert_false(activation_take("42", "1", NULL, 42, FIRST, &a, &err));
	assert_int_equal(err.code, ERR_CONFIG);
	assert_string_equal(err.text, "LISTEN_FDS: descriptor 200 is no listening stream socket");
	(void)close(FIRST);
	err = (struct err){0};
	assert_false(activation_take("42", "9", NULL, 42, FIRST, &a, &err));
	assert_string_equal(err.text, "LISTEN_FDS: 9 sockets: at most 8");
}

static void descriptors__few__less_than_wanted_but_some(void **state)
{
	(void)state;
	assert_int_equal(descriptors_for(10, 0), 10);
	assert_int_equal(descriptors_for(1000000000u, 0) < 1000000000u, true);
	assert_int_equal(descriptors_for(100, 2000000000u), 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(take__for_this_process__sockets_and_the_named_one),
		cmocka_unit_test(take__for_another_process_or_nobody__none),
		cmocka_unit_test(take__not_listening_or_too_many__refused),
		cmocka_unit_test(descriptors__few__less_than_wanted_but_some),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
