/* SPDX-License-Identifier: Apache-2.0 */
/* After the launch: credentials, renewals, exits, and callers that do not do what they should. */
#include "base/time.h"
#include "tests/unit/attest/hostd_fixture.h"

#include "attest/launch_host.h"

#define WAITS     ", -c, 'echo on; read x; echo off'"
#define AUDIENCES "credentials: [x509, jwt]\naudience: [one.test, two.test]\n"

static void start_waiting(struct hostd_fixture *f, const char *rest)
{
	fixture_spec(WAITS, rest);
	fixture_run(f, NULL, 0);
	assert_string_equal(fixture_line(f), "on");
	eventually(fixture_state_is(f, "trusted"));
}

static void let_go(struct hostd_fixture *f)
{
	assert_int_equal(write(f->input[1], "\n", 1), 1);
	assert_exit(f, 0);
}

static bool has_file(const char *directory, const char *name)
{
	char path[PATH_MAX];
	struct stat st;
	(void)snprintf(path, sizeof(path), "%s/%s", directory, name);
	return stat(path, &st) == 0 && (st.st_mode & 07777) == 0600;
}

static bool has_all(const char *directory)
{
	static const char *const names[] = {
		"svid.pem", "key.pem", "bundle.pem", "jwt-0.token", "jwt-1.token"};
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (!has_file(directory, names[i]))
			return false;
	}
	return fixture_entries(directory) == ARRAY_LEN(names);
}

/* ---- credentials ---- */

static void credentials__own_directory__filled_then_removed(void **state)
{
	struct hostd_fixture *f = *state;
	char directory[PATH_MAX];
	start_waiting(f, AUDIENCES);
	assert_int_equal(f->verifier.last.audiences, 2);
	assert_true(f->verifier.last.want_x509);
	(void)snprintf(directory, sizeof(directory), "%s", fixture_instance(f, "credentials"));
	assert_non_null(strstr(directory, "/run/instances/"));
	assert_true(has_all(directory));
	let_go(f);
	eventually(access(directory, F_OK) != 0);
	eventually(fixture_events(f).exits == 1);
	eventually(fixture_state_is(f, ""));
}

static void credentials__key_and_certificate__belong_together(void **state)
{
	struct hostd_fixture *f = *state;
	OWNED(buf_release) struct buf pem = {0}, chain = {0}, path = {0};
	struct key *key = NULL, *certified = NULL;
	struct cert *cert = NULL;
	start_waiting(f, AUDIENCES);
	assert_ok(file_read(path_join(&path, fixture_instance(f, "credentials"), "key.pem"), 4096,
			  &pem, &f->err),
		f->err);
	assert_ok(file_read(path_join(&path, fixture_instance(f, "credentials"), "svid.pem"), 8192,
			  &chain, &f->err),
		f->err);
	assert_ok(key_from_pem(buf_bytes(&pem), &key, &f->err), f->err);
	struct cert *certs[4];
	size_t count = 0;
	assert_ok(certs_from_bytes(buf_bytes(&chain), 4, certs, &count, &f->err), f->err);
	assert_int_equal(count, 2);
	cert = certs[0];
	assert_ok(cert_key(cert, &certified, &f->err), f->err);
	assert_true(key_equal(key, certified));
	key_unref(&key);
	key_unref(&certified);
	cert_unref(&certs[0]);
	cert_unref(&certs[1]);
	let_go(f);
}

static void credentials__given_directory__kept_after_exit(void **state)
{
	struct hostd_fixture *f = *state;
	f->credentials = tree_path("kept");
	start_waiting(f, AUDIENCES);
	let_go(f);
	eventually(fixture_events(f).exits == 1);
	assert_true(has_all(tree_path("kept")));
	eventually(fixture_entries(tree_path("run/instances")) == 0);
}

static void credentials__given_directory_writable_by_others__refused(void **state)
{
	struct hostd_fixture *f = *state;
	assert_int_equal(chmod(tree_path("kept"), 0777), 0);
	f->credentials = tree_path("kept");
	fixture_spec(WAITS, "");
	fixture_run(f, NULL, 0);
	assert_non_null(strstr(
		fixture_output(f), "denied: directory for credentials: others may write in"));
	assert_exit(f, EXIT_ERROR);
}

static void credentials__link_planted_in_given_directory__not_followed(void **state)
{
	struct hostd_fixture *f = *state;
	fixture_write("victim", "precious", 0600);
	assert_int_equal(symlink(tree_path("victim"), tree_path("kept/key.pem")), 0);
	assert_int_equal(symlink(tree_path("victim"), tree_path("kept/.assay-new")), 0);
	f->credentials = tree_path("kept");
	start_waiting(f, AUDIENCES);
	OWNED(buf_release) struct buf text = {0};
	assert_ok(file_read(tree_path("victim"), 100, &text, &f->err), f->err);
	assert_bytes(buf_bytes(&text), BYTES_LIT("precious"));
	assert_true(has_all(tree_path("kept")));
	let_go(f);
}

