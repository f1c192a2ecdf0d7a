/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Receipts and proofs. For everybody by what is public, a leaf's hash or its index; for auditors by
 * record, with the salt that leads from the record to its leaf.
 */
#include "verifier/app.h"

#include "base/text.h"

/* A leaf as its index in decimal, or, of a decision, as its hash: credentials name that. */
static bool leaf_named(struct call *call, struct sql *sql, uint64_t *ret, struct err *err)
{
	const char *text = http_path_param(call->exchange, 0);
	uint8_t hash[SHA256_LEN];
	bool found = false;
	if (hex_decode_exact(bytes_str(text), hash, SHA256_LEN, NULL)) {
		if (!decision_find(sql, hash, ret, &found, err))
			return false;
		return found || err_set(err, ERR_NOT_FOUND, "no decision has this leaf hash");
	}
	return (text_decimal(bytes_str(text), ret) && *ret < INT64_MAX) ||
	       err_set(err, ERR_NOT_FOUND,
		       "expected the index of a leaf, or the leaf hash of a decision");
}

static bool receipt_answer(
	struct call *call, struct sql *sql, enum receipt_kind kind, uint64_t from, struct err *err)
{
	OWNED(buf_release) struct buf receipt = {0};
	return receipt_make(&call->app->receipts, sql, kind, from, &receipt, err) &&
	       call_bytes(call, 200, MEDIA_RECEIPT, buf_bytes(&receipt), err);
}

static bool proof_answer(
	struct call *call, struct sql *sql, uint64_t index, struct bytes extra, struct err *err)
{
	OWNED(buf_release) struct buf proof = {0};
	return log_proof_make(sql, index, extra, &proof, err) &&
	       call_bytes(call, 200, "text/plain; charset=utf-8", buf_bytes(&proof), err);
}

/* ---- for everybody ---- */

static bool public_answer(struct call *call, bool receipt, struct err *err)
{
	struct sql *sql = NULL;
	uint64_t index = 0;
	if (!call_read(call, &sql, err))
		return false;
	bool ok = leaf_named(call, sql, &index, err) &&
		  (receipt ? receipt_answer(call, sql, RECEIPT_INCLUSION, index, err)
			   : proof_answer(call, sql, index, (struct bytes){0}, err));
	store_read_done(call->app->store, &sql);
	return ok;
}

bool serve_log_receipt(struct call *call, struct err *err)
{
	return public_answer(call, true, err);
}

bool serve_log_proof(struct call *call, struct err *err)
{
	return public_answer(call, false, err);
}

bool serve_log_consistency(struct call *call, struct err *err)
{
	struct sql *sql = NULL;
	uint64_t size = 0;
	if (!text_decimal(bytes_str(http_path_param(call->exchange, 0)), &size) ||
		size >= INT64_MAX)
		return err_set(err, ERR_NOT_FOUND, "expected the size of a tree");
	if (!call_read(call, &sql, err))
		return false;
	bool ok = receipt_answer(call, sql, RECEIPT_CONSISTENCY, size, err);
	store_read_done(call->app->store, &sql);
	return ok;
}

bool serve_receipt_key(struct call *call, struct err *err)
{
	OWNED(buf_release) struct buf pem = {0};
	return key_public_pem(call->app->receipts.key, &pem, err) &&
	       call_bytes(call, 200, "application/x-pem-file", buf_bytes(&pem), err);
}

/* ---- for auditors ---- */

enum form { FORM_RECEIPT, FORM_PROOF, FORM_STATEMENT };

struct wanted {
	struct record_row record;
	struct leaf_row leaf;
};

static void wanted_release(struct wanted *wanted)
{
	record_row_release(&wanted->record);
	leaf_row_release(&wanted->leaf);
}

static bool statement_answer(
	struct call *call, struct sql *sql, const struct wanted *wanted, struct err *err)
{
	OWNED(buf_release) struct buf receipt = {0};
	OWNED(buf_release) struct buf statement = {0};
	if (!receipt_make(&call->app->receipts, sql, RECEIPT_INCLUSION, wanted->leaf.index,
		    &receipt, err))
		return false;
	const struct bytes one = buf_bytes(&receipt);
	return transparent_write(buf_bytes(&wanted->record.cose), wanted->leaf.salt, &one, 1,
		       &statement, err) &&
	       call_bytes(call, 200, MEDIA_STATEMENT, buf_bytes(&statement), err);
}

static bool record_answer(struct call *call, struct sql *sql, enum form form, struct err *err)
{
	OWNED(wanted_release) struct wanted wanted = {0};
	uint8_t id[SHA256_LEN];
	bool found = false;
	if (!call_param_digest(call, 0, id, err) ||
		!record_get(sql, id, &wanted.record, &found, err))
		return false;
	if (!found)
		return err_set(err, ERR_NOT_FOUND, "no such record");
	if (!leaf_get(sql, wanted.record.index, &wanted.leaf, &found, err))
		return false;
	if (!found)
		return err_set(err, ERR_STORE, "the record's leaf is not stored");
	if (form == FORM_STATEMENT)
		return statement_answer(call, sql, &wanted, err);
	return form == FORM_PROOF
		       ? proof_answer(call, sql, wanted.leaf.index, BYTES_OF(wanted.leaf.salt), err)
		       : receipt_answer(call, sql, RECEIPT_INCLUSION, wanted.leaf.index, err);
}

static bool serve_form(struct call *call, enum form form, struct err *err)
{
	struct sql *sql = NULL;
	if (!call_read(call, &sql, err))
		return false;
	bool ok = record_answer(call, sql, form, err);
	store_read_done(call->app->store, &sql);
	return ok;
}

bool serve_record_receipt(struct call *call, struct err *err)
{
	return serve_form(call, FORM_RECEIPT, err);
}

bool serve_record_proof(struct call *call, struct err *err)
{
	return serve_form(call, FORM_PROOF, err);
}

bool serve_record_statement(struct call *call, struct err *err)
{
	return serve_form(call, FORM_STATEMENT, err);
}
