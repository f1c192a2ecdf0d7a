/* SPDX-License-Identifier: Apache-2.0 */
/* What the TPM says about itself: properties, clock, PCRs; and extending PCRs. */
#include "attest/tpm_esys.h"

#include <ctype.h>

#define PROPERTIES_MAX 127u

static const enum digest_alg KNOWN_BANKS[] = {
	DIGEST_SHA1, DIGEST_SHA256, DIGEST_SHA384, DIGEST_SHA512};

/* Four characters in a number, big-endian; a space or NUL ends a string, what is not printable
 * becomes '?'. */
static void put_characters(char *out, size_t size, uint32_t value)
{
	size_t n = strlen(out);

	for (int shift = 24; shift >= 0 && n + 1 < size; shift -= 8) {
		int c = (int)(value >> shift & 0xff);
		if (c == 0)
			break;
		out[n++] = isascii(c) && isprint(c) ? (char)c : '?';
	}
	while (n > 0 && out[n - 1] == ' ')
		n--;
	out[n] = '\0';
}

static void put_permanent(struct tpm_properties *p, uint32_t value)
{
	p->owner_auth_set = value & TPMA_PERMANENT_OWNERAUTHSET;
	p->endorsement_auth_set = value & TPMA_PERMANENT_ENDORSEMENTAUTHSET;
	p->lockout_auth_set = value & TPMA_PERMANENT_LOCKOUTAUTHSET;
	p->in_lockout = value & TPMA_PERMANENT_INLOCKOUT;
}

static void put_property(struct tpm_properties *p, uint32_t property, uint32_t value)
{
	switch (property) {
	case TPM2_PT_MANUFACTURER:
		put_characters(p->manufacturer, sizeof(p->manufacturer), value);
		break;
	case TPM2_PT_VENDOR_STRING_1:
	case TPM2_PT_VENDOR_STRING_2:
	case TPM2_PT_VENDOR_STRING_3:
	case TPM2_PT_VENDOR_STRING_4:
		put_characters(p->vendor, sizeof(p->vendor), value);
		break;
	case TPM2_PT_FIRMWARE_VERSION_1:
		p->firmware_version |= (uint64_t)value << 32;
		break;
	case TPM2_PT_FIRMWARE_VERSION_2:
		p->firmware_version |= value;
		break;
	case TPM2_PT_PERMANENT:
		put_permanent(p, value);
		break;
	case TPM2_PT_LOCKOUT_COUNTER:
		p->lockout_counter = value;
		break;
	case TPM2_PT_MAX_AUTH_FAIL:
		p->lockout_max = value;
		break;
	case TPM2_PT_LOCKOUT_INTERVAL:
		p->lockout_seconds = value;
		break;
	default:
		break;
	}
}

static bool read_group(struct esys *t, uint32_t first, struct tpm_properties *p, struct err *err)
{
	OWNED(esys_memory_release) TPMS_CAPABILITY_DATA *data = NULL;

	if (!esys_capability(t, TPM2_CAP_TPM_PROPERTIES, first, PROPERTIES_MAX, NULL, &data, err))
		return false;
	for (uint32_t i = 0; i < data->data.tpmProperties.count; i++)
		put_property(p, data->data.tpmProperties.tpmProperty[i].property,
			data->data.tpmProperties.tpmProperty[i].value);
	return true;
}

static bool is_known_bank(enum digest_alg alg)
{
	for (size_t i = 0; i < ARRAY_LEN(KNOWN_BANKS); i++)
		if (KNOWN_BANKS[i] == alg)
			return true;
	return false;
}

static bool read_banks(struct esys *t, struct tpm_properties *p, struct err *err)
{
	OWNED(esys_memory_release) TPMS_CAPABILITY_DATA *data = NULL;
	const TPML_PCR_SELECTION *pcrs;

	if (!esys_capability(t, TPM2_CAP_PCRS, 0, TPM2_MAX_CAP_HANDLES, NULL, &data, err))
		return false;
	pcrs = &data->data.assignedPCR;
	p->bank_count = 0;
	for (uint32_t i = 0; i < pcrs->count && p->bank_count < TPM_BANKS_MAX; i++) {
		const TPMS_PCR_SELECTION *bank = &pcrs->pcrSelections[i];
		uint8_t any = 0;
		for (size_t b = 0; b < bank->sizeofSelect && b < sizeof(bank->pcrSelect); b++)
			any |= bank->pcrSelect[b];
		if (any && is_known_bank((enum digest_alg)bank->hash))
			p->banks[p->bank_count++] = (enum digest_alg)bank->hash;
	}
	return true;
}

bool esys_properties_read(struct esys *t, struct tpm_properties *ret, struct err *err)
{
	struct tpm_properties p = {.resource_manager = t->resource_manager};

	if (!read_group(t, TPM2_PT_FIXED, &p, err) || !read_group(t, TPM2_PT_VAR, &p, err) ||
		!read_banks(t, &p, err))
		return false;
	*ret = p;
	return true;
}

static bool run_properties(struct esys *t, void *arguments, struct err *err)
{
	return esys_properties_read(t, arguments, err);
}

bool esys_properties(struct tpm *tpm, struct tpm_properties *ret, struct err *err)
{
	return esys_run(tpm, "TPM properties", run_properties, ret, err);
}

static bool run_clock(struct esys *t, void *arguments, struct err *err)
{
	OWNED(esys_memory_release) TPMS_TIME_INFO *info = NULL;
	struct tpm_clock *ret = arguments;
	TSS2_RC rc = Esys_ReadClock(t->context, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &info);

	if (rc != TSS2_RC_SUCCESS)
		return esys_fail(t, rc, "TPM2_ReadClock", err);
	*ret = (struct tpm_clock){info->clockInfo.clock, info->clockInfo.resetCount,
		info->clockInfo.restartCount, info->clockInfo.safe == TPM2_YES};
	return true;
}

