/* SPDX-License-Identifier: Apache-2.0 */
/* Private keys encrypted with a passphrase that lies in another file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include <openssl/evp.h>
#include <openssl/pem.h>

#include "base/file.h"
#include "crypto/key.h"

static struct {
	char dir[64], key[96], line[96], uri[256];
	EVP_PKEY *pkey;
} t;
static struct key *key;
static struct err err;

static void put(const char *path, struct bytes content)
{
	assert_true(file_write_atomic(path, content, 0600, &err));
}

/* With "correct horse", or in clear where cipher is NULL. */
static void put_key(const EVP_CIPHER *cipher)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *text = NULL;
	assert_int_equal(
		PEM_write_bio_PKCS8PrivateKey(bio, t.pkey, cipher, "correct horse", 13, NULL, NULL),
		1);
	long len = BIO_get_mem_data(bio, &text);
	put(t.key, bytes_of(text, (size_t)len));
	BIO_free(bio);
}

static int setup(void **state)
{
	(void)state;
	(void)snprintf(t.dir, sizeof(t.dir), "/tmp/assay-sealed-XXXXXX");
	assert_non_null(mkdtemp(t.dir));
	(void)snprintf(t.key, sizeof(t.key), "%s/content.key", t.dir);
	(void)snprintf(t.line, sizeof(t.line), "%s/passphrase", t.dir);
	(void)snprintf(t.uri, sizeof(t.uri), "file:%s?passphrase-file=%s", t.key, t.line);
	t.pkey = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	assert_non_null(t.pkey);
	put_key(EVP_aes_256_cbc());
	put(t.line, BYTES_LIT("correct horse\n"));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	(void)unlink(t.key);
	(void)unlink(t.line);
	(void)rmdir(t.dir);
	EVP_PKEY_free(t.pkey);
	key_unref(&key);
	return 0;
}

static void assert_refused(const char *uri, enum err_code code, const char *text)
{
	err = (struct err){0};
	assert_false(key_from_uri(uri, &key, &err));
	assert_non_null(strstr(err.text, text));
	assert_int_equal(err.code, code);
}

static void sealed_key__right_passphrase__opened(void **state)
{
	(void)state;
	static const char *const lines[] = {"correct horse\n", "correct horse"};
	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		put(t.line, bytes_str(lines[i]));
		assert_true(key_from_uri(t.uri, &key, &err));
		assert_true(key_has_private(key));
		assert_int_equal(key_type_of(key), KEY_EC_P256);
		key_unref(&key);
	}
}

static void sealed_key__other_passphrase__denied(void **state)
{
	(void)state;
	put(t.line, BYTES_LIT("correct Horse\n"));
	assert_refused(t.uri, ERR_DENIED, "encrypted key: not with this passphrase");
}

static void sealed_key__passphrase_file__one_line_or_refused(void **state)
{
	(void)state;
	static const char *const lines[] = {"", "\n", "correct horse\n\n", "correct horse\nx"};
	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		put(t.line, bytes_str(lines[i]));
		assert_refused(t.uri, ERR_CONFIG, "expected one line");
	}
	(void)unlink(t.line);
	assert_refused(t.uri, ERR_CONFIG, "passphrase-file: ");
	(void)snprintf(t.uri, sizeof(t.uri), "file:%s?passphrase-file=passphrase", t.key);
	assert_refused(t.uri, ERR_CONFIG, "passphrase: must begin with /");
}

/* Whoever names a passphrase believes that the key is safe without it. */
static void sealed_key__in_clear__refused(void **state)
{
	(void)state;
	put_key(NULL);
	assert_refused(
		t.uri, ERR_CONFIG, "a passphrase is named, and it is not encrypted with one");
	assert_true(key_from_uri(t.key, &key, &err));
}

static void sealed_key__garbled__refused(void **state)
{
	(void)state;
	put(t.key, BYTES_LIT("-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAA=\n"
			     "-----END ENCRYPTED PRIVATE KEY-----\n"));
	assert_refused(t.uri, ERR_FORMAT, "encrypted key");
	put(t.key, BYTES_LIT("nothing\n"));
	assert_refused(t.uri, ERR_FORMAT, "key: no PEM block");
	(void)unlink(t.key);
	assert_refused(t.uri, ERR_NOT_FOUND, "content.key");
}

static void sealed_key__two_blocks__refused(void **state)
{
	(void)state;
	OWNED(buf_release) struct buf once = {0};
	OWNED(buf_release) struct buf twice = {0};
	assert_true(file_read(t.key, 65536, &once, &err));
	buf_put(&twice, buf_bytes(&once));
	buf_put(&twice, buf_bytes(&once));
	put(t.key, buf_bytes(&twice));
	assert_refused(t.uri, ERR_FORMAT, "key: more than one PEM block");
}

static void sealed_key__no_passphrase_named__says_how(void **state)
{
	(void)state;
	assert_refused(t.key, ERR_UNSUPPORTED,
		"it is encrypted: name the file that has its passphrase, …?passphrase-file=FILE");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define EACH(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		EACH(sealed_key__right_passphrase__opened),
		EACH(sealed_key__other_passphrase__denied),
		EACH(sealed_key__passphrase_file__one_line_or_refused),
		EACH(sealed_key__in_clear__refused),
		EACH(sealed_key__garbled__refused),
		EACH(sealed_key__two_blocks__refused),
		EACH(sealed_key__no_passphrase_named__says_how),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
