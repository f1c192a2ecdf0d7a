/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What ended trust, or changed it, told to subscribers in order: states of hosts and agents, workloads, releases, rollouts,
 * policies, and refusals. The ledger is the outbox: an event is an entry of it, written in the transaction of what it tells of,
 * and its id is the entry's index; whoever comes back with the last id it saw misses nothing. Private to verifier/.
 *
 * GET /v1/events answers as Server-Sent Events (WHATWG HTML, 9.2). A request waits, without a thread, until there is something
 * to tell or EVENTS_WAIT_MS have passed, and is then answered whole; an EventSource asks again at once, with Last-Event-ID. So
 * a slow reader holds one answer and nothing else, and any load balancer will do.
 */
#ifndef ASSAY_VERIFIER_EVENTS_H
#define ASSAY_VERIFIER_EVENTS_H

#include "ledger/entry.h"
#include "verifier/app.h"

#define EVENTS_PAGE_MAX   100u
#define EVENT_SERIALS_MAX 100u
#define EVENTS_PARKED_MAX 1024u
#define EVENTS_SHARE_MAX  64u /* of these, one identity's, over however many connections */
#define EVENTS_WAIT_MS    20000u
#define EVENTS_LOOK_MS    100 /* how soon what another verifier committed is seen */

struct event {
	uint64_t id; /* ledger index */
	char name[64]; /* "host-state" */
	struct buf data; /* a JSON object, one line */
};
void event_release(struct event *event);
/* Those from an index on, ascending, at most max; *ret_next: from where to go on. */
must_use bool events_read(struct sql *sql, uint64_t from, struct event *ret, size_t max,
	size_t *ret_count, uint64_t *ret_next, struct err *err);
/* events_serials.c: "revoked_serials" of the credentials that were revoked with the entry of that time, about the host, instance,
 * release or workload that data names, at most EVENT_SERIALS_MAX ("revoked_more": there are more). None: data stays. */
must_use bool event_serials_add(
	struct sql *sql, enum leaf_type type, int64_t time, json_t *data, struct err *err);
/* One event as text/event-stream has it. */
void event_put(const struct event *event, struct buf *out);

struct events;
must_use bool events_start(struct app *app, struct events **ret, struct err *err);
/* Answers whoever waits. */
void events_stop(struct events **events);

#endif
