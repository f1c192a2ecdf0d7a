/* SPDX-License-Identifier: Apache-2.0 */
/* Records of the runtime log: written, found in the sequence, checked, replayed. */
#include "evidence/runtime_log.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/reader.h"
#include "evidence/message.h"
#include "evidence/names.h"
#include "evidence/runtime_content.h"

enum { KEY_RECNUM = 0, KEY_PCR = 1, KEY_DIGESTS = 3, KEY_CONTENT_TYPE = 9, KEY_CONTENT = 10 };

#define DIGESTS_MAX ARRAY_LEN(((struct runtime_record *)0)->digests)

/* ---- one record ---- */

static void digests_read(struct cbor_item list, struct runtime_record *ret)
{
	static const int64_t keys[] = {0, 1};
	size_t count = cbor_array(list, DIGESTS_MAX, "digests");

	if (count == 0)
		cbor_fail(list, "digests", "none");
	for (size_t i = 0; i < count; i++) {
		struct cbor_item item = cbor_at(list, i, "digests");
		enum digest_alg alg = (enum digest_alg)cbor_uint(
			cbor_key(item, 0, "hashAlg"), UINT16_MAX, "hashAlg");

		cbor_only_keys(item, keys, ARRAY_LEN(keys), "digests");
		if (digest_alg_len(alg) == 0)
			cbor_fail(item, "hashAlg", "unknown");
		for (size_t j = 0; j < i; j++)
			if (ret->digests[j].alg == alg)
				cbor_fail(item, "hashAlg", "stands twice");
		ret->digests[i].alg = alg;
		ret->digests[i].digest = cbor_bytes(cbor_key(item, 1, "digest"),
			digest_alg_len(alg), digest_alg_len(alg), "digest");
	}
	ret->digest_count = count;
}

/* Every digest must be that of the content: an entry that says one thing and extends another is
 * refused. */
static bool digests_check(const struct runtime_record *record, struct err *err)
{
	for (size_t i = 0; i < record->digest_count; i++) {
		struct digest digest;

		if (!digest_of(record->digests[i].alg, record->content, &digest, err))
			return false;
		if (!bytes_equal(digest_bytes(&digest), record->digests[i].digest))
			return err_set(err, ERR_MISMATCH, "%s digest is not that of the content",
				digest_alg_name(record->digests[i].alg));
	}
	return true;
}

static bool record_read(struct bytes raw, struct runtime_record *ret, struct runtime_launch *launch,
	struct err *err)
{
	static const int64_t keys[] = {
		KEY_RECNUM, KEY_PCR, KEY_DIGESTS, KEY_CONTENT_TYPE, KEY_CONTENT};
	struct cbor_doc doc;
	struct cbor_item root, type;

	*ret = (struct runtime_record){.raw = raw};
	if (!cbor_open(raw, true, "record", &doc, &root, err))
		return false;
	cbor_only_keys(root, keys, ARRAY_LEN(keys), "record");
	ret->recnum = cbor_uint(cbor_key(root, KEY_RECNUM, "recnum"), INT64_MAX, "recnum");
	ret->pcr = (uint32_t)cbor_uint(cbor_key(root, KEY_PCR, "pcr"), TPM_PCRS - 1, "pcr");
	digests_read(cbor_key(root, KEY_DIGESTS, "digests"), ret);
	type = cbor_key(root, KEY_CONTENT_TYPE, "content_type");
	if (cbor_uint(type, UINT32_MAX, "content_type") != CEL_CONTENT_ASSAY)
		cbor_fail(type, "content_type", "not a record of this log");
	ret->content = cbor_bytes(
		cbor_key(root, KEY_CONTENT, "content"), 1, RUNTIME_RECORD_MAX, "content");
	return cbor_close(&doc, err) && digests_check(ret, err) &&
	       runtime_content_read(ret->content, ret, launch, err);
}

