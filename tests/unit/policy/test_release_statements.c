/* SPDX-License-Identifier: Apache-2.0 */
/* The statements that a risk class demands of a release, and the checklist. */
#include "policy/checklist.h"

#include "base/time.h"
#include "scene.h"

#define CLASS_PLAIN "    approvals: []\n    credential_lifetime: 10m\n    statements:\n"
#define PROVENANCE  "https://slsa.dev/provenance/v1"
#define TEST_RESULT "https://in-toto.io/attestation/test-result/v0.1"
#define VSA         "https://slsa.dev/verification_summary/v1"
#define RED_TEAM    "https://assay.example/assessment/red-team/v1"
#define EVALUATION  "https://assay.example/assessment/evaluation/v1"
#define BINARY      0
#define MODEL       1 /* its digest is of fs-verity */
#define SETTINGS    2
#define RELEASE     3
#define ELSEWHERE   4
#define SAID_MAX    8

static struct scene_keys keys;
static struct scene *s;
static struct buf top, envelopes[SAID_MAX];
static struct bytes views[STATEMENTS_MAX + 1];
static size_t count;
static struct release *release;
static struct checklist list;

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

/* ci speaks of builds, lab of quality; nobody else of anything. */
static int setup(void **state)
{
	(void)state;
	s = scene_new(&keys);
	buf_put_str(&top,
		"statement_keys:\n  - name: ci\n    kinds: [provenance, test-result, bom]\n"
		"    pem: ");
	scene_put_pem(&top, keys.other, 6);
	buf_put_str(&top, "  - name: lab\n    kinds: [assessment, vsa, test-result]\n    pem: ");
	scene_put_pem(&top, keys.instance, 6);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	release_free(&release);
	buf_release(&top);
	for (size_t i = 0; i < SAID_MAX; i++)
		buf_release(&envelopes[i]);
	count = 0;
	scene_free(s);
	return 0;
}

static void subject_hex(int subject, char hex[2 * SHA256_LEN + 1])
{
	static const uint8_t elsewhere[SHA256_LEN] = {0xee};

	if (subject == RELEASE)
		hex_encode(BYTES_OF(s->release_digest), hex);
	else if (subject == ELSEWHERE)
		hex_encode(BYTES_OF(elsewhere), hex);
	else
		hex_encode(BYTES_OF(s->components[subject].digest), hex);
}

static void say(int subject, const char *type, const char *predicate, struct key *key)
{
	struct buf text = {0};
	char hex[2 * SHA256_LEN + 1];

	subject_hex(subject, hex);
	buf_printf(&text,
		"{\"_type\":\"https://in-toto.io/Statement/v1\",\"subject\":[{\"name\":\"x\","
		"\"digest\":{\"sha256\":\"%s\"}}],\"predicateType\":\"%s\",\"predicate\":%s}",
		hex, type, predicate);
	assert_true(count < SAID_MAX);
	assert_ok(dsse_sign(DSSE_INTOTO_TYPE, buf_bytes(&text), key, &envelopes[count], &s->err),
		s->err);
	views[count] = buf_bytes(&envelopes[count]);
	count++;
	buf_release(&text);
}

static void say_built(int subject, const char *builder, int64_t finished, struct key *key)
{
	struct buf text = {0};
	char time[TIME_TEXT_MAX];

	buf_printf(&text,
		"{\"buildDefinition\":{\"buildType\":\"t\",\"externalParameters\":{}},"
		"\"runDetails\":{\"builder\":{\"id\":\"%s\"}",
		builder);
	if (finished)
		buf_printf(&text, ",\"metadata\":{\"finishedOn\":\"%s\"}",
			time_format(finished, time));
	buf_put_str(&text, "}}");
	say(subject, PROVENANCE, buf_str(&text), key);
	buf_release(&text);
}

