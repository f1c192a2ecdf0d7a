/* SPDX-License-Identifier: Apache-2.0 */
/* Each check of a quote has a case here that only that check refuses. */
#include "evidence/tpm.h"

#include "parse_check.h"
#include "tests/support/tpm_sw.h"
#include "tests/support/vectors.h"

static const uint8_t NONCE[32] = {1, 2, 3};
static struct tpm_sw_key *ak, *other, *weak, *keys[TPM_SW_KINDS];
static struct pcr_bank bank = {.alg = DIGEST_SHA256, .present = 0x000083};
static struct tpml_pcr_selection selection = {.count = 1, .banks = {{TPM_ALG_SHA256, 0x000083}}};

/* One quote, or certification, about to be checked. */
static struct buf message, signature;
static struct tpms_attest attest;
static struct digest digest;
static struct quote_input input;
static struct quote_result result;

static int group_setup(void **state)
{
	struct err err;

	(void)state;
	for (enum tpm_sw_kind kind = 0; kind < TPM_SW_KINDS; kind++)
		if (!tpm_sw_ak_new(kind, 0, &keys[kind], &err))
			return -1;
	ak = keys[TPM_SW_ECDSA_P256];
	for (size_t i = 0; i < TPM_PCRS; i++)
		memset(bank.values[i], (int)i + 1, 32);
	return tpm_sw_ak_new(TPM_SW_ECDSA_P256, 0, &other, &err) &&
			       tpm_sw_ak_new(TPM_SW_ECDSA_P256, TPM_SW_KEY_ATTRIBUTES, &weak, &err)
		       ? 0
		       : -1;
}

static int group_teardown(void **state)
{
	(void)state;
	for (enum tpm_sw_kind kind = 0; kind < TPM_SW_KINDS; kind++)
		tpm_sw_key_free(&keys[kind]);
	tpm_sw_key_free(&other);
	tpm_sw_key_free(&weak);
	buf_release(&message);
	buf_release(&signature);
	return 0;
}

/* An honest quote's fields and what is demanded of it; a test then changes one thing. */
static int setup(void **state)
{
	struct err err;

	(void)state;
	attest = tpm_sw_attest(ak, TPM_ST_ATTEST_QUOTE, BYTES_OF(NONCE));
	if (!tpm_sw_pcr_digest(ak, &selection, &bank, &digest, &err))
		return -1;
	attest.quote_selection = selection;
	attest.quote_pcr_digest = digest_bytes(&digest);
	input = (struct quote_input){
		.ak = &ak->view,
		.key = ak->key,
		.hierarchy = TPM_RH_ENDORSEMENT,
		.nonce = BYTES_OF(NONCE),
		.selection = &selection,
		.banks = &bank,
		.bank_count = 1,
	};
	return 0;
}

/* Encodes and signs by `signer`, and checks. */
static enum quote_fault judged(const struct tpm_sw_key *signer)
{
	struct err err = {0};

	buf_clear(&message);
	buf_clear(&signature);
	tpms_attest_put(&message, &attest);
	assert_ok(tpm_sw_sign(signer, buf_bytes(&message), &signature, &err), err);
	input.message = buf_bytes(&message);
	input.signature = buf_bytes(&signature);
	assert_ok(quote_check(&input, &result, &err), err);
	return result.fault;
}

static enum quote_fault checked(void)
{
	struct err err = {0};

	assert_ok(quote_check(&input, &result, &err), err);
	return result.fault;
}

static bool nothing_exported(void)
{
	const struct tpms_attest zero = {0};

	return memcmp(&result.attest, &zero, sizeof(zero)) == 0;
}

static void quote__honest__ok(void **state)
{
	(void)state;
	assert_int_equal(judged(ak), QUOTE_OK);
	assert_true(result.attest.clock == 1000);
	assert_int_equal(result.attest.reset_count, 1);
	assert_true(result.attest.safe);
}

static void quote__every_kind_of_key__ok(void **state)
{
	(void)state;
	for (enum tpm_sw_kind kind = 0; kind < TPM_SW_KINDS; kind++) {
		struct err err = {0};

		buf_clear(&message);
		buf_clear(&signature);
		assert_ok(tpm_sw_quote(keys[kind], BYTES_OF(NONCE), &selection, &bank, &message,
				  &signature, &err),
			err);
		input.ak = &keys[kind]->view;
		input.key = keys[kind]->key;
		input.message = buf_bytes(&message);
		input.signature = buf_bytes(&signature);
		assert_int_equal(checked(), QUOTE_OK);
	}
}

