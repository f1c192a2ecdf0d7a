/* SPDX-License-Identifier: Apache-2.0 */
/* The leaves of an audit by branches, as they are told. Private to ledger/. */
#ifndef ASSAY_LEDGER_AUDIT_TREE_H
#define ASSAY_LEDGER_AUDIT_TREE_H

#include "ledger/audit.h"

#define AUDIT_RESULTS      ((unsigned)AUDIT_NOT_CHECKED + 1)
#define AUDIT_BRANCHES_MAX (2u * AUDIT_SECTIONS)

struct audit_branch {
	enum audit_section section;
	bool earlier; /* lies below AUDIT_CHAIN, after all that do not */
	size_t counts[AUDIT_RESULTS];
};
/* Those that have a leaf, in order; returns how many. */
size_t audit_branches(
	const struct audit_report *report, struct audit_branch ret[AUDIT_BRANCHES_MAX]);
bool audit_branch_holds(const struct audit_branch *branch, const struct audit_step *step);
/* "9 proven, 2 asserted". */
const char *audit_branch_counts(const struct audit_branch *branch, char out[96]);
const char *audit_result_word(enum audit_step_result result); /* "proven" */

#endif
