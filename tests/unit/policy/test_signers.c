/* SPDX-License-Identifier: Apache-2.0 */
/* The signers as records keep them (policy/signers.c): written and read the same, and nothing else taken for it. */
#include "policy/signature.h"

#include "tests/support/unit.h"

#define KEY_A                                                                                      \
	"-----BEGIN PUBLIC "                                                                       \
	"KEY-----\\nMCowBQYDK2VwAyEATrjwCqutnUKh+q/Wien3yJ4TVqMV7O6IU7HI7itSOQs="                  \
	"\\n-----END PUBLIC KEY-----\\n"
#define ONE                                                                                        \
	"{\"keys\":[{\"key\":\"" KEY_A                                                             \
	"\",\"name\":\"anna\"}],\"threshold\":1,\"type\":\"assay/policy-signers/1\"}"

static struct policy_signers signers;
static struct err err;

static int teardown(void **state)
{
	(void)state;
	policy_signers_release(&signers);
	return 0;
}

static void signers__decoded_and_encoded__the_same_bytes(void **state)
{
	struct buf out = {0};

	(void)state;
	assert_ok(policy_signers_decode(BYTES_LIT(ONE), &signers, &err), err);
	assert_int_equal(signers.count, 1);
	assert_int_equal(signers.threshold, 1);
	assert_string_equal(signers.names[0], "anna");
	assert_ok(policy_signers_encode(&signers, &out, &err), err);
	assert_bytes(buf_bytes(&out), BYTES_LIT(ONE));
	buf_release(&out);
}

static void signers__anything_else__refused(void **state)
{
	static const struct {
		const char *text, *why;
		enum err_code code;
	} cases[] = {
		{"", "policy signers: ", ERR_FORMAT},
		{"[]", "policy signers: signers: ", ERR_FORMAT},
		{"{\"keys\":[],\"threshold\":1,\"type\":\"assay/policy-signers/1\"}",
			"policy signers: 1: there are only 0 keys", ERR_CONFIG},
		{"{\"keys\":[],\"threshold\":0,\"type\":\"assay/policy-signers/1\"}",
			"policy signers: signers: threshold", ERR_FORMAT},
		{"{\"keys\":[],\"threshold\":1,\"type\":\"assay/policy-signers/2\"}",
			"policy signers: type: not assay/policy-signers/1", ERR_FORMAT},
		{"{\"keys\":[],\"more\":1,\"threshold\":1,\"type\":\"assay/policy-signers/1\"}",
			"policy signers: signers: more", ERR_FORMAT},
		{"{\"keys\":[{\"key\":\"x\",\"name\":\"anna\"}],\"threshold\":1,\"type\":\"assay/"
		 "policy-signers/1\"}",
			"policy signers: anna: ", ERR_FORMAT},
		{"{\"keys\":[{\"key\":\"" KEY_A "\",\"name\":\"a b\"}],\"threshold\":1,\"type\":"
		 "\"assay/policy-signers/1\"}",
			"policy signers: a b: not a name", ERR_CONFIG},
		{"{\"keys\":[{\"key\":\"" KEY_A "\",\"name\":\"a\",\"more\":1}],\"threshold\":1,"
		 "\"type\":\"assay/policy-signers/1\"}",
			"policy signers: signers: key: more", ERR_FORMAT},
		{"{\"keys\":[{\"key\":\"" KEY_A "\",\"name\":\"a\"},{\"key\":\"" KEY_A
		 "\",\"name\":\"b\"}],\"threshold\":2,\"type\":\"assay/policy-signers/1\"}",
			"policy signers: b: the same key as a", ERR_CONFIG},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		err = (struct err){0};
		if (policy_signers_decode(bytes_str(cases[i].text), &signers, &err))
			fail_msg("accepted: %s", cases[i].text);
		if (err.code != cases[i].code ||
			strncmp(err.text, cases[i].why, strlen(cases[i].why)) != 0)
			fail_msg("%zu: %d %s", i, err.code, err.text);
		assert_int_equal(signers.count, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(signers__decoded_and_encoded__the_same_bytes, teardown),
		cmocka_unit_test_teardown(signers__anything_else__refused, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
