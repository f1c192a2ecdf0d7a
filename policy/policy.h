/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Policy: who may say what, what a release is, and the appraisal: a pure function of evidence,
 * context and state. The verifier calls policy_appraise to decide; the auditor calls it again,
 * years later, and must reach the same verdict. No file, socket, clock or log line anywhere below;
 * the time is an argument.
 */
#ifndef ASSAY_POLICY_H
#define ASSAY_POLICY_H

#include "evidence/ek_cert.h"
#include "evidence/evidence.h"
#include "policy/host_attribute.h"
#include "policy/host_class.h"
#include "policy/predicate.h"
#include "policy/retention.h"
#include "policy/rollout.h"
#include "policy/verdict.h"

#include <stdatomic.h>

#define POLICY_KEYS_MAX         64u
#define POLICY_ROLES_MAX        16u
#define POLICY_PERSON_KEYS_MAX  4u
#define POLICY_CLASSES_MAX      32u
#define POLICY_ROOTS_MAX        256u
#define POLICY_LOGS_MAX         8u
#define POLICY_AUTHORITIES_MAX  16u
#define IDENTITY_CERTS_MAX      8u /* roots of one identity; and intermediates */
#define POLICY_DEMANDS_MAX      32u /* of one risk class */
#define POLICY_LIST_MAX         16u /* builders, roles, levels, metrics of one demand */
#define POLICY_METRIC_NAME_MAX  128u
#define POLICY_LICENSES_MAX     128u /* of one demand */
#define POLICY_PLACES_MAX       64u /* jurisdictions, and values of one attribute */
#define POLICY_CRLS_MAX         256u
#define POLICY_DISTRUSTED_MAX   4096u
#define POLICY_TEXT_MAX         (1u << 20)
#define RELEASE_COMPONENTS_MAX  RUNTIME_COMPONENTS_MAX
#define APPROVALS_MAX           64u
#define STATEMENTS_MAX          64u /* beside one release */
#define STATEMENTS_BYTES_MAX    (1u << 20) /* all of them together */
#define CREDENTIAL_LIFETIME_MAX (30 * 86400)
#define POLICY_TIME_MAX         INT64_C(253402300799) /* the last second of the year 9999 */

struct note_key; /* crypto/note.h */
struct policy_elevation; /* policy/elevation.h */

/* ---- the policy file (YAML, docs/formats/policy.md) ---- */

