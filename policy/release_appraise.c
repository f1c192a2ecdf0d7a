/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A release and its approvals under a policy. An approval that does not count is a reason only
 * where one is lacking: an expired approval beside enough good ones is nobody's trouble.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "base/time.h"
#include "policy/refuse.h"
#include "policy/release_case.h"
#include "policy/statement_memo.h"

static void case_release(struct release_case *c)
{
	release_free(&c->release);
	for (size_t i = 0; i < c->input->approval_count; i++)
		approval_free(&c->judged[i].approval);
	for (size_t i = 0; i < c->input->statement_count; i++)
		predicate_free(&c->said[i].predicate);
}

/* Of what there is room for, only what there is: a release of few approvals is judged with every renewal. The counts are
 * within their limits. */
static void case_begin(struct release_case *c, const struct release_input *input)
{
	memset(c, 0, offsetof(struct release_case, judged));
	memset(c->judged, 0, input->approval_count * sizeof(c->judged[0]));
	memset(c->said, 0, input->statement_count * sizeof(c->said[0]));
	c->input = input;
}

static bool refused_format(struct verdict *verdict, struct err *err)
{
	return refuse_malformed(verdict, REASON_RELEASE_MALFORMED, "release", err);
}

bool release_open_intoto(struct bytes envelope, struct dsse **ret, struct err *err)
{
	OWNED(dsse_free) struct dsse *dsse = NULL;

	if (!dsse_parse(envelope, &dsse, err))
		return false;
	if (strcmp(dsse->payload_type, DSSE_INTOTO_TYPE) != 0) {
		(void)err_set(err, ERR_FORMAT, "payload type %s: expected " DSSE_INTOTO_TYPE,
			ESC(bytes_str(dsse->payload_type)));
		return false;
	}
	*ret = TAKE(dsse);
	return true;
}

static bool check_signature(struct release_case *c, const struct dsse *dsse, struct err *err)
{
	struct key *keys[POLICY_KEYS_MAX];
	size_t n = c->policy->release_key_count;

	for (size_t i = 0; i < n; i++)
		keys[i] = c->policy->release_keys[i].key;
	if (!dsse_verify(dsse, keys, n, &c->signers, err))
		return err_wrap(err, "release");
	if (c->signers == 0)
		verdict_refuse(c->verdict, REASON_RELEASE_SIGNATURE, "release",
			"a signature by a release key of the policy",
			"signatures by other keys only, or wrong ones", NULL, NULL);
	else
		verdict_checked(c->verdict, "release %s %s: signed by %s",
			ESC(bytes_str(c->release->name)), ESC(bytes_str(c->release->version)),
			c->policy->release_keys[__builtin_ctzll(c->signers)].name);
	checklist_put(c, c->signers != 0, NEVER,
		c->signers ? c->policy->release_keys[__builtin_ctzll(c->signers)].name : "none",
		"signature by a release key");
	return true;
}

static void check_class(struct release_case *c)
{
	char subject[REASON_TEXT_MAX];

	c->class = policy_class_find(c->policy, bytes_str(c->release->risk_class));
	snprintf(subject, sizeof(subject), "risk class %s", c->release->risk_class);
	if (!c->class)
		verdict_refuse(c->verdict, REASON_RISK_CLASS, subject, "a class of the policy",
			"unknown to the policy", NULL, NULL);
	checklist_put(c, c->class, NEVER, c->class ? "the policy" : "unknown to the policy", "%s",
		subject);
}

static bool person_has_role(const struct policy_approver *approver, const char *role)
{
	for (size_t i = 0; i < approver->role_count; i++)
		if (strcmp(approver->roles[i], role) == 0)
			return true;
	return false;
}

/* The author by name, whoever holds a release key that signed, and whoever signed both with one
 * key. */
