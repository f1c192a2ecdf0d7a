/* SPDX-License-Identifier: Apache-2.0 */
/* The four messages of an enrolment. */
#include "evidence/evidence.h"

#include "crypto/x509.h"
#include "evidence/message.h"

#define ACTIVATION_SECRET_MAX 64

static const char *const HOST_STATES[] = {
	[HOST_NONE] = "none",
	[HOST_PENDING] = "pending",
	[HOST_ACTIVE] = "active",
	[HOST_QUARANTINED] = "quarantined",
	[HOST_RETIRED] = "retired",
};

const char *host_state_name(enum host_state state)
{
	return (size_t)state < ARRAY_LEN(HOST_STATES) ? HOST_STATES[state] : "unknown";
}

enum host_state host_state_of_name(struct bytes name)
{
	for (size_t i = HOST_PENDING; i < ARRAY_LEN(HOST_STATES); i++)
		if (bytes_equal_str(name, HOST_STATES[i]))
			return (enum host_state)i;
	return HOST_NONE;
}

/* ---- begin ---- */

static bool enroll_begin_acceptable(struct bytes encoded, struct err *err)
{
	struct enroll_begin m;

	return enroll_begin_decode(encoded, &m, err);
}

bool enroll_begin_encode(const struct enroll_begin *m, struct buf *out, struct err *err)
{
	struct message message = message_begin(out);
	struct cbor_writer *w = &message.w;

	if (!message_count_ok(m->ek_cert_count, EK_CERTS_MAX, "enroll-begin: ek_certs", err))
		return false;
	cbor_put_map(w, 5);
	cbor_pair_bytes(w, 1, m->ek_public);
	cbor_put_int(w, 2);
	message_put_bytes_array(w, m->ek_certs, m->ek_cert_count);
	cbor_pair_bytes(w, 3, m->ak_public);
	cbor_pair_bytes(w, 4, m->join_token);
	cbor_pair_text(w, 5, m->name);
	return message_finish(&message, enroll_begin_acceptable, err);
}

bool enroll_begin_decode(struct bytes in, struct enroll_begin *ret, struct err *err)
{
	static const int64_t keys[] = {1, 2, 3, 4, 5};
	struct enroll_begin m = {0};
	struct cbor_doc doc;
	struct cbor_item root;

	if (!cbor_open(in, true, "enroll-begin", &doc, &root, err))
		return false;
	cbor_only_keys(root, keys, ARRAY_LEN(keys), "enroll-begin");
	m.ek_public = cbor_bytes(cbor_key(root, 1, "ek_public"), 1, TPM_PUBLIC_MAX, "ek_public");
	m.ek_cert_count = message_bytes_array(
		cbor_key(root, 2, "ek_certs"), EK_CERTS_MAX, X509_DER_MAX, m.ek_certs, "ek_certs");
	m.ak_public = cbor_bytes(cbor_key(root, 3, "ak_public"), 1, TPM_PUBLIC_MAX, "ak_public");
	m.join_token = cbor_bytes(cbor_key(root, 4, "join_token"), 0, JOIN_TOKEN_MAX, "join_token");
	m.name = message_name(cbor_key(root, 5, "name"), "name");
	if (!cbor_close(&doc, err))
		return false;
	*ret = m;
	return true;
}

/* ---- offer ---- */

static bool enroll_offer_acceptable(struct bytes encoded, struct err *err)
{
	struct enroll_offer m;

	return enroll_offer_decode(encoded, &m, err);
}

bool enroll_offer_encode(const struct enroll_offer *m, struct buf *out, struct err *err)
{
	struct message message = message_begin(out);
	struct cbor_writer *w = &message.w;

	cbor_put_map(w, 5);
	cbor_pair_bytes(w, 1, m->session);
	cbor_pair_bytes(w, 2, m->id_object);
	cbor_pair_bytes(w, 3, m->encrypted_secret);
	cbor_pair_bytes(w, 4, BYTES_OF(m->host_id));
	cbor_pair_text(w, 5, m->verifier_id);
	return message_finish(&message, enroll_offer_acceptable, err);
}

