/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/launch_pack.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fsverity.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "crypto/fsverity.h"

#define CHUNK         (256u << 10)
#define INDEX_WAITING (64u << 10)
#define SEALS         (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U /* Linux 6.3 */
#endif

/* Kernels before 6.3 know no MFD_EXEC, and make every memfd executable. */
static bool memfd_open(const char *name, bool executable, int *ret, struct err *err)
{
	const unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
	int fd = memfd_create(name, executable ? flags | MFD_EXEC : flags);
	if (fd < 0 && executable && errno == EINVAL)
		fd = memfd_create(name, flags);
	if (fd < 0)
		return err_errno(err, errno, "memfd for %s", name);
	*ret = fd;
	return true;
}

static bool seal(int fd, const char *name, struct err *err)
{
	if (fcntl(fd, F_ADD_SEALS, SEALS) != 0)
		return err_errno(err, errno, "sealing the copy of %s", name);
	return true;
}

/* ---- hashing what is copied ---- */

struct copy_hash {
	enum measure_alg alg;
	struct hasher *hasher;
	struct fsverity *fsverity;
};

static void copy_hash_release(struct copy_hash *hash)
{
	hasher_free(&hash->hasher);
	fsverity_free(&hash->fsverity);
}

static bool copy_hash_begin(struct copy_hash *hash, struct err *err)
{
	if (hash->alg == MEASURE_FSVERITY)
		return fsverity_new(&hash->fsverity, err);
	return hasher_new(DIGEST_SHA256, &hash->hasher, err);
}

/* chunk has CHUNK bytes of room; only the last one of a file is shorter than that. */
static bool copy_hash_put(struct copy_hash *hash, uint8_t *chunk, size_t len, struct err *err)
{
	uint8_t leaves[CHUNK / FSVERITY_BLOCK * SHA256_LEN];
	if (hash->alg != MEASURE_FSVERITY)
		return hasher_update(hash->hasher, bytes_of(chunk, len), err);
	size_t blocks = (len + FSVERITY_BLOCK - 1) / FSVERITY_BLOCK;
	memset(chunk + len, 0, blocks * FSVERITY_BLOCK - len);
	return fsverity_hash_blocks(chunk, blocks, leaves, err) &&
	       fsverity_put_leaves(hash->fsverity, leaves, blocks, err);
}

static bool copy_hash_end(
	struct copy_hash *hash, uint64_t size, uint8_t out[SHA256_LEN], struct err *err)
{
	if (hash->alg == MEASURE_FSVERITY)
		return fsverity_final(hash->fsverity, size, out, err);
	struct digest digest = {0};
	if (!hasher_final(hash->hasher, &digest, err))
		return false;
	memcpy(out, digest.bytes, SHA256_LEN);
	return true;
}

/* Fills the chunk as far as the file goes. */
static bool read_chunk(
	int fd, const char *path, uint64_t at, uint8_t *chunk, size_t *ret_len, struct err *err)
{
	size_t len = 0;
	while (len < CHUNK) {
		ssize_t n = pread(fd, chunk + len, CHUNK - len, (off_t)(at + len));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(err, errno, "%s", path);
		if (n == 0)
			break;
		len += (size_t)n;
	}
	*ret_len = len;
	return true;
}

static bool changed(const char *path, struct err *err)
{
	return err_set(
		err, ERR_CONFLICT, "%s changed while it was being measured: start again", path);
}

/* Copies fd to `to` (at its file position), hashing exactly the bytes that are written. */
static bool copy_measured(int fd, int to, const char *path, enum measure_alg alg,
	const struct measured_file *measured, uint8_t *chunk, struct err *err)
{
	OWNED(copy_hash_release) struct copy_hash hash = {.alg = alg};
	uint64_t size = 0;
	uint8_t digest[SHA256_LEN];
	if (!copy_hash_begin(&hash, err))
		return false;
	for (;;) {
		size_t len = 0;
		if (!read_chunk(fd, path, size, chunk, &len, err))
			return false;
		if (len == 0)
			break;
		size += len;
		if (size > measured->size)
			return changed(path, err);
		if (!file_write_fd(to, path, bytes_of(chunk, len), err) ||
			!copy_hash_put(&hash, chunk, len, err))
			return false;
	}
	if (!copy_hash_end(&hash, size, digest, err))
		return false;
	if (size != measured->size || !bytes_equal(BYTES_OF(digest), BYTES_OF(measured->digest)))
		return changed(path, err);
	return true;
}

/* ---- the pack ---- */

