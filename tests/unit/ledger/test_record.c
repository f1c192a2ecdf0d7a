/* SPDX-License-Identifier: Apache-2.0 */
/* Records: what is kept of one decision, signed by the verifier. */
#include "ledger/ledger.h"

#include "tests/support/unit.h"
#include "tests/unit/policy/extra_key.h"

static struct key *verifier, *other;
static struct err err;
static struct buf out, cose;

static int group_setup(void **state)
{
	(void)state;
	return key_generate(KEY_EC_P256, &verifier, &err) && key_generate(KEY_EC_P256, &other, &err)
		       ? 0
		       : -1;
}

static int group_teardown(void **state)
{
	(void)state;
	key_unref(&verifier);
	key_unref(&other);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	buf_release(&out);
	buf_release(&cose);
	return 0;
}

static struct record some_record(void)
{
	struct record r = {
		.time = 1800000000,
		.purpose = PURPOSE_LAUNCH,
		.workload = BYTES_LIT("ocr-agent"),
		.trusted = true,
		.assurance = 1,
		.input_count = 4,
		.inputs = {{.name = "verdict"}, {.name = "evidence"}, {.name = "approval-0"},
			{.name = "context"}},
		.verifier_id = BYTES_LIT("https://verifier.example"),
	};

	memset(r.host_id, 0x40, HOST_ID_LEN);
	memset(r.instance, 0x11, INSTANCE_ID_LEN);
	for (uint8_t i = 0; i < 4; i++)
		memset(r.inputs[i].digest, i, SHA256_LEN);
	return r;
}

static void record__encoded__read_back_with_inputs_in_order(void **state)
{
	struct record r = some_record(), back;
	struct buf again = {0};

	(void)state;
	assert_ok(record_encode(&r, &out, &err), err);
	assert_ok(record_decode(buf_bytes(&out), &back, &err), err);
	assert_int_equal(back.time, r.time);
	assert_int_equal(back.purpose, PURPOSE_LAUNCH);
	assert_true(back.trusted);
	assert_bytes(back.workload, r.workload);
	assert_bytes(back.verifier_id, r.verifier_id);
	assert_int_equal(back.input_count, 4);
	assert_string_equal(back.inputs[0].name, "context");
	assert_string_equal(back.inputs[1].name, "verdict");
	assert_string_equal(back.inputs[3].name, "approval-0");
	assert_int_equal(back.inputs[3].digest[0], 2);
	assert_ok(record_encode(&back, &again, &err), err);
	assert_bytes(buf_bytes(&again), buf_bytes(&out));
	extra_key_first(buf_bytes(&out), 0, &again);
	assert_false(record_decode(buf_bytes(&again), &back, &err));
	buf_release(&again);
	for (size_t n = 0; n < out.len; n++)
		assert_false(record_decode(bytes_of(out.data, n), &back, &err));
}

static void record__input_twice_unnamed_or_too_many__not_written(void **state)
{
	struct record r = some_record();

	(void)state;
	strcpy(r.inputs[1].name, "verdict");
	assert_false(record_encode(&r, &out, &err));
	r = some_record();
	r.input_count = RECORD_INPUTS_MAX + APPROVALS_IN_RECORD_MAX + STATEMENTS_IN_RECORD_MAX + 1;
	assert_false(record_encode(&r, &out, &err));
	r = some_record();
	r.time = -1;
	assert_false(record_encode(&r, &out, &err));
}

static void record__input_with_a_bent_name__refused(void **state)
{
	struct record r = some_record(), back;

	(void)state;
	strcpy(r.inputs[0].name, "../evil");
	assert_ok(record_encode(&r, &out, &err), err);
	assert_false(record_decode(buf_bytes(&out), &back, &err));
	assert_non_null(strstr(err.text, "record: input: not a name"));
}

static void record__signed__opened_with_the_key_only(void **state)
{
	struct record r = some_record(), back;

	(void)state;
	assert_ok(record_sign(&r, verifier, &cose, &err), err);
	assert_ok(record_open(buf_bytes(&cose), verifier, &back, &err), err);
	assert_bytes(back.workload, r.workload);
	assert_false(record_open(buf_bytes(&cose), other, &back, &err));
	assert_int_equal(err.code, ERR_MISMATCH);
}

static void record__any_byte_changed__refused(void **state)
{
	struct record r = some_record(), back;

	(void)state;
	assert_ok(record_sign(&r, verifier, &cose, &err), err);
	for (size_t i = 0; i < cose.len; i++) {
		cose.data[i] ^= 1;
		if (record_open(buf_bytes(&cose), verifier, &back, &err))
			fail_msg("byte %zu of %zu does not count", i, cose.len);
		cose.data[i] ^= 1;
	}
}

/* Whatever else the verifier signs cannot pose as a record. */
static void record__other_things_signed_by_the_verifier__refused(void **state)
{
	static const struct {
		const char *type, *iss, *sub, *text;
	} cases[] = {
		{"application/other", "https://verifier.example",
			"host/4040404040404040404040404040404040404040404040404040404040404040",
			"record: content type: not " MEDIA_RECORD},
		{MEDIA_RECORD, "https://other.example",
			"host/4040404040404040404040404040404040404040404040404040404040404040",
			"record: header and content name different parties"},
		{MEDIA_RECORD, "https://verifier.example", "host/41",
			"record: header and content name different parties"},
	};
	struct record r = some_record(), back;

	(void)state;
	assert_ok(record_encode(&r, &out, &err), err);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct cose_sign_options options = {
			.content_type = cases[i].type, .iss = cases[i].iss, .sub = cases[i].sub};

		buf_clear(&cose);
		assert_ok(cose_sign1_sign(verifier, &options, buf_bytes(&out), (struct bytes){0},
				  &cose, &err),
			err);
		err = (struct err){0};
		assert_false(record_open(buf_bytes(&cose), verifier, &back, &err));
		assert_string_equal(err.text, cases[i].text);
	}
}

static void record__detached__refused(void **state)
{
	const struct cose_sign_options options = {.content_type = MEDIA_RECORD, .detached = true};
	struct record back;

	(void)state;
	assert_ok(
		cose_sign1_sign(verifier, &options, BYTES_LIT("x"), (struct bytes){0}, &cose, &err),
		err);
	assert_false(record_open(buf_bytes(&cose), verifier, &back, &err));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_teardown(name, teardown)
		T(record__encoded__read_back_with_inputs_in_order),
		T(record__input_twice_unnamed_or_too_many__not_written),
		T(record__input_with_a_bent_name__refused),
		T(record__signed__opened_with_the_key_only),
		T(record__any_byte_changed__refused),
		T(record__other_things_signed_by_the_verifier__refused),
		T(record__detached__refused),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
