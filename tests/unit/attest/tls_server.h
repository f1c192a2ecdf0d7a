/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small HTTPS server in a thread, for tests of the client: TLS 1.3, one connection after the other, chunked or counted
 * bodies, and the exporter of each connection as the server sees it. What it answers is the test's.
 */
#ifndef ASSAY_TESTS_UNIT_ATTEST_TLS_SERVER_H
#define ASSAY_TESTS_UNIT_ATTEST_TLS_SERVER_H

#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "crypto/x509.h"
#include "evidence/names.h"
#include "tests/support/unit.h"

#define TLS_SERVER_BODY_MAX (1u << 20)

struct tls_request {
	char path[128], media_type[128];
	struct buf body;
	uint8_t exporter[TLS_EXPORTER_LEN];
	unsigned connection; /* counted from 1 */
	bool with_certificate;
	uint8_t key_id[SHA256_LEN]; /* of the client certificate's key */
};
struct tls_server;
/* Answers a request: status and body. 0: the connection is closed without a word. */
typedef int (*tls_answer)(
	struct tls_server *server, const struct tls_request *request, struct buf *body);

struct tls_server {
	pthread_t thread;
	bool running;
	int listener;
	char url[64];
	SSL_CTX *context;
	struct key *ca_key, *key;
	struct cert *ca, *cert;
	const char *ca_name; /* NULL: "test CA" */
	struct buf ca_pem;
	tls_answer answer;
	void *state; /* the answer's own */
	atomic_uint connections, requests, resumed;
	atomic_bool stop;
	bool close_each; /* the connection ends after each answer, without saying so beforehand */
	int drop; /* number of the request to close upon without an answer */
	size_t cut; /* the connection ends after so many bytes of an answer; 0: it is sent whole */
	bool torn; /* it ends without a word of TLS */
	const char *retry_after; /* a header of each answer; NULL: none */
	bool uncounted; /* no Content-Length: the end of the connection is the end of the answer */
	unsigned patience_ms; /* how long an idle connection is kept; 0: 200 */
};

static inline bool tls_read_byte(SSL *ssl, char *out)
{
	return SSL_read(ssl, out, 1) == 1;
}

static inline bool tls_read_line(SSL *ssl, char *out, size_t size)
{
	size_t n = 0;
	char c = 0;

	while (n + 1 < size && tls_read_byte(ssl, &c) && c != '\n')
		out[n++] = c;
	while (n > 0 && out[n - 1] == '\r')
		n--;
	out[n] = '\0';
	return c == '\n';
}

static inline bool tls_read_exactly(SSL *ssl, struct buf *body, size_t n)
{
	uint8_t *out = n <= TLS_SERVER_BODY_MAX ? buf_extend(body, n) : NULL;

	for (size_t at = 0; out && at < n;) {
		int got = SSL_read(ssl, out + at, (int)(n - at));
		if (got <= 0)
			return false;
		at += (size_t)got;
	}
	return out || n == 0;
}

static inline bool tls_read_chunks(SSL *ssl, struct buf *body)
{
	char line[64];
	size_t n;

	do {
		if (!tls_read_line(ssl, line, sizeof(line)))
			return false;
		n = (size_t)strtoul(line, NULL, 16);
		if (!tls_read_exactly(ssl, body, n) || !tls_read_line(ssl, line, sizeof(line)))
			return false;
	} while (n > 0);
	return true;
}

static inline bool tls_read_request(SSL *ssl, struct tls_request *request)
{
	char line[512], method[8] = "";
	size_t length = 0;
	bool chunked = false;

	if (!tls_read_line(ssl, line, sizeof(line)) ||
		sscanf(line, "%7s %127s", method, request->path) != 2)
		return false;
	while (tls_read_line(ssl, line, sizeof(line)) && line[0]) {
		if (strncasecmp(line, "content-length:", 15) == 0)
			length = (size_t)strtoul(line + 15, NULL, 10);
		chunked = chunked || strcasecmp(line, "transfer-encoding: chunked") == 0;
		if (strncasecmp(line, "content-type: ", 14) == 0)
			snprintf(request->media_type, sizeof(request->media_type), "%.127s",
				line + 14);
	}
	return chunked ? tls_read_chunks(ssl, &request->body)
		       : tls_read_exactly(ssl, &request->body, length);
}

static inline void tls_note_client(SSL *ssl, struct tls_request *request)
{
	X509 *peer = SSL_get0_peer_certificate(ssl);
	unsigned char *der = NULL;
	struct cert *cert = NULL;
	struct key *key = NULL;
	int len = peer ? i2d_X509(peer, &der) : 0;

	request->with_certificate = len > 0 &&
				    cert_from_der(bytes_of(der, (size_t)len), false, &cert, NULL) &&
				    cert_key(cert, &key, NULL);
	if (request->with_certificate)
		memcpy(request->key_id, key_id(key), SHA256_LEN);
	cert_unref(&cert);
	key_unref(&key);
	OPENSSL_free(der);
}

