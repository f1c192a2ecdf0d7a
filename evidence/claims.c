/* SPDX-License-Identifier: Apache-2.0 */
#include "evidence/evidence.h"

#include "base/text.h"
#include "evidence/message.h"

#define AUDIENCE_MAX 255

enum {
	KEY_VERIFIER = CLAIM_BASE,
	KEY_PURPOSE = CLAIM_BASE - 1,
	KEY_HOST = CLAIM_BASE - 2,
	KEY_INSTANCE = CLAIM_BASE - 3,
	KEY_WORKLOAD = CLAIM_BASE - 4,
	KEY_RELEASE = CLAIM_BASE - 5,
	KEY_KEY = CLAIM_BASE - 6,
	KEY_PROTECTION = CLAIM_BASE - 7,
	KEY_RUNTIME_FIRST = CLAIM_BASE - 8,
	KEY_RUNTIME_NEXT = CLAIM_BASE - 9,
	KEY_RUNTIME_DIGEST = CLAIM_BASE - 10,
	KEY_RUNTIME_LENGTH = CLAIM_BASE - 11,
	KEY_FIRMWARE_DIGEST = CLAIM_BASE - 12,
	KEY_FIRMWARE_LENGTH = CLAIM_BASE - 13,
	KEY_IMA_START = CLAIM_BASE - 14,
	KEY_BOOT_ID = CLAIM_BASE - 15,
	KEY_EXPORTER = CLAIM_BASE - 16,
	KEY_WANT_X509 = CLAIM_BASE - 17,
	KEY_AUDIENCES = CLAIM_BASE - 18,
	KEY_RUNNING = CLAIM_BASE - 19,
};
static const int64_t KEYS[] = {CLAIM_NONCE, CLAIM_PROFILE, KEY_VERIFIER, KEY_PURPOSE, KEY_HOST,
	KEY_INSTANCE, KEY_WORKLOAD, KEY_RELEASE, KEY_KEY, KEY_PROTECTION, KEY_RUNTIME_FIRST,
	KEY_RUNTIME_NEXT, KEY_RUNTIME_DIGEST, KEY_RUNTIME_LENGTH, KEY_FIRMWARE_DIGEST,
	KEY_FIRMWARE_LENGTH, KEY_IMA_START, KEY_BOOT_ID, KEY_EXPORTER, KEY_WANT_X509, KEY_AUDIENCES,
	KEY_RUNNING};

static const char *const PURPOSES[] = {
	[PURPOSE_NONE] = "none",
	[PURPOSE_ENROLL] = "enroll",
	[PURPOSE_LAUNCH] = "launch",
	[PURPOSE_RENEW] = "renew",
};
static const char *const PROTECTIONS[] = {
	[KEY_PROTECTION_NONE] = "none",
	[KEY_SOFTWARE] = "software",
	[KEY_TPM] = "tpm",
};

static const char *const END_ACTION_NAMES[END_ACTIONS] = {
	[END_CONTINUE] = "continue",
	[END_FREEZE] = "freeze",
	[END_STOP] = "stop",
};

const char *end_action_name(enum end_action action)
{
	return (size_t)action < ARRAY_LEN(END_ACTION_NAMES) ? END_ACTION_NAMES[action] : "unknown";
}

const char *purpose_name(enum purpose purpose)
{
	return (size_t)purpose < ARRAY_LEN(PURPOSES) ? PURPOSES[purpose] : "unknown";
}

const char *key_protection_name(enum key_protection protection)
{
	return (size_t)protection < ARRAY_LEN(PROTECTIONS) ? PROTECTIONS[protection] : "unknown";
}

static bool claims_acceptable(struct bytes encoded, struct err *err)
{
	struct claims claims;

	return claims_decode(encoded, &claims, err);
}

