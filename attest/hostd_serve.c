/* SPDX-License-Identifier: Apache-2.0 */
/* Connections of the unix socket: one thread each, a bounded number of them, a bounded time for each step. */
#include "attest/hostd_state.h"

#include <errno.h>
#include <grp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "attest/instance_saved.h"
#include "base/file.h"
#include "base/text.h"
#include "base/thread.h"
#include "base/time.h"

#define ACCEPT_PAUSE_MS 100
#define ACCEPT_LOG_MS   60000u

struct request {
	const char *op;
	bool (*run)(struct connection *c, const json_t *request, json_t **ret, struct err *err);
	bool operator_only;
};
static const struct request requests[] = {
	{"status", hostd_request_status, false},
	{"workloads", hostd_request_workloads, false},
	{"stop", hostd_request_stop, false}, /* of one's own instances */
	{"enroll", hostd_request_enroll, true},
	{"quote-checkpoint", hostd_request_quote_checkpoint, true},
};

bool hostd_peer_is_operator(const struct connection *c)
{
	return c->peer.uid == 0 || c->peer.uid == geteuid();
}

static const struct request *request_find(const char *op)
{
	for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
		if (strcmp(requests[i].op, op) == 0)
			return &requests[i];
	}
	return NULL;
}

static bool answer(struct connection *c, const char *op, const json_t *message, struct err *err)
{
	const struct request *request = request_find(op);
	OWNED(json_release) json_t *reply = NULL;
	if (!request)
		return err_set(err, ERR_FORMAT, "op: unknown");
	if (request->operator_only && !hostd_peer_is_operator(c))
		return err_set(
			err, ERR_DENIED, "%s: only for root and the user of assay-hostd", op);
	return request->run(c, message, &reply, err) &&
	       socket_send(c->fd, reply, NULL, 0, HOSTD_SEND_MS, err);
}

static bool serve(struct connection *c, struct err *err)
{
	OWNED(json_release) json_t *message = NULL;
	OWNED(socket_fds_release) struct socket_fds fds = {0};
	if (!socket_receive(c->fd, HOSTD_REQUEST_MS, 1, &message, &fds, err))
		return false;
	if (!message)
		return true;
	struct json_fields f = json_fields_of("request");
	const char *op = json_need_str(&f, message, "op", 32);
	if (!json_fields_ok(&f, err))
		return false;
	if (strcmp(op, "run") == 0)
		return hostd_launch(c, message, &fds, err);
	return answer(c, op, message, err);
}

void hostd_serve(struct connection *c)
{
	struct err err, ignored;
	char user[16];
	if (serve(c, &err))
		return;
	(void)snprintf(user, sizeof(user), "%u", c->peer.uid);
	log_event(c->hostd->log, LOG_LEVEL_WARNING, "request failed", {"user", bytes_str(user)},
		{"code", bytes_str(err_code_name(err.code))}, {"error", bytes_str(err.text)});
	OWNED(json_release) json_t *message = socket_error_message(&err);
	/* Who does not read does not get to know. */
	if (message && socket_send(c->fd, message, NULL, 0, HOSTD_SEND_MS, &ignored))
		return;
}

/* ---- threads ---- */

static void connection_free(struct connection *c)
{
	fd_close(&c->fd);
	socket_peer_release(&c->peer);
	free(c);
}

static void connection_end(struct connection *c)
{
	struct hostd *hostd = c->hostd;
	(void)pthread_mutex_lock(&hostd->connections_mutex);
	for (struct connection **at = &hostd->connections; *at; at = &(*at)->next) {
		if (*at == c) {
			*at = c->next;
			break;
		}
	}
	/* The descriptor is closed under the lock, since hostd_run may shut it down by number. */
	connection_free(c);
	hostd->connection_count--;
	(void)pthread_cond_broadcast(&hostd->connections_cond);
	(void)pthread_mutex_unlock(&hostd->connections_mutex);
}

static void *connection_thread(void *context)
{
	struct connection *c = context;
	hostd_serve(c);
	connection_end(c);
	return NULL;
}

/* Under the lock. One user's connections cannot keep out another's, nor all of them root's. */
static bool has_room(const struct hostd *hostd, const struct connection *c)
{
	unsigned same = 0;
	if (hostd->connection_count >= HOSTD_CONNECTIONS_MAX)
		return false;
	if (hostd_peer_is_operator(c))
		return true;
	for (const struct connection *other = hostd->connections; other; other = other->next)
		same += other->peer.uid == c->peer.uid;
	return same < HOSTD_CONNECTIONS_OF_USER &&
	       hostd->connection_count < HOSTD_CONNECTIONS_MAX - HOSTD_CONNECTIONS_OF_USER;
}

