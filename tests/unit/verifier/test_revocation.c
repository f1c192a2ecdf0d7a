/* SPDX-License-Identifier: Apache-2.0 */
/* What is published of revoked credentials: on the CA's list, by OCSP, in the status lists of tokens. */
#include "tests/unit/verifier/world.h"

#include <openssl/ocsp.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <zlib.h>

#include "base/text.h"
#include "crypto/jws.h"
#include "tests/unit/verifier/fakes.h"
#include "verifier/revocation.h"

#define PUBLIC_URL "https://verifier.bank.example:8443"

static struct world w;

#include "tests/unit/verifier/issue_race.h"

static struct shifted_clock shifted;

static void configure(struct world *world)
{
	char path[128];
	struct buf text = {0};
	(void)world_path(world, "verifierd.yaml", path);
	assert_ok(file_read(path, 65536, &text, &world->err), world->err);
	buf_put_str(&text, "public_url: " PUBLIC_URL "\nrevocation_lifetime: 10m\n");
	assert_ok(file_write_atomic(path, buf_bytes(&text), 0600, &world->err), world->err);
	buf_release(&text);
}

static int setup(void **state)
{
	(void)state;
	shifted = (struct shifted_clock){.base = {.ops = &shifted_clock_ops}};
	w.clock = &shifted.base;
	w.prepare = configure;
	world_start(&w);
	world_enroll(&w);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	world_stop(&w);
	return 0;
}

/* ---- asking ---- */

static struct https_answer fetch(const char *path)
{
	struct https_answer a = world_call(&w, NULL, "GET", path, NULL, (struct bytes){0});
	if (a.status != 200)
		fail_msg("%s: %d: %s", path, a.status, buf_str(&a.body));
	return a;
}

static X509_CRL *crl_fetch(void)
{
	struct https_answer a = fetch("/crl");
	const uint8_t *at = a.body.data;
	X509_CRL *crl = d2i_X509_CRL(NULL, &at, (long)a.body.len);
	assert_non_null(crl);
	assert_int_equal(X509_CRL_verify(crl, X509_get0_pubkey(cert_x509(w.ca))), 1);
	buf_release(&a.body);
	return crl;
}

static long number_of(X509_CRL *crl)
{
	ASN1_INTEGER *number = X509_CRL_get_ext_d2i(crl, NID_crl_number, NULL, NULL);
	long value = ASN1_INTEGER_get(number);
	ASN1_INTEGER_free(number);
	return value;
}

/* The reason for which it is on the list; -1: it is not. */
static long listed(X509_CRL *crl, const struct cert *cert)
{
	X509_REVOKED *found = NULL;
	if (X509_CRL_get0_by_cert(crl, &found, cert_x509(cert)) != 1)
		return -1;
	ASN1_ENUMERATED *reason = X509_REVOKED_get_ext_d2i(found, NID_crl_reason, NULL, NULL);
	long value = reason ? ASN1_ENUMERATED_get(reason) : 0;
	ASN1_ENUMERATED_free(reason);
	return value;
}

static long list_number(void)
{
	X509_CRL *crl = crl_fetch();
	long number = number_of(crl);
	X509_CRL_free(crl);
	return number;
}

/* What OCSP says of a certificate, as OpenSSL reads it; by GET or POST. */
static int ocsp_ask(const struct cert *cert, const struct cert *issuer, bool get, bool nonce)
{
	OCSP_REQUEST *request = OCSP_REQUEST_new();
	uint8_t *der = NULL;
	struct buf path = {0};
	assert_non_null(OCSP_request_add0_id(
		request, OCSP_cert_to_id(EVP_sha1(), cert_x509(cert), cert_x509(issuer))));
	if (nonce)
		assert_int_equal(OCSP_request_add1_nonce(request, NULL, 16), 1);
	int len = i2d_OCSP_REQUEST(request, &der), status = -1;
	buf_put_str(&path, "/ocsp/");
	if (get)
		buf_put_base64(&path, bytes_of(der, (size_t)len), false);
	struct https_answer a =
		get ? fetch(buf_str(&path))
		    : world_call(&w, NULL, "POST", "/ocsp", "application/ocsp-request",
			      bytes_of(der, (size_t)len));
	const uint8_t *at = a.body.data;
	OCSP_RESPONSE *response = d2i_OCSP_RESPONSE(NULL, &at, (long)a.body.len);
	OCSP_BASICRESP *basic = OCSP_response_get1_basic(response);
	X509_STORE *store = X509_STORE_new();
	assert_int_equal(X509_STORE_add_cert(store, cert_x509(w.ca)), 1);
	assert_int_equal(OCSP_basic_verify(basic, NULL, store, 0), 1);
	assert_int_equal(OCSP_check_nonce(request, basic), nonce ? 1 : 2);
	assert_int_equal(OCSP_resp_find_status(basic,
				 OCSP_onereq_get0_id(OCSP_request_onereq_get0(request, 0)), &status,
				 NULL, NULL, NULL, NULL),
		1);
	X509_STORE_free(store);
	OCSP_BASICRESP_free(basic);
	OCSP_RESPONSE_free(response);
	OCSP_REQUEST_free(request);
	OPENSSL_free(der);
	buf_release(&path);
	buf_release(&a.body);
	return status;
}

