/* SPDX-License-Identifier: Apache-2.0 */
/* The chain of records in an audit bundle. Whoever is audited hands it over. */
#include "ledger/audit.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct audit_links links = {0};
	struct buf out = {0};
	struct err err = {0};

	if (!audit_links_decode(bytes_of(data, size), &links, &err)) {
		if (err.text[0] == '\0' || links.links || links.objects)
			abort();
		return 0;
	}
	if (!audit_links_encode(&links, &out, &err) ||
		!bytes_equal(buf_bytes(&out), bytes_of(data, size)))
		abort();
	audit_links_release(&links);
	buf_release(&out);
	return 0;
}
