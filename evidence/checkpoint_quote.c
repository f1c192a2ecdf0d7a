/* SPDX-License-Identifier: Apache-2.0 */
#include "evidence/checkpoint_quote.h"

#include "evidence/evidence.h"
#include "evidence/message.h"

enum {
	KEY_NOTE = 1,
	KEY_MESSAGE = 2,
	KEY_SIGNATURE = 3,
	KEY_BANK = 4,
	KEY_PCRS = 5,
	KEY_AK = 6,
};
static const int64_t KEYS[] = {KEY_NOTE, KEY_MESSAGE, KEY_SIGNATURE, KEY_BANK, KEY_PCRS, KEY_AK};

static bool acceptable(struct bytes encoded, struct err *err)
{
	struct checkpoint_quote quote;

	return checkpoint_quote_decode(encoded, &quote, err);
}

bool checkpoint_quote_encode(const struct checkpoint_quote *q, struct buf *out, struct err *err)
{
	struct message m = message_begin(out);

	cbor_put_map(&m.w, ARRAY_LEN(KEYS));
	cbor_pair_bytes(&m.w, KEY_NOTE, q->note);
	cbor_pair_bytes(&m.w, KEY_MESSAGE, q->message);
	cbor_pair_bytes(&m.w, KEY_SIGNATURE, q->signature);
	message_put_pcrs(&m.w, KEY_BANK, KEY_PCRS, &q->pcrs);
	cbor_pair_bytes(&m.w, KEY_AK, q->ak);
	return message_finish(&m, acceptable, err);
}

bool checkpoint_quote_decode(struct bytes in, struct checkpoint_quote *ret, struct err *err)
{
	struct checkpoint_quote q = {0};
	struct cbor_doc doc;
	struct cbor_item root;

	if (in.len > CHECKPOINT_QUOTE_MAX)
		return err_set(err, ERR_LIMIT, "checkpoint quote: %zu bytes, more than %u", in.len,
			CHECKPOINT_QUOTE_MAX);
	if (!cbor_open(in, true, "checkpoint quote", &doc, &root, err))
		return false;
	cbor_only_keys(root, KEYS, ARRAY_LEN(KEYS), "checkpoint quote");
	q.note = cbor_bytes(cbor_key(root, KEY_NOTE, "checkpoint"), 1, NOTE_MAX, "checkpoint");
	q.message =
		cbor_bytes(cbor_key(root, KEY_MESSAGE, "message"), 1, TPM_ATTEST_MAX, "message");
	q.signature = cbor_bytes(
		cbor_key(root, KEY_SIGNATURE, "signature"), 1, TPM_SIGNATURE_MAX, "signature");
	message_pcrs(root, KEY_BANK, KEY_PCRS, &q.pcrs);
	q.ak = cbor_bytes(cbor_key(root, KEY_AK, "ak"), 1, TPM_PUBLIC_MAX, "ak");
	if (!cbor_close(&doc, err))
		return false;
	*ret = q;
	return true;
}

bool checkpoint_quote_nonce(struct bytes text, uint8_t out[SHA256_LEN], struct err *err)
{
	static const uint8_t label[] = CHECKPOINT_QUOTE_LABEL; /* its NUL parts it from the text */
	const struct bytes parts[] = {BYTES_OF(label), text};
	struct checkpoint checkpoint;
	struct digest digest;

	if (text.len > NOTE_MAX)
		return err_set(
			err, ERR_LIMIT, "checkpoint: %zu bytes, at most %d", text.len, NOTE_MAX);
	if (!checkpoint_parse(text, &checkpoint, err) ||
		!digest_of_parts(DIGEST_SHA256, parts, ARRAY_LEN(parts), &digest, err))
		return false;
	memcpy(out, digest.bytes, SHA256_LEN);
	return true;
}

bool checkpoint_quote_ak(struct bytes file, struct key **ret, struct err *err)
{
	static const char pem[] = "-----BEGIN";
	struct tpmt_public area;

	if (file.len >= sizeof(pem) - 1 && memcmp(file.data, pem, sizeof(pem) - 1) == 0)
		return key_from_pem(file, ret, err) || err_wrap(err, "attestation key");
	return ((tpm2b_public_parse(file, &area, NULL) || tpmt_public_parse(file, &area, err)) &&
		       tpmt_public_key(&area, ret, err)) ||
	       err_wrap(err, "attestation key");
}

/* The AK: what it is, and whose the caller says it must be. */
static bool ak_open(const struct checkpoint_quote *quote, const struct key *pinned,
	struct tpmt_public *area, struct key **key, struct err *err)
{
	if (!tpmt_public_parse(quote->ak, area, err) || !tpmt_public_key(area, key, err))
		return err_wrap(err, "checkpoint quote: ak");
	if (!ak_check(area, err))
		return err_wrap(err, "checkpoint quote: not an attestation key");
	return !pinned || key_equal(pinned, *key) ||
	       err_set(err, ERR_MISMATCH,
		       "checkpoint quote: by another attestation key than the one that is pinned");
}

static bool judge(const struct checkpoint_quote *quote, const struct tpmt_public *area,
	const struct key *key, const uint8_t nonce[SHA256_LEN], struct tpms_attest *ret,
	struct err *err)
{
	struct quote_result result;
	struct tpml_pcr_selection selection;
	const struct quote_input input = {
		.message = quote->message,
		.signature = quote->signature,
		.ak = area,
		.key = key,
		.hierarchy = TPM_RH_ENDORSEMENT,
		.nonce = bytes_of(nonce, SHA256_LEN),
		.selection = &selection,
		.banks = &quote->pcrs,
		.bank_count = 1,
	};

	if (!evidence_selection(quote->pcrs.alg, &selection, err) ||
		!quote_check(&input, &result, err))
		return false;
	if (result.fault != QUOTE_OK)
		return err_set(err, ERR_MISMATCH, "checkpoint quote: %s: expected %s, found %s",
			quote_fault_name(result.fault), result.expected, result.actual);
	*ret = result.attest;
	return true;
}

bool checkpoint_quote_check(const struct checkpoint_quote *quote, const struct key *pinned,
	struct checkpoint_quoted *ret, struct err *err)
{
	OWNED(key_unref) struct key *key = NULL;
	struct checkpoint_quoted quoted;
	struct tpmt_public area;
	uint8_t nonce[SHA256_LEN];

	if (!note_text(quote->note, &quoted.text, err) ||
		!checkpoint_parse(quoted.text, &quoted.checkpoint, err) ||
		!checkpoint_quote_nonce(quoted.text, nonce, err))
		return err_wrap(err, "checkpoint quote");
	if (!ak_open(quote, pinned, &area, &key, err) ||
		!judge(quote, &area, key, nonce, &quoted.attest, err) ||
		!tpm_name_of(&area, &quoted.ak_name, err))
		return false;
	if (ret)
		*ret = quoted;
	return true;
}
