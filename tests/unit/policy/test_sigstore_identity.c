/* SPDX-License-Identifier: Apache-2.0 */
/* Whom a certificate names, and what its chain is for: judged against what is pinned. */
#include "policy/sigstore_bundle.h"

#include "base/text.h"
#include "predicate_texts.h"
#include "tests/support/sigstore_make.h"
#include "tests/support/unit.h"

#define OID        "1.3.6.1.4.1.57264.1."
#define REPOSITORY "https://git.example/acme/agent"
#define PREFIX     "https://ci.example/workflow@refs/tags/"

static struct sigstore_maker maker;
static struct key *middle_key;
static struct cert *middle, *odd_leaf;
static struct buf text;
static struct sigstore_bundle *bundle;
static struct sigstore_verdict verdict;
static struct sigstore_recipe recipe;
static struct sigstore_trust trust;
static struct err err;

static int group_setup(void **state)
{
	(void)state;
	return sigstore_maker_start(&maker, &err) && key_generate(KEY_EC_P256, &middle_key, &err)
		       ? 0
		       : -1;
}

static int group_teardown(void **state)
{
	(void)state;
	key_unref(&middle_key);
	sigstore_maker_release(&maker);
	return 0;
}

static int setup(void **state)
{
	(void)state;
	recipe = (struct sigstore_recipe){.statement = PROVENANCE_TEXT};
	trust = (struct sigstore_trust){.roots = &maker.root,
		.root_count = 1,
		.identity = SIGSTORE_NAME,
		.issuer = SIGSTORE_ISSUER,
		.code_signing = true,
		.log = &maker.log,
		.now = SIGSTORE_NOW};
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	buf_release(&text);
	sigstore_bundle_free(&bundle);
	cert_unref(&odd_leaf);
	cert_unref(&middle);
	return 0;
}

/* The good leaf's extensions with those of one name replaced (NULL: left out), and one more. */
static void odd(const char *name, const char *value, const char *more, const char *more_value)
{
	const char *extensions[9][2] = {{0}};
	struct sigstore_cert_recipe r = {.name = "signer",
		.key = maker.signer_key,
		.issuer = middle ? middle : maker.root,
		.issuer_key = middle ? middle_key : maker.root_key,
		.begin = SIGSTORE_LEAF_BEGIN,
		.end = SIGSTORE_LEAF_END};
	size_t n = 0;

	for (size_t i = 0; sigstore_leaf_extensions[i][0]; i++) {
		bool replaced = name && strcmp(sigstore_leaf_extensions[i][0], name) == 0;

		if (replaced && !value)
			continue;
		extensions[n][0] = sigstore_leaf_extensions[i][0];
		extensions[n++][1] = replaced ? value : sigstore_leaf_extensions[i][1];
	}
	extensions[n][0] = more;
	extensions[n][1] = more_value;
	r.extensions = (const char *const(*)[2])extensions;
	cert_unref(&odd_leaf);
	assert_ok(sigstore_make_cert(&r, &odd_leaf, &err), err);
	recipe.leaf = odd_leaf;
}

/* A CA between root and leaf, for these purposes. */
static void under_a_middle(const char *usage, int64_t end)
{
	const char *const extensions[][2] = {{"basicConstraints", "critical,CA:TRUE"},
		{"keyUsage", "critical,keyCertSign"}, {usage ? "extendedKeyUsage" : NULL, usage},
		{NULL, NULL}};
	const struct sigstore_cert_recipe r = {.name = "middle",
		.key = middle_key,
		.issuer = maker.root,
		.issuer_key = maker.root_key,
		.extensions = extensions,
		.begin = SIGSTORE_CA_BEGIN,
		.end = end};

	cert_unref(&middle);
	assert_ok(sigstore_make_cert(&r, &middle, &err), err);
	odd(NULL, NULL, NULL, NULL);
	trust.intermediates = &middle;
	trust.intermediate_count = 1;
}

static void judge(void)
{
	buf_clear(&text);
	sigstore_bundle_free(&bundle);
	assert_ok(sigstore_make(&maker, &recipe, &text, &err), err);
	assert_ok(sigstore_bundle_parse(buf_bytes(&text), &bundle, &err), err);
	assert_ok(sigstore_verify(bundle, &trust, &verdict, &err), err);
}

static void accepted(void)
{
	judge();
	assert_string_equal(verdict.reason, "");
	assert_true(verdict.verified);
}

