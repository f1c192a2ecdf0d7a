/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/assay_bench/engine.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"

uint64_t now_us(void)
{
	struct timespec t;
	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

/* ---- timers ---- */

static void timer_swap(struct engine *engine, size_t a, size_t b)
{
	struct timer held = engine->timers[a];
	engine->timers[a] = engine->timers[b];
	engine->timers[b] = held;
}

void engine_at(struct engine *engine, uint64_t at_us, timer_fire fire, void *arg)
{
	if (engine->timer_count == engine->timer_room) {
		engine->timer_room = engine->timer_room ? 2 * engine->timer_room : 1024;
		engine->timers =
			realloc(engine->timers, engine->timer_room * sizeof(*engine->timers));
		if (!engine->timers)
			abort();
	}
	size_t at = engine->timer_count++;
	engine->timers[at] = (struct timer){at_us, fire, arg};
	for (; at > 0 && engine->timers[at].at_us < engine->timers[(at - 1) / 2].at_us;
		at = (at - 1) / 2)
		timer_swap(engine, at, (at - 1) / 2);
}

static struct timer timer_take(struct engine *engine)
{
	struct timer first = engine->timers[0];
	engine->timers[0] = engine->timers[--engine->timer_count];
	for (size_t at = 0;;) {
		size_t least = at;
		for (size_t child = 2 * at + 1; child <= 2 * at + 2; child++)
			if (child < engine->timer_count &&
				engine->timers[child].at_us < engine->timers[least].at_us)
				least = child;
		if (least == at)
			return first;
		timer_swap(engine, at, least);
		at = least;
	}
}

/* ---- connections ---- */

static void unlink_conn(struct conn *conn)
{
	if (!conn->link)
		return;
	*conn->link = conn->next;
	if (conn->next)
		conn->next->link = conn->link;
	conn->link = NULL;
	conn->engine->open_count--;
}

void conn_close(struct conn *conn)
{
	if (conn->state == CONN_CLOSED)
		return;
	unlink_conn(conn);
	SSL_free(conn->ssl);
	if (conn->fd >= 0)
		(void)close(conn->fd);
	conn->ssl = NULL;
	conn->fd = -1;
	conn->state = CONN_CLOSED;
	buf_release(&conn->in);
	buf_release(&conn->out);
}

/* Whoever waits is told; the connection is closed before. */
static void conn_lost(struct conn *conn)
{
	enum conn_state state = conn->state;
	struct answer none = {0};
	conn_close(conn);
	if (state == CONN_ASKING)
		conn->answered(conn->arg, &none);
	else if (conn->ready)
		conn->ready(conn->arg, false);
}

static void lost_later(void *arg)
{
	struct conn *conn = arg;
	if (conn->state == CONN_CONNECTING && conn->fd < 0)
		conn_lost(conn);
}

static void conn_state(struct conn *conn, enum conn_state state)
{
	conn->state = state;
	conn->since_us = now_us();
}

static void conn_wait(struct conn *conn, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = conn};
	if (conn->events == events)
		return;
	(void)epoll_ctl(conn->engine->epoll, conn->events ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, conn->fd,
		&event);
	conn->events = events;
}

static bool socket_open(struct conn *conn, uint32_t source)
{
	struct sockaddr_in from = {.sin_family = AF_INET};
	from.sin_addr.s_addr = htonl(0x7f000000u | (source & 0xffffffu));
	conn->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int on = 1;
	const struct sockaddr_in *to = &conn->engine->to;
	return conn->fd >= 0 &&
	       setsockopt(conn->fd, IPPROTO_TCP, 1 /* TCP_NODELAY */, &on, sizeof(on)) == 0 &&
	       setsockopt(conn->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on)) == 0 &&
	       bind(conn->fd, (const struct sockaddr *)&from, sizeof(from)) == 0 &&
	       (connect(conn->fd, (const struct sockaddr *)to, sizeof(*to)) == 0 ||
		       errno == EINPROGRESS);
}

