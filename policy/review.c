/* SPDX-License-Identifier: Apache-2.0 */
/* Reviews of workloads: when the next one is due, and what follows when nobody made it. */
#include "base/text.h"
#include "base/time.h"
#include "policy/instant.h"
#include "policy/policy.h"

static const char *const state_names[] = {
	[REVIEW_NONE] = "none",
	[REVIEW_AHEAD] = "ahead",
	[REVIEW_DUE] = "due",
	[REVIEW_OVERDUE] = "overdue",
};

const char *review_state_name(enum review_state state)
{
	return (size_t)state < ARRAY_LEN(state_names) ? state_names[state] : state_names[0];
}

struct review policy_review(
	const struct policy_class *class, const struct context_workload *workload, int64_t now)
{
	bool asked = class && class->review_every > 0;
	struct review r = {.due = workload->review_next};

	/* A date far ahead does not outlast what the class demands. */
	if (asked) {
		int64_t latest = instant_after(workload->reviewed, class->review_every);

		r.due = r.due > 0 ? earlier_of(r.due, latest) : latest;
		r.refused_from = instant_after(r.due, class->review_grace);
	}
	if (r.due == 0)
		return r;
	r.state = now < r.due ? REVIEW_AHEAD : REVIEW_DUE;
	if (asked && now >= r.refused_from)
		r.state = REVIEW_OVERDUE;
	return r;
}

void policy_review_appraise(const struct policy_class *class,
	const struct context_workload *workload, int64_t now, struct verdict *verdict)
{
	struct review r = policy_review(class, workload, now);
	char due[TIME_TEXT_MAX], until[TIME_TEXT_MAX], expected[REASON_TEXT_MAX];

	if (r.state == REVIEW_NONE)
		return;
	(void)time_format(r.due, due);
	if (r.state == REVIEW_AHEAD)
		verdict_checked(verdict, "review of the workload: the next one is due at %s", due);
	else if (r.refused_from == 0)
		verdict_not_checked(verdict, "review of the workload: due since %s", due);
	else if (r.state == REVIEW_DUE)
		verdict_not_checked(verdict,
			"review of the workload: due since %s; without one it is refused from %s",
			due, time_format(r.refused_from, until));
	else {
		snprintf(expected, sizeof(expected), "a review by %s",
			time_format(r.refused_from, until));
		verdict_refuse(verdict, REASON_REVIEW_OVERDUE, "review of the workload", expected,
			workload->reviewed > 0 ? time_format(workload->reviewed, due) : "none",
			"register of workloads", NULL);
	}
}
