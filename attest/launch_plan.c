/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/launch_plan.h"

#include <limits.h>

#include "base/text.h"

/* ---- entries ---- */

bool launch_entry_put(const struct launch_entry *entry, struct buf *out, struct err *err)
{
	if (entry->path.len > UINT16_MAX || entry->target.len > UINT16_MAX)
		return err_set(err, ERR_LIMIT, "a path longer than %d bytes", UINT16_MAX);
	buf_put_u8(out, (uint8_t)entry->kind);
	buf_put_u8(out, entry->executable);
	buf_put_be64(out, entry->offset);
	buf_put_be64(out, entry->size);
	buf_put_be64(out, entry->device);
	buf_put_be64(out, entry->inode);
	buf_put(out, BYTES_OF(entry->digest));
	buf_put_be16(out, (uint16_t)entry->path.len);
	buf_put(out, entry->path);
	buf_put_be16(out, (uint16_t)entry->target.len);
	buf_put(out, entry->target);
	return buf_ok(out, err);
}

/* Every part of a path is a name: neither empty nor "." nor "..", no NUL. */
static bool path_is_plain(struct bytes path)
{
	size_t begin = 0;
	if (path.len == 0 || path.len >= PATH_MAX || memchr(path.data, 0, path.len))
		return false;
	for (size_t i = 0; i <= path.len; i++) {
		if (i < path.len && path.data[i] != '/')
			continue;
		struct bytes part = bytes_of(path.data + begin, i - begin);
		if (part.len == 0 || part.len > NAME_MAX || bytes_equal_str(part, ".") ||
			bytes_equal_str(part, ".."))
			return false;
		begin = i + 1;
	}
	return true;
}

static bool path_is_absolute(struct bytes path)
{
	return path.len > 1 && path.data[0] == '/' &&
	       path_is_plain(bytes_of(path.data + 1, path.len - 1));
}

static void check_paths(struct reader *r, const struct launch_entry *entry)
{
	bool library = entry->kind == LAUNCH_LIBRARY;
	bool has_target = library || entry->kind == LAUNCH_LINK;
	if (library ? !path_is_plain(entry->path) || memchr(entry->path.data, '/', entry->path.len)
		    : !path_is_absolute(entry->path))
		rd_fail(r, "path", "not a plain path");
	if (has_target ? !path_is_absolute(entry->target) : entry->target.len != 0)
		rd_fail(r, "target", "not a plain path");
}

bool launch_entry_next(struct reader *index, struct launch_entry *ret, struct err *err)
{
	*ret = (struct launch_entry){0};
	if (rd_left(index) == 0 && !rd_failed(index))
		return true;
	uint8_t kind = rd_u8(index, "kind");
	uint8_t executable = rd_u8(index, "executable");
	ret->executable = executable != 0;
	ret->offset = rd_be64(index, "offset");
	ret->size = rd_be64(index, "size");
	ret->device = rd_be64(index, "device");
	ret->inode = rd_be64(index, "inode");
	struct bytes digest = rd_bytes(index, SHA256_LEN, "digest");
	ret->path = rd_bytes(index, rd_be16(index, "path length"), "path");
	ret->target = rd_bytes(index, rd_be16(index, "target length"), "target");
	if (executable > 1)
		rd_fail(index, "executable", "neither 0 nor 1");
	if (kind == LAUNCH_NONE || kind >= LAUNCH_KINDS)
		rd_fail(index, "kind", "unknown");
	else
		ret->kind = (enum launch_kind)kind;
	if (!rd_failed(index))
		check_paths(index, ret);
	if (rd_failed(index))
		return rd_finish(index, err) || err_wrap(err, "launch index");
	memcpy(ret->digest, digest.data, SHA256_LEN);
	return true;
}

/* ---- the plan ---- */

static json_t *texts_to_json(const char *const *texts, size_t count)
{
	json_t *array = json_array();
	for (size_t i = 0; i < count; i++) {
		if (json_array_append_new(array, json_string(texts[i])) != 0) {
			json_decref(array);
			return NULL;
		}
	}
	return array;
}

bool launch_plan_write(const struct launch_plan *plan, struct buf *out, struct err *err)
{
	OWNED(json_release)
	json_t *json = json_pack("{s:s,s:s,s:I,s:I,s:I,s:o,s:o}", "instance", plan->instance,
		"directory", plan->directory, "uid", (json_int_t)plan->uid, "gid",
		(json_int_t)plan->gid, "sandbox", (json_int_t)plan->sandbox, "arguments",
		texts_to_json(plan->arguments, plan->argument_count), "environment",
		texts_to_json(plan->environment, plan->environment_count));
	if (!json)
		return err_set(err, ERR_FORMAT,
			"an argument or a variable is not valid UTF-8, or there is no memory for "
			"the plan");
	if (!json_write(json, false, out, err))
		return false;
	if (out->len > LAUNCH_PLAN_MAX)
		return err_set(err, ERR_LIMIT, "arguments and environment of more than %u bytes",
			LAUNCH_PLAN_MAX);
	return true;
}

static size_t texts_of(struct json_fields *f, const json_t *json, const char *key, const char **out)
{
	const json_t *array = json_need_array(f, json, key, LAUNCH_WORDS_MAX);
	size_t count = array ? json_array_size(array) : 0;
	for (size_t i = 0; i < count; i++) {
		out[i] = json_string_value(json_array_get(array, i));
		if (!out[i])
			json_fields_fail(f, key, "not a text");
	}
	out[count] = NULL;
	return count;
}

bool launch_plan_read(struct bytes in, struct launch_plan *ret, struct err *err)
{
	static const char *const keys[] = {
		"instance", "directory", "uid", "gid", "sandbox", "arguments", "environment", NULL};
	OWNED(launch_plan_release) struct launch_plan plan = {0};
	if (!json_open(in, LAUNCH_PLAN_MAX, &plan.json, err))
		return err_wrap(err, "launch plan");
	struct json_fields f = json_fields_of("launch plan");
	uint8_t instance[INSTANCE_ID_LEN] = {0};
	json_only_keys(&f, plan.json, keys);
	json_need_hex(&f, plan.json, "instance", instance, sizeof(instance));
	hex_encode(BYTES_OF(instance), plan.instance);
	plan.directory = json_need_str(&f, plan.json, "directory", PATH_MAX);
	plan.uid = (uid_t)json_need_int(&f, plan.json, "uid", 0, UINT32_MAX - 1);
	plan.gid = (gid_t)json_need_int(&f, plan.json, "gid", 0, UINT32_MAX - 1);
	plan.sandbox = (unsigned)json_need_int(&f, plan.json, "sandbox", 0, SANDBOX_ALL);
	plan.argument_count = texts_of(&f, plan.json, "arguments", plan.arguments);
	plan.environment_count = texts_of(&f, plan.json, "environment", plan.environment);
	if (plan.argument_count == 0)
		json_fields_fail(&f, "arguments", "empty");
	if (!json_fields_ok(&f, err))
		return false;
	*ret = TAKE_STRUCT(plan);
	return true;
}

void launch_plan_release(struct launch_plan *plan)
{
	if (plan)
		json_release(&plan->json);
}
