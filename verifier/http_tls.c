/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS of the HTTPS front: contexts, which one is in force, and resumption. A ticket is sealed by random keys that live an
 * hour, in this process alone; it is good for an hour, and a chain of resumptions for half a day from the handshake that
 * proved the client's key. It is good under the same client CAs only. What a resumed session brings is the certificate
 * that was verified then: whoever authorizes a request looks at its time and its owner anew.
 */
#include "verifier/http_private.h"

#include <string.h>
#include <time.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>

#define TICKET_SECONDS   3600
#define TICKET_CHAIN_MAX (12 * 3600) /* seconds since the last whole handshake */
#define TICKET_IV_LEN    16
#define TICKET_STAMP_LEN 8

static bool tls_error(struct err *err, const char *what)
{
	char text[160];
	ERR_error_string_n(ERR_get_error(), text, sizeof(text));
	ERR_clear_error();
	return err_set(err, ERR_CRYPTO, "%s: %s", what, text);
}

/* ---- tickets ---- */

static uint64_t seconds_now(void)
{
	struct timespec now;
	(void)clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec;
}

bool http_tickets_init(struct http_tickets *tickets)
{
	memset(tickets, 0, sizeof(*tickets));
	return pthread_mutex_init(&tickets->lock, NULL) == 0;
}

void http_tickets_release(struct http_tickets *tickets)
{
	OPENSSL_cleanse(&tickets->now, sizeof(tickets->now));
	OPENSSL_cleanse(&tickets->before, sizeof(tickets->before));
	(void)pthread_mutex_destroy(&tickets->lock);
}

/* Under the lock. The keys before the last ones are forgotten, and what they sealed with them. */
static bool keys_turn(struct http_tickets *tickets, uint64_t now)
{
	if (tickets->now.made && now - tickets->now.made < TICKET_SECONDS)
		return true;
	tickets->before = tickets->now;
	if (tickets->before.made && now - tickets->before.made >= 2 * TICKET_SECONDS)
		OPENSSL_cleanse(&tickets->before, sizeof(tickets->before));
	tickets->now.made = 0;
	if (RAND_bytes(tickets->now.name, sizeof(tickets->now.name)) != 1 ||
		RAND_bytes(tickets->now.cipher, sizeof(tickets->now.cipher)) != 1 ||
		RAND_bytes(tickets->now.mac, sizeof(tickets->now.mac)) != 1)
		return false;
	tickets->now.made = now ? now : 1;
	return true;
}

/* name NULL: the ones to seal with. */
static bool keys_get(
	struct http_tickets *tickets, const uint8_t *name, struct http_ticket_keys *ret)
{
	bool found = false;
	(void)pthread_mutex_lock(&tickets->lock);
	if (keys_turn(tickets, seconds_now())) {
		const struct http_ticket_keys *both[] = {&tickets->now, &tickets->before};
		for (size_t i = 0; i < (name ? 2u : 1u) && !found; i++) {
			found = both[i]->made &&
				(!name || memcmp(both[i]->name, name, HTTP_TICKET_NAME_LEN) == 0);
			if (found)
				*ret = *both[i];
		}
	}
	(void)pthread_mutex_unlock(&tickets->lock);
	return found;
}

static bool mac_set(EVP_MAC_CTX *mac, struct http_ticket_keys *keys)
{
	char sha256[] = "SHA256";
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, keys->mac, sizeof(keys->mac)),
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, sha256, 0),
		OSSL_PARAM_construct_end(),
	};
	return EVP_MAC_CTX_set_params(mac, params) == 1;
}

/* 1: here are the keys; 0: none for this ticket, so a whole handshake; -1: the handshake fails. */
static int on_ticket_key(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
	EVP_MAC_CTX *mac, int seal)
{
	struct http_server *server = http_conn_server(ssl);
	struct http_ticket_keys keys = {0};
	if (!server || !keys_get(&server->tickets, seal ? NULL : name, &keys))
		return 0;
	bool ok = !seal || RAND_bytes(iv, TICKET_IV_LEN) == 1;
	if (seal)
		memcpy(name, keys.name, sizeof(keys.name));
	ok = ok &&
	     (seal ? EVP_EncryptInit_ex(cipher, EVP_aes_256_cbc(), NULL, keys.cipher, iv)
		   : EVP_DecryptInit_ex(cipher, EVP_aes_256_cbc(), NULL, keys.cipher, iv)) == 1 &&
	     mac_set(mac, &keys);
	OPENSSL_cleanse(&keys, sizeof(keys));
	return ok ? 1 : -1;
}

