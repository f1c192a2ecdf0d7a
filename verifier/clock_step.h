/* SPDX-License-Identifier: Apache-2.0 */
/* Whether somebody set the clock: the wall clock held against the one that nobody sets. Private to verifier/. */
#ifndef ASSAY_VERIFIER_CLOCK_STEP_H
#define ASSAY_VERIFIER_CLOCK_STEP_H

#include "base/time.h"

#define CLOCK_STEP_SECONDS 60 /* less than this is drift, or a slow moment between two looks */

struct clock_seen {
	int64_t wall; /* seconds since 1970 */
	uint64_t ms; /* monotonic */
};

static inline struct clock_seen clock_look(const struct clock *clock)
{
	return (struct clock_seen){.wall = clock_wall(clock), .ms = clock_monotonic_ms(clock)};
}

/* Seconds by which the wall clock went ahead (negative: fell back) since *seen, which becomes what both are now. */
static inline int64_t clock_step(const struct clock *clock, struct clock_seen *seen)
{
	struct clock_seen before = *seen;
	*seen = clock_look(clock);
	return seen->wall - before.wall - (int64_t)((seen->ms - before.ms) / 1000);
}

#endif
