/* SPDX-License-Identifier: Apache-2.0 */
/* assay audit: one file, no network, the verdict reached again from the TPM's signature upward. */
#include "cli/commands.h"

#include "cli/policy_read.h"
#include "ledger/audit.h"

static const struct option_spec options[] = {
	{"ca", "FILE", OPTION_REPEATED, "the verifier's CA certificate, as you know it"},
	{"key", "PEM", OPTION_REPEATED, "the verifier's signing key, as you know it"},
	{"log-policy", "FILE", OPTION_VALUE,
		"the ledger's key, witnesses and quorum, as you know them (tlog-policy)"},
	{"html", NULL, OPTION_FLAG, "print a page for people"},
	{"policy-keys", "PEM", OPTION_REPEATED,
		"public key of a person who may sign policies, as you know it"},
	{"policy-threshold", "N", OPTION_VALUE, "how many of them must have signed (default: all)"},
	{"demand-full", NULL, OPTION_FLAG,
		"refuse a renewal that is not shown to rest on a full appraisal"},
	{"extract", "DIR", OPTION_VALUE, "write every input of the record there, by name"},
	OPTIONS_END,
};

struct anchors {
	struct key *keys[CLI_REPEATS_MAX];
	struct cert *roots[CLI_REPEATS_MAX];
	size_t key_count, root_count;
	struct tlog_policy *log_policy;
	struct policy_signers policy_signers;
};

static void anchors_release(struct anchors *anchors)
{
	for (size_t i = 0; i < anchors->key_count; i++)
		key_unref(&anchors->keys[i]);
	for (size_t i = 0; i < anchors->root_count; i++)
		cert_unref(&anchors->roots[i]);
	tlog_policy_free(&anchors->log_policy);
	policy_signers_release(&anchors->policy_signers);
}

static bool log_policy_load(struct cli *cli, struct anchors *ret)
{
	OWNED(buf_release) struct buf text = {0};
	const char *path = option(cli, "log-policy");
	if (!path)
		return true;
	return (cli_read(path, TLOG_POLICY_MAX, &text, &cli->err) &&
		       tlog_policy_parse(buf_bytes(&text), &ret->log_policy, &cli->err)) ||
	       err_wrap(&cli->err, "--log-policy %s", path);
}

static bool signers_load(struct cli *cli, struct anchors *ret)
{
	const struct option_value *keys = option_all(cli, "policy-keys");
	if (keys)
		return policy_read_signers(keys->values, keys->count,
			option(cli, "policy-threshold"), &ret->policy_signers, &cli->err);
	return !option_given(cli, "policy-threshold") ||
	       err_set(&cli->err, ERR_USAGE, "--policy-threshold is of --policy-keys");
}

static bool anchors_load(struct cli *cli, struct anchors *ret)
{
	const struct option_value *keys = option_all(cli, "key"), *roots = option_all(cli, "ca");
	for (size_t i = 0; keys && i < keys->count; i++) {
		OWNED(buf_release) struct buf pem = {0};
		if (!file_read(keys->values[i], 65536, &pem, &cli->err) ||
			!key_from_pem(buf_bytes(&pem), &ret->keys[i], &cli->err))
			return err_wrap(&cli->err, "--key %s", keys->values[i]);
		ret->key_count++;
	}
	for (size_t i = 0; roots && i < roots->count; i++) {
		OWNED(buf_release) struct buf pem = {0};
		if (!file_read(roots->values[i], 65536, &pem, &cli->err) ||
			!cert_from_pem(buf_bytes(&pem), &ret->roots[i], &cli->err))
			return err_wrap(&cli->err, "--ca %s", roots->values[i]);
		ret->root_count++;
	}
	return log_policy_load(cli, ret) && signers_load(cli, ret);
}

/* Each input goes into a file of its name, found among the objects by its digest. */
static bool extract(struct cli *cli, struct bytes in, const struct record *record)
{
	OWNED(free_ptr) struct audit_bundle *bundle = calloc(1, sizeof(*bundle));
	const char *directory = option(cli, "extract");
	if (!bundle || !audit_bundle_decode(in, bundle, &cli->err) ||
		!file_make_dirs(directory, 0755, &cli->err))
		return bundle ? false : err_set(&cli->err, ERR_NOMEM, "bundle");
	for (size_t o = 0; o < bundle->object_count; o++) {
		uint8_t digest[SHA256_LEN];
		if (!sha256_of(bundle->objects[o], digest, &cli->err))
			return false;
		for (size_t i = 0; i < record->input_count; i++) {
			OWNED(buf_release) struct buf path = {0};
			if (memcmp(record->inputs[i].digest, digest, SHA256_LEN) != 0 ||
				!text_is_name(bytes_str(record->inputs[i].name)))
				continue;
			const char *name = path_join(&path, directory, record->inputs[i].name);
			if (!name || !file_write_atomic(name, bundle->objects[o], 0644, &cli->err))
				return err_wrap(&cli->err, "--extract");
		}
	}
	return true;
}

static void report_free(struct audit_report **report)
{
	if (*report)
		audit_report_release(*report);
	free(*report);
	*report = NULL;
}

static enum status run(struct cli *cli)
{
	OWNED(buf_release) struct buf bundle = {0}, text = {0};
	OWNED(anchors_release) struct anchors anchors = {0};
	OWNED(report_free) struct audit_report *report = calloc(1, sizeof(*report));
	if (!report) {
		(void)err_set(&cli->err, ERR_NOMEM, "audit");
		return cli_fail(cli);
	}
	if (!anchors_load(cli, &anchors) ||
		!cli_read(cli->arguments->values[0], AUDIT_BUNDLE_MAX, &bundle, &cli->err))
		return cli_fail(cli);
	const struct audit_anchors known = {anchors.keys, anchors.key_count, anchors.roots,
		anchors.root_count, anchors.log_policy, &anchors.policy_signers,
		option_given(cli, "demand-full")};
	if (!audit_run(buf_bytes(&bundle), &known, report, &cli->err)) {
		(void)err_wrap(&cli->err, "%s", ESC(bytes_str(cli->arguments->values[0])));
		return cli_fail(cli);
	}
	if (option(cli, "extract") && !extract(cli, buf_bytes(&bundle), &report->record))
		return cli_fail(cli);
	enum status status = report->consistent ? STATUS_DONE : STATUS_REFUSED;
	bool ok = cli->json ? audit_report_json(report, &text, &cli->err)
		  : option_given(cli, "html")
			  ? audit_report_html(report, &text, &cli->err)
			  : audit_report_text(report, cli->colour, &text, &cli->err);
	if (!ok)
		return cli_fail(cli);
	(void)fwrite(text.data, 1, text.len, stdout);
	if (cli->json)
		(void)fputc('\n', stdout);
	return status;
}

const struct command cmd_audit = {
	.name = "audit",
	.synopsis = "FILE [--ca FILE] [--key PEM] [--policy-keys PEM]",
	.summary = "Reaches a recorded verdict again, offline, from one file.",
	.options = options,
	.least = 1,
	.most = 1,
	.run = run,
};