struct policy_root {
	char *name;
	struct cert *cert;
};
struct policy_distrusted { /* an endorsement key that is not believed, whoever certified it */
	uint8_t sha256[SHA256_LEN]; /* over a certificate's DER or a public key's
				       SubjectPublicKeyInfo */
	char *reason;
};
struct policy_release_key {
	char *name;
	struct key *key;
};
struct policy_approver {
	char *person; /* thresholds count persons, not keys */
	char *roles[POLICY_ROLES_MAX];
	size_t role_count;
	struct key *keys[POLICY_PERSON_KEYS_MAX];
	size_t key_count;
};
struct policy_approval_rule {
	char *role;
	unsigned count; /* distinct persons, at least 1 */
};
/* What a certificate says besides its name, each by an extension of Fulcio's. */
enum identity_extension_id {
	IDENTITY_RUNNER = 0,
	IDENTITY_REPOSITORY,
	IDENTITY_REF,
	IDENTITY_REPOSITORY_ID,
	IDENTITY_OWNER_ID,
	IDENTITY_EXTENSIONS
};
struct identity_extension {
	const char *oid, *name, *key; /* key: in the policy file */
};
extern const struct identity_extension identity_extensions[IDENTITY_EXTENSIONS];
/* A signer known by a certificate. */
struct policy_identity {
	struct cert *roots[IDENTITY_CERTS_MAX], *intermediates[IDENTITY_CERTS_MAX];
	size_t root_count, intermediate_count;
	char *identity; /* the certificate's one name, */
	bool prefix; /* or what it begins with: sigstore_name_fits */
	char *issuer; /* NULL: the certificate must have none */
	char *extensions[IDENTITY_EXTENSIONS]; /* NULL: not looked at */
	bool log_optional; /* a certificate that is not short-lived also counts while it is valid */
};
struct policy_statement_key { /* key or identity, the other is NULL */
	char *name;
	struct key *key;
	struct policy_identity *identity;
	unsigned kinds; /* bit k: trusted for statements of kind k, and for no other */
};
struct policy_metric {
	char *name;
	bool has_min, has_max;
	double min, max;
	char *min_text, *max_text; /* as written: what the clause binds; NULL: no such bound */
};
/* What bills of materials must show besides their signature and subject. */
struct policy_bom {
	unsigned formats; /* bit f: enum bom_format f counts; 0: any */
	bool models; /* each component of role model is described, by its SHA-256 */
	bool datasets; /* each data set snapshot of the release is named */
	char **licenses; /* models and data sets come under these alone; none: any */
	char **forbidden; /* no component has to come under one of these */
	size_t license_count, forbidden_count;
};
/* What one statement, or several together, must show of a release. */
struct policy_demand {
	char *name; /* for people; unique in its class */
	enum predicate_kind kind;
	char *type; /* exact predicate type; NULL: any of this kind */
	uint64_t keys; /* bit i: policy->statement_keys[i] counts; never 0 */
	char **builders; /* provenance: one of these made it */
	char **levels; /* vsa: all of these were verified */
	char **covers; /* roles of components: each component in one of them must be spoken of */
	size_t builder_count, level_count, cover_count;
	struct policy_metric *metrics; /* each must be reported, and within its bounds */
	size_t metric_count;
	int64_t age_max; /* seconds; 0: any age */
	bool passed; /* test-result, vsa, assessment: the outcome must be a pass */
	struct policy_bom bom; /* bom */
};
struct policy_names { /* sorted, none twice */
	char **list;
	size_t count;
};
struct policy_attribute_rule {
	char *name;
	struct policy_names values; /* the host has one of them */
};
/* What a class asks of the agent's sandbox, besides the bits of enum runtime_sandbox. */
#define POLICY_SANDBOX_UNPRIVILEGED (1u << 31) /* neither user nor group 0 */
/* Whether an instance whose lease ended comes back by a renewal. */
enum after_lease {
	AFTER_LEASE_RENEW = 0, /* within LEASE_RETURN_MAX */
	AFTER_LEASE_RELAUNCH, /* not at all */
};
#define LEASE_RETURN_MAX (7 * INT64_C(86400)) /* seconds */
struct policy_class {
	char *name;
	struct policy_approval_rule *approvals;
	size_t approval_count;
	bool differ_from_author; /* no approver's person or key is the release's author or signer;
				    default true */
	int64_t approval_age_max; /* seconds; 0: only the approval's own expiry */
	int64_t credential_lifetime; /* seconds, 2..CREDENTIAL_LIFETIME_MAX */
	int64_t renew_after; /* seconds; default half the lifetime */
	enum assurance minimum_assurance;
	enum key_protection key; /* KEY_SOFTWARE: any; KEY_TPM: demanded */
	bool pinned; /* refuse components that are measured but not pinned; default false */
	bool clock_safe; /* refuse quotes with safe = 0; default false */
	size_t host_count; /* classes of hosts it may run on; 0: any host, nothing of its boot is
			      judged */
	size_t *hosts; /* indices into policy->host_classes */
	struct policy_demand *demands; /* statements it asks for */
	size_t demand_count;
	int64_t review_every; /* seconds from one review of the workload to the next; 0: none asked */
	int64_t review_grace; /* seconds for which a review that fell due only warns */
	struct policy_names jurisdictions; /* where its hosts may stand; none: anywhere */
	struct policy_attribute_rule *attribute_rules; /* sorted by name */
	size_t attribute_rule_count;
	struct policy_names third_party_jurisdictions; /* none: anywhere */
	unsigned sandbox; /* bits demanded; 0: nothing */
	struct key *environment_key; /* the values of its agents' environments must be kept for this
					key; NULL: they need not be */
	int64_t drain; /* seconds for which instances of a release that the version floor passed
			  renew; default credential_lifetime */
	bool drain_given; /* by the file: only then the clause holds it */
	int64_t lease; /* seconds for which a decision is believed; default credential_lifetime */
	bool lease_given; /* as of drain */
	enum after_lease after_lease;
	enum end_action on_lease_end; /* what hosts do with an instance not renewed in time */
	enum end_action on_refusal; /* and with one whose renewal is refused */
	struct policy_elevation
		*elevations; /* what it lends: policy/elevation.h; not in its clause,
						they have their own */
	size_t elevation_count;
	uint8_t clause[SHA256_LEN]; /* digest of this class's canonical JSON: what approvals bind to
				     */
};
struct statement_memo;
struct policy {
	uint8_t digest[SHA256_LEN]; /* of the file's bytes */
	_Atomic(struct statement_memo *) memo; /* statement_memo.c */
	int64_t version;
	char *trust_domain;
	struct policy_root *roots; /* EK roots */
	size_t root_count;
	struct cert **intermediates; /* EK intermediates given by the operator (hosts may send
					theirs too) */
	size_t intermediate_count;
	struct policy_release_key *release_keys;
	size_t release_key_count;
	struct policy_statement_key *statement_keys; /* at most POLICY_KEYS_MAX: keys, behind them
							identities */
	size_t statement_key_count;
	struct note_key *logs; /* transparency logs whose time is believed */
	size_t log_count;
	struct policy_root *authorities; /* for time stamping: their own certificates */
	struct cert **authority_certs; /* the same, borrowed */
	size_t authority_count;
	struct policy_approver *approvers;
	size_t approver_count;
	struct policy_class *classes;
	size_t class_count;
	struct host_class *host_classes;
	size_t host_class_count;
	enum digest_alg bank; /* SHA-256 or SHA-384 */
	uint32_t runtime_pcr; /* default 15; 16 and 23 are refused, as is anything above 15 */
	bool ek_ignore_expiry; /* default false */
	struct crls *ek_crls; /* revocation lists of TPM makers; may be empty */
	bool ek_ignore_stale_revocation; /* default false */
	struct policy_distrusted *ek_distrusted;
	size_t ek_distrusted_count;
	enum ek_template *ek_templates; /* accepted EK templates; default L-1 L-2 H-1 H-2 H-3 H-6 */
	size_t ek_template_count;
	uint64_t tpm_firmware_minimum; /* firmwareVersion below is untrusted; 0: not checked */
	int64_t challenge_lifetime; /* seconds, default 120 */
	struct policy_retention retention; /* policy/retention.h */
};
/* Strict: unknown and duplicate keys, unknown roles in rules, threshold 0, empty key lists,
 * duplicated persons or keys are refused with file, line and column. name stands in messages. */
