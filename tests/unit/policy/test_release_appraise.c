/* SPDX-License-Identifier: Apache-2.0 */
/* A release and its approvals under a policy: who must have signed what. */
#include "policy/policy.h"

#include "scene.h"

static struct scene_keys keys;
static struct scene *s;
static struct release *release;
static const char *environment;

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
	environment = "prod";
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	release_free(&release);
	scene_free(s);
	return 0;
}

static void judge_at(int64_t now)
{
	const struct release_input input = {
		.envelope = s->context.release,
		.approvals = s->context.approvals,
		.approval_count = s->context.approval_count,
		.environment = bytes_str(environment),
	};

	release_free(&release);
	memset(s->verdict, 0, sizeof(*s->verdict));
	assert_ok(release_appraise(&input, s->policy, now, s->verdict, &release, &s->err), s->err);
	verdict_conclude(s->verdict);
}

static void judge(void)
{
	scene_approve(s);
	judge_at(SCENE_NOW);
}

static void judge_class(const char *class_lines)
{
	s->class_lines = class_lines;
	scene_policy(s);
	for (size_t i = 0; i < SCENE_APPROVALS; i++)
		memcpy(s->approvals[i].approval.clause, s->policy->classes[0].clause, SHA256_LEN);
	judge();
}

/* Refused because an approval is missing, with this reason saying why the one given does not count. */
static void assert_lacking(enum reason_code why, const char *actual)
{
	assert_refused_among(s, REASON_APPROVAL_MISSING);
	assert_int_equal(s->verdict->reason_count, 2);
	assert_int_equal(s->verdict->reasons[1].code, why);
	assert_string_equal(s->verdict->reasons[1].actual, actual);
	assert_string_equal(s->verdict->reasons[1].expected, "a valid approval of this release");
}

static void release__signed_and_approved__trusted_and_named(void **state)
{
	(void)state;
	judge();
	assert_trusted(s);
	assert_string_equal(s->verdict->checked[0], "release ocr 1.4.0: signed by builder-1");
	assert_string_equal(s->verdict->checked[1], "approval as model-risk: alice");
	assert_string_equal(s->verdict->checked[2], "approval as security: bob");
	assert_memory_equal(release->digest, s->release_digest, SHA256_LEN);
}

static void release__signed_by_nobody_known__refused_but_parsed(void **state)
{
	struct scene_keys others = keys;

	(void)state;
	others.builder = keys.other;
	s->keys = &others;
	scene_release(s);
	s->keys = &keys;
	judge();
	assert_refused(s, REASON_RELEASE_SIGNATURE);
	assert_non_null(release);
}

static void P1__release_of_another_payload_type__refused(void **state)
{
	struct buf statement = {0};

	(void)state;
	assert_ok(release_statement(&s->release, &statement, &s->err), s->err);
	buf_clear(&s->release_envelope);
	assert_ok(dsse_sign("application/vnd.other+json", buf_bytes(&statement), keys.builder,
			  &s->release_envelope, &s->err),
		s->err);
	buf_release(&statement);
	s->context.release = buf_bytes(&s->release_envelope);
	judge();
	assert_refused(s, REASON_RELEASE_MALFORMED);
}

static void P1__payload_type_swapped_after_signing__refused(void **state)
{
	struct buf statement = {0}, swapped = {0};
	const char *whole, *at;

	(void)state;
	assert_ok(release_statement(&s->release, &statement, &s->err), s->err);
	buf_clear(&s->release_envelope);
	assert_ok(dsse_sign("application/vnd.in-toto+jsom", buf_bytes(&statement), keys.builder,
			  &s->release_envelope, &s->err),
		s->err);
	whole = buf_str(&s->release_envelope);
	at = strstr(whole, "+jsom");
	assert_non_null(at);
	buf_printf(&swapped, "%.*s+json%s", (int)(at - whole), whole, at + 5);
	s->context.release = buf_bytes(&swapped);
	judge();
	assert_refused(s, REASON_RELEASE_SIGNATURE);
	buf_release(&statement);
	buf_release(&swapped);
}

