/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checking quotes and certifications. The order matters: what is signed is believed only after the
 * signature, and the first fault is the one reported.
 */
#include "evidence/tpm.h"

#include <assert.h>
#include <stdio.h>

#include "base/text.h"
#include "evidence/tpm_wire.h"

static const char *const FAULT_NAMES[] = {
	[QUOTE_OK] = "quote-ok",
	[QUOTE_MALFORMED] = "quote-malformed",
	[QUOTE_MAGIC] = "quote-magic",
	[QUOTE_TYPE] = "quote-type",
	[QUOTE_SCHEME] = "quote-scheme",
	[QUOTE_SIGNATURE] = "quote-signature",
	[QUOTE_SIGNER] = "quote-signer",
	[QUOTE_NONCE] = "quote-nonce",
	[QUOTE_SELECTION] = "quote-selection",
	[QUOTE_PCR_DIGEST] = "quote-pcr-digest",
};
static_assert(ARRAY_LEN(FAULT_NAMES) == QUOTE_PCR_DIGEST + 1, "every fault has a name");

const char *quote_fault_name(enum quote_fault fault)
{
	return (size_t)fault < ARRAY_LEN(FAULT_NAMES) ? FAULT_NAMES[fault] : "quote-unknown";
}

/* One attestation while it is judged. */
struct judged {
	const struct quote_input *input;
	struct tpms_attest attest;
	struct tpmt_signature signature;
	struct quote_result *result;
};

/* Notes a fault. Returns true: a fault is a result, the judging itself worked. */
static bool refuse(
	struct judged *j, enum quote_fault fault, const char *expected, const char *actual)
{
	j->result->fault = fault;
	snprintf(j->result->expected, sizeof(j->result->expected), "%s", expected);
	snprintf(j->result->actual, sizeof(j->result->actual), "%s", actual);
	return true;
}

static bool refuse_bytes(
	struct judged *j, enum quote_fault fault, struct bytes expected, struct bytes actual)
{
	char expected_hex[2 * TPM_NAME_MAX + 1] = "", actual_hex[2 * TPM_NAME_MAX + 1] = "";

	if (expected.len <= TPM_NAME_MAX)
		hex_encode(expected, expected_hex);
	if (actual.len <= TPM_NAME_MAX)
		hex_encode(actual, actual_hex);
	return refuse(j, fault, expected_hex[0] ? expected_hex : "nothing",
		actual_hex[0] ? actual_hex : "nothing");
}

static bool form_judge(struct judged *j, uint16_t type)
{
	struct err why = {0};
	char text[TPM_TEXT_MAX];

	if (!tpms_attest_parse(j->input->message, &j->attest, &why) ||
		!tpmt_signature_parse(j->input->signature, &j->signature, &why))
		return refuse(j, QUOTE_MALFORMED, "TPMS_ATTEST and TPMT_SIGNATURE", why.text);
	if (j->attest.magic != TPM_GENERATED_VALUE) {
		snprintf(text, sizeof(text), "%08x", j->attest.magic);
		return refuse(j, QUOTE_MAGIC, "ff544347", text);
	}
	if (j->attest.type != type) {
		char wanted[TPM_TEXT_MAX];

		snprintf(wanted, sizeof(wanted), "%04x", type);
		snprintf(text, sizeof(text), "%04x", j->attest.type);
		return refuse(j, QUOTE_TYPE, wanted, text);
	}
	j->result->fault = QUOTE_OK;
	return true;
}

static bool signature_judge(struct judged *j, struct err *err)
{
	const struct quote_input *in = j->input;
	struct err why = {0};
	char wanted[TPM_TEXT_MAX] = "a scheme that fits the key, with SHA-256 or better";

	if (!tpmt_signature_scheme_check(&j->signature, in->ak, in->key, &why)) {
		if (in->ak)
			tpm_scheme_text(in->ak->scheme, in->ak->scheme_hash, wanted);
		return refuse(j, QUOTE_SCHEME, wanted, why.text);
	}
	if (tpmt_signature_verify(&j->signature, in->ak, in->key, in->message, &why)) {
		j->result->attest = j->attest; /* from here on the fields are what the key signed */
		return true;
	}
	if (why.code == ERR_MISMATCH || why.code == ERR_FORMAT)
		return refuse(j, QUOTE_SIGNATURE, "a signature by the attestation key", why.text);
	return err_set(err, why.code, "%s", why.text);
}

static bool signer_judge(struct judged *j, struct err *err)
{
	const struct quote_input *in = j->input;
	struct tpm_name name, qualified;

	if (!in->ak || in->hierarchy == 0)
		return true;
	if (!tpm_name_of(in->ak, &name, err) ||
		!tpm_qualified_name_of_primary(in->hierarchy, &name, &qualified, err))
		return false;
	if (!bytes_equal(j->attest.qualified_signer, tpm_name_bytes(&qualified)))
		return refuse_bytes(
			j, QUOTE_SIGNER, tpm_name_bytes(&qualified), j->attest.qualified_signer);
	return true;
}

