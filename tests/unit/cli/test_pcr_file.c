/* SPDX-License-Identifier: Apache-2.0 */
/* PCR value files: both layouts, and what they must not be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "cli/pcr_file.h"

#define SERIALIZED_LEN 668

static const struct tpml_pcr_selection selection = {
	.count = 1, .banks = {{TPM_ALG_SHA256, 0x10003}}};

/* PCRs 0, 1 and 16 of the SHA-256 bank with the values 0x10…, 0x11…, 0x12…, as tpm2_quote -o writes
 * them. */
static void serialized(uint8_t out[SERIALIZED_LEN])
{
	memset(out, 0, SERIALIZED_LEN);
	out[0] = 1;
	out[4] = TPM_ALG_SHA256;
	out[6] = 3;
	out[7] = 0x03;
	out[9] = 0x01;
	out[132] = 1;
	out[136] = 3;
	for (size_t i = 0; i < 3; i++) {
		out[140 + i * 66] = 32;
		memset(out + 142 + i * 66, (int)(0x10 + i), 32);
	}
}

static void values__bare__in_selection_order(void **state)
{
	(void)state;
	uint8_t in[96];
	struct pcr_bank banks[2];
	for (size_t i = 0; i < 3; i++)
		memset(in + i * 32, (int)(0x10 + i), 32);
	assert_true(pcr_file_parse(BYTES_OF(in), &selection, banks, 2, NULL));
	assert_int_equal(banks[0].present, 0x10003);
	assert_int_equal(banks[0].values[1][0], 0x11);
	assert_int_equal(banks[0].values[16][31], 0x12);
}

static void values__serialized__same(void **state)
{
	(void)state;
	uint8_t in[SERIALIZED_LEN];
	struct pcr_bank banks[2];
	serialized(in);
	assert_true(pcr_file_parse(BYTES_OF(in), &selection, banks, 2, NULL));
	assert_int_equal(banks[0].present, 0x10003);
	assert_int_equal(banks[0].values[0][0], 0x10);
	assert_int_equal(banks[0].values[16][0], 0x12);
}

static void values__truncated_anywhere__refused(void **state)
{
	(void)state;
	uint8_t in[SERIALIZED_LEN];
	struct pcr_bank banks[2];
	struct err err = {0};
	serialized(in);
	for (size_t len = 0; len < sizeof(in); len++)
		if (len != 96)
			assert_false(pcr_file_parse(bytes_of(in, len), &selection, banks, 2, &err));
}

static void values__wrong__refused_with_the_reason(void **state)
{
	(void)state;
	static const struct {
		size_t at;
		uint8_t value;
		const char *text;
	} cases[] = {
		{4, TPM_ALG_SHA384, "another selection"},
		{9, 0x02, "another selection"},
		{136, 2, "no value of 32 bytes for PCR 16"},
		{136, 4, "no value"},
		{136, 9, "more than 8"},
		{132, 33, "too many"},
		{140, 65, "more than 64"},
		{0, 99, "too many banks"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		uint8_t in[SERIALIZED_LEN];
		struct pcr_bank banks[2];
		struct err err = {0};
		serialized(in);
		in[cases[i].at] = cases[i].value;
		bool more = cases[i].at == 136 && cases[i].value == 4;
		assert_false(pcr_file_parse(BYTES_OF(in), &selection, banks, 2, &err));
		assert_int_equal(err.code, ERR_FORMAT);
		if (!more)
			assert_non_null(strstr(err.text, cases[i].text));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values__bare__in_selection_order),
		cmocka_unit_test(values__serialized__same),
		cmocka_unit_test(values__truncated_anywhere__refused),
		cmocka_unit_test(values__wrong__refused_with_the_reason),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
