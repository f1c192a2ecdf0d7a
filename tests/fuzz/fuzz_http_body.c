/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One connection's bytes, from the request line to the end of the body, as anybody who reaches the port can send them: through
 * the real front (evhttp, our framing rules, routes, limits, content types) to what handlers do first with a body, which is to
 * read it as JSON or as a message. Over real TLS, so slow; what is decoded behind it has faster targets of its own.
 */
#include <assert.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/time.h"
#include "tests/unit/verifier/https.h"
#include "verifier/app.h"

#define BODY_MAX   4096u
#define ANSWER_MAX 65536u

static struct http_server *server;
static struct cert *ca;

static void answer(struct http_exchange *exchange, bool ok)
{
	assert(http_body(exchange).len <= http_exchange_route(exchange)->body_max);
	if (ok)
		http_reply(exchange, 200, "text/plain", BYTES_LIT("ok"));
	else
		http_reply_error(exchange, 400, "malformed", "no", NULL);
}

static void handle_json(struct http_exchange *exchange, void *app)
{
	struct call call = {.exchange = exchange};
	struct err err;
	OWNED(buf_release) struct buf reason = {0};
	(void)app;
	answer(exchange, call_reason(&call, &reason, &err));
}

static void handle_message(struct http_exchange *exchange, void *app)
{
	struct enroll_begin begin;
	struct challenge_request challenge;
	struct err err;
	struct bytes body = http_body(exchange);
	(void)app;
	answer(exchange, enroll_begin_decode(body, &begin, &err) ||
				 challenge_request_decode(body, &challenge, &err));
}

static void handle_get(struct http_exchange *exchange, void *app)
{
	struct call call = {.exchange = exchange};
	uint8_t id[SHA256_LEN];
	const char *limit = http_query(exchange, "limit");
	(void)app;
	answer(exchange, call_param_digest(&call, 0, id, NULL) &&
				 (!limit || strlen(limit) < HTTP_SEGMENT_MAX));
}

static const struct http_route routes[] = {
	{HTTP_POST, "/json", 0, BODY_MAX, "application/json", handle_json},
	{HTTP_POST, "/message", 0, BODY_MAX, MEDIA_MESSAGE, handle_message},
	{HTTP_GET, "/hosts/{id}", 0, 0, NULL, handle_get},
};

static void start(void)
{
	struct key *ca_key = NULL, *key = NULL;
	struct cert *cert = NULL;
	struct buf pem = {0};
	SSL_CTX *tls = NULL;
	struct err err = {0};
	int64_t now = clock_wall(&clock_system);
	struct cert_request request = {
		.common_name = "CA", .not_before = now - 60, .not_after = now + 86400, .ca = true};
	bool ok = key_generate(KEY_EC_P256, &ca_key, &err) && key_generate(KEY_EC_P256, &key, &err);
	request.subject = ca_key;
	ok = ok && cert_issue(&request, NULL, ca_key, &ca, &err);
	request.subject = key;
	request.ca = false;
	request.server_auth = true;
	ok = ok && cert_issue(&request, ca, ca_key, &cert, &err) && cert_pem(cert, &pem, &err) &&
	     http_tls_context(buf_bytes(&pem), key, &ca, 1, &tls, &err);
	struct http_config config = {.address = "127.0.0.1",
		.threads = 1,
		.tls = tls,
		.routes = routes,
		.route_count = ARRAY_LEN(routes)};
	if (!ok || !http_server_new(&config, &server, &err) || !http_server_start(server, &err)) {
		(void)fprintf(stderr, "%s\n", err.text);
		abort();
	}
	buf_release(&pem);
	cert_unref(&cert);
	key_unref(&key);
	key_unref(&ca_key);
}

static bool is_status(const char *text)
{
	static const char *const wanted[] = {
		"200", "400", "404", "405", "413", "415", "417", "501"};
	for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
		if (strncmp(text, wanted[i], 3) == 0)
			return true;
	return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char in[ANSWER_MAX];
	struct https c;
	size_t len = 0;
	if (!server) {
		(void)signal(SIGPIPE, SIG_IGN);
		start();
	}
	assert(https_open(&c, http_server_port(server), ca, NULL, NULL));
	if (size > 0)
		(void)SSL_write(c.ssl, data, (int)size);
	(void)SSL_shutdown(c.ssl);
	(void)shutdown(c.fd, SHUT_WR);
	for (int n = 1; n > 0 && len + 1 < sizeof(in); len += n > 0 ? (size_t)n : 0)
		n = SSL_read(c.ssl, in + len, (int)(sizeof(in) - len - 1));
	in[len] = '\0';
	https_close(&c);
	/* The version is the one that was asked for, whatever that is. */
	assert(len == 0 || (len > 12 && strncmp(in, "HTTP/", 5) == 0 && is_status(in + 9)));
	return 0;
}
