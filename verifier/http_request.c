/* SPDX-License-Identifier: Apache-2.0 */
/* From a request to its handler. */
#include "verifier/http_private.h"

#include <event2/buffer.h>
#include <event2/http_struct.h>
#include <openssl/ssl.h>

#include "base/time.h"

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

void http_on_request(struct evhttp_request *request, void *arg)
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
	evhttp_connection_set_closecb(exchange->connection, http_on_gone, exchange);
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
