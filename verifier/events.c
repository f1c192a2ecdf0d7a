/* SPDX-License-Identifier: Apache-2.0 */
/* Requests that wait for events, and the thread that answers them. */
#include "verifier/events.h"

#include <stdlib.h>
#include <time.h>

#include "base/text.h"
#include "base/thread.h"

/* Whose requests wait; there is one for as long as any does. */
struct reader {
	struct reader *next;
	unsigned waiting;
	char uri[X509_URI_MAX];
};
struct parked {
	struct parked *next;
	struct reader *reader;
	struct call *call;
	uint64_t from;
	uint64_t until_ms;
};
struct events {
	struct app *app;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	pthread_t thread;
	struct parked *first;
	struct reader *readers;
	unsigned count; /* of all */
	bool closing;
};

/* ---- waiting ---- */

enum room { ROOM = 0, ROOM_NONE, ROOM_SHARE_FULL, ROOM_NO_MEMORY };

/* The lock is held, as below. */
static struct reader *reader_of(struct events *e, const char *uri)
{
	struct reader *at = e->readers;
	while (at && strcmp(at->uri, uri) != 0)
		at = at->next;
	if (at)
		return at;
	at = calloc(1, sizeof(*at));
	if (!at)
		return NULL;
	(void)snprintf(at->uri, sizeof(at->uri), "%s", uri);
	at->next = e->readers;
	e->readers = at;
	return at;
}

static void reader_leave(struct events *e, struct reader *reader)
{
	struct reader **at = &e->readers;
	e->count--;
	if (--reader->waiting > 0)
		return;
	while (*at != reader)
		at = &(*at)->next;
	*at = reader->next;
	free(reader);
}

static enum room enter(struct events *e, struct parked *p)
{
	if (e->count >= EVENTS_PARKED_MAX || e->closing)
		return ROOM_NONE;
	p->reader = reader_of(e, p->call->who.uri);
	if (!p->reader)
		return ROOM_NO_MEMORY;
	if (p->reader->waiting >= EVENTS_SHARE_MAX)
		return ROOM_SHARE_FULL;
	p->reader->waiting++;
	p->next = e->first;
	e->first = p;
	e->count++;
	(void)pthread_cond_signal(&e->wake);
	return ROOM;
}

static bool turn_away(struct call *call, enum room why, struct err *err)
{
	struct metrics *metrics = call->app->metrics;
	if (why == ROOM_NO_MEMORY)
		return err_set(err, ERR_NOMEM, "events");
	if (why == ROOM_NONE) {
		metric_add(metrics, METRIC_SHED, METRIC_SHED_LOAD, 1);
		return err_set(err, ERR_BUSY, "as many wait for events as may");
	}
	metric_add(metrics, METRIC_SHED, METRIC_SHED_PEER, 1);
	call->hint = "wait for their answers";
	return err_set(err, ERR_BUSY, "%u requests of yours wait for events, as many as may",
		EVENTS_SHARE_MAX);
}

static bool park(struct events *e, struct call *call, uint64_t from, struct err *err)
{
	struct parked *p = calloc(1, sizeof(*p));
	if (!p)
		return err_set(err, ERR_NOMEM, "events");
	*p = (struct parked){.call = call,
		.from = from,
		.until_ms = clock_monotonic_ms(e->app->clock) + e->app->events_wait_ms};
	(void)pthread_mutex_lock(&e->lock);
	enum room room = enter(e, p);
	(void)pthread_mutex_unlock(&e->lock);
	if (room == ROOM)
		return true; /* the call may be gone by now */
	free(p);
	return turn_away(call, room, err);
}

bool serve_events(struct call *call, struct err *err)
{
	const char *after = http_query(call->exchange, "after");
	const char *last = http_last_event(call->exchange);
	struct store_tree tree;
	uint64_t id = 0;
	if (last[0])
		after = last;
	if (!after) {
		store_tree(call->app->store, &tree);
		return park(call->app->events, call, tree.size, err);
	}
	if (!text_decimal(bytes_str(after), &id) || id >= INT64_MAX)
		return err_set(err, ERR_FORMAT, "Last-Event-ID: expected the id of an event");
	return park(call->app->events, call, id + 1, err);
}

