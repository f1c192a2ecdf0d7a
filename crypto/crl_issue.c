/* SPDX-License-Identifier: Apache-2.0 */
/* Certificate revocation lists of our own: RFC 5280 section 5. */
#include "crypto/revocation.h"

#include <openssl/x509v3.h>

#include "base/text.h"
#include "crypto/cert_private.h"
#include "crypto/key_private.h"
#include "crypto/openssl_error.h"

static void crl_free(X509_CRL **crl)
{
	X509_CRL_free(*crl);
}

static void revoked_free(X509_REVOKED **revoked)
{
	X509_REVOKED_free(*revoked);
}

static void time_free(ASN1_TIME **time)
{
	ASN1_TIME_free(*time);
}

static void integer_free(ASN1_INTEGER **integer)
{
	ASN1_INTEGER_free(*integer);
}

static void md_ctx_free(EVP_MD_CTX **ctx)
{
	EVP_MD_CTX_free(*ctx);
}

static void points_free(CRL_DIST_POINTS **points)
{
	CRL_DIST_POINTS_free(*points);
}

static void access_free(AUTHORITY_INFO_ACCESS **access)
{
	AUTHORITY_INFO_ACCESS_free(*access);
}

static bool no_memory(struct err *err)
{
	return openssl_fail(err, ERR_NOMEM, "CRL");
}

/* ---- entries ---- */

static ASN1_INTEGER *serial_of(const char *hex)
{
	uint8_t bytes[SERIAL_HEX_MAX / 2];
	size_t len = strlen(hex) / 2;
	ASN1_INTEGER *serial = NULL;
	BIGNUM *number;

	if (len == 0 || len > sizeof(bytes) || !hex_decode_exact(bytes_str(hex), bytes, len, NULL))
		return NULL;
	number = BN_bin2bn(bytes, (int)len, NULL);
	if (number)
		serial = BN_to_ASN1_INTEGER(number, NULL);
	BN_free(number);
	return serial;
}

/* RFC 5280 section 5.3.1: no extension at all rather than "unspecified". */
static bool put_reason(X509_REVOKED *revoked, enum revocation_reason reason)
{
	ASN1_ENUMERATED *value;
	bool ok;

	if (reason == REVOKED_UNSPECIFIED)
		return true;
	value = ASN1_ENUMERATED_new();
	ok = value && ASN1_ENUMERATED_set(value, (long)reason) == 1 &&
	     X509_REVOKED_add1_ext_i2d(revoked, NID_crl_reason, value, 0, 0) == 1;
	ASN1_ENUMERATED_free(value);
	return ok;
}

static bool put_entry(X509_CRL *crl, const struct crl_entry *entry, struct err *err)
{
	OWNED(revoked_free) X509_REVOKED *revoked = X509_REVOKED_new();
	OWNED(time_free) ASN1_TIME *time = ASN1_TIME_set(NULL, (time_t)entry->revoked);
	OWNED(integer_free) ASN1_INTEGER *serial = serial_of(entry->serial);

	if (!serial)
		return err_set(err, ERR_USAGE, "CRL: serial \"%s\" is not 1 to 20 octets of hex",
			ESC(bytes_str(entry->serial)));
	if (!revoked || !time || X509_REVOKED_set_serialNumber(revoked, serial) != 1 ||
		X509_REVOKED_set_revocationDate(revoked, time) != 1 ||
		!put_reason(revoked, entry->reason) || X509_CRL_add0_revoked(crl, revoked) != 1)
		return no_memory(err);
	revoked = NULL;
	return true;
}

/* ---- the list ---- */

static bool put_times(X509_CRL *crl, const struct crl_request *request, struct err *err)
{
	OWNED(time_free) ASN1_TIME *last = ASN1_TIME_set(NULL, (time_t)request->this_update);
	OWNED(time_free) ASN1_TIME *next = ASN1_TIME_set(NULL, (time_t)request->next_update);

	if (request->next_update <= request->this_update)
		return err_set(err, ERR_USAGE, "CRL: ends before it begins");
	return (last && next && X509_CRL_set1_lastUpdate(crl, last) == 1 &&
		       X509_CRL_set1_nextUpdate(crl, next) == 1) ||
	       no_memory(err);
}

static bool put_number(X509_CRL *crl, uint64_t number, struct err *err)
{
	OWNED(integer_free) ASN1_INTEGER *value = ASN1_INTEGER_new();

	return (value && ASN1_INTEGER_set_uint64(value, number) == 1 &&
		       X509_CRL_add1_ext_i2d(crl, NID_crl_number, value, 0, 0) == 1) ||
	       no_memory(err);
}

static bool put_authority(X509_CRL *crl, const struct cert *issuer, struct err *err)
{
	const ASN1_OCTET_STRING *id = X509_get0_subject_key_id(issuer->x509);
	AUTHORITY_KEYID *authority;
	bool ok;

	if (!id)
		return true;
	authority = AUTHORITY_KEYID_new();
	if (authority)
		authority->keyid = ASN1_OCTET_STRING_dup(id);
	ok = authority && authority->keyid &&
	     X509_CRL_add1_ext_i2d(crl, NID_authority_key_identifier, authority, 0, 0) == 1;
	AUTHORITY_KEYID_free(authority);
	return ok || no_memory(err);
}

