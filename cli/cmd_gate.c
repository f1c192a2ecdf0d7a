/* SPDX-License-Identifier: Apache-2.0 */
/* assay gate; assay release checklist | diff: may this release be deployed there, what is lacking,
 * and what is new in it. */
#include "cli/commands.h"

#include "base/time.h"
#include "cli/floor_text.h"
#include "cli/gate_vsa.h"
#include "cli/policy_read.h"
#include "cli/release_input.h"

#define JUDGE_OPTIONS                                                                              \
	{"env", "NAME", OPTION_VALUE, "for which environment (prod)"},                             \
		{"policy", "FILE", OPTION_VALUE,                                                   \
			"judge here, by this file (default: the verifier is asked)"},              \
		{"approval", "FILE", OPTION_REPEATED, "a signed approval; or several, as .jsonl"}, \
	{                                                                                          \
		"statement", "FILE", OPTION_REPEATED,                                              \
			"statement besides RELEASE" STATEMENTS_SUFFIX                              \
	}

static const struct option_spec gate_options[] = {
	JUDGE_OPTIONS,
	{"explain", NULL, OPTION_FLAG, "say what was checked, too"},
	{"sarif", "FILE", OPTION_VALUE, "write the reasons there as SARIF 2.1.0"},
	{"floor", "FILE", OPTION_VALUE, "with --policy: signed security floor of the workload"},
	{"key", "FILE", OPTION_REPEATED, "a policy signer's public key, for --floor"},
	{"threshold", "N", OPTION_VALUE, "how many of them must have signed it (default: all)"},
	GATE_VSA_OPTIONS,
	API_OPTIONS,
	OPTIONS_END,
};
static const struct option_spec checklist_options[] = {JUDGE_OPTIONS, API_OPTIONS, OPTIONS_END};
static const struct option_spec diff_options[] = {API_OPTIONS, OPTIONS_END};

/* Asks the verifier, which has the approvals; its answer must be about what was asked. */
static bool judge_there(struct cli *cli, const char *digest, const char *environment, json_t **ret)
{
	OWNED(json_release) json_t *answer = NULL;
	char path[256];
	if (option_all(cli, "approval") || option_all(cli, "statement"))
		return err_set(&cli->err, ERR_USAGE,
			"--approval and --statement go with --policy: the verifier judges what was "
			"published to it");
	(void)snprintf(
		path, sizeof(path), "/v1/releases/%s/gate?environment=%s", digest, environment);
	if (!api_json(cli, path, NULL, NULL, &answer))
		return false;
	const char *release = json_string_value(json_object_get(answer, "release"));
	const char *judged = json_string_value(json_object_get(answer, "environment"));
	if (!release || !judged || strcmp(release, digest) != 0 || strcmp(judged, environment) != 0)
		return err_set(&cli->err, ERR_MISMATCH,
			"the verifier judged another release or environment than the one asked "
			"for");
	*ret = TAKE(answer);
	return true;
}

/* The floor that --floor names, signed by enough of the keys given. */
static bool floor_given(struct cli *cli, struct security_floor **ret)
{
	OWNED(policy_signers_release) struct policy_signers signers = {0};
	OWNED(buf_release) struct buf envelope = {0};
	const struct option_value *keys = option_all(cli, "key");
	uint64_t mask = 0;
	if (!option(cli, "floor"))
		return true;
	if (!keys || !option(cli, "policy"))
		return err_set(&cli->err, ERR_USAGE,
			"--floor goes with --policy and --key: the verifier knows its floors");
	return (policy_read_signers(
			keys->values, keys->count, option(cli, "threshold"), &signers, &cli->err) &&
		       cli_read(option(cli, "floor"), SECURITY_FLOOR_ENVELOPE_MAX, &envelope,
			       &cli->err) &&
		       security_floor_verify(
			       buf_bytes(&envelope), &signers, ret, &mask, &cli->err)) ||
	       err_wrap(&cli->err, "--floor");
}

/* A floor of something else would look like a check and be none. */
static bool floor_fits(struct cli *cli, const struct security_floor *floor,
	const struct release *release, const struct policy *policy)
{
	if (floor && strcmp(floor->workload, release->workload) != 0)
		return err_set(&cli->err, ERR_MISMATCH,
			"--floor: of workload %s, the release is of %s", floor->workload,
			release->workload);
	return !floor || strcmp(floor->trust_domain, policy->trust_domain) == 0 ||
	       err_set(&cli->err, ERR_MISMATCH, "--floor: of trust domain %s, the policy is of %s",
		       ESC(bytes_str(floor->trust_domain)), policy->trust_domain);
}

