/* SPDX-License-Identifier: Apache-2.0 */
/* The policy file's host classes: read, how far each can vouch, and everything refused. */
#include "scene.h"

#define A      "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define B      "ff112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define C      "ee112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define RISK   SCENE_CLASS_LINES "    host_classes: [server]\n"
#define HEAD   "host_classes:\n  - name: server\n"
#define GOLDEN "    references: [ {kind: golden-log, sha256: " A "} ]\n"
#define WITH_RULES                                                                                 \
	"    references: [ {kind: golden-log, sha256: " A "}, {kind: ima-rules, sha256: " B "} "   \
	"]\n"
#define IMA "    ima:\n      hostd: [ {path: /usr/bin/assay-hostd, sha256: " C "} ]\n"

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

static bool parse(const char *class_lines, const char *top_lines)
{
	policy_free(&policy);
	buf_clear(&text);
	err = (struct err){0};
	scene_policy_text(&keys, class_lines, top_lines, &text);
	return policy_parse(buf_bytes(&text), "policy.yaml", &policy, &err);
}

static void hosts__least__defaults(void **state)
{
	const struct host_class *class;

	(void)state;
	assert_ok(parse(RISK, HEAD GOLDEN), err);
	assert_int_equal(policy->host_class_count, 1);
	class = &policy->host_classes[0];
	assert_string_equal(class->name, "server");
	assert_int_equal(class->secure_boot, SECURE_BOOT_REQUIRED);
	assert_int_equal(class->reference_count, 1);
	assert_int_equal(class->references[0].until, 0);
	assert_false(class->ima.judged);
	assert_int_equal(class->ceiling, ASSURANCE_BOOTED);
	assert_int_equal(policy->classes[0].host_count, 1);
	assert_int_equal(policy->classes[0].hosts[0], 0);
	assert_false(policy_wants_ima(policy));
	assert_int_equal(policy_reference(policy, 0)[0], 0x00);
	assert_null(policy_reference(policy, 1));
}

static void hosts__everything_given__taken(void **state)
{
	const struct host_class *class;

	(void)state;
	assert_ok(parse(RISK "    minimum_assurance: measured\n", HEAD
			  "    secure_boot: required\n    authorities: [ " A " ]\n"
			  "    references:\n"
			  "      - {kind: baseline, sha256: " B ", until: 2027-01-01T00:00:00Z}\n"
			  "      - {kind: corim, sha256: " C "}\n"
			  "      - {kind: ima-rules, sha256: " A "}\n"
			  "    may_vary: [1, 5]\n    dbx_minimum: 200\n"
			  "    command_line:\n      allow: [\"a *\"]\n      require: [b]\n"
			  "      forbid: [\"c=*\"]\n" IMA "      lockdown: command-line\n"),
		err);
	class = &policy->host_classes[0];
	assert_int_equal(class->authority_count, 1);
	assert_int_equal(class->references[0].until, 1798761600);
	assert_int_equal(class->may_vary, 1u << 1 | 1u << 5);
	assert_int_equal(class->dbx_minimum, 200);
	assert_string_equal(class->command_line.allow[0], "a *");
	assert_string_equal(class->command_line.require[0], "b");
	assert_string_equal(class->command_line.forbid[0], "c=*");
	assert_int_equal(class->ima.lockdown, LOCKDOWN_COMMAND_LINE);
	assert_int_equal(class->ima.hostd_count, 1);
	assert_int_equal(class->ima.hostd[0].digest[0], 0xee);
	assert_int_equal(class->ceiling, ASSURANCE_MEASURED);
	assert_true(policy_wants_ima(policy));
	assert_int_equal(policy_reference(policy, 2)[1], 0x11);
}

