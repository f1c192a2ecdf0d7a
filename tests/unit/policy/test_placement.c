/* SPDX-License-Identifier: Apache-2.0 */
/* Where a class lets its agents run: jurisdictions, attributes, third parties, the sandbox. */
#include "policy/host_attribute.h"

#include "policy/words.h"

#include "scene.h"

#define BY "spiffe://bank.example/operator/admin/olga"

static struct scene_keys keys;
static struct scene *s;
static struct host_attribute attributes[4];

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

static int setup(void **state)
{
	(void)state;
	s = scene_new(&keys);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	scene_free(s);
	return 0;
}

static bool says(char (*lines)[REASON_TEXT_MAX], size_t n, const char *text)
{
	for (size_t i = 0; i < n; i++)
		if (strstr(lines[i], text))
			return true;
	return false;
}

#define CHECKED(text)     says(s->verdict->checked, s->verdict->checked_count, (text))
#define NOT_CHECKED(text) says(s->verdict->not_checked, s->verdict->not_checked_count, (text))

/* The class asks for this too, and what was approved was approved under it. */
static void class_with(const char *lines)
{
	static char text[1024];

	snprintf(text, sizeof(text), "%s%s", SCENE_CLASS_LINES, lines);
	s->class_lines = text;
	scene_policy(s);
	for (size_t i = 0; i < SCENE_APPROVALS; i++)
		memcpy(s->approvals[i].approval.clause, s->policy->classes[0].clause, SHA256_LEN);
	scene_approve(s);
}

static void host_has(size_t i, const char *key, const char *value)
{
	attributes[i] = (struct host_attribute){
		.key = bytes_str(key), .value = bytes_str(value), .by = bytes_str(BY)};
	s->context.host.attributes = attributes;
	s->context.host.attribute_count = i + 1;
}

/* ---- forms ---- */

