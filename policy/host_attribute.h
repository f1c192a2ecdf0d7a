/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attributes of a host: where it stands and what it belongs to, as operators say. Nothing measures
 * them, so whoever shows one also shows who asserted it. Pure.
 */
#ifndef ASSAY_POLICY_HOST_ATTRIBUTE_H
#define ASSAY_POLICY_HOST_ATTRIBUTE_H

#include "base/bytes.h"
#include "base/err.h"

#define HOST_ATTRIBUTES_MAX      32u /* of one host */
#define HOST_ATTRIBUTE_KEY_MAX   64u /* text_is_name */
#define HOST_ATTRIBUTE_VALUE_MAX 253u /* the longest DNS name: that of a Kubernetes node */
#define HOST_ATTRIBUTE_BY_MAX    511u /* a SPIFFE id */
#define HOST_JURISDICTION        "jurisdiction"
#define HOST_KUBERNETES_NODE     "kubernetes-node"

struct host_attribute { /* borrowed */
	struct bytes key, value;
	struct bytes by; /* SPIFFE id of the operator who set it */
};

/* ISO 3166-1 alpha-2 in capitals, or with a subdivision as ISO 3166-2 has it: "CH", "CH-ZH". The
 * form alone: whether there is such a place nobody asks. */
bool jurisdiction_ok(struct bytes code);
/* A place lies in what covers it: "CH" covers "CH" and "CH-ZH", "CH-ZH" only itself. */
bool jurisdiction_covers(const char *wanted, struct bytes actual);
/* Keys are names; values 1..253 bytes of UTF-8 without control characters; that of `jurisdiction`
 * as jurisdiction_ok, that of `kubernetes-node` a DNS name in lower case. ERR_FORMAT, naming the
 * key. */
must_use bool host_attribute_check(struct bytes key, struct bytes value, struct err *err);
/* "olga" of "spiffe://bank.example/operator/admin/olga". */
struct bytes host_attribute_operator(struct bytes by);
/* NULL: the host has none of this key. */
const struct host_attribute *host_attribute_find(
	const struct host_attribute *attributes, size_t count, const char *key);

#endif