/* What a class leaves open, it cannot vouch for. */
static void hosts__ceiling__follows_what_is_left_open(void **state)
{
	static const struct {
		const char *lines;
		enum assurance ceiling;
	} cases[] = {
		{GOLDEN, ASSURANCE_BOOTED},
		{GOLDEN "    may_vary: [1, 3, 5, 6, 14]\n", ASSURANCE_BOOTED},
		{GOLDEN "    may_vary: [13]\n", ASSURANCE_REPORTED},
		{GOLDEN "    may_vary: [0]\n", ASSURANCE_REPORTED},
		{GOLDEN "    may_vary: [2]\n", ASSURANCE_REPORTED},
		{GOLDEN "    may_vary: [7]\n", ASSURANCE_REPORTED},
		{GOLDEN "    may_vary: [9]\n", ASSURANCE_REPORTED},
		{GOLDEN "    may_vary: [11]\n", ASSURANCE_REPORTED},
		{GOLDEN "    may_vary: [4]\n", ASSURANCE_REPORTED},
		{GOLDEN "    may_vary: [4]\n    authorities: [ " A " ]\n", ASSURANCE_BOOTED},
		{GOLDEN "    may_vary: [8, 12]\n", ASSURANCE_REPORTED},
		{GOLDEN "    may_vary: [8]\n    command_line: {require: [a]}\n",
			ASSURANCE_REPORTED},
		{GOLDEN "    may_vary: [8, 12]\n    command_line: {allow: [a]}\n",
			ASSURANCE_BOOTED},
		{GOLDEN "    secure_boot: any\n", ASSURANCE_BOOTED},
		{WITH_RULES IMA, ASSURANCE_BOOTED},
		{WITH_RULES IMA "      lockdown: none\n", ASSURANCE_BOOTED},
		{WITH_RULES IMA "      lockdown: command-line\n", ASSURANCE_MEASURED},
		{WITH_RULES IMA "      lockdown: secure-boot\n", ASSURANCE_MEASURED},
		{WITH_RULES "    secure_boot: any\n" IMA "      lockdown: secure-boot\n",
			ASSURANCE_BOOTED},
		/* The runtime log's PCR is asked of no reference. */
		{GOLDEN "runtime_pcr: 9\n", ASSURANCE_REPORTED},
		{GOLDEN "runtime_pcr: 4\n", ASSURANCE_REPORTED},
		{GOLDEN "runtime_pcr: 8\n", ASSURANCE_REPORTED},
		{GOLDEN "runtime_pcr: 13\n", ASSURANCE_BOOTED},
		{GOLDEN "runtime_pcr: 14\n", ASSURANCE_BOOTED},
	};
	char lines[1024];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		snprintf(lines, sizeof(lines), "%s%s", HEAD, cases[i].lines);
		assert_ok(parse(RISK, lines), err);
		if (policy->host_classes[0].ceiling != cases[i].ceiling)
			fail_msg("%s: ceiling %d", cases[i].lines, policy->host_classes[0].ceiling);
	}
}

static void hosts__bad__refused_in_words(void **state)
{
	static const struct {
		const char *lines, *text;
	} cases[] = {
		{HEAD, "references"},
		{HEAD "    references: []\n", "Insufficient entries"},
		{HEAD "    references: [ {kind: ima-rules, sha256: " A "} ]\n" IMA,
			"name a golden-log, a baseline or a corim"},
		{HEAD "    references: [ {kind: golden-log, sha256: 00} ]\n",
			"host_classes: server: references: 1: sha256: "},
		{HEAD "    references: [ {kind: golden-log, sha256: " A
		      "}, {kind: corim, sha256: " A "} ]\n",
			"given twice"},
		{HEAD "    references: [ {kind: golden-log, sha256: " A ", until: tomorrow} ]\n",
			"references: 1: until: "},
		{HEAD "    references: [ {kind: golden-log, sha256: " A ", key: x} ]\n",
			"key: only a CoRIM is signed"},
		{HEAD "    references: [ {kind: corim, sha256: " A ", key: x} ]\n",
			"references: 1: key: "},
		{HEAD "    references: [ {kind: gold, sha256: " A "} ]\n", "policy.yaml:"},
		{HEAD GOLDEN "    may_vary: [10]\n", "may_vary: PCR 10: "},
		{HEAD GOLDEN "    may_vary: [15]\n", "may_vary: PCR 15: "},
		{HEAD GOLDEN "    authorities: [ 00 ]\n", "authorities: "},
		{HEAD GOLDEN "    authorities: [ " A " ]\n    secure_boot: any\n",
			"authorities: mean something only with secure_boot: required"},
		{HEAD GOLDEN "    command_line: {require: [\"a b\"]}\n", "one word at a time"},
		{HEAD GOLDEN "    command_line: {forbid: [\"[a\"]}\n",
			"command_line: forbid: [a: "},
		{HEAD GOLDEN "    command_line: {allow: [\"a\\\\\"]}\n", "command_line: allow: "},
		{HEAD WITH_RULES, "references: ima-rules: nothing judges IMA"},
		{HEAD GOLDEN IMA, "ima: no reference of kind ima-rules"},
		{HEAD WITH_RULES "    ima: {hostd: [ {path: bin/x, sha256: " C "} ]}\n",
			"ima: hostd: path: bin/x: not absolute"},
		{HEAD WITH_RULES "    ima: {hostd: [ {path: /x, sha256: zz} ]}\n",
			"ima: hostd: sha256: "},
		{HEAD WITH_RULES IMA "      keys: [ {name: k, pem: junk} ]\n", "ima: keys: k: "},
		{HEAD GOLDEN "  - name: server\n" GOLDEN, "server: given twice"},
		{"host_classes:\n  - name: \"a b\"\n" GOLDEN, "a b: not a name"},
		{HEAD GOLDEN "    colour: red\n", "policy.yaml:"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		if (parse(RISK, cases[i].lines))
			fail_msg("accepted: %s", cases[i].lines);
		assert_int_equal(err.code, ERR_CONFIG);
		if (!strstr(err.text, cases[i].text))
			fail_msg("%s: %s", cases[i].lines, err.text);
	}
}

static void classes__hosts_that_do_not_fit__refused(void **state)
{
	static const struct {
		const char *lines, *text;
	} cases[] = {
		{"    host_classes: [laptop]\n", "host_classes: laptop: no such class"},
		{"    host_classes: [server, server]\n", "host_classes: server: given twice"},
		{"    host_classes: [server]\n    minimum_assurance: measured\n",
			"minimum_assurance: measured: its host_classes reach no more than booted"},
		{"    minimum_assurance: booted\n",
			"minimum_assurance: booted: its host_classes reach no more than reported"},
	};
	char lines[512];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		snprintf(lines, sizeof(lines), "%s%s", SCENE_CLASS_LINES, cases[i].lines);
		assert_false(parse(lines, HEAD GOLDEN));
		if (!strstr(err.text, cases[i].text))
			fail_msg("%s: %s", cases[i].lines, err.text);
	}
}

