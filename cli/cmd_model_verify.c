/* SPDX-License-Identifier: Apache-2.0 */
/* assay model verify: a model against its signature. The signature first, then what it signs, then
 * the files; nothing of a manifest is looked at before its signature is good. */
#include "cli/commands.h"

#include "base/time.h"
#include "cli/cert_store.h"
#include "cli/model_files.h"

static const struct option_spec options[] = {
	{"signature", "FILE", OPTION_VALUE, "the signature (model.sig)"},
	{"key", "PEM", OPTION_VALUE, "public key that must have signed"},
	{"roots", "DIR", OPTION_VALUE,
		"certificate mode: certificates trusted, self-signed ones as roots"},
	{"at", "TIME", OPTION_VALUE,
		"judge certificates at this time (2026-11-22T12:00:00Z; default: now)"},
	{"ignore", "PATH", OPTION_REPEATED,
		"leave out too, for signatures that do not say what they left out"},
	{"ignore-unsigned-files", NULL, OPTION_FLAG, "files that are not signed do not refuse"},
	OPTIONS_END,
};

struct verification {
	struct model_bundle *bundle;
	struct model_manifest *manifest;
	struct key *key;
	char signer[512]; /* in words */
	uint8_t statement[SHA256_LEN];
	struct model_files files;
	struct model_differences differences;
	bool refused;
};

static void verification_release(struct verification *v)
{
	model_bundle_free(&v->bundle);
	model_manifest_free(&v->manifest);
	key_unref(&v->key);
	model_files_release(&v->files);
}

static bool load_key(struct cli *cli, struct verification *v, const char *path)
{
	OWNED(buf_release) struct buf pem = {0};
	char hex[2 * SHA256_LEN + 1];
	if (!cli_read(path, 65536, &pem, &cli->err) ||
		!key_from_pem(buf_bytes(&pem), &v->key, &cli->err))
		return err_wrap(&cli->err, "--key %s", ESC(bytes_str(path)));
	hex_encode(bytes_of(key_id(v->key), SHA256_LEN), hex);
	(void)snprintf(v->signer, sizeof(v->signer), "key %s", hex);
	return true;
}

/* The leaf's key, once its chain ends in a root of ours and it may sign. */
static bool judge_chain(
	struct cli *cli, struct verification *v, struct cert_store *store, int64_t at)
{
	struct cert *const *chain = v->bundle->chain;
	struct chain_result result = {0};
	for (size_t i = 1; i < v->bundle->chain_count; i++) {
		if (store->intermediate_count == CERT_STORE_CERTS_MAX)
			return err_set(&cli->err, ERR_LIMIT, "more than %u certificates",
				CERT_STORE_CERTS_MAX);
		store->intermediates[store->intermediate_count++] = cert_ref(chain[i]);
	}
	const struct chain_options how = {
		.roots = store->roots,
		.root_count = store->root_count,
		.intermediates = store->intermediates,
		.intermediate_count = store->intermediate_count,
		.at = at,
	};
	if (!chain_verify(chain[0], &how, &result, &cli->err))
		return false;
	bool good = result.fault == CHAIN_OK;
	if (!good)
		(void)err_set(&cli->err, ERR_MISMATCH, "certificate: %s: %s",
			chain_fault_name(result.fault), result.detail);
	chain_result_release(&result);
	char subject[400];
	(void)snprintf(v->signer, sizeof(v->signer), "certificate %s",
		cert_subject(chain[0], subject, sizeof(subject)));
	return good && model_cert_may_sign(chain[0], &cli->err) &&
	       cert_key(chain[0], &v->key, &cli->err);
}

static bool load_chain(struct cli *cli, struct verification *v, const char *roots)
{
	OWNED(cert_store_free) struct cert_store *store = calloc(1, sizeof(*store));
	int64_t at = clock_wall(&clock_system);
	const char *time = option(cli, "at");
	if (!store)
		return err_set(&cli->err, ERR_NOMEM, "out of memory");
	if (time && !time_parse(bytes_str(time), &at, &cli->err)) {
		cli->err.code = ERR_USAGE;
		return err_wrap(&cli->err, "--at");
	}
	if (!cert_store_add_directory(store, roots, &cli->err))
		return false;
	if (v->bundle->mode != MODEL_MODE_CERTIFICATE)
		return err_set(&cli->err, ERR_MISMATCH,
			"the signature names a key and no certificate: --roots cannot judge it");
	return judge_chain(cli, v, store, at);
}

