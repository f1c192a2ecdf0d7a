/* SPDX-License-Identifier: Apache-2.0 */
/* What every parser's test asks: a prefix, or one byte more, is refused, and nothing outside the
 * input is read. */
#ifndef ASSAY_TESTS_UNIT_EVIDENCE_PARSE_CHECK_H
#define ASSAY_TESTS_UNIT_EVIDENCE_PARSE_CHECK_H

#include <stdlib.h>

#include "base/text.h"
#include "tests/support/unit.h"

typedef bool (*parse_fn)(struct bytes in, struct err *err);

/* Parses a copy in a block of exactly its size, so that a sanitizer sees every read behind it. */
static inline bool parse_exact(parse_fn parse, struct bytes in, struct err *err)
{
	uint8_t *copy = malloc(in.len ? in.len : 1);
	bool ok;

	assert_non_null(copy);
	if (in.len)
		memcpy(copy, in.data, in.len);
	ok = parse(bytes_of(copy, in.len), err);
	free(copy);
	return ok;
}

static inline void assert_exact_length(parse_fn parse, struct bytes whole)
{
	uint8_t *longer = malloc(whole.len + 1);
	struct err err = {0};
	bool ok;

	assert_ok(parse_exact(parse, whole, &err), err);
	for (size_t n = 0; n < whole.len; n++) {
		err = (struct err){0};
		if (parse_exact(parse, bytes_of(whole.data, n), &err))
			fail_msg("%zu of %zu bytes were accepted", n, whole.len);
		assert_true(err.code == ERR_FORMAT || err.code == ERR_UNSUPPORTED ||
			    err.code == ERR_MISMATCH);
		assert_true(err.text[0] != '\0');
	}
	assert_non_null(longer);
	memcpy(longer, whole.data, whole.len);
	longer[whole.len] = 0;
	ok = parse(bytes_of(longer, whole.len + 1), &err);
	free(longer);
	assert_false(ok);
}

/* Changes one byte; gives what the parser then says. */
static inline bool parse_changed(
	parse_fn parse, struct bytes whole, size_t at, uint8_t value, struct err *err)
{
	uint8_t *copy = malloc(whole.len);
	bool ok;

	assert_non_null(copy);
	memcpy(copy, whole.data, whole.len);
	copy[at] = value;
	ok = parse(bytes_of(copy, whole.len), err);
	free(copy);
	return ok;
}

/* Every byte changed in turn: whatever comes of it, it must come without a fault of memory. */
static inline void parse_all_changes(parse_fn parse, struct bytes whole)
{
	static const uint8_t flips[] = {0x01, 0x80, 0xff};
	struct err err;

	for (size_t at = 0; at < whole.len; at++)
		for (size_t i = 0; i < sizeof(flips); i++)
			(void)parse_changed(parse, whole, at, whole.data[at] ^ flips[i], &err);
}

static inline struct bytes unhex(const char *hex, struct buf *out)
{
	struct err err = {0};

	buf_clear(out);
	assert_ok(hex_decode(bytes_str(hex), 4096, out, &err), err);
	return buf_bytes(out);
}

#endif
