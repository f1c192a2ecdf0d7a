/* SPDX-License-Identifier: Apache-2.0 */
/* TPMS_ATTEST. The bytes come from whoever sends evidence: before the signature is checked, from anybody. */
#include "evidence/tpm.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	OWNED(buf_release) struct buf out = {0};
	struct tpms_attest attest;
	struct err err;

	if (!tpms_attest_parse(bytes_of(data, size), &attest, &err))
		return 0;
	tpms_attest_put(&out, &attest);
	assert(bytes_equal(buf_bytes(&out), bytes_of(data, size)));
	return 0;
}
