/* SPDX-License-Identifier: Apache-2.0 */
/* assay entry export | verify | redact: what lies beside an entry of the ledger, field by field. */
#include "cli/commands.h"

#include "base/time.h"
#include "ledger/entry_file.h"
#include "ledger/tlog_policy.h"

static const struct option_spec export_options[] = {
	{"out", "FILE", OPTION_VALUE, "where to (default: standard output)"},
	{"redact", "FIELD", OPTION_REPEATED, "leave this field out; the rest stays proved"},
	API_OPTIONS,
	OPTIONS_END,
};
static const struct option_spec verify_options[] = {
	{"log-policy", "FILE", OPTION_VALUE,
		"the ledger's key, witnesses and quorum, as you know them (tlog-policy)"},
	OPTIONS_END,
};
static const struct option_spec redact_options[] = {
	{"field", "NAME", OPTION_VALUE, "destroyed for good; the rest stays proved"},
	{"reason", "TEXT", OPTION_VALUE, "why; kept in the ledger"},
	API_OPTIONS,
	OPTIONS_END,
};

static bool path_of(struct cli *cli, const char *suffix, char out[80])
{
	const char *index = cli->arguments->values[0];
	if (strlen(index) > 15 || !index[0] || strspn(index, "0123456789") != strlen(index))
		return err_set(&cli->err, ERR_USAGE, "%s: an entry is named by its index",
			ESC(bytes_str(index)));
	(void)snprintf(out, 80, "/v1/entries/%s%s", index, suffix);
	return true;
}

/* ---- export ---- */

static bool leave_out(struct cli *cli, struct entry_opened *entry, struct buf *content)
{
	const struct option_value *given = option_all(cli, "redact");
	buf_put(content, buf_bytes(&entry->content));
	for (size_t i = 0; given && i < given->count; i++) {
		OWNED(buf_release) struct buf less = {0};
		if (!fields_redact(buf_bytes(content), given->values[i], &less, &cli->err))
			return err_wrap(&cli->err, "--redact %s", given->values[i]);
		buf_clear(content);
		buf_put(content, buf_bytes(&less));
	}
	return buf_ok(content, &cli->err);
}

static enum status run_export(struct cli *cli)
{
	OWNED(buf_release) struct buf in = {0}, content = {0}, out = {0};
	OWNED(entry_opened_release) struct entry_opened entry = {0};
	char path[80];
	if (!path_of(cli, "/proof", path) || !api_bytes(cli, path, NULL, NULL, &in) ||
		!entry_file_read(buf_bytes(&in), &entry, &cli->err) ||
		!leave_out(cli, &entry, &content))
		return cli_fail(cli);
	struct entry_file file = {.index = entry.index,
		.leaf = buf_bytes(&entry.leaf_bytes),
		.content = buf_bytes(&content),
		.proof = buf_bytes(&entry.proof),
		.checkpoint = buf_bytes(&entry.checkpoint)};
	memcpy(file.salt, entry.salt, sizeof(file.salt));
	if (!entry_file_write(&file, &out, &cli->err) ||
		!cli_write(option(cli, "out"), buf_bytes(&out), false, &cli->err))
		return cli_fail(cli);
	if (option(cli, "out"))
		(void)fprintf(stderr, "check it with: assay entry verify %s\n", option(cli, "out"));
	return STATUS_DONE;
}

/* ---- verify ---- */

struct verified {
	bool proved; /* by a tree that whoever asks believes; otherwise the file brings that, too */
	const char *tree; /* how far the tree is believed */
	struct tlog_cosigned cosigned;
};

static bool tree_check(struct cli *cli, const struct entry_opened *entry, struct verified *ret)
{
	OWNED(buf_release) struct buf text = {0};
	OWNED(tlog_policy_free) struct tlog_policy *policy = NULL;
	const char *path = option(cli, "log-policy");
	ret->tree = "asserted: pin the ledger's key with --log-policy";
	if (!path)
		return true;
	if (!cli_read(path, TLOG_POLICY_MAX, &text, &cli->err) ||
		!tlog_policy_parse(buf_bytes(&text), &policy, &cli->err))
		return err_wrap(&cli->err, "--log-policy %s", path);
	ret->tree = "proved: signed by the ledger, and by a quorum where the policy names one";
	ret->proved = tlog_policy_check(
		policy, NULL, buf_bytes(&entry->checkpoint), &ret->cosigned, &cli->err);
	return ret->proved;
}

