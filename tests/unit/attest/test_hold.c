/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of the process of an agent that is trusted no longer; as root and as an ordinary user. */
#include "tests/unit/attest/hostd_fixture.h"

#include "attest/instance_saved.h"

#define WAITS     ", -c, 'echo on; read x; echo off'"
#define DEAF      ", -c, 'trap \"\" TERM; echo on; while :; do read x; done'"
#define AUDIENCES "credentials: [x509, jwt]\naudience: [one.test, two.test]\n"

static void start(struct hostd_fixture *f, const char *words)
{
	f->verifier.renew_after = 1;
	fixture_spec(words, AUDIENCES);
	fixture_run(f, NULL, 0);
	assert_string_equal(fixture_line(f), "on");
	eventually(fixture_state_is(f, "trusted"));
}

static bool is_held(struct hostd_fixture *f, const char *state, const char *held)
{
	return fixture_state_is(f, state) && strcmp(fixture_instance(f, "held"), held) == 0;
}

/* It says nothing, whatever it is told. */
static void assert_frozen(struct hostd_fixture *f)
{
	struct pollfd output = {.fd = f->output, .events = POLLIN};
	assert_int_equal(write(f->input[1], "\n", 1), 1);
	assert_int_equal(poll(&output, 1, 150), 0);
	assert_int_equal(kill(f->caller, 0), 0);
	assert_int_equal(fixture_entries(fixture_instance(f, "credentials")), 0);
}

static void request_stop(struct hostd_fixture *f)
{
	OWNED(json_release) json_t *reply = NULL;
	OWNED(json_release)
	json_t *request =
		json_pack("{s:s,s:s}", "op", "stop", "instance", fixture_instance(f, "instance"));
	assert_ok(hostd_request(f->socket, request, NULL, 0, &reply, NULL, &f->err), f->err);
}

static void assert_killed(struct hostd_fixture *f, int signal)
{
	int status = fixture_wait(f);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), signal);
	eventually(fixture_events(f).exits == 1);
	eventually(fixture_state_is(f, ""));
}

static void refused__class_says_freeze__frozen_until_stopped(void **state)
{
	struct hostd_fixture *f = *state;
	f->verifier.on_refusal = END_FREEZE;
	start(f, WAITS);
	char cgroup[PATH_MAX];
	(void)snprintf(cgroup, sizeof(cgroup), "%s", fixture_instance(f, "cgroup"));
	fake_set_answer(&f->verifier, FAKE_REFUSE);
	eventually(is_held(f, "untrusted", "frozen"));
	assert_string_equal(fixture_instance(f, "reason"), "component-digest component model");
	assert_frozen(f);
	/* No answer thaws what was refused: nobody asks. */
	f->verifier.thaw = true;
	fake_set_answer(&f->verifier, FAKE_TRUST);
	fixture_pass(15000);
	assert_true(is_held(f, "untrusted", "frozen"));
	request_stop(f);
	assert_killed(f, SIGKILL);
	if (cgroup[0])
		eventually(access(cgroup, F_OK) != 0);
}

static void refused__refusal_says_other_than_before__refusal_counts(void **state)
{
	struct hostd_fixture *f = *state;
	f->verifier.on_refusal = END_FREEZE;
	f->verifier.refusal = END_STOP;
	start(f, WAITS);
	fake_set_answer(&f->verifier, FAKE_REFUSE);
	assert_killed(f, SIGTERM);
}

/* Quarantined, say: no verdict, so what was said last holds. */
static void refused__without_a_verdict__as_was_said_last(void **state)
{
	struct hostd_fixture *f = *state;
	f->verifier.on_refusal = END_STOP;
	start(f, WAITS);
	fake_set_answer(&f->verifier, FAKE_FORBID);
	assert_killed(f, SIGTERM);
}

