/* SPDX-License-Identifier: Apache-2.0 */
/* Policies in words: every difference in meaning is said, with what it does, and nothing else. */
#include "policy/words.h"

#include "scene.h"
#include "tests/support/crl.h"
#include "tests/support/ek_ca.h"

static struct scene_keys keys;
static struct buf text[2];
static struct policy *policy[2];
static json_t *json;
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
	for (int i = 0; i < 2; i++) {
		buf_release(&text[i]);
		policy_free(&policy[i]);
	}
	json_release(&json);
	return 0;
}

static void take(int i, const char *whole)
{
	policy_free(&policy[i]);
	assert_ok(policy_parse(bytes_str(whole), "policy.yaml", &policy[i], &err), err);
}

static void parse(int i, const char *class_lines, const char *top_lines)
{
	buf_clear(&text[i]);
	scene_policy_text(&keys, class_lines, top_lines, &text[i]);
	take(i, buf_str(&text[i]));
}

static void compare(void)
{
	json_release(&json);
	assert_ok(policy_diff(policy[0], policy[1], &json, &err), err);
}

/* The change with this text; NULL: there is none. */
static const json_t *change(const char *subject, const char *wanted)
{
	size_t i;
	json_t *one;

	json_array_foreach(json_object_get(json, "changes"), i,
		one) if (strcmp(json_string_value(json_object_get(one, "subject")), subject) == 0 &&
			 strcmp(json_string_value(json_object_get(one, "text")), wanted) ==
				 0) return one;
	return NULL;
}

static void assert_change(const char *subject, const char *wanted, const char *direction)
{
	const json_t *one = change(subject, wanted);

	if (!one) {
		char *all = json_dumps(json, JSON_INDENT(1));

		print_error("%s\n", all);
		free(all);
		fail_msg("no change \"%s\": \"%s\"", subject, wanted);
	}
	assert_string_equal(json_string_value(json_object_get(one, "direction")), direction);
	assert_true(json_string_length(json_object_get(one, "effect")) > 0);
}

static size_t of_subject(const char *subject)
{
	size_t i, n = 0;
	json_t *one;

	json_array_foreach(json_object_get(json, "changes"), i, one) n +=
		strcmp(json_string_value(json_object_get(one, "subject")), subject) == 0;
	return n;
}

static size_t count(const char *key)
{
	return json_array_size(json_object_get(json, key));
}

static void duration__largest_unit_that_divides(void **state)
{
	char out[WORDS_DURATION_MAX];

	(void)state;
	assert_string_equal(words_duration(86400, out), "1d");
	assert_string_equal(words_duration(90000, out), "25h");
	assert_string_equal(words_duration(90, out), "90s");
	assert_string_equal(words_duration(600, out), "10m");
}

static void diff__itself__same(void **state)
{
	(void)state;
	parse(0, SCENE_CLASS_LINES, "");
	parse(1, SCENE_CLASS_LINES, "");
	compare();
	assert_true(json_is_true(json_object_get(json, "same")));
	assert_int_equal(count("changes"), 0);
	assert_int_equal(count("approvals_void"), 0);
}

static void diff__a_comment__other_bytes_said(void **state)
{
	(void)state;
	parse(0, SCENE_CLASS_LINES, "");
	parse(1, SCENE_CLASS_LINES, "# why\n");
	compare();
	assert_false(json_is_true(json_object_get(json, "same")));
	assert_int_equal(count("changes"), 2);
	assert_change("version", "version: 7, was 7", "other");
	assert_non_null(strstr(json_string_value(json_object_get(
				       change("version", "version: 7, was 7"), "effect")),
		"raise the version"));
	assert_change("text", "comments, order or layout differ", "other");
}

#define CLASS_OLD                                                                                  \
	"    approvals: [ {role: model-risk, count: 1}, {role: security, count: 1} ]\n"            \
	"    credential_lifetime: 10m\n    approval_age_max: 90d\n"
#define CLASS_NEW                                                                                  \
	"    approvals: [ {role: security, count: 2} ]\n    credential_lifetime: 1h\n"             \
	"    renew_after: 4m\n    differ_from_author: false\n    key: tpm\n    pinned: true\n"     \
	"    clock_safe: true\n    review_every: 90d\n    review_grace: 14d\n    lease: 2h\n"      \
	"    after_lease: relaunch\n    on_lease_end: freeze\n    on_refusal: stop\n"

