/* SPDX-License-Identifier: Apache-2.0 */
/* What is a record's own: sealed together, found by the record, destroyed for good, under keys that are rotated (verifier/record_contents.c,
 * rows_sealed.c). */
#include "verifier/record_contents.h"

#include "base/cbor.h"
#include "tests/unit/verifier/contents_world.h"
#include "verifier/record_objects.h"

static const char *const texts[] = {"plain evidence", "plain context", "", "plain verdict"};

/* Records of nobody: leaves of the world's fill are under them. */
static void row_of(uint64_t index, struct record_row *row)
{
	*row = (struct record_row){.index = index, .time = 1, .purpose = PURPOSE_RENEW};
	memset(row->id, (int)(0x10 + index), sizeof(row->id));
	memset(row->host, 1, sizeof(row->host));
	memset(row->instance, 2, sizeof(row->instance));
	(void)snprintf(row->workload, sizeof(row->workload), "agent");
	buf_put_str(&row->cose, "x");
}

static bool record_work(struct store_tx *tx, void *arg, struct err *e)
{
	const struct record_row *row = arg;
	return sql_exec(tx->sql,
		       "INSERT INTO records(idx, id, time, purpose, host, instance, workload, "
		       "release, trusted, cose) VALUES(?1,?2,1,3,?3,?4,'agent',?2,1,x'00')",
		       SQL_ARGS(sql_u(row->index), sql_b(BYTES_OF(row->id)),
			       sql_b(BYTES_OF(row->host)), sql_b(BYTES_OF(row->instance))),
		       NULL, e) &&
	       record_contents_put(tx->sql, row, e);
}

static void seal_texts(struct record_row *row)
{
	struct bytes contents[ARRAY_LEN(texts)];
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		contents[i] = bytes_str(texts[i]);
	assert_ok(record_seal(store_vault(store), row, contents, ARRAY_LEN(texts), &err), err);
}

static void put(uint64_t index)
{
	struct record_row row;
	row_of(index, &row);
	seal_texts(&row);
	assert_ok(store_run(store, record_work, &row, &err), err);
	record_row_release(&row);
}

static bool read_own(uint64_t index, struct record_contents *ret)
{
	struct sql *sql = reader();
	err = (struct err){0};
	bool ok = record_contents_get(sql, index, ret, &err);
	store_read_done(store, &sql);
	return ok;
}

static void assert_own(uint64_t index)
{
	struct record_contents own;
	assert_ok(read_own(index, &own), err);
	assert_int_equal(own.count, ARRAY_LEN(texts));
	for (size_t i = 0; i < own.count; i++) {
		uint8_t digest[SHA256_LEN];
		assert_bytes(own.contents[i], bytes_str(texts[i]));
		assert_true(sha256_of(bytes_str(texts[i]), digest, NULL));
		assert_memory_equal(own.digests[i], digest, sizeof(digest));
	}
	record_contents_release(&own);
}

static void record_contents__put__sealed_under_one_key_and_read_again(void **state)
{
	(void)state;
	fill();
	int64_t keys = number("SELECT count(*) FROM data_keys");
	put(0);
	put(1);
	assert_int_equal(number("SELECT count(*) FROM data_keys"), keys + 2);
	assert_own(0);
	assert_own(1);
	assert_false(on_disk(BYTES_LIT("plain evidence")));
	reopen(content_kek());
	assert_own(1);
}

static void record_contents__record_without_them__none(void **state)
{
	struct record_contents own;
	(void)state;
	fill();
	put(0);
	script("DELETE FROM record_contents WHERE idx=0");
	assert_int_equal(number("SELECT count(*) FROM records"), 1);
	for (uint64_t i = 0; i < 2; i++) { /* and one that there is not */
		assert_ok(read_own(i, &own), err);
		assert_int_equal(own.count, 0);
	}
}

