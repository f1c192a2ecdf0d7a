/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JWS in compact form. Who supplies the bytes: any client of a relying service, in an Authorization header, before it is
 * authenticated.
 */
#include <stdlib.h>

#include "base/text.h"
#include "crypto/jws.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct key *key; /* of RFC 7515 appendix A.3, whose token is in the corpus */
	struct buf claims = {0};
	struct err err = {0};

	if (!key) {
		struct buf x = {0}, y = {0};

		if (!base64_decode(BYTES_LIT("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"), true,
			    32, &x, &err) ||
			!base64_decode(BYTES_LIT("x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"),
				true, 32, &y, &err) ||
			!key_from_ec_point(KEY_EC_P256, buf_bytes(&x), buf_bytes(&y), &key, &err))
			abort();
		buf_release(&x);
		buf_release(&y);
	}
	if (jws_verify(bytes_of(data, size), key, NULL, &claims, &err)) {
		/* Nobody can make another message that this key signed. */
		if (claims.len != 70 || memcmp(claims.data, "{\"iss\":\"joe\"", 12) != 0)
			abort();
	} else if (claims.len) {
		abort();
	}
	(void)!jws_verify(bytes_of(data, size), key, "JWT", &claims, &err);
	buf_release(&claims);
	return 0;
}