bool enroll_offer_decode(struct bytes in, struct enroll_offer *ret, struct err *err)
{
	static const int64_t keys[] = {1, 2, 3, 4, 5};
	struct enroll_offer m = {0};
	struct cbor_doc doc;
	struct cbor_item root;

	if (!cbor_open(in, true, "enroll-offer", &doc, &root, err))
		return false;
	cbor_only_keys(root, keys, ARRAY_LEN(keys), "enroll-offer");
	m.session = cbor_bytes(cbor_key(root, 1, "session"), 1, CHALLENGE_MAX, "session");
	m.id_object =
		cbor_bytes(cbor_key(root, 2, "id_object"), 1, TPM_CREDENTIAL_MAX, "id_object");
	m.encrypted_secret = cbor_bytes(
		cbor_key(root, 3, "encrypted_secret"), 1, TPM_CREDENTIAL_MAX, "encrypted_secret");
	cbor_copy(cbor_key(root, 4, "host_id"), m.host_id, sizeof(m.host_id), "host_id");
	m.verifier_id =
		cbor_text(cbor_key(root, 5, "verifier_id"), 1, VERIFIER_ID_MAX, "verifier_id");
	if (!cbor_close(&doc, err))
		return false;
	*ret = m;
	return true;
}

/* ---- finish ---- */

static bool enroll_finish_acceptable(struct bytes encoded, struct err *err)
{
	struct enroll_finish m;

	return enroll_finish_decode(encoded, &m, err);
}

bool enroll_finish_encode(const struct enroll_finish *m, struct buf *out, struct err *err)
{
	struct message message = message_begin(out);

	cbor_put_map(&message.w, 3);
	cbor_pair_bytes(&message.w, 1, m->session);
	cbor_pair_bytes(&message.w, 2, m->secret);
	cbor_pair_bytes(&message.w, 3, m->evidence);
	return message_finish(&message, enroll_finish_acceptable, err);
}

bool enroll_finish_decode(struct bytes in, struct enroll_finish *ret, struct err *err)
{
	static const int64_t keys[] = {1, 2, 3};
	struct enroll_finish m = {0};
	struct cbor_doc doc;
	struct cbor_item root;

	if (!cbor_open(in, true, "enroll-finish", &doc, &root, err))
		return false;
	cbor_only_keys(root, keys, ARRAY_LEN(keys), "enroll-finish");
	m.session = cbor_bytes(cbor_key(root, 1, "session"), 1, CHALLENGE_MAX, "session");
	m.secret = cbor_bytes(cbor_key(root, 2, "secret"), 1, ACTIVATION_SECRET_MAX, "secret");
	m.evidence = cbor_bytes(cbor_key(root, 3, "evidence"), 1, EVIDENCE_MAX, "evidence");
	if (!cbor_close(&doc, err))
		return false;
	*ret = m;
	return true;
}

/* ---- result ---- */

static bool enroll_result_acceptable(struct bytes encoded, struct err *err)
{
	struct enroll_result m;

	return enroll_result_decode(encoded, &m, err);
}

bool enroll_result_encode(const struct enroll_result *m, struct buf *out, struct err *err)
{
	struct message message = message_begin(out);
	struct cbor_writer *w = &message.w;

	if (!message_count_ok(m->cert_count, CREDENTIAL_CERTS_MAX, "enroll-result: certs", err))
		return false;
	cbor_put_map(w, 3);
	cbor_pair_bytes(w, 1, BYTES_OF(m->host_id));
	cbor_pair_uint(w, 2, m->state);
	cbor_put_int(w, 3);
	message_put_bytes_array(w, m->certs, m->cert_count);
	return message_finish(&message, enroll_result_acceptable, err);
}

bool enroll_result_decode(struct bytes in, struct enroll_result *ret, struct err *err)
{
	static const int64_t keys[] = {1, 2, 3};
	struct enroll_result m = {0};
	struct cbor_doc doc;
	struct cbor_item root;

	if (!cbor_open(in, true, "enroll-result", &doc, &root, err))
		return false;
	cbor_only_keys(root, keys, ARRAY_LEN(keys), "enroll-result");
	cbor_copy(cbor_key(root, 1, "host_id"), m.host_id, sizeof(m.host_id), "host_id");
	m.state = message_enum(cbor_key(root, 2, "state"), HOST_RETIRED, "state");
	m.cert_count = message_bytes_array(
		cbor_key(root, 3, "certs"), CREDENTIAL_CERTS_MAX, X509_DER_MAX, m.certs, "certs");
	if (!cbor_close(&doc, err))
		return false;
	*ret = m;
	return true;
}
