/* SPDX-License-Identifier: Apache-2.0 */
/* What a body says of a workload. Operators send it; what is taken in must be shown again. */
#include "verifier/register.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct workload_row row = {
		.name = "w", .state = WORKLOAD_ACTIVE, .controls = "[]", .third_parties = "[]"};
	struct err err = {0};
	json_t *body = NULL;
	int64_t next = 0;

	if (!json_open(bytes_of(data, size), 16384, &body, &err) || !json_is_object(body)) {
		json_decref(body);
		return 0;
	}
	struct json_fields f = json_fields_of("body");
	register_read_facts(&f, body, &row, &next);
	if (json_fields_ok(&f, &err)) {
		json_t *entry = register_entry(&row);
		if (!entry || next < 0 || next > POLICY_TIME_MAX || row.review_interval < 0 ||
			!json_is_array(json_object_get(entry, "controls")) ||
			!json_is_array(json_object_get(entry, "third_parties")))
			abort();
		json_decref(entry);
	} else if (err.code == ERR_NONE) {
		abort();
	}
	json_decref(body);
	return 0;
}
