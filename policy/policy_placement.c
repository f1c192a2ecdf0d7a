/* SPDX-License-Identifier: Apache-2.0 */
/* Where a risk class lets its agents run: jurisdictions and attributes of hosts, third parties, and
 * the sandbox. What it does not ask for leaves its clause as it was before one could ask. */
#include <stdlib.h>

#include "base/text.h"
#include "policy/policy_file.h"

const struct sandbox_name policy_sandbox_names[SANDBOX_NAMES] = {
	{POLICY_SANDBOX_UNPRIVILEGED, "user", "unprivileged", "root"},
	{SANDBOX_NO_NETWORK, "network", "none", "host"},
	{SANDBOX_NO_NEW_PRIVS, "no_new_privs", "true", "false"},
	{SANDBOX_NO_CAPABILITIES, "capabilities", "none", "kept"},
	{SANDBOX_READ_ONLY, "filesystem", "read-only", "host"},
};

static int name_order(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool build_names(struct policy_names *to, char *const *from, size_t count, struct err *err)
{
	to->list = policy_alloc(count, sizeof(*to->list), err);
	if (!to->list)
		return false;
	for (size_t i = 0; i < count; i++) {
		to->list[i] = bytes_strdup(bytes_str(from[i]));
		if (!to->list[i])
			return err_set(err, ERR_NOMEM, "no memory");
		to->count = i + 1;
	}
	qsort(to->list, to->count, sizeof(*to->list), name_order);
	for (size_t i = 1; i < to->count; i++)
		if (strcmp(to->list[i - 1], to->list[i]) == 0)
			return err_set(
				err, ERR_CONFIG, "%s: given twice", ESC(bytes_str(to->list[i])));
	return true;
}

static bool build_jurisdictions(
	struct policy_names *to, char *const *from, size_t count, const char *key, struct err *err)
{
	for (size_t i = 0; i < count; i++)
		if (!jurisdiction_ok(bytes_str(from[i])))
			return policy_fault(err, &from[i], "%s: %s: expected a code as CH or CH-ZH",
				key, ESC(bytes_str(from[i])));
	return build_names(to, from, count, err) || policy_wrap(err, from, "%s", key);
}

static int rule_order(const void *a, const void *b)
{
	return strcmp(((const struct policy_attribute_rule *)a)->name,
		((const struct policy_attribute_rule *)b)->name);
}

static bool build_rule(
	struct policy_attribute_rule *to, const struct file_attribute *from, struct err *err)
{
	if (strcmp(from->name, HOST_JURISDICTION) == 0)
		return policy_fault(
			err, &from->name, "jurisdiction: is demanded by `jurisdictions`");
	for (unsigned i = 0; i < from->values_count; i++)
		if (!host_attribute_check(bytes_str(from->name), bytes_str(from->values[i]), err))
			return false;
	to->name = bytes_strdup(bytes_str(from->name));
	if (!to->name)
		return err_set(err, ERR_NOMEM, "no memory");
	return build_names(&to->values, from->values, from->values_count, err) ||
	       policy_wrap(err, &from->values, "%s", from->name);
}

static bool build_rules(struct policy_class *to, const struct file_class *from, struct err *err)
{
	to->attribute_rules =
		policy_alloc(from->host_attributes_count, sizeof(*to->attribute_rules), err);
	if (!to->attribute_rules)
		return false;
	for (unsigned i = 0; i < from->host_attributes_count; i++) {
		to->attribute_rule_count = i + 1;
		if (!build_rule(&to->attribute_rules[i], &from->host_attributes[i], err))
			return false;
		for (unsigned k = 0; k < i; k++)
			if (strcmp(to->attribute_rules[k].name, from->host_attributes[i].name) == 0)
				return policy_fault(err, &from->host_attributes[i],
					"%s: given twice", from->host_attributes[i].name);
	}
	qsort(to->attribute_rules, to->attribute_rule_count, sizeof(*to->attribute_rules),
		rule_order);
	return true;
}

static bool build_sandbox(struct policy_class *to, const struct file_class *from, struct err *err)
{
	const struct file_sandbox_demands *f = from->sandbox;

	if (!f)
		return true;
	to->sandbox = (f->user ? POLICY_SANDBOX_UNPRIVILEGED : 0u) |
		      (f->network ? (unsigned)SANDBOX_NO_NETWORK : 0u) |
		      (f->capabilities ? (unsigned)SANDBOX_NO_CAPABILITIES : 0u) |
		      (f->filesystem ? (unsigned)SANDBOX_READ_ONLY : 0u) |
		      (f->no_new_privs ? (unsigned)SANDBOX_NO_NEW_PRIVS : 0u);
	return to->sandbox || policy_fault(err, &from->sandbox, "sandbox: demands nothing");
}

bool policy_build_placement(struct policy_class *to, const struct file_class *from, struct err *err)
{
	return build_jurisdictions(&to->jurisdictions, from->jurisdictions,
		       from->jurisdictions_count, "jurisdictions", err) &&
	       build_jurisdictions(&to->third_party_jurisdictions, from->third_party_jurisdictions,
		       from->third_party_jurisdictions_count, "third_party_jurisdictions", err) &&
	       (build_rules(to, from, err) || err_wrap(err, "host_attributes")) &&
	       build_sandbox(to, from, err);
}

/* ---- the clause ---- */

static json_t *names_json(const struct policy_names *names)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < names->count; i++)
		if (json_array_append_new(list, json_string(names->list[i])) != 0) {
			json_decref(list);
			return NULL;
		}
	return list;
}

