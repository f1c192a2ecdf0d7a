/* SPDX-License-Identifier: Apache-2.0 */
/* The sweep: looks over a reading connection for what may be due, a page at a time, and has it
 * destroyed in small transactions. */
#include "verifier/retention.h"

#include "base/thread.h"
#include "verifier/elevations.h"

#include <stdlib.h>
#include <time.h>

#define PAGE 64u

struct retention {
	struct app *app;
	pthread_mutex_t sweeping; /* one at a time */
	struct retention_clock clock; /* as it was at the start */
	pthread_mutex_t lock; /* all below */
	pthread_cond_t wake;
	bool closing;
	pthread_t thread;
};

struct sweep {
	struct retention *retention;
	const struct sweep_request *request;
	struct sweep_result *result;
	struct retention_rules rules;
	struct holds *holds;
	struct retention_batch *batch;
	int64_t now;
};

/* ---- the time, and which policy is in force ---- */

static bool clock_entry(const struct sweep *s, struct store_tx *tx, int64_t from, struct err *err)
{
	char before[TIME_TEXT_MAX], now[TIME_TEXT_MAX];
	return entry_append(s->retention->app, tx, LEAF_RETENTION, s->now,
		json_pack("{s:s, s:s, s:s, s:s, s:s}", "event", "clock-accepted", "last_sweep",
			time_json(from, before), "time", time_json(s->now, now), "by",
			s->request->by, "reason", s->request->reason),
		err);
}

/* What time it is by the clock, or by a person who accepts it. */
static bool time_now(
	struct sweep *s, struct store_tx *tx, struct retention_state *state, struct err *err)
{
	const struct retention_clock *clock = &s->retention->clock;
	const struct retention_state last = *state;
	struct err why = {0};
	if (retention_clock_check(clock, &last, state, &why)) {
		s->now = state->time;
		return true;
	}
	if (!s->request->accept_clock)
		return err_set(err, why.code, "%s", why.text);
	retention_clock_accept(clock, &last, state);
	s->now = state->time;
	return clock_entry(s, tx, last.time, err);
}

static bool begin_work(struct store_tx *tx, void *arg, struct err *err)
{
	struct sweep *s = arg;
	struct retention_state state;
	struct policy_seen seen[POLICIES_SEEN_MAX];
	size_t count = 0;
	bool whole = false;
	if (!retention_state_of(tx->sql, s->retention->clock.boot, &state, err) ||
		!time_now(s, tx, &state, err) ||
		(!s->request->dry && !retention_state_set(tx->sql, &state, err)) ||
		!policies_seen(tx->sql, INT64_MAX, seen, &count, &whole, err))
		return false;
	return (count > 0 && memcmp(seen[0].digest, tx->policy, SHA256_LEN) == 0) ||
	       policy_seen_insert(tx->sql, tx->policy, tx->policy_version, s->now, err);
}

static bool begin(struct sweep *s, struct err *err)
{
	struct app *app = s->retention->app;
	struct sql *sql = NULL;
	if (!store_run(app->store, begin_work, s, err) || !store_read(app->store, &sql, err))
		return false;
	bool ok = retention_rules_load(sql, s->now, app->config.retention_grace, &s->rules, err) &&
		  holds_load(sql, s->now, app->config.retention_grace, s->holds, err);
	store_read_done(app->store, &sql);
	return ok;
}

static bool finish_work(struct store_tx *tx, void *arg, struct err *err)
{
	const struct sweep *s = arg;
	return retention_finished_set(tx->sql, s->now, err);
}

/* ---- one batch ---- */

/* Others write meanwhile. *ret_go false: the service closes. */
static void pause_between(struct retention *r, bool *ret_go)
{
	struct timespec until = clock_deadline(RETENTION_PAUSE_MS);
	(void)pthread_mutex_lock(&r->lock);
	while (!r->closing && pthread_cond_timedwait(&r->wake, &r->lock, &until) == 0)
		continue;
	*ret_go = !r->closing;
	(void)pthread_mutex_unlock(&r->lock);
}

