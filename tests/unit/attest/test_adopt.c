/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A restart of hostd: what runs goes on under its identity only as the very process that was launched, and no exit is
 * forgotten. As root and as an ordinary user.
 */
#include "tests/unit/attest/hostd_fixture.h"

#include "attest/instance_saved.h"

#include <sys/syscall.h>
#include <sys/un.h>

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

static void restart(struct hostd_fixture *f)
{
	fixture_hostd_stop(f);
	fixture_hostd_start(f);
}

/* The one file that hostd left. */
static const char *saved_path(void)
{
	static char path[PATH_MAX];
	DIR *dir = opendir(tree_path("state/instances"));
	path[0] = '\0';
	assert_non_null(dir);
	for (const struct dirent *entry = readdir(dir); entry; entry = readdir(dir))
		if (entry->d_name[0] != '.')
			(void)snprintf(path, sizeof(path), "%s/%s", tree_path("state/instances"),
				entry->d_name);
	(void)closedir(dir);
	assert_true(path[0] != '\0');
	return path;
}

static void saved_read(struct instance_saved *ret)
{
	OWNED(buf_release) struct buf text = {0};
	struct err err;
	assert_ok(file_read(saved_path(), INSTANCE_SAVED_MAX, &text, &err), err);
	assert_ok(instance_saved_decode(buf_bytes(&text), ret, &err), err);
}

static void saved_write(struct instance_saved *saved)
{
	OWNED(buf_release) struct buf text = {0};
	struct err err;
	assert_ok(instance_saved_encode(saved, &text, &err), err);
	assert_ok(file_write_atomic(saved_path(), buf_bytes(&text), 0600, &err), err);
	instance_saved_release(saved);
}

/* It has no identity any more, and its exit is in the log, once. */
static void assert_not_adopted(struct hostd_fixture *f)
{
	assert_true(fixture_state_is(f, ""));
	assert_int_equal(fixture_events(f).exits, 1);
	assert_int_equal(fixture_events(f).exit.status, RUNTIME_STATUS_UNKNOWN);
	assert_int_equal(fixture_entries(tree_path("run/instances")), 0);
	assert_int_equal(fixture_entries(tree_path("state/instances")), 0);
	restart(f);
	assert_int_equal(fixture_events(f).exits, 1);
}

