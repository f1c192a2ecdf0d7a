/* SPDX-License-Identifier: Apache-2.0 */
/* What a mutation run found unwatched in the judgement of statements (tests/mutation). */
#include "policy/checklist.h"

#include "base/time.h"
#include "scene.h"

#define CLASS_PLAIN "    approvals: []\n    credential_lifetime: 10m\n    statements:\n"
#define PROVENANCE  "https://slsa.dev/provenance/v1"
#define TEST_RESULT "https://in-toto.io/attestation/test-result/v0.1"
#define VSA         "https://slsa.dev/verification_summary/v1"
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

static void say_verified(const char *levels)
{
	char text[512];

	snprintf(text, sizeof(text),
		"{\"verifier\":{\"id\":\"v\"},\"timeVerified\":\"2027-01-15T07:00:00Z\","
		"\"resourceUri\":\"r\",\"policy\":{\"uri\":\"p\",\"digest\":{\"sha256\":\"%064d\"}}"
		","
		"\"verificationResult\":\"PASSED\",\"verifiedLevels\":[%s]}",
		7, levels);
	say(BINARY, VSA, text, keys.instance);
}

static void P11__statement_of_one_component__covers_no_other(void **state)
{
	(void)state;
	say_tested("PASSED", keys.other);
	demand("      - {kind: test-result, name: tests, covers: [config]}\n");
	assert_refused(s, REASON_STATEMENT_MISSING);
	assert_string_equal(s->verdict->reasons[0].expected, "test-result of config");
	assert_string_equal(s->verdict->reasons[0].actual, "1, none of settings");
	assert_string_equal(list.items[2].by, "1, none of settings");
	demand("      - {kind: test-result, name: tests, covers: [config, model]}\n");
	assert_string_equal(s->verdict->reasons[0].expected, "test-result of config, model");
	assert_string_equal(s->verdict->reasons[0].actual, "1, none of settings");
	demand("      - {kind: test-result, name: tests, covers: [dataset, config]}\n");
	assert_string_equal(s->verdict->reasons[0].actual, "1, none of dataset");
	demand("      - {kind: test-result, name: tests, covers: [model, dataset]}\n");
	assert_string_equal(s->verdict->reasons[0].actual, "1, none of model");
}

static void P1__statement_of_an_in_toto_type_of_its_own__read(void **state)
{
	struct buf text = {0};
	char hex[2 * SHA256_LEN + 1];

	(void)state;
	subject_hex(BINARY, hex);
	buf_printf(&text,
		"{\"_type\":\"https://in-toto.io/Statement/v1\",\"subject\":[{\"name\":\"x\","
		"\"digest\":{\"sha256\":\"%s\"}}],\"predicateType\":\"%s\",\"predicate\":"
		"{\"result\":\"PASSED\",\"configuration\":[]}}",
		hex, TEST_RESULT);
	assert_ok(dsse_sign("application/vnd.in-toto.test-result+json", buf_bytes(&text),
			  keys.other, &envelopes[0], &s->err),
		s->err);
	buf_release(&text);
	views[0] = buf_bytes(&envelopes[0]);
	count = 1;
	demand("      - {kind: test-result, name: tests}\n");
	assert_trusted(s);
}

static void provenance__several_builders_accepted__none_named_alone(void **state)
{
	(void)state;
	say_built(BINARY, "https://laptop.example", 0, keys.other);
	demand("      - {kind: provenance, name: build, builder: [\"https://a\", "
	       "\"https://b\"]}\n");
	assert_unmet(REASON_STATEMENT_CONTENT, "builder https://laptop.example");
	assert_string_equal(s->verdict->reasons[1].expected, "a builder that is demanded");
	demand("      - {kind: provenance, name: build, builder: [\"https://a\", "
	       "\"https://laptop.example\"]}\n");
	assert_trusted(s);
}

