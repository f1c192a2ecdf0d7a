/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/measure_internal.h"

#include <errno.h>
#include <linux/fsverity.h>
#include <linux/magic.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/text.h"
#include "crypto/fsverity.h"

#ifndef F2FS_SUPER_MAGIC
#define F2FS_SUPER_MAGIC 0xf2f52010
#endif

bool scratch_init(struct scratch *scratch, size_t len, struct err *err)
{
	void *data = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (data == MAP_FAILED)
		return err_errno(err, errno, "buffer of %zu bytes", len);
	scratch->data = data;
	scratch->len = len;
	return true;
}

void scratch_release(struct scratch *scratch)
{
	if (scratch->data)
		munmap(scratch->data, scratch->len);
	scratch->data = NULL;
	scratch->len = 0;
}

int measure_threads(int wanted)
{
	cpu_set_t set;
	int cores = 1;
	if (wanted > 0)
		return wanted < MEASURE_THREADS_MAX ? wanted : MEASURE_THREADS_MAX;
	if (sched_getaffinity(0, sizeof(set), &set) == 0)
		cores = CPU_COUNT(&set);
	return cores < 1 ? 1 : cores < MEASURE_THREADS_MAX ? cores : MEASURE_THREADS_MAX;
}

bool measure_read(
	int fd, const char *name, uint8_t *out, size_t len, uint64_t offset, struct err *err)
{
	size_t done = 0;
	while (done < len) {
		ssize_t n = pread(fd, out + done, len - done, (off_t)(offset + done));
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n < 0)
			return err_errno(err, errno, "%s: read", ESC(bytes_str(name)));
		if (n == 0)
			return err_set(err, ERR_CONFLICT, "%s: shrank while it was hashed",
				ESC(bytes_str(name)));
		done += (size_t)n;
	}
	return true;
}

/* Nothing may follow the size that statx gave: files of /proc say 0 and have content. */
static bool check_end(int fd, const char *name, uint64_t size, struct err *err)
{
	uint8_t byte;
	ssize_t n;
	do
		n = pread(fd, &byte, 1, (off_t)size);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return err_errno(err, errno, "%s: read", ESC(bytes_str(name)));
	if (n > 0)
		return err_set(err, ERR_CONFLICT, "%s: longer than its size of %llu",
			ESC(bytes_str(name)), (unsigned long long)size);
	return true;
}

bool measure_is_verity(int fd, const struct stamp *stamp)
{
	static const unsigned long trusted[] = {
		EXT4_SUPER_MAGIC, F2FS_SUPER_MAGIC, BTRFS_SUPER_MAGIC};
	struct statfs fs;
	if (!stamp->verity || fstatfs(fd, &fs) != 0)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(trusted); i++)
		if ((unsigned long)fs.f_type == trusted[i])
			return true;
	return false;
}

bool measure_kernel_verity(int fd, uint64_t size, uint8_t digest[SHA256_LEN])
{
	/* The descriptor's first bytes: version, algorithm, log2 of the block size, salt size, 4
	 * bytes, file size. */
	uint8_t head[16] = {0};
	struct fsverity_read_metadata_arg read_descriptor = {
		.metadata_type = FS_VERITY_METADATA_TYPE_DESCRIPTOR,
		.length = sizeof(head),
		.buf_ptr = (uintptr_t)head,
	};
	uint64_t data_size = 0;
	if (ioctl(fd, FS_IOC_READ_VERITY_METADATA, &read_descriptor) != (int)sizeof(head))
		return false;
	for (size_t i = 0; i < 8; i++)
		data_size |= (uint64_t)head[8 + i] << (8 * i);
	if (head[0] != 1 || head[1] != FS_VERITY_HASH_ALG_SHA256 || head[2] != 12 || head[3] != 0 ||
		data_size != size)
		return false;
	union {
		struct fsverity_digest header;
		uint8_t bytes[sizeof(struct fsverity_digest) + SHA256_LEN];
	} answer = {.header = {.digest_size = SHA256_LEN}};
	if (ioctl(fd, FS_IOC_MEASURE_VERITY, &answer.header) != 0)
		return false;
	if (answer.header.digest_algorithm != FS_VERITY_HASH_ALG_SHA256 ||
		answer.header.digest_size != SHA256_LEN)
		return false;
	memcpy(digest, answer.bytes + sizeof(struct fsverity_digest), SHA256_LEN);
	return true;
}

static bool stream_sha256(int fd, const char *name, uint64_t size, struct scratch *scratch,
	uint8_t digest[SHA256_LEN], struct err *err)
{
	OWNED(hasher_free) struct hasher *hasher = NULL;
	struct digest result;
	if (!hasher_new(DIGEST_SHA256, &hasher, err))
		return false;
	for (uint64_t at = 0; at < size;) {
		size_t n = size - at < MEASURE_CHUNK ? (size_t)(size - at) : MEASURE_CHUNK;
		if (!measure_read(fd, name, scratch->data, n, at, err) ||
			!hasher_update(hasher, bytes_of(scratch->data, n), err))
			return false;
		at += n;
	}
	if (!hasher_final(hasher, &result, err))
		return false;
	memcpy(digest, result.bytes, SHA256_LEN);
	return true;
}

