/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/key_private.h"

#include <openssl/core_names.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <stdlib.h>

#include "crypto/der.h"
#include "crypto/openssl_error.h"

enum { PARAMS_MAX = 3 };

static void pkey_ctx_free(EVP_PKEY_CTX **ctx)
{
	EVP_PKEY_CTX_free(*ctx);
}

static void pkey_free(EVP_PKEY **pkey)
{
	EVP_PKEY_free(*pkey);
}

static bool make_public(const char *type, OSSL_PARAM *params, EVP_PKEY **ret, struct err *err)
{
	OWNED(pkey_ctx_free) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);

	if (!ctx || EVP_PKEY_fromdata_init(ctx) != 1 ||
		EVP_PKEY_fromdata(ctx, ret, EVP_PKEY_PUBLIC_KEY, params) != 1)
		return openssl_fail(err, ERR_FORMAT, "public key");
	return true;
}

static size_t modulus_bits(struct bytes modulus)
{
	size_t bits = modulus.len * 8;

	for (uint8_t mask = 0x80; modulus.len && mask && !(modulus.data[0] & mask); mask >>= 1)
		bits--;
	return bits;
}

static bool make_rsa(const struct key_parts *parts, EVP_PKEY **ret, struct err *err)
{
	size_t bits = modulus_bits(parts->modulus);
	uint8_t native[RSA_MODULUS_MAX];
	uint64_t exponent = parts->exponent;
	OSSL_PARAM params[PARAMS_MAX] = {OSSL_PARAM_END, OSSL_PARAM_END, OSSL_PARAM_END};

	if (bits < RSA_BITS_MIN || bits > RSA_BITS_MAX)
		return err_set(err, ERR_FORMAT, "public key: RSA of %zu bits, expected %d to %d",
			bits, RSA_BITS_MIN, RSA_BITS_MAX);
	if (!(parts->modulus.data[parts->modulus.len - 1] & 1))
		return err_set(err, ERR_FORMAT, "public key: an even RSA modulus");
	if (exponent < 3 || !(exponent & 1))
		return err_set(err, ERR_FORMAT, "public key: RSA exponent %u", parts->exponent);
	/* OSSL_PARAM integers are in the machine's own byte order. */
	for (size_t i = 0; i < parts->modulus.len; i++)
		native[i] = parts->modulus.data[parts->modulus.len - 1 - i];
	params[0] = OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_RSA_N, native, parts->modulus.len);
	params[1] = OSSL_PARAM_construct_uint64(OSSL_PKEY_PARAM_RSA_E, &exponent);
	return make_public("RSA", params, ret, err);
}

/* Keys of one curve begin as a copy of one that has no point yet: to set up a curve anew costs OpenSSL several times what
 * the check of a point does. Made once for each curve, read-only afterwards. */
static struct blank {
	const char *group;
	EVP_PKEY *key;
} blanks[] = {{"P-256", NULL}, {"P-384", NULL}, {"P-521", NULL}};

static void blanks_make(void)
{
	for (size_t i = 0; i < ARRAY_LEN(blanks); i++) {
		OWNED(pkey_ctx_free)
		EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
		OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME,
					       (char *)blanks[i].group, 0),
			OSSL_PARAM_END};

		if (!ctx || EVP_PKEY_fromdata_init(ctx) != 1 ||
			EVP_PKEY_fromdata(ctx, &blanks[i].key, EVP_PKEY_KEY_PARAMETERS, params) !=
				1)
			blanks[i].key = NULL;
	}
	openssl_forget();
}

static EVP_PKEY *blank_copy(const char *group)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	if (pthread_once(&once, blanks_make) != 0)
		return NULL;
	for (size_t i = 0; i < ARRAY_LEN(blanks); i++)
		if (strcmp(blanks[i].group, group) == 0)
			return blanks[i].key ? EVP_PKEY_dup(blanks[i].key) : NULL;
	return NULL;
}

static bool make_ec(const struct key_parts *parts, EVP_PKEY **ret, struct err *err)
{
	size_t len = parts->kind->field_len;
	OWNED(pkey_free) EVP_PKEY *made = NULL;
	uint8_t point[1 + 2 * EC_FIELD_MAX] = {4};

	if (!parts->x.data || !parts->y.data || parts->x.len != len || parts->y.len != len)
		return err_set(err, ERR_INTERNAL, "public key: coordinates of another curve");
	memcpy(point + 1, parts->x.data, len);
	memcpy(point + 1 + len, parts->y.data, len);
	made = blank_copy(parts->kind->group);
	if (!made)
		return openssl_fail(err, ERR_NOMEM, parts->kind->name);
	/* Coordinates below p and the point on the curve; these curves have cofactor 1, so that is
	 * the whole check. */
	if (EVP_PKEY_set1_encoded_public_key(made, point, 1 + 2 * len) != 1) {
		(void)openssl_fail(err, ERR_FORMAT, "public key");
		return err_wrap(err, "%s", parts->kind->name);
	}
	*ret = TAKE(made);
	return true;
}

