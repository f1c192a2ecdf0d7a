/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One cursor over untrusted bytes. Failure is sticky: it remembers the field and the offset, and
 * every later read returns zeros. `rd_finish` refuses trailing bytes. A parser reads like a schema,
 * one call a statement.
 */
#ifndef ASSAY_BASE_READER_H
#define ASSAY_BASE_READER_H

#include "base/bytes.h"

struct reader {
	struct bytes in;
	size_t at;
	size_t base; /* offset of in.data[0] in the outermost input, for messages */
	const char *field; /* the field that failed; NULL while all is well */
	const char *why; /* static text: "truncated", "too long", … */
	size_t failed_at;
};

struct reader rd_of(struct bytes in);
uint8_t rd_u8(struct reader *r, const char *field);
uint16_t rd_be16(struct reader *r, const char *field);
uint32_t rd_be32(struct reader *r, const char *field);
uint64_t rd_be64(struct reader *r, const char *field);
uint16_t rd_le16(struct reader *r, const char *field);
uint32_t rd_le32(struct reader *r, const char *field);
uint64_t rd_le64(struct reader *r, const char *field);
/* Exactly n bytes, borrowed. */
struct bytes rd_bytes(struct reader *r, size_t n, const char *field);
/* u16 size, then that many bytes, at most max. */
struct bytes rd_tpm2b(struct reader *r, size_t max, const char *field);
/* The next n bytes as a reader of their own, to be consumed exactly with rd_sub_finish. */
struct reader rd_sub(struct reader *r, size_t n, const char *field);
/* Carries a sub-reader's failure, or trailing bytes in it, back to its parent. */
void rd_sub_finish(struct reader *parent, const struct reader *sub, const char *field);
/* Marks the field as wrong; why is static text. */
void rd_fail(struct reader *r, const char *field, const char *why);
bool rd_failed(const struct reader *r);
size_t rd_left(const struct reader *r);
/* True when nothing failed and nothing is left; otherwise ERR_FORMAT "extraData: truncated at
 * offset 4 of 5". */
must_use bool rd_finish(const struct reader *r, struct err *err);

#endif
