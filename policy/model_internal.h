/* SPDX-License-Identifier: Apache-2.0 */
/* What reading, writing and ordering of a model's manifest share; private to policy/model_*.c. */
#ifndef ASSAY_POLICY_MODEL_INTERNAL_H
#define ASSAY_POLICY_MODEL_INTERNAL_H

#include "policy/model_signature.h"

/* What stands behind the path in a resource's name: ":start:end", or nothing. Returns its length. */
size_t model_name_suffix(const struct model_resource *resource, char out[64]);
/* Puts the resources into a form's order. */
void model_form_sort(struct model_manifest *manifest, enum model_form form);
/* Sets root to the digest over the digests in the order that the resources are in. */
must_use bool model_root_over(struct model_manifest *manifest, struct err *err);

#endif
