/* SPDX-License-Identifier: Apache-2.0 */
/* TPMT_SIGNATURE. The bytes come from whoever sends evidence: anybody. */
#include "evidence/tpm.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	OWNED(buf_release) struct buf out = {0};
	struct tpmt_signature signature;
	struct err err;

	if (!tpmt_signature_parse(bytes_of(data, size), &signature, &err))
		return 0;
	tpmt_signature_put(&out, &signature);
	assert(bytes_equal(buf_bytes(&out), bytes_of(data, size)));
	return 0;
}
