/* SPDX-License-Identifier: Apache-2.0 */
/* Credentials that are issued for the host of the world w by three threads while a test revokes them. Whoever includes this has
 * the world. */
#ifndef ASSAY_TESTS_UNIT_VERIFIER_ISSUE_RACE_H
#define ASSAY_TESTS_UNIT_VERIFIER_ISSUE_RACE_H

#include "tests/unit/verifier/world.h"

#include <stdatomic.h>

#define RACE_ROUNDS_MAX 100000u
#define RACE_ISSUED     100u /* so many must have been let through */

typedef bool (*race_issue)(struct store_tx *tx, void *row, struct err *err);

static struct {
	race_issue issue; /* host_recheck of the row, and what is stored then */
	atomic_bool stop;
	atomic_uint issued, refused;
	pthread_t threads[3];
} race;

/* What a decision does: the row is read, much later rechecked in the transaction that stores the credential. */
static inline void *race_issuer(void *arg)
{
	(void)arg;
	while (!race.stop) {
		struct sql *sql = NULL;
		struct host_row row = {0};
		bool found = false;
		if (!store_read(w.app->store, &sql, NULL))
			continue;
		bool ok = host_get(sql, w.host_id, &row, &found, NULL);
		store_read_done(w.app->store, &sql);
		if (ok && found && row.state == HOST_ACTIVE) {
			if (store_run(w.app->store, race.issue, &row, NULL))
				race.issued++;
			else
				race.refused++;
		}
		host_row_release(&row);
	}
	return NULL;
}

static inline bool race_change(struct store_tx *tx, void *arg, struct err *err)
{
	struct host_row row = {0};
	const enum host_state *to = arg;
	bool found = false;
	bool ok = host_get(tx->sql, w.host_id, &row, &found, err) &&
		  host_set_state(tx->sql, w.host_id, row.version, *to, err) &&
		  (*to == HOST_ACTIVE || credentials_revoke_host(tx->sql, w.host_id, row.enrolled,
						 REVOKED_PRIVILEGE, err));
	host_row_release(&row);
	return ok;
}

/* Whatever but active revokes what was issued. */
static inline void race_set_state(enum host_state to)
{
	assert_ok(store_run(w.app->store, race_change, &to, &w.err), w.err);
}

static inline void race_begin(race_issue issue)
{
	race.issue = issue;
	race.stop = false;
	race.issued = race.refused = 0;
	for (size_t i = 0; i < ARRAY_LEN(race.threads); i++)
		assert_int_equal(pthread_create(&race.threads[i], NULL, race_issuer, NULL), 0);
}

/* At least so many rounds, and until either has come before the other. */
static inline bool race_goes_on(unsigned round, unsigned least)
{
	bool both = race.issued > RACE_ISSUED && race.refused > 0;
	return round < least || (!both && round < RACE_ROUNDS_MAX);
}

static inline void race_pause(unsigned round)
{
	(void)usleep((useconds_t)(round * 37 % 1500));
}

static inline void race_end(void)
{
	race.stop = true;
	for (size_t i = 0; i < ARRAY_LEN(race.threads); i++)
		(void)pthread_join(race.threads[i], NULL);
	print_message("%u issued, %u refused\n", race.issued, race.refused);
	assert_true(race.issued > RACE_ISSUED);
	assert_true(race.refused > 0);
}

#endif
