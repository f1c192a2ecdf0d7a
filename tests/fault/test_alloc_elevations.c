/* SPDX-License-Identifier: Apache-2.0 */
/* S12: memory runs out at every allocation of elevations: read, written, judged. Nothing is granted then. */
#include "tests/fault/alloc.h"

#include "evidence/issued.h"
#include "policy/words.h"
#include "tests/unit/policy/elevation_scene.h"

static struct scene_keys keys;
static struct scene *s;
static struct lending l;
static struct buf out, text;
static struct elevation_request *request;
static struct elevation_approval *approval;
static struct elevation_set set;
static struct elevation_judgement judgement;
static struct policy *policy;
static json_t *lines;

static int group_setup(void **ignored)
{
	(void)ignored;
	scene_keys_make(&keys);
	return 0;
}

static int group_teardown(void **ignored)
{
	(void)ignored;
	scene_keys_free(&keys);
	return 0;
}

static int setup(void **ignored)
{
	(void)ignored;
	s = scene_new(&keys);
	lending_begin(&l, s);
	lending_sign(&l);
	lending_give(&l);
	return 0;
}

static int teardown(void **ignored)
{
	(void)ignored;
	buf_release(&out);
	buf_release(&text);
	lending_end(&l);
	scene_free(s);
	return 0;
}

static void release_output(void)
{
	buf_release(&out);
}

/* ---- requests ---- */

static bool run_request_write(struct err *err)
{
	return elevation_request_write(&l.request, &out, err);
}
static void release_request(void)
{
	elevation_request_free(&request);
}
static void check_request(void)
{
	assert_string_equal(request->right, "delete");
	assert_string_equal(request->person, "carol");
	assert_memory_equal(request->digest, l.e.request->digest, SHA256_LEN);
}
static void check_written(void)
{
	assert_ok(elevation_request_parse(buf_bytes(&out), &request, &s->err), s->err);
	check_request();
	release_request();
}

static void S12__elevation_request_write__out_of_memory_or_whole(void **ignored)
{
	const struct fault_case c = {run_request_write, check_written, release_output};
	(void)ignored;
	fault_case_run(&c);
}

static bool run_request_parse(struct err *err)
{
	return elevation_request_parse(buf_bytes(&text), &request, err);
}

static void S12__elevation_request_parse__out_of_memory_or_whole(void **ignored)
{
	const struct fault_case c = {run_request_parse, check_request, release_request};
	(void)ignored;
	assert_ok(elevation_request_write(&l.request, &text, &s->err), s->err);
	fault_case_run(&c);
}

/* ---- words ---- */

static bool run_statement(struct err *err)
{
	return elevation_approval_statement(&l.approvals[0], &out, err);
}
static void release_approval(void)
{
	elevation_approval_free(&approval);
}
static void check_approval(void)
{
	assert_string_equal(approval->person, "alice");
	assert_string_equal(approval->role, "security");
	assert_false(approval->denied);
}
static void check_statement(void)
{
	assert_ok(elevation_approval_parse(buf_bytes(&out), &approval, &s->err), s->err);
	check_approval();
	release_approval();
}

static void S12__elevation_approval_statement__out_of_memory_or_whole(void **ignored)
{
	const struct fault_case c = {run_statement, check_statement, release_output};
	(void)ignored;
	fault_case_run(&c);
}

static bool run_approval_parse(struct err *err)
{
	return elevation_approval_parse(buf_bytes(&text), &approval, err);
}

static void S12__elevation_approval_parse__out_of_memory_or_whole(void **ignored)
{
	const struct fault_case c = {run_approval_parse, check_approval, release_approval};
	(void)ignored;
	assert_ok(elevation_approval_statement(&l.approvals[0], &text, &s->err), s->err);
	fault_case_run(&c);
}

/* ---- all together ---- */

static bool run_set_write(struct err *err)
{
	const struct elevation_set whole = {.count = 1, .list = {l.e}};
	return elevation_set_write(&whole, &out, err);
}
static void check_same_set(void)
{
	assert_bytes(buf_bytes(&out), buf_bytes(&l.set));
}

static void S12__elevation_set_write__out_of_memory_or_whole(void **ignored)
{
	const struct fault_case c = {run_set_write, check_same_set, release_output};
	(void)ignored;
	fault_case_run(&c);
}

