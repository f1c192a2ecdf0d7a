/* SPDX-License-Identifier: Apache-2.0 */
/* Where a fault of the policy file is (base/yaml_place.c): each refusal names file, line and column. A case puts its text in place of a line of
 * a policy that is good; the place is told by a mark in that text, which is taken out before it is parsed. */
#include "policy/policy.h"

#include "scene.h"

#define A    "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define MARK "@@"

static struct scene_keys keys;
static struct buf good, text;
static struct policy *policy;
static struct err err;

static void put_key(const char *name, const char *kinds, const struct key *key)
{
	buf_printf(&good, "  - name: %s\n    kinds: [%s]\n    pem: ", name, kinds);
	scene_put_pem(&good, key, 6);
}

static int group_setup(void **state)
{
	(void)state;
	scene_keys_make(&keys);
	scene_policy_text(&keys,
		SCENE_CLASS_LINES
		"    statements:\n"
		"      - {kind: assessment, name: red, type: t, metrics: [{name: m, min: 1}]}\n"
		"      - {kind: vsa, name: level, levels: [L2], covers: [model]}\n"
		"    host_classes: [server]\n",
		"", &good);
	buf_put_str(&good, "host_classes:\n"
			   "  - name: server\n"
			   "    references:\n"
			   "      - {kind: golden-log, sha256: " A "}\n"
			   "    may_vary: [1, 5]\n"
			   "challenge_lifetime: 60s\n"
			   "statement_keys:\n");
	put_key("ci", "provenance", keys.other);
	put_key("lab", "assessment, vsa", keys.instance);
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	scene_keys_free(&keys);
	buf_release(&good);
	buf_release(&text);
	policy_free(&policy);
	return 0;
}

/* The good policy with one piece replaced; where the mark stands in it, from 1. */
static void place(const char *from, const char *to, size_t *ret_line, size_t *ret_column)
{
	const char *whole = buf_str(&good), *at = strstr(whole, from), *mark = strstr(to, MARK);

	if (!at || !mark)
		fail_msg("no such line or no mark: %s", at ? to : from);
	buf_clear(&text);
	buf_printf(&text, "%.*s%.*s", (int)(at - whole), whole, (int)(mark - to), to);
	*ret_line = 1;
	*ret_column = 1;
	for (size_t i = 0; i < text.len; i++) {
		*ret_line += text.data[i] == '\n';
		*ret_column = text.data[i] == '\n' ? 1 : *ret_column + 1;
	}
	buf_printf(&text, "%s%s", mark + strlen(MARK), at + strlen(from));
}

struct fault {
	const char *from, *to, *why;
};

static void check(const struct fault *faults, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char wanted[512];
		size_t line, column;

		place(faults[i].from, faults[i].to, &line, &column);
		(void)snprintf(wanted, sizeof(wanted), "policy.yaml:%zu:%zu: %s", line, column,
			faults[i].why);
		err = (struct err){0};
		policy_free(&policy);
		if (policy_parse(buf_bytes(&text), "policy.yaml", &policy, &err))
			fail_msg("accepted: %s", faults[i].to);
		if (strncmp(err.text, wanted, strlen(wanted)) != 0)
			fail_msg("%s\nwanted %s", err.text, wanted);
		assert_int_equal(err.code, ERR_CONFIG);
	}
}

static void places__the_policy_that_they_start_from__good(void **state)
{
	(void)state;
	assert_ok(policy_parse(buf_bytes(&good), "policy.yaml", &policy, &err), err);
}

static void places__head__line_and_column(void **state)
{
	static const struct fault faults[] = {
		{"policy: 1", "policy: @@2", "policy: format 2: this program knows 1"},
		{"version: 7", "version:   @@0", "version: must be 1 or more"},
		{"bank.example", "@@Bank", "trust_domain: Bank: use lower-case letters"},
		{"challenge_lifetime: 60s", "runtime_pcr: @@16",
			"runtime_pcr: 16: must be 0 to 15"},
		{"challenge_lifetime: 60s", "challenge_lifetime: @@0s",
			"challenge_lifetime: must be 1 s or more"},
		{"challenge_lifetime: 60s", "challenge_lifetime: @@soon",
			"challenge_lifetime: duration \"soon\": "},
		{"challenge_lifetime: 60s", "@@colour: red", "unknown key \"colour\""},
		{"challenge_lifetime: 60s", "runtime_pcr: @@x", "no unsigned integer: \"x\""},
		{"version: 7", "version: @@[1]", "Expecting INT, got event: SEQUENCE_START"},
	};

	(void)state;
	check(faults, ARRAY_LEN(faults));
}

