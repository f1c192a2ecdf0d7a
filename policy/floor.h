/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Floors: the versions below which no release of a workload launches (docs/formats/policy.md,
 * "Floors"). The version floor is the release that the workload reached; it goes up by itself and
 * down by the approval of persons. The security floor is what the policy's signers say, and nothing
 * gets below it.
 */
#ifndef ASSAY_POLICY_FLOOR_H
#define ASSAY_POLICY_FLOOR_H

#include "policy/policy.h"

/* A release as floors see it. */
struct floor_mark {
	struct bytes version;
	const uint8_t *release; /* its digest, SHA256_LEN bytes */
	int64_t published; /* when it came to the verifier first */
};
/* Where a release stands to a floor. */
enum floor_place {
	FLOOR_NO_ORDER =
		0, /* its version cannot be compared with the floor's: it counts as below */
	FLOOR_BELOW,
	FLOOR_REACHED,
};
/* By version, when the floor's version has an order. When it has none, by publication: below is
 * what was published before. The floor's own release always reaches it. */
enum floor_place floor_place(const struct floor_mark *mark, const struct floor_mark *floor);
/* The same release, or one of an equal version. */
bool floor_same(const struct floor_mark *a, const struct floor_mark *b);
/* Whether a release that got a credential moves the floor up: it reaches it and is not the same. */
bool floor_moves(const struct floor_mark *mark, const struct floor_mark *floor);

/* Notes in a verdict where a release stands: held, refused as version-floor, or, for the renewal of
 * an instance that was trusted with this release before, warned of while the class's drain lasts.
 * class NULL: no drain. */
void policy_floor_appraise(const struct policy_class *class, const struct context_floor *floor,
	const struct release *release, bool renewal, int64_t now, struct verdict *verdict);
/* The same for the security floor: launches and renewals are refused alike, as security-floor. */
void policy_security_floor_appraise(const struct context_security_floor *floor,
	const struct release *release, struct verdict *verdict);

#endif
