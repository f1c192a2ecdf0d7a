/* SPDX-License-Identifier: Apache-2.0 */
/* cli/story.c: nothing is told that was not found in the tree; each entry once, in order. */
#include "cli/story.h"

#include "crypto/note.h"
#include "tests/support/unit.h"

static struct err err;
static struct story story;
static struct buf note;
static struct note_key log_key;
static struct key *key;

static struct ledger_entry entry_of(uint64_t index, const char *content)
{
	struct ledger_entry e = {.index = index, .type = LEAF_POLICY, .time = 1800000000};
	struct leaf leaf = {.type = e.type, .time = e.time};
	buf_put_str(&e.content, content);
	assert_ok(ledger_commitment(e.salt, buf_bytes(&e.content), leaf.commitment, &err), err);
	assert_ok(leaf_encode(&leaf, &e.leaf, &err), err);
	assert_ok(leaf_hash(buf_bytes(&e.leaf), e.id, &err), err);
	assert_ok(ledger_entry_open(&e, &err), err);
	return e;
}

/* A log of two leaves, and the note over it. */
static void tree(struct ledger_entry *first, struct ledger_entry *second)
{
	struct buf text = {0};
	struct checkpoint checkpoint = {.origin = BYTES_LIT("log.example"), .size = 2};
	*first = entry_of(0, "{\"event\":\"policy\",\"version\":1}");
	*second = entry_of(1, "{\"event\":\"policy\",\"version\":2}");
	buf_put(&first->proof, BYTES_OF(second->id));
	buf_put(&second->proof, BYTES_OF(first->id));
	assert_ok(tree_node_hash(first->id, second->id, checkpoint.root, &err), err);
	assert_ok(checkpoint_write(&checkpoint, &text, &err), err);
	assert_ok(key_generate(KEY_ED25519, &key, &err), err);
	assert_ok(note_key_of("log.example", key, &log_key, &err), err);
	assert_ok(note_sign(buf_bytes(&text), &log_key, &note, &err), err);
	buf_release(&text);
}

static int teardown(void **state)
{
	(void)state;
	story_release(&story);
	buf_release(&note);
	note_key_release(&log_key);
	key_unref(&key);
	return 0;
}

static void story__entries__sorted_and_each_once(void **state)
{
	struct ledger_entry a, b, again;
	json_t *lines = NULL;
	(void)state;
	tree(&a, &b);
	assert_ok(story_tree(&story, buf_bytes(&note), NULL, &err), err);
	assert_false(story.tree_proven);
	again = entry_of(1, "{\"event\":\"policy\",\"version\":2}");
	buf_put(&again.proof, BYTES_OF(a.id));
	assert_ok(story_take(&story, &b, false, &err), err);
	assert_ok(story_take(&story, &a, false, &err), err);
	assert_ok(story_take(&story, &again, false, &err), err);
	story_sort(&story);
	assert_int_equal(story.count, 2);
	assert_ok(story_lines(&story, NULL, 0, &lines, &err), err);
	assert_int_equal(json_array_size(lines), 2);
	assert_string_equal(json_string_value(json_object_get(json_array_get(lines, 0), "text")),
		"policy version 1 in force");
	json_decref(lines);
}

static void story__entry_of_no_such_tree__refused(void **state)
{
	struct ledger_entry a, b;
	(void)state;
	tree(&a, &b);
	assert_ok(story_tree(&story, buf_bytes(&note), NULL, &err), err);
	a.proof.data[0] ^= 1;
	assert_fails(story_take(&story, &a, false, &err), err, ERR_MISMATCH,
		"entry 0: inclusion: proof: leads to another root than the stated one");
	assert_int_equal(story.count, 0);
	ledger_entry_release(&a);
	ledger_entry_release(&b);
}

static void story__tree_of_a_log_that_is_not_the_pinned_one__refused(void **state)
{
	struct ledger_entry a, b;
	struct tlog_policy *policy = NULL;
	struct buf text = {0}, vkey = {0};
	struct note_key other;
	struct key *stranger = NULL;
	(void)state;
	tree(&a, &b);
	ledger_entry_release(&a);
	ledger_entry_release(&b);
	assert_ok(note_key_write(&log_key, &vkey, &err), err);
	buf_printf(&text, "log %s\nquorum none\n", buf_str(&vkey));
	assert_ok(tlog_policy_parse(buf_bytes(&text), &policy, &err), err);
	assert_ok(story_tree(&story, buf_bytes(&note), policy, &err), err);
	assert_true(story.tree_proven);
	tlog_policy_free(&policy);
	buf_clear(&text);
	buf_clear(&vkey);
	assert_ok(key_generate(KEY_ED25519, &stranger, &err), err);
	assert_ok(note_key_of("log.example", stranger, &other, &err), err);
	assert_ok(note_key_write(&other, &vkey, &err), err);
	buf_printf(&text, "log %s\nquorum none\n", buf_str(&vkey));
	assert_ok(tlog_policy_parse(buf_bytes(&text), &policy, &err), err);
	assert_false(story_tree(&story, buf_bytes(&note), policy, &err));
	assert_int_equal(err.code, ERR_MISMATCH);
	tlog_policy_free(&policy);
	note_key_release(&other);
	key_unref(&stranger);
	buf_release(&text);
	buf_release(&vkey);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(story__entries__sorted_and_each_once, teardown),
		cmocka_unit_test_teardown(story__entry_of_no_such_tree__refused, teardown),
		cmocka_unit_test_teardown(
			story__tree_of_a_log_that_is_not_the_pinned_one__refused, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