static void levels__each_is_demanded__the_first_too(void **state)
{
	(void)state;
	say_verified("\"SLSA_BUILD_LEVEL_3\"");
	demand("      - {kind: vsa, name: v, levels: [SLSA_SOURCE_LEVEL_2, SLSA_BUILD_LEVEL_3]}\n");
	assert_unmet(REASON_STATEMENT_CONTENT, "this level was not verified");
	assert_string_equal(s->verdict->reasons[1].expected, "SLSA_SOURCE_LEVEL_2");
	demand("      - {kind: vsa, name: v, levels: [SLSA_BUILD_LEVEL_3, SLSA_SOURCE_LEVEL_2]}\n");
	assert_string_equal(s->verdict->reasons[1].expected, "SLSA_SOURCE_LEVEL_2");
}

static void metrics__expected__says_the_bounds_it_has(void **state)
{
	static const struct {
		const char *bounds, *expected;
	} cases[] = {
		{"min: 0.9", "accuracy at least 0.9"},
		{"max: 0.1", "accuracy at most 0.1"},
		{"min: 0.6, max: 0.9", "accuracy at least 0.6 at most 0.9"},
	};

	(void)state;
	say_assessed(EVALUATION, "passed", SCENE_NOW - 9, SCENE_NOW + 9, "\"accuracy\":0.5");
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char lines[256];

		snprintf(lines, sizeof(lines),
			"      - {kind: assessment, name: e, type: \"" EVALUATION
			"\", metrics: [ {name: accuracy, %s} ]}\n",
			cases[i].bounds);
		demand(lines);
		assert_unmet(REASON_STATEMENT_CONTENT, "0.5");
		assert_string_equal(s->verdict->reasons[1].expected, cases[i].expected);
	}
	demand("      - {kind: assessment, name: e, type: \"" EVALUATION
	       "\", metrics: [ {name: accuracy, min: 0.5, max: 0.5} ]}\n");
	assert_trusted(s);
}

static void age__of_a_kind_that_says_no_time__refused(void **state)
{
	(void)state;
	say_built(BINARY, "b", 0, keys.other);
	demand("      - {kind: provenance, name: t, max_age: 1s}\n");
	assert_unmet(REASON_STATEMENT_EXPIRED, "does not say when");
}

static void age__of_one_second__ends_with_it(void **state)
{
	(void)state;
	say_built(BINARY, "b", SCENE_NOW, keys.other);
	demand("      - {kind: provenance, name: build, max_age: 1s}\n");
	assert_trusted(s);
	assert_int_equal(list.items[2].expires, SCENE_NOW + 2);
	judge_at(SCENE_NOW + 1);
	assert_trusted(s);
	judge_at(SCENE_NOW + 2);
	assert_unmet(REASON_STATEMENT_EXPIRED, "made at 2027-01-15T08:00:00Z");
}

static void cover__two_statements__end_with_the_later_one(void **state)
{
	(void)state;
	say_assessed(EVALUATION, "passed", SCENE_NOW - 9, SCENE_NOW + 90, "");
	say_assessed(EVALUATION, "passed", SCENE_NOW - 9, SCENE_NOW + 30, "");
	demand("      - {kind: assessment, name: e, type: \"" EVALUATION "\", covers: [binary]}\n");
	assert_int_equal(list.items[2].expires, SCENE_NOW + 90);
	demand("      - {kind: assessment, name: e, type: \"" EVALUATION "\"}\n");
	assert_int_equal(list.items[2].expires, SCENE_NOW + 90);
}

static void cover__two_components__end_with_the_earlier_one(void **state)
{
	(void)state;
	s->components[MODEL].kind = COMPONENT_SHA256;
	scene_release(s);
	say_built(BINARY, "b", SCENE_NOW - 50, keys.other);
	say_built(MODEL, "b", SCENE_NOW - 10, keys.other);
	demand("      - {kind: provenance, name: build, max_age: 60s, covers: [binary, model]}\n");
	assert_trusted(s);
	assert_int_equal(list.items[2].expires, SCENE_NOW + 11);
	assert_string_equal(list.items[2].by, "2 signed by ci");
}

