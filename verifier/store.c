/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier/store_private.h"

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

bool store_read(struct store *store, struct sql **ret, struct err *err)
{
	struct store_readers *readers = &store->readers;
	struct sql *sql = NULL;
	(void)pthread_mutex_lock(&readers->lock);
	if (readers->idle_count > 0)
		sql = readers->idle[--readers->idle_count];
	(void)pthread_mutex_unlock(&readers->lock);
	if (!sql && !store_connect(store, false, &sql, err))
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
	if (!ended) {
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

void store_tree(struct store *store, struct store_tree *ret)
{
	(void)pthread_mutex_lock(&store->lock);
	*ret = store->tree;
	(void)pthread_mutex_unlock(&store->lock);
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
	pthread_condattr_t monotonic;
	if (pthread_condattr_init(&monotonic) != 0)
		return false;
	bool ok = pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC) == 0 &&
		  pthread_cond_init(&store->wake, &monotonic) == 0 &&
		  pthread_cond_init(&store->checkpoint_wake, NULL) == 0 &&
		  pthread_mutex_init(&store->lock, NULL) == 0 && readers_init(&store->readers);
	(void)pthread_condattr_destroy(&monotonic);
	return ok;
}

/* What is read and written from now on is sealed. */
static bool contents_open(struct store *store, const struct store_config *config, struct err *err)
{
	if (!config->content_key)
		return err_set(err, ERR_CONFIG, "contents are stored sealed, and there is no key");
	return vault_new(config->random, config->clock, &store->vault, err) &&
	       content_keys_open(
		       store->writer, store->vault, config->content_key, config->random, err);
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
	bool ok = store_connect(store, true, &store->writer, err) &&
		  store_migrate(store->writer, err) && contents_open(store, config, err);
	if (ok)
		store->writer->vault = store->vault;
	if (!ok || !contents_seal(store->writer, err) || !store_writer_start(store, err)) {
		store_free(store);
		return err_wrap(err, "store %s", config->location);
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