static inline bool tls_serve_request(struct tls_server *server, SSL *ssl, unsigned connection)
{
	struct tls_request request = {.connection = connection};
	struct buf body = {0}, answer = {0};
	bool goes_on = false;
	int status = 0;

	SSL_export_keying_material(ssl, request.exporter, sizeof(request.exporter),
		TLS_EXPORTER_LABEL, strlen(TLS_EXPORTER_LABEL), NULL, 0, 0);
	if (tls_read_request(ssl, &request)) {
		int number = (int)atomic_fetch_add(&server->requests, 1) + 1;
		tls_note_client(ssl, &request);
		status = number == server->drop ? 0 : server->answer(server, &request, &body);
	}
	if (status != 0) {
		buf_printf(&answer, "HTTP/1.1 %d X\r\n", status);
		if (server->retry_after)
			buf_printf(&answer, "Retry-After: %s\r\n", server->retry_after);
		if (!server->uncounted)
			buf_printf(&answer, "Content-Length: %zu\r\n", body.len);
		buf_put_str(&answer, "\r\n");
		buf_put(&answer, buf_bytes(&body));
		bool cut = server->cut > 0 && server->cut < answer.len;
		size_t n = cut ? server->cut : answer.len;
		goes_on = SSL_write(ssl, answer.data, (int)n) > 0 && !server->close_each && !cut &&
			  !server->uncounted;
	}
	buf_release(&request.body);
	buf_release(&body);
	buf_release(&answer);
	return goes_on;
}

static inline void *tls_server_run(void *context)
{
	struct tls_server *server = context;

	while (!atomic_load(&server->stop)) {
		unsigned patience = server->patience_ms ? server->patience_ms : 200;
		struct timeval limit = {
			.tv_sec = patience / 1000, .tv_usec = patience % 1000 * 1000};
		int fd = accept(server->listener, NULL, NULL);
		SSL *ssl;
		if (fd < 0)
			continue;
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
		ssl = SSL_new(server->context);
		SSL_set_fd(ssl, fd);
		unsigned number = atomic_fetch_add(&server->connections, 1) + 1;
		if (SSL_accept(ssl) == 1) {
			server->resumed += SSL_session_reused(ssl) == 1;
			while (!atomic_load(&server->stop) &&
				tls_serve_request(server, ssl, number))
				continue;
			if (!server->torn)
				SSL_shutdown(ssl);
		}
		SSL_free(ssl);
		close(fd);
	}
	return NULL;
}

static inline int tls_accept_any(int ok, X509_STORE_CTX *store)
{
	(void)ok;
	(void)store;
	return 1;
}

/* A CA and a server certificate for 127.0.0.1 made by it. */
static inline bool tls_server_certify(
	struct tls_server *server, const char *const *dns, int64_t not_after, struct err *err)
{
	int64_t now = (int64_t)time(NULL);
	struct cert_request request = {.common_name = server->ca_name ? server->ca_name : "test CA",
		.not_before = now - 86400,
		.not_after = now + 86400,
		.ca = true};
	bool ok = (server->ca_key || key_generate(KEY_EC_P256, &server->ca_key, err)) &&
		  (server->key || key_generate(KEY_EC_P256, &server->key, err));

	request.subject = server->ca_key;
	ok = ok && (server->ca || cert_issue(&request, NULL, server->ca_key, &server->ca, err));
	request.common_name = "verifier";
	request.subject = server->key;
	request.ca = false;
	request.server_auth = true;
	request.dns = dns;
	request.not_after = not_after;
	cert_unref(&server->cert);
	buf_release(&server->ca_pem);
	return ok && cert_issue(&request, server->ca, server->ca_key, &server->cert, err) &&
	       cert_pem(server->ca, &server->ca_pem, err);
}

static inline void tls_server_stop(struct tls_server *server)
{
	if (server->running) {
		atomic_store(&server->stop, true);
		shutdown(server->listener, SHUT_RDWR);
		pthread_join(server->thread, NULL);
		close(server->listener);
	}
	SSL_CTX_free(server->context);
	key_unref(&server->ca_key);
	key_unref(&server->key);
	cert_unref(&server->ca);
	cert_unref(&server->cert);
	buf_release(&server->ca_pem);
	memset(server, 0, sizeof(*server));
}

static inline bool tls_server_listen(struct tls_server *server)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(address);

	server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (server->listener < 0 ||
		bind(server->listener, (struct sockaddr *)&address, sizeof(address)) != 0 ||
		listen(server->listener, 16) != 0 ||
		getsockname(server->listener, (struct sockaddr *)&address, &len) != 0)
		return false;
	snprintf(server->url, sizeof(server->url), "https://127.0.0.1:%u", ntohs(address.sin_port));
	return true;
}

/* Starts with what is filled in already: answer, state, drop, close_each, certificates. */
static inline bool tls_server_start(struct tls_server *server, struct err *err)
{
	static const char *const local[] = {"127.0.0.1", NULL};

	signal(SIGPIPE, SIG_IGN);
	if (!server->cert && !tls_server_certify(server, local, (int64_t)time(NULL) + 86400, err))
		return false;
	server->context = SSL_CTX_new(TLS_server_method());
	SSL_CTX_set_min_proto_version(server->context, TLS1_3_VERSION);
	SSL_CTX_set_verify(server->context, SSL_VERIFY_PEER, tls_accept_any);
	SSL_CTX_set_session_id_context(server->context, (const uint8_t *)"t", 1);
	if (SSL_CTX_use_certificate(server->context, cert_x509(server->cert)) != 1 ||
		SSL_CTX_use_PrivateKey(server->context, key_evp(server->key)) != 1 ||
		!tls_server_listen(server))
		return err_set(err, ERR_INTERNAL, "test server");
	server->running = pthread_create(&server->thread, NULL, tls_server_run, server) == 0;
	return server->running;
}

#endif
