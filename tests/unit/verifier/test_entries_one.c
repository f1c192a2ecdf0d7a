/* SPDX-License-Identifier: Apache-2.0 */
/* GET /v1/entries/{index} (api_entries_one.c): every entry opens to what its leaf commits to. */
#include "ledger/entry.h"
#include "base/text.h"
#include "tests/unit/verifier/world.h"

static struct world w;

static int setup(void **state)
{
	(void)state;
	world_start(&w);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	world_stop(&w);
	return 0;
}

static json_t *entry_at(uint64_t index)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/v1/entries/%llu", (unsigned long long)index);
	return world_json(&w, &w.auditor, "GET", path, NULL, 200);
}

static void assert_opens(const json_t *entry, uint64_t index)
{
	uint8_t salt[LEDGER_SALT_LEN], commitment[SHA256_LEN], hash[SHA256_LEN];
	struct buf leaf_bytes = {0}, content = {0};
	char id[2 * SHA256_LEN + 1];
	struct leaf leaf;
	const char *text = json_string_value(json_object_get(entry, "content"));

	assert_int_equal(json_integer_value(json_object_get(entry, "index")), index);
	assert_ok(base64_decode(bytes_str(json_string_value(json_object_get(entry, "leaf"))), false,
			  LEDGER_LEAF_MAX, &leaf_bytes, &w.err),
		w.err);
	assert_ok(leaf_decode(buf_bytes(&leaf_bytes), &leaf, &w.err), w.err);
	assert_string_equal(
		json_string_value(json_object_get(entry, "type")), leaf_type_name(leaf.type));
	assert_ok(leaf_hash(buf_bytes(&leaf_bytes), hash, &w.err), w.err);
	hex_encode(BYTES_OF(hash), id);
	assert_string_equal(json_string_value(json_object_get(entry, "id")), id);
	assert_non_null(text);
	assert_ok(hex_decode_exact(bytes_str(json_string_value(json_object_get(entry, "salt"))),
			  salt, sizeof(salt), &w.err),
		w.err);
	assert_ok(base64_decode(bytes_str(text), false, 1 << 20, &content, &w.err), w.err);
	assert_ok(
		entry_commitment(leaf.type, salt, buf_bytes(&content), commitment, &w.err), w.err);
	assert_memory_equal(commitment, leaf.commitment, SHA256_LEN);
	buf_release(&leaf_bytes);
	buf_release(&content);
}

/* Policy, workload, release, approvals, the host, a decision and what was issued on it. */
static void entry__each_of_the_ledger__opens_to_its_commitment(void **state)
{
	struct https c;
	struct world_attestation a;
	struct store_tree tree;
	bool decision = false;

	(void)state;
	world_enroll(&w);
	assert_true(world_connect(&w, &c));
	world_launch(&w, &c, &a);
	store_tree(w.app->store, &tree);
	assert_true(tree.size > 6);
	for (uint64_t i = 0; i < tree.size; i++) {
		json_t *entry = entry_at(i);

		assert_opens(entry, i);
		decision = decision || strcmp(json_string_value(json_object_get(entry, "type")),
					       "decision") == 0;
		json_decref(entry);
	}
	assert_true(decision);
	world_attestation_release(&a);
	https_close(&c);
}

static bool destroy_work(struct store_tx *tx, void *arg, struct err *err)
{
	(void)arg;
	return leaf_content_destroy(tx->sql, 1, err);
}

static void entry__content_no_longer_kept__null(void **state)
{
	json_t *entry;

	(void)state;
	assert_ok(store_run(w.app->store, destroy_work, NULL, &w.err), w.err);
	entry = entry_at(1);
	assert_true(json_is_null(json_object_get(entry, "content")));
	json_decref(entry);
}

static void entry__none_such__404(void **state)
{
	static const char *const indices[] = {"1000000", "x", "-1", "18446744073709551615"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(indices); i++) {
		char path[64];

		(void)snprintf(path, sizeof(path), "/v1/entries/%s", indices[i]);
		world_do(&w, &w.auditor, "GET", path, NULL, 404);
	}
	world_do(&w, &w.ci, "GET", "/v1/entries/0", NULL, 403);
	world_do(&w, NULL, "GET", "/v1/entries/0", NULL, 401);
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(entry__each_of_the_ledger__opens_to_its_commitment),
		T(entry__content_no_longer_kept__null),
		T(entry__none_such__404),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
