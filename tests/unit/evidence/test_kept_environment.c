/* SPDX-License-Identifier: Apache-2.0 */
#include "evidence/kept_environment.h"

#include "parse_check.h"

#include <stdlib.h>

static struct key *keys[3]; /* EC P-256, EC P-384, RSA */
static struct runtime_launch *launch;
static struct kept_environment kept;
static struct buf wrapped, sealed, plain;
static struct err err;

static int group_setup(void **state)
{
	static const enum key_type types[] = {KEY_EC_P256, KEY_EC_P384, KEY_RSA};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		assert_ok(key_generate(types[i], &keys[i], &err), err);
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		key_unref(&keys[i]);
	return 0;
}

/* The launch record that these values were kept in. */
static void seal_for(struct key *recipient)
{
	buf_clear(&wrapped);
	buf_clear(&sealed);
	assert_ok(kept_environment_seal(&kept, recipient, launch->instance, &random_system,
			  &wrapped, &sealed, &err),
		err);
	launch->kept = true;
	memcpy(launch->kept_for, key_id(recipient), SHA256_LEN);
	launch->kept_key = buf_bytes(&wrapped);
	launch->kept_values = buf_bytes(&sealed);
}

static int setup(void **state)
{
	(void)state;
	err = (struct err){0};
	launch = calloc(1, sizeof(*launch));
	assert_non_null(launch);
	kept = (struct kept_environment){
		.salt = {7}, .count = 2, .values = {BYTES_LIT("de_CH"), BYTES_LIT("")}};
	memset(launch->instance, 0x11, INSTANCE_ID_LEN);
	launch->workload = BYTES_LIT("agent");
	launch->working_directory = BYTES_LIT("/");
	launch->environment_count = 2;
	launch->environment_names[0] = BYTES_LIT("LANG");
	launch->environment_names[1] = BYTES_LIT("MODE");
	for (size_t i = 0; i < 2; i++)
		assert_ok(runtime_salted(kept.salt, kept.values[i], launch->environment[i], &err),
			err);
	seal_for(keys[0]);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(launch);
	buf_release(&wrapped);
	buf_release(&sealed);
	buf_release(&plain);
	return 0;
}

static void assert_shut(struct key *key, enum err_code code, const char *message)
{
	struct kept_environment read;

	buf_release(&plain);
	assert_false(kept_environment_open(launch, key, &plain, &read, &err));
	assert_int_equal(err.code, code);
	if (!strstr(err.text, message))
		fail_msg("%s", err.text);
}

static void kept__sealed_for_each_kind_of_key__opened_by_it(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		struct kept_environment read = {0};

		seal_for(keys[i]);
		buf_release(&plain);
		assert_ok(kept_environment_open(launch, keys[i], &plain, &read, &err), err);
		assert_int_equal(read.count, 2);
		assert_bytes(read.values[0], BYTES_LIT("de_CH"));
		assert_int_equal(read.values[1].len, 0);
	}
}

static void kept__none_or_for_another_key__not_opened(void **state)
{
	(void)state;
	assert_shut(keys[1], ERR_MISMATCH, "it was sealed for another key than this one");
	memcpy(launch->kept_for, key_id(keys[1]), SHA256_LEN);
	assert_shut(keys[1], ERR_FORMAT, "kept environment: key wrap");
	launch->kept = false;
	assert_shut(keys[0], ERR_NOT_FOUND, "this launch record keeps no values");
}

/* A host that kept something else than it gave to the agent is found out. */
static void kept__other_values_than_were_digested__named(void **state)
{
	(void)state;
	kept.values[1] = BYTES_LIT("prod");
	seal_for(keys[0]);
	assert_shut(keys[0], ERR_MISMATCH, "MODE: another value than the launch record has");
	kept.values[1] = BYTES_LIT("");
	kept.salt[0] ^= 1;
	seal_for(keys[0]);
	assert_shut(keys[0], ERR_MISMATCH, "LANG: another value than the launch record has");
	kept.salt[0] ^= 1;
	kept.count = 1;
	seal_for(keys[0]);
	assert_shut(keys[0], ERR_MISMATCH, "1 values for 2 names: not those of this launch");
}

static void kept__of_another_instance__not_opened(void **state)
{
	(void)state;
	launch->instance[0] ^= 1;
	assert_shut(keys[0], ERR_MISMATCH, "kept environment: ");
}

static void T1__kept_environment_with_any_bit_flipped__not_opened(void **state)
{
	struct buf *bent[] = {&wrapped, &sealed};
	struct kept_environment read;

	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(bent); k++)
		for (size_t i = 0; i < bent[k]->len * 8; i++) {
			bent[k]->data[i / 8] ^= (uint8_t)(1u << i % 8);
			buf_clear(&plain);
			if (kept_environment_open(launch, keys[0], &plain, &read, &err))
				fail_msg("bit %zu changes nothing", i);
			bent[k]->data[i / 8] ^= (uint8_t)(1u << i % 8);
		}
}

