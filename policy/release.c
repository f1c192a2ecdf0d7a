/* SPDX-License-Identifier: Apache-2.0 */
/* The release statement (docs/formats/release.md), read and written. */
#include <stdlib.h>

#include "base/text.h"
#include "crypto/dsse.h"
#include "policy/policy_file.h"
#include "policy/statement.h"

#define RELEASE_TEXT_MAX    256u
#define RELEASE_PURPOSE_MAX 2048u
#define RELEASE_DATASETS    64u

static const char *const predicate_keys[] = {"name", "version", "workload", "owner", "author",
	"purpose", "risk_class", "model_version", "code_commit", "change_request", "base_release",
	"dataset_snapshots", "spec", "configuration", "components", NULL};
static const char *const component_keys[] = {
	"name", "role", "path", "kind", "digest", "size", "files", NULL};
/* Components of these roles are what an operator would call the agent's configuration. */
static const char *const configuration_roles[] = {"config", "prompt", "policy"};

struct release *release_ref(struct release *release)
{
	if (release)
		atomic_fetch_add_explicit(&release->others, 1, memory_order_relaxed);
	return release;
}

void release_free(struct release **release)
{
	struct release *r = TAKE(*release);

	if (!r || atomic_fetch_sub_explicit(&r->others, 1, memory_order_acq_rel) != 0)
		return;
	free(r->name);
	free(r->version);
	free(r->workload);
	free(r->owner);
	free(r->author);
	free(r->purpose);
	free(r->risk_class);
	free(r->model_version);
	free(r->code_commit);
	free(r->change_request);
	free(r->base_release);
	for (size_t i = 0; i < r->dataset_count; i++)
		free(r->dataset_snapshots[i]);
	free(r->dataset_snapshots);
	for (size_t i = 0; i < r->component_count; i++) {
		free(r->components[i].name);
		free(r->components[i].role);
		free(r->components[i].path);
	}
	free(r->components);
	free(r);
}

static int component_order(const void *a, const void *b)
{
	return strcmp(((const struct release_component *)a)->name,
		((const struct release_component *)b)->name);
}

static bool is_configuration(const struct release_component *component)
{
	for (size_t i = 0; i < ARRAY_LEN(configuration_roles); i++)
		if (strcmp(component->role, configuration_roles[i]) == 0)
			return true;
	return false;
}

/* SHA-256 over the digests of configuration components, in the order of their names. */
static bool configuration_digest(
	const struct release_component *sorted, size_t n, uint8_t out[SHA256_LEN], struct err *err)
{
	OWNED(buf_release) struct buf digests = {0};

	for (size_t i = 0; i < n; i++)
		if (is_configuration(&sorted[i]))
			buf_put(&digests, BYTES_OF(sorted[i].digest));
	return buf_ok(&digests, err) && sha256_of(buf_bytes(&digests), out, err);
}

/* Sorts by name and refuses two of one name. */
static bool components_sort(struct release_component *components, size_t n, struct err *err)
{
	qsort(components, n, sizeof(*components), component_order);
	for (size_t i = 1; i < n; i++)
		if (strcmp(components[i - 1].name, components[i].name) == 0)
			return err_set(err, ERR_FORMAT, "release: component %s: given twice",
				components[i].name);
	return true;
}

static bool component_read(const json_t *object, const struct statement *statement, size_t i,
	struct release_component *ret, struct err *err)
{
	struct json_fields f = json_fields_of("release: component");
	uint8_t subject_digest[SHA256_LEN] = {0};
	const char *subject;

	if (!json_is_object(object))
		return err_set(err, ERR_FORMAT, "release: component %zu: not an object", i);
	json_only_keys(&f, object, component_keys);
	if (!statement_need_name(&f, object, "name", &ret->name) ||
		!statement_need_name(&f, object, "role", &ret->role) ||
		!statement_need_text(&f, object, "path", RUNTIME_PATH_MAX, &ret->path))
		return err_set(err, ERR_NOMEM, "release: no memory");
	ret->kind = component_digest_kind_of_name(bytes_str(json_need_str(&f, object, "kind", 32)));
	if (!ret->kind)
		json_fields_fail(&f, "kind", "not a digest kind that this program knows");
	json_need_hex(&f, object, "digest", ret->digest, SHA256_LEN);
	ret->size = (uint64_t)json_need_int(&f, object, "size", 0, INT64_MAX);
	ret->files = (uint64_t)json_need_int(&f, object, "files", 0, INT64_MAX);
	subject = statement_subject(statement, i, &f, subject_digest);
	if (!ret->name || strcmp(subject, ret->name) != 0 ||
		memcmp(subject_digest, ret->digest, SHA256_LEN) != 0)
		json_fields_fail(&f, "subject", "differs from the component");
	return json_fields_ok(&f, err) || err_wrap(err, "component %zu", i);
}