/* Where somebody else can put a directory in the way, none of our keys is written. */
static void M18__directory_above_that_others_may_change__refused(void **state)
{
	struct hostd_fixture *f = *state;
	fixture_spec(WAITS, "");
	static const char *const directories[] = {"run/instances", "run"};
	for (size_t i = 0; i < ARRAY_LEN(directories); i++) {
		assert_int_equal(chmod(tree_path(directories[i]), 01777), 0);
		fixture_run(f, NULL, 0);
		assert_non_null(strstr(fixture_output(f), "others may write in it"));
		assert_exit(f, EXIT_ERROR);
		assert_int_equal(chmod(tree_path(directories[i]), 0755), 0);
	}
	assert_int_equal(fixture_entries(tree_path("run/instances")), 0);
}

static void M18__directory_of_another_user_or_a_link__refused(void **state)
{
	struct hostd_fixture *f = *state;
	fixture_spec(WAITS, "");
	tree_directory("elsewhere");
	assert_int_equal(rename(tree_path("run/instances"), tree_path("was")), 0);
	assert_int_equal(symlink(tree_path("elsewhere"), tree_path("run/instances")), 0);
	fixture_run(f, NULL, 0);
	assert_non_null(strstr(fixture_output(f), "/run/instances: "));
	assert_exit(f, EXIT_ERROR);
	assert_int_equal(unlink(tree_path("run/instances")), 0);
	assert_int_equal(rename(tree_path("was"), tree_path("run/instances")), 0);
	assert_int_equal(fixture_entries(tree_path("elsewhere")), 0);
	if (geteuid() != 0)
		return;
	assert_int_equal(chown(tree_path("run/instances"), 65534, 65534), 0);
	fixture_run(f, NULL, 0);
	assert_non_null(strstr(fixture_output(f), "belongs to user 65534"));
	assert_exit(f, EXIT_ERROR);
	assert_int_equal(chown(tree_path("run/instances"), 0, 0), 0);
}

static void credentials__certificate_for_another_key__not_delivered(void **state)
{
	struct hostd_fixture *f = *state;
	f->verifier.other_key = true;
	fixture_spec(WAITS, "");
	fixture_run(f, NULL, 0);
	/* Perhaps before it said anything. */
	eventually(fixture_events(f).exits == 1); /* withdrawn */
	eventually(fixture_entries(tree_path("run/instances")) == 0);
	/* The log says that it ended, and so it does. */
	int status = fixture_wait(f);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGKILL);
}

/* ---- renewals ---- */

static void renewal__due__attests_again_as_running(void **state)
{
	struct hostd_fixture *f = *state;
	f->verifier.renew_after = 1;
	start_waiting(f, AUDIENCES);
	eventually(fake_attestations(&f->verifier) >= 3);
	assert_int_equal(f->verifier.last.purpose, PURPOSE_RENEW);
	assert_true(f->verifier.last.running);
	assert_int_equal(f->verifier.challenges, 1); /* each answer brings the next challenge */
	assert_true(fixture_state_is(f, "trusted"));
	assert_true(has_all(fixture_instance(f, "credentials")));
	let_go(f);
	eventually(fixture_state_is(f, ""));
	unsigned count = fake_attestations(&f->verifier);
	fixture_pass(15000);
	assert_int_equal(fake_attestations(&f->verifier), count);
}

static void renewal__refused__credentials_removed_for_good(void **state)
{
	struct hostd_fixture *f = *state;
	static const enum fake_answer answers[] = {FAKE_REFUSE, FAKE_FORBID};
	static const char *const reasons[] = {
		"component-digest component model", "injected: this host is quarantined"};
	for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
		fake_set_answer(&f->verifier, FAKE_TRUST);
		f->verifier.renew_after = 1;
		start_waiting(f, AUDIENCES);
		fake_set_answer(&f->verifier, answers[i]);
		eventually(fixture_state_is(f, "untrusted"));
		assert_string_equal(fixture_instance(f, "reason"), reasons[i]);
		assert_int_equal(fixture_entries(fixture_instance(f, "credentials")), 0);
		fake_set_answer(&f->verifier, FAKE_TRUST);
		unsigned count = fake_attestations(&f->verifier);
		fixture_pass(15000);
		assert_int_equal(fake_attestations(&f->verifier), count);
		let_go(f);
		eventually(fixture_state_is(f, ""));
	}
}

