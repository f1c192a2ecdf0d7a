/* SPDX-License-Identifier: Apache-2.0 */
/* The policy file: read, its defaults, and everything it refuses. */
#include "policy/policy.h"

#include "base/text.h"
#include "scene.h"
#include "tests/support/vectors.h"

static struct scene_keys keys;
static struct buf text;
static struct policy *policy;
static struct err err;

static int group_setup(void **state)
{
	(void)state;
	scene_keys_make(&keys);
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	scene_keys_free(&keys);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	buf_release(&text);
	policy_free(&policy);
	return 0;
}

/* What is wrong, without where: that is test_policy_places.c's. */
static bool parse_text(void)
{
	bool ok = policy_parse(buf_bytes(&text), "policy.yaml", &policy, &err);

	scene_unplace(&err);
	return ok;
}

static bool parse(const char *class_lines, const char *top_lines)
{
	policy_free(&policy);
	buf_clear(&text);
	err = (struct err){0};
	scene_policy_text(&keys, class_lines, top_lines, &text);
	return parse_text();
}

static void parse__plain__defaults(void **state)
{
	(void)state;
	assert_ok(parse(SCENE_CLASS_LINES, ""), err);
	assert_int_equal(policy->version, 7);
	assert_string_equal(policy->trust_domain, "bank.example");
	assert_int_equal(policy->bank, DIGEST_SHA256);
	assert_int_equal(policy->runtime_pcr, 15);
	assert_int_equal(policy->ek_template_count, 6);
	assert_int_equal(policy->challenge_lifetime, 120);
	assert_int_equal(policy->tpm_firmware_minimum, 0);
	assert_false(policy->ek_ignore_expiry);
	assert_int_equal(policy->class_count, 1);
	assert_true(policy->classes[0].differ_from_author);
	assert_int_equal(policy->classes[0].approval_age_max, 0);
	assert_int_equal(policy->classes[0].credential_lifetime, 600);
	assert_int_equal(policy->classes[0].renew_after, 300);
	assert_int_equal(policy->classes[0].minimum_assurance, ASSURANCE_REPORTED);
	assert_int_equal(policy->classes[0].key, KEY_SOFTWARE);
	assert_false(policy->classes[0].pinned);
	assert_false(policy->classes[0].clock_safe);
}

static void parse__everything_given__taken(void **state)
{
	const struct policy_class *c;

	(void)state;
	assert_ok(parse("    approvals: [ {role: security, count: 2} ]\n"
			"    differ_from_author: false\n"
			"    approval_age_max: 90d\n"
			"    credential_lifetime: 1h\n"
			"    renew_after: 10m\n"
			"    minimum_assurance: reported\n"
			"    key: tpm\n"
			"    pinned: true\n"
			"    clock_safe: true\n",
			  "pcr_bank: sha384\nruntime_pcr: 0\nek_templates: [L-1, H-3]\n"
			  "ek_ignore_expiry: true\ntpm_firmware_minimum: 77\n"
			  "challenge_lifetime: 30s\n"),
		err);
	c = policy_class_find(policy, BYTES_LIT("low"));
	assert_non_null(c);
	assert_int_equal(c->approvals[0].count, 2);
	assert_false(c->differ_from_author);
	assert_int_equal(c->approval_age_max, 90 * 86400);
	assert_int_equal(c->credential_lifetime, 3600);
	assert_int_equal(c->renew_after, 600);
	assert_int_equal(c->minimum_assurance, ASSURANCE_REPORTED);
	assert_int_equal(c->key, KEY_TPM);
	assert_true(c->pinned && c->clock_safe);
	assert_int_equal(policy->bank, DIGEST_SHA384);
	assert_int_equal(policy->runtime_pcr, 0);
	assert_int_equal(policy->ek_template_count, 2);
	assert_int_equal(policy->ek_templates[1], EK_TEMPLATE_H3);
	assert_true(policy->ek_ignore_expiry);
	assert_int_equal(policy->tpm_firmware_minimum, 77);
	assert_int_equal(policy->challenge_lifetime, 30);
	assert_null(policy_class_find(policy, BYTES_LIT("lo")));
	assert_null(policy_class_find(policy, (struct bytes){0}));
}