/* Approvals bind the classes of hosts by name, and nothing of what stands in them. */
static void clause__host_classes__part_of_it_by_name(void **state)
{
	uint8_t with[SHA256_LEN];

	(void)state;
	assert_ok(parse(RISK, HEAD GOLDEN), err);
	memcpy(with, policy->classes[0].clause, SHA256_LEN);
	assert_ok(parse(RISK, HEAD GOLDEN "    dbx_minimum: 3\n"), err);
	assert_memory_equal(with, policy->classes[0].clause, SHA256_LEN);
	assert_ok(parse(SCENE_CLASS_LINES, HEAD GOLDEN), err);
	assert_memory_not_equal(with, policy->classes[0].clause, SHA256_LEN);
}

static void references__not_attached__incomplete(void **state)
{
	struct bytes rules = BYTES_LIT("");
	uint8_t digest[SHA256_LEN];
	char hex[2 * SHA256_LEN + 1], lines[512];

	(void)state;
	assert_ok(sha256_of(rules, digest, &err), err);
	hex_encode(BYTES_OF(digest), hex);
	snprintf(lines, sizeof(lines), HEAD GOLDEN);
	assert_ok(parse(RISK, lines), err);
	assert_fails(policy_complete(policy, &err), err, ERR_NOT_FOUND,
		"reference " A ": named by the policy and not found");
	assert_false(policy_attach(policy, BYTES_LIT("something else"), &err));
	assert_int_equal(err.code, ERR_NOT_FOUND);
	assert_non_null(strstr(err.text, "the policy names no such object"));
	assert_false(policy_complete(policy, &err));
}

/* Every kind of reference, with bytes that are not of it. */
static void references__junk__refused_by_kind(void **state)
{
	static const char *const kinds[] = {"golden-log", "baseline", "corim", "ima-rules"};
	struct bytes junk = BYTES_LIT("junk: junk\n");
	uint8_t digest[SHA256_LEN];
	char hex[2 * SHA256_LEN + 1], lines[512];

	(void)state;
	assert_ok(sha256_of(junk, digest, &err), err);
	hex_encode(BYTES_OF(digest), hex);
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		snprintf(lines, sizeof(lines),
			HEAD "    references: [ {kind: golden-log, sha256: " A
			     "}, {kind: %s, sha256: %s} ]\n%s",
			kinds[i], hex, i == 3 ? IMA : "");
		assert_ok(parse(RISK, lines), err);
		assert_false(policy_attach(policy, junk, &err));
		assert_int_equal(err.code, ERR_CONFIG);
		assert_non_null(strstr(err.text, hex));
		assert_false(policy_complete(policy, &err));
		/* Nothing of the failed try is left, so that another one loses nothing. */
		assert_null(policy->host_classes[0].references[1].baseline);
		assert_null(policy->host_classes[0].references[1].corim);
		assert_null(policy->host_classes[0].references[1].rules);
		assert_false(policy_attach(policy, junk, &err));
	}
}

#define T(test) cmocka_unit_test_teardown(test, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(hosts__least__defaults),
		T(hosts__everything_given__taken),
		T(hosts__ceiling__follows_what_is_left_open),
		T(hosts__bad__refused_in_words),
		T(classes__hosts_that_do_not_fit__refused),
		T(clause__host_classes__part_of_it_by_name),
		T(references__not_attached__incomplete),
		T(references__junk__refused_by_kind),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