static void statement_check__of_neither_release_nor_component__refused(void **state)
{
	struct release read = s->release;

	(void)state;
	memcpy(read.digest, s->release_digest, SHA256_LEN);
	s->top_lines = buf_str(&top);
	scene_policy(s);
	say(ELSEWHERE, TEST_RESULT, "{\"result\":\"PASSED\",\"configuration\":[]}", keys.other);
	assert_fails(release_statement_check(&read, views[0], s->policy, s->context.now, &s->err),
		s->err, ERR_MISMATCH,
		"statement-other: speaks neither of this release nor of a component");
	say_tested("PASSED", keys.alice);
	assert_fails(release_statement_check(&read, views[1], s->policy, s->context.now, &s->err),
		s->err, ERR_DENIED,
		"statement-signature: not signed by a key that the policy trusts for kind "
		"test-result");
	say(RELEASE, TEST_RESULT, "{\"result\":\"PASSED\",\"configuration\":[]}", keys.instance);
	assert_ok(release_statement_check(&read, views[2], s->policy, s->context.now, &s->err),
		s->err);
	say(SETTINGS, TEST_RESULT, "{\"result\":\"PASSED\",\"configuration\":[]}", keys.other);
	assert_ok(release_statement_check(&read, views[3], s->policy, s->context.now, &s->err),
		s->err);
}

static void statement_check__signed_by_a_key_for_other_kinds__refused(void **state)
{
	struct release read = s->release;
	struct buf many = {0};

	(void)state;
	memcpy(read.digest, s->release_digest, SHA256_LEN);
	say_built(BINARY, "b", 0, keys.instance); /* lab: no builder */
	assert_fails(release_statement_check(&read, views[0], s->policy, s->context.now, &s->err),
		s->err, ERR_DENIED,
		"statement-signature: not signed by a key that the policy trusts for kind "
		"provenance"); /* the policy names no statement key at all */
	s->top_lines = buf_str(&top);
	scene_policy(s);
	assert_fails(release_statement_check(&read, views[0], s->policy, s->context.now, &s->err),
		s->err, ERR_DENIED,
		"statement-signature: not signed by a key that the policy trusts for kind "
		"provenance");
	for (int i = 0; i < 8; i++) {
		buf_clear(&many);
		assert_ok(dsse_add_signature(buf_bytes(&envelopes[0]), keys.other, &many, &s->err),
			s->err);
		buf_clear(&envelopes[0]);
		buf_put(&envelopes[0], buf_bytes(&many));
		if (i < 7)
			assert_ok(release_statement_check(&read, buf_bytes(&envelopes[0]),
					  s->policy, s->context.now, &s->err),
				s->err);
	}
	assert_fails(release_statement_check(
			     &read, buf_bytes(&envelopes[0]), s->policy, s->context.now, &s->err),
		s->err, ERR_LIMIT, "statement: 9 signatures: more than 8");
	buf_release(&many);
}

static void demand__two_signers__both_named(void **state)
{
	(void)state;
	say_tested("PASSED", keys.other);
	say_tested("PASSED", keys.instance);
	say_tested("PASSED", keys.alice);
	demand("      - {kind: test-result, name: tests}\n");
	assert_trusted(s);
	assert_string_equal(list.items[2].by, "2 signed by ci, lab");
	demand("      - {kind: test-result, name: tests, covers: [config]}\n");
	assert_string_equal(s->verdict->reasons[1].subject, "statement 3 for tests");
}

/* What cannot be read is said where something lacks, and not beside a class that asks for nothing. */
static void statements__unreadable__said_where_one_lacks(void **state)
{
	(void)state;
	views[count++] = BYTES_LIT("junk");
	demand("      - {kind: test-result, name: tests}\n");
	assert_true(verdict_has(s->verdict, REASON_STATEMENT_MALFORMED));
	say_tested("PASSED", keys.other);
	demand("      - {kind: test-result, name: tests}\n");
	assert_trusted(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(P11__statement_of_one_component__covers_no_other),
		T(P1__statement_of_an_in_toto_type_of_its_own__read),
		T(provenance__several_builders_accepted__none_named_alone),
		T(levels__each_is_demanded__the_first_too),
		T(metrics__expected__says_the_bounds_it_has),
		T(age__of_a_kind_that_says_no_time__refused),
		T(age__of_one_second__ends_with_it),
		T(cover__two_statements__end_with_the_later_one),
		T(cover__two_components__end_with_the_earlier_one),
		T(statement_check__signed_by_a_key_for_other_kinds__refused),
		T(demand__two_signers__both_named),
		T(statements__unreadable__said_where_one_lacks),
		T(statement_check__of_neither_release_nor_component__refused),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
