/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The IMA log under a host class: what the quote attests of it, judged by the rules. Several rule
 * sets are alternatives: the old ones beside the new ones while an update is rolled out.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "policy/boot.h"
#include "policy/policy_file.h"

static const enum reason_code finding_reasons[IMA_FINDING_KINDS] = {
	[IMA_UNKNOWN_FILE] = REASON_IMA_FILE,
	[IMA_OTHER_DIGEST] = REASON_IMA_FILE,
	[IMA_WEAK_DIGEST] = REASON_IMA_FILE,
	[IMA_NO_DIGEST] = REASON_IMA_FILE,
	[IMA_BAD_SIGNATURE] = REASON_IMA_SIGNATURE,
	[IMA_UNKNOWN_KEY] = REASON_IMA_SIGNATURE,
	[IMA_VIOLATION] = REASON_IMA_VIOLATION,
	[IMA_POLICY_CHANGED] = REASON_IMA_POLICY,
	[IMA_UNKNOWN_KEYRING] = REASON_IMA_POLICY,
	[IMA_UNKNOWN_BUFFER] = REASON_IMA_POLICY,
	[IMA_BUFFER_DIGEST] = REASON_IMA_POLICY,
	[IMA_MODULE_UNSIGNED] = REASON_KERNEL_MODULE,
	[IMA_KEXEC] = REASON_KEXEC,
	[IMA_BOOT_AGGREGATE] = REASON_BOOT_AGGREGATE,
	[IMA_PCR_NOT_QUOTED] = REASON_IMA_PCR,
	[IMA_PADDED_BANK] = REASON_IMA_PCR,
	[IMA_KERNEL_OLD] = REASON_KERNEL_MODULE,
};

struct ima_case {
	struct appraisal *a;
	const struct host_class *class;
	const struct ima_state *from;
	const struct pcr_bank *boot;
	struct verdict *verdict; /* of this class */
	struct ima_state state; /* out, of the rules that did best */
};

static void fill_input(const struct ima_case *c, struct ima_input *in)
{
	const struct appraisal *a = c->a;
	size_t len = digest_alg_len(a->pcrs.alg);

	*in = (struct ima_input){
		.log = a->evidence.ima_log,
		.first = a->claims.ima_start,
		.keys = c->class->ima.keys,
		.key_count = c->class->ima.key_count,
		.wanted = c->class->ima.hostd,
		.wanted_count = c->class->ima.hostd_count,
	};
	for (size_t i = 0; i < c->from->tracked; i++)
		in->quoted[i] = bytes_of(a->pcrs.values[c->from->pcr[i]], len);
	for (size_t i = 0; i < ARRAY_LEN(in->boot); i++)
		in->boot[i] = bytes_of(c->boot->values[i], len);
}

static bool add_finding(struct verdict *verdict, const struct ima_finding *finding, struct err *err)
{
	OWNED(buf_release) struct buf said = {0};
	OWNED(buf_release) struct buf known = {0};
	OWNED(buf_release) struct buf line = {0};
	char subject[REASON_TEXT_MAX], where[48];
	const char *expected, *actual, *hint;

	ima_finding_text(finding, &said);
	ima_finding_rule(finding, &line);
	if (finding->nearest_count > 0)
		buf_put_hex(&known, finding->nearest[0]);
	else
		buf_put_str(&known, "what the IMA rules list");
	text_escape(finding->path, subject, sizeof(subject));
	snprintf(where, sizeof(where), "IMA log entry %llu", (unsigned long long)finding->entry);
	expected = buf_str(&known);
	actual = buf_str(&said);
	hint = buf_str(&line);
	if (!expected || !actual || !hint)
		return err_set(err, ERR_NOMEM, "no memory");
	verdict_refuse(verdict, finding_reasons[finding->kind], subject, expected, actual, where,
		line.len > 0 ? hint : NULL);
	return true;
}

static bool add_findings(
	struct verdict *verdict, const struct ima_findings *findings, struct err *err)
{
	for (size_t i = 0; i < findings->count; i++)
		if (!add_finding(verdict, &findings->list[i], err))
			return false;
	if (findings->total > findings->count)
		verdict->reasons_cut = true;
	return true;
}

static void add_unmatched(struct ima_case *c, const struct ima_advance *advance)
{
	char actual[64];
	size_t len = digest_alg_len(c->a->pcrs.alg);
	char hex[2 * DIGEST_LEN_MAX + 1];

	snprintf(actual, sizeof(actual), "no prefix of %llu entries gives it",
		(unsigned long long)advance->waiting);
	hex_encode(bytes_of(c->a->pcrs.values[IMA_PCR], len), hex);
	verdict_refuse(c->verdict, REASON_IMA_PCR, "PCR 10", hex, actual, "IMA log", NULL);
}

