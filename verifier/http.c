/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTPS front's server: its loops, begun, drained and ended. */
#include "verifier/http_private.h"

#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <openssl/rand.h>
#include <openssl/ssl.h>

#include "base/file.h"
#include "base/thread.h"
#include "base/time.h"

#define HTTP_HEADER_BYTES_MAX 16384
#define HTTP_STACK            (512u << 10)

/* What a connection wants to hear of is told to the kernel once a round, not at each change of mind. */
static struct event_base *base_new(void)
{
	struct event_config *config = event_config_new();
	struct event_base *base = NULL;
	if (config && event_config_set_flag(config, EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST) == 0)
		base = event_base_new_with_config(config);
	if (config)
		event_config_free(config);
	return base;
}

static bool loop_init(struct http_server *server, struct http_loop *loop, struct err *err)
{
	loop->server = server;
	loop->mail_last = &loop->mail_first;
	loop->mail_fd = loop->reserve_fd = -1;
	TAILQ_INIT(&loop->conns);
	(void)pthread_mutex_init(&loop->mail_lock, NULL);
	loop->base = base_new();
	loop->http = loop->base ? evhttp_new(loop->base) : NULL;
	loop->mail_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	loop->mail_event = loop->base && loop->mail_fd >= 0
				   ? event_new(loop->base, loop->mail_fd, EV_READ | EV_PERSIST,
					     http_on_mail, loop)
				   : NULL;
	if (!loop->http || !loop->mail_event || event_add(loop->mail_event, NULL) != 0)
		return err_set(err, ERR_NOMEM, "event loop");
	evhttp_set_bevcb(loop->http, http_conn_new, loop);
	evhttp_set_gencb(loop->http, http_on_request, loop);
	evhttp_set_max_headers_size(loop->http, HTTP_HEADER_BYTES_MAX);
	evhttp_set_max_body_size(loop->http, (ev_ssize_t)server->body_max);
	/* Other methods reach the table and are answered 405. */
	evhttp_set_allowed_methods(loop->http, EVHTTP_REQ_GET | EVHTTP_REQ_POST | EVHTTP_REQ_PUT |
						       EVHTTP_REQ_DELETE | EVHTTP_REQ_PATCH |
						       EVHTTP_REQ_OPTIONS);
	/* Ours are the deadlines; evhttp's is only behind them. */
	evhttp_set_timeout(loop->http, 120);
	return http_listen(loop, err);
}

static void loop_release(struct http_loop *loop)
{
	struct http_exchange *at = loop->mail_first;
	while (at) {
		struct http_exchange *next = at->mail_next;
		/* Its connection is freed below, and must not tell what is gone. */
		if (at->connection)
			evhttp_connection_set_closecb(at->connection, NULL, NULL);
		at->request = NULL;
		http_exchange_free(at);
		at = next;
	}
	if (loop->http)
		evhttp_free(loop->http); /* and its listener and connections */
	if (loop->mail_event)
		event_free(loop->mail_event);
	if (loop->reopen)
		event_free(loop->reopen);
	if (loop->base)
		event_base_free(loop->base);
	fd_close(&loop->mail_fd);
	fd_close(&loop->reserve_fd);
	(void)pthread_mutex_destroy(&loop->mail_lock);
}

static void config_defaults(struct http_config *config)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	if (!config->threads)
		config->threads = cores > 0 ? (unsigned)cores : 1;
	if (!config->connections_max)
		config->connections_max = 20000;
	if (!config->connections_per_peer)
		config->connections_per_peer = 256;
	if (!config->handshake_ms)
		config->handshake_ms = 5000;
	if (!config->request_ms)
		config->request_ms = 10000;
	if (!config->idle_ms)
		config->idle_ms = 60000;
	if (!config->work_ms)
		config->work_ms = 60000;
}

