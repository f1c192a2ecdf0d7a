/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTPS front: TLS 1.3 over libevent (evhttp on OpenSSL bufferevents), one event loop per thread on one SO_REUSEPORT
 * address, a const route table, and the limits evhttp does not have: a deadline per connection from accept to reply, a
 * count per peer address taken at handshake start, duplicate or odd framing headers refused, chunked bodies bounded.
 *
 * A handler runs on its connection's loop and must not block. It ends an exchange with http_reply, at once or later and
 * from any thread. An exchange whose connection has gone meanwhile is answered into nothing.
 */
#ifndef ASSAY_VERIFIER_HTTP_H
#define ASSAY_VERIFIER_HTTP_H

#include "base/log.h"
#include "crypto/x509.h"
#include "evidence/names.h"

#include <openssl/types.h>

#define HTTP_SEGMENT_MAX 128
#define HTTP_PARAM_MAX   384 /* of the rest of a path */
#define HTTP_HEADERS_MAX 64
#define HTTP_SOCKETS_MAX 8u
#define HTTP_ID_MAX      65u

enum http_method { HTTP_GET = 1, HTTP_POST = 2 };

struct http_exchange;
struct http_server;

/* What happens to connections, for whoever counts. */
enum http_event {
	HTTP_EVENT_HANDSHAKE = 0, /* done; value: microseconds since it was accepted */
	HTTP_EVENT_RESUMED, /* done, from a ticket; value likewise */
	HTTP_EVENT_HANDSHAKE_FAILED,
	HTTP_EVENT_LIMIT, /* refused: too many connections in all */
	HTTP_EVENT_PEER_LIMIT, /* refused: too many of this peer */
	HTTP_EVENT_NO_DESCRIPTOR, /* refused: no descriptor left */
	HTTP_EVENT_EVICTED, /* ended while idle, to make room for another */
	HTTP_EVENT_LATE_HANDSHAKE, /* a deadline passed: in the handshake, */
	HTTP_EVENT_LATE_IDLE, /* between requests, */
	HTTP_EVENT_LATE_REQUEST, /* while a request was read, */
	HTTP_EVENT_LATE_WORK, /* while it was worked on (answered 503), */
	HTTP_EVENT_LATE_REPLY, /* while the answer was written */
	HTTP_EVENTS
};

struct http_route {
	enum http_method method;
	const char *
		pattern; /* "/v1/hosts/{id}/confirm"; {…} matches one segment of 1..127 unreserved characters, {…*} at the end all segments that are left, of such characters and % + =, at most 383 */
	unsigned roles; /* bit mask handed to the authorize callback; 0 = anyone */
	size_t body_max; /* bytes; 0 = no body allowed */
	const char *content_type; /* demanded of the body; NULL when there is none */
	void (*handle)(struct http_exchange *exchange, void *app);
};

struct http_config {
	const char *address; /* "127.0.0.1" or "::1" */
	uint16_t port; /* 0: any, see http_server_port */
	unsigned threads; /* event loops; 0: one per core */
	SSL_CTX *tls; /* borrowed; made by http_tls_context */
	const struct http_route *routes;
	size_t route_count;
	void *app; /* handed to every handler */
	/* Whether this peer may use this route: 0 = yes, else the HTTP status (401, 403, 503) to answer. */
	int (*authorize)(
		const struct http_exchange *exchange, const struct http_route *route, void *app);
	unsigned connections_max; /* in all; default 20000 */
	unsigned connections_per_peer; /* default 256 */
	unsigned handshake_ms; /* from accept to TLS established; default 5000 */
	unsigned
		request_ms; /* from the first byte wanted to the whole request read; default 10000 */
	unsigned idle_ms; /* between requests on a kept connection; default 60000 */
	unsigned work_ms; /* from the whole request read to its answer, else 503; default 60000 */
	const struct log *log;
	/* Listening sockets that were handed over, instead of address and port; borrowed. */
	const int *sockets;
	size_t socket_count; /* at most HTTP_SOCKETS_MAX */
	/* Both may be NULL; called on any loop's thread, at once and often: they count and return. */
	void (*observe)(void *app, enum http_event event, uint64_t value);
	void (*answered)(const struct http_exchange *exchange, int status, uint64_t us, void *app);
};

