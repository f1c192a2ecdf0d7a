/* SPDX-License-Identifier: Apache-2.0 */
/* Arithmetic of times: seconds since 1970 UTC, none beyond the last second of the year 9999. Private to policy/. */
#ifndef ASSAY_POLICY_INSTANT_H
#define ASSAY_POLICY_INSTANT_H

#include <stdint.h>

#define INSTANT_MAX INT64_C(253402300799)

static inline int64_t earlier_of(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static inline int64_t later_of(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* So many seconds later; INSTANT_MAX at most. Both are 0 to INSTANT_MAX. */
static inline int64_t instant_after(int64_t time, int64_t seconds)
{
	return earlier_of(time, INSTANT_MAX - seconds) + seconds;
}

#endif
