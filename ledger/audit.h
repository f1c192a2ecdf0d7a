/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The audit bundle: one file with a record and everything it names, from which the verdict is
 * reached again without network. {1: record (COSE_Sign1), 2: [objects], 3: leaf, 4: salt, 5: index,
 * 6: tree size, 7: tree root, 8: inclusion proof, 9: [verifier certificates, DER],
 * 10: checkpoint, if there is one, 11: of a renewal, the chain of records before it, 12: a COSE
 * receipt, if there is one, 13: the key of that, if it is not the record's, 14: a checkpoint that the
 * verifier's host quoted and the inclusion proof in its tree, if there is one, 15: the digests of objects
 * that were withheld from it, if any; then there is no chain}. Pure: bytes in, report out.
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
#define AUDIT_RECORD_MAX 65536u /* bytes of one record */
#define AUDIT_STEPS_MAX  320u

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
	struct bytes chain; /* struct audit_links, encoded; empty: none */
	struct bytes receipt; /* a COSE receipt of the leaf (ledger/receipt.h); empty: none */
	struct bytes receipt_key; /* SPKI, DER; empty: the record's signer's */
	struct bytes quote; /* evidence/checkpoint_quote.h; empty: none */
	struct bytes quote_proof; /* that the leaf is in its tree: hashes, concatenated */
	struct bytes withheld; /* digests, ascending, concatenated; empty: nothing was */
};
must_use bool audit_bundle_encode(
	const struct audit_bundle *bundle, struct buf *out, struct err *err);
must_use bool audit_bundle_decode(struct bytes in, struct audit_bundle *ret, struct err *err);

/*
 * The records that a renewal stands on, the one just before it first, back to a full appraisal or as
 * far as they were brought: {1: [[record, leaf, salt, index, inclusion proof], …], 2: [objects]}. All
 * proofs are of the bundle's tree. Objects that the bundle holds already are not repeated.
 */
#define AUDIT_LINKS_MAX        4096u
#define AUDIT_LINK_OBJECTS_MAX 32768u
struct audit_link {
	struct bytes record, leaf, proof;
	uint8_t salt[LEDGER_SALT_LEN];
	uint64_t index;
};
struct audit_links {
	size_t count, object_count;
	struct audit_link *links; /* owned; what they hold is borrowed */
	struct bytes *objects; /* the same */
};
must_use bool audit_links_encode(const struct audit_links *links, struct buf *out, struct err *err);
must_use bool audit_links_decode(struct bytes in, struct audit_links *ret, struct err *err);
void audit_links_release(struct audit_links *links);

enum audit_step_result { AUDIT_FAILED = 0, AUDIT_PROVED, AUDIT_ASSERTED, AUDIT_NOT_CHECKED };
/* The branches of the tree of checks, in the order in which they are told. */
enum audit_section {
	AUDIT_RECORD = 0,
	AUDIT_EVIDENCE,
	AUDIT_RELEASE,
	AUDIT_POLICY,
	AUDIT_VERDICT,
	AUDIT_LEDGER,
	AUDIT_CHAIN, /* the earlier appraisals that this one stands on */
	AUDIT_SECTIONS
};
#define AUDIT_STEP_SIGNATURE        "record signature"
#define AUDIT_STEP_POLICY_SIGNATURE "policy signature" /* that keys signed it */
#define AUDIT_STEP_POLICY_SIGNERS   "policy signers" /* whose they are: there if asserted */
/* One leaf of the tree. */
struct audit_step {
	enum audit_step_result result;
	enum audit_section section;
	bool earlier; /* of the full appraisal at the beginning of the chain: below AUDIT_CHAIN */
	char what[64];
	char by[96]; /* who asserts it; empty unless AUDIT_ASSERTED */
	char detail[REASON_TEXT_MAX];
};
/* Some hundred kilobytes: on the heap. */
struct audit_report {
	bool consistent; /* every step held and the verdict recomputed is byte for byte the one
			    recorded */
	bool grounded; /* rests on a full appraisal that was reached again: its own, or one at the end
			  of its chain */
	bool reproducible; /* false: an input named by the record is missing from the bundle */
	size_t withheld; /* objects that whoever made the file left out, and says so: it is neither
			    reproducible nor consistent then, and what rests on them is not checked */
	struct record record; /* borrows from the bundle */
	struct buf verdict; /* JSON as recomputed */
	/* A renewal stands on what an earlier decision established: its leaf hash, and the digest of
	 * the state as that one must have recorded it ("state-out"). */
	bool rests_on_earlier;
	uint8_t earlier[SHA256_LEN], earlier_state[SHA256_LEN];
	/* Every check that there is has a leaf: one that could not be made is AUDIT_NOT_CHECKED. */
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
	bool demand_full; /* a renewal whose chain reaches no full appraisal fails */
	/* Whose receipts count, which must then be there; NULL: the key that the bundle brings, or the
	 * record's signer's. */
	struct key *receipt_key;
	/* The attestation key of the verifier's host; NULL: a quote over the ledger is somebody's word. */
	const struct key *log_host_ak;
};
/* False only when the bundle is no bundle; whatever is wrong with what it holds is a step that
 * failed. The report borrows from the bundle's bytes. anchors may be NULL. */
must_use bool audit_run(struct bytes bundle, const struct audit_anchors *anchors,
	struct audit_report *ret, struct err *err);
/* Nothing failed, and nothing is missing but what was withheld: no answer, rather than a refusal. */
bool audit_report_withheld(const struct audit_report *report);
const char *audit_section_name(enum audit_section section); /* "evidence" */
/* "steps": the leaves as a list, as ever; "tree": branches with names and counts, and leaves with
 * result ("proven", "asserted", "not checked", "failed"), and who asserts. */
must_use bool audit_report_json(
	const struct audit_report *report, struct buf *out, struct err *err);
must_use bool audit_report_text(
	const struct audit_report *report, bool colour, struct buf *out, struct err *err);
/* One self-contained page for people, that prints. */
must_use bool audit_report_html(
	const struct audit_report *report, struct buf *out, struct err *err);
void audit_report_release(struct audit_report *report);

#endif
