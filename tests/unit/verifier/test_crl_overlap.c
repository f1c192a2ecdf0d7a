/* SPDX-License-Identifier: Apache-2.0 */
/* Two CAs at once: each has its list, signed by its own key while that is here. */
#include "verifier/revocation.h"

#include "tests/unit/verifier/world.h"

#include <openssl/x509v3.h>

static struct world w;
#include "tests/unit/verifier/second_ca.h"

static int setup(void **state)
{
	(void)state;
	second_ca_before = "ca_key_before: file:ca.key\n";
	w.prepare = second_ca_prepare;
	world_start(&w);
	return 0;
}

static int setup_without_key(void **state)
{
	(void)state;
	second_ca_before = "";
	w.prepare = second_ca_prepare;
	world_start(&w);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	world_stop(&w);
	second_ca_release();
	return 0;
}

/* Of the CA whose key that is; NULL: the one without a name. The caller frees it. */
static X509_CRL *list_of(const struct key *key, const struct cert *signer)
{
	char path[128] = "/crl", id[2 * SHA256_LEN + 1];
	hex_encode(bytes_of(key_id(key ? key : second_key), SHA256_LEN), id);
	if (key)
		(void)snprintf(path, sizeof(path), "/crl/%s", id);
	struct https_answer a = world_call(&w, NULL, "GET", path, NULL, (struct bytes){0});
	assert_int_equal(a.status, 200);
	const unsigned char *at = a.body.data;
	X509_CRL *crl = d2i_X509_CRL(NULL, &at, (long)a.body.len);
	buf_release(&a.body);
	assert_non_null(crl);
	assert_int_equal(X509_CRL_verify(crl, X509_get0_pubkey(cert_x509(signer))), 1);
	assert_int_equal(
		X509_NAME_cmp(X509_CRL_get_issuer(crl), X509_get_subject_name(cert_x509(signer))),
		0);
	return crl;
}

static bool listed(X509_CRL *crl, const struct cert *cert)
{
	X509_REVOKED *found = NULL;
	return X509_CRL_get0_by_serial(crl, &found, X509_get_serialNumber(cert_x509(cert))) == 1;
}

/* A list is about what its own CA issued, and about what nobody knows of. */
static void lists__of_both_cas__each_signed_by_its_own_about_its_own(void **state)
{
	char path[160], id[2 * HOST_ID_LEN + 1];
	(void)state;
	world_enroll(&w);
	struct cert *older = second_ca_older(&w);
	hex_encode(BYTES_OF(w.host_id), id);
	const struct {
		const struct key *key;
		const struct cert *signer;
	} lists[] = {{w.authority.key, w.authority.ca}, {second_key, second}, {NULL, second}};
	for (int revoked = 0; revoked < 2; revoked++) {
		for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
			X509_CRL *crl = list_of(lists[i].key, lists[i].signer);
			assert_int_equal(listed(crl, w.host_cert), revoked && i > 0);
			assert_int_equal(listed(crl, older), revoked);
			X509_CRL_free(crl);
		}
		(void)snprintf(path, sizeof(path), "/v1/hosts/%s/%s", id,
			revoked ? "confirm" : "quarantine");
		world_do(&w, &w.admin, "POST", path, "{\"reason\":\"test\"}", 200);
	}
	cert_unref(&older);
}

static void list_asked(const uint8_t id[SHA256_LEN], int status, const char *said)
{
	char path[128], hex[2 * SHA256_LEN + 1];
	hex_encode(bytes_of(id, SHA256_LEN), hex);
	(void)snprintf(path, sizeof(path), "/crl/%s", hex);
	struct https_answer a = world_call(&w, NULL, "GET", path, NULL, (struct bytes){0});
	assert_int_equal(a.status, status);
	if (!strstr(buf_str(&a.body), said))
		fail_msg("%s", buf_str(&a.body));
	buf_release(&a.body);
}

static void list__of_a_ca_without_its_key__said(void **state)
{
	static const uint8_t nobody[SHA256_LEN] = {1};
	(void)state;
	list_asked(key_id(w.authority.key), 404, "the key of this CA is not here");
	list_asked(nobody, 404, "no such CA");
	X509_CRL_free(list_of(second_key, second));
}

/* A key of no CA that is believed signs nothing; nor does that of the CA that issues a second time. */
static void key_before__of_no_ca_behind_the_first__refused(void **state)
{
	static const char *const uris[] = {"tls.key", "second.key"};
	char path[128];
	struct buf text = {0};
	(void)state;
	app_close(&w.app);
	(void)world_path(&w, "verifierd.yaml", path);
	assert_ok(file_read(path, 65536, &text, &w.err), w.err);
	for (size_t i = 0; i < ARRAY_LEN(uris); i++) {
		struct buf wrong = {0};
		buf_printf(&wrong, "%sca_key_before: file:%s\n", buf_str(&text), uris[i]);
		assert_ok(file_write_atomic(path, buf_bytes(&wrong), 0600, &w.err), w.err);
		assert_false(world_open(&w));
		assert_int_equal(w.err.code, ERR_CONFIG);
		assert_non_null(strstr(w.err.text, "not the private key of a CA behind the first "
						   "in ca_certificate"));
		buf_release(&wrong);
	}
	buf_release(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			lists__of_both_cas__each_signed_by_its_own_about_its_own, setup, teardown),
		cmocka_unit_test_setup_teardown(
			list__of_a_ca_without_its_key__said, setup_without_key, teardown),
		cmocka_unit_test_setup_teardown(key_before__of_no_ca_behind_the_first__refused,
			setup_without_key, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
