/* SPDX-License-Identifier: Apache-2.0 */
/* From an exchange to a handler on a worker, and back: errors become statuses here and nowhere
 * else. */
#include "verifier/app.h"

#include "base/text.h"

#include <stdlib.h>

#define JSON_BODY_MAX 16384u
#define REASON_MAX    256u

/* What of an error leaves the service: its status, its code, and whether its text may. */
static const struct {
	int status;
	const char *code;
	const char *text; /* instead of the error's own, which then is only logged */
} answers[ERR_CODES] = {
	[ERR_NONE] = {500, "internal", "the service has a fault"},
	[ERR_USAGE] = {400, "malformed", NULL},
	[ERR_IO] = {500, "internal", "the service has a fault"},
	[ERR_FORMAT] = {400, "malformed", NULL},
	[ERR_LIMIT] = {400, "limit", NULL},
	[ERR_CRYPTO] = {500, "internal", "the service has a fault"},
	[ERR_MISMATCH] = {403, "refused", NULL},
	[ERR_TPM] = {500, "internal", "the service has a fault"},
	[ERR_NET] = {500, "internal", "the service has a fault"},
	[ERR_STORE] = {503, "unavailable", "the store does not answer; nothing was decided"},
	[ERR_CONFIG] = {500, "internal", "the service's configuration has a fault"},
	[ERR_DENIED] = {403, "refused", NULL},
	[ERR_NOT_FOUND] = {404, "not-found", NULL},
	[ERR_GONE] = {410, "gone", NULL},
	[ERR_CONFLICT] = {409, "conflict", NULL},
	[ERR_BUSY] = {429, "busy", NULL},
	[ERR_NOMEM] = {503, "unavailable", "the service is out of memory; nothing was decided"},
	[ERR_UNSUPPORTED] = {400, "unsupported", NULL},
	[ERR_INTERNAL] = {500, "internal", "the service has a fault"},
};

static void call_free(struct call *call)
{
	buf_release(&call->reply);
	http_shared_unref(&call->shared);
	free(call);
}

void call_answer(struct call *call)
{
	if (call->shared)
		http_reply_shared(call->exchange, call->status, call->type, TAKE(call->shared));
	else
		http_reply(call->exchange, call->status, call->type, buf_bytes(&call->reply));
	call_free(call);
}

void call_refuse(struct call *call, const struct err *err)
{
	enum err_code code = (size_t)err->code < ARRAY_LEN(answers) ? err->code : ERR_INTERNAL;
	const char *text = answers[code].text;
	if (text)
		log_event(&call->app->log, LOG_LEVEL_ERROR, "request-failed",
			{"request", bytes_str(http_request_id(call->exchange))},
			{"route", bytes_str(call->route->pattern)},
			{"code", bytes_str(err_code_name(err->code))},
			{"error", bytes_str(err->text)});
	http_reply_error(call->exchange, answers[code].status,
		call->code ? call->code : answers[code].code, text ? text : err->text, call->hint);
	call_free(call);
}

static void call_run(struct work *work)
{
	struct call *call = (struct call *)work;
	const struct route *route = call->route;
	struct err err = {0};
	metric_observe(call->app->metrics, METRIC_QUEUE_TIME, 0, work->waited_us);
	/* Asked again here: a certificate may have been revoked while the request was read or
	 * queued. */
	int status =
		auth_check(call->app, http_peer_cert(call->exchange), route->roles, &call->who);
	if (status != 0) {
		http_reply_refused(call->exchange, status);
		call_free(call);
		return;
	}
	if (!route->serve(call, &err))
		call_refuse(call, &err);
	else if (!route->later)
		call_answer(call); /* otherwise it may be gone by now */
}

/* It waited longer than anybody should, or had to give way to others. */
static void call_shed(struct work *work)
{
	struct call *call = (struct call *)work;
	metric_add(call->app->metrics, METRIC_SHED, METRIC_SHED_LOAD, 1);
	http_reply_error(call->exchange, 503, "overloaded", "the service is overloaded",
		"try again after the time in Retry-After");
	call_free(call);
}

static void call_turn_away(struct call *call, enum work_refusal why)
{
	static const enum metric_shed causes[] = {
		[WORK_OVERLOADED] = METRIC_SHED_LOAD,
		[WORK_SHARE_FULL] = METRIC_SHED_PEER,
		[WORK_CLOSING] = METRIC_SHED_CLOSING,
	};
	metric_add(call->app->metrics, METRIC_SHED, causes[why], 1);
	if (why == WORK_SHARE_FULL)
		http_reply_error(call->exchange, 429, "busy",
			"as many requests of yours wait as may", "wait for their answers");
	else
		http_reply_error(call->exchange, 503,
			why == WORK_CLOSING ? "closing" : "overloaded",
			why == WORK_CLOSING ? "the service is being stopped"
					    : "the service is overloaded",
			"try again after the time in Retry-After");
	call_free(call);
}

