/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTPS front: loops, listeners, exchanges, answers. The connection's own life is in
 * http_conn.c. */
#include "verifier/http_private.h"

#include <errno.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/queue.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/http_struct.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>

#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "base/time.h"

#define HTTP_HEADER_BYTES_MAX 16384
#define HTTP_STACK            (512u << 10)
#define RETRY_AFTER_MIN       1u
#define RETRY_AFTER_SPREAD    4u
#define ANSWER_JOIN_MAX       (16u << 10) /* a TLS record */

/* ---- exchanges ---- */

static void exchange_free(struct http_exchange *exchange)
{
	evhttp_clear_headers(&exchange->query);
	if (exchange->body_buffer)
		evbuffer_free(exchange->body_buffer);
	cert_unref(&exchange->cert);
	buf_release(&exchange->reply);
	free(exchange);
}

static void on_reply_sent(struct evhttp_request *request, void *arg)
{
	(void)request;
	struct http_conn *conn = arg;
	http_conn_phase(conn, HTTP_IDLE);
}

/* A client that is told to go away because of load may come back on the same connection: a new one would cost more. */
static bool closes(const struct http_server *server, int status)
{
	static const int kept[] = {404, 409, 410, 429, 503};
	if (atomic_load(&server->draining))
		return true;
	if (status < 400)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(kept); i++)
		if (status == kept[i])
			return false;
	return true;
}

static void headers_add(const struct http_exchange *exchange, struct evkeyvalq *headers, int status,
	const char *content_type)
{
	struct http_server *server = exchange->loop->server;
	char after[12];
	(void)evhttp_add_header(headers, "Content-Type", content_type);
	(void)evhttp_add_header(headers, "Cache-Control", "no-store");
	(void)evhttp_add_header(headers, "X-Content-Type-Options", "nosniff");
	(void)evhttp_add_header(headers, "X-Request-Id", exchange->id);
	if (closes(server, status))
		(void)evhttp_add_header(headers, "Connection", "close");
	if (status != 429 && status != 503)
		return;
	/* Not all of them again in the same second. */
	(void)snprintf(after, sizeof(after), "%u",
		RETRY_AFTER_MIN + (unsigned)(atomic_load(&server->ids) % RETRY_AFTER_SPREAD));
	(void)evhttp_add_header(headers, "Retry-After", after);
}

/* Head and body lie in two pieces, and each piece would be a TLS record, a system call and a packet of its own. Nothing is
 * written before the loop goes round. */
static void answer_join(struct evbuffer *out)
{
	if (evbuffer_get_length(out) <= ANSWER_JOIN_MAX)
		(void)evbuffer_pullup(out, -1);
}

/* What a worker fills in of the exchange is not touched: it may be at it. */
static void answer_write(
	struct http_exchange *exchange, int status, const char *content_type, struct bytes body)
{
	const struct http_config *config = &exchange->loop->server->config;
	struct evhttp_request *request = exchange->request;
	struct http_conn *conn = exchange->conn;
	evhttp_connection_set_closecb(exchange->connection, NULL, NULL);
	headers_add(exchange, evhttp_request_get_output_headers(request), status, content_type);
	(void)evbuffer_add(evhttp_request_get_output_buffer(request), body.data, body.len);
	evhttp_request_set_on_complete_cb(request, on_reply_sent, conn);
	conn->exchange = NULL;
	http_conn_phase(conn, HTTP_REPLYING);
	if (config->answered)
		config->answered(
			exchange, status, clock_now_us() - exchange->began_us, config->app);
	struct evbuffer *out =
		bufferevent_get_output(evhttp_connection_get_bufferevent(exchange->connection));
	bool alone = evbuffer_get_length(out) == 0;
	evhttp_send_reply(request, status, NULL, NULL);
	if (alone)
		answer_join(out);
}

void http_exchange_late(struct http_exchange *exchange)
{
	answer_write(exchange, 503, "application/json",
		BYTES_LIT(
			"{\"error\":{\"code\":\"late\",\"message\":\"no answer within the time "
			"there "
			"is for it\",\"hint\":\"what was asked may have happened: ask again\"}}"));
	exchange->request = NULL;
	exchange->connection = NULL;
	exchange->conn = NULL;
}

