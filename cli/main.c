/* SPDX-License-Identifier: Apache-2.0 */
/* assay: finds the command in the table, parses its options, runs it. The only file that reads the
 * environment. */
#include "cli/cli.h"

#include <signal.h>
#include <unistd.h>

static struct environment environment_read(char *path, size_t size)
{
	const char *home = getenv("HOME");
	struct environment environment = {
		.config = getenv("ASSAY_CONFIG"),
		.socket = getenv("ASSAY_HOSTD_SOCKET"),
		.colour = isatty(STDOUT_FILENO) && !getenv("NO_COLOR"),
	};
	if (!environment.config && home &&
		(size_t)snprintf(path, size, "%s/.config/assay/config.yaml", home) < size)
		environment.config = path;
	return environment;
}

static const struct command *command_find(int argc, char **argv, int *ret_words)
{
	for (size_t i = 0; i < command_count; i++) {
		const struct command *command = commands[i];
		*ret_words = command->group ? 2 : 1;
		const char *words[] = {
			command->group ? command->group : command->name, command->name};
		if (argc > *ret_words && strcmp(argv[1], words[0]) == 0 &&
			(!command->group || strcmp(argv[2], words[1]) == 0))
			return command;
	}
	return NULL;
}

int main(int argc, char **argv)
{
	char path[512];
	struct environment environment = environment_read(path, sizeof(path));
	(void)signal(SIGPIPE, SIG_IGN);
	/* The TSS writes its own lines to standard error; what matters of them is in our errors. */
	(void)setenv("TSS2_LOG", "all+none", 0);
	int words = 0;
	const struct command *command = command_find(argc, argv, &words);
	if (!command) {
		bool asked = argc > 1 &&
			     (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0);
		if (argc > 1 && strcmp(argv[1], "--version") == 0) {
			(void)puts("assay " ASSAY_VERSION);
			return STATUS_DONE;
		}
		commands_help(asked ? stdout : stderr);
		return asked ? STATUS_DONE : STATUS_USAGE;
	}
	struct arguments arguments = {0};
	struct cli cli = {
		.environment = &environment, .arguments = &arguments, .colour = environment.colour};
	enum status status = STATUS_DONE;
	if (!arguments_parse(command, argc - words - 1, argv + words + 1, &arguments, &cli.err)) {
		status = cli_fail(&cli);
	} else if (option_given(&cli, "help")) {
		command_help(command, stdout);
	} else {
		cli.json = option_given(&cli, "json");
		status = command->run(&cli);
	}
	arguments_release(&arguments);
	if (fflush(stdout) != 0 && status == STATUS_DONE)
		status = STATUS_UNDECIDED;
	return (int)status;
}