static void places__anchors_and_persons__line_and_column(void **state)
{
	static const struct fault faults[] = {
		{"ek_roots: []", "ek_roots: [{name: @@\"r\\t1\", pem: x}]",
			"ek_roots: r\\t1: not a name (a line of 1 to 128 bytes)"},
		{"ek_roots: []", "ek_roots: [{name: x, pem: @@junk}]", "ek_roots: x: "},
		{"ek_roots: []", "ek_roots: []\nek_intermediates: [{name: x, pem: @@junk}]",
			"ek_intermediates: x: "},
		{"ek_roots: []", "ek_roots: []\nek_revocation: [{name: x, pem: @@junk}]",
			"ek_revocation: x: "},
		{"ek_roots: []", "ek_roots: []\nek_revocation: [{name: @@\"\\t\", pem: junk}]",
			"ek_revocation: \\t: not a name"},
		{"ek_roots: []", "ek_roots: []\nek_distrusted:\n  - {sha256: @@00, reason: x}",
			"ek_distrusted: 00: hex"},
		{"ek_roots: []",
			"ek_roots: []\nek_distrusted:\n  - {reason: @@\"\\t\", sha256: " A "}",
			"ek_distrusted: " A ": reason: not a short text"},
		{"ek_roots: []",
			"ek_roots: []\nek_distrusted:\n  - {sha256: " A
			", reason: x}\n  - {sha256: @@" A ", reason: x}",
			"ek_distrusted: " A ": given twice"},
		{"  - name: builder-1\n", "  - {name: b, pem: @@x}\n  - name: builder-1\n",
			"release_keys: b: "},
		{"name: builder-1", "name: @@\"b\\t\"", "release_keys: b\\t: not a name"},
		{"person: bob", "person: @@alice", "approvers: alice: given twice"},
		{"person: bob", "person: @@\"b\\t\"", "approvers: b\\t: not a name"},
		{"roles: [security]", "roles: [a, @@Security]",
			"approvers: bob: role Security: not a name (1 to 64 of a-z 0-9 . _ -)"},
		{"roles: [security]", "roles: [a, b, @@a]", "approvers: bob: role a: given twice"},
		{"roles: [security]\n    keys:\n", "roles: [security]\n    keys:\n      - @@junk\n",
			"approvers: bob: key 1: "},
	};

	(void)state;
	check(faults, ARRAY_LEN(faults));
}

static void places__risk_classes__line_and_column(void **state)
{
	static const struct fault faults[] = {
		{"- name: low", "- name: @@Low", "risk_classes: Low: not a name"},
		{"- name: low\n",
			"- {name: low, approvals: [], credential_lifetime: 5m}\n  - name: @@low\n",
			"risk_classes: low: given twice"},
		{"role: model-risk", "role: @@nobody",
			"risk_classes: low: approvals: role nobody: no approver has it"},
		{"role: model-risk, count: 1", "role: model-risk, count: @@0",
			"risk_classes: low: approvals: role model-risk: count must be 1 or more"},
		{"role: model-risk, count: 1", "role: model-risk, count: @@9",
			"risk_classes: low: approvals: role model-risk: 9 demanded, but only 1"},
		{"role: model-risk, count: 1}",
			"role: model-risk, count: 1}, {role: @@model-risk, count: 1}",
			"risk_classes: low: approvals: role model-risk: given twice"},
		{"credential_lifetime: 10m", "credential_lifetime: @@1s",
			"risk_classes: low: credential_lifetime: must be 2 s or more"},
		{"credential_lifetime: 10m", "credential_lifetime: @@10 minutes",
			"risk_classes: low: credential_lifetime: duration \"10 minutes\": "},
		{"credential_lifetime: 10m", "credential_lifetime: 10m\n    renew_after: @@10m",
			"risk_classes: low: renew_after: must be shorter"},
		{"credential_lifetime: 10m", "credential_lifetime: 10m\n    review_grace: @@10d",
			"risk_classes: low: review_grace: without review_every nothing falls due"},
		{"credential_lifetime: 10m", "credential_lifetime: 10m\n    approval_age_max: @@0s",
			"risk_classes: low: approval_age_max: must be 1 s or more"},
		{"host_classes: [server]", "host_classes: [server, @@laptop]",
			"risk_classes: low: host_classes: laptop: no such class"},
		{"host_classes: [server]", "host_classes: [server, @@server]",
			"risk_classes: low: host_classes: server: given twice"},
		{"host_classes: [server]",
			"host_classes: [server]\n    minimum_assurance: @@measured",
			"risk_classes: low: minimum_assurance: measured: its host_classes reach"},
	};

	(void)state;
	check(faults, ARRAY_LEN(faults));
}

