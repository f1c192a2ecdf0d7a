/* SPDX-License-Identifier: Apache-2.0 */
/* A small HTTPS client for tests: one connection, TLS 1.3, requests with Content-Length, blocking. */
#ifndef ASSAY_TESTS_UNIT_VERIFIER_HTTPS_H
#define ASSAY_TESTS_UNIT_VERIFIER_HTTPS_H

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "crypto/x509.h"
#include "evidence/names.h"

struct https {
	SSL_CTX *tls;
	SSL *ssl;
	int fd;
	uint8_t exporter[TLS_EXPORTER_LEN];
};
struct https_answer {
	int status; /* 0: no answer came */
	long retry_after; /* seconds; 0: not said */
	struct buf body;
};

static inline void https_close(struct https *c)
{
	if (c->ssl)
		SSL_free(c->ssl);
	SSL_CTX_free(c->tls);
	if (c->fd > 0)
		(void)close(c->fd);
	memset(c, 0, sizeof(*c));
}

/* cert and key may be NULL. False: the handshake was refused (with TLS 1.3 perhaps only at the first read). */
static inline bool https_open(struct https *c, uint16_t port, const struct cert *ca,
	const struct cert *cert, const struct key *key)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
	int on = 1;
	memset(c, 0, sizeof(*c));
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	c->tls = SSL_CTX_new(TLS_client_method());
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (!c->tls || c->fd < 0 || connect(c->fd, (struct sockaddr *)&to, sizeof(to)) != 0)
		return false;
	(void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	(void)X509_STORE_add_cert(SSL_CTX_get_cert_store(c->tls), cert_x509(ca));
	SSL_CTX_set_verify(c->tls, SSL_VERIFY_PEER, NULL);
	if (cert && (SSL_CTX_use_certificate(c->tls, cert_x509(cert)) != 1 ||
			    SSL_CTX_use_PrivateKey(c->tls, key_evp(key)) != 1))
		return false;
	c->ssl = SSL_new(c->tls);
	return c->ssl && SSL_set_fd(c->ssl, c->fd) == 1 && SSL_connect(c->ssl) == 1 &&
	       SSL_export_keying_material(c->ssl, c->exporter, sizeof(c->exporter),
		       TLS_EXPORTER_LABEL, strlen(TLS_EXPORTER_LABEL), NULL, 0, 0) == 1;
}

static inline bool https_send(
	struct https *c, const char *method, const char *path, const char *type, struct bytes body)
{
	struct buf out = {0};
	buf_printf(&out, "%s %s HTTP/1.1\r\nHost: localhost\r\n", method, path);
	if (type)
		buf_printf(&out, "Content-Type: %s\r\nContent-Length: %zu\r\n", type, body.len);
	buf_put_str(&out, "\r\n");
	buf_put(&out, body);
	bool ok = !out.failed && SSL_write(c->ssl, out.data, (int)out.len) == (int)out.len;
	buf_release(&out);
	return ok;
}

/* Reads one answer with a Content-Length. */
static inline void https_receive(struct https *c, struct https_answer *ret)
{
	struct buf in = {0};
	size_t head = 0, length = 0;
	char chunk[16384];
	memset(ret, 0, sizeof(*ret));
	while (head == 0 || in.len < head + length) {
		int n = SSL_read(c->ssl, chunk, sizeof(chunk));
		if (n <= 0)
			break;
		buf_put(&in, bytes_of(chunk, (size_t)n));
		const char *text = buf_str(&in), *end = strstr(text, "\r\n\r\n");
		const char *field = end ? strcasestr(text, "\r\ncontent-length:") : NULL;
		if (head == 0 && end) {
			head = (size_t)(end - text) + 4;
			length = field && field < end ? strtoul(field + 17, NULL, 10) : 0;
		}
	}
	if (head > 0 && in.len >= head + length && in.len > 12) {
		const char *after = strcasestr(buf_str(&in), "\r\nretry-after:");
		ret->status = atoi((const char *)in.data + 9);
		if (after && after < (const char *)in.data + head)
			ret->retry_after = strtol(after + 14, NULL, 10);
		buf_put(&ret->body, bytes_of(in.data + head, length));
	}
	buf_release(&in);
}

static inline struct https_answer https_request(
	struct https *c, const char *method, const char *path, const char *type, struct bytes body)
{
	struct https_answer answer = {0};
	if (https_send(c, method, path, type, body))
		https_receive(c, &answer);
	return answer;
}

#endif
