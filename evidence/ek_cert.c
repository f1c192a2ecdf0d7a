/* SPDX-License-Identifier: Apache-2.0 */
/* TCG EK Credential Profile for TPM 2.0, version 2.5, section 3.2, and RFC 5280 behind it. */
#include "evidence/ek_cert.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "base/text.h"

#define OID_EK_CERTIFICATE   "2.23.133.8.1"
#define OID_TPM_MANUFACTURER "2.23.133.2.1"
#define OID_TPM_MODEL        "2.23.133.2.2"
#define OID_TPM_VERSION      "2.23.133.2.3"
#define OID_KEY_USAGE        "2.5.29.15"
/* otherNames of TPM and device certificates: permanentIdentifier (RFC 4043), hardwareModuleName
 * (RFC 4108). */
#define OID_PERMANENT_IDENTIFIER "1.3.6.1.5.5.7.8.3"
#define OID_HARDWARE_MODULE_NAME "1.3.6.1.5.5.7.8.4"
#define OID_TEXT_MAX             80

static const char *const FAULT_NAMES[] = {
	[EK_CERT_OK] = "ek-cert-ok",
	[EK_CERT_CHAIN] = "ek-cert-chain",
	[EK_CERT_IS_CA] = "ek-cert-is-ca",
	[EK_CERT_EKU] = "ek-cert-eku",
	[EK_CERT_KEY_USAGE] = "ek-cert-key-usage",
	[EK_CERT_KEY] = "ek-cert-key",
	[EK_CERT_SAN] = "ek-cert-san",
	[EK_CERT_EXTENSION] = "ek-cert-extension",
};
static_assert(ARRAY_LEN(FAULT_NAMES) == EK_CERT_EXTENSION + 1, "every fault has a name");

const char *ek_cert_fault_name(enum ek_cert_fault fault)
{
	return (size_t)fault < ARRAY_LEN(FAULT_NAMES) ? FAULT_NAMES[fault] : "ek-cert-unknown";
}

void ek_cert_result_release(struct ek_cert_result *result)
{
	chain_result_release(&result->chain);
}

__attribute__((format(printf, 3, 4))) static bool refuse(
	struct ek_cert_result *ret, enum ek_cert_fault fault, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(ret->detail, sizeof(ret->detail), format, arguments);
	va_end(arguments);
	ret->fault = fault;
	return false;
}

/* ---- each check: true when it holds, false with the fault noted ---- */

/* Critical extensions whose meaning is judged here or by the chain. */
static const int CRITICAL_KNOWN[] = {NID_basic_constraints, NID_key_usage, NID_ext_key_usage,
	NID_subject_alt_name, NID_certificate_policies};

static bool critical_known(X509_EXTENSION *extension)
{
	int nid = OBJ_obj2nid(X509_EXTENSION_get_object(extension));

	for (size_t i = 0; i < ARRAY_LEN(CRITICAL_KNOWN); i++)
		if (CRITICAL_KNOWN[i] == nid)
			return true;
	return false;
}

static bool extensions_judge(struct cert *cert, struct ek_cert_result *ret)
{
	const X509 *x509 = cert_x509(cert);
	int count = X509_get_ext_count(x509);

	for (int i = 0; i < count; i++) {
		X509_EXTENSION *extension = X509_get_ext(x509, i);
		char oid[OID_TEXT_MAX];

		if (!X509_EXTENSION_get_critical(extension) || critical_known(extension))
			continue;
		OBJ_obj2txt(oid, sizeof(oid), X509_EXTENSION_get_object(extension), 1);
		return refuse(ret, EK_CERT_EXTENSION, "critical extension %s is not known", oid);
	}
	return true;
}

/* Some manufacturers, mostly of the TPM 1.2 time, certify RSA keys under id-RSAES-OAEP. OpenSSL
 * reads no such key, so the chain's judgement of its strength would be wrong words for it. */