static void renewal__refused_for_what_moved_at_the_verifier__tried_again_at_once(void **state)
{
	struct hostd_fixture *f = *state;
	f->verifier.renew_after = 1;
	start_waiting(f, AUDIENCES);
	unsigned before = fake_attestations(&f->verifier);
	fake_set_agains(&f->verifier, 1);
	eventually(fake_attestations(&f->verifier) >= before + 2);
	assert_true(fixture_state_is(f, "trusted"));
	assert_true(has_all(fixture_instance(f, "credentials")));
	/* Again and again is an error: the credential is kept while it lasts. */
	fake_set_agains(&f->verifier, 1000);
	eventually(fixture_state_is(f, "unreachable"));
	assert_non_null(strstr(fixture_instance(f, "reason"), "the verifier wants other evidence"));
	assert_true(has_all(fixture_instance(f, "credentials")));
	fake_set_agains(&f->verifier, 0);
	let_go(f);
}

static void renewal__verifier_away__unreachable_then_stale(void **state)
{
	struct hostd_fixture *f = *state;
	f->verifier.renew_after = 1;
	f->verifier.lifetime = 100;
	start_waiting(f, AUDIENCES);
	fake_set_answer(&f->verifier, FAKE_AWAY);
	eventually(fixture_state_is(f, "unreachable"));
	assert_true(has_all(fixture_instance(f, "credentials")));
	fixture_pass(100000);
	eventually(fixture_state_is(f, "stale"));
	assert_int_equal(fixture_entries(fixture_instance(f, "credentials")), 0);
	let_go(f);
}

static unsigned times_busy(struct fake_verifier *v)
{
	(void)pthread_mutex_lock(&v->mutex);
	unsigned n = v->busied;
	(void)pthread_mutex_unlock(&v->mutex);
	return n;
}

/* By itself it would ask again within two and a half seconds. */
static void renewal__verifier_asks_to_wait__not_asked_before(void **state)
{
	struct hostd_fixture *f = *state;
	f->verifier.renew_after = 1;
	f->verifier.lifetime = 1000;
	start_waiting(f, AUDIENCES);
	fake_set_answer(&f->verifier, FAKE_AWAY); /* spends the challenge at hand */
	eventually(fixture_state_is(f, "unreachable"));
	fake_set_answer(&f->verifier, FAKE_BUSY);
	eventually(times_busy(&f->verifier) >= 2);
	assert_true(f->verifier.busied_at[1] - f->verifier.busied_at[0] >= 4000);
	assert_true(has_all(fixture_instance(f, "credentials")));
	fake_set_answer(&f->verifier, FAKE_TRUST);
	let_go(f);
}

static void renewal__verifier_says_gone__untrusted(void **state)
{
	struct hostd_fixture *f = *state;
	f->verifier.renew_after = 1;
	f->verifier.lifetime = 100;
	start_waiting(f, AUDIENCES);
	fake_set_answer(&f->verifier, FAKE_NO_MORE);
	eventually(fixture_state_is(f, "untrusted"));
	assert_int_equal(fixture_entries(fixture_instance(f, "credentials")), 0);
	let_go(f);
}

/* A challenge is spent with the request that carried it, whether or not its answer came. */
static void launch__answer_lost__no_credential_then_a_new_challenge(void **state)
{
	struct hostd_fixture *f = *state;
	f->credentials = tree_path("kept");
	fixture_spec(WAITS, AUDIENCES);
	fake_set_answer(&f->verifier, FAKE_LOST);
	fixture_run(f, NULL, 0);
	assert_non_null(strstr(fixture_output(f), "net: injected: connection reset"));
	assert_exit(f, EXIT_ERROR);
	assert_int_equal(fixture_entries(tree_path("kept")), 0);
	fake_set_answer(&f->verifier, FAKE_TRUST);
	f->credentials = tree_path("kept");
	start_waiting(f, AUDIENCES);
	assert_int_equal(f->verifier.challenges, 2);
	assert_true(has_all(tree_path("kept")));
	let_go(f);
}

static void renewal__answer_lost__renewed_over_a_new_challenge(void **state)
{
	struct hostd_fixture *f = *state;
	f->verifier.renew_after = 1;
	start_waiting(f, AUDIENCES);
	fake_set_answer(&f->verifier, FAKE_LOST);
	eventually(fixture_state_is(f, "unreachable"));
	assert_true(has_all(fixture_instance(f, "credentials")));
	fake_set_answer(&f->verifier, FAKE_TRUST);
	eventually(fixture_state_is(f, "trusted"));
	assert_int_equal(f->verifier.challenges, 2);
	assert_string_equal(f->verifier.failed, "");
	let_go(f);
}

