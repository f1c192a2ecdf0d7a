/* SPDX-License-Identifier: Apache-2.0 */
/* Rows: what may change, what may not, and a damaged one hides no other. */
#include "tests/unit/verifier/schema_undo.h"
#include "verifier/host_page.h"
#include "verifier/rollouts.h"
#include "verifier/rows.h"

#include <ftw.h>
#include <stdlib.h>

#include "tests/support/test_sql.h"
#include "tests/support/unit.h"
#include "tests/unit/verifier/content.h"

static char dir[64], path[96];
static struct sql *sql;
static struct vault *vault;
static struct err err;

static int setup(void **state)
{
	(void)state;
	(void)snprintf(dir, sizeof(dir), "/tmp/assay-rows-XXXXXX");
	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/v.db", dir);
	assert_ok(test_sql()->open(path, true, &sql, &err), err);
	assert_ok(store_migrate(sql, &err), err);
	assert_ok(store_migrate(sql, &err), err); /* a second time changes nothing */
	vault = content_vault(sql, content_kek());
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
	return nftw(dir, remove_one, 4, FTW_DEPTH | FTW_PHYS);
}

static struct host_row host(uint8_t mark)
{
	struct host_row row = {.enrolled = 1000, .epoch = 1, .state = HOST_ACTIVE};
	memset(row.id, mark, sizeof(row.id));
	memset(row.ak_name, mark + 1, sizeof(row.ak_name));
	buf_put_u8(&row.ek_public, mark);
	buf_put_u8(&row.ak_public, mark);
	(void)snprintf(row.name, sizeof(row.name), "h%u", mark);
	return row;
}

static void put_host(uint8_t mark)
{
	struct host_row row = host(mark);
	assert_ok(host_insert(sql, &row, &err), err);
	host_row_release(&row);
}

static void host__taken_id_ek_or_ak__conflict(void **state)
{
	(void)state;
	put_host(1);
	for (int what = 0; what < 3; what++) {
		struct host_row row = host(50);
		if (what == 0)
			memset(row.id, 1, sizeof(row.id));
		if (what == 1)
			row.ek_public.data[0] = 1;
		if (what == 2)
			memset(row.ak_name, 2, sizeof(row.ak_name));
		assert_false(host_insert(sql, &row, &err));
		assert_int_equal(err.code, ERR_CONFLICT);
		host_row_release(&row);
	}
}

static void host__identity__immutable(void **state)
{
	(void)state;
	static const char *const bad[] = {"UPDATE hosts SET ak_public=x'00'",
		"UPDATE hosts SET id=x'00'", "UPDATE hosts SET ek_certs=x'00'",
		"UPDATE hosts SET enrolled=1", "DELETE FROM hosts"};
	put_host(1);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_false(sql_exec(sql, bad[i], SQL_NO_ARGS, NULL, &err));
		assert_non_null(strstr(err.text, "an identity row is"));
	}
}

static void host__seen_values__kept_bit_for_bit(void **state)
{
	(void)state;
	bool found = false;
	struct host_row row = host(3), read = {0};
	put_host(3);
	row.seen = 5;
	row.seen_index = 77;
	row.reset_count = UINT32_MAX;
	row.restart_count = UINT32_MAX - 1;
	row.clock = UINT64_MAX;
	row.firmware_version = 0x8000000000000001u;
	assert_ok(host_set_seen(sql, &row, &err), err);
	assert_ok(host_get(sql, row.id, &read, &found, &err), err);
	assert_true(found);
	assert_int_equal(read.reset_count, UINT32_MAX);
	assert_int_equal(read.restart_count, UINT32_MAX - 1);
	assert_true(read.clock == UINT64_MAX && read.firmware_version == row.firmware_version);
	assert_ok(host_recheck(sql, &read, &err), err);
	row.seen_index++;
	assert_ok(host_set_seen(sql, &row, &err), err);
	assert_fails(host_recheck(sql, &read, &err), err, ERR_CONFLICT,
		"the host was changed meanwhile");
	host_row_release(&row);
	host_row_release(&read);
}

