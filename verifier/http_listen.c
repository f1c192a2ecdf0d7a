/* SPDX-License-Identifier: Apache-2.0 */
/* Where connections come from: sockets of our own or handed over, a listener for each loop, and what happens when
 * descriptors run out. */
#include "verifier/http_private.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/listener.h>

#include "base/file.h"
#include "base/time.h"

#define ACCEPT_LOG_MS 60000u

/* The accept error callback is handed evhttp's pointer, not ours; it runs on the loop's own thread.
 */
static _Thread_local struct http_loop *current_loop;

void http_listen_here(struct http_loop *loop)
{
	current_loop = loop;
}

static void on_reopen(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	struct http_loop *loop = arg;
	for (size_t i = 0; i < loop->listener_count && !loop->draining; i++)
		(void)evconnlistener_enable(loop->listeners[i]);
}

/* It fails ten times a second while it lasts. */
static void log_accept_error(struct http_loop *loop, int error)
{
	const struct log *log = loop->server->config.log;
	uint64_t now = clock_monotonic_ms(&clock_system), last = loop->accept_logged_ms;
	if (!log || (last && now - last < ACCEPT_LOG_MS))
		return;
	loop->accept_logged_ms = now;
	log_event(log, LOG_LEVEL_WARNING, "accept-failed", {"error", bytes_str(strerror(error))});
}

/* The descriptor kept back is given up for a moment to take one connection and to end it: its peer learns at once that
 * there is no room, instead of waiting. */
static void shed_one(struct http_loop *loop, struct evconnlistener *listener)
{
	fd_close(&loop->reserve_fd);
	int fd = accept4(evconnlistener_get_fd(listener), NULL, NULL, SOCK_CLOEXEC);
	if (fd >= 0) {
		(void)close(fd);
		http_count(loop->server, HTTP_EVENT_NO_DESCRIPTOR);
	}
	loop->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* Out of descriptors or memory: an idle connection has to go for the one that waits, whichever loop has it. Without any,
 * accepting pauses instead of spinning; what is connected goes on. */
static void on_accept_error(struct evconnlistener *listener, void *arg)
{
	(void)arg;
	struct http_loop *loop = current_loop;
	struct timeval pause = {.tv_usec = 100000};
	int error = errno;
	log_accept_error(loop, error);
	if (error == EMFILE || error == ENFILE) {
		if (http_room_coming(loop->server) || http_room_make(loop))
			pause.tv_usec = 1000; /* until it has closed */
		else
			shed_one(loop, listener);
	}
	for (size_t i = 0; i < loop->listener_count; i++)
		(void)evconnlistener_disable(loop->listeners[i]);
	(void)event_add(loop->reopen, &pause);
}

static bool listen_socket(struct http_server *server, int *ret_fd, struct err *err)
{
	const struct http_config *config = &server->config;
	struct sockaddr_storage storage = {0};
	struct sockaddr_in *v4 = (struct sockaddr_in *)&storage;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&storage;
	socklen_t len = sizeof(*v4);
	if (inet_pton(AF_INET, config->address, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(server->port);
	} else if (inet_pton(AF_INET6, config->address, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons(server->port);
		len = sizeof(*v6);
	} else {
		return err_set(err, ERR_CONFIG, "listen: %s is no IP address", config->address);
	}
	OWNED(fd_close)
	int fd = socket(storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int on = 1;
	/* TCP_NODELAY is inherited by accepted sockets; without it each TLS reply waits for a
	 * delayed ACK. */
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
		setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) != 0 ||
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) != 0 ||
		bind(fd, (const struct sockaddr *)&storage, len) != 0 || listen(fd, 1024) != 0 ||
		getsockname(fd, (struct sockaddr *)&storage, &len) != 0)
		return err_errno(err, errno, "listen on %s port %u", config->address, server->port);
	server->port = ntohs(storage.ss_family == AF_INET ? v4->sin_port : v6->sin6_port);
	*ret_fd = fd;
	fd = -1;
	return true;
}

/* One that was handed over is shared by all loops: each has a descriptor of its own for it. */
static bool inherited_socket(int shared, int *ret_fd, struct err *err)
{
	int fd = fcntl(shared, F_DUPFD_CLOEXEC, 3), on = 1;
	int flags = fd < 0 ? -1 : fcntl(fd, F_GETFL);
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0) {
		int error = errno;
		fd_close(&fd);
		return err_errno(err, error, "inherited socket %d", shared);
	}
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	*ret_fd = fd;
	return true;
}

static uint16_t port_of(int fd)
{
	struct sockaddr_storage storage = {0};
	socklen_t len = sizeof(storage);
	if (getsockname(fd, (struct sockaddr *)&storage, &len) != 0)
		return 0;
	if (storage.ss_family == AF_INET)
		return ntohs(((const struct sockaddr_in *)&storage)->sin_port);
	return storage.ss_family == AF_INET6
		       ? ntohs(((const struct sockaddr_in6 *)&storage)->sin6_port)
		       : 0;
}

static bool listener_add(struct http_loop *loop, int fd, struct err *err)
{
	struct evconnlistener *listener = evconnlistener_new(
		loop->base, NULL, NULL, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);
	if (!listener) {
		(void)close(fd);
		return err_set(err, ERR_NOMEM, "event loop");
	}
	if (!evhttp_bind_listener(loop->http, listener)) {
		evconnlistener_free(listener);
		return err_set(err, ERR_NOMEM, "event loop");
	}
	evconnlistener_set_error_cb(listener, on_accept_error);
	loop->listeners[loop->listener_count++] = listener;
	return true;
}

bool http_listen(struct http_loop *loop, struct err *err)
{
	struct http_server *server = loop->server;
	const struct http_config *config = &server->config;
	int fd = -1;
	loop->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	loop->reopen = evtimer_new(loop->base, on_reopen, loop);
	if (!loop->reopen)
		return err_set(err, ERR_NOMEM, "event loop");
	if (config->socket_count == 0)
		return listen_socket(server, &fd, err) && listener_add(loop, fd, err);
	for (size_t i = 0; i < config->socket_count && i < HTTP_SOCKETS_MAX; i++) {
		if (!inherited_socket(config->sockets[i], &fd, err) || !listener_add(loop, fd, err))
			return false;
		server->port = server->port ? server->port : port_of(fd);
	}
	return true;
}

void http_listen_end(struct http_loop *loop)
{
	loop->draining = true;
	for (size_t i = 0; i < loop->listener_count; i++)
		(void)evconnlistener_disable(loop->listeners[i]);
}
