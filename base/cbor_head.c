/* SPDX-License-Identifier: Apache-2.0 */
#include "base/cbor_head.h"

#include <cbor/callbacks.h>
#include <cbor/streaming.h>

/* Tags 6 to 20 in one byte: libcbor 0.8 takes them for malformed, and COSE_Sign1 is 18. */
#define TAG_DIRECT_FIRST 0xc6
#define TAG_DIRECT_LAST  0xd4

static void on_uint(void *context, uint64_t value)
{
	struct cbor_head *head = context;

	head->kind = CBOR_UINT;
	head->value = value;
}

static void on_uint8(void *context, uint8_t value)
{
	on_uint(context, value);
}

static void on_uint16(void *context, uint16_t value)
{
	on_uint(context, value);
}

static void on_uint32(void *context, uint32_t value)
{
	on_uint(context, value);
}

static void on_nint(void *context, uint64_t value)
{
	struct cbor_head *head = context;

	head->kind = CBOR_NINT;
	head->value = value;
}

static void on_nint8(void *context, uint8_t value)
{
	on_nint(context, value);
}

static void on_nint16(void *context, uint16_t value)
{
	on_nint(context, value);
}

static void on_nint32(void *context, uint32_t value)
{
	on_nint(context, value);
}

static void on_string(struct cbor_head *head, enum cbor_kind kind, const uint8_t *data, size_t len)
{
	head->kind = kind;
	head->value = len;
	head->content = bytes_of(data, len);
}

static void on_bytes(void *context, cbor_data data, size_t len)
{
	on_string(context, CBOR_BYTES, data, len);
}

static void on_text(void *context, cbor_data data, size_t len)
{
	on_string(context, CBOR_TEXT, data, len);
}

static void on_array(void *context, size_t count)
{
	*(struct cbor_head *)context = (struct cbor_head){.kind = CBOR_ARRAY, .value = count};
}

static void on_map(void *context, size_t count)
{
	*(struct cbor_head *)context = (struct cbor_head){.kind = CBOR_MAP, .value = count};
}

static void on_tag(void *context, uint64_t number)
{
	*(struct cbor_head *)context = (struct cbor_head){.kind = CBOR_TAG, .value = number};
}

static void on_bool(void *context, bool value)
{
	*(struct cbor_head *)context = (struct cbor_head){.kind = CBOR_BOOL, .value = value};
}

static void on_null(void *context)
{
	((struct cbor_head *)context)->kind = CBOR_NULL;
}

static void on_undefined(void *context)
{
	((struct cbor_head *)context)->kind = CBOR_OTHER;
}

static void on_float(void *context, float value)
{
	(void)value;
	((struct cbor_head *)context)->kind = CBOR_OTHER;
}

static void on_double(void *context, double value)
{
	(void)value;
	((struct cbor_head *)context)->kind = CBOR_OTHER;
}

/* The kind stays CBOR_ABSENT, which stands for an indefinite length or a break. */
static void on_indefinite(void *context)
{
	(void)context;
}

static const struct cbor_callbacks callbacks = {
	.uint8 = on_uint8,
	.uint16 = on_uint16,
	.uint32 = on_uint32,
	.uint64 = on_uint,
	.negint8 = on_nint8,
	.negint16 = on_nint16,
	.negint32 = on_nint32,
	.negint64 = on_nint,
	.byte_string_start = on_indefinite,
	.byte_string = on_bytes,
	.string = on_text,
	.string_start = on_indefinite,
	.indef_array_start = on_indefinite,
	.array_start = on_array,
	.indef_map_start = on_indefinite,
	.map_start = on_map,
	.tag = on_tag,
	.float2 = on_float,
	.float4 = on_float,
	.float8 = on_double,
	.undefined = on_undefined,
	.null = on_null,
	.boolean = on_bool,
	.indef_break = on_indefinite,
};

static size_t shortest_len(const struct cbor_head *head)
{
	if (head->kind == CBOR_BOOL || head->kind == CBOR_NULL || head->value < 24)
		return 1;
	if (head->value <= UINT8_MAX)
		return 2;
	if (head->value <= UINT16_MAX)
		return 3;
	return head->value <= UINT32_MAX ? 5 : 9;
}

/* Initial byte: major type in the upper three bits, then the argument itself or how many bytes of it follow. */
#define ARGUMENT_MASK   31u
#define ARGUMENT_DIRECT 24u
#define ARGUMENT_LAST   27u

/* The heads of which nearly everything consists, read here: integers, strings, arrays and maps of definite length. False:
 * something else, or cut short; libcbor says what. */
static bool common_read(struct bytes in, struct cbor_head *ret)
{
	static const enum cbor_kind kinds[] = {
		CBOR_UINT, CBOR_NINT, CBOR_BYTES, CBOR_TEXT, CBOR_ARRAY, CBOR_MAP};
	unsigned major = in.data[0] >> 5, argument = in.data[0] & ARGUMENT_MASK;
	size_t more = argument < ARGUMENT_DIRECT ? 0 : (size_t)1 << (argument - ARGUMENT_DIRECT);
	uint64_t value = argument;

	if (major >= ARRAY_LEN(kinds) || argument > ARGUMENT_LAST || in.len <= more)
		return false;
	for (size_t i = 0; i < more; i++)
		value = (i ? value << 8 : 0) | in.data[1 + i];
	*ret = (struct cbor_head){.kind = kinds[major], .value = value, .len = 1 + more};
	if (ret->kind == CBOR_BYTES || ret->kind == CBOR_TEXT) {
		if (value > in.len - ret->len)
			return false;
		ret->content = bytes_of(in.data + ret->len, (size_t)value);
	}
	ret->shortest = ret->len == shortest_len(ret);
	return true;
}

bool cbor_head_read(struct bytes in, size_t at, struct cbor_head *ret, const char **ret_why)
{
	struct cbor_decoder_result result;

	*ret = (struct cbor_head){0};
	*ret_why = NULL;
	if (at >= in.len) {
		*ret_why = "truncated";
		return false;
	}
	if (in.data[at] >= TAG_DIRECT_FIRST && in.data[at] <= TAG_DIRECT_LAST) {
		*ret = (struct cbor_head){CBOR_TAG, in.data[at] & 31, 1, {0}, true};
		return true;
	}
	if (common_read(bytes_of(in.data + at, in.len - at), ret))
		return true;
	*ret = (struct cbor_head){0};
	result = cbor_stream_decode(in.data + at, in.len - at, &callbacks, ret);
	if (result.status == CBOR_DECODER_NEDATA)
		*ret_why = "truncated";
	else if (result.status != CBOR_DECODER_FINISHED)
		*ret_why = "malformed head";
	else if (ret->kind == CBOR_ABSENT)
		*ret_why = "indefinite length";
	ret->len = result.read - ret->content.len;
	ret->shortest = ret->len == shortest_len(ret);
	return *ret_why == NULL;
}
