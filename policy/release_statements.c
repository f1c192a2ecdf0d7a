/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The statements beside a release, held against what its risk class demands. A statement counts for
 * a demand when a key that the policy trusts for that kind signed it, it speaks of this release,
 * and it says what is demanded. Who signed is asked of the demanded keys alone, so that a stack of
 * signatures costs nobody much.
 */
#include <stdio.h>

#include "base/text.h"
#include "base/time.h"
#include "policy/refuse.h"
#include "policy/release_case.h"
#include "policy/withdrawal.h"

/* ---- reading ---- */

/* The keys that any demand of the class asks for, for statements of this kind. */
static uint64_t keys_asked(const struct release_case *c, enum predicate_kind kind)
{
	uint64_t keys = 0;

	for (size_t i = 0; i < c->class->demand_count; i++)
		if (c->class->demands[i].kind == kind)
			keys |= c->class->demands[i].keys;
	return keys;
}

/* A subject's sha256 is that of a file's bytes, or of a directory's manifest. Digests of other kinds
 * are digests of something else, and never matched with it. */
static bool component_is_subject(
	const struct release_component *component, const struct predicate *predicate)
{
	bool is_tree = component->kind == COMPONENT_TREE_SHA256;
	const struct predicate_model *model = &predicate->model;

	if (component->kind != COMPONENT_SHA256 && !is_tree)
		return false;
	if (predicate->kind != PREDICATE_MODEL_SIGNATURE)
		return predicate_has_subject(predicate, component->digest);
	return (is_tree ? model->has_tree : model->has_file) &&
	       memcmp(is_tree ? model->tree : model->file, component->digest, SHA256_LEN) == 0;
}

/* A model's signature speaks of files alone. */
static bool release_as_subject(const struct release *release, const struct predicate *predicate)
{
	return predicate->kind != PREDICATE_MODEL_SIGNATURE &&
	       predicate_has_subject(predicate, release->digest);
}

bool release_is_subject(const struct release *release, const struct predicate *predicate)
{
	for (size_t i = 0; i < release->component_count; i++)
		if (component_is_subject(&release->components[i], predicate))
			return true;
	return false;
}

static void read_subjects(const struct release_case *c, struct said *s)
{
	s->of_release = release_as_subject(c->release, s->predicate);
	s->of_any = s->of_release;
	for (size_t i = 0; i < c->release->component_count; i++) {
		s->of_component[i] = component_is_subject(&c->release->components[i], s->predicate);
		s->of_any |= s->of_component[i];
	}
}

static bool read_statement(
	const struct release_case *c, struct bytes envelope, struct said *s, struct err *err)
{
	OWNED(sigstore_bundle_free) struct sigstore_bundle *bundle = NULL;
	struct err why = {0};

	if (!statement_envelope_open(envelope, &bundle, &why) ||
		!predicate_parse(buf_bytes(&bundle->dsse->payload), &s->predicate, &why))
		return (why.code != ERR_NOMEM && why.code != ERR_INTERNAL) ||
		       err_set(err, why.code, "statement: %s", why.text);
	if (bundle->dsse->count > STATEMENT_SIGNATURES_MAX) {
		predicate_free(&s->predicate);
		return true;
	}
	read_subjects(c, s);
	return sha256_of(buf_bytes(&bundle->dsse->payload), s->digest, err) &&
	       statement_signers_find(
		       bundle, c->policy, keys_asked(c, s->predicate->kind), c->now, &s->by, err);
}

/* ---- one statement, one demand ---- */

struct fault {
	enum reason_code code; /* REASON_NONE: it counts */
	char expected[REASON_TEXT_MAX], actual[REASON_TEXT_MAX];
};

__attribute__((format(printf, 4, 5))) static void fault_set(
	struct fault *f, enum reason_code code, const char *expected, const char *actual, ...)
{
	va_list args;

	if (f->code != REASON_NONE)
		return; /* the first one says it */
	f->code = code;
	(void)snprintf(f->expected, sizeof(f->expected), "%s", expected);
	va_start(args, actual);
	(void)vsnprintf(f->actual, sizeof(f->actual), actual, args);
	va_end(args);
}

static bool listed(char *const *list, size_t count, const char *text)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(list[i], text) == 0)
			return true;
	return false;
}

static void check_provenance(
	const struct policy_demand *d, const struct predicate *p, struct fault *f)
{
	if (d->builder_count > 0 &&
		!listed(d->builders, d->builder_count, p->provenance.builder_id))
		fault_set(f, REASON_STATEMENT_CONTENT,
			d->builder_count == 1 ? d->builders[0] : "a builder that is demanded",
			"builder %s", ESC(bytes_str(p->provenance.builder_id)));
}

