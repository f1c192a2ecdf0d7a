/* SPDX-License-Identifier: Apache-2.0 */
/* hostd as a service: beginning, requests, and what its callers see of one that is false or dies. */
#include "tests/unit/attest/hostd_fixture.h"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>

#include "evidence/checkpoint_quote.h"

/* ---- service manager ---- */

static void notify_to(const char *address, bool abstract)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	struct err err;
	char got[64] = "";
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	memcpy(to.sun_path, address, strlen(address));
	if (abstract)
		to.sun_path[0] = '\0';
	assert_int_equal(
		bind(fd, (const struct sockaddr *)&to,
			(socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(address))),
		0);
	assert_ok(hostd_notify(address, "READY=1", &err), err);
	assert_int_equal(recv(fd, got, sizeof(got), MSG_DONTWAIT), 7);
	assert_string_equal(got, "READY=1");
	(void)close(fd);
}

static void notify__path_and_abstract_address__told(void **state)
{
	(void)state;
	char abstract[64];
	struct err err;
	notify_to(tree_path("notify"), false);
	(void)snprintf(abstract, sizeof(abstract), "@assay-test-%d", getpid());
	notify_to(abstract, true);
	assert_ok(hostd_notify(NULL, "READY=1", &err), err);
	assert_ok(hostd_notify("", "READY=1", &err), err);
	assert_fails(hostd_notify("relative", "READY=1", &err), err, ERR_CONFIG,
		"NOTIFY_SOCKET: not an absolute or abstract address");
}

/* ---- status ---- */

#define MANY 60u

/* As an unprivileged user can make them: a directory whose name is long in JSON, a cgroup below one of any bytes. */
static void add_instance(struct hostd_fixture *f)
{
	OWNED(instance_unref) struct instance *instance = NULL;
	assert_ok(instance_new("agent", &instance, &f->err), f->err);
	instance->uid = NOBODY;
	instance->pid = getpid();
	instance->pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0);
	assert_true(instance->pidfd >= 0);
	instance->directory_path = malloc(PATH_MAX);
	memset(instance->directory_path, 1, PATH_MAX - 1);
	instance->directory_path[0] = '/';
	instance->directory_path[PATH_MAX - 1] = '\0';
	instance->cgroup = fixture_text("/nowhere/\xff/assay-x");
	assert_ok(instances_add(f->hostd->instances, instance, NULL, &f->err), f->err);
}

static void status__instances_of_long_and_odd_names__all_told(void **state)
{
	struct hostd_fixture *f = *state;
	size_t seen = 0, answers = 0;
	for (unsigned i = 0; i < MANY; i++)
		add_instance(f);
	for (bool more = true; more; answers++) {
		OWNED(json_release) json_t *reply = NULL;
		OWNED(json_release)
		json_t *request = json_pack("{s:s,s:I}", "op", "status", "from", (json_int_t)seen);
		assert_ok(
			hostd_request(f->socket, request, NULL, 0, &reply, NULL, &f->err), f->err);
		const json_t *instances = json_object_get(reply, "instances");
		seen += json_array_size(instances);
		assert_string_equal(
			json_string_value(json_object_get(json_array_get(instances, 0), "cgroup")),
			"/nowhere/\\xff/assay-x");
		more = json_is_true(json_object_get(reply, "more"));
	}
	assert_int_equal(seen, MANY);
	assert_true(answers > 1);
}

/* ---- beginning ---- */

static void hostd_new__state_directory_in_use__refused(void **state)
{
	struct hostd_fixture *f = *state;
	struct hostd *second = NULL;
	struct hostd_options options = {.config = &f->config, .log = &f->log, .tpm = &f->tpm.tpm};
	assert_false(hostd_new(&options, &second, &f->err));
	assert_int_equal(f->err.code, ERR_CONFLICT);
	assert_non_null(strstr(f->err.text, "another assay-hostd uses "));
}

static void hostd_new__not_enrolled__launches_nothing(void **state)
{
	struct hostd_fixture *f = *state;
	f->hostd->enrolled = false;
	fixture_spec(", -c, 'echo I run'", "");
	fixture_run(f, NULL, 0);
	assert_output(f, "denied: this host is not enrolled: run `assay enroll`\n");
	assert_exit(f, EXIT_ERROR);
}

/* ---- requests ---- */

static json_t *request(struct hostd_fixture *f, const char *op)
{
	json_t *message = json_pack("{s:s}", "op", op), *reply = NULL;
	assert_ok(hostd_request(f->socket, message, NULL, 0, &reply, NULL, &f->err), f->err);
	json_decref(message);
	return reply;
}