/* One set of rules over the log; *ret_result is large and kept on the heap by the caller. */
static bool judge_by(struct ima_case *c, const struct host_reference *reference,
	struct ima_result *ret, struct ima_state *state, bool *ret_ok, struct err *err)
{
	struct ima_input in;

	fill_input(c, &in);
	in.rules = reference->rules;
	*ret_ok = ima_appraise(c->from, &in, state, ret, err);
	return *ret_ok || refuse_malformed(c->verdict, REASON_IMA_LOG, "IMA log", err);
}

struct best {
	struct ima_result *result; /* owned; NULL: no rules were current */
	struct ima_state state;
	const struct host_reference *rules;
};

static bool judge_all(struct ima_case *c, struct best *best, bool *ret_ok, struct err *err)
{
	*ret_ok = true;
	for (size_t i = 0; i < c->class->reference_count; i++) {
		const struct host_reference *reference = &c->class->references[i];
		OWNED(free_ptr) struct ima_result *result = NULL;
		struct ima_state state = {0};

		if (reference->kind != REFERENCE_IMA_RULES ||
			!reference_current(reference, c->a->context->now))
			continue;
		result = policy_alloc(1, sizeof(*result), err);
		if (!result || !judge_by(c, reference, result, &state, ret_ok, err))
			return false;
		if (!*ret_ok)
			return true;
		if (best->result && best->result->findings.total <= result->findings.total)
			continue;
		free(best->result);
		*best = (struct best){TAKE(result), state, reference};
		if (!best->result->advance.matched || best->result->findings.total == 0)
			break;
	}
	return true;
}

static void note_accepted(struct ima_case *c, const struct best *best)
{
	const struct ima_advance *advance = &best->result->advance;

	verdict_checked(c->verdict,
		"IMA: %" PRIu64 " entries from %" PRIu64 " on approved by rules; %" PRIu64
		" behind them not attested yet",
		advance->attested, advance->first, advance->waiting);
	if (best->state.flags & IMA_FACT_IGNORED)
		verdict_not_checked(c->verdict, "files that the IMA rules leave out");
	for (size_t i = 0; ima_not_measured[i]; i++)
		verdict_not_checked(c->verdict, "%s", ima_not_measured[i]);
}

/* What has to have happened by now, in this call or an earlier one. */
static void check_facts(struct ima_case *c, const struct ima_state *state)
{
	if (!(state->flags & IMA_FACT_BOOT_AGGREGATE))
		verdict_refuse(c->verdict, REASON_BOOT_AGGREGATE, "boot_aggregate",
			"over PCRs 0-7 or 0-9 of this boot", "not shown", "IMA log entry 0", NULL);
	if (state->seen == 0) {
		char path[REASON_TEXT_MAX];

		text_escape(c->class->ima.hostd[0].path, path, sizeof(path));
		verdict_refuse(c->verdict, REASON_HOSTD_UNMEASURED, "assay-hostd", path,
			"not in the log with a digest that the host class names", "IMA log", NULL);
	}
}

static bool conclude(struct ima_case *c, struct best *best, int64_t *until, struct err *err)
{
	if (!best->result) {
		verdict_refuse(c->verdict, REASON_REFERENCE_EXPIRED, "IMA rules",
			"rules whose time is not over", "none", NULL, NULL);
		return true;
	}
	if (!best->result->advance.matched) {
		add_unmatched(c, &best->result->advance);
		return true;
	}
	if (!add_findings(c->verdict, &best->result->findings, err))
		return false;
	check_facts(c, &best->state);
	if (c->verdict->reason_count > 0)
		return true;
	c->state = best->state;
	reference_narrow(best->rules, until);
	note_accepted(c, best);
	return true;
}

bool boot_judge_ima(struct appraisal *a, const struct host_class *class,
	const struct ima_state *from, const struct pcr_bank *boot, struct verdict *verdict,
	struct ima_state *ret_state, int64_t *until, struct err *err)
{
	struct ima_case c = {
		.a = a, .class = class, .from = from, .boot = boot, .verdict = verdict};
	struct best best = {0};
	bool ok = false;

	if (a->claims.ima_start != from->next) {
		verdict_refuse(verdict, REASON_STATE_STALE, "IMA log",
			"from the entry that the verifier asked for", "from another", "claims",
			NULL);
		return true;
	}
	/* At the beginning of a boot there is always an entry: boot_aggregate. */
	if (a->evidence.ima_log.len == 0 && from->next == 0) {
		verdict_refuse(
			verdict, REASON_IMA_LOG, "IMA log", "a log", "none", "evidence", NULL);
		return true;
	}
	bool done = judge_all(&c, &best, &ok, err) && (!ok || conclude(&c, &best, until, err));
	free(best.result);
	if (done)
		*ret_state = c.state;
	return done;
}
