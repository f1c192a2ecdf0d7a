/* SPDX-License-Identifier: Apache-2.0 */
/* Paths of tiles, as HTTP clients ask for them, and bundles, as a log that is monitored gives them. */
#include <assert.h>

#include "ledger/tile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes in = bytes_of(data, size), leaf;
	struct buf again = {0};
	struct tile tile;
	struct err err = {0};

	/* There is one path for a tile, and one bundle for leaves. */
	if (tile_path_parse(in, &tile, &err)) {
		assert(tile_path_write(&tile, &again, &err));
		assert(bytes_equal(in, buf_bytes(&again)));
	}
	buf_clear(&again);
	for (struct bytes rest = in; rest.len > 0 && bundle_next(&rest, &leaf, &err);) {
		assert(bundle_put(&again, leaf, &err));
		assert(memcmp(again.data, in.data, again.len) == 0);
	}
	buf_release(&again);
	return 0;
}