static void status__of_enrolled_host__says_who_and_what(void **state)
{
	struct hostd_fixture *f = *state;
	json_t *reply = request(f, "status");
	assert_int_equal(strncmp(json_string_value(json_object_get(reply, "host")), "7700", 4), 0);
	assert_string_equal(json_string_value(json_object_get(reply, "state")), "active");
	json_t *log = json_object_get(reply, "log");
	assert_int_equal(json_integer_value(json_object_get(log, "records")), 1);
	assert_true(json_is_true(json_object_get(log, "usable")));
	json_decref(reply);
}

static void status__verifier_hangs__answered_at_once(void **state)
{
	struct hostd_fixture *f = *state;
	(void)pthread_mutex_lock(&f->hostd->identity_mutex);
	json_decref(request(f, "status"));
	(void)pthread_mutex_unlock(&f->hostd->identity_mutex);
}

static void workloads__good_and_bad_specs__both_listed(void **state)
{
	struct hostd_fixture *f = *state;
	fixture_spec("", "");
	fixture_write("workloads/broken.yaml", "workload: broken\ncolour: red\n", 0644);
	fixture_write("workloads/other.yaml", "x", 0644);
	fixture_write("workloads/.hidden.yaml", "x", 0644);
	json_t *reply = request(f, "workloads");
	json_t *all = json_object_get(reply, "workloads");
	assert_int_equal(json_array_size(all), 3);
	for (size_t i = 0; i < 3; i++) {
		json_t *one = json_array_get(all, i);
		bool good = strcmp(json_string_value(json_object_get(one, "name")), "agent") == 0;
		assert_int_equal(json_object_get(one, "error") == NULL, good);
		if (good)
			assert_string_equal(
				json_string_value(json_object_get(one, "release")), RELEASE_HEX);
	}
	json_decref(reply);
}

/* ---- a quote over a checkpoint ---- */

#define CHECKPOINT                                                                                 \
	"bank.example/log\n13\nd3cAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"                     \
	"\n\xe2\x80\x94 bank.example/log AAAAAAAAAAA=\n"

static bool quote_asked(struct hostd_fixture *f, const char *note, struct buf *ret)
{
	json_t *message = json_pack("{s:s,s:s}", "op", "quote-checkpoint", "note", note);
	json_t *reply = NULL;
	bool ok = hostd_request(f->socket, message, NULL, 0, &reply, NULL, &f->err);
	if (ok)
		assert_ok(
			base64_decode(bytes_str(json_string_value(json_object_get(reply, "quote"))),
				false, CHECKPOINT_QUOTE_MAX, ret, &f->err),
			f->err);
	json_decref(message);
	json_decref(reply);
	return ok;
}

static void quote_checkpoint__of_enrolled_host__by_its_ak_over_the_text(void **state)
{
	struct hostd_fixture *f = *state;
	struct buf file = {0};
	struct checkpoint_quote quote;
	struct checkpoint_quoted quoted;
	f->tpm.pcrs[4][0] = 0x44;
	assert_ok(quote_asked(f, CHECKPOINT, &file), f->err);
	assert_ok(checkpoint_quote_decode(buf_bytes(&file), &quote, &f->err), f->err);
	assert_ok(checkpoint_quote_check(&quote, f->tpm.ak->key, &quoted, &f->err), f->err);
	assert_true(bytes_equal_str(quote.note, CHECKPOINT));
	assert_int_equal(quoted.checkpoint.size, 13);
	assert_int_equal(quote.pcrs.values[4][0], 0x44);
	buf_release(&file);
}

/* What is signed over is hostd's to make: no digest, no claims, no text but a checkpoint's gets a quote. */
static void quote_checkpoint__anything_else__no_quote_is_made(void **state)
{
	struct hostd_fixture *f = *state;
	static const struct {
		const char *note, *message;
	} cases[] = {
		{"", "note: no signatures behind an empty line"},
		{"aa\n\nbb\n", "checkpoint: "},
		{"bank.example/log\n13\nd3c=\n\n-\n", "checkpoint: "},
	};
	struct buf file = {0};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_false(quote_asked(f, cases[i].note, &file));
		assert_int_equal(f->err.code, ERR_FORMAT);
		assert_non_null(strstr(f->err.text, cases[i].message));
	}
	json_t *message = json_pack("{s:s,s:s,s:s}", "op", "quote-checkpoint", "note", CHECKPOINT,
		       "qualifying", "00"),
	       *reply = NULL;
	assert_false(hostd_request(f->socket, message, NULL, 0, &reply, NULL, &f->err));
	assert_non_null(strstr(f->err.text, "qualifying: unknown"));
	json_decref(message);
	fixture_meet(f);
	assert_int_equal(f->tpm.quotes, 0);
}