bool claims_encode(const struct claims *c, struct buf *out, struct err *err)
{
	struct message m = message_begin(out);

	if (!message_count_ok(c->audience_count, AUDIENCES_MAX, "claims: audiences", err))
		return false;
	cbor_put_map(&m.w, ARRAY_LEN(KEYS));
	cbor_pair_bytes(&m.w, CLAIM_NONCE, BYTES_OF(c->nonce));
	cbor_pair_text(&m.w, CLAIM_PROFILE, BYTES_LIT(EAT_PROFILE));
	cbor_pair_text(&m.w, KEY_VERIFIER, c->verifier_id);
	cbor_pair_uint(&m.w, KEY_PURPOSE, c->purpose);
	cbor_pair_bytes(&m.w, KEY_HOST, BYTES_OF(c->host_id));
	cbor_pair_bytes(&m.w, KEY_INSTANCE, BYTES_OF(c->instance));
	cbor_pair_text(&m.w, KEY_WORKLOAD, c->workload);
	cbor_pair_bytes(&m.w, KEY_RELEASE, BYTES_OF(c->release));
	cbor_pair_bytes(&m.w, KEY_KEY, c->key);
	cbor_pair_uint(&m.w, KEY_PROTECTION, c->key_protection);
	cbor_pair_uint(&m.w, KEY_RUNTIME_FIRST, c->runtime_first);
	cbor_pair_uint(&m.w, KEY_RUNTIME_NEXT, c->runtime_next);
	cbor_pair_bytes(&m.w, KEY_RUNTIME_DIGEST, BYTES_OF(c->runtime_digest));
	cbor_pair_uint(&m.w, KEY_RUNTIME_LENGTH, c->runtime_length);
	cbor_pair_bytes(&m.w, KEY_FIRMWARE_DIGEST, BYTES_OF(c->firmware_digest));
	cbor_pair_uint(&m.w, KEY_FIRMWARE_LENGTH, c->firmware_length);
	cbor_pair_uint(&m.w, KEY_IMA_START, c->ima_start);
	cbor_pair_bytes(&m.w, KEY_BOOT_ID, BYTES_OF(c->boot_id));
	cbor_pair_bytes(&m.w, KEY_EXPORTER, BYTES_OF(c->exporter));
	cbor_pair_bool(&m.w, KEY_WANT_X509, c->want_x509);
	cbor_put_int(&m.w, KEY_AUDIENCES);
	message_put_text_array(&m.w, c->audiences, c->audience_count);
	cbor_pair_bool(&m.w, KEY_RUNNING, c->running);
	return message_finish(&m, claims_acceptable, err);
}

/* Who asks whom for what. */
static void identity_read(struct cbor_item root, struct claims *c)
{
	struct cbor_item profile = cbor_key(root, CLAIM_PROFILE, "eat_profile");

	cbor_copy(
		cbor_key(root, CLAIM_NONCE, "eat_nonce"), c->nonce, sizeof(c->nonce), "eat_nonce");
	if (!bytes_equal_str(
		    cbor_text(profile, 1, sizeof(EAT_PROFILE), "eat_profile"), EAT_PROFILE))
		cbor_fail(profile, "eat_profile", "another profile");
	c->verifier_id = cbor_text(
		cbor_key(root, KEY_VERIFIER, "verifier_id"), 1, VERIFIER_ID_MAX, "verifier_id");
	c->purpose = message_enum(cbor_key(root, KEY_PURPOSE, "purpose"), PURPOSE_RENEW, "purpose");
	cbor_copy(cbor_key(root, KEY_HOST, "host_id"), c->host_id, sizeof(c->host_id), "host_id");
	cbor_copy(cbor_key(root, KEY_INSTANCE, "instance"), c->instance, sizeof(c->instance),
		"instance");
	c->workload = cbor_text(
		cbor_key(root, KEY_WORKLOAD, "workload"), 0, COMPONENT_NAME_MAX, "workload");
	cbor_copy(
		cbor_key(root, KEY_RELEASE, "release"), c->release, sizeof(c->release), "release");
	c->key = cbor_bytes(cbor_key(root, KEY_KEY, "key"), 1, SPKI_MAX, "key");
	c->key_protection = message_enum(
		cbor_key(root, KEY_PROTECTION, "key_protection"), KEY_TPM, "key_protection");
}

