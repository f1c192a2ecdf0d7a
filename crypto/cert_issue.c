/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/cert_private.h"

#include <openssl/x509v3.h>

#include "base/text.h"
#include "crypto/key_private.h"
#include "crypto/openssl_error.h"

enum { SERIAL_LEN = 16, KEY_IDENTIFIER_LEN = 20, DNS_NAME_MAX = 253, COMMON_NAME_MAX = 64 };

static void x509_free(X509 **x509)
{
	X509_free(*x509);
}

static void md_ctx_free(EVP_MD_CTX **ctx)
{
	EVP_MD_CTX_free(*ctx);
}

static void names_free(GENERAL_NAMES **names)
{
	GENERAL_NAMES_free(*names);
}

static void object_free(ASN1_OBJECT **object)
{
	ASN1_OBJECT_free(*object);
}

static void octets_free(ASN1_OCTET_STRING **octets)
{
	ASN1_OCTET_STRING_free(*octets);
}

static bool no_memory(struct err *err)
{
	return openssl_fail(err, ERR_NOMEM, "certificate");
}

static bool set_serial(X509 *x509, const uint8_t *given, struct err *err)
{
	uint8_t serial[SERIAL_LEN];
	BIGNUM *number;
	bool ok;

	if (given)
		memcpy(serial, given, sizeof(serial));
	else if (!random_fill(&random_system, serial, sizeof(serial), err))
		return false;
	serial[0] &= 0x7f; /* INTEGERs are signed, serial numbers positive */
	number = BN_bin2bn(serial, sizeof(serial), NULL);
	if (number && BN_is_zero(number)) {
		BN_free(number);
		return err_set(err, ERR_USAGE, "certificate: serial number zero");
	}
	ok = number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(x509));
	BN_free(number);
	return ok || no_memory(err);
}

static bool set_names(
	X509 *x509, const struct cert_request *request, const struct cert *issuer, struct err *err)
{
	X509_NAME *subject = X509_get_subject_name(x509);
	struct bytes name = bytes_str(request->common_name);

	if (name.len > COMMON_NAME_MAX || !utf8_valid(name) ||
		(request->common_name && name.len == 0))
		return err_set(err, ERR_USAGE, "certificate: common name \"%s\"", ESC(name));
	if (name.len && X509_NAME_add_entry_by_NID(subject, NID_commonName, MBSTRING_UTF8,
				name.data, (int)name.len, -1, 0) != 1)
		return openssl_fail(err, ERR_USAGE, "certificate: common name");
	if (X509_set_issuer_name(x509, issuer ? X509_get_subject_name(issuer->x509) : subject) != 1)
		return no_memory(err);
	return true;
}

static bool set_validity(X509 *x509, const struct cert_request *request, struct err *err)
{
	if (request->not_after < request->not_before)
		return err_set(err, ERR_USAGE, "certificate: ends before it begins");
	if (!ASN1_TIME_set(X509_getm_notBefore(x509), (time_t)request->not_before) ||
		!ASN1_TIME_set(X509_getm_notAfter(x509), (time_t)request->not_after))
		return openssl_fail(err, ERR_USAGE, "certificate: validity");
	return true;
}

static bool add_ext(X509 *x509, int nid, void *value, bool critical, struct err *err)
{
	return X509_add1_ext_i2d(x509, nid, value, critical, 0) == 1 || no_memory(err);
}

static bool add_constraints(X509 *x509, bool ca, struct err *err)
{
	BASIC_CONSTRAINTS *constraints = BASIC_CONSTRAINTS_new();
	bool ok = constraints != NULL;

	if (ok && ca) {
		constraints->ca = 0xff;
		constraints->pathlen = ASN1_INTEGER_new();
		ok = constraints->pathlen && ASN1_INTEGER_set(constraints->pathlen, 0) == 1;
	}
	ok = ok ? add_ext(x509, NID_basic_constraints, constraints, true, err) : no_memory(err);
	BASIC_CONSTRAINTS_free(constraints);
	return ok;
}

static bool add_key_usage(X509 *x509, bool ca, struct err *err)
{
	ASN1_BIT_STRING *bits = ASN1_BIT_STRING_new();
	bool ok = bits &&
		  (ca ? ASN1_BIT_STRING_set_bit(bits, 5, 1) == 1 /* keyCertSign */ &&
					  ASN1_BIT_STRING_set_bit(bits, 6, 1) == 1 /* cRLSign */
		      : ASN1_BIT_STRING_set_bit(bits, 0, 1) == 1 /* digitalSignature */);

	ok = ok ? add_ext(x509, NID_key_usage, bits, true, err) : no_memory(err);
	ASN1_BIT_STRING_free(bits);
	return ok;
}

