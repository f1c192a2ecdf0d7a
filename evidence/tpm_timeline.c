/* SPDX-License-Identifier: Apache-2.0 */
#include "evidence/tpm_timeline.h"

static const char *const names[TPM_STEPS] = {
	"reboot",
	"resume",
	"unclean-stop",
	"tpm-clear",
	"rollback",
	"fork",
	"kexec",
	"firmware-newer",
	"firmware-older",
	"enrolled-again",
};

const char *tpm_step_name(enum tpm_step step)
{
	for (unsigned i = 0; i < TPM_STEPS; i++)
		if ((unsigned)step == 1u << i)
			return names[i];
	return "unknown";
}

static bool other_boot(const struct tpm_sighting *before, const struct tpm_sighting *after)
{
	static const uint8_t unknown[16];

	return memcmp(before->boot_id, unknown, 16) != 0 &&
	       memcmp(after->boot_id, unknown, 16) != 0 &&
	       memcmp(before->boot_id, after->boot_id, 16) != 0;
}

/* A clock that was set to zero after the look before cannot show more than the time since then; one per cent and the slack
 * for a TPM that counts fast. */
static bool begun_since(
	const struct tpm_sighting *before, const struct tpm_sighting *after, uint64_t slack_ms)
{
	int64_t since = after->time - before->time;
	uint64_t ms = since > 0 ? (uint64_t)since * 1000 : 0;

	return after->clock <= ms + ms / 100 + slack_ms;
}

static unsigned counters_back(
	const struct tpm_sighting *before, const struct tpm_sighting *after, uint64_t slack_ms)
{
	if (after->clock >= before->clock)
		return TPM_STEP_FORK;
	/* A clear zeroes both counters; what is counted since then came with the reboots since. */
	if (after->reset_count < before->reset_count && begun_since(before, after, slack_ms))
		return TPM_STEP_CLEAR;
	return after->reset_count < before->reset_count ? TPM_STEP_ROLLBACK : TPM_STEP_FORK;
}

static unsigned same_reset(
	const struct tpm_sighting *before, const struct tpm_sighting *after, uint64_t slack_ms)
{
	bool other = other_boot(before, after);

	if (after->restart_count < before->restart_count)
		return counters_back(before, after, slack_ms);
	if (before->clock > slack_ms && after->clock < before->clock - slack_ms)
		return TPM_STEP_FORK;
	if (after->restart_count > before->restart_count)
		return other ? TPM_STEP_REBOOT : TPM_STEP_RESUME;
	return other ? TPM_STEP_KERNEL : 0;
}

unsigned tpm_steps(
	const struct tpm_sighting *before, const struct tpm_sighting *after, uint64_t slack_ms)
{
	unsigned steps = 0;

	if (after->epoch != before->epoch)
		steps |= TPM_STEP_ENROLLED;
	if (after->firmware_version > before->firmware_version)
		steps |= TPM_STEP_FIRMWARE_NEW;
	else if (after->firmware_version < before->firmware_version)
		steps |= TPM_STEP_FIRMWARE_OLD;
	if (after->reset_count < before->reset_count)
		return steps | counters_back(before, after, slack_ms);
	if (after->reset_count == before->reset_count)
		return steps | same_reset(before, after, slack_ms);
	return steps | TPM_STEP_REBOOT | (after->safe ? 0u : (unsigned)TPM_STEP_UNCLEAN);
}
