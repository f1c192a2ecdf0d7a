/* SPDX-License-Identifier: Apache-2.0 */
/* assay compliance report: which controls of a map are evidenced for a workload, and by what. */
#include "cli/commands.h"
#include "cli/compliance.h"
#include "ledger/audit.h"

#define RECORDS_READ 1000
#define NOTE                                                                                       \
	"Evidence is not compliance: whether a control is met is for the people who answer for "   \
	"it."

static const struct option_spec report_options[] = {
	{"map", "FILE", OPTION_VALUE, "control map (default: the one built in)"},
	API_OPTIONS,
	OPTIONS_END,
};

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));
	return text ? text : "";
}

static bool map_load(struct cli *cli, struct control_map **ret)
{
	OWNED(buf_release) struct buf text = {0};
	const char *path = option(cli, "map");
	if (!path)
		return control_map_parse(bytes_of(control_map_shipped, control_map_shipped_len),
			"controls.yaml (built in)", ret, &cli->err);
	return cli_read(path, CONTROL_MAP_TEXT_MAX, &text, &cli->err) &&
	       control_map_parse(buf_bytes(&text), path, ret, &cli->err);
}

/* ---- what the verifier knows ---- */

struct gathered {
	json_t *release, *records, *record;
	struct buf bundle;
};

static void gathered_release(struct gathered *g)
{
	json_decref(g->release);
	json_decref(g->records);
	json_decref(g->record);
	buf_release(&g->bundle);
}

static bool get(struct cli *cli, json_t **ret, const char *format, const char *id)
{
	char path[192];
	/* The verifier's own ids, or a name that was checked: nothing in them needs escaping. */
	(void)snprintf(path, sizeof(path), "%s%s", format, id);
	return api_json(cli, path, NULL, NULL, ret);
}

/* The newest trusted decision about this release that still shows what it was made from. */
static const char *decision_of(const json_t *records, const char *release)
{
	for (size_t i = 0; i < json_array_size(records); i++) {
		const json_t *record = json_array_get(records, i);
		if (json_is_true(json_object_get(record, "trusted")) &&
			strcmp(text_of(record, "release"), release) == 0 &&
			strcmp(text_of(record, "content"), "destroyed") != 0)
			return text_of(record, "id");
	}
	return NULL;
}

static bool gather(struct cli *cli, const json_t *workload, struct gathered *g)
{
	const char *release = text_of(json_object_get(workload, "current_release"), "digest");
	char query[160], bundle[192];
	(void)snprintf(query, sizeof(query), "/v1/records?limit=%d&workload=", RECORDS_READ);
	if (!get(cli, &g->records, query, text_of(workload, "name")))
		return false;
	if (!release[0])
		return true;
	if (!get(cli, &g->release, "/v1/releases/", release))
		return false;
	const char *id = decision_of(json_object_get(g->records, "records"), release);
	if (!id)
		return true;
	(void)snprintf(bundle, sizeof(bundle), "/v1/records/%s/bundle", id);
	return get(cli, &g->record, "/v1/records/", id) &&
	       api_bytes(cli, bundle, NULL, NULL, &g->bundle);
}

static bool report_one(
	struct cli *cli, const struct control_map *map, const json_t *workload, json_t *list)
{
	OWNED(gathered_release) struct gathered g = {0};
	json_t *report = NULL;
	if (!gather(cli, workload, &g))
		return err_wrap(
			&cli->err, "workload %s", ESC(bytes_str(text_of(workload, "name"))));
	const struct compliance_facts facts = {
		.workload = workload,
		.release = g.release,
		.records = json_object_get(g.records, "records"),
		.record = g.record,
		.bundle = buf_bytes(&g.bundle),
	};
	return compliance_report(&facts, map, &report, &cli->err) &&
	       (json_array_append_new(list, report) == 0 ||
		       err_set(&cli->err, ERR_NOMEM, "report"));
}

/* ---- for people ---- */

static void print_text(const char *before, const char *text)
{
	char shown[1024];
	(void)printf("%s%s", before, text_escape(bytes_str(text), shown, sizeof(shown)));
}

static void print_evidence(const struct cli *cli, const json_t *evidence)
{
	const json_t *by = json_object_get(evidence, "by");
	const char *kind = text_of(evidence, "kind");
	for (size_t i = 0; i < json_array_size(by); i++) {
		(void)printf("    %sevidenced by%s %s: ", colour(cli, "green"), colour(cli, "off"),
			kind);
		print_text("", json_string_value(json_array_get(by, i)));
		(void)putchar('\n');
	}
	if (json_array_size(by) == 0) {
		(void)printf("    %snot evidenced here%s %s: ", colour(cli, "red"),
			colour(cli, "off"), kind);
		print_text("", text_of(evidence, "why"));
		(void)putchar('\n');
	}
}

