/* SPDX-License-Identifier: Apache-2.0 */
/* assay host invite | list | show | confirm | quarantine | retire: the register of hosts. */
#include "cli/host_id.h"

#include "base/time.h"
#include "crypto/digest.h"

static const struct option_spec invite_options[] = {
	{"name", "NAME", OPTION_VALUE, "a name for people"},
	{"expires", "DURATION", OPTION_VALUE, "how long the token can be used (default 1h)"},
	{"host", "ID", OPTION_VALUE, "only the TPM with this host id may use it"},
	{"attribute", "KEY=VALUE", OPTION_REPEATED, "what the host is said to be: jurisdiction=CH"},
	{"out", "FILE", OPTION_VALUE, "write the token there, readable by the owner alone"},
	API_OPTIONS,
	OPTIONS_END,
};
static const struct option_spec list_options[] = {API_OPTIONS, OPTIONS_END};
static const struct option_spec change_options[] = {
	{"reason", "TEXT", OPTION_VALUE, "why"}, API_OPTIONS, OPTIONS_END};

static enum status run_invite(struct cli *cli)
{
	int64_t lifetime = 0;
	OWNED(json_release) json_t *request = json_object(), *answer = NULL;
	if (!time_parse_duration(
		    bytes_str(option_or(cli, "expires", "1h")), 30 * 86400, &lifetime, &cli->err)) {
		cli->err.code = ERR_USAGE;
		return cli_fail(cli);
	}
	(void)json_object_set_new(request, "expires_in", json_integer(lifetime));
	if (option(cli, "name"))
		(void)json_object_set_new(request, "name", json_string(option(cli, "name")));
	uint8_t digest[SHA256_LEN];
	if (option(cli, "host") &&
		!hex_decode_exact(bytes_str(option(cli, "host")), digest, SHA256_LEN, NULL)) {
		(void)err_set(&cli->err, ERR_USAGE, "--host is a host's whole id: 64 hex digits");
		return cli_fail(cli);
	}
	if (option(cli, "host"))
		(void)json_object_set_new(request, "ek_digest", json_string(option(cli, "host")));
	if (!host_attributes_put(cli, "attribute", request, "attributes") ||
		!api_post(cli, "/v1/join-tokens", TAKE(request), &answer))
		return cli_fail(cli);
	const char *token = json_string_value(json_object_get(answer, "token"));
	if (option(cli, "out") && token) {
		if (!cli_write(option(cli, "out"), bytes_str(token), true, &cli->err))
			return cli_fail(cli);
		return STATUS_DONE;
	}
	if (cli->json)
		return cli_print_json(cli, TAKE(answer), STATUS_DONE);
	(void)printf("%s\n", token ? ESC(bytes_str(token)) : "");
	(void)fputs("usable once; on the host: assay enroll --token TOKEN\n", stderr);
	return STATUS_DONE;
}

static enum status run_list(struct cli *cli)
{
	static const struct column columns[] = {{"id", "HOST", 16}, {"name", "NAME", 20},
		{"state", "STATE", 12}, {"agents", "AGENTS", 12}, {"ek_template", "EK", 5},
		{"manufacturer", "TPM", 14}, {"last_seen", "LAST SEEN", 0}};
	OWNED(json_release) json_t *all = json_array();
	if (!all || !hosts_fetch(cli, all))
		return cli_fail(cli);
	if (cli->json)
		return cli_print_json(cli, json_pack("{s:O}", "hosts", all), STATUS_DONE);
	cli_print_table(all, columns, ARRAY_LEN(columns));
	return STATUS_DONE;
}

/* GET without a request, whose reference is taken. */
static enum status show(struct cli *cli, const char *suffix, json_t *request)
{
	OWNED(json_release) json_t *owned = request, *answer = NULL;
	char id[65], path[160];
	if (!host_id_resolve(cli, id))
		return cli_fail(cli);
	(void)snprintf(path, sizeof(path), "/v1/hosts/%s%s", id, suffix);
	if (!(owned ? api_post(cli, path, TAKE(owned), &answer)
		    : api_json(cli, path, NULL, NULL, &answer)))
		return cli_fail(cli);
	return host_print(cli, TAKE(answer));
}

static enum status run_show(struct cli *cli)
{
	return show(cli, "", NULL);
}

/* confirm, quarantine and retire differ only in their name, which is the route's. */
static enum status run_change(struct cli *cli)
{
	char suffix[40];
	const char *reason = NULL;
	if (!option_required(cli, "reason", &reason))
		return cli_fail(cli);
	json_t *request = json_pack("{s:s}", "reason", reason);
	if (!request) {
		(void)err_set(&cli->err, ERR_USAGE, "--reason is not valid UTF-8");
		return cli_fail(cli);
	}
	(void)snprintf(suffix, sizeof(suffix), "/%s", cli->arguments->command->name);
	return show(cli, suffix, request);
}

const struct command cmd_host_invite = {
	.group = "host",
	.name = "invite",
	.synopsis = "[--name NAME] [--expires 1h] [--host ID] [--attribute KEY=VALUE]...",
	.summary = "Makes a single-use join token.",
	.options = invite_options,
	.run = run_invite,
};
const struct command cmd_host_list = {.group = "host",
	.name = "list",
	.synopsis = "",
	.summary = "The hosts enrolled.",
	.options = list_options,
	.run = run_list};
const struct command cmd_host_show = {.group = "host",
	.name = "show",
	.synopsis = "ID",
	.summary = "One host.",
	.options = list_options,
	.least = 1,
	.most = 1,
	.run = run_show};
#define HOST_CHANGE(name_, summary_)                                                               \
	{                                                                                          \
		.group = "host", .name = (name_), .synopsis = "ID --reason TEXT",                  \
		.summary = (summary_), .options = change_options, .least = 1, .most = 1,           \
		.run = run_change,                                                                 \
	}
const struct command cmd_host_confirm =
	HOST_CHANGE("confirm", "Admits a pending host, or lifts a quarantine.");
const struct command cmd_host_quarantine =
	HOST_CHANGE("quarantine", "Stops renewals of everything on a host.");
const struct command cmd_host_retire = HOST_CHANGE("retire", "Ends a host for good.");
