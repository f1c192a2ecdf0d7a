/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates are written as DER, part by part (RFC 5280 section 4.1): a certificate goes with every renewal of every agent,
 * and to have OpenSSL build, encode and sign one costs several times the signature.
 *
 *	Certificate:     SEQUENCE { TBSCertificate, AlgorithmIdentifier, BIT STRING signature }
 *	TBSCertificate:  SEQUENCE { [0] version, serial, AlgorithmIdentifier, issuer, validity, subject, SPKI, [3] extensions }
 */
#include "crypto/cert_private.h"

#include <openssl/x509v3.h>
#include <stdio.h>
#include <time.h>

#include "base/text.h"
#include "crypto/der.h"
#include "crypto/key_private.h"
#include "crypto/openssl_error.h"

enum { SERIAL_LEN = 16, KEY_IDENTIFIER_LEN = 20, DNS_NAME_MAX = 253, COMMON_NAME_MAX = 64 };
enum { OID_LEN_MAX = 64, YEAR_UTC_FIRST = 1950, YEAR_UTC_LAST = 2049, YEAR_LAST = 9999 };
enum {
	TAG_BOOLEAN = 0x01,
	TAG_UTF8 = 0x0c,
	TAG_UTC_TIME = 0x17,
	TAG_GENERAL_TIME = 0x18,
	TAG_EXTENSIONS = 0xa3,
	TAG_KEY_IDENTIFIER = 0x80,
	TAG_NAME_DNS = 0x82,
	TAG_NAME_URI = 0x86,
	TAG_NAME_ADDRESS = 0x87,
};

#define OID_COMMON_NAME       "\x55\x04\x03"
#define OID_SUBJECT_KEY       "\x55\x1d\x0e"
#define OID_KEY_USAGE         "\x55\x1d\x0f"
#define OID_ALT_NAME          "\x55\x1d\x11"
#define OID_BASIC_CONSTRAINTS "\x55\x1d\x13"
#define OID_AUTHORITY_KEY     "\x55\x1d\x23"
#define OID_EXT_KEY_USAGE     "\x55\x1d\x25"
#define OID_SERVER_AUTH       "\x2b\x06\x01\x05\x05\x07\x03\x01"
#define OID_CLIENT_AUTH       "\x2b\x06\x01\x05\x05\x07\x03\x02"

/* AlgorithmIdentifier of each type's default scheme and digest (RFC 4055, 5758, 8410). */
static const struct {
	enum key_type type;
	struct bytes identifier;
} algorithms[] = {
	{KEY_RSA, BYTES_LIT("\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b\x05\x00")},
	{KEY_EC_P256, BYTES_LIT("\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02")},
	{KEY_EC_P384, BYTES_LIT("\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x03")},
	{KEY_EC_P521, BYTES_LIT("\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x04")},
	{KEY_ED25519, BYTES_LIT("\x30\x05\x06\x03\x2b\x65\x70")},
};

static void octets_free(ASN1_OCTET_STRING **octets)
{
	ASN1_OCTET_STRING_free(*octets);
}

static bool put_algorithm(struct buf *out, const struct key *key, struct err *err)
{
	for (size_t i = 0; i < ARRAY_LEN(algorithms); i++)
		if (algorithms[i].type == key_type_of(key)) {
			buf_put(out, algorithms[i].identifier);
			return true;
		}
	return err_set(err, ERR_INTERNAL, "certificate: no signature algorithm for this key");
}

/* What was written into `content` goes behind tag and length, and content is empty again. */
static void put_whole(struct buf *out, uint8_t tag, struct buf *content)
{
	der_put(out, tag, buf_bytes(content));
	out->failed = out->failed || content->failed;
	buf_clear(content);
}

/* ---- what stands before the key ---- */