static bool record_acceptable(struct bytes encoded, struct err *err)
{
	OWNED(free_ptr) struct runtime_launch *launch = calloc(1, sizeof(*launch));
	struct runtime_record record;

	if (!launch)
		return err_set(err, ERR_NOMEM, "runtime log");
	if (encoded.len > RUNTIME_RECORD_MAX)
		return err_set(err, ERR_LIMIT, "record: %zu bytes, more than %u", encoded.len,
			RUNTIME_RECORD_MAX);
	return record_read(encoded, &record, launch, err);
}

bool runtime_record_put(struct buf *out, uint64_t recnum, uint32_t pcr,
	const enum digest_alg *banks, size_t bank_count, struct bytes content,
	struct digest *ret_digests, struct err *err)
{
	struct message m = message_begin(out);
	struct digest digests[DIGESTS_MAX];

	if (!message_count_ok(bank_count, DIGESTS_MAX, "record: banks", err))
		return false;
	for (size_t i = 0; i < bank_count; i++)
		if (!digest_of(banks[i], content, &digests[i], err))
			return err_wrap(err, "record");
	cbor_put_map(&m.w, 5);
	cbor_pair_uint(&m.w, KEY_RECNUM, recnum);
	cbor_pair_uint(&m.w, KEY_PCR, pcr);
	cbor_put_int(&m.w, KEY_DIGESTS);
	cbor_put_array(&m.w, bank_count);
	for (size_t i = 0; i < bank_count; i++) {
		cbor_put_map(&m.w, 2);
		cbor_pair_uint(&m.w, 0, banks[i]);
		cbor_pair_bytes(&m.w, 1, digest_bytes(&digests[i]));
	}
	cbor_pair_uint(&m.w, KEY_CONTENT_TYPE, CEL_CONTENT_ASSAY);
	cbor_pair_bytes(&m.w, KEY_CONTENT, content);
	if (!message_finish(&m, record_acceptable, err))
		return false;
	memcpy(ret_digests, digests, bank_count * sizeof(digests[0]));
	return true;
}

/* ---- the sequence ---- */

/* One head: what follows it, as a number of bytes and a number of items. */
static void head_skip(struct reader *r, uint64_t *ret_bytes, uint64_t *ret_items)
{
	uint8_t initial = rd_u8(r, "head");
	uint64_t value = initial & 0x1f;

	if (value == 24)
		value = rd_u8(r, "head");
	else if (value == 25)
		value = rd_be16(r, "head");
	else if (value == 26)
		value = rd_be32(r, "head");
	else if (value == 27)
		value = rd_be64(r, "head");
	else if (value > 27)
		rd_fail(r, "head", "indefinite length");
	*ret_bytes = *ret_items = 0;
	switch (initial >> 5) {
	case 2:
	case 3:
		*ret_bytes = value;
		break;
	case 4:
	case 5:
		*ret_items = value > RUNTIME_RECORD_MAX ? RUNTIME_RECORD_MAX
							: value << (initial >> 5 == 5);
		break;
	case 6:
		*ret_items = 1;
		break;
	default:
		break;
	}
}

/* The first item of a sequence, by its heads alone; what is in it is checked once it is cut out.
 * Each step takes at least one byte of a record of bounded size, so this ends. */
static bool record_cut(struct bytes log, struct bytes *ret, struct err *err)
{
	struct reader r = rd_of(
		bytes_of(log.data, log.len < RUNTIME_RECORD_MAX ? log.len : RUNTIME_RECORD_MAX));

	for (uint64_t left = 1; left > 0 && !rd_failed(&r); left--) {
		uint64_t skip, items;

		head_skip(&r, &skip, &items);
		if (skip > rd_left(&r))
			rd_fail(&r, "record", "truncated");
		else
			rd_bytes(&r, (size_t)skip, "record");
		left += items;
	}
	if (rd_failed(&r))
		return err_set(err, ERR_FORMAT, "%s at offset %zu", r.why, r.failed_at);
	*ret = bytes_of(log.data, r.at);
	return true;
}

