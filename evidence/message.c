/* SPDX-License-Identifier: Apache-2.0 */
#include "evidence/message.h"

#include "base/text.h"

#define NAME_MAX_LEN 64

struct message message_begin(struct buf *out)
{
	return (struct message){.out = out, .start = out->len, .w = cbor_writer_of(out)};
}

bool message_finish(struct message *m, message_check check, struct err *err)
{
	bool ok = cbor_writer_finish(&m->w, err) && buf_ok(m->out, err) &&
		  check(bytes_of(m->out->data + m->start, m->out->len - m->start), err);

	if (!ok && m->out->len > m->start)
		m->out->len = m->start;
	return ok;
}

bool message_count_ok(size_t count, size_t max, const char *field, struct err *err)
{
	return count <= max || err_set(err, ERR_LIMIT, "%s: %zu, more than %zu", field, count, max);
}

void message_put_bytes_array(struct cbor_writer *w, const struct bytes *items, size_t count)
{
	cbor_put_array(w, count);
	for (size_t i = 0; i < count; i++)
		cbor_put_bytes(w, items[i]);
}

void message_put_text_array(struct cbor_writer *w, const struct bytes *items, size_t count)
{
	cbor_put_array(w, count);
	for (size_t i = 0; i < count; i++)
		cbor_put_text(w, items[i]);
}

size_t message_bytes_array(
	struct cbor_item item, size_t max, size_t len_max, struct bytes *ret, const char *field)
{
	size_t count = cbor_array(item, max, field);

	for (size_t i = 0; i < count; i++)
		ret[i] = cbor_bytes(cbor_at(item, i, field), 1, len_max, field);
	return count;
}

size_t message_text_array(
	struct cbor_item item, size_t max, size_t len_max, struct bytes *ret, const char *field)
{
	size_t count = cbor_array(item, max, field);

	for (size_t i = 0; i < count; i++)
		ret[i] = cbor_text(cbor_at(item, i, field), 1, len_max, field);
	return count;
}

struct bytes message_name(struct cbor_item item, const char *field)
{
	struct bytes name = cbor_text(item, 1, NAME_MAX_LEN, field);

	if (!text_is_name(name))
		cbor_fail(item, field, "not a name of a-z, 0-9, '.', '_', '-'");
	return name;
}

unsigned message_enum(struct cbor_item item, unsigned max, const char *field)
{
	unsigned value = (unsigned)cbor_uint(item, max, field);

	if (value == 0)
		cbor_fail(item, field, "zero");
	return value;
}

bool bytes_all_zero(struct bytes bytes)
{
	uint8_t any = 0;

	for (size_t i = 0; i < bytes.len; i++)
		any |= bytes.data[i];
	return any == 0;
}

void message_put_pcrs(
	struct cbor_writer *w, int64_t key_bank, int64_t key_pcrs, const struct pcr_bank *bank)
{
	size_t len = digest_alg_len(bank->alg);

	cbor_pair_uint(w, key_bank, bank->alg);
	cbor_put_int(w, key_pcrs);
	cbor_put_map(w, (size_t)__builtin_popcount(bank->present & ((1u << TPM_PCRS) - 1)));
	for (unsigned pcr = 0; pcr < TPM_PCRS; pcr++)
		if (bank->present & 1u << pcr)
			cbor_pair_bytes(w, pcr, bytes_of(bank->values[pcr], len));
}

void message_pcrs(struct cbor_item root, int64_t key_bank, int64_t key_pcrs, struct pcr_bank *ret)
{
	struct cbor_item alg = cbor_key(root, key_bank, "bank");
	struct cbor_item values = cbor_key(root, key_pcrs, "pcrs");
	size_t count;

	ret->alg = (enum digest_alg)cbor_uint(alg, UINT16_MAX, "bank");
	if (ret->alg != DIGEST_SHA256 && ret->alg != DIGEST_SHA384)
		cbor_fail(alg, "bank", "neither SHA-256 nor SHA-384");
	count = cbor_map(values, TPM_PCRS, "pcrs");
	for (size_t i = 0; i < count; i++) {
		uint64_t pcr = cbor_uint(cbor_map_key_at(values, i, "pcr"), TPM_PCRS - 1, "pcr");

		cbor_copy(cbor_map_value_at(values, i, "pcr value"), ret->values[pcr],
			digest_alg_len(ret->alg), "pcr value");
		ret->present |= 1u << pcr;
	}
}
