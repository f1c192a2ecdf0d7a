/* SPDX-License-Identifier: Apache-2.0 */
/* The TPM on a software TPM: state, PCRs, quotes of every kind of AK, keys of instances. */
#include "attest/tpm.h"

#include "tests/unit/attest/tpm_fixture.h"

static const uint8_t NONCE[32] = {1, 2, 3};

static struct tpm_quote quote;
static struct buf ak_public;

/* What a test leaves behind is released by the next one, or at the end: a failing assert jumps over
 * everything else. */
static int release_results(void **state)
{
	tpm_quote_release(&quote);
	buf_release(&ak_public);
	return fixture_teardown(state);
}

static void properties__software_tpm__banks_and_maker(void **state)
{
	struct tpm_fixture *f = fixture_of(state);
	struct tpm_properties p;

	assert_ok(tpm_properties(f->tpm, &p, &f->err), f->err);
	assert_string_equal(p.manufacturer, "IBM");
	assert_int_equal(p.bank_count, 2);
	assert_int_equal(p.banks[0], DIGEST_SHA1);
	assert_int_equal(p.banks[1], DIGEST_SHA256);
	assert_false(p.resource_manager);
	assert_false(p.in_lockout);
}

static void clock__two_reads__goes_on(void **state)
{
	struct tpm_fixture *f = fixture_of(state);
	struct tpm_clock a, b;

	assert_ok(tpm_clock(f->tpm, &a, &f->err), f->err);
	assert_ok(tpm_clock(f->tpm, &b, &f->err), f->err);
	assert_true(b.clock >= a.clock);
	assert_int_equal(a.reset_count, b.reset_count);
}

static void pcr_extend__two_banks__both_change_as_computed(void **state)
{
	struct tpm_fixture *f = fixture_of(state);
	struct digest digests[2];
	struct pcr_bank before[2], after;

	for (size_t i = 0; i < 2; i++) {
		enum digest_alg alg = i ? DIGEST_SHA256 : DIGEST_SHA1;
		assert_ok(digest_of(alg, BYTES_LIT("record"), &digests[i], &f->err), f->err);
		assert_ok(tpm_pcr_read(f->tpm, alg, 1u << 15, &before[i], &f->err), f->err);
		assert_ok(pcr_extend(alg, before[i].values[15], digests[i].bytes, &f->err), f->err);
	}
	assert_ok(tpm_pcr_extend(f->tpm, 15, digests, 2, &f->err), f->err);
	for (size_t i = 0; i < 2; i++) {
		assert_ok(tpm_pcr_read(f->tpm, digests[i].alg, 1u << 15, &after, &f->err), f->err);
		assert_int_equal(after.present, 1u << 15);
		assert_memory_equal(after.values[15], before[i].values[15], digests[i].len);
	}
}

static void pcr_read__all__twenty_four(void **state)
{
	struct tpm_fixture *f = fixture_of(state);
	struct pcr_bank bank;

	assert_ok(tpm_pcr_read(f->tpm, DIGEST_SHA256, 0xffffff, &bank, &f->err), f->err);
	assert_int_equal(bank.present, 0xffffff);
	assert_int_equal(bank.values[17][0], 0xff);
}

static void pcr_read__bank_not_allocated__refused(void **state)
{
	struct tpm_fixture *f = fixture_of(state);
	struct pcr_bank bank;

	assert_fails(tpm_pcr_read(f->tpm, DIGEST_SHA384, 1, &bank, &f->err), f->err,
		ERR_UNSUPPORTED,
		"PCRs: this TPM has no sha384 bank of PCRs, or not all of it: allocate it in the "
		"firmware's settings");
}

static void check_quote(struct tpm_fixture *f, enum quote_fault wanted)
{
	struct tpml_pcr_selection selection = {.count = 1, .banks = {{TPM_ALG_SHA256, 0xffff}}};
	struct tpmt_public ak;
	struct key *key = NULL;
	struct quote_result result;
	struct quote_input input = {.message = buf_bytes(&quote.message),
		.signature = buf_bytes(&quote.signature),
		.ak = &ak,
		.hierarchy = TPM_RH_ENDORSEMENT,
		.nonce = BYTES_OF(NONCE),
		.selection = &selection,
		.banks = &quote.pcrs,
		.bank_count = 1};
	bool ok;

	assert_ok(tpmt_public_parse(buf_bytes(&ak_public), &ak, &f->err), f->err);
	assert_ok(ak_check(&ak, &f->err), f->err);
	assert_ok(tpmt_public_key(&ak, &key, &f->err), f->err);
	input.key = key;
	ok = quote_check(&input, &result, &f->err);
	key_unref(&key);
	assert_true(ok);
	if (result.fault != wanted)
		fail_msg("%s: expected %s, actual %s", quote_fault_name(result.fault),
			result.expected, result.actual);
}

