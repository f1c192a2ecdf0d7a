/* SPDX-License-Identifier: Apache-2.0 */
/* Offline proofs, and what a witness cosigns and refuses. */
#include "ledger/tlog_proof.h"

#include "base/text.h"

#include "ledger/ledger.h"
#include "ledger/tlog_policy.h"
#include "tests/support/tree_proof.h"
#include "tests/support/unit.h"
#include "tests/support/vectors.h"

#define LEAVES 40u
#define ORIGIN "log.example"

static uint8_t leaves[LEAVES][SHA256_LEN];
static struct key *pair;
static struct note_key key;
static struct tlog_proof proof, back;
static struct witness_request request, request_back;
static struct buf note, out;
static struct bytes text;
static struct checkpoint checkpoint;
static struct err err;

static int group_setup(void **state)
{
	(void)state;
	for (unsigned i = 0; i < LEAVES; i++) {
		char word[32];

		snprintf(word, sizeof(word), "leaf %u", i);
		assert_ok(leaf_hash(bytes_str(word), leaves[i], &err), err);
	}
	assert_ok(key_generate(KEY_ED25519, &pair, &err), err);
	assert_ok(note_key_of(ORIGIN, pair, &key, &err), err);
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	note_key_release(&key);
	key_unref(&pair);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	tlog_proof_release(&proof);
	tlog_proof_release(&back);
	witness_request_release(&request);
	witness_request_release(&request_back);
	buf_release(&note);
	buf_release(&out);
	return 0;
}

static struct tile_source source(uint64_t size)
{
	return (struct tile_source){.size = size, .read = tree_proof_read, .arg = leaves};
}

static void note_make(uint64_t size, const char *origin)
{
	struct buf body = {0};
	struct tile_source tiles = source(LEAVES);
	struct checkpoint made = {.origin = bytes_str(origin), .size = size};

	assert_ok(tiles_root(&tiles, size, made.root, &err), err);
	assert_ok(checkpoint_write(&made, &body, &err), err);
	buf_release(&note);
	assert_ok(note_sign(buf_bytes(&body), &key, &note, &err), err);
	buf_release(&body);
}

static void proof_make(uint64_t index, uint64_t size)
{
	struct tile_source tiles = source(LEAVES);

	note_make(size, ORIGIN);
	tlog_proof_release(&proof);
	proof.index = index;
	assert_ok(tiles_inclusion(&tiles, index, size, &proof.hashes, &err), err);
	proof.checkpoint = buf_bytes(&note);
}

static void proof__every_leaf__written_read_and_verified(void **state)
{
	(void)state;
	for (uint64_t size = 1; size <= LEAVES; size += 13)
		for (uint64_t i = 0; i < size; i++) {
			proof_make(i, size);
			if (i & 1)
				buf_put_str(&proof.extra, "more");
			buf_clear(&out);
			assert_ok(tlog_proof_write(&proof, &out, &err), err);
			tlog_proof_release(&back);
			assert_ok(tlog_proof_parse(buf_bytes(&out), &back, &err), err);
			assert_bytes(buf_bytes(&back.extra), buf_bytes(&proof.extra));
			assert_ok(
				tlog_proof_verify(&back, &key, leaves[i], &checkpoint, &err), err);
			assert_int_equal(checkpoint.size, size);
			assert_false(tlog_proof_verify(
				&back, &key, leaves[(i + 1) % LEAVES], NULL, &err));
		}
}

static struct tlog_policy *policy_of(const char *quorum)
{
	struct tlog_policy *policy = NULL;
	struct buf words = {0};

	buf_put_str(&words, "log ");
	assert_ok(note_key_write(&key, &words, &err), err);
	buf_put_str(&words, quorum);
	assert_ok(tlog_policy_parse(buf_bytes(&words), &policy, &err), err);
	buf_release(&words);
	return policy;
}

