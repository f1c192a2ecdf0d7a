/* SPDX-License-Identifier: Apache-2.0 */
/* Statements of security floors: an operator hands them to the verifier, and the gate reads them from a file. What is read is
 * written again and says the same. */
#include "policy/security_floor.h"

#include <stdlib.h>

static void write_again(const struct security_floor *floor)
{
	struct security_floor *again = NULL;
	struct buf text = {0};
	struct err err = {0};

	if (!security_floor_write(floor, &text, &err) ||
		!security_floor_parse(buf_bytes(&text), &again, &err) ||
		again->sequence != floor->sequence || again->issued != floor->issued ||
		strcmp(again->workload, floor->workload) != 0 ||
		(again->minimum == NULL) != (floor->minimum == NULL))
		abort();
	security_floor_free(&again);
	buf_release(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct security_floor *floor = NULL;
	struct bytes in = bytes_of(data, size);
	struct err err = {0};

	if (security_floor_parse(in, &floor, &err))
		write_again(floor);
	else if (err.text[0] == '\0')
		abort();
	security_floor_free(&floor);
	if (security_floor_open(in, &floor, &err))
		write_again(floor);
	security_floor_free(&floor);
	return 0;
}
