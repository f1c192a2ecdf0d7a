/* SPDX-License-Identifier: Apache-2.0 */
/* assay instance list | show | history: agents, what each is now, and how it came to that. */
#include "cli/commands.h"

#include "evidence/evidence.h"

static const struct option_spec list_options[] = {
	{"host", "ID", OPTION_VALUE, "only on this host"},
	{"workload", "NAME", OPTION_VALUE, "only of this workload"},
	{"state", "STATE", OPTION_VALUE,
		"trusted, stale, unreachable, untrusted, quarantined, retired or ended"},
	API_OPTIONS,
	OPTIONS_END,
};
static const struct option_spec show_options[] = {API_OPTIONS, OPTIONS_END};

/* ---- the list ---- */

static bool query_put(struct cli *cli, struct buf *path, const char *name)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyz0123456789._-";
	const char *value = option(cli, name);
	if (!value)
		return true;
	if (!value[0] || strspn(value, plain) != strlen(value))
		return err_set(&cli->err, ERR_USAGE, "--%s: expected a-z 0-9 . _ -", name);
	buf_printf(path, "&%s=%s", name, value);
	return true;
}

/* Page after page, into one list. */
static bool fetch_all(struct cli *cli, const char *query, json_t *all)
{
	char after[160] = "";
	do {
		OWNED(json_release) json_t *answer = NULL;
		OWNED(buf_release) struct buf path = {0};
		buf_printf(&path, "/v1/instances?limit=500%s%s%s", query, after[0] ? "&after=" : "",
			after);
		if (!buf_str(&path))
			return err_set(&cli->err, ERR_NOMEM, "agents");
		if (!api_json(cli, buf_str(&path), NULL, NULL, &answer))
			return false;
		if (json_array_extend(all, json_object_get(answer, "instances")) != 0)
			return err_set(&cli->err, ERR_FORMAT, "instances: expected a list");
		const char *next = json_string_value(json_object_get(answer, "next"));
		if (next && (strspn(next, "0123456789abcdef") != strlen(next) ||
				    strcmp(next, after) <= 0))
			return err_set(&cli->err, ERR_FORMAT, "next: does not move on");
		(void)snprintf(after, sizeof(after), "%s", next ? next : "");
	} while (after[0]);
	return true;
}

static enum status run_list(struct cli *cli)
{
	static const struct column columns[] = {{"instance", "INSTANCE", 32},
		{"state", "STATE", 12}, {"workload", "WORKLOAD", 20}, {"host_name", "HOST", 20},
		{"renewed", "RENEWED", 20}, {"lease", "LEASE ENDS", 20},
		{"last_heard", "LAST HEARD", 0}};
	OWNED(json_release) json_t *all = json_array();
	OWNED(buf_release) struct buf query = {0};
	if (!all || !query_put(cli, &query, "host") || !query_put(cli, &query, "workload") ||
		!query_put(cli, &query, "state") ||
		!fetch_all(cli, query.len ? buf_str(&query) : "", all))
		return cli_fail(cli);
	if (cli->json)
		return cli_print_json(cli, json_pack("{s:O}", "instances", all), STATUS_DONE);
	cli_print_table(all, columns, ARRAY_LEN(columns));
	return STATUS_DONE;
}

/* ---- one ---- */

/* By its id alone; where two hosts claim the same one, the host has to be said. */
static bool find(struct cli *cli, json_t **ret)
{
	const char *id = cli->arguments->values[0], *host;
	OWNED(json_release) json_t *all = json_array();
	char query[64], path[256];
	if (strlen(id) != 2 * INSTANCE_ID_LEN || strspn(id, "0123456789abcdef") != strlen(id))
		return err_set(&cli->err, ERR_USAGE,
			"an agent is named by its id: %d hex digits (assay instance list)",
			2 * INSTANCE_ID_LEN);
	(void)snprintf(query, sizeof(query), "&instance=%s", id);
	if (!all || !fetch_all(cli, query, all))
		return false;
	if (json_array_size(all) != 1)
		return err_set(&cli->err, json_array_size(all) == 0 ? ERR_NOT_FOUND : ERR_CONFLICT,
			json_array_size(all) == 0 ? "no such agent"
						  : "more than one host has an agent of this id");
	host = json_string_value(json_object_get(json_array_get(all, 0), "host"));
	if (!host || strlen(host) != 2 * HOST_ID_LEN ||
		strspn(host, "0123456789abcdef") != strlen(host))
		return err_set(&cli->err, ERR_FORMAT, "host: expected an id");
	(void)snprintf(path, sizeof(path), "/v1/instances/%s/%s", host, id);
	return api_json(cli, path, NULL, NULL, ret);
}

static enum status run_show(struct cli *cli)
{
	OWNED(json_release) json_t *answer = NULL;
	if (!find(cli, &answer))
		return cli_fail(cli);
	if (cli->json)
		return cli_print_json(cli, TAKE(answer), STATUS_DONE);
	(void)json_object_del(answer, "history");
	cli_print_object(answer);
	return STATUS_DONE;
}

static enum status run_history(struct cli *cli)
{
	static const struct column columns[] = {
		{"time", "TIME", 20}, {"state", "STATE", 12}, {"why", "WHY", 0}};
	OWNED(json_release) json_t *answer = NULL;
	if (!find(cli, &answer))
		return cli_fail(cli);
	json_t *history = json_object_get(answer, "history");
	if (cli->json)
		return cli_print_json(cli, json_incref(history), STATUS_DONE);
	cli_print_table(history, columns, ARRAY_LEN(columns));
	return STATUS_DONE;
}

const struct command cmd_instance_list = {
	.group = "instance",
	.name = "list",
	.synopsis = "[--host ID] [--workload NAME] [--state STATE]",
	.summary = "Agents, and what each is now.",
	.options = list_options,
	.run = run_list,
};
const struct command cmd_instance_show = {
	.group = "instance",
	.name = "show",
	.synopsis = "INSTANCE",
	.summary = "One agent.",
	.options = show_options,
	.least = 1,
	.most = 1,
	.run = run_show,
};
const struct command cmd_instance_history = {
	.group = "instance",
	.name = "history",
	.synopsis = "INSTANCE",
	.summary = "When an agent was trusted, stale, unreachable, refused, quarantined or ended.",
	.options = show_options,
	.least = 1,
	.most = 1,
	.run = run_history,
};
