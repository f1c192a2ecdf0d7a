/* SPDX-License-Identifier: Apache-2.0 */
/* Signatures in IMA entries: versions 2 and 3, RSA and ECDSA, and everything near that must not pass. */
#include "firmware/ima_signature.h"

#include "tests/support/ima_make.h"
#include "tests/support/unit.h"

enum { RSA_2K, P256, P384, KEYS };
static struct key *all_keys[KEYS];
static struct ima_key keys[KEYS];
static struct buf list, signature;
static struct ima_entry entry;
static struct err err;

static int group_setup(void **state)
{
	static const enum key_type types[] = {KEY_RSA, KEY_EC_P256, KEY_EC_P384};

	(void)state;
	for (size_t i = 0; i < KEYS; i++) {
		if (!key_generate(types[i], &all_keys[i], &err) ||
			!ima_keyid_of(all_keys[i], NULL, &keys[i].keyid, &err))
			return -1;
		keys[i].name = "key";
		keys[i].key = all_keys[i];
	}
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	for (size_t i = 0; i < KEYS; i++)
		key_unref(&all_keys[i]);
	return 0;
}

static int setup(void **state)
{
	(void)state;
	memset(&entry, 0, sizeof(entry));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	buf_release(&list);
	buf_release(&signature);
	return 0;
}

static void first_entry(void)
{
	struct ima_log log;

	assert_ok(ima_log_open(buf_bytes(&list), DIGEST_SHA1, 0, &log, &err), err);
	assert_ok(ima_log_next(&log, &entry, &err), err);
}

static enum ima_signed check(size_t *by)
{
	enum ima_signed result = IMA_SIGNED_NOT;

	*by = 99;
	assert_ok(ima_signature_check(&entry, keys, KEYS, &result, by, &err), err);
	return result;
}

/* The entry's signature, writable: the list is ours. */
static uint8_t *sig(void)
{
	return (uint8_t *)(uintptr_t)entry.field[IMA_FIELD_SIG].data;
}

static void signature__each_key_and_version__good(void **state)
{
	(void)state;
	for (size_t i = 0; i < KEYS; i++)
		for (int verity = 0; verity < 2; verity++) {
			size_t by;

			buf_clear(&list);
			ima_make_signed(&list, "/bin/x", "x", all_keys[i], keys[i].keyid, verity);
			first_entry();
			assert_int_equal(check(&by), IMA_SIGNED_GOOD);
			assert_int_equal(by, i);
		}
}

static void signature__other_digest__bad(void **state)
{
	size_t by;

	(void)state;
	for (size_t i = 0; i < KEYS; i++) {
		buf_clear(&list);
		ima_make_signed(&list, "/bin/x", "x", all_keys[i], keys[i].keyid, i == 1);
		first_entry();
		((uint8_t *)(uintptr_t)entry.digest.data)[31] ^= 1;
		assert_int_equal(check(&by), IMA_SIGNED_BAD);
	}
}

static void signature__every_byte_counts(void **state)
{
	size_t by, len;

	(void)state;
	ima_make_signed(&list, "/bin/x", "x", all_keys[P256], keys[P256].keyid, false);
	first_entry();
	len = entry.field[IMA_FIELD_SIG].len;
	for (size_t i = 0; i < len; i++) {
		sig()[i] ^= 1;
		assert_int_not_equal(check(&by), IMA_SIGNED_GOOD);
		sig()[i] ^= 1;
	}
	assert_int_equal(check(&by), IMA_SIGNED_GOOD);
}

static void signature__by_another_key_under_this_id__bad(void **state)
{
	size_t by;

	(void)state;
	ima_make_signed(&list, "/bin/x", "x", all_keys[P384], keys[P256].keyid, false);
	first_entry();
	assert_int_equal(check(&by), IMA_SIGNED_BAD);
	buf_clear(&list);
	ima_make_signed(&list, "/bin/x", "x", all_keys[P256], keys[RSA_2K].keyid, false);
	first_entry();
	assert_int_equal(check(&by), IMA_SIGNED_BAD);
}