static bool is_author(const struct release_case *c, const struct policy_approver *approver)
{
	if (strcmp(approver->person, c->release->author) == 0)
		return true;
	for (size_t i = 0; i < c->policy->release_key_count; i++) {
		const struct policy_release_key *signer = &c->policy->release_keys[i];

		if (!(c->signers >> i & 1))
			continue;
		if (strcmp(approver->person, signer->name) == 0)
			return true;
		for (size_t k = 0; k < approver->key_count; k++)
			if (key_equal(approver->keys[k], signer->key))
				return true;
	}
	return false;
}

static bool judge_signature(
	struct release_case *c, const struct dsse *dsse, struct judged *j, struct err *err)
{
	const struct policy_approver *approver;
	uint64_t mask = 0;

	for (j->person = 0; j->person < c->policy->approver_count; j->person++)
		if (strcmp(c->policy->approvers[j->person].person, j->approval->person) == 0)
			break;
	j->fault = REASON_APPROVAL_SIGNATURE;
	j->why = "a person whom the policy does not name";
	if (j->person == c->policy->approver_count)
		return true;
	approver = &c->policy->approvers[j->person];
	if (!dsse_verify(dsse, approver->keys, approver->key_count, &mask, err))
		return err_wrap(err, "approval");
	j->why = "not signed by a key of this person";
	if (mask != 0) {
		j->fault = REASON_NONE;
		j->why = NULL;
	}
	return true;
}

static void fault(struct judged *j, bool wrong, enum reason_code code, const char *why)
{
	if (wrong && j->fault == REASON_NONE) {
		j->fault = code;
		j->why = why;
	}
}

static void judge_content(const struct release_case *c, struct judged *j)
{
	const struct approval *a = j->approval;
	const struct policy_approver *approver = &c->policy->approvers[j->person];
	const struct rollback_terms *r = c->input->rollback;
	int64_t age_max = c->class->approval_age_max;
	bool other_environment = !bytes_equal_str(c->input->environment, a->environment);

	fault(j, !person_has_role(approver, a->role), REASON_APPROVAL_SIGNATURE,
		"in a role that this person does not have");
	fault(j, memcmp(a->release, c->release->digest, SHA256_LEN) != 0, REASON_APPROVAL_OTHER,
		"of another release");
	fault(j, other_environment, REASON_APPROVAL_OTHER, "for another environment");
	fault(j, r && !bytes_equal_str(r->workload, a->workload), REASON_APPROVAL_OTHER,
		"of another workload's rollback");
	fault(j, r && !bytes_equal_str(r->from, a->from), REASON_APPROVAL_OTHER,
		"of a rollback from another version");
	fault(j, r && r->floor != a->floor, REASON_APPROVAL_OTHER,
		"of a floor that has moved since");
	fault(j, memcmp(a->clause, c->class->clause, SHA256_LEN) != 0, REASON_APPROVAL_OTHER,
		"under other terms of the risk class");
	fault(j, a->issued > c->now + CLOCK_SKEW_MAX, REASON_APPROVAL_EXPIRED,
		"not valid yet: issued in the future");
	fault(j, c->now >= a->expires, REASON_APPROVAL_EXPIRED, "expired");
	j->end = age_max > 0 ? earlier_of(a->expires, a->issued + age_max + 1) : a->expires;
	fault(j, age_max > 0 && c->now - a->issued > age_max, REASON_APPROVAL_EXPIRED,
		"older than the risk class allows");
	fault(j, c->class->differ_from_author && is_author(c, approver), REASON_APPROVAL_AUTHOR,
		"by the author or a signer of the release");
}

static bool judge(struct release_case *c, struct bytes envelope, struct judged *j, struct err *err)
{
	OWNED(dsse_free) struct dsse *dsse = NULL;
	struct err why = {0};

	if (!approval_of_envelope(
		    c->policy, envelope, c->input->rollback != NULL, &dsse, &j->approval, &why)) {
		j->fault = REASON_APPROVAL_SIGNATURE;
		j->why = "not an approval that this program can read";
		return (why.code != ERR_NOMEM && why.code != ERR_INTERNAL) ||
		       err_set(err, why.code, "approval: %s", why.text);
	}
	return judge_signature(c, dsse, j, err);
}

/* Whoever takes an approval back takes it back for every environment, from then on; a later
 * approval stands again. */
