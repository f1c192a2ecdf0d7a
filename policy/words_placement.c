/* SPDX-License-Identifier: Apache-2.0 */
/* Where a class lets its agents run, in words, and what changed there. */
#include "base/text.h"
#include "policy/policy_file.h"
#include "policy/words_private.h"

static const char *names_text(struct words *w, const struct policy_names *names, struct buf *out)
{
	for (size_t i = 0; i < names->count; i++)
		words_put_name(out, names->list[i]);
	if (buf_ok(out, NULL))
		return buf_str(out);
	w->failed = true;
	return "";
}

static const char *sandbox_text(struct words *w, unsigned bits, struct buf *out)
{
	for (size_t i = 0; i < SANDBOX_NAMES; i++)
		if (bits & policy_sandbox_names[i].bit)
			buf_printf(out, "%s%s %s", out->len ? ", " : "",
				policy_sandbox_names[i].key, policy_sandbox_names[i].wanted);
	if (buf_ok(out, NULL))
		return buf_str(out);
	w->failed = true;
	return "";
}

void words_explain_placement(struct words *w, const struct policy_class *c)
{
	OWNED(buf_release) struct buf places = {0}, parties = {0}, sandbox = {0};

	if (c->jurisdictions.count > 0)
		words_say(w, "host: stands in %s, as an operator asserts",
			names_text(w, &c->jurisdictions, &places));
	for (size_t i = 0; i < c->attribute_rule_count; i++) {
		OWNED(buf_release) struct buf values = {0};

		words_say(w, "host: %s is one of %s, as an operator asserts",
			c->attribute_rules[i].name,
			names_text(w, &c->attribute_rules[i].values, &values));
	}
	if (c->third_party_jurisdictions.count > 0)
		words_say(w, "workload: its third parties are in %s, as the register has them",
			names_text(w, &c->third_party_jurisdictions, &parties));
	if (c->sandbox != 0)
		words_say(w, "agent: sandbox: %s, as assay-hostd records and looks at it",
			sandbox_text(w, c->sandbox, &sandbox));
}

/* ---- differences ---- */

static bool has(const struct policy_names *names, const char *name)
{
	for (size_t i = 0; i < names->count; i++)
		if (strcmp(names->list[i], name) == 0)
			return true;
	return false;
}

static bool within(const struct policy_names *small, const struct policy_names *large)
{
	for (size_t i = 0; i < small->count; i++)
		if (!has(large, small->list[i]))
			return false;
	return true;
}

/* None: anything goes. */
static enum direction narrowing(const struct policy_names *old, const struct policy_names *new)
{
	if (old->count == 0 || new->count == 0)
		return old->count == 0 ? DIFF_TIGHTER : DIFF_LOOSER;
	if (within(new, old))
		return DIFF_TIGHTER;
	return within(old, new) ? DIFF_LOOSER : DIFF_OTHER;
}

static void diff_names(struct diff *d, const char *subject, const char *key,
	const struct policy_names *old, const struct policy_names *new, const char *effect)
{
	OWNED(buf_release) struct buf now = {0}, was = {0};

	if (old->count == new->count && within(old, new))
		return;
	diff_text(d, subject, key, old->count ? names_text(&d->w, old, &was) : "any",
		new->count ? names_text(&d->w, new, &now) : "any", narrowing(old, new), effect);
}

static const struct policy_names *rule_of(const struct policy_class *class, const char *name)
{
	static const struct policy_names none;

	for (size_t i = 0; i < class->attribute_rule_count; i++)
		if (strcmp(class->attribute_rules[i].name, name) == 0)
			return &class->attribute_rules[i].values;
	return &none;
}

static void diff_rules(struct diff *d, const char *subject, const struct policy_class *old,
	const struct policy_class *new)
{
	const struct policy_class *both[] = {new, old};

	for (size_t k = 0; k < 2; k++)
		for (size_t i = 0; i < both[k]->attribute_rule_count; i++) {
			const char *name = both[k]->attribute_rules[i].name;
			char key[96];

			/* Of the old one only what the new one has not. */
			if (k == 1 && rule_of(new, name)->count > 0)
				continue;
			(void)snprintf(key, sizeof(key), "host_attributes: %s", name);
			diff_names(d, subject, key, rule_of(old, name), rule_of(new, name),
				"which hosts its workloads may run on");
		}
}

static void diff_sandbox(struct diff *d, const char *subject, unsigned old, unsigned new)
{
	for (size_t i = 0; i < SANDBOX_NAMES; i++) {
		const struct sandbox_name *name = &policy_sandbox_names[i];
		char key[64];

		(void)snprintf(key, sizeof(key), "sandbox: %s %s", name->key, name->wanted);
		diff_flag(d, subject, key, old & name->bit, new & name->bit, DIFF_TIGHTER,
			"how confined its agents must be launched");
	}
}

void diff_placement(struct diff *d, const char *subject, const struct policy_class *old,
	const struct policy_class *new)
{
	diff_names(d, subject, "jurisdictions", &old->jurisdictions, &new->jurisdictions,
		"where the hosts may stand that its workloads run on");
	diff_rules(d, subject, old, new);
	diff_names(d, subject, "third_party_jurisdictions", &old->third_party_jurisdictions,
		&new->third_party_jurisdictions, "where the third parties of its workloads may be");
	diff_sandbox(d, subject, old->sandbox, new->sandbox);
}
