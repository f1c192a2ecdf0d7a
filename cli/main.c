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

int main(int argc, char **argv)
{
	char path[512];
	if (!cli_streams_open())
		return STATUS_UNDECIDED;
	struct environment environment = environment_read(path, sizeof(path));
	(void)signal(SIGPIPE, SIG_IGN);
	/* The TSS writes its own lines to standard error; what matters of them is in our errors. */
	(void)setenv("TSS2_LOG", "all+none", 0);
	int words = 0;
	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		(void)puts("assay " ASSAY_VERSION);
		return (int)cli_finish(STATUS_DONE);
	}
	const struct command *command = argc > 1 ? command_find(argc - 1, argv + 1, &words) : NULL;
	if (!command)
		return (int)cli_finish(help(argc > 1 ? argc - 1 : 0, argv + 1));
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
	return (int)cli_finish(status);
}
