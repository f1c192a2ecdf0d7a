/* SPDX-License-Identifier: Apache-2.0 */
/* What statements must speak of, and what beside a release is none. */
#include "statement_scene.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
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
#undef T
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
