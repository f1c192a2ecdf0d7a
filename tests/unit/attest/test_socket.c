/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/unit.h"

#include "attest/socket.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

struct fixture {
	char directory[64], path[80];
	int listener, client, server;
	struct err err;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	strcpy(f->directory, "/tmp/assay-socket.XXXXXX");
	if (!mkdtemp(f->directory))
		return -1;
	(void)snprintf(f->path, sizeof(f->path), "%s/s", f->directory);
	f->listener = f->client = f->server = -1;
	struct socket_peer peer;
	if (!socket_listen(f->path, 0660, &f->listener, &f->err) ||
		!socket_connect(f->path, &f->client, &f->err) ||
		!socket_accept(f->listener, &peer, &f->server, &f->err))
		return -1;
	bool me = peer.uid == geteuid() && peer.pid == getpid() && peer.pidfd >= 0;
	socket_peer_release(&peer);
	*state = f;
	return me ? 0 : -1;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	fd_close(&f->listener);
	fd_close(&f->client);
	fd_close(&f->server);
	(void)unlink(f->path);
	(void)rmdir(f->directory);
	free(f);
	return 0;
}

static size_t open_fds(void)
{
	size_t count = 0;
	DIR *dir = opendir("/proc/self/fd");
	while (readdir(dir))
		count++;
	(void)closedir(dir);
	return count;
}

static void socket_listen__mode__is_what_was_asked(void **state)
{
	struct fixture *f = *state;
	struct stat st;
	assert_int_equal(stat(f->path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0660);
}

static void socket_listen__live_socket__refused(void **state)
{
	struct fixture *f = *state;
	int fd;
	assert_false(socket_listen(f->path, 0660, &fd, &f->err));
	assert_int_equal(f->err.code, ERR_CONFLICT);
	assert_non_null(strstr(f->err.text, "another assay-hostd listens there"));
}

static void socket_listen__stale_socket__replaced(void **state)
{
	struct fixture *f = *state;
	fd_close(&f->listener);
	assert_ok(socket_listen(f->path, 0600, &f->listener, &f->err), f->err);
}

static void socket_listen__ordinary_file__left_alone(void **state)
{
	struct fixture *f = *state;
	int fd;
	(void)unlink(f->path);
	assert_ok(file_write_atomic(f->path, BYTES_LIT("mine"), 0600, &f->err), f->err);
	assert_false(socket_listen(f->path, 0660, &fd, &f->err));
	assert_non_null(strstr(f->err.text, "is no socket"));
	assert_int_equal(access(f->path, F_OK), 0);
}

static void socket_message__with_descriptor__arrives(void **state)
{
	struct fixture *f = *state;
	json_t *sent = json_pack("{s:s}", "op", "status"), *got = NULL;
	struct socket_fds fds = {0};
	struct stat a, b;
	assert_ok(socket_send(f->client, sent, &f->listener, 1, 1000, &f->err), f->err);
	assert_ok(socket_receive(f->server, 1000, 1, &got, &fds, &f->err), f->err);
	assert_true(json_equal(sent, got));
	assert_int_equal(fds.count, 1);
	assert_int_equal(fcntl(fds.fd[0], F_GETFD), FD_CLOEXEC);
	assert_int_equal(fstat(fds.fd[0], &a), 0);
	assert_int_equal(fstat(f->listener, &b), 0);
	assert_int_equal(a.st_ino, b.st_ino);
	socket_fds_release(&fds);
	json_decref(sent);
	json_decref(got);
}

static void socket_receive__peer_closed__no_message(void **state)
{
	struct fixture *f = *state;
	json_t *got = NULL;
	fd_close(&f->client);
	assert_ok(socket_receive(f->server, 1000, 0, &got, NULL, &f->err), f->err);
	assert_null(got);
}

/* The kernel reports a peer that went away with unread data once, before what that peer had sent. */
static void socket_receive__peer_gone_with_unread_data__its_message_first(void **state)
{
	struct fixture *f = *state;
	json_t *sent = json_pack("{s:s}", "op", "a message of some length"), *got = NULL;
	assert_ok(socket_send(f->server, sent, NULL, 0, 1000, &f->err), f->err);
	assert_ok(socket_send(f->client, sent, NULL, 0, 1000, &f->err), f->err);
	fd_close(&f->client);
	assert_ok(socket_receive(f->server, 1000, 0, &got, NULL, &f->err), f->err);
	assert_true(json_equal(sent, got));
	json_decref(got);
	assert_ok(socket_receive(f->server, 1000, 0, &got, NULL, &f->err), f->err);
	assert_null(got);
	json_decref(sent);
}

static void socket_receive__silence__times_out(void **state)
{
	struct fixture *f = *state;
	json_t *got;
	assert_fails(socket_receive(f->server, 50, 0, &got, NULL, &f->err), f->err, ERR_NET,
		"the other side of the socket took too long");
}

static void socket_send__reader_that_does_not_read__times_out(void **state)
{
	struct fixture *f = *state;
	json_t *big = json_object();
	char text[60000];
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	json_object_set_new(big, "text", json_string(text));
	bool sent = true;
	for (int i = 0; i < 100 && sent; i++)
		sent = socket_send(f->client, big, NULL, 0, 20, &f->err);
	assert_false(sent);
	assert_int_equal(f->err.code, ERR_NET);
	json_decref(big);
}

static const struct {
	const char *text;
	const char *why;
} garbage[] = {
	{"x", "message on the socket: JSON"},
	{"{\"op\":\"run\"", "message on the socket: JSON"},
	{"{\"op\":1,\"op\":2}", "message on the socket: JSON"},
	{"[1]", "not an object"},
	{"\"run\"", "message on the socket: JSON"},
	{"{} {}", "message on the socket: JSON"},
	{"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", "nested deeper"},
};

static void socket_receive__garbage__refused(void **state)
{
	struct fixture *f = *state;
	for (size_t i = 0; i < ARRAY_LEN(garbage); i++) {
		json_t *got = NULL;
		assert_true(send(f->client, garbage[i].text, strlen(garbage[i].text), 0) > 0);
		assert_false(socket_receive(f->server, 1000, 0, &got, NULL, &f->err));
		assert_non_null(strstr(f->err.text, garbage[i].why));
		assert_null(got);
	}
}

static void socket_receive__huge_message__refused_and_gone(void **state)
{
	struct fixture *f = *state;
	size_t len = SOCKET_MESSAGE_MAX + 1;
	char *text = calloc(1, len);
	json_t *got = NULL, *small = json_object();
	memset(text, ' ', len);
	assert_int_equal(send(f->client, text, len, 0), len);
	assert_false(socket_receive(f->server, 1000, 0, &got, NULL, &f->err));
	assert_int_equal(f->err.code, ERR_LIMIT);
	assert_ok(socket_send(f->client, small, NULL, 0, 1000, &f->err), f->err);
	assert_ok(socket_receive(f->server, 1000, 0, &got, NULL, &f->err), f->err);
	json_decref(got);
	json_decref(small);
	free(text);
}

/* Sends n descriptors with a text, by hand: more than our own side would. */
static void send_fds(int to, const char *text, size_t n)
{
	char room[CMSG_SPACE(sizeof(int) * 250)] = {0};
	struct iovec part = {(void *)(uintptr_t)text, strlen(text)};
	struct msghdr message = {.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = room,
		.msg_controllen = CMSG_SPACE(sizeof(int) * n)};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int) * n);
	for (size_t i = 0; i < n; i++)
		memcpy(CMSG_DATA(header) + i * sizeof(int), &to, sizeof(to));
	assert_true(sendmsg(to, &message, 0) >= 0);
}

