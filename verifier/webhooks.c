/* SPDX-License-Identifier: Apache-2.0 */
/* The thread that delivers to one webhook. */
#include "verifier/webhooks.h"

#include <stdlib.h>
#include <time.h>

#include "base/text.h"
#include "base/thread.h"

struct courier {
	struct app *app;
	const uint8_t *owner;
	struct webhook *webhook;
	pthread_mutex_t lock; /* of wake and begun */
	pthread_cond_t wake;
	bool begun;
	atomic_bool stop;
	pthread_t thread;
	uint64_t scanned; /* up to which entry nothing is to be told; in memory */
	int64_t turn_until;
	struct webhook_trying trying;
};

int64_t webhook_pause(int64_t attempts, uint32_t random)
{
	int64_t pause = 1;
	for (int64_t i = 1; i < attempts && pause < WEBHOOK_PAUSE_MAX; i++)
		pause *= 2;
	pause = pause < WEBHOOK_PAUSE_MAX ? pause : WEBHOOK_PAUSE_MAX;
	return pause - (int64_t)random % (pause / 2 + 1);
}

int64_t webhook_tried(struct webhook_trying *trying, const struct webhook_row *row, uint64_t now_ms)
{
	bool same = trying->position == row->position && trying->first_try == row->first_try;
	if (!same)
		*trying = (struct webhook_trying){.position = row->position,
			.first_try = row->first_try,
			.tried = row->tried,
			.ms = now_ms};
	int64_t tried = trying->tried + (int64_t)((now_ms - trying->ms) / 1000);
	return tried > row->tried ? tried : row->tried;
}

bool webhook_waits(const struct webhook_row *row, int64_t now)
{
	return row->next_try > now && row->next_try - now <= WEBHOOK_PAUSE_MAX;
}

bool webhook_event_id(
	const struct app *app, uint64_t entry, char out[WEBHOOK_ID_MAX], struct err *err)
{
	uint8_t digest[SHA256_LEN] = {0};
	char hex[17];
	if (!sha256_of(bytes_str(app->config.log_origin), digest, err))
		return false;
	hex_encode(bytes_of(digest, 8), hex);
	(void)snprintf(out, WEBHOOK_ID_MAX, "evt_%s_%llu", hex, (unsigned long long)entry);
	return true;
}

static bool wanted(const struct config_webhook *config, const char *event)
{
	for (size_t i = 0; i < config->event_count; i++)
		if (strcmp(config->events[i], event) == 0)
			return true;
	return config->event_count == 0;
}

/* ---- what is written down ---- */

struct writing {
	struct courier *courier;
	struct webhook_row row;
	uint64_t from;
	const struct webhook_ack *ack; /* NULL: none */
	bool gave_up;
	bool moved;
};

static bool gave_up_entry(const struct writing *w, struct store_tx *tx, struct err *err)
{
	struct app *app = w->courier->app;
	return entry_append(app, tx, LEAF_WEBHOOK, clock_wall(app->clock),
		json_pack("{s:s, s:s, s:I, s:I, s:s}", "event", "webhook-gave-up", "name",
			w->row.name, "entry", (json_int_t)w->row.position, "attempts",
			(json_int_t)w->row.attempts, "error", w->row.last_error),
		err);
}

static bool write_work(struct store_tx *tx, void *arg, struct err *err)
{
	struct writing *w = arg;
	if (!webhook_row_put(tx->sql, &w->row, w->from, &w->moved, err))
		return false;
	return !w->moved || ((!w->ack || webhook_ack_add(tx->sql, w->row.name, w->ack, err)) &&
				    (!w->gave_up || gave_up_entry(w, tx, err)));
}

struct turning {
	struct courier *courier;
	int64_t now, until;
	bool mine;
};

static bool turn_work(struct store_tx *tx, void *arg, struct err *err)
{
	struct turning *t = arg;
	return webhook_turn(tx->sql, t->courier->webhook->config.name, t->courier->owner, t->now,
		t->until, &t->mine, err);
}

/* Several verifiers on one database: one of them delivers. What two would do at once for want of clocks that agree is told
 * twice, and never moved past unheard. */
static bool my_turn(struct courier *c, int64_t now, bool *ret_mine, struct err *err)
{
	struct turning t = {.courier = c, .now = now, .until = now + WEBHOOK_TURN};
	*ret_mine = true;
	/* Longer than a turn lasts, it was taken while the clock ran ahead. */
	int64_t left = c->turn_until - now;
	if (left > WEBHOOK_TURN_LEFT && left <= WEBHOOK_TURN)
		return true;
	if (!store_run(c->app->store, turn_work, &t, err))
		return false;
	c->turn_until = t.mine ? t.until : 0;
	*ret_mine = t.mine;
	return true;
}

/* ---- one event ---- */

static void count(const struct courier *c, enum metric_webhook outcome)
{
	struct metrics *metrics = c->app->metrics;
	size_t series = metric_webhook_series(metrics, bytes_str(c->webhook->config.name), outcome);
	metric_add(metrics, METRIC_WEBHOOKS, series, 1);
}

