/* SPDX-License-Identifier: Apache-2.0 */
/* The decisions about a rollout. What is allowed in which state stands in tables. */
#include "policy/rollout.h"

#include <inttypes.h>
#include <stdio.h>

#include "policy/instant.h"

#define DOMAIN "assay/rollout-place/v1"

#define STATES 5u

static const char *const state_names[] = {
	[ROLLOUT_NONE] = "none",
	[ROLLOUT_RUNNING] = "running",
	[ROLLOUT_HALTED] = "halted",
	[ROLLOUT_PROMOTED] = "promoted",
	[ROLLOUT_ROLLED_BACK] = "rolled-back",
};

const char *rollout_state_name(enum rollout_state state)
{
	return (unsigned)state < STATES ? state_names[state] : state_names[0];
}

static const enum rollout_state steps[STATES][4] = {
	[ROLLOUT_RUNNING] =
		{
			[ROLLOUT_WIDEN] = ROLLOUT_RUNNING,
			[ROLLOUT_PROMOTE] = ROLLOUT_PROMOTED,
			[ROLLOUT_HALT] = ROLLOUT_HALTED,
			[ROLLOUT_ROLL_BACK] = ROLLOUT_ROLLED_BACK,
		},
	[ROLLOUT_HALTED] = {[ROLLOUT_ROLL_BACK] = ROLLOUT_ROLLED_BACK},
	[ROLLOUT_PROMOTED] = {[ROLLOUT_ROLL_BACK] = ROLLOUT_ROLLED_BACK},
};

enum rollout_state rollout_next(enum rollout_state state, enum rollout_step step)
{
	return (unsigned)state < STATES && (unsigned)step <= ROLLOUT_ROLL_BACK ? steps[state][step]
									       : ROLLOUT_NONE;
}

/* ---- who is in the canary ---- */

bool rollout_place(const uint8_t id[ROLLOUT_ID_LEN], const uint8_t host[HOST_ID_LEN], uint64_t *ret,
	struct err *err)
{
	const struct bytes parts[] = {
		bytes_of(DOMAIN, sizeof(DOMAIN)), /* with its NUL */
		bytes_of(id, ROLLOUT_ID_LEN),
		bytes_of(host, HOST_ID_LEN),
	};
	struct digest digest;

	if (!digest_of_parts(DIGEST_SHA256, parts, ARRAY_LEN(parts), &digest, err))
		return err_wrap(err, "place in the rollout");
	*ret = 0;
	for (size_t i = 0; i < sizeof(*ret); i++)
		*ret = *ret << 8 | digest.bytes[i];
	return true;
}

/* place / 2^64 < share / 10000, that is place < share * 2^64 / 10000 rounded up; 2^64 is
 * whole * 10000 + rest. */
bool rollout_place_within(uint64_t place, unsigned share)
{
	const uint64_t whole = UINT64_MAX / ROLLOUT_SHARE_ALL;
	const uint64_t rest = UINT64_MAX % ROLLOUT_SHARE_ALL + 1;

	if (share >= ROLLOUT_SHARE_ALL)
		return true;
	return place < share * whole + (share * rest + ROLLOUT_SHARE_ALL - 1) / ROLLOUT_SHARE_ALL;
}

/* ---- one decision ---- */

enum rule { RULE_REFUSE = 0, RULE_RELEASE, RULE_CANARY, RULE_DRAIN, RULE_ADMIT };
enum side { SIDE_NEW = 0, SIDE_OLD, SIDE_OTHER };

static const enum rule launches[STATES][3] = {
	[ROLLOUT_NONE] = {RULE_ADMIT, RULE_ADMIT, RULE_ADMIT},
	[ROLLOUT_RUNNING] = {RULE_CANARY, RULE_ADMIT, RULE_RELEASE},
	[ROLLOUT_HALTED] = {RULE_REFUSE, RULE_ADMIT, RULE_RELEASE},
	[ROLLOUT_PROMOTED] = {RULE_ADMIT, RULE_RELEASE, RULE_RELEASE},
	[ROLLOUT_ROLLED_BACK] = {RULE_REFUSE, RULE_ADMIT, RULE_RELEASE},
};
static const enum rule renewals[STATES][3] = {
	[ROLLOUT_NONE] = {RULE_ADMIT, RULE_ADMIT, RULE_ADMIT},
	[ROLLOUT_RUNNING] = {RULE_CANARY, RULE_ADMIT, RULE_ADMIT},
	[ROLLOUT_HALTED] = {RULE_REFUSE, RULE_ADMIT, RULE_ADMIT},
	[ROLLOUT_PROMOTED] = {RULE_ADMIT, RULE_DRAIN, RULE_DRAIN},
	[ROLLOUT_ROLLED_BACK] = {RULE_REFUSE, RULE_ADMIT, RULE_ADMIT},
};

