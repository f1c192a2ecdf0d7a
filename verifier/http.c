/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTPS front: loops, listeners, exchanges, answers. The connection's own life is in
 * http_conn.c. */
#include "verifier/http_private.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/eventfd.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/http_struct.h>
#include <event2/listener.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "base/time.h"

#define HTTP_HEADER_BYTES_MAX 16384
#define HTTP_STACK            (512u << 10)
#define ACCEPT_LOG_MS         60000u

/* ---- TLS ---- */

static bool tls_error(struct err *err, const char *what)
{
	char text[160];
	ERR_error_string_n(ERR_get_error(), text, sizeof(text));
	ERR_clear_error();
	return err_set(err, ERR_CRYPTO, "%s: %s", what, text);
}

static bool tls_use_chain(SSL_CTX *tls, struct bytes chain_pem, struct key *key, struct err *err)
{
	struct cert *certs[X509_CHAIN_MAX] = {0};
	size_t count = 0;
	if (!certs_from_bytes(chain_pem, X509_CHAIN_MAX, certs, &count, err))
		return err_wrap(err, "TLS certificate");
	bool ok = count > 0 && SSL_CTX_use_certificate(tls, cert_x509(certs[0])) == 1 &&
		  SSL_CTX_use_PrivateKey(tls, key_evp(key)) == 1 &&
		  SSL_CTX_check_private_key(tls) == 1;
	for (size_t i = 1; ok && i < count; i++)
		ok = SSL_CTX_add1_chain_cert(tls, cert_x509(certs[i])) == 1;
	for (size_t i = 0; i < count; i++)
		cert_unref(&certs[i]);
	return ok ? true : tls_error(err, "TLS certificate and key");
}

bool http_tls_context(struct bytes chain_pem, struct key *key, struct cert *const *client_ca,
	size_t client_ca_count, SSL_CTX **ret, struct err *err)
{
	SSL_CTX *tls = SSL_CTX_new(TLS_server_method());
	if (!tls)
		return tls_error(err, "TLS context");
	(void)SSL_CTX_set_options(
		tls, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
	(void)SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_OFF);
	(void)SSL_CTX_set_mode(tls, SSL_MODE_RELEASE_BUFFERS);
	bool ok = SSL_CTX_set_min_proto_version(tls, TLS1_3_VERSION) == 1 &&
		  SSL_CTX_set_max_proto_version(tls, TLS1_3_VERSION) == 1 &&
		  SSL_CTX_set_num_tickets(tls, 0) == 1;
	X509_STORE *store = SSL_CTX_get_cert_store(tls);
	for (size_t i = 0; ok && i < client_ca_count; i++)
		ok = X509_STORE_add_cert(store, cert_x509(client_ca[i])) == 1 &&
		     SSL_CTX_add_client_CA(tls, cert_x509(client_ca[i])) == 1;
	SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_verify_depth(tls, 2);
	SSL_CTX_set_info_callback(tls, http_conn_tls_info);
	if (!ok)
		(void)tls_error(err, "TLS settings");
	ok = ok && tls_use_chain(tls, chain_pem, key, err);
	if (!ok) {
		SSL_CTX_free(tls);
		return false;
	}
	*ret = tls;
	return true;
}

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

/* On the loop's own thread: what was answered goes out, if there is still somebody there. */
static void exchange_send(struct http_exchange *exchange)
{
	struct evhttp_request *request = exchange->request;
	if (!request) {
		exchange_free(exchange);
		return;
	}
	evhttp_connection_set_closecb(exchange->connection, NULL, NULL);
	struct evkeyvalq *headers = evhttp_request_get_output_headers(request);
	(void)evhttp_add_header(headers, "Content-Type", exchange->content_type);
	(void)evhttp_add_header(headers, "Cache-Control", "no-store");
	(void)evhttp_add_header(headers, "X-Content-Type-Options", "nosniff");
	if (exchange->status >= 400 && exchange->status != 404 && exchange->status != 409 &&
		exchange->status != 410)
		(void)evhttp_add_header(headers, "Connection", "close");
	struct evbuffer *out = evhttp_request_get_output_buffer(request);
	(void)evbuffer_add(out, exchange->reply.data, exchange->reply.len);
	evhttp_request_set_on_complete_cb(request, on_reply_sent, exchange->conn);
	http_conn_phase(exchange->conn, HTTP_REPLYING);
	evhttp_send_reply(request, exchange->status, NULL, NULL);
	exchange_free(exchange);
}

