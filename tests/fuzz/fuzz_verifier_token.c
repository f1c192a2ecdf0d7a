/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Challenge tokens. Any enrolled host can send any bytes as the token inside its evidence; only bytes with the right MAC
 * reach the decoder behind it, so the target also puts a MAC of its own behind the input: what a verifier of the same pool,
 * perhaps of another version, may have made.
 */
#include <stdint.h>
#include <stdlib.h>

#include "verifier/token.h"

static int64_t fixed_wall(const struct clock *clock)
{
	(void)clock;
	return 1800000000;
}
static uint64_t fixed_ms(const struct clock *clock)
{
	(void)clock;
	return 1000;
}
static const struct clock_ops fixed_ops = {.wall = fixed_wall, .monotonic_ms = fixed_ms};
static const struct clock fixed = {.ops = &fixed_ops};

static void open_token(const struct token_key *key, struct bytes token)
{
	struct context_challenge challenge;
	enum challenge_fault fault;
	static const struct context_challenge nothing;
	if (challenge_open(key, &fixed, token, &challenge, &fault, NULL) &&
		fault == CHALLENGE_FORGED && memcmp(&challenge, &nothing, sizeof(nothing)) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char label[] = "assay challenge 1";
	struct token_key key = {.key = {1}};
	OWNED(buf_release) struct buf labelled = {0};
	OWNED(buf_release) struct buf token = {0};
	struct digest mac;
	open_token(&key, bytes_of(data, size));
	buf_put(&labelled, bytes_of(label, sizeof(label)));
	buf_put(&labelled, bytes_of(data, size));
	if (!hmac_of(DIGEST_SHA256, BYTES_OF(key.key), buf_bytes(&labelled), &mac, NULL))
		return 0;
	buf_put(&token, bytes_of(data, size));
	buf_put(&token, digest_bytes(&mac));
	open_token(&key, buf_bytes(&token));
	return 0;
}