/* A leaf in a tree that the policy's log signed, and that its quorum saw; nothing less. */
static void T8__proof_by_a_policy__of_its_log_its_quorum_and_this_leaf(void **state)
{
	struct tlog_policy *none = policy_of("\nquorum none\n");
	struct tlog_policy *one =
		policy_of("\nwitness W witness.example/w1+e8a3178d+"
			  "BA512FhsNw83JujiUX38FXstdRVS+oUVK9JR2+OYaXes\nquorum W\n");
	struct tlog_cosigned tree;

	(void)state;
	proof_make(7, 13);
	assert_ok(tlog_policy_prove(none, &proof, leaves[7], &tree, &err), err);
	assert_int_equal(tree.checkpoint.size, 13);
	assert_fails(tlog_policy_prove(none, &proof, leaves[8], &tree, &err), err, ERR_MISMATCH,
		"proof: leads to another root than the stated one");
	assert_fails(tlog_policy_prove(one, &proof, leaves[7], &tree, &err), err, ERR_MISMATCH,
		"checkpoint: 0 of its witnesses are no quorum");
	note_make(13, "log2.example");
	proof.checkpoint = buf_bytes(&note);
	assert_false(tlog_policy_prove(none, &proof, leaves[7], &tree, &err));
	assert_int_equal(err.code, ERR_MISMATCH);
	tlog_policy_free(&none);
	tlog_policy_free(&one);
}

/* T5, T8: every byte of the file, changed, proves something else or nothing. */
static void T5__proof_bent_anywhere__never_verifies(void **state)
{
	(void)state;
	proof_make(7, 13);
	assert_ok(tlog_proof_write(&proof, &out, &err), err);
	for (size_t i = 0; i < out.len; i++) {
		out.data[i] ^= 1;
		tlog_proof_release(&back);
		if (tlog_proof_parse(buf_bytes(&out), &back, &err))
			assert_false(tlog_proof_verify(&back, &key, leaves[7], NULL, &err));
		out.data[i] ^= 1;
	}
	for (size_t n = 0; n < out.len; n++) {
		tlog_proof_release(&back);
		if (tlog_proof_parse(bytes_of(out.data, n), &back, &err))
			assert_false(tlog_proof_verify(&back, &key, leaves[7], NULL, &err));
	}
}

static void T8__proof_of_another_log__refused(void **state)
{
	struct note_key other = {0};

	(void)state;
	proof_make(7, 13);
	note_make(13, "log2.example");
	proof.checkpoint = buf_bytes(&note);
	assert_fails(tlog_proof_verify(&proof, &key, leaves[7], NULL, &err), err, ERR_MISMATCH,
		"proof: the checkpoint is of log \"log2.example\", not log.example");
	assert_ok(note_key_of("log3.example", pair, &other, &err), err);
	assert_fails(tlog_proof_verify(&proof, &other, leaves[7], NULL, &err), err, ERR_MISMATCH,
		"note: no signature by log3.example");
	note_key_release(&other);
}

