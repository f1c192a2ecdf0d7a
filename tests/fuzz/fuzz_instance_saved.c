/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What hostd keeps of a running instance. It lies in hostd's own directory, so its bytes come from hostd, from half a write
 * before a crash, or from a disk that lies. What decodes must encode to the same bytes.
 */
#include <stdlib.h>

#include "attest/instance_saved.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	OWNED(instance_saved_release) struct instance_saved saved = {0};
	OWNED(buf_release) struct buf out = {0};
	struct err err = {0};
	if (!instance_saved_decode(bytes_of(data, size), &saved, &err)) {
		require(err.code != ERR_NONE && err.text[0] && !saved.instance);
		return 0;
	}
	require(saved.instance->pid > 0 && saved.instance->directory_path[0] == '/');
	require(instance_saved_encode(&saved, &out, &err));
	require(bytes_equal(buf_bytes(&out), bytes_of(data, size)));
	return 0;
}