static void diff__every_field_of_a_class__said_and_approvals_void(void **state)
{
	static const struct {
		const char *text, *direction;
	} changes[] = {
		{"approvals as security: 2, was 1", "tighter"},
		{"approvals as model-risk: 0, was 1", "looser"},
		{"differ_from_author: false, was true", "looser"},
		{"approval_age_max: none, was 90d", "looser"},
		{"credential_lifetime: 1h, was 10m", "looser"},
		{"renew_after: 4m, was 5m", "tighter"},
		{"key in the TPM: true, was false", "tighter"},
		{"pinned: true, was false", "tighter"},
		{"clock_safe: true, was false", "tighter"},
		{"review_every: 90d, was none", "tighter"},
		{"review_grace: 14d, was none", "looser"},
		{"lease: 2h, was 10m", "looser"},
		{"after_lease: relaunch: true, was false", "tighter"},
		{"on_lease_end: freeze, was continue", "tighter"},
		{"on_refusal: stop, was continue", "tighter"},
	};

	(void)state;
	parse(0, CLASS_OLD, "");
	parse(1, CLASS_NEW, "");
	compare();
	for (size_t i = 0; i < ARRAY_LEN(changes); i++)
		assert_change("risk class low", changes[i].text, changes[i].direction);
	assert_int_equal(count("changes"), ARRAY_LEN(changes) + 2); /* version, clause */
	assert_int_equal(count("approvals_void"), 1);
}

static void diff__general_values__said(void **state)
{
	static const struct {
		const char *subject, *text, *direction;
	} changes[] = {
		{"pcr_bank", "pcr_bank: sha384, was sha256", "other"},
		{"runtime_pcr", "runtime_pcr: 12, was 15", "other"},
		{"ek_ignore_expiry", "ek_ignore_expiry: true, was false", "looser"},
		{"ek_ignore_stale_revocation", "ek_ignore_stale_revocation: true, was false",
			"looser"},
		{"tpm_firmware_minimum", "tpm_firmware_minimum: 9, was 0", "tighter"},
		{"challenge_lifetime", "challenge_lifetime (s): 60, was 120", "tighter"},
		{"ek_templates", "EK template removed: H-6", "tighter"},
	};

	(void)state;
	parse(0, SCENE_CLASS_LINES, "");
	parse(1, SCENE_CLASS_LINES,
		"pcr_bank: sha384\nruntime_pcr: 12\nek_ignore_expiry: true\n"
		"ek_ignore_stale_revocation: true\ntpm_firmware_minimum: 9\nchallenge_lifetime: "
		"60s\n"
		"ek_templates: [L-1, L-2, H-1, H-2, H-3]\n");
	compare();
	for (size_t i = 0; i < ARRAY_LEN(changes); i++)
		assert_change(changes[i].subject, changes[i].text, changes[i].direction);
	assert_int_equal(count("changes"), ARRAY_LEN(changes) + 1); /* version */
}

/* Text in which one string is another. */
static const char *with(const char *from, const char *what, const char *by)
{
	const char *at = strstr(from, what);

	assert_non_null(at);
	buf_clear(&text[1]);
	buf_printf(&text[1], "%.*s%s%s", (int)(at - from), from, by, at + strlen(what));
	return buf_str(&text[1]);
}

static void diff__domain_and_lower_version__what_a_verifier_does(void **state)
{
	(void)state;
	parse(0, SCENE_CLASS_LINES, "");
	take(1, with(buf_str(&text[0]), "version: 7\ntrust_domain: bank.example",
			"version: 6\ntrust_domain: other.example"));
	compare();
	assert_change("version", "version: 6, was 7", "other");
	assert_change("trust_domain", "trust_domain: other.example, was bank.example", "other");
}

static void diff__persons_and_keys__added_removed_renamed(void **state)
{
	struct buf pem = {0};
	char wanted[128], hex[17];

	(void)state;
	parse(0, "    approvals: []\n    credential_lifetime: 10m\n", "");
	take(1, with(buf_str(&text[0]), "person: bob\n    roles: [security]",
			"person: bert\n    roles: [security, privacy]"));
	compare();
	assert_change("approver bert", "role added: privacy", "looser");
	assert_change("approver bob", "role removed: security", "tighter");
	(void)snprintf(wanted, sizeof(wanted), "key removed: key (%s…)",
		text_short_hex(bytes_of(key_id(keys.bob), SHA256_LEN), hex));
	assert_change("approver bob", wanted, "tighter");
	take(1, with(buf_str(&text[0]), "builder-1", "builder-2"));
	compare();
	assert_change("release_keys", "release key builder-1 is now called builder-2", "other");
	buf_put_str(&pem, "release_keys:\n  - name: builder-9\n    pem: ");
	scene_put_pem(&pem, keys.other, 6);
	take(1, with(buf_str(&text[0]), "release_keys:\n", buf_str(&pem)));
	compare();
	(void)snprintf(wanted, sizeof(wanted), "release key added: builder-9 (%s…)",
		text_short_hex(bytes_of(key_id(keys.other), SHA256_LEN), hex));
	assert_change("release_keys", wanted, "looser");
	buf_release(&pem);
}

