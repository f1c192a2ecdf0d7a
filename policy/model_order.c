/* SPDX-License-Identifier: Apache-2.0 */
/* The resources of a model in order: each dialect's own, and ours, in which they are compared. */
#include "policy/model_internal.h"

#include <stdio.h>
#include <stdlib.h>

static int path_order(const void *a, const void *b)
{
	const struct model_resource *x = a, *y = b;
	int order = bytes_compare(x->path, y->path);
	return order ? order : (x->start > y->start) - (x->start < y->start);
}

size_t model_name_suffix(const struct model_resource *resource, char out[64])
{
	if (resource->end == 0) {
		out[0] = '\0';
		return 0;
	}
	return (size_t)snprintf(out, 64, ":%llu:%llu", (unsigned long long)resource->start,
		(unsigned long long)resource->end);
}

/* Specification, section 6.4: by the whole name. */
static int name_order(const void *a, const void *b)
{
	const struct model_resource *pair[2] = {a, b};
	char suffix[2][64];
	size_t path = pair[0]->path.len < pair[1]->path.len ? pair[0]->path.len : pair[1]->path.len;
	int order = path ? memcmp(pair[0]->path.data, pair[1]->path.data, path) : 0;
	if (order)
		return order;
	size_t longest = 0, total[2];
	for (size_t i = 0; i < 2; i++) {
		total[i] = pair[i]->path.len + model_name_suffix(pair[i], suffix[i]);
		longest = total[i] > longest ? total[i] : longest;
	}
	for (size_t at = path; at < longest; at++) {
		int octet[2];
		for (size_t i = 0; i < 2; i++) {
			size_t len = pair[i]->path.len;
			octet[i] = at >= total[i] ? -1
				   : at < len     ? pair[i]->path.data[at]
						  : (uint8_t)suffix[i][at - len];
		}
		if (octet[0] != octet[1])
			return octet[0] - octet[1];
	}
	return 0;
}

/* The reference implementation: component by component, so a slash comes before everything. */
static int component_order(const void *a, const void *b)
{
	const struct model_resource *x = a, *y = b;
	size_t len = x->path.len < y->path.len ? x->path.len : y->path.len;
	for (size_t i = 0; i < len; i++) {
		uint8_t p = x->path.data[i], q = y->path.data[i];
		if (p == q)
			continue;
		return p == '/' ? -1 : q == '/' ? 1 : p - q;
	}
	return path_order(a, b);
}

void model_sort(struct model_resource *resources, size_t n)
{
	if (n)
		qsort(resources, n, sizeof(*resources), path_order);
}

void model_form_sort(struct model_manifest *manifest, enum model_form form)
{
	if (manifest->resource_count)
		qsort(manifest->resources, manifest->resource_count, sizeof(*manifest->resources),
			form == MODEL_FORM_REFERENCE ? component_order : name_order);
}

bool model_root_over(struct model_manifest *manifest, struct err *err)
{
	OWNED(hasher_free) struct hasher *hasher = NULL;
	struct digest root;
	if (!hasher_new(DIGEST_SHA256, &hasher, err))
		return false;
	for (size_t i = 0; i < manifest->resource_count; i++)
		if (!hasher_update(hasher, BYTES_OF(manifest->resources[i].digest), err))
			return false;
	if (!hasher_final(hasher, &root, err))
		return false;
	memcpy(manifest->root, root.bytes, SHA256_LEN);
	return true;
}

bool model_root(struct model_manifest *manifest, enum model_form form, struct err *err)
{
	model_form_sort(manifest, form);
	bool done = model_root_over(manifest, err);
	model_sort(manifest->resources, manifest->resource_count);
	return done;
}

const char *model_fault_name(enum model_fault fault)
{
	static const char *const names[] = {
		[MODEL_MISSING] = "missing", [MODEL_EXTRA] = "extra", [MODEL_CHANGED] = "changed"};
	return (size_t)fault < ARRAY_LEN(names) && names[fault] ? names[fault] : "unknown";
}

static void differ(
	struct model_differences *d, enum model_fault fault, const struct model_resource *resource)
{
	*(fault == MODEL_MISSING       ? &d->missing
		: fault == MODEL_EXTRA ? &d->extra
				       : &d->changed) += 1;
	if (d->shown == MODEL_FAULTS_SHOWN)
		return;
	d->first[d->shown].fault = fault;
	d->first[d->shown++].resource = resource;
}

void model_compare(const struct model_manifest *manifest, const struct model_resource *found,
	size_t n, struct model_differences *ret)
{
	const struct model_resource *wanted = manifest->resources;
	size_t i = 0, j = 0;
	*ret = (struct model_differences){0};
	while (i < manifest->resource_count || j < n) {
		int order = i == manifest->resource_count ? 1
			    : j == n                      ? -1
							  : path_order(&wanted[i], &found[j]);
		if (order < 0) {
			differ(ret, MODEL_MISSING, &wanted[i++]);
		} else if (order > 0) {
			/* Behind the last octet signed of this very file? */
			bool grown = i > 0 && bytes_equal(wanted[i - 1].path, found[j].path);
			differ(ret, grown ? MODEL_CHANGED : MODEL_EXTRA, &found[j++]);
		} else {
			if (wanted[i].end != found[j].end ||
				memcmp(wanted[i].digest, found[j].digest, SHA256_LEN) != 0)
				differ(ret, MODEL_CHANGED, &found[j]);
			i++;
			j++;
		}
	}
}
