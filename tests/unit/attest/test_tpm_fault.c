/* SPDX-License-Identifier: Apache-2.0 */
/* What goes wrong with TPMs: busy, locked out, reset, gone, full, passwords wrong. */
#include "attest/tpm.h"

#include "tests/unit/attest/tpm_fixture.h"

static const uint8_t NONCE[32] = {4, 5, 6};

static void clock__busy_for_a_while__retried_with_backoff(void **state)
{
	static const uint32_t codes[] = {TPM2_RC_RETRY, TPM2_RC_YIELDED, TPM2_RC_TESTING};
	struct tpm_fixture *f = fixture_of(state);
	struct tpm_clock clock;

	for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
		f->pauses = f->paused_ms = 0;
		/* ESYS itself sends a command five times. */
		fixture_respond(f, TPM2_CC_ReadClock, 12, codes[i]);
		assert_ok(tpm_clock(f->tpm, &clock, &f->err), f->err);
		assert_int_equal(f->pauses, 2);
		assert_int_equal(f->paused_ms, 30);
	}
}

static void clock__busy_for_ever__ends(void **state)
{
	struct tpm_fixture *f = fixture_of(state);
	struct tpm_clock clock;

	fixture_respond(f, TPM2_CC_ReadClock, 1000000, TPM2_RC_TESTING);
	assert_fails(tpm_clock(f->tpm, &clock, &f->err), f->err, ERR_BUSY,
		"TPM clock: the TPM stays busy after 10 tries: TPM2_ReadClock: tpm:warn(2.0): TPM "
		"is "
		"performing selftests (0x90a)");
	assert_true(f->paused_ms > 1000 && f->paused_ms < 5000);
}

static void extend__busy__extended_once(void **state)
{
	struct tpm_fixture *f = fixture_of(state);
	struct pcr_bank before, after;
	struct digest digest;

	assert_ok(digest_of(DIGEST_SHA256, BYTES_LIT("x"), &digest, &f->err), f->err);
	assert_ok(tpm_pcr_read(f->tpm, DIGEST_SHA256, 1u << 15, &before, &f->err), f->err);
	fixture_respond(f, TPM2_CC_PCR_Extend, 7, TPM2_RC_RETRY);
	assert_ok(tpm_pcr_extend(f->tpm, 15, &digest, 1, &f->err), f->err);
	assert_ok(tpm_pcr_read(f->tpm, DIGEST_SHA256, 1u << 15, &after, &f->err), f->err);
	assert_ok(pcr_extend(DIGEST_SHA256, before.values[15], digest.bytes, &f->err), f->err);
	assert_memory_equal(before.values[15], after.values[15], SHA256_LEN);
}

static void extend__connection_lost__not_tried_again(void **state)
{
	struct tpm_fixture *f = fixture_of(state);
	struct digest digest;

	assert_ok(digest_of(DIGEST_SHA256, BYTES_LIT("x"), &digest, &f->err), f->err);
	fixture_respond(f, TPM2_CC_PCR_Extend, 1, 0);
	f->fault.broken = true;
	assert_false(tpm_pcr_extend(f->tpm, 15, &digest, 1, &f->err));
	assert_int_equal(f->err.code, ERR_TPM);
	assert_non_null(
		strstr(f->err.text, "PCR 15: extending: the TPM is gone: TPM2_PCR_Extend: "));
	assert_int_equal(f->fault.seen, 1);
	/* The next call connects again. */
	assert_ok(tpm_pcr_extend(f->tpm, 15, &digest, 1, &f->err), f->err);
}

static void clock__lockout__says_how_long(void **state)
{
	struct tpm_fixture *f = fixture_of(state);
	struct tpm_clock clock;

	fixture_respond(f, TPM2_CC_ReadClock, 1, TPM2_RC_LOCKOUT);
	assert_false(tpm_clock(f->tpm, &clock, &f->err));
	assert_int_equal(f->err.code, ERR_DENIED);
	assert_non_null(strstr(f->err.text, "it refuses passwords after too many wrong ones"));
	assert_non_null(strstr(f->err.text,
		"0 failed tries are counted, 3 are allowed, one is forgiven every "
		"1000 seconds: wait, or"));
}

