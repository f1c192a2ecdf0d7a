/* SPDX-License-Identifier: Apache-2.0 */
/* What a mutation run found unwatched in the judgement of releases and approvals (tests/mutation). */
#include "policy/checklist.h"

#include "policy/predicate.h"
#include "policy/release_case.h"
#include "scene.h"

#define TWO_SECURITY "    approvals: [ {role: security, count: 2} ]\n    credential_lifetime: 10m\n"

static struct scene_keys keys;
static struct scene *s;
static struct release *release;
static struct checklist list;
static struct buf top;

static int group_setup(void **state)
{
	(void)state;
	scene_keys_make(&keys);
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	scene_keys_free(&keys);
	return 0;
}

static int setup(void **state)
{
	(void)state;
	s = scene_new(&keys);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	release_free(&release);
	buf_release(&top);
	scene_free(s);
	return 0;
}

static struct release_input input_now(void)
{
	return (struct release_input){
		.envelope = s->context.release,
		.approvals = s->context.approvals,
		.approval_count = s->context.approval_count,
		.environment = bytes_str("prod"),
	};
}

static void judge_given(void)
{
	struct release_input input = input_now();

	release_free(&release);
	memset(s->verdict, 0, sizeof(*s->verdict));
	assert_ok(release_checklist(
			  &input, s->policy, SCENE_NOW, &list, s->verdict, &release, &s->err),
		s->err);
	verdict_conclude(s->verdict);
}

static void judge(void)
{
	scene_approve(s);
	judge_given();
}

static void judge_class(const char *class_lines)
{
	s->class_lines = class_lines;
	scene_policy(s);
	for (size_t i = 0; i < SCENE_APPROVALS; i++)
		memcpy(s->approvals[i].approval.clause, s->policy->classes[0].clause, SHA256_LEN);
	judge();
}

/* The release signed as of a payload type that statements may have, and releases may not. */
static void sign_as(const char *type, struct bytes statement, struct key *key, struct buf *out)
{
	buf_clear(out);
	assert_ok(dsse_sign(type, statement, key, out, &s->err), s->err);
}

static void P1__release_of_a_statements_payload_type__refused(void **state)
{
	struct buf statement = {0};
	struct dsse *dsse = NULL;

	(void)state;
	assert_true(predicate_payload_type_ok("application/vnd.in-toto.provenance+json"));
	assert_ok(release_statement(&s->release, &statement, &s->err), s->err);
	sign_as("application/vnd.in-toto.provenance+json", buf_bytes(&statement), keys.builder,
		&s->release_envelope);
	buf_release(&statement);
	s->context.release = buf_bytes(&s->release_envelope);
	judge();
	assert_refused(s, REASON_RELEASE_MALFORMED);
#define WHY                                                                                        \
	"payload type application/vnd.in-toto.provenance+json: expected "                          \
	"application/vnd.in-toto+json"
	assert_string_equal(s->verdict->reasons[0].actual, WHY);
	assert_fails(
		release_open_intoto(s->context.release, &dsse, &s->err), s->err, ERR_FORMAT, WHY);
	assert_null(dsse);
}

static void P1__approval_of_a_statements_payload_type__does_not_count(void **state)
{
	struct buf statement = {0};

	(void)state;
	scene_approve(s);
	assert_ok(approval_statement(&s->approvals[1].approval, &statement, &s->err), s->err);
	sign_as("application/vnd.in-toto.approval+json", buf_bytes(&statement), keys.bob,
		&s->approvals[1].envelope);
	buf_release(&statement);
	s->approval_list[1] = buf_bytes(&s->approvals[1].envelope);
	judge_given();
	assert_refused_among(s, REASON_APPROVAL_MISSING);
	assert_string_equal(s->verdict->reasons[1].subject, "approval by ? as security");
	assert_string_equal(
		s->verdict->reasons[1].actual, "not an approval that this program can read");
}

