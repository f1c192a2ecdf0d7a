/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who can set the clock could have evidence destroyed early. Within one boot of the machine its other
 * clock says how much time has passed since the first sweep: since the first and not the last, so that
 * many small steps are as much as one large one, and in the store, so that starting the service anew
 * changes nothing. Over a boot nobody can say, but that the machine has been up since; the rest is believed
 * out of an allowance of a day that only time that is proved fills up again, so that many boots are no
 * more than one; then a person has to say it.
 *
 * Where several machines share the database, each has a boot and a first sweep of its own, and goes on
 * from there when it sweeps after another. For how long a machine has been up that is met for the first
 * time says nothing there: it was up while the others swept.
 */
#include "verifier/retention.h"

/* A machine that does not say which boot this is: then it is this process. */
bool retention_clock_open(const struct clock *clock, struct random *random,
	struct retention_clock *ret, struct err *err)
{
	ret->clock = clock;
	ret->known = clock_boot(clock, ret->boot);
	return ret->known || random_fill(random, ret->boot, sizeof(ret->boot), err) ||
	       err_wrap(err, "retention");
}

/* Its other clock goes back when a machine is put back to an earlier time. */
static bool same_boot(
	const struct retention_clock *clock, const struct retention_state *last, uint64_t ms)
{
	return last->anchor > 0 && memcmp(clock->boot, last->boot, sizeof(last->boot)) == 0 &&
	       ms >= last->time_ms;
}

static bool within_boot(
	const struct retention_state *last, int64_t wall, uint64_t ms, struct err *err)
{
	uint64_t passed = (ms - last->anchor_ms) / 1000;
	int64_t until = last->anchor + (int64_t)passed + (int64_t)(passed / RETENTION_CLOCK_DRIFT) +
			RETENTION_CLOCK_SLACK_S;
	char then[TIME_TEXT_MAX], now[TIME_TEXT_MAX];
	return wall <= until ||
	       err_set(err, ERR_DENIED,
		       "the clock jumped ahead: it is %s, and %llu s have passed since %s",
		       time_format(wall, now), (unsigned long long)passed,
		       time_format(last->anchor, then));
}

/* What is left of the allowance, with what the boot before proved. */
static int64_t allowance_of(const struct retention_state *last)
{
	int64_t proved = (int64_t)((last->time_ms - last->anchor_ms) / 1000);
	int64_t left = last->allowance + proved / RETENTION_CLOCK_REFILL;
	return left < RETENTION_CLOCK_STEP_S ? left : RETENTION_CLOCK_STEP_S;
}

/* Of the time since the last sweep, what nothing proves; and by how much the boot before ran ahead. */
static int64_t unproved(const struct retention_clock *clock, const struct retention_state *last,
	int64_t wall, uint64_t ms)
{
	bool other = last->next == RETENTION_BOOT_LATER &&
		     memcmp(clock->boot, last->boot, sizeof(last->boot)) != 0;
	int64_t up = clock->known && other ? (int64_t)(ms / 1000) : 0;
	int64_t gap = wall - last->time - up;
	int64_t ran =
		last->time - last->anchor - (int64_t)((last->time_ms - last->anchor_ms) / 1000);
	return (gap > 0 ? gap : 0) + (last->anchor > 0 && ran > 0 ? ran : 0);
}

static bool over_a_boot(const struct retention_clock *clock, const struct retention_state *last,
	int64_t wall, uint64_t ms, int64_t *ret_allowance, struct err *err)
{
	int64_t allowance = allowance_of(last);
	int64_t cost = last->time > 0 ? unproved(clock, last, wall, ms) : 0;
	char then[TIME_TEXT_MAX], now[TIME_TEXT_MAX];
	*ret_allowance = allowance - cost;
	return cost <= allowance ||
	       err_set(err, ERR_DENIED,
		       "the clock is %lld s ahead of all that is known to have passed, and after a "
		       "start %lld s are believed: it is %s, the last sweep was at %s",
		       (long long)cost, (long long)allowance, time_format(wall, now),
		       time_format(last->time, then));
}

static void anchor(const struct retention_clock *clock, int64_t now, uint64_t ms, int64_t allowance,
	struct retention_state *state)
{
	state->anchor = now;
	state->anchor_ms = ms;
	state->allowance = allowance;
	memcpy(state->boot, clock->boot, sizeof(state->boot));
}

bool retention_clock_check(const struct retention_clock *clock, const struct retention_state *last,
	struct retention_state *ret_next, struct err *err)
{
	int64_t wall = clock_wall(clock->clock), allowance = 0;
	uint64_t ms = clock_monotonic_ms(clock->clock);
	bool same = same_boot(clock, last, ms);
	char then[TIME_TEXT_MAX], now[TIME_TEXT_MAX];
	if (last->time > 0 && wall < last->time - RETENTION_CLOCK_SLACK_S)
		return err_set(err, ERR_DENIED,
			"the clock went back: it is %s, the last sweep was at %s",
			time_format(wall, now), time_format(last->time, then));
	if (!(same ? within_boot(last, wall, ms, err)
		   : over_a_boot(clock, last, wall, ms, &allowance, err)))
		return false;
	*ret_next = *last;
	ret_next->time = wall > last->time ? wall : last->time;
	ret_next->time_ms = ms;
	if (!same)
		anchor(clock, ret_next->time, ms, allowance, ret_next);
	return true;
}

void retention_clock_accept(const struct retention_clock *clock, const struct retention_state *last,
	struct retention_state *ret_next)
{
	*ret_next = *last;
	ret_next->next = RETENTION_BOOT_ACCEPTED;
	ret_next->time = clock_wall(clock->clock);
	ret_next->time_ms = clock_monotonic_ms(clock->clock);
	anchor(clock, ret_next->time, ret_next->time_ms, RETENTION_CLOCK_STEP_S, ret_next);
}
