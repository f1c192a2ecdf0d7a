/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier/issuer.h"

#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "crypto/jws.h"
#include "evidence/names.h"
#include "ledger/record_signer.h"
#include "verifier/revocation_rows.h"
#include "verifier/serials.h"

#include <stdio.h>

#define PEM_MAX    (256u << 10)
#define DER_OCTETS 0x04
#define DER_UTF8   0x0c

/* ---- loading ---- */

static bool certs_load(
	const char *path, struct cert *out[X509_CHAIN_MAX], size_t *ret_count, struct err *err)
{
	OWNED(buf_release) struct buf pem = {0};
	if (!file_read(path, PEM_MAX, &pem, err) ||
		!certs_from_bytes(buf_bytes(&pem), X509_CHAIN_MAX, out, ret_count, err))
		return err_wrap(err, "%s", path);
	return *ret_count > 0 ? true : err_set(err, ERR_CONFIG, "%s: no certificate", path);
}

static bool pair_load(const struct cert *cert, const char *uri, struct key **ret, struct err *err)
{
	OWNED(key_unref) struct key *certified = NULL;
	OWNED(key_unref) struct key *key = NULL;
	if (!key_from_uri(uri, &key, err) || !cert_key(cert, &certified, err))
		return err_wrap(err, "%s", uri);
	if (!key_has_private(key) || !key_equal(key, certified))
		return err_set(err, ERR_CONFIG, "%s: not the private key of its certificate", uri);
	*ret = TAKE(key);
	return true;
}

/* The CA whose key that is. */
static bool before_load(const char *uri, struct issuer *issuer, struct err *err)
{
	OWNED(key_unref) struct key *key = NULL;
	if (!key_from_uri(uri, &key, err))
		return err_wrap(err, "ca_key_before: %s", uri);
	for (size_t i = 1; i < issuer->ca_count && !issuer->before; i++) {
		OWNED(key_unref) struct key *certified = NULL;
		if (!cert_key(issuer->ca[i], &certified, err))
			return err_wrap(err, "ca_certificate");
		if (key_equal(key, certified))
			issuer->before = issuer->ca[i];
	}
	if (!issuer->before || !key_has_private(key))
		return err_set(err, ERR_CONFIG,
			"ca_key_before: %s: not the private key of a CA behind the first in "
			"ca_certificate",
			uri);
	issuer->before_key = TAKE(key);
	return true;
}

static bool ca_load(const struct config *config, const struct clock *clock, struct issuer *issuer,
	struct err *err)
{
	if (!certs_load(config->ca_certificate, issuer->ca, &issuer->ca_count, err) ||
		!pair_load(issuer->ca[0], config->ca_key, &issuer->ca_key, err))
		return false;
	if (!cert_is_ca(issuer->ca[0]))
		return err_set(err, ERR_CONFIG, "%s: not a CA certificate", config->ca_certificate);
	int64_t now = clock_wall(clock);
	if (now < cert_not_before(issuer->ca[0]) || now >= cert_not_after(issuer->ca[0]))
		return err_set(
			err, ERR_CONFIG, "%s: not valid at this time", config->ca_certificate);
	if (config->ca_key_before && !before_load(config->ca_key_before, issuer, err))
		return false;
	for (size_t i = 0; i < issuer->ca_count; i++)
		if (!cert_pem(issuer->ca[i], &issuer->bundle, err))
			return false;
	return true;
}

/* Audits know the signer of records from whoever else the CA certifies by this, and refuse any other one. */
static bool signs_records(const struct config *config, const struct cert *cert, struct err *err)
{
	char uri[X509_URI_MAX] = "", domain[X509_URI_MAX];
	(void)snprintf(domain, sizeof(domain), "spiffe://%s", config->trust_domain);
	switch (record_signer_check(cert, bytes_str(domain))) {
	case RECORD_SIGNER_OK:
		return true;
	case RECORD_SIGNER_OTHER_USE:
		return err_set(err, ERR_CONFIG,
			"%s: has an extendedKeyUsage: audits take it for an agent's, a host's or a "
			"server's, and refuse records that it signs",
			config->signing_certificate);
	case RECORD_SIGNER_OTHER_DOMAIN:
		break;
	}
	(void)cert_uri(cert, uri, sizeof(uri));
	return err_set(err, ERR_CONFIG, "%s: %s is of another trust domain than %s",
		config->signing_certificate, ESC(bytes_str(uri)), config->trust_domain);
}