static void restart__agent_runs__adopted_and_renewed(void **state)
{
	struct hostd_fixture *f = *state;
	struct stat st;
	f->verifier.renew_after = 1;
	start_waiting(f, AUDIENCES);
	assert_int_equal(stat(saved_path(), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	fixture_hostd_stop(f);
	unsigned before = fake_attestations(&f->verifier);
	fixture_hostd_start(f);
	assert_true(fixture_state_is(f, "trusted"));
	assert_non_null(strstr(saved_path(), fixture_instance(f, "instance")));
	eventually(fake_attestations(&f->verifier) >= before + 2);
	assert_true(f->verifier.last.running);
	assert_int_equal(f->verifier.last.purpose, PURPOSE_RENEW);
	assert_int_equal(f->verifier.last.launches, 1);
	assert_int_equal(f->verifier.last.exits, 0);
	assert_int_equal(fixture_entries(fixture_instance(f, "credentials")), 5);
	let_go(f);
	eventually(fixture_events(f).exits == 1);
	eventually(fixture_entries(tree_path("run/instances")) == 0);
	eventually(fixture_entries(tree_path("state/instances")) == 0);
	restart(f);
	assert_int_equal(fixture_events(f).exits, 1);
}

static void restart__agent_ended_meanwhile__exit_recorded_once(void **state)
{
	struct hostd_fixture *f = *state;
	start_waiting(f, AUDIENCES);
	fixture_hostd_stop(f);
	let_go(f);
	fixture_hostd_start(f);
	assert_not_adopted(f);
}

static bool end_was_reported(struct hostd_fixture *f, unsigned attestations)
{
	struct fake_verifier *v = &f->verifier;
	(void)pthread_mutex_lock(&v->mutex);
	bool reported = v->attestations == attestations && v->last.purpose == PURPOSE_RENEW &&
			!v->last.running && v->last.launches == 1 && v->last.exits == 1;
	(void)pthread_mutex_unlock(&v->mutex);
	return reported;
}

/* The verifier asked to be told: a rollout waits for it. With its key, and where that is gone, too. */
static void restart__agent_ended_meanwhile__end_reported_once(void **state)
{
	struct hostd_fixture *f = *state;
	f->verifier.report_end = true;
	for (int with_key = 1; with_key >= 0; with_key--) {
		char path[2 * PATH_MAX];
		start_waiting(f, AUDIENCES);
		unsigned before = fake_attestations(&f->verifier);
		(void)snprintf(
			path, sizeof(path), "%s/key.pem", fixture_instance(f, "credentials"));
		fixture_hostd_stop(f);
		let_go(f);
		assert_int_equal(with_key ? access(path, F_OK) : unlink(path), 0);
		fixture_hostd_start(f);
		eventually(end_was_reported(f, before + 1));
		assert_string_equal(f->verifier.failed, "");
		eventually(fixture_entries(tree_path("state/instances")) == 0);
		assert_int_equal(fixture_entries(tree_path("run/instances")), 0);
		restart(f);
		fixture_pass(15000);
		assert_int_equal(fake_attestations(&f->verifier), before + 1);
	}
}

/* Another process has its number: what the verifier hears is that it does not run. */
static void restart__another_process_in_its_place__end_reported(void **state)
{
	struct hostd_fixture *f = *state;
	struct instance_saved saved;
	f->verifier.report_end = true;
	start_waiting(f, AUDIENCES);
	unsigned before = fake_attestations(&f->verifier);
	fixture_hostd_stop(f);
	saved_read(&saved);
	saved.instance->pid = getpid();
	saved_write(&saved);
	fixture_hostd_start(f);
	eventually(end_was_reported(f, before + 1));
	let_go(f);
}

struct seen_files {
	char path[PATH_MAX];
	size_t count;
};

static void count_files(void *context)
{
	struct seen_files *seen = context;
	seen->count = fixture_entries(seen->path);
}

/* hostd ended between the record of the exit and its report: what it saved was still there. */
static void restart__exit_recorded_and_not_reported__reported(void **state)
{
	struct hostd_fixture *f = *state;
	struct seen_files seen = {0};
	struct instance_saved saved;
	char path[PATH_MAX];
	f->verifier.report_end = true;
	start_waiting(f, AUDIENCES);
	unsigned before = fake_attestations(&f->verifier);
	(void)snprintf(seen.path, sizeof(seen.path), "%s", tree_path("state/instances"));
	(void)snprintf(path, sizeof(path), "%s", saved_path());
	saved_read(&saved);
	(void)pthread_mutex_lock(&f->verifier.mutex);
	f->verifier.before_answer = count_files;
	f->verifier.context = &seen;
	(void)pthread_mutex_unlock(&f->verifier.mutex);
	let_go(f);
	eventually(end_was_reported(f, before + 1));
	eventually(fixture_entries(tree_path("state/instances")) == 0);
	fixture_hostd_stop(f);
	assert_int_equal(seen.count, 1);
	fixture_write("state/instances/again", "", 0600);
	assert_int_equal(rename(saved_path(), path), 0);
	saved_write(&saved);
	fixture_hostd_start(f);
	eventually(end_was_reported(f, before + 2));
	eventually(fixture_entries(tree_path("state/instances")) == 0);
	assert_int_equal(fixture_events(f).exits, 1);
}

/* ---- another process under its name ---- */

static void change_pid(struct instance_saved *saved)
{
	saved->instance->pid = getpid();
}
static void change_start(struct instance_saved *saved)
{
	saved->instance->process.started++;
}
static void change_pidfd(struct instance_saved *saved)
{
	saved->instance->process.pidfd++;
}
static void change_inode(struct instance_saved *saved)
{
	saved->instance->process.inode++;
}
static void change_size(struct instance_saved *saved)
{
	saved->instance->process.size--;
}
static void change_digest(struct instance_saved *saved)
{
	saved->instance->process.digest[31] ^= 1;
}
static void change_user(struct instance_saved *saved)
{
	saved->instance->uid++;
}
static void change_boot(struct instance_saved *saved)
{
	saved->boot_id[0] ^= 1;
}
static void change_records(struct instance_saved *saved)
{
	saved->instance->process.records = 1;
}
static void change_sandbox(struct instance_saved *saved)
{
	saved->instance->process.sandbox = SANDBOX_NO_NETWORK;
}
static void change_instance(struct instance_saved *saved)
{
	saved->instance->id[0] ^= 1;
}

static void restart__another_process_in_its_place__no_identity_and_exit_recorded(void **state)
{
	struct hostd_fixture *f = *state;
	static void (*const changes[])(struct instance_saved * saved) = {change_pid, change_start,
		change_pidfd, change_inode, change_size, change_digest, change_user, change_boot,
		change_records, change_sandbox, change_instance};
	for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
		struct instance_saved saved;
		size_t before = fixture_events(f).exits;
		start_waiting(f, AUDIENCES);
		fixture_hostd_stop(f);
		saved_read(&saved);
		changes[i](&saved);
		saved_write(&saved);
		unsigned asked = fake_attestations(&f->verifier);
		fixture_hostd_start(f);
		if (!fixture_state_is(f, ""))
			fail_msg("change %zu: adopted", i);
		assert_int_equal(fixture_events(f).exits, before + 1);
		assert_int_equal(fixture_entries(tree_path("run/instances")), 0);
		assert_int_equal(fixture_entries(tree_path("state/instances")), 0);
		assert_int_equal(fake_attestations(&f->verifier), asked);
		assert_int_equal(kill(f->caller, 0),
			0); /* and nothing was done to a process that is not known */
		let_go(f);
	}
}

/* All that is known of it is right but for the seals: its bytes may be others tomorrow. */
static void prove__program_that_is_no_sealed_copy__refused(void **state)
{
	static const char program[] = "/bin/sleep";
	struct hostd_fixture *f = *state;
	OWNED(instance_unref) struct instance *instance = NULL;
	OWNED(fd_close) int fd = open(program, O_RDONLY | O_CLOEXEC);
	char link[64], exe[PATH_MAX] = "";
	assert_ok(instance_new("agent", &instance, &f->err), f->err);
	f->caller = fork_beside_threads();
	if (f->caller == 0) {
		(void)execl(program, program, "20", (char *)NULL);
		_exit(99);
	}
	(void)snprintf(link, sizeof(link), "/proc/%d/exe", f->caller);
	eventually(readlink(link, exe, sizeof(exe) - 1) > 0 && strstr(exe, "sleep"));
	instance->pid = f->caller;
	instance->uid = geteuid();
	instance->pidfd = (int)syscall(SYS_pidfd_open, f->caller, 0);
	assert_ok(instance_know(instance, fd, &f->err), f->err);
	fd_close(&instance->pidfd);
	assert_false(instance_prove(instance, &f->err));
	assert_int_equal(f->err.code, ERR_MISMATCH);
	assert_non_null(strstr(f->err.text, "something else than the sealed copy"));
}

static void restart__agent_became_another_program__no_identity(void **state)
{
	struct hostd_fixture *f = *state;
	fixture_spec(", -c, 'echo on; read x; exec /bin/sleep 20'", "");
	fixture_run(f, NULL, 0);
	assert_string_equal(fixture_line(f), "on");
	eventually(fixture_state_is(f, "trusted"));
	fixture_hostd_stop(f);
	char link[64], exe[PATH_MAX] = "";
	(void)snprintf(link, sizeof(link), "/proc/%d/exe", f->caller);
	assert_int_equal(write(f->input[1], "\n", 1), 1);
	eventually(readlink(link, exe, sizeof(exe) - 1) > 0 && strstr(exe, "sleep"));
	fixture_hostd_start(f);
	assert_not_adopted(f);
}

static void restart__saved_file_gone_or_garbage__no_identity_and_exit_recorded(void **state)
{
	struct hostd_fixture *f = *state;
	struct err err;
	for (int i = 0; i < 3; i++) {
		size_t before = fixture_events(f).exits;
		char other[PATH_MAX];
		start_waiting(f, AUDIENCES);
		fixture_hostd_stop(f);
		(void)snprintf(other, sizeof(other), "%s/%032d", tree_path("state/instances"), 7);
		if (i == 0)
			assert_int_equal(unlink(saved_path()), 0);
		else if (i == 1)
			assert_ok(file_write_atomic(saved_path(), BYTES_LIT("\xa1"), 0600, &err),
				err);
		else
			assert_int_equal(rename(saved_path(), other), 0);
		fixture_hostd_start(f);
		assert_true(fixture_state_is(f, ""));
		assert_int_equal(fixture_events(f).exits, before + 1);
		assert_int_equal(fixture_entries(tree_path("state/instances")), 0);
		assert_int_equal(fixture_entries(tree_path("run/instances")), 0);
		let_go(f);
	}
}

/* hostd died between the record of an exit and forgetting the instance: what runs under its number now is not it. */
static void restart__exit_is_in_the_log__no_identity(void **state)
{
	struct hostd_fixture *f = *state;
	OWNED(buf_release) struct buf content = {0};
	struct runtime_exit ended = {.status = RUNTIME_STATUS_UNKNOWN};
	struct err err;
	start_waiting(f, AUDIENCES);
	assert_ok(hex_decode_exact(bytes_str(fixture_instance(f, "instance")), ended.instance,
			  sizeof(ended.instance), &err) &&
			  runtime_exit_encode(&ended, 1, &content, &err) &&
			  host_log_append(f->hostd->events, buf_bytes(&content), &err),
		err);
	restart(f);
	assert_not_adopted(f);
	let_go(f);
}

/* What another boot left may name a process of this one. */
static void restart__machine_restarted__dropped_and_given_directory_cleaned(void **state)
{
	struct hostd_fixture *f = *state;
	struct instance_saved saved;
	f->credentials = tree_path("kept");
	start_waiting(f, AUDIENCES);
	assert_int_equal(fixture_entries(tree_path("kept")), 5);
	fixture_hostd_stop(f);
	saved_read(&saved);
	saved.boot_id[15] ^= 1;
	saved_write(&saved);
	fixture_hostd_start(f);
	assert_int_equal(fixture_entries(tree_path("kept")), 0);
	assert_not_adopted(f);
	let_go(f);
}

/* ---- keys ---- */

static bool untrusted_because(struct hostd_fixture *f, const char *why)
{
	return fixture_state_is(f, "untrusted") && strstr(fixture_instance(f, "reason"), why);
}

/* Whoever runs as the agent's user can put another key there, his own or a stranger's: it is not certified. */
static void restart__another_key_in_place__untrusted(void **state)
{
	struct hostd_fixture *f = *state;
	OWNED(key_unref) struct key *key = NULL;
	OWNED(buf_release) struct buf pem = {0};
	char path[2 * PATH_MAX];
	start_waiting(f, AUDIENCES);
	(void)snprintf(path, sizeof(path), "%s/key.pem", fixture_instance(f, "credentials"));
	fixture_hostd_stop(f);
	assert_ok(key_generate(KEY_EC_P256, &key, &f->err) && key_private_pem(key, &pem, &f->err) &&
			  file_write_atomic(path, buf_bytes(&pem), 0600, &f->err),
		f->err);
	unsigned before = fake_attestations(&f->verifier);
	fixture_hostd_start(f);
	assert_true(untrusted_because(f, "not the one it was launched with"));
	assert_int_equal(fixture_entries(fixture_instance(f, "credentials")), 0);
	assert_int_equal(fake_attestations(&f->verifier), before);
	let_go(f);
	eventually(fixture_events(f).exits == 1);
	eventually(fixture_state_is(f, ""));
}

static void restart__key_gone__untrusted_and_still_watched(void **state)
{
	struct hostd_fixture *f = *state;
	char path[2 * PATH_MAX];
	start_waiting(f, AUDIENCES);
	(void)snprintf(path, sizeof(path), "%s/key.pem", fixture_instance(f, "credentials"));
	fixture_hostd_stop(f);
	assert_int_equal(unlink(path), 0);
	fixture_hostd_start(f);
	assert_true(untrusted_because(f, "its key did not outlive the restart"));
	let_go(f);
	eventually(fixture_events(f).exits == 1);
	assert_true(fixture_events(f).exit.status == 0 ||
		    fixture_events(f).exit.status == RUNTIME_STATUS_UNKNOWN);
}

static int service_manager(struct hostd_fixture *f)
{
	static char address[108];
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	(void)snprintf(address, sizeof(address), "%s", tree_path("notify"));
	(void)snprintf(at.sun_path, sizeof(at.sun_path), "%s", address);
	assert_int_equal(bind(fd, (const struct sockaddr *)&at, sizeof(at)), 0);
	f->notify = address;
	restart(f);
	return fd;
}

/* A message of hostd's to it; -1 where it brings no descriptor. */
static int told(int manager, char text[256])
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec part = {text, 255};
	struct msghdr message = {.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control.room,
		.msg_controllen = sizeof(control.room)};
	int fd = -1;
	ssize_t n = recvmsg(manager, &message, MSG_CMSG_CLOEXEC);
	assert_true(n > 0);
	text[n] = '\0';
	const struct cmsghdr *head = CMSG_FIRSTHDR(&message);
	if (head)
		memcpy(&fd, CMSG_DATA(head), sizeof(fd));
	return fd;
}

