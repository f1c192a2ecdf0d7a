/* SPDX-License-Identifier: Apache-2.0 */
/* What agents are shown as, and the sweep that writes down which leases have ended. */
#include "verifier/leases.h"

#include <stdlib.h>
#include <time.h>

#include "base/text.h"
#include "base/thread.h"
#include "policy/instant.h"

/* ---- what is shown ---- */

static const char *const views[] = {
	[VIEW_UNKNOWN] = "idle",
	[VIEW_TRUSTED] = "trusted",
	[VIEW_STALE] = "stale",
	[VIEW_UNREACHABLE] = "unreachable",
	[VIEW_UNTRUSTED] = "untrusted",
	[VIEW_QUARANTINED] = "quarantined",
	[VIEW_RETIRED] = "retired",
	[VIEW_ENDED] = "ended",
};
static_assert(ARRAY_LEN(views) == VIEWS, "every view has a name");

const char *instance_view_name(enum instance_view view)
{
	return (unsigned)view < VIEWS ? views[view] : views[VIEW_UNKNOWN];
}

int64_t instance_silent_at(const struct instance_facts *f)
{
	int64_t length = f->lease > f->renewed ? f->lease - f->renewed : 0;
	int64_t until = instant_after(f->heard, length);
	return until > f->lease ? until : f->lease;
}

enum instance_view instance_view_of(const struct instance_facts *f, int64_t now)
{
	if (f->state == INSTANCE_ENDED)
		return VIEW_ENDED;
	if (f->host_state == HOST_RETIRED || f->workload_state == WORKLOAD_RETIRED)
		return VIEW_RETIRED;
	if (f->host_state == HOST_QUARANTINED)
		return VIEW_QUARANTINED;
	if (f->state != INSTANCE_TRUSTED || f->host_state != HOST_ACTIVE)
		return VIEW_UNTRUSTED;
	if (now < f->lease)
		return VIEW_TRUSTED;
	return now < instance_silent_at(f) ? VIEW_STALE : VIEW_UNREACHABLE;
}

/* ---- the sweep ---- */

struct lease_batch {
	struct app *app;
	int64_t now;
	size_t count;
	struct instance_facts due[LEASES_BATCH_MAX];
	unsigned told;
};

static bool tell(struct lease_batch *b, struct store_tx *tx, const struct instance_facts *f,
	enum instance_view view, struct err *err)
{
	char host[2 * HOST_ID_LEN + 1], instance[2 * INSTANCE_ID_LEN + 1];
	char lease[TIME_TEXT_MAX], heard[TIME_TEXT_MAX];
	const char *name = instance_view_name(view);
	hex_encode(BYTES_OF(f->host), host);
	hex_encode(BYTES_OF(f->instance), instance);
	b->told++;
	return instance_history_add(tx->sql, f->host, f->instance, b->now, view,
		       view == VIEW_STALE ? "lease-ended" : "nothing-heard", err) &&
	       entry_append(b->app, tx, LEAF_INSTANCE_STATE, b->now,
		       json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "event", "instance-state",
			       "host", host, "instance", instance, "state", name, "lease",
			       time_json(f->lease, lease), "heard", time_json(f->heard, heard)),
		       err);
}

/* By the row as it is now: it may have been renewed since it was found, or told of by another verifier. */
static bool tell_one(struct lease_batch *b, struct store_tx *tx, const struct instance_facts *due,
	struct err *err)
{
	struct instance_facts f;
	bool found = false;
	if (!instance_facts_get(tx->sql, due->host, due->instance, &f, &found, err))
		return false;
	enum instance_view view = found ? instance_view_of(&f, b->now) : VIEW_TRUSTED;
	if (view == VIEW_TRUSTED)
		return true;
	if (view != VIEW_STALE && view != VIEW_UNREACHABLE) /* something else ended it */
		return lease_check_set(tx->sql, &f, 0, f.told, err);
	int64_t again = view == VIEW_STALE ? instance_silent_at(&f) : 0;
	return lease_check_set(tx->sql, &f, again, view, err) &&
	       (f.told == view || tell(b, tx, &f, view, err));
}

static bool batch_work(struct store_tx *tx, void *arg, struct err *err)
{
	struct lease_batch *b = arg;
	b->told = 0;
	for (size_t i = 0; i < b->count; i++)
		if (!tell_one(b, tx, &b->due[i], err))
			return false;
	return true;
}

static bool batch_find(struct lease_batch *b, struct err *err)
{
	struct sql *sql = NULL;
	if (!store_read(b->app->store, &sql, err))
		return false;
	bool ok = leases_due(sql, b->now, b->due, ARRAY_LEN(b->due), &b->count, err);
	store_read_done(b->app->store, &sql);
	return ok;
}

/* *ret_more is false when nothing is due any more. */
static bool batch_run(struct lease_batch *b, bool *ret_more, struct err *err)
{
	b->now = clock_wall(b->app->clock);
	if (!batch_find(b, err))
		return false;
	*ret_more = b->count == LEASES_BATCH_MAX;
	return b->count == 0 || store_run(b->app->store, batch_work, b, err);
}