#define DIGEST_A "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define DIGEST_B "10112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define HOST_OLD                                                                                   \
	"host_classes:\n  - name: server\n    references: [ {kind: golden-log, sha256: " DIGEST_A  \
	"} ]\n    command_line: {allow: ['a*'], require: [x], forbid: [y]}\n"
#define HOST_NEW                                                                                   \
	"host_classes:\n  - name: server\n    secure_boot: any\n    dbx_minimum: 3\n"              \
	"    may_vary: [5]\n    references: [ {kind: golden-log, sha256: " DIGEST_A                \
	", until: 2027-01-01T00:00:00Z}, {kind: ima-rules, sha256: " DIGEST_B " } ]\n"             \
	"    command_line: {allow: ['b*'], forbid: [y, z]}\n"                                      \
	"    ima: {hostd: [ {path: /usr/bin/assay-hostd, sha256: " DIGEST_A " } ], lockdown: "     \
	"command-line}\n"                                                                          \
	"  - name: edge\n    references: [ {kind: baseline, sha256: " DIGEST_B "} ]\n"

static void diff__host_classes__said(void **state)
{
	static const struct {
		const char *subject, *text, *direction;
	} changes[] = {
		{"host class server", "Secure Boot required: false, was true", "looser"},
		{"host class server", "PCR 5 may vary: true, was false", "looser"},
		{"host class server", "dbx_minimum: 3, was 0", "tighter"},
		{"host class server", "IMA judged: true, was false", "tighter"},
		{"host class server", "lockdown: command-line, was none", "other"},
		{"host class server", "command line allowed added: b*", "other"},
		{"host class server", "command line allowed removed: a*", "other"},
		{"host class server", "word required removed: x", "looser"},
		{"host class server", "word forbidden added: z", "tighter"},
		{"host class server", "build added: /usr/bin/assay-hostd", "looser"},
		{"host class edge", "added", "other"},
	};

	(void)state;
	parse(0, SCENE_CLASS_LINES, HOST_OLD);
	parse(1, SCENE_CLASS_LINES, HOST_NEW);
	compare();
	for (size_t i = 0; i < ARRAY_LEN(changes); i++)
		assert_change(changes[i].subject, changes[i].text, changes[i].direction);
	/* The reference that ends now: one taken out, one put in; and the new one. */
	assert_true(count("changes") >= ARRAY_LEN(changes) + 4);
	/* What an approval binds is the class's name: it stands. */
	assert_int_equal(count("approvals_void"), 0);
	policy_free(&policy[1]);
	parse(1, SCENE_CLASS_LINES, "");
	compare();
	assert_change("host class server", "removed", "other");
}

static void diff__hosts_of_a_class__any_is_looser(void **state)
{
	(void)state;
	parse(0, SCENE_CLASS_LINES "    host_classes: [server]\n", HOST_OLD);
	parse(1, SCENE_CLASS_LINES, HOST_OLD);
	compare();
	assert_change("risk class low", "host_classes: any enrolled host, was server", "looser");
	parse(0, SCENE_CLASS_LINES, HOST_OLD);
	parse(1, SCENE_CLASS_LINES "    host_classes: [server]\n    minimum_assurance: booted\n",
		HOST_OLD "    authorities: [" DIGEST_B "]\n    may_vary: []\n");
	compare();
	assert_change("risk class low", "host_classes: server, was any enrolled host", "tighter");
	assert_change("risk class low", "minimum_assurance: booted, was reported", "tighter");
	assert_change("host class server", "boot authority added: certificate (1011223344556677…)",
		"other");
}

static void diff__classes_added_and_removed__said(void **state)
{
	(void)state;
	parse(0, SCENE_CLASS_LINES, "");
	take(1, with(buf_str(&text[0]), "  - name: low\n", "  - name: high\n"));
	compare();
	assert_change("risk class high", "added", "other");
	assert_change("risk class low", "removed", "tighter");
	assert_int_equal(count("approvals_void"), 0);
}

