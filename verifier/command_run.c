/* SPDX-License-Identifier: Apache-2.0 */
/* assay-verifierd --config FILE: the service from start to signal. */
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#include "base/file.h"
#include "base/text.h"
#include "verifier/app.h"
#include "verifier/notify.h"
#include "verifier/only_one.h"
#include "verifier/options.h"
#include "verifier/verifier.h"

#define HOUSEKEEPING_SECONDS 600
#define CLOCK_STEP_SECONDS   60

enum { OPTION_CONFIG, OPTION_CHECK, OPTIONS };
static const struct option_spec specs[OPTIONS] = {
	[OPTION_CONFIG] = {"config", "FILE", "verifierd.yaml", .required = true},
	[OPTION_CHECK] = {"check", NULL,
		"read everything, say whether it is in order, and do not serve"},
};

/* Blocked before any thread starts, so that only sigtimedwait below sees them. */
static sigset_t signals_block(void)
{
	sigset_t set;
	(void)signal(SIGPIPE, SIG_IGN);
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGHUP);
	(void)pthread_sigmask(SIG_BLOCK, &set, NULL);
	return set;
}

static bool expire_work(struct store_tx *tx, void *arg, struct err *err)
{
	const int64_t *now = arg;
	return rows_expire(tx->sql, *now, err);
}

static void reload(struct app *app)
{
	struct err err = {0};
	if (app_policy_load(app, &err))
		log_event(&app->log, LOG_LEVEL_INFO, "policy-reloaded",
			{"file", bytes_str(app->config.policy)});
	else
		log_event(&app->log, LOG_LEVEL_ERROR, "policy-refused",
			{"error", bytes_str(err.text)},
			{"effect", BYTES_LIT("the policy before stays in force")});
}

/* A wall clock that jumped is worth a line: challenges and credentials are bounded all the same. */
static void watch_clock(struct app *app, int64_t *wall, uint64_t *monotonic_ms)
{
	int64_t now = clock_wall(app->clock);
	uint64_t ms = clock_monotonic_ms(app->clock);
	int64_t step = now - *wall - (int64_t)((ms - *monotonic_ms) / 1000);
	char text[32];
	(void)snprintf(text, sizeof(text), "%lld", (long long)step);
	if (step > CLOCK_STEP_SECONDS || step < -CLOCK_STEP_SECONDS)
		log_event(&app->log, LOG_LEVEL_WARNING, "clock-stepped",
			{"seconds", bytes_str(text)});
	*wall = now;
	*monotonic_ms = ms;
}

static void housekeep(struct app *app)
{
	struct err err = {0};
	int64_t now = clock_wall(app->clock);
	if (!store_run(app->store, expire_work, &now, &err))
		log_event(&app->log, LOG_LEVEL_WARNING, "housekeeping-failed",
			{"error", bytes_str(err.text)});
}

static void serve_until_signal(struct app *app, const sigset_t *set)
{
	const struct timespec interval = {.tv_sec = HOUSEKEEPING_SECONDS};
	int64_t wall = clock_wall(app->clock);
	uint64_t monotonic_ms = clock_monotonic_ms(app->clock);
	for (;;) {
		int number = sigtimedwait(set, NULL, &interval);
		if (number == SIGTERM || number == SIGINT)
			return;
		watch_clock(app, &wall, &monotonic_ms);
		if (number == SIGHUP)
			reload(app);
		else
			housekeep(app);
	}
}

static bool run(const char *path, bool check, const sigset_t *set, struct err *err)
{
	const struct app_options options = {
		.clock = &clock_system, .random = &random_system, .log_fd = 2, .check = check};
	OWNED(config_release) struct config config = {0};
	OWNED(fd_close) int lock = -1; /* left after the store is closed */
	OWNED(app_close) struct app *app = NULL;
	if (!config_load(path, &config, err) ||
		(!check && !only_one_take(config.database, &lock, err)) ||
		!app_open(&config, &options, &app, err))
		return false;
	if (check) {
		printf("%s: in order\n", path);
		return true;
	}
	if (!app_listen(app, err))
		return false;
	char port[8];
	(void)snprintf(port, sizeof(port), "%u", app_port(app));
	log_event(&app->log, LOG_LEVEL_INFO, "serving", {"address", bytes_str(app->config.address)},
		{"port", bytes_str(port)}, {"trust_domain", bytes_str(app->config.trust_domain)},
		{"version", bytes_str(ASSAY_VERSION)});
	(void)notify_send(getenv("NOTIFY_SOCKET"), "READY=1");
	serve_until_signal(app, set);
	(void)notify_send(getenv("NOTIFY_SOCKET"), "STOPPING=1");
	log_event(&app->log, LOG_LEVEL_INFO, "stopping", {"port", bytes_str(port)});
	return true;
}

int verifier_run(int argc, char **argv)
{
	struct option_value values[OPTIONS] = {0};
	struct err err = {0};
	bool help = false;
	if (!options_parse(argc, argv, "run", specs, OPTIONS, values, &help, &err))
		return command_failed(&err);
	if (help)
		return EXIT_STATUS_DONE;
	/* One arena for all threads and memory given back early: an idle verifier stays small. */
	(void)mallopt(M_ARENA_MAX, 2);
	(void)mallopt(M_TRIM_THRESHOLD, 256 << 10);
	(void)umask(0077); /* the database is nobody else's to read */
	sigset_t set = signals_block();
	if (!run(values[OPTION_CONFIG].values[0], values[OPTION_CHECK].count > 0, &set, &err))
		return command_failed(&err);
	return EXIT_STATUS_DONE;
}
