/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One connection's life: counted by peer as soon as it is accepted, under a deadline in every phase
 * (handshake, idle, request, reply), with a cap on the bytes of a request that grows only for a
 * peer with a verified certificate. All of it hangs on the SSL object, whose end is the
 * connection's end.
 */
#include "verifier/http_private.h"

#include "base/time.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <openssl/ssl.h>

static pthread_once_t index_once = PTHREAD_ONCE_INIT;
static int conn_index = -1;

uint64_t http_number_of(const char *text)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);
	for (; *text; text++)
		hash = (hash ^ (uint8_t)*text) * UINT64_C(0x100000001b3);
	return hash;
}

static bool phase_busy(enum http_phase phase)
{
	return phase == HTTP_REQUEST || phase == HTTP_WORKING || phase == HTTP_REPLYING;
}

static void conn_free(
	void *parent, void *pointer, CRYPTO_EX_DATA *data, int index, long argl, void *argp)
{
	(void)parent;
	(void)data;
	(void)index;
	(void)argl;
	(void)argp;
	struct http_conn *conn = pointer;
	if (!conn)
		return;
	struct http_server *server = conn->loop->server;
	if (conn->counted)
		http_peers_leave(&server->peers, conn->peer);
	if (conn->counted && !conn->established)
		http_count(server, HTTP_EVENT_HANDSHAKE_FAILED);
	TAILQ_REMOVE(&conn->loop->conns, conn, all);
	http_room_leave(conn);
	if (phase_busy(conn->phase))
		(void)atomic_fetch_sub(&server->busy, 1);
	atomic_fetch_sub(&server->connections, 1);
	if (conn->deadline)
		event_free(conn->deadline);
	cert_unref(&conn->cert);
	free(conn);
}

static void index_make(void)
{
	conn_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, conn_free);
}

static struct http_conn *conn_of_ssl(const SSL *ssl)
{
	return conn_index < 0 ? NULL : SSL_get_ex_data(ssl, conn_index);
}

static void conn_take(struct http_conn *conn);

struct http_server *http_conn_server(const SSL *ssl)
{
	const struct http_conn *conn = conn_of_ssl(ssl);
	return conn ? conn->loop->server : NULL;
}

void http_conn_end(struct http_conn *conn)
{
	conn->ended = true;
	http_room_note(conn);
	if (conn->fd >= 0)
		(void)shutdown(conn->fd, SHUT_RDWR);
}

static void count_late(const struct http_conn *conn)
{
	static const enum http_event late[] = {
		[HTTP_ACCEPTED] = HTTP_EVENT_LATE_HANDSHAKE,
		[HTTP_HANDSHAKE] = HTTP_EVENT_LATE_HANDSHAKE,
		[HTTP_FRESH] = HTTP_EVENT_LATE_REQUEST,
		[HTTP_IDLE] = HTTP_EVENT_LATE_IDLE,
		[HTTP_REQUEST] = HTTP_EVENT_LATE_REQUEST,
		[HTTP_WORKING] = HTTP_EVENT_LATE_WORK,
		[HTTP_REPLYING] = HTTP_EVENT_LATE_REPLY,
	};
	http_count(conn->loop->server, late[conn->phase]);
}

/* A deadline passed: the socket is shut, and evhttp finds out by reading or writing it. Work that takes too long is answered
 * for. */
static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	struct http_conn *conn = arg;
	if (conn->phase == HTTP_ACCEPTED) {
		conn_take(conn);
		return;
	}
	count_late(conn);
	if (conn->phase == HTTP_WORKING && conn->exchange)
		http_exchange_late(conn->exchange);
	else
		http_conn_end(conn);
}

static unsigned phase_ms(const struct http_config *config, enum http_phase phase)
{
	switch (phase) {
	case HTTP_ACCEPTED:
	case HTTP_HANDSHAKE:
		return config->handshake_ms;
	case HTTP_IDLE:
		return config->idle_ms;
	case HTTP_FRESH:
	case HTTP_REQUEST:
	case HTTP_REPLYING:
		return config->request_ms;
	case HTTP_WORKING:
		break;
	}
	return config->work_ms;
}

