/* SPDX-License-Identifier: Apache-2.0 */
/* TLS of the HTTPS front by itself: which context is in force, and whether its CAs vouch for a certificate that was taken before. */
#include "verifier/http_private.h"

#include "tests/unit/verifier/front.h"

#include <openssl/x509v3.h>

/* ---- which one is in force ---- */

#define TURNS 300000u

static SSL_CTX *other_tls;
static atomic_bool turned;

/* Even generations are server_tls, odd ones other_tls. */
static void *turn(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < TURNS; i++)
		if (!http_server_set_tls(server, i % 2 ? server_tls : other_tls))
			break;
	atomic_store(&turned, true);
	return NULL;
}

/* Else a connection that comes while the CAs change keeps, for as long as it lasts, a certificate that they do not vouch for. */
static void context__others_take_its_place_meanwhile__generation_is_its_own(void **state)
{
	(void)state;
	pthread_t thread;
	other_tls = tls_for(&pki.other_ca, 1);
	assert_int_equal(pthread_create(&thread, NULL, turn, NULL), 0);
	while (!atomic_load(&turned)) {
		unsigned generation = 2;
		SSL_CTX *tls = http_tls_ref(server, &generation);
		assert_ptr_equal(tls, generation % 2 ? other_tls : server_tls);
		SSL_CTX_free(tls);
	}
	assert_int_equal(pthread_join(thread, NULL), 0);
	SSL_CTX_free(other_tls);
}

/* ---- whether a certificate still counts ---- */

/* A root below which there may be other CAs, one of those, and who that one certified. */
static struct key *root_key, *between_key;
static struct cert *root, *between, *below, *server_only;

static void extension_add(X509 *cert, int nid, const char *value)
{
	X509V3_CTX context;
	X509V3_set_ctx(&context, cert, cert, NULL, NULL, 0);
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
	assert_int_equal(X509_add_ext(cert, extension, -1), 1);
	X509_EXTENSION_free(extension);
}

static void root_make(void)
{
	X509 *cert = X509_new();
	unsigned char *der = NULL;
	static const unsigned char name[] = "root";
	assert_true(key_generate(KEY_EC_P256, &root_key, NULL));
	X509_NAME *subject = X509_get_subject_name(cert);
	assert_int_equal(X509_set_version(cert, X509_VERSION_3), 1);
	assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(cert), 1), 1);
	assert_int_equal(
		X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, name, -1, -1, 0), 1);
	assert_int_equal(X509_set_issuer_name(cert, subject), 1);
	assert_non_null(X509_gmtime_adj(X509_getm_notBefore(cert), -60));
	assert_non_null(X509_gmtime_adj(X509_getm_notAfter(cert), 3600));
	assert_int_equal(X509_set_pubkey(cert, key_evp(root_key)), 1);
	extension_add(cert, NID_basic_constraints, "critical,CA:TRUE");
	extension_add(cert, NID_key_usage, "critical,keyCertSign");
	extension_add(cert, NID_subject_key_identifier, "hash");
	assert_true(X509_sign(cert, key_evp(root_key), EVP_sha256()) > 0);
	int len = i2d_X509(cert, &der);
	assert_true(cert_from_der(bytes_of(der, (size_t)len), false, &root, NULL));
	OPENSSL_free(der);
	X509_free(cert);
}

static void leaf_make(const struct cert *issuer, struct key *key, bool of_server, struct cert **ret)
{
	const struct cert_request request = {.common_name = "leaf",
		.subject = pki.client_key,
		.not_before = clock_wall(&clock_system) - 60,
		.not_after = clock_wall(&clock_system) + 3600,
		.client_auth = !of_server,
		.server_auth = of_server};
	assert_true(cert_issue(&request, issuer, key, ret, NULL));
}

static int setup_certs(void **state)
{
	assert_int_equal(setup(state), 0);
	struct cert_request request = {.common_name = "between",
		.not_before = clock_wall(&clock_system) - 60,
		.not_after = clock_wall(&clock_system) + 3600,
		.ca = true};
	root_make();
	assert_true(key_generate(KEY_EC_P256, &between_key, NULL));
	request.subject = between_key;
	assert_true(cert_issue(&request, root, root_key, &between, NULL));
	leaf_make(between, between_key, false, &below);
	leaf_make(pki.ca, pki.ca_key, true, &server_only);
	struct cert *const roots[] = {pki.ca, root};
	SSL_CTX *tls = tls_for(roots, ARRAY_LEN(roots));
	assert_true(http_server_set_tls(server, tls));
	SSL_CTX_free(tls);
	return 0;
}

