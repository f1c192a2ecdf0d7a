/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/hostd.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/file.h"

static bool send_message(
	int socket, struct sockaddr_un *to, socklen_t size, const char *state, int fd)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct iovec part = {(void *)(uintptr_t)state, strlen(state)};
	struct msghdr message = {
		.msg_name = to, .msg_namelen = size, .msg_iov = &part, .msg_iovlen = 1};
	if (fd >= 0) {
		message.msg_control = control.room;
		message.msg_controllen = sizeof(control.room);
		struct cmsghdr *head = CMSG_FIRSTHDR(&message);
		head->cmsg_level = SOL_SOCKET;
		head->cmsg_type = SCM_RIGHTS;
		head->cmsg_len = CMSG_LEN(sizeof(fd));
		memcpy(CMSG_DATA(head), &fd, sizeof(fd));
	}
	return sendmsg(socket, &message, MSG_NOSIGNAL) >= 0;
}

bool hostd_notify_fd(const char *address, const char *state, int fd, struct err *err)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	size_t len = address ? strlen(address) : 0;
	if (len == 0)
		return true;
	if (len >= sizeof(to.sun_path) || (address[0] != '/' && address[0] != '@'))
		return err_set(
			err, ERR_CONFIG, "NOTIFY_SOCKET: not an absolute or abstract address");
	memcpy(to.sun_path, address, len);
	if (address[0] == '@')
		to.sun_path[0] = '\0';
	OWNED(fd_close) int socket_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
	if (socket_fd < 0 || !send_message(socket_fd, &to, size, state, fd))
		return err_errno(err, errno, "telling the service manager");
	return true;
}

bool hostd_notify(const char *address, const char *state, struct err *err)
{
	return hostd_notify_fd(address, state, -1, err);
}