static bool signing_load(const struct config *config, struct issuer *issuer, struct err *err)
{
	struct cert *certs[X509_CHAIN_MAX] = {0};
	size_t count = 0;
	if (!certs_load(config->signing_certificate, certs, &count, err))
		return false;
	issuer->signing_cert = TAKE(certs[0]);
	for (size_t i = 1; i < count; i++)
		issuer->earlier[issuer->earlier_count++] = TAKE(certs[i]);
	if (!pair_load(issuer->signing_cert, config->signing_key, &issuer->signing_key, err))
		return false;
	if (key_type_of(issuer->signing_key) != KEY_EC_P256)
		return err_set(
			err, ERR_CONFIG, "%s: the signing key must be P-256", config->signing_key);
	struct chain_options options = {
		.roots = issuer->ca,
		.root_count = issuer->ca_count,
		.at = cert_not_before(issuer->signing_cert),
	};
	OWNED(chain_result_release) struct chain_result result = {0};
	if (!chain_verify(issuer->signing_cert, &options, &result, err))
		return err_wrap(err, "%s", config->signing_certificate);
	if (result.fault != CHAIN_OK)
		return err_set(err, ERR_CONFIG, "%s: not issued by the CA: %s",
			config->signing_certificate, chain_fault_name(result.fault));
	return signs_records(config, issuer->signing_cert, err) &&
	       jwk_set(&issuer->signing_key, 1, &issuer->jwks, err);
}

/* Where certificates say that one can ask about them. */
static bool points_make(struct issuer *issuer, struct err *err)
{
	OWNED(buf_release) struct buf crl = {0};
	OWNED(buf_release) struct buf ocsp = {0};
	char ca[2 * SHA256_LEN + 1];
	hex_encode(bytes_of(key_id(issuer->ca_key), SHA256_LEN), ca);
	buf_printf(&crl, "%s/crl/%s", issuer->public_url, ca);
	buf_printf(&ocsp, "%s/ocsp", issuer->public_url);
	const char *crl_uri = buf_str(&crl), *ocsp_uri = buf_str(&ocsp);
	if (!crl_uri || !ocsp_uri)
		return err_set(err, ERR_NOMEM, "public_url");
	return crl_points_der(crl_uri, &issuer->crl_points, err) &&
	       ocsp_access_der(ocsp_uri, &issuer->ocsp_access, err);
}

bool issuer_load(const struct config *config, struct random *random, const struct clock *clock,
	struct issuer *ret, struct err *err)
{
	OWNED(issuer_release)
	struct issuer issuer = {.trust_domain = config->trust_domain,
		.verifier_id = config->verifier_id,
		.public_url = config->public_url,
		.random = random};
	if (!ca_load(config, clock, &issuer, err) || !signing_load(config, &issuer, err) ||
		(issuer.public_url && !points_make(&issuer, err)))
		return err_wrap(err, "issuer");
	*ret = TAKE_STRUCT(issuer);
	return true;
}

void issuer_release(struct issuer *issuer)
{
	for (size_t i = 0; i < issuer->ca_count; i++)
		cert_unref(&issuer->ca[i]);
	key_unref(&issuer->ca_key);
	key_unref(&issuer->before_key);
	cert_unref(&issuer->signing_cert);
	for (size_t i = 0; i < issuer->earlier_count; i++)
		cert_unref(&issuer->earlier[i]);
	key_unref(&issuer->signing_key);
	buf_release(&issuer->bundle);
	buf_release(&issuer->jwks);
	buf_release(&issuer->crl_points);
	buf_release(&issuer->ocsp_access);
	memset(issuer, 0, sizeof(*issuer));
}

static bool signed_with(const struct cert *cert, const uint8_t key_name[SHA256_LEN], int64_t time)
{
	OWNED(key_unref) struct key *key = NULL;
	return time >= cert_not_before(cert) && time < cert_not_after(cert) &&
	       cert_key(cert, &key, NULL) && memcmp(key_id(key), key_name, SHA256_LEN) == 0;
}

const struct cert *issuer_signer_of(
	const struct issuer *issuer, const uint8_t key_name[SHA256_LEN], int64_t time)
{
	for (size_t i = 0; i < issuer->earlier_count; i++)
		if (!signed_with(issuer->signing_cert, key_name, time) &&
			signed_with(issuer->earlier[i], key_name, time))
			return issuer->earlier[i];
	return issuer->signing_cert;
}

size_t issuer_chain(const struct issuer *issuer, struct bytes out[X509_CHAIN_MAX])
{
	size_t count = 0;
	for (size_t i = 0; i < issuer->ca_count; i++)
		if (!cert_is_self_issued(issuer->ca[i]))
			out[count++] = cert_der(issuer->ca[i]);
	return count;
}

