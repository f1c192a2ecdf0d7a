/* SPDX-License-Identifier: Apache-2.0 */
/* Risk classes: what a release must bring and what a credential may be, and the clause that
 * approvals bind to. */
#include <stdlib.h>

#include "base/json.h"
#include "base/text.h"
#include "base/time.h"
#include "policy/policy_file.h"

#define APPROVAL_AGE_MAX (100 * 366 * (int64_t)86400)
#define REVIEW_MAX       (100 * 366 * (int64_t)86400)
#define DRAIN_MAX        (366 * (int64_t)86400)
#define CLAUSE_TYPE      "assay/risk-class/1"

static unsigned persons_in_role(const struct policy *policy, const char *role)
{
	unsigned n = 0;

	for (size_t i = 0; i < policy->approver_count; i++)
		for (size_t k = 0; k < policy->approvers[i].role_count; k++)
			n += strcmp(policy->approvers[i].roles[k], role) == 0;
	return n;
}

static bool build_rule(const struct policy *policy, const struct policy_approval_rule *before,
	size_t count, const struct file_rule *from, struct policy_approval_rule *to,
	struct err *err)
{
	unsigned persons = persons_in_role(policy, from->role);

	if (persons == 0)
		return policy_fault(err, &from->role, "approvals: role %s: no approver has it",
			ESC(bytes_str(from->role)));
	if (from->count < 1)
		return policy_fault(err, &from->count,
			"approvals: role %s: count must be 1 or more", from->role);
	if ((unsigned)from->count > persons)
		return policy_fault(err, &from->count,
			"approvals: role %s: %d demanded, but only %u approvers have it",
			from->role, from->count, persons);
	for (size_t i = 0; i < count; i++)
		if (strcmp(before[i].role, from->role) == 0)
			return policy_fault(
				err, &from->role, "approvals: role %s: given twice", from->role);
	to->count = (unsigned)from->count;
	to->role = bytes_strdup(bytes_str(from->role));
	return to->role || err_set(err, ERR_NOMEM, "no memory");
}

static int rule_order(const void *a, const void *b)
{
	return strcmp(((const struct policy_approval_rule *)a)->role,
		((const struct policy_approval_rule *)b)->role);
}

bool policy_build_rules(const struct policy *policy, const struct file_rule *from, unsigned count,
	struct policy_approval_rule **ret, size_t *ret_count, struct err *err)
{
	struct policy_approval_rule *rules = policy_alloc(count, sizeof(*rules), err);

	*ret = rules;
	if (!rules)
		return false;
	for (unsigned i = 0; i < count; i++) {
		if (!build_rule(policy, rules, i, &from[i], &rules[i], err))
			return false;
		*ret_count = i + 1;
	}
	qsort(rules, count, sizeof(*rules), rule_order);
	return true;
}

void policy_rules_release(struct policy_approval_rule *rules, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(rules[i].role);
	free(rules);
}

/* Absent text leaves *ret as it is. */
static bool duration(char *const *text, const char *key, int64_t max, int64_t *ret, struct err *err)
{
	if (!*text)
		return true;
	if (!time_parse_duration(bytes_str(*text), max, ret, err))
		return policy_wrap(err, text, "%s", key);
	return *ret > 0 || policy_fault(err, text, "%s: must be 1 s or more", key);
}

static bool build_times(struct policy_class *to, const struct file_class *from, struct err *err)
{
	if (!duration(&from->approval_age_max, "approval_age_max", APPROVAL_AGE_MAX,
		    &to->approval_age_max, err) ||
		!duration(&from->credential_lifetime, "credential_lifetime",
			CREDENTIAL_LIFETIME_MAX, &to->credential_lifetime, err))
		return false;
	if (to->credential_lifetime < 2)
		return policy_fault(err, &from->credential_lifetime,
			"credential_lifetime: must be 2 s or more");
	to->renew_after = to->credential_lifetime / 2;
	if (!duration(&from->renew_after, "renew_after", CREDENTIAL_LIFETIME_MAX, &to->renew_after,
		    err))
		return false;
	if (to->renew_after >= to->credential_lifetime)
		return policy_fault(err, &from->renew_after,
			"renew_after: must be shorter than credential_lifetime");
	return true;
}

