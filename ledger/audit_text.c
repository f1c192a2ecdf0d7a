/* SPDX-License-Identifier: Apache-2.0 */
/* The audit's report as JSON for machines and as lines for people. */
#include "base/text.h"
#include "base/time.h"
#include "ledger/audit.h"

#define VERDICT_MAX (256u << 10)

static const struct {
	const char *name, *label, *colour;
} results[] = {
	[AUDIT_FAILED] = {"failed", "FAILED", "1;31m"},
	[AUDIT_PROVED] = {"proved", "proved", "32m"},
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
	json_t *root = json_pack("{s:b,s:b,s:o,s:o,s:o}", "consistent", (int)report->consistent,
		"reproducible", (int)report->reproducible, "record", record_json(&report->record),
		"verdict", verdict_of(report, err), "steps", steps_json(report));

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
	else if (report->reproducible || r->verifier_id.len == 0)
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

bool audit_report_text(
	const struct audit_report *report, bool colour, struct buf *out, struct err *err)
{
	put_head(report, colour, out);
	for (size_t i = 0; i < report->step_count; i++) {
		const struct audit_step *s = &report->steps[i];

		buf_put_str(out, "  ");
		style(out, colour, results[s->result].colour);
		buf_printf(out, "%-11s", results[s->result].label);
		style(out, colour, "0m");
		buf_printf(out, "  %s: %s\n", s->what, s->detail);
	}
	return buf_ok(out, err);
}