/* Without a file of it anywhere: only the descriptor is left. */
static void restart__service_manager_keeps_the_key__adopted_and_renewed(void **state)
{
	struct hostd_fixture *f = *state;
	char text[256], wanted[2 * PATH_MAX], names[2 * PATH_MAX], path[2 * PATH_MAX];
	int manager = service_manager(f);
	f->verifier.renew_after = 1;
	start_waiting(f, AUDIENCES);
	int key = told(manager, text);
	(void)snprintf(wanted, sizeof(wanted), "FDSTORE=1\nFDNAME=key-%s",
		fixture_instance(f, "instance"));
	assert_string_equal(text, wanted);
	assert_true(key >= 3 && key < PATH_MAX && pwrite(key, "x", 1, 0) < 0); /* sealed */
	(void)snprintf(path, sizeof(path), "%s/key.pem", fixture_instance(f, "credentials"));
	fixture_hostd_stop(f);
	assert_int_equal(unlink(path), 0);
	for (int i = 3; i < key; i++)
		names[i - 3] = ':';
	(void)snprintf(
		names + key - 3, sizeof(names) - (size_t)(key - 3), "%s", strchr(wanted, '-') - 3);
	f->kept_names = names;
	f->kept_count = (unsigned)key - 2;
	fixture_hostd_start(f);
	assert_true(fixture_state_is(f, "trusted"));
	unsigned before = fake_attestations(&f->verifier);
	eventually(fake_attestations(&f->verifier) > before);
	eventually(access(path, F_OK) == 0);
	assert_string_equal(f->verifier.failed, "");
	let_go(f);
	(void)told(manager, text);
	assert_non_null(strstr(text, "FDSTOREREMOVE=1\nFDNAME=key-"));
	(void)close(manager);
	(void)close(key);
	f->kept_names = NULL;
}

