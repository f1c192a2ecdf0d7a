/* SPDX-License-Identifier: Apache-2.0 */
/* Credentials: whose they are and how long they last is the caller's decision, within bounds that nothing crosses. */
#include "tests/unit/verifier/world.h"

#include "crypto/jws.h"
#include "crypto/revocation.h"
#include "verifier/serials.h"

static struct world w;
static struct issue issue;
static struct issued issued;
static uint8_t decision[SHA256_LEN] = {1, 2, 3};

static int group_setup(void **state)
{
	(void)state;
	world_start(&w);
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	world_stop(&w);
	return 0;
}

static int setup(void **state)
{
	(void)state;
	issue = (struct issue){
		.uri = "spiffe://bank.example/workload/x/00000000000000000000000000000001",
		.spki = key_spki(w.keys.instance),
		.now = clock_wall(&clock_system),
		.lifetime = 600,
		.decision = decision,
		.protection = KEY_SOFTWARE,
	};
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	issued_release(&issued);
	return 0;
}

static void issue__x509__as_decided(void **state)
{
	(void)state;
	struct cert *cert = NULL;
	char uri[X509_URI_MAX], serial[ROW_SERIAL_MAX];
	assert_ok(issue_x509(&w.app->issuer, &issue, &issued, &w.err), w.err);
	assert_ok(cert_from_der(buf_bytes(&issued.bytes), false, &cert, &w.err), w.err);
	assert_true(cert_uri(cert, uri, sizeof(uri)));
	assert_string_equal(uri, issue.uri);
	assert_string_equal(cert_serial(cert, serial, sizeof(serial)), issued.serial);
	assert_true(cert_not_before(cert) <= issue.now);
	assert_int_equal(cert_not_after(cert), issue.now + 600);
	assert_false(cert_is_ca(cert));
	assert_true(cert_has_eku(cert, "1.3.6.1.5.5.7.3.1"));
	assert_true(cert_has_eku(cert, "1.3.6.1.5.5.7.3.2"));
	assert_int_equal(cert_key_usage(cert), KEY_USAGE_DIGITAL_SIGNATURE);
	cert_unref(&cert);
}

static struct cert *certified(struct key *subject, int64_t from, int64_t to)
{
	struct cert *cert = NULL;
	struct buf der = {0};
	const struct cert_request request = {.common_name = "Assay records and tokens",
		.subject = subject,
		.not_before = from,
		.not_after = to};
	assert_ok(cert_issue_der(&request, w.app->issuer.ca[0], w.app->issuer.ca_key, &der, &w.err),
		w.err);
	assert_ok(cert_from_der(buf_bytes(&der), false, &cert, &w.err), w.err);
	buf_release(&der);
	return cert;
}

/* A record is judged by a certificate that was good when it was made, for the key that made it. */
static void issuer_signer__certificates_before__by_key_and_time(void **state)
{
	(void)state;
	struct issuer *issuer = &w.app->issuer;
	int64_t now = clock_wall(&clock_system);
	const uint8_t *name = key_id(issuer->signing_key), *other = key_id(w.keys.instance);
	issuer->earlier[0] = certified(w.keys.instance, now - 9000, now - 5000);
	issuer->earlier[1] = certified(issuer->signing_key, now - 9000, now - 5000);
	issuer->earlier_count = 2;
	assert_ptr_equal(issuer_signer_of(issuer, name, now), issuer->signing_cert);
	assert_ptr_equal(issuer_signer_of(issuer, name, now - 6000), issuer->earlier[1]);
	assert_ptr_equal(issuer_signer_of(issuer, other, now - 6000), issuer->earlier[0]);
	assert_ptr_equal(issuer_signer_of(issuer, name, now - 9001), issuer->signing_cert);
	assert_ptr_equal(issuer_signer_of(issuer, name, now - 5000), issuer->signing_cert);
	assert_ptr_equal(issuer_signer_of(issuer, other, now), issuer->signing_cert);
	for (; issuer->earlier_count > 0; issuer->earlier_count--)
		cert_unref(&issuer->earlier[issuer->earlier_count - 1]);
}

