/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/baseline_private.h"

#include <stdlib.h>

static void finding_release(struct baseline_finding *finding)
{
	free(finding->expected_text);
	free(finding->found_text);
	free(finding->accept);
}

void baseline_findings_release(struct baseline_findings *findings)
{
	for (size_t i = 0; i < findings->count; i++)
		finding_release(&findings->list[i]);
	free(findings->list);
	memset(findings, 0, sizeof(*findings));
}

const char *baseline_fault_name(enum baseline_fault fault)
{
	static const char *const names[] = {
		[BASELINE_DIFFERENT] = "different",
		[BASELINE_UNEXPECTED] = "unexpected",
		[BASELINE_MISSING] = "missing",
	};

	return fault < ARRAY_LEN(names) && names[fault] ? names[fault] : "none";
}

/* The change of the file that would accept it. */
static void put_accept(struct baseline_finding *finding, const struct align *align, struct buf *out)
{
	buf_printf(out, "pcr %u: ", finding->pcr);
	if (finding->fault == BASELINE_MISSING) {
		buf_printf(out, "step %zu: maybe ", align->step + 1);
		baseline_choice_put(finding->type, &finding->expected, finding->expected_text, out);
		return;
	}
	if (finding->fault == BASELINE_DIFFERENT)
		buf_printf(out, "below step %zu: or ", align->step + 1);
	else if (align->step == 0)
		buf_put_str(out, "before step 1: event ");
	else
		buf_printf(out, "below step %zu: event ", align->step);
	baseline_choice_put(finding->type, &finding->found, finding->found_text, out);
}

/* choice is NULL when unexpected, event when missing. */
static bool describe(struct baseline_finding *finding, const struct baseline_choice *choice,
	const struct baseline_event *event, const struct align *align, struct err *err)
{
	OWNED(buf_release) struct buf accept = {0};

	finding->event = -1;
	if (choice) {
		finding->type = choice->type;
		finding->expected = choice->digest;
	}
	if (event) {
		finding->event = event->event->number;
		finding->type = event->event->type;
		finding->found = event->digest;
	}
	finding->expected_text = bytes_strdup(bytes_str(choice ? choice->comment : ""));
	finding->found_text = bytes_strdup(bytes_str(event ? event->text : ""));
	if (!finding->expected_text || !finding->found_text)
		return err_set(err, ERR_NOMEM, "finding: no memory");
	put_accept(finding, align, &accept);
	finding->accept = buf_str(&accept) ? bytes_strdup(buf_bytes(&accept)) : NULL;
	if (!finding->accept)
		return err_set(err, ERR_NOMEM, "finding: no memory");
	return true;
}

static const struct baseline_choice *choice_of(
	const struct baseline_pcr *pcr, const struct baseline_run *run, const struct align *align)
{
	if (align->kind == ALIGN_DIFFERENT)
		return baseline_nearest(&pcr->steps[align->step], &run->events[align->event]);
	return align->kind == ALIGN_MISSING ? &pcr->steps[align->step].choices[0] : NULL;
}

static bool add_finding(struct baseline_findings *findings, uint32_t number,
	const struct baseline_pcr *pcr, const struct baseline_run *run, const struct align *align,
	struct err *err)
{
	static const enum baseline_fault faults[] = {
		[ALIGN_DIFFERENT] = BASELINE_DIFFERENT,
		[ALIGN_UNEXPECTED] = BASELINE_UNEXPECTED,
		[ALIGN_MISSING] = BASELINE_MISSING,
	};
	struct baseline_finding finding = {.fault = faults[align->kind], .pcr = number};

	findings->total++;
	if (findings->count == BASELINE_FINDINGS_MAX)
		return true;
	if (!findings->list)
		findings->list = calloc(BASELINE_FINDINGS_MAX, sizeof(*findings->list));
	if (!findings->list)
		return err_set(err, ERR_NOMEM, "findings");
	if (!describe(&finding, choice_of(pcr, run, align),
		    align->kind == ALIGN_MISSING ? NULL : &run->events[align->event], align, err)) {
		finding_release(&finding);
		return false;
	}
	findings->list[findings->count++] = finding;
	return true;
}

static bool explain(struct baseline_findings *findings, uint32_t number,
	const struct baseline_pcr *pcr, struct baseline_run *run, struct err *err)
{
	OWNED(free_ptr) struct align *aligns = NULL;
	size_t n = 0;

	if (!baseline_run_texts(run, err) || !baseline_align(pcr, run, &aligns, &n, err))
		return false;
	for (size_t i = 0; i < n; i++)
		if (aligns[i].kind != ALIGN_FITS && aligns[i].kind != ALIGN_SKIPPED &&
			!add_finding(findings, number, pcr, run, &aligns[i], err))
			return false;
	return true;
}

bool baseline_judge(const struct baseline *baseline, const struct event_log *log, uint32_t vary,
	struct baseline_findings *ret, struct err *err)
{
	OWNED(baseline_findings_release) struct baseline_findings findings = {0};
	struct pcr_bank start;

	if (!event_log_start(log, baseline->bank, &start, err))
		return err_wrap(err, "baseline");
	for (uint32_t pcr = 0; pcr < TPM_PCRS; pcr++) {
		OWNED(baseline_run_release) struct baseline_run run = {0};
		bool accepted = false;

		if (!(baseline->pcrs >> pcr & 1) || vary >> pcr & 1)
			continue;
		if (!baseline_run_of(log, baseline->bank, pcr, &run, err) ||
			!baseline_accepts(&baseline->list[pcr], &run, &accepted, err) ||
			(!accepted && !explain(&findings, pcr, &baseline->list[pcr], &run, err)))
			return err_wrap(err, "baseline");
	}
	*ret = TAKE_STRUCT(findings);
	return true;
}
