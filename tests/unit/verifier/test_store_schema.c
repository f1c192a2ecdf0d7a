/* SPDX-License-Identifier: Apache-2.0 */
/* Databases of every earlier schema, with rows in them, brought to the newest: what they held is there, and what a step adds is
 * made of it. */
#include "tests/unit/verifier/schema_undo.h"
#include "verifier/rows.h"

#include <ftw.h>
#include <stdlib.h>

#include "tests/support/test_sql.h"
#include "tests/support/unit.h"
#include "tests/unit/verifier/content.h"

#define LEAVES 256
#define R1     "x'1111111111111111111111111111111111111111111111111111111111111111'"
#define R2     "x'2222222222222222222222222222222222222222222222222222222222222222'"

static char dir[64], path[96];
static struct sql *sql;
static struct vault *vault;
static struct err err;

/* Rows by the step that made room for them. Those of a table that a step fills are told from what it would be filled with. */
static const char fill_text[] =
	"UPDATE meta SET checkpoint=x'aa', epoch=8;"
	"UPDATE retention SET noted=5;"
	"INSERT INTO hosts(id, ek_public, ak_public, ak_name, ek_certs, ek_leaf, ek_template, "
	"manufacturer, name, enrolled, epoch, state, version) VALUES(x'01', x'02', x'03', x'04', "
	"x'', x'', 't', 'm', 'h', 1000, 1, 1, 1);"
	"INSERT INTO host_seen(host, seen, seen_index, reset_count, restart_count, clock, "
	"firmware_version, boot_id) VALUES(x'01', 1, 2, 3, 4, 5, 6, x'07');"
	"INSERT INTO workloads(name, risk_class, environment, owner, purpose, created, state, "
	"version, unit, reviewed) VALUES('w', 'low', 'prod', 'o', 'p', 1000, 1, 1, 'unit', 2000);"
	"INSERT INTO releases(digest, workload, name, release_version, envelope, published, state, "
	"version) VALUES(" R1 ", 'w', 'r', '1', x'7b7d', 10, 1, 1), (" R2
	", 'w', 'r', '2', x'7b7d', 20, 1, 1);"
	"INSERT INTO approvals(release, seq, digest, envelope, person, role, withdrawn, time) "
	"VALUES(" R1 ", 1, x'51', x'52', 'alice', 'security', 0, 5);"
	"INSERT INTO instances(host, instance, workload, release, state, version, policy_state, "
	"created, renewed, lease, lease_check, told, full_counter) VALUES(x'01', x'0a', 'w', " R1
	", 1, 1, x'', 1, 500, 777, 778, 2, 3), (x'01', x'0b', 'w', " R2
	", 2, 1, x'', 1, 600, 779, 0, 3, 4);"
	"INSERT INTO counters(host, instance, purpose, next) VALUES(x'01', x'0a', 3, 9), (x'01', "
	"x'0b', 1, 7);"
	"INSERT INTO credentials(serial, kind, host, instance, spki, issued, not_after, revoked, "
	"reason, status) VALUES('s1', 1, x'01', x'0a', x'', 1, 800, 0, 4, 5), ('s2', 1, x'01', "
	"x'0a', x'', 1, 900, 3, 4, 6);"
	"INSERT INTO join_tokens(hash, name, creator, created, expires, attributes) VALUES(x'77', "
	"'n', 'c', 1, 2, '{\"a\":\"b\"}');"
	"INSERT INTO statements(release, seq, digest, envelope, time) VALUES(" R1
	", 1, x'55', x'56', 5);"
	"INSERT INTO subjects(digest, release) VALUES(x'66', " R1 ");"
	"INSERT INTO host_attributes(host, seq, attribute, value, operator, reason, time) "
	"VALUES(x'01', 1, 'site', 'x', 'o', 'r', 1);"
	"INSERT INTO floors(workload, sequence, version, release, published, time, rollback) "
	"VALUES('w', 1, '2', " R2 ", 20, 7, 0);"
	"INSERT INTO security_floors(workload, sequence, minimum, statement, payload, time) "
	"VALUES('w', 1, '1', x'', x'', 7);"
	"INSERT INTO rollouts(id, seq, workload, release_new, release_old, state, share, soak, "
	"drain, automatic, refusals_max, refusals_share, failures_max, failures_share, sample, "
	"decisions, refusals, launches, ended, failures, unknown, started, soak_from, changed, "
	"version) VALUES(x'0c', 1, 'w', " R2 ", " R1
	", 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20);"
	"INSERT INTO rollout_hosts(rollout, host, decisions, refusals) VALUES(x'0c', x'01', 1, 2);"
	"INSERT INTO policies(seq, version, digest, signature, state, staged, activate_at, "
	"in_force, staged_by, by_whom, reason, judged_from, judged_to, same, changed, undecided, "
	"unreadable, gone) VALUES(1, 4, x'0d', x'', 3, 1, 2, 3, 's', 'b', 'r', 0, 1, 2, 3, 4, 5, "
	"6);"
	"INSERT INTO entry_subjects(kind, subject, idx, type) VALUES(1, 'w', 3, 2);"
	"INSERT INTO histories(host, instance, workload, first, last, launch, renew, refused, "
	"kept) VALUES(x'01', x'0a', 'w', 1, 2, 3, 4, 5, 6);"
	"INSERT INTO entries(idx, type, time) VALUES(3, 2, 7);"
	"INSERT INTO log_quote(id, size, quote) VALUES(1, 5, x'0e');"
	"UPDATE revocation SET sequence=6, lists=7;"
	"INSERT INTO host_heard(host, heard) VALUES(x'01', 44);"
	"INSERT INTO instance_states(host, instance, seq, time, state, why) VALUES(x'01', x'0a', "
	"1, 2, 3, 'w');"
	"INSERT INTO elevations(id, workload, lent, clause, state, asked, lapses, activated, ends, "
	"ended, entry, activation, why, host, instance, request, policy) VALUES(x'0f', 'w', 'l', "
	"x'', 1, 2, 3, 4, 5, 6, x'', x'', 'y', x'', x'', x'', x'');"
	"INSERT INTO writers(id, batch, seen) VALUES(x'10', 1, 2);"
	"INSERT INTO webhooks(name, state, position, attempts, first_try, next_try, last_status, "
	"last_error, acked, acked_time, owner, owner_until, tried) VALUES('h', 1, 2, 3, 4, 5, 6, "
	"'', 7, 8, x'', 9, 77);";

