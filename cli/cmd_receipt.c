/* SPDX-License-Identifier: Apache-2.0 */
/* assay record receipt, assay receipt verify: COSE receipts (RFC 9942) and what carries them. */
#include "cli/commands.h"

#include "cli/log_leaf.h"
#include "ledger/receipt.h"

static const struct option_spec record_options[] = {
	{"out", "FILE", OPTION_VALUE, "save it there (default: standard output)"},
	{"proof", NULL, OPTION_FLAG, "the offline proof with its checkpoint, as text (tlog-proof)"},
	{"statement", NULL, OPTION_FLAG, "the record itself with its receipt (RFC 9943)"},
	API_OPTIONS,
	OPTIONS_END,
};
static const struct option_spec verify_options[] = {
	{"key", "PEM", OPTION_VALUE, "the ledger's receipt key, as you know it"},
	{"leaf", "HEX|FILE", OPTION_VALUE, "the leaf's hash, or a file with the leaf itself"},
	{"signer", "PEM", OPTION_VALUE,
		"of a statement: the verifier's signing key, as you know it"},
	{"origin", "NAME", OPTION_VALUE, "the ledger's name, as you know it"},
	{"old-root", "HEX", OPTION_VALUE, "of a receipt of consistency: the older tree's root"},
	{"old-size", "N", OPTION_VALUE, "and its size"},
	OPTIONS_END,
};

static enum status run_record(struct cli *cli)
{
	const char *id = cli->arguments->values[0];
	bool proof = option_given(cli, "proof"), statement = option_given(cli, "statement");
	OWNED(buf_release) struct buf answer = {0};
	char path[160];
	if (strlen(id) != 64 || strspn(id, "0123456789abcdef") != 64 || (proof && statement)) {
		(void)err_set(&cli->err, ERR_USAGE,
			"a record is named by its leaf hash: 64 hex digits (assay record list); "
			"--proof and --statement are two things");
		return cli_fail(cli);
	}
	(void)snprintf(path, sizeof(path), "/v1/records/%s/%s", id,
		proof       ? "proof"
		: statement ? "statement"
			    : "receipt");
	if (!api_bytes(cli, path, NULL, NULL, &answer) ||
		!cli_write(option(cli, "out"), buf_bytes(&answer), false, &cli->err))
		return cli_fail(cli);
	return STATUS_DONE;
}

/* ---- receipt verify ---- */

struct check {
	struct cli *cli;
	struct key *key;
	struct buf in, leaf;
	struct receipt receipt;
	struct transparent transparent;
	bool statement, tied; /* tied: the statement was found to be the leaf */
	char *origin; /* NULL: the receipt does not say its tree's size */
	uint8_t known[SHA256_LEN];
};

static void check_release(struct check *c)
{
	key_unref(&c->key);
	buf_release(&c->in);
	buf_release(&c->leaf);
	receipt_release(&c->receipt);
	transparent_release(&c->transparent);
	free(c->origin);
}

/* Either a receipt, or a statement that carries some, whose first counts. */
static bool read_file(struct check *c)
{
	struct err *err = &c->cli->err, why = {0};
	if (!cli_read(c->cli->arguments->values[0], STATEMENT_MAX, &c->in, err))
		return false;
	if (receipt_parse(buf_bytes(&c->in), &c->receipt, err))
		return true;
	c->statement = transparent_parse(buf_bytes(&c->in), &c->transparent, &why);
	return c->statement && receipt_parse(c->transparent.receipts[0], &c->receipt, err);
}

/* Who signed the record; not asked without a key. */
static bool signer_check(struct check *c)
{
	OWNED(key_unref) struct key *key = NULL;
	OWNED(free_ptr) struct record *record = NULL;
	struct err *err = &c->cli->err;
	if (!option_given(c->cli, "signer"))
		return true;
	if (!c->statement)
		return err_set(err, ERR_USAGE, "--signer is of a statement: a receipt has none");
	record = calloc(1, sizeof(*record));
	if (!record)
		return err_set(err, ERR_NOMEM, "statement");
	return log_key_read(c->cli, "signer", &key) &&
	       record_open(buf_bytes(&c->transparent.statement), key, record, err);
}

/* A statement leads to its leaf by the salt beside it. */
static bool own_leaf(struct check *c, uint8_t ret[SHA256_LEN])
{
	struct err *err = &c->cli->err;
	return statement_leaf(
		       buf_bytes(&c->transparent.statement), c->transparent.salt, &c->leaf, err) &&
	       leaf_hash(buf_bytes(&c->leaf), ret, err);
}

/* The one that is asked about, which that of a statement must be, too: else a receipt of the one would vouch
 * for the other. */
