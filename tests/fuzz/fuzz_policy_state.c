/* SPDX-License-Identifier: Apache-2.0 */
/* States of instances. They come from the verifier's store, and to an auditor inside a context that anybody may have made. */
#include "policy/policy.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct policy_state state;
	struct buf out = {0};
	struct err err = {0};

	if (policy_state_decode(bytes_of(data, size), &state, &err) &&
		(!policy_state_encode(&state, &out, &err) ||
			!bytes_equal(buf_bytes(&out), bytes_of(data, size))))
		abort();
	buf_release(&out);
	return 0;
}