static void places__statements__line_and_column(void **state)
{
	static const struct fault faults[] = {
		{"kinds: [provenance]", "kinds: [provenance, @@provenance]",
			"statement_keys: ci: kind provenance: given twice"},
		{"- name: lab", "- name: @@ci", "statement_keys: ci: name or key given twice"},
		{"- name: lab", "- name: @@\"l\\t\"", "statement_keys: l\\t: not a name"},
		{"name: red,", "name: @@Red,", "risk_classes: low: statements: Red: not a name"},
		{"name: level,", "name: @@red,", "risk_classes: low: statements: red: given twice"},
		{"      - {kind: assessment, name: red, type: t,",
			"      - @@{kind: assessment, name: red,",
			"risk_classes: low: statements: red: type: needed for kind assessment"},
		{"type: t,", "type: @@\"t\\t\",", "risk_classes: low: statements: red: type: not"},
		{"levels: [L2]", "levels: [L2, @@L2]",
			"risk_classes: low: statements: level: levels: L2: given twice"},
		{"levels: [L2]", "levels: [L2, @@\"L\\t\"]",
			"risk_classes: low: statements: level: levels: L\\t: not a text"},
		{"levels: [L2]", "builder: @@[x]",
			"risk_classes: low: statements: level: builder: means nothing for kind "
			"vsa"},
		{"levels: [L2]", "metrics: @@[{name: m, min: 1}]",
			"risk_classes: low: statements: level: metrics: means nothing for kind "
			"vsa"},
		{"levels: [L2]", "max_age: @@0s",
			"risk_classes: low: statements: level: max_age: must be 1 s or more"},
		{"levels: [L2]", "max_age: @@never",
			"risk_classes: low: statements: level: max_age: duration"},
		{"levels: [L2]", "keys: [lab, @@nobody]",
			"risk_classes: low: statements: level: keys: nobody: not among "
			"statement_keys"},
		{"levels: [L2]", "keys: [@@ci]",
			"risk_classes: low: statements: level: keys: ci: not trusted for kind vsa"},
		{"levels: [L2]", "keys: [lab, @@lab]",
			"risk_classes: low: statements: level: keys: lab: given twice"},
		{"kind: vsa, name: level, levels: [L2]", "kind: @@bom, name: level",
			"risk_classes: low: statements: level: kind bom: no statement key"},
		{"name: m, min: 1", "name: m, min: @@1e3",
			"risk_classes: low: statements: red: metrics: m: min: 1e3: not a decimal"},
		{"name: m, min: 1", "name: m, min: 1, max: @@x",
			"risk_classes: low: statements: red: metrics: m: max: x: not a decimal"},
		{"{name: m, min: 1}", "@@{name: m}",
			"risk_classes: low: statements: red: metrics: m: needs min or max"},
		{"name: m, min: 1", "name: m, max: 1, min: @@2",
			"risk_classes: low: statements: red: metrics: m: min above max"},
		{"name: m, min: 1", "name: m, min: 1}, {name: @@m, min: 1",
			"risk_classes: low: statements: red: metrics: m: given twice"},
		{"name: m, min: 1", "name: @@\"m\\t\", min: 1",
			"risk_classes: low: statements: red: metrics: m\\t: not a name"},
	};

	(void)state;
	check(faults, ARRAY_LEN(faults));
}

#define HOST_REFERENCE "{kind: golden-log, sha256: " A "}"

