/* SPDX-License-Identifier: Apache-2.0 */
/* The bundle around a model's manifest: signed and verified in key and certificate mode, every
 * deviation refused. */
#include "policy/model_signature.h"

#include "base/text.h"
#include "tests/support/unit.h"

#define CODE_SIGNING "\x30\x0a\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x03"

static const char statement[] = "{\"what\":\"is signed\"}";
static struct key *key, *other;
static struct model_bundle *bundle;
static struct cert *cert;
static struct buf text, edited;
static struct err err;

static int group_setup(void **state)
{
	(void)state;
	assert_ok(key_generate(KEY_EC_P256, &key, &err), err);
	assert_ok(key_generate(KEY_EC_P384, &other, &err), err);
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	key_unref(&key);
	key_unref(&other);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	model_bundle_free(&bundle);
	cert_unref(&cert);
	buf_release(&text);
	buf_release(&edited);
	return 0;
}

/* A certificate of the key. */
static void issue(struct key *subject, bool ca, bool server)
{
	const struct cert_request request = {.common_name = "models",
		.subject = subject,
		.not_before = 1000,
		.not_after = 2000000000,
		.ca = ca,
		.server_auth = server};
	cert_unref(&cert);
	assert_ok(cert_issue(&request, NULL, subject, &cert, &err), err);
}

static void sign(struct key *by, size_t certificates)
{
	buf_clear(&text);
	assert_ok(model_bundle_sign(bytes_of(statement, sizeof(statement) - 1), by, &cert,
			  certificates, &text, &err),
		err);
}

static void parse(void)
{
	assert_ok(model_bundle_parse(buf_bytes(&text), &bundle, &err), err);
}

static struct bytes edit(const char *from, const char *to)
{
	const char *whole = buf_str(&text), *at = strstr(whole, from);
	if (!at)
		fail_msg("%s lacks %s", whole, from);
	buf_clear(&edited);
	buf_printf(&edited, "%.*s%s%s", (int)(at - whole), whole, to, at + strlen(from));
	return buf_bytes(&edited);
}

static void bundle__key_of_each_curve__verifies(void **state)
{
	static const enum key_type types[] = {KEY_EC_P256, KEY_EC_P384, KEY_EC_P521};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		OWNED(key_unref) struct key *made = NULL;
		char hint[2 * SHA256_LEN + 1];
		assert_ok(key_generate(types[i], &made, &err), err);
		sign(made, 0);
		parse();
		assert_ok(model_bundle_verify(bundle, made, &err), err);
		assert_ok(model_key_hint(made, hint, &err), err);
		assert_string_equal(bundle->hint, hint);
		assert_int_equal(bundle->mode, MODEL_MODE_KEY);
		assert_string_equal(bundle->dsse->signatures[0].keyid, "");
		assert_bytes(buf_bytes(&bundle->dsse->payload),
			bytes_of(statement, sizeof(statement) - 1));
		model_bundle_free(&bundle);
	}
}

static void bundle__other_key__refused_and_named(void **state)
{
	char wanted[512], hint[2 * SHA256_LEN + 1];
	(void)state;
	sign(key, 0);
	parse();
	assert_ok(model_key_hint(other, hint, &err), err);
	snprintf(wanted, sizeof(wanted),
		"model signature: made with another key (hint %s, the key given has %s)",
		bundle->hint, hint);
	assert_fails(model_bundle_verify(bundle, other, &err), err, ERR_MISMATCH, wanted);
}

static void bundle__changed_payload__refused(void **state)
{
	(void)state;
	sign(key, 0);
	parse();
	bundle->dsse->payload.data[0] ^= 1;
	assert_fails(model_bundle_verify(bundle, key, &err), err, ERR_MISMATCH,
		"model signature: does not verify");
}

/* The hint is nobody's word: it neither lets a signature pass nor stops one. */
static void bundle__hint_of_another_key__the_signature_decides(void **state)
{
	(void)state;
	sign(key, 0);
	parse();
	bundle->hint[0] = bundle->hint[0] == '0' ? '1' : '0';
	assert_ok(model_bundle_verify(bundle, key, &err), err);
}

static void bundle__old_form_of_the_key__read(void **state)
{
	(void)state;
	sign(key, 0);
	struct bytes in =
		edit("\"hint\"", "\"keyDetails\":\"PKIX_ECDSA_P256_SHA_256\",\"rawBytes\"");
	assert_ok(model_bundle_parse(in, &bundle, &err), err);
	assert_string_equal(bundle->hint, "");
	assert_ok(model_bundle_verify(bundle, key, &err), err);
}

static void sign__key_that_is_not_ec__refused_by_name(void **state)
{
	OWNED(key_unref) struct key *edwards = NULL;
	(void)state;
	assert_ok(key_generate(KEY_ED25519, &edwards, &err), err);
	assert_fails(model_bundle_sign(BYTES_LIT("{}"), edwards, NULL, 0, &text, &err), err,
		ERR_UNSUPPORTED,
		"model signature: a key of type Ed25519: only EC P-256, P-384 and P-521 sign "
		"models");
	sign(key, 0);
	parse();
	assert_fails(model_bundle_verify(bundle, edwards, &err), err, ERR_UNSUPPORTED,
		"model signature: a key of type Ed25519: only EC P-256, P-384 and P-521 sign "
		"models");
}

struct deviation {
	const char *from, *to, *text;
	enum err_code code;
};

#define MATERIAL                                                                                   \
	"model signature: verificationMaterial: not exactly one of publicKey, "                    \
	"x509CertificateChain and certificate"

