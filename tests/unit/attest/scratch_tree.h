/* SPDX-License-Identifier: Apache-2.0 */
/* A private directory for one test, and what can stand in it. Failures end the test (cmocka). */
#ifndef ASSAY_TESTS_UNIT_ATTEST_SCRATCH_TREE_H
#define ASSAY_TESTS_UNIT_ATTEST_SCRATCH_TREE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static char tree_root[PATH_MAX]; /* canonical */

static inline int tree_make_in(const char *parent)
{
	char template[PATH_MAX];
	snprintf(template, sizeof(template), "%s/assay-test-XXXXXX", parent);
	return mkdtemp(template) && realpath(template, tree_root) ? 0 : -1;
}

static inline int tree_make(void **state)
{
	const char *tmp = getenv("TMPDIR");
	(void)state;
	return tree_make_in(tmp && tmp[0] ? tmp : "/tmp");
}

static inline int tree_remove_one(
	const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static inline int tree_remove(void **state)
{
	(void)state;
	return nftw(tree_root, tree_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* The path of a name in the directory; good until eight more calls. */
static inline const char *tree_path(const char *name)
{
	static char paths[8][PATH_MAX + 256];
	static unsigned turn;
	char *path = paths[turn++ % 8];
	snprintf(path, sizeof(paths[0]), "%s/%s", tree_root, name);
	return path;
}

static inline void tree_bytes(const char *name, const void *data, size_t len)
{
	int fd = open(tree_path(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, len), (ssize_t)len);
	assert_int_equal(close(fd), 0);
}

static inline void tree_file(const char *name, const char *text)
{
	tree_bytes(name, text, strlen(text));
}

/* Bytes that differ from place to place. */
static inline uint8_t tree_pattern(size_t i)
{
	return (uint8_t)(i * 167 + (i >> 12) * 13 + 5);
}

static inline void tree_big(const char *name, size_t len)
{
	uint8_t *data = malloc(len + 1);
	assert_non_null(data);
	for (size_t i = 0; i < len; i++)
		data[i] = tree_pattern(i);
	tree_bytes(name, data, len);
	free(data);
}

static inline void tree_directory(const char *name)
{
	assert_int_equal(mkdir(tree_path(name), 0755), 0);
}

static inline void tree_link(const char *target, const char *name)
{
	assert_int_equal(symlink(target, tree_path(name)), 0);
}

static inline void tree_fifo(const char *name)
{
	assert_int_equal(mkfifo(tree_path(name), 0644), 0);
}

/* Bound in place; the descriptor may be closed at once, the file stays. */
static inline void tree_socket(const char *name)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const char *path = tree_path(name);
	assert_true(strlen(path) < sizeof(address.sun_path));
	memcpy(address.sun_path, path, strlen(path) + 1);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	close(fd);
}

#endif