static void say_tested(const char *result, struct key *key)
{
	char text[128];

	snprintf(text, sizeof(text), "{\"result\":\"%s\",\"configuration\":[]}", result);
	say(BINARY, TEST_RESULT, text, key);
}

static void say_assessed(
	const char *type, const char *result, int64_t issued, int64_t expires, const char *metrics)
{
	char text[512], from[TIME_TEXT_MAX], until[TIME_TEXT_MAX];

	snprintf(text, sizeof(text),
		"{\"result\":\"%s\",\"by\":\"lab\",\"issued\":\"%s\",\"expires\":\"%s\","
		"\"report\":{\"digest\":{\"sha256\":\"%064d\"}},\"metrics\":{%s}}",
		result, time_format(issued, from), time_format(expires, until), 7, metrics);
	say(RELEASE, type, text, keys.instance);
}

static void judge_at(int64_t now)
{
	const struct release_input input = {
		.envelope = s->context.release,
		.approvals = s->context.approvals,
		.approval_count = s->context.approval_count,
		.statements = views,
		.statement_count = count,
		.environment = bytes_str("prod"),
	};

	release_free(&release);
	memset(s->verdict, 0, sizeof(*s->verdict));
	assert_ok(release_checklist(&input, s->policy, now, &list, s->verdict, &release, &s->err),
		s->err);
	verdict_conclude(s->verdict);
	assert_int_equal(s->verdict->trusted, list.met);
}

static void demand(const char *lines)
{
	static char class_lines[2048];

	snprintf(class_lines, sizeof(class_lines), CLASS_PLAIN "%s", lines);
	s->class_lines = class_lines;
	s->top_lines = buf_str(&top);
	scene_policy(s);
	s->context.approval_count = 0;
	judge_at(SCENE_NOW);
}

/* Refused because this demand is not met, and because of this. */
static void assert_unmet(enum reason_code why, const char *actual)
{
	assert_false(s->verdict->trusted);
	assert_int_equal(s->verdict->reason_count, 2);
	assert_int_equal(s->verdict->reasons[0].code, REASON_STATEMENT_MISSING);
	assert_int_equal(s->verdict->reasons[1].code, why);
	assert_string_equal(s->verdict->reasons[1].actual, actual);
}

/* ---- what counts ---- */

static void demand__met_by_a_trusted_key__trusted_and_named(void **state)
{
	(void)state;
	say_built(BINARY, "https://ci.example", 0, keys.other);
	demand("      - {kind: provenance, name: build, builder: [\"https://ci.example\"]}\n");
	assert_trusted(s);
	assert_string_equal(s->verdict->checked[1], "statement build: 1 signed by ci");
	assert_int_equal(list.count, 3);
	assert_string_equal(list.items[2].demand, "statement build: provenance");
	assert_string_equal(list.items[2].by, "1 signed by ci");
	assert_int_equal(list.items[2].expires, 0);
}

static void demand__nothing_said__refused(void **state)
{
	(void)state;
	demand("      - {kind: provenance, name: build}\n");
	assert_refused(s, REASON_STATEMENT_MISSING);
	assert_string_equal(s->verdict->reasons[0].subject, "statement build");
	assert_string_equal(s->verdict->reasons[0].expected, "provenance");
	assert_string_equal(s->verdict->reasons[0].actual, "none");
	assert_false(list.items[2].met);
}

static void P2__statement_of_another_kind__refused(void **state)
{
	(void)state;
	say_tested("PASSED", keys.other);
	demand("      - {kind: provenance, name: build}\n");
	assert_refused(s, REASON_STATEMENT_MISSING);
}

static void demand__signed_by_a_key_not_trusted_for_the_kind__refused(void **state)
{
	(void)state;
	say_built(BINARY, "b", 0, keys.instance); /* lab: no builder */
	demand("      - {kind: provenance, name: build}\n");
	assert_unmet(REASON_STATEMENT_SIGNATURE, "not signed by any of them");
}

