/* SPDX-License-Identifier: Apache-2.0 */
/* Revocation lists and answers of OCSP, held against OpenSSL's own reader of them. */
#include "tests/support/unit.h"

#include <openssl/ocsp.h>
#include <openssl/x509v3.h>
#include <time.h>

#include "crypto/revocation.h"

static struct key *ca_key, *leaf_key, *responder_key;
static struct cert *ca, *leaf, *responder;
static struct err err;
static int64_t now;

static int setup(void **state)
{
	struct cert_request request = {.common_name = "ca", .ca = true};

	(void)state;
	now = (int64_t)time(NULL);
	request.not_before = now - 100;
	request.not_after = now + 100000;
	assert_ok(key_generate(KEY_EC_P256, &ca_key, &err), err);
	assert_ok(key_generate(KEY_EC_P256, &leaf_key, &err), err);
	assert_ok(key_generate(KEY_EC_P256, &responder_key, &err), err);
	request.subject = ca_key;
	assert_ok(cert_issue(&request, NULL, ca_key, &ca, &err), err);
	request.common_name = "leaf";
	request.ca = false;
	request.subject = leaf_key;
	assert_ok(cert_issue(&request, ca, ca_key, &leaf, &err), err);
	assert_ok(ocsp_responder_issue(
			  responder_key, now - 10, now + 1000, ca, ca_key, &responder, &err),
		err);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	cert_unref(&ca);
	cert_unref(&leaf);
	cert_unref(&responder);
	key_unref(&ca_key);
	key_unref(&leaf_key);
	key_unref(&responder_key);
	return 0;
}

/* ---- lists ---- */

static struct crl_entry entry_of(const struct cert *cert, enum revocation_reason reason)
{
	struct crl_entry entry = {.revoked = now - 5, .reason = reason};

	(void)cert_serial(cert, entry.serial, sizeof(entry.serial));
	return entry;
}

static X509_CRL *crl_make_one(uint64_t number, const struct crl_entry *entries, size_t count)
{
	struct crl_request request = {.number = number,
		.this_update = now,
		.next_update = now + 600,
		.entries = entries,
		.count = count};
	struct buf der = {0};
	const uint8_t *at;
	X509_CRL *crl;

	assert_ok(crl_issue(&request, ca, ca_key, &der, &err), err);
	at = der.data;
	crl = d2i_X509_CRL(NULL, &at, (long)der.len);
	assert_non_null(crl);
	assert_ptr_equal(at, der.data + der.len);
	buf_release(&der);
	return crl;
}

static void crl_issue__revoked_certificate__on_it_with_reason_and_number(void **state)
{
	struct crl_entry entry = entry_of(leaf, REVOKED_PRIVILEGE);
	X509_CRL *crl = crl_make_one(7, &entry, 1);
	EVP_PKEY *key = X509_get0_pubkey(cert_x509(ca));
	X509_REVOKED *found = NULL;
	ASN1_INTEGER *number = X509_CRL_get_ext_d2i(crl, NID_crl_number, NULL, NULL);
	ASN1_ENUMERATED *reason;

	(void)state;
	assert_int_equal(X509_CRL_verify(crl, key), 1);
	assert_int_equal(X509_CRL_get_version(crl), X509_CRL_VERSION_2);
	assert_int_equal(ASN1_INTEGER_get(number), 7);
	assert_int_equal(X509_CRL_get0_by_cert(crl, &found, cert_x509(leaf)), 1);
	reason = X509_REVOKED_get_ext_d2i(found, NID_crl_reason, NULL, NULL);
	assert_int_equal(ASN1_ENUMERATED_get(reason), 9);
	assert_int_equal(X509_CRL_get0_by_cert(crl, &found, cert_x509(responder)), 0);
	assert_true(X509_CRL_get_ext_by_NID(crl, NID_authority_key_identifier, -1) >= 0);
	ASN1_INTEGER_free(number);
	ASN1_ENUMERATED_free(reason);
	X509_CRL_free(crl);
}

static void crl_issue__our_own_chain__refuses_what_is_on_it(void **state)
{
	struct crl_entry entry = entry_of(leaf, REVOKED_UNSPECIFIED);
	struct crl_request request = {
		.number = 1, .this_update = now, .next_update = now + 600, .entries = &entry};
	struct chain_options options = {.roots = &ca, .root_count = 1, .at = now};

	(void)state;
	for (request.count = 0; request.count <= 1; request.count++) {
		struct buf der = {0};
		struct crls *crls = crls_new();
		struct chain_result result;

		assert_ok(crl_issue(&request, ca, ca_key, &der, &err), err);
		assert_ok(crls_add(crls, buf_bytes(&der), &err), err);
		options.crls = crls;
		assert_ok(chain_verify(leaf, &options, &result, &err), err);
		assert_int_equal(result.fault, request.count ? CHAIN_REVOKED : CHAIN_OK);
		chain_result_release(&result);
		crls_free(&crls);
		buf_release(&der);
	}
}

