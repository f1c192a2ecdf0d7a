/* SPDX-License-Identifier: Apache-2.0 */
/* What may run: the workload's entry in the register, and the release claimed for it. */
#include "policy/appraisal.h"

bool check_workload(struct appraisal *a, struct err *err)
{
	const struct context_workload *w = &a->context->workload;

	(void)err;
	if (w->name.len == 0 || w->state == WORKLOAD_NONE)
		refuse_text(a->verdict, REASON_WORKLOAD_UNKNOWN, "workload",
			bytes_str("a registered workload"), a->claims.workload, "claims");
	else if (!bytes_equal(w->name, a->claims.workload))
		refuse_text(a->verdict, REASON_WORKLOAD_UNKNOWN, "workload", w->name,
			a->claims.workload, "claims");
	else if (w->state != WORKLOAD_ACTIVE)
		refuse_text(a->verdict, REASON_WORKLOAD_RETIRED, "workload", bytes_str("active"),
			bytes_str("retired"), "register of workloads");
	else
		verdict_checked(a->verdict, "workload: active in the register");
	if (w->state == WORKLOAD_ACTIVE)
		policy_review_appraise(a->class, w, a->context->now, a->verdict);
	if (w->name.len > 0 && !a->class)
		refuse_text(a->verdict, REASON_RISK_CLASS, "risk class of the workload",
			bytes_str("a class of the policy"), w->risk_class, "register of workloads");
	return true;
}

static bool release_known(struct appraisal *a)
{
	static const char *const actual[] = {
		[RELEASE_NONE] = "not published",
		[RELEASE_REVOKED] = "revoked",
	};
	enum release_state state = a->context->release_state;

	if (a->context->release.len > 0 && state == RELEASE_PUBLISHED)
		return true;
	if (state != RELEASE_REVOKED)
		state = RELEASE_NONE;
	verdict_refuse(a->verdict,
		state == RELEASE_REVOKED ? REASON_RELEASE_REVOKED : REASON_RELEASE_UNKNOWN,
		"release", "published", actual[state], "register of releases", NULL);
	return false;
}

/* The release must be the one claimed, for the workload registered, under the risk class
 * registered. */
static void check_belongs(struct appraisal *a)
{
	const struct context_workload *w = &a->context->workload;
	const struct release *r = a->release;

	if (memcmp(r->digest, a->claims.release, SHA256_LEN) != 0)
		refuse_hex(a->verdict, REASON_RELEASE_UNKNOWN, "release", BYTES_OF(r->digest),
			BYTES_OF(a->claims.release), "claims");
	if (!bytes_equal_str(w->name, r->workload))
		refuse_text(a->verdict, REASON_RELEASE_WORKLOAD, "workload of the release", w->name,
			bytes_str(r->workload), "release");
	if (!bytes_equal_str(w->risk_class, r->risk_class))
		refuse_text(a->verdict, REASON_RISK_CLASS, "risk class of the release",
			w->risk_class, bytes_str(r->risk_class), "release");
}

bool check_release(struct appraisal *a, struct err *err)
{
	const struct release_input input = {
		.envelope = a->context->release,
		.approvals = a->context->approvals,
		.approval_count = a->context->approval_count,
		.statements = a->context->statements,
		.statement_count = a->context->statement_count,
		.environment = a->context->workload.environment,
	};

	if (!release_known(a))
		return true;
	if (!release_appraise(&input, a->policy, a->context->now, a->verdict, &a->release, err))
		return false;
	if (a->release)
		check_belongs(a);
	return true;
}
