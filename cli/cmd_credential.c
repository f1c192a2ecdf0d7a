/* SPDX-License-Identifier: Apache-2.0 */
/*
 * assay credential check: for who is shown a credential, that the decision it names stands in the
 * ledger. Who signed the credential, and for which key, is for TLS or the token's own check to say.
 */
#include "cli/commands.h"

#include "cli/log_leaf.h"
#include "evidence/issued.h"
#include "ledger/receipt.h"

#define CREDENTIAL_MAX 65536
#define PROOF_MAGIC    "c2sp.org/tlog-proof@v1\n"

static const struct option_spec options[] = {
	{"log-policy", "FILE", OPTION_VALUE,
		"the log, its witnesses and their quorum (tlog-policy)"},
	{"receipt", "FILE", OPTION_VALUE, "what came with it: a tlog-proof, or a COSE receipt"},
	{"server", "URL", OPTION_VALUE, "the verifier, to be asked for the proof"},
	{"server-ca", "FILE", OPTION_VALUE, "CA of that server (default: the system's)"},
	{"receipt-key", "PEM", OPTION_VALUE, "the ledger's receipt key, for a COSE receipt"},
	OPTIONS_END,
};

struct credential_check {
	struct cli *cli;
	struct tlog_policy *policy;
	struct buf proof;
	uint8_t decision[SHA256_LEN];
	uint64_t index, size;
	int witnesses;
};

static void check_release(struct credential_check *c)
{
	tlog_policy_free(&c->policy);
	buf_release(&c->proof);
}

static bool decision_read(struct credential_check *c)
{
	OWNED(buf_release) struct buf in = {0};
	struct err *err = &c->cli->err;
	if (!cli_read(c->cli->arguments->values[0], CREDENTIAL_MAX, &in, err))
		return false;
	if (issued_any_decision(buf_bytes(&in), c->decision, err))
		return true;
	/* It was read, and names none: that is an answer. */
	if (err->code == ERR_NOT_FOUND)
		err->code = ERR_MISMATCH;
	return false;
}

static bool proof_fetch(struct credential_check *c, const char *server)
{
	char path[128], hex[2 * SHA256_LEN + 1];
	long status = 0;
	struct err *err = &c->cli->err;
	hex_encode(BYTES_OF(c->decision), hex);
	(void)snprintf(path, sizeof(path), "/log/proof/%s", hex);
	if (!api_elsewhere(c->cli, server, option(c->cli, "server-ca"), path, NULL, NULL, &c->proof,
		    &status))
		return false;
	if (status == 404)
		return err_set(err, ERR_MISMATCH, "the ledger has no decision %s", hex);
	return status == 200 || err_set(err, ERR_NET, "%s: HTTP status %ld", server, status);
}

static bool proof_read(struct credential_check *c)
{
	const char *server = option(c->cli, "server"), *file = option(c->cli, "receipt");
	if (!server == !file)
		return err_set(&c->cli->err, ERR_USAGE, "give one of --receipt and --server");
	return file ? cli_read(file, TLOG_PROOF_MAX, &c->proof, &c->cli->err)
		    : proof_fetch(c, server);
}

static bool proof_check(struct credential_check *c)
{
	OWNED(tlog_proof_release) struct tlog_proof proof = {0};
	struct tlog_cosigned tree = {0};
	struct err *err = &c->cli->err;
	if (!tlog_proof_parse(buf_bytes(&c->proof), &proof, err))
		return false;
	c->index = proof.index;
	bool ok = tlog_policy_prove(c->policy, &proof, c->decision, &tree, err);
	c->size = tree.checkpoint.size;
	c->witnesses = __builtin_popcountll(tree.witnesses);
	return ok;
}

/* A receipt has one signer: no witness has a part in it. */
static bool receipt_check(struct credential_check *c)
{
	OWNED(receipt_release) struct receipt receipt = {0};
	OWNED(key_unref) struct key *key = NULL;
	struct err *err = &c->cli->err;
	if (c->policy->quorum != QUORUM_NONE)
		return err_set(err, ERR_MISMATCH,
			"a COSE receipt shows no witnesses, and the policy demands a quorum: ask "
			"for the proof");
	if (!log_key_read(c->cli, "receipt-key", &key) ||
		!receipt_parse(buf_bytes(&c->proof), &receipt, err))
		return false;
	c->index = receipt.proof.from;
	c->size = receipt.proof.size;
	for (size_t i = 0; i < c->policy->log_count; i++)
		if (bytes_equal_str(receipt.message.iss, c->policy->logs[i].key.name))
			return (receipt.proof.kind == RECEIPT_INCLUSION &&
				       receipt_verify(&receipt, key, c->policy->logs[i].key.name,
					       c->decision, NULL, err)) ||
			       err_wrap(err, "receipt");
	return err_set(err, ERR_MISMATCH, "receipt: of log \"%s\", which the policy does not know",
		ESC(receipt.message.iss));
}

static bool check(struct credential_check *c)
{
	struct bytes text;
	if (!log_policy_read(c->cli, "log-policy", &c->policy) || !decision_read(c) ||
		!proof_read(c))
		return false;
	text = buf_bytes(&c->proof);
	return text.len >= strlen(PROOF_MAGIC) &&
			       memcmp(text.data, PROOF_MAGIC, strlen(PROOF_MAGIC)) == 0
		       ? proof_check(c)
		       : receipt_check(c);
}

static enum status say(struct credential_check *c, bool ok)
{
	static const char not_checked[] = "the credential's own signature, validity and revocation";
	struct cli *cli = c->cli;
	enum status status = ok ? STATUS_DONE : STATUS_REFUSED;
	char hex[2 * SHA256_LEN + 1];
	hex_encode(BYTES_OF(c->decision), hex);
	if (cli->json)
		return cli_print_json(cli,
			json_pack("{s:b,s:s*,s:s,s:I,s:I,s:i,s:s}", "logged", ok, "reason",
				ok ? NULL : cli->err.text, "decision", hex, "index",
				(json_int_t)c->index, "size", (json_int_t)c->size, "witnesses",
				c->witnesses, "not_checked", not_checked),
			status);
	if (!ok) {
		(void)printf(
			"%srefused%s: %s\n", colour(cli, "red"), colour(cli, "off"), cli->err.text);
		return status;
	}
	(void)printf("%slogged%s: decision %s is leaf %llu of %llu, %d witnesses\n"
		     "  not checked: %s\n",
		colour(cli, "green"), colour(cli, "off"), hex, (unsigned long long)c->index,
		(unsigned long long)c->size, c->witnesses, not_checked);
	return status;
}

static enum status run(struct cli *cli)
{
	OWNED(check_release) struct credential_check c = {.cli = cli};
	bool ok = check(&c);
	if (!ok && cli->err.code != ERR_MISMATCH)
		return cli_fail(cli);
	return say(&c, ok);
}

const struct command cmd_credential_check = {
	.group = "credential",
	.name = "check",
	.synopsis = "CERT|JWT --log-policy FILE (--receipt FILE | --server URL)",
	.summary = "Checks that the decision which a credential names stands in the ledger.",
	.options = options,
	.least = 1,
	.most = 1,
	.run = run,
};
