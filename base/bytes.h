/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes: `struct bytes` borrows, `struct buf` owns, grows and is wiped when released.
 */
#ifndef ASSAY_BASE_BYTES_H
#define ASSAY_BASE_BYTES_H

#include "base/err.h"

#include <string.h>

/* A borrowed run of bytes. {NULL, 0} is the empty run. */
struct bytes {
	const uint8_t *data;
	size_t len;
};

/* An owned, growing buffer. Zero-initialised is empty. Appending fails sticky: check `failed` once
 * at the end. */
struct buf {
	uint8_t *data;
	size_t len;
	size_t cap;
	bool failed;
};

#define BYTES_OF(array)    ((struct bytes){(array), sizeof(array)})
#define BYTES_LIT(literal) ((struct bytes){(const uint8_t *)(literal), sizeof(literal) - 1})

static inline struct bytes bytes_of(const void *data, size_t len)
{
	return (struct bytes){(const uint8_t *)data, len};
}
/* The bytes of a C string, without its NUL; NULL gives the empty run. */
static inline struct bytes bytes_str(const char *text)
{
	return (struct bytes){(const uint8_t *)text, text ? strlen(text) : 0};
}
static inline struct bytes buf_bytes(const struct buf *buf)
{
	return (struct bytes){buf->data, buf->len};
}
/* Equal length and content. Not constant time: for secrets use secret_equal. */
bool bytes_equal(struct bytes a, struct bytes b);
bool bytes_equal_str(struct bytes a, const char *text);
/* Lexicographic order, shorter first on a tie, as memcmp. */
int bytes_compare(struct bytes a, struct bytes b);
/* Constant time over equal lengths; unequal lengths return false at once. */
bool secret_equal(struct bytes a, struct bytes b);
/* Overwrites memory in a way that the compiler keeps. */
void secret_wipe(void *data, size_t len);

/* The bytes must not lie in the buffer itself. */
void buf_put(struct buf *buf, struct bytes bytes);
void buf_put_u8(struct buf *buf, uint8_t value);
void buf_put_be16(struct buf *buf, uint16_t value);
void buf_put_be32(struct buf *buf, uint32_t value);
void buf_put_be64(struct buf *buf, uint64_t value);
void buf_put_str(struct buf *buf, const char *text);
void buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Room for n more bytes to be written by the caller at the returned place; len grows by n. NULL on
 * failure. */
uint8_t *buf_extend(struct buf *buf, size_t n);
/* Sets len to 0, keeps the memory; a failure stays. */
void buf_clear(struct buf *buf);
/* Ends with a NUL that is not counted; returns the text or NULL when the buffer failed. */
const char *buf_str(struct buf *buf);
/* False and ERR_NOMEM when any append failed. */
must_use bool buf_ok(const struct buf *buf, struct err *err);
/* Frees and zeroes the struct; NULL is fine. Wipes the content first: many buffers hold keys at one
 * time or another. */
void buf_release(struct buf *buf);
/* Copies bytes into a fresh heap block (NUL added behind, not counted); NULL on no memory. */
uint8_t *bytes_dup(struct bytes bytes);
/* Copies bytes to a fresh C string; NULL on no memory or an embedded NUL. */
char *bytes_strdup(struct bytes bytes);

/* cleanup attribute for owned locals: `OWNED(buf_release) struct buf out = {0};` */
#define OWNED(release) __attribute__((cleanup(release)))
/* Hands over a pointer: yields it and leaves NULL behind. */
#define TAKE(p)                                                                                    \
	({                                                                                         \
		__typeof__(p) taken_ = (p);                                                        \
		(p) = NULL;                                                                        \
		taken_;                                                                            \
	})
/* Hands over a struct buf (or other struct by value): yields it and leaves zeros behind. */
#define TAKE_STRUCT(s)                                                                             \
	({                                                                                         \
		__typeof__(s) taken_ = (s);                                                        \
		memset(&(s), 0, sizeof(s));                                                        \
		taken_;                                                                            \
	})
/* cleanup for malloc'd pointers: `OWNED(free_ptr) char *text = …;` */
void free_ptr(void *pointer_to_pointer);

#define ARRAY_LEN(array) (sizeof(array) / sizeof((array)[0]))

#endif
