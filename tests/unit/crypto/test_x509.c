/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates: parsed, looked into, issued. Chains are judged in test_chain.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <openssl/x509v3.h>

#include "base/text.h"
#include "crypto/x509.h"
#include "tests/support/vectors.h"

enum { CERTS_MAX = 256, BEGIN = 1700000000, END = 1800000000 };

static struct key *ca_key, *leaf_key, *other_key;
static struct cert *ca;

static struct cert *cert, *second;
static struct cert *many[CERTS_MAX];
static size_t many_count;
static struct key *key;
static struct buf a, b;
static struct err err;

static const uint8_t serial[16] = {0xff, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

static struct cert_request ca_request(void)
{
	return (struct cert_request){.common_name = "Test CA",
		.subject = ca_key,
		.not_before = BEGIN,
		.not_after = END,
		.ca = true};
}

static struct cert_request leaf_request(void)
{
	return (struct cert_request){.common_name = "leaf",
		.uri = "spiffe://example.org/agent/ocr",
		.subject = leaf_key,
		.not_before = BEGIN,
		.not_after = END,
		.client_auth = true,
		.serial = serial};
}

static int group_setup(void **state)
{
	struct cert_request request;

	(void)state;
	if (!key_generate(KEY_EC_P256, &ca_key, &err) ||
		!key_generate(KEY_EC_P256, &leaf_key, &err) ||
		!key_generate(KEY_EC_P384, &other_key, &err))
		return -1;
	request = ca_request();
	return cert_issue(&request, NULL, ca_key, &ca, &err) ? 0 : -1;
}

static int group_teardown(void **state)
{
	(void)state;
	key_unref(&ca_key);
	key_unref(&leaf_key);
	key_unref(&other_key);
	cert_unref(&ca);
	return 0;
}

static int setup(void **state)
{
	(void)state;
	err = (struct err){0};
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	cert_unref(&cert);
	cert_unref(&second);
	while (many_count)
		cert_unref(&many[--many_count]);
	key_unref(&key);
	buf_release(&a);
	buf_release(&b);
	return 0;
}

static void issue_leaf(void)
{
	struct cert_request request = leaf_request();

	assert_true(cert_issue(&request, ca, ca_key, &cert, &err));
}

static void cert_issue__leaf__says_what_was_asked(void **state)
{
	char text[600];
	uint8_t digest[SHA256_LEN], expected[SHA256_LEN];

	(void)state;
	issue_leaf();
	assert_string_equal(cert_subject(cert, text, sizeof(text)), "CN=leaf");
	assert_string_equal(cert_issuer(cert, text, sizeof(text)), "CN=Test CA");
	assert_string_equal(
		cert_serial(cert, text, sizeof(text)), "7f0102030405060708090a0b0c0d0e0f");
	assert_true(cert_uri(cert, text, sizeof(text)));
	assert_string_equal(text, "spiffe://example.org/agent/ocr");
	assert_int_equal(cert_not_before(cert), BEGIN);
	assert_int_equal(cert_not_after(cert), END);
	assert_false(cert_is_ca(cert));
	assert_int_equal(cert_key_usage(cert), KEY_USAGE_DIGITAL_SIGNATURE);
	assert_true(cert_has_eku(cert, "1.3.6.1.5.5.7.3.2"));
	assert_false(cert_has_eku(cert, "1.3.6.1.5.5.7.3.1"));
	assert_false(cert_has_eku(cert, "not an oid"));
	assert_true(cert_key(cert, &key, &err));
	assert_true(key_equal(key, leaf_key));
	assert_true(cert_digest(cert, digest, &err));
	assert_true(sha256_of(cert_der(cert), expected, &err));
	assert_memory_equal(digest, expected, sizeof(digest));
}

static void cert_issue__ca__may_only_sign_leaves(void **state)
{
	struct bytes value;

	(void)state;
	assert_true(cert_is_ca(ca));
	assert_int_equal(cert_key_usage(ca), KEY_USAGE_CERT_SIGN | 0x40);
	assert_int_equal(X509_get_pathlen(cert_x509(ca)), 0);
	assert_true(cert_extension(ca, "2.5.29.19", &value));
	assert_int_equal(X509_verify(cert_x509(ca), key_evp(ca_key)), 1);
}

/* UTCTime has two digits of the year, and goes from 1950 to 2049. */
static void cert_issue__times_around_2050__read_back(void **state)
{
	static const int64_t times[] = {
		-631152001, -631152000, 2524607999, 2524608000, INT64_C(253402300799)};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(times); i++) {
		struct cert_request request = {.uri = "spiffe://bank.example/a",
			.subject = leaf_key,
			.not_before = times[i],
			.not_after = times[i]};
		cert_unref(&cert);
		assert_true(cert_issue(&request, ca, ca_key, &cert, &err));
		assert_int_equal(cert_not_before(cert), times[i]);
		assert_int_equal(cert_not_after(cert), times[i]);
	}
	struct cert_request late = {.subject = leaf_key, .not_after = INT64_C(253402300800)};
	assert_false(cert_issue_der(&late, ca, ca_key, &a, &err));
	assert_int_equal(err.code, ERR_USAGE);
	assert_string_equal(err.text, "certificate: validity");
}

