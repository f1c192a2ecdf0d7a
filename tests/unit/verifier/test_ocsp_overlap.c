/* SPDX-License-Identifier: Apache-2.0 */
/* Two CAs at once: OCSP answers for each, by a responder that this CA certified, while its key is here and it has not ended. */
#include "verifier/revocation.h"

#include "tests/unit/verifier/world.h"

#include <openssl/ocsp.h>

static struct world w;

#include "tests/unit/verifier/fakes.h"
#include "tests/unit/verifier/second_ca.h"

static struct shifted_clock shifted;

struct question {
	const struct cert *cert, *issuer;
	int status; /* what is to be answered */
};

/* w.host_cert is of the CA of before. */
static void begin(const char *line)
{
	shifted = (struct shifted_clock){.base = {.ops = &shifted_clock_ops}};
	w.clock = &shifted.base;
	world_start(&w);
	world_enroll(&w);
	app_close(&w.app);
	second_ca_before = line;
	second_ca_prepare(&w);
	if (!world_open(&w))
		fail_msg("%s", w.err.text);
}

static int setup(void **state)
{
	(void)state;
	begin("ca_key_before: file:ca.key\n");
	return 0;
}

static int setup_without_key(void **state)
{
	(void)state;
	begin("");
	return 0;
}

/* Behind the CA of the world stands one that has ended. */
static void prepare_ended(struct world *world)
{
	struct cert_request request = {.common_name = "Old CA",
		.uri = "spiffe://" WORLD_DOMAIN,
		.not_before = clock_wall(&clock_system) - 7200,
		.not_after = clock_wall(&clock_system) - 3600,
		.ca = true};
	struct buf pem = {0}, key = {0}, text = {0};
	char path[128];
	assert_ok(key_generate(KEY_EC_P256, &second_key, &world->err), world->err);
	request.subject = second_key;
	assert_ok(cert_issue(&request, NULL, second_key, &second, &world->err), world->err);
	assert_ok(cert_pem(world->authority.ca, &pem, &world->err), world->err);
	assert_ok(cert_pem(second, &pem, &world->err), world->err);
	(void)world_path(world, "ca.pem", path);
	assert_ok(file_write_atomic(path, buf_bytes(&pem), 0600, &world->err), world->err);
	assert_ok(key_private_pem(second_key, &key, &world->err), world->err);
	(void)world_path(world, "old.key", path);
	assert_ok(file_write_atomic(path, buf_bytes(&key), 0600, &world->err), world->err);
	(void)world_path(world, "verifierd.yaml", path);
	assert_ok(file_read(path, 65536, &text, &world->err), world->err);
	buf_put_str(&text, "ca_key_before: file:old.key\n");
	assert_ok(file_write_atomic(path, buf_bytes(&text), 0600, &world->err), world->err);
	buf_release(&pem);
	buf_release(&key);
	buf_release(&text);
}

static int setup_ended(void **state)
{
	(void)state;
	w.prepare = prepare_ended;
	world_start(&w);
	world_enroll(&w);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	world_stop(&w);
	second_ca_release();
	return 0;
}

/* Whether a service that believes this CA alone takes the answer. */
static bool believed(OCSP_BASICRESP *basic, const struct cert *ca, unsigned long flags)
{
	X509_STORE *store = X509_STORE_new();
	assert_int_equal(X509_STORE_add_cert(store, cert_x509(ca)), 1);
	bool ok = OCSP_basic_verify(basic, NULL, store, flags) == 1;
	X509_STORE_free(store);
	return ok;
}

static OCSP_REQUEST *request_of(const struct question *list, size_t count, struct buf *der)
{
	OCSP_REQUEST *request = OCSP_REQUEST_new();
	uint8_t *at = NULL;
	for (size_t i = 0; i < count; i++) {
		X509 *issuer = cert_x509(list[i].issuer);
		assert_non_null(OCSP_request_add0_id(
			request, OCSP_cert_id_new(EVP_sha1(), X509_get_subject_name(issuer),
					 X509_get0_pubkey_bitstr(issuer),
					 X509_get0_serialNumber(cert_x509(list[i].cert)))));
	}
	int len = i2d_OCSP_REQUEST(request, &at);
	buf_put(der, bytes_of(at, (size_t)len));
	OPENSSL_free(at);
	return request;
}

