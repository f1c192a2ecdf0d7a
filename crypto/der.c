/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/der.h"

bool der_looks_long(struct bytes in)
{
	return in.len > 1 && in.data[0] == DER_SEQUENCE && in.data[1] & 0x80;
}

uint8_t der_peek(const struct reader *r)
{
	return !rd_failed(r) && rd_left(r) ? r->in.data[r->at] : 0;
}

/* Reads tag and length; gives the content's length. */
static size_t der_head(struct reader *r, uint8_t tag, const char *field)
{
	size_t len, octets;

	if (rd_u8(r, field) != tag) {
		rd_fail(r, field, "another ASN.1 tag than expected");
		return 0;
	}
	len = rd_u8(r, field);
	if (len < 0x80)
		return len;
	octets = len & 0x7f;
	if (octets == 0 || octets > 3) {
		rd_fail(r, field, "indefinite or oversized length");
		return 0;
	}
	len = 0;
	for (size_t i = 0; i < octets; i++)
		len = len << 8 | rd_u8(r, field);
	if (len < 0x80 || len >> (8 * (octets - 1)) == 0)
		rd_fail(r, field, "length not in its shortest form");
	return len;
}

struct bytes der_value(struct reader *r, uint8_t tag, const char *field)
{
	size_t len = der_head(r, tag, field);

	return rd_bytes(r, len, field);
}

struct bytes der_element(struct reader *r, uint8_t tag, const char *field)
{
	size_t start = r->at;

	der_value(r, tag, field);
	if (rd_failed(r))
		return (struct bytes){0};
	return bytes_of(r->in.data + start, r->at - start);
}

struct reader der_enter(struct reader *r, uint8_t tag, const char *field)
{
	size_t len = der_head(r, tag, field);

	return rd_sub(r, len, field);
}

struct bytes der_unsigned(struct reader *r, const char *field)
{
	struct bytes value = der_value(r, DER_INTEGER, field);

	if (rd_failed(r))
		return (struct bytes){0};
	if (value.len == 0 || value.data[0] & 0x80 || (value.len == 1 && value.data[0] == 0)) {
		rd_fail(r, field, "not a positive integer");
		return (struct bytes){0};
	}
	if (value.data[0] != 0)
		return value;
	if (!(value.data[1] & 0x80)) {
		rd_fail(r, field, "integer not in its shortest form");
		return (struct bytes){0};
	}
	return bytes_of(value.data + 1, value.len - 1);
}

struct bytes der_bits(struct reader *r, const char *field)
{
	struct bytes value = der_value(r, DER_BIT_STRING, field);

	if (rd_failed(r))
		return (struct bytes){0};
	if (value.len == 0 || value.data[0] != 0) {
		rd_fail(r, field, "bit string of partial octets");
		return (struct bytes){0};
	}
	return bytes_of(value.data + 1, value.len - 1);
}

static void der_put_head(struct buf *out, uint8_t tag, size_t len)
{
	size_t octets = len > 0xffff ? 3 : len > 0xff ? 2 : 1;

	buf_put_u8(out, tag);
	if (len < 0x80) {
		buf_put_u8(out, (uint8_t)len);
		return;
	}
	buf_put_u8(out, (uint8_t)(0x80 | octets));
	while (octets-- > 0)
		buf_put_u8(out, (uint8_t)(len >> (8 * octets)));
}

void der_expect_oid(struct reader *r, struct bytes oid, const char *field)
{
	struct bytes found = der_value(r, DER_OID, field);

	if (!rd_failed(r) && !bytes_equal(found, oid))
		rd_fail(r, field, "another identifier");
}

enum digest_alg der_digest_alg(struct reader *r, const char *field)
{
	static const struct {
		struct bytes oid;
		enum digest_alg alg;
	} digests[] = {
		{BYTES_LIT("\x60\x86\x48\x01\x65\x03\x04\x02\x01"), DIGEST_SHA256},
		{BYTES_LIT("\x60\x86\x48\x01\x65\x03\x04\x02\x02"), DIGEST_SHA384},
		{BYTES_LIT("\x60\x86\x48\x01\x65\x03\x04\x02\x03"), DIGEST_SHA512},
	};
	struct reader sequence = der_enter(r, DER_SEQUENCE, field);
	struct bytes oid = der_value(&sequence, DER_OID, field);
	enum digest_alg alg = DIGEST_NONE;

	if (der_peek(&sequence) == DER_NULL)
		(void)der_value(&sequence, DER_NULL, field);
	rd_sub_finish(r, &sequence, field);
	for (size_t i = 0; i < ARRAY_LEN(digests); i++)
		if (bytes_equal(oid, digests[i].oid))
			alg = digests[i].alg;
	return alg;
}

void der_put(struct buf *out, uint8_t tag, struct bytes content)
{
	der_put_head(out, tag, content.len);
	buf_put(out, content);
}

void der_put_unsigned(struct buf *out, struct bytes magnitude)
{
	bool sign_octet;

	while (magnitude.len > 1 && magnitude.data[0] == 0)
		magnitude = bytes_of(magnitude.data + 1, magnitude.len - 1);
	sign_octet = magnitude.len && magnitude.data[0] & 0x80;
	der_put_head(out, DER_INTEGER, magnitude.len + sign_octet);
	if (sign_octet)
		buf_put_u8(out, 0);
	buf_put(out, magnitude);
}