must_use bool policy_parse(
	struct bytes yaml, const char *name, struct policy **ret, struct err *err);
void policy_free(struct policy **policy);
/* NULL: not distrusted. */
const struct policy_distrusted *policy_distrusted_find(
	const struct policy *policy, const uint8_t sha256[SHA256_LEN]);
const struct policy_class *policy_class_find(const struct policy *policy, struct bytes name);
/* Whether any risk class asks for hosts whose IMA log is judged. */
bool policy_wants_ima(const struct policy *policy);

/* The i-th object outside the file that the policy names, by SHA-256; NULL behind the last one. */
const uint8_t *policy_reference(const struct policy *policy, size_t i);
/* Parses an object and attaches it wherever the policy names its digest. ERR_NOT_FOUND when the
 * policy names no such object, ERR_CONFIG when it is not what its kind says; it need not outlive the
 * call. */
must_use bool policy_attach(struct policy *policy, struct bytes object, struct err *err);
/* ERR_NOT_FOUND naming the first reference that is not attached: such a policy decides nothing. */
must_use bool policy_complete(const struct policy *policy, struct err *err);

/* ---- releases and approvals: in-toto Statements in DSSE ---- */

struct release_component {
	char *name, *role, *path;
	enum component_digest_kind kind;
	uint8_t digest[SHA256_LEN];
	uint64_t size, files;
};
struct release {
	atomic_uint others; /* who hold it beside the first */
	uint8_t digest[SHA256_LEN]; /* SHA-256 of the statement (DSSE payload) as received: the
				       release's identity */
	char *name, *version, *workload, *owner, *author, *purpose, *risk_class;
	char *model_version, *code_commit, *change_request; /* may be NULL */
	char *base_release; /* hex digest, may be NULL */
	char **dataset_snapshots;
	size_t dataset_count;
	uint8_t spec[SHA256_LEN]; /* SHA-256 of the workload spec file */
	uint8_t configuration[SHA256_LEN]; /* SHA-256 over the digests of all components with role
					      config, prompt, policy */
	struct release_component *components;
	size_t component_count;
};
/* The statement of a DSSE payload. Subjects and components must agree; digests canonical
 * (lower-case, full length). */
must_use bool release_parse(struct bytes statement, struct release **ret, struct err *err);
/* Shared from now on: freed by each holder, changed by none. NULL is fine. */
struct release *release_ref(struct release *release);
void release_free(struct release **release);
/* Writes the statement (canonical JSON); release->digest and configuration are computed, not read.
 */
must_use bool release_statement(const struct release *release, struct buf *out, struct err *err);

