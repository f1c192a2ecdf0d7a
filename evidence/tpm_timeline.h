/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a TPM went through between two looks at it, told from what a quote says of itself (TPMS_ATTEST, TPM 2.0 Library Part 2,
 * 10.12.12, and TPMS_CLOCK_INFO, 10.11.1): counters that only a reset or a clear moves, and a clock that only a clear or an
 * older state sets back. Pure: no row, no clock of our own.
 */
#ifndef ASSAY_EVIDENCE_TPM_TIMELINE_H
#define ASSAY_EVIDENCE_TPM_TIMELINE_H

#include "base/bytes.h"

struct tpm_sighting {
	int64_t time; /* the verifier's clock */
	uint32_t reset_count, restart_count;
	uint64_t clock; /* ms */
	bool safe; /* false: the TPM lost up to an hour of its clock at the last stop */
	uint64_t firmware_version;
	uint64_t epoch; /* of the attestation key: moves with an enrolment anew */
	uint8_t boot_id[16]; /* as the host says it; zeros: not known */
};

/* Bits: several can be true of one step. */
enum tpm_step {
	TPM_STEP_REBOOT = 1u << 0, /* TPM reset, or restart with another boot id */
	TPM_STEP_RESUME = 1u << 1, /* suspend or hibernation: restart, the same boot */
	TPM_STEP_UNCLEAN = 1u << 2, /* a reboot without TPM2_Shutdown before it */
	TPM_STEP_CLEAR = 1u << 3, /* TPM2_Clear: counters and clock begin anew */
	TPM_STEP_ROLLBACK = 1u << 4, /* an older state was put back */
	TPM_STEP_FORK = 1u << 5, /* two copies of one state go on at once */
	TPM_STEP_KERNEL = 1u << 6, /* another boot id without a reset: kexec */
	TPM_STEP_FIRMWARE_NEW = 1u << 7,
	TPM_STEP_FIRMWARE_OLD = 1u << 8,
	TPM_STEP_ENROLLED = 1u << 9, /* another attestation key */
};
#define TPM_STEPS 10u
/* "reboot"; step is one bit. */
const char *tpm_step_name(enum tpm_step step);

/* From one look to the next, in the order in which the verifier looked. slack_ms: how far an honest quote may stand behind one
 * that was seen before it, because quotes of one host overtake each other.
 *
 * Counters back, clock on: somewhere the old state went on while this one was counted further: a fork. Counters back and clock
 * back: a clear if both are small enough to have begun since the look before, otherwise a rollback. The same reset and a clock
 * further back than the slack: a fork, for within one reset the clock never goes back. */
unsigned tpm_steps(
	const struct tpm_sighting *before, const struct tpm_sighting *after, uint64_t slack_ms);

#endif