static void checklist__names_who_and_what_is_unknown(void **state)
{
	(void)state;
	judge();
	assert_string_equal(list.items[0].by, "builder-1");
	assert_string_equal(list.items[1].demand, "risk class low");
	assert_string_equal(list.items[1].by, "the policy");
	s->release.risk_class = (char *)(uintptr_t) "higher";
	scene_release(s);
	judge();
	assert_false(list.met);
	assert_int_equal(list.count, 2);
	assert_string_equal(list.items[1].by, "unknown to the policy");
}

static void release__signed_by_others__said_so_and_no_class_hides_it(void **state)
{
	struct scene_keys others = keys;

	(void)state;
	others.builder = keys.other;
	s->keys = &others;
	scene_release(s);
	s->keys = &keys;
	judge();
	assert_refused(s, REASON_RELEASE_SIGNATURE);
	assert_string_equal(
		s->verdict->reasons[0].actual, "signatures by other keys only, or wrong ones");
	assert_string_equal(list.items[0].by, "none");
	assert_false(list.met);
}

/* A release key of his that did not sign makes nobody the author. */
static void P7__approver_holds_a_release_key_that_did_not_sign__counts(void **state)
{
	const char *whole, *at;

	(void)state;
	whole = buf_str(&s->policy_text);
	at = strstr(whole, "approvers:");
	assert_non_null(at);
	buf_printf(&top, "%.*s  - name: bob\n    pem: ", (int)(at - whole), whole);
	scene_put_pem(&top, keys.other, 6);
	buf_put_str(&top, at);
	policy_free(&s->policy);
	assert_ok(policy_parse(buf_bytes(&top), "policy.yaml", &s->policy, &s->err), s->err);
	s->context.policy = s->policy;
	judge();
	assert_trusted(s);
}

/* ---- until when ---- */

static void checklist__end_of_a_rule__that_of_the_person_it_would_miss_first(void **state)
{
	(void)state;
	scene_approval_set(s, 0, "alice", "security", keys.alice);
	scene_approval_set(s, 2, "bob", "security", keys.bob);
	s->approvals[0].approval.expires = SCENE_NOW + 500;
	s->approvals[1].approval.expires = SCENE_NOW + 900;
	s->approvals[2].approval.expires = SCENE_NOW + 700;
	judge_class(TWO_SECURITY);
	assert_trusted(s);
	assert_string_equal(list.items[2].by, "alice, bob");
	assert_int_equal(list.items[2].expires, SCENE_NOW + 500);
	assert_int_equal(list.expires, SCENE_NOW + 500);
	/* One is enough: the later one; of bob's two the later one too, whichever comes first. */
	judge_class(
		"    approvals: [ {role: security, count: 1} ]\n    credential_lifetime: 10m\n");
	assert_int_equal(list.items[2].expires, SCENE_NOW + 900);
	s->approvals[1].approval.expires = SCENE_NOW + 100;
	judge();
	assert_int_equal(list.items[2].expires, SCENE_NOW + 700);
}

static void checklist__age_of_an_approval__ends_it_earlier_than_its_own_end(void **state)
{
	(void)state;
	s->approvals[0].approval.issued = s->approvals[1].approval.issued = SCENE_NOW;
	judge_class(SCENE_CLASS_LINES "    approval_age_max: 1s\n");
	assert_trusted(s);
	assert_int_equal(list.expires, SCENE_NOW + 2);
	s->approvals[1].approval.issued = SCENE_NOW - 2;
	judge();
	assert_refused_among(s, REASON_APPROVAL_EXPIRED);
	assert_string_equal(list.items[3].by, "none");
	assert_int_equal(list.items[3].expires, 0);
	assert_false(list.items[3].met);
	assert_false(list.met);
	assert_int_equal(list.expires, SCENE_NOW + 2);
}

static void checklist__end_of_an_approval__the_earlier_of_its_own_and_its_age(void **state)
{
	static const struct {
		int64_t expires, end;
	} cases[] = {{10, 10}, {11, 11}, {12, 11}, {13, 11}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		s->approvals[1].approval.issued = SCENE_NOW;
		s->approvals[1].approval.expires = SCENE_NOW + cases[i].expires;
		judge_class("    approvals: [ {role: security, count: 1} ]\n"
			    "    credential_lifetime: 10m\n    approval_age_max: 10s\n");
		assert_int_equal(list.expires, SCENE_NOW + cases[i].end);
	}
}

