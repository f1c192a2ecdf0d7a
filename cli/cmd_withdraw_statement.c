/* SPDX-License-Identifier: Apache-2.0 */
/* assay release withdraw-statement: whoever signed a statement beside a release takes it back. */
#include "cli/commands.h"

#include "base/time.h"
#include "cli/release_input.h"
#include "crypto/dsse.h"
#include "policy/predicate.h"
#include "policy/withdrawal.h"

static const struct option_spec options[] = {
	{"statement", "FILE", OPTION_VALUE, "the statement's envelope, as it was signed"},
	{"key", "URI", OPTION_VALUE,
		"the private key that signed it: a file, or an OSSL_STORE URI"},
	{"reason", "TEXT", OPTION_VALUE, "what is wrong with it"},
	{"out", "FILE", OPTION_VALUE,
		"write the signed withdrawal there (default: standard output)"},
	API_OPTIONS,
	OPTIONS_END,
};

/* Only its own signer's word counts, so nothing else is signed. */
static bool signed_by(const struct dsse *dsse, struct key *key, struct err *err)
{
	uint64_t mask = 0;
	if (!dsse_verify(dsse, &key, 1, &mask, err))
		return false;
	return mask != 0 ||
	       err_set(err, ERR_DENIED,
		       "this key did not sign the statement: nobody takes back another's word");
}

static bool withdrawal_sign(struct cli *cli, const struct dsse *dsse, struct key *key,
	struct withdrawal *w, struct buf *envelope)
{
	OWNED(buf_release) struct buf statement = {0};
	w->issued = clock_wall(&clock_system);
	return sha256_of(buf_bytes(&dsse->payload), w->statement, &cli->err) &&
	       withdrawal_statement(w, &statement, &cli->err) &&
	       dsse_sign(DSSE_INTOTO_TYPE, buf_bytes(&statement), key, envelope, &cli->err);
}

static enum status run_withdraw_statement(struct cli *cli)
{
	OWNED(release_bundle_release) struct release_bundle bundle = {0};
	OWNED(buf_release) struct buf in = {0}, envelope = {0};
	OWNED(dsse_free) struct dsse *dsse = NULL;
	OWNED(predicate_free) struct predicate *predicate = NULL;
	OWNED(key_unref) struct key *key = NULL;
	OWNED(withdrawal_release) struct withdrawal w = {0};
	const char *file = NULL, *uri = NULL, *reason = NULL;
	if (!option_required(cli, "statement", &file) || !option_required(cli, "key", &uri) ||
		!option_required(cli, "reason", &reason) ||
		!release_bundle_load(cli, cli->arguments->values[0], &bundle) ||
		!cli_read(file, JSON_INPUT_MAX, &in, &cli->err))
		return cli_fail(cli);
	if (!dsse_parse(buf_bytes(&in), &dsse, &cli->err) ||
		!predicate_parse(buf_bytes(&dsse->payload), &predicate, &cli->err)) {
		(void)err_wrap(&cli->err, "%s", ESC(bytes_str(file)));
		return cli_fail(cli);
	}
	memcpy(w.release, bundle.release->digest, SHA256_LEN);
	w.reason = strdup(reason);
	if (!w.reason) {
		(void)err_set(&cli->err, ERR_NOMEM, "withdrawal");
		return cli_fail(cli);
	}
	if (!key_from_uri(uri, &key, &cli->err) || !signed_by(dsse, key, &cli->err) ||
		!withdrawal_sign(cli, dsse, key, &w, &envelope) ||
		!cli_write(option(cli, "out"), buf_bytes(&envelope), false, &cli->err))
		return cli_fail(cli);
	(void)fprintf(stderr, "withdrawing a statement of kind %s beside %s %s\n",
		predicate_kind_name(predicate->kind), ESC(bytes_str(bundle.release->name)),
		ESC(bytes_str(bundle.release->version)));
	return STATUS_DONE;
}

const struct command cmd_release_withdraw_statement = {
	.group = "release",
	.name = "withdraw-statement",
	.synopsis = "FILE|DIGEST --statement FILE --key URI --reason TEXT",
	.summary = "Signs that a statement is taken back; `release publish` hands it in.",
	.options = options,
	.least = 1,
	.most = 1,
	.run = run_withdraw_statement,
};
