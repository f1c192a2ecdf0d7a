/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of policies, and differences in groups (rows_policies.c, rows_differences.c, shadow_judge.c). */
#include "tests/support/test_sql.h"
#include "tests/support/unit.h"

#include "verifier/rows.h"
#include "verifier/shadow_judge.h"

#include <stdlib.h>
#include <unistd.h>

static char path[] = "/tmp/assay-policies-XXXXXX";
static struct sql *sql;
static struct err err;

static int setup(void **state)
{
	(void)state;
	(void)snprintf(path, sizeof(path), "/tmp/assay-policies-XXXXXX");
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	(void)close(fd);
	assert_ok(test_sql()->open(path, true, &sql, &err), err);
	assert_ok(store_migrate(sql, &err), err);
	return 0;
}

static int teardown(void **state)
{
	char beside[64];

	(void)state;
	sql_close(&sql);
	(void)unlink(path);
	for (int i = 0; i < 2; i++) {
		(void)snprintf(beside, sizeof(beside), "%s%s", path, i ? "-wal" : "-shm");
		(void)unlink(beside);
	}
	return 0;
}

static struct policy_row insert(int64_t version, enum policy_row_state kind)
{
	struct policy_row row = {.version = version,
		.state = kind,
		.staged = 5,
		.judged_from = 9,
		.judged_to = 9,
		.digest = {(uint8_t)version},
		.staged_by = "anna",
		.by = "bert",
		.reason = "why"};

	assert_ok(policy_row_insert(sql, &row, &err), err);
	return row;
}

static void policy_row__kept_and_found__as_written(void **state)
{
	struct policy_row row, read = {0};
	bool found = false;

	(void)state;
	row = insert(7, POLICY_STAGED);
	assert_ok(policy_row_get(sql, 7, &read, &found, &err), err);
	assert_true(found);
	assert_memory_equal(&read, &row, sizeof(row));
	assert_ok(policy_row_of_digest(sql, row.digest, &read, &found, &err), err);
	assert_true(found);
	assert_ok(policy_row_staged(sql, &read, &found, &err), err);
	assert_true(found);
	assert_int_equal(read.version, 7);
	assert_ok(policy_row_get(sql, 8, &read, &found, &err), err);
	assert_false(found);
	assert_string_equal(policy_row_state_name(POLICY_IN_FORCE), "in-force");
	assert_string_equal(policy_row_state_name((enum policy_row_state)9), "unknown");
}

/* The database itself holds the program to it: one staged, one in force, none changed or deleted. */
static void policy_row__second_of_a_kind_or_changed__refused(void **state)
{
	struct policy_row row = {.version = 8, .state = POLICY_STAGED};

	(void)state;
	(void)insert(7, POLICY_STAGED);
	assert_false(policy_row_insert(sql, &row, &err));
	assert_int_equal(err.code, ERR_CONFLICT);
	assert_false(sql->ops->script(sql, "UPDATE policies SET version=9", &err));
	assert_false(sql->ops->script(sql, "UPDATE policies SET digest=x'00'", &err));
	assert_false(sql->ops->script(sql, "DELETE FROM policies", &err));
	row = (struct policy_row){.seq = 99, .state = POLICY_WITHDRAWN};
	assert_fails(policy_row_set(sql, &row, &err), err, ERR_INTERNAL, "no such policy row");
}

static void policies_supersede__staged_above__stays(void **state)
{
	struct policy_row read = {0};
	bool found = false;

	(void)state;
	(void)insert(5, POLICY_IN_FORCE);
	(void)insert(7, POLICY_STAGED);
	assert_ok(policies_supersede(sql, 6, &err), err);
	assert_ok(policy_row_get(sql, 5, &read, &found, &err), err);
	assert_int_equal(read.state, POLICY_SUPERSEDED);
	assert_ok(policy_row_get(sql, 7, &read, &found, &err), err);
	assert_int_equal(read.state, POLICY_STAGED);
	assert_ok(policies_supersede(sql, 7, &err), err);
	assert_ok(policy_row_get(sql, 7, &read, &found, &err), err);
	assert_int_equal(read.state, POLICY_SUPERSEDED);
}

