/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the HTTPS front share: server, loop, connection, exchange. */
#ifndef ASSAY_VERIFIER_HTTP_PRIVATE_H
#define ASSAY_VERIFIER_HTTP_PRIVATE_H

#include "verifier/http.h"

#include <pthread.h>
#include <stdatomic.h>

#include <event2/event.h>
#include <sys/queue.h>
#include <event2/buffer.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>

#define HTTP_PARAMS_MAX    4
#define HTTP_ADDRESS_MAX   48
#define HTTP_PEER_BUCKETS  1024u
#define HTTP_ANONYMOUS_MAX (256u << 10) /* bytes of one request from a peer without a certificate */

/* ---- http_route.c: pure ---- */

/* The route of a method and a path, or NULL; *ret_status tells 404 from 405. Fills params. */
const struct http_route *http_route_find(const struct http_route *routes, size_t count,
	enum http_method method, const char *path, char params[HTTP_PARAMS_MAX][HTTP_PARAM_MAX],
	int *ret_status);

/* What the framing headers of a request look like, gathered in one pass. */
struct http_framing {
	size_t headers, content_lengths, transfer_encodings;
	const char *content_length, *transfer_encoding, *content_encoding, *content_type;
};
/* NULL when the framing is plain, else what is wrong with it (for a 400). */
const char *http_framing_fault(const struct http_framing *framing);
/* "application/x; charset=…" matches "application/x". */
bool http_content_type_is(const char *value, const char *wanted);

/* ---- http_conn.c: one connection's life ---- */

struct http_loop;

enum http_phase {
	HTTP_ACCEPTED = 0, /* not looked at yet */
	HTTP_HANDSHAKE,
	HTTP_FRESH, /* established, nothing asked yet */
	HTTP_IDLE,
	HTTP_REQUEST,
	HTTP_WORKING,
	HTTP_REPLYING
};

/* How well a connection can be spared, when there is no room for another. */
enum http_spare {
	HTTP_NEEDED = 0,
	HTTP_PASSING, /* not looked at yet, or about to be closed: more is known at once */
	HTTP_ANONYMOUS, /* idle, and nobody showed a certificate */
	HTTP_KNOWN, /* idle */
	HTTP_SPARES
};

struct http_conn {
	TAILQ_ENTRY(http_conn) all; /* of the loop; the longest in its phase first */
	struct http_loop *loop;
	struct http_exchange *exchange; /* being worked on; NULL: none */
	struct bufferevent *bev;
	struct event *deadline;
	enum http_phase phase;
	enum http_spare spare;
	int fd;
	bool counted; /* in the peer table and the total */
	bool established;
	bool cert_taken, has_cert;
	bool ended; /* shut by us: its end is on the way */
	unsigned generation; /* of the TLS context its certificate was last checked by */
	uint64_t accepted_us;
	uint64_t number; /* http_peer_number */
	char address[HTTP_ADDRESS_MAX];
	char peer[HTTP_ADDRESS_MAX]; /* what is counted: the address, or the /64 of an IPv6 one */
	struct cert *cert;
	uint8_t exporter[TLS_EXPORTER_LEN]; /* with the certificate */
	size_t request_bytes, request_max;
};

/* The callback evhttp calls for every accepted connection; arg is the loop. */
struct bufferevent *http_conn_new(struct event_base *base, void *arg);
struct http_conn *http_conn_of(struct evhttp_request *request);
SSL *http_conn_ssl(struct evhttp_request *request);
void http_conn_phase(struct http_conn *conn, enum http_phase phase);
/* The info callback of every TLS context. */
void http_conn_tls_info(const SSL *ssl, int where, int ret);
/* Whose connection it is; NULL: none of ours. */
struct http_server *http_conn_server(const SSL *ssl);
/* Shut, so that evhttp finds its end. */
void http_conn_end(struct http_conn *conn);
/* Ends all that are idle. */
void http_conn_end_idle(struct http_loop *loop);
/* The same text, the same number. */
uint64_t http_number_of(const char *text);

/* ---- http_request.c ---- */

/* evhttp's callback for every request; arg is the loop. */
void http_on_request(struct evhttp_request *request, void *arg);

/* ---- http_exchange.c ---- */

void http_exchange_free(struct http_exchange *exchange);
/* The event of a loop's mail: answers given on other threads, and what the server wants of the loop. */
void http_on_mail(evutil_socket_t fd, short what, void *arg);
/* The exchange's connection is closed: nobody waits for its answer. */
void http_on_gone(struct evhttp_connection *connection, void *exchange);
/* Its time is up: it is answered for, and what its handler says later is not. On the loop's thread. */
void http_exchange_late(struct http_exchange *exchange);

/* ---- http_room.c: making room ---- */

/* A connection begins, has changed, ends: on its loop's thread. */
void http_room_enter(struct http_conn *conn);
void http_room_note(struct http_conn *conn);
void http_room_leave(struct http_conn *conn);
/* Ends the connection that has been idle longest, those without a certificate first, this loop's own before another's, which
 * ends it a moment later. False: none is idle. */
