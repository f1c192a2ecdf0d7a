/* SPDX-License-Identifier: Apache-2.0 */
/* struct policy_state as deterministic CBOR; docs/formats/record.md lists the keys. */
#include "base/cbor.h"
#include "policy/policy.h"

enum {
	KEY_ESTABLISHED = 1,
	KEY_RESET_COUNT = 2,
	KEY_RESTART_COUNT = 3,
	KEY_BOOT_ID = 4,
	KEY_RUNTIME_NEXT = 5,
	KEY_BANK = 6,
	KEY_PCR = 7,
	KEY_PCRS_OTHER = 8,
	KEY_POLICY = 9,
	KEY_RELEASE = 10,
	KEY_LAUNCH = 11,
	KEY_KEY = 12,
	KEY_RECORD = 13,
	KEY_ASSURANCE = 14,
	KEY_UNPINNED = 15,
	KEY_ENDED = 16,
	KEY_HOST_CLASS = 17,
	KEY_BOOT_UNTIL = 18,
	KEY_IMA = 19,
};
static const int64_t KEYS[] = {KEY_ESTABLISHED, KEY_RESET_COUNT, KEY_RESTART_COUNT, KEY_BOOT_ID,
	KEY_RUNTIME_NEXT, KEY_BANK, KEY_PCR, KEY_PCRS_OTHER, KEY_POLICY, KEY_RELEASE, KEY_LAUNCH,
	KEY_KEY, KEY_RECORD, KEY_ASSURANCE, KEY_UNPINNED, KEY_ENDED, KEY_HOST_CLASS, KEY_BOOT_UNTIL,
	KEY_IMA};

/* As its own fixed form; an empty string when IMA was not judged. */
static bool put_ima(struct cbor_writer *w, const struct ima_state *ima, struct err *err)
{
	OWNED(buf_release) struct buf encoded = {0};

	if (ima->bank != DIGEST_NONE && !ima_state_encode(ima, &encoded, err))
		return false;
	cbor_pair_bytes(w, KEY_IMA, buf_bytes(&encoded));
	return true;
}

bool policy_state_encode(const struct policy_state *s, struct buf *out, struct err *err)
{
	struct cbor_writer w = cbor_writer_of(out);

	cbor_put_map(&w, ARRAY_LEN(KEYS));
	cbor_pair_bool(&w, KEY_ESTABLISHED, s->established);
	cbor_pair_uint(&w, KEY_RESET_COUNT, s->reset_count);
	cbor_pair_uint(&w, KEY_RESTART_COUNT, s->restart_count);
	cbor_pair_bytes(&w, KEY_BOOT_ID, BYTES_OF(s->boot_id));
	cbor_pair_uint(&w, KEY_RUNTIME_NEXT, s->runtime_next);
	cbor_pair_uint(&w, KEY_BANK, s->bank);
	cbor_pair_bytes(&w, KEY_PCR, bytes_of(s->pcr, digest_alg_len(s->bank)));
	cbor_pair_bytes(&w, KEY_PCRS_OTHER, BYTES_OF(s->pcrs_other));
	cbor_pair_bytes(&w, KEY_POLICY, BYTES_OF(s->policy));
	cbor_pair_bytes(&w, KEY_RELEASE, BYTES_OF(s->release));
	cbor_pair_bytes(&w, KEY_LAUNCH, BYTES_OF(s->launch));
	cbor_pair_bytes(&w, KEY_KEY, BYTES_OF(s->key));
	cbor_pair_bytes(&w, KEY_RECORD, BYTES_OF(s->record));
	cbor_pair_uint(&w, KEY_ASSURANCE, s->assurance);
	cbor_pair_bool(&w, KEY_UNPINNED, s->unpinned);
	cbor_pair_bool(&w, KEY_ENDED, s->ended);
	cbor_pair_uint(&w, KEY_HOST_CLASS, s->host_class);
	cbor_pair_uint(&w, KEY_BOOT_UNTIL, (uint64_t)s->boot_until);
	if (!put_ima(&w, &s->ima, err) || !cbor_writer_finish(&w, err))
		return err_wrap(err, "state");
	return true;
}