bool http_server_new(const struct http_config *config, struct http_server **ret, struct err *err)
{
	struct http_server *server = calloc(1, sizeof(*server));
	if (!server)
		return err_set(err, ERR_NOMEM, "HTTP server");
	server->config = *config;
	config_defaults(&server->config);
	server->port = config->port;
	uint32_t random = 0;
	(void)pthread_mutex_init(&server->peers.lock, NULL);
	(void)pthread_mutex_init(&server->tls_lock, NULL);
	(void)http_tickets_init(&server->tickets);
	(void)RAND_bytes((unsigned char *)&random, sizeof(random));
	(void)snprintf(server->id_prefix, sizeof(server->id_prefix), "%08x", random);
	if (SSL_CTX_up_ref(config->tls) == 1)
		server->tls = config->tls;
	for (size_t i = 0; i < config->route_count; i++)
		if (config->routes[i].body_max > server->body_max)
			server->body_max = config->routes[i].body_max;
	server->loops = calloc(server->config.threads, sizeof(*server->loops));
	bool ok = server->loops != NULL && server->tls != NULL;
	if (!ok)
		(void)err_set(err, ERR_NOMEM, "HTTP server");
	for (unsigned i = 0; ok && i < server->config.threads; i++) {
		server->loop_count++;
		ok = loop_init(server, &server->loops[i], err);
	}
	if (!ok) {
		http_server_free(&server);
		return false;
	}
	*ret = server;
	return true;
}

static void *loop_run(void *arg)
{
	struct http_loop *loop = arg;
	sigset_t pipe;
	http_listen_here(loop);
	/* A peer that has gone is an error of write, whatever the process makes of the signal. */
	(void)sigemptyset(&pipe);
	(void)sigaddset(&pipe, SIGPIPE);
	(void)pthread_sigmask(SIG_BLOCK, &pipe, NULL);
	(void)event_base_dispatch(loop->base);
	return NULL;
}

bool http_server_start(struct http_server *server, struct err *err)
{
	bool ok = true;
	for (unsigned i = 0; i < server->loop_count && ok; i++) {
		struct http_loop *loop = &server->loops[i];
		char name[THREAD_NAME_MAX];
		(void)snprintf(name, sizeof(name), "http-%u", i);
		ok = thread_start(&loop->thread, name, HTTP_STACK, loop_run, loop, err);
		loop->running = ok;
	}
	return ok;
}

uint16_t http_server_port(const struct http_server *server)
{
	return server->port;
}

static void loops_wake(struct http_server *server, bool stop, bool drain)
{
	for (unsigned i = 0; i < server->loop_count; i++) {
		struct http_loop *loop = &server->loops[i];
		(void)pthread_mutex_lock(&loop->mail_lock);
		loop->stop = loop->stop || stop;
		loop->drain_idle = loop->drain_idle || drain;
		(void)pthread_mutex_unlock(&loop->mail_lock);
		(void)eventfd_write(loop->mail_fd, 1);
	}
}

void http_server_drain(struct http_server *server, bool last)
{
	atomic_store(&server->draining, true);
	if (last)
		loops_wake(server, false, true);
}

void http_server_nudge(struct http_server *server)
{
	loops_wake(server, false, false);
}

void http_server_look(const struct http_server *server, struct http_state *ret)
{
	*ret = (struct http_state){
		.connections = atomic_load(&server->connections),
		.busy = atomic_load(&server->busy),
		.beats = UINT64_MAX,
	};
	for (unsigned i = 0; i < server->loop_count; i++) {
		uint64_t beats = atomic_load(&server->loops[i].beats);
		ret->beats = beats < ret->beats ? beats : ret->beats;
	}
}

void http_server_stop(struct http_server *server)
{
	if (!server->loops)
		return; /* half made: there was no memory for them */
	loops_wake(server, true, false);
	for (unsigned i = 0; i < server->loop_count; i++) {
		if (server->loops[i].running)
			(void)pthread_join(server->loops[i].thread, NULL);
		server->loops[i].running = false;
	}
}

void http_server_free(struct http_server **server)
{
	if (!*server)
		return;
	http_server_stop(*server);
	for (unsigned i = 0; (*server)->loops && i < (*server)->loop_count; i++)
		loop_release(&(*server)->loops[i]);
	http_peers_release(&(*server)->peers);
	(void)pthread_mutex_destroy(&(*server)->peers.lock);
	(void)pthread_mutex_destroy(&(*server)->tls_lock);
	http_tickets_release(&(*server)->tickets);
	SSL_CTX_free((*server)->tls);
	free((*server)->loops);
	free(*server);
	*server = NULL;
}
