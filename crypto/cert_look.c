/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/cert_private.h"

#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "crypto/openssl_error.h"

static void bio_free(BIO **bio)
{
	BIO_free_all(*bio);
}

static void object_free(ASN1_OBJECT **object)
{
	ASN1_OBJECT_free(*object);
}

static void names_free(GENERAL_NAMES **names)
{
	GENERAL_NAMES_free(*names);
}

const char *cert_name_text(const X509_NAME *name, char *out, size_t size)
{
	OWNED(bio_free) BIO *bio = BIO_new(BIO_s_mem());
	char *text = NULL;
	long len = 0;

	if (bio && X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253) >= 0)
		len = BIO_get_mem_data(bio, &text);
	else
		openssl_forget();
	return text_escape(bytes_of(text, len > 0 ? (size_t)len : 0), out, size);
}

const char *cert_subject(const struct cert *cert, char *out, size_t size)
{
	return cert_name_text(X509_get_subject_name(cert->x509), out, size);
}

const char *cert_issuer(const struct cert *cert, char *out, size_t size)
{
	return cert_name_text(X509_get_issuer_name(cert->x509), out, size);
}

const char *cert_serial(const struct cert *cert, char *out, size_t size)
{
	const ASN1_INTEGER *serial = X509_get0_serialNumber(cert->x509);
	struct buf hex = {0};

	buf_put_hex(
		&hex, bytes_of(ASN1_STRING_get0_data(serial), (size_t)ASN1_STRING_length(serial)));
	snprintf(out, size, "%s", hex.failed ? "" : buf_str(&hex));
	buf_release(&hex);
	return out;
}

/* NULL when absent, malformed or there twice. */
static GENERAL_NAMES *subject_names(const struct cert *cert)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(cert->x509, NID_subject_alt_name, NULL, NULL);

	if (!names)
		openssl_forget();
	return names;
}

/* The string as UTF-8 C text; false when it does not fit or holds a NUL. */
static bool string_text(const ASN1_STRING *string, char *out, size_t size)
{
	uint8_t *utf8 = NULL;
	int len = ASN1_STRING_to_UTF8(&utf8, string);
	bool fits = len >= 0 && (size_t)len < size && !memchr(utf8, 0, (size_t)len) &&
		    utf8_valid(bytes_of(utf8, (size_t)len));

	if (fits) {
		memcpy(out, utf8, (size_t)len);
		out[len] = 0;
	}
	OPENSSL_free(utf8);
	openssl_forget();
	return fits;
}

bool cert_uri(const struct cert *cert, char *out, size_t size)
{
	OWNED(names_free) GENERAL_NAMES *names = subject_names(cert);
	const ASN1_STRING *uri = NULL;

	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

		if (name->type != GEN_URI)
			continue;
		if (uri)
			return false;
		uri = name->d.uniformResourceIdentifier;
	}
	return uri && string_text(uri, out, size);
}

bool cert_only_name(const struct cert *cert, char *out, size_t size)
{
	OWNED(names_free) GENERAL_NAMES *names = subject_names(cert);
	const GENERAL_NAME *name;

	if (sk_GENERAL_NAME_num(names) != 1)
		return false;
	name = sk_GENERAL_NAME_value(names, 0);
	if (name->type != GEN_URI && name->type != GEN_EMAIL && name->type != GEN_DNS)
		return false;
	/* All three are an IA5String in the same place. */
	return string_text(name->d.ia5, out, size);
}

bool cert_extension_text(const struct cert *cert, const char *oid, char *out, size_t size)
{
	struct bytes der = {0};
	const uint8_t *at;
	ASN1_UTF8STRING *text;
	bool fits;

	if (!cert_extension(cert, oid, &der))
		return false;
	at = der.data;
	text = d2i_ASN1_UTF8STRING(NULL, &at, (long)der.len);
	fits = text && at == der.data + der.len && string_text(text, out, size);
	ASN1_UTF8STRING_free(text);
	openssl_forget();
	return fits;
}

bool cert_is_self_issued(const struct cert *cert)
{
	return X509_NAME_cmp(X509_get_subject_name(cert->x509), X509_get_issuer_name(cert->x509)) ==
	       0;
}

