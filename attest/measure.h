/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Measuring files: opening them so that the name cannot be bent, and hashing what was opened. No
 * TPM, no daemon.
 */
#ifndef ASSAY_ATTEST_MEASURE_H
#define ASSAY_ATTEST_MEASURE_H

#include "crypto/digest.h"

#include <sys/types.h>

#define MEASURE_FILE_MAX                                                                           \
	(1ull << 42) /* 4 TiB: a sparse 8 TiB file is refused before it is read                    \
		      */
#define MEASURE_DIR_FILES_MAX 100000u
#define MEASURE_DEPTH_MAX     32u
#define MEASURE_RETRIES       3u

enum measure_alg { MEASURE_SHA256 = 1, MEASURE_FSVERITY = 2 };
const char *measure_alg_name(enum measure_alg alg); /* "sha256", "fs-verity-sha256" */

struct measured_file {
	char *path; /* as opened: canonical absolute path, or relative to the directory measured */
	uint64_t size;
	dev_t device;
	ino_t inode;
	nlink_t links;
	bool kernel_verity; /* digest came from FS_IOC_MEASURE_VERITY in O(1) */
	bool verity; /* an fs-verity inode of ext4, f2fs or btrfs: its content cannot change any
			more */
	uint8_t digest[SHA256_LEN];
};
void measured_file_release(struct measured_file *file);

/* openat2(RESOLVE_NO_SYMLINKS|NO_MAGICLINKS, O_NONBLOCK|O_NOCTTY|O_CLOEXEC): a regular file or an
 * error naming what it is instead (FIFO, socket, device, directory, symlink), without blocking.
 * Path must be absolute and canonical. */
must_use bool measure_open(const char *path, int *ret_fd, struct err *err);
/* A directory, opened the same way (O_PATH). */
must_use bool measure_open_directory(const char *path, int *ret_fd, struct err *err);
/* A regular file by its path relative to a directory descriptor: below it, no links, no other
 * mount. For copying a tree after it was measured. */
must_use bool measure_open_beneath(
	int directory, const char *relative, int *ret_fd, struct err *err);
/* Links resolved once: *ret is the canonical absolute path (malloc'd). */
must_use bool measure_canonical(const char *path, char **ret, struct err *err);
/* Hashes an open regular file from offset 0 to its end, in parallel inside the file (threads <= 0:
 * one per core). Size, mtime, ctime and inode are compared before and after; a change is retried
 * MEASURE_RETRIES times, then refused. */
must_use bool measure_fd(int fd, const char *name, enum measure_alg alg, int threads,
	struct measured_file *ret, struct err *err);
/* Hashes many files, in parallel across and inside. results[i] belongs to paths[i]; ok[i] says
 * whether it worked, errs[i] why not. Follows links only when follow = true (as `assay measure` on
 * a link given by hand does). */
must_use bool measure_paths(const char *const *paths, size_t n, enum measure_alg alg, int threads,
	bool follow, struct measured_file *results, bool *ok, struct err *errs, struct err *err);

/* A directory: every regular file below it, sorted bytewise by relative path. Symlinks, special
 * files, mount points inside it, and an empty directory are refused. The listing is compared before
 * and after. */
struct measured_tree {
	struct measured_file *files;
	size_t count;
	uint64_t bytes;
	uint8_t digest[SHA256_LEN]; /* OpenSSF Model Signing root: SHA-256 over the file digests in
				     * order. Names are not in it, so it is no identity of a tree */
	uint8_t manifest_digest[SHA256_LEN]; /* SHA-256 over the manifest below: binds names and
						contents */
	/* Of measure_tree_as: */
	struct measured_shard *shards; /* by file, then start; empty files have none */
	size_t shard_count;
	bool *left_out; /* ignore[i] names something that is there */
};
/* Octets [start, end) of files[file]. */
struct measured_shard {
	size_t file;
	uint64_t start, end;
	uint8_t digest[SHA256_LEN];
};
must_use bool measure_tree(const char *path, enum measure_alg alg, int threads,
	struct measured_tree *ret, struct err *err);
/* The same, otherwise. */
struct measure_tree_options {
	enum measure_alg alg;
	int threads;
	/* Relative paths that are left out, with all that is below them; what they are is not looked
	 * at. A directory that holds nothing else is no empty one, except the root. */
	const char *const *ignore;
	size_t ignore_count;
	/* Links to files and directories that stay below the root count as what they lead to. */
	bool follow_links;
	/* MEASURE_SHA256 only: runs of so many octets are hashed, in parallel also inside a file,
	 * instead of whole files: no digest of files, of the tree or of the manifest. 0: off. */
	uint64_t shard_size;
};
must_use bool measure_tree_as(const char *path, const struct measure_tree_options *options,
	struct measured_tree *ret, struct err *err);
/* How many files a tree has and how large they are together, as one listing sees them: nothing is hashed. */
must_use bool measure_tree_size(
	const char *path, size_t *ret_files, uint64_t *ret_bytes, struct err *err);
void measured_tree_release(struct measured_tree *tree);
/* An open file in runs of shard_size octets, as above: the tree has one file, whose path is name. */
must_use bool measure_fd_shards(int fd, const char *name, uint64_t shard_size, int threads,
	struct measured_tree *ret, struct err *err);
/* The tree's manifest as signed, logged and shown: "hex  relative/path\n" per file in order. */
must_use bool measured_tree_manifest(
	const struct measured_tree *tree, struct buf *out, struct err *err);

#endif