static void approval__wrong_in_two_ways__the_first_is_said(void **state)
{
	(void)state;
	s->approvals[1].approval.release[0] ^= 1;
	s->approvals[1].approval.expires = SCENE_NOW - 1;
	judge();
	assert_int_equal(s->verdict->reasons[1].code, REASON_APPROVAL_OTHER);
	assert_string_equal(s->verdict->reasons[1].actual, "of another release");
}

static void P1__statement_of_a_foreign_payload_type__a_fault_of_its_form(void **state)
{
	struct release read = s->release;
	struct buf envelope = {0};

	(void)state;
	sign_as("application/json", BYTES_LIT("{}"), keys.other, &envelope);
	assert_fails(release_statement_check(
			     &read, buf_bytes(&envelope), s->policy, s->context.now, &s->err),
		s->err, ERR_FORMAT,
		"statement: payload type application/json: expected "
		"application/vnd.in-toto+json");
	buf_release(&envelope);
}

/* ---- the review ---- */

static void review_line(int64_t reviewed, int64_t next, int64_t now)
{
	const struct context_workload workload = {.reviewed = reviewed, .review_next = next};

	list = (struct checklist){.met = true, .count = 1, .items = {{.met = true}}};
	checklist_review(&list, &s->policy->classes[0], &workload, now);
}

static void checklist__review__a_line_with_its_date(void **state)
{
	const struct checklist_item *item = &list.items[1];

	(void)state;
	judge_class(SCENE_CLASS_LINES "    review_every: 100s\n    review_grace: 10s\n");
	review_line(SCENE_NOW, 0, SCENE_NOW + 99);
	assert_int_equal(list.count, 2);
	assert_string_equal(item->demand, "review of the workload");
	assert_string_equal(item->by, "due at 2027-01-15T08:01:40Z");
	assert_true(item->met && list.met);
	assert_int_equal(item->expires, SCENE_NOW + 110);
	assert_int_equal(list.expires, SCENE_NOW + 110);
	review_line(SCENE_NOW, 0, SCENE_NOW + 100);
	assert_string_equal(item->by, "due since 2027-01-15T08:01:40Z");
	assert_true(item->met && list.met);
	review_line(SCENE_NOW, 0, SCENE_NOW + 110);
	assert_string_equal(item->by, "overdue: due since 2027-01-15T08:01:40Z");
	assert_false(item->met || list.met);
	assert_int_equal(item->expires, 0);
}

static void checklist__review_that_no_class_asks_for__warns_alone(void **state)
{
	(void)state;
	review_line(0, 0, SCENE_NOW);
	assert_int_equal(list.count, 1);
	review_line(0, SCENE_NOW - 5, SCENE_NOW);
	assert_string_equal(list.items[1].by, "due since 2027-01-15T07:59:55Z");
	assert_true(list.met);
	assert_int_equal(list.expires, 0);
}

static void checklist__full__takes_no_more(void **state)
{
	(void)state;
	list.count = CHECKLIST_MAX;
	checklist_review(
		&list, NULL, &(const struct context_workload){.review_next = SCENE_NOW}, SCENE_NOW);
	assert_int_equal(list.count, CHECKLIST_MAX);
}

/* ---- withdrawals ---- */

static void P8__withdrawal_before_what_it_withdraws__withdraws_it(void **state)
{
	(void)state;
	scene_approval_set(s, 0, "bob", "security", keys.bob);
	s->approvals[0].approval.withdrawn = true;
	judge_class(
		"    approvals: [ {role: security, count: 1} ]\n    credential_lifetime: 10m\n");
	assert_refused_among(s, REASON_APPROVAL_WITHDRAWN);
	scene_approval_set(s, 1, "bob", "security", keys.bob);
	scene_approval_set(s, 0, "bob", "security", keys.bob);
	s->approvals[1].approval.withdrawn = true;
	judge();
	assert_refused_among(s, REASON_APPROVAL_WITHDRAWN);
	assert_string_equal(s->verdict->reasons[1].subject, "approval by bob as security");
}

