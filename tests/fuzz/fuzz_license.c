/* SPDX-License-Identifier: Apache-2.0 */
/* License expressions of BOMs, which lie beside a release in statements of others. */
#include "policy/license.h"

#include <stdlib.h>

static bool all(const void *arg, struct bytes id)
{
	(void)arg;
	if (id.len == 0)
		abort();
	return true;
}

static bool none(const void *arg, struct bytes id)
{
	(void)arg;
	(void)id;
	return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = bytes_strdup(bytes_of(data, size));

	if (!text)
		return 0;
	if (license_expression_ok(text, none, NULL))
		abort(); /* nobody takes nothing */
	(void)license_expression_ok(text, all, NULL);
	free(text);
	return 0;
}