/* S11: the verifier's clock was set, or ours: a new challenge, and no agent is lost. */
static void S11__renewal_with_a_challenge_too_old__renewed_over_a_new_one(void **state)
{
	struct hostd_fixture *f = *state;
	f->verifier.renew_after = 1;
	start_waiting(f, AUDIENCES);
	unsigned before = fake_attestations(&f->verifier);
	fake_set_answer(&f->verifier, FAKE_LATE);
	eventually(fake_attestations(&f->verifier) >= before + 3);
	assert_string_equal(f->verifier.failed, "");
	assert_true(fixture_state_is(f, "trusted"));
	assert_int_equal(f->verifier.challenges, 2);
	assert_true(has_all(fixture_instance(f, "credentials")));
	let_go(f);
}

/* S11: to a clock that is a day behind, our certificate is not valid yet. That passes. */
static void S11__renewal_with_a_certificate_not_valid_now__tried_again(void **state)
{
	struct hostd_fixture *f = *state;
	f->verifier.renew_after = 1;
	start_waiting(f, AUDIENCES);
	fake_set_answer(&f->verifier, FAKE_STRANGE);
	eventually(fixture_state_is(f, "unreachable"));
	assert_true(has_all(fixture_instance(f, "credentials")));
	fake_set_answer(&f->verifier, FAKE_TRUST);
	eventually(fixture_state_is(f, "trusted"));
	let_go(f);
}

/* A TPM that locks us out, or loses the log's file, says nothing about the agent. */
static void renewal__this_host_cannot_quote__no_refusal(void **state)
{
	struct hostd_fixture *f = *state;
	f->verifier.renew_after = 1;
	start_waiting(f, AUDIENCES);
	atomic_store(&f->tpm.locked, true);
	eventually(fixture_state_is(f, "unreachable"));
	assert_non_null(strstr(fixture_instance(f, "reason"), "locked out"));
	assert_true(has_all(fixture_instance(f, "credentials")));
	atomic_store(&f->tpm.locked, false);
	eventually(fixture_state_is(f, "trusted"));
	let_go(f);
}

static void renewal__unpinned_model_changed__untrusted(void **state)
{
	struct hostd_fixture *f = *state;
	f->config.copy_limit = 0;
	f->verifier.renew_after = 1;
	(void)usleep(20000);
	start_waiting(f, "");
	int fd = open(tree_path("agent/model/weights"), O_WRONLY);
	assert_int_equal(pwrite(fd, "X", 1, 0), 1);
	(void)close(fd);
	eventually(fixture_state_is(f, "untrusted"));
	assert_non_null(strstr(fixture_instance(f, "reason"),
		"agent/model/weights was measured, not pinned, and has changed since"));
	let_go(f);
}

/* ---- exits ---- */

static void exit__of_instance__recorded_with_its_status(void **state)
{
	struct hostd_fixture *f = *state;
	start_waiting(f, "");
	assert_int_equal(kill(f->caller, SIGKILL), 0);
	(void)fixture_wait(f);
	eventually(fixture_events(f).exits == 1);
	struct runtime_exit ended = fixture_events(f).exit;
	assert_true((ended.signaled && ended.status == SIGKILL) ||
		    ended.status == UINT32_MAX); /* before Linux 6.15 */
	assert_ok(host_log_usable(f->hostd->events, &f->err), f->err);
}

/* What the verifier saw last: the end of an instance, told in a renewal's words. */
static bool end_was_told(struct hostd_fixture *f)
{
	struct fake_verifier *v = &f->verifier;
	(void)pthread_mutex_lock(&v->mutex);
	bool told = v->attestations == 2 && v->last.purpose == PURPOSE_RENEW && !v->last.running &&
		    v->last.exits == 1;
	(void)pthread_mutex_unlock(&v->mutex);
	return told;
}

static void exit__verifier_wants_to_know__told_once(void **state)
{
	struct hostd_fixture *f = *state;
	f->verifier.report_end = true;
	start_waiting(f, "");
	fake_set_answer(&f->verifier, FAKE_REFUSE);
	let_go(f);
	eventually(end_was_told(f));
	assert_string_equal(f->verifier.failed, "");
	(void)usleep(50000);
	assert_int_equal(fake_attestations(&f->verifier), 2);
}

static void exit__verifier_does_not_ask__not_told(void **state)
{
	struct hostd_fixture *f = *state;
	start_waiting(f, "");
	let_go(f);
	eventually(fixture_events(f).exits == 1);
	eventually(fixture_state_is(f, ""));
	(void)usleep(50000);
	assert_int_equal(fake_attestations(&f->verifier), 1);
}