static bool put_serial(struct buf *out, const uint8_t *given, struct err *err)
{
	static const uint8_t zero[SERIAL_LEN];
	uint8_t serial[SERIAL_LEN];

	if (given)
		memcpy(serial, given, sizeof(serial));
	else if (!random_fill(&random_system, serial, sizeof(serial), err))
		return false;
	serial[0] &= 0x7f; /* INTEGERs are signed, serial numbers positive */
	if (memcmp(serial, zero, sizeof(serial)) == 0)
		return err_set(err, ERR_USAGE, "certificate: serial number zero");
	der_put_unsigned(out, BYTES_OF(serial));
	return true;
}

static bool put_subject(struct buf *out, const struct cert_request *request, struct err *err)
{
	OWNED(buf_release) struct buf attribute = {0}, set = {0}, sequence = {0};
	struct bytes name = bytes_str(request->common_name);

	if (name.len > COMMON_NAME_MAX || !utf8_valid(name) ||
		(request->common_name && name.len == 0))
		return err_set(err, ERR_USAGE, "certificate: common name \"%s\"", ESC(name));
	if (name.len > 0) {
		der_put(&attribute, DER_OID, BYTES_LIT(OID_COMMON_NAME));
		der_put(&attribute, TAG_UTF8, name);
		put_whole(&set, DER_SEQUENCE, &attribute);
		put_whole(&sequence, DER_SET, &set);
	}
	put_whole(out, DER_SEQUENCE, &sequence);
	return true;
}

static bool put_issuer(struct buf *out, const struct cert_request *request,
	const struct cert *issuer, struct err *err)
{
	const unsigned char *der = NULL;
	size_t len = 0;

	if (!issuer)
		return put_subject(out, request, err);
	if (X509_NAME_get0_der(X509_get_subject_name(issuer->x509), &der, &len) != 1)
		return openssl_fail(err, ERR_NOMEM, "certificate");
	buf_put(out, bytes_of(der, len));
	return true;
}

/* RFC 5280 section 4.1.2.5: two digits of the year up to 2049. */
static bool put_time(struct buf *out, int64_t seconds, struct err *err)
{
	char text[80];
	struct tm t;
	time_t at = (time_t)seconds;

	if (!gmtime_r(&at, &t) || t.tm_year + 1900 > YEAR_LAST || t.tm_year + 1900 < 0)
		return err_set(err, ERR_USAGE, "certificate: validity");
	bool utc = t.tm_year + 1900 >= YEAR_UTC_FIRST && t.tm_year + 1900 <= YEAR_UTC_LAST;
	(void)snprintf(text, sizeof(text), "%04d%02d%02d%02d%02d%02dZ", t.tm_year + 1900,
		t.tm_mon + 1, t.tm_mday, t.tm_hour, t.tm_min, t.tm_sec);
	der_put(out, utc ? TAG_UTC_TIME : TAG_GENERAL_TIME, bytes_str(utc ? text + 2 : text));
	return true;
}

static bool put_validity(struct buf *out, const struct cert_request *request, struct err *err)
{
	OWNED(buf_release) struct buf sequence = {0};

	if (request->not_after < request->not_before)
		return err_set(err, ERR_USAGE, "certificate: ends before it begins");
	if (!put_time(&sequence, request->not_before, err) ||
		!put_time(&sequence, request->not_after, err))
		return false;
	put_whole(out, DER_SEQUENCE, &sequence);
	return true;
}

/* ---- extensions ---- */

static void put_extension(struct buf *out, struct bytes oid, bool critical, struct bytes value)
{
	OWNED(buf_release) struct buf sequence = {0};

	der_put(&sequence, DER_OID, oid);
	if (critical)
		der_put(&sequence, TAG_BOOLEAN, BYTES_LIT("\xff"));
	der_put(&sequence, DER_OCTET_STRING, value);
	put_whole(out, DER_SEQUENCE, &sequence);
}

