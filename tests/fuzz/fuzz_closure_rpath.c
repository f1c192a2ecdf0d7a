/* SPDX-License-Identifier: Apache-2.0 */
/*
 * attest/closure_rpath.c: the segments and the dynamic section of a program, out of a file that anybody may have made. It is read
 * from a file of its own, for what is measured is opened through no link.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "attest/closure_internal.h"

static char path[] = "/tmp/assay-fuzz-rpath-XXXXXX";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void forget(void)
{
	(void)unlink(path);
}

static int place(void)
{
	int fd = mkstemp(path);
	if (fd < 0 || atexit(forget) != 0)
		abort();
	return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int fd = -1;
	const struct closure closure = {.kind = CLOSURE_DYNAMIC};
	struct err err = {0};
	if (fd < 0)
		fd = place();
	if (ftruncate(fd, 0) != 0 || pwrite(fd, data, size, 0) != (ssize_t)size)
		abort();
	if (!closure_check_rpaths(path, &closure, &err) &&
		(err.code == ERR_NONE || err.text[0] == '\0'))
		abort();
	return 0;
}