static enum side side_of(const struct rollout_view *rollout, const uint8_t *release)
{
	if (memcmp(release, rollout->release_new, SHA256_LEN) == 0)
		return SIDE_NEW;
	return memcmp(release, rollout->release_old, SHA256_LEN) == 0 ? SIDE_OLD : SIDE_OTHER;
}

int64_t rollout_drained(const struct rollout_view *rollout)
{
	return instant_after(rollout->changed, rollout->drain);
}

enum rollout_answer rollout_judge(const struct rollout_view *rollout, uint64_t place,
	const uint8_t release[SHA256_LEN], bool renews, int64_t now)
{
	enum side side = side_of(rollout, release);

	if ((unsigned)rollout->state >= STATES)
		return ROLLOUT_REFUSE_STATE;
	switch (renews ? renewals[rollout->state][side] : launches[rollout->state][side]) {
	case RULE_ADMIT:
		return ROLLOUT_ADMIT;
	case RULE_CANARY:
		return rollout_place_within(place, rollout->share) ? ROLLOUT_ADMIT_CANARY
								   : ROLLOUT_REFUSE_HOST;
	case RULE_DRAIN:
		return now < rollout_drained(rollout) ? ROLLOUT_ADMIT : ROLLOUT_REFUSE_DRAINED;
	case RULE_RELEASE:
		return ROLLOUT_REFUSE_RELEASE;
	case RULE_REFUSE:
	default:
		return ROLLOUT_REFUSE_STATE;
	}
}

/* ---- how it goes on ---- */

struct tally {
	const char *of, *among;
	const struct rollout_limit *limit;
	uint64_t count, all;
};

static bool reached(const struct tally *t, unsigned sample, char why[ROLLOUT_BREACH_TEXT])
{
	char share[ROLLOUT_SHARE_TEXT];

	if (t->limit->count > 0 && t->count >= t->limit->count) {
		(void)snprintf(why, ROLLOUT_BREACH_TEXT, "%s: %" PRIu64 ", the limit is %u", t->of,
			t->count, t->limit->count);
		return true;
	}
	if (t->limit->share == 0 || t->all < sample ||
		t->count * ROLLOUT_SHARE_ALL < t->all * t->limit->share)
		return false;
	(void)snprintf(why, ROLLOUT_BREACH_TEXT,
		"%s: %" PRIu64 " of %" PRIu64 " %s, the limit is %s", t->of, t->count, t->all,
		t->among, rollout_share_format(t->limit->share, share));
	return true;
}

bool rollout_breached(const struct rollout_plan *plan, const struct rollout_counts *counts,
	char why[ROLLOUT_BREACH_TEXT])
{
	const struct tally refusals = {
		"refusals", "decisions", &plan->refusals, counts->refusals, counts->decisions};
	const struct tally failures = {
		"failures", "launches", &plan->failures, counts->failures, counts->launches};

	return reached(&refusals, plan->sample, why) || reached(&failures, plan->sample, why);
}

int64_t rollout_soak_left(const struct rollout_plan *plan, int64_t soak_from, int64_t now)
{
	int64_t end = instant_after(soak_from, plan->soak);

	return later_of(end - now, 0);
}

enum rollout_readiness rollout_ready(const struct rollout_plan *plan,
	const struct rollout_counts *counts, int64_t soak_from, int64_t now)
{
	char why[ROLLOUT_BREACH_TEXT];

	if (rollout_breached(plan, counts, why))
		return ROLLOUT_BREACHED;
	if (counts->decisions <= counts->refusals)
		return ROLLOUT_UNTRIED;
	return rollout_soak_left(plan, soak_from, now) > 0 ? ROLLOUT_SOAKING : ROLLOUT_READY;
}
