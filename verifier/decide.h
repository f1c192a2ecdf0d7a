/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One attestation on its way to a decision:
 *
 *   open    whose challenge it is, decoded messages                        worker
 *   load    every row the context names, with its version                  worker, reading
 * connection judge   policy_appraise                                                worker make
 * context, verdict, record, leaf, credentials: all signed        worker commit  versions rechecked,
 * challenge consumed, everything stored      writer, inside the batch's transaction answer  only
 * after the commit                                          writer's completion
 *
 * A row that moved between load and commit sends the decision back to load, a few times. What was
 * signed for an attempt that did not commit never leaves this struct.
 */
#ifndef ASSAY_VERIFIER_DECIDE_H
#define ASSAY_VERIFIER_DECIDE_H

#include "verifier/attributes.h"
#include "verifier/decide_common.h"
#include "verifier/elevations.h"

#define DECIDE_ATTEMPTS_MAX    4u
#define DECIDE_CREDENTIALS_MAX (1u + AUDIENCES_MAX)

enum decide_outcome {
	DECIDE_NONE = 0,
	DECIDE_UNRECORDED, /* a refusal that nobody has signed for: answered, logged, not kept */
	DECIDE_RECORDED,
};

struct decision {
	struct call *call;
	struct app *app;
	unsigned attempt;
	uint64_t started_ms;
	uint64_t stage_us; /* when the stage it is in began */

	/* open */
	struct evidence evidence; /* borrows from the request's body */
	struct claims claims;
	struct context_challenge challenge;

	/* load */
	struct policy_ref *policy;
	struct host_row host;
	const struct decide_common *common; /* never NULL */
	bool common_kept; /* not read for this decision */
	struct buf elevations; /* in force for the instance: what the context freezes */
	struct instance_row instance;
	bool instance_known;
	uint64_t counter;
	struct rollout_instance watched[ROLLOUT_WATCHED_MAX]; /* on this host, of any rollout */
	size_t watched_count;
	struct policy_context context;

	/* judge */
	enum decide_outcome outcome;
	struct policy_state state_in, state_out;
	struct tpms_attest attest; /* of an authentic quote */

	/* make */
	struct buf context_bytes, state_bytes /* state_out */, verdict_json;
	struct record *opened; /* owned; as it was signed */
	struct record_row record;
	struct leaf_row leaf, issued_leaf;
	struct issued credentials[DECIDE_CREDENTIALS_MAX];
	enum credential_kind kinds[DECIDE_CREDENTIALS_MAX];
	size_t credential_count;
	uint8_t key[SHA256_LEN]; /* SHA-256 of the SPKI in the claims */

	/* commit */
	uint64_t next_renewal; /* its counter, of what is trusted */
	bool quarantined;
	bool canary; /* trusted with what its rollout runs: its end is wanted */
	bool rollout_halted; /* one, by what this evidence added */
	bool again; /* the workload's own, before this decision: only that was committed */

	/* Large and mostly room: not cleared but for their counts (decide_new). */
	struct verdict verdict; /* judge */
	struct host_attributes attributes; /* load */
};

/* decide_load.c */
must_use bool decide_open(struct decision *d, struct err *err);
must_use bool decide_load(struct decision *d, struct err *err);
/* decide_make.c */
struct decision *decide_new(void); /* NULL: no memory; freed after decide_drop */
must_use bool decide_make(struct decision *d, struct err *err);
/* For another attempt: as after decide_open. Or for good. */
void decide_unmake(struct decision *d);
void decide_drop(struct decision *d);
/* decide_commit.c: a store_work. */
bool decide_commit(struct store_tx *tx, void *decision, struct err *err);
/* Until when the instance may be believed after this decision, Unix seconds. Never the same twice: a
 * renewal within one second still begins another lease. It may end earlier than the lease before: the class believes for less
 * long now, or the clock ran ahead then. */
int64_t decide_lease(const struct decision *d);
/* Refused only for what says nothing against the instance: the same host may try again. */
bool decide_harmless(const struct verdict *verdict);
/* decide_tpm.c, inside the job: a row of what the TPM went through, where it went through anything; and whether this quote
 * shows that its state lives twice. */
must_use bool decide_put_sighting(struct decision *d, struct store_tx *tx, struct err *err);
bool decide_is_fork(const struct decision *d);
/* decide_rollout.c: the ends of agents that a vouched-for log tells of; inside the job: those
 * ends counted (d->again: they halted the rollout that this decision was judged by), the rollout
 * unchanged, and the decision itself counted. */
must_use bool decide_rollout_exits(struct decision *d, struct err *err);
must_use bool decide_rollout_count_exits(struct decision *d, struct store_tx *tx, struct err *err);
must_use bool decide_rollout_recheck(struct decision *d, struct store_tx *tx, struct err *err);
must_use bool decide_rollout_count(struct decision *d, struct store_tx *tx, struct err *err);
/* decide_full.c. Asked for: an instance that renews for long is asked for everything again now and
 * then, at a beat of its own, and in any case once its last full appraisal (full_counter) is
 * config.full_appraisal_every renewals away; so an audit of a renewal never has to walk back further.
 * counter: of the renewal that is to come. */
bool full_due(const struct app *app, const uint8_t instance[INSTANCE_ID_LEN], uint64_t full_counter,
	uint64_t counter);
/* Demanded, whatever the host does: the renewals since, once they are an eighth more than asked for;
 * 0 before. */
uint64_t full_overdue(const struct app *app, uint64_t full_counter, uint64_t counter);
/* What the instance's full_counter is after this trusted decision; counter: of its next renewal. */
uint64_t decide_full_counter(const struct decision *d, uint64_t counter);
/* decide_answer.c */
must_use bool decide_answer(struct decision *d, struct err *err);
void decide_log(const struct decision *d);
void decide_log_halt(const struct decision *d);
/* decide_metrics.c: the stage is over, and the next begins; the decision is counted. */
void decide_stage(struct decision *d, enum metric_stage stage);
void decide_count(const struct decision *d);

/* From where on the verifier wants the logs of an instance's next evidence: their beginning when
 * there is nothing to stand on, or a full appraisal is due again (config.full_appraisal_every);
 * counter: that of the renewal. */
void offer_logs(struct app *app, const struct instance_row *instance, const struct host_row *host,
	uint64_t counter, struct challenge_offer *offer);
/* A challenge for the instance at its present counter. */
must_use bool offer_make(struct app *app, const struct store_tree *tree,
	const uint8_t host[HOST_ID_LEN], const uint8_t instance[INSTANCE_ID_LEN],
	enum purpose purpose, uint64_t counter, int64_t lifetime, struct buf *out,
	int64_t *ret_expires, struct err *err);

#endif
