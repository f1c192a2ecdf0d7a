/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stored decision judged once more under another policy: what would have been said of the same
 * evidence at the same time, had that one been in force. Pure. Whether the bundle itself is true is
 * not asked here: audit_run says that.
 */
#ifndef ASSAY_LEDGER_AUDIT_REAPPRAISE_H
#define ASSAY_LEDGER_AUDIT_REAPPRAISE_H

#include "ledger/audit.h"

struct reappraisal {
	enum purpose purpose;
	int64_t time; /* of the decision */
	char workload[160], release[2 * SHA256_LEN + 1]; /* as claimed; escaped */
	struct verdict before; /* under the bundle's own policy */
	/* A renewal carries no boot and stands on its launch: where the other policy judges the
	 * boot, or asks for the whole log, it decides nothing, and `why` says so. */
	bool decided;
	const char *why;
	struct verdict after; /* zero unless decided */
};
/* The objects of the bundle that the policy names are attached to it first; ERR_NOT_FOUND naming the
 * first one missing. Errors: the bundle is no bundle, lacks an input, or nothing could be judged. */
must_use bool audit_reappraise(
	struct bytes bundle, struct policy *policy, struct reappraisal *ret, struct err *err);
/* The same of a context that is not in a bundle; `find` gives the objects that it names. The policy
 * must be complete. workload and release are left empty. */
must_use bool audit_reappraise_context(struct bytes context, policy_find find, void *arg,
	const struct policy *policy, struct reappraisal *ret, struct err *err);
/* Whether anything changed that a holder of the credential would notice; false when undecided. */
bool reappraisal_differs(const struct reappraisal *again);
#define REAPPRAISAL_WHY_MAX 64u
/* What is behind the difference, in a word: the first reason that is new, or else the first one that
 * is gone, or "credential" where only what is issued would be another. */
void reappraisal_cause(const struct reappraisal *again, char ret[REAPPRAISAL_WHY_MAX]);

#endif
