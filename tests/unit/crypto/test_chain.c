/* SPDX-License-Identifier: Apache-2.0 */
/* Chains of certificates: every way in which one must fail has its case. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/text.h"
#include "crypto/x509.h"
#include "tests/support/crl.h"
#include "tests/support/unit.h"
#include "tests/support/vectors.h"

enum { BEGIN = 1700000000, NOW = 1750000000, END = 1800000000, DEEP = 9 };

static struct key *root_key, *mid_key, *leaf_key, *fake_key;
static struct cert *root, *mid, *leaf; /* the good chain */

static struct cert *certs[16]; /* of one test */
static size_t cert_count;
static struct key *key;
static struct chain_result result;
static struct crls *crls;
static struct buf bytes;
static struct err err;

struct ext {
	const char *name, *value;
};
#define EXTS_MAX 5
struct spec {
	const char *subject;
	struct key *key;
	const struct cert *issuer; /* NULL: self-signed */
	struct key *issuer_key;
	int64_t begin, end; /* 0: BEGIN, END */
	struct ext exts[EXTS_MAX];
	const EVP_MD *md;
};

#define CA_EXTS                                                                                    \
	{                                                                                          \
		{"basicConstraints", "critical,CA:TRUE"},                                          \
		{                                                                                  \
			"keyUsage", "critical,keyCertSign,cRLSign"                                 \
		}                                                                                  \
	}

static X509 *build(const struct spec *spec)
{
	X509 *x509 = X509_new();

	X509_set_version(x509, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(x509), 7);
	ASN1_TIME_set(X509_getm_notBefore(x509), (time_t)(spec->begin ? spec->begin : BEGIN));
	ASN1_TIME_set(X509_getm_notAfter(x509), (time_t)(spec->end ? spec->end : END));
	X509_NAME_add_entry_by_txt(X509_get_subject_name(x509), "CN", MBSTRING_UTF8,
		(const uint8_t *)spec->subject, -1, -1, 0);
	X509_set_issuer_name(x509, spec->issuer ? X509_get_subject_name(cert_x509(spec->issuer))
						: X509_get_subject_name(x509));
	X509_set_pubkey(x509, key_evp(spec->key));
	for (size_t i = 0; i < EXTS_MAX && spec->exts[i].name; i++) {
		X509_EXTENSION *ext =
			X509V3_EXT_nconf(NULL, NULL, spec->exts[i].name, spec->exts[i].value);

		if (ext)
			X509_add_ext(x509, ext, -1);
		X509_EXTENSION_free(ext);
	}
	X509_sign(x509, key_evp(spec->issuer ? spec->issuer_key : spec->key),
		spec->md ? spec->md : EVP_sha256());
	return x509;
}

static bool make(const struct spec *spec, struct cert **ret)
{
	X509 *x509 = build(spec);
	uint8_t *der = NULL;
	int len = i2d_X509(x509, &der);
	bool ok = len > 0 && cert_from_der(bytes_of(der, (size_t)len), false, ret, &err);

	OPENSSL_free(der);
	X509_free(x509);
	return ok;
}

/* A certificate of this test. */
static struct cert *fresh(const struct spec *spec)
{
	assert_true(cert_count < ARRAY_LEN(certs));
	assert_true(make(spec, &certs[cert_count]));
	return certs[cert_count++];
}

static struct spec leaf_spec(void)
{
	return (struct spec){
		.subject = "leaf", .key = leaf_key, .issuer = mid, .issuer_key = mid_key};
}

static int group_setup(void **state)
{
	(void)state;
	if (!key_generate(KEY_EC_P256, &root_key, &err) ||
		!key_generate(KEY_EC_P256, &mid_key, &err) ||
		!key_generate(KEY_EC_P256, &leaf_key, &err) ||
		!key_generate(KEY_EC_P256, &fake_key, &err))
		return -1;
	const struct spec root_spec = {.subject = "root", .key = root_key, .exts = CA_EXTS};
	if (!make(&root_spec, &root))
		return -1;
	const struct spec mid_spec = {.subject = "mid",
		.key = mid_key,
		.issuer = root,
		.issuer_key = root_key,
		.exts = CA_EXTS};
	if (!make(&mid_spec, &mid))
		return -1;
	const struct spec spec = leaf_spec();
	return make(&spec, &leaf) ? 0 : -1;
}

