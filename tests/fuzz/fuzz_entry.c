/* SPDX-License-Identifier: Apache-2.0 */
/* A page of the ledger's entries: sent by a verifier, or lying in an evidence package, which anybody
 * can make. What is read is written the same. */
#include "ledger/entry.h"

#include <assert.h>

static void run(const json_t *value, const struct entry_page *page)
{
	struct ledger_entry entry = {0}, again = {0};
	json_t *written;

	if (!ledger_entry_read(value, &entry, NULL))
		return;
	(void)!ledger_entry_check(&entry, page->tree_size, page->tree_root, NULL);
	written = ledger_entry_json(&entry);
	if (written) {
		assert(ledger_entry_read(written, &again, NULL));
		assert(bytes_equal(buf_bytes(&entry.leaf), buf_bytes(&again.leaf)));
		assert(bytes_equal(buf_bytes(&entry.content), buf_bytes(&again.content)));
		assert(memcmp(&entry.facts, &again.facts, sizeof(entry.facts)) == 0);
	}
	json_decref(written);
	ledger_entry_release(&entry);
	ledger_entry_release(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	OWNED(json_release) json_t *value = NULL;
	struct entry_page page;

	if (!json_open(bytes_of(data, size), JSON_INPUT_MAX, &value, NULL) ||
		!entry_page_read(value, &page, NULL))
		return 0;
	for (size_t i = 0; i < json_array_size(page.entries); i++)
		run(json_array_get(page.entries, i), &page);
	return 0;
}