static const struct {
	int64_t since; /* the step */
	const char *ask;
	int64_t kept,
		made; /* by a database that had taken the step, and by one that takes it now */
} facts[] = {
	{1, "SELECT enrolled FROM hosts WHERE id=x'01' AND name='h'", 1000, 0},
	{1, "SELECT clock FROM host_seen", 5, 0},
	{1, "SELECT created FROM workloads WHERE name='w' AND owner='o'", 1000, 0},
	{1, "SELECT count(*) FROM releases WHERE envelope=x'7b7d'", 2, 0},
	{1, "SELECT count(*) FROM approvals WHERE person='alice'", 1, 0},
	{1, "SELECT CAST(sum(renewed) AS BIGINT) FROM instances", 1100, 0},
	{1, "SELECT CAST(sum(next) AS BIGINT) FROM counters", 16, 0},
	{1, "SELECT CAST(sum(not_after) AS BIGINT) FROM credentials", 1700, 0},
	{1, "SELECT count(*) FROM leaves", LEAVES, 0},
	{2, "SELECT count(*) FROM statements WHERE envelope=x'56'", 1, 0},
	{3, "SELECT reviewed FROM workloads", 2000, 1000},
	{3, "SELECT count(*) FROM workloads WHERE unit='unit'", 1, 0},
	{4, "SELECT count(*) FROM subjects WHERE digest=x'66'", 1, 0},
	{5, "SELECT count(*) FROM tile_hashes WHERE level=1", 1, 1},
	{5, "SELECT count(*) FROM meta WHERE checkpoint=x'aa'", 1, 0},
	{5, "SELECT count(*) FROM meta WHERE checkpoint=x'00'", 0, 1},
	{6, "SELECT count(*) FROM host_attributes WHERE value='x'", 1, 0},
	{6, "SELECT count(*) FROM join_tokens WHERE attributes='{}'", 0, 1},
	{7, "SELECT published FROM floors", 20, 10},
	{7, "SELECT count(*) FROM security_floors", 1, 0},
	{8, "SELECT count(*) FROM rollouts WHERE unknown=16", 1, 0},
	{8, "SELECT count(*) FROM rollout_hosts WHERE refusals=2", 1, 0},
	{9, "SELECT count(*) FROM policies WHERE version=4", 1, 0},
	{10, "SELECT count(*) FROM entry_subjects WHERE subject='w'", 1, 0},
	{11, "SELECT count(*) FROM objects", 1, 1},
	{12, "SELECT count(*) FROM histories WHERE kept=6", 1, 0},
	{12, "SELECT count(*) FROM entries WHERE time=7", 1, 0},
	{12, "SELECT gone FROM policies UNION ALL SELECT 0 ORDER BY 1 DESC", 6, 0},
	{13, "SELECT noted FROM retention", 5, LEAVES},
	{14, "SELECT count(*) FROM log_quote WHERE size=5", 1, 0},
	{15, "SELECT CAST(sum(status) AS BIGINT) FROM credentials WHERE reason=4", 11, 0},
	{15, "SELECT sequence FROM revocation", 6, 1},
	/* the newest credential's end, or the last renewal; looked at where the agent runs */
	{16, "SELECT lease FROM instances WHERE instance=x'0a'", 777, 900},
	{16, "SELECT lease FROM instances WHERE instance=x'0b'", 779, 600},
	{16, "SELECT CAST(sum(lease_check) AS BIGINT) FROM instances", 778, 900},
	{16, "SELECT count(*) FROM host_heard WHERE heard=44", 1, 0},
	{16, "SELECT count(*) FROM instance_states", 1, 0},
	{16, "SELECT count(*) FROM host_seen WHERE boot_id=x'07'", 1, 0},
	{17, "SELECT count(*) FROM elevations WHERE why='y'", 1, 0},
	{18, "SELECT epoch FROM meta", 8, 0},
	{18, "SELECT count(*) FROM writers", 1, 0},
	{19, "SELECT acked FROM webhooks UNION ALL SELECT 0 ORDER BY 1 DESC", 7, 0},
	{20, "SELECT full_counter FROM instances WHERE instance=x'0a'", 3, 9},
	{20, "SELECT full_counter FROM instances WHERE instance=x'0b'", 4, 0},
	{23, "SELECT tried FROM webhooks UNION ALL SELECT 0 ORDER BY 1 DESC", 77, 0},
};

