/* SPDX-License-Identifier: Apache-2.0 */
/* Command-line options of the few commands here: `--name VALUE`, `--name=VALUE`, or a flag, from a const table. */
#ifndef ASSAY_VERIFIER_OPTIONS_H
#define ASSAY_VERIFIER_OPTIONS_H

#include "base/bytes.h"

#define OPTION_VALUES_MAX 16u

struct option_spec {
	const char *name; /* without the dashes */
	const char *value; /* what stands for the value in the help; NULL: a flag */
	const char *summary;
	bool required, repeated;
};
struct option_value {
	size_t count;
	const char *values[OPTION_VALUES_MAX]; /* "" for a flag */
};
/* values[i] belongs to specs[i]. ERR_USAGE. --help prints the table and sets *ret_help. */
must_use bool options_parse(int argc, char **argv, const char *command,
	const struct option_spec *specs, size_t n, struct option_value *values, bool *ret_help,
	struct err *err);
/* The single value, or the fallback. */
const char *option_or(const struct option_value *value, const char *fallback);
/* Prints "assay-verifierd: …" and gives the exit status. */
int command_failed(const struct err *err);

#endif
