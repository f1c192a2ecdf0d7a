/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many HTTPS connections and timers on one thread: epoll, OpenSSL on sockets that do not block, TLS 1.3 with the pinned CA.
 * One request at a time on a connection. Everything is called back on the thread that runs the engine; a callback may open,
 * ask or close the connection it is told of.
 */
#ifndef ASSAY_TESTS_BENCH_ENGINE_H
#define ASSAY_TESTS_BENCH_ENGINE_H

#include "crypto/x509.h"
#include "evidence/names.h"

#include <netinet/in.h>
#include <openssl/types.h>

#define ENGINE_REQUEST_US (30u * 1000000u) /* then a request is given up */

struct engine;
struct conn;

struct answer {
	int status; /* 0: the connection was lost */
	struct bytes body; /* borrowed until the callback returns */
	unsigned retry_after; /* seconds; 0: not said */
};
typedef void (*conn_ready)(void *arg, bool ok);
typedef void (*conn_answered)(void *arg, const struct answer *answer);
typedef void (*timer_fire)(void *arg);

enum conn_state { CONN_CLOSED = 0, CONN_CONNECTING, CONN_HANDSHAKE, CONN_OPEN, CONN_ASKING };
struct conn {
	struct engine *engine;
	enum conn_state state;
	int fd;
	SSL *ssl;
	uint32_t events; /* what epoll waits for */
	uint64_t since_us; /* of the state */
	struct buf in, out;
	size_t out_at;
	conn_ready ready;
	conn_answered answered;
	void *arg; /* of both */
	struct conn *next, **link; /* of those that are not closed */
};

struct timer {
	uint64_t at_us;
	timer_fire fire;
	void *arg;
};
struct engine {
	int epoll;
	struct sockaddr_in to;
	SSL_CTX *tls;
	struct conn *open;
	size_t open_count;
	struct timer *timers; /* a heap */
	size_t timer_count, timer_room;
	uint64_t swept_us;
	bool stop; /* set by a callback: engine_run returns */
};

uint64_t now_us(void);

/* Connections go to 127.0.0.1 and that port. */
must_use bool engine_init(
	struct engine *engine, uint16_t port, struct bytes ca_pem, struct err *err);
void engine_release(struct engine *engine);
/* Until `stop` is set or the time is until_us. */
void engine_run(struct engine *engine, uint64_t until_us);
/* There is no taking back. Without memory the process ends. */
void engine_at(struct engine *engine, uint64_t at_us, timer_fire fire, void *arg);

/* source: the last three bytes of the loopback address it comes from, so that many hosts are many peers. cert, key: NULL
 * for none. ready is called later, also where it fails at once; and with false once more when an
 * open connection is lost while nothing is asked. */
void conn_open(struct engine *engine, struct conn *conn, uint32_t source, const struct cert *cert,
	const struct key *key, conn_ready ready, void *arg);
/* On an open connection; type NULL: GET. */
void conn_ask(struct conn *conn, const char *path, const char *type, struct bytes body,
	conn_answered answered);
/* Bytes as they are, of a client that does not speak properly; ready is told when the connection is lost. */
void conn_put(struct conn *conn, struct bytes raw);
must_use bool conn_exporter(const struct conn *conn, uint8_t out[TLS_EXPORTER_LEN]);
void conn_close(struct conn *conn); /* nothing is called back; again is fine */

#endif