static bool build_review(struct policy_class *to, const struct file_class *from, struct err *err)
{
	if (from->review_grace && !from->review_every)
		return policy_fault(err, &from->review_grace,
			"review_grace: without review_every nothing falls due");
	return duration(&from->review_every, "review_every", REVIEW_MAX, &to->review_every, err) &&
	       duration(&from->review_grace, "review_grace", REVIEW_MAX, &to->review_grace, err);
}

static bool build_drain(struct policy_class *to, const struct file_class *from, struct err *err)
{
	to->drain = to->credential_lifetime;
	to->drain_given = from->drain != NULL;
	return duration(&from->drain, "drain", DRAIN_MAX, &to->drain, err);
}

static bool build_lease(struct policy_class *to, const struct file_class *from, struct err *err)
{
	to->lease = to->credential_lifetime;
	to->lease_given = from->lease != NULL;
	to->after_lease = from->after_lease;
	if (!duration(&from->lease, "lease", CREDENTIAL_LIFETIME_MAX, &to->lease, err))
		return false;
	return to->lease > to->renew_after ||
	       policy_fault(err, &from->lease, "lease: must be longer than renew_after");
}

static bool build_hosts(const struct policy *policy, struct policy_class *to,
	const struct file_class *from, struct err *err)
{
	enum assurance most = ASSURANCE_REPORTED;

	to->hosts = policy_alloc(from->host_classes_count, sizeof(*to->hosts), err);
	if (!to->hosts)
		return false;
	for (unsigned i = 0; i < from->host_classes_count; i++) {
		size_t k = 0;

		while (k < policy->host_class_count &&
			strcmp(policy->host_classes[k].name, from->host_classes[i]) != 0)
			k++;
		if (k == policy->host_class_count)
			return policy_fault(err, &from->host_classes[i],
				"host_classes: %s: no such class",
				ESC(bytes_str(from->host_classes[i])));
		for (size_t n = 0; n < to->host_count; n++)
			if (to->hosts[n] == k)
				return policy_fault(err, &from->host_classes[i],
					"host_classes: %s: given twice", from->host_classes[i]);
		to->hosts[to->host_count++] = k;
		if (policy->host_classes[k].ceiling > most)
			most = policy->host_classes[k].ceiling;
	}
	if (to->minimum_assurance > most)
		return policy_fault(err, &from->minimum_assurance,
			"minimum_assurance: %s: its host_classes reach no more than %s",
			assurance_name(to->minimum_assurance), assurance_name(most));
	return true;
}

static json_t *clause_hosts(const struct policy *policy, const struct policy_class *class)
{
	json_t *hosts = json_array();

	for (size_t i = 0; hosts && i < class->host_count; i++)
		if (json_array_append_new(
			    hosts, json_string(policy->host_classes[class->hosts[i]].name)) != 0) {
			json_decref(hosts);
			return NULL;
		}
	return hosts;
}

json_t *policy_clause_rules(const struct policy_approval_rule *from, size_t count)
{
	json_t *rules = json_array();

	for (size_t i = 0; rules && i < count; i++)
		if (json_array_append_new(rules, json_pack("{s:i,s:s}", "count", (int)from[i].count,
							 "role", from[i].role)) != 0) {
			json_decref(rules);
			return NULL;
		}
	return rules;
}

/* Left out of the clauses of classes that ask for no review: what was approved before there were
 * reviews stays approved, and old records are judged as they were. */
static bool clause_review(json_t *clause, const struct policy_class *class)
{
	return class->review_every == 0 || (json_object_set_new(clause, "review_every",
						    json_integer(class->review_every)) == 0 &&
						   json_object_set_new(clause, "review_grace",
							   json_integer(class->review_grace)) == 0);
}

/* The same for classes that leave it at its default. */
static bool clause_drain(json_t *clause, const struct policy_class *class)
{
	return !class->drain_given ||
	       json_object_set_new(clause, "drain", json_integer(class->drain)) == 0;
}

static bool clause_lease(json_t *clause, const struct policy_class *class)
{
	return (!class->lease_given ||
		       json_object_set_new(clause, "lease", json_integer(class->lease)) == 0) &&
	       (class->after_lease == AFTER_LEASE_RENEW ||
		       json_object_set_new(clause, "after_lease", json_string("relaunch")) == 0);
}

