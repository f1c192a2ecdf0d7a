/* SPDX-License-Identifier: Apache-2.0 */
/* A verdict as canonical JSON for machines and records, and that JSON as lines for people. */
#include "policy/verdict.h"

#include <inttypes.h>

#include "base/text.h"
#include "base/time.h"
#include "policy/policy.h"

#define VERDICT_JSON_MAX (256u << 10)

/* Written as text: a verdict goes with every decision, and its keys are known. They stand in the order that canonical JSON
 * wants. */
static void put_member(struct buf *out, const char *before, const char *text)
{
	buf_put_str(out, before);
	json_put_string(out, text);
}

static void put_lines(
	struct buf *out, const char *before, const char (*lines)[REASON_TEXT_MAX], size_t count)
{
	buf_put_str(out, before);
	for (size_t i = 0; i < count; i++)
		put_member(out, i ? "," : "", lines[i]);
	buf_put_u8(out, ']');
}

static void put_reasons(struct buf *out, const struct verdict *verdict)
{
	for (size_t i = 0; i < verdict->reason_count; i++) {
		const struct reason *r = &verdict->reasons[i];

		put_member(out, i ? ",{\"actual\":" : "{\"actual\":", r->actual);
		put_member(out, ",\"code\":", reason_code_name(r->code));
		put_member(out, ",\"expected\":", r->expected);
		put_member(out, ",\"hint\":", r->hint);
		put_member(out, ",\"subject\":", r->subject);
		put_member(out, ",\"where\":", r->where);
		buf_put_u8(out, '}');
	}
}

static void put_elevations(struct buf *out, const struct verdict *verdict)
{
	for (size_t i = 0; i < verdict->elevation_count; i++) {
		const struct verdict_elevation *e = &verdict->elevations[i];
		char until[TIME_TEXT_MAX];

		buf_put_str(out, i ? ",{\"approval\":\"" : "{\"approval\":\"");
		buf_put_hex(out, BYTES_OF(e->activation));
		buf_put_u8(out, '"');
		if (e->entitlement[0])
			put_member(out, ",\"entitlement\":", e->entitlement);
		buf_put_str(out, ",\"id\":\"");
		buf_put_hex(out, BYTES_OF(e->id));
		put_member(out, "\",\"right\":", e->right);
		put_member(out, ",\"until\":", time_format(e->until, until));
		buf_put_u8(out, '}');
	}
}

static void put_verdict(struct buf *out, const struct verdict *verdict)
{
	const char *key = key_protection_name((enum key_protection)verdict->key_protection);

	put_member(out, "{\"assurance\":", assurance_name((enum assurance)verdict->assurance));
	put_lines(out, ",\"checked\":[", verdict->checked, verdict->checked_count);
	buf_printf(out, ",\"credential_lifetime\":%" PRId64, verdict->credential_lifetime);
	if (verdict->elevation_count > 0) {
		buf_put_str(out, ",\"elevations\":[");
		put_elevations(out, verdict);
		buf_put_u8(out, ']');
	}
	buf_put_str(out, verdict->full ? ",\"full\":true" : ",\"full\":false");
	put_member(out, ",\"key\":", verdict->key_protection ? key : "none");
	put_lines(out, ",\"not_checked\":[", verdict->not_checked, verdict->not_checked_count);
	put_member(out, ",\"outcome\":", verdict->trusted ? "trusted" : "untrusted");
	buf_put_str(out, ",\"reasons\":[");
	put_reasons(out, verdict);
	buf_put_str(
		out, verdict->reasons_cut ? "],\"reasons_cut\":true" : "],\"reasons_cut\":false");
	buf_printf(out, ",\"renew_after\":%" PRId64, verdict->renew_after);
	put_member(out, ",\"risk_class\":", verdict->risk_class);
	buf_put_u8(out, '}');
}

bool verdict_json(const struct verdict *verdict, struct buf *out, struct err *err)
{
	put_verdict(out, verdict);
	return buf_ok(out, err);
}

#define RED   "1;31m"
#define GREEN "1;32m"
#define BOLD  "1m"
#define DIM   "2m"
#define PLAIN "0m"