static void crl_issue__no_reason__no_extension(void **state)
{
	struct crl_entry entry = entry_of(leaf, REVOKED_UNSPECIFIED);
	X509_CRL *crl = crl_make_one(1, &entry, 1);
	X509_REVOKED *found = NULL;

	(void)state;
	assert_int_equal(X509_CRL_get0_by_cert(crl, &found, cert_x509(leaf)), 1);
	assert_int_equal(X509_REVOKED_get_ext_count(found), 0);
	X509_CRL_free(crl);
}

static void crl_issue__what_makes_no_list__refused(void **state)
{
	struct crl_entry bad = {.serial = "xy", .revoked = 1};
	struct crl_request request = {
		.number = 1, .this_update = now, .next_update = now, .entries = &bad, .count = 1};
	struct buf der = {0};

	(void)state;
	assert_fails(crl_issue(&request, ca, ca_key, &der, &err), err, ERR_USAGE,
		"CRL: ends before it begins");
	request.next_update++;
	assert_fails(crl_issue(&request, ca, ca_key, &der, &err), err, ERR_USAGE,
		"CRL: serial \"xy\" is not 1 to 20 octets of hex");
	bad.serial[0] = '\0';
	assert_fails(crl_issue(&request, ca, ca_key, &der, &err), err, ERR_USAGE,
		"CRL: serial \"\" is not 1 to 20 octets of hex");
	assert_fails(crl_issue(&request, ca, leaf_key, &der, &err), err, ERR_USAGE,
		"CRL: the issuer's certificate is for another key");
	assert_int_equal(der.len, 0);
}

static void points__uri__read_back_by_openssl(void **state)
{
	static const char uri[] = "https://verifier.example:8443/crl";
	struct buf points = {0}, access = {0};
	const uint8_t *at;
	CRL_DIST_POINTS *found;
	AUTHORITY_INFO_ACCESS *info;
	const ASN1_IA5STRING *text;

	(void)state;
	assert_ok(crl_points_der(uri, &points, &err), err);
	assert_ok(ocsp_access_der(uri, &access, &err), err);
	at = points.data;
	found = d2i_CRL_DIST_POINTS(NULL, &at, (long)points.len);
	assert_int_equal(sk_DIST_POINT_num(found), 1);
	text = sk_GENERAL_NAME_value(sk_DIST_POINT_value(found, 0)->distpoint->name.fullname, 0)
		       ->d.uniformResourceIdentifier;
	assert_string_equal((const char *)ASN1_STRING_get0_data(text), uri);
	at = access.data;
	info = d2i_AUTHORITY_INFO_ACCESS(NULL, &at, (long)access.len);
	assert_int_equal(sk_ACCESS_DESCRIPTION_num(info), 1);
	assert_int_equal(OBJ_obj2nid(sk_ACCESS_DESCRIPTION_value(info, 0)->method), NID_ad_OCSP);
	assert_fails(crl_points_der("a b", &points, &err), err, ERR_USAGE, "URI \"a b\"");
	assert_fails(ocsp_access_der("", &access, &err), err, ERR_USAGE, "URI of 0 bytes");
	CRL_DIST_POINTS_free(found);
	AUTHORITY_INFO_ACCESS_free(info);
	buf_release(&points);
	buf_release(&access);
}

/* ---- OCSP ---- */

/* A request about these certificates; nonce: -1 none, else octets of one. */
static struct buf request_of(
	const struct cert *const *certs, size_t count, const EVP_MD *md, int nonce)
{
	OCSP_REQUEST *request = OCSP_REQUEST_new();
	uint8_t octets[64] = {1, 2, 3}, *der = NULL;
	struct buf out = {0};

	for (size_t i = 0; i < count; i++)
		assert_non_null(OCSP_request_add0_id(
			request, OCSP_cert_to_id(md, cert_x509(certs[i]), cert_x509(ca))));
	if (nonce >= 0)
		assert_int_equal(OCSP_request_add1_nonce(request, octets, nonce), 1);
	int len = i2d_OCSP_REQUEST(request, &der);
	buf_put(&out, bytes_of(der, (size_t)len));
	OPENSSL_free(der);
	OCSP_REQUEST_free(request);
	return out;
}