static void socket_receive__unwanted_descriptors__refused_and_closed(void **state)
{
	struct fixture *f = *state;
	static const struct {
		const char *text;
		size_t sent, wanted;
	} cases[] = {{"{}", 1, 0}, {"{}", 5, 4}, {"{}", 250, 1}, {"garbage", 3, 3}, {"{}", 17, 16}};
	size_t before = open_fds();
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		json_t *got = NULL;
		struct socket_fds fds = {0};
		send_fds(f->client, cases[i].text, cases[i].sent);
		assert_false(socket_receive(f->server, 1000, cases[i].wanted, &got, &fds, &f->err));
		assert_int_equal(fds.count, 0);
		assert_int_equal(open_fds(), before);
	}
}

static void socket_error__round_trip__keeps_code_and_text(void **state)
{
	struct fixture *f = *state;
	struct err in, out = {0};
	err_set(&in, ERR_DENIED, "not for you");
	json_t *message = socket_error_message(&in);
	assert_fails(socket_error_of(message, &out), out, ERR_DENIED, "not for you");
	json_decref(message);
	message = json_pack("{s:b}", "ok", 1);
	assert_ok(socket_error_of(message, &f->err), f->err);
	json_decref(message);
}

static void socket_connect__nobody__says_what_to_do(void **state)
{
	struct fixture *f = *state;
	int fd;
	assert_false(socket_connect("/tmp/assay-there-is-no-such-socket", &fd, &f->err));
	assert_non_null(strstr(f->err.text, "is it running on this host?"));
}

static void *answer_once(void *context)
{
	struct fixture *f = context;
	struct socket_peer peer;
	struct err err;
	int fd;
	json_t *got = NULL,
	       *reply = json_pack("{s:{s:s,s:s}}", "error", "code", "busy", "message", "later");
	if (socket_accept(f->listener, &peer, &fd, &err)) {
		if (socket_receive(fd, 1000, 0, &got, NULL, &err) &&
			!socket_send(fd, reply, NULL, 0, 1000, &err))
			(void)close(-1);
		socket_peer_release(&peer);
		(void)close(fd);
	}
	json_decref(got);
	json_decref(reply);
	return NULL;
}

static void hostd_request__error_answer__becomes_err(void **state)
{
	struct fixture *f = *state;
	pthread_t thread;
	json_t *request = json_pack("{s:s}", "op", "status"), *reply = NULL;
	assert_int_equal(pthread_create(&thread, NULL, answer_once, f), 0);
	assert_fails(hostd_request(f->path, request, NULL, 0, &reply, NULL, &f->err), f->err,
		ERR_BUSY, "later");
	assert_int_equal(pthread_join(thread, NULL), 0);
	json_decref(request);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(socket_listen__mode__is_what_was_asked),
		TEST(socket_listen__live_socket__refused),
		TEST(socket_listen__stale_socket__replaced),
		TEST(socket_listen__ordinary_file__left_alone),
		TEST(socket_message__with_descriptor__arrives),
		TEST(socket_receive__peer_closed__no_message),
		TEST(socket_receive__peer_gone_with_unread_data__its_message_first),
		TEST(socket_receive__silence__times_out),
		TEST(socket_send__reader_that_does_not_read__times_out),
		TEST(socket_receive__garbage__refused),
		TEST(socket_receive__huge_message__refused_and_gone),
		TEST(socket_receive__unwanted_descriptors__refused_and_closed),
		TEST(socket_error__round_trip__keeps_code_and_text),
		TEST(socket_connect__nobody__says_what_to_do),
		TEST(hostd_request__error_answer__becomes_err),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
