/* SPDX-License-Identifier: Apache-2.0 */
/* The state kept between appraisals: what is written comes back, and each field has its limits. */
#include "policy/policy.h"

#include <stdlib.h>

#include "base/cbor.h"
#include "tests/support/unit.h"

static struct buf out, again;
static struct err err;

static int teardown(void **state)
{
	(void)state;
	buf_release(&out);
	buf_release(&again);
	return 0;
}

/* Every field its own value. */
static struct policy_state filled(enum digest_alg bank)
{
	struct policy_state s = {
		.established = true,
		.reset_count = 11,
		.restart_count = 12,
		.runtime_next = 13,
		.bank = bank,
		.assurance = ASSURANCE_BOOTED,
		.unpinned = true,
		.host_class = 3,
		.boot_until = 14,
		.ended = true,
	};

	memset(s.boot_id, 0x21, sizeof(s.boot_id));
	memset(s.pcr, 0x22, digest_alg_len(bank));
	memset(s.pcrs_other, 0x23, SHA256_LEN);
	memset(s.policy, 0x24, SHA256_LEN);
	memset(s.release, 0x25, SHA256_LEN);
	memset(s.launch, 0x26, SHA256_LEN);
	memset(s.key, 0x27, SHA256_LEN);
	memset(s.record, 0x28, SHA256_LEN);
	return s;
}

static void assert_comes_back(const struct policy_state *s)
{
	struct policy_state back;

	memset(&back, 0xff, sizeof(back));
	buf_clear(&out);
	buf_clear(&again);
	assert_ok(policy_state_encode(s, &out, &err), err);
	assert_ok(policy_state_decode(buf_bytes(&out), &back, &err), err);
	assert_int_equal(back.established, s->established);
	assert_int_equal(back.reset_count, s->reset_count);
	assert_int_equal(back.restart_count, s->restart_count);
	assert_int_equal(back.runtime_next, s->runtime_next);
	assert_int_equal(back.bank, s->bank);
	assert_int_equal(back.assurance, s->assurance);
	assert_int_equal(back.unpinned, s->unpinned);
	assert_int_equal(back.host_class, s->host_class);
	assert_int_equal(back.boot_until, s->boot_until);
	assert_int_equal(back.ended, s->ended);
	assert_memory_equal(back.boot_id, s->boot_id, sizeof(s->boot_id));
	assert_memory_equal(back.pcr, s->pcr, sizeof(s->pcr));
	assert_memory_equal(back.pcrs_other, s->pcrs_other, SHA256_LEN);
	assert_memory_equal(back.policy, s->policy, SHA256_LEN);
	assert_memory_equal(back.release, s->release, SHA256_LEN);
	assert_memory_equal(back.launch, s->launch, SHA256_LEN);
	assert_memory_equal(back.key, s->key, SHA256_LEN);
	assert_memory_equal(back.record, s->record, SHA256_LEN);
	assert_memory_equal(&back.ima, &s->ima, sizeof(s->ima));
	assert_ok(policy_state_encode(&back, &again, &err), err);
	assert_bytes(buf_bytes(&again), buf_bytes(&out));
}

static void state__every_field__comes_back(void **unused)
{
	struct policy_state s = filled(DIGEST_SHA256);

	(void)unused;
	assert_comes_back(&s);
	s = filled(DIGEST_SHA384);
	s.unpinned = s.ended = false;
	assert_comes_back(&s);
	s = (struct policy_state){0};
	assert_comes_back(&s);
}

static void state__with_an_ima_log__comes_back(void **unused)
{
	struct policy_state s = filled(DIGEST_SHA256);

	(void)unused;
	assert_ok(ima_state_start(&s.ima, DIGEST_SHA256, DIGEST_SHA1, &err), err);
	s.ima.next = 7;
	s.ima.extend = IMA_EXTEND_OWN;
	s.ima.seen = 5;
	s.ima.flags = IMA_FACT_BOOT_AGGREGATE;
	assert_comes_back(&s);
}

