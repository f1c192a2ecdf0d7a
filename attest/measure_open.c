/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/measure_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"

#define AGAIN_MAX 32u /* openat2 says EAGAIN when a rename elsewhere made "beneath" undecidable */

int measure_openat2(int directory, const char *path, uint64_t flags, uint64_t resolve)
{
	struct open_how how = {.flags = flags, .resolve = resolve};
	long fd = -1;
	for (unsigned i = 0; i < AGAIN_MAX; i++) {
		fd = syscall(SYS_openat2, directory, path, &how, sizeof(how));
		if (fd >= 0 || (errno != EINTR && errno != EAGAIN))
			break;
	}
	return (int)fd;
}

bool stamp_take(int fd, const char *entry, struct stamp *ret)
{
	const unsigned mask = STATX_TYPE | STATX_MODE | STATX_NLINK | STATX_INO | STATX_SIZE |
			      STATX_MTIME | STATX_CTIME | STATX_MNT_ID;
	int flags = AT_STATX_SYNC_AS_STAT | AT_NO_AUTOMOUNT |
		    (entry ? AT_SYMLINK_NOFOLLOW : AT_EMPTY_PATH);
	struct statx x;
	if (statx(fd, entry ? entry : "", flags, mask, &x) != 0)
		return false;
	ret->mode = x.stx_mode;
	ret->verity = (x.stx_attributes_mask & x.stx_attributes & STATX_ATTR_VERITY) != 0;
	ret->links = x.stx_nlink;
	ret->size = x.stx_size;
	ret->mount = x.stx_mask & STATX_MNT_ID ? x.stx_mnt_id : 0;
	ret->inode = x.stx_ino;
	ret->device = makedev(x.stx_dev_major, x.stx_dev_minor);
	ret->modified.seconds = x.stx_mtime.tv_sec;
	ret->modified.nanoseconds = x.stx_mtime.tv_nsec;
	ret->changed.seconds = x.stx_ctime.tv_sec;
	ret->changed.nanoseconds = x.stx_ctime.tv_nsec;
	return true;
}

const char *stamp_difference(const struct stamp *a, const struct stamp *b)
{
	if (a->inode != b->inode || a->device != b->device)
		return "identity";
	if (a->mount != b->mount)
		return "mount";
	if ((a->mode & S_IFMT) != (b->mode & S_IFMT))
		return "type";
	if (a->size != b->size)
		return "size";
	if (a->modified.seconds != b->modified.seconds ||
		a->modified.nanoseconds != b->modified.nanoseconds)
		return "modification time";
	if (a->changed.seconds != b->changed.seconds ||
		a->changed.nanoseconds != b->changed.nanoseconds)
		return "change time";
	return NULL;
}

void stamp_settle(const struct stamp *stamp)
{
	const struct timespec millisecond = {.tv_nsec = 1000000};
	for (int i = 0; i < 20; i++) {
		struct timespec now;
		/* The very clock that inode times are taken from. */
		if (clock_gettime(CLOCK_REALTIME_COARSE, &now) != 0)
			return;
		if (now.tv_sec > stamp->changed.seconds ||
			(now.tv_sec == stamp->changed.seconds &&
				now.tv_nsec > (long)stamp->changed.nanoseconds))
			return;
		/* From before the clock was set back: no write of now has that time. */
		if (stamp->changed.seconds > now.tv_sec + 1)
			return;
		nanosleep(&millisecond, NULL);
	}
}

const char *measure_kind(uint32_t mode)
{
	static const struct {
		uint32_t type;
		const char *name;
	} kinds[] = {
		{S_IFREG, "a regular file"},
		{S_IFDIR, "a directory"},
		{S_IFLNK, "a symbolic link"},
		{S_IFIFO, "a FIFO"},
		{S_IFSOCK, "a socket"},
		{S_IFCHR, "a character device"},
		{S_IFBLK, "a block device"},
	};
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if ((mode & S_IFMT) == kinds[i].type)
			return kinds[i].name;
	return "of unknown type";
}

bool measure_check_regular(const struct stamp *stamp, const char *name, struct err *err)
{
	if (!S_ISREG(stamp->mode))
		return err_set(err, ERR_FORMAT, "%s: is %s, not a regular file",
			ESC(bytes_str(name)), measure_kind(stamp->mode));
	if (stamp->size > MEASURE_FILE_MAX)
		return err_set(err, ERR_LIMIT, "%s: %llu bytes, more than %llu",
			ESC(bytes_str(name)), (unsigned long long)stamp->size, MEASURE_FILE_MAX);
	return true;
}

