/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The floors of workloads as rows of the store, and their moves. Rows are only ever added: the
 * highest sequence is in force, the others say how it came about. Every move raises the version of
 * the workload's row, so that a decision which read the floor before it does not commit. Private to
 * verifier/.
 */
#ifndef ASSAY_VERIFIER_FLOORS_H
#define ASSAY_VERIFIER_FLOORS_H

#include "policy/floor.h"
#include "verifier/app.h"

/* One move of a version floor: onto a release. */
struct floor_row {
	char workload[ROW_NAME_MAX];
	uint64_t sequence; /* from 1; 0: no floor yet */
	char version[ROW_TEXT_MAX];
	uint8_t release[SHA256_LEN];
	int64_t published; /* when the release was */
	int64_t time; /* of the move */
	bool rollback; /* down, by persons; otherwise up, by a release that came into force */
};
/* One statement of the policy's signers. */
struct security_floor_row {
	char workload[ROW_NAME_MAX];
	uint64_t sequence; /* the statement's own; 0: none yet */
	char minimum[ROW_TEXT_MAX]; /* empty: lifted */
	uint8_t statement[SHA256_LEN]; /* the envelope, an object */
	uint8_t payload[SHA256_LEN];
	int64_t time;
};
/* What is in force for a workload, and where one of its releases stands. */
struct floors {
	struct floor_row version;
	struct security_floor_row security;
	int64_t judged_published; /* of the release; 0: none at hand */
	int64_t passed; /* since when it has been below the version floor; 0: is not */
	bool moves; /* a credential for it would move the floor up */
};

/* release NULL: none at hand. It must be read after the workload's row, whose version then vouches
 * for what is read here. */
must_use bool floors_load(struct sql *sql, struct bytes workload, const struct release_row *release,
	struct floors *ret, struct err *err);
/* Borrows from the floors. */
void floors_context(const struct floors *floors, struct context_floor *ret_version,
	struct context_security_floor *ret_security);
/* Answers a call with them. */
must_use bool floors_answer(struct call *call, int status, struct bytes workload, struct err *err);
/* {"version_floor": {…}|null, "security_floor": {…}|null}; NULL: no memory. */
json_t *floors_json(const struct floors *floors);

/* A release came into force: moves the version floor onto it where floors->moves says so, with its
 * ledger entry. The one place where a floor goes up. Inside a job that has rechecked the workload's
 * version. */
must_use bool floor_raise(struct app *app, struct store_tx *tx, const struct floors *floors,
	const struct release_row *release, int64_t now, struct err *err);

/* ERR_CONFLICT unless row->sequence is the next. */
must_use bool floor_insert(struct sql *sql, const struct floor_row *row, struct err *err);
/* ERR_CONFLICT unless row->sequence is above all before. */
must_use bool security_floor_insert(
	struct sql *sql, const struct security_floor_row *row, struct err *err);
/* Those of a database from before there were any: of each workload the newest published release that a trusted
 * instance runs, reached now. */
must_use bool floors_fill(struct sql *sql, struct err *err);

#endif