static void demand__signed_by_another_key_than_demanded__refused(void **state)
{
	(void)state;
	say_tested("PASSED", keys.other);
	demand("      - {kind: test-result, name: tests, keys: [lab]}\n");
	assert_unmet(REASON_STATEMENT_SIGNATURE, "not signed by any of them");
	demand("      - {kind: test-result, name: tests, keys: [ci]}\n");
	assert_trusted(s);
}

static void demand__each_with_its_own_keys__one_key_meets_its_own_only(void **state)
{
	(void)state;
	say_tested("PASSED", keys.other);
	demand("      - {kind: test-result, name: a, keys: [ci]}\n"
	       "      - {kind: test-result, name: b, keys: [lab]}\n");
	assert_unmet(REASON_STATEMENT_SIGNATURE, "not signed by any of them");
	assert_true(list.items[2].met);
	assert_false(list.items[3].met);
}

static void demand__several_faults__the_first_is_said(void **state)
{
	(void)state;
	say(ELSEWHERE, TEST_RESULT, "{\"result\":\"FAILED\",\"configuration\":[]}", keys.alice);
	demand("      - {kind: test-result, name: tests}\n");
	assert_unmet(REASON_STATEMENT_SIGNATURE, "not signed by any of them");
}

static void demand__signed_by_the_release_key_only__refused(void **state)
{
	(void)state;
	say_built(BINARY, "b", 0, keys.builder);
	demand("      - {kind: provenance, name: build}\n");
	assert_unmet(REASON_STATEMENT_SIGNATURE, "not signed by any of them");
}

static void P15__statement_of_something_else__refused(void **state)
{
	(void)state;
	say_built(ELSEWHERE, "b", 0, keys.other);
	demand("      - {kind: provenance, name: build}\n");
	assert_unmet(REASON_STATEMENT_OTHER, "of something else");
}

static void P11__digest_of_another_kind_as_subject__refused(void **state)
{
	(void)state;
	say_built(MODEL, "b", 0, keys.other);
	demand("      - {kind: provenance, name: build}\n");
	assert_unmet(REASON_STATEMENT_OTHER, "of something else");
}

static void demand__of_a_directory_by_its_manifest__trusted(void **state)
{
	(void)state;
	s->components[MODEL].kind = COMPONENT_TREE_SHA256;
	scene_release(s);
	say_built(MODEL, "b", 0, keys.other);
	demand("      - {kind: provenance, name: build}\n");
	assert_trusted(s);
}

static void demand__of_another_builder__refused(void **state)
{
	(void)state;
	say_built(BINARY, "https://laptop.example", 0, keys.other);
	demand("      - {kind: provenance, name: build, builder: [\"https://ci.example\"]}\n");
	assert_unmet(REASON_STATEMENT_CONTENT, "builder https://laptop.example");
	assert_string_equal(s->verdict->reasons[1].expected, "https://ci.example");
}

static void demand__of_another_type__refused(void **state)
{
	(void)state;
	say_assessed(EVALUATION, "passed", SCENE_NOW - 9, SCENE_NOW + 9, "");
	demand("      - {kind: assessment, name: red-team, type: \"" RED_TEAM "\"}\n");
	assert_unmet(REASON_STATEMENT_OTHER, "type " EVALUATION);
}

static void demand__failed_or_warned_tests__refused_unless_the_class_allows(void **state)
{
	(void)state;
	say_tested("FAILED", keys.other);
	demand("      - {kind: test-result, name: tests}\n");
	assert_unmet(REASON_STATEMENT_CONTENT, "failed");
	demand("      - {kind: test-result, name: tests, passed: false}\n");
	assert_trusted(s);
	count = 0;
	buf_clear(&envelopes[0]);
	say_tested("WARNED", keys.other);
	demand("      - {kind: test-result, name: tests}\n");
	assert_unmet(REASON_STATEMENT_CONTENT, "warned");
}

