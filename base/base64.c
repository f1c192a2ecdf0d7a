/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"

static const char alphabet_std[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char alphabet_url[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void buf_put_base64(struct buf *buf, struct bytes in, bool url)
{
	const char *alphabet = url ? alphabet_url : alphabet_std;

	for (size_t i = 0; i < in.len; i += 3) {
		size_t n = in.len - i < 3 ? in.len - i : 3;
		uint32_t group = (uint32_t)in.data[i] << 16;
		uint8_t quad[4];

		group |= n > 1 ? (uint32_t)in.data[i + 1] << 8 : 0;
		group |= n > 2 ? in.data[i + 2] : 0;
		for (size_t k = 0; k < 4; k++)
			quad[k] = k <= n ? (uint8_t)alphabet[group >> (18 - 6 * k) & 63] : '=';
		buf_put(buf, bytes_of(quad, url ? n + 1 : 4));
	}
}

/* The value of a base64 digit, or -1. */
static int digit_value(uint8_t c, bool url)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == (url ? '-' : '+'))
		return 62;
	return c == (url ? '_' : '/') ? 63 : -1;
}

/* Digits without the padding, of which base64 has none to two behind a multiple of four. */
static bool digits_of(struct bytes in, bool url, struct bytes *ret_digits, struct err *err)
{
	struct bytes digits = in;

	if (!url) {
		if (in.len % 4 != 0)
			return err_set(
				err, ERR_FORMAT, "base64: length %zu is no multiple of 4", in.len);
		for (size_t i = 0; i < 2 && digits.len && digits.data[digits.len - 1] == '='; i++)
			digits.len--;
	}
	if (digits.len % 4 == 1)
		return err_set(err, ERR_FORMAT, "base64: truncated at offset %zu", digits.len);
	*ret_digits = digits;
	return true;
}

bool base64_decode(struct bytes in, bool url, size_t max, struct buf *ret_out, struct err *err)
{
	OWNED(buf_release) struct buf out = {0};
	struct bytes digits = in;
	uint8_t *room;
	uint32_t bits = 0;
	unsigned n_bits = 0;

	if (!digits_of(in, url, &digits, err))
		return false;
	if (digits.len / 4 * 3 + (digits.len % 4 * 3) / 4 > max)
		return err_set(err, ERR_LIMIT, "base64: more than %zu bytes", max);
	room = buf_extend(&out, digits.len / 4 * 3 + (digits.len % 4 * 3) / 4);
	if (!buf_ok(&out, err))
		return false;
	for (size_t i = 0; i < digits.len; i++) {
		int value = digit_value(digits.data[i], url);

		if (value < 0)
			return err_set(
				err, ERR_FORMAT, "base64: not in the alphabet at offset %zu", i);
		bits = bits << 6 | (uint32_t)value;
		n_bits += 6;
		if (n_bits >= 8) {
			n_bits -= 8;
			*room++ = (uint8_t)(bits >> n_bits);
		}
	}
	/* Otherwise several texts would stand for the same bytes. */
	if (bits & ((1u << n_bits) - 1))
		return err_set(err, ERR_FORMAT, "base64: pad bits are not zero at offset %zu",
			digits.len - 1);
	buf_release(ret_out);
	*ret_out = TAKE_STRUCT(out);
	return true;
}
