/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/socket.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "base/time.h"

#define SOCKET_BACKLOG 64

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77 /* Linux 6.5 */
#endif

void socket_fds_release(struct socket_fds *fds)
{
	if (!fds)
		return;
	for (size_t i = 0; i < fds->count; i++)
		fd_close(&fds->fd[i]);
	fds->count = 0;
}

int socket_fds_take(struct socket_fds *fds, size_t i)
{
	if (i >= fds->count)
		return -1;
	int fd = fds->fd[i];
	fds->fd[i] = -1;
	return fd;
}

void socket_peer_release(struct socket_peer *peer)
{
	if (peer)
		fd_close(&peer->pidfd);
}

/* ---- making and finding the socket ---- */

static bool address_of(const char *path, struct sockaddr_un *ret, struct err *err)
{
	*ret = (struct sockaddr_un){.sun_family = AF_UNIX};
	size_t len = strlen(path);
	if (len == 0 || len >= sizeof(ret->sun_path))
		return err_set(err, ERR_CONFIG,
			"socket path \"%s\" is empty or longer than %zu bytes", path,
			sizeof(ret->sun_path) - 1);
	memcpy(ret->sun_path, path, len);
	return true;
}

static int socket_new(void)
{
	return socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
}

/* Removes a socket file on which nobody listens any more; says why when that is not what lies there. */
static bool remove_stale(const char *path, const struct sockaddr_un *address, struct err *err)
{
	struct stat st;
	if (lstat(path, &st) != 0)
		return errno == ENOENT ? true : err_errno(err, errno, "%s", path);
	if (!S_ISSOCK(st.st_mode))
		return err_set(err, ERR_CONFLICT, "%s is there already and is no socket", path);
	OWNED(fd_close) int probe = socket_new();
	if (probe < 0)
		return err_errno(err, errno, "socket");
	if (connect(probe, (const struct sockaddr *)address, sizeof(*address)) == 0)
		return err_set(err, ERR_CONFLICT, "%s: another assay-hostd listens there", path);
	if (errno != ECONNREFUSED)
		return err_errno(err, errno, "%s", path);
	if (unlink(path) != 0 && errno != ENOENT)
		return err_errno(err, errno, "removing the stale socket %s", path);
	return true;
}

bool socket_listen(const char *path, mode_t mode, int *ret_fd, struct err *err)
{
	struct sockaddr_un address;
	if (!address_of(path, &address, err) || !remove_stale(path, &address, err))
		return false;
	OWNED(fd_close) int fd = socket_new();
	if (fd < 0)
		return err_errno(err, errno, "socket");
	/* The mode of an unbound socket is the one that bind gives the file: there is no moment at which it is wider. */
	if (fchmod(fd, mode) != 0)
		return err_errno(err, errno, "mode of %s", path);
	if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) != 0)
		return err_errno(err, errno, "binding %s", path);
	if (chmod(path, mode) != 0 || listen(fd, SOCKET_BACKLOG) != 0)
		return err_errno(err, errno, "listening on %s", path);
	*ret_fd = fd;
	fd = -1;
	return true;
}

static bool peer_of(int fd, struct socket_peer *ret, struct err *err)
{
	struct ucred credentials;
	socklen_t len = sizeof(credentials);
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &len) != 0)
		return err_errno(err, errno, "credentials of the peer");
	*ret = (struct socket_peer){.pid = credentials.pid,
		.uid = credentials.uid,
		.gid = credentials.gid,
		.pidfd = -1};
	int pidfd = -1;
	len = sizeof(pidfd);
	if (getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &len) == 0)
		ret->pidfd = pidfd;
	else if (errno == ENOPROTOOPT || errno == EINVAL)
		ret->pidfd = (int)syscall(SYS_pidfd_open, credentials.pid, 0);
	return true;
}

bool socket_accept(int listener, struct socket_peer *ret_peer, int *ret_fd, struct err *err)
{
	OWNED(fd_close) int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (fd < 0) {
		bool nobody = errno == EAGAIN || errno == ECONNABORTED || errno == EINTR;
		return nobody ? err_set(err, ERR_BUSY, "no connection waits")
			      : err_errno(err, errno, "accepting a connection");
	}
	if (!peer_of(fd, ret_peer, err))
		return false;
	*ret_fd = fd;
	fd = -1;
	return true;
}

/* Who listens decides what a caller becomes, and hears join tokens: root, or the caller himself. */
static bool check_listener(int fd, const char *path, struct err *err)
{
	struct ucred listener;
	socklen_t len = sizeof(listener);
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &listener, &len) != 0)
		return err_errno(err, errno, "credentials of assay-hostd");
	if (listener.uid != 0 && listener.uid != geteuid())
		return err_set(err, ERR_DENIED,
			"%s: user %u listens there, neither root nor you: not trusted as "
			"assay-hostd",
			path, listener.uid);
	return true;
}

