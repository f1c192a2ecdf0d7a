/* SPDX-License-Identifier: Apache-2.0 */
/* Sealed contents: what opens, and what must not. */
#include "verifier/vault.h"

#include "tests/support/unit.h"
#include "tests/unit/verifier/fakes.h"

#define IDENTITY BYTES_LIT("object 1")
#define CONTENT  BYTES_LIT("the model's command line")

static struct fake_clock fixed = {.base = {&fake_clock_ops}, .wall = 1000};
static struct fake_random dice = {.base = {&fake_random_ops}};
static struct vault *vault, *other;
static struct buf sealed, content;
static uint8_t wrapped[VAULT_WRAPPED_LEN];
static struct err err;
static const uint8_t first[AES_KEY_LEN] = {1}, second[AES_KEY_LEN] = {2};

static int setup(void **state)
{
	(void)state;
	dice.broken = false;
	assert_ok(vault_new(&dice.base, &fixed.base, &vault, &err), err);
	assert_ok(vault_new(&dice.base, &fixed.base, &other, &err), err);
	assert_ok(vault_add(vault, 1, first, &err), err);
	assert_ok(vault_seal(vault, IDENTITY, CONTENT, wrapped, &sealed, &err), err);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	vault_free(&vault);
	vault_free(&other);
	buf_release(&sealed);
	buf_release(&content);
	return 0;
}

static bool open_it(struct vault *from, struct bytes identity)
{
	err = (struct err){0};
	buf_clear(&content);
	return vault_open(from, identity, BYTES_OF(wrapped), buf_bytes(&sealed), &content, &err);
}

static void vault_open__what_was_sealed__opens(void **state)
{
	(void)state;
	assert_true(open_it(vault, IDENTITY));
	assert_bytes(buf_bytes(&content), CONTENT);
	assert_null(memmem(sealed.data, sealed.len, CONTENT.data, 8));
	assert_int_equal(sealed.len, CONTENT.len + 28);
	assert_int_equal(vault_now(vault), 1000);
}

static void vault_seal__the_same_content_twice__nothing_in_common(void **state)
{
	(void)state;
	uint8_t again[VAULT_WRAPPED_LEN];
	struct buf twin = {0};
	assert_ok(vault_seal(vault, IDENTITY, CONTENT, again, &twin, &err), err);
	assert_memory_not_equal(again + 4, wrapped + 4, AES_WRAPPED_LEN);
	assert_memory_not_equal(twin.data, sealed.data, 12);
	assert_memory_not_equal(twin.data + 12, sealed.data + 12, CONTENT.len);
	buf_release(&twin);
}

static void vault_open__as_something_else__refused(void **state)
{
	(void)state;
	assert_false(open_it(vault, BYTES_LIT("object 2")));
	assert_int_equal(err.code, ERR_STORE);
	assert_string_equal(err.text, "sealed content: AES-256-GCM: the tag does not verify");
}

