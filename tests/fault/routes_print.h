/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a database holds, table by table, and what a request changed of it: two changes are the same when the same tables have
 * grown by as much and the same tables are other than they were. Read beside the verifier, by a connection of its own.
 */
#ifndef ASSAY_TESTS_FAULT_ROUTES_PRINT_H
#define ASSAY_TESTS_FAULT_ROUTES_PRINT_H

#include <sqlite3.h>

#include "tests/fault/routes_world.h"

#define PRINT_TABLES 96

struct print {
	size_t count;
	struct print_table {
		char name[40];
		int64_t rows;
		uint64_t sum; /* of the rows, in whatever order */
	} tables[PRINT_TABLES];
};

/* What time, or whoever asks next, writes by itself. */
static inline bool print_skips(const char *table)
{
	static const char *const skipped[] = {"meta", "host_seen", "host_heard", "crls",
		"retention", "entries", "entry_subjects", "log_cosigned"};
	for (size_t i = 0; i < ARRAY_LEN(skipped); i++)
		if (strcmp(skipped[i], table) == 0)
			return true;
	return false;
}

static inline sqlite3 *print_open(void)
{
	char path[128];
	sqlite3 *db = NULL;
	(void)world_path(&w, "verifier.db", path);
	assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
	(void)sqlite3_busy_timeout(db, 5000);
	return db;
}

static inline sqlite3_stmt *print_query(sqlite3 *db, const char *text)
{
	sqlite3_stmt *q = NULL;
	if (sqlite3_prepare_v2(db, text, -1, &q, NULL) != SQLITE_OK)
		fail_msg("%s: %s", text, sqlite3_errmsg(db));
	return q;
}

static inline uint64_t print_row(sqlite3_stmt *q)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);
	for (int i = 0; i < sqlite3_column_count(q); i++) {
		const uint8_t *data = sqlite3_column_blob(q, i);
		int len = sqlite3_column_bytes(q, i);
		hash = (hash ^ (uint64_t)(len + 1)) * UINT64_C(0x100000001b3);
		for (int k = 0; k < len; k++)
			hash = (hash ^ data[k]) * UINT64_C(0x100000001b3);
	}
	return hash;
}

static inline void print_table(sqlite3 *db, struct print_table *t)
{
	char text[80];
	(void)snprintf(text, sizeof(text), "SELECT * FROM %s", t->name);
	sqlite3_stmt *q = print_query(db, text);
	while (sqlite3_step(q) == SQLITE_ROW) {
		t->rows++;
		t->sum += print_row(q);
	}
	(void)sqlite3_finalize(q);
}

static inline void print_take(struct print *ret)
{
	sqlite3 *db = print_open();
	memset(ret, 0, sizeof(*ret));
	(void)sqlite3_exec(db, "BEGIN", NULL, NULL, NULL);
	sqlite3_stmt *q = print_query(db,
		"SELECT name FROM sqlite_schema WHERE type='table' AND name NOT LIKE 'sqlite_%' "
		"ORDER BY name");
	while (sqlite3_step(q) == SQLITE_ROW) {
		const char *name = (const char *)sqlite3_column_text(q, 0);
		if (print_skips(name))
			continue;
		assert_true(ret->count < PRINT_TABLES);
		struct print_table *t = &ret->tables[ret->count++];
		(void)snprintf(t->name, sizeof(t->name), "%s", name);
		print_table(db, t);
	}
	(void)sqlite3_finalize(q);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static inline bool print_same(const struct print *a, const struct print *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

/* The first table that is other than it was. */
static inline const char *print_first(const struct print *a, const struct print *b)
{
	for (size_t i = 0; i < a->count; i++)
		if (a->tables[i].sum != b->tables[i].sum)
			return a->tables[i].name;
	return "nothing";
}

/* No other table than this one is other than it was. */
static inline bool print_changed_alone(
	const struct print *a, const struct print *b, const char *table)
{
	for (size_t i = 0; i < a->count; i++)
		if ((!table || strcmp(a->tables[i].name, table) != 0) &&
			a->tables[i].sum != b->tables[i].sum)
			return false;
	return true;
}

/* From a to b as from c to d; otherwise the tables in which it is not, with how. */
static inline bool print_same_change(const struct print *a, const struct print *b,
	const struct print *c, const struct print *d, char out[400])
{
	out[0] = 0;
	for (size_t i = 0; i < a->count; i++) {
		int64_t rows = b->tables[i].rows - a->tables[i].rows,
			wanted = d->tables[i].rows - c->tables[i].rows;
		bool touched = b->tables[i].sum != a->tables[i].sum,
		     wants_touched = d->tables[i].sum != c->tables[i].sum;
		if (rows == wanted && touched == wants_touched)
			continue;
		size_t n = strlen(out);
		(void)snprintf(out + n, 400 - n, "%s%s: %+lld rows%s, wanted %+lld%s",
			n ? "; " : "", a->tables[i].name, (long long)rows,
			touched ? ", changed" : "", (long long)wanted,
			wants_touched ? ", changed" : "");
	}
	return out[0] == 0;
}

/* The ledger's root, out of its leaves, is the one that the verifier signs. */
static inline void print_ledger(void)
{
	struct tree_edge edge = {0};
	struct store_tree tree;
	uint8_t root[SHA256_LEN], hash[SHA256_LEN];
	sqlite3 *db = print_open();
	sqlite3_stmt *q = print_query(db, "SELECT bytes, hash FROM leaves ORDER BY idx");
	while (sqlite3_step(q) == SQLITE_ROW) {
		assert_ok(leaf_hash(bytes_of(sqlite3_column_blob(q, 0),
					    (size_t)sqlite3_column_bytes(q, 0)),
				  hash, &w.err),
			w.err);
		assert_int_equal(sqlite3_column_bytes(q, 1), SHA256_LEN);
		assert_memory_equal(hash, sqlite3_column_blob(q, 1), SHA256_LEN);
		assert_ok(tree_append(&edge, hash, &w.err), w.err);
	}
	(void)sqlite3_finalize(q);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	store_tree(w.app->store, &tree);
	assert_ok(tree_root(&edge, root, &w.err), w.err);
	assert_int_equal(edge.size, tree.size);
	assert_memory_equal(root, tree.root, SHA256_LEN);
}

#endif
