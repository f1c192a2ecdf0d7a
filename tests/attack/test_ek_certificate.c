/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates of endorsement keys that prove nothing. The host has a good join token: only they stand in the way. */
#include <arpa/inet.h>
#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/x509.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/attack/enroll.h"

static struct sw_host *stranger_with(
	const struct ek_ca *maker, void (*edit)(struct ek_ca_options *options))
{
	struct sw_host *host = attack_stranger();
	struct ek_ca_options options = ek_ca_honest(host->ek->key);
	if (edit)
		edit(&options);
	cert_unref(&host->ek_cert);
	assert_ok(ek_ca_issue(maker, &options, &host->ek_cert, &attack.err), attack.err);
	return host;
}

static void E9__maker_of_the_same_name_with_another_key__refused(void **state)
{
	struct ek_ca fake = {0};
	(void)state;
	assert_ok(ek_ca_new(&fake, &attack.err), attack.err);
	struct sw_host *host = stranger_with(&fake, NULL);
	refused_and_absent(&host, ERR_DENIED, "ek-cert");
	ek_ca_release(&fake);
}

static struct key *own_key;
static void self_signed(struct ek_ca_options *o)
{
	o->self = own_key;
}

static void E9__self_signed_under_the_makers_name__refused(void **state)
{
	(void)state;
	assert_ok(key_generate(KEY_EC_P256, &own_key, &attack.err), attack.err);
	struct sw_host *host = stranger_with(&attack.v.maker, self_signed);
	key_unref(&own_key);
	refused_and_absent(&host, ERR_DENIED, "ek-cert");
}

static void other_eku(struct ek_ca_options *o)
{
	o->eku = "serverAuth";
}
static void no_eku(struct ek_ca_options *o)
{
	o->eku = NULL;
}
static void signs(struct ek_ca_options *o)
{
	o->key_usage = "critical,digitalSignature";
}
static void is_ca(struct ek_ca_options *o)
{
	o->ca = true;
}
static void critical_unknown(struct ek_ca_options *o)
{
	o->critical_oid = "1.2.3.4.5";
}
static void expired(struct ek_ca_options *o)
{
	o->not_after = o->not_before + 86400;
}
static void not_yet(struct ek_ca_options *o)
{
	o->not_before = o->not_after - 86400;
}

static void bad_certificate(void (*edit)(struct ek_ca_options *options), const char *text)
{
	struct sw_host *host = stranger_with(&attack.v.maker, edit);
	refused_and_absent(&host, ERR_DENIED, text);
}

static void E11__certificate_of_another_use__refused(void **state)
{
	(void)state;
	bad_certificate(other_eku, "ek-cert");
	bad_certificate(no_eku, "ek-cert");
}
static void E12__certificate_of_a_key_that_signs__refused(void **state)
{
	(void)state;
	bad_certificate(signs, "ek-cert");
	bad_certificate(is_ca, "ek-cert");
}
static void E14__critical_extension_that_nobody_knows__refused(void **state)
{
	(void)state;
	bad_certificate(critical_unknown, "ek-cert");
}
static void E24__certificate_expired_or_not_yet_valid__refused(void **state)
{
	(void)state;
	bad_certificate(expired, "ek-cert");
	bad_certificate(not_yet, "ek-cert");
}

static void E15__certificate_of_another_ek__refused(void **state)
{
	struct sw_host *host = attack_stranger();
	(void)state;
	cert_unref(&host->ek_cert);
	host->ek_cert = cert_ref(attack.host->ek_cert);
	refused_and_absent(&host, ERR_DENIED, "ek-cert");
}

/* An intermediate comes from the operator or from the host. That the certificate itself says where it
 * could be fetched makes the verifier call nobody. */
static char issuers_at[64];
static void names_issuers(struct ek_ca_options *o)
{
	o->issuers_at = issuers_at;
}
static struct bytes more_certs[2];
static size_t more_count;
static void send_more(void *context, struct enroll_begin *begin)
{
	(void)context;
	for (size_t i = 0; i < more_count; i++)
		begin->ek_certs[begin->ek_cert_count++] = more_certs[i];
}

static int listener(uint16_t *ret_port)
{
	struct sockaddr_in at = {.sin_family = AF_INET};
	socklen_t len = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	assert_int_equal(listen(fd, 8), 0);
	*ret_port = ntohs(at.sin_port);
	return fd;
}

static void E10__intermediate_missing__refused_and_nobody_called(void **state)
{
	struct ek_ca below = {0};
	uint16_t port;
	char *token = NULL;
	int fd = listener(&port);
	(void)state;
	(void)snprintf(
		issuers_at, sizeof(issuers_at), "caIssuers;URI:http://127.0.0.1:%u/ca.crt", port);
	assert_ok(ek_ca_new_below(
			  &attack.v.maker, "Test TPM EK Intermediate CA 03", &below, &attack.err),
		attack.err);
	struct sw_host *host = stranger_with(&below, names_issuers);
	refused(host, ERR_DENIED, "incomplete-chain");
	assert_no_row(host);
	assert_int_equal(accept(fd, NULL, NULL), -1);
	assert_int_equal(errno, EAGAIN);
	/* The same certificate is good as soon as the intermediate comes along. */
	more_certs[0] = cert_der(below.intermediate);
	more_count = 1;
	host->edit.begin = send_more;
	assert_ok(verifierd_token(&attack.v, &token, &attack.err), attack.err);
	assert_ok(sw_host_enroll(host, token, &attack.err), attack.err);
	assert_int_equal(host->state, HOST_ACTIVE);
	assert_int_equal(accept(fd, NULL, NULL), -1);
	free(token);
	(void)close(fd);
	sw_host_free(&host);
	ek_ca_release(&below);
}

