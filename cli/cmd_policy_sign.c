/* SPDX-License-Identifier: Apache-2.0 */
/* assay policy sign: one person's signature over a policy file, beside those of the others. */
#include "cli/commands.h"

#include "cli/policy_read.h"
#include "policy/words.h"

static const struct option_spec options[] = {
	{"key", "URI", OPTION_VALUE, "your private key: a file, or an OSSL_STORE URI"},
	{"out", "FILE", OPTION_VALUE,
		"the signatures, kept and added to (default: the policy's name and .sig)"},
	{"new", NULL, OPTION_FLAG, "begin a new file of signatures, whatever is there"},
	OPTIONS_END,
};

/* A key with a part in the policy would be refused by every verifier; better before it has signed. */
static bool key_stands_outside(struct key *key, const struct policy *policy, struct err *err)
{
	OWNED(policy_signers_release) struct policy_signers signers = {0};
	OWNED(buf_release) struct buf pem = {0};
	return key_public_pem(key, &pem, err) &&
	       policy_signers_add(&signers, "given", buf_bytes(&pem), err) &&
	       policy_signers_outside(&signers, policy, err);
}

/* What is there already; empty when nothing is. */
static bool signatures_read(struct cli *cli, const char *path, struct buf *ret)
{
	struct err why = {0};
	if (option_given(cli, "new") || cli_read(path, POLICY_ENVELOPE_MAX, ret, &why))
		return true;
	return why.code == ERR_NOT_FOUND || err_set(&cli->err, why.code, "%s", why.text);
}

static bool sign(struct cli *cli, const char *out, json_t **ret_summary)
{
	OWNED(buf_release) struct buf text = {0}, before = {0}, envelope = {0};
	OWNED(policy_free) struct policy *policy = NULL;
	OWNED(key_unref) struct key *key = NULL;
	const char *uri = NULL;
	if (!option_required(cli, "key", &uri) ||
		!policy_read(cli->arguments->values[0], &text, &policy, &cli->err) ||
		!signatures_read(cli, out, &before) || !key_from_uri(uri, &key, &cli->err) ||
		!key_stands_outside(key, policy, &cli->err))
		return false;
	if (!policy_signature_add(
		    buf_bytes(&before), buf_bytes(&text), key, &envelope, &cli->err)) {
		if (cli->err.code == ERR_MISMATCH)
			return err_wrap(&cli->err, "%s (--new begins anew)", out);
		return err_wrap(&cli->err, "%s", out);
	}
	return cli_write(out, buf_bytes(&envelope), false, &cli->err) &&
	       policy_summary(policy, ret_summary, &cli->err);
}

static enum status run(struct cli *cli)
{
	OWNED(buf_release) struct buf beside = {0};
	OWNED(json_release) json_t *summary = NULL;
	const char *out = option(cli, "out"), *file = cli->arguments->values[0];
	buf_printf(&beside, "%s.sig", file);
	if (!buf_ok(&beside, &cli->err))
		return cli_fail(cli);
	if (!out && strcmp(file, "-") == 0) {
		(void)err_set(
			&cli->err, ERR_USAGE, "a policy from standard input needs --out FILE");
		return cli_fail(cli);
	}
	out = out ? out : buf_str(&beside);
	if (!sign(cli, out, &summary))
		return cli_fail(cli);
	if (cli->json)
		return cli_print_json(cli, TAKE(summary), STATUS_DONE);
	(void)printf("signed version %lld, sha256 %s, in %s\n",
		(long long)json_integer_value(json_object_get(summary, "version")),
		json_string_value(json_object_get(summary, "sha256")), out);
	return STATUS_DONE;
}

const struct command cmd_policy_sign = {
	.group = "policy",
	.name = "sign",
	.synopsis = "POLICY.yaml --key URI [--out FILE]",
	.summary = "Adds your signature to a policy; the verifier wants several persons'.",
	.options = options,
	.least = 1,
	.most = 1,
	.run = run,
};