bool http_room_make(struct http_loop *loop);
/* Connections that are there to stay: without those about to be closed, and those not looked at yet. */
unsigned http_room_taken(const struct http_server *server);
/* Whether some connection is about to be closed, or to be idle, or another loop is asked to end one. */
bool http_room_coming(const struct http_server *server);
/* What other loops asked of this one. */
void http_room_asked(struct http_loop *loop);

/* ---- http_shared.c ---- */

/* Appends them without a copy. False: no memory. */
bool http_shared_put(struct http_shared *shared, struct evbuffer *out);

/* ---- http_tls.c ---- */

#define HTTP_TICKET_NAME_LEN 16u
struct http_ticket_keys {
	uint64_t made; /* seconds since boot; 0: none */
	uint8_t name[HTTP_TICKET_NAME_LEN], cipher[32], mac[32];
};
struct http_tickets {
	pthread_mutex_t lock;
	struct http_ticket_keys now, before;
};
bool http_tickets_init(struct http_tickets *tickets);
void http_tickets_release(struct http_tickets *tickets);
/* The context in force, with a reference; NULL: none to be had. The generation (may be NULL) is that very context's: a connection
 * of before that had the next one's would never be checked again. */
SSL_CTX *http_tls_ref(struct http_server *server, unsigned *ret_generation);
/* Whether the CAs in force vouch for this connection's certificate. */
bool http_tls_recheck(struct http_server *server, SSL *ssl);

/* ---- http_listen.c ---- */

/* Sockets and listeners of a loop, which has its base and its evhttp. */
must_use bool http_listen(struct http_loop *loop, struct err *err);
void http_listen_end(struct http_loop *loop);
/* This thread is the loop's. */
void http_listen_here(struct http_loop *loop);

/* Connections by peer: at most `max` each. */
struct http_peers {
	pthread_mutex_t lock;
	struct http_peer_entry {
		struct http_peer_entry *next;
		unsigned count;
		char peer[HTTP_ADDRESS_MAX];
	} * buckets[HTTP_PEER_BUCKETS];
};
bool http_peers_enter(struct http_peers *peers, const char *peer, unsigned max);
void http_peers_leave(struct http_peers *peers, const char *peer);
void http_peers_release(struct http_peers *peers);

/* ---- http.c ---- */

struct http_loop {
	struct http_server *server;
	struct event_base *base;
	struct evhttp *http;
	struct evconnlistener *listeners[HTTP_SOCKETS_MAX]; /* evhttp's */
	size_t listener_count;
	struct event *mail_event, *reopen;
	TAILQ_HEAD(, http_conn) conns;
	atomic_uint spare[HTTP_SPARES]; /* of its connections */
	atomic_uint wanted[HTTP_SPARES]; /* how many other loops ask it to end */
	int reserve_fd; /* given up to shed a connection when there is no descriptor */
	bool draining;
	atomic_uint_fast64_t beats;
	uint64_t accept_logged_ms; /* when a failing accept was last worth a line */
	int mail_fd;
	pthread_mutex_t mail_lock;
	struct http_exchange *mail_first, **mail_last;
	bool stop, drain_idle;
	pthread_t thread;
	bool running;
};

struct http_server {
	struct http_config config;
	struct http_loop *loops;
	unsigned loop_count;
	uint16_t port;
	struct http_peers peers;
	pthread_mutex_t tls_lock;
	SSL_CTX *tls;
	atomic_uint tls_generation;
	struct http_tickets tickets;
	atomic_bool draining;
	atomic_uint connections, busy;
	char id_prefix[9]; /* of request ids: this process's */
	atomic_uint_fast64_t ids;
	size_t body_max; /* of all routes */
};

static inline void http_observe(
	const struct http_server *server, enum http_event event, uint64_t value)
{
	if (server->config.observe)
		server->config.observe(server->config.app, event, value);
}
static inline void http_count(const struct http_server *server, enum http_event event)
{
	http_observe(server, event, 1);
}

struct http_exchange {
	struct http_loop *loop;
	struct http_conn
		*conn; /* NULL once the connection has gone; touched on the loop's thread only */
	struct evhttp_request *request; /* likewise */
	struct evhttp_connection *connection;
	const struct http_route *route;
	char params[HTTP_PARAMS_MAX][HTTP_PARAM_MAX];
	struct evkeyvalq query;
	struct evbuffer *body_buffer; /* owned: the body outlives its connection */
	struct bytes body;
	struct cert *cert;
	char address[HTTP_ADDRESS_MAX];
	uint64_t number;
	char id[HTTP_ID_MAX];
	uint64_t began_us;
	uint8_t exporter[TLS_EXPORTER_LEN];
	char last_event[24];
	/* the answer */
	struct http_exchange *mail_next;
	int status;
	char content_type[96];
	struct buf reply;
	struct http_shared *shared; /* instead; NULL: none */
};

#endif