static bool components_read(const struct statement *statement, struct json_fields *f,
	struct release *r, struct err *err)
{
	const json_t *array =
		json_need_array(f, statement->predicate, "components", RELEASE_COMPONENTS_MAX);
	size_t n = json_array_size(array);

	if (n != statement->subject_count)
		json_fields_fail(f, "components", "not as many as subjects");
	if (!json_fields_ok(f, err))
		return false;
	r->components = policy_alloc(n, sizeof(*r->components), err);
	if (!r->components)
		return false;
	for (size_t i = 0; i < n; i++) {
		r->component_count = i + 1;
		if (!component_read(json_array_get(array, i), statement, i, &r->components[i], err))
			return false;
	}
	return components_sort(r->components, n, err);
}

static bool datasets_read(
	const json_t *predicate, struct json_fields *f, struct release *r, struct err *err)
{
	const json_t *array = json_want_array(f, predicate, "dataset_snapshots", RELEASE_DATASETS);
	size_t n = json_array_size(array);

	r->dataset_snapshots = policy_alloc(n, sizeof(*r->dataset_snapshots), err);
	if (!r->dataset_snapshots)
		return false;
	for (size_t i = 0; i < n; i++) {
		const char *text = json_string_value(json_array_get(array, i));

		if (!text || !policy_text_ok(text, RELEASE_TEXT_MAX)) {
			json_fields_fail(f, "dataset_snapshots", "not a text");
			break;
		}
		r->dataset_snapshots[i] = bytes_strdup(bytes_str(text));
		if (!r->dataset_snapshots[i])
			return err_set(err, ERR_NOMEM, "release: no memory");
		r->dataset_count = i + 1;
	}
	return true;
}

static bool texts_read(const json_t *p, struct json_fields *f, struct release *r, struct err *err)
{
	bool memory =
		statement_need_text(f, p, "name", RELEASE_TEXT_MAX, &r->name) &&
		statement_need_text(f, p, "version", RELEASE_TEXT_MAX, &r->version) &&
		statement_need_name(f, p, "workload", &r->workload) &&
		statement_need_text(f, p, "owner", RELEASE_TEXT_MAX, &r->owner) &&
		statement_need_text(f, p, "author", RELEASE_TEXT_MAX, &r->author) &&
		statement_need_text(f, p, "purpose", RELEASE_PURPOSE_MAX, &r->purpose) &&
		statement_need_name(f, p, "risk_class", &r->risk_class) &&
		statement_want_text(f, p, "model_version", RELEASE_TEXT_MAX, &r->model_version) &&
		statement_want_text(f, p, "code_commit", RELEASE_TEXT_MAX, &r->code_commit) &&
		statement_want_text(f, p, "change_request", RELEASE_TEXT_MAX, &r->change_request) &&
		statement_want_text(f, p, "base_release", 2 * SHA256_LEN, &r->base_release);
	uint8_t base[SHA256_LEN];

	if (!memory)
		return err_set(err, ERR_NOMEM, "release: no memory");
	if (r->base_release &&
		!hex_decode_exact(bytes_str(r->base_release), base, sizeof(base), NULL))
		json_fields_fail(f, "base_release", "not a SHA-256 in lower-case hex");
	return true;
}

static bool release_read(const struct statement *statement, struct release *r, struct err *err)
{
	struct json_fields f = json_fields_of("release");
	uint8_t configuration[SHA256_LEN];

	json_only_keys(&f, statement->predicate, predicate_keys);
	if (!texts_read(statement->predicate, &f, r, err) ||
		!datasets_read(statement->predicate, &f, r, err))
		return false;
	json_need_hex(&f, statement->predicate, "spec", r->spec, SHA256_LEN);
	json_need_hex(&f, statement->predicate, "configuration", r->configuration, SHA256_LEN);
	if (!components_read(statement, &f, r, err) ||
		!configuration_digest(r->components, r->component_count, configuration, err))
		return false;
	if (memcmp(configuration, r->configuration, SHA256_LEN) != 0)
		return err_set(err, ERR_FORMAT,
			"release: configuration: not the digest of its configuration components");
	return true;
}