static void proof__other_forms__refused(void **state)
{
#define HEAD "c2sp.org/tlog-proof@v1\n"
	static const struct {
		const char *text, *error;
	} cases[] = {
		{"", "proof: does not begin with c2sp.org/tlog-proof@v1"},
		{"c2sp.org/tlog-proof@v2\n", "proof: does not begin with c2sp.org/tlog-proof@v1"},
		{HEAD, "proof: no index"},
		{HEAD "index\n", "proof: no index"},
		{HEAD "index 01\n", "proof: no index"},
		{HEAD "index -1\n", "proof: no index"},
		{HEAD "index 18446744073709551616\n", "proof: no index"},
		{HEAD "extra YQ==\n", "proof: no index"},
		{HEAD "extra YQ==\nextra YQ==\nindex 0\n\nx\n", "proof: no index"},
		{HEAD "index 0\n", "proof: no empty line behind the hashes"},
		{HEAD "index 0\n\n", "proof: no checkpoint"},
		{HEAD "index 0\nYQ==\n\nx\n", "proof: hash 0: 1 bytes"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_fails(tlog_proof_parse(bytes_str(cases[i].text), &back, &err), err,
			ERR_FORMAT, cases[i].error);
	buf_put_str(&out, HEAD "index 0\n");
	for (int i = 0; i < 64; i++)
		buf_put_str(&out, "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n");
	buf_put_str(&out, "\nx\n");
	assert_fails(tlog_proof_parse(buf_bytes(&out), &back, &err), err, ERR_LIMIT,
		"proof: more than 63 hashes");
	buf_put_str(&proof.hashes, "short");
	assert_fails(tlog_proof_write(&proof, &out, &err), err, ERR_USAGE,
		"proof: 5 bytes are no list of hashes");
}

static void vector__leaf_42_of_300__verified(void **state)
{
	struct buf file = {0}, keys = {0};
	struct note_key log = {0}, witness = {0};
	struct bytes rest, line;
	uint8_t leaf[SHA256_LEN];
	int64_t time = 0;

	(void)state;
	if (!vectors_read("made/tlog/leaf42.tlog-proof", &file) ||
		!vectors_read("made/tlog/keys.txt", &keys)) {
		buf_release(&file);
		skip();
	}
	rest = buf_bytes(&keys);
	assert_true(text_next_line(&rest, &line));
	assert_ok(note_key_parse(line, &log, &err), err);
	assert_true(text_next_line(&rest, &line));
	assert_ok(note_key_parse(line, &witness, &err), err);
	assert_true(witness.cosigner);
	assert_ok(note_key_write(&witness, &out, &err), err);
	assert_bytes(buf_bytes(&out), line);
	assert_ok(tlog_proof_parse(buf_bytes(&file), &back, &err), err);
	assert_ok(leaf_hash(BYTES_LIT("leaf 42"), leaf, &err), err);
	assert_ok(tlog_proof_verify(&back, &log, leaf, &checkpoint, &err), err);
	assert_int_equal(checkpoint.size, 300);
	assert_ok(note_cosigned(back.checkpoint, &witness, &text, &time, &err), err);
	assert_int_equal(time, 1767139200);
	note_key_release(&log);
	note_key_release(&witness);
	buf_release(&file);
	buf_release(&keys);
}

/* ---- witnesses ---- */

static void request_make(uint64_t old_size, uint64_t new_size)
{
	struct tile_source tiles = source(LEAVES);

	note_make(new_size, ORIGIN);
	witness_request_release(&request);
	request.old_size = old_size;
	assert_ok(tiles_consistency(&tiles, old_size, new_size, &request.hashes, &err), err);
	request.checkpoint = buf_bytes(&note);
}

static struct witness_state state_of(uint64_t size)
{
	struct tile_source tiles = source(LEAVES);
	struct witness_state state = {.size = size};

	assert_ok(tiles_root(&tiles, size, state.root, &err), err);
	return state;
}

static struct witness_state after;

static enum witness_answer judge(const struct witness_state *state)
{
	enum witness_answer answer = WITNESS_COSIGNS;

	err = (struct err){0};
	if (!witness_judge(&request, &key, state, &answer, &after, &text, &err))
		fail_msg("%s", err.text);
	return answer;
}

static void witness__growing_log__cosigned_at_every_size(void **state)
{
	struct witness_state now = {0};

	(void)state;
	for (uint64_t size = 0; size <= LEAVES; size += 5) {
		struct witness_state wanted = state_of(size);

		request_make(now.size, size);
		buf_clear(&out);
		assert_ok(witness_request_write(&request, &out, &err), err);
		assert_ok(witness_request_parse(buf_bytes(&out), &request_back, &err), err);
		assert_int_equal(request_back.old_size, now.size);
		assert_bytes(buf_bytes(&request_back.hashes), buf_bytes(&request.hashes));
		assert_bytes(request_back.checkpoint, request.checkpoint);
		assert_ok(witness_request_origin(&request_back, &text, &err), err);
		assert_true(bytes_equal_str(text, ORIGIN));
		witness_request_release(&request_back);
		assert_int_equal(judge(&now), WITNESS_COSIGNS);
		assert_int_equal(after.size, size);
		assert_memory_equal(after.root, wanted.root, SHA256_LEN);
		now = after;
	}
	/* The same again. */
	request_make(now.size, now.size);
	assert_int_equal(judge(&now), WITNESS_COSIGNS);
}

/* T4: what was seen is not forgotten. */
static void T4__smaller_tree__refused(void **state)
{
	struct witness_state now = state_of(20);

	(void)state;
	request_make(10, 15);
	assert_int_equal(judge(&now), WITNESS_BEHIND);
	assert_string_equal(err.text, "the last cosigned size is 20, not 10");
	request.old_size = 20;
	assert_int_equal(judge(&now), WITNESS_MALFORMED);
	assert_string_equal(err.text, "the old size 20 is above the new one, 15");
	request_make(0, 30);
	assert_int_equal(judge(&now), WITNESS_BEHIND);
}

/* T3: two trees of one size. */
static void T3__another_tree_of_the_same_size__a_fork(void **state)
{
	struct witness_state now = state_of(20);

	(void)state;
	now.root[0] ^= 1;
	request_make(20, 20);
	assert_int_equal(judge(&now), WITNESS_FORK);
	assert_string_equal(err.text, "another tree of size 20 was cosigned before");
	/* Whatever is said of the old size. */
	request_make(0, 20);
	assert_int_equal(judge(&now), WITNESS_FORK);
	/* And one that grew out of another tree. */
	request_make(20, 30);
	assert_int_equal(judge(&now), WITNESS_UNPROVEN);
	assert_string_equal(err.text, "proof: leads to another root than the old one");
}

static void T5__consistency_proof_bent__refused(void **state)
{
	struct witness_state now = state_of(13);

	(void)state;
	request_make(13, 40);
	for (size_t i = 0; i < request.hashes.len; i++) {
		request.hashes.data[i] ^= 1;
		assert_int_equal(judge(&now), WITNESS_UNPROVEN);
		request.hashes.data[i] ^= 1;
	}
	request.hashes.len -= SHA256_LEN;
	assert_int_equal(judge(&now), WITNESS_UNPROVEN);
	request_make(13, 40);
	buf_put(&request.hashes, BYTES_OF(leaves[0]));
	assert_int_equal(judge(&now), WITNESS_UNPROVEN);
	/* Nothing is to be proven from nothing. */
	now = (struct witness_state){0};
	request_make(0, 40);
	assert_int_equal(judge(&now), WITNESS_COSIGNS);
	buf_put(&request.hashes, BYTES_OF(leaves[0]));
	assert_int_equal(judge(&now), WITNESS_UNPROVEN);
}

static void T8__checkpoint_unsigned_or_of_another_log__refused(void **state)
{
	struct witness_state now = {0};
	struct note_key other = {0};

	(void)state;
	request_make(0, 5);
	note.data[note.len - 10] ^= 1;
	assert_int_equal(judge(&now), WITNESS_UNSIGNED);
	note_make(5, "log2.example");
	request.checkpoint = buf_bytes(&note);
	assert_int_equal(judge(&now), WITNESS_UNSIGNED);
	assert_string_equal(err.text, "the checkpoint is of another log");
	assert_ok(note_key_of("log3.example", pair, &other, &err), err);
	buf_release(&note);
	assert_ok(note_sign(BYTES_LIT(ORIGIN "\n"), &other, &note, &err), err);
	request.checkpoint = buf_bytes(&note);
	assert_int_equal(judge(&now), WITNESS_UNSIGNED);
	buf_release(&note);
	assert_ok(note_sign(BYTES_LIT("x\n"), &key, &note, &err), err);
	request.checkpoint = buf_bytes(&note);
	assert_int_equal(judge(&now), WITNESS_UNSIGNED);
	note_key_release(&other);
}

static void witness__other_forms_of_requests__refused(void **state)
{
	static const char *const bodies[] = {"", "old", "old \n\nx\n", "old 01\n\nx\n",
		"old -1\n\nx\n", "new 1\n\nx\n", "old 1\n", "old 1\n\n", "old 1\nYQ==\n\nx\n",
		"old 1 \n\nx\n", "old  1\n\nx\n"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
		if (witness_request_parse(bytes_str(bodies[i]), &request_back, &err))
			fail_msg("read: %s", bodies[i]);
		assert_int_equal(err.code, ERR_FORMAT);
	}
	request.checkpoint = BYTES_LIT("no line");
	assert_false(witness_request_origin(&request, &text, &err));
	request.checkpoint = BYTES_LIT("\nx\n");
	assert_false(witness_request_origin(&request, &text, &err));
}

static void witness__answers__statuses(void **state)
{
	(void)state;
	assert_int_equal(witness_answer_status(WITNESS_COSIGNS), 200);
	assert_int_equal(witness_answer_status(WITNESS_MALFORMED), 400);
	assert_int_equal(witness_answer_status(WITNESS_UNSIGNED), 403);
	assert_int_equal(witness_answer_status(WITNESS_BEHIND), 409);
	assert_int_equal(witness_answer_status(WITNESS_FORK), 409);
	assert_int_equal(witness_answer_status(WITNESS_UNPROVEN), 422);
}

int main(void)
{
#define T(f) cmocka_unit_test_teardown(f, teardown)
	const struct CMUnitTest tests[] = {
		T(proof__every_leaf__written_read_and_verified),
		T(T8__proof_by_a_policy__of_its_log_its_quorum_and_this_leaf),
		T(T5__proof_bent_anywhere__never_verifies),
		T(T8__proof_of_another_log__refused),
		T(proof__other_forms__refused),
		T(vector__leaf_42_of_300__verified),
		T(witness__growing_log__cosigned_at_every_size),
		T(T4__smaller_tree__refused),
		T(T3__another_tree_of_the_same_size__a_fork),
		T(T5__consistency_proof_bent__refused),
		T(T8__checkpoint_unsigned_or_of_another_log__refused),
		T(witness__other_forms_of_requests__refused),
		T(witness__answers__statuses),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
