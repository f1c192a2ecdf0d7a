/* SPDX-License-Identifier: Apache-2.0 */
/* Policies in words, for the persons who sign them: what one says, what a risk class demands, what
 * changes from one to the next. JSON values, that commands print as they are or line by line; names
 * from the policy in them are escaped. */
#ifndef ASSAY_POLICY_WORDS_H
#define ASSAY_POLICY_WORDS_H

#include "base/json.h"
#include "policy/policy.h"

#define WORDS_DURATION_MAX 32u

/* "90d", "12h", "15m", "7s": the largest unit that divides it. Returns out. */
const char *words_duration(int64_t seconds, char out[WORDS_DURATION_MAX]);

/* {"version","sha256","trust_domain","summary":[sentence…],"references":[hex…]}. The caller owns
 * *ret. */
must_use bool policy_summary(const struct policy *policy, json_t **ret, struct err *err);
/* [sentence…]: what a release, a host and an agent must bring under this class of the policy, and
 * what they get. */
must_use bool policy_class_explain(const struct policy *policy, const struct policy_class *class,
	json_t **ret, struct err *err);

/* {"same":bool,"changes":[{"subject","text","effect","direction"}…],"approvals_void":[class…]}.
 * direction: "tighter", "looser", or "other" where neither can be said. Every difference in meaning
 * is a change; a file that says the same in other bytes is one too. */
must_use bool policy_diff(
	const struct policy *old, const struct policy *new, json_t **ret, struct err *err);

#endif
