/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/ek_ca.h"

#include <openssl/evp.h>
#include <openssl/x509v3.h>

static bool failed(struct err *err, const char *what)
{
	return err_set(err, ERR_CRYPTO, "ek_ca: OpenSSL: %s", what);
}

static bool conf_ext_add(X509 *x509, int nid, const char *value)
{
	X509_EXTENSION *extension = value ? X509V3_EXT_conf_nid(NULL, NULL, nid, value) : NULL;
	bool ok = !value || (extension && X509_add_ext(x509, extension, -1) == 1);

	X509_EXTENSION_free(extension);
	return ok;
}

static bool attribute_add(X509_NAME *name, const char *oid, const char *value)
{
	return !value || X509_NAME_add_entry_by_txt(name, oid, MBSTRING_UTF8,
				 (const unsigned char *)value, -1, -1, 0) == 1;
}

static bool directory_add(GENERAL_NAMES *names, const struct ek_ca_options *o)
{
	X509_NAME *directory = X509_NAME_new();
	GENERAL_NAME *name = GENERAL_NAME_new();

	if (!directory || !name || !attribute_add(directory, "2.23.133.2.1", o->manufacturer) ||
		!attribute_add(directory, "2.23.133.2.2", o->model) ||
		!attribute_add(directory, "2.23.133.2.3", o->version)) {
		X509_NAME_free(directory);
		GENERAL_NAME_free(name);
		return false;
	}
	GENERAL_NAME_set0_value(name, GEN_DIRNAME, directory);
	return sk_GENERAL_NAME_push(names, name) > 0;
}

static bool san_add(X509 *x509, const struct ek_ca_options *o)
{
	X509_EXTENSION *other = NULL;
	GENERAL_NAMES *names = NULL;
	bool directory = o->manufacturer || o->model || o->version;
	bool ok;

	if (!directory && !o->other_name)
		return true;
	if (o->other_name) {
		other = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, o->other_name);
		names = other ? X509V3_EXT_d2i(other) : NULL;
	} else {
		names = GENERAL_NAMES_new();
	}
	ok = names && (!directory || directory_add(names, o)) &&
	     X509_add1_ext_i2d(
		     x509, NID_subject_alt_name, names, o->san_critical, X509V3_ADD_DEFAULT) == 1;
	GENERAL_NAMES_free(names);
	X509_EXTENSION_free(other);
	return ok;
}

static bool critical_add(X509 *x509, const char *oid)
{
	ASN1_OBJECT *object = oid ? OBJ_txt2obj(oid, 1) : NULL;
	ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
	X509_EXTENSION *extension = NULL;
	bool ok = !oid;

	if (object && value &&
		ASN1_OCTET_STRING_set(value, (const unsigned char *)"\x05\x00", 2) == 1)
		extension = X509_EXTENSION_create_by_OBJ(NULL, object, 1, value);
	if (extension)
		ok = X509_add_ext(x509, extension, -1) == 1;
	X509_EXTENSION_free(extension);
	ASN1_OCTET_STRING_free(value);
	ASN1_OBJECT_free(object);
	return ok;
}

/* The same key bits under another algorithm. */
static bool oaep_set(X509 *x509)
{
	X509_PUBKEY *pubkey = X509_get_X509_PUBKEY(x509);
	const unsigned char *bits;
	int len;
	unsigned char *copy;

	if (X509_PUBKEY_get0_param(NULL, &bits, &len, NULL, pubkey) != 1)
		return false;
	copy = OPENSSL_memdup(bits, (size_t)len);
	return copy && X509_PUBKEY_set0_param(pubkey, OBJ_nid2obj(NID_rsaesOaep), V_ASN1_NULL, NULL,
			       copy, len) == 1;
}

static bool name_set(X509_NAME *name, const char *common_name)
{
	return X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
		       (const unsigned char *)common_name, -1, -1, 0) == 1;
}

static bool finish(X509 *x509, EVP_PKEY *signer, struct cert **ret, struct err *err)
{
	unsigned char *der = NULL;
	int len;
	bool ok;

	if (X509_sign(x509, signer, EVP_sha256()) <= 0)
		return failed(err, "signing");
	len = i2d_X509(x509, &der);
	ok = len > 0 ? cert_from_der(bytes_of(der, (size_t)len), false, ret, err)
		     : failed(err, "DER");
	OPENSSL_free(der);
	return ok;
}

