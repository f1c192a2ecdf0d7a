/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IMA rules: a file that an operator signs, put together from what others print. Every rule that a
 * finding offers must be read again and allow the entry that it was offered for.
 */
#include "firmware/ima_rules_private.h"

#include <assert.h>
#include <stdlib.h>

/* The bytes as the path of a file that no rule knows. */
static void offer(struct bytes path)
{
	OWNED(buf_release) struct buf line = {0}, logged = {0};
	OWNED(ima_rules_free) struct ima_rules *rules = NULL;
	uint8_t digest[SHA256_LEN] = {0x5a};
	struct ima_finding finding = {.kind = IMA_UNKNOWN_FILE,
		.path = path,
		.digest_type = IMA_DIGEST_FILE,
		.digest_alg = BYTES_LIT("sha256"),
		.digest = BYTES_OF(digest)};
	struct err err;

	if (path.len == 0 || path.len > IMA_PATH_MAX || memchr(path.data, '\0', path.len))
		return;
	ima_finding_rule(&finding, &line);
	assert(ima_rules_parse(buf_bytes(&line), &rules, &err));
	buf_put(&logged, path);
	for (size_t i = 0; i < logged.len; i++)
		if (logged.data[i] == ' ')
			logged.data[i] = '_';
	assert(ima_rules_has(
		rules, IMA_DIGEST_FILE, DIGEST_SHA256, BYTES_OF(digest), buf_bytes(&logged)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	OWNED(ima_rules_free) struct ima_rules *rules = NULL;
	struct bytes nearest[IMA_NEAREST_MAX];
	unsigned version[3];
	struct err err = {0};

	(void)ima_kernel_version(bytes_of(data, size), version);
	offer(bytes_of(data, size));
	if (!ima_rules_parse(bytes_of(data, size), &rules, &err)) {
		assert(err.text[0] != '\0');
		return 0;
	}
	for (size_t i = 0; i < rules->file_count; i++) {
		const struct ima_known *known = &rules->files[i];

		assert(ima_rules_has(rules, (enum ima_digest_type)known->type,
			(enum digest_alg)known->alg, ima_known_digest(known),
			ima_known_path(known)));
		assert(ima_rules_nearest(rules, ima_known_path(known), nearest, 1) == 1);
	}
	return 0;
}