static bool add_ext_key_usage(X509 *x509, const struct cert_request *request, struct err *err)
{
	EXTENDED_KEY_USAGE *usages;
	bool ok;

	if (!request->server_auth && !request->client_auth)
		return true;
	usages = sk_ASN1_OBJECT_new_null();
	/* OBJ_nid2obj gives static objects, which freeing leaves alone. */
	ok = usages &&
	     (!request->server_auth ||
		     sk_ASN1_OBJECT_push(usages, OBJ_nid2obj(NID_server_auth)) > 0) &&
	     (!request->client_auth ||
		     sk_ASN1_OBJECT_push(usages, OBJ_nid2obj(NID_client_auth)) > 0);
	ok = ok ? add_ext(x509, NID_ext_key_usage, usages, false, err) : no_memory(err);
	EXTENDED_KEY_USAGE_free(usages);
	return ok;
}

static bool add_name(GENERAL_NAMES *names, int type, struct bytes value, struct err *err)
{
	GENERAL_NAME *name = GENERAL_NAME_new();
	ASN1_STRING *string = type == GEN_IPADD ? ASN1_OCTET_STRING_new() : ASN1_IA5STRING_new();

	if (!name || !string || ASN1_STRING_set(string, value.data, (int)value.len) != 1 ||
		sk_GENERAL_NAME_push(names, name) <= 0) {
		GENERAL_NAME_free(name);
		ASN1_STRING_free(string);
		return no_memory(err);
	}
	GENERAL_NAME_set0_value(name, type, string);
	return true;
}

static bool printable(struct bytes in, size_t max)
{
	for (size_t i = 0; i < in.len; i++)
		if (in.data[i] <= ' ' || in.data[i] > '~')
			return false;
	return in.len > 0 && in.len <= max;
}

static bool add_host(GENERAL_NAMES *names, const char *host, struct err *err)
{
	OWNED(octets_free) ASN1_OCTET_STRING *address = a2i_IPADDRESS(host);

	openssl_forget();
	if (address)
		return add_name(names, GEN_IPADD,
			bytes_of(ASN1_STRING_get0_data(address),
				(size_t)ASN1_STRING_length(address)),
			err);
	if (!printable(bytes_str(host), DNS_NAME_MAX))
		return err_set(
			err, ERR_USAGE, "certificate: host name \"%s\"", ESC(bytes_str(host)));
	return add_name(names, GEN_DNS, bytes_str(host), err);
}

static bool add_alt_names(X509 *x509, const struct cert_request *request, struct err *err)
{
	OWNED(names_free) GENERAL_NAMES *names = GENERAL_NAMES_new();

	if (!names)
		return no_memory(err);
	if (request->uri && !printable(bytes_str(request->uri), X509_URI_MAX))
		return err_set(
			err, ERR_USAGE, "certificate: URI \"%s\"", ESC(bytes_str(request->uri)));
	if (request->uri && !add_name(names, GEN_URI, bytes_str(request->uri), err))
		return false;
	for (const char *const *host = request->dns; host && *host; host++)
		if (!add_host(names, *host, err))
			return false;
	if (sk_GENERAL_NAME_num(names) == 0)
		return true;
	/* RFC 5280 section 4.2.1.6: critical where the subject is empty. */
	return add_ext(x509, NID_subject_alt_name, names, !request->common_name, err);
}

/* Identifiers are only hints for building chains: the first octets of our name of the key. */
static bool add_identifiers(X509 *x509, const struct key *subject, const struct cert *issuer,
	const struct key *issuer_key, struct err *err)
{
	const ASN1_OCTET_STRING *theirs = issuer ? X509_get0_subject_key_id(issuer->x509) : NULL;
	OWNED(octets_free) ASN1_OCTET_STRING *own = ASN1_OCTET_STRING_new();
	AUTHORITY_KEYID *authority = AUTHORITY_KEYID_new();
	bool ok = own && authority &&
		  ASN1_OCTET_STRING_set(own, key_id(subject), KEY_IDENTIFIER_LEN) == 1;

	if (ok)
		authority->keyid = theirs ? ASN1_OCTET_STRING_dup(theirs) : ASN1_OCTET_STRING_new();
	ok = ok && authority->keyid &&
	     (theirs || ASN1_OCTET_STRING_set(
				authority->keyid, key_id(issuer_key), KEY_IDENTIFIER_LEN));
	ok = ok ? add_ext(x509, NID_subject_key_identifier, own, false, err) &&
			     add_ext(x509, NID_authority_key_identifier, authority, false, err)
		: no_memory(err);
	AUTHORITY_KEYID_free(authority);
	return ok;
}

static bool add_own(X509 *x509, const char *oid, struct bytes value, struct err *err)
{
	OWNED(object_free) ASN1_OBJECT *object = OBJ_txt2obj(oid, 1);
	OWNED(octets_free) ASN1_OCTET_STRING *octets = ASN1_OCTET_STRING_new();
	X509_EXTENSION *extension = NULL;
	bool ok;

	if (!object)
		return openssl_fail(err, ERR_USAGE, oid);
	ok = octets && ASN1_OCTET_STRING_set(octets, value.data, (int)value.len) == 1 &&
	     (extension = X509_EXTENSION_create_by_OBJ(NULL, object, 0, octets)) &&
	     X509_add_ext(x509, extension, -1) == 1;
	X509_EXTENSION_free(extension);
	return ok || no_memory(err);
}

