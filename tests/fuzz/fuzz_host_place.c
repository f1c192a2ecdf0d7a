/* SPDX-License-Identifier: Apache-2.0 */
/* Where a page of hosts begins: `after` of GET /v1/hosts, from any operator. What is read is written again as it was. */
#include "verifier/host_page.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct host_place place;
	struct err err = {0};
	char again[HOST_AFTER_MAX];
	struct bytes in = bytes_of(data, size);

	if (!host_place_read(in, &place, &err)) {
		if (err.code != ERR_FORMAT || err.text[0] == '\0')
			abort();
		return 0;
	}
	if (place.id_len < 1 || place.id_len > HOST_ID_RAW_MAX)
		abort();
	host_place_text(&place, again);
	if (!bytes_equal_str(in, again))
		abort();
	return 0;
}
