/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DSSE envelopes. Who supplies the bytes: whoever uploads a release, an approval, provenance or a model signature, before anything
 * in it is verified.
 */
#include <stdlib.h>

#include "crypto/dsse.h"

/* The key of the specification's example, which is in the corpus. */
static const uint8_t x[] = {0x67, 0xcd, 0x39, 0x0f, 0x77, 0xaa, 0x35, 0x9c, 0xb0, 0x8c, 0x22, 0x35,
	0xf6, 0x52, 0x27, 0x04, 0x93, 0xa9, 0xed, 0x83, 0x2b, 0x0a, 0xbc, 0xc0, 0x1f, 0x70, 0x95,
	0x4c, 0x03, 0x90, 0xd2, 0x38};
static const uint8_t y[] = {0x0c, 0x78, 0x2b, 0xd5, 0x4e, 0x26, 0x91, 0x25, 0xa4, 0x4f, 0x44, 0x33,
	0xaf, 0xf1, 0x43, 0x2c, 0xe9, 0x4e, 0x12, 0xbc, 0xa7, 0x3a, 0xa6, 0x7a, 0xc8, 0x0c, 0xea,
	0x12, 0x60, 0x8d, 0xdf, 0x74};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct key *key;
	struct dsse *dsse = NULL;
	struct err err = {0};
	uint64_t mask = 0;

	if (!key && !key_from_ec_point(KEY_EC_P256, BYTES_OF(x), BYTES_OF(y), &key, &err))
		abort();
	if (!dsse_parse(bytes_of(data, size), &dsse, &err))
		return 0;
	if (dsse->count == 0 || dsse->count > DSSE_SIGNATURES_MAX ||
		dsse->payload.len > DSSE_PAYLOAD_MAX)
		abort();
	if (!dsse_verify(dsse, &key, 1, &mask, &err))
		abort();
	/* Nobody can make another message that this key signed. */
	if (mask > 1 || (mask == 1 && !bytes_equal_str(buf_bytes(&dsse->payload), "hello world")))
		abort();
	dsse_free(&dsse);
	return 0;
}
