/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What retention knows of the store: which decisions rest on each other, how many records name an
 * object, which entries have content, which holds there are, what has gone. Private to verifier/.
 *
 * A history is all decisions of one instance on one host: a renewal rests on the state that the
 * decision before it left, back to the launch, so they are kept and go together, the newest first.
 */
#ifndef ASSAY_VERIFIER_RETENTION_ROWS_H
#define ASSAY_VERIFIER_RETENTION_ROWS_H

#include "policy/retention.h"
#include "verifier/rows.h"

/* ---- rows_retention.c: kept beside records and leaves as they are written ---- */

must_use bool retention_note_record(struct sql *sql, const struct record_row *row, struct err *err);
/* Entries are noted by the sweep that may ask for them, and not by who appends them: at most max leaves of those
 * that came since. On the writer's connection. */
must_use bool retention_note_leaves(struct sql *sql, size_t max, bool *ret_more, struct err *err);
/* The objects outside of the file that a policy names, kept as long as a policy that does. */
must_use bool retention_note_policy(struct sql *sql, const struct policy *policy, struct err *err);
/* For the step of the schema that brought all this: what is there already. What policies of that time name
 * is noted when they are loaded; what those name that never are again stays. */
must_use bool retention_fill(struct sql *sql, struct err *err);
/* Whether an input of that name is an object of decisions, or a policy's: those are counted and go
 * with the last record that names them. What registers hold as well stays. */
bool retention_counted(const char *input, bool *ret_of_policy);

struct history_key {
	uint8_t host[HOST_ID_LEN], instance[INSTANCE_ID_LEN];
};
/* The part of a history that names one workload. */
struct history_row {
	struct history_key key;
	char workload[ROW_NAME_MAX];
	int64_t first, last; /* times of its oldest and newest decision */
	int64_t newest[RETENTION_KINDS]; /* by kind; 0: none */
	uint64_t kept; /* records whose content is there */
};
typedef bool (*history_visit)(void *arg, const struct history_row *row, struct err *err);
must_use bool history_each(struct sql *sql, const struct history_key *key, history_visit visit,
	void *arg, struct err *err);
/* Where a reader of histories stands: behind this one. Zero: at the beginning. */
struct history_cursor {
	int64_t last;
	struct history_key key;
};
/* At most max that still have content and whose part is not younger than `until`, oldest first;
 * moves the cursor. */
must_use bool histories_old(struct sql *sql, int64_t until, struct history_cursor *cursor,
	struct history_key *ret, size_t max, size_t *ret_count, struct err *err);
/* The newest record of the history whose content is there; the caller releases it. */
must_use bool history_newest(struct sql *sql, const struct history_key *key, struct record_row *ret,
	bool *ret_found, struct err *err);
must_use bool history_names_release(struct sql *sql, const struct history_key *key,
	const uint8_t release[SHA256_LEN], bool *ret, struct err *err);

/* When and by which ledger entry the content of a record went; *ret_gone false: it is there. */
struct gone {
	uint64_t entry;
	int64_t time;
};
must_use bool record_gone(
	struct sql *sql, uint64_t index, struct gone *ret, bool *ret_gone, struct err *err);

/* An entry whose content is there. */
struct entry_row {
	uint64_t index;
	unsigned type;
	int64_t time;
};
/* Of those that are noted: at most max of that type not younger than `until`, from an index on, in the
 * ledger's order. */
must_use bool entries_old(struct sql *sql, unsigned type, int64_t until, uint64_t from,
	struct entry_row *ret, size_t max, size_t *ret_count, struct err *err);
/* *ret_found false: no such entry, or its content has gone. */
must_use bool entry_row_get(
	struct sql *sql, uint64_t index, struct entry_row *ret, bool *ret_found, struct err *err);
must_use bool entry_gone(
	struct sql *sql, uint64_t index, struct gone *ret, bool *ret_gone, struct err *err);

/* Counts of what is kept and what has gone, for people. */
struct retention_counts {
	int64_t records, records_gone, entries, entries_gone;
};
must_use bool retention_count(struct sql *sql, struct retention_counts *ret, struct err *err);

/* ---- rows_gone.c: content goes. Inside a job, with the ledger entry that says so. ---- */

/* One at a time: the digests and indices of what went. */
struct gone_list {
	json_t *records, *objects, *entries; /* owned; arrays */
	size_t record_count, object_count, entry_count;
};
must_use bool gone_list_init(struct gone_list *list, struct err *err);
void gone_list_release(struct gone_list *list);
must_use bool record_destroy(struct sql *sql, const struct record_row *row, const struct gone *gone,
	struct gone_list *list, struct err *err);