bool launch_pack_open(struct launch_pack *ret, struct err *err)
{
	*ret = (struct launch_pack){.data = -1, .index = -1};
	ret->chunk = malloc(CHUNK);
	if (!ret->chunk)
		return err_set(err, ERR_NOMEM, "no memory for copies");
	return memfd_open("assay-pack", false, &ret->data, err) &&
	       memfd_open("assay-index", false, &ret->index, err);
}

void launch_pack_release(struct launch_pack *pack)
{
	if (!pack)
		return;
	if (pack->chunk) { /* opened: zeros are descriptors, too */
		fd_close(&pack->data);
		fd_close(&pack->index);
	}
	buf_release(&pack->waiting);
	free(pack->chunk);
	pack->chunk = NULL;
}

static bool flush_index(struct launch_pack *pack, struct err *err)
{
	if (!file_write_fd(pack->index, "launch index", buf_bytes(&pack->waiting), err))
		return false;
	buf_clear(&pack->waiting);
	return true;
}

bool launch_pack_entry(struct launch_pack *pack, const struct launch_entry *entry, struct err *err)
{
	if (++pack->entries > LAUNCH_ENTRIES_MAX)
		return err_set(
			err, ERR_LIMIT, "more than %u files in one workload", LAUNCH_ENTRIES_MAX);
	bool mounts = entry->kind == LAUNCH_BIND || entry->kind == LAUNCH_PIN;
	if (mounts && ++pack->binds > LAUNCH_BINDS_MAX)
		return err_set(err, ERR_LIMIT,
			"more than %u files that are too large to be copied: raise copy_limit_mib "
			"in hostd.yaml",
			LAUNCH_BINDS_MAX);
	return launch_entry_put(entry, &pack->waiting, err) &&
	       (pack->waiting.len < INDEX_WAITING || flush_index(pack, err));
}

bool launch_pack_copy(struct launch_pack *pack, int fd, const char *path, enum measure_alg alg,
	const struct measured_file *measured, struct err *err)
{
	struct stat st;
	if (fstat(fd, &st) != 0)
		return err_errno(err, errno, "%s", path);
	struct launch_entry entry = {.kind = LAUNCH_COPY,
		.executable = (st.st_mode & S_IXUSR) != 0,
		.offset = pack->size,
		.size = measured->size,
		.path = bytes_str(path)};
	if (!copy_measured(fd, pack->data, path, alg, measured, pack->chunk, err))
		return false;
	pack->size += measured->size;
	return launch_pack_entry(pack, &entry, err);
}

bool launch_pack_seal(struct launch_pack *pack, struct err *err)
{
	return flush_index(pack, err) && seal(pack->index, "the index", err) &&
	       seal(pack->data, "the components", err);
}

bool launch_memfd_executable(int fd, const char *path, enum measure_alg alg,
	const struct measured_file *measured, int *ret_fd, struct err *err)
{
	OWNED(fd_close) int to = -1;
	OWNED(free_ptr) uint8_t *chunk = malloc(CHUNK);
	if (!chunk)
		return err_set(err, ERR_NOMEM, "no memory for a copy");
	if (!memfd_open("assay-agent", true, &to, err) ||
		!copy_measured(fd, to, path, alg, measured, chunk, err))
		return false;
	if (fchmod(to, 0555) != 0)
		return err_errno(err, errno, "mode of the copy of %s", path);
	if (!seal(to, path, err))
		return false;
	*ret_fd = to;
	to = -1;
	return true;
}

bool launch_memfd_of(const char *name, struct bytes content, int *ret_fd, struct err *err)
{
	OWNED(fd_close) int fd = -1;
	if (!memfd_open(name, false, &fd, err) || !file_write_fd(fd, name, content, err) ||
		!seal(fd, name, err))
		return false;
	*ret_fd = fd;
	fd = -1;
	return true;
}

bool launch_verity_digest(int fd, uint8_t out[SHA256_LEN])
{
	union {
		struct fsverity_digest digest;
		uint8_t room[sizeof(struct fsverity_digest) + DIGEST_LEN_MAX];
	} answer = {.digest = {.digest_size = DIGEST_LEN_MAX}};
	if (ioctl(fd, FS_IOC_MEASURE_VERITY, &answer) != 0 ||
		answer.digest.digest_algorithm != FS_VERITY_HASH_ALG_SHA256 ||
		answer.digest.digest_size != SHA256_LEN)
		return false;
	memcpy(out, answer.digest.digest, SHA256_LEN);
	return true;
}