static void demand__assessment_that_failed__refused(void **state)
{
	(void)state;
	say_assessed(RED_TEAM, "failed", SCENE_NOW - 9, SCENE_NOW + 9, "");
	demand("      - {kind: assessment, name: red-team, type: \"" RED_TEAM "\"}\n");
	assert_unmet(REASON_STATEMENT_CONTENT, "failed");
}

static void say_verified(const char *result, const char *levels, int64_t time)
{
	char text[512], when[TIME_TEXT_MAX];

	snprintf(text, sizeof(text),
		"{\"verifier\":{\"id\":\"v\"},\"timeVerified\":\"%s\",\"resourceUri\":\"r\","
		"\"policy\":{\"uri\":\"p\",\"digest\":{\"sha256\":\"%064d\"}},"
		"\"verificationResult\":\"%s\",\"verifiedLevels\":[%s]}",
		time_format(time, when), 7, result, levels);
	say(BINARY, VSA, text, keys.instance);
}

static void demand__levels_of_a_summary__each_must_be_there(void **state)
{
	(void)state;
	say_verified("PASSED", "\"SLSA_BUILD_LEVEL_2\"", SCENE_NOW - 9);
	demand("      - {kind: vsa, name: slsa, levels: [SLSA_BUILD_LEVEL_2]}\n");
	assert_trusted(s);
	demand("      - {kind: vsa, name: slsa, levels: [SLSA_BUILD_LEVEL_2, MINE]}\n");
	assert_unmet(REASON_STATEMENT_CONTENT, "this level was not verified");
}

static void demand__summary_that_failed__refused(void **state)
{
	(void)state;
	say_verified("FAILED", "", SCENE_NOW - 9);
	demand("      - {kind: vsa, name: slsa}\n");
	assert_unmet(REASON_STATEMENT_CONTENT, "failed");
}

static void demand__bom__trusted(void **state)
{
	(void)state;
	say(BINARY, "https://cyclonedx.org/bom",
		"{\"bomFormat\":\"CycloneDX\",\"specVersion\":\"1.7\"}", keys.other);
	demand("      - {kind: bom, name: bom}\n");
	assert_trusted(s);
}

/* ---- metrics ---- */

