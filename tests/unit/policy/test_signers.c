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

/* A text with one more of what it may have no more of. */
static void signers__over_a_limit__refused_in_words(void **state)
{
	char name[66], type[66], key[4098];
	struct buf many = {0}, text = {0};

	(void)state;
	memset(name, 'a', 65);
	memset(type, 'a', 65);
	memset(key, 'a', 4097);
	name[65] = type[65] = key[4097] = '\0';
	for (size_t i = 0; i <= POLICY_SIGNERS_MAX; i++)
		buf_put_str(&many, i ? ",{}" : "{}");
	const struct {
		const char *keys, *name, *key, *threshold, *type, *why;
	} cases[] = {
		{NULL, name, KEY_A, "1", "assay/policy-signers/1", "signers: key: name: too long"},
		{NULL, "a", key, "1", "assay/policy-signers/1", "signers: key: key: too long"},
		{NULL, "a", KEY_A, "33", "assay/policy-signers/1",
			"signers: threshold: out of range"},
		{NULL, "a", KEY_A, "1", type, "signers: type: too long"},
		{buf_str(&many), "", "", "1", "assay/policy-signers/1",
			"signers: keys: too many items"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char wanted[128];

		buf_clear(&text);
		buf_put_str(&text, "{\"keys\":[");
		if (cases[i].keys)
			buf_put_str(&text, cases[i].keys);
		else
			buf_printf(&text, "{\"key\":\"%s\",\"name\":\"%s\"}", cases[i].key,
				cases[i].name);
		buf_printf(&text, "],\"threshold\":%s,\"type\":\"%s\"}", cases[i].threshold,
			cases[i].type);
		snprintf(wanted, sizeof(wanted), "policy signers: %s", cases[i].why);
		assert_fails(policy_signers_decode(buf_bytes(&text), &signers, &err), err,
			ERR_FORMAT, wanted);
	}
	buf_release(&many);
	buf_release(&text);
}

static void signers__text_as_long_as_may_be__read(void **state)
{
	struct buf text = {0};

	(void)state;
	buf_put_str(&text, ONE);
	while (text.len < POLICY_SIGNERS_TEXT_MAX)
		buf_put_str(&text, " ");
	assert_ok(policy_signers_decode(buf_bytes(&text), &signers, &err), err);
	policy_signers_release(&signers);
	buf_put_str(&text, " ");
	assert_fails(policy_signers_decode(buf_bytes(&text), &signers, &err), err, ERR_LIMIT,
		"policy signers: JSON: 262145 bytes, more than 262144");
	buf_release(&text);
}

/* One of them that cannot be written, and the others are not kept without it. */
static void signers__name_that_is_not_utf8__none_written(void **state)
{
	struct policy_signers two = {.count = 2, .threshold = 1};
	struct buf out = {0};

	(void)state;
	assert_ok(policy_signers_decode(BYTES_LIT(ONE), &signers, &err), err);
	two.keys[0] = two.keys[1] = signers.keys[0];
	for (size_t bad = 0; bad < 2; bad++) {
		two.names[bad] = (char *)(uintptr_t) "\xff";
		two.names[1 - bad] = (char *)(uintptr_t) "bert";
		assert_fails(policy_signers_encode(&two, &out, &err), err, ERR_NOMEM, "no memory");
		assert_int_equal(out.len, 0);
	}
	buf_release(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(signers__decoded_and_encoded__the_same_bytes, teardown),
		cmocka_unit_test_teardown(signers__anything_else__refused, teardown),
		cmocka_unit_test_teardown(signers__over_a_limit__refused_in_words, teardown),
		cmocka_unit_test_teardown(signers__text_as_long_as_may_be__read, teardown),
		cmocka_unit_test_teardown(signers__name_that_is_not_utf8__none_written, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
