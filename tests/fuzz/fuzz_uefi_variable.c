/* SPDX-License-Identifier: Apache-2.0 */
/* UEFI_VARIABLE_DATA and the signature lists in it. The bytes come from an event log, covered by a digest or not. Oracle: what
 * parses is put together again and is the same. */
#include <assert.h>

#include "base/text.h"
#include "firmware/secure_boot.h"
#include "tests/support/event_log_make.h"

struct walk {
	struct bytes in;
	size_t end; /* of the last entry */
};

static bool visit(void *context, const struct efi_signature *signature, struct err *err)
{
	struct walk *walk = context;
	char text[128];
	(void)err;
	assert(signature->data.len > 0 && signature->offset >= walk->end + EFI_GUID_LEN);
	assert(signature->data.data == walk->in.data + signature->offset);
	walk->end = signature->offset + signature->data.len;
	assert(walk->end <= walk->in.len);
	(void)efi_signature_text(signature, text, sizeof(text));
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	OWNED(buf_release) struct buf again = {0}, name = {0};
	struct uefi_variable v;
	struct err err;
	char text[128];
	if (!uefi_variable_parse(bytes_of(data, size), &v, &err))
		return 0;
	buf_put(&again, BYTES_OF(v.guid.bytes));
	put_le64(&again, v.name.len / 2);
	put_le64(&again, v.data.len);
	buf_put(&again, v.name);
	buf_put(&again, v.data);
	assert(bytes_equal(buf_bytes(&again), bytes_of(data, v.len)));
	utf16_put(v.name, &name);
	assert(utf8_valid(buf_bytes(&name)));
	struct walk walk = {.in = v.data};
	if (signature_lists_walk(v.data, visit, &walk, &err))
		assert(walk.end <= v.data.len);
	(void)authority_entry_text(v.data, text, sizeof(text));
	return 0;
}
