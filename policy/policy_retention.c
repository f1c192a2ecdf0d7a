/* SPDX-License-Identifier: Apache-2.0 */
/* The policy file's section on retention. */
#include "policy/retention.h"

#include <stdlib.h>

#include "base/text.h"
#include "base/time.h"
#include "policy/policy_file.h"

static const char *const kind_names[RETENTION_KINDS] = {
	[RETENTION_LAUNCH] = "launch",
	[RETENTION_RENEW] = "renew",
	[RETENTION_REFUSED] = "refused",
};

const struct retention_entry retention_entries[RETENTION_ENTRY_KINDS] = {
	{"issued", 2},
	{"enrolment", 3},
	{"host-state", 4},
	{"release", 5},
	{"approval", 6},
	{"policy", 7},
	{"workload", 8},
	{"key", 9},
	{"instance-end", 10},
	{"rollout", 11},
	{"elevation", 12},
	{"incident", 14},
	{"instance-state", 15},
	{"webhook", 16},
};

const char *retention_kind_name(enum retention_kind kind)
{
	return (unsigned)kind < RETENTION_KINDS ? kind_names[kind] : "unknown";
}

int64_t retention_longer(int64_t a, int64_t b)
{
	if (a == RETENTION_FOREVER || b == RETENTION_FOREVER)
		return RETENTION_FOREVER;
	return a > b ? a : b;
}

int64_t retention_of_decision(
	const struct policy_retention *retention, struct bytes class, enum retention_kind kind)
{
	for (size_t i = 0; i < retention->class_count; i++)
		if (bytes_equal_str(class, retention->classes[i].name))
			return retention->classes[i].times.keep[kind];
	return retention->times.keep[kind];
}

int64_t retention_of_entry(const struct policy_retention *retention, unsigned leaf_type)
{
	for (size_t i = 0; i < RETENTION_ENTRY_KINDS; i++)
		if (retention_entries[i].leaf_type == leaf_type)
			return retention->entries[i];
	return RETENTION_FOREVER;
}

/* text NULL: not said, *to stays. place: where the text is. */
static bool build_time(
	char *const *text, const char *key, const char *name, int64_t *to, struct err *err)
{
	int64_t seconds = 0;

	if (!*text)
		return true;
	if (strcmp(*text, RETENTION_WORD_FOREVER) == 0) {
		*to = RETENTION_FOREVER;
		return true;
	}
	if (!time_parse_duration(bytes_str(*text), RETENTION_MAX, &seconds, err))
		return policy_wrap(err, text, "%s%s", key, name);
	if (seconds < RETENTION_MIN)
		return policy_fault(err, text, "%s%s: %s: must be 1d or more", key, name,
			ESC(bytes_str(*text)));
	*to = seconds;
	return true;
}

static bool build_times(char *const texts[RETENTION_KINDS], const char *key,
	struct retention_times *to, struct err *err)
{
	for (unsigned kind = 0; kind < RETENTION_KINDS; kind++)
		if (!build_time(&texts[kind], key, kind_names[kind], &to->keep[kind], err))
			return false;
	return true;
}

static bool build_entries(
	struct policy_retention *to, const struct file_retention *from, struct err *err)
{
	bool given[RETENTION_ENTRY_KINDS] = {false};

	for (unsigned i = 0; i < from->entries_count; i++) {
		const struct file_retention_entry *entry = &from->entries[i];
		unsigned type = entry->type;

		if (given[type])
			return policy_fault(err, entry, "entries: %s: given twice",
				retention_entries[type].name);
		given[type] = true;
		if (!build_time(&entry->keep, "entries: ", retention_entries[type].name,
			    &to->entries[type], err))
			return false;
	}
	return true;
}

static bool build_class(const struct policy *policy, struct policy_retention *to,
	const struct file_retention_class *from, struct err *err)
{
	struct retention_class *class = &to->classes[to->class_count];

	if (!policy_class_find(policy, bytes_str(from->name)))
		return policy_fault(err, &from->name,
			"risk_classes: %s: the policy has no such risk class",
			ESC(bytes_str(from->name)));
	for (size_t i = 0; i < to->class_count; i++)
		if (strcmp(to->classes[i].name, from->name) == 0)
			return policy_fault(
				err, &from->name, "risk_classes: %s: given twice", from->name);
	class->times = to->times;
	class->name = bytes_strdup(bytes_str(from->name));
	if (!class->name)
		return err_set(err, ERR_NOMEM, "no memory");
	to->class_count++;
	return build_times(from->keep, "", &class->times, err) ||
	       policy_wrap(err, from, "risk_classes: %s", from->name);
}

static bool build(struct policy *policy, const struct file_retention *from, struct err *err)
{
	struct policy_retention *to = &policy->retention;

	to->said = true;
	to->classes = policy_alloc(from->risk_classes_count, sizeof(*to->classes), err);
	if (!to->classes || !build_times(from->keep, "", &to->times, err) ||
		!build_entries(to, from, err))
		return false;
	for (unsigned i = 0; i < from->risk_classes_count; i++)
		if (!build_class(policy, to, &from->risk_classes[i], err))
			return false;
	return true;
}

bool policy_build_retention(struct policy *policy, const struct file_policy *file, struct err *err)
{
	return !file->retention || build(policy, file->retention, err) ||
	       err_wrap(err, "retention");
}

void policy_retention_release(struct policy *policy)
{
	for (size_t i = 0; i < policy->retention.class_count; i++)
		free(policy->retention.classes[i].name);
	free(policy->retention.classes);
}
