/* SPDX-License-Identifier: Apache-2.0 */
/* Time-stamp responses. They come in bundles beside a release; whoever writes one supplies these bytes. */
#include "crypto/timestamp.h"

#include <assert.h>

/* Nobody but us has this key, so nothing can verify. */
static void judge(struct bytes in)
{
	static struct cert *authority;
	struct key *key = NULL;
	struct err err = {0};
	struct cert_request request = {
		.common_name = "authority", .not_before = 1, .not_after = 4000000000};
	int64_t when = 0;

	if (!authority) {
		if (!key_generate(KEY_EC_P256, &key, &err))
			return;
		request.subject = key;
		if (!cert_issue(&request, NULL, key, &authority, &err))
			authority = NULL;
		key_unref(&key);
	}
	if (!authority)
		return;
	bool verified = timestamp_verify(in, BYTES_LIT("a signature"), &authority, 1, &when, &err);

	assert(!verified && when == 0 && err.code != ERR_NONE);
	(void)verified;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct timestamp stamp = {0};
	struct bytes in = bytes_of(data, size);
	struct err err = {0};

	if (!timestamp_parse(in, &stamp, &err)) {
		assert(err.code != ERR_NONE && err.text[0] && stamp.time == 0);
	} else {
		assert(stamp.time > 0 && stamp.alg != DIGEST_NONE);
		assert(stamp.info.data > data && stamp.info.data + stamp.info.len < data + size);
		assert(stamp.attributes.data > data);
	}
	judge(in);
	return 0;
}