static void E23__software_tpm_with_a_whole_chain_of_its_own__refused(void **state)
{
	struct ek_ca software = {0};
	(void)state;
	assert_ok(ek_ca_new_named("swtpm-localca-rootca", "swtpm-localca", &software, &attack.err),
		attack.err);
	struct sw_host *host = stranger_with(&software, NULL);
	more_certs[0] = cert_der(software.intermediate);
	more_certs[1] = cert_der(software.root);
	more_count = 2;
	host->edit.begin = send_more;
	refused_and_absent(&host, ERR_DENIED, "untrusted-root");
	ek_ca_release(&software);
}

/* A critical subjectAltName is read, not waved through: names that nobody knows are refused, those of the profile are not. */
static void unknown_name(struct ek_ca_options *o)
{
	o->other_name = "otherName:1.2.3.4;UTF8:x";
}
static void known_name(struct ek_ca_options *o)
{
	o->other_name = "otherName:1.3.6.1.5.5.7.8.3;UTF8:x"; /* permanentIdentifier */
}
static void E14__critical_name_of_an_unknown_form__refused_and_of_a_known_one_read(void **state)
{
	char *token = NULL;
	(void)state;
	bad_certificate(unknown_name, "ek-cert");
	struct sw_host *host = stranger_with(&attack.v.maker, known_name);
	assert_ok(verifierd_token(&attack.v, &token, &attack.err), attack.err);
	assert_ok(sw_host_enroll(host, token, &attack.err), attack.err);
	assert_int_equal(host->state, HOST_ACTIVE);
	free(token);
	sw_host_free(&host);
}

/* CVE-2022-0778: a prime that is none keeps a square root going for ever. */
static struct buf bent;
static void send_bent(void *context, struct enroll_begin *begin)
{
	(void)context;
	begin->ek_certs[0] = buf_bytes(&bent);
	begin->ek_cert_count = 1;
}

static X509 *with_explicit_curve(const struct sw_host *host)
{
	X509 *x509 = X509_dup(cert_x509(host->ek_cert));
	EVP_PKEY *key = EVP_PKEY_dup(key_evp(host->ek->key));
	assert_non_null(x509);
	assert_int_equal(EVP_PKEY_set_utf8_string_param(
				 key, OSSL_PKEY_PARAM_EC_ENCODING, OSSL_PKEY_EC_ENCODING_EXPLICIT),
		1);
	assert_int_equal(
		EVP_PKEY_set_utf8_string_param(key, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT,
			OSSL_PKEY_EC_POINT_CONVERSION_FORMAT_COMPRESSED),
		1);
	assert_int_equal(X509_set_pubkey(x509, key), 1);
	assert_true(X509_sign(x509, key_evp(attack.v.maker.intermediate_key), EVP_sha256()) > 0);
	EVP_PKEY_free(key);
	return x509;
}

static void E29__explicit_curve_whose_prime_is_none__refused_at_once(void **state)
{
	static const uint8_t prime[] = {0xff, 0xff, 0xff, 0xff, 0, 0, 0, 1, 0, 0, 0, 0};
	struct sw_host *host = attack_stranger();
	unsigned char *der = NULL;
	(void)state;
	X509 *x509 = with_explicit_curve(host);
	int len = i2d_X509(x509, &der);
	assert_true(len > 0);
	buf_put(&bent, bytes_of(der, (size_t)len));
	OPENSSL_free(der);
	X509_free(x509);
	host->edit.begin = send_bent;
	refused(host, ERR_DENIED, "explicit or missing curve parameters");
	uint8_t *at = memmem(bent.data, bent.len, prime, sizeof(prime));
	assert_non_null(at);
	at[31] ^= 0x20; /* composite */
	uint64_t before = clock_monotonic_ms(&clock_system);
	refused(host, ERR_DENIED, "ek-cert");
	assert_true(clock_monotonic_ms(&clock_system) - before < 5000);
	assert_no_row(host);
	sw_host_free(&host);
}

static int close_all(void **state)
{
	buf_release(&bent);
	return attack_close(state);
}

#define T(name) cmocka_unit_test(name)
int main(void)
{
	const struct CMUnitTest tests[] = {
		T(E9__maker_of_the_same_name_with_another_key__refused),
		T(E9__self_signed_under_the_makers_name__refused),
		T(E10__intermediate_missing__refused_and_nobody_called),
		T(E11__certificate_of_another_use__refused),
		T(E12__certificate_of_a_key_that_signs__refused),
		T(E14__critical_extension_that_nobody_knows__refused),
		T(E14__critical_name_of_an_unknown_form__refused_and_of_a_known_one_read),
		T(E15__certificate_of_another_ek__refused),
		T(E23__software_tpm_with_a_whole_chain_of_its_own__refused),
		T(E24__certificate_expired_or_not_yet_valid__refused),
		T(E29__explicit_curve_whose_prime_is_none__refused_at_once),
	};
	return cmocka_run_group_tests(tests, attack_open, close_all);
}