static bool key_algorithm_judge(struct cert *cert, struct ek_cert_result *ret)
{
	ASN1_OBJECT *algorithm = NULL;

	if (X509_PUBKEY_get0_param(
		    &algorithm, NULL, NULL, NULL, X509_get_X509_PUBKEY(cert_x509(cert))) == 1 &&
		OBJ_obj2nid(algorithm) == NID_rsaesOaep)
		return refuse(ret, EK_CERT_KEY,
			"certified key: its algorithm is id-RSAES-OAEP, which is not supported");
	return true;
}

static bool key_usage_judge(struct cert *cert, const struct key *key, struct ek_cert_result *ret)
{
	bool rsa = key_type_of(key) == KEY_RSA;
	unsigned needed = rsa ? KEY_USAGE_KEY_ENCIPHERMENT : KEY_USAGE_KEY_AGREEMENT;
	struct bytes extension;

	if (!cert_extension(cert, OID_KEY_USAGE, &extension))
		return refuse(ret, EK_CERT_KEY_USAGE, "keyUsage is absent");
	if (!(cert_key_usage(cert) & needed))
		return refuse(ret, EK_CERT_KEY_USAGE, "keyUsage of this %s key lacks %s",
			rsa ? "RSA" : "ECC", rsa ? "keyEncipherment" : "keyAgreement");
	return true;
}

static bool other_name_known(const OTHERNAME *name)
{
	char oid[OID_TEXT_MAX];

	OBJ_obj2txt(oid, sizeof(oid), name->type_id, 1);
	return strcmp(oid, OID_PERMANENT_IDENTIFIER) == 0 ||
	       strcmp(oid, OID_HARDWARE_MODULE_NAME) == 0;
}

static bool name_form_known(const GENERAL_NAME *name)
{
	return name->type == GEN_DIRNAME ||
	       (name->type == GEN_OTHERNAME && other_name_known(name->d.otherName));
}

/* A critical subjectAltName must be understood whole. */
static bool san_forms_judge(struct cert *cert, struct ek_cert_result *ret)
{
	int critical = 0;
	GENERAL_NAMES *names =
		X509_get_ext_d2i(cert_x509(cert), NID_subject_alt_name, &critical, NULL);
	bool known = true;

	ERR_clear_error();
	if (!names)
		return refuse(ret, EK_CERT_SAN,
			critical == -1 ? "subjectAltName is absent"
				       : "subjectAltName is malformed");
	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++)
		known = known && name_form_known(sk_GENERAL_NAME_value(names, i));
	GENERAL_NAMES_free(names);
	if (critical == 1 && !known)
		return refuse(ret, EK_CERT_SAN,
			"critical subjectAltName holds a form of name that is not known");
	return true;
}

static bool san_judge(struct cert *cert, struct ek_cert_result *ret)
{
	const struct {
		const char *oid, *name;
		char *out;
		size_t size;
	} attributes[] = {
		{OID_TPM_MANUFACTURER, "tpmManufacturer", ret->manufacturer,
			sizeof(ret->manufacturer)},
		{OID_TPM_MODEL, "tpmModel", ret->model, sizeof(ret->model)},
		{OID_TPM_VERSION, "tpmVersion", ret->version, sizeof(ret->version)},
	};

	if (!san_forms_judge(cert, ret))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(attributes); i++) {
		char text[128];

		if (!cert_san_directory_attribute(cert, attributes[i].oid, text, sizeof(text)))
			return refuse(ret, EK_CERT_SAN, "subjectAltName lacks %s (%s)",
				attributes[i].name, attributes[i].oid);
		text_escape(bytes_str(text), attributes[i].out, attributes[i].size);
	}
	return true;
}

static bool chain_judge(struct cert *cert, const struct ek_cert_options *o,
	struct ek_cert_result *ret, struct err *err)
{
	const struct chain_options options = {
		.roots = o->roots,
		.root_count = o->root_count,
		.intermediates = o->intermediates,
		.intermediate_count = o->intermediate_count,
		.at = o->at,
		.ignore_expiry = o->ignore_expiry,
		.handles_san = true,
	};