static void quote__truncated__malformed(void **state)
{
	(void)state;
	judged(ak);
	input.message.len--;
	assert_int_equal(checked(), QUOTE_MALFORMED);
	assert_string_equal(result.expected, "TPMS_ATTEST and TPMT_SIGNATURE");
	assert_true(nothing_exported());
	input.message.len++;
	input.signature.len--;
	assert_int_equal(checked(), QUOTE_MALFORMED);
	assert_non_null(strstr(result.actual, "TPMT_SIGNATURE"));
}

/* Q17. */
static void quote__trailing_byte__malformed(void **state)
{
	(void)state;
	judged(ak);
	buf_put_u8(&signature, 0);
	input.signature = buf_bytes(&signature);
	assert_int_equal(checked(), QUOTE_MALFORMED);
	signature.len--;
	input.signature = buf_bytes(&signature);
	buf_put_u8(&message, 0);
	input.message = buf_bytes(&message);
	assert_int_equal(checked(), QUOTE_MALFORMED);
}

/* Q1. */
static void quote__other_magic__refused(void **state)
{
	(void)state;
	attest.magic = 0xff544346;
	assert_int_equal(judged(ak), QUOTE_MAGIC);
	assert_string_equal(result.expected, "ff544347");
	assert_string_equal(result.actual, "ff544346");
	assert_true(nothing_exported());
}

/* Q2: everything else a genuine AK signs. */
static void quote__other_attestation__refused(void **state)
{
	static const uint16_t types[] = {
		0x8014, 0x8015, 0x8016, TPM_ST_ATTEST_CERTIFY, 0x8019, 0x801a, 0x801c};

	(void)state;
	attest.attested = digest_bytes(&digest);
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		attest.type = types[i];
		assert_int_equal(judged(ak), QUOTE_TYPE);
		assert_true(nothing_exported());
	}
	assert_string_equal(result.expected, "8018");
	assert_string_equal(result.actual, "801c");
}

static void quote__scheme_of_another_key__refused(void **state)
{
	(void)state;
	judged(ak);
	signature.data[1] = 0x14; /* RSASSA on an ECC key; no longer parses as such */
	assert_int_equal(checked(), QUOTE_MALFORMED);
	judged(keys[TPM_SW_RSASSA]);
	assert_int_equal(result.fault, QUOTE_SCHEME);
	assert_string_equal(result.expected, "ecdsa with sha256");
	assert_true(nothing_exported());
}

static void quote__other_scheme_of_the_same_key__refused(void **state)
{
	const struct tpm_sw_key *rsa = keys[TPM_SW_RSASSA];
	struct err err = {0};

	(void)state;
	judged(ak);
	buf_clear(&signature);
	assert_ok(tpm_sw_sign_with(rsa, TPM_ALG_RSAPSS, TPM_ALG_SHA256, buf_bytes(&message),
			  &signature, &err),
		err);
	input.signature = buf_bytes(&signature);
	input.ak = &rsa->view;
	input.key = rsa->key;
	input.hierarchy = 0;
	assert_int_equal(checked(), QUOTE_SCHEME);
	assert_string_equal(result.actual,
		"signature: rsapss with sha256, but the key's own scheme is rsassa with sha256");
}

/* Q11: with a bare key nothing but this check stands against SHA-1. */
static void quote__sha1_signature__refused(void **state)
{
	(void)state;
	judged(ak);
	signature.data[3] = TPM_ALG_SHA1;
	input.ak = NULL;
	assert_int_equal(checked(), QUOTE_SCHEME);
	assert_string_equal(result.actual, "signature: ecdsa with sha1 is too weak");
}

static void quote__signed_by_another_key__refused(void **state)
{
	(void)state;
	assert_int_equal(judged(other), QUOTE_SIGNATURE);
	assert_true(nothing_exported());
	judged(ak);
	message.data[message.len - 1] ^= 1;
	assert_int_equal(checked(), QUOTE_SIGNATURE);
}

