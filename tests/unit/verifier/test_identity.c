/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier/identity.h"

#include "tests/support/unit.h"

#define HOST     "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define INSTANCE "00112233445566778899aabbccddeeff"

static struct err err;

static void identity__known_forms__parsed(void **state)
{
	(void)state;
	struct identity who;
	assert_ok(identity_parse(
			  "spiffe://bank.example/operator/admin/olga", "bank.example", &who, &err),
		err);
	assert_int_equal(who.kind, IDENTITY_OPERATOR);
	assert_int_equal(who.role, ROLE_ADMIN);
	assert_string_equal(who.name, "olga");
	assert_ok(identity_parse("spiffe://bank.example/host/" HOST, "bank.example", &who, &err),
		err);
	assert_int_equal(who.kind, IDENTITY_HOST);
	assert_int_equal(who.role, ROLE_HOST);
	assert_int_equal(who.host[0], 0x01);
	assert_ok(identity_parse("spiffe://bank.example/workload/ocr-agent/" INSTANCE,
			  "bank.example", &who, &err),
		err);
	assert_int_equal(who.kind, IDENTITY_WORKLOAD);
	assert_int_equal(who.role, ROLE_WORKLOAD);
	assert_string_equal(who.name, "ocr-agent");
	assert_int_equal(who.instance[15], 0xff);
}

static void identity__anything_else__refused(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"",
		"spiffe://",
		"spiffe://bank.example",
		"spiffe://bank.example/",
		"spiffe://bank.example/operator",
		"spiffe://bank.example/operator/admin",
		"spiffe://bank.example/operator/admin/",
		"spiffe://bank.example/operator/admin/olga/x",
		"spiffe://bank.example/operator/root/olga",
		"spiffe://bank.example/operator/Admin/olga",
		"spiffe://bank.example/operator/admin/Olga",
		"spiffe://bank.example/operator/admin/../olga",
		"spiffe://bank.example//operator/admin/olga",
		"spiffe://bank.example.evil/operator/admin/olga",
		"spiffe://bank.exampl/operator/admin/olga",
		"spiffe://bank.examplex/operator/admin/olga",
		"https://bank.example/operator/admin/olga",
		"SPIFFE://bank.example/operator/admin/olga",
		"spiffe://bank.example/host/" HOST "00",
		"spiffe://bank.example/host/"
		"0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef",
		"spiffe://bank.example/host/" HOST "/x",
		"spiffe://bank.example/workload/ocr-agent",
		"spiffe://bank.example/workload/ocr-agent/" INSTANCE "0",
		"spiffe://bank.example/workload//" INSTANCE,
		"spiffe://bank.example/verifier",
		"spiffe://bank.example/operator/admin/o?x",
		"spiffe://bank.example@x/host/" HOST,
	};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct identity who = {.role = 99};
		if (identity_parse(bad[i], "bank.example", &who, &err))
			fail_msg("%s was accepted", bad[i]);
		assert_int_equal(err.code, ERR_DENIED);
		assert_int_equal(who.role, 99);
	}
}

static void identity__written__reads_back(void **state)
{
	(void)state;
	char uri[X509_URI_MAX];
	struct identity who;
	uint8_t host[HOST_ID_LEN] = {1, 2, 3}, instance[INSTANCE_ID_LEN] = {9};
	assert_ok(identity_operator_uri("d", "ci", "build", uri, &err), err);
	assert_ok(identity_parse(uri, "d", &who, &err), err);
	assert_int_equal(who.role, ROLE_CI);
	assert_ok(identity_host_uri("d", host, uri, &err), err);
	assert_ok(identity_parse(uri, "d", &who, &err), err);
	assert_memory_equal(who.host, host, sizeof(host));
	assert_ok(identity_workload_uri("d", BYTES_LIT("ocr"), instance, uri, &err), err);
	assert_ok(identity_parse(uri, "d", &who, &err), err);
	assert_memory_equal(who.instance, instance, sizeof(instance));
}

static void identity__bad_names__not_written(void **state)
{
	(void)state;
	char uri[X509_URI_MAX];
	uint8_t instance[INSTANCE_ID_LEN] = {0};
	assert_fails(identity_operator_uri("d", "root", "x", uri, &err), err, ERR_USAGE,
		"role root: expected admin, ci, auditor or admission");
	assert_fails(identity_operator_uri("d", "ci", "../x", uri, &err), err, ERR_USAGE,
		"operator name ../x: expected 1 to 64 of a-z 0-9 . _ -");
	assert_fails(identity_workload_uri("d", BYTES_LIT("a/b"), instance, uri, &err), err,
		ERR_FORMAT, "workload name a/b");
}

static void trust_domain__characters__as_spiffe_has_them(void **state)
{
	(void)state;
	assert_true(trust_domain_ok(BYTES_LIT("bank-1.example_x")));
	assert_false(trust_domain_ok(BYTES_LIT("")));
	assert_false(trust_domain_ok(BYTES_LIT("Bank")));
	assert_false(trust_domain_ok(BYTES_LIT("a/b")));
	assert_false(trust_domain_ok(BYTES_LIT("a%s")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(identity__known_forms__parsed),
		cmocka_unit_test(identity__anything_else__refused),
		cmocka_unit_test(identity__written__reads_back),
		cmocka_unit_test(identity__bad_names__not_written),
		cmocka_unit_test(trust_domain__characters__as_spiffe_has_them),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