static void check_levels(const struct policy_demand *d, const struct predicate *p, struct fault *f)
{
	for (size_t i = 0; i < d->level_count; i++)
		if (!listed(p->vsa.levels.names, p->vsa.levels.count, d->levels[i]))
			fault_set(f, REASON_STATEMENT_CONTENT, d->levels[i],
				"this level was not verified");
}

/* A predicate of another kind has zeros there: failed. */
static enum predicate_result result_of(const struct predicate *p)
{
	if (p->kind == PREDICATE_TEST_RESULT)
		return p->test_result.result;
	return p->kind == PREDICATE_VSA ? p->vsa.result : p->assessment.result;
}

static void check_outcome(const struct policy_demand *d, const struct predicate *p, struct fault *f)
{
	enum predicate_result result = result_of(p);

	if (d->passed && result != PREDICATE_PASSED)
		fault_set(
			f, REASON_STATEMENT_CONTENT, "passed", "%s", predicate_result_name(result));
}

static void check_metrics(const struct policy_demand *d, const struct predicate *p, struct fault *f)
{
	for (size_t i = 0; i < d->metric_count; i++) {
		const struct policy_metric *m = &d->metrics[i];
		char expected[REASON_TEXT_MAX];
		double value = 0;

		(void)snprintf(expected, sizeof(expected), "%s%s%s%s%s", m->name,
			m->has_min ? " at least " : "", m->has_min ? m->min_text : "",
			m->has_max ? " at most " : "", m->has_max ? m->max_text : "");
		if (!predicate_metric_of(p, m->name, &value))
			fault_set(f, REASON_STATEMENT_CONTENT, expected, "not reported");
		else if (m->has_min && !(value >= m->min))
			fault_set(f, REASON_STATEMENT_CONTENT, expected, "%.9g", value);
		else if (m->has_max && !(value <= m->max))
			fault_set(f, REASON_STATEMENT_CONTENT, expected, "%.9g", value);
	}
}

static void check_bom(const struct release_case *c, const struct policy_demand *d,
	const struct said *s, struct fault *f)
{
	char expected[REASON_TEXT_MAX], actual[REASON_TEXT_MAX];

	if (s->predicate->kind == PREDICATE_BOM && !release_bom_counts(c, d, s, expected, actual))
		fault_set(f, REASON_STATEMENT_CONTENT, expected, "%s", actual);
}

/* When it was made; 0: it does not say. */
static int64_t made_at(const struct predicate *p)
{
	if (p->kind == PREDICATE_PROVENANCE)
		return p->provenance.finished_on;
	if (p->kind == PREDICATE_VSA)
		return p->vsa.time_verified;
	return p->bom ? p->bom->made_at : p->assessment.issued;
}

static void check_time(const struct release_case *c, const struct policy_demand *d,
	const struct predicate *p, struct fault *f)
{
	int64_t made = made_at(p);
	int64_t expires = p->kind == PREDICATE_ASSESSMENT ? p->assessment.expires : NEVER;
	char text[TIME_TEXT_MAX];

	if (made > c->now + CLOCK_SKEW_MAX)
		fault_set(f, REASON_STATEMENT_EXPIRED, "made in the past", "made at %s",
			time_format(made, text));
	if (c->now >= expires)
		fault_set(f, REASON_STATEMENT_EXPIRED, "not expired", "expired at %s",
			time_format(expires, text));
	if (d->age_max == 0)
		return;
	if (made == 0)
		fault_set(f, REASON_STATEMENT_EXPIRED, "a time at which it was made",
			"does not say when");
	else if (c->now - made > d->age_max)
		fault_set(f, REASON_STATEMENT_EXPIRED, "not older than the risk class allows",
			"made at %s", time_format(made, text));
}

/* First second at which a statement that counts now counts no more. */
static int64_t ends_at(const struct policy_demand *d, const struct said *s)
{
	const struct predicate *p = s->predicate;
	int64_t end = p->kind == PREDICATE_ASSESSMENT ? p->assessment.expires : NEVER;
	int64_t age_end = d->age_max > 0 ? made_at(p) + d->age_max + 1 : NEVER;
	int64_t signer_end = s->by.lasting & d->keys ? NEVER : s->by.end;

	return earlier_of(earlier_of(age_end, end), signer_end);
}

