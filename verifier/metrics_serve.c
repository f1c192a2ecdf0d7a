/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier/app_metrics.h"

#include "base/address.h"
#include "base/file.h"
#include "base/thread.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>

#define HEADERS_MAX     8192
#define TIMEOUT_SECONDS 10
#define SCRAPER_STACK   (512u << 10)

/* Either a thread of its own that speaks plain HTTP, or a second front. */
struct metrics_server {
	struct app *app;
	struct event_base *base;
	struct evhttp *http;
	struct event *stop;
	int stop_fd;
	bool running;
	pthread_t thread;
	char *socket_path; /* to be removed */
	struct http_server *front;
};

/* ---- plain ---- */

static void on_scrape(struct evhttp_request *request, void *arg)
{
	struct metrics_server *server = arg;
	OWNED(buf_release) struct buf text = {0};
	struct evkeyvalq *headers = evhttp_request_get_output_headers(request);
	if (evhttp_request_get_command(request) != EVHTTP_REQ_GET) {
		evhttp_send_error(request, 405, NULL);
		return;
	}
	if (!app_metrics_text(server->app, &text, NULL) ||
		evbuffer_add(evhttp_request_get_output_buffer(request), text.data, text.len) != 0) {
		evhttp_send_error(request, 503, NULL);
		return;
	}
	(void)evhttp_add_header(headers, "Content-Type", METRICS_CONTENT_TYPE);
	evhttp_send_reply(request, 200, NULL, NULL);
}

static void on_stop(evutil_socket_t fd, short what, void *arg)
{
	struct metrics_server *server = arg;
	(void)fd;
	(void)what;
	(void)event_base_loopbreak(server->base);
}

static void *serve_main(void *arg)
{
	struct metrics_server *server = arg;
	(void)event_base_dispatch(server->base);
	return NULL;
}

static bool plain_start(struct metrics_server *server, int *fd, struct err *err)
{
	server->stop_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	server->base = event_base_new();
	server->http = server->base ? evhttp_new(server->base) : NULL;
	server->stop = server->base && server->stop_fd >= 0
			       ? event_new(server->base, server->stop_fd, EV_READ, on_stop, server)
			       : NULL;
	if (!server->http || !server->stop || event_add(server->stop, NULL) != 0 ||
		evhttp_set_cb(server->http, "/metrics", on_scrape, server) != 0 ||
		evhttp_accept_socket(server->http, *fd) != 0)
		return err_set(err, ERR_NOMEM, "metrics listener");
	*fd = -1; /* evhttp's now */
	evhttp_set_timeout(server->http, TIMEOUT_SECONDS);
	evhttp_set_max_headers_size(server->http, HEADERS_MAX);
	evhttp_set_max_body_size(server->http, 0);
	evhttp_set_allowed_methods(server->http, EVHTTP_REQ_GET);
	server->running =
		thread_start(&server->thread, "metrics", SCRAPER_STACK, serve_main, server, err);
	return server->running;
}

/* ---- where ---- */

static bool loopback_socket(const char *address, uint16_t port, int *ret_fd, struct err *err)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	bool four = inet_pton(AF_INET, address, &v4.sin_addr) == 1;
	int on = 1;
	if (!four && inet_pton(AF_INET6, address, &v6.sin6_addr) != 1)
		return err_set(err, ERR_CONFIG, "metrics_listen: %s is no IP address", address);
	int fd = socket(four ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	const struct sockaddr *to =
		four ? (const struct sockaddr *)&v4 : (const struct sockaddr *)&v6;
	*ret_fd = fd;
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
		bind(fd, to, four ? sizeof(v4) : sizeof(v6)) != 0 || listen(fd, 16) != 0)
		return err_errno(err, errno, "metrics_listen: %s port %u", address, port);
	return true;
}

static bool unix_socket(
	struct metrics_server *server, const char *path, int *ret_fd, struct err *err)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof(to.sun_path))
		return err_set(err, ERR_CONFIG, "metrics_listen: the path is too long");
	memcpy(to.sun_path, path, strlen(path));
	(void)unlink(path); /* of a service that was killed; only one runs on a database */
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	*ret_fd = fd;
	if (fd < 0 || bind(fd, (const struct sockaddr *)&to, sizeof(to)) != 0 ||
		listen(fd, 16) != 0)
		return err_errno(err, errno, "metrics_listen: %s", path);
	server->socket_path = bytes_strdup(bytes_str(path));
	return true;
}

