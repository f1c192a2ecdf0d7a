/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/key_private.h"

#include <openssl/core_names.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/store.h>
#include <openssl/x509.h>

#include "base/file.h"
#include "base/text.h"
#include "crypto/openssl_error.h"
#include "crypto/pem.h"

#define KEY_FILE_MAX    (64u << 10)
#define PASSPHRASE_MAX  1024u
#define PASSPHRASE_MARK "?passphrase-file="

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
	OWNED(key_unref) struct key *shared = NULL;
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
	return (key_from_spki(bytes_of(spki, (size_t)len), &shared, err) &&
		       key_alone(shared, ret, err)) ||
	       err_wrap(err, "private key");
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

/* Takes over the key. */
static bool private_checked(EVP_PKEY *pkey, struct key **ret, struct err *err)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
	bool pair = ctx && EVP_PKEY_pairwise_check(ctx) == 1;

	EVP_PKEY_CTX_free(ctx);
	if (pair)
		return key_from_private(pkey, NULL, ret, err);
	EVP_PKEY_free(pkey);
	return openssl_fail(err, ERR_FORMAT, "private key: its halves do not belong together");
}

static bool private_from_block(const struct private_form *form, const struct pem_block *block,
	struct key **ret, struct err *err)
{
	const uint8_t *at = block->der.data;
	OWNED(pkey_free) EVP_PKEY *pkey = form->decode(&at, (long)block->der.len);

	if (!pkey)
		return openssl_fail(err, ERR_FORMAT, "private key");
	if (at != block->der.data + block->der.len)
		return err_set(err, ERR_FORMAT, "private key: trailing bytes");
	return private_checked(TAKE(pkey), ret, err);
}

static bool key_from_block(const struct pem_block *block, struct key **ret, struct err *err)
{
	if (strcmp(block->name, PEM_STRING_PKCS8) == 0 || strstr(block->header, "ENCRYPTED"))
		return err_set(err, ERR_UNSUPPORTED,
			"key: it is encrypted: name the file that has its passphrase, "
			"…?passphrase-file=FILE");
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

struct sealed_key {
	struct bytes passphrase;
	struct key *key;
};

/* PKCS #8's own encryption alone (RFC 5958 section 3): the older one of PEM headers is MD5. */
static bool visit_sealed(const struct pem_block *block, void *context, struct err *err)
{
	struct sealed_key *sealed = context;
	const uint8_t *at = block->der.data;

	if (sealed->key)
		return err_set(err, ERR_FORMAT, "key: more than one PEM block");
	if (strcmp(block->name, PEM_STRING_PKCS8) != 0)
		return err_set(err, ERR_CONFIG,
			"key: a passphrase is named, and it is not encrypted with one (\"%s\", "
			"expected \"" PEM_STRING_PKCS8 "\")",
			ESC(bytes_str(block->name)));
	X509_SIG *outer = d2i_X509_SIG(NULL, &at, (long)block->der.len);
	if (!outer || at != block->der.data + block->der.len) {
		X509_SIG_free(outer);
		return openssl_fail(err, ERR_FORMAT, "encrypted key");
	}
	PKCS8_PRIV_KEY_INFO *info = PKCS8_decrypt(
		outer, (const char *)sealed->passphrase.data, (int)sealed->passphrase.len);
	X509_SIG_free(outer);
	EVP_PKEY *pkey = info ? EVP_PKCS82PKEY(info) : NULL;
	PKCS8_PRIV_KEY_INFO_free(info);
	if (!pkey)
		return openssl_fail(err, ERR_DENIED, "encrypted key: not with this passphrase");
	return private_checked(pkey, &sealed->key, err);
}

/* The file's first line, without its end; nothing may follow. */
static bool passphrase_read(
	const char *path, struct buf *content, struct bytes *ret, struct err *err)
{
	struct err why = {0};

	if (!file_read(path, PASSPHRASE_MAX, content, &why))
		return err_set(err, why.code == ERR_NOT_FOUND ? ERR_CONFIG : why.code,
			"passphrase-file: %.600s", why.text);
	*ret = buf_bytes(content);
	if (ret->len > 0 && ret->data[ret->len - 1] == '\n')
		ret->len--;
	return (ret->len > 0 && !memchr(ret->data, '\n', ret->len)) ||
	       err_set(err, ERR_CONFIG, "passphrase-file: %s: expected one line", path);
}

static bool key_from_sealed_file(
	const char *path, const char *passphrase_file, struct key **ret, struct err *err)
{
	OWNED(buf_release) struct buf content = {0};
	OWNED(buf_release) struct buf line = {0};
	struct sealed_key sealed = {0};
	struct err why = {0};

	if (passphrase_file[0] != '/')
		return err_set(err, ERR_CONFIG, "passphrase-file: %s: must begin with /",
			ESC(bytes_str(passphrase_file)));
	if (!file_read(path, KEY_FILE_MAX, &content, err))
		return err_wrap(err, "key");
	bool ok = passphrase_read(passphrase_file, &line, &sealed.passphrase, &why) &&
		  pem_each(buf_bytes(&content), visit_sealed, &sealed, &why) &&
		  (sealed.key || err_set(&why, ERR_FORMAT, "key: no PEM block"));
	if (ok) {
		*ret = sealed.key;
		return true;
	}
	key_unref(&sealed.key);
	return err_set(err, why.code, "%s: %.700s", path, why.text);
}

static bool key_from_file(const char *path, struct key **ret, struct err *err)
{
	OWNED(buf_release) struct buf content = {0};
	const char *mark = strstr(path, PASSPHRASE_MARK);

	if (mark) {
		OWNED(buf_release) struct buf name = {0};

		buf_put(&name, bytes_of(path, (size_t)(mark - path)));
		return buf_str(&name) ? key_from_sealed_file(buf_str(&name),
						mark + strlen(PASSPHRASE_MARK), ret, err)
				      : err_set(err, ERR_NOMEM, "key");
	}
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
