/* SPDX-License-Identifier: Apache-2.0 */
/* The agent's sandbox: what the spec asks for is what the agent gets, what the log says and what
 * hostd looks at; as root and as an ordinary user. */
#include "tests/unit/attest/hostd_fixture.h"

#include "attest/launch_host.h"

#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/syscall.h>

/* Says what the kernel shows of it, without starting another program. */
#define LOOK                                                                                       \
	", -c, 'while read a b; do case $a in NoNewPrivs:|CapPrm:|CapEff:|CapBnd:|CapAmb:) echo "  \
	"$a $b;; esac; done < /proc/self/status; while read a b; do case $a in *:) echo dev $a;; " \
	"esac; done < /proc/net/dev; (echo x > %s) 2>/dev/null && echo wrote; echo done; read x'"

static void run(struct hostd_fixture *f, const char *rest)
{
	char command[8000];
	static char file[PATH_MAX];
	(void)snprintf(file, sizeof(file), "%s", tree_path("kept/file"));
	(void)chmod(tree_path("kept"), 0777);
	(void)snprintf(command, sizeof(command), LOOK, file);
	fixture_spec(command, rest);
	fixture_run(f, NULL, 0);
}

/* The lines up to "done". */
static const char *seen(struct hostd_fixture *f)
{
	static char text[8192];
	text[0] = '\0';
	for (int i = 0; i < 64; i++) {
		const char *line = fixture_line(f);
		if (!line[0] || strcmp(line, "done") == 0)
			break;
		(void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s\n", line);
	}
	return text;
}

static void go_on(struct hostd_fixture *f)
{
	assert_int_equal(write(f->input[1], "\n", 1), 1);
	(void)fixture_output(f);
	(void)fixture_wait(f);
}

static bool take_launch(void *context, const struct runtime_record *record, struct err *err)
{
	unsigned *sandbox = context;
	(void)err;
	if (record->kind == RUNTIME_LAUNCH)
		*sandbox = record->launch->sandbox;
	return true;
}

static bool view_launch(void *context, const struct host_log_view *view, struct err *err)
{
	return runtime_log_walk(view->records, 0, view->pcr, take_launch, context, err);
}

static unsigned logged(struct hostd_fixture *f)
{
	unsigned sandbox = 0;
	struct err err;
	assert_ok(host_log_with(f->hostd->events, 0, view_launch, &sandbox, &err), err);
	return sandbox;
}

#define NO_CAPABILITIES                                                                            \
	"CapPrm: 0000000000000000\nCapEff: 0000000000000000\nCapBnd: 0000000000000000\n"           \
	"CapAmb: 0000000000000000\nNoNewPrivs: 1\n"

static void assert_begins(const char *text, const char *wanted)
{
	if (strncmp(text, wanted, strlen(wanted)) != 0)
		fail_msg("wanted \"%s…\", got \"%s\"", wanted, text);
}

static void sandbox__none__no_new_privs_all_the_same(void **state)
{
	struct hostd_fixture *f = *state;
	run(f, "");
	const char *text = seen(f);
	assert_non_null(strstr(text, "NoNewPrivs: 1\n"));
	assert_non_null(strstr(text, "wrote\n"));
	assert_int_equal(logged(f), SANDBOX_NO_NEW_PRIVS);
	go_on(f);
}

static void sandbox__everything__confined_and_logged(void **state)
{
	struct hostd_fixture *f = *state;
	run(f, "sandbox: {network: none, filesystem: read-only}");
	assert_string_equal(seen(f), NO_CAPABILITIES "dev lo:\n");
	assert_int_equal(logged(f), SANDBOX_ALL);
	eventually(fixture_state_is(f, "trusted"));
	go_on(f);
}

/* As root: what a caller hands down would come back at execve, bounding set or not. */
static void inherit_capabilities(struct hostd_fixture *f)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3];
	(void)f;
	if (syscall(SYS_capget, &header, sets) != 0)
		_exit(97);
	for (size_t i = 0; i < ARRAY_LEN(sets); i++)
		sets[i].inheritable = sets[i].permitted;
	if (syscall(SYS_capset, &header, sets) != 0)
		_exit(97);
}

