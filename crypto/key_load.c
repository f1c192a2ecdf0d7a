/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/key_private.h"

#include <openssl/core_names.h>
#include <openssl/pem.h>
#include <openssl/store.h>
#include <openssl/x509.h>

#include "base/file.h"
#include "base/text.h"
#include "crypto/openssl_error.h"
#include "crypto/pem.h"

#define KEY_FILE_MAX (64u << 10)

static void pkey_free(EVP_PKEY **pkey)
{
	EVP_PKEY_free(*pkey);
}

static void bio_free(BIO **bio)
{
	BIO_free_all(*bio);
}

static void openssl_release(void *pointer_to_pointer)
{
	void **pointer = pointer_to_pointer;

	OPENSSL_free(*pointer);
}

/* The public half through its SPKI, so that it meets every check a stranger's key meets. */
static bool public_half(EVP_PKEY *private, bool foreign, struct key **ret, struct err *err)
{
	OWNED(openssl_release) uint8_t *spki = NULL;
	int len;

	/* A file may hold its public half compressed; what we name a key by is the uncompressed
	 * form. */
	if (!foreign && EVP_PKEY_is_a(private, "EC") &&
		EVP_PKEY_set_utf8_string_param(
			private, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, "uncompressed") != 1)
		return openssl_fail(err, ERR_CRYPTO, "private key");
	len = i2d_PUBKEY(private, &spki);
	if (len <= 0)
		return openssl_fail(err, ERR_CRYPTO, "private key: its public half");
	return key_from_spki(bytes_of(spki, (size_t)len), ret, err) || err_wrap(err, "private key");
}

bool key_from_private(EVP_PKEY *private, struct key_home *home, struct key **ret, struct err *err)
{
	struct key *made = NULL;

	key_home_lock(home);
	if (!public_half(private, home != NULL, &made, err))
		EVP_PKEY_free(private);
	key_home_unlock(home);
	if (!made)
		return false;
	made->private = private;
	made->home = key_home_ref(home);
	*ret = made;
	return true;
}

static EVP_PKEY *decode_pkcs8(const uint8_t **at, long len)
{
	PKCS8_PRIV_KEY_INFO *info = d2i_PKCS8_PRIV_KEY_INFO(NULL, at, len);
	EVP_PKEY *pkey = info ? EVP_PKCS82PKEY(info) : NULL;

	PKCS8_PRIV_KEY_INFO_free(info);
	return pkey;
}

static EVP_PKEY *decode_sec1(const uint8_t **at, long len)
{
	return d2i_PrivateKey(EVP_PKEY_EC, NULL, at, len);
}

static EVP_PKEY *decode_pkcs1(const uint8_t **at, long len)
{
	return d2i_PrivateKey(EVP_PKEY_RSA, NULL, at, len);
}

static const struct private_form {
	const char *name;
	EVP_PKEY *(*decode)(const uint8_t **at, long len);
} private_forms[] = {
	{PEM_STRING_PKCS8INF, decode_pkcs8},
	{PEM_STRING_ECPRIVATEKEY, decode_sec1},
	{PEM_STRING_RSA, decode_pkcs1},
};

static bool private_from_block(const struct private_form *form, const struct pem_block *block,
	struct key **ret, struct err *err)
{
	const uint8_t *at = block->der.data;
	OWNED(pkey_free) EVP_PKEY *pkey = form->decode(&at, (long)block->der.len);
	EVP_PKEY_CTX *ctx;
	bool pair;

	if (!pkey)
		return openssl_fail(err, ERR_FORMAT, "private key");
	if (at != block->der.data + block->der.len)
		return err_set(err, ERR_FORMAT, "private key: trailing bytes");
	ctx = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
	pair = ctx && EVP_PKEY_pairwise_check(ctx) == 1;
	EVP_PKEY_CTX_free(ctx);
	if (!pair)
		return openssl_fail(
			err, ERR_FORMAT, "private key: its halves do not belong together");
	return key_from_private(TAKE(pkey), NULL, ret, err);
}

static bool key_from_block(const struct pem_block *block, struct key **ret, struct err *err)
{
	if (strcmp(block->name, PEM_STRING_PKCS8) == 0 || strstr(block->header, "ENCRYPTED"))
		return err_set(err, ERR_UNSUPPORTED,
			"key: it is encrypted, and passphrases are not asked for");
	if (strcmp(block->name, PEM_STRING_PUBLIC) == 0)
		return key_from_spki(block->der, ret, err);
	for (size_t i = 0; i < ARRAY_LEN(private_forms); i++)
		if (strcmp(block->name, private_forms[i].name) == 0)
			return private_from_block(&private_forms[i], block, ret, err);
	return err_set(err, ERR_FORMAT, "key: a PEM block \"%s\", expected a private or public key",
		ESC(bytes_str(block->name)));
}

/* openssl ecparam puts the curve's name in front, which the key repeats. */
static bool visit_block(const struct pem_block *block, void *context, struct err *err)
{
	struct key **key = context;

	if (strcmp(block->name, PEM_STRING_ECPARAMETERS) == 0)
		return true;
	if (*key)
		return err_set(err, ERR_FORMAT, "key: more than one PEM block");
	return key_from_block(block, key, err);
}

