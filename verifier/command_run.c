/* SPDX-License-Identifier: Apache-2.0 */
/* assay-verifierd --config FILE: the service from start to signal. */
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "verifier/activation.h"
#include "verifier/app.h"
#include "verifier/clock_step.h"
#include "verifier/housekeep.h"
#include "verifier/notify.h"
#include "verifier/only_one.h"
#include "verifier/options.h"
#include "verifier/verifier.h"
#include "verifier/watchdog.h"

#define HOUSEKEEPING_SECONDS 600
#define TICK_MS_MAX          10000u
#define DRAIN_LOOK_MS        20
#define RELOAD_READY_MS      5000u

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

/* A wall clock that jumped is worth a line: challenges and credentials are bounded all the same. */
static void watch_clock(struct app *app, struct clock_seen *seen)
{
	int64_t step = clock_step(app->clock, seen);
	char text[32];
	(void)snprintf(text, sizeof(text), "%lld", (long long)step);
	if (step > CLOCK_STEP_SECONDS || step < -CLOCK_STEP_SECONDS)
		log_event(&app->log, LOG_LEVEL_WARNING, "clock-stepped",
			{"seconds", bytes_str(text)});
}

static void housekeep_now(struct app *app)
{
	struct err err = {0};
	if (!housekeep(app, &err))
		log_event(&app->log, LOG_LEVEL_WARNING, "housekeeping-failed",
			{"error", bytes_str(err.text)});
}

/* ---- what the service is told, and tells ---- */

struct service {
	struct app *app;
	const char *path; /* of the configuration */
	const sigset_t *set;
	const char *notify;
	struct watchdog dog;
	uint64_t looked_ms, housekept_ms;
	atomic_bool reloading; /* and whoever started us waits for that */
	atomic_bool ending;
	uint64_t reload_ms;
	struct clock_seen clocks; /* watch_clock */
};

/* On any thread. */
static void reload_done(void *arg, bool all)
{
	struct service *service = arg;
	atomic_store(&service->reloading, false);
	if (atomic_load(&service->ending))
		return;
	(void)notify_send(service->notify,
		all ? "READY=1\nSTATUS=serving"
		    : "READY=1\nSTATUS=serving; the last reload was refused in part: see the log");
}

static void reload(struct service *service)
{
	char text[64];
	service->reload_ms = clock_monotonic_ms(service->app->clock);
	atomic_store(&service->reloading, true);
	(void)snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%llu",
		(unsigned long long)clock_monotonic_ms(&clock_system) * 1000);
	(void)notify_send(service->notify, text);
	app_reload(service->app, service->path, reload_done, service);
}

/* Whoever started us does not wait as long as the store is away. */
static void reload_look(struct service *service, uint64_t now)
{
	if (now - service->reload_ms < RELOAD_READY_MS ||
		!atomic_exchange(&service->reloading, false))
		return;
	(void)notify_send(service->notify,
		"READY=1\nSTATUS=serving; policy and webhooks are read again once the store "
		"answers");
}

/* A service that stands still says nothing, and is restarted for it. */
static void watch(struct service *service, uint64_t now)
{
	if (service->dog.interval_ms == 0 || now - service->looked_ms < service->dog.interval_ms)
		return;
	service->looked_ms = now;
	const char *stuck = watchdog_look(&service->dog, service->app);
	if (!stuck)
		(void)notify_send(service->notify, "WATCHDOG=1");
	else
		log_event(&service->app->log, LOG_LEVEL_ERROR, "stuck", {"part", bytes_str(stuck)});
}

static void tick(struct service *service)
{
	uint64_t now = clock_monotonic_ms(service->app->clock);
	watch_clock(service->app, &service->clocks);
	watch(service, now);
	reload_look(service, now);
	if (now - service->housekept_ms >= HOUSEKEEPING_SECONDS * 1000u) {
		service->housekept_ms = now;
		housekeep_now(service->app);
	}
}

static bool ends(int number)
{
	return number == SIGTERM || number == SIGINT;
}

static void serve_until_signal(struct service *service)
{
	uint64_t ms = service->dog.interval_ms;
	if (ms == 0 || ms > TICK_MS_MAX)
		ms = TICK_MS_MAX;
	const struct timespec interval = {
		.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000};
	for (;;) {
		int number = sigtimedwait(service->set, NULL, &interval);
		if (ends(number))
			return;
		if (number == SIGHUP)
			reload(service);
		else
			tick(service);
	}
}