static void signature__two_keys_of_one_id__either_may_have_signed(void **state)
{
	struct ima_key pair[] = {keys[P256], keys[P384]};
	enum ima_signed result = IMA_SIGNED_NOT;
	size_t by = 99;

	(void)state;
	pair[0].keyid = pair[1].keyid;
	ima_make_signed(&list, "/bin/x", "x", all_keys[P384], pair[1].keyid, false);
	first_entry();
	assert_ok(ima_signature_check(&entry, pair, 2, &result, &by, &err), err);
	assert_int_equal(result, IMA_SIGNED_GOOD);
	assert_int_equal(by, 1);
}

static void signature__key_not_given__unknown_key(void **state)
{
	size_t by;

	(void)state;
	ima_make_signed(&list, "/bin/x", "x", all_keys[P256], keys[P256].keyid + 1, false);
	first_entry();
	assert_int_equal(check(&by), IMA_SIGNED_UNKNOWN_KEY);
}

static void signature__none__not_signed(void **state)
{
	size_t by;

	(void)state;
	ima_make_file(&list, "/bin/x", "x");
	first_entry();
	assert_int_equal(check(&by), IMA_SIGNED_NOT);
}

/* A signature over a file's digest must not vouch for an fs-verity digest of the same bytes, nor the
 * other way about. */
static void signature__of_the_other_kind_of_digest__bad(void **state)
{
	size_t by;

	(void)state;
	ima_make_signed(&list, "/bin/x", "x", all_keys[P256], keys[P256].keyid, true);
	first_entry();
	entry.digest_type = IMA_DIGEST_FILE;
	assert_int_equal(check(&by), IMA_SIGNED_BAD);
	buf_clear(&list);
	ima_make_signed(&list, "/bin/x", "x", all_keys[P256], keys[P256].keyid, false);
	first_entry();
	entry.digest_type = IMA_DIGEST_VERITY;
	assert_int_equal(check(&by), IMA_SIGNED_BAD);
	entry.digest_type = IMA_DIGEST_FILE;
	entry.alg = DIGEST_NONE;
	assert_int_equal(check(&by), IMA_SIGNED_BAD);
}

/* Version 3 names the type in what it signs: the type in the header alone does not turn one kind into
 * the other. */
static void signature__type_changed__bad(void **state)
{
	size_t by;

	(void)state;
	ima_make_signed(&list, "/bin/x", "x", all_keys[P256], keys[P256].keyid, true);
	first_entry();
	sig()[0] = IMA_SIGNATURE_FILE;
	entry.digest_type = IMA_DIGEST_FILE;
	assert_int_equal(check(&by), IMA_SIGNED_BAD);
}

static void signature__version_3_over_a_file__good(void **state)
{
	size_t by;

	(void)state;
	ima_make_signed(&list, "/bin/x", "x", all_keys[P256], keys[P256].keyid, false);
	first_entry();
	ima_make_signature(
		&signature, IMA_SIGNATURE_FILE, 3, entry.digest, all_keys[P256], keys[P256].keyid);
	entry.field[IMA_FIELD_SIG] = buf_bytes(&signature);
	assert_int_equal(check(&by), IMA_SIGNED_GOOD);
	signature.data[1] = 2;
	assert_int_equal(check(&by), IMA_SIGNED_BAD);
}

static void parse__malformed__names_the_field(void **state)
{
	static const struct {
		struct bytes in;
		enum err_code code;
		const char *wanted;
	} cases[] = {
		{{NULL, 0}, ERR_FORMAT, "signature: type: truncated at offset 0 of 0"},
		{{(const uint8_t *)"\x03\x02\x04\0\0\0\0\0\x02y", 10}, ERR_FORMAT,
			"signature: sig: truncated at offset 9 of 10"},
		{{(const uint8_t *)"\x03\x02\x04\0\0\0\0\0\x01yz", 11}, ERR_FORMAT,
			"signature: trailing bytes at offset 10 of 11"},
		{{(const uint8_t *)"\x03\x02\x04\0\0\0\0\x04\x01yz", 11}, ERR_FORMAT,
			"signature: sig_size: too long at offset 9 of 11"},
		{{(const uint8_t *)"\x03\x01\x04", 3}, ERR_UNSUPPORTED,
			"signature of type 3, version 1 is not judged"},
		{{(const uint8_t *)"\x03\x04\x04\0\0\0\0\0\0", 9}, ERR_UNSUPPORTED,
			"signature of type 3, version 4 is not judged"},
		{{(const uint8_t *)"\x06\x02\x04\0\0\0\0\0\0", 9}, ERR_UNSUPPORTED,
			"signature of type 6, version 2 is not judged"},
		{{(const uint8_t *)"\x05\x02\x04\0\0\0\0\0\0", 9}, ERR_UNSUPPORTED,
			"signature of type 5, version 2 is not judged"},
		{{(const uint8_t *)"\x03\x02\x02\0\0\0\0\0\0", 9}, ERR_UNSUPPORTED,
			"signature over hash algorithm 2"},
	};
	struct ima_signature parsed;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_fails(ima_signature_parse(cases[i].in, &parsed, &err), err, cases[i].code,
			cases[i].wanted);
}

