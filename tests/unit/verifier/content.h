/* SPDX-License-Identifier: Apache-2.0 */
/* Content keys for tests of the store, and contents put back into clear, as they stood before they were sealed. */
#ifndef ASSAY_TESTS_UNIT_VERIFIER_CONTENT_H
#define ASSAY_TESTS_UNIT_VERIFIER_CONTENT_H

#include "base/time.h"
#include "tests/support/test_sql.h"
#include "tests/support/unit.h"
#include "verifier/content_keys.h"
#include "verifier/record_contents.h"

/* One key-encryption key for the test program. */
static inline struct key *content_kek(void)
{
	static struct key *key;
	struct err err = {0};
	if (!key && !key_generate(KEY_EC_P256, &key, &err))
		fail_msg("%s", err.text);
	return key;
}

/* For a connection that no store opened; the caller frees it. */
static inline struct vault *content_vault(struct sql *sql, struct key *kek)
{
	struct vault *vault = NULL;
	struct err err = {0};
	assert_ok(vault_new(&random_system, &clock_system, &vault, &err), err);
	assert_ok(content_keys_open(sql, vault, kek, &random_system, &err), err);
	sql->vault = vault;
	return vault;
}

static inline void content_unseal_objects(struct sql *sql)
{
	struct sql_query *q = NULL;
	struct err err = {0};
	bool more = true;
	assert_ok(sql_start(sql, "SELECT digest FROM objects", SQL_NO_ARGS, &q, &err), err);
	while (sql_next(q, &more, &err) && more) {
		struct buf content = {0};
		assert_ok(object_get(sql, sql_bytes(q, 0).data, &content, &err), err);
		assert_ok(sql_exec(sql, "INSERT INTO clear_objects(digest, bytes) VALUES(?1,?2)",
				  SQL_ARGS(sql_b(sql_bytes(q, 0)), sql_b(buf_bytes(&content))),
				  NULL, &err),
			err);
		buf_release(&content);
	}
	sql_finish(&q);
}

/* Own objects of the records before a leaf, as they stood before they had a row together (schema 20): one by one, and
 * counted. */
static inline void content_split(struct sql *sql, uint64_t end)
{
	struct sql_query *q = NULL;
	struct err err = {0};
	bool more = true;
	assert_ok(sql_start(sql, "SELECT idx FROM record_contents WHERE idx<?1",
			  SQL_ARGS(sql_u(end)), &q, &err),
		err);
	while (sql_next(q, &more, &err) && more) {
		struct record_contents own = {0};
		assert_ok(record_contents_get(sql, (uint64_t)sql_int(q, 0), &own, &err), err);
		for (size_t i = 0; i < own.count; i++) {
			const uint8_t *digest = own.digests[i];
			assert_ok(object_put(sql, digest, own.contents[i], &err), err);
			assert_ok(
				sql_exec(sql,
					"INSERT INTO object_refs(digest, count) VALUES(?1, 1) ON "
					"CONFLICT(digest) DO UPDATE SET count=object_refs.count+1",
					SQL_ARGS(sql_b(bytes_of(digest, SHA256_LEN))), NULL, &err),
				err);
		}
		record_contents_release(&own);
	}
	sql_finish(&q);
	assert_ok(sql_exec(sql, "DELETE FROM record_contents WHERE idx<?1", SQL_ARGS(sql_u(end)),
			  NULL, &err),
		err);
}

/* From here on UNDO_11 makes a database of schema 10 of it, with all that it held. */
static inline void content_unseal(struct sql *sql)
{
	struct err err = {0};
	bool found = true;
	content_split(sql, INT64_MAX);
	content_unseal_objects(sql);
	for (uint64_t i = 0; found; i++) {
		struct leaf_row row = {0};
		assert_ok(leaf_get(sql, i, &row, &found, &err), err);
		if (found)
			assert_ok(sql_exec(sql,
					  "INSERT INTO clear_leaves(idx, salt, content) "
					  "VALUES(?1,?2,?3)",
					  SQL_ARGS(sql_u(i), sql_b(BYTES_OF(row.salt)),
						  row.content.len ? sql_b(buf_bytes(&row.content))
								  : sql_null()),
					  NULL, &err),
				err);
		leaf_row_release(&row);
	}
}

#endif
