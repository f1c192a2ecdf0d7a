/* SPDX-License-Identifier: Apache-2.0 */
/* TPM2_Quote over PCRs 0-15, together with values that hash to what it signed. */
#include "attest/tpm_esys.h"

struct quote_call {
	TPM2B_DATA qualifying;
	enum digest_alg bank;
	struct tpm_quote *ret;
};

#define QUOTE_MASK ((1u << TPM_QUOTE_PCRS) - 1u)

static bool quote_once(struct esys *t, const struct quote_call *a, struct err *err)
{
	OWNED(esys_object_release) struct esys_object hold = ESYS_OBJECT_NONE(t);
	OWNED(esys_memory_release) TPM2B_ATTEST *message = NULL;
	OWNED(esys_memory_release) TPMT_SIGNATURE *signature = NULL;
	static const TPMT_SIG_SCHEME key_scheme = {.scheme = TPM2_ALG_NULL};
	const TPML_PCR_SELECTION selection = {.count = 1,
		.pcrSelections = {{.hash = (TPMI_ALG_HASH)a->bank,
			.sizeofSelect = 3,
			.pcrSelect = {QUOTE_MASK & 0xff, QUOTE_MASK >> 8 & 0xff, 0}}}};
	ESYS_TR ak, session;
	TSS2_RC rc;

	if (!esys_ak_load(t, &hold, &ak, err) ||
		!esys_session(t, ESYS_TR_NONE, TPMA_SESSION_DECRYPT | TPMA_SESSION_ENCRYPT,
			&session, err))
		return false;
	rc = Esys_Quote(t->context, ak, session, ESYS_TR_NONE, ESYS_TR_NONE, &a->qualifying,
		&key_scheme, &selection, &message, &signature);
	if (rc != TSS2_RC_SUCCESS)
		return esys_fail(t, rc, "TPM2_Quote", err);
	buf_clear(&a->ret->message);
	buf_clear(&a->ret->signature);
	buf_put(&a->ret->message, bytes_of(message->attestationData, message->size));
	return buf_ok(&a->ret->message, err) &&
	       esys_signature_bytes(signature, &a->ret->signature, err);
}

/* The values read hash to what was signed (with the hash of the signing scheme, not of the bank).
 */
static bool values_match(
	const struct esys *t, const struct tpm_quote *quote, bool *ret, struct err *err)
{
	struct bytes parts[TPM_QUOTE_PCRS];
	struct tpms_attest attest;
	struct digest digest;

	if (!tpms_attest_parse(buf_bytes(&quote->message), &attest, err))
		return false;
	for (size_t i = 0; i < TPM_QUOTE_PCRS; i++)
		parts[i] = bytes_of(quote->pcrs.values[i], digest_alg_len(quote->pcrs.alg));
	if (!digest_of_parts(esys_ak_digest(t), parts, ARRAY_LEN(parts), &digest, err))
		return false;
	*ret = bytes_equal(attest.quote_pcr_digest, digest_bytes(&digest));
	return true;
}

static bool run_quote(struct esys *t, void *arguments, struct err *err)
{
	const struct quote_call *a = arguments;
	bool match = false;

	for (unsigned i = 0; i < TPM_QUOTE_RETRIES && !match; i++)
		if (!quote_once(t, a, err) ||
			!esys_pcrs(t, a->bank, QUOTE_MASK, &a->ret->pcrs, err) ||
			!values_match(t, a->ret, &match, err))
			return false;
	if (!match)
		return err_set(err, ERR_BUSY,
			"PCRs keep changing between quote and read (%u tries): something extends "
			"all the "
			"time, or the values read are not the TPM's",
			TPM_QUOTE_RETRIES);
	return true;
}

bool esys_quote(struct tpm *tpm, struct bytes qualifying, enum digest_alg bank,
	struct tpm_quote *ret, struct err *err)
{
	struct quote_call a = {.bank = bank, .ret = ret};

	if (qualifying.len == 0 || qualifying.len > DIGEST_LEN_MAX)
		return err_set(
			err, ERR_USAGE, "quote: qualifying data of %zu bytes", qualifying.len);
	if (digest_alg_len(bank) == 0)
		return err_set(err, ERR_USAGE, "quote: no such bank");
	a.qualifying.size = (UINT16)qualifying.len;
	memcpy(a.qualifying.buffer, qualifying.data, qualifying.len);
	memset(ret, 0, sizeof(*ret));
	if (esys_run(tpm, "quote", run_quote, &a, err))
		return true;
	tpm_quote_release(ret);
	return false;
}
