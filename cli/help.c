/* SPDX-License-Identifier: Apache-2.0 */
/* What `assay help` prints: made from the tables of commands and their options. */
#include "cli/cli.h"

#define OPTION_COLUMN 24

/* Characters, not bytes: what a terminal makes of UTF-8 without combining characters. */
static int width_of(const char *text)
{
	int width = 0;
	for (; *text; text++)
		width += ((unsigned char)*text & 0xc0) != 0x80;
	return width;
}

static void option_help(const struct option_spec *spec, FILE *out)
{
	char left[64];
	(void)snprintf(left, sizeof(left), "--%s%s%s", spec->name, spec->metavar ? " " : "",
		spec->metavar ? spec->metavar : "");
	int width = width_of(left);
	if (width > OPTION_COLUMN)
		(void)fprintf(out, "  %s\n  %*s", left, OPTION_COLUMN, "");
	else
		(void)fprintf(out, "  %s%*s", left, OPTION_COLUMN - width, "");
	(void)fprintf(out, " %s%s\n", spec->help,
		spec->kind == OPTION_REPEATED ? " (may be repeated)" : "");
}

static void exit_statuses(FILE *out)
{
	(void)fputs(
		"exit status: 0 accepted or done, 1 refused, 2 wrong usage, 3 could not decide\n",
		out);
}

void command_help(const struct command *command, FILE *out)
{
	(void)fprintf(out, "usage: assay %s%s%s%s%s\n%s\n\noptions:\n",
		command->group ? command->group : "", command->group ? " " : "", command->name,
		command->synopsis[0] ? " " : "", command->synopsis, command->summary);
	for (const struct option_spec *spec = command->options; spec && spec->name; spec++)
		option_help(spec, out);
	for (const struct option_spec *spec = global_options; spec->name; spec++)
		option_help(spec, out);
	(void)fputc('\n', out);
	exit_statuses(out);
}

/* The line of each command of a group; all commands when it is NULL. */
static void command_lines(const char *group, FILE *out)
{
	for (size_t i = 0; i < command_count; i++) {
		char words[40];
		const struct command *command = commands[i];
		if (group && (!command->group || strcmp(command->group, group) != 0))
			continue;
		(void)snprintf(words, sizeof(words), "%s%s%s", command->group ? command->group : "",
			command->group ? " " : "", command->name);
		(void)fprintf(out, "  %-20s %s\n", words, command->summary);
	}
}

static bool group_known(const char *name)
{
	for (size_t i = 0; i < command_count; i++)
		if (commands[i]->group && strcmp(commands[i]->group, name) == 0)
			return true;
	return false;
}

static void commands_help(FILE *out)
{
	(void)fputs("Proves what an AI agent is before anyone trusts it.\n\n"
		    "usage: assay COMMAND …\n\n",
		out);
	command_lines(NULL, out);
	(void)fputs("\n`assay help COMMAND` says more. --json on every command answers as JSON.\n",
		out);
	exit_statuses(out);
}

const struct command *command_find(int argc, char **argv, int *ret_words)
{
	for (size_t i = 0; i < command_count; i++) {
		const struct command *command = commands[i];
		*ret_words = command->group ? 2 : 1;
		if (argc < *ret_words)
			continue;
		if (!command->group ? strcmp(argv[0], command->name) == 0
				    : strcmp(argv[0], command->group) == 0 &&
					      strcmp(argv[1], command->name) == 0)
			return command;
	}
	return NULL;
}

static bool is_help(const char *word)
{
	return strcmp(word, "help") == 0 || strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

/* Words that name no command: a mistake, or a group, whose commands are listed. */
static enum status not_found(int argc, char **argv, bool asked)
{
	char first[64];
	text_escape(bytes_str(argv[0]), first, sizeof(first));
	if (!group_known(argv[0])) {
		(void)fprintf(stderr,
			"assay: there is no command %s; `assay help` lists those there are\n",
			first);
		return STATUS_USAGE;
	}
	bool wrong = argc > 1 && !is_help(argv[1]);
	if (wrong)
		(void)fprintf(stderr, "assay: there is no command %s %s\n", first,
			ESC(bytes_str(argv[1])));
	asked = !wrong && (asked || argc > 1);
	FILE *out = asked ? stdout : stderr;
	(void)fprintf(out, "usage: assay %s COMMAND …\n\n", first);
	command_lines(argv[0], out);
	(void)fprintf(out, "\n`assay help %s COMMAND` says more.\n", first);
	return asked ? STATUS_DONE : STATUS_USAGE;
}

enum status help(int argc, char **argv)
{
	int words = 0;
	if (argc == 0) {
		commands_help(stderr);
		return STATUS_USAGE;
	}
	bool asked = is_help(argv[0]);
	if (asked && argc == 1) {
		commands_help(stdout);
		return STATUS_DONE;
	}
	argc -= asked;
	argv += asked;
	const struct command *command = asked ? command_find(argc, argv, &words) : NULL;
	if (!command)
		return not_found(argc, argv, asked);
	command_help(command, stdout);
	return STATUS_DONE;
}
