/* SPDX-License-Identifier: Apache-2.0 */
#include "base/bytes.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define BUF_CAP_MIN 64

bool bytes_equal(struct bytes a, struct bytes b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

bool bytes_equal_str(struct bytes a, const char *text)
{
	return bytes_equal(a, bytes_str(text));
}

int bytes_compare(struct bytes a, struct bytes b)
{
	size_t shorter = a.len < b.len ? a.len : b.len;
	int order = shorter ? memcmp(a.data, b.data, shorter) : 0;

	if (order != 0)
		return order < 0 ? -1 : 1;
	return (a.len > b.len) - (a.len < b.len);
}

bool secret_equal(struct bytes a, struct bytes b)
{
	const volatile uint8_t *left = a.data;
	const volatile uint8_t *right = b.data;
	uint8_t difference = 0;

	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++)
		difference |= left[i] ^ right[i];
	return difference == 0;
}

void secret_wipe(void *data, size_t len)
{
	if (data)
		explicit_bzero(data, len);
}

/* Room for n bytes behind len. Never realloc: the block left behind may hold a key and is wiped. */
static bool buf_reserve(struct buf *buf, size_t n)
{
	size_t cap = buf->cap < BUF_CAP_MIN ? BUF_CAP_MIN : buf->cap;
	uint8_t *data;

	if (buf->failed)
		return false;
	if (n <= buf->cap - buf->len)
		return true;
	if (n > SIZE_MAX / 4 || buf->len > SIZE_MAX / 4) {
		buf->failed = true;
		return false;
	}
	while (cap < buf->len + n)
		cap *= 2;
	data = malloc(cap);
	if (!data) {
		buf->failed = true;
		return false;
	}
	if (buf->len)
		memcpy(data, buf->data, buf->len);
	secret_wipe(buf->data, buf->cap);
	free(buf->data);
	buf->data = data;
	buf->cap = cap;
	return true;
}

uint8_t *buf_extend(struct buf *buf, size_t n)
{
	uint8_t *room;

	/* One more, so that an extension by nothing still has a place to point to. */
	if (n == SIZE_MAX || !buf_reserve(buf, n + 1)) {
		buf->failed = true;
		return NULL;
	}
	room = buf->data + buf->len;
	buf->len += n;
	return room;
}

void buf_put(struct buf *buf, struct bytes bytes)
{
	uint8_t *room;

	if (bytes.len == 0)
		return;
	room = buf_extend(buf, bytes.len);
	if (room)
		memcpy(room, bytes.data, bytes.len);
}

void buf_put_u8(struct buf *buf, uint8_t value)
{
	buf_put(buf, bytes_of(&value, 1));
}

void buf_put_be16(struct buf *buf, uint16_t value)
{
	uint8_t wire[2] = {(uint8_t)(value >> 8), (uint8_t)value};

	buf_put(buf, BYTES_OF(wire));
}

void buf_put_be32(struct buf *buf, uint32_t value)
{
	buf_put_be16(buf, (uint16_t)(value >> 16));
	buf_put_be16(buf, (uint16_t)value);
}

void buf_put_be64(struct buf *buf, uint64_t value)
{
	buf_put_be32(buf, (uint32_t)(value >> 32));
	buf_put_be32(buf, (uint32_t)value);
}

void buf_put_str(struct buf *buf, const char *text)
{
	buf_put(buf, bytes_str(text));
}

void buf_printf(struct buf *buf, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(NULL, 0, format, args);
	va_end(args);
	/* vsnprintf ends with a NUL, which is given back. */
	if (n < 0 || !buf_extend(buf, (size_t)n + 1)) {
		buf->failed = true;
		return;
	}
	buf->len -= (size_t)n + 1;
	va_start(args, format);
	vsnprintf((char *)buf->data + buf->len, (size_t)n + 1, format, args);
	va_end(args);
	buf->len += (size_t)n;
}

void buf_clear(struct buf *buf)
{
	buf->len = 0;
}

const char *buf_str(struct buf *buf)
{
	if (!buf_reserve(buf, 1))
		return NULL;
	buf->data[buf->len] = '\0';
	return (const char *)buf->data;
}

bool buf_ok(const struct buf *buf, struct err *err)
{
	return !buf->failed || err_set(err, ERR_NOMEM, "out of memory");
}

void buf_release(struct buf *buf)
{
	if (!buf)
		return;
	secret_wipe(buf->data, buf->cap);
	free(buf->data);
	*buf = (struct buf){0};
}

uint8_t *bytes_dup(struct bytes bytes)
{
	uint8_t *copy = bytes.len < SIZE_MAX ? malloc(bytes.len + 1) : NULL;

	if (!copy)
		return NULL;
	if (bytes.len)
		memcpy(copy, bytes.data, bytes.len);
	copy[bytes.len] = 0;
	return copy;
}

char *bytes_strdup(struct bytes bytes)
{
	if (bytes.len && memchr(bytes.data, 0, bytes.len))
		return NULL;
	return (char *)bytes_dup(bytes);
}

void free_ptr(void *pointer_to_pointer)
{
	void **pointer = pointer_to_pointer;

	free(*pointer);
	*pointer = NULL;
}
