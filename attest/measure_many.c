/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many files at once. Each thread takes files one by one and reads small ones, behind one another,
 * into its own buffer; when that is full, all of them go through the multi-lane kernel together.
 * What is larger is hashed by itself; large fs-verity files wait for the end, when all threads work
 * inside each.
 */
#include "attest/measure_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "base/thread.h"
#include "crypto/fsverity.h"
#include "crypto/sha256_lanes.h"

#define ARENA_LEN  (1u << 20)
#define ARENA_MIN  (2 * SMALL_MAX)
#define ARENAS_MAX (16u << 20) /* all threads together */
#define SMALL_MAX  (128u << 10)
#define BATCH_MAX  64u

struct run {
	const struct many *many;
	size_t arena_len;
	atomic_size_t next;
	atomic_bool stop;
	pthread_mutex_t lock;
	/* Below: under the lock. */
	bool failed;
	struct err err; /* of the first failure that ends it all */
	size_t *deferred; /* large fs-verity files */
	size_t deferred_count;
};

struct worker {
	struct run *run;
	struct scratch arena;
	struct fsverity *tree;
	uint8_t *leaves; /* digests of all blocks of the arena */
	size_t used;
	size_t count;
	struct pending {
		size_t file, offset, len;
	} pending[BATCH_MAX];
};

static void run_failed(struct run *run, const struct err *why)
{
	pthread_mutex_lock(&run->lock);
	if (!run->failed)
		run->err = *why;
	run->failed = true;
	pthread_mutex_unlock(&run->lock);
	atomic_store(&run->stop, true);
}

/* One file failed: noted, or the end of everything. */
static void file_failed(struct run *run, size_t i, const struct err *why)
{
	const struct many *many = run->many;
	if (!many->ok) {
		run_failed(run, why);
		return;
	}
	many->ok[i] = false;
	many->errs[i] = *why;
}

static void file_done(struct run *run, size_t i)
{
	if (run->many->ok)
		run->many->ok[i] = true;
}

static bool flush_sha256(struct worker *w, struct err *err)
{
	struct bytes in[BATCH_MAX];
	uint8_t out[BATCH_MAX][SHA256_LEN];
	for (size_t i = 0; i < w->count; i++)
		in[i] = bytes_of(w->arena.data + w->pending[i].offset, w->pending[i].len);
	if (!sha256_lanes(in, w->count, out, err))
		return false;
	for (size_t i = 0; i < w->count; i++)
		memcpy(w->run->many->files[w->pending[i].file].digest, out[i], SHA256_LEN);
	return true;
}

static bool flush_fsverity(struct worker *w, struct err *err)
{
	for (size_t i = 0; i < w->count; i++) {
		size_t end = w->pending[i].offset + w->pending[i].len;
		size_t pad = (FSVERITY_BLOCK - end % FSVERITY_BLOCK) % FSVERITY_BLOCK;
		memset(w->arena.data + end, 0, pad);
	}
	if (!fsverity_hash_blocks(w->arena.data, w->used / FSVERITY_BLOCK, w->leaves, err))
		return false;
	for (size_t i = 0; i < w->count; i++) {
		const struct pending *p = &w->pending[i];
		const uint8_t *leaves = w->leaves + p->offset / FSVERITY_BLOCK * SHA256_LEN;
		size_t count = (p->len + FSVERITY_BLOCK - 1) / FSVERITY_BLOCK;
		if (!fsverity_put_leaves(w->tree, leaves, count, err) ||
			!fsverity_final(w->tree, p->len, w->run->many->files[p->file].digest, err))
			return false;
	}
	return true;
}

/* Hashes what the arena holds and empties it. */
static bool flush(struct worker *w, struct err *err)
{
	bool done = w->run->many->alg == MEASURE_FSVERITY ? flush_fsverity(w, err)
							  : flush_sha256(w, err);
	for (size_t i = 0; done && i < w->count; i++)
		file_done(w->run, w->pending[i].file);
	if (!done)
		run_failed(w->run, err); /* the files that waited are none of the caller's errors */
	w->count = 0;
	w->used = 0;
	return done;
}

/* Reads the whole of a small file; one byte more is asked for, so that the end needs no second
 * call. */
