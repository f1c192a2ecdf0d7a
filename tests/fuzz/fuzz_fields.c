/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The content of a ledger entry with salted fields. It comes out of a database, and in files that somebody exported and somebody
 * else brings to an auditor. What can be opened commits to the same whatever field is taken out.
 */
#include "ledger/fields.h"

#include <assert.h>

static void take_out(struct bytes kept, const struct fields *before, const char *name)
{
	struct buf less = {0};
	struct fields after = {0};

	assert(fields_redact(kept, name, &less, NULL));
	assert(fields_open(buf_bytes(&less), &after, NULL));
	assert(after.redacted == before->redacted + 1);
	assert(!json_object_get(after.shown, name));
	assert(bytes_equal(buf_bytes(&after.committed), buf_bytes(&before->committed)));
	fields_release(&after);
	buf_release(&less);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fields fields = {0};
	struct bytes kept = bytes_of(data, size);
	const char *name;
	json_t *value;

	if (!fields_open(kept, &fields, NULL))
		return 0;
	assert(fields.committed.len > 0);
	if (fields.salted)
		json_object_foreach(fields.shown, name, value) take_out(kept, &fields, name);
	fields_release(&fields);
	return 0;
}