/* On the loop's own thread: what was answered goes out, if there is still somebody there. */
static void exchange_send(struct http_exchange *exchange)
{
	if (!exchange->request) {
		exchange_free(exchange);
		return;
	}
	answer_write(
		exchange, exchange->status, exchange->content_type, buf_bytes(&exchange->reply));
	exchange_free(exchange);
}

static void on_connection_gone(struct evhttp_connection *connection, void *arg)
{
	(void)connection;
	struct http_exchange *exchange = arg;
	exchange->conn->exchange = NULL;
	exchange->request = NULL;
	exchange->connection = NULL;
	exchange->conn = NULL;
}

static void mail_post(struct http_exchange *exchange)
{
	struct http_loop *loop = exchange->loop;
	(void)pthread_mutex_lock(&loop->mail_lock);
	*loop->mail_last = exchange;
	loop->mail_last = &exchange->mail_next;
	(void)pthread_mutex_unlock(&loop->mail_lock);
	(void)eventfd_write(loop->mail_fd, 1);
}

static struct http_exchange *mail_take(struct http_loop *loop, bool *ret_stop, bool *ret_drain)
{
	(void)pthread_mutex_lock(&loop->mail_lock);
	struct http_exchange *first = loop->mail_first;
	loop->mail_first = NULL;
	loop->mail_last = &loop->mail_first;
	*ret_stop = loop->stop;
	*ret_drain = loop->drain_idle;
	loop->drain_idle = false;
	(void)pthread_mutex_unlock(&loop->mail_lock);
	return first;
}

static void on_mail(evutil_socket_t fd, short what, void *arg)
{
	(void)what;
	struct http_loop *loop = arg;
	eventfd_t count;
	bool stop, drain;
	(void)eventfd_read(fd, &count);
	(void)atomic_fetch_add(&loop->beats, 1);
	for (struct http_exchange *at = mail_take(loop, &stop, &drain), *next; at; at = next) {
		next = at->mail_next;
		exchange_send(at);
	}
	http_room_asked(loop);
	if (stop || drain)
		http_listen_end(loop);
	if (drain)
		http_conn_end_idle(loop);
	if (stop) {
		/* What is being written has this long to leave; with nobody there nothing is. */
		struct timeval grace = {.tv_usec = TAILQ_EMPTY(&loop->conns) ? 0 : 200000};
		(void)event_base_loopexit(loop->base, &grace);
	}
}

void http_reply(
	struct http_exchange *exchange, int status, const char *content_type, struct bytes body)
{
	exchange->status = status;
	(void)snprintf(exchange->content_type, sizeof(exchange->content_type), "%s", content_type);
	buf_clear(&exchange->reply);
	buf_put(&exchange->reply, body);
	if (exchange->reply.failed) {
		buf_release(&exchange->reply);
		exchange->status = 503;
	}
	if (pthread_equal(pthread_self(), exchange->loop->thread))
		exchange_send(exchange);
	else
		mail_post(exchange);
}

void http_reply_error(struct http_exchange *exchange, int status, const char *code,
	const char *message, const char *hint)
{
	struct buf text = {0};
	json_t *error = json_pack(
		"{s:{s:s,s:s,s:s*}}", "error", "code", code, "message", message, "hint", hint);
	if (!error || !json_write(error, false, &text, NULL))
		buf_put_str(&text, "{\"error\":{\"code\":\"internal\",\"message\":\"no memory\"}}");
	json_decref(error);
	http_reply(exchange, status, "application/json", buf_bytes(&text));
	buf_release(&text);
}

void http_reply_refused(struct http_exchange *exchange, int status)
{
	if (status == 401)
		http_reply_error(exchange, status, "unauthenticated",
			"this route needs a client certificate",
			"present a certificate issued by this verifier");
	else if (status == 403)
		http_reply_error(exchange, status, "forbidden",
			"this certificate may not use this route", NULL);
	else
		http_reply_error(exchange, status, "unavailable",
			"who asks could not be looked up: the store does not answer",
			"try again later");
}

