/* SPDX-License-Identifier: Apache-2.0 */
/* Records, leaves and tree edges. Auditors get the first two from anybody; the third comes from the verifier's store. */
#include "ledger/ledger.h"

#include <stdlib.h>

static void same(bool encoded, struct buf *out, struct bytes in)
{
	if (!encoded || !bytes_equal(buf_bytes(out), in))
		abort();
	buf_release(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct record record;
	struct bytes in = bytes_of(data, size);
	struct leaf leaf;
	struct tree_edge edge;
	struct buf out = {0};
	struct err err = {0};
	uint8_t root[SHA256_LEN];

	if (record_decode(in, &record, &err))
		same(record_encode(&record, &out, &err), &out, in);
	if (leaf_decode(in, &leaf, &err))
		same(leaf_encode(&leaf, &out, &err), &out, in);
	if (tree_edge_decode(in, &edge, &err)) {
		if (!tree_root(&edge, root, &err))
			abort();
		same(tree_edge_encode(&edge, &out, &err), &out, in);
	}
	return 0;
}
