/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was measured, against the references of a host class: golden logs, baselines, CoRIMs. Each
 * PCR that the class does not leave open must be accepted by a reference whose time is not over.
 * Different PCRs may be accepted by different references, so that an update of one thing is one more
 * reference with a date.
 */
#include <stdio.h>

#include "base/text.h"
#include "policy/boot.h"

/* How a reference takes the log. */
struct opinion {
	uint32_t covered; /* PCRs that it speaks of */
	uint32_t accepted;
	struct baseline_findings findings; /* owned; of baselines */
};

static void opinion_release(struct opinion *o)
{
	baseline_findings_release(&o->findings);
}

static bool opinion_of_baseline(const struct boot_case *c, const struct baseline *baseline,
	uint32_t wanted, struct opinion *ret, struct err *err)
{
	if (!baseline_judge(baseline, &c->facts->log, ~wanted, &ret->findings, err))
		return false;
	ret->covered = baseline->pcrs & wanted;
	/* What was cut off the list might be in any PCR. */
	if (ret->findings.total > ret->findings.count)
		return true;
	ret->accepted = ret->covered;
	for (size_t i = 0; i < ret->findings.count; i++)
		ret->accepted &= ~(1u << ret->findings.list[i].pcr);
	return true;
}

static struct digest quoted_value(const struct boot_facts *facts, unsigned pcr)
{
	struct digest value = {.alg = facts->bank, .len = (uint8_t)digest_alg_len(facts->bank)};

	memcpy(value.bytes, facts->quoted.values[pcr], value.len);
	return value;
}

static void opinion_of_corim(
	const struct boot_case *c, const struct corim *corim, uint32_t wanted, struct opinion *ret)
{
	for (unsigned pcr = 0; pcr < TPM_PCRS; pcr++) {
		struct digest value = quoted_value(c->facts, pcr);
		enum corim_match match = corim_match(corim, pcr, &value);

		if (!(wanted >> pcr & 1) || match == CORIM_ABSENT)
			continue;
		ret->covered |= 1u << pcr;
		if (match == CORIM_EQUAL)
			ret->accepted |= 1u << pcr;
	}
}

static bool corim_current(const struct corim *corim, int64_t now)
{
	return !(corim->has_not_before && now < corim->not_before) &&
	       !(corim->has_not_after && now > corim->not_after);
}

bool reference_current(const struct host_reference *reference, int64_t now)
{
	return reference->attached && (reference->until == 0 || now <= reference->until) &&
	       (!reference->corim || corim_current(reference->corim, now));
}

void reference_narrow(const struct host_reference *reference, int64_t *until)
{
	int64_t end = reference->until;

	if (reference->corim && reference->corim->has_not_after &&
		(end == 0 || reference->corim->not_after < end))
		end = reference->corim->not_after;
	if (end > 0 && (*until == 0 || end < *until))
		*until = end;
}

/* What all references together make of the boot. */
struct judgement {
	uint32_t wanted, covered, accepted, accepted_once; /* once: by one whose time is over */
	int64_t until; /* of the references that some PCR needs */
	const struct host_reference *nearest; /* the current baseline with the fewest findings */
	struct opinion nearest_opinion;
};

static void judgement_release(struct judgement *j)
{
	opinion_release(&j->nearest_opinion);
}

static void keep_nearest(
	struct judgement *j, const struct host_reference *reference, struct opinion *opinion)
{
	if (reference->corim ||
		(j->nearest && j->nearest_opinion.findings.total <= opinion->findings.total))
		return;
	opinion_release(&j->nearest_opinion);
	j->nearest = reference;
	j->nearest_opinion = TAKE_STRUCT(*opinion);
}

static bool ask(struct boot_case *c, const struct host_reference *reference, struct judgement *j,
	struct err *err)
{
	OWNED(opinion_release) struct opinion opinion = {0};

	if (!reference->attached) {
		j->covered |= j->wanted; /* accepts nothing, and may speak of anything */
		return true;
	}
	if (reference->corim)
		opinion_of_corim(c, reference->corim, j->wanted, &opinion);
	else if (!opinion_of_baseline(c, reference->baseline, j->wanted, &opinion, err))
		return refuse_malformed(c->verdict, REASON_FIRMWARE_LOG, "firmware log", err);
	/* Once its time is over it accepts nothing, but it has still said that something belongs here. */
	j->covered |= opinion.covered;
	if (!reference_current(reference, c->now)) {
		j->accepted_once |= opinion.accepted;
		return true;
	}
	if (opinion.accepted & ~j->accepted)
		reference_narrow(reference, &j->until);
	j->accepted |= opinion.accepted;
	keep_nearest(j, reference, &opinion);
	return true;
}