/* ---- from a request to a handler ---- */

static struct http_framing framing_of(struct evhttp_request *request)
{
	static const struct {
		const char *name;
		size_t count, value;
	} watched[] = {
		{"Content-Length", offsetof(struct http_framing, content_lengths),
			offsetof(struct http_framing, content_length)},
		{"Transfer-Encoding", offsetof(struct http_framing, transfer_encodings),
			offsetof(struct http_framing, transfer_encoding)},
		{"Content-Encoding", SIZE_MAX, offsetof(struct http_framing, content_encoding)},
		{"Content-Type", SIZE_MAX, offsetof(struct http_framing, content_type)},
	};
	struct http_framing framing = {0};
	const struct evkeyval *header;
	TAILQ_FOREACH(header, evhttp_request_get_input_headers(request), next)
	{
		framing.headers++;
		for (size_t i = 0; i < ARRAY_LEN(watched); i++) {
			if (evutil_ascii_strcasecmp(header->key, watched[i].name) != 0)
				continue;
			const char *value = header->value;
			memcpy((char *)&framing + watched[i].value, &value, sizeof(value));
			if (watched[i].count != SIZE_MAX)
				(*(size_t *)((char *)&framing + watched[i].count))++;
		}
	}
	return framing;
}

static bool method_of(struct evhttp_request *request, enum http_method *ret)
{
	enum evhttp_cmd_type command = evhttp_request_get_command(request);
	*ret = command == EVHTTP_REQ_GET ? HTTP_GET : HTTP_POST;
	return command == EVHTTP_REQ_GET || command == EVHTTP_REQ_POST;
}

/* The certificate and the exporter are taken from TLS once a connection. */
static bool peer_take(struct http_exchange *exchange, SSL *ssl)
{
	struct http_conn *conn = exchange->conn;
	char uri[X509_URI_MAX];
	X509 *x509 = SSL_get0_peer_certificate(ssl);
	if (!conn->cert_taken && x509) {
		unsigned char *der = NULL;
		int len = i2d_X509(x509, &der);
		bool ok = len > 0 && SSL_get_verify_result(ssl) == X509_V_OK &&
			  cert_from_der(bytes_of(der, (size_t)len), false, &conn->cert, NULL);
		OPENSSL_free(der);
		if (!ok)
			return false;
	}
	if (!conn->cert_taken && conn->cert && cert_uri(conn->cert, uri, sizeof(uri)))
		conn->number = http_number_of(uri);
	/* TLS 1.3 has one exporter secret for all of a connection (RFC 8446 section 7.5). */
	if (!conn->cert_taken &&
		SSL_export_keying_material(ssl, conn->exporter, sizeof(conn->exporter),
			TLS_EXPORTER_LABEL, strlen(TLS_EXPORTER_LABEL), NULL, 0, 0) != 1) {
		cert_unref(&conn->cert);
		return false;
	}
	conn->cert_taken = true;
	/* The CAs may be others than when it was verified. */
	unsigned generation = atomic_load(&exchange->loop->server->tls_generation);
	if (conn->cert && conn->generation != generation &&
		!http_tls_recheck(exchange->loop->server, ssl)) {
		cert_unref(&conn->cert);
		conn->number = http_number_of(conn->peer);
	}
	conn->generation = generation;
	exchange->number = conn->number;
	exchange->cert = conn->cert ? cert_ref(conn->cert) : NULL;
	memcpy(exchange->exporter, conn->exporter, sizeof(exchange->exporter));
	return true;
}

static bool body_take(struct http_exchange *exchange)
{
	exchange->body_buffer = evbuffer_new();
	struct evbuffer *in = evhttp_request_get_input_buffer(exchange->request);
	if (!exchange->body_buffer || evbuffer_add_buffer(exchange->body_buffer, in) != 0)
		return false;
	size_t len = evbuffer_get_length(exchange->body_buffer);
	const uint8_t *data = len ? evbuffer_pullup(exchange->body_buffer, -1) : NULL;
	exchange->body = bytes_of(data, len);
	return len == 0 || data;
}