static void cert_issue__no_serial__random_and_positive(void **state)
{
	struct cert_request request = leaf_request();
	char one[64], two[64];

	(void)state;
	request.serial = NULL;
	assert_true(cert_issue(&request, ca, ca_key, &cert, &err));
	assert_true(cert_issue(&request, ca, ca_key, &second, &err));
	cert_serial(cert, one, sizeof(one));
	cert_serial(second, two, sizeof(two));
	assert_string_not_equal(one, two);
	assert_false(one[0] == '-' || two[0] == '-');
}

static void cert_issue__every_key_type__signature_verifies(void **state)
{
	static const enum key_type types[] = {
		KEY_RSA, KEY_EC_P256, KEY_EC_P384, KEY_EC_P521, KEY_ED25519};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		struct cert_request request = ca_request();

		assert_true(key_generate(types[i], &key, &err));
		request.subject = key;
		assert_true(cert_issue(&request, NULL, key, &cert, &err));
		assert_int_equal(X509_verify(cert_x509(cert), key_evp(key)), 1);
		cert_unref(&cert);
		key_unref(&key);
	}
}

static void cert_issue_der__every_subject_key__what_our_parser_accepts(void **state)
{
	static const enum key_type types[] = {
		KEY_RSA, KEY_EC_P256, KEY_EC_P384, KEY_EC_P521, KEY_ED25519};
	struct key *certified = NULL;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		struct cert_request request = leaf_request();
		bool same;

		assert_true(key_generate(types[i], &key, &err));
		request.subject = key;
		buf_clear(&a);
		assert_true(cert_issue_der(&request, ca, ca_key, &a, &err));
		assert_true(cert_from_der(buf_bytes(&a), false, &cert, &err));
		assert_int_equal(X509_verify(cert_x509(cert), key_evp(ca_key)), 1);
		assert_true(cert_key(cert, &certified, &err));
		same = key_equal(certified, key);
		key_unref(&certified);
		assert_true(same);
		assert_non_null(X509_get0_pubkey(cert_x509(cert)));
		cert_unref(&cert);
		key_unref(&key);
	}
}

static void cert_issue_der__refused__nothing_appended(void **state)
{
	struct cert_request request = leaf_request();

	(void)state;
	assert_false(cert_issue_der(&request, ca, other_key, &a, &err));
	assert_int_equal(err.code, ERR_USAGE);
	assert_int_equal(a.len, 0);
}

