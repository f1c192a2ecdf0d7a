/* SPDX-License-Identifier: Apache-2.0 */
/*
 * COSE_Sign1. Who supplies the bytes: anybody who hands an auditor a record, a receipt or an attestation result, and whoever can
 * write where a verifier keeps them.
 */
#include <stdlib.h>

#include "crypto/cose.h"

/* The key of the working group's ES256 example, which is in the corpus: mutations of it reach the signature. */
static const uint8_t x[] = {0xba, 0xc5, 0xb1, 0x1c, 0xad, 0x8f, 0x99, 0xf9, 0xc7, 0x2b, 0x05, 0xcf,
	0x4b, 0x9e, 0x26, 0xd2, 0x44, 0xdc, 0x18, 0x9f, 0x74, 0x52, 0x28, 0x25, 0x5a, 0x21, 0x9a,
	0x86, 0xd6, 0xa0, 0x9e, 0xff};
static const uint8_t y[] = {0x20, 0x13, 0x8b, 0xf8, 0x2d, 0xc1, 0xb6, 0xd5, 0x62, 0xbe, 0x0f, 0xa5,
	0x4a, 0xb7, 0x80, 0x4a, 0x3a, 0x64, 0xb6, 0xd7, 0x2c, 0xcf, 0xed, 0x6b, 0x6f, 0xb6, 0xed,
	0x28, 0xbb, 0xfc, 0x11, 0x7e};

/* Views lie inside the input. */
static void check_view(struct bytes view, const uint8_t *data, size_t size)
{
	if (view.len && (view.data < data || view.data + view.len > data + size))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct key *key;
	struct cose_sign1 message = {0};
	struct err err = {0};

	if (!key && !key_from_ec_point(KEY_EC_P256, BYTES_OF(x), BYTES_OF(y), &key, &err))
		abort();
	if (!cose_sign1_parse(bytes_of(data, size), &message, &err))
		return 0;
	check_view(message.protected_, data, size);
	check_view(message.unprotected, data, size);
	check_view(message.content_type, data, size);
	check_view(message.kid, data, size);
	check_view(message.iss, data, size);
	check_view(message.sub, data, size);
	check_view(message.payload, data, size);
	check_view(message.signature, data, size);
	if (message.detached && message.payload.len)
		abort();
	/* Nobody can make another message that this key signed. */
	if (cose_sign1_verify(&message, key, (struct bytes){0}, (struct bytes){0}, &err) &&
		!bytes_equal_str(message.payload, "This is the content."))
		abort();
	return 0;
}
