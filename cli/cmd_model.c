/* SPDX-License-Identifier: Apache-2.0 */
/* assay model digest: the root digest of a model directory, as OpenSSF Model Signing computes it.
 */
#include "cli/commands.h"

#include "attest/measure.h"

static enum status run(struct cli *cli)
{
	OWNED(free_ptr) char *canonical = NULL;
	OWNED(measured_tree_release) struct measured_tree tree = {0};
	if (!measure_canonical(cli->arguments->values[0], &canonical, &cli->err) ||
		!measure_tree(canonical, MEASURE_SHA256, 0, &tree, &cli->err))
		return cli_fail(cli);
	char hex[2 * SHA256_LEN + 1];
	hex_encode(BYTES_OF(tree.digest), hex);
	if (cli->json)
		return cli_print_json(cli,
			json_pack("{s:s,s:s,s:I,s:I}", "alg", "sha256", "digest", hex, "files",
				(json_int_t)tree.count, "bytes", (json_int_t)tree.bytes),
			STATUS_DONE);
	(void)printf("%s  %s\n", hex, cli->arguments->values[0]);
	return STATUS_DONE;
}

const struct command cmd_model_digest = {
	.group = "model",
	.name = "digest",
	.synopsis = "DIRECTORY",
	.summary = "Root digest of a model directory (OpenSSF Model Signing).",
	.least = 1,
	.most = 1,
	.run = run,
};
