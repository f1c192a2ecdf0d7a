/* SPDX-License-Identifier: Apache-2.0 */
/* Private to base/cbor_*.c: one head at a time, and the check of a whole item. */
#ifndef ASSAY_BASE_CBOR_HEAD_H
#define ASSAY_BASE_CBOR_HEAD_H

#include "base/cbor.h"

/* One initial byte with its argument, and the content of a string. */
struct cbor_head {
	enum cbor_kind kind;
	uint64_t value; /* as in struct cbor_item; length of a string */
	size_t len; /* bytes of the head itself */
	struct bytes content; /* of a string */
	bool shortest;
};

struct cbor_fault {
	enum err_code code;
	const char *why;
	size_t at;
};

/* Reads the head at in[at]. False: *ret_why says why. */
bool cbor_head_read(struct bytes in, size_t at, struct cbor_head *ret, const char **ret_why);
/* Checks that `in` is exactly one item as cbor_open documents it, with at most depth_max containers
 * in each other. */
bool cbor_check(
	struct bytes in, bool deterministic, size_t depth_max, struct cbor_fault *ret_fault);

#endif