static bool add_extensions(X509 *x509, const struct cert_request *request,
	const struct cert *issuer, const struct key *issuer_key, struct err *err)
{
	if (request->extension_count > ARRAY_LEN(request->extensions))
		return err_set(err, ERR_USAGE, "certificate: too many extensions");
	if (!add_constraints(x509, request->ca, err) || !add_key_usage(x509, request->ca, err) ||
		!add_ext_key_usage(x509, request, err) || !add_alt_names(x509, request, err) ||
		!add_identifiers(x509, request->subject, issuer, issuer_key, err))
		return false;
	for (size_t i = 0; i < request->extension_count; i++)
		if (!add_own(x509, request->extensions[i].oid, request->extensions[i].value, err))
			return false;
	return true;
}

static bool sign(X509 *x509, struct key *key, struct err *err)
{
	OWNED(md_ctx_free) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok;

	if (!ctx)
		return no_memory(err);
	key_home_lock(key->home);
	ok = key_sign_init(key, key_default_scheme(key), key_default_digest(key), ctx, err);
	if (ok && X509_sign_ctx(x509, ctx) <= 0)
		ok = openssl_fail(err, key->home ? ERR_TPM : ERR_CRYPTO, "certificate: signing");
	EVP_MD_CTX_free(TAKE(ctx));
	key_home_unlock(key->home);
	return ok;
}

static bool check_issuer(const struct cert_request *request, const struct cert *issuer,
	const struct key *issuer_key, struct err *err)
{
	if (!issuer)
		return key_equal(request->subject, issuer_key) ||
		       err_set(err, ERR_USAGE, "certificate: self-signed, but by another key");
	if (!bytes_equal(buf_bytes(&issuer->spki), key_spki(issuer_key)))
		return err_set(
			err, ERR_USAGE, "certificate: the issuer's certificate is for another key");
	return cert_is_ca(issuer) || err_set(err, ERR_USAGE, "certificate: the issuer is no CA");
}

/* OpenSSL 3.0 encodes a key that is set and decodes it again, at the price of ten signatures. For the
 * curves the point that our SPKI ends in is put where it belongs. */
static bool set_key(X509 *x509, const struct key *key)
{
	static const struct {
		enum key_type type;
		int curve;
	} curves[] = {
		{KEY_EC_P256, NID_X9_62_prime256v1},
		{KEY_EC_P384, NID_secp384r1},
		{KEY_EC_P521, NID_secp521r1},
	};
	size_t len = 1 + 2 * key->kind->field_len;

	for (size_t i = 0; i < ARRAY_LEN(curves); i++) {
		uint8_t *point;

		if (key->kind->type != curves[i].type || key->spki.len < len)
			continue;
		point = OPENSSL_memdup(key->spki.data + key->spki.len - len, len);
		if (point && X509_PUBKEY_set0_param(X509_get_X509_PUBKEY(x509),
				     OBJ_nid2obj(NID_X9_62_id_ecPublicKey), V_ASN1_OBJECT,
				     OBJ_nid2obj(curves[i].curve), point, (int)len) == 1)
			return true;
		OPENSSL_free(point);
		return false;
	}
	return X509_set_pubkey(x509, key->public) == 1;
}

bool cert_issue_der(const struct cert_request *request, const struct cert *issuer,
	struct key *issuer_key, struct buf *out, struct err *err)
{
	OWNED(x509_free) X509 *x509 = NULL;
	uint8_t *der = NULL;
	int len;

	if (!check_issuer(request, issuer, issuer_key, err))
		return false;
	x509 = X509_new();
	if (!x509 || X509_set_version(x509, X509_VERSION_3) != 1 ||
		!set_key(x509, request->subject))
		return no_memory(err);
	if (!set_serial(x509, request->serial, err) || !set_names(x509, request, issuer, err) ||
		!set_validity(x509, request, err) ||
		!add_extensions(x509, request, issuer, issuer_key, err) ||
		!sign(x509, issuer_key, err))
		return false;
	len = i2d_X509(x509, &der);
	if (len <= 0)
		return no_memory(err);
	buf_put(out, bytes_of(der, (size_t)len));
	OPENSSL_free(der);
	return buf_ok(out, err);
}

/* The bytes go through our own parser once: what we issue is what we accept. */
bool cert_issue(const struct cert_request *request, const struct cert *issuer,
	struct key *issuer_key, struct cert **ret, struct err *err)
{
	OWNED(buf_release) struct buf der = {0};

	return cert_issue_der(request, issuer, issuer_key, &der, err) &&
	       cert_from_der(buf_bytes(&der), false, ret, err);
}
