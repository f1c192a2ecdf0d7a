/* SPDX-License-Identifier: Apache-2.0 */
/* S12: memory runs out while the signers of policies are kept, and while they are read: all of them, or an error. */
#include "tests/fault/alloc.h"

#include "policy/signature.h"

static struct key *keys[2];
static struct policy_signers signers, read_back;
static struct buf out, wanted;

static int group_setup(void **ignored)
{
	struct err err = {0};

	(void)ignored;
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		struct buf pem = {0};

		assert_ok(key_generate(KEY_ED25519, &keys[i], &err), err);
		assert_ok(key_public_pem(keys[i], &pem, &err), err);
		assert_ok(policy_signers_add(&signers, i ? "bert" : "anna", buf_bytes(&pem), &err),
			err);
		buf_release(&pem);
	}
	assert_ok(policy_signers_demand(&signers, 2, &err), err);
	assert_ok(policy_signers_encode(&signers, &wanted, &err), err);
	return 0;
}

static int group_teardown(void **ignored)
{
	(void)ignored;
	policy_signers_release(&signers);
	key_unref(&keys[0]);
	key_unref(&keys[1]);
	buf_release(&out);
	buf_release(&wanted);
	return 0;
}

static bool run_encode(struct err *err)
{
	buf_clear(&out);
	return policy_signers_encode(&signers, &out, err);
}
static void check_encode(void)
{
	assert_bytes(buf_bytes(&out), buf_bytes(&wanted));
}
static void release_out(void)
{
	buf_release(&out);
}

static void S12__signers_kept__out_of_memory_or_all_of_them(void **ignored)
{
	const struct fault_case c = {run_encode, check_encode, release_out};

	(void)ignored;
	fault_case_run(&c);
}

static bool run_decode(struct err *err)
{
	return policy_signers_decode(buf_bytes(&wanted), &read_back, err);
}
static void check_decode(void)
{
	assert_int_equal(read_back.count, 2);
	assert_int_equal(read_back.threshold, 2);
	assert_true(key_equal(read_back.keys[0], keys[0]));
	assert_true(key_equal(read_back.keys[1], keys[1]));
}
static void release_read(void)
{
	policy_signers_release(&read_back);
}

static void S12__signers_read__out_of_memory_or_all_of_them(void **ignored)
{
	const struct fault_case c = {run_decode, check_decode, release_read};

	(void)ignored;
	fault_case_run(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(S12__signers_kept__out_of_memory_or_all_of_them),
		cmocka_unit_test(S12__signers_read__out_of_memory_or_all_of_them),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