static void P3__signed_junk__refused(void **state)
{
	(void)state;
	buf_clear(&s->release_envelope);
	assert_ok(dsse_sign(DSSE_INTOTO_TYPE, BYTES_LIT("{}"), keys.builder, &s->release_envelope,
			  &s->err),
		s->err);
	s->context.release = buf_bytes(&s->release_envelope);
	judge();
	assert_refused(s, REASON_RELEASE_MALFORMED);
	assert_null(release);
}

static void P2__approval_in_place_of_a_release__refused(void **state)
{
	(void)state;
	scene_approve(s);
	s->context.release = s->approval_list[0];
	judge_at(SCENE_NOW);
	assert_refused(s, REASON_RELEASE_MALFORMED);
}

static void release__class_unknown__refused(void **state)
{
	(void)state;
	s->release.risk_class = (char *)(uintptr_t) "higher";
	scene_release(s);
	judge();
	assert_refused(s, REASON_RISK_CLASS);
}

static void release__class_without_approvals__trusted(void **state)
{
	(void)state;
	s->approvals[0].key = s->approvals[1].key = NULL;
	judge_class("    approvals: []\n    credential_lifetime: 10m\n");
	assert_trusted(s);
}

static void approval__missing__refused(void **state)
{
	(void)state;
	s->approvals[1].key = NULL;
	judge();
	assert_refused(s, REASON_APPROVAL_MISSING);
	assert_string_equal(s->verdict->reasons[0].expected, "1 as security");
	assert_string_equal(s->verdict->reasons[0].actual, "none");
}

static void approval__same_person_in_both_roles__trusted(void **state)
{
	(void)state;
	scene_approval_set(s, 1, "alice", "security", keys.alice);
	judge();
	assert_trusted(s);
}

static void P5__two_approvals_by_one_person__count_once(void **state)
{
	(void)state;
	scene_approval_set(s, 2, "bob", "security", keys.bob);
	s->approvals[2].approval.reason = (char *)(uintptr_t) "once more";
	judge_class(
		"    approvals: [ {role: security, count: 2} ]\n    credential_lifetime: 10m\n");
	assert_refused(s, REASON_APPROVAL_MISSING);
	assert_string_equal(s->verdict->reasons[0].expected, "2 as security");
	assert_string_equal(s->verdict->reasons[0].actual, "1: bob");
	scene_approval_set(s, 2, "alice", "security", keys.alice);
	judge();
	assert_trusted(s);
}

static void approval__signed_by_another_persons_key__refused(void **state)
{
	(void)state;
	s->approvals[1].key = keys.alice;
	judge();
	assert_lacking(REASON_APPROVAL_SIGNATURE, "not signed by a key of this person");
}

static void approval__by_a_person_unknown_to_the_policy__refused(void **state)
{
	(void)state;
	scene_approval_set(s, 1, "mallory", "security", keys.other);
	judge();
	assert_lacking(REASON_APPROVAL_SIGNATURE, "a person whom the policy does not name");
}

static void approval__in_a_role_not_held__refused(void **state)
{
	(void)state;
	scene_approval_set(s, 0, "bob", "model-risk", keys.bob);
	judge();
	assert_lacking(REASON_APPROVAL_SIGNATURE, "in a role that this person does not have");
}

static void approval__unreadable__refused(void **state)
{
	(void)state;
	s->approvals[1].key = NULL;
	scene_approve(s);
	s->approval_list[1] = BYTES_LIT("{}");
	s->context.approval_count = 2;
	judge_at(SCENE_NOW);
	assert_lacking(REASON_APPROVAL_SIGNATURE, "not an approval that this program can read");
}

