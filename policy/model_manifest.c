/* SPDX-License-Identifier: Apache-2.0 */
/* The statement of a model's files: read, written, compared. */
#include "policy/model_internal.h"

#include <stdlib.h>

#include "base/text.h"
#include "policy/statement.h"

const char *const model_default_ignores[MODEL_DEFAULT_IGNORES] = {
	".git", ".gitattributes", ".github", ".gitignore"};

#define RESOURCE_NAME_MAX (MODEL_PATH_MAX + 42) /* two decimal numbers and their colons */
#define ALGORITHM_MAX     64

static const char *const predicate_keys[] = {"resources", "serialization", NULL};
static const char *const serialization_keys[] = {
	"method", "hash_type", "shard_size", "allow_symlinks", "ignore_paths", NULL};

bool model_path_ok(struct bytes path)
{
	if (path.len == 0 || path.len > MODEL_PATH_MAX || !utf8_valid(path))
		return false;
	for (size_t at = 0, begin = 0; at <= path.len; at++) {
		if (at < path.len && path.data[at] != '/') {
			if (path.data[at] < 0x20 || path.data[at] == 0x7f || path.data[at] == '\\')
				return false;
			continue;
		}
		struct bytes component = bytes_of(path.data + begin, at - begin);
		if (component.len == 0 || bytes_equal_str(component, ".") ||
			bytes_equal_str(component, ".."))
			return false;
		begin = at + 1;
	}
	return true;
}

bool model_ignore_ok(struct bytes path)
{
	for (size_t i = 0; i < path.len; i++)
		if (path.data[i] == '*' || path.data[i] == '?' || path.data[i] == '[')
			return false;
	return model_path_ok(path);
}

/* ---- what must hold of resources, read or about to be written; sorted by path ---- */

static bool check_shard(const struct model_manifest *manifest, size_t i, struct err *err)
{
	const struct model_resource *shard = &manifest->resources[i];
	const struct model_resource *before = i > 0 ? shard - 1 : NULL;
	bool first = !before || !bytes_equal(before->path, shard->path);
	uint64_t begin = first ? 0 : before->end;
	bool whole = first || before->end - before->start == manifest->shard_size;
	if (shard->start == begin && whole && shard->end > shard->start &&
		shard->end - shard->start <= manifest->shard_size)
		return true;
	return err_set(err, ERR_FORMAT,
		"resource %s:%llu:%llu: does not join what is signed before it", ESC(shard->path),
		(unsigned long long)shard->start, (unsigned long long)shard->end);
}

static bool check_resources(const struct model_manifest *manifest, struct err *err)
{
	if (manifest->resource_count == 0)
		return err_set(err, ERR_FORMAT, "resources: empty");
	for (size_t i = 0; i < manifest->resource_count; i++) {
		const struct model_resource *resource = &manifest->resources[i];
		if (!model_path_ok(resource->path) && !manifest->single)
			return err_set(err, ERR_FORMAT,
				"resource \"%s\": not the name of a file below the model",
				ESC(resource->path));
		if (manifest->shard_size) {
			if (!check_shard(manifest, i, err))
				return false;
		} else if (i > 0 && bytes_equal(resource[-1].path, resource->path)) {
			return err_set(
				err, ERR_FORMAT, "resource %s: there twice", ESC(resource->path));
		}
	}
	return true;
}

/* ---- reading ---- */

/* A decimal number without leading zeros, at the end of text before *len, after a colon. */
static bool take_number(struct bytes text, size_t *len, uint64_t *ret)
{
	size_t end = *len, at = end;
	uint64_t value = 0;
	while (at > 0 && text.data[at - 1] >= '0' && text.data[at - 1] <= '9')
		at--;
	if (at == end || end - at > 18 || at == 0 || text.data[at - 1] != ':' ||
		(text.data[at] == '0' && end - at > 1))
		return false;
	for (size_t i = at; i < end; i++)
		value = value * 10 + (uint64_t)(text.data[i] - '0');
	*ret = value;
	*len = at - 1;
	return true;
}