bool measure_open_failed(int directory, const char *path, int error_number, struct err *err)
{
	struct stamp stamp;
	if (error_number == ELOOP)
		return err_set(err, ERR_FORMAT, "%s: a symbolic link stands in the path",
			ESC(bytes_str(path)));
	if (error_number == EXDEV)
		return err_set(err, ERR_FORMAT,
			"%s: leaves the directory, or crosses a mount point", ESC(bytes_str(path)));
	/* A socket or a device without driver cannot be opened at all: say what it is. */
	if ((error_number == ENXIO || error_number == ENODEV) &&
		stamp_take(directory, path, &stamp) && !S_ISREG(stamp.mode))
		return measure_check_regular(&stamp, path, err);
	return err_errno(err, error_number, "%s", ESC(bytes_str(path)));
}

/* Absolute, no empty, "." or ".." component, no slash at the end. */
static bool is_canonical_text(const char *path)
{
	if (path[0] != '/' || strlen(path) >= PATH_MAX)
		return false;
	if (path[1] == '\0')
		return true;
	for (const char *at = path; *at == '/';) {
		size_t len = strcspn(++at, "/");
		if (len == 0 || (len == 1 && at[0] == '.') ||
			(len == 2 && at[0] == '.' && at[1] == '.'))
			return false;
		at += len;
	}
	return true;
}

static bool check_canonical(const char *path, struct err *err)
{
	if (is_canonical_text(path))
		return true;
	return err_set(err, ERR_USAGE, "%s: not a canonical absolute path", ESC(bytes_str(path)));
}

/* Looks before it opens: opening a device can already do something (a watchdog starts, a tape
 * rewinds). The name is then resolved a second time, so what was opened is compared with what was
 * looked at. */
static bool open_looked_at(
	int directory, const char *path, uint64_t resolve, int *ret_fd, struct err *err)
{
	struct stamp looked, opened;
	OWNED(fd_close)
	int look = measure_openat2(directory, path, O_PATH | O_NOFOLLOW | O_CLOEXEC, resolve);
	if (look < 0)
		return measure_open_failed(directory, path, errno, err);
	if (!stamp_take(look, NULL, &looked))
		return err_errno(err, errno, "%s", ESC(bytes_str(path)));
	if (!S_ISREG(looked.mode))
		return measure_check_regular(&looked, path, err);
	OWNED(fd_close) int fd = measure_openat2(directory, path, MEASURE_OPEN_FILE, resolve);
	if (fd < 0)
		return measure_open_failed(directory, path, errno, err);
	if (!stamp_take(fd, NULL, &opened))
		return err_errno(err, errno, "%s", ESC(bytes_str(path)));
	if (opened.inode != looked.inode || opened.device != looked.device ||
		opened.mount != looked.mount)
		return err_set(err, ERR_CONFLICT, "%s: replaced while it was opened",
			ESC(bytes_str(path)));
	if (!measure_check_regular(&opened, path, err))
		return false;
	*ret_fd = fd;
	fd = -1;
	return true;
}

bool measure_open(const char *path, int *ret_fd, struct err *err)
{
	if (!check_canonical(path, err))
		return false;
	return open_looked_at(AT_FDCWD, path, MEASURE_RESOLVE_STRICT, ret_fd, err);
}

bool measure_open_beneath(int directory, const char *relative, int *ret_fd, struct err *err)
{
	return open_looked_at(directory, relative, MEASURE_RESOLVE_TREE, ret_fd, err);
}

bool measure_open_directory(const char *path, int *ret_fd, struct err *err)
{
	struct stamp stamp;
	if (!check_canonical(path, err))
		return false;
	OWNED(fd_close)
	int fd = measure_openat2(
		AT_FDCWD, path, O_PATH | O_NOFOLLOW | O_CLOEXEC, MEASURE_RESOLVE_STRICT);
	if (fd < 0)
		return measure_open_failed(AT_FDCWD, path, errno, err);
	if (!stamp_take(fd, NULL, &stamp))
		return err_errno(err, errno, "%s", ESC(bytes_str(path)));
	if (!S_ISDIR(stamp.mode))
		return err_set(err, ERR_FORMAT, "%s: is %s, not a directory", ESC(bytes_str(path)),
			measure_kind(stamp.mode));
	*ret_fd = fd;
	fd = -1;
	return true;
}

bool measure_canonical(const char *path, char **ret, struct err *err)
{
	char *canonical = realpath(path, NULL);
	if (!canonical)
		return err_errno(err, errno, "%s", ESC(bytes_str(path)));
	*ret = canonical;
	return true;
}

const char *measure_alg_name(enum measure_alg alg)
{
	static const char *const names[] = {
		[MEASURE_SHA256] = "sha256",
		[MEASURE_FSVERITY] = "fs-verity-sha256",
	};
	return (size_t)alg < ARRAY_LEN(names) && names[alg] ? names[alg] : "unknown";
}

void measured_file_release(struct measured_file *file)
{
	if (!file)
		return;
	free(file->path);
	memset(file, 0, sizeof(*file));
}