static void issue__lifetime_out_of_bounds__nothing(void **state)
{
	(void)state;
	static const int64_t bad[] = {0, -1, CREDENTIAL_LIFETIME_MAX + 1, INT64_MAX, INT64_MIN};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		issue.lifetime = bad[i];
		assert_fails(issue_x509(&w.app->issuer, &issue, &issued, &w.err), w.err,
			ERR_INTERNAL, "certificate: a credential's lifetime is 1 s to 2592000 s");
		assert_fails(issue_jwt(&w.app->issuer, &issue, BYTES_LIT("a"), &issued, &w.err),
			w.err, ERR_INTERNAL, "token: a credential's lifetime is 1 s to 2592000 s");
	}
	issue.lifetime = 600;
	issue.now = INT64_MAX;
	assert_false(issue_x509(&w.app->issuer, &issue, &issued, &w.err));
	issue.now = -1;
	assert_false(issue_jwt(&w.app->issuer, &issue, BYTES_LIT("a"), &issued, &w.err));
	assert_int_equal(issued.bytes.len, 0);
}

/* 2038 and beyond: until the CA ends. */
static void issue__near_the_cas_end__cut_at_it(void **state)
{
	(void)state;
	int64_t end = cert_not_after(w.ca);
	issue.now = end - 100;
	assert_ok(issue_jwt(&w.app->issuer, &issue, BYTES_LIT("a"), &issued, &w.err), w.err);
	assert_int_equal(issued.not_after, end);
	issued_release(&issued);
	issue.now = end;
	assert_fails(issue_jwt(&w.app->issuer, &issue, BYTES_LIT("a"), &issued, &w.err), w.err,
		ERR_CONFIG, "token: the CA's certificate has expired");
}

static void issue__jwt_without_audience_or_decision__nothing(void **state)
{
	(void)state;
	assert_fails(issue_jwt(&w.app->issuer, &issue, (struct bytes){0}, &issued, &w.err), w.err,
		ERR_INTERNAL, "a token needs an audience and a decision");
	issue.decision = NULL;
	assert_fails(issue_jwt(&w.app->issuer, &issue, BYTES_LIT("a"), &issued, &w.err), w.err,
		ERR_INTERNAL, "a token needs an audience and a decision");
	issue.decision = decision;
	assert_fails(issue_jwt(&w.app->issuer, &issue, BYTES_LIT("\xff"), &issued, &w.err), w.err,
		ERR_FORMAT, "token: the audience is not UTF-8");
}

/* Where certificates say that one can ask about them, as with public_url. */
static void points_give(struct issuer *issuer)
{
	buf_clear(&issuer->crl_points);
	buf_clear(&issuer->ocsp_access);
	assert_ok(crl_points_der("https://v.example/crl", &issuer->crl_points, &w.err), w.err);
	assert_ok(ocsp_access_der("https://v.example/ocsp", &issuer->ocsp_access, &w.err), w.err);
}

static bool has_extension(const struct cert *cert, const char *oid)
{
	struct bytes value = {0};
	return cert_extension(cert, oid, &value) && value.len > 0;
}

/* All that a certificate can say: decision, protection of the key, where to ask about it, rights that are lent. */
static void issue__everything_that_is_said_of_one__all_of_it_in_the_certificate(void **state)
{
	(void)state;
	static const struct verdict_elevation lent = {.right = "write", .entitlement = "ledger"};
	static const char *const oids[] = {OID_DECISION_LEAF, OID_KEY_PROTECTION, OID_CRL_POINTS,
		OID_INFO_ACCESS, OID_ELEVATIONS};
	struct cert *cert = NULL;
	struct verdict_elevation one = lent;
	one.until = issue.now + 900;
	issue.elevations = &one;
	issue.elevation_count = 1;
	points_give(&w.app->issuer);
	assert_ok(issue_x509(&w.app->issuer, &issue, &issued, &w.err), w.err);
	assert_ok(cert_from_der(buf_bytes(&issued.bytes), false, &cert, &w.err), w.err);
	for (size_t i = 0; i < ARRAY_LEN(oids); i++)
		assert_true(has_extension(cert, oids[i]));
	cert_unref(&cert);
}