/* One try; the next agent runs as ever. */
static void exit__verifier_away_when_it_is_to_be_told__goes_on(void **state)
{
	struct hostd_fixture *f = *state;
	f->verifier.report_end = true;
	start_waiting(f, "");
	fake_set_answer(&f->verifier, FAKE_AWAY);
	let_go(f);
	eventually(fixture_state_is(f, ""));
	(void)usleep(50000);
	fake_set_answer(&f->verifier, FAKE_TRUST);
	assert_int_equal(fake_attestations(&f->verifier), 1);
	start_waiting(f, "");
	let_go(f);
	eventually(fake_attestations(&f->verifier) == 3);
}

static void stop__of_instance__ends_it(void **state)
{
	struct hostd_fixture *f = *state;
	OWNED(json_release) json_t *reply = NULL;
	start_waiting(f, "");
	OWNED(json_release)
	json_t *request =
		json_pack("{s:s,s:s}", "op", "stop", "instance", fixture_instance(f, "instance"));
	assert_ok(hostd_request(f->socket, request, NULL, 0, &reply, NULL, &f->err), f->err);
	int status = fixture_wait(f);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
}

static void hostd__ends_and_agent_too__next_hostd_cleans_up(void **state)
{
	struct hostd_fixture *f = *state;
	start_waiting(f, AUDIENCES);
	fixture_hostd_stop(f);
	assert_int_equal(fixture_entries(tree_path("run/instances")), 1);
	let_go(f);
	fixture_hostd_start(f);
	assert_int_equal(fixture_entries(tree_path("run/instances")), 0);
	assert_int_equal(fixture_events(f).exits, 1);
	assert_ok(host_log_usable(f->hostd->events, &f->err), f->err);
}

/* ---- callers that do not become the agent ---- */

static json_t *hear(struct hostd_fixture *f, int fd, const char *event, struct socket_fds *fds)
{
	for (;;) {
		json_t *message = NULL;
		assert_ok(socket_receive(fd, 10000, LAUNCH_FDS, &message, fds, &f->err), f->err);
		assert_non_null(message);
		const char *name = json_string_value(json_object_get(message, "event"));
		assert_non_null(name);
		if (strcmp(name, event) == 0)
			return message;
		assert_string_equal(name, "progress");
		json_decref(message);
	}
}

/* Speaks the protocol up to the plan. */
static int take_plan(struct hostd_fixture *f)
{
	int fd = -1;
	struct socket_fds fds = {0};
	fixture_spec(WAITS, AUDIENCES);
	json_t *run = json_pack("{s:s,s:s,s:[]}", "op", "run", "workload", "agent", "arguments");
	json_t *ready = json_pack("{s:s,s:{}}", "op", "ready", "environment");
	assert_ok(socket_connect(f->socket, &fd, &f->err), f->err);
	assert_ok(socket_send(fd, run, NULL, 0, 1000, &f->err), f->err);
	json_decref(hear(f, fd, "ask", &fds));
	assert_ok(socket_send(fd, ready, NULL, 0, 1000, &f->err), f->err);
	json_decref(hear(f, fd, "plan", &fds));
	assert_int_equal(fds.count, LAUNCH_FDS);
	for (size_t i = 0; i < fds.count; i++)
		assert_true(pwrite(fds.fd[i], "x", 1, 0) < 0); /* sealed */
	socket_fds_release(&fds);
	json_decref(run);
	json_decref(ready);
	return fd;
}

static void assert_withdrawn(struct hostd_fixture *f)
{
	eventually(fixture_events(f).exits == 1);
	eventually(fixture_entries(tree_path("run/instances")) == 0);
	eventually(fixture_state_is(f, ""));
}

/* The socket closes as if the agent had been executed, but it was not: this process still is the test. */
static void handover__socket_closed_without_exec__no_credentials(void **state)
{
	struct hostd_fixture *f = *state;
	(void)close(take_plan(f));
	assert_withdrawn(f);
}

static void handover__caller_says_it_failed__no_credentials(void **state)
{
	struct hostd_fixture *f = *state;
	int fd = take_plan(f);
	json_t *failed = json_pack("{s:s,s:s}", "op", "failed", "message", "no namespaces here");
	assert_ok(socket_send(fd, failed, NULL, 0, 1000, &f->err), f->err);
	assert_withdrawn(f);
	json_decref(failed);
	(void)close(fd);
}