/* When the key of the client was last proved goes into the ticket, and from ticket to ticket. */
static int on_ticket_make(SSL *ssl, void *arg)
{
	(void)arg;
	uint8_t stamp[TICKET_STAMP_LEN];
	uint64_t now = seconds_now();
	if (SSL_session_reused(ssl))
		return 1;
	for (size_t i = 0; i < sizeof(stamp); i++)
		stamp[i] = (uint8_t)(now >> (8 * (sizeof(stamp) - 1 - i)));
	return SSL_SESSION_set1_ticket_appdata(SSL_get_session(ssl), stamp, sizeof(stamp));
}

static bool stamp_fresh(SSL_SESSION *session)
{
	void *data = NULL;
	size_t len = 0;
	uint64_t proved = 0, now = seconds_now();
	if (SSL_SESSION_get0_ticket_appdata(session, &data, &len) != 1 || len != TICKET_STAMP_LEN)
		return false;
	for (size_t i = 0; i < len; i++)
		proved = proved << 8 | ((const uint8_t *)data)[i];
	return proved <= now && now - proved < TICKET_CHAIN_MAX;
}

static SSL_TICKET_RETURN on_ticket_open(SSL *ssl, SSL_SESSION *session, const unsigned char *name,
	size_t name_len, SSL_TICKET_STATUS status, void *arg)
{
	(void)ssl;
	(void)name;
	(void)name_len;
	(void)arg;
	if ((status == SSL_TICKET_SUCCESS || status == SSL_TICKET_SUCCESS_RENEW) &&
		stamp_fresh(session))
		return SSL_TICKET_RETURN_USE_RENEW;
	return status == SSL_TICKET_FATAL_ERR_MALLOC || status == SSL_TICKET_FATAL_ERR_OTHER
		       ? SSL_TICKET_RETURN_ABORT
		       : SSL_TICKET_RETURN_IGNORE_RENEW;
}

static bool tickets_use(SSL_CTX *tls)
{
	(void)SSL_CTX_set_timeout(tls, TICKET_SECONDS);
	return SSL_CTX_set_max_early_data(tls, 0) == 1 &&
	       SSL_CTX_set_recv_max_early_data(tls, 0) == 1 &&
	       SSL_CTX_set_num_tickets(tls, 1) == 1 &&
	       SSL_CTX_set_tlsext_ticket_key_evp_cb(tls, on_ticket_key) == 1 &&
	       SSL_CTX_set_session_ticket_cb(tls, on_ticket_make, on_ticket_open, NULL) == 1;
}

/* ---- contexts ---- */

static bool tls_use_chain(SSL_CTX *tls, struct bytes chain_pem, struct key *key, struct err *err)
{
	struct cert *certs[X509_CHAIN_MAX] = {0};
	size_t count = 0;
	if (!certs_from_bytes(chain_pem, X509_CHAIN_MAX, certs, &count, err))
		return err_wrap(err, "TLS certificate");
	bool ok = count > 0 && SSL_CTX_use_certificate(tls, cert_x509(certs[0])) == 1 &&
		  SSL_CTX_use_PrivateKey(tls, key_evp(key)) == 1 &&
		  SSL_CTX_check_private_key(tls) == 1;
	for (size_t i = 1; ok && i < count; i++)
		ok = SSL_CTX_add1_chain_cert(tls, cert_x509(certs[i])) == 1;
	for (size_t i = 0; i < count; i++)
		cert_unref(&certs[i]);
	return ok ? true : tls_error(err, "TLS certificate and key");
}

