/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier/store_private.h"

#include "base/thread.h"
#include "verifier/content_keys.h"
#include "verifier/rows.h"

#include <stdlib.h>

static bool readers_init(struct store_readers *readers)
{
	return pthread_mutex_init(&readers->lock, NULL) == 0;
}

bool store_connect(struct store *store, bool writer, struct sql **ret, struct err *err)
{
	if (!store->ops->open(store->location, writer, ret, err))
		return false;
	(*ret)->vault = store->vault;
	/* Nobody knows what the connection before left to be scrubbed. */
	(*ret)->scrub = writer;
	return true;
}

/* One that is still connected, of those that wait for somebody. */
static struct sql *idle_take(struct store *store)
{
	struct store_readers *readers = &store->readers;
	struct sql *sql = NULL;
	do {
		sql_close(&sql);
		(void)pthread_mutex_lock(&readers->lock);
		if (readers->idle_count > 0)
			sql = readers->idle[--readers->idle_count];
		(void)pthread_mutex_unlock(&readers->lock);
	} while (sql && store->ops->usable && !store->ops->usable(sql));
	return sql;
}

static bool is_refused(struct store *store)
{
	(void)pthread_mutex_lock(&store->readers.lock);
	bool refused = clock_monotonic_ms(&clock_system) < store->readers.refused_until_ms;
	(void)pthread_mutex_unlock(&store->readers.lock);
	return refused;
}

static void refusal_note(struct store *store, bool connected)
{
	struct store_readers *readers = &store->readers;
	(void)pthread_mutex_lock(&readers->lock);
	uint64_t longer = readers->refused_ms ? 2 * readers->refused_ms : STORE_REFUSED_MS_MIN;
	readers->refused_ms = connected                       ? 0
			      : longer < STORE_REFUSED_MS_MAX ? longer
							      : STORE_REFUSED_MS_MAX;
	readers->refused_until_ms =
		connected ? 0 : clock_monotonic_ms(&clock_system) + readers->refused_ms;
	(void)pthread_mutex_unlock(&readers->lock);
}

static bool reader_connect(struct store *store, struct sql **ret, struct err *err)
{
	if (!store->ops->shared)
		return store_connect(store, false, ret, err);
	if (is_refused(store))
		return err_set(err, ERR_STORE, "the database did not answer a moment ago");
	bool connected = store_connect(store, false, ret, err);
	refusal_note(store, connected);
	return connected;
}

bool store_read(struct store *store, struct sql **ret, struct err *err)
{
	struct sql *sql = idle_take(store);
	if (!sql && !reader_connect(store, &sql, err))
		return err_wrap(err, "reading the store");
	*ret = sql;
	return true;
}

bool store_read_snapshot(struct store *store, struct sql **ret, struct err *err)
{
	struct sql *sql = NULL;
	if (!store_read(store, &sql, err))
		return false;
	if (!sql_exec(sql, "BEGIN", SQL_NO_ARGS, NULL, err)) {
		sql_close(&sql);
		return err_wrap(err, "reading the store");
	}
	sql->snapshot = true;
	*ret = sql;
	return true;
}

void store_read_done(struct store *store, struct sql **sql)
{
	struct store_readers *readers = &store->readers;
	if (!*sql)
		return;
	bool ended = !(*sql)->snapshot || sql_exec(*sql, "COMMIT", SQL_NO_ARGS, NULL, NULL);
	(*sql)->snapshot = false;
	if (!ended || (store->ops->usable && !store->ops->usable(*sql))) {
		sql_close(sql);
		return;
	}
	(void)pthread_mutex_lock(&readers->lock);
	if (readers->idle_count < STORE_READERS_IDLE_MAX) {
		readers->idle[readers->idle_count++] = *sql;
		*sql = NULL;
	}
	(void)pthread_mutex_unlock(&readers->lock);
	sql_close(sql);
}

struct vault *store_vault(struct store *store)
{
	return store->vault;
}

void store_look(struct store *store, struct store_state *ret)
{
	(void)pthread_mutex_lock(&store->lock);
	*ret = (struct store_state){.queued = store->queued, .batches = store->batches};
	(void)pthread_mutex_unlock(&store->lock);
}

bool store_ready(struct store *store)
{
	(void)pthread_mutex_lock(&store->lock);
	bool ready = store->ready && !store->closing;
	(void)pthread_mutex_unlock(&store->lock);
	return ready;
}

static void store_free(struct store *store)
{
	for (size_t i = 0; i < store->readers.idle_count; i++)
		sql_close(&store->readers.idle[i]);
	sql_close(&store->writer);
	vault_free(&store->vault);
	(void)pthread_mutex_destroy(&store->readers.lock);
	(void)pthread_mutex_destroy(&store->lock);
	(void)pthread_cond_destroy(&store->wake);
	(void)pthread_cond_destroy(&store->checkpoint_wake);
	free(store->location);
	free(store);
}

static bool locks_init(struct store *store)
{
	return thread_wake_init(&store->wake, NULL) &&
	       pthread_cond_init(&store->checkpoint_wake, NULL) == 0 &&
	       pthread_mutex_init(&store->lock, NULL) == 0 && readers_init(&store->readers);
}

/* What is read and written from now on is sealed. */
static bool contents_open(struct store *store, const struct store_config *config, struct err *err)
{
	if (!config->content_key)
		return err_set(err, ERR_CONFIG, "contents are stored sealed, and there is no key");
	/* In one transaction: of two verifiers that start on an empty database one makes the key. */
	if (!vault_new(config->random, config->clock, &store->vault, err) ||
		!store->ops->begin(store->writer, err))
		return false;
	if (content_keys_open(
		    store->writer, store->vault, config->content_key, config->random, err))
		return store->ops->commit(store->writer, err);
	store->ops->rollback(store->writer);
	return false;
}

bool store_open(const struct store_config *config, struct store **ret, struct err *err)
{
	struct store *store = calloc(1, sizeof(*store));
	if (!store)
		return err_set(err, ERR_NOMEM, "store");
	store->ops = config->ops;
	store->clock = config->clock;
	store->seal = config->seal;
	store->seal_arg = config->seal_arg;
	store->wait_max_ms = config->wait_max_ms;
	store->observe = config->observe;
	store->observe_arg = config->observe_arg;
	store->last = &store->first;
	store->location = bytes_strdup(bytes_str(config->location));
	if (!store->location || !locks_init(store)) {
		free(store->location);
		free(store);
		return err_set(err, ERR_NOMEM, "store");
	}
	bool ok = random_fill(config->random, store->writer_id, sizeof(store->writer_id), err) &&
		  store_connect(store, true, &store->writer, err) &&
		  store_migrate(store->writer, err) && contents_open(store, config, err) &&
		  store_shared_begin(store, err);
	if (ok)
		store->writer->vault = store->vault;
	if (!ok || !contents_seal(store->writer, err) || !store_writer_start(store, err)) {
		char place[SQL_PLACE_MAX];
		store_free(store);
		return err_wrap(err, "store %s", sql_place(config->location, place));
	}
	if (!store_checkpoint_start(store, err)) {
		store_close(&store);
		return false;
	}
	*ret = store;
	return true;
}

void store_close(struct store **store)
{
	if (!*store)
		return;
	store_writer_stop(*store);
	store_checkpoint_stop(*store);
	store_free(*store);
	*store = NULL;
}
