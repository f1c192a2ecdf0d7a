/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets that systemd opened for the service (sd_listen_fds(3)). */
#ifndef ASSAY_VERIFIER_ACTIVATION_H
#define ASSAY_VERIFIER_ACTIVATION_H

#include "base/err.h"

#include <sys/types.h>

#define ACTIVATION_SOCKETS_MAX 8u
#define ACTIVATION_FIRST_FD    3

struct activation {
	int sockets[ACTIVATION_SOCKETS_MAX]; /* for the service itself */
	size_t count;
	int metrics; /* the one named "metrics" (FileDescriptorName=); -1: none */
};
/*
 * From the values of LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES, NULL where one is not set. Nothing is there for a process that
 * is not `self`. The descriptors stay systemd's to close; they are marked close-on-exec. ERR_CONFIG: more than there is room
 * for, or one that is no listening stream socket.
 */
must_use bool activation_take(const char *listen_pid, const char *listen_fds, const char *names,
	pid_t self, int first_fd, struct activation *ret, struct err *err);

#endif