static void host__state__by_version_only(void **state)
{
	(void)state;
	struct host_row row = host(1);
	put_host(1);
	assert_ok(host_set_state(sql, row.id, 1, HOST_QUARANTINED, &err), err);
	assert_fails(host_set_state(sql, row.id, 1, HOST_ACTIVE, &err), err, ERR_CONFLICT,
		"the host was changed meanwhile");
	host_row_release(&row);
}

/* E30: a row of another shape is an error of its own; the others are served. */
static void host__damaged_row__hides_no_other(void **state)
{
	(void)state;
	struct host_row row = host(2), read = {0};
	struct host_place last;
	bool found, more;
	json_t *list = json_array();
	put_host(1);
	put_host(2);
	put_host(3);
	assert_ok(sql_exec(sql, "UPDATE hosts SET state=99 WHERE id=?1",
			  SQL_ARGS(sql_b(BYTES_OF(row.id))), NULL, &err),
		err);
	assert_ok(host_page_json(sql, NULL, 9, 1000, list, &last, &more, &err), err);
	assert_int_equal(json_array_size(list), 3);
	for (size_t i = 0; i < 3; i++)
		assert_string_equal(
			json_string_value(json_object_get(json_array_get(list, i), "state")),
			i == 1 ? "damaged" : "active");
	assert_string_equal(
		json_string_value(json_object_get(json_array_get(list, 1), "name")), "");
	assert_int_equal(json_string_value(json_object_get(json_array_get(list, 1), "id"))[1], '2');
	json_decref(list);
	assert_fails(host_get(sql, row.id, &read, &found, &err), err, ERR_STORE,
		"stored host state 99 is unknown");
	host_row_release(&row);
}

static void counter__compare_and_set__once(void **state)
{
	(void)state;
	uint8_t h[HOST_ID_LEN] = {1}, i[INSTANCE_ID_LEN] = {2};
	uint64_t value = 9;
	assert_ok(counter_get(sql, h, i, PURPOSE_RENEW, &value, &err), err);
	assert_int_equal(value, 0);
	for (uint64_t n = 0; n < 3; n++) {
		assert_ok(counter_take(sql, h, i, PURPOSE_RENEW, n, &err), err);
		assert_fails(counter_take(sql, h, i, PURPOSE_RENEW, n, &err), err, ERR_CONFLICT,
			"the challenge has been used");
		assert_fails(counter_take(sql, h, i, PURPOSE_RENEW, n + 5, &err), err, ERR_CONFLICT,
			"the challenge has been used");
	}
	assert_ok(counter_get(sql, h, i, PURPOSE_RENEW, &value, &err), err);
	assert_int_equal(value, 3);
	assert_ok(counter_get(sql, h, i, PURPOSE_LAUNCH, &value, &err), err);
	assert_int_equal(value, 0);
}

static void session__burned__once(void **state)
{
	(void)state;
	struct session_row row = {.issued = 100, .expires = 200}, got = {0};
	static const struct session_room room = {.most = 4, .share = 2};
	bool found;
	memset(row.id, 5, sizeof(row.id));
	buf_put_u8(&row.ek_public, 1);
	assert_ok(session_put(sql, &row, 100, true, &room, &err), err);
	assert_ok(session_burn(sql, row.id, 200, &got, &found, &err), err);
	assert_false(found); /* expired */
	assert_ok(session_burn(sql, row.id, 199, &got, &found, &err), err);
	assert_true(found);
	assert_int_equal(got.issued, 100);
	session_row_release(&got);
	assert_ok(session_burn(sql, row.id, 150, &got, &found, &err), err);
	assert_false(found);
	row.id[0]++;
	assert_ok(session_put(sql, &row, 150, true, &room, &err), err);
	row.id[0]++;
	assert_fails(session_put(sql, &row, 150, true, &room, &err), err, ERR_BUSY,
		"2 enrolments are under way");
	assert_ok(session_put(sql, &row, 200, true, &room, &err),
		err); /* the old ones have expired */
	session_row_release(&row);
}

/* One that is counted by who it is: another TPM, or another token. */
static bool room_for(uint8_t ek, uint8_t token, bool stranger)
{
	static const struct session_room room = {.most = 8, .share = 2};
	static uint8_t number;
	struct session_row row = {.issued = 100, .expires = 200};
	row.id[0] = 7;
	row.id[1] = ++number;
	memset(row.token, token, sizeof(row.token));
	buf_put_u8(&row.ek_public, ek);
	err = (struct err){0};
	bool ok = session_put(sql, &row, 100, stranger, &room, &err);
	assert_true(ok || err.code == ERR_BUSY);
	session_row_release(&row);
	return ok;
}

