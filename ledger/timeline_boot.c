/* SPDX-License-Identifier: Apache-2.0 */
/* TPM 2.0 Library, Part 1, section 36 (clock, resetCount, restartCount): a TPM Reset counts
 * resetCount up and zeroes restartCount; a TPM Restart or Resume counts restartCount up; TPM2_Clear
 * zeroes both. */
#include "ledger/timeline.h"

/* Quotes of instances side by side overtake each other; none is older than its challenge. */
#define OVERTAKING_MS (10u * 60 * 1000)

enum boot_change timeline_boot_change(
	const struct decision_facts *before, const struct decision_facts *after)
{
	if (after->reset_count != before->reset_count)
		return after->reset_count > before->reset_count ? BOOT_REBOOTED : BOOT_CLEARED;
	if (after->restart_count != before->restart_count)
		return after->restart_count > before->restart_count ? BOOT_RESUMED
								    : BOOT_CLOCK_BACK;
	if (after->clock_ms < before->clock_ms &&
		before->clock_ms - after->clock_ms > OVERTAKING_MS)
		return BOOT_CLOCK_BACK;
	return memcmp(after->boot_id, before->boot_id, sizeof(after->boot_id)) != 0 ? BOOT_KERNEL
										    : BOOT_SAME;
}
