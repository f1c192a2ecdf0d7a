/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What all instances of one release of a workload are judged by: the register's row, the release with its approvals and
 * statements, the floors, the last rollout. It changes seldom and is asked for at each renewal, so it is kept, as it was read
 * in one snapshot.
 *
 * What is kept may be out of date, and nothing may come of that: the rows of each have versions, which whoever changes
 * anything of it moves, and the job that makes a decision true compares them (decide_commit.c). An attempt that fails there
 * reads everything anew. Nothing is kept of what also changes by the passing of time: a rollout under way, elevations.
 */
#ifndef ASSAY_VERIFIER_DECIDE_COMMON_H
#define ASSAY_VERIFIER_DECIDE_COMMON_H

#include "verifier/floors.h"
#include "verifier/rollouts.h"

struct decide_common {
	atomic_uint refs;
	bool workload_known;
	struct workload_row workload;
	struct release_row release; /* state RELEASE_NONE: not known */
	struct buf approvals[APPROVALS_MAX];
	struct bytes approval_views[APPROVALS_MAX];
	size_t approval_count;
	struct buf statements[STATEMENTS_MAX];
	struct bytes statement_views[STATEMENTS_MAX];
	size_t statement_count;
	struct floors floors;
	struct rollout_row rollout; /* the workload's last one */
	bool rollout_known;
	bool keeps; /* nothing of it changes by itself */
};

struct decide_commons; /* those that are kept; safe to be shared by threads */
struct decide_commons *decide_commons_new(void); /* NULL: no memory */
void decide_commons_free(struct decide_commons **commons);

/* Nothing is known: what a decision has before anything was read. */
extern const struct decide_common decide_common_none;
/* A reference to what is kept of the two; NULL: nothing. */
const struct decide_common *decide_common_kept(
	struct decide_commons *commons, struct bytes workload, const uint8_t release[SHA256_LEN]);
/* Read from a snapshot, and kept for those who come next if it keeps. workload: any text. */
must_use bool decide_common_load(struct decide_commons *commons, struct sql *sql,
	struct bytes workload, const uint8_t release[SHA256_LEN], const struct decide_common **ret,
	struct err *err);
/* Says beforehand that the same will be read (sql_ask); of a workload that may have that name. */
must_use bool decide_common_ask(
	struct sql *sql, struct bytes workload, const uint8_t release[SHA256_LEN], struct err *err);
void decide_common_drop(const struct decide_common **common);

#endif
