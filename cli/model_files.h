/* SPDX-License-Identifier: Apache-2.0 */
/* A model on disk, measured as OpenSSF Model Signing wants it: a directory or one file. */
#ifndef ASSAY_CLI_MODEL_FILES_H
#define ASSAY_CLI_MODEL_FILES_H

#include "attest/measure.h"
#include "policy/model_signature.h"

struct model_files {
	char *path; /* canonical */
	const char *name; /* its last component, borrowed from path */
	bool directory;
	const char **ignores; /* the defaults, the signature's own file, and the caller's */
	size_t ignore_count;
	char *own; /* the signature's file relative to the model; NULL: outside */
	struct measured_tree tree;
	size_t empty; /* files of no octet, which shards do not cover */
	struct model_resource *resources; /* sorted by model_sort; borrow from tree and path */
	size_t count;
};
/* What --ignore says of a path that is none. */
#define MODEL_IGNORE_WRONG                                                                         \
	"--ignore %s: not a relative path below the model (no pattern, no \".\" or \"..\", no "    \
	"slash at the end)"
/* Resolves the path, and what is left out of a directory: signature may be NULL, "-", or not there
 * yet. The ignores are borrowed. */
must_use bool model_files_open(struct model_files *files, const char *path, const char *signature,
	const char *const *ignores, size_t ignore_count, struct err *err);
/* Hashes what is there. shard_size 0: whole files. single_name is what a model of one file is
 * called in its manifest. */
must_use bool model_files_measure(struct model_files *files, uint64_t shard_size, bool follow_links,
	const char *single_name, struct err *err);
/* cleanup for OWNED(). */
void model_files_release(struct model_files *files);

#endif
