/* SPDX-License-Identifier: Apache-2.0 */
/* assay incident open | attach | close | list | show: records, notes, files and holds bound together
 * under one id, each step an entry of the ledger. */
#include "cli/commands.h"

#define FILE_MAX (1u << 20)

static const struct option_spec open_options[] = {
	{"title", "TEXT", OPTION_VALUE, "what happened"},
	{"severity", "LEVEL", OPTION_VALUE, "low, medium, high or critical"},
	{"host", "ID", OPTION_VALUE, "the host that it is about"},
	{"workload", "NAME", OPTION_VALUE, "the agent that it is about"},
	{"release", "DIGEST", OPTION_VALUE, "the release that it is about"},
	API_OPTIONS,
	OPTIONS_END,
};
static const struct option_spec attach_options[] = {
	{"record", "ID", OPTION_VALUE, "a decision"},
	{"note", "FILE", OPTION_VALUE, "a text, kept with the ledger (at most 1 MiB)"},
	{"file", "FILE", OPTION_VALUE, "any bytes, likewise"},
	{"hold", "ID", OPTION_VALUE, "a legal hold"},
	{"host", "ID", OPTION_VALUE, "a further host"},
	{"workload", "NAME", OPTION_VALUE, "a further agent"},
	{"release", "DIGEST", OPTION_VALUE, "a further release"},
	{"comment", "TEXT", OPTION_VALUE, "a line on it"},
	API_OPTIONS,
	OPTIONS_END,
};
static const struct option_spec close_options[] = {
	{"reason", "TEXT", OPTION_VALUE, "why it is over"}, API_OPTIONS, OPTIONS_END};
static const struct option_spec look_options[] = {API_OPTIONS, OPTIONS_END};

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));
	return text ? text : "";
}

static void step_print(const json_t *step)
{
	const char *what = text_of(step, "what"), *by = strrchr(text_of(step, "by"), '/');
	(void)printf("  %s  %-8s", ESC(bytes_str(text_of(step, "time"))),
		ESC(bytes_str(text_of(step, "step"))));
	if (what[0])
		(void)printf(
			"  %s %s", ESC(bytes_str(what)), ESC(bytes_str(text_of(step, "attached"))));
	for (const char *const *key = (const char *const[]){"name", "comment", "reason", NULL};
		*key; key++)
		if (text_of(step, *key)[0])
			(void)printf("  %s: %s", *key, ESC(bytes_str(text_of(step, *key))));
	(void)printf("  by %s  [entry %lld]\n", ESC(bytes_str(by ? by + 1 : text_of(step, "by"))),
		(long long)json_integer_value(json_object_get(step, "entry")));
}

static enum status print(struct cli *cli, json_t *incident)
{
	OWNED(json_release) json_t *owned = incident;
	if (cli->json)
		return cli_print_json(cli, TAKE(owned), STATUS_DONE);
	OWNED(json_release) json_t *steps = json_incref(json_object_get(owned, "steps"));
	(void)json_object_del(owned, "steps");
	cli_print_object(owned);
	for (size_t i = 0; i < json_array_size(steps); i++)
		step_print(json_array_get(steps, i));
	return STATUS_DONE;
}

static enum status post(struct cli *cli, const char *path, json_t *request)
{
	OWNED(json_release) json_t *answer = NULL;
	if (!api_post(cli, path, request, &answer))
		return cli_fail(cli);
	return print(cli, TAKE(answer));
}

/* Every given one of these options, under its own name. */
static bool options_put(struct cli *cli, json_t *request, const char *const *names)
{
	for (; *names; names++)
		if (option(cli, *names) &&
			json_object_set_new(request, *names, json_string(option(cli, *names))) != 0)
			return err_set(&cli->err, ERR_USAGE, "--%s: not valid UTF-8, or no memory",
				*names);
	return true;
}

static enum status run_open(struct cli *cli)
{
	static const char *const names[] = {
		"title", "severity", "host", "workload", "release", NULL};
	OWNED(json_release) json_t *request = json_object();
	const char *title = NULL, *severity = NULL;
	if (!option_required(cli, "title", &title) ||
		!option_required(cli, "severity", &severity) || !options_put(cli, request, names))
		return cli_fail(cli);
	return post(cli, "/v1/incidents", TAKE(request));
}

/* An incident's id is its whole path; nothing else goes into one. */
static bool path_of(struct cli *cli, const char *step, char out[96])
{
	const char *id = cli->arguments->values[0];
	if (strlen(id) != 16 || strspn(id, "0123456789abcdef") != 16)
		return err_set(&cli->err, ERR_USAGE,
			"an incident is named by 16 hex digits (assay incident list)");
	(void)snprintf(out, 96, "/v1/incidents/%s%s", id, step);
	return true;
}

