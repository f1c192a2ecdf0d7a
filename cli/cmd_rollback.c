/* SPDX-License-Identifier: Apache-2.0 */
/* assay rollback approve; assay workload rollback: back to an older release than an agent's version
 * floor, when persons say so. */
#include "cli/commands.h"

#include "base/time.h"
#include "cli/approval_options.h"
#include "cli/floor_text.h"
#include "cli/release_input.h"
#include "crypto/dsse.h"

#define REGISTER_MAX (1u << 20)

static const struct option_spec approve_options[] = {
	APPROVAL_OPTIONS("24h"),
	{"register", "FILE", OPTION_VALUE,
		"what `assay workload show --json` printed (default: asked)"},
	{"base", "FILE|DIGEST", OPTION_VALUE, "the floor's release (default: asked)"},
	API_OPTIONS,
	OPTIONS_END,
};
static const struct option_spec rollback_options[] = {
	{"reason", "TEXT", OPTION_VALUE, "why"},
	{"approval", "FILE", OPTION_REPEATED, "a signed rollback approval; or several, as .jsonl"},
	API_OPTIONS,
	OPTIONS_END,
};

/* ---- approving ---- */

/* The register's view of the workload that the release is of. */
static bool view_of(struct cli *cli, const struct release *release, json_t **ret)
{
	OWNED(buf_release) struct buf text = {0};
	const char *file = option(cli, "register");
	char path[128];
	(void)snprintf(path, sizeof(path), "/v1/workloads/%s", release->workload);
	if (!file)
		return api_json(cli, path, NULL, NULL, ret);
	if (!cli_read(file, REGISTER_MAX, &text, &cli->err) ||
		!json_open(buf_bytes(&text), REGISTER_MAX, ret, &cli->err))
		return err_wrap(&cli->err, "--register");
	const char *name = json_string_value(json_object_get(*ret, "name"));
	return (name && strcmp(name, release->workload) == 0) ||
	       err_set(&cli->err, ERR_MISMATCH,
		       "--register: of another workload than the release's, %s", release->workload);
}

/* What is left: the floor's version and place, and its release. */
static bool floor_fill(struct cli *cli, const json_t *view, const struct release *release,
	struct approval *approval, char base[2 * SHA256_LEN + 1])
{
	const json_t *floor = json_object_get(view, "version_floor");
	const char *version = json_string_value(json_object_get(floor, "version"));
	const char *digest = json_string_value(json_object_get(floor, "release"));
	json_int_t sequence = json_integer_value(json_object_get(floor, "sequence"));
	uint8_t bytes[SHA256_LEN];
	if (!version || !digest || sequence < 1)
		return err_set(&cli->err, ERR_NOT_FOUND,
			"workload %s has no version floor: nothing keeps the release from "
			"launching",
			release->workload);
	/* What is no digest would be taken for the name of a file. */
	if (!hex_decode_exact(bytes_str(digest), bytes, sizeof(bytes), &cli->err))
		return err_wrap(&cli->err, "version_floor: release");
	(void)snprintf(base, 2 * SHA256_LEN + 1, "%s", digest);
	approval->workload = strdup(release->workload);
	approval->from = strdup(version);
	approval->floor = (uint64_t)sequence;
	return (approval->workload && approval->from) || err_set(&cli->err, ERR_NOMEM, "rollback");
}

/* What is taken back, before it is signed. */
static bool show(struct cli *cli, const struct release *to, const struct approval *approval,
	const struct policy_class *class, const char *base_digest)
{
	OWNED(release_bundle_release) struct release_bundle base = {0};
	OWNED(json_release) json_t *diff = NULL;
	char hex[2 * SHA256_LEN + 1], until[TIME_TEXT_MAX];
	if (!release_bundle_load(cli, option_or(cli, "base", base_digest), &base))
		return err_wrap(&cli->err, "--base");
	hex_encode(BYTES_OF(base.release->digest), hex);
	if (strcmp(hex, base_digest) != 0)
		return err_set(&cli->err, ERR_MISMATCH,
			"--base: release %.16s… is not that of the floor, %.16s…", hex,
			base_digest);
	diff = release_diff(base.release, to);
	if (!diff)
		return err_set(&cli->err, ERR_NOMEM, "rollback");
	hex_encode(BYTES_OF(to->digest), hex);
	(void)fprintf(stderr,
		"taking workload %s back from %s to %s (move %llu of its version floor)\n"
		"  release   %s\n",
		ESC(bytes_str(to->workload)), ESC(bytes_str(approval->from)),
		ESC(bytes_str(to->version)), (unsigned long long)approval->floor, hex);
	for (size_t i = 0; i < class->approval_count; i++)
		(void)fprintf(stderr, "  needs     %u of role %s\n", class->approvals[i].count,
			class->approvals[i].role);
	(void)fprintf(stderr, "  as        %s, %s, for %s, until %s\n",
		ESC(bytes_str(approval->person)), ESC(bytes_str(approval->role)),
		ESC(bytes_str(approval->environment)), time_format(approval->expires, until));
	(void)fprintf(stderr, "what it takes back:\n");
	diff_print(diff, stderr);
	return true;
}

