/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A TCG event log parsed, checked and replayed in one bank, and judged besides (Secure Boot's state and the boot chain): time
 * on one core. Beside it, in the same run, `tpm2_eventlog` on the same file, a process each time.
 *
 * usage: bench_firmware LOG [rounds]        (default 2000 rounds)
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "firmware/boot_chain.h"
#include "firmware/secure_boot.h"

#define TOOL_ROUNDS 20u

static double now_us(void)
{
	struct timespec t;
	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static void report(const char *what, double *values, size_t n)
{
	qsort(values, n, sizeof(*values), by_value);
	printf("%-34s median %9.1f us   10%% %9.1f   90%% %9.1f\n", what, values[n / 2],
		values[n / 10], values[n * 9 / 10]);
}

static bool replay(struct bytes in, bool judge, struct err *err)
{
	OWNED(event_log_release) struct event_log log = {0};
	OWNED(boot_chain_release) struct boot_chain chain = {0};
	OWNED(secure_boot_free) struct secure_boot *state = NULL;
	struct pcr_bank pcrs;
	if (!event_log_open(in, EVENT_LOG_TPM, DIGEST_SHA256, &log, err) ||
		!event_log_replay(&log, DIGEST_SHA256, &pcrs, err))
		return false;
	return !judge || (secure_boot_state(&log, DIGEST_SHA256, &state, err) &&
				 boot_chain_of(&log, DIGEST_SHA256, &chain, err));
}

static bool tool(const char *path)
{
	(void)fflush(stdout);
	pid_t child = fork();
	if (child == 0) {
		if (!freopen("/dev/null", "w", stdout) || !freopen("/dev/null", "w", stderr))
			_exit(127);
		(void)execlp("tpm2_eventlog", "tpm2_eventlog", path, (char *)NULL);
		_exit(127);
	}
	int status = 0;
	return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) &&
	       WEXITSTATUS(status) == 0;
}

static bool measure(struct bytes in, bool judge, double *values, size_t n, struct err *err)
{
	for (size_t i = 0; i < n; i++) {
		double start = now_us();
		if (!replay(in, judge, err))
			return false;
		values[i] = now_us() - start;
	}
	report(judge ? "parse, check, replay, judge" : "parse, check, replay", values, n);
	return true;
}

int main(int argc, char **argv)
{
	OWNED(buf_release) struct buf file = {0};
	struct err err = {0};
	size_t n = argc > 2 ? strtoul(argv[2], NULL, 10) : 2000;
	double *values = calloc(n > TOOL_ROUNDS ? n : TOOL_ROUNDS, sizeof(*values));
	bool ok = argc > 1 && n > 0 && values && file_read(argv[1], EVENT_LOG_MAX, &file, &err);
	ok = ok && measure(buf_bytes(&file), false, values, n, &err) &&
	     measure(buf_bytes(&file), true, values, n, &err);
	size_t ran = 0;
	for (; ok && ran < TOOL_ROUNDS; ran++) {
		double start = now_us();
		if (!tool(argv[1]))
			break;
		values[ran] = now_us() - start;
	}
	if (ran == TOOL_ROUNDS)
		report("tpm2_eventlog, process", values, ran);
	if (!ok)
		fprintf(stderr, "%s\n",
			err.text[0] ? err.text : "usage: bench_firmware LOG [rounds]");
	free(values);
	return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