bool cert_is_ca(const struct cert *cert)
{
	BASIC_CONSTRAINTS *constraints =
		X509_get_ext_d2i(cert->x509, NID_basic_constraints, NULL, NULL);
	bool ca = constraints && constraints->ca;

	if (!constraints)
		openssl_forget();
	BASIC_CONSTRAINTS_free(constraints);
	return ca;
}

bool cert_has_eku(const struct cert *cert, const char *oid)
{
	OWNED(object_free) ASN1_OBJECT *wanted = OBJ_txt2obj(oid, 1);
	EXTENDED_KEY_USAGE *usages = X509_get_ext_d2i(cert->x509, NID_ext_key_usage, NULL, NULL);
	bool found = false;

	for (int i = 0; wanted && i < sk_ASN1_OBJECT_num(usages); i++)
		found = found || OBJ_cmp(sk_ASN1_OBJECT_value(usages, i), wanted) == 0;
	EXTENDED_KEY_USAGE_free(usages);
	openssl_forget();
	return found;
}

unsigned cert_key_usage(const struct cert *cert)
{
	int critical = -1;
	ASN1_BIT_STRING *bits = X509_get_ext_d2i(cert->x509, NID_key_usage, &critical, NULL);
	unsigned usage = 0;

	openssl_forget();
	if (!bits)
		return critical == -1 ? ~0u : 0; /* absent, or not to be read */
	for (int i = 0; i < 9; i++)
		if (ASN1_BIT_STRING_get_bit(bits, i))
			usage |= 1u << i;
	ASN1_BIT_STRING_free(bits);
	return usage;
}

bool cert_extension(const struct cert *cert, const char *oid, struct bytes *ret)
{
	OWNED(object_free) ASN1_OBJECT *wanted = OBJ_txt2obj(oid, 1);
	int at = wanted ? X509_get_ext_by_OBJ(cert->x509, wanted, -1) : -1;
	const ASN1_OCTET_STRING *value;

	openssl_forget();
	if (at < 0)
		return false;
	value = X509_EXTENSION_get_data(X509_get_ext(cert->x509, at));
	*ret = bytes_of(ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value));
	return true;
}

/* Counts the attribute's occurrences in a name and keeps the last. */
static int find_attribute(const X509_NAME *name, const ASN1_OBJECT *wanted, const ASN1_STRING **ret)
{
	int count = 0;

	for (int at = X509_NAME_get_index_by_OBJ(name, wanted, -1); at >= 0;
		at = X509_NAME_get_index_by_OBJ(name, wanted, at)) {
		*ret = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at));
		count++;
	}
	return count;
}

bool cert_san_directory_attribute(const struct cert *cert, const char *oid, char *out, size_t size)
{
	OWNED(object_free) ASN1_OBJECT *wanted = OBJ_txt2obj(oid, 1);
	OWNED(names_free) GENERAL_NAMES *names = subject_names(cert);
	const ASN1_STRING *found = NULL;
	int count = 0;

	openssl_forget();
	for (int i = 0; wanted && i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

		if (name->type == GEN_DIRNAME)
			count += find_attribute(name->d.directoryName, wanted, &found);
	}
	return count == 1 && string_text(found, out, size);
}

void cert_looks_begin(void)
{
	openssl_begin();
}

bool cert_looks_whole(struct err *err)
{
	return openssl_answer(err, "certificate");
}

#define OID_CLIENT_AUTH "1.3.6.1.5.5.7.3.2"

const char *cert_client_uri(const struct cert *cert, struct err *err)
{
	/* What was found guards itself. */
	_Atomic(char *) *at = &((struct cert *)cert)->client_uri;
	char *found = atomic_load_explicit(at, memory_order_acquire), *made;
	char uri[X509_URI_MAX];
	bool fits;

	if (found)
		return found;
	cert_looks_begin();
	fits = cert_has_eku(cert, OID_CLIENT_AUTH) && !cert_is_ca(cert) &&
	       cert_uri(cert, uri, sizeof(uri));
	if (!cert_looks_whole(err))
		return NULL;
	made = strdup(fits ? uri : "");
	if (!made) {
		(void)err_set(err, ERR_NOMEM, "certificate");
		return NULL;
	}
	if (atomic_compare_exchange_strong(at, &found, made))
		return made;
	free(made);
	return found;
}
