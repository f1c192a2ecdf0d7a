/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/model_files.h"

#include <errno.h>
#include <libgen.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/text.h"

/* The signature's file by its directory, since it need not be there yet. */
static bool find_own(struct model_files *files, const char *signature, struct err *err)
{
	OWNED(free_ptr) char *copy = strdup(signature), *canonical = NULL;
	OWNED(buf_release) struct buf whole = {0};
	size_t root = strlen(files->path);
	if (!copy)
		return err_set(err, ERR_NOMEM, "out of memory");
	const char *slash = strrchr(signature, '/');
	const char *name = slash ? slash + 1 : signature;
	if (!measure_canonical(dirname(copy), &canonical, err))
		return false;
	const char *path = path_join(&whole, canonical, name);
	if (!path)
		return err_set(err, ERR_NOMEM, "out of memory");
	if (strncmp(path, files->path, root) != 0 || path[root] != '/')
		return true;
	files->own = strdup(path + root + 1);
	return files->own || err_set(err, ERR_NOMEM, "out of memory");
}

static void ignore_one(struct model_files *files, const char *path)
{
	for (size_t i = 0; i < files->ignore_count; i++)
		if (strcmp(files->ignores[i], path) == 0)
			return;
	files->ignores[files->ignore_count++] = path;
}

bool model_files_open(struct model_files *files, const char *path, const char *signature,
	const char *const *ignores, size_t ignore_count, struct err *err)
{
	struct stat status;
	if (!measure_canonical(path, &files->path, err))
		return false;
	if (stat(files->path, &status) != 0)
		return err_errno(err, errno, "%s", ESC(bytes_str(files->path)));
	const char *slash = strrchr(files->path, '/');
	files->name = slash && slash[1] ? slash + 1 : "model";
	files->directory = S_ISDIR(status.st_mode);
	const char **list = calloc(MODEL_DEFAULT_IGNORES + 1 + ignore_count, sizeof(*list));
	if (!list)
		return err_set(err, ERR_NOMEM, "out of memory");
	files->ignores = list;
	files->ignore_count = 0;
	if (!files->directory)
		return true;
	for (size_t i = 0; i < MODEL_DEFAULT_IGNORES; i++)
		ignore_one(files, model_default_ignores[i]);
	if (signature && strcmp(signature, "-") != 0) {
		if (!find_own(files, signature, err))
			return false;
		if (files->own)
			ignore_one(files, files->own);
	}
	for (size_t i = 0; i < ignore_count; i++)
		ignore_one(files, ignores[i]);
	return true;
}

static bool measure_one(struct model_files *files, uint64_t shard_size, struct err *err)
{
	OWNED(fd_close) int fd = -1;
	if (!measure_open(files->path, &fd, err))
		return false;
	if (shard_size)
		return measure_fd_shards(fd, files->name, shard_size, 0, &files->tree, err);
	files->tree.files = calloc(1, sizeof(*files->tree.files));
	if (!files->tree.files)
		return err_set(err, ERR_NOMEM, "out of memory");
	if (!measure_fd(fd, files->name, MEASURE_SHA256, 0, files->tree.files, err))
		return false;
	files->tree.count = 1;
	files->tree.bytes = files->tree.files[0].size;
	return true;
}

static bool measure_all(
	struct model_files *files, uint64_t shard_size, bool follow_links, struct err *err)
{
	const struct measure_tree_options options = {
		.alg = MEASURE_SHA256,
		.ignore = files->ignores,
		.ignore_count = files->ignore_count,
		.follow_links = follow_links,
		.shard_size = shard_size,
	};
	return files->directory ? measure_tree_as(files->path, &options, &files->tree, err)
				: measure_one(files, shard_size, err);
}

bool model_files_measure(struct model_files *files, uint64_t shard_size, bool follow_links,
	const char *single_name, struct err *err)
{
	const struct measured_tree *tree = &files->tree;
	if (!measure_all(files, shard_size, follow_links, err))
		return false;
	size_t n = shard_size ? tree->shard_count : tree->count;
	files->resources = calloc(n + 1, sizeof(*files->resources));
	if (!files->resources)
		return err_set(err, ERR_NOMEM, "%zu resources: out of memory", n);
	for (size_t i = 0; i < tree->count; i++)
		files->empty += tree->files[i].size == 0;
	for (size_t i = 0; i < n; i++) {
		struct model_resource *resource = &files->resources[files->count++];
		const struct measured_shard *shard = shard_size ? &tree->shards[i] : NULL;
		const struct measured_file *file = &tree->files[shard ? shard->file : i];
		resource->path = bytes_str(files->directory ? file->path : single_name);
		resource->start = shard ? shard->start : 0;
		resource->end = shard ? shard->end : 0;
		memcpy(resource->digest, shard ? shard->digest : file->digest, SHA256_LEN);
	}
	model_sort(files->resources, files->count);
	return true;
}

void model_files_release(struct model_files *files)
{
	measured_tree_release(&files->tree);
	free(files->resources);
	free(files->ignores);
	free(files->own);
	free(files->path);
	memset(files, 0, sizeof(*files));
}