static void bundle__deviations__refused(void **state)
{
	static const struct deviation cases[] = {
		{"bundle.v0.3+json", "bundle.v0.9+json",
			"model signature: bundle: mediaType: not that of a Sigstore bundle 0.1 to "
			"0.3",
			ERR_FORMAT},
		{"\"mediaType\"", "\"more\":1,\"mediaType\"",
			"model signature: bundle: more: unknown key", ERR_FORMAT},
		{"\"publicKey\"", "\"other\"", MATERIAL, ERR_FORMAT},
		{"\"publicKey\"", "\"certificate\":{},\"publicKey\"", MATERIAL, ERR_FORMAT},
		{"\"publicKey\"", "\"x509CertificateChain\":{},\"publicKey\"", MATERIAL,
			ERR_FORMAT},
		{"\"publicKey\"", "\"certificate\"",
			"model signature: verificationMaterial: keyless signatures (certificate) "
			"are not supported",
			ERR_UNSUPPORTED},
		{"\"publicKey\"", "\"x509CertificateChain\"",
			"model signature: x509CertificateChain: certificates: missing", ERR_FORMAT},
		{"\"hint\"", "\"other\"", "model signature: publicKey: hint: missing", ERR_FORMAT},
		{"\"hint\": \"", "\"hint\": \"00", "model signature: publicKey: hint: too long",
			ERR_FORMAT},
		{"application/vnd.in-toto+json", "application/json",
			"model signature: dsseEnvelope: payload type \"application/json\"",
			ERR_FORMAT},
		{"\"signatures\": [", "\"signatures\": [{\"sig\":\"AA==\"},",
			"model signature: dsseEnvelope: 2 signatures, not exactly one", ERR_FORMAT},
	};
	(void)state;
	sign(key, 0);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct bytes in = edit(cases[i].from, cases[i].to);
		assert_fails(
			model_bundle_parse(in, &bundle, &err), err, cases[i].code, cases[i].text);
		assert_null(bundle);
	}
}

/* ---- certificate mode ---- */

static void extend(struct cert_request *request, const char *oid, const char *der, size_t len)
{
	request->extensions[request->extension_count].oid = oid;
	request->extensions[request->extension_count++].value = bytes_of(der, len);
}

static void bundle__certificate_for_signing__stands_in_the_bundle(void **state)
{
	struct cert_request request = {.common_name = "models",
		.subject = key,
		.not_before = 1000,
		.not_after = 2000000000};
	(void)state;
	extend(&request, "2.5.29.37", CODE_SIGNING, sizeof(CODE_SIGNING) - 1);
	assert_ok(cert_issue(&request, NULL, key, &cert, &err), err);
	sign(key, 1);
	parse();
	assert_int_equal(bundle->mode, MODEL_MODE_CERTIFICATE);
	assert_int_equal(bundle->chain_count, 1);
	assert_bytes(cert_der(bundle->chain[0]), cert_der(cert));
	assert_ok(model_bundle_verify(bundle, key, &err), err);
}

static void bundle__certificate_cut_short__refused(void **state)
{
	(void)state;
	issue(key, false, false);
	sign(key, 1);
	struct bytes in = edit("\"rawBytes\": \"MII", "\"rawBytes\": \"MIIAA");
	assert_false(model_bundle_parse(in, &bundle, &err));
	assert_non_null(strstr(err.text, "model signature: x509CertificateChain: certificate 0: "));
	in = edit("\"rawBytes\"", "\"raw\"");
	assert_fails(model_bundle_parse(in, &bundle, &err), err, ERR_FORMAT,
		"model signature: x509CertificateChain: rawBytes: missing");
}

static void certificate__usages__only_those_for_signing(void **state)
{
	(void)state;
	/* Without extended key usage, digitalSignature is enough. */
	issue(key, false, false);
	assert_ok(model_cert_may_sign(cert, &err), err);
	issue(key, false, true);
	assert_fails(model_cert_may_sign(cert, &err), err, ERR_MISMATCH,
		"the certificate is not for signing (its extended key usage lacks codeSigning)");
	issue(key, true, false);
	assert_fails(model_cert_may_sign(cert, &err), err, ERR_MISMATCH,
		"the certificate is not for signing (its key usage lacks digitalSignature)");
}

static void sign__certificate_that_does_not_fit__refused(void **state)
{
	(void)state;
	issue(other, false, false);
	assert_fails(model_signer_check(key, &cert, 1, &err), err, ERR_USAGE,
		"model signature: the first certificate is of another key");
	issue(key, false, true);
	assert_fails(model_bundle_sign(BYTES_LIT("{}"), key, &cert, 1, &text, &err), err,
		ERR_MISMATCH,
		"model signature: the certificate is not for signing (its extended key usage lacks "
		"codeSigning)");
	struct cert *many[X509_CHAIN_MAX + 1] = {cert};
	assert_fails(model_signer_check(key, many, X509_CHAIN_MAX + 1, &err), err, ERR_LIMIT,
		"model signature: 9 certificates, at most 8");
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(bundle__key_of_each_curve__verifies),
		TEST(bundle__other_key__refused_and_named),
		TEST(bundle__changed_payload__refused),
		TEST(bundle__hint_of_another_key__the_signature_decides),
		TEST(bundle__old_form_of_the_key__read),
		TEST(sign__key_that_is_not_ec__refused_by_name),
		TEST(bundle__deviations__refused),
		TEST(bundle__certificate_for_signing__stands_in_the_bundle),
		TEST(bundle__certificate_cut_short__refused),
		TEST(certificate__usages__only_those_for_signing),
		TEST(sign__certificate_that_does_not_fit__refused),
	};
	return cmocka_run_group_tests_name(
		"policy/model_bundle", tests, group_setup, group_teardown);
}
