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

static bool read_signers(
	const struct release_case *c, const struct dsse *dsse, struct said *s, struct err *err)
{
	uint64_t asked = keys_asked(c, s->predicate->kind), mask = 0;
	struct key *keys[POLICY_KEYS_MAX];
	size_t at[POLICY_KEYS_MAX], n = 0;

	for (size_t i = 0; i < c->policy->statement_key_count; i++)
		if (asked >> i & 1) {
			at[n] = i;
			keys[n++] = c->policy->statement_keys[i].key;
		}
	if (n == 0)
		return true;
	if (!dsse_verify(dsse, keys, n, &mask, err))
		return err_wrap(err, "statement");
	for (size_t i = 0; i < n; i++)
		s->signers |= (mask >> i & 1) << at[i];
	return true;
}

/* A subject's sha256 is that of a file's bytes, or of a directory's manifest. Digests of other kinds
 * are digests of something else, and never matched with it. */
static bool component_is_subject(
	const struct release_component *component, const struct predicate *predicate)
{
	if (component->kind != COMPONENT_SHA256 && component->kind != COMPONENT_TREE_SHA256)
		return false;
	return predicate_has_subject(predicate, component->digest);
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
	s->of_release = predicate_has_subject(s->predicate, c->release->digest);
	s->of_any = s->of_release;
	for (size_t i = 0; i < c->release->component_count; i++) {
		s->of_component[i] = component_is_subject(&c->release->components[i], s->predicate);
		s->of_any |= s->of_component[i];
	}
}

