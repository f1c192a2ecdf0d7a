/* SPDX-License-Identifier: Apache-2.0 */
/* assay policy list, show, status, rollback: what the verifier keeps of policies. */
#include "cli/commands.h"

#include "cli/policy_read.h"
#include "cli/policy_stored.h"
#include "evidence/names.h"

static const struct option_spec list_options[] = {API_OPTIONS, OPTIONS_END};
static const struct option_spec show_options[] = {
	{"out", "FILE", OPTION_VALUE, "write the policy there (default: standard output)"},
	{"signature", "FILE", OPTION_VALUE, "write its signatures there"},
	API_OPTIONS,
	OPTIONS_END,
};
static const struct option_spec rollback_options[] = {
	{"out", "FILE", OPTION_VALUE, "write the policy there, to be signed"},
	API_OPTIONS,
	OPTIONS_END,
};

static enum status run_list(struct cli *cli)
{
	static const struct column columns[] = {{"version", "VERSION", 7}, {"state", "STATE", 10},
		{"staged", "STAGED", 20}, {"in_force", "IN FORCE", 20}, {"digest", "SHA256", 0}};
	OWNED(json_release) json_t *answer = NULL;
	if (!policy_stored_list(cli, &answer))
		return cli_fail(cli);
	if (cli->json)
		return cli_print_json(cli, TAKE(answer), STATUS_DONE);
	cli_print_table(json_object_get(answer, "policies"), columns, ARRAY_LEN(columns));
	return STATUS_DONE;
}

static bool fetch(struct cli *cli, int64_t version, const char *suffix, struct buf *ret)
{
	char path[96];
	(void)snprintf(path, sizeof(path), "/v1/policies/%lld%s", (long long)version, suffix);
	return api_bytes(cli, path, NULL, NULL, ret);
}

static enum status run_show(struct cli *cli)
{
	OWNED(buf_release) struct buf text = {0}, signature = {0};
	const char *beside = option(cli, "signature");
	int64_t version = 0;
	if (!policy_stored_version(cli, &version) || !fetch(cli, version, "", &text) ||
		(beside && !fetch(cli, version, "/signature", &signature)) ||
		!cli_write(option(cli, "out"), buf_bytes(&text), false, &cli->err) ||
		(beside && !cli_write(beside, buf_bytes(&signature), false, &cli->err)))
		return cli_fail(cli);
	return STATUS_DONE;
}

/* The first row in a state; NULL: none. Borrowed. */
static json_t *row_in(const json_t *list, const char *state)
{
	json_t *row;
	size_t i;
	json_array_foreach(json_object_get(list, "policies"), i, row)
	{
		if (strcmp(policy_stored_text(row, "state"), state) == 0)
			return row;
	}
	return NULL;
}

static long long number(const json_t *object, const char *key)
{
	return (long long)json_integer_value(json_object_get(object, key));
}

static void print_status(const struct cli *cli, const json_t *in_force, const json_t *staged)
{
	char by[512];
	const json_t *judged = json_object_get(staged, "judged");
	(void)printf("in force: version %lld, sha256 %s, since %s\n", number(in_force, "version"),
		ESC(bytes_str(policy_stored_text(in_force, "digest"))),
		ESC(bytes_str(policy_stored_text(in_force, "in_force"))));
	if (!staged) {
		(void)puts("staged: none");
		return;
	}
	(void)printf("staged: version %lld, sha256 %s, since %s by %s\n", number(staged, "version"),
		ESC(bytes_str(policy_stored_text(staged, "digest"))),
		ESC(bytes_str(policy_stored_text(staged, "staged"))),
		text_escape(bytes_str(policy_stored_text(staged, "staged_by")), by, sizeof(by)));
	if (policy_stored_text(staged, "activate_at")[0])
		(void)printf("comes into force at %s\n",
			ESC(bytes_str(policy_stored_text(staged, "activate_at"))));
	(void)printf("of the decisions since, %lld would have changed, %lld not, %lld cannot be "
		     "told, %lld cannot be read\n",
		number(judged, "changed"), number(judged, "same"), number(judged, "undecided"),
		number(judged, "unreadable"));
	policy_stored_differences(cli, json_object_get(staged, "differences"));
}

static enum status run_status(struct cli *cli)
{
	OWNED(json_release) json_t *list = NULL;
	OWNED(json_release) json_t *staged = NULL;
	char path[96];
	if (!policy_stored_list(cli, &list))
		return cli_fail(cli);
	json_t *in_force = row_in(list, "in-force"), *row = row_in(list, "staged");
	(void)snprintf(path, sizeof(path), "/v1/policies/%lld/differences", number(row, "version"));
	if (row && !api_json(cli, path, NULL, NULL, &staged))
		return cli_fail(cli);
	if (cli->json)
		return cli_print_json(cli,
			json_pack("{s:O?, s:O?}", "in_force", in_force, "staged", staged),
			STATUS_DONE);
	print_status(cli, in_force, staged);
	return STATUS_DONE;
}

/* Above every version that the verifier has seen, so that no other content ever had it. */
static int64_t version_next(const json_t *list)
{
	const json_t *newest = json_array_get(json_object_get(list, "policies"), 0);
	return json_integer_value(json_object_get(newest, "version")) + 1;
}

static enum status run_rollback(struct cli *cli)
{
	OWNED(json_release) json_t *list = NULL;
	OWNED(buf_release) struct buf text = {0}, out = {0};
	const char *file = NULL;
	int64_t version = 0;
	if (!option_required(cli, "out", &file) || !policy_stored_version(cli, &version) ||
		!fetch(cli, version, "", &text) || !policy_stored_list(cli, &list))
		return cli_fail(cli);
	int64_t next = version_next(list);
	if (!policy_version_set(buf_bytes(&text), next, &out, &cli->err) ||
		!cli_write(file, buf_bytes(&out), false, &cli->err))
		return cli_fail(cli);
	if (cli->json)
		return cli_print_json(cli,
			json_pack("{s:I, s:I, s:s}", "of", (json_int_t)version, "version",
				(json_int_t)next, "file", file),
			STATUS_DONE);
	(void)printf("the content of version %lld, as version %lld, in %s\nrolling back is old "
		     "content under a higher version: have it signed (assay policy sign %s), then "
		     "assay policy stage %s\n",
		(long long)version, (long long)next, file, file, file);
	return STATUS_DONE;
}

const struct command cmd_policy_list = {
	.group = "policy",
	.name = "list",
	.synopsis = "",
	.summary = "Every policy that was in force at the verifier, or staged.",
	.options = list_options,
	.run = run_list,
};
const struct command cmd_policy_show = {
	.group = "policy",
	.name = "show",
	.synopsis = "VERSION [--out FILE] [--signature FILE]",
	.summary = "A policy from the verifier's store, byte for byte, and its signatures.",
	.options = show_options,
	.least = 1,
	.most = 1,
	.run = run_show,
};
const struct command cmd_policy_status = {
	.group = "policy",
	.name = "status",
	.synopsis = "",
	.summary = "Which policy is in force, which is staged, and what it would change.",
	.options = list_options,
	.run = run_status,
};
const struct command cmd_policy_rollback = {
	.group = "policy",
	.name = "rollback",
	.synopsis = "VERSION --out FILE",
	.summary =
		"Writes an old policy's content under a higher version, to be signed and staged.",
	.options = rollback_options,
	.least = 1,
	.most = 1,
	.run = run_rollback,
};