static void P8__withdrawal_beside_something_unreadable__withdraws(void **state)
{
	(void)state;
	scene_approval_set(s, 2, "bob", "security", keys.bob);
	s->approvals[2].approval.withdrawn = true;
	scene_approve(s);
	s->approval_list[3] = s->approval_list[2];
	s->approval_list[2] = BYTES_LIT("{}");
	s->context.approval_count = 4;
	judge_given();
	assert_refused_among(s, REASON_APPROVAL_WITHDRAWN);
	assert_string_equal(s->verdict->reasons[0].subject, "release ocr 1.4.0");
	assert_int_equal(s->verdict->reason_count, 3);
}

/* What does not count is said for the role that lacks it alone; a withdrawal is no approval that failed. */
static void approval__that_does_not_count__said_where_it_lacks(void **state)
{
	(void)state;
	scene_approval_set(s, 0, "alice", "model-risk", keys.other);
	scene_approval_set(s, 1, "bob", "security", keys.other);
	scene_approval_set(s, 2, "alice", "security", keys.alice);
	scene_approval_set(s, 3, "alice", "model-risk", keys.other);
	s->approvals[3].approval.withdrawn = true;
	judge();
	assert_int_equal(s->verdict->reason_count, 2);
	assert_string_equal(s->verdict->reasons[0].expected, "1 as model-risk");
	assert_string_equal(s->verdict->reasons[1].subject, "approval by alice as model-risk");
}

/* ---- limits ---- */

static void limits__exactly_so_many__judged(void **state)
{
	static const char spaces[STATEMENTS_BYTES_MAX];
	struct bytes approvals[APPROVALS_MAX], statements[STATEMENTS_MAX];
	struct release_input input = input_now();

	(void)state;
	scene_approve(s);
	for (size_t i = 0; i < APPROVALS_MAX; i++)
		approvals[i] = s->approval_list[0];
	for (size_t i = 0; i < STATEMENTS_MAX; i++)
		statements[i] = BYTES_LIT("{}");
	input.approvals = approvals;
	input.approval_count = APPROVALS_MAX;
	input.statements = statements;
	input.statement_count = STATEMENTS_MAX;
	assert_ok(release_appraise(&input, s->policy, 0, s->verdict, &release, &s->err), s->err);
	release_free(&release);
	assert_ok(
		release_appraise(&input, s->policy, POLICY_TIME_MAX, s->verdict, &release, &s->err),
		s->err);
	release_free(&release);
	input.statement_count = 1;
	statements[0] = bytes_of((const uint8_t *)spaces, sizeof(spaces));
	assert_ok(release_appraise(&input, s->policy, 0, s->verdict, &release, &s->err), s->err);
}

static void limits__over_or_out_of_time__nothing_decided_and_nothing_left(void **state)
{
	static const char spaces[STATEMENTS_BYTES_MAX];
	const struct bytes statements[] = {
		bytes_of((const uint8_t *)spaces, sizeof(spaces)), BYTES_LIT("x")};
	struct release_input input = input_now();

	(void)state;
	memset(&list, 0xff, sizeof(list));
	release = (struct release *)(uintptr_t)&list;
	assert_fails(release_checklist(&input, s->policy, -1, &list, s->verdict, &release, &s->err),
		s->err, ERR_USAGE, "release: no time given");
	assert_null(release);
	assert_int_equal(list.count, 0);
	assert_false(list.met);
	assert_fails(release_appraise(
			     &input, s->policy, POLICY_TIME_MAX + 1, s->verdict, &release, &s->err),
		s->err, ERR_USAGE, "release: no time given");
	input.statements = statements;
	input.statement_count = 2;
	assert_fails(release_appraise(&input, s->policy, 1, s->verdict, &release, &s->err), s->err,
		ERR_LIMIT, "release: 1048577 bytes of statements: more than 1048576");
	input.statement_count = STATEMENTS_MAX + 1;
	assert_fails(release_appraise(&input, s->policy, 1, s->verdict, &release, &s->err), s->err,
		ERR_LIMIT, "release: 65 statements: more than 64");
	assert_false(release_appraise(&input, s->policy, 1, s->verdict, &release, NULL));
}