static void sandbox__capabilities_that_are_inherited__dropped_too(void **state)
{
	struct hostd_fixture *f = *state;
	f->in_child = inherit_capabilities;
	run(f, "sandbox: {capabilities: none}");
	assert_begins(seen(f), NO_CAPABILITIES);
	eventually(fixture_state_is(f, "trusted"));
	go_on(f);
}

static void sandbox__capabilities_alone__files_stay_writable(void **state)
{
	struct hostd_fixture *f = *state;
	run(f, "sandbox: {capabilities: none, network: host}");
	const char *text = seen(f);
	assert_begins(text, NO_CAPABILITIES);
	assert_non_null(strstr(text, "wrote\n"));
	assert_int_equal(logged(f), SANDBOX_NO_NEW_PRIVS | SANDBOX_NO_CAPABILITIES);
	go_on(f);
}

static void sandbox__loopback__is_up(void **state)
{
	struct hostd_fixture *f = *state;
	fixture_spec(
		", -c, 'while read a b c; do case \"$a$b\" in *127.0.0.1) echo up;; esac; done "
		"< /proc/net/fib_trie'",
		"sandbox: {network: none}");
	fixture_run(f, NULL, 0);
	assert_non_null(strstr(fixture_output(f), "up\n"));
	(void)fixture_wait(f);
}

/* ---- a caller that only pretends ---- */

/* The system call does nothing and says that it was done. */
static void pretend(long number)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)number, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = {.len = ARRAY_LEN(filter), .filter = filter};
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
		prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
		_exit(98);
}

static void pretend_read_only(struct hostd_fixture *f)
{
	(void)f;
	pretend(SYS_mount_setattr);
}

static void sandbox__caller_that_only_pretends__gets_no_credential_and_ends(void **state)
{
	struct hostd_fixture *f = *state;
	f->in_child = pretend_read_only;
	run(f, "sandbox: {filesystem: read-only}");
	eventually(fixture_events(f).exits == 1); /* hostd has written it off all the same */
	assert_int_equal(fixture_entries(tree_path("run/instances")), 0);
	assert_string_equal(fixture_instance(f, "state"), "");
	int status = fixture_wait(f); /* it began, unconfined */
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGKILL);
}

/* ---- what hostd looks for ---- */

#define CAPS(prm, bnd)                                                                             \
	"CapInh:\t0000000000000000\nCapPrm:\t" prm "\nCapEff:\t0000000000000000\nCapBnd:\t" bnd    \
	"\nCapAmb:\t0000000000000000\n"
#define ZERO "0000000000000000"

static void status__each_line__must_be_there(void **state)
{
	static const struct {
		const char *text;
		unsigned sandbox;
		const char *why; /* NULL: it will do */
	} cases[] = {
		{"Name:\tdash\n" CAPS(ZERO, ZERO) "NoNewPrivs:\t1\n", SANDBOX_ALL, NULL},
		{"NoNewPrivs:\t1", SANDBOX_NO_NEW_PRIVS, NULL},
		{"", 0, NULL},
		{"", SANDBOX_NO_NEW_PRIVS, "NoNewPrivs:"},
		{"NoNewPrivs:\t0\n", SANDBOX_NO_NEW_PRIVS, "NoNewPrivs:"},
		{"NoNewPrivs:\t10\n", SANDBOX_NO_NEW_PRIVS, "NoNewPrivs:"},
		{"Name:\tNoNewPrivs:\t1\n", SANDBOX_NO_NEW_PRIVS, "NoNewPrivs:"},
		{CAPS("0000000000000001", ZERO), SANDBOX_NO_CAPABILITIES, "CapPrm:"},
		{CAPS(ZERO, "000001ffffffffff"), SANDBOX_NO_CAPABILITIES, "CapBnd:"},
		{"CapEff:\t0000000000000000\n", SANDBOX_NO_CAPABILITIES, "CapInh:"},
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct err err = {0};
		bool ok = sandbox_status_ok(bytes_str(cases[i].text), cases[i].sandbox, &err);
		if (ok != (cases[i].why == NULL) || (!ok && !strstr(err.text, cases[i].why)))
			fail_msg("case %zu: %s", i, err.text);
		if (!ok)
			assert_int_equal(err.code, ERR_MISMATCH);
	}
}

