/* SPDX-License-Identifier: Apache-2.0 */
/* statement_keys and risk_classes[].statements of the policy file: read, refused, bound by the clause. */
#include "policy/policy.h"

#include "scene.h"

#define CLASS_PLAIN "    approvals: []\n    credential_lifetime: 10m\n    statements:\n"
#define EVALUATION  "https://assay.example/assessment/evaluation/v1"

static struct scene_keys keys;
static struct buf text, top;
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

static void put_key(const char *name, const char *kinds, const struct key *key)
{
	buf_printf(&top, "  - name: %s\n    kinds: [%s]\n    pem: ", name, kinds);
	scene_put_pem(&top, key, 6);
}

static int setup(void **state)
{
	(void)state;
	buf_put_str(&top, "statement_keys:\n");
	put_key("ci", "provenance, test-result, bom", keys.other);
	put_key("lab", "assessment, vsa, test-result", keys.instance);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	buf_release(&text);
	buf_release(&top);
	policy_free(&policy);
	return 0;
}

static bool parse(const char *class_lines)
{
	policy_free(&policy);
	buf_clear(&text);
	err = (struct err){0};
	scene_policy_text(&keys, class_lines, buf_str(&top), &text);
	bool ok = policy_parse(buf_bytes(&text), "policy.yaml", &policy, &err);
	scene_unplace(&err);
	return ok;
}

static bool parse_demand(const char *lines)
{
	char class_lines[2048];

	snprintf(class_lines, sizeof(class_lines), CLASS_PLAIN "%s", lines);
	return parse(class_lines);
}

static void statements__plain__defaults(void **state)
{
	const struct policy_demand *d;

	(void)state;
	assert_ok(parse_demand("      - {kind: test-result, name: tests}\n"
			       "      - {kind: bom, name: bom}\n"),
		err);
	assert_int_equal(policy->statement_key_count, 2);
	assert_int_equal(policy->classes[0].demand_count, 2);
	d = &policy->classes[0].demands[0];
	assert_string_equal(d->name, "bom");
	assert_int_equal(d->keys, 1);
	assert_false(d->passed);
	d = &policy->classes[0].demands[1];
	assert_int_equal(d->kind, PREDICATE_TEST_RESULT);
	assert_int_equal(d->keys, 3);
	assert_true(d->passed);
	assert_null(d->type);
	assert_int_equal(d->age_max, 0);
	assert_int_equal(d->cover_count + d->builder_count + d->level_count + d->metric_count, 0);
}

static void statements__everything_given__taken(void **state)
{
	const struct policy_demand *d;

	(void)state;
	assert_ok(parse_demand(
			  "      - kind: assessment\n        name: eval\n        type: " EVALUATION
			  "\n        keys: [lab]\n        max_age: 90d\n        covers: [model]\n"
			  "        passed: false\n        metrics:\n"
			  "          - {name: accuracy, min: 0.925, max: 1}\n"
			  "          - {name: drift, min: -3.5}\n"
			  "      - {kind: provenance, name: build, builder: [a, b]}\n"
			  "      - {kind: vsa, name: slsa, levels: [L3]}\n"
			  "      - {kind: bom, name: zbom, formats: [spdx], models: required, "
			  "datasets: required, licenses: [MIT, X], licenses_forbidden: [Y], "
			  "max_age: 1d}\n"),
		err);
	d = &policy->classes[0].demands[1];
	assert_string_equal(d->type, EVALUATION);
	assert_int_equal(d->keys, 2);
	assert_int_equal(d->age_max, 90 * 86400);
	assert_string_equal(d->covers[0], "model");
	assert_false(d->passed);
	assert_true(d->metrics[0].min == 0.925 && d->metrics[0].max == 1);
	assert_true(d->metrics[1].has_min && !d->metrics[1].has_max);
	assert_true(d->metrics[1].min == -3.5);
	assert_string_equal(policy->classes[0].demands[0].builders[1], "b");
	assert_string_equal(policy->classes[0].demands[2].levels[0], "L3");
	d = &policy->classes[0].demands[3];
	assert_int_equal(d->bom.formats, 1u << BOM_SPDX);
	assert_true(d->bom.models && d->bom.datasets);
	assert_int_equal(d->bom.license_count, 2);
	assert_string_equal(d->bom.licenses[1], "X");
	assert_string_equal(d->bom.forbidden[0], "Y");
	assert_int_equal(d->age_max, 86400);
}