static bool record_next(struct bytes log, struct runtime_record *ret, struct runtime_launch *launch,
	struct err *err)
{
	struct bytes raw;

	return record_cut(log, &raw, err) && record_read(raw, ret, launch, err);
}

static bool position_check(
	const struct runtime_record *record, uint64_t recnum, uint32_t pcr, struct err *err)
{
	if (record->recnum != recnum)
		return err_set(err, ERR_MISMATCH, "recnum is %" PRIu64, record->recnum);
	if (record->pcr != pcr)
		return err_set(err, ERR_MISMATCH, "pcr is %u, not %u", record->pcr, pcr);
	return true;
}

bool runtime_log_walk(struct bytes log, uint64_t first_recnum, uint32_t pcr, runtime_visit visit,
	void *context, struct err *err)
{
	OWNED(free_ptr) struct runtime_launch *launch = NULL;
	uint64_t recnum = first_recnum;

	if (log.len > RUNTIME_LOG_MAX)
		return err_set(err, ERR_LIMIT, "runtime log: %zu bytes, more than %u", log.len,
			RUNTIME_LOG_MAX);
	if (log.len == 0)
		return true;
	launch = calloc(1, sizeof(*launch));
	if (!launch)
		return err_set(err, ERR_NOMEM, "runtime log");
	for (; log.len > 0; recnum++) {
		struct runtime_record record;

		if (!record_next(log, &record, launch, err) ||
			!position_check(&record, recnum, pcr, err))
			return err_wrap(err, "runtime log: record %" PRIu64, recnum);
		if (visit && !visit(context, &record, err))
			return false;
		log = bytes_of(log.data + record.raw.len, log.len - record.raw.len);
	}
	return true;
}

struct replay {
	enum digest_alg bank;
	uint8_t value[DIGEST_LEN_MAX];
	uint64_t next;
};

static bool replay_record(void *context, const struct runtime_record *record, struct err *err)
{
	struct replay *replay = context;

	replay->next = record->recnum + 1;
	for (size_t i = 0; i < record->digest_count; i++)
		if (record->digests[i].alg == replay->bank)
			return pcr_extend(
				replay->bank, replay->value, record->digests[i].digest.data, err);
	return err_set(err, ERR_MISMATCH, "runtime log: record %" PRIu64 " has no %s digest",
		record->recnum, digest_alg_name(replay->bank));
}

bool runtime_log_replay(struct bytes log, uint64_t first_recnum, uint32_t pcr, enum digest_alg bank,
	uint8_t *value, uint64_t *ret_next_recnum, struct err *err)
{
	struct replay replay = {.bank = bank, .next = first_recnum};

	memcpy(replay.value, value, digest_alg_len(bank));
	if (!runtime_log_walk(log, first_recnum, pcr, replay_record, &replay, err))
		return false;
	memcpy(value, replay.value, digest_alg_len(bank));
	*ret_next_recnum = replay.next;
	return true;
}

size_t runtime_log_whole(struct bytes log)
{
	struct runtime_launch
		launch; /* not from the heap: a log must not be cut for want of memory */
	struct runtime_record record;
	struct err err;
	size_t whole = 0;

	while (whole < log.len &&
		record_next(bytes_of(log.data + whole, log.len - whole), &record, &launch, &err))
		whole += record.raw.len;
	return whole;
}

bool runtime_salted(
	const uint8_t salt[16], struct bytes value, uint8_t out[SHA256_LEN], struct err *err)
{
	struct bytes parts[] = {bytes_of(salt, 16), value};
	struct digest digest;

	if (!digest_of_parts(DIGEST_SHA256, parts, ARRAY_LEN(parts), &digest, err))
		return false;
	memcpy(out, digest.bytes, SHA256_LEN);
	return true;
}
