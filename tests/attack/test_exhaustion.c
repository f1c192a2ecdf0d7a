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

#define FILES_MAX 64
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

/* Sends nothing and waits: the kernel takes more of them than the verifier can. */
static void exhaust(void)
{
	for (size_t i = 0; i < IDLE_MAX; i++)
		idle[i] = connect_to(attack.v.port);
	for (int i = 0; i < 200 && files() < FILES_MAX; i++)
		(void)usleep(10000);
	assert_int_equal(files(), FILES_MAX);
}

static void S13__all_descriptors_taken__the_connected_are_served_without_spinning(void **state)
{
	(void)state;
	attack_honest(attack.host);
	exhaust();
	attack_honest(attack.host);
	assert_int_equal(files(), FILES_MAX);
	long used = cpu_ms();
	(void)usleep(1000000);
	assert_int_equal(files(), FILES_MAX);
	used = cpu_ms() - used;
	if (used > 250)
		fail_msg("%ld ms of processor in a second of doing nothing", used);
	attack_honest(attack.host);
}

static void S13__idle_clients_gone__new_ones_are_served_at_once(void **state)
{
	(void)state;
	exhaust();
	idle_release();
	struct sw_host *stranger = attack_host();
	attack_honest(stranger);
	sw_host_free(&stranger);
}

/* They need not go by themselves: who does not even shake hands is cut, and whoever waited behind him gets his turn. */
static void S13__idle_clients_stay__cut_at_the_deadline(void **state)
{
	(void)state;
	exhaust();
	uint64_t began = clock_monotonic_ms(&clock_system);
	struct sw_host *stranger = NULL;
	bool in = false;
	while (!in && clock_monotonic_ms(&clock_system) - began < 60000)
		in = verifierd_host(&attack.v, &stranger, &attack.err);
	assert_true(in);
	attack_honest(stranger);
	sw_host_free(&stranger);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(S13__all_descriptors_taken__the_connected_are_served_without_spinning),
		T(S13__idle_clients_gone__new_ones_are_served_at_once),
		T(S13__idle_clients_stay__cut_at_the_deadline),
	};
	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
