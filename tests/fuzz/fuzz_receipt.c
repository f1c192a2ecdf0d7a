/* SPDX-License-Identifier: Apache-2.0 */
/* Receipts and statements that carry them, as anybody may send them to a relying party or an auditor. */
#include <assert.h>

#include "ledger/receipt.h"

static void receipt_twice(struct bytes in, const struct key *key)
{
	static const uint8_t leaf[SHA256_LEN];
	struct receipt receipt = {0};
	struct buf again = {0};
	struct err err = {0};

	if (receipt_parse(in, &receipt, &err)) {
		assert(receipt_write(in, &receipt.proof, &again, &err));
		/* But for a kid that somebody put there, there is one form. */
		assert(bytes_equal(in, buf_bytes(&again)) || again.len < in.len);
		/* Nobody has this key. */
		assert(!receipt_verify(&receipt, key, NULL, leaf, NULL, &err));
	}
	buf_release(&again);
	receipt_release(&receipt);
}

static void transparent_twice(struct bytes in)
{
	struct transparent transparent = {0};
	struct buf again = {0}, leaf = {0};
	struct err err = {0};

	if (transparent_parse(in, &transparent, &err)) {
		assert(transparent_write(buf_bytes(&transparent.statement), transparent.salt,
			transparent.receipts, transparent.receipt_count, &again, &err));
		assert(bytes_equal(in, buf_bytes(&again)) || !transparent.salted);
		if (statement_leaf(
			    buf_bytes(&transparent.statement), transparent.salt, &leaf, &err))
			assert(leaf.len > 0 && leaf.len <= LEDGER_LEAF_MAX);
	}
	buf_release(&leaf);
	buf_release(&again);
	transparent_release(&transparent);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct key *key;
	struct err err = {0};

	if (!key && !key_generate(KEY_EC_P256, &key, &err))
		return 0;
	receipt_twice(bytes_of(data, size), key);
	transparent_twice(bytes_of(data, size));
	return 0;
}