bool esys_clock(struct tpm *tpm, struct tpm_clock *ret, struct err *err)
{
	return esys_run(tpm, "TPM clock", run_clock, ret, err);
}

static TPML_PCR_SELECTION selection_of(enum digest_alg bank, uint32_t pcrs)
{
	return (TPML_PCR_SELECTION){.count = 1,
		.pcrSelections = {{.hash = (TPMI_ALG_HASH)bank,
			.sizeofSelect = 3,
			.pcrSelect = {
				(uint8_t)pcrs, (uint8_t)(pcrs >> 8), (uint8_t)(pcrs >> 16)}}}};
}

/* The values that came, in ascending order of the PCRs; *left loses theirs. */
static bool take_values(enum digest_alg bank, const TPML_PCR_SELECTION *got,
	const TPML_DIGEST *values, uint32_t *left, struct pcr_bank *ret, struct err *err)
{
	const uint8_t *select = got->pcrSelections[0].pcrSelect;
	uint32_t n = 0;

	if (got->count != 1 || got->pcrSelections[0].hash != (TPMI_ALG_HASH)bank ||
		got->pcrSelections[0].sizeofSelect < 3 || values->count == 0)
		return err_set(err, ERR_UNSUPPORTED,
			"this TPM has no %s bank of PCRs, or not all of it: "
			"allocate it in the firmware's settings",
			digest_alg_name(bank));
	for (uint32_t pcr = 0; pcr < TPM_PCRS; pcr++) {
		if (!(select[pcr / 8] >> (pcr % 8) & 1))
			continue;
		if (!(*left >> pcr & 1) || n >= values->count ||
			values->digests[n].size != digest_alg_len(bank))
			return err_set(err, ERR_TPM, "TPM2_PCR_Read: not what was asked for");
		memcpy(ret->values[pcr], values->digests[n].buffer, values->digests[n].size);
		ret->present |= 1u << pcr;
		*left &= ~(1u << pcr);
		n++;
	}
	return true;
}

bool esys_pcrs(
	struct esys *t, enum digest_alg bank, uint32_t pcrs, struct pcr_bank *ret, struct err *err)
{
	struct pcr_bank values = {.alg = bank};
	uint32_t left = pcrs;

	/* At most eight values come at once. */
	while (left != 0) {
		OWNED(esys_memory_release) TPML_PCR_SELECTION *got = NULL;
		OWNED(esys_memory_release) TPML_DIGEST *digests = NULL;
		TPML_PCR_SELECTION want = selection_of(bank, left);
		TSS2_RC rc = Esys_PCR_Read(t->context, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
			&want, NULL, &got, &digests);
		uint32_t before = left;

		if (rc != TSS2_RC_SUCCESS)
			return esys_fail(t, rc, "TPM2_PCR_Read", err);
		if (!take_values(bank, got, digests, &left, &values, err))
			return false;
		if (left == before)
			return err_set(err, ERR_TPM, "TPM2_PCR_Read: no values");
	}
	*ret = values;
	return true;
}

struct pcr_read {
	enum digest_alg bank;
	uint32_t pcrs;
	struct pcr_bank *ret;
};

static bool run_pcr_read(struct esys *t, void *arguments, struct err *err)
{
	const struct pcr_read *a = arguments;

	return esys_pcrs(t, a->bank, a->pcrs, a->ret, err);
}

bool esys_pcr_read(
	struct tpm *tpm, enum digest_alg bank, uint32_t pcrs, struct pcr_bank *ret, struct err *err)
{
	struct pcr_read a = {bank, pcrs, ret};

	if (pcrs >> TPM_PCRS)
		return err_set(err, ERR_USAGE, "PCRs: there are %u", TPM_PCRS);
	return esys_run(tpm, "PCRs", run_pcr_read, &a, err);
}

struct pcr_extend {
	uint32_t pcr;
	TPML_DIGEST_VALUES values;
};

static bool run_pcr_extend(struct esys *t, void *arguments, struct err *err)
{
	const struct pcr_extend *a = arguments;
	ESYS_TR session;
	TSS2_RC rc;

	if (!esys_session(t, ESYS_TR_NONE, 0, &session, err))
		return false;
	rc = Esys_PCR_Extend(
		t->context, ESYS_TR_PCR0 + a->pcr, session, ESYS_TR_NONE, ESYS_TR_NONE, &a->values);
	return rc == TSS2_RC_SUCCESS || esys_fail(t, rc, "TPM2_PCR_Extend", err);
}

bool esys_pcr_extend(
	struct tpm *tpm, uint32_t pcr, const struct digest *digests, size_t n, struct err *err)
{
	struct pcr_extend a = {.pcr = pcr, .values.count = (UINT32)n};

	if (pcr >= TPM_PCRS || n == 0 || n > ARRAY_LEN(KNOWN_BANKS))
		return err_set(err, ERR_USAGE, "PCR %u, %zu digests", pcr, n);
	for (size_t i = 0; i < n; i++) {
		if (!is_known_bank(digests[i].alg) ||
			digests[i].len != digest_alg_len(digests[i].alg))
			return err_set(err, ERR_USAGE, "digest %zu is none", i);
		a.values.digests[i].hashAlg = (TPMI_ALG_HASH)digests[i].alg;
		memcpy(&a.values.digests[i].digest, digests[i].bytes, digests[i].len);
	}
	if (!esys_run(tpm, "extending", run_pcr_extend, &a, err))
		return err_wrap(err, "PCR %u", pcr);
	return true;
}