static void jurisdiction__forms__table(void **state)
{
	static const char *const good[] = {"CH", "CH-ZH", "US-CA", "FR-2A", "GB-ENG", "EU"};
	static const char *const bad[] = {"", "C", "ch", "CHE", "CH-", "CH-zh", "CH-ABCD", "CH_ZH",
		"C1", "CH-Z H", "CH ", " CH", "\xc4\x8cH"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		if (!jurisdiction_ok(bytes_str(good[i])))
			fail_msg("%s is refused", good[i]);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (jurisdiction_ok(bytes_str(bad[i])))
			fail_msg("%s is accepted", bad[i]);
	assert_true(jurisdiction_covers("CH", bytes_str("CH")));
	assert_true(jurisdiction_covers("CH", bytes_str("CH-ZH")));
	assert_true(jurisdiction_covers("CH-ZH", bytes_str("CH-ZH")));
	assert_false(jurisdiction_covers("CH-ZH", bytes_str("CH")));
	assert_false(jurisdiction_covers("CH-Z", bytes_str("CH-ZH")));
	assert_false(jurisdiction_covers("CH", bytes_str("DE")));
	assert_false(jurisdiction_covers("CH", bytes_str("CHX")));
	assert_false(jurisdiction_covers("CH", bytes_str("C")));
}

static void attribute__forms__table(void **state)
{
	static const struct {
		const char *key, *value, *why; /* NULL: accepted */
	} cases[] = {
		{"site", "zrh1", NULL},
		{"site", "Zürich, Halle 3", NULL},
		{"jurisdiction", "CH-ZH", NULL},
		{"kubernetes-node", "node-1.zrh1.bank.example", NULL},
		{"Site", "zrh1", "attribute Site: not a name (a-z 0-9 . _ -)"},
		{"", "zrh1", "attribute : not a name (a-z 0-9 . _ -)"},
		{"site", "",
			"attribute site: expected 1 to 253 bytes of text without control "
			"characters"},
		{"site", "a\nb",
			"attribute site: expected 1 to 253 bytes of text without control "
			"characters"},
		{"site", "a\x7f",
			"attribute site: expected 1 to 253 bytes of text without control "
			"characters"},
		{"site", "\xff",
			"attribute site: expected 1 to 253 bytes of text without control "
			"characters"},
		{"jurisdiction", "ch",
			"attribute jurisdiction: ch: expected a code as CH or CH-ZH"},
		{"kubernetes-node", "Node",
			"attribute kubernetes-node: Node: expected a node's "
			"name: a-z 0-9 . -"},
		{"kubernetes-node", "a..b",
			"attribute kubernetes-node: a..b: expected a node's "
			"name: a-z 0-9 . -"},
		{"kubernetes-node", "-a",
			"attribute kubernetes-node: -a: expected a node's name: "
			"a-z 0-9 . -"},
		{"kubernetes-node", "a-",
			"attribute kubernetes-node: a-: expected a node's name: "
			"a-z 0-9 . -"},
		{"kubernetes-node", "a-.b",
			"attribute kubernetes-node: a-.b: expected a node's "
			"name: a-z 0-9 . -"},
		{"kubernetes-node", "a.-b",
			"attribute kubernetes-node: a.-b: expected a node's "
			"name: a-z 0-9 . -"},
	};
	char longest[HOST_ATTRIBUTE_VALUE_MAX + 2];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct err err = {0};
		bool ok = host_attribute_check(
			bytes_str(cases[i].key), bytes_str(cases[i].value), &err);

		if (ok != (cases[i].why == NULL))
			fail_msg("%s=%s: %s", cases[i].key, cases[i].value, err.text);
		if (!ok)
			assert_string_equal(err.text, cases[i].why);
	}
	memset(longest, 'a', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	assert_true(host_attribute_check(
		bytes_str("site"), bytes_of(longest, HOST_ATTRIBUTE_VALUE_MAX), NULL));
	assert_false(host_attribute_check(bytes_str("site"), bytes_str(longest), NULL));
}

static void attribute__operator__last_part_of_the_id(void **state)
{
	(void)state;
	assert_true(bytes_equal_str(host_attribute_operator(bytes_str(BY)), "olga"));
	assert_true(bytes_equal_str(host_attribute_operator(bytes_str("olga")), "olga"));
	assert_int_equal(host_attribute_operator(bytes_str(BY "/")).len, 0);
	assert_int_equal(host_attribute_operator((struct bytes){0}).len, 0);
}

/* ---- jurisdictions ---- */

static void appraise__jurisdiction_allowed__trusted_and_called_asserted(void **state)
{
	(void)state;
	class_with("    jurisdictions: [DE, CH]\n");
	host_has(0, "jurisdiction", "CH-ZH");
	scene_run(s);
	assert_trusted(s);
	assert_true(CHECKED("host: jurisdiction: CH-ZH, asserted by operator olga, not proven"));
}

static void appraise__jurisdiction_elsewhere__refused(void **state)
{
	(void)state;
	class_with("    jurisdictions: [DE, CH-ZH]\n");
	host_has(0, "jurisdiction", "CH");
	scene_run(s);
	assert_refused(s, REASON_HOST_JURISDICTION);
	assert_string_equal(s->verdict->reasons[0].subject, "host: jurisdiction");
	assert_string_equal(s->verdict->reasons[0].expected, "one of CH-ZH, DE");
	assert_string_equal(s->verdict->reasons[0].actual, "CH, asserted by operator olga");
	assert_string_equal(s->verdict->reasons[0].where, "register of hosts");
}

static void appraise__jurisdiction_never_set__refused(void **state)
{
	(void)state;
	class_with("    jurisdictions: [CH]\n");
	host_has(0, "site", "CH");
	scene_run(s);
	assert_refused(s, REASON_HOST_JURISDICTION);
	assert_string_equal(s->verdict->reasons[0].expected, "CH");
	assert_string_equal(s->verdict->reasons[0].actual, "no operator has set it");
}

static void renewal__jurisdiction_changed_meanwhile__refused(void **state)
{
	(void)state;
	class_with("    jurisdictions: [CH]\n");
	host_has(0, "jurisdiction", "CH");
	scene_renewal(s);
	scene_run(s);
	assert_trusted(s);
	host_has(0, "jurisdiction", "US");
	scene_run(s);
	assert_refused(s, REASON_HOST_JURISDICTION);
}

/* ---- other attributes ---- */

#define SITES                                                                                      \
	"    host_attributes:\n"                                                                   \
	"      - {name: site, values: [zrh2, zrh1]}\n"                                             \
	"      - {name: environment, values: [prod]}\n"

static void appraise__attributes_as_asked_for__trusted(void **state)
{
	(void)state;
	class_with(SITES);
	host_has(0, "environment", "prod");
	host_has(1, "site", "zrh1");
	scene_run(s);
	assert_trusted(s);
	assert_true(CHECKED("host: environment: prod, asserted by operator olga, not proven"));
	assert_true(CHECKED("host: site: zrh1, asserted by operator olga, not proven"));
}

static void appraise__attribute_other_or_missing__refused(void **state)
{
	(void)state;
	class_with(SITES);
	host_has(0, "site", "zrh11");
	scene_run(s);
	assert_int_equal(s->verdict->reason_count, 2);
	assert_refused_among(s, REASON_HOST_ATTRIBUTE);
	assert_string_equal(s->verdict->reasons[0].subject, "host: environment");
	assert_string_equal(s->verdict->reasons[0].expected, "prod");
	assert_string_equal(s->verdict->reasons[0].actual, "no operator has set it");
	assert_string_equal(s->verdict->reasons[1].expected, "one of zrh1, zrh2");
	assert_string_equal(s->verdict->reasons[1].actual, "zrh11, asserted by operator olga");
}

static void appraise__class_asks_nothing__attributes_are_not_looked_at(void **state)
{
	(void)state;
	host_has(0, "jurisdiction", "US");
	scene_run(s);
	assert_trusted(s);
	assert_false(CHECKED("jurisdiction"));
}

/* ---- third parties ---- */

static void appraise__third_parties__each_in_an_allowed_place(void **state)
{
	static const struct {
		const char *json, *subject, *actual; /* subject NULL: trusted */
	} cases[] = {
		{"", NULL, NULL},
		{"[]", NULL, NULL},
		{"[{\"name\":\"mail\",\"jurisdiction\":\"CH\"}]", NULL, NULL},
		{"[{\"name\":\"mail\",\"jurisdiction\":\"CH\"},{\"name\":\"llm\",\"jurisdiction\":"
		 "\"US\"}]",
			"third party llm: jurisdiction", "US"},
		{"[{\"name\":\"llm\"}]", "third party llm: jurisdiction", "none"},
		{"[{\"jurisdiction\":\"US\"}]", "third party without a name: jurisdiction", "US"},
		{"{\"name\":\"llm\"}", "third parties", "none"},
		{"[", "third parties", NULL},
	};

	(void)state;
	class_with("    third_party_jurisdictions: [DE, CH]\n");
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		s->context.workload.third_parties = bytes_str(cases[i].json);
		scene_run(s);
		if (!cases[i].subject) {
			assert_trusted(s);
			assert_true(CHECKED("each in a jurisdiction that the class allows"));
			continue;
		}
		assert_refused(s, REASON_THIRD_PARTY);
		assert_false(CHECKED("third parties"));
		assert_string_equal(s->verdict->reasons[0].subject, cases[i].subject);
		if (cases[i].actual)
			assert_string_equal(s->verdict->reasons[0].actual, cases[i].actual);
	}
}

