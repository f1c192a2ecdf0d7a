/* SPDX-License-Identifier: Apache-2.0 */
/* A store with contents in it, whose writes fail from one on when told to. */
#ifndef ASSAY_TESTS_UNIT_VERIFIER_CONTENTS_WORLD_H
#define ASSAY_TESTS_UNIT_VERIFIER_CONTENTS_WORLD_H

#include "tests/unit/verifier/content.h"

#include "base/file.h"
#include "tests/unit/verifier/fakes.h"
#include "verifier/store_private.h"

#include <ftw.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define OBJECTS 40
#define LEAVES  30
#define PLAIN   "plain text of object"

static char dir[64], path[96];
static struct store *store;
static struct fake_clock fixed = {.base = {&fake_clock_ops}, .wall = 1767225600};
static struct key *next_kek;
static struct err err;

/* ---- a database whose writes fail from one on ---- */

static struct sql_ops counting;
static atomic_long write_count, write_fails_at; /* -1: none */

static inline bool counting_start(struct sql *sql, const char *text, const struct sql_value *args,
	size_t n, struct sql_query **ret, struct err *e)
{
	bool writes = strncmp(text, "INSERT", 6) == 0 || strncmp(text, "UPDATE", 6) == 0 ||
		      strncmp(text, "DELETE", 6) == 0 || strncmp(text, "COMMIT", 6) == 0;
	if (writes && write_fails_at >= 0 && write_count++ >= write_fails_at)
		return err_set(e, ERR_STORE, "the disk is gone");
	return test_sql()->start(sql, text, args, n, ret, e);
}

static inline bool counting_open(const char *location, bool writer, struct sql **ret, struct err *e)
{
	if (!test_sql()->open(location, writer, ret, e))
		return false;
	(*ret)->ops = &counting;
	return true;
}

static inline bool open_with(struct key *kek)
{
	struct store_config config = {.ops = &counting,
		.location = path,
		.clock = &fixed.base,
		.random = &random_system,
		.content_key = kek};
	counting = *test_sql();
	counting.open = counting_open;
	counting.start = counting_start;
	err = (struct err){0};
	return store_open(&config, &store, &err);
}

static inline void reopen(struct key *kek)
{
	store_close(&store);
	if (!open_with(kek))
		fail_msg("%s", err.text);
}

static inline int setup(void **state)
{
	(void)state;
	write_fails_at = -1;
	fixed.wall = 1767225600;
	(void)snprintf(dir, sizeof(dir), "/tmp/assay-contents-XXXXXX");
	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/v.db", dir);
	assert_ok(key_generate(KEY_EC_P384, &next_kek, &err), err);
	reopen(content_kek());
	return 0;
}

static inline int remove_one(const char *name, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(name);
}

static inline int teardown(void **state)
{
	(void)state;
	write_fails_at = -1;
	store_close(&store);
	key_unref(&next_kek);
	return nftw(dir, remove_one, 4, FTW_DEPTH | FTW_PHYS);
}

/* ---- what is in it ---- */

static inline void object_text(unsigned i, char out[64], uint8_t digest[SHA256_LEN])
{
	(void)snprintf(out, 64, PLAIN " %u", i);
	assert_true(sha256_of(bytes_str(out), digest, NULL));
}

static inline bool fill_work(struct store_tx *tx, void *arg, struct err *e)
{
	(void)arg;
	char text[64];
	uint8_t digest[SHA256_LEN];
	for (unsigned i = 0; i < OBJECTS; i++) {
		object_text(i, text, digest);
		if (!object_put(tx->sql, digest, bytes_str(text), e))
			return false;
	}
	for (unsigned i = 0; i < LEAVES; i++) {
		struct leaf_row row = {.hash = {(uint8_t)i}};
		memset(row.salt, (int)(0xa0 + i), sizeof(row.salt));
		buf_printf(&row.bytes, "leaf %u", i);
		if (i % 2)
			buf_printf(&row.content, "plain text of leaf %u", i);
		bool ok = leaf_append(tx, &row, e);
		leaf_row_release(&row);
		if (!ok)
			return false;
	}
	return true;
}