/* Keys that statements count by, and what a class asks to be stated. */
static void statement_key(struct buf *top, const char *kinds, const struct key *key)
{
	buf_clear(top);
	buf_printf(top, "statement_keys:\n  - name: ci\n    kinds: [%s]\n    pem: ", kinds);
	scene_put_pem(top, key, 6);
}

#define DEMANDS SCENE_CLASS_LINES "    statements:\n"
#define TESTED  "      - {kind: test-result, name: tests, keys: [ci]}\n"
#define BUILT   "      - {kind: provenance, name: build, max_age: 90d}\n"

static void diff__statements__keys_and_demands_said(void **state)
{
	struct buf top = {0};

	(void)state;
	statement_key(&top, "test-result, provenance", keys.other);
	parse(0, DEMANDS TESTED, buf_str(&top));
	parse(1, DEMANDS BUILT, buf_str(&top));
	compare();
	assert_change("risk class low", "statement build: demanded", "tighter");
	assert_change("risk class low", "statement tests: not demanded any more", "looser");
	parse(1, DEMANDS "      - {kind: test-result, name: tests, keys: [ci], passed: false}\n",
		buf_str(&top));
	compare();
	assert_change("risk class low", "statement tests: changed", "other");
	/* Another key under the same name, or the same for another kind. */
	parse(0, DEMANDS TESTED, buf_str(&top));
	statement_key(&top, "test-result, provenance", keys.instance);
	parse(1, DEMANDS TESTED, buf_str(&top));
	compare();
	assert_int_equal(of_subject("statement_keys"), 2);
	assert_int_equal(count("approvals_void"), 0);
	statement_key(&top, "test-result", keys.other);
	parse(1, DEMANDS TESTED, buf_str(&top));
	compare();
	assert_int_equal(of_subject("statement_keys"), 2);
	buf_release(&top);
}

static void diff__distrusted_and_lists__said(void **state)
{
	(void)state;
	parse(0, SCENE_CLASS_LINES, "");
	parse(1, SCENE_CLASS_LINES, "ek_distrusted:\n  - {sha256: " DIGEST_A ", reason: stolen}\n");
	compare();
	assert_change(
		"ek_distrusted", "distrusted key added: stolen (0011223344556677…)", "tighter");
}

static void diff__a_revocation_list__said(void **state)
{
	struct ek_ca ca = {0};
	struct buf lists = {0}, top = {0};

	(void)state;
	assert_ok(ek_ca_new(&ca, &err), err);
	const struct crl_wish wish = {.issuer = ca.root,
		.key = ca.root_key,
		.last = SCENE_NOW - 10,
		.next = SCENE_NOW + 1000};
	assert_ok(crl_make(&wish, &lists, &err), err);
	buf_put_str(&top, "ek_revocation:\n  - name: maker\n    pem: |\n");
	for (const char *line = buf_str(&lists); line && *line;) {
		size_t n = strcspn(line, "\n");

		buf_printf(&top, "      %.*s\n", (int)n, line);
		line += n + (line[n] == '\n');
	}
	parse(0, SCENE_CLASS_LINES, "");
	parse(1, SCENE_CLASS_LINES, buf_str(&top));
	compare();
	assert_int_equal(count("changes"), 2);
	const json_t *one = json_array_get(json_object_get(json, "changes"), 1);
	assert_string_equal(json_string_value(json_object_get(one, "subject")), "ek_revocation");
	assert_non_null(strstr(
		json_string_value(json_object_get(one, "text")), "revocation list added: list ("));
	buf_clear(&lists);
	assert_false(crls_der(policy[1]->ek_crls, 1, &lists, &err));
	assert_int_equal(err.code, ERR_CRYPTO);
	ek_ca_release(&ca);
	buf_release(&lists);
	buf_release(&top);
}

static void assert_line(const char *wanted)
{
	size_t i;
	json_t *line;

	json_array_foreach(json, i, line) if (strcmp(json_string_value(line), wanted) == 0) return;
	char *all = json_dumps(json, JSON_INDENT(1));
	print_error("%s\n", all);
	free(all);
	fail_msg("no line \"%s\"", wanted);
}

