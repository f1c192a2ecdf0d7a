/* SPDX-License-Identifier: Apache-2.0 */
#include "base/cbor.h"

#include <stdio.h>

#include "base/cbor_head.h"

static bool usable(struct cbor_item item)
{
	return item.doc && !item.doc->field;
}

static size_t offset_of(struct cbor_item item)
{
	return item.raw.data ? (size_t)(item.raw.data - item.doc->in.data) : 0;
}

void cbor_fail(struct cbor_item item, const char *field, const char *why)
{
	if (!usable(item))
		return;
	item.doc->field = field ? field : "item";
	item.doc->why = why;
	item.doc->at = offset_of(item);
}

/* Stands for what is not there; it remembers the place where it was missed. */
static struct cbor_item absent(struct cbor_item around)
{
	return (struct cbor_item){
		.doc = around.doc, .raw = {around.raw.data, 0}, .depth = around.depth};
}

/* Reads a head of the checked input. */
static struct cbor_head head_at(struct cbor_doc *doc, size_t at)
{
	struct cbor_head head;
	const char *why;

	if (!cbor_head_read(doc->in, at, &head, &why) && !doc->field) {
		/* Only when somebody changed the bytes after the check. */
		doc->field = "input";
		doc->why = "changed while it was read";
		doc->at = at;
	}
	return head;
}

static size_t head_end(size_t at, const struct cbor_head *head)
{
	return at + head->len + head->content.len;
}

/* The offset behind the item at `at`. */
static size_t skip(struct cbor_doc *doc, size_t at)
{
	for (uint64_t left = 1; left > 0 && !doc->field; left--) {
		struct cbor_head head = head_at(doc, at);

		if (head.kind == CBOR_ARRAY)
			left += head.value;
		else if (head.kind == CBOR_MAP)
			left += 2 * head.value;
		else if (head.kind == CBOR_TAG)
			left++;
		at = head_end(at, &head);
	}
	return at;
}

static struct cbor_item item_at(struct cbor_doc *doc, size_t at, size_t depth)
{
	struct cbor_head head = head_at(doc, at);
	size_t end = skip(doc, at);

	if (doc->field)
		return (struct cbor_item){.doc = doc};
	return (struct cbor_item){doc, head.kind, head.value, head.content,
		bytes_of(doc->in.data + at, end - at), depth};
}

bool cbor_open(struct bytes in, bool deterministic, const char *what, struct cbor_doc *doc,
	struct cbor_item *ret_root, struct err *err)
{
	struct cbor_fault fault;

	*doc = (struct cbor_doc){.in = in, .what = what};
	if (!cbor_check(in, deterministic, CBOR_DEPTH_MAX, &fault)) {
		doc->field = "CBOR";
		doc->why = fault.why;
		doc->at = fault.at;
		return err_set(err, fault.code, "%s: %s at offset %zu", what, fault.why, fault.at);
	}
	*ret_root = item_at(doc, 0, 0);
	return true;
}

bool cbor_close(const struct cbor_doc *doc, struct err *err)
{
	return !doc->field || err_set(err, ERR_FORMAT, "%s: %s: %s at offset %zu", doc->what,
				      doc->field, doc->detail[0] ? doc->detail : doc->why, doc->at);
}

/* True when the item is of the kind; otherwise the document has failed. */
static bool is_kind(struct cbor_item item, enum cbor_kind kind, const char *field, const char *why)
{
	if (!usable(item))
		return false;
	if (item.kind == kind)
		return true;
	cbor_fail(item, field, item.kind == CBOR_ABSENT ? "missing" : why);
	return false;
}

static size_t content_offset(struct cbor_item container)
{
	size_t at = offset_of(container);

	return at + head_at(container.doc, at).len;
}

/* Walks the pairs of a map. */
struct pairs {
	struct cbor_doc *doc;
	uint64_t left;
	size_t at; /* the next key */
	struct cbor_head key;
	size_t key_at, value_at;
};

static struct pairs pairs_of(struct cbor_item map)
{
	return (struct pairs){.doc = map.doc, .left = map.value, .at = content_offset(map)};
}

static bool pairs_next(struct pairs *pairs)
{
	/* Skipped only now: a lookup that ends at this pair never looks at its value's end. */
	if (pairs->value_at)
		pairs->at = skip(pairs->doc, pairs->value_at);
	if (pairs->left == 0 || pairs->doc->field)
		return false;
	pairs->left--;
	pairs->key = head_at(pairs->doc, pairs->at);
	pairs->key_at = pairs->at;
	pairs->value_at = head_end(pairs->at, &pairs->key);
	return true;
}