static bool leaf_find(struct check *c)
{
	struct err *err = &c->cli->err;
	const char *text = option(c->cli, "leaf");
	uint8_t own[SHA256_LEN];
	c->tied = c->statement && c->transparent.salted;
	if (!text && !c->tied)
		return err_set(err, ERR_USAGE, "--leaf is needed: a receipt does not say of what");
	if (!text)
		return own_leaf(c, c->known);
	if (!log_leaf_hash(c->cli, text, c->known) || (c->tied && !own_leaf(c, own)))
		return false;
	return !c->tied || memcmp(own, c->known, SHA256_LEN) == 0 ||
	       err_set(err, ERR_MISMATCH, "--leaf: the statement is another leaf than that");
}

static bool older_find(struct check *c)
{
	const char *root = NULL, *size = NULL;
	uint64_t number = 0;
	struct err *err = &c->cli->err;
	if (!option_required(c->cli, "old-root", &root) ||
		!option_required(c->cli, "old-size", &size))
		return false;
	if (!hex_decode_exact(bytes_str(root), c->known, SHA256_LEN, NULL) ||
		!text_decimal(bytes_str(size), &number))
		return err_set(err, ERR_USAGE, "--old-root is 64 hex digits, --old-size a number");
	return number == c->receipt.proof.from ||
	       err_set(err, ERR_MISMATCH, "receipt: from a tree of %llu, not of %llu",
		       (unsigned long long)c->receipt.proof.from, (unsigned long long)number);
}

/* The name demanded, or the one that the receipt has, where it also says its size. */
static bool origin_find(struct check *c)
{
	const char *demanded = option(c->cli, "origin");
	struct bytes sub = c->receipt.message.sub;
	size_t len = strlen(RECEIPT_SUBJECT_PREFIX);
	bool sized = sub.len > len && memcmp(sub.data, RECEIPT_SUBJECT_PREFIX, len) == 0;
	if (!demanded && !sized)
		return true;
	c->origin = bytes_strdup(demanded ? bytes_str(demanded) : c->receipt.message.iss);
	return c->origin || err_set(&c->cli->err, ERR_MISMATCH, "receipt: its issuer is no name");
}

static enum status say(struct check *c, bool ok)
{
	struct cli *cli = c->cli;
	const struct receipt_proof *proof = &c->receipt.proof;
	bool inclusion = proof->kind == RECEIPT_INCLUSION;
	enum status status = ok ? STATUS_DONE : STATUS_REFUSED;
	if (cli->json)
		return cli_print_json(cli,
			json_pack("{s:b,s:s*,s:s,s:I,s:I,s:b,s:b,s:b}", "verified", ok, "reason",
				ok ? NULL : cli->err.text, "kind",
				inclusion ? "inclusion" : "consistency", "from",
				(json_int_t)proof->from, "size", (json_int_t)proof->size,
				"size_signed", ok && c->origin != NULL, "signer_checked",
				ok && option_given(cli, "signer"), "statement_checked",
				ok && c->tied),
			status);
	if (!ok)
		(void)printf(
			"%srefused%s: %s\n", colour(cli, "red"), colour(cli, "off"), cli->err.text);
	else
		(void)printf("%sproved%s: %s %llu of %llu in %s%s\n", colour(cli, "green"),
			colour(cli, "off"), inclusion ? "leaf" : "the tree of",
			(unsigned long long)proof->from, (unsigned long long)proof->size,
			ESC(c->receipt.message.iss),
			c->origin ? "" : "; not checked: the tree's size, which is not signed");
	if (ok && c->statement && inclusion && !c->tied)
		(void)printf("  not checked: that the statement is that leaf: it brings no salt\n");
	if (ok && c->statement && !option_given(cli, "signer"))
		(void)printf("  not checked: who signed the record (--signer)\n");
	return status;
}

static enum status run_verify(struct cli *cli)
{
	OWNED(check_release) struct check c = {.cli = cli};
	if (!log_key_read(cli, "key", &c.key) || !read_file(&c))
		return cli_fail(cli);
	bool ok = signer_check(&c) &&
		  (c.receipt.proof.kind == RECEIPT_INCLUSION ? leaf_find(&c) : older_find(&c)) &&
		  origin_find(&c) &&
		  receipt_verify(&c.receipt, c.key, c.origin, c.known, NULL, &cli->err);
	if (!ok && cli->err.code != ERR_MISMATCH)
		return cli_fail(cli);
	return say(&c, ok);
}

const struct command cmd_record_receipt = {
	.group = "record",
	.name = "receipt",
	.synopsis = "ID [--out FILE] [--proof | --statement]",
	.summary = "That a decision stands in the ledger: a COSE receipt, or an offline proof.",
	.options = record_options,
	.least = 1,
	.most = 1,
	.run = run_record,
};
const struct command cmd_receipt_verify = {
	.group = "receipt",
	.name = "verify",
	.synopsis = "FILE --key PEM [--leaf HEX|FILE | --signer PEM]",
	.summary = "Checks a COSE receipt, or the one that a statement carries.",
	.options = verify_options,
	.least = 1,
	.most = 1,
	.run = run_verify,
};