/* Q18, Q24: a good signature by this key over what names another signer. */
static void quote__qualified_signer_of_another__refused(void **state)
{
	(void)state;
	attest.qualified_signer = tpm_name_bytes(&other->qualified_name);
	assert_int_equal(judged(ak), QUOTE_SIGNER);
	assert_int_equal(strlen(result.expected), 68);
	attest.qualified_signer = tpm_name_bytes(&ak->name);
	assert_int_equal(judged(ak), QUOTE_SIGNER);
	attest.qualified_signer = (struct bytes){0};
	assert_int_equal(judged(ak), QUOTE_SIGNER);
	assert_string_equal(result.actual, "nothing");
}

static void quote__ak_in_another_hierarchy__refused(void **state)
{
	struct tpm_name owner;
	struct err err = {0};

	(void)state;
	assert_ok(tpm_qualified_name_of_primary(TPM_RH_OWNER, &ak->name, &owner, &err), err);
	attest.qualified_signer = tpm_name_bytes(&owner);
	assert_int_equal(judged(ak), QUOTE_SIGNER);
	input.hierarchy = TPM_RH_OWNER;
	assert_int_equal(judged(ak), QUOTE_OK);
}

/* Q4. */
static void quote__other_nonce__refused(void **state)
{
	static const uint8_t longer[33] = {1, 2, 3}, changed[32] = {1, 2, 4};
	const struct bytes nonces[] = {{0}, bytes_of(NONCE, 31), BYTES_OF(longer),
		BYTES_OF(changed), bytes_of(NONCE + 1, 31)};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(nonces); i++) {
		attest.extra_data = nonces[i];
		assert_int_equal(judged(ak), QUOTE_NONCE);
	}
}

static void quote__no_nonce_demanded__refused(void **state)
{
	(void)state;
	attest.extra_data = input.nonce = (struct bytes){0};
	assert_int_equal(judged(ak), QUOTE_NONCE);
	assert_string_equal(result.actual, "none was demanded");
}

/* Q7. */
static void quote__other_selection__refused(void **state)
{
	static const char *const texts[] = {
		"sha256:0,1", "sha256:0,1,7,8", "sha384:0,1,7", "sha256:0,1,7+sha384:0"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct err err = {0};

		assert_ok(tpml_pcr_selection_of_text(
				  bytes_str(texts[i]), &attest.quote_selection, &err),
			err);
		assert_int_equal(judged(ak), QUOTE_SELECTION);
		assert_string_equal(result.expected, "sha256:0,1,7");
		assert_string_equal(result.actual, texts[i]);
	}
	assert_true(result.attest.clock == 1000); /* signed, so it may be shown */
}

/* Q6: nothing quoted, even where any selection would do. */
static void quote__empty_selection__refused(void **state)
{
	static const struct tpml_pcr_selection empty[] = {
		{.count = 0}, {.count = 1, .banks = {{TPM_ALG_SHA256, 0}}}};

	(void)state;
	input.banks = NULL;
	for (size_t i = 0; i < ARRAY_LEN(empty); i++) {
		attest.quote_selection = empty[i];
		input.selection = NULL;
		assert_int_equal(judged(ak), QUOTE_SELECTION);
		assert_string_equal(result.expected, "at least one PCR");
		assert_string_equal(result.actual, "no PCR at all");
		input.selection = &empty[i];
		assert_int_equal(judged(ak), QUOTE_SELECTION);
	}
}

static void quote__any_selection_asked__ok(void **state)
{
	(void)state;
	input.selection = NULL;
	assert_int_equal(judged(ak), QUOTE_OK);
}

/* Q9. */
static void quote__values_that_do_not_hash__refused(void **state)
{
	struct pcr_bank changed = bank;

	(void)state;
	input.banks = &changed;
	memcpy(changed.values[0], bank.values[1], 32);
	memcpy(changed.values[1], bank.values[0], 32);
	assert_int_equal(judged(ak), QUOTE_PCR_DIGEST);
	assert_int_equal(strlen(result.expected), 64);
	changed = bank;
	changed.values[7][31] ^= 1;
	assert_int_equal(judged(ak), QUOTE_PCR_DIGEST);
	changed = bank;
	changed.values[8][0] ^= 1; /* not quoted, not looked at */
	assert_int_equal(judged(ak), QUOTE_OK);
}

/* The values are bound to bank and index before they are hashed: two SHA-256 values are as long as
 * one of SHA-512, so the digest alone does not say whose they are. */
