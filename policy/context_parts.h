/* SPDX-License-Identifier: Apache-2.0 */
/* The maps inside a frozen context: its host, challenge, workload and rollout, and the forms that they share with the
 * map around them. Readers leave faults in the item's document. Private to policy/. */
#ifndef ASSAY_POLICY_CONTEXT_PARTS_H
#define ASSAY_POLICY_CONTEXT_PARTS_H

#include "base/cbor.h"
#include "policy/policy.h"

/* An object by its digest; an empty one as null. */
must_use bool context_put_object(
	struct cbor_writer *w, int64_t key, struct bytes object, struct err *err);
/* The digest of an object that may be null; empty then. */
struct bytes context_read_object(struct cbor_item root, int64_t key, const char *field);
uint64_t context_read_number(struct cbor_item root, int64_t key, uint64_t max, const char *field);
int64_t context_read_time(struct cbor_item root, int64_t key, const char *field);

must_use bool context_put_host(
	struct cbor_writer *w, const struct context_host *host, struct err *err);
/* ret_ek_certs: the digest of the certificates, or nothing. attributes: room for HOST_ATTRIBUTES_MAX of them, where the
 * host's then are. */
void context_read_host(struct cbor_item item, struct context_host *host, struct bytes *ret_ek_certs,
	struct host_attribute *attributes);

void context_put_challenge(struct cbor_writer *w, const struct context_challenge *c);
void context_read_challenge(struct cbor_item item, struct context_challenge *c);

void context_put_workload(struct cbor_writer *w, const struct context_workload *workload);
void context_read_workload(struct cbor_item item, struct context_workload *w);

/* One that there is. Absent: there was none. */
void context_put_rollout(struct cbor_writer *w, const struct rollout_view *r);
void context_read_rollout(struct cbor_item item, struct rollout_view *r);

#endif