static int group_teardown(void **state)
{
	(void)state;
	key_unref(&root_key);
	key_unref(&mid_key);
	key_unref(&leaf_key);
	key_unref(&fake_key);
	cert_unref(&root);
	cert_unref(&mid);
	cert_unref(&leaf);
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
	chain_result_release(&result);
	while (cert_count)
		cert_unref(&certs[--cert_count]);
	key_unref(&key);
	crls_free(&crls);
	buf_release(&bytes);
	return 0;
}

static struct chain_options good_options(void)
{
	return (struct chain_options){.roots = &root,
		.root_count = 1,
		.intermediates = &mid,
		.intermediate_count = 1,
		.at = NOW};
}

static void assert_judged(
	struct cert *judged, const struct chain_options *options, enum chain_fault fault)
{
	chain_result_release(&result);
	if (!chain_verify(judged, options, &result, &err))
		fail_msg("%s", err.text);
	if (result.fault != fault)
		fail_msg("%s, expected %s: %s", chain_fault_name(result.fault),
			chain_fault_name(fault), result.detail);
}

static void assert_leaf(const struct spec *spec, enum chain_fault fault)
{
	const struct chain_options options = good_options();

	assert_judged(fresh(spec), &options, fault);
}

static void chain_verify__good__leaf_first_root_last(void **state)
{
	const struct chain_options options = good_options();

	(void)state;
	assert_judged(leaf, &options, CHAIN_OK);
	assert_int_equal(result.count, 3);
	assert_ptr_equal(result.chain[0], leaf);
	assert_ptr_equal(result.chain[1], mid);
	assert_ptr_equal(result.chain[2], root);
	assert_string_equal(result.detail, "");
}

static void chain_verify__no_intermediate__incomplete(void **state)
{
	struct chain_options options = good_options();

	(void)state;
	options.intermediate_count = 0;
	assert_judged(leaf, &options, CHAIN_INCOMPLETE);
	assert_string_equal(
		result.detail, "certificate 0 (CN=leaf): unable to get local issuer certificate");
}

static void chain_verify__no_roots__never_ok(void **state)
{
	struct chain_options options = good_options();

	(void)state;
	options.root_count = 0;
	assert_judged(leaf, &options, CHAIN_INCOMPLETE);
	assert_judged(root, &options, CHAIN_UNTRUSTED_ROOT);
}

static void chain_verify__root_only_among_intermediates__untrusted(void **state)
{
	struct cert *both[] = {mid, root};
	struct chain_options options = good_options();

	(void)state;
	options.root_count = 0;
	options.intermediates = both;
	options.intermediate_count = 2;
	assert_judged(leaf, &options, CHAIN_UNTRUSTED_ROOT);
}

static void chain_verify__intermediate_given_as_root__incomplete(void **state)
{
	struct chain_options options = good_options();

	(void)state;
	options.roots = &mid;
	assert_judged(leaf, &options, CHAIN_INCOMPLETE);
}

static void chain_verify__self_signed_leaf__only_when_a_root(void **state)
{
	const struct spec spec = {.subject = "alone", .key = fake_key};
	struct chain_options options = good_options();
	struct cert *alone = fresh(&spec);

	(void)state;
	assert_judged(alone, &options, CHAIN_UNTRUSTED_ROOT);
	options.roots = &alone;
	assert_judged(alone, &options, CHAIN_OK);
	assert_int_equal(result.count, 1);
}