static void cert_issue__empty_subject__critical_names(void **state)
{
	static const char *const hosts[] = {
		"verifier.example", "127.0.0.1", "2001:db8::1", "localhost", NULL};
	struct cert_request request = leaf_request();
	GENERAL_NAMES *names;
	int critical = 0;
	char text[16];

	(void)state;
	request.common_name = NULL;
	request.dns = hosts;
	request.server_auth = true;
	assert_true(cert_issue(&request, ca, ca_key, &cert, &err));
	assert_string_equal(cert_subject(cert, text, sizeof(text)), "");
	names = X509_get_ext_d2i(cert_x509(cert), NID_subject_alt_name, &critical, NULL);
	assert_non_null(names);
	assert_int_equal(sk_GENERAL_NAME_num(names), 5);
	GENERAL_NAMES_free(names);
	assert_int_equal(critical, 1);
	assert_int_equal(X509_check_host(cert_x509(cert), "verifier.example", 0, 0, NULL), 1);
	assert_int_equal(X509_check_ip_asc(cert_x509(cert), "127.0.0.1", 0), 1);
	assert_int_equal(X509_check_ip_asc(cert_x509(cert), "2001:db8::1", 0), 1);
	assert_true(cert_has_eku(cert, "1.3.6.1.5.5.7.3.1"));
}

static void cert_issue__own_extensions__carried(void **state)
{
	struct cert_request request = leaf_request();
	struct bytes value = {0};

	(void)state;
	request.extensions[0].oid = "1.3.6.1.4.1.99999.1";
	request.extensions[0].value = BYTES_LIT("\x04\x02hi");
	request.extension_count = 1;
	assert_true(cert_issue(&request, ca, ca_key, &cert, &err));
	assert_true(cert_extension(cert, "1.3.6.1.4.1.99999.1", &value));
	assert_true(bytes_equal(value, BYTES_LIT("\x04\x02hi")));
	assert_false(cert_extension(cert, "1.3.6.1.4.1.99999.2", &value));
	assert_false(cert_extension(cert, "no.oid", &value));
}

static void cert_issue__wrong_issuer__refused(void **state)
{
	struct cert_request request = leaf_request();

	(void)state;
	assert_false(cert_issue(&request, ca, other_key, &cert, &err));
	assert_int_equal(err.code, ERR_USAGE);
	assert_string_equal(err.text, "certificate: the issuer's certificate is for another key");
	assert_false(cert_issue(&request, NULL, ca_key, &cert, &err));
	assert_string_equal(err.text, "certificate: self-signed, but by another key");
	issue_leaf();
	request.subject = other_key;
	assert_false(cert_issue(&request, cert, leaf_key, &second, &err));
	assert_string_equal(err.text, "certificate: the issuer is no CA");
}

static void cert_issue__senseless_requests__refused(void **state)
{
	static const char *const bad_host[] = {"a b", NULL};
	static const uint8_t zero[16] = {0x80};
	char long_name[66];

	(void)state;
	for (int i = 0; i < 7; i++) {
		struct cert_request request = leaf_request();

		memset(long_name, 'x', sizeof(long_name) - 1);
		long_name[65] = 0;
		if (i == 0)
			request.common_name = long_name;
		else if (i == 1)
			request.common_name = "";
		else if (i == 2)
			request.uri = "spiffe://a b";
		else if (i == 3)
			request.dns = bad_host;
		else if (i == 4)
			request.not_after = BEGIN - 1;
		else if (i == 5)
			request.serial = zero;
		else
			request.extension_count = CERT_OWN_EXTENSIONS_MAX + 1;
		err = (struct err){0};
		assert_false(cert_issue(&request, ca, ca_key, &cert, &err));
		assert_int_equal(err.code, ERR_USAGE);
		assert_null(cert);
	}
}

static void cert_issue__public_issuer_key__denied(void **state)
{
	struct cert_request request = leaf_request();

	(void)state;
	assert_true(key_from_spki(key_spki(ca_key), &key, &err));
	assert_false(cert_issue(&request, ca, key, &cert, &err));
	assert_int_equal(err.code, ERR_DENIED);
}

