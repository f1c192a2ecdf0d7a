/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/digest.h"

#include <openssl/rand.h>

#include "crypto/openssl_error.h"

enum { RANDOM_CHUNK = 1 << 20 };

static bool system_fill(struct random *random, uint8_t *out, size_t len, struct err *err)
{
	(void)random;
	for (size_t at = 0; at < len;) {
		size_t n = len - at < RANDOM_CHUNK ? len - at : RANDOM_CHUNK;

		if (RAND_bytes(out + at, (int)n) != 1) {
			/* What was written so far must not be taken for the whole. */
			secret_wipe(out, len);
			return openssl_fail(err, ERR_CRYPTO, "random bytes");
		}
		at += n;
	}
	return true;
}

static const struct random_ops system_ops = {.fill = system_fill};

struct random random_system = {.ops = &system_ops};