static void record_object__own_or_shared__found_by_the_record(void **state)
{
	struct buf out = {0};
	char text[64];
	uint8_t digest[SHA256_LEN];
	(void)state;
	fill();
	put(0);
	struct sql *sql = reader();
	assert_true(sha256_of(bytes_str(texts[3]), digest, NULL));
	assert_ok(record_object_get(sql, 0, digest, &out, &err), err);
	assert_bytes(buf_bytes(&out), bytes_str(texts[3]));
	buf_clear(&out);
	assert_false(object_get(sql, digest, &out, &err));
	assert_int_equal(err.code, ERR_NOT_FOUND);
	assert_false(record_object_get(sql, 1, digest, &out, &err));
	assert_int_equal(err.code, ERR_NOT_FOUND);
	object_text(0, text, digest);
	assert_ok(record_object_get(sql, 0, digest, &out, &err), err);
	assert_bytes(buf_bytes(&out), bytes_str(text));
	store_read_done(store, &sql);
	buf_release(&out);
}

static void record_objects__own_and_shared__each_once_and_no_more_than_asked_for(void **state)
{
	struct bytes got;
	char text[64];
	uint8_t own[SHA256_LEN], stored[SHA256_LEN];
	size_t bytes = 0;
	(void)state;
	fill();
	put(0);
	put(1);
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		bytes += strlen(texts[i]);
	assert_true(sha256_of(bytes_str(texts[3]), own, NULL));
	object_text(0, text, stored);
	struct record_objects first = {.sql = reader(), .max = ARRAY_LEN(texts)};
	struct record_objects second = {.sql = first.sql, .shared = &first, .max = 1};
	assert_ok(record_objects_of(&first, 0, &err), err);
	assert_ok(record_objects_of(&first, 1, &err), err); /* reads alike */
	assert_int_equal(first.count, ARRAY_LEN(texts));
	assert_int_equal(first.bytes, bytes);
	assert_fails(record_objects_get(&first, stored, &got, &err), err, ERR_LIMIT,
		"more than 4 objects");
	assert_ok(record_objects_of(&second, 1, &err), err);
	assert_ok(record_objects_get(&second, own, &got, &err), err);
	assert_bytes(got, bytes_str(texts[3]));
	assert_int_equal(second.count, 0);
	assert_ok(record_objects_get(&second, stored, &got, &err), err);
	assert_bytes(got, bytes_str(text));
	assert_int_equal(second.count, 1);
	record_objects_cut(&second, 0);
	assert_int_equal(second.bytes, 0);
	store_read_done(store, &first.sql);
	record_objects_release(&second);
	record_objects_release(&first);
}

/* Somebody with a hand on the database, without the key. */
static void record_contents__exchanged_or_changed__not_opened(void **state)
{
	static const struct {
		const char *script, *why;
	} cases[] = {
		{"UPDATE record_contents SET sealed=(SELECT sealed FROM record_contents WHERE "
		 "idx=1), key=(SELECT key FROM record_contents WHERE idx=1) WHERE idx=0",
			"objects of a record: sealed content: AES-256-GCM: the tag does not "
			"verify"},
		{"UPDATE record_contents SET sealed=x'00' WHERE idx=0",
			"objects of a record: sealed content: AES-256-GCM: 1 bytes hold no nonce "
			"and tag"},
		{"UPDATE record_contents SET key=(SELECT key FROM record_contents WHERE idx=1) "
		 "WHERE idx=0",
			"objects of a record: sealed content: AES-256-GCM: the tag does not "
			"verify"},
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct record_contents own;
		fill();
		put(0);
		put(1);
		script(cases[i].script);
		assert_false(read_own(0, &own));
		assert_int_equal(err.code, ERR_STORE);
		assert_string_equal(err.text, cases[i].why);
		assert_own(1);
		(void)teardown(NULL);
		(void)setup(NULL);
	}
}

/* Whoever has the key and seals what is no list of objects. */
static void record_contents__no_list_of_objects__said(void **state)
{
	static const char *const cases[] = {"", "\x85\x40\x40\x40\x40\x40", "\x81\x01", "\x81"};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct record_row row;
		struct record_contents own;
		struct buf identity = {0};
		fill();
		row_of(0, &row);
		buf_put_str(&identity, "assay record objects");
		buf_put_u8(&identity, 0);
		buf_put(&identity, BYTES_OF(row.id));
		assert_ok(vault_seal(store_vault(store), buf_bytes(&identity), bytes_str(cases[i]),
				  row.wrapped, &row.sealed, &err),
			err);
		assert_ok(store_run(store, record_work, &row, &err), err);
		assert_false(read_own(0, &own));
		assert_int_equal(err.code, ERR_STORE);
		assert_string_equal(err.text, "objects of a record cannot be read");
		buf_release(&identity);
		record_row_release(&row);
		(void)teardown(NULL);
		(void)setup(NULL);
	}
}

