/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shadow mode: stored decisions judged once more, by a policy that is not in force. One thread of the
 * lowest priority does it, off the path of every request: it reads the frozen inputs of records, a
 * page at a time over a reading connection, so it neither holds the writer nor a snapshot, and it
 * cannot fail or delay an answer.
 *
 * It follows the ledger for the staged policy (app_policy.h), whose counts are kept in the store and
 * go on after a restart; and it runs one job at a time over the decisions of the last days for a
 * policy that somebody brings, whose result is kept until the next job. A job after which whoever began it
 * has not asked for SHADOW_ASKED_MS gives way to the next. Private to verifier/.
 */
#ifndef ASSAY_VERIFIER_SHADOW_H
#define ASSAY_VERIFIER_SHADOW_H

#include "verifier/app.h"

#define SHADOW_GROUPS_MAX 1024u /* of a job; beyond, they are counted together */
#define SHADOW_SINCE_MAX  (366 * (int64_t)86400)
#define SHADOW_ASKED_MS   60000u

struct shadow;
must_use bool shadow_new(struct app *app, struct shadow **ret, struct err *err);
/* Ends the thread within one page; the store must still be open. It may be woken up to the free. */
void shadow_stop(struct shadow *shadow);
void shadow_free(struct shadow **shadow); /* once the store has closed */
/* There may be something to do: a decision was kept, a policy staged, a job given. Cheap. */
void shadow_wake(struct shadow *shadow);

/* Takes the reference to a policy that is complete. ERR_BUSY: a job is running after which somebody asks, or it is
 * another's turn. `by` is copied. */
must_use bool shadow_start(struct shadow *shadow, struct policy_ref **policy, int64_t since,
	const char *by, uint64_t *ret_job, struct err *err);
/* {"job", "state": "running"|"done"|"failed"|"ended", "policy", "version", "since", "by", "judged", "same", "changed",
 * "undecided", "unreadable", "error", "differences":[…]}. who: who asks. ERR_NOT_FOUND: there was no job yet. */
must_use bool shadow_report(struct shadow *shadow, const char *who, json_t **ret, struct err *err);

struct shadow_job {
	int64_t version;
	uint8_t digest[SHA256_LEN];
	char by[ROW_URI_MAX];
};
/* The job that runs; ERR_CONFLICT: it is not this one. */
must_use bool shadow_look(
	struct shadow *shadow, uint64_t id, struct shadow_job *ret, struct err *err);
/* What it found so far stays to be seen. One that does not run stays as it is. */
void shadow_end(struct shadow *shadow, uint64_t id, const char *by, const char *reason);
/* One line of the report, and of the staged policy's. NULL: no memory. */
json_t *difference_json(const struct difference_row *row);

#endif
