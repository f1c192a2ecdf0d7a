/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the agent runs, against where its class lets it run. What hosts are said to be is asserted
 * by operators: no measurement shows a jurisdiction, and each line says so. How the agent is
 * confined is in the launch record, which the TPM vouches for; that it is so is assay-hostd's word,
 * and worth as much as what is known of assay-hostd.
 */
#include "policy/appraisal.h"

#include <stdio.h>

#include "base/json.h"
#include "base/text.h"
#include "policy/policy_file.h"

#define PLACE       "register of hosts"
#define PARTIES_MAX 65536u

static bool among(const struct policy_names *names, struct bytes value)
{
	for (size_t i = 0; i < names->count; i++)
		if (bytes_equal_str(value, names->list[i]))
			return true;
	return false;
}

static bool covered(const struct policy_names *names, struct bytes code)
{
	for (size_t i = 0; i < names->count; i++)
		if (jurisdiction_covers(names->list[i], code))
			return true;
	return false;
}

/* "one of CH, DE" */
static const char *one_of(const struct policy_names *names, char out[REASON_TEXT_MAX])
{
	(void)snprintf(out, REASON_TEXT_MAX, "%s", names->count > 1 ? "one of " : "");
	for (size_t i = 0; i < names->count; i++)
		text_append(out, REASON_TEXT_MAX, "%s%s", i > 0 ? ", " : "",
			ESC(bytes_str(names->list[i])));
	return out;
}

static void asserted(const struct host_attribute *attribute, char out[REASON_TEXT_MAX])
{
	snprintf(out, REASON_TEXT_MAX, "%s, asserted by operator %s", ESC(attribute->value),
		ESC(host_attribute_operator(attribute->by)));
}

static void check_attribute(struct appraisal *a, enum reason_code code, const char *key,
	const struct policy_names *wanted,
	bool (*fits)(const struct policy_names *names, struct bytes value))
{
	const struct context_host *host = &a->context->host;
	const struct host_attribute *found =
		host_attribute_find(host->attributes, host->attribute_count, key);
	char subject[REASON_TEXT_MAX], expected[REASON_TEXT_MAX], actual[REASON_TEXT_MAX];

	snprintf(subject, sizeof(subject), "host: %s", ESC(bytes_str(key)));
	if (!found) {
		verdict_refuse(a->verdict, code, subject, one_of(wanted, expected),
			"no operator has set it", PLACE, NULL);
		return;
	}
	asserted(found, actual);
	if (fits(wanted, found->value))
		verdict_checked(a->verdict, "%s: %s, not proven", subject, actual);
	else
		verdict_refuse(
			a->verdict, code, subject, one_of(wanted, expected), actual, PLACE, NULL);
}

bool check_placement(struct appraisal *a, struct err *err)
{
	const struct policy_class *class = a->class;

	if (!class)
		return true;
	if (class->jurisdictions.count > 0)
		check_attribute(a, REASON_HOST_JURISDICTION, HOST_JURISDICTION,
			&class->jurisdictions, covered);
	for (size_t i = 0; i < class->attribute_rule_count; i++)
		check_attribute(a, REASON_HOST_ATTRIBUTE, class->attribute_rules[i].name,
			&class->attribute_rules[i].values, among);
	a->verdict->part = PART_THIRD_PARTIES;
	return policy_third_parties_appraise(class, &a->context->workload, a->verdict, err);
}

/* ---- third parties ---- */

static void check_party(
	const struct policy_class *class, const json_t *party, struct verdict *verdict)
{
	const char *name = json_string_value(json_object_get(party, "name"));
	const char *place = json_string_value(json_object_get(party, "jurisdiction"));
	char subject[REASON_TEXT_MAX], expected[REASON_TEXT_MAX];

	if (covered(&class->third_party_jurisdictions, bytes_str(place)))
		return;
	snprintf(subject, sizeof(subject), "third party %s: jurisdiction",
		ESC(bytes_str(name ? name : "without a name")));
	refuse_text(verdict, REASON_THIRD_PARTY, subject,
		bytes_str(one_of(&class->third_party_jurisdictions, expected)),
		bytes_str(place ? place : "none"), "register of workloads");
}

bool policy_third_parties_appraise(const struct policy_class *class,
	const struct context_workload *workload, struct verdict *verdict, struct err *err)
{
	OWNED(json_release) json_t *parties = NULL;
	size_t before = verdict->reason_count;

	if (!class || class->third_party_jurisdictions.count == 0)
		return true;
	if (workload->third_parties.len > 0 &&
		!json_open(workload->third_parties, PARTIES_MAX, &parties, err))
		return refuse_malformed(verdict, REASON_THIRD_PARTY, "third parties", err);
	if (parties && json_typeof(parties) != JSON_ARRAY)
		verdict_refuse(verdict, REASON_THIRD_PARTY, "third parties", "a list", "none",
			"register of workloads", NULL);
	for (size_t i = 0; i < json_array_size(parties); i++)
		check_party(class, json_array_get(parties, i), verdict);
	if (verdict->reason_count == before)
		verdict_checked(verdict,
			"third parties: %zu, each in a jurisdiction that the class allows: as the "
			"register has them",
			json_array_size(parties));
	return true;
}

/* ---- the sandbox ---- */

static bool held(const struct runtime_launch *launch, unsigned bit)
{
	if (bit == POLICY_SANDBOX_UNPRIVILEGED)
		return launch->uid != 0 && launch->gid != 0;
	return (launch->sandbox & bit) != 0;
}

static void refuse_sandbox(struct appraisal *a, const struct sandbox_name *name)
{
	const struct runtime_launch *launch = &a->runtime.launch;
	char subject[64], where[48], actual[64];

	snprintf(subject, sizeof(subject), "sandbox: %s", name->key);
	snprintf(where, sizeof(where), "runtime log record %llu",
		(unsigned long long)a->runtime.launch_recnum);
	if (name->bit == POLICY_SANDBOX_UNPRIVILEGED)
		snprintf(actual, sizeof(actual), "user %u, group %u", launch->uid, launch->gid);
	else
		snprintf(actual, sizeof(actual), "%s",
			launch->sandbox ? name->otherwise : "the launch record says nothing of it");
	verdict_refuse(a->verdict, REASON_SANDBOX, subject, name->wanted, actual, where, NULL);
}

static void check_held(struct appraisal *a)
{
	for (size_t i = 0; i < SANDBOX_NAMES; i++)
		if ((a->class->sandbox & policy_sandbox_names[i].bit) &&
			!held(&a->runtime.launch, policy_sandbox_names[i].bit))
			refuse_sandbox(a, &policy_sandbox_names[i]);
}

/* The launch record of a renewal is the one accepted under this very policy. */
bool check_sandbox(struct appraisal *a, struct err *err)
{
	size_t before = a->verdict->reason_count;

	(void)err;
	if (!a->class || a->class->sandbox == 0 || !a->runtime.replayed)
		return true;
	if (a->full && a->runtime.launches != 1)
		return true; /* refused for that */
	if (a->full)
		check_held(a);
	if (a->verdict->reason_count != before)
		return true;
	verdict_checked(a->verdict, a->full ? "sandbox: as the class demands, by the launch record"
					    : "sandbox: of the launch accepted earlier");
	verdict_not_checked(a->verdict,
		a->verdict->assurance >= ASSURANCE_MEASURED
			? "the sandbox after the launch: an approved assay-hostd looked at it "
			  "before it handed over a credential"
			: "the sandbox itself: asserted by assay-hostd, which nothing proves here");
	return true;
}