/* Operators have to reach a service that is in trouble. The certificate was just authorized. */
static bool is_operator(const struct app *app, const struct http_exchange *exchange)
{
	struct identity who = {0};
	char uri[X509_URI_MAX];
	const struct cert *cert = http_peer_cert(exchange);
	return cert && cert_uri(cert, uri, sizeof(uri)) &&
	       identity_parse(uri, app->config.trust_domain, &who, NULL) &&
	       who.kind == IDENTITY_OPERATOR;
}

void call_begin(struct http_exchange *exchange, void *arg)
{
	struct app *app = arg;
	struct call *call = calloc(1, sizeof(*call));
	if (!call) {
		http_reply_error(exchange, 503, "busy", "the service is busy", "try again later");
		return;
	}
	call->work.run = call_run;
	call->work.shed = call_shed;
	call->work.peer = http_peer_number(exchange);
	call->app = app;
	call->exchange = exchange;
	call->route = &app_routes[http_exchange_route(exchange) - app->routes];
	call->status = 500;
	call->type = "application/json";
	if (call->route->at_once) {
		call_run(&call->work);
		return;
	}
	call->work.reserved = call->route->roles != 0 && is_operator(app, exchange);
	enum work_refusal why = workers_submit(app->workers, &call->work);
	if (why != WORK_TAKEN)
		call_turn_away(call, why);
}

bool call_json(struct call *call, int status, json_t *value, struct err *err)
{
	OWNED(json_release) json_t *owned = value;
	if (!owned)
		return err_set(err, ERR_NOMEM, "answer");
	buf_clear(&call->reply);
	if (!json_write(owned, false, &call->reply, err))
		return false;
	buf_put_str(&call->reply, "\n");
	call->status = status;
	call->type = "application/json";
	return buf_ok(&call->reply, err);
}

bool call_bytes(struct call *call, int status, const char *type, struct bytes body, struct err *err)
{
	buf_clear(&call->reply);
	buf_put(&call->reply, body);
	call->status = status;
	call->type = type;
	return buf_ok(&call->reply, err);
}

bool call_body_json(struct call *call, json_t **ret, struct err *err)
{
	OWNED(json_release) json_t *root = NULL;
	if (!json_open(http_body(call->exchange), JSON_BODY_MAX, &root, err))
		return err_wrap(err, "body");
	if (!json_is_object(root))
		return err_set(err, ERR_FORMAT, "body: expected a JSON object");
	*ret = TAKE(root);
	return true;
}

bool call_param_digest(struct call *call, size_t i, uint8_t out[SHA256_LEN], struct err *err)
{
	const char *text = http_path_param(call->exchange, i);
	if (!hex_decode_exact(bytes_str(text), out, SHA256_LEN, NULL))
		return err_set(err, ERR_NOT_FOUND, "%s is no id: expected 64 lower-case hex digits",
			ESC(bytes_str(text)));
	return true;
}

bool call_reason(struct call *call, struct buf *ret, struct err *err)
{
	static const char *const keys[] = {"reason", NULL};
	OWNED(json_release) json_t *root = NULL;
	if (!call_body_json(call, &root, err))
		return false;
	struct json_fields f = json_fields_of("body");
	json_only_keys(&f, root, keys);
	const char *reason = json_need_str(&f, root, "reason", REASON_MAX);
	if (!json_fields_ok(&f, err))
		return false;
	if (!reason[0])
		return err_set(err, ERR_FORMAT, "body: reason: say why");
	buf_put_str(ret, reason);
	return buf_str(ret) ? true : err_set(err, ERR_NOMEM, "reason");
}

bool call_read(struct call *call, struct sql **ret, struct err *err)
{
	return store_read(call->app->store, ret, err);
}

void call_log(struct call *call, const char *event, struct bytes subject, struct bytes reason)
{
	log_event(&call->app->log, LOG_LEVEL_INFO, event,
		{"request", bytes_str(http_request_id(call->exchange))}, {"subject", subject},
		{"by", bytes_str(call->who.uri)},
		{"from", bytes_str(http_peer_address(call->exchange))}, {"reason", reason});
}

const char *time_json(int64_t seconds, char out[TIME_TEXT_MAX])
{
	if (seconds <= 0) {
		out[0] = 0;
		return out;
	}
	return time_format(seconds, out);
}
