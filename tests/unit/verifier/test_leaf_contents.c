/* SPDX-License-Identifier: Apache-2.0 */
/* What a leaf commits to: in the leaf's own row where it is small, in rows of its own where it is not, sealed ahead of the
 * job that appends it; gone for good, replaced and under a new master key all the same. */
#include "tests/unit/verifier/contents_world.h"

#define WITHIN_MAX 1024u /* rows_contents.c */

struct large {
	size_t len;
	struct leaf_row row;
};

static void large_make(struct large *l, uint8_t which, size_t len)
{
	*l = (struct large){.len = len};
	memset(l->row.hash, which, sizeof(l->row.hash));
	memset(l->row.salt, 0x5a, sizeof(l->row.salt));
	buf_printf(&l->row.bytes, "large leaf");
	uint8_t *at = buf_extend(&l->row.content, len);
	assert_non_null(at);
	memset(at, which, len);
}

static bool large_work(struct store_tx *tx, void *arg, struct err *e)
{
	struct large *l = arg;
	return leaf_append(tx, &l->row, e);
}

static uint64_t large_append(struct large *l)
{
	assert_ok(store_run(store, large_work, l, &err), err);
	uint64_t index = l->row.index;
	leaf_row_release(&l->row);
	return index;
}

static uint64_t large_leaf(uint8_t which, size_t len)
{
	struct large l;
	large_make(&l, which, len);
	return large_append(&l);
}

static bool get_large(uint64_t index, uint8_t which, size_t len)
{
	struct sql *sql = reader();
	struct leaf_row row = {0};
	bool found = false;
	err = (struct err){0};
	bool ok = leaf_get(sql, index, &row, &found, &err);
	if (ok) {
		assert_true(found);
		assert_int_equal(row.content.len, len);
		for (size_t i = 0; i < len; i++)
			assert_int_equal(row.content.data[i], which);
		assert_int_equal(row.salt[31], 0x5a);
	}
	leaf_row_release(&row);
	store_read_done(store, &sql);
	return ok;
}

static void leaf_append__content_beyond_what_a_row_holds__apart(void **state)
{
	(void)state;
	fill();
	uint64_t within = large_leaf(0xd1, WITHIN_MAX);
	uint64_t apart = large_leaf(0xd2, WITHIN_MAX + 1);
	assert_int_equal(number("SELECT count(*) FROM leaf_contents"), 1);
	assert_int_equal(number("SELECT idx FROM leaf_contents"), (int64_t)apart);
	assert_int_equal(number("SELECT count(*) FROM leaves WHERE wrapped IS NULL"), 1);
	assert_true(get_large(within, 0xd1, WITHIN_MAX));
	assert_true(get_large(apart, 0xd2, WITHIN_MAX + 1));
	assert_true(destroy(3, (unsigned)within));
	assert_true(destroy(4, (unsigned)apart));
	assert_false(get_large(within, 0xd1, WITHIN_MAX));
	assert_int_equal(err.code, ERR_GONE);
	assert_false(get_large(apart, 0xd2, WITHIN_MAX + 1));
	assert_int_equal(err.code, ERR_GONE);
}

static bool replace_work(struct store_tx *tx, void *arg, struct err *e)
{
	struct leaf_row row = {.index = *(const uint64_t *)arg};
	memset(row.salt, 0x5a, sizeof(row.salt));
	return leaf_content_replace(tx->sql, &row, BYTES_LIT("\x77\x77\x77"), e);
}

static void leaf_replace__within_or_apart__the_one_before_is_gone_from_the_files(void **state)
{
	TEST_SQLITE_ONLY;
	(void)state;
	static const size_t lens[] = {20, WITHIN_MAX + 1};
	fill();
	for (size_t i = 0; i < ARRAY_LEN(lens); i++) {
		struct buf kept = {0};
		uint64_t index = large_leaf(0xd3, lens[i]);
		bytes_in(i == 0 ? "SELECT wrapped FROM leaves ORDER BY idx DESC LIMIT 1"
				: "SELECT wrapped FROM data_keys ORDER BY id DESC LIMIT 1",
			&kept);
		assert_true(on_disk(buf_bytes(&kept)));
		assert_ok(store_run(store, replace_work, &index, &err), err);
		assert_false(on_disk(buf_bytes(&kept)));
		assert_true(get_large(index, 0x77, 3));
		assert_ok(store_run(store, replace_work, &index, &err), err);
		assert_true(get_large(index, 0x77, 3));
		assert_true(destroy((unsigned)i, (unsigned)index));
		assert_false(get_large(index, 0x77, 3));
		assert_int_equal(err.code, ERR_GONE);
		buf_release(&kept);
	}
}