static bool file_put(struct cli *cli, json_t *request, const char *path)
{
	OWNED(buf_release) struct buf content = {0}, text = {0};
	const char *slash = strrchr(path, '/');
	if (!cli_read(path, FILE_MAX, &content, &cli->err))
		return false;
	buf_put_base64(&text, buf_bytes(&content), false);
	return (buf_str(&text) &&
		       json_object_set_new(request, "content", json_string(buf_str(&text))) == 0 &&
		       json_object_set_new(
			       request, "name", json_string(slash ? slash + 1 : path)) == 0) ||
	       err_set(&cli->err, ERR_USAGE, "%s: a name in no UTF-8, or no memory",
		       ESC(bytes_str(path)));
}

static bool attach_put(struct cli *cli, json_t *request)
{
	static const char *const kinds[] = {
		"record", "note", "file", "hold", "host", "workload", "release"};
	static const char *const comment[] = {"comment", NULL};
	const char *what = NULL;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		if (!option(cli, kinds[i]))
			continue;
		if (what)
			return err_set(&cli->err, ERR_USAGE, "--%s and --%s: one thing at a time",
				what, kinds[i]);
		what = kinds[i];
	}
	if (!what)
		return err_set(&cli->err, ERR_USAGE,
			"say what: --record, --note, --file, --hold, --host, --workload or "
			"--release");
	if (json_object_set_new(request, "what", json_string(what)) != 0)
		return err_set(&cli->err, ERR_NOMEM, "request");
	if (strcmp(what, "note") == 0 || strcmp(what, "file") == 0)
		return file_put(cli, request, option(cli, what)) &&
		       options_put(cli, request, comment);
	return (json_object_set_new(request, "id", json_string(option(cli, what))) == 0 ||
		       err_set(&cli->err, ERR_USAGE, "--%s: not valid UTF-8", what)) &&
	       options_put(cli, request, comment);
}

static enum status run_attach(struct cli *cli)
{
	OWNED(json_release) json_t *request = json_object();
	char path[96];
	if (!path_of(cli, "/attach", path) || !attach_put(cli, request))
		return cli_fail(cli);
	return post(cli, path, TAKE(request));
}

static enum status run_close(struct cli *cli)
{
	const char *reason = NULL;
	char path[96];
	if (!path_of(cli, "/close", path) || !option_required(cli, "reason", &reason))
		return cli_fail(cli);
	return post(cli, path, json_pack("{s:s}", "reason", reason));
}

static enum status run_list(struct cli *cli)
{
	static const struct column columns[] = {{"opened", "OPENED", 20},
		{"severity", "SEVERITY", 8}, {"state", "STATE", 6}, {"steps", "STEPS", 5},
		{"incident", "INCIDENT", 16}, {"title", "TITLE", 0}};
	OWNED(json_release) json_t *answer = NULL;
	if (!api_json(cli, "/v1/incidents", NULL, NULL, &answer))
		return cli_fail(cli);
	if (cli->json)
		return cli_print_json(cli, TAKE(answer), STATUS_DONE);
	cli_print_table(json_object_get(answer, "incidents"), columns, ARRAY_LEN(columns));
	return STATUS_DONE;
}

static enum status run_show(struct cli *cli)
{
	OWNED(json_release) json_t *answer = NULL;
	char path[96];
	if (!path_of(cli, "", path) || !api_json(cli, path, NULL, NULL, &answer))
		return cli_fail(cli);
	return print(cli, TAKE(answer));
}

const struct command cmd_incident_open = {
	.group = "incident",
	.name = "open",
	.synopsis = "--title TEXT --severity LEVEL [--host ID] [--workload NAME] …",
	.summary = "Opens an incident: what is attached to it is found under one id.",
	.options = open_options,
	.run = run_open,
};
const struct command cmd_incident_attach = {
	.group = "incident",
	.name = "attach",
	.synopsis = "INCIDENT --record ID | --note FILE | --file FILE | --hold ID | …",
	.summary = "Attaches a decision, a note, a file, a hold or a further subject.",
	.options = attach_options,
	.least = 1,
	.most = 1,
	.run = run_attach,
};
const struct command cmd_incident_close = {
	.group = "incident",
	.name = "close",
	.synopsis = "INCIDENT --reason TEXT",
	.summary = "Closes an incident; nothing is attached afterwards.",
	.options = close_options,
	.least = 1,
	.most = 1,
	.run = run_close,
};
const struct command cmd_incident_list = {
	.group = "incident",
	.name = "list",
	.synopsis = "",
	.summary = "Every incident, oldest first.",
	.options = look_options,
	.run = run_list,
};
const struct command cmd_incident_show = {
	.group = "incident",
	.name = "show",
	.synopsis = "INCIDENT",
	.summary = "One incident with its steps.",
	.options = look_options,
	.least = 1,
	.most = 1,
	.run = run_show,
};
