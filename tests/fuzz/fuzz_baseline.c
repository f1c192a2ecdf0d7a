/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Baselines. Who supplies the bytes: an operator's file, signed with the policy; whoever hands him one to approve.
 */
#include "firmware/baseline.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	OWNED(baseline_release) struct baseline first = {0};
	OWNED(baseline_release) struct baseline second = {0};
	OWNED(buf_release) struct buf written = {0};
	OWNED(buf_release) struct buf again = {0};
	struct err err;

	if (!baseline_parse(bytes_of(data, size), &first, &err)) {
		assert(first.pcrs == 0);
		return 0;
	}
	assert(first.pcrs != 0 && first.pcrs < 1u << TPM_PCRS && first.logs > 0);
	baseline_write(&first, &written);
	assert(baseline_parse(buf_bytes(&written), &second, &err));
	baseline_write(&second, &again);
	assert(bytes_equal(buf_bytes(&written), buf_bytes(&again)));
	return 0;
}