static void on_connection_gone(struct evhttp_connection *connection, void *arg)
{
	(void)connection;
	struct http_exchange *exchange = arg;
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

static struct http_exchange *mail_take(struct http_loop *loop, bool *ret_stop)
{
	(void)pthread_mutex_lock(&loop->mail_lock);
	struct http_exchange *first = loop->mail_first;
	loop->mail_first = NULL;
	loop->mail_last = &loop->mail_first;
	*ret_stop = loop->stop;
	(void)pthread_mutex_unlock(&loop->mail_lock);
	return first;
}

static void on_mail(evutil_socket_t fd, short what, void *arg)
{
	(void)what;
	struct http_loop *loop = arg;
	eventfd_t count;
	bool stop;
	(void)eventfd_read(fd, &count);
	for (struct http_exchange *at = mail_take(loop, &stop), *next; at; at = next) {
		next = at->mail_next;
		exchange_send(at);
	}
	if (stop) {
		if (loop->listener)
			(void)evconnlistener_disable(loop->listener);
		/* What is being written has this long to leave. */
		struct timeval grace = {.tv_usec = 200000};
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

/* The certificate is taken from TLS once a connection. */
static bool peer_take(struct http_exchange *exchange, SSL *ssl)
{
	struct http_conn *conn = exchange->conn;
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
	conn->cert_taken = true;
	exchange->cert = conn->cert ? cert_ref(conn->cert) : NULL;
	return SSL_export_keying_material(ssl, exchange->exporter, sizeof(exchange->exporter),
		       TLS_EXPORTER_LABEL, strlen(TLS_EXPORTER_LABEL), NULL, 0, 0) == 1;
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
	exchange->connection = evhttp_request_get_connection(request);
	memcpy(exchange->address, conn->address, sizeof(exchange->address));
	evhttp_connection_set_closecb(exchange->connection, on_connection_gone, exchange);
	if (!peer_take(exchange, ssl) || !body_take(exchange)) {
		http_reply_error(
			exchange, 503, "busy", "the connection's state could not be read", NULL);
		return;
	}
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
	return value && strlen(value) < HTTP_PARAM_MAX ? value : NULL;
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

const uint8_t *http_exporter(const struct http_exchange *exchange)
{
	return exchange->exporter;
}

const struct http_route *http_exchange_route(const struct http_exchange *exchange)
{
	return exchange->route;
}

/* ---- loops ---- */

/* The accept error callback is handed evhttp's pointer, not ours; it runs on the loop's own thread.
 */
static _Thread_local struct http_loop *current_loop;

static void on_reopen(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	struct http_loop *loop = arg;
	(void)evconnlistener_enable(loop->listener);
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

/* Out of descriptors or memory: accepting pauses instead of spinning; what is connected goes on. */
static void on_accept_error(struct evconnlistener *listener, void *arg)
{
	(void)arg;
	struct http_loop *loop = current_loop;
	struct timeval pause = {.tv_usec = 100000};
	log_accept_error(loop, errno);
	(void)evconnlistener_disable(listener);
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

static bool loop_init(struct http_server *server, struct http_loop *loop, struct err *err)
{
	loop->server = server;
	loop->mail_last = &loop->mail_first;
	loop->mail_fd = -1;
	int fd = -1;
	(void)pthread_mutex_init(&loop->mail_lock, NULL);
	if (!listen_socket(server, &fd, err))
		return false;
	loop->base = event_base_new();
	loop->http = loop->base ? evhttp_new(loop->base) : NULL;
	loop->listener = loop->base ? evconnlistener_new(loop->base, NULL, NULL,
					      LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd)
				    : NULL;
	if (!loop->listener)
		(void)close(fd);
	loop->mail_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	loop->mail_event =
		loop->base && loop->mail_fd >= 0
			? event_new(loop->base, loop->mail_fd, EV_READ | EV_PERSIST, on_mail, loop)
			: NULL;
	loop->reopen = loop->base ? evtimer_new(loop->base, on_reopen, loop) : NULL;
	if (!loop->http || !loop->listener || !loop->mail_event || !loop->reopen ||
		event_add(loop->mail_event, NULL) != 0)
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
	struct evconnlistener *listener = loop->listener;
	if (!evhttp_bind_listener(loop->http, listener))
		return err_set(err, ERR_NOMEM, "event loop");
	evconnlistener_set_error_cb(listener, on_accept_error);
	return true;
}

static void loop_release(struct http_loop *loop)
{
	struct http_exchange *at = loop->mail_first;
	while (at) {
		struct http_exchange *next = at->mail_next;
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
}

bool http_server_new(const struct http_config *config, struct http_server **ret, struct err *err)
{
	struct http_server *server = calloc(1, sizeof(*server));
	if (!server)
		return err_set(err, ERR_NOMEM, "HTTP server");
	server->config = *config;
	config_defaults(&server->config);
	server->port = config->port;
	(void)pthread_mutex_init(&server->peers.lock, NULL);
	for (size_t i = 0; i < config->route_count; i++)
		if (config->routes[i].body_max > server->body_max)
			server->body_max = config->routes[i].body_max;
	server->loops = calloc(server->config.threads, sizeof(*server->loops));
	bool ok = server->loops != NULL;
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
	current_loop = loop;
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

void http_server_stop(struct http_server *server)
{
	if (!server->loops)
		return; /* half made: there was no memory for them */
	for (unsigned i = 0; i < server->loop_count; i++) {
		struct http_loop *loop = &server->loops[i];
		(void)pthread_mutex_lock(&loop->mail_lock);
		loop->stop = true;
		(void)pthread_mutex_unlock(&loop->mail_lock);
		(void)eventfd_write(loop->mail_fd, 1);
	}
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
	free((*server)->loops);
	free(*server);
	*server = NULL;
}