#define HEADING "Inter-|   Receive\n face |bytes\n"

static void network__anything_but_loopback__refused(void **state)
{
	static const struct {
		const char *text;
		bool ok;
	} cases[] = {
		{HEADING "    lo:       0\n", true},
		{HEADING, true},
		{HEADING "    lo:       0\n  eth0: 1\n", false},
		{HEADING "  lo0: 1\n", false},
		{HEADING "  xlo: 1\n", false},
		{HEADING "  lo\n", false},
		{"    lo: 0\n", false},
		{"", false},
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct err err = {0};
		if (sandbox_network_ok(bytes_str(cases[i].text), &err) != cases[i].ok)
			fail_msg("case %zu: %s", i, err.text);
		if (!cases[i].ok)
			assert_int_equal(err.code, ERR_MISMATCH);
	}
}

#define MOUNT(options) "36 35 98:0 / /mnt2 " options " master:1 - ext3 /dev/root rw\n"

static void mounts__each__must_be_read_only(void **state)
{
	static const struct {
		const char *text;
		bool ok;
	} cases[] = {
		{MOUNT("ro,noatime"), true},
		{MOUNT("ro") MOUNT("ro,nosuid"), true},
		{MOUNT("ro") MOUNT("rw,nosuid"), false},
		{MOUNT("rw,ro"), false},
		{MOUNT("rootcontext=ro"), false},
		{MOUNT("ro") "37 35 98:0 /\n", false},
		{MOUNT("ro") "\n", false},
		{"", false},
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct err err = {0};
		if (sandbox_mounts_ok(bytes_str(cases[i].text), &err) != cases[i].ok)
			fail_msg("case %zu: %s", i, err.text);
		if (!cases[i].ok)
			assert_int_equal(err.code, ERR_MISMATCH);
	}
}

/* This very process is confined in no respect. */
static void process__not_confined__refused_in_each_respect(void **state)
{
	static const struct {
		unsigned sandbox;
		const char *why;
	} cases[] = {
		{SANDBOX_NO_NEW_PRIVS, "the agent's sandbox: its process does not show NoNewPrivs"},
		{SANDBOX_NO_CAPABILITIES, "the agent's sandbox: its process does not show Cap"},
		{SANDBOX_READ_ONLY, "the agent's sandbox: a mount that its process sees"},
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct err err = {0};
		assert_false(launch_host_is_confined(getpid(), cases[i].sandbox, &err));
		if (!strstr(err.text, cases[i].why))
			fail_msg("%s", err.text);
	}
	assert_ok(launch_host_is_confined(getpid(), 0, &(struct err){0}), (struct err){0});
}

static int run_all(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)
		T(sandbox__none__no_new_privs_all_the_same),
		T(sandbox__everything__confined_and_logged),
		T(sandbox__capabilities_that_are_inherited__dropped_too),
		T(sandbox__capabilities_alone__files_stay_writable),
		T(sandbox__loopback__is_up),
		T(sandbox__caller_that_only_pretends__gets_no_credential_and_ends),
		cmocka_unit_test(status__each_line__must_be_there),
		cmocka_unit_test(network__anything_but_loopback__refused),
		cmocka_unit_test(mounts__each__must_be_read_only),
		cmocka_unit_test(process__not_confined__refused_in_each_respect),
#undef T
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

BOTH_USERS(run_all)