static bool read_small(int fd, const char *name, uint8_t *out, size_t size, struct err *err)
{
	size_t done = 0;
	ssize_t n = 0;
	do {
		n = pread(fd, out + done, size + 1 - done, (off_t)done);
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			return err_errno(err, errno, "%s: read", ESC(bytes_str(name)));
		done += n > 0 ? (size_t)n : 0;
	} while (n < 0 || (n > 0 && done < size));
	if (done == size)
		return true;
	return err_set(
		err, ERR_CONFLICT, "%s: changed while it was hashed (size)", ESC(bytes_str(name)));
}

static bool same_after(int fd, const char *name, const struct stamp *before, struct err *err)
{
	struct stamp after;
	if (!stamp_take(fd, NULL, &after))
		return err_errno(err, errno, "%s", ESC(bytes_str(name)));
	const char *difference = stamp_difference(before, &after);
	if (!difference)
		return true;
	return err_set(err, ERR_CONFLICT, "%s: changed while it was hashed (%s)",
		ESC(bytes_str(name)), difference);
}

static bool arena_take(
	struct worker *w, int fd, size_t i, const struct stamp *stamp, struct err *err)
{
	struct measured_file *file = &w->run->many->files[i];
	size_t size = (size_t)stamp->size;
	if ((w->count == BATCH_MAX || w->used + size + 1 > w->arena.len) && !flush(w, err))
		return false;
	stamp_settle(stamp);
	if (!read_small(fd, file->path, w->arena.data + w->used, size, err) ||
		!same_after(fd, file->path, stamp, err))
		return false;
	measure_fill(file, stamp);
	w->pending[w->count++] = (struct pending){.file = i, .offset = w->used, .len = size};
	w->used += (size + FSVERITY_BLOCK - 1) / FSVERITY_BLOCK * FSVERITY_BLOCK;
	return true;
}

/* True also when the file waits in the arena or for the end of the run. */
static bool worker_open_file(struct worker *w, size_t i, int fd, struct err *err)
{
	const struct many *many = w->run->many;
	struct measured_file *file = &many->files[i];
	struct stamp stamp;
	if (!stamp_take(fd, NULL, &stamp))
		return err_errno(err, errno, "%s", ESC(bytes_str(file->path)));
	if (!measure_check_regular(&stamp, file->path, err))
		return false;
	const char *difference =
		many->expected ? stamp_difference(&many->expected[i], &stamp) : NULL;
	if (difference)
		return err_set(err, ERR_CONFLICT, "%s: changed since it was listed (%s)",
			ESC(bytes_str(file->path)), difference);
	if (stamp.size <= SMALL_MAX && !stamp.verity) {
		struct err why = {0};
		if (arena_take(w, fd, i, &stamp, &why))
			return true;
		if (why.code != ERR_CONFLICT) {
			*err = why;
			return false;
		}
		/* It changed: the patient way, with its retries. */
		if (!stamp_take(fd, NULL, &stamp))
			return err_errno(err, errno, "%s", ESC(bytes_str(file->path)));
	} else if (many->alg == MEASURE_FSVERITY && many->threads > 1 && !stamp.verity &&
		   stamp.size >= MEASURE_PARALLEL_MIN) {
		pthread_mutex_lock(&w->run->lock);
		w->run->deferred[w->run->deferred_count++] = i;
		pthread_mutex_unlock(&w->run->lock);
		return true;
	}
	/* The arena is the buffer for streaming too. */
	if (!flush(w, err) ||
		!measure_stable(fd, file->path, many->alg, 1, &w->arena, &stamp, file, err))
		return false;
	file_done(w->run, i);
	return true;
}

static bool worker_file(struct worker *w, size_t i, struct err *err)
{
	const struct many *many = w->run->many;
	const char *path = many->files[i].path;
	int fd = measure_openat2(many->directory, path, MEASURE_OPEN_FILE, many->resolve);
	if (fd < 0)
		return measure_open_failed(many->directory, path, errno, err);
	bool done = worker_open_file(w, i, fd, err);
	close(fd);
	return done;
}

static bool worker_init(struct worker *w, struct run *run, struct err *err)
{
	w->run = run;
	if (!scratch_init(&w->arena, run->arena_len, err))
		return false;
	if (run->many->alg != MEASURE_FSVERITY)
		return true;
	w->leaves = malloc(run->arena_len / FSVERITY_BLOCK * SHA256_LEN);
	if (!w->leaves)
		return err_set(err, ERR_NOMEM, "out of memory");
	return fsverity_new(&w->tree, err);
}