/* Where a token says that its bit stands. */
struct place {
	char path[64];
	unsigned index;
};

static struct place place_of(struct bytes token)
{
	struct place place = {0};
	struct buf claims = {0};
	json_t *root = NULL;
	assert_ok(jws_verify(token, w.app->issuer.signing_key, "JWT", &claims, &w.err), w.err);
	assert_ok(json_open(buf_bytes(&claims), 65536, &root, &w.err), w.err);
	json_t *list = json_object_get(json_object_get(root, "status"), "status_list");
	const char *uri = json_string_value(json_object_get(list, "uri"));
	assert_non_null(uri);
	assert_memory_equal(uri, PUBLIC_URL "/status/", strlen(PUBLIC_URL) + 8);
	(void)snprintf(place.path, sizeof(place.path), "%s", uri + strlen(PUBLIC_URL));
	place.index = (unsigned)json_integer_value(json_object_get(list, "idx"));
	json_decref(root);
	buf_release(&claims);
	return place;
}

/* Read as a relying service would: signature, type, subject, times, and the bit out of the unpacked list. */
static int bit_at(const struct place *place)
{
	struct https_answer a = fetch(place->path);
	struct buf claims = {0}, packed = {0};
	json_t *root = NULL;
	uint8_t bits[STATUS_LIST_LEN / 8 + 1];
	uLongf len = sizeof(bits);
	int64_t now = clock_wall(w.clock);
	assert_ok(jws_verify(buf_bytes(&a.body), w.app->issuer.signing_key, "statuslist+jwt",
			  &claims, &w.err),
		w.err);
	assert_ok(json_open(buf_bytes(&claims), 65536, &root, &w.err), w.err);
	assert_string_equal(
		json_string_value(json_object_get(root, "sub")) + strlen(PUBLIC_URL), place->path);
	assert_in_range(json_integer_value(json_object_get(root, "iat")), now - 300, now);
	assert_in_range(json_integer_value(json_object_get(root, "exp")), now + 290, now + 600);
	assert_int_equal(json_integer_value(json_object_get(root, "ttl")), 300);
	json_t *list = json_object_get(root, "status_list");
	assert_int_equal(json_integer_value(json_object_get(list, "bits")), 1);
	assert_ok(base64_decode(bytes_str(json_string_value(json_object_get(list, "lst"))), true,
			  65536, &packed, &w.err),
		w.err);
	assert_int_equal(uncompress(bits, &len, packed.data, packed.len), Z_OK);
	assert_int_equal(len, STATUS_LIST_LEN / 8);
	json_decref(root);
	buf_release(&claims);
	buf_release(&packed);
	buf_release(&a.body);
	return bits[place->index / 8] >> place->index % 8 & 1;
}

/* ---- a host, an agent on it, and what ends them ---- */

struct running {
	struct https c;
	struct world_attestation a;
	struct cert *cert;
	struct place place;
};

static void run(struct running *r)
{
	memset(r, 0, sizeof(*r));
	w.scene->claims.want_x509 = true;
	w.scene->claims.audiences[0] = BYTES_LIT("ledger.bank.example");
	w.scene->claims.audience_count = 1;
	assert_true(world_connect(&w, &r->c));
	w.scene->attest.clock += 10;
	world_launch(&w, &r->c, &r->a);
	assert_int_equal(r->a.result.token_count, 1);
	assert_ok(cert_from_der(r->a.result.certs[0], false, &r->cert, &w.err), w.err);
	r->place = place_of(r->a.result.tokens[0]);
}

