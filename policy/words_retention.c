/* SPDX-License-Identifier: Apache-2.0 */
/* How long content is kept, in words, and what changed there. */
#include "base/text.h"
#include "policy/words_private.h"

static const char *time_text(int64_t seconds, char out[WORDS_DURATION_MAX])
{
	return seconds == RETENTION_FOREVER ? "for ever" : words_duration(seconds, out);
}

static void say_times(struct words *w, const char *whose, const struct retention_times *times)
{
	char launch[WORDS_DURATION_MAX], renew[WORDS_DURATION_MAX], refused[WORDS_DURATION_MAX];

	words_say(w, "kept of decisions%s: launches %s, renewals %s, refusals %s", whose,
		time_text(times->keep[RETENTION_LAUNCH], launch),
		time_text(times->keep[RETENTION_RENEW], renew),
		time_text(times->keep[RETENTION_REFUSED], refused));
}

void words_say_retention(struct words *w, const struct policy *policy)
{
	const struct policy_retention *r = &policy->retention;
	char keep[WORDS_DURATION_MAX];

	if (!r->said)
		return;
	say_times(w, "", &r->times);
	for (size_t i = 0; i < r->class_count; i++) {
		char whose[96];

		(void)snprintf(whose, sizeof(whose), " of risk class %s", r->classes[i].name);
		say_times(w, whose, &r->classes[i].times);
	}
	for (size_t i = 0; i < RETENTION_ENTRY_KINDS; i++)
		if (r->entries[i] != RETENTION_FOREVER)
			words_say(w, "kept of %s entries: %s", retention_entries[i].name,
				time_text(r->entries[i], keep));
}

void words_explain_retention(
	struct words *w, const struct policy *policy, const struct policy_class *class)
{
	struct retention_times times;

	if (!policy->retention.said)
		return;
	for (unsigned kind = 0; kind < RETENTION_KINDS; kind++)
		times.keep[kind] =
			retention_of_decision(&policy->retention, bytes_str(class->name), kind);
	say_times(w, "", &times);
}

/* ---- differences ---- */

static void diff_time(
	struct diff *d, const char *subject, const char *what, int64_t old, int64_t new)
{
	char before[WORDS_DURATION_MAX], after[WORDS_DURATION_MAX];
	bool longer = retention_longer(old, new) == new;

	if (old != new)
		diff_note(d, longer ? DIFF_TIGHTER : DIFF_LOOSER, subject,
			longer ? "its content is kept longer, where it has not gone yet"
			       : "older content is destroyed for good once the grace is over",
			"%s: kept %s, was %s", what, time_text(new, after), time_text(old, before));
}

static void diff_class(struct diff *d, const char *name)
{
	char subject[96];

	(void)snprintf(subject, sizeof(subject), "retention of risk class %s", name);
	for (unsigned kind = 0; kind < RETENTION_KINDS; kind++)
		diff_time(d, subject, retention_kind_name(kind),
			retention_of_decision(&d->old->retention, bytes_str(name), kind),
			retention_of_decision(&d->new->retention, bytes_str(name), kind));
}

static bool has_class(const struct policy_retention *retention, const char *name)
{
	for (size_t i = 0; i < retention->class_count; i++)
		if (strcmp(retention->classes[i].name, name) == 0)
			return true;
	return false;
}

void diff_retention(struct diff *d)
{
	const struct policy_retention *old = &d->old->retention, *new = &d->new->retention;

	for (unsigned kind = 0; kind < RETENTION_KINDS; kind++)
		diff_time(d, "retention", retention_kind_name(kind), old->times.keep[kind],
			new->times.keep[kind]);
	for (size_t i = 0; i < RETENTION_ENTRY_KINDS; i++) {
		char what[64];

		(void)snprintf(what, sizeof(what), "%s entries", retention_entries[i].name);
		diff_time(d, "retention", what, old->entries[i], new->entries[i]);
	}
	for (size_t i = 0; i < new->class_count; i++)
		diff_class(d, new->classes[i].name);
	for (size_t i = 0; i < old->class_count; i++)
		if (!has_class(new, old->classes[i].name))
			diff_class(d, old->classes[i].name);
}
