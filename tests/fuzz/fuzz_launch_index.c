/* SPDX-License-Identifier: Apache-2.0 */
/* The index and the plan of a launch: supplied by whoever listens on hostd's socket, read by `assay run`, perhaps as root. */
#include "attest/launch_plan.h"

#include <stdlib.h>

static void read_plan(struct bytes in)
{
	struct launch_plan plan, again;
	struct buf first = {0}, second = {0};
	if (launch_plan_read(in, &plan, NULL)) {
		if (!launch_plan_write(&plan, &first, NULL) ||
			!launch_plan_read(buf_bytes(&first), &again, NULL) ||
			!launch_plan_write(&again, &second, NULL) ||
			!bytes_equal(buf_bytes(&first), buf_bytes(&second)))
			abort();
		launch_plan_release(&plan);
		launch_plan_release(&again);
	}
	buf_release(&first);
	buf_release(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reader r = rd_of(bytes_of(data, size));
	struct buf again = {0};
	struct launch_entry entry;
	read_plan(bytes_of(data, size));
	while (launch_entry_next(&r, &entry, NULL) && entry.kind != LAUNCH_NONE) {
		if (!launch_entry_put(&entry, &again, NULL))
			abort();
	}
	if (again.len > size || (again.len > 0 && memcmp(again.data, data, again.len) != 0))
		abort();
	buf_release(&again);
	return 0;
}
