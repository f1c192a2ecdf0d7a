/* SPDX-License-Identifier: Apache-2.0 */
/* The profile of EK certificates: one case for each thing that can be wrong with one. */
#include "evidence/ek_cert.h"

#include <openssl/ec.h>
#include <openssl/evp.h>

#include "parse_check.h"
#include "tests/support/crl.h"
#include "tests/support/ek_ca.h"
#include "tests/support/tpm_sw.h"
#include "tests/support/vectors.h"

static struct ek_ca ca, stranger;
static struct tpm_sw_key *ecc, *rsa;
static struct ek_ca_options wanted;
static struct ek_cert_options options;
static struct ek_cert_result result;
static struct cert *cert;

static int group_setup(void **state)
{
	struct err err;

	(void)state;
	return ek_ca_new(&ca, &err) && ek_ca_new(&stranger, &err) &&
			       tpm_sw_ek_new(EK_TEMPLATE_L2, &ecc, &err) &&
			       tpm_sw_ek_new(EK_TEMPLATE_L1, &rsa, &err)
		       ? 0
		       : -1;
}

static int group_teardown(void **state)
{
	(void)state;
	ek_ca_release(&ca);
	ek_ca_release(&stranger);
	tpm_sw_key_free(&ecc);
	tpm_sw_key_free(&rsa);
	return 0;
}

static int setup(void **state)
{
	(void)state;
	wanted = ek_ca_honest(ecc->key);
	options = (struct ek_cert_options){
		.roots = &ca.root,
		.root_count = 1,
		.intermediates = &ca.intermediate,
		.intermediate_count = 1,
		.at = EK_CA_NOW,
		.ek = ecc->key,
	};
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	ek_cert_result_release(&result);
	cert_unref(&cert);
	return 0;
}

/* Issues what is wanted, judges it. */
static enum ek_cert_fault judged(void)
{
	struct err err = {0};

	teardown(NULL);
	assert_ok(ek_ca_issue(&ca, &wanted, &cert, &err), err);
	assert_ok(ek_cert_verify(cert, &options, &result, &err), err);
	return result.fault;
}

static void assert_fault(enum ek_cert_fault fault, const char *detail)
{
	assert_int_equal(judged(), fault);
	if (!strstr(result.detail, detail))
		fail_msg("\"%s\" lacks \"%s\"", result.detail, detail);
}

static void ek_cert__honest__ok(void **state)
{
	(void)state;
	assert_int_equal(judged(), EK_CERT_OK);
	assert_string_equal(result.manufacturer, "id:54455354");
	assert_string_equal(result.model, "software");
	assert_string_equal(result.version, "id:00000001");
	assert_int_equal(result.chain.count, 3);
	assert_false(result.expired);
	wanted = ek_ca_honest(rsa->key);
	options.ek = rsa->key;
	assert_int_equal(judged(), EK_CERT_OK);
	options.ek = NULL;
	assert_int_equal(judged(), EK_CERT_OK);
}

/* E33: the validity of a certificate counts as of one time, its revocation as of another. */
static void ek_cert__revoked__judged_at_its_own_time(void **state)
{
	struct err err = {0};
	struct buf der = {0};
	struct crls *crls = crls_new();

	(void)state;
	options.crls = crls;
	options.at = EK_CA_NOW;
	options.crls_at = EK_CA_NOW + 1000;
	wanted.not_after = EK_CA_NOW + 1; /* ended by then */
	assert_int_equal(judged(), EK_CERT_OK); /* no lists: nothing to judge */
	const struct crl_wish wish = {.issuer = ca.intermediate,
		.key = ca.intermediate_key,
		.revoked = cert,
		.last = EK_CA_NOW + 500,
		.next = EK_CA_NOW + 1500,
		.der = true};
	assert_ok(crl_make(&wish, &der, &err), err);
	assert_ok(crls_add(crls, buf_bytes(&der), &err), err);
	ek_cert_result_release(&result);
	assert_ok(ek_cert_verify(cert, &options, &result, &err), err);
	assert_int_equal(result.fault, EK_CERT_CHAIN);
	assert_int_equal(result.chain.fault, CHAIN_REVOKED);
	assert_non_null(strstr(result.detail, "revoked: certificate 0"));
	assert_int_equal(result.chain.count, 3);
	assert_int_equal(judged(), EK_CERT_OK); /* another certificate by the same issuer */
	assert_int_equal(result.chain.unlisted, 1);
	options.crls_at = EK_CA_NOW + 2000;
	assert_fault(EK_CERT_CHAIN, "revocation-list: certificate 0");
	options.ignore_stale_crls = true;
	assert_int_equal(judged(), EK_CERT_OK);
	assert_true(result.chain.stale_crl);
	crls_free(&crls);
	buf_release(&der);
}