/* E9: the names of the genuine chain, another key. */
static void chain_verify__impostor_root__refused(void **state)
{
	const struct spec fake_root = {.subject = "root", .key = fake_key, .exts = CA_EXTS};
	const struct spec fake_leaf = {
		.subject = "leaf", .key = leaf_key, .issuer = root, .issuer_key = fake_key};
	struct chain_options options = good_options();
	struct cert *impostor = fresh(&fake_root);

	(void)state;
	options.intermediates = &impostor;
	assert_judged(fresh(&fake_leaf), &options, CHAIN_SIGNATURE);
}

static void chain_verify__impostor_intermediate__refused(void **state)
{
	struct spec fake_mid = {.subject = "mid",
		.key = fake_key,
		.issuer = root,
		.issuer_key = fake_key,
		.exts = CA_EXTS};
	struct spec fake_leaf = leaf_spec();
	struct chain_options options = good_options();
	struct cert *impostor = fresh(&fake_mid);

	(void)state;
	fake_leaf.issuer_key = fake_key;
	options.intermediates = &impostor;
	assert_judged(fresh(&fake_leaf), &options, CHAIN_SIGNATURE);
}

static void chain_verify__bit_flipped_in_signature__refused(void **state)
{
	const struct chain_options options = good_options();

	(void)state;
	buf_put(&bytes, cert_der(leaf));
	bytes.data[bytes.len - 1] ^= 1;
	assert_true(cert_from_der(buf_bytes(&bytes), false, &certs[cert_count], &err));
	assert_judged(certs[cert_count++], &options, CHAIN_SIGNATURE);
}

static void chain_verify__a_leaf_as_issuer__refused(void **state)
{
	const struct spec under_leaf = {
		.subject = "sub", .key = fake_key, .issuer = leaf, .issuer_key = leaf_key};
	struct cert *both[] = {mid, leaf};
	struct chain_options options = good_options();

	(void)state;
	options.intermediates = both;
	options.intermediate_count = 2;
	assert_judged(fresh(&under_leaf), &options, CHAIN_PROFILE);
}

static void chain_verify__time__judged_at_the_given_moment(void **state)
{
	static const struct {
		int64_t at;
		enum chain_fault fault;
	} cases[] = {{BEGIN - 1, CHAIN_NOT_YET_VALID}, {BEGIN, CHAIN_OK}, {END - 1, CHAIN_OK},
		{END + 1, CHAIN_EXPIRED}};
	struct chain_options options = good_options();

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		options.at = cases[i].at;
		options.ignore_expiry = false;
		assert_judged(leaf, &options, cases[i].fault);
		options.ignore_expiry = true;
		assert_judged(leaf, &options,
			cases[i].fault == CHAIN_EXPIRED ? CHAIN_OK : cases[i].fault);
	}
}

static void chain_verify__expired_intermediate__refused(void **state)
{
	const struct spec old_mid = {.subject = "mid",
		.key = mid_key,
		.issuer = root,
		.issuer_key = root_key,
		.end = NOW - 1,
		.exts = CA_EXTS};
	struct chain_options options = good_options();
	struct cert *old = fresh(&old_mid);

	(void)state;
	options.intermediates = &old;
	assert_judged(leaf, &options, CHAIN_EXPIRED);
	assert_string_equal(result.detail, "certificate 1 (CN=mid): certificate has expired");
}

/* Expiry is forgiven where asked, and nothing besides. */
static void chain_verify__expired_and_forged__signature_still_counts(void **state)
{
	struct spec spec = leaf_spec();
	struct chain_options options = good_options();

	(void)state;
	spec.end = NOW - 1;
	spec.issuer_key = fake_key;
	options.ignore_expiry = true;
	assert_judged(fresh(&spec), &options, CHAIN_SIGNATURE);
}

static void assert_mid(const struct spec *mid_spec, enum chain_fault fault)
{
	struct chain_options options = good_options();
	struct cert *other = fresh(mid_spec);

	options.intermediates = &other;
	assert_judged(leaf, &options, fault);
}