static void handover__caller_executes_something_else__no_credentials(void **state)
{
	struct hostd_fixture *f = *state;
	f->caller = fork_beside_threads();
	if (f->caller == 0) {
		int fd = take_plan(f);
		(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
		(void)execl("/bin/sleep", "sleep", "20", (char *)NULL);
		_exit(1);
	}
	assert_withdrawn(f);
}

/* ---- hostile clients ---- */

static void hostile__garbage__answered_and_others_served(void **state)
{
	struct hostd_fixture *f = *state;
	static const char *const garbage[] = {"\xff\xfe", "{}", "{\"op\":5}",
		"{\"op\":\"status\",\"x\":1}", "{\"op\":\"fly\"}", "{\"op\":\"run\"}",
		"{\"op\":\"run\",\"workload\":\"../../etc/passwd\",\"arguments\":[]}",
		"{\"op\":\"run\",\"workload\":\"agent\",\"arguments\":[1]}",
		"{\"op\":\"stop\",\"instance\":\"x\"}"};
	for (size_t i = 0; i < ARRAY_LEN(garbage); i++) {
		int fd = -1;
		json_t *reply = NULL;
		struct err said = {0};
		assert_ok(socket_connect(f->socket, &fd, &f->err), f->err);
		assert_true(send(fd, garbage[i], strlen(garbage[i]), 0) > 0);
		assert_ok(socket_receive(fd, 5000, 0, &reply, NULL, &f->err), f->err);
		assert_non_null(reply);
		assert_false(socket_error_of(reply, &said));
		json_decref(reply);
		(void)close(fd);
	}
	OWNED(json_release) json_t *request = json_pack("{s:s}", "op", "status"), *reply = NULL;
	assert_ok(hostd_request(f->socket, request, NULL, 0, &reply, NULL, &f->err), f->err);
	assert_true(json_is_true(json_object_get(reply, "ok")));
	assert_string_equal(json_string_value(json_object_get(reply, "state")), "active");
}

static void hostile__silent_connections__bounded_and_others_served(void **state)
{
	struct hostd_fixture *f = *state;
	int fds[HOSTD_CONNECTIONS_MAX + 8];
	for (size_t i = 0; i < HOSTD_CONNECTIONS_MAX - 1; i++)
		assert_ok(socket_connect(f->socket, &fds[i], &f->err), f->err);
	OWNED(json_release) json_t *request = json_pack("{s:s}", "op", "status"), *reply = NULL;
	assert_ok(hostd_request(f->socket, request, NULL, 0, &reply, NULL, &f->err), f->err);
	for (size_t i = HOSTD_CONNECTIONS_MAX - 1; i < ARRAY_LEN(fds); i++)
		assert_ok(socket_connect(f->socket, &fds[i], &f->err), f->err);
	json_t *none = NULL;
	assert_false(hostd_request(f->socket, request, NULL, 0, &none, NULL, &f->err));
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		(void)close(fds[i]);
	json_release(&reply);
	eventually(hostd_request(f->socket, request, NULL, 0, &reply, NULL, &f->err));
}

static void run__by_another_user__only_where_the_spec_names_him(void **state)
{
	struct hostd_fixture *f = *state;
	struct socket_peer peer = {.uid = 4711, .gid = 4711, .pidfd = -1};
	struct connection connection = {.hostd = f->hostd, .peer = peer};
	struct launch_host launch = {
		.connection = &connection, .hostd = f->hostd, .workload = strdup("agent")};
	assert_false(launch_host_authorise(&launch, &f->err));
	assert_int_equal(f->err.code, ERR_DENIED);
	launch.spec.has_user = true;
	launch.spec.uid = 4712;
	launch.spec.user = "other";
	assert_false(launch_host_authorise(&launch, &f->err));
	assert_int_equal(f->err.code, ERR_DENIED);
	launch.spec.uid = 4711;
	assert_int_equal(launch_host_authorise(&launch, &f->err), geteuid() == 0);
	free(launch.workload);
}

static void run__as_root_for_another_user__agent_is_that_user(void **state)
{
	struct hostd_fixture *f = *state;
	if (geteuid() != 0)
		skip();
	fixture_spec(", -c, 'while [ ! -r $ASSAY_CREDENTIALS/bundle.pem ]; do :; done; while read "
		     "a b c; do "
		     "case $a in Uid:|Gid:|NoNewPrivs:|CapPrm:) echo $a $b;; esac; done < "
		     "/proc/self/status'",
		"user: nobody\n");
	fixture_run(f, NULL, 0);
	assert_output(f, "Uid: 65534\nGid: 65534\nCapPrm: 0000000000000000\nNoNewPrivs: 1\n");
	assert_exit(f, 0);
}

static void as_nobody(struct hostd_fixture *f)
{
	(void)f;
	fixture_become_nobody();
}

/* root's hostd, an ordinary caller: in a user namespace of his own, looked at from outside. */
static void run__as_ordinary_user_at_roots_hostd__only_what_is_for_him(void **state)
{
	struct hostd_fixture *f = *state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(chmod(f->socket, 0666), 0);
	f->in_child = as_nobody;
	fixture_spec(WAITS, "");
	fixture_run(f, NULL, 0);
	assert_output(f,
		"denied: workload agent may be launched by root only: its spec names no `user`\n");
	assert_exit(f, EXIT_ERROR);
	fixture_spec(WAITS, "user: daemon\n");
	fixture_run(f, NULL, 0);
	assert_output(f, "denied: workload agent may be launched by root and by user daemon\n");
	assert_exit(f, EXIT_ERROR);
	start_waiting(f, "user: nobody\n" AUDIENCES);
	struct stat st;
	assert_int_equal(stat(fixture_instance(f, "credentials"), &st), 0);
	assert_int_equal(st.st_uid, NOBODY);
	assert_true(has_all(fixture_instance(f, "credentials")));
	let_go(f);
}

/* ---- how much one user may have ---- */

static void assert_refused(struct hostd_fixture *f, const char *rest, const char *why)
{
	fixture_spec(", -c, 'echo ran'", rest);
	size_t components = fixture_events(f).components;
	unsigned asked = fake_attestations(&f->verifier);
	fixture_run(f, NULL, 0);
	const char *said = fixture_output(f);
	bool right = strstr(said, "limit: ") == said && strstr(said, why) && !strstr(said, "model");
	assert_exit(f, EXIT_ERROR);
	if (!right)
		fail_msg("%s, wanted %s", said, why);
	assert_int_equal(fixture_events(f).components, components);
	assert_int_equal(fake_attestations(&f->verifier), asked);
}

static void reserve(struct hostd_fixture *f, struct instance_place *places, size_t count, uid_t uid)
{
	for (size_t i = 0; i < count; i++) {
		places[i] = (struct instance_place){.uid = uid};
		assert_ok(instances_reserve(f->hostd->instances, &places[i], &f->err), f->err);
	}
}

static void give_back(struct hostd_fixture *f, struct instance_place *places, size_t count)
{
	for (size_t i = 0; i < count; i++)
		instances_give_back(f->hostd->instances, &places[i]);
}

/* Before anything is measured: launches under way count, and give back what they had. */
static void run__table_full__refused_before_it_is_measured(void **state)
{
	struct hostd_fixture *f = *state;
	static struct instance_place places[INSTANCES_MAX];
	reserve(f, places, INSTANCES_MAX, 0);
	assert_refused(f, "", "1024 instances run on this host or are being launched");
	instances_give_back(f->hostd->instances, &places[0]);
	start_waiting(f, "");
	let_go(f);
	eventually(fixture_state_is(f, ""));
	fake_set_answer(&f->verifier, FAKE_REFUSE);
	fixture_run(f, NULL, 0);
	(void)fixture_output(f);
	assert_exit(f, EXIT_REFUSED);
	fake_set_answer(&f->verifier, FAKE_TRUST);
	start_waiting(f, "");
	let_go(f);
	give_back(f, places, INSTANCES_MAX);
}

/* root's hostd: an ordinary user has his share, others and root have room. */
static void run__user_has_his_instances__refused_and_root_is_not(void **state)
{
	struct hostd_fixture *f = *state;
	static struct instance_place places[INSTANCES_MAX];
	const size_t others = INSTANCES_MAX - INSTANCES_OF_USER;
	if (geteuid() != 0)
		skip();
	assert_int_equal(chmod(f->socket, 0666), 0);
	reserve(f, places, INSTANCES_OF_USER, NOBODY);
	f->in_child = as_nobody;
	assert_refused(f, "user: nobody\n",
		"256 instances of user 65534 run on this host or are being launched: one "
		"user may have no more");
	f->in_child = NULL;
	start_waiting(f, "user: nobody\n");
	let_go(f);
	eventually(fixture_state_is(f, ""));
	give_back(f, places, INSTANCES_OF_USER);
	reserve(f, places, others, 4711);
	f->in_child = as_nobody;
	assert_refused(f, "user: nobody\n",
		"768 instances run on this host or are being launched: the rest is root's");
	give_back(f, places, others);
}

static void run__user_has_his_share_of_the_log__refused_and_root_is_not(void **state)
{
	struct hostd_fixture *f = *state;
	struct host_log_place place = {.uid = NOBODY, .bounded = true, .left = HOST_LOG_OF_USER};
	if (geteuid() != 0)
		skip();
	assert_int_equal(chmod(f->socket, 0666), 0);
	assert_ok(host_log_reserve(f->hostd->events, &place, &f->err), f->err);
	f->in_child = as_nobody;
	assert_refused(f, "user: nobody\n",
		"launches of user 65534 have 2097152 bytes of this boot's runtime log");
	f->in_child = NULL;
	start_waiting(f, "user: nobody\n");
	let_go(f);
	host_log_give_back(f->hostd->events, &place);
	f->in_child = as_nobody;
	start_waiting(f, "user: nobody\n");
	let_go(f);
}

static void run__log_full__refused_before_it_is_measured(void **state)
{
	struct hostd_fixture *f = *state;
	struct host_log_place place = {.left = HOST_LOG_LAUNCH_MAX - 65536};
	assert_ok(host_log_reserve(f->hostd->events, &place, &f->err), f->err);
	assert_refused(f, "", "launches stop at 7340032: restart this machine");
	host_log_give_back(f->hostd->events, &place);
	start_waiting(f, "");
	let_go(f);
}

/* ---- times ---- */

/* Whatever the verifier says, or somebody in its place. */
static void terms__times_far_away__bounded_and_ahead(void **state)
{
	static const int64_t far[] = {INT64_MAX, INT64_MAX - 1, INT64_MAX / 1000, INT64_MAX / 5, 0};
	const uint64_t most = (uint64_t)LEASE_MAX * 1000 / 10 * 11 + 1000;
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(far); i++) {
		struct instance instance = {.clock = &fixture_clock};
		struct attest_result result = {.expires = far[i]};
		struct err err;
		uint64_t now = clock_monotonic_ms(&fixture_clock);
		assert_ok(instance_schedule(&instance, far[i], &err), err);
		assert_true(instance.renew_at > now && instance.renew_at < now + most);
		instance_take_terms(&instance, &result);
		assert_true(instance.lease_at >= now && instance.lease_at < now + most);
		assert_true(far[i] == 0 || instance.lease_at > now + most / 2);
	}
}

