/* SPDX-License-Identifier: Apache-2.0 */
/* Public keys that are remembered: one key for the same bytes, never another's, and a private half only where it belongs. */
#include "crypto/key_private.h"
#include "tests/support/unit.h"

static struct key *public_of(const struct key *key)
{
	struct err err = {0};
	struct key *made = NULL;

	assert_ok(key_from_spki(key_spki(key), &made, &err), err);
	return made;
}

static void key_from_spki__same_bytes_again__same_key(void **state)
{
	struct err err = {0};
	struct key *pair = NULL, *first, *second;

	(void)state;
	assert_ok(key_generate(KEY_EC_P256, &pair, &err), err);
	keys_forget();
	assert_null(key_recent(key_spki(pair)));
	first = public_of(pair);
	second = public_of(pair);
	assert_ptr_equal(first, second);
	keys_forget();
	key_unref(&second);
	second = public_of(pair);
	assert_ptr_not_equal(first, second);
	assert_true(key_equal(first, second));
	key_unref(&first);
	key_unref(&second);
	key_unref(&pair);
}

/* The point mirrored: another key of the same abscissa, whose bytes differ behind the middle alone. */
static void mirror(struct bytes spki, uint8_t out[91])
{
	static const uint8_t prime[32] = {0xff, 0xff, 0xff, 0xff, 0, 0, 0, 1, [20] = 0xff, 0xff,
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	int borrow = 0;

	assert_int_equal(spki.len, 91);
	memcpy(out, spki.data, 91);
	for (int i = 31; i >= 0; i--) {
		int left = prime[i] - out[59 + i] - borrow;

		out[59 + i] = (uint8_t)left;
		borrow = left < 0;
	}
}

/* Whoever makes a key for it gets no signature verified with another's. */
static void key_from_spki__made_to_share_a_place__itself(void **state)
{
	struct err err = {0};
	struct key *pair = NULL, *first, *again, *second = NULL;
	uint8_t mirrored[91];

	(void)state;
	assert_ok(key_generate(KEY_EC_P256, &pair, &err), err);
	mirror(key_spki(pair), mirrored);
	for (int i = 0; i < 2; i++) {
		first = public_of(pair);
		again = key_recent(key_spki(pair));
		assert_ptr_equal(again, first);
		key_unref(&again);
		assert_ok(key_from_spki(bytes_of(mirrored, sizeof(mirrored)), &second, &err), err);
		assert_ptr_not_equal(second, first);
		assert_bytes(key_spki(second), bytes_of(mirrored, sizeof(mirrored)));
		assert_null(key_recent(key_spki(pair))); /* it was one place */
		key_unref(&first);
		key_unref(&second);
	}
	key_unref(&pair);
}

/* More keys than there are places: some share one, and each is still itself. */
static void key_from_spki__many_keys__each_verifies_its_own(void **state)
{
	enum { KEYS = 4500 };
	static struct key *pairs[KEYS];
	struct err err = {0};

	(void)state;
	for (size_t i = 0; i < KEYS; i++)
		assert_ok(key_generate(i % 3 ? KEY_EC_P256 : KEY_ED25519, &pairs[i], &err), err);
	for (size_t i = 0; i < KEYS; i++) {
		struct key *made = public_of(pairs[i]);

		assert_bytes(key_spki(made), key_spki(pairs[i]));
		assert_memory_equal(key_id(made), key_id(pairs[i]), SHA256_LEN);
		assert_int_equal(key_type_of(made), key_type_of(pairs[i]));
		key_unref(&made);
	}
	for (size_t i = 0; i < KEYS; i++)
		key_unref(&pairs[i]);
	keys_forget();
}

static void key_from_private__public_key_kept__stays_public(void **state)
{
	struct err err = {0};
	struct key *pair = NULL, *again = NULL, *public;
	struct buf pem = {0}, signature = {0};

	(void)state;
	assert_ok(key_generate(KEY_EC_P256, &pair, &err), err);
	public = public_of(pair);
	assert_false(key_has_private(public));
	assert_ok(key_private_pem(pair, &pem, &err), err);
	assert_ok(key_from_pem(buf_bytes(&pem), &again, &err), err);
	assert_ptr_not_equal(again, public);
	assert_true(key_has_private(again));
	assert_false(key_has_private(public));
	assert_false(
		key_sign(public, SIGN_ECDSA, DIGEST_SHA256, BYTES_LIT("said"), &signature, &err));
	assert_int_equal(err.code, ERR_DENIED);
	assert_ok(key_sign(again, SIGN_ECDSA, DIGEST_SHA256, BYTES_LIT("said"), &signature, &err),
		err);
	assert_ok(key_verify(public, SIGN_ECDSA, DIGEST_SHA256, BYTES_LIT("said"),
			  buf_bytes(&signature), &err),
		err);
	buf_release(&pem);
	buf_release(&signature);
	key_unref(&again);
	key_unref(&public);
	key_unref(&pair);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(key_from_spki__same_bytes_again__same_key),
		cmocka_unit_test(key_from_spki__made_to_share_a_place__itself),
		cmocka_unit_test(key_from_spki__many_keys__each_verifies_its_own),
		cmocka_unit_test(key_from_private__public_key_kept__stays_public),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
