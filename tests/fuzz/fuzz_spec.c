/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The workload spec. It comes from whoever sends an operator one to register, and from whoever can write to hostd's directory
 * of workloads. What parses must start a component of role binary and nothing else, keep the loader's variables out of the
 * environment, and make an argument vector of exactly its words out of any values that it accepts.
 */
#include <stdlib.h>

#include "attest/spec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

static void check_vector(const struct spec *spec)
{
	const char *given[SPEC_ARGUMENTS_MAX];
	int descriptors[SPEC_ARGUMENTS_MAX];
	struct spec_values values = {0};
	struct err err = {0};
	char **argv = NULL;
	require(spec->argument_count <= SPEC_ARGUMENTS_MAX);
	for (size_t i = 0; i < spec->argument_count; i++) {
		const struct spec_argument *argument = &spec->arguments[i];
		descriptors[i] = 3 + (int)i;
		/* A valid value for all but integers, where "0" may be below the minimum. */
		given[i] = argument->type == SPEC_TYPE_CHOICE ? argument->choices[0] : "0";
	}
	if (!spec_arguments(spec, given, spec->argument_count, &values, &err)) {
		require(err.code == ERR_USAGE && err.text[0]);
		return;
	}
	require(spec_argv(spec, &values, descriptors, values.file_count, &argv, &err));
	for (size_t i = 0; i < spec->command_count; i++)
		require(argv[i] != NULL);
	require(argv[spec->command_count] == NULL);
	require(argv[0] && strcmp(argv[0], spec->command[0]) == 0);
	spec_argv_free(&argv);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct spec spec = {0};
	struct err err = {0};
	if (!spec_parse(bytes_of(data, size), "fuzz.yaml", &spec, &err)) {
		require(err.code != ERR_NONE && err.text[0] && !spec.loaded);
		return 0;
	}
	require(spec.component_count > 0 && spec.binary < spec.component_count);
	require(spec.components[spec.binary].role == SPEC_BINARY);
	require(strcmp(spec.components[spec.binary].path, spec.command[0]) == 0);
	for (size_t i = 0; i < spec.component_count; i++)
		require(spec.components[i].path[0] == '/' &&
			!strstr(spec.components[i].path, "/../"));
	for (size_t i = 0; i < spec.environment_count; i++)
		require(strncmp(spec.environment[i].name, "LD_", 3) != 0);
	require(!spec.accepted);
	check_vector(&spec);
	spec_release(&spec);
	return 0;
}
