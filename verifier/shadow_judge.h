/* SPDX-License-Identifier: Apache-2.0 */
/* Pages of records under another policy, and what comes of them, in groups. Private to verifier/. */
#ifndef ASSAY_VERIFIER_SHADOW_JUDGE_H
#define ASSAY_VERIFIER_SHADOW_JUDGE_H

#include "verifier/app.h"

#define SHADOW_PAGE_MAX 32u

struct shadow_tally {
	int64_t same, changed, undecided, unreadable;
	size_t group_count, group_max;
	struct difference_row *groups; /* room for group_max, and one more: the others together */
};
/* Counts one more difference, in its group. */
void shadow_tally_add(struct shadow_tally *tally, const struct difference_row *one);
/* Judges a page of records from *index on, but none from `end` on, and moves *index behind it.
 * *ret_count: how many there were. False: the store failed; nothing was counted. */
must_use bool shadow_page(struct app *app, const struct policy *policy, uint64_t *index,
	uint64_t end, struct shadow_tally *tally, size_t *ret_count, struct err *err);

#endif