must_use bool entry_destroy(struct sql *sql, uint64_t index, const struct gone *gone,
	struct gone_list *list, struct err *err);
/* Texts, signatures and references of policies that no record names any more, that are neither in
 * force nor staged, that a later one replaced at `until` or before, and whose own times count no more
 * (policies_seen below seen_from). */
must_use bool policies_destroy(
	struct sql *sql, int64_t until, int64_t seen_from, struct gone_list *list, struct err *err);

/* ---- rows_holds.c ---- */

#define HOLDS_MAX 256u /* that count at one time */
struct hold_row {
	int64_t id;
	/* A scope: what is not given holds for any. */
	bool of_host, of_release;
	uint8_t host[HOST_ID_LEN], release[SHA256_LEN];
	char workload[ROW_NAME_MAX]; /* empty: any */
	int64_t from, to; /* 0: from the beginning; to the end */
	char reason[ROW_TEXT_MAX], by[ROW_URI_MAX];
	int64_t set;
	/* the first of the two who lift it, and the second */
	char lift_by[ROW_URI_MAX], lift_reason[ROW_TEXT_MAX], lifted_by[ROW_URI_MAX];
	int64_t lift_asked, lifted; /* times; 0: not */
};
typedef bool (*hold_visit)(void *arg, const struct hold_row *row, struct err *err);
/* Newest first, those lifted too; at most ROW_LIST_MAX. */
must_use bool holds_each(struct sql *sql, hold_visit visit, void *arg, struct err *err);
must_use bool hold_get(
	struct sql *sql, int64_t id, struct hold_row *ret, bool *ret_found, struct err *err);
/* row->id is set. ERR_LIMIT beyond HOLDS_MAX. */
must_use bool hold_insert(struct sql *sql, struct hold_row *row, struct err *err);
must_use bool hold_set_lift(struct sql *sql, const struct hold_row *row, struct err *err);
/* Those that count at `now`: not lifted, or lifted after `now - grace`. */
struct holds {
	size_t count;
	struct hold_row list[HOLDS_MAX];
};
must_use bool holds_load(
	struct sql *sql, int64_t now, int64_t grace, struct holds *ret, struct err *err);

/* ---- rows_retention_state.c ---- */

enum retention_boot {
	RETENTION_BOOT_LATER, /* of the same machine: it began after the last sweep */
	RETENTION_BOOT_BESIDE, /* of any machine: nothing is known of when it began */
	RETENTION_BOOT_KNOWN, /* it swept before the one that swept last: the state has its clocks */
	RETENTION_BOOT_ACCEPTED, /* a person said that its clock is right: nobody else's counts */
};
struct retention_state {
	int64_t time; /* of the last sweep; 0: there was none */
	int64_t finished; /* of the last sweep that looked at everything */
	/* Of the first sweep of this boot, or when a person said that the clock is right, by both of the
	 * machine's clocks; 0: none yet. What the other one said at `time`. */
	uint8_t boot[CLOCK_BOOT_LEN];
	int64_t anchor;
	uint64_t anchor_ms, time_ms;
	int64_t allowance; /* seconds that are believed over boots */
	enum retention_boot next; /* what a boot is that sweeps now, and is not that one */
};
/* As the last sweep left it. */
must_use bool retention_state_get(struct sql *sql, struct retention_state *ret, struct err *err);
/* As it is for this boot: where other machines sweep, too, each goes on from its own first sweep. */
must_use bool retention_state_of(struct sql *sql, const uint8_t boot[CLOCK_BOOT_LEN],
	struct retention_state *ret, struct err *err);
/* Keeps what is known of the boot that swept before, where that was another machine's. */
must_use bool retention_state_set(
	struct sql *sql, const struct retention_state *state, struct err *err);
must_use bool retention_finished_set(struct sql *sql, int64_t time, struct err *err);
/* A policy as a sweep first saw it in force. */
struct policy_seen {
	int64_t seq, version, seen;
	uint8_t digest[SHA256_LEN];
};
#define POLICIES_SEEN_MAX 64u
/* Newest first, up to the first one seen at `since` or before, that one included. *ret_whole false:
 * there is none so old, or there are too many. */
must_use bool policies_seen(struct sql *sql, int64_t since, struct policy_seen *ret,
	size_t *ret_count, bool *ret_whole, struct err *err);
must_use bool policy_seen_insert(struct sql *sql, const uint8_t digest[SHA256_LEN], int64_t version,
	int64_t now, struct err *err);

#endif
