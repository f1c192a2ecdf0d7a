/* SPDX-License-Identifier: Apache-2.0 */
/* Endorsement certificates: how they are cut apart, chains of more than one, and the words of each refusal. */
#include "policy/policy.h"

#include "decision.h"
#include "ek_ca.h"
#include "tests/support/crl.h"

static struct ek_ca root, below, stranger;
static struct buf der, lines;
static struct ek_cert_wish wish;

static void put_extension(X509 *x509, const X509 *issuer, int nid, const char *value)
{
	X509V3_CTX context;
	X509_EXTENSION *extension;

	X509V3_set_ctx(&context, (X509 *)(uintptr_t)issuer, x509, NULL, NULL, 0);
	extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
	assert_non_null(extension);
	assert_int_equal(X509_add_ext(x509, extension, -1), 1);
	X509_EXTENSION_free(extension);
}

/* A maker's authority: its root, or one below it that issues endorsement certificates. */
static void make_authority(struct ek_ca *ca, const char *name, const struct ek_ca *by)
{
	X509 *x509 = X509_new(), *issuer = by == ca ? x509 : cert_x509(by->cert);
	X509_NAME *subject = X509_NAME_new();
	unsigned char *out = NULL;
	struct err err = {0};
	int n;

	assert_ok(key_generate(KEY_EC_P256, &ca->key, &err), err);
	X509_set_version(x509, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(x509), name[0]);
	X509_NAME_add_entry_by_txt(
		subject, "CN", MBSTRING_UTF8, (const unsigned char *)name, -1, -1, 0);
	X509_set_subject_name(x509, subject);
	X509_set_issuer_name(x509, X509_get_subject_name(issuer));
	ASN1_TIME_set(X509_getm_notBefore(x509), SCENE_NOW - 10 * 86400);
	ASN1_TIME_set(X509_getm_notAfter(x509), SCENE_NOW + 100 * 86400);
	X509_set_pubkey(x509, key_evp(ca->key));
	put_extension(x509, issuer, NID_basic_constraints, "critical,CA:TRUE");
	put_extension(x509, issuer, NID_key_usage, "critical,keyCertSign,cRLSign");
	assert_true(X509_sign(x509, key_evp(by->key), EVP_sha256()) > 0);
	n = i2d_X509(x509, &out);
	assert_true(n > 0);
	assert_ok(cert_from_der(bytes_of(out, (size_t)n), false, &ca->cert, &err), err);
	OPENSSL_free(out);
	X509_NAME_free(subject);
	X509_free(x509);
}

static int makers_setup(void **state)
{
	make_authority(&root, "Root", &root);
	make_authority(&below, "Below", &root);
	make_authority(&stranger, "Stranger", &stranger);
	return group_setup(state);
}

static int makers_teardown(void **state)
{
	ek_ca_free(&root);
	ek_ca_free(&below);
	ek_ca_free(&stranger);
	return group_teardown(state);
}

/* A section of the policy with one PEM text, or one more of the same section. */
static void put_pem(const char *section, struct buf *pem)
{
	if (section)
		buf_printf(&lines, "%s:\n  - name: maker\n    pem: |\n", section);
	ek_put_block(pem, &lines);
	buf_release(pem);
}

/* The scene's policy, trusting the root; `lines` are more of it. */
static void trust(void)
{
	struct buf text = {0};
	const char *whole, *at;

	s->top_lines = lines.len > 0 ? buf_str(&lines) : "";
	buf_clear(&s->policy_text);
	scene_policy_text(&keys, s->class_lines, s->top_lines, &s->policy_text);
	whole = buf_str(&s->policy_text);
	at = strstr(whole, "ek_roots: []\n");
	assert_non_null(at);
	buf_printf(&text, "%.*s", (int)(at - whole), whole);
	ek_ca_put_yaml(&root, &text);
	buf_put_str(&text, at + strlen("ek_roots: []\n"));
	buf_release(&s->policy_text);
	s->policy_text = text;
	policy_free(&s->policy);
	assert_ok(policy_parse(buf_bytes(&text), "policy.yaml", &s->policy, &s->err), s->err);
	s->context.policy = s->policy;
}

static int ek_setup(void **state)
{
	(void)setup(state);
	wish = (struct ek_cert_wish){
		.subject = keys.ek->key,
		.not_before = SCENE_NOW - 5 * 86400,
		.not_after = SCENE_NOW + 86400,
		.eku = EK_CA_EKU,
	};
	trust();
	return 0;
}

static int ek_teardown(void **state)
{
	buf_release(&der);
	buf_release(&lines);
	return teardown(state);
}

