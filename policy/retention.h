/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long what is kept of decisions and ledger entries is kept (docs/formats/policy.md,
 * "Retention"). Nothing said: for ever. It has no part in any verdict.
 */
#ifndef ASSAY_POLICY_RETENTION_H
#define ASSAY_POLICY_RETENTION_H

#include "base/bytes.h"

#define RETENTION_MIN          86400 /* seconds: one day */
#define RETENTION_MAX          (INT64_C(36500) * 86400)
#define RETENTION_FOREVER      0
#define RETENTION_ENTRY_KINDS  14u
#define RETENTION_WORD_FOREVER "forever"

/* What a decision was, for how long it is kept. */
enum retention_kind { RETENTION_LAUNCH = 0, RETENTION_RENEW, RETENTION_REFUSED, RETENTION_KINDS };
const char *retention_kind_name(enum retention_kind kind);

struct retention_times {
	int64_t keep[RETENTION_KINDS]; /* seconds; RETENTION_FOREVER */
};
struct retention_class {
	char *name; /* of a risk class of the policy */
	struct retention_times times; /* what it does not say is what all have */
};
/* Ledger entries whose content may be given an end: names as ledger/ledger.h has them, and the type
 * of their leaves. Decisions are kept by kind; the ledger's own word on what was destroyed has no end. */
struct retention_entry {
	const char *name;
	unsigned leaf_type;
};
extern const struct retention_entry retention_entries[RETENTION_ENTRY_KINDS];

struct policy_retention {
	bool said; /* the policy has a section retention */
	struct retention_times times;
	struct retention_class *classes;
	size_t class_count;
	int64_t entries[RETENTION_ENTRY_KINDS]; /* seconds; RETENTION_FOREVER */
};
/* class: the risk class of the decision's workload; one that has no times of its own, or none: what
 * all have. */
int64_t retention_of_decision(
	const struct policy_retention *retention, struct bytes class, enum retention_kind kind);
/* RETENTION_FOREVER for types that are not among retention_entries. */
int64_t retention_of_entry(const struct policy_retention *retention, unsigned leaf_type);
/* The longer of two. */
int64_t retention_longer(int64_t a, int64_t b);

#endif
