/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hostd in a thread of the test, on a fake TPM, before a fake verifier, and an agent: a copy of dash, with a model in a
 * directory. `assay run` is a forked child that calls launch_run and, if trusted, becomes the agent.
 */
#ifndef ASSAY_TESTS_HOSTD_FIXTURE_H
#define ASSAY_TESTS_HOSTD_FIXTURE_H

#include "tests/support/unit.h"

#include "attest/hostd_state.h"
#include "attest/launch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "base/time.h"
#include "tests/support/fork_threads.h"
#include "tests/unit/attest/fake_verifier.h"
#include "tests/unit/attest/scratch_tree.h"

#define NOBODY       65534
#define EXIT_REFUSED 41 /* of the forked caller */
#define EXIT_ERROR   42
#define RELEASE_HEX  "1111111111111111111111111111111111111111111111111111111111111111"
#define OUTPUT_MAX   65536

/* The machine's clock, and ahead of it: for hostd and its verifier time passes as the test has it, and while it waits. */
static _Atomic uint64_t fixture_ahead_ms;

static int64_t fixture_wall(const struct clock *clock)
{
	(void)clock;
	return clock_wall(&clock_system) + (int64_t)(fixture_ahead_ms / 1000);
}

static uint64_t fixture_monotonic_ms(const struct clock *clock)
{
	(void)clock;
	return clock_monotonic_ms(&clock_system) + fixture_ahead_ms;
}

static const struct clock_ops fixture_clock_ops = {
	.wall = fixture_wall, .monotonic_ms = fixture_monotonic_ms};
static const struct clock fixture_clock = {.ops = &fixture_clock_ops};
#define FIXTURE_LOOK_MS 5 /* hostd looks at it so often */

struct hostd_fixture {
	struct fake_tpm tpm;
	struct fake_verifier verifier;
	struct hostd_config config;
	struct log log;
	struct hostd *hostd;
	pthread_t thread;
	int stop;
	bool running;
	sem_t ready;
	char socket[PATH_MAX];
	/* Of the last run: */
	pid_t caller;
	int output; /* standard output and error of the agent */
	int input[2]; /* its standard input, a pipe: it can wait for a line */
	const char *credentials, *release;
	void (*in_child)(struct hostd_fixture *f); /* before launch_run */
	const char *notify, *kept_names; /* of the next hostd */
	unsigned kept_count;
	uint64_t stop_grace_ms;
	struct err err;
};

static void fixture_ready(void *context)
{
	struct hostd_fixture *f = context;
	(void)sem_post(&f->ready);
}

static void *fixture_serve(void *context)
{
	struct hostd_fixture *f = context;
	struct err err;
	if (!hostd_run(f->hostd, f->stop, fixture_ready, f, &err)) {
		print_error("hostd: %s\n", err.text);
		(void)sem_post(&f->ready);
	}
	return NULL;
}

static inline char *fixture_text(const char *text)
{
	char *copy = strdup(text);
	assert_non_null(copy);
	return copy;
}

static inline void fixture_write(const char *name, const char *text, mode_t mode)
{
	struct err err;
	assert_ok(file_write_atomic(tree_path(name), bytes_str(text), mode, &err), err);
}

/* The words of the command behind the program, and what else the spec says. `$` is the shell's, `${` the spec's. */
static inline void fixture_spec(const char *words, const char *rest)
{
	char text[8192], command[4096];
	size_t len = 0;
	for (const char *c = words; *c; c++) {
		if (*c == '$' && c[1] != '{')
			command[len++] = '$';
		command[len++] = *c;
	}
	command[len] = '\0';
	(void)snprintf(text, sizeof(text),
		"workload: agent\ncommand: [%s%s]\n%s\ncomponents:\n  - name: program\n    role: "
		"binary\n    path: %s\n"
		"  - name: model\n    role: model\n    path: %s\n",
		tree_path("agent/dash"), command, rest, tree_path("agent/dash"),
		tree_path("agent/model"));
	fixture_write("workloads/agent.yaml", text, 0644);
}

