/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deterministic CBOR (RFC 8949 section 4.2.1), the one strict layer over libcbor.
 *
 * Reading: cbor_open checks the whole input once (well-formed, shortest heads, definite lengths,
 * map keys ascending in bytewise order of their encoding and unique, valid UTF-8, no floats, no
 * undefined, depth and item limits, no trailing bytes). Map keys are integers or strings, nothing
 * else. After that, items are looked up without copying. A tag is read only by cbor_untag with its
 * number; anywhere else it is an item of the wrong kind. Type and range faults are sticky in the
 * document: read a whole message, then ask cbor_close once.
 *
 * Cost: opening is linear in the input. Reading array items or map entries by rising index is
 * linear in all, nested arrays included; so is looking up keys in their order. A lookup out of order
 * walks its map.
 *
 * Writing: appends to a struct buf, shortest heads; keys must be put in order and the count given
 * must be met, else the writer fails sticky (a programming error, seen by every test).
 */
#ifndef ASSAY_BASE_CBOR_H
#define ASSAY_BASE_CBOR_H

#include "base/bytes.h"

#define CBOR_DEPTH_MAX 16
#define CBOR_ITEMS_MAX 65536

enum cbor_kind {
	CBOR_ABSENT = 0,
	CBOR_UINT,
	CBOR_NINT,
	CBOR_BYTES,
	CBOR_TEXT,
	CBOR_ARRAY,
	CBOR_MAP,
	CBOR_TAG,
	CBOR_BOOL,
	CBOR_NULL,
	CBOR_OTHER
};

struct cbor_doc {
	struct bytes in;
	const char *what; /* name of the message, for errors */
	const char *field; /* first fault; NULL while all is well */
	const char *why;
	size_t at;
	char detail[64]; /* the fault with its numbers, where why alone does not tell them */
	/* Where the last item read by index ended, one for each depth. */
	struct cbor_cursor {
		size_t container, index, at;
	} cursors[CBOR_DEPTH_MAX + 1];
	/* Where the pair ended that was last found by its key, likewise; index: of the pair behind it. */
	struct cbor_cursor found[CBOR_DEPTH_MAX + 1];
};

/* A view of one item inside an open document. Kind CBOR_ABSENT = not there (or the document has
 * failed). Kind CBOR_OTHER = float, undefined: only in documents opened as not deterministic, and
 * never readable. */
struct cbor_item {
	struct cbor_doc *doc;
	enum cbor_kind kind;
	uint64_t value; /* uint; nint as -1-value; bool; tag number; count of array items or map
			   pairs */
	struct bytes bytes; /* content of a byte or text string */
	struct bytes raw; /* the item's whole encoding */
	size_t depth; /* containers and tags around it */
};

/* Opens one item that fills `in` exactly. deterministic = false accepts any well-formed CBOR of
 * definite length (foreign COSE) in any order of keys; duplicate keys, depth, item count, invalid
 * UTF-8, unassigned simple values and trailing bytes are refused either way. `in` must stay as it
 * is while the document is read. The document must not move: items point to it. */
must_use bool cbor_open(struct bytes in, bool deterministic, const char *what, struct cbor_doc *doc,
	struct cbor_item *ret_root, struct err *err);
/* True when no lookup failed; otherwise ERR_FORMAT "evidence: host_id: expected 32 bytes at offset
 * 17". */
must_use bool cbor_close(const struct cbor_doc *doc, struct err *err);
/* Marks the document as wrong at an item; why is static text. */
void cbor_fail(struct cbor_item item, const char *field, const char *why);

/* Lookups. `field` names the thing in messages. Required ones fail the document when absent or of
 * another kind. */
struct cbor_item cbor_key(struct cbor_item map, int64_t key, const char *field); /* required */
struct cbor_item cbor_key_optional(struct cbor_item map, int64_t key); /* absent is fine */
struct cbor_item cbor_key_text(
	struct cbor_item map, const char *key, const char *field); /* required, text key */
struct cbor_item cbor_key_text_optional(struct cbor_item map, const char *key); /* absent is fine */
/* Fails the document if the map holds an integer key outside `keys`, or a non-integer key. */
void cbor_only_keys(struct cbor_item map, const int64_t *keys, size_t n, const char *field);
struct cbor_item cbor_map_key_at(struct cbor_item map, size_t i, const char *field);
struct cbor_item cbor_map_value_at(struct cbor_item map, size_t i, const char *field);
struct cbor_item cbor_at(struct cbor_item array, size_t i, const char *field);
/* Number of items; fails the document if it is no array (map) or has more than max. */
size_t cbor_array(struct cbor_item item, size_t max, const char *field);
size_t cbor_map(struct cbor_item item, size_t max, const char *field);
uint64_t cbor_uint(struct cbor_item item, uint64_t max, const char *field);
int64_t cbor_int(struct cbor_item item, const char *field);
bool cbor_bool(struct cbor_item item, const char *field);
/* Byte string of min..max bytes. */
struct bytes cbor_bytes(struct cbor_item item, size_t min, size_t max, const char *field);
/* Text of min..max bytes. */
struct bytes cbor_text(struct cbor_item item, size_t min, size_t max, const char *field);
/* Copies exactly n bytes. */
void cbor_copy(struct cbor_item item, uint8_t *out, size_t n, const char *field);
/* The item inside a tag; the tag number must match. */
struct cbor_item cbor_untag(struct cbor_item item, uint64_t tag, const char *field);

struct cbor_writer {
	struct buf *out;
	size_t depth;
	struct cbor_frame {
		uint64_t left; /* items to come; of a map two for each pair */
		bool map;
		size_t last_key_start, last_key_len;
	} frames[CBOR_DEPTH_MAX];
	const char *why; /* sticky */
	bool wrote; /* the one item at the top has been begun */
};

/* Writes one item: a second one at the top is a fault. */
struct cbor_writer cbor_writer_of(struct buf *out);
void cbor_put_uint(struct cbor_writer *w, uint64_t value);
void cbor_put_int(struct cbor_writer *w, int64_t value);
void cbor_put_bytes(struct cbor_writer *w, struct bytes value);
void cbor_put_text(struct cbor_writer *w, struct bytes value); /* must be valid UTF-8 */
void cbor_put_str(struct cbor_writer *w, const char *value);
void cbor_put_bool(struct cbor_writer *w, bool value);
void cbor_put_null(struct cbor_writer *w);
void cbor_put_array(struct cbor_writer *w, size_t count);
void cbor_put_map(struct cbor_writer *w, size_t pairs);
void cbor_put_tag(struct cbor_writer *w, uint64_t tag);
/* An already encoded deterministic item, checked, then put as is. */
void cbor_put_raw(struct cbor_writer *w, struct bytes item);

/* One entry of a map whose key is a whole number. */
static inline void cbor_pair_uint(struct cbor_writer *w, int64_t key, uint64_t value)
{
	cbor_put_int(w, key);
	cbor_put_uint(w, value);
}
static inline void cbor_pair_bytes(struct cbor_writer *w, int64_t key, struct bytes value)
{
	cbor_put_int(w, key);
	cbor_put_bytes(w, value);
}
static inline void cbor_pair_text(struct cbor_writer *w, int64_t key, struct bytes value)
{
	cbor_put_int(w, key);
	cbor_put_text(w, value);
}
static inline void cbor_pair_bool(struct cbor_writer *w, int64_t key, bool value)
{
	cbor_put_int(w, key);
	cbor_put_bool(w, value);
}

/* True when every count was met, keys ascended and no memory was short. */
must_use bool cbor_writer_finish(const struct cbor_writer *w, struct err *err);

#endif