static void refused__agent_deaf_to_sigterm__killed_after_grace(void **state)
{
	struct hostd_fixture *f = *state;
	f->hostd->stop_grace_ms = 1000000;
	f->verifier.on_refusal = END_STOP;
	start(f, DEAF);
	fake_set_answer(&f->verifier, FAKE_REFUSE);
	eventually(is_held(f, "untrusted", "stopping"));
	assert_int_equal(fixture_entries(fixture_instance(f, "credentials")), 0);
	assert_int_equal(kill(f->caller, 0), 0);
	fixture_pass(1000000);
	assert_killed(f, SIGKILL);
}

static void lease_end__class_says_freeze__goes_on_only_when_told(void **state)
{
	struct hostd_fixture *f = *state;
	f->verifier.lease = 500;
	f->verifier.on_lease_end = END_FREEZE;
	start(f, WAITS);
	fake_set_answer(&f->verifier, FAKE_AWAY);
	eventually(fixture_state_is(f, "unreachable"));
	assert_string_equal(fixture_instance(f, "held"), "");
	fixture_pass(500000);
	eventually(is_held(f, "stale", "frozen"));
	assert_frozen(f);
	unsigned before = fake_attestations(&f->verifier);
	fake_set_answer(&f->verifier, FAKE_TRUST);
	eventually(fake_attestations(&f->verifier) > before);
	(void)usleep(50000);
	assert_true(is_held(f, "stale", "frozen"));
	assert_frozen(f);
	(void)pthread_mutex_lock(&f->verifier.mutex);
	f->verifier.thaw = true;
	(void)pthread_mutex_unlock(&f->verifier.mutex);
	/* It hears now what it was told while it was frozen, and ends: that may be all there is to see. */
	eventually(is_held(f, "trusted", "") || fixture_events(f).exits == 1);
	assert_int_equal(fixture_wait(f), 0);
}

static void lease_end__class_says_stop__ended_without_a_verifier(void **state)
{
	struct hostd_fixture *f = *state;
	f->verifier.lease = 2;
	f->verifier.on_lease_end = END_STOP;
	start(f, WAITS);
	fake_set_answer(&f->verifier, FAKE_AWAY);
	assert_killed(f, SIGTERM);
}

static void lease_end__class_says_nothing__goes_on_without_credentials(void **state)
{
	struct hostd_fixture *f = *state;
	f->verifier.lease = 2;
	start(f, WAITS);
	fake_set_answer(&f->verifier, FAKE_AWAY);
	eventually(is_held(f, "stale", ""));
	assert_int_equal(fixture_entries(fixture_instance(f, "credentials")), 0);
	assert_int_equal(write(f->input[1], "\n", 1), 1);
	assert_exit(f, 0);
}

static void restart__frozen_before__stays_frozen(void **state)
{
	struct hostd_fixture *f = *state;
	f->verifier.on_refusal = END_FREEZE;
	start(f, WAITS);
	fake_set_answer(&f->verifier, FAKE_REFUSE);
	eventually(is_held(f, "untrusted", "frozen"));
	fake_set_answer(&f->verifier, FAKE_TRUST);
	fixture_hostd_stop(f);
	assert_int_equal(write(f->input[1], "\n", 1), 1);
	fixture_hostd_start(f);
	assert_true(is_held(f, "untrusted", "frozen"));
	assert_frozen(f);
	request_stop(f);
	assert_killed(f, SIGKILL);
}

/* It ended a lease while hostd did not run: the lease is not longer for that. */
static void restart__lease_ended_meanwhile__frozen(void **state)
{
	struct hostd_fixture *f = *state;
	f->verifier.lease = 2;
	f->verifier.on_lease_end = END_FREEZE;
	start(f, WAITS);
	fixture_hostd_stop(f);
	fake_set_answer(&f->verifier, FAKE_AWAY);
	fixture_pass(2100);
	fixture_hostd_start(f);
	eventually(is_held(f, "stale", "frozen"));
	assert_frozen(f);
}

