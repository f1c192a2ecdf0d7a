/* SPDX-License-Identifier: Apache-2.0 */
#include "evidence/tpm.h"

#include "parse_check.h"
#include "tests/support/tpm_sw.h"
#include "tests/support/vectors.h"

static void name__recorded_ak__equals_the_tpms(void **state)
{
	struct buf pub = {0}, wanted = {0};
	struct tpmt_public p;
	struct tpm_name name;
	struct err err = {0};

	(void)state;
	if (!vectors_read("made/tpm/ak.pub", &pub) || !vectors_read("made/tpm/ak.name", &wanted))
		skip();
	assert_ok(tpm2b_public_parse(buf_bytes(&pub), &p, &err), err);
	assert_ok(tpm_name_of(&p, &name, &err), err);
	assert_bytes(tpm_name_bytes(&name), buf_bytes(&wanted));
	buf_release(&pub);
	buf_release(&wanted);
}

/* The recorded AK is a child of the EK: the quote's qualifiedSigner says so. */
static void qualified_name__child_of_recorded_ek__is_the_signer(void **state)
{
	struct buf pub = {0}, parent = {0}, message = {0};
	struct tpmt_public ak, ek;
	struct tpm_name name, ek_name, ek_qualified, qualified;
	struct tpms_attest a;
	struct err err = {0};

	(void)state;
	if (!vectors_read("made/tpm/ak.pub", &pub) ||
		!vectors_read("made/tpm/quote.msg", &message) ||
		!vectors_read("made/tpm/ek.pub", &parent))
		skip();
	assert_ok(tpm2b_public_parse(buf_bytes(&pub), &ak, &err), err);
	assert_ok(tpm2b_public_parse(buf_bytes(&parent), &ek, &err), err);
	assert_ok(tpms_attest_parse(buf_bytes(&message), &a, &err), err);
	assert_ok(tpm_name_of(&ak, &name, &err), err);
	assert_ok(tpm_name_of(&ek, &ek_name, &err), err);
	assert_ok(tpm_qualified_name_of_primary(TPM_RH_ENDORSEMENT, &ek_name, &ek_qualified, &err),
		err);
	assert_ok(tpm_qualified_name_of_child(&ek_qualified, &name, &qualified, &err), err);
	assert_bytes(tpm_name_bytes(&qualified), a.qualified_signer);
	buf_release(&pub);
	buf_release(&parent);
	buf_release(&message);
}

static void qualified_name__other_hierarchy__differs(void **state)
{
	struct tpm_sw_key *ak = NULL;
	struct tpm_name owner;
	struct err err = {0};

	(void)state;
	assert_ok(tpm_sw_ak_new(TPM_SW_ECDSA_P384, 0, &ak, &err), err);
	assert_ok(tpm_qualified_name_of_primary(TPM_RH_OWNER, &ak->name, &owner, &err), err);
	assert_int_equal(owner.len, 50);
	assert_false(bytes_equal(tpm_name_bytes(&owner), tpm_name_bytes(&ak->qualified_name)));
	tpm_sw_key_free(&ak);
}

static void qualified_name__of_what_is_no_name__refused(void **state)
{
	static const struct tpm_name bad[] = {
		{0}, {4, {0x40, 0, 0, 7}}, {33, {0, 0x0b}}, {34, {0, 0x10}}};
	struct tpm_name ret;
	struct err err;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		err = (struct err){0};
		assert_false(tpm_qualified_name_of_primary(TPM_RH_OWNER, &bad[i], &ret, &err));
		assert_int_equal(err.code, ERR_FORMAT);
		assert_non_null(strstr(err.text, "are no algorithm and digest"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(name__recorded_ak__equals_the_tpms),
		cmocka_unit_test(qualified_name__child_of_recorded_ek__is_the_signer),
		cmocka_unit_test(qualified_name__other_hierarchy__differs),
		cmocka_unit_test(qualified_name__of_what_is_no_name__refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
