/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/audit.h"

#include "base/cbor.h"
#include "evidence/checkpoint_quote.h"
#include "ledger/receipt.h"

enum {
	KEY_RECORD = 1,
	KEY_OBJECTS = 2,
	KEY_LEAF = 3,
	KEY_SALT = 4,
	KEY_INDEX = 5,
	KEY_TREE_SIZE = 6,
	KEY_TREE_ROOT = 7,
	KEY_PROOF = 8,
	KEY_CERTS = 9,
	KEY_CHECKPOINT = 10,
	KEY_CHAIN = 11,
	KEY_RECEIPT = 12,
	KEY_RECEIPT_KEY = 13,
	KEY_QUOTE = 14,
	KEY_WITHHELD = 15,
};
static const int64_t KEYS[] = {KEY_RECORD, KEY_OBJECTS, KEY_LEAF, KEY_SALT, KEY_INDEX,
	KEY_TREE_SIZE, KEY_TREE_ROOT, KEY_PROOF, KEY_CERTS, KEY_CHECKPOINT, KEY_CHAIN, KEY_RECEIPT,
	KEY_RECEIPT_KEY, KEY_QUOTE, KEY_WITHHELD};

static void put_list(struct cbor_writer *w, int64_t key, const struct bytes *list, size_t n)
{
	cbor_put_int(w, key);
	cbor_put_array(w, n);
	for (size_t i = 0; i < n; i++)
		cbor_put_bytes(w, list[i]);
}

/* Digests that ascend, and no chain: its records have inputs of the same kinds. */
static bool withheld_ok(const struct audit_bundle *b, struct err *err)
{
	const uint8_t *at = b->withheld.data;

	if (b->withheld.len % SHA256_LEN != 0 ||
		b->withheld.len > (size_t)AUDIT_OBJECTS_MAX * SHA256_LEN)
		return err_set(err, ERR_FORMAT, "audit bundle: withheld: not whole digests");
	for (size_t i = SHA256_LEN; i < b->withheld.len; i += SHA256_LEN)
		if (memcmp(at + i - SHA256_LEN, at + i, SHA256_LEN) >= 0)
			return err_set(
				err, ERR_FORMAT, "audit bundle: withheld: not in ascending order");
	return b->withheld.len == 0 || b->chain.len == 0 ||
	       err_set(err, ERR_FORMAT,
		       "audit bundle: withheld: a file that withholds brings no chain");
}

bool audit_bundle_encode(const struct audit_bundle *b, struct buf *out, struct err *err)
{
	struct cbor_writer w = cbor_writer_of(out);

	if (b->object_count > AUDIT_OBJECTS_MAX || b->cert_count > CREDENTIAL_CERTS_MAX)
		return err_set(err, ERR_LIMIT, "audit bundle: too many objects or certificates");
	if (!withheld_ok(b, err))
		return false;
	cbor_put_map(&w, ARRAY_LEN(KEYS) - (b->checkpoint.len == 0) - (b->chain.len == 0) -
				 (b->receipt.len == 0) - (b->receipt_key.len == 0) -
				 (b->quote.len == 0) - (b->withheld.len == 0));
	cbor_pair_bytes(&w, KEY_RECORD, b->record);
	put_list(&w, KEY_OBJECTS, b->objects, b->object_count);
	cbor_pair_bytes(&w, KEY_LEAF, b->leaf);
	cbor_pair_bytes(&w, KEY_SALT, BYTES_OF(b->salt));
	cbor_pair_uint(&w, KEY_INDEX, b->index);
	cbor_pair_uint(&w, KEY_TREE_SIZE, b->tree_size);
	cbor_pair_bytes(&w, KEY_TREE_ROOT, BYTES_OF(b->tree_root));
	cbor_pair_bytes(&w, KEY_PROOF, b->proof);
	put_list(&w, KEY_CERTS, b->certs, b->cert_count);
	if (b->checkpoint.len > 0)
		cbor_pair_bytes(&w, KEY_CHECKPOINT, b->checkpoint);
	if (b->chain.len > 0)
		cbor_pair_bytes(&w, KEY_CHAIN, b->chain);
	if (b->receipt.len > 0)
		cbor_pair_bytes(&w, KEY_RECEIPT, b->receipt);
	if (b->receipt_key.len > 0)
		cbor_pair_bytes(&w, KEY_RECEIPT_KEY, b->receipt_key);
	if (b->quote.len > 0)
		put_list(&w, KEY_QUOTE, (const struct bytes[]){b->quote, b->quote_proof}, 2);
	if (b->withheld.len > 0)
		cbor_pair_bytes(&w, KEY_WITHHELD, b->withheld);
	if (!cbor_writer_finish(&w, err))
		return err_wrap(err, "audit bundle");
	return out->len <= AUDIT_BUNDLE_MAX ||
	       err_set(err, ERR_LIMIT, "audit bundle: %zu bytes: more than %u", out->len,
		       AUDIT_BUNDLE_MAX);
}

