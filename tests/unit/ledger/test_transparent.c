/* SPDX-License-Identifier: Apache-2.0 */
/* Statements with their receipts, and the leaf that a statement must have. */
#include "ledger/receipt.h"

#include "base/text.h"
#include "tests/support/unit.h"

#include <stdlib.h>

static struct key *key, *other;
static struct record *record;
static uint8_t salt[LEDGER_SALT_LEN];
static struct buf statement, out, leaf;
static struct transparent transparent;
static struct err err;

static int group_setup(void **state)
{
	(void)state;
	assert_ok(key_generate(KEY_EC_P256, &key, &err), err);
	assert_ok(key_generate(KEY_EC_P256, &other, &err), err);
	record = calloc(1, sizeof(*record));
	assert_non_null(record);
	record->time = 1800000000;
	record->purpose = PURPOSE_LAUNCH;
	record->workload = BYTES_LIT("ocr-agent");
	record->verifier_id = BYTES_LIT("spiffe://bank.example/verifier");
	memset(salt, 0x5a, sizeof(salt));
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	key_unref(&key);
	key_unref(&other);
	free(record);
	return 0;
}

static int setup(void **state)
{
	(void)state;
	assert_ok(record_sign(record, key, &statement, &err), err);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	buf_release(&statement);
	buf_release(&out);
	buf_release(&leaf);
	transparent_release(&transparent);
	return 0;
}

static void write_two(void)
{
	const struct bytes receipts[] = {BYTES_LIT("first"), BYTES_LIT("second")};

	assert_ok(transparent_write(buf_bytes(&statement), salt, receipts, 2, &out, &err), err);
}

static void statement__signed__has_what_rfc_9943_asks_for(void **state)
{
	struct cose_sign1 message;

	(void)state;
	assert_ok(cose_sign1_parse(buf_bytes(&statement), &message, &err), err);
	assert_bytes(message.iss, record->verifier_id);
	assert_int_equal(message.sub.len, 5 + 2 * HOST_ID_LEN);
	assert_true(message.has_iat);
	assert_int_equal(message.iat, record->time);
	assert_bytes(message.kid, bytes_of(key_id(key), SHA256_LEN));
	assert_bytes(message.content_type, BYTES_LIT(MEDIA_RECORD));
	assert_bytes(message.unprotected, BYTES_LIT("\xa0"));
}

static void transparent__written__read_back_as_registered(void **state)
{
	(void)state;
	write_two();
	assert_ok(transparent_parse(buf_bytes(&out), &transparent, &err), err);
	assert_bytes(buf_bytes(&transparent.statement), buf_bytes(&statement));
	assert_true(transparent.salted);
	assert_memory_equal(transparent.salt, salt, sizeof(salt));
	assert_int_equal(transparent.receipt_count, 2);
	assert_bytes(transparent.receipts[1], BYTES_LIT("second"));
}

/* Only what was registered opens as a record: the receipts come off first. */
static void record__with_receipts_around_it__not_opened(void **state)
{
	struct record *back = calloc(1, sizeof(*back));

	(void)state;
	assert_non_null(back);
	write_two();
	assert_fails(record_open(buf_bytes(&out), key, back, &err), err, ERR_FORMAT,
		"record: unprotected header: not empty");
	assert_ok(record_open(buf_bytes(&statement), key, back, &err), err);
	free(back);
}

/* The signer says one time in the header and another in the content. */
static void T7__record_of_two_times__refused(void **state)
{
	struct buf payload = {0};
	struct record *back = calloc(1, sizeof(*back));
	int64_t iat = record->time + 1;
	char subject[5 + 2 * HOST_ID_LEN + 1];
	const struct cose_sign_options options = {.content_type = MEDIA_RECORD,
		.iss = "spiffe://bank.example/verifier",
		.sub = subject,
		.iat = &iat};
	struct cose_sign_options older = options;

	(void)state;
	assert_non_null(back);
	memcpy(subject, "host/", 5);
	memset(subject + 5, '0', sizeof(subject) - 6);
	subject[sizeof(subject) - 1] = '\0';
	assert_ok(record_encode(record, &payload, &err), err);
	assert_ok(
		cose_sign1_sign(key, &options, buf_bytes(&payload), (struct bytes){0}, &out, &err),
		err);
	assert_fails(record_open(buf_bytes(&out), key, back, &err), err, ERR_MISMATCH,
		"record: header and content name different times");
	/* Records from before there was an iat stay readable. */
	older.iat = NULL;
	buf_clear(&out);
	assert_ok(cose_sign1_sign(key, &older, buf_bytes(&payload), (struct bytes){0}, &out, &err),
		err);
	assert_ok(record_open(buf_bytes(&out), key, back, &err), err);
	assert_int_equal(back->time, record->time);
	buf_release(&payload);
	free(back);
}

