/* SPDX-License-Identifier: Apache-2.0 */
/* An evidence package while it is written: members go to the file as they come, and only their names
 * and digests are kept. */
#ifndef ASSAY_CLI_PACKAGE_MAKE_H
#define ASSAY_CLI_PACKAGE_MAKE_H

#include "cli/cli.h"
#include "crypto/key.h"
#include "ledger/package.h"

struct package_file {
	char *path, *beside; /* beside: what is written until it is whole */
	FILE *file;
	json_t *index; /* owned */
	json_t *paths; /* set of what is in it; owned */
};
/* ERR_IO. */
must_use bool package_file_begin(struct package_file *p, const char *path, const char *workload,
	int64_t from, int64_t to, struct err *err);
/* A path that is there already is left alone. */
must_use bool package_file_add(
	struct package_file *p, const char *path, struct bytes content, struct err *err);
/* The same, as canonical JSON. */
must_use bool package_file_add_json(
	struct package_file *p, const char *path, const json_t *value, struct err *err);
bool package_file_has(const struct package_file *p, const char *path);
/* Index, signature, end; durable, and in its place. */
must_use bool package_file_finish(
	struct package_file *p, const char *workload, struct key *key, struct err *err);
/* Takes away what was not finished. */
void package_file_release(struct package_file *p);

/* A file as it lies there, not copied. ERR_IO; ERR_LIMIT above 4 GiB. */
struct package_map {
	void *at;
	size_t len;
};
must_use bool package_map_open(const char *path, struct package_map *ret, struct err *err);
void package_map_close(struct package_map *map);

#endif