bool leases_sweep(struct app *app, unsigned *ret_told, struct err *err)
{
	OWNED(free_ptr) struct lease_batch *b = calloc(1, sizeof(*b));
	static const struct timespec pause = {.tv_nsec = LEASES_PAUSE_MS * 1000000L};
	bool more = true;
	*ret_told = 0;
	if (!b)
		return err_set(err, ERR_NOMEM, "leases");
	b->app = app;
	while (more) {
		if (!batch_run(b, &more, err))
			return err_wrap(err, "leases");
		*ret_told += b->told;
		b->told = 0;
		if (more)
			(void)nanosleep(&pause, NULL);
	}
	return true;
}

/* ---- the thread ---- */

struct leases {
	struct app *app;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	pthread_t thread;
	bool closing;
};

static bool closing_after(struct leases *l, time_t seconds)
{
	struct timespec until = clock_deadline((int64_t)seconds * 1000);
	(void)pthread_mutex_lock(&l->lock);
	while (!l->closing && pthread_cond_timedwait(&l->wake, &l->lock, &until) == 0)
		continue;
	bool closing = l->closing;
	(void)pthread_mutex_unlock(&l->lock);
	return closing;
}

static void *leases_main(void *arg)
{
	struct leases *l = arg;
	while (!closing_after(l, LEASES_EVERY_S)) {
		struct err err = {0};
		unsigned told = 0;
		if (!leases_sweep(l->app, &told, &err))
			log_event(&l->app->log, LOG_LEVEL_WARNING, "leases-not-swept",
				{"error", bytes_str(err.text)});
	}
	return NULL;
}

bool leases_start(struct app *app, struct leases **ret, struct err *err)
{
	struct leases *l = calloc(1, sizeof(*l));
	if (!l)
		return err_set(err, ERR_NOMEM, "leases");
	l->app = app;
	(void)pthread_mutex_init(&l->lock, NULL);
	if (!thread_wake_init(&l->wake, err) ||
		!thread_start(&l->thread, "leases", 0, leases_main, l, err)) {
		free(l);
		return false;
	}
	*ret = l;
	return true;
}

void leases_stop(struct leases **leases)
{
	struct leases *l = TAKE(*leases);
	if (!l)
		return;
	(void)pthread_mutex_lock(&l->lock);
	l->closing = true;
	(void)pthread_cond_signal(&l->wake);
	(void)pthread_mutex_unlock(&l->lock);
	(void)pthread_join(l->thread, NULL);
	(void)pthread_cond_destroy(&l->wake);
	(void)pthread_mutex_destroy(&l->lock);
	free(l);
}

/* ---- hosts that are heard of ---- */

struct heard {
	uint8_t host[HOST_ID_LEN];
	int64_t time;
};

static bool heard_work(struct store_tx *tx, void *arg, struct err *err)
{
	const struct heard *h = arg;
	return host_heard_set(tx->sql, h->host, h->time, err);
}

static void heard_done(void *arg, const struct err *err)
{
	(void)err; /* it asks again */
	free(arg);
}

void leases_heard(struct app *app, const struct host_row *host, int64_t heard)
{
	int64_t now = clock_wall(app->clock);
	if (heard <= now && now - heard < HEARD_EVERY_S)
		return;
	struct heard *h = calloc(1, sizeof(*h));
	if (!h)
		return;
	memcpy(h->host, host->id, sizeof(h->host));
	h->time = now;
	store_submit(app->store, heard_work, heard_done, h);
}

/* ---- what a host's TPM went through ---- */

static bool sighting_put(void *arg, const struct sighting_row *row, struct err *err)
{
	json_t *list = arg, *steps = json_array();
	char time[TIME_TEXT_MAX], boot[33];
	const struct tpm_sighting *s = &row->seen;
	for (unsigned i = 0; steps && i < TPM_STEPS; i++)
		if (row->steps >> i & 1)
			(void)json_array_append_new(
				steps, json_string(tpm_step_name((enum tpm_step)(1u << i))));
	hex_encode(BYTES_OF(s->boot_id), boot);
	json_t *one = json_pack("{s:s, s:o, s:b, s:I, s:I, s:I, s:b, s:I, s:I, s:s}", "time",
		time_json(s->time, time), "steps", steps, "accepted", (int)row->accepted,
		"reset_count", (json_int_t)s->reset_count, "restart_count",
		(json_int_t)s->restart_count, "clock", (json_int_t)s->clock, "safe", (int)s->safe,
		"firmware_version", (json_int_t)s->firmware_version, "epoch", (json_int_t)s->epoch,
		"boot_id", boot);
	return json_array_append_new(list, one) == 0 || err_set(err, ERR_NOMEM, "TPM");
}

bool sightings_json(struct sql *sql, const uint8_t host[HOST_ID_LEN], json_t **ret, struct err *err)
{
	OWNED(json_release) json_t *list = json_array();
	if (!list)
		return err_set(err, ERR_NOMEM, "TPM");
	if (!sightings_each(sql, host, sighting_put, list, err))
		return false;
	*ret = TAKE(list);
	return true;
}