static bool stream_fsverity(int fd, const char *name, uint64_t size, struct scratch *scratch,
	uint8_t digest[SHA256_LEN], struct err *err)
{
	OWNED(fsverity_free) struct fsverity *tree = NULL;
	uint8_t leaves[MEASURE_CHUNK / FSVERITY_BLOCK * SHA256_LEN];
	if (!fsverity_new(&tree, err))
		return false;
	for (uint64_t at = 0; at < size;) {
		size_t n = size - at < MEASURE_CHUNK ? (size_t)(size - at) : MEASURE_CHUNK;
		size_t blocks = (n + FSVERITY_BLOCK - 1) / FSVERITY_BLOCK;
		if (!measure_read(fd, name, scratch->data, n, at, err))
			return false;
		memset(scratch->data + n, 0, blocks * FSVERITY_BLOCK - n);
		if (!fsverity_hash_blocks(scratch->data, blocks, leaves, err) ||
			!fsverity_put_leaves(tree, leaves, blocks, err))
			return false;
		at += n;
	}
	return fsverity_final(tree, size, digest, err);
}

bool measure_stream(int fd, const char *name, enum measure_alg alg, uint64_t size,
	struct scratch *scratch, uint8_t digest[SHA256_LEN], struct err *err)
{
	if (alg == MEASURE_FSVERITY)
		return stream_fsverity(fd, name, size, scratch, digest, err);
	return stream_sha256(fd, name, size, scratch, digest, err);
}

void measure_fill(struct measured_file *file, const struct stamp *stamp)
{
	file->size = stamp->size;
	file->device = stamp->device;
	file->inode = stamp->inode;
	file->links = stamp->links;
}

/* One attempt; ERR_CONFLICT when the file was not the same at its end. */
static bool hash_once(int fd, const char *name, enum measure_alg alg, int threads,
	struct scratch *scratch, struct stamp *stamp, struct measured_file *ret, struct err *err)
{
	struct stamp after;
	stamp_settle(stamp);
	ret->verity = measure_is_verity(fd, stamp);
	ret->kernel_verity = alg == MEASURE_FSVERITY && ret->verity &&
			     measure_kernel_verity(fd, stamp->size, ret->digest);
	if (!ret->kernel_verity) {
		bool parallel = alg == MEASURE_FSVERITY && threads > 1 &&
				stamp->size >= MEASURE_PARALLEL_MIN;
		bool done = parallel ? measure_parallel(
					       fd, name, stamp->size, threads, ret->digest, err)
				     : measure_stream(fd, name, alg, stamp->size, scratch,
					       ret->digest, err);
		if (!done || !check_end(fd, name, stamp->size, err))
			return false;
	}
	if (!stamp_take(fd, NULL, &after))
		return err_errno(err, errno, "%s", ESC(bytes_str(name)));
	const char *difference = stamp_difference(stamp, &after);
	if (difference)
		return err_set(err, ERR_CONFLICT, "%s: changed while it was hashed (%s)",
			ESC(bytes_str(name)), difference);
	measure_fill(ret, &after);
	return true;
}

bool measure_stable(int fd, const char *name, enum measure_alg alg, int threads,
	struct scratch *scratch, struct stamp *stamp, struct measured_file *ret, struct err *err)
{
	for (unsigned attempt = 0;; attempt++) {
		struct err why = {0};
		if (hash_once(fd, name, alg, threads, scratch, stamp, ret, &why))
			return true;
		if (why.code != ERR_CONFLICT || attempt >= MEASURE_RETRIES) {
			if (why.code == ERR_CONFLICT)
				err_wrap(&why, "after %u attempts", attempt + 1);
			if (err)
				*err = why;
			return false;
		}
		if (!stamp_take(fd, NULL, stamp))
			return err_errno(err, errno, "%s", ESC(bytes_str(name)));
		if (!measure_check_regular(stamp, name, err))
			return false;
	}
}

bool measure_fd(int fd, const char *name, enum measure_alg alg, int threads,
	struct measured_file *ret, struct err *err)
{
	OWNED(scratch_release) struct scratch scratch = {0};
	OWNED(measured_file_release) struct measured_file file = {0};
	struct stamp stamp;
	if (!stamp_take(fd, NULL, &stamp))
		return err_errno(err, errno, "%s", ESC(bytes_str(name)));
	if (!measure_check_regular(&stamp, name, err) ||
		!scratch_init(&scratch, MEASURE_CHUNK, err))
		return false;
	file.path = strdup(name);
	if (!file.path)
		return err_set(err, ERR_NOMEM, "%s: out of memory", ESC(bytes_str(name)));
	if (!measure_stable(fd, name, alg, measure_threads(threads), &scratch, &stamp, &file, err))
		return false;
	*ret = TAKE_STRUCT(file);
	return true;
}
