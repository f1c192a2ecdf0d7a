/* SPDX-License-Identifier: Apache-2.0 */
/* Contents in the store: sealed, destroyed for good, found in clear and sealed, and their keys rotated; with writes that
 * fail one after the other. */
#include "tests/unit/verifier/contents_world.h"

#include "tests/unit/verifier/schema_undo.h"

/* ---- sealed ---- */

static void contents__stored__sealed_on_disk_and_readable(void **state)
{
	(void)state;
	fill();
	assert_all_there();
	assert_false(on_disk(BYTES_LIT("plain text of")));
	uint8_t salt[LEDGER_SALT_LEN];
	memset(salt, 0xa4, sizeof(salt));
	assert_false(on_disk(BYTES_OF(salt)));
	reopen(content_kek());
	assert_all_there();
	assert_int_equal(number("SELECT count(*) FROM data_keys"), OBJECTS);
	assert_int_equal(number("SELECT count(DISTINCT wrapped) FROM leaves"), LEAVES);
	assert_int_equal(number("SELECT count(*) FROM leaf_contents"), 0);
}

static bool put_first_work(struct store_tx *tx, void *arg, struct err *e)
{
	(void)arg;
	char text[64];
	uint8_t digest[SHA256_LEN];
	object_text(0, text, digest);
	return object_put(tx->sql, digest, bytes_str(text), e);
}

static void object_put__what_is_there__no_second_key(void **state)
{
	(void)state;
	fill();
	int64_t before = number("SELECT count(*) FROM data_keys");
	assert_ok(store_run(store, put_first_work, NULL, &err), err);
	assert_int_equal(number("SELECT count(*) FROM data_keys"), before);
	assert_int_equal(number("SELECT count(*) FROM objects"), OBJECTS);
}