static void worker_release(struct worker *w)
{
	scratch_release(&w->arena);
	fsverity_free(&w->tree);
	free(w->leaves);
}

static void *worker_run(void *context)
{
	struct run *run = context;
	OWNED(worker_release) struct worker w = {0};
	struct err err = {0};
	bool done = worker_init(&w, run, &err);
	while (done && !atomic_load_explicit(&run->stop, memory_order_relaxed)) {
		size_t i = atomic_fetch_add_explicit(&run->next, 1, memory_order_relaxed);
		if (i >= run->many->count)
			break;
		if (!worker_file(&w, i, &err))
			file_failed(run, i, &err);
	}
	if (!done || !flush(&w, &err))
		run_failed(run, &err);
	return NULL;
}

/* The large ones: all threads inside each. */
static void run_deferred(struct run *run)
{
	const struct many *many = run->many;
	for (size_t k = 0; k < run->deferred_count && !atomic_load(&run->stop); k++) {
		size_t i = run->deferred[k];
		const char *path = many->files[i].path;
		struct measured_file file = {0};
		struct err err = {0};
		OWNED(fd_close)
		int fd = measure_openat2(many->directory, path, MEASURE_OPEN_FILE, many->resolve);
		bool done = fd >= 0 ? measure_fd(fd, path, many->alg, many->threads, &file, &err)
				    : measure_open_failed(many->directory, path, errno, &err);
		if (done && many->expected &&
			(file.inode != many->expected[i].inode ||
				file.device != many->expected[i].device))
			done = err_set(&err, ERR_CONFLICT,
				"%s: changed since it was listed (identity)", ESC(bytes_str(path)));
		if (!done) {
			file_failed(run, i, &err);
		} else {
			free(many->files[i].path);
			many->files[i] = TAKE_STRUCT(file);
			file_done(run, i);
		}
		measured_file_release(&file);
	}
}

bool measure_many(const struct many *many, struct err *err)
{
	pthread_t helpers[MEASURE_THREADS_MAX];
	int started = 0;
	size_t wanted = (size_t)many->threads < many->count ? (size_t)many->threads : many->count;
	struct run run = {.many = many, .lock = PTHREAD_MUTEX_INITIALIZER};
	OWNED(free_ptr) size_t *deferred = calloc(many->count + 1, sizeof(*deferred));
	if (!deferred)
		return err_set(err, ERR_NOMEM, "%zu files: out of memory", many->count);
	run.deferred = deferred;
	run.arena_len = wanted * ARENA_LEN <= ARENAS_MAX ? ARENA_LEN : ARENA_MIN;
	/* The caller works too; fewer threads than wanted only take longer. */
	while (started + 1 < (int)wanted &&
		thread_start(&helpers[started], "measure", 0, worker_run, &run, NULL))
		started++;
	worker_run(&run);
	for (int i = 0; i < started; i++)
		pthread_join(helpers[i], NULL);
	run_deferred(&run);
	pthread_mutex_destroy(&run.lock);
	if (run.failed && err)
		*err = run.err;
	return !run.failed;
}

bool measure_paths(const char *const *paths, size_t n, enum measure_alg alg, int threads,
	bool follow, struct measured_file *results, bool *ok, struct err *errs, struct err *err)
{
	struct many many = {
		.directory = AT_FDCWD,
		.resolve = follow ? RESOLVE_NO_MAGICLINKS : MEASURE_RESOLVE_STRICT,
		.alg = alg,
		.threads = measure_threads(threads),
		.files = results,
		.count = n,
		.ok = ok,
		.errs = errs,
	};
	bool done = true;
	memset(results, 0, n * sizeof(*results));
	memset(ok, 0, n * sizeof(*ok));
	for (size_t i = 0; done && i < n; i++)
		done = (results[i].path = strdup(paths[i])) != NULL;
	if (!done)
		err_set(err, ERR_NOMEM, "%zu paths: out of memory", n);
	done = done && measure_many(&many, err);
	for (size_t i = 0; i < n; i++)
		if (!done || !ok[i])
			measured_file_release(&results[i]);
	return done;
}
