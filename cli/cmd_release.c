/* SPDX-License-Identifier: Apache-2.0 */
/* assay release create | sign | publish | revoke | show | list: from measured files to a published,
 * signed statement. */
#include "cli/commands.h"

#include "base/time.h"
#include "cli/release_file.h"
#include "cli/release_input.h"
#include "crypto/dsse.h"
#include "policy/withdrawal.h"

static const struct option_spec create_options[] = {
	{"key", "URI", OPTION_VALUE, "sign at once with this key (a file, or an OSSL_STORE URI)"},
	{"out", "FILE", OPTION_VALUE, "write there (default: standard output)"},
	OPTIONS_END,
};
static const struct option_spec sign_options[] = {
	{"key", "URI", OPTION_VALUE, "private key: a file, or an OSSL_STORE URI"},
	{"out", "FILE", OPTION_VALUE, "write there (default: standard output)"},
	OPTIONS_END,
};
static const struct option_spec publish_options[] = {API_OPTIONS, OPTIONS_END};
static const struct option_spec revoke_options[] = {
	{"reason", "TEXT", OPTION_VALUE, "why; kept in the ledger's content"}, API_OPTIONS,
	OPTIONS_END};
static const struct option_spec list_options[] = {
	{"workload", "NAME", OPTION_VALUE, "only releases of this workload"}, API_OPTIONS,
	OPTIONS_END};

static void progress(void *context, const char *text)
{
	(void)context;
	(void)fprintf(stderr, "  %s\n", text);
}

/* Signs a statement, says which digest the release has, writes the envelope. */
static enum status sign_and_write(struct cli *cli, struct bytes statement, const char *uri)
{
	OWNED(key_unref) struct key *key = NULL;
	OWNED(buf_release) struct buf envelope = {0};
	uint8_t digest[SHA256_LEN];
	char hex[2 * SHA256_LEN + 1];
	if (!key_from_uri(uri, &key, &cli->err) ||
		!dsse_sign(DSSE_INTOTO_TYPE, statement, key, &envelope, &cli->err) ||
		!sha256_of(statement, digest, &cli->err) ||
		!cli_write(option(cli, "out"), buf_bytes(&envelope), false, &cli->err))
		return cli_fail(cli);
	hex_encode(BYTES_OF(digest), hex);
	if (cli->json && option(cli, "out"))
		return cli_print_json(cli,
			json_pack("{s:s,s:s}", "digest", hex, "file", option(cli, "out")),
			STATUS_DONE);
	(void)fprintf(stderr, "release %s\n", hex);
	return STATUS_DONE;
}

/* The statements collected lie beside the release from now on, where gate and publish find them. */
static bool statements_write(struct cli *cli, struct bytes statements)
{
	OWNED(buf_release) struct buf path = {0};
	const char *out = option(cli, "out");
	if (statements.len == 0)
		return true;
	if (!out || strcmp(out, "-") == 0)
		return err_set(&cli->err, ERR_USAGE,
			"there are statements about this release: --out FILE is needed, so that "
			"they can lie beside it in FILE" STATEMENTS_SUFFIX);
	buf_printf(&path, "%s" STATEMENTS_SUFFIX, out);
	return buf_ok(&path, &cli->err) && cli_write(buf_str(&path), statements, false, &cli->err);
}

static enum status run_create(struct cli *cli)
{
	OWNED(release_free) struct release *release = NULL;
	OWNED(buf_release) struct buf statement = {0}, statements = {0};
	if (!release_file_measure(cli->arguments->values[0], cli->json ? NULL : progress, NULL,
		    &release, &statements, &cli->err) ||
		!release_statement(release, &statement, &cli->err) ||
		!statements_write(cli, buf_bytes(&statements)))
		return cli_fail(cli);
	if (option(cli, "key"))
		return sign_and_write(cli, buf_bytes(&statement), option(cli, "key"));
	if (!cli_write(option(cli, "out"), buf_bytes(&statement), false, &cli->err))
		return cli_fail(cli);
	return STATUS_DONE;
}

