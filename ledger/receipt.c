/* SPDX-License-Identifier: Apache-2.0 */
/* Receipts: sealed, written, read, verified. */
#include "ledger/receipt.h"

#include "base/cbor.h"
#include "base/text.h"

#include <stdio.h>

/* RFC 9942, sections 2 and 5. */
enum { LABEL_KID = 4, LABEL_VDP = 396 };
enum { VDS_RFC9162_SHA256 = 1 };
enum { PROOF_INCLUSION = -1, PROOF_CONSISTENCY = -2 };

#define SUBJECT_MAX 32

static void subject_of(uint64_t size, char out[SUBJECT_MAX])
{
	(void)snprintf(out, SUBJECT_MAX, RECEIPT_SUBJECT_PREFIX "%llu", (unsigned long long)size);
}

bool receipt_seal(struct key *key, const char *origin, uint64_t size,
	const uint8_t root[SHA256_LEN], struct buf *out, struct err *err)
{
	char subject[SUBJECT_MAX];
	const struct cose_sign_options options = {
		.iss = origin,
		.sub = subject,
		.vds = VDS_RFC9162_SHA256,
		.detached = true,
	};

	subject_of(size, subject);
	return cose_sign1_sign(
		       key, &options, bytes_of(root, SHA256_LEN), (struct bytes){0}, out, err) ||
	       err_wrap(err, "receipt");
}

/* ---- writing ---- */

static bool proof_check(const struct receipt_proof *proof, struct err *err)
{
	bool ordered = proof->kind == RECEIPT_INCLUSION
			       ? proof->from < proof->size
			       : proof->from > 0 && proof->from <= proof->size;

	if ((proof->kind != RECEIPT_INCLUSION && proof->kind != RECEIPT_CONSISTENCY) || !ordered)
		return err_set(err, ERR_USAGE, "receipt: a proof of no tree");
	return (proof->hashes.len % SHA256_LEN == 0 &&
		       proof->hashes.len / SHA256_LEN <= MERKLE_PROOF_MAX) ||
	       err_set(err, ERR_USAGE, "receipt: %zu bytes are no list of hashes",
		       proof->hashes.len);
}

static bool put_proof(const struct receipt_proof *proof, struct buf *out, struct err *err)
{
	struct cbor_writer w = cbor_writer_of(out);
	bool inclusion = proof->kind == RECEIPT_INCLUSION;

	cbor_put_array(&w, 3);
	cbor_put_uint(&w, inclusion ? proof->size : proof->from);
	cbor_put_uint(&w, inclusion ? proof->from : proof->size);
	cbor_put_array(&w, proof->hashes.len / SHA256_LEN);
	for (size_t at = 0; at < proof->hashes.len; at += SHA256_LEN)
		cbor_put_bytes(&w, bytes_of(proof->hashes.data + at, SHA256_LEN));
	return cbor_writer_finish(&w, err);
}

static bool put_unprotected(const struct receipt_proof *proof, struct buf *out, struct err *err)
{
	OWNED(buf_release) struct buf inner = {0};
	struct cbor_writer w = cbor_writer_of(out);

	if (!put_proof(proof, &inner, err))
		return false;
	cbor_put_map(&w, 1);
	cbor_put_int(&w, LABEL_VDP);
	cbor_put_map(&w, 1);
	cbor_put_int(&w, proof->kind == RECEIPT_INCLUSION ? PROOF_INCLUSION : PROOF_CONSISTENCY);
	cbor_put_array(&w, 1);
	cbor_put_bytes(&w, buf_bytes(&inner));
	return cbor_writer_finish(&w, err);
}

bool receipt_write(
	struct bytes seal, const struct receipt_proof *proof, struct buf *out, struct err *err)
{
	OWNED(buf_release) struct buf unprotected = {0};
	struct cose_sign1 message;

	if (!proof_check(proof, err))
		return false;
	if (!cose_sign1_parse(seal, &message, err) || !put_unprotected(proof, &unprotected, err) ||
		!cose_sign1_rewrap(&message, buf_bytes(&unprotected), out, err))
		return err_wrap(err, "receipt");
	return true;
}

/* ---- reading ---- */

void receipt_release(struct receipt *receipt)
{
	buf_release(&receipt->hashes);
	memset(receipt, 0, sizeof(*receipt));
}

static void read_hashes(struct cbor_item array, struct buf *out)
{
	size_t n = cbor_array(array, MERKLE_PROOF_MAX, "path");

	for (size_t i = 0; i < n; i++)
		buf_put(out, cbor_bytes(cbor_at(array, i, "hash"), SHA256_LEN, SHA256_LEN, "hash"));
}

