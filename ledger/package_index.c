/* SPDX-License-Identifier: Apache-2.0 */
/* What lies in a package: written by its maker, held against each member by whoever reads it. */
#include "ledger/package.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "base/time.h"

/* By the directory, or by the whole path. */
static const struct {
	const char *prefix, *what;
} kinds[] = {
	{"checkpoint", "checkpoint"},
	{"maker.pem", "maker"},
	{"register.json", "register"},
	{"compliance.json", "compliance"},
	{"entries/", "entries"},
	{"decisions/", "decision"},
	{"objects/", "object"},
	{"releases/", "release"},
	{"incidents/", "incident"},
};

const char *package_what(struct bytes path)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		size_t n = strlen(kinds[i].prefix);
		bool whole = kinds[i].prefix[n - 1] != '/';

		if (path.len >= n && memcmp(path.data, kinds[i].prefix, n) == 0 &&
			(whole ? path.len == n : path.len > n))
			return kinds[i].what;
	}
	return NULL;
}

void package_index_release(struct package_index *index)
{
	json_decref(index->root);
	free(index->destroyed);
	memset(index, 0, sizeof(*index));
}

json_t *package_index_new(const char *workload, int64_t from, int64_t to)
{
	char first[TIME_TEXT_MAX], last[TIME_TEXT_MAX];

	return json_pack("{s:s, s:s, s:s, s:s, s:[]}", "type", PACKAGE_TYPE, "workload", workload,
		"from", time_format(from, first), "to", time_format(to, last), "files");
}

bool package_index_add(json_t *index, const char *path, struct bytes content, struct err *err)
{
	uint8_t digest[SHA256_LEN];
	char hex[2 * SHA256_LEN + 1];
	const char *what = package_what(bytes_str(path));

	if (!what)
		return err_set(err, ERR_USAGE, "package: %s: nothing that a package has",
			ESC(bytes_str(path)));
	if (!sha256_of(content, digest, err))
		return false;
	hex_encode(BYTES_OF(digest), hex);
	return json_array_append_new(json_object_get(index, "files"),
		       json_pack("{s:s, s:I, s:s, s:s}", "path", path, "size",
			       (json_int_t)content.len, "sha256", hex, "what", what)) == 0 ||
	       err_set(err, ERR_NOMEM, "package index");
}

bool package_index_add_destroyed(
	json_t *index, const struct package_destroyed *destroyed, struct err *err)
{
	char hex[2 * SHA256_LEN + 1];

	if (!json_object_get(index, "destroyed") &&
		json_object_set_new(index, "destroyed", json_array()) != 0)
		return err_set(err, ERR_NOMEM, "package index");
	hex_encode(BYTES_OF(destroyed->record), hex);
	return json_array_append_new(json_object_get(index, "destroyed"),
		       json_pack("{s:I, s:s, s:I}", "entry", (json_int_t)destroyed->entry, "record",
			       hex, "by", (json_int_t)destroyed->by)) == 0 ||
	       err_set(err, ERR_NOMEM, "package index");
}

/* ---- what was destroyed ---- */

static void destroyed_one(struct json_fields *f, const json_t *value, struct package_destroyed *ret)
{
	static const char *const keys[] = {"entry", "record", "by", NULL};

	json_only_keys(f, value, keys);
	ret->entry = (uint64_t)json_need_int(f, value, "entry", 0, INT64_MAX);
	json_need_hex(f, value, "record", ret->record, sizeof(ret->record));
	ret->by = (uint64_t)json_need_int(f, value, "by", 0, INT64_MAX);
	if (ret->by <= ret->entry)
		json_fields_fail(f, "by", "not behind the decision");
}

static bool destroyed_read(struct package_index *index, struct err *err)
{
	struct json_fields f = json_fields_of("package index: destroyed");

	if (!json_object_get(index->root, "destroyed"))
		return true;
	const json_t *list = json_need_array(&f, index->root, "destroyed", PACKAGE_MEMBERS_MAX);
	size_t n = json_array_size(list);

	index->destroyed = calloc(n ? n : 1, sizeof(*index->destroyed));
	if (!index->destroyed)
		return err_set(err, ERR_NOMEM, "package index");
	for (; index->destroyed_count < n; index->destroyed_count++) {
		size_t i = index->destroyed_count;

		destroyed_one(&f, json_array_get(list, i), &index->destroyed[i]);
		if (i > 0 && index->destroyed[i - 1].entry >= index->destroyed[i].entry)
			json_fields_fail(&f, "entry", "out of order");
	}
	return json_fields_ok(&f, err);
}

