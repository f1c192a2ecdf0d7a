/* SPDX-License-Identifier: Apache-2.0 */
/* Rollouts as the service keeps them: one row each with its plan and counts, its history, the hosts
 * and instances of its canary. A workload's last rollout is the one that counts. Private to
 * verifier/. */
#ifndef ASSAY_VERIFIER_ROLLOUTS_H
#define ASSAY_VERIFIER_ROLLOUTS_H

#include "verifier/app.h"

#define ROLLOUT_EVENT_MAX   32 /* "promoted" */
#define ROLLOUT_REASON_MAX  640
#define ROLLOUT_WATCHED_MAX 256u /* instances of one host whose end is looked for at a time */
#define ROLLOUT_HOSTS_MAX   1000u /* ids of the canary that an answer lists */

struct rollout_row {
	uint8_t id[ROLLOUT_ID_LEN];
	int64_t seq; /* among its workload's, from 1 */
	char workload[ROW_NAME_MAX];
	uint8_t release_new[SHA256_LEN], release_old[SHA256_LEN];
	enum rollout_state state;
	struct rollout_plan plan;
	struct rollout_counts counts;
	int64_t started, soak_from, changed;
	int64_t version; /* moves with state and share, not with the counts */
};
struct rollout_view rollout_view_of(const struct rollout_row *row);

/* ---- rows (rows_rollouts.c) ---- */

/* The workload's last one. */
must_use bool rollout_last(struct sql *sql, struct bytes workload, struct rollout_row *ret,
	bool *ret_found, struct err *err);
must_use bool rollout_get(struct sql *sql, const uint8_t id[ROLLOUT_ID_LEN],
	struct rollout_row *ret, bool *ret_found, struct err *err);
/* ERR_CONFLICT unless the workload's last rollout is still that one, in that version (0: none). */
must_use bool rollout_recheck(struct sql *sql, struct bytes workload,
	const uint8_t id[ROLLOUT_ID_LEN], int64_t version, struct err *err);
/* ERR_CONFLICT when the workload has one that runs or is halted. */
must_use bool rollout_insert(struct sql *sql, const struct rollout_row *row, struct err *err);
/* State, share and times; the row then has version + 1. ERR_CONFLICT when it is another one. */
must_use bool rollout_update(struct sql *sql, struct rollout_row *row, struct err *err);
typedef bool (*rollout_visit)(void *arg, const struct rollout_row *row, struct err *err);
/* Of each workload the last one, by name. */
must_use bool rollouts_each(struct sql *sql, rollout_visit visit, void *arg, struct err *err);

struct rollout_event {
	int64_t time;
	char event[ROLLOUT_EVENT_MAX], by[ROW_URI_MAX], reason[ROLLOUT_REASON_MAX];
	unsigned share;
};
/* number: the rollout's version after it. */
must_use bool rollout_event_put(struct sql *sql, const uint8_t id[ROLLOUT_ID_LEN], int64_t number,
	const struct rollout_event *event, struct err *err);
typedef bool (*rollout_event_visit)(void *arg, const struct rollout_event *event, struct err *err);
must_use bool rollout_events_each(struct sql *sql, const uint8_t id[ROLLOUT_ID_LEN],
	rollout_event_visit visit, void *arg, struct err *err);

/* Adds to the counts. */
must_use bool rollout_count(struct sql *sql, const uint8_t id[ROLLOUT_ID_LEN],
	const struct rollout_counts *more, struct err *err);
/* One decision about a host of the canary. */
must_use bool rollout_host_count(struct sql *sql, const uint8_t id[ROLLOUT_ID_LEN],
	const uint8_t host[HOST_ID_LEN], bool refused, struct err *err);
must_use bool rollout_hosts_seen(
	struct sql *sql, const uint8_t id[ROLLOUT_ID_LEN], int64_t *ret, struct err *err);

enum rollout_end { ROLLOUT_END_NONE = 0, ROLLOUT_END_GOOD, ROLLOUT_END_BAD, ROLLOUT_END_UNKNOWN };
struct rollout_instance {
	uint8_t rollout[ROLLOUT_ID_LEN];
	uint8_t instance[INSTANCE_ID_LEN];
	enum rollout_end end;
};
/* An instance that the canary was given; known ones stay as they are. */
must_use bool rollout_instance_put(struct sql *sql, const uint8_t id[ROLLOUT_ID_LEN],
	const uint8_t host[HOST_ID_LEN], const uint8_t instance[INSTANCE_ID_LEN], struct err *err);
/* *ret_new: its end was not known before. */
must_use bool rollout_instance_end(struct sql *sql, const uint8_t host[HOST_ID_LEN],
	const struct rollout_instance *ended, bool *ret_new, struct err *err);
/* Instances of running rollouts on the host whose end is not known; at most ROLLOUT_WATCHED_MAX. */
must_use bool rollout_instances_watched(struct sql *sql, const uint8_t host[HOST_ID_LEN],
	struct rollout_instance *ret, size_t *ret_count, struct err *err);
/* Ids of active hosts. */
typedef bool (*host_id_visit)(void *arg, const uint8_t id[HOST_ID_LEN], struct err *err);
must_use bool hosts_active_each(struct sql *sql, host_id_visit visit, void *arg, struct err *err);

/* ---- steps (rollout_steps.c) ---- */

/* Inside a job: the step as the table of policy/rollout.h allows it, event and ledger entry along
 * with it. row is the one that stands after it. ERR_CONFLICT when it may not be taken. */
struct rollout_change {
	enum rollout_step step;
	unsigned share; /* of a widening */
	const char *by, *reason;
	int64_t now;
	/* Of the gate; promoting and widening take them, and what they speak of must still stand. */
	const struct release_grounds *grounds;
};
must_use bool rollout_step_take(struct app *app, struct store_tx *tx, struct rollout_row *row,
	const struct rollout_change *change, struct err *err);
must_use bool rollout_begin(struct app *app, struct store_tx *tx, struct rollout_row *row,
	const char *by, const char *reason, struct err *err);
/* Whether a rollout that was promoted may be rolled back. */
must_use bool rollout_may_roll_back(struct store_tx *tx, const struct rollout_row *row,
	const char **ret_why_not, struct err *err);
/* Promotes the workload's rollout when its own rule says so now, and halts it when its release does
 * not pass the gate then. Not on the writer's thread. */
must_use bool rollout_settle(struct call *call, struct bytes workload, struct err *err);

/* ---- what is in force (rollout_in_force.c) ---- */

/* The release that hosts outside a canary run; borrows from the row. */
const uint8_t *rollout_in_force(const struct rollout_row *row);
/* Whether the release may launch on some host, as far as the rollout of its workload says. */
must_use bool rollout_admits(struct call *call, const uint8_t release[SHA256_LEN], bool *ret_admits,
	char why[RELEASE_WHY_MAX], struct err *err);

/* ---- showing (rollout_view.c) ---- */

/* hosts: with the ids of the canary, at most ROLLOUT_HOSTS_MAX. */
must_use bool rollout_show(struct sql *sql, const struct rollout_row *row, int64_t now, bool hosts,
	json_t **ret, struct err *err);

#endif
