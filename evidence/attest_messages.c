/* SPDX-License-Identifier: Apache-2.0 */
/* Challenges, and the answer to evidence. */
#include "evidence/evidence.h"

#include "crypto/jws.h"
#include "crypto/x509.h"
#include "evidence/message.h"

/* ---- challenge request ---- */

static bool challenge_request_acceptable(struct bytes encoded, struct err *err)
{
	struct challenge_request m;

	return challenge_request_decode(encoded, &m, err);
}

bool challenge_request_encode(const struct challenge_request *m, struct buf *out, struct err *err)
{
	struct message message = message_begin(out);

	cbor_put_map(&message.w, 2);
	cbor_pair_uint(&message.w, 1, m->purpose);
	cbor_pair_bytes(&message.w, 2, BYTES_OF(m->instance));
	return message_finish(&message, challenge_request_acceptable, err);
}

bool challenge_request_decode(struct bytes in, struct challenge_request *ret, struct err *err)
{
	static const int64_t keys[] = {1, 2};
	struct challenge_request m = {0};
	struct cbor_doc doc;
	struct cbor_item root, purpose;

	if (!cbor_open(in, true, "challenge-request", &doc, &root, err))
		return false;
	cbor_only_keys(root, keys, ARRAY_LEN(keys), "challenge-request");
	purpose = cbor_key(root, 1, "purpose");
	m.purpose = message_enum(purpose, PURPOSE_RENEW, "purpose");
	if (m.purpose == PURPOSE_ENROLL) /* its challenge is the enrolment's session */
		cbor_fail(purpose, "purpose", "neither launch nor renew");
	cbor_copy(cbor_key(root, 2, "instance"), m.instance, sizeof(m.instance), "instance");
	if (bytes_all_zero(BYTES_OF(m.instance)))
		cbor_fail(root, "instance", "zero");
	if (!cbor_close(&doc, err))
		return false;
	*ret = m;
	return true;
}

/* ---- challenge offer ---- */

static void challenge_offer_put(struct cbor_writer *w, const struct challenge_offer *m)
{
	cbor_put_map(w, m->ima_wanted ? 4 : 3);
	cbor_pair_bytes(w, 1, m->challenge);
	cbor_pair_uint(w, 2, (uint64_t)m->expires);
	cbor_pair_uint(w, 3, m->runtime_first);
	if (m->ima_wanted)
		cbor_pair_uint(w, 4, m->ima_first);
}

static void challenge_offer_read(struct cbor_item item, struct challenge_offer *ret)
{
	static const int64_t keys[] = {1, 2, 3, 4};
	struct cbor_item ima = cbor_key_optional(item, 4);

	cbor_only_keys(item, keys, ARRAY_LEN(keys), "challenge-offer");
	ret->challenge = cbor_bytes(cbor_key(item, 1, "challenge"), 1, CHALLENGE_MAX, "challenge");
	ret->expires = (int64_t)cbor_uint(cbor_key(item, 2, "expires"), INT64_MAX, "expires");
	ret->runtime_first =
		cbor_uint(cbor_key(item, 3, "runtime_first"), INT64_MAX, "runtime_first");
	ret->ima_wanted = ima.kind != CBOR_ABSENT;
	if (ret->ima_wanted)
		ret->ima_first = cbor_uint(ima, INT64_MAX, "ima_first");
}

static bool challenge_offer_acceptable(struct bytes encoded, struct err *err)
{
	struct challenge_offer m;

	return challenge_offer_decode(encoded, &m, err);
}

bool challenge_offer_encode(const struct challenge_offer *m, struct buf *out, struct err *err)
{
	struct message message = message_begin(out);

	challenge_offer_put(&message.w, m);
	return message_finish(&message, challenge_offer_acceptable, err);
}

bool challenge_offer_decode(struct bytes in, struct challenge_offer *ret, struct err *err)
{
	struct challenge_offer m = {0};
	struct cbor_doc doc;
	struct cbor_item root;

	if (!cbor_open(in, true, "challenge-offer", &doc, &root, err))
		return false;
	challenge_offer_read(root, &m);
	if (!cbor_close(&doc, err))
		return false;
	*ret = m;
	return true;
}

/* ---- the answer to evidence ---- */

static bool attest_result_acceptable(struct bytes encoded, struct err *err)
{
	struct attest_result m;

	return attest_result_decode(encoded, &m, err);
}

static bool counts_ok(const struct attest_result *m, struct err *err)
{
	return message_count_ok(m->cert_count, CREDENTIAL_CERTS_MAX, "attest-result: certs", err) &&
	       message_count_ok(m->token_count, AUDIENCES_MAX, "attest-result: tokens", err) &&
	       message_count_ok(
		       m->bundle_count, CREDENTIAL_CERTS_MAX, "attest-result: bundle", err);
}

static void put_optional(struct cbor_writer *w, int64_t key, uint64_t value)
{
	if (value > 0)
		cbor_pair_uint(w, key, value);
}

/* A negative one becomes a number that the decoder refuses. */
static unsigned count_optional(const struct attest_result *m)
{
	unsigned n = m->thaw;

	n += m->lease != 0;
	n += m->on_lease_end != 0;
	n += m->on_refusal != 0;
	return n;
}