static void run_end(struct running *r)
{
	cert_unref(&r->cert);
	world_attestation_release(&r->a);
	https_close(&r->c);
}

static void host_do(const char *what)
{
	char id[2 * HOST_ID_LEN + 1], path[128];
	hex_encode(BYTES_OF(w.host_id), id);
	(void)snprintf(path, sizeof(path), "/v1/hosts/%s/%s", id, what);
	world_do(&w, &w.admin, "POST", path, "{\"reason\":\"lost\"}", 200);
}

static void quarantine__host_and_agent__on_list_by_ocsp_and_in_status_list(void **state)
{
	struct running r;
	(void)state;
	run(&r);
	X509_CRL *before = crl_fetch();
	assert_int_equal(listed(before, r.cert), -1);
	assert_int_equal(listed(before, w.host_cert), -1);
	assert_int_equal(ocsp_ask(r.cert, w.ca, true, false), V_OCSP_CERTSTATUS_GOOD);
	assert_int_equal(ocsp_ask(w.host_cert, w.ca, false, true), V_OCSP_CERTSTATUS_GOOD);
	assert_int_equal(bit_at(&r.place), 0);

	host_do("quarantine");
	X509_CRL *after = crl_fetch();
	assert_int_equal(listed(after, r.cert), REVOKED_PRIVILEGE);
	assert_int_equal(listed(after, w.host_cert), REVOKED_PRIVILEGE);
	assert_int_equal(number_of(after), number_of(before) + 1);
	assert_int_equal(ocsp_ask(r.cert, w.ca, true, false), V_OCSP_CERTSTATUS_REVOKED);
	assert_int_equal(ocsp_ask(r.cert, w.ca, true, false), V_OCSP_CERTSTATUS_REVOKED);
	assert_int_equal(ocsp_ask(w.host_cert, w.ca, false, true), V_OCSP_CERTSTATUS_REVOKED);
	assert_int_equal(bit_at(&r.place), 1);
	X509_CRL_free(before);
	X509_CRL_free(after);
	run_end(&r);
}

static void confirm__after_quarantine__what_was_revoked_stays_so(void **state)
{
	struct running r;
	(void)state;
	run(&r);
	host_do("quarantine");
	host_do("confirm");
	X509_CRL *crl = crl_fetch();
	assert_int_equal(listed(crl, r.cert), REVOKED_PRIVILEGE);
	assert_int_equal(bit_at(&r.place), 1);
	X509_CRL_free(crl);
	run_end(&r);
}

static void retire__host__cessation(void **state)
{
	struct running r;
	(void)state;
	run(&r);
	host_do("retire");
	X509_CRL *crl = crl_fetch();
	assert_int_equal(listed(crl, r.cert), REVOKED_CESSATION);
	X509_CRL_free(crl);
	run_end(&r);
}

static void release_revoked__its_agents__on_the_list(void **state)
{
	struct running r;
	char digest[2 * SHA256_LEN + 1], path[128];
	(void)state;
	run(&r);
	hex_encode(BYTES_OF(w.scene->claims.release), digest);
	(void)snprintf(path, sizeof(path), "/v1/releases/%s/revoke", digest);
	world_do(&w, &w.admin, "POST", path, "{\"reason\":\"hole\"}", 200);
	X509_CRL *crl = crl_fetch();
	assert_int_equal(listed(crl, r.cert), REVOKED_PRIVILEGE);
	assert_int_equal(listed(crl, w.host_cert), -1); /* the host did nothing */
	assert_int_equal(bit_at(&r.place), 1);
	X509_CRL_free(crl);
	run_end(&r);
}

static void workload_retired__its_agents__on_the_list(void **state)
{
	struct running r;
	(void)state;
	run(&r);
	world_do(&w, &w.admin, "POST", "/v1/workloads/ocr-agent/retire", "{\"reason\":\"done\"}",
		200);
	X509_CRL *crl = crl_fetch();
	assert_int_equal(listed(crl, r.cert), REVOKED_CESSATION);
	assert_int_equal(ocsp_ask(r.cert, w.ca, true, true), V_OCSP_CERTSTATUS_REVOKED);
	assert_int_equal(bit_at(&r.place), 1);
	X509_CRL_free(crl);
	run_end(&r);
}