static void refuse_event(struct boot_case *c, const struct baseline_finding *f)
{
	char subject[64], where[64] = "firmware log: no event";
	char expected[REASON_TEXT_MAX], actual[REASON_TEXT_MAX], hex[2 * DIGEST_LEN_MAX + 1];

	if (event_type_name(f->type))
		snprintf(subject, sizeof(subject), "PCR %u, %s", f->pcr, event_type_name(f->type));
	else
		snprintf(subject, sizeof(subject), "PCR %u, event type 0x%08x", f->pcr, f->type);
	if (f->event >= 0)
		snprintf(where, sizeof(where), "firmware log event %lld", (long long)f->event);
	hex_encode(bytes_of(f->expected.bytes, f->expected.len), hex);
	snprintf(expected, sizeof(expected), "%s%s%s", hex, hex[0] ? "  " : "no such event",
		f->expected_text);
	hex_encode(bytes_of(f->found.bytes, f->found.len), hex);
	snprintf(actual, sizeof(actual), "%s%s%s", hex, hex[0] ? "  " : "no such event",
		f->found_text);
	verdict_refuse(
		c->verdict, REASON_FIRMWARE_EVENT, subject, expected, actual, where, f->accept);
}

static void refuse_value(struct boot_case *c, unsigned pcr)
{
	char subject[24];
	struct digest value = quoted_value(c->facts, pcr);
	char hex[2 * DIGEST_LEN_MAX + 1];

	snprintf(subject, sizeof(subject), "PCR %u", pcr);
	hex_encode(bytes_of(value.bytes, value.len), hex);
	verdict_refuse(c->verdict, REASON_FIRMWARE_EVENT, subject,
		"a value that a reference of the host class accepts", hex, "quote", NULL);
}

static void explain(struct boot_case *c, const struct judgement *j, unsigned pcr)
{
	const struct baseline_findings *findings = &j->nearest_opinion.findings;
	char subject[24];
	size_t said = 0;

	if (j->accepted_once >> pcr & 1) {
		snprintf(subject, sizeof(subject), "PCR %u", pcr);
		verdict_refuse(c->verdict, REASON_REFERENCE_EXPIRED, subject,
			"accepted by a reference whose time is not over",
			"accepted only by one whose time is over", NULL, NULL);
		return;
	}
	for (size_t i = 0; i < findings->count; i++)
		if (findings->list[i].pcr == pcr) {
			refuse_event(c, &findings->list[i]);
			said++;
		}
	if (said == 0)
		refuse_value(c, pcr);
}

/* A PCR that nothing was measured into, and of which no reference says that something should be, is
 * as its reset left it: its value is all that there is to accept. */
static bool left_alone(const struct boot_case *c, const struct judgement *j, unsigned pcr)
{
	return !(c->facts->logged >> pcr & 1) && !(j->covered >> pcr & 1);
}

static void conclude(struct boot_case *c, const struct judgement *j)
{
	size_t before = c->verdict->reason_count;
	unsigned held = 0;

	for (unsigned pcr = 0; pcr < TPM_PCRS; pcr++) {
		if (!(j->wanted >> pcr & 1))
			continue;
		if (j->accepted >> pcr & 1)
			held++;
		else if (!left_alone(c, j, pcr))
			explain(c, j, pcr);
	}
	c->until = j->until;
	if (c->facts->later & j->wanted)
		verdict_not_checked(c->verdict, "what systemd measured after the firmware: its log "
						"replays, no reference judges its words");
	if (c->verdict->reason_count == before)
		verdict_checked(c->verdict,
			"boot: %zu events of the firmware log; %u PCRs as references accept them",
			c->facts->log.count, held);
}

bool boot_judge_references(struct boot_case *c, struct err *err)
{
	OWNED(judgement_release)
	struct judgement j = {.wanted = c->facts->judged & ~c->class->may_vary};

	for (size_t i = 0; i < c->class->reference_count; i++)
		if (c->class->references[i].kind != REFERENCE_IMA_RULES &&
			!ask(c, &c->class->references[i], &j, err))
			return false;
	conclude(c, &j);
	return true;
}
