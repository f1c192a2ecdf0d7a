/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A disk that fails at a call of the test's choice: full, broken, short of breath, or unable to say that something is durable.
 * The linker's --wrap leads our own code's calls here (tests/fault/CMakeLists.txt).
 */
#ifndef ASSAY_TESTS_FAULT_IO_H
#define ASSAY_TESTS_FAULT_IO_H

#include "tests/support/unit.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

ssize_t real_write(int fd, const void *data, size_t len) __asm__("__real_write");
ssize_t real_pwrite(int fd, const void *data, size_t len, off_t at) __asm__("__real_pwrite");
int real_fsync(int fd) __asm__("__real_fsync");
int real_fdatasync(int fd) __asm__("__real_fdatasync");
int real_ftruncate(int fd, off_t len) __asm__("__real_ftruncate");
int real_rename(const char *from, const char *to) __asm__("__real_rename");
int real_renameat(int from_dir, const char *from, int to_dir, const char *to) __asm__(
	"__real_renameat");

ssize_t fault_write(int fd, const void *data, size_t len) __asm__("__wrap_write");
ssize_t fault_pwrite(int fd, const void *data, size_t len, off_t at) __asm__("__wrap_pwrite");
int fault_fsync(int fd) __asm__("__wrap_fsync");
int fault_fdatasync(int fd) __asm__("__wrap_fdatasync");
int fault_ftruncate(int fd, off_t len) __asm__("__wrap_ftruncate");
int fault_rename(const char *from, const char *to) __asm__("__wrap_rename");
int fault_renameat(int from_dir, const char *from, int to_dir, const char *to) __asm__(
	"__wrap_renameat");

/* How it fails. Each once, or from then on. */
struct fault_kind {
	int error; /* 0: a write takes half of what it is given, another call nothing special */
	bool for_good;
};
static const struct fault_kind fault_kinds[] = {{ENOSPC, false}, {ENOSPC, true}, {EIO, false},
	{EIO, true}, {EINTR, false}, {0, false}, {0, true}};

static struct fault_io {
	atomic_bool armed;
	struct fault_kind kind;
	size_t at, seen, failed;
	bool sync_failed; /* one of the failed calls was to make something durable */
} fault_io;

static bool fault_now(void)
{
	if (!fault_io.armed)
		return false;
	size_t n = fault_io.seen++;
	bool fails = fault_io.kind.for_good ? n >= fault_io.at : n == fault_io.at;
	fault_io.failed += fails;
	return fails;
}

/* What a write does: -1 with errno, or how many bytes it takes now. */
static ssize_t fault_length(size_t len)
{
	if (!fault_now() || (fault_io.kind.error == 0 && len < 2))
		return (ssize_t)len;
	errno = fault_io.kind.error;
	return fault_io.kind.error ? -1 : (ssize_t)(len / 2);
}

static bool fault_call(void)
{
	if (!fault_now() || fault_io.kind.error == 0 || fault_io.kind.error == EINTR)
		return false;
	errno = fault_io.kind.error;
	return true;
}

ssize_t fault_write(int fd, const void *data, size_t len)
{
	ssize_t n = fault_length(len);
	return n < 0 ? n : real_write(fd, data, (size_t)n);
}
ssize_t fault_pwrite(int fd, const void *data, size_t len, off_t at)
{
	ssize_t n = fault_length(len);
	return n < 0 ? n : real_pwrite(fd, data, (size_t)n, at);
}
int fault_fsync(int fd)
{
	bool fails = fault_call();
	fault_io.sync_failed = fault_io.sync_failed || fails;
	return fails ? -1 : real_fsync(fd);
}
int fault_fdatasync(int fd)
{
	bool fails = fault_call();
	fault_io.sync_failed = fault_io.sync_failed || fails;
	return fails ? -1 : real_fdatasync(fd);
}
int fault_ftruncate(int fd, off_t len)
{
	return fault_call() ? -1 : real_ftruncate(fd, len);
}
int fault_rename(const char *from, const char *to)
{
	return fault_call() ? -1 : real_rename(from, to);
}
int fault_renameat(int from_dir, const char *from, int to_dir, const char *to)
{
	return fault_call() ? -1 : real_renameat(from_dir, from, to_dir, to);
}

static void fault_io_arm(struct fault_kind kind, size_t at)
{
	fault_io.kind = kind;
	fault_io.at = at;
	fault_io.seen = fault_io.failed = 0;
	fault_io.sync_failed = false;
	fault_io.armed = true;
}

/* Whether a call failed since. */
static bool fault_io_disarm(void)
{
	fault_io.armed = false;
	return fault_io.failed > 0;
}

#endif