static void quote_checkpoint__not_enrolled__refused(void **state)
{
	struct hostd_fixture *f = *state;
	struct buf file = {0};
	f->hostd->enrolled = false;
	assert_false(quote_asked(f, CHECKPOINT, &file));
	assert_int_equal(f->err.code, ERR_DENIED);
	assert_non_null(strstr(f->err.text, "not enrolled"));
}

/* Whoever may launch here may not have the TPM sign over what he likes. */
static void quote_checkpoint__by_an_ordinary_user__refused(void **state)
{
	struct hostd_fixture *f = *state;
	struct buf file = {0};
	if (geteuid() != 0)
		skip();
	assert_int_equal(chmod(f->socket, 0666), 0);
	pid_t child = fork_beside_threads();
	if (child == 0) {
		fixture_become_nobody();
		bool quoted = quote_asked(f, CHECKPOINT, &file);
		_exit(!quoted && f->err.code == ERR_DENIED &&
					strstr(f->err.text, "only for root and the user of "
							    "assay-hostd")
				? 0
				: 1);
	}
	int status = -1;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	fixture_meet(f);
	assert_int_equal(f->tpm.quotes, 0);
}

/* ---- no descriptors left ---- */

static void send_status(struct hostd_fixture *f, int fd)
{
	json_t *message = json_pack("{s:s}", "op", "status");
	assert_ok(socket_send(fd, message, NULL, 0, 1000, &f->err), f->err);
	json_decref(message);
}

static void assert_status_answered(struct hostd_fixture *f, int fd)
{
	json_t *reply = NULL;
	assert_ok(socket_receive(fd, 5000, 0, &reply, NULL, &f->err), f->err);
	assert_non_null(json_object_get(reply, "host"));
	json_decref(reply);
}

/* Every descriptor that this process may have below a limit that is just above what it has. */
struct hoard {
	struct rlimit before;
	int fd[256];
	size_t count;
};
static void hoard_fill(struct hoard *hoard)
{
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &hoard->before), 0);
	int highest = dup(STDERR_FILENO);
	const struct rlimit low = {(rlim_t)highest + 64, hoard->before.rlim_max};
	(void)close(highest);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	for (int fd = dup(STDERR_FILENO); fd >= 0; fd = dup(STDERR_FILENO)) {
		assert_true(hoard->count < ARRAY_LEN(hoard->fd));
		hoard->fd[hoard->count++] = fd;
	}
	assert_int_equal(errno, EMFILE);
}
static void hoard_release(struct hoard *hoard)
{
	for (size_t i = 0; i < hoard->count; i++)
		(void)close(hoard->fd[i]);
	(void)setrlimit(RLIMIT_NOFILE, &hoard->before);
}

static long cpu_ms(void)
{
	struct timespec used;
	assert_int_equal(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used), 0);
	return used.tv_sec * 1000 + used.tv_nsec / 1000000;
}

/* S13: who is connected is served, who is not waits, nobody spins, and then it goes on. */
static void S13__hostd_without_descriptors__serves_the_connected_and_waits(void **state)
{
	struct hostd_fixture *f = *state;
	struct hoard hoard = {.count = 0};
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int connected = -1, late = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%.100s", f->socket);
	assert_ok(socket_connect(f->socket, &connected, &f->err), f->err);
	eventually(fixture_connections(f) == 1);
	hoard_fill(&hoard);
	assert_int_equal(connect(late, (struct sockaddr *)&address, sizeof(address)), 0);
	send_status(f, late);
	long used = cpu_ms();
	struct pollfd wait = {.fd = late, .events = POLLIN};
	int answered = poll(&wait, 1, 1000);
	used = cpu_ms() - used;
	send_status(f, connected);
	assert_status_answered(f, connected);
	hoard_release(&hoard);
	assert_int_equal(answered, 0);
	if (used > 250)
		fail_msg("%ld ms of processor in a second of waiting", used);
	assert_status_answered(f, late);
	(void)close(connected);
	(void)close(late);
}

/* ---- a hostd that is false, or dies ---- */