static void quote__values_of_other_pcrs__refused(void **state)
{
	static const struct {
		uint32_t present;
		enum digest_alg alg;
	} cases[] = {
		{0x000003, DIGEST_SHA256}, {0x000183, DIGEST_SHA256}, {0x000083, DIGEST_SHA384}};
	struct pcr_bank changed[2] = {bank, bank};

	(void)state;
	input.banks = changed;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		changed[0].present = cases[i].present;
		changed[0].alg = cases[i].alg;
		assert_int_equal(judged(ak), QUOTE_PCR_DIGEST);
		assert_string_equal(result.expected, "values of exactly the PCRs quoted");
	}
	changed[0] = bank;
	input.bank_count = 2;
	assert_int_equal(judged(ak), QUOTE_PCR_DIGEST);
	assert_string_equal(result.expected, "values for every bank of the quote");
	input.bank_count = 0;
	assert_int_equal(judged(ak), QUOTE_PCR_DIGEST);
}

/* The digest follows the signing scheme's hash, not the bank's. */
static void quote__sha384_bank__hashed_by_the_scheme(void **state)
{
	struct tpml_pcr_selection both = {
		.count = 2, .banks = {{TPM_ALG_SHA384, 3}, {TPM_ALG_SHA256, 1}}};
	struct pcr_bank banks[2] = {
		{.alg = DIGEST_SHA384, .present = 3}, {.alg = DIGEST_SHA256, .present = 1}};
	struct err err = {0};

	(void)state;
	memset(banks[0].values, 5, sizeof(banks[0].values));
	assert_ok(tpm_sw_pcr_digest(ak, &both, banks, &digest, &err), err);
	assert_int_equal(digest.len, 32);
	attest.quote_selection = both;
	attest.quote_pcr_digest = digest_bytes(&digest);
	input.selection = &both;
	input.banks = banks;
	input.bank_count = 2;
	assert_int_equal(judged(ak), QUOTE_OK);
	assert_ok(digest_of(DIGEST_SHA384, (struct bytes){0}, &digest, &err), err);
	attest.quote_pcr_digest = digest_bytes(&digest);
	assert_int_equal(judged(ak), QUOTE_PCR_DIGEST);
}

/* Q26: the first fault is told, in the order of the checks. */
static void quote__several_faults__first_is_told(void **state)
{
	(void)state;
	attest.extra_data = (struct bytes){0};
	attest.qualified_signer = (struct bytes){0};
	attest.quote_selection.banks[0].pcrs = 1;
	assert_int_equal(judged(other), QUOTE_SIGNATURE);
	assert_int_equal(judged(ak), QUOTE_SIGNER);
	attest.qualified_signer = tpm_name_bytes(&ak->qualified_name);
	assert_int_equal(judged(ak), QUOTE_NONCE);
	attest.extra_data = BYTES_OF(NONCE);
	assert_int_equal(judged(ak), QUOTE_SELECTION);
}

static void quote_fault_name__every_fault__has_one(void **state)
{
	(void)state;
	assert_string_equal(quote_fault_name(QUOTE_MAGIC), "quote-magic");
	assert_string_equal(quote_fault_name(QUOTE_PCR_DIGEST), "quote-pcr-digest");
	assert_string_equal(quote_fault_name((enum quote_fault)99), "quote-unknown");
}

/* ---- certifications ---- */

static enum quote_fault certified(const struct tpm_sw_key *signer, const struct tpm_sw_key *subject)
{
	struct err err = {0};

	buf_clear(&message);
	buf_clear(&signature);
	tpms_attest_put(&message, &attest);
	assert_ok(tpm_sw_sign(signer, buf_bytes(&message), &signature, &err), err);
	input.message = buf_bytes(&message);
	input.signature = buf_bytes(&signature);
	assert_ok(certify_check(&input, &subject->view, &result, &err), err);
	return result.fault;
}

static void certify__honest__ok(void **state)
{
	struct err err = {0};

	(void)state;
	buf_clear(&message);
	buf_clear(&signature);
	assert_ok(tpm_sw_certify(ak, weak, BYTES_OF(NONCE), &message, &signature, &err), err);
	input.message = buf_bytes(&message);
	input.signature = buf_bytes(&signature);
	assert_ok(certify_check(&input, &weak->view, &result, &err), err);
	assert_int_equal(result.fault, QUOTE_OK);
}

