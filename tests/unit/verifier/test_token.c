/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier/token.h"

#include <stdlib.h>

#include "tests/support/unit.h"
#include "tests/unit/verifier/fakes.h"

#define KEY_TEXT "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n"

static struct token_key key;
static struct fake_clock clock_;
static struct err err;

static int setup(void **state)
{
	(void)state;
	clock_ = (struct fake_clock){{&fake_clock_ops}, 1800000000, 5000};
	assert_ok(token_key_parse(BYTES_LIT(KEY_TEXT), &random_system, &key, &err), err);
	return 0;
}

static struct context_challenge sample(void)
{
	struct context_challenge c = {.purpose = PURPOSE_RENEW, .counter = 7, .tree_size = 41};
	memset(c.host_id, 0xa1, sizeof(c.host_id));
	memset(c.instance, 0xb2, sizeof(c.instance));
	memset(c.tree_root, 0xc3, sizeof(c.tree_root));
	return c;
}

static void issue(struct buf *token, struct context_challenge *what)
{
	*what = sample();
	assert_ok(challenge_issue(&key, &random_system, &clock_.base, 120, what, token, &err), err);
	assert_true(token->len <= CHALLENGE_MAX);
}

static enum challenge_fault open_token(struct bytes token, struct context_challenge *ret)
{
	enum challenge_fault fault;
	assert_ok(challenge_open(&key, &clock_.base, token, ret, &fault, &err), err);
	return fault;
}

static void challenge__issued__opens_to_the_same(void **state)
{
	(void)state;
	struct buf token = {0};
	struct context_challenge made, opened;
	uint8_t nonce[SHA256_LEN];
	issue(&token, &made);
	assert_int_equal(made.issued, 1800000000);
	assert_int_equal(made.expires, 1800000120);
	assert_int_equal(open_token(buf_bytes(&token), &opened), CHALLENGE_GOOD);
	assert_memory_equal(&made, &opened, sizeof(made));
	assert_true(sha256_of(buf_bytes(&token), nonce, &err));
	assert_memory_equal(nonce, opened.nonce, SHA256_LEN);
	buf_release(&token);
}

static void challenge__any_bit_flipped__forged(void **state)
{
	(void)state;
	struct buf token = {0};
	struct context_challenge made, opened;
	static const struct context_challenge nothing;
	issue(&token, &made);
	for (size_t i = 0; i < token.len * 8; i++) {
		token.data[i / 8] ^= (uint8_t)(1u << (i % 8));
		assert_int_equal(open_token(buf_bytes(&token), &opened), CHALLENGE_FORGED);
		assert_memory_equal(&opened, &nothing, sizeof(opened));
		token.data[i / 8] ^= (uint8_t)(1u << (i % 8));
	}
	assert_int_equal(open_token(buf_bytes(&token), &opened), CHALLENGE_GOOD);
	buf_release(&token);
}

static void challenge__cut_or_longer__forged(void **state)
{
	(void)state;
	struct buf token = {0};
	struct context_challenge made, opened;
	issue(&token, &made);
	for (size_t n = 0; n < token.len; n++)
		assert_int_equal(open_token(bytes_of(token.data, n), &opened), CHALLENGE_FORGED);
	buf_put_u8(&token, 0);
	assert_int_equal(open_token(buf_bytes(&token), &opened), CHALLENGE_FORGED);
	(void)buf_extend(&token, 2 * CHALLENGE_MAX);
	assert_int_equal(open_token(buf_bytes(&token), &opened), CHALLENGE_FORGED);
	buf_release(&token);
}

static void challenge__other_key__forged(void **state)
{
	(void)state;
	struct buf token = {0};
	struct context_challenge made, opened;
	issue(&token, &made);
	key.key[31] ^= 1;
	assert_int_equal(open_token(buf_bytes(&token), &opened), CHALLENGE_FORGED);
	buf_release(&token);
}

static void challenge__wall_clock_set_back__late_all_the_same(void **state)
{
	(void)state;
	struct buf token = {0};
	struct context_challenge made, opened;
	issue(&token, &made);
	clock_.wall -= 86400;
	clock_.ms += 119999;
	assert_int_equal(open_token(buf_bytes(&token), &opened), CHALLENGE_GOOD);
	clock_.ms += 1;
	assert_int_equal(open_token(buf_bytes(&token), &opened), CHALLENGE_LATE);
	/* Another process has another monotonic clock: there the wall clock, judged by the appraisal, has to do. */
	memset(key.process, 0, sizeof(key.process));
	assert_int_equal(open_token(buf_bytes(&token), &opened), CHALLENGE_GOOD);
	buf_release(&token);
}

static void challenge__no_randomness__none_issued(void **state)
{
	(void)state;
	struct fake_random broken = {{&fake_random_ops}, true};
	struct context_challenge what = sample();
	struct buf token = {0};
	assert_fails(challenge_issue(&key, &broken.base, &clock_.base, 120, &what, &token, &err),
		err, ERR_CRYPTO, "challenge: random: out of order");
	assert_int_equal(token.len, 0);
	assert_fails(challenge_issue(&key, &random_system, &clock_.base, 0, &what, &token, &err),
		err, ERR_INTERNAL, "challenge without a lifetime");
}

static int by_bytes(const void *a, const void *b)
{
	return memcmp(a, b, SHA256_LEN);
}

static void challenge__many__all_different(void **state)
{
	(void)state;
	enum { MANY = 100000 };
	uint8_t(*nonces)[SHA256_LEN] = calloc(MANY, sizeof(*nonces));
	assert_non_null(nonces);
	for (size_t i = 0; i < MANY; i++) {
		struct buf token = {0};
		struct context_challenge made;
		issue(&token, &made);
		memcpy(nonces[i], made.nonce, SHA256_LEN);
		buf_release(&token);
	}
	qsort(nonces, MANY, sizeof(*nonces), by_bytes);
	for (size_t i = 1; i < MANY; i++)
		assert_int_not_equal(memcmp(nonces[i - 1], nonces[i], SHA256_LEN), 0);
	free(nonces);
}

static void token_key__not_32_bytes_of_hex__refused(void **state)
{
	(void)state;
	static const char *const bad[] = {"", "00", "zz",
		"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1F",
		"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f00"};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_fails(token_key_parse(bytes_str(bad[i]), &random_system, &key, &err), err,
			ERR_CONFIG, "expected 32 bytes as lower-case hex");
	token_key_wipe(&key);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(challenge__issued__opens_to_the_same, setup),
		cmocka_unit_test_setup(challenge__any_bit_flipped__forged, setup),
		cmocka_unit_test_setup(challenge__cut_or_longer__forged, setup),
		cmocka_unit_test_setup(challenge__other_key__forged, setup),
		cmocka_unit_test_setup(challenge__wall_clock_set_back__late_all_the_same, setup),
		cmocka_unit_test_setup(challenge__no_randomness__none_issued, setup),
		cmocka_unit_test_setup(challenge__many__all_different, setup),
		cmocka_unit_test_setup(token_key__not_32_bytes_of_hex__refused, setup),
	};
	fakes_used();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