static void judge(const struct bytes *certs, size_t count)
{
	assert_ok(policy_appraise_ek(buf_bytes(&keys.ek->public_area), certs, count,
			  buf_bytes(&keys.ak->public_area), s->policy, SCENE_NOW, s->verdict,
			  &s->err),
		s->err);
}

/* ---- cutting them apart ---- */

static void split__each_form_of_length__as_DER_has_it(void **state)
{
	static uint8_t seq127[2 + 127] = {0x30, 127}, seq128[3 + 128] = {0x30, 0x81, 128},
				  seq256[4 + 256] = {0x30, 0x82, 1, 0},
				  endless[2 + 128] = {0x30, 0x80};
	const struct {
		struct bytes in;
		size_t count;
		const char *error;
	} cases[] = {
		{BYTES_LIT(""), 0, NULL},
		{BYTES_LIT("\0\xff\0"), 0, NULL},
		{BYTES_LIT("\x30\0"), 1, NULL},
		{BYTES_LIT("\x30\0\x30\0"), 2, NULL},
		{BYTES_LIT("\0\x30\0\xff\xff\x30\x01\x05"), 2, NULL},
		{BYTES_LIT("\x30\x81\0"), 1, NULL},
		{BYTES_LIT("\x30\x82\0\0"), 1, NULL},
		{BYTES_LIT("\x30\x82\0\x01\x05"), 1, NULL},
		{BYTES_OF(seq127), 1, NULL},
		{BYTES_OF(seq128), 1, NULL},
		{BYTES_OF(seq256), 1, NULL},
		{BYTES_LIT("\x31\0"), 0, "not DER at offset 0 of 2"},
		{BYTES_LIT("\x30"), 0, "not DER at offset 0 of 1"},
		{BYTES_LIT("\x30\x01"), 0, "not DER at offset 0 of 2"},
		{BYTES_LIT("\x30\0\x30\x80"), 0, "not DER at offset 2 of 4"},
		{BYTES_LIT("\x30\x80\0\0"), 0, "not DER at offset 0 of 4"},
		{BYTES_OF(endless), 0, "not DER at offset 0 of 130"},
		{BYTES_LIT("\x30\x01\x05\x30\x02\x05"), 0, "not DER at offset 3 of 6"},
		{BYTES_LIT("\x30\x81"), 0, "not DER at offset 0 of 2"},
		{BYTES_LIT("\x30\x82\0"), 0, "not DER at offset 0 of 3"},
		{BYTES_LIT("\x30\x83\0\0\x01\x05"), 0, "not DER at offset 0 of 6"},
		{bytes_of(seq127, 128), 0, "not DER at offset 0 of 128"},
		{bytes_of(seq128, 130), 0, "not DER at offset 0 of 130"},
		{bytes_of(seq256, 259), 0, "not DER at offset 0 of 259"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct bytes certs[EK_CERTS_MAX];
		size_t count = 99;

		if (cases[i].error) {
			assert_fails(ek_certs_split(cases[i].in, certs, &count, &s->err), s->err,
				ERR_FORMAT, cases[i].error);
			continue;
		}
		if (!ek_certs_split(cases[i].in, certs, &count, &s->err))
			fail_msg("case %zu: %s", i, s->err.text);
		if (count != cases[i].count)
			fail_msg("case %zu: %zu", i, count);
	}
}

static void split__as_many_as_there_may_be__and_no_more(void **state)
{
	struct bytes certs[EK_CERTS_MAX];
	size_t count = 0;

	(void)state;
	for (size_t i = 0; i < EK_CERTS_MAX; i++)
		buf_put(&der, BYTES_LIT("\x30\x01\x05"));
	assert_ok(ek_certs_split(buf_bytes(&der), certs, &count, &s->err), s->err);
	assert_int_equal(count, EK_CERTS_MAX);
	assert_ptr_equal(certs[EK_CERTS_MAX - 1].data, der.data + 3 * (EK_CERTS_MAX - 1));
	assert_int_equal(certs[EK_CERTS_MAX - 1].len, 3);
	buf_put(&der, BYTES_LIT("\x30\0"));
	assert_fails(ek_certs_split(buf_bytes(&der), certs, &count, &s->err), s->err, ERR_LIMIT,
		"more than 8 certificates");
}

/* ---- template and distrust ---- */

static void template__listed_or_not__said(void **state)
{
	(void)state;
	ek_ca_issue(&root, &wish, &der);
	judge(&(struct bytes){der.data, der.len}, 1);
	assert_trusted(s);
	assert_true(says(s->verdict, "endorsement key: template L-2"));
	assert_true(says(s->verdict, "attestation key: restricted, signing, bound to its TPM"));
	assert_false(says(s->verdict, "endorsement key: not among"));
	/* As NV memory holds it, padded. */
	buf_put(&der, BYTES_LIT("\0\0"));
	judge(&(struct bytes){der.data, der.len}, 1);
	assert_trusted(s);
	buf_put_str(&lines, "ek_templates: [H-3]\n");
	trust();
	judge(&(struct bytes){der.data, der.len}, 1);
	assert_refused(s, REASON_EK_TEMPLATE);
	assert_reason(REASON_EK_TEMPLATE, "a template that the policy accepts", "L-2");
	assert_false(says(s->verdict, "endorsement key: template"));
	buf_clear(&lines);
	buf_put_str(&lines, "ek_templates: [L-2]\n");
	trust();
	judge(&(struct bytes){der.data, der.len}, 1);
	assert_trusted(s);
}

static void template__none__refused_once(void **state)
{
	(void)state;
	wish.subject = keys.ak->key;
	ek_ca_issue(&root, &wish, &der);
	assert_ok(policy_appraise_ek(buf_bytes(&keys.ak->public_area),
			  &(struct bytes){der.data, der.len}, 1, buf_bytes(&keys.ak->public_area),
			  s->policy, SCENE_NOW, s->verdict, &s->err),
		s->err);
	assert_refused(s, REASON_EK_TEMPLATE);
	assert_string_equal(s->verdict->reasons[0].expected, "made from a TCG template");
}

static void distrust__others__said_to_have_been_looked_up(void **state)
{
	(void)state;
	buf_printf(&lines, "ek_distrusted:\n  - reason: stolen\n    sha256: %064d\n", 7);
	trust();
	ek_ca_issue(&root, &wish, &der);
	judge(&(struct bytes){der.data, der.len}, 1);
	assert_trusted(s);
	assert_true(says(s->verdict, "endorsement key: not among those the policy distrusts"));
	/* Without a certificate the key itself is still looked up. */
	s->context.host.ek_certs = (struct bytes){0};
	scene_run(s);
	assert_trusted(s);
	assert_true(says(s->verdict, "endorsement key: not among those the policy distrusts"));
	assert_true(says(s->verdict, "maker of the TPM: the host has no EK certificate"));
}

static void distrust__endorsement_key_that_is_no_point__refused_once_for_each_use(void **state)
{
	struct buf bent = {0};

	(void)state;
	buf_printf(&lines, "ek_distrusted:\n  - reason: stolen\n    sha256: %064d\n", 7);
	trust();
	buf_put(&bent, buf_bytes(&keys.ek->public_area));
	bent.data[bent.len - 1] ^= 1;
	assert_ok(policy_appraise_ek(buf_bytes(&bent), NULL, 0, buf_bytes(&keys.ak->public_area),
			  s->policy, SCENE_NOW, s->verdict, &s->err),
		s->err);
	buf_release(&bent);
	assert_true(verdict_has(s->verdict, REASON_EK_TEMPLATE));
	assert_true(verdict_has(s->verdict, REASON_EK_CERT_MISSING));
	assert_reason(REASON_EK_CERT_MISSING, "one", "none");
}

/* ---- chains ---- */

static void chain__with_an_authority_between__from_policy_or_host(void **state)
{
	struct bytes certs[2];
	struct buf pem = {0}, padded = {0};

	(void)state;
	ek_ca_issue(&below, &wish, &der);
	certs[0] = buf_bytes(&der);
	certs[1] = cert_der(below.cert);
	judge(certs, 1);
	assert_refused(s, REASON_EK_CERT);
	assert_string_equal(s->verdict->reasons[0].expected,
		"issued for this endorsement key by a maker that the policy trusts");
	assert_string_equal(s->verdict->reasons[0].where, "incomplete-chain");
	judge(certs, 2);
	assert_trusted(s);
	/* As NV memory holds it, padded. */
	buf_put(&padded, certs[1]);
	buf_put(&padded, BYTES_LIT("\0\0"));
	certs[1] = buf_bytes(&padded);
	judge(certs, 2);
	assert_trusted(s);
	buf_release(&padded);
	assert_ok(cert_pem(below.cert, &pem, &s->err), s->err);
	put_pem("ek_intermediates", &pem);
	trust();
	judge(certs, 1);
	assert_trusted(s);
	/* One more beside the policy's own. */
	certs[1] = cert_der(stranger.cert);
	judge(certs, 2);
	assert_trusted(s);
}

/* One that does not parse is as good as none, wherever it stands. */
static void chain__junk_beside_it__passed_over(void **state)
{
	struct bytes certs[3];

	(void)state;
	ek_ca_issue(&below, &wish, &der);
	certs[0] = buf_bytes(&der);
	certs[1] = BYTES_LIT("\x30\x03\x02\x01\x05");
	certs[2] = cert_der(below.cert);
	judge(certs, 3);
	assert_trusted(s);
	judge(certs, 2);
	assert_refused(s, REASON_EK_CERT);
}

static void chain__beyond_the_limit__not_looked_at(void **state)
{
	struct bytes certs[EK_CERTS_MAX + 1];

	(void)state;
	ek_ca_issue(&below, &wish, &der);
	certs[0] = buf_bytes(&der);
	for (size_t i = 1; i < EK_CERTS_MAX; i++)
		certs[i] = cert_der(stranger.cert);
	certs[EK_CERTS_MAX] = cert_der(below.cert);
	judge(certs, ARRAY_LEN(certs));
	assert_refused(s, REASON_EK_CERT);
	certs[EK_CERTS_MAX - 1] = cert_der(below.cert);
	judge(certs, ARRAY_LEN(certs));
	assert_trusted(s);
}

static void chain__certificate_between_distrusted__refused(void **state)
{
	struct bytes certs[2];
	uint8_t digest[SHA256_LEN];

	(void)state;
	assert_ok(sha256_of(cert_der(below.cert), digest, &s->err), s->err);
	buf_put_str(&lines, "ek_distrusted:\n  - reason: its key was lost\n    sha256: ");
	buf_put_hex(&lines, BYTES_OF(digest));
	buf_put_str(&lines, "\n");
	trust();
	ek_ca_issue(&below, &wish, &der);
	certs[0] = buf_bytes(&der);
	certs[1] = cert_der(below.cert);
	judge(certs, 2);
	assert_refused(s, REASON_EK_REVOKED);
	assert_string_equal(s->verdict->reasons[0].subject, "certificate above the EK's");
	assert_reason(REASON_EK_REVOKED, "not distrusted by the policy", "its key was lost");
}

/* An extension that nobody reads ends the judgement before any chain is made; the list of what is distrusted counts still. */
static void distrust__certificate_of_an_odd_extension__both_said(void **state)
{
	uint8_t digest[SHA256_LEN];
	X509 *x509;
	unsigned char *out = NULL;
	int n;

	(void)state;
	ek_ca_issue(&root, &wish, &der);
	x509 = X509_new();
	{
		const unsigned char *at = der.data;

		assert_non_null(d2i_X509(&x509, &at, (long)der.len));
	}
	put_extension(x509, x509, NID_ad_OCSP, "critical,DER:0500");
	assert_true(X509_sign(x509, key_evp(root.key), EVP_sha256()) > 0);
	n = i2d_X509(x509, &out);
	assert_true(n > 0);
	buf_clear(&der);
	buf_put(&der, bytes_of(out, (size_t)n));
	OPENSSL_free(out);
	X509_free(x509);
	assert_ok(sha256_of(buf_bytes(&der), digest, &s->err), s->err);
	buf_put_str(&lines, "ek_distrusted:\n  - reason: stolen\n    sha256: ");
	buf_put_hex(&lines, BYTES_OF(digest));
	buf_put_str(&lines, "\n");
	trust();
	judge(&(struct bytes){der.data, der.len}, 1);
	assert_int_equal(s->verdict->reason_count, 2);
	assert_int_equal(s->verdict->reasons[0].code, REASON_EK_CERT);
	assert_string_equal(s->verdict->reasons[0].where, "ek-cert-extension");
	assert_string_equal(s->verdict->reasons[0].expected,
		"issued for this endorsement key by a maker that the policy trusts");
	assert_int_equal(s->verdict->reasons[1].code, REASON_EK_REVOKED);
	assert_string_equal(s->verdict->reasons[1].subject, "EK certificate");
}

/* ---- revocation ---- */

static void put_crl(const struct ek_ca *by, const struct cert *revoked, struct buf *pem)
{
	const struct crl_wish crl = {.issuer = by->cert,
		.key = by->key,
		.revoked = revoked,
		.last = SCENE_NOW - 10,
		.next = SCENE_NOW + 10};

	assert_ok(crl_make(&crl, pem, &s->err), s->err);
}

static void revocation__of_one_link_of_two__said_how_many(void **state)
{
	struct bytes certs[2];
	struct buf pem = {0};

	(void)state;
	ek_ca_issue(&below, &wish, &der);
	certs[0] = buf_bytes(&der);
	certs[1] = cert_der(below.cert);
	judge(certs, 2);
	assert_trusted(s);
	assert_true(says(s->verdict, "revocation lists of the TPM's maker: none were given"));
	put_crl(&root, NULL, &pem);
	put_pem("ek_revocation", &pem);
	trust();
	judge(certs, 2);
	assert_trusted(s);
	assert_true(says(s->verdict,
		"EK certificate and those above it: 1 of 2 looked up in revocation lists"));
	assert_true(says(s->verdict,
		"revocation lists of the TPM's maker: none was given for the issuers of 1 of 2"));
	put_crl(&below, NULL, &pem);
	put_pem(NULL, &pem);
	trust();
	judge(certs, 2);
	assert_trusted(s);
	assert_true(says(s->verdict, "EK certificate and those above it: 2 of 2 looked up"));
	assert_false(says(s->verdict, "revocation lists of the TPM's maker"));
	assert_false(says(s->verdict, "revocation since the lists"));
}

static void revocation__nothing_looked_up__not_said_to_be(void **state)
{
	struct buf pem = {0};

	(void)state;
	put_crl(&stranger, NULL, &pem);
	put_pem("ek_revocation", &pem);
	trust();
	ek_ca_issue(&root, &wish, &der);
	judge(&(struct bytes){der.data, der.len}, 1);
	assert_trusted(s);
	assert_false(says(s->verdict, "EK certificate and those above it"));
	assert_true(says(s->verdict, "revocation lists of the TPM's maker: none was given"));
}

static void revocation__revoked_or_list_that_does_not_hold__each_in_its_words(void **state)
{
	struct buf pem = {0};
	struct cert *leaf = NULL;
	struct crl_wish stale = {.issuer = root.cert,
		.key = root.key,
		.last = SCENE_NOW - 10,
		.next = SCENE_NOW - 1};

	(void)state;
	ek_ca_issue(&root, &wish, &der);
	assert_ok(cert_from_der(buf_bytes(&der), false, &leaf, &s->err), s->err);
	put_crl(&root, leaf, &pem);
	cert_unref(&leaf);
	put_pem("ek_revocation", &pem);
	trust();
	judge(&(struct bytes){der.data, der.len}, 1);
	assert_refused(s, REASON_EK_REVOKED);
	assert_string_equal(s->verdict->reasons[0].expected,
		"on no revocation list of its issuer, nor those above it");
	assert_false(says(s->verdict, "EK certificate"));
	assert_ok(crl_make(&stale, &pem, &s->err), s->err);
	buf_clear(&lines);
	put_pem("ek_revocation", &pem);
	trust();
	judge(&(struct bytes){der.data, der.len}, 1);
	assert_refused(s, REASON_EK_REVOCATION_LIST);
	assert_string_equal(s->verdict->reasons[0].expected,
		"a current revocation list that the issuer signed");
}

/* ---- both keys ---- */

static void keys__both_junk__both_refused(void **state)
{
	(void)state;
	assert_true(policy_appraise_ek(BYTES_LIT("junk"), NULL, 0, BYTES_LIT("junk"), s->policy,
		SCENE_NOW, s->verdict, NULL));
	assert_int_equal(s->verdict->reason_count, 2);
	assert_true(verdict_has(s->verdict, REASON_EK_TEMPLATE));
	assert_true(verdict_has(s->verdict, REASON_AK_ATTRIBUTES));
	assert_false(says(s->verdict, "attestation key"));
	assert_false(s->verdict->trusted);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, ek_setup, ek_teardown)
		T(split__each_form_of_length__as_DER_has_it),
		T(split__as_many_as_there_may_be__and_no_more),
		T(template__listed_or_not__said),
		T(template__none__refused_once),
		T(distrust__others__said_to_have_been_looked_up),
		T(distrust__endorsement_key_that_is_no_point__refused_once_for_each_use),
		T(chain__with_an_authority_between__from_policy_or_host),
		T(chain__junk_beside_it__passed_over),
		T(chain__beyond_the_limit__not_looked_at),
		T(chain__certificate_between_distrusted__refused),
		T(distrust__certificate_of_an_odd_extension__both_said),
		T(revocation__of_one_link_of_two__said_how_many),
		T(revocation__nothing_looked_up__not_said_to_be),
		T(revocation__revoked_or_list_that_does_not_hold__each_in_its_words),
		T(keys__both_junk__both_refused),
	};

	return cmocka_run_group_tests(tests, makers_setup, makers_teardown);
}