static void tell(const struct courier *c, const struct webhook_row *row, bool gave_up)
{
	char entry[24], attempts[24];
	(void)snprintf(entry, sizeof(entry), "%llu", (unsigned long long)row->position);
	(void)snprintf(attempts, sizeof(attempts), "%lld", (long long)row->attempts);
	log_event(&c->app->log, LOG_LEVEL_WARNING,
		gave_up ? "webhook-gave-up" : "webhook-not-delivered",
		{"webhook", bytes_str(row->name)}, {"entry", bytes_str(entry)},
		{"attempts", bytes_str(attempts)}, {"error", bytes_str(row->last_error)});
}

static bool acknowledged(struct courier *c, struct webhook_row *row, uint64_t from,
	const struct webhook_outcome *outcome, struct err *err)
{
	int64_t now = clock_wall(c->app->clock);
	struct webhook_ack ack = {.entry = row->position,
		.time = now,
		.status = outcome->status,
		.attempts = row->attempts + 1};
	struct writing w = {.courier = c, .row = *row, .from = from, .ack = &ack};
	w.row.acked = (int64_t)row->position;
	w.row.acked_time = now;
	w.row.position = row->position + 1;
	w.row.attempts = w.row.first_try = w.row.next_try = w.row.tried = 0;
	w.row.last_status = outcome->status;
	w.row.last_error[0] = '\0';
	count(c, METRIC_WEBHOOK_DELIVERED);
	return store_run(c->app->store, write_work, &w, err);
}

/* 410: the receiver says that nothing is to come any more. */
static bool refused(struct courier *c, struct webhook_row *row, uint64_t from,
	const struct webhook_outcome *outcome, struct err *err)
{
	struct app *app = c->app;
	struct writing w = {.courier = c, .row = *row, .from = from};
	uint8_t random[4];
	int64_t now = clock_wall(app->clock), pause;
	if (!random_fill(app->random, random, sizeof(random), err))
		return false;
	if (w.row.attempts++ == 0) {
		w.row.first_try = now;
		w.row.tried = 0;
	}
	w.row.tried = webhook_tried(&c->trying, &w.row, clock_monotonic_ms(app->clock));
	pause = webhook_pause(w.row.attempts,
		(uint32_t)random[0] | (uint32_t)random[1] << 8 | (uint32_t)random[2] << 16);
	if (outcome->retry_after > pause)
		pause = outcome->retry_after < WEBHOOK_PAUSE_MAX ? outcome->retry_after
								 : WEBHOOK_PAUSE_MAX;
	w.row.next_try = now + pause;
	w.row.last_status = outcome->status;
	(void)snprintf(w.row.last_error, sizeof(w.row.last_error), "%s", outcome->error);
	w.gave_up = outcome->status == 410 || w.row.tried >= c->webhook->config.give_up_after;
	w.row.state = w.gave_up ? WEBHOOK_GAVE_UP : WEBHOOK_DELIVERING;
	count(c, w.gave_up ? METRIC_WEBHOOK_GAVE_UP : METRIC_WEBHOOK_FAILED);
	tell(c, &w.row, w.gave_up);
	return store_run(app->store, write_work, &w, err);
}

/* The row stands at the event then, or still before it when nothing came of it. */
static bool deliver(
	struct courier *c, struct webhook_row *row, const struct event *event, struct err *err)
{
	struct webhook_outcome outcome;
	char id[WEBHOOK_ID_MAX];
	uint64_t from = row->position;
	bool mine = false;
	int64_t now = clock_wall(c->app->clock);
	if (!my_turn(c, now, &mine, err) || !mine)
		return mine;
	if (!webhook_event_id(c->app, event->id, id, err) ||
		!webhook_send(&c->webhook->target, id, now, buf_bytes(&event->data), &c->stop,
			&outcome, err))
		return false;
	/* An attempt that was cut off when this thread had to end says nothing of the receiver. */
	if (outcome.error[0] && outcome.status == 0 && atomic_load(&c->stop))
		return true;
	row->position = event->id;
	return outcome.error[0] ? refused(c, row, from, &outcome, err)
				: acknowledged(c, row, from, &outcome, err);
}

/* Entries that hold nothing for this webhook are passed over in memory, and now and then in the store. */
static bool pass_over(
	struct courier *c, const struct webhook_row *row, uint64_t next, struct err *err)
{
	struct writing w = {.courier = c, .row = *row, .from = row->position};
	c->scanned = next;
	if (next - row->position < WEBHOOK_SKIP_MAX)
		return true;
	w.row.position = next;
	return store_run(c->app->store, write_work, &w, err);
}

/* ---- what there is to do ---- */

struct looking {
	struct courier *courier;
	struct webhook_row row;
	bool found; /* an event; the first that is wanted */
	struct event event;
	uint64_t next; /* from where on nothing was looked at */
};

