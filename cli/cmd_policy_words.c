/* SPDX-License-Identifier: Apache-2.0 */
/* assay policy explain | diff: what a class demands, and what a new policy changes. */
#include "cli/commands.h"

#include "cli/policy_read.h"
#include "policy/words.h"

static const struct option_spec explain_options[] = {
	{"class", "NAME", OPTION_VALUE, "the risk class"},
	OPTIONS_END,
};

static enum status run_explain(struct cli *cli)
{
	OWNED(policy_free) struct policy *policy = NULL;
	OWNED(json_release) json_t *lines = NULL;
	const char *name = NULL;
	size_t i;
	json_t *line;
	if (!option_required(cli, "class", &name) ||
		!policy_read(cli->arguments->values[0], NULL, &policy, &cli->err))
		return cli_fail(cli);
	const struct policy_class *class = policy_class_find(policy, bytes_str(name));
	if (!class) {
		(void)err_set(&cli->err, ERR_NOT_FOUND, "the policy has no risk class %s",
			ESC(bytes_str(name)));
		return cli_fail(cli);
	}
	if (!policy_class_explain(policy, class, &lines, &cli->err))
		return cli_fail(cli);
	if (cli->json)
		return cli_print_json(cli,
			json_pack("{s:s,s:O}", "class", class->name, "demands", lines),
			STATUS_DONE);
	(void)printf(
		"risk class %s, policy version %lld\n", class->name, (long long)policy->version);
	json_array_foreach(lines, i, line)(void) printf("  %s\n", json_string_value(line));
	return STATUS_DONE;
}

static const char *text_of(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

static void print_changes(const struct cli *cli, const json_t *diff)
{
	size_t i;
	json_t *change, *class;
	json_array_foreach(json_object_get(diff, "changes"), i, change)
	{
		const char *direction = text_of(change, "direction");
		const char *shade = strcmp(direction, "looser") == 0 ? "red" : "green";
		bool other = strcmp(direction, "other") == 0;
		(void)printf("%s: %s\n    %s%s%s%s%s\n", text_of(change, "subject"),
			text_of(change, "text"), other ? "" : colour(cli, shade),
			other ? "" : direction, other ? "" : colour(cli, "off"), other ? "" : ": ",
			text_of(change, "effect"));
	}
	json_array_foreach(json_object_get(diff, "approvals_void"), i, class)(void)
		printf("%sapprovals void%s: risk class %s\n", colour(cli, "bold"),
			colour(cli, "off"), json_string_value(class));
	if (json_is_true(json_object_get(diff, "same")))
		(void)puts("the same policy");
}

static enum status run_diff(struct cli *cli)
{
	OWNED(policy_free) struct policy *old = NULL, *new = NULL;
	OWNED(json_release) json_t *diff = NULL;
	if (!policy_read(cli->arguments->values[0], NULL, &old, &cli->err) ||
		!policy_read(cli->arguments->values[1], NULL, &new, &cli->err) ||
		!policy_diff(old, new, &diff, &cli->err))
		return cli_fail(cli);
	enum status status =
		json_is_true(json_object_get(diff, "same")) ? STATUS_DONE : STATUS_REFUSED;
	if (cli->json)
		return cli_print_json(cli, TAKE(diff), status);
	print_changes(cli, diff);
	return status;
}

const struct command cmd_policy_explain = {
	.group = "policy",
	.name = "explain",
	.synopsis = "POLICY.yaml --class NAME",
	.summary = "What a release, a host and an agent must bring under a risk class.",
	.options = explain_options,
	.least = 1,
	.most = 1,
	.run = run_explain,
};
const struct command cmd_policy_diff = {
	.group = "policy",
	.name = "diff",
	.synopsis = "OLD.yaml NEW.yaml",
	.summary = "What a new policy changes, and what that does; exit status 1: something.",
	.least = 2,
	.most = 2,
	.run = run_diff,
};
