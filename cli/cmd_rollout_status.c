/* SPDX-License-Identifier: Apache-2.0 */
/* assay rollout status: how far a rollout is, and what its canary did. */
#include "cli/commands.h"
#include "cli/rollout.h"

static const struct option_spec status_options[] = {
	{"hosts", NULL, OPTION_FLAG, "list the hosts of the canary"}, API_OPTIONS, OPTIONS_END};

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));
	return text ? text : "";
}

static long long number_of(const json_t *object, const char *key)
{
	return (long long)json_integer_value(json_object_get(object, key));
}

/* "2h", "1h 12m", "45s": the two largest units. */
static const char *span(long long seconds, char out[48])
{
	static const struct {
		long long length;
		char name;
	} units[] = {{86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}};
	size_t i = 0;
	while (i < ARRAY_LEN(units) - 1 && seconds < units[i].length)
		i++;
	long long rest = seconds % units[i].length;
	if (i == ARRAY_LEN(units) - 1 || rest < units[i + 1].length)
		(void)snprintf(out, 48, "%lld%c", seconds / units[i].length, units[i].name);
	else
		(void)snprintf(out, 48, "%lld%c %lld%c", seconds / units[i].length, units[i].name,
			rest / units[i + 1].length, units[i + 1].name);
	return out;
}

static void print_release(const char *label, const json_t *release)
{
	(void)printf("%-10s %s %s %s%s\n", label, ESC(bytes_str(text_of(release, "name"))),
		ESC(bytes_str(text_of(release, "version"))),
		ESC(bytes_str(text_of(release, "digest"))),
		strcmp(text_of(release, "state"), "revoked") == 0 ? " (revoked)" : "");
}

static void print_limit(const json_t *plan, const char *key)
{
	if (text_of(plan, key)[0])
		(void)printf(" (halts at %s)", ESC(bytes_str(text_of(plan, key))));
	(void)puts("");
}

static void print_counts(const json_t *rollout)
{
	const json_t *c = json_object_get(rollout, "counts"),
		     *plan = json_object_get(rollout, "plan");
	(void)printf("%-10s %lld, %lld refused", "decisions", number_of(c, "decisions"),
		number_of(c, "refusals"));
	print_limit(plan, "abort_on_refusals");
	(void)printf("%-10s %lld launched, %lld ended: %lld failed, %lld unknown", "agents",
		number_of(c, "launches"), number_of(c, "ended"), number_of(c, "failures"),
		number_of(c, "unknown"));
	print_limit(plan, "abort_on_failures");
}

/* What is to come; nothing once it runs no more, but for the drain. */
static void print_next(const json_t *rollout)
{
	static const struct {
		const char *readiness, *words;
	} table[] = {
		{"ready", "allowed now"},
		{"soaking", "once the soak is over"},
		{"untried", "not yet: no host of the canary was trusted with it"},
		{"breached", "no: a limit is reached"},
	};
	const json_t *plan = json_object_get(rollout, "plan");
	const char *readiness = text_of(rollout, "promotion");
	char left[48], all[48];
	if (text_of(rollout, "drained")[0])
		(void)printf("%-10s other releases renew until %s\n", "drain",
			ESC(bytes_str(text_of(rollout, "drained"))));
	if (!readiness[0])
		return;
	if (number_of(rollout, "soak_left") > 0)
		(void)printf("%-10s %s of %s left\n", "soak",
			span(number_of(rollout, "soak_left"), left),
			span(number_of(plan, "soak"), all));
	else
		(void)printf("%-10s over\n", "soak");
	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if (strcmp(table[i].readiness, readiness) == 0)
			(void)printf("%-10s %s%s\n", "promotion", table[i].words,
				json_is_true(json_object_get(plan, "automatic"))
					? ", by the verifier"
					: "");
}

static void print_history(const json_t *rollout)
{
	const json_t *history = json_object_get(rollout, "history");
	for (size_t i = 0; i < json_array_size(history); i++) {
		const json_t *e = json_array_get(history, i);
		const char *reason = text_of(e, "reason");
		(void)printf("%-10s %s %s at %s by %s%s%s\n", i == 0 ? "history" : "",
			ESC(bytes_str(text_of(e, "time"))), ESC(bytes_str(text_of(e, "event"))),
			ESC(bytes_str(text_of(e, "canary"))), ESC(bytes_str(text_of(e, "by"))),
			reason[0] ? ": " : "", ESC(bytes_str(reason)));
	}
}

void rollout_print(struct cli *cli, const json_t *rollout)
{
	const json_t *hosts = json_object_get(rollout, "hosts");
	const json_t *ids = json_object_get(rollout, "canary_hosts");
	(void)printf("%-10s %s%s%s\n", "workload", colour(cli, "bold"),
		ESC(bytes_str(text_of(rollout, "workload"))), colour(cli, "off"));
	(void)printf("%-10s %s\n", "rollout", ESC(bytes_str(text_of(rollout, "rollout"))));
	(void)printf("%-10s %s since %s\n", "state", ESC(bytes_str(text_of(rollout, "state"))),
		ESC(bytes_str(text_of(rollout, "changed"))));
	print_release("release", json_object_get(rollout, "release"));
	print_release("from", json_object_get(rollout, "from"));
	(void)printf("%-10s %s: %lld of %lld active hosts, %lld seen\n", "canary",
		ESC(bytes_str(text_of(rollout, "canary"))), number_of(hosts, "canary"),
		number_of(hosts, "active"), number_of(hosts, "seen"));
	print_counts(rollout);
	print_next(rollout);
	print_history(rollout);
	for (size_t i = 0; i < json_array_size(ids); i++)
		(void)printf("%-10s %s\n", i == 0 ? "hosts" : "",
			ESC(bytes_str(json_string_value(json_array_get(ids, i)))));
}

static enum status list(struct cli *cli)
{
	static const struct column columns[] = {{"workload", "WORKLOAD", 24},
		{"state", "STATE", 12}, {"canary", "CANARY", 7}, {"started", "STARTED", 20},
		{"changed", "SINCE", 0}};
	OWNED(json_release) json_t *answer = NULL;
	if (!api_json(cli, "/v1/rollouts", NULL, NULL, &answer))
		return cli_fail(cli);
	if (cli->json)
		return cli_print_json(cli, TAKE(answer), STATUS_DONE);
	cli_print_table(json_object_get(answer, "rollouts"), columns, ARRAY_LEN(columns));
	return STATUS_DONE;
}

static enum status run_status(struct cli *cli)
{
	OWNED(json_release) json_t *answer = NULL;
	char path[ROLLOUT_PATH_MAX];
	if (cli->arguments->count == 0)
		return list(cli);
	if (!rollout_path(cli, option_given(cli, "hosts") ? "?hosts=1" : "", path) ||
		!api_json(cli, path, NULL, NULL, &answer))
		return cli_fail(cli);
	if (cli->json)
		return cli_print_json(cli, TAKE(answer), STATUS_DONE);
	rollout_print(cli, answer);
	return STATUS_DONE;
}

const struct command cmd_rollout_status = {
	.group = "rollout",
	.name = "status",
	.synopsis = "[WORKLOAD] [--hosts]",
	.summary = "How far a rollout is, and what its canary did; without a name: all of them.",
	.options = status_options,
	.least = 0,
	.most = 1,
	.run = run_status,
};