static void chain_verify__intermediate_that_is_no_ca__refused(void **state)
{
	static const struct ext exts[][EXTS_MAX] = {
		{{0}},
		{{"basicConstraints", "critical,CA:FALSE"}},
		{{"basicConstraints", "critical,CA:TRUE"},
			{"keyUsage", "critical,digitalSignature"}},
		{{"keyUsage", "critical,keyCertSign"}},
		{{"basicConstraints", "critical,CA:TRUE"}, {"1.2.3.4", "critical,DER:0500"}},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(exts); i++) {
		struct spec spec = {
			.subject = "mid", .key = mid_key, .issuer = root, .issuer_key = root_key};

		memcpy(spec.exts, exts[i], sizeof(spec.exts));
		assert_mid(&spec, CHAIN_PROFILE);
	}
}

static void chain_verify__path_length__respected(void **state)
{
	const struct spec short_root = {.subject = "root",
		.key = root_key,
		.exts = {{"basicConstraints", "critical,CA:TRUE,pathlen:0"},
			{"keyUsage", "keyCertSign"}}};
	struct chain_options options = good_options();
	struct cert *strict = fresh(&short_root);

	(void)state;
	options.roots = &strict;
	assert_judged(leaf, &options, CHAIN_PROFILE);
	assert_non_null(strstr(result.detail, "path length"));
}

static void chain_verify__name_constraints__respected(void **state)
{
	struct spec spec = leaf_spec();
	const struct spec narrow = {.subject = "mid",
		.key = mid_key,
		.issuer = root,
		.issuer_key = root_key,
		.exts = {{"basicConstraints", "critical,CA:TRUE"},
			{"nameConstraints", "critical,permitted;DNS:good.example"}}};
	struct chain_options options = good_options();
	struct cert *narrow_mid = fresh(&narrow);

	(void)state;
	options.intermediates = &narrow_mid;
	spec.exts[0] = (struct ext){"subjectAltName", "DNS:a.good.example"};
	assert_judged(fresh(&spec), &options, CHAIN_OK);
	spec.exts[0] = (struct ext){"subjectAltName", "DNS:evil.example"};
	assert_judged(fresh(&spec), &options, CHAIN_PROFILE);
}

static void chain_verify__weak_algorithms__refused(void **state)
{
	struct spec spec = leaf_spec();

	(void)state;
	spec.md = EVP_sha1();
	assert_leaf(&spec, CHAIN_PROFILE);
}

static void chain_verify__rsa_1024_in_the_middle__refused(void **state)
{
	EVP_PKEY *weak = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)1024);
	const struct spec mid_spec = {.subject = "mid",
		.key = mid_key,
		.issuer = root,
		.issuer_key = root_key,
		.exts = CA_EXTS};
	struct chain_options options = good_options();
	X509 *x509 = build(&mid_spec);
	uint8_t *der = NULL;
	int len;

	(void)state;
	X509_set_pubkey(x509, weak);
	X509_sign(x509, key_evp(root_key), EVP_sha256());
	len = i2d_X509(x509, &der);
	buf_put(&bytes, bytes_of(der, (size_t)len));
	OPENSSL_free(der);
	X509_free(x509);
	assert_true(cert_from_der(buf_bytes(&bytes), false, &certs[0], &err));
	cert_count = 1;
	x509 = X509_dup(cert_x509(leaf));
	X509_sign(x509, weak, EVP_sha256());
	der = NULL;
	len = i2d_X509(x509, &der);
	buf_clear(&bytes);
	buf_put(&bytes, bytes_of(der, (size_t)len));
	OPENSSL_free(der);
	X509_free(x509);
	EVP_PKEY_free(weak);
	assert_true(cert_from_der(buf_bytes(&bytes), false, &certs[1], &err));
	cert_count = 2;
	options.intermediates = &certs[0];
	assert_judged(certs[1], &options, CHAIN_PROFILE);
	assert_false(cert_key(certs[0], &key, &err));
	assert_string_equal(
		err.text, "certificate: public key: RSA of 1024 bits, expected 2048 to 4096");
}

#define DIRECTORY_SAN                                                                              \
	"DER:301ca41a3018311630140605678105020"                                                    \
	"10c0b69643a3533353434443230"