static void S2__enrolments_of_strangers_without_end__leave_room_for_the_invited(void **state)
{
	(void)state;
	for (uint8_t i = 0; i < 4; i++)
		assert_true(room_for(i, 0, true));
	assert_false(room_for(9, 0, true));
	assert_string_equal(err.text, "4 enrolments are under way");
	/* A host, and one that was invited: each its share, whatever TPM shows the token. */
	assert_true(room_for(1, 0, false));
	assert_false(room_for(1, 0, false));
	assert_string_equal(
		err.text, "2 enrolments of this TPM, or with this token, are under way");
	assert_true(room_for(50, 5, false));
	assert_true(room_for(51, 5, false));
	assert_false(room_for(52, 5, false));
	/* They have no more than there is. */
	assert_true(room_for(60, 6, false));
	assert_false(room_for(70, 7, false));
	assert_string_equal(err.text, "8 enrolments are under way");
}

static void session__expected__of_an_active_host_or_one_registered_beforehand(void **state)
{
	(void)state;
	struct token_row token = {.created = 1, .expires = 100, .bound = true};
	uint8_t unknown[HOST_ID_LEN] = {77};
	bool expected = true;
	assert_ok(session_expected(sql, unknown, 50, &expected, &err), err);
	assert_false(expected);
	memcpy(token.host, unknown, sizeof(unknown));
	memset(token.hash, 77, sizeof(token.hash));
	assert_ok(join_token_put(sql, &token, &err), err);
	assert_ok(session_expected(sql, unknown, 99, &expected, &err), err);
	assert_true(expected);
	assert_ok(session_expected(sql, unknown, 100, &expected, &err), err);
	assert_false(expected);
	struct host_row row = host(78);
	assert_ok(host_insert(sql, &row, &err), err);
	for (int state_of = HOST_PENDING; state_of <= HOST_RETIRED; state_of++) {
		assert_ok(host_set_state(sql, row.id, state_of, (enum host_state)state_of, &err),
			err);
		assert_ok(session_expected(sql, row.id, 50, &expected, &err), err);
		assert_int_equal(expected, state_of == HOST_ACTIVE);
	}
	host_row_release(&row);
}

static void token__used__by_one(void **state)
{
	(void)state;
	struct token_row row = {.created = 1, .expires = 100};
	uint8_t a[HOST_ID_LEN] = {1}, b[HOST_ID_LEN] = {2};
	bool ok;
	assert_ok(join_token_put(sql, &row, &err), err);
	assert_ok(join_token_use(sql, row.hash, a, 100, &ok, &err), err);
	assert_false(ok);
	assert_ok(join_token_use(sql, row.hash, a, 99, &ok, &err), err);
	assert_true(ok);
	assert_ok(join_token_use(sql, row.hash, b, 99, &ok, &err), err);
	assert_false(ok);
	assert_ok(join_token_check(sql, row.hash, a, 99, &ok, &err), err);
	assert_true(ok);
	assert_ok(join_token_check(sql, row.hash, b, 99, &ok, &err), err);
	assert_false(ok);
}

static void rows__expired__deleted(void **state)
{
	(void)state;
	struct credential_row c = {.serial = "1", .kind = CREDENTIAL_JWT, .not_after = 1000}, read;
	bool found;
	assert_ok(credential_insert(sql, &c, &err), err);
	assert_ok(rows_expire(sql, 1000 + 86399, &err), err);
	assert_ok(credential_get(sql, "1", &read, &found, &err), err);
	assert_true(found);
	assert_ok(rows_expire(sql, 1000 + 86400, &err), err);
	assert_ok(credential_get(sql, "1", &read, &found, &err), err);
	assert_false(found);
}

/* ---- the register ---- */

static struct workload_row workload(void)
{
	return (struct workload_row){.name = "w",
		.risk_class = "low",
		.environment = "prod",
		.owner = "o",
		.purpose = "p",
		.created = 1000,
		.state = WORKLOAD_ACTIVE,
		.unit = "claims",
		.controls = "[\"A/1\"]",
		.third_parties = "[]",
		.review_interval = 7,
		.reviewed = 1000,
		.review_next = 1007};
}