void conn_open(struct engine *engine, struct conn *conn, uint32_t source, const struct cert *cert,
	const struct key *key, conn_ready ready, void *arg)
{
	conn_close(conn);
	*conn = (struct conn){
		.engine = engine, .fd = -1, .ready = ready, .arg = arg, .next = engine->open};
	conn->link = &engine->open;
	if (conn->next)
		conn->next->link = &conn->next;
	engine->open = conn;
	engine->open_count++;
	conn_state(conn, CONN_CONNECTING);
	conn->ssl = SSL_new(engine->tls);
	bool ok = conn->ssl && (!cert || (SSL_use_certificate(conn->ssl, cert_x509(cert)) == 1 &&
						 SSL_use_PrivateKey(conn->ssl, key_evp(key)) == 1));
	if (!ok || !socket_open(conn, source) || SSL_set_fd(conn->ssl, conn->fd) != 1) {
		if (conn->fd >= 0)
			(void)close(conn->fd);
		conn->fd = -1;
		engine_at(engine, 0, lost_later, conn);
		return;
	}
	SSL_set_connect_state(conn->ssl);
	conn_wait(conn, EPOLLOUT);
}

bool conn_exporter(const struct conn *conn, uint8_t out[TLS_EXPORTER_LEN])
{
	return SSL_export_keying_material(conn->ssl, out, TLS_EXPORTER_LEN, TLS_EXPORTER_LABEL,
		       strlen(TLS_EXPORTER_LABEL), NULL, 0, 0) == 1;
}

/* ---- bytes ---- */

/* False: lost. */
static bool conn_write(struct conn *conn)
{
	while (conn->out_at < conn->out.len) {
		size_t done = 0;
		ERR_clear_error();
		int ok = SSL_write_ex(conn->ssl, conn->out.data + conn->out_at,
			conn->out.len - conn->out_at, &done);
		if (ok != 1) {
			int error = SSL_get_error(conn->ssl, ok);
			if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE)
				return false;
			conn_wait(conn, EPOLLIN | EPOLLOUT);
			return true;
		}
		conn->out_at += done;
	}
	buf_clear(&conn->out);
	conn->out_at = 0;
	conn_wait(conn, EPOLLIN);
	return true;
}

void conn_ask(struct conn *conn, const char *path, const char *type, struct bytes body,
	conn_answered answered)
{
	conn->answered = answered;
	buf_clear(&conn->in);
	if (type)
		buf_printf(&conn->out,
			"POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: %s\r\n"
			"Content-Length: %zu\r\n\r\n",
			path, type, body.len);
	else
		buf_printf(&conn->out, "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", path);
	buf_put(&conn->out, body);
	conn_state(conn, CONN_ASKING);
	/* Found out by epoll when it is lost: nothing is called back from here. */
	if (!conn_write(conn))
		(void)shutdown(conn->fd, SHUT_RDWR);
}

void conn_put(struct conn *conn, struct bytes raw)
{
	buf_put(&conn->out, raw);
	if (conn->state == CONN_OPEN && !conn_write(conn))
		(void)shutdown(conn->fd, SHUT_RDWR);
}

/* A header's number, or `otherwise`. head ends with an empty line. */
static size_t header_number(const char *head, const char *name, size_t otherwise)
{
	size_t len = strlen(name);
	for (const char *line = strstr(head, "\r\n"); line; line = strstr(line + 2, "\r\n"))
		if (strncasecmp(line + 2, name, len) == 0 && line[2 + len] == ':')
			return strtoul(line + 2 + len + 1, NULL, 10);
	return otherwise;
}

/* True when the answer was whole and has been handed over. */
static bool answer_take(struct conn *conn)
{
	const char *text = buf_str(&conn->in);
	const char *end = text ? strstr(text, "\r\n\r\n") : NULL;
	if (!end || strncmp(text, "HTTP/1.1 ", 9) != 0)
		return false;
	size_t head_len = (size_t)(end - text) + 4;
	OWNED(free_ptr) char *head = strndup(text, head_len);
	size_t body = head ? header_number(head, "Content-Length", 0) : 0;
	if (!head || conn->in.len - head_len < body)
		return false;
	struct buf whole = TAKE_STRUCT(conn->in);
	struct answer answer = {.status = (int)strtol(head + 9, NULL, 10),
		.body = bytes_of(whole.data + head_len, body),
		.retry_after = (unsigned)header_number(head, "Retry-After", 0)};
	conn_state(conn, CONN_OPEN);
	if (strstr(head, "\r\nConnection: close"))
		conn_close(conn);
	conn->answered(conn->arg, &answer);
	buf_release(&whole);
	return true;
}

/* False: lost. */
static bool conn_read(struct conn *conn)
{
	for (;;) {
		uint8_t block[16384];
		size_t n = 0;
		ERR_clear_error();
		int ok = SSL_read_ex(conn->ssl, block, sizeof(block), &n);
		if (ok != 1) {
			int error = SSL_get_error(conn->ssl, ok);
			return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE;
		}
		buf_put(&conn->in, bytes_of(block, n));
		if (conn->state == CONN_ASKING && answer_take(conn))
			return true;
	}
}