static void ocsp__request__serials_and_nonce_read(void **state)
{
	const struct cert *both[] = {leaf, responder};
	const EVP_MD *const digests[] = {EVP_sha1(), EVP_sha256()};
	char serial[SERIAL_HEX_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(digests); i++) {
		struct buf der = request_of(both, 2, digests[i], i ? 16 : -1);
		struct ocsp_request *request = NULL;

		assert_ok(ocsp_request_parse(buf_bytes(&der), ca, &request, &err), err);
		assert_int_equal(ocsp_request_count(request), 2);
		assert_int_equal(ocsp_request_nonce(request), i == 1);
		assert_string_equal(
			ocsp_request_serial(request, 0), cert_serial(leaf, serial, sizeof(serial)));
		assert_string_equal(ocsp_request_serial(request, 1),
			cert_serial(responder, serial, sizeof(serial)));
		assert_string_equal(ocsp_request_serial(request, 2), "");
		ocsp_request_free(&request);
		buf_release(&der);
	}
}

static void ocsp__question_about_another_ca__no_serial(void **state)
{
	const struct cert *one[] = {leaf};
	struct buf der = request_of(one, 1, EVP_sha256(), -1);
	struct ocsp_request *request = NULL;

	(void)state;
	assert_ok(ocsp_request_parse(buf_bytes(&der), responder, &request, &err), err);
	assert_string_equal(ocsp_request_serial(request, 0), "");
	ocsp_request_free(&request);
	buf_release(&der);
}

static void ocsp__bad_requests__refused(void **state)
{
	static uint8_t large[OCSP_REQUEST_MAX + 1];
	const struct cert *one[] = {leaf};
	const struct cert *many[OCSP_CERTS_MAX + 1];
	struct ocsp_request *request = NULL;
	struct buf der = request_of(one, 1, EVP_sha256(), 33);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(many); i++)
		many[i] = leaf;
	assert_fails(ocsp_request_parse(buf_bytes(&der), ca, &request, &err), err, ERR_FORMAT,
		"OCSP request: nonce: expected 1 to 32 octets");
	buf_release(&der);
	der = request_of(one, 1, EVP_sha256(), 32);
	assert_ok(ocsp_request_parse(buf_bytes(&der), ca, &request, &err), err);
	ocsp_request_free(&request);
	buf_put_u8(&der, 0);
	assert_false(ocsp_request_parse(buf_bytes(&der), ca, &request, &err));
	assert_non_null(strstr(err.text, "OCSP request: bytes behind it at offset"));
	buf_release(&der);
	der = request_of(many, ARRAY_LEN(many), EVP_sha1(), -1);
	assert_fails(ocsp_request_parse(buf_bytes(&der), ca, &request, &err), err, ERR_LIMIT,
		"OCSP request: 17 certificates, expected 1 to 16");
	buf_release(&der);
	der = request_of(one, 0, EVP_sha1(), -1);
	assert_fails(ocsp_request_parse(buf_bytes(&der), ca, &request, &err), err, ERR_LIMIT,
		"OCSP request: 0 certificates, expected 1 to 16");
	buf_release(&der);
	assert_fails(ocsp_request_parse(BYTES_OF(large), ca, &request, &err), err, ERR_LIMIT,
		"OCSP request: 4097 bytes, at most 4096");
	assert_false(ocsp_request_parse((struct bytes){0}, ca, &request, &err));
	assert_int_equal(err.code, ERR_FORMAT);
	assert_null(request);
}

static void ocsp__critical_extension__refused(void **state)
{
	const struct cert *one[] = {leaf};
	struct buf der = request_of(one, 1, EVP_sha256(), -1), critical = {0};
	const uint8_t *at = der.data;
	OCSP_REQUEST *request = d2i_OCSP_REQUEST(NULL, &at, (long)der.len);
	X509_EXTENSION *extension = X509V3_EXT_nconf(NULL, NULL, "1.2.3.4", "critical,DER:05:00");
	struct ocsp_request *parsed = NULL;
	uint8_t *made = NULL;

	(void)state;
	assert_int_equal(OCSP_REQUEST_add_ext(request, extension, -1), 1);
	int len = i2d_OCSP_REQUEST(request, &made);
	buf_put(&critical, bytes_of(made, (size_t)len));
	assert_fails(ocsp_request_parse(buf_bytes(&critical), ca, &parsed, &err), err, ERR_FORMAT,
		"OCSP request: a critical extension is unknown");
	OPENSSL_free(made);
	X509_EXTENSION_free(extension);
	OCSP_REQUEST_free(request);
	buf_release(&der);
	buf_release(&critical);
}

