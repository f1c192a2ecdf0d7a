/* SPDX-License-Identifier: Apache-2.0 */
/* Evidence as the verifier will read it: every claim, the quote, possession, a key in the TPM, the IMA log's part. */
#include "attest/quote.h"

#include <unistd.h>

#include "base/file.h"
#include "tests/unit/attest/tpm_fixture.h"

static const uint8_t EXPORTER[TLS_EXPORTER_LEN] = {0xe0, 0xe1};
static const uint8_t BOOT_ID[16] = {0xb0, 0x07};

static struct buf ak_public, out, ima;
static struct evidence evidence;
static struct claims claims;
static struct key *software_key, *certified;
static struct tpm_key tpm_key;

static int release_results(void **state)
{
	buf_release(&ak_public);
	buf_release(&out);
	buf_release(&ima);
	key_unref(&software_key);
	key_unref(&certified);
	tpm_key_release(&tpm_key);
	return fixture_teardown(state);
}

static struct quote_request request_of(void)
{
	struct quote_request request = {.claims = {.verifier_id = BYTES_LIT("verifier"),
						.purpose = PURPOSE_LAUNCH,
						.host_id = {1, 2, 3},
						.instance = {4, 5, 6},
						.workload = BYTES_LIT("ocr-agent"),
						.release = {7},
						.runtime_first = 3,
						.runtime_next = 5,
						.want_x509 = true},
		.challenge = BYTES_LIT("challenge token"),
		.bank = DIGEST_SHA256,
		.runtime_log = BYTES_LIT("records 3 and 4"),
		.firmware_log = BYTES_LIT("firmware log")};

	memcpy(request.claims.boot_id, BOOT_ID, sizeof(BOOT_ID));
	return request;
}

static void quote_it(struct tpm_fixture *f, const struct quote_request *request)
{
	assert_ok(tpm_ak(f->tpm, &(struct tpm_ak_options){0}, &ak_public, &f->err), f->err);
	assert_ok(quote_evidence(f->tpm, request, EXPORTER, &out, &f->err), f->err);
	assert_ok(evidence_decode(buf_bytes(&out), &evidence, &f->err), f->err);
	assert_ok(claims_decode(evidence.claims, &claims, &f->err), f->err);
}

static enum quote_fault fault_of(struct tpm_fixture *f, struct bytes message,
	struct bytes signature, const struct tpmt_public *certified_area)
{
	struct tpml_pcr_selection selection;
	uint8_t nonce[SHA256_LEN];
	struct tpmt_public ak;
	struct key *key = NULL;
	struct quote_result result;
	struct quote_input input = {.message = message,
		.signature = signature,
		.ak = &ak,
		.hierarchy = TPM_RH_ENDORSEMENT,
		.nonce = BYTES_OF(nonce),
		.selection = certified_area ? NULL : &selection,
		.banks = certified_area ? NULL : &evidence.pcrs,
		.bank_count = 1};
	bool ok;

	assert_ok(sha256_of(evidence.claims, nonce, &f->err), f->err);
	assert_ok(evidence_selection(DIGEST_SHA256, &selection, &f->err), f->err);
	assert_ok(tpmt_public_parse(buf_bytes(&ak_public), &ak, &f->err), f->err);
	assert_ok(tpmt_public_key(&ak, &key, &f->err), f->err);
	input.key = key;
	ok = certified_area ? certify_check(&input, certified_area, &result, &f->err)
			    : quote_check(&input, &result, &f->err);
	key_unref(&key);
	assert_true(ok);
	return result.fault;
}

static void assert_digest_of(const uint8_t *actual, const char *text)
{
	uint8_t wanted[SHA256_LEN];

	assert_true(sha256_of(bytes_str(text), wanted, NULL));
	assert_memory_equal(actual, wanted, SHA256_LEN);
}