static void cert_from_der__truncated_anywhere__refused(void **state)
{
	struct bytes der;

	(void)state;
	issue_leaf();
	der = cert_der(cert);
	for (size_t len = 0; len < der.len; len++) {
		assert_false(cert_from_der(bytes_of(der.data, len), false, &second, &err));
		assert_int_equal(err.code, ERR_FORMAT);
		assert_false(cert_from_der(bytes_of(der.data, len), true, &second, &err));
		assert_int_equal(err.code, ERR_FORMAT);
	}
}

static void cert_from_der__any_byte_changed__refused_or_another(void **state)
{
	struct bytes der;

	(void)state;
	issue_leaf();
	der = cert_der(cert);
	buf_put(&a, der);
	for (size_t i = 0; i < der.len; i++) {
		char text[32];

		a.data[i] ^= 0x41;
		if (cert_from_der(buf_bytes(&a), false, &second, &err)) {
			assert_true(bytes_equal(cert_der(second), buf_bytes(&a)));
			cert_uri(second, text, sizeof(text));
			cert_is_ca(second);
			cert_unref(&second);
		}
		a.data[i] ^= 0x41;
	}
}

static void cert_from_der__padding__only_where_said(void **state)
{
	static const uint8_t fills[] = {0x00, 0xff};

	(void)state;
	issue_leaf();
	for (size_t i = 0; i < ARRAY_LEN(fills); i++) {
		buf_clear(&a);
		buf_put(&a, cert_der(cert));
		for (int n = 0; n < 100; n++)
			buf_put_u8(&a, fills[i]);
		assert_true(cert_from_der(buf_bytes(&a), true, &second, &err));
		assert_true(bytes_equal(cert_der(second), cert_der(cert)));
		cert_unref(&second);
		assert_false(cert_from_der(buf_bytes(&a), false, &second, &err));
		assert_int_equal(err.code, ERR_FORMAT);
		a.data[a.len - 1] ^= 1;
		assert_false(cert_from_der(buf_bytes(&a), true, &second, &err));
		assert_non_null(strstr(err.text, "neither zeros nor ones behind it at offset"));
		memset(a.data + cert_der(cert).len, 0x41, 100);
		assert_false(cert_from_der(buf_bytes(&a), true, &second, &err));
		assert_non_null(strstr(err.text, "neither zeros nor ones behind it at offset"));
	}
}

static void cert_from_der__behind_an_nv_header__found(void **state)
{
	(void)state;
	issue_leaf();
	buf_put(&a, BYTES_LIT("\x10\x01\x00\x01\xf0\x10\x02"));
	buf_put(&a, cert_der(cert));
	assert_true(cert_from_der(buf_bytes(&a), true, &second, &err));
	assert_true(bytes_equal(cert_der(second), cert_der(cert)));
	assert_false(cert_from_der(buf_bytes(&a), false, &cert, &err));
}

static void cert_from_der__too_long__refused(void **state)
{
	(void)state;
	assert_non_null(buf_extend(&a, X509_DER_MAX + 1));
	memset(a.data, 0, a.len);
	assert_false(cert_from_der(buf_bytes(&a), false, &cert, &err));
	assert_int_equal(err.code, ERR_LIMIT);
	assert_string_equal(err.text, "certificate: 16385 bytes, at most 16384");
}

