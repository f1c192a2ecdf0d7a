/* SPDX-License-Identifier: Apache-2.0 */
/* assay retention status | sweep: how long things are kept, and what goes. */
#include "cli/commands.h"

#include "policy/words.h"

static const struct option_spec status_options[] = {API_OPTIONS, OPTIONS_END};
static const struct option_spec sweep_options[] = {
	{"dry-run", NULL, OPTION_FLAG, "say what would go, and leave it"},
	{"now", NULL, OPTION_FLAG, "destroy what is due, without waiting for the verifier's sweep"},
	{"accept-clock", NULL, OPTION_FLAG,
		"with --now: the clock is right though it jumped; needs --reason"},
	{"reason", "TEXT", OPTION_VALUE, "why; kept in the ledger with --accept-clock"},
	API_OPTIONS,
	OPTIONS_END,
};

/* ---- status ---- */

static const char *keep_text(const json_t *keep, char out[WORDS_DURATION_MAX])
{
	return json_is_integer(keep) ? words_duration(json_integer_value(keep), out) : "for ever";
}

static void print_times(const char *whose, const json_t *times)
{
	char launch[WORDS_DURATION_MAX], renew[WORDS_DURATION_MAX], refused[WORDS_DURATION_MAX];
	(void)printf("%-20s launches %s, renewals %s, refusals %s\n", whose,
		keep_text(json_object_get(times, "launch"), launch),
		keep_text(json_object_get(times, "renew"), renew),
		keep_text(json_object_get(times, "refused"), refused));
}

static void print_policies(const json_t *policies)
{
	size_t i;
	json_t *policy;
	json_array_foreach(policies, i, policy)
	{
		const char *alone = json_string_value(json_object_get(policy, "alone_from"));
		(void)printf("policy %-13lld seen in force since %s%s%s\n",
			(long long)json_integer_value(json_object_get(policy, "version")),
			ESC(bytes_str(json_string_value(json_object_get(policy, "seen")))),
			alone && alone[0] ? "; counts alone from " : "", ESC(bytes_str(alone)));
	}
}

static void print_status(const json_t *answer)
{
	char text[WORDS_DURATION_MAX];
	const char *key;
	json_t *value;
	static const char *const lines[] = {"clock", "last_sweep", "last_finished"};
	(void)printf("%-20s %s\n", "destroys",
		json_is_true(json_object_get(answer, "destroys")) ? "yes" : "no");
	for (size_t i = 0; i < ARRAY_LEN(lines); i++)
		(void)printf("%-20s %s\n", lines[i],
			ESC(bytes_str(json_string_value(json_object_get(answer, lines[i])))));
	(void)printf("%-20s %s\n", "grace", keep_text(json_object_get(answer, "grace"), text));
	print_policies(json_object_get(answer, "policies"));
	print_times("decisions", json_object_get(answer, "decisions"));
	json_object_foreach(json_object_get(answer, "risk_classes"), key, value)
	{
		char whose[96];
		(void)snprintf(whose, sizeof(whose), "class %s", ESC(bytes_str(key)));
		print_times(whose, value);
	}
	json_object_foreach(
		json_object_get(answer, "entries"), key, value) if (json_is_integer(value))(void)
		printf("%s entries: %s\n", ESC(bytes_str(key)), keep_text(value, text));
	static const char *const counts[] = {
		"holds", "records", "records_destroyed", "entries_total", "entries_destroyed"};
	for (size_t i = 0; i < ARRAY_LEN(counts); i++)
		(void)printf("%-20s %lld\n", counts[i],
			(long long)json_integer_value(json_object_get(answer, counts[i])));
}

static enum status run_status(struct cli *cli)
{
	OWNED(json_release) json_t *answer = NULL;
	if (!api_json(cli, "/v1/retention", NULL, NULL, &answer))
		return cli_fail(cli);
	if (cli->json)
		return cli_print_json(cli, TAKE(answer), STATUS_DONE);
	print_status(answer);
	return STATUS_DONE;
}

/* ---- sweep ---- */

static void print_list(const json_t *answer, const char *key, const char *noun)
{
	const json_t *list = json_object_get(answer, key);
	json_t *item;
	size_t i;
	json_array_foreach(list, i, item)
	{
		if (json_is_integer(item))
			(void)printf("%s %lld\n", noun, (long long)json_integer_value(item));
		else
			(void)printf("%s %s\n", noun, ESC(bytes_str(json_string_value(item))));
	}
}

static void print_sweep(const json_t *answer)
{
	bool dry = json_is_true(json_object_get(answer, "dry_run"));
	print_list(answer, "records", "record");
	print_list(answer, "objects", "object");
	print_list(answer, "entries", "entry");
	(void)printf("%s: %zu records, %zu objects, %zu entries%s\n",
		dry ? "would be destroyed" : "destroyed",
		json_array_size(json_object_get(answer, "records")),
		json_array_size(json_object_get(answer, "objects")),
		json_array_size(json_object_get(answer, "entries")),
		json_is_true(json_object_get(answer, "more")) ? ", and more" : "");
}

static enum status run_sweep(struct cli *cli)
{
	OWNED(json_release) json_t *request = NULL, *answer = NULL;
	bool dry = option_given(cli, "dry-run"), accept = option_given(cli, "accept-clock");
	const char *reason = option_or(cli, "reason", "");
	if (dry == option_given(cli, "now") || (dry && accept) || (accept && !reason[0])) {
		(void)err_set(&cli->err, ERR_USAGE,
			"either --dry-run or --now; --accept-clock goes with --now and --reason");
		return cli_fail(cli);
	}
	request = json_pack("{s:b, s:b, s:s}", "dry_run", (int)dry, "accept_clock", (int)accept,
		"reason", reason);
	if (!api_post(cli, "/v1/retention/sweep", TAKE(request), &answer))
		return cli_fail(cli);
	if (cli->json)
		return cli_print_json(cli, TAKE(answer), STATUS_DONE);
	print_sweep(answer);
	return STATUS_DONE;
}

const struct command cmd_retention_status = {
	.group = "retention",
	.name = "status",
	.synopsis = "",
	.summary = "How long things are kept, from when that counts, and what has gone.",
	.options = status_options,
	.run = run_status,
};
const struct command cmd_retention_sweep = {
	.group = "retention",
	.name = "sweep",
	.synopsis = "--dry-run | --now [--accept-clock --reason TEXT]",
	.summary = "What is past its time: said, or destroyed.",
	.options = sweep_options,
	.run = run_sweep,
};
