/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON as json_open sees it: releases, approvals and foreign provenance, JWTs, request bodies.
 * Anyone who can reach the verifier's port supplies these bytes. What opens must be written, open
 * again, and be written the same.
 */
#include "base/json.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_fields(const json_t *object)
{
	static const char *const keys[] = {"_type", "name", NULL};
	struct json_fields f = json_fields_of("fuzz");
	struct err err;
	uint8_t digest[4];

	json_want_str(&f, object, "name", 16);
	json_want_int(&f, object, "n", 0, 9, 1);
	json_want_bool(&f, object, "b", false);
	json_want_array(&f, object, "list", 4);
	json_need_hex(&f, object, "digest", digest, sizeof(digest));
	json_only_keys(&f, json_need_object(&f, object, "o"), keys);
	if (!json_fields_ok(&f, &err) && err.code != ERR_FORMAT)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf first = {0}, second = {0};
	json_t *value = NULL, *again = NULL;

	if (!json_open(bytes_of(data, size), JSON_INPUT_MAX, &value, NULL))
		return 0;
	read_fields(value);
	if (!json_write(value, false, &first, NULL))
		abort();
	/* Canonical text can be longer than what it came from: \u escapes of controls, digits of
	 * reals. */
	if (!json_open(buf_bytes(&first), SIZE_MAX, &again, NULL))
		abort();
	if (!json_write(again, false, &second, NULL))
		abort();
	if (!bytes_equal(buf_bytes(&first), buf_bytes(&second)))
		abort();
	buf_release(&first);
	buf_release(&second);
	json_release(&value);
	json_release(&again);
	return 0;
}
