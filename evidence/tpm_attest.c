/* SPDX-License-Identifier: Apache-2.0 */
/* TPMS_ATTEST, TPM 2.0 Library Part 2, section 10.12.12. */
#include "evidence/tpm.h"

#include "evidence/tpm_wire.h"

static void quote_info_read(struct reader *r, struct tpms_attest *a)
{
	tpml_pcr_selection_read(r, &a->quote_selection);
	a->quote_pcr_digest = rd_tpm2b(r, TPM_DIGEST_MAX, "pcrDigest");
}

static void certify_info_read(struct reader *r, struct tpms_attest *a)
{
	a->certify_name = rd_tpm2b(r, TPM_NAME_MAX, "name");
	a->certify_qualified_name = rd_tpm2b(r, TPM_NAME_MAX, "qualifiedName");
}

static const struct {
	uint16_t type;
	void (*read)(struct reader *r, struct tpms_attest *a);
} ATTESTED[] = {
	{TPM_ST_ATTEST_QUOTE, quote_info_read},
	{TPM_ST_ATTEST_CERTIFY, certify_info_read},
};

static void attested_read(struct reader *r, struct tpms_attest *a)
{
	size_t n = rd_left(r);
	struct reader sub = rd_of((struct bytes){0});

	for (size_t i = 0; i < ARRAY_LEN(ATTESTED); i++) {
		if (ATTESTED[i].type != a->type)
			continue;
		sub = rd_sub(r, n, "attested");
		a->attested = sub.in;
		ATTESTED[i].read(&sub, a);
		rd_sub_finish(r, &sub, "attested");
		return;
	}
	a->attested = rd_bytes(r, n, "attested");
}

bool tpms_attest_parse(struct bytes in, struct tpms_attest *ret, struct err *err)
{
	struct reader r = rd_of(in);
	struct tpms_attest a = {0};
	uint8_t safe;

	if (in.len > TPM_ATTEST_MAX)
		return err_set(err, ERR_LIMIT, "TPMS_ATTEST: %zu bytes, more than %u", in.len,
			TPM_ATTEST_MAX);
	a.magic = rd_be32(&r, "magic");
	a.type = rd_be16(&r, "type");
	a.qualified_signer = rd_tpm2b(&r, TPM_NAME_MAX, "qualifiedSigner");
	a.extra_data = rd_tpm2b(&r, TPM_DATA_MAX, "extraData");
	a.clock = rd_be64(&r, "clock");
	a.reset_count = rd_be32(&r, "resetCount");
	a.restart_count = rd_be32(&r, "restartCount");
	safe = rd_u8(&r, "safe");
	if (safe > 1)
		rd_fail(&r, "safe", "neither 0 nor 1");
	a.safe = safe == 1;
	a.firmware_version = rd_be64(&r, "firmwareVersion");
	attested_read(&r, &a);
	if (!rd_finish(&r, err))
		return err_wrap(err, "TPMS_ATTEST");
	*ret = a;
	return true;
}

void tpms_attest_put(struct buf *out, const struct tpms_attest *attest)
{
	buf_put_be32(out, attest->magic);
	buf_put_be16(out, attest->type);
	tpm2b_put(out, attest->qualified_signer);
	tpm2b_put(out, attest->extra_data);
	buf_put_be64(out, attest->clock);
	buf_put_be32(out, attest->reset_count);
	buf_put_be32(out, attest->restart_count);
	buf_put_u8(out, attest->safe ? 1 : 0);
	buf_put_be64(out, attest->firmware_version);
	if (attest->type == TPM_ST_ATTEST_QUOTE) {
		tpml_pcr_selection_put(out, &attest->quote_selection);
		tpm2b_put(out, attest->quote_pcr_digest);
	} else if (attest->type == TPM_ST_ATTEST_CERTIFY) {
		tpm2b_put(out, attest->certify_name);
		tpm2b_put(out, attest->certify_qualified_name);
	} else {
		buf_put(out, attest->attested);
	}
}
