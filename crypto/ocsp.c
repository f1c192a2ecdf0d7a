/* SPDX-License-Identifier: Apache-2.0 */
/* OCSP, the responder's side: RFC 6960, RFC 5019, RFC 8954. */
#include "crypto/revocation.h"

#include <openssl/ocsp.h>
#include <stdlib.h>

#include "base/text.h"
#include "crypto/cert_private.h"
#include "crypto/key_private.h"
#include "crypto/openssl_error.h"

#define OID_EXT_KEY_USAGE "2.5.29.37"
#define OID_OCSP_NOCHECK  "1.3.6.1.5.5.7.48.1.5"

struct ocsp_request {
	OCSP_REQUEST *der;
	size_t count;
	bool nonce;
	char serials[OCSP_CERTS_MAX][SERIAL_HEX_MAX];
};

static void basic_free(OCSP_BASICRESP **basic)
{
	OCSP_BASICRESP_free(*basic);
}

static void response_free(OCSP_RESPONSE **response)
{
	OCSP_RESPONSE_free(*response);
}

static void time_free(ASN1_TIME **time)
{
	ASN1_TIME_free(*time);
}

static bool no_memory(struct err *err)
{
	return openssl_fail(err, ERR_NOMEM, "OCSP");
}

/* ---- requests ---- */

void ocsp_request_free(struct ocsp_request **request)
{
	if (*request) {
		OCSP_REQUEST_free((*request)->der);
		free(*request);
	}
	*request = NULL;
}

/* The extension's value is an OCTET STRING; RFC 8954 has 1 to 32 octets in it. */
static bool nonce_check(X509_EXTENSION *extension, struct err *err)
{
	const ASN1_OCTET_STRING *value = X509_EXTENSION_get_data(extension);
	const uint8_t *data = ASN1_STRING_get0_data(value);
	size_t len = (size_t)ASN1_STRING_length(value);

	if (len < 3 || len > 2 + OCSP_NONCE_MAX || data[0] != V_ASN1_OCTET_STRING ||
		data[1] != len - 2)
		return err_set(err, ERR_FORMAT, "OCSP request: nonce: expected 1 to %u octets",
			OCSP_NONCE_MAX);
	return true;
}

static bool extensions_check(struct ocsp_request *request, struct err *err)
{
	for (int i = 0; i < OCSP_REQUEST_get_ext_count(request->der); i++) {
		X509_EXTENSION *extension = OCSP_REQUEST_get_ext(request->der, i);
		bool nonce =
			OBJ_obj2nid(X509_EXTENSION_get_object(extension)) == NID_id_pkix_OCSP_Nonce;

		if (nonce && request->nonce)
			return err_set(err, ERR_FORMAT, "OCSP request: nonce: there twice");
		if (nonce && !nonce_check(extension, err))
			return false;
		if (!nonce && X509_EXTENSION_get_critical(extension))
			return err_set(
				err, ERR_FORMAT, "OCSP request: a critical extension is unknown");
		request->nonce = request->nonce || nonce;
	}
	return true;
}

/* Whether the question is about a certificate of this CA, by whatever digest it was asked with. */
static bool of_issuer(OCSP_CERTID *id, const struct cert *issuer)
{
	ASN1_OBJECT *alg = NULL;
	const EVP_MD *md;
	OCSP_CERTID *own;
	bool same;

	(void)OCSP_id_get0_info(NULL, &alg, NULL, NULL, id);
	md = EVP_get_digestbyobj(alg);
	if (!md || (EVP_MD_get_type(md) != NID_sha1 && EVP_MD_get_type(md) != NID_sha256 &&
			   EVP_MD_get_type(md) != NID_sha384 && EVP_MD_get_type(md) != NID_sha512))
		return false;
	own = OCSP_cert_to_id(md, NULL, issuer->x509);
	same = own && OCSP_id_issuer_cmp(own, id) == 0;
	OCSP_CERTID_free(own);
	return same;
}

/* Left empty for what no certificate of ours can be called. */
static void serial_take(OCSP_CERTID *id, const struct cert *issuer, char out[SERIAL_HEX_MAX])
{
	ASN1_INTEGER *serial = NULL;

	(void)OCSP_id_get0_info(NULL, NULL, NULL, &serial, id);
	if (!of_issuer(id, issuer) || !serial || ASN1_STRING_type(serial) != V_ASN1_INTEGER ||
		ASN1_STRING_length(serial) * 2 >= (int)SERIAL_HEX_MAX)
		return;
	hex_encode(
		bytes_of(ASN1_STRING_get0_data(serial), (size_t)ASN1_STRING_length(serial)), out);
}

bool ocsp_request_parse(
	struct bytes der, const struct cert *issuer, struct ocsp_request **ret, struct err *err)
{
	OWNED(ocsp_request_free) struct ocsp_request *request = NULL;
	const uint8_t *at = der.data;
	int count;

