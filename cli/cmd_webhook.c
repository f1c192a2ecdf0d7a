/* SPDX-License-Identifier: Apache-2.0 */
/* assay webhook list | show | retry | test: events pushed to subscribers. */
#include "cli/commands.h"

#include "base/text.h"

static const struct option_spec plain_options[] = {API_OPTIONS, OPTIONS_END};
static const struct option_spec retry_options[] = {
	{"reason", "TEXT", OPTION_VALUE, "why; kept in the ledger"}, API_OPTIONS, OPTIONS_END};

static bool path_of(struct cli *cli, const char *behind, struct buf *ret)
{
	const char *name = cli->arguments->values[0];
	if (!text_is_name(bytes_str(name)))
		return err_set(&cli->err, ERR_USAGE, "%s: not the name of a webhook",
			ESC(bytes_str(name)));
	buf_printf(ret, "/v1/webhooks/%s%s", name, behind);
	return buf_str(ret) || err_set(&cli->err, ERR_NOMEM, "webhook");
}

static enum status run_list(struct cli *cli)
{
	static const struct column columns[] = {{"name", "WEBHOOK", 16}, {"state", "STATE", 10},
		{"acked_entry", "ACKED", 8}, {"acked_time", "AT", 20}, {"attempts", "TRIES", 5},
		{"next_try", "NEXT TRY", 20}, {"last_error", "ERROR", 0}};
	OWNED(json_release) json_t *answer = NULL;
	if (!api_json(cli, "/v1/webhooks", NULL, NULL, &answer))
		return cli_fail(cli);
	if (cli->json)
		return cli_print_json(cli, TAKE(answer), STATUS_DONE);
	cli_print_table(json_object_get(answer, "webhooks"), columns, ARRAY_LEN(columns));
	return STATUS_DONE;
}

static void print_acks(const json_t *list)
{
	static const struct column columns[] = {{"entry", "ENTRY", 10},
		{"time", "ACKNOWLEDGED", 20}, {"status", "STATUS", 6}, {"attempts", "TRIES", 0}};
	if (json_array_size(list) == 0)
		return;
	(void)printf("\n");
	cli_print_table(list, columns, ARRAY_LEN(columns));
}

static enum status run_show(struct cli *cli)
{
	OWNED(buf_release) struct buf path = {0};
	OWNED(json_release) json_t *answer = NULL;
	OWNED(json_release) json_t *acks = NULL;
	if (!path_of(cli, "", &path) || !api_json(cli, buf_str(&path), NULL, NULL, &answer))
		return cli_fail(cli);
	if (cli->json)
		return cli_print_json(cli, TAKE(answer), STATUS_DONE);
	acks = json_incref(json_object_get(answer, "acknowledged"));
	(void)json_object_del(answer, "acknowledged");
	cli_print_object(answer);
	print_acks(acks);
	return STATUS_DONE;
}

static enum status run_retry(struct cli *cli)
{
	OWNED(buf_release) struct buf path = {0};
	OWNED(json_release) json_t *answer = NULL;
	const char *reason = NULL;
	if (!option_required(cli, "reason", &reason) || !path_of(cli, "/retry", &path) ||
		!api_post(cli, buf_str(&path), json_pack("{s:s}", "reason", reason), &answer))
		return cli_fail(cli);
	if (cli->json)
		return cli_print_json(cli, TAKE(answer), STATUS_DONE);
	(void)json_object_del(answer, "acknowledged");
	cli_print_object(answer);
	return STATUS_DONE;
}

/* Not delivered: exit status 1. */
static enum status run_test(struct cli *cli)
{
	OWNED(buf_release) struct buf path = {0};
	OWNED(json_release) json_t *answer = NULL;
	if (!path_of(cli, "/test", &path) || !api_post(cli, buf_str(&path), json_object(), &answer))
		return cli_fail(cli);
	enum status status =
		json_is_true(json_object_get(answer, "delivered")) ? STATUS_DONE : STATUS_REFUSED;
	if (cli->json)
		return cli_print_json(cli, TAKE(answer), status);
	cli_print_object(answer);
	return status;
}

const struct command cmd_webhook_list = {
	.group = "webhook",
	.name = "list",
	.synopsis = "",
	.summary = "Webhooks of the verifier, and how far each is.",
	.options = plain_options,
	.run = run_list,
};
const struct command cmd_webhook_show = {
	.group = "webhook",
	.name = "show",
	.synopsis = "NAME",
	.summary = "One webhook, and the last events that its receiver acknowledged.",
	.options = plain_options,
	.least = 1,
	.most = 1,
	.run = run_show,
};
const struct command cmd_webhook_retry = {
	.group = "webhook",
	.name = "retry",
	.synopsis = "NAME --reason TEXT",
	.summary =
		"Has one that gave up, or waits, go on at once from the event that it stands at.",
	.options = retry_options,
	.least = 1,
	.most = 1,
	.run = run_retry,
};
const struct command cmd_webhook_test = {
	.group = "webhook",
	.name = "test",
	.synopsis = "NAME",
	.summary = "Sends an event webhook-test now and says what the receiver answered.",
	.options = plain_options,
	.least = 1,
	.most = 1,
	.run = run_test,
};
