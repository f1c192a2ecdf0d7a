/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The content of security.ima, as an IMA entry carries it: anybody who may write the attribute of a file
 * supplies it. What is read is written again and must be the same bytes; whether it verifies is a result
 * and never an error.
 */
#include "firmware/ima_signature.h"

#include <assert.h>
#include <stdlib.h>

/* A P-256 key: the point is the curve's generator. */
static const uint8_t spki[] = {0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d,
	0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
	0x04, 0x6b, 0x17, 0xd1, 0xf2, 0xe1, 0x2c, 0x42, 0x47, 0xf8, 0xbc, 0xe6, 0xe5, 0x63, 0xa4,
	0x40, 0xf2, 0x77, 0x03, 0x7d, 0x81, 0x2d, 0xeb, 0x33, 0xa0, 0xf4, 0xa1, 0x39, 0x45, 0xd8,
	0x98, 0xc2, 0x96, 0x4f, 0xe3, 0x42, 0xe2, 0xfe, 0x1a, 0x7f, 0x9b, 0x8e, 0xe7, 0xeb, 0x4a,
	0x7c, 0x0f, 0x9e, 0x16, 0x2b, 0xce, 0x33, 0x57, 0x6b, 0x31, 0x5e, 0xce, 0xcb, 0xb6, 0x40,
	0x68, 0x37, 0xbf, 0x51, 0xf5};

static struct key *the_key(void)
{
	static struct key *key;
	struct err err;

	if (!key && !key_from_spki(BYTES_OF(spki), &key, &err))
		abort();
	return key;
}

static void assert_round_trip(struct bytes in, const struct ima_signature *s)
{
	OWNED(buf_release) struct buf out = {0};

	buf_put_u8(&out, (uint8_t)s->type);
	buf_put_u8(&out, s->version);
	buf_put_u8(&out, s->hash_algo);
	buf_put_be32(&out, s->keyid);
	buf_put_be16(&out, (uint16_t)s->signature.len);
	buf_put(&out, s->signature);
	assert(bytes_equal(buf_bytes(&out), in));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t digest[DIGEST_LEN_MAX] = {1, 2, 3};
	struct bytes in = bytes_of(data, size);
	struct ima_signature s;
	struct err err;

	if (ima_signature_parse(in, &s, &err))
		assert_round_trip(in, &s);
	for (int type = IMA_DIGEST_FILE; type <= IMA_DIGEST_VERITY; type++) {
		struct ima_entry entry = {.digest_type = (enum ima_digest_type)type,
			.alg = DIGEST_SHA256,
			.digest = bytes_of(digest, SHA256_LEN)};
		struct ima_key key = {.name = "key", .key = the_key(), .keyid = 0x01020304};
		enum ima_signed result;
		size_t by = 0;

		entry.field[IMA_FIELD_SIG] = in;
		assert(ima_signature_check(&entry, &key, 1, &result, &by, &err));
		assert((result == IMA_SIGNED_NOT) == (size == 0));
	}
	return 0;
}
