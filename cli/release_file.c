/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/release_file.h"

#include "attest/closure.h"
#include "attest/spec.h"
#include "base/file.h"
#include "base/text.h"
#include "base/yaml.h"

/* Name and role of the dynamic closure among the components: as hostd records it. */
#define CLOSURE_COMPONENT "closure"

struct file_release {
	char *release, *version, *workload, *owner, *author, *purpose, *risk_class;
	char *model_version, *code_commit, *change_request, *base_release;
	char **dataset_snapshots;
	unsigned dataset_snapshots_count;
	char **statements;
	unsigned statements_count;
};

static const cyaml_schema_value_t text_schema = {
	CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 1, 256)};

#define TEXT_FIELD(name, flags)                                                                    \
	CYAML_FIELD_STRING_PTR(                                                                    \
		#name, CYAML_FLAG_POINTER | (flags), struct file_release, name, 1, 1024)
static const cyaml_schema_field_t release_fields[] = {
	TEXT_FIELD(release, 0),
	TEXT_FIELD(version, 0),
	TEXT_FIELD(workload, 0),
	TEXT_FIELD(owner, 0),
	TEXT_FIELD(author, 0),
	TEXT_FIELD(purpose, 0),
	TEXT_FIELD(risk_class, 0),
	TEXT_FIELD(model_version, CYAML_FLAG_OPTIONAL),
	TEXT_FIELD(code_commit, CYAML_FLAG_OPTIONAL),
	TEXT_FIELD(change_request, CYAML_FLAG_OPTIONAL),
	TEXT_FIELD(base_release, CYAML_FLAG_OPTIONAL),
	CYAML_FIELD_SEQUENCE("dataset_snapshots", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
		struct file_release, dataset_snapshots, &text_schema, 0, 64),
	CYAML_FIELD_SEQUENCE("statements", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
		struct file_release, statements, &text_schema, 0, STATEMENTS_MAX),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t release_schema = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct file_release, release_fields),
};

static bool copy(char **to, const char *from, struct err *err)
{
	*to = from ? strdup(from) : NULL;
	return !from || *to ? true : err_set(err, ERR_NOMEM, "release");
}

static bool texts_copy(const struct file_release *file, const char *workload,
	struct release *release, struct err *err)
{
	const struct {
		char **to;
		const char *from;
	} pairs[] = {
		{&release->name, file->release},
		{&release->version, file->version},
		{&release->workload, workload},
		{&release->owner, file->owner},
		{&release->author, file->author},
		{&release->purpose, file->purpose},
		{&release->risk_class, file->risk_class},
		{&release->model_version, file->model_version},
		{&release->code_commit, file->code_commit},
		{&release->change_request, file->change_request},
		{&release->base_release, file->base_release},
	};
	for (size_t i = 0; i < ARRAY_LEN(pairs); i++)
		if (!copy(pairs[i].to, pairs[i].from, err))
			return false;
	release->dataset_snapshots =
		calloc(file->dataset_snapshots_count + 1u, sizeof(*release->dataset_snapshots));
	if (!release->dataset_snapshots)
		return err_set(err, ERR_NOMEM, "release");
	for (unsigned i = 0; i < file->dataset_snapshots_count; i++) {
		if (!copy(&release->dataset_snapshots[i], file->dataset_snapshots[i], err))
			return false;
		release->dataset_count++;
	}
	return true;
}

struct progress {
	void (*call)(void *context, const char *text);
	void *context;
};

static void tell(const struct progress *progress, const struct release_component *component)
{
	char text[256], hex[2 * SHA256_LEN + 1];
	if (!progress->call)
		return;
	hex_encode(BYTES_OF(component->digest), hex);
	(void)snprintf(text, sizeof(text), "%-12s %-8s %s:%.16s…  %llu bytes in %llu file%s",
		component->name, component->role, component_digest_kind_name(component->kind), hex,
		(unsigned long long)component->size, (unsigned long long)component->files,
		component->files == 1 ? "" : "s");
	progress->call(progress->context, text);
}

