/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Our TPM parsers against tss2-mu's, on valid input: what tss2-mu writes is read by ours as the same values, and what ours
 * writes is read by tss2-mu. On bytes changed at random, what ours accepts tss2-mu must accept too.
 */
#include "evidence/tpm.h"

#include <tss2/tss2_mu.h>

#include "tests/support/tpm_sw.h"
#include "tests/support/unit.h"
#include "tests/support/vectors.h"

#define ROUNDS 2000

/* xorshift: the same numbers in every run. */
static uint64_t seed = 0x9e3779b97f4a7c15;

static uint64_t next(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static void fill(uint8_t *out, size_t len)
{
	for (size_t i = 0; i < len; i++)
		out[i] = (uint8_t)next();
}

static void assert_same(struct bytes ours, const void *theirs, size_t len)
{
	assert_bytes(ours, bytes_of(theirs, len));
}

/* ---- TPMS_ATTEST ---- */

static void random_name(TPM2B_NAME *name)
{
	name->size = (uint16_t)(next() % 67);
	fill(name->name, name->size);
}

static TPMS_ATTEST random_attest(void)
{
	TPMS_ATTEST a = {.magic = TPM2_GENERATED_VALUE};

	random_name(&a.qualifiedSigner);
	a.extraData.size = (uint16_t)(next() % 65);
	fill(a.extraData.buffer, a.extraData.size);
	a.clockInfo = (TPMS_CLOCK_INFO){
		next(), (uint32_t)next(), (uint32_t)next(), (TPMI_YES_NO)(next() & 1)};
	a.firmwareVersion = next();
	if (next() & 1) {
		TPMS_QUOTE_INFO *q = &a.attested.quote;

		a.type = TPM2_ST_ATTEST_QUOTE;
		q->pcrSelect.count = (uint32_t)(next() % (TPM_BANKS_MAX + 1));
		for (uint32_t i = 0; i < q->pcrSelect.count; i++) {
			q->pcrSelect.pcrSelections[i].hash = (uint16_t)(0xb + next() % 3);
			q->pcrSelect.pcrSelections[i].sizeofSelect = 3;
			fill(q->pcrSelect.pcrSelections[i].pcrSelect, 3);
		}
		q->pcrDigest.size = (uint16_t)(next() % 65);
		fill(q->pcrDigest.buffer, q->pcrDigest.size);
	} else {
		a.type = TPM2_ST_ATTEST_CERTIFY;
		random_name(&a.attested.certify.name);
		random_name(&a.attested.certify.qualifiedName);
	}
	return a;
}

static void assert_attest_same(const struct tpms_attest *ours, const TPMS_ATTEST *theirs)
{
	assert_int_equal(ours->magic, theirs->magic);
	assert_int_equal(ours->type, theirs->type);
	assert_same(
		ours->qualified_signer, theirs->qualifiedSigner.name, theirs->qualifiedSigner.size);
	assert_same(ours->extra_data, theirs->extraData.buffer, theirs->extraData.size);
	assert_true(ours->clock == theirs->clockInfo.clock);
	assert_int_equal(ours->reset_count, theirs->clockInfo.resetCount);
	assert_int_equal(ours->restart_count, theirs->clockInfo.restartCount);
	assert_int_equal(ours->safe, theirs->clockInfo.safe);
	assert_true(ours->firmware_version == theirs->firmwareVersion);
	if (ours->type == TPM_ST_ATTEST_CERTIFY) {
		const TPMS_CERTIFY_INFO *c = &theirs->attested.certify;

		assert_same(ours->certify_name, c->name.name, c->name.size);
		assert_same(
			ours->certify_qualified_name, c->qualifiedName.name, c->qualifiedName.size);
	} else if (ours->type == TPM_ST_ATTEST_QUOTE) {
		const TPMS_QUOTE_INFO *q = &theirs->attested.quote;

		assert_int_equal(ours->quote_selection.count, q->pcrSelect.count);
		for (uint32_t i = 0; i < q->pcrSelect.count; i++) {
			const TPMS_PCR_SELECTION *s = &q->pcrSelect.pcrSelections[i];

			assert_int_equal(ours->quote_selection.banks[i].hash, s->hash);
			assert_int_equal(ours->quote_selection.banks[i].pcrs,
				s->pcrSelect[0] | s->pcrSelect[1] << 8 | s->pcrSelect[2] << 16);
		}
		assert_same(ours->quote_pcr_digest, q->pcrDigest.buffer, q->pcrDigest.size);
	}
}

static void attest__written_by_tss__read_the_same(void **state)
{
	(void)state;
	for (size_t round = 0; round < ROUNDS; round++) {
		TPMS_ATTEST theirs = random_attest();
		uint8_t wire[TPM_ATTEST_MAX];
		size_t len = 0;
		struct tpms_attest ours;
		struct buf again = {0};
		struct err err = {0};

		assert_int_equal(Tss2_MU_TPMS_ATTEST_Marshal(&theirs, wire, sizeof(wire), &len),
			TSS2_RC_SUCCESS);
		assert_ok(tpms_attest_parse(bytes_of(wire, len), &ours, &err), err);
		assert_attest_same(&ours, &theirs);
		tpms_attest_put(&again, &ours);
		assert_bytes(buf_bytes(&again), bytes_of(wire, len));
		buf_release(&again);
	}
}

static void attest__changed_bytes__ours_is_no_laxer(void **state)
{
	(void)state;
	for (size_t round = 0; round < ROUNDS; round++) {
		TPMS_ATTEST theirs = random_attest();
		uint8_t wire[TPM_ATTEST_MAX];
		size_t len = 0, at = 0;
		struct tpms_attest ours;
		struct err err;

		assert_int_equal(Tss2_MU_TPMS_ATTEST_Marshal(&theirs, wire, sizeof(wire), &len),
			TSS2_RC_SUCCESS);
		wire[6 + next() % (len - 6)] = (uint8_t)next(); /* magic and type stay */
		if (!tpms_attest_parse(bytes_of(wire, len), &ours, &err))
			continue;
		memset(&theirs, 0, sizeof(theirs));
		assert_int_equal(
			Tss2_MU_TPMS_ATTEST_Unmarshal(wire, len, &at, &theirs), TSS2_RC_SUCCESS);
		assert_int_equal(at, len);
		assert_attest_same(&ours, &theirs);
	}
}

/* ---- TPMT_PUBLIC ---- */

static void assert_public_same(const struct tpmt_public *ours, const TPMT_PUBLIC *theirs)
{
	assert_int_equal(ours->type, theirs->type);
	assert_int_equal(ours->name_alg, theirs->nameAlg);
	assert_int_equal(ours->attributes, theirs->objectAttributes);
	assert_same(ours->auth_policy, theirs->authPolicy.buffer, theirs->authPolicy.size);
	if (ours->type == TPM_ALG_RSA) {
		const TPMS_RSA_PARMS *p = &theirs->parameters.rsaDetail;

		assert_int_equal(ours->symmetric, p->symmetric.algorithm);
		assert_int_equal(ours->scheme, p->scheme.scheme);
		if (ours->scheme_hash)
			assert_int_equal(ours->scheme_hash, p->scheme.details.anySig.hashAlg);
		assert_int_equal(ours->key_bits, p->keyBits);
		assert_int_equal(ours->exponent, p->exponent ? p->exponent : 65537);
		assert_same(ours->n, theirs->unique.rsa.buffer, theirs->unique.rsa.size);
	} else {
		const TPMS_ECC_PARMS *p = &theirs->parameters.eccDetail;

		assert_int_equal(ours->symmetric, p->symmetric.algorithm);
		assert_int_equal(ours->scheme, p->scheme.scheme);
		if (ours->scheme_hash)
			assert_int_equal(ours->scheme_hash, p->scheme.details.anySig.hashAlg);
		assert_int_equal(ours->curve, p->curveID);
		assert_int_equal(ours->kdf, p->kdf.scheme);
		assert_same(ours->x, theirs->unique.ecc.x.buffer, theirs->unique.ecc.x.size);
		assert_same(ours->y, theirs->unique.ecc.y.buffer, theirs->unique.ecc.y.size);
	}
	if (ours->symmetric != TPM_ALG_NULL) {
		const TPMT_SYM_DEF_OBJECT *s = ours->type == TPM_ALG_RSA
						       ? &theirs->parameters.rsaDetail.symmetric
						       : &theirs->parameters.eccDetail.symmetric;

		assert_int_equal(ours->symmetric_bits, s->keyBits.aes);
		assert_int_equal(ours->symmetric_mode, s->mode.aes);
	}
}

/* Reads with both; also a changed copy, which ours may only accept if tss2-mu does. */
static void compare_public(struct bytes wire)
{
	uint8_t changed[TPM_PUBLIC_MAX];
	struct tpmt_public ours;
	TPMT_PUBLIC theirs = {0};
	size_t at = 0;
	struct err err = {0};

	assert_ok(tpmt_public_parse(wire, &ours, &err), err);
	assert_int_equal(
		Tss2_MU_TPMT_PUBLIC_Unmarshal(wire.data, wire.len, &at, &theirs), TSS2_RC_SUCCESS);
	assert_int_equal(at, wire.len);
	assert_public_same(&ours, &theirs);
	for (size_t round = 0; round < ROUNDS / 10; round++) {
		memcpy(changed, wire.data, wire.len);
		changed[next() % wire.len] = (uint8_t)next();
		if (!tpmt_public_parse(bytes_of(changed, wire.len), &ours, &err))
			continue;
		at = 0;
		memset(&theirs, 0, sizeof(theirs));
		assert_int_equal(Tss2_MU_TPMT_PUBLIC_Unmarshal(changed, wire.len, &at, &theirs),
			TSS2_RC_SUCCESS);
		assert_public_same(&ours, &theirs);
	}
}

static void public__every_kind__read_the_same(void **state)
{
	struct err err = {0};

	(void)state;
	for (enum tpm_sw_kind kind = 0; kind < TPM_SW_KINDS; kind++) {
		struct tpm_sw_key *key = NULL;

		assert_ok(tpm_sw_ak_new(kind, 0, &key, &err), err);
		compare_public(buf_bytes(&key->public_area));
		tpm_sw_key_free(&key);
	}
	for (enum ek_template id = EK_TEMPLATE_L1; id <= EK_TEMPLATE_H3; id++) {
		struct tpm_sw_key *key = NULL;

		assert_ok(tpm_sw_ek_new(id, &key, &err), err);
		compare_public(buf_bytes(&key->public_area));
		tpm_sw_key_free(&key);
	}
}

/* ---- TPMT_SIGNATURE ---- */

static void assert_signature_same(const struct tpmt_signature *ours, const TPMT_SIGNATURE *theirs)
{
	assert_int_equal(ours->sig_alg, theirs->sigAlg);
	assert_int_equal(ours->hash, theirs->signature.any.hashAlg);
	if (ours->sig_alg == TPM_ALG_ECDSA) {
		const TPMS_SIGNATURE_ECC *s = &theirs->signature.ecdsa;

		assert_same(ours->r, s->signatureR.buffer, s->signatureR.size);
		assert_same(ours->s, s->signatureS.buffer, s->signatureS.size);
	} else {
		assert_same(ours->rsa, theirs->signature.rsassa.sig.buffer,
			theirs->signature.rsassa.sig.size);
	}
}

static TPMT_SIGNATURE random_signature(void)
{
	static const uint16_t schemes[] = {TPM2_ALG_ECDSA, TPM2_ALG_RSASSA, TPM2_ALG_RSAPSS};
	TPMT_SIGNATURE s = {.sigAlg = schemes[next() % 3]};

	if (s.sigAlg == TPM2_ALG_ECDSA) {
		s.signature.ecdsa.hash = (uint16_t)(0xb + next() % 3);
		s.signature.ecdsa.signatureR.size = (uint16_t)(next() % 67);
		s.signature.ecdsa.signatureS.size = (uint16_t)(next() % 67);
		fill(s.signature.ecdsa.signatureR.buffer, s.signature.ecdsa.signatureR.size);
		fill(s.signature.ecdsa.signatureS.buffer, s.signature.ecdsa.signatureS.size);
	} else {
		s.signature.rsassa.hash = (uint16_t)(0xb + next() % 3);
		s.signature.rsassa.sig.size = (uint16_t)(next() % 513);
		fill(s.signature.rsassa.sig.buffer, s.signature.rsassa.sig.size);
	}
	return s;
}

static void signature__written_by_tss__read_the_same(void **state)
{
	(void)state;
	for (size_t round = 0; round < ROUNDS; round++) {
		TPMT_SIGNATURE theirs = random_signature();
		uint8_t wire[TPM_SIGNATURE_MAX];
		size_t len = 0;
		struct tpmt_signature ours;
		struct buf again = {0};
		struct err err = {0};

		assert_int_equal(Tss2_MU_TPMT_SIGNATURE_Marshal(&theirs, wire, sizeof(wire), &len),
			TSS2_RC_SUCCESS);
		assert_ok(tpmt_signature_parse(bytes_of(wire, len), &ours, &err), err);
		assert_signature_same(&ours, &theirs);
		tpmt_signature_put(&again, &ours);
		assert_bytes(buf_bytes(&again), bytes_of(wire, len));
		buf_release(&again);
	}
}

/* ---- recorded ---- */

static void recorded__read_the_same(void **state)
{
	static const char *const attests[] = {"made/tpm/quote.msg", "made/tpm/qr.msg",
		"made/tpm/cert.msg", "keylime/quote/quoteblob.bin",
		"made/vm/uki-no-secureboot/quote.msg", "made/vm/ima-tcb-ng-sha384bank/quote.msg"};

	(void)state;
	if (!vectors_path(attests[0]))
		skip();
	for (size_t i = 0; i < ARRAY_LEN(attests); i++) {
		struct buf in = {0};
		struct tpms_attest ours;
		TPMS_ATTEST theirs = {0};
		size_t at = 0;
		struct err err = {0};

		assert_true(vectors_read(attests[i], &in));
		assert_ok(tpms_attest_parse(buf_bytes(&in), &ours, &err), err);
		assert_int_equal(Tss2_MU_TPMS_ATTEST_Unmarshal(in.data, in.len, &at, &theirs),
			TSS2_RC_SUCCESS);
		assert_int_equal(at, in.len);
		assert_attest_same(&ours, &theirs);
		buf_release(&in);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(attest__written_by_tss__read_the_same),
		cmocka_unit_test(attest__changed_bytes__ours_is_no_laxer),
		cmocka_unit_test(public__every_kind__read_the_same),
		cmocka_unit_test(signature__written_by_tss__read_the_same),
		cmocka_unit_test(recorded__read_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
