/* SPDX-License-Identifier: Apache-2.0 */
/* What a machine's TPM went through between two quotes, as a line of the story. */
#include "ledger/timeline_private.h"

#include <inttypes.h>
#include <stdio.h>

/* Quotes of instances side by side overtake each other; none is older than its challenge. */
#define OVERTAKING_MS (10u * 60 * 1000)
/* From a fresh challenge to its answer. */
#define ANSWER_MS 2000u

static bool has_reason(const struct decision_facts *facts, const char *code)
{
	for (size_t i = 0; i < facts->reason_count; i++)
		if (strcmp(facts->reasons[i], code) == 0)
			return true;
	return false;
}

static struct tpm_sighting sighting_of(const struct decision_facts *facts, int64_t time)
{
	struct tpm_sighting s = {.time = time,
		.reset_count = facts->reset_count,
		.restart_count = facts->restart_count,
		.clock = facts->clock_ms,
		.safe = facts->safe,
		.firmware_version = facts->firmware_version};

	memcpy(s.boot_id, facts->boot_id, sizeof(s.boot_id));
	return s;
}

unsigned timeline_steps(const struct decision_facts *before, int64_t before_time,
	const struct decision_facts *after, int64_t after_time)
{
	struct tpm_sighting from = sighting_of(before, before_time);
	struct tpm_sighting to = sighting_of(after, after_time);
	bool back = has_reason(after, "clock-backwards");
	bool in_order =
		to.reset_count == from.reset_count && to.restart_count >= from.restart_count;
	unsigned steps;

	/* Entries from before it was kept. */
	if (from.firmware_version == 0 || to.firmware_version == 0)
		from.firmware_version = to.firmware_version;
	/* How far a clock may stand behind is the verifier's to say: it knows when it asked. */
	steps = tpm_steps(&from, &to, !in_order ? ANSWER_MS : back ? 0 : OVERTAKING_MS);
	return back && !(steps & TIMELINE_STEPS_AGAINST) ? steps | TPM_STEP_FORK : steps;
}

static const char *fork_words(const struct decision_facts *before,
	const struct decision_facts *after, char text[TIMELINE_TEXT_MAX])
{
	if (after->reset_count < before->reset_count ||
		after->restart_count < before->restart_count)
		(void)snprintf(text, TIMELINE_TEXT_MAX,
			"the TPM's state lives twice: one copy was reset on (reset count %u, "
			"restart count %u), another went on without (%u, %u, clock %" PRIu64
			" ms, then %" PRIu64 " ms)",
			before->reset_count, before->restart_count, after->reset_count,
			after->restart_count, before->clock_ms, after->clock_ms);
	else
		(void)snprintf(text, TIMELINE_TEXT_MAX,
			"the TPM's clock went back without a reset, from %" PRIu64 " ms to %" PRIu64
			" ms: its state lives twice, the TPM was cloned",
			before->clock_ms, after->clock_ms);
	return "fork";
}

static const char *reboot_words(unsigned steps, const struct decision_facts *before,
	const struct decision_facts *after, char text[TIMELINE_TEXT_MAX])
{
	bool reset = after->reset_count != before->reset_count;
	unsigned from = reset ? before->reset_count : before->restart_count;
	unsigned to = reset ? after->reset_count : after->restart_count;

	(void)snprintf(text, TIMELINE_TEXT_MAX, "rebooted%s (%s count %u, then %u)%s",
		to - from > 1 ? " more than once" : "", reset ? "reset" : "restart", from, to,
		steps & TPM_STEP_UNCLEAN ? "; the last stop was not clean" : "");
	return "reboot";
}

static const char *back_words(unsigned steps, const struct decision_facts *before,
	const struct decision_facts *after, char text[TIMELINE_TEXT_MAX])
{
	bool clear = steps & TPM_STEP_CLEAR;

	(void)snprintf(text, TIMELINE_TEXT_MAX,
		"%s (reset count %u, then %u; clock %" PRIu64 " ms, then %" PRIu64 " ms)",
		clear ? "the TPM was cleared: its counts and its clock began anew"
		      : "an older state of the TPM was put back",
		before->reset_count, after->reset_count, before->clock_ms, after->clock_ms);
	return clear ? "tpm-clear" : "rollback";
}

const char *timeline_boot_words(unsigned steps, const struct decision_facts *before,
	const struct decision_facts *after, char text[TIMELINE_TEXT_MAX])
{
	unsigned restarts = after->restart_count - before->restart_count;

	if (steps & TPM_STEP_FORK)
		return fork_words(before, after, text);
	if (steps & (TPM_STEP_CLEAR | TPM_STEP_ROLLBACK))
		return back_words(steps, before, after, text);
	if (steps & TPM_STEP_REBOOT)
		return reboot_words(steps, before, after, text);
	if (steps & TPM_STEP_RESUME) {
		(void)snprintf(text, TIMELINE_TEXT_MAX,
			"suspended and resumed%s (restart count %u, then %u)",
			restarts > 1 ? " more than once" : "", before->restart_count,
			after->restart_count);
		return "suspend";
	}
	if (steps & TPM_STEP_KERNEL) {
		(void)snprintf(text, TIMELINE_TEXT_MAX,
			"another kernel started without a reset of the TPM (another boot id)");
		return "kexec";
	}
	return NULL;
}

const char *timeline_firmware_words(unsigned steps, const struct decision_facts *before,
	const struct decision_facts *after, char text[TIMELINE_TEXT_MAX])
{
	if (!(steps & (TPM_STEP_FIRMWARE_NEW | TPM_STEP_FIRMWARE_OLD)))
		return NULL;
	(void)snprintf(text, TIMELINE_TEXT_MAX,
		"the TPM runs %s firmware (%016" PRIx64 ", then %016" PRIx64 ")",
		steps & TPM_STEP_FIRMWARE_NEW ? "newer" : "older", before->firmware_version,
		after->firmware_version);
	return "tpm-firmware";
}