/* By that clock they had ended, and needed no revoking. */
static void quarantine__while_the_clock_is_ahead__on_the_list_once_it_is_right(void **state)
{
	struct running r;
	(void)state;
	run(&r);
	shifted.shift = 1800;
	assert_true(clock_wall(w.clock) > cert_not_after(r.cert));
	host_do("quarantine");
	shifted.shift = 0;
	X509_CRL *crl = crl_fetch();
	assert_int_equal(listed(crl, r.cert), REVOKED_PRIVILEGE);
	assert_int_equal(listed(crl, w.host_cert), REVOKED_PRIVILEGE);
	assert_int_equal(ocsp_ask(r.cert, w.ca, true, true), V_OCSP_CERTSTATUS_REVOKED);
	assert_int_equal(bit_at(&r.place), 1);
	X509_CRL_free(crl);
	run_end(&r);
}

static bool swept_now(struct store_tx *tx, void *arg, struct err *err)
{
	(void)arg;
	return sql_exec(tx->sql, "UPDATE retention SET time=?1 WHERE id=1",
		SQL_ARGS(sql_i(clock_wall(w.clock))), NULL, err);
}

/* Not what ended long ago: a host has many of those. */
static void quarantine__what_had_ended_by_the_last_sweep__left_as_it_is(void **state)
{
	struct running r;
	(void)state;
	run(&r);
	shifted.shift = 1800;
	assert_ok(store_run(w.app->store, swept_now, NULL, &w.err), w.err);
	host_do("quarantine");
	X509_CRL *crl = crl_fetch();
	assert_int_equal(listed(crl, r.cert), -1);
	assert_int_equal(listed(crl, w.host_cert), REVOKED_PRIVILEGE);
	X509_CRL_free(crl);
	run_end(&r);
}

static void renewal_refused__its_credentials__on_the_list(void **state)
{
	struct running r;
	struct world_attestation next;
	(void)state;
	run(&r);
	world_next(&w, &r.a, &next);
	w.scene->claims.running = false;
	w.scene->pcrs.values[SCENE_PCR][0] ^= 1;
	world_attest(&w, &r.c, &next);
	assert_outcome(&next, "untrusted: runtime-pcr");
	X509_CRL *crl = crl_fetch();
	assert_int_equal(listed(crl, r.cert), REVOKED_PRIVILEGE);
	assert_int_equal(bit_at(&r.place), 1);
	X509_CRL_free(crl);
	world_attestation_release(&next);
	run_end(&r);
}

static void certificate__names_where_to_ask(void **state)
{
	struct running r;
	struct bytes value;
	struct buf points = {0}, access = {0};
	(void)state;
	run(&r);
	char url[256], ca[2 * SHA256_LEN + 1];
	hex_encode(bytes_of(key_id(w.app->issuer.ca_key), SHA256_LEN), ca);
	(void)snprintf(url, sizeof(url), PUBLIC_URL "/crl/%s", ca);
	assert_ok(crl_points_der(url, &points, &w.err), w.err);
	assert_ok(ocsp_access_der(PUBLIC_URL "/ocsp", &access, &w.err), w.err);
	const struct cert *const certs[] = {r.cert, w.host_cert};
	for (size_t i = 0; i < ARRAY_LEN(certs); i++) {
		assert_true(cert_extension(certs[i], OID_CRL_POINTS, &value));
		assert_bytes(value, buf_bytes(&points));
		assert_true(cert_extension(certs[i], OID_INFO_ACCESS, &value));
		assert_bytes(value, buf_bytes(&access));
	}
	buf_release(&points);
	buf_release(&access);
	run_end(&r);
}

/* ---- lists in time ---- */

static void crl__nothing_changed__the_same_bytes_also_after_a_restart(void **state)
{
	(void)state;
	struct https_answer first = fetch("/crl"), again = fetch("/crl");
	assert_bytes(buf_bytes(&again.body), buf_bytes(&first.body));
	buf_release(&again.body);
	app_close(&w.app);
	assert_true(world_open(&w));
	again = fetch("/crl");
	assert_bytes(buf_bytes(&again.body), buf_bytes(&first.body));
	buf_release(&again.body);
	buf_release(&first.body);
}

