/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/corim_private.h"

static const struct {
	uint64_t id;
	enum digest_alg alg;
	const char *name;
} algs[] = {
	{1, DIGEST_SHA256, "sha-256"},
	{7, DIGEST_SHA384, "sha-384"},
	{8, DIGEST_SHA512, "sha-512"},
};

static const char *const triples[] = {
	[0] = "triple reference",
	[1] = "triple endorsed",
	[2] = "triple identity",
	[3] = "triple attest-key",
	[4] = "triple trust-dependency",
	[5] = "triple domain-membership",
	[6] = "triple coswid",
	[8] = "triple conditional-endorsement-series",
	[10] = "triple conditional-endorsement",
};

enum digest_alg corim_alg_of_id(uint64_t id)
{
	for (size_t i = 0; i < ARRAY_LEN(algs); i++)
		if (algs[i].id == id)
			return algs[i].alg;
	return DIGEST_NONE;
}

enum digest_alg corim_alg_of_name(struct bytes name)
{
	for (size_t i = 0; i < ARRAY_LEN(algs); i++)
		if (bytes_equal_str(name, algs[i].name))
			return algs[i].alg;
	return DIGEST_NONE;
}

uint64_t corim_id_of_alg(enum digest_alg alg)
{
	for (size_t i = 0; i < ARRAY_LEN(algs); i++)
		if (algs[i].alg == alg)
			return algs[i].id;
	return 0;
}

const char *corim_triple_name(uint64_t number)
{
	return number < ARRAY_LEN(triples) ? triples[number] : NULL;
}

const char *corim_tag_name(uint64_t tag)
{
	return tag == 505 ? "tag coswid" : tag == 508 ? "tag cotl" : NULL;
}