#define DIGEST_A "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static void parse__distrusted_keys__taken(void **state)
{
	const struct policy_distrusted *entry;
	uint8_t digest[SHA256_LEN];

	(void)state;
	assert_ok(parse(SCENE_CLASS_LINES,
			  "ek_revocation: []\nek_ignore_stale_revocation: true\n"
			  "ek_distrusted:\n  - {sha256: " DIGEST_A ", reason: stolen}\n"),
		err);
	assert_true(policy->ek_ignore_stale_revocation);
	assert_int_equal(crls_count(policy->ek_crls), 0);
	assert_ok(hex_decode_exact(BYTES_LIT(DIGEST_A), digest, sizeof(digest), &err), err);
	entry = policy_distrusted_find(policy, digest);
	assert_non_null(entry);
	assert_string_equal(entry->reason, "stolen");
	digest[31] ^= 1;
	assert_null(policy_distrusted_find(policy, digest));
}

static void parse__bad_revocation__refused_in_words(void **state)
{
	static const struct {
		const char *lines, *text;
	} cases[] = {
		{"ek_revocation: [ {name: maker, pem: junk} ]\n",
			"ek_revocation: maker: CRL: none in these bytes"},
		{"ek_revocation: [ {name: maker, pem: \"-----BEGIN X509 "
		 "CRL-----\\nMAA=\\n-----END X509 CRL-----\\n\"} ]\n",
			"ek_revocation: maker: CRL"},
		{"ek_distrusted: [ {sha256: 0011, reason: x} ]\n", "ek_distrusted: 0011: "},
		{"ek_distrusted: [ {sha256: 0011223344556677889"
		 "9AABBCCDDEEFF00112233445566778899aabbccddeeff, reason: x} ]\n",
			"ek_distrusted: "},
		{"ek_distrusted: [ {sha256: " DIGEST_A ", reason: x}, {sha256: " DIGEST_A
		 ", reason: y} ]\n",
			"ek_distrusted: " DIGEST_A ": given twice"},
		{"ek_distrusted: [ {sha256: " DIGEST_A ", reason: \"a\\nb\"} ]\n",
			"ek_distrusted: " DIGEST_A ": reason: not a short text"},
	};
	char wanted[256];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		snprintf(wanted, sizeof(wanted), "policy.yaml: %s", cases[i].text);
		if (parse(SCENE_CLASS_LINES, cases[i].lines))
			fail_msg("accepted: %s", cases[i].lines);
		assert_int_equal(err.code, ERR_CONFIG);
		if (strncmp(err.text, wanted, strlen(wanted)) != 0)
			fail_msg("%s, wanted %s", err.text, wanted);
	}
}

static void parse__bad_class__refused_in_words(void **state)
{
	static const struct {
		const char *lines, *text;
	} cases[] = {
		{"    approvals: [ {role: security, count: 0} ]\n    credential_lifetime: 10m\n",
			"approvals: role security: count must be 1 or more"}, /* P6 */
		{"    approvals: [ {role: security, count: -1} ]\n    credential_lifetime: 10m\n",
			"approvals: role security: count must be 1 or more"}, /* P6 */
		{"    approvals: [ {role: security, count: 3} ]\n    credential_lifetime: 10m\n",
			"approvals: role security: 3 demanded, but only 2 approvers have it"},
		{"    approvals: [ {role: legal, count: 1} ]\n    credential_lifetime: 10m\n",
			"approvals: role legal: no approver has it"},
		{"    approvals: [ {role: security, count: 1}, {role: security, count: 1} ]\n"
		 "    credential_lifetime: 10m\n",
			"approvals: role security: given twice"},
		{SCENE_CLASS_LINES "    renew_after: 10m\n",
			"renew_after: must be shorter than credential_lifetime"},
		{SCENE_CLASS_LINES "    renew_after: 0s\n", "renew_after: must be 1 s or more"},
		{"    approvals: []\n    credential_lifetime: 1s\n",
			"credential_lifetime: must be 2 s or more"},
		{"    approvals: []\n    credential_lifetime: 0\n",
			"credential_lifetime: must be 1 s or more"},
	};
	char wanted[256];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		snprintf(wanted, sizeof(wanted), "policy.yaml: risk_classes: low: %s",
			cases[i].text);
		assert_fails(parse(cases[i].lines, ""), err, ERR_CONFIG, wanted);
	}
}

static void C6__lifetime_beyond_the_maximum__refused(void **state)
{
	static const char *const lifetimes[] = {"31d", "9223372036854775808s", "99999999999999d"};
	char lines[128];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(lifetimes); i++) {
		snprintf(lines, sizeof(lines), "    approvals: []\n    credential_lifetime: %s\n",
			lifetimes[i]);
		assert_false(parse(lines, ""));
		assert_int_equal(err.code, ERR_CONFIG);
		assert_non_null(strstr(err.text, "credential_lifetime"));
	}
}

