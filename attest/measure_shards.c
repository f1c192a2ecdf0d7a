/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files in runs of octets, each with a digest of its own, so that threads share the work inside one
 * large file too. A run is hashed through a descriptor of its own, which must show the very stamp
 * that the listing saw, before and after.
 */
#include "attest/measure_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/text.h"
#include "base/thread.h"

struct work {
	const struct shards *how;
	struct measured_tree *tree;
	atomic_size_t next;
	atomic_bool stop;
	pthread_mutex_t lock;
	bool failed; /* under the lock, as is the error: the first of them */
	struct err err;
};

static bool check_stamp(int fd, const char *path, const struct stamp *expected, struct err *err)
{
	struct stamp stamp;
	if (!stamp_take(fd, NULL, &stamp))
		return err_errno(err, errno, "%s", ESC(bytes_str(path)));
	const char *difference = stamp_difference(expected, &stamp);
	if (!difference)
		return true;
	return err_set(err, ERR_CONFLICT, "%s: changed since it was listed (%s)",
		ESC(bytes_str(path)), difference);
}

static bool hash_run(int fd, const char *path, struct measured_shard *shard, struct hasher *hasher,
	struct scratch *scratch, struct err *err)
{
	struct digest digest;
	for (uint64_t at = shard->start; at < shard->end;) {
		uint64_t left = shard->end - at;
		size_t n = left < scratch->len ? (size_t)left : scratch->len;
		if (!measure_read(fd, path, scratch->data, n, at, err) ||
			!hasher_update(hasher, bytes_of(scratch->data, n), err))
			return false;
		at += n;
	}
	if (!hasher_final(hasher, &digest, err))
		return false;
	memcpy(shard->digest, digest.bytes, SHA256_LEN);
	return true;
}

static bool shard_hash(struct work *work, struct measured_shard *shard, struct hasher *hasher,
	struct scratch *scratch, struct err *err)
{
	const struct shards *how = work->how;
	const char *path = work->tree->files[shard->file].path;
	const struct stamp *expected = &how->expected[shard->file];
	OWNED(fd_close) int opened = -1;
	int fd = how->fd;
	if (fd < 0) {
		opened = measure_openat2(how->directory, path, MEASURE_OPEN_FILE, how->resolve);
		if (opened < 0)
			return measure_open_failed(how->directory, path, errno, err);
		fd = opened;
	}
	if (!check_stamp(fd, path, expected, err))
		return false;
	stamp_settle(expected);
	return hash_run(fd, path, shard, hasher, scratch, err) &&
	       check_stamp(fd, path, expected, err);
}

static bool work_on(struct work *work, struct err *err)
{
	OWNED(hasher_free) struct hasher *hasher = NULL;
	OWNED(scratch_release) struct scratch scratch = {0};
	if (!hasher_new(DIGEST_SHA256, &hasher, err) || !scratch_init(&scratch, MEASURE_CHUNK, err))
		return false;
	while (!atomic_load(&work->stop)) {
		size_t i = atomic_fetch_add(&work->next, 1);
		if (i >= work->tree->shard_count)
			break;
		if (!shard_hash(work, &work->tree->shards[i], hasher, &scratch, err))
			return false;
	}
	return true;
}

static void *worker(void *context)
{
	struct work *work = context;
	struct err why = {0};
	if (work_on(work, &why))
		return NULL;
	pthread_mutex_lock(&work->lock);
	if (!work->failed)
		work->err = why;
	work->failed = true;
	pthread_mutex_unlock(&work->lock);
	atomic_store(&work->stop, true);
	return NULL;
}

/* Counted before anything is taken: the size of a file and of a run are others' to choose. */
static bool lay_out(const struct shards *how, struct measured_tree *tree, struct err *err)
{
	uint64_t count = 0;
	for (size_t i = 0; i < tree->count; i++) {
		uint64_t size = how->expected[i].size;
		count += size / how->size + (size % how->size != 0);
		if (count > MEASURE_SHARDS_MAX)
			return err_set(err, ERR_LIMIT, "more than %u shards", MEASURE_SHARDS_MAX);
	}
	tree->shards = calloc((size_t)count + 1, sizeof(*tree->shards));
	if (!tree->shards)
		return err_set(
			err, ERR_NOMEM, "%llu shards: out of memory", (unsigned long long)count);
	for (size_t i = 0; i < tree->count; i++) {
		uint64_t size = how->expected[i].size;
		measure_fill(&tree->files[i], &how->expected[i]);
		for (uint64_t at = 0; at < size; at += how->size)
			tree->shards[tree->shard_count++] = (struct measured_shard){.file = i,
				.start = at,
				.end = size - at < how->size ? size : at + how->size};
	}
	return true;
}

bool measure_shards(const struct shards *how, struct measured_tree *tree, struct err *err)
{
	pthread_t helpers[MEASURE_THREADS_MAX];
	int started = 0;
	struct work work = {.how = how, .tree = tree, .lock = PTHREAD_MUTEX_INITIALIZER};
	if (!lay_out(how, tree, err))
		return false;
	/* The caller works too; fewer threads than wanted only take longer. */
	while (started + 1 < how->threads && (size_t)started + 1 < tree->shard_count &&
		thread_start(&helpers[started], "measure", 0, worker, &work, NULL))
		started++;
	worker(&work);
	for (int i = 0; i < started; i++)
		pthread_join(helpers[i], NULL);
	pthread_mutex_destroy(&work.lock);
	if (work.failed && err)
		*err = work.err;
	return !work.failed;
}

bool measure_fd_shards(int fd, const char *name, uint64_t shard_size, int threads,
	struct measured_tree *ret, struct err *err)
{
	OWNED(measured_tree_release) struct measured_tree tree = {0};
	struct stamp stamp;
	if (!stamp_take(fd, NULL, &stamp))
		return err_errno(err, errno, "%s", ESC(bytes_str(name)));
	if (!measure_check_regular(&stamp, name, err))
		return false;
	tree.files = calloc(1, sizeof(*tree.files));
	if (!tree.files || !(tree.files[0].path = strdup(name)))
		return err_set(err, ERR_NOMEM, "%s: out of memory", ESC(bytes_str(name)));
	tree.count = 1;
	tree.bytes = stamp.size;
	const struct shards how = {.directory = -1,
		.fd = fd,
		.threads = measure_threads(threads),
		.size = shard_size,
		.expected = &stamp};
	if (!measure_shards(&how, &tree, err))
		return false;
	*ret = TAKE_STRUCT(tree);
	return true;
}
