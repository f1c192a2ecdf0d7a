/* SPDX-License-Identifier: Apache-2.0 */
/* The objects of a record, opened. Whoever supplies the bytes has the content key: this verifier, or one of before. What is read is
 * written again as it was. */
#include "verifier/record_contents.h"

#include <stdlib.h>

/* In the bytes that were read, one behind the other, each with its own digest. */
static void look(const struct record_contents *c)
{
	const uint8_t *at = c->plain.data, *end = at + c->plain.len;
	for (size_t i = 0; i < c->count; i++) {
		uint8_t digest[SHA256_LEN];
		struct bytes one = c->contents[i];
		if (one.len > 0 && (one.data < at || one.len > (size_t)(end - one.data)))
			abort();
		at = one.len > 0 ? one.data + one.len : at;
		if (!sha256_of(one, digest, NULL) ||
			memcmp(digest, c->digests[i], sizeof(digest)) != 0)
			abort();
		const struct bytes *found = record_contents_find(c, digest);
		if (!found || !bytes_equal(*found, one))
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct record_contents c = {0};
	struct buf plain = {0}, out = {0};
	struct err err = {0};

	buf_put(&plain, bytes_of(data, size));
	if (!record_contents_parse(&plain, &c, &err)) {
		if ((err.code != ERR_FORMAT && err.code != ERR_LIMIT) || err.text[0] == '\0' ||
			plain.data)
			abort();
		return 0;
	}
	if (c.count > RECORD_CONTENTS_MAX)
		abort();
	look(&c);
	if (!record_contents_encode(c.contents, c.count, &out, &err) ||
		!bytes_equal(buf_bytes(&out), bytes_of(data, size)))
		abort();
	buf_release(&out);
	record_contents_release(&c);
	return 0;
}
