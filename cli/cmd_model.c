/* SPDX-License-Identifier: Apache-2.0 */
/* assay model digest | sign: a model as OpenSSF Model Signing sees it. */
#include "cli/commands.h"

#include "cli/model_files.h"

#define METHOD_OPTIONS                                                                             \
	{"method", "files|shards", OPTION_VALUE,                                                   \
		"digests of files (default), or of runs of them"},                                 \
		{"shard-size", "OCTETS", OPTION_VALUE, "length of a run (default: 1000000000)"},   \
		{"ignore", "PATH", OPTION_REPEATED,                                                \
			"leave out, with what is below; relative to the model, no pattern"},       \
	{                                                                                          \
		"as", "spec|reference", OPTION_VALUE,                                              \
			"order and names of the specification (default) or its reference program"  \
	}

static const struct option_spec digest_options[] = {METHOD_OPTIONS, OPTIONS_END};
static const struct option_spec sign_options[] = {
	{"key", "URI", OPTION_VALUE, "private key: a file, or an OSSL_STORE URI"},
	{"cert", "FILE", OPTION_VALUE, "certificate mode: its certificate, then its issuers, PEM"},
	{"out", "FILE", OPTION_VALUE, "write there (default: standard output)"},
	METHOD_OPTIONS,
	OPTIONS_END,
};

static bool read_shard_size(struct cli *cli, const char *text, uint64_t *ret)
{
	char *end = NULL;
	long long size = strtoll(text, &end, 10);
	if (text[0] < '1' || text[0] > '9' || *end || size > MODEL_SHARD_MAX)
		return err_set(&cli->err, ERR_USAGE, "--shard-size: a number from 1 to %lld",
			(long long)MODEL_SHARD_MAX);
	*ret = (uint64_t)size;
	return true;
}

static bool read_method(struct cli *cli, uint64_t *ret_shard_size, enum model_form *ret_form)
{
	const char *method = option_or(cli, "method", "files");
	const char *form = option_or(cli, "as", "spec");
	const char *size = option(cli, "shard-size");
	bool shards = strcmp(method, "shards") == 0;
	if (!shards && strcmp(method, "files") != 0)
		return err_set(&cli->err, ERR_USAGE, "--method: files or shards");
	*ret_form = strcmp(form, "reference") == 0 ? MODEL_FORM_REFERENCE : MODEL_FORM_SPEC;
	if (*ret_form == MODEL_FORM_SPEC && strcmp(form, "spec") != 0)
		return err_set(&cli->err, ERR_USAGE, "--as: spec or reference");
	if (size && !shards)
		return err_set(&cli->err, ERR_USAGE, "--shard-size goes with --method shards");
	*ret_shard_size = shards ? MODEL_SHARD_DEFAULT : 0;
	return !size || read_shard_size(cli, size, ret_shard_size);
}

/* Measures as the options say. The manifest borrows from files. */
static bool take_model(struct cli *cli, const char *signature, struct model_files *files,
	struct model_manifest *ret, enum model_form *ret_form)
{
	const struct option_value *ignores = option_all(cli, "ignore");
	uint64_t shard_size = 0;
	for (size_t i = 0; ignores && i < ignores->count; i++)
		if (!model_ignore_ok(bytes_str(ignores->values[i])))
			return err_set(&cli->err, ERR_USAGE, MODEL_IGNORE_WRONG,
				ESC(bytes_str(ignores->values[i])));
	if (!read_method(cli, &shard_size, ret_form) ||
		!model_files_open(files, cli->arguments->values[0], signature,
			ignores ? ignores->values : NULL, ignores ? ignores->count : 0, &cli->err))
		return false;
	bool dot = !files->directory && *ret_form == MODEL_FORM_REFERENCE;
	if (!model_files_measure(files, shard_size, false, dot ? "." : files->name, &cli->err))
		return false;
	if (shard_size && files->empty && !cli->json)
		(void)fprintf(stderr, "not covered by shards: %zu empty file%s\n", files->empty,
			files->empty == 1 ? "" : "s");
	*ret = (struct model_manifest){
		.name = files->name,
		.shard_size = shard_size,
		.ignores = files->ignores,
		.ignore_count = files->ignore_count,
		.resources = files->resources,
		.resource_count = files->count,
		.single = dot,
	};
	return true;
}

