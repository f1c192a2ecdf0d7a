/* SPDX-License-Identifier: Apache-2.0 */
/* Files: whole reads with a limit, durable atomic writes, directories. Every call handles EINTR and
 * short transfers. What is read replaces the content of *ret. */
#ifndef ASSAY_BASE_FILE_H
#define ASSAY_BASE_FILE_H

#include "base/bytes.h"

#include <sys/types.h>

/* Reads a regular file of at most max bytes. Opens non-blocking, so a FIFO is refused and never
 * waited for. */
must_use bool file_read(const char *path, size_t max, struct buf *ret, struct err *err);
/* Reads a descriptor to its end, at most max bytes. name stands in messages. */
must_use bool file_read_fd(int fd, const char *name, size_t max, struct buf *ret, struct err *err);
/* Writes beside, fsyncs, renames, fsyncs the directory: after a crash the old or the new content is
 * there, whole. A link at path is replaced, not followed. On failure the old content stands, except
 * that a failed sync of the directory leaves either. */
must_use bool file_write_atomic(
	const char *path, struct bytes content, mode_t mode, struct err *err);
/* Writes all bytes. */
must_use bool file_write_fd(int fd, const char *name, struct bytes content, struct err *err);
/* Creates a directory and its parents; an existing directory is fine. */
must_use bool file_make_dirs(const char *path, mode_t mode, struct err *err);
/* cleanup for OWNED(): closes if >= 0 and sets -1. */
void fd_close(int *fd);
/* Sets out to directory and name joined with one slash; fails sticky in the buffer. Returns
 * buf_str. */
const char *path_join(struct buf *out, const char *directory, const char *name);

#endif