/* As many bytes as may be, and one more. */
static void appraise__third_parties__no_longer_than_may_be(void **state)
{
	struct buf text = {0};

	(void)state;
	class_with("    third_party_jurisdictions: [CH]\n");
	buf_put_str(&text, "[]");
	while (text.len < 65536)
		buf_put_str(&text, " ");
	s->context.workload.third_parties = buf_bytes(&text);
	scene_run(s);
	assert_trusted(s);
	buf_put_str(&text, " ");
	s->context.workload.third_parties = buf_bytes(&text);
	scene_run(s);
	assert_refused(s, REASON_THIRD_PARTY);
	assert_string_equal(s->verdict->reasons[0].actual, "JSON: 65537 bytes, more than 65536");
	buf_release(&text);
}

static void appraise__third_parties_under_no_class__not_asked_for(void **state)
{
	const struct context_workload workload = {.third_parties = BYTES_LIT("junk")};
	const struct policy_class none = {.name = (char *)(uintptr_t) "none"};

	(void)state;
	memset(s->verdict, 0, sizeof(*s->verdict));
	assert_ok(policy_third_parties_appraise(NULL, &workload, s->verdict, &s->err), s->err);
	assert_ok(policy_third_parties_appraise(&none, &workload, s->verdict, &s->err), s->err);
	assert_int_equal(s->verdict->reason_count + s->verdict->checked_count, 0);
}

/* ---- the policy file ---- */

#define CONFINED                                                                                   \
	"    sandbox: {user: unprivileged, network: none, no_new_privs: true, capabilities: "      \
	"none, filesystem: read-only}\n"

