/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Retention: content goes when the policy says so, and nothing else does (docs/operations.md,
 * "Retention"). What is signed stays for ever: the leaf, and the record that says what was decided on
 * what. Its objects go, and what lies beside entries.
 *
 * Four things stand between a rule and a destruction. A rule counts once a sweep has seen its policy in
 * force for the grace, and until then the longer one before it does. A hold beats every rule, and counts
 * on for the grace after it was lifted. A clock that jumped is not believed (retention_clock). And a
 * history goes as a whole, the newest decision first, so that nothing that is kept rests on what has
 * gone. All of it is asked again inside the transaction that destroys, which also holds the ledger
 * entry over it. Private to verifier/.
 */
#ifndef ASSAY_VERIFIER_RETENTION_H
#define ASSAY_VERIFIER_RETENTION_H

#include "verifier/app.h"
#include "verifier/retention_rows.h"

/* How much one transaction destroys, and how long the sweep waits then: decisions come first. */
#define RETENTION_BATCH_RECORDS 32u
#define RETENTION_BATCH_ENTRIES 64u
#define RETENTION_BATCH_LEAVES  4096u /* noted, not destroyed */
#define RETENTION_PAUSE_MS      100
#define RETENTION_EVERY_S       600
/* How much of a dry run is told, and how much a sweep that somebody asked for destroys. */
#define RETENTION_TOLD_RECORDS 128u
#define RETENTION_TOLD_ENTRIES 256u
/* An instance that was trusted renews for so long: its credential lives for 30 days at most. */
#define RETENTION_RUNNING_S (31 * INT64_C(86400))

/* ---- retention_rules.c: what the policies say that count ---- */

struct retention_rules {
	bool whole; /* false: nothing has counted for the grace yet; all is kept */
	size_t count;
	struct policy *list[POLICIES_SEEN_MAX]; /* owned; newest first */
	int64_t seen_from; /* the oldest that counts */
	uint8_t newest[SHA256_LEN]; /* digest of the newest */
};
void retention_rules_release(struct retention_rules *rules);
/* Those seen in force within the grace before now. */
must_use bool retention_rules_load(
	struct sql *sql, int64_t now, int64_t grace, struct retention_rules *ret, struct err *err);
/* The longest of what counts; RETENTION_FOREVER too when the rules are not whole. */
int64_t rules_of_decision(
	const struct retention_rules *rules, struct bytes class, enum retention_kind kind);
int64_t rules_of_entry(const struct retention_rules *rules, unsigned leaf_type);
bool rules_say_nothing(const struct retention_rules *rules);

/* ---- retention_due.c: what may go ---- */

struct retention_view {
	const struct retention_rules *rules;
	const struct holds *holds;
	int64_t now;
};
/* Whether every decision of the history is past its time, nothing holds it, and its instance does not
 * run. */
must_use bool history_due(struct sql *sql, const struct retention_view *view,
	const struct history_key *key, bool *ret, struct err *err);
must_use bool entry_due(struct sql *sql, const struct retention_view *view,
	const struct entry_row *row, bool *ret, struct err *err);

must_use bool entry_held(struct sql *sql, const struct holds *holds, const struct entry_row *row,
	bool *ret, struct err *err);

/* ---- retention_batch.c: one transaction ---- */

struct retention_batch {
	struct app *app;
	const struct retention_rules *rules;
	int64_t now;
	bool dry; /* undone at the end */
	const char *by; /* empty: the verifier's own sweep */
	size_t record_max;
	size_t history_count;
	struct history_key histories[RETENTION_TOLD_RECORDS];
	size_t entry_count;
	uint64_t entries[RETENTION_TOLD_ENTRIES];
	/* what came of it */
	struct gone_list gone;
	bool more; /* a history was not finished */
};
must_use bool retention_batch_run(struct retention_batch *batch, struct err *err);

/* ---- retention_clock.c: what time it is, as far as destruction is concerned ---- */

struct retention_clock {
	const struct clock *clock; /* borrowed */
	bool known; /* the machine says which boot this is, and its other clock counts from it */
	uint8_t boot[CLOCK_BOOT_LEN];
};
#define RETENTION_CLOCK_SLACK_S 300
#define RETENTION_CLOCK_STEP_S  86400 /* the allowance */
#define RETENTION_CLOCK_REFILL  7 /* a day of it in so many days that are proved */
#define RETENTION_CLOCK_DRIFT   2000u /* one second in so many: 500 ppm, the most that NTP slews */
must_use bool retention_clock_open(const struct clock *clock, struct random *random,
	struct retention_clock *ret, struct err *err);
/* last: as the last sweep left it, by whichever process; its time is 0 when there was none. ret_next: as
 * a sweep now leaves it; its time is the one that destruction goes by. ERR_DENIED says how the clock
 * moved. */
must_use bool retention_clock_check(const struct retention_clock *clock,
	const struct retention_state *last, struct retention_state *ret_next, struct err *err);
/* A person says that the clock is right: what it did before is believed, and no more than that. */
void retention_clock_accept(const struct retention_clock *clock, const struct retention_state *last,
	struct retention_state *ret_next);

/* ---- retention.c: the sweep, and its thread ---- */

struct retention;
must_use bool retention_start(struct app *app, struct retention **ret, struct err *err);
void retention_stop(struct retention **retention);

struct sweep_request {
	bool dry; /* the clock's state is left as it is, too */
	bool told; /* somebody asked: at most RETENTION_TOLD_RECORDS and _ENTRIES, without pauses */
	bool accept_clock; /* whatever the clock did, it is right */
	const char *by, *reason; /* of whom; empty: the timer's */
};
struct sweep_result {
	struct gone_list gone; /* of a sweep that somebody asked for; the caller releases it */
	size_t records, objects, entries;
	bool more;
};
/* ERR_DENIED: the clock jumped, nothing was destroyed. One sweep at a time. */
must_use bool retention_sweep(struct retention *retention, const struct sweep_request *request,
	struct sweep_result *ret, struct err *err);
/* The time that destruction goes by now; ERR_DENIED as above. */
must_use bool retention_now(
	struct retention *retention, struct sql *sql, int64_t *ret, struct err *err);
/* Of now and the last sweep, the later: what is noted about policies and holds never lies before it. */
must_use bool retention_note_time(
	const struct app *app, struct sql *sql, int64_t *ret, struct err *err);

#endif
