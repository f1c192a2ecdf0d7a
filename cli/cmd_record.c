/* SPDX-License-Identifier: Apache-2.0 */
/* assay record get | export | list, whoami: what the verifier decided, and who it takes the caller for. */
#include "cli/commands.h"

#include "policy/verdict.h"

static const struct option_spec list_options[] = {
	{"workload", "NAME", OPTION_VALUE, "only decisions on this workload"},
	{"host", "ID", OPTION_VALUE, "only decisions on this host"},
	{"limit", "N", OPTION_VALUE, "at most this many (default 20)"},
	API_OPTIONS,
	OPTIONS_END,
};
static const struct option_spec get_options[] = {
	{"out", "FILE", OPTION_VALUE, "save the audit bundle there"}, API_OPTIONS, OPTIONS_END};
static const struct option_spec export_options[] = {
	{"out", "FILE", OPTION_VALUE, "the audit bundle (default: standard output)"},
	{"chain", "N", OPTION_VALUE,
		"of the records that a renewal stands on, at most N; none, or full (default)"},
	API_OPTIONS, OPTIONS_END};
static const struct option_spec whoami_options[] = {API_OPTIONS, OPTIONS_END};

static bool plain(const char *text)
{
	return strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789._-") == strlen(text) &&
	       strlen(text) <= 64;
}

static enum status run_list(struct cli *cli)
{
	static const struct column columns[] = {{"time", "TIME", 20}, {"workload", "WORKLOAD", 20},
		{"purpose", "PURPOSE", 7}, {"trusted", "TRUSTED", 7}, {"content", "CONTENT", 9},
		{"host", "HOST", 16}, {"id", "RECORD", 0}};
	OWNED(json_release) json_t *answer = NULL;
	OWNED(buf_release) struct buf path = {0};
	buf_printf(&path, "/v1/records?limit=%s", option_or(cli, "limit", "20"));
	const char *const filters[] = {"workload", "host"};
	for (size_t i = 0; i < ARRAY_LEN(filters); i++)
		if (option(cli, filters[i]))
			buf_printf(&path, "&%s=%s", filters[i], option(cli, filters[i]));
	if (!plain(option_or(cli, "limit", "20")) || !plain(option_or(cli, "workload", "")) ||
		!plain(option_or(cli, "host", ""))) {
		(void)err_set(&cli->err, ERR_USAGE,
			"--workload, --host and --limit are plain names and numbers");
		return cli_fail(cli);
	}
	if (!api_json(cli, buf_str(&path), NULL, NULL, &answer))
		return cli_fail(cli);
	if (cli->json)
		return cli_print_json(cli, TAKE(answer), STATUS_DONE);
	cli_print_table(json_object_get(answer, "records"), columns, ARRAY_LEN(columns));
	return STATUS_DONE;
}

static bool record_id(struct cli *cli, const char **ret)
{
	*ret = cli->arguments->values[0];
	return (strlen(*ret) == 64 && strspn(*ret, "0123456789abcdef") == 64) ||
	       err_set(&cli->err, ERR_USAGE,
		       "a record is named by its leaf hash: 64 hex digits (assay record list)");
}

/* The query for as many records before it as are wanted. */
static bool chain_query(struct cli *cli, char out[32])
{
	const char *text = option_or(cli, "chain", "full");
	uint64_t n = 0;
	out[0] = '\0';
	if (strcmp(text, "full") == 0)
		return true;
	if (strcmp(text, "none") != 0 && (!text_decimal(bytes_str(text), &n) || n > 4096))
		return err_set(&cli->err, ERR_USAGE, "--chain: full, none, or up to 4096 records");
	(void)snprintf(out, 32, "?chain=%llu", (unsigned long long)n);
	return true;
}

static enum status save_bundle(struct cli *cli, const char *id, const char *query)
{
	OWNED(buf_release) struct buf bundle = {0};
	const char *out = option(cli, "out");
	char path[160];
	(void)snprintf(path, sizeof(path), "/v1/records/%s/bundle%s", id, query);
	if (!api_bytes(cli, path, NULL, NULL, &bundle) ||
		!cli_write(out, buf_bytes(&bundle), false, &cli->err))
		return cli_fail(cli);
	(void)fprintf(stderr, "%zu bytes; check them with: assay audit %s\n", bundle.len,
		out ? out : "FILE");
	return STATUS_DONE;
}

static enum status run_export(struct cli *cli)
{
	const char *id;
	char query[32];
	if (!record_id(cli, &id) || !chain_query(cli, query))
		return cli_fail(cli);
	return save_bundle(cli, id, query);
}

static enum status run_get(struct cli *cli)
{
	const char *id;
	OWNED(json_release) json_t *answer = NULL;
	OWNED(buf_release) struct buf verdict = {0}, text = {0};
	char path[160];
	if (!record_id(cli, &id))
		return cli_fail(cli);
	if (option(cli, "out"))
		return save_bundle(cli, id, "");
	(void)snprintf(path, sizeof(path), "/v1/records/%s", id);
	if (!api_json(cli, path, NULL, NULL, &answer))
		return cli_fail(cli);
	if (cli->json)
		return cli_print_json(cli, TAKE(answer), STATUS_DONE);
	OWNED(json_release) json_t *detail = json_incref(json_object_get(answer, "verdict"));
	(void)json_object_del(answer, "verdict");
	cli_print_object(answer);
	if (detail && json_write(detail, false, &verdict, &cli->err) &&
		verdict_explain(buf_bytes(&verdict), cli->colour, &text, &cli->err))
		(void)printf("\n%s", buf_str(&text));
	return STATUS_DONE;
}

static enum status run_whoami(struct cli *cli)
{
	OWNED(json_release) json_t *answer = NULL;
	if (!api_json(cli, "/v1/whoami", NULL, NULL, &answer))
		return cli_fail(cli);
	if (cli->json)
		return cli_print_json(cli, TAKE(answer), STATUS_DONE);
	cli_print_object(answer);
	return STATUS_DONE;
}

const struct command cmd_record_list = {
	.group = "record",
	.name = "list",
	.synopsis = "[--workload NAME] [--host ID] [--limit N]",
	.summary = "Decisions, newest first.",
	.options = list_options,
	.run = run_list,
};
const struct command cmd_record_get = {
	.group = "record",
	.name = "get",
	.synopsis = "ID [--out FILE]",
	.summary = "One decision with its verdict, or its audit bundle as a file.",
	.options = get_options,
	.least = 1,
	.most = 1,
	.run = run_get,
};
const struct command cmd_record_export = {
	.group = "record",
	.name = "export",
	.synopsis = "ID [--out FILE] [--chain full|N|none]",
	.summary = "The audit bundle of a decision: one file from which it is reached again.",
	.options = export_options,
	.least = 1,
	.most = 1,
	.run = run_export,
};
const struct command cmd_whoami = {
	.name = "whoami",
	.synopsis = "",
	.summary = "Who the verifier takes this certificate for.",
	.options = whoami_options,
	.run = run_whoami,
};