/* Waits for a second order to end, at most so long. */
static bool ordered_again(const sigset_t *set, long ms)
{
	const struct timespec interval = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
	return ends(sigtimedwait(set, NULL, &interval));
}

/* Not ready first, for as long as whoever spreads the load needs to notice; then nothing new is let in and what is under way
 * is finished. The order given again ends it at once. */
static void drain(const struct service *service)
{
	struct app *app = service->app;
	const struct config *config = &app->config;
	char busy[16];
	app_drain(app, false);
	for (int64_t left = config->drain_notice * 1000 / DRAIN_LOOK_MS; left > 0; left--)
		if (ordered_again(service->set, DRAIN_LOOK_MS))
			return;
	app_drain(app, true);
	for (int64_t left = config->drain_max * 1000 / DRAIN_LOOK_MS; left > 0; left--)
		if (app_busy(app) == 0 || ordered_again(service->set, DRAIN_LOOK_MS))
			break;
	(void)snprintf(busy, sizeof(busy), "%u", app_busy(app));
	log_event(&app->log, LOG_LEVEL_INFO, "drained", {"unfinished", bytes_str(busy)});
}

static void log_serving(const struct app *app, const char *port)
{
	log_event(&app->log, LOG_LEVEL_INFO, "serving", {"address", bytes_str(app->config.address)},
		{"port", bytes_str(port)}, {"trust_domain", bytes_str(app->config.trust_domain)},
		{"version", bytes_str(ASSAY_VERSION)});
}

static void serve(struct service *service)
{
	struct app *app = service->app;
	char port[8];
	(void)snprintf(port, sizeof(port), "%u", app_port(app));
	service->notify = getenv("NOTIFY_SOCKET");
	watchdog_init(&service->dog, getenv("WATCHDOG_USEC"), getenv("WATCHDOG_PID"), getpid());
	service->clocks = clock_look(app->clock);
	service->housekept_ms = service->clocks.ms;
	log_serving(app, port);
	(void)notify_send(service->notify, "READY=1\nSTATUS=serving");
	serve_until_signal(service);
	atomic_store(&service->ending, true);
	(void)notify_send(service->notify, "STOPPING=1");
	log_event(&app->log, LOG_LEVEL_INFO, "stopping", {"port", bytes_str(port)});
	drain(service);
}

static bool run(const char *path, bool check, const sigset_t *set, struct err *err)
{
	struct activation sockets = {.metrics = -1};
	struct app_options options = {
		.clock = &clock_system, .random = &random_system, .log_fd = 2, .check = check};
	OWNED(config_release) struct config config = {0};
	OWNED(fd_close) int lock = -1; /* left after the store is closed */
	OWNED(app_close) struct app *app = NULL;
	if (!activation_take(getenv("LISTEN_PID"), getenv("LISTEN_FDS"), getenv("LISTEN_FDNAMES"),
		    getpid(), ACTIVATION_FIRST_FD, &sockets, err))
		return false;
	options.sockets = sockets.sockets;
	options.socket_count = sockets.count;
	options.metrics_socket = sockets.metrics;
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
	struct service service = {.app = app, .path = path, .set = set};
	serve(&service);
	return true;
}

static int command(int argc, char **argv, const char *name, bool check)
{
	struct option_value values[OPTIONS] = {0};
	struct err err = {0};
	bool help = false;
	if (!options_parse(argc, argv, name, specs, OPTIONS, values, &help, &err))
		return command_failed(&err);
	if (help)
		return EXIT_STATUS_DONE;
	/* Few arenas, and memory is given back: an idle verifier stays small. A little is kept, for a decision takes some
	 * 250 kB, and one that is had from the kernel and given back for each costs more than it is worth. */
	(void)mallopt(M_ARENA_MAX, 2);
	(void)mallopt(M_TRIM_THRESHOLD, 4 << 20);
	(void)mallopt(M_MMAP_THRESHOLD, 1 << 20);
	(void)umask(0077); /* the database is nobody else's to read */
	sigset_t set = signals_block();
	if (!run(values[OPTION_CONFIG].values[0], check || values[OPTION_CHECK].count > 0, &set,
		    &err))
		return command_failed(&err);
	return EXIT_STATUS_DONE;
}

int verifier_run(int argc, char **argv)
{
	return command(argc, argv, "run", false);
}

int verifier_check(int argc, char **argv)
{
	return command(argc, argv, "check", true);
}
