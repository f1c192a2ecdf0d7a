/* SPDX-License-Identifier: Apache-2.0 */
/* Keys of instances in the TPM: made, certified by the AK, used, handed to other programs. */
#include "attest/tpm.h"

#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "tests/unit/attest/tpm_fixture.h"

static const uint8_t CLAIMS_DIGEST[32] = {7, 8, 9};

static struct tpm_key instance_key;
static struct tpm_certification certification;
static struct buf ak_public, signature, text;
static struct key *public_key;

static int release_results(void **state)
{
	tpm_key_release(&instance_key);
	tpm_certification_release(&certification);
	buf_release(&ak_public);
	buf_release(&signature);
	buf_release(&text);
	key_unref(&public_key);
	return fixture_teardown(state);
}

static struct tpmt_public make(struct tpm_fixture *f)
{
	struct tpmt_public area;

	assert_ok(tpm_ak(f->tpm, &(struct tpm_ak_options){0}, &ak_public, &f->err), f->err);
	assert_ok(tpm_key_new(f->tpm, &instance_key, &f->err), f->err);
	assert_ok(tpmt_public_parse(buf_bytes(&instance_key.public_area), &area, &f->err), f->err);
	assert_ok(tpmt_public_key(&area, &public_key, &f->err), f->err);
	return area;
}

static void key_new__attributes__fixed_and_signing(void **state)
{
	struct tpmt_public area = make(fixture_of(state));

	assert_int_equal(area.attributes, TPMA_OBJECT_FIXED_TPM | TPMA_OBJECT_FIXED_PARENT |
						  TPMA_OBJECT_SENSITIVE_DATA_ORIGIN |
						  TPMA_OBJECT_USER_WITH_AUTH | TPMA_OBJECT_NO_DA |
						  TPMA_OBJECT_SIGN);
	assert_int_equal(area.curve, TPM_ECC_NIST_P256);
}

static void key_new__twice__two_keys(void **state)
{
	struct tpm_fixture *f = fixture_of(state);
	struct tpm_key other;
	bool same;

	make(f);
	assert_ok(tpm_key_new(f->tpm, &other, &f->err), f->err);
	same = bytes_equal(buf_bytes(&other.public_area), buf_bytes(&instance_key.public_area));
	tpm_key_release(&other);
	assert_false(same);
}

static void key_sign__message__verifies(void **state)
{
	struct tpm_fixture *f = fixture_of(state);

	make(f);
	assert_ok(tpm_key_sign(f->tpm, &instance_key, BYTES_LIT("claims"), &signature, &f->err),
		f->err);
	assert_ok(key_verify(public_key, SIGN_ECDSA, DIGEST_SHA256, BYTES_LIT("claims"),
			  buf_bytes(&signature), &f->err),
		f->err);
	assert_false(key_verify(public_key, SIGN_ECDSA, DIGEST_SHA256, BYTES_LIT("Claims"),
		buf_bytes(&signature), &f->err));
}

static void key_sign__after_reconnect__still_the_key(void **state)
{
	struct tpm_fixture *f = fixture_of(state);

	make(f);
	tpm_free(&f->tpm);
	assert_true(fixture_open(f, "", ""));
	assert_ok(tpm_key_sign(f->tpm, &instance_key, BYTES_LIT("claims"), &signature, &f->err),
		f->err);
	assert_ok(key_verify(public_key, SIGN_ECDSA, DIGEST_SHA256, BYTES_LIT("claims"),
			  buf_bytes(&signature), &f->err),
		f->err);
}

static void key_sign__garbled_private_part__refused(void **state)
{
	struct tpm_fixture *f = fixture_of(state);

	make(f);
	instance_key.private_area.data[40] ^= 1;
	assert_false(tpm_key_sign(f->tpm, &instance_key, BYTES_LIT("claims"), &signature, &f->err));
	assert_int_equal(f->err.code, ERR_MISMATCH);
	instance_key.private_area.len--;
	assert_fails(tpm_key_sign(f->tpm, &instance_key, BYTES_LIT("claims"), &signature, &f->err),
		f->err, ERR_FORMAT, "signing with a key in the TPM: no key of a TPM");
}

static enum quote_fault certify_fault(struct tpm_fixture *f, struct bytes nonce)
{
	struct tpmt_public ak, area;
	struct quote_result result;
	struct quote_input input = {.message = buf_bytes(&certification.message),
		.signature = buf_bytes(&certification.signature),
		.ak = &ak,
		.hierarchy = TPM_RH_ENDORSEMENT,
		.nonce = nonce};
	struct key *key = NULL;
	bool ok;