/* What OpenSSL's own client makes of an answer: the status, after the signature up to the CA and the nonce were checked. */
static int status_found(struct bytes request_der, struct bytes response_der, int *ret_reason)
{
	const uint8_t *at = request_der.data;
	OCSP_REQUEST *request = d2i_OCSP_REQUEST(NULL, &at, (long)request_der.len);
	at = response_der.data;
	OCSP_RESPONSE *response = d2i_OCSP_RESPONSE(NULL, &at, (long)response_der.len);
	OCSP_BASICRESP *basic = OCSP_response_get1_basic(response);
	X509_STORE *store = X509_STORE_new();
	ASN1_GENERALIZEDTIME *from, *until;
	int status = -1;

	assert_int_equal(OCSP_response_status(response), OCSP_RESPONSE_STATUS_SUCCESSFUL);
	assert_int_equal(X509_STORE_add_cert(store, cert_x509(ca)), 1);
	assert_true(OCSP_check_nonce(request, basic) > 0);
	assert_int_equal(OCSP_basic_verify(basic, NULL, store, 0), 1);
	assert_int_equal(OCSP_resp_find_status(basic,
				 OCSP_onereq_get0_id(OCSP_request_onereq_get0(request, 0)), &status,
				 ret_reason, NULL, &from, &until),
		1);
	assert_int_equal(OCSP_check_validity(from, until, 2, -1), 1);
	X509_STORE_free(store);
	OCSP_BASICRESP_free(basic);
	OCSP_RESPONSE_free(response);
	OCSP_REQUEST_free(request);
	return status;
}

static void ocsp__answers__believed_by_openssl(void **state)
{
	static const struct {
		struct ocsp_answer answer;
		int status, reason;
	} cases[] = {
		{{.status = OCSP_GOOD}, V_OCSP_CERTSTATUS_GOOD, -1},
		{{.status = OCSP_UNKNOWN}, V_OCSP_CERTSTATUS_UNKNOWN, -1},
		{{.status = OCSP_REVOKED, .revoked = 1700000000, .reason = REVOKED_KEY_COMPROMISE},
			V_OCSP_CERTSTATUS_REVOKED, OCSP_REVOKED_STATUS_KEYCOMPROMISE},
		{{.status = OCSP_REVOKED, .revoked = 1700000000}, V_OCSP_CERTSTATUS_REVOKED, -1},
	};
	const struct cert *one[] = {leaf};

	(void)state;
	for (size_t i = 0; i < 2 * ARRAY_LEN(cases); i++) {
		struct buf der = request_of(one, 1, EVP_sha1(), i % 2 ? 20 : -1), out = {0};
		struct ocsp_request *request = NULL;
		int reason = -1;

		assert_ok(ocsp_request_parse(buf_bytes(&der), ca, &request, &err), err);
		assert_ok(ocsp_respond(request, &cases[i / 2].answer, now, now + 60, responder,
				  responder_key, &out, &err),
			err);
		assert_int_equal(status_found(buf_bytes(&der), buf_bytes(&out), &reason),
			cases[i / 2].status);
		assert_int_equal(reason, cases[i / 2].reason);
		ocsp_request_free(&request);
		buf_release(&der);
		buf_release(&out);
	}
}

static void ocsp__refusal__unsigned_status(void **state)
{
	struct buf out = {0};

	(void)state;
	assert_ok(ocsp_refuse(OCSP_MALFORMED, &out, &err), err);
	assert_bytes(buf_bytes(&out), BYTES_LIT("\x30\x03\x0a\x01\x01"));
	buf_release(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(crl_issue__revoked_certificate__on_it_with_reason_and_number),
		cmocka_unit_test(crl_issue__our_own_chain__refuses_what_is_on_it),
		cmocka_unit_test(crl_issue__no_reason__no_extension),
		cmocka_unit_test(crl_issue__what_makes_no_list__refused),
		cmocka_unit_test(points__uri__read_back_by_openssl),
		cmocka_unit_test(ocsp__request__serials_and_nonce_read),
		cmocka_unit_test(ocsp__question_about_another_ca__no_serial),
		cmocka_unit_test(ocsp__bad_requests__refused),
		cmocka_unit_test(ocsp__critical_extension__refused),
		cmocka_unit_test(ocsp__answers__believed_by_openssl),
		cmocka_unit_test(ocsp__refusal__unsigned_status),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
