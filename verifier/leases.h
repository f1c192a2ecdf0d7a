/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long a decision is believed, and what an agent is shown as when nothing came after it. What is shown is computed when it
 * is read, from the lease that the last trusted decision gave and from when the host was last heard of: no sweep has to run for
 * an agent to stop being shown as trusted. The sweep writes down that it happened (a ledger entry, and the agent's history).
 */
#ifndef ASSAY_VERIFIER_LEASES_H
#define ASSAY_VERIFIER_LEASES_H

#include "evidence/tpm_timeline.h"
#include "verifier/app.h"

#define LEASES_EVERY_S   5
#define LEASES_BATCH_MAX 64u /* agents in one transaction */
#define LEASES_PAUSE_MS  50
/* A host is noted as heard of at most this often by questions alone. */
#define HEARD_EVERY_S 15
/* Verifiers' clocks may be so far apart; what lies further ahead was noted by one that ran ahead, and counts no more. */
#define HEARD_APART_S     300
#define INSTANCE_PAGE_MAX 500u
#define INSTANCE_WHY_MAX  65u

/* What an agent is now. */
enum instance_view {
	VIEW_UNKNOWN = 0,
	VIEW_TRUSTED,
	VIEW_STALE, /* its lease ended; its host was heard of within one more */
	VIEW_UNREACHABLE, /* its lease ended, and nothing was heard */
	VIEW_UNTRUSTED, /* refused */
	VIEW_QUARANTINED, /* its host is */
	VIEW_RETIRED, /* its host or workload is */
	VIEW_ENDED,
	VIEWS
};
const char *instance_view_name(enum instance_view view);

struct instance_facts {
	uint8_t host[HOST_ID_LEN], instance[INSTANCE_ID_LEN];
	char workload[ROW_NAME_MAX], host_name[ROW_NAME_MAX];
	uint8_t release[SHA256_LEN];
	enum instance_state state;
	enum host_state host_state;
	enum workload_state workload_state;
	int64_t created, renewed;
	int64_t lease; /* when it ends */
	enum instance_view
		told; /* what its history says of its lease: trusted, stale, unreachable */
	int64_t heard; /* when the host was last heard of: a decision, or a challenge asked for */
};
/* Pure. A clock that went back behind the last renewal shows nothing as trusted that was not. */
enum instance_view instance_view_of(const struct instance_facts *facts, int64_t now);
/* When a stale one that stays so turns unreachable. */
int64_t instance_silent_at(const struct instance_facts *facts);

/* ---- rows_leases.c ---- */

struct instance_filter {
	const uint8_t *host, *instance; /* NULL: any */
	struct bytes workload; /* empty: any */
	const uint8_t *after_host,
		*after_instance; /* behind this one, by host and instance; NULL: from the first */
	unsigned limit; /* 1..INSTANCE_PAGE_MAX + 1 */
};
typedef bool (*instance_visit)(void *arg, const struct instance_facts *facts, struct err *err);
/* By host and instance, ascending. */
must_use bool instances_each(struct sql *sql, const struct instance_filter *filter,
	instance_visit visit, void *arg, struct err *err);
must_use bool instance_facts_get(struct sql *sql, const uint8_t host[HOST_ID_LEN],
	const uint8_t instance[INSTANCE_ID_LEN], struct instance_facts *ret, bool *ret_found,
	struct err *err);
/* The best that any agent of the host is shown as; VIEW_UNKNOWN: there is none. */
must_use bool host_view_get(struct sql *sql, const uint8_t host[HOST_ID_LEN], int64_t now,
	enum instance_view *ret, int64_t *ret_heard, struct err *err);
/* Of every agent that can be read on a page of hosts (host_page.h), in that page's order; damaged rows
 * are passed over. from: behind which enrolment time and id, and how many hosts. */
must_use bool instances_of_hosts(struct sql *sql, const struct sql_value from[3],
	instance_visit visit, void *arg, struct err *err);

/* Trusted ones whose lease has to be looked at, the oldest first. */
must_use bool leases_due(struct sql *sql, int64_t now, struct instance_facts *ret, size_t max,
	size_t *ret_count, struct err *err);
/* Inside a job: when to look again (0: not before the next renewal), and what has been told. */
must_use bool lease_check_set(struct sql *sql, const struct instance_facts *facts, int64_t at,
	enum instance_view told, struct err *err);

/* An agent's history: one row for each change. `why` is a reason's code or a word; cut. */
must_use bool instance_history_add(struct sql *sql, const uint8_t host[HOST_ID_LEN],
	const uint8_t instance[INSTANCE_ID_LEN], int64_t time, enum instance_view view,
	const char *why, struct err *err);
/* For all trusted agents of a host, a workload or a release at once. */
must_use bool instance_history_host(struct sql *sql, const uint8_t host[HOST_ID_LEN], int64_t time,
	enum instance_view view, const char *why, struct err *err);
must_use bool instance_history_workload(
	struct sql *sql, struct bytes workload, int64_t time, const char *why, struct err *err);
must_use bool instance_history_release(struct sql *sql, const uint8_t release[SHA256_LEN],
	int64_t time, const char *why, struct err *err);
typedef bool (*instance_history_visit)(
	void *arg, int64_t time, enum instance_view view, const char *why, struct err *err);
/* Oldest first; at most ROW_LIST_MAX, the newest. */
must_use bool instance_history_each(struct sql *sql, const uint8_t host[HOST_ID_LEN],
	const uint8_t instance[INSTANCE_ID_LEN], instance_history_visit visit, void *arg,
	struct err *err);

/* The agents of a host that may run again: the sweep looks at their leases once more, which it passed over meanwhile. */
must_use bool leases_watch_host(struct sql *sql, const uint8_t host[HOST_ID_LEN], struct err *err);

must_use bool host_heard_get(
	struct sql *sql, const uint8_t host[HOST_ID_LEN], int64_t *ret, struct err *err);
must_use bool host_heard_set(
	struct sql *sql, const uint8_t host[HOST_ID_LEN], int64_t time, struct err *err);

/* What its TPM went through: a row for each step, and for the first look. */
struct sighting_row {
	struct tpm_sighting seen;
	unsigned steps; /* from the look before (tpm_timeline.h); 0: the first */
	bool accepted; /* false: refused, and the host's counters were not moved */
};
must_use bool sighting_add(struct sql *sql, const uint8_t host[HOST_ID_LEN],
	const struct sighting_row *row, struct err *err);
typedef bool (*sighting_visit)(void *arg, const struct sighting_row *row, struct err *err);
must_use bool sightings_each(struct sql *sql, const uint8_t host[HOST_ID_LEN], sighting_visit visit,
	void *arg, struct err *err);

/* ---- leases.c ---- */

struct leases;
must_use bool leases_start(struct app *app, struct leases **ret, struct err *err);
void leases_stop(struct leases **leases);
/* One pass: writes down every lease that has ended. From any thread but the writer's. */
must_use bool leases_sweep(struct app *app, unsigned *ret_told, struct err *err);
/* The host asked for something: kept, soon, without anybody waiting for it. */
void leases_heard(struct app *app, const struct host_row *host, int64_t heard);

/* "tpm" of a host's view: [{time, steps: [...], reset_count, …}]. */
must_use bool sightings_json(
	struct sql *sql, const uint8_t host[HOST_ID_LEN], json_t **ret, struct err *err);

#endif
