/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rollouts: a new release comes to a share of the hosts first, to all of them once it was promoted,
 * and to none once it was halted or rolled back. Pure: facts in, decisions out.
 *
 * A host's place is the first 8 bytes, big-endian, of SHA-256(domain || 0 || rollout id || host id).
 * It is in the canary when place / 2^64 < share / 10000, exactly. So a larger share holds every host
 * of a smaller one, and each rollout draws its hosts anew.
 */
#ifndef ASSAY_POLICY_ROLLOUT_H
#define ASSAY_POLICY_ROLLOUT_H

#include "base/bytes.h"
#include "crypto/digest.h"
#include "evidence/evidence.h"

#define ROLLOUT_ID_LEN      16u
#define ROLLOUT_SHARE_ALL   10000u /* shares are in basis points */
#define ROLLOUT_SOAK_MAX    (366 * (int64_t)86400)
#define ROLLOUT_DRAIN_MAX   (366 * (int64_t)86400)
#define ROLLOUT_LIMIT_MAX   1000000u
#define ROLLOUT_SAMPLE      20u /* decisions before a share counts, unless the plan says otherwise */
#define ROLLOUT_SHARE_TEXT  16u
#define ROLLOUT_BREACH_TEXT 128u

enum rollout_state {
	ROLLOUT_NONE = 0,
	ROLLOUT_RUNNING = 1,
	ROLLOUT_HALTED = 2,
	ROLLOUT_PROMOTED = 3,
	ROLLOUT_ROLLED_BACK = 4,
};
const char *rollout_state_name(enum rollout_state state); /* "rolled-back" */

enum rollout_step { ROLLOUT_WIDEN = 0, ROLLOUT_PROMOTE, ROLLOUT_HALT, ROLLOUT_ROLL_BACK };
/* The state that a step leads to; ROLLOUT_NONE: it may not be taken. */
enum rollout_state rollout_next(enum rollout_state state, enum rollout_step step);

/* ---- who is in the canary ---- */

must_use bool rollout_place(const uint8_t id[ROLLOUT_ID_LEN], const uint8_t host[HOST_ID_LEN],
	uint64_t *ret, struct err *err);
bool rollout_place_within(uint64_t place, unsigned share);

/* ---- one decision ---- */

/* What of a workload's last rollout a decision goes by; a record freezes it. state ROLLOUT_NONE:
 * there never was one, and nothing is asked. */
struct rollout_view {
	uint8_t id[ROLLOUT_ID_LEN];
	enum rollout_state state;
	unsigned share; /* basis points, 1..ROLLOUT_SHARE_ALL */
	uint8_t release_new[SHA256_LEN], release_old[SHA256_LEN];
	int64_t changed; /* since when it is in that state */
	int64_t drain; /* seconds from the promotion in which instances of other releases renew */
};
enum rollout_answer {
	ROLLOUT_REFUSE_STATE = 0, /* halted or rolled back */
	ROLLOUT_REFUSE_HOST, /* the new release outside the canary */
	ROLLOUT_REFUSE_RELEASE, /* a launch of a release that is not, or no longer, the workload's */
	ROLLOUT_REFUSE_DRAINED, /* a renewal of one, too late */
	ROLLOUT_ADMIT_CANARY,
	ROLLOUT_ADMIT,
};
/* renews: the instance was trusted with this very release before. Running: the new release on hosts
 * of the canary, the old one everywhere. Promoted: the new one everywhere, others renew until the
 * drain ends. Halted, rolled back: the old one. A third release renews but does not launch. */
enum rollout_answer rollout_judge(const struct rollout_view *rollout, uint64_t place,
	const uint8_t release[SHA256_LEN], bool renews, int64_t now);
/* The end of the drain; the last second of the year 9999 at most. */
int64_t rollout_drained(const struct rollout_view *rollout);

/* ---- how it goes on ---- */

struct rollout_limit {
	unsigned count; /* reached by so many; 0: no such limit */
	unsigned share; /* or by so many of 10000; 0: no such limit */
};
struct rollout_plan {
	unsigned share; /* basis points */
	int64_t soak; /* seconds from the start, or from the last widening, to a promotion */
	int64_t drain;
	bool automatic; /* promoted by the verifier once the soak is over */
	struct rollout_limit refusals; /* of the canary's decisions */
	struct rollout_limit
		failures; /* agents that ended badly; a share: of the canary's launches */
	unsigned sample; /* a share counts from so many decisions, or launches, on; at least 1 */
};
/* Of the canary, since the start. */
struct rollout_counts {
	uint64_t decisions; /* launches and renewals of the new release that were judged */
	uint64_t refusals; /* of them: for what speaks against the instance */
	uint64_t launches; /* of them: trusted launches */
	uint64_t ended; /* agents whose end the host reported */
	uint64_t failures; /* of them: by a signal, or with a status other than 0 */
	uint64_t unknown; /* of them: the host could not tell how */
};
/* The first limit that the counts reach, in words; false: all hold. */
bool rollout_breached(const struct rollout_plan *plan, const struct rollout_counts *counts,
	char why[ROLLOUT_BREACH_TEXT]);

enum rollout_readiness {
	ROLLOUT_BREACHED = 0,
	ROLLOUT_UNTRIED, /* no host of the canary was trusted with it yet */
	ROLLOUT_SOAKING,
	ROLLOUT_READY,
};
/* Whether a promotion would be by the rules. A clock that went back lengthens the soak. */
enum rollout_readiness rollout_ready(const struct rollout_plan *plan,
	const struct rollout_counts *counts, int64_t soak_from, int64_t now);
/* Seconds of the soak that are left. */
int64_t rollout_soak_left(const struct rollout_plan *plan, int64_t soak_from, int64_t now);

/* ---- in words ---- */

/* "5%", "5.5%", "0.01%" to basis points: more than none, at most all, no blanks. ERR_USAGE. */
must_use bool rollout_share_parse(struct bytes text, unsigned *ret, struct err *err);
const char *rollout_share_format(unsigned share, char out[ROLLOUT_SHARE_TEXT]);
/* 1 to ROLLOUT_LIMIT_MAX, in decimal digits alone. */
bool rollout_count_parse(struct bytes text, unsigned *ret);
/* "refusals=3", "failures=2.5%" into the plan; each at most once. ERR_USAGE. */
must_use bool rollout_limit_parse(struct bytes text, struct rollout_plan *plan, struct err *err);

#endif
