/* SPDX-License-Identifier: Apache-2.0 */
/* The whole path of `assay run`: measured, attested, launched; as root and as an ordinary user. */
#include "tests/unit/attest/hostd_fixture.h"

#include "attest/launch_plan.h"
#include "evidence/kept_environment.h"

/* ---- it works ---- */

static void run__trusted__caller_becomes_the_agent(void **state)
{
	struct hostd_fixture *f = *state;
	char command[1024];
	(void)snprintf(command, sizeof(command), ", -c, 'read line < %s; echo \"$line\"; exit 7'",
		tree_path("agent/model/weights"));
	fixture_spec(command, "");
	fixture_run(f, NULL, 0);
	assert_output(f, "measured weights\n");
	assert_exit(f, 7);
	assert_int_equal(f->verifier.last.purpose, PURPOSE_LAUNCH);
	assert_int_equal(f->verifier.last.components, 3); /* program, model, closure */
	assert_int_equal(f->verifier.last.launches, 1);
	assert_false(f->verifier.last.running);
	eventually(fixture_events(f).exits == 1);
}

static void run__agent_killed_by_signal__caller_sees_the_signal(void **state)
{
	struct hostd_fixture *f = *state;
	fixture_spec(", -c, 'kill -USR1 $$'", "");
	fixture_run(f, NULL, 0);
	assert_output(f, "");
	int status = fixture_wait(f);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGUSR1);
}

static void run__signal_to_the_caller__reaches_the_agent(void **state)
{
	struct hostd_fixture *f = *state;
	fixture_spec(", -c, 'trap \"echo caught; exit 3\" TERM; echo on; while :; do :; done'", "");
	fixture_run(f, NULL, 0);
	assert_string_equal(fixture_line(f), "on");
	assert_int_equal(kill(f->caller, SIGTERM), 0);
	assert_output(f, "caught\n");
	assert_exit(f, 3);
}

static void run__refused__agent_never_runs(void **state)
{
	struct hostd_fixture *f = *state;
	f->verifier.answer = FAKE_REFUSE;
	fixture_spec(", -c, 'echo I run'", "");
	fixture_run(f, NULL, 0);
	assert_output(f, FAKE_VERDICT_UNTRUSTED " ab00\n");
	assert_exit(f, EXIT_REFUSED);
	eventually(fixture_entries(tree_path("run/instances")) == 0);
}

static void run__verifier_away__error_and_no_agent(void **state)
{
	struct hostd_fixture *f = *state;
	f->verifier.answer = FAKE_AWAY;
	fixture_spec(", -c, 'echo I run'", "");
	fixture_run(f, NULL, 0);
	assert_output(f, "net: injected: connection refused\n");
	assert_exit(f, EXIT_ERROR);
}

static void run__pcr_extended_by_somebody_else__refused(void **state)
{
	struct hostd_fixture *f = *state;
	f->tpm.pcrs[15][0] ^= 1;
	fixture_spec(", -c, 'echo I run'", "");
	fixture_run(f, NULL, 0);
	assert_non_null(strstr(fixture_output(f), "conflict: PCR 15 is "));
	assert_exit(f, EXIT_ERROR);
	assert_int_equal(f->verifier.attestations, 0);
}

/* ---- the bytes that were measured are the bytes that run ---- */

static void overwrite(const char *name, const char *text)
{
	int fd = open(tree_path(name), O_WRONLY);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	(void)close(fd);
}

static void overwrite_all(void *context)
{
	(void)context;
	overwrite("agent/model/weights", "EVIL     weights\n");
	overwrite("agent/dash", "#!/bin/sh\necho EVIL\nexit 0\n");
}

static void swap_all(void *context)
{
	(void)context;
	fixture_write("agent/evil", "EVIL weights\n", 0644);
	(void)rename(tree_path("agent/evil"), tree_path("agent/model/weights"));
	fixture_write("agent/evil", "#!/bin/sh\necho EVIL\n", 0755);
	(void)rename(tree_path("agent/evil"), tree_path("agent/dash"));
	fixture_write("agent/model/extra", "EVIL\n", 0644);
	(void)rename(tree_path("agent"), tree_path("agent-gone"));
	(void)mkdir(tree_path("agent"), 0755);
	(void)mkdir(tree_path("agent/model"), 0755);
	fixture_write("agent/model/weights", "EVIL weights\n", 0644);
}