static inline void fixture_hostd_start(struct hostd_fixture *f)
{
	struct enrolment enrolment = {
		.state = HOST_ACTIVE, .host_id = {0x77}, .verifier_id = "verifier.test"};
	struct hostd_options options = {.config = &f->config,
		.log = &f->log,
		.tpm = &f->tpm.tpm,
		.connect = fake_connect,
		.context = &f->verifier,
		.enrolment = &enrolment,
		.notify = f->notify,
		.clock = &fixture_clock,
		.kept_count = f->kept_count,
		.kept_names = f->kept_names};
	assert_ok(hostd_new(&options, &f->hostd, &f->err), f->err);
	f->hostd->idle_ms = FIXTURE_LOOK_MS;
	if (f->stop_grace_ms)
		f->hostd->stop_grace_ms = f->stop_grace_ms;
	f->stop = eventfd(0, EFD_CLOEXEC);
	assert_int_equal(pthread_create(&f->thread, NULL, fixture_serve, f), 0);
	f->running = true;
	(void)sem_wait(&f->ready);
}

/* Sockets order the threads in truth, but not in the eyes of the thread sanitizer: locks that both sides take do. */
static inline void fixture_meet(struct hostd_fixture *f)
{
	if (!f->running)
		return;
	pthread_mutex_t *const both[] = {&f->hostd->connections_mutex, &f->verifier.mutex};
	for (size_t i = 0; i < ARRAY_LEN(both); i++) {
		(void)pthread_mutex_lock(both[i]);
		(void)pthread_mutex_unlock(both[i]);
	}
}

static inline void fixture_hostd_stop(struct hostd_fixture *f)
{
	uint64_t one = 1;
	if (!f->running)
		return;
	fixture_meet(f);
	f->running = false;
	(void)!write(f->stop, &one, sizeof(one));
	(void)pthread_join(f->thread, NULL);
	fd_close(&f->stop);
	hostd_free(&f->hostd);
}

static inline void fixture_copy_program(const char *from, const char *name)
{
	OWNED(buf_release) struct buf content = {0};
	struct err err;
	assert_ok(file_read(from, 64u << 20, &content, &err), err);
	assert_ok(file_write_atomic(tree_path(name), buf_bytes(&content), 0755, &err), err);
}

static inline int fixture_set_up(void **state)
{
	struct hostd_fixture *f = calloc(1, sizeof(*f));
	if (tree_make(state) != 0 || chmod(tree_root, 0755) != 0)
		return -1;
	static const char *const directories[] = {"agent", "agent/model", "workloads", "kept"};
	for (size_t i = 0; i < ARRAY_LEN(directories); i++) {
		if (mkdir(tree_path(directories[i]), 0755) != 0)
			return -1;
	}
	fixture_copy_program("/bin/dash", "agent/dash");
	fixture_write("agent/model/weights", "measured weights\n", 0644);
	fixture_write("workloads/agent.release", RELEASE_HEX "\n", 0644);
	(void)sem_init(&f->ready, 0, 0);
	fake_tpm_init(&f->tpm);
	struct buf ak = {0};
	if (!fake_ak(&f->tpm.tpm, NULL, &ak, &f->err) ||
		!fake_verifier_init(&f->verifier, &f->tpm, &f->err))
		return -1;
	buf_release(&ak);
	f->verifier.clock = &fixture_clock;
	f->config = (struct hostd_config){.verifier = fixture_text("https://verifier.test"),
		.state_dir = fixture_text(tree_path("state")),
		.run_dir = fixture_text(tree_path("run")),
		.workloads_dir = fixture_text(tree_path("workloads")),
		.socket = fixture_text(tree_path("run/hostd.sock")),
		.bank = DIGEST_SHA256,
		.copy_limit = 64u << 20,
		.hash_threads = 1};
	(void)snprintf(f->socket, sizeof(f->socket), "%s", f->config.socket);
	f->log = (struct log){.fd = open(getenv("ASSAY_TEST_LOG") ? "/dev/stderr" : "/dev/null",
				      O_WRONLY | O_CLOEXEC),
		.level = LOG_LEVEL_DEBUG};
	f->output = -1;
	if (pipe2(f->input, O_CLOEXEC) != 0)
		return -1;
	*state = f;
	fixture_hostd_start(f);
	return 0;
}