static void assert_workload(const struct workload_row *read, const struct workload_row *row)
{
	assert_string_equal(read->name, row->name);
	assert_string_equal(read->risk_class, row->risk_class);
	assert_string_equal(read->owner, row->owner);
	assert_string_equal(read->unit, row->unit);
	assert_string_equal(read->controls, row->controls);
	assert_string_equal(read->third_parties, row->third_parties);
	assert_string_equal(read->reviewer, row->reviewer);
	assert_string_equal(read->review_reason, row->review_reason);
	assert_int_equal(read->review_interval, row->review_interval);
	assert_int_equal(read->reviewed, row->reviewed);
	assert_int_equal(read->review_next, row->review_next);
	assert_int_equal(read->version, row->version);
}

static void workload__facts__kept_and_set_by_version_only(void **state)
{
	(void)state;
	struct workload_row row = workload(), read = {0};
	bool found = false;
	assert_ok(workload_insert(sql, &row, &err), err);
	assert_ok(workload_get(sql, bytes_str("w"), &read, &found, &err), err);
	assert_true(found);
	row.version = 1;
	assert_workload(&read, &row);
	(void)snprintf(row.unit, sizeof(row.unit), "loans");
	(void)snprintf(row.reviewer, sizeof(row.reviewer), "spiffe://x/operator/admin/a");
	(void)snprintf(row.review_reason, sizeof(row.review_reason), "yearly");
	row.reviewed = 2000;
	row.review_next = 0;
	assert_ok(workload_set_facts(sql, &row, &err), err);
	assert_fails(workload_set_facts(sql, &row, &err), err, ERR_CONFLICT,
		"the workload was changed meanwhile");
	assert_ok(workload_get(sql, bytes_str("w"), &read, &found, &err), err);
	row.version = 2;
	assert_workload(&read, &row);
}

static void reopen_old(int64_t to)
{
	content_unseal(sql);
	schema_undo(sql, to);
	sql_close(&sql);
	vault_free(&vault);
	assert_ok(test_sql()->open(path, true, &sql, &err), err);
	assert_ok(store_migrate(sql, &err), err);
	vault = content_vault(sql, content_kek());
	assert_ok(contents_seal(sql, &err), err);
}

static void assert_newest_schema(void)
{
	int64_t version = 0;
	struct buf none[STATEMENTS_MAX] = {0};
	uint8_t digest[SHA256_LEN] = {9}, found[1][SHA256_LEN];
	size_t count = 9;
	assert_ok(sql->ops->version(sql, &version, &err), err);
	assert_int_equal(version, store_schema_version());
	assert_ok(statements_get(sql, digest, none, &count, &err), err);
	assert_int_equal(count, 0);
	assert_ok(subjects_find(sql, digest, bytes_str("e"), found, 1, &count, &err), err);
	assert_int_equal(count, 0);
}

static void assert_workload_of_old(void)
{
	struct workload_row read = {0};
	bool found = false;
	assert_ok(workload_get(sql, bytes_str("w"), &read, &found, &err), err);
	assert_true(found);
	assert_string_equal(read.owner, "o");
	assert_string_equal(read.unit, "");
	assert_string_equal(read.controls, "[]");
	assert_string_equal(read.third_parties, "[]");
	assert_int_equal(read.reviewed, 1000);
	assert_int_equal(read.review_next, 0);
	assert_int_equal(read.review_interval, 0);
}

static void migrate__database_of_schema_1__opens_with_what_it_held(void **state)
{
	(void)state;
	struct workload_row row = workload();
	assert_ok(workload_insert(sql, &row, &err), err);
	reopen_old(1);
	assert_workload_of_old();
	assert_newest_schema();
}

static void put_statement(void)
{
	struct release_row release = {.digest = {1}, .workload = "w", .state = RELEASE_PUBLISHED};
	const struct statement_row row = {
		.release = {1}, .envelope = bytes_str("an envelope"), .time = 5};
	bool new = false;
	buf_put_str(&release.envelope, "{}");
	assert_ok(release_insert(sql, &release, &err), err);
	assert_ok(statement_insert(sql, &row, &new, &err), err);
	assert_true(new);
	release_row_release(&release);
}