/* What the agent started before is in its cgroup too. */
static void stop__with_a_child_in_the_cgroup__both_end(void **state)
{
	struct hostd_fixture *f = *state;
	f->hostd->stop_grace_ms = 200;
	f->verifier.on_refusal = END_STOP;
	start(f, ", -c, '(trap \"\" TERM HUP; read y; sleep 20 <&-; echo left) & "
		 "trap \"\" TERM; echo on; while :; do read x; done'");
	if (!fixture_instance(f, "cgroup")[0])
		skip();
	fake_set_answer(&f->verifier, FAKE_REFUSE);
	assert_killed(f, SIGKILL);
	/* The pipe ends when nobody holds it any more. */
	assert_null(strstr(fixture_output(f), "left"));
}

/* It hears that it shall end, and ends, but not what it started. */
static void stop__agent_ends_and_leaves_a_child__the_child_ends_too(void **state)
{
	struct hostd_fixture *f = *state;
	f->verifier.on_refusal = END_STOP;
	start(f, ", -c, '(trap \"\" TERM HUP; sleep 3 <&-; echo left) & "
		 "trap \"exit 0\" TERM; echo on; while :; do read x; done'");
	char cgroup[PATH_MAX];
	(void)snprintf(cgroup, sizeof(cgroup), "%s", fixture_instance(f, "cgroup"));
	if (!cgroup[0])
		skip();
	fake_set_answer(&f->verifier, FAKE_REFUSE);
	eventually(fixture_events(f).exits == 1);
	assert_exit(f, 0);
	assert_null(strstr(fixture_output(f), "left"));
	eventually(access(cgroup, F_OK) != 0);
}

/* Nobody ended it: what it started may go on, and the directory goes once that has ended, too. */
static void end__child_goes_on__its_cgroup_goes_with_it(void **state)
{
	struct hostd_fixture *f = *state;
	start(f, ", -c, '(sleep 1 <&-) & echo on; read x'");
	char cgroup[PATH_MAX];
	(void)snprintf(cgroup, sizeof(cgroup), "%s", fixture_instance(f, "cgroup"));
	if (!cgroup[0])
		skip();
	assert_int_equal(write(f->input[1], "\n", 1), 1);
	eventually(fixture_events(f).exits == 1);
	assert_exit(f, 0);
	eventually(access(cgroup, F_OK) != 0);
}

static void restart__stopped_agent_ended_meanwhile__its_child_ends_too(void **state)
{
	struct hostd_fixture *f = *state;
	f->hostd->stop_grace_ms = 1000000;
	f->verifier.on_refusal = END_STOP;
	start(f, ", -c, '(trap \"\" TERM HUP; sleep 3 <&-; echo left) & "
		 "trap \"\" TERM; echo on; read x'");
	char cgroup[PATH_MAX];
	(void)snprintf(cgroup, sizeof(cgroup), "%s", fixture_instance(f, "cgroup"));
	if (!cgroup[0])
		skip();
	fake_set_answer(&f->verifier, FAKE_REFUSE);
	eventually(is_held(f, "untrusted", "stopping"));
	fixture_hostd_stop(f);
	assert_int_equal(write(f->input[1], "\n", 1), 1);
	assert_exit(f, 0);
	fixture_hostd_start(f);
	assert_null(strstr(fixture_output(f), "left"));
	eventually(access(cgroup, F_OK) != 0);
}

/* Its first process goes elsewhere: what it started is where it was. */
static void freeze__agent_left_its_cgroup__it_and_its_child_stand_still(void **state)
{
	struct hostd_fixture *f = *state;
	char path[PATH_MAX + 32], text[256], pid[16];
	struct pollfd output;
	struct err err;
	f->verifier.on_refusal = END_FREEZE;
	start(f, ", -c, 'echo on; (while :; do echo tick; sleep 0.02 <&-; done) & read x; echo "
		 "off'");
	if (!fixture_instance(f, "cgroup")[0])
		skip();
	(void)snprintf(path, sizeof(path), "%s/../cgroup.procs", fixture_instance(f, "cgroup"));
	(void)snprintf(pid, sizeof(pid), "%d", f->caller);
	OWNED(fd_close) int fd = open(path, O_WRONLY | O_CLOEXEC);
	assert_ok(file_write_fd(fd, path, bytes_str(pid), &err), err);
	fake_set_answer(&f->verifier, FAKE_REFUSE);
	eventually(is_held(f, "untrusted", "frozen"));
	output = (struct pollfd){.fd = f->output, .events = POLLIN};
	while (poll(&output, 1, 0) == 1)
		assert_true(read(f->output, text, sizeof(text)) > 0);
	assert_frozen(f);
	request_stop(f);
	assert_killed(f, SIGKILL);
	assert_null(strstr(fixture_output(f), "off"));
}