static void P1__release_in_place_of_an_approval__refused(void **state)
{
	(void)state;
	s->approvals[1].key = NULL;
	scene_approve(s);
	s->approval_list[1] = s->context.release;
	s->context.approval_count = 2;
	judge_at(SCENE_NOW);
	assert_lacking(REASON_APPROVAL_SIGNATURE, "not an approval that this program can read");
}

static void P10__approval_of_another_release__refused(void **state)
{
	(void)state;
	s->approvals[1].approval.release[0] ^= 1;
	judge();
	assert_lacking(REASON_APPROVAL_OTHER, "of another release");
}

static void P10__approval_for_another_environment__refused(void **state)
{
	(void)state;
	s->approvals[1].approval.environment = (char *)(uintptr_t) "test";
	judge();
	assert_lacking(REASON_APPROVAL_OTHER, "for another environment");
}

static void P10__approval_under_another_clause__refused(void **state)
{
	(void)state;
	s->approvals[1].approval.clause[0] ^= 1;
	judge();
	assert_lacking(REASON_APPROVAL_OTHER, "under other terms of the risk class");
}

static void P8__approval_expired_or_not_yet_valid__refused(void **state)
{
	(void)state;
	scene_approve(s);
	judge_at(SCENE_NOW + 999);
	assert_trusted(s);
	s->approvals[0].approval.expires = SCENE_NOW + 5000;
	scene_approve(s);
	judge_at(SCENE_NOW + 1000);
	assert_lacking(REASON_APPROVAL_EXPIRED, "expired");
	s->approvals[1].approval.issued = SCENE_NOW + 61;
	judge();
	assert_lacking(REASON_APPROVAL_EXPIRED, "not valid yet: issued in the future");
	s->approvals[1].approval.issued = SCENE_NOW + 60;
	judge();
	assert_trusted(s);
}

static void P8__approval_older_than_the_class_allows__refused(void **state)
{
	static const char lines[] = SCENE_CLASS_LINES "    approval_age_max: 1000s\n";

	(void)state;
	judge_class(lines);
	assert_trusted(s);
	s->approvals[1].approval.issued--;
	judge();
	assert_lacking(REASON_APPROVAL_EXPIRED, "older than the risk class allows");
}

static void P8__approval_withdrawn__refused_until_approved_again(void **state)
{
	(void)state;
	scene_approval_set(s, 2, "bob", "security", keys.bob);
	s->approvals[2].approval.withdrawn = true;
	s->approvals[2].approval.environment = (char *)(uintptr_t) "test";
	memset(s->approvals[2].approval.clause, 0, SHA256_LEN);
	judge();
	assert_lacking(REASON_APPROVAL_WITHDRAWN, "withdrawn by the same person");
	scene_approval_set(s, 3, "bob", "security", keys.bob);
	s->approvals[3].approval.issued = SCENE_NOW - 999;
	judge();
	assert_trusted(s);
}

static void P8__withdrawal_that_does_not_bear_on_it__ignored(void **state)
{
	struct approval *w = &s->approvals[2].approval;

	(void)state;
	scene_approval_set(s, 2, "alice", "security", keys.alice);
	w->withdrawn = true;
	judge();
	assert_trusted(s); /* of another person */
	scene_approval_set(s, 2, "bob", "model-risk", keys.bob);
	w->withdrawn = true;
	judge();
	assert_trusted(s); /* of another role */
	scene_approval_set(s, 2, "bob", "security", keys.bob);
	w->withdrawn = true;
	w->release[0] ^= 1;
	judge();
	assert_trusted(s); /* of another release */
	w->release[0] ^= 1;
	s->approvals[2].key = keys.other;
	judge();
	assert_trusted(s); /* not signed by him */
}

static void approval__withdrawal_alone__approves_nothing(void **state)
{
	(void)state;
	s->approvals[1].approval.withdrawn = true;
	judge();
	assert_refused(s, REASON_APPROVAL_MISSING);
}