static inline void fill(void)
{
	assert_ok(store_run(store, fill_work, NULL, &err), err);
}

static inline struct sql *reader(void)
{
	struct sql *sql = NULL;
	assert_ok(store_read(store, &sql, &err), err);
	return sql;
}

static inline bool get(unsigned i)
{
	struct sql *sql = reader();
	struct buf out = {0};
	char text[64];
	uint8_t digest[SHA256_LEN];
	object_text(i, text, digest);
	err = (struct err){0};
	bool ok = object_get(sql, digest, &out, &err);
	if (ok)
		assert_bytes(buf_bytes(&out), bytes_str(text));
	buf_release(&out);
	store_read_done(store, &sql);
	return ok;
}

static inline bool get_leaf(uint64_t i)
{
	struct sql *sql = reader();
	struct leaf_row row = {0};
	bool found = false;
	char text[64] = "";
	if (i % 2)
		(void)snprintf(text, sizeof(text), "plain text of leaf %u", (unsigned)i);
	err = (struct err){0};
	bool ok = leaf_get(sql, i, &row, &found, &err);
	if (ok) {
		assert_true(found);
		assert_bytes(buf_bytes(&row.content), bytes_str(text));
		assert_int_equal(row.salt[0], 0xa0 + i);
		assert_int_equal(row.hash[0], i);
	}
	leaf_row_release(&row);
	store_read_done(store, &sql);
	return ok;
}

static inline void assert_all_there(void)
{
	for (unsigned i = 0; i < OBJECTS; i++)
		if (!get(i))
			fail_msg("object %u: %s", i, err.text);
	for (unsigned i = 0; i < LEAVES; i++)
		if (!get_leaf(i))
			fail_msg("leaf %u: %s", i, err.text);
}

static inline bool script_work(struct store_tx *tx, void *arg, struct err *e)
{
	return tx->sql->ops->script(tx->sql, arg, e);
}

static inline void script(const char *text)
{
	assert_ok(store_run(store, script_work, (void *)(uintptr_t)text, &err), err);
}

static inline int64_t number(const char *text)
{
	struct sql *sql = reader();
	struct sql_query *q = NULL;
	assert_ok(sql_first(sql, text, SQL_NO_ARGS, &q, &err), err);
	assert_non_null(q);
	int64_t value = sql_int(q, 0);
	sql_finish(&q);
	store_read_done(store, &sql);
	return value;
}

static inline void bytes_in(const char *text, struct buf *out)
{
	struct sql *sql = reader();
	struct sql_query *q = NULL;
	assert_ok(sql_first(sql, text, SQL_NO_ARGS, &q, &err), err);
	assert_non_null(q);
	sql_put(q, 0, out);
	sql_finish(&q);
	store_read_done(store, &sql);
	assert_true(out->len >= 16);
}

/* Whether the bytes stand anywhere in what SQLite has on disk. */
static inline bool on_disk(struct bytes needle)
{
	static const char *const files[] = {"", "-wal"};
	bool found = false;
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		char name[128];
		struct buf content = {0};
		(void)snprintf(name, sizeof(name), "%s%s", path, files[i]);
		if (access(name, R_OK) == 0)
			assert_ok(file_read(name, 64u << 20, &content, &err), err);
		found = found ||
			(content.data && content.len >= needle.len &&
				memmem(content.data, content.len, needle.data, needle.len));
		buf_release(&content);
	}
	return found;
}

static inline bool destroy_work(struct store_tx *tx, void *arg, struct err *e)
{
	const unsigned *which = arg;
	char text[64];
	uint8_t digest[SHA256_LEN];
	object_text(which[0], text, digest);
	return object_destroy(tx->sql, digest, e) && leaf_content_destroy(tx->sql, which[1], e);
}

static inline bool destroy(unsigned object, unsigned leaf)
{
	unsigned which[] = {object, leaf};
	err = (struct err){0};
	return store_run(store, destroy_work, which, &err);
}

/* ---- rotated ---- */

static inline bool rotate(struct key *kek, struct content_rotation *r)
{
	*r = (struct content_rotation){.kek = kek, .random = &random_system};
	err = (struct err){0};
	return content_keys_rotate(store, r, &err);
}

#endif