static void migrate__database_of_schema_2__opens_with_what_it_held(void **state)
{
	(void)state;
	struct workload_row row = workload();
	const uint8_t release[SHA256_LEN] = {1};
	struct buf kept[STATEMENTS_MAX] = {0};
	size_t count = 0;
	assert_ok(workload_insert(sql, &row, &err), err);
	put_statement();
	reopen_old(2);
	assert_workload_of_old();
	assert_newest_schema();
	assert_ok(statements_get(sql, release, kept, &count, &err), err);
	assert_int_equal(count, 1);
	assert_true(bytes_equal_str(buf_bytes(&kept[0]), "an envelope"));
	buf_release(&kept[0]);
}

static void migrate__database_of_schema_3__opens_with_what_it_held(void **state)
{
	(void)state;
	struct workload_row row = workload(), read = {0};
	bool found = false;
	assert_ok(workload_insert(sql, &row, &err), err);
	reopen_old(3);
	assert_ok(workload_get(sql, bytes_str("w"), &read, &found, &err), err);
	assert_true(found);
	row.version = 1;
	assert_workload(&read, &row);
	assert_newest_schema();
}

/* 600 leaves that were there before tiles were: what a grown ledger would have is made. */
static void migrate__leaves_of_schema_4__tiles_filled(void **state)
{
	(void)state;
	struct buf before = {0}, after = {0};
	struct tile tile = {.level = 1, .width = 2};
	struct store_tx tx = {.sql = sql};
	for (unsigned i = 0; i < 600; i++) {
		struct leaf_row row = {.hash = {(uint8_t)i, (uint8_t)(i >> 8)}};
		buf_put_u8(&row.bytes, (uint8_t)i);
		assert_ok(leaf_append(&tx, &row, &err), err);
		leaf_row_release(&row);
	}
	assert_ok(tile_get(sql, &tile, &before, &err), err);
	reopen_old(4);
	assert_ok(tile_get(sql, &tile, &after, &err), err);
	assert_bytes(buf_bytes(&after), buf_bytes(&before));
	tile.width = 3;
	assert_fails(tile_get(sql, &tile, &after, &err), err, ERR_NOT_FOUND,
		"the ledger has no such tile yet");
	assert_newest_schema();
	buf_release(&before);
	buf_release(&after);
}

static void migrate__database_of_schema_5__opens_with_what_it_held(void **state)
{
	(void)state;
	struct token_row row = {.created = 1, .expires = 100};
	uint8_t a[HOST_ID_LEN] = {1};
	bool ok = false;
	assert_ok(join_token_put(sql, &row, &err), err);
	reopen_old(5);
	assert_ok(join_token_use(sql, row.hash, a, 99, &ok, &err), err);
	assert_true(ok);
	assert_ok(
		sql_exec(sql,
			"INSERT INTO host_attributes(host, seq, attribute, value, operator, reason,"
			" time) SELECT ?1, 1, 'site', attributes, 'o', 'r', 1 FROM join_tokens"
			" WHERE 1=0",
			SQL_ARGS(sql_b(BYTES_OF(a))), NULL, &err),
		err);
	assert_newest_schema();
}

/* ---- approvals ---- */

static void put_release(uint8_t mark, const char *version, int64_t published)
{
	struct release_row row = {
		.workload = "w", .state = RELEASE_PUBLISHED, .published = published};
	memset(row.digest, mark, sizeof(row.digest));
	(void)snprintf(row.release_version, sizeof(row.release_version), "%s", version);
	buf_put_str(&row.envelope, "{}");
	assert_ok(release_insert(sql, &row, &err), err);
	release_row_release(&row);
}

static void put_trusted_instance(uint8_t mark, uint8_t release)
{
	struct instance_row row = {.workload = "w", .state = INSTANCE_TRUSTED};
	memset(row.host, 1, sizeof(row.host));
	memset(row.instance, mark, sizeof(row.instance));
	memset(row.release, release, sizeof(row.release));
	assert_ok(instance_put(sql, &row, &err), err);
}