/* E9: the right names, the wrong key. */
static void ek_cert__signed_by_another_of_the_same_name__refused(void **state)
{
	(void)state;
	wanted.self = stranger.intermediate_key;
	assert_fault(EK_CERT_CHAIN, "bad-signature: ");
	wanted.self = ecc->key;
	assert_fault(EK_CERT_CHAIN, "bad-signature: ");
}

/* E9, E23: a whole chain of somebody else's. */
static void ek_cert__chain_of_another_manufacturer__refused(void **state)
{
	struct err err = {0};

	(void)state;
	assert_ok(ek_ca_issue(&stranger, &wanted, &cert, &err), err);
	options.intermediates = &stranger.intermediate;
	assert_ok(ek_cert_verify(cert, &options, &result, &err), err);
	assert_int_equal(result.fault, EK_CERT_CHAIN);
	options.root_count = 0;
	assert_int_equal(judged(), EK_CERT_CHAIN);
}

/* E10: named as what it is; nothing is fetched, as there is nothing here that could. */
static void ek_cert__missing_intermediate__incomplete_chain(void **state)
{
	(void)state;
	options.intermediate_count = 0;
	assert_fault(EK_CERT_CHAIN, "incomplete-chain: ");
	assert_int_equal(result.chain.fault, CHAIN_INCOMPLETE);
}

/* E11. */
static void ek_cert__other_eku__refused(void **state)
{
	(void)state;
	wanted.eku = "serverAuth";
	assert_fault(EK_CERT_EKU, "extendedKeyUsage lacks 2.23.133.8.1");
	wanted.eku = NULL;
	assert_fault(EK_CERT_EKU, "extendedKeyUsage lacks 2.23.133.8.1");
	wanted.eku = "2.23.133.8.3"; /* an AK certificate */
	assert_fault(EK_CERT_EKU, "extendedKeyUsage lacks 2.23.133.8.1");
}

/* E12: the EKU of an EK on a key that signs. */
static void ek_cert__key_usage_of_a_signing_key__refused(void **state)
{
	(void)state;
	wanted.key_usage = "critical,digitalSignature";
	assert_fault(EK_CERT_KEY_USAGE, "keyUsage of this ECC key lacks keyAgreement");
	wanted.key_usage = "critical,keyEncipherment";
	assert_fault(EK_CERT_KEY_USAGE, "keyUsage of this ECC key lacks keyAgreement");
	wanted.key_usage = NULL;
	assert_fault(EK_CERT_KEY_USAGE, "keyUsage is absent");
	wanted = ek_ca_honest(rsa->key);
	options.ek = rsa->key;
	wanted.key_usage = "critical,digitalSignature";
	assert_fault(EK_CERT_KEY_USAGE, "keyUsage of this RSA key lacks keyEncipherment");
	wanted.key_usage = "critical,keyAgreement";
	assert_fault(EK_CERT_KEY_USAGE, "keyUsage of this RSA key lacks keyEncipherment");
}

static void ek_cert__of_an_authority__refused(void **state)
{
	(void)state;
	wanted.ca = true;
	assert_fault(EK_CERT_IS_CA, "certificate of an authority");
}