static bool note_work(struct store_tx *tx, void *arg, struct err *err)
{
	return retention_note_leaves(tx->sql, RETENTION_BATCH_LEAVES, arg, err);
}

/* What was appended since the last sweep. *go false: the service closes. */
static bool note_leaves(struct sweep *s, bool *go, struct err *err)
{
	bool more = true;
	while (*go && more) {
		if (!store_run(s->retention->app->store, note_work, &more, err))
			return false;
		if (more && !s->request->told)
			pause_between(s->retention, go);
	}
	return true;
}

static bool join_lists(struct gone_list *to, const struct gone_list *from, struct err *err)
{
	return (json_array_extend(to->records, from->records) == 0 &&
		       json_array_extend(to->objects, from->objects) == 0 &&
		       json_array_extend(to->entries, from->entries) == 0) ||
	       err_set(err, ERR_NOMEM, "retention");
}

/* What the batch was given; it is empty afterwards. */
static bool flush(struct sweep *s, struct err *err)
{
	struct retention_batch *b = s->batch;
	b->app = s->retention->app;
	b->rules = &s->rules;
	b->now = s->now;
	b->dry = s->request->dry;
	b->by = s->request->by;
	b->record_max = s->request->told ? RETENTION_TOLD_RECORDS : RETENTION_BATCH_RECORDS;
	bool ok = retention_batch_run(b, err);
	s->result->records += b->gone.record_count;
	s->result->objects += b->gone.object_count;
	s->result->entries += b->gone.entry_count;
	ok = ok && (!s->request->told || join_lists(&s->result->gone, &b->gone, err));
	gone_list_release(&b->gone);
	return ok;
}

static void clear(struct retention_batch *b)
{
	b->history_count = b->entry_count = 0;
	b->more = false;
}

/* ---- histories ---- */

static bool page_due(struct sweep *s, struct sql *sql, struct history_cursor *cursor, bool *ret_end,
	struct err *err)
{
	struct retention_view view = {.rules = &s->rules, .holds = s->holds, .now = s->now};
	struct history_key page[PAGE];
	struct retention_batch *b = s->batch;
	size_t count = 0;
	if (!histories_old(sql, s->now - RETENTION_MIN, cursor, page, PAGE, &count, err))
		return false;
	*ret_end = count < PAGE;
	for (size_t i = 0; i < count; i++) {
		bool due = false;
		if (!history_due(sql, &view, &page[i], &due, err))
			return false;
		if (due)
			b->histories[b->history_count++] = page[i];
	}
	return true;
}

static bool find_page(
	struct sweep *s, struct history_cursor *cursor, bool *ret_end, struct err *err)
{
	struct sql *sql = NULL;
	if (!store_read(s->retention->app->store, &sql, err))
		return false;
	bool ok = page_due(s, sql, cursor, ret_end, err);
	store_read_done(s->retention->app->store, &sql);
	return ok;
}

/* Those of one page, batch by batch. */
static bool destroy_page(struct sweep *s, bool *go, struct err *err)
{
	do {
		s->batch->more = false;
		if (!flush(s, err))
			return false;
		pause_between(s->retention, go);
	} while (*go && s->batch->more);
	return true;
}

static bool sweep_histories(struct sweep *s, bool *go, struct err *err)
{
	struct history_cursor cursor = {.last = INT64_MIN};
	bool end = false;
	while (*go && !end) {
		clear(s->batch);
		if (!find_page(s, &cursor, &end, err))
			return false;
		if (s->batch->history_count > 0 && !destroy_page(s, go, err))
			return false;
	}
	return true;
}

/* ---- entries, and with the last of them policies ---- */