/* [size, index, path] or [old size, new size, path], a document of its own in a byte string. */
static bool read_proof(struct bytes in, struct receipt *receipt, struct err *err)
{
	struct receipt_proof *proof = &receipt->proof;
	bool inclusion = proof->kind == RECEIPT_INCLUSION;
	struct cbor_doc doc;
	struct cbor_item root;
	uint64_t numbers[2];

	if (!cbor_open(in, true, "receipt: proof", &doc, &root, err))
		return false;
	if (cbor_array(root, 3, "proof") != 3)
		cbor_fail(root, "proof", "expected three items");
	for (size_t i = 0; i < 2; i++)
		numbers[i] = cbor_uint(cbor_at(root, i, "size"), UINT64_MAX, "size");
	read_hashes(cbor_at(root, 2, "path"), &receipt->hashes);
	proof->size = numbers[inclusion ? 0 : 1];
	proof->from = numbers[inclusion ? 1 : 0];
	if (inclusion ? proof->from >= proof->size : !proof->from || proof->from > proof->size)
		cbor_fail(root, "proof", inclusion ? "a leaf outside its tree" : "no older tree");
	if (!cbor_close(&doc, err) || !buf_ok(&receipt->hashes, err))
		return false;
	proof->hashes = buf_bytes(&receipt->hashes);
	return true;
}

/* The one proof, of either kind. */
static struct bytes find_proof(struct cbor_item unprotected, enum receipt_kind *ret_kind)
{
	static const int64_t labels[] = {LABEL_KID, LABEL_VDP};
	static const int64_t kinds[] = {PROOF_INCLUSION, PROOF_CONSISTENCY};
	struct cbor_item vdp, list;

	cbor_only_keys(unprotected, labels, ARRAY_LEN(labels), "unprotected header");
	vdp = cbor_key(unprotected, LABEL_VDP, "proofs");
	cbor_only_keys(vdp, kinds, ARRAY_LEN(kinds), "proofs");
	if (cbor_map(vdp, ARRAY_LEN(kinds), "proofs") != 1)
		cbor_fail(vdp, "proofs", "expected one");
	list = cbor_key_optional(vdp, PROOF_INCLUSION);
	*ret_kind = list.kind == CBOR_ABSENT ? RECEIPT_CONSISTENCY : RECEIPT_INCLUSION;
	if (list.kind == CBOR_ABSENT)
		list = cbor_key(vdp, PROOF_CONSISTENCY, "proofs");
	if (cbor_array(list, 1, "proofs") != 1)
		cbor_fail(list, "proofs", "expected one");
	return cbor_bytes(cbor_at(list, 0, "proof"), 1, RECEIPT_MAX, "proof");
}

/* The envelope once more, strictly: cose_sign1_parse takes what others write, and this part is not
 * signed. */
static bool read_envelope(struct bytes in, struct receipt *receipt, struct err *err)
{
	struct cbor_doc doc;
	struct cbor_item root, message;
	struct bytes proof;

	if (!cbor_open(in, true, "receipt", &doc, &root, err))
		return false;
	message = cbor_untag(root, 18, "tag");
	proof = find_proof(cbor_at(message, 1, "unprotected header"), &receipt->proof.kind);
	return cbor_close(&doc, err) && read_proof(proof, receipt, err);
}

bool receipt_parse(struct bytes in, struct receipt *ret, struct err *err)
{
	OWNED(receipt_release) struct receipt receipt = {0};

	if (in.len > RECEIPT_MAX)
		return err_set(
			err, ERR_LIMIT, "receipt: %zu bytes: more than %d", in.len, RECEIPT_MAX);
	if (!cose_sign1_parse(in, &receipt.message, err))
		return err_wrap(err, "receipt");
	if (receipt.message.vds != VDS_RFC9162_SHA256)
		return err_set(err, ERR_UNSUPPORTED,
			"receipt: verifiable data structure %lld: only 1, RFC9162_SHA256",
			(long long)receipt.message.vds);
	if (!receipt.message.detached)
		return err_set(err, ERR_FORMAT, "receipt: payload: expected none");
	if (!read_envelope(in, &receipt, err))
		return false;
	*ret = TAKE_STRUCT(receipt);
	return true;
}

/* ---- verifying ---- */

/* Which log it is of, and which of its trees. */
static bool names_check(
	const struct cose_sign1 *message, const char *origin, uint64_t size, struct err *err)
{
	char subject[SUBJECT_MAX];

	subject_of(size, subject);
	if (!bytes_equal_str(message->iss, origin))
		return err_set(err, ERR_MISMATCH, "receipt: of log \"%s\", not %s",
			ESC(message->iss), origin);
	return bytes_equal_str(message->sub, subject) ||
	       err_set(err, ERR_MISMATCH, "receipt: signed for \"%s\", not %s", ESC(message->sub),
		       subject);
}

bool receipt_verify(const struct receipt *receipt, const struct key *key, const char *origin,
	const uint8_t known[SHA256_LEN], uint8_t ret_root[SHA256_LEN], struct err *err)
{
	const struct receipt_proof *proof = &receipt->proof;
	uint8_t root[SHA256_LEN];
	bool led = false;

	if (origin && !names_check(&receipt->message, origin, proof->size, err))
		return false;
	if (proof->kind == RECEIPT_INCLUSION)
		led = tree_inclusion_root(
			proof->from, proof->size, known, proof->hashes, root, err);
	else if (proof->kind == RECEIPT_CONSISTENCY)
		led = tree_consistency_root(
			proof->from, proof->size, known, proof->hashes, root, err);
	else
		(void)err_set(err, ERR_USAGE, "no proof was read");
	if (!led ||
		!cose_sign1_verify(&receipt->message, key, BYTES_OF(root), (struct bytes){0}, err))
		return err_wrap(err, "receipt");
	if (ret_root)
		memcpy(ret_root, root, SHA256_LEN);
	return true;
}