static bool floor_note(struct cli *cli, const struct security_floor *floor, json_t *answer)
{
	json_t *shown;
	char since[TIME_TEXT_MAX];
	if (!floor)
		return true;
	shown = json_pack("{s:s?, s:I, s:s}", "minimum", floor->minimum, "sequence",
		(json_int_t)floor->sequence, "since", time_format(floor->issued, since));
	return json_object_set_new(answer, "security_floor", shown) == 0 ||
	       err_set(&cli->err, ERR_NOMEM, "--floor");
}

struct judged {
	json_t *answer;
	struct release_bundle bundle; /* the release is NULL when a verifier was asked by digest */
	bool here; /* by a policy file, whose digest this is */
	uint8_t policy[SHA256_LEN];
};

static void judged_release(struct judged *judged)
{
	json_release(&judged->answer);
	release_bundle_release(&judged->bundle);
}

static bool judge_here(struct cli *cli, const struct security_floor *floor, const char *environment,
	struct judged *ret)
{
	OWNED(policy_free) struct policy *policy = NULL;
	struct release_bundle *bundle = &ret->bundle;
	bundle->floor = floor;
	if (!release_bundle_gather(cli, cli->arguments->values[0], bundle) ||
		!policy_of_option(cli, &policy) || !floor_fits(cli, floor, bundle->release, policy))
		return false;
	memcpy(ret->policy, policy->digest, SHA256_LEN);
	ret->here = true;
	return release_bundle_judge(cli, bundle, policy, environment, &ret->answer) &&
	       floor_note(cli, floor, ret->answer);
}

static bool judge(struct cli *cli, struct judged *ret)
{
	OWNED(security_floor_free) struct security_floor *floor = NULL;
	const char *name = cli->arguments->values[0], *environment = NULL;
	uint8_t digest[SHA256_LEN];
	char hex[2 * SHA256_LEN + 1];
	if (!option_required(cli, "env", &environment))
		return false;
	if (!text_is_name(bytes_str(environment)))
		return err_set(
			&cli->err, ERR_USAGE, "--env: %s is no name", ESC(bytes_str(environment)));
	if (!floor_given(cli, &floor))
		return false;
	if (!option(cli, "policy") && hex_decode_exact(bytes_str(name), digest, SHA256_LEN, NULL))
		return judge_there(cli, name, environment, &ret->answer);
	if (!release_bundle_load(cli, name, &ret->bundle))
		return false;
	if (option(cli, "policy"))
		return judge_here(cli, floor, environment, ret);
	hex_encode(BYTES_OF(ret->bundle.release->digest), hex);
	return judge_there(cli, hex, environment, &ret->answer);
}

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));
	return text ? text : "";
}

/* Open only when verdict and checklist both say so; anything else in an answer is no answer. */
static bool outcome(struct cli *cli, const json_t *answer, bool *ret_open)
{
	const json_t *met = json_object_get(json_object_get(answer, "checklist"), "met");
	const char *said = text_of(json_object_get(answer, "verdict"), "outcome");
	bool trusted = strcmp(said, "trusted") == 0;
	if ((!trusted && strcmp(said, "untrusted") != 0) || !json_is_boolean(met))
		return err_set(&cli->err, ERR_FORMAT, "the verifier's answer is no verdict");
	*ret_open = trusted && json_is_true(met);
	return true;
}

static bool sarif_write(struct cli *cli, const json_t *answer)
{
	OWNED(json_release) json_t *sarif = NULL;
	OWNED(buf_release) struct buf text = {0};
	const char *file = option(cli, "sarif");
	if (!file)
		return true;
	sarif = gate_sarif(answer, cli->arguments->values[0]);
	if (!sarif)
		return err_set(&cli->err, ERR_NOMEM, "--sarif");
	return json_write(sarif, true, &text, &cli->err) &&
	       cli_write(file, buf_bytes(&text), false, &cli->err);
}

static void head_print(struct cli *cli, const json_t *answer, bool met, const char *words)
{
	(void)printf("%s%s%s: %s %s for %s, risk class %s\n", colour(cli, met ? "green" : "red"),
		words, colour(cli, "off"), ESC(bytes_str(text_of(answer, "name"))),
		ESC(bytes_str(text_of(answer, "version"))),
		ESC(bytes_str(text_of(answer, "environment"))),
		ESC(bytes_str(text_of(answer, "risk_class"))));
}