/* What stays as it is whatever the schema was. */
static const char *const refused[] = {
	"UPDATE leaves SET hash=x'00'",
	"DELETE FROM leaves",
	"UPDATE hosts SET ek_public=x'00'",
	"UPDATE releases SET envelope=x'00'",
	"UPDATE approvals SET person='bob'",
};

#define OBJECT BYTES_LIT("an object")
static uint8_t object_digest[SHA256_LEN];

static void begin(void)
{
	assert_ok(test_sql()->open(path, true, &sql, &err), err);
	assert_ok(store_migrate(sql, &err), err);
	vault = content_vault(sql, content_kek());
}

static void end(void)
{
	sql_close(&sql);
	vault_free(&vault);
}

static int setup(void **state)
{
	(void)state;
	(void)snprintf(dir, sizeof(dir), "/tmp/assay-schema-XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
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
	end();
	return nftw(dir, remove_one, 4, FTW_DEPTH | FTW_PHYS);
}

static void fill(void)
{
	struct store_tx tx = {.sql = sql};
	assert_ok(sql->ops->begin(sql, &err), err);
	for (unsigned i = 0; i < LEAVES; i++) {
		struct leaf_row row = {.hash = {(uint8_t)i}};
		buf_put_u8(&row.bytes, (uint8_t)i);
		assert_ok(leaf_append(&tx, &row, &err), err);
		leaf_row_release(&row);
	}
	assert_ok(sha256_of(OBJECT, object_digest, &err), err);
	assert_ok(object_put(sql, object_digest, OBJECT, &err), err);
	assert_ok(sql->ops->commit(sql, &err), err);
	assert_ok(sql->ops->script(sql, fill_text, &err), err);
}

static int64_t ask(const char *text)
{
	struct sql_query *q = NULL;
	assert_ok(sql_first(sql, text, SQL_NO_ARGS, &q, &err), err);
	int64_t answer = q ? sql_int(q, 0) : INT64_MIN;
	sql_finish(&q);
	return answer;
}

static void assert_facts(int64_t from)
{
	int64_t version = 0;
	struct buf content = {0};
	assert_ok(sql->ops->version(sql, &version, &err), err);
	assert_int_equal(version, store_schema_version());
	for (size_t i = 0; i < ARRAY_LEN(facts); i++) {
		int64_t wanted = from >= facts[i].since ? facts[i].kept : facts[i].made;
		int64_t found = ask(facts[i].ask);
		if (found != wanted)
			fail_msg("from schema %lld: %s: %lld, wanted %lld", (long long)from,
				facts[i].ask, (long long)found, (long long)wanted);
	}
	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		assert_false(sql->ops->script(sql, refused[i], &err));
		assert_non_null(
			strstr(err.text, "immutable") ? err.text : strstr(err.text, "kept"));
	}
	assert_ok(object_get(sql, object_digest, &content, &err), err);
	assert_bytes(buf_bytes(&content), OBJECT);
	buf_release(&content);
}

static void migrate__database_of_each_schema__opens_with_what_it_held(void **state)
{
	(void)state;
	for (int64_t from = store_schema_version() - 1; from > 0; from--) {
		(void)snprintf(path, sizeof(path), "%s/%lld.db", dir, (long long)from);
		begin();
		fill();
		if (from < 11) /* contents stood in clear */
			content_unseal(sql);
		schema_undo(sql, from);
		end();
		begin();
		assert_ok(contents_seal(sql, &err), err);
		assert_facts(from);
		if (test_sql_is_postgres())
			test_sql_remove(path);
		end();
	}
}

/* A step that fails leaves the database as it was: the next start takes it. */
static void migrate__step_that_fails__nothing_taken(void **state)
{
	(void)state;
	int64_t version = 0;
	(void)snprintf(path, sizeof(path), "%s/fails.db", dir);
	begin();
	fill();
	schema_undo(sql, 18);
	assert_ok(sql->ops->script(sql, "CREATE TABLE record_contents(idx INTEGER) STRICT", &err),
		err);
	assert_false(store_migrate(sql, &err));
	assert_int_equal(err.code, ERR_STORE);
	assert_non_null(strstr(err.text, "schema step 21"));
	assert_ok(sql->ops->version(sql, &version, &err), err);
	assert_int_equal(version, 18);
	assert_ok(sql->ops->script(sql, "DROP TABLE record_contents", &err), err);
	end();
	begin();
	assert_facts(18);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(migrate__database_of_each_schema__opens_with_what_it_held),
		T(migrate__step_that_fails__nothing_taken),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
