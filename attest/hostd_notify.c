/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/hostd.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/file.h"

bool hostd_notify(const char *address, const char *state, struct err *err)
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
	OWNED(fd_close) int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
	if (fd < 0 || sendto(fd, state, strlen(state), MSG_NOSIGNAL, (const struct sockaddr *)&to,
			      size) < 0)
		return err_errno(err, errno, "telling the service manager");
	return true;
}
