/* SPDX-License-Identifier: Apache-2.0 */
/* A text with one place of it saying something else. */
#ifndef ASSAY_TESTS_UNIT_POLICY_EDIT_H
#define ASSAY_TESTS_UNIT_POLICY_EDIT_H

#include <string.h>

#include "tests/support/unit.h"

/* `from` must be in it; its first place is changed. */
static inline void edit(struct buf *ret, struct bytes text, const char *from, const char *to)
{
	const uint8_t *at = memmem(text.data, text.len, from, strlen(from));
	size_t before;

	assert_non_null(at);
	before = (size_t)(at - text.data);
	buf_clear(ret);
	buf_put(ret, bytes_of(text.data, before));
	buf_put_str(ret, to);
	buf_put(ret, bytes_of(at + strlen(from), text.len - before - strlen(from)));
	assert_false(ret->failed);
}

#endif