static void places__host_classes__line_and_column(void **state)
{
	static const struct fault faults[] = {
		{"- name: server", "- name: @@Server", "host_classes: Server: not a name"},
		{"- name: server\n",
			"- {name: server, references: [{kind: corim, sha256: " A "}]}\n"
			"  - name: @@server\n",
			"host_classes: server: given twice"},
		{HOST_REFERENCE, "{kind: golden-log, sha256: @@00}",
			"host_classes: server: references: 1: sha256: hex"},
		{HOST_REFERENCE, "{kind: golden-log, until: @@later, sha256: " A "}",
			"host_classes: server: references: 1: until: time"},
		{HOST_REFERENCE, "{kind: golden-log, until: @@1970-01-01T00:00:00Z, sha256: " A "}",
			"host_classes: server: references: 1: until: 1970-01-01T00:00:00Z: before"},
		{HOST_REFERENCE, "{kind: golden-log, key: @@x, sha256: " A "}",
			"host_classes: server: references: 1: key: only a CoRIM is signed"},
		{HOST_REFERENCE, "{kind: corim, key: @@x, sha256: " A "}",
			"host_classes: server: references: 1: key: "},
		{HOST_REFERENCE, HOST_REFERENCE "\n      - {kind: corim, sha256: @@" A "}",
			"host_classes: server: references: " A ": given twice"},
		{"references:\n      - {kind: golden-log,",
			"references:\n      @@- {kind: ima-rules,",
			"host_classes: server: references: name a golden-log"},
		{"may_vary: [1, 5]", "may_vary: [1, @@10]",
			"host_classes: server: may_vary: PCR 10"},
		{"may_vary: [1, 5]", "authorities: [" A ", @@00]",
			"host_classes: server: authorities: SHA-256 of a certificate"},
		{"may_vary: [1, 5]", "secure_boot: any\n    authorities: @@[" A "]",
			"host_classes: server: authorities: mean something only"},
		{"may_vary: [1, 5]", "command_line: {allow: [\"a *\", @@\"\\t\"]}",
			"host_classes: server: command_line: allow: \\t: empty, too long"},
		{"may_vary: [1, 5]", "command_line: {require: [a, @@b c]}",
			"host_classes: server: command_line: require: b c: one word at a time"},
		{"may_vary: [1, 5]", "command_line: {forbid: [a, @@\"[\"]}",
			"host_classes: server: command_line: forbid: [: "},
		{"may_vary: [1, 5]", "ima: @@{hostd: [{path: /a, sha256: " A "}]}",
			"host_classes: server: ima: no reference of kind ima-rules"},
	};

	(void)state;
	check(faults, ARRAY_LEN(faults));
}

#define B        "ff112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define WITH_IMA HOST_REFERENCE "\n      - {kind: ima-rules, sha256: " B "}\n    ima: "
#define HOSTD    "hostd: [{path: /a, sha256: " A "}]"

static void places__ima__line_and_column(void **state)
{
	static const struct fault faults[] = {
		{"references:\n      - " HOST_REFERENCE,
			"references:\n      @@- " HOST_REFERENCE
			"\n      - {kind: ima-rules, sha256: " B "}",
			"host_classes: server: references: ima-rules: nothing judges IMA"},
		{HOST_REFERENCE, WITH_IMA "{hostd: [{path: @@a, sha256: " A "}]}",
			"host_classes: server: ima: hostd: path: a: not absolute"},
		{HOST_REFERENCE, WITH_IMA "{hostd: [{path: /a, sha256: @@00}]}",
			"host_classes: server: ima: hostd: sha256: hex"},
		{HOST_REFERENCE, WITH_IMA "{" HOSTD ", keys: [{name: k, pem: @@x}]}",
			"host_classes: server: ima: keys: k: "},
		{HOST_REFERENCE, WITH_IMA "{" HOSTD ", keys: [{name: @@\"\\t\", pem: x}]}",
			"host_classes: server: ima: keys: \\t: empty, too long"},
	};

	(void)state;
	check(faults, ARRAY_LEN(faults));
}

/* A name far into a line of characters of several bytes: columns count characters, as editors do. */
static void places__characters_of_several_bytes__count_as_one(void **state)
{
	(void)state;
	buf_clear(&text);
	buf_put_str(&text,
		"{policy: 1, trust_domain: \"\xc3\xa4\xc3\xb6\", version: 1, ek_roots: [], "
		"approvers: [], release_keys: [{name: a, pem: x}], risk_classes: "
		"[{name: a, approvals: [], credential_lifetime: 1m}]}\n");
	assert_fails(policy_parse(buf_bytes(&text), "policy.yaml", &policy, &err), err, ERR_CONFIG,
		"policy.yaml:1:27: trust_domain: \xc3\xa4\xc3\xb6: use lower-case letters, digits, "
		"dots, dashes, underscores");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(places__the_policy_that_they_start_from__good),
		cmocka_unit_test(places__head__line_and_column),
		cmocka_unit_test(places__anchors_and_persons__line_and_column),
		cmocka_unit_test(places__risk_classes__line_and_column),
		cmocka_unit_test(places__statements__line_and_column),
		cmocka_unit_test(places__host_classes__line_and_column),
		cmocka_unit_test(places__ima__line_and_column),
		cmocka_unit_test(places__characters_of_several_bytes__count_as_one),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
