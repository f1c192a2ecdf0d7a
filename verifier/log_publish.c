/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A full tile never changes, so that one that is there is left alone. A partial tile goes when the
 * full one is there. The checkpoint is written last: what it promises can be read.
 */
#include "verifier/log_publish.h"

#include "base/file.h"
#include "base/thread.h"
#include "verifier/ledger_log.h"
#include "verifier/log_quote.h"
#include "verifier/rows.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define PUBLISH_EVERY_S 1

struct log_publisher {
	char *directory;
	struct store *store;
	const struct log *log;
	bool witnessed;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool closing; /* under lock */
};

/* ---- one round ---- */

struct round {
	struct sql *sql;
	const char *directory;
	struct checkpoint checkpoint;
	uint64_t published; /* size of the tree whose checkpoint is there; all its tiles are too */
};

static bool tile_file(
	const struct round *round, const struct tile *tile, struct buf *out, struct err *err)
{
	buf_clear(out);
	buf_put_str(out, round->directory);
	buf_put_u8(out, '/');
	return tile_path_write(tile, out, err) && buf_str(out) != NULL;
}

static bool tile_write(const struct round *round, const struct tile *tile, struct err *err)
{
	OWNED(buf_release) struct buf path = {0};
	OWNED(buf_release) struct buf parent = {0};
	OWNED(buf_release) struct buf content = {0};

	if (!tile_file(round, tile, &path, err))
		return err_wrap(err, "log_directory");
	buf_put(&parent, bytes_of(path.data,
				 (size_t)(strrchr(buf_str(&path), '/') - (const char *)path.data)));
	return tile_get(round->sql, tile, &content, err) && buf_ok(&parent, err) &&
	       file_make_dirs(buf_str(&parent), 0755, err) &&
	       file_write_atomic(buf_str(&path), buf_bytes(&content), 0644, err);
}

/* Partial tiles of one that is full now. Nobody misses one that could not be removed. */
static void partials_remove(const struct round *round, const struct tile *tile)
{
	OWNED(buf_release) struct buf path = {0};

	if (!tile_file(round, tile, &path, NULL))
		return;
	buf_put_str(&path, ".p");
	DIR *directory = buf_str(&path) ? opendir(buf_str(&path)) : NULL;
	if (!directory)
		return;
	for (const struct dirent *at; (at = readdir(directory));)
		(void)unlinkat(dirfd(directory), at->d_name, 0);
	(void)closedir(directory);
	(void)rmdir(buf_str(&path));
}

/* What the tree has grown by on one level since the last round. */
static bool level_write(const struct round *round, bool entries, unsigned level, struct err *err)
{
	uint64_t before = round->published >> (8 * level);

	for (uint64_t index = before / TILE_WIDTH;; index++) {
		struct tile tile = {.entries = entries, .level = level, .index = index};

		tile.width = tile_width_in(round->checkpoint.size, level, index);
		if (tile.width == 0)
			return true;
		/* Promised by the checkpoint that is there; any other file of that name is none. */
		if (tile.width == tile_width_in(round->published, level, index))
			continue;
		if (!tile_write(round, &tile, err))
			return false;
		if (tile.width == TILE_WIDTH)
			partials_remove(round, &tile);
	}
}

/* Size of the tree that is published; 0 when there is none, or when its checkpoint cannot be read:
 * then all is looked at again. */
static uint64_t published_size(const char *path)
{
	OWNED(buf_release) struct buf note = {0};
	struct checkpoint checkpoint;

	if (!file_read(path, NOTE_MAX, &note, NULL) ||
		!checkpoint_parse(buf_bytes(&note), &checkpoint, NULL))
		return 0;
	return checkpoint.size;
}

/* Written where it says something else than what is there. */
static bool note_write(
	const char *directory, const char *name, const struct buf *note, struct err *err)
{
	OWNED(buf_release) struct buf path = {0};
	OWNED(buf_release) struct buf there = {0};

	if (!path_join(&path, directory, name))
		return err_set(err, ERR_NOMEM, "log_directory");
	if (file_read(buf_str(&path), CHECKPOINT_QUOTE_MAX, &there, NULL) &&
		bytes_equal(buf_bytes(&there), buf_bytes(note)))
		return true;
	return file_write_atomic(buf_str(&path), buf_bytes(note), 0644, err);
}