/* ---- issuing ---- */

void issued_release(struct issued *issued)
{
	buf_release(&issued->bytes);
	memset(issued, 0, sizeof(*issued));
}

static bool lifetime_end(
	const struct issuer *issuer, const struct issue *issue, int64_t *ret, struct err *err)
{
	if (issue->now < 0 || issue->lifetime < 1 || issue->lifetime > CREDENTIAL_LIFETIME_MAX ||
		issue->now > POLICY_TIME_MAX - CREDENTIAL_LIFETIME_MAX)
		return err_set(err, ERR_INTERNAL, "a credential's lifetime is 1 s to %d s",
			CREDENTIAL_LIFETIME_MAX);
	int64_t end = issue->now + issue->lifetime, last = cert_not_after(issuer->ca[0]);
	*ret = end < last ? end : last;
	return *ret > issue->now ? true
				 : err_set(err, ERR_CONFIG, "the CA's certificate has expired");
}

/* A DER value of less than 128 bytes. */
static void der_put(struct buf *out, uint8_t tag, struct bytes value)
{
	buf_put_u8(out, tag);
	buf_put_u8(out, (uint8_t)value.len);
	buf_put(out, value);
}

static bool elevations_put(const struct issue *issue, struct buf *out, struct err *err)
{
	struct issued_elevation list[ELEVATIONS_MAX];
	for (size_t i = 0; i < issue->elevation_count; i++) {
		const struct verdict_elevation *e = &issue->elevations[i];
		list[i] = (struct issued_elevation){.right = bytes_str(e->right),
			.entitlement = bytes_str(e->entitlement),
			.until = e->until};
		memcpy(list[i].approval, e->activation, SHA256_LEN);
	}
	return issued_elevations_encode(list, issue->elevation_count, out, err);
}

/* What there is no room for is counted, so that nothing is issued without it (cert_issue_der). */
static void extension_add(struct cert_request *request, const char *oid, struct bytes value)
{
	size_t at = request->extension_count++;
	if (at < CERT_OWN_EXTENSIONS_MAX) {
		request->extensions[at].oid = oid;
		request->extensions[at].value = value;
	}
}

static bool cert_make(const struct issuer *issuer, const struct issue *issue,
	const uint8_t serial[SERIAL_LEN], int64_t not_after, struct buf *out, struct err *err)
{
	OWNED(key_unref) struct key *subject = NULL;
	OWNED(buf_release) struct buf leaf = {0};
	OWNED(buf_release) struct buf protection = {0};
	OWNED(buf_release) struct buf lent = {0};
	struct cert_request request = {
		.uri = issue->uri,
		.not_before = issue->now - ISSUE_SKEW,
		.not_after = not_after,
		.client_auth = true,
		.server_auth = issue->decision != NULL,
		.serial = serial,
	};
	if (!key_from_spki(issue->spki, &subject, err))
		return err_wrap(err, "key to be certified");
	request.subject = subject;
	if (issue->decision) {
		der_put(&leaf, DER_OCTETS, bytes_of(issue->decision, SHA256_LEN));
		extension_add(&request, OID_DECISION_LEAF, buf_bytes(&leaf));
	}
	if (issue->protection != KEY_PROTECTION_NONE) {
		der_put(&protection, DER_UTF8, bytes_str(key_protection_name(issue->protection)));
		extension_add(&request, OID_KEY_PROTECTION, buf_bytes(&protection));
	}
	if (issuer->crl_points.len > 0) {
		extension_add(&request, OID_CRL_POINTS, buf_bytes(&issuer->crl_points));
		extension_add(&request, OID_INFO_ACCESS, buf_bytes(&issuer->ocsp_access));
	}
	if (issue->elevation_count > 0) {
		if (!elevations_put(issue, &lent, err))
			return false;
		extension_add(&request, OID_ELEVATIONS, buf_bytes(&lent));
	}
	return buf_ok(&leaf, err) && buf_ok(&protection, err) &&
	       cert_issue_der(&request, issuer->ca[0], issuer->ca_key, out, err);
}

static bool serial_put(const struct issuer *issuer, int64_t now, uint8_t serial[SERIAL_LEN],
	char ret_text[2 * SERIAL_LEN + 1], struct err *err)
{
	if (!serial_make(issuer->random, now, key_id(issuer->ca_key), serial, err))
		return false;
	hex_encode(bytes_of(serial, SERIAL_LEN), ret_text);
	return true;
}

