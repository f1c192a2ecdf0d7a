/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The deployment checklist: each thing that a risk class demands of a release, met or not, by what,
 * and until when. It is made by the same judgement as the verdict (release_appraise), never by a
 * second one. Also what differs between two releases.
 */
#ifndef ASSAY_POLICY_CHECKLIST_H
#define ASSAY_POLICY_CHECKLIST_H

#include "policy/policy.h"

/* Signature, risk class, demands and approval rules of one class, review of the workload. */
#define CHECKLIST_MAX (3u + POLICY_DEMANDS_MAX + POLICY_ROLES_MAX)

struct checklist_item {
	bool met;
	char demand[REASON_TEXT_MAX]; /* "statement build: provenance of binary" */
	char by[REASON_TEXT_MAX]; /* what meets it, or what there is towards it; escaped */
	int64_t expires; /* first second at which it is met no more; 0: no end known, or not met */
};
struct checklist {
	bool met; /* every item is, and there is one */
	int64_t expires; /* the earliest end; 0: none */
	size_t count;
	struct checklist_item items[CHECKLIST_MAX];
};

/* As release_appraise, and fills the list as well. The verdict is not concluded yet. */
must_use bool release_checklist(const struct release_input *input, const struct policy *policy,
	int64_t now, struct checklist *ret_list, struct verdict *verdict,
	struct release **ret_release, struct err *err);
/* Adds the review of the workload to a list, where the class or the register asks for one: not met when it is overdue; until
 * when nobody is refused for want of it. As policy_review_appraise judges. */
void checklist_review(struct checklist *list, const struct policy_class *class,
	const struct context_workload *workload, int64_t now);
/* {"met":…,"expires":…|null,"items":[{"demand","met","by","expires"}]}; NULL: no memory. */
json_t *checklist_json(const struct checklist *list);
/* What the gate answers: {"release":hex,"name","version","workload","risk_class","environment",
 * "checklist":…,"verdict":…}; the release may be NULL (it did not parse): then its members are
 * missing. The verdict is concluded. */
must_use bool gate_json(const struct release *release, const char *environment,
	const struct checklist *list, const struct verdict *verdict, json_t **ret, struct err *err);
/* Whether a statement speaks of a component of the release: by SHA-256 of a file or of a directory's
 * manifest. */
bool release_is_subject(const struct release *release, const struct predicate *predicate);

/* What differs between two releases, in words: one object for each difference, sorted by subject:
 * {"subject":"component model","change":"added"|"removed"|"changed","from":…,"to":…}. The digest,
 * author and version differ by nature and are not listed. NULL: no memory. */
json_t *release_diff(const struct release *from, const struct release *to);

#endif
