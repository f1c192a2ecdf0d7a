/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTPS front under test, with a CA, clients and a few routes of its own. */
#ifndef ASSAY_TESTS_UNIT_VERIFIER_FRONT_H
#define ASSAY_TESTS_UNIT_VERIFIER_FRONT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/ssl.h>

#include "base/time.h"
#include "verifier/http.h"

#define PEER_MAX 8

struct pki {
	struct key *ca_key, *server_key, *client_key, *other_key;
	struct cert *ca, *server, *client, *expired, *other_ca, *stranger;
};
static struct pki pki;
static SSL_CTX *server_tls;
static struct http_server *server;
static uint8_t server_exporter[TLS_EXPORTER_LEN];
static _Atomic uint64_t server_number; /* of the peer that was answered last */

static struct cert *issue(struct key *subject, struct cert *issuer, struct key *issuer_key, bool ca,
	int64_t not_after)
{
	struct cert *cert = NULL;
	struct err err = {0};
	const char *const dns[] = {"localhost", NULL};
	struct cert_request request = {
		.common_name = ca ? "test CA" : "test",
		.uri = ca ? NULL : "spiffe://test/host/1",
		.dns = ca ? NULL : dns,
		.subject = subject,
		.not_before = clock_wall(&clock_system) - 7200,
		.not_after = not_after,
		.ca = ca,
		.server_auth = !ca,
		.client_auth = !ca,
	};
	if (!cert_issue(&request, issuer, issuer_key, &cert, &err))
		fail_msg("%s", err.text);
	return cert;
}

static void pki_make(void)
{
	int64_t later = clock_wall(&clock_system) + 3600, past = clock_wall(&clock_system) - 3600;
	struct key **keys[] = {&pki.ca_key, &pki.server_key, &pki.client_key, &pki.other_key};
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		assert_true(key_generate(KEY_EC_P256, keys[i], NULL));
	pki.ca = issue(pki.ca_key, NULL, pki.ca_key, true, later);
	pki.server = issue(pki.server_key, pki.ca, pki.ca_key, false, later);
	pki.client = issue(pki.client_key, pki.ca, pki.ca_key, false, later);
	pki.expired = issue(pki.client_key, pki.ca, pki.ca_key, false, past);
	pki.other_ca = issue(pki.other_key, NULL, pki.other_key, true, later);
	pki.stranger = issue(pki.client_key, pki.other_ca, pki.other_key, false, later);
}

static void handle_hello(struct http_exchange *exchange, void *app)
{
	(void)app;
	memcpy(server_exporter, http_exporter(exchange), sizeof(server_exporter));
	server_number = http_peer_number(exchange);
	http_reply(exchange, 200, "text/plain", BYTES_LIT("hello"));
}

static void handle_echo(struct http_exchange *exchange, void *app)
{
	(void)app;
	http_reply(exchange, 200, "text/plain", http_body(exchange));
}

static void *reply_later(void *arg)
{
	(void)usleep(100000);
	http_reply(arg, 200, "text/plain", BYTES_LIT("late"));
	return NULL;
}

static void handle_later(struct http_exchange *exchange, void *app)
{
	(void)app;
	pthread_t thread;
	if (pthread_create(&thread, NULL, reply_later, exchange) == 0)
		(void)pthread_detach(thread);
}

static void *reply_slowly(void *arg)
{
	(void)usleep(600000);
	http_reply(arg, 200, "text/plain", BYTES_LIT("much too late"));
	return NULL;
}

static void handle_slow(struct http_exchange *exchange, void *app)
{
	(void)app;
	pthread_t thread;
	if (pthread_create(&thread, NULL, reply_slowly, exchange) == 0)
		(void)pthread_detach(thread);
}

static struct http_shared *front_shared; /* what /shared answers */
static void handle_shared(struct http_exchange *exchange, void *app)
{
	(void)app;
	http_reply_shared(exchange, 200, "text/plain", http_shared_ref(front_shared));
}

enum { NOBODY = 2, NOBODY_KNOWS = 4 }; /* roles */
static int authorize(
	const struct http_exchange *exchange, const struct http_route *route, void *app)
{
	(void)app;
	if (route->roles == NOBODY)
		return 403;
	if (route->roles == NOBODY_KNOWS)
		return 503;
	return !route->roles || http_peer_cert(exchange) ? 0 : 401;
}

static const struct http_route routes[] = {
	{HTTP_GET, "/hello", 0, 0, NULL, handle_hello},
	{HTTP_POST, "/echo", 0, 1000, "text/plain", handle_echo},
	{HTTP_GET, "/later", 0, 0, NULL, handle_later},
	{HTTP_GET, "/slow", 0, 0, NULL, handle_slow},
	{HTTP_GET, "/closed", 1, 0, NULL, handle_hello},
	{HTTP_GET, "/shared", 0, 0, NULL, handle_shared},
	{HTTP_GET, "/nobody", NOBODY, 0, NULL, handle_hello},
	{HTTP_GET, "/unknown", NOBODY_KNOWS, 0, NULL, handle_hello},
	{HTTP_POST, "/big", 1, 1u << 20, "text/plain", handle_echo},
};

