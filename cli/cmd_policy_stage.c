/* SPDX-License-Identifier: Apache-2.0 */
/* assay policy stage, activate, withdraw: a signed policy taken to the verifier, judged there beside
 * the one in force, and put in force when somebody says so. */
#include "cli/commands.h"

#include "base/time.h"
#include "cli/policy_read.h"
#include "cli/policy_stored.h"
#include "crypto/dsse.h"
#include "evidence/names.h"

static const struct option_spec stage_options[] = {
	{"signature", "FILE", OPTION_VALUE, "its signatures (default: the policy's name and .sig)"},
	API_OPTIONS,
	OPTIONS_END,
};
static const struct option_spec activate_options[] = {
	{"reason", "TEXT", OPTION_VALUE, "why; kept in the ledger"},
	{"sha256", "HEX", OPTION_VALUE, "of the file that is meant (default: the one staged now)"},
	{"at", "TIME", OPTION_VALUE, "when, as 2026-12-01T06:00:00Z (default: now)"},
	API_OPTIONS,
	OPTIONS_END,
};
static const struct option_spec withdraw_options[] = {
	{"reason", "TEXT", OPTION_VALUE, "why; kept in the ledger"},
	{"sha256", "HEX", OPTION_VALUE, "of the file that is meant (default: the one staged now)"},
	API_OPTIONS,
	OPTIONS_END,
};

/* What is sent is the envelope, which holds the policy: it must be the one that was named. */
static bool envelope_read(struct cli *cli, struct buf *ret)
{
	OWNED(buf_release) struct buf path = {0}, text = {0};
	OWNED(policy_free) struct policy *policy = NULL;
	OWNED(dsse_free) struct dsse *dsse = NULL;
	const char *file = cli->arguments->values[0];
	buf_printf(&path, "%s.sig", file);
	if (!buf_ok(&path, &cli->err))
		return false;
	const char *signature = option_or(cli, "signature", buf_str(&path));
	if (!policy_read(file, &text, &policy, &cli->err))
		return false;
	if (!cli_read(signature, POLICY_ENVELOPE_MAX, ret, &cli->err))
		return err_wrap(&cli->err, "the policy's signature (assay policy sign makes it)");
	if (!dsse_parse(buf_bytes(ret), &dsse, &cli->err))
		return err_wrap(&cli->err, "%s", signature);
	return bytes_equal(buf_bytes(&dsse->payload), buf_bytes(&text)) ||
	       err_set(&cli->err, ERR_MISMATCH, "%s: over other bytes than this policy file's",
		       signature);
}

static long long version_of(const json_t *row)
{
	return (long long)json_integer_value(json_object_get(row, "version"));
}

static enum status run_stage(struct cli *cli)
{
	OWNED(buf_release) struct buf envelope = {0};
	OWNED(json_release) json_t *answer = NULL;
	if (!envelope_read(cli, &envelope))
		return cli_fail(cli);
	struct bytes body = buf_bytes(&envelope);
	if (!api_json(cli, "/v1/policies", MEDIA_DSSE, &body, &answer))
		return cli_fail(cli);
	if (cli->json)
		return cli_print_json(cli, TAKE(answer), STATUS_DONE);
	(void)printf("staged version %lld, sha256 %s\nnothing is decided by it yet; see: assay "
		     "policy status\n",
		version_of(answer), ESC(bytes_str(policy_stored_text(answer, "digest"))));
	return STATUS_DONE;
}

/* {"digest", "reason", "at"} for POST /v1/policies/VERSION/WHAT. */
static bool order_send(struct cli *cli, const char *what, json_t **ret)
{
	OWNED(json_release) json_t *row = NULL;
	OWNED(json_release) json_t *order = NULL;
	char path[96];
	int64_t version = 0, at = 0;
	const char *reason = NULL, *when = option(cli, "at");
	if (!option_required(cli, "reason", &reason) || !policy_stored_version(cli, &version))
		return false;
	if (when && !time_parse(bytes_str(when), &at, &cli->err)) {
		cli->err.code = ERR_USAGE;
		return err_wrap(&cli->err, "--at");
	}
	if (!policy_stored_row(cli, version, &row))
		return false;
	const char *digest = option_or(cli, "sha256", policy_stored_text(row, "digest"));
	order = json_pack("{s:s, s:s, s:s*}", "digest", digest, "reason", reason, "at", when);
	(void)snprintf(path, sizeof(path), "/v1/policies/%lld/%s", (long long)version, what);
	return api_post(cli, path, TAKE(order), ret);
}

static enum status run_activate(struct cli *cli)
{
	OWNED(json_release) json_t *answer = NULL;
	if (!order_send(cli, "activate", &answer))
		return cli_fail(cli);
	if (cli->json)
		return cli_print_json(cli, TAKE(answer), STATUS_DONE);
	const char *at = policy_stored_text(answer, "activate_at");
	(void)printf("version %lld, sha256 %s, %s%s\n", version_of(answer),
		ESC(bytes_str(policy_stored_text(answer, "digest"))),
		at[0] ? "comes into force at " : "is in force", ESC(bytes_str(at)));
	return STATUS_DONE;
}

static enum status run_withdraw(struct cli *cli)
{
	OWNED(json_release) json_t *answer = NULL;
	if (!order_send(cli, "withdraw", &answer))
		return cli_fail(cli);
	if (cli->json)
		return cli_print_json(cli, TAKE(answer), STATUS_DONE);
	(void)printf("version %lld is withdrawn\n", version_of(answer));
	return STATUS_DONE;
}

const struct command cmd_policy_stage = {
	.group = "policy",
	.name = "stage",
	.synopsis = "POLICY.yaml [--signature FILE]",
	.summary = "Takes a signed policy to the verifier, where it is judged beside the one in "
		   "force.",
	.options = stage_options,
	.least = 1,
	.most = 1,
	.run = run_stage,
};
const struct command cmd_policy_activate = {
	.group = "policy",
	.name = "activate",
	.synopsis = "VERSION --reason TEXT [--at TIME] [--sha256 HEX]",
	.summary = "Puts the staged policy in force, now or at a time.",
	.options = activate_options,
	.least = 1,
	.most = 1,
	.run = run_activate,
};
const struct command cmd_policy_withdraw = {
	.group = "policy",
	.name = "withdraw",
	.synopsis = "VERSION --reason TEXT [--sha256 HEX]",
	.summary = "Takes the staged policy back.",
	.options = withdraw_options,
	.least = 1,
	.most = 1,
	.run = run_withdraw,
};
