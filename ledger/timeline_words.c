/* SPDX-License-Identifier: Apache-2.0 */
/* What persons and the verifier did beside deciding, in words. */
#include "ledger/timeline_private.h"

#include <stdio.h>

#include "base/text.h"

/* {key} stands for what the entry has under it, {#key} for the first 16 characters of that. */
static const struct {
	const char *event; /* as the entry names it */
	const char *key, *value; /* and what must stand under this key; NULL: anything */
	const char *kind, *text;
} words[] = {
	{"enrolment", NULL, NULL, "enrolment", "host {#host} enrolled, {state}"},
	{"enrolment-admitted", NULL, NULL, "enrolment", "host {#host} admitted by a join token"},
	{"enrolment-conflict", NULL, NULL, "enrolment-refused",
		"a second TPM asked to be host {#host}: refused"},
	{"host-state", "state", "active", "host-confirmed", "host {#host} confirmed: {reason}"},
	{"host-state", "state", "quarantined", "quarantine", "host {#host} quarantined: {reason}"},
	{"host-state", "state", "retired", "host-retired", "host {#host} retired: {reason}"},
	{"host-attributes", NULL, NULL, "host-attributes",
		"attributes of host {#host} changed: {reason}"},
	{"workload", NULL, NULL, "workload", "workload registered"},
	{"workload-reviewed", NULL, NULL, "review", "workload {name} reviewed: {reason}"},
	{"workload-retired", NULL, NULL, "workload-retired", "workload {name} retired: {reason}"},
	{"version-floor", NULL, NULL, "floor",
		"version floor of {name} raised to {version} (before: {from})"},
	{"version-floor-rollback", NULL, NULL, "floor",
		"version floor of {name} lowered to {version} (before: {from}): {reason}"},
	{"security-floor", NULL, NULL, "floor",
		"security floor of {workload} set to {minimum}: {reason}"},
	{"release", NULL, NULL, "release", "release {#digest} published"},
	{"release-revoked", NULL, NULL, "release-revoked", "release {#digest} revoked: {reason}"},
	{"statement", NULL, NULL, "statement", "statement on release {#release} published"},
	{"statement-withdrawn", NULL, NULL, "withdrawal",
		"a statement on release {#release} withdrawn"},
	{"approval", "withdrawn", "true", "withdrawal",
		"approval of release {#release} by role {role} withdrawn"},
	{"approval", NULL, NULL, "approval", "release {#release} approved by role {role}"},
	{"policy", NULL, NULL, "policy", "policy version {version} in force"},
	{"policy-staged", NULL, NULL, "policy", "policy version {version} staged"},
	{"policy-activation-set", NULL, NULL, "policy",
		"policy version {version} to be in force at {at}: {reason}"},
	{"policy-withdrawn", NULL, NULL, "policy", "policy version {version} withdrawn: {reason}"},
	{"shadow-ended", NULL, NULL, "policy",
		"the judging of decisions by policy version {version} ended: {reason}"},
	{"rollout", NULL, NULL, "rollout", "rollout of release {#release} {step}: {reason}"},
	{"elevation-asked", NULL, NULL, "elevation",
		"right {right} asked for, for {duration} s, by {by}: {reason}"},
	{"elevation-approved", NULL, NULL, "elevation",
		"elevation {#elevation} ({right}) approved by {person} as {role}: {reason}"},
	{"elevation-begun", NULL, NULL, "elevation",
		"right {right} lent until {until}, approved by {approved_by}: {reason}"},
	{"elevation-denied", NULL, NULL, "elevation",
		"elevation {#elevation} ({right}) denied: {reason}"},
	{"elevation-lapsed", NULL, NULL, "elevation",
		"elevation {#elevation} ({right}) lapsed: {reason}"},
	{"elevation-ended", NULL, NULL, "elevation",
		"elevation {#elevation} ({right}) ended: {reason}"},
	{"elevation-revoked", NULL, NULL, "elevation",
		"elevation {#elevation} ({right}) revoked: {reason}"},
	{"instance-end", NULL, NULL, "end", "instance {#instance} ended"},
	{"instance-state", NULL, NULL, "instance-state",
		"instance {#instance} is {state}: its lease ended at {lease}, last heard of at "
		"{heard}"},
	{"incident", "step", "opened", "incident",
		"incident {incident} opened: {title} ({severity})"},
	{"incident", "step", "closed", "incident", "incident {incident} closed: {reason}"},
	{"incident", NULL, NULL, "incident", "incident {incident}: {what} {#attached} attached"},
};

