/* SPDX-License-Identifier: Apache-2.0 */
/*
 * S9, T3: power that goes at a moment of chance, below a witness's state. Whatever is left, it opens, it knows every tree that
 * it cosigned for somebody, and so it never signs a second history; then it goes on from there.
 *
 * 200 cuts; ASSAY_LONG=1: 10,000.
 */
#include "tests/fault/power.h"

#include "base/time.h"
#include "ledger/ledger.h"
#include "ledger/tlog_proof.h"
#include "tests/support/tree_proof.h"
#include "witness/witness.h"

#define LEAVES 60u
#define ORIGIN "log.example"

static char place[64], root[96], target[96];
static uint8_t leaves[2][LEAVES][SHA256_LEN]; /* two histories that part at the first leaf */
static struct key *log_pair, *witness_pair;
static struct note_key log_key, cosigner;
static struct tlog_policy *policy;
static struct witness *witness;
static const struct log quiet = {.fd = -1};
static struct err err;

static void start(const char *directory)
{
	const struct witness_config config = {.policy = policy,
		.cosigner = &cosigner,
		.directory = directory,
		.clock = &clock_system,
		.log = &quiet};
	assert_ok(witness_open(&config, &witness, &err), err);
}

/* Asks it to cosign; what it answers, and the size that it says it knows (409). */
static int add(unsigned history, uint64_t from, uint64_t to, uint64_t *ret_known)
{
	struct buf note = {0}, text = {0}, body = {0};
	struct tile_source tiles = {
		.size = LEAVES, .read = tree_proof_read, .arg = leaves[history]};
	struct checkpoint made = {.origin = BYTES_LIT(ORIGIN), .size = to};
	struct witness_request request = {.old_size = from};
	struct witness_reply reply = {0};
	assert_ok(tiles_root(&tiles, to, made.root, &err), err);
	assert_ok(checkpoint_write(&made, &text, &err), err);
	assert_ok(note_sign(buf_bytes(&text), &log_key, &note, &err), err);
	request.checkpoint = buf_bytes(&note);
	assert_ok(tiles_consistency(&tiles, from, to, &request.hashes, &err), err);
	assert_ok(witness_request_write(&request, &body, &err), err);
	witness_add(witness, buf_bytes(&body), &reply);
	int status = reply.status;
	if (ret_known)
		*ret_known = status == 409 ? strtoull(buf_str(&reply.body), NULL, 10) : 0;
	witness_reply_release(&reply);
	buf_release(&request.hashes);
	buf_release(&note);
	buf_release(&text);
	buf_release(&body);
	return status;
}

static void record(void)
{
	uint64_t size = 0;
	power_begin(root);
	start(root);
	while (size < LEAVES - 12) {
		uint64_t next = size + 1 + power_random(5);
		assert_int_equal(add(0, size, next, NULL), 200);
		power_say(1, next);
		size = next;
		if (power_random(4) == 0)
			assert_int_equal(add(0, size, size, NULL), 200);
		if (power_random(6) == 0)
			assert_int_equal(add(1, size, size, NULL), 409);
		if (power_random(6) == 0) {
			witness_close(&witness);
			start(root);
		}
	}
	witness_close(&witness);
	power_end();
}

static void cut_and_look(size_t at)
{
	uint64_t told = power_said(1, at), known = 0;
	power_place_remove(target);
	assert_int_equal(mkdir(target, 0700), 0);
	power_cut(at, target);
	start(target);
	/* Of another size than it can know: it says what it knows. */
	if (add(0, LEAVES - 1, LEAVES, &known) == 409)
		assert_in_range(known, told, LEAVES - 6);
	else
		fail_msg("a size that was never signed is taken for known");
	if (known > 0)
		assert_int_equal(add(1, known, known, NULL), 409);
	assert_int_equal(add(0, known, LEAVES - 1, NULL), 200);
	assert_int_equal(add(0, LEAVES - 1, LEAVES, NULL), 200);
	witness_close(&witness);
}

static void S9__power_cut_at_any_moment__witness_knows_what_it_signed(void **state)
{
	size_t wanted = power_cuts_wanted(200), done = 0;
	(void)state;
	power_seed = 88172645463325252u;
	while (done < wanted) {
		power_place_remove(root);
		assert_int_equal(mkdir(root, 0700), 0);
		record();
		for (size_t i = 0; i < 100 && done < wanted; i++, done++)
			cut_and_look(power.start + power_random(power.count - power.start + 1));
		power_release();
	}
	print_message("%zu cuts\n", done);
}

static int setup(void **state)
{
	struct buf text = {0};
	(void)state;
	power_place_make(place);
	(void)snprintf(root, sizeof(root), "%s/state", place);
	(void)snprintf(target, sizeof(target), "%s/after", place);
	for (unsigned history = 0; history < 2; history++)
		for (unsigned i = 0; i < LEAVES; i++) {
			char word[32];
			(void)snprintf(word, sizeof(word), "%s %u", history ? "other" : "leaf", i);
			assert_ok(leaf_hash(bytes_str(word), leaves[history][i], &err), err);
		}
	assert_ok(key_generate(KEY_ED25519, &log_pair, &err), err);
	assert_ok(key_generate(KEY_ED25519, &witness_pair, &err), err);
	assert_ok(note_key_of(ORIGIN, log_pair, &log_key, &err), err);
	assert_ok(note_cosigner_of("w.example", witness_pair, &cosigner, &err), err);
	buf_put_str(&text, "log ");
	assert_ok(note_key_write(&log_key, &text, &err), err);
	buf_put_str(&text, "\nquorum none\n");
	assert_ok(tlog_policy_parse(buf_bytes(&text), &policy, &err), err);
	buf_release(&text);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	witness_close(&witness);
	power_end();
	power_release();
	tlog_policy_free(&policy);
	note_key_release(&log_key);
	note_key_release(&cosigner);
	key_unref(&log_pair);
	key_unref(&witness_pair);
	power_place_remove(place);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(
		S9__power_cut_at_any_moment__witness_knows_what_it_signed, setup, teardown)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
