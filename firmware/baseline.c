/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/baseline_private.h"

#include <stdlib.h>

static void step_release(struct baseline_step *step)
{
	for (size_t i = 0; i < step->count; i++)
		free(step->choices[i].comment);
	free(step->choices);
}

void baseline_release(struct baseline *baseline)
{
	for (size_t pcr = 0; pcr < TPM_PCRS; pcr++) {
		for (size_t i = 0; i < baseline->list[pcr].count; i++)
			step_release(&baseline->list[pcr].steps[i]);
		free(baseline->list[pcr].steps);
	}
	memset(baseline, 0, sizeof(*baseline));
}

bool baseline_choice_add(struct baseline_step *step, uint32_t type, const struct digest *digest,
	const char *comment, struct err *err)
{
	struct baseline_choice *more;
	char *copy;

	if (step->count == BASELINE_CHOICES_MAX)
		return err_set(err, ERR_LIMIT, "more than %u alternatives of one event",
			BASELINE_CHOICES_MAX);
	more = realloc(step->choices, (step->count + 1) * sizeof(*more));
	if (!more)
		return err_set(err, ERR_NOMEM, "baseline");
	step->choices = more;
	copy = bytes_strdup(bytes_str(comment));
	if (!copy)
		return err_set(err, ERR_NOMEM, "baseline");
	more[step->count++] = (struct baseline_choice){type, *digest, copy};
	return true;
}

bool baseline_step_add(
	struct baseline_pcr *pcr, bool optional, struct baseline_step **ret, struct err *err)
{
	if (pcr->count == BASELINE_STEPS_MAX)
		return err_set(
			err, ERR_LIMIT, "more than %u events of one PCR", BASELINE_STEPS_MAX);
	if ((pcr->count & (pcr->count - 1)) == 0) {
		size_t room = pcr->count ? pcr->count * 2 : 1;
		struct baseline_step *more = realloc(pcr->steps, room * sizeof(*more));

		if (!more)
			return err_set(err, ERR_NOMEM, "baseline");
		pcr->steps = more;
	}
	*ret = &pcr->steps[pcr->count++];
	**ret = (struct baseline_step){.optional = optional};
	return true;
}

static bool belongs(const struct event_log *log, const struct firmware_event *event,
	enum digest_alg bank, uint32_t pcr, struct digest *ret)
{
	return event->pcr == pcr && event->type != EV_NO_ACTION &&
	       event_digest(log, event, bank, ret);
}

bool baseline_run_of(const struct event_log *log, enum digest_alg bank, uint32_t pcr,
	struct baseline_run *ret, struct err *err)
{
	struct baseline_run run = {0};
	struct digest digest;
	size_t count = 0;

	for (size_t i = 0; i < log->count; i++)
		count += belongs(log, &log->events[i], bank, pcr, &digest);
	if (count > BASELINE_STEPS_MAX)
		return err_set(
			err, ERR_LIMIT, "PCR %u: more than %u events", pcr, BASELINE_STEPS_MAX);
	run.events = calloc(count + 1, sizeof(*run.events));
	if (!run.events)
		return err_set(err, ERR_NOMEM, "baseline");
	for (size_t i = 0; i < log->count; i++)
		if (belongs(log, &log->events[i], bank, pcr, &digest))
			run.events[run.count++] =
				(struct baseline_event){&log->events[i], digest, NULL};
	*ret = run;
	return true;
}

/* The end of the longest beginning of whole UTF-8 characters. */
static size_t cut(struct bytes text, size_t max)
{
	size_t n = text.len < max ? text.len : max;

	while (n > 0 && n < text.len && (text.data[n] & 0xc0) == 0x80)
		n--;
	return n;
}

bool baseline_run_texts(struct baseline_run *run, struct err *err)
{
	for (size_t i = 0; i < run->count; i++) {
		OWNED(buf_release) struct buf text = {0};

		event_text(run->events[i].event, &text);
		if (!buf_ok(&text, err))
			return false;
		run->events[i].text = bytes_strdup(
			bytes_of(text.data, cut(buf_bytes(&text), BASELINE_COMMENT_MAX)));
		if (!run->events[i].text)
			return err_set(err, ERR_NOMEM, "baseline");
	}
	return true;
}

void baseline_run_release(struct baseline_run *run)
{
	for (size_t i = 0; i < run->count; i++)
		free(run->events[i].text);
	free(run->events);
	*run = (struct baseline_run){0};
}

/* ---- learning ---- */

static bool add_event(struct baseline_pcr *pcr, bool optional, const struct baseline_event *event,
	struct err *err)
{
	struct baseline_step *step;

	return baseline_step_add(pcr, optional, &step, err) &&
	       baseline_choice_add(step, event->event->type, &event->digest, event->text, err);
}

/* Moves a step of the old list to the end of the new one. */
static bool keep_step(struct baseline_pcr *merged, struct baseline_step *step, struct err *err)
{
	struct baseline_step *place;

	if (!baseline_step_add(merged, step->optional, &place, err))
		return false;
	*place = TAKE_STRUCT(*step);
	return true;
}

static bool merge_one(struct baseline_pcr *merged, struct baseline_pcr *old,
	const struct baseline_run *run, const struct align *align, bool first, struct err *err)
{
	const struct baseline_event *event = &run->events[align->event];
	struct baseline_step *step;

	if (align->kind == ALIGN_UNEXPECTED)
		return add_event(merged, !first, event, err);
	step = &old->steps[align->step];
	switch (align->kind) {
	case ALIGN_DIFFERENT:
		if (!baseline_choice_add(
			    step, event->event->type, &event->digest, event->text, err))
			return false;
		break;
	case ALIGN_MISSING:
		step->optional = true;
		break;
	default:
		break;
	}
	return keep_step(merged, step, err);
}

static bool learn_pcr(
	struct baseline_pcr *pcr, struct baseline_run *run, bool first, struct err *err)
{
	OWNED(free_ptr) struct align *aligns = NULL;
	struct baseline merged = {0};
	struct baseline_pcr old = *pcr;
	size_t n = 0;
	bool ok = true;

	if (!baseline_run_texts(run, err) || !baseline_align(pcr, run, &aligns, &n, err))
		return false;
	for (size_t i = 0; ok && i < n; i++)
		ok = merge_one(&merged.list[0], pcr, run, &aligns[i], first, err);
	/* Steps that were moved are empty in the old list; on failure the rest is dropped with it. */
	*pcr = merged.list[0];
	merged.list[0] = old;
	baseline_release(&merged);
	return ok;
}

bool baseline_learn(struct baseline *baseline, const struct event_log *log, enum digest_alg bank,
	uint32_t pcrs, struct err *err)
{
	struct pcr_bank replayed;
	bool first = baseline->logs == 0;

	if (!event_log_replay(log, bank, &replayed, err))
		return err_wrap(err, "baseline");
	if (!first && (baseline->bank != bank || baseline->pcrs != pcrs))
		return err_set(err, ERR_USAGE,
			"baseline: learned before with another bank or "
			"other PCRs");
	baseline->bank = bank;
	baseline->pcrs = pcrs & ((UINT32_C(1) << TPM_PCRS) - 1);
	for (uint32_t pcr = 0; pcr < TPM_PCRS; pcr++) {
		OWNED(baseline_run_release) struct baseline_run run = {0};

		if (!(baseline->pcrs >> pcr & 1))
			continue;
		if (!baseline_run_of(log, bank, pcr, &run, err) ||
			!learn_pcr(&baseline->list[pcr], &run, first, err))
			return err_wrap(err, "baseline");
	}
	baseline->logs++;
	return true;
}
