/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/vectors.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"

const char *vectors_path(const char *name)
{
	static __thread char paths[4][PATH_MAX];
	static __thread unsigned turn;
	char *path = paths[turn++ % ARRAY_LEN(paths)];
	const char *root = getenv("ASSAY_VECTORS");
	int n;

	if (root)
		n = snprintf(path, PATH_MAX, "%s/%s", root, name);
	else
		n = snprintf(path, PATH_MAX, "%s/../shared/vectors/%s", ASSAY_SOURCE_DIR, name);
	if (n < 0 || n >= PATH_MAX || access(path, R_OK) != 0)
		return NULL;
	return path;
}

bool vectors_read(const char *name, struct buf *out)
{
	struct err err = {0};
	const char *path = vectors_path(name);

	if (!path)
		return false;
	if (!file_read(path, VECTORS_FILE_MAX, out, &err)) {
		fprintf(stderr, "vector %s: %s\n", name, err.text);
		return false;
	}
	return true;
}