static enum status run_sign(struct cli *cli)
{
	OWNED(buf_release) struct buf in = {0}, envelope = {0};
	OWNED(release_free) struct release *release = NULL;
	OWNED(dsse_free) struct dsse *dsse = NULL;
	OWNED(key_unref) struct key *key = NULL;
	const char *uri = NULL;
	if (!option_required(cli, "key", &uri) ||
		!cli_read(cli->arguments->values[0], JSON_INPUT_MAX, &in, &cli->err))
		return cli_fail(cli);
	/* An envelope gets one more signature; a bare statement its first. */
	if (!dsse_parse(buf_bytes(&in), &dsse, NULL)) {
		if (!release_parse(buf_bytes(&in), &release, &cli->err))
			return cli_fail(cli);
		return sign_and_write(cli, buf_bytes(&in), uri);
	}
	if (!release_parse(buf_bytes(&dsse->payload), &release, &cli->err) ||
		!key_from_uri(uri, &key, &cli->err) ||
		!dsse_add_signature(buf_bytes(&in), key, &envelope, &cli->err) ||
		!cli_write(option(cli, "out"), buf_bytes(&envelope), false, &cli->err))
		return cli_fail(cli);
	return STATUS_DONE;
}

/* The statements that lie beside the release follow it; one that is there already is no error. */
static bool statements_publish(struct cli *cli, const char *digest)
{
	OWNED(release_bundle_release) struct release_bundle beside = {0};
	char path[160];
	if (!statements_beside(cli, cli->arguments->values[0], &beside))
		return false;
	(void)snprintf(path, sizeof(path), "/v1/releases/%s/statements", digest);
	for (size_t i = 0; i < beside.statement_count; i++) {
		OWNED(json_release) json_t *answer = NULL;
		struct bytes body = buf_bytes(&beside.statements[i]);
		if (!api_json(cli, path, MEDIA_DSSE, &body, &answer))
			return err_wrap(&cli->err,
				"the release is published, statement %zu beside it is not", i + 1);
	}
	if (beside.statement_count && !cli->json)
		(void)fprintf(stderr, "  %zu statement%s beside it\n", beside.statement_count,
			beside.statement_count == 1 ? "" : "s");
	return true;
}

/* Where an envelope is handed in: by what its payload says it is. */
static bool publish_path(struct bytes payload, char out[160], bool *ret_release, struct err *err)
{
	OWNED(approval_free) struct approval *approval = NULL;
	OWNED(withdrawal_release) struct withdrawal withdrawal = {0};
	char hex[2 * SHA256_LEN + 1];
	*ret_release = false;
	if (approval_parse(payload, &approval, err))
		(void)snprintf(out, 160, "/v1/approvals");
	else if (err->code != ERR_NOMEM && withdrawal_parse(payload, &withdrawal, err)) {
		hex_encode(BYTES_OF(withdrawal.release), hex);
		(void)snprintf(out, 160, "/v1/releases/%s/statements", hex);
	} else {
		*ret_release = true;
		(void)snprintf(out, 160, "/v1/releases");
	}
	bool ok = err->code != ERR_NOMEM;
	if (ok)
		*err = (struct err){0};
	return ok;
}