static void meddle(void **state, void (*meddling)(void *context))
{
	struct hostd_fixture *f = *state;
	char command[1024];
	f->verifier.before_answer = meddling;
	(void)snprintf(command, sizeof(command),
		", -c, 'cd %s; read line < weights; echo \"$line\" *'", tree_path("agent/model"));
	fixture_spec(command, "");
	fixture_run(f, NULL, 0);
	assert_output(f, "measured weights weights\n");
	assert_exit(f, 0);
}

/* M1 */
static void run__overwritten_in_place_after_measuring__measured_bytes_run(void **state)
{
	meddle(state, overwrite_all);
}

/* M1, M2, M8 */
static void run__swapped_after_measuring__measured_bytes_run(void **state)
{
	meddle(state, swap_all);
}

static void run__large_model__is_measured_not_copied(void **state)
{
	struct hostd_fixture *f = *state;
	char command[1024];
	f->config.copy_limit = 0;
	(void)usleep(20000); /* its change time must lie before the measuring */
	(void)snprintf(command, sizeof(command), ", -c, 'read line < %s; echo \"$line\"; read x'",
		tree_path("agent/model/weights"));
	fixture_spec(command, "");
	fixture_run(f, NULL, 0);
	assert_string_equal(fixture_line(f), "measured weights");
	eventually(fixture_state_is(f, "trusted"));
	bool more;
	json_t *all = instances_json(f->hostd->instances, true, 0, 0, &more);
	assert_int_equal(
		json_integer_value(json_object_get(json_array_get(all, 0), "not_pinned")), 1);
	json_decref(all);
}

static void run__script__runs_with_its_measured_interpreter(void **state)
{
	struct hostd_fixture *f = *state;
	char script[1024];
	(void)snprintf(
		script, sizeof(script), "#!%s -u\necho \"$0 $1\"\n", tree_path("agent/model/sh"));
	fixture_copy_program("/bin/dash", "agent/model/sh");
	fixture_write("agent/dash", script, 0755);
	fixture_spec(", word", "");
	(void)snprintf(script, sizeof(script), "%s word\n", tree_path("agent/dash"));
	fixture_run(f, NULL, 0);
	assert_output(f, script);
	assert_exit(f, 0);
}

/* ---- nothing but what the spec names reaches the agent ---- */

static void poison(struct hostd_fixture *f)
{
	(void)f;
	(void)setenv("LD_PRELOAD", "/tmp/evil.so", 1);
	(void)setenv("LD_LIBRARY_PATH", "/tmp", 1);
	(void)setenv("SECRET", "leaks", 1);
	(void)setenv("LANG", "C.UTF-8", 1);
	(void)setenv("PATH", "/tmp", 1);
	for (int fd = 20; fd < 40; fd++)
		(void)dup2(STDIN_FILENO, fd);
}

/* M16 */
static void run__poisoned_environment__agent_sees_only_the_spec(void **state)
{
	struct hostd_fixture *f = *state;
	fixture_spec(", -c, 'export -p'",
		"environment:\n  - name: LANG\n    from: caller\n  - name: MODE\n    value: "
		"strict\n  - name: ABSENT\n    from: caller\n");
	f->in_child = poison;
	fixture_run(f, NULL, 0);
	const char *output = fixture_output(f);
	assert_non_null(strstr(output, "export LANG='C.UTF-8'\n"));
	assert_non_null(strstr(output, "export MODE='strict'\n"));
	assert_non_null(strstr(output, "export LD_LIBRARY_PATH='/.assay/lib'\n"));
	assert_non_null(strstr(output, "export ASSAY_CREDENTIALS='"));
	assert_null(strstr(output, "LD_PRELOAD"));
	assert_null(strstr(output, "SECRET"));
	assert_null(strstr(output, "ABSENT"));
	assert_null(strstr(output, "/tmp/evil"));
	assert_exit(f, 0);
}

/* ---- the environment kept for auditors ---- */

struct kept_seen {
	struct key *key;
	struct buf plain;
	struct kept_environment values;
	char names[256];
	bool kept, opened;
};

static bool kept_visit(void *context, const struct runtime_record *record, struct err *err)
{
	struct kept_seen *seen = context;
	const struct runtime_launch *l = record->launch;
	if (record->kind != RUNTIME_LAUNCH)
		return true;
	seen->kept = l->kept;
	for (size_t i = 0; i < l->environment_count; i++)
		(void)snprintf(seen->names + strlen(seen->names),
			sizeof(seen->names) - strlen(seen->names), "%.*s ",
			(int)l->environment_names[i].len,
			(const char *)l->environment_names[i].data);
	seen->opened =
		l->kept && kept_environment_open(l, seen->key, &seen->plain, &seen->values, err);
	return seen->opened == l->kept;
}

