/* SPDX-License-Identifier: Apache-2.0 */
#include "evidence/tpm.h"

#include "base/text.h"
#include "evidence/tpm_wire.h"

void tpm2b_put(struct buf *out, struct bytes value)
{
	if (value.len > UINT16_MAX) {
		out->failed = true;
		return;
	}
	buf_put_be16(out, (uint16_t)value.len);
	buf_put(out, value);
}

void tpml_pcr_selection_read(struct reader *r, struct tpml_pcr_selection *ret)
{
	uint32_t count = rd_be32(r, "pcrSelect count");

	if (count > TPM_BANKS_MAX) {
		rd_fail(r, "pcrSelect count", "more banks than any TPM has");
		return;
	}
	for (uint32_t i = 0; i < count && !rd_failed(r); i++) {
		ret->banks[i].hash = rd_be16(r, "pcrSelect hash");
		if (rd_u8(r, "sizeofSelect") != TPM_SELECT_LEN)
			rd_fail(r, "sizeofSelect", "not 3");
		for (unsigned byte = 0; byte < TPM_SELECT_LEN; byte++)
			ret->banks[i].pcrs |= (uint32_t)rd_u8(r, "pcrSelect") << (8 * byte);
	}
	ret->count = count;
}

void tpml_pcr_selection_put(struct buf *out, const struct tpml_pcr_selection *selection)
{
	buf_put_be32(out, selection->count);
	for (uint32_t i = 0; i < selection->count; i++) {
		buf_put_be16(out, selection->banks[i].hash);
		buf_put_u8(out, TPM_SELECT_LEN);
		for (unsigned byte = 0; byte < TPM_SELECT_LEN; byte++)
			buf_put_u8(out, (uint8_t)(selection->banks[i].pcrs >> (8 * byte)));
	}
}

bool tpml_pcr_selection_equal(
	const struct tpml_pcr_selection *a, const struct tpml_pcr_selection *b)
{
	if (a->count != b->count)
		return false;
	for (uint32_t i = 0; i < a->count; i++)
		if (a->banks[i].hash != b->banks[i].hash || a->banks[i].pcrs != b->banks[i].pcrs)
			return false;
	return true;
}

/* Cuts the text before the first separator off *rest and returns it; the separator is dropped. */
static struct bytes cut(struct bytes *rest, char separator, bool *ret_found)
{
	const uint8_t *at = rest->len ? memchr(rest->data, separator, rest->len) : NULL;
	struct bytes head = *rest;

	*ret_found = at != NULL;
	if (at) {
		head.len = (size_t)(at - rest->data);
		*rest = bytes_of(at + 1, rest->len - head.len - 1);
	} else {
		*rest = (struct bytes){0};
	}
	return head;
}

static bool pcr_of_text(struct bytes text, unsigned *ret)
{
	unsigned value = 0;

	if (text.len < 1 || text.len > 2 || (text.len == 2 && text.data[0] == '0'))
		return false;
	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] < '0' || text.data[i] > '9')
			return false;
		value = value * 10 + (unsigned)(text.data[i] - '0');
	}
	*ret = value;
	return value < TPM_PCRS;
}

static bool bank_of_text(struct bytes text, uint16_t *ret_hash, uint32_t *ret_pcrs, struct err *err)
{
	struct bytes rest = text;
	bool more;
	struct bytes name = cut(&rest, ':', &more);
	enum digest_alg alg = digest_alg_of_name(name);

	if (alg == DIGEST_NONE || !more)
		return err_set(err, ERR_FORMAT,
			"PCR selection: \"%s\" is not of the form sha256:0,1,7", ESC(text));
	*ret_pcrs = 0;
	while (more) {
		struct bytes number = cut(&rest, ',', &more);
		unsigned pcr;

		if (!pcr_of_text(number, &pcr))
			return err_set(err, ERR_FORMAT,
				"PCR selection: \"%s\" is no PCR from 0 to %u", ESC(number),
				TPM_PCRS - 1);
		if (*ret_pcrs & 1u << pcr)
			return err_set(err, ERR_FORMAT, "PCR selection: PCR %u stands twice", pcr);
		*ret_pcrs |= 1u << pcr;
	}
	*ret_hash = (uint16_t)alg;
	return true;
}

bool tpml_pcr_selection_of_text(struct bytes text, struct tpml_pcr_selection *ret, struct err *err)
{
	struct tpml_pcr_selection selection = {0};
	bool more = true;

	while (more) {
		struct bytes bank = cut(&text, '+', &more);
		uint32_t i = selection.count;

		if (i == TPM_BANKS_MAX)
			return err_set(
				err, ERR_LIMIT, "PCR selection: more than %u banks", TPM_BANKS_MAX);
		if (!bank_of_text(bank, &selection.banks[i].hash, &selection.banks[i].pcrs, err))
			return false;
		for (uint32_t j = 0; j < i; j++)
			if (selection.banks[j].hash == selection.banks[i].hash)
				return err_set(err, ERR_FORMAT,
					"PCR selection: bank %s stands twice",
					digest_alg_name(selection.banks[i].hash));
		selection.count++;
	}
	*ret = selection;
	return true;
}

void tpml_pcr_selection_text(const struct tpml_pcr_selection *selection, struct buf *out)
{
	for (uint32_t i = 0; i < selection->count; i++) {
		uint16_t hash = selection->banks[i].hash;
		const char *separator = ":";

		if (i > 0)
			buf_put_str(out, "+");
		if (digest_alg_len(hash))
			buf_put_str(out, digest_alg_name(hash));
		else
			buf_printf(out, "alg-%04x", hash);
		for (unsigned pcr = 0; pcr < TPM_PCRS; pcr++) {
			if (!(selection->banks[i].pcrs & 1u << pcr))
				continue;
			buf_printf(out, "%s%u", separator, pcr);
			separator = ",";
		}
	}
}

bool pcr_extend(enum digest_alg alg, uint8_t *value, const uint8_t *digest, struct err *err)
{
	size_t len = digest_alg_len(alg);
	struct bytes parts[] = {{value, len}, {digest, len}};
	struct digest next;

	if (!digest_of_parts(alg, parts, ARRAY_LEN(parts), &next, err))
		return false;
	memcpy(value, next.bytes, len);
	return true;
}