static enum status run_publish(struct cli *cli)
{
	OWNED(buf_release) struct buf in = {0};
	OWNED(dsse_free) struct dsse *dsse = NULL;
	OWNED(json_release) json_t *answer = NULL;
	char path[160];
	bool is_release = false;
	if (!cli_read(cli->arguments->values[0], JSON_INPUT_MAX, &in, &cli->err))
		return cli_fail(cli);
	if (!dsse_parse(buf_bytes(&in), &dsse, &cli->err)) {
		(void)err_wrap(&cli->err, "%s", ESC(bytes_str(cli->arguments->values[0])));
		return cli_fail(cli);
	}
	struct bytes body = buf_bytes(&in);
	if (!publish_path(buf_bytes(&dsse->payload), path, &is_release, &cli->err) ||
		!api_json(cli, path, MEDIA_DSSE, &body, &answer))
		return cli_fail(cli);
	const char *digest = json_string_value(json_object_get(answer, "digest"));
	if (is_release && digest && !statements_publish(cli, digest))
		return cli_fail(cli);
	if (cli->json)
		return cli_print_json(cli, TAKE(answer), STATUS_DONE);
	cli_print_object(answer);
	return STATUS_DONE;
}

static bool digest_path(struct cli *cli, const char *suffix, char *out, size_t size)
{
	const char *digest = cli->arguments->values[0];
	uint8_t bytes[SHA256_LEN];
	if (!hex_decode_exact(bytes_str(digest), bytes, SHA256_LEN, NULL))
		return err_set(&cli->err, ERR_USAGE,
			"a release is named by its digest: 64 lower-case hex digits");
	(void)snprintf(out, size, "/v1/releases/%s%s", digest, suffix);
	return true;
}

static enum status run_revoke(struct cli *cli)
{
	OWNED(json_release) json_t *answer = NULL;
	const char *reason = NULL;
	char path[160];
	if (!option_required(cli, "reason", &reason) ||
		!digest_path(cli, "/revoke", path, sizeof(path)))
		return cli_fail(cli);
	if (!api_post(cli, path, json_pack("{s:s}", "reason", reason), &answer))
		return cli_fail(cli);
	if (cli->json)
		return cli_print_json(cli, TAKE(answer), STATUS_DONE);
	cli_print_object(answer);
	return STATUS_DONE;
}

static void show_release(const struct release *release)
{
	char hex[2 * SHA256_LEN + 1];
	const struct {
		const char *label, *value;
	} lines[] = {
		{"name", release->name},
		{"version", release->version},
		{"workload", release->workload},
		{"risk class", release->risk_class},
		{"owner", release->owner},
		{"author", release->author},
		{"purpose", release->purpose},
		{"model version", release->model_version},
		{"code commit", release->code_commit},
		{"change request", release->change_request},
		{"base release", release->base_release},
	};
	hex_encode(BYTES_OF(release->digest), hex);
	(void)printf("%-16s %s\n", "release", hex);
	for (size_t i = 0; i < ARRAY_LEN(lines); i++)
		if (lines[i].value)
			(void)printf("%-16s %s\n", lines[i].label, ESC(bytes_str(lines[i].value)));
	for (size_t i = 0; i < release->dataset_count; i++)
		(void)printf(
			"%-16s %s\n", "dataset", ESC(bytes_str(release->dataset_snapshots[i])));
	hex_encode(BYTES_OF(release->spec), hex);
	(void)printf("%-16s %s\n", "spec", hex);
	for (size_t i = 0; i < release->component_count; i++) {
		const struct release_component *component = &release->components[i];
		hex_encode(BYTES_OF(component->digest), hex);
		(void)printf("%-16s %s %s:%s\n", component->name, component->role,
			component_digest_kind_name(component->kind), hex);
	}
}

