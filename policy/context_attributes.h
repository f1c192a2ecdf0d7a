/* SPDX-License-Identifier: Apache-2.0 */
/* The attributes of a host in a frozen context: [[key, value, who set it], …], by key. Private to
 * policy/. */
#ifndef ASSAY_POLICY_CONTEXT_ATTRIBUTES_H
#define ASSAY_POLICY_CONTEXT_ATTRIBUTES_H

#include "base/cbor.h"
#include "policy/policy.h"

/* At least one. */
void context_put_attributes(struct cbor_writer *w, const struct context_host *host);
/* Absent: none. ret: HOST_ATTRIBUTES_MAX of them, and where the host's then are. */
void context_read_attributes(
	struct cbor_item item, struct context_host *host, struct host_attribute *ret);

#endif