static void P7__approver_is_the_author__refused_unless_the_class_allows(void **state)
{
	(void)state;
	s->release.author = (char *)(uintptr_t) "bob";
	scene_release(s);
	judge();
	assert_lacking(REASON_APPROVAL_AUTHOR, "by the author or a signer of the release");
	judge_class(SCENE_CLASS_LINES "    differ_from_author: false\n");
	assert_trusted(s);
}

static void P7__approver_signed_the_release_with_the_same_key__refused(void **state)
{
	struct scene_keys same = keys;

	(void)state;
	same.builder = keys.bob;
	s->keys = &same;
	scene_policy(s);
	scene_release(s);
	judge();
	assert_lacking(REASON_APPROVAL_AUTHOR, "by the author or a signer of the release");
	s->keys = &keys;
}

static void P7__approver_signed_the_release_with_another_key_of_his__refused(void **state)
{
	char *text, *at;

	(void)state;
	/* The release key carries bob's name; the key itself differs from his approver's key. */
	text = strdup(buf_str(&s->policy_text));
	assert_non_null(text);
	at = strstr(text, "builder-1");
	assert_non_null(at);
	memcpy(at, "bob      ", 9);
	policy_free(&s->policy);
	assert_ok(policy_parse(bytes_str(text), "policy.yaml", &s->policy, &s->err), s->err);
	free(text);
	judge();
	assert_lacking(REASON_APPROVAL_AUTHOR, "by the author or a signer of the release");
}

static void approval__unusable_beside_enough_good_ones__ignored(void **state)
{
	(void)state;
	scene_approval_set(s, 2, "alice", "security", keys.alice);
	s->approvals[2].approval.expires = SCENE_NOW - 1;
	judge();
	assert_trusted(s);
}

static void P13__too_many_approvals__undecided(void **state)
{
	struct release_input input = {.envelope = s->context.release, .approval_count = 65};

	(void)state;
	assert_fails(release_appraise(&input, s->policy, SCENE_NOW, s->verdict, &release, &s->err),
		s->err, ERR_LIMIT, "release: 65 approvals: more than 64");
	assert_false(s->verdict->trusted);
}

static void release__no_time__undecided(void **state)
{
	struct release_input input = {.envelope = s->context.release};

	(void)state;
	assert_false(release_appraise(&input, s->policy, INT64_MAX, s->verdict, &release, &s->err));
	assert_int_equal(s->err.code, ERR_USAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(release__signed_and_approved__trusted_and_named),
		T(release__signed_by_nobody_known__refused_but_parsed),
		T(P1__release_of_another_payload_type__refused),
		T(P1__payload_type_swapped_after_signing__refused),
		T(P3__signed_junk__refused),
		T(P2__approval_in_place_of_a_release__refused),
		T(release__class_unknown__refused),
		T(release__class_without_approvals__trusted),
		T(approval__missing__refused),
		T(approval__same_person_in_both_roles__trusted),
		T(P5__two_approvals_by_one_person__count_once),
		T(approval__signed_by_another_persons_key__refused),
		T(approval__by_a_person_unknown_to_the_policy__refused),
		T(approval__in_a_role_not_held__refused),
		T(approval__unreadable__refused),
		T(P1__release_in_place_of_an_approval__refused),
		T(P10__approval_of_another_release__refused),
		T(P10__approval_for_another_environment__refused),
		T(P10__approval_under_another_clause__refused),
		T(P8__approval_expired_or_not_yet_valid__refused),
		T(P8__approval_older_than_the_class_allows__refused),
		T(P8__approval_withdrawn__refused_until_approved_again),
		T(P8__withdrawal_that_does_not_bear_on_it__ignored),
		T(approval__withdrawal_alone__approves_nothing),
		T(P7__approver_is_the_author__refused_unless_the_class_allows),
		T(P7__approver_signed_the_release_with_the_same_key__refused),
		T(P7__approver_signed_the_release_with_another_key_of_his__refused),
		T(approval__unusable_beside_enough_good_ones__ignored),
		T(P13__too_many_approvals__undecided),
		T(release__no_time__undecided),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