/* E14. TCG names stand in a directoryName: 2.23.133.2.1 = "id:53544D20". */
static const struct {
	struct ext exts[2];
	bool handles_san;
	enum chain_fault fault;
} critical_cases[] = {
	{{{"2.5.29.17", "critical," DIRECTORY_SAN}}, false, CHAIN_PROFILE},
	{{{"2.5.29.17", "critical," DIRECTORY_SAN}}, true, CHAIN_OK},
	{{{"2.5.29.17", DIRECTORY_SAN}}, false, CHAIN_OK},
	{{{"subjectAltName", "critical,otherName:1.2.3.4;UTF8:x"}}, false, CHAIN_PROFILE},
	{{{"subjectAltName", "critical,otherName:1.2.3.4;UTF8:x"}}, true, CHAIN_OK},
	{{{"subjectAltName", "critical,URI:spiffe://a/b,DNS:c.example,IP:127.0.0.1"}}, false,
		CHAIN_OK},
	{{{"subjectAltName", "critical,URI:spiffe://a/b,email:a@b.example"}}, false, CHAIN_PROFILE},
	{{{"2.5.29.17", "critical,DER:0400"}}, false, CHAIN_PROFILE},
	{{{"2.5.29.17", "critical,DER:0400"}}, true, CHAIN_PROFILE},
	{{{"1.2.3.4", "critical,DER:0500"}}, false, CHAIN_PROFILE},
	{{{"1.2.3.4", "critical,DER:0500"}}, true, CHAIN_PROFILE},
	{{{"2.5.29.17", "critical," DIRECTORY_SAN}, {"1.2.3.4", "critical,DER:0500"}}, true,
		CHAIN_PROFILE},
};

static void chain_verify__critical_extensions__handled_or_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(critical_cases); i++) {
		struct spec spec = leaf_spec();
		struct chain_options options = good_options();

		spec.exts[0] = critical_cases[i].exts[0];
		spec.exts[1] = critical_cases[i].exts[1];
		options.handles_san = critical_cases[i].handles_san;
		assert_judged(fresh(&spec), &options, critical_cases[i].fault);
	}
}

static void chain_verify__malformed_extension__refused(void **state)
{
	struct spec spec = leaf_spec();

	(void)state;
	spec.exts[0] = (struct ext){"2.5.29.15", "DER:0400"};
	assert_leaf(&spec, CHAIN_PROFILE);
	assert_string_equal(result.detail, "certificate 0 (CN=leaf): an extension is malformed");
}

/* Longer than X509_CHAIN_MAX, although every link is good. */
static void chain_verify__too_long__refused(void **state)
{
	struct chain_options options = good_options();
	const struct cert *issuer = root;
	char name[8];

	(void)state;
	for (int i = 0; i < DEEP; i++) {
		struct spec spec = {.key = i % 2 ? mid_key : leaf_key,
			.issuer = issuer,
			.issuer_key = i == 0  ? root_key
				      : i % 2 ? leaf_key
					      : mid_key,
			.exts = CA_EXTS};

		snprintf(name, sizeof(name), "ca%d", i);
		spec.subject = name;
		issuer = fresh(&spec);
	}
	options.intermediates = certs;
	options.intermediate_count = DEEP;
	assert_judged(certs[X509_CHAIN_MAX - 2], &options, CHAIN_OK); /* 7 and the root */
	assert_int_equal(result.count, X509_CHAIN_MAX);
	assert_judged(certs[X509_CHAIN_MAX - 1], &options, CHAIN_OTHER);
	assert_non_null(strstr(result.detail, "chain too long"));
}

/* ---- revocation ---------------------------------------------------------------------------------
 */

/* From BEGIN to END, unless said otherwise. */
static void put_crl(struct crl_wish wish)
{
	wish.last = wish.last ? wish.last : BEGIN;
	wish.next = wish.next ? wish.next : END;
	assert_ok(crl_make(&wish, &bytes, &err), err);
}

static void add_crls(void)
{
	crls_free(&crls);
	crls = crls_new();
	assert_ok(crls_add(crls, buf_bytes(&bytes), &err), err);
}