static void leaf__of_a_statement__commits_to_it(void **state)
{
	struct leaf wanted = {.type = LEAF_DECISION, .time = record->time}, found;

	(void)state;
	memcpy(wanted.issuer, key_id(key), SHA256_LEN);
	assert_ok(ledger_commitment(salt, buf_bytes(&statement), wanted.commitment, &err), err);
	assert_ok(statement_leaf(buf_bytes(&statement), salt, &leaf, &err), err);
	assert_ok(leaf_decode(buf_bytes(&leaf), &found, &err), err);
	assert_memory_equal(&found, &wanted, sizeof(found));
	salt[0] ^= 1;
	buf_clear(&out);
	assert_ok(statement_leaf(buf_bytes(&statement), salt, &out, &err), err);
	assert_false(bytes_equal(buf_bytes(&out), buf_bytes(&leaf)));
	salt[0] ^= 1;
}

static void leaf__of_what_is_no_record__refused(void **state)
{
	const struct cose_sign_options options = {.content_type = MEDIA_RECORD}, bare = {0};

	(void)state;
	assert_fails(statement_leaf(BYTES_LIT("x"), salt, &leaf, &err), err, ERR_FORMAT,
		"statement: COSE_Sign1: truncated at offset 0");
	assert_ok(cose_sign1_sign(key, &bare, BYTES_LIT("x"), (struct bytes){0}, &out, &err), err);
	assert_fails(statement_leaf(buf_bytes(&out), salt, &leaf, &err), err, ERR_FORMAT,
		"statement: not a record with its signer's kid");
	buf_clear(&out);
	assert_ok(
		cose_sign1_sign(key, &options, BYTES_LIT("x"), (struct bytes){0}, &out, &err), err);
	assert_false(statement_leaf(buf_bytes(&out), salt, &leaf, &err));
}

/* The unprotected header in hexadecimal. */
static bool wrapped(const char *unprotected)
{
	struct buf raw = {0};
	struct cose_sign1 message;
	bool ok;

	buf_clear(&out);
	assert_ok(cose_sign1_parse(buf_bytes(&statement), &message, &err), err);
	assert_ok(hex_decode(bytes_str(unprotected), 4096, &raw, &err), err);
	assert_ok(cose_sign1_rewrap(&message, buf_bytes(&raw), &out, &err), err);
	buf_release(&raw);
	transparent_release(&transparent);
	ok = transparent_parse(buf_bytes(&out), &transparent, &err);
	return ok;
}

/* The tag's array with a head of two bytes where one does. */
static void transparent__envelope_in_another_form__refused(void **state)
{
	struct buf longer = {0};

	(void)state;
	write_two();
	buf_put(&longer, BYTES_LIT("\xd2\x98\x04"));
	buf_put(&longer, bytes_of(out.data + 2, out.len - 2));
	assert_false(transparent_parse(buf_bytes(&longer), &transparent, &err));
	assert_non_null(strstr(err.text, "statement: not in shortest form"));
	buf_release(&longer);
}

static void transparent__header_of_another_kind__refused(void **state)
{
	static const uint8_t big[STATEMENT_MAX + 1];

	(void)state;
	assert_false(wrapped("a0"));
	assert_string_equal(err.text, "statement: receipts: missing at offset 191");
	assert_false(wrapped("a119018a80"));
	assert_non_null(strstr(err.text, "receipts: none"));
	assert_false(wrapped("a219018a81410019018b00"));
	assert_non_null(strstr(err.text, "unprotected header: unknown key"));
	assert_false(wrapped("a219018a8141003a0001255b4100"));
	assert_non_null(strstr(err.text, "salt: expected 32 bytes"));
	assert_true(wrapped("a119018a814100"));
	assert_false(transparent.salted);
	assert_fails(transparent_parse(BYTES_OF(big), &transparent, &err), err, ERR_LIMIT,
		"statement: 131137 bytes: more than 131136");
	assert_fails(transparent_write(buf_bytes(&statement), salt, NULL, 0, &out, &err), err,
		ERR_USAGE, "statement: 1 to 8 receipts");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			statement__signed__has_what_rfc_9943_asks_for, setup, teardown),
		cmocka_unit_test_setup_teardown(
			transparent__written__read_back_as_registered, setup, teardown),
		cmocka_unit_test_setup_teardown(
			record__with_receipts_around_it__not_opened, setup, teardown),
		cmocka_unit_test_setup_teardown(T7__record_of_two_times__refused, setup, teardown),
		cmocka_unit_test_setup_teardown(
			leaf__of_a_statement__commits_to_it, setup, teardown),
		cmocka_unit_test_setup_teardown(
			leaf__of_what_is_no_record__refused, setup, teardown),
		cmocka_unit_test_setup_teardown(
			transparent__envelope_in_another_form__refused, setup, teardown),
		cmocka_unit_test_setup_teardown(
			transparent__header_of_another_kind__refused, setup, teardown),
	};
	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