static void quote__power_cycled__reset_told_once(void **state)
{
	struct tpm_fixture *f = fixture_of(state);
	struct tpm_quote quote;
	struct buf ak = {0};
	struct err first = {0};
	bool ok;

	assert_ok(tpm_ak(f->tpm, &(struct tpm_ak_options){0}, &ak, &f->err), f->err);
	buf_release(&ak);
	assert_ok(swtpm_power_cycle(&f->swtpm, &f->err), f->err);
	ok = tpm_quote(f->tpm, BYTES_OF(NONCE), DIGEST_SHA256, &quote, &first);
	assert_false(ok);
	assert_int_equal(first.code, ERR_TPM);
	assert_non_null(strstr(first.text, "quote: the TPM was reset under us: resetCount "));
	assert_ok(tpm_quote(f->tpm, BYTES_OF(NONCE), DIGEST_SHA256, &quote, &f->err), f->err);
	tpm_quote_release(&quote);
}

static void extend__power_cycled__refused_once(void **state)
{
	struct tpm_fixture *f = fixture_of(state);
	static const uint8_t zeros[SHA256_LEN];
	struct pcr_bank bank;
	struct digest digest;

	assert_ok(digest_of(DIGEST_SHA256, BYTES_LIT("x"), &digest, &f->err), f->err);
	assert_ok(tpm_pcr_extend(f->tpm, 15, &digest, 1, &f->err), f->err);
	assert_ok(swtpm_power_cycle(&f->swtpm, &f->err), f->err);
	assert_false(tpm_pcr_extend(f->tpm, 15, &digest, 1, &f->err));
	assert_non_null(strstr(f->err.text, "the TPM was reset under us"));
	assert_ok(tpm_pcr_read(f->tpm, DIGEST_SHA256, 1u << 15, &bank, &f->err), f->err);
	assert_memory_equal(bank.values[15], zeros, SHA256_LEN);
}

static void clock__switched_off_and_on__gone_then_back(void **state)
{
	struct tpm_fixture *f = fixture_of(state);
	struct tpm_clock clock;

	assert_ok(swtpm_power_off(&f->swtpm, &f->err), f->err);
	for (int i = 0; i < 2; i++) {
		assert_false(tpm_clock(f->tpm, &clock, &f->err));
		assert_int_equal(f->err.code, ERR_TPM);
		assert_non_null(strstr(f->err.text, "TPM clock: the TPM is gone: "));
	}
	assert_ok(swtpm_power_on(&f->swtpm, &f->err), f->err);
	assert_false(tpm_clock(f->tpm, &clock, &f->err));
	assert_non_null(strstr(f->err.text, "the TPM was reset under us"));
	assert_ok(tpm_clock(f->tpm, &clock, &f->err), f->err);
}

/* TPM2_FlushContext of the first HMAC session: what another program without manners does. */
static void quote__session_flushed_by_another__made_again(void **state)
{
	static const uint8_t flush[] = {0x80, 0x01, 0, 0, 0, 14, 0, 0, 0x01, 0x65, 0x02, 0, 0, 0};
	struct tpm_fixture *f = fixture_of(state);
	struct buf ak = {0}, answer = {0};
	struct tpm_quote quote;
	uint8_t code[4];

	assert_ok(tpm_ak(f->tpm, &(struct tpm_ak_options){0}, &ak, &f->err), f->err);
	buf_release(&ak);
	assert_ok(swtpm_command(&f->swtpm, BYTES_OF(flush), &answer, &f->err), f->err);
	memcpy(code, answer.data + 6, 4);
	buf_release(&answer);
	assert_memory_equal(code, "\0\0\0\0", 4);
	assert_ok(tpm_quote(f->tpm, BYTES_OF(NONCE), DIGEST_SHA256, &quote, &f->err), f->err);
	tpm_quote_release(&quote);
}