static void kept_descriptors__by_name__found_or_not(void **state)
{
	(void)state;
	assert_int_equal(hostd_kept_fd("a:b:c", 3, "a"), 3);
	assert_int_equal(hostd_kept_fd("a:b:c", 3, "c"), 5);
	assert_int_equal(hostd_kept_fd("a:b:c", 2, "c"), -1); /* fewer than names */
	assert_int_equal(hostd_kept_fd("a::c", 3, "c"), 5);
	assert_int_equal(hostd_kept_fd("ab", 1, "a"), -1);
	assert_int_equal(hostd_kept_fd("", 3, "a"), -1);
	assert_int_equal(hostd_kept_fd(NULL, 3, "a"), -1);
}

/* ---- what is remembered ---- */

static void restart__untrusted_before__stays_so_and_nobody_is_asked(void **state)
{
	struct hostd_fixture *f = *state;
	f->verifier.renew_after = 1;
	start_waiting(f, AUDIENCES);
	fake_set_answer(&f->verifier, FAKE_REFUSE);
	eventually(fixture_state_is(f, "untrusted"));
	fixture_hostd_stop(f);
	fake_set_answer(&f->verifier, FAKE_TRUST);
	unsigned before = fake_attestations(&f->verifier);
	fixture_hostd_start(f);
	assert_true(fixture_state_is(f, "untrusted"));
	assert_string_equal(fixture_instance(f, "reason"), "component-digest component model");
	fixture_pass(15000);
	assert_int_equal(fake_attestations(&f->verifier), before);
	assert_int_equal(fixture_entries(fixture_instance(f, "credentials")), 0);
	let_go(f);
}