static void refused(const char *why)
{
	judge();
	assert_string_equal(verdict.reason, why);
	assert_false(verdict.verified);
	assert_string_equal(verdict.identity, "");
	assert_int_equal(verdict.certificate_end, 0);
}

/* ---- names ---- */

static void prefix__of_a_workflow__its_references_only(void **state)
{
	static const struct {
		const char *name;
		bool fits;
	} names[] = {
		{PREFIX "v1", true},
		{PREFIX "rel/v1", true},
		{PREFIX, false},
		{"https://ci.example/workflow@refs/heads/main", false},
		{"https://ci.example/workflow2@refs/tags/v1", false},
		{"xhttps://ci.example/workflow@refs/tags/v1", false},
		{PREFIX "v1@refs/tags/v2", false},
		{PREFIX "v 1", false},
		{PREFIX "v1\n", false},
		{PREFIX "v1\x7f", false},
		{PREFIX "v\xc3\xa9", false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		assert_int_equal(sigstore_name_fits(names[i].name, PREFIX, true), names[i].fits);
	assert_false(sigstore_name_fits(PREFIX "v1", PREFIX, false));
	assert_true(sigstore_name_fits(PREFIX, PREFIX, false));
}

/* A prefix that leaves open which repository or file it is would be anybody's. */
static void P15__prefix_that_leaves_the_repository_open__is_none(void **state)
{
	static const char *const wrong[] = {"", "@refs/tags/", "https://ci.example/",
		"https://ci.example/workflow@refs/tags/v", "https://ci.example/workflow@tags/",
		"https://ci.example/workflow@refs/tags/x@refs/", "dev@ci.example"};

	(void)state;
	assert_true(sigstore_prefix_ok(PREFIX));
	assert_true(sigstore_prefix_ok("https://ci.example/workflow@refs/"));
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		assert_false(sigstore_prefix_ok(wrong[i]));
		assert_false(sigstore_name_fits(PREFIX "v1", wrong[i], true));
	}
	assert_false(sigstore_name_fits("https://ci.example/w", "https://ci.example/", true));
}

static void certificate__by_prefix__verified(void **state)
{
	(void)state;
	trust.identity = PREFIX;
	odd(NULL, NULL, NULL, NULL);
	refused("identity \"" SIGSTORE_NAME "\" is not the one pinned");
	trust.identity_is_prefix = true;
	accepted();
	assert_string_equal(verdict.identity, SIGSTORE_NAME);
	odd("subjectAltName", "critical,URI:https://ci.example/workflow2@refs/tags/v1", NULL, NULL);
	refused("identity \"https://ci.example/workflow2@refs/tags/v1\" is not the one pinned");
}

/* What reads as C text up to the NUL is the name pinned. */
static void P15__name_with_a_nul_behind_it__refused(void **state)
{
	const char name[] = SIGSTORE_NAME "\0.evil.example";
	struct buf der = {0};

	(void)state;
	buf_printf(&der, "critical,DER:30%02zx86%02zx", sizeof(name) + 1, sizeof(name) - 1);
	buf_put_hex(&der, bytes_of(name, sizeof(name) - 1));
	odd("subjectAltName", buf_str(&der), NULL, NULL);
	refused("certificate: not exactly one name");
	buf_release(&der);
}

static void P15__two_names__refused(void **state)
{
	(void)state;
	odd("subjectAltName", "critical,URI:" SIGSTORE_NAME ",email:dev@ci.example", NULL, NULL);
	refused("certificate: not exactly one name");
}

/* ---- who vouched ---- */

static void issuer__of_an_old_certificate__verified(void **state)
{
	struct buf der = {0};

	(void)state;
	buf_put_str(&der, "DER:");
	buf_put_hex(&der, bytes_str(SIGSTORE_ISSUER));
	odd(OID "8", NULL, OID "1", buf_str(&der));
	accepted();
	assert_string_equal(verdict.issuer, SIGSTORE_ISSUER);
	odd(NULL, NULL, OID "1", buf_str(&der));
	accepted();
	trust.issuer = NULL;
	odd(OID "8", NULL, OID "1", buf_str(&der));
	refused("identity issuer \"" SIGSTORE_ISSUER "\" is not the one pinned");
	buf_release(&der);
}

static void P15__issuers_twin__refused(void **state)
{
	(void)state;
	odd(NULL, NULL, OID "1", "DER:68747470733a2f2f6576696c");
	refused("certificate: names two identity issuers");
	odd(OID "8", NULL, OID "1", "DER:68747470733a2f2f6576696c");
	refused("identity issuer \"https://evil\" is not the one pinned");
	odd(OID "8", NULL, OID "1", "DER:680065");
	refused("certificate: identity issuer: not a text");
	odd(OID "8", "ASN1:UTF8String:" SIGSTORE_ISSUER "/", NULL, NULL);
	refused("identity issuer \"" SIGSTORE_ISSUER "/\" is not the one pinned");
	odd(OID "8", "ASN1:UTF8String:", NULL, NULL);
	trust.issuer = NULL;
	refused("certificate: identity issuer: not a text");
}

/* ---- extensions ---- */

static void P15__identity_of_another_repository__refused(void **state)
{
	const struct sigstore_extension pinned[] = {
		{OID "12", "source repository", REPOSITORY}, {OID "15", "repository id", "42"}};

	(void)state;
	trust.extensions = pinned;
	trust.extension_count = 1;
	odd(NULL, NULL, OID "12", "ASN1:UTF8String:" REPOSITORY);
	accepted();
	odd(NULL, NULL, OID "12", "ASN1:UTF8String:" REPOSITORY "-evil");
	refused("source repository \"" REPOSITORY "-evil\" is not the one pinned");
	odd(NULL, NULL, NULL, NULL);
	refused("certificate: says no source repository");
	odd(NULL, NULL, OID "12", "ASN1:UTF8String:" REPOSITORY);
	trust.extension_count = 2;
	refused("certificate: says no repository id");
}

static void certificate__with_a_critical_extension_unknown__refused(void **state)
{
	(void)state;
	odd(NULL, NULL, "1.3.6.1.4.1.99999.1", "critical,ASN1:UTF8String:x");
	refused("certificate: certificate-profile: certificate 0 (CN=signer): unhandled critical "
		"extension");
	odd(NULL, NULL, "1.3.6.1.4.1.99999.1", "ASN1:UTF8String:x");
	accepted();
}

/* ---- purposes ---- */

static void certificate__that_leaves_its_purpose_open__refused_where_it_must_say(void **state)
{
	(void)state;
	odd("extendedKeyUsage", NULL, NULL, NULL);
	refused("certificate: is not for code signing");
	trust.code_signing = false;
	accepted();
	odd("extendedKeyUsage", "anyExtendedKeyUsage", NULL, NULL);
	refused("certificate: is not for code signing");
}

static void certificate__under_a_ca_for_other_purposes__refused(void **state)
{
	(void)state;
	under_a_middle(NULL, SIGSTORE_CA_END);
	accepted();
	under_a_middle("codeSigning", SIGSTORE_CA_END);
	accepted();
	under_a_middle("serverAuth", SIGSTORE_CA_END);
	refused("certificate: its issuer 1 is not for code signing");
}

/* ---- time ---- */

static void certificate__judged_now__says_when_it_ends(void **state)
{
	(void)state;
	odd(NULL, NULL, NULL, NULL);
	accepted();
	assert_int_equal(verdict.certificate_end, 0);
	trust.log = NULL;
	trust.now = SIGSTORE_LEAF_BEGIN;
	accepted();
	assert_int_equal(verdict.certificate_end, SIGSTORE_LEAF_END);
	under_a_middle("codeSigning", SIGSTORE_LEAF_END - 1);
	accepted();
	assert_int_equal(verdict.certificate_end, SIGSTORE_LEAF_END - 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(prefix__of_a_workflow__its_references_only),
		TEST(P15__prefix_that_leaves_the_repository_open__is_none),
		TEST(certificate__by_prefix__verified),
		TEST(P15__name_with_a_nul_behind_it__refused),
		TEST(P15__two_names__refused),
		TEST(issuer__of_an_old_certificate__verified),
		TEST(P15__issuers_twin__refused),
		TEST(P15__identity_of_another_repository__refused),
		TEST(certificate__with_a_critical_extension_unknown__refused),
		TEST(certificate__that_leaves_its_purpose_open__refused_where_it_must_say),
		TEST(certificate__under_a_ca_for_other_purposes__refused),
		TEST(certificate__judged_now__says_when_it_ends),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
