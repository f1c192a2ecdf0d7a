/* SPDX-License-Identifier: Apache-2.0 */
/* assay log inclusion | consistency: RFC 9162 proofs checked from the command line. */
#include "cli/commands.h"

#include "ledger/ledger.h"

#include <errno.h>

static const struct option_spec inclusion_options[] = {
	{"index", "I", OPTION_VALUE, "index of the leaf"},
	{"size", "N", OPTION_VALUE, "size of the tree"},
	{"leaf-hash", "HEX", OPTION_VALUE, "hash of the leaf"},
	{"root", "HEX", OPTION_VALUE, "root of the tree"},
	{"proof", "HEX,…", OPTION_VALUE, "hashes of the proof, comma-separated"},
	OPTIONS_END,
};
static const struct option_spec consistency_options[] = {
	{"old", "M", OPTION_VALUE, "size of the older tree"},
	{"new", "N", OPTION_VALUE, "size of the newer tree"},
	{"old-root", "HEX", OPTION_VALUE, "root of the older tree"},
	{"new-root", "HEX", OPTION_VALUE, "root of the newer tree"},
	{"proof", "HEX,…", OPTION_VALUE, "hashes of the proof, comma-separated"},
	OPTIONS_END,
};

static bool number(struct cli *cli, const char *name, uint64_t *ret)
{
	const char *text = NULL;
	if (!option_required(cli, name, &text))
		return false;
	char *end = NULL;
	errno = 0;
	*ret = strtoull(text, &end, 10);
	if (errno || *text == '\0' || *end != '\0' || strspn(text, "0123456789") != strlen(text))
		return err_set(&cli->err, ERR_USAGE, "--%s is a whole number", name);
	return true;
}

static bool hash(struct cli *cli, const char *name, uint8_t out[SHA256_LEN])
{
	const char *text = NULL;
	if (!option_required(cli, name, &text))
		return false;
	if (!hex_decode_exact(bytes_str(text), out, SHA256_LEN, &cli->err)) {
		cli->err.code = ERR_USAGE;
		return err_wrap(&cli->err, "--%s", name);
	}
	return true;
}

static bool proof(struct cli *cli, struct buf *ret)
{
	const char *text = option_or(cli, "proof", "");
	while (*text) {
		size_t len = strcspn(text, ",");
		uint8_t node[SHA256_LEN];
		if (ret->len >= (size_t)LEDGER_EDGE_MAX * 2 * SHA256_LEN)
			return err_set(&cli->err, ERR_USAGE, "--proof: more than %d hashes",
				LEDGER_EDGE_MAX * 2);
		if (!hex_decode_exact(bytes_of(text, len), node, SHA256_LEN, &cli->err)) {
			cli->err.code = ERR_USAGE;
			return err_wrap(&cli->err, "--proof, hash %zu", ret->len / SHA256_LEN);
		}
		buf_put(ret, BYTES_OF(node));
		text += len;
		if (*text == ',' && *++text == '\0')
			return err_set(&cli->err, ERR_USAGE, "--proof ends in a comma");
	}
	return buf_ok(ret, &cli->err);
}

static enum status answer(struct cli *cli, bool ok, const char *what)
{
	if (!ok && cli->err.code != ERR_MISMATCH)
		return cli_fail(cli);
	enum status status = ok ? STATUS_DONE : STATUS_REFUSED;
	if (cli->json)
		return cli_print_json(cli,
			json_pack(
				"{s:b,s:s*}", "verified", ok, "reason", ok ? NULL : cli->err.text),
			status);
	if (ok)
		(void)printf("%sproved%s: %s\n", colour(cli, "green"), colour(cli, "off"), what);
	else
		(void)printf(
			"%srefused%s: %s\n", colour(cli, "red"), colour(cli, "off"), cli->err.text);
	return status;
}

static enum status run_inclusion(struct cli *cli)
{
	uint64_t index, size;
	uint8_t leaf[SHA256_LEN], root[SHA256_LEN];
	OWNED(buf_release) struct buf nodes = {0};
	if (!number(cli, "index", &index) || !number(cli, "size", &size) ||
		!hash(cli, "leaf-hash", leaf) || !hash(cli, "root", root) || !proof(cli, &nodes))
		return cli_fail(cli);
	return answer(cli,
		tree_inclusion_check(index, size, leaf, buf_bytes(&nodes), root, &cli->err),
		"the leaf is in the tree");
}

static enum status run_consistency(struct cli *cli)
{
	uint64_t old_size, new_size;
	uint8_t old_root[SHA256_LEN], new_root[SHA256_LEN];
	OWNED(buf_release) struct buf nodes = {0};
	if (!number(cli, "old", &old_size) || !number(cli, "new", &new_size) ||
		!hash(cli, "old-root", old_root) || !hash(cli, "new-root", new_root) ||
		!proof(cli, &nodes))
		return cli_fail(cli);
	return answer(cli,
		tree_consistency_check(
			old_size, new_size, old_root, new_root, buf_bytes(&nodes), &cli->err),
		"the newer tree begins with the older one");
}

const struct command cmd_log_inclusion = {
	.group = "log",
	.name = "inclusion",
	.synopsis = "--index I --size N --leaf-hash HEX --root HEX --proof HEX,…",
	.summary = "Checks that a leaf is in a tree (RFC 9162).",
	.options = inclusion_options,
	.run = run_inclusion,
};
const struct command cmd_log_consistency = {
	.group = "log",
	.name = "consistency",
	.synopsis = "--old M --new N --old-root HEX --new-root HEX --proof HEX,…",
	.summary = "Checks that a tree only grew (RFC 9162).",
	.options = consistency_options,
	.run = run_consistency,
};