bool release_parse(struct bytes in, struct release **ret, struct err *err)
{
	OWNED(statement_release) struct statement statement = {0};
	OWNED(release_free) struct release *r = NULL;

	if (!statement_open(in, PREDICATE_RELEASE, RELEASE_COMPONENTS_MAX, &statement, err))
		return err_wrap(err, "release");
	r = policy_alloc(1, sizeof(*r), err);
	if (!r || !sha256_of(in, r->digest, err) || !release_read(&statement, r, err))
		return false;
	*ret = TAKE(r);
	return true;
}

static json_t *component_write(const struct release_component *c)
{
	json_t *object = json_pack("{s:s,s:s,s:s,s:s,s:I,s:I}", "name", c->name, "role", c->role,
		"path", c->path, "kind", component_digest_kind_name(c->kind), "size",
		(json_int_t)c->size, "files", (json_int_t)c->files);

	if (object && !statement_put_hex(object, "digest", c->digest)) {
		json_decref(object);
		return NULL;
	}
	return object;
}

static bool components_write(
	const struct release_component *components, size_t n, json_t *subjects, json_t *array)
{
	for (size_t i = 0; i < n; i++)
		if (json_array_append_new(subjects,
			    statement_subject_new(components[i].name, components[i].digest)) != 0 ||
			json_array_append_new(array, component_write(&components[i])) != 0)
			return false;
	return true;
}

static bool texts_write(const struct release *r, json_t *predicate)
{
	json_t *datasets = json_array();

	if (json_object_set_new(predicate, "dataset_snapshots", datasets) != 0)
		return false;
	for (size_t i = 0; i < r->dataset_count; i++)
		if (json_array_append_new(datasets, json_string(r->dataset_snapshots[i])) != 0)
			return false;
	return statement_put_str(predicate, "name", r->name) &&
	       statement_put_str(predicate, "version", r->version) &&
	       statement_put_str(predicate, "workload", r->workload) &&
	       statement_put_str(predicate, "owner", r->owner) &&
	       statement_put_str(predicate, "author", r->author) &&
	       statement_put_str(predicate, "purpose", r->purpose) &&
	       statement_put_str(predicate, "risk_class", r->risk_class) &&
	       statement_put_str(predicate, "model_version", r->model_version) &&
	       statement_put_str(predicate, "code_commit", r->code_commit) &&
	       statement_put_str(predicate, "change_request", r->change_request) &&
	       statement_put_str(predicate, "base_release", r->base_release) &&
	       statement_put_hex(predicate, "spec", r->spec);
}

static bool write_sorted(const struct release *r, const struct release_component *sorted,
	struct buf *out, struct err *err)
{
	OWNED(json_release) json_t *subjects = json_array();
	OWNED(json_release) json_t *predicate = json_object();
	json_t *components; /* the predicate's at once */
	uint8_t configuration[SHA256_LEN];

	if (!configuration_digest(sorted, r->component_count, configuration, err))
		return false;
	components = json_array();
	if (json_object_set_new(predicate, "components", components) != 0 || !subjects ||
		!components_write(sorted, r->component_count, subjects, components) ||
		!texts_write(r, predicate) ||
		!statement_put_hex(predicate, "configuration", configuration))
		return err_set(err, ERR_NOMEM, "release: no memory, or text that is not UTF-8");
	return statement_write(PREDICATE_RELEASE, TAKE(subjects), TAKE(predicate), out, err);
}

bool release_statement(const struct release *release, struct buf *out, struct err *err)
{
	OWNED(free_ptr)
	struct release_component *sorted =
		policy_alloc(release->component_count, sizeof(*sorted), err);
	OWNED(release_free) struct release *check = NULL;
	OWNED(buf_release) struct buf text = {0};

	if (!sorted)
		return false;
	memcpy(sorted, release->components, release->component_count * sizeof(*sorted));
	/* Read back what was written: nobody should sign what nobody will accept. */
	if (!components_sort(sorted, release->component_count, err) ||
		!write_sorted(release, sorted, &text, err) ||
		!release_parse(buf_bytes(&text), &check, err))
		return false;
	buf_put(out, buf_bytes(&text));
	return buf_ok(out, err);
}