static void issue__every_credential__its_own_serial(void **state)
{
	(void)state;
	char seen[64][ROW_SERIAL_MAX];
	for (size_t i = 0; i < ARRAY_LEN(seen); i++) {
		assert_ok(
			issue_jwt(&w.app->issuer, &issue, BYTES_LIT("a"), &issued, &w.err), w.err);
		memcpy(seen[i], issued.serial, sizeof(seen[i]));
		issued_release(&issued);
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(seen[i], seen[k]);
	}
}

/* Whoever knows one knows the time and the CA in the next, and nothing else of it. */
static void issue__serials__in_the_order_of_time_and_otherwise_random(void **state)
{
	(void)state;
	char seen[3][ROW_SERIAL_MAX];
	int64_t now = issue.now;
	for (size_t i = 0; i < ARRAY_LEN(seen); i++) {
		issue.now = i < 2 ? now : now + 1;
		assert_ok(issue_x509(&w.app->issuer, &issue, &issued, &w.err), w.err);
		memcpy(seen[i], issued.serial, sizeof(seen[i]));
		assert_int_equal(strlen(seen[i]), 32);
		issued_release(&issued);
	}
	issue.now = now;
	assert_memory_equal(seen[0], seen[1], 16);
	assert_memory_not_equal(seen[0] + 16, seen[1] + 16, 16);
	assert_true(strcmp(seen[1], seen[2]) < 0);
	assert_memory_not_equal(seen[1] + 16, seen[2] + 16, 16);
	assert_true(serial_may_be_of(seen[0], now, key_id(w.authority.key)));
	assert_false(serial_may_be_of(seen[0], now, key_id(w.keys.instance)));
}

static void service__bundle_and_keys__verify_what_is_issued(void **state)
{
	(void)state;
	struct https_answer bundle =
		world_call(&w, NULL, "GET", "/v1/bundle", NULL, (struct bytes){0});
	struct cert *ca = NULL;
	json_t *jwks = world_json(&w, NULL, "GET", "/v1/jwks", NULL, 200);
	assert_int_equal(json_array_size(json_object_get(jwks, "keys")), 1);
	json_decref(jwks);
	assert_ok(cert_from_pem(buf_bytes(&bundle.body), &ca, &w.err), w.err);
	assert_bytes(cert_der(ca), cert_der(w.ca));
	cert_unref(&ca);
	buf_release(&bundle.body);
	struct https_answer policy =
		world_call(&w, &w.auditor, "GET", "/v1/policy", NULL, (struct bytes){0});
	assert_bytes(buf_bytes(&policy.body), buf_bytes(&w.scene->policy_text));
	buf_release(&policy.body);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(issue__x509__as_decided, setup, teardown),
		cmocka_unit_test_setup_teardown(
			issuer_signer__certificates_before__by_key_and_time, setup, teardown),
		cmocka_unit_test_setup_teardown(
			issue__lifetime_out_of_bounds__nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(
			issue__near_the_cas_end__cut_at_it, setup, teardown),
		cmocka_unit_test_setup_teardown(
			issue__jwt_without_audience_or_decision__nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(
			issue__everything_that_is_said_of_one__all_of_it_in_the_certificate, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			issue__every_credential__its_own_serial, setup, teardown),
		cmocka_unit_test_setup_teardown(
			issue__serials__in_the_order_of_time_and_otherwise_random, setup, teardown),
		cmocka_unit_test(service__bundle_and_keys__verify_what_is_issued),
	};
	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
