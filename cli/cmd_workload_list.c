/* SPDX-License-Identifier: Apache-2.0 */
/* assay workload list | show | export: the register read. */
#include "cli/commands.h"
#include "cli/csv.h"
#include "cli/floor_text.h"

static const struct option_spec list_options[] = {
	{"due", NULL, OPTION_FLAG, "only those whose review has fallen due"},
	API_OPTIONS,
	OPTIONS_END,
};
static const struct option_spec show_options[] = {API_OPTIONS, OPTIONS_END};
static const struct option_spec export_options[] = {
	{"format", "FORMAT", OPTION_VALUE, "csv (default) or json"},
	{"out", "FILE", OPTION_VALUE, "where to write (default: standard output)"},
	API_OPTIONS,
	OPTIONS_END,
};

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));
	return text ? text : "";
}

/* "a; b": strings, or what `show` makes of objects. */
static void put_list(
	struct buf *out, const json_t *list, void (*show)(struct buf *, const json_t *))
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		buf_put_str(out, i ? "; " : "");
		show(out, json_array_get(list, i));
	}
}

static void show_text(struct buf *out, const json_t *value)
{
	const char *text = json_string_value(value);
	buf_put_str(out, text ? text : "");
}

static void show_party(struct buf *out, const json_t *party)
{
	buf_put_str(out, text_of(party, "name"));
	buf_put_str(out, "/");
	buf_put_str(out, text_of(party, "jurisdiction"));
}

static void show_release(struct buf *out, const json_t *release)
{
	if (!json_is_object(release))
		return;
	buf_put_str(out, text_of(release, "name"));
	buf_put_str(out, " ");
	buf_put_str(out, text_of(release, "version"));
	buf_put_str(out, " ");
	buf_put_str(out, text_of(release, "digest"));
	if (strcmp(text_of(release, "state"), "revoked") == 0)
		buf_put_str(out, " (revoked)");
}

/* One row of the register as flat text, in the order of the export. Keys are the columns. */
static bool flatten(const json_t *workload, json_t **ret, struct err *err)
{
	static const char *const plain[] = {
		"name", "state", "risk_class", "environment", "unit", "owner", "purpose"};
	static const struct {
		const char *key;
		void (*show)(struct buf *, const json_t *);
		bool list;
	} shown[] = {{"controls", show_text, true}, {"third_parties", show_party, true},
		{"created", show_text, false}, {"reviewed", show_text, false},
		{"reviewed_by", show_text, false}, {"review_reason", show_text, false},
		{"current_release", show_release, false}, {"previous_releases", show_release, true},
		{"version_floor", version_floor_text, false},
		{"security_floor", security_floor_text, false}};
	OWNED(json_release) json_t *flat = json_object();
	const json_t *review = json_object_get(workload, "review");
	bool ok = flat != NULL;
	for (size_t i = 0; ok && i < ARRAY_LEN(plain); i++)
		ok = json_object_set_new(
			     flat, plain[i], json_string(text_of(workload, plain[i]))) == 0;
	for (size_t i = 0; ok && i < ARRAY_LEN(shown); i++) {
		OWNED(buf_release) struct buf text = {0};
		const json_t *value = json_object_get(workload, shown[i].key);
		if (shown[i].list)
			put_list(&text, value, shown[i].show);
		else
			shown[i].show(&text, value);
		ok = buf_str(&text) &&
		     json_object_set_new(flat, shown[i].key, json_string(buf_str(&text))) == 0;
	}
	ok = ok &&
	     json_object_set_new(flat, "review_due", json_string(text_of(review, "due"))) == 0 &&
	     json_object_set_new(flat, "review", json_string(text_of(review, "state"))) == 0;
	if (!ok)
		return err_set(err, ERR_NOMEM, "the register's answer cannot be shown");
	*ret = TAKE(flat);
	return true;
}

static bool is_due(const json_t *workload)
{
	const char *state = text_of(json_object_get(workload, "review"), "state");
	return strcmp(text_of(workload, "state"), "active") == 0 &&
	       (strcmp(state, "due") == 0 || strcmp(state, "overdue") == 0);
}

/* The register, with --due only what is due. */
static bool register_get(struct cli *cli, bool due, json_t **ret)
{
	OWNED(json_release) json_t *answer = NULL;
	OWNED(json_release) json_t *list = json_array();
	if (!list)
		return err_set(&cli->err, ERR_NOMEM, "workloads");
	if (!api_json(cli, "/v1/workloads", NULL, NULL, &answer))
		return false;
	size_t i;
	json_t *workload;
	json_array_foreach(json_object_get(answer, "workloads"), i, workload)
	{
		if ((!due || is_due(workload)) && json_array_append(list, workload) != 0)
			return err_set(&cli->err, ERR_NOMEM, "workloads");
	}
	*ret = TAKE(list);
	return true;
}