static void statements__wrong__refused_by_name(void **state)
{
	static const struct {
		const char *lines, *why;
	} cases[] = {
		{"{kind: provenance, name: Build}",
			"statements: Build: not a name (1 to 64 of a-z 0-9 . _ -)"},
		{"{kind: bom, name: b}\n      - {kind: vsa, name: b}",
			"statements: b: given twice"},
		{"{kind: provenance, name: b, keys: [nobody]}",
			"statements: b: keys: nobody: not among statement_keys"},
		{"{kind: provenance, name: b, keys: [lab]}",
			"statements: b: keys: lab: not trusted for kind provenance"},
		{"{kind: provenance, name: b, keys: [ci, ci]}",
			"statements: b: keys: ci: given twice"},
		{"{kind: provenance, name: b, builder: [x, x]}",
			"statements: b: builder: x: given twice"},
		{"{kind: bom, name: b, builder: [x]}",
			"statements: b: builder: means nothing for kind bom"},
		{"{kind: bom, name: b, levels: [x]}",
			"statements: b: levels: means nothing for kind bom"},
		{"{kind: test-result, name: b, metrics: [ {name: x, min: 1} ]}",
			"statements: b: metrics: means nothing for kind test-result"},
		{"{kind: provenance, name: b, passed: true}",
			"statements: b: passed: means nothing for kind provenance"},
		{"{kind: test-result, name: b, max_age: 1d}",
			"statements: b: max_age: means nothing for kind test-result"},
		{"{kind: vsa, name: b, formats: [spdx]}",
			"statements: b: formats: means nothing for kind vsa"},
		{"{kind: vsa, name: b, models: required}",
			"statements: b: models: means nothing for kind vsa"},
		{"{kind: vsa, name: b, datasets: required}",
			"statements: b: datasets: means nothing for kind vsa"},
		{"{kind: vsa, name: b, licenses: [MIT]}",
			"statements: b: licenses: means nothing for kind vsa"},
		{"{kind: vsa, name: b, licenses_forbidden: [MIT]}",
			"statements: b: licenses_forbidden: means nothing for kind vsa"},
		{"{kind: bom, name: b, formats: [spdx, spdx]}",
			"statements: b: formats: spdx: given twice"},
		{"{kind: bom, name: b, licenses: [MIT, MIT]}",
			"statements: b: licenses: MIT: given twice"},
		{"{kind: bom, name: b, licenses_forbidden: [\"a\\tb\"]}",
			"statements: b: licenses_forbidden: a\\tb: not a text (1 to 255 bytes)"},
		{"{kind: bom, name: b, licenses: [MIT, X], licenses_forbidden: [mit]}",
			"statements: b: licenses_forbidden: mit: among licenses too"},
		{"{kind: vsa, name: b, max_age: 0s}",
			"statements: b: max_age: must be 1 s or more"},
		{"{kind: assessment, name: b}", "statements: b: type: needed for kind assessment"},
#define METRIC(bounds) "{kind: assessment, name: b, type: t, metrics: [ {name: x" bounds "} ]}"
		{METRIC(""), "statements: b: metrics: x: needs min or max"},
		{METRIC(", min: 2, max: 1"),
			"statements: b: metrics: x: min above max: nothing could meet this"},
		{METRIC(", min: .5"), "statements: b: metrics: x: min: .5: not a decimal number of "
				      "at most 15 digits"},
		{METRIC(", min: 1e3"), "statements: b: metrics: x: min: 1e3: not a decimal number "
				       "of at most 15 digits"},
		{METRIC(", max: 1."), "statements: b: metrics: x: max: 1.: not a decimal number of "
				      "at most 15 digits"},
		{METRIC(", max: nan"), "statements: b: metrics: x: max: nan: not a decimal number "
				       "of at most 15 digits"},
		{METRIC(", max: -"), "statements: b: metrics: x: max: -: not a decimal number of "
				     "at most 15 digits"},
		{METRIC(", max: 1.2.3"),
			"statements: b: metrics: x: max: 1.2.3: not a decimal number of "
			"at most 15 digits"},
		{METRIC(", max: 1234567890123456"), "statements: b: metrics: x: max: "
						    "1234567890123456: not a decimal number of at "
						    "most 15 digits"},
		{METRIC(", min: 1}, {name: x, max: 1"), "statements: b: metrics: x: given twice"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char lines[512], wanted[512];

		snprintf(lines, sizeof(lines), "      - %s\n", cases[i].lines);
		snprintf(
			wanted, sizeof(wanted), "policy.yaml: risk_classes: low: %s", cases[i].why);
		assert_fails(parse_demand(lines), err, ERR_CONFIG, wanted);
	}
}

static void P6__demand_that_no_key_could_meet__refused(void **state)
{
	(void)state;
	buf_clear(&top);
	assert_fails(parse_demand("      - {kind: bom, name: b}\n"), err, ERR_CONFIG,
		"policy.yaml: risk_classes: low: statements: b: kind bom: no statement key is "
		"trusted for it, so nothing could meet this");
}

static void statements__kind_unknown__refused(void **state)
{
	(void)state;
	assert_false(parse_demand("      - {kind: model-signature, name: b}\n"));
	assert_int_equal(err.code, ERR_CONFIG);
	assert_false(parse_demand("      - {kind: bom, name: b, signer: x}\n"));
	assert_int_equal(err.code, ERR_CONFIG);
	assert_false(parse_demand("      - {kind: bom, name: b, formats: [swid]}\n"));
	assert_int_equal(err.code, ERR_CONFIG);
	assert_false(parse_demand("      - {kind: bom, name: b, models: all}\n"));
	assert_int_equal(err.code, ERR_CONFIG);
}

static void P5__statement_keys__one_name_one_key_each_kind_once(void **state)
{
	(void)state;
	put_key("ci", "bom", keys.alice);
	assert_fails(parse_demand("      - {kind: bom, name: b}\n"), err, ERR_CONFIG,
		"policy.yaml: statement_keys: ci: name or key given twice");
	buf_clear(&top);
	buf_put_str(&top, "statement_keys:\n");
	put_key("ci", "bom", keys.alice);
	put_key("lab", "bom", keys.alice);
	assert_fails(parse_demand("      - {kind: bom, name: b}\n"), err, ERR_CONFIG,
		"policy.yaml: statement_keys: lab: name or key given twice");
	buf_clear(&top);
	buf_put_str(&top, "statement_keys:\n");
	put_key("ci", "bom, bom", keys.alice);
	assert_fails(parse_demand("      - {kind: bom, name: b}\n"), err, ERR_CONFIG,
		"policy.yaml: statement_keys: ci: kind bom: given twice");
}

static void statement_keys__private_key__refused(void **state)
{
	struct buf pem = {0};

	(void)state;
	assert_ok(key_private_pem(keys.other, &pem, &err), err);
	buf_clear(&top);
	buf_put_str(&top, "statement_keys:\n  - name: ci\n    kinds: [bom]\n    pem: |\n");
	for (const char *line = buf_str(&pem); *line;) {
		size_t n = strcspn(line, "\n");

		buf_printf(&top, "      %.*s\n", (int)n, line);
		line += n + (line[n] == '\n');
	}
	buf_release(&pem);
	assert_fails(parse_demand("      - {kind: bom, name: b}\n"), err, ERR_CONFIG,
		"policy.yaml: statement_keys: ci: a private key: put the public key here");
}

/* ---- the clause ---- */

static void clause_of(const char *lines, uint8_t out[SHA256_LEN])
{
	assert_ok(parse_demand(lines), err);
	memcpy(out, policy->classes[0].clause, SHA256_LEN);
}

static void clause__any_term_of_a_demand_changed__differs(void **state)
{
	static const char *const variants[] = {
		"{kind: assessment, name: e, type: t}",
		"{kind: assessment, name: f, type: t}",
		"{kind: vsa, name: e, type: t}",
		"{kind: assessment, name: e, type: u}",
		"{kind: assessment, name: e, type: t, max_age: 1d}",
		"{kind: assessment, name: e, type: t, covers: [model]}",
		"{kind: assessment, name: e, type: t, passed: false}",
		"{kind: assessment, name: e, type: t, metrics: [ {name: x, min: 1} ]}",
		"{kind: assessment, name: e, type: t, metrics: [ {name: x, max: 1} ]}",
		"{kind: assessment, name: e, type: t, metrics: [ {name: x, max: 2} ]}",
		"{kind: provenance, name: e}",
		"{kind: provenance, name: e, builder: [x]}",
		"{kind: vsa, name: e, type: t, levels: [x]}",
		"{kind: test-result, name: e}",
		"{kind: test-result, name: e, keys: [ci]}",
		"{kind: test-result, name: e, keys: [lab]}",
		"{kind: bom, name: e}",
		"{kind: bom, name: e, max_age: 1d}",
		"{kind: bom, name: e, formats: [spdx]}",
		"{kind: bom, name: e, formats: [cyclonedx]}",
		"{kind: bom, name: e, models: required}",
		"{kind: bom, name: e, datasets: required}",
		"{kind: bom, name: e, licenses: [MIT]}",
		"{kind: bom, name: e, licenses_forbidden: [MIT]}",
	};
	uint8_t clauses[ARRAY_LEN(variants)][SHA256_LEN];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(variants); i++) {
		char lines[256];

		snprintf(lines, sizeof(lines), "      - %s\n", variants[i]);
		clause_of(lines, clauses[i]);
		for (size_t k = 0; k < i; k++)
			assert_memory_not_equal(clauses[k], clauses[i], SHA256_LEN);
	}
}