/* ---- held against the members ---- */

/* An object is found by its digest, so it is under no other name. */
static bool object_check(
	const struct package_member *member, const uint8_t digest[SHA256_LEN], struct err *err)
{
	char path[sizeof("objects/") + 2 * SHA256_LEN] = "objects/";

	hex_encode(bytes_of(digest, SHA256_LEN), path + strlen(path));
	return bytes_equal_str(member->path, path) ||
	       err_set(err, ERR_MISMATCH,
		       "package index: %s is named by another digest than its own",
		       ESC(member->path));
}

static bool file_check(const json_t *file, const struct package_member *member, struct err *err)
{
	static const char *const keys[] = {"path", "size", "sha256", "what", NULL};
	struct json_fields f = json_fields_of("package index");
	uint8_t stated[SHA256_LEN], actual[SHA256_LEN];
	const char *what = package_what(member->path);

	json_only_keys(&f, file, keys);
	const char *path = json_need_str(&f, file, "path", PACKAGE_PATH_MAX);
	int64_t size = json_need_int(&f, file, "size", 0, PACKAGE_MEMBER_MAX);
	const char *said = json_need_str(&f, file, "what", 32);
	json_need_hex(&f, file, "sha256", stated, sizeof(stated));
	if (!json_fields_ok(&f, err) || !sha256_of(member->content, actual, err))
		return false;
	if (!bytes_equal_str(member->path, path))
		return err_set(err, ERR_MISMATCH, "package index: %s stands where %s is named",
			ESC(member->path), ESC(bytes_str(path)));
	if (!what || strcmp(what, said) != 0)
		return err_set(err, ERR_MISMATCH, "package index: %s is no %s", ESC(member->path),
			ESC(bytes_str(said)));
	if ((size_t)size != member->content.len || memcmp(stated, actual, sizeof(actual)) != 0)
		return err_set(err, ERR_MISMATCH,
			"package index: %s is not what the index says it is", ESC(member->path));
	return strcmp(what, "object") != 0 || object_check(member, actual, err);
}

static void time_read(struct json_fields *f, const json_t *root, const char *key, int64_t *ret)
{
	if (!time_parse(bytes_str(json_need_str(f, root, key, TIME_TEXT_MAX)), ret, NULL))
		json_fields_fail(f, key, "not a time");
}

static bool head_read(struct package_index *index, const json_t **ret_files, struct err *err)
{
	static const char *const keys[] = {
		"type", "workload", "from", "to", "files", "destroyed", NULL};
	struct json_fields f = json_fields_of("package index");
	const json_t *root = index->root;

	json_only_keys(&f, root, keys);
	if (strcmp(json_need_str(&f, root, "type", 32), PACKAGE_TYPE) != 0)
		json_fields_fail(&f, "type", "not " PACKAGE_TYPE);
	const char *workload = json_need_str(&f, root, "workload", sizeof(index->workload) - 1);
	if (!text_is_name(bytes_str(workload)))
		json_fields_fail(&f, "workload", "not a name");
	time_read(&f, root, "from", &index->from);
	time_read(&f, root, "to", &index->to);
	*ret_files = json_need_array(&f, root, "files", PACKAGE_MEMBERS_MAX);
	(void)snprintf(index->workload, sizeof(index->workload), "%s", workload);
	return json_fields_ok(&f, err);
}

bool package_index_check(const struct package *package, struct package_index *ret, struct err *err)
{
	OWNED(package_index_release) struct package_index index = {0};
	const json_t *files = NULL;
	size_t n = package->count;

	if (n < 2 || !bytes_equal_str(package->members[n - 2].path, PACKAGE_INDEX) ||
		!bytes_equal_str(package->members[n - 1].path, PACKAGE_SIGNATURE))
		return err_set(err, ERR_FORMAT,
			"package: its last members are not " PACKAGE_INDEX
			" and " PACKAGE_SIGNATURE);
	if (!json_open(package->members[n - 2].content, PACKAGE_INDEX_MAX, &index.root, err))
		return err_wrap(err, "package index");
	if (!head_read(&index, &files, err) || !destroyed_read(&index, err))
		return false;
	if (json_array_size(files) != n - 2)
		return err_set(err, ERR_MISMATCH, "package index: %zu files, and %zu are there",
			json_array_size(files), n - 2);
	for (size_t i = 0; i < n - 2; i++)
		if (!file_check(json_array_get(files, i), &package->members[i], err))
			return false;
	*ret = TAKE_STRUCT(index);
	return true;
}
