/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/floor.h"

#include <stdio.h>

#include "base/text.h"
#include "base/time.h"
#include "policy/appraisal.h"
#include "policy/instant.h"
#include "policy/release_version.h"

static_assert(INSTANT_MAX == POLICY_TIME_MAX, "one end of time");

static bool same_release(const struct floor_mark *a, const struct floor_mark *b)
{
	return memcmp(a->release, b->release, SHA256_LEN) == 0;
}

enum floor_place floor_place(const struct floor_mark *mark, const struct floor_mark *floor)
{
	struct release_version at, wanted;

	if (same_release(mark, floor))
		return FLOOR_REACHED;
	if (!release_version_parse(floor->version, &wanted))
		return mark->published < floor->published ? FLOOR_BELOW : FLOOR_REACHED;
	if (!release_version_parse(mark->version, &at))
		return FLOOR_NO_ORDER;
	return release_version_order(&at, &wanted) < 0 ? FLOOR_BELOW : FLOOR_REACHED;
}

bool floor_same(const struct floor_mark *a, const struct floor_mark *b)
{
	struct release_version x, y;

	return same_release(a, b) ||
	       (release_version_parse(a->version, &x) && release_version_parse(b->version, &y) &&
		       release_version_order(&x, &y) == 0);
}

bool floor_moves(const struct floor_mark *mark, const struct floor_mark *floor)
{
	return floor_place(mark, floor) == FLOOR_REACHED && !floor_same(mark, floor);
}

/* Until when instances of a release that was passed renew: long ago, where nobody says since when it
 * has been. */
static int64_t drained_at(const struct policy_class *class, const struct context_floor *floor)
{
	if (!class)
		return 0;
	return instant_after(floor->passed, class->drain);
}

static void refuse_version(const struct context_floor *floor, const struct release *release,
	enum floor_place place, struct verdict *verdict)
{
	struct release_version ordered;
	char expected[REASON_TEXT_MAX], actual[REASON_TEXT_MAX];
	char at[TIME_TEXT_MAX];

	(void)snprintf(actual, sizeof(actual), "%s", ESC(bytes_str(release->version)));
	if (place == FLOOR_NO_ORDER)
		(void)snprintf(expected, sizeof(expected), "a version that compares with %s",
			ESC(floor->version));
	else if (release_version_parse(floor->version, &ordered))
		(void)snprintf(expected, sizeof(expected), "%s or later", ESC(floor->version));
	else {
		(void)snprintf(expected, sizeof(expected), "published with %s or later, at %s",
			ESC(floor->version), time_format(floor->published, at));
		(void)snprintf(actual, sizeof(actual), "%s, published at %s",
			ESC(bytes_str(release->version)), time_format(floor->judged_published, at));
	}
	verdict_refuse(verdict, REASON_VERSION_FLOOR, "version of the release", expected, actual,
		"version floor of the workload", NULL);
}

void policy_floor_appraise(const struct policy_class *class, const struct context_floor *floor,
	const struct release *release, bool renewal, int64_t now, struct verdict *verdict)
{
	const struct floor_mark rests = {floor->version, floor->release, floor->published};
	const struct floor_mark judged = {
		bytes_str(release->version), release->digest, floor->judged_published};
	enum floor_place place;
	int64_t until;
	char text[TIME_TEXT_MAX];

	if (floor->sequence == 0)
		return;
	place = floor_place(&judged, &rests);
	until = drained_at(class, floor);
	if (place == FLOOR_REACHED)
		verdict_checked(verdict, "version floor: %s is not below %s", ESC(judged.version),
			ESC(floor->version));
	else if (renewal && now < until)
		verdict_not_checked(verdict,
			"version floor: %s is below %s; without a newer release it is refused from "
			"%s",
			ESC(judged.version), ESC(floor->version), time_format(until, text));
	else
		refuse_version(floor, release, place, verdict);
}

void policy_security_floor_appraise(const struct context_security_floor *floor,
	const struct release *release, struct verdict *verdict)
{
	struct release_version at, wanted;
	struct bytes version = bytes_str(release->version);
	char expected[REASON_TEXT_MAX], actual[REASON_TEXT_MAX], where[64];

	if (floor->sequence == 0 || floor->minimum.len == 0)
		return;
	/* A minimum without an order was not taken in; should one be here, nothing reaches it. */
	if (release_version_parse(floor->minimum, &wanted) && release_version_parse(version, &at) &&
		release_version_order(&at, &wanted) >= 0) {
		verdict_checked(verdict, "security floor: %s is not below %s", ESC(version),
			ESC(floor->minimum));
		return;
	}
	(void)snprintf(expected, sizeof(expected), "%s or later", ESC(floor->minimum));
	(void)snprintf(actual, sizeof(actual), "%s", ESC(version));
	(void)snprintf(where, sizeof(where), "security floor %llu of the workload",
		(unsigned long long)floor->sequence);
	verdict_refuse(verdict, REASON_SECURITY_FLOOR, "version of the release", expected, actual,
		where, NULL);
}

/* Grace is for an instance that was trusted with this very release before: nothing new starts below
 * the floor by calling itself a renewal. */
bool check_floors(struct appraisal *a, struct err *err)
{
	const struct policy_state *before = a->state_in;
	bool renewal;

	(void)err;
	if (!a->release)
		return true;
	renewal = a->claims.purpose == PURPOSE_RENEW && before->established &&
		  memcmp(before->release, a->release->digest, SHA256_LEN) == 0;
	policy_floor_appraise(
		a->class, &a->context->floor, a->release, renewal, a->context->now, a->verdict);
	policy_security_floor_appraise(&a->context->security_floor, a->release, a->verdict);
	return true;
}