static int teardown_certs(void **state)
{
	struct cert **certs[] = {&root, &between, &below, &server_only};
	for (size_t i = 0; i < ARRAY_LEN(certs); i++)
		cert_unref(certs[i]);
	key_unref(&root_key);
	key_unref(&between_key);
	return teardown(state);
}

/* Whoever took it then took anything. */
static int taken(int ok, X509_STORE_CTX *store)
{
	(void)ok;
	(void)store;
	return 1;
}

struct shown {
	struct cert *cert, *chain; /* chain may be NULL */
};

static SSL *side(SSL_CTX *tls, int fd, bool accepts)
{
	SSL *ssl = SSL_new(tls);
	assert_int_equal(SSL_set_fd(ssl, fd), 1);
	if (accepts) {
		SSL_set_verify(ssl, SSL_VERIFY_PEER, taken);
		SSL_set_accept_state(ssl);
	} else {
		SSL_set_connect_state(ssl);
	}
	return ssl;
}

static bool rechecked(const struct shown *shown)
{
	int fds[2];
	bool done = false;
	SSL_CTX *from = SSL_CTX_new(TLS_client_method()), *to = tls_for(&pki.ca, 1);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	assert_int_equal(SSL_CTX_use_certificate(from, cert_x509(shown->cert)), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(from, key_evp(pki.client_key)), 1);
	if (shown->chain)
		assert_int_equal(SSL_CTX_add1_chain_cert(from, cert_x509(shown->chain)), 1);
	SSL *client = side(from, fds[0], false), *peer = side(to, fds[1], true);
	for (unsigned i = 0; i < 8 && !done; i++) {
		(void)SSL_do_handshake(client);
		done = SSL_do_handshake(peer) == 1;
	}
	assert_true(done);
	assert_non_null(SSL_get0_peer_certificate(peer));
	bool ok = http_tls_recheck(server, peer);
	SSL_free(client);
	SSL_free(peer);
	SSL_CTX_free(from);
	SSL_CTX_free(to);
	(void)close(fds[0]);
	(void)close(fds[1]);
	return ok;
}

static void recheck__certificate__as_a_handshake_would_take_it(void **state)
{
	const struct {
		struct shown shown;
		bool counts;
	} cases[] = {
		{{pki.client, NULL}, true},
		{{below, between}, true}, /* by what the client sent along */
		{{below, NULL}, false},
		{{below, root}, false},
		{{server_only, NULL}, false}, /* for another purpose */
		{{pki.expired, NULL}, false},
		{{pki.stranger, NULL}, false},
		{{pki.stranger, pki.other_ca}, false},
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (rechecked(&cases[i].shown) != cases[i].counts)
			fail_msg("case %zu", i);
}

/* ---- whose share of the work a request is ---- */

static const char hello[] = "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n";

static uint64_t numbered(struct client *client)
{
	assert_int_equal(exchange(client, hello, strlen(hello), NULL, 0), 200);
	return server_number;
}

/* Hosts behind one address have a share each, and one host on many connections has one. */
static void peer_number__with_a_certificate__its_names_and_not_the_addresss(void **state)
{
	(void)state;
	struct client nobody, known, again;
	assert_true(client_open(&nobody, NULL));
	assert_true(client_open(&known, pki.client));
	assert_true(client_open(&again, pki.client));
	assert_int_equal(numbered(&nobody), http_number_of("127.0.0.1"));
	assert_int_equal(numbered(&known), http_number_of("spiffe://test/host/1"));
	assert_int_equal(numbered(&known), http_number_of("spiffe://test/host/1"));
	assert_int_equal(numbered(&again), http_number_of("spiffe://test/host/1"));
	client_close(&nobody);
	client_close(&known);
	client_close(&again);
}

/* Nobody's name is his any more, nor is that one's share. */
static void peer_number__certificate_counts_no_more__the_addresss(void **state)
{
	(void)state;
	struct client known;
	assert_true(client_open(&known, pki.client));
	assert_int_equal(numbered(&known), http_number_of("spiffe://test/host/1"));
	SSL_CTX *other = tls_for(&pki.other_ca, 1);
	assert_true(http_server_set_tls(server, other));
	SSL_CTX_free(other);
	assert_int_equal(numbered(&known), http_number_of("127.0.0.1"));
	client_close(&known);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			peer_number__with_a_certificate__its_names_and_not_the_addresss, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			peer_number__certificate_counts_no_more__the_addresss, setup, teardown),
		cmocka_unit_test_setup_teardown(
			context__others_take_its_place_meanwhile__generation_is_its_own, setup,
			teardown),
		cmocka_unit_test_setup_teardown(recheck__certificate__as_a_handshake_would_take_it,
			setup_certs, teardown_certs),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
