/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier/notify.h"

#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/file.h"

bool notify_send(const char *socket_name, const char *state)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t len = socket_name ? strlen(socket_name) : 0;
	if (len == 0)
		return true;
	if (len >= sizeof(address.sun_path) || (socket_name[0] != '/' && socket_name[0] != '@'))
		return false;
	memcpy(address.sun_path, socket_name, len);
	if (address.sun_path[0] == '@')
		address.sun_path[0] = 0; /* the abstract namespace */
	OWNED(fd_close) int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return false;
	socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
	ssize_t sent = sendto(
		fd, state, strlen(state), MSG_NOSIGNAL, (const struct sockaddr *)&address, size);
	return sent == (ssize_t)strlen(state);
}
