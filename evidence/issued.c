/* SPDX-License-Identifier: Apache-2.0 */
#include "evidence/issued.h"

#include "base/json.h"
#include "base/text.h"
#include "crypto/jws.h"
#include "evidence/names.h"

#define DER_OCTETS 0x04
#define DER_UTF8   0x0c

static bool der_take(const struct cert *cert, const char *oid, uint8_t tag, struct bytes *ret)
{
	struct bytes value;
	if (!cert_extension(cert, oid, &value) || value.len < 2 || value.data[0] != tag ||
		value.data[1] != value.len - 2)
		return false;
	*ret = bytes_of(value.data + 2, value.len - 2);
	return true;
}

bool issued_decision(const struct cert *cert, uint8_t ret[SHA256_LEN])
{
	struct bytes leaf;
	if (!der_take(cert, OID_DECISION_LEAF, DER_OCTETS, &leaf) || leaf.len != SHA256_LEN)
		return false;
	memcpy(ret, leaf.data, SHA256_LEN);
	return true;
}

bool issued_protection(const struct cert *cert, struct bytes *ret)
{
	return der_take(cert, OID_KEY_PROTECTION, DER_UTF8, ret) && ret->len < 16 &&
	       text_is_name(*ret);
}

/* The middle one of a token's three parts. */
static bool claims_part(struct bytes token, struct bytes *ret)
{
	const uint8_t *first = token.len ? memchr(token.data, '.', token.len) : NULL;
	size_t rest = first ? token.len - (size_t)(first - token.data) - 1 : 0;
	const uint8_t *second = rest ? memchr(first + 1, '.', rest) : NULL;
	if (!second)
		return false;
	*ret = bytes_of(first + 1, (size_t)(second - first) - 1);
	return true;
}

bool issued_token_decision(struct bytes token, uint8_t ret[SHA256_LEN], struct err *err)
{
	OWNED(buf_release) struct buf text = {0};
	OWNED(json_release) json_t *claims = NULL;
	const char *decision = NULL;
	struct bytes part;
	if (token.len > JWS_MAX || !claims_part(token, &part))
		return err_set(
			err, ERR_FORMAT, "token: not three parts of at most %d bytes", JWS_MAX);
	if (!base64_decode(part, true, JWS_MAX, &text, err) ||
		!json_open(buf_bytes(&text), JWS_MAX, &claims, err))
		return err_wrap(err, "token: claims");
	if (json_unpack(claims, "{s:{s:s}}", "assay", "decision", &decision) != 0 ||
		!hex_decode_exact(bytes_str(decision), ret, SHA256_LEN, NULL))
		return err_set(err, ERR_NOT_FOUND, "token: names no decision");
	return true;
}

/* Before the signature there is nothing to tell them apart by but their first byte. */
bool issued_any_decision(struct bytes in, uint8_t ret[SHA256_LEN], struct err *err)
{
	struct cert *certs[X509_CHAIN_MAX] = {0};
	size_t count = 0;
	bool pem = in.len > 10 && memcmp(in.data, "-----BEGIN", 10) == 0;
	if (!pem && (in.len == 0 || in.data[0] != 0x30)) {
		while (in.len > 0 && (in.data[in.len - 1] == '\n' || in.data[in.len - 1] == '\r'))
			in.len--;
		return issued_token_decision(in, ret, err);
	}
	if (!certs_from_bytes(in, X509_CHAIN_MAX, certs, &count, err))
		return err_wrap(err, "credential");
	bool named = count > 0 && issued_decision(certs[0], ret);
	for (size_t i = 0; i < count; i++)
		cert_unref(&certs[i]);
	return named ||
	       err_set(err, ERR_NOT_FOUND, "credential: the certificate names no decision");
}