static void style(struct buf *out, bool colour, const char *code)
{
	if (colour)
		buf_printf(out, "\x1b[%s", code);
}

/* The JSON may come from a verifier that somebody bent: nothing in it may steer the terminal. */
static void put_shown(struct buf *out, const char *text)
{
	const unsigned char *at = (const unsigned char *)text;

	for (; at && *at; at++) {
		bool c1 = at[0] == 0xc2 && at[1] >= 0x80 && at[1] < 0xa0;

		buf_put_u8(out, *at < 0x20 || *at == 0x7f || c1 ? '?' : *at);
		if (c1)
			at++;
	}
}

static void put_field(struct buf *out, const char *label, const char *text)
{
	if (!text || !*text)
		return;
	buf_printf(out, "    %-9s ", label);
	put_shown(out, text);
	buf_put_u8(out, '\n');
}

static void explain_reason(struct buf *out, bool colour, const json_t *reason)
{
	const char *subject = json_string_value(json_object_get(reason, "subject"));

	style(out, colour, BOLD);
	buf_put_str(out, "  ");
	put_shown(out, json_string_value(json_object_get(reason, "code")));
	style(out, colour, PLAIN);
	if (subject && *subject) {
		buf_put_str(out, ": ");
		put_shown(out, subject);
	}
	buf_put_u8(out, '\n');
	put_field(out, "expected", json_string_value(json_object_get(reason, "expected")));
	put_field(out, "found", json_string_value(json_object_get(reason, "actual")));
	put_field(out, "where", json_string_value(json_object_get(reason, "where")));
	put_field(out, "do", json_string_value(json_object_get(reason, "hint")));
}

static void explain_lines(struct buf *out, bool colour, const char *title, const json_t *lines)
{
	if (json_array_size(lines) == 0)
		return;
	style(out, colour, BOLD);
	buf_printf(out, "%s:\n", title);
	style(out, colour, PLAIN);
	for (size_t i = 0; i < json_array_size(lines); i++) {
		style(out, colour, DIM);
		buf_put_str(out, "  ");
		put_shown(out, json_string_value(json_array_get(lines, i)));
		style(out, colour, PLAIN);
		buf_put_u8(out, '\n');
	}
}

static const struct {
	const char *key, *title;
} facts[] = {
	{"assurance", "assurance"},
	{"key", "key"},
	{"risk_class", "risk class"},
};

static void explain_head(struct buf *out, bool colour, const json_t *root, bool trusted)
{
	const char *separator = "  (";

	style(out, colour, trusted ? GREEN : RED);
	buf_put_str(out, trusted ? "trusted" : "refused");
	style(out, colour, PLAIN);
	for (size_t i = 0; i < ARRAY_LEN(facts); i++) {
		const char *text = json_string_value(json_object_get(root, facts[i].key));

		if (!text || !*text || strcmp(text, "none") == 0)
			continue;
		buf_printf(out, "%s%s ", separator, facts[i].title);
		put_shown(out, text);
		separator = ", ";
	}
	buf_put_str(out, *separator == ',' ? ")\n" : "\n");
}

bool verdict_explain(struct bytes json, bool colour, struct buf *out, struct err *err)
{
	OWNED(json_release) json_t *root = NULL;
	const char *outcome;
	bool trusted;
	const json_t *reasons;

	if (!json_open(json, VERDICT_JSON_MAX, &root, err))
		return err_wrap(err, "verdict");
	outcome = json_string_value(json_object_get(root, "outcome"));
	if (!outcome)
		return err_set(err, ERR_FORMAT, "verdict: outcome: missing");
	trusted = strcmp(outcome, "trusted") == 0;
	explain_head(out, colour, root, trusted);
	reasons = json_object_get(root, "reasons");
	for (size_t i = 0; i < json_array_size(reasons); i++)
		explain_reason(out, colour, json_array_get(reasons, i));
	if (json_is_true(json_object_get(root, "reasons_cut")))
		buf_put_str(out, "  and more reasons\n");
	explain_lines(out, colour, "checked", json_object_get(root, "checked"));
	explain_lines(out, colour, "not checked", json_object_get(root, "not_checked"));
	return buf_ok(out, err);
}