/* With a public key of small order some signatures hold for every message. OpenSSL takes such keys.
 */
static bool ed25519_small_order(struct bytes key)
{
	/* y of the points of order 1, 2, 4 and 8, non-canonical forms included; the last bit is x's
	 * sign. */
	static const uint8_t ys[][32] = {
		{0},
		{1},
		{0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef,
			0x98, 0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38,
			0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05},
		{0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10,
			0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7,
			0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a},
		{0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
			0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
			0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
		{0xed, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
			0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
			0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
		{0xee, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
			0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
			0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
	};
	uint8_t y[32];

	memcpy(y, key.data, sizeof(y));
	y[31] &= 0x7f;
	for (size_t i = 0; i < ARRAY_LEN(ys); i++)
		if (memcmp(y, ys[i], sizeof(y)) == 0)
			return true;
	return false;
}

static bool make_ed25519(const struct key_parts *parts, EVP_PKEY **ret, struct err *err)
{
	if (!parts->x.data || parts->x.len != parts->kind->field_len)
		return err_set(err, ERR_INTERNAL, "public key: not of Ed25519");
	if (ed25519_small_order(parts->x))
		return err_set(err, ERR_FORMAT, "public key: an Ed25519 point of small order");
	*ret = EVP_PKEY_new_raw_public_key_ex(NULL, "ED25519", NULL, parts->x.data, parts->x.len);
	return *ret || openssl_fail(err, ERR_FORMAT, "public key");
}

static bool make_parts(const struct key_parts *parts, EVP_PKEY **ret, struct err *err)
{
	if (parts->kind->type == KEY_RSA)
		return make_rsa(parts, ret, err);
	if (parts->kind->type == KEY_ED25519)
		return make_ed25519(parts, ret, err);
	return make_ec(parts, ret, err);
}

static struct key *key_new(const struct key_kind *kind, struct err *err)
{
	OWNED(key_unref) struct key *made = calloc(1, sizeof(*made));

	if (made) {
		atomic_init(&made->refs, 1);
		atomic_init(&made->memo, NULL);
		made->kind = kind;
		made->verifying = calloc(1, sizeof(*made->verifying));
		made->signing = calloc(1, sizeof(*made->signing));
	}
	if (!made || !made->verifying || !made->signing) {
		(void)err_set(err, ERR_NOMEM, "key: out of memory");
		return NULL;
	}
	return TAKE(made);
}

bool key_from_parts(const struct key_parts *parts, struct key **ret, struct err *err)
{
	OWNED(buf_release) struct buf spki = {0};
	OWNED(key_unref) struct key *made = NULL;

	if (!spki_write(parts, &spki, err))
		return false;
	*ret = key_recent(buf_bytes(&spki));
	if (*ret)
		return true;
	made = key_new(parts->kind, err);
	if (!made || !make_parts(parts, &made->public, err) ||
		!sha256_of(buf_bytes(&spki), made->id, err))
		return false;
	made->spki = TAKE_STRUCT(spki);
	key_recent_keep(made);
	*ret = TAKE(made);
	return true;
}

bool key_alone(const struct key *key, struct key **ret, struct err *err)
{
	OWNED(key_unref) struct key *made = key_new(key->kind, err);

	if (!made)
		return false;
	buf_put(&made->spki, key_spki(key));
	memcpy(made->id, key->id, sizeof(made->id));
	if (!buf_ok(&made->spki, err))
		return false;
	if (EVP_PKEY_up_ref(key->public) != 1)
		return openssl_fail(err, ERR_CRYPTO, "key");
	made->public = key->public;
	*ret = TAKE(made);
	return true;
}

bool key_from_spki(struct bytes der, struct key **ret, struct err *err)
{
	OWNED(buf_release) struct buf canonical = {0};
	struct key_parts parts;

	if (der.len > SPKI_MAX)
		return err_set(
			err, ERR_LIMIT, "public key: %zu bytes, at most %d", der.len, SPKI_MAX);
	if (!spki_parse(der, false, &parts, err) || !spki_write(&parts, &canonical, err))
		return false;
	/* The reader is strict; this holds reader and writer to each other. */
	if (!bytes_equal(der, buf_bytes(&canonical)))
		return err_set(err, ERR_FORMAT, "public key: not in canonical form");
	return key_from_parts(&parts, ret, err);
}

/* Puts a coordinate at the end of a field of zeros. */
static bool pad_coordinate(struct bytes in, const struct key_kind *kind, const char *name,
	uint8_t *out, struct err *err)
{
	if (in.len == 0 || in.len > kind->field_len)
		return err_set(err, ERR_FORMAT,
			"public key: coordinate %s of %zu bytes, expected at most %zu", name,
			in.len, kind->field_len);
	memset(out, 0, kind->field_len - in.len);
	memcpy(out + kind->field_len - in.len, in.data, in.len);
	return true;
}

bool key_from_ec_point(
	enum key_type type, struct bytes x, struct bytes y, struct key **ret, struct err *err)
{
	struct key_parts parts = {.kind = key_kind_of(type)};
	uint8_t padded_x[EC_FIELD_MAX], padded_y[EC_FIELD_MAX];

	if (!parts.kind || !parts.kind->group)
		return err_set(err, ERR_USAGE, "public key: no type of ECDSA key");
	if (!pad_coordinate(x, parts.kind, "x", padded_x, err) ||
		!pad_coordinate(y, parts.kind, "y", padded_y, err))
		return false;
	parts.x = bytes_of(padded_x, parts.kind->field_len);
	parts.y = bytes_of(padded_y, parts.kind->field_len);
	return key_from_parts(&parts, ret, err);
}

bool key_from_rsa(struct bytes n, uint32_t exponent, struct key **ret, struct err *err)
{
	struct key_parts parts = {.kind = key_kind_of(KEY_RSA), .exponent = exponent};

	while (n.len && n.data[0] == 0)
		n = bytes_of(n.data + 1, n.len - 1);
	parts.modulus = n;
	return key_from_parts(&parts, ret, err);
}

struct key *key_ref(struct key *key)
{
	if (key)
		atomic_fetch_add_explicit(&key->refs, 1, memory_order_relaxed);
	return key;
}

static void contexts_free(struct key_contexts *contexts)
{
	if (!contexts)
		return;
	for (size_t row = 0; row < ARRAY_LEN(contexts->slots); row++)
		for (size_t slot = 0; slot < DIGEST_SLOTS; slot++)
			EVP_MD_CTX_free(atomic_load(&contexts->slots[row][slot]));
	free(contexts);
}

void key_unref(struct key **key)
{
	struct key *gone = TAKE(*key);

	if (!gone || atomic_fetch_sub_explicit(&gone->refs, 1, memory_order_acq_rel) != 1)
		return;
	contexts_free(gone->verifying);
	contexts_free(gone->signing);
	key_memo_free(atomic_load(&gone->memo));
	EVP_PKEY_free(gone->public);
	key_home_lock(gone->home);
	EVP_PKEY_free(gone->private);
	key_home_unlock(gone->home);
	key_home_unref(&gone->home);
	buf_release(&gone->spki);
	free(gone);
}

enum key_type key_type_of(const struct key *key)
{
	return key->kind->type;
}

const char *key_type_name(enum key_type type)
{
	const struct key_kind *kind = key_kind_of(type);

	return kind ? kind->name : "unknown";
}

size_t key_bits(const struct key *key)
{
	return key->kind->bits ? key->kind->bits : (size_t)EVP_PKEY_get_bits(key->public);
}

bool key_has_private(const struct key *key)
{
	return key->private != NULL;
}

struct bytes key_spki(const struct key *key)
{
	return buf_bytes(&key->spki);
}

struct bytes key_public_bits(const struct key *key)
{
	struct reader r = rd_of(key_spki(key));
	struct reader spki = der_enter(&r, DER_SEQUENCE, "key");

	(void)der_element(&spki, DER_SEQUENCE, "algorithm");
	return der_bits(&spki, "key");
}

const uint8_t *key_id(const struct key *key)
{
	return key->id;
}

bool key_equal(const struct key *a, const struct key *b)
{
	return bytes_equal(key_spki(a), key_spki(b));
}

bool key_ec_point(const struct key *key, struct buf *x, struct buf *y, struct err *err)
{
	size_t len = key->kind->field_len;
	const uint8_t *end = key->spki.data + key->spki.len;

	if (!key->kind->group)
		return err_set(err, ERR_FORMAT, "%s key: has no coordinates", key->kind->name);
	/* An uncompressed point is the last thing in its SPKI. */
	buf_put(x, bytes_of(end - 2 * len, len));
	buf_put(y, bytes_of(end - len, len));
	return buf_ok(x, err) && buf_ok(y, err);
}

enum signature_scheme key_default_scheme(const struct key *key)
{
	if (key->kind->type == KEY_RSA)
		return SIGN_RSA_PKCS1;
	return key->kind->type == KEY_ED25519 ? SIGN_ED25519 : SIGN_ECDSA;
}

enum digest_alg key_default_digest(const struct key *key)
{
	return key->kind->digest;
}

EVP_PKEY *key_evp(const struct key *key)
{
	return key->private ? key->private : key->public;
}