static bool look(struct looking *l, struct sql *sql, struct err *err)
{
	struct event events[EVENTS_PAGE_MAX] = {0};
	size_t count_ = 0;
	bool found = false;
	const struct config_webhook *config = &l->courier->webhook->config;
	if (!webhook_row_get(sql, config->name, &l->row, &found, err))
		return false;
	if (!found)
		return err_set(err, ERR_STORE, "the webhook's row is gone");
	if (l->row.state != WEBHOOK_DELIVERING ||
		webhook_waits(&l->row, clock_wall(l->courier->app->clock))) {
		l->next = l->row.position;
		return true;
	}
	uint64_t from =
		l->row.position > l->courier->scanned ? l->row.position : l->courier->scanned;
	if (!events_read(sql, from, events, EVENTS_PAGE_MAX, &count_, &l->next, err))
		return false;
	for (size_t i = 0; i < count_; i++) {
		if (!l->found && wanted(config, events[i].name)) {
			l->found = true;
			l->event = events[i];
			memset(&events[i], 0, sizeof(events[i]));
		}
		event_release(&events[i]);
	}
	return true;
}

/* *ret_more: there may be more at once. */
static bool work_once(struct courier *c, bool *ret_more, struct err *err)
{
	struct looking l = {.courier = c};
	struct sql *sql = NULL;
	*ret_more = false;
	if (!store_read(c->app->store, &sql, err))
		return false;
	bool ok = look(&l, sql, err);
	store_read_done(c->app->store, &sql);
	uint64_t before = l.row.position, scanned = c->scanned;
	if (ok && l.found)
		ok = deliver(c, &l.row, &l.event, err);
	else if (ok && l.next > before)
		ok = pass_over(c, &l.row, l.next, err);
	*ret_more = ok && (l.found ? l.row.position != before : c->scanned != scanned);
	event_release(&l.event);
	return ok;
}

/* ---- the thread ---- */

static bool stopped_after(struct courier *c, long ms)
{
	struct timespec until = clock_deadline(ms);
	(void)pthread_mutex_lock(&c->lock);
	while (!atomic_load(&c->stop) &&
		(!c->begun ? pthread_cond_wait(&c->wake, &c->lock)
			   : pthread_cond_timedwait(&c->wake, &c->lock, &until)) == 0)
		continue;
	(void)pthread_mutex_unlock(&c->lock);
	return atomic_load(&c->stop);
}

static void stands_tell(const struct courier *c, const struct err *err)
{
	log_event(&c->app->log, LOG_LEVEL_WARNING, "webhook-stands",
		{"webhook", bytes_str(c->webhook->config.name)}, {"error", bytes_str(err->text)});
}

static void *courier_main(void *arg)
{
	struct courier *c = arg;
	bool more = false, stands = false;
	while (!stopped_after(c, more ? 0 : stands ? WEBHOOK_STANDS_MS : WEBHOOK_LOOK_MS)) {
		struct err err = {0};
		bool stood = stands;
		stands = !work_once(c, &more, &err);
		if (stands && !stood)
			stands_tell(c, &err);
	}
	return NULL;
}

static void courier_drop(struct courier *c)
{
	(void)pthread_cond_destroy(&c->wake);
	(void)pthread_mutex_destroy(&c->lock);
	webhook_unref(&c->webhook);
	free(c);
}

bool courier_new(struct app *app, const uint8_t owner[WEBHOOK_OWNER_LEN], struct webhook *webhook,
	struct courier **ret, struct err *err)
{
	struct courier *c = calloc(1, sizeof(*c));
	char name[THREAD_NAME_MAX];
	if (!c || !thread_wake_init(&c->wake, err)) {
		free(c);
		return err_set(err, ERR_NOMEM, "webhook");
	}
	(void)pthread_mutex_init(&c->lock, NULL);
	c->app = app;
	c->owner = owner;
	c->webhook = webhook_ref(webhook);
	(void)snprintf(name, sizeof(name), "hook-%s", webhook->config.name);
	if (!thread_start(&c->thread, name, 0, courier_main, c, err)) {
		courier_drop(c);
		return false;
	}
	*ret = c;
	return true;
}

struct webhook *courier_webhook(const struct courier *courier)
{
	return courier->webhook;
}

void courier_begin(struct courier *courier)
{
	(void)pthread_mutex_lock(&courier->lock);
	courier->begun = true;
	(void)pthread_cond_broadcast(&courier->wake);
	(void)pthread_mutex_unlock(&courier->lock);
}

void courier_stop(struct courier *courier)
{
	(void)pthread_mutex_lock(&courier->lock);
	atomic_store(&courier->stop, true);
	(void)pthread_cond_broadcast(&courier->wake);
	(void)pthread_mutex_unlock(&courier->lock);
}

/* So that the next verifier does not have to wait. */
static bool let_go_work(struct store_tx *tx, void *arg, struct err *err)
{
	struct turning *t = arg;
	return webhook_turn(
		tx->sql, t->courier->webhook->config.name, t->courier->owner, 0, 0, &t->mine, err);
}

void courier_free(struct courier **courier)
{
	struct courier *c = TAKE(*courier);
	if (!c)
		return;
	struct turning t = {.courier = c};
	struct err err = {0};
	courier_stop(c);
	(void)pthread_join(c->thread, NULL);
	if (c->begun && !store_run(c->app->store, let_go_work, &t, &err))
		stands_tell(c, &err);
	courier_drop(c);
}
