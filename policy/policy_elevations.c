/* SPDX-License-Identifier: Apache-2.0 */
/* What a risk class lends: rights by name, on which terms, and the clause of each. */
#include <stdlib.h>

#include "base/text.h"
#include "base/time.h"
#include "policy/elevation.h"
#include "policy/policy_file.h"

#define CLAUSE_TYPE            "assay/elevation/1"
#define ENTITLEMENT_MAX        128u
#define UNAPPROVED_FOR_DEFAULT 3600
#define COOL_DOWN_MAX          (366 * (int64_t)86400)

/* Letters, digits and . _ - : / alone: services compare it byte by byte. */
static bool entitlement_ok(const char *text)
{
	size_t len = strlen(text);

	return len >= 1 && len <= ENTITLEMENT_MAX &&
	       strspn(text,
		       "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-:/") ==
		       len;
}

static bool build_time(
	char *const *text, const char *key, int64_t min, int64_t max, int64_t *ret, struct err *err)
{
	if (!*text)
		return true;
	if (!time_parse_duration(bytes_str(*text), max, ret, err))
		return policy_wrap(err, text, "%s", key);
	return *ret >= min ||
	       policy_fault(err, text, "%s: must be %lld s or more", key, (long long)min);
}

static bool build_terms(
	struct policy_elevation *to, const struct file_elevation *from, struct err *err)
{
	to->by_instance = from->by_instance;
	to->unapproved_for = UNAPPROVED_FOR_DEFAULT;
	to->at_once = 1;
	if (from->at_once && (*from->at_once < 1 || *from->at_once > ELEVATION_AT_ONCE_MAX))
		return policy_fault(
			err, &from->at_once, "at_once: must be 1 to %d", ELEVATION_AT_ONCE_MAX);
	if (from->at_once)
		to->at_once = (unsigned)*from->at_once;
	return build_time(&from->duration_max, "duration_max", ELEVATION_DURATION_MIN,
		       ELEVATION_DURATION_MAX, &to->duration_max, err) &&
	       build_time(&from->unapproved_for, "unapproved_for", 1, ELEVATION_DURATION_MAX,
		       &to->unapproved_for, err) &&
	       build_time(&from->cool_down, "cool_down", 1, COOL_DOWN_MAX, &to->cool_down, err);
}

static bool build_right(
	struct policy_elevation *to, const struct file_elevation *from, struct err *err)
{
	if (!from->entitlement && from->audiences_count == 0)
		return policy_fault(
			err, &from->name, "lends nothing: give it an entitlement or audiences");
	if (from->entitlement && !entitlement_ok(from->entitlement))
		return policy_fault(err, &from->entitlement,
			"entitlement: %s: expected 1 to %u of letters, digits and . _ - : /",
			ESC(bytes_str(from->entitlement)), ENTITLEMENT_MAX);
	to->entitlement = from->entitlement ? bytes_strdup(bytes_str(from->entitlement)) : NULL;
	if (from->entitlement && !to->entitlement)
		return err_set(err, ERR_NOMEM, "no memory");
	return policy_text_list(from->audiences, from->audiences_count, "audiences", &to->audiences,
		&to->audience_count, err);
}

/* Everything of it: what was approved on other terms does not hold on these. */
static bool build_clause(
	const struct policy_class *class, struct policy_elevation *to, struct err *err)
{
	OWNED(buf_release) struct buf text = {0};
	OWNED(json_release)
	json_t *clause =
		json_pack("{s:s,s:s,s:s,s:s?,s:o,s:o,s:I,s:I,s:I,s:i,s:b}", "type", CLAUSE_TYPE,
			"risk_class", class->name, "name", to->name, "entitlement", to->entitlement,
			"audiences", policy_clause_texts(to->audiences, to->audience_count),
			"approvals", policy_clause_rules(to->approvals, to->approval_count),
			"duration_max", (json_int_t)to->duration_max, "unapproved_for",
			(json_int_t)to->unapproved_for, "cool_down", (json_int_t)to->cool_down,
			"at_once", (int)to->at_once, "by_instance", (int)to->by_instance);

	if (!clause)
		return err_set(err, ERR_NOMEM, "no memory");
	return json_write(clause, false, &text, err) &&
	       sha256_of(buf_bytes(&text), to->clause, err);
}

static bool build_one(const struct policy *policy, struct policy_class *class,
	const struct file_elevation *from, struct policy_elevation *to, struct err *err)
{
	if (!text_is_name(bytes_str(from->name)))
		return policy_fault(
			err, &from->name, "%s: " NOT_A_NAME, ESC(bytes_str(from->name)));
	if (policy_elevation_find(class, bytes_str(from->name)))
		return policy_fault(err, &from->name, "%s: given twice", from->name);
	class->elevation_count++;
	to->name = bytes_strdup(bytes_str(from->name));
	if (!to->name)
		return err_set(err, ERR_NOMEM, "no memory");
	return (build_right(to, from, err) && build_terms(to, from, err) &&
		       policy_build_rules(policy, from->approvals, from->approvals_count,
			       &to->approvals, &to->approval_count, err) &&
		       build_clause(class, to, err)) ||
	       err_wrap(err, "%s", to->name);
}

bool policy_build_elevations(const struct policy *policy, struct policy_class *to,
	const struct file_class *from, struct err *err)
{
	to->elevations = policy_alloc(from->elevations_count, sizeof(*to->elevations), err);
	if (!to->elevations)
		return false;
	for (unsigned i = 0; i < from->elevations_count; i++)
		if (!build_one(policy, to, &from->elevations[i], &to->elevations[i], err))
			return policy_wrap(err, &from->elevations[i], "elevations");
	return true;
}

void policy_elevations_release(struct policy_class *class)
{
	for (size_t i = 0; i < class->elevation_count; i++) {
		struct policy_elevation *e = &class->elevations[i];

		free(e->name);
		free(e->entitlement);
		policy_text_list_release(e->audiences, e->audience_count);
		policy_rules_release(e->approvals, e->approval_count);
	}
	free(class->elevations);
}

const struct policy_elevation *policy_elevation_find(
	const struct policy_class *class, struct bytes name)
{
	for (size_t i = 0; i < class->elevation_count; i++)
		if (bytes_equal_str(name, class->elevations[i].name))
			return &class->elevations[i];
	return NULL;
}

bool policy_elevation_reserves(const struct policy_class *class, struct bytes audience)
{
	for (size_t i = 0; i < class->elevation_count; i++)
		for (size_t k = 0; k < class->elevations[i].audience_count; k++)
			if (bytes_equal_str(audience, class->elevations[i].audiences[k]))
				return true;
	return false;
}