/* Most messages are read in the order of their keys: the search begins behind what was found last, goes round once, and
 * finds the same wherever it begins, for keys are unique. */
static struct pairs pairs_resumed(struct cbor_item map)
{
	const struct cbor_cursor *last = &map.doc->found[map.depth];
	struct pairs pairs = pairs_of(map);

	/* A value is never at offset 0: a cursor there was never set. */
	if (last->at > 0 && last->container == offset_of(map) && last->index < map.value) {
		pairs.left -= last->index;
		pairs.at = last->at;
	}
	return pairs;
}

static bool pairs_next_round(struct pairs *pairs, struct cbor_item map)
{
	if (pairs_next(pairs))
		return true;
	*pairs = pairs_of(map);
	return pairs_next(pairs);
}

static struct cbor_item pairs_found(const struct pairs *pairs, struct cbor_item map)
{
	struct cbor_item item = item_at(map.doc, pairs->value_at, map.depth + 1);

	map.doc->found[map.depth] = (struct cbor_cursor){
		offset_of(map), (size_t)(map.value - pairs->left), pairs->value_at + item.raw.len};
	return item;
}

static bool key_is_int(const struct cbor_head *key, int64_t wanted)
{
	if (wanted >= 0)
		return key->kind == CBOR_UINT && key->value == (uint64_t)wanted;
	return key->kind == CBOR_NINT && key->value == (uint64_t)(-(wanted + 1));
}

static struct cbor_item find_int(struct cbor_item map, int64_t key)
{
	struct pairs pairs = pairs_resumed(map);

	for (uint64_t i = 0; i < map.value && pairs_next_round(&pairs, map); i++)
		if (key_is_int(&pairs.key, key))
			return pairs_found(&pairs, map);
	return absent(map);
}

static struct cbor_item find_text(struct cbor_item map, const char *key)
{
	struct pairs pairs = pairs_resumed(map);

	for (uint64_t i = 0; i < map.value && pairs_next_round(&pairs, map); i++)
		if (pairs.key.kind == CBOR_TEXT && bytes_equal_str(pairs.key.content, key))
			return pairs_found(&pairs, map);
	return absent(map);
}

struct cbor_item cbor_key(struct cbor_item map, int64_t key, const char *field)
{
	struct cbor_item found = absent(map);

	if (!is_kind(map, CBOR_MAP, field, "expected inside a map"))
		return found;
	found = find_int(map, key);
	if (found.kind == CBOR_ABSENT)
		cbor_fail(found, field, "missing");
	return found;
}

struct cbor_item cbor_key_optional(struct cbor_item map, int64_t key)
{
	return is_kind(map, CBOR_MAP, NULL, "expected a map") ? find_int(map, key) : absent(map);
}

struct cbor_item cbor_key_text(struct cbor_item map, const char *key, const char *field)
{
	struct cbor_item found = absent(map);

	if (!is_kind(map, CBOR_MAP, field, "expected inside a map"))
		return found;
	found = find_text(map, key);
	if (found.kind == CBOR_ABSENT)
		cbor_fail(found, field, "missing");
	return found;
}

struct cbor_item cbor_key_text_optional(struct cbor_item map, const char *key)
{
	return is_kind(map, CBOR_MAP, NULL, "expected a map") ? find_text(map, key) : absent(map);
}

static bool is_listed(const struct cbor_head *key, const int64_t *keys, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (key_is_int(key, keys[i]))
			return true;
	return false;
}

void cbor_only_keys(struct cbor_item map, const int64_t *keys, size_t n, const char *field)
{
	struct pairs pairs;

	if (!is_kind(map, CBOR_MAP, field, "expected a map"))
		return;
	pairs = pairs_of(map);
	while (pairs_next(&pairs)) {
		if (is_listed(&pairs.key, keys, n))
			continue;
		cbor_fail(item_at(map.doc, pairs.key_at, map.depth + 1), field, "unknown key");
		return;
	}
}

/* The index-th of all items in a container, keys counted; index is in range. */
static struct cbor_item child_at(struct cbor_item container, size_t index)
{
	struct cbor_doc *doc = container.doc;
	struct cbor_cursor *cursor = &doc->cursors[container.depth];
	struct cbor_cursor from = {offset_of(container), 0, 0};
	struct cbor_item item;