static void certify__each_fault__refused(void **state)
{
	(void)state;
	assert_int_equal(certified(ak, weak), QUOTE_TYPE); /* a quote */
	attest.type = TPM_ST_ATTEST_CERTIFY;
	attest.certify_name = tpm_name_bytes(&weak->name);
	assert_int_equal(certified(ak, weak), QUOTE_OK);
	assert_int_equal(certified(other, weak), QUOTE_SIGNATURE);
	assert_int_equal(certified(ak, other), QUOTE_PCR_DIGEST); /* C3: another key's name */
	attest.extra_data = (struct bytes){0};
	assert_int_equal(certified(ak, weak), QUOTE_NONCE);
	attest.qualified_signer = (struct bytes){0};
	assert_int_equal(certified(ak, weak), QUOTE_SIGNER);
	attest.magic = 0;
	assert_int_equal(certified(ak, weak), QUOTE_MAGIC);
}

/* ---- recorded by others ---- */

static bool vector(const char *name, struct buf *out)
{
	buf_clear(out);
	return vectors_read(name, out);
}

static void quote__recorded_negative__each_for_its_reason(void **state)
{
	static const struct {
		const char *key, *message, *signature;
		enum quote_fault fault;
	} cases[] = {
		{"swtpm-negative/uk.pub", "swtpm-negative/badmagic.msg", "swtpm-negative/bm.sig",
			QUOTE_MAGIC},
		{"swtpm-negative/ak-for-nv.pub", "swtpm-negative/nv.msg", "swtpm-negative/nv.sig",
			QUOTE_TYPE},
		{"made/tpm/ak.pub", "made/tpm/quote.msg", "made/tpm/quote.sig", QUOTE_OK},
		{"made/tpm/ak.pub", "made/tpm/cert.msg", "made/tpm/cert.sig", QUOTE_TYPE},
		{"made/tpm/ak.pub", "made/tpm/cc.msg", "made/tpm/cc.sig", QUOTE_TYPE},
		{"made/tpm/ak.pub", "made/tpm/time.msg", "made/tpm/time.sig", QUOTE_TYPE},
		{"made/tpm/ak.pub", "made/tpm/nvd.msg", "made/tpm/nvd.sig", QUOTE_TYPE},
	};
	struct buf pub = {0}, nonce = {0};

	(void)state;
	if (!vectors_path("swtpm-negative/uk.pub"))
		skip();
	input = (struct quote_input){.nonce = unhex("00112233445566778899aabbccddeeff", &nonce)};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct tpmt_public p;
		struct key *key = NULL;
		struct err err = {0};

		assert_true(vector(cases[i].key, &pub) && vector(cases[i].message, &message) &&
			    vector(cases[i].signature, &signature));
		assert_ok(tpm2b_public_parse(buf_bytes(&pub), &p, &err), err);
		assert_ok(tpmt_public_key(&p, &key, &err), err);
		input.ak = &p;
		input.key = key;
		input.message = buf_bytes(&message);
		input.signature = buf_bytes(&signature);
		assert_int_equal(checked(), cases[i].fault);
		key_unref(&key);
	}
	buf_release(&pub);
	buf_release(&nonce);
}

/* Q3: a mathematically valid forgery by an unrestricted key, refused by that key's attributes. */
static void quote__forged_by_unrestricted_key__ak_check_refuses(void **state)
{
	struct buf pub = {0};
	struct tpmt_public p;
	struct err err;

	(void)state;
	if (!vector("swtpm-negative/uk.pub", &pub))
		skip();
	assert_ok(tpm2b_public_parse(buf_bytes(&pub), &p, &err), err);
	assert_false(ak_check(&p, &err));
	assert_int_equal(err.code, ERR_MISMATCH);
	assert_non_null(strstr(err.text, "AK: attribute restricted is missing"));
	buf_release(&pub);
}

static void quote__keylime__bare_pem_key_and_nonce(void **state)
{
	struct buf pem = {0}, nonce = {0};
	struct key *key = NULL;
	struct err err = {0};

	(void)state;
	if (!vector("keylime/quote/ak.pem", &pem) || !vector("keylime/quote/nonce.txt", &nonce) ||
		!vector("keylime/quote/quoteblob.bin", &message) ||
		!vector("keylime/quote/sigblob.bin", &signature))
		skip();
	while (nonce.len && (nonce.data[nonce.len - 1] == '\n' || nonce.data[nonce.len - 1] == ' '))
		nonce.len--;
	assert_ok(key_from_pem(buf_bytes(&pem), &key, &err), err);
	input = (struct quote_input){.key = key,
		.message = buf_bytes(&message),
		.signature = buf_bytes(&signature),
		.nonce = buf_bytes(&nonce)};
	assert_int_equal(checked(), QUOTE_OK);
	nonce.data[0] ^= 1;
	assert_int_equal(checked(), QUOTE_NONCE);
	key_unref(&key);
	buf_release(&pem);
	buf_release(&nonce);
}