static bool check_signature(struct cli *cli, struct verification *v, const char *path)
{
	OWNED(buf_release) struct buf text = {0};
	const char *key = option(cli, "key"), *roots = option(cli, "roots");
	if (!key == !roots)
		return err_set(&cli->err, ERR_USAGE, "one of --key and --roots is needed");
	if (key && option(cli, "at"))
		return err_set(&cli->err, ERR_USAGE, "--at goes with --roots");
	if (!cli_read(path, MODEL_BUNDLE_MAX, &text, &cli->err))
		return false;
	if (!model_bundle_parse(buf_bytes(&text), &v->bundle, &cli->err))
		return err_wrap(&cli->err, "%s", ESC(bytes_str(path)));
	return (key ? load_key(cli, v, key) : load_chain(cli, v, roots)) &&
	       model_bundle_verify(v->bundle, v->key, &cli->err);
}

/* What the signature leaves out, and what the caller does. */
static bool open_files(struct cli *cli, struct verification *v, const char *path)
{
	const struct model_manifest *manifest = v->manifest;
	const struct option_value *given = option_all(cli, "ignore");
	size_t n = given ? given->count : 0;
	OWNED(free_ptr) const char **all = calloc(manifest->ignore_count + n + 1, sizeof(*all));
	if (!all)
		return err_set(&cli->err, ERR_NOMEM, "out of memory");
	for (size_t i = 0; i < manifest->ignore_count; i++)
		all[i] = manifest->ignores[i];
	for (size_t i = 0; i < n; i++) {
		if (!model_ignore_ok(bytes_str(given->values[i])))
			return err_set(&cli->err, ERR_USAGE, MODEL_IGNORE_WRONG,
				ESC(bytes_str(given->values[i])));
		all[manifest->ignore_count + i] = given->values[i];
	}
	return model_files_open(&v->files, cli->arguments->values[0], path, all,
		manifest->ignore_count + n, &cli->err);
}

static bool check_files(struct cli *cli, struct verification *v, const char *path)
{
	struct model_manifest *manifest = v->manifest;
	struct model_files *files = &v->files;
	if (!open_files(cli, v, path))
		return false;
	if (!model_files_measure(files, manifest->shard_size, manifest->allow_symlinks,
		    manifest->single ? "." : files->name, &cli->err)) {
		/* What no manifest can hold was not signed: that is decided. */
		if (cli->err.code == ERR_FORMAT)
			cli->err.code = ERR_MISMATCH;
		return false;
	}
	struct model_differences *d = &v->differences;
	model_compare(manifest, files->resources, files->count, d);
	v->refused = d->missing || d->changed ||
		     (d->extra && !option_given(cli, "ignore-unsigned-files"));
	return true;
}

static json_t *difference_json(const struct model_manifest *manifest, enum model_fault fault,
	const struct model_resource *resource)
{
	json_t *made = json_pack("{s:s,s:s%}", "fault", model_fault_name(fault), "path",
		(const char *)resource->path.data, resource->path.len);
	if (manifest->shard_size) {
		(void)json_object_set_new(made, "start", json_integer((json_int_t)resource->start));
		(void)json_object_set_new(made, "end", json_integer((json_int_t)resource->end));
	}
	return made;
}

