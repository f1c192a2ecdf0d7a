/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the dynamic closure share; private to attest/closure*.c. */
#ifndef ASSAY_ATTEST_CLOSURE_INTERNAL_H
#define ASSAY_ATTEST_CLOSURE_INTERNAL_H

#include "attest/closure.h"

/* Runs `loader --list executable` in a child that can only read, and returns what it printed. Both paths are canonical. */
must_use bool closure_loader_list(
	const char *loader, const char *executable, struct buf *ret, struct err *err);

#endif