static bool entries_page(struct sweep *s, struct sql *sql, unsigned type, uint64_t *from,
	size_t max, bool *ret_end, struct err *err)
{
	struct retention_view view = {.rules = &s->rules, .holds = s->holds, .now = s->now};
	struct entry_row page[PAGE];
	int64_t keep = rules_of_entry(&s->rules, type);
	size_t count = 0;
	*ret_end = true;
	if (keep == RETENTION_FOREVER)
		return true;
	if (!entries_old(sql, type, s->now - keep, *from, page, PAGE, &count, err))
		return false;
	*ret_end = count < PAGE;
	for (size_t i = 0; i < count; i++) {
		bool due = false;
		if (!entry_due(sql, &view, &page[i], &due, err))
			return false;
		if (due && s->batch->entry_count == max) {
			*ret_end = false;
			return true;
		}
		*from = page[i].index + 1;
		if (due)
			s->batch->entries[s->batch->entry_count++] = page[i].index;
	}
	return true;
}

static bool find_entries(
	struct sweep *s, unsigned type, uint64_t *from, size_t max, bool *ret_end, struct err *err)
{
	struct sql *sql = NULL;
	if (!store_read(s->retention->app->store, &sql, err))
		return false;
	bool ok = entries_page(s, sql, type, from, max, ret_end, err);
	store_read_done(s->retention->app->store, &sql);
	return ok;
}

static bool sweep_entries(struct sweep *s, bool *go, struct err *err)
{
	for (unsigned i = 0; *go && i < RETENTION_ENTRY_KINDS; i++) {
		uint64_t from = 0;
		bool end = false;
		while (*go && !end) {
			clear(s->batch);
			if (!find_entries(s, retention_entries[i].leaf_type, &from,
				    RETENTION_BATCH_ENTRIES, &end, err))
				return false;
			if (s->batch->entry_count == 0)
				continue;
			if (!flush(s, err))
				return false;
			pause_between(s->retention, go);
		}
	}
	clear(s->batch);
	return !*go || flush(s, err);
}

/* ---- a sweep of the timer's, and one that somebody asked for ---- */

static bool sweep_all(struct sweep *s, struct err *err)
{
	bool go = true;
	if (!sweep_histories(s, &go, err) || !sweep_entries(s, &go, err))
		return false;
	return !go || store_run(s->retention->app->store, finish_work, s, err);
}

/* In one transaction: what a dry run tells is what would go. */
static bool sweep_told(struct sweep *s, struct err *err)
{
	struct history_cursor cursor = {.last = INT64_MIN};
	struct retention_batch *b = s->batch;
	bool end = false, entries_end = true;
	while (!end && b->history_count + PAGE <= RETENTION_TOLD_RECORDS)
		if (!find_page(s, &cursor, &end, err))
			return false;
	for (unsigned i = 0; entries_end && i < RETENTION_ENTRY_KINDS; i++) {
		uint64_t from = 0;
		do {
			if (!find_entries(s, retention_entries[i].leaf_type, &from,
				    RETENTION_TOLD_ENTRIES, &entries_end, err))
				return false;
		} while (!entries_end && b->entry_count < RETENTION_TOLD_ENTRIES);
	}
	if (!flush(s, err))
		return false;
	s->result->more = b->more || !end || !entries_end;
	return true;
}

static bool sweep_run(struct sweep *s, struct err *err)
{
	bool go = true;
	if (!begin(s, err) || !note_leaves(s, &go, err))
		return false;
	if (rules_say_nothing(&s->rules))
		return s->request->told || store_run(s->retention->app->store, finish_work, s, err);
	return s->request->told ? sweep_told(s, err) : sweep_all(s, err);
}

static void log_result(struct app *app, const struct sweep_result *result)
{
	char records[24], entries[24];
	if (result->records + result->entries + result->objects == 0)
		return;
	(void)snprintf(records, sizeof(records), "%zu", result->records);
	(void)snprintf(entries, sizeof(entries), "%zu", result->entries);
	log_event(&app->log, LOG_LEVEL_INFO, "retention", {"records", bytes_str(records)},
		{"entries", bytes_str(entries)});
}

