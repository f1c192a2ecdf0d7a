/* SPDX-License-Identifier: Apache-2.0 */
/* Statements that carry their receipts, and the way from a statement to its leaf. */
#include "ledger/receipt.h"

#include "base/cbor.h"

#include <stdlib.h>

enum { LABEL_RECEIPTS = 394 }; /* RFC 9942, section 2 */

void transparent_release(struct transparent *transparent)
{
	buf_release(&transparent->statement);
	memset(transparent, 0, sizeof(*transparent));
}

bool transparent_write(struct bytes statement, const uint8_t salt[LEDGER_SALT_LEN],
	const struct bytes *receipts, size_t count, struct buf *out, struct err *err)
{
	OWNED(buf_release) struct buf unprotected = {0};
	struct cose_sign1 message;
	struct cbor_writer w = cbor_writer_of(&unprotected);

	if (count == 0 || count > STATEMENT_RECEIPTS_MAX)
		return err_set(
			err, ERR_USAGE, "statement: 1 to %d receipts", STATEMENT_RECEIPTS_MAX);
	cbor_put_map(&w, 2);
	cbor_put_int(&w, LABEL_RECEIPTS);
	cbor_put_array(&w, count);
	for (size_t i = 0; i < count; i++)
		cbor_put_bytes(&w, receipts[i]);
	cbor_pair_bytes(&w, COSE_LABEL_SALT, bytes_of(salt, LEDGER_SALT_LEN));
	if (!cbor_writer_finish(&w, err) || !cose_sign1_parse(statement, &message, err) ||
		!cose_sign1_rewrap(&message, buf_bytes(&unprotected), out, err))
		return err_wrap(err, "statement");
	return true;
}

static void read_unprotected(struct cbor_item map, struct transparent *ret)
{
	static const int64_t labels[] = {LABEL_RECEIPTS, COSE_LABEL_SALT};
	struct cbor_item list, salt;

	cbor_only_keys(map, labels, ARRAY_LEN(labels), "unprotected header");
	list = cbor_key(map, LABEL_RECEIPTS, "receipts");
	ret->receipt_count = cbor_array(list, STATEMENT_RECEIPTS_MAX, "receipts");
	if (ret->receipt_count == 0)
		cbor_fail(list, "receipts", "none");
	for (size_t i = 0; i < ret->receipt_count; i++)
		ret->receipts[i] =
			cbor_bytes(cbor_at(list, i, "receipt"), 1, RECEIPT_MAX, "receipt");
	salt = cbor_key_optional(map, COSE_LABEL_SALT);
	ret->salted = salt.kind != CBOR_ABSENT;
	if (ret->salted)
		cbor_copy(salt, ret->salt, LEDGER_SALT_LEN, "salt");
}

bool transparent_parse(struct bytes in, struct transparent *ret, struct err *err)
{
	OWNED(transparent_release) struct transparent transparent = {0};
	struct cose_sign1 message;
	struct cbor_doc doc;
	struct cbor_item root;

	if (in.len > STATEMENT_MAX)
		return err_set(err, ERR_LIMIT, "statement: %zu bytes: more than %d", in.len,
			STATEMENT_MAX);
	if (!cose_sign1_parse(in, &message, err))
		return err_wrap(err, "statement");
	if (!cbor_open(in, true, "statement", &doc, &root, err))
		return false;
	read_unprotected(
		cbor_at(cbor_untag(root, 18, "tag"), 1, "unprotected header"), &transparent);
	if (!cbor_close(&doc, err))
		return false;
	if (!cose_sign1_rewrap(&message, bytes_of("\xa0", 1), &transparent.statement, err))
		return err_wrap(err, "statement");
	*ret = TAKE_STRUCT(transparent);
	return true;
}

bool statement_leaf(struct bytes statement, const uint8_t salt[LEDGER_SALT_LEN], struct buf *out,
	struct err *err)
{
	OWNED(free_ptr) struct record *record = calloc(1, sizeof(*record));
	struct leaf leaf = {.type = LEAF_DECISION};
	struct cose_sign1 message;

	if (!record)
		return err_set(err, ERR_NOMEM, "statement");
	if (!cose_sign1_parse(statement, &message, err))
		return err_wrap(err, "statement");
	if (message.detached || !bytes_equal_str(message.content_type, MEDIA_RECORD) ||
		message.kid.len != SHA256_LEN)
		return err_set(err, ERR_FORMAT, "statement: not a record with its signer's kid");
	if (!record_decode(message.payload, record, err))
		return err_wrap(err, "statement");
	leaf.time = record->time;
	memcpy(leaf.issuer, message.kid.data, SHA256_LEN);
	return ledger_commitment(salt, statement, leaf.commitment, err) &&
	       leaf_encode(&leaf, out, err);
}