static void clause__order_and_spelled_out_defaults__stay(void **state)
{
	uint8_t before[SHA256_LEN], after[SHA256_LEN];

	(void)state;
	clause_of("      - {kind: bom, name: b}\n      - {kind: test-result, name: a}\n", before);
	clause_of("      - {kind: test-result, name: a, passed: true, keys: [lab, ci]}\n"
		  "      - {kind: bom, name: b, keys: [ci]}\n",
		after);
	assert_memory_equal(before, after, SHA256_LEN);
	clause_of("      - {kind: bom, name: b, formats: [cyclonedx, spdx]}\n", before);
	clause_of("      - {kind: bom, name: b, formats: [spdx, cyclonedx], models: any}\n", after);
	assert_memory_equal(before, after, SHA256_LEN);
}

/* What was approved before BOMs were looked into stays approved. */
static void clause__bom_without_terms__as_it_ever_was(void **state)
{
	static const char canonical[] =
		"{\"approval_age_max\":0,\"approvals\":[],\"clock_safe\":false,"
		"\"credential_lifetime\":600,\"differ_from_author\":true,\"host_classes\":[],"
		"\"key\":\"software\",\"minimum_assurance\":\"reported\",\"name\":\"low\","
		"\"pinned\":false,\"renew_after\":300,\"statements\":[{%s\"builder\":[],"
		"\"covers\":[],\"keys\":[\"ci\"],\"kind\":\"bom\",\"levels\":[],\"max_age\":0,"
		"\"metrics\":[],\"name\":\"b\",\"passed\":false,\"type\":null}],"
		"\"type\":\"assay/risk-class/1\"}";
	uint8_t wanted[SHA256_LEN], clause[SHA256_LEN];
	char full[1024];

	(void)state;
	snprintf(full, sizeof(full), canonical, "");
	assert_ok(sha256_of(bytes_str(full), wanted, &err), err);
	clause_of("      - {kind: bom, name: b, models: any}\n", clause);
	assert_memory_equal(clause, wanted, SHA256_LEN);
	snprintf(full, sizeof(full), canonical,
		"\"bom\":{\"datasets\":true,\"formats\":[\"spdx\"],\"licenses\":[\"MIT\"],"
		"\"licenses_forbidden\":[\"X\"],\"models\":false},");
	assert_ok(sha256_of(bytes_str(full), wanted, &err), err);
	clause_of("      - {kind: bom, name: b, formats: [spdx], datasets: required, "
		  "licenses: [MIT], licenses_forbidden: [X]}\n",
		clause);
	assert_memory_equal(clause, wanted, SHA256_LEN);
}