static void logs_read(struct cbor_item root, struct claims *c)
{
	c->runtime_first = cbor_uint(
		cbor_key(root, KEY_RUNTIME_FIRST, "runtime_first"), INT64_MAX, "runtime_first");
	c->runtime_next = cbor_uint(
		cbor_key(root, KEY_RUNTIME_NEXT, "runtime_next"), INT64_MAX, "runtime_next");
	cbor_copy(cbor_key(root, KEY_RUNTIME_DIGEST, "runtime_digest"), c->runtime_digest,
		sizeof(c->runtime_digest), "runtime_digest");
	c->runtime_length = cbor_uint(cbor_key(root, KEY_RUNTIME_LENGTH, "runtime_length"),
		RUNTIME_LOG_MAX, "runtime_length");
	cbor_copy(cbor_key(root, KEY_FIRMWARE_DIGEST, "firmware_digest"), c->firmware_digest,
		sizeof(c->firmware_digest), "firmware_digest");
	c->firmware_length = cbor_uint(cbor_key(root, KEY_FIRMWARE_LENGTH, "firmware_length"),
		EVIDENCE_MAX, "firmware_length");
	c->ima_start =
		cbor_uint(cbor_key(root, KEY_IMA_START, "ima_start"), INT64_MAX, "ima_start");
	cbor_copy(
		cbor_key(root, KEY_BOOT_ID, "boot_id"), c->boot_id, sizeof(c->boot_id), "boot_id");
}

static void wishes_read(struct cbor_item root, struct claims *c)
{
	cbor_copy(cbor_key(root, KEY_EXPORTER, "exporter"), c->exporter, sizeof(c->exporter),
		"exporter");
	c->want_x509 = cbor_bool(cbor_key(root, KEY_WANT_X509, "want_x509"), "want_x509");
	c->audience_count = message_text_array(cbor_key(root, KEY_AUDIENCES, "audiences"),
		AUDIENCES_MAX, AUDIENCE_MAX, c->audiences, "audiences");
	c->running = cbor_bool(cbor_key(root, KEY_RUNNING, "running"), "running");
}

/* Fields that must fit each other. An enrolment speaks of no workload, everything else speaks of
 * exactly one. */
static void consistency_check(struct cbor_item root, const struct claims *c)
{
	bool enroll = c->purpose == PURPOSE_ENROLL;
	bool no_instance = bytes_all_zero(BYTES_OF(c->instance));

	if (enroll != no_instance)
		cbor_fail(root, "instance", enroll ? "set in an enrolment" : "zero");
	if (enroll ? c->workload.len != 0 : !text_is_name(c->workload))
		cbor_fail(root, "workload", enroll ? "set in an enrolment" : "not a name");
	if (enroll && !bytes_all_zero(BYTES_OF(c->release)))
		cbor_fail(root, "release", "set in an enrolment");
	if (c->runtime_next < c->runtime_first)
		cbor_fail(root, "runtime_next", "before runtime_first");
	if (c->firmware_length == 0 && !bytes_all_zero(BYTES_OF(c->firmware_digest)))
		cbor_fail(root, "firmware_digest", "set without a log");
}

bool claims_decode(struct bytes in, struct claims *ret, struct err *err)
{
	struct claims claims = {0};
	struct cbor_doc doc;
	struct cbor_item root;

	if (in.len > CLAIMS_MAX)
		return err_set(
			err, ERR_LIMIT, "claims: %zu bytes, more than %u", in.len, CLAIMS_MAX);
	if (!cbor_open(in, true, "claims", &doc, &root, err))
		return false;
	cbor_only_keys(root, KEYS, ARRAY_LEN(KEYS), "claims");
	identity_read(root, &claims);
	logs_read(root, &claims);
	wishes_read(root, &claims);
	consistency_check(root, &claims);
	if (!cbor_close(&doc, err))
		return false;
	*ret = claims;
	return true;
}