bool socket_connect(const char *path, int *ret_fd, struct err *err)
{
	struct sockaddr_un address;
	if (!address_of(path, &address, err))
		return false;
	OWNED(fd_close) int fd = socket_new();
	if (fd < 0)
		return err_errno(err, errno, "socket");
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) != 0) {
		int why = errno;
		if (why == ENOENT || why == ECONNREFUSED)
			return err_set(err, ERR_IO,
				"assay-hostd does not answer at %s: is it running on this host?",
				path);
		if (why == EACCES || why == EPERM)
			return err_set(err, ERR_IO,
				"%s: permission denied: only root, assay-hostd's own user and the "
				"members of its socket_group (hostd.yaml) may connect",
				path);
		return err_errno(err, why, "connecting to assay-hostd at %s", path);
	}
	if (!check_listener(fd, path, err))
		return false;
	*ret_fd = fd;
	fd = -1;
	return true;
}

/* ---- messages ---- */

/* Waits until the descriptor is ready or the deadline (monotonic milliseconds) has passed. */
static bool wait_ready(int fd, short events, uint64_t deadline, struct err *err)
{
	for (;;) {
		uint64_t now = clock_monotonic_ms(&clock_system);
		uint64_t left = deadline > now ? deadline - now : 0;
		struct pollfd entry = {.fd = fd, .events = events};
		int n = poll(&entry, 1, left > INT32_MAX ? INT32_MAX : (int)left);
		if (n > 0)
			return true;
		if (n < 0 && errno != EINTR)
			return err_errno(err, errno, "waiting for the other side");
		if (n == 0 && left == 0)
			return err_set(err, ERR_NET, "the other side of the socket took too long");
	}
}

static uint64_t deadline_of(int timeout_ms)
{
	return clock_monotonic_ms(&clock_system) + (uint64_t)(timeout_ms > 0 ? timeout_ms : 0);
}

union control {
	struct cmsghdr header;
	char room[CMSG_SPACE(sizeof(int) * SOCKET_FDS_MAX)];
};

static bool send_bytes(int fd, struct bytes bytes, const int *fds, size_t fd_count, int timeout_ms,
	struct err *err)
{
	union control control = {0};
	struct iovec part = {(void *)(uintptr_t)bytes.data, bytes.len};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
	if (fd_count > 0) {
		message.msg_control = control.room;
		message.msg_controllen = CMSG_SPACE(sizeof(int) * fd_count);
		struct cmsghdr *header = CMSG_FIRSTHDR(&message);
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(sizeof(int) * fd_count);
		memcpy(CMSG_DATA(header), fds, sizeof(int) * fd_count);
	}
	uint64_t deadline = deadline_of(timeout_ms);
	for (;;) {
		if (sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0)
			return true;
		if (errno == EPIPE || errno == ECONNRESET)
			return err_set(err, ERR_NET, "the other side of the socket has gone");
		if (errno != EAGAIN && errno != EINTR)
			return err_errno(err, errno, "sending on the socket");
		if (!wait_ready(fd, POLLOUT, deadline, err))
			return false;
	}
}

bool socket_send(int fd, const json_t *message, const int *fds, size_t fd_count, int timeout_ms,
	struct err *err)
{
	if (fd_count > SOCKET_FDS_MAX)
		return err_set(err, ERR_LIMIT, "%zu descriptors in one message, at most %u",
			fd_count, SOCKET_FDS_MAX);
	OWNED(buf_release) struct buf text = {0};
	if (!json_write(message, false, &text, err))
		return false;
	if (text.len > SOCKET_MESSAGE_MAX)
		return err_set(err, ERR_LIMIT, "a message of %zu bytes, at most %u", text.len,
			SOCKET_MESSAGE_MAX);
	return send_bytes(fd, buf_bytes(&text), fds, fd_count, timeout_ms, err);
}

/* Every descriptor the kernel installed goes into the set, whatever else is wrong with the message. */
static void collect_fds(struct msghdr *message, struct socket_fds *fds)
{
	for (struct cmsghdr *h = CMSG_FIRSTHDR(message); h; h = CMSG_NXTHDR(message, h)) {
		if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS)
			continue;
		size_t n = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++) {
			int fd;
			memcpy(&fd, CMSG_DATA(h) + i * sizeof(int), sizeof(fd));
			if (fds->count < SOCKET_FDS_MAX)
				fds->fd[fds->count++] = fd;
			else
				(void)close(fd);
		}
	}
}

