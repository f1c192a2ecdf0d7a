/* SPDX-License-Identifier: Apache-2.0 */
#include "base/cbor.h"

#include <cbor/encoding.h>

#include "base/cbor_head.h"
#include "base/text.h"

#define HEAD_MAX 9

struct cbor_writer cbor_writer_of(struct buf *out)
{
	return (struct cbor_writer){.out = out};
}

static bool stop(struct cbor_writer *w, const char *why)
{
	if (!w->why)
		w->why = why;
	return false;
}

static struct cbor_frame *frame_of(struct cbor_writer *w)
{
	return w->depth ? &w->frames[w->depth - 1] : NULL;
}

/* Before the bytes of an item. Returns false when nothing may be written any more. */
static bool begin(struct cbor_writer *w, bool may_be_key)
{
	const struct cbor_frame *frame = frame_of(w);

	if (w->why || w->out->failed)
		return false;
	if (!frame && w->wrote)
		return stop(w, "more than one item");
	if (frame && frame->map && frame->left % 2 == 0 && !may_be_key)
		return stop(w, "map key is no integer and no string");
	w->wrote = true;
	return true;
}

/* After them: keeps the keys ascending. start is where the item's bytes begin. */
static void end(struct cbor_writer *w, size_t start)
{
	struct cbor_frame *frame = frame_of(w);
	struct bytes key;

	if (w->out->failed || !frame)
		return;
	key = bytes_of(w->out->data + start, w->out->len - start);
	if (frame->map && frame->left % 2 == 0) {
		struct bytes last =
			bytes_of(w->out->data + frame->last_key_start, frame->last_key_len);

		if (last.len > 0 && bytes_compare(last, key) >= 0)
			stop(w, "map keys not ascending");
		frame->last_key_start = start;
		frame->last_key_len = key.len;
	}
	frame->left--;
}

static void leave(struct cbor_writer *w)
{
	while (w->depth > 0 && w->frames[w->depth - 1].left == 0)
		w->depth--;
}

/* An item that is a head, and content behind it. */
static void put(
	struct cbor_writer *w, const uint8_t *head, size_t n, struct bytes content, bool may_be_key)
{
	size_t start = w->out->len;

	if (!begin(w, may_be_key))
		return;
	buf_put(w->out, bytes_of(head, n));
	buf_put(w->out, content);
	end(w, start);
	leave(w);
}

/* A head with `left` items to come inside. */
static void put_container(
	struct cbor_writer *w, const uint8_t *head, size_t n, uint64_t left, bool map)
{
	size_t start = w->out->len;

	if (!begin(w, false))
		return;
	if (w->depth == CBOR_DEPTH_MAX) {
		stop(w, "nested too deep");
		return;
	}
	buf_put(w->out, bytes_of(head, n));
	end(w, start);
	w->frames[w->depth++] = (struct cbor_frame){.left = left, .map = map};
	leave(w);
}

void cbor_put_uint(struct cbor_writer *w, uint64_t value)
{
	uint8_t head[HEAD_MAX];

	put(w, head, cbor_encode_uint(value, head, sizeof(head)), (struct bytes){0}, true);
}

void cbor_put_int(struct cbor_writer *w, int64_t value)
{
	uint8_t head[HEAD_MAX];

	if (value >= 0) {
		cbor_put_uint(w, (uint64_t)value);
		return;
	}
	put(w, head, cbor_encode_negint((uint64_t)(-(value + 1)), head, sizeof(head)),
		(struct bytes){0}, true);
}

void cbor_put_bytes(struct cbor_writer *w, struct bytes value)
{
	uint8_t head[HEAD_MAX];

	put(w, head, cbor_encode_bytestring_start(value.len, head, sizeof(head)), value, true);
}

void cbor_put_text(struct cbor_writer *w, struct bytes value)
{
	uint8_t head[HEAD_MAX];

	if (!utf8_valid(value))
		stop(w, "invalid UTF-8");
	put(w, head, cbor_encode_string_start(value.len, head, sizeof(head)), value, true);
}

void cbor_put_str(struct cbor_writer *w, const char *value)
{
	cbor_put_text(w, bytes_str(value));
}

void cbor_put_bool(struct cbor_writer *w, bool value)
{
	uint8_t head[HEAD_MAX];

	put(w, head, cbor_encode_bool(value, head, sizeof(head)), (struct bytes){0}, false);
}

void cbor_put_null(struct cbor_writer *w)
{
	uint8_t head[HEAD_MAX];

	put(w, head, cbor_encode_null(head, sizeof(head)), (struct bytes){0}, false);
}

void cbor_put_array(struct cbor_writer *w, size_t count)
{
	uint8_t head[HEAD_MAX];

	put_container(w, head, cbor_encode_array_start(count, head, sizeof(head)), count, false);
}

void cbor_put_map(struct cbor_writer *w, size_t pairs)
{
	uint8_t head[HEAD_MAX];

	if (pairs > SIZE_MAX / 2)
		stop(w, "more pairs than there can be");
	put_container(w, head, cbor_encode_map_start(pairs, head, sizeof(head)),
		2 * (uint64_t)pairs, true);
}

void cbor_put_tag(struct cbor_writer *w, uint64_t tag)
{
	uint8_t head[HEAD_MAX];

	put_container(w, head, cbor_encode_tag(tag, head, sizeof(head)), 1, false);
}

void cbor_put_raw(struct cbor_writer *w, struct bytes item)
{
	struct cbor_fault fault;

	if (!w->why && !cbor_check(item, true, CBOR_DEPTH_MAX - w->depth, &fault))
		stop(w, fault.code == ERR_LIMIT ? fault.why : "raw item is not deterministic CBOR");
	/* Major types 0 to 3 may be keys. */
	put(w, item.data, item.len, (struct bytes){0}, item.len > 0 && item.data[0] >> 5 <= 3);
}

bool cbor_writer_finish(const struct cbor_writer *w, struct err *err)
{
	if (!buf_ok(w->out, err))
		return false;
	if (w->why)
		return err_set(err, ERR_INTERNAL, "CBOR writer: %s", w->why);
	if (!w->wrote || w->depth > 0)
		return err_set(err, ERR_INTERNAL, "CBOR writer: items are missing");
	return true;
}
