/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/pcr_file.h"

#include "base/reader.h"

#define SELECTION_SLOTS 16
#define DIGEST_SLOTS    8
#define DIGEST_SIZE     64
#define LISTS_MAX       32

/* The values of the selection in order, from wherever `next` takes them. */
typedef bool (*next_value)(void *context, size_t len, uint8_t *out);

static bool banks_fill(const struct tpml_pcr_selection *selection, struct pcr_bank *banks,
	size_t max, next_value next, void *context, struct err *err)
{
	if (selection->count > max)
		return err_set(err, ERR_LIMIT, "PCR values: %u banks", selection->count);
	for (size_t b = 0; b < selection->count; b++) {
		banks[b] = (struct pcr_bank){.alg = (enum digest_alg)selection->banks[b].hash};
		size_t len = digest_alg_len(banks[b].alg);
		if (len == 0)
			return err_set(err, ERR_UNSUPPORTED, "PCR values: bank 0x%04x is not known",
				selection->banks[b].hash);
		for (uint32_t pcr = 0; pcr < TPM_PCRS; pcr++) {
			if (!(selection->banks[b].pcrs >> pcr & 1))
				continue;
			if (!next(context, len, banks[b].values[pcr]))
				return err_set(err, ERR_FORMAT,
					"PCR values: no value of %zu bytes for PCR %u", len, pcr);
			banks[b].present |= 1u << pcr;
		}
	}
	return true;
}

static bool next_raw(void *context, size_t len, uint8_t *out)
{
	struct reader *r = context;
	struct bytes value = rd_bytes(r, len, "value");
	if (rd_failed(r))
		return false;
	memcpy(out, value.data, len);
	return true;
}

struct serialized {
	size_t at, count;
	struct bytes digests[LISTS_MAX * DIGEST_SLOTS];
};

static bool next_serialized(void *context, size_t len, uint8_t *out)
{
	struct serialized *s = context;
	if (s->at >= s->count || s->digests[s->at].len != len)
		return false;
	memcpy(out, s->digests[s->at++].data, len);
	return true;
}

static struct tpml_pcr_selection selection_read(struct reader *r)
{
	struct tpml_pcr_selection selection = {.count = rd_le32(r, "selection count")};
	if (selection.count > TPM_BANKS_MAX)
		rd_fail(r, "selection count", "too many banks");
	for (size_t i = 0; i < SELECTION_SLOTS; i++) {
		uint16_t hash = rd_le16(r, "selection hash");
		uint8_t size = rd_u8(r, "selection size");
		uint32_t map = rd_le32(r, "selection map");
		(void)rd_u8(r, "padding");
		if (i >= selection.count || rd_failed(r))
			continue;
		if (size != 3)
			rd_fail(r, "selection size", "not 3 bytes");
		selection.banks[i].hash = hash;
		selection.banks[i].pcrs = map & 0xffffffu;
	}
	return selection;
}

static void lists_read(struct reader *r, struct serialized *ret)
{
	uint32_t lists = rd_le32(r, "digest lists");
	if (lists > LISTS_MAX)
		rd_fail(r, "digest lists", "too many");
	for (uint32_t l = 0; l < lists && !rd_failed(r); l++) {
		uint32_t count = rd_le32(r, "digest count");
		if (count > DIGEST_SLOTS)
			rd_fail(r, "digest count", "more than 8");
		for (size_t i = 0; i < DIGEST_SLOTS; i++) {
			uint16_t size = rd_le16(r, "digest size");
			struct bytes digest = rd_bytes(r, DIGEST_SIZE, "digest");
			if (i >= count || rd_failed(r))
				continue;
			if (size > DIGEST_SIZE)
				rd_fail(r, "digest size", "more than 64");
			ret->digests[ret->count++] = bytes_of(digest.data, size);
		}
	}
}

static size_t values_size(const struct tpml_pcr_selection *selection)
{
	size_t size = 0;
	for (size_t b = 0; b < selection->count; b++)
		size += digest_alg_len((enum digest_alg)selection->banks[b].hash) *
			(size_t)__builtin_popcount(selection->banks[b].pcrs & 0xffffffu);
	return size;
}

bool pcr_file_parse(struct bytes in, const struct tpml_pcr_selection *selection,
	struct pcr_bank *ret_banks, size_t max, struct err *err)
{
	struct reader r = rd_of(in);
	if (in.len == values_size(selection))
		return banks_fill(selection, ret_banks, max, next_raw, &r, err) &&
		       rd_finish(&r, err);
	struct serialized serialized = {0};
	struct tpml_pcr_selection stated = selection_read(&r);
	lists_read(&r, &serialized);
	if (!rd_finish(&r, err))
		return err_wrap(err, "PCR values");
	if (!tpml_pcr_selection_equal(&stated, selection))
		return err_set(err, ERR_FORMAT,
			"PCR values: they are of another selection than the quote");
	if (!banks_fill(selection, ret_banks, max, next_serialized, &serialized, err))
		return false;
	return serialized.at == serialized.count
		       ? true
		       : err_set(err, ERR_FORMAT,
				 "PCR values: more values than the selection names");
}
