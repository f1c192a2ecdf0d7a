/* SPDX-License-Identifier: Apache-2.0 */
/* assay workload add | list | retire: the register of agents. */
#include "cli/commands.h"

static const struct option_spec add_options[] = {
	{"class", "NAME", OPTION_VALUE, "risk class of the policy"},
	{"env", "NAME", OPTION_VALUE, "environment (prod)"},
	{"owner", "NAME", OPTION_VALUE, "who answers for it"},
	{"purpose", "TEXT", OPTION_VALUE, "what it is for"},
	API_OPTIONS,
	OPTIONS_END,
};
static const struct option_spec list_options[] = {API_OPTIONS, OPTIONS_END};
static const struct option_spec retire_options[] = {
	{"reason", "TEXT", OPTION_VALUE, "why"}, API_OPTIONS, OPTIONS_END};

static bool name_of(struct cli *cli, const char **ret)
{
	*ret = cli->arguments->values[0];
	return text_is_name(bytes_str(*ret))
		       ? true
		       : err_set(&cli->err, ERR_USAGE, "%s is no name: 1 to 64 of a-z 0-9 . _ -",
				 ESC(bytes_str(*ret)));
}

static enum status post(struct cli *cli, const char *path, json_t *request)
{
	OWNED(json_release) json_t *owned = request, *answer = NULL;
	OWNED(buf_release) struct buf text = {0};
	if (!owned) {
		(void)err_set(&cli->err, ERR_USAGE, "an argument is not valid UTF-8");
		return cli_fail(cli);
	}
	if (!json_write(owned, false, &text, &cli->err))
		return cli_fail(cli);
	struct bytes body = buf_bytes(&text);
	if (!api_json(cli, path, "application/json", &body, &answer))
		return cli_fail(cli);
	if (cli->json)
		return cli_print_json(cli, TAKE(answer), STATUS_DONE);
	cli_print_object(answer);
	return STATUS_DONE;
}

static enum status run_add(struct cli *cli)
{
	const char *name = NULL, *class = NULL, *environment = NULL, *owner = NULL, *purpose = NULL;
	if (!name_of(cli, &name) || !option_required(cli, "class", &class) ||
		!option_required(cli, "env", &environment) ||
		!option_required(cli, "owner", &owner) ||
		!option_required(cli, "purpose", &purpose))
		return cli_fail(cli);
	return post(cli, "/v1/workloads",
		json_pack("{s:s,s:s,s:s,s:s,s:s}", "name", name, "risk_class", class, "environment",
			environment, "owner", owner, "purpose", purpose));
}

static enum status run_retire(struct cli *cli)
{
	const char *name = NULL, *reason = NULL;
	char path[160];
	if (!name_of(cli, &name) || !option_required(cli, "reason", &reason))
		return cli_fail(cli);
	(void)snprintf(path, sizeof(path), "/v1/workloads/%s/retire", name);
	return post(cli, path, json_pack("{s:s}", "reason", reason));
}

static enum status run_list(struct cli *cli)
{
	static const struct column columns[] = {{"name", "NAME", 24}, {"risk_class", "CLASS", 10},
		{"environment", "ENV", 10}, {"state", "STATE", 8}, {"owner", "OWNER", 20},
		{"purpose", "PURPOSE", 0}};
	OWNED(json_release) json_t *answer = NULL;
	if (!api_json(cli, "/v1/workloads", NULL, NULL, &answer))
		return cli_fail(cli);
	if (cli->json)
		return cli_print_json(cli, TAKE(answer), STATUS_DONE);
	cli_print_table(json_object_get(answer, "workloads"), columns, ARRAY_LEN(columns));
	return STATUS_DONE;
}

const struct command cmd_workload_add = {
	.group = "workload",
	.name = "add",
	.synopsis = "NAME --class CLASS --env ENV --owner NAME --purpose TEXT",
	.summary = "Registers an agent.",
	.options = add_options,
	.least = 1,
	.most = 1,
	.run = run_add,
};
const struct command cmd_workload_list = {
	.group = "workload",
	.name = "list",
	.synopsis = "",
	.summary = "The agents registered.",
	.options = list_options,
	.run = run_list,
};
const struct command cmd_workload_retire = {
	.group = "workload",
	.name = "retire",
	.synopsis = "NAME --reason TEXT",
	.summary = "Ends an agent: nothing launches or renews as it any more.",
	.options = retire_options,
	.least = 1,
	.most = 1,
	.run = run_retire,
};