static void parse__bad_top__refused(void **state)
{
	static const struct {
		const char *lines, *text;
	} cases[] = {
		{"runtime_pcr: 16\n", "policy.yaml: runtime_pcr: 16: must be 0 to 15 (16 and 23 "
				      "can be reset by anyone)"},
		{"runtime_pcr: 23\n", "policy.yaml: runtime_pcr: 23: must be 0 to 15 (16 and 23 "
				      "can be reset by anyone)"},
		{"challenge_lifetime: 0s\n",
			"policy.yaml: challenge_lifetime: must be 1 s or more"},
		{"  - name: low\n    approvals: []\n    credential_lifetime: 5m\n",
			"policy.yaml: risk_classes: low: given twice"},
		{"  - name: Low\n    approvals: []\n    credential_lifetime: 5m\n",
			"policy.yaml: risk_classes: Low: not a name (1 to 64 of a-z 0-9 . _ -)"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_fails(
			parse(SCENE_CLASS_LINES, cases[i].lines), err, ERR_CONFIG, cases[i].text);
}

/* The YAML layer's own refusals, seen through this schema: the place is named. */
static void S14__garbled_file__refused(void **state)
{
	static const char *const tops[] = {
		"nonsense: 1\n",
		"version: 8\n",
		"pcr_bank: sha1\n",
		"pcr_bank: 11\n",
		"ek_templates: []\n",
		"ek_templates: [L-9]\n",
		"ek_ignore_expiry: perhaps\n",
		"tpm_firmware_minimum: -1\n",
		"runtime_pcr: [1]\n",
		"---\npolicy: 1\n",
		"\t\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(tops); i++) {
		if (parse(SCENE_CLASS_LINES, tops[i]))
			fail_msg("accepted: %s", tops[i]);
		assert_int_equal(err.code, ERR_CONFIG);
		assert_non_null(strstr(err.text, "policy.yaml"));
	}
	assert_false(policy_parse((struct bytes){0}, "policy.yaml", &policy, &err));
	assert_null(policy);
}

static void replace(const char *from, const char *to)
{
	struct buf out = {0};
	const char *whole, *at;

	buf_clear(&text);
	scene_policy_text(&keys, SCENE_CLASS_LINES, "", &text);
	whole = buf_str(&text);
	at = strstr(whole, from);
	assert_non_null(at);
	buf_printf(&out, "%.*s%s%s", (int)(at - whole), whole, to, at + strlen(from));
	buf_release(&text);
	text = out;
}

static void parse__bad_head__refused(void **state)
{
	static const struct {
		const char *from, *to, *text;
	} cases[] = {
		{"policy: 1", "policy: 2", "policy.yaml: policy: format 2: this program knows 1"},
		{"version: 7", "version: 0", "policy.yaml: version: must be 1 or more"},
		{"bank.example", "Bank.example",
			"policy.yaml: trust_domain: Bank.example: use lower-case letters, digits, "
			"dots, dashes, underscores"},
		{"person: bob", "person: \"b\\tob\"",
			"policy.yaml: approvers: b\\tob: not a name (a line of 1 to 128 bytes)"},
		{"name: builder-1", "name: \"b\\t1\"",
			"policy.yaml: release_keys: b\\t1: not a name (a line of 1 to 128 bytes)"},
		{"ek_roots: []", "ek_roots: [{name: \"r\\t1\", pem: x}]",
			"policy.yaml: ek_roots: r\\t1: not a name (a line of 1 to 128 bytes)"},
		{"person: bob", "person: alice", "policy.yaml: approvers: alice: given twice"},
		{"roles: [security]", "roles: [security, security]",
			"policy.yaml: approvers: bob: role security: given twice"},
		{"roles: [security]", "roles: [Security]",
			"policy.yaml: approvers: bob: role Security: not a name (1 to 64 of a-z "
			"0-9 . _ -)"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		replace(cases[i].from, cases[i].to);
		assert_fails(parse_text(), err, ERR_CONFIG, cases[i].text);
	}
}

static void P5__one_key_for_two_persons__refused(void **state)
{
	struct scene_keys twice = keys;

	(void)state;
	twice.bob = twice.alice;
	scene_policy_text(&twice, SCENE_CLASS_LINES, "", &text);
	assert_fails(parse_text(), err, ERR_CONFIG,
		"policy.yaml: approvers: bob: key 1: stands for somebody already: one key, one "
		"person");
}

static void P5__one_release_key_twice__refused(void **state)
{
	struct buf second = {0};

	(void)state;
	buf_put_str(&second, "release_keys:\n  - name: builder-2\n    pem: ");
	scene_put_pem(&second, keys.builder, 6);
	replace("release_keys:\n", buf_str(&second));
	buf_release(&second);
	assert_fails(parse_text(), err, ERR_CONFIG,
		"policy.yaml: release_keys: builder-1: name or key given twice");
}

static void parse__private_key__refused(void **state)
{
	struct buf pem = {0}, lines = {0};
	const char *line;

	(void)state;
	assert_ok(key_private_pem(keys.other, &pem, &err), err);
	buf_put_str(&lines, "release_keys:\n  - name: leak\n    pem: |\n");
	for (line = buf_str(&pem); *line; line += strcspn(line, "\n") + 1)
		buf_printf(&lines, "      %.*s\n", (int)strcspn(line, "\n"), line);
	replace("release_keys:\n", buf_str(&lines));
	buf_release(&pem);
	buf_release(&lines);
	assert_fails(parse_text(), err, ERR_CONFIG,
		"policy.yaml: release_keys: leak: a private key: put the public key here");
}

static void parse__no_release_key_or_class__refused(void **state)
{
	(void)state;
	buf_put_str(&text,
		"policy: 1\nversion: 7\ntrust_domain: a\nek_roots: []\nrelease_keys: []\n"
		"approvers: []\nrisk_classes: [{name: low, approvals: [], "
		"credential_lifetime: 5m}]\n");
	assert_false(parse_text());
	assert_string_equal(
		err.text, "policy.yaml: Insufficient entries (0 of 1 min) in sequence.");
	replace("risk_classes:\n  - name: low\n" SCENE_CLASS_LINES, "risk_classes: []\n");
	assert_false(parse_text());
	assert_non_null(strstr(err.text, "Insufficient entries"));
}

static void parse__root_that_is_no_certificate__refused(void **state)
{
	(void)state;
	replace("ek_roots: []", "ek_roots: [{name: x, pem: junk}]");
	assert_false(parse_text());
	assert_int_equal(err.code, ERR_CONFIG);
	assert_non_null(strstr(err.text, "policy.yaml: ek_roots: x: "));
}

static void parse__several_roots_in_one_pem__all_taken(void **state)
{
	struct buf root = {0}, issuer = {0}, lines = {0};
	const char *line;

	(void)state;
	if (!vectors_read("made/vm/ca/swtpm-localca-rootca-cert.pem", &root) ||
		!vectors_read("made/vm/ca/issuercert.pem", &issuer))
		skip();
	buf_put(&root, buf_bytes(&issuer));
	buf_put_str(&lines, "ek_roots:\n  - name: local\n    pem: |\n");
	for (line = buf_str(&root); *line; line += strcspn(line, "\n") + 1)
		buf_printf(&lines, "      %.*s\n", (int)strcspn(line, "\n"), line);
	replace("ek_roots: []\n", buf_str(&lines));
	buf_release(&root);
	buf_release(&issuer);
	buf_release(&lines);
	assert_ok(policy_parse(buf_bytes(&text), "policy.yaml", &policy, &err), err);
	assert_int_equal(policy->root_count, 2);
	assert_string_equal(policy->roots[1].name, "local");
}

static void S18__too_large__refused(void **state)
{
	(void)state;
	while (text.len <= POLICY_TEXT_MAX)
		buf_put_str(&text, "# padding, padding, padding, padding, padding, padding\n");
	assert_false(parse_text());
	assert_int_equal(err.code, ERR_LIMIT);
}

/* ---- the clause ---- */

static void clause_of(const char *class_lines, const char *top_lines, uint8_t out[SHA256_LEN])
{
	assert_ok(parse(class_lines, top_lines), err);
	memcpy(out, policy->classes[0].clause, SHA256_LEN);
}

static void clause__unrelated_edit__stays(void **state)
{
	uint8_t before[SHA256_LEN], after[SHA256_LEN];

	(void)state;
	clause_of(SCENE_CLASS_LINES, "", before);
	clause_of("    credential_lifetime: 600s # ten minutes\n"
		  "    approvals: [ {role: security, count: 1}, {role: model-risk, count: 1} ]\n",
		"challenge_lifetime: 60s\n", after);
	assert_memory_equal(before, after, SHA256_LEN);
}

static void clause__any_term_changed__differs(void **state)
{
	static const char *const changes[] = {
		"    differ_from_author: false\n",
		"    approval_age_max: 1d\n",
		"    renew_after: 1m\n",
		"    key: tpm\n",
		"    pinned: true\n",
		"    clock_safe: true\n",
		"    review_every: 90d\n",
		"    review_every: 90d\n    review_grace: 14d\n",
	};
	uint8_t before[SHA256_LEN], after[SHA256_LEN];
	char lines[512];

	(void)state;
	clause_of(SCENE_CLASS_LINES, "", before);
	for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
		snprintf(lines, sizeof(lines), "%s%s", SCENE_CLASS_LINES, changes[i]);
		clause_of(lines, "", after);
		assert_memory_not_equal(before, after, SHA256_LEN);
	}
	clause_of("    approvals: [ {role: model-risk, count: 1}, {role: security, count: 2} ]\n"
		  "    credential_lifetime: 10m\n",
		"", after);
	assert_memory_not_equal(before, after, SHA256_LEN);
}

/* The canonical text is a format: docs/formats/policy.md shows this one. */
static void clause__known_text__known_digest(void **state)
{
	static const char canonical[] =
		"{\"approval_age_max\":7776000,\"approvals\":[{\"count\":1,\"role\":\"model-risk\"}"
		"],"
		"\"clock_safe\":false,\"credential_lifetime\":600,\"differ_from_author\":true,"
		"\"host_classes\":[],"
		"\"key\":\"software\",\"minimum_assurance\":\"reported\",\"name\":\"low\","
		"\"pinned\":false,\"renew_after\":300,\"statements\":[],\"type\":\"assay/"
		"risk-class/1\"}";
	uint8_t wanted[SHA256_LEN], clause[SHA256_LEN];

	(void)state;
	assert_ok(sha256_of(bytes_str(canonical), wanted, &err), err);
	clause_of("    approvals: [ {role: model-risk, count: 1} ]\n"
		  "    approval_age_max: 90d\n    credential_lifetime: 10m\n",
		"", clause);
	assert_memory_equal(clause, wanted, SHA256_LEN);
}

/* Reviews stand in the clause of a class that asks for them, and in no other. */
static void clause__class_with_reviews__known_digest(void **state)
{
	static const char canonical[] =
		"{\"approval_age_max\":7776000,\"approvals\":[{\"count\":1,\"role\":\"model-risk\"}"
		"],"
		"\"clock_safe\":false,\"credential_lifetime\":600,\"differ_from_author\":true,"
		"\"host_classes\":[],"
		"\"key\":\"software\",\"minimum_assurance\":\"reported\",\"name\":\"low\","
		"\"pinned\":false,\"renew_after\":300,\"review_every\":7776000,\"review_grace\":0,"
		"\"statements\":[],"
		"\"type\":\"assay/risk-class/1\"}";
	uint8_t wanted[SHA256_LEN], clause[SHA256_LEN];

	(void)state;
	assert_ok(sha256_of(bytes_str(canonical), wanted, &err), err);
	clause_of("    approvals: [ {role: model-risk, count: 1} ]\n"
		  "    approval_age_max: 90d\n    credential_lifetime: 10m\n"
		  "    review_every: 90d\n",
		"", clause);
	assert_memory_equal(clause, wanted, SHA256_LEN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_teardown(name, teardown)
		T(parse__plain__defaults),
		T(parse__everything_given__taken),
		T(parse__distrusted_keys__taken),
		T(parse__bad_revocation__refused_in_words),
		T(parse__bad_class__refused_in_words),
		T(C6__lifetime_beyond_the_maximum__refused),
		T(parse__bad_top__refused),
		T(S14__garbled_file__refused),
		T(parse__bad_head__refused),
		T(P5__one_key_for_two_persons__refused),
		T(P5__one_release_key_twice__refused),
		T(parse__private_key__refused),
		T(parse__no_release_key_or_class__refused),
		T(parse__root_that_is_no_certificate__refused),
		T(parse__several_roots_in_one_pem__all_taken),
		T(S18__too_large__refused),
		T(clause__unrelated_edit__stays),
		T(clause__any_term_changed__differs),
		T(clause__known_text__known_digest),
		T(clause__class_with_reviews__known_digest),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