/* Asked in one request; the answer must be of `signer` and of no other. flags: of OCSP_basic_verify. */
static void asked(
	const struct question *list, size_t count, const struct cert *signer, unsigned long flags)
{
	struct buf der = {0};
	OCSP_REQUEST *request = request_of(list, count, &der);
	struct https_answer a =
		world_call(&w, NULL, "POST", "/ocsp", "application/ocsp-request", buf_bytes(&der));
	assert_int_equal(a.status, 200);
	const uint8_t *at = a.body.data;
	OCSP_RESPONSE *response = d2i_OCSP_RESPONSE(NULL, &at, (long)a.body.len);
	OCSP_BASICRESP *basic = OCSP_response_get1_basic(response);
	assert_non_null(basic);
	assert_true(believed(basic, signer, flags));
	assert_false(believed(basic, signer == second ? w.ca : second, flags));
	for (size_t i = 0; i < count; i++) {
		int status = -1;
		OCSP_CERTID *id = OCSP_onereq_get0_id(OCSP_request_onereq_get0(request, (int)i));
		assert_int_equal(
			OCSP_resp_find_status(basic, id, &status, NULL, NULL, NULL, NULL), 1);
		assert_int_equal(status, list[i].status);
	}
	OCSP_BASICRESP_free(basic);
	OCSP_RESPONSE_free(response);
	OCSP_REQUEST_free(request);
	buf_release(&der);
	buf_release(&a.body);
}

static void host_do(const char *what)
{
	char path[160], id[2 * HOST_ID_LEN + 1];
	hex_encode(BYTES_OF(w.host_id), id);
	(void)snprintf(path, sizeof(path), "/v1/hosts/%s/%s", id, what);
	world_do(&w, &w.admin, "POST", path, "{\"reason\":\"test\"}", 200);
}

static void certificate_of_before__asked_about__answered_in_the_name_of_its_ca(void **state)
{
	(void)state;
	struct question one = {w.host_cert, w.ca, V_OCSP_CERTSTATUS_GOOD};
	asked(&one, 1, w.ca, 0);
	asked(&one, 1, w.ca, 0); /* as it was kept */
	host_do("quarantine");
	one.status = V_OCSP_CERTSTATUS_REVOKED;
	asked(&one, 1, w.ca, 0);
	struct question none = {second, second, V_OCSP_CERTSTATUS_UNKNOWN};
	asked(&none, 1, second, 0);
}

/* One answer has one signer: OpenSSL believes nothing of it then (thus OCSP_NOCHECKS). */
static void certificates_of_two_cas__in_one_request__the_first_ones_ca_answers(void **state)
{
	(void)state;
	struct question mixed[] = {{w.host_cert, w.ca, V_OCSP_CERTSTATUS_GOOD},
		{w.host_cert, second, V_OCSP_CERTSTATUS_UNKNOWN}};
	asked(mixed, 2, w.ca, OCSP_NOCHECKS);
	struct question turned[] = {{w.host_cert, second, V_OCSP_CERTSTATUS_UNKNOWN},
		{w.host_cert, w.ca, V_OCSP_CERTSTATUS_UNKNOWN}};
	asked(turned, 2, second, OCSP_NOCHECKS);
}

/* The other CA has not issued a certificate of that number, whatever there is of it. */
static void serial_of_one_ca__asked_about_under_the_other__unknown(void **state)
{
	(void)state;
	struct question wrong = {w.host_cert, second, V_OCSP_CERTSTATUS_UNKNOWN};
	asked(&wrong, 1, second, 0);
	host_do("quarantine");
	asked(&wrong, 1, second, 0);
	struct question right = {w.host_cert, w.ca, V_OCSP_CERTSTATUS_REVOKED};
	asked(&right, 1, w.ca, 0);
}

static void serial_that_names_no_ca__revoked__under_both(void **state)
{
	(void)state;
	struct cert *older = second_ca_older(&w);
	struct question first = {older, w.ca, V_OCSP_CERTSTATUS_GOOD};
	asked(&first, 1, w.ca, 0);
	host_do("quarantine");
	first.status = V_OCSP_CERTSTATUS_REVOKED;
	asked(&first, 1, w.ca, 0);
	struct question other = {older, second, V_OCSP_CERTSTATUS_REVOKED};
	asked(&other, 1, second, 0);
	cert_unref(&older);
}