static void quote_with(struct tpm_fixture *f, struct tpm_ak_options options)
{
	assert_ok(tpm_ak(f->tpm, &options, &ak_public, &f->err), f->err);
	assert_ok(tpm_quote(f->tpm, BYTES_OF(NONCE), DIGEST_SHA256, &quote, &f->err), f->err);
	check_quote(f, QUOTE_OK);
}

static void quote__ecc_p256__verifies(void **state)
{
	quote_with(fixture_of(state), (struct tpm_ak_options){.kind = AK_ECC_P256});
}

static void quote__rsa_2048__verifies(void **state)
{
	quote_with(fixture_of(state),
		(struct tpm_ak_options){.kind = AK_RSA_2048, .handle = 0x81018002});
}

static void quote__ecc_p384__verifies(void **state)
{
	quote_with(fixture_of(state),
		(struct tpm_ak_options){.kind = AK_ECC_P384, .handle = 0x81018003});
}

static void quote__transient_ak__verifies(void **state)
{
	struct tpm_fixture *f = fixture_of(state);

	quote_with(f, (struct tpm_ak_options){.kind = AK_ECC_P256, .transient = true});
	tpm_quote_release(&quote);
	assert_ok(tpm_quote(f->tpm, BYTES_OF(NONCE), DIGEST_SHA256, &quote, &f->err), f->err);
	check_quote(f, QUOTE_OK);
}

static void quote__value_changed_afterwards__does_not_hash(void **state)
{
	struct tpm_fixture *f = fixture_of(state);

	quote_with(f, (struct tpm_ak_options){.kind = AK_ECC_P256});
	quote.pcrs.values[3][0] ^= 1;
	check_quote(f, QUOTE_PCR_DIGEST);
}

static void quote__before_ak__refused(void **state)
{
	struct tpm_fixture *f = fixture_of(state);

	assert_fails(tpm_quote(f->tpm, BYTES_OF(NONCE), DIGEST_SHA256, &quote, &f->err), f->err,
		ERR_USAGE, "quote: no AK was made yet");
}

/* TPM2_PCR_Extend of PCR 14 (sha256) with the empty password. */
static const uint8_t EXTEND_14[] = {0x80, 0x02, 0, 0, 0, 0x41, 0, 0, 0x01, 0x82, 0, 0, 0, 14, 0, 0,
	0, 9, 0x40, 0, 0, 0x09, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0x0b, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9,
	9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9};

static void quote__pcr_changes_meanwhile__starts_over(void **state)
{
	struct tpm_fixture *f = fixture_of(state);

	f->fault.before = BYTES_OF(EXTEND_14);
	fixture_respond(f, TPM2_CC_PCR_Read, 1, 0);
	quote_with(f, (struct tpm_ak_options){.kind = AK_ECC_P256});
	assert_int_equal(f->fault.times, 0);
	assert_int_equal(f->fault.seen, 4);
}

static void quote__pcr_changes_all_the_time__ends_busy(void **state)
{
	struct tpm_fixture *f = fixture_of(state);

	assert_ok(tpm_ak(f->tpm, &(struct tpm_ak_options){0}, &ak_public, &f->err), f->err);
	f->fault.before = BYTES_OF(EXTEND_14);
	fixture_respond(f, TPM2_CC_PCR_Read, 1000, 0);
	assert_fails(tpm_quote(f->tpm, BYTES_OF(NONCE), DIGEST_SHA256, &quote, &f->err), f->err,
		ERR_BUSY,
		"quote: PCRs keep changing between quote and read (5 tries): something extends all "
		"the "
		"time, or the values read are not the TPM's");
	assert_int_equal(quote.message.len, 0);
}

static void ak__made_twice__same_key(void **state)
{
	struct tpm_fixture *f = fixture_of(state);
	struct buf again = {0};
	bool same;

	assert_ok(tpm_ak(f->tpm, &(struct tpm_ak_options){0}, &ak_public, &f->err), f->err);
	assert_ok(tpm_ak(f->tpm, &(struct tpm_ak_options){0}, &again, &f->err), f->err);
	same = bytes_equal(buf_bytes(&again), buf_bytes(&ak_public));
	buf_release(&again);
	assert_true(same);
}

