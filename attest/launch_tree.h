/* SPDX-License-Identifier: Apache-2.0 */
/* Fills the new root of a launch: first what was measured, then, around it, what of the host shows through. */
#ifndef ASSAY_ATTEST_LAUNCH_TREE_H
#define ASSAY_ATTEST_LAUNCH_TREE_H

#include "attest/launch_plan.h"

#define LAUNCH_TREES_MAX 64u

/* "/" is the empty new root, LAUNCH_HOST the host's. */
must_use bool launch_tree_build(struct bytes index, int pack, struct err *err);

/* ---- for launch_tree*.c ---- */

struct launch_tree {
	int root, host; /* O_PATH directories */
	int pack;
	int parent; /* the directory opened last, and its path */
	struct buf parent_path;
	size_t tree_count; /* directories that show nothing of the host's */
	struct bytes trees[LAUNCH_TREES_MAX];
};
/* The directory `path` ("" is the root) of the new root, made with all its parents. Borrowed until the next call. */
must_use bool launch_tree_directory(
	struct launch_tree *tree, struct bytes path, int *ret_fd, struct err *err);
/* The directory above an absolute path, made; *ret_name its last part. */
must_use bool launch_tree_parent(struct launch_tree *tree, struct bytes path, int *ret_fd,
	struct buf *ret_name, struct err *err);
/* Makes a symbolic link; one that is there already must say the same. */
must_use bool launch_tree_symlink(
	struct launch_tree *tree, struct bytes path, const char *target, struct err *err);
/* A path of the host, opened without following any link. */
int launch_tree_host(const struct launch_tree *tree, struct bytes path, int flags);
bool launch_tree_is_exact(const struct launch_tree *tree, struct bytes path);
/* Freezes the links on a path as it was written; it must lead to target. */
must_use bool launch_tree_freeze(
	struct launch_tree *tree, struct bytes path, struct bytes target, struct err *err);
/* Shows what lies beside the measured files. */
must_use bool launch_tree_surround(struct launch_tree *tree, struct err *err);

#endif
