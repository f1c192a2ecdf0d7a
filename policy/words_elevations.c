/* SPDX-License-Identifier: Apache-2.0 */
/* What a class lends for a time, in words, and what changed there. */
#include "base/text.h"
#include "policy/elevation.h"
#include "policy/policy_file.h"
#include "policy/words_private.h"

static const char *right_text(struct words *w, const struct policy_elevation *e, struct buf *out)
{
	if (e->entitlement)
		buf_put_str(out, e->entitlement);
	for (size_t i = 0; i < e->audience_count; i++)
		buf_printf(out, "%stokens for %s", out->len ? ", " : "",
			ESC(bytes_str(e->audiences[i])));
	if (buf_ok(out, NULL))
		return buf_str(out);
	w->failed = true;
	return "";
}

static const char *rules_text(struct words *w, const struct policy_elevation *e, struct buf *out)
{
	for (size_t i = 0; i < e->approval_count; i++)
		buf_printf(
			out, "%s%u %s", i ? ", " : "", e->approvals[i].count, e->approvals[i].role);
	if (buf_ok(out, NULL))
		return buf_str(out);
	w->failed = true;
	return "";
}

void words_explain_elevations(struct words *w, const struct policy_class *class)
{
	for (size_t i = 0; i < class->elevation_count; i++) {
		const struct policy_elevation *e = &class->elevations[i];
		OWNED(buf_release) struct buf right = {0}, rules = {0};
		char longest[WORDS_DURATION_MAX], cool[WORDS_DURATION_MAX];

		words_say(w, "elevation %s: lends %s for at most %s, approved by %s", e->name,
			right_text(w, e, &right), words_duration(e->duration_max, longest),
			rules_text(w, e, &rules));
		words_say(w, "elevation %s: asked for by operators%s; at most %u at once; %s%s",
			e->name, e->by_instance ? " and by instances" : "", e->at_once,
			e->cool_down ? "cool-down " : "no cool-down",
			e->cool_down ? words_duration(e->cool_down, cool) : "");
	}
}

/* ---- differences ---- */

void diff_elevations(struct diff *d, const char *subject, const struct policy_class *old,
	const struct policy_class *new)
{
	for (size_t i = 0; i < new->elevation_count; i++) {
		const struct policy_elevation *e = &new->elevations[i];
		const struct policy_elevation *was = policy_elevation_find(old, bytes_str(e->name));

		if (!was)
			diff_note(d, DIFF_LOOSER, subject, "what may be lent to its workloads",
				"elevation %s: added", e->name);
		else if (memcmp(was->clause, e->clause, SHA256_LEN) != 0)
			diff_note(d, DIFF_OTHER, subject,
				"what is in force or asked for on the old terms ends",
				"elevation %s: other terms", e->name);
	}
	for (size_t i = 0; i < old->elevation_count; i++)
		if (!policy_elevation_find(new, bytes_str(old->elevations[i].name)))
			diff_note(d, DIFF_TIGHTER, subject, "what is in force ends",
				"elevation %s: no longer lent", old->elevations[i].name);
}