/* And not only here: the ledger gets the reason, and whoever asks the verifier hears it before the credential ends. */
static void restart__unpinned_file_changed_meanwhile__untrusted_and_verifier_told(void **state)
{
	struct hostd_fixture *f = *state;
	f->config.copy_limit = 0;
	f->verifier.on_refusal = END_FREEZE;
	(void)usleep(20000);
	start_waiting(f, "");
	size_t measured = fixture_events(f).components;
	fixture_hostd_stop(f);
	int fd = open(tree_path("agent/model/weights"), O_WRONLY);
	assert_int_equal(pwrite(fd, "X", 1, 0), 1);
	(void)close(fd);
	unsigned before = fake_attestations(&f->verifier);
	fixture_hostd_start(f);
	assert_true(untrusted_because(f, "agent/model/weights was measured, not pinned"));
	eventually(fake_attestations(&f->verifier) == before + 1);
	assert_int_equal(fixture_events(f).components, measured + 1);
	assert_int_equal(fixture_entries(fixture_instance(f, "credentials")), 0);
	assert_int_equal(kill(f->caller, SIGKILL), 0);
	(void)fixture_wait(f);
}

static bool told_of_change(struct hostd_fixture *f, unsigned attestations, size_t components)
{
	struct fake_verifier *v = &f->verifier;
	(void)pthread_mutex_lock(&v->mutex);
	bool told = v->attestations == attestations && v->last.purpose == PURPOSE_RENEW &&
		    v->last.running && v->last.components == components;
	(void)pthread_mutex_unlock(&v->mutex);
	return told;
}

