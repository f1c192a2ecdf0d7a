/* SPDX-License-Identifier: Apache-2.0 */
/* Frozen contexts. They come to an auditor in a bundle that anybody may have made. The first two bytes of the input say how many bytes
 * of the rest are the policy that the context names; the objects found all have the digest asked for, as in a bundle. */
#include "policy/policy.h"

#include <stdlib.h>

static bool find(void *arg, const uint8_t digest[SHA256_LEN], struct bytes *ret)
{
	const struct bytes *objects = arg;
	uint8_t own[SHA256_LEN];

	for (size_t i = 0; i < 2; i++)
		if (sha256_of(objects[i], own, NULL) && memcmp(own, digest, SHA256_LEN) == 0) {
			*ret = objects[i];
			return true;
		}
	return false;
}

/* The bytes that were read are the only ones that mean this context. */
static void encode_again(const struct policy_frozen *frozen, struct bytes in)
{
	struct buf out = {0};
	struct err err = {0};

	if (!policy_context_encode(
		    &frozen->context, frozen->evidence, &frozen->state_in, &out, &err) ||
		!bytes_equal(buf_bytes(&out), in))
		abort();
	buf_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct policy_frozen frozen;
	struct bytes objects[2] = {{0}, {0}}, in;
	struct err err = {0};
	size_t n;

	if (size < 2)
		return 0;
	n = (size_t)(data[0] << 8 | data[1]);
	if (n > size - 2)
		n = size - 2;
	objects[0] = bytes_of(data + 2, n);
	in = bytes_of(data + 2 + n, size - 2 - n);
	if (policy_context_decode(in, find, objects, &frozen, &err))
		encode_again(&frozen, in);
	else if (err.text[0] == '\0')
		abort();
	policy_frozen_release(&frozen);
	return 0;
}
