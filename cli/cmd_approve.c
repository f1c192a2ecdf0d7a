/* SPDX-License-Identifier: Apache-2.0 */
/* assay release approve | withdraw: a person's signed word on one release, one environment, one
 * clause of the policy. */
#include "cli/commands.h"

#include "base/time.h"
#include "cli/approval_options.h"
#include "cli/release_input.h"
#include "crypto/dsse.h"

static const struct option_spec options[] = {
	APPROVAL_OPTIONS("90d"),
	{"base", "FILE|DIGEST", OPTION_VALUE, "show what differs from this release"},
	{"approval", "FILE", OPTION_REPEATED, "approvals there are already, for the checklist"},
	{"statement", "FILE", OPTION_REPEATED, "statements beside the release, for the checklist"},
	API_OPTIONS,
	OPTIONS_END,
};

/* Nothing is signed that could never count: the policy must name the person, and give him the role. */
static bool approver_check(
	const struct policy *policy, const struct approval *approval, struct err *err)
{
	for (size_t i = 0; i < policy->approver_count; i++) {
		const struct policy_approver *approver = &policy->approvers[i];
		if (strcmp(approver->person, approval->person) != 0)
			continue;
		for (size_t k = 0; k < approver->role_count; k++)
			if (strcmp(approver->roles[k], approval->role) == 0)
				return true;
		return err_set(err, ERR_DENIED,
			"--role: the policy gives %s no role %s: nothing was signed",
			ESC(bytes_str(approval->person)), ESC(bytes_str(approval->role)));
	}
	return err_set(err, ERR_DENIED, "--person: the policy names no %s: nothing was signed",
		ESC(bytes_str(approval->person)));
}

/* What is about to be signed, before it is. */
static void show(const struct approval *approval, const struct release *release,
	const struct policy_class *class)
{
	char hex[2 * SHA256_LEN + 1], until[TIME_TEXT_MAX];
	hex_encode(BYTES_OF(release->digest), hex);
	(void)fprintf(stderr, "%s %s %s of workload %s, risk class %s\n  release   %s\n",
		approval->withdrawn ? "withdrawing" : "approving", ESC(bytes_str(release->name)),
		ESC(bytes_str(release->version)), ESC(bytes_str(release->workload)), class->name,
		hex);
	for (size_t i = 0; i < release->component_count; i++) {
		hex_encode(BYTES_OF(release->components[i].digest), hex);
		(void)fprintf(stderr, "  %-9.9s %s\n", release->components[i].name, hex);
	}
	for (size_t i = 0; i < class->approval_count; i++)
		(void)fprintf(stderr, "  needs     %u of role %s\n", class->approvals[i].count,
			class->approvals[i].role);
	(void)fprintf(stderr, "  as        %s, %s, for %s, until %s\n",
		ESC(bytes_str(approval->person)), ESC(bytes_str(approval->role)),
		ESC(bytes_str(approval->environment)), time_format(approval->expires, until));
}

/* The checklist as it stands before this approval, and what is new since --base. */
static bool show_rest(struct cli *cli, struct release_bundle *bundle, const struct policy *policy,
	const char *environment)
{
	OWNED(release_bundle_release) struct release_bundle base = {0};
	OWNED(json_release) json_t *answer = NULL, *diff = NULL;
	if (!release_bundle_gather(cli, cli->arguments->values[0], bundle) ||
		!release_bundle_judge(cli, bundle, policy, environment, &answer))
		return false;
	(void)fprintf(stderr, "the checklist as it stands:\n");
	checklist_print(cli, json_object_get(answer, "checklist"), stderr);
	if (!option(cli, "base"))
		return true;
	if (!release_bundle_load(cli, option(cli, "base"), &base))
		return err_wrap(&cli->err, "--base");
	diff = release_diff(base.release, bundle->release);
	if (!diff)
		return err_set(&cli->err, ERR_NOMEM, "--base");
	(void)fprintf(stderr, "what is new since %s %s:\n", ESC(bytes_str(base.release->name)),
		ESC(bytes_str(base.release->version)));
	diff_print(diff, stderr);
	return true;
}

static enum status decide(struct cli *cli, bool withdrawn)
{
	OWNED(release_bundle_release) struct release_bundle bundle = {0};
	OWNED(policy_free) struct policy *policy = NULL;
	OWNED(key_unref) struct key *key = NULL;
	OWNED(approval_free) struct approval *approval = calloc(1, sizeof(*approval));
	OWNED(buf_release) struct buf statement = {0}, envelope = {0};
	const char *uri = NULL;
	if (!approval) {
		(void)err_set(&cli->err, ERR_NOMEM, "approval");
		return cli_fail(cli);
	}
	if (!option_required(cli, "key", &uri) ||
		!release_bundle_load(cli, cli->arguments->values[0], &bundle) ||
		!policy_of_option(cli, &policy))
		return cli_fail(cli);
	const struct release *release = bundle.release;
	const struct policy_class *class = NULL;
	if (!approval_class(cli, release, policy, &class) ||
		!approval_of_options(cli, release, class, "90d", approval) ||
		!approver_check(policy, approval, &cli->err))
		return cli_fail(cli);
	approval->withdrawn = withdrawn;
	if (!cli->json) {
		show(approval, release, class);
		if (!withdrawn && !show_rest(cli, &bundle, policy, approval->environment))
			return cli_fail(cli);
	}
	if (!key_from_uri(uri, &key, &cli->err) ||
		!approval_statement(approval, &statement, &cli->err) ||
		!dsse_sign(DSSE_INTOTO_TYPE, buf_bytes(&statement), key, &envelope, &cli->err) ||
		!cli_write(option(cli, "out"), buf_bytes(&envelope), false, &cli->err))
		return cli_fail(cli);
	return STATUS_DONE;
}

static enum status run_approve(struct cli *cli)
{
	return decide(cli, false);
}

static enum status run_withdraw(struct cli *cli)
{
	return decide(cli, true);
}

const struct command cmd_release_approve = {
	.group = "release",
	.name = "approve",
	.synopsis = "FILE|DIGEST --person NAME --role ROLE --env ENV --reason TEXT --key URI",
	.summary = "Shows a release and signs an approval of it; `release publish` hands it in.",
	.options = options,
	.least = 1,
	.most = 1,
	.run = run_approve,
};
const struct command cmd_release_withdraw = {
	.group = "release",
	.name = "withdraw",
	.synopsis = "FILE|DIGEST --person NAME --role ROLE --env ENV --reason TEXT --key URI",
	.summary = "Signs the withdrawal of one's approval; `release publish` hands it in.",
	.options = options,
	.least = 1,
	.most = 1,
	.run = run_withdraw,
};
