/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order of release versions (docs/formats/release.md, "The order of versions"). A version has an
 * order when it is a Semantic Version 2.0.0, or 1..RELEASE_VERSION_NUMBERS_MAX plain numbers between
 * dots. Both stand in one total preorder: numbers are compared as numbers from the left, missing
 * ones are 0; then a version with a pre-release part comes before the one without, and two such
 * parts are compared as SemVer 2.0.0, section 11, says. Build metadata says nothing: 1.0.0+a and
 * 1.0.0+b are equal, as are 1.2 and 1.2.0. Any other text ("v1.0.0", "2026.01", "nightly") has no
 * order.
 */
#ifndef ASSAY_POLICY_RELEASE_VERSION_H
#define ASSAY_POLICY_RELEASE_VERSION_H

#include "base/bytes.h"

#define RELEASE_VERSION_MAX         256u /* bytes of text */
#define RELEASE_VERSION_NUMBERS_MAX 8u

/* Borrows from the text. Numbers are digits without leading zeros, of any length; a pre-release part
 * has exactly three of them before it. */
struct release_version {
	struct bytes numbers[RELEASE_VERSION_NUMBERS_MAX];
	size_t number_count;
	struct bytes pre; /* without its '-'; empty: none */
};
/* False: the text has no order. */
bool release_version_parse(struct bytes text, struct release_version *ret);
/* Below 0, 0, above 0: a comes before b, is equal to it, comes after. */
int release_version_order(const struct release_version *a, const struct release_version *b);

#endif