static bool is_loopback(const char *address)
{
	return strncmp(address, "127.", 4) == 0 || strcmp(address, "::1") == 0;
}

/* ---- beyond the machine: the front's TLS, and a certificate ---- */

static void handle_scrape(struct http_exchange *exchange, void *arg)
{
	OWNED(buf_release) struct buf text = {0};
	if (app_metrics_text(arg, &text, NULL))
		http_reply(exchange, 200, METRICS_CONTENT_TYPE, buf_bytes(&text));
	else
		http_reply_error(exchange, 503, "unavailable", "no memory", NULL);
}

static const struct http_route scraped[] = {
	{HTTP_GET, "/metrics", ROLE_ADMIN | ROLE_AUDITOR, 0, NULL, handle_scrape},
};

static bool front_start(
	struct metrics_server *server, const char *address, uint16_t port, struct err *err)
{
	struct app *app = server->app;
	struct http_config config = {
		.address = address,
		.port = port,
		.threads = 1,
		.tls = app->tls,
		.routes = scraped,
		.route_count = ARRAY_LEN(scraped),
		.app = app,
		.authorize = auth_authorize,
		.connections_max = 64,
		.connections_per_peer = 16,
		.log = &app->log,
	};
	return http_server_new(&config, &server->front, err) &&
	       http_server_start(server->front, err);
}

/* Nothing is served in clear to other machines, whoever made the socket. */
static bool stays_here(int fd)
{
	struct sockaddr_storage storage = {0};
	socklen_t len = sizeof(storage);
	if (getsockname(fd, (struct sockaddr *)&storage, &len) != 0)
		return false;
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)&storage;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&storage;
	return storage.ss_family == AF_UNIX ||
	       (storage.ss_family == AF_INET && ntohl(v4->sin_addr.s_addr) >> 24 == 127) ||
	       (storage.ss_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr));
}

static bool shared_socket(int shared, int *ret_fd, struct err *err)
{
	if (!stays_here(shared))
		return err_set(err, ERR_CONFIG,
			"metrics socket: neither a loopback address nor a unix socket: leave it to "
			"metrics_listen, which asks for TLS and a certificate there");
	*ret_fd = fcntl(shared, F_DUPFD_CLOEXEC, 3);
	return (*ret_fd >= 0 && evutil_make_socket_nonblocking(*ret_fd) == 0) ||
	       err_errno(err, errno, "metrics socket");
}

static bool listen_on(struct metrics_server *server, int shared, int *ret_fd, struct err *err)
{
	const char *text = server->app->config.metrics_listen;
	char address[ADDRESS_TEXT_MAX];
	uint16_t port;
	if (shared > 0)
		return shared_socket(shared, ret_fd, err);
	if (strncmp(text, "unix:", 5) == 0)
		return unix_socket(server, text + 5, ret_fd, err);
	if (!address_parse(text, address, &port, err))
		return err_wrap(err, "metrics_listen");
	if (is_loopback(address))
		return loopback_socket(address, port, ret_fd, err);
	return front_start(server, address, port, err);
}

bool metrics_serve(struct app *app, int shared, struct metrics_server **ret, struct err *err)
{
	OWNED(fd_close) int fd = -1;
	OWNED(metrics_serve_end) struct metrics_server *server = calloc(1, sizeof(*server));
	if (!server)
		return err_set(err, ERR_NOMEM, "metrics listener");
	server->app = app;
	server->stop_fd = -1;
	if (!listen_on(server, shared, &fd, err) ||
		(!server->front && !plain_start(server, &fd, err)))
		return false;
	*ret = TAKE(server);
	return true;
}

bool metrics_serve_set_tls(struct metrics_server *server, SSL_CTX *tls)
{
	return !server || !server->front || http_server_set_tls(server->front, tls);
}

void metrics_serve_end(struct metrics_server **server)
{
	struct metrics_server *self = *server;
	if (!self)
		return;
	if (self->running) {
		(void)eventfd_write(self->stop_fd, 1);
		(void)pthread_join(self->thread, NULL);
	}
	http_server_free(&self->front);
	if (self->http)
		evhttp_free(self->http);
	if (self->stop)
		event_free(self->stop);
	if (self->base)
		event_base_free(self->base);
	fd_close(&self->stop_fd);
	if (self->socket_path)
		(void)unlink(self->socket_path);
	free(self->socket_path);
	free(self);
	*server = NULL;
}
