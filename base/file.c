/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"

#define READ_CHUNK 65536u

void fd_close(int *fd)
{
	int saved = errno;

	/* Not retried on EINTR: Linux has closed the descriptor all the same. */
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
	errno = saved;
}

/* Appends up to n bytes; *ret_end is set when nothing more comes. */
static bool read_some(int fd, size_t n, struct buf *out, bool *ret_end)
{
	uint8_t *room = buf_extend(out, n);
	ssize_t got;

	if (!room) {
		errno = ENOMEM;
		return false;
	}
	do
		got = read(fd, room, n);
	while (got < 0 && errno == EINTR);
	out->len -= n - (got > 0 ? (size_t)got : 0);
	*ret_end = got == 0;
	return got >= 0;
}

bool file_read_fd(int fd, const char *name, size_t max, struct buf *ret, struct err *err)
{
	OWNED(buf_release) struct buf content = {0};
	bool end = false;

	while (!end) {
		/* One byte past the limit tells a file of max bytes from a longer one. */
		size_t left = max - content.len < READ_CHUNK ? max - content.len + 1 : READ_CHUNK;

		if (!read_some(fd, left, &content, &end))
			return err_errno(err, errno, "%s: read", ESC(bytes_str(name)));
		if (content.len > max)
			return err_set(err, ERR_LIMIT, "%s: more than %zu bytes",
				ESC(bytes_str(name)), max);
	}
	buf_release(ret);
	*ret = TAKE_STRUCT(content);
	return true;
}

bool file_read(const char *path, size_t max, struct buf *ret, struct err *err)
{
	OWNED(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) != 0)
		return err_errno(err, errno, "%s", ESC(bytes_str(path)));
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_IO, "%s: not a regular file", ESC(bytes_str(path)));
	if (st.st_size > 0 && (uint64_t)st.st_size > max)
		return err_set(err, ERR_LIMIT, "%s: %lld bytes, more than %zu",
			ESC(bytes_str(path)), (long long)st.st_size, max);
	return file_read_fd(fd, path, max, ret, err);
}

bool file_write_fd(int fd, const char *name, struct bytes content, struct err *err)
{
	size_t at = 0;

	while (at < content.len) {
		ssize_t n = write(fd, content.data + at, content.len - at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return err_errno(
				err, n < 0 ? errno : EIO, "%s: write", ESC(bytes_str(name)));
		at += (size_t)n;
	}
	return true;
}

/* Makes the directory's entry of path durable. */
static bool sync_directory_of(const char *path, struct err *err)
{
	OWNED(free_ptr) char *directory = strdup(path);
	OWNED(fd_close) int fd = -1;
	char *slash;

	if (!directory)
		return err_errno(err, ENOMEM, "%s", ESC(bytes_str(path)));
	slash = strrchr(directory, '/');
	if (slash)
		slash[slash == directory ? 1 : 0] = '\0';
	fd = open(slash ? directory : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd) != 0)
		return err_errno(err, errno, "%s: sync of its directory", ESC(bytes_str(path)));
	return true;
}

/* Fills the temporary file; after a failed fsync nothing is known about its content, so it is never
 * tried again. */
static bool write_beside(
	int fd, const char *path, struct bytes content, mode_t mode, struct err *err)
{
	if (fchmod(fd, mode) != 0)
		return err_errno(err, errno, "%s: mode", ESC(bytes_str(path)));
	if (!file_write_fd(fd, path, content, err))
		return false;
	if (fsync(fd) != 0)
		return err_errno(err, errno, "%s: sync", ESC(bytes_str(path)));
	return true;
}

bool file_write_atomic(const char *path, struct bytes content, mode_t mode, struct err *err)
{
	OWNED(buf_release) struct buf name = {0};
	OWNED(fd_close) int fd = -1;
	char *beside;

	buf_printf(&name, "%s.tmp-XXXXXX", path);
	if (!buf_str(&name))
		return err_errno(err, ENOMEM, "%s", ESC(bytes_str(path)));
	beside = (char *)name.data;
	fd = mkostemp(beside, O_CLOEXEC);
	if (fd < 0)
		return err_errno(err, errno, "%s", ESC(bytes_str(path)));
	if (!write_beside(fd, path, content, mode, err)) {
		unlink(beside);
		return false;
	}
	if (rename(beside, path) != 0) {
		err_errno(err, errno, "%s: rename", ESC(bytes_str(path)));
		unlink(beside);
		return false;
	}
	return sync_directory_of(path, err);
}

/* Its name is durable like what will be put into it. */
static bool make_dir(const char *path, mode_t mode, struct err *err)
{
	struct stat st;

	if (mkdir(path, mode) == 0)
		return sync_directory_of(path, err);
	if (errno != EEXIST)
		return err_errno(err, errno, "%s", ESC(bytes_str(path)));
	if (stat(path, &st) != 0)
		return err_errno(err, errno, "%s", ESC(bytes_str(path)));
	return S_ISDIR(st.st_mode) || err_errno(err, ENOTDIR, "%s", ESC(bytes_str(path)));
}

bool file_make_dirs(const char *path, mode_t mode, struct err *err)
{
	OWNED(free_ptr) char *part = strdup(path);

	if (!part)
		return err_errno(err, ENOMEM, "%s", ESC(bytes_str(path)));
	for (char *slash = strchr(part + (part[0] == '/'), '/'); slash;
		slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (!make_dir(part, mode, err))
			return false;
		*slash = '/';
	}
	return make_dir(part, mode, err);
}

const char *path_join(struct buf *out, const char *directory, const char *name)
{
	size_t len = strlen(directory);

	buf_clear(out);
	while (len > 1 && directory[len - 1] == '/')
		len--;
	while (*name == '/')
		name++;
	buf_put(out, bytes_of(directory, len));
	/* An empty directory is the current one: a slash would make the name absolute. */
	if (len > 0 && directory[len - 1] != '/')
		buf_put_u8(out, '/');
	buf_put_str(out, name);
	return buf_str(out);
}
