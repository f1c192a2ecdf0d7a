/* SPDX-License-Identifier: Apache-2.0 */
/* Release versions, three between line ends. Whoever makes a release writes one; that a release key signed it says nothing of
 * its form. What has an order is in one: antisymmetric, transitive, and equal where it is equal to the same. */
#include "policy/release_version.h"

#include <stdlib.h>

static int sign(int n)
{
	return (n > 0) - (n < 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct release_version v[3];
	size_t n = 0, at = 0;

	while (n < ARRAY_LEN(v) && at <= size) {
		const uint8_t *end = size > at ? memchr(data + at, '\n', size - at) : NULL;
		size_t len = end ? (size_t)(end - data) - at : size - at;

		if (!release_version_parse(bytes_of(data + at, len), &v[n])) {
			if (v[n].number_count != 0)
				abort();
			return 0;
		}
		n++;
		at += len + 1;
	}
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < n; k++) {
			int order = sign(release_version_order(&v[i], &v[k]));

			if (order != -sign(release_version_order(&v[k], &v[i])) ||
				(i == k && order != 0))
				abort();
			for (size_t m = 0; m < n; m++)
				if (order <= 0 && release_version_order(&v[k], &v[m]) <= 0 &&
					release_version_order(&v[i], &v[m]) > 0)
					abort();
		}
	return 0;
}
