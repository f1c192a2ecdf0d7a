/* SPDX-License-Identifier: Apache-2.0 */
/* Verdicts: trusted or not, every reason in a fixed shape with a stable code, and what was not
 * checked. */
#ifndef ASSAY_POLICY_VERDICT_H
#define ASSAY_POLICY_VERDICT_H

#include "base/bytes.h"
#include "base/json.h"

#define REASONS_MAX     64u
#define NOT_CHECKED_MAX 32u
#define REASON_TEXT_MAX 192u
#define ELEVATIONS_MAX  8u /* held by one instance at one time */

/* Stable codes; the name (docs/reasons.md) never changes once released. */
enum reason_code {
	REASON_NONE = 0,
	REASON_EVIDENCE_MALFORMED,
	REASON_CLAIMS_MALFORMED,
	REASON_QUOTE_MALFORMED,
	REASON_QUOTE_MAGIC,
	REASON_QUOTE_TYPE,
	REASON_QUOTE_SCHEME,
	REASON_QUOTE_SIGNATURE,
	REASON_QUOTE_SIGNER,
	REASON_QUOTE_NONCE,
	REASON_QUOTE_SELECTION,
	REASON_QUOTE_PCR_DIGEST,
	REASON_CHALLENGE_UNKNOWN,
	REASON_CHALLENGE_EXPIRED,
	REASON_CHALLENGE_USED,
	REASON_CHALLENGE_OTHER,
	REASON_VERIFIER_OTHER,
	REASON_PURPOSE,
	REASON_EXPORTER,
	REASON_HOST_UNKNOWN,
	REASON_HOST_STATE,
	REASON_HOST_OTHER,
	REASON_HOST_JURISDICTION,
	REASON_HOST_ATTRIBUTE,
	REASON_RESET_COUNT,
	REASON_RESTART_COUNT,
	REASON_CLOCK_BACKWARDS,
	REASON_CLOCK_UNSAFE,
	REASON_TPM_FIRMWARE,
	REASON_RUNTIME_LOG,
	REASON_RUNTIME_PCR,
	REASON_RUNTIME_BASELINE,
	REASON_RUNTIME_GAP,
	REASON_RUNTIME_LAUNCH,
	REASON_BOOT_ID,
	REASON_PCRS_CHANGED,
	REASON_STATE_STALE,
	REASON_INSTANCE_ENDED,
	REASON_INSTANCE_NOT_RUNNING,
	REASON_LEASE_ENDED,
	REASON_WORKLOAD_UNKNOWN,
	REASON_WORKLOAD_RETIRED,
	REASON_REVIEW_OVERDUE,
	REASON_THIRD_PARTY,
	REASON_RELEASE_UNKNOWN,
	REASON_RELEASE_REVOKED,
	REASON_RELEASE_MALFORMED,
	REASON_RELEASE_SIGNATURE,
	REASON_RELEASE_WORKLOAD,
	REASON_VERSION_FLOOR,
	REASON_SECURITY_FLOOR,
	REASON_RISK_CLASS,
	REASON_ROLLOUT_CANARY,
	REASON_ROLLOUT_HALTED,
	REASON_ROLLOUT_ROLLED_BACK,
	REASON_ROLLOUT_RELEASE,
	REASON_APPROVAL_MISSING,
	REASON_APPROVAL_EXPIRED,
	REASON_APPROVAL_WITHDRAWN,
	REASON_APPROVAL_SIGNATURE,
	REASON_APPROVAL_OTHER,
	REASON_APPROVAL_AUTHOR,
	REASON_STATEMENT_MISSING,
	REASON_STATEMENT_MALFORMED,
	REASON_STATEMENT_SIGNATURE,
	REASON_STATEMENT_OTHER,
	REASON_STATEMENT_CONTENT,
	REASON_STATEMENT_EXPIRED,
	REASON_STATEMENT_WITHDRAWN,
	REASON_COMPONENT_DIGEST,
	REASON_COMPONENT_MISSING,
	REASON_COMPONENT_EXTRA,
	REASON_COMPONENT_NOT_PINNED,
	REASON_SPEC_DIGEST,
	REASON_SANDBOX,
	REASON_ENVIRONMENT_NOT_KEPT,
	REASON_ELEVATION_AUDIENCE,
	REASON_ASSURANCE,
	REASON_KEY_POSSESSION,
	REASON_KEY_PROTECTION,
	REASON_KEY_CERTIFICATION,
	REASON_KEY_CHANGED,
	REASON_EK_TEMPLATE,
	REASON_EK_CERT,
	REASON_EK_CERT_MISSING,
	REASON_EK_REVOKED,
	REASON_EK_REVOCATION_LIST,
	REASON_AK_ATTRIBUTES,
	REASON_FIRMWARE_LOG,
	REASON_FIRMWARE_PCR,
	REASON_FIRMWARE_EVENT,
	REASON_REFERENCE_EXPIRED,
	REASON_SECURE_BOOT,
	REASON_BOOT_AUTHORITY,
	REASON_DBX_OLD,
	REASON_COMMAND_LINE,
	REASON_IMA_LOG,
	REASON_IMA_PCR,
	REASON_BOOT_AGGREGATE,
	REASON_IMA_FILE,
	REASON_IMA_SIGNATURE,
	REASON_IMA_VIOLATION,
	REASON_IMA_POLICY,
	REASON_KERNEL_MODULE,
	REASON_KEXEC,
	REASON_HOSTD_UNMEASURED,
	REASON_CODES
};
const char *reason_code_name(enum reason_code code); /* "component-digest" */
/* What to do when nothing more particular is known; never NULL. */
const char *reason_code_hint(enum reason_code code);
enum reason_code reason_code_of_name(struct bytes name);