static bool approve(struct cli *cli)
{
	OWNED(release_bundle_release) struct release_bundle to = {0};
	OWNED(policy_free) struct policy *policy = NULL;
	OWNED(key_unref) struct key *key = NULL;
	OWNED(approval_free) struct approval *approval = calloc(1, sizeof(*approval));
	OWNED(json_release) json_t *view = NULL;
	OWNED(buf_release) struct buf statement = {0}, envelope = {0};
	const struct policy_class *class = NULL;
	const char *uri = NULL;
	char base[2 * SHA256_LEN + 1];
	if (!approval)
		return err_set(&cli->err, ERR_NOMEM, "rollback");
	if (!option_required(cli, "key", &uri) ||
		!release_bundle_load(cli, cli->arguments->values[0], &to) ||
		!policy_of_option(cli, &policy) ||
		!approval_class(cli, to.release, policy, &class) ||
		!approval_of_options(cli, to.release, class, "24h", approval) ||
		!view_of(cli, to.release, &view) ||
		!floor_fill(cli, view, to.release, approval, base))
		return false;
	if (!cli->json && !show(cli, to.release, approval, class, base))
		return false;
	return key_from_uri(uri, &key, &cli->err) &&
	       rollback_approval_statement(approval, &statement, &cli->err) &&
	       dsse_sign(DSSE_INTOTO_TYPE, buf_bytes(&statement), key, &envelope, &cli->err) &&
	       cli_write(option(cli, "out"), buf_bytes(&envelope), false, &cli->err);
}

static enum status run_approve(struct cli *cli)
{
	return approve(cli) ? STATUS_DONE : cli_fail(cli);
}

/* ---- rolling back ---- */

struct given {
	struct buf envelopes[APPROVALS_MAX];
	size_t count;
};

static void given_release(struct given *given)
{
	for (size_t i = 0; i < given->count; i++)
		buf_release(&given->envelopes[i]);
}

static bool approvals_gather(struct cli *cli, json_t *list)
{
	OWNED(given_release) struct given given = {0};
	const struct option_value *files = option_all(cli, "approval");
	for (size_t i = 0; files && i < files->count; i++)
		if (!envelopes_read(files->values[i], APPROVALS_MAX, given.envelopes, &given.count,
			    &cli->err))
			return err_wrap(&cli->err, "--approval");
	for (size_t i = 0; i < given.count; i++) {
		json_t *envelope = NULL;
		if (!json_open(
			    buf_bytes(&given.envelopes[i]), JSON_INPUT_MAX, &envelope, &cli->err))
			return err_wrap(&cli->err, "--approval");
		if (json_array_append_new(list, envelope) != 0)
			return err_set(&cli->err, ERR_NOMEM, "rollback");
	}
	return true;
}

/* The caller owns it. */
static bool request_make(struct cli *cli, json_t **ret)
{
	OWNED(json_release) json_t *list = json_array();
	const char *reason = NULL, *release = cli->arguments->values[1];
	uint8_t digest[SHA256_LEN];
	if (!option_required(cli, "reason", &reason))
		return false;
	if (!text_is_name(bytes_str(cli->arguments->values[0])) ||
		!hex_decode_exact(bytes_str(release), digest, SHA256_LEN, NULL))
		return err_set(&cli->err, ERR_USAGE,
			"expected the name of a workload and a release's digest (assay release "
			"list)");
	if (!list || !approvals_gather(cli, list))
		return list ? false : err_set(&cli->err, ERR_NOMEM, "rollback");
	*ret = json_pack(
		"{s:s, s:s, s:O}", "release", release, "reason", reason, "approvals", list);
	return *ret || err_set(&cli->err, ERR_USAGE, "--reason is not valid UTF-8");
}

static enum status run_rollback(struct cli *cli)
{
	OWNED(json_release) json_t *request = NULL, *answer = NULL;
	char path[128];
	if (!request_make(cli, &request))
		return cli_fail(cli);
	(void)snprintf(path, sizeof(path), "/v1/workloads/%s/rollback", cli->arguments->values[0]);
	if (!api_post(cli, path, TAKE(request), &answer))
		return cli_fail(cli);
	if (cli->json)
		return cli_print_json(cli, TAKE(answer), STATUS_DONE);
	floors_print(answer, stdout);
	return STATUS_DONE;
}

const struct command cmd_rollback_approve = {
	.group = "rollback",
	.name = "approve",
	.synopsis = "FILE|DIGEST --person NAME --role ROLE --env ENV --reason TEXT --key URI",
	.summary = "Shows what going back to a release takes back, and signs an approval of that.",
	.options = approve_options,
	.least = 1,
	.most = 1,
	.run = run_approve,
};
const struct command cmd_workload_rollback = {
	.group = "workload",
	.name = "rollback",
	.synopsis = "NAME DIGEST --reason TEXT --approval FILE…",
	.summary = "Takes an agent's version floor back to an older release, as persons approved.",
	.options = rollback_options,
	.least = 2,
	.most = 2,
	.run = run_rollback,
};