static void ak__expected_name__not_made_again(void **state)
{
	struct tpm_fixture *f = fixture_of(state);
	struct tpm_ak_options options = {0};
	struct tpmt_public ak;

	assert_ok(tpm_ak(f->tpm, &options, &ak_public, &f->err), f->err);
	assert_ok(tpmt_public_parse(buf_bytes(&ak_public), &ak, &f->err), f->err);
	assert_ok(tpm_name_of(&ak, &options.expected, &f->err), f->err);
	f->fault.command = TPM2_CC_CreatePrimary;
	f->fault.seen = 0;
	assert_ok(tpm_ak(f->tpm, &options, &ak_public, &f->err), f->err);
	assert_int_equal(f->fault.seen, 0);
}

static void ak__handle_holds_another_kind__left_alone(void **state)
{
	struct tpm_fixture *f = fixture_of(state);
	struct tpm_ak_options options = {.kind = AK_ECC_P256, .handle = 0x81010001};

	assert_fails(tpm_ak(f->tpm, &options, &ak_public, &f->err), f->err, ERR_CONFLICT,
		"attestation key: persistent handle 0x81010001 holds a key of another kind, and is "
		"left "
		"alone: choose another handle for the AK, or remove what is there with "
		"tpm2_evictcontrol -c 0x81010001");
}

static void ak__other_generation_at_same_handle__left_alone(void **state)
{
	struct tpm_fixture *f = fixture_of(state);
	struct tpm_ak_options options = {.generation = 7};

	assert_ok(tpm_ak(f->tpm, &(struct tpm_ak_options){0}, &ak_public, &f->err), f->err);
	assert_fails(tpm_ak(f->tpm, &options, &ak_public, &f->err), f->err, ERR_CONFLICT,
		"attestation key: persistent handle 0x81018001 holds another AK (of another "
		"generation?), "
		"and is left alone: choose another handle for the AK, or remove what is there with "
		"tpm2_evictcontrol -c 0x81018001");
}

/* The same template below the owner's seed: whoever knows the owner's password could put it there. */
static void ak__handle_holds_key_of_another_hierarchy__left_alone(void **state)
{
	struct tpm_fixture *f = fixture_of(state);
	struct esys *t = (struct esys *)f->tpm;
	struct tpm_ak_options options = {.handle = 0x81018008};
	struct esys_object object = ESYS_OBJECT_NONE(t);
	TPM2B_PUBLIC area = {.publicArea = {.type = TPM2_ALG_ECC,
				     .nameAlg = TPM2_ALG_SHA256,
				     .objectAttributes = 0x00050472,
				     .parameters.eccDetail = {.symmetric.algorithm = TPM2_ALG_NULL,
					     .scheme.scheme = TPM2_ALG_ECDSA,
					     .scheme.details.ecdsa.hashAlg = TPM2_ALG_SHA256,
					     .curveID = TPM2_ECC_NIST_P256,
					     .kdf.scheme = TPM2_ALG_NULL}}};
	ESYS_TR persistent;

	assert_ok(esys_create_primary(
			  t, ESYS_TR_RH_OWNER, &area, ESYS_TR_PASSWORD, &object, NULL, &f->err),
		f->err);
	assert_int_equal(
		Esys_EvictControl(t->context, ESYS_TR_RH_OWNER, object.tr, ESYS_TR_PASSWORD,
			ESYS_TR_NONE, ESYS_TR_NONE, options.handle, &persistent),
		0);
	esys_object_release(&object);
	Esys_TR_Close(t->context, &persistent);
	assert_fails(tpm_ak(f->tpm, &options, &ak_public, &f->err), f->err, ERR_CONFLICT,
		"attestation key: persistent handle 0x81018008 holds a key of another hierarchy, "
		"and is "
		"left alone: choose another handle for the AK, or remove what is there with "
		"tpm2_evictcontrol -c 0x81018008");
}

static void ak__generation__gives_another_key(void **state)
{
	struct tpm_fixture *f = fixture_of(state);
	struct tpm_ak_options options = {.generation = 1, .handle = 0x81018004};
	struct buf other = {0};
	bool same;

	assert_ok(tpm_ak(f->tpm, &(struct tpm_ak_options){0}, &ak_public, &f->err), f->err);
	assert_ok(tpm_ak(f->tpm, &options, &other, &f->err), f->err);
	same = bytes_equal(buf_bytes(&other), buf_bytes(&ak_public));
	buf_release(&other);
	assert_false(same);
}

