/* SPDX-License-Identifier: Apache-2.0 */
/* A resumed session proves a certificate that was verified earlier: what has become of it since is asked at each request. */
#include "tests/unit/verifier/world.h"

static struct world w;
static SSL_SESSION *ticket;

static int setup(void **state)
{
	(void)state;
	world_start(&w);
	world_enroll(&w);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	SSL_SESSION_free(ticket);
	ticket = NULL;
	world_stop(&w);
	return 0;
}

static int on_ticket(SSL *ssl, SSL_SESSION *session)
{
	(void)ssl;
	SSL_SESSION_free(ticket);
	ticket = session;
	return 1;
}

static int connect_here(void)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(w.port)};
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	return fd;
}

/* Asks who it is; with a certificate, or with the ticket alone. */
static int whoami(const struct cert *cert, const struct key *key, bool *ret_resumed)
{
	struct https c = {.tls = SSL_CTX_new(TLS_client_method()), .fd = connect_here()};
	(void)SSL_CTX_set_session_cache_mode(
		c.tls, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(c.tls, on_ticket);
	(void)X509_STORE_add_cert(SSL_CTX_get_cert_store(c.tls), cert_x509(w.ca));
	if (cert) {
		assert_int_equal(SSL_CTX_use_certificate(c.tls, cert_x509(cert)), 1);
		assert_int_equal(SSL_CTX_use_PrivateKey(c.tls, key_evp(key)), 1);
	}
	c.ssl = SSL_new(c.tls);
	if (!cert)
		assert_int_equal(SSL_set_session(c.ssl, ticket), 1);
	assert_int_equal(SSL_set_fd(c.ssl, c.fd), 1);
	assert_int_equal(SSL_connect(c.ssl), 1);
	*ret_resumed = SSL_session_reused(c.ssl) == 1;
	struct https_answer a = https_request(&c, "GET", "/v1/whoami", NULL, (struct bytes){0});
	int status = a.status;
	buf_release(&a.body);
	(void)SSL_shutdown(c.ssl);
	https_close(&c);
	return status;
}

static void S15__resumed_session_of_a_host_quarantined_since__refused(void **state)
{
	(void)state;
	char path[160], host[2 * HOST_ID_LEN + 1];
	bool resumed = true;
	assert_int_equal(whoami(w.host_cert, w.host_key, &resumed), 200);
	assert_false(resumed);
	assert_int_equal(whoami(NULL, NULL, &resumed), 200);
	assert_true(resumed);
	hex_encode(BYTES_OF(w.host_id), host);
	(void)snprintf(path, sizeof(path), "/v1/hosts/%s/quarantine", host);
	world_do(&w, &w.admin, "POST", path, "{\"reason\":\"odd\"}", 200);
	assert_int_equal(whoami(NULL, NULL, &resumed), 403);
	assert_true(resumed);
}

static void S15__resumed_session_of_a_certificate_ended_since__refused(void **state)
{
	(void)state;
	char uri[X509_URI_MAX];
	bool resumed = false;
	int64_t now = clock_wall(&clock_system);
	assert_ok(identity_operator_uri(WORLD_DOMAIN, "admin", "brief", uri, &w.err), w.err);
	struct cert *brief = world_cert(&w, uri, w.admin.key, now - 60, now + 3);
	assert_int_equal(whoami(brief, w.admin.key, &resumed), 200);
	cert_unref(&brief);
	while (clock_wall(&clock_system) < now + 3)
		(void)usleep(100000);
	assert_int_equal(whoami(NULL, NULL, &resumed), 401);
	assert_true(resumed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(S15__resumed_session_of_a_host_quarantined_since__refused),
		T(S15__resumed_session_of_a_certificate_ended_since__refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
