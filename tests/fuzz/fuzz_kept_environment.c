/* SPDX-License-Identifier: Apache-2.0 */
/* What an auditor finds when he opens a kept environment: any host may have sealed it for his key. */
#include <assert.h>

#include "evidence/kept_environment.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes in = bytes_of(data, size);
	struct kept_environment kept;
	struct buf again = {0};
	struct err err = {0};

	if (kept_environment_decode(in, &kept, &err)) {
		assert(kept_environment_encode(&kept, &again, &err));
		assert(bytes_equal(in, buf_bytes(&again)));
	}
	buf_release(&again);
	return 0;
}
