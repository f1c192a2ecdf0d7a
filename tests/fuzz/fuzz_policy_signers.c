/* SPDX-License-Identifier: Apache-2.0 */
/* The signers that a record names. Whoever hands an auditor a bundle supplies them. */
#include "policy/signature.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct policy_signers signers = {0}, again = {0};
	struct buf out = {0}, twice = {0};
	struct err err = {0};

	if (!policy_signers_decode(bytes_of(data, size), &signers, &err)) {
		if (err.code == ERR_NONE || err.text[0] == '\0' || signers.count != 0)
			abort();
		return 0;
	}
	if (signers.threshold < 1 || signers.threshold > signers.count)
		abort();
	/* Names and keys are written as they were read. */
	if (!policy_signers_encode(&signers, &out, &err) ||
		!policy_signers_decode(buf_bytes(&out), &again, &err) ||
		!policy_signers_encode(&again, &twice, &err) ||
		!bytes_equal(buf_bytes(&out), buf_bytes(&twice)))
		abort();
	policy_signers_release(&signers);
	policy_signers_release(&again);
	buf_release(&out);
	buf_release(&twice);
	return 0;
}