/* E14: a critical subjectAltName is read, not waved through. */
static void ek_cert__critical_names_nobody_knows__refused(void **state)
{
	(void)state;
	wanted.other_name = "otherName:1.2.3.4;UTF8:x";
	assert_fault(EK_CERT_SAN, "a form of name that is not known");
	wanted.other_name = "email:a@b.example";
	assert_fault(EK_CERT_SAN, "a form of name that is not known");
	wanted.san_critical = false;
	assert_int_equal(judged(), EK_CERT_OK);
	wanted.san_critical = true;
	wanted.other_name = "otherName:1.3.6.1.5.5.7.8.3;UTF8:x"; /* permanentIdentifier */
	assert_int_equal(judged(), EK_CERT_OK);
}

static void ek_cert__tpm_attributes_missing__refused(void **state)
{
	(void)state;
	wanted.manufacturer = NULL;
	assert_fault(EK_CERT_SAN, "lacks tpmManufacturer (2.23.133.2.1)");
	setup(NULL);
	wanted.model = NULL;
	assert_fault(EK_CERT_SAN, "lacks tpmModel (2.23.133.2.2)");
	setup(NULL);
	wanted.version = NULL;
	assert_fault(EK_CERT_SAN, "lacks tpmVersion (2.23.133.2.3)");
	setup(NULL);
	wanted.manufacturer = wanted.model = wanted.version = NULL;
	assert_fault(EK_CERT_SAN, "subjectAltName is absent");
}

static void ek_cert__text_in_attributes__escaped(void **state)
{
	(void)state;
	wanted.model = "a\x1b[31m\nb";
	assert_int_equal(judged(), EK_CERT_OK);
	assert_string_equal(result.model, "a\\x1b[31m\\nb");
}

static void ek_cert__unknown_critical_extension__refused(void **state)
{
	(void)state;
	wanted.critical_oid = "1.2.3.4.5";
	assert_fault(EK_CERT_EXTENSION, "critical extension 1.2.3.4.5 is not known");
}

/* E15. */
static void ek_cert__of_another_ek__refused(void **state)
{
	(void)state;
	options.ek = rsa->key;
	assert_fault(EK_CERT_KEY, "the certified key is not the EK that was sent");
}

static void ek_cert__oaep_key__refused_by_name(void **state)
{
	(void)state;
	wanted = ek_ca_honest(rsa->key);
	options.ek = rsa->key;
	wanted.oaep = true;
	assert_fault(EK_CERT_KEY, "its algorithm is id-RSAES-OAEP, which is not supported");
}

/* E29: curve parameters spelled out, as those that made OpenSSL loop were. */
static void ek_cert__explicit_curve__not_even_parsed(void **state)
{
	EVP_PKEY *pkey = EVP_EC_gen("P-256");
	struct err err = {0};

	(void)state;
	assert_non_null(pkey);
	assert_int_equal(EVP_PKEY_set_utf8_string_param(pkey, "encoding", "explicit"), 1);
	wanted.subject = pkey;
	assert_false(ek_ca_issue(&ca, &wanted, &cert, &err));
	EVP_PKEY_free(pkey);
	assert_int_equal(err.code, ERR_FORMAT);
	assert_non_null(strstr(err.text, "curve: explicit or missing curve parameters"));
}

/* E24. */
static void ek_cert__expired__refused_unless_asked_otherwise(void **state)
{
	(void)state;
	wanted.not_after = EK_CA_NOW - 1;
	assert_fault(EK_CERT_CHAIN, "expired: ");
	options.ignore_expiry = true;
	assert_int_equal(judged(), EK_CERT_OK);
	assert_true(result.expired);
	options.ignore_expiry = false;
	options.at = EK_CA_NOW - 2;
	assert_int_equal(judged(), EK_CERT_OK);
	options.at = EK_CA_FROM - 1;
	assert_fault(EK_CERT_CHAIN, "not-yet-valid: ");
}

static void ek_cert_fault_name__every_fault__has_one(void **state)
{
	(void)state;
	assert_string_equal(ek_cert_fault_name(EK_CERT_EKU), "ek-cert-eku");
	assert_string_equal(ek_cert_fault_name(EK_CERT_EXTENSION), "ek-cert-extension");
	assert_string_equal(ek_cert_fault_name((enum ek_cert_fault)77), "ek-cert-unknown");
}