static void assert_crl(struct crl_wish wish, enum chain_fault fault)
{
	struct chain_options options = good_options();

	buf_clear(&bytes);
	put_crl(wish);
	add_crls();
	options.crls = crls;
	assert_judged(leaf, &options, fault);
}

static void chain_verify__revoked_leaf__refused(void **state)
{
	(void)state;
	assert_crl(
		(struct crl_wish){.issuer = mid, .revoked = leaf, .key = mid_key}, CHAIN_REVOKED);
	assert_crl((struct crl_wish){.issuer = mid, .revoked = leaf, .key = mid_key, .der = true},
		CHAIN_REVOKED);
	assert_string_equal(result.detail, "certificate 0 (CN=leaf): certificate revoked");
}

static void chain_verify__revoked_intermediate__refused(void **state)
{
	(void)state;
	assert_crl(
		(struct crl_wish){.issuer = root, .revoked = mid, .key = root_key}, CHAIN_REVOKED);
}

static void chain_verify__clean_crl__accepted_and_other_issuers_counted(void **state)
{
	(void)state;
	assert_crl((struct crl_wish){.issuer = mid, .key = mid_key}, CHAIN_OK);
	assert_int_equal(result.unlisted, 1); /* of the intermediate: the root has no list here */
	put_crl((struct crl_wish){.issuer = root, .key = root_key});
	struct chain_options options = good_options();
	add_crls();
	options.crls = crls;
	assert_judged(leaf, &options, CHAIN_OK);
	assert_int_equal(result.unlisted, 0);
}

static void chain_verify__crl_of_somebody_else__issuer_not_checked(void **state)
{
	const struct spec other = {.subject = "other", .key = fake_key, .exts = CA_EXTS};

	(void)state;
	assert_crl((struct crl_wish){.issuer = fresh(&other), .revoked = leaf, .key = fake_key},
		CHAIN_OK);
	assert_int_equal(result.unlisted, 2);
}