static void play_hostd(struct hostd_fixture *f, void (*play)(int fd))
{
	struct socket_peer peer;
	int listener = -1, fd = -1;
	(void)snprintf(f->socket, sizeof(f->socket), "%s", tree_path("false.sock"));
	assert_ok(socket_listen(f->socket, 0666, &listener, &f->err), f->err);
	fixture_run(f, NULL, 0);
	assert_ok(socket_accept(listener, &peer, &fd, &f->err), f->err);
	play(fd);
	(void)close(fd);
	(void)close(listener);
	socket_peer_release(&peer);
}

static void say(int fd, const char *text)
{
	char request_[4096];
	assert_true(recv(fd, request_, sizeof(request_), 0) > 0);
	if (text)
		assert_true(send(fd, text, strlen(text), MSG_NOSIGNAL) > 0);
}

static void die(int fd)
{
	say(fd, NULL);
}

static void ask_for_fifth_file(int fd)
{
	say(fd, "{\"event\":\"ask\",\"files\":[5],\"environment\":[]}");
}

static void send_plan_without_descriptors(int fd)
{
	say(fd, "{\"event\":\"plan\",\"record\":\"00\"}");
}

static void send_unknown_event(int fd)
{
	say(fd, "{\"event\":\"dance\"}");
}

static const struct {
	void (*play)(int fd);
	const char *output;
} false_hostds[] = {
	{die, "io: assay-hostd ended the conversation; its log says why\n"},
	{ask_for_fifth_file, "format: assay-hostd asks for file argument 6\n"},
	{send_plan_without_descriptors,
		"format: answer of assay-hostd: 0 descriptors, expected 5\n"},
	{send_unknown_event, "format: answer of assay-hostd: event dance is unknown\n"},
};

/* SIGKILL of hostd at any step looks like `die` to the caller. */
static void run__hostd_dies_or_lies__error_and_no_agent(void **state)
{
	struct hostd_fixture *f = *state;
	for (size_t i = 0; i < ARRAY_LEN(false_hostds); i++) {
		play_hostd(f, false_hostds[i].play);
		assert_output(f, false_hostds[i].output);
		assert_exit(f, EXIT_ERROR);
	}
}

/* Who connects to somebody else's socket would execute what that user wants. */
static void connect__socket_of_another_user__refused(void **state)
{
	struct hostd_fixture *f = *state;
	char path[PATH_MAX];
	int listener = -1, fd = -1, ends[2];
	char byte;
	if (geteuid() != 0)
		skip();
	(void)snprintf(path, sizeof(path), "%s", tree_path("nobody"));
	assert_int_equal(mkdir(path, 0777) | chmod(path, 0777) | pipe(ends), 0);
	(void)snprintf(path, sizeof(path), "%s", tree_path("nobody/s"));
	pid_t child = fork_beside_threads();
	if (child == 0) {
		fixture_become_nobody();
		if (!socket_listen(path, 0666, &listener, &f->err) || write(ends[1], "x", 1) != 1)
			_exit(1);
		(void)pause();
	}
	assert_int_equal(read(ends[0], &byte, 1), 1);
	assert_false(socket_connect(path, &fd, &f->err));
	assert_int_equal(f->err.code, ERR_DENIED);
	assert_non_null(strstr(f->err.text, "user 65534 listens there, neither root nor you"));
	(void)kill(child, SIGKILL);
	(void)waitpid(child, NULL, 0);
	(void)close(ends[0]);
	(void)close(ends[1]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)

static int run_all(void)
{
	const struct CMUnitTest tests[] = {
		TEST(notify__path_and_abstract_address__told),
		TEST(status__instances_of_long_and_odd_names__all_told),
		TEST(hostd_new__state_directory_in_use__refused),
		TEST(hostd_new__not_enrolled__launches_nothing),
		TEST(status__of_enrolled_host__says_who_and_what),
		TEST(status__verifier_hangs__answered_at_once),
		TEST(workloads__good_and_bad_specs__both_listed),
		TEST(quote_checkpoint__of_enrolled_host__by_its_ak_over_the_text),
		TEST(quote_checkpoint__anything_else__no_quote_is_made),
		TEST(quote_checkpoint__not_enrolled__refused),
		TEST(quote_checkpoint__by_an_ordinary_user__refused),
		TEST(S13__hostd_without_descriptors__serves_the_connected_and_waits),
		TEST(run__hostd_dies_or_lies__error_and_no_agent),
		TEST(connect__socket_of_another_user__refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
BOTH_USERS(run_all)