/* A session is resumed only where its client's certificate was verified against these very CAs. */
static bool tls_use_roots(SSL_CTX *tls, struct cert *const *client_ca, size_t count)
{
	EVP_MD_CTX *hash = EVP_MD_CTX_new();
	uint8_t digest[SHA256_LEN];
	X509_STORE *store = SSL_CTX_get_cert_store(tls);
	bool ok = hash && EVP_DigestInit_ex(hash, EVP_sha256(), NULL) == 1;
	for (size_t i = 0; ok && i < count; i++) {
		uint8_t one[SHA256_LEN];
		ok = X509_STORE_add_cert(store, cert_x509(client_ca[i])) == 1 &&
		     SSL_CTX_add_client_CA(tls, cert_x509(client_ca[i])) == 1 &&
		     X509_digest(cert_x509(client_ca[i]), EVP_sha256(), one, NULL) == 1 &&
		     EVP_DigestUpdate(hash, one, sizeof(one)) == 1;
	}
	ok = ok && EVP_DigestFinal_ex(hash, digest, NULL) == 1 &&
	     SSL_CTX_set_session_id_context(tls, digest, sizeof(digest)) == 1;
	EVP_MD_CTX_free(hash);
	return ok;
}

bool http_tls_context(struct bytes chain_pem, struct key *key, struct cert *const *client_ca,
	size_t client_ca_count, SSL_CTX **ret, struct err *err)
{
	SSL_CTX *tls = SSL_CTX_new(TLS_server_method());
	if (!tls)
		return tls_error(err, "TLS context");
	(void)SSL_CTX_set_options(tls, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
	(void)SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_OFF);
	(void)SSL_CTX_set_mode(tls, SSL_MODE_RELEASE_BUFFERS);
	bool ok = SSL_CTX_set_min_proto_version(tls, TLS1_3_VERSION) == 1 &&
		  SSL_CTX_set_max_proto_version(tls, TLS1_3_VERSION) == 1 && tickets_use(tls) &&
		  tls_use_roots(tls, client_ca, client_ca_count);
	SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_verify_depth(tls, 2);
	SSL_CTX_set_info_callback(tls, http_conn_tls_info);
	if (!ok)
		(void)tls_error(err, "TLS settings");
	ok = ok && tls_use_chain(tls, chain_pem, key, err);
	if (!ok) {
		SSL_CTX_free(tls);
		return false;
	}
	*ret = tls;
	return true;
}

/* ---- which one is in force ---- */

SSL_CTX *http_tls_ref(struct http_server *server, unsigned *ret_generation)
{
	(void)pthread_mutex_lock(&server->tls_lock);
	SSL_CTX *tls = server->tls;
	if (ret_generation)
		*ret_generation = atomic_load(&server->tls_generation);
	if (SSL_CTX_up_ref(tls) != 1)
		tls = NULL;
	(void)pthread_mutex_unlock(&server->tls_lock);
	return tls;
}

bool http_server_set_tls(struct http_server *server, SSL_CTX *tls)
{
	if (SSL_CTX_up_ref(tls) != 1)
		return false;
	(void)pthread_mutex_lock(&server->tls_lock);
	SSL_CTX *old = server->tls;
	server->tls = tls;
	(void)atomic_fetch_add(&server->tls_generation, 1);
	(void)pthread_mutex_unlock(&server->tls_lock);
	SSL_CTX_free(old);
	return true;
}

/* A resumed session has no chain: the CAs in the store have to do, as they do in the handshake. */
bool http_tls_recheck(struct http_server *server, SSL *ssl)
{
	SSL_CTX *tls = http_tls_ref(server, NULL);
	X509_STORE_CTX *check = X509_STORE_CTX_new();
	bool ok = tls && check &&
		  X509_STORE_CTX_init(check, SSL_CTX_get_cert_store(tls),
			  SSL_get0_peer_certificate(ssl), SSL_get_peer_cert_chain(ssl)) == 1 &&
		  X509_STORE_CTX_set_default(check, "ssl_client") == 1 &&
		  X509_verify_cert(check) == 1;
	X509_STORE_CTX_free(check);
	SSL_CTX_free(tls);
	ERR_clear_error();
	return ok;
}

int64_t http_server_certificate_end(struct http_server *server)
{
	struct tm end = {0};
	SSL_CTX *tls = http_tls_ref(server, NULL);
	X509 *cert = tls ? SSL_CTX_get0_certificate(tls) : NULL;
	bool ok = cert && ASN1_TIME_to_tm(X509_get0_notAfter(cert), &end) == 1;
	SSL_CTX_free(tls);
	return ok ? (int64_t)timegm(&end) : 0;
}
