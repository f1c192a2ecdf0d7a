/* SPDX-License-Identifier: Apache-2.0 */
/* assay audit: one file, no network, the verdict reached again from the TPM's signature upward. */
#include "cli/commands.h"

#include "cli/audit_pins.h"

static const struct option_spec options[] = {
	AUDIT_PIN_OPTIONS,
	{"html", NULL, OPTION_FLAG, "print a page for people"},
	{"demand-full", NULL, OPTION_FLAG,
		"refuse a renewal that is not shown to rest on a full appraisal"},
	{"extract", "DIR", OPTION_VALUE,
		"write every input of the record there, by name; nothing is overwritten"},
	OPTIONS_END,
};

/* Whoever made the file chose the name: what is there already and is something else, the auditor's own
 * pins perhaps, is not his to change. */
static bool put_new(const char *path, struct bytes content, struct err *err)
{
	OWNED(buf_release) struct buf there = {0};
	struct err why = {0};
	if (file_read(path, AUDIT_BUNDLE_MAX, &there, &why))
		return bytes_equal(buf_bytes(&there), content) ||
		       err_set(err, ERR_CONFLICT, "%s: is there, and is something else",
			       ESC(bytes_str(path)));
	return why.code == ERR_NOT_FOUND ? file_write_atomic(path, content, 0644, err)
					 : err_set(err, why.code, "%s", why.text);
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
			if (!name || !put_new(name, bundle->objects[o], &cli->err))
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
	OWNED(audit_pins_release) struct audit_pins pins = {0};
	OWNED(report_free) struct audit_report *report = calloc(1, sizeof(*report));
	if (!report) {
		(void)err_set(&cli->err, ERR_NOMEM, "audit");
		return cli_fail(cli);
	}
	if (!audit_pins_load(cli, &pins) ||
		!cli_read(cli->arguments->values[0], AUDIT_BUNDLE_MAX, &bundle, &cli->err))
		return cli_fail(cli);
	struct audit_anchors known = audit_pins_anchors(&pins);
	known.demand_full = option_given(cli, "demand-full");
	if (!audit_run(buf_bytes(&bundle), &known, report, &cli->err)) {
		(void)err_wrap(&cli->err, "%s", ESC(bytes_str(cli->arguments->values[0])));
		return cli_fail(cli);
	}
	if (option(cli, "extract") && !extract(cli, buf_bytes(&bundle), &report->record))
		return cli_fail(cli);
	enum status status = report->consistent              ? STATUS_DONE
			     : audit_report_withheld(report) ? STATUS_UNDECIDED
							     : STATUS_REFUSED;
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