static X509 *outline(EVP_PKEY *subject, int64_t not_before, int64_t not_after)
{
	static long serial = 1;
	X509 *x509 = X509_new();

	if (!x509 || X509_set_version(x509, X509_VERSION_3) != 1 ||
		ASN1_INTEGER_set(X509_get_serialNumber(x509), serial++) != 1 ||
		X509_set_pubkey(x509, subject) != 1 ||
		!ASN1_TIME_set(X509_getm_notBefore(x509), not_before) ||
		!ASN1_TIME_set(X509_getm_notAfter(x509), not_after)) {
		X509_free(x509);
		return NULL;
	}
	return x509;
}

static bool authority(struct key *key, const char *name, const struct cert *issuer,
	struct key *issuer_key, struct cert **ret, struct err *err)
{
	X509 *x509 = outline(key_evp(key), EK_CA_FROM, EK_CA_UNTIL);
	bool ok = x509 && name_set(X509_get_subject_name(x509), name) &&
		  X509_set_issuer_name(x509, issuer ? X509_get_subject_name(cert_x509(issuer))
						    : X509_get_subject_name(x509)) == 1 &&
		  conf_ext_add(x509, NID_basic_constraints, "critical,CA:TRUE") &&
		  conf_ext_add(x509, NID_key_usage, "critical,keyCertSign,cRLSign");

	ok = ok ? finish(x509, key_evp(issuer_key), ret, err) : failed(err, "authority");
	X509_free(x509);
	return ok;
}

static bool intermediate(struct ek_ca *ca, const char *name, struct err *err)
{
	return key_generate(KEY_EC_P256, &ca->intermediate_key, err) &&
	       authority(
		       ca->intermediate_key, name, ca->root, ca->root_key, &ca->intermediate, err);
}

bool ek_ca_new_named(
	const char *root, const char *intermediate_name, struct ek_ca *ret, struct err *err)
{
	*ret = (struct ek_ca){0};
	if (key_generate(KEY_EC_P256, &ret->root_key, err) &&
		authority(ret->root_key, root, NULL, ret->root_key, &ret->root, err) &&
		intermediate(ret, intermediate_name, err))
		return true;
	ek_ca_release(ret);
	return false;
}

bool ek_ca_new(struct ek_ca *ret, struct err *err)
{
	return ek_ca_new_named("Test TPM Root CA", "Test TPM EK Intermediate CA 02", ret, err);
}

bool ek_ca_new_below(
	const struct ek_ca *of, const char *intermediate_name, struct ek_ca *ret, struct err *err)
{
	*ret = (struct ek_ca){.root_key = key_ref(of->root_key), .root = cert_ref(of->root)};
	if (intermediate(ret, intermediate_name, err))
		return true;
	ek_ca_release(ret);
	return false;
}

void ek_ca_release(struct ek_ca *ca)
{
	key_unref(&ca->root_key);
	key_unref(&ca->intermediate_key);
	cert_unref(&ca->root);
	cert_unref(&ca->intermediate);
}

struct ek_ca_options ek_ca_honest(const struct key *ek)
{
	return (struct ek_ca_options){
		.subject = key_evp(ek),
		.eku = "2.23.133.8.1",
		.key_usage = key_type_of(ek) == KEY_RSA ? "critical,keyEncipherment"
							: "critical,keyAgreement",
		.san_critical = true,
		.manufacturer = "id:54455354",
		.model = "software",
		.version = "id:00000001",
		.not_before = EK_CA_FROM,
		.not_after = EK_CA_UNTIL,
	};
}

bool ek_ca_issue(
	const struct ek_ca *ca, const struct ek_ca_options *o, struct cert **ret, struct err *err)
{
	X509 *x509 = outline(o->subject, o->not_before, o->not_after);
	bool ok = x509 &&
		  X509_set_issuer_name(x509, X509_get_subject_name(cert_x509(ca->intermediate))) ==
			  1 &&
		  conf_ext_add(x509, NID_basic_constraints,
			  o->ca ? "critical,CA:TRUE" : "critical,CA:FALSE") &&
		  conf_ext_add(x509, NID_ext_key_usage, o->eku) &&
		  conf_ext_add(x509, NID_key_usage, o->key_usage) && san_add(x509, o) &&
		  critical_add(x509, o->critical_oid) &&
		  conf_ext_add(x509, NID_info_access, o->issuers_at) &&
		  (!o->oaep || oaep_set(x509));

	ok = ok ? finish(x509, key_evp(o->self ? o->self : ca->intermediate_key), ret, err)
		: failed(err, "EK certificate");
	X509_free(x509);
	return ok;
}