static void put_constraints(struct buf *out, bool ca)
{
	put_extension(out, BYTES_LIT(OID_BASIC_CONSTRAINTS), true,
		ca ? BYTES_LIT("\x30\x06\x01\x01\xff\x02\x01\x00") : BYTES_LIT("\x30\x00"));
	/* keyCertSign and cRLSign are bits 5 and 6, digitalSignature is bit 0. */
	put_extension(out, BYTES_LIT(OID_KEY_USAGE), true,
		ca ? BYTES_LIT("\x03\x02\x01\x06") : BYTES_LIT("\x03\x02\x07\x80"));
}

static void put_ext_key_usage(struct buf *out, const struct cert_request *request)
{
	OWNED(buf_release) struct buf usages = {0}, sequence = {0};

	if (!request->server_auth && !request->client_auth)
		return;
	if (request->server_auth)
		der_put(&usages, DER_OID, BYTES_LIT(OID_SERVER_AUTH));
	if (request->client_auth)
		der_put(&usages, DER_OID, BYTES_LIT(OID_CLIENT_AUTH));
	put_whole(&sequence, DER_SEQUENCE, &usages);
	put_extension(out, BYTES_LIT(OID_EXT_KEY_USAGE), false, buf_bytes(&sequence));
	out->failed = out->failed || sequence.failed;
}

static bool printable(struct bytes in, size_t max)
{
	for (size_t i = 0; i < in.len; i++)
		if (in.data[i] <= ' ' || in.data[i] > '~')
			return false;
	return in.len > 0 && in.len <= max;
}

static bool put_host(struct buf *names, const char *host, struct err *err)
{
	OWNED(octets_free) ASN1_OCTET_STRING *address = a2i_IPADDRESS(host);

	openssl_forget();
	if (address) {
		der_put(names, TAG_NAME_ADDRESS,
			bytes_of(ASN1_STRING_get0_data(address),
				(size_t)ASN1_STRING_length(address)));
		return true;
	}
	if (!printable(bytes_str(host), DNS_NAME_MAX))
		return err_set(
			err, ERR_USAGE, "certificate: host name \"%s\"", ESC(bytes_str(host)));
	der_put(names, TAG_NAME_DNS, bytes_str(host));
	return true;
}

static bool put_alt_names(struct buf *out, const struct cert_request *request, struct err *err)
{
	OWNED(buf_release) struct buf names = {0}, sequence = {0};

	if (request->uri && !printable(bytes_str(request->uri), X509_URI_MAX))
		return err_set(
			err, ERR_USAGE, "certificate: URI \"%s\"", ESC(bytes_str(request->uri)));
	if (request->uri)
		der_put(&names, TAG_NAME_URI, bytes_str(request->uri));
	for (const char *const *host = request->dns; host && *host; host++)
		if (!put_host(&names, *host, err))
			return false;
	if (names.len == 0)
		return buf_ok(&names, err);
	put_whole(&sequence, DER_SEQUENCE, &names);
	/* RFC 5280 section 4.2.1.6: critical where the subject is empty. */
	put_extension(out, BYTES_LIT(OID_ALT_NAME), !request->common_name, buf_bytes(&sequence));
	return buf_ok(&sequence, err);
}

/* Identifiers are only hints for building chains: the first octets of our name of the key. */
static void put_identifiers(struct buf *out, const struct key *subject, const struct cert *issuer,
	const struct key *issuer_key)
{
	OWNED(buf_release) struct buf own = {0}, identifier = {0}, authority = {0};
	const ASN1_OCTET_STRING *theirs = issuer ? X509_get0_subject_key_id(issuer->x509) : NULL;
	struct bytes of_issuer =
		theirs ? bytes_of(ASN1_STRING_get0_data(theirs), (size_t)ASN1_STRING_length(theirs))
		       : bytes_of(key_id(issuer_key), KEY_IDENTIFIER_LEN);

	der_put(&own, DER_OCTET_STRING, bytes_of(key_id(subject), KEY_IDENTIFIER_LEN));
	der_put(&identifier, TAG_KEY_IDENTIFIER, of_issuer);
	put_whole(&authority, DER_SEQUENCE, &identifier);
	put_extension(out, BYTES_LIT(OID_SUBJECT_KEY), false, buf_bytes(&own));
	put_extension(out, BYTES_LIT(OID_AUTHORITY_KEY), false, buf_bytes(&authority));
	out->failed = out->failed || own.failed || authority.failed;
}