static void release__malformed_without_an_error_asked_for__refused(void **state)
{
	struct release_input input = input_now();

	(void)state;
	input.envelope = BYTES_LIT("{}");
	assert_true(
		release_checklist(&input, s->policy, SCENE_NOW, NULL, s->verdict, &release, NULL));
	assert_true(verdict_has(s->verdict, REASON_RELEASE_MALFORMED));
}

/* Thirty people with long names do not fit: the list of them is cut at a name. */
static void checklist__more_names_than_fit__cut_at_a_name(void **state)
{
	struct checklist_item *item = &list.items[2];
	const char *whole, *at;
	struct key *key[8] = {0};
	struct buf envelope[8] = {{0}};
	struct bytes views[8];

	(void)state;
	whole = buf_str(&s->policy_text);
	at = strstr(whole, "risk_classes:");
	assert_non_null(at);
	buf_printf(&top, "%.*s", (int)(at - whole), whole);
	for (int i = 0; i < 8; i++) {
		assert_ok(key_generate(KEY_EC_P256, &key[i], &s->err), s->err);
		buf_printf(
			&top, "  - person: %d-%030d\n    roles: [many]\n    keys:\n      - ", i, 7);
		scene_put_pem(&top, key[i], 8);
	}
	buf_put_str(&top,
		"risk_classes:\n  - name: low\n    approvals: [ {role: many, count: 8} ]\n"
		"    credential_lifetime: 10m\n");
	policy_free(&s->policy);
	assert_ok(policy_parse(buf_bytes(&top), "policy.yaml", &s->policy, &s->err), s->err);
	for (int i = 0; i < 8; i++) {
		char person[64];
		struct scene_approval a;
		struct buf statement = {0};

		snprintf(person, sizeof(person), "%d-%030d", i, 7);
		a = scene_approval_by(s, person, "many", key[i]);
		assert_ok(approval_statement(&a.approval, &statement, &s->err), s->err);
		sign_as(DSSE_INTOTO_TYPE, buf_bytes(&statement), key[i], &envelope[i]);
		views[i] = buf_bytes(&envelope[i]);
		buf_release(&statement);
	}
	s->context.approvals = views;
	s->context.approval_count = 8;
	judge_given();
	assert_trusted(s);
	assert_true(strlen(item->by) < REASON_TEXT_MAX);
	assert_int_equal(strncmp(item->by, "0-000000000000000000000000000007, 1-", 36), 0);
	for (int i = 0; i < 8; i++) {
		key_unref(&key[i]);
		buf_release(&envelope[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(P1__release_of_a_statements_payload_type__refused),
		T(P1__approval_of_a_statements_payload_type__does_not_count),
		T(checklist__names_who_and_what_is_unknown),
		T(release__signed_by_others__said_so_and_no_class_hides_it),
		T(P7__approver_holds_a_release_key_that_did_not_sign__counts),
		T(checklist__end_of_a_rule__that_of_the_person_it_would_miss_first),
		T(checklist__age_of_an_approval__ends_it_earlier_than_its_own_end),
		T(checklist__end_of_an_approval__the_earlier_of_its_own_and_its_age),
		T(approval__wrong_in_two_ways__the_first_is_said),
		T(P1__statement_of_a_foreign_payload_type__a_fault_of_its_form),
		T(checklist__review__a_line_with_its_date),
		T(checklist__review_that_no_class_asks_for__warns_alone),
		T(checklist__full__takes_no_more),
		T(P8__withdrawal_before_what_it_withdraws__withdraws_it),
		T(P8__withdrawal_beside_something_unreadable__withdraws),
		T(approval__that_does_not_count__said_where_it_lacks),
		T(limits__exactly_so_many__judged),
		T(limits__over_or_out_of_time__nothing_decided_and_nothing_left),
		T(release__malformed_without_an_error_asked_for__refused),
		T(checklist__more_names_than_fit__cut_at_a_name),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