/* The P-256 OID becomes a SEQUENCE of the same length: explicit parameters (CVE-2022-0778). */
static void cert_from_der__explicit_curve__refused_before_openssl(void **state)
{
	static const uint8_t oid[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
	uint8_t *at;

	(void)state;
	issue_leaf();
	buf_put(&a, cert_der(cert));
	at = memmem(a.data, a.len, oid, sizeof(oid));
	assert_non_null(at);
	*at = 0x30;
	assert_false(cert_from_der(buf_bytes(&a), false, &second, &err));
	assert_int_equal(err.code, ERR_FORMAT);
	assert_non_null(
		strstr(err.text, "certificate: curve: explicit or missing curve parameters at "));
}

static void cert_key__point_off_the_curve__refused(void **state)
{
	struct bytes spki = key_spki(leaf_key);
	uint8_t *at;

	(void)state;
	issue_leaf();
	buf_put(&a, cert_der(cert));
	at = memmem(a.data, a.len, spki.data, spki.len);
	assert_non_null(at);
	at[spki.len - 1] ^= 1;
	if (cert_from_der(buf_bytes(&a), false, &second, &err)) {
		assert_false(cert_key(second, &key, &err));
		assert_non_null(strstr(err.text, "certificate: "));
	}
	assert_int_equal(err.code, ERR_FORMAT);
}

static void certs_from_bytes__pem_and_der_bundles__all_found(void **state)
{
	(void)state;
	issue_leaf();
	buf_put_str(&a, "0 a comment\n");
	assert_true(cert_pem(cert, &a, &err));
	assert_true(key_public_pem(ca_key, &a, &err));
	assert_true(cert_pem(ca, &a, &err));
	assert_true(certs_from_bytes(buf_bytes(&a), CERTS_MAX, many, &many_count, &err));
	assert_int_equal(many_count, 2);
	assert_true(bytes_equal(cert_der(many[0]), cert_der(cert)));
	assert_true(bytes_equal(cert_der(many[1]), cert_der(ca)));
	while (many_count)
		cert_unref(&many[--many_count]);
	buf_put(&b, cert_der(ca));
	buf_put(&b, cert_der(cert));
	assert_true(certs_from_bytes(buf_bytes(&b), CERTS_MAX, many, &many_count, &err));
	assert_int_equal(many_count, 2);
	assert_true(bytes_equal(cert_der(many[0]), cert_der(ca)));
}

static void certs_from_bytes__too_many_or_broken__none_kept(void **state)
{
	(void)state;
	buf_put(&a, cert_der(ca));
	buf_put(&a, cert_der(ca));
	assert_false(certs_from_bytes(buf_bytes(&a), 1, many, &many_count, &err));
	assert_int_equal(err.code, ERR_LIMIT);
	assert_string_equal(err.text, "certificate 2: more than 1 certificates");
	assert_null(many[0]);
	assert_false(certs_from_bytes(bytes_of(a.data, a.len - 1), 4, many, &many_count, &err));
	assert_int_equal(err.code, ERR_FORMAT);
	assert_null(many[0]);
	assert_true(cert_pem(ca, &b, &err));
	assert_false(certs_from_bytes(bytes_of(b.data, b.len - 30), 4, many, &many_count, &err));
	assert_int_equal(err.code, ERR_FORMAT);
	assert_true(certs_from_bytes((struct bytes){0}, 4, many, &many_count, &err));
	assert_int_equal(many_count, 0);
}

static void cert_from_pem__exactly_one__wanted(void **state)
{
	(void)state;
	assert_true(cert_pem(ca, &a, &err));
	assert_true(cert_from_pem(buf_bytes(&a), &cert, &err));
	assert_true(bytes_equal(cert_der(cert), cert_der(ca)));
	assert_true(cert_pem(ca, &a, &err));
	assert_false(cert_from_pem(buf_bytes(&a), &second, &err));
	assert_int_equal(err.code, ERR_LIMIT);
	assert_false(cert_from_pem(BYTES_LIT("nothing"), &second, &err));
	assert_string_equal(err.text, "certificate: no PEM block of that name");
	assert_null(second);
}

/* ---- certificates made by hand ------------------------------------------------------------------
 */

struct ext {
	const char *name, *value;
};

/* A self-signed certificate with these extensions, in OpenSSL's configuration syntax. */
static void hand_made(const struct ext *exts, size_t n)
{
	X509 *x509 = X509_new();
	uint8_t *der = NULL;
	int len;

	X509_set_version(x509, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(x509), 1);
	X509_gmtime_adj(X509_getm_notBefore(x509), 0);
	X509_gmtime_adj(X509_getm_notAfter(x509), 3600);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(x509), "CN", MBSTRING_UTF8,
		(const uint8_t *)"evil, \x1b[31m", -1, -1, 0);
	X509_set_pubkey(x509, key_evp(leaf_key));
	for (size_t i = 0; i < n; i++) {
		X509_EXTENSION *ext = X509V3_EXT_nconf(NULL, NULL, exts[i].name, exts[i].value);

		assert_non_null(ext);
		X509_add_ext(x509, ext, -1);
		X509_EXTENSION_free(ext);
	}
	assert_true(X509_sign(x509, key_evp(leaf_key), EVP_sha256()) > 0);
	len = i2d_X509(x509, &der);
	buf_clear(&a);
	buf_put(&a, bytes_of(der, (size_t)len));
	OPENSSL_free(der);
	X509_free(x509);
}

