/* SPDX-License-Identifier: Apache-2.0 */
/* A TCTI in front of another one that fails on demand, or lets something happen just before a
 * command. */
#ifndef ASSAY_TESTS_SUPPORT_TCTI_FAULT_H
#define ASSAY_TESTS_SUPPORT_TCTI_FAULT_H

#include "base/bytes.h"

#include <tss2/tss2_tcti.h>

struct tcti_fault {
	TSS2_TCTI_CONTEXT_COMMON_V1 common; /* first: ESYS sees this */
	TSS2_TCTI_CONTEXT *inner;
	uint32_t command; /* TPM2_CC_* that it is about; 0: every one */
	unsigned times; /* how often yet */
	unsigned skip; /* so many of them pass first */
	uint32_t response; /* response code given instead of an answer; 0: none */
	bool broken; /* the connection fails instead */
	struct bytes before; /* a raw command sent to the TPM first; empty: none */
	struct bytes answer; /* what comes instead of the TPM's answer; empty: that */
	uint32_t handle; /* the command is about this handle instead; 0: about its own */
	unsigned seen; /* commands of that code that came */
	bool answer_pending;
};

/* inner stays the caller's. */
void tcti_fault_init(struct tcti_fault *fault, TSS2_TCTI_CONTEXT *inner);

#endif
