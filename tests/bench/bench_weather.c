/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_weather [IDLE] [SLOW] [SECONDS]: what hosts that renew notice of idle and slow clients, and what an idle TLS connection
 * costs the verifier, which is the program beside this one.
 */
#include "tests/attack/weather.h"

int main(int argc, char **argv)
{
	size_t idle = argc > 1 ? strtoul(argv[1], NULL, 10) : 5000;
	size_t slow = argc > 2 ? strtoul(argv[2], NULL, 10) : 200;
	unsigned seconds = argc > 3 ? (unsigned)strtoul(argv[3], NULL, 10) : 20;
	if (idle > WEATHER_IDLE_MAX || slow > WEATHER_SLOW_MAX || seconds == 0)
		return 2;
	(void)signal(SIGPIPE, SIG_IGN);
	(void)weather_open(NULL);
	struct weather_report r = weather_run(idle, slow, seconds);
	printf("quiet:  %zu renewals, %zu failed, p50 %.2f ms, p99 %.2f ms, max %.2f ms\n",
		r.quiet.count, r.quiet.failed, r.quiet.p50, r.quiet.p99, r.quiet.max);
	printf("with %zu idle and %zu slow: %zu renewals, %zu failed, p50 %.2f ms, p99 %.2f ms, "
	       "max %.2f "
	       "ms; %u cut\n",
		idle, slow, r.storm.count, r.storm.failed, r.storm.p50, r.storm.p99, r.storm.max,
		(unsigned)weather_cut);
	printf("p99 moved by %.1f %%\n", 100 * (r.storm.p99 / r.quiet.p99 - 1));
	printf("resident: %ld kB, %ld kB with the idle ones: %.1f kB each\n", r.before, r.after,
		idle ? (double)(r.after - r.before) / (double)idle : 0.0);
	return weather_close(NULL);
}