static void apply_withdrawals(struct release_case *c)
{
	for (size_t w = 0; w < c->input->approval_count; w++) {
		const struct judged *withdrawal = &c->judged[w];
		const struct approval *by = withdrawal->approval;

		if (withdrawal->fault != REASON_NONE || !by->withdrawn)
			continue;
		for (size_t i = 0; i < c->input->approval_count; i++) {
			struct judged *j = &c->judged[i];

			if (j->fault != REASON_NONE || j->approval->withdrawn)
				continue;
			fault(j,
				j->person == withdrawal->person &&
					strcmp(j->approval->role, by->role) == 0 &&
					memcmp(j->approval->release, by->release, SHA256_LEN) ==
						0 &&
					j->approval->issued <= by->issued,
				REASON_APPROVAL_WITHDRAWN, "withdrawn by the same person");
		}
	}
}

static bool counts(const struct judged *j, const char *role)
{
	return j->fault == REASON_NONE && !j->approval->withdrawn &&
	       strcmp(j->approval->role, role) == 0;
}

/* The distinct persons whose approval in this role counts, bit i for approver i. */
static uint64_t persons_for(const struct release_case *c, const char *role)
{
	uint64_t persons = 0;

	for (size_t i = 0; i < c->input->approval_count; i++)
		if (counts(&c->judged[i], role))
			persons |= UINT64_C(1) << c->judged[i].person;
	return persons;
}

static int end_order(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x < y) - (x > y);
}

/* First second at which fewer persons than demanded count: of each person's last approval to end,
 * the count-th latest. 0: too few already. */
static int64_t rule_end(const struct release_case *c, const struct policy_approval_rule *rule)
{
	int64_t ends[POLICY_KEYS_MAX] = {0};

	for (size_t i = 0; i < c->input->approval_count; i++) {
		const struct judged *j = &c->judged[i];

		if (counts(j, rule->role))
			ends[j->person] = later_of(ends[j->person], j->end);
	}
	qsort(ends, POLICY_KEYS_MAX, sizeof(*ends), end_order);
	return ends[rule->count - 1];
}

/* Appends their names. */
static void put_persons(const struct release_case *c, uint64_t persons, char out[REASON_TEXT_MAX])
{
	for (; persons != 0; persons &= persons - 1)
		text_append(out, REASON_TEXT_MAX, "%s%s", *out ? ", " : "",
			c->policy->approvers[__builtin_ctzll(persons)].person);
}

static const char *approval_word(const struct release_case *c)
{
	return c->input->rollback ? "rollback approval" : "approval";
}

/* Why approvals that were meant for this role do not count. */
static void explain_unusable(const struct release_case *c, const char *role)
{
	for (size_t i = 0; i < c->input->approval_count; i++) {
		const struct judged *j = &c->judged[i];
		char subject[REASON_TEXT_MAX];
		const char *person = j->approval ? j->approval->person : "?";

		if (j->fault == REASON_NONE ||
			(j->approval &&
				(j->approval->withdrawn || strcmp(j->approval->role, role) != 0)))
			continue;
		snprintf(subject, sizeof(subject), "%s by %s as %s", approval_word(c),
			ESC(bytes_str(person)), role);
		verdict_refuse(c->verdict, j->fault, subject,
			c->input->rollback ? "a valid approval of this rollback"
					   : "a valid approval of this release",
			j->why, NULL, NULL);
	}
}

