/* SPDX-License-Identifier: Apache-2.0 */
/* The audit's report as JSON for machines and as lines for people. */
#include "base/text.h"
#include "base/time.h"
#include "ledger/audit_tree.h"

#define VERDICT_MAX (256u << 10)

static const struct {
	const char *name, *leaf, *colour; /* name: in "steps", as it was from the beginning */
} results[] = {
	[AUDIT_FAILED] = {"failed", "failed", "1;31m"},
	[AUDIT_PROVED] = {"proved", "proven", "32m"},
	[AUDIT_ASSERTED] = {"asserted", "asserted", "33m"},
	[AUDIT_NOT_CHECKED] = {"not-checked", "not checked", "2m"},
};

static bool put_hex(json_t *object, const char *key, struct bytes bytes)
{
	char text[2 * SHA256_LEN + 1];

	hex_encode(bytes, text);
	return json_object_set_new(object, key, json_string(text)) == 0;
}

static json_t *record_json(const struct record *r)
{
	char workload[160], verifier[512], time[TIME_TEXT_MAX];
	json_t *object = json_pack("{s:s,s:s,s:s,s:b,s:i,s:s}", "time", time_format(r->time, time),
		"purpose", purpose_name(r->purpose), "workload",
		text_escape(r->workload, workload, sizeof(workload)), "trusted", (int)r->trusted,
		"assurance", (int)r->assurance, "verifier_id",
		text_escape(r->verifier_id, verifier, sizeof(verifier)));

	if (object && put_hex(object, "host", BYTES_OF(r->host_id)) &&
		put_hex(object, "instance", BYTES_OF(r->instance)) &&
		put_hex(object, "release", BYTES_OF(r->release)) &&
		put_hex(object, "key", BYTES_OF(r->key)))
		return object;
	json_decref(object);
	return NULL;
}

static json_t *steps_json(const struct audit_report *report)
{
	json_t *array = json_array();

	for (size_t i = 0; array && i < report->step_count; i++) {
		const struct audit_step *s = &report->steps[i];

		if (json_array_append_new(
			    array, json_pack("{s:s,s:s,s:s}", "result", results[s->result].name,
					   "what", s->what, "detail", s->detail)) != 0) {
			json_decref(array);
			return NULL;
		}
	}
	return array;
}

static json_t *leaf_json(const struct audit_step *s)
{
	OWNED(json_release)
	json_t *leaf = json_pack("{s:s,s:s,s:s}", "name", s->what, "result",
		results[s->result].leaf, "detail", s->detail);

	if (leaf && s->by[0] && json_object_set_new(leaf, "by", json_string(s->by)) != 0)
		return NULL;
	return TAKE(leaf);
}

static json_t *leaves_json(const struct audit_report *report, const struct audit_branch *branch)
{
	OWNED(json_release) json_t *array = json_array();

	for (size_t i = 0; i < report->step_count; i++)
		if (audit_branch_holds(branch, &report->steps[i]) &&
			json_array_append_new(array, leaf_json(&report->steps[i])) != 0)
			return NULL;
	return TAKE(array);
}

static json_t *counts_json(const struct audit_branch *branch)
{
	OWNED(json_release) json_t *counts = json_object();

	for (unsigned i = 0; i < AUDIT_RESULTS; i++)
		if (json_object_set_new(counts, results[i].leaf,
			    json_integer((json_int_t)branch->counts[i])) != 0)
			return NULL;
	return TAKE(counts);
}

static json_t *branch_json(const struct audit_report *report, const struct audit_branch *branch)
{
	return json_pack("{s:s,s:o,s:o}", "name", audit_section_name(branch->section), "leaves",
		leaves_json(report, branch), "counts", counts_json(branch));
}

/* What is of the full appraisal before hangs below the branch of the earlier ones, the last of those
 * at the top. */
