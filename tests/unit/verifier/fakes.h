/* SPDX-License-Identifier: Apache-2.0 */
/* Fakes at the seams: a clock that is set, randomness that fails, a database whose calls fail when told to. */
#ifndef ASSAY_TESTS_UNIT_VERIFIER_FAKES_H
#define ASSAY_TESTS_UNIT_VERIFIER_FAKES_H

#include <stdatomic.h>

#include "base/time.h"
#include "crypto/digest.h"
#include "tests/support/test_sql.h"
#include "verifier/sql.h"

/* ---- clock ---- */

struct fake_clock {
	struct clock base;
	int64_t wall;
	uint64_t ms;
};
static int64_t fake_wall(const struct clock *clock)
{
	return ((const struct fake_clock *)clock)->wall;
}
static uint64_t fake_ms(const struct clock *clock)
{
	return ((const struct fake_clock *)clock)->ms;
}
static const struct clock_ops fake_clock_ops = {.wall = fake_wall, .monotonic_ms = fake_ms};

/* The machine's clock, moved. */
struct shifted_clock {
	struct clock base;
	_Atomic int64_t shift;
	_Atomic uint64_t later_ms; /* of the monotonic one, which only goes on */
};
static int64_t shifted_wall(const struct clock *clock)
{
	return clock_wall(&clock_system) + ((const struct shifted_clock *)clock)->shift;
}
static uint64_t shifted_ms(const struct clock *clock)
{
	return clock_monotonic_ms(&clock_system) + ((const struct shifted_clock *)clock)->later_ms;
}
static const struct clock_ops shifted_clock_ops = {
	.wall = shifted_wall, .monotonic_ms = shifted_ms};

/* ---- randomness ---- */

struct fake_random {
	struct random base;
	atomic_bool broken;
};
static bool fake_fill(struct random *random, uint8_t *out, size_t len, struct err *err)
{
	if (((struct fake_random *)random)->broken)
		return err_set(err, ERR_CRYPTO, "random: out of order");
	return random_fill(&random_system, out, len, err);
}
static const struct random_ops fake_random_ops = {.fill = fake_fill};

/* ---- database ---- */

/* One for the test program: the seam has no room for a context. */
static struct fake_sql {
	atomic_int fail_commit; /* how many commits fail from now on */
	atomic_bool fail_write; /* every statement of a writer fails, and no connection opens */
	atomic_int commits;
} fake_sql;

static bool fake_open(const char *location, bool writer, struct sql **ret, struct err *err);
static bool fake_commit(struct sql *sql, struct err *err)
{
	if (fake_sql.fail_commit > 0) {
		fake_sql.fail_commit--;
		return err_set(err, ERR_STORE, "disk I/O error");
	}
	fake_sql.commits++;
	return test_sql()->commit(sql, err);
}
static bool fake_begin(struct sql *sql, struct err *err)
{
	if (fake_sql.fail_write)
		return err_set(err, ERR_STORE, "disk I/O error");
	return test_sql()->begin(sql, err);
}
static struct sql_ops fake_sql_ops;

/* SQLite with two calls of our own; a connection of it points back here. */
static const struct sql_ops *fake_sql_init(void)
{
	fake_sql_ops = *test_sql();
	fake_sql_ops.open = fake_open;
	fake_sql_ops.commit = fake_commit;
	fake_sql_ops.begin = fake_begin;
	fake_sql.fail_commit = 0;
	fake_sql.fail_write = false;
	fake_sql.commits = 0;
	return &fake_sql_ops;
}
static bool fake_open(const char *location, bool writer, struct sql **ret, struct err *err)
{
	if (writer && fake_sql.fail_write)
		return err_set(err, ERR_STORE, "unable to open database file");
	if (!test_sql()->open(location, writer, ret, err))
		return false;
	(*ret)->ops = &fake_sql_ops;
	return true;
}

/* Keeps a compiler from minding what one test program does not use. */
static inline void fakes_used(void)
{
	(void)fake_clock_ops;
	(void)shifted_clock_ops;
	(void)fake_random_ops;
	(void)fake_sql_init;
}

#endif