struct approval {
	atomic_uint others; /* as a release's */
	uint8_t release[SHA256_LEN];
	char *environment; /* "prod" */
	uint8_t clause[SHA256_LEN]; /* struct policy_class.clause */
	char *person, *role, *reason, *change_request; /* change_request may be NULL */
	int64_t issued, expires;
	bool withdrawn; /* a withdrawal of an approval by the same person for the same release and
			   role */
	/* Of rollback approvals alone: the workload may go back to the release. */
	char *workload; /* NULL: an approval of the release */
	char *from; /* version of the floor that is left */
	uint64_t floor; /* its sequence: once the floor has moved, what was approved is gone */
};
must_use bool approval_parse(struct bytes statement, struct approval **ret, struct err *err);
struct approval *approval_ref(struct approval *approval);
void approval_free(struct approval **approval);
must_use bool approval_statement(const struct approval *approval, struct buf *out, struct err *err);
/* The same for rollback approvals, which are statements of a type of their own. */
must_use bool rollback_approval_parse(
	struct bytes statement, struct approval **ret, struct err *err);
must_use bool rollback_approval_statement(
	const struct approval *approval, struct buf *out, struct err *err);

/* Judges a release envelope and its approvals under a policy at a time: signature by a release key,
 * risk class known, the statements that the class demands (docs/formats/policy.md, "Statements"),
 * approvals by enough distinct persons in each role, for this digest, environment
 * and clause, not expired, not withdrawn, not by the author. Appends reasons; *ret_release is the
 * parsed release even when refused (NULL if it does not parse). */
struct release_input {
	struct bytes envelope; /* DSSE */
	const struct bytes *approvals; /* DSSE envelopes */
	size_t approval_count;
	const struct bytes *statements; /* as statement_envelope_open takes them; at most
					   STATEMENTS_MAX, and STATEMENTS_BYTES_MAX in all */
	size_t statement_count;
	struct bytes environment;
	/* Not NULL: a rollback to the release is judged. Then the approvals are rollback approvals,
	 * which must be of this workload and this very floor, and count by the same rules of the
	 * class; statements are not asked for. */
	const struct rollback_terms *rollback;
};
struct rollback_terms {
	struct bytes workload, from; /* from: the version of the floor in force */
	uint64_t floor; /* its sequence */
};
must_use bool release_appraise(const struct release_input *input, const struct policy *policy,
	int64_t now, struct verdict *verdict, struct release **ret_release, struct err *err);
/* Whether a statement may be kept beside a release: a key or identity that the policy trusts for its
 * kind signed it, and it speaks of this release or a component. Whether it meets a demand is judged
 * anew at every decision. ERR_FORMAT, ERR_DENIED, ERR_MISMATCH. */
must_use bool release_statement_check(const struct release *release, struct bytes envelope,
	const struct policy *policy, int64_t now, struct err *err);

/* ---- appraisal of evidence ---- */

/* The host as enrolled: an immutable row, and what was last accepted from it. */
struct context_host {
	uint8_t id[HOST_ID_LEN];
	enum host_state state;
	uint64_t epoch;
	struct bytes ek_public, ak_public; /* TPMT_PUBLIC */
	struct bytes ek_certs; /* concatenated DER, leaf first; empty: enrolled without certificate.
				* Padding as NV holds it (zeros or 0xff between and behind) is
				* skipped. */
	int64_t enrolled; /* time at which the EK certificate was judged */
	const struct host_attribute *attributes; /* by key, ascending, none twice */
	size_t attribute_count;
	bool seen; /* the four values below hold something */
	uint32_t reset_count, restart_count;
	uint64_t clock, firmware_version;
};
/* The challenge as the verifier authenticated it. */
struct context_challenge {
	uint8_t nonce[SHA256_LEN]; /* SHA-256 of the token */
	uint8_t host_id[HOST_ID_LEN];
	uint8_t instance[INSTANCE_ID_LEN];
	enum purpose purpose;
	uint64_t counter;
	int64_t issued, expires;
	uint64_t tree_size;
	uint8_t tree_root[SHA256_LEN];
};
enum workload_state { WORKLOAD_NONE = 0, WORKLOAD_ACTIVE = 1, WORKLOAD_RETIRED = 2 };
enum release_state { RELEASE_NONE = 0, RELEASE_PUBLISHED = 1, RELEASE_REVOKED = 2 };
struct context_workload {
	struct bytes name; /* empty: unknown to the verifier */
	enum workload_state state;
	struct bytes risk_class; /* the register's; must equal the release's */
	struct bytes environment;
	int64_t reviewed; /* last review, or else the registration; 0: never */
	int64_t review_next; /* date set for the next review; 0: none */
	struct bytes third_parties; /* JSON: [{"name":…, "jurisdiction":"CH"}, …]; empty: none */
};
/* The version floor: below it no release of the workload launches. And what the release judged is to
 * it (policy/floor.h). */