/* What is held ends before it would be renewed: it is renewed when it ends. */
static void renewal__due_after_the_credential_ends__asked_when_it_ends(void **state)
{
	struct hostd_fixture *f = *state;
	f->verifier.renew_after = INT64_MAX;
	start_waiting(f, "");
	fixture_pass(590000);
	assert_int_equal(fake_attestations(&f->verifier), 1);
	fixture_pass(10000);
	eventually(fake_attestations(&f->verifier) == 2);
	let_go(f);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)

static int run_all(void)
{
	const struct CMUnitTest tests[] = {
		TEST(credentials__own_directory__filled_then_removed),
		TEST(credentials__key_and_certificate__belong_together),
		TEST(credentials__given_directory__kept_after_exit),
		TEST(credentials__given_directory_writable_by_others__refused),
		TEST(credentials__link_planted_in_given_directory__not_followed),
		TEST(M18__directory_above_that_others_may_change__refused),
		TEST(M18__directory_of_another_user_or_a_link__refused),
		TEST(credentials__certificate_for_another_key__not_delivered),
		TEST(renewal__due__attests_again_as_running),
		TEST(renewal__refused__credentials_removed_for_good),
		TEST(renewal__verifier_away__unreachable_then_stale),
		TEST(renewal__verifier_asks_to_wait__not_asked_before),
		TEST(renewal__verifier_says_gone__untrusted),
		TEST(renewal__refused_for_what_moved_at_the_verifier__tried_again_at_once),
		TEST(launch__answer_lost__no_credential_then_a_new_challenge),
		TEST(renewal__answer_lost__renewed_over_a_new_challenge),
		TEST(S11__renewal_with_a_challenge_too_old__renewed_over_a_new_one),
		TEST(S11__renewal_with_a_certificate_not_valid_now__tried_again),
		TEST(renewal__this_host_cannot_quote__no_refusal),
		TEST(renewal__unpinned_model_changed__untrusted),
		TEST(exit__of_instance__recorded_with_its_status),
		TEST(exit__verifier_wants_to_know__told_once),
		TEST(exit__verifier_does_not_ask__not_told),
		TEST(exit__verifier_away_when_it_is_to_be_told__goes_on),
		TEST(stop__of_instance__ends_it),
		TEST(hostd__ends_and_agent_too__next_hostd_cleans_up),
		TEST(handover__socket_closed_without_exec__no_credentials),
		TEST(handover__caller_says_it_failed__no_credentials),
		TEST(handover__caller_executes_something_else__no_credentials),
		TEST(hostile__garbage__answered_and_others_served),
		TEST(hostile__silent_connections__bounded_and_others_served),
		TEST(run__by_another_user__only_where_the_spec_names_him),
		TEST(run__as_root_for_another_user__agent_is_that_user),
		TEST(run__table_full__refused_before_it_is_measured),
		TEST(run__user_has_his_instances__refused_and_root_is_not),
		TEST(run__user_has_his_share_of_the_log__refused_and_root_is_not),
		TEST(run__log_full__refused_before_it_is_measured),
		cmocka_unit_test(terms__times_far_away__bounded_and_ahead),
		TEST(renewal__due_after_the_credential_ends__asked_when_it_ends),
		TEST(run__as_ordinary_user_at_roots_hostd__only_what_is_for_him),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
BOTH_USERS(run_all)
