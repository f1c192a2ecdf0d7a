/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Merkle tree of RFC 9162, section 2.1. The right edge holds one root per bit set in the size,
 * so appending is a carry: as many joins as the size has trailing ones.
 */
#include "ledger/ledger.h"

#include "base/cbor.h"

enum { KEY_SIZE = 1, KEY_NODES = 2 };
static const int64_t KEYS[] = {KEY_SIZE, KEY_NODES};

static bool edge_ok(const struct tree_edge *edge, struct err *err)
{
	return edge->count == (size_t)__builtin_popcountll(edge->size) ||
	       err_set(err, ERR_FORMAT, "tree: %zu edge nodes do not fit its size", edge->count);
}

bool tree_append_tiles(struct tree_edge *edge, const uint8_t leaf[SHA256_LEN],
	struct tree_completed *ret, struct err *err)
{
	uint8_t node[SHA256_LEN];
	size_t count = edge->count;
	unsigned height = 0;

	if (!edge_ok(edge, err))
		return false;
	if (edge->size == UINT64_MAX)
		return err_set(err, ERR_LIMIT, "tree: full");
	ret->count = 0;
	memcpy(node, leaf, SHA256_LEN);
	for (uint64_t bits = edge->size; bits & 1; bits >>= 1) {
		if (!tree_node_hash(edge->nodes[--count], node, node, err))
			return false;
		if (++height % 8 == 0)
			memcpy(ret->roots[ret->count++], node, SHA256_LEN);
	}
	memcpy(edge->nodes[count], node, SHA256_LEN);
	edge->count = count + 1;
	edge->size++;
	return true;
}

bool tree_append(struct tree_edge *edge, const uint8_t leaf[SHA256_LEN], struct err *err)
{
	struct tree_completed completed;

	return tree_append_tiles(edge, leaf, &completed, err);
}

bool tree_root(const struct tree_edge *edge, uint8_t out[SHA256_LEN], struct err *err)
{
	uint8_t node[SHA256_LEN];

	if (!edge_ok(edge, err))
		return false;
	if (edge->count == 0)
		return sha256_of((struct bytes){0}, out, err);
	memcpy(node, edge->nodes[edge->count - 1], SHA256_LEN);
	for (size_t i = edge->count - 1; i > 0; i--)
		if (!tree_node_hash(edge->nodes[i - 1], node, node, err))
			return false;
	memcpy(out, node, SHA256_LEN);
	return true;
}

bool tree_edge_encode(const struct tree_edge *edge, struct buf *out, struct err *err)
{
	struct cbor_writer w = cbor_writer_of(out);

	if (!edge_ok(edge, err))
		return false;
	cbor_put_map(&w, ARRAY_LEN(KEYS));
	cbor_pair_uint(&w, KEY_SIZE, edge->size);
	cbor_pair_bytes(&w, KEY_NODES, bytes_of(edge->nodes, edge->count * SHA256_LEN));
	return cbor_writer_finish(&w, err) || err_wrap(err, "tree");
}

bool tree_edge_decode(struct bytes in, struct tree_edge *ret, struct err *err)
{
	struct tree_edge edge = {0};
	struct cbor_doc doc;
	struct cbor_item root, item;
	struct bytes nodes;

	if (!cbor_open(in, true, "tree", &doc, &root, err))
		return false;
	cbor_only_keys(root, KEYS, ARRAY_LEN(KEYS), "tree");
	edge.size = cbor_uint(cbor_key(root, KEY_SIZE, "size"), UINT64_MAX, "size");
	edge.count = (size_t)__builtin_popcountll(edge.size);
	item = cbor_key(root, KEY_NODES, "nodes");
	nodes = cbor_bytes(item, edge.count * SHA256_LEN, edge.count * SHA256_LEN, "nodes");
	if (!cbor_close(&doc, err))
		return false;
	if (nodes.len > 0)
		memcpy(edge.nodes, nodes.data, nodes.len);
	*ret = edge;
	return true;
}
