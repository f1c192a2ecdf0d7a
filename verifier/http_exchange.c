/* SPDX-License-Identifier: Apache-2.0 */
/* An exchange: what a handler may know of a request, and its answer's way back to the loop that the connection is of. */
#include "verifier/http_private.h"

#include <sys/eventfd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>

#include "base/json.h"
#include "base/time.h"

#define ANSWER_JOIN_MAX    (16u << 10) /* a TLS record */
#define RETRY_AFTER_MIN    1u
#define RETRY_AFTER_SPREAD 4u

/* ---- what a handler sees ---- */

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

/* ---- its end ---- */

void http_exchange_free(struct http_exchange *exchange)
{
	evhttp_clear_headers(&exchange->query);
	if (exchange->body_buffer)
		evbuffer_free(exchange->body_buffer);
	cert_unref(&exchange->cert);
	buf_release(&exchange->reply);
	http_shared_unref(&exchange->shared);
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
static void answer_write(struct http_exchange *exchange, int status, const char *content_type,
	struct bytes body, struct http_shared *shared)
{
	const struct http_config *config = &exchange->loop->server->config;
	struct evhttp_request *request = exchange->request;
	struct http_conn *conn = exchange->conn;
	evhttp_connection_set_closecb(exchange->connection, NULL, NULL);
	struct evbuffer *content = evhttp_request_get_output_buffer(request);
	/* Without memory for it the answer is empty, and says so. */
	if ((shared && !http_shared_put(shared, content)) ||
		evbuffer_add(content, body.data, body.len) != 0)
		status = 503;
	headers_add(exchange, evhttp_request_get_output_headers(request), status, content_type);
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
		BYTES_LIT("{\"error\":{\"code\":\"late\",\"message\":\"no answer within the time "
			  "there "
			  "is for it\",\"hint\":\"what was asked may have happened: ask again\"}}"),
		NULL);
	exchange->request = NULL;
	exchange->connection = NULL;
	exchange->conn = NULL;
}

/* On the loop's own thread: what was answered goes out, if there is still somebody there. */
static void exchange_send(struct http_exchange *exchange)
{
	if (!exchange->request) {
		http_exchange_free(exchange);
		return;
	}
	answer_write(exchange, exchange->status, exchange->content_type,
		buf_bytes(&exchange->reply), exchange->shared);
	http_exchange_free(exchange);
}

void http_on_gone(struct evhttp_connection *connection, void *arg)
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

void http_on_mail(evutil_socket_t fd, short what, void *arg)
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

static void reply_send(struct http_exchange *exchange, int status, const char *content_type)
{
	exchange->status = status;
	(void)snprintf(exchange->content_type, sizeof(exchange->content_type), "%s", content_type);
	if (pthread_equal(pthread_self(), exchange->loop->thread))
		exchange_send(exchange);
	else
		mail_post(exchange);
}

void http_reply(
	struct http_exchange *exchange, int status, const char *content_type, struct bytes body)
{
	buf_clear(&exchange->reply);
	buf_put(&exchange->reply, body);
	if (exchange->reply.failed) {
		buf_release(&exchange->reply);
		status = 503;
	}
	reply_send(exchange, status, content_type);
}

void http_reply_shared(struct http_exchange *exchange, int status, const char *content_type,
	struct http_shared *shared)
{
	exchange->shared = shared;
	reply_send(exchange, status, content_type);
}

void http_reply_error(struct http_exchange *exchange, int status, const char *code,
	const char *message, const char *hint)
{
	static const char nothing[] =
		"{\"error\":{\"code\":\"internal\",\"message\":\"no memory\"}}";
	struct buf text = {0};
	json_t *error = json_pack(
		"{s:{s:s,s:s,s:s*}}", "error", "code", code, "message", message, "hint", hint);
	bool ok = error && json_write(error, false, &text, NULL);
	json_decref(error);
	http_reply(exchange, ok ? status : 503, "application/json",
		ok ? buf_bytes(&text) : bytes_str(nothing));
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
