/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The core of rollouts. Shares and limits are typed by operators; places, states and counts come out of a database. The first
 * byte chooses: text as a share, text as a limit, or numbers as a place and a decision.
 */
#include "policy/rollout.h"

#include <assert.h>

static void run_share(struct bytes in)
{
	unsigned share = 0, again = 0;
	char text[ROLLOUT_SHARE_TEXT];

	if (!rollout_share_parse(in, &share, NULL))
		return;
	assert(share > 0 && share <= ROLLOUT_SHARE_ALL);
	assert(rollout_share_parse(bytes_str(rollout_share_format(share, text)), &again, NULL));
	assert(again == share);
}

static void run_limit(struct bytes in)
{
	struct rollout_plan plan = {0};

	if (!rollout_limit_parse(in, &plan, NULL))
		return;
	assert((plan.refusals.count > 0) + (plan.refusals.share > 0) + (plan.failures.count > 0) +
			(plan.failures.share > 0) ==
		1);
	assert(!rollout_limit_parse(in, &plan, NULL));
}

struct numbers {
	uint64_t place;
	uint32_t share, more, state;
	int64_t changed, drain, now;
	uint8_t release, renews;
};

__extension__ typedef unsigned __int128 wide;

static void run_numbers(struct bytes in)
{
	struct numbers n;
	struct rollout_view view = {.release_new = {1}, .release_old = {2}};
	uint8_t release[SHA256_LEN] = {0};
	enum rollout_answer answer;

	if (in.len < sizeof(n))
		return;
	memcpy(&n, in.data, sizeof(n));
	n.share %= ROLLOUT_SHARE_ALL + 1;
	n.more = n.share + n.more % (ROLLOUT_SHARE_ALL + 1 - n.share);
	/* Exact, and no host leaves when the share grows. */
	assert(rollout_place_within(n.place, n.share) ==
		((wide)n.place * ROLLOUT_SHARE_ALL < (wide)n.share << 64));
	assert(!rollout_place_within(n.place, n.share) || rollout_place_within(n.place, n.more));
	view.state = (enum rollout_state)(n.state % 7);
	view.share = n.share;
	view.changed = n.changed & INT64_C(0x3affffffff);
	view.drain = n.drain & 0xffffff;
	release[0] = n.release % 4;
	answer = rollout_judge(&view, n.place, release, n.renews & 1, n.now);
	if (answer == ROLLOUT_ADMIT_CANARY)
		assert(view.state == ROLLOUT_RUNNING && release[0] == 1 &&
			rollout_place_within(n.place, n.share));
	if (answer == ROLLOUT_ADMIT && release[0] == 1)
		assert(view.state == ROLLOUT_NONE || view.state == ROLLOUT_PROMOTED);
	/* What may launch may renew. */
	if (answer >= ROLLOUT_ADMIT_CANARY && !(n.renews & 1))
		assert(rollout_judge(&view, n.place, release, true, n.now) == answer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const run[])(struct bytes in) = {run_share, run_limit, run_numbers};

	if (size > 0)
		run[data[0] % ARRAY_LEN(run)](bytes_of(data + 1, size - 1));
	return 0;
}
