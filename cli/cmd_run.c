/* SPDX-License-Identifier: Apache-2.0 */
/* assay run: the agent starts only if the verifier trusts what was measured; then this process
 * becomes it. */
#include "cli/commands.h"

#include "attest/launch.h"
#include "policy/verdict.h"

static const struct option_spec options[] = {
	{"release", "DIGEST", OPTION_VALUE,
		"the release claimed (default: WORKLOAD.release beside the spec)"},
	{"credentials", "DIR", OPTION_VALUE, "put the credentials there and keep them"},
	{"socket", "PATH", OPTION_VALUE,
		"hostd's socket (default: $ASSAY_HOSTD_SOCKET, " HOSTD_SOCKET_DEFAULT ")"},
	{"explain", NULL, OPTION_FLAG, "print the whole verdict, also when it is trusted"},
	{"quiet", NULL, OPTION_FLAG, "no progress on standard error"},
	OPTIONS_END,
};

static void on_progress(void *context, const char *text)
{
	const struct cli *cli = context;
	if (!cli->json && !option_given(cli, "quiet"))
		(void)fprintf(stderr, "%s  %s%s\n", colour(cli, "dim"), text, colour(cli, "off"));
}

static void on_verdict(void *context, struct bytes json, bool trusted, const char *record)
{
	const struct cli *cli = context;
	OWNED(buf_release) struct buf text = {0};
	if (cli->json) {
		if (!trusted)
			(void)printf("%.*s\n", (int)json.len, (const char *)json.data);
	} else if (!trusted || option_given(cli, "explain")) {
		if (verdict_explain(json, cli->colour, &text, NULL))
			(void)fwrite(text.data, 1, text.len, stderr);
	} else if (!option_given(cli, "quiet")) {
		(void)fprintf(stderr, "%strusted%s\n", colour(cli, "green"), colour(cli, "off"));
	}
	if (!cli->json && *record && !option_given(cli, "quiet"))
		(void)fprintf(stderr, "%s  record %s%s\n", colour(cli, "dim"), record,
			colour(cli, "off"));
	(void)fflush(stdout);
}

static enum status run(struct cli *cli)
{
	struct launch_options how = {
		.socket_path = option_or(cli, "socket", cli->environment->socket),
		.workload = cli->arguments->values[0],
		.release = option(cli, "release"),
		.arguments = (const char *const *)cli->arguments->rest,
		.argument_count = cli->arguments->rest_count,
		.credentials = option(cli, "credentials"),
		.context = cli,
		.progress = on_progress,
		.verdict = on_verdict,
	};
	if (launch_run(&how, &cli->err))
		return STATUS_REFUSED;
	/* Only a verdict refuses; whatever kept one from being made is an error, a denial too. */
	return cli_fail(cli) == STATUS_USAGE ? STATUS_USAGE : STATUS_UNDECIDED;
}

const struct command cmd_run = {
	.name = "run",
	.synopsis = "WORKLOAD [-- ARGUMENT…]",
	.summary = "Measures, attests and, if trusted, becomes the agent.",
	.options = options,
	.least = 1,
	.most = 1,
	.rest = true,
	.run = run,
};
