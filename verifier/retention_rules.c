/* SPDX-License-Identifier: Apache-2.0 */
/* Which policies' times count, and the longest of them. */
#include "verifier/retention.h"

void retention_rules_release(struct retention_rules *rules)
{
	for (size_t i = 0; i < rules->count; i++)
		policy_free(&rules->list[i]);
	memset(rules, 0, sizeof(*rules));
}

static bool load_one(
	struct sql *sql, const struct policy_seen *seen, struct policy **ret, struct err *err)
{
	OWNED(buf_release) struct buf text = {0};
	if (!object_get(sql, seen->digest, &text, err) ||
		!policy_parse(buf_bytes(&text), "policy", ret, err))
		return err_wrap(err, "the times of policy version %lld", (long long)seen->version);
	return true;
}

bool retention_rules_load(
	struct sql *sql, int64_t now, int64_t grace, struct retention_rules *ret, struct err *err)
{
	OWNED(retention_rules_release) struct retention_rules rules = {0};
	struct policy_seen seen[POLICIES_SEEN_MAX];
	size_t count = 0;
	if (!policies_seen(sql, now - grace, seen, &count, &rules.whole, err))
		return false;
	if (count > 0) {
		memcpy(rules.newest, seen[0].digest, sizeof(rules.newest));
		rules.seen_from = seen[count - 1].seq;
	}
	for (size_t i = 0; rules.whole && i < count; i++) {
		if (!load_one(sql, &seen[i], &rules.list[i], err))
			return false;
		rules.count = i + 1;
	}
	*ret = TAKE_STRUCT(rules);
	return true;
}

int64_t rules_of_decision(
	const struct retention_rules *rules, struct bytes class, enum retention_kind kind)
{
	int64_t keep = RETENTION_MIN;
	if (!rules->whole || rules->count == 0)
		return RETENTION_FOREVER;
	for (size_t i = 0; i < rules->count; i++)
		keep = retention_longer(
			keep, retention_of_decision(&rules->list[i]->retention, class, kind));
	return keep;
}

int64_t rules_of_entry(const struct retention_rules *rules, unsigned leaf_type)
{
	int64_t keep = RETENTION_MIN;
	if (!rules->whole || rules->count == 0)
		return RETENTION_FOREVER;
	for (size_t i = 0; i < rules->count; i++)
		keep = retention_longer(
			keep, retention_of_entry(&rules->list[i]->retention, leaf_type));
	return keep;
}

bool rules_say_nothing(const struct retention_rules *rules)
{
	if (!rules->whole || rules->count == 0)
		return true;
	/* One that has no section keeps all. */
	for (size_t i = 0; i < rules->count; i++)
		if (!rules->list[i]->retention.said)
			return true;
	return false;
}
