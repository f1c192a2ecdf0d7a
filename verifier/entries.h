/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entries of the ledger by what they are about. Every entry but decisions and credentials issued is
 * indexed by the names in its content; decisions are found by their records, and what was issued
 * with them stands right behind them. Private to verifier/.
 */
#ifndef ASSAY_VERIFIER_ENTRIES_H
#define ASSAY_VERIFIER_ENTRIES_H

#include "base/json.h"
#include "ledger/entry.h"
#include "verifier/rows.h"

#define ENTRIES_SCAN_MAX 5000u /* leaves looked at for one page */

enum entry_subject {
	SUBJECT_NONE = 0, /* all of a type, or all */
	SUBJECT_HOST = 1, /* hex */
	SUBJECT_WORKLOAD = 2,
	SUBJECT_RELEASE = 3, /* hex */
	SUBJECT_INCIDENT = 4
};

/* Indexes an entry by its content. */
must_use bool entry_subjects_put(struct sql *sql, uint64_t index, enum leaf_type type,
	const json_t *content, struct err *err);
/* For the step of the schema that brought the index. */
must_use bool entry_subjects_fill(struct sql *sql, struct err *err);

struct entry_filter {
	enum entry_subject kind;
	struct bytes subject; /* of that kind; empty with SUBJECT_NONE */
	enum leaf_type type; /* LEAF_NONE: any */
	int64_t from, to; /* time, both included; 0: open */
	uint64_t start, end; /* ledger indices: from, and behind the last */
	unsigned limit; /* 1..ENTRIES_PAGE_MAX */
	size_t bytes_max; /* of leaves and contents together; the one that passes it is the last */
};
/* Called with an entry without a proof; may take what it owns. */
typedef bool (*entry_visit)(void *arg, struct ledger_entry *entry, struct err *err);
/* Ascending. *ret_next: from where on more may be found; 0: that was all. */
must_use bool entries_each(struct sql *sql, const struct entry_filter *filter, entry_visit visit,
	void *arg, uint64_t *ret_next, struct err *err);
/* One; ERR_NOT_FOUND. */
must_use bool entry_load(
	struct sql *sql, uint64_t index, struct ledger_entry *ret, struct err *err);

#endif