static void cert_subject__control_characters__escaped(void **state)
{
	char text[64];

	(void)state;
	hand_made(NULL, 0);
	assert_true(cert_from_der(buf_bytes(&a), false, &cert, &err));
	assert_string_equal(cert_subject(cert, text, sizeof(text)), "CN=evil\\\\, \\\\1B[31m");
}

static void cert_key_usage__absent__all_ones(void **state)
{
	(void)state;
	hand_made(NULL, 0);
	assert_true(cert_from_der(buf_bytes(&a), false, &cert, &err));
	assert_int_equal(cert_key_usage(cert), ~0u);
	assert_false(cert_is_ca(cert));
	assert_false(cert_has_eku(cert, "1.3.6.1.5.5.7.3.1"));
}

static void cert_key_usage__bits__numbered_as_in_the_rfc(void **state)
{
	static const struct ext exts[] = {
		{"keyUsage", "critical,keyEncipherment,keyAgreement,decipherOnly"}};

	(void)state;
	hand_made(exts, 1);
	assert_true(cert_from_der(buf_bytes(&a), false, &cert, &err));
	assert_int_equal(
		cert_key_usage(cert), KEY_USAGE_KEY_ENCIPHERMENT | KEY_USAGE_KEY_AGREEMENT | 0x100);
}

static void cert_key_usage__malformed__none(void **state)
{
	static const struct ext exts[] = {{"2.5.29.15", "DER:0400"}};

	(void)state;
	hand_made(exts, 1);
	assert_true(cert_from_der(buf_bytes(&a), false, &cert, &err));
	assert_int_equal(cert_key_usage(cert), 0);
}

static void cert_from_der__extension_twice__refused(void **state)
{
	static const struct ext exts[] = {
		{"1.2.3.4", "DER:0500"}, {"keyUsage", "keyAgreement"}, {"1.2.3.4", "DER:0500"}};

	(void)state;
	hand_made(exts, 2);
	assert_true(cert_from_der(buf_bytes(&a), false, &cert, &err));
	hand_made(exts, 3);
	assert_false(cert_from_der(buf_bytes(&a), false, &second, &err));
	assert_int_equal(err.code, ERR_FORMAT);
	assert_string_equal(err.text, "certificate: an extension occurs twice");
}

static void cert_from_der__too_many_extensions__refused(void **state)
{
	char oids[65][16];
	struct ext exts[65];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(exts); i++) {
		snprintf(oids[i], sizeof(oids[i]), "1.2.3.4.%zu", i);
		exts[i] = (struct ext){oids[i], "DER:0500"};
	}
	hand_made(exts, 64);
	assert_true(cert_from_der(buf_bytes(&a), false, &cert, &err));
	hand_made(exts, 65);
	assert_false(cert_from_der(buf_bytes(&a), false, &second, &err));
	assert_int_equal(err.code, ERR_LIMIT);
	assert_string_equal(err.text, "certificate: 65 extensions, at most 64");
}

#define DIRECTORY_NAME                                                                             \
	"a41a3018311630140605678105020"                                                            \
	"10c0b69643a3533353434443230"