static bool read_statement(
	const struct release_case *c, struct bytes envelope, struct said *s, struct err *err)
{
	OWNED(dsse_free) struct dsse *dsse = NULL;
	struct err why = {0};

	if (!release_open_intoto(envelope, true, &dsse, &why) ||
		!predicate_parse(buf_bytes(&dsse->payload), &s->predicate, &why))
		return (why.code != ERR_NOMEM && why.code != ERR_INTERNAL) ||
		       err_set(err, why.code, "statement: %s", why.text);
	if (dsse->count > STATEMENT_SIGNATURES_MAX) {
		predicate_free(&s->predicate);
		return true;
	}
	read_subjects(c, s);
	return sha256_of(buf_bytes(&dsse->payload), s->digest, err) &&
	       read_signers(c, dsse, s, err);
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

static void check_outcome(const struct policy_demand *d, const struct predicate *p, struct fault *f)
{
	enum predicate_result result = PREDICATE_FAILED;

	if (!d->passed)
		return;
	if (p->kind == PREDICATE_TEST_RESULT)
		result = p->test_result.result;
	else if (p->kind == PREDICATE_VSA)
		result = p->vsa.result;
	else if (p->kind == PREDICATE_ASSESSMENT)
		result = p->assessment.result;
	if (result != PREDICATE_PASSED)
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

/* When it was made; 0: it does not say. */
static int64_t made_at(const struct predicate *p)
{
	if (p->kind == PREDICATE_PROVENANCE)
		return p->provenance.finished_on;
	if (p->kind == PREDICATE_VSA)
		return p->vsa.time_verified;
	return p->kind == PREDICATE_ASSESSMENT ? p->assessment.issued : 0;
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
static int64_t ends_at(const struct policy_demand *d, const struct predicate *p)
{
	int64_t end = p->kind == PREDICATE_ASSESSMENT ? p->assessment.expires : NEVER;
	int64_t age_end = d->age_max > 0 ? made_at(p) + d->age_max + 1 : NEVER;

	return age_end < end ? age_end : end;
}

static void judge_for(const struct release_case *c, const struct policy_demand *d,
	const struct said *s, struct fault *f)
{
	const struct predicate *p = s->predicate;

	if (d->type && strcmp(p->type, d->type) != 0)
		fault_set(f, REASON_STATEMENT_OTHER, d->type, "type %s", ESC(bytes_str(p->type)));
	if (!(s->signers & d->keys) && (s->withdrawn & d->keys))
		fault_set(f, REASON_STATEMENT_WITHDRAWN, "standing", "withdrawn by its signer");
	if (!(s->signers & d->keys))
		fault_set(f, REASON_STATEMENT_SIGNATURE,
			"signed by a key that the policy trusts for this",
			"not signed by any of them");
	if (!s->of_any)
		fault_set(f, REASON_STATEMENT_OTHER, "of this release or a component of it",
			"of something else");
	check_time(c, d, p, f);
	check_outcome(d, p, f);
	check_provenance(d, p, f);
	check_levels(d, p, f);
	check_metrics(d, p, f);
}

/* ---- all statements, one demand ---- */

struct tally {
	bool counts[STATEMENTS_MAX];
	bool met;
	int64_t end;
	uint64_t signers; /* of those that count */
	size_t number; /* how many count */
	const char *lacking; /* component without one, or role without component; NULL */
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
		if (t->counts[i] && speaks_of(d, &c->said[i], component)) {
			int64_t one = ends_at(d, c->said[i].predicate);

			end = one > end ? one : end;
		}
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
			t->end = end < t->end ? end : t->end;
		}
		if (!any && !t->lacking)
			t->lacking = d->covers[r];
	}
	t->met = t->number > 0 && !t->lacking;
}

static void tally(const struct release_case *c, const struct policy_demand *d, struct tally *t)
{
	int64_t best = 0;

	for (size_t i = 0; i < c->input->statement_count; i++) {
		const struct said *s = &c->said[i];
		struct fault f = {0};
		int64_t end;

		if (!s->predicate || s->predicate->kind != d->kind)
			continue;
		judge_for(c, d, s, &f);
		if (f.code != REASON_NONE)
			continue;
		t->counts[i] = true;
		t->number++;
		t->signers |= s->signers & d->keys;
		end = ends_at(d, s->predicate);
		best = end > best ? end : best;
	}
	t->end = d->cover_count ? NEVER : best;
	tally_covers(c, d, t);
}

/* ---- saying so ---- */

static void put_covers(const struct policy_demand *d, char out[REASON_TEXT_MAX])
{
	size_t at = 0;

	out[0] = '\0';
	for (size_t i = 0; i < d->cover_count && at < REASON_TEXT_MAX; i++)
		at += (size_t)snprintf(
			out + at, REASON_TEXT_MAX - at, "%s%s", i ? ", " : " of ", d->covers[i]);
}

static void put_signers(const struct release_case *c, uint64_t signers, char out[REASON_TEXT_MAX])
{
	size_t at = 0;

	out[0] = '\0';
	for (size_t i = 0; i < c->policy->statement_key_count && at < REASON_TEXT_MAX; i++)
		if (signers >> i & 1)
			at += (size_t)snprintf(out + at, REASON_TEXT_MAX - at, "%s%s",
				at ? ", " : "", c->policy->statement_keys[i].name);
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
	char covers[REASON_TEXT_MAX], by[2 * REASON_TEXT_MAX], signers[REASON_TEXT_MAX];
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

bool release_statement_check(const struct release *release, struct bytes envelope,
	const struct policy *policy, struct err *err)
{
	OWNED(dsse_free) struct dsse *dsse = NULL;
	OWNED(predicate_free) struct predicate *predicate = NULL;
	struct key *keys[POLICY_KEYS_MAX];
	uint64_t mask = 0;
	size_t n = 0;
	bool withdraws = false;

	if (!withdrawal_check(envelope, release->digest, policy, &withdraws, err))
		return false;
	if (withdraws)
		return true;
	if (!release_open_intoto(envelope, true, &dsse, err) ||
		!predicate_parse(buf_bytes(&dsse->payload), &predicate, err))
		return err_wrap(err, "statement");
	if (dsse->count > STATEMENT_SIGNATURES_MAX)
		return err_set(err, ERR_LIMIT, "statement: %zu signatures: more than %u",
			dsse->count, STATEMENT_SIGNATURES_MAX);
	if (!predicate_has_subject(predicate, release->digest) &&
		!release_is_subject(release, predicate))
		return err_set(err, ERR_MISMATCH,
			"statement-other: speaks neither of this release nor of a component");
	for (size_t i = 0; i < policy->statement_key_count; i++)
		if (policy->statement_keys[i].kinds >> predicate->kind & 1)
			keys[n++] = policy->statement_keys[i].key;
	if (n > 0 && !dsse_verify(dsse, keys, n, &mask, err))
		return err_wrap(err, "statement");
	return mask != 0 || err_set(err, ERR_DENIED,
				    "statement-signature: not signed by a key that the policy "
				    "trusts for kind %s",
				    predicate_kind_name(predicate->kind));
}
