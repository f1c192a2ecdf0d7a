/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/spec.h"

#include <stdlib.h>

#include "base/file.h"

static bool measure_one(const struct spec_component *component, int threads,
	struct measured_component *ret, struct err *err)
{
	OWNED(fd_close) int fd = -1;
	ret->files = calloc(1, sizeof(*ret->files));
	if (!ret->files)
		return err_set(err, ERR_NOMEM, "out of memory");
	if (!measure_open(component->canonical, &fd, err) ||
		!measure_fd(fd, component->canonical, component->digest, threads, ret->files, err))
		return false;
	ret->file_count = 1;
	ret->size = ret->files->size;
	ret->kind = component->digest == MEASURE_FSVERITY ? COMPONENT_FSVERITY : COMPONENT_SHA256;
	memcpy(ret->digest, ret->files->digest, SHA256_LEN);
	return true;
}

static bool measure_all(const struct spec_component *component, int threads,
	struct measured_component *ret, struct err *err)
{
	OWNED(measured_tree_release) struct measured_tree tree = {0};
	if (!measure_tree(component->canonical, component->digest, threads, &tree, err))
		return false;
	ret->file_count = tree.count;
	ret->size = tree.bytes;
	ret->kind = component->digest == MEASURE_FSVERITY ? COMPONENT_TREE_FSVERITY
							  : COMPONENT_TREE_SHA256;
	memcpy(ret->digest, tree.manifest_digest, SHA256_LEN);
	ret->files = TAKE(tree.files);
	tree.count = 0;
	return true;
}

bool measure_component(const struct spec_component *component, int threads,
	struct measured_component *ret, struct err *err)
{
	OWNED(measured_component_release) struct measured_component result = {0};
	if (!component->canonical)
		return err_set(err, ERR_INTERNAL, "component %s: the spec was not accepted",
			component->name);
	result.present = component->present;
	result.directory = component->directory;
	result.name = strdup(component->name);
	result.role = strdup(spec_role_name(component->role));
	result.path = strdup(component->path);
	result.canonical = strdup(component->canonical);
	if (!result.name || !result.role || !result.path || !result.canonical)
		return err_set(err, ERR_NOMEM, "component %s: out of memory", component->name);
	if (component->directory ? !measure_all(component, threads, &result, err)
				 : !measure_one(component, threads, &result, err))
		return err_wrap(err, "component %s", component->name);
	result.verity = true;
	for (size_t i = 0; i < result.file_count; i++)
		result.verity = result.verity && result.files[i].verity;
	*ret = TAKE_STRUCT(result);
	return true;
}

void measured_component_release(struct measured_component *component)
{
	if (!component)
		return;
	for (size_t i = 0; i < component->file_count; i++)
		measured_file_release(&component->files[i]);
	free(component->files);
	free(component->name);
	free(component->role);
	free(component->path);
	free(component->canonical);
	memset(component, 0, sizeof(*component));
}