static bool nonce_judge(struct judged *j)
{
	if (j->input->nonce.len == 0)
		return refuse(j, QUOTE_NONCE, "a nonce", "none was demanded");
	if (!bytes_equal(j->attest.extra_data, j->input->nonce))
		return refuse_bytes(j, QUOTE_NONCE, j->input->nonce, j->attest.extra_data);
	return true;
}

/* Form, signature, signer, nonce: what quotes and certifications have in common. */
static bool attest_judge(struct judged *j, uint16_t type, struct err *err)
{
	if (!form_judge(j, type))
		return false;
	if (j->result->fault == QUOTE_OK && !signature_judge(j, err))
		return false;
	if (j->result->fault == QUOTE_OK && !signer_judge(j, err))
		return false;
	return j->result->fault != QUOTE_OK || nonce_judge(j);
}

static bool selection_judge(struct judged *j, struct err *err)
{
	OWNED(buf_release) struct buf wanted = {0};
	OWNED(buf_release) struct buf found = {0};
	const struct tpml_pcr_selection *selection = &j->attest.quote_selection;
	uint32_t any = 0;

	for (uint32_t i = 0; i < selection->count; i++)
		any |= selection->banks[i].pcrs;
	if (any != 0 &&
		(!j->input->selection || tpml_pcr_selection_equal(selection, j->input->selection)))
		return true;
	if (j->input->selection)
		tpml_pcr_selection_text(j->input->selection, &wanted);
	else
		buf_put_str(&wanted, "at least one PCR");
	tpml_pcr_selection_text(selection, &found);
	if (!buf_str(&wanted) || !buf_str(&found))
		return err_set(err, ERR_NOMEM, "quote: out of memory");
	return refuse(
		j, QUOTE_SELECTION, buf_str(&wanted), any ? buf_str(&found) : "no PCR at all");
}

/* Hashes the values given as the TPM hashed its own: banks in the order of the selection, PCRs
 * ascending. */
static bool pcr_values_judge(struct judged *j, struct err *err)
{
	const struct tpml_pcr_selection *selection = &j->attest.quote_selection;
	struct bytes parts[TPM_BANKS_MAX * TPM_PCRS];
	struct digest digest;
	size_t n = 0;

	if (!j->input->banks)
		return true;
	if (j->input->bank_count != selection->count)
		return refuse(j, QUOTE_PCR_DIGEST, "values for every bank of the quote",
			"another number of banks");
	for (uint32_t i = 0; i < selection->count; i++) {
		const struct pcr_bank *bank = &j->input->banks[i];

		if (bank->alg != (enum digest_alg)selection->banks[i].hash ||
			bank->present != selection->banks[i].pcrs)
			return refuse(j, QUOTE_PCR_DIGEST, "values of exactly the PCRs quoted",
				"values of others");
		for (unsigned pcr = 0; pcr < TPM_PCRS; pcr++)
			if (bank->present & 1u << pcr)
				parts[n++] = bytes_of(bank->values[pcr], digest_alg_len(bank->alg));
	}
	if (!digest_of_parts(j->signature.hash, parts, n, &digest, err))
		return false;
	if (!bytes_equal(digest_bytes(&digest), j->attest.quote_pcr_digest))
		return refuse_bytes(
			j, QUOTE_PCR_DIGEST, j->attest.quote_pcr_digest, digest_bytes(&digest));
	return true;
}

/* A result that says "malformed" until all checks have run: an error never leaves QUOTE_OK behind.
 */
static struct judged judged_of(const struct quote_input *input, struct quote_result *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->fault = QUOTE_MALFORMED;
	return (struct judged){.input = input, .result = ret};
}

static bool undecided(struct quote_result *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->fault = QUOTE_MALFORMED;
	return false;
}

bool quote_check(const struct quote_input *input, struct quote_result *ret, struct err *err)
{
	struct judged j = judged_of(input, ret);

	if (!attest_judge(&j, TPM_ST_ATTEST_QUOTE, err))
		return undecided(ret);
	if (ret->fault == QUOTE_OK && !selection_judge(&j, err))
		return undecided(ret);
	if (ret->fault == QUOTE_OK && !pcr_values_judge(&j, err))
		return undecided(ret);
	return true;
}

bool certify_check(const struct quote_input *input, const struct tpmt_public *certified,
	struct quote_result *ret, struct err *err)
{
	struct judged j = judged_of(input, ret);
	struct tpm_name name;

	if (!attest_judge(&j, TPM_ST_ATTEST_CERTIFY, err))
		return undecided(ret);
	if (ret->fault != QUOTE_OK)
		return true;
	if (!tpm_name_of(certified, &name, err))
		return undecided(ret);
	if (!bytes_equal(j.attest.certify_name, tpm_name_bytes(&name)))
		return refuse_bytes(
			&j, QUOTE_PCR_DIGEST, tpm_name_bytes(&name), j.attest.certify_name);
	return true;
}
