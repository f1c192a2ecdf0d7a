/* SPDX-License-Identifier: Apache-2.0 */
/* The audit's report as one page that needs nothing else: no script, no font, no address. */
#include "base/text.h"
#include "base/time.h"
#include "ledger/audit_tree.h"
#include "policy/verdict.h"

static const struct {
	const char *class, *meaning;
} results[] = {
	[AUDIT_FAILED] = {"failed", "contradicted by what the file holds"},
	[AUDIT_PROVED] = {"proved", "follows from what the file holds and the keys pinned"},
	[AUDIT_ASSERTED] = {"asserted", "the word of whoever is named"},
	[AUDIT_NOT_CHECKED] = {"open", "nothing here says so"},
};

static const char style[] =
	"body{font:11pt/1.4 serif;max-width:48em;margin:2em auto;padding:0 1em;color:#111}"
	"h1{font-size:1.5em}td:first-child{width:6em}table{border-collapse:collapse;width:100%}"
	"td,th{border-bottom:1px solid #ccc;padding:.3em .5em;text-align:left;vertical-align:top}"
	"td,pre{overflow-wrap:anywhere}pre{white-space:pre-wrap;font-size:.85em}"
	".failed{color:#a00;font-weight:bold}.proved{color:#060}.asserted{color:#850}"
	".open{color:#555}.below{border-left:3px solid #ccc;padding-left:1em}"
	"h3{font-size:1em;margin:1em 0 .2em}small{color:#555;font-weight:normal}td "
	"small{display:block}"
	"@media "
	"print{body{margin:0;max-width:none}tr{break-inside:avoid}}";

/* Nothing untrusted becomes markup: what text_escape leaves, and then the five of HTML. */
static void put_text(struct buf *out, struct bytes text)
{
	char escaped[1024];

	for (const char *at = text_escape(text, escaped, sizeof(escaped)); *at; at++)
		switch (*at) {
		case '&':
			buf_put_str(out, "&amp;");
			break;
		case '<':
			buf_put_str(out, "&lt;");
			break;
		case '>':
			buf_put_str(out, "&gt;");
			break;
		case '"':
			buf_put_str(out, "&quot;");
			break;
		case '\'':
			buf_put_str(out, "&#39;");
			break;
		default:
			buf_put_u8(out, (uint8_t)*at);
		}
}

static void put_row(struct buf *out, const char *name, struct bytes value)
{
	buf_printf(out, "<tr><th>%s</th><td>", name);
	put_text(out, value);
	buf_put_str(out, "</td></tr>\n");
}

static void put_hex_row(struct buf *out, const char *name, const uint8_t *bytes, size_t len)
{
	char hex[2 * SHA256_LEN + 1];

	hex_encode(bytes_of(bytes, len), hex);
	put_row(out, name, bytes_str(hex));
}

static const char *conclusion(const struct audit_report *report)
{
	if (report->consistent)
		return "Consistent: the verdict recomputed is the one recorded.";
	if (audit_report_withheld(report))
		return "WITHHELD IN PART: not everything is here that the verdict rests on; what "
		       "is here holds, and the rest is not checked.";
	return report->reproducible || report->withheld > 0 || report->record.verifier_id.len == 0
		       ? "INCONSISTENT: do not rely on this record."
		       : "NOT REPRODUCIBLE: an input that the record names is missing.";
}

static void put_record(const struct record *r, struct buf *out)
{
	char time[TIME_TEXT_MAX];

	if (r->verifier_id.len == 0) {
		buf_put_str(out, "<p>The record cannot be read.</p>\n");
		return;
	}
	buf_put_str(out, "<table>\n");
	put_row(out, "Decision", bytes_str(r->trusted ? "trusted" : "refused"));
	put_row(out, "Purpose", bytes_str(purpose_name(r->purpose)));
	put_row(out, "Time", bytes_str(time_format(r->time, time)));
	put_row(out, "Workload", r->workload);
	put_hex_row(out, "Host", r->host_id, sizeof(r->host_id));
	put_hex_row(out, "Instance", r->instance, sizeof(r->instance));
	put_hex_row(out, "Release", r->release, sizeof(r->release));
	put_row(out, "Verifier", r->verifier_id);
	buf_put_str(out, "</table>\n");
}

static void put_leaf(struct buf *out, const struct audit_step *s)
{
	buf_printf(out, "<tr><td class=\"%s\">%s</td><td>", results[s->result].class,
		audit_result_word(s->result));
	put_text(out, bytes_str(s->what));
	if (s->by[0]) {
		buf_put_str(out, "<small>says ");
		put_text(out, bytes_str(s->by));
		buf_put_str(out, "</small>");
	}
	buf_put_str(out, "</td><td>");
	put_text(out, bytes_str(s->detail));
	buf_put_str(out, "</td></tr>\n");
}

static void put_branch(
	const struct audit_report *report, const struct audit_branch *branch, struct buf *out)
{
	char counts[96];

	buf_printf(out, "<h3>%s%s <small>%s</small></h3>\n<table>\n",
		branch->earlier ? "Full appraisal: " : "", audit_section_name(branch->section),
		audit_branch_counts(branch, counts));
	for (size_t i = 0; i < report->step_count; i++)
		if (audit_branch_holds(branch, &report->steps[i]))
			put_leaf(out, &report->steps[i]);
	buf_put_str(out, "</table>\n");
}

static void put_tree(const struct audit_report *report, struct buf *out)
{
	struct audit_branch branches[AUDIT_BRANCHES_MAX];
	size_t n = audit_branches(report, branches);

	buf_put_str(out, "<h2>Checks</h2>\n");
	for (size_t i = 0; i < n; i++) {
		if (branches[i].earlier && !branches[i - 1].earlier)
			buf_put_str(out, "<div class=\"below\">\n");
		put_branch(report, &branches[i], out);
	}
	if (n > 0 && branches[n - 1].earlier)
		buf_put_str(out, "</div>\n");
	buf_put_str(out, "<p>");
	for (unsigned i = 0; i < AUDIT_RESULTS; i++)
		buf_printf(out, "<span class=\"%s\">%s</span>: %s. ", results[i].class,
			audit_result_word((enum audit_step_result)i), results[i].meaning);
	buf_put_str(out, "</p>\n");
}

/* The verdict in the words that people get of it, line by line. */
static bool put_verdict(const struct audit_report *report, struct buf *out, struct err *err)
{
	OWNED(buf_release) struct buf words = {0};
	struct bytes rest, line;

	if (report->verdict.len == 0)
		return true;
	if (!verdict_explain(buf_bytes(&report->verdict), false, &words, err))
		return false;
	buf_put_str(out, "<h2>Verdict</h2>\n<pre>");
	rest = buf_bytes(&words);
	while (text_next_line(&rest, &line)) {
		put_text(out, line);
		buf_put_u8(out, '\n');
	}
	put_text(out, rest);
	buf_put_str(out, "</pre>\n");
	return true;
}

bool audit_report_html(const struct audit_report *report, struct buf *out, struct err *err)
{
	buf_printf(out,
		"<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
		"<title>Audit of a decision</title><style>%s</style></head><body>\n"
		"<h1>Audit of a decision</h1>\n<p class=\"%s\">%s</p>\n",
		style, report->consistent ? "proved" : "failed", conclusion(report));
	put_record(&report->record, out);
	put_tree(report, out);
	if (!put_verdict(report, out, err))
		return false;
	buf_put_str(out, "</body></html>\n");
	return buf_ok(out, err);
}
