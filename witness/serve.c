/* SPDX-License-Identifier: Apache-2.0 */
#include "witness/serve.h"

#include "verifier/http.h"

#include <openssl/ssl.h>
#include <stdlib.h>

struct witness_server {
	SSL_CTX *tls;
	struct http_server *http;
};

static void answer(struct http_exchange *exchange, struct witness_reply *reply)
{
	http_reply(exchange, reply->status, reply->type, buf_bytes(&reply->body));
	witness_reply_release(reply);
}

static void serve_add(struct http_exchange *exchange, void *arg)
{
	struct witness_reply reply = {0};

	witness_add(arg, http_body(exchange), &reply);
	answer(exchange, &reply);
}

static void serve_latest(struct http_exchange *exchange, void *arg)
{
	struct witness_reply reply = {0};

	witness_latest(arg, http_path_param(exchange, 0), &reply);
	answer(exchange, &reply);
}

static const struct http_route routes[] = {
	{.method = HTTP_POST,
		.pattern = "/add-checkpoint",
		.body_max = WITNESS_BODY_MAX,
		.handle = serve_add},
	{.method = HTTP_GET, .pattern = "/{log}/checkpoint", .handle = serve_latest},
};

bool witness_serve(const struct witness_serve_config *config, struct witness *witness,
	struct witness_server **ret, struct err *err)
{
	OWNED(witness_server_stop) struct witness_server *server = calloc(1, sizeof(*server));
	struct http_config http = {
		.address = config->address,
		.port = config->port,
		.threads = 1,
		.routes = routes,
		.route_count = ARRAY_LEN(routes),
		.app = witness,
		.log = config->log,
	};

	if (!server)
		return err_set(err, ERR_NOMEM, "witness");
	if (!http_tls_context(config->chain_pem, config->key, NULL, 0, &server->tls, err))
		return false;
	http.tls = server->tls;
	if (!http_server_new(&http, &server->http, err) || !http_server_start(server->http, err))
		return false;
	*ret = TAKE(server);
	return true;
}

uint16_t witness_server_port(const struct witness_server *server)
{
	return http_server_port(server->http);
}

void witness_server_stop(struct witness_server **server)
{
	struct witness_server *self = *server;

	*server = NULL;
	if (!self)
		return;
	if (self->http)
		http_server_stop(self->http);
	http_server_free(&self->http);
	SSL_CTX_free(self->tls);
	free(self);
}