static void evidence__software_key__commits_to_everything(void **state)
{
	struct tpm_fixture *f = fixture_of(state);
	struct quote_request request = request_of();

	assert_ok(key_generate(KEY_EC_P256, &software_key, &f->err), f->err);
	request.key = software_key;
	quote_it(f, &request);
	assert_int_equal(fault_of(f, evidence.message, evidence.signature, NULL), QUOTE_OK);
	assert_digest_of(claims.nonce, "challenge token");
	assert_digest_of(claims.runtime_digest, "records 3 and 4");
	assert_digest_of(claims.firmware_digest, "firmware log");
	assert_int_equal(claims.runtime_length, 15);
	assert_int_equal(claims.firmware_length, 12);
	assert_int_equal(claims.runtime_first, 3);
	assert_int_equal(claims.runtime_next, 5);
	assert_int_equal(claims.purpose, PURPOSE_LAUNCH);
	assert_int_equal(claims.key_protection, KEY_SOFTWARE);
	assert_memory_equal(claims.exporter, EXPORTER, sizeof(EXPORTER));
	assert_memory_equal(claims.boot_id, BOOT_ID, sizeof(BOOT_ID));
	assert_memory_equal(claims.host_id, request.claims.host_id, HOST_ID_LEN);
	assert_memory_equal(claims.instance, request.claims.instance, INSTANCE_ID_LEN);
	assert_bytes(claims.key, key_spki(software_key));
	assert_bytes(claims.workload, BYTES_LIT("ocr-agent"));
	assert_bytes(evidence.runtime_log, BYTES_LIT("records 3 and 4"));
	assert_bytes(evidence.firmware_log, BYTES_LIT("firmware log"));
	assert_bytes(evidence.challenge, BYTES_LIT("challenge token"));
	assert_int_equal(evidence.key_certification.message.len, 0);
	assert_ok(key_verify(software_key, SIGN_ECDSA, DIGEST_SHA256, evidence.claims,
			  evidence.possession, &f->err),
		f->err);
}

static void evidence__no_firmware_log__zero_digest(void **state)
{
	struct tpm_fixture *f = fixture_of(state);
	static const uint8_t zeros[SHA256_LEN];
	struct quote_request request = request_of();

	assert_ok(key_generate(KEY_EC_P256, &software_key, &f->err), f->err);
	request.key = software_key;
	request.firmware_log = (struct bytes){0};
	request.ima_path = "/nonexistent/ima";
	quote_it(f, &request);
	assert_memory_equal(claims.firmware_digest, zeros, SHA256_LEN);
	assert_int_equal(claims.firmware_length, 0);
	assert_int_equal(evidence.ima_log.len, 0);
}

static void evidence__key_in_tpm__certified_over_the_same_claims(void **state)
{
	struct tpm_fixture *f = fixture_of(state);
	struct quote_request request = request_of();
	struct tpmt_public area;

	assert_ok(tpm_key_new(f->tpm, &tpm_key, &f->err), f->err);
	request.tpm_key = &tpm_key;
	quote_it(f, &request);
	assert_int_equal(claims.key_protection, KEY_TPM);
	assert_int_equal(fault_of(f, evidence.message, evidence.signature, NULL), QUOTE_OK);
	assert_ok(
		tpmt_public_parse(evidence.key_certification.public_area, &area, &f->err), f->err);
	assert_int_equal(fault_of(f, evidence.key_certification.message,
				 evidence.key_certification.signature, &area),
		QUOTE_OK);
	assert_ok(tpmt_public_key(&area, &certified, &f->err), f->err);
	assert_bytes(claims.key, key_spki(certified));
	assert_ok(tpm_credential_key_check(&area, &f->err), f->err);
	assert_ok(key_verify(certified, SIGN_ECDSA, DIGEST_SHA256, evidence.claims,
			  evidence.possession, &f->err),
		f->err);
}

static void evidence__tpm_fails__nothing_put(void **state)
{
	struct tpm_fixture *f = fixture_of(state);
	struct quote_request request = request_of();

	assert_ok(key_generate(KEY_EC_P256, &software_key, &f->err), f->err);
	request.key = software_key;
	assert_fails(quote_evidence(f->tpm, &request, EXPORTER, &out, &f->err), f->err, ERR_USAGE,
		"quote: no AK was made yet");
	assert_int_equal(out.len, 0);
}

/* A kernel's entry: of template ima-ng, or of the old "ima", whose data have no length of their own. */
static void put_ima(struct buf *log, const char *name, size_t data_len)
{
	static const uint8_t head[24] = {10};
	uint32_t name_len = (uint32_t)strlen(name), len = (uint32_t)data_len;

	buf_put(log, BYTES_OF(head));
	buf_put(log, bytes_of(&name_len, sizeof(name_len)));
	buf_put_str(log, name);
	if (strcmp(name, "ima") == 0)
		buf_put(log, bytes_of(head, 20));
	buf_put(log, bytes_of(&len, sizeof(len)));
	for (size_t i = 0; i < data_len; i++)
		buf_put_u8(log, (uint8_t)data_len);
}

struct ima_file {
	char directory[40], path[64];
	struct buf log;
	size_t at[5]; /* where each entry begins, and the end */
};