/* The canonical text is a format: docs/formats/policy.md shows this one. */
static void clause__known_demand__known_digest(void **state)
{
	static const char canonical[] =
		"{\"approval_age_max\":0,\"approvals\":[],\"clock_safe\":false,"
		"\"credential_lifetime\":600,\"differ_from_author\":true,\"host_classes\":[],"
		"\"key\":\"software\",\"minimum_assurance\":\"reported\",\"name\":\"low\","
		"\"pinned\":false,\"renew_after\":300,\"statements\":[{\"builder\":[],"
		"\"covers\":[\"model\"],\"keys\":[\"lab\"],\"kind\":\"assessment\",\"levels\":[],"
		"\"max_age\":86400,\"metrics\":[{\"max\":null,\"min\":\"0.9\",\"name\":"
		"\"accuracy\"}],\"name\":\"eval\",\"passed\":true,\"type\":\"" EVALUATION
		"\"}],\"type\":\"assay/risk-class/1\"}";
	uint8_t wanted[SHA256_LEN], clause[SHA256_LEN];

	(void)state;
	assert_ok(sha256_of(bytes_str(canonical), wanted, &err), err);
	clause_of("      - {kind: assessment, name: eval, type: \"" EVALUATION
		  "\", max_age: 1d, covers: [model], metrics: [ {name: accuracy, min: 0.9} ]}\n",
		clause);
	assert_memory_equal(clause, wanted, SHA256_LEN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(statements__plain__defaults),
		T(statements__everything_given__taken),
		T(statements__wrong__refused_by_name),
		T(P6__demand_that_no_key_could_meet__refused),
		T(statements__kind_unknown__refused),
		T(P5__statement_keys__one_name_one_key_each_kind_once),
		T(statement_keys__private_key__refused),
		T(clause__any_term_of_a_demand_changed__differs),
		T(clause__order_and_spelled_out_defaults__stay),
		T(clause__bom_without_terms__as_it_ever_was),
		T(clause__known_demand__known_digest),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
