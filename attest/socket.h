/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The unix socket between `assay` and `assay-hostd`: SOCK_SEQPACKET, one strict JSON object a message, descriptors beside it
 * by SCM_RIGHTS. A message is bounded in bytes and descriptors, a wait in time; whatever is refused has all its descriptors
 * closed. The peer is known by the kernel's word (SO_PEERCRED), never by what it says.
 *
 * A request is {"op":NAME, …}; its answer {"ok":true, …} or {"error":{"code":NAME of enum err_code,"message":TEXT}}.
 * docs/hostd.md lists the requests. `run` is a conversation and is spoken by launch_run (attest/launch.h) alone.
 */
#ifndef ASSAY_ATTEST_SOCKET_H
#define ASSAY_ATTEST_SOCKET_H

#include "base/json.h"

#include <sys/types.h>

#define HOSTD_SOCKET_DEFAULT "/run/assay/hostd.sock"
#define SOCKET_MESSAGE_MAX   (176u << 10) /* what the default send buffer of a unix socket takes */
#define SOCKET_FDS_MAX       16u
#define SOCKET_ANSWER_MS                                                                           \
	120000 /* how long a client waits for hostd: hashing a large model, then the verifier */

/* Descriptors that came with a message. Zero-initialised is none. */
struct socket_fds {
	int fd[SOCKET_FDS_MAX];
	size_t count;
};
/* cleanup: closes what is left. */
void socket_fds_release(struct socket_fds *fds);
/* Hands over descriptor i (the set forgets it); -1 when there is none. */
int socket_fds_take(struct socket_fds *fds, size_t i);

/* Who is at the other end. */
struct socket_peer {
	pid_t pid;
	uid_t uid;
	gid_t gid;
	int pidfd; /* owned; SO_PEERPIDFD where the kernel has it, pidfd_open otherwise; -1 when the process is gone */
};
void socket_peer_release(struct socket_peer *peer);

/* Binds and listens. A stale socket file (nobody listens) is replaced, a live one is ERR_CONFLICT; anything else at that
 * path is left alone and refused. */
must_use bool socket_listen(const char *path, mode_t mode, int *ret_fd, struct err *err);
/* ERR_BUSY when nobody was waiting after all. */
must_use bool socket_accept(
	int listener, struct socket_peer *ret_peer, int *ret_fd, struct err *err);
/* ERR_DENIED when neither root nor the caller himself listens there. */
must_use bool socket_connect(const char *path, int *ret_fd, struct err *err);
/* Sends one message; fds stay the caller's. */
must_use bool socket_send(int fd, const json_t *message, const int *fds, size_t fd_count,
	int timeout_ms, struct err *err);
/* Receives one message. *ret_message is NULL, and the call true, when the peer closed. More than max_fds descriptors, a cut
 * message, or one that is not strict JSON of an object: refused. */
must_use bool socket_receive(int fd, int timeout_ms, size_t max_fds, json_t **ret_message,
	struct socket_fds *ret_fds, struct err *err);
/* {"error":{…}} out of an err, and back into one: socket_error_of returns false and fills err when the message is an error. */
json_t *socket_error_message(const struct err *error);
must_use bool socket_error_of(const json_t *message, struct err *err);

/* One request, one answer: connect, send, receive, close. An error answer is false with its code and text. ret_fds may be
 * NULL when no descriptors are expected. The caller owns *ret_reply (json_decref) and the descriptors.
 *   {"op":"status","from":N?}                {"ok":true,"host":hex|null,"state":…,"verifier":…,"instances":[…],"more":B,"log":{…}}
 *   {"op":"enroll","join_token":T?,"name":N} {"ok":true,"host":hex,"state":"active"|"pending"}
 *   {"op":"workloads"}                       {"ok":true,"workloads":[{"name","spec","release"|null,"error"|absent}]}
 *   {"op":"stop","instance":hex}             {"ok":true}: SIGTERM to the instance
 *   {"op":"quote-checkpoint","note":T}       {"ok":true,"quote":base64 of evidence/checkpoint_quote.h}
 */
must_use bool hostd_request(const char *socket_path, const json_t *request, const int *fds,
	size_t fd_count, json_t **ret_reply, struct socket_fds *ret_fds, struct err *err);

#endif