static bool run_set_parse(struct err *err)
{
	return elevation_set_parse(buf_bytes(&l.set), &set, err);
}
static void check_set(void)
{
	assert_int_equal(set.count, 1);
	assert_int_equal(set.list[0].approval_count, 2);
}
static void release_set(void)
{
	elevation_set_release(&set);
}

static void S12__elevation_set_parse__out_of_memory_or_whole(void **ignored)
{
	const struct fault_case c = {run_set_parse, check_set, release_set};
	(void)ignored;
	fault_case_run(&c);
}

static bool run_judge(struct err *err)
{
	return elevation_judge(
		s->policy, &s->policy->classes[0], &l.e, LENT_BEGAN, SCENE_NOW, &judgement, err);
}
static void check_judgement(void)
{
	assert_true(judgement.holds);
	assert_int_equal(judgement.until, LENT_BEGAN + 600);
}
static void S12__elevation_judge__undecided_or_holds(void **ignored)
{
	const struct fault_case c = {run_judge, check_judgement, NULL};
	(void)ignored;
	fault_case_run(&c);
}

static bool run_appraise(struct err *err)
{
	return policy_appraise(buf_bytes(&s->evidence), &s->context, &s->state_in, s->verdict,
		       &s->state_out, err) &&
	       verdict_json(s->verdict, &out, err);
}
static void check_granted(void)
{
	assert_trusted(s);
	assert_int_equal(s->verdict->elevation_count, 1);
}

static void S12__appraisal_with_elevations__undecided_or_granted(void **ignored)
{
	const struct fault_case c = {run_appraise, check_granted, release_output};
	(void)ignored;
	scene_attest(s);
	fault_case_run(&c);
}

/* ---- policy and certificates ---- */

static bool run_policy(struct err *err)
{
	return policy_parse(buf_bytes(&s->policy_text), "policy.yaml", &policy, err);
}
static void check_policy(void)
{
	assert_int_equal(policy->classes[0].elevation_count, 1);
	assert_memory_equal(policy->classes[0].elevations[0].clause, l.request.clause, SHA256_LEN);
}
static void release_policy(void)
{
	policy_free(&policy);
}

static void S12__policy_that_lends__out_of_memory_or_whole(void **ignored)
{
	const struct fault_case c = {run_policy, check_policy, release_policy};
	(void)ignored;
	fault_case_run(&c);
}

static bool run_explain(struct err *err)
{
	return policy_class_explain(s->policy, &s->policy->classes[0], &lines, err);
}
static void check_lines(void)
{
	assert_true(json_array_size(lines) > 5);
}
static void release_lines(void)
{
	json_decref(lines);
	lines = NULL;
}

static void S12__explanation_of_what_is_lent__out_of_memory_or_whole(void **ignored)
{
	const struct fault_case c = {run_explain, check_lines, release_lines};
	(void)ignored;
	fault_case_run(&c);
}

static bool run_extension(struct err *err)
{
	const struct issued_elevation one = {.right = BYTES_LIT("delete"),
		.entitlement = BYTES_LIT("tickets.delete"),
		.until = SCENE_NOW};
	return issued_elevations_encode(&one, 1, &out, err);
}
static void check_extension(void)
{
	struct issued_elevation found[ISSUED_ELEVATIONS_MAX];
	size_t count = 0;
	assert_ok(issued_elevations_decode(buf_bytes(&out), found, &count, &s->err), s->err);
	assert_int_equal(found[0].until, SCENE_NOW);
}

static void S12__extension__out_of_memory_or_whole(void **ignored)
{
	const struct fault_case c = {run_extension, check_extension, release_output};
	(void)ignored;
	fault_case_run(&c);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(S12__elevation_request_write__out_of_memory_or_whole),
		T(S12__elevation_request_parse__out_of_memory_or_whole),
		T(S12__elevation_approval_statement__out_of_memory_or_whole),
		T(S12__elevation_approval_parse__out_of_memory_or_whole),
		T(S12__elevation_set_write__out_of_memory_or_whole),
		T(S12__elevation_set_parse__out_of_memory_or_whole),
		T(S12__elevation_judge__undecided_or_holds),
		T(S12__appraisal_with_elevations__undecided_or_granted),
		T(S12__policy_that_lends__out_of_memory_or_whole),
		T(S12__explanation_of_what_is_lent__out_of_memory_or_whole),
		T(S12__extension__out_of_memory_or_whole),
	};
	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
