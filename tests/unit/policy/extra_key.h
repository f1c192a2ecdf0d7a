/* SPDX-License-Identifier: Apache-2.0 */
/* A key that no message has, put into a map of an encoded message: whoever decodes must refuse it. */
#ifndef ASSAY_TESTS_UNIT_POLICY_EXTRA_KEY_H
#define ASSAY_TESTS_UNIT_POLICY_EXTRA_KEY_H

#include "tests/support/unit.h"

/* Pair 0: 0 in front of the map whose head stands at `at`; its keys must begin above 0. */
static inline void extra_key_first(struct bytes in, size_t at, struct buf *out)
{
	buf_clear(out);
	buf_put(out, bytes_of(in.data, at));
	buf_put_u8(out, (uint8_t)(in.data[at] + 1));
	buf_put(out, BYTES_LIT("\0\0"));
	buf_put(out, bytes_of(in.data + at + 1, in.len - at - 1));
}

/* Pair 127: 0 at the end of the outermost map. */
static inline void extra_key_last(struct bytes in, struct buf *out)
{
	buf_clear(out);
	buf_put(out, in);
	out->data[0]++;
	buf_put(out, BYTES_LIT("\x18\x7f\0"));
}

/* Where these bytes stand. */
static inline size_t extra_key_find(struct bytes in, struct bytes what)
{
	const uint8_t *at = memmem(in.data, in.len, what.data, what.len);

	assert_non_null(at);
	return (size_t)(at - in.data);
}

#endif
