/* SPDX-License-Identifier: Apache-2.0 */
/* Risk classes that were tightened or loosened, and the approvals that this voids. */
#include "base/text.h"
#include "policy/policy_file.h"
#include "policy/words_private.h"

static unsigned demanded(const struct policy_class *class, const char *role)
{
	for (size_t i = 0; i < class->approval_count; i++)
		if (strcmp(class->approvals[i].role, role) == 0)
			return class->approvals[i].count;
	return 0;
}

static void diff_approvals(struct diff *d, const char *subject, const struct policy_class *old,
	const struct policy_class *new)
{
	const struct policy_class *both[] = {new, old};

	for (size_t k = 0; k < 2; k++)
		for (size_t i = 0; i < both[k]->approval_count; i++) {
			const char *role = both[k]->approvals[i].role;
			char key[160];

			/* Of the old one only the roles that the new one has not. */
			if (k == 1 && demanded(new, role) > 0)
				continue;
			(void)snprintf(key, sizeof(key), "approvals as %s", role);
			diff_number(d, subject, key, demanded(old, role), demanded(new, role),
				DIFF_TIGHTER, "persons that must approve a release");
		}
}

static void diff_time(struct diff *d, const char *subject, const char *key, int64_t old,
	int64_t new, enum direction direction, const char *effect)
{
	char now[WORDS_DURATION_MAX], was[WORDS_DURATION_MAX];

	if (old != new)
		diff_note(d, direction, subject, effect, "%s: %s, was %s", key,
			new ? words_duration(new, now) : "none",
			old ? words_duration(old, was) : "none");
}

/* Fewer classes of hosts are tighter, but for none: that is any host. */
static void diff_hosts(struct diff *d, const char *subject, const struct policy_class *old,
	const struct policy_class *new)
{
	OWNED(buf_release) struct buf now = {0}, was = {0};
	enum direction direction = DIFF_OTHER;

	for (size_t i = 0; i < old->host_count; i++)
		words_put_name(&was, d->old->host_classes[old->hosts[i]].name);
	for (size_t i = 0; i < new->host_count; i++)
		words_put_name(&now, d->new->host_classes[new->hosts[i]].name);
	if (!buf_ok(&now, NULL) || !buf_ok(&was, NULL)) {
		d->w.failed = true;
		return;
	}
	if (old->host_count == 0 && new->host_count > 0)
		direction = DIFF_TIGHTER;
	else if (new->host_count == 0 && old->host_count > 0)
		direction = DIFF_LOOSER;
	diff_text(d, subject, "host_classes", was.len ? buf_str(&was) : "any enrolled host",
		now.len ? buf_str(&now) : "any enrolled host", direction,
		"which hosts its workloads may run on");
}

static enum direction shorter_is_tighter(int64_t old, int64_t new)
{
	if (old == 0 || new == 0)
		return old == 0 ? DIFF_TIGHTER : DIFF_LOOSER;
	return new < old ? DIFF_TIGHTER : DIFF_LOOSER;
}

static void diff_review(struct diff *d, const char *subject, const struct policy_class *old,
	const struct policy_class *new)
{
	diff_time(d, subject, "review_every", old->review_every, new->review_every,
		shorter_is_tighter(old->review_every, new->review_every),
		"how often its workloads must be reviewed");
	diff_time(d, subject, "review_grace", old->review_grace, new->review_grace,
		new->review_grace < old->review_grace ? DIFF_TIGHTER : DIFF_LOOSER,
		"how long a review that fell due only warns");
}

/* A default that moved with credential_lifetime is told of there. */
static void diff_drain(struct diff *d, const char *subject, const struct policy_class *old,
	const struct policy_class *new)
{
	if (old->drain_given || new->drain_given)
		diff_time(d, subject, "drain", old->drain, new->drain,
			new->drain < old->drain ? DIFF_TIGHTER : DIFF_LOOSER,
			"how long releases that the version floor passed may renew");
}

static void diff_lease(struct diff *d, const char *subject, const struct policy_class *old,
	const struct policy_class *new)
{
	if (old->lease_given || new->lease_given)
		diff_time(d, subject, "lease", old->lease, new->lease,
			new->lease < old->lease ? DIFF_TIGHTER : DIFF_LOOSER,
			"how long an agent is believed after its last appraisal");
	diff_flag(d, subject, "after_lease: relaunch", old->after_lease == AFTER_LEASE_RELAUNCH,
		new->after_lease == AFTER_LEASE_RELAUNCH, DIFF_TIGHTER,
		"whether an agent whose lease ended must be launched again");
}

static void diff_end(struct diff *d, const char *subject, const char *field, enum end_action old,
	enum end_action new, const char *about)
{
	if (old != new)
		diff_note(d, new > old ? DIFF_TIGHTER : DIFF_LOOSER, subject, about,
			"%s: %s, was %s", field, end_action_name(new), end_action_name(old));
}

static const json_t *demand_of(const json_t *demands, const char *name)
{
	const json_t *one;
	size_t i;

	json_array_foreach(demands, i,
		one) if (strcmp(json_string_value(json_object_get(one, "name")), name) ==
			 0) return one;
	return NULL;
}

