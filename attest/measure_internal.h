/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of measuring share; private to attest/measure*.c. */
#ifndef ASSAY_ATTEST_MEASURE_INTERNAL_H
#define ASSAY_ATTEST_MEASURE_INTERNAL_H

#include "attest/measure.h"

#include <linux/openat2.h>

#define MEASURE_RESOLVE_STRICT (RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS)
#define MEASURE_RESOLVE_TREE   (MEASURE_RESOLVE_STRICT | RESOLVE_BENEATH | RESOLVE_NO_XDEV)
#define MEASURE_RESOLVE_LINKS  (RESOLVE_NO_MAGICLINKS | RESOLVE_BENEATH | RESOLVE_NO_XDEV)
#define MEASURE_OPEN_FILE      (O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)
#define MEASURE_THREADS_MAX    64
#define MEASURE_CHUNK          (256u << 10) /* what one thread hashes of a large file at a time */
#define MEASURE_PARALLEL_MIN   (4u << 20) /* below, threads inside one file do not pay */

/* What tells that a file is still the same one with the same content. */
struct stamp {
	uint32_t mode;
	bool verity;
	nlink_t links;
	uint64_t size, mount, inode;
	dev_t device;
	struct {
		int64_t seconds;
		uint32_t nanoseconds;
	} modified, changed;
};
/* The descriptor's file; or, with a name, the directory's entry itself (links not followed). Sets
 * errno. */
bool stamp_take(int fd, const char *entry, struct stamp *ret);
/* NULL when equal, otherwise what differs: "size", "modification time", … */
const char *stamp_difference(const struct stamp *a, const struct stamp *b);
/* Two writes within one tick of the kernel's clock leave the same times. Waits (at most some 20 ms)
 * until a later write would show in the stamp. */
void stamp_settle(const struct stamp *stamp);

/* "a FIFO", "a directory", … */
const char *measure_kind(uint32_t mode);
/* openat2, retried where the kernel asks for it. Returns the descriptor, or -1 and errno. */
int measure_openat2(int directory, const char *path, uint64_t flags, uint64_t resolve);
/* Says what stands at a path that could not be opened as a regular file. Returns false. */
bool measure_open_failed(int directory, const char *path, int error_number, struct err *err);
/* Regular and of a size to be hashed. */
bool measure_check_regular(const struct stamp *stamp, const char *name, struct err *err);

int measure_threads(int wanted);

/* The digest the kernel keeps for a file that has fs-verity on, if it is the one `fsverity digest`
 * prints (SHA-256, 4 KiB blocks, no salt); false when the content has to be read. */
bool measure_kernel_verity(int fd, uint64_t size, uint8_t digest[SHA256_LEN]);
/* True for an fs-verity inode of a file system whose word is the kernel's own: FUSE claims what it
 * likes. */
bool measure_is_verity(int fd, const struct stamp *stamp);

/* Reads len bytes at offset, all of them. A short file is ERR_CONFLICT. */
bool measure_read(
	int fd, const char *name, uint8_t *out, size_t len, uint64_t offset, struct err *err);

/* Page-aligned memory that read(2) fills; mmap'd, so that freeing returns it at once. */
struct scratch {
	uint8_t *data;
	size_t len;
};
bool scratch_init(struct scratch *scratch, size_t len, struct err *err);
void scratch_release(struct scratch *scratch);

/* Serial hashing of one large file; scratch is at least MEASURE_CHUNK long. */
bool measure_stream(int fd, const char *name, enum measure_alg alg, uint64_t size,
	struct scratch *scratch, uint8_t digest[SHA256_LEN], struct err *err);
/* fs-verity of one large file by several threads, leaves put in order. */
bool measure_parallel(int fd, const char *name, uint64_t size, int threads,
	uint8_t digest[SHA256_LEN], struct err *err);

/* Hashes an open file whose first stamp is given; hash retried while it changes. */
bool measure_stable(int fd, const char *name, enum measure_alg alg, int threads,
	struct scratch *scratch, struct stamp *stamp, struct measured_file *ret, struct err *err);
/* Everything of a result but path and digest. */
void measure_fill(struct measured_file *file, const struct stamp *stamp);

/* Many files: files[i].path is set by the caller, everything else is filled. */
struct many {
	int directory; /* AT_FDCWD or the root of a tree */
	uint64_t resolve;
	enum measure_alg alg;
	int threads;
	struct measured_file *files;
	size_t count;
	const struct stamp *expected; /* per file, or NULL: what the listing saw */
	bool *ok; /* per file, or NULL: the first failure ends it all */
	struct err *errs;
};
bool measure_many(const struct many *many, struct err *err);

/* Fills shards and shard_count of a tree whose files have paths; expected[i] is what the listing saw
 * of files[i]. resolve as for measure_openat2; directory < 0: the one file is open as fd. */
#define MEASURE_SHARDS_MAX 1000000u
struct shards {
	int directory, fd;
	uint64_t resolve;
	int threads;
	uint64_t size;
	const struct stamp *expected;
};
bool measure_shards(const struct shards *how, struct measured_tree *tree, struct err *err);

#endif