static void cert_san_directory_attribute__twice__ambiguous(void **state)
{
	static const struct ext one[] = {{"2.5.29.17", "DER:301c" DIRECTORY_NAME}};
	static const struct ext two[] = {{"2.5.29.17", "DER:3038" DIRECTORY_NAME DIRECTORY_NAME}};
	char text[32];

	(void)state;
	hand_made(one, 1);
	assert_true(cert_from_der(buf_bytes(&a), false, &cert, &err));
	assert_true(cert_san_directory_attribute(cert, "2.23.133.2.1", text, sizeof(text)));
	assert_string_equal(text, "id:53544D20");
	hand_made(two, 1);
	assert_true(cert_from_der(buf_bytes(&a), false, &second, &err));
	assert_false(cert_san_directory_attribute(second, "2.23.133.2.1", text, sizeof(text)));
}

static void cert_client_uri__only_of_an_end_entity_for_clients(void **state)
{
	static const struct {
		bool client_auth, ca;
		const char *uri, *wanted;
	} cases[] = {
		{true, false, "spiffe://example.org/agent/ocr", "spiffe://example.org/agent/ocr"},
		{false, false, "spiffe://example.org/agent/ocr", ""},
		{true, true, "spiffe://example.org/agent/ocr", ""},
		{true, false, NULL, ""},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct cert_request request = leaf_request();
		const char *first;

		request.client_auth = cases[i].client_auth;
		request.ca = cases[i].ca;
		request.uri = cases[i].uri;
		cert_unref(&cert);
		assert_true(cert_issue(&request, ca, ca_key, &cert, &err));
		first = cert_client_uri(cert, &err);
		assert_string_equal(first, cases[i].wanted);
		assert_ptr_equal(cert_client_uri(cert, &err), first);
	}
}

static void cert_uri__none_or_two__false(void **state)
{
	static const struct ext two[] = {{"subjectAltName", "URI:spiffe://a/b,URI:spiffe://a/c"}};
	static const struct ext none[] = {{"subjectAltName", "DNS:a.example"}};
	static const struct ext nul[] = {{"2.5.29.17", "DER:300586036100"
						       "62"}};
	static const struct ext one[] = {{"subjectAltName", "DNS:a.example,URI:spiffe://a/b"}};
	char text[32];

	(void)state;
	hand_made(two, 1);
	assert_true(cert_from_der(buf_bytes(&a), false, &cert, &err));
	assert_false(cert_uri(cert, text, sizeof(text)));
	cert_unref(&cert);
	hand_made(none, 1);
	assert_true(cert_from_der(buf_bytes(&a), false, &cert, &err));
	assert_false(cert_uri(cert, text, sizeof(text)));
	cert_unref(&cert);
	hand_made(nul, 1);
	assert_true(cert_from_der(buf_bytes(&a), false, &cert, &err));
	assert_false(cert_uri(cert, text, sizeof(text)));
	cert_unref(&cert);
	hand_made(one, 1);
	assert_true(cert_from_der(buf_bytes(&a), false, &cert, &err));
	assert_true(cert_uri(cert, text, sizeof(text)));
	assert_string_equal(text, "spiffe://a/b");
	assert_false(cert_uri(cert, text, strlen("spiffe://a/b"))); /* does not fit */
}

/* ---- vectors ------------------------------------------------------------------------------------
 */

static const char *const bundles[] = {"tpm-ca-certificates/MIRROR.tpm-ca-certificates.pem",
	"tpm-ca-certificates/MIRROR.tpm-intermediate-ca-certificates.pem"};

static void certs_from_bytes__manufacturers__all_load(void **state)
{
	size_t total = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bundles); i++) {
		buf_release(&a);
		if (!vectors_read(bundles[i], &a))
			skip();
		assert_true(certs_from_bytes(buf_bytes(&a), CERTS_MAX, many, &many_count, &err));
		total += many_count;
		while (many_count) {
			struct cert *one = many[many_count - 1];

			assert_true(cert_is_ca(one));
			assert_true(cert_key_usage(one) & KEY_USAGE_CERT_SIGN);
			assert_true(cert_key(one, &key, &err));
			key_unref(&key);
			cert_unref(&many[--many_count]);
		}
	}
	assert_true(total > 140);
}

