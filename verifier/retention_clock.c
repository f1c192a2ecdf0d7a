/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who can set the clock could have evidence destroyed early. Within a process its other clock says how
 * much time has passed since the first sweep: since the first and not the last, so that many small steps
 * are as much as one large one. From one process to the next nobody can say, so that a day is believed
 * and not more; then a person has to.
 */
#include "verifier/retention.h"

bool retention_clock_check(const struct retention_clock *clock, const struct clock *from,
	int64_t last, int64_t *ret_now, struct err *err)
{
	int64_t wall = clock_wall(from);
	char then[TIME_TEXT_MAX], now[TIME_TEXT_MAX];
	(void)time_format(wall, now);
	if (last > 0 && wall < last - RETENTION_CLOCK_SLACK_S)
		return err_set(err, ERR_DENIED,
			"the clock went back: it is %s, the last sweep was at %s", now,
			time_format(last, then));
	if (clock->anchored) {
		uint64_t passed = (clock_monotonic_ms(from) - clock->monotonic_ms) / 1000;
		int64_t until = clock->wall + (int64_t)passed +
				(int64_t)(passed / RETENTION_CLOCK_DRIFT) + RETENTION_CLOCK_SLACK_S;
		if (wall > until)
			return err_set(err, ERR_DENIED,
				"the clock jumped ahead: it is %s, and %llu s have passed since %s",
				now, (unsigned long long)passed, time_format(clock->wall, then));
	} else if (last > 0 && wall > last + RETENTION_CLOCK_STEP_S) {
		return err_set(err, ERR_DENIED,
			"the clock is more than a day ahead of the last sweep: it is %s, that was "
			"at %s",
			now, time_format(last, then));
	}
	*ret_now = wall > last ? wall : last;
	return true;
}

void retention_clock_anchor(struct retention_clock *clock, const struct clock *from, int64_t now)
{
	*clock = (struct retention_clock){
		.anchored = true, .wall = now, .monotonic_ms = clock_monotonic_ms(from)};
}
