/* SPDX-License-Identifier: Apache-2.0 */
/* The floors in a frozen context: two maps, each left out where there is no such floor. Private to
 * policy/. */
#ifndef ASSAY_POLICY_CONTEXT_FLOORS_H
#define ASSAY_POLICY_CONTEXT_FLOORS_H

#include "base/cbor.h"
#include "policy/policy.h"

#define CONTEXT_KEY_FLOOR          15
#define CONTEXT_KEY_SECURITY_FLOOR 16

/* How many of the two are there. */
size_t context_count_floors(const struct policy_context *c);
void context_put_floors(struct cbor_writer *w, const struct policy_context *c);
void context_read_floors(struct cbor_item root, struct policy_context *c);

#endif