static void state__with_an_ima_state_that_is_none__refused(void **unused)
{
	struct policy_state s = filled(DIGEST_SHA256), back;

	(void)unused;
	assert_ok(ima_state_start(&s.ima, DIGEST_SHA256, DIGEST_SHA1, &err), err);
	s.ima.tracked = 9;
	assert_ok(policy_state_encode(&s, &out, &err), err);
	assert_fails(policy_state_decode(buf_bytes(&out), &back, &err), err, ERR_FORMAT,
		"state: ima: IMA state: not one that an appraisal leaves");
}

/* ---- limits, in a map made by hand ---- */

struct field {
	int64_t key;
	uint64_t number;
	size_t bytes; /* not 0: a byte string of this length instead */
	bool flag, is_flag;
};

static const struct field fields[] = {
	{.key = 1, .is_flag = true, .flag = true},
	{.key = 2, .number = 1},
	{.key = 3, .number = 1},
	{.key = 4, .bytes = 16},
	{.key = 5, .number = 1},
	{.key = 6, .number = DIGEST_SHA256},
	{.key = 7, .bytes = 32},
	{.key = 8, .bytes = 32},
	{.key = 9, .bytes = 32},
	{.key = 10, .bytes = 32},
	{.key = 11, .bytes = 32},
	{.key = 12, .bytes = 32},
	{.key = 13, .bytes = 32},
	{.key = 14, .number = 1},
	{.key = 15, .is_flag = true},
	{.key = 16, .is_flag = true},
	{.key = 17, .number = 1},
	{.key = 18, .number = 1},
};

/* The state with one field changed; ima: how many bytes of it; more: a key that no state has. */
static void make(struct field changed, size_t ima, bool more)
{
	static const uint8_t zeros[512];
	struct cbor_writer w = cbor_writer_of(&out);

	buf_clear(&out);
	cbor_put_map(&w, ARRAY_LEN(fields) + 1 + more);
	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		struct field f = fields[i].key == changed.key ? changed : fields[i];

		cbor_put_int(&w, f.key);
		if (f.is_flag)
			cbor_put_bool(&w, f.flag);
		else if (f.bytes)
			cbor_put_bytes(&w, bytes_of(zeros, f.bytes));
		else
			cbor_put_uint(&w, f.number);
	}
	cbor_put_int(&w, 19);
	cbor_put_bytes(&w, bytes_of(zeros, ima));
	if (more) {
		cbor_put_int(&w, 20);
		cbor_put_bool(&w, false);
	}
	assert_ok(cbor_writer_finish(&w, &err), err);
}

static void state__numbers__up_to_their_limits(void **unused)
{
	static const struct {
		int64_t key;
		uint64_t max;
		const char *name;
	} cases[] = {
		{2, UINT32_MAX, "reset_count"},
		{3, UINT32_MAX, "restart_count"},
		{5, INT64_MAX, "runtime_next"},
		{14, ASSURANCE_MEASURED, "assurance"},
		{17, HOST_CLASSES_MAX, "host_class"},
		{18, POLICY_TIME_MAX, "boot_until"},
	};
	struct policy_state back;

	(void)unused;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct field f = {.key = cases[i].key, .number = cases[i].max};

		make(f, 0, false);
		assert_ok(policy_state_decode(buf_bytes(&out), &back, &err), err);
		f.number++;
		make(f, 0, false);
		assert_false(policy_state_decode(buf_bytes(&out), &back, &err));
		assert_int_equal(err.code, ERR_FORMAT);
		if (!strstr(err.text, cases[i].name))
			fail_msg("%s: %s", cases[i].name, err.text);
		err = (struct err){0};
	}
}

