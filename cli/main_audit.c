/* SPDX-License-Identifier: Apache-2.0 */
/*
 * assay-audit: the audit alone, for an expert who builds it himself. It reads the files that it is
 * given and writes its answer; it opens no socket, loads no module and no configuration, and starts
 * nothing.
 */
#include "cli/commands.h"

#include <openssl/crypto.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

/* What help and the parser of options look commands up in. */
const struct command *const commands[] = {&cmd_audit};
const size_t command_count = ARRAY_LEN(commands);

int main(int argc, char **argv)
{
	if (!cli_streams_open())
		return STATUS_UNDECIDED;
	const struct environment environment = {.colour = isatty(STDOUT_FILENO)};
	struct arguments arguments = {0};
	struct cli cli = {
		.environment = &environment, .arguments = &arguments, .colour = environment.colour};
	enum status status = STATUS_DONE;
	size_t seed = 0;

	(void)signal(SIGPIPE, SIG_IGN);
	/* Neither openssl.cnf nor what OPENSSL_CONF names, and so no provider but the library's own. */
	(void)OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
	/* Times are UTC, whatever the machine thinks; the C library looks for a file of that name, and
	 * there is none. */
	(void)setenv("TZ", "UTC0", 1);
	/* Otherwise jansson opens /dev/urandom for the seed of its tables. */
	if (getrandom(&seed, sizeof(seed), 0) != (ssize_t)sizeof(seed))
		return STATUS_UNDECIDED;
	json_object_seed(seed | 1);
	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		(void)puts("assay-audit " ASSAY_VERSION);
		return (int)cli_finish(STATUS_DONE);
	}
	if (!arguments_parse(&cmd_audit, argc - 1, argv + 1, &arguments, &cli.err)) {
		status = cli_fail(&cli);
	} else if (option_given(&cli, "help")) {
		command_help(&cmd_audit, stdout);
	} else {
		cli.json = option_given(&cli, "json");
		status = cmd_audit.run(&cli);
	}
	arguments_release(&arguments);
	return (int)cli_finish(status);
}