static bool clause_names(json_t *clause, const char *key, const struct policy_names *names)
{
	return names->count == 0 || json_object_set_new(clause, key, names_json(names)) == 0;
}

static bool clause_rules(json_t *clause, const struct policy_class *class)
{
	json_t *rules = json_object();

	if (class->attribute_rule_count == 0) {
		json_decref(rules);
		return true;
	}
	for (size_t i = 0; i < class->attribute_rule_count; i++)
		if (json_object_set_new(rules, class->attribute_rules[i].name,
			    names_json(&class->attribute_rules[i].values)) != 0) {
			json_decref(rules);
			return false;
		}
	return json_object_set_new(clause, "host_attributes", rules) == 0;
}

static bool clause_sandbox(json_t *clause, const struct policy_class *class)
{
	json_t *sandbox = NULL;

	if (class->sandbox == 0)
		return true;
	sandbox = json_object();
	for (size_t i = 0; i < SANDBOX_NAMES; i++)
		if ((class->sandbox & policy_sandbox_names[i].bit) &&
			json_object_set_new(sandbox, policy_sandbox_names[i].key,
				json_string(policy_sandbox_names[i].wanted)) != 0) {
			json_decref(sandbox);
			return false;
		}
	return json_object_set_new(clause, "sandbox", sandbox) == 0;
}

bool policy_clause_placement(json_t *clause, const struct policy_class *class)
{
	return clause_names(clause, "jurisdictions", &class->jurisdictions) &&
	       clause_names(
		       clause, "third_party_jurisdictions", &class->third_party_jurisdictions) &&
	       clause_rules(clause, class) && clause_sandbox(clause, class);
}

/* ---- the end ---- */

static void names_release(struct policy_names *names)
{
	for (size_t i = 0; i < names->count; i++)
		free(names->list[i]);
	free(names->list);
}

void policy_placement_release(struct policy_class *class)
{
	names_release(&class->jurisdictions);
	names_release(&class->third_party_jurisdictions);
	for (size_t i = 0; i < class->attribute_rule_count; i++) {
		free(class->attribute_rules[i].name);
		names_release(&class->attribute_rules[i].values);
	}
	free(class->attribute_rules);
}
