/* SPDX-License-Identifier: Apache-2.0 */
/* What a mutation run found unwatched in the judgement of statements (tests/mutation). */
#include "statement_scene.h"

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
