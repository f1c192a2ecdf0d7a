/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every command shares: the table of commands, options by table, output for people or as JSON,
 * exit statuses. A command reads its options, does one thing through the libraries, and returns its
 * exit status.
 */
#ifndef ASSAY_CLI_CLI_H
#define ASSAY_CLI_CLI_H

#include "base/bytes.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"

#include <stdio.h>

/* Exit statuses, the same for every command. */
enum status {
	STATUS_DONE = 0, /* accepted, or done */
	STATUS_REFUSED = 1, /* a verdict against, with reasons */
	STATUS_USAGE = 2, /* the command line makes no sense */
	STATUS_UNDECIDED = 3, /* I/O, network, configuration: nothing was decided */
};

#define CLI_OPTIONS_MAX     20
#define CLI_REPEATS_MAX     64
#define CLI_POSITIONALS_MAX 65536

enum option_kind { OPTION_FLAG = 0, OPTION_VALUE, OPTION_REPEATED };

struct option_spec {
	const char *name; /* without the dashes; NULL ends a table */
	const char *metavar; /* NULL for flags */
	enum option_kind kind;
	const char *help;
};

struct command;
struct option_value {
	const struct option_spec *spec;
	size_t count;
	const char *values[CLI_REPEATS_MAX];
};
struct arguments {
	const struct command *command;
	size_t option_count;
	struct option_value options[CLI_OPTIONS_MAX + 4];
	size_t count; /* positionals */
	const char **values;
	size_t rest_count; /* after "--" */
	char **rest;
};

/* What main learned from the environment; nothing below main reads it. */
struct environment {
	const char *config; /* ASSAY_CONFIG, or ~/.config/assay/config.yaml */
	const char *socket; /* ASSAY_HOSTD_SOCKET */
	bool colour; /* standard output is a terminal and NO_COLOR is unset */
};

struct cli {
	const struct environment *environment;
	const struct arguments *arguments;
	bool json;
	bool colour;
	struct err err;
};

struct command {
	const char *group; /* "release"; NULL for commands of one word */
	const char *name;
	const char *synopsis; /* "RELEASE.yaml --key FILE" */
	const char *summary;
	const struct option_spec *options; /* ends with a NULL name; NULL: none */
	size_t least, most; /* positionals */
	bool rest; /* takes "-- ARG…" */
	enum status (*run)(struct cli *cli);
};

extern const struct command *const commands[];
extern const size_t command_count;

/* ---- options.c ---- */
/* Parses argv (after the command's words). */
must_use bool arguments_parse(const struct command *command, int argc, char **argv,
	struct arguments *ret, struct err *err);
void arguments_release(struct arguments *arguments);
/* Value of an option; NULL when not given. */
const char *option(const struct cli *cli, const char *name);
const char *option_or(const struct cli *cli, const char *name, const char *fallback);
bool option_given(const struct cli *cli, const char *name);
const struct option_value *option_all(
	const struct cli *cli, const char *name); /* NULL when not given */
must_use bool option_required(struct cli *cli, const char *name, const char **ret);
extern const struct option_spec global_options[]; /* of every command */

/* ---- help.c ---- */
/* The command that the first words name, and how many they are; NULL: none. */
const struct command *command_find(int argc, char **argv, int *ret_words);
void command_help(const struct command *command, FILE *out);
/* Answers words that are no command: none at all, "help …", "--help", a group alone, a mistake. */
enum status help(int argc, char **argv);

/* ---- output.c ---- */
/* First of all: where a caller closed one of the three streams, what is opened later would lie in its place, and be
 * printed into. Nothing can be read from or written to what is put there. */
must_use bool cli_streams_open(void);
/* Last of all: what was printed and is not out is not done, also where only some of it was lost. */
enum status cli_finish(enum status status);
/* Prints the error chain to standard error and gives the exit status that fits its code. */
enum status cli_fail(struct cli *cli);
enum status status_of_error(enum err_code code);
/* Prints a JSON value to standard output: pretty on a terminal's --json, one line otherwise. Steals
 * the reference. */
enum status cli_print_json(struct cli *cli, json_t *value, enum status status);
/* A table for people: columns by key, from an array of objects; untrusted text escaped. */
struct column {
	const char *key, *title;
	int width; /* cut beyond; 0: as it comes */
};
void cli_print_table(const json_t *rows, const struct column *columns, size_t n);
/* "key: value" lines of a flat object, escaped; nested values as compact JSON. */
void cli_print_object(const json_t *object);
/* Bold, green, red, dim; "" without colour. */
const char *colour(const struct cli *cli, const char *name);
/* Reads a file, or standard input for "-". */
must_use bool cli_read(const char *path, size_t max, struct buf *ret, struct err *err);
/* /dev/null, /dev/stdout, /dev/fd/63: to be written into. Where a file is made beside it and renamed, root would put that in its
 * place. */
bool cli_is_device(const char *path);
/* Writes to a file given with --out (0644; secret: 0600), or to standard output. */
must_use bool cli_write(const char *path, struct bytes content, bool secret, struct err *err);

/* ---- api.c: the verifier's operator API over TLS 1.3 with a client certificate ---- */
/* GET when body is NULL. *ret_json is the parsed answer; HTTP errors become err with the verifier's
 * own words. */
must_use bool api_json(struct cli *cli, const char *path, const char *content_type,
	const struct bytes *body, json_t **ret_json);
/* POST of JSON. Takes the reference to `request`; NULL, which is what json_pack gives for text that is not UTF-8, is
 * ERR_USAGE. */
must_use bool api_post(struct cli *cli, const char *path, json_t *request, json_t **ret_json);
/* The same for answers that are not JSON. */
must_use bool api_bytes(struct cli *cli, const char *path, const char *content_type,
	const struct bytes *body, struct buf *ret);
/* A request to somebody else's service, without a client certificate; ca: a file, or NULL for the
 * system's. Any HTTP status is an answer. */
must_use bool api_elsewhere(struct cli *cli, const char *url, const char *ca, const char *path,
	const char *content_type, const struct bytes *body, struct buf *ret, long *ret_status);
#define API_OPTIONS                                                                                \
	{"config", "FILE", OPTION_VALUE,                                                           \
		"connection settings (default: $ASSAY_CONFIG, ~/.config/assay/config.yaml)"},      \
		{"verifier", "URL", OPTION_VALUE, "the verifier, https://host:port"},              \
		{"ca", "FILE", OPTION_VALUE, "its CA certificate"},                                \
		{"client-cert", "FILE", OPTION_VALUE, "client certificate"},                       \
	{                                                                                          \
		"client-key", "FILE", OPTION_VALUE, "its private key"                              \
	}
#define OPTIONS_END                                                                                \
	{                                                                                          \
		NULL, NULL, OPTION_FLAG, NULL                                                      \
	}

#endif
