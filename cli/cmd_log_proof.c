/* SPDX-License-Identifier: Apache-2.0 */
/* assay log proof | verify-proof: that a leaf stands in a ledger, as a file (C2SP tlog-proof). */
#include "cli/commands.h"

#include "cli/log_leaf.h"

static const struct option_spec proof_options[] = {
	{"out", "FILE", OPTION_VALUE, "write the proof there (default: standard output)"},
	{"url", "URL", OPTION_VALUE, "where the log is (default: the verifier's own, /log)"},
	{"log-ca", "FILE", OPTION_VALUE, "CA of that server (default: the system's)"},
	API_OPTIONS,
	OPTIONS_END,
};
static const struct option_spec verify_options[] = {
	{"log-policy", "FILE", OPTION_VALUE,
		"the log, its witnesses and their quorum (tlog-policy)"},
	{"leaf", "HEX|FILE", OPTION_VALUE, "the leaf's hash, or a file with the leaf itself"},
	OPTIONS_END,
};

struct search {
	const uint8_t *hash;
	uint64_t index;
	bool found;
};

static bool same(void *arg, uint64_t index, const uint8_t hash[SHA256_LEN])
{
	struct search *search = arg;
	search->found = memcmp(hash, search->hash, SHA256_LEN) == 0;
	search->index = index;
	return !search->found;
}

/* By index, or by hash: a log of plain files is looked through. */
static bool locate(struct log_client *log, const char *text, uint64_t size, uint64_t *ret)
{
	uint8_t hash[SHA256_LEN];
	struct search search = {.hash = hash};
	struct err *err = &log->cli->err;
	if (text_decimal(bytes_str(text), ret))
		return *ret < size || err_set(err, ERR_NOT_FOUND, "the log has %llu leaves",
					      (unsigned long long)size);
	if (!hex_decode_exact(bytes_str(text), hash, SHA256_LEN, err)) {
		err->code = ERR_USAGE;
		return err_wrap(err, "a leaf is named by its index or its hash, 64 hex digits");
	}
	if (!log_leaves_each(log, size, same, &search))
		return false;
	*ret = search.index;
	return search.found || err_set(err, ERR_NOT_FOUND, "no leaf of the log has this hash");
}

static bool proof_make(struct log_client *log, const char *text, struct buf *out)
{
	OWNED(buf_release) struct buf note = {0};
	OWNED(tlog_proof_release) struct tlog_proof proof = {0};
	struct checkpoint tree;
	struct err *err = &log->cli->err;
	if (!log_client_get(log, "/checkpoint", NOTE_MAX, &note) ||
		!checkpoint_parse(buf_bytes(&note), &tree, err) ||
		!locate(log, text, tree.size, &proof.index))
		return false;
	struct tile_source tiles = log_client_tiles(log, tree.size);
	proof.checkpoint = buf_bytes(&note);
	return tiles_inclusion(&tiles, proof.index, tree.size, &proof.hashes, err) &&
	       tlog_proof_write(&proof, out, err);
}

static enum status run_proof(struct cli *cli)
{
	OWNED(log_client_release)
	struct log_client log = {
		.cli = cli, .url = option(cli, "url"), .ca = option(cli, "log-ca")};
	OWNED(buf_release) struct buf proof = {0};
	if (!proof_make(&log, cli->arguments->values[0], &proof) ||
		!cli_write(option(cli, "out"), buf_bytes(&proof), false, &cli->err))
		return cli_fail(cli);
	return STATUS_DONE;
}

static enum status say(struct cli *cli, const struct tlog_proof *proof,
	const struct tlog_cosigned *tree, enum status status)
{
	int witnesses = __builtin_popcountll(tree->witnesses);
	bool ok = status == STATUS_DONE;
	if (cli->json)
		return cli_print_json(cli,
			json_pack("{s:b,s:s*,s:I,s:I,s:i}", "verified", ok, "reason",
				ok ? NULL : cli->err.text, "index", (json_int_t)proof->index,
				"size", (json_int_t)tree->checkpoint.size, "witnesses", witnesses),
			status);
	if (ok)
		(void)printf("%sproved%s: leaf %llu of %llu in %s, %d witnesses\n",
			colour(cli, "green"), colour(cli, "off"), (unsigned long long)proof->index,
			(unsigned long long)tree->checkpoint.size, ESC(tree->checkpoint.origin),
			witnesses);
	else
		(void)printf(
			"%srefused%s: %s\n", colour(cli, "red"), colour(cli, "off"), cli->err.text);
	return status;
}

static enum status run_verify(struct cli *cli)
{
	OWNED(tlog_policy_free) struct tlog_policy *policy = NULL;
	OWNED(tlog_proof_release) struct tlog_proof proof = {0};
	OWNED(buf_release) struct buf text = {0};
	struct tlog_cosigned tree = {0};
	uint8_t hash[SHA256_LEN];
	const char *leaf = NULL;
	if (!log_policy_read(cli, "log-policy", &policy) || !option_required(cli, "leaf", &leaf) ||
		!log_leaf_hash(cli, leaf, hash) ||
		!cli_read(cli->arguments->values[0], TLOG_PROOF_MAX, &text, &cli->err) ||
		!tlog_proof_parse(buf_bytes(&text), &proof, &cli->err))
		return cli_fail(cli);
	bool ok = tlog_policy_prove(policy, &proof, hash, &tree, &cli->err);
	if (!ok && cli->err.code != ERR_MISMATCH)
		return cli_fail(cli);
	return say(cli, &proof, &tree, ok ? STATUS_DONE : STATUS_REFUSED);
}

const struct command cmd_log_proof = {
	.group = "log",
	.name = "proof",
	.synopsis = "INDEX|LEAF-HASH [--out FILE] [--url URL]",
	.summary = "Makes the offline proof that a leaf stands in the ledger.",
	.options = proof_options,
	.least = 1,
	.most = 1,
	.run = run_proof,
};
const struct command cmd_log_verify_proof = {
	.group = "log",
	.name = "verify-proof",
	.synopsis = "FILE --log-policy FILE --leaf HEX|FILE",
	.summary = "Checks such a proof: the log's signature, its witnesses, the path.",
	.options = verify_options,
	.least = 1,
	.most = 1,
	.run = run_verify,
};