bool key_from_pem(struct bytes pem, struct key **ret, struct err *err)
{
	OWNED(key_unref) struct key *made = NULL;

	if (pem.len > KEY_FILE_MAX)
		return err_set(err, ERR_LIMIT, "key: %zu bytes, at most %u", pem.len, KEY_FILE_MAX);
	if (!pem_each(pem, visit_block, &made, err))
		return false;
	if (!made)
		return err_set(err, ERR_FORMAT, "key: no PEM block");
	*ret = TAKE(made);
	return true;
}

bool key_generate(enum key_type type, struct key **ret, struct err *err)
{
	const struct key_kind *kind = key_kind_of(type);
	EVP_PKEY *pkey;

	if (!kind)
		return err_set(err, ERR_USAGE, "key: no such type");
	if (kind->group)
		pkey = EVP_PKEY_Q_keygen(NULL, NULL, "EC", kind->group);
	else if (type == KEY_RSA)
		pkey = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)RSA_BITS_MIN);
	else
		pkey = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	if (!pkey)
		return openssl_fail(err, ERR_CRYPTO, "key generation");
	return key_from_private(pkey, NULL, ret, err);
}

static bool key_from_file(const char *path, struct key **ret, struct err *err)
{
	OWNED(buf_release) struct buf content = {0};

	if (!file_read(path, KEY_FILE_MAX, &content, err))
		return err_wrap(err, "key");
	if (!key_from_pem(buf_bytes(&content), ret, err))
		return err_wrap(err, "%s", path);
	return true;
}

static void store_close(OSSL_STORE_CTX **store)
{
	if (*store)
		OSSL_STORE_close(*store);
}

/* The first key behind the URI. The caller holds the home's lock. */
static EVP_PKEY *store_key(const char *uri, const struct key_home *home)
{
	OWNED(store_close)
	OSSL_STORE_CTX *store = OSSL_STORE_open_ex(uri, key_home_context(home),
		key_home_properties(home), NULL, NULL, NULL, NULL, NULL);
	EVP_PKEY *pkey = NULL;

	while (store && !pkey && !OSSL_STORE_eof(store)) {
		OSSL_STORE_INFO *info = OSSL_STORE_load(store);

		if (!info)
			break;
		if (OSSL_STORE_INFO_get_type(info) == OSSL_STORE_INFO_PKEY)
			pkey = OSSL_STORE_INFO_get1_PKEY(info);
		OSSL_STORE_INFO_free(info);
	}
	return pkey;
}

static bool key_from_provider(
	const char *provider, const char *uri, struct key **ret, struct err *err)
{
	OWNED(key_home_unref) struct key_home *home = NULL;
	EVP_PKEY *pkey;

	if (!key_home_open(provider, &home, err))
		return err_wrap(err, "%s", uri);
	key_home_lock(home);
	pkey = store_key(uri, home);
	key_home_unlock(home);
	if (!pkey)
		return openssl_fail(err, ERR_NOT_FOUND, uri);
	return key_from_private(pkey, home, ret, err) || err_wrap(err, "%s", uri);
}

bool key_from_uri(const char *uri, struct key **ret, struct err *err)
{
	OWNED(key_unref) struct key *made = NULL;
	bool ok;

	if (strncmp(uri, "handle:", 7) == 0)
		ok = key_from_provider("tpm2", uri, &made, err);
	else if (strncmp(uri, "pkcs11:", 7) == 0)
		ok = key_from_provider("pkcs11", uri, &made, err);
	else if (strncmp(uri, "file://", 7) == 0)
		ok = key_from_file(uri + 7, &made, err);
	else
		ok = key_from_file(strncmp(uri, "file:", 5) == 0 ? uri + 5 : uri, &made, err);
	if (!ok)
		return false;
	if (!key_has_private(made))
		return err_set(err, ERR_DENIED, "%s: a public key, expected a private one", uri);
	*ret = TAKE(made);
	return true;
}

bool key_public_pem(const struct key *key, struct buf *out, struct err *err)
{
	return pem_put(out, PEM_STRING_PUBLIC, key_spki(key), err);
}

bool key_private_pem(const struct key *key, struct buf *out, struct err *err)
{
	OWNED(bio_free) BIO *bio = NULL;
	char *text = NULL;
	long len;

	if (!key->private)
		return err_set(err, ERR_DENIED, "key: no private half");
	if (key->home)
		return err_set(
			err, ERR_UNSUPPORTED, "key: it lives in a TPM and does not leave it");
	bio = BIO_new(BIO_s_secmem());
	if (!bio ||
		PEM_write_bio_PKCS8PrivateKey(bio, key->private, NULL, NULL, 0, NULL, NULL) != 1)
		return openssl_fail(err, ERR_CRYPTO, "private key as PEM");
	len = BIO_get_mem_data(bio, &text);
	buf_put(out, bytes_of(text, (size_t)len));
	return buf_ok(out, err);
}