static void certificate_of_before__without_its_key__unknown(void **state)
{
	(void)state;
	struct question one = {w.host_cert, w.ca, V_OCSP_CERTSTATUS_UNKNOWN};
	asked(&one, 1, second, OCSP_NOCHECKS);
}

static void question__about_the_certificate_of_no_ca__the_ca_that_issues_answers(void **state)
{
	(void)state;
	struct question one = {w.host_cert, w.admin.cert, V_OCSP_CERTSTATUS_UNKNOWN};
	asked(&one, 1, second, OCSP_NOCHECKS);
}

/* Asked without a connection, for the clock of TLS does not go along. Each `count` of questions is another request. */
static void asked_at(int64_t time, size_t count)
{
	struct question many[3] = {
		{w.host_cert, w.ca, 0}, {w.host_cert, w.ca, 0}, {w.host_cert, w.ca, 0}};
	struct buf der = {0}, out = {0};
	shifted.shift += time - clock_wall(w.clock);
	OCSP_REQUEST_free(request_of(many, count, &der));
	assert_ok(revocation_ocsp(w.app, buf_bytes(&der), &out, &w.err), w.err);
	buf_release(&der);
	buf_release(&out);
}

static void responder_of_before__old__made_anew_and_no_other(void **state)
{
	(void)state;
	struct revocation *r = w.app->revocation;
	struct cert *first[CAS] = {cert_ref(r->responder[0]), cert_ref(r->responder[1])};
	struct question one = {w.host_cert, w.ca, V_OCSP_CERTSTATUS_GOOD};
	asked(&one, 1, w.ca, 0);
	assert_ptr_equal(r->responder[CA_OF_BEFORE], first[CA_OF_BEFORE]);
	asked_at(clock_wall(w.clock) + OCSP_RESPONDER_LIFETIME / 2 + 1, 1);
	assert_ptr_not_equal(r->responder[CA_OF_BEFORE], first[CA_OF_BEFORE]);
	assert_ptr_equal(r->responder[CA_OF_NOW], first[CA_OF_NOW]);
	for (size_t i = 0; i < CAS; i++)
		cert_unref(&first[i]);
}

/* A later one could not end later. */
static void responder_of_before__that_ends_with_its_ca__kept_until_then(void **state)
{
	(void)state;
	struct revocation *r = w.app->revocation;
	int64_t end = cert_not_after(w.ca);
	asked_at(end - OCSP_RESPONDER_LIFETIME / 4, 1);
	struct cert *last = cert_ref(r->responder[CA_OF_BEFORE]);
	assert_int_equal(cert_not_after(last), end);
	asked_at(end - OCSP_RESPONDER_LIFETIME / 4, 2);
	asked_at(end - 2, 3);
	assert_ptr_equal(r->responder[CA_OF_BEFORE], last);
	/* A clock that went back: no service believes what begins in the future. */
	asked_at(cert_not_before(last) - 1, 2);
	assert_ptr_not_equal(r->responder[CA_OF_BEFORE], last);
	cert_unref(&last);
}

static void ca_of_before__that_has_ended__service_starts_and_answers_for_the_other(void **state)
{
	(void)state;
	assert_null(w.app->revocation->responder[CA_OF_BEFORE]);
	struct question one = {w.host_cert, second, V_OCSP_CERTSTATUS_UNKNOWN};
	asked(&one, 1, w.ca, OCSP_NOCHECKS);
	struct question own = {w.host_cert, w.ca, V_OCSP_CERTSTATUS_GOOD};
	asked(&own, 1, w.ca, 0);
}

#define UNIT(name, with) cmocka_unit_test_setup_teardown(name, with, teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT(certificate_of_before__asked_about__answered_in_the_name_of_its_ca, setup),
		UNIT(certificates_of_two_cas__in_one_request__the_first_ones_ca_answers, setup),
		UNIT(serial_of_one_ca__asked_about_under_the_other__unknown, setup),
		UNIT(serial_that_names_no_ca__revoked__under_both, setup),
		UNIT(certificate_of_before__without_its_key__unknown, setup_without_key),
		UNIT(question__about_the_certificate_of_no_ca__the_ca_that_issues_answers, setup),
		UNIT(responder_of_before__old__made_anew_and_no_other, setup),
		UNIT(responder_of_before__that_ends_with_its_ca__kept_until_then, setup),
		UNIT(ca_of_before__that_has_ended__service_starts_and_answers_for_the_other,
			setup_ended),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