/* E33: a list that is there and cannot be used is not as if there was none. */
static void chain_verify__stale_or_forged_crl__refused(void **state)
{
	static const struct {
		const char *detail;
		int64_t last, next;
		const char *extension, *value;
		bool forged;
	} cases[] = {
		{"CRL has expired", 0, NOW - 1, NULL, NULL, false},
		{"CRL is not yet valid", NOW + 1, 0, NULL, NULL, false},
		{"CRL signature failure", 0, 0, NULL, NULL, true},
		{"unable to get certificate CRL", 0, 0, "issuingDistributionPoint",
			"critical,indirectCRL:TRUE", false},
		{"unable to get certificate CRL", 0, 0, "issuingDistributionPoint",
			"critical,onlysomereasons:keyCompromise", false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_crl((struct crl_wish){.issuer = mid,
				   .key = cases[i].forged ? fake_key : mid_key,
				   .last = cases[i].last,
				   .next = cases[i].next,
				   .extension = cases[i].extension,
				   .value = cases[i].value},
			CHAIN_REVOCATION_LIST);
		if (!strstr(result.detail, cases[i].detail))
			fail_msg("%s, wanted %s", result.detail, cases[i].detail);
	}
}

static void chain_verify__stale_crl_ignored__said_and_still_revokes(void **state)
{
	struct chain_options options = good_options();

	(void)state;
	put_crl((struct crl_wish){.issuer = mid, .key = mid_key, .next = NOW - 1});
	add_crls();
	options.crls = crls;
	options.ignore_stale_crls = true;
	assert_judged(leaf, &options, CHAIN_OK);
	assert_true(result.stale_crl);
	/* What is on a stale list is revoked, ignored or not. */
	assert_crl(
		(struct crl_wish){.issuer = mid, .key = mid_key, .revoked = leaf, .next = NOW - 1},
		CHAIN_REVOKED);
	options.crls = crls;
	assert_judged(leaf, &options, CHAIN_REVOKED);
}

static void chain_verify__several_crls__all_read(void **state)
{
	struct chain_options options = good_options();

	(void)state;
	put_crl((struct crl_wish){.issuer = mid, .key = mid_key, .der = true});
	put_crl((struct crl_wish){.issuer = root, .revoked = mid, .key = root_key, .der = true});
	add_crls();
	assert_int_equal(crls_count(crls), 2);
	options.crls = crls;
	assert_judged(leaf, &options, CHAIN_REVOKED);
}

/* An old list left beside the current one neither spoils nor outvotes it, in whichever order they come. */
static void chain_verify__old_list_beside_the_current__current_counts(void **state)
{
	const struct crl_wish old = {
		.issuer = mid, .key = mid_key, .revoked = leaf, .next = NOW - 1, .der = true};
	const struct crl_wish current = {
		.issuer = mid, .key = mid_key, .last = NOW - 1, .der = true};
	struct chain_options options = good_options();

	(void)state;
	for (int turn = 0; turn < 2; turn++) {
		buf_clear(&bytes);
		put_crl(turn ? current : old);
		put_crl(turn ? old : current);
		add_crls();
		options.crls = crls;
		assert_judged(leaf, &options, CHAIN_OK);
		assert_false(result.stale_crl);
	}
}

static void assert_no_crl(struct bytes in, const char *text)
{
	crls_free(&crls);
	crls = crls_new();
	err = (struct err){0};
	assert_false(crls_add(crls, in, &err));
	assert_int_equal(err.code, ERR_FORMAT);
	if (!strstr(err.text, text))
		fail_msg("%s, wanted %s", err.text, text);
}

static void crls_add__bytes_that_are_no_crl__error(void **state)
{
	(void)state;
	assert_no_crl(BYTES_LIT("no list at all"), "CRL: none in these bytes");
	put_crl((struct crl_wish){.issuer = mid, .key = mid_key, .der = true});
	assert_no_crl(bytes_of(bytes.data, bytes.len - 1), "CRL: ");
	assert_no_crl(cert_der(leaf), "CRL: ");
	assert_int_equal(crls_count(crls), 0);
}

static void crls_add__without_end_or_delta__refused(void **state)
{
	struct crl_wish wish = {.issuer = mid, .key = mid_key, .last = BEGIN, .der = true};

	(void)state;
	assert_ok(crl_make(&wish, &bytes, &err), err);
	assert_no_crl(buf_bytes(&bytes), "CRL: nextUpdate: missing");
	buf_clear(&bytes);
	wish.next = END;
	wish.extension = "2.5.29.27";
	wish.value = "critical,DER:020101";
	assert_ok(crl_make(&wish, &bytes, &err), err);
	assert_no_crl(buf_bytes(&bytes), "CRL: deltaCRLIndicator: delta lists are not understood");
}

static void chain_fault_name__of_each__stable(void **state)
{
	static const char *const names[] = {"ok", "incomplete-chain", "untrusted-root",
		"bad-signature", "expired", "not-yet-valid", "revoked", "certificate-profile",
		"revocation-list", "other"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		assert_string_equal(chain_fault_name((enum chain_fault)i), names[i]);
	assert_string_equal(chain_fault_name((enum chain_fault)99), "unknown");
}

/* ---- vectors ------------------------------------------------------------------------------------
 */

static void load(const char *name)
{
	size_t count = 0;

	buf_release(&bytes);
	if (!vectors_read(name, &bytes))
		skip();
	assert_true(certs_from_bytes(buf_bytes(&bytes), ARRAY_LEN(certs) - cert_count,
		certs + cert_count, &count, &err));
	cert_count += count;
}

static void chain_verify__virtual_machines_ek__accepted(void **state)
{
	struct chain_options options = {.at = 0, .handles_san = true};

	(void)state;
	load("made/vm/ca/swtpm-localca-rootca-cert.pem");
	load("made/vm/ca/issuercert.pem");
	load("made/vm/grub-shim-secureboot-ms/ekcert-rsa.der");
	assert_int_equal(cert_count, 3);
	options.roots = certs;
	options.root_count = 1;
	options.intermediates = certs + 1;
	options.intermediate_count = 1;
	options.at = cert_not_before(certs[2]);
	assert_judged(certs[2], &options, CHAIN_OK);
	assert_int_equal(result.count, 3);
	options.intermediate_count = 0;
	assert_judged(certs[2], &options, CHAIN_INCOMPLETE);
}

enum { BUNDLE_MAX = 256 };
static struct cert *roots[BUNDLE_MAX], *mids[BUNDLE_MAX];

/* Every intermediate of the bundle leads to a manufacturer's root. */
static void chain_verify__manufacturers__chains_complete(void **state)
{
	size_t root_count = 0, mid_count = 0, good = 0;
	struct chain_options options = {
		.roots = roots, .intermediates = mids, .ignore_expiry = true, .at = END};
	struct buf text = {0};

	(void)state;
	if (!vectors_read("tpm-ca-certificates/MIRROR.tpm-ca-certificates.pem", &text))
		skip();
	assert_true(certs_from_bytes(buf_bytes(&text), BUNDLE_MAX, roots, &root_count, &err));
	buf_clear(&text);
	assert_true(vectors_read(
		"tpm-ca-certificates/MIRROR.tpm-intermediate-ca-certificates.pem", &text));
	assert_true(certs_from_bytes(buf_bytes(&text), BUNDLE_MAX, mids, &mid_count, &err));
	buf_release(&text);
	options.root_count = root_count;
	options.intermediate_count = mid_count;
	for (size_t i = 0; i < mid_count; i++) {
		chain_result_release(&result);
		assert_true(chain_verify(mids[i], &options, &result, &err));
		good += result.fault == CHAIN_OK;
	}
	assert_true(good * 10 >= mid_count * 9);
	while (root_count)
		cert_unref(&roots[--root_count]);
	while (mid_count)
		cert_unref(&mids[--mid_count]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(chain_verify__good__leaf_first_root_last),
		TEST(chain_verify__no_intermediate__incomplete),
		TEST(chain_verify__no_roots__never_ok),
		TEST(chain_verify__root_only_among_intermediates__untrusted),
		TEST(chain_verify__intermediate_given_as_root__incomplete),
		TEST(chain_verify__self_signed_leaf__only_when_a_root),
		TEST(chain_verify__impostor_root__refused),
		TEST(chain_verify__impostor_intermediate__refused),
		TEST(chain_verify__bit_flipped_in_signature__refused),
		TEST(chain_verify__a_leaf_as_issuer__refused),
		TEST(chain_verify__time__judged_at_the_given_moment),
		TEST(chain_verify__expired_intermediate__refused),
		TEST(chain_verify__expired_and_forged__signature_still_counts),
		TEST(chain_verify__intermediate_that_is_no_ca__refused),
		TEST(chain_verify__path_length__respected),
		TEST(chain_verify__name_constraints__respected),
		TEST(chain_verify__weak_algorithms__refused),
		TEST(chain_verify__rsa_1024_in_the_middle__refused),
		TEST(chain_verify__critical_extensions__handled_or_refused),
		TEST(chain_verify__malformed_extension__refused),
		TEST(chain_verify__too_long__refused),
		TEST(chain_verify__revoked_leaf__refused),
		TEST(chain_verify__revoked_intermediate__refused),
		TEST(chain_verify__clean_crl__accepted_and_other_issuers_counted),
		TEST(chain_verify__crl_of_somebody_else__issuer_not_checked),
		TEST(chain_verify__stale_or_forged_crl__refused),
		TEST(chain_verify__stale_crl_ignored__said_and_still_revokes),
		TEST(chain_verify__several_crls__all_read),
		TEST(chain_verify__old_list_beside_the_current__current_counts),
		TEST(crls_add__bytes_that_are_no_crl__error),
		TEST(crls_add__without_end_or_delta__refused),
		TEST(chain_fault_name__of_each__stable),
		TEST(chain_verify__virtual_machines_ek__accepted),
		TEST(chain_verify__manufacturers__chains_complete),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
