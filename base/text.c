/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>

static const char hex_digits[] = "0123456789abcdef";

#define NAME_MAX_LEN    64
#define SHORT_HEX_BYTES 8

void hex_encode(struct bytes in, char *out)
{
	for (size_t i = 0; i < in.len; i++) {
		*out++ = hex_digits[in.data[i] >> 4];
		*out++ = hex_digits[in.data[i] & 15];
	}
	*out = '\0';
}

void buf_put_hex(struct buf *buf, struct bytes in)
{
	uint8_t *room = in.len <= SIZE_MAX / 2 ? buf_extend(buf, in.len * 2) : NULL;

	if (!room) {
		buf->failed = true;
		return;
	}
	for (size_t i = 0; i < in.len; i++) {
		*room++ = (uint8_t)hex_digits[in.data[i] >> 4];
		*room++ = (uint8_t)hex_digits[in.data[i] & 15];
	}
}

/* The value of a hex digit, or -1. */
static int hex_value(uint8_t digit, bool upper_too)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	if (digit >= 'a' && digit <= 'f')
		return digit - 'a' + 10;
	if (upper_too && digit >= 'A' && digit <= 'F')
		return digit - 'A' + 10;
	return -1;
}

static bool hex_into(struct bytes in, bool upper_too, uint8_t *out, struct err *err)
{
	for (size_t i = 0; i < in.len / 2; i++) {
		int high = hex_value(in.data[2 * i], upper_too);
		int low = hex_value(in.data[2 * i + 1], upper_too);

		if (high < 0 || low < 0)
			return err_set(err, ERR_FORMAT, "hex: not a %s digit at offset %zu",
				upper_too ? "hex" : "lower-case hex", 2 * i + (high < 0 ? 0 : 1));
		out[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

bool hex_decode(struct bytes in, size_t max, struct buf *ret_out, struct err *err)
{
	OWNED(buf_release) struct buf out = {0};
	uint8_t *room;

	if (in.len % 2 != 0)
		return err_set(err, ERR_FORMAT, "hex: odd number of digits");
	if (in.len / 2 > max)
		return err_set(err, ERR_LIMIT, "hex: more than %zu bytes", max);
	room = buf_extend(&out, in.len / 2);
	if (!buf_ok(&out, err) || !hex_into(in, true, room, err))
		return false;
	buf_release(ret_out);
	*ret_out = TAKE_STRUCT(out);
	return true;
}

bool hex_decode_exact(struct bytes in, uint8_t *out, size_t n, struct err *err)
{
	if (in.len % 2 != 0 || in.len / 2 != n)
		return err_set(
			err, ERR_FORMAT, "hex: expected %zu bytes, found %zu digits", n, in.len);
	return hex_into(in, false, out, err);
}

/* Length of the well-formed UTF-8 sequence at in.data[at], its code point in *ret_point; 0 when it
 * is none. */
static size_t utf8_sequence(struct bytes in, size_t at, uint32_t *ret_point)
{
	static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
	uint8_t first = in.data[at];
	size_t n;

	if (first < 0x80) {
		*ret_point = first;
		return 1;
	}
	n = (first & 0xe0) == 0xc0   ? 2
	    : (first & 0xf0) == 0xe0 ? 3
	    : (first & 0xf8) == 0xf0 ? 4
				     : 0;
	if (n == 0 || n > in.len - at)
		return 0;
	*ret_point = first & (0x7fu >> n);
	for (size_t i = 1; i < n; i++) {
		if ((in.data[at + i] & 0xc0) != 0x80)
			return 0;
		*ret_point = *ret_point << 6 | (in.data[at + i] & 0x3f);
	}
	if (*ret_point < smallest[n] || *ret_point > 0x10ffff)
		return 0;
	return *ret_point >= 0xd800 && *ret_point <= 0xdfff ? 0 : n;
}

/* Nearly all text is ASCII: how many of the bytes from `at` on are, looked at eight at a time. */
static size_t ascii_run(struct bytes in, size_t at)
{
	const uint64_t high_bits = UINT64_C(0x8080808080808080);
	size_t from = at;
	uint64_t eight;

	for (; in.len - at >= sizeof(eight); at += sizeof(eight)) {
		memcpy(&eight, in.data + at, sizeof(eight));
		if (eight & high_bits)
			break;
	}
	return at - from;
}

bool utf8_valid(struct bytes in)
{
	uint32_t point;

	for (size_t at = ascii_run(in, 0), n; at < in.len; at += n + ascii_run(in, at + n)) {
		n = utf8_sequence(in, at, &point);
		if (n == 0)
			return false;
	}
	return true;
}

/* Characters that change how the text around them is laid out: line separators, bidirectional
 * controls, BOM. */
static bool is_layout_control(uint32_t point)
{
	return point == 0x061c || (point >= 0x200e && point <= 0x200f) ||
	       (point >= 0x2028 && point <= 0x202e) || (point >= 0x2066 && point <= 0x2069) ||
	       point == 0xfeff;
}

/* Writes what stands for the text at in.data[at] into piece; returns how many input bytes it stands
 * for. */
static size_t escape_piece(struct bytes in, size_t at, char piece[5])
{
	uint8_t first = in.data[at];
	uint32_t point = 0;
	size_t n = utf8_sequence(in, at, &point);

	if (first == '\n' || first == '\t' || first == '\\') {
		snprintf(piece, 5, "\\%c", first == '\n' ? 'n' : first == '\t' ? 't' : '\\');
		return 1;
	}
	if ((n == 1 && point >= 0x20 && point < 0x7f) ||
		(n > 1 && point > 0x9f && !is_layout_control(point))) {
		memcpy(piece, in.data + at, n);
		piece[n] = '\0';
		return n;
	}
	snprintf(piece, 5, "\\x%02x", first);
	return 1;
}

const char *text_escape(struct bytes in, char *out, size_t size)
{
	static const char more[] = "…";
	size_t at = 0, len = 0, cut = 0;
	char piece[5];

	if (size == 0)
		return out;
	while (at < in.len) {
		size_t used = escape_piece(in, at, piece);
		size_t n = strlen(piece);

		if (n > size - 1 - len)
			break;
		memcpy(out + len, piece, n);
		len += n;
		at += used;
		/* The last place from which the mark of a cut still fits. */
		if (size - 1 - len >= sizeof(more) - 1)
			cut = len;
	}
	if (at < in.len && size - 1 >= sizeof(more) - 1) {
		memcpy(out + cut, more, sizeof(more) - 1);
		len = cut + sizeof(more) - 1;
	}
	out[len] = '\0';
	return out;
}

char *text_disarm(char *text)
{
	struct bytes in = bytes_str(text);

	for (size_t at = 0, n; at < in.len; at += n) {
		uint32_t point = 0;
		bool known = (n = utf8_sequence(in, at, &point)) > 0;

		n += !known;
		if (!known || point < 0x20 || (point >= 0x7f && point <= 0x9f) ||
			is_layout_control(point))
			memset(text + at, '?', n);
	}
	return text;
}

bool text_is_name(struct bytes in)
{
	if (in.len == 0 || in.len > NAME_MAX_LEN)
		return false;
	for (size_t i = 0; i < in.len; i++) {
		uint8_t c = in.data[i];
		bool word = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');

		if (!word && (i == 0 || (c != '.' && c != '_' && c != '-')))
			return false;
		if (c == '.' && in.data[i - 1] == '.')
			return false;
	}
	return true;
}

const char *text_short_hex(struct bytes in, char out[17])
{
	hex_encode(bytes_of(in.data, in.len < SHORT_HEX_BYTES ? in.len : SHORT_HEX_BYTES), out);
	return out;
}

bool text_next_line(struct bytes *rest, struct bytes *ret_line)
{
	const uint8_t *end = rest->len ? memchr(rest->data, '\n', rest->len) : NULL;

	if (!end)
		return false;
	*ret_line = bytes_of(rest->data, (size_t)(end - rest->data));
	*rest = bytes_of(end + 1, rest->len - ret_line->len - 1);
	return true;
}

struct bytes text_next_word(struct bytes *rest, char separator)
{
	const uint8_t *end = rest->len ? memchr(rest->data, separator, rest->len) : NULL;
	size_t len = end ? (size_t)(end - rest->data) : rest->len;
	struct bytes word = bytes_of(rest->data, len);
	len += end != NULL;
	*rest = bytes_of(rest->data + len, rest->len - len);
	return word;
}

bool text_decimal(struct bytes in, uint64_t *ret)
{
	uint64_t value = 0;

	if (in.len == 0 || (in.len > 1 && in.data[0] == '0'))
		return false;
	for (size_t i = 0; i < in.len; i++) {
		uint8_t digit = (uint8_t)(in.data[i] - '0');

		if (digit > 9 || __builtin_mul_overflow(value, UINT64_C(10), &value) ||
			__builtin_add_overflow(value, (uint64_t)digit, &value))
			return false;
	}
	*ret = value;
	return true;
}

void text_append(char *out, size_t size, const char *format, ...)
{
	size_t len = strlen(out);
	va_list args;

	va_start(args, format);
	(void)vsnprintf(out + len, size - len, format, args);
	va_end(args);
}