static bool check_algorithm(const struct model_manifest *manifest, const char *name,
	const char *algorithm, struct err *err)
{
	char sharded[ALGORITHM_MAX];
	(void)snprintf(sharded, sizeof(sharded), "sha256-sharded-%llu",
		(unsigned long long)manifest->shard_size);
	if (strcmp(algorithm, "sha256") == 0 ||
		(manifest->shard_size && strcmp(algorithm, sharded) == 0))
		return true;
	return err_set(err, ERR_UNSUPPORTED, "resource %s: algorithm \"%s\" is not supported",
		ESC(bytes_str(name)), ESC(bytes_str(algorithm)));
}

static bool read_resource(struct model_manifest *manifest, const json_t *entry, struct err *err)
{
	struct json_fields f = json_fields_of("resource");
	struct model_resource *resource = &manifest->resources[manifest->resource_count];
	const char *name = json_need_str(&f, entry, "name", RESOURCE_NAME_MAX);
	const char *algorithm = json_need_str(&f, entry, "algorithm", ALGORITHM_MAX);
	if (!json_fields_ok(&f, err) || !check_algorithm(manifest, name, algorithm, err))
		return false;
	json_need_hex(&f, entry, "digest", resource->digest, SHA256_LEN);
	if (!json_fields_ok(&f, err))
		return err_wrap(err, "%s", ESC(bytes_str(name)));
	resource->path = bytes_str(name);
	size_t len = resource->path.len;
	if (manifest->shard_size) {
		if (!take_number(resource->path, &len, &resource->end) ||
			!take_number(resource->path, &len, &resource->start))
			return err_set(err, ERR_FORMAT, "resource \"%s\": not path:start:end",
				ESC(bytes_str(name)));
		resource->path.len = len;
	}
	manifest->resource_count++;
	return true;
}

/* The reference implementation writes its numbers as doubles. */
static uint64_t read_shard_size(struct json_fields *f, const json_t *serialization)
{
	const json_t *value = json_object_get(serialization, "shard_size");
	double real = json_is_real(value) ? json_real_value(value) : 0;
	if (!json_is_real(value))
		return (uint64_t)json_need_int(f, serialization, "shard_size", 1, MODEL_SHARD_MAX);
	if (real >= 1 && real <= (double)MODEL_SHARD_MAX && (double)(uint64_t)real == real)
		return (uint64_t)real;
	json_fields_fail(f, "shard_size", "not a whole number in range");
	return 0;
}

static bool read_ignores(
	struct model_manifest *manifest, const json_t *list, struct json_fields *f, struct err *err)
{
	size_t n = json_array_size(list);
	manifest->ignores = calloc(n + 1, sizeof(*manifest->ignores));
	if (!manifest->ignores)
		return err_set(err, ERR_NOMEM, "out of memory");
	for (size_t i = 0; i < n; i++) {
		const char *path = json_string_value(json_array_get(list, i));
		if (!path || !model_ignore_ok(bytes_str(path))) {
			json_fields_fail(f, "ignore_paths",
				"not relative paths below the model, without patterns");
			return true;
		}
		manifest->ignores[manifest->ignore_count++] = path;
	}
	return true;
}

static bool read_serialization(
	struct model_manifest *manifest, const json_t *serialization, struct err *err)
{
	struct json_fields f = json_fields_of("serialization");
	json_only_keys(&f, serialization, serialization_keys);
	const char *method = json_need_str(&f, serialization, "method", ALGORITHM_MAX);
	const char *hash = json_need_str(&f, serialization, "hash_type", ALGORITHM_MAX);
	if (!json_is_boolean(json_object_get(serialization, "allow_symlinks")))
		json_fields_fail(&f, "allow_symlinks", "missing, or neither true nor false");
	const json_t *ignores =
		json_want_array(&f, serialization, "ignore_paths", MODEL_IGNORES_MAX);
	if (!json_fields_ok(&f, err))
		return false;
	if (strcmp(hash, "sha256") != 0)
		return err_set(err, ERR_UNSUPPORTED, "hash_type \"%s\" is not supported",
			ESC(bytes_str(hash)));
	bool shards = strcmp(method, "shards") == 0;
	if (!shards && strcmp(method, "files") != 0)
		return err_set(err, ERR_UNSUPPORTED, "method \"%s\" is not supported",
			ESC(bytes_str(method)));
	manifest->allow_symlinks = json_is_true(json_object_get(serialization, "allow_symlinks"));
	if (shards)
		manifest->shard_size = read_shard_size(&f, serialization);
	else if (json_object_get(serialization, "shard_size"))
		json_fields_fail(&f, "shard_size", "given for whole files");
	return read_ignores(manifest, ignores, &f, err) && json_fields_ok(&f, err);
}