static json_t *tree_json(const struct audit_report *report)
{
	struct audit_branch branches[AUDIT_BRANCHES_MAX];
	size_t n = audit_branches(report, branches), top = 0;
	OWNED(json_release) json_t *tree = json_array();
	OWNED(json_release) json_t *below = json_array();

	for (size_t i = 0; i < n; i++) {
		if (json_array_append_new(branches[i].earlier ? below : tree,
			    branch_json(report, &branches[i])) != 0)
			return NULL;
		top += !branches[i].earlier;
	}
	if (top < n && (top == 0 || json_object_set(json_array_get(tree, top - 1), "full_appraisal",
					    below) != 0))
		return NULL;
	return TAKE(tree);
}

/* NULL only on a failure; an audit that reached no verdict has null. */
static json_t *verdict_of(const struct audit_report *report, struct err *err)
{
	json_t *verdict = NULL;

	if (report->verdict.len == 0)
		return json_null();
	return json_open(buf_bytes(&report->verdict), VERDICT_MAX, &verdict, err) ? verdict : NULL;
}

bool audit_report_json(const struct audit_report *report, struct buf *out, struct err *err)
{
	OWNED(json_release)
	json_t *root = json_pack("{s:b,s:b,s:b,s:I,s:o,s:o,s:o,s:o}", "consistent",
		(int)report->consistent, "reproducible", (int)report->reproducible, "grounded",
		(int)report->grounded, "withheld", (json_int_t)report->withheld, "record",
		record_json(&report->record), "verdict", verdict_of(report, err), "steps",
		steps_json(report), "tree", tree_json(report));

	if (!root)
		return err_set(err, ERR_NOMEM, "audit report: no memory");
	return json_write(root, false, out, err);
}

static void style(struct buf *out, bool colour, const char *code)
{
	if (colour)
		buf_printf(out, "\x1b[%s", code);
}

static void put_head(const struct audit_report *report, bool colour, struct buf *out)
{
	const struct record *r = &report->record;
	char time[TIME_TEXT_MAX], hex[17];

	style(out, colour, report->consistent ? "1;32m" : "1;31m");
	if (report->consistent)
		buf_put_str(out, "consistent");
	else if (audit_report_withheld(report))
		buf_put_str(out, "WITHHELD IN PART");
	else if (report->reproducible || r->verifier_id.len == 0 || report->withheld > 0)
		buf_put_str(out, "INCONSISTENT");
	else
		buf_put_str(out, "NOT REPRODUCIBLE");
	style(out, colour, "0m");
	if (r->verifier_id.len == 0) {
		buf_put_str(out, ": the record cannot be read\n");
		return;
	}
	buf_printf(out, ": %s of %s on host %s… at %s: %s\n", purpose_name(r->purpose),
		r->workload.len ? ESC(r->workload) : "a host",
		text_short_hex(BYTES_OF(r->host_id), hex), time_format(r->time, time),
		r->trusted ? "trusted" : "refused");
}

static void put_leaf(const struct audit_step *s, bool colour, const char *indent, struct buf *out)
{
	buf_put_str(out, indent);
	style(out, colour, results[s->result].colour);
	buf_printf(out, "%-11s", audit_result_word(s->result));
	style(out, colour, "0m");
	buf_printf(out, "  %s%s%s: %s\n", s->what, s->by[0] ? ", says " : "", s->by, s->detail);
}

bool audit_report_text(
	const struct audit_report *report, bool colour, struct buf *out, struct err *err)
{
	struct audit_branch branches[AUDIT_BRANCHES_MAX];
	size_t n = audit_branches(report, branches);

	put_head(report, colour, out);
	for (size_t i = 0; i < n; i++) {
		const struct audit_branch *branch = &branches[i];
		char counts[96];

		if (branch->earlier && !branches[i - 1].earlier)
			buf_put_str(out, "  full appraisal\n");
		buf_printf(out, "%s%s (%s)\n", branch->earlier ? "    " : "",
			audit_section_name(branch->section), audit_branch_counts(branch, counts));
		for (size_t k = 0; k < report->step_count; k++)
			if (audit_branch_holds(branch, &report->steps[k]))
				put_leaf(&report->steps[k], colour,
					branch->earlier ? "      " : "  ", out);
	}
	return buf_ok(out, err);
}