	if (der.len > OCSP_REQUEST_MAX)
		return err_set(err, ERR_LIMIT, "OCSP request: %zu bytes, at most %u", der.len,
			OCSP_REQUEST_MAX);
	request = calloc(1, sizeof(*request));
	if (!request)
		return err_set(err, ERR_NOMEM, "OCSP request");
	request->der = der.len ? d2i_OCSP_REQUEST(NULL, &at, (long)der.len) : NULL;
	if (!request->der)
		return openssl_fail(err, ERR_FORMAT, "OCSP request");
	if (at != der.data + der.len)
		return err_set(err, ERR_FORMAT, "OCSP request: bytes behind it at offset %zu",
			(size_t)(at - der.data));
	count = OCSP_request_onereq_count(request->der);
	if (count < 1 || count > (int)OCSP_CERTS_MAX)
		return err_set(err, ERR_LIMIT, "OCSP request: %d certificates, expected 1 to %u",
			count, OCSP_CERTS_MAX);
	if (!extensions_check(request, err))
		return false;
	request->count = (size_t)count;
	for (int i = 0; i < count; i++)
		serial_take(OCSP_onereq_get0_id(OCSP_request_onereq_get0(request->der, i)), issuer,
			request->serials[i]);
	openssl_forget();
	*ret = TAKE(request);
	return true;
}

size_t ocsp_request_count(const struct ocsp_request *request)
{
	return request->count;
}

const char *ocsp_request_serial(const struct ocsp_request *request, size_t i)
{
	return i < request->count ? request->serials[i] : "";
}

bool ocsp_request_nonce(const struct ocsp_request *request)
{
	return request->nonce;
}

/* ---- answers ---- */

static bool put_answer(OCSP_BASICRESP *basic, OCSP_CERTID *id, const struct ocsp_answer *answer,
	ASN1_TIME *this_update, ASN1_TIME *next_update)
{
	static const int statuses[] = {
		[OCSP_UNKNOWN] = V_OCSP_CERTSTATUS_UNKNOWN,
		[OCSP_GOOD] = V_OCSP_CERTSTATUS_GOOD,
		[OCSP_REVOKED] = V_OCSP_CERTSTATUS_REVOKED,
	};
	bool revoked = answer->status == OCSP_REVOKED;
	OWNED(time_free)
	ASN1_TIME *time = ASN1_GENERALIZEDTIME_set(NULL, (time_t)answer->revoked);
	int reason = answer->reason == REVOKED_UNSPECIFIED ? -1 : (int)answer->reason;

	return time &&
	       OCSP_basic_add1_status(basic, id, statuses[answer->status], revoked ? reason : -1,
		       revoked ? time : NULL, this_update, next_update) != NULL;
}

static bool response_put(int status, OCSP_BASICRESP *basic, struct buf *out, struct err *err)
{
	OWNED(response_free) OCSP_RESPONSE *response = OCSP_response_create(status, basic);
	uint8_t *der = NULL;
	int len = response ? i2d_OCSP_RESPONSE(response, &der) : 0;

	if (len <= 0)
		return no_memory(err);
	buf_put(out, bytes_of(der, (size_t)len));
	OPENSSL_free(der);
	return buf_ok(out, err);
}

bool ocsp_respond(const struct ocsp_request *request, const struct ocsp_answer *answers,
	int64_t this_update, int64_t next_update, const struct cert *responder,
	struct key *responder_key, struct buf *out, struct err *err)
{
	OWNED(basic_free) OCSP_BASICRESP *basic = OCSP_BASICRESP_new();
	OWNED(time_free) ASN1_TIME *from = ASN1_GENERALIZEDTIME_set(NULL, (time_t)this_update);
	OWNED(time_free) ASN1_TIME *until = ASN1_GENERALIZEDTIME_set(NULL, (time_t)next_update);

	if (!basic || !from || !until)
		return no_memory(err);
	for (size_t i = 0; i < request->count; i++) {
		OCSP_ONEREQ *one = OCSP_request_onereq_get0(request->der, (int)i);

		if (!put_answer(basic, OCSP_onereq_get0_id(one), &answers[i], from, until))
			return no_memory(err);
	}
	if (request->nonce && OCSP_copy_nonce(basic, request->der) != 1)
		return no_memory(err);
	if (OCSP_basic_sign(basic, responder->x509, key_evp(responder_key), EVP_sha256(), NULL,
		    OCSP_RESPID_KEY) != 1)
		return openssl_fail(err, ERR_CRYPTO, "OCSP: signing");
	return response_put(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic, out, err);
}

bool ocsp_refuse(enum ocsp_fault fault, struct buf *out, struct err *err)
{
	return response_put((int)fault, NULL, out, err);
}

/* ---- the responder ---- */

bool ocsp_responder_issue(const struct key *key, int64_t not_before, int64_t not_after,
	const struct cert *issuer, struct key *issuer_key, struct cert **ret, struct err *err)
{
	/* SEQUENCE { OID 1.3.6.1.5.5.7.3.9 }; NULL */
	static const uint8_t signing[] = {
		0x30, 0x0a, 0x06, 0x08, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x09};
	static const uint8_t null[] = {0x05, 0x00};
	struct cert_request request = {
		.common_name = "OCSP responder",
		.subject = key,
		.not_before = not_before,
		.not_after = not_after,
		.extensions = {{OID_EXT_KEY_USAGE, BYTES_OF(signing)},
			{OID_OCSP_NOCHECK, BYTES_OF(null)}},
		.extension_count = 2,
	};

	return cert_issue(&request, issuer, issuer_key, ret, err) ||
	       err_wrap(err, "OCSP responder");
}