static void state__strings__of_their_length(void **unused)
{
	struct policy_state back;

	(void)unused;
	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		for (size_t by = 0; fields[i].bytes && by <= 2; by += 2) {
			struct field f = fields[i];

			f.bytes = f.bytes - 1 + by;
			make(f, 0, false);
			assert_false(policy_state_decode(buf_bytes(&out), &back, &err));
			assert_int_equal(err.code, ERR_FORMAT);
			err = (struct err){0};
		}
	make(fields[0], 1, false);
	assert_fails(policy_state_decode(buf_bytes(&out), &back, &err), err, ERR_FORMAT,
		"state: ima: IMA state: next: truncated at offset 0 of 1");
	make(fields[0], IMA_STATE_LEN + 1, false);
	assert_false(policy_state_decode(buf_bytes(&out), &back, &err));
	assert_non_null(strstr(err.text, "ima"));
	assert_null(strstr(err.text, "IMA state"));
}

static void state__bank__of_those_that_are_quoted(void **unused)
{
	static const struct {
		uint64_t bank;
		size_t len;
		bool established, good;
		const char *error;
	} cases[] = {
		{DIGEST_SHA256, 32, true, true, ""},
		{DIGEST_SHA384, 48, true, true, ""},
		{DIGEST_SHA512, 64, true, false, "neither SHA-256 nor SHA-384"},
		{DIGEST_SHA1, 20, true, false, "neither SHA-256 nor SHA-384"},
		{DIGEST_SHA1, 20, false, false, "neither SHA-256 nor SHA-384"},
		{UINT16_MAX + 1, 32, true, false, "bank"},
	};

	(void)unused;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct policy_state s = filled(DIGEST_SHA256), back;
		bool good;

		s.established = cases[i].established;
		s.bank = (enum digest_alg)cases[i].bank;
		buf_clear(&out);
		if (cases[i].bank <= UINT16_MAX)
			assert_ok(policy_state_encode(&s, &out, &err), err);
		else
			make((struct field){.key = 6, .number = cases[i].bank}, 0, false);
		good = policy_state_decode(buf_bytes(&out), &back, &err);
		if (good != cases[i].good || (!good && !strstr(err.text, cases[i].error)))
			fail_msg("case %zu: %s", i, err.text);
		err = (struct err){0};
	}
	{
		struct policy_state s = {.established = true}, back;

		buf_clear(&out);
		assert_ok(policy_state_encode(&s, &out, &err), err);
		assert_false(policy_state_decode(buf_bytes(&out), &back, &err));
		assert_non_null(strstr(err.text, "missing in an established state"));
	}
}

static void state__other_keys_or_none__refused_and_nothing_written(void **unused)
{
	struct policy_state back = {.reset_count = 77};

	(void)unused;
	make(fields[0], 0, true);
	assert_false(policy_state_decode(buf_bytes(&out), &back, &err));
	assert_int_equal(err.code, ERR_FORMAT);
	assert_false(policy_state_decode(BYTES_LIT("\xa0"), &back, &err));
	assert_false(policy_state_decode((struct bytes){0}, &back, &err));
	assert_int_equal(back.reset_count, 77);
	/* Deterministic, or none: the first key in a longer form. */
	make(fields[0], 0, false);
	buf_put(&again, bytes_of(out.data, 1));
	buf_put(&again, BYTES_LIT("\x18\x01"));
	buf_put(&again, bytes_of(out.data + 2, out.len - 2));
	assert_int_equal(out.data[1], 1);
	assert_false(policy_state_decode(buf_bytes(&again), &back, &err));
	make(fields[0], 0, false);
	buf_put_u8(&out, 0);
	assert_false(policy_state_decode(buf_bytes(&out), &back, &err));
	assert_int_equal(back.reset_count, 77);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_teardown(name, teardown)
		T(state__every_field__comes_back),
		T(state__with_an_ima_log__comes_back),
		T(state__with_an_ima_state_that_is_none__refused),
		T(state__numbers__up_to_their_limits),
		T(state__strings__of_their_length),
		T(state__bank__of_those_that_are_quoted),
		T(state__other_keys_or_none__refused_and_nothing_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
