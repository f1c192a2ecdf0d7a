/* SPDX-License-Identifier: Apache-2.0 */
#include "evidence/evidence.h"

#include "evidence/message.h"

#define POSSESSION_MAX 256
#define QUOTED_PCRS                                                                                \
	0xffffu /* 0-15: firmware, IMA in 10, the system's and ours in 11-15; 16-23 can be reset   \
		 */

enum {
	KEY_CLAIMS = 1,
	KEY_MESSAGE = 2,
	KEY_SIGNATURE = 3,
	KEY_BANK = 4,
	KEY_PCRS = 5,
	KEY_RUNTIME_LOG = 6,
	KEY_FIRMWARE_LOG = 7,
	KEY_IMA_LOG = 8,
	KEY_CERTIFICATION = 9,
	KEY_CHALLENGE = 10,
	KEY_POSSESSION = 11,
	KEY_SYSTEMD_LOG = 12,
};
static const int64_t KEYS[] = {KEY_CLAIMS, KEY_MESSAGE, KEY_SIGNATURE, KEY_BANK, KEY_PCRS,
	KEY_RUNTIME_LOG, KEY_FIRMWARE_LOG, KEY_IMA_LOG, KEY_CERTIFICATION, KEY_CHALLENGE,
	KEY_POSSESSION, KEY_SYSTEMD_LOG};

bool evidence_selection(enum digest_alg bank, struct tpml_pcr_selection *ret, struct err *err)
{
	if (bank != DIGEST_SHA256 && bank != DIGEST_SHA384)
		return err_set(err, ERR_USAGE, "PCR bank %s is not one that is quoted",
			digest_alg_name(bank));
	*ret = (struct tpml_pcr_selection){
		.count = 1, .banks = {{.hash = (uint16_t)bank, .pcrs = QUOTED_PCRS}}};
	return true;
}

static bool evidence_acceptable(struct bytes encoded, struct err *err)
{
	struct evidence evidence;

	return evidence_decode(encoded, &evidence, err);
}

static bool certification_absent(const struct key_certification *c)
{
	return c->public_area.len == 0 && c->message.len == 0 && c->signature.len == 0;
}

bool evidence_encode(const struct evidence *e, struct buf *out, struct err *err)
{
	struct message m = message_begin(out);
	const struct key_certification *c = &e->key_certification;
	bool certified = !certification_absent(c);

	cbor_put_map(&m.w, certified ? ARRAY_LEN(KEYS) : ARRAY_LEN(KEYS) - 1);
	cbor_pair_bytes(&m.w, KEY_CLAIMS, e->claims);
	cbor_pair_bytes(&m.w, KEY_MESSAGE, e->message);
	cbor_pair_bytes(&m.w, KEY_SIGNATURE, e->signature);
	message_put_pcrs(&m.w, KEY_BANK, KEY_PCRS, &e->pcrs);
	cbor_pair_bytes(&m.w, KEY_RUNTIME_LOG, e->runtime_log);
	cbor_pair_bytes(&m.w, KEY_FIRMWARE_LOG, e->firmware_log);
	cbor_pair_bytes(&m.w, KEY_IMA_LOG, e->ima_log);
	if (certified) {
		const struct bytes parts[] = {c->public_area, c->message, c->signature};

		cbor_put_int(&m.w, KEY_CERTIFICATION);
		message_put_bytes_array(&m.w, parts, ARRAY_LEN(parts));
	}
	cbor_pair_bytes(&m.w, KEY_CHALLENGE, e->challenge);
	cbor_pair_bytes(&m.w, KEY_POSSESSION, e->possession);
	cbor_pair_bytes(&m.w, KEY_SYSTEMD_LOG, e->systemd_log);
	return message_finish(&m, evidence_acceptable, err);
}

static void certification_read(struct cbor_item item, struct key_certification *ret)
{
	static const char *const field = "key_certification";

	if (item.kind == CBOR_ABSENT)
		return;
	if (cbor_array(item, 3, field) != 3)
		cbor_fail(item, field, "not three parts");
	ret->public_area = cbor_bytes(cbor_at(item, 0, field), 1, TPM_PUBLIC_MAX, field);
	ret->message = cbor_bytes(cbor_at(item, 1, field), 1, TPM_ATTEST_MAX, field);
	ret->signature = cbor_bytes(cbor_at(item, 2, field), 1, TPM_SIGNATURE_MAX, field);
}

bool evidence_decode(struct bytes in, struct evidence *ret, struct err *err)
{
	struct evidence e = {0};
	struct cbor_doc doc;
	struct cbor_item root;

	if (in.len > EVIDENCE_MAX)
		return err_set(
			err, ERR_LIMIT, "evidence: %zu bytes, more than %u", in.len, EVIDENCE_MAX);
	if (!cbor_open(in, true, "evidence", &doc, &root, err))
		return false;
	cbor_only_keys(root, KEYS, ARRAY_LEN(KEYS), "evidence");
	e.claims = cbor_bytes(cbor_key(root, KEY_CLAIMS, "claims"), 1, CLAIMS_MAX, "claims");
	e.message =
		cbor_bytes(cbor_key(root, KEY_MESSAGE, "message"), 1, TPM_ATTEST_MAX, "message");
	e.signature = cbor_bytes(
		cbor_key(root, KEY_SIGNATURE, "signature"), 1, TPM_SIGNATURE_MAX, "signature");
	message_pcrs(root, KEY_BANK, KEY_PCRS, &e.pcrs);
	e.runtime_log = cbor_bytes(
		cbor_key(root, KEY_RUNTIME_LOG, "runtime_log"), 0, RUNTIME_LOG_MAX, "runtime_log");
	e.firmware_log = cbor_bytes(cbor_key(root, KEY_FIRMWARE_LOG, "firmware_log"), 0,
		FIRMWARE_LOG_MAX, "firmware_log");
	e.ima_log = cbor_bytes(cbor_key(root, KEY_IMA_LOG, "ima_log"), 0, IMA_LOG_MAX, "ima_log");
	certification_read(cbor_key_optional(root, KEY_CERTIFICATION), &e.key_certification);
	e.challenge = cbor_bytes(
		cbor_key(root, KEY_CHALLENGE, "challenge"), 1, CHALLENGE_MAX, "challenge");
	e.possession = cbor_bytes(
		cbor_key(root, KEY_POSSESSION, "possession"), 1, POSSESSION_MAX, "possession");
	e.systemd_log = cbor_bytes(
		cbor_key(root, KEY_SYSTEMD_LOG, "systemd_log"), 0, SYSTEMD_LOG_MAX, "systemd_log");
	if (!cbor_close(&doc, err))
		return false;
	*ret = e;
	return true;
}