static void check_rules(struct release_case *c)
{
	for (size_t i = 0; i < c->class->approval_count; i++) {
		const struct policy_approval_rule *rule = &c->class->approvals[i];
		uint64_t persons = persons_for(c, rule->role);
		unsigned n = (unsigned)__builtin_popcountll(persons);
		char subject[REASON_TEXT_MAX], expected[64], names[REASON_TEXT_MAX] = "";
		char actual[2 * REASON_TEXT_MAX];

		put_persons(c, persons, names);
		checklist_put(c, n >= rule->count, rule_end(c, rule), n ? names : "none",
			"%s by %u as %s", approval_word(c), rule->count, rule->role);
		if (n >= rule->count) {
			verdict_checked(
				c->verdict, "%s as %s: %s", approval_word(c), rule->role, names);
			continue;
		}
		snprintf(subject, sizeof(subject), "release %s %s",
			ESC(bytes_str(c->release->name)), ESC(bytes_str(c->release->version)));
		snprintf(expected, sizeof(expected), "%u as %s", rule->count, rule->role);
		snprintf(actual, sizeof(actual), n ? "%u: %s" : "none", n, names);
		verdict_refuse(
			c->verdict, REASON_APPROVAL_MISSING, subject, expected, actual, NULL, NULL);
		explain_unusable(c, rule->role);
	}
}

static bool check_approvals(struct release_case *c, struct err *err)
{
	for (size_t i = 0; i < c->input->approval_count; i++) {
		if (!judge(c, c->input->approvals[i], &c->judged[i], err))
			return false;
		/* A withdrawal needs its signature only: it takes away, so nothing else may stand
		 * in its way. */
		if (c->judged[i].fault == REASON_NONE && !c->judged[i].approval->withdrawn)
			judge_content(c, &c->judged[i]);
	}
	apply_withdrawals(c);
	check_rules(c);
	return true;
}

static bool check_class_demands(struct release_case *c, struct err *err)
{
	enum verdict_part before = c->verdict->part;
	bool ok;

	if (!c->class)
		return true;
	c->verdict->part = PART_STATEMENTS;
	ok = c->input->rollback || release_check_statements(c, err);
	c->verdict->part = PART_APPROVALS;
	ok = ok && check_approvals(c, err);
	c->verdict->part = before;
	return ok;
}

static bool appraise(struct release_case *c, struct err *err)
{
	OWNED(dsse_free) struct dsse *dsse = NULL;

	if (!release_of_envelope(c->policy, c->input->envelope, &dsse, &c->release, err))
		return refused_format(c->verdict, err);
	if (!check_signature(c, dsse, err))
		return false;
	check_class(c);
	return check_class_demands(c, err);
}

static bool limits(const struct release_input *input, int64_t now, struct err *err)
{
	size_t bytes = 0;

	if (input->approval_count > APPROVALS_MAX)
		return err_set(err, ERR_LIMIT, "release: %zu approvals: more than %u",
			input->approval_count, APPROVALS_MAX);
	if (input->statement_count > STATEMENTS_MAX)
		return err_set(err, ERR_LIMIT, "release: %zu statements: more than %u",
			input->statement_count, STATEMENTS_MAX);
	for (size_t i = 0; i < input->statement_count; i++)
		bytes += input->statements[i].len;
	if (bytes > STATEMENTS_BYTES_MAX)
		return err_set(err, ERR_LIMIT, "release: %zu bytes of statements: more than %u",
			bytes, STATEMENTS_BYTES_MAX);
	if (now < 0 || now > POLICY_TIME_MAX)
		return err_set(err, ERR_USAGE, "release: no time given");
	return true;
}

bool release_appraise(const struct release_input *input, const struct policy *policy, int64_t now,
	struct verdict *verdict, struct release **ret_release, struct err *err)
{
	return release_checklist(input, policy, now, NULL, verdict, ret_release, err);
}

bool release_checklist(const struct release_input *input, const struct policy *policy, int64_t now,
	struct checklist *ret_list, struct verdict *verdict, struct release **ret_release,
	struct err *err)
{
	struct err own = {0};

	*ret_release = NULL;
	if (!err)
		err = &own;
	if (ret_list)
		*ret_list = (struct checklist){0};
	if (!limits(input, now, err))
		return false;
	OWNED(case_release) struct release_case c;
	case_begin(&c, input);
	c.policy = policy;
	c.now = now;
	c.verdict = verdict;
	c.list = ret_list;
	if (!appraise(&c, err)) {
		if (ret_list)
			*ret_list = (struct checklist){0};
		return false;
	}
	*ret_release = TAKE(c.release);
	return true;
}