	assert_ok(tpmt_public_parse(buf_bytes(&ak_public), &ak, &f->err), f->err);
	assert_ok(tpmt_public_parse(buf_bytes(&instance_key.public_area), &area, &f->err), f->err);
	assert_ok(tpmt_public_key(&ak, &key, &f->err), f->err);
	input.key = key;
	ok = certify_check(&input, &area, &result, &f->err);
	key_unref(&key);
	assert_true(ok);
	return result.fault;
}

static void key_certify__by_ak__checks(void **state)
{
	struct tpm_fixture *f = fixture_of(state);

	make(f);
	assert_ok(tpm_key_certify(
			  f->tpm, &instance_key, BYTES_OF(CLAIMS_DIGEST), &certification, &f->err),
		f->err);
	assert_int_equal(certify_fault(f, BYTES_OF(CLAIMS_DIGEST)), QUOTE_OK);
	assert_int_equal(certify_fault(f, BYTES_LIT("another digest")), QUOTE_NONCE);
}

static void key_certify__transient_ak__fits_three_slots(void **state)
{
	struct tpm_fixture *f = fixture_of(state);

	make(f);
	assert_ok(tpm_ak(f->tpm, &(struct tpm_ak_options){.transient = true}, &ak_public, &f->err),
		f->err);
	assert_ok(tpm_key_certify(
			  f->tpm, &instance_key, BYTES_OF(CLAIMS_DIGEST), &certification, &f->err),
		f->err);
	assert_int_equal(certify_fault(f, BYTES_OF(CLAIMS_DIGEST)), QUOTE_OK);
}

/* tpm2-openssl, a program that is not ours, signs with the PEM; OpenSSL verifies. */
static void key_pem__tpm2_openssl__signs(void **state)
{
	struct tpm_fixture *f = fixture_of(state);
	char path[4][96], command[1280];
	static const char *const names[] = {"key.pem", "public.pem", "message", "signature"};
	int status;

	if (access("/usr/lib/x86_64-linux-gnu/ossl-modules/tpm2.so", R_OK) != 0 ||
		access("/usr/bin/openssl", X_OK) != 0) {
		print_message("skipped: tpm2-openssl is not installed\n");
		skip();
	}
	make(f);
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		snprintf(path[i], sizeof(path[i]), "%s/%s", f->swtpm.directory, names[i]);
	assert_ok(tpm_key_pem(&instance_key, &text, &f->err), f->err);
	assert_ok(file_write_atomic(path[0], buf_bytes(&text), 0600, &f->err), f->err);
	buf_clear(&text);
	assert_ok(key_public_pem(public_key, &text, &f->err), f->err);
	assert_ok(file_write_atomic(path[1], buf_bytes(&text), 0600, &f->err), f->err);
	assert_ok(file_write_atomic(path[2], BYTES_LIT("message"), 0600, &f->err), f->err);
	/* swtpm serves one program after the other. */
	tpm_free(&f->tpm);
	snprintf(command, sizeof(command),
		"TPM2OPENSSL_TCTI='%s' openssl dgst -sha256 -provider tpm2 -provider default "
		"-propquery "
		"'?provider=tpm2' -sign %s -out %s %s 2>>%s/log && openssl dgst -sha256 -verify %s "
		"-signature %s %s >>%s/log",
		f->swtpm.tcti, path[0], path[3], path[2], f->swtpm.directory, path[1], path[3],
		path[2], f->swtpm.directory);
	status = system(command);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
#define ROW(name) cmocka_unit_test_setup_teardown(name, fixture_setup, release_results)
	const struct CMUnitTest tests[] = {
		ROW(key_new__attributes__fixed_and_signing),
		ROW(key_new__twice__two_keys),
		ROW(key_sign__message__verifies),
		ROW(key_sign__after_reconnect__still_the_key),
		ROW(key_sign__garbled_private_part__refused),
		ROW(key_certify__by_ak__checks),
		ROW(key_certify__transient_ak__fits_three_slots),
		ROW(key_pem__tpm2_openssl__signs),
	};

	setenv("TSS2_LOG", "all+NONE", 0);
	return cmocka_run_group_tests(tests, fixture_group_setup, fixture_group_teardown);
}