/* A cgroup that does not freeze: its directory is not one, or the kernel never says that all stands still. */
static void take_cgroup(struct hostd_fixture *f, const char *other, char before[PATH_MAX])
{
	OWNED(instance_unref)
	struct instance *instance =
		instances_find(f->hostd->instances, fixture_instance(f, "instance"));
	char *copy = strdup(other);
	assert_non_null(instance);
	(void)pthread_mutex_lock(&instance->mutex);
	(void)snprintf(before, PATH_MAX, "%s", instance->cgroup ? instance->cgroup : "");
	free(instance->cgroup);
	instance->cgroup = copy;
	(void)pthread_mutex_unlock(&instance->mutex);
}

static void log_into(struct hostd_fixture *f, const char *name)
{
	OWNED(fd_close)
	int fd = open(tree_path(name), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0 && dup3(fd, f->log.fd, O_CLOEXEC) == f->log.fd);
}

static bool log_has(const char *name, const char *text)
{
	OWNED(buf_release) struct buf content = {0};
	struct err err;
	assert_ok(file_read(tree_path(name), 1 << 20, &content, &err), err);
	return memmem(content.data, content.len, text, strlen(text)) != NULL;
}

static void freeze__cgroup_does_not_freeze__killed_and_told_so(void **state)
{
	struct hostd_fixture *f = *state;
	char before[PATH_MAX];
	assert_int_equal(mkdir(tree_path("none"), 0700), 0);
	assert_int_equal(mkdir(tree_path("slow"), 0700), 0);
	fixture_write("slow/cgroup.freeze", "", 0600);
	fixture_write("slow/cgroup.events", "populated 1\nfrozen 0\n", 0600);
	f->verifier.on_refusal = END_FREEZE;
	static const char *const cgroups[] = {"none", "slow"};
	for (size_t i = 0; i < ARRAY_LEN(cgroups); i++) {
		fake_set_answer(&f->verifier, FAKE_TRUST);
		start(f, WAITS);
		log_into(f, "log");
		take_cgroup(f, tree_path(cgroups[i]), before);
		fake_set_answer(&f->verifier, FAKE_REFUSE);
		int status = fixture_wait(f);
		eventually(fixture_events(f).exits == i + 1);
		eventually(fixture_state_is(f, ""));
		(void)rmdir(before);
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		assert_true(log_has("log", "instance not frozen"));
		assert_true(log_has("log", "it could not be frozen"));
		assert_false(log_has("log", "instance frozen"));
	}
}

/* Whoever shows an instance, or acts on it, as it ends: nothing that he reads under its lock goes away meanwhile. False when
 * the end was missed. */
static bool stays_while_locked(struct instance *instance)
{
	for (;;) {
		(void)pthread_mutex_lock(&instance->mutex);
		bool ended = instance->state == INSTANCE_ENDED;
		const char *before = instance->cgroup;
		if (ended && before)
			(void)usleep(100000);
		bool same = instance->cgroup == before;
		(void)pthread_mutex_unlock(&instance->mutex);
		if (!same)
			fail_msg("its cgroup went while it was looked at");
		if (ended)
			return before != NULL;
	}
}

static void ends__somebody_looks_at_it__stays_until_he_has(void **state)
{
	struct hostd_fixture *f = *state;
	for (bool seen = false; !seen;) {
		start(f, WAITS);
		if (!fixture_instance(f, "cgroup")[0])
			skip();
		OWNED(instance_unref)
		struct instance *instance =
			instances_find(f->hostd->instances, fixture_instance(f, "instance"));
		assert_non_null(instance);
		assert_int_equal(kill(f->caller, SIGKILL), 0);
		(void)fixture_wait(f);
		seen = stays_while_locked(instance);
		eventually(fixture_state_is(f, ""));
	}
}