static void leaves__key_or_content_of_another_length__refused(void **state)
{
	(void)state;
	static const char *const scripts[] = {
		"UPDATE leaves SET wrapped=x'00' WHERE idx=3",
		"UPDATE leaves SET wrapped=NULL WHERE idx=3",
		"UPDATE leaves SET sealed=x'' WHERE idx=3",
		"UPDATE leaves SET sealed=CAST(sealed||x'00' AS BLOB) WHERE idx=3",
	};
	fill();
	for (size_t i = 0; i < ARRAY_LEN(scripts); i++) {
		assert_false(store_run(store, script_work, (void *)(uintptr_t)scripts[i], &err));
		assert_non_null(strstr(err.text, "a data key is overwritten in place"));
	}
	assert_false(store_run(store, script_work,
		(void *)(uintptr_t) "UPDATE leaves SET hash=x'00' WHERE idx=3", &err));
	assert_non_null(strstr(err.text, "a leaf is immutable"));
	assert_all_there();
}

static void rotation__key_of_a_leaf_changed_or_left_behind__older_generation_is_kept(void **state)
{
	TEST_SQLITE_ONLY;
	(void)state;
	struct content_rotation r;
	fill();
	script("CREATE TRIGGER back AFTER UPDATE ON leaves WHEN NEW.idx=5 BEGIN UPDATE leaves SET "
	       "wrapped=OLD.wrapped WHERE idx=5; END");
	assert_false(rotate(content_kek(), &r));
	assert_string_equal(
		err.text, "rotating the content key: leaf 5 is under another generation");
	assert_int_equal(number("SELECT count(*) FROM content_keys"), 2);
	script("DROP TRIGGER back");
	reopen(content_kek());
	assert_all_there();
	assert_true(rotate(content_kek(), &r));
	assert_int_equal(number("SELECT count(*) FROM content_keys"), 1);
	script("UPDATE leaves SET wrapped=CAST(substr(wrapped,1,40)||x'01020304' AS BLOB) WHERE "
	       "idx=0");
	assert_false(rotate(content_kek(), &r));
	assert_non_null(strstr(err.text, "wrapping data keys anew: leaf 0: sealed content"));
	assert_int_equal(number("SELECT count(*) FROM content_keys"), 2);
}

/* Sealed on one thread while the key is rotated on another: the rotation never saw it. */
static void rotation__between_sealing_and_appending__sealed_anew(void **state)
{
	(void)state;
	struct content_rotation r;
	struct large l;
	fill();
	large_make(&l, 0xd4, 50);
	assert_ok(leaf_seal(store_vault(store), &l.row, &err), err);
	assert_int_equal(vault_generation_of(l.row.wrapped), 1);
	assert_true(rotate(content_kek(), &r));
	uint64_t index = large_append(&l);
	assert_true(get_large(index, 0xd4, 50));
	reopen(content_kek());
	assert_true(get_large(index, 0xd4, 50));
}

static void leaf_append__sealed_ahead__as_it_was_sealed(void **state)
{
	(void)state;
	struct large l;
	struct buf stored = {0};
	uint8_t wrapped[VAULT_WRAPPED_LEN];
	large_make(&l, 0xd5, 50);
	assert_ok(leaf_seal(store_vault(store), &l.row, &err), err);
	memcpy(wrapped, l.row.wrapped, sizeof(wrapped));
	uint64_t index = large_append(&l);
	bytes_in("SELECT wrapped FROM leaves", &stored);
	assert_bytes(buf_bytes(&stored), BYTES_OF(wrapped));
	assert_true(get_large(index, 0xd5, 50));
	buf_release(&stored);
}

/* Leaves without an object: their keys alone say that something is sealed. */
static void start__leaves_sealed_and_key_rows_gone__refused(void **state)
{
	(void)state;
	(void)large_leaf(0xd6, 50);
	assert_int_equal(number("SELECT count(*) FROM data_keys"), 0);
	script("DELETE FROM content_keys");
	store_close(&store);
	assert_false(open_with(content_kek()));
	assert_non_null(strstr(err.text, "contents are sealed, and no content key is stored"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(leaf_append__content_beyond_what_a_row_holds__apart),
		T(leaf_replace__within_or_apart__the_one_before_is_gone_from_the_files),
		T(leaves__key_or_content_of_another_length__refused),
		T(rotation__key_of_a_leaf_changed_or_left_behind__older_generation_is_kept),
		T(rotation__between_sealing_and_appending__sealed_anew),
		T(leaf_append__sealed_ahead__as_it_was_sealed),
		T(start__leaves_sealed_and_key_rows_gone__refused),
	};
	fakes_used();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