static const char *value_of(const json_t *said, const char *key, char out[32])
{
	const json_t *value = json_object_get(said, key);

	if (json_is_boolean(value))
		return json_is_true(value) ? "true" : "false";
	if (json_is_integer(value)) {
		(void)snprintf(out, 32, "%lld", (long long)json_integer_value(value));
		return out;
	}
	return json_string_value(value) ? json_string_value(value) : "";
}

/* Appends to text what fits. */
static void put(char text[TIMELINE_TEXT_MAX], size_t *len, const char *in, size_t n)
{
	for (size_t i = 0; i < n && in[i] && *len < TIMELINE_TEXT_MAX - 1; i++)
		text[(*len)++] = in[i];
}

static void fill(const char *format, const json_t *said, char text[TIMELINE_TEXT_MAX])
{
	size_t len = 0;

	while (*format) {
		char key[24], number[32];
		size_t n = strcspn(format, "{");

		put(text, &len, format, n);
		format += n;
		if (!*format)
			break;
		bool brief = format[1] == '#';

		format += 1 + brief;
		n = strcspn(format, "}");
		(void)snprintf(key, sizeof(key), "%.*s", (int)n, format);
		format += n + 1;
		const char *value = value_of(said, key, number);

		/* At the end of the line nothing is said where nothing was. */
		put(text, &len, value[0] || !*format ? value : "none",
			brief ? 16 : TIMELINE_TEXT_MAX);
	}
	/* Nothing was said, or a character was cut in two. */
	while (len > 0 &&
		(text[len - 1] == ' ' || text[len - 1] == ':' || !utf8_valid(bytes_of(text, len))))
		len--;
	text[len] = '\0';
}

/* All that its record tells. */
static void emptied(const struct decision_facts *f, char text[TIMELINE_TEXT_MAX])
{
	char instance[17];

	(void)snprintf(text, TIMELINE_TEXT_MAX,
		"%s of instance %s… of %s %s: its content was destroyed", purpose_name(f->purpose),
		text_short_hex(BYTES_OF(f->instance), instance),
		f->workload[0] ? f->workload : "an unnamed workload",
		f->trusted ? "trusted" : "refused");
}

void timeline_words(
	const struct ledger_entry *entry, const char **ret_kind, char text[TIMELINE_TEXT_MAX])
{
	const char *event = json_string_value(json_object_get(entry->said, "event"));
	char number[32];

	*ret_kind = leaf_type_name(entry->type);
	if (entry->emptied && entry->decided) {
		*ret_kind = "destroyed";
		emptied(&entry->facts, text);
		return;
	}
	if (entry->destroyed) {
		*ret_kind = "destroyed";
		(void)snprintf(text, TIMELINE_TEXT_MAX, "%s: its content was destroyed",
			leaf_type_name(entry->type));
		return;
	}
	for (size_t i = 0; event && i < ARRAY_LEN(words); i++) {
		if (strcmp(words[i].event, event) != 0 ||
			(words[i].key && strcmp(value_of(entry->said, words[i].key, number),
						 words[i].value) != 0))
			continue;
		*ret_kind = words[i].kind;
		fill(words[i].text, entry->said, text);
		return;
	}
	fill(event ? "{event}: {reason}" : "an entry in a form that this program does not know",
		entry->said, text);
}