/* It changed while hostd ran and the verifier was away: recorded already, or not even that. Its key went with its credentials,
 * and is not needed to say so. */
static void restart__change_of_a_file_not_told_yet__told_afterwards(void **state)
{
	struct hostd_fixture *f = *state;
	f->config.copy_limit = 0;
	for (int recorded = 1; recorded >= 0; recorded--) {
		struct instance_saved saved;
		fixture_write("agent/model/weights", "measured weights\n", 0644);
		(void)usleep(20000);
		size_t earlier = fixture_events(f).components;
		start_waiting(f, "");
		size_t before = fixture_events(f).components;
		fake_set_answer(&f->verifier, FAKE_AWAY);
		assert_int_equal(unlink(tree_path("agent/model/weights")), 0);
		eventually(fixture_events(f).components == before + 1);
		fixture_hostd_stop(f);
		saved_read(&saved);
		assert_int_equal(saved.instance->drift, DRIFT_RECORDED);
		saved.instance->drift = recorded ? DRIFT_RECORDED : DRIFT_TO_TELL;
		saved_write(&saved);
		fake_set_answer(&f->verifier, FAKE_TRUST);
		unsigned asked = fake_attestations(&f->verifier);
		fixture_hostd_start(f);
		eventually(told_of_change(f, asked + 1, before - earlier + (recorded ? 1 : 2)));
		assert_string_equal(f->verifier.failed, "");
		assert_true(fixture_state_is(f, "untrusted"));
		restart(f); /* told once */
		fixture_pass(15000);
		assert_int_equal(fake_attestations(&f->verifier), asked + 1);
		let_go(f);
		eventually(fixture_state_is(f, ""));
	}
}

