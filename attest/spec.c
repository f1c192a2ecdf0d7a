/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/spec.h"

#include <stdlib.h>

#include "attest/spec_internal.h"
#include "base/yaml.h"

/* What libcyaml fills: the file, key by key. */
struct file_component {
	char *name;
	enum spec_role role;
	char *path;
	enum measure_alg digest;
	enum spec_present present;
};
struct file_argument {
	char *name;
	enum spec_type type;
	char **choices;
	unsigned choices_count;
	int64_t *min, *max;
};
enum file_from { FROM_NONE = 0, FROM_CALLER };
struct file_variable {
	char *name;
	char *value;
	enum file_from from;
};
enum file_credential { CREDENTIAL_NONE = 0, CREDENTIAL_X509, CREDENTIAL_JWT };
enum file_sandbox_word { SANDBOX_AS_HOST = 0, SANDBOX_CONFINED };
struct file_sandbox {
	enum file_sandbox_word network, capabilities, filesystem;
};
struct file_spec {
	char *workload;
	char **command;
	unsigned command_count;
	struct file_argument *arguments;
	unsigned arguments_count;
	struct file_component *components;
	unsigned components_count;
	char *user;
	char *working_directory;
	struct file_variable *environment;
	unsigned environment_count;
	char *environment_key;
	enum file_credential *credentials;
	unsigned credentials_count;
	char **audience;
	unsigned audience_count;
	struct file_sandbox *sandbox; /* NULL: not given */
};

static const cyaml_strval_t roles[] = {
	{"binary", SPEC_BINARY},
	{"model", SPEC_MODEL},
	{"config", SPEC_CONFIG},
	{"prompt", SPEC_PROMPT},
	{"tools", SPEC_TOOLS},
	{"dataset", SPEC_DATASET},
	{"policy", SPEC_POLICY},
};
static const cyaml_strval_t types[] = {
	{"file", SPEC_TYPE_FILE},
	{"choice", SPEC_TYPE_CHOICE},
	{"integer", SPEC_TYPE_INTEGER},
	{"word", SPEC_TYPE_WORD},
};
static const cyaml_strval_t digests[] = {
	{"sha256", MEASURE_SHA256},
	{"fs-verity", MEASURE_FSVERITY},
};
static const cyaml_strval_t presents[] = {
	{"copy", SPEC_PRESENT_COPY},
	{"pin", SPEC_PRESENT_PIN},
	{"measure-only", SPEC_PRESENT_MEASURE_ONLY},
};
static const cyaml_strval_t credentials[] = {
	{"x509", CREDENTIAL_X509},
	{"jwt", CREDENTIAL_JWT},
};
static const cyaml_strval_t networks[] = {
	{"host", SANDBOX_AS_HOST},
	{"none", SANDBOX_CONFINED},
};
static const cyaml_strval_t capabilities[] = {
	{"keep", SANDBOX_AS_HOST},
	{"none", SANDBOX_CONFINED},
};
static const cyaml_strval_t filesystems[] = {
	{"host", SANDBOX_AS_HOST},
	{"read-only", SANDBOX_CONFINED},
};
static const cyaml_strval_t froms[] = {
	{"caller", FROM_CALLER},
};

#define NEEDED      CYAML_FLAG_POINTER
#define WANTED      (CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL)
#define WORD        CYAML_FLAG_STRICT
#define WANTED_WORD (CYAML_FLAG_STRICT | CYAML_FLAG_OPTIONAL)