struct context_floor {
	uint64_t sequence; /* counts the floor's moves; 0: there is none, and the rest is nothing */
	struct bytes version; /* of the release that it rests on; never empty then */
	uint8_t release[SHA256_LEN]; /* that release */
	int64_t published; /* when it was */
	int64_t judged_published; /* when the release judged was */
	int64_t passed; /* since when the release judged has been below it; 0: is not */
};
/* The security floor, which policy signers set: below it nothing launches or renews. */
struct context_security_floor {
	uint64_t sequence; /* of the statement; 0: there is none, and the rest is nothing */
	struct bytes minimum; /* empty: lifted */
	uint8_t statement[SHA256_LEN]; /* SHA-256 of its envelope */
};
/* The next review of a workload: due at the earlier of the date set and what the class allows since
 * the last one. */
enum review_state {
	REVIEW_NONE = 0, /* nobody asks for one */
	REVIEW_AHEAD,
	REVIEW_DUE, /* warned of: within the grace, or of a class that asks for none */
	REVIEW_OVERDUE /* refused */
};
struct review {
	enum review_state state;
	int64_t due; /* 0: none */
	int64_t refused_from; /* 0: never */
};
const char *review_state_name(enum review_state state); /* "none", "ahead", "due", "overdue" */
/* class NULL: one that asks for no review. Times beyond the year 9999 are its last second. */
struct review policy_review(
	const struct policy_class *class, const struct context_workload *workload, int64_t now);
/* Notes the review in a verdict: held, warned of (among what is not checked), or refused as
 * review-overdue. */
void policy_review_appraise(const struct policy_class *class,
	const struct context_workload *workload, int64_t now, struct verdict *verdict);
/* What a workload's last rollout says of a release where no host is known: refused where it was
 * halted or rolled back; while it runs, noted under what is not checked. state ROLLOUT_NONE, or of
 * another release: nothing. */
void policy_rollout_gate(const struct rollout_view *rollout, const uint8_t release[SHA256_LEN],
	struct verdict *verdict);
/* Notes in a verdict whether every third party of the workload is in a jurisdiction that the class
 * allows. class NULL, or one that does not ask: nothing. */
must_use bool policy_third_parties_appraise(const struct policy_class *class,
	const struct context_workload *workload, struct verdict *verdict, struct err *err);
struct policy_context {
	int64_t now; /* verifier's clock */
	struct bytes verifier_id;
	const struct policy *policy;
	struct context_host host;
	struct context_challenge challenge;
	uint8_t exporter[TLS_EXPORTER_LEN]; /* of the connection the evidence came over */
	struct context_workload workload;
	enum release_state release_state;
	struct bytes release; /* DSSE envelope with the digest claimed; empty: not known */
	const struct bytes *approvals;
	size_t approval_count;
	const struct bytes *statements; /* beside the release; as of struct release_input */
	size_t statement_count;
	struct context_floor floor;
	struct context_security_floor security_floor;
	uint64_t ledger_index; /* tree size at which states and approvals were read */
	struct rollout_view rollout; /* the workload's last one */
	int64_t lease; /* when the instance's lease ended, at a renewal after that; 0: it did not */
	uint64_t full_ago; /* renewals since the last full appraisal, where those are more than the
			      verifier lets an incremental one stand on; 0: they are not */
	struct bytes
		elevations; /* those in force for the instance (elevation_set_write); empty: none */
};
/* What earlier renewals of this instance established. Zero: nothing, so a full appraisal is due.
 *
 * An appraisal is incremental when a state is established and the evidence's log begins at its
 * runtime_next. Evidence whose log begins at record 0 is appraised in full with or without a state,
 * so a caller may always pass the state it has: its key and its `ended` still bind. What the state
 * cannot carry over (policy, release, boot, restart changed), and an incremental one while the context says full_ago, is refused as state-stale;
 * verdict_wants_full then says that the next challenge has to ask for the log from record 0. */