static bool conn_handshake(struct conn *conn)
{
	ERR_clear_error();
	int ok = SSL_do_handshake(conn->ssl);
	if (ok == 1) {
		conn_state(conn, CONN_OPEN);
		conn_wait(conn, EPOLLIN);
		if (conn->ready)
			conn->ready(conn->arg, true);
		return true;
	}
	int error = SSL_get_error(conn->ssl, ok);
	if (error == SSL_ERROR_WANT_READ)
		conn_wait(conn, EPOLLIN);
	else if (error == SSL_ERROR_WANT_WRITE)
		conn_wait(conn, EPOLLIN | EPOLLOUT);
	else
		return false;
	return true;
}

static void conn_event(struct conn *conn, uint32_t events)
{
	bool ok = true;
	if (conn->state == CONN_CONNECTING)
		conn_state(conn, CONN_HANDSHAKE);
	if (conn->state == CONN_HANDSHAKE) {
		ok = conn_handshake(conn);
	} else if (conn->state != CONN_CLOSED) {
		ok = !(events & EPOLLOUT) || conn->out.len == 0 || conn_write(conn);
		ok = ok && (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR)) || conn_read(conn));
	}
	if (!ok)
		conn_lost(conn);
}

/* ---- the engine ---- */

bool engine_init(struct engine *engine, uint16_t port, struct bytes ca_pem, struct err *err)
{
	OWNED(cert_unref) struct cert *ca = NULL;
	*engine = (struct engine){.epoll = epoll_create1(EPOLL_CLOEXEC), .swept_us = now_us()};
	engine->to = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port)};
	engine->to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (!cert_from_pem(ca_pem, &ca, err))
		return false;
	engine->tls = SSL_CTX_new(TLS_client_method());
	if (!engine->tls || SSL_CTX_set_min_proto_version(engine->tls, TLS1_3_VERSION) != 1 ||
		X509_STORE_add_cert(SSL_CTX_get_cert_store(engine->tls), cert_x509(ca)) != 1)
		return err_set(err, ERR_CRYPTO, "TLS context");
	SSL_CTX_set_verify(engine->tls, SSL_VERIFY_PEER, NULL);
	(void)SSL_CTX_set_session_cache_mode(engine->tls, SSL_SESS_CACHE_OFF);
	(void)SSL_CTX_set_mode(
		engine->tls, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	return engine->epoll >= 0 || err_errno(err, errno, "epoll");
}

void engine_release(struct engine *engine)
{
	while (engine->open)
		conn_close(engine->open);
	SSL_CTX_free(engine->tls);
	free(engine->timers);
	if (engine->epoll > 0)
		(void)close(engine->epoll);
	memset(engine, 0, sizeof(*engine));
}

/* Once a second: what nobody answers is given up. */
static void sweep(struct engine *engine, uint64_t now)
{
	struct conn *next;
	if (now - engine->swept_us < 1000000u)
		return;
	engine->swept_us = now;
	for (struct conn *conn = engine->open; conn; conn = next) {
		next = conn->next;
		if (conn->state != CONN_OPEN && now > conn->since_us + ENGINE_REQUEST_US)
			(void)shutdown(conn->fd, SHUT_RDWR);
	}
}

static int wait_ms(const struct engine *engine, uint64_t now, uint64_t until)
{
	uint64_t at = engine->timer_count && engine->timers[0].at_us < until
			      ? engine->timers[0].at_us
			      : until;
	uint64_t ms = at > now ? (at - now + 999) / 1000 : 0;
	return ms > 1000 ? 1000 : (int)ms;
}

void engine_run(struct engine *engine, uint64_t until_us)
{
	engine->stop = false;
	for (uint64_t now = now_us(); !engine->stop && now < until_us; now = now_us()) {
		struct epoll_event events[256];
		int n = epoll_wait(
			engine->epoll, events, ARRAY_LEN(events), wait_ms(engine, now, until_us));
		for (int i = 0; i < n; i++)
			conn_event(events[i].data.ptr, events[i].events);
		now = now_us();
		while (engine->timer_count && engine->timers[0].at_us <= now && !engine->stop) {
			struct timer timer = timer_take(engine);
			timer.fire(timer.arg);
		}
		sweep(engine, now);
	}
}