static void crl__time_passes__renewed_with_a_higher_number(void **state)
{
	(void)state;
	long first = list_number();
	shifted.shift += 299;
	assert_int_equal(list_number(), first);
	shifted.shift += 1;
	assert_int_equal(list_number(), first + 1);
	/* A clock that went back does not give out what begins in the future. */
	shifted.shift -= 200;
	X509_CRL *crl = crl_fetch();
	assert_int_equal(number_of(crl), first + 2);
	time_t now = (time_t)clock_wall(w.clock);
	assert_true(X509_cmp_time(X509_CRL_get0_lastUpdate(crl), &now) < 0);
	X509_CRL_free(crl);
}

static void crl__certificate_ended__leaves_the_list_one_lifetime_later(void **state)
{
	struct running r;
	(void)state;
	run(&r);
	host_do("quarantine");
	int64_t left = cert_not_after(r.cert) - clock_wall(w.clock);
	shifted.shift += left + 300;
	X509_CRL *crl = crl_fetch();
	assert_int_equal(listed(crl, r.cert), REVOKED_PRIVILEGE);
	X509_CRL_free(crl);
	shifted.shift += 301;
	crl = crl_fetch();
	assert_int_equal(listed(crl, r.cert), -1);
	assert_int_equal(listed(crl, w.host_cert), REVOKED_PRIVILEGE); /* lives for days */
	X509_CRL_free(crl);
	run_end(&r);
}

static bool bump_work(struct store_tx *tx, void *arg, struct err *err)
{
	struct crl_row *row = arg;
	bool put = false;
	return crl_row_put(tx->sql, key_id(w.app->issuer.ca_key), row, BYTES_LIT("x"), &put, err) &&
	       (put ? true : err_set(err, ERR_CONFLICT, "not the next"));
}

/* Another verifier on the same database gave out a list meanwhile: ours comes behind it. */
static void crl__another_verifier_published__number_goes_on_from_there(void **state)
{
	(void)state;
	struct crl_row row = {.number = list_number() + 1, .made = 1, .until = 2};
	assert_ok(store_run(w.app->store, bump_work, &row, &w.err), w.err);
	assert_int_equal(list_number(), row.number + 1);
	assert_fails(store_run(w.app->store, bump_work, &row, &w.err), w.err, ERR_CONFLICT,
		"not the next");
}

/* ---- OCSP's corners ---- */

static void ocsp__serial_never_issued__unknown(void **state)
{
	(void)state;
	int64_t now = clock_wall(&clock_system);
	struct cert *forged =
		world_cert(&w, "spiffe://bank.example/host/x", w.host_key, now, now + 60);
	assert_int_equal(ocsp_ask(forged, w.ca, false, false), V_OCSP_CERTSTATUS_UNKNOWN);
	cert_unref(&forged);
}

static void ocsp__garbage__malformed_and_no_more(void **state)
{
	(void)state;
	struct https_answer a = world_call(
		&w, NULL, "POST", "/ocsp", "application/ocsp-request", BYTES_LIT("\x30\x03junk"));
	assert_int_equal(a.status, 200);
	assert_bytes(buf_bytes(&a.body), BYTES_LIT("\x30\x03\x0a\x01\x01"));
	buf_release(&a.body);
	static const struct {
		const char *path;
		int status;
	} cases[] = {{"/ocsp/%zz", 400}, {"/ocsp/%4", 400}, {"/ocsp/a", 400}, {"/ocsp/MAMK", 200},
		{"/ocsp", 405}, {"/status/0x", 404}, {"/status/999", 404},
		{"/status/9999999999999", 404}};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		a = world_call(&w, NULL, "GET", cases[i].path, NULL, (struct bytes){0});
		if (a.status != cases[i].status)
			fail_msg("%s: %d", cases[i].path, a.status);
		buf_release(&a.body);
	}
}