bool retention_sweep(struct retention *retention, const struct sweep_request *request,
	struct sweep_result *ret, struct err *err)
{
	struct sweep s = {.retention = retention, .request = request, .result = ret};
	memset(ret, 0, sizeof(*ret));
	s.holds = calloc(1, sizeof(*s.holds));
	s.batch = calloc(1, sizeof(*s.batch));
	bool ok = (s.holds && s.batch) || err_set(err, ERR_NOMEM, "retention");
	if (ok && pthread_mutex_trylock(&retention->sweeping) != 0)
		ok = err_set(err, ERR_BUSY, "a sweep is under way");
	else if (ok) {
		ok = gone_list_init(&ret->gone, err) && sweep_run(&s, err);
		(void)pthread_mutex_unlock(&retention->sweeping);
	}
	retention_rules_release(&s.rules);
	free(s.holds);
	free(s.batch);
	if (!ok)
		gone_list_release(&ret->gone);
	else if (!request->dry)
		log_result(retention->app, ret);
	return ok;
}

bool retention_now(struct retention *retention, struct sql *sql, int64_t *ret, struct err *err)
{
	struct retention_state state, next;
	if (!retention_state_of(sql, retention->clock.boot, &state, err) ||
		!retention_clock_check(&retention->clock, &state, &next, err))
		return false;
	*ret = next.time;
	return true;
}

bool retention_note_time(const struct app *app, struct sql *sql, int64_t *ret, struct err *err)
{
	struct retention_state state;
	if (!retention_state_get(sql, &state, err))
		return false;
	int64_t now = clock_wall(app->clock);
	*ret = now > state.time ? now : state.time;
	return true;
}

/* ---- the thread ---- */

static void sweep_timed(struct retention *r)
{
	static const struct sweep_request timed = {.by = "", .reason = ""};
	struct sweep_result result;
	struct err err = {0};
	bool mine = false;
	/* Of several verifiers one sweeps; twice would do no harm. */
	if (!store_turn(r->app->store, "retention", RETENTION_EVERY_S - 60, &mine, &err) || !mine)
		return;
	if (retention_sweep(r, &timed, &result, &err))
		gone_list_release(&result.gone);
	else
		log_event(&r->app->log, LOG_LEVEL_WARNING, "retention-stands",
			{"error", bytes_str(err.text)},
			{"effect", BYTES_LIT("nothing is destroyed (assay retention status)")});
}

static void *retention_main(void *arg)
{
	struct retention *r = arg;
	bool closing = false;
	for (;;) {
		struct timespec until = clock_deadline(RETENTION_EVERY_S * 1000);
		(void)pthread_mutex_lock(&r->lock);
		while (!r->closing && pthread_cond_timedwait(&r->wake, &r->lock, &until) == 0)
			continue;
		closing = r->closing;
		(void)pthread_mutex_unlock(&r->lock);
		if (closing)
			return NULL;
		sweep_timed(r);
		elevations_settle_all(r->app);
	}
}

static void retention_free(struct retention *r)
{
	(void)pthread_mutex_destroy(&r->lock);
	(void)pthread_mutex_destroy(&r->sweeping);
	free(r);
}

bool retention_start(struct app *app, struct retention **ret, struct err *err)
{
	struct retention *r = calloc(1, sizeof(*r));
	if (!r)
		return err_set(err, ERR_NOMEM, "retention");
	r->app = app;
	if (!retention_clock_open(app->clock, app->random, &r->clock, err)) {
		free(r);
		return false;
	}
	if (!thread_wake_init(&r->wake, err)) {
		free(r);
		return false;
	}
	(void)pthread_mutex_init(&r->lock, NULL);
	(void)pthread_mutex_init(&r->sweeping, NULL);
	if (!thread_start(&r->thread, "retention", 0, retention_main, r, err)) {
		retention_free(r);
		return false;
	}
	*ret = r;
	return true;
}

void retention_stop(struct retention **retention)
{
	struct retention *r = TAKE(*retention);
	if (!r)
		return;
	(void)pthread_mutex_lock(&r->lock);
	r->closing = true;
	(void)pthread_cond_broadcast(&r->wake);
	(void)pthread_mutex_unlock(&r->lock);
	(void)pthread_join(r->thread, NULL);
	(void)pthread_cond_destroy(&r->wake);
	retention_free(r);
}