static void policy__placement__read_or_refused(void **state)
{
	static const struct {
		const char *lines, *why;
	} bad[] = {
		{"    jurisdictions: []\n", "Insufficient entries"},
		{"    jurisdictions: [ch]\n", "jurisdictions: ch: expected a code as CH or CH-ZH"},
		{"    jurisdictions: [CH, DE, CH]\n", "jurisdictions: CH: given twice"},
		{"    third_party_jurisdictions: [Switzerland]\n",
			"third_party_jurisdictions: Switzerland: expected a code as CH or CH-ZH"},
		{"    host_attributes: [ {name: Site, values: [a]} ]\n",
			"host_attributes: attribute Site: not a name"},
		{"    host_attributes: [ {name: site, values: []} ]\n", "Insufficient entries"},
		{"    host_attributes: [ {name: site} ]\n", "values"},
		{"    host_attributes: [ {name: site, values: [a, a]} ]\n",
			"host_attributes: site: a: given twice"},
		{"    host_attributes: [ {name: site, values: [a]}, {name: site, values: [b]} ]\n",
			"host_attributes: site: given twice"},
		{"    host_attributes: [ {name: jurisdiction, values: [CH]} ]\n",
			"host_attributes: jurisdiction: is demanded by `jurisdictions`"},
		{"    host_attributes: [ {name: kubernetes-node, values: [A]} ]\n",
			"host_attributes: attribute kubernetes-node: A: expected a node's name"},
		{"    sandbox: {}\n", "sandbox: demands nothing"},
		{"    sandbox: {network: host}\n", "sandbox: demands nothing"},
		{"    sandbox: {no_new_privs: false}\n", "sandbox: demands nothing"},
		{"    sandbox: {user: root}\n", "unknown word \"root\""},
		{"    sandbox: {seccomp: strict}\n", "seccomp"},
	};
	struct policy *policy = NULL;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct buf text = {0};
		struct err err = {0};
		char lines[512];

		snprintf(lines, sizeof(lines), "%s%s", SCENE_CLASS_LINES, bad[i].lines);
		scene_policy_text(&keys, lines, "", &text);
		if (policy_parse(buf_bytes(&text), "policy.yaml", &policy, &err))
			fail_msg("%s is accepted", bad[i].lines);
		if (!strstr(err.text, bad[i].why))
			fail_msg("%s: %s", bad[i].lines, err.text);
		assert_int_equal(err.code, ERR_CONFIG);
		buf_release(&text);
	}
}

static void clause_of(const char *lines, uint8_t out[SHA256_LEN])
{
	class_with(lines);
	memcpy(out, s->policy->classes[0].clause, SHA256_LEN);
}

/* What is not asked for leaves the clause as it was; each thing asked for makes another one. */
static void clause__placement__only_what_is_asked_for(void **state)
{
	static const char *const lines[] = {"", "    jurisdictions: [CH]\n",
		"    jurisdictions: [CH, DE]\n", "    third_party_jurisdictions: [CH]\n", SITES,
		"    host_attributes: [ {name: site, values: [zrh1]} ]\n", CONFINED,
		"    sandbox: {network: none}\n"};
	uint8_t clauses[ARRAY_LEN(lines)][SHA256_LEN], same[SHA256_LEN];
	struct buf line = {0};
	struct err err = {0};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		clause_of(lines[i], clauses[i]);
		for (size_t k = 0; k < i; k++)
			assert_memory_not_equal(clauses[i], clauses[k], SHA256_LEN);
	}
	clause_of("    jurisdictions: [DE, CH]\n", same);
	assert_memory_equal(same, clauses[2], SHA256_LEN);
	/* docs/formats/policy.md shows this line. */
	buf_put_str(&line,
		"{\"approval_age_max\":0,\"approvals\":[{\"count\":1,\"role\":\"model-risk\"},{"
		"\"count\":1,\"role\":\"security\"}],\"clock_safe\":false,\"credential_lifetime\":"
		"600,\"differ_from_author\":true,\"host_attributes\":{\"environment\":[\"prod\"],"
		"\"site\":[\"zrh1\",\"zrh2\"]},\"host_classes\":[],\"jurisdictions\":[\"CH\"],"
		"\"key\":\"software\",\"minimum_assurance\":\"reported\",\"name\":\"low\","
		"\"pinned\":false,\"renew_after\":300,\"sandbox\":{\"network\":\"none\",\"user\":"
		"\"unprivileged\"},\"statements\":[],\"third_party_jurisdictions\":[\"DE\"],"
		"\"type\":\"assay/risk-class/1\"}");
	assert_ok(sha256_of(buf_bytes(&line), same, &err), err);
	clause_of("    jurisdictions: [CH]\n    third_party_jurisdictions: [DE]\n" SITES
		  "    sandbox: {user: unprivileged, network: none}\n",
		clauses[0]);
	assert_memory_equal(clauses[0], same, SHA256_LEN);
	buf_release(&line);
}

/* ---- words ---- */

static struct policy *policy_with(const char *lines)
{
	struct policy *policy = NULL;
	struct buf text = {0};
	struct err err = {0};
	char all[1024];

