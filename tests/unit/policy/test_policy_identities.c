/* SPDX-License-Identifier: Apache-2.0 */
/* statement_identities and transparency_logs of the policy file: read, refused, said in words. */
#include "identity_texts.h"

#include "crypto/note.h"
#include "policy/signature.h"
#include "policy/words.h"
#include "tests/support/timestamp_make.h"

#define PREFIX      "https://ci.example/workflow@refs/tags/"
#define KINDS       "    kinds: [provenance]\n"
#define NAMED       "    identity: \"" SIGSTORE_NAME "\"\n    issuer: \"" SIGSTORE_ISSUER "\"\n"
#define PLAIN       KINDS NAMED
#define DEMANDS     "    approvals: []\n    credential_lifetime: 10m\n    statements:\n"
#define ANY_BUILD   DEMANDS "      - {kind: provenance, name: build}\n"
#define HIS_BUILD   DEMANDS "      - {kind: provenance, name: build, keys: [workflow]}\n"
#define LOG_MISSING "log: required, and no transparency_logs are given: nothing could meet this"

static struct scene_keys keys;
static struct sigstore_maker maker;
static struct cert *leaf;
static struct buf text, top;
static struct policy *policy, *other;
static json_t *json;
static struct err err;

static int group_setup(void **state)
{
	(void)state;
	scene_keys_make(&keys);
	return sigstore_maker_start(&maker, &err) &&
			       sigstore_make_leaf(&maker, sigstore_leaf_extensions, &leaf, &err)
		       ? 0
		       : -1;
}

static int group_teardown(void **state)
{
	(void)state;
	cert_unref(&leaf);
	sigstore_maker_release(&maker);
	scene_keys_free(&keys);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	buf_release(&text);
	buf_release(&top);
	policy_free(&policy);
	policy_free(&other);
	json_release(&json);
	return 0;
}

static bool parse(const char *class_lines, struct policy **ret)
{
	policy_free(ret);
	buf_clear(&text);
	err = (struct err){0};
	scene_policy_text(&keys, class_lines, buf_str(&top), &text);
	bool ok = policy_parse(buf_bytes(&text), "policy.yaml", ret, &err);
	scene_unplace(&err);
	return ok;
}

/* A policy with the log and one identity of these lines. */
static void lines_of(const char *lines)
{
	buf_clear(&top);
	identity_put_log(&top, &maker);
	buf_put_str(&top, "statement_identities:\n");
	identity_put(&top, &maker, "workflow", lines);
}

static void identity__plain__taken(void **state)
{
	const struct policy_identity *identity;

	(void)state;
	lines_of(PLAIN);
	assert_ok(parse(HIS_BUILD, &policy), err);
	assert_int_equal(policy->log_count, 1);
	assert_string_equal(policy->logs[0].name, "log.example");
	assert_int_equal(policy->statement_key_count, 1);
	assert_string_equal(policy->statement_keys[0].name, "workflow");
	assert_null(policy->statement_keys[0].key);
	identity = policy->statement_keys[0].identity;
	assert_int_equal(identity->root_count, 1);
	assert_int_equal(identity->intermediate_count, 0);
	assert_string_equal(identity->identity, SIGSTORE_NAME);
	assert_string_equal(identity->issuer, SIGSTORE_ISSUER);
	assert_false(identity->prefix);
	assert_false(identity->log_optional);
	for (size_t i = 0; i < IDENTITY_EXTENSIONS; i++)
		assert_null(identity->extensions[i]);
	assert_int_equal(policy->classes[0].demands[0].keys, 1);
}

static void identity__everything_given__taken(void **state)
{
	const struct policy_identity *identity;

	(void)state;
	lines_of(KINDS "    identity_prefix: \"" PREFIX "\"\n    log: optional\n"
		       "    runner_environment: a\n    source_repository: b\n    source_ref: c\n"
		       "    source_repository_id: d\n    source_owner_id: e\n    intermediates: ");
	identity_put_cert(&top, maker.root, 6);
	assert_ok(parse(ANY_BUILD, &policy), err);
	identity = policy->statement_keys[0].identity;
	assert_true(identity->prefix);
	assert_true(identity->log_optional);
	assert_null(identity->issuer);
	assert_int_equal(identity->intermediate_count, 1);
	assert_string_equal(identity->extensions[IDENTITY_RUNNER], "a");
	assert_string_equal(identity->extensions[IDENTITY_REPOSITORY], "b");
	assert_string_equal(identity->extensions[IDENTITY_REF], "c");
	assert_string_equal(identity->extensions[IDENTITY_REPOSITORY_ID], "d");
	assert_string_equal(identity->extensions[IDENTITY_OWNER_ID], "e");
	assert_string_equal(identity_extensions[IDENTITY_REPOSITORY].oid, "1.3.6.1.4.1.57264.1.12");
}

