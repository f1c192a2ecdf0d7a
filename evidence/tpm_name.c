/* SPDX-License-Identifier: Apache-2.0 */
/* Names and qualified names, TPM 2.0 Library Part 1, sections 16 and 26.5. */
#include "evidence/tpm.h"

static bool name_of_parts(uint16_t name_alg, const struct bytes *parts, size_t n,
	struct tpm_name *ret, struct err *err)
{
	struct digest digest;

	if (!digest_of_parts(name_alg, parts, n, &digest, err))
		return err_wrap(err, "Name");
	ret->bytes[0] = (uint8_t)(name_alg >> 8);
	ret->bytes[1] = (uint8_t)name_alg;
	memcpy(ret->bytes + 2, digest.bytes, digest.len);
	ret->len = (uint8_t)(2 + digest.len);
	return true;
}

/* The nameAlg a name begins with; false when the length does not belong to it. */
static bool name_alg_of(const struct tpm_name *name, uint16_t *ret, struct err *err)
{
	uint16_t alg = 0;

	if (name->len > 2)
		alg = (uint16_t)(name->bytes[0] << 8 | name->bytes[1]);
	if (digest_alg_len(alg) == 0 || name->len != 2 + digest_alg_len(alg))
		return err_set(
			err, ERR_FORMAT, "Name: %u bytes are no algorithm and digest", name->len);
	*ret = alg;
	return true;
}

bool tpm_name_of(const struct tpmt_public *public_area, struct tpm_name *ret, struct err *err)
{
	return name_of_parts(public_area->name_alg, &public_area->raw, 1, ret, err);
}

bool tpm_qualified_name_of_primary(
	uint32_t hierarchy, const struct tpm_name *name, struct tpm_name *ret, struct err *err)
{
	uint8_t handle[] = {(uint8_t)(hierarchy >> 24), (uint8_t)(hierarchy >> 16),
		(uint8_t)(hierarchy >> 8), (uint8_t)hierarchy};
	struct bytes parts[] = {BYTES_OF(handle), tpm_name_bytes(name)};
	uint16_t alg;

	return name_alg_of(name, &alg, err) &&
	       name_of_parts(alg, parts, ARRAY_LEN(parts), ret, err);
}

bool tpm_qualified_name_of_child(const struct tpm_name *parent_qualified,
	const struct tpm_name *name, struct tpm_name *ret, struct err *err)
{
	struct bytes parts[] = {tpm_name_bytes(parent_qualified), tpm_name_bytes(name)};
	uint16_t alg;

	return name_alg_of(name, &alg, err) &&
	       name_of_parts(alg, parts, ARRAY_LEN(parts), ret, err);
}
