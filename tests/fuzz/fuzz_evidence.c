/* SPDX-License-Identifier: Apache-2.0 */
/* The evidence message. The bytes come from any host that has a certificate, or none while it enrols. */
#include "evidence/evidence.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	OWNED(buf_release) struct buf out = {0};
	struct evidence evidence;
	struct err err;

	if (!evidence_decode(bytes_of(data, size), &evidence, &err))
		return 0;
	assert(evidence_encode(&evidence, &out, &err));
	assert(bytes_equal(buf_bytes(&out), bytes_of(data, size)));
	return 0;
}
