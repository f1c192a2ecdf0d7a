/* SPDX-License-Identifier: Apache-2.0 */
/* S12: memory runs out while an approval or a withdrawal is written and while the gate's answer is: whole, or an error. */
#include "tests/fault/alloc.h"

#include "policy/checklist.h"
#include "policy/policy.h"
#include "policy/withdrawal.h"

static struct buf out, wanted;
static struct approval approval = {
	.environment = (char *)(uintptr_t) "prod",
	.person = (char *)(uintptr_t) "alice",
	.role = (char *)(uintptr_t) "security",
	.reason = (char *)(uintptr_t) "tested",
	.change_request = (char *)(uintptr_t) "CR-1",
	.issued = 1000,
	.expires = 2000,
};
static struct checklist list = {
	.met = true,
	.count = 2,
	.expires = 5,
	.items = {{.met = true, .demand = "a", .by = "b", .expires = 5}, {.demand = "c"}},
};
static struct release release = {
	.name = (char *)(uintptr_t) "ocr",
	.version = (char *)(uintptr_t) "1",
	.workload = (char *)(uintptr_t) "agent",
	.risk_class = (char *)(uintptr_t) "low",
};
static struct verdict verdict;

static int teardown(void **ignored)
{
	(void)ignored;
	buf_release(&out);
	buf_release(&wanted);
	return 0;
}

static void check_out(void)
{
	assert_bytes(buf_bytes(&out), buf_bytes(&wanted));
}
static void release_out(void)
{
	buf_release(&out);
}

static bool run_approval(struct err *err)
{
	return approval_statement(&approval, &out, err);
}

static void S12__approval_statement__out_of_memory_or_whole(void **ignored)
{
	const struct fault_case c = {run_approval, check_out, release_out};
	struct err err = {0};

	(void)ignored;
	assert_ok(approval_statement(&approval, &wanted, &err), err);
	fault_case_run(&c);
}

static bool run_withdrawal(struct err *err)
{
	const struct withdrawal w = {.reason = (char *)(uintptr_t) "found wrong", .issued = 1000};

	return withdrawal_statement(&w, &out, err);
}

static void S12__withdrawal_statement__out_of_memory_or_whole(void **ignored)
{
	const struct fault_case c = {run_withdrawal, check_out, release_out};
	struct err err = {0};

	(void)ignored;
	assert_ok(run_withdrawal(&err), err);
	wanted = out;
	out = (struct buf){0};
	fault_case_run(&c);
}

static struct withdrawal read_back;

static bool run_parse(struct err *err)
{
	return withdrawal_parse(buf_bytes(&wanted), &read_back, err);
}
static void check_withdrawal(void)
{
	assert_string_equal(read_back.reason, "found wrong");
	assert_int_equal(read_back.issued, 1000);
}
static void release_withdrawal(void)
{
	withdrawal_release(&read_back);
}

static void S12__withdrawal_parse__out_of_memory_or_whole(void **ignored)
{
	const struct fault_case c = {run_parse, check_withdrawal, release_withdrawal};
	struct err err = {0};

	(void)ignored;
	assert_ok(run_withdrawal(&err), err);
	wanted = out;
	out = (struct buf){0};
	fault_case_run(&c);
}

static bool put(json_t *json, struct err *err)
{
	char *text;
	bool armed = fault_alloc.armed;

	if (!json)
		return err_set(err, ERR_NOMEM, "no memory");
	fault_alloc.armed = false;
	text = json_dumps(json, JSON_SORT_KEYS);
	assert_non_null(text);
	buf_put_str(&out, text);
	free(text);
	json_decref(json);
	fault_alloc.armed = armed;
	return true;
}

static bool run_list(struct err *err)
{
	return put(checklist_json(&list), err);
}

static void S12__checklist__out_of_memory_or_whole(void **ignored)
{
	const struct fault_case c = {run_list, check_out, release_out};
	struct err err = {0};

	(void)ignored;
	assert_ok(run_list(&err), err);
	wanted = out;
	out = (struct buf){0};
	fault_case_run(&c);
}

static bool run_gate(struct err *err)
{
	json_t *json = NULL;

	return gate_json(&release, "prod", &list, &verdict, &json, err) && put(json, err);
}

static void S12__gate_answer__out_of_memory_or_whole(void **ignored)
{
	const struct fault_case c = {run_gate, check_out, release_out};
	struct err err = {0};

	(void)ignored;
	assert_ok(run_gate(&err), err);
	wanted = out;
	out = (struct buf){0};
	assert_non_null(strstr(buf_str(&wanted), "\"release\": \"0000"));
	assert_non_null(strstr(buf_str(&wanted), "\"name\": \"ocr\""));
	fault_case_run(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_teardown(name, teardown)
		T(S12__approval_statement__out_of_memory_or_whole),
		T(S12__withdrawal_statement__out_of_memory_or_whole),
		T(S12__withdrawal_parse__out_of_memory_or_whole),
		T(S12__checklist__out_of_memory_or_whole),
		T(S12__gate_answer__out_of_memory_or_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
