/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The audit bundle: one file with a record and everything it names, from which the verdict is
 * reached again without network. {1: record (COSE_Sign1), 2: [objects], 3: leaf, 4: salt, 5: index,
 * 6: tree size, 7: tree root, 8: inclusion proof, 9: [verifier certificates, DER],
 * 10: checkpoint, if there is one}. Pure: bytes in,
 * report out.
 */
#ifndef ASSAY_LEDGER_AUDIT_H
#define ASSAY_LEDGER_AUDIT_H

#include "ledger/ledger.h"
#include "ledger/tlog_policy.h"
#include "policy/host_class.h"
#include "policy/signature.h"

/* Whatever a record names, and the references that a context's policy names besides. */
#define AUDIT_OBJECTS_MAX                                                                          \
	(RECORD_INPUTS_MAX + APPROVALS_IN_RECORD_MAX + STATEMENTS_IN_RECORD_MAX +                  \
		HOST_CLASSES_MAX * HOST_REFERENCES_MAX)
#define AUDIT_BUNDLE_MAX (32u << 20)
#define AUDIT_STEPS_MAX  96u

static_assert(
	APPROVALS_IN_RECORD_MAX >= APPROVALS_MAX && STATEMENTS_IN_RECORD_MAX >= STATEMENTS_MAX,
	"a record names every envelope beside a release");

/* Some kilobytes: rather on the heap than on a stack. */
struct audit_bundle {
	struct bytes record;
	size_t object_count;
	struct bytes objects[AUDIT_OBJECTS_MAX];
	struct bytes leaf;
	uint8_t salt[LEDGER_SALT_LEN];
	uint64_t index, tree_size;
	uint8_t tree_root[SHA256_LEN];
	struct bytes proof; /* hashes, concatenated */
	size_t cert_count;
	struct bytes certs[CREDENTIAL_CERTS_MAX];
	struct bytes checkpoint; /* a signed note over that tree; empty: none */
};
must_use bool audit_bundle_encode(
	const struct audit_bundle *bundle, struct buf *out, struct err *err);
must_use bool audit_bundle_decode(struct bytes in, struct audit_bundle *ret, struct err *err);

enum audit_step_result { AUDIT_FAILED = 0, AUDIT_PROVED, AUDIT_ASSERTED, AUDIT_NOT_CHECKED };
struct audit_step {
	enum audit_step_result result;
	char what[REASON_TEXT_MAX];
	char detail[REASON_TEXT_MAX];
};
struct audit_report {
	bool consistent; /* every step held and the verdict recomputed is byte for byte the one
			    recorded */
	bool reproducible; /* false: an input named by the record is missing from the bundle */
	struct record record; /* borrows from the bundle */
	struct buf verdict; /* JSON as recomputed */
	/* A renewal stands on what an earlier decision established: its leaf hash, and the digest of
	 * the state as that one must have recorded it ("state-out"). */
	bool rests_on_earlier;
	uint8_t earlier[SHA256_LEN], earlier_state[SHA256_LEN];
	size_t step_count;
	struct audit_step steps[AUDIT_STEPS_MAX];
};
/* pinned: the verifier's key or its CA certificates as the auditor knows them; none: the bundle's
 * own key is used and the report says that it is not pinned. Likewise the policy's signers. */
struct audit_anchors {
	struct key *const *keys;
	size_t key_count;
	struct cert *const *roots;
	size_t root_count;
	/* The ledger's key, its witnesses and their quorum, as the auditor knows them; NULL: the tree
	 * is the verifier's word. */
	const struct tlog_policy *log_policy;
	const struct policy_signers *policy_signers; /* who may sign policies; NULL: not pinned */
};
/* False only when the bundle is no bundle; whatever is wrong with what it holds is a step that
 * failed. The report borrows from the bundle's bytes. anchors may be NULL. */
must_use bool audit_run(struct bytes bundle, const struct audit_anchors *anchors,
	struct audit_report *ret, struct err *err);
must_use bool audit_report_json(
	const struct audit_report *report, struct buf *out, struct err *err);
must_use bool audit_report_text(
	const struct audit_report *report, bool colour, struct buf *out, struct err *err);
/* One self-contained page for people, that prints. */
must_use bool audit_report_html(
	const struct audit_report *report, struct buf *out, struct err *err);
void audit_report_release(struct audit_report *report);

#endif