static size_t read_list(
	struct cbor_item array, struct bytes *list, size_t max, size_t len_max, const char *field)
{
	size_t n = cbor_array(array, max, field);

	for (size_t i = 0; i < n; i++)
		list[i] = cbor_bytes(cbor_at(array, i, field), 0, len_max, field);
	return n;
}

static void read_quote(struct cbor_item item, struct audit_bundle *ret)
{
	if (item.kind == CBOR_ABSENT)
		return;
	if (cbor_array(item, 2, "quote") != 2)
		cbor_fail(item, "quote", "not two parts");
	ret->quote = cbor_bytes(cbor_at(item, 0, "quote"), 1, CHECKPOINT_QUOTE_MAX, "quote");
	ret->quote_proof = cbor_bytes(
		cbor_at(item, 1, "quote proof"), 0, LEDGER_EDGE_MAX * SHA256_LEN, "quote proof");
}

bool audit_bundle_decode(struct bytes in, struct audit_bundle *ret, struct err *err)
{
	struct audit_bundle b = {0};
	struct cbor_doc doc;
	struct cbor_item root, checkpoint, chain, receipt, receipt_key, withheld;

	if (in.len > AUDIT_BUNDLE_MAX)
		return err_set(err, ERR_LIMIT, "audit bundle: %zu bytes: more than %u", in.len,
			AUDIT_BUNDLE_MAX);
	if (!cbor_open(in, true, "audit bundle", &doc, &root, err))
		return false;
	cbor_only_keys(root, KEYS, ARRAY_LEN(KEYS), "audit bundle");
	b.record = cbor_bytes(cbor_key(root, KEY_RECORD, "record"), 1, AUDIT_RECORD_MAX, "record");
	b.object_count = read_list(cbor_key(root, KEY_OBJECTS, "objects"), b.objects,
		AUDIT_OBJECTS_MAX, AUDIT_BUNDLE_MAX, "object");
	b.leaf = cbor_bytes(cbor_key(root, KEY_LEAF, "leaf"), 1, LEDGER_LEAF_MAX, "leaf");
	cbor_copy(cbor_key(root, KEY_SALT, "salt"), b.salt, LEDGER_SALT_LEN, "salt");
	b.index = cbor_uint(cbor_key(root, KEY_INDEX, "index"), UINT64_MAX, "index");
	b.tree_size =
		cbor_uint(cbor_key(root, KEY_TREE_SIZE, "tree size"), UINT64_MAX, "tree size");
	cbor_copy(cbor_key(root, KEY_TREE_ROOT, "tree root"), b.tree_root, SHA256_LEN, "tree root");
	b.proof = cbor_bytes(
		cbor_key(root, KEY_PROOF, "proof"), 0, LEDGER_EDGE_MAX * SHA256_LEN, "proof");
	b.cert_count = read_list(cbor_key(root, KEY_CERTS, "certificates"), b.certs,
		CREDENTIAL_CERTS_MAX, X509_DER_MAX, "certificate");
	checkpoint = cbor_key_optional(root, KEY_CHECKPOINT);
	if (checkpoint.kind != CBOR_ABSENT)
		b.checkpoint = cbor_bytes(checkpoint, 1, NOTE_MAX, "checkpoint");
	chain = cbor_key_optional(root, KEY_CHAIN);
	if (chain.kind != CBOR_ABSENT)
		b.chain = cbor_bytes(chain, 1, AUDIT_BUNDLE_MAX, "chain");
	receipt = cbor_key_optional(root, KEY_RECEIPT);
	if (receipt.kind != CBOR_ABSENT)
		b.receipt = cbor_bytes(receipt, 1, RECEIPT_MAX, "receipt");
	receipt_key = cbor_key_optional(root, KEY_RECEIPT_KEY);
	if (receipt_key.kind != CBOR_ABSENT)
		b.receipt_key = cbor_bytes(receipt_key, 1, RECEIPT_MAX, "receipt key");
	read_quote(cbor_key_optional(root, KEY_QUOTE), &b);
	withheld = cbor_key_optional(root, KEY_WITHHELD);
	if (withheld.kind != CBOR_ABSENT)
		b.withheld = cbor_bytes(
			withheld, SHA256_LEN, (size_t)AUDIT_OBJECTS_MAX * SHA256_LEN, "withheld");
	if (!cbor_close(&doc, err) || !withheld_ok(&b, err))
		return false;
	*ret = b;
	return true;
}