	/* Content is never at offset 0: a cursor there was never set. */
	if (cursor->at > 0 && cursor->container == from.container && cursor->index <= index)
		from = *cursor;
	else
		from.at = content_offset(container);
	for (; from.index < index && !doc->field; from.index++)
		from.at = skip(doc, from.at);
	item = item_at(doc, from.at, container.depth + 1);
	*cursor = (struct cbor_cursor){from.container, index + 1, from.at + item.raw.len};
	return item;
}

static struct cbor_item entry_at(struct cbor_item item, enum cbor_kind kind, size_t i, size_t index,
	const char *field, const char *why)
{
	if (!is_kind(item, kind, field, why))
		return absent(item);
	if (i >= item.value) {
		cbor_fail(item, field, "missing");
		return absent(item);
	}
	return child_at(item, index);
}

struct cbor_item cbor_map_key_at(struct cbor_item map, size_t i, const char *field)
{
	return entry_at(map, CBOR_MAP, i, 2 * i, field, "expected a map");
}

struct cbor_item cbor_map_value_at(struct cbor_item map, size_t i, const char *field)
{
	return entry_at(map, CBOR_MAP, i, 2 * i + 1, field, "expected a map");
}

struct cbor_item cbor_at(struct cbor_item array, size_t i, const char *field)
{
	return entry_at(array, CBOR_ARRAY, i, i, field, "expected an array");
}

static size_t count_of(
	struct cbor_item item, enum cbor_kind kind, size_t max, const char *field, const char *why)
{
	if (!is_kind(item, kind, field, why))
		return 0;
	if (item.value > max) {
		cbor_fail(item, field, "too many items");
		return 0;
	}
	return (size_t)item.value;
}

size_t cbor_array(struct cbor_item item, size_t max, const char *field)
{
	return count_of(item, CBOR_ARRAY, max, field, "expected an array");
}

size_t cbor_map(struct cbor_item item, size_t max, const char *field)
{
	return count_of(item, CBOR_MAP, max, field, "expected a map");
}

uint64_t cbor_uint(struct cbor_item item, uint64_t max, const char *field)
{
	if (!is_kind(item, CBOR_UINT, field, "expected an unsigned integer"))
		return 0;
	if (item.value > max) {
		cbor_fail(item, field, "out of range");
		return 0;
	}
	return item.value;
}

int64_t cbor_int(struct cbor_item item, const char *field)
{
	if (!usable(item))
		return 0;
	if (item.kind != CBOR_NINT && !is_kind(item, CBOR_UINT, field, "expected an integer"))
		return 0;
	if (item.value > INT64_MAX) {
		cbor_fail(item, field, "out of range");
		return 0;
	}
	return item.kind == CBOR_UINT ? (int64_t)item.value : -1 - (int64_t)item.value;
}

bool cbor_bool(struct cbor_item item, const char *field)
{
	return is_kind(item, CBOR_BOOL, field, "expected true or false") && item.value != 0;
}

static struct bytes string_of(struct cbor_item item, enum cbor_kind kind, size_t min, size_t max,
	const char *field, const char *why)
{
	if (!is_kind(item, kind, field, why))
		return (struct bytes){0};
	if (item.bytes.len >= min && item.bytes.len <= max)
		return item.bytes;
	if (min == max)
		snprintf(item.doc->detail, sizeof(item.doc->detail), "expected %zu bytes", min);
	else
		snprintf(item.doc->detail, sizeof(item.doc->detail), "expected %zu to %zu bytes",
			min, max);
	cbor_fail(item, field, "wrong length");
	return (struct bytes){0};
}

struct bytes cbor_bytes(struct cbor_item item, size_t min, size_t max, const char *field)
{
	return string_of(item, CBOR_BYTES, min, max, field, "expected a byte string");
}

struct bytes cbor_text(struct cbor_item item, size_t min, size_t max, const char *field)
{
	return string_of(item, CBOR_TEXT, min, max, field, "expected a text string");
}

void cbor_copy(struct cbor_item item, uint8_t *out, size_t n, const char *field)
{
	struct bytes value = cbor_bytes(item, n, n, field);

	if (value.len == n && n > 0)
		memcpy(out, value.data, n);
	else
		memset(out, 0, n);
}

struct cbor_item cbor_untag(struct cbor_item item, uint64_t tag, const char *field)
{
	if (!is_kind(item, CBOR_TAG, field, "expected a tag"))
		return absent(item);
	if (item.value != tag) {
		cbor_fail(item, field, "wrong tag");
		return absent(item);
	}
	return item_at(item.doc, content_offset(item), item.depth + 1);
}
