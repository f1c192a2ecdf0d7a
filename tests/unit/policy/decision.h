/* SPDX-License-Identifier: Apache-2.0 */
/* What the test_decision_* programs share: a scene for each test, what its verdict says, and one check run by itself. */
#ifndef ASSAY_TESTS_UNIT_POLICY_DECISION_H
#define ASSAY_TESTS_UNIT_POLICY_DECISION_H

#include "policy/appraisal.h"
#include "scene.h"

static struct scene_keys keys;
static struct scene *s;

static inline int group_setup(void **state)
{
	(void)state;
	scene_keys_make(&keys);
	return 0;
}

static inline int group_teardown(void **state)
{
	(void)state;
	scene_keys_free(&keys);
	return 0;
}

static inline int setup(void **state)
{
	(void)state;
	s = scene_new(&keys);
	return 0;
}

static inline int teardown(void **state)
{
	(void)state;
	scene_free(s);
	return 0;
}

/* Whether a line of those checked, or not checked, begins so. */
static inline bool says(const struct verdict *v, const char *head)
{
	for (size_t i = 0; i < v->checked_count; i++)
		if (strncmp(v->checked[i], head, strlen(head)) == 0)
			return true;
	for (size_t i = 0; i < v->not_checked_count; i++)
		if (strncmp(v->not_checked[i], head, strlen(head)) == 0)
			return true;
	return false;
}

static inline const struct reason *reason_of(enum reason_code code)
{
	for (size_t i = 0; i < s->verdict->reason_count; i++)
		if (s->verdict->reasons[i].code == code)
			return &s->verdict->reasons[i];
	fail_msg("no %s", reason_code_name(code));
	return NULL;
}

/* The first reason of this code: what was wanted, and what there was. */
static inline void assert_reason(enum reason_code code, const char *expected, const char *actual)
{
	const struct reason *r = reason_of(code);

	assert_string_equal(r->expected, expected);
	assert_string_equal(r->actual, actual);
}

/* The scene's evidence, parsed and not judged yet: for a check by itself. */
static inline struct appraisal *parsed(void)
{
	struct appraisal *a;
	bool ok = false;

	scene_attest(s);
	memset(s->verdict, 0, sizeof(*s->verdict));
	a = appraisal_new(&s->context, &s->state_in, s->verdict, &s->err);
	assert_non_null(a);
	assert_ok(appraisal_parse(a, buf_bytes(&s->evidence), &ok, &s->err), s->err);
	assert_true(ok);
	return a;
}

/* The policy with other lines; approvals bind its new clause. */
static inline void policy_of(const char *class_lines, const char *top_lines)
{
	s->class_lines = class_lines;
	s->top_lines = top_lines;
	scene_policy(s);
	for (size_t i = 0; i < SCENE_APPROVALS; i++)
		memcpy(s->approvals[i].approval.clause, s->policy->classes[0].clause, SHA256_LEN);
	scene_approve(s);
}

#endif