/* TPM2_Clear with the platform's empty password. */
static const uint8_t CLEAR[] = {0x80, 0x02, 0, 0, 0, 27, 0, 0, 0x01, 0x26, 0x40, 0, 0, 0x0c, 0, 0,
	0, 9, 0x40, 0, 0, 0x09, 0, 0, 0, 0, 0};

static void quote__tpm_cleared__same_ak_made_again(void **state)
{
	struct tpm_fixture *f = fixture_of(state);
	struct buf ak = {0}, answer = {0};
	struct tpm_quote quote;
	struct err err = {0};

	assert_ok(tpm_ak(f->tpm, &(struct tpm_ak_options){0}, &ak, &f->err), f->err);
	buf_release(&ak);
	assert_ok(swtpm_command(&f->swtpm, BYTES_OF(CLEAR), &answer, &f->err), f->err);
	buf_release(&answer);
	/* The counters went back: told once, as a reset. */
	if (!tpm_quote(f->tpm, BYTES_OF(NONCE), DIGEST_SHA256, &quote, &err)) {
		assert_non_null(strstr(err.text, "the TPM was reset under us"));
		assert_ok(
			tpm_quote(f->tpm, BYTES_OF(NONCE), DIGEST_SHA256, &quote, &f->err), f->err);
	}
	tpm_quote_release(&quote);
}

/* TPM2_StartAuthSession, unsalted, HMAC. */
static const uint8_t START_SESSION[] = {0x80, 0x01, 0, 0, 0, 43, 0, 0, 0x01, 0x76, 0x40, 0, 0, 0x07,
	0x40, 0, 0, 0x07, 0, 16, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 0, 0, 0, 0,
	0x10, 0, 0x0b};

static void open__slots_full_of_stale_sessions__flushed(void **state)
{
	struct tpm_fixture *f = fixture_of(state);
	struct buf ak = {0}, answer = {0};

	tpm_free(&f->tpm);
	for (int i = 0; i < 4; i++) {
		buf_clear(&answer);
		assert_ok(swtpm_command(&f->swtpm, BYTES_OF(START_SESSION), &answer, &f->err),
			f->err);
	}
	/* TPM_RC_SESSION_MEMORY: the slots are full. */
	assert_int_equal(answer.data[8] << 8 | answer.data[9], TPM2_RC_SESSION_MEMORY);
	buf_release(&answer);
	assert_true(fixture_open(f, "", ""));
	assert_ok(tpm_ak(f->tpm, &(struct tpm_ak_options){0}, &ak, &f->err), f->err);
	buf_release(&ak);
}

/* TPM2_HierarchyChangeAuth from one password to another of at most 8 characters. */
static void change_password(
	struct tpm_fixture *f, uint8_t hierarchy, const char *from, const char *to)
{
	static const uint8_t head[] = {0, 0, 0x01, 0x29, 0x40, 0, 0};
	struct buf command = {0}, answer = {0};
	uint16_t code;

	buf_put_be16(&command, 0x8002);
	buf_put_be32(&command, (uint32_t)(29 + strlen(from) + strlen(to)));
	buf_put(&command, BYTES_OF(head));
	buf_put_u8(&command, hierarchy);
	buf_put_be32(&command, (uint32_t)(9 + strlen(from)));
	buf_put_be32(&command, 0x40000009);
	buf_put_be16(&command, 0);
	buf_put_u8(&command, 0);
	buf_put_be16(&command, (uint16_t)strlen(from));
	buf_put_str(&command, from);
	buf_put_be16(&command, (uint16_t)strlen(to));
	buf_put_str(&command, to);
	assert_ok(swtpm_command(&f->swtpm, buf_bytes(&command), &answer, &f->err), f->err);
	code = (uint16_t)(answer.data[8] << 8 | answer.data[9]);
	buf_release(&command);
	buf_release(&answer);
	assert_int_equal(code, 0);
}

