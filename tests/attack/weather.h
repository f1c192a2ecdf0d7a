/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bad weather: hosts that renew at a steady pace, and meanwhile clients that connect and say nothing, or say it very slowly.
 * What the hosts notice is what is measured. Used by the test and by the bench.
 */
#ifndef ASSAY_TESTS_ATTACK_WEATHER_H
#define ASSAY_TESTS_ATTACK_WEATHER_H

#include "tests/attack/attack.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#define WEATHER_HOSTS     4u
#define WEATHER_TIMES_MAX 100000u
#define WEATHER_IDLE_MAX  6000u
#define WEATHER_SLOW_MAX  400u
#define WEATHER_PACE_US   20000u /* one renewal of each host in this time */

struct weather_good {
	struct sw_host *host;
	struct sw_instance *instance;
	pthread_t thread;
	size_t count, failed;
	uint32_t us[WEATHER_TIMES_MAX / WEATHER_HOSTS];
};
static struct weather_good weather_good[WEATHER_HOSTS];
static atomic_bool weather_go;
static int weather_idle[WEATHER_IDLE_MAX];
static struct https weather_slow[WEATHER_SLOW_MAX];
static atomic_bool weather_dripping;
static atomic_uint weather_cut; /* slow ones that were cut and came again */

static inline uint64_t weather_us(void)
{
	struct timespec now;
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static inline void *weather_renew(void *arg)
{
	struct weather_good *good = arg;
	uint64_t next = weather_us();
	while (weather_go && good->count < ARRAY_LEN(good->us)) {
		struct err err = {0};
		uint64_t began = weather_us();
		if (!sw_host_attest(good->host, good->instance, &err))
			good->failed++;
		good->us[good->count++] = (uint32_t)(weather_us() - began);
		next += WEATHER_PACE_US;
		uint64_t now = weather_us();
		if (next > now)
			(void)usleep((useconds_t)(next - now));
		else
			next = now;
	}
	return NULL;
}

static int weather_compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return (x > y) - (x < y);
}

struct weather_times {
	size_t count, failed;
	double p50, p99, max; /* milliseconds */
};

/* All hosts renew for so long. */
static inline struct weather_times weather_measure(unsigned seconds)
{
	struct weather_times times = {0};
	uint32_t *all = calloc(WEATHER_TIMES_MAX, sizeof(*all));
	assert_non_null(all);
	weather_go = true;
	for (size_t i = 0; i < WEATHER_HOSTS; i++) {
		weather_good[i].count = weather_good[i].failed = 0;
		assert_int_equal(pthread_create(&weather_good[i].thread, NULL, weather_renew,
					 &weather_good[i]),
			0);
	}
	(void)sleep(seconds);
	weather_go = false;
	for (size_t i = 0; i < WEATHER_HOSTS; i++) {
		assert_int_equal(pthread_join(weather_good[i].thread, NULL), 0);
		memcpy(all + times.count, weather_good[i].us, weather_good[i].count * sizeof(*all));
		times.count += weather_good[i].count;
		times.failed += weather_good[i].failed;
	}
	assert_true(times.count > 0);
	qsort(all, times.count, sizeof(*all), weather_compare);
	times.p50 = all[times.count / 2] / 1000.0;
	times.p99 = all[times.count * 99 / 100] / 1000.0;
	times.max = all[times.count - 1] / 1000.0;
	free(all);
	return times;
}

/* Shakes hands, asks once, and keeps nothing but the socket. */
static inline void weather_idle_open(size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct https c;
		assert_true(https_open(&c, attack.v.port, attack.v.ca, NULL, NULL));
		struct https_answer a =
			https_request(&c, "GET", "/healthz", NULL, (struct bytes){0});
		assert_int_equal(a.status, 200);
		buf_release(&a.body);
		weather_idle[i] = fcntl(c.fd, F_DUPFD_CLOEXEC, 3);
		assert_true(weather_idle[i] >= 0);
		SSL_set_quiet_shutdown(c.ssl, 1);
		https_close(&c);
	}
}

static inline void weather_idle_close(size_t count)
{
	for (size_t i = 0; i < count; i++)
		(void)close(weather_idle[i]);
}

/* A request that never ends, a byte of it at a time, each time anew when it is cut. */
static inline void *weather_drip(void *arg)
{
	size_t count = *(const size_t *)arg;
	static const char head[] =
		"GET /healthz HTTP/1.1\r\nX-Slow: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
	for (size_t turn = 0; weather_dripping; turn++) {
		for (size_t i = 0; i < count && weather_dripping; i++) {
			struct https *c = &weather_slow[i];
			if (c->ssl && SSL_write(c->ssl, &head[turn % (sizeof(head) - 1)], 1) == 1)
				continue;
			weather_cut += c->ssl ? 1 : 0;
			https_close(c);
			(void)https_open(c, attack.v.port, attack.v.ca, NULL, NULL);
		}
		(void)usleep(300000);
	}
	for (size_t i = 0; i < count; i++)
		https_close(&weather_slow[i]);
	return NULL;
}

/* Resident kilobytes of the verifier. */
static inline long weather_resident(void)
{
	char path[64];
	long pages = 0, resident = 0;
	(void)snprintf(path, sizeof(path), "/proc/%d/statm", (int)attack.v.pid);
	FILE *file = fopen(path, "r");
	assert_non_null(file);
	assert_int_equal(fscanf(file, "%ld %ld", &pages, &resident), 2);
	(void)fclose(file);
	return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

static inline int weather_open(void **state)
{
	(void)state;
	attack.workload = (struct sw_workload){.name = "agent", .seed = 0x30};
	assert_ok(verifierd_new(&attack.v, &attack.err), attack.err);
	assert_ok(verifierd_configure(&attack.v, "connections_per_peer: 20000\n", &attack.err),
		attack.err);
	assert_ok(verifierd_start(&attack.v, &attack.err), attack.err);
	assert_ok(verifierd_publish(&attack.v, &attack.workload, "low", &attack.err), attack.err);
	for (size_t i = 0; i < WEATHER_HOSTS; i++) {
		weather_good[i].host = attack_host();
		weather_good[i].instance = attack_instance(weather_good[i].host);
		assert_ok(
			sw_host_attest(weather_good[i].host, weather_good[i].instance, &attack.err),
			attack.err);
	}
	return 0;
}

static inline int weather_close(void **state)
{
	for (size_t i = 0; i < WEATHER_HOSTS; i++) {
		sw_instance_free(&weather_good[i].instance);
		sw_host_free(&weather_good[i].host);
	}
	return attack_close(state);
}

struct weather_report {
	struct weather_times quiet, storm;
	long before, after; /* kilobytes resident, with no idle connection and with all of them */
};
/* A quiet time, then one with so many idle and slow clients. */
static inline struct weather_report weather_run(size_t idle, size_t slow, unsigned seconds)
{
	struct weather_report report = {0};
	pthread_t dripper;
	report.quiet = weather_measure(seconds);
	report.before = weather_resident();
	weather_idle_open(idle);
	report.after = weather_resident();
	weather_dripping = true;
	assert_int_equal(pthread_create(&dripper, NULL, weather_drip, &slow), 0);
	(void)sleep(1);
	report.storm = weather_measure(seconds);
	weather_dripping = false;
	assert_int_equal(pthread_join(dripper, NULL), 0);
	weather_idle_close(idle);
	return report;
}

#endif