struct policy_state {
	bool established;
	uint32_t reset_count, restart_count;
	uint8_t boot_id[16];
	uint64_t runtime_next; /* record after the last one accepted */
	enum digest_alg bank;
	uint8_t pcr[DIGEST_LEN_MAX]; /* running value of the runtime PCR there */
	uint8_t pcrs_other[SHA256_LEN]; /* SHA-256 over the other quoted PCRs' values, which may not
					   move */
	uint8_t policy[SHA256_LEN], release[SHA256_LEN], launch[SHA256_LEN], key[SHA256_LEN];
	uint8_t record[SHA256_LEN]; /* leaf hash of the decision that established it; filled in by
				     * the caller, zero in state_out, because the leaf is made after
				     * the appraisal */
	enum assurance assurance;
	bool unpinned; /* a component was measured but not pinned */
	size_t host_class; /* 1 + index into the policy's of the class that the boot satisfied; 0:
			    * none was judged */
	int64_t boot_until; /* then: the earliest end of a reference it rests on; 0: none ends */
	struct ima_state ima; /* then: attested so far; zero when the class does not judge IMA */
	bool ended; /* its exit record was seen: never trusted again */
};
must_use bool policy_state_encode(
	const struct policy_state *state, struct buf *out, struct err *err);
must_use bool policy_state_decode(struct bytes in, struct policy_state *ret, struct err *err);

/* Every input but the byte objects, with the digests of those: what a record freezes. */
must_use bool policy_context_encode(const struct policy_context *context, struct bytes evidence,
	const struct policy_state *state_in, struct buf *out, struct err *err);
/* Rebuilds a context from its encoding; `find` gives the bytes with a digest (false: not in the
 * bundle → ERR_NOT_FOUND naming the input). The result borrows, from itself too: it stays where it
 * is. It owns the parsed policy and is released with policy_frozen_release. */
struct policy_frozen {
	struct policy_context context;
	struct bytes evidence;
	struct policy_state state_in;
	struct policy *policy;
	bool lent; /* the policy is not its own */
	struct bytes approvals[APPROVALS_MAX];
	struct bytes statements[STATEMENTS_MAX];
	struct host_attribute attributes[HOST_ATTRIBUTES_MAX];
};
typedef bool (*policy_find)(void *arg, const uint8_t digest[SHA256_LEN], struct bytes *ret);
must_use bool policy_context_decode(
	struct bytes in, policy_find find, void *arg, struct policy_frozen *ret, struct err *err);
/* The same; known: a complete policy, lent, that need not be parsed again where the context names it;
 * NULL: none. It must outlive what is returned. withheld: whether an object that `find` has not was left
 * out on purpose; evidence, release, approvals, statements and EK certificates are empty then, and what
 * is appraised of the rest is no verdict. NULL: nothing may be. Never the policy or its references. */
typedef bool (*policy_withheld)(void *arg, const uint8_t digest[SHA256_LEN]);
must_use bool policy_context_decode_withheld(struct bytes in, policy_find find,
	policy_withheld withheld, void *arg, struct policy *known, struct policy_frozen *ret,
	struct err *err);
void policy_frozen_release(struct policy_frozen *frozen);
/* The state that a context freezes and the digest of its policy, without any other object. */
must_use bool policy_context_state(struct bytes in, struct policy_state *ret_state,
	uint8_t ret_policy[SHA256_LEN], struct err *err);

/* Evidence × context × state → verdict, state. A refusal is a verdict; false means that nothing
 * could be decided, and the verdict is then zero: refused. state_out is what to keep when the
 * verdict is trusted; otherwise it equals state_in, except that `ended` is set once authentic
 * evidence held the instance's exit: keep that too. */
must_use bool policy_appraise(struct bytes evidence, const struct policy_context *context,
	const struct policy_state *state_in, struct verdict *ret_verdict,
	struct policy_state *ret_state_out, struct err *err);
/* Only what must hold before a challenge is consumed: the AK's signature over these claims, for
 * this challenge. */
must_use bool policy_evidence_authentic(
	struct bytes evidence, const struct policy_context *context, bool *ret, struct err *err);
/* Enrolment evidence (PURPOSE_ENROLL): quote by the AK to be enrolled, over session, exporter and
 * host key. */
must_use bool policy_appraise_enrolment(struct bytes evidence, const struct policy_context *context,
	struct verdict *ret_verdict, struct err *err);
/* The EK and its certificate under policy at a time: template, chain, profile, key equality; AK
 * attributes. */
must_use bool policy_appraise_ek(struct bytes ek_public, const struct bytes *certs,
	size_t cert_count, struct bytes ak_public, const struct policy *policy, int64_t now,
	struct verdict *ret_verdict, struct err *err);

#endif