static bool visited(void *arg, const struct difference_row *row, struct err *e)
{
	struct difference_row *rows = arg;

	(void)e;
	rows[1] = rows[0];
	rows[0] = *row;
	return true;
}

static void differences__one_judged_already_or_withdrawn__nothing_counted(void **state)
{
	struct policy_row row = insert(7, POLICY_STAGED);
	const struct difference_row one = {
		.workload = "w", .reason = "r", .count = 2, .before = true};
	struct difference_row read[2] = {0};

	(void)state;
	row.judged_to = 12;
	row.changed = 2;
	assert_ok(differences_add(sql, &row, 9, &one, 1, &err), err);
	assert_fails(differences_add(sql, &row, 9, &one, 1, &err), err, ERR_CONFLICT,
		"the policy is staged no more");
	assert_ok(differences_each(sql, row.seq, visited, read, &err), err);
	assert_int_equal(read[0].count, 2);
	row.judged_to = 13;
	assert_ok(differences_add(sql, &row, 12, &one, 1, &err), err);
	assert_ok(differences_each(sql, row.seq, visited, read, &err), err);
	assert_int_equal(read[0].count, 4);
	assert_true(read[0].before);
	assert_string_equal(read[0].reason, "r");
	row.state = POLICY_WITHDRAWN;
	assert_ok(policy_row_set(sql, &row, &err), err);
	assert_false(differences_add(sql, &row, 13, &one, 1, &err));
}

static void differences__more_than_the_maximum__counted_together(void **state)
{
	struct policy_row row = insert(7, POLICY_STAGED);
	struct difference_row read[2] = {0};
	struct difference_row *many = calloc(DIFFERENCES_MAX + 3, sizeof(*many));

	(void)state;
	for (size_t i = 0; i < DIFFERENCES_MAX + 3; i++) {
		many[i].count = 1;
		(void)snprintf(many[i].workload, sizeof(many[i].workload), "w%zu", i);
		(void)snprintf(many[i].reason, sizeof(many[i].reason), "r");
	}
	assert_ok(sql->ops->begin(sql, &err), err);
	assert_ok(differences_add(sql, &row, 9, many, DIFFERENCES_MAX + 3, &err), err);
	assert_ok(sql->ops->commit(sql, &err), err);
	assert_ok(differences_each(sql, row.seq, visited, read, &err), err);
	OWNED(sql_finish) struct sql_query *q = NULL;
	assert_ok(sql_first(sql,
			  "SELECT count, (SELECT count(*) FROM policy_differences) FROM "
			  "policy_differences WHERE reason='others' AND workload=''",
			  SQL_NO_ARGS, &q, &err),
		err);
	assert_non_null(q);
	assert_int_equal(sql_int(q, 0), 3);
	assert_int_equal(sql_int(q, 1), DIFFERENCES_MAX + 1);
	free(many);
}

static void tally__groups_beyond_its_room__counted_together(void **state)
{
	struct difference_row groups[3] = {0}, one = {.reason = "r", .last = 4};
	struct shadow_tally tally = {.group_max = 2, .groups = groups};

	(void)state;
	for (int i = 0; i < 6; i++) {
		one.host[0] = (uint8_t)(i % 4);
		shadow_tally_add(&tally, &one);
	}
	assert_int_equal(tally.group_count, 3);
	assert_int_equal(groups[0].count, 2);
	assert_int_equal(groups[1].count, 2);
	assert_int_equal(groups[2].count, 2);
	assert_string_equal(groups[2].reason, "others");
	assert_int_equal(groups[0].last, 4);
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(policy_row__kept_and_found__as_written),
		T(policy_row__second_of_a_kind_or_changed__refused),
		T(policies_supersede__staged_above__stays),
		T(differences__one_judged_already_or_withdrawn__nothing_counted),
		T(differences__more_than_the_maximum__counted_together),
		cmocka_unit_test(tally__groups_beyond_its_room__counted_together),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
