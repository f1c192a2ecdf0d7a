/* SPDX-License-Identifier: Apache-2.0 */
/* S12: memory runs out at every allocation of floors' statements and of rollbacks. Nothing is read, signed or approved then. */
#include "tests/fault/alloc.h"

#include "policy/security_floor.h"
#include "tests/unit/policy/scene.h"

#define TEXT(...) ((char *)(uintptr_t)(__VA_ARGS__))

static struct scene_keys keys;
static struct scene *s;
static struct buf out, statement, envelope;
static struct approval *approval;
static struct release *release;
static struct verdict verdict;
static struct policy_signers signers;
static struct security_floor *floor_read;
static struct security_floor floor_said;
static uint64_t mask;

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
	struct key *const signing[] = {keys.alice, keys.bob};
	(void)ignored;
	s = scene_new(&keys);
	for (size_t i = 0; i < ARRAY_LEN(signing); i++) {
		struct buf pem = {0};
		assert_ok(key_public_pem(signing[i], &pem, &s->err), s->err);
		assert_ok(
			policy_signers_add(&signers, i ? "bert" : "anna", buf_bytes(&pem), &s->err),
			s->err);
		buf_release(&pem);
	}
	assert_ok(policy_signers_demand(&signers, 2, &s->err), s->err);
	floor_said = (struct security_floor){.trust_domain = TEXT("bank.example"),
		.workload = TEXT("ocr-agent"),
		.minimum = TEXT("1.4.1"),
		.reason = TEXT("CVE-2026-1"),
		.sequence = 7,
		.issued = SCENE_NOW};
	for (size_t i = 0; i < SCENE_APPROVALS; i++) {
		s->approvals[i].approval.workload = TEXT("ocr-agent");
		s->approvals[i].approval.from = TEXT("1.5.0");
		s->approvals[i].approval.floor = 3;
		s->approvals[i].approval.change_request = TEXT("CR-1");
	}
	return 0;
}

static int teardown(void **ignored)
{
	(void)ignored;
	buf_release(&out);
	buf_release(&statement);
	buf_release(&envelope);
	policy_signers_release(&signers);
	scene_free(s);
	return 0;
}

static void release_output(void)
{
	buf_release(&out);
}

/* ---- security floors ---- */

static bool run_sign(struct err *err)
{
	return security_floor_sign(&floor_said, keys.alice, &out, err);
}
static void check_envelope(void)
{
	assert_ok(security_floor_open(buf_bytes(&out), &floor_read, &s->err), s->err);
	assert_string_equal(floor_read->minimum, "1.4.1");
	security_floor_free(&floor_read);
}

static void S12__security_floor_sign__out_of_memory_or_whole(void **ignored)
{
	const struct fault_case c = {run_sign, check_envelope, release_output};
	(void)ignored;
	fault_case_run(&c);
}

static bool run_sign_too(struct err *err)
{
	return security_floor_sign_too(buf_bytes(&envelope), keys.bob, &out, err);
}

static void S12__security_floor_sign_too__out_of_memory_or_whole(void **ignored)
{
	const struct fault_case c = {run_sign_too, check_envelope, release_output};
	(void)ignored;
	assert_ok(security_floor_sign(&floor_said, keys.alice, &envelope, &s->err), s->err);
	fault_case_run(&c);
}

static bool run_verify(struct err *err)
{
	return security_floor_verify(buf_bytes(&statement), &signers, &floor_read, &mask, err);
}
static void check_floor(void)
{
	assert_int_equal(mask, 3);
	assert_int_equal(floor_read->sequence, 7);
	assert_string_equal(floor_read->workload, "ocr-agent");
	assert_string_equal(floor_read->trust_domain, "bank.example");
	assert_string_equal(floor_read->minimum, "1.4.1");
	assert_string_equal(floor_read->reason, "CVE-2026-1");
}
static void release_floor(void)
{
	security_floor_free(&floor_read);
}

static void S12__security_floor_verify__out_of_memory_or_signed_by_both(void **ignored)
{
	const struct fault_case c = {run_verify, check_floor, release_floor};
	(void)ignored;
	assert_ok(security_floor_sign(&floor_said, keys.alice, &envelope, &s->err), s->err);
	assert_ok(security_floor_sign_too(buf_bytes(&envelope), keys.bob, &statement, &s->err),
		s->err);
	fault_case_run(&c);
}

/* ---- rollbacks ---- */

static bool run_statement(struct err *err)
{
	return rollback_approval_statement(&s->approvals[0].approval, &out, err);
}
static void check_statement(void)
{
	assert_ok(rollback_approval_parse(buf_bytes(&out), &approval, &s->err), s->err);
	assert_int_equal(approval->floor, 3);
	approval_free(&approval);
}

static void S12__rollback_approval_statement__out_of_memory_or_whole(void **ignored)
{
	const struct fault_case c = {run_statement, check_statement, release_output};
	(void)ignored;
	fault_case_run(&c);
}

static bool run_parse(struct err *err)
{
	return rollback_approval_parse(buf_bytes(&statement), &approval, err);
}
static void check_approval(void)
{
	assert_string_equal(approval->workload, "ocr-agent");
	assert_string_equal(approval->from, "1.5.0");
	assert_string_equal(approval->person, "alice");
	assert_string_equal(approval->reason, "tested");
	assert_string_equal(approval->change_request, "CR-1");
}
static void release_approval(void)
{
	approval_free(&approval);
}

static void S12__rollback_approval_parse__out_of_memory_or_whole(void **ignored)
{
	const struct fault_case c = {run_parse, check_approval, release_approval};
	(void)ignored;
	assert_ok(rollback_approval_statement(&s->approvals[0].approval, &statement, &s->err),
		s->err);
	fault_case_run(&c);
}

static bool run_rollback(struct err *err)
{
	const struct rollback_terms terms = {
		.workload = BYTES_LIT("ocr-agent"), .from = BYTES_LIT("1.5.0"), .floor = 3};
	const struct release_input input = {.envelope = s->context.release,
		.approvals = s->approval_list,
		.approval_count = 2,
		.environment = BYTES_LIT("prod"),
		.rollback = &terms};
	memset(&verdict, 0, sizeof(verdict));
	return release_appraise(&input, s->policy, SCENE_NOW, &verdict, &release, err);
}
static void check_approved(void)
{
	verdict_conclude(&verdict);
	assert_true(verdict.trusted);
	assert_non_null(release);
}
static void release_release(void)
{
	release_free(&release);
}

static void S12__rollback__undecided_or_approved(void **ignored)
{
	const struct fault_case c = {run_rollback, check_approved, release_release};
	(void)ignored;
	for (size_t i = 0; i < 2; i++) {
		struct scene_approval *a = &s->approvals[i];
		buf_clear(&statement);
		buf_clear(&a->envelope);
		assert_ok(rollback_approval_statement(&a->approval, &statement, &s->err), s->err);
		assert_ok(dsse_sign(DSSE_INTOTO_TYPE, buf_bytes(&statement), a->key, &a->envelope,
				  &s->err),
			s->err);
		s->approval_list[i] = buf_bytes(&a->envelope);
	}
	fault_case_run(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(S12__security_floor_sign__out_of_memory_or_whole),
		T(S12__security_floor_sign_too__out_of_memory_or_whole),
		T(S12__security_floor_verify__out_of_memory_or_signed_by_both),
		T(S12__rollback_approval_statement__out_of_memory_or_whole),
		T(S12__rollback_approval_parse__out_of_memory_or_whole),
		T(S12__rollback__undecided_or_approved),
#undef T
	};
	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