void http_conn_phase(struct http_conn *conn, enum http_phase phase)
{
	struct http_server *server = conn->loop->server;
	unsigned ms = phase_ms(&server->config, phase);
	bool was_busy = phase_busy(conn->phase);
	if (phase_busy(phase) && !was_busy)
		(void)atomic_fetch_add(&server->busy, 1);
	conn->phase = phase;
	TAILQ_REMOVE(&conn->loop->conns, conn, all);
	TAILQ_INSERT_TAIL(&conn->loop->conns, conn, all);
	http_room_note(conn);
	/* Whoever sees that nobody is busy finds those that can be spared. */
	if (!phase_busy(phase) && was_busy)
		(void)atomic_fetch_sub(&server->busy, 1);
	if (phase == HTTP_IDLE)
		conn->request_bytes = 0;
	struct timeval after = {
		.tv_sec = (time_t)(ms / 1000), .tv_usec = (suseconds_t)(ms % 1000) * 1000};
	(void)event_add(conn->deadline, &after);
}

static void on_input(struct evbuffer *buffer, const struct evbuffer_cb_info *info, void *arg)
{
	(void)buffer;
	struct http_conn *conn = arg;
	if (info->n_added == 0)
		return;
	if (conn->phase == HTTP_IDLE || conn->phase == HTTP_FRESH)
		http_conn_phase(conn, HTTP_REQUEST);
	conn->request_bytes += info->n_added;
	if (conn->request_bytes > conn->request_max)
		http_conn_end(conn);
}

struct bufferevent *http_conn_new(struct event_base *base, void *arg)
{
	struct http_loop *loop = arg;
	struct http_server *server = loop->server;
	(void)pthread_once(&index_once, index_make);
	unsigned generation = 0;
	SSL_CTX *tls = http_tls_ref(server, &generation);
	SSL *ssl = tls ? SSL_new(tls) : NULL;
	struct http_conn *conn = calloc(1, sizeof(*conn));
	SSL_CTX_free(tls);
	if (!ssl || !conn) {
		SSL_free(ssl);
		free(conn);
		return NULL;
	}
	conn->loop = loop;
	conn->fd = -1;
	conn->accepted_us = clock_now_us();
	conn->generation = generation;
	conn->request_max = HTTP_ANONYMOUS_MAX;
	conn->deadline = evtimer_new(base, on_deadline, conn);
	if (!conn->deadline || conn_index < 0 || SSL_set_ex_data(ssl, conn_index, conn) != 1) {
		if (conn->deadline)
			event_free(conn->deadline);
		free(conn);
		SSL_free(ssl);
		return NULL;
	}
	atomic_fetch_add(&server->connections, 1);
	TAILQ_INSERT_TAIL(&loop->conns, conn, all);
	http_room_enter(conn);
	struct bufferevent *bev = bufferevent_openssl_socket_new(
		base, -1, ssl, BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);
	if (!bev)
		return NULL; /* libevent has freed the SSL object, and conn with it */
	/* Peers that vanish without close_notify are an end of file, not an error worth a log line.
	 */
	bufferevent_openssl_set_allow_dirty_shutdown(bev, 1);
	evbuffer_add_cb(bufferevent_get_input(bev), on_input, conn);
	conn->bev = bev;
	/* In the order of their coming, which timers due at once do not keep. */
	event_active(conn->deadline, EV_TIMEOUT, 0);
	return bev;
}

SSL *http_conn_ssl(struct evhttp_request *request)
{
	struct evhttp_connection *connection = evhttp_request_get_connection(request);
	return connection
		       ? bufferevent_openssl_get_ssl(evhttp_connection_get_bufferevent(connection))
		       : NULL;
}

struct http_conn *http_conn_of(struct evhttp_request *request)
{
	SSL *ssl = http_conn_ssl(request);
	return ssl ? conn_of_ssl(ssl) : NULL;
}

/* The address as text, and what is counted: IPv6 peers by their /64, which one customer commonly
 * holds whole. */
static bool peer_of(int fd, struct http_conn *conn)
{
	struct sockaddr_storage storage = {0};
	socklen_t len = sizeof(storage);
	if (getpeername(fd, (struct sockaddr *)&storage, &len) != 0)
		return false;
	if (storage.ss_family == AF_INET) {
		const struct sockaddr_in *in = (const struct sockaddr_in *)&storage;
		if (!inet_ntop(AF_INET, &in->sin_addr, conn->address, sizeof(conn->address)))
			return false;
		memcpy(conn->peer, conn->address, sizeof(conn->peer));
		return true;
	}
	if (storage.ss_family != AF_INET6)
		return false;
	struct in6_addr address = ((const struct sockaddr_in6 *)&storage)->sin6_addr;
	if (!inet_ntop(AF_INET6, &address, conn->address, sizeof(conn->address)))
		return false;
	memset(address.s6_addr + 8, 0, 8);
	return inet_ntop(AF_INET6, &address, conn->peer, sizeof(conn->peer)) != NULL;
}