/* A file (envelope or statement) is shown without network; a digest is asked of the verifier. */
static enum status run_show(struct cli *cli)
{
	OWNED(buf_release) struct buf in = {0};
	OWNED(dsse_free) struct dsse *dsse = NULL;
	OWNED(release_free) struct release *release = NULL;
	OWNED(json_release) json_t *answer = NULL;
	char path[160];
	uint8_t digest[SHA256_LEN];
	if (!hex_decode_exact(bytes_str(cli->arguments->values[0]), digest, SHA256_LEN, NULL)) {
		if (!cli_read(cli->arguments->values[0], JSON_INPUT_MAX, &in, &cli->err))
			return cli_fail(cli);
	} else {
		if (!digest_path(cli, "", path, sizeof(path)) ||
			!api_json(cli, path, NULL, NULL, &answer))
			return cli_fail(cli);
		if (cli->json)
			return cli_print_json(cli, TAKE(answer), STATUS_DONE);
		if (!json_write(json_object_get(answer, "envelope"), false, &in, &cli->err))
			return cli_fail(cli);
	}
	bool enveloped = dsse_parse(buf_bytes(&in), &dsse, NULL);
	if (!release_parse(
		    enveloped ? buf_bytes(&dsse->payload) : buf_bytes(&in), &release, &cli->err))
		return cli_fail(cli);
	if (cli->json) {
		struct bytes statement = enveloped ? buf_bytes(&dsse->payload) : buf_bytes(&in);
		json_t *json = NULL;
		if (!json_open(statement, JSON_INPUT_MAX, &json, &cli->err))
			return cli_fail(cli);
		return cli_print_json(cli, json, STATUS_DONE);
	}
	show_release(release);
	if (answer)
		(void)printf("%-16s %s\n%-16s %zu\n", "state",
			ESC(bytes_str(json_string_value(json_object_get(answer, "state")))),
			"approvals", json_array_size(json_object_get(answer, "approvals")));
	return STATUS_DONE;
}

static enum status run_list(struct cli *cli)
{
	static const struct column columns[] = {{"name", "NAME", 20}, {"version", "VERSION", 10},
		{"workload", "WORKLOAD", 20}, {"state", "STATE", 10}, {"digest", "DIGEST", 0}};
	OWNED(json_release) json_t *answer = NULL;
	char path[200];
	const char *workload = option(cli, "workload");
	if (workload && !text_is_name(bytes_str(workload))) {
		(void)err_set(&cli->err, ERR_USAGE, "--workload: %s is no name",
			ESC(bytes_str(workload)));
		return cli_fail(cli);
	}
	(void)snprintf(path, sizeof(path), "/v1/releases%s%s", workload ? "?workload=" : "",
		workload ? workload : "");
	if (!api_json(cli, path, NULL, NULL, &answer))
		return cli_fail(cli);
	if (cli->json)
		return cli_print_json(cli, TAKE(answer), STATUS_DONE);
	cli_print_table(json_object_get(answer, "releases"), columns, ARRAY_LEN(columns));
	return STATUS_DONE;
}

#define RELEASE_COMMAND(name_, synopsis_, summary_, options_, least_, most_, run_)                 \
	{                                                                                          \
		.group = "release", .name = (name_), .synopsis = (synopsis_),                      \
		.summary = (summary_), .options = (options_), .least = (least_), .most = (most_),  \
		.run = (run_),                                                                     \
	}
const struct command cmd_release_create =
	RELEASE_COMMAND("create", "RELEASE.yaml [--key URI] [--out FILE]",
		"Measures the files of a release and writes its statement.", create_options, 1, 1,
		run_create);
const struct command cmd_release_sign = RELEASE_COMMAND("sign", "FILE --key URI [--out FILE]",
	"Signs a release statement, or adds a signature to one.", sign_options, 1, 1, run_sign);
const struct command cmd_release_publish = RELEASE_COMMAND("publish", "FILE",
	"Hands a signed release, or a signed approval, to the verifier.", publish_options, 1, 1,
	run_publish);
const struct command cmd_release_revoke = RELEASE_COMMAND("revoke", "DIGEST --reason TEXT",
	"Ends a release: nothing launches or renews with it any more.", revoke_options, 1, 1,
	run_revoke);
const struct command cmd_release_show = RELEASE_COMMAND("show", "FILE|DIGEST",
	"What a release says, from a file or from the verifier.", publish_options, 1, 1, run_show);
const struct command cmd_release_list = RELEASE_COMMAND(
	"list", "[--workload NAME]", "Releases the verifier knows.", list_options, 0, 0, run_list);
