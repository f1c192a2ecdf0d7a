/* SPDX-License-Identifier: Apache-2.0 */
/* One audit while it is made. Private to ledger/. */
#ifndef ASSAY_LEDGER_AUDIT_CASE_H
#define ASSAY_LEDGER_AUDIT_CASE_H

#include "ledger/audit.h"

/* The objects of a bundle and its chain, by digest. */
struct audit_pool {
	size_t count;
	struct audit_pooled {
		uint8_t digest[SHA256_LEN];
		struct bytes object;
	} * objects; /* owned; ascending */
};

struct audit_case {
	struct audit_bundle bundle;
	const struct audit_anchors *anchors;
	struct audit_report *report;
	struct policy *known; /* lent: need not be parsed where it is the one; NULL: none */
	const struct audit_pool *pool; /* of an earlier record: looked in besides; NULL: none */
	enum audit_section section; /* of what is noted next */
	bool earlier;
	uint8_t digests[AUDIT_OBJECTS_MAX][SHA256_LEN]; /* of bundle.objects */
	struct key *signer; /* owned; verified the record */
	struct policy_frozen frozen;
	struct verdict verdict;
	struct policy_state state_out;
	bool judged; /* the three before are there */
	bool partial; /* what the verdict rests on is not all here: it was withheld */
	bool policy_withheld; /* decoding the context ended for want of its policy or a reference */
	bool asked[AUDIT_OBJECTS_MAX]; /* of bundle.withheld: that something names it */
};

bool audit_pool_find(
	const struct audit_pool *pool, const uint8_t digest[SHA256_LEN], struct bytes *ret);
void audit_note(struct audit_case *c, enum audit_step_result result, const char *what,
	const char *format, ...) __attribute__((format(printf, 4, 5)));
/* ASSERTED by somebody else than the verifier, who is meant where audit_note says AUDIT_ASSERTED. */
void audit_assert(struct audit_case *c, const char *by, const char *what, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
/* PROVED or FAILED. */
void audit_judge(
	struct audit_case *c, bool holds, const char *what, const char *proved, const char *failed);
/* The digest that the record has for an input; NULL: it names none so. */
const uint8_t *audit_named(const struct audit_case *c, const char *name);
/* The object of the bundle with that digest. */
bool audit_object(const struct audit_case *c, const uint8_t digest[SHA256_LEN], struct bytes *ret);
/* The object that the record names; false when the record names none so, or the bundle has none
 * with the digest. */
bool audit_input(const struct audit_case *c, const char *name, struct bytes *ret);

/* audit_withheld.c: whether an object was left out on purpose; it is named then. */
bool audit_withheld(struct audit_case *c, const uint8_t digest[SHA256_LEN]);
/* The same of an input of the record. */
bool audit_input_withheld(struct audit_case *c, const char *name);
/* Not checked, because of it. */
void audit_note_withheld(struct audit_case *c, const char *what, const char *why);
/* Whether a part of the verdict rests on what is here alone, so that its leaf may be told. */
bool audit_part_here(struct audit_case *c, enum verdict_part part);
/* The list itself, when all that names objects has been read. */
void audit_withheld_list(struct audit_case *c);
/* audit_chain.c: signature, leaf, inclusion. False: nothing further can be said. */
must_use bool audit_record(struct audit_case *c, bool *ret_opened, struct err *err);
must_use bool audit_leaf(struct audit_case *c, struct err *err);
/* audit_checkpoint.c */
must_use bool audit_checkpoint(struct audit_case *c, struct err *err);
/* audit_receipt.c */
must_use bool audit_receipt(struct audit_case *c, struct err *err);
/* audit_log_host.c: what the verifier's host had booted */
must_use bool audit_log_host(struct audit_case *c, struct err *err);
/* audit_verdict.c: inputs, context, appraisal, comparison. */
must_use bool audit_verdict(struct audit_case *c, struct err *err);
/* audit_leaves.c: a leaf for each part of the verdict that was reached again. */
must_use bool audit_leaves(struct audit_case *c, struct err *err);
/* audit_earlier.c: the records that a renewal stands on, each audited in its turn. */
must_use bool audit_earlier(struct audit_case *c, struct err *err);
/* Releases what the case owns, and clears it. */
void audit_case_clear(struct audit_case *c);
/* A leaf for each check that got none so far. */
void audit_leaves_missing(struct audit_case *c);
/* audit_policy.c: who signed the policy of the context, which must have been decoded. */
must_use bool audit_policy(struct audit_case *c, struct err *err);

#endif
