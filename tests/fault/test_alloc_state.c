/* SPDX-License-Identifier: Apache-2.0 */
/* S12: memory runs out while a state is written or read. It is whole then, or there is none. */
#include "tests/fault/alloc.h"

#include "policy/policy.h"

static struct policy_state said, read;
static struct buf out, wanted;

static int setup(void **ignored)
{
	struct err err = {0};

	(void)ignored;
	said = (struct policy_state){.established = true, .bank = DIGEST_SHA256, .reset_count = 7};
	assert_ok(ima_state_start(&said.ima, DIGEST_SHA256, DIGEST_SHA1, &err), err);
	assert_ok(policy_state_encode(&said, &wanted, &err), err);
	return 0;
}

static int teardown(void **ignored)
{
	(void)ignored;
	buf_release(&out);
	buf_release(&wanted);
	return 0;
}

static bool run_encode(struct err *err)
{
	return policy_state_encode(&said, &out, err);
}
static void check_encoded(void)
{
	assert_bytes(buf_bytes(&out), buf_bytes(&wanted));
}
static void release_output(void)
{
	buf_release(&out);
}

static void S12__state_encode__out_of_memory_or_whole(void **ignored)
{
	const struct fault_case c = {run_encode, check_encoded, release_output};

	(void)ignored;
	fault_case_run(&c);
}

static bool run_decode(struct err *err)
{
	memset(&read, 0, sizeof(read));
	return policy_state_decode(buf_bytes(&wanted), &read, err) &&
	       policy_state_encode(&read, &out, err);
}

static void S12__state_decode__out_of_memory_or_whole(void **ignored)
{
	const struct fault_case c = {run_decode, check_encoded, release_output};

	(void)ignored;
	fault_case_run(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			S12__state_encode__out_of_memory_or_whole, setup, teardown),
		cmocka_unit_test_setup_teardown(
			S12__state_decode__out_of_memory_or_whole, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
