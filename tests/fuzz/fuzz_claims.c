/* SPDX-License-Identifier: Apache-2.0 */
/* The claims inside evidence. They are decoded before the quote over them is checked, so anybody can supply them. */
#include "evidence/evidence.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	OWNED(buf_release) struct buf out = {0};
	struct claims claims;
	struct err err;

	if (!claims_decode(bytes_of(data, size), &claims, &err))
		return 0;
	assert(claims_encode(&claims, &out, &err));
	assert(bytes_equal(buf_bytes(&out), bytes_of(data, size)));
	return 0;
}
