/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that runs out at each allocation of sealing, opening, destroying and of the start over a database with sealed contents:
 * nothing is stored in clear, nothing is lost, and the error says why. */
#include "tests/fault/alloc.h"

#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/verifier/content.h"

static char dir[64], path[96];
static struct sql *sql;
static struct vault *vault, *made;
static struct buf out;
static uint8_t digest[SHA256_LEN];
static bool found;
static struct leaf_row leaf;
static struct record_row row;
static struct record_contents own;
static struct err err;

static bool own_seal(struct err *e)
{
	const struct bytes contents[] = {BYTES_LIT("evidence"), BYTES_LIT("verdict")};
	return record_seal(vault, &row, contents, ARRAY_LEN(contents), e);
}

static int setup(void **state)
{
	struct store_tx tx = {0};
	(void)state;
	(void)snprintf(dir, sizeof(dir), "/tmp/assay-alloc-XXXXXX");
	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/v.db", dir);
	assert_ok(test_sql()->open(path, true, &sql, &err), err);
	assert_ok(store_migrate(sql, &err), err);
	vault = content_vault(sql, content_kek());
	assert_true(sha256_of(BYTES_LIT("content"), digest, &err));
	assert_ok(object_put(sql, digest, BYTES_LIT("content"), &err), err);
	tx.sql = sql;
	/* Their statements are at hand from here on. */
	assert_ok(test_sql()->begin(sql, &err), err);
	test_sql()->rollback(sql);
	assert_ok(leaf_append(&tx, &leaf, &err), err);
	assert_ok(sql_exec(sql,
			  "INSERT INTO records(idx, id, time, purpose, host, instance, workload, "
			  "release, trusted, cose) VALUES(0,?1,1,1,?1,?1,'a',?1,1,x'')",
			  SQL_ARGS(sql_b(BYTES_OF(row.id))), NULL, &err),
		err);
	assert_ok(own_seal(&err) && record_contents_put(sql, &row, &err), err);
	return 0;
}

static int remove_one(const char *name, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(name);
}

static int teardown(void **state)
{
	(void)state;
	sql_close(&sql);
	vault_free(&vault);
	leaf_row_release(&leaf);
	record_row_release(&row);
	return nftw(dir, remove_one, 4, FTW_DEPTH | FTW_PHYS);
}

/* ---- each thing, in a transaction that is undone ---- */

static bool in_transaction(bool (*work)(struct err *e), struct err *e)
{
	if (!test_sql()->begin(sql, e))
		return false;
	bool ok = work(e);
	test_sql()->rollback(sql);
	return ok;
}

static bool put(struct err *e)
{
	uint8_t other[SHA256_LEN] = {1};
	return object_put(sql, other, BYTES_LIT("another"), e);
}
static bool put_run(struct err *e)
{
	return in_transaction(put, e);
}
static bool destroy(struct err *e)
{
	return object_destroy(sql, digest, e) && leaf_content_destroy(sql, 0, e);
}
/* Its statements are all that it allocates: a connection without any, each time. */
static void reconnect(void)
{
	sql_close(&sql);
	assert_ok(test_sql()->open(path, true, &sql, &err), err);
	sql->vault = vault;
	assert_ok(test_sql()->begin(sql, &err), err);
	test_sql()->rollback(sql);
}
static bool destroy_run(struct err *e)
{
	return in_transaction(destroy, e);
}
static void nothing_more(void)
{
}

static bool get_run(struct err *e)
{
	return object_get(sql, digest, &out, e);
}
static void get_check(void)
{
	assert_bytes(buf_bytes(&out), BYTES_LIT("content"));
}
static void get_release(void)
{
	buf_release(&out);
}

static void own_reset(void)
{
	record_row_release(&row);
}
static bool own_put(struct err *e)
{
	return sql_exec(sql, "DELETE FROM record_contents", SQL_NO_ARGS, NULL, e) &&
	       record_contents_put(sql, &row, e);
}
static bool own_put_run(struct err *e)
{
	return own_seal(e) && in_transaction(own_put, e);
}
static bool own_get_run(struct err *e)
{
	return record_contents_get(sql, 0, &own, e) &&
	       record_object_get(sql, 0, own.digests[1], &out, e);
}
static void own_check(void)
{
	assert_int_equal(own.count, 2);
	assert_bytes(own.contents[0], BYTES_LIT("evidence"));
	assert_bytes(buf_bytes(&out), BYTES_LIT("verdict"));
}
static void own_release(void)
{
	record_contents_release(&own);
	buf_release(&out);
}
static bool own_destroy(struct err *e)
{
	return record_contents_destroy(sql, 0, &found, e);
}
static bool own_destroy_run(struct err *e)
{
	return in_transaction(own_destroy, e);
}

static bool leaf_run(struct err *e)
{
	return leaf_get(sql, 0, &leaf, &found, e);
}
static void leaf_check(void)
{
	assert_true(found);
}
static void leaf_release(void)
{
	leaf_row_release(&leaf);
}

static bool keys_run(struct err *e)
{
	return vault_new(&random_system, &clock_system, &made, e) &&
	       content_keys_open(sql, made, content_kek(), &random_system, e);
}
static void keys_check(void)
{
	assert_int_equal(vault_newest(made), 1);
}
static void keys_release(void)
{
	vault_free(&made);
}

static void contents__without_memory__undone_or_done(void **state)
{
	static const struct fault_case cases[] = {
		{put_run, nothing_more, NULL},
		{destroy_run, nothing_more, reconnect},
		{get_run, get_check, get_release},
		{leaf_run, leaf_check, leaf_release},
		{keys_run, keys_check, keys_release},
		{own_put_run, nothing_more, own_reset},
		{own_get_run, own_check, own_release},
		{own_destroy_run, nothing_more, reconnect},
	};
	(void)state;
	reconnect();
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		fault_case_run(&cases[i]);
	assert_ok(get_run(&err), err);
	get_check();
	get_release();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			contents__without_memory__undone_or_done, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