static const cyaml_schema_value_t text_entry = {
	CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 1, SPEC_TEXT_MAX),
};
static const cyaml_schema_value_t credential_entry = {
	CYAML_VALUE_ENUM(
		CYAML_FLAG_STRICT, enum file_credential, credentials, ARRAY_LEN(credentials)),
};
static const cyaml_schema_field_t argument_fields[] = {
	CYAML_FIELD_STRING_PTR("name", NEEDED, struct file_argument, name, 1, SPEC_TEXT_MAX),
	CYAML_FIELD_ENUM("type", WORD, struct file_argument, type, types, ARRAY_LEN(types)),
	CYAML_FIELD_SEQUENCE(
		"choices", WANTED, struct file_argument, choices, &text_entry, 1, SPEC_CHOICES_MAX),
	CYAML_FIELD_INT_PTR("min", WANTED, struct file_argument, min),
	CYAML_FIELD_INT_PTR("max", WANTED, struct file_argument, max),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t argument_entry = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct file_argument, argument_fields),
};
static const cyaml_schema_field_t component_fields[] = {
	CYAML_FIELD_STRING_PTR("name", NEEDED, struct file_component, name, 1, SPEC_TEXT_MAX),
	CYAML_FIELD_ENUM("role", WORD, struct file_component, role, roles, ARRAY_LEN(roles)),
	CYAML_FIELD_STRING_PTR("path", NEEDED, struct file_component, path, 1, SPEC_TEXT_MAX),
	CYAML_FIELD_ENUM(
		"digest", WANTED_WORD, struct file_component, digest, digests, ARRAY_LEN(digests)),
	CYAML_FIELD_ENUM("present", WANTED_WORD, struct file_component, present, presents,
		ARRAY_LEN(presents)),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t component_entry = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct file_component, component_fields),
};
static const cyaml_schema_field_t variable_fields[] = {
	CYAML_FIELD_STRING_PTR("name", NEEDED, struct file_variable, name, 1, SPEC_TEXT_MAX),
	CYAML_FIELD_STRING_PTR("value", WANTED, struct file_variable, value, 0, SPEC_TEXT_MAX),
	CYAML_FIELD_ENUM("from", WANTED_WORD, struct file_variable, from, froms, ARRAY_LEN(froms)),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t variable_entry = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct file_variable, variable_fields),
};
static const cyaml_schema_field_t sandbox_fields[] = {
	CYAML_FIELD_ENUM("network", WANTED_WORD, struct file_sandbox, network, networks,
		ARRAY_LEN(networks)),
	CYAML_FIELD_ENUM("capabilities", WANTED_WORD, struct file_sandbox, capabilities,
		capabilities, ARRAY_LEN(capabilities)),
	CYAML_FIELD_ENUM("filesystem", WANTED_WORD, struct file_sandbox, filesystem, filesystems,
		ARRAY_LEN(filesystems)),
	CYAML_FIELD_END,
};
static const cyaml_schema_field_t spec_fields[] = {
	CYAML_FIELD_STRING_PTR("workload", NEEDED, struct file_spec, workload, 1, SPEC_TEXT_MAX),
	CYAML_FIELD_SEQUENCE(
		"command", NEEDED, struct file_spec, command, &text_entry, 1, SPEC_COMMAND_MAX),
	CYAML_FIELD_SEQUENCE("arguments", WANTED, struct file_spec, arguments, &argument_entry, 0,
		SPEC_ARGUMENTS_MAX),
	CYAML_FIELD_SEQUENCE("components", NEEDED, struct file_spec, components, &component_entry,
		1, SPEC_COMPONENTS_MAX),
	CYAML_FIELD_STRING_PTR("user", WANTED, struct file_spec, user, 1, SPEC_TEXT_MAX),
	CYAML_FIELD_STRING_PTR(
		"working_directory", WANTED, struct file_spec, working_directory, 1, SPEC_TEXT_MAX),
	CYAML_FIELD_SEQUENCE("environment", WANTED, struct file_spec, environment, &variable_entry,
		0, SPEC_ENVIRONMENT_MAX),
	CYAML_FIELD_STRING_PTR(
		"environment_key", WANTED, struct file_spec, environment_key, 1, SPEC_TEXT_MAX),
	CYAML_FIELD_SEQUENCE("credentials", WANTED, struct file_spec, credentials,
		&credential_entry, 0, ARRAY_LEN(credentials)),
	CYAML_FIELD_SEQUENCE(
		"audience", WANTED, struct file_spec, audience, &text_entry, 1, SPEC_AUDIENCES_MAX),
	CYAML_FIELD_MAPPING_PTR("sandbox", WANTED, struct file_spec, sandbox, sandbox_fields),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t spec_schema = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct file_spec, spec_fields),
};

const char *spec_role_name(enum spec_role role)
{
	for (size_t i = 0; i < ARRAY_LEN(roles); i++)
		if (roles[i].val == (int64_t)role)
			return roles[i].str;
	return "unknown";
}

const char *spec_type_name(enum spec_type type)
{
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (types[i].val == (int64_t)type)
			return types[i].str;
	return "unknown";
}

static bool take_arguments(const struct file_spec *file, struct spec *spec, struct err *err)
{
	spec->arguments = calloc(file->arguments_count + 1, sizeof(*spec->arguments));
	if (!spec->arguments)
		return err_set(err, ERR_NOMEM, "out of memory");
	spec->argument_count = file->arguments_count;
	for (size_t i = 0; i < spec->argument_count; i++) {
		const struct file_argument *from = &file->arguments[i];
		bool integer = from->type == SPEC_TYPE_INTEGER,
		     choice = from->type == SPEC_TYPE_CHOICE;
		if (choice != (from->choices != NULL))
			return err_set(err, ERR_CONFIG, "argument %zu: %s", i + 1,
				choice ? "a choice needs choices"
				       : "choices, but the type is not choice");
		if (integer != (from->min != NULL) || integer != (from->max != NULL))
			return err_set(err, ERR_CONFIG, "argument %zu: %s", i + 1,
				integer ? "an integer needs min and max"
					: "min or max, but the type is not integer");
		spec->arguments[i] = (struct spec_argument){
			.name = from->name,
			.type = from->type,
			.choices = (const char *const *)from->choices,
			.choice_count = from->choices_count,
			.min = integer ? *from->min : 0,
			.max = integer ? *from->max : 0,
		};
	}
	return true;
}

