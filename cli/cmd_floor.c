/* SPDX-License-Identifier: Apache-2.0 */
/* assay floor sign | publish | show: below which version nothing of an agent runs. */
#include "cli/commands.h"

#include "base/time.h"
#include "cli/floor_text.h"
#include "cli/release_input.h"
#include "evidence/names.h"
#include "policy/security_floor.h"

#include <unistd.h>

static const struct option_spec sign_options[] = {
	{"key", "URI", OPTION_VALUE, "your private key: a file, or an OSSL_STORE URI"},
	{"workload", "NAME", OPTION_VALUE, "begin a new statement, about this agent"},
	{"minimum", "VERSION", OPTION_VALUE, "nothing below it launches or renews"},
	{"lift", NULL, OPTION_FLAG, "instead of --minimum: no floor any more"},
	{"sequence", "N", OPTION_VALUE, "above all before (default: the verifier is asked)"},
	{"reason", "TEXT", OPTION_VALUE, "why"},
	{"trust-domain", "NAME", OPTION_VALUE, "whose verifier (default: the policy's)"},
	{"policy", "FILE", OPTION_VALUE, "policy that names it (default: asked of the verifier)"},
	API_OPTIONS,
	OPTIONS_END,
};
static const struct option_spec publish_options[] = {API_OPTIONS, OPTIONS_END};
static const struct option_spec show_options[] = {
	{"out", "FILE", OPTION_VALUE, "write the security floor's signed statement there"},
	API_OPTIONS,
	OPTIONS_END,
};

/* ---- signing ---- */

static bool workload_view(struct cli *cli, const char *name, json_t **ret)
{
	char path[128];
	if (!text_is_name(bytes_str(name)))
		return err_set(&cli->err, ERR_USAGE, "%s is no name: 1 to 64 of a-z 0-9 . _ -",
			ESC(bytes_str(name)));
	(void)snprintf(path, sizeof(path), "/v1/workloads/%s", name);
	return api_json(cli, path, NULL, NULL, ret);
}

/* The one given, or the next after the one in force. */
static bool sequence_of(struct cli *cli, const char *workload, int64_t *ret)
{
	OWNED(json_release) json_t *view = NULL;
	const char *text = option(cli, "sequence");
	char *end = NULL;
	if (text) {
		*ret = strtoll(text, &end, 10);
		return (*ret >= 1 && *ret <= SECURITY_FLOOR_SEQUENCE_MAX && !*end) ||
		       err_set(&cli->err, ERR_USAGE, "--sequence %s: expected a number from 1",
			       ESC(bytes_str(text)));
	}
	if (!workload_view(cli, workload, &view))
		return err_wrap(&cli->err, "--sequence is not given");
	return floor_next_sequence(view, ret, &cli->err);
}

static bool domain_of(struct cli *cli, char **ret)
{
	OWNED(policy_free) struct policy *policy = NULL;
	const char *given = option(cli, "trust-domain");
	if (!given && !policy_of_option(cli, &policy))
		return err_wrap(&cli->err, "--trust-domain is not given");
	*ret = strdup(given ? given : policy->trust_domain);
	return *ret || err_set(&cli->err, ERR_NOMEM, "floor");
}

static bool floor_of_options(struct cli *cli, struct security_floor **ret)
{
	OWNED(security_floor_free) struct security_floor *floor = calloc(1, sizeof(*floor));
	const char *workload = NULL, *reason = NULL, *minimum = option(cli, "minimum");
	if (!floor)
		return err_set(&cli->err, ERR_NOMEM, "floor");
	if (!option_required(cli, "workload", &workload) ||
		!option_required(cli, "reason", &reason))
		return false;
	if ((minimum != NULL) == option_given(cli, "lift"))
		return err_set(&cli->err, ERR_USAGE, "either --minimum VERSION or --lift");
	floor->workload = strdup(workload);
	floor->reason = strdup(reason);
	floor->minimum = minimum ? strdup(minimum) : NULL;
	floor->issued = clock_wall(&clock_system);
	if (!floor->workload || !floor->reason || (minimum && !floor->minimum))
		return err_set(&cli->err, ERR_NOMEM, "floor");
	if (!sequence_of(cli, workload, &floor->sequence) || !domain_of(cli, &floor->trust_domain))
		return false;
	*ret = TAKE(floor);
	return true;
}

static void show_floor(const struct security_floor *floor)
{
	(void)fprintf(stderr,
		"security floor of workload %s, trust domain %s\n  minimum   %s\n  sequence  %lld\n"
		"  reason    %s\n",
		ESC(bytes_str(floor->workload)), ESC(bytes_str(floor->trust_domain)),
		floor->minimum ? ESC(bytes_str(floor->minimum)) : "none: the floor is lifted",
		(long long)floor->sequence, ESC(bytes_str(floor->reason)));
}

