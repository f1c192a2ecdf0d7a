/* SPDX-License-Identifier: Apache-2.0 */
/* Time: wall-clock seconds since 1970 UTC, monotonic milliseconds, and the seam through which
 * libraries get both. */
#ifndef ASSAY_BASE_TIME_H
#define ASSAY_BASE_TIME_H

#include "base/bytes.h"

#include <time.h>

#define TIME_TEXT_MAX 32

struct clock;
struct clock_ops {
	int64_t (*wall)(const struct clock *clock); /* seconds since 1970-01-01T00:00:00Z */
	uint64_t (*monotonic_ms)(const struct clock *clock); /* never goes back; starts anywhere */
	/* See clock_boot; may be NULL. */
	bool (*boot)(const struct clock *clock, uint8_t *id);
};
struct clock {
	const struct clock_ops *ops;
};
/* The machine's own clocks. */
extern const struct clock clock_system;

static inline int64_t clock_wall(const struct clock *clock)
{
	return clock->ops->wall(clock);
}
static inline uint64_t clock_monotonic_ms(const struct clock *clock)
{
	return clock->ops->monotonic_ms(clock);
}
#define CLOCK_BOOT_LEN 16
/* Which boot of the machine this is: another 16 bytes each time. Then monotonic_ms counts from the boot, too,
 * in every process. False: nobody can say. */
static inline bool clock_boot(const struct clock *clock, uint8_t id[CLOCK_BOOT_LEN])
{
	return clock->ops->boot && clock->ops->boot(clock, id);
}
/* Microseconds of the machine's monotonic clock, to measure by. */
uint64_t clock_now_us(void);
/* So many milliseconds from now on the machine's monotonic clock: for a condition variable that was made
 * for it. */
struct timespec clock_deadline(int64_t ms);
/* RFC 3339 in UTC, "2026-11-22T23:21:38Z". Returns out. */
const char *time_format(int64_t seconds, char out[TIME_TEXT_MAX]);
/* Strict RFC 3339, UTC ("Z") only, years 1970 to 9999. A fraction of up to 9 digits is accepted and
 * dropped; second 60 is refused. */
must_use bool time_parse(struct bytes in, int64_t *ret, struct err *err);
/* "90", "90s", "15m", "12h", "30d" to seconds, at most max. */
must_use bool time_parse_duration(struct bytes in, int64_t max, int64_t *ret, struct err *err);

#endif