/* The number makes it another envelope. */
static bool approve(unsigned person, unsigned number, bool withdrawn)
{
	char text[64];
	bool new = false;
	struct approval_row row = {.role = "r", .withdrawn = withdrawn};
	memset(row.release, 1, sizeof(row.release));
	(void)snprintf(row.person, sizeof(row.person), "p%u", person);
	(void)snprintf(text, sizeof(text), "%u %u %d", person, number, withdrawn);
	row.envelope = bytes_str(text);
	err = (struct err){0};
	return approval_insert(sql, &row, &new, &err) && new;
}

static void P8__approvals_of_one_person__leave_places_and_room_to_withdraw(void **state)
{
	(void)state;
	struct workload_row row = workload();
	assert_ok(workload_insert(sql, &row, &err), err);
	put_release(1, "1", 10);
	for (unsigned i = 0; i < 8; i++)
		assert_ok(approve(1, i, false), err);
	assert_false(approve(1, 8, false));
	assert_int_equal(err.code, ERR_LIMIT);
	assert_string_equal(
		err.text, "a release has at most 8 approvals and 8 withdrawals by one person");
	/* In advance: each takes a place. */
	for (unsigned i = 0; i < 8; i++)
		assert_ok(approve(2, i, true), err);
	assert_false(approve(2, 8, true));
	for (unsigned i = 0; i < 16; i++)
		assert_ok(approve(3 + i, 0, false), err);
	assert_false(approve(19, 0, false));
	assert_int_equal(err.code, ERR_LIMIT);
	assert_string_equal(err.text, "a release has at most 32 approvals");
	assert_false(approve(19, 0, true));
	/* Full: each who approved can take it back still, and nobody's way is barred by another. */
	for (unsigned i = 0; i < 8; i++)
		assert_ok(approve(1, i, true), err);
	assert_false(approve(1, 8, true));
	for (unsigned i = 0; i < 16; i++)
		assert_ok(approve(3 + i, 0, true), err);
	for (unsigned i = 0; i < 8; i++)
		assert_ok(approve(2, i, false), err);
	assert_false(approve(3, 1, true));
	assert_int_equal(err.code, ERR_LIMIT);
}

static void subjects__of_many_releases__those_in_force_first(void **state)
{
	(void)state;
	struct workload_row row = workload();
	uint8_t digest[SHA256_LEN] = {9}, found[2][SHA256_LEN];
	size_t count = 0;
	assert_ok(workload_insert(sql, &row, &err), err);
	put_host(1);
	for (uint8_t i = 1; i <= 40; i++) {
		put_release(i, "1", i);
		assert_ok(sql_exec(sql,
				  "INSERT INTO subjects(digest, release) SELECT ?1, digest FROM "
				  "releases WHERE published=?2",
				  SQL_ARGS(sql_b(BYTES_OF(digest)), sql_i(i)), NULL, &err),
			err);
	}
	put_trusted_instance(1, 3);
	assert_ok(subjects_find(sql, digest, bytes_str("prod"), found, 2, &count, &err), err);
	assert_int_equal(count, 2);
	assert_int_equal(found[0][0], 3);
	assert_int_equal(found[1][0], 40);
}

static int64_t floor_number(const char *query)
{
	OWNED(sql_finish) struct sql_query *q = NULL;
	assert_ok(sql_first(sql, query, SQL_NO_ARGS, &q, &err), err);
	return q ? sql_int(q, 0) : -1;
}

static void migrate__instances_of_schema_6__the_newest_release_that_runs_is_the_floor(void **state)
{
	(void)state;
	struct workload_row row = workload();
	assert_ok(workload_insert(sql, &row, &err), err);
	put_host(1);
	put_release(1, "1", 10);
	put_release(2, "2", 20);
	put_release(3, "3", 30); /* runs nowhere */
	put_trusted_instance(1, 1);
	put_trusted_instance(2, 2);
	put_trusted_instance(3, 2);
	reopen_old(6);
	assert_newest_schema();
	assert_int_equal(floor_number("SELECT count(*) FROM floors"), 1);
	assert_int_equal(floor_number("SELECT sequence FROM floors"), 1);
	assert_int_equal(floor_number("SELECT CAST(version AS INTEGER) FROM floors"), 2);
	assert_int_equal(floor_number("SELECT published FROM floors"), 20);
	assert_int_equal(floor_number("SELECT release=(SELECT digest FROM releases WHERE "
				      "published=20) FROM floors"),
		1);
	assert_true(floor_number("SELECT time FROM floors") > 1700000000);
	assert_int_equal(floor_number("SELECT rollback FROM floors"), 0);
}

