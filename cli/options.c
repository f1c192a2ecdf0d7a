/* SPDX-License-Identifier: Apache-2.0 */
/* Options by table: parsing and look-up. */
#include "cli/cli.h"

const struct option_spec global_options[] = {
	{"json", NULL, OPTION_FLAG, "answer as JSON"},
	{"help", NULL, OPTION_FLAG, "this text"},
	OPTIONS_END,
};

static const struct option_spec *spec_find(
	const struct option_spec *table, const char *name, size_t len)
{
	for (; table && table->name; table++)
		if (strlen(table->name) == len && memcmp(table->name, name, len) == 0)
			return table;
	return NULL;
}

static struct option_value *value_slot(struct arguments *arguments, const struct option_spec *spec)
{
	for (size_t i = 0; i < arguments->option_count; i++)
		if (arguments->options[i].spec == spec)
			return &arguments->options[i];
	if (arguments->option_count == ARRAY_LEN(arguments->options))
		return NULL;
	struct option_value *slot = &arguments->options[arguments->option_count++];
	slot->spec = spec;
	return slot;
}

/* Takes one "--name", "--name=value" or "--name value"; *at moves past what was used. */
static bool option_take(
	struct arguments *arguments, int argc, char **argv, int *at, struct err *err)
{
	const char *name = argv[*at] + 2;
	const char *equals = strchr(name, '=');
	size_t len = equals ? (size_t)(equals - name) : strlen(name);
	const struct option_spec *spec = spec_find(arguments->command->options, name, len);
	if (!spec)
		spec = spec_find(global_options, name, len);
	if (!spec)
		return err_set(
			err, ERR_USAGE, "unknown option --%.*s", (int)(len < 40 ? len : 40), name);
	struct option_value *slot = value_slot(arguments, spec);
	if (!slot)
		return err_set(err, ERR_USAGE, "too many options");
	if (spec->kind != OPTION_REPEATED && slot->count)
		return err_set(err, ERR_USAGE, "--%s is given twice", spec->name);
	if (slot->count == CLI_REPEATS_MAX)
		return err_set(err, ERR_USAGE, "--%s is given more than %d times", spec->name,
			CLI_REPEATS_MAX);
	const char *value = "";
	if (spec->kind == OPTION_FLAG) {
		if (equals)
			return err_set(err, ERR_USAGE, "--%s takes no value", spec->name);
	} else if (equals) {
		value = equals + 1;
	} else if (*at + 1 < argc) {
		value = argv[++*at];
	} else {
		return err_set(err, ERR_USAGE, "--%s needs a value: %s", spec->name, spec->metavar);
	}
	slot->values[slot->count++] = value;
	return true;
}

bool arguments_parse(const struct command *command, int argc, char **argv, struct arguments *ret,
	struct err *err)
{
	static char out[] = "--out";
	ret->command = command;
	ret->values = calloc((size_t)argc + 1, sizeof(*ret->values));
	if (!ret->values)
		return err_set(err, ERR_NOMEM, "arguments");
	for (int at = 0; at < argc; at++) {
		if (strcmp(argv[at], "--") == 0) {
			ret->rest = argv + at + 1;
			ret->rest_count = (size_t)(argc - at - 1);
			break;
		}
		/* The one short form, as elsewhere. */
		if (strcmp(argv[at], "-o") == 0)
			argv[at] = out;
		if (strncmp(argv[at], "--", 2) == 0) {
			if (!option_take(ret, argc, argv, &at, err))
				return false;
		} else if (argv[at][0] == '-' && argv[at][1] != '\0') {
			return err_set(err, ERR_USAGE,
				"unknown option %.10s (options are written --name)", argv[at]);
		} else {
			ret->values[ret->count++] = argv[at];
		}
	}
	for (size_t i = 0; i < ret->option_count; i++)
		if (strcmp(ret->options[i].spec->name, "help") == 0)
			return true;
	if (ret->rest && !command->rest) {
		for (size_t i = 0; i < ret->rest_count; i++)
			ret->values[ret->count++] = ret->rest[i];
		ret->rest_count = 0;
	}
	if (ret->count < command->least || ret->count > command->most)
		return err_set(err, ERR_USAGE, "expected: assay %s%s%s%s%s",
			command->group ? command->group : "", command->group ? " " : "",
			command->name, command->synopsis[0] ? " " : "", command->synopsis);
	return true;
}

void arguments_release(struct arguments *arguments)
{
	free(arguments->values);
	memset(arguments, 0, sizeof(*arguments));
}

const struct option_value *option_all(const struct cli *cli, const char *name)
{
	for (size_t i = 0; i < cli->arguments->option_count; i++)
		if (strcmp(cli->arguments->options[i].spec->name, name) == 0)
			return &cli->arguments->options[i];
	return NULL;
}

const char *option(const struct cli *cli, const char *name)
{
	const struct option_value *value = option_all(cli, name);
	return value ? value->values[0] : NULL;
}

const char *option_or(const struct cli *cli, const char *name, const char *fallback)
{
	const char *value = option(cli, name);
	return value ? value : fallback;
}

bool option_given(const struct cli *cli, const char *name)
{
	return option_all(cli, name) != NULL;
}

bool option_required(struct cli *cli, const char *name, const char **ret)
{
	*ret = option(cli, name);
	return *ret ? true : err_set(&cli->err, ERR_USAGE, "--%s is needed", name);
}
