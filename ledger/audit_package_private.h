/* SPDX-License-Identifier: Apache-2.0 */
/* One audit of a package while it is made. Private to ledger/. */
#ifndef ASSAY_LEDGER_AUDIT_PACKAGE_PRIVATE_H
#define ASSAY_LEDGER_AUDIT_PACKAGE_PRIVATE_H

#include "ledger/audit_package.h"

#define PACKAGE_SIGNERS_MAX 32u

/* How the records of decisions without their bundles stand. */
struct package_gone_count {
	size_t proved, asserted, unsigned_; /* unsigned_: nobody's key is at hand */
};
struct package_case {
	const struct package *package;
	const struct package_audit_options *options;
	const struct audit_anchors *anchors; /* never NULL */
	struct package_audit *audit;
	size_t decision_room;
	size_t signer_count;
	struct key *signers[PACKAGE_SIGNERS_MAX]; /* owned; of decisions whose audit held */
	struct package_gone **gone_by_id; /* owned; audit->gone, sorted */
	struct package_gone_count gone_count;
	size_t absent; /* objects that entries name and the package lacks */
	json_t *taken, *said_taken; /* owned; of audit_package_taken.c */
};
void package_note(struct package_case *c, enum audit_step_result result, const char *what,
	const char *format, ...) __attribute__((format(printf, 4, 5)));
/* audit_package_decisions.c */
must_use bool package_decisions(struct package_case *c, struct err *err);
/* ERR_MISMATCH: of another workload, or outside the time that the package is about. workload NULL:
 * nobody knows it. */
must_use bool package_belongs(
	const struct package_case *c, const char *workload, int64_t time, struct err *err);
/* The decision of that entry; NULL: the package has none. */
struct package_decision *package_decision_find(const struct package_case *c, uint64_t index);
/* audit_package_gone.c: decisions whose content was destroyed. */
must_use bool package_gone_open(struct package_case *c, struct err *err);
/* The entry of a decision without its bundle: marked in the index, and the record as far as it is
 * there. */
must_use bool package_gone_take(
	struct package_case *c, struct ledger_entry *entry, struct err *err);
/* Any entry that stands in the tree: may say what was destroyed. */
void package_gone_heed(struct package_case *c, const struct ledger_entry *entry);
/* Behind the last entry. */
void package_gone_close(struct package_case *c);
/* audit_package_taken.c: what entries that are no decisions do not show. */
must_use bool package_taken_open(struct package_case *c, struct err *err);
/* Any entry that stands in the tree. */
must_use bool package_taken_note(
	struct package_case *c, const struct ledger_entry *entry, struct err *err);
/* Behind the last entry: each that hides something has an entry in the package that says so. */
void package_taken_close(struct package_case *c);
void package_taken_release(struct package_case *c);
/* Whether the auditor pinned who decides: otherwise what decisions establish is somebody's word. */
bool package_pinned(const struct package_case *c);
/* audit_package_entries.c: the tree, its entries, and what they name. */
must_use bool package_entries(struct package_case *c, struct err *err);

#endif
