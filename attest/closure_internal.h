/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the dynamic closure share; private to attest/closure*.c. */
#ifndef ASSAY_ATTEST_CLOSURE_INTERNAL_H
#define ASSAY_ATTEST_CLOSURE_INTERNAL_H

#include "attest/closure.h"

/* Runs `loader --list executable` in a child that can only read, and returns what it printed. Both paths are canonical. */
must_use bool closure_loader_list(
	const char *loader, const char *executable, struct buf *ret, struct err *err);

/* Whether nobody but root and ourselves can put another file in the place of this one: true of every directory above it, or
 * *ret_other is the user who has the first that it is not true of; root's id if only its mode lets others in. */
bool closure_place_is_ours(const char *canonical, uid_t *ret_other);
/* closure_rpath.c: whether what is measured is what the agent's loader finds, in spite of the program's and the libraries'
 * DT_RPATH. ERR_DENIED where it is not. */
must_use bool closure_check_rpaths(
	const char *path, const struct closure *closure, struct err *err);

#endif