static void ocsp__responder_old__made_anew(void **state)
{
	(void)state;
	struct cert *first = cert_ref(w.app->revocation->responder[CA_OF_NOW]);
	assert_int_equal(ocsp_ask(w.host_cert, w.ca, false, true), V_OCSP_CERTSTATUS_GOOD);
	assert_ptr_equal(first, w.app->revocation->responder[CA_OF_NOW]);
	shifted.shift += OCSP_RESPONDER_LIFETIME / 2 + 1;
	struct buf out = {0};
	OCSP_REQUEST *request = OCSP_REQUEST_new();
	uint8_t *der = NULL;
	assert_non_null(OCSP_request_add0_id(
		request, OCSP_cert_to_id(EVP_sha256(), cert_x509(w.host_cert), cert_x509(w.ca))));
	int len = i2d_OCSP_REQUEST(request, &der);
	assert_ok(revocation_ocsp(w.app, bytes_of(der, (size_t)len), &out, &w.err), w.err);
	assert_ptr_not_equal(first, w.app->revocation->responder[CA_OF_NOW]);
	OPENSSL_free(der);
	OCSP_REQUEST_free(request);
	buf_release(&out);
	cert_unref(&first);
}

/* ---- places of tokens ---- */

static void status__places__each_once_and_in_no_order(void **state)
{
	(void)state;
	static uint8_t seen[2 * STATUS_LIST_LEN + 1];
	unsigned neighbours = 0;
	int64_t last = -1, first_list = -1;
	memset(seen, 0, sizeof(seen));
	for (unsigned i = 0; i < STATUS_LIST_LEN + 100; i++) {
		int64_t place = 0;
		assert_ok(revocation_status_take(w.app, &place, &w.err), w.err);
		if (first_list < 0)
			first_list = (place - 1) / STATUS_LIST_LEN;
		int64_t at = place - 1 - first_list * STATUS_LIST_LEN;
		assert_in_range(at, 0, 2 * STATUS_LIST_LEN - 1);
		assert_int_equal(at / STATUS_LIST_LEN, i / STATUS_LIST_LEN);
		assert_int_equal(seen[at]++, 0);
		neighbours += place == last + 1 || place == last - 1;
		last = place;
	}
	assert_true(neighbours < 40);
}

static void status__two_processes__lists_of_their_own(void **state)
{
	(void)state;
	int64_t one = 0, other = 0;
	assert_ok(revocation_status_take(w.app, &one, &w.err), w.err);
	app_close(&w.app);
	assert_true(world_open(&w));
	assert_ok(revocation_status_take(w.app, &other, &w.err), w.err);
	assert_int_not_equal((one - 1) / STATUS_LIST_LEN, (other - 1) / STATUS_LIST_LEN);
}

/* ---- C4: issuing against revoking ---- */

static atomic_uint serial_next;

/* What a decision does: the row is read, much later rechecked in the transaction that stores what was signed. */
static bool issue_work(struct store_tx *tx, void *arg, struct err *err)
{
	const struct host_row *row = arg;
	unsigned n = serial_next++;
	struct credential_row x509 = {.kind = CREDENTIAL_X509,
		.issued = row->enrolled,
		.not_after = row->enrolled + 100000};
	struct credential_row jwt = x509;
	memcpy(x509.host, row->id, sizeof(x509.host));
	memcpy(jwt.host, row->id, sizeof(jwt.host));
	jwt.kind = CREDENTIAL_JWT;
	jwt.status = (int64_t)(n % STATUS_LIST_LEN) + 1;
	(void)snprintf(x509.serial, sizeof(x509.serial), "40%030x", n);
	(void)snprintf(jwt.serial, sizeof(jwt.serial), "41%030x", n);
	return host_recheck(tx->sql, row, err) && credential_insert(tx->sql, &x509, err) &&
	       credential_insert(tx->sql, &jwt, err);
}