static bool flatten_all(struct cli *cli, const json_t *list, json_t **ret)
{
	OWNED(json_release) json_t *rows = json_array();
	for (size_t i = 0; i < json_array_size(list); i++) {
		json_t *flat = NULL;
		if (!flatten(json_array_get(list, i), &flat, &cli->err))
			return false;
		if (json_array_append_new(rows, flat) != 0)
			return err_set(&cli->err, ERR_NOMEM, "workloads");
	}
	if (!rows)
		return err_set(&cli->err, ERR_NOMEM, "workloads");
	*ret = TAKE(rows);
	return true;
}

static enum status run_list(struct cli *cli)
{
	static const struct column columns[] = {{"name", "NAME", 24}, {"risk_class", "CLASS", 10},
		{"environment", "ENV", 10}, {"state", "STATE", 8}, {"review", "REVIEW", 7},
		{"review_due", "DUE", 20}, {"owner", "OWNER", 20}, {"purpose", "PURPOSE", 0}};
	OWNED(json_release) json_t *list = NULL, *rows = NULL;
	if (!register_get(cli, option_given(cli, "due"), &list))
		return cli_fail(cli);
	if (cli->json)
		return cli_print_json(cli, json_pack("{s:O}", "workloads", list), STATUS_DONE);
	if (!flatten_all(cli, list, &rows))
		return cli_fail(cli);
	cli_print_table(rows, columns, ARRAY_LEN(columns));
	return STATUS_DONE;
}

static enum status run_show(struct cli *cli)
{
	OWNED(json_release) json_t *answer = NULL, *flat = NULL;
	const char *name = cli->arguments->values[0];
	char path[160];
	if (!text_is_name(bytes_str(name))) {
		(void)err_set(&cli->err, ERR_USAGE, "%s is no name: 1 to 64 of a-z 0-9 . _ -",
			ESC(bytes_str(name)));
		return cli_fail(cli);
	}
	(void)snprintf(path, sizeof(path), "/v1/workloads/%s", name);
	if (!api_json(cli, path, NULL, NULL, &answer))
		return cli_fail(cli);
	if (cli->json)
		return cli_print_json(cli, TAKE(answer), STATUS_DONE);
	if (!flatten(answer, &flat, &cli->err))
		return cli_fail(cli);
	cli_print_object(flat);
	return STATUS_DONE;
}

static void csv_line(struct buf *out, const json_t *row, bool titles)
{
	const char *key;
	json_t *value;
	bool first = true;
	json_object_foreach((json_t *)(uintptr_t)row, key, value)
	{
		csv_cell(out,
			titles ? bytes_str(key)
			       : bytes_of(json_string_value(value), json_string_length(value)),
			first);
		first = false;
	}
	csv_end(out);
}

static bool export_csv(struct cli *cli, const json_t *list, struct buf *out)
{
	OWNED(json_release) json_t *rows = NULL, *empty = json_object(), *titles = NULL;
	if (!empty || !flatten(empty, &titles, &cli->err) || !flatten_all(cli, list, &rows))
		return empty ? false : err_set(&cli->err, ERR_NOMEM, "workloads");
	csv_line(out, titles, true);
	for (size_t i = 0; i < json_array_size(rows); i++)
		csv_line(out, json_array_get(rows, i), false);
	return buf_ok(out, &cli->err);
}

static enum status run_export(struct cli *cli)
{
	OWNED(json_release) json_t *list = NULL;
	OWNED(buf_release) struct buf text = {0};
	const char *format = option_or(cli, "format", cli->json ? "json" : "csv");
	bool csv = strcmp(format, "csv") == 0;
	if (!csv && strcmp(format, "json") != 0) {
		(void)err_set(&cli->err, ERR_USAGE, "--format is csv or json");
		return cli_fail(cli);
	}
	if (!register_get(cli, false, &list))
		return cli_fail(cli);
	if (csv ? !export_csv(cli, list, &text) : !json_write(list, true, &text, &cli->err))
		return cli_fail(cli);
	if (!cli_write(option(cli, "out"), buf_bytes(&text), false, &cli->err))
		return cli_fail(cli);
	return STATUS_DONE;
}

const struct command cmd_workload_list = {
	.group = "workload",
	.name = "list",
	.synopsis = "[--due]",
	.summary = "The agents registered, and when their reviews are due.",
	.options = list_options,
	.run = run_list,
};
const struct command cmd_workload_show = {
	.group = "workload",
	.name = "show",
	.synopsis = "NAME",
	.summary = "What the register says of an agent.",
	.options = show_options,
	.least = 1,
	.most = 1,
	.run = run_show,
};
const struct command cmd_workload_export = {
	.group = "workload",
	.name = "export",
	.synopsis = "[--format csv|json] [--out FILE]",
	.summary = "The whole register, for spreadsheets and other programs.",
	.options = export_options,
	.run = run_export,
};
