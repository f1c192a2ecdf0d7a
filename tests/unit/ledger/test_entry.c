/* SPDX-License-Identifier: Apache-2.0 */
/* An entry with what lies beside it: read strictly, written the same, proved in each part. */
#include "ledger/entry.h"

#include "base/text.h"
#include "tests/support/unit.h"

static struct err err;
static struct ledger_entry entry;
static uint8_t root[SHA256_LEN];

/* The second of two leaves. */
static int setup(void **state)
{
	static const uint8_t sibling[SHA256_LEN] = {7};
	struct leaf leaf = {.type = LEAF_HOST_STATE, .time = 1800000000};
	(void)state;
	memset(&entry, 0, sizeof(entry));
	entry.index = 1;
	entry.type = leaf.type;
	entry.time = leaf.time;
	memset(entry.salt, 5, sizeof(entry.salt));
	buf_put_str(&entry.content, "{\"event\":\"host-state\"}");
	buf_put(&entry.proof, BYTES_OF(sibling));
	return ledger_commitment(entry.salt, buf_bytes(&entry.content), leaf.commitment, &err) &&
			       leaf_encode(&leaf, &entry.leaf, &err) &&
			       leaf_hash(buf_bytes(&entry.leaf), entry.id, &err) &&
			       tree_node_hash(sibling, entry.id, root, &err)
		       ? 0
		       : -1;
}

static int teardown(void **state)
{
	(void)state;
	ledger_entry_release(&entry);
	return 0;
}

static void entry__written__read_back_and_proved(void **state)
{
	struct ledger_entry back = {0};
	json_t *value = ledger_entry_json(&entry), *again;
	(void)state;
	assert_non_null(value);
	assert_ok(ledger_entry_read(value, &back, &err), err);
	assert_ok(ledger_entry_check(&back, 2, root, &err), err);
	assert_string_equal(json_string_value(json_object_get(back.said, "event")), "host-state");
	again = ledger_entry_json(&back);
	assert_true(json_equal(value, again));
	json_decref(value);
	json_decref(again);
	ledger_entry_release(&back);
}

static void entry__destroyed__proved_without_content(void **state)
{
	struct ledger_entry back = {0};
	json_t *value;
	(void)state;
	entry.destroyed = true;
	value = ledger_entry_json(&entry);
	assert_true(json_is_null(json_object_get(value, "content")));
	assert_ok(ledger_entry_read(value, &back, &err), err);
	assert_true(back.destroyed);
	assert_null(back.said);
	assert_ok(ledger_entry_check(&back, 2, root, &err), err);
	json_decref(value);
	ledger_entry_release(&back);
}

static void entry__altered__each_part_found(void **state)
{
	(void)state;
	entry.content.data[3] ^= 1;
	assert_fails(ledger_entry_check(&entry, 2, root, &err), err, ERR_MISMATCH,
		"entry 1: the leaf commits to another content");
	entry.content.data[3] ^= 1;
	entry.salt[0] ^= 1;
	assert_fails(ledger_entry_check(&entry, 2, root, &err), err, ERR_MISMATCH,
		"entry 1: the leaf commits to another content");
	entry.salt[0] ^= 1;
	entry.id[0] ^= 1;
	assert_fails(ledger_entry_check(&entry, 2, root, &err), err, ERR_MISMATCH,
		"entry 1: its id is not the hash of its leaf");
	entry.id[0] ^= 1;
	entry.type = LEAF_RELEASE;
	assert_fails(ledger_entry_check(&entry, 2, root, &err), err, ERR_MISMATCH,
		"entry 1: its leaf is of another type");
	entry.type = LEAF_HOST_STATE;
	entry.time++;
	assert_fails(ledger_entry_check(&entry, 2, root, &err), err, ERR_MISMATCH,
		"entry 1: its leaf tells another time");
	entry.time--;
	entry.proof.data[0] ^= 1;
	assert_fails(ledger_entry_check(&entry, 2, root, &err), err, ERR_MISMATCH,
		"entry 1: inclusion: proof: leads to another root than the stated one");
	entry.proof.data[0] ^= 1;
	assert_ok(ledger_entry_check(&entry, 2, root, &err), err);
}

static void entry__fields_amiss__named(void **state)
{
	static const struct {
		const char *key, *value, *message;
	} wrong[] = {
		{"type", "nonsense", "entry 1: entry: type: unknown"},
		{"time", "now", "entry 1: entry: time: not a time"},
		{"id", "00", "entry 1: entry: id: expected lower-case hex of the right length"},
		{"leaf", "=", "entry 1: entry: leaf: expected base64 of a bounded length"},
		{"proof", "!", "entry 1: entry: proof: expected base64 of a bounded length"},
		{"content", "!", "entry 1: entry: content: expected base64 of a bounded length"},
		{"other", "", "entry 0: entry: other: unknown key"},
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		struct ledger_entry back = {0};
		json_t *value = ledger_entry_json(&entry);
		assert_int_equal(
			json_object_set_new(value, wrong[i].key, json_string(wrong[i].value)), 0);
		assert_fails(
			ledger_entry_read(value, &back, &err), err, ERR_FORMAT, wrong[i].message);
		json_decref(value);
	}
}

static void page__read__bounds_held(void **state)
{
	struct entry_page page;
	json_t *entries = json_array(), *value;
	char digest[2 * SHA256_LEN + 1];
	(void)state;
	hex_encode(BYTES_OF(root), digest);
	value = json_pack("{s:i, s:s, s:n, s:O, s:i}", "tree_size", 2, "tree_root", digest,
		"checkpoint", "entries", entries, "next", 17);
	assert_ok(entry_page_read(value, &page, &err), err);
	assert_true(page.more);
	assert_int_equal(page.next, 17);
	assert_null(page.checkpoint);
	for (unsigned i = 0; i < ENTRIES_PAGE_MAX + 2; i++)
		assert_int_equal(json_array_append_new(entries, json_null()), 0);
	assert_fails(entry_page_read(value, &page, &err), err, ERR_FORMAT,
		"entries: entries: too many items");
	json_decref(value);
	json_decref(entries);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(entry__written__read_back_and_proved),
		TEST(entry__destroyed__proved_without_content),
		TEST(entry__altered__each_part_found),
		TEST(entry__fields_amiss__named),
		TEST(page__read__bounds_held),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