static bool enlist(struct connection *c)
{
	struct hostd *hostd = c->hostd;
	(void)pthread_mutex_lock(&hostd->connections_mutex);
	bool room = has_room(hostd, c);
	if (room) {
		c->next = hostd->connections;
		hostd->connections = c;
		hostd->connection_count++;
	}
	(void)pthread_mutex_unlock(&hostd->connections_mutex);
	return room;
}

static bool start_thread(struct connection *c)
{
	pthread_t thread;
	if (!thread_start(&thread, "connection", HOSTD_STACK, connection_thread, c, NULL))
		return false;
	(void)pthread_detach(thread);
	return true;
}

static void turn_away(struct connection *c)
{
	struct err busy, ignored;
	err_set(&busy, ERR_BUSY, "assay-hostd serves as many requests as it can: try again");
	OWNED(json_release) json_t *message = socket_error_message(&busy);
	if (message && !socket_send(c->fd, message, NULL, 0, 0, &ignored))
		(void)shutdown(c->fd, SHUT_RDWR);
	connection_free(c);
}

/* Out of descriptors, say: what is in use gets time to close. It happens ten times a second while it lasts, and is worth a
 * line now and then. */
static void not_accepted(struct hostd *hostd, const struct err *why)
{
	uint64_t now = clock_monotonic_ms(&clock_system), last = hostd->accept_logged_ms;
	if (!last || now - last >= ACCEPT_LOG_MS) {
		hostd->accept_logged_ms = now;
		log_event(hostd->log, LOG_LEVEL_WARNING, "connection not accepted",
			{"error", bytes_str(why->text)});
	}
	(void)poll(NULL, 0, ACCEPT_PAUSE_MS);
}

static void accept_one(struct hostd *hostd, int listener)
{
	struct err err;
	struct connection *c = calloc(1, sizeof(*c));
	if (!c) {
		err_set(&err, ERR_NOMEM, "no memory for a connection");
		not_accepted(hostd, &err);
		return;
	}
	c->hostd = hostd;
	c->fd = c->peer.pidfd = -1;
	if (!socket_accept(listener, &c->peer, &c->fd, &err)) {
		if (err.code != ERR_BUSY)
			not_accepted(hostd, &err);
		connection_free(c);
		return;
	}
	if (!enlist(c))
		turn_away(c);
	else if (!start_thread(c))
		connection_end(c);
}

static void end_connections(struct hostd *hostd)
{
	(void)pthread_mutex_lock(&hostd->connections_mutex);
	for (struct connection *c = hostd->connections; c; c = c->next)
		(void)shutdown(c->fd, SHUT_RDWR);
	while (hostd->connection_count > 0)
		(void)pthread_cond_wait(&hostd->connections_cond, &hostd->connections_mutex);
	(void)pthread_mutex_unlock(&hostd->connections_mutex);
}

static bool accept_all(struct hostd *hostd, int listener, int stop_fd, struct err *err)
{
	for (;;) {
		struct pollfd entries[] = {
			{.fd = stop_fd, .events = POLLIN}, {.fd = listener, .events = POLLIN}};
		if (poll(entries, ARRAY_LEN(entries), -1) < 0 && errno != EINTR)
			return err_errno(err, errno, "waiting for connections");
		if (entries[0].revents)
			return true;
		if (entries[1].revents)
			accept_one(hostd, listener);
	}
}

/* Who may connect at all, beside root and hostd's own user; what they may do there is asked for each request. */
static bool give_group(const struct hostd_config *config, struct err *err)
{
	char room[4096];
	struct group entry, *found = NULL;
	if (!config->socket_group)
		return true;
	int why = getgrnam_r(config->socket_group, &entry, room, sizeof(room), &found);
	if (why != 0 || !found)
		return err_set(err, ERR_CONFIG, "socket_group: there is no group %s",
			ESC(bytes_str(config->socket_group)));
	if (chown(config->socket, (uid_t)-1, entry.gr_gid) != 0)
		return err_errno(err, errno, "giving the socket to group %s", config->socket_group);
	return true;
}

bool hostd_run(struct hostd *hostd, int stop_fd, void (*ready)(void *context), void *context,
	struct err *err)
{
	const char *path = hostd->config->socket;
	OWNED(fd_close) int listener = -1;
	if (!credentials_prepare(hostd->config->run_dir, err) ||
		!socket_listen(path, 0660, &listener, err) || !give_group(hostd->config, err) ||
		!instances_start(hostd, &hostd->instances, err))
		return false;
	bool ok = instances_adopt(hostd, err);
	if (ok && ready)
		ready(context);
	ok = ok && accept_all(hostd, listener, stop_fd, err);
	(void)unlink(path);
	end_connections(hostd);
	instances_stop(&hostd->instances);
	return ok;
}