static enum status answer(struct cli *cli, const struct entry_opened *e, const struct verified *v)
{
	char time[TIME_TEXT_MAX];
	const char *type = leaf_type_name(e->leaf.type);
	(void)time_format(e->leaf.time, time);
	if (cli->json)
		return cli_print_json(cli,
			json_pack("{s:b, s:I, s:s, s:s, s:s, s:O, s:I}", "proved", (int)v->proved,
				"index", (json_int_t)e->index, "type", type, "time", time, "tree",
				v->tree, "fields", e->fields.shown, "redacted",
				(json_int_t)e->fields.redacted),
			STATUS_DONE);
	(void)printf("entry %llu: %s at %s: %s\ntree: %s\n", (unsigned long long)e->index, type,
		time,
		v->proved ? "proved to stand in the ledger"
			  : "stands in the tree that the file brings",
		v->tree);
	cli_print_object(e->fields.shown);
	if (e->fields.redacted > 0)
		(void)printf("redacted: %zu field%s\n", e->fields.redacted,
			e->fields.redacted == 1 ? "" : "s");
	return STATUS_DONE;
}

static enum status run_verify(struct cli *cli)
{
	OWNED(buf_release) struct buf in = {0};
	OWNED(entry_opened_release) struct entry_opened entry = {0};
	struct verified verified = {0};
	if (!cli_read(cli->arguments->values[0], ENTRY_FILE_MAX, &in, &cli->err) ||
		!entry_file_read(buf_bytes(&in), &entry, &cli->err))
		return cli_fail(cli);
	if (entry_file_prove(&entry, &cli->err) && tree_check(cli, &entry, &verified))
		return answer(cli, &entry, &verified);
	if (cli->err.code != ERR_MISMATCH)
		return cli_fail(cli);
	if (cli->json)
		return cli_print_json(cli,
			json_pack("{s:b, s:s}", "proved", 0, "reason", cli->err.text),
			STATUS_REFUSED);
	(void)printf("not proved: %s\n", cli->err.text);
	return STATUS_REFUSED;
}

/* ---- redact ---- */

static enum status run_redact(struct cli *cli)
{
	OWNED(json_release) json_t *request = NULL, *reply = NULL;
	const char *field = NULL, *reason = NULL;
	char path[80];
	if (!option_required(cli, "field", &field) || !option_required(cli, "reason", &reason) ||
		!path_of(cli, "/redact", path))
		return cli_fail(cli);
	request = json_pack("{s:s, s:s}", "field", field, "reason", reason);
	if (!api_post(cli, path, TAKE(request), &reply))
		return cli_fail(cli);
	if (cli->json)
		return cli_print_json(cli, TAKE(reply), STATUS_DONE);
	(void)printf("entry %s: field %s destroyed; the rest stays proved\n",
		cli->arguments->values[0], ESC(bytes_str(field)));
	return STATUS_DONE;
}

const struct command cmd_entry_export = {
	.group = "entry",
	.name = "export",
	.synopsis = "INDEX [--out FILE] [--redact FIELD]...",
	.summary = "One entry of the ledger with its proof, without the fields named.",
	.options = export_options,
	.least = 1,
	.most = 1,
	.run = run_export,
};
const struct command cmd_entry_verify = {
	.group = "entry",
	.name = "verify",
	.synopsis = "FILE [--log-policy FILE]",
	.summary = "Offline: the fields shown are what the ledger says.",
	.options = verify_options,
	.least = 1,
	.most = 1,
	.run = run_verify,
};
const struct command cmd_entry_redact = {
	.group = "entry",
	.name = "redact",
	.synopsis = "INDEX --field NAME --reason TEXT",
	.summary = "Destroys one field in the verifier's store; the ledger says that it was done.",
	.options = redact_options,
	.least = 1,
	.most = 1,
	.run = run_redact,
};