static bool read_resources(struct model_manifest *manifest, const json_t *list, struct err *err)
{
	size_t n = json_array_size(list);
	manifest->resources = calloc(n + 1, sizeof(*manifest->resources));
	if (!manifest->resources)
		return err_set(err, ERR_NOMEM, "%zu resources: out of memory", n);
	for (size_t i = 0; i < n; i++)
		if (!read_resource(manifest, json_array_get(list, i), err))
			return false;
	struct bytes first = n ? manifest->resources[0].path : (struct bytes){0};
	manifest->single = bytes_equal_str(first, ".");
	for (size_t i = 1; i < n; i++)
		manifest->single =
			manifest->single && bytes_equal_str(manifest->resources[i].path, ".");
	return true;
}

static bool read_subject(const json_t *statement, struct model_manifest *manifest,
	uint8_t root[SHA256_LEN], struct err *err)
{
	struct json_fields f = json_fields_of("subject");
	const json_t *list = json_need_array(&f, statement, "subject", 1);
	if (json_array_size(list) != 1)
		json_fields_fail(&f, "subject", "not exactly one");
	if (!json_fields_ok(&f, err))
		return false;
	const json_t *subject = json_array_get(list, 0);
	manifest->name = json_need_str(&f, subject, "name", MODEL_PATH_MAX);
	const json_t *digests = json_need_object(&f, subject, "digest");
	if (digests)
		json_need_hex(&f, digests, "sha256", root, SHA256_LEN);
	return json_fields_ok(&f, err);
}

static bool read_statement(
	const json_t *statement, struct model_manifest *manifest, struct err *err)
{
	static const char *const keys[] = {"_type", "subject", "predicateType", "predicate", NULL};
	struct json_fields f = json_fields_of("statement");
	uint8_t root[SHA256_LEN];
	json_only_keys(&f, statement, keys);
	if (strcmp(json_need_str(&f, statement, "_type", 64), STATEMENT_TYPE) != 0)
		json_fields_fail(&f, "_type", "not an in-toto Statement v1");
	if (strcmp(json_need_str(&f, statement, "predicateType", 128), MODEL_PREDICATE) != 0)
		json_fields_fail(&f, "predicateType", "not the signature of a model, v1.0");
	const json_t *predicate = json_need_object(&f, statement, "predicate");
	if (!json_fields_ok(&f, err))
		return false;
	json_only_keys(&f, predicate, predicate_keys);
	const json_t *serialization = json_need_object(&f, predicate, "serialization");
	const json_t *resources = json_need_array(&f, predicate, "resources", MODEL_RESOURCES_MAX);
	if (!json_fields_ok(&f, err) || !read_subject(statement, manifest, root, err) ||
		!read_serialization(manifest, serialization, err) ||
		!read_resources(manifest, resources, err) || !model_root_over(manifest, err))
		return false;
	model_sort(manifest->resources, manifest->resource_count);
	if (!check_resources(manifest, err))
		return false;
	if (memcmp(root, manifest->root, SHA256_LEN) != 0)
		return err_set(err, ERR_FORMAT,
			"subject: the root digest is not the one over the resources");
	return true;
}

bool model_manifest_parse(struct bytes payload, struct model_manifest **ret, struct err *err)
{
	OWNED(model_manifest_free) struct model_manifest *made = calloc(1, sizeof(*made));
	if (!made)
		return err_set(err, ERR_NOMEM, "model manifest: out of memory");
	if (!json_open(payload, DSSE_PAYLOAD_MAX, &made->json, err) ||
		!read_statement(made->json, made, err))
		return err_wrap(err, "model manifest");
	*ret = TAKE(made);
	return true;
}