static void vault_open__any_bit_changed__refused(void **state)
{
	(void)state;
	for (size_t bit = 0; bit < 8 * sealed.len; bit++) {
		sealed.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_false(open_it(vault, IDENTITY));
		assert_int_equal(err.code, ERR_STORE);
		sealed.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	for (size_t bit = 0; bit < 8 * sizeof(wrapped); bit++) {
		wrapped[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_false(open_it(vault, IDENTITY));
		assert_int_equal(err.code, ERR_STORE);
		wrapped[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	assert_true(open_it(vault, IDENTITY));
}

static void vault_open__key_of_another_content__refused(void **state)
{
	(void)state;
	struct buf twin = {0};
	assert_ok(vault_seal(vault, IDENTITY, CONTENT, wrapped, &twin, &err), err);
	assert_false(open_it(vault, IDENTITY)); /* the first one's ciphertext */
	assert_string_equal(err.text, "sealed content: AES-256-GCM: the tag does not verify");
	buf_release(&twin);
}

static void vault_open__short_or_long_wrapped_key__refused(void **state)
{
	(void)state;
	assert_fails(vault_open(vault, IDENTITY, bytes_of(wrapped, 43), buf_bytes(&sealed),
			     &content, &err),
		err, ERR_STORE, "sealed content: a wrapped key of 43 bytes");
	assert_fails(vault_open(vault, IDENTITY, BYTES_OF(wrapped), bytes_of(sealed.data, 27),
			     &content, &err),
		err, ERR_STORE, "sealed content: AES-256-GCM: 27 bytes hold no nonce and tag");
}

static void vault_open__other_master_key_or_none__refused(void **state)
{
	(void)state;
	assert_false(open_it(other, IDENTITY));
	assert_string_equal(err.text, "sealed content: the content key of generation 1 is missing");
	assert_int_equal(err.code, ERR_STORE);
	assert_ok(vault_add(other, 1, second, &err), err);
	assert_false(open_it(other, IDENTITY));
	assert_string_equal(err.text,
		"sealed content: AES key wrap: another key wrapped it, or it was changed");
	assert_int_equal(err.code, ERR_STORE);
}

static void vault_rewrap__newer_generation__opens_without_the_older_one(void **state)
{
	(void)state;
	bool changed = true;
	assert_ok(vault_rewrap(vault, wrapped, &changed, &err), err);
	assert_false(changed); /* it is there already */
	assert_ok(vault_add(vault, 2, second, &err), err);
	assert_ok(vault_rewrap(vault, wrapped, &changed, &err), err);
	assert_true(changed);
	assert_memory_equal(wrapped, "\0\0\0\2", 4);
	assert_ok(vault_add(other, 2, second, &err), err);
	assert_true(open_it(other, IDENTITY));
	assert_bytes(buf_bytes(&content), CONTENT);
}

static void vault_rewrap__destroyed__stays_so(void **state)
{
	(void)state;
	static const uint8_t nothing[VAULT_WRAPPED_LEN];
	bool changed = true;
	memset(wrapped, 0, sizeof(wrapped));
	assert_ok(vault_add(vault, 2, second, &err), err);
	assert_ok(vault_rewrap(vault, wrapped, &changed, &err), err);
	assert_false(changed);
	assert_memory_equal(wrapped, nothing, sizeof(nothing));
}

static void vault_rewrap__changed_key__refused(void **state)
{
	(void)state;
	bool changed = false;
	assert_ok(vault_add(vault, 2, second, &err), err);
	wrapped[20] ^= 1;
	assert_fails(vault_rewrap(vault, wrapped, &changed, &err), err, ERR_STORE,
		"sealed content: AES key wrap: another key wrapped it, or it was changed");
}

static void vault_seal__no_randomness_or_no_key__nothing_is_sealed(void **state)
{
	(void)state;
	/* A vault draws ahead: one that has drawn nothing yet. */
	vault_free(&vault);
	assert_ok(vault_new(&dice.base, &fixed.base, &vault, &err), err);
	assert_ok(vault_add(vault, 1, first, &err), err);
	buf_clear(&sealed);
	dice.broken = true;
	assert_fails(vault_seal(vault, IDENTITY, CONTENT, wrapped, &sealed, &err), err, ERR_CRYPTO,
		"sealing content: random: out of order");
	dice.broken = false;
	assert_fails(vault_seal(other, IDENTITY, CONTENT, wrapped, &sealed, &err), err, ERR_STORE,
		"sealing content: the content key of generation 0 is missing");
	assert_int_equal(sealed.len, 0);
}

static void vault_add__out_of_order_or_too_many__refused(void **state)
{
	(void)state;
	assert_fails(vault_add(vault, 1, second, &err), err, ERR_STORE,
		"content keys: generation 1 is out of order");
	assert_fails(vault_add(other, 0, second, &err), err, ERR_STORE,
		"content keys: generation 0 is out of order");
	for (uint32_t i = 2; i <= VAULT_KEYS_MAX; i++)
		assert_ok(vault_add(vault, i, second, &err), err);
	assert_fails(vault_add(vault, 99, second, &err), err, ERR_LIMIT,
		"content keys: more than 64 generations");
	assert_int_equal(vault_newest(vault), VAULT_KEYS_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(vault_open__what_was_sealed__opens),
		T(vault_seal__the_same_content_twice__nothing_in_common),
		T(vault_open__as_something_else__refused),
		T(vault_open__any_bit_changed__refused),
		T(vault_open__key_of_another_content__refused),
		T(vault_open__short_or_long_wrapped_key__refused),
		T(vault_open__other_master_key_or_none__refused),
		T(vault_rewrap__newer_generation__opens_without_the_older_one),
		T(vault_rewrap__destroyed__stays_so),
		T(vault_rewrap__changed_key__refused),
		T(vault_seal__no_randomness_or_no_key__nothing_is_sealed),
		T(vault_add__out_of_order_or_too_many__refused),
	};
	fakes_used();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