static void ak_look__before_and_after__there(void **state)
{
	struct tpm_fixture *f = fixture_of(state);
	struct tpm_ak_options options = {.handle = 0x81018007};
	bool there = true;

	assert_ok(tpm_ak_look(f->tpm, &options, &there, &f->err), f->err);
	assert_false(there);
	assert_ok(tpm_ak(f->tpm, &options, &ak_public, &f->err), f->err);
	assert_ok(tpm_ak_look(f->tpm, &options, &there, &f->err), f->err);
	assert_true(there);
	options.kind = AK_RSA_2048;
	assert_false(tpm_ak_look(f->tpm, &options, &there, &f->err));
	assert_int_equal(f->err.code, ERR_CONFLICT);
}

struct worker {
	struct tpm *tpm;
	struct digest digest;
	unsigned failures;
	pthread_t thread;
};

static void *extend_and_quote(void *context)
{
	struct worker *w = context;

	for (int i = 0; i < 10; i++) {
		struct tpm_quote mine;
		if (!tpm_pcr_extend(w->tpm, 15, &w->digest, 1, NULL) ||
			!tpm_quote(w->tpm, BYTES_OF(NONCE), DIGEST_SHA256, &mine, NULL))
			w->failures++;
		else
			tpm_quote_release(&mine);
	}
	return NULL;
}

static void tpm__four_threads__every_extend_counted(void **state)
{
	struct tpm_fixture *f = fixture_of(state);
	struct worker workers[4] = {0};
	struct pcr_bank before, after;

	assert_ok(tpm_ak(f->tpm, &(struct tpm_ak_options){0}, &ak_public, &f->err), f->err);
	assert_ok(tpm_pcr_read(f->tpm, DIGEST_SHA256, 1u << 15, &before, &f->err), f->err);
	for (size_t i = 0; i < ARRAY_LEN(workers); i++) {
		workers[i].tpm = f->tpm;
		assert_ok(digest_of(DIGEST_SHA256, BYTES_LIT("same"), &workers[i].digest, &f->err),
			f->err);
		assert_int_equal(
			pthread_create(&workers[i].thread, NULL, extend_and_quote, &workers[i]), 0);
	}
	for (size_t i = 0; i < ARRAY_LEN(workers); i++) {
		pthread_join(workers[i].thread, NULL);
		assert_int_equal(workers[i].failures, 0);
	}
	for (int i = 0; i < 40; i++)
		assert_ok(pcr_extend(DIGEST_SHA256, before.values[15], workers[0].digest.bytes,
				  &f->err),
			f->err);
	assert_ok(tpm_pcr_read(f->tpm, DIGEST_SHA256, 1u << 15, &after, &f->err), f->err);
	assert_memory_equal(before.values[15], after.values[15], SHA256_LEN);
}

int main(void)
{
#define ROW(name) cmocka_unit_test_setup_teardown(name, fixture_setup, release_results)
	const struct CMUnitTest tests[] = {
		ROW(properties__software_tpm__banks_and_maker),
		ROW(clock__two_reads__goes_on),
		ROW(pcr_extend__two_banks__both_change_as_computed),
		ROW(pcr_read__all__twenty_four),
		ROW(pcr_read__bank_not_allocated__refused),
		ROW(quote__before_ak__refused),
		ROW(quote__ecc_p256__verifies),
		ROW(quote__rsa_2048__verifies),
		ROW(quote__ecc_p384__verifies),
		ROW(quote__transient_ak__verifies),
		ROW(quote__value_changed_afterwards__does_not_hash),
		ROW(quote__pcr_changes_meanwhile__starts_over),
		ROW(quote__pcr_changes_all_the_time__ends_busy),
		ROW(ak__made_twice__same_key),
		ROW(ak__expected_name__not_made_again),
		ROW(ak__handle_holds_another_kind__left_alone),
		ROW(ak__other_generation_at_same_handle__left_alone),
		ROW(ak__handle_holds_key_of_another_hierarchy__left_alone),
		ROW(ak__generation__gives_another_key),
		ROW(ak_look__before_and_after__there),
		ROW(tpm__four_threads__every_extend_counted),
	};

	setenv("TSS2_LOG", "all+NONE", 0);
	return cmocka_run_group_tests(tests, fixture_group_setup, fixture_group_teardown);
}