static void ak__passwords_set__right_ones_work_wrong_ones_denied(void **state)
{
	struct tpm_fixture *f = fixture_of(state);
	struct tpm_ak_options options = {.handle = 0x81018009};
	struct buf ak = {0};
	struct err wrong_endorsement = {0}, wrong_owner = {0}, right = {0};
	bool ok;

	change_password(f, 0x0b, "", "endorse");
	change_password(f, 0x01, "", "owner");
	tpm_free(&f->tpm);
	ok = fixture_open(f, "owner", "wrong") && tpm_ak(f->tpm, &options, &ak, &wrong_endorsement);
	tpm_free(&f->tpm);
	ok = ok ||
	     (fixture_open(f, "wrong", "endorse") && tpm_ak(f->tpm, &options, &ak, &wrong_owner));
	tpm_free(&f->tpm);
	ok = !ok && fixture_open(f, "owner", "endorse") && tpm_ak(f->tpm, &options, &ak, &right);
	buf_release(&ak);
	change_password(f, 0x0b, "endorse", "");
	change_password(f, 0x01, "owner", "");
	assert_string_equal(right.text, "");
	assert_true(ok);
	assert_int_equal(wrong_endorsement.code, ERR_DENIED);
	assert_non_null(strstr(wrong_endorsement.text, "wrong owner or endorsement password"));
	assert_int_equal(wrong_owner.code, ERR_DENIED);
	assert_non_null(strstr(wrong_owner.text, "TPM2_EvictControl"));
}

static void open__device_absent__says_so(void **state)
{
	struct tpm_options options = {.tcti = "device:/dev/no-such-tpm"};
	struct tpm *tpm = NULL;
	struct err err;

	(void)state;
	assert_fails(tpm_open(&options, &tpm, &err), err, ERR_NOT_FOUND,
		"/dev/no-such-tpm: there is no such device: enable the TPM in the firmware's "
		"settings, "
		"or name another one");
	assert_null(tpm);
}

static void open__tcti_unknown__usage(void **state)
{
	struct tpm_options options = {.tcti = "nonsense:x"};
	struct tpm *tpm = NULL;
	struct err err = {0};

	(void)state;
	assert_false(tpm_open(&options, &tpm, &err));
	assert_int_equal(err.code, ERR_USAGE);
	assert_non_null(strstr(err.text, "TCTI \"nonsense:x\": "));
}

static void open__password_too_long__usage(void **state)
{
	static const uint8_t password[TPM_AUTH_MAX + 1];
	struct tpm_options options = {
		.tcti = "swtpm:path=/nowhere", .owner_auth = BYTES_OF(password)};
	struct tpm *tpm = NULL;
	struct err err;

	(void)state;
	assert_fails(tpm_open(&options, &tpm, &err), err, ERR_USAGE,
		"owner password: longer than 64 bytes");
}