static void dispatch(struct http_exchange *exchange, const char *path)
{
	const struct http_server *server = exchange->loop->server;
	struct http_framing framing = framing_of(exchange->request);
	const char *fault = http_framing_fault(&framing);
	enum http_method method;
	int status = 405;
	if (fault) {
		http_reply_error(exchange, 400, "framing", fault, NULL);
		return;
	}
	if (method_of(exchange->request, &method))
		exchange->route = http_route_find(server->config.routes, server->config.route_count,
			method, path, exchange->params, &status);
	const struct http_route *route = exchange->route;
	if (!route) {
		http_reply_error(exchange, status, status == 404 ? "not-found" : "method",
			status == 404 ? "no such route" : "this route does not take that method",
			NULL);
		return;
	}
	int refused = server->config.authorize
			      ? server->config.authorize(exchange, route, server->config.app)
			      : (route->roles ? 403 : 0);
	if (refused) {
		http_reply_refused(exchange, refused);
		return;
	}
	if (exchange->body.len > route->body_max)
		http_reply_error(exchange, 413, "too-large",
			"the body is larger than this route takes", NULL);
	else if (route->content_type &&
		 !http_content_type_is(framing.content_type, route->content_type))
		http_reply_error(exchange, 415, "content-type",
			"the body is not of the type this route takes", route->content_type);
	else
		route->handle(exchange, server->config.app);
}

uint64_t http_number_of(const char *text)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);
	for (; *text; text++)
		hash = (hash ^ (uint8_t)*text) * UINT64_C(0x100000001b3);
	return hash;
}

/* ---- what a request is called ---- */

static bool id_plain(const char *text, size_t len)
{
	if (len == 0 || len >= HTTP_ID_MAX)
		return false;
	for (size_t i = 0; i < len; i++)
		if (!((text[i] >= 'a' && text[i] <= 'z') || (text[i] >= 'A' && text[i] <= 'Z') ||
			    (text[i] >= '0' && text[i] <= '9') || text[i] == '-' ||
			    text[i] == '.' || text[i] == '_'))
			return false;
	return true;
}

/* W3C Trace Context: 00-TRACE-PARENT-FLAGS; the trace's 32 hex digits, not all zero. */
static const char *trace_of(const char *text)
{
	static const char zeros[] = "00000000000000000000000000000000";
	if (strlen(text) < 55 || text[2] != '-' || text[35] != '-' ||
		strspn(text + 3, "0123456789abcdef") != 32 || strncmp(text + 3, zeros, 32) == 0)
		return NULL;
	return text + 3;
}

static void id_take(struct http_exchange *exchange)
{
	struct evkeyvalq *headers = evhttp_request_get_input_headers(exchange->request);
	struct http_server *server = exchange->loop->server;
	const char *given = evhttp_find_header(headers, "X-Request-Id");
	const char *trace = evhttp_find_header(headers, "traceparent");
	uint64_t number = atomic_fetch_add(&server->ids, 1);
	trace = trace ? trace_of(trace) : NULL;
	if (given && id_plain(given, strlen(given)))
		(void)snprintf(exchange->id, sizeof(exchange->id), "%s", given);
	else if (trace)
		(void)snprintf(exchange->id, sizeof(exchange->id), "%.32s", trace);
	else
		(void)snprintf(exchange->id, sizeof(exchange->id), "%s-%llx", server->id_prefix,
			(unsigned long long)number);
}

