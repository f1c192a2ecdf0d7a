/* SPDX-License-Identifier: Apache-2.0 */
/* A TPM maker's certification authority: EK certificates as the TCG profile wants them, or with one thing wrong. */
#ifndef ASSAY_TESTS_UNIT_POLICY_EK_CA_H
#define ASSAY_TESTS_UNIT_POLICY_EK_CA_H

#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include "crypto/x509.h"
#include "tests/support/unit.h"

#define EK_CA_EKU "2.23.133.8.1"

struct ek_ca {
	struct key *key;
	struct cert *cert;
};
struct ek_cert_wish {
	const struct key *subject;
	int64_t not_before, not_after;
	const char *eku;
};

static inline void ek_ca_make(struct ek_ca *ca, const char *name, int64_t now)
{
	struct err err = {0};
	struct cert_request request = {
		.common_name = name,
		.not_before = now - 10 * 86400,
		.not_after = now + 100 * 86400,
		.ca = true,
	};

	assert_ok(key_generate(KEY_EC_P256, &ca->key, &err), err);
	request.subject = ca->key;
	assert_ok(cert_issue(&request, NULL, ca->key, &ca->cert, &err), err);
}

static inline void ek_ca_free(struct ek_ca *ca)
{
	key_unref(&ca->key);
	cert_unref(&ca->cert);
}

static inline void ek_put_extension(X509 *x509, int nid, void *value, int critical)
{
	assert_int_equal(X509_add1_ext_i2d(x509, nid, value, critical, X509V3_ADD_DEFAULT), 1);
}

static inline void ek_put_usages(X509 *x509, const char *eku)
{
	ASN1_BIT_STRING *usage = ASN1_BIT_STRING_new();
	EXTENDED_KEY_USAGE *extended = sk_ASN1_OBJECT_new_null();

	ASN1_BIT_STRING_set_bit(usage, 4, 1); /* keyAgreement */
	ek_put_extension(x509, NID_key_usage, usage, 1);
	sk_ASN1_OBJECT_push(extended, OBJ_txt2obj(eku, 1));
	ek_put_extension(x509, NID_ext_key_usage, extended, 0);
	ASN1_BIT_STRING_free(usage);
	EXTENDED_KEY_USAGE_free(extended);
}

static inline void ek_put_san(X509 *x509)
{
	static const char *const attributes[][2] = {{"2.23.133.2.1", "id:49424D00"},
		{"2.23.133.2.2", "soft"}, {"2.23.133.2.3", "id:00000001"}};
	X509_NAME *name = X509_NAME_new();
	GENERAL_NAMES *names = sk_GENERAL_NAME_new_null();
	GENERAL_NAME *general = GENERAL_NAME_new();

	for (size_t i = 0; i < ARRAY_LEN(attributes); i++) {
		ASN1_OBJECT *oid = OBJ_txt2obj(attributes[i][0], 1);

		X509_NAME_add_entry_by_OBJ(name, oid, MBSTRING_UTF8,
			(const unsigned char *)attributes[i][1], -1, -1, 0);
		ASN1_OBJECT_free(oid);
	}
	GENERAL_NAME_set0_value(general, GEN_DIRNAME, name);
	sk_GENERAL_NAME_push(names, general);
	ek_put_extension(x509, NID_subject_alt_name, names, 1);
	GENERAL_NAMES_free(names);
}

/* Appends the certificate's DER. */
static inline void ek_ca_issue(
	const struct ek_ca *ca, const struct ek_cert_wish *wish, struct buf *out)
{
	X509 *x509 = X509_new();
	BASIC_CONSTRAINTS *constraints = BASIC_CONSTRAINTS_new();
	unsigned char *der = NULL;
	int n;

	X509_set_version(x509, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(x509), 7);
	X509_set_issuer_name(x509, X509_get_subject_name(cert_x509(ca->cert)));
	ASN1_TIME_set(X509_getm_notBefore(x509), wish->not_before);
	ASN1_TIME_set(X509_getm_notAfter(x509), wish->not_after);
	X509_set_pubkey(x509, key_evp(wish->subject));
	ek_put_extension(x509, NID_basic_constraints, constraints, 1);
	ek_put_usages(x509, wish->eku);
	ek_put_san(x509);
	assert_true(X509_sign(x509, key_evp(ca->key), EVP_sha256()) > 0);
	n = i2d_X509(x509, &der);
	assert_true(n > 0);
	buf_put(out, bytes_of(der, (size_t)n));
	OPENSSL_free(der);
	BASIC_CONSTRAINTS_free(constraints);
	X509_free(x509);
}

/* A text as a block of YAML, six columns in. */
static inline void ek_put_block(struct buf *text, struct buf *out)
{
	for (const char *line = buf_str(text); *line; line += strcspn(line, "\n") + 1)
		buf_printf(out, "      %.*s\n", (int)strcspn(line, "\n"), line);
}

/* A "ek_roots" section for a policy. */
static inline void ek_ca_put_yaml(const struct ek_ca *ca, struct buf *out)
{
	struct buf pem = {0};
	struct err err = {0};

	assert_ok(cert_pem(ca->cert, &pem, &err), err);
	buf_put_str(out, "ek_roots:\n  - name: maker\n    pem: |\n");
	ek_put_block(&pem, out);
	buf_release(&pem);
}

#endif