static enum status print_json(struct cli *cli, const struct verification *v, enum status status)
{
	const struct model_differences *d = &v->differences;
	char root[2 * SHA256_LEN + 1], statement[2 * SHA256_LEN + 1];
	json_t *list = json_array(), *left_out = json_array();
	for (size_t i = 0; i < d->shown; i++)
		(void)json_array_append_new(list,
			difference_json(v->manifest, d->first[i].fault, d->first[i].resource));
	for (size_t i = 0; v->files.directory && i < v->files.ignore_count; i++)
		if (v->files.tree.left_out[i])
			(void)json_array_append_new(left_out, json_string(v->files.ignores[i]));
	hex_encode(BYTES_OF(v->manifest->root), root);
	hex_encode(BYTES_OF(v->statement), statement);
	return cli_print_json(cli,
		json_pack("{s:b,s:s,s:s,s:s,s:s,s:I,s:I,s:I,s:I,s:I,s:o,s:o,s:I}", "verified",
			!v->refused, "signer", v->signer, "root", root, "statement", statement,
			"method", v->manifest->shard_size ? "shards" : "files", "files",
			(json_int_t)v->files.tree.count, "bytes", (json_int_t)v->files.tree.bytes,
			"missing", (json_int_t)d->missing, "extra", (json_int_t)d->extra, "changed",
			(json_int_t)d->changed, "differences", list, "left_out", left_out,
			"empty_files_not_covered",
			(json_int_t)(v->manifest->shard_size ? v->files.empty : 0)),
		status);
}

static void print_differences(struct cli *cli, const struct verification *v)
{
	const struct model_differences *d = &v->differences;
	size_t all = d->missing + d->extra + d->changed;
	if (v->refused)
		(void)printf("%srefused%s: %zu missing, %zu changed, %zu not signed\n",
			colour(cli, "red"), colour(cli, "off"), d->missing, d->changed, d->extra);
	for (size_t i = 0; i < d->shown; i++) {
		const struct model_resource *resource = d->first[i].resource;
		(void)printf("  %-8s %s", model_fault_name(d->first[i].fault), ESC(resource->path));
		if (v->manifest->shard_size)
			(void)printf(", octets %llu to %llu", (unsigned long long)resource->start,
				(unsigned long long)resource->end);
		(void)putchar('\n');
	}
	if (all > d->shown)
		(void)printf("  and %zu more\n", all - d->shown);
}

static void print_words(struct cli *cli, const struct verification *v)
{
	char root[2 * SHA256_LEN + 1], statement[2 * SHA256_LEN + 1];
	const struct model_files *files = &v->files;
	hex_encode(BYTES_OF(v->manifest->root), root);
	hex_encode(BYTES_OF(v->statement), statement);
	if (!v->refused)
		(void)printf("%sverified%s: %zu file%s, %llu bytes\n", colour(cli, "green"),
			colour(cli, "off"), files->tree.count, files->tree.count == 1 ? "" : "s",
			(unsigned long long)files->tree.bytes);
	print_differences(cli, v);
	(void)printf("signed by %s\nroot      %s\nstatement %s\n", ESC(bytes_str(v->signer)), root,
		statement);
	for (size_t i = 0; files->directory && i < files->ignore_count; i++)
		if (files->tree.left_out[i])
			(void)printf("left out  %s\n", ESC(bytes_str(files->ignores[i])));
	if (v->manifest->shard_size && files->empty)
		(void)printf("not covered by shards: %zu empty file%s\n", files->empty,
			files->empty == 1 ? "" : "s");
}

static enum status run(struct cli *cli)
{
	OWNED(verification_release) struct verification v = {0};
	const char *path = NULL;
	if (!option_required(cli, "signature", &path) || !check_signature(cli, &v, path))
		return cli_fail(cli);
	struct bytes payload = buf_bytes(&v.bundle->dsse->payload);
	if (!model_manifest_parse(payload, &v.manifest, &cli->err) ||
		!sha256_of(payload, v.statement, &cli->err) || !check_files(cli, &v, path))
		return cli_fail(cli);
	enum status status = v.refused ? STATUS_REFUSED : STATUS_DONE;
	if (cli->json)
		return print_json(cli, &v, status);
	print_words(cli, &v);
	return status;
}

const struct command cmd_model_verify = {
	.group = "model",
	.name = "verify",
	.synopsis = "PATH --signature FILE --key PEM|--roots DIR",
	.summary = "Verifies a model's signature (OpenSSF Model Signing).",
	.options = options,
	.least = 1,
	.most = 1,
	.run = run,
};
