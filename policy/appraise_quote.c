/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/appraisal.h"

#include "base/text.h"

static const enum reason_code fault_reasons[] = {
	[QUOTE_OK] = REASON_NONE,
	[QUOTE_MALFORMED] = REASON_QUOTE_MALFORMED,
	[QUOTE_MAGIC] = REASON_QUOTE_MAGIC,
	[QUOTE_TYPE] = REASON_QUOTE_TYPE,
	[QUOTE_SCHEME] = REASON_QUOTE_SCHEME,
	[QUOTE_SIGNATURE] = REASON_QUOTE_SIGNATURE,
	[QUOTE_SIGNER] = REASON_QUOTE_SIGNER,
	[QUOTE_NONCE] = REASON_QUOTE_NONCE,
	[QUOTE_SELECTION] = REASON_QUOTE_SELECTION,
	[QUOTE_PCR_DIGEST] = REASON_QUOTE_PCR_DIGEST,
};

/* Keeps the values of the PCRs that the quote must cover; whatever else was sent is nobody's word.
 */
static bool covered_values(struct appraisal *a, const struct tpml_pcr_selection *selection)
{
	const struct pcr_bank *sent = &a->evidence.pcrs;
	uint32_t wanted = selection->banks[0].pcrs;

	if (sent->alg != a->policy->bank || (sent->present & wanted) != wanted) {
		verdict_refuse(a->verdict, REASON_QUOTE_SELECTION, "PCR values",
			digest_alg_name(a->policy->bank),
			sent->alg == a->policy->bank ? "some of PCRs 0-15 are missing"
						     : digest_alg_name(sent->alg),
			"evidence", NULL);
		return false;
	}
	a->pcrs.alg = sent->alg;
	a->pcrs.present = wanted;
	for (unsigned pcr = 0; pcr < TPM_PCRS; pcr++)
		if (wanted >> pcr & 1)
			memcpy(a->pcrs.values[pcr], sent->values[pcr], digest_alg_len(sent->alg));
	return true;
}

bool check_quote(struct appraisal *a, struct err *err)
{
	struct tpml_pcr_selection selection;
	struct quote_result result;
	struct quote_input input = {
		.message = a->evidence.message,
		.signature = a->evidence.signature,
		.ak = &a->ak,
		.key = a->ak_key,
		.hierarchy = TPM_RH_ENDORSEMENT,
		.nonce = BYTES_OF(a->claims_digest),
		.selection = &selection,
		.banks = &a->pcrs,
		.bank_count = 1,
	};

	if (!evidence_selection(a->policy->bank, &selection, err))
		return false;
	if (!covered_values(a, &selection))
		input.banks = NULL; /* already refused; the signature is still worth a word */
	if (!quote_check(&input, &result, err))
		return err_wrap(err, "quote");
	if (result.fault != QUOTE_OK) {
		char expected[REASON_TEXT_MAX], actual[REASON_TEXT_MAX];

		verdict_refuse(a->verdict, fault_reasons[result.fault], "quote",
			text_escape(bytes_str(result.expected), expected, sizeof(expected)),
			text_escape(bytes_str(result.actual), actual, sizeof(actual)), NULL, NULL);
		return true;
	}
	if (!input.banks)
		return true;
	a->quoted = true;
	a->attest = result.attest;
	verdict_checked(a->verdict,
		"quote: signed inside the TPM by this host's attestation key, over these claims "
		"and PCRs 0-15 (%s)",
		digest_alg_name(a->policy->bank));
	return true;
}

/* Logs are bound by digest in the claims, so the quote speaks of exactly the bytes sent. */
static bool log_is(struct bytes log, const uint8_t digest[SHA256_LEN], uint64_t length, bool *ret,
	struct err *err)
{
	uint8_t actual[SHA256_LEN] = {0};

	if (log.len > 0 && !sha256_of(log, actual, err))
		return false;
	*ret = log.len == length && memcmp(actual, digest, SHA256_LEN) == 0;
	return true;
}

bool check_logs_sent(struct appraisal *a, struct err *err)
{
	bool ok;

	if (!log_is(a->evidence.firmware_log, a->claims.firmware_digest, a->claims.firmware_length,
		    &ok, err))
		return false;
	if (!ok)
		verdict_refuse(a->verdict, REASON_EVIDENCE_MALFORMED, "firmware log",
			"the log that the claims name", "another one", NULL, NULL);
	return true;
}
