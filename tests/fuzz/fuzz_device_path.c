/* SPDX-License-Identifier: Apache-2.0 */
/* UEFI device path. The bytes come from an image event's data, which no digest covers. Oracle: nothing is written on failure,
 * what is written is printable. */
#include <assert.h>

#include "base/text.h"
#include "firmware/device_path.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	OWNED(buf_release) struct buf out = {0};
	struct err err;
	bool ok = device_path_text(bytes_of(data, size), &out, &err);
	assert(ok || out.len == 0);
	assert(utf8_valid(buf_bytes(&out)));
	for (size_t i = 0; i < out.len; i++)
		assert(out.data[i] >= 0x20 && out.data[i] != 0x7f);
	return 0;
}