static void demand__metrics__within_their_bounds_only(void **state)
{
	static const struct {
		const char *metrics, *actual; /* NULL: counts */
	} cases[] = {
		{"\"accuracy\":0.9,\"toxicity\":0.02", NULL},
		{"\"accuracy\":1,\"toxicity\":-1", NULL},
		{"\"accuracy\":0.8999999,\"toxicity\":0.02", "0.8999999"},
		{"\"accuracy\":0.9,\"toxicity\":0.0200001", "0.0200001"},
		{"\"toxicity\":0.02", "not reported"},
		{"\"Accuracy\":1,\"toxicity\":0", "not reported"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		count = 0;
		buf_clear(&envelopes[0]);
		say_assessed(EVALUATION, "passed", SCENE_NOW - 9, SCENE_NOW + 9, cases[i].metrics);
		demand("      - kind: assessment\n        name: eval\n        type: \"" EVALUATION
		       "\"\n        metrics: [ {name: accuracy, min: 0.9}, "
		       "{name: toxicity, max: 0.02} ]\n");
		if (cases[i].actual)
			assert_unmet(REASON_STATEMENT_CONTENT, cases[i].actual);
		else
			assert_trusted(s);
	}
}

/* ---- time ---- */

#define AGED "      - {kind: provenance, name: build, max_age: 1h}\n"

static void P8__statement_older_than_the_class_allows__refused_and_foretold(void **state)
{
	(void)state;
	say_built(BINARY, "b", SCENE_NOW - 3600, keys.other);
	demand(AGED);
	assert_trusted(s);
	assert_int_equal(list.items[2].expires, SCENE_NOW + 1);
	assert_int_equal(list.expires, SCENE_NOW + 1);
	judge_at(SCENE_NOW + 1);
	assert_unmet(REASON_STATEMENT_EXPIRED, "made at 2027-01-15T07:00:00Z");
}

static void P8__statement_without_a_time_where_age_counts__refused(void **state)
{
	(void)state;
	say_built(BINARY, "b", 0, keys.other);
	demand(AGED);
	assert_unmet(REASON_STATEMENT_EXPIRED, "does not say when");
}

static void P8__statement_from_the_future__refused(void **state)
{
	(void)state;
	say_built(BINARY, "b", SCENE_NOW + 60, keys.other);
	demand("      - {kind: provenance, name: build}\n");
	assert_trusted(s);
	judge_at(SCENE_NOW - 1);
	assert_unmet(REASON_STATEMENT_EXPIRED, "made at 2027-01-15T08:01:00Z");
}

static void P8__summary_from_the_future__refused(void **state)
{
	(void)state;
	say_verified("PASSED", "", SCENE_NOW + 61);
	demand("      - {kind: vsa, name: slsa}\n");
	assert_unmet(REASON_STATEMENT_EXPIRED, "made at 2027-01-15T08:01:01Z");
}

static void P8__assessment__counts_until_it_expires(void **state)
{
	(void)state;
	say_assessed(RED_TEAM, "passed", SCENE_NOW - 9, SCENE_NOW + 9, "");
	demand("      - {kind: assessment, name: red-team, type: \"" RED_TEAM "\"}\n");
	assert_trusted(s);
	assert_int_equal(list.expires, SCENE_NOW + 9);
	judge_at(SCENE_NOW + 8);
	assert_trusted(s);
	judge_at(SCENE_NOW + 9);
	assert_unmet(REASON_STATEMENT_EXPIRED, "expired at 2027-01-15T08:00:09Z");
}

static void P8__assessment_too_old_by_the_class__refused(void **state)
{
	(void)state;
	say_assessed(RED_TEAM, "passed", SCENE_NOW - 7, SCENE_NOW + 9, "");
	demand("      - {kind: assessment, name: red-team, type: \"" RED_TEAM "\", max_age: 5s}\n");
	assert_unmet(REASON_STATEMENT_EXPIRED, "made at 2027-01-15T07:59:53Z");
}

/* ---- what must be spoken of ---- */

static void covers__a_component_nobody_speaks_of__refused(void **state)
{
	(void)state;
	say_built(BINARY, "b", 0, keys.other);
	demand("      - {kind: provenance, name: build, covers: [binary, config]}\n");
	assert_refused(s, REASON_STATEMENT_MISSING);
	assert_string_equal(s->verdict->reasons[0].actual, "1, none of settings");
	say_built(SETTINGS, "b", 0, keys.other);
	judge_at(SCENE_NOW);
	assert_trusted(s);
	assert_string_equal(list.items[2].demand, "statement build: provenance of binary, config");
}

static void covers__a_role_that_no_component_has__refused(void **state)
{
	(void)state;
	say_built(BINARY, "b", 0, keys.other);
	demand("      - {kind: provenance, name: build, covers: [binary, prompt]}\n");
	assert_refused(s, REASON_STATEMENT_MISSING);
	assert_string_equal(s->verdict->reasons[0].actual, "1, none of prompt");
}

static void covers__by_a_statement_that_does_not_count__refused(void **state)
{
	(void)state;
	say_built(BINARY, "b", 0, keys.other);
	say_built(SETTINGS, "b", 0, keys.instance);
	demand("      - {kind: provenance, name: build, covers: [binary, config]}\n");
	assert_unmet(REASON_STATEMENT_SIGNATURE, "not signed by any of them");
}

static void covers__the_release_as_a_whole__stands_for_its_components_but_not_as_built(void **state)
{
	(void)state;
	say_assessed(RED_TEAM, "passed", SCENE_NOW - 9, SCENE_NOW + 9, "");
	demand("      - {kind: assessment, name: red-team, type: \"" RED_TEAM
	       "\", covers: [model]}\n");
	assert_trusted(s);
	say_built(RELEASE, "b", 0, keys.other);
	demand("      - {kind: provenance, name: build, covers: [binary]}\n");
	assert_refused(s, REASON_STATEMENT_MISSING);
	assert_string_equal(s->verdict->reasons[0].actual, "1, none of binary");
}

static void covers__the_earliest_end_of_what_is_needed__is_the_end(void **state)
{
	(void)state;
	say_built(BINARY, "b", SCENE_NOW - 100, keys.other);
	say_built(BINARY, "b", SCENE_NOW - 10, keys.other);
	say_built(SETTINGS, "b", SCENE_NOW - 50, keys.other);
	demand("      - {kind: provenance, name: build, max_age: 100s, covers: [binary, "
	       "config]}\n");
	assert_trusted(s);
	assert_int_equal(list.expires, SCENE_NOW + 51);
}

/* ---- junk ---- */

static void P3__signed_junk_as_a_statement__refused(void **state)
{
	(void)state;
	assert_ok(dsse_sign(DSSE_INTOTO_TYPE, BYTES_LIT("{}"), keys.other, &envelopes[0], &s->err),
		s->err);
	views[count++] = buf_bytes(&envelopes[0]);
	demand("      - {kind: provenance, name: build}\n");
	assert_unmet(REASON_STATEMENT_MALFORMED, "not readable");
	assert_string_equal(s->verdict->reasons[1].subject, "statement 1");
}

static void P1__statement_of_another_payload_type__refused(void **state)
{
	struct dsse *dsse = NULL;
	struct buf other = {0};

	(void)state;
	say_built(BINARY, "b", 0, keys.other);
	assert_ok(dsse_parse(views[0], &dsse, &s->err), s->err);
	assert_ok(dsse_sign("application/json", buf_bytes(&dsse->payload), keys.other, &other,
			  &s->err),
		s->err);
	views[0] = buf_bytes(&other);
	demand("      - {kind: provenance, name: build}\n");
	assert_unmet(REASON_STATEMENT_MALFORMED, "not readable");
	dsse_free(&dsse);
	buf_release(&other);
}

static void P13__statement_with_a_stack_of_signatures__refused(void **state)
{
	struct buf more = {0};

	(void)state;
	say_built(BINARY, "b", 0, keys.other);
	for (size_t i = 0; i < 8; i++) {
		buf_clear(&more);
		assert_ok(dsse_add_signature(views[0], keys.instance, &more, &s->err), s->err);
		buf_clear(&envelopes[0]);
		buf_put(&envelopes[0], buf_bytes(&more));
		views[0] = buf_bytes(&envelopes[0]);
		if (i == 6) {
			demand("      - {kind: provenance, name: build}\n");
			assert_trusted(s);
		}
	}
	buf_release(&more);
	demand("      - {kind: provenance, name: build}\n");
	assert_unmet(REASON_STATEMENT_MALFORMED, "not readable");
}

static void P13__too_many_statements_or_bytes__undecided(void **state)
{
	static uint8_t large[STATEMENTS_BYTES_MAX + 1];
	struct release_input input = {.envelope = s->context.release,
		.statements = views,
		.statement_count = STATEMENTS_MAX + 1};

	(void)state;
	memset(views, 0, sizeof(views));
	assert_fails(release_appraise(&input, s->policy, SCENE_NOW, s->verdict, &release, &s->err),
		s->err, ERR_LIMIT, "release: 65 statements: more than 64");
	input.statement_count = 1;
	views[0] = BYTES_OF(large);
	assert_fails(release_appraise(&input, s->policy, SCENE_NOW, s->verdict, &release, &s->err),
		s->err, ERR_LIMIT, "release: 1048577 bytes of statements: more than 1048576");
	assert_false(s->verdict->trusted);
}

static void demand__none__statements_are_not_looked_at(void **state)
{
	(void)state;
	views[count++] = BYTES_LIT("junk");
	s->class_lines = "    approvals: []\n    credential_lifetime: 10m\n";
	scene_policy(s);
	s->context.approval_count = 0;
	judge_at(SCENE_NOW);
	assert_trusted(s);
}

static void demand__one_of_two_unmet__refused(void **state)
{
	(void)state;
	say_built(BINARY, "b", 0, keys.other);
	demand("      - {kind: provenance, name: build}\n"
	       "      - {kind: bom, name: bom}\n");
	assert_refused(s, REASON_STATEMENT_MISSING);
	assert_string_equal(s->verdict->reasons[0].subject, "statement bom");
}

/* ---- the checklist of approvals ---- */

static void checklist__approvals__end_when_too_few_persons_are_left(void **state)
{
	(void)state;
	s->class_lines = "    approvals: [ {role: security, count: 1} ]\n"
			 "    credential_lifetime: 10m\n    approval_age_max: 1d\n";
	scene_policy(s);
	scene_approval_set(s, 0, "alice", "security", keys.alice);
	scene_approval_set(s, 1, "bob", "security", keys.bob);
	s->approvals[0].approval.expires = SCENE_NOW + 500;
	scene_approve(s);
	judge_at(SCENE_NOW);
	assert_true(list.met);
	assert_string_equal(list.items[2].demand, "approval by 1 as security");
	assert_string_equal(list.items[2].by, "alice, bob");
	assert_int_equal(list.items[2].expires, SCENE_NOW + 1000);
	s->class_lines = "    approvals: [ {role: security, count: 2} ]\n"
			 "    credential_lifetime: 10m\n    approval_age_max: 1100s\n";
	scene_policy(s);
	for (size_t i = 0; i < 2; i++)
		memcpy(s->approvals[i].approval.clause, s->policy->classes[0].clause, SHA256_LEN);
	s->approvals[0].approval.expires = SCENE_NOW + 5000;
	scene_approve(s);
	judge_at(SCENE_NOW);
	assert_int_equal(list.items[2].expires, SCENE_NOW + 101);
	s->approvals[1].approval.expires = SCENE_NOW + 50;
	scene_approve(s);
	judge_at(SCENE_NOW);
	assert_int_equal(list.items[2].expires, SCENE_NOW + 50);
}

static void checklist__approval_that_does_not_count__puts_off_no_end(void **state)
{
	(void)state;
	s->class_lines = "    approvals: [ {role: security, count: 1} ]\n"
			 "    credential_lifetime: 10m\n";
	scene_policy(s);
	scene_approval_set(s, 0, "alice", "security", keys.alice);
	scene_approval_set(s, 1, "bob", "security", keys.bob);
	s->approvals[1].approval.expires = SCENE_NOW + 9000;
	s->approvals[1].approval.environment = (char *)(uintptr_t) "test";
	scene_approve(s);
	judge_at(SCENE_NOW);
	assert_string_equal(list.items[2].by, "alice");
	assert_int_equal(list.items[2].expires, SCENE_NOW + 1000);
}

static void checklist__approval_lacking__not_met(void **state)
{
	(void)state;
	s->context.approval_count = 0;
	judge_at(SCENE_NOW);
	assert_false(list.met);
	assert_int_equal(list.count, 4);
	assert_true(list.items[0].met);
	assert_string_equal(list.items[0].by, "builder-1");
	assert_string_equal(list.items[3].by, "none");
	assert_int_equal(list.items[3].expires, 0);
}

static void checklist__not_signed_or_class_unknown__not_met(void **state)
{
	struct scene_keys others = keys;

	(void)state;
	others.builder = keys.other;
	s->keys = &others;
	s->release.risk_class = (char *)(uintptr_t) "higher";
	scene_release(s);
	s->keys = &keys;
	judge_at(SCENE_NOW);
	assert_int_equal(list.count, 2);
	assert_false(list.items[0].met);
	assert_false(list.items[1].met);
	assert_string_equal(list.items[1].demand, "risk class higher");
}

static void checklist__release_that_does_not_parse__empty_and_not_met(void **state)
{
	(void)state;
	s->context.release = BYTES_LIT("{}");
	judge_at(SCENE_NOW);
	assert_int_equal(list.count, 0);
	assert_false(list.met);
}

static void gate__answer__says_what_was_judged(void **state)
{
	json_t *answer = NULL;
	const json_t *items;

	(void)state;
	say_built(BINARY, "b", SCENE_NOW - 100, keys.other);
	demand(AGED);
	assert_ok(gate_json(release, "prod", &list, s->verdict, &answer, &s->err), s->err);
	assert_string_equal(json_string_value(json_object_get(answer, "name")), "ocr");
	assert_string_equal(json_string_value(json_object_get(answer, "environment")), "prod");
	assert_string_equal(
		json_string_value(json_object_get(json_object_get(answer, "verdict"), "outcome")),
		"trusted");
	items = json_object_get(json_object_get(answer, "checklist"), "items");
	assert_int_equal(json_array_size(items), 3);
	assert_string_equal(json_string_value(json_object_get(json_array_get(items, 2), "expires")),
		"2027-01-15T08:58:21Z");
	assert_true(json_is_null(json_object_get(json_array_get(items, 0), "expires")));
	json_decref(answer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(demand__met_by_a_trusted_key__trusted_and_named),
		T(demand__nothing_said__refused),
		T(P2__statement_of_another_kind__refused),
		T(demand__signed_by_a_key_not_trusted_for_the_kind__refused),
		T(demand__signed_by_another_key_than_demanded__refused),
		T(demand__each_with_its_own_keys__one_key_meets_its_own_only),
		T(demand__several_faults__the_first_is_said),
		T(demand__signed_by_the_release_key_only__refused),
		T(P15__statement_of_something_else__refused),
		T(P11__digest_of_another_kind_as_subject__refused),
		T(demand__of_a_directory_by_its_manifest__trusted),
		T(demand__of_another_builder__refused),
		T(demand__of_another_type__refused),
		T(demand__failed_or_warned_tests__refused_unless_the_class_allows),
		T(demand__assessment_that_failed__refused),
		T(demand__levels_of_a_summary__each_must_be_there),
		T(demand__summary_that_failed__refused),
		T(demand__bom__trusted),
		T(demand__metrics__within_their_bounds_only),
		T(P8__statement_older_than_the_class_allows__refused_and_foretold),
		T(P8__statement_without_a_time_where_age_counts__refused),
		T(P8__statement_from_the_future__refused),
		T(P8__summary_from_the_future__refused),
		T(P8__assessment__counts_until_it_expires),
		T(P8__assessment_too_old_by_the_class__refused),
		T(covers__a_component_nobody_speaks_of__refused),
		T(covers__a_role_that_no_component_has__refused),
		T(covers__by_a_statement_that_does_not_count__refused),
		T(covers__the_release_as_a_whole__stands_for_its_components_but_not_as_built),
		T(covers__the_earliest_end_of_what_is_needed__is_the_end),
		T(P3__signed_junk_as_a_statement__refused),
		T(P1__statement_of_another_payload_type__refused),
		T(P13__statement_with_a_stack_of_signatures__refused),
		T(P13__too_many_statements_or_bytes__undecided),
		T(demand__none__statements_are_not_looked_at),
		T(demand__one_of_two_unmet__refused),
		T(checklist__approvals__end_when_too_few_persons_are_left),
		T(checklist__approval_that_does_not_count__puts_off_no_end),
		T(checklist__approval_lacking__not_met),
		T(checklist__not_signed_or_class_unknown__not_met),
		T(checklist__release_that_does_not_parse__empty_and_not_met),
		T(gate__answer__says_what_was_judged),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
