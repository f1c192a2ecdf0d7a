/* SPDX-License-Identifier: Apache-2.0 */
/* The extension of certificates that carry rights lent for a time: DER, written and read. */
#include "base/reader.h"
#include "base/text.h"
#include "base/time.h"
#include "evidence/issued.h"

#include <stdio.h>

#define DER_SEQUENCE     0x30
#define DER_OCTETS       0x04
#define DER_UTF8         0x0c
#define DER_TIME         0x18
#define RIGHT_MAX        64u
#define ENTITLEMENT_MAX  128u
#define TIME_LEN         15u /* 20261126093000Z */
#define LENGTH_LONG_BASE 0x80u

/* Lengths of up to 65535 bytes, in the shortest form. */
static void put(struct buf *out, uint8_t tag, struct bytes value)
{
	buf_put_u8(out, tag);
	if (value.len >= 0x100) {
		buf_put_u8(out, LENGTH_LONG_BASE | 2);
		buf_put_u8(out, (uint8_t)(value.len >> 8));
	} else if (value.len >= LENGTH_LONG_BASE) {
		buf_put_u8(out, LENGTH_LONG_BASE | 1);
	}
	buf_put_u8(out, (uint8_t)value.len);
	buf_put(out, value);
}

static struct reader take(struct reader *r, uint8_t tag, const char *field)
{
	size_t len = 0, least = 0;

	if (rd_u8(r, field) != tag)
		rd_fail(r, field, "another tag than expected");
	len = rd_u8(r, field);
	if (len == (LENGTH_LONG_BASE | 1)) {
		len = rd_u8(r, field);
		least = LENGTH_LONG_BASE;
	} else if (len == (LENGTH_LONG_BASE | 2)) {
		len = rd_be16(r, field);
		least = 0x100;
	} else if (len >= LENGTH_LONG_BASE) {
		rd_fail(r, field, "a length that is not written so");
	}
	if (len < least)
		rd_fail(r, field, "a length that is not the shortest");
	return rd_sub(r, len, field);
}

static struct bytes take_bytes(
	struct reader *r, uint8_t tag, size_t min, size_t max, const char *field)
{
	struct reader in = take(r, tag, field);
	size_t len = rd_left(&in);
	struct bytes value = rd_bytes(&in, len, field);

	if (len < min || len > max)
		rd_fail(r, field, "of another length than expected");
	rd_sub_finish(r, &in, field);
	return value;
}

/* 2026-11-26T09:30:00Z is 20261126093000Z. */
static void put_time(struct buf *out, int64_t until)
{
	char text[TIME_TEXT_MAX], der[TIME_LEN + 1];
	size_t n = 0;

	(void)time_format(until, text);
	for (const char *at = text; *at && n < TIME_LEN; at++)
		if (*at != '-' && *at != ':' && *at != 'T')
			der[n++] = *at;
	put(out, DER_TIME, bytes_of(der, n));
}

static int64_t take_time(struct reader *r, const char *field)
{
	struct bytes t = take_bytes(r, DER_TIME, TIME_LEN, TIME_LEN, field);
	const char *s = (const char *)t.data;
	char text[TIME_TEXT_MAX];
	int64_t until = 0;

	if (rd_failed(r))
		return 0;
	(void)snprintf(text, sizeof(text), "%.4s-%.2s-%.2sT%.2s:%.2s:%.2s%.1s", s, s + 4, s + 6,
		s + 8, s + 10, s + 12, s + 14);
	if (!time_parse(bytes_str(text), &until, NULL))
		rd_fail(r, field, "not a time");
	return until;
}

bool issued_elevations_encode(
	const struct issued_elevation *list, size_t count, struct buf *out, struct err *err)
{
	OWNED(buf_release) struct buf all = {0};
	struct issued_elevation check[ISSUED_ELEVATIONS_MAX];
	size_t again = 0, from = out->len;

	for (size_t i = 0; i < count; i++) {
		OWNED(buf_release) struct buf one = {0};

		put(&one, DER_UTF8, list[i].right);
		put(&one, DER_UTF8, list[i].entitlement);
		put_time(&one, list[i].until);
		put(&one, DER_OCTETS, BYTES_OF(list[i].approval));
		if (!buf_ok(&one, err))
			return false;
		put(&all, DER_SEQUENCE, buf_bytes(&one));
	}
	put(out, DER_SEQUENCE, buf_bytes(&all));
	return buf_ok(&all, err) && buf_ok(out, err) &&
	       issued_elevations_decode(
		       bytes_of(out->data + from, out->len - from), check, &again, err);
}

static void take_one(struct reader *r, struct issued_elevation *ret)
{
	struct reader in = take(r, DER_SEQUENCE, "elevation");
	struct bytes approval;

	ret->right = take_bytes(&in, DER_UTF8, 1, RIGHT_MAX, "right");
	if (!rd_failed(&in) && !text_is_name(ret->right))
		rd_fail(&in, "right", "not a name");
	ret->entitlement = take_bytes(&in, DER_UTF8, 0, ENTITLEMENT_MAX, "entitlement");
	if (!rd_failed(&in) && !utf8_valid(ret->entitlement))
		rd_fail(&in, "entitlement", "not UTF-8");
	ret->until = take_time(&in, "until");
	approval = take_bytes(&in, DER_OCTETS, SHA256_LEN, SHA256_LEN, "approval");
	if (!rd_failed(&in))
		memcpy(ret->approval, approval.data, SHA256_LEN);
	rd_sub_finish(r, &in, "elevation");
}

bool issued_elevations_decode(struct bytes in, struct issued_elevation ret[ISSUED_ELEVATIONS_MAX],
	size_t *ret_count, struct err *err)
{
	struct reader r = rd_of(in);
	struct reader all = take(&r, DER_SEQUENCE, "elevations");
	size_t count = 0;

	memset(ret, 0, ISSUED_ELEVATIONS_MAX * sizeof(*ret));
	while (!rd_failed(&all) && rd_left(&all) > 0) {
		if (count == ISSUED_ELEVATIONS_MAX)
			rd_fail(&all, "elevations", "too many");
		else
			take_one(&all, &ret[count++]);
	}
	if (!rd_failed(&all) && count == 0)
		rd_fail(&all, "elevations", "none");
	rd_sub_finish(&r, &all, "elevations");
	*ret_count = count;
	return rd_finish(&r, err) || err_wrap(err, "elevations");
}
