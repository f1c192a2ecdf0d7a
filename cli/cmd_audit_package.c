/* SPDX-License-Identifier: Apache-2.0 */
/* assay audit package: everything about an agent over a time, in one signed file; and its audit,
 * offline. */
#include "cli/audit_pins.h"
#include "cli/commands.h"
#include "cli/package_gather.h"
#include "ledger/audit_package.h"

#include <stdlib.h>

static const struct option_spec options[] = {
	{"workload", "NAME", OPTION_VALUE, "make: the agent"},
	{"from", "TIME", OPTION_VALUE, "make: decisions from that time on (2026-11-22T23:21:38Z)"},
	{"to", "TIME", OPTION_VALUE, "make: up to that time (default: now)"},
	{"out", "FILE", OPTION_VALUE, "make: the package"},
	{"sign-key", "URI", OPTION_VALUE, "make: the maker's private key, which signs the index"},
	{"maker", "PEM", OPTION_REPEATED, "verify: a public key of who may have made it"},
	AUDIT_PIN_OPTIONS,
	{"config", "FILE", OPTION_VALUE,
		"connection settings (default: $ASSAY_CONFIG, ~/.config/assay/config.yaml)"},
	OPTIONS_END,
};

/* ---- making ---- */

static bool span_read(struct cli *cli, struct package_span *span, int64_t *from, int64_t *to,
	char now[TIME_TEXT_MAX])
{
	*to = clock_wall(&clock_system);
	span->to = option_or(cli, "to", time_format(*to, now));
	if (!option_required(cli, "workload", &span->workload) ||
		!option_required(cli, "from", &span->from))
		return false;
	if (!text_is_name(bytes_str(span->workload)))
		return err_set(&cli->err, ERR_USAGE, "--workload %s is no name",
			ESC(bytes_str(span->workload)));
	if (!time_parse(bytes_str(span->from), from, &cli->err))
		return err_wrap(&cli->err, "--from");
	if (!time_parse(bytes_str(span->to), to, &cli->err))
		return err_wrap(&cli->err, "--to");
	return *from <= *to || err_set(&cli->err, ERR_USAGE, "--from is behind --to");
}

static enum status run_make(struct cli *cli)
{
	OWNED(package_file_release) struct package_file file = {0};
	OWNED(key_unref) struct key *key = NULL;
	struct package_span span = {0};
	const char *out = NULL, *uri = NULL;
	char now[TIME_TEXT_MAX];
	int64_t from = 0, to = 0;
	if (!span_read(cli, &span, &from, &to, now) || !option_required(cli, "out", &out) ||
		!option_required(cli, "sign-key", &uri) || !key_from_uri(uri, &key, &cli->err) ||
		!package_file_begin(&file, out, span.workload, from, to, &cli->err) ||
		!package_gather(cli, &file, &span) ||
		!package_file_finish(&file, span.workload, key, &cli->err))
		return cli_fail(cli);
	size_t files = json_array_size(json_object_get(file.index, "files"));
	if (cli->json)
		return cli_print_json(cli,
			json_pack("{s:s, s:I}", "package", out, "files", (json_int_t)files),
			STATUS_DONE);
	(void)printf("%s: %zu files; check them with: assay audit package verify %s\n",
		ESC(bytes_str(out)), files, ESC(bytes_str(out)));
	return STATUS_DONE;
}

/* ---- verifying ---- */

struct makers {
	struct key *keys[CLI_REPEATS_MAX];
	size_t count;
};

static void makers_release(struct makers *makers)
{
	for (size_t i = 0; i < makers->count; i++)
		key_unref(&makers->keys[i]);
}

static bool makers_load(struct cli *cli, struct makers *ret)
{
	const struct option_value *given = option_all(cli, "maker");
	for (size_t i = 0; given && i < given->count; i++) {
		OWNED(buf_release) struct buf pem = {0};
		if (!cli_read(given->values[i], 65536, &pem, &cli->err) ||
			!key_from_pem(buf_bytes(&pem), &ret->keys[i], &cli->err))
			return err_wrap(&cli->err, "--maker %s", ESC(bytes_str(given->values[i])));
		ret->count++;
	}
	return true;
}