static void record_seal__more_than_a_record_has__refused(void **state)
{
	struct record_row row;
	const struct bytes contents[RECORD_CONTENTS_MAX + 1] = {{0}};
	(void)state;
	row_of(0, &row);
	assert_false(record_seal(store_vault(store), &row, contents, ARRAY_LEN(contents), &err));
	assert_string_equal(err.text, "objects of a record: at most 4");
	record_row_release(&row);
}

static bool destroy_own(struct store_tx *tx, void *arg, struct err *e)
{
	bool *found = arg;
	return record_contents_destroy(tx->sql, 0, found, e);
}

static void record_contents__destroyed__gone_from_the_files_and_said(void **state)
{
	struct record_contents own;
	struct buf sealed = {0}, wrapped = {0};
	bool found = true;
	(void)state;
	fill();
	assert_ok(store_run(store, destroy_own, &found, &err), err);
	assert_false(found);
	put(0);
	bytes_in("SELECT sealed FROM record_contents WHERE idx=0", &sealed);
	bytes_in("SELECT wrapped FROM data_keys WHERE id=(SELECT key FROM record_contents WHERE "
		 "idx=0)",
		&wrapped);
	for (unsigned i = 0; i < 2; i++) { /* the second time there is nothing to do */
		assert_ok(store_run(store, destroy_own, &found, &err), err);
		assert_true(found);
		assert_false(read_own(0, &own));
		assert_int_equal(err.code, ERR_GONE);
		assert_string_equal(err.text,
			"objects of a record: its content was destroyed on 2026-01-01T00:00:00Z");
	}
	if (test_sql() == &sql_sqlite) {
		assert_false(on_disk(buf_bytes(&sealed)));
		assert_false(on_disk(buf_bytes(&wrapped)));
	}
	buf_release(&sealed);
	buf_release(&wrapped);
}

/* What it shares with others is there as before. */
static void record_object__record_destroyed__what_is_shared_is_there(void **state)
{
	struct buf out = {0};
	char text[64];
	uint8_t digest[SHA256_LEN];
	bool found = false;
	(void)state;
	fill();
	put(0);
	assert_ok(store_run(store, destroy_own, &found, &err), err);
	struct sql *sql = reader();
	object_text(0, text, digest);
	assert_ok(record_object_get(sql, 0, digest, &out, &err), err);
	assert_bytes(buf_bytes(&out), bytes_str(text));
	assert_true(sha256_of(bytes_str(texts[0]), digest, NULL));
	assert_false(record_object_get(sql, 0, digest, &out, &err));
	assert_int_equal(err.code, ERR_GONE);
	store_read_done(store, &sql);
	buf_release(&out);
}

/* Sealed before a rotation, stored after it: under the key that is in force then. */
static void record_contents__key_rotated_between_seal_and_put__under_the_new_one(void **state)
{
	struct record_row row;
	struct content_rotation r = {0};
	(void)state;
	fill();
	row_of(0, &row);
	seal_texts(&row);
	assert_ok(rotate(content_kek(), &r), err);
	assert_int_equal(vault_generation_of(row.wrapped), 1);
	assert_ok(store_run(store, record_work, &row, &err), err);
	assert_int_equal(
		number("SELECT count(*) FROM data_keys WHERE substr(wrapped,1,4)=x'00000001'"), 0);
	assert_own(0);
	record_row_release(&row);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(record_contents__put__sealed_under_one_key_and_read_again),
		T(record_contents__record_without_them__none),
		T(record_object__own_or_shared__found_by_the_record),
		T(record_objects__own_and_shared__each_once_and_no_more_than_asked_for),
		T(record_contents__exchanged_or_changed__not_opened),
		T(record_contents__no_list_of_objects__said),
		T(record_seal__more_than_a_record_has__refused),
		T(record_contents__destroyed__gone_from_the_files_and_said),
		T(record_object__record_destroyed__what_is_shared_is_there),
		T(record_contents__key_rotated_between_seal_and_put__under_the_new_one),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