static bool component_put(struct release *release, const struct release_component *from,
	const struct progress *progress, struct err *err)
{
	struct release_component *to = &release->components[release->component_count++];
	*to = *from;
	to->name = to->role = to->path = NULL;
	if (!copy(&to->name, from->name, err) || !copy(&to->role, from->role, err) ||
		!copy(&to->path, from->path, err))
		return false;
	tell(progress, to);
	return true;
}

static bool components_measure(const struct spec *spec, struct release *release,
	const struct progress *progress, struct err *err)
{
	for (size_t i = 0; i < spec->component_count; i++) {
		OWNED(measured_component_release) struct measured_component measured = {0};
		if (!measure_component(&spec->components[i], 0, &measured, err))
			return err_wrap(err, "component %s", spec->components[i].name);
		struct release_component component = {
			.name = measured.name,
			.role = measured.role,
			.path = measured.path,
			.kind = measured.kind,
			.size = measured.size,
			.files = measured.file_count,
		};
		memcpy(component.digest, measured.digest, SHA256_LEN);
		if (!component_put(release, &component, progress, err))
			return false;
	}
	return true;
}

static bool closure_measure(const struct spec *spec, struct release *release,
	const struct progress *progress, struct err *err)
{
	OWNED(closure_release) struct closure closure = {0};
	if (!closure_of(spec->components[spec->binary].canonical, 0, &closure, err))
		return err_wrap(err, "dynamic closure");
	if (closure.kind == CLOSURE_STATIC)
		return true;
	struct release_component component = {
		.name = (char *)(uintptr_t)CLOSURE_COMPONENT,
		.role = (char *)(uintptr_t)CLOSURE_COMPONENT,
		.path = spec->components[spec->binary].canonical,
		.kind = COMPONENT_CLOSURE,
		.size = closure.bytes,
		.files = closure.count,
	};
	memcpy(component.digest, closure.digest, SHA256_LEN);
	return component_put(release, &component, progress, err);
}

static bool spec_load(
	const char *path, const char *workload_file, struct spec *ret, struct err *err)
{
	OWNED(buf_release) struct buf name = {0}, text = {0};
	const char *slash = strrchr(path, '/');
	if (workload_file[0] != '/' && slash)
		buf_put(&name, bytes_of(path, (size_t)(slash - path) + 1));
	buf_put_str(&name, workload_file);
	if (!buf_str(&name))
		return err_set(err, ERR_NOMEM, "release");
	return file_read((const char *)name.data, YAML_INPUT_MAX, &text, err) &&
	       spec_parse(buf_bytes(&text), (const char *)name.data, ret, err) &&
	       spec_accept(ret, err);
}

bool release_file_measure(const char *path, release_progress progress, void *context,
	struct release **ret, struct buf *ret_statements, struct err *err)
{
	OWNED(buf_release) struct buf text = {0};
	OWNED(release_free) struct release *release = calloc(1, sizeof(*release));
	struct file_release *file = NULL;
	struct spec spec = {0};
	if (!release)
		return err_set(err, ERR_NOMEM, "release");
	if (!file_read(path, YAML_INPUT_MAX, &text, err) ||
		!yaml_load(buf_bytes(&text), path, &release_schema, (void **)&file, err))
		return false;
	const struct progress how = {progress, context};
	bool ok = spec_load(path, file->workload, &spec, err);
	release->components =
		ok ? calloc(spec.component_count + 1, sizeof(*release->components)) : NULL;
	if (ok && !release->components)
		ok = err_set(err, ERR_NOMEM, "release");
	ok = ok && texts_copy(file, spec.workload, release, err) &&
	     components_measure(&spec, release, &how, err) &&
	     closure_measure(&spec, release, &how, err) &&
	     release_beside_collect(path, file->statements, file->statements_count, release,
		     progress, context, ret_statements, err);
	if (ok)
		memcpy(release->spec, spec.digest, SHA256_LEN);
	spec_release(&spec);
	yaml_free(&release_schema, file, 0);
	if (ok)
		*ret = TAKE(release);
	return ok;
}