static enum status run_digest(struct cli *cli)
{
	OWNED(model_files_release) struct model_files files = {0};
	struct model_manifest manifest;
	enum model_form form;
	char hex[2 * SHA256_LEN + 1];
	if (!take_model(cli, NULL, &files, &manifest, &form) ||
		!model_root(&manifest, form, &cli->err))
		return cli_fail(cli);
	hex_encode(BYTES_OF(manifest.root), hex);
	if (cli->json)
		return cli_print_json(cli,
			json_pack("{s:s,s:s,s:I,s:I}", "alg", "sha256", "digest", hex, "files",
				(json_int_t)files.tree.count, "bytes",
				(json_int_t)files.tree.bytes),
			STATUS_DONE);
	(void)printf("%s  %s\n", hex, cli->arguments->values[0]);
	return STATUS_DONE;
}

struct signer {
	struct key *key;
	struct cert *chain[X509_CHAIN_MAX];
	size_t count;
};

static void signer_release(struct signer *signer)
{
	key_unref(&signer->key);
	for (size_t i = 0; i < signer->count; i++)
		cert_unref(&signer->chain[i]);
}

static bool signer_load(struct cli *cli, struct signer *signer)
{
	OWNED(buf_release) struct buf text = {0};
	const char *uri = NULL, *cert = option(cli, "cert");
	if (!option_required(cli, "key", &uri) || !key_from_uri(uri, &signer->key, &cli->err))
		return false;
	if (cert && (!cli_read(cert, 1u << 20, &text, &cli->err) ||
			    !certs_from_bytes(buf_bytes(&text), X509_CHAIN_MAX, signer->chain,
				    &signer->count, &cli->err)))
		return err_wrap(&cli->err, "--cert %s", ESC(bytes_str(cert)));
	return model_signer_check(signer->key, signer->chain, signer->count, &cli->err);
}

static enum status run_sign(struct cli *cli)
{
	OWNED(model_files_release) struct model_files files = {0};
	OWNED(signer_release) struct signer signer = {0};
	OWNED(buf_release) struct buf statement = {0}, bundle = {0};
	struct model_manifest manifest;
	enum model_form form;
	uint8_t digest[SHA256_LEN];
	char root[2 * SHA256_LEN + 1], hex[2 * SHA256_LEN + 1];
	const char *out = option(cli, "out");
	if (!signer_load(cli, &signer) || !take_model(cli, out, &files, &manifest, &form) ||
		!model_manifest_write(&manifest, form, &statement, &cli->err) ||
		!model_bundle_sign(buf_bytes(&statement), signer.key, signer.chain, signer.count,
			&bundle, &cli->err) ||
		!sha256_of(buf_bytes(&statement), digest, &cli->err) ||
		!cli_write(out, buf_bytes(&bundle), false, &cli->err))
		return cli_fail(cli);
	hex_encode(BYTES_OF(manifest.root), root);
	hex_encode(BYTES_OF(digest), hex);
	if (cli->json && out)
		return cli_print_json(cli,
			json_pack("{s:s,s:s,s:s,s:I,s:I}", "root", root, "statement", hex, "file",
				out, "files", (json_int_t)files.tree.count, "bytes",
				(json_int_t)files.tree.bytes),
			STATUS_DONE);
	(void)fprintf(stderr, "root %s\nstatement %s\n", root, hex);
	return STATUS_DONE;
}

const struct command cmd_model_digest = {
	.group = "model",
	.name = "digest",
	.synopsis = "PATH",
	.summary = "Root digest of a model (OpenSSF Model Signing).",
	.options = digest_options,
	.least = 1,
	.most = 1,
	.run = run_digest,
};
const struct command cmd_model_sign = {
	.group = "model",
	.name = "sign",
	.synopsis = "PATH --key URI [--cert FILE] --out model.sig",
	.summary = "Signs a model (OpenSSF Model Signing).",
	.options = sign_options,
	.least = 1,
	.most = 1,
	.run = run_sign,
};
