/* SPDX-License-Identifier: Apache-2.0 */
/*
 * YAML as yaml_load sees it. Policies and workload specs come from operators and from whoever sends
 * them a file to sign or register. What loads must have come through the strict scan: numbers are
 * whole, booleans are booleans.
 */
#include "base/yaml.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum role { ROLE_BINARY, ROLE_MODEL };
struct component {
	char *path;
	enum role role;
};
struct spec {
	char *name;
	int64_t lifetime;
	bool pinned;
	struct component *components;
	unsigned components_count;
	struct component main;
	char **command;
	unsigned command_count;
};

static const cyaml_strval_t roles[] = {{"binary", ROLE_BINARY}, {"model", ROLE_MODEL}};
static const cyaml_schema_field_t component_fields[] = {
	CYAML_FIELD_STRING_PTR("path", CYAML_FLAG_POINTER, struct component, path, 1, 32),
	CYAML_FIELD_ENUM("role", CYAML_FLAG_OPTIONAL, struct component, role, roles, 2),
	CYAML_FIELD_END};
static const cyaml_schema_value_t component_schema = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct component, component_fields)};
static const cyaml_schema_value_t word_schema = {
	CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char *, 0, 32)};
static const cyaml_schema_field_t spec_fields[] = {
	CYAML_FIELD_STRING_PTR("name", CYAML_FLAG_POINTER, struct spec, name, 1, 32),
	CYAML_FIELD_INT("lifetime", CYAML_FLAG_OPTIONAL, struct spec, lifetime),
	CYAML_FIELD_BOOL("pinned", CYAML_FLAG_OPTIONAL, struct spec, pinned),
	CYAML_FIELD_SEQUENCE("components", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct spec,
		components, &component_schema, 0, 8),
	CYAML_FIELD_MAPPING("main", CYAML_FLAG_OPTIONAL, struct spec, main, component_fields),
	CYAML_FIELD_SEQUENCE("command", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct spec,
		command, &word_schema, 1, 8),
	CYAML_FIELD_END};
static const cyaml_schema_value_t spec_schema = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct spec, spec_fields)};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	void *loaded = NULL;
	struct err err = {0};

	if (!yaml_load(bytes_of(data, size), "fuzz.yaml", &spec_schema, &loaded, &err)) {
		if (err.code == ERR_NONE || err.text[0] == '\0' || loaded)
			abort();
		return 0;
	}
	const struct spec *spec = loaded;

	if (!spec->name || (spec->components_count && !spec->components[0].path))
		abort();
	yaml_free(&spec_schema, loaded, 0);
	return 0;
}