static bool take_components(const struct file_spec *file, struct spec *spec, struct err *err)
{
	spec->components = calloc(file->components_count + 1, sizeof(*spec->components));
	if (!spec->components)
		return err_set(err, ERR_NOMEM, "out of memory");
	spec->component_count = file->components_count;
	for (size_t i = 0; i < spec->component_count; i++) {
		const struct file_component *from = &file->components[i];
		spec->components[i] = (struct spec_component){
			.name = from->name,
			.role = from->role,
			.path = from->path,
			.digest = from->digest ? from->digest : MEASURE_SHA256,
			.present = from->present,
		};
	}
	return true;
}

static bool take_environment(const struct file_spec *file, struct spec *spec, struct err *err)
{
	spec->environment = calloc(file->environment_count + 1, sizeof(*spec->environment));
	if (!spec->environment)
		return err_set(err, ERR_NOMEM, "out of memory");
	spec->environment_count = file->environment_count;
	for (size_t i = 0; i < spec->environment_count; i++) {
		const struct file_variable *from = &file->environment[i];
		if ((from->value != NULL) == (from->from == FROM_CALLER))
			return err_set(err, ERR_CONFIG,
				"environment %zu: either `value` or `from: caller` is needed",
				i + 1);
		spec->environment[i] =
			(struct spec_variable){.name = from->name, .value = from->value};
	}
	return true;
}

static bool take_credentials(const struct file_spec *file, struct spec *spec, struct err *err)
{
	for (size_t i = 0; i < file->credentials_count; i++) {
		bool *wanted =
			file->credentials[i] == CREDENTIAL_JWT ? &spec->want_jwt : &spec->want_x509;
		if (*wanted)
			return err_set(err, ERR_CONFIG, "credentials: one is named twice");
		*wanted = true;
	}
	spec->audiences = (const char *const *)file->audience;
	spec->audience_count = file->audience_count;
	if (spec->want_jwt != (spec->audience_count > 0))
		return err_set(err, ERR_CONFIG, "%s",
			spec->want_jwt ? "credentials: jwt needs an audience"
				       : "audience: only jwt credentials have one");
	return true;
}

/* With capabilities the agent could undo what confines it, so they go first. */
static unsigned take_sandbox(const struct file_sandbox *file)
{
	unsigned sandbox = SANDBOX_NO_NEW_PRIVS;
	if (!file)
		return sandbox;
	if (file->network)
		sandbox |= SANDBOX_NO_NETWORK | SANDBOX_NO_CAPABILITIES;
	if (file->filesystem)
		sandbox |= SANDBOX_READ_ONLY | SANDBOX_NO_CAPABILITIES;
	if (file->capabilities)
		sandbox |= SANDBOX_NO_CAPABILITIES;
	return sandbox;
}

static bool take(struct file_spec *file, struct spec *spec, struct err *err)
{
	spec->sandbox = take_sandbox(file->sandbox);
	spec->workload = file->workload;
	spec->command = (const char *const *)file->command;
	spec->command_count = file->command_count;
	spec->user = file->user;
	spec->working_directory = file->working_directory ? file->working_directory : "/";
	return take_arguments(file, spec, err) && take_components(file, spec, err) &&
	       take_environment(file, spec, err) &&
	       spec_take_environment_key(file->environment_key, spec, err) &&
	       take_credentials(file, spec, err);
}

bool spec_parse(struct bytes text, const char *file, struct spec *ret, struct err *err)
{
	OWNED(spec_release) struct spec spec = {0};
	if (!yaml_load(text, file, &spec_schema, &spec.loaded, err))
		return false;
	if (!sha256_of(text, spec.digest, err) || !take(spec.loaded, &spec, err) ||
		!spec_check(&spec, err))
		return err_wrap(err, "%s", file);
	*ret = TAKE_STRUCT(spec);
	return true;
}

void spec_release(struct spec *spec)
{
	if (!spec)
		return;
	for (size_t i = 0; i < spec->component_count; i++)
		free(spec->components[i].canonical);
	free(spec->working_directory_canonical);
	free(spec->arguments);
	free(spec->components);
	free(spec->environment);
	key_unref(&spec->environment_key);
	if (spec->loaded)
		yaml_free(&spec_schema, spec->loaded, 0);
	memset(spec, 0, sizeof(*spec));
}