/* Somebody with a hand on the database, without the key. */
static void contents__rows_or_keys_exchanged_or_changed__not_opened(void **state)
{
	(void)state;
	static const struct {
		const char *script;
		const char *why;
	} cases[] = {
		/* ciphertexts of two objects; their keys; both */
		{"UPDATE objects SET sealed=(SELECT sealed FROM objects WHERE key=2) WHERE key=1",
			"object: sealed content: AES-256-GCM: the tag does not verify"},
		{"UPDATE objects SET key=2 WHERE key=1",
			"object: sealed content: AES-256-GCM: the tag does not verify"},
		{"UPDATE objects SET sealed=(SELECT sealed FROM objects WHERE key=2), key=2 WHERE "
		 "key=1",
			"object: sealed content: AES-256-GCM: the tag does not verify"},
		{"UPDATE data_keys SET wrapped=(SELECT wrapped FROM data_keys WHERE id=2) WHERE "
		 "id=1",
			"object: sealed content: AES-256-GCM: the tag does not verify"},
		{"UPDATE data_keys SET wrapped=x'' WHERE id=1",
			"object: sealed content: a wrapped key of 0 bytes"},
		{"UPDATE objects SET sealed=x'' WHERE key=1",
			"object: sealed content: AES-256-GCM: 0 bytes hold no nonce and tag"},
		{"UPDATE data_keys SET wrapped=CAST(x'00000002'||substr(wrapped,5) AS BLOB) WHERE "
		 "id=1",
			"object: sealed content: the content key of generation 2 is missing"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		fill();
		script(cases[i].script);
		assert_false(get(0));
		assert_int_equal(err.code, ERR_STORE);
		assert_string_equal(err.text, cases[i].why);
		assert_true(get(2));
		(void)teardown(NULL);
		(void)setup(NULL);
	}
}

#define ZEROS_22 "00000000000000000000000000000000000000000000"

static void leaf_get__content_of_another_leaf__not_opened(void **state)
{
	(void)state;
	fill();
	script("UPDATE leaves SET sealed=(SELECT sealed FROM leaves WHERE idx=3), "
	       "wrapped=(SELECT wrapped FROM leaves WHERE idx=3) WHERE idx=5");
	assert_false(get_leaf(5));
	assert_string_equal(
		err.text, "leaf 5: sealed content: AES-256-GCM: the tag does not verify");
	assert_int_equal(err.code, ERR_STORE);
	assert_true(get_leaf(3));
	script("UPDATE leaves SET wrapped=x'" ZEROS_22 ZEROS_22 "' WHERE idx=7");
	assert_false(get_leaf(7));
	assert_string_equal(err.text, "leaf 7: its content is not stored");
}

/* Whoever has the key and seals other bytes under a digest. */
static bool forge_work(struct store_tx *tx, void *arg, struct err *e)
{
	(void)arg;
	char text[64];
	uint8_t digest[SHA256_LEN];
	object_text(0, text, digest);
	return object_put(tx->sql, digest, BYTES_LIT("something else"), e);
}

static void object_get__sealed_under_a_digest_that_is_not_its_own__refused(void **state)
{
	(void)state;
	assert_ok(store_run(store, forge_work, NULL, &err), err);
	assert_false(get(0));
	assert_int_equal(err.code, ERR_STORE);
	assert_string_equal(err.text, "stored object does not have its digest");
	assert_false(get(1));
	assert_int_equal(err.code, ERR_NOT_FOUND);
	assert_string_equal(err.text, "object is not stored");
}

static void leaf_content__shorter_than_a_salt__refused(void **state)
{
	(void)state;
	struct leaf_row row = {.index = 0};
	struct sql *sql = NULL;
	fill();
	assert_ok(test_sql()->open(path, true, &sql, &err), err);
	sql->vault = store->vault;
	assert_ok(leaf_content_put(sql, 0, BYTES_LIT("short"), (struct bytes){0}, &err), err);
	assert_fails(leaf_content_get(sql, &row, &err), err, ERR_STORE,
		"leaf 0: its content has 5 bytes");
	sql_close(&sql);
	leaf_row_release(&row);
}

/* ---- the key-encryption key ---- */

static void start__other_key_or_none__refused(void **state)
{
	(void)state;
	fill();
	store_close(&store);
	assert_false(open_with(next_kek));
	assert_int_equal(err.code, ERR_CONFIG);
	assert_non_null(strstr(err.text, "content_key: it is the key "));
	assert_non_null(strstr(err.text, "and what is stored is sealed for the key "));
	assert_false(open_with(NULL));
	assert_int_equal(err.code, ERR_CONFIG);
	assert_non_null(strstr(err.text, "contents are stored sealed, and there is no key"));
	reopen(content_kek());
	assert_all_there();
}

/* The recipient's name is changed to that of a key that somebody has: it still does not open. */
static void start__recipient_renamed__refused(void **state)
{
	(void)state;
	struct sql *sql = NULL;
	fill();
	store_close(&store);
	assert_ok(test_sql()->open(path, true, &sql, &err), err);
	assert_ok(sql_exec(sql, "UPDATE content_keys SET recipient=?1",
			  SQL_ARGS(sql_b(bytes_of(key_id(next_kek), SHA256_LEN))), NULL, &err),
		err);
	sql_close(&sql);
	assert_false(open_with(next_kek));
	assert_non_null(strstr(err.text, "content key of generation 1: key wrap"));
}

static void start__key_that_only_signs__refused_before_anything_is_sealed(void **state)
{
	TEST_SQLITE_ONLY;
	(void)state;
	struct key *signs = NULL;
	store_close(&store);
	(void)remove(path);
	assert_ok(key_generate(KEY_ED25519, &signs, &err), err);
	assert_false(open_with(signs));
	assert_non_null(strstr(err.text, "content key: key wrap: expected an RSA or EC key"));
	key_unref(&signs);
	reopen(content_kek());
}

static void start__key_rows_gone_or_exchanged_or_changed__refused(void **state)
{
	(void)state;
	static const struct {
		const char *script, *why;
	} cases[] = {
		{"DELETE FROM content_keys",
			"contents are sealed, and no content key is stored: put the database back"},
		{"UPDATE content_keys SET generation=2",
			"content key of generation 2: AES key wrap: another key wrapped it"},
		{"UPDATE content_keys SET generation=0", "there is no generation 0"},
		{"UPDATE content_keys SET recipient=x'00'", "a recipient of 1 bytes"},
		{"UPDATE content_keys SET "
		 "wrapped=CAST(wrapped||x'00' AS BLOB)",
			"content key of generation 1: key wrap: not the point"},
		{"UPDATE content_keys SET wrapped=x'00'",
			"content key of generation 1: key wrap: 1 bytes are too few"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		fill();
		script(cases[i].script);
		store_close(&store);
		assert_false(open_with(content_kek()));
		if (!strstr(err.text, cases[i].why))
			fail_msg("%s: %s", cases[i].script, err.text);
		(void)teardown(NULL);
		(void)setup(NULL);
	}
}

/* ---- destroyed ---- */

static void contents__destroyed__gone_from_the_files_and_said_so(void **state)
{
	TEST_SQLITE_ONLY;
	(void)state;
	struct buf kept[4] = {0};
	fill();
	bytes_in("SELECT sealed FROM objects WHERE key=4", &kept[0]);
	bytes_in("SELECT wrapped FROM data_keys WHERE id=4", &kept[1]);
	bytes_in("SELECT sealed FROM leaves WHERE idx=5", &kept[2]);
	bytes_in("SELECT wrapped FROM leaves WHERE idx=5", &kept[3]);
	for (size_t i = 0; i < ARRAY_LEN(kept); i++)
		assert_true(on_disk(buf_bytes(&kept[i])));
	assert_true(destroy(3, 5));
	for (size_t i = 0; i < ARRAY_LEN(kept); i++) {
		assert_false(on_disk(buf_bytes(&kept[i])));
		assert_false(on_disk(bytes_of(kept[i].data + kept[i].len - 16, 16)));
		buf_release(&kept[i]);
	}
	assert_false(get(3));
	assert_int_equal(err.code, ERR_GONE);
	assert_string_equal(err.text, "object: its content was destroyed on 2026-01-01T00:00:00Z");
	assert_false(get_leaf(5));
	assert_int_equal(err.code, ERR_GONE);
	assert_string_equal(err.text, "leaf 5: its content was destroyed on 2026-01-01T00:00:00Z");
	for (unsigned i = 0; i < OBJECTS; i++)
		assert_int_equal(get(i), i != 3);
	for (unsigned i = 0; i < LEAVES; i++)
		assert_int_equal(get_leaf(i), i != 5);
	assert_int_equal(number("SELECT count(*) FROM leaves"), LEAVES);
}

static void contents__all_destroyed__no_key_left_on_disk(void **state)
{
	(void)state;
	struct sql *sql = NULL;
	struct sql_query *q = NULL;
	struct buf keys = {0};
	bool more = false;
	fill();
	sql = reader();
	assert_ok(
		sql_start(sql, "SELECT wrapped FROM data_keys UNION ALL SELECT wrapped FROM leaves",
			SQL_NO_ARGS, &q, &err),
		err);
	while (sql_next(q, &more, &err) && more)
		sql_put(q, 0, &keys);
	sql_finish(&q);
	store_read_done(store, &sql);
	assert_int_equal(keys.len, (OBJECTS + LEAVES) * VAULT_WRAPPED_LEN);
	for (unsigned i = 0; i < OBJECTS; i++)
		assert_true(destroy(i * 7 % OBJECTS, i * 7 % LEAVES));
	for (size_t at = 0; at < keys.len; at += VAULT_WRAPPED_LEN)
		assert_false(on_disk(bytes_of(keys.data + at + 4, AES_WRAPPED_LEN)));
	buf_release(&keys);
}

/* A reader keeps the log from being cut; when it is gone, the writer does it by itself. */
static void contents__destroyed_under_a_reader__gone_as_soon_as_it_is(void **state)
{
	TEST_SQLITE_ONLY;
	(void)state;
	struct sql *sql = NULL;
	struct sql_query *q = NULL;
	struct buf kept = {0};
	bool more = false;
	fill();
	bytes_in("SELECT wrapped FROM data_keys WHERE id=4", &kept);
	sql = reader();
	assert_ok(sql_start(sql, "SELECT idx FROM leaves", SQL_NO_ARGS, &q, &err), err);
	assert_true(sql_next(q, &more, &err) && more);
	assert_true(destroy(3, 5));
	assert_true(on_disk(buf_bytes(&kept)));
	sql_finish(&q);
	store_read_done(store, &sql);
	for (int i = 0; i < 3000 && on_disk(buf_bytes(&kept)); i++)
		(void)usleep(10000);
	assert_false(on_disk(buf_bytes(&kept)));
	buf_release(&kept);
}

static void contents__destroyed_twice__first_time_stays(void **state)
{
	(void)state;
	fill();
	assert_true(destroy(3, 5));
	fixed.wall += 86400;
	assert_true(destroy(3, 5));
	assert_false(get(3));
	assert_non_null(strstr(err.text, "2026-01-01T"));
}

static void contents__destroyed_and_never_there__not_found(void **state)
{
	(void)state;
	fill();
	assert_false(destroy(OBJECTS, 0));
	assert_int_equal(err.code, ERR_NOT_FOUND);
	assert_string_equal(err.text, "object is not stored");
	assert_false(destroy(0, LEAVES));
	assert_int_equal(err.code, ERR_NOT_FOUND);
	assert_string_equal(err.text, "leaf 30 is not stored");
	assert_all_there(); /* and the object of the failed job is still there */
}

static void object_put__what_was_destroyed__under_a_new_key(void **state)
{
	(void)state;
	fill();
	assert_true(destroy(0, 1));
	assert_false(get(0));
	assert_ok(store_run(store, put_first_work, NULL, &err), err);
	assert_true(get(0));
	assert_int_equal(number("SELECT destroyed FROM objects WHERE key=(SELECT max(id) FROM "
				"data_keys)"),
		1767225600);
	assert_int_equal(number("SELECT count(*) FROM objects"), OBJECTS);
	assert_true(destroy(0, 1));
	assert_false(get(0));
}

static void data_keys__deleted__refused(void **state)
{
	(void)state;
	fill();
	assert_false(store_run(
		store, script_work, (void *)(uintptr_t) "DELETE FROM data_keys WHERE id=4", &err));
	assert_non_null(strstr(err.text, "a data key is overwritten in place"));
}

/* ---- in clear, from before ---- */

static void undo(void)
{
	struct sql *sql = NULL;
	store_close(&store);
	assert_ok(test_sql()->open(path, true, &sql, &err), err);
	struct vault *vault = content_vault(sql, content_kek());
	content_unseal(sql);
	schema_undo(sql, 10);
	/* What a database deleted before it overwrote what it deletes. */
	assert_ok(sql->ops->script(sql,
			  "PRAGMA secure_delete=OFF; INSERT INTO objects(digest, bytes) "
			  "VALUES(x'77', "
			  "CAST('plain text of old'||hex(zeroblob(20000)) AS BLOB)); DELETE FROM "
			  "objects "
			  "WHERE digest=x'77'",
			  &err),
		err);
	sql_close(&sql);
	vault_free(&vault);
	assert_true(on_disk(BYTES_LIT(PLAIN)));
}

static void start__database_in_clear__sealed_and_its_pages_cleared(void **state)
{
	TEST_SQLITE_ONLY;
	(void)state;
	fill();
	undo();
	reopen(content_kek());
	assert_all_there();
	assert_false(on_disk(BYTES_LIT("plain text of")));
	uint8_t salt[LEDGER_SALT_LEN];
	memset(salt, 0xa4, sizeof(salt));
	assert_false(on_disk(BYTES_OF(salt)));
	assert_int_equal(number("SELECT count(*) FROM clear_objects"), 0);
	assert_int_equal(number("SELECT count(*) FROM clear_leaves"), 0);
	assert_int_equal(number("SELECT scrub FROM meta"), 0);
	store_close(&store);
	assert_false(open_with(next_kek));
	reopen(content_kek());
}

/* Stopped at every write: the next start goes on. */
static void start__sealing_interrupted_anywhere__completed_by_the_next(void **state)
{
	TEST_SQLITE_ONLY;
	(void)state;
	bool done = false;
	fill();
	undo();
	for (long at = 0; !done; at += 13) {
		write_count = 0;
		write_fails_at = at;
		done = open_with(content_kek());
		if (!done)
			assert_non_null(strstr(err.text, "the disk is gone"));
		if (!done)
			assert_null(store);
		assert_true(at < 10000);
	}
	write_fails_at = -1;
	assert_all_there();
	assert_false(on_disk(BYTES_LIT("plain text of")));
}

/* ---- rotation ---- */

static void rotation__same_key__data_keys_moved_and_no_content(void **state)
{
	(void)state;
	struct content_rotation r;
	struct buf before = {0}, after = {0}, old = {0};
	fill();
	assert_true(destroy(3, 5));
	bytes_in("SELECT sealed FROM objects WHERE key=1", &before);
	bytes_in("SELECT wrapped FROM content_keys", &old);
	if (!rotate(content_kek(), &r))
		fail_msg("%s", err.text);
	assert_int_equal(r.generation, 2);
	assert_int_equal(r.rewrapped, OBJECTS + LEAVES - 2);
	bytes_in("SELECT sealed FROM objects WHERE key=1", &after);
	assert_bytes(buf_bytes(&after), buf_bytes(&before));
	assert_int_equal(number("SELECT count(*) FROM content_keys"), 1);
	assert_int_equal(number("SELECT generation FROM content_keys"), 2);
	assert_false(on_disk(buf_bytes(&old)));
	for (unsigned i = 0; i < OBJECTS; i++)
		assert_int_equal(get(i), i != 3);
	reopen(content_kek());
	for (unsigned i = 0; i < LEAVES; i++)
		assert_int_equal(get_leaf(i), i != 5);
	buf_release(&before);
	buf_release(&after);
	buf_release(&old);
}

static void rotation__other_key__opens_with_it_alone(void **state)
{
	(void)state;
	struct content_rotation r;
	fill();
	assert_true(rotate(next_kek, &r));
	assert_all_there();
	store_close(&store);
	assert_false(open_with(content_kek()));
	assert_int_equal(err.code, ERR_CONFIG);
	reopen(next_kek);
	assert_all_there();
}

static void rotation__again_and_again__what_is_new_is_under_the_newest(void **state)
{
	(void)state;
	struct content_rotation r;
	for (uint32_t i = 2; i < 6; i++)
		assert_true(rotate(i % 2 ? content_kek() : next_kek, &r));
	assert_int_equal(r.generation, 5);
	fill();
	assert_int_equal(number("SELECT count(*) FROM data_keys WHERE substr(wrapped,1,4)<>"
				"x'00000005'"),
		0);
	reopen(content_kek());
	assert_all_there();
}

/* Stopped at every write: everything stays readable, with the key of before or the new one, and once more completes it. */
static void rotation__interrupted_anywhere__all_readable_and_completed_later(void **state)
{
	(void)state;
	struct content_rotation r;
	bool done = false;
	fill();
	struct key *kek = content_kek();
	for (long at = 0; !done; at += at < 8 ? 1 : 11) {
		write_count = 0;
		write_fails_at = at;
		done = rotate(next_kek, &r);
		write_fails_at = -1;
		assert_all_there();
		if (!done && number("SELECT max(generation) FROM content_keys") > 1)
			kek = next_kek;
		reopen(done ? next_kek : kek);
		assert_all_there();
		assert_true(at < 10000);
	}
	assert_int_equal(number("SELECT count(*) FROM content_keys"), 1);
}

static void rotation__data_key_changed__stops_and_keeps_the_older_generation(void **state)
{
	(void)state;
	struct content_rotation r;
	fill();
	script("UPDATE data_keys SET wrapped=CAST(substr(wrapped,1,40)||x'01020304' AS BLOB) WHERE "
	       "id=9");
	assert_false(rotate(content_kek(), &r));
	assert_non_null(strstr(err.text, "rotating the content key: wrapping data keys anew: data "
					 "key 9: sealed content: AES key wrap"));
	assert_int_equal(number("SELECT count(*) FROM content_keys"), 2);
	script("UPDATE data_keys SET wrapped=x'0102' WHERE id=9");
	assert_false(rotate(content_kek(), &r));
	assert_non_null(strstr(err.text, "data key 9 has 2 bytes"));
	assert_int_equal(number("SELECT count(*) FROM content_keys"), 3);
	reopen(content_kek());
	assert_true(get(7));
	assert_true(get(9));
}

/* Whatever puts a data key back under the older generation: that one is then not deleted. */
static void rotation__data_key_left_behind__older_generation_is_kept(void **state)
{
	TEST_SQLITE_ONLY;
	(void)state;
	struct content_rotation r;
	fill();
	script("CREATE TRIGGER back AFTER UPDATE ON data_keys WHEN NEW.id=5 BEGIN UPDATE data_keys "
	       "SET "
	       "wrapped=OLD.wrapped WHERE id=5; END");
	assert_false(rotate(content_kek(), &r));
	assert_string_equal(
		err.text, "rotating the content key: data key 5 is under another generation");
	assert_int_equal(err.code, ERR_STORE);
	assert_int_equal(number("SELECT count(*) FROM content_keys"), 2);
	script("DROP TRIGGER back");
	reopen(content_kek());
	assert_all_there();
	assert_true(rotate(content_kek(), &r));
	assert_int_equal(number("SELECT count(*) FROM content_keys"), 1);
}

static bool note_fails(struct store_tx *tx, void *arg, uint32_t generation, struct err *e)
{
	(void)tx;
	*(uint32_t *)arg = generation;
	return err_set(e, ERR_STORE, "no entry");
}

static void rotation__its_ledger_entry_fails__nothing_is_changed(void **state)
{
	(void)state;
	uint32_t generation = 0;
	struct content_rotation r = {.kek = content_kek(),
		.random = &random_system,
		.note = note_fails,
		.note_arg = &generation};
	fill();
	assert_false(content_keys_rotate(store, &r, &err));
	assert_int_equal(generation, 2);
	assert_int_equal(number("SELECT max(generation) FROM content_keys"), 1);
	assert_all_there();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(contents__stored__sealed_on_disk_and_readable),
		T(object_put__what_is_there__no_second_key),
		T(contents__rows_or_keys_exchanged_or_changed__not_opened),
		T(leaf_get__content_of_another_leaf__not_opened),
		T(object_get__sealed_under_a_digest_that_is_not_its_own__refused),
		T(leaf_content__shorter_than_a_salt__refused),
		T(start__other_key_or_none__refused),
		T(start__recipient_renamed__refused),
		T(start__key_that_only_signs__refused_before_anything_is_sealed),
		T(start__key_rows_gone_or_exchanged_or_changed__refused),
		T(contents__destroyed__gone_from_the_files_and_said_so),
		T(contents__all_destroyed__no_key_left_on_disk),
		T(contents__destroyed_under_a_reader__gone_as_soon_as_it_is),
		T(contents__destroyed_twice__first_time_stays),
		T(contents__destroyed_and_never_there__not_found),
		T(object_put__what_was_destroyed__under_a_new_key),
		T(data_keys__deleted__refused),
		T(start__database_in_clear__sealed_and_its_pages_cleared),
		T(start__sealing_interrupted_anywhere__completed_by_the_next),
		T(rotation__same_key__data_keys_moved_and_no_content),
		T(rotation__other_key__opens_with_it_alone),
		T(rotation__again_and_again__what_is_new_is_under_the_newest),
		T(rotation__interrupted_anywhere__all_readable_and_completed_later),
		T(rotation__data_key_changed__stops_and_keeps_the_older_generation),
		T(rotation__data_key_left_behind__older_generation_is_kept),
		T(rotation__its_ledger_entry_fails__nothing_is_changed),
	};
	fakes_used();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
