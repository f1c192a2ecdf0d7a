/* SPDX-License-Identifier: Apache-2.0 */
/* assay-hostd: see docs/hostd.md. */
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "attest/hostd.h"
#include "base/file.h"
#include "base/text.h"

#define EXIT_USAGE  2
#define EXIT_FAILED 3
#define KEPT_FIRST  3 /* SD_LISTEN_FDS_START */
#define KEPT_MAX    4096u

static const char usage[] =
	"usage: assay-hostd [--config FILE] [--check]\n"
	"Measures, attests and launches workloads on this host. FILE: /etc/assay/hostd.yaml\n"
	"  --check    read the configuration, say what is wrong with it, and end\n"
	"  --version  print the version\n";

struct arguments {
	const char *config, *wrong;
	bool check, done;
};

static bool parse(int argc, char **argv, struct arguments *ret)
{
	*ret = (struct arguments){.config = "/etc/assay/hostd.yaml"};
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--config") == 0 && i + 1 < argc)
			ret->config = argv[++i];
		else if (strcmp(argv[i], "--check") == 0)
			ret->check = true;
		else if (strcmp(argv[i], "--version") == 0)
			ret->done = puts("assay-hostd " ASSAY_VERSION) >= 0;
		else if (strcmp(argv[i], "--help") == 0)
			ret->done = fputs(usage, stdout) >= 0;
		else {
			ret->wrong = argv[i];
			return false;
		}
	}
	return true;
}

/* SIGTERM and SIGINT as a descriptor; keys stay out of core files and out of the reach of processes of the same user. */
static int prepare_process(void)
{
	/* The TSS writes its own lines to standard error; what matters of them is in our log. */
	(void)setenv("TSS2_LOG", "all+none", 0);
	sigset_t stop;
	(void)sigemptyset(&stop);
	(void)sigaddset(&stop, SIGTERM);
	(void)sigaddset(&stop, SIGINT);
	(void)sigprocmask(SIG_BLOCK, &stop, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	(void)umask(022);
	/* Many threads that live shortly: one arena does, and gives back what they used. */
	(void)mallopt(M_ARENA_MAX, 1);
	(void)mallopt(M_TRIM_THRESHOLD, 256 << 10);
	(void)mallopt(M_MMAP_THRESHOLD, 128 << 10);
	return signalfd(-1, &stop, SFD_CLOEXEC);
}

static void on_ready(void *context)
{
	const struct log *log = context;
	struct err err;
	log_event(log, LOG_LEVEL_INFO, "ready", {"version", BYTES_LIT(ASSAY_VERSION)});
	if (!hostd_notify(getenv("NOTIFY_SOCKET"), "READY=1\nSTATUS=ready", &err))
		log_event(log, LOG_LEVEL_WARNING, "service manager not told",
			{"error", bytes_str(err.text)});
}

/* What the service manager kept for an earlier run: it says for which process, and nothing of it goes on to programs that
 * are started. */
static unsigned kept_descriptors(void)
{
	const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
	uint64_t whose = 0, count = 0;
	if (!pid || !fds || !text_decimal(bytes_str(pid), &whose) || whose != (uint64_t)getpid() ||
		!text_decimal(bytes_str(fds), &count) || count > KEPT_MAX)
		return 0;
	for (uint64_t i = 0; i < count; i++)
		(void)fcntl(KEPT_FIRST + (int)i, F_SETFD, FD_CLOEXEC);
	return (unsigned)count;
}

static bool run(const struct arguments *arguments, int stop, struct err *err)
{
	OWNED(hostd_config_release) struct hostd_config config = {0};
	OWNED(hostd_free) struct hostd *hostd = NULL;
	if (!hostd_config_load(arguments->config, &config, err))
		return false;
	struct log log = {.fd = STDERR_FILENO, .level = config.log_level, .json = config.log_json};
	struct hostd_options options = {.config = &config,
		.log = &log,
		.notify = getenv("NOTIFY_SOCKET"),
		.kept_count = kept_descriptors(),
		.kept_names = getenv("LISTEN_FDNAMES")};
	if (arguments->check)
		return true;
	return hostd_new(&options, &hostd, err) && hostd_run(hostd, stop, on_ready, &log, err);
}

int main(int argc, char **argv)
{
	struct arguments arguments;
	struct err err;
	if (!parse(argc, argv, &arguments)) {
		(void)fprintf(stderr, "assay-hostd: %s is no option, or lacks its value\n%s",
			ESC(bytes_str(arguments.wrong)), usage);
		return EXIT_USAGE;
	}
	if (arguments.done)
		return EXIT_SUCCESS;
	OWNED(fd_close) int stop = prepare_process();
	if (run(&arguments, stop, &err))
		return EXIT_SUCCESS;
	(void)fprintf(stderr, "assay-hostd: %s\n", err.text);
	return EXIT_FAILED;
}
