/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The boot below the agent. A risk class names host classes; a host is of the first one whose rules
 * its evidence satisfies. A renewal whose quoted PCRs have not moved stands on what the last full
 * appraisal established, and judges only the IMA entries that are new.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/time.h"
#include "policy/boot.h"
#include "policy/policy_file.h"

/* What one class makes of the evidence. */
struct candidate {
	size_t index; /* into the policy's host classes */
	struct verdict verdict;
	int64_t until;
	struct ima_state ima;
};

static void note_open(struct verdict *v, const struct host_class *class)
{
	char list[96] = "";
	size_t at = 0;

	for (unsigned pcr = 0; pcr < TPM_PCRS; pcr++)
		if (class->may_vary >> pcr & 1)
			at += (size_t)snprintf(list + at, sizeof(list) - at, " %u", pcr);
	if (at > 0)
		verdict_not_checked(v,
			"what was measured into PCRs%s: host class %s leaves it open", list,
			class->name);
}

static bool judge_ima(struct appraisal *a, const struct host_class *class,
	const struct ima_state *from, const struct pcr_bank *boot_pcrs, struct candidate *c,
	struct err *err)
{
	if (!class->ima.judged)
		return true;
	c->verdict.part = PART_IMA_LOG;
	return boot_judge_ima(a, class, from, boot_pcrs, &c->verdict, &c->ima, &c->until, err);
}

/* What one class makes of the boot; the caller owns it. NULL: nothing can be decided. */
static struct candidate *judge_class(
	struct appraisal *a, const struct boot_facts *facts, size_t index, struct err *err)
{
	const struct host_class *class = &a->policy->host_classes[index];
	OWNED(free_ptr) struct candidate *c = policy_alloc(1, sizeof(*c), err);
	struct boot_case boot = {.facts = facts, .class = class, .now = a->context->now};
	struct ima_state start = {0};

	if (!c)
		return NULL;
	c->index = index;
	c->verdict.part = PART_BOOT;
	boot.verdict = &c->verdict;
	boot_judge_rules(&boot);
	if (!boot_judge_references(&boot, err))
		return NULL;
	c->until = boot.until;
	if (!ima_state_start(&start, a->policy->bank, DIGEST_SHA1, err))
		return NULL;
	note_open(&c->verdict, class);
	if (!judge_ima(a, class, &start, &facts->firmware, c, err))
		return NULL;
	return TAKE(c);
}

/* Takes over a class's findings: against, or in favour of, the evidence. */
static void adopt(struct appraisal *a, const struct candidate *c)
{
	const struct verdict *v = &c->verdict;

	enum verdict_part before = a->verdict->part;

	for (size_t i = 0; i < v->reason_count; i++) {
		const struct reason *r = &v->reasons[i];

		a->verdict->part = r->part;
		verdict_refuse(
			a->verdict, r->code, r->subject, r->expected, r->actual, r->where, r->hint);
	}
	if (v->reasons_cut)
		a->verdict->reasons_cut = true;
	for (size_t i = 0; i < v->checked_count; i++) {
		a->verdict->part = v->checked_part[i];
		verdict_checked(a->verdict, "%s", v->checked[i]);
	}
	for (size_t i = 0; i < v->not_checked_count; i++) {
		a->verdict->part = v->not_checked_part[i];
		verdict_not_checked(a->verdict, "%s", v->not_checked[i]);
	}
	a->verdict->held |= v->held;
	a->verdict->refused |= v->refused;
	a->verdict->part = before;
}

static void accept(struct appraisal *a, const struct candidate *c)
{
	const struct host_class *class = &a->policy->host_classes[c->index];

	a->host_class = c->index + 1;
	a->boot_until = c->until;
	a->ima = c->ima;
	a->ima_judged = class->ima.judged;
	if (a->verdict->assurance == ASSURANCE_REPORTED)
		a->verdict->assurance = (unsigned)class->ceiling;
	verdict_checked(a->verdict, "boot: host class %s", class->name);
}

/* The first class satisfied; failing that, the one that is nearest, so that its reasons are told. */
static bool judge_classes(struct appraisal *a, const struct boot_facts *facts, struct err *err)
{
	const struct policy_class *risk = a->class;
	OWNED(free_ptr) struct candidate *best = judge_class(a, facts, risk->hosts[0], err);

	if (!best)
		return false;
	for (size_t i = 1; i < risk->host_count && best->verdict.reason_count > 0; i++) {
		OWNED(free_ptr) struct candidate *c = judge_class(a, facts, risk->hosts[i], err);

		if (!c)
			return false;
		if (c->verdict.reason_count < best->verdict.reason_count) {
			free(best);
			best = TAKE(c);
		}
	}
	adopt(a, best);
	if (best->verdict.reason_count == 0)
		accept(a, best);
	return true;
}

static bool judge_fully(struct appraisal *a, struct err *err)
{
	OWNED(boot_facts_free) struct boot_facts *facts = NULL;

	if (!boot_facts_of(a, &facts, err))
		return false;
	if (!facts)
		return true;
	verdict_held(a->verdict, PART_FIRMWARE_LOG);
	return judge_classes(a, facts, err);
}

/* The host's class is one that the risk class names today: a workload can have moved to another. */
static bool class_named(const struct appraisal *a, size_t host_class)
{
	for (size_t i = 0; i < a->class->host_count; i++)
		if (a->class->hosts[i] + 1 == host_class)
			return true;
	return false;
}

/* The PCRs of the boot are as they were (check_other_pcrs), under the same policy and in the same
 * boot (check_continuity). */
static bool judge_further(struct appraisal *a, struct err *err)
{
	const struct policy_state *s = a->state_in;
	OWNED(free_ptr) struct candidate *c = NULL;
	char until[TIME_TEXT_MAX], now[TIME_TEXT_MAX];

	if (!class_named(a, s->host_class)) {
		verdict_refuse(a->verdict, REASON_STATE_STALE, "host class",
			"one that the risk class names", "none or another",
			"state of the last appraisal", NULL);
		return true;
	}
	if (s->boot_until > 0 && a->context->now > s->boot_until) {
		verdict_refuse(a->verdict, REASON_STATE_STALE, "reference values",
			time_format(s->boot_until, until), time_format(a->context->now, now),
			"state of the last appraisal", NULL);
		return true;
	}
	c = policy_alloc(1, sizeof(*c), err);
	if (!c)
		return false;
	c->index = s->host_class - 1;
	c->until = s->boot_until;
	c->verdict.part = PART_BOOT;
	note_open(&c->verdict, &a->policy->host_classes[c->index]);
	if (!judge_ima(a, &a->policy->host_classes[c->index], &s->ima, &a->pcrs, c, err))
		return false;
	adopt(a, c);
	if (c->verdict.reason_count == 0)
		accept(a, c);
	return true;
}

bool check_boot(struct appraisal *a, struct err *err)
{
	if (!a->quoted)
		return true;
	if (a->runtime.replayed)
		a->verdict->assurance = ASSURANCE_REPORTED;
	if (!a->class || a->class->host_count == 0)
		return true;
	return a->full ? judge_fully(a, err) : judge_further(a, err);
}