static bool put_own(struct buf *out, const char *oid, struct bytes value, struct err *err)
{
	uint8_t content[OID_LEN_MAX];
	int len = a2d_ASN1_OBJECT(content, sizeof(content), oid, -1);

	if (len <= 0)
		return openssl_fail(err, ERR_USAGE, oid);
	put_extension(out, bytes_of(content, (size_t)len), false, value);
	return true;
}

static bool put_extensions(struct buf *out, const struct cert_request *request,
	const struct cert *issuer, const struct key *issuer_key, struct err *err)
{
	OWNED(buf_release) struct buf list = {0}, sequence = {0};

	if (request->extension_count > ARRAY_LEN(request->extensions))
		return err_set(err, ERR_USAGE, "certificate: too many extensions");
	put_constraints(&list, request->ca);
	put_ext_key_usage(&list, request);
	if (!put_alt_names(&list, request, err))
		return false;
	put_identifiers(&list, request->subject, issuer, issuer_key);
	for (size_t i = 0; i < request->extension_count; i++)
		if (!put_own(&list, request->extensions[i].oid, request->extensions[i].value, err))
			return false;
	put_whole(&sequence, DER_SEQUENCE, &list);
	put_whole(out, TAG_EXTENSIONS, &sequence);
	return true;
}

/* ---- the whole ---- */

static bool check_issuer(const struct cert_request *request, const struct cert *issuer,
	const struct key *issuer_key, struct err *err)
{
	if (!issuer)
		return key_equal(request->subject, issuer_key) ||
		       err_set(err, ERR_USAGE, "certificate: self-signed, but by another key");
	if (!bytes_equal(buf_bytes(&issuer->spki), key_spki(issuer_key)))
		return err_set(
			err, ERR_USAGE, "certificate: the issuer's certificate is for another key");
	cert_looks_begin();
	bool ca = cert_is_ca(issuer);
	/* Without memory it looks like none. */
	if (!cert_looks_whole(err))
		return false;
	return ca || err_set(err, ERR_USAGE, "certificate: the issuer is no CA");
}

static bool put_tbs(struct buf *out, const struct cert_request *request, const struct cert *issuer,
	const struct key *issuer_key, struct err *err)
{
	OWNED(buf_release) struct buf body = {0};

	buf_put(&body, BYTES_LIT("\xa0\x03\x02\x01\x02")); /* version 3 */
	if (!put_serial(&body, request->serial, err) || !put_algorithm(&body, issuer_key, err) ||
		!put_issuer(&body, request, issuer, err) || !put_validity(&body, request, err) ||
		!put_subject(&body, request, err))
		return false;
	buf_put(&body, key_spki(request->subject));
	if (!put_extensions(&body, request, issuer, issuer_key, err))
		return false;
	put_whole(out, DER_SEQUENCE, &body);
	return buf_ok(out, err);
}

bool cert_issue_der(const struct cert_request *request, const struct cert *issuer,
	struct key *issuer_key, struct buf *out, struct err *err)
{
	OWNED(buf_release) struct buf body = {0}, bits = {0}, whole = {0};

	if (!check_issuer(request, issuer, issuer_key, err) ||
		!put_tbs(&body, request, issuer, issuer_key, err))
		return false;
	buf_put_u8(&bits, 0); /* no unused bits */
	if (!key_sign(issuer_key, key_default_scheme(issuer_key), key_default_digest(issuer_key),
		    buf_bytes(&body), &bits, err))
		return err_wrap(err, "certificate");
	if (!put_algorithm(&body, issuer_key, err))
		return false;
	put_whole(&body, DER_BIT_STRING, &bits);
	put_whole(&whole, DER_SEQUENCE, &body);
	if (!buf_ok(&whole, err))
		return false;
	buf_put(out, buf_bytes(&whole));
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