static void migrate__releases_of_schema_6_that_are_revoked_or_ended__no_floor(void **state)
{
	(void)state;
	struct workload_row row = workload();
	assert_ok(workload_insert(sql, &row, &err), err);
	put_host(1);
	put_release(1, "1", 10);
	put_release(2, "2", 20);
	put_trusted_instance(1, 1);
	put_trusted_instance(2, 2);
	assert_ok(sql->ops->script(sql,
			  "UPDATE releases SET state=2 WHERE published=10;"
			  "UPDATE instances SET state=2 WHERE instance=(SELECT instance FROM "
			  "instances ORDER BY instance DESC LIMIT 1)",
			  &err),
		err);
	reopen_old(6);
	assert_int_equal(floor_number("SELECT count(*) FROM floors"), 0);
}

static void instance__state__kept_and_unreadable_means_none(void **state)
{
	(void)state;
	struct instance_row row = {.workload = "w",
				    .state = INSTANCE_TRUSTED,
				    .created = 1,
				    .renewed = 2},
			    read;
	bool found;
	put_host(1);
	memset(row.host, 1, sizeof(row.host));
	row.policy_state = (struct policy_state){.established = true,
		.runtime_next = 5,
		.bank = DIGEST_SHA256,
		.assurance = ASSURANCE_REPORTED};
	assert_ok(instance_put(sql, &row, &err), err);
	assert_false(instance_put(sql, &row, &err)); /* exists */
	assert_int_equal(err.code, ERR_CONFLICT);
	assert_ok(instance_get(sql, row.host, row.instance, &read, &found, &err), err);
	assert_true(found && read.policy_state.established);
	assert_int_equal(read.policy_state.runtime_next, 5);
	read.state = INSTANCE_ENDED;
	read.policy_state = (struct policy_state){0};
	assert_ok(instance_put(sql, &read, &err), err);
	assert_fails(instance_put(sql, &read, &err), err, ERR_CONFLICT,
		"the instance was changed meanwhile");
	assert_ok(instance_get(sql, row.host, row.instance, &read, &found, &err), err);
	assert_true(read.policy_state.ended);
	assert_ok(sql_exec(sql, "UPDATE instances SET policy_state=x'ff', state=1", SQL_NO_ARGS,
			  NULL, &err),
		err);
	assert_ok(instance_get(sql, row.host, row.instance, &read, &found, &err), err);
	assert_false(read.policy_state.established);
}

/* ---- what a decision rested on, asked again ---- */

static void put_releases(void)
{
	struct workload_row row = workload();
	assert_ok(workload_insert(sql, &row, &err), err);
	for (uint8_t mark = 1; mark <= 2; mark++) {
		struct release_row release = {.published = 1000, .state = RELEASE_PUBLISHED};
		memset(release.digest, mark, sizeof(release.digest));
		(void)snprintf(release.workload, sizeof(release.workload), "w");
		(void)snprintf(release.name, sizeof(release.name), "r%u", mark);
		(void)snprintf(
			release.release_version, sizeof(release.release_version), "%u", mark);
		assert_ok(release_insert(sql, &release, &err), err);
	}
}

static void workload__rechecked__by_version_and_whether_it_is_there(void **state)
{
	static const char moved[] = "the workload was changed meanwhile";
	struct bytes name = bytes_str("w");
	(void)state;
	assert_ok(workload_recheck(sql, name, 0, &err), err);
	assert_fails(workload_recheck(sql, name, 1, &err), err, ERR_CONFLICT, moved);
	put_releases();
	assert_ok(workload_recheck(sql, name, 1, &err), err);
	assert_fails(workload_recheck(sql, name, 0, &err), err, ERR_CONFLICT, moved);
	assert_ok(workload_set_state(sql, name, 1, WORKLOAD_RETIRED, &err), err);
	assert_fails(workload_recheck(sql, name, 1, &err), err, ERR_CONFLICT, moved);
	assert_fails(
		workload_set_state(sql, name, 1, WORKLOAD_ACTIVE, &err), err, ERR_CONFLICT, moved);
}