/* A context of the server's certificate, whose clients are these CAs'. */
static SSL_CTX *tls_for(struct cert *const *ca, size_t count)
{
	struct err err = {0};
	struct buf chain = {0};
	SSL_CTX *tls = NULL;
	assert_true(cert_pem(pki.server, &chain, &err));
	if (!http_tls_context(buf_bytes(&chain), pki.server_key, ca, count, &tls, &err))
		fail_msg("%s", err.text);
	buf_release(&chain);
	return tls;
}

/* What a test counts and changes. */
static struct {
	atomic_uint events[HTTP_EVENTS];
	atomic_int last_status;
	unsigned work_ms, connections_max;
} front;

static void front_observe(void *app, enum http_event event, uint64_t value)
{
	(void)app;
	(void)value;
	atomic_fetch_add(&front.events[event], 1);
}

static void front_answered(const struct http_exchange *exchange, int status, uint64_t us, void *app)
{
	(void)exchange;
	(void)us;
	(void)app;
	atomic_store(&front.last_status, status);
}

static int setup(void **state)
{
	(void)state;
	struct err err = {0};
	pki_make();
	server_tls = tls_for(&pki.ca, 1);
	struct http_config config = {
		.address = "127.0.0.1",
		.threads = 2,
		.tls = server_tls,
		.routes = routes,
		.route_count = ARRAY_LEN(routes),
		.authorize = authorize,
		.connections_max = front.connections_max,
		.connections_per_peer = PEER_MAX,
		.handshake_ms = 2000,
		.request_ms = 2500,
		.idle_ms = 6000,
		.work_ms = front.work_ms,
		.observe = front_observe,
		.answered = front_answered,
	};
	if (!http_server_new(&config, &server, &err) || !http_server_start(server, &err))
		fail_msg("%s", err.text);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	http_server_free(&server);
	SSL_CTX_free(server_tls);
	struct cert **certs[] = {
		&pki.ca, &pki.server, &pki.client, &pki.expired, &pki.other_ca, &pki.stranger};
	for (size_t i = 0; i < ARRAY_LEN(certs); i++)
		cert_unref(certs[i]);
	struct key **keys[] = {&pki.ca_key, &pki.server_key, &pki.client_key, &pki.other_key};
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		key_unref(keys[i]);
	return 0;
}

static int tcp_connect(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_port = htons(http_server_port(server))};
	struct timeval limit = {.tv_sec = 10};
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)), 0);
	assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

struct client {
	SSL_CTX *tls;
	SSL *ssl;
	int fd;
};

static bool client_open(struct client *client, struct cert *cert)
{
	client->fd = tcp_connect();
	client->tls = SSL_CTX_new(TLS_client_method());
	(void)X509_STORE_add_cert(SSL_CTX_get_cert_store(client->tls), cert_x509(pki.ca));
	if (cert) {
		(void)SSL_CTX_use_certificate(client->tls, cert_x509(cert));
		(void)SSL_CTX_use_PrivateKey(client->tls, key_evp(pki.client_key));
	}
	client->ssl = SSL_new(client->tls);
	SSL_set_verify(client->ssl, SSL_VERIFY_PEER, NULL);
	(void)SSL_set_fd(client->ssl, client->fd);
	return SSL_connect(client->ssl) == 1;
}

static void client_close(struct client *client)
{
	SSL_free(client->ssl);
	SSL_CTX_free(client->tls);
	(void)close(client->fd);
}

/* Sends bytes, gives the status of the first answer and its body; 0 when the connection ended
 * without one. */
static int exchange(struct client *client, const char *text, size_t len, char *body, size_t size)
{
	char in[4096] = "";
	size_t at = 0;
	if (len && SSL_write(client->ssl, text, (int)len) <= 0)
		return 0;
	while (at + 1 < sizeof(in)) {
		int n = SSL_read(client->ssl, in + at, (int)(sizeof(in) - at - 1));
		if (n <= 0)
			break;
		at += (size_t)n;
		in[at] = '\0';
		const char *end = strstr(in, "\r\n\r\n"),
			   *length = strcasestr(in, "Content-Length:");
		if (end && length && at >= (size_t)(end - in) + 4 + strtoul(length + 15, NULL, 10))
			break;
	}
	const char *end = strstr(in, "\r\n\r\n");
	if (body)
		(void)snprintf(body, size, "%s", end ? end + 4 : "");
	return strncmp(in, "HTTP/1.1 ", 9) == 0 ? atoi(in + 9) : 0;
}

static inline int ask(struct cert *cert, const char *text)
{
	struct client client;
	int status =
		client_open(&client, cert) ? exchange(&client, text, strlen(text), NULL, 0) : 0;
	client_close(&client);
	return status;
}

#endif