bool issue_x509(
	const struct issuer *issuer, const struct issue *issue, struct issued *ret, struct err *err)
{
	OWNED(issued_release) struct issued issued = {0};
	uint8_t serial[SERIAL_LEN];
	if (!lifetime_end(issuer, issue, &issued.not_after, err) ||
		!serial_put(issuer, issue->now, serial, issued.serial, err))
		return err_wrap(err, "certificate");
	if (!cert_make(issuer, issue, serial, issued.not_after, &issued.bytes, err))
		return err_wrap(err, "certificate");
	*ret = TAKE_STRUCT(issued);
	return true;
}

/* {"right": …, "entitlement": …, "until": …, "approval": …}; entitlement left out where only
 * audiences are lent. */
static json_t *jwt_elevations(const struct issue *issue)
{
	OWNED(json_release) json_t *list = json_array();
	for (size_t i = 0; i < issue->elevation_count; i++) {
		const struct verdict_elevation *e = &issue->elevations[i];
		char approval[2 * SHA256_LEN + 1];
		hex_encode(BYTES_OF(e->activation), approval);
		if (json_array_append_new(list,
			    json_pack("{s:s, s:s*, s:I, s:s}", "right", e->right, "entitlement",
				    e->entitlement[0] ? e->entitlement : NULL, "until",
				    (json_int_t)e->until, "approval", approval)) != 0)
			return NULL;
	}
	return TAKE(list);
}

static json_t *jwt_claims(const struct issuer *issuer, const struct issue *issue,
	struct bytes audience, const struct issued *issued)
{
	char decision[2 * SHA256_LEN + 1];
	hex_encode(bytes_of(issue->decision, SHA256_LEN), decision);
	OWNED(json_release)
	json_t *own = json_pack(
		"{s:s, s:s}", "decision", decision, "key", key_protection_name(issue->protection));
	if (issue->elevation_count > 0 &&
		json_object_set_new(own, JWT_ELEVATIONS, jwt_elevations(issue)) != 0)
		return NULL;
	return json_pack("{s:[s%], s:I, s:I, s:I, s:s, s:s, s:s, s:O}", "aud",
		(const char *)audience.data, audience.len, "exp", (json_int_t)issued->not_after,
		"iat", (json_int_t)issue->now, "nbf", (json_int_t)(issue->now - ISSUE_SKEW), "iss",
		issuer->verifier_id, "jti", issued->serial, "sub", issue->uri, JWT_ASSAY, own);
}

/* IETF Token Status List: where the token's bit stands. */
static bool put_status(
	const struct issuer *issuer, const struct issue *issue, json_t *claims, struct err *err)
{
	OWNED(buf_release) struct buf uri = {0};
	if (issue->status == 0 || !issuer->public_url)
		return true;
	int64_t place = issue->status - 1;
	buf_printf(
		&uri, "%s/status/%lld", issuer->public_url, (long long)(place / STATUS_LIST_LEN));
	const char *text = buf_str(&uri);
	json_t *status = text ? json_pack("{s:{s:I, s:s}}", "status_list", "idx",
					(json_int_t)(place % STATUS_LIST_LEN), "uri", text)
			      : NULL;
	return status && json_object_set_new(claims, "status", status) == 0
		       ? true
		       : err_set(err, ERR_NOMEM, "token");
}

bool issue_jwt(const struct issuer *issuer, const struct issue *issue, struct bytes audience,
	struct issued *ret, struct err *err)
{
	OWNED(issued_release) struct issued issued = {0};
	OWNED(buf_release) struct buf text = {0};
	OWNED(json_release) json_t *claims = NULL;
	uint8_t jti[SERIAL_LEN];
	if (audience.len == 0 || !issue->decision)
		return err_set(err, ERR_INTERNAL, "a token needs an audience and a decision");
	if (!lifetime_end(issuer, issue, &issued.not_after, err) ||
		!serial_put(issuer, issue->now, jti, issued.serial, err))
		return err_wrap(err, "token");
	claims = jwt_claims(issuer, issue, audience, &issued);
	if (!claims)
		return err_set(err, ERR_FORMAT, "token: the audience is not UTF-8");
	issued.status = issue->status;
	if (!put_status(issuer, issue, claims, err) || !json_write(claims, false, &text, err) ||
		!jws_sign(issuer->signing_key, "JWT", buf_bytes(&text), &issued.bytes, err))
		return err_wrap(err, "token");
	*ret = TAKE_STRUCT(issued);
	return true;
}