static void read_digest(
	struct cbor_item root, int64_t key, const char *field, uint8_t out[SHA256_LEN])
{
	cbor_copy(cbor_key(root, key, field), out, SHA256_LEN, field);
}

static void read_pcr(struct cbor_item root, struct policy_state *s)
{
	struct cbor_item bank = cbor_key(root, KEY_BANK, "bank");
	struct cbor_item pcr = cbor_key(root, KEY_PCR, "pcr");

	s->bank = (enum digest_alg)cbor_uint(bank, UINT16_MAX, "bank");
	if (s->bank != DIGEST_SHA256 && s->bank != DIGEST_SHA384 && s->bank != DIGEST_NONE)
		cbor_fail(bank, "bank", "neither SHA-256 nor SHA-384");
	cbor_copy(pcr, s->pcr, digest_alg_len(s->bank), "pcr");
	if (s->established && s->bank == DIGEST_NONE)
		cbor_fail(bank, "bank", "missing in an established state");
}

bool policy_state_decode(struct bytes in, struct policy_state *ret, struct err *err)
{
	struct policy_state s = {0};
	struct bytes ima;
	struct cbor_doc doc;
	struct cbor_item root;

	if (!cbor_open(in, true, "state", &doc, &root, err))
		return false;
	cbor_only_keys(root, KEYS, ARRAY_LEN(KEYS), "state");
	s.established = cbor_bool(cbor_key(root, KEY_ESTABLISHED, "established"), "established");
	s.reset_count = (uint32_t)cbor_uint(
		cbor_key(root, KEY_RESET_COUNT, "reset_count"), UINT32_MAX, "reset_count");
	s.restart_count = (uint32_t)cbor_uint(
		cbor_key(root, KEY_RESTART_COUNT, "restart_count"), UINT32_MAX, "restart_count");
	cbor_copy(cbor_key(root, KEY_BOOT_ID, "boot_id"), s.boot_id, sizeof(s.boot_id), "boot_id");
	s.runtime_next = cbor_uint(
		cbor_key(root, KEY_RUNTIME_NEXT, "runtime_next"), INT64_MAX, "runtime_next");
	read_pcr(root, &s);
	read_digest(root, KEY_PCRS_OTHER, "pcrs_other", s.pcrs_other);
	read_digest(root, KEY_POLICY, "policy", s.policy);
	read_digest(root, KEY_RELEASE, "release", s.release);
	read_digest(root, KEY_LAUNCH, "launch", s.launch);
	read_digest(root, KEY_KEY, "key", s.key);
	read_digest(root, KEY_RECORD, "record", s.record);
	s.assurance = (enum assurance)cbor_uint(
		cbor_key(root, KEY_ASSURANCE, "assurance"), ASSURANCE_MEASURED, "assurance");
	s.unpinned = cbor_bool(cbor_key(root, KEY_UNPINNED, "unpinned"), "unpinned");
	s.ended = cbor_bool(cbor_key(root, KEY_ENDED, "ended"), "ended");
	s.host_class = (size_t)cbor_uint(
		cbor_key(root, KEY_HOST_CLASS, "host_class"), HOST_CLASSES_MAX, "host_class");
	s.boot_until = (int64_t)cbor_uint(cbor_key(root, KEY_BOOT_UNTIL, "boot_until"),
		(uint64_t)POLICY_TIME_MAX, "boot_until");
	ima = cbor_bytes(cbor_key(root, KEY_IMA, "ima"), 0, IMA_STATE_LEN, "ima");
	if (!cbor_close(&doc, err))
		return false;
	if (ima.len > 0 && !ima_state_decode(ima, &s.ima, err))
		return err_wrap(err, "state: ima");
	*ret = s;
	return true;
}
