/* SPDX-License-Identifier: Apache-2.0 */
/* One audit of a package while it is made. Private to ledger/. */
#ifndef ASSAY_LEDGER_AUDIT_PACKAGE_PRIVATE_H
#define ASSAY_LEDGER_AUDIT_PACKAGE_PRIVATE_H

#include "ledger/audit_package.h"

struct package_case {
	const struct package *package;
	const struct package_audit_options *options;
	const struct audit_anchors *anchors; /* never NULL */
	struct package_audit *audit;
	size_t decision_room;
	size_t decided_entries; /* entries of decisions, each counted once */
	uint64_t last_decided; /* the newest of them */
};
void package_note(struct package_case *c, enum audit_step_result result, const char *what,
	const char *format, ...) __attribute__((format(printf, 4, 5)));
/* audit_package_decisions.c */
must_use bool package_decisions(struct package_case *c, struct err *err);
/* The decision of that entry; NULL: the package has none. */
const struct package_decision *package_decision_find(const struct package_case *c, uint64_t index);
/* audit_package_entries.c: the tree, its entries, and what they name. */
must_use bool package_entries(struct package_case *c, struct err *err);

#endif
