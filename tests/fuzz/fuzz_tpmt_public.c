/* SPDX-License-Identifier: Apache-2.0 */
/* TPMT_PUBLIC and TPM2B_PUBLIC. The bytes come from whoever asks to be enrolled: anybody. */
#include "evidence/tpm.h"

#include <assert.h>

static void use(const struct tpmt_public *public_area)
{
	OWNED(key_unref) struct key *key = NULL;
	struct tpm_name name;
	const char *why = NULL;
	struct err err;

	if (tpm_name_of(public_area, &name, &err))
		assert(name.len > 2 && name.len <= TPM_NAME_MAX);
	if (ek_template_of(public_area, &why) == EK_TEMPLATE_NONE)
		assert(why);
	(void)!ak_check(public_area, &err);
	(void)!tpmt_public_key(public_area, &key, &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	OWNED(buf_release) struct buf out = {0};
	struct tpmt_public public_area, again;
	struct err err;

	if (!tpm2b_public_parse(bytes_of(data, size), &public_area, &err))
		return 0;
	tpmt_public_put(&out, &public_area);
	/* An exponent of 65537 spelled out becomes 0; everything else stays as it was. */
	assert(out.len == public_area.raw.len);
	assert(tpmt_public_parse(buf_bytes(&out), &again, &err));
	assert(again.exponent == public_area.exponent);
	if (public_area.type != TPM_ALG_RSA || public_area.exponent != 65537)
		assert(bytes_equal(buf_bytes(&out), public_area.raw));
	use(&public_area);
	return 0;
}