/* Takes the waiting message off the socket. *ret_len is its true length, which may be more than room. */
static bool take_message(int fd, uint8_t *room, size_t size, struct socket_fds *fds,
	size_t *ret_len, struct err *err)
{
	union control control = {0};
	struct iovec part = {room, size};
	struct msghdr message = {.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control.room,
		.msg_controllen = sizeof(control.room)};
	ssize_t n = recvmsg(fd, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT | MSG_TRUNC);
	if (n < 0 &&
		errno ==
			ECONNRESET) /* said once; what the peer sent before it went is still there */
		n = recvmsg(fd, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT | MSG_TRUNC);
	if (n < 0)
		return err_errno(err, errno, "receiving from the socket");
	collect_fds(&message, fds);
	if (message.msg_flags & MSG_CTRUNC)
		return err_set(
			err, ERR_LIMIT, "a message with more than %u descriptors", SOCKET_FDS_MAX);
	*ret_len = (size_t)n;
	return true;
}

/* The length of the message that waits; 0 when the peer closed. */
static bool peek_length(int fd, uint64_t deadline, size_t *ret, struct err *err)
{
	for (;;) {
		if (!wait_ready(fd, POLLIN, deadline, err))
			return false;
		uint8_t byte;
		ssize_t n = recv(fd, &byte, sizeof(byte), MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT);
		if (n >= 0) {
			*ret = (size_t)n;
			return true;
		}
		if (errno != EAGAIN && errno != EINTR && errno != ECONNRESET)
			return err_errno(err, errno, "receiving from the socket");
	}
}

bool socket_receive(int fd, int timeout_ms, size_t max_fds, json_t **ret_message,
	struct socket_fds *ret_fds, struct err *err)
{
	size_t waiting = 0;
	if (!peek_length(fd, deadline_of(timeout_ms), &waiting, err))
		return false;
	size_t room = waiting > SOCKET_MESSAGE_MAX ? 1 : waiting + 1;
	OWNED(free_ptr) uint8_t *text = malloc(room);
	OWNED(socket_fds_release) struct socket_fds fds = {0};
	OWNED(json_release) json_t *message = NULL;
	size_t len = 0;
	if (!text)
		return err_set(err, ERR_NOMEM, "no memory for a message");
	if (!take_message(fd, text, room, &fds, &len, err))
		return false;
	if (len > SOCKET_MESSAGE_MAX || len > room)
		return err_set(err, ERR_LIMIT, "a message of %zu bytes, at most %u", len,
			SOCKET_MESSAGE_MAX);
	if (fds.count > max_fds)
		return err_set(err, ERR_LIMIT,
			"a message with %zu descriptors where at most %zu belong", fds.count,
			max_fds);
	if (len > 0 && !json_open(bytes_of(text, len), SOCKET_MESSAGE_MAX, &message, err))
		return err_wrap(err, "message on the socket");
	if (message && !json_is_object(message))
		return err_set(err, ERR_FORMAT, "message on the socket: not an object");
	*ret_message = TAKE(message);
	if (ret_fds)
		*ret_fds = TAKE_STRUCT(fds);
	return true;
}

json_t *socket_error_message(const struct err *error)
{
	return json_pack("{s:{s:s,s:s}}", "error", "code", err_code_name(error->code), "message",
		error->text);
}

static enum err_code code_of_name(const char *name)
{
	for (int code = ERR_NONE + 1; code < ERR_CODES; code++) {
		if (strcmp(name, err_code_name((enum err_code)code)) == 0)
			return (enum err_code)code;
	}
	return ERR_INTERNAL;
}

bool socket_error_of(const json_t *message, struct err *err)
{
	const json_t *error = json_object_get(message, "error");
	if (!error)
		return true;
	struct json_fields f = json_fields_of("answer of assay-hostd");
	const char *code = json_need_str(&f, error, "code", 64);
	const char *text = json_need_str(&f, error, "message", ERR_TEXT_MAX);
	if (!json_fields_ok(&f, err))
		return false;
	return err_set(err, code_of_name(code), "%s", text);
}

bool hostd_request(const char *socket_path, const json_t *request, const int *fds, size_t fd_count,
	json_t **ret_reply, struct socket_fds *ret_fds, struct err *err)
{
	OWNED(fd_close) int fd = -1;
	OWNED(json_release) json_t *reply = NULL;
	OWNED(socket_fds_release) struct socket_fds received = {0};
	if (!socket_connect(socket_path ? socket_path : HOSTD_SOCKET_DEFAULT, &fd, err) ||
		!socket_send(fd, request, fds, fd_count, SOCKET_ANSWER_MS, err) ||
		!socket_receive(
			fd, SOCKET_ANSWER_MS, ret_fds ? SOCKET_FDS_MAX : 0, &reply, &received, err))
		return false;
	if (!reply)
		return err_set(err, ERR_NET, "assay-hostd closed the connection without an answer");
	if (!socket_error_of(reply, err))
		return false;
	*ret_reply = TAKE(reply);
	if (ret_fds)
		*ret_fds = TAKE_STRUCT(received);
	return true;
}