static bool explain(struct cli *cli, const json_t *answer)
{
	OWNED(buf_release) struct buf json = {0}, text = {0};
	if (!json_write(json_object_get(answer, "verdict"), false, &json, &cli->err) ||
		!verdict_explain(buf_bytes(&json), cli->colour, &text, &cli->err))
		return false;
	(void)fwrite(text.data, 1, text.len, stdout);
	return true;
}

static bool summary_write(struct cli *cli, struct judged *judged, bool open)
{
	const char *name = cli->arguments->values[0];
	if (!option(cli, "vsa"))
		return true;
	return (judged->bundle.release || release_bundle_load(cli, name, &judged->bundle)) &&
	       gate_vsa_write(cli, &judged->bundle, judged->answer,
		       judged->here ? judged->policy : NULL, open);
}

static enum status run_gate(struct cli *cli)
{
	OWNED(judged_release) struct judged judged = {0};
	bool open = false;
	if (!gate_vsa_ready(cli) || !judge(cli, &judged) || !outcome(cli, judged.answer, &open) ||
		!sarif_write(cli, judged.answer) || !summary_write(cli, &judged, open))
		return cli_fail(cli);
	const json_t *answer = judged.answer;
	enum status status = open ? STATUS_DONE : STATUS_REFUSED;
	if (cli->json)
		return cli_print_json(cli, TAKE(judged.answer), status);
	head_print(cli, answer, open, open ? "gate open" : "gate closed");
	if (json_is_object(json_object_get(answer, "version_floor")) ||
		json_is_object(json_object_get(answer, "security_floor")))
		floors_print(answer, stdout);
	if ((!open || option_given(cli, "explain")) && !explain(cli, answer))
		return cli_fail(cli);
	return status;
}

static enum status run_checklist(struct cli *cli)
{
	OWNED(judged_release) struct judged judged = {0};
	bool met = false;
	if (!judge(cli, &judged) || !outcome(cli, judged.answer, &met))
		return cli_fail(cli);
	const json_t *answer = judged.answer;
	enum status status = met ? STATUS_DONE : STATUS_REFUSED;
	if (cli->json)
		return cli_print_json(cli, TAKE(judged.answer), status);
	head_print(cli, answer, met, met ? "met" : "not met");
	checklist_print(cli, json_object_get(answer, "checklist"), stdout);
	return status;
}

static enum status run_diff(struct cli *cli)
{
	OWNED(release_bundle_release) struct release_bundle from = {0}, to = {0};
	OWNED(json_release) json_t *diff = NULL;
	if (!release_bundle_load(cli, cli->arguments->values[0], &from) ||
		!release_bundle_load(cli, cli->arguments->values[1], &to))
		return cli_fail(cli);
	diff = release_diff(from.release, to.release);
	if (!diff) {
		(void)err_set(&cli->err, ERR_NOMEM, "release diff");
		return cli_fail(cli);
	}
	if (cli->json)
		return cli_print_json(cli, json_pack("{s:O}", "differences", diff), STATUS_DONE);
	(void)printf("%s %s -> %s %s\n", ESC(bytes_str(from.release->name)),
		ESC(bytes_str(from.release->version)), ESC(bytes_str(to.release->name)),
		ESC(bytes_str(to.release->version)));
	diff_print(diff, stdout);
	return STATUS_DONE;
}

const struct command cmd_gate = {
	.name = "gate",
	.synopsis = "FILE|DIGEST --env ENV [--policy FILE] [--approval FILE]…",
	.summary = "Whether a release may be deployed: 0 yes, 1 no and why, 3 not decided.",
	.options = gate_options,
	.least = 1,
	.most = 1,
	.run = run_gate,
};
const struct command cmd_release_checklist = {
	.group = "release",
	.name = "checklist",
	.synopsis = "FILE|DIGEST --env ENV [--policy FILE] [--approval FILE]…",
	.summary = "What the risk class demands: each met or not, by what, until when.",
	.options = checklist_options,
	.least = 1,
	.most = 1,
	.run = run_checklist,
};
const struct command cmd_release_diff = {
	.group = "release",
	.name = "diff",
	.synopsis = "FILE|DIGEST FILE|DIGEST",
	.summary = "What differs between two releases.",
	.options = diff_options,
	.least = 2,
	.most = 2,
	.run = run_diff,
};