static bool tiles_write(struct round *round, struct err *err)
{
	OWNED(buf_release) struct buf note = {0};
	OWNED(buf_release) struct buf path = {0};

	if (!checkpoint_get(round->sql, &note, err))
		return false;
	if (note.len == 0)
		return true;
	if (!checkpoint_parse(buf_bytes(&note), &round->checkpoint, err))
		return err_wrap(err, "the stored checkpoint");
	if (!path_join(&path, round->directory, LOG_LATEST_FILE))
		return err_set(err, ERR_NOMEM, "log_directory");
	round->published = published_size(buf_str(&path));
	if (round->published == round->checkpoint.size)
		return true;
	if (!level_write(round, true, 0, err))
		return false;
	for (unsigned level = 0; level <= TILE_LEVEL_MAX; level++)
		if (!level_write(round, false, level, err))
			return false;
	return note_write(round->directory, LOG_LATEST_FILE, &note, err);
}

/* The newest checkpoint that the host's TPM quoted, where there is one. */
static bool quote_write(const struct round *round, struct err *err)
{
	OWNED(buf_release) struct buf quote = {0};
	uint64_t size;

	return log_quote_get(round->sql, &quote, &size, err) &&
	       (size == 0 || note_write(round->directory, LOG_QUOTE_FILE, &quote, err));
}

/* Then the checkpoint that others are to believe: with witnesses the newest one that a quorum saw. */
static bool round_run(struct round *round, bool witnessed, struct err *err)
{
	OWNED(buf_release) struct buf note = {0};

	if (!tiles_write(round, err) || !(witnessed ? cosigned_get(round->sql, &note, err)
						    : checkpoint_get(round->sql, &note, err)))
		return false;
	return (note.len == 0 || note_write(round->directory, LOG_CHECKPOINT_FILE, &note, err)) &&
	       quote_write(round, err);
}

bool log_publish(struct store *store, const char *directory, bool witnessed, struct err *err)
{
	struct round round = {.directory = directory};

	if (!store_read(store, &round.sql, err))
		return false;
	bool ok = round_run(&round, witnessed, err);
	store_read_done(store, &round.sql);
	return ok;
}

/* ---- the thread ---- */

static void publish(const struct log_publisher *publisher)
{
	struct err err = {0};

	if (!log_publish(publisher->store, publisher->directory, publisher->witnessed, &err))
		log_event(publisher->log, LOG_LEVEL_ERROR, "ledger-not-published",
			{"directory", bytes_str(publisher->directory)},
			{"error", bytes_str(err.text)});
}

static void *publisher_main(void *arg)
{
	struct log_publisher *publisher = arg;
	bool closing = false;

	while (!closing) {
		struct timespec deadline;

		publish(publisher);
		deadline = clock_deadline(PUBLISH_EVERY_S * 1000);
		(void)pthread_mutex_lock(&publisher->lock);
		while (!publisher->closing &&
			pthread_cond_timedwait(&publisher->wake, &publisher->lock, &deadline) == 0)
			continue;
		closing = publisher->closing;
		(void)pthread_mutex_unlock(&publisher->lock);
	}
	publish(publisher);
	return NULL;
}

static void publisher_free(struct log_publisher *publisher)
{
	(void)pthread_mutex_destroy(&publisher->lock);
	(void)pthread_cond_destroy(&publisher->wake);
	free(publisher->directory);
	free(publisher);
}

bool log_publisher_start(const char *directory, struct store *store, bool witnessed,
	const struct log *log, struct log_publisher **ret, struct err *err)
{
	if (!file_make_dirs(directory, 0755, err))
		return err_wrap(err, "log_directory");
	struct log_publisher *publisher = calloc(1, sizeof(*publisher));
	if (!publisher)
		return err_set(err, ERR_NOMEM, "log_directory");
	publisher->store = store;
	publisher->witnessed = witnessed;
	publisher->log = log;
	publisher->directory = bytes_strdup(bytes_str(directory));
	if (!publisher->directory || !thread_wake_init(&publisher->wake, NULL)) {
		free(publisher->directory);
		free(publisher);
		return err_set(err, ERR_NOMEM, "log_directory");
	}
	(void)pthread_mutex_init(&publisher->lock, NULL);
	if (!thread_start(&publisher->thread, "log-publish", 0, publisher_main, publisher, err)) {
		publisher_free(publisher);
		return false;
	}
	*ret = publisher;
	return true;
}

void log_publisher_stop(struct log_publisher **publisher)
{
	if (!*publisher)
		return;
	(void)pthread_mutex_lock(&(*publisher)->lock);
	(*publisher)->closing = true;
	(void)pthread_cond_signal(&(*publisher)->wake);
	(void)pthread_mutex_unlock(&(*publisher)->lock);
	(void)pthread_join((*publisher)->thread, NULL);
	publisher_free(*publisher);
	*publisher = NULL;
}