static const struct ek_case {
	const char *file, *manufacturer;
	enum key_type type;
	bool ek;
} eks[] = {
	{"keylime/ek-certs/test_cert_utils_73ffb9ae.der", "id:53544D20", KEY_RSA, true},
	{"keylime/ek-certs/test_cert_utils_85f38843.der", "id:53544D20", KEY_EC_P256, true},
	{"keylime/ek-certs/test_cert_utils_a525947f.der", NULL, KEY_RSA, false},
	{"keylime/ek-certs/test_cert_utils_be0050b2.der", NULL, KEY_RSA, false}, /* id-RSASSA-PSS */
	{"made/vm/grub-shim-secureboot-ms/ekcert-rsa.der", "id:00001014", KEY_RSA, true},
	{"made/vm/ca/ek-secp384r1.crt", "id:00001014", KEY_EC_P384, true},
};

static void cert_from_der__real_ek_certificates__read(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(eks); i++) {
		char text[64];

		buf_release(&a);
		if (!vectors_read(eks[i].file, &a))
			skip();
		assert_true(cert_from_der(buf_bytes(&a), true, &cert, &err));
		assert_true(cert_key(cert, &key, &err));
		assert_int_equal(key_type_of(key), eks[i].type);
		assert_int_equal(cert_has_eku(cert, "2.23.133.8.1"), eks[i].ek);
		if (eks[i].manufacturer) {
			assert_true(cert_san_directory_attribute(
				cert, "2.23.133.2.1", text, sizeof(text)));
			assert_string_equal(text, eks[i].manufacturer);
			assert_false(cert_san_directory_attribute(cert, "2.23.133.2.1", text, 5));
		}
		assert_false(
			cert_san_directory_attribute(cert, "2.23.133.2.99", text, sizeof(text)));
		key_unref(&key);
		cert_unref(&cert);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(cert_issue__leaf__says_what_was_asked),
		TEST(cert_issue__ca__may_only_sign_leaves),
		TEST(cert_issue__times_around_2050__read_back),
		TEST(cert_issue__no_serial__random_and_positive),
		TEST(cert_issue__every_key_type__signature_verifies),
		TEST(cert_issue_der__every_subject_key__what_our_parser_accepts),
		TEST(cert_issue_der__refused__nothing_appended),
		TEST(cert_issue__empty_subject__critical_names),
		TEST(cert_issue__own_extensions__carried),
		TEST(cert_issue__wrong_issuer__refused),
		TEST(cert_issue__senseless_requests__refused),
		TEST(cert_issue__public_issuer_key__denied),
		TEST(cert_from_der__truncated_anywhere__refused),
		TEST(cert_from_der__any_byte_changed__refused_or_another),
		TEST(cert_from_der__padding__only_where_said),
		TEST(cert_from_der__behind_an_nv_header__found),
		TEST(cert_from_der__too_long__refused),
		TEST(cert_from_der__explicit_curve__refused_before_openssl),
		TEST(cert_key__point_off_the_curve__refused),
		TEST(certs_from_bytes__pem_and_der_bundles__all_found),
		TEST(certs_from_bytes__too_many_or_broken__none_kept),
		TEST(cert_from_pem__exactly_one__wanted),
		TEST(cert_subject__control_characters__escaped),
		TEST(cert_key_usage__absent__all_ones),
		TEST(cert_key_usage__bits__numbered_as_in_the_rfc),
		TEST(cert_key_usage__malformed__none),
		TEST(cert_from_der__extension_twice__refused),
		TEST(cert_from_der__too_many_extensions__refused),
		TEST(cert_san_directory_attribute__twice__ambiguous),
		TEST(cert_client_uri__only_of_an_end_entity_for_clients),
		TEST(cert_uri__none_or_two__false),
		TEST(certs_from_bytes__manufacturers__all_load),
		TEST(cert_from_der__real_ek_certificates__read),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