void model_manifest_free(struct model_manifest **manifest)
{
	struct model_manifest *gone = TAKE(*manifest);
	if (!gone)
		return;
	json_release(&gone->json);
	free(gone->ignores);
	free(gone->resources);
	free(gone);
}

/* ---- writing ---- */

static json_t *write_resource(
	const struct model_manifest *manifest, const struct model_resource *r, enum model_form form)
{
	char suffix[64], hex[2 * SHA256_LEN + 1], algorithm[ALGORITHM_MAX] = "sha256";
	size_t suffix_len = model_name_suffix(r, suffix);
	OWNED(buf_release) struct buf name = {0};
	if (manifest->shard_size && form == MODEL_FORM_REFERENCE)
		(void)snprintf(algorithm, sizeof(algorithm), "sha256-sharded-%llu",
			(unsigned long long)manifest->shard_size);
	hex_encode(BYTES_OF(r->digest), hex);
	buf_put(&name, r->path);
	buf_put(&name, bytes_of(suffix, suffix_len));
	const char *text = buf_str(&name);
	return text ? json_pack(
			      "{s:s,s:s,s:s}", "name", text, "algorithm", algorithm, "digest", hex)
		    : NULL;
}

static json_t *write_serialization(const struct model_manifest *manifest)
{
	json_t *ignores = json_array();
	for (size_t i = 0; i < manifest->ignore_count; i++)
		if (json_array_append_new(ignores, json_string(manifest->ignores[i])) != 0) {
			json_decref(ignores);
			return NULL;
		}
	json_t *made = json_pack("{s:s,s:s,s:b,s:o}", "method",
		manifest->shard_size ? "shards" : "files", "hash_type", "sha256", "allow_symlinks",
		manifest->allow_symlinks, "ignore_paths", ignores);
	if (made && manifest->shard_size &&
		json_object_set_new(
			made, "shard_size", json_integer((json_int_t)manifest->shard_size)) != 0) {
		json_decref(made);
		return NULL;
	}
	return made;
}

static bool write_statement(const struct model_manifest *manifest, enum model_form form,
	struct buf *out, struct err *err)
{
	json_t *resources = json_array();
	bool whole = resources != NULL;
	for (size_t i = 0; whole && i < manifest->resource_count; i++)
		whole = json_array_append_new(resources,
				write_resource(manifest, &manifest->resources[i], form)) == 0;
	json_t *serialization = whole ? write_serialization(manifest) : NULL;
	json_t *subject = statement_subject_new(manifest->name, manifest->root);
	if (!whole || !serialization || !subject) {
		json_decref(resources);
		json_decref(serialization);
		json_decref(subject);
		return err_set(err, ERR_NOMEM, "no memory, or a name that is not UTF-8");
	}
	return statement_write(MODEL_PREDICATE, json_pack("[o]", subject),
		json_pack("{s:o,s:o}", "resources", resources, "serialization", serialization), out,
		err);
}

bool model_manifest_write(
	struct model_manifest *manifest, enum model_form form, struct buf *out, struct err *err)
{
	model_sort(manifest->resources, manifest->resource_count);
	if (!check_resources(manifest, err))
		return err_wrap(err, "model manifest");
	for (size_t i = 0; i < manifest->ignore_count; i++)
		if (!model_ignore_ok(bytes_str(manifest->ignores[i])))
			return err_set(err, ERR_USAGE,
				"model manifest: ignored path \"%s\": not a relative path below "
				"the model, without patterns",
				ESC(bytes_str(manifest->ignores[i])));
	model_form_sort(manifest, form);
	bool done = model_root_over(manifest, err) && write_statement(manifest, form, out, err);
	model_sort(manifest->resources, manifest->resource_count);
	if (done && out->len > DSSE_PAYLOAD_MAX)
		done = err_set(err, ERR_LIMIT, "a statement of %zu bytes, at most %u", out->len,
			DSSE_PAYLOAD_MAX);
	return done || err_wrap(err, "model manifest");
}
