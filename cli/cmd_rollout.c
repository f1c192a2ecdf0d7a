/* SPDX-License-Identifier: Apache-2.0 */
/* assay rollout start | promote | halt | rollback: a release comes to some hosts, to all, to none. */
#include "base/time.h"
#include "cli/commands.h"
#include "cli/rollout.h"
#include "crypto/dsse.h"
#include "policy/policy.h"

static const struct option_spec start_options[] = {
	{"canary", "SHARE", OPTION_VALUE, "share of the hosts that get it first (5%, 0.25%)"},
	{"soak", "DURATION", OPTION_VALUE, "how long before it may be promoted (2h)"},
	{"abort-on", "LIMIT", OPTION_REPEATED,
		"halt by itself at refusals=N or failures=N; or N% of them"},
	{"sample", "N", OPTION_VALUE, "decisions before an N% counts (default: 20)"},
	{"auto", NULL, OPTION_FLAG, "the verifier promotes it once the soak is over"},
	{"drain", "DURATION", OPTION_VALUE,
		"how long others renew once promoted (default, and at most: the class's drain)"},
	{"from", "DIGEST", OPTION_VALUE, "the release it replaces (default: the one in force)"},
	{"reason", "TEXT", OPTION_VALUE, "why; kept in history and ledger"},
	API_OPTIONS,
	OPTIONS_END,
};
static const struct option_spec promote_options[] = {
	{"canary", "SHARE", OPTION_VALUE, "only to this larger share; the soak begins anew"},
	{"override", NULL, OPTION_FLAG, "before the soak ends, or untried; needs --reason"},
	{"reason", "TEXT", OPTION_VALUE, "why; kept in history and ledger"},
	API_OPTIONS,
	OPTIONS_END,
};
static const struct option_spec reason_options[] = {
	{"reason", "TEXT", OPTION_VALUE, "why; kept in history and ledger"}, API_OPTIONS,
	OPTIONS_END};

bool rollout_path(struct cli *cli, const char *suffix, char out[ROLLOUT_PATH_MAX])
{
	const char *name = cli->arguments->values[0];
	if (!text_is_name(bytes_str(name)))
		return err_set(&cli->err, ERR_USAGE,
			"%s is no workload's name: 1 to 64 of a-z 0-9 . _ -", ESC(bytes_str(name)));
	(void)snprintf(out, ROLLOUT_PATH_MAX, "/v1/rollouts/%s%s", name, suffix);
	return true;
}

static enum status post(struct cli *cli, const char *path, json_t *request)
{
	OWNED(json_release) json_t *answer = NULL;
	if (!api_post(cli, path, request, &answer))
		return cli_fail(cli);
	if (cli->json)
		return cli_print_json(cli, TAKE(answer), STATUS_DONE);
	rollout_print(cli, answer);
	return STATUS_DONE;
}

static bool put(struct cli *cli, json_t *request, const char *key, json_t *value)
{
	return json_object_set_new(request, key, value) == 0 ||
	       err_set(&cli->err, ERR_USAGE, "--%s: not valid UTF-8", key);
}

static bool put_text(struct cli *cli, json_t *request, const char *name)
{
	return !option_given(cli, name) || put(cli, request, name, json_string(option(cli, name)));
}

static bool put_share(struct cli *cli, json_t *request)
{
	unsigned share = 0;
	const char *text = option(cli, "canary");
	return !text || ((rollout_share_parse(bytes_str(text), &share, &cli->err) ||
				 err_wrap(&cli->err, "--canary")) &&
				put(cli, request, "canary", json_integer(share)));
}

static bool put_duration(struct cli *cli, json_t *request, const char *name, int64_t max)
{
	const char *text = option(cli, name);
	int64_t seconds = 0;
	if (!text)
		return true;
	if (!time_parse_duration(bytes_str(text), max, &seconds, &cli->err)) {
		cli->err.code = ERR_USAGE;
		return err_wrap(&cli->err, "--%s", name);
	}
	return put(cli, request, name, json_integer(seconds));
}

/* ---- start ---- */

static bool put_limit(
	struct cli *cli, json_t *request, const char *name, const struct rollout_limit *limit)
{
	char share[32];
	(void)snprintf(share, sizeof(share), "%s_share", name);
	return (limit->count == 0 || put(cli, request, name, json_integer(limit->count))) &&
	       (limit->share == 0 || put(cli, request, share, json_integer(limit->share)));
}

static bool put_limits(struct cli *cli, json_t *request)
{
	const struct option_value *given = option_all(cli, "abort-on");
	const char *sample = option(cli, "sample");
	struct rollout_plan plan = {0};
	for (size_t i = 0; given && i < given->count; i++)
		if (!rollout_limit_parse(bytes_str(given->values[i]), &plan, &cli->err))
			return err_wrap(&cli->err, "--abort-on");
	if (!put_limit(cli, request, "refusals", &plan.refusals) ||
		!put_limit(cli, request, "failures", &plan.failures))
		return false;
	if (!sample)
		return true;
	unsigned count = 0;
	if (!rollout_count_parse(bytes_str(sample), &count))
		return err_set(&cli->err, ERR_USAGE, "--sample %s: expected a count of 1 to %u",
			ESC(bytes_str(sample)), ROLLOUT_LIMIT_MAX);
	return put(cli, request, "sample", json_integer(count));
}

