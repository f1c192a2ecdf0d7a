/* SPDX-License-Identifier: Apache-2.0 */
/*
 * S13: idle clients take every descriptor that the verifier may have. It sheds them, does not spin, goes on with those that
 * are connected, and takes new ones again when there is room.
 */
#include "tests/attack/attack.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define FILES_MAX 128
#define IDLE_MAX  200

static int idle[IDLE_MAX];
static struct https kept;

static int setup(void **state)
{
	(void)state;
	for (size_t i = 0; i < IDLE_MAX; i++)
		idle[i] = -1;
	attack.workload = (struct sw_workload){.name = "agent", .seed = 0x30};
	assert_ok(verifierd_new(&attack.v, &attack.err), attack.err);
	attack.v.files_max = FILES_MAX;
	assert_ok(verifierd_start(&attack.v, &attack.err), attack.err);
	assert_ok(verifierd_publish(&attack.v, &attack.workload, "low", &attack.err), attack.err);
	assert_ok(verifierd_host(&attack.v, &attack.host, &attack.err), attack.err);
	return 0;
}

static void idle_release(void)
{
	for (size_t i = 0; i < IDLE_MAX; i++) {
		if (idle[i] >= 0)
			(void)close(idle[i]);
		idle[i] = -1;
	}
}

static int teardown(void **state)
{
	idle_release();
	https_close(&kept);
	return attack_close(state);
}

/* Descriptors that the verifier has. */
static size_t files(void)
{
	char path[64];
	size_t n = 0;
	(void)snprintf(path, sizeof(path), "/proc/%d/fd", (int)attack.v.pid);
	for (int i = 0; i < FILES_MAX; i++) {
		char name[96], target[16];
		(void)snprintf(name, sizeof(name), "%s/%d", path, i);
		n += readlink(name, target, sizeof(target)) >= 0;
	}
	return n;
}

/* Processor time that it used so far, in milliseconds. */
static long cpu_ms(void)
{
	clockid_t clock;
	struct timespec used;
	assert_int_equal(clock_getcpuclockid(attack.v.pid, &clock), 0);
	assert_int_equal(clock_gettime(clock, &used), 0);
	return used.tv_sec * 1000 + used.tv_nsec / 1000000;
}

static int connect_to(uint16_t port)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	return fd;
}

/* Whether the verifier has ended this connection. */
static bool is_cut(int fd)
{
	struct pollfd cut = {.fd = fd, .events = POLLIN};
	return poll(&cut, 1, 0) == 1;
}

/* Sends nothing and waits: many more of them than the verifier has room for. Who came first has to go; some are left. */
static void exhaust(void)
{
	for (size_t i = 0; i < IDLE_MAX; i++)
		idle[i] = connect_to(attack.v.port);
	for (int i = 0; i < 200 && !is_cut(idle[0]); i++)
		(void)usleep(10000);
	assert_true(is_cut(idle[0]));
}

/* An operator who comes only now, over a connection of his own. Whichever loop it falls to, an idle one has to go for it. */
static void operator_gets_in(void)
{
	int status = 0;
	struct client *fresh = NULL;
	struct buf answer = {0};
	const struct client_options options = {.url = attack.v.url,
		.ca = buf_bytes(&attack.v.ca_pem),
		.certificate = buf_bytes(&attack.v.admin_pem),
		.key = attack.v.admin_key};
	attack.err = (struct err){0};
	assert_ok(client_new(&options, &fresh, &attack.err), attack.err);
	assert_ok(client_request(fresh, "/v1/hosts", NULL, (struct bytes){0}, &answer, &status,
			  &attack.err),
		attack.err);
	client_free(&fresh);
	buf_release(&answer);
	assert_int_equal(status, 200);
}

static void S13__all_descriptors_taken__the_connected_are_served_without_spinning(void **state)
{
	(void)state;
	attack_honest(attack.host);
	exhaust();
	attack_honest(attack.host);
	long used = cpu_ms();
	(void)usleep(1000000);
	assert_true(files() < FILES_MAX); /* the store's own are never taken */
	used = cpu_ms() - used;
	if (used > 250)
		fail_msg("%ld ms of processor in a second of doing nothing", used);
	attack_honest(attack.host);
}

static void S13__descriptors_taken_by_idle_clients__an_operator_gets_in(void **state)
{
	(void)state;
	exhaust();
	operator_gets_in();
	attack_honest(attack.host);
}

static void S13__idle_clients_gone__new_ones_are_served_at_once(void **state)
{
	(void)state;
	exhaust();
	idle_release();
	for (int i = 0; i < 200 && files() > FILES_MAX / 2; i++)
		(void)usleep(10000);
	struct sw_host *stranger = attack_host();
	attack_honest(stranger);
	sw_host_free(&stranger);
}

/* They need not go by themselves: who does not even shake hands is cut, and those who waited behind him get their turn. */
static void S13__idle_clients_stay__cut_at_the_deadline(void **state)
{
	(void)state;
	exhaust();
	for (size_t i = 0; i < IDLE_MAX; i++) {
		struct pollfd cut = {.fd = idle[i], .events = POLLIN};
		assert_int_equal(poll(&cut, 1, 90000), 1);
	}
	struct sw_host *stranger = attack_host();
	attack_honest(stranger);
	sw_host_free(&stranger);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(S13__all_descriptors_taken__the_connected_are_served_without_spinning),
		T(S13__descriptors_taken_by_idle_clients__an_operator_gets_in),
		T(S13__idle_clients_gone__new_ones_are_served_at_once),
		T(S13__idle_clients_stay__cut_at_the_deadline),
	};
	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