static void judge_for(const struct release_case *c, const struct policy_demand *d,
	const struct said *s, struct fault *f)
{
	const struct predicate *p = s->predicate;

	if (d->type && strcmp(p->type, d->type) != 0)
		fault_set(f, REASON_STATEMENT_OTHER, d->type, "type %s", ESC(bytes_str(p->type)));
	if (!(s->by.mask & d->keys) && (s->withdrawn & d->keys))
		fault_set(f, REASON_STATEMENT_WITHDRAWN, "standing", "withdrawn by its signer");
	if (!(s->by.mask & d->keys))
		fault_set(f, REASON_STATEMENT_SIGNATURE,
			"signed by a key that the policy trusts for this", "%s",
			*s->by.why ? s->by.why : "not signed by any of them");
	if (!s->of_any)
		fault_set(f, REASON_STATEMENT_OTHER, "of this release or a component of it",
			"of something else");
	check_time(c, d, p, f);
	check_outcome(d, p, f);
	check_provenance(d, p, f);
	check_levels(d, p, f);
	check_metrics(d, p, f);
	check_bom(c, d, s, f);
}

/* ---- all statements, one demand ---- */

struct tally {
	bool counts[STATEMENTS_MAX];
	int64_t ends[STATEMENTS_MAX]; /* of those that count; 0: it does not */
	bool met;
	int64_t end;
	uint64_t signers; /* of those that count */
	size_t number; /* how many count */
	const char *lacking; /* component without one, or role without component; NULL */
	char unshown[REASON_TEXT_MAX]; /* what BOMs do not show */
};

/* The release as a whole stands for its components, except where they are said to have been built:
 * a release is written, not built. */
static bool speaks_of(const struct policy_demand *d, const struct said *s, size_t component)
{
	return s->of_component[component] || (s->of_release && d->kind != PREDICATE_PROVENANCE);
}

static int64_t cover_end(const struct release_case *c, const struct policy_demand *d,
	const struct tally *t, size_t component)
{
	int64_t end = 0;

	for (size_t i = 0; i < c->input->statement_count; i++)
		if (speaks_of(d, &c->said[i], component))
			end = later_of(t->ends[i], end);
	return end;
}

static void tally_covers(
	const struct release_case *c, const struct policy_demand *d, struct tally *t)
{
	for (size_t r = 0; r < d->cover_count; r++) {
		bool any = false;

		for (size_t i = 0; i < c->release->component_count; i++) {
			const struct release_component *component = &c->release->components[i];
			int64_t end;

			if (strcmp(component->role, d->covers[r]) != 0)
				continue;
			any = true;
			end = cover_end(c, d, t, i);
			if (end == 0 && !t->lacking)
				t->lacking = component->name;
			t->end = earlier_of(end, t->end);
		}
		if (!any && !t->lacking)
			t->lacking = d->covers[r];
	}
	release_bom_lacking(c, d, t->counts, t->ends, &t->end, t->unshown);
	if (*t->unshown && !t->lacking)
		t->lacking = t->unshown;
	t->met = t->number > 0 && !t->lacking;
}

static void tally(const struct release_case *c, const struct policy_demand *d, struct tally *t)
{
	int64_t best = 0;

	for (size_t i = 0; i < c->input->statement_count; i++) {
		const struct said *s = &c->said[i];
		struct fault f = {0};

		if (!s->predicate || s->predicate->kind != d->kind)
			continue;
		judge_for(c, d, s, &f);
		if (f.code != REASON_NONE)
			continue;
		t->counts[i] = true;
		t->number++;
		t->signers |= s->by.mask & d->keys;
		t->ends[i] = ends_at(d, s);
		best = later_of(t->ends[i], best);
	}
	t->end = best; /* no cover ends later */
	tally_covers(c, d, t);
}

/* ---- saying so ---- */

static void put_covers(const struct policy_demand *d, char out[REASON_TEXT_MAX])
{
	for (size_t i = 0; i < d->cover_count; i++)
		text_append(out, REASON_TEXT_MAX, "%s%s", i ? ", " : " of ", d->covers[i]);
}

static void put_signers(const struct release_case *c, uint64_t signers, char out[REASON_TEXT_MAX])
{
	for (; signers != 0; signers &= signers - 1)
		text_append(out, REASON_TEXT_MAX, "%s%s", *out ? ", " : "",
			c->policy->statement_keys[__builtin_ctzll(signers)].name);
}

/* Why statements that could have been meant for this demand do not count. */
static void explain_faults(struct release_case *c, const struct policy_demand *d)
{
	for (size_t i = 0; i < c->input->statement_count; i++) {
		const struct said *s = &c->said[i];
		struct fault f = {0};
		char subject[REASON_TEXT_MAX];

		if (!s->predicate || s->predicate->kind != d->kind)
			continue;
		judge_for(c, d, s, &f);
		if (f.code == REASON_NONE)
			continue;
		(void)snprintf(subject, sizeof(subject), "statement %zu for %s", i + 1, d->name);
		verdict_refuse(c->verdict, f.code, subject, f.expected, f.actual, NULL, NULL);
	}
}