/* And the same for what becomes of instances that are trusted no longer. */
static bool clause_ends(json_t *clause, const struct policy_class *class)
{
	return (class->on_lease_end == END_CONTINUE ||
		       json_object_set_new(clause, "on_lease_end",
			       json_string(end_action_name(class->on_lease_end))) == 0) &&
	       (class->on_refusal == END_CONTINUE ||
		       json_object_set_new(clause, "on_refusal",
			       json_string(end_action_name(class->on_refusal))) == 0);
}

/* docs/formats/policy.md, "Clause". Everything of the class and nothing else of the file, so that
 * an unrelated edit of the policy leaves approvals standing and a loosened class voids them. */
static bool clause_digest(const struct policy *policy, struct policy_class *class, struct err *err)
{
	OWNED(buf_release) struct buf text = {0};
	OWNED(json_release)
	json_t *clause = json_pack("{s:s,s:s,s:o,s:o,s:o,s:b,s:I,s:I,s:I,s:s,s:s,s:b,s:b}", "type",
		CLAUSE_TYPE, "name", class->name, "approvals",
		policy_clause_rules(class->approvals, class->approval_count), "host_classes",
		clause_hosts(policy, class), "statements", policy_clause_demands(policy, class),
		"differ_from_author", (int)class->differ_from_author, "approval_age_max",
		(json_int_t) class->approval_age_max, "credential_lifetime",
		(json_int_t) class->credential_lifetime, "renew_after",
		(json_int_t) class->renew_after, "minimum_assurance",
		assurance_name(class->minimum_assurance), "key", key_protection_name(class->key),
		"pinned", (int)class->pinned, "clock_safe", (int)class->clock_safe);

	if (!clause || !clause_review(clause, class) || !clause_drain(clause, class) ||
		!clause_lease(clause, class) || !clause_ends(clause, class) ||
		!policy_clause_placement(clause, class) ||
		!policy_clause_environment(clause, class))
		return err_set(err, ERR_NOMEM, "no memory");
	return json_write(clause, false, &text, err) &&
	       sha256_of(buf_bytes(&text), class->clause, err);
}

static bool build_class(const struct policy *policy, struct policy_class *to,
	const struct file_class *from, struct err *err)
{
	to->differ_from_author = from->differ_from_author ? *from->differ_from_author : true;
	to->minimum_assurance =
		from->minimum_assurance ? from->minimum_assurance : ASSURANCE_REPORTED;
	to->key = from->key ? from->key : KEY_SOFTWARE;
	to->pinned = from->pinned;
	to->clock_safe = from->clock_safe;
	to->on_lease_end = from->on_lease_end;
	to->on_refusal = from->on_refusal;
	return policy_build_rules(policy, from->approvals, from->approvals_count, &to->approvals,
		       &to->approval_count, err) &&
	       build_times(to, from, err) && build_review(to, from, err) &&
	       build_drain(to, from, err) && build_lease(to, from, err) &&
	       build_hosts(policy, to, from, err) && policy_build_demands(policy, to, from, err) &&
	       policy_build_placement(to, from, err) && policy_build_environment(to, from, err) &&
	       policy_build_elevations(policy, to, from, err) && clause_digest(policy, to, err);
}

bool policy_build_classes(struct policy *policy, const struct file_policy *file, struct err *err)
{
	policy->classes = policy_alloc(file->risk_classes_count, sizeof(*policy->classes), err);
	if (!policy->classes)
		return false;
	for (unsigned i = 0; i < file->risk_classes_count; i++) {
		const struct file_class *from = &file->risk_classes[i];
		struct policy_class *to = &policy->classes[i];

		if (!text_is_name(bytes_str(from->name)))
			return policy_fault(err, &from->name, "risk_classes: %s: " NOT_A_NAME,
				ESC(bytes_str(from->name)));
		if (policy_class_find(policy, bytes_str(from->name)))
			return policy_fault(
				err, &from->name, "risk_classes: %s: given twice", from->name);
		policy->class_count = i + 1;
		to->name = bytes_strdup(bytes_str(from->name));
		if (!to->name)
			return err_set(err, ERR_NOMEM, "no memory");
		if (!build_class(policy, to, from, err))
			return policy_wrap(err, from, "risk_classes: %s", to->name);
	}
	return true;
}