/* TLS 1.3 only; chain_pem (server certificate first) and key; client certificates against ca (verified in the handshake
 * when one is sent, none is allowed). Sessions are resumed by tickets (http_tls.c), without early data. */
must_use bool http_tls_context(struct bytes chain_pem, struct key *key,
	struct cert *const *client_ca, size_t client_ca_count, SSL_CTX **ret, struct err *err);

must_use bool http_server_new(
	const struct http_config *config, struct http_server **ret, struct err *err);
/* Runs the loops in threads of their own; returns at once. */
must_use bool http_server_start(struct http_server *server, struct err *err);
uint16_t http_server_port(const struct http_server *server);
/* For connections from now on; takes a reference. On those there are, a client certificate that the new CAs do not vouch for
 * counts no more. False: no memory. */
must_use bool http_server_set_tls(struct http_server *server, SSL_CTX *tls);
/* When the certificate in force ends, seconds since 1970. */
int64_t http_server_certificate_end(struct http_server *server);
/* Answers say Connection: close from now on. last: nothing new is accepted, and what is idle is closed. */
void http_server_drain(struct http_server *server, bool last);

struct http_state {
	unsigned connections;
	unsigned busy; /* with a request begun and not answered */
	uint64_t beats; /* turns of the slowest loop since http_server_nudge */
};
void http_server_look(const struct http_server *server, struct http_state *ret);
/* Every loop that is alive counts one more beat. */
void http_server_nudge(struct http_server *server);
/* Stops accepting, ends the loops within about a second, joins the threads. */
void http_server_stop(struct http_server *server);
void http_server_free(struct http_server **server);

/* ---- inside a handler ---- */
struct bytes http_body(const struct http_exchange *exchange);
/* The i-th {…} of the pattern; "" if there is none. */
const char *http_path_param(const struct http_exchange *exchange, size_t i);
/* A query parameter, decoded and bounded; NULL when absent. */
const char *http_query(const struct http_exchange *exchange, const char *name);
/* Last-Event-ID as the request had it, at most 23 bytes; "" when there was none. From any thread. */
const char *http_last_event(const struct http_exchange *exchange);
/* A request header; NULL when absent. */
const char *http_header(const struct http_exchange *exchange, const char *name);
/* The peer's verified certificate; NULL when none was sent. Borrowed. */
const struct cert *http_peer_cert(const struct http_exchange *exchange);
const char *http_peer_address(const struct http_exchange *exchange);
/* A number for the peer: of its certificate's URI, or else of its address (an IPv6 one's /64). */
uint64_t http_peer_number(const struct http_exchange *exchange);
/* What the request is called in logs: as the client asked in X-Request-Id or traceparent, if that is plain, else new. It is
 * in the answer as X-Request-Id. */
const char *http_request_id(const struct http_exchange *exchange);
/* tls-exporter of this connection (RFC 9266). */
const uint8_t *http_exporter(const struct http_exchange *exchange);
const struct http_route *http_exchange_route(const struct http_exchange *exchange);

/* ---- answers; each ends the exchange and may be called from any thread, once ---- */
void http_reply(
	struct http_exchange *exchange, int status, const char *content_type, struct bytes body);
/* Bytes that many answers have in common: in memory once, however many fetch them and however slowly they read. Counted; from any
 * thread. */
struct http_shared;
/* Takes the bytes over. ERR_NOMEM. */
must_use bool http_shared_new(struct buf *bytes, struct http_shared **ret, struct err *err);
struct http_shared *http_shared_ref(struct http_shared *shared);
void http_shared_unref(struct http_shared **shared);
/* Borrowed. */
struct bytes http_shared_bytes(const struct http_shared *shared);
/* Takes the reference over. */
void http_reply_shared(struct http_exchange *exchange, int status, const char *content_type,
	struct http_shared *shared);
/* {"error":{"code":…,"message":…,"hint":…}}; hint may be NULL. */
void http_reply_error(struct http_exchange *exchange, int status, const char *code,
	const char *message, const char *hint);
/* What the authorize callback said: 401, 403, or 503 where it could not find out. */
void http_reply_refused(struct http_exchange *exchange, int status);

#endif
