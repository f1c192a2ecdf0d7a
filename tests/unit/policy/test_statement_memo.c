/* SPDX-License-Identifier: Apache-2.0 */
/* Statements read once a policy: the same answer as reading, for the same bytes alone. */
#include "policy/statement_memo.h"

#include "scene.h"

static struct scene_keys keys;
static struct scene *s;
static struct dsse *dsse[2];
static struct release *releases[2];
static struct approval *approvals[2];
static struct err err;

static int setup(void **state)
{
	(void)state;
	scene_keys_make(&keys);
	s = scene_new(&keys);
	scene_policy(s);
	scene_approve(s);
	return 0;
}

static void drop(void)
{
	for (size_t i = 0; i < 2; i++) {
		dsse_free(&dsse[i]);
		release_free(&releases[i]);
		approval_free(&approvals[i]);
	}
}

static int teardown(void **state)
{
	(void)state;
	drop();
	scene_free(s);
	scene_keys_free(&keys);
	return 0;
}

static void release_of_envelope__again__the_same_release(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2; i++)
		assert_ok(release_of_envelope(
				  s->policy, s->context.release, &dsse[i], &releases[i], &err),
			err);
	assert_ptr_equal(releases[0], releases[1]);
	assert_ptr_equal(dsse[0], dsse[1]);
	/* One holder gone, the other's is whole. */
	release_free(&releases[0]);
	dsse_free(&dsse[0]);
	assert_string_equal(releases[1]->risk_class, "low");
	assert_int_equal(dsse[1]->count, 1);
}

static void release_of_envelope__one_byte_other__read_anew(void **state)
{
	OWNED(buf_release) struct buf other = {0};
	(void)state;
	assert_ok(release_of_envelope(s->policy, s->context.release, &dsse[0], &releases[0], &err),
		err);
	buf_put(&other, s->context.release);
	buf_put_str(&other, "\n");
	assert_ok(release_of_envelope(s->policy, buf_bytes(&other), &dsse[1], &releases[1], &err),
		err);
	assert_ptr_not_equal(releases[0], releases[1]);
	assert_memory_equal(releases[0]->digest, releases[1]->digest, SHA256_LEN);
}

/* What is no release stays none, however often it is asked. */
static void statement_of_envelope__of_another_kind__refused_each_time(void **state)
{
	(void)state;
	struct bytes approval = s->context.approvals[0];
	assert_ok(approval_of_envelope(s->policy, approval, false, &dsse[0], &approvals[0], &err),
		err);
	for (int i = 0; i < 2; i++) {
		assert_false(
			release_of_envelope(s->policy, approval, &dsse[1], &releases[1], &err));
		assert_int_equal(err.code, ERR_FORMAT);
		assert_false(approval_of_envelope(
			s->policy, approval, true, &dsse[1], &approvals[1], &err));
		assert_int_equal(err.code, ERR_FORMAT);
	}
	assert_null(dsse[1]);
	assert_ok(approval_of_envelope(s->policy, approval, false, &dsse[1], &approvals[1], &err),
		err);
	assert_ptr_equal(approvals[0], approvals[1]);
}

static void release_of_envelope__large__not_kept(void **state)
{
	OWNED(buf_release) struct buf large = {0};
	uint8_t *spaces;
	(void)state;
	buf_put(&large, s->context.release);
	spaces = buf_extend(&large, STATEMENT_MEMO_BYTES);
	assert_non_null(spaces);
	memset(spaces, ' ', STATEMENT_MEMO_BYTES);
	for (size_t i = 0; i < 2; i++)
		assert_ok(release_of_envelope(
				  s->policy, buf_bytes(&large), &dsse[i], &releases[i], &err),
			err);
	assert_ptr_not_equal(releases[0], releases[1]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(release_of_envelope__again__the_same_release),
		TEST(release_of_envelope__one_byte_other__read_anew),
		TEST(statement_of_envelope__of_another_kind__refused_each_time),
		TEST(release_of_envelope__large__not_kept),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
