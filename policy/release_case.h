/* SPDX-License-Identifier: Apache-2.0 */
/* One judgement of a release: what its parts share. Private to policy/. */
#ifndef ASSAY_POLICY_RELEASE_CASE_H
#define ASSAY_POLICY_RELEASE_CASE_H

#include "crypto/dsse.h"
#include "policy/checklist.h"
#include "policy/instant.h"
#include "policy/statement_signers.h"

#define CLOCK_SKEW_MAX           60 /* seconds by which a signer's clock may be ahead */
#define NEVER                    INT64_MAX
#define STATEMENT_SIGNATURES_MAX 8u

/* One approval as judged: counted, or the reason why not. */
struct judged {
	struct approval *approval; /* NULL: does not parse */
	size_t person; /* index of its approver */
	enum reason_code fault; /* REASON_NONE: counts */
	const char *why;
	int64_t end; /* first second at which it counts no more */
};
/* One statement as read: what it is, who signed it, and what it speaks of. */
struct said {
	struct predicate *predicate; /* NULL: does not parse */
	struct statement_signers by; /* without those who took it back */
	uint64_t withdrawn; /* bit i: it did */
	uint8_t digest[SHA256_LEN]; /* of the payload */
	bool of_release; /* a subject is the release's digest */
	bool of_component[RELEASE_COMPONENTS_MAX];
	bool of_any; /* of the release or of any component */
};

struct release_case {
	const struct release_input *input;
	const struct policy *policy;
	const struct policy_class *class;
	int64_t now;
	struct verdict *verdict;
	struct checklist *list; /* NULL: nobody asked */
	struct release *release;
	uint64_t signers; /* bit i: policy->release_keys[i] signed */
	struct judged judged[APPROVALS_MAX];
	struct said said[STATEMENTS_MAX];
};

/* Judges what the class demands to be shown; c->class is set. False: nothing was decided. */
must_use bool release_check_statements(struct release_case *c, struct err *err);
/* Whether a BOM that was signed and speaks of the release counts for a demand: it was read, it
 * describes what it speaks of, and it is of the formats and licences demanded. Otherwise what was
 * expected and what is there, in words. */
must_use bool release_bom_counts(const struct release_case *c, const struct policy_demand *d,
	const struct said *s, char expected[REASON_TEXT_MAX], char actual[REASON_TEXT_MAX]);
/* What the BOMs that count, together, do not show though the demand wants it: "model llm by its
 * SHA-256"; untouched when nothing is lacking: "" before. Lowers *end to the first second at which something will be.
 * ends: of each statement that counts. */
void release_bom_lacking(const struct release_case *c, const struct policy_demand *d,
	const bool counts[STATEMENTS_MAX], const int64_t ends[STATEMENTS_MAX], int64_t *end,
	char lacking[REASON_TEXT_MAX]);
/* withdrawal.c: statements that their signers took back lose them. False: nothing was decided. */
must_use bool release_apply_withdrawals(struct release_case *c, struct err *err);
/* A DSSE envelope of an in-toto statement, payload type DSSE_INTOTO_TYPE. */
must_use bool release_open_intoto(struct bytes envelope, struct dsse **ret, struct err *err);
/* Adds an item to the list, if there is one; end: NEVER where none is known. */
void checklist_put(struct release_case *c, bool met, int64_t end, const char *by,
	const char *demand, ...) __attribute__((format(printf, 5, 6)));

#endif