/* Measured boots of a virtual machine: the AK is known as PEM only. */
static void quote__virtual_machines__verify(void **state)
{
	static const char *const names[] = {"grub-shim-secureboot-ms", "ima-tcb-ng-sha384bank",
		"systemd-boot-no-secureboot", "uki-no-secureboot", "uki-secureboot-snakeoil"};
	struct buf pem = {0};
	struct key *key = NULL;
	struct tpms_attest a;
	struct err err = {0};
	char path[128];

	(void)state;
	if (!vectors_path("made/vm/README.md"))
		skip();
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		snprintf(path, sizeof(path), "made/vm/%s/ak.pub", names[i]);
		assert_true(vector(path, &pem));
		snprintf(path, sizeof(path), "made/vm/%s/quote.msg", names[i]);
		assert_true(vector(path, &message));
		snprintf(path, sizeof(path), "made/vm/%s/quote.sig", names[i]);
		assert_true(vector(path, &signature));
		assert_ok(key_from_pem(buf_bytes(&pem), &key, &err), err);
		assert_ok(tpms_attest_parse(buf_bytes(&message), &a, &err), err);
		assert_true(a.extra_data.len > 0);
		input = (struct quote_input){.key = key,
			.message = buf_bytes(&message),
			.signature = buf_bytes(&signature),
			.nonce = a.extra_data};
		assert_int_equal(checked(), QUOTE_OK);
		message.data[message.len - 1] ^= 1;
		assert_int_equal(checked(), QUOTE_SIGNATURE);
		key_unref(&key);
	}
	buf_release(&pem);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(quote__honest__ok, setup),
		cmocka_unit_test_setup(quote__every_kind_of_key__ok, setup),
		cmocka_unit_test_setup(quote__truncated__malformed, setup),
		cmocka_unit_test_setup(quote__trailing_byte__malformed, setup),
		cmocka_unit_test_setup(quote__other_magic__refused, setup),
		cmocka_unit_test_setup(quote__other_attestation__refused, setup),
		cmocka_unit_test_setup(quote__scheme_of_another_key__refused, setup),
		cmocka_unit_test_setup(quote__other_scheme_of_the_same_key__refused, setup),
		cmocka_unit_test_setup(quote__sha1_signature__refused, setup),
		cmocka_unit_test_setup(quote__signed_by_another_key__refused, setup),
		cmocka_unit_test_setup(quote__qualified_signer_of_another__refused, setup),
		cmocka_unit_test_setup(quote__ak_in_another_hierarchy__refused, setup),
		cmocka_unit_test_setup(quote__other_nonce__refused, setup),
		cmocka_unit_test_setup(quote__no_nonce_demanded__refused, setup),
		cmocka_unit_test_setup(quote__other_selection__refused, setup),
		cmocka_unit_test_setup(quote__empty_selection__refused, setup),
		cmocka_unit_test_setup(quote__any_selection_asked__ok, setup),
		cmocka_unit_test_setup(quote__values_that_do_not_hash__refused, setup),
		cmocka_unit_test_setup(quote__values_of_other_pcrs__refused, setup),
		cmocka_unit_test_setup(quote__sha384_bank__hashed_by_the_scheme, setup),
		cmocka_unit_test_setup(quote__several_faults__first_is_told, setup),
		cmocka_unit_test_setup(quote_fault_name__every_fault__has_one, setup),
		cmocka_unit_test_setup(certify__honest__ok, setup),
		cmocka_unit_test_setup(certify__each_fault__refused, setup),
		cmocka_unit_test_setup(quote__recorded_negative__each_for_its_reason, setup),
		cmocka_unit_test_setup(quote__forged_by_unrestricted_key__ak_check_refuses, setup),
		cmocka_unit_test_setup(quote__keylime__bare_pem_key_and_nonce, setup),
		cmocka_unit_test_setup(quote__virtual_machines__verify, setup),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
