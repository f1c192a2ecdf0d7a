/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One appraisal while it is made: parsed, then checked, then decided. Private to policy/.
 *
 * A check adds reasons and returns true; false means that a primitive failed and nothing can be
 * decided. Checks that stand on signed values ask `quoted` first: nothing unsigned decides
 * anything.
 */
#ifndef ASSAY_POLICY_APPRAISAL_H
#define ASSAY_POLICY_APPRAISAL_H

#include "policy/policy.h"
#include "policy/refuse.h"

/* A component record of this instance. Views borrow from the evidence. */
struct found_component {
	struct runtime_component component;
	uint8_t digest[SHA256_LEN]; /* SHA-256 of the record's content: how the launch record lists
				       it */
	uint64_t recnum;
	bool listed; /* by the launch record */
};

/* What a walk over the runtime log found. */
struct runtime_findings {
	bool replayed; /* the log replays onto the quoted PCR: what follows is what the TPM vouches
			  for */
	bool baseline; /* record 0 was one */
	bool ended; /* an exit record of this instance */
	uint64_t next; /* record after the last */
	uint8_t value[DIGEST_LEN_MAX]; /* of the runtime PCR */
	size_t launches;
	uint64_t launch_recnum;
	uint8_t launch_digest[SHA256_LEN]; /* SHA-256 of the launch record's content */
	struct runtime_launch launch;
	size_t component_count;
	bool components_cut;
	struct found_component components[RUNTIME_COMPONENTS_MAX];
};

struct appraisal {
	const struct policy_context *context;
	const struct policy *policy;
	const struct policy_state *state_in;
	struct verdict *verdict;
	const struct policy_class
		*class; /* the register's; NULL when the policy does not know it */

	struct evidence evidence;
	struct claims claims;
	uint8_t claims_digest[SHA256_LEN]; /* what quote and certification must carry */
	struct tpmt_public ak, ek;
	struct key *ak_key, *key; /* owned; key: the one to be certified */

	bool full;
	bool quoted; /* the quote holds in every respect */
	struct tpms_attest attest; /* valid once quoted */
	struct pcr_bank pcrs; /* only what the quote covers */
	bool unpinned;
	struct release *release; /* owned; NULL until judged */
	size_t host_class; /* what state_next keeps of the boot */
	int64_t boot_until;
	bool ima_judged;
	struct ima_state ima;
	struct runtime_findings
		runtime; /* last, and its components last of all: they are not cleared */
};

struct appraisal_check {
	bool (*run)(struct appraisal *a, struct err *err);
	enum verdict_part part; /* what it notes is about this */
};

/* NULL on no memory. */
struct appraisal *appraisal_new(const struct policy_context *context,
	const struct policy_state *state_in, struct verdict *verdict, struct err *err);
void appraisal_free(struct appraisal **appraisal);
/* The parse stage. *ret_ok = false: malformed, the reason is noted and there is nothing to check.
 */
must_use bool appraisal_parse(
	struct appraisal *a, struct bytes evidence, bool *ret_ok, struct err *err);
must_use bool appraisal_run(
	struct appraisal *a, const struct appraisal_check *checks, size_t n, struct err *err);

/* appraise_challenge.c: the challenge is the verifier's, fresh, and for this host, instance and
 * purpose. */
bool check_challenge(struct appraisal *a, struct err *err);
bool check_verifier(struct appraisal *a, struct err *err);
bool check_exporter(struct appraisal *a, struct err *err);
/* appraise_quote.c */
bool check_quote(struct appraisal *a, struct err *err);
bool check_logs_sent(struct appraisal *a, struct err *err);
/* appraise_key.c */
bool check_possession(struct appraisal *a, struct err *err);
bool check_key_protection(struct appraisal *a, struct err *err);
/* appraise_host.c */
bool check_host_identity(struct appraisal *a, struct err *err);
bool check_host_state(struct appraisal *a, struct err *err);
bool check_host_ek(struct appraisal *a, struct err *err);
bool check_counters(struct appraisal *a, struct err *err);
bool check_tpm_firmware(struct appraisal *a, struct err *err);
/* appraise_state.c */
bool check_continuity(struct appraisal *a, struct err *err);
bool check_other_pcrs(struct appraisal *a, struct err *err);
/* SHA-256 over the quoted PCRs that may not move while an instance lives: all but the runtime PCR
 * and PCR 10 (IMA). */
must_use bool other_pcrs_digest(
	const struct appraisal *a, uint8_t out[SHA256_LEN], struct err *err);
must_use bool state_next(const struct appraisal *a, struct policy_state *ret, struct err *err);
/* appraise_runtime.c */
bool check_runtime(struct appraisal *a, struct err *err);
/* appraise_boot.c: the boot and the IMA log, under the host classes that the risk class names. */
bool check_boot(struct appraisal *a, struct err *err);
/* appraise_release.c */
bool check_workload(struct appraisal *a, struct err *err);
bool check_release(struct appraisal *a, struct err *err);
/* floor.c */
bool check_floors(struct appraisal *a, struct err *err);
/* appraise_rollout.c */
bool check_rollout(struct appraisal *a, struct err *err);
/* appraise_launch.c */
bool check_launch(struct appraisal *a, struct err *err);
bool check_pinned(struct appraisal *a, struct err *err);
/* appraise_placement.c: where it runs, and how confined. */
bool check_placement(struct appraisal *a, struct err *err);
bool check_sandbox(struct appraisal *a, struct err *err);
/* appraise_environment.c: whom its environment's values are kept for. */
bool check_environment(struct appraisal *a, struct err *err);
/* appraise_elevation.c: once all the rest is judged. */
bool check_elevations(struct appraisal *a, struct err *err);
void limit_lifetime(struct appraisal *a);
/* appraise.c */
bool check_assurance(struct appraisal *a, struct err *err);

/* appraise_ek.c: the key alone (template, distrust); key and certificate. */
struct ek_times {
	int64_t judged; /* by which the certificate's validity counts */
	int64_t now; /* by which a revocation does */
};
must_use bool ek_key_appraise(const struct tpmt_public *ek, const struct policy *policy,
	struct verdict *verdict, struct err *err);
must_use bool ek_appraise(const struct tpmt_public *ek, const struct bytes *certs,
	size_t cert_count, const struct policy *policy, struct ek_times times,
	struct verdict *verdict, struct err *err);
/* Splits concatenated DER certificates, skipping NV padding; at most EK_CERTS_MAX. */
must_use bool ek_certs_split(
	struct bytes in, struct bytes certs[EK_CERTS_MAX], size_t *ret_count, struct err *err);

#endif