bool attest_result_encode(const struct attest_result *m, struct buf *out, struct err *err)
{
	struct message message = message_begin(out);
	struct cbor_writer *w = &message.w;
	bool next = m->next.challenge.len > 0;

	if (!counts_ok(m, err))
		return false;
	cbor_put_map(w, 9u + next + m->report_end + count_optional(m));
	cbor_pair_bool(w, 1, m->trusted);
	cbor_pair_text(w, 2, m->verdict);
	cbor_pair_bytes(w, 3, BYTES_OF(m->record));
	cbor_put_int(w, 4);
	message_put_bytes_array(w, m->certs, m->cert_count);
	cbor_put_int(w, 5);
	message_put_text_array(w, m->tokens, m->token_count);
	cbor_put_int(w, 6);
	message_put_bytes_array(w, m->bundle, m->bundle_count);
	/* A negative time becomes a number beyond INT64_MAX, which the decoder refuses. */
	cbor_pair_uint(w, 7, (uint64_t)m->expires);
	cbor_pair_uint(w, 8, (uint64_t)m->renew_after);
	if (next) {
		cbor_put_int(w, 9);
		challenge_offer_put(w, &m->next);
	}
	cbor_pair_bool(w, 10, m->again);
	if (m->report_end)
		cbor_pair_bool(w, 11, true);
	put_optional(w, 12, (uint64_t)m->lease);
	put_optional(w, 13, (uint64_t)m->on_lease_end);
	put_optional(w, 14, (uint64_t)m->on_refusal);
	if (m->thaw)
		cbor_pair_bool(w, 15, true);
	return message_finish(&message, attest_result_acceptable, err);
}

/* A refusal carries nothing that could be used. */
static void refusal_check(struct cbor_item root, const struct attest_result *m)
{
	if (m->trusted && m->again)
		cbor_fail(root, "again", "set in an acceptance");
	if (m->trusted)
		return;
	if (m->cert_count || m->token_count)
		cbor_fail(root, "certs", "a credential in a refusal");
	if (m->expires || m->renew_after || m->next.challenge.len)
		cbor_fail(root, "next", "a renewal in a refusal");
	if (m->report_end)
		cbor_fail(root, "report_end", "set in a refusal");
	if (m->lease || m->on_lease_end)
		cbor_fail(root, "lease", "set in a refusal");
	if (m->thaw)
		cbor_fail(root, "thaw", "set in a refusal");
}

static bool flag_read(struct cbor_item root, int64_t key, const char *field)
{
	struct cbor_item item = cbor_key_optional(root, key);

	if (item.kind == CBOR_ABSENT)
		return false;
	if (!cbor_bool(item, field))
		cbor_fail(item, field, "false is said by leaving it out");
	return true;
}

static uint64_t number_read(struct cbor_item root, int64_t key, uint64_t max, const char *field)
{
	struct cbor_item item = cbor_key_optional(root, key);
	uint64_t value;

	if (item.kind == CBOR_ABSENT)
		return 0;
	value = cbor_uint(item, max, field);
	if (value == 0)
		cbor_fail(item, field, "0 is said by leaving it out");
	return value;
}

bool attest_result_decode(struct bytes in, struct attest_result *ret, struct err *err)
{
	static const int64_t keys[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
	struct attest_result m = {0};
	struct cbor_doc doc;
	struct cbor_item root, next;

	if (!cbor_open(in, true, "attest-result", &doc, &root, err))
		return false;
	cbor_only_keys(root, keys, ARRAY_LEN(keys), "attest-result");
	m.trusted = cbor_bool(cbor_key(root, 1, "trusted"), "trusted");
	m.verdict = cbor_text(cbor_key(root, 2, "verdict"), 1, VERDICT_TEXT_MAX, "verdict");
	cbor_copy(cbor_key(root, 3, "record"), m.record, sizeof(m.record), "record");
	m.cert_count = message_bytes_array(
		cbor_key(root, 4, "certs"), CREDENTIAL_CERTS_MAX, X509_DER_MAX, m.certs, "certs");
	m.token_count = message_text_array(
		cbor_key(root, 5, "tokens"), AUDIENCES_MAX, JWS_MAX, m.tokens, "tokens");
	m.bundle_count = message_bytes_array(cbor_key(root, 6, "bundle"), CREDENTIAL_CERTS_MAX,
		X509_DER_MAX, m.bundle, "bundle");
	m.expires = (int64_t)cbor_uint(cbor_key(root, 7, "expires"), INT64_MAX, "expires");
	m.renew_after =
		(int64_t)cbor_uint(cbor_key(root, 8, "renew_after"), INT64_MAX, "renew_after");
	next = cbor_key_optional(root, 9);
	if (next.kind != CBOR_ABSENT)
		challenge_offer_read(next, &m.next);
	m.again = cbor_bool(cbor_key(root, 10, "again"), "again");
	m.report_end = flag_read(root, 11, "report_end");
	m.lease = (int64_t)number_read(root, 12, LEASE_MAX, "lease");
	m.on_lease_end = (enum end_action)number_read(root, 13, END_ACTIONS - 1, "on_lease_end");
	m.on_refusal = (enum end_action)number_read(root, 14, END_ACTIONS - 1, "on_refusal");
	m.thaw = flag_read(root, 15, "thaw");
	refusal_check(root, &m);
	if (!cbor_close(&doc, err))
		return false;
	*ret = m;
	return true;
}