static void signature__of_no_kind_that_is_judged__unsupported(void **state)
{
	size_t by;

	(void)state;
	ima_make_signed(&list, "/bin/x", "x", all_keys[P256], keys[P256].keyid, false);
	first_entry();
	sig()[0] = IMA_SIGNATURE_EVM;
	assert_int_equal(check(&by), IMA_SIGNED_UNSUPPORTED);
	entry.field[IMA_FIELD_SIG].len--;
	assert_int_equal(check(&by), IMA_SIGNED_BAD);
}

/* ---- Appended signatures ---- */

static enum ima_signed check_modsig(size_t count, size_t *by)
{
	enum ima_signed result = IMA_SIGNED_NOT;

	*by = 99;
	assert_ok(ima_modsig_check(&entry, keys, count, &result, by, &err), err);
	return result;
}

static void modsig__of_each_key__good(void **state)
{
	(void)state;
	for (size_t i = 0; i < KEYS; i++) {
		size_t by;

		buf_clear(&list);
		ima_make_module(&list, "/lib/modules/x.ko", "x", all_keys[i]);
		first_entry();
		assert_int_equal(check_modsig(KEYS, &by), IMA_SIGNED_GOOD);
		assert_int_equal(by, i);
		assert_int_equal(check_modsig(i, &by), IMA_SIGNED_UNKNOWN_KEY);
	}
}

static void modsig__every_byte_counts_or_is_not_looked_at(void **state)
{
	size_t by, len, at, passed = 0;
	uint8_t *modsig;

	(void)state;
	ima_make_module(&list, "/lib/modules/x.ko", "x", all_keys[P256]);
	first_entry();
	modsig = (uint8_t *)(uintptr_t)entry.field[IMA_FIELD_MODSIG].data;
	len = entry.field[IMA_FIELD_MODSIG].len;
	for (at = 0; at < len; at++) {
		modsig[at] ^= 1;
		passed += check_modsig(KEYS, &by) == IMA_SIGNED_GOOD;
		modsig[at] ^= 1;
	}
	/* Names, serial number and algorithm names that nothing depends on. */
	assert_true(passed < len / 2);
	((uint8_t *)(uintptr_t)entry.modsig_digest.data)[0] ^= 1;
	assert_int_equal(check_modsig(KEYS, &by), IMA_SIGNED_UNKNOWN_KEY);
}

static void modsig__other_digest_or_none__bad(void **state)
{
	size_t by;

	(void)state;
	ima_make_module(&list, "/lib/modules/x.ko", "x", all_keys[P256]);
	first_entry();
	entry.modsig_alg = DIGEST_SHA512;
	assert_int_equal(check_modsig(KEYS, &by), IMA_SIGNED_BAD);
	entry.modsig_alg = DIGEST_SHA256;
	entry.modsig_digest = (struct bytes){0};
	assert_int_equal(check_modsig(KEYS, &by), IMA_SIGNED_BAD);
	entry.field[IMA_FIELD_MODSIG].len--;
	assert_int_equal(check_modsig(KEYS, &by), IMA_SIGNED_UNSUPPORTED);
	entry.field[IMA_FIELD_MODSIG].len = 0;
	assert_int_equal(check_modsig(KEYS, &by), IMA_SIGNED_NOT);
}