static void identity__behind_keys__both_may_be_demanded(void **state)
{
	(void)state;
	buf_clear(&top);
	identity_put_log(&top, &maker);
	buf_put_str(&top, "statement_identities:\n");
	identity_put(&top, &maker, "workflow", PLAIN);
	buf_put_str(&top, "statement_keys:\n  - name: ci\n    kinds: [provenance]\n    pem: ");
	scene_put_pem(&top, keys.other, 6);
	assert_ok(parse(ANY_BUILD, &policy), err);
	assert_string_equal(policy->statement_keys[0].name, "ci");
	assert_string_equal(policy->statement_keys[1].name, "workflow");
	assert_int_equal(policy->classes[0].demands[0].keys, 3);
	assert_ok(parse(HIS_BUILD, &policy), err);
	assert_int_equal(policy->classes[0].demands[0].keys, 2);
}

static void identity__wrong__refused_by_name(void **state)
{
	static const struct {
		const char *lines, *why;
	} cases[] = {
		{KINDS, "workflow: one of identity and identity_prefix is needed"},
		{PLAIN "    identity_prefix: \"" PREFIX "\"\n",
			"workflow: one of identity and identity_prefix is needed"},
		{KINDS "    identity_prefix: \"https://ci.example/\"\n",
			"workflow: identity_prefix: https://ci.example/: must name the file whole, "
			"then @refs/, and end with '/'"},
		{KINDS "    identity: \"a\\tb\"\n", "workflow: identity: not a text"},
		{PLAIN "    source_ref: \"a\\tb\"\n", "workflow: source_ref: not a text"},
		{KINDS "    identity: x\n    issuer: \"a\\tb\"\n", "workflow: issuer: not a text"},
		{"    kinds: [bom, bom]\n" NAMED, "workflow: kind bom: given twice"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char why[256];

		lines_of(cases[i].lines);
		snprintf(why, sizeof(why), "policy.yaml: statement_identities: %s", cases[i].why);
		assert_fails(parse(ANY_BUILD, &policy), err, ERR_CONFIG, why);
	}
}

static void identity__without_anything_that_tells_the_time__refused(void **state)
{
	(void)state;
	buf_put_str(&top, "statement_identities:\n");
	identity_put(&top, &maker, "workflow", PLAIN);
	assert_fails(parse(ANY_BUILD, &policy), err, ERR_CONFIG,
		"policy.yaml: statement_identities: workflow: " LOG_MISSING);
	buf_put_str(&top, "    log: optional\n");
	assert_ok(parse(ANY_BUILD, &policy), err);
}

static void identity__with_odd_certificates__refused(void **state)
{
	struct cert *middle = NULL;
	const struct sigstore_cert_recipe recipe = {.name = "middle",
		.key = keys.other,
		.issuer = maker.root,
		.issuer_key = maker.root_key,
		.extensions = sigstore_ca_extensions,
		.begin = SIGSTORE_CA_BEGIN,
		.end = SIGSTORE_CA_END};

	(void)state;
	assert_ok(sigstore_make_cert(&recipe, &middle, &err), err);
	buf_put_str(&top, "statement_identities:\n  - name: workflow\n    log: optional\n" PLAIN
			  "    roots: ");
	identity_put_cert(&top, middle, 6);
	assert_fails(parse(ANY_BUILD, &policy), err, ERR_CONFIG,
		"policy.yaml: statement_identities: workflow: roots: certificate 1 is not "
		"self-signed: it belongs under intermediates");
	buf_clear(&top);
	buf_put_str(&top, "statement_identities:\n");
	identity_put(&top, &maker, "workflow", PLAIN "    log: optional\n    intermediates: ");
	identity_put_cert(&top, leaf, 6);
	assert_fails(parse(ANY_BUILD, &policy), err, ERR_CONFIG,
		"policy.yaml: statement_identities: workflow: intermediates: certificate 1 is not "
		"a CA's");
	buf_clear(&top);
	buf_put_str(&top, "statement_identities:\n  - name: workflow\n    roots: x\n" PLAIN
			  "    log: optional\n");
	assert_false(parse(ANY_BUILD, &policy));
	assert_int_equal(err.code, ERR_CONFIG);
	assert_non_null(strstr(err.text, "statement_identities: workflow: roots"));
	cert_unref(&middle);
}

static void P5__names_of_keys_and_identities__each_once(void **state)
{
	(void)state;
	lines_of(PLAIN);
	identity_put(&top, &maker, "workflow", PLAIN);
	assert_fails(parse(ANY_BUILD, &policy), err, ERR_CONFIG,
		"policy.yaml: statement_identities: workflow: name or key given twice");
	lines_of(PLAIN);
	buf_put_str(&top, "statement_keys:\n  - name: workflow\n    kinds: [bom]\n    pem: ");
	scene_put_pem(&top, keys.other, 6);
	assert_fails(parse(ANY_BUILD, &policy), err, ERR_CONFIG,
		"policy.yaml: statement_identities: workflow: name or key given twice");
}

static void logs__wrong__refused_by_name(void **state)
{
	(void)state;
	identity_put_log(&top, &maker);
	buf_put_str(&top, "  - name: log.two\n    pem: ");
	scene_put_pem(&top, maker.log_key, 6);
	assert_fails(parse(SCENE_CLASS_LINES, &policy), err, ERR_CONFIG,
		"policy.yaml: transparency_logs: log.two: key given twice");
	buf_clear(&top);
	buf_put_str(&top, "transparency_logs:\n  - name: two words\n    pem: ");
	scene_put_pem(&top, maker.log_key, 6);
	assert_fails(parse(SCENE_CLASS_LINES, &policy), err, ERR_CONFIG,
		"policy.yaml: transparency_logs: two words: note key: \"two words\" is no name");
}

static size_t changes_of(const char *subject)
{
	const json_t *one;
	size_t i, n = 0;

	json_release(&json);
	assert_ok(policy_diff(policy, other, &json, &err), err);
	json_array_foreach(json_object_get(json, "changes"), i, one) n +=
		strcmp(json_string_value(json_object_get(one, "subject")), subject) == 0;
	return n;
}

static void authorities__wrong__refused_by_name(void **state)
{
	struct cert *authority = NULL;
	const struct sigstore_cert_recipe recipe = {.name = "authority",
		.key = keys.other,
		.issuer_key = keys.other,
		.extensions = timestamp_extensions,
		.begin = SIGSTORE_CA_BEGIN,
		.end = SIGSTORE_CA_END};

	(void)state;
	assert_ok(sigstore_make_cert(&recipe, &authority, &err), err);
	buf_put_str(&top, "timestamp_authorities:\n  - name: tsa\n    pem: ");
	identity_put_cert(&top, authority, 6);
	assert_ok(parse(SCENE_CLASS_LINES, &policy), err);
	assert_int_equal(policy->authority_count, 1);
	assert_string_equal(policy->authorities[0].name, "tsa");
	assert_ok(parse(SCENE_CLASS_LINES, &other), err);
	assert_int_equal(changes_of("timestamp_authorities"), 0);
	buf_put_str(&top, "  - name: twin\n    pem: ");
	identity_put_cert(&top, authority, 6);
	assert_fails(parse(SCENE_CLASS_LINES, &policy), err, ERR_CONFIG,
		"policy.yaml: timestamp_authorities: twin: certificate given twice");
	buf_clear(&top);
	assert_ok(parse(SCENE_CLASS_LINES, &policy), err);
	assert_int_equal(changes_of("timestamp_authorities"), 1);
	buf_put_str(&top, "timestamp_authorities:\n  - name: tsa\n    pem: ");
	identity_put_cert(&top, maker.root, 6);
	assert_fails(parse(SCENE_CLASS_LINES, &policy), err, ERR_CONFIG,
		"policy.yaml: timestamp_authorities: tsa: not a certificate for time stamping: its "
		"issuers are not needed");
	cert_unref(&authority);
}

static void P13__keys_and_identities__at_most_64_together(void **state)
{
	(void)state;
	lines_of(PLAIN);
	for (unsigned i = 1; i < POLICY_KEYS_MAX; i++) {
		char name[16];

		snprintf(name, sizeof(name), "w%u", i);
		identity_put(&top, &maker, name, PLAIN);
	}
	assert_ok(parse(ANY_BUILD, &policy), err);
	assert_int_equal(policy->classes[0].demands[0].keys, UINT64_MAX);
	buf_put_str(&top, "statement_keys:\n  - name: ci\n    kinds: [bom]\n    pem: ");
	scene_put_pem(&top, keys.other, 6);
	assert_fails(parse(ANY_BUILD, &policy), err, ERR_CONFIG,
		"policy.yaml: statement_keys and statement_identities: more than 64 together");
}

/* ---- model signatures ---- */

static void demand__of_a_model_signature__every_model_unless_said(void **state)
{
	uint8_t clause[SHA256_LEN];

	(void)state;
	lines_of("    kinds: [model-signature]\n" NAMED);
	assert_ok(parse(DEMANDS "      - {kind: model-signature, name: model}\n", &policy), err);
	assert_int_equal(policy->classes[0].demands[0].cover_count, 1);
	assert_string_equal(policy->classes[0].demands[0].covers[0], "model");
	memcpy(clause, policy->classes[0].clause, SHA256_LEN);
	assert_ok(parse(DEMANDS "      - {kind: model-signature, name: model, covers: [model]}\n",
			  &policy),
		err);
	assert_memory_equal(clause, policy->classes[0].clause, SHA256_LEN);
	assert_ok(parse(DEMANDS "      - {kind: model-signature, name: model, covers: [tool]}\n",
			  &policy),
		err);
	assert_string_equal(policy->classes[0].demands[0].covers[0], "tool");
	assert_memory_not_equal(clause, policy->classes[0].clause, SHA256_LEN);
	assert_fails(parse(DEMANDS "      - {kind: model-signature, name: model, max_age: 1d}\n",
			     &policy),
		err, ERR_CONFIG,
		"policy.yaml: risk_classes: low: statements: model: max_age: means nothing for "
		"kind model-signature");
}

/* ---- words ---- */

static bool said(const json_t *lines, const char *key, const char *wanted)
{
	const json_t *one;
	size_t i;

	json_array_foreach(lines, i, one)
	{
		const json_t *line = key ? json_object_get(one, key) : one;

		if (strcmp(json_string_value(line), wanted) == 0)
			return true;
	}
	return false;
}

static void explain__identities__said(void **state)
{
	(void)state;
	lines_of(PLAIN "    source_repository: \"https://git.example/a\"\n");
	assert_ok(parse(HIS_BUILD, &policy), err);
	assert_ok(policy_class_explain(policy, &policy->classes[0], &json, &err), err);
	assert_true(said(json, NULL, "release: provenance build, signed by one of: workflow"));
	assert_true(said(json, NULL,
		"release: workflow is whose certificate names " SIGSTORE_NAME
		", vouched for by " SIGSTORE_ISSUER
		", source repository https://git.example/a, in a log"));
	json_release(&json);
	lines_of(KINDS "    identity_prefix: \"" PREFIX "\"\n    log: optional\n");
	assert_ok(parse(HIS_BUILD, &policy), err);
	assert_ok(policy_class_explain(policy, &policy->classes[0], &json, &err), err);
	assert_true(said(json, NULL,
		"release: workflow is whose certificate names " PREFIX
		"…, in a log or stamped, or while a certificate of a day or more is valid"));
}

static void diff__identities__any_change_said(void **state)
{
	static const char *const variants[] = {PLAIN "    log: optional\n",
		PLAIN "    source_ref: x\n", PLAIN "    runner_environment: x\n",
		KINDS "    identity: x\n    issuer: \"" SIGSTORE_ISSUER "\"\n",
		KINDS "    identity: \"" SIGSTORE_NAME "\"\n    issuer: x\n",
		KINDS "    identity: \"" SIGSTORE_NAME "\"\n",
		"    kinds: [provenance, bom]\n" NAMED};

	(void)state;
	lines_of(PLAIN);
	assert_ok(parse(ANY_BUILD, &policy), err);
	assert_ok(parse(ANY_BUILD, &other), err);
	assert_int_equal(changes_of("statement_identities"), 0);
	for (size_t i = 0; i < ARRAY_LEN(variants); i++) {
		lines_of(variants[i]);
		assert_ok(parse(ANY_BUILD, &other), err);
		assert_int_equal(changes_of("statement_identities"), 2);
		assert_int_equal(changes_of("statement_keys"), 0);
	}
	lines_of(PLAIN "    intermediates: ");
	identity_put_cert(&top, maker.root, 6);
	assert_ok(parse(ANY_BUILD, &other), err);
	assert_int_equal(changes_of("statement_identities"), 2);
}

static void diff__logs__said(void **state)
{
	(void)state;
	lines_of(PLAIN);
	assert_ok(parse(SCENE_CLASS_LINES, &policy), err);
	buf_clear(&top);
	assert_ok(parse(SCENE_CLASS_LINES, &other), err);
	assert_int_equal(changes_of("transparency_logs"), 1);
	assert_int_equal(changes_of("statement_identities"), 1);
}

/* ---- who signs the policy ---- */

static void outside__part_of_an_identity__refused_by_name(void **state)
{
	static const char *const parts[] = {"the transparency log log.example",
		"a root of identity workflow", "an intermediate of identity workflow",
		"the time-stamping authority tsa"};
	struct cert *middle = NULL, *authority = NULL;
	struct key *const who[] = {maker.log_key, maker.root_key, keys.other, keys.instance};
	const struct sigstore_cert_recipe stamping = {.name = "authority",
		.key = keys.instance,
		.issuer_key = keys.instance,
		.extensions = timestamp_extensions,
		.begin = SIGSTORE_CA_BEGIN,
		.end = SIGSTORE_CA_END};
	const struct sigstore_cert_recipe recipe = {.name = "middle",
		.key = keys.other,
		.issuer = maker.root,
		.issuer_key = maker.root_key,
		.extensions = sigstore_ca_extensions,
		.begin = SIGSTORE_CA_BEGIN,
		.end = SIGSTORE_CA_END};

	(void)state;
	assert_ok(sigstore_make_cert(&recipe, &middle, &err), err);
	lines_of(PLAIN "    intermediates: ");
	identity_put_cert(&top, middle, 6);
	assert_ok(sigstore_make_cert(&stamping, &authority, &err), err);
	buf_put_str(&top, "timestamp_authorities:\n  - name: tsa\n    pem: ");
	identity_put_cert(&top, authority, 6);
	assert_ok(parse(SCENE_CLASS_LINES, &policy), err);
	for (size_t i = 0; i < ARRAY_LEN(who); i++) {
		struct policy_signers signers = {0};
		struct buf pem = {0};
		char why[256];

		assert_ok(key_public_pem(who[i], &pem, &err), err);
		assert_ok(policy_signers_add(&signers, "anna", buf_bytes(&pem), &err), err);
		snprintf(why, sizeof(why),
			"policy key anna is %s of this policy: its signers must stand outside it",
			parts[i]);
		assert_fails(policy_signers_outside(&signers, policy, &err), err, ERR_DENIED, why);
		policy_signers_release(&signers);
		buf_release(&pem);
	}
	cert_unref(&middle);
	cert_unref(&authority);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_teardown(name, teardown)
		T(identity__plain__taken),
		T(identity__everything_given__taken),
		T(identity__behind_keys__both_may_be_demanded),
		T(identity__wrong__refused_by_name),
		T(identity__without_anything_that_tells_the_time__refused),
		T(identity__with_odd_certificates__refused),
		T(P5__names_of_keys_and_identities__each_once),
		T(logs__wrong__refused_by_name),
		T(authorities__wrong__refused_by_name),
		T(P13__keys_and_identities__at_most_64_together),
		T(demand__of_a_model_signature__every_model_unless_said),
		T(explain__identities__said),
		T(diff__identities__any_change_said),
		T(diff__logs__said),
		T(outside__part_of_an_identity__refused_by_name),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
