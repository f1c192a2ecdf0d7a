/* SPDX-License-Identifier: Apache-2.0 */
#include "base/reader.h"

struct reader rd_of(struct bytes in)
{
	return (struct reader){.in = in};
}

static void fail_at(struct reader *r, size_t at, const char *field, const char *why)
{
	if (r->field)
		return;
	r->field = field ? field : "input";
	r->why = why;
	r->failed_at = r->base + at;
}

void rd_fail(struct reader *r, const char *field, const char *why)
{
	fail_at(r, r->at, field, why);
}

bool rd_failed(const struct reader *r)
{
	return r->field != NULL;
}

/* Nothing is left of a failed input, so that a loop over what is left ends. */
size_t rd_left(const struct reader *r)
{
	return r->field ? 0 : r->in.len - r->at;
}

/* The one place that does pointer arithmetic. NULL when fewer than n bytes are left. */
static const uint8_t *take(struct reader *r, size_t n, const char *field)
{
	const uint8_t *data;

	if (r->field)
		return NULL;
	if (n > r->in.len - r->at) {
		rd_fail(r, field, "truncated");
		return NULL;
	}
	data = r->in.data + r->at;
	r->at += n;
	return data;
}

static uint64_t take_be(struct reader *r, size_t n, const char *field)
{
	const uint8_t *data = take(r, n, field);
	uint64_t value = 0;

	for (size_t i = 0; data && i < n; i++)
		value = value << 8 | data[i];
	return value;
}

static uint64_t take_le(struct reader *r, size_t n, const char *field)
{
	const uint8_t *data = take(r, n, field);
	uint64_t value = 0;

	for (size_t i = n; data && i > 0; i--)
		value = value << 8 | data[i - 1];
	return value;
}

uint8_t rd_u8(struct reader *r, const char *field)
{
	return (uint8_t)take_be(r, 1, field);
}

uint16_t rd_be16(struct reader *r, const char *field)
{
	return (uint16_t)take_be(r, 2, field);
}

uint32_t rd_be32(struct reader *r, const char *field)
{
	return (uint32_t)take_be(r, 4, field);
}

uint64_t rd_be64(struct reader *r, const char *field)
{
	return take_be(r, 8, field);
}

uint16_t rd_le16(struct reader *r, const char *field)
{
	return (uint16_t)take_le(r, 2, field);
}

uint32_t rd_le32(struct reader *r, const char *field)
{
	return (uint32_t)take_le(r, 4, field);
}

uint64_t rd_le64(struct reader *r, const char *field)
{
	return take_le(r, 8, field);
}

struct bytes rd_bytes(struct reader *r, size_t n, const char *field)
{
	/* An empty run of an empty input has no address to add to. */
	const uint8_t *data = n ? take(r, n, field) : NULL;

	return data ? bytes_of(data, n) : (struct bytes){0};
}

struct bytes rd_tpm2b(struct reader *r, size_t max, const char *field)
{
	size_t start = r->at;
	size_t size = rd_be16(r, field);

	if (size > max) {
		fail_at(r, start, field, "too long");
		return (struct bytes){0};
	}
	return rd_bytes(r, size, field);
}

struct reader rd_sub(struct reader *r, size_t n, const char *field)
{
	struct reader sub = {.base = r->base + r->at};

	sub.in = rd_bytes(r, n, field);
	sub.field = r->field;
	sub.why = r->why;
	sub.failed_at = r->failed_at;
	return sub;
}

void rd_sub_finish(struct reader *parent, const struct reader *sub, const char *field)
{
	if (parent->field)
		return;
	if (sub->field) {
		parent->field = sub->field;
		parent->why = sub->why;
		parent->failed_at = sub->failed_at;
	} else if (sub->at < sub->in.len) {
		parent->field = field ? field : "input";
		parent->why = "trailing bytes";
		parent->failed_at = sub->base + sub->at;
	}
}

bool rd_finish(const struct reader *r, struct err *err)
{
	size_t end = r->base + r->in.len;

	if (r->field)
		return err_set(err, ERR_FORMAT, "%s: %s at offset %zu of %zu", r->field, r->why,
			r->failed_at, end);
	if (r->at < r->in.len)
		return err_set(err, ERR_FORMAT, "trailing bytes at offset %zu of %zu",
			r->base + r->at, end);
	return true;
}
