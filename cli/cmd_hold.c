/* SPDX-License-Identifier: Apache-2.0 */
/* assay hold set | list | lift: what must not be destroyed, whatever the policy says. */
#include "cli/commands.h"

#include "base/time.h"

static const struct option_spec set_options[] = {
	{"host", "ID", OPTION_VALUE, "decisions and entries about this host"},
	{"workload", "NAME", OPTION_VALUE, "about this workload"},
	{"release", "DIGEST", OPTION_VALUE, "about this release"},
	{"from", "TIME", OPTION_VALUE, "not before this time (2026-11-26 or 2026-11-26T08:00:00Z)"},
	{"to", "TIME", OPTION_VALUE, "not after this time"},
	{"reason", "TEXT", OPTION_VALUE, "why; kept in the ledger"},
	API_OPTIONS,
	OPTIONS_END,
};
static const struct option_spec list_options[] = {API_OPTIONS, OPTIONS_END};
static const struct option_spec lift_options[] = {
	{"reason", "TEXT", OPTION_VALUE, "why; kept in the ledger"}, API_OPTIONS, OPTIONS_END};

static bool put(struct cli *cli, json_t *request, const char *name, const char *value)
{
	return json_object_set_new(request, name, json_string(value)) == 0 ||
	       err_set(&cli->err, ERR_USAGE, "--%s is not valid UTF-8", name);
}

/* A day begins at midnight UTC, and as an end it ends at the next. */
static bool put_time(struct cli *cli, json_t *request, const char *name, bool end)
{
	const char *given = option(cli, name);
	char text[2 * TIME_TEXT_MAX];
	int64_t time = 0;
	if (!given)
		return true;
	bool day = strlen(given) == 10;
	(void)snprintf(text, sizeof(text), "%.25s%s", given,
		!day  ? ""
		: end ? "T23:59:59Z"
		      : "T00:00:00Z");
	if (strlen(given) > 25 || !time_parse(bytes_str(text), &time, NULL))
		return err_set(&cli->err, ERR_USAGE,
			"--%s %s: expected a time as 2026-11-26 or 2026-11-26T08:00:00Z", name,
			ESC(bytes_str(given)));
	return put(cli, request, name, text);
}

static bool put_plain(struct cli *cli, json_t *request, const char *name)
{
	return !option(cli, name) || put(cli, request, name, option(cli, name));
}

static enum status post(struct cli *cli, const char *path, json_t *request)
{
	OWNED(json_release) json_t *answer = NULL;
	if (!api_post(cli, path, request, &answer))
		return cli_fail(cli);
	if (cli->json)
		return cli_print_json(cli, TAKE(answer), STATUS_DONE);
	if (strcmp(json_string_value(json_object_get(answer, "state")), "lifting") == 0)
		(void)fprintf(stderr,
			"another administrator has to confirm: assay hold lift %lld\n",
			(long long)json_integer_value(json_object_get(answer, "id")));
	cli_print_object(answer);
	return STATUS_DONE;
}

static enum status run_set(struct cli *cli)
{
	OWNED(json_release) json_t *request = json_object();
	const char *reason = NULL;
	if (!request || !option_required(cli, "reason", &reason) ||
		!put(cli, request, "reason", reason) || !put_plain(cli, request, "host") ||
		!put_plain(cli, request, "workload") || !put_plain(cli, request, "release") ||
		!put_time(cli, request, "from", false) || !put_time(cli, request, "to", true))
		return cli_fail(cli);
	if (json_object_size(request) == 1) {
		(void)err_set(&cli->err, ERR_USAGE,
			"what is held? --host, --workload, --release, --from, --to");
		return cli_fail(cli);
	}
	return post(cli, "/v1/holds", TAKE(request));
}

static enum status run_list(struct cli *cli)
{
	static const struct column columns[] = {{"id", "HOLD", 5}, {"state", "STATE", 8},
		{"set", "SET", 20}, {"host", "HOST", 16}, {"workload", "WORKLOAD", 20},
		{"release", "RELEASE", 16}, {"from", "FROM", 20}, {"to", "TO", 20},
		{"reason", "REASON", 0}};
	OWNED(json_release) json_t *answer = NULL;
	if (!api_json(cli, "/v1/holds", NULL, NULL, &answer))
		return cli_fail(cli);
	if (cli->json)
		return cli_print_json(cli, TAKE(answer), STATUS_DONE);
	cli_print_table(json_object_get(answer, "holds"), columns, ARRAY_LEN(columns));
	return STATUS_DONE;
}

static enum status run_lift(struct cli *cli)
{
	OWNED(json_release) json_t *request = json_object();
	const char *id = cli->arguments->values[0], *reason = NULL;
	char path[64];
	if (!request || !option_required(cli, "reason", &reason) ||
		!put(cli, request, "reason", reason))
		return cli_fail(cli);
	if (strlen(id) > 9 || !id[0] || strspn(id, "0123456789") != strlen(id)) {
		(void)err_set(
			&cli->err, ERR_USAGE, "a hold is named by its number (assay hold list)");
		return cli_fail(cli);
	}
	(void)snprintf(path, sizeof(path), "/v1/holds/%s/lift", id);
	return post(cli, path, TAKE(request));
}

const struct command cmd_hold_set = {
	.group = "hold",
	.name = "set",
	.synopsis = "[--host ID] [--workload NAME] [--release DIGEST] [--from TIME] [--to TIME] "
		    "--reason TEXT",
	.summary = "Keeps what is within all that is given, whatever the policy says.",
	.options = set_options,
	.run = run_set,
};
const struct command cmd_hold_list = {
	.group = "hold",
	.name = "list",
	.synopsis = "",
	.summary = "Legal holds, newest first.",
	.options = list_options,
	.run = run_list,
};
const struct command cmd_hold_lift = {
	.group = "hold",
	.name = "lift",
	.synopsis = "NUMBER --reason TEXT",
	.summary = "Asks for the end of a hold, or confirms it as a second administrator.",
	.options = lift_options,
	.least = 1,
	.most = 1,
	.run = run_lift,
};