static void release__rechecked__by_version_and_whether_it_is_there(void **state)
{
	static const char moved[] = "the release was changed meanwhile";
	static const uint8_t digest[SHA256_LEN] = {[0 ... SHA256_LEN - 1] = 1};
	(void)state;
	assert_ok(release_recheck(sql, digest, 0, &err), err);
	assert_fails(release_recheck(sql, digest, 1, &err), err, ERR_CONFLICT, moved);
	put_releases();
	assert_ok(release_recheck(sql, digest, 1, &err), err);
	assert_fails(release_recheck(sql, digest, 0, &err), err, ERR_CONFLICT, moved);
	assert_fails(release_recheck(sql, digest, 2, &err), err, ERR_CONFLICT, moved);
}

static void rollout__rechecked__the_last_by_id_and_version(void **state)
{
	static const char moved[] = "the rollout was changed meanwhile";
	struct bytes name = bytes_str("w");
	struct rollout_row row = {.seq = 1, .state = ROLLOUT_RUNNING, .started = 1000};
	(void)state;
	put_releases();
	memset(row.id, 1, sizeof(row.id));
	memset(row.release_new, 1, sizeof(row.release_new));
	memset(row.release_old, 2, sizeof(row.release_old));
	(void)snprintf(row.workload, sizeof(row.workload), "w");
	assert_ok(rollout_recheck(sql, name, row.id, 0, &err), err);
	assert_fails(rollout_recheck(sql, name, row.id, 1, &err), err, ERR_CONFLICT, moved);
	assert_ok(rollout_insert(sql, &row, &err), err);
	assert_ok(rollout_recheck(sql, name, row.id, 1, &err), err);
	assert_fails(rollout_recheck(sql, name, row.id, 0, &err), err, ERR_CONFLICT, moved);
	row.version = 1;
	row.state = ROLLOUT_ROLLED_BACK;
	assert_ok(rollout_update(sql, &row, &err), err);
	assert_fails(rollout_recheck(sql, name, row.id, 1, &err), err, ERR_CONFLICT, moved);
	assert_ok(rollout_recheck(sql, name, row.id, 2, &err), err);
	row.version = 1;
	assert_fails(rollout_update(sql, &row, &err), err, ERR_CONFLICT, moved);
	row.seq = 2;
	row.state = ROLLOUT_RUNNING;
	memset(row.id, 2, sizeof(row.id));
	assert_ok(rollout_insert(sql, &row, &err), err);
	assert_ok(rollout_recheck(sql, name, row.id, 1, &err), err);
	memset(row.id, 1, sizeof(row.id));
	assert_fails(rollout_recheck(sql, name, row.id, 2, &err), err, ERR_CONFLICT, moved);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(host__taken_id_ek_or_ak__conflict),
		T(host__identity__immutable),
		T(host__seen_values__kept_bit_for_bit),
		T(host__state__by_version_only),
		T(host__damaged_row__hides_no_other),
		T(counter__compare_and_set__once),
		T(session__burned__once),
		T(S2__enrolments_of_strangers_without_end__leave_room_for_the_invited),
		T(session__expected__of_an_active_host_or_one_registered_beforehand),
		T(token__used__by_one),
		T(rows__expired__deleted),
		T(workload__facts__kept_and_set_by_version_only),
		T(migrate__database_of_schema_1__opens_with_what_it_held),
		T(migrate__database_of_schema_2__opens_with_what_it_held),
		T(migrate__database_of_schema_3__opens_with_what_it_held),
		T(migrate__leaves_of_schema_4__tiles_filled),
		T(migrate__database_of_schema_5__opens_with_what_it_held),
		T(P8__approvals_of_one_person__leave_places_and_room_to_withdraw),
		T(subjects__of_many_releases__those_in_force_first),
		T(migrate__instances_of_schema_6__the_newest_release_that_runs_is_the_floor),
		T(migrate__releases_of_schema_6_that_are_revoked_or_ended__no_floor),
		T(instance__state__kept_and_unreadable_means_none),
		T(workload__rechecked__by_version_and_whether_it_is_there),
		T(release__rechecked__by_version_and_whether_it_is_there),
		T(rollout__rechecked__the_last_by_id_and_version),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