/* What failed of them is a step. */
static void print_gone(const struct cli *cli, const struct package_audit *audit)
{
	for (size_t i = 0; i < audit->gone_count; i++) {
		const struct package_gone *gone = &audit->gone[i];
		char id[17];
		if (gone->found && gone->named)
			(void)printf("    %snot checked%s  entry %llu, record %s…: content "
				     "destroyed, as ledger entry %llu says: not checked\n",
				colour(cli, "dim"), colour(cli, "off"),
				(unsigned long long)gone->mark->entry,
				text_short_hex(BYTES_OF(gone->mark->record), id),
				(unsigned long long)gone->mark->by);
	}
}

static void print_decision(const struct cli *cli, const struct package_decision *d)
{
	bool proven = package_decision_proven(d);
	const char *standing = proven ? "proven" : d->consistent ? "asserted" : "FAILED";
	const char *shade = proven ? "green" : d->consistent ? "dim" : "red";
	char id[17];
	(void)printf("    %s%-11s%s  entry %llu, record %s…, %s of %s: %s", colour(cli, shade),
		standing, colour(cli, "off"), (unsigned long long)d->index,
		text_short_hex(BYTES_OF(d->id), id), purpose_name(d->facts.purpose),
		d->facts.workload[0] ? d->facts.workload : "no workload",
		d->facts.trusted ? "trusted" : "refused");
	if (d->consistent && !proven)
		(void)printf(" (by: %s)", d->by);
	(void)printf("\n");
}

static void print(const struct cli *cli, const struct package_audit *audit)
{
	static const struct {
		const char *label, *colour;
	} results[] = {{"FAILED", "red"}, {"proven", "green"}, {"asserted", "dim"},
		{"not checked", "dim"}};
	char from[TIME_TEXT_MAX], to[TIME_TEXT_MAX], detail[512];
	(void)printf("%s%s%s: evidence of workload %s, %s to %s\n", colour(cli, "bold"),
		audit->consistent ? "consistent" : "NOT CONSISTENT", colour(cli, "off"),
		audit->index.workload, time_format(audit->index.from, from),
		time_format(audit->index.to, to));
	for (size_t i = 0; i < audit->step_count; i++) {
		const struct audit_step *s = &audit->steps[i];
		(void)printf("  %s%-11s%s  %s: %s\n", colour(cli, results[s->result].colour),
			results[s->result].label, colour(cli, "off"), s->what,
			text_escape(bytes_str(s->detail), detail, sizeof(detail)));
	}
	for (size_t i = 0; i < audit->decision_count; i++)
		print_decision(cli, &audit->decisions[i]);
	print_gone(cli, audit);
}

static enum status run_verify(struct cli *cli, const char *path)
{
	OWNED(package_map_close) struct package_map map = {0};
	OWNED(package_audit_release) struct package_audit audit = {0};
	OWNED(audit_pins_release) struct audit_pins pins = {0};
	OWNED(makers_release) struct makers makers = {0};
	if (!audit_pins_load(cli, &pins) || !makers_load(cli, &makers) ||
		!package_map_open(path, &map, &cli->err))
		return cli_fail(cli);
	const struct audit_anchors anchors = audit_pins_anchors(&pins);
	const struct package_audit_options how = {
		.anchors = &anchors, .makers = makers.keys, .maker_count = makers.count};
	if (!package_audit_run(bytes_of(map.at, map.len), &how, &audit, &cli->err)) {
		(void)err_wrap(&cli->err, "%s", ESC(bytes_str(path)));
		return cli_fail(cli);
	}
	enum status status = audit.consistent ? STATUS_DONE : STATUS_REFUSED;
	if (cli->json)
		return cli_print_json(cli, package_audit_json(&audit), status);
	print(cli, &audit);
	return status;
}

static enum status run(struct cli *cli)
{
	const char *const *words = cli->arguments->values;
	if (cli->arguments->count == 0)
		return run_make(cli);
	if (cli->arguments->count == 2 && strcmp(words[0], "verify") == 0)
		return run_verify(cli, words[1]);
	(void)err_set(&cli->err, ERR_USAGE, "expected: assay audit package verify FILE");
	return cli_fail(cli);
}

const struct command cmd_audit_package = {
	.group = "audit",
	.name = "package",
	.synopsis = "verify FILE | --workload NAME --from TIME --out FILE --sign-key URI",
	.summary = "Makes the evidence package of an agent, or audits one offline.",
	.options = options,
	.least = 0,
	.most = 2,
	.run = run,
};
