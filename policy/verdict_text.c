/* SPDX-License-Identifier: Apache-2.0 */
/* A verdict as canonical JSON for machines and records, and that JSON as lines for people. */
#include "policy/verdict.h"

#include "base/text.h"
#include "base/time.h"
#include "policy/policy.h"

#define VERDICT_JSON_MAX (256u << 10)

static bool take(json_t *object, const char *key, json_t *value)
{
	return json_object_set_new(object, key, value) == 0; /* a NULL value fails */
}

static json_t *json_lines(const char (*lines)[REASON_TEXT_MAX], size_t count)
{
	json_t *array = json_array();

	for (size_t i = 0; array && i < count; i++)
		if (json_array_append_new(array, json_string(lines[i])) != 0) {
			json_decref(array);
			return NULL;
		}
	return array;
}

static json_t *json_reasons(const struct verdict *verdict)
{
	json_t *array = json_array();

	for (size_t i = 0; array && i < verdict->reason_count; i++) {
		const struct reason *r = &verdict->reasons[i];
		json_t *one = json_pack("{s:s,s:s,s:s,s:s,s:s,s:s}", "code",
			reason_code_name(r->code), "subject", r->subject, "expected", r->expected,
			"actual", r->actual, "where", r->where, "hint", r->hint);

		if (json_array_append_new(array, one) != 0) {
			json_decref(array);
			return NULL;
		}
	}
	return array;
}

static json_t *json_elevations(const struct verdict *verdict)
{
	json_t *array = json_array();

	for (size_t i = 0; array && i < verdict->elevation_count; i++) {
		const struct verdict_elevation *e = &verdict->elevations[i];
		char id[2 * sizeof(e->id) + 1], leaf[2 * sizeof(e->activation) + 1];
		char until[TIME_TEXT_MAX];
		json_t *one;

		hex_encode(BYTES_OF(e->id), id);
		hex_encode(BYTES_OF(e->activation), leaf);
		one = json_pack("{s:s,s:s,s:s,s:s,s:s*}", "right", e->right, "id", id, "until",
			time_format(e->until, until), "approval", leaf, "entitlement",
			e->entitlement[0] ? e->entitlement : NULL);
		if (json_array_append_new(array, one) != 0) {
			json_decref(array);
			return NULL;
		}
	}
	return array;
}

bool verdict_json(const struct verdict *verdict, struct buf *out, struct err *err)
{
	const char *key = key_protection_name((enum key_protection)verdict->key_protection);
	OWNED(json_release) json_t *root = json_object();
	bool ok = root &&
		  take(root, "outcome", json_string(verdict->trusted ? "trusted" : "untrusted")) &&
		  take(root, "assurance",
			  json_string(assurance_name((enum assurance)verdict->assurance))) &&
		  take(root, "key", json_string(verdict->key_protection ? key : "none")) &&
		  take(root, "full", json_boolean(verdict->full)) &&
		  take(root, "risk_class", json_string(verdict->risk_class)) &&
		  take(root, "credential_lifetime", json_integer(verdict->credential_lifetime)) &&
		  take(root, "renew_after", json_integer(verdict->renew_after)) &&
		  take(root, "reasons", json_reasons(verdict)) &&
		  take(root, "reasons_cut", json_boolean(verdict->reasons_cut)) &&
		  take(root, "checked", json_lines(verdict->checked, verdict->checked_count)) &&
		  take(root, "not_checked",
			  json_lines(verdict->not_checked, verdict->not_checked_count)) &&
		  (verdict->elevation_count == 0 ||
			  take(root, "elevations", json_elevations(verdict)));

	if (!ok)
		return err_set(err, ERR_NOMEM, "verdict: no memory");
	return json_write(root, false, out, err);
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