/* ---- what the kernel shows ---- */

static void process_started__name_with_parentheses__the_last_counts(void **state)
{
	static const char tail[] = " S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4711 23";
	static const char *const names[] = {"7 (dash)", "7 (a) S 9 (b)", "7 (x) R 1 1 1 1 1 1 1)"};
	uint64_t started = 0;
	struct err err;
	char text[256];
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		(void)snprintf(text, sizeof(text), "%s%s", names[i], tail);
		assert_ok(process_started_of(bytes_str(text), &started, &err), err);
		assert_int_equal(started, 4711);
	}
	static const char *const bad[] = {"", "7", "7 (x)", "7 (x) ", "7 (x) S 1 2 3"};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(process_started_of(bytes_str(bad[i]), &started, &err));
	assert_ok(process_started(getpid(), &started, &err) && started > 0, err);
}

static void cgroup_path__of_proc__or_none(void **state)
{
	static const struct {
		const char *text, *path;
	} cases[] = {{"0::/\n", "/"}, {"1:name=systemd:/x\n0::/a.slice/b\n", "/a.slice/b"},
		{"1:cpu:/x\n", NULL}, {"0::/../x\n", NULL}, {"0::/a (deleted)\n", NULL},
		{"0::x\n", NULL}, {"", NULL}};
	struct bytes path;
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(
			cgroup_path_of(bytes_str(cases[i].text), &path), cases[i].path != NULL);
		if (cases[i].path)
			assert_true(bytes_equal_str(path, cases[i].path));
	}
}

static void cgroup_mount__of_mountinfo__whole_tree_only(void **state)
{
	static const char text[] =
		"24 1 0:22 / /proc rw - proc proc rw\n"
		"30 24 0:27 /part /elsewhere rw - cgroup2 cgroup rw\n"
		"31 24 0:27 / /with\\040blank rw - cgroup2 cgroup rw\n"
		"32 24 0:28 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw\n";
	struct bytes point;
	(void)state;
	assert_true(cgroup_mount_of(bytes_str(text), &point));
	assert_true(bytes_equal_str(point, "/sys/fs/cgroup"));
	assert_false(cgroup_mount_of(bytes_str("24 1 0:22 / /proc rw - proc proc rw\n"), &point));
	assert_false(cgroup_mount_of(bytes_str("x - cgroup2 \n"), &point));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)

static int run_all(void)
{
	const struct CMUnitTest tests[] = {
		TEST(refused__class_says_freeze__frozen_until_stopped),
		TEST(refused__refusal_says_other_than_before__refusal_counts),
		TEST(refused__without_a_verdict__as_was_said_last),
		TEST(refused__agent_deaf_to_sigterm__killed_after_grace),
		TEST(lease_end__class_says_freeze__goes_on_only_when_told),
		TEST(lease_end__class_says_stop__ended_without_a_verifier),
		TEST(lease_end__class_says_nothing__goes_on_without_credentials),
		TEST(restart__frozen_before__stays_frozen),
		TEST(restart__lease_ended_meanwhile__frozen),
		TEST(stop__with_a_child_in_the_cgroup__both_end),
		TEST(stop__agent_ends_and_leaves_a_child__the_child_ends_too),
		TEST(end__child_goes_on__its_cgroup_goes_with_it),
		TEST(restart__stopped_agent_ended_meanwhile__its_child_ends_too),
		TEST(freeze__agent_left_its_cgroup__it_and_its_child_stand_still),
		TEST(freeze__cgroup_does_not_freeze__killed_and_told_so),
		TEST(ends__somebody_looks_at_it__stays_until_he_has),
		cmocka_unit_test(process_started__name_with_parentheses__the_last_counts),
		cmocka_unit_test(cgroup_path__of_proc__or_none),
		cmocka_unit_test(cgroup_mount__of_mountinfo__whole_tree_only),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
BOTH_USERS(run_all)