/* A certificate with 20 bytes of key identifier; *ret_at is where its OCTET STRING begins. */
static void issue(struct buf *der, size_t *ret_at)
{
	static const uint8_t head[] = {0x55, 0x1d, 0x0e, 0x04, 0x16, 0x04, 0x14};
	struct cert_request request = {.common_name = "signer",
		.subject = all_keys[P256],
		.not_before = 1700000000,
		.not_after = 1900000000};
	const uint8_t *found;

	assert_ok(cert_issue_der(&request, NULL, all_keys[P256], der, &err), err);
	found = memmem(der->data, der->len, head, sizeof(head));
	assert_non_null(found);
	*ret_at = (size_t)(found - der->data) + 5;
}

static void keyid__of_a_certificate__end_of_its_key_identifier(void **state)
{
	struct cert *cert = NULL;
	uint32_t keyid = 0;
	size_t at = 0;

	(void)state;
	issue(&signature, &at);
	memcpy(signature.data + at + 18, "\x03\x04\x05\x06", 4);
	assert_ok(cert_from_der(buf_bytes(&signature), false, &cert, &err), err);
	assert_ok(ima_keyid_of(all_keys[P256], cert, &keyid, &err), err);
	assert_int_equal(keyid, 0x03040506);
	cert_unref(&cert);
	signature.data[at] = 0x05;
	assert_ok(cert_from_der(buf_bytes(&signature), false, &cert, &err), err);
	assert_fails(ima_keyid_of(all_keys[P256], cert, &keyid, &err), err, ERR_FORMAT,
		"key id: subject key identifier is malformed");
	cert_unref(&cert);
}

static void verify_digest__odd_arguments__refused(void **state)
{
	const uint8_t digest[32] = {0};

	(void)state;
	assert_fails(key_verify_digest(all_keys[RSA_2K], SIGN_RSA_PSS, DIGEST_SHA256,
			     BYTES_OF(digest), (struct bytes){0}, &err),
		err, ERR_FORMAT, "signature: the scheme takes no digest");
	ima_make_signature(&signature, 3, 2, BYTES_OF(digest), all_keys[RSA_2K], 0);
	assert_fails(key_verify_digest(all_keys[RSA_2K], SIGN_RSA_PKCS1, DIGEST_SHA256,
			     bytes_of(digest, 31), bytes_of(signature.data + 9, 256), &err),
		err, ERR_FORMAT, "signature: digest of 31 bytes, expected 32");
	assert_fails(key_verify_digest(all_keys[RSA_2K], SIGN_RSA_PKCS1, DIGEST_SHA1,
			     bytes_of(digest, 20), bytes_of(signature.data + 9, 256), &err),
		err, ERR_FORMAT, "signature: SHA-1 is refused");
	assert_ok(key_verify_digest(all_keys[RSA_2K], SIGN_RSA_PKCS1, DIGEST_SHA256,
			  BYTES_OF(digest), bytes_of(signature.data + 9, 256), &err),
		err);
	assert_fails(key_verify_digest(all_keys[P256], SIGN_RSA_PKCS1, DIGEST_SHA256,
			     BYTES_OF(digest), bytes_of(signature.data + 9, 256), &err),
		err, ERR_FORMAT, "signature: the scheme does not fit an ECDSA P-256 key");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(signature__each_key_and_version__good),
		TEST(signature__other_digest__bad),
		TEST(signature__every_byte_counts),
		TEST(signature__by_another_key_under_this_id__bad),
		TEST(signature__two_keys_of_one_id__either_may_have_signed),
		TEST(signature__key_not_given__unknown_key),
		TEST(signature__none__not_signed),
		TEST(signature__of_the_other_kind_of_digest__bad),
		TEST(signature__type_changed__bad),
		TEST(signature__version_3_over_a_file__good),
		TEST(parse__malformed__names_the_field),
		TEST(signature__of_no_kind_that_is_judged__unsupported),
		TEST(keyid__of_a_certificate__end_of_its_key_identifier),
		TEST(verify_digest__odd_arguments__refused),
		TEST(modsig__of_each_key__good),
		TEST(modsig__every_byte_counts_or_is_not_looked_at),
		TEST(modsig__other_digest_or_none__bad),
	};
	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
