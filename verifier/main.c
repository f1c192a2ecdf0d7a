/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "verifier/verifier.h"

static const struct {
	const char *name, *summary;
	int (*run)(int argc, char **argv);
} commands[] = {
	{"init", "make keys, certificates, configuration and policy in a new directory",
		verifier_init},
	{"issue-operator", "issue a certificate for another operator", verifier_issue_operator},
	{"rotate-content-key", "wrap the keys of stored contents anew (the service is stopped)",
		verifier_rotate_content_key},
	{"check", "read everything, say whether it is in order, and do not serve", verifier_check},
	{"run", "run the service (this is the default: assay-verifierd --config FILE)",
		verifier_run},
};

static int help(void)
{
	printf("usage: assay-verifierd [run] --config FILE [--check]\n       assay-verifierd "
	       "COMMAND --help\n\n");
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		printf("  %-18s %s\n", commands[i].name, commands[i].summary);
	return EXIT_STATUS_DONE;
}

int main(int argc, char **argv)
{
	/* The TSS, below a CA key in a TPM, writes lines of its own to standard error. */
	(void)setenv("TSS2_LOG", "all+none", 0);
	if (argc < 2 || strcmp(argv[1], "--help") == 0)
		return argc < 2 ? (help(), EXIT_STATUS_USAGE) : help();
	if (strcmp(argv[1], "--version") == 0)
		return printf("assay-verifierd %s\n", ASSAY_VERSION) < 0;
	if (argv[1][0] == '-')
		return verifier_run(argc - 1, argv + 1);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(argv[1], commands[i].name) == 0)
			return commands[i].run(argc - 2, argv + 2);
	fprintf(stderr, "assay-verifierd: %s is no command; --help lists them\n", argv[1]);
	return EXIT_STATUS_USAGE;
}