static inline int fixture_tear_down(void **state)
{
	struct hostd_fixture *f = *state;
	if (f->caller > 0) {
		(void)kill(f->caller, SIGKILL);
		(void)waitpid(f->caller, NULL, 0);
	}
	fixture_hostd_stop(f);
	fd_close(&f->output);
	fd_close(&f->input[0]);
	fd_close(&f->input[1]);
	fd_close(&f->log.fd);
	hostd_config_release(&f->config);
	fake_verifier_release(&f->verifier);
	tpm_sw_key_free(&f->tpm.ak);
	if (f->verifier.failed[0])
		print_error("evidence: %s\n", f->verifier.failed);
	free(f);
	return tree_remove(state);
}

/* ---- assay run ---- */

static void fixture_verdict(void *context, struct bytes json, bool trusted, const char *record)
{
	(void)context;
	if (!trusted)
		(void)printf("%.*s %.4s\n", (int)json.len, (const char *)json.data, record);
	(void)fflush(stdout);
}

static inline void fixture_become_nobody(void)
{
	if (setgroups(0, NULL) != 0 || setresgid(NOBODY, NOBODY, NOBODY) != 0 ||
		setresuid(NOBODY, NOBODY, NOBODY) != 0 ||
		prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) != 0) /* as it is after an exec */
		_exit(99);
}

static inline void fixture_child(
	struct hostd_fixture *f, const char *const *arguments, size_t count)
{
	struct launch_options options = {.socket_path = f->socket,
		.workload = "agent",
		.release = f->release,
		.arguments = arguments,
		.argument_count = count,
		.credentials = f->credentials,
		.verdict = fixture_verdict};
	struct err err;
	if (f->in_child)
		f->in_child(f);
	bool refused = launch_run(&options, &err);
	if (!refused)
		(void)printf("%s: %s\n", err_code_name(err.code), err.text);
	(void)fflush(stdout);
	_exit(refused ? EXIT_REFUSED
		      : EXIT_ERROR); /* a fork of threads: nothing of theirs is torn down here */
}

static inline void fixture_run(struct hostd_fixture *f, const char *const *arguments, size_t count)
{
	int ends[2];
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	fd_close(&f->output);
	(void)fflush(stdout);
	fixture_meet(f);
	f->caller = fork_beside_threads();
	if (f->caller == 0) {
		(void)dup2(f->input[0], STDIN_FILENO);
		(void)dup2(ends[1], STDOUT_FILENO);
		(void)dup2(ends[1], STDERR_FILENO);
		fixture_child(f, arguments, count);
	}
	(void)close(ends[1]);
	f->output = ends[0];
}