static void explain__a_class__all_it_demands(void **state)
{
	(void)state;
	parse(0,
		CLASS_OLD "    key: tpm\n    pinned: true\n    clock_safe: true\n    host_classes: "
			  "[server]\n    review_every: 90d\n    review_grace: 14d\n",
		HOST_OLD);
	assert_ok(policy_class_explain(policy[0], &policy[0]->classes[0], &json, &err), err);
	assert_line("release: signed by one of: builder-1");
	assert_line("release: approved by 1 as security, for its environment and this clause; who "
		    "may: alice, bob");
	assert_line("release: no approver is its author or signer");
	assert_line("release: no approval is older than 90d");
	assert_line("agent: every component is pinned, not only measured");
	assert_line("agent: its key lives in the TPM");
	assert_line("host: of the first class that its boot satisfies: server");
	assert_line("host: shown to be at least reported");
	assert_line("host: its TPM was shut down in order (clock safe)");
	assert_line("workload: reviewed every 90d, with a grace of 14d");
	assert_line("credential: lives 10m, renewed after 5m");
}

static void explain__the_least__said_too(void **state)
{
	(void)state;
	parse(0, "    approvals: []\n    credential_lifetime: 10m\n", "");
	assert_ok(policy_class_explain(policy[0], &policy[0]->classes[0], &json, &err), err);
	assert_line("release: nobody has to approve it");
	assert_line("agent: its key may live in memory");
	assert_line("host: any that is enrolled; nothing of its boot is judged");
}

static void explain__statements__said(void **state)
{
	struct buf top = {0};

	(void)state;
	statement_key(&top, "test-result, provenance", keys.other);
	parse(0, DEMANDS TESTED BUILT, buf_str(&top));
	assert_ok(policy_class_explain(policy[0], &policy[0]->classes[0], &json, &err), err);
	assert_line("release: test-result tests, signed by one of: ci");
	assert_line("release: provenance build, signed by one of: ci");
	assert_line("release: build is not older than 90d");
	buf_release(&top);
}

#define MATERIALS                                                                                  \
	"      - {kind: bom, name: bom, formats: [cyclonedx, spdx], models: required, "            \
	"datasets: required, licenses: [MIT, Apache-2.0], licenses_forbidden: [AGPL-3.0-only]}\n"

static void explain__bom__said(void **state)
{
	struct buf top = {0};

	(void)state;
	statement_key(&top, "bom", keys.other);
	parse(0, DEMANDS MATERIALS, buf_str(&top));
	assert_ok(policy_class_explain(policy[0], &policy[0]->classes[0], &json, &err), err);
	assert_line("release: bom is of format cyclonedx, spdx");
	assert_line("release: bom describes each model by its SHA-256");
	assert_line("release: bom names each data set snapshot");
	assert_line("release: models and data sets in bom come under one of: MIT, Apache-2.0");
	assert_line("release: nothing in bom has to come under: AGPL-3.0-only");
	parse(0, DEMANDS "      - {kind: bom, name: bom}\n", buf_str(&top));
	parse(1, DEMANDS MATERIALS, buf_str(&top));
	compare();
	assert_change("risk class low", "statement bom: changed", "other");
	buf_release(&top);
}

static void summary__a_policy__names_and_references(void **state)
{
	(void)state;
	parse(0, SCENE_CLASS_LINES, HOST_OLD);
	assert_ok(policy_summary(policy[0], &json, &err), err);
	assert_int_equal(json_integer_value(json_object_get(json, "version")), 7);
	const json_t *references = json_object_get(json, "references");
	assert_int_equal(json_array_size(references), 1);
	assert_string_equal(json_string_value(json_array_get(references, 0)), DIGEST_A);
	json_t *lines = json_incref(json_object_get(json, "summary"));
	json_release(&json);
	json = lines;
	assert_line("TPM makers: none: an operator confirms each host");
	assert_line("approver alice: model-risk, security; 1 key");
	assert_line("risk class low: approvals: 1 model-risk, 1 security; hosts: any enrolled; at "
		    "least reported; credentials of 10m");
}

#define T(test) cmocka_unit_test_teardown(test, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(duration__largest_unit_that_divides),
		T(diff__itself__same),
		T(diff__a_comment__other_bytes_said),
		T(diff__every_field_of_a_class__said_and_approvals_void),
		T(diff__general_values__said),
		T(diff__domain_and_lower_version__what_a_verifier_does),
		T(diff__persons_and_keys__added_removed_renamed),
		T(diff__host_classes__said),
		T(diff__hosts_of_a_class__any_is_looser),
		T(diff__classes_added_and_removed__said),
		T(diff__distrusted_and_lists__said),
		T(diff__a_revocation_list__said),
		T(explain__a_class__all_it_demands),
		T(explain__the_least__said_too),
		T(explain__statements__said),
		T(explain__bom__said),
		T(diff__statements__keys_and_demands_said),
		T(summary__a_policy__names_and_references),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