static void on_request(struct evhttp_request *request, void *arg)
{
	struct http_loop *loop = arg;
	SSL *ssl = http_conn_ssl(request);
	struct http_conn *conn = http_conn_of(request);
	struct http_exchange *exchange = calloc(1, sizeof(*exchange));
	/* A connection without TLS state exists only when memory ran out at accept: nothing is
	 * served on it. */
	if (!ssl || !conn || !conn->counted || !exchange) {
		free(exchange);
		evhttp_send_error(request, 503, NULL);
		return;
	}
	http_conn_phase(conn, HTTP_WORKING);
	TAILQ_INIT(&exchange->query);
	exchange->loop = loop;
	exchange->conn = conn;
	exchange->request = request;
	exchange->began_us = clock_now_us();
	conn->exchange = exchange;
	id_take(exchange);
	exchange->connection = evhttp_request_get_connection(request);
	memcpy(exchange->address, conn->address, sizeof(exchange->address));
	evhttp_connection_set_closecb(exchange->connection, on_connection_gone, exchange);
	if (!peer_take(exchange, ssl) || !body_take(exchange)) {
		http_reply_error(
			exchange, 503, "busy", "the connection's state could not be read", NULL);
		return;
	}
	const char *last_event =
		evhttp_find_header(evhttp_request_get_input_headers(request), "Last-Event-ID");
	(void)snprintf(exchange->last_event, sizeof(exchange->last_event), "%s",
		last_event ? last_event : "");
	const char *target = evhttp_request_get_uri(request);
	size_t path_len = target ? strcspn(target, "?#") : 0;
	char path[512];
	if (path_len == 0 || path_len >= sizeof(path) || target[0] != '/') {
		http_reply_error(
			exchange, 400, "target", "the request target is no plain path", NULL);
		return;
	}
	memcpy(path, target, path_len);
	path[path_len] = '\0';
	if (target[path_len] == '?' &&
		evhttp_parse_query_str(target + path_len + 1, &exchange->query) != 0) {
		http_reply_error(exchange, 400, "query", "the query does not parse", NULL);
		return;
	}
	dispatch(exchange, path);
}

struct bytes http_body(const struct http_exchange *exchange)
{
	return exchange->body;
}

const char *http_path_param(const struct http_exchange *exchange, size_t i)
{
	return i < HTTP_PARAMS_MAX ? exchange->params[i] : "";
}

const char *http_query(const struct http_exchange *exchange, const char *name)
{
	const char *value = evhttp_find_header(&exchange->query, name);
	return value && strlen(value) < HTTP_SEGMENT_MAX ? value : NULL;
}

const char *http_last_event(const struct http_exchange *exchange)
{
	return exchange->last_event;
}

const char *http_header(const struct http_exchange *exchange, const char *name)
{
	return exchange->request
		       ? evhttp_find_header(
				 evhttp_request_get_input_headers(exchange->request), name)
		       : NULL;
}

const struct cert *http_peer_cert(const struct http_exchange *exchange)
{
	return exchange->cert;
}

const char *http_peer_address(const struct http_exchange *exchange)
{
	return exchange->address;
}

uint64_t http_peer_number(const struct http_exchange *exchange)
{
	return exchange->number;
}

const char *http_request_id(const struct http_exchange *exchange)
{
	return exchange->id;
}

const uint8_t *http_exporter(const struct http_exchange *exchange)
{
	return exchange->exporter;
}

const struct http_route *http_exchange_route(const struct http_exchange *exchange)
{
	return exchange->route;
}

/* ---- the server ---- */

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
	loop->mail_event =
		loop->base && loop->mail_fd >= 0
			? event_new(loop->base, loop->mail_fd, EV_READ | EV_PERSIST, on_mail, loop)
			: NULL;
	if (!loop->http || !loop->mail_event || event_add(loop->mail_event, NULL) != 0)
		return err_set(err, ERR_NOMEM, "event loop");
	evhttp_set_bevcb(loop->http, http_conn_new, loop);
	evhttp_set_gencb(loop->http, on_request, loop);
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
		exchange_free(at);
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
	pthread_attr_t attributes;
	(void)pthread_attr_init(&attributes);
	(void)pthread_attr_setstacksize(&attributes, HTTP_STACK);
	int failed = 0;
	for (unsigned i = 0; i < server->loop_count && !failed; i++) {
		failed = pthread_create(
			&server->loops[i].thread, &attributes, loop_run, &server->loops[i]);
		server->loops[i].running = !failed;
	}
	(void)pthread_attr_destroy(&attributes);
	return failed ? err_errno(err, failed, "HTTP thread") : true;
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
