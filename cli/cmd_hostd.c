/* SPDX-License-Identifier: Apache-2.0 */
/* assay enroll, status, stop: requests to hostd on this machine. */
#include "cli/commands.h"

#include "attest/socket.h"

static const struct option_spec enroll_options[] = {
	{"token", "TOKEN", OPTION_VALUE, "the join token from `assay host invite`"},
	{"token-file", "FILE", OPTION_VALUE, "read the token from a file (- for standard input)"},
	{"name", "NAME", OPTION_VALUE, "a name for people (default: this machine's)"},
	{"socket", "PATH", OPTION_VALUE,
		"hostd's socket (default: $ASSAY_HOSTD_SOCKET, " HOSTD_SOCKET_DEFAULT ")"},
	OPTIONS_END,
};
static const struct option_spec status_options[] = {
	{"socket", "PATH", OPTION_VALUE,
		"hostd's socket (default: $ASSAY_HOSTD_SOCKET, " HOSTD_SOCKET_DEFAULT ")"},
	OPTIONS_END,
};

static const char *socket_path(const struct cli *cli)
{
	return option_or(cli, "socket",
		cli->environment->socket ? cli->environment->socket : HOSTD_SOCKET_DEFAULT);
}

static bool token_of(struct cli *cli, struct buf *file, const char **ret)
{
	*ret = option(cli, "token");
	if (!option(cli, "token-file"))
		return true;
	if (*ret)
		return err_set(&cli->err, ERR_USAGE, "--token and --token-file exclude each other");
	if (!cli_read(option(cli, "token-file"), 4096, file, &cli->err))
		return false;
	while (file->len && (file->data[file->len - 1] == '\n' || file->data[file->len - 1] == ' '))
		file->len--;
	*ret = buf_str(file);
	return *ret != NULL;
}

static enum status run_enroll(struct cli *cli)
{
	OWNED(buf_release) struct buf file = {0};
	OWNED(json_release) json_t *request = NULL, *reply = NULL;
	const char *token = NULL;
	if (!token_of(cli, &file, &token))
		return cli_fail(cli);
	request = json_pack("{s:s,s:s*,s:s*}", "op", "enroll", "join_token", token, "name",
		option(cli, "name"));
	if (!request) {
		(void)err_set(&cli->err, ERR_USAGE, "the token or name is not valid UTF-8");
		return cli_fail(cli);
	}
	if (!hostd_request(socket_path(cli), request, NULL, 0, &reply, NULL, &cli->err))
		return cli_fail(cli);
	if (cli->json)
		return cli_print_json(cli, TAKE(reply), STATUS_DONE);
	const char *state = json_string_value(json_object_get(reply, "state"));
	const char *host = json_string_value(json_object_get(reply, "host"));
	(void)printf("host %s is %s\n", host ? ESC(bytes_str(host)) : "?",
		state ? ESC(bytes_str(state)) : "?");
	if (state && strcmp(state, "pending") == 0)
		(void)fputs("an operator has to confirm it: assay host confirm ID; then run `assay "
			    "enroll` again\n",
			stderr);
	return STATUS_DONE;
}

/* One answer has room for so many instances: the others are asked for. */
static bool status_of(struct cli *cli, json_t **ret)
{
	OWNED(json_release) json_t *whole = NULL;
	for (bool more = true; more;) {
		OWNED(json_release) json_t *reply = NULL;
		json_t *instances = json_object_get(whole, "instances");
		OWNED(json_release)
		json_t *request = json_pack("{s:s}", "op", "status");
		if (!request || (whole && json_object_set_new(request, "from",
						  json_integer((json_int_t)json_array_size(
							  instances))) != 0))
			return err_set(&cli->err, ERR_NOMEM, "no memory for a request");
		if (!hostd_request(socket_path(cli), request, NULL, 0, &reply, NULL, &cli->err))
			return false;
		const json_t *next = json_object_get(reply, "instances");
		more = json_is_true(json_object_get(reply, "more")) && json_array_size(next) > 0;
		(void)json_object_del(reply, "more");
		if (!whole)
			whole = TAKE(reply);
		else if (json_array_extend(instances, (json_t *)(uintptr_t)next) != 0)
			return err_set(&cli->err, ERR_FORMAT, "answer of assay-hostd: instances");
	}
	*ret = TAKE(whole);
	return true;
}

static enum status run_status(struct cli *cli)
{
	OWNED(json_release) json_t *reply = NULL;
	if (!status_of(cli, &reply))
		return cli_fail(cli);
	if (cli->json)
		return cli_print_json(cli, TAKE(reply), STATUS_DONE);
	static const struct column columns[] = {{"instance", "INSTANCE", 12},
		{"workload", "WORKLOAD", 20}, {"state", "STATE", 12}, {"held", "HELD", 9},
		{"pid", "PID", 8}, {"expires", "EXPIRES", 21}, {"reason", "REASON", 0}};
	OWNED(json_release) json_t *instances = json_incref(json_object_get(reply, "instances"));
	(void)json_object_del(reply, "instances");
	(void)json_object_del(reply, "ok");
	cli_print_object(reply);
	(void)puts("");
	cli_print_table(instances, columns, ARRAY_LEN(columns));
	return STATUS_DONE;
}

static enum status run_stop(struct cli *cli)
{
	OWNED(json_release)
	json_t *request =
		       json_pack("{s:s,s:s}", "op", "stop", "instance", cli->arguments->values[0]),
	       *reply = NULL;
	if (!request || !hostd_request(socket_path(cli), request, NULL, 0, &reply, NULL, &cli->err))
		return cli_fail(cli);
	return cli->json ? cli_print_json(cli, TAKE(reply), STATUS_DONE) : STATUS_DONE;
}

const struct command cmd_enroll = {
	.name = "enroll",
	.synopsis = "[--token TOKEN | --token-file FILE] [--name NAME]",
	.summary = "Makes this host known to the verifier.",
	.options = enroll_options,
	.run = run_enroll,
};
const struct command cmd_status = {
	.name = "status",
	.synopsis = "",
	.summary = "This host, its instances and their trust.",
	.options = status_options,
	.run = run_status,
};
const struct command cmd_stop = {
	.name = "stop",
	.synopsis = "INSTANCE",
	.summary = "Ends an instance on this host; one that is frozen is killed.",
	.options = status_options,
	.least = 1,
	.most = 1,
	.run = run_stop,
};