static void print_report(const struct cli *cli, const json_t *report)
{
	const json_t *controls = json_object_get(report, "controls");
	const json_t *unknown = json_object_get(report, "not_in_map");
	print_text("workload ", text_of(report, "workload"));
	print_text(": risk class ", text_of(report, "risk_class"));
	print_text(", environment ", text_of(report, "environment"));
	(void)putchar('\n');
	for (size_t i = 0; i < json_array_size(controls); i++) {
		const json_t *c = json_array_get(controls, i);
		const json_t *evidence = json_object_get(c, "evidence");
		print_text("  ", text_of(c, "id"));
		print_text(" ", text_of(c, "title"));
		(void)printf(": %s%s\n", text_of(c, "status"),
			json_is_true(json_object_get(c, "declared")) ? " (in the register)" : "");
		for (size_t k = 0; k < json_array_size(evidence); k++)
			print_evidence(cli, json_array_get(evidence, k));
	}
	for (size_t i = 0; i < json_array_size(unknown); i++) {
		print_text("  ", json_string_value(json_array_get(unknown, i)));
		(void)puts(": in the register, but not in the map");
	}
}

/* ---- the command ---- */

static bool report_named(struct cli *cli, const struct control_map *map, json_t *list)
{
	OWNED(json_release) json_t *workload = NULL;
	const char *name = cli->arguments->values[0];
	if (!text_is_name(bytes_str(name)))
		return err_set(&cli->err, ERR_USAGE, "%s is no name: 1 to 64 of a-z 0-9 . _ -",
			ESC(bytes_str(name)));
	return get(cli, &workload, "/v1/workloads/", name) && report_one(cli, map, workload, list);
}

bool compliance_of_workload(struct cli *cli, const char *name, json_t **ret)
{
	OWNED(control_map_free) struct control_map *map = NULL;
	OWNED(json_release) json_t *workload = NULL, *list = json_array();
	if (!control_map_parse(bytes_of(control_map_shipped, control_map_shipped_len),
		    "controls.yaml (built in)", &map, &cli->err) ||
		!get(cli, &workload, "/v1/workloads/", name) ||
		!report_one(cli, map, workload, list))
		return false;
	*ret = json_pack("{s:{s:s, s:s}, s:O, s:s}", "map", "name", map->name, "version",
		map->version, "workloads", list, "note", NOTE);
	return *ret || err_set(&cli->err, ERR_NOMEM, "report");
}

static bool report_all(struct cli *cli, const struct control_map *map, json_t *list)
{
	OWNED(json_release) json_t *answer = NULL;
	if (!get(cli, &answer, "/v1/workloads", ""))
		return false;
	const json_t *all = json_object_get(answer, "workloads");
	for (size_t i = 0; i < json_array_size(all); i++) {
		const json_t *workload = json_array_get(all, i);
		if (strcmp(text_of(workload, "state"), "active") == 0 &&
			!report_one(cli, map, workload, list))
			return false;
	}
	return true;
}

static enum status run_report(struct cli *cli)
{
	OWNED(control_map_free) struct control_map *map = NULL;
	OWNED(json_release) json_t *list = json_array();
	if (!list || !map_load(cli, &map) ||
		!(cli->arguments->count > 0 ? report_named(cli, map, list)
					    : report_all(cli, map, list)))
		return cli_fail(cli);
	if (cli->json)
		return cli_print_json(cli,
			json_pack("{s:{s:s, s:s}, s:O, s:s}", "map", "name", map->name, "version",
				map->version, "workloads", list, "note", NOTE),
			STATUS_DONE);
	print_text("control map ", map->name);
	print_text(" ", map->version);
	(void)puts("");
	for (size_t i = 0; i < json_array_size(list); i++)
		print_report(cli, json_array_get(list, i));
	(void)puts(NOTE);
	return STATUS_DONE;
}

const struct command cmd_compliance_report = {
	.group = "compliance",
	.name = "report",
	.synopsis = "[WORKLOAD] [--map FILE]",
	.summary = "Which controls of a map are evidenced for an agent, and by what.",
	.options = report_options,
	.least = 0,
	.most = 1,
	.run = run_report,
};