/* And when it ended, too, before anybody could tell. */
static void restart__agent_ended_with_a_change_not_told_yet__told_with_its_end(void **state)
{
	struct hostd_fixture *f = *state;
	f->config.copy_limit = 0;
	(void)usleep(20000);
	start_waiting(f, "");
	size_t measured = fixture_events(f).components;
	fake_set_answer(&f->verifier, FAKE_AWAY);
	assert_int_equal(unlink(tree_path("agent/model/weights")), 0);
	eventually(fixture_events(f).components == measured + 1);
	fixture_hostd_stop(f);
	let_go(f);
	fake_set_answer(&f->verifier, FAKE_TRUST);
	unsigned asked = fake_attestations(&f->verifier);
	fixture_hostd_start(f);
	eventually(end_was_reported(f, asked + 1));
	assert_int_equal(f->verifier.last.components, measured + 1);
	eventually(fixture_entries(tree_path("state/instances")) == 0);
}

static void restart__directory_of_credentials_replaced__untrusted(void **state)
{
	struct hostd_fixture *f = *state;
	char path[PATH_MAX], aside[PATH_MAX];
	start_waiting(f, AUDIENCES);
	(void)snprintf(path, sizeof(path), "%s", fixture_instance(f, "credentials"));
	fixture_hostd_stop(f);
	(void)snprintf(aside, sizeof(aside), "%s", tree_path("aside"));
	assert_int_equal(rename(path, aside), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	fixture_hostd_start(f);
	assert_true(untrusted_because(f, "is another one, or open to others"));
	assert_int_equal(fixture_entries(path), 0);
	let_go(f);
}

static void restart__verifier_away__unreachable_then_trusted(void **state)
{
	struct hostd_fixture *f = *state;
	start_waiting(f, AUDIENCES);
	fixture_hostd_stop(f);
	fake_set_answer(&f->verifier, FAKE_AWAY);
	fixture_hostd_start(f);
	eventually(fixture_state_is(f, "unreachable"));
	assert_int_equal(fixture_entries(fixture_instance(f, "credentials")), 5);
	fake_set_answer(&f->verifier, FAKE_TRUST);
	eventually(fixture_state_is(f, "trusted"));
	let_go(f);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)

static int run_all(void)
{
	const struct CMUnitTest tests[] = {
		TEST(restart__agent_runs__adopted_and_renewed),
		TEST(restart__agent_ended_meanwhile__exit_recorded_once),
		TEST(restart__agent_ended_meanwhile__end_reported_once),
		TEST(restart__another_process_in_its_place__end_reported),
		TEST(restart__exit_recorded_and_not_reported__reported),
		TEST(restart__another_process_in_its_place__no_identity_and_exit_recorded),
		TEST(prove__program_that_is_no_sealed_copy__refused),
		TEST(restart__agent_became_another_program__no_identity),
		TEST(restart__saved_file_gone_or_garbage__no_identity_and_exit_recorded),
		TEST(restart__exit_is_in_the_log__no_identity),
		TEST(restart__machine_restarted__dropped_and_given_directory_cleaned),
		TEST(restart__another_key_in_place__untrusted),
		TEST(restart__key_gone__untrusted_and_still_watched),
		TEST(restart__service_manager_keeps_the_key__adopted_and_renewed),
		cmocka_unit_test(kept_descriptors__by_name__found_or_not),
		TEST(restart__untrusted_before__stays_so_and_nobody_is_asked),
		TEST(restart__unpinned_file_changed_meanwhile__untrusted_and_verifier_told),
		TEST(restart__change_of_a_file_not_told_yet__told_afterwards),
		TEST(restart__agent_ended_with_a_change_not_told_yet__told_with_its_end),
		TEST(restart__directory_of_credentials_replaced__untrusted),
		TEST(restart__verifier_away__unreachable_then_trusted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
BOTH_USERS(run_all)