/* Whoever reads the log learns nothing of a value, nor how long it is. */
static void kept__short_and_longer_values__look_the_same(void **state)
{
	struct buf first = {0};
	size_t len = sealed.len;

	(void)state;
	buf_put(&first, buf_bytes(&sealed));
	seal_for(keys[0]);
	assert_int_equal(sealed.len, len);
	assert_memory_not_equal(sealed.data, first.data, len);
	kept.values[0] = BYTES_LIT("a value that is longer than the one before it was, by far");
	seal_for(keys[0]);
	assert_int_equal(sealed.len, len);
	assert_null(memmem(sealed.data, sealed.len, "longer", 6));
	buf_release(&first);
}

static void kept__too_much__refused_with_its_size(void **state)
{
	static uint8_t value[4095];
	struct buf out = {0};

	(void)state;
	for (kept.count = 0; kept.count < 5; kept.count++)
		kept.values[kept.count] = BYTES_OF(value);
	assert_false(kept_environment_encode(&kept, &out, &err));
	assert_int_equal(err.code, ERR_LIMIT);
	assert_non_null(strstr(err.text, "bytes, at most 16384 can be kept"));
	assert_int_equal(out.len, 0);
	kept.count = 3;
	assert_ok(kept_environment_encode(&kept, &out, &err), err);
	buf_release(&out);
}

static bool parse(struct bytes in, struct err *e)
{
	struct kept_environment read;

	return kept_environment_decode(in, &read, e);
}

static void plain__in_another_form__refused(void **state)
{
	struct buf out = {0}, longer = {0};

	(void)state;
	assert_ok(kept_environment_encode(&kept, &out, &err), err);
	assert_int_equal(out.len, KEPT_ENVIRONMENT_STEP);
	assert_true(parse(buf_bytes(&out), &err));
	assert_false(parse(bytes_of(out.data, out.len - 1), &err));
	assert_int_equal(err.code, ERR_LIMIT);
	assert_false(parse((struct bytes){0}, &err));
	out.data[out.len - 1] = 1;
	assert_false(parse(buf_bytes(&out), &err));
	assert_non_null(strstr(err.text, "kept environment: filling: not zeros"));
	out.data[out.len - 1] = 0;
	buf_put(&longer, buf_bytes(&out));
	memset(buf_extend(&longer, KEPT_ENVIRONMENT_STEP), 0, KEPT_ENVIRONMENT_STEP);
	assert_false(parse(buf_bytes(&longer), &err));
	assert_non_null(strstr(err.text, "filling: more than is needed"));
	out.data[0] = 0xff;
	assert_false(parse(buf_bytes(&out), &err));
	assert_non_null(strstr(err.text, "kept environment: body: "));
	buf_release(&out);
	buf_release(&longer);
}

/* ---- in the launch record ---- */

static bool seen(void *context, const struct runtime_record *record, struct err *e)
{
	const struct runtime_launch *l = record->launch;
	(void)e;
	*(bool *)context = l->kept && memcmp(l->kept_for, launch->kept_for, SHA256_LEN) == 0 &&
			   bytes_equal(l->kept_key, launch->kept_key) &&
			   bytes_equal(l->kept_values, launch->kept_values);
	return true;
}

static void launch__with_kept_values__said_or_left_out(void **state)
{
	const enum digest_alg banks[] = {DIGEST_SHA256};
	struct buf content = {0}, log = {0};
	struct digest digest;
	bool same = false;

	(void)state;
	for (int i = 0; i < 2; i++) {
		launch->kept = i == 0;
		buf_clear(&content);
		buf_clear(&log);
		assert_ok(runtime_launch_encode(launch, 0, &content, &err), err);
		assert_ok(runtime_record_put(
				  &log, 0, 15, banks, 1, buf_bytes(&content), &digest, &err),
			err);
		assert_ok(runtime_log_walk(buf_bytes(&log), 0, 15, seen, &same, &err), err);
		assert_int_equal(same, launch->kept);
	}
	launch->kept = true;
	launch->kept_values = (struct bytes){0};
	assert_false(runtime_launch_encode(launch, 0, &content, &err));
	assert_non_null(strstr(err.text, "kept environment: "));
	buf_release(&content);
	buf_release(&log);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(kept__sealed_for_each_kind_of_key__opened_by_it),
		TEST(kept__none_or_for_another_key__not_opened),
		TEST(kept__other_values_than_were_digested__named),
		TEST(kept__of_another_instance__not_opened),
		TEST(T1__kept_environment_with_any_bit_flipped__not_opened),
		TEST(kept__short_and_longer_values__look_the_same),
		TEST(kept__too_much__refused_with_its_size),
		TEST(plain__in_another_form__refused),
		TEST(launch__with_kept_values__said_or_left_out),
	};
	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