/* A new statement, or a signature more for the one that is there. */
static bool sign(struct cli *cli, const char *file, struct security_floor **ret)
{
	OWNED(buf_release) struct buf before = {0}, after = {0};
	OWNED(key_unref) struct key *key = NULL;
	const char *uri = NULL;
	bool begin = option_given(cli, "workload");
	if (!option_required(cli, "key", &uri))
		return false;
	if (begin && access(file, F_OK) == 0)
		return err_set(&cli->err, ERR_USAGE,
			"%s is there: without --workload a signature is added to it", file);
	if (begin ? !floor_of_options(cli, ret)
		  : !cli_read(file, SECURITY_FLOOR_ENVELOPE_MAX, &before, &cli->err) ||
				!security_floor_open(buf_bytes(&before), ret, &cli->err))
		return begin ? false : err_wrap(&cli->err, "%s", file);
	if (!cli->json)
		show_floor(*ret);
	if (!key_from_uri(uri, &key, &cli->err))
		return false;
	return (begin ? security_floor_sign(*ret, key, &after, &cli->err)
		      : security_floor_sign_too(buf_bytes(&before), key, &after, &cli->err)) &&
	       cli_write(file, buf_bytes(&after), false, &cli->err);
}

static enum status run_sign(struct cli *cli)
{
	OWNED(security_floor_free) struct security_floor *floor = NULL;
	const char *file = cli->arguments->values[0];
	if (!sign(cli, file, &floor))
		return cli_fail(cli);
	if (cli->json)
		return cli_print_json(cli,
			json_pack("{s:s, s:s?, s:I}", "workload", floor->workload, "minimum",
				floor->minimum, "sequence", (json_int_t)floor->sequence),
			STATUS_DONE);
	(void)printf("signed, in %s\n", file);
	return STATUS_DONE;
}

/* ---- handing in, looking ---- */

static enum status run_publish(struct cli *cli)
{
	OWNED(buf_release) struct buf envelope = {0};
	OWNED(json_release) json_t *answer = NULL;
	const char *file = cli->arguments->values[0];
	if (!cli_read(file, SECURITY_FLOOR_ENVELOPE_MAX, &envelope, &cli->err))
		return cli_fail(cli);
	struct bytes body = buf_bytes(&envelope);
	if (!api_json(cli, "/v1/security-floors", MEDIA_DSSE, &body, &answer))
		return cli_fail(cli);
	if (cli->json)
		return cli_print_json(cli, TAKE(answer), STATUS_DONE);
	floors_print(answer, stdout);
	return STATUS_DONE;
}

static bool statement_save(struct cli *cli, const char *workload)
{
	OWNED(buf_release) struct buf envelope = {0};
	char path[128];
	if (!option(cli, "out"))
		return true;
	(void)snprintf(path, sizeof(path), "/v1/workloads/%s/security-floor", workload);
	return api_bytes(cli, path, NULL, NULL, &envelope) &&
	       cli_write(option(cli, "out"), buf_bytes(&envelope), false, &cli->err);
}

static enum status run_show(struct cli *cli)
{
	OWNED(json_release) json_t *view = NULL;
	const char *workload = cli->arguments->values[0];
	if (!workload_view(cli, workload, &view) || !statement_save(cli, workload))
		return cli_fail(cli);
	if (cli->json)
		return cli_print_json(cli,
			json_pack("{s:s, s:O?, s:O?}", "workload", workload, "version_floor",
				json_object_get(view, "version_floor"), "security_floor",
				json_object_get(view, "security_floor")),
			STATUS_DONE);
	floors_print(view, stdout);
	return STATUS_DONE;
}

#define FLOOR_COMMAND(name_, synopsis_, summary_, options_, run_)                                  \
	{                                                                                          \
		.group = "floor", .name = (name_), .synopsis = (synopsis_), .summary = (summary_), \
		.options = (options_), .least = 1, .most = 1, .run = (run_),                       \
	}
const struct command cmd_floor_sign =
	FLOOR_COMMAND("sign", "FILE --key URI [--workload NAME --minimum VERSION --reason TEXT]",
		"Signs a security floor, new or begun by others; policy signers do.", sign_options,
		run_sign);
const struct command cmd_floor_publish = FLOOR_COMMAND("publish", "FILE",
	"Hands a security floor to the verifier: it holds at once.", publish_options, run_publish);
const struct command cmd_floor_show = FLOOR_COMMAND("show", "WORKLOAD [--out FILE]",
	"The version floor and the security floor of an agent.", show_options, run_show);