static bool kept_view(void *context, const struct host_log_view *view, struct err *err)
{
	return runtime_log_walk(view->records, 0, view->pcr, kept_visit, context, err);
}

static void kept_read(struct hostd_fixture *f, struct kept_seen *seen)
{
	assert_ok(host_log_with(f->hostd->events, 0, kept_view, seen, &f->err), f->err);
}

static const char *environment_key_lines(const struct key *key)
{
	static char text[2048];
	struct buf pem = {0};
	struct err err;
	size_t at = (size_t)snprintf(text, sizeof(text), "environment_key: |\n");
	assert_ok(key_public_pem(key, &pem, &err), err);
	for (const char *line = buf_str(&pem); *line;) {
		size_t n = strcspn(line, "\n");
		at += (size_t)snprintf(text + at, sizeof(text) - at, "  %.*s\n", (int)n, line);
		line += n + (line[n] == '\n');
	}
	buf_release(&pem);
	return text;
}

/* In the order of the record's names, not in that of the spec. */
static void run__environment_key__values_kept_in_the_launch_record(void **state)
{
	struct hostd_fixture *f = *state;
	struct kept_seen seen = {0};
	char rest[4096];
	assert_ok(key_generate(KEY_EC_P256, &seen.key, &f->err), f->err);
	(void)snprintf(rest, sizeof(rest),
		"environment:\n  - name: MODE\n    value: strict\n  - name: LANG\n    from: "
		"caller\n%s",
		environment_key_lines(seen.key));
	fixture_spec(", -c, 'echo $MODE'", rest);
	f->in_child = poison;
	fixture_run(f, NULL, 0);
	assert_output(f, "strict\n");
	assert_exit(f, 0);
	kept_read(f, &seen);
	assert_true(seen.kept && seen.opened);
	assert_string_equal(seen.names, "ASSAY_CREDENTIALS LANG LD_LIBRARY_PATH MODE ");
	assert_true(bytes_equal_str(seen.values.values[1], "C.UTF-8"));
	assert_true(bytes_equal_str(seen.values.values[2], "/.assay/lib"));
	assert_true(bytes_equal_str(seen.values.values[3], "strict"));
	buf_release(&seen.plain);
	key_unref(&seen.key);
}

static void run__no_environment_key__nothing_kept(void **state)
{
	struct hostd_fixture *f = *state;
	struct kept_seen seen = {0};
	fixture_spec(", -c, 'echo here'", "");
	fixture_run(f, NULL, 0);
	assert_output(f, "here\n");
	assert_exit(f, 0);
	kept_read(f, &seen);
	assert_false(seen.kept);
}

static void big(struct hostd_fixture *f)
{
	static char value[4001];
	(void)f;
	memset(value, 'x', sizeof(value) - 1);
	for (char name[] = "A"; name[0] <= 'E'; name[0]++)
		(void)setenv(name, value, 1);
}

/* What cannot be kept as the class demands does not run. */
static void run__values_too_large_to_be_kept__no_launch(void **state)
{
	struct hostd_fixture *f = *state;
	struct key *key = NULL;
	char rest[4096];
	assert_ok(key_generate(KEY_EC_P256, &key, &f->err), f->err);
	(void)snprintf(rest, sizeof(rest),
		"environment:\n  - {name: A, from: caller}\n  - {name: B, from: caller}\n  - "
		"{name: "
		"C, from: caller}\n  - {name: D, from: caller}\n  - {name: E, from: caller}\n%s",
		environment_key_lines(key));
	fixture_spec(", -c, 'echo I run'", rest);
	f->in_child = big;
	fixture_run(f, NULL, 0);
	assert_non_null(strstr(fixture_output(f), "bytes, at most 16384 can be kept"));
	assert_exit(f, EXIT_ERROR);
	assert_int_equal(fixture_events(f).launches, 0);
	key_unref(&key);
}

static void run__descriptors_of_the_caller__closed(void **state)
{
	struct hostd_fixture *f = *state;
	fixture_write("picture", "a picture\n", 0644);
	fixture_spec(", -c, 'echo /proc/self/fd/[!012]; echo /proc/self/fd/??*; read x < \"$0\"; "
		     "echo $x', \"${image}\"",
		"arguments:\n  - name: image\n    type: file\n");
	f->in_child = poison;
	fixture_run(f, (const char *const[]){tree_path("picture")}, 1);
	/* 3 is the picture; the other one is the shell's own, of the directory that it lists. */
	assert_output(f, "/proc/self/fd/3 /proc/self/fd/4\n/proc/self/fd/??*\na picture\n");
	assert_exit(f, 0);
}

/* ---- arguments ---- */