/* ---- real ones ---- */

static bool load(const char *name, struct cert **ret)
{
	struct buf in = {0};
	struct err err = {0};
	bool pem, ok = vectors_read(name, &in);

	if (ok) {
		pem = in.data[0] == '-';
		ok = pem ? cert_from_pem(buf_bytes(&in), ret, &err)
			 : cert_from_der(buf_bytes(&in), true, ret, &err);
		if (!ok)
			fail_msg("%s: %s", name, err.text);
	}
	buf_release(&in);
	return ok;
}

static enum ek_cert_fault real_judged(const char *name)
{
	struct err err = {0};

	teardown(NULL);
	assert_true(load(name, &cert));
	if (options.at == 0)
		options.at = cert_not_before(cert) + 3600;
	assert_ok(ek_cert_verify(cert, &options, &result, &err), err);
	return result.fault;
}

static struct key *ek_of(const char *name)
{
	struct buf in = {0};
	struct tpmt_public p;
	struct key *key = NULL;
	struct err err = {0};

	assert_true(vectors_read(name, &in));
	assert_ok(tpm2b_public_parse(buf_bytes(&in), &p, &err), err);
	assert_ok(tpmt_public_key(&p, &key, &err), err);
	buf_release(&in);
	return key;
}

static void ek_cert__made_by_swtpm__ok(void **state)
{
	static const struct {
		const char *cert, *ek;
	} cases[] = {
		{"made/vm/uki-no-secureboot/ekcert-rsa.der", "made/vm/uki-no-secureboot/ek.pub"},
		{"made/vm/ca/ek-rsa2048.crt", NULL},
		{"made/vm/ca/ek-rsa3072.crt", NULL},
		{"made/vm/ca/ek-secp384r1.crt", NULL},
	};
	struct cert *root = NULL, *intermediate = NULL;

	(void)state;
	if (!load("made/vm/ca/swtpm-localca-rootca-cert.pem", &root) ||
		!load("made/vm/ca/issuercert.pem", &intermediate))
		skip();
	options = (struct ek_cert_options){.roots = &root,
		.root_count = 1,
		.intermediates = &intermediate,
		.intermediate_count = 1};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct key *ek = NULL;

		if (cases[i].ek)
			ek = ek_of(cases[i].ek);
		options.ek = ek;
		options.at = 0;
		if (real_judged(cases[i].cert) != EK_CERT_OK)
			fail_msg("%s: %s: %s", cases[i].cert, ek_cert_fault_name(result.fault),
				result.detail);
		assert_true(result.manufacturer[0] && result.model[0] && result.version[0]);
		key_unref(&ek);
	}
	cert_unref(&root);
	cert_unref(&intermediate);
}

/* Google's certificates of vTPM keys: no EKU at all, those of signing keys with digitalSignature
 * besides. */
static void ek_cert__google_pca__refused(void **state)
{
	static const char *const names[] = {"go-tpm-tools/pca_tpm_ecc_sign_cert.pem",
		"go-tpm-tools/pca_tpm_rsa_sign_cert.pem", "go-tpm-tools/pca_tpm_ecc_enc_cert.pem",
		"go-tpm-tools/pca_tpm_rsa_enc_cert.pem"};
	struct cert *root = NULL, *intermediate = NULL;

	(void)state;
	if (!load("go-tpm-tools/ca-certs/gcp_ek_ak_ca_root.crt", &root) ||
		!load("go-tpm-tools/ca-certs/gcp_ek_ak_ca_intermediate_v3.crt", &intermediate))
		skip();
	options = (struct ek_cert_options){.roots = &root,
		.root_count = 1,
		.intermediates = &intermediate,
		.intermediate_count = 1,
		.at = EK_CA_NOW};
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (real_judged(names[i]) != EK_CERT_EKU)
			fail_msg("%s: %s: %s", names[i], ek_cert_fault_name(result.fault),
				result.detail);
	cert_unref(&root);
	cert_unref(&intermediate);
}

static struct cert *store[512];