static void fault_of__codes__sorted(void **state)
{
	static const struct {
		TSS2_RC rc;
		enum esys_fault fault;
	} rows[] = {
		{TPM2_RC_RETRY, ESYS_PATIENCE},
		{TSS2_RESMGR_TPM_RC_LAYER | TPM2_RC_TESTING, ESYS_PATIENCE},
		{TPM2_RC_REFERENCE_H0 + 3, ESYS_STALE},
		{TPM2_RC_REFERENCE_S0 + 6, ESYS_STALE},
		{TPM2_RC_NV_RATE, ESYS_PATIENCE},
		{TPM2_RC_HANDLE | TPM2_RC_1, ESYS_MISSING},
		{TPM2_RC_AUTH_FAIL | TPM2_RC_S | TPM2_RC_1, ESYS_AUTH},
		{TPM2_RC_CURVE | TPM2_RC_P | TPM2_RC_2, ESYS_UNSUPPORTED},
		{TPM2_RC_INITIALIZE, ESYS_GONE},
		{TSS2_TCTI_RC_IO_ERROR, ESYS_GONE},
		{TSS2_ESYS_RC_BAD_VALUE, ESYS_OTHER},
		{TSS2_RC_SUCCESS, ESYS_OTHER},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_int_equal(esys_fault_of(rows[i].rc), rows[i].fault);
}

/* ---- answers that are not the TPM's ---- */

/* A long list of curves, which lies in the same union as what was asked for, and is longer there. */
static void put_curves(struct buf *out)
{
	const uint32_t count = TPM2_MAX_ECC_CURVES;

	buf_put_be16(out, TPM2_ST_NO_SESSIONS);
	buf_put_be32(out, 10 + 1 + 4 + 4 + 2 * count);
	buf_put_be32(out, TPM2_RC_SUCCESS);
	buf_put_u8(out, TPM2_NO);
	buf_put_be32(out, TPM2_CAP_ECC_CURVES);
	buf_put_be32(out, count);
	for (uint32_t i = 0; i < count; i++)
		buf_put_be16(out, 3);
}

static void capability__answer_of_another_kind__refused(void **state)
{
	struct tpm_fixture *f = fixture_of(state);
	struct tpm_properties p;
	struct buf curves = {0};
	struct err errs[4] = {{0}};

	put_curves(&curves);
	/* Two groups of properties and the banks. */
	for (unsigned i = 0; i < 3; i++) {
		fixture_respond(f, TPM2_CC_GetCapability, 1, 0);
		f->fault.skip = i;
		f->fault.answer = buf_bytes(&curves);
		(void)!tpm_properties(f->tpm, &p, &errs[i]);
	}
	/* Handles of what somebody left behind. */
	tpm_free(&f->tpm);
	fixture_respond(f, TPM2_CC_GetCapability, 1, 0);
	if (!fixture_open(f, "", ""))
		errs[3] = f->err;
	buf_release(&curves);
	f->fault.answer = bytes_of(NULL, 0);
	for (size_t i = 0; i < ARRAY_LEN(errs); i++) {
		assert_int_equal(errs[i].code, ERR_TPM);
		assert_non_null(strstr(errs[i].text, "TPM2_GetCapability: not what was asked for"));
	}
}

/* What lies in an RSA signature's bytes would be taken for the lengths of two numbers. */
static void ecdsa_der__signature_of_another_kind__refused(void **state)
{
	TPMT_SIGNATURE *signature = malloc(sizeof(*signature));
	struct buf out = {0};
	struct err err = {0};
	bool ok;

	(void)state;
	assert_non_null(signature);
	memset(signature, 0xff, sizeof(*signature));
	signature->sigAlg = TPM2_ALG_RSASSA;
	ok = esys_ecdsa_der(signature, &out, &err);
	free(signature);
	buf_release(&out);
	assert_false(ok);
	assert_int_equal(err.code, ERR_TPM);
	assert_string_equal(err.text, "TPM2_Sign: a signature of kind 0x0014, not ECDSA");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fault_of__codes__sorted),
		cmocka_unit_test(ecdsa_der__signature_of_another_kind__refused),
		TPM_TEST(capability__answer_of_another_kind__refused),
		cmocka_unit_test(open__device_absent__says_so),
		cmocka_unit_test(open__tcti_unknown__usage),
		cmocka_unit_test(open__password_too_long__usage),
		TPM_TEST(clock__busy_for_a_while__retried_with_backoff),
		TPM_TEST(clock__busy_for_ever__ends),
		TPM_TEST(extend__busy__extended_once),
		TPM_TEST(extend__connection_lost__not_tried_again),
		TPM_TEST(clock__lockout__says_how_long),
		TPM_TEST(quote__power_cycled__reset_told_once),
		TPM_TEST(extend__power_cycled__refused_once),
		TPM_TEST(clock__switched_off_and_on__gone_then_back),
		TPM_TEST(quote__session_flushed_by_another__made_again),
		TPM_TEST(open__slots_full_of_stale_sessions__flushed),
		TPM_TEST(ak__passwords_set__right_ones_work_wrong_ones_denied),
		TPM_TEST(quote__tpm_cleared__same_ak_made_again),
	};

	setenv("TSS2_LOG", "all+NONE", 0);
	return cmocka_run_group_tests(tests, fixture_group_setup, fixture_group_teardown);
}
