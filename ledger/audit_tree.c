/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/audit_tree.h"

#include <assert.h>
#include <stdio.h>

static const char *const sections[] = {
	[AUDIT_RECORD] = "record",
	[AUDIT_EVIDENCE] = "evidence",
	[AUDIT_RELEASE] = "release",
	[AUDIT_POLICY] = "policy",
	[AUDIT_VERDICT] = "verdict",
	[AUDIT_LEDGER] = "ledger",
	[AUDIT_CHAIN] = "earlier appraisals",
};
static_assert(ARRAY_LEN(sections) == AUDIT_SECTIONS, "every branch has a name");

static const char *const words[] = {
	[AUDIT_FAILED] = "FAILED",
	[AUDIT_PROVED] = "proven",
	[AUDIT_ASSERTED] = "asserted",
	[AUDIT_NOT_CHECKED] = "not checked",
};
static_assert(ARRAY_LEN(words) == AUDIT_RESULTS, "every result has a word");

const char *audit_section_name(enum audit_section section)
{
	return (unsigned)section < AUDIT_SECTIONS ? sections[section] : "unknown";
}

const char *audit_result_word(enum audit_step_result result)
{
	return (unsigned)result < AUDIT_RESULTS ? words[result] : words[AUDIT_FAILED];
}

bool audit_branch_holds(const struct audit_branch *branch, const struct audit_step *step)
{
	return step->section == branch->section && step->earlier == branch->earlier;
}

static void count(const struct audit_report *report, struct audit_branch *branch)
{
	for (size_t i = 0; i < report->step_count; i++)
		if (audit_branch_holds(branch, &report->steps[i]))
			branch->counts[report->steps[i].result]++;
}

static size_t leaves(const struct audit_branch *branch)
{
	size_t n = 0;

	for (unsigned i = 0; i < AUDIT_RESULTS; i++)
		n += branch->counts[i];
	return n;
}

size_t audit_branches(
	const struct audit_report *report, struct audit_branch ret[AUDIT_BRANCHES_MAX])
{
	size_t n = 0;

	for (unsigned i = 0; i < AUDIT_BRANCHES_MAX; i++) {
		ret[n] = (struct audit_branch){
			.section = (enum audit_section)(i % AUDIT_SECTIONS),
			.earlier = i >= AUDIT_SECTIONS,
		};
		count(report, &ret[n]);
		n += leaves(&ret[n]) > 0;
	}
	return n;
}

const char *audit_branch_counts(const struct audit_branch *branch, char out[96])
{
	size_t at = 0;

	out[0] = '\0';
	for (unsigned i = 0; i < AUDIT_RESULTS; i++)
		if (branch->counts[i] > 0)
			at += (size_t)snprintf(out + at, 96 - at, "%s%zu %s", at > 0 ? ", " : "",
				branch->counts[i], words[i]);
	return out;
}
