/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The audit of an evidence package: container, index and signature, the tree and every entry in it,
 * every decision's verdict reached again, renewals walked back to the full appraisals that they stand
 * on. Pure. Memory: about 1 KB a decision, and one bundle at a time.
 *
 * A decision lies in decisions/INDEX.cbor as an audit bundle whose objects (key 2) are their SHA-256
 * digests instead; the objects lie in objects/, each once.
 */
#ifndef ASSAY_LEDGER_AUDIT_PACKAGE_H
#define ASSAY_LEDGER_AUDIT_PACKAGE_H

#include "ledger/audit.h"
#include "ledger/entry.h"
#include "ledger/package.h"

#define PACKAGE_STEPS_MAX 64u

struct package_decision {
	uint64_t index;
	uint8_t id[SHA256_LEN];
	int64_t time; /* of the record, and so of the leaf */
	bool consistent; /* the audit held */
	bool reproducible;
	bool grounded; /* as struct audit_report has it: a renewal's bundle may bring its chain */
	char failed[REASON_TEXT_MAX]; /* the first step that failed; "" otherwise */
	bool signer_proven; /* the record is signed by a key that is pinned, or below such a root */
	bool policy_signed, policy_proven; /* proven: by persons that are pinned */
	const char *by; /* whose word it is; "": signer_proven */
	struct decision_facts facts; /* as its objects tell, audited or not */
	bool seen; /* an entry in the tree is of exactly this one */
	bool established; /* with the digest of what it established */
	uint8_t state_out[SHA256_LEN];
	bool rests_on_earlier;
	uint8_t earlier[SHA256_LEN], earlier_state[SHA256_LEN];
};
/* A decision that the index says was destroyed. */
struct package_gone {
	const struct package_destroyed *mark;
	bool found; /* its entry stands in the tree, and the package has no bundle of it */
	bool named; /* so does the entry that says so, and it names the record */
};
/* Consistent, and by a verifier that the auditor pinned: otherwise anybody may have signed it. */
bool package_decision_proven(const struct package_decision *d);
struct package_audit {
	bool consistent; /* nothing failed */
	struct package_index index;
	uint64_t tree_size;
	uint8_t tree_root[SHA256_LEN];
	/* destroyed: entries whose content is not there, decisions among them; redacted: fields that
	 * ledger entries say were taken out */
	size_t entry_count, destroyed_count, redacted_count, decision_count;
	struct package_decision *decisions; /* by index */
	size_t gone_count;
	struct package_gone *gone; /* by index; not among decisions: neither proved nor failed */
	size_t step_count;
	struct audit_step steps[PACKAGE_STEPS_MAX];
};
/* Whose word they all are, as far as that of one is not proven; "": each is; NULL: there is none. Of one whose content was
 * destroyed nothing but its record is there, and what that says was decided is not reached again. */
const char *package_decisions_by(const struct package_audit *audit);
struct package_audit_options {
	const struct audit_anchors *anchors; /* NULL: nothing is pinned */
	struct key *const *makers; /* who may have made it, as the auditor knows them */
	size_t maker_count;
	/* Called with each entry once it was found in the tree, in the order of the package; an entry
	 * may come more than once. audited: of a decision that is proven. May take what the entry
	 * owns. NULL: nobody asks. */
	bool (*visit)(void *arg, struct ledger_entry *entry, bool audited, struct err *err);
	void *visit_arg;
};
/* False only when it is no package, or for want of memory; whatever is wrong with what it holds is a
 * step that failed. */
must_use bool package_audit_run(struct bytes in, const struct package_audit_options *options,
	struct package_audit *ret, struct err *err);
void package_audit_release(struct package_audit *audit);
/* {"consistent", "workload", "from", "to", "tree": …, "steps": […], "decisions": […], "destroyed":
 * […]}; NULL: no memory. */
json_t *package_audit_json(const struct package_audit *audit);

/* ---- making one ---- */

/* The bundle with digests instead of objects, appended; each object is handed to `keep`. */
must_use bool package_strip(struct bytes bundle,
	bool (*keep)(
		void *arg, const uint8_t digest[SHA256_LEN], struct bytes object, struct err *err),
	void *arg, struct buf *out, struct err *err);
/* index.dsse over the index. */
must_use bool package_sign(struct bytes index, const char *workload, struct key *key,
	struct buf *out, struct err *err);

#endif