static const struct {
	const char *arguments[3];
	size_t count;
	const char *code;
} bad_arguments[] = {
	{{NULL}, 0, "usage: "},
	{{"/etc/hostname", "--tessdata-dir=/tmp"}, 2, "usage: "},
	{{"--evil"}, 1, "usage: "},
	{{"/no/such/picture"}, 1, "usage: argument 1: /no/such/picture: No such file"},
	{{"/dev/zero"}, 1, "usage: argument 1: /dev/zero is not a regular file"},
	{{"/tmp"}, 1, "usage: argument 1: /tmp is not a regular file"},
};

static void run__bad_arguments__refused_before_anything_is_measured(void **state)
{
	struct hostd_fixture *f = *state;
	fixture_spec(", -c, 'echo I run', \"${image}\"",
		"arguments:\n  - name: image\n    type: file\n");
	for (size_t i = 0; i < ARRAY_LEN(bad_arguments); i++) {
		fixture_run(f, bad_arguments[i].arguments, bad_arguments[i].count);
		const char *output = fixture_output(f);
		if (strncmp(output, bad_arguments[i].code, strlen(bad_arguments[i].code)) != 0)
			fail_msg("case %zu: %s", i, output);
		assert_exit(f, EXIT_ERROR);
	}
	assert_int_equal(fixture_events(f).components, 0);
	assert_int_equal(f->verifier.attestations, 0);
}

static void run__unknown_or_foreign_workload__refused(void **state)
{
	struct hostd_fixture *f = *state;
	fixture_run(f, NULL, 0);
	assert_non_null(strstr(fixture_output(f), "not-found: workload agent: "));
	assert_exit(f, EXIT_ERROR);
	fixture_spec(", -c, 'echo I run'", "");
	f->release = "abc";
	fixture_run(f, NULL, 0);
	assert_non_null(strstr(fixture_output(f), "usage: release: "));
	assert_exit(f, EXIT_ERROR);
}

/* Before anything is hashed: the program, which is none, is not looked at. */
static void run__more_files_than_can_be_mounted__refused_before_it_is_measured(void **state)
{
	struct hostd_fixture *f = *state;
	f->config.copy_limit = 4096;
	for (unsigned i = 0; i < LAUNCH_BINDS_MAX; i++) {
		char path[PATH_MAX];
		(void)snprintf(path, sizeof(path), "%s/%u", tree_path("agent/model"), i);
		OWNED(fd_close) int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
		assert_true(fd >= 0 && write(fd, "1", 1) == 1);
	}
	fixture_write("agent/dash", "no program", 0755);
	fixture_spec("", "");
	fixture_run(f, NULL, 0);
	assert_output(f, "limit: component model: 4097 files, which are not copied but mounted one "
			 "by one, and "
			 "a launch has at most 4096 such files: raise copy_limit_mib in "
			 "hostd.yaml, or give it "
			 "`present: copy`\n");
	assert_exit(f, EXIT_ERROR);
	assert_int_equal(fixture_events(f).components, 0);
	assert_int_equal(fake_attestations(&f->verifier), 0);
	f->config.copy_limit = 1 << 20; /* they are copied then */
	fixture_run(f, NULL, 0);
	assert_null(strstr(fixture_output(f), "mounted one by one"));
	assert_exit(f, EXIT_ERROR);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)

static int run_all(void)
{
	const struct CMUnitTest tests[] = {
		TEST(run__trusted__caller_becomes_the_agent),
		TEST(run__agent_killed_by_signal__caller_sees_the_signal),
		TEST(run__signal_to_the_caller__reaches_the_agent),
		TEST(run__refused__agent_never_runs),
		TEST(run__verifier_away__error_and_no_agent),
		TEST(run__pcr_extended_by_somebody_else__refused),
		TEST(run__overwritten_in_place_after_measuring__measured_bytes_run),
		TEST(run__swapped_after_measuring__measured_bytes_run),
		TEST(run__large_model__is_measured_not_copied),
		TEST(run__script__runs_with_its_measured_interpreter),
		TEST(run__poisoned_environment__agent_sees_only_the_spec),
		TEST(run__environment_key__values_kept_in_the_launch_record),
		TEST(run__no_environment_key__nothing_kept),
		TEST(run__values_too_large_to_be_kept__no_launch),
		TEST(run__descriptors_of_the_caller__closed),
		TEST(run__bad_arguments__refused_before_anything_is_measured),
		TEST(run__more_files_than_can_be_mounted__refused_before_it_is_measured),
		TEST(run__unknown_or_foreign_workload__refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
BOTH_USERS(run_all)