static void check_demand(struct release_case *c, const struct policy_demand *d)
{
	struct tally t = {0};
	char covers[REASON_TEXT_MAX] = "", signers[REASON_TEXT_MAX] = "";
	char by[2 * REASON_TEXT_MAX];
	char subject[REASON_TEXT_MAX], expected[2 * REASON_TEXT_MAX];

	tally(c, d, &t);
	put_covers(d, covers);
	put_signers(c, t.signers, signers);
	if (t.met)
		(void)snprintf(by, sizeof(by), "%zu signed by %s", t.number, signers);
	else if (t.number)
		(void)snprintf(
			by, sizeof(by), "%zu, none of %s", t.number, ESC(bytes_str(t.lacking)));
	else
		(void)snprintf(by, sizeof(by), "none");
	checklist_put(c, t.met, t.end, by, "statement %s: %s%s", d->name,
		predicate_kind_name(d->kind), covers);
	if (t.met) {
		verdict_checked(c->verdict, "statement %s: %s", d->name, by);
		return;
	}
	(void)snprintf(subject, sizeof(subject), "statement %s", d->name);
	(void)snprintf(expected, sizeof(expected), "%s%s", predicate_kind_name(d->kind), covers);
	verdict_refuse(c->verdict, REASON_STATEMENT_MISSING, subject, expected, by, NULL, NULL);
	explain_faults(c, d);
}

static void explain_unreadable(struct release_case *c)
{
	for (size_t i = 0; i < c->input->statement_count; i++) {
		char subject[64];

		if (c->said[i].predicate)
			continue;
		(void)snprintf(subject, sizeof(subject), "statement %zu", i + 1);
		verdict_refuse(c->verdict, REASON_STATEMENT_MALFORMED, subject,
			"an in-toto statement in DSSE with few signatures", "not readable", NULL,
			NULL);
	}
}

bool release_check_statements(struct release_case *c, struct err *err)
{
	size_t before = c->verdict->reason_count;

	if (c->class->demand_count == 0)
		return true;
	for (size_t i = 0; i < c->input->statement_count; i++)
		if (!read_statement(c, c->input->statements[i], &c->said[i], err))
			return false;
	if (!release_apply_withdrawals(c, err))
		return false;
	for (size_t i = 0; i < c->class->demand_count; i++)
		check_demand(c, &c->class->demands[i]);
	if (c->verdict->reason_count > before)
		explain_unreadable(c);
	return true;
}

/* The signers that the policy trusts for a kind, whatever any class demands. */
static uint64_t keys_of_kind(const struct policy *policy, enum predicate_kind kind)
{
	uint64_t keys = 0;

	for (size_t i = 0; i < policy->statement_key_count; i++)
		keys |= (uint64_t)(policy->statement_keys[i].kinds >> kind & 1) << i;
	return keys;
}

bool release_statement_check(const struct release *release, struct bytes envelope,
	const struct policy *policy, int64_t now, struct err *err)
{
	OWNED(sigstore_bundle_free) struct sigstore_bundle *bundle = NULL;
	OWNED(predicate_free) struct predicate *predicate = NULL;
	struct statement_signers by;
	bool withdraws = false;

	if (!withdrawal_check(envelope, release->digest, policy, now, &withdraws, err))
		return false;
	if (withdraws)
		return true;
	if (!statement_envelope_open(envelope, &bundle, err) ||
		!predicate_parse(buf_bytes(&bundle->dsse->payload), &predicate, err))
		return err_wrap(err, "statement");
	if (bundle->dsse->count > STATEMENT_SIGNATURES_MAX)
		return err_set(err, ERR_LIMIT, "statement: %zu signatures: more than %u",
			bundle->dsse->count, STATEMENT_SIGNATURES_MAX);
	if (!release_as_subject(release, predicate) && !release_is_subject(release, predicate))
		return err_set(err, ERR_MISMATCH,
			"statement-other: speaks neither of this release nor of a component");
	if (!statement_signers_find(
		    bundle, policy, keys_of_kind(policy, predicate->kind), now, &by, err))
		return false;
	return by.mask != 0 ||
	       err_set(err, ERR_DENIED,
		       "statement-signature: not signed by a key that the policy "
		       "trusts for kind %s%s%s",
		       predicate_kind_name(predicate->kind), *by.why ? ": " : "", by.why);
}