/* What a reason or a line is about, for reports that go from part to part. Not in the JSON: it tells
 * nothing that code and text do not. */
enum verdict_part {
	PART_OTHER = 0,
	PART_EVIDENCE, /* well-formed */
	PART_HOST, /* its id */
	PART_HOST_STATE, /* in the register */
	PART_EK, /* endorsement key, and the chain of its certificate */
	PART_AK, /* attributes of the attestation key */
	PART_QUOTE,
	PART_NONCE, /* quote, claims and challenge belong together */
	PART_CONNECTION,
	PART_KEY, /* the one to be certified */
	PART_COUNTERS, /* of the TPM, and its firmware's version */
	PART_CONTINUITY, /* with the last appraisal */
	PART_RUNTIME_LOG,
	PART_FIRMWARE_LOG,
	PART_IMA_LOG,
	PART_BOOT, /* what the logs of the boot tell, under the host classes */
	PART_WORKLOAD,
	PART_RELEASE,
	PART_STATEMENTS,
	PART_APPROVALS,
	PART_FLOORS,
	PART_ROLLOUT,
	PART_COMPONENTS, /* what was launched is what was released */
	PART_PLACEMENT,
	PART_THIRD_PARTIES,
	PART_SANDBOX,
	PART_ENVIRONMENT, /* its values are kept for whom the class says */
	PART_ELEVATIONS, /* rights lent for a time */
	PART_ASSURANCE,
	VERDICT_PARTS
};
struct reason {
	enum reason_code code;
	enum verdict_part part;
	char subject[REASON_TEXT_MAX]; /* "component model" */
	char expected[REASON_TEXT_MAX], actual[REASON_TEXT_MAX];
	char where[REASON_TEXT_MAX]; /* "runtime log record 3" */
	char hint[REASON_TEXT_MAX]; /* what to do next */
};
/* A right beyond the release's own that the credentials carry (policy/elevation.h). */
struct verdict_elevation {
	char right[65], entitlement[129]; /* entitlement: empty where only audiences are lent */
	uint8_t id[16];
	uint8_t activation[32]; /* leaf hash of the ledger's entry that says who approved */
	int64_t until; /* no credential that carries it lives as long */
};
/* Zero-initialised means refused. trusted is set only by verdict_conclude. */
struct verdict {
	bool trusted;
	unsigned assurance; /* enum assurance */
	unsigned key_protection; /* enum key_protection */
	bool full; /* a full appraisal, not an incremental one */
	int64_t credential_lifetime, renew_after;
	unsigned on_lease_end; /* enum end_action; only of a trusted verdict */
	unsigned on_refusal; /* enum end_action; of any verdict whose risk class is known */
	char risk_class[65];
	enum verdict_part part; /* of what is noted next */
	uint32_t held,
		refused; /* bit for each part: something of it was checked and held; did not */
	bool reasons_cut;
	size_t reason_count, not_checked_count, checked_count, elevation_count;
	/* From the second reason on, what lies behind the counts is not cleared (verdict_clear). */
	struct reason reasons[REASONS_MAX];
	char not_checked[NOT_CHECKED_MAX][REASON_TEXT_MAX];
	enum verdict_part not_checked_part[NOT_CHECKED_MAX];
	char checked[NOT_CHECKED_MAX][REASON_TEXT_MAX]; /* what was checked and held, in words */
	enum verdict_part checked_part[NOT_CHECKED_MAX];
	struct verdict_elevation elevations[ELEVATIONS_MAX];
};
/* As zero-initialised: refused, and nothing in it. Most of it is room for texts, which is left as it is. */
void verdict_clear(struct verdict *verdict);
/* Adds a reason; text arguments may be NULL (hint: then the code's own); untrusted text must have
 * been escaped. More than REASONS_MAX are cut and said so. */
void verdict_refuse(struct verdict *verdict, enum reason_code code, const char *subject,
	const char *expected, const char *actual, const char *where, const char *hint);
void verdict_not_checked(struct verdict *verdict, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void verdict_checked(struct verdict *verdict, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* Something of the part was checked and held, without a line of its own. */
void verdict_held(struct verdict *verdict, enum verdict_part part);
/* What a code is about, where it says so by itself; PART_OTHER: what was being looked at decides. */
enum verdict_part reason_code_part(enum reason_code code);
/* trusted = there is no reason against it and at least one thing was checked. What only a trusted
 * verdict grants (assurance, lifetimes, elevations) is taken back from any other. */
void verdict_conclude(struct verdict *verdict);
bool verdict_has(const struct verdict *verdict, enum reason_code code);
/* Refused only because the incremental appraisal had nothing to stand on (state-stale,
 * pcrs-changed, runtime-gap): the same host may try again at once with the whole runtime log, so
 * the next challenge should ask for it from record 0. */
bool verdict_wants_full(const struct verdict *verdict);
/* Canonical JSON:
 * {"outcome":"trusted"|"untrusted","assurance":…,"key":…,"reasons":[{code,subject,expected,actual,where,hint}],
 * "checked":[…],"not_checked":[…],…}, and "elevations" where there are any. Its SHA-256 is what records keep. */
must_use bool verdict_json(const struct verdict *verdict, struct buf *out, struct err *err);
/* For people: short lines, reason, expected, found, hint. colour adds ANSI codes. Takes the JSON,
 * so that commands print what the verifier sent. */
must_use bool verdict_explain(struct bytes json, bool colour, struct buf *out, struct err *err);

#endif
