/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier/options.h"

#include <stdio.h>

#include "base/text.h"
#include "verifier/verifier.h"

static void help(const char *command, const struct option_spec *specs, size_t n)
{
	printf("usage: assay-verifierd %s\n\n", command);
	for (size_t i = 0; i < n; i++) {
		char left[64];
		(void)snprintf(left, sizeof(left), "--%s %s", specs[i].name,
			specs[i].value ? specs[i].value : "");
		printf("  %-24s %s%s%s\n", left, specs[i].summary,
			specs[i].required ? " (required)" : "",
			specs[i].repeated ? " (may be repeated)" : "");
	}
}

static const struct option_spec *spec_find(
	const struct option_spec *specs, size_t n, struct bytes name)
{
	for (size_t i = 0; i < n; i++)
		if (bytes_equal_str(name, specs[i].name))
			return &specs[i];
	return NULL;
}

static bool value_add(const struct option_spec *spec, struct option_value *value, const char *text,
	struct err *err)
{
	if (value->count > 0 && !spec->repeated)
		return err_set(err, ERR_USAGE, "--%s is given twice", spec->name);
	if (value->count == OPTION_VALUES_MAX)
		return err_set(err, ERR_USAGE, "--%s is given more than %u times", spec->name,
			OPTION_VALUES_MAX);
	value->values[value->count++] = text;
	return true;
}

/* One option; *at is moved over its value. */
static bool option_take(int argc, char **argv, int *at, const struct option_spec *specs, size_t n,
	struct option_value *values, struct err *err)
{
	const char *text = argv[*at], *equals = strchr(text, '=');
	if (strncmp(text, "--", 2) != 0)
		return err_set(err, ERR_USAGE, "%s: expected an option", ESC(bytes_str(text)));
	struct bytes name =
		bytes_of(text + 2, equals ? (size_t)(equals - text) - 2 : strlen(text) - 2);
	const struct option_spec *spec = spec_find(specs, n, name);
	if (!spec)
		return err_set(
			err, ERR_USAGE, "%s is no option; --help lists them", ESC(bytes_str(text)));
	if (!spec->value && equals)
		return err_set(err, ERR_USAGE, "--%s takes no value", spec->name);
	const char *value = spec->value ? NULL : "";
	if (spec->value && equals)
		value = equals + 1;
	else if (spec->value && *at + 1 < argc)
		value = argv[++*at];
	if (!value)
		return err_set(err, ERR_USAGE, "--%s wants a value: %s", spec->name, spec->value);
	return value_add(spec, &values[spec - specs], value, err);
}

bool options_parse(int argc, char **argv, const char *command, const struct option_spec *specs,
	size_t n, struct option_value *values, bool *ret_help, struct err *err)
{
	*ret_help = false;
	for (int i = 0; i < argc; i++) {
		if (strcmp(argv[i], "--help") == 0) {
			help(command, specs, n);
			*ret_help = true;
			return true;
		}
		if (!option_take(argc, argv, &i, specs, n, values, err))
			return false;
	}
	for (size_t i = 0; i < n; i++)
		if (specs[i].required && values[i].count == 0)
			return err_set(err, ERR_USAGE, "--%s %s is required", specs[i].name,
				specs[i].value);
	return true;
}

const char *option_or(const struct option_value *value, const char *fallback)
{
	return value->count > 0 ? value->values[0] : fallback;
}

int command_failed(const struct err *err)
{
	fprintf(stderr, "assay-verifierd: %s\n", err->text);
	return err->code == ERR_USAGE ? EXIT_STATUS_USAGE : EXIT_STATUS_FAILED;
}
