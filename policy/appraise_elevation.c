/* SPDX-License-Identifier: Apache-2.0 */
/* Which rights lent for a time this instance has now; what is lent is nobody's own. */
#include <stdio.h>

#include "base/text.h"
#include "base/time.h"
#include "policy/appraisal.h"
#include "policy/elevation.h"
#include "policy/instant.h"
#include "policy/release_case.h"

/* Tokens for an audience that the class lends come with the elevation alone. */
static void refuse_reserved(struct appraisal *a)
{
	for (size_t i = 0; i < a->claims.audience_count; i++)
		if (policy_elevation_reserves(a->class, a->claims.audiences[i]))
			refuse_text(a->verdict, REASON_ELEVATION_AUDIENCE, "audience asked for",
				BYTES_LIT("one that is the release's own"), a->claims.audiences[i],
				NULL);
}

/* Why it is not this instance's, whoever approved it; NULL: it is. */
static const char *beside(const struct appraisal *a, const struct elevation *e)
{
	const struct elevation_request *r = e->request;
	const struct policy_context *c = a->context;

	if (!bytes_equal_str(c->verifier_id, r->verifier))
		return "made for another verifier";
	if (!bytes_equal_str(c->workload.name, r->workload))
		return "of another workload";
	if (r->has_host && memcmp(r->host, c->host.id, HOST_ID_LEN) != 0)
		return "for another host";
	if (r->has_instance && memcmp(r->instance, c->challenge.instance, INSTANCE_ID_LEN) != 0)
		return "for another instance";
	if (r->has_release && memcmp(r->release, a->claims.release, SHA256_LEN) != 0)
		return "for another release";
	if (e->activated == 0 || e->activated > c->now + CLOCK_SKEW_MAX)
		return "in force only later: the clock went back";
	return NULL;
}

/* Room for the tokens that it brings. */
static bool has_room(const struct appraisal *a, const struct policy_elevation *rule)
{
	size_t used = a->claims.audience_count;

	for (size_t i = 0; i < a->verdict->elevation_count; i++)
		used += policy_elevation_find(a->class, bytes_str(a->verdict->elevations[i].right))
				->audience_count;
	return used + rule->audience_count <= AUDIENCES_MAX;
}

static bool has_right(const struct appraisal *a, const char *right)
{
	for (size_t i = 0; i < a->verdict->elevation_count; i++)
		if (strcmp(a->verdict->elevations[i].right, right) == 0)
			return true;
	return false;
}

static void grant(struct appraisal *a, const struct elevation *e,
	const struct policy_elevation *rule, const struct elevation_judgement *j)
{
	struct verdict_elevation *to = &a->verdict->elevations[a->verdict->elevation_count++];
	char until[TIME_TEXT_MAX], id[17];

	*to = (struct verdict_elevation){.until = j->until};
	(void)snprintf(to->right, sizeof(to->right), "%s", rule->name);
	(void)snprintf(to->entitlement, sizeof(to->entitlement), "%s",
		rule->entitlement ? rule->entitlement : "");
	memcpy(to->id, e->request->id, sizeof(to->id));
	memcpy(to->activation, e->activation, sizeof(to->activation));
	verdict_checked(a->verdict, "elevation %s: %s until %s, approved by %s",
		text_short_hex(BYTES_OF(to->id), id), rule->name, time_format(j->until, until),
		j->persons);
	verdict_not_checked(a->verdict,
		"asserted by the verifier: that elevation %s is in force since %s, and that nobody "
		"ended it",
		id, time_format(e->activated, until));
}

static bool judge_one(struct appraisal *a, const struct elevation *e, struct err *err)
{
	const char *right = e->request->right, *why = beside(a, e);
	const struct policy_elevation *rule = policy_elevation_find(a->class, bytes_str(right));
	struct elevation_judgement j = {0};
	char id[17];

	if (!why && !elevation_judge(a->policy, a->class, e,
			    earlier_of(e->activated, a->context->now), a->context->now, &j, err))
		return false;
	if (!why && !j.holds)
		why = j.why;
	if (!why && j.until - a->context->now < ELEVATION_REMAINDER_MIN)
		why = "its time is over";
	/* Of the same right one is enough; the set begins with the one that lasts longest. */
	if (!why && has_right(a, right))
		return true;
	if (!why && !has_room(a, rule))
		why = "no room for its tokens beside those asked for";
	if (!why)
		grant(a, e, rule, &j);
	else
		verdict_not_checked(a->verdict, "elevation %s: %s is not carried: %s",
			text_short_hex(BYTES_OF(e->request->id), id), right, why);
	return true;
}

bool check_elevations(struct appraisal *a, struct err *err)
{
	OWNED(elevation_set_release) struct elevation_set set = {0};

	if (!a->class)
		return true;
	refuse_reserved(a);
	if (a->context->elevations.len == 0 || a->verdict->reason_count > 0)
		return true;
	if (!elevation_set_parse(a->context->elevations, &set, err))
		return err_wrap(err, "context");
	for (size_t i = 0; i < set.count; i++)
		if (!judge_one(a, &set.list[i], err))
			return false;
	return true;
}

/* A credential that carries a right ends before the right does; renewed as soon, in proportion. */
void limit_lifetime(struct appraisal *a)
{
	struct verdict *v = a->verdict;
	int64_t whole = v->credential_lifetime, left = whole;

	for (size_t i = 0; i < v->elevation_count; i++)
		left = earlier_of(left, v->elevations[i].until - a->context->now);
	if (left == whole)
		return;
	v->credential_lifetime = left;
	v->renew_after = later_of(v->renew_after * left / whole, 1);
}