/* ---- answering ---- */

/* It has left before it is answered: its reader may ask again at once. */
static void answer(struct events *e, struct parked *p, const struct event *events, size_t count)
{
	struct call *call = p->call;
	(void)pthread_mutex_lock(&e->lock);
	reader_leave(e, p->reader);
	(void)pthread_mutex_unlock(&e->lock);
	buf_put_str(&call->reply, "retry: 200\n");
	for (size_t i = 0; i < count; i++)
		event_put(&events[i], &call->reply);
	/* Where to go on from, also when there was nothing. */
	if (count == 0 && p->from > 0)
		buf_printf(
			&call->reply, ": nothing\nid: %llu\n\n", (unsigned long long)p->from - 1);
	call->status = call->reply.failed ? 503 : 200;
	call->type = "text/event-stream";
	call_answer(call);
	free(p);
}

/* True: it was answered and is gone. */
static bool serve_one(struct events *e, struct sql *sql, struct parked *p, bool end)
{
	struct event events[EVENTS_PAGE_MAX] = {0};
	size_t count = 0;
	uint64_t next = p->from;
	/* What cannot be read now is read next time. */
	bool ok = sql && events_read(sql, p->from, events, EVENTS_PAGE_MAX, &count, &next, NULL);
	if (ok && count == 0)
		p->from = next;
	bool over = end || clock_monotonic_ms(e->app->clock) >= p->until_ms;
	bool told = (ok && count > 0) || over;
	if (told)
		answer(e, p, events, ok ? count : 0);
	for (size_t i = 0; i < count; i++)
		event_release(&events[i]);
	return told;
}

static struct parked *take_all(struct events *e)
{
	(void)pthread_mutex_lock(&e->lock);
	struct parked *all = TAKE(e->first);
	(void)pthread_mutex_unlock(&e->lock);
	return all;
}

static void serve_all(struct events *e, bool end)
{
	struct sql *sql = NULL;
	struct parked *left = NULL, **last = &left;
	struct parked *at = take_all(e);
	if (!at)
		return;
	if (!store_read(e->app->store, &sql, NULL))
		sql = NULL;
	for (struct parked *next; at; at = next) {
		next = at->next;
		if (serve_one(e, sql, at, end))
			continue;
		at->next = NULL;
		*last = at;
		last = &at->next;
	}
	if (sql)
		store_read_done(e->app->store, &sql);
	(void)pthread_mutex_lock(&e->lock);
	*last = e->first;
	e->first = left;
	(void)pthread_mutex_unlock(&e->lock);
}

/* ---- the thread ---- */

static void *events_main(void *arg)
{
	struct events *e = arg;
	bool closing = false;
	while (!closing) {
		struct timespec until = clock_deadline(EVENTS_LOOK_MS);
		(void)pthread_mutex_lock(&e->lock);
		while (!e->closing && !e->first)
			(void)pthread_cond_wait(&e->wake, &e->lock);
		if (!e->closing)
			(void)pthread_cond_timedwait(&e->wake, &e->lock, &until);
		closing = e->closing;
		(void)pthread_mutex_unlock(&e->lock);
		serve_all(e, closing);
	}
	return NULL;
}

bool events_start(struct app *app, struct events **ret, struct err *err)
{
	struct events *e = calloc(1, sizeof(*e));
	if (!e)
		return err_set(err, ERR_NOMEM, "events");
	e->app = app;
	(void)pthread_mutex_init(&e->lock, NULL);
	if (!thread_wake_init(&e->wake, err) ||
		!thread_start(&e->thread, "events", 0, events_main, e, err)) {
		free(e);
		return false;
	}
	*ret = e;
	return true;
}

void events_stop(struct events **events)
{
	struct events *e = TAKE(*events);
	if (!e)
		return;
	(void)pthread_mutex_lock(&e->lock);
	e->closing = true;
	(void)pthread_cond_signal(&e->wake);
	(void)pthread_mutex_unlock(&e->lock);
	(void)pthread_join(e->thread, NULL);
	(void)pthread_cond_destroy(&e->wake);
	(void)pthread_mutex_destroy(&e->lock);
	free(e);
}
