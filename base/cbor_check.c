/* SPDX-License-Identifier: Apache-2.0 */
/* The one pass over the whole input: no recursion, and each byte is looked at a bounded number of
 * times. */
#include "base/cbor_head.h"

#include <stdlib.h>

#include "base/text.h"

struct key {
	enum cbor_kind kind;
	uint64_t value;
	struct bytes content;
	size_t at;
};

struct frame {
	uint64_t left; /* items to come; of a map two for each pair, so that an even number
			  announces a key */
	bool map;
	struct bytes last_key;
	size_t first_key; /* where this map's keys begin in check.keys */
};

struct check {
	struct bytes in;
	bool deterministic;
	size_t depth_max;
	size_t at;
	size_t items;
	size_t depth;
	struct frame frames[CBOR_DEPTH_MAX];
	/* Keys of the open maps, outermost first: only where keys may come in any order. */
	struct key *keys;
	size_t n_keys, cap_keys;
	struct cbor_fault fault;
};

static bool refuse(struct check *c, enum err_code code, size_t at, const char *why)
{
	c->fault = (struct cbor_fault){code, why, at};
	return false;
}

static bool keep_key(struct check *c, const struct cbor_head *head)
{
	if (c->n_keys == c->cap_keys) {
		size_t cap = c->cap_keys ? 2 * c->cap_keys : 64;
		struct key *keys = reallocarray(c->keys, cap, sizeof(*keys));

		if (!keys)
			return refuse(c, ERR_NOMEM, c->at, "out of memory");
		c->keys = keys;
		c->cap_keys = cap;
	}
	c->keys[c->n_keys++] = (struct key){head->kind, head->value, head->content, c->at};
	return true;
}

static int key_order(const void *left, const void *right)
{
	const struct key *a = left;
	const struct key *b = right;

	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	if (a->value != b->value)
		return a->value < b->value ? -1 : 1;
	return bytes_compare(a->content, b->content);
}

/* Keys by value, whatever the length of their heads. */
static bool check_unique(struct check *c, size_t first)
{
	size_t n = c->n_keys - first;

	if (n > 1)
		qsort(c->keys + first, n, sizeof(*c->keys), key_order);
	for (size_t i = first + 1; i < c->n_keys; i++) {
		const struct key *a = &c->keys[i - 1];
		const struct key *b = &c->keys[i];

		if (key_order(a, b) == 0)
			return refuse(
				c, ERR_FORMAT, a->at > b->at ? a->at : b->at, "duplicate map key");
	}
	c->n_keys = first;
	return true;
}

static bool check_key(struct check *c, struct frame *map, const struct cbor_head *head)
{
	struct bytes raw = bytes_of(c->in.data + c->at, head->len + head->content.len);
	int order;

	if (head->kind != CBOR_UINT && head->kind != CBOR_NINT && head->kind != CBOR_BYTES &&
		head->kind != CBOR_TEXT)
		return refuse(c, ERR_FORMAT, c->at, "map key is no integer and no string");
	if (!c->deterministic)
		return keep_key(c, head);
	order = map->last_key.len ? bytes_compare(map->last_key, raw) : -1;
	map->last_key = raw;
	if (order < 0)
		return true;
	return refuse(
		c, ERR_FORMAT, c->at, order == 0 ? "duplicate map key" : "map keys out of order");
}

static bool check_head(struct check *c, const struct cbor_head *head)
{
	if (c->deterministic && head->kind == CBOR_OTHER)
		return refuse(c, ERR_FORMAT, c->at, "floating point or undefined");
	if (c->deterministic && !head->shortest)
		return refuse(c, ERR_FORMAT, c->at, "not in shortest form");
	if (head->kind == CBOR_TEXT && !utf8_valid(head->content))
		return refuse(c, ERR_FORMAT, c->at, "invalid UTF-8");
	return true;
}

/* Opens a frame for the items inside, if the head announces any. An item takes a byte at least. */
static bool enter(struct check *c, const struct cbor_head *head, size_t start)
{
	uint64_t per_entry = head->kind == CBOR_MAP ? 2 : 1;
	uint64_t entries = head->kind == CBOR_TAG ? 1 : head->value;

	if (head->kind != CBOR_ARRAY && head->kind != CBOR_MAP && head->kind != CBOR_TAG)
		return true;
	if (c->depth >= c->depth_max)
		return refuse(c, ERR_LIMIT, start, "nested too deep");
	if (entries > (c->in.len - c->at) / per_entry)
		return refuse(c, ERR_FORMAT, start, "truncated");
	if (entries > 0)
		c->frames[c->depth++] = (struct frame){.left = entries * per_entry,
			.map = head->kind == CBOR_MAP,
			.first_key = c->n_keys};
	return true;
}

static bool leave(struct check *c)
{
	while (c->depth > 0 && c->frames[c->depth - 1].left == 0) {
		const struct frame *frame = &c->frames[--c->depth];

		if (frame->map && !c->deterministic && !check_unique(c, frame->first_key))
			return false;
	}
	return true;
}

static bool check_item(struct check *c)
{
	struct frame *around = c->depth ? &c->frames[c->depth - 1] : NULL;
	struct cbor_head head;
	const char *why;
	size_t start = c->at;

	if (++c->items > CBOR_ITEMS_MAX)
		return refuse(c, ERR_LIMIT, start, "too many items");
	if (!cbor_head_read(c->in, start, &head, &why))
		return refuse(c, ERR_FORMAT, start, why);
	if (!check_head(c, &head))
		return false;
	if (around && around->map && around->left % 2 == 0 && !check_key(c, around, &head))
		return false;
	if (around)
		around->left--;
	c->at += head.len + head.content.len;
	return enter(c, &head, start) && leave(c);
}

bool cbor_check(struct bytes in, bool deterministic, size_t depth_max, struct cbor_fault *ret_fault)
{
	struct check c = {.in = in, .deterministic = deterministic, .depth_max = depth_max};
	bool ok;

	do
		ok = check_item(&c);
	while (ok && c.depth > 0);
	if (ok && c.at < in.len)
		ok = refuse(&c, ERR_FORMAT, c.at, "trailing bytes");
	free(c.keys);
	*ret_fault = c.fault;
	return ok;
}