/* What the agent wrote until it ended. */
static inline const char *fixture_output(struct hostd_fixture *f)
{
	static char text[OUTPUT_MAX];
	size_t len = 0;
	for (;;) {
		ssize_t n = read(f->output, text + len, sizeof(text) - 1 - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		len += (size_t)n;
	}
	text[len] = '\0';
	return text;
}

/* The next line of the agent that goes on running. */
static inline const char *fixture_line(struct hostd_fixture *f)
{
	static char text[4096];
	size_t len = 0;
	while (len < sizeof(text) - 1 && read(f->output, text + len, 1) == 1 && text[len] != '\n')
		len++;
	text[len] = '\0';
	return text;
}

static inline int fixture_wait(struct hostd_fixture *f)
{
	int status = -1;
	assert_int_equal(waitpid(f->caller, &status, 0), f->caller);
	f->caller = 0;
	fixture_meet(f);
	return status;
}

#define assert_output(f, wanted) assert_string_equal(fixture_output(f), wanted)
#define assert_exit(f, wanted)                                                                     \
	do {                                                                                       \
		int status_ = fixture_wait(f);                                                     \
		assert_true(WIFEXITED(status_));                                                   \
		assert_int_equal(WEXITSTATUS(status_), wanted);                                    \
	} while (0)

/* Waits up to ten seconds, a hundred of hostd's own, for something to become true. */
#define eventually(condition)                                                                      \
	do {                                                                                       \
		int tries_ = 0;                                                                    \
		while (!(condition) && ++tries_ < 5000) {                                          \
			fixture_ahead_ms += 18;                                                    \
			(void)usleep(2000);                                                        \
		}                                                                                  \
		if (tries_ == 5000)                                                                \
			fail_msg("never: %s", #condition);                                         \
	} while (0)

/* So long passes, and hostd has done what it does then: it looks six times. */
static inline void fixture_pass(uint64_t ms)
{
	fixture_ahead_ms += ms;
	(void)usleep(6 * FIXTURE_LOOK_MS * 1000);
}

/* ---- what hostd holds ---- */

struct fixture_events {
	size_t components, launches, exits;
	struct runtime_exit exit; /* the last */
};

static bool fixture_event(void *context, const struct runtime_record *record, struct err *err)
{
	struct fixture_events *seen = context;
	(void)err;
	seen->components += record->kind == RUNTIME_COMPONENT;
	seen->launches += record->kind == RUNTIME_LAUNCH;
	seen->exits += record->kind == RUNTIME_EXIT;
	if (record->kind == RUNTIME_EXIT)
		seen->exit = record->exit;
	return true;
}

static bool fixture_events_view(void *context, const struct host_log_view *view, struct err *err)
{
	return runtime_log_walk(view->records, 0, view->pcr, fixture_event, context, err);
}

static inline struct fixture_events fixture_events(struct hostd_fixture *f)
{
	struct fixture_events seen = {0};
	struct err err;
	assert_ok(host_log_with(f->hostd->events, 0, fixture_events_view, &seen, &err), err);
	return seen;
}

/* The one instance that runs: a text of its JSON ("" when there is none). */
static inline const char *fixture_instance(struct hostd_fixture *f, const char *key)
{
	static char text[PATH_MAX];
	bool more;
	json_t *all = instances_json(f->hostd->instances, true, 0, 0, &more);
	const char *value = json_string_value(json_object_get(json_array_get(all, 0), key));
	(void)snprintf(text, sizeof(text), "%s", value ? value : "");
	json_decref(all);
	return text;
}

static inline bool fixture_state_is(struct hostd_fixture *f, const char *state)
{
	fixture_meet(f);
	return strcmp(fixture_instance(f, "state"), state) == 0;
}

static inline size_t fixture_connections(struct hostd_fixture *f)
{
	(void)pthread_mutex_lock(&f->hostd->connections_mutex);
	size_t n = f->hostd->connection_count;
	(void)pthread_mutex_unlock(&f->hostd->connections_mutex);
	return n;
}

static inline size_t fixture_entries(const char *path)
{
	size_t count = 0;
	DIR *dir = opendir(path);
	if (!dir)
		return 0;
	while (readdir(dir))
		count++;
	(void)closedir(dir);
	return count - 2;
}

#define BOTH_USERS(run_all)                                                                        \
	int main(void)                                                                             \
	{                                                                                          \
		int failed_ = run_all();                                                           \
		if (geteuid() != 0)                                                                \
			return failed_;                                                            \
		(void)fflush(NULL);                                                                \
		pid_t again_ = fork();                                                             \
		if (again_ == 0) {                                                                 \
			fixture_become_nobody();                                                   \
			(void)printf("as an ordinary user:\n");                                    \
			exit(run_all());                                                           \
		}                                                                                  \
		int status_ = 1;                                                                   \
		(void)waitpid(again_, &status_, 0);                                                \
		return failed_ + (status_ != 0);                                                   \
	}

#endif