static bool digest_ok(struct cli *cli, const char *option_name, const char *text)
{
	uint8_t digest[SHA256_LEN];
	return hex_decode_exact(bytes_str(text), digest, sizeof(digest), NULL) ||
	       err_set(&cli->err, ERR_USAGE,
		       "%s%s: a release is named by its digest: 64 lower-case hex digits",
		       option_name, ESC(bytes_str(text)));
}

/* The digest of a release: given, or of the envelope in a file. */
static bool put_release(struct cli *cli, json_t *request)
{
	const char *name = cli->arguments->values[0];
	OWNED(buf_release) struct buf in = {0};
	OWNED(dsse_free) struct dsse *dsse = NULL;
	OWNED(release_free) struct release *release = NULL;
	char hex[2 * SHA256_LEN + 1];
	if (hex_decode_exact(bytes_str(name), (uint8_t[SHA256_LEN]){0}, SHA256_LEN, NULL))
		return put(cli, request, "release", json_string(name));
	if (!cli_read(name, JSON_INPUT_MAX, &in, &cli->err))
		return false;
	if (!dsse_parse(buf_bytes(&in), &dsse, &cli->err) ||
		!release_parse(buf_bytes(&dsse->payload), &release, &cli->err))
		return err_wrap(&cli->err, "%s", ESC(bytes_str(name)));
	hex_encode(BYTES_OF(release->digest), hex);
	return put(cli, request, "release", json_string(hex));
}

static enum status run_start(struct cli *cli)
{
	OWNED(json_release) json_t *request = json_object();
	const char *needed = NULL;
	if (!request || !option_required(cli, "canary", &needed) ||
		!option_required(cli, "soak", &needed) ||
		(option_given(cli, "from") && !digest_ok(cli, "--from ", option(cli, "from"))) ||
		!put_release(cli, request) || !put_share(cli, request) ||
		!put_duration(cli, request, "soak", ROLLOUT_SOAK_MAX) ||
		!put_duration(cli, request, "drain", ROLLOUT_DRAIN_MAX) ||
		!put_limits(cli, request) || !put_text(cli, request, "from") ||
		!put_text(cli, request, "reason") ||
		(option_given(cli, "auto") && !put(cli, request, "automatic", json_true())))
		return cli_fail(cli);
	return post(cli, "/v1/rollouts", TAKE(request));
}

/* ---- the rest ---- */

static enum status run_promote(struct cli *cli)
{
	OWNED(json_release) json_t *request = json_object();
	const char *reason = NULL;
	char path[ROLLOUT_PATH_MAX];
	if (!request || !rollout_path(cli, "/promote", path) ||
		(option_given(cli, "override") &&
			(!option_required(cli, "reason", &reason) ||
				!put(cli, request, "override", json_true()))) ||
		!put_share(cli, request) || !put_text(cli, request, "reason"))
		return cli_fail(cli);
	return post(cli, path, TAKE(request));
}

static enum status post_reason(struct cli *cli, const char *suffix)
{
	OWNED(json_release) json_t *request = json_object();
	const char *reason = NULL;
	char path[ROLLOUT_PATH_MAX];
	if (!request || !rollout_path(cli, suffix, path) ||
		!option_required(cli, "reason", &reason) || !put_text(cli, request, "reason"))
		return cli_fail(cli);
	return post(cli, path, TAKE(request));
}

static enum status run_halt(struct cli *cli)
{
	return post_reason(cli, "/halt");
}

static enum status run_rollback(struct cli *cli)
{
	return post_reason(cli, "/rollback");
}

const struct command cmd_rollout_start = {
	.group = "rollout",
	.name = "start",
	.synopsis = "FILE|DIGEST --canary SHARE --soak DURATION [--abort-on LIMIT] [--auto]",
	.summary = "Begins to roll a published release out: to a share of the hosts first.",
	.options = start_options,
	.least = 1,
	.most = 1,
	.run = run_start,
};
const struct command cmd_rollout_promote = {
	.group = "rollout",
	.name = "promote",
	.synopsis = "WORKLOAD [--canary SHARE | --override --reason TEXT]",
	.summary = "Brings the release to all hosts, or to a larger share.",
	.options = promote_options,
	.least = 1,
	.most = 1,
	.run = run_promote,
};
const struct command cmd_rollout_halt = {
	.group = "rollout",
	.name = "halt",
	.synopsis = "WORKLOAD --reason TEXT",
	.summary = "Stops the release where it is: no more credentials for it.",
	.options = reason_options,
	.least = 1,
	.most = 1,
	.run = run_halt,
};
const struct command cmd_rollout_rollback = {
	.group = "rollout",
	.name = "rollback",
	.synopsis = "WORKLOAD --reason TEXT",
	.summary = "Returns to the release before it and ends the new one's credentials at once.",
	.options = reason_options,
	.least = 1,
	.most = 1,
	.run = run_rollback,
};