/* As the clause has them: each demand by its name, with all that it asks. */
static void diff_demands(struct diff *d, const char *subject, const struct policy_class *old,
	const struct policy_class *new)
{
	OWNED(json_release) json_t *before = policy_clause_demands(d->old, old);
	OWNED(json_release) json_t *after = policy_clause_demands(d->new, new);
	const json_t *one, *twin;
	size_t i;

	if (!before || !after) {
		d->w.failed = true;
		return;
	}
	json_array_foreach(after, i, one)
	{
		const char *name = json_string_value(json_object_get(one, "name"));

		twin = demand_of(before, name);
		if (!twin)
			diff_note(d, DIFF_TIGHTER, subject, "releases without it are refused",
				"statement %s: demanded", name);
		else if (!json_equal(one, twin))
			diff_note(d, DIFF_OTHER, subject, "what counts as meeting it",
				"statement %s: changed", name);
	}
	json_array_foreach(before, i, one)
	{
		const char *name = json_string_value(json_object_get(one, "name"));

		if (!demand_of(after, name))
			diff_note(d, DIFF_LOOSER, subject, "releases need it no more",
				"statement %s: not demanded any more", name);
	}
}

static void diff_class(
	struct diff *d, const struct policy_class *old, const struct policy_class *new)
{
	char subject[160];

	(void)snprintf(subject, sizeof(subject), "risk class %s", new->name);
	diff_approvals(d, subject, old, new);
	diff_flag(d, subject, "differ_from_author", old->differ_from_author,
		new->differ_from_author, DIFF_TIGHTER,
		"whether a release's author or signer may approve it");
	diff_time(d, subject, "approval_age_max", old->approval_age_max, new->approval_age_max,
		shorter_is_tighter(old->approval_age_max, new->approval_age_max),
		"how old an approval may be");
	diff_time(d, subject, "credential_lifetime", old->credential_lifetime,
		new->credential_lifetime,
		shorter_is_tighter(old->credential_lifetime, new->credential_lifetime),
		"how long a service that checks offline goes on accepting");
	diff_time(d, subject, "renew_after", old->renew_after, new->renew_after,
		shorter_is_tighter(old->renew_after, new->renew_after),
		"how often agents are appraised");
	if (old->minimum_assurance != new->minimum_assurance)
		diff_note(d,
			new->minimum_assurance > old->minimum_assurance ? DIFF_TIGHTER
									: DIFF_LOOSER,
			subject, "what hosts must show", "minimum_assurance: %s, was %s",
			assurance_name(new->minimum_assurance),
			assurance_name(old->minimum_assurance));
	diff_flag(d, subject, "key in the TPM", old->key == KEY_TPM, new->key == KEY_TPM,
		DIFF_TIGHTER, "where the agent's key must live");
	diff_flag(d, subject, "pinned", old->pinned, new->pinned, DIFF_TIGHTER,
		"whether components that are measured but not pinned are refused");
	diff_flag(d, subject, "clock_safe", old->clock_safe, new->clock_safe, DIFF_TIGHTER,
		"whether quotes after an unclean stop of the TPM are refused");
	diff_review(d, subject, old, new);
	diff_drain(d, subject, old, new);
	diff_lease(d, subject, old, new);
	diff_end(d, subject, "on_lease_end", old->on_lease_end, new->on_lease_end,
		"what becomes of an agent that was not renewed in time");
	diff_end(d, subject, "on_refusal", old->on_refusal, new->on_refusal,
		"what becomes of an agent whose renewal is refused");
	diff_demands(d, subject, old, new);
	diff_placement(d, subject, old, new);
	diff_environment(d, subject, old, new);
	diff_elevations(d, subject, old, new);
	diff_hosts(d, subject, old, new);
}

static void diff_clause(struct diff *d, const struct policy_class *old,
	const struct policy_class *new, json_t *approvals_void)
{
	char subject[160], hex[17];

	if (memcmp(old->clause, new->clause, SHA256_LEN) == 0)
		return;
	(void)snprintf(subject, sizeof(subject), "risk class %s", new->name);
	diff_note(d, DIFF_OTHER, subject,
		old->approval_count + new->approval_count > 0
			? "approvals given under the old clause are void: releases must be "
			  "approved "
			  "again"
			: "no approvals are demanded, so none are void",
		"its clause changes to %s…", text_short_hex(BYTES_OF(new->clause), hex));
	if (json_array_append_new(approvals_void, json_string(new->name)) != 0)
		d->w.failed = true;
}

void diff_classes(struct diff *d, json_t *approvals_void)
{
	char subject[160];

	for (size_t i = 0; i < d->new->class_count; i++) {
		const struct policy_class *new = &d->new->classes[i];
		const struct policy_class *old = policy_class_find(d->old, bytes_str(new->name));

		(void)snprintf(subject, sizeof(subject), "risk class %s", new->name);
		if (!old) {
			diff_note(d, DIFF_OTHER, subject, "workloads may be registered under it",
				"added");
			continue;
		}
		diff_class(d, old, new);
		diff_clause(d, old, new, approvals_void);
	}
	for (size_t i = 0; i < d->old->class_count; i++)
		if (!policy_class_find(d->new, bytes_str(d->old->classes[i].name))) {
			(void)snprintf(
				subject, sizeof(subject), "risk class %s", d->old->classes[i].name);
			diff_note(d, DIFF_TIGHTER, subject, "its workloads are refused", "removed");
		}
}