	if (!chain_verify(cert, &options, &ret->chain, err))
		return err_wrap(err, "EK certificate");
	for (size_t i = 0; i < ret->chain.count; i++)
		ret->expired = ret->expired || cert_not_after(ret->chain.chain[i]) < o->at;
	if (ret->chain.fault != CHAIN_OK)
		refuse(ret, EK_CERT_CHAIN, "%s: %s", chain_fault_name(ret->chain.fault),
			ret->chain.detail);
	return true;
}

/* The very chain that was found good, judged once more for revocation and at its own time. Its validity
 * has been judged, so what ended since does not count here. */
static bool revocation_judge(struct cert *cert, const struct ek_cert_options *o,
	struct ek_cert_result *ret, struct err *err)
{
	OWNED(chain_result_release) struct chain_result again = {0};
	struct chain_result *first = &ret->chain;
	const struct chain_options options = {
		.roots = &first->chain[first->count - 1],
		.root_count = 1,
		.intermediates = first->chain + 1,
		.intermediate_count = first->count > 2 ? first->count - 2 : 0,
		.crls = o->crls,
		.at = o->crls_at,
		.ignore_expiry = true,
		.ignore_stale_crls = o->ignore_stale_crls,
		.handles_san = true,
	};

	if (crls_count(o->crls) == 0)
		return true;
	if (!chain_verify(cert, &options, &again, err))
		return err_wrap(err, "EK certificate: revocation");
	first->unlisted = again.unlisted;
	first->stale_crl = again.stale_crl;
	first->fault = again.fault;
	if (again.fault != CHAIN_OK) {
		memcpy(first->detail, again.detail, sizeof(first->detail));
		refuse(ret, EK_CERT_CHAIN, "%s: %s", chain_fault_name(again.fault), again.detail);
	}
	return true;
}

/* What the certificate says of itself and of the key; its chain has been judged. */
static bool profile_judge(struct cert *cert, const struct ek_cert_options *options,
	struct ek_cert_result *ret, struct err *err)
{
	OWNED(key_unref) struct key *key = NULL;
	struct err why = {0};

	if (cert_is_ca(cert))
		return refuse(
			ret, EK_CERT_IS_CA, "it is a certificate of an authority, not of a TPM");
	if (!cert_has_eku(cert, OID_EK_CERTIFICATE))
		return refuse(ret, EK_CERT_EKU, "extendedKeyUsage lacks %s (tcg-kp-EKCertificate)",
			OID_EK_CERTIFICATE);
	if (!cert_key(cert, &key, &why)) {
		if (why.code == ERR_NOMEM || why.code == ERR_INTERNAL)
			return err_set(err, why.code, "EK certificate: %s", why.text);
		return refuse(ret, EK_CERT_KEY, "certified key: %s", why.text);
	}
	if (!key_usage_judge(cert, key, ret))
		return false;
	if (options->ek && !key_equal(key, options->ek))
		return refuse(ret, EK_CERT_KEY, "the certified key is not the EK that was sent");
	return san_judge(cert, ret);
}

static bool judge(struct cert *cert, const struct ek_cert_options *options,
	struct ek_cert_result *ret, struct err *err)
{
	struct err undecided = {0};

	memset(ret, 0, sizeof(*ret));
	if (!extensions_judge(cert, ret) || !key_algorithm_judge(cert, ret))
		return true;
	/* Until everything held, a reader of the result sees a fault. */
	ret->fault = EK_CERT_CHAIN;
	if (!chain_judge(cert, options, ret, err))
		return false;
	if (ret->chain.fault == CHAIN_OK && !revocation_judge(cert, options, ret, err))
		return false;
	if (ret->chain.fault != CHAIN_OK)
		return true;
	if (profile_judge(cert, options, ret, &undecided))
		ret->fault = EK_CERT_OK;
	if (undecided.code != ERR_NONE)
		return err_set(err, undecided.code, "%s", undecided.text);
	return true;
}

bool ek_cert_verify(struct cert *cert, const struct ek_cert_options *options,
	struct ek_cert_result *ret, struct err *err)
{
	if (judge(cert, options, ret, err) && cert_looks_whole(err))
		return true;
	ret->fault = EK_CERT_CHAIN;
	return false;
}