/* Every certificate and token that the store holds of the host is on the list that was just given out. */
static void all_listed(void)
{
	struct http_shared *list = NULL;
	struct sql *sql = NULL;
	struct sql_query *q = NULL;
	static uint8_t bits[STATUS_LIST_LEN / 8];
	bool more = true;
	assert_ok(revocation_crl(w.app, NULL, &list, &w.err), w.err);
	const uint8_t *at = http_shared_bytes(list).data;
	X509_CRL *crl = d2i_X509_CRL(NULL, &at, (long)http_shared_bytes(list).len);
	memset(bits, 0, sizeof(bits));
	assert_ok(store_read(w.app->store, &sql, &w.err), w.err);
	assert_ok(status_list_bits(sql, 0, bits, &w.err), w.err);
	assert_ok(sql_start(sql, "SELECT serial, kind, status FROM credentials WHERE host=?1",
			  SQL_ARGS(sql_b(BYTES_OF(w.host_id))), &q, &w.err),
		w.err);
	for (;;) {
		char serial[ROW_SERIAL_MAX];
		assert_ok(sql_next(q, &more, &w.err), w.err);
		if (!more)
			break;
		assert_ok(sql_text(q, 0, "serial", serial, sizeof(serial), &w.err), w.err);
		int64_t place = sql_int(q, 2) - 1;
		if (sql_int(q, 1) == CREDENTIAL_JWT) {
			if ((bits[place / 8] >> place % 8 & 1) == 0)
				fail_msg("token %s is not in its list", serial);
			continue;
		}
		BIGNUM *number = NULL;
		X509_REVOKED *found = NULL;
		assert_true(BN_hex2bn(&number, serial) > 0);
		ASN1_INTEGER *integer = BN_to_ASN1_INTEGER(number, NULL);
		if (X509_CRL_get0_by_serial(crl, &found, integer) != 1)
			fail_msg("certificate %s is not on the list", serial);
		ASN1_INTEGER_free(integer);
		BN_free(number);
	}
	sql_finish(&q);
	store_read_done(w.app->store, &sql);
	X509_CRL_free(crl);
	http_shared_unref(&list);
}

/* Whole lists are read now and then; in between, that nothing is unrevoked: the rows are what lists are made of. */
static void nothing_unrevoked(void)
{
	struct sql *sql = NULL;
	struct sql_query *q = NULL;
	assert_ok(store_read(w.app->store, &sql, &w.err), w.err);
	assert_ok(sql_first(sql, "SELECT count(*) FROM credentials WHERE host=?1 AND revoked=0",
			  SQL_ARGS(sql_b(BYTES_OF(w.host_id))), &q, &w.err),
		w.err);
	assert_int_equal(sql_int(q, 0), 0);
	sql_finish(&q);
	store_read_done(w.app->store, &sql);
}

static bool forget_work(struct store_tx *tx, void *arg, struct err *err)
{
	(void)arg;
	return sql_exec(tx->sql, "DELETE FROM credentials WHERE host=?1",
		SQL_ARGS(sql_b(BYTES_OF(w.host_id))), NULL, err);
}

/* 10^4 rounds with ASSAY_LONG=1. */
static void C4__revoke_against_issue__all_on_the_lists_or_never_issued(void **state)
{
	(void)state;
	unsigned rounds = getenv("ASSAY_LONG") ? 10000 : 300;
	race_begin(issue_work);
	for (unsigned round = 0; race_goes_on(round, rounds); round++) {
		race_set_state(HOST_QUARANTINED);
		if (round % 10 == 0)
			all_listed();
		else
			nothing_unrevoked();
		if (round % 100 == 99)
			assert_ok(store_run(w.app->store, forget_work, NULL, &w.err), w.err);
		race_set_state(HOST_ACTIVE);
		race_pause(round);
	}
	race_end();
}

#define UNIT(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT(quarantine__host_and_agent__on_list_by_ocsp_and_in_status_list),
		UNIT(confirm__after_quarantine__what_was_revoked_stays_so),
		UNIT(retire__host__cessation),
		UNIT(release_revoked__its_agents__on_the_list),
		UNIT(workload_retired__its_agents__on_the_list),
		UNIT(quarantine__while_the_clock_is_ahead__on_the_list_once_it_is_right),
		UNIT(quarantine__what_had_ended_by_the_last_sweep__left_as_it_is),
		UNIT(renewal_refused__its_credentials__on_the_list),
		UNIT(certificate__names_where_to_ask),
		UNIT(crl__nothing_changed__the_same_bytes_also_after_a_restart),
		UNIT(crl__time_passes__renewed_with_a_higher_number),
		UNIT(crl__certificate_ended__leaves_the_list_one_lifetime_later),
		UNIT(crl__another_verifier_published__number_goes_on_from_there),
		UNIT(ocsp__serial_never_issued__unknown),
		UNIT(ocsp__garbage__malformed_and_no_more),
		UNIT(ocsp__responder_old__made_anew),
		UNIT(status__places__each_once_and_in_no_order),
		UNIT(status__two_processes__lists_of_their_own),
		UNIT(C4__revoke_against_issue__all_on_the_lists_or_never_issued),
	};
	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