static size_t store_load(const char *name, size_t at)
{
	struct buf in = {0};
	size_t count = 0;
	struct err err = {0};

	if (vectors_read(name, &in))
		assert_ok(certs_from_bytes(
				  buf_bytes(&in), ARRAY_LEN(store) - at, store + at, &count, &err),
			err);
	buf_release(&in);
	return count;
}

/* ST's, with a critical subjectAltName and an empty subject; the manufacturers' CAs as the default
 * trust store has them. */
static void ek_cert__st_of_real_tpms__against_real_roots(void **state)
{
	static const char *const names[] = {"keylime/ek-certs/test_cert_utils_4aebe77a.der",
		"keylime/ek-certs/test_cert_utils_5a8979a8.der",
		"keylime/ek-certs/test_cert_utils_73ffb9ae.der",
		"keylime/ek-certs/test_cert_utils_85f38843.der",
		"keylime/ek-certs/test_cert_utils_a525947f.der",
		"keylime/ek-certs/test_cert_utils_be0050b2.der"};
	size_t roots = store_load("tpm-ca-certificates/MIRROR.tpm-ca-certificates.pem", 0),
	       intermediates, st = 0;

	(void)state;
	if (roots == 0)
		skip();
	intermediates = store_load(
		"tpm-ca-certificates/MIRROR.tpm-intermediate-ca-certificates.pem", roots);
	options = (struct ek_cert_options){.roots = store,
		.root_count = roots,
		.intermediates = store + roots,
		.intermediate_count = intermediates,
		.at = EK_CA_NOW};
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		enum ek_cert_fault fault = real_judged(names[i]);

		st += fault == EK_CERT_OK && strcmp(result.manufacturer, "id:53544D20") == 0;
	}
	assert_int_equal(st, 2);
	for (size_t i = 0; i < roots + intermediates; i++)
		cert_unref(&store[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(ek_cert__honest__ok, setup, teardown),
		cmocka_unit_test_setup_teardown(
			ek_cert__signed_by_another_of_the_same_name__refused, setup, teardown),
		cmocka_unit_test_setup_teardown(
			ek_cert__chain_of_another_manufacturer__refused, setup, teardown),
		cmocka_unit_test_setup_teardown(
			ek_cert__missing_intermediate__incomplete_chain, setup, teardown),
		cmocka_unit_test_setup_teardown(ek_cert__other_eku__refused, setup, teardown),
		cmocka_unit_test_setup_teardown(
			ek_cert__key_usage_of_a_signing_key__refused, setup, teardown),
		cmocka_unit_test_setup_teardown(ek_cert__of_an_authority__refused, setup, teardown),
		cmocka_unit_test_setup_teardown(
			ek_cert__critical_names_nobody_knows__refused, setup, teardown),
		cmocka_unit_test_setup_teardown(
			ek_cert__tpm_attributes_missing__refused, setup, teardown),
		cmocka_unit_test_setup_teardown(
			ek_cert__text_in_attributes__escaped, setup, teardown),
		cmocka_unit_test_setup_teardown(
			ek_cert__unknown_critical_extension__refused, setup, teardown),
		cmocka_unit_test_setup_teardown(ek_cert__of_another_ek__refused, setup, teardown),
		cmocka_unit_test_setup_teardown(
			ek_cert__oaep_key__refused_by_name, setup, teardown),
		cmocka_unit_test_setup_teardown(
			ek_cert__explicit_curve__not_even_parsed, setup, teardown),
		cmocka_unit_test_setup_teardown(
			ek_cert__expired__refused_unless_asked_otherwise, setup, teardown),
		cmocka_unit_test_setup_teardown(
			ek_cert_fault_name__every_fault__has_one, setup, teardown),
		cmocka_unit_test_setup_teardown(
			ek_cert__revoked__judged_at_its_own_time, setup, teardown),
		cmocka_unit_test_setup_teardown(ek_cert__made_by_swtpm__ok, setup, teardown),
		cmocka_unit_test_setup_teardown(ek_cert__google_pca__refused, setup, teardown),
		cmocka_unit_test_setup_teardown(
			ek_cert__st_of_real_tpms__against_real_roots, setup, teardown),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