static bool sign(X509_CRL *crl, struct key *key, struct err *err)
{
	OWNED(md_ctx_free) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok;

	if (!ctx)
		return no_memory(err);
	key_home_lock(key->home);
	ok = key_sign_init(key, key_default_scheme(key), key_default_digest(key), ctx, err);
	if (ok && X509_CRL_sign_ctx(crl, ctx) <= 0)
		ok = openssl_fail(err, key->home ? ERR_TPM : ERR_CRYPTO, "CRL: signing");
	EVP_MD_CTX_free(TAKE(ctx));
	key_home_unlock(key->home);
	return ok;
}

bool crl_issue(const struct crl_request *request, const struct cert *issuer, struct key *issuer_key,
	struct buf *out, struct err *err)
{
	OWNED(crl_free) X509_CRL *crl = X509_CRL_new();
	uint8_t *der = NULL;
	int len;

	if (!bytes_equal(buf_bytes(&issuer->spki), key_spki(issuer_key)))
		return err_set(err, ERR_USAGE, "CRL: the issuer's certificate is for another key");
	if (!crl || X509_CRL_set_version(crl, X509_CRL_VERSION_2) != 1 ||
		X509_CRL_set_issuer_name(crl, X509_get_subject_name(issuer->x509)) != 1)
		return no_memory(err);
	if (!put_times(crl, request, err) || !put_authority(crl, issuer, err) ||
		!put_number(crl, request->number, err))
		return false;
	for (size_t i = 0; i < request->count; i++)
		if (!put_entry(crl, &request->entries[i], err))
			return false;
	if (X509_CRL_sort(crl) != 1)
		return no_memory(err);
	if (!sign(crl, issuer_key, err))
		return false;
	len = i2d_X509_CRL(crl, &der);
	if (len <= 0)
		return no_memory(err);
	buf_put(out, bytes_of(der, (size_t)len));
	OPENSSL_free(der);
	return buf_ok(out, err);
}

/* ---- where to ask ---- */

static GENERAL_NAME *uri_name(const char *uri)
{
	GENERAL_NAME *name = GENERAL_NAME_new();
	ASN1_IA5STRING *text = ASN1_IA5STRING_new();

	if (!name || !text || ASN1_STRING_set(text, uri, -1) != 1) {
		GENERAL_NAME_free(name);
		ASN1_IA5STRING_free(text);
		return NULL;
	}
	GENERAL_NAME_set0_value(name, GEN_URI, text);
	return name;
}

static bool uri_check(const char *uri, struct err *err)
{
	size_t len = strlen(uri);

	for (size_t i = 0; i < len; i++)
		if (uri[i] <= ' ' || uri[i] > '~')
			return err_set(err, ERR_USAGE, "URI \"%s\"", ESC(bytes_str(uri)));
	return (len > 0 && len <= X509_URI_MAX) || err_set(err, ERR_USAGE, "URI of %zu bytes", len);
}

static bool der_take(uint8_t *der, int len, struct buf *out, struct err *err)
{
	if (len <= 0)
		return no_memory(err);
	buf_put(out, bytes_of(der, (size_t)len));
	OPENSSL_free(der);
	return buf_ok(out, err);
}

bool crl_points_der(const char *uri, struct buf *out, struct err *err)
{
	OWNED(points_free) CRL_DIST_POINTS *points = sk_DIST_POINT_new_null();
	DIST_POINT *point = DIST_POINT_new();
	GENERAL_NAME *name;
	uint8_t *der = NULL;

	if (!points || !point || sk_DIST_POINT_push(points, point) <= 0) {
		DIST_POINT_free(point);
		return no_memory(err);
	}
	if (!uri_check(uri, err))
		return false;
	point->distpoint = DIST_POINT_NAME_new();
	if (!point->distpoint)
		return no_memory(err);
	point->distpoint->type = 0; /* fullName */
	point->distpoint->name.fullname = GENERAL_NAMES_new();
	name = point->distpoint->name.fullname ? uri_name(uri) : NULL;
	if (!name || sk_GENERAL_NAME_push(point->distpoint->name.fullname, name) <= 0) {
		GENERAL_NAME_free(name);
		return no_memory(err);
	}
	int len = i2d_CRL_DIST_POINTS(points, &der);

	return der_take(der, len, out, err);
}

bool ocsp_access_der(const char *uri, struct buf *out, struct err *err)
{
	OWNED(access_free) AUTHORITY_INFO_ACCESS *access = sk_ACCESS_DESCRIPTION_new_null();
	ACCESS_DESCRIPTION *one = ACCESS_DESCRIPTION_new();
	uint8_t *der = NULL;

	if (!access || !one || sk_ACCESS_DESCRIPTION_push(access, one) <= 0) {
		ACCESS_DESCRIPTION_free(one);
		return no_memory(err);
	}
	if (!uri_check(uri, err))
		return false;
	one->method = OBJ_nid2obj(NID_ad_OCSP);
	GENERAL_NAME_free(one->location);
	one->location = uri_name(uri);
	if (!one->location)
		return no_memory(err);
	int len = i2d_AUTHORITY_INFO_ACCESS(access, &der);

	return der_take(der, len, out, err);
}
