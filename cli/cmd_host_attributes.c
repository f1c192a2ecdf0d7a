/* SPDX-License-Identifier: Apache-2.0 */
/* assay host attributes: what a host is said to be. */
#include "cli/host_id.h"

static const struct option_spec options[] = {
	{"set", "KEY=VALUE", OPTION_REPEATED,
		"jurisdiction=CH, site=zrh1, kubernetes-node=NAME, ..."},
	{"unset", "KEY", OPTION_REPEATED, "take it back"},
	{"reason", "TEXT", OPTION_VALUE, "why"},
	API_OPTIONS,
	OPTIONS_END,
};

static bool put_unset(struct cli *cli, json_t *request)
{
	const struct option_value *given = option_all(cli, "unset");
	json_t *list = json_array();
	for (size_t i = 0; given && i < given->count; i++)
		if (json_array_append_new(list, json_string(given->values[i])) != 0) {
			json_decref(list);
			return err_set(&cli->err, ERR_USAGE, "--unset: not valid UTF-8");
		}
	return json_object_set_new(request, "unset", list) == 0 ||
	       err_set(&cli->err, ERR_NOMEM, "request");
}

static enum status run(struct cli *cli)
{
	OWNED(json_release) json_t *request = json_object(), *answer = NULL;
	const char *reason = NULL;
	char id[2 * SHA256_LEN + 1], path[160];
	if (!option_given(cli, "set") && !option_given(cli, "unset")) {
		(void)err_set(&cli->err, ERR_USAGE, "--set or --unset is needed");
		return cli_fail(cli);
	}
	if (!option_required(cli, "reason", &reason) ||
		!host_attributes_put(cli, "set", request, "set") || !put_unset(cli, request))
		return cli_fail(cli);
	if (json_object_set_new(request, "reason", json_string(reason)) != 0) {
		(void)err_set(&cli->err, ERR_USAGE, "--reason is not valid UTF-8");
		return cli_fail(cli);
	}
	if (!host_id_resolve(cli, id))
		return cli_fail(cli);
	(void)snprintf(path, sizeof(path), "/v1/hosts/%s/attributes", id);
	if (!api_post(cli, path, TAKE(request), &answer))
		return cli_fail(cli);
	return host_print(cli, TAKE(answer));
}

const struct command cmd_host_attributes = {
	.group = "host",
	.name = "attributes",
	.synopsis = "ID [--set KEY=VALUE]... [--unset KEY]... --reason TEXT",
	.summary = "Says where a host stands and what it belongs to.",
	.options = options,
	.least = 1,
	.most = 1,
	.run = run,
};
