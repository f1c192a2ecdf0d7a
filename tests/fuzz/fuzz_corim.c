/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CoRIM. Who supplies the bytes: whoever publishes reference values, and whoever stands between him and the operator who loads
 * them, before the signature is known to be good.
 */
#include "firmware/corim.h"

#include <assert.h>

/* Every value once, which a manifest of ours can hold. */
static size_t each_once(const struct corim *corim, struct corim_value *out)
{
	size_t n = 0;

	for (size_t i = 0; i < corim->count; i++) {
		bool known = false;

		for (size_t k = 0; k < n; k++)
			known = known ||
				(out[k].pcr == corim->values[i].pcr &&
					digest_equal(&out[k].digest, &corim->values[i].digest));
		if (!known)
			out[n++] = corim->values[i];
	}
	return n;
}

/* What is written is read again as it was meant, and written again the same. */
static void assert_round_trip(const struct corim *corim)
{
	static struct corim_value values[CORIM_VALUES_MAX];
	OWNED(buf_release) struct buf out = {0};
	OWNED(buf_release) struct buf again = {0};
	OWNED(corim_release) struct corim second = {0};
	struct corim_draft draft = {.id = "fuzz", .vendor = "fuzz", .values = values};
	struct err err;

	draft.count = each_once(corim, values);
	if (draft.count == 0 || draft.count > 256)
		return;
	assert(corim_write(&draft, &out, &err));
	assert(corim_read(buf_bytes(&out), NULL, 0, &second, &err));
	assert(second.count == draft.count && second.skip_count == 0);
	for (size_t i = 0; i < draft.count; i++)
		assert(corim_match(&second, values[i].pcr, &values[i].digest) == CORIM_EQUAL);
	draft.values = second.values;
	assert(corim_write(&draft, &again, &err));
	assert(bytes_equal(buf_bytes(&out), buf_bytes(&again)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	OWNED(corim_release) struct corim corim = {0};
	struct err err;

	if (!corim_read(bytes_of(data, size), NULL, 0, &corim, &err)) {
		assert(corim.count == 0 && !corim.values && !corim.environments);
		return 0;
	}
	assert(!corim.verified);
	for (size_t i = 0; i < corim.count; i++) {
		assert(corim.values[i].pcr < CORIM_PCRS);
		assert(corim.values[i].environment < corim.environment_count);
		assert(corim.values[i].digest.len == digest_alg_len(corim.values[i].digest.alg));
	}
	assert_round_trip(&corim);
	return 0;
}