static int ima_setup(void **state)
{
	static const size_t lengths[] = {40, 3, 70000, 12};
	struct ima_file *file = calloc(1, sizeof(*file));

	*state = file;
	strcpy(file->directory, "/tmp/assay-test-ima-XXXXXX");
	if (!mkdtemp(file->directory))
		return -1;
	snprintf(file->path, sizeof(file->path), "%s/log", file->directory);
	for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
		put_ima(&file->log, i == 1 ? "ima" : "ima-ng", lengths[i]);
		file->at[i + 1] = file->log.len;
	}
	return file_write_atomic(file->path, buf_bytes(&file->log), 0600, NULL) ? 0 : -1;
}

static int ima_teardown(void **state)
{
	struct ima_file *file = *state;

	unlink(file->path);
	rmdir(file->directory);
	buf_release(&file->log);
	buf_release(&ima);
	free(file);
	return 0;
}

static void ima_read__from_each_entry__the_rest(void **state)
{
	const struct ima_file *file = *state;
	struct err err;

	for (size_t i = 0; i < ARRAY_LEN(file->at); i++) {
		assert_ok(quote_ima_read(file->path, i, IMA_LOG_MAX, &ima, &err), err);
		assert_bytes(buf_bytes(&ima),
			bytes_of(file->log.data + file->at[i], file->log.len - file->at[i]));
	}
	assert_ok(quote_ima_read(file->path, 100, IMA_LOG_MAX, &ima, &err), err);
	assert_int_equal(ima.len, 0);
}

static void ima_read__limit__whole_entries_only(void **state)
{
	const struct ima_file *file = *state;
	struct err err;

	assert_ok(quote_ima_read(file->path, 0, file->at[2] + 1000, &ima, &err), err);
	assert_bytes(buf_bytes(&ima), bytes_of(file->log.data, file->at[2]));
	assert_ok(quote_ima_read(file->path, 0, file->at[3], &ima, &err), err);
	assert_int_equal(ima.len, file->at[3]);
}

static void ima_read__torn_or_garbled__names_the_entry(void **state)
{
	const struct ima_file *file = *state;
	char text[128];
	struct err err;

	snprintf(text, sizeof(text), "%s: entry 3 is not whole", file->path);
	assert_true(file_write_atomic(
		file->path, bytes_of(file->log.data, file->log.len - 1), 0600, &err));
	assert_fails(quote_ima_read(file->path, 0, IMA_LOG_MAX, &ima, &err), err, ERR_FORMAT, text);
	snprintf(text, sizeof(text), "%s: entry 0 is not whole", file->path);
	assert_true(file_write_atomic(
		file->path, BYTES_LIT("123456789012345678901234\xff\xff\xff\xffx"), 0600, &err));
	assert_fails(quote_ima_read(file->path, 0, IMA_LOG_MAX, &ima, &err), err, ERR_FORMAT, text);
}

static void ima_read__absent__nothing(void **state)
{
	struct err err;

	(void)state;
	assert_ok(quote_ima_read("/nonexistent/ima", 0, IMA_LOG_MAX, &ima, &err), err);
	assert_int_equal(ima.len, 0);
}

static void boot_id__this_kernel__the_same_twice(void **state)
{
	uint8_t first[16], second[16];
	static const uint8_t zeros[16];
	struct err err;

	(void)state;
	assert_ok(quote_boot_id(first, &err), err);
	assert_ok(quote_boot_id(second, &err), err);
	assert_memory_equal(first, second, sizeof(first));
	assert_memory_not_equal(first, zeros, sizeof(first));
}

int main(void)
{
#define ROW(name) cmocka_unit_test_setup_teardown(name, fixture_setup, release_results)
#define IMA(name) cmocka_unit_test_setup_teardown(name, ima_setup, ima_teardown)
	const struct CMUnitTest tests[] = {
		ROW(evidence__software_key__commits_to_everything),
		ROW(evidence__no_firmware_log__zero_digest),
		ROW(evidence__key_in_tpm__certified_over_the_same_claims),
		ROW(evidence__tpm_fails__nothing_put),
	};
	const struct CMUnitTest readers[] = {
		IMA(ima_read__from_each_entry__the_rest),
		IMA(ima_read__limit__whole_entries_only),
		IMA(ima_read__torn_or_garbled__names_the_entry),
		cmocka_unit_test(ima_read__absent__nothing),
		cmocka_unit_test(boot_id__this_kernel__the_same_twice),
	};

	setenv("TSS2_LOG", "all+NONE", 0);
	return cmocka_run_group_tests(tests, fixture_group_setup, fixture_group_teardown) +
	       cmocka_run_group_tests(readers, NULL, NULL);
}
