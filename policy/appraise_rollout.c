/* SPDX-License-Identifier: Apache-2.0 */
/* Whether the workload's last rollout admits this release on this host, now. */
#include "policy/appraisal.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/text.h"
#include "base/time.h"

struct rollout_words {
	char which[64]; /* "rollout 0102030405060708 (running, canary 5%)" */
	char share[ROLLOUT_SHARE_TEXT], place[ROLLOUT_SHARE_TEXT];
	char release_new[2 * SHA256_LEN + 1], release_old[2 * SHA256_LEN + 1];
	char claimed[2 * SHA256_LEN + 1];
	char changed[TIME_TEXT_MAX], drained[TIME_TEXT_MAX];
};

static void words_make(const struct rollout_view *r, const uint8_t claimed[SHA256_LEN],
	uint64_t place, struct rollout_words *w)
{
	uint64_t millionths = (place >> 32) * 1000000 >> 32;
	char id[17];

	(void)rollout_share_format(r->share, w->share);
	(void)snprintf(w->which, sizeof(w->which), "rollout %s (%s, canary %s)",
		text_short_hex(BYTES_OF(r->id), id), rollout_state_name(r->state), w->share);
	(void)snprintf(w->place, sizeof(w->place), "%" PRIu64 ".%04" PRIu64 "%%",
		millionths / 10000, millionths % 10000);
	hex_encode(BYTES_OF(r->release_new), w->release_new);
	hex_encode(BYTES_OF(r->release_old), w->release_old);
	hex_encode(bytes_of(claimed, SHA256_LEN), w->claimed);
	(void)time_format(r->changed, w->changed);
	(void)time_format(rollout_drained(r), w->drained);
}

static void refuse_state(
	struct verdict *verdict, enum rollout_state state, const struct rollout_words *w)
{
	bool halted = state == ROLLOUT_HALTED;
	char actual[64];

	(void)snprintf(actual, sizeof(actual), "%s since %s", halted ? "halted" : "rolled back",
		w->changed);
	verdict_refuse(verdict, halted ? REASON_ROLLOUT_HALTED : REASON_ROLLOUT_ROLLED_BACK,
		"rollout of the release", "running or promoted", actual, w->which, NULL);
}

static void refuse_host(struct appraisal *a, const struct rollout_words *w)
{
	char expected[64], actual[64];

	(void)snprintf(
		expected, sizeof(expected), "a host of the canary: a place below %s", w->share);
	(void)snprintf(actual, sizeof(actual), "a host outside it: place %s", w->place);
	verdict_refuse(a->verdict, REASON_ROLLOUT_CANARY, "host of the new release", expected,
		actual, w->which, NULL);
}

static void refuse_release(struct appraisal *a, const struct rollout_words *w, bool drained)
{
	enum rollout_state state = a->context->rollout.state;
	char expected[REASON_TEXT_MAX];

	if (drained)
		(void)snprintf(expected, sizeof(expected), "renewals of other releases before %s",
			w->drained);
	else if (state == ROLLOUT_RUNNING)
		(void)snprintf(
			expected, sizeof(expected), "%s or %s", w->release_new, w->release_old);
	else
		(void)snprintf(expected, sizeof(expected), "%s",
			state == ROLLOUT_PROMOTED ? w->release_new : w->release_old);
	verdict_refuse(a->verdict, REASON_ROLLOUT_RELEASE, "release of the workload", expected,
		w->claimed, w->which, NULL);
}

bool check_rollout(struct appraisal *a, struct err *err)
{
	const struct rollout_view *r = &a->context->rollout;
	struct rollout_words w;
	uint64_t place = 0;
	/* A host may call its first evidence a renewal: only what was trusted before is one. */
	bool renews = a->claims.purpose == PURPOSE_RENEW && a->state_in->established;

	if (r->state == ROLLOUT_NONE)
		return true;
	if (!rollout_place(r->id, a->context->host.id, &place, err))
		return false;
	words_make(r, a->claims.release, place, &w);
	switch (rollout_judge(r, place, a->claims.release, renews, a->context->now)) {
	case ROLLOUT_REFUSE_HOST:
		refuse_host(a, &w);
		break;
	case ROLLOUT_REFUSE_RELEASE:
		refuse_release(a, &w, false);
		break;
	case ROLLOUT_REFUSE_DRAINED:
		refuse_release(a, &w, true);
		break;
	case ROLLOUT_ADMIT_CANARY:
		verdict_checked(a->verdict,
			"%s: the new release, on a host of the canary (place %s)", w.which,
			w.place);
		break;
	case ROLLOUT_ADMIT:
		verdict_checked(
			a->verdict, "%s: admits this release here (place %s)", w.which, w.place);
		break;
	case ROLLOUT_REFUSE_STATE:
	default:
		refuse_state(a->verdict, r->state, &w);
		break;
	}
	return true;
}

void policy_rollout_gate(const struct rollout_view *rollout, const uint8_t release[SHA256_LEN],
	struct verdict *verdict)
{
	struct rollout_words w;

	if (memcmp(release, rollout->release_new, SHA256_LEN) != 0)
		return;
	words_make(rollout, release, 0, &w);
	if (rollout->state == ROLLOUT_HALTED || rollout->state == ROLLOUT_ROLLED_BACK)
		refuse_state(verdict, rollout->state, &w);
	else if (rollout->state == ROLLOUT_RUNNING)
		verdict_not_checked(
			verdict, "%s: on which hosts; only those of the canary launch it", w.which);
}
