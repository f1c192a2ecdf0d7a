/* SPDX-License-Identifier: Apache-2.0 */
/* Quoted checkpoints, as an operator uploads them, an audit file brings them, or anybody sends them to
 * an auditor. */
#include <assert.h>

#include "evidence/checkpoint_quote.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes in = bytes_of(data, size);
	struct checkpoint_quote quote;
	struct checkpoint_quoted quoted;
	struct buf again = {0};
	struct key *key = NULL;
	struct err err = {0};

	if (checkpoint_quote_decode(in, &quote, &err)) {
		assert(checkpoint_quote_encode(&quote, &again, &err));
		assert(bytes_equal(in, buf_bytes(&again)));
		if (checkpoint_quote_check(&quote, NULL, &quoted, &err))
			assert(quoted.text.len <= quote.note.len && quoted.ak_name.len > 2);
	}
	if (checkpoint_quote_ak(in, &key, &err))
		assert(key);
	key_unref(&key);
	buf_release(&again);
	return 0;
}