/* evhttp hands the socket over after http_conn_new, and TLS speaks of a handshake only once the peer does: one that says
 * nothing is counted and has its deadline too. */
static void conn_take(struct http_conn *conn)
{
	struct http_server *server = conn->loop->server;
	conn->fd = bufferevent_getfd(conn->bev);
	http_conn_phase(conn, HTTP_HANDSHAKE);
	if (conn->fd < 0)
		return;
	if (!peer_of(conn->fd, conn)) {
		http_conn_end(conn);
		return;
	}
	if (!http_peers_enter(&server->peers, conn->peer, server->config.connections_per_peer)) {
		http_count(server, HTTP_EVENT_PEER_LIMIT);
		http_conn_end(conn);
		return;
	}
	/* Somebody who sits idle makes room for one who has just come. */
	if (http_room_taken(server) > server->config.connections_max &&
		!http_room_make(conn->loop)) {
		http_peers_leave(&server->peers, conn->peer);
		http_count(server, HTTP_EVENT_LIMIT);
		http_conn_end(conn);
		return;
	}
	conn->counted = true;
	http_room_note(conn);
	conn->number = http_number_of(conn->peer);
}

void http_conn_end_idle(struct http_loop *loop)
{
	struct http_conn *conn;
	TAILQ_FOREACH(conn, &loop->conns, all)
	{
		if (conn->phase == HTTP_IDLE || conn->phase == HTTP_FRESH)
			http_conn_end(conn);
	}
}

static void on_handshake_done(const SSL *ssl, struct http_conn *conn)
{
	/* Post-handshake messages report a handshake too; only the first one is the connection's.
	 */
	if (conn->established)
		return;
	struct http_server *server = conn->loop->server;
	conn->established = true;
	conn->has_cert = SSL_get0_peer_certificate(ssl) != NULL;
	if (conn->has_cert)
		conn->request_max = server->body_max + HTTP_ANONYMOUS_MAX;
	http_observe(server, SSL_session_reused(ssl) ? HTTP_EVENT_RESUMED : HTTP_EVENT_HANDSHAKE,
		clock_now_us() - conn->accepted_us);
	http_conn_phase(conn, HTTP_FRESH);
}

void http_conn_tls_info(const SSL *ssl, int where, int ret)
{
	(void)ret;
	struct http_conn *conn = conn_of_ssl(ssl);
	if (!conn)
		return;
	if ((where & SSL_CB_HANDSHAKE_START) && conn->phase == HTTP_ACCEPTED)
		conn_take(conn);
	else if (where & SSL_CB_HANDSHAKE_DONE)
		on_handshake_done(ssl, conn);
}

/* ---- connections by peer ---- */

static struct http_peer_entry **peers_bucket(struct http_peers *peers, const char *peer)
{
	uint32_t hash = 2166136261u;
	for (const char *at = peer; *at; at++)
		hash = (hash ^ (uint8_t)*at) * 16777619u;
	return &peers->buckets[hash % HTTP_PEER_BUCKETS];
}

static struct http_peer_entry **peers_find(struct http_peers *peers, const char *peer)
{
	struct http_peer_entry **at = peers_bucket(peers, peer);
	while (*at && strcmp((*at)->peer, peer) != 0)
		at = &(*at)->next;
	return at;
}

bool http_peers_enter(struct http_peers *peers, const char *peer, unsigned max)
{
	(void)pthread_mutex_lock(&peers->lock);
	struct http_peer_entry **at = peers_find(peers, peer);
	if (!*at) {
		*at = calloc(1, sizeof(**at));
		if (*at)
			(void)snprintf((*at)->peer, sizeof((*at)->peer), "%s", peer);
	}
	bool in = *at && (*at)->count < max;
	if (in)
		(*at)->count++;
	(void)pthread_mutex_unlock(&peers->lock);
	return in;
}

void http_peers_leave(struct http_peers *peers, const char *peer)
{
	(void)pthread_mutex_lock(&peers->lock);
	struct http_peer_entry **at = peers_find(peers, peer);
	if (*at && --(*at)->count == 0) {
		struct http_peer_entry *gone = *at;
		*at = gone->next;
		free(gone);
	}
	(void)pthread_mutex_unlock(&peers->lock);
}

void http_peers_release(struct http_peers *peers)
{
	for (size_t i = 0; i < HTTP_PEER_BUCKETS; i++) {
		while (peers->buckets[i]) {
			struct http_peer_entry *gone = peers->buckets[i];
			peers->buckets[i] = gone->next;
			free(gone);
		}
	}
}
