/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier/activation.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static bool listens(int fd, struct err *err)
{
	int type = 0, accepting = 0;
	socklen_t len = sizeof(int);
	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) != 0 ||
		getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &accepting, &len) != 0 ||
		type != SOCK_STREAM || !accepting)
		return err_set(err, ERR_CONFIG,
			"LISTEN_FDS: descriptor %d is no listening stream socket", fd);
	int flags = fcntl(fd, F_GETFD);
	return flags >= 0 && fcntl(fd, F_SETFD, flags | FD_CLOEXEC) == 0
		       ? true
		       : err_errno(err, errno, "LISTEN_FDS: descriptor %d", fd);
}

/* The i-th of names that are parted by colons. */
static bool named(const char *names, unsigned long i, const char *wanted)
{
	for (; names && i > 0; i--) {
		names = strchr(names, ':');
		names = names ? names + 1 : NULL;
	}
	size_t len = names ? strcspn(names, ":") : 0;
	return len == strlen(wanted) && strncmp(names, wanted, len) == 0;
}

bool activation_take(const char *listen_pid, const char *listen_fds, const char *names, pid_t self,
	int first_fd, struct activation *ret, struct err *err)
{
	struct activation found = {.metrics = -1};
	unsigned long count = 0;
	if (listen_pid && listen_fds && strtoul(listen_pid, NULL, 10) == (unsigned long)self)
		count = strtoul(listen_fds, NULL, 10);
	if (count > ACTIVATION_SOCKETS_MAX)
		return err_set(err, ERR_CONFIG, "LISTEN_FDS: %lu sockets: at most %u", count,
			ACTIVATION_SOCKETS_MAX);
	for (unsigned long i = 0; i < count; i++) {
		int fd = first_fd + (int)i;
		if (!listens(fd, err))
			return false;
		if (named(names, i, "metrics"))
			found.metrics = fd;
		else
			found.sockets[found.count++] = fd;
	}
	*ret = found;
	return true;
}
