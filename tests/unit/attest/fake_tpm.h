/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A TPM in memory behind the vtable of attest/tpm.h: PCRs that really extend, quotes that really verify, and faults on demand.
 */
#ifndef ASSAY_TESTS_FAKE_TPM_H
#define ASSAY_TESTS_FAKE_TPM_H

#include "attest/tpm.h"
#include "evidence/evidence.h"
#include "tests/support/tpm_sw.h"

#include <pthread.h>
#include <stdatomic.h>

enum fake_fault {
	FAKE_OK = 0,
	FAKE_FAIL_BEFORE, /* the command never reaches the TPM */
	FAKE_FAIL_AFTER, /* it does its work, but its answer is lost */
	FAKE_GONE, /* nothing answers until further notice */
};
struct fake_tpm {
	struct tpm tpm;
	pthread_mutex_t mutex;
	enum fake_fault extend; /* the next extend; then FAKE_OK again, but for FAKE_GONE */
	atomic_bool locked; /* it refuses to quote, as one in lockout does */
	unsigned extends, quotes;
	uint32_t reset_count;
	uint8_t pcrs[TPM_PCRS][DIGEST_LEN_MAX]; /* SHA-256 bank */
	struct tpm_sw_key *ak;
};

static inline struct fake_tpm *fake_of(struct tpm *tpm)
{
	return (struct fake_tpm *)tpm;
}

static inline bool fake_gone(struct fake_tpm *fake, struct err *err)
{
	return fake->extend == FAKE_GONE && !err_set(err, ERR_TPM, "the TPM is gone");
}

static bool fake_clock(struct tpm *tpm, struct tpm_clock *ret, struct err *err)
{
	struct fake_tpm *fake = fake_of(tpm);
	if (fake_gone(fake, err))
		return false;
	*ret = (struct tpm_clock){.clock = 1000, .reset_count = fake->reset_count, .safe = true};
	return true;
}

static bool fake_pcr_read(
	struct tpm *tpm, enum digest_alg bank, uint32_t pcrs, struct pcr_bank *ret, struct err *err)
{
	struct fake_tpm *fake = fake_of(tpm);
	if (fake_gone(fake, err))
		return false;
	*ret = (struct pcr_bank){.alg = bank, .present = pcrs};
	for (size_t i = 0; i < TPM_PCRS; i++) {
		if (pcrs & 1u << i)
			memcpy(ret->values[i], fake->pcrs[i], DIGEST_LEN_MAX);
	}
	return true;
}

static bool fake_pcr_extend(
	struct tpm *tpm, uint32_t pcr, const struct digest *digests, size_t n, struct err *err)
{
	struct fake_tpm *fake = fake_of(tpm);
	(void)n;
	if (fake_gone(fake, err))
		return false;
	enum fake_fault fault = fake->extend;
	fake->extend = FAKE_OK;
	if (fault == FAKE_FAIL_BEFORE)
		return err_set(err, ERR_TPM, "injected: not sent");
	if (!pcr_extend(digests[0].alg, fake->pcrs[pcr], digests[0].bytes, err))
		return false;
	fake->extends++;
	return fault == FAKE_FAIL_AFTER ? err_set(err, ERR_TPM, "injected: answer lost") : true;
}

static bool fake_ek(
	struct tpm *tpm, const struct tpm_ek_options *options, struct tpm_ek *ret, struct err *err)
{
	(void)tpm;
	(void)options;
	(void)err;
	*ret = (struct tpm_ek){.template_id = EK_TEMPLATE_L2};
	return true;
}

static bool fake_ak(
	struct tpm *tpm, const struct tpm_ak_options *options, struct buf *ret, struct err *err)
{
	struct fake_tpm *fake = fake_of(tpm);
	(void)options;
	if (!fake->ak && !tpm_sw_ak_new(TPM_SW_ECDSA_P256, 0, &fake->ak, err))
		return false;
	buf_put(ret, buf_bytes(&fake->ak->public_area));
	return buf_ok(ret, err);
}

static bool fake_quote(struct tpm *tpm, struct bytes qualifying, enum digest_alg bank,
	struct tpm_quote *ret, struct err *err)
{
	struct fake_tpm *fake = fake_of(tpm);
	struct tpml_pcr_selection selection;
	if (fake_gone(fake, err))
		return false;
	if (fake->locked)
		return err_set(err, ERR_DENIED, "injected: locked out");
	fake->quotes++;
	return evidence_selection(bank, &selection, err) &&
	       fake_pcr_read(tpm, bank, 0xffff, &ret->pcrs, err) &&
	       tpm_sw_quote(fake->ak, qualifying, &selection, &ret->pcrs, &ret->message,
		       &ret->signature, err);
}

static const struct tpm_ops fake_tpm_ops = {
	.clock = fake_clock,
	.pcr_read = fake_pcr_read,
	.pcr_extend = fake_pcr_extend,
	.ek = fake_ek,
	.ak = fake_ak,
	.quote = fake_quote,
};

static inline void fake_tpm_init(struct fake_tpm *fake)
{
	*fake = (struct fake_tpm){.tpm = {&fake_tpm_ops}, .reset_count = 7};
}

static inline void fake_tpm_reset(struct fake_tpm *fake)
{
	fake->reset_count++;
	memset(fake->pcrs, 0, sizeof(fake->pcrs));
}

#endif
