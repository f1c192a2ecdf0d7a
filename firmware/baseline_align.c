/* SPDX-License-Identifier: Apache-2.0 */
/* The events of a PCR laid against the steps of a baseline: whether they fit, and if not, the
 * cheapest account of where they differ. */
#include "firmware/baseline_private.h"

#include <stdlib.h>

/* An event of the same text under another digest is the likeliest explanation; but two such pairs
 * cost more than one event that is missing, one that is unexpected, and digests that fit between
 * them. Events of different types are never a pair. */
enum {
	COST_SAME_TEXT = 5,
	COST_OTHER_TEXT = 7,
	COST_MISSING = 4,
	COST_UNEXPECTED = 4,
	COST_IMPOSSIBLE = 1000,
};

bool baseline_fits(const struct baseline_step *step, const struct baseline_event *event)
{
	for (size_t i = 0; i < step->count; i++)
		if (step->choices[i].type == event->event->type &&
			digest_equal(&step->choices[i].digest, &event->digest))
			return true;
	return false;
}

/* Where an image was loaded to, and how long it is, tells nothing of which one it is. */
static bool same_text(const char *a, const char *b)
{
	const char *end = strstr(a, " at 0x");

	return end ? strncmp(a, b, (size_t)(end - a)) == 0 : strcmp(a, b) == 0;
}

const struct baseline_choice *baseline_nearest(
	const struct baseline_step *step, const struct baseline_event *event)
{
	const struct baseline_choice *nearest = NULL;

	for (size_t i = 0; i < step->count; i++) {
		if (step->choices[i].type != event->event->type)
			continue;
		if (same_text(step->choices[i].comment, event->text))
			return &step->choices[i];
		if (!nearest)
			nearest = &step->choices[i];
	}
	return nearest;
}

bool baseline_accepts(const struct baseline_pcr *pcr, const struct baseline_run *run,
	bool *ret_accepted, struct err *err)
{
	/* here[i]: the events so far can be accounted for by the first i steps. */
	OWNED(free_ptr) bool *here = calloc(pcr->count + 1, sizeof(*here));
	OWNED(free_ptr) bool *next = calloc(pcr->count + 1, sizeof(*next));

	if (!here || !next)
		return err_set(err, ERR_NOMEM, "baseline");
	here[0] = true;
	for (size_t k = 0;; k++) {
		for (size_t i = 0; i < pcr->count; i++)
			if (here[i] && pcr->steps[i].optional)
				here[i + 1] = true;
		if (k == run->count)
			break;
		memset(next, 0, (pcr->count + 1) * sizeof(*next));
		for (size_t i = 0; i < pcr->count; i++)
			next[i + 1] = here[i] && baseline_fits(&pcr->steps[i], &run->events[k]);
		memcpy(here, next, (pcr->count + 1) * sizeof(*here));
	}
	*ret_accepted = here[pcr->count];
	return true;
}

static uint32_t pair_cost(const struct baseline_step *step, const struct baseline_event *event)
{
	const struct baseline_choice *nearest;

	if (baseline_fits(step, event))
		return 0;
	nearest = baseline_nearest(step, event);
	if (!nearest)
		return COST_IMPOSSIBLE;
	return same_text(nearest->comment, event->text) ? COST_SAME_TEXT : COST_OTHER_TEXT;
}

static uint32_t step_cost(const struct baseline_step *step)
{
	return step->optional ? 0 : COST_MISSING;
}

/* costs[i * width + k]: the cheapest account of the steps from i on and the events from k on. */
static void fill_costs(
	const struct baseline_pcr *pcr, const struct baseline_run *run, uint32_t *costs)
{
	size_t width = run->count + 1;

	for (size_t i = pcr->count + 1; i-- > 0;)
		for (size_t k = width; k-- > 0;) {
			uint32_t *cost = &costs[i * width + k], other;
			bool step_left = i < pcr->count, event_left = k < run->count;

			*cost = step_left || event_left ? UINT32_MAX : 0;
			if (step_left && event_left)
				*cost = cost[width + 1] +
					pair_cost(&pcr->steps[i], &run->events[k]);
			if (step_left) {
				other = cost[width] + step_cost(&pcr->steps[i]);
				*cost = other < *cost ? other : *cost;
			}
			if (event_left) {
				other = cost[1] + COST_UNEXPECTED;
				*cost = other < *cost ? other : *cost;
			}
		}
}

/* The next move along a cheapest account; a pair before a step before an event, so that what is the
 * same stays together. */
static struct align next_move(const struct baseline_pcr *pcr, const struct baseline_run *run,
	const uint32_t *costs, size_t i, size_t k)
{
	size_t width = run->count + 1;
	const uint32_t *cost = &costs[i * width + k];
	struct align move = {ALIGN_UNEXPECTED, i, k};

	if (i < pcr->count && k < run->count) {
		uint32_t pair = pair_cost(&pcr->steps[i], &run->events[k]);

		if (*cost == cost[width + 1] + pair) {
			move.kind = pair == 0 ? ALIGN_FITS : ALIGN_DIFFERENT;
			return move;
		}
	}
	if (i < pcr->count && *cost == cost[width] + step_cost(&pcr->steps[i]))
		move.kind = pcr->steps[i].optional ? ALIGN_SKIPPED : ALIGN_MISSING;
	return move;
}

bool baseline_align(const struct baseline_pcr *pcr, const struct baseline_run *run,
	struct align **ret, size_t *ret_count, struct err *err)
{
	OWNED(free_ptr)
	uint32_t *costs = calloc((pcr->count + 1) * (run->count + 1), sizeof(*costs));
	OWNED(free_ptr)
	struct align *aligns = calloc(pcr->count + run->count + 1, sizeof(*aligns));
	size_t i = 0, k = 0, n = 0;

	if (!costs || !aligns)
		return err_set(err, ERR_NOMEM, "baseline");
	fill_costs(pcr, run, costs);
	while (i < pcr->count || k < run->count) {
		struct align move = next_move(pcr, run, costs, i, k);

		aligns[n++] = move;
		i += move.kind != ALIGN_UNEXPECTED;
		k += move.kind != ALIGN_MISSING && move.kind != ALIGN_SKIPPED;
	}
	*ret = TAKE(aligns);
	*ret_count = n;
	return true;
}