	snprintf(all, sizeof(all), "%s%s", SCENE_CLASS_LINES, lines);
	scene_policy_text(&keys, all, "", &text);
	assert_ok(policy_parse(buf_bytes(&text), "policy.yaml", &policy, &err), err);
	buf_release(&text);
	return policy;
}

static void explain__placement__said(void **state)
{
	static const char *const wanted[] = {
		"host: stands in CH, DE, as an operator asserts",
		"host: environment is one of prod, as an operator asserts",
		"host: site is one of zrh1, zrh2, as an operator asserts",
		"workload: its third parties are in CH, as the register has them",
		"agent: sandbox: user unprivileged, network none, as assay-hostd records and looks "
		"at it",
	};
	struct policy *policy = policy_with(
		"    jurisdictions: [DE, CH]\n    third_party_jurisdictions: [CH]\n" SITES
		"    sandbox: {user: unprivileged, network: none}\n");
	struct err err = {0};
	json_t *lines = NULL;

	(void)state;
	assert_ok(policy_class_explain(policy, &policy->classes[0], &lines, &err), err);
	for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
		bool found = false;

		for (size_t k = 0; k < json_array_size(lines); k++)
			found = found ||
				strcmp(json_string_value(json_array_get(lines, k)), wanted[i]) == 0;
		if (!found)
			fail_msg("not said: %s", wanted[i]);
	}
	json_decref(lines);
	policy_free(&policy);
}

static void diff__placement__said_with_its_direction(void **state)
{
	static const struct {
		const char *old, *new, *text, *direction;
	} cases[] = {
		{"", "    jurisdictions: [CH]\n", "jurisdictions: CH, was any", "tighter"},
		{"    jurisdictions: [CH]\n", "", "jurisdictions: any, was CH", "looser"},
		{"    jurisdictions: [CH]\n", "    jurisdictions: [CH, DE]\n",
			"jurisdictions: CH, DE, was CH", "looser"},
		{"    jurisdictions: [CH, DE]\n", "    jurisdictions: [DE]\n",
			"jurisdictions: DE, was CH, DE", "tighter"},
		{"    jurisdictions: [CH]\n", "    jurisdictions: [DE]\n",
			"jurisdictions: DE, was CH", "other"},
		{"    third_party_jurisdictions: [CH]\n", "",
			"third_party_jurisdictions: any, was CH", "looser"},
		{SITES, "    host_attributes: [ {name: environment, values: [prod]} ]\n",
			"host_attributes: site: any, was zrh1, zrh2", "looser"},
		{"", "    host_attributes: [ {name: site, values: [zrh1]} ]\n",
			"host_attributes: site: zrh1, was any", "tighter"},
		{"", "    sandbox: {filesystem: read-only}\n",
			"sandbox: filesystem read-only: true, was false", "tighter"},
		{CONFINED,
			"    sandbox: {user: unprivileged, no_new_privs: true, capabilities: none, "
			"filesystem: read-only}\n",
			"sandbox: network none: false, was true", "looser"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct policy *old = policy_with(cases[i].old), *new = policy_with(cases[i].new);
		struct err err = {0};
		json_t *diff = NULL, *change;
		size_t at, found = 0;

		assert_ok(policy_diff(old, new, &diff, &err), err);
		json_array_foreach(json_object_get(diff, "changes"), at, change)
		{
			const char *text = json_string_value(json_object_get(change, "text"));

			if (strcmp(text, cases[i].text) != 0)
				continue;
			found++;
			assert_string_equal(json_string_value(json_object_get(change, "direction")),
				cases[i].direction);
		}
		if (found != 1)
			fail_msg("case %zu: %s", i, cases[i].text);
		json_decref(diff);
		policy_free(&old);
		policy_free(&new);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(jurisdiction__forms__table),
		T(attribute__forms__table),
		T(attribute__operator__last_part_of_the_id),
		T(appraise__jurisdiction_allowed__trusted_and_called_asserted),
		T(appraise__jurisdiction_elsewhere__refused),
		T(appraise__jurisdiction_never_set__refused),
		T(renewal__jurisdiction_changed_meanwhile__refused),
		T(appraise__attributes_as_asked_for__trusted),
		T(appraise__attribute_other_or_missing__refused),
		T(appraise__class_asks_nothing__attributes_are_not_looked_at),
		T(appraise__third_parties__each_in_an_allowed_place),
		T(appraise__third_parties__no_longer_than_may_be),
		T(appraise__third_parties_under_no_class__not_asked_for),
		T(policy__placement__read_or_refused),
		T(clause__placement__only_what_is_asked_for),
		T(explain__placement__said),
		T(diff__placement__said_with_its_direction),
#undef T
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
