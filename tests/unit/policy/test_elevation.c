/* SPDX-License-Identifier: Apache-2.0 */
/* Requests for elevations and words on them: read, written, judged. */
#include "elevation_scene.h"

#include "crypto/digest.h"

static struct scene_keys keys;
static struct scene *s;
static struct lending l;
static struct elevation_judgement j;
static struct buf text;
static struct elevation_request *request;
static struct elevation_approval *approval;

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
	lending_begin(&l, s);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	lending_end(&l);
	buf_release(&text);
	elevation_request_free(&request);
	elevation_approval_free(&approval);
	scene_free(s);
	return 0;
}

static void judge_at(int64_t now)
{
	lending_sign(&l);
	assert_ok(elevation_judge(
			  s->policy, &s->policy->classes[0], &l.e, LENT_BEGAN, now, &j, &s->err),
		s->err);
}

static void assert_not(const char *why)
{
	judge_at(SCENE_NOW);
	assert_false(j.holds);
	assert_string_equal(j.why, why);
}

static void assert_too_few(void)
{
	assert_not("not approved by 2 as security");
}

/* ---- forms ---- */

static void request__written__read_back_the_same(void **state)
{
	(void)state;
	assert_ok(elevation_request_write(&l.request, &text, &s->err), s->err);
	assert_ok(elevation_request_parse(buf_bytes(&text), &request, &s->err), s->err);
	assert_string_equal(request->workload, "ocr-agent");
	assert_string_equal(request->person, "carol");
	assert_int_equal(request->duration, 600);
	assert_int_equal(request->asked, LENT_BEGAN - 30);
	assert_true(request->has_host && request->has_instance && request->has_release);
	assert_memory_equal(request->instance, s->instance, INSTANCE_ID_LEN);
	assert_memory_equal(request->clause, l.request.clause, SHA256_LEN);
	elevation_request_free(&request);
	buf_clear(&text);
	l.request.has_host = l.request.has_instance = l.request.has_release = false;
	l.request.person = NULL;
	assert_ok(elevation_request_write(&l.request, &text, &s->err), s->err);
	assert_ok(elevation_request_parse(buf_bytes(&text), &request, &s->err), s->err);
	assert_null(request->person);
	assert_false(request->has_host || request->has_instance || request->has_release);
}

/* One member of a good request after another takes a bad value. */
static void request__bad_member__refused_by_name(void **state)
{
	static const struct {
		const char *from, *to, *why;
	} cases[] = {
		{"elevation-request/1", "elevation-request/2",
			"type: not assay/elevation-request/1"},
		{"\"duration\":600", "\"duration\":9", "duration: out of range"},
		{"\"duration\":600", "\"duration\":604801", "duration: out of range"},
		{"\"right\":\"delete\"", "\"right\":\"*\"", "right: not a name"},
		{"\"workload\":\"ocr-agent\"", "\"workload\":\"\"", "workload: "},
		{"\"reason\":\"ticket 4711\"", "\"reason\":\"\"", "reason: "},
		{"\"id\":\"1d", "\"id\":\"1D", "id: expected lower-case hex"},
		{"\"host\":\"", "\"hast\":\"", "hast: "},
		{"\"lapses\":\"2", "\"lapses\":\"x", "lapses: not a time"},
		{"\"asked\":\"2", "\"asked\":\"x", "asked: not a time"},
	};

	(void)state;
	assert_ok(elevation_request_write(&l.request, &text, &s->err), s->err);
	buf_put(&text, bytes_of("", 1));
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct buf bad = {0};
		char *good = (char *)text.data, *at = strstr(good, cases[i].from);

		assert_non_null(at);
		buf_printf(&bad, "%.*s%s%s", (int)(at - good), good, cases[i].to,
			at + strlen(cases[i].from));
		assert_told(elevation_request_parse(buf_bytes(&bad), &request, &s->err), s->err,
			ERR_FORMAT, cases[i].why);
		buf_release(&bad);
	}
	l.request.has_host = false;
	assert_told(elevation_request_write(&l.request, &text, &s->err), s->err, ERR_FORMAT,
		"instance: without its host");
}

static void approval__written__read_back_the_same(void **state)
{
	(void)state;
	l.approvals[0].denied = true;
	memset(l.approvals[0].request, 0x77, SHA256_LEN);
	assert_ok(elevation_approval_statement(&l.approvals[0], &text, &s->err), s->err);
	assert_ok(elevation_approval_parse(buf_bytes(&text), &approval, &s->err), s->err);
	assert_true(approval->denied);
	assert_memory_equal(approval->request, l.approvals[0].request, SHA256_LEN);
	assert_memory_equal(approval->entry, l.approvals[0].entry, SHA256_LEN);
	assert_string_equal(approval->person, "alice");
	assert_string_equal(approval->role, "security");
	assert_int_equal(approval->duration, 600);
	assert_int_equal(approval->expires, SCENE_NOW + 86400);
}

static void approval__bad_member__refused_by_name(void **state)
{
	static const struct {
		const char *from, *to, *why;
	} cases[] = {
		{"\"approved\"", "\"perhaps\"", "decision: neither approved nor denied"},
		{"elevation-request\"", "release\"", "subject: not a request for an elevation"},
		{"\"role\":\"security\"", "\"role\":\"*\"", "role: not a name"},
		{"\"duration\":600", "\"duration\":0", "duration: out of range"},
		{"\"person\":\"alice\"", "\"also\":1,\"person\":\"alice\"", "also: "},
		{"elevation-approval/v1", "approval/v1", "elevation approval: "},
	};

	(void)state;
	assert_ok(elevation_approval_statement(&l.approvals[0], &text, &s->err), s->err);
	buf_put(&text, bytes_of("", 1));
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct buf bad = {0};
		char *good = (char *)text.data, *at = strstr(good, cases[i].from);

		assert_non_null(at);
		buf_printf(&bad, "%.*s%s%s", (int)(at - good), good, cases[i].to,
			at + strlen(cases[i].from));
		assert_told(elevation_approval_parse(buf_bytes(&bad), &approval, &s->err), s->err,
			ERR_FORMAT, cases[i].why);
		buf_release(&bad);
	}
	l.approvals[0].expires = l.approvals[0].issued;
	assert_told(elevation_approval_statement(&l.approvals[0], &text, &s->err), s->err,
		ERR_FORMAT, "expires: not after issued");
}

static void set__written__read_back_the_same(void **state)
{
	struct elevation_set set;

	(void)state;
	lending_sign(&l);
	lending_give(&l);
	assert_ok(elevation_set_parse(buf_bytes(&l.set), &set, &s->err), s->err);
	assert_int_equal(set.count, 1);
	assert_int_equal(set.list[0].activated, LENT_BEGAN);
	assert_int_equal(set.list[0].approval_count, 2);
	assert_memory_equal(set.list[0].request->digest, l.e.request->digest, SHA256_LEN);
	assert_memory_equal(set.list[0].entry, l.e.entry, SHA256_LEN);
	assert_memory_equal(set.list[0].activation, l.e.activation, SHA256_LEN);
	assert_ok(elevation_judge(s->policy, &s->policy->classes[0], &set.list[0], LENT_BEGAN,
			  SCENE_NOW, &j, &s->err),
		s->err);
	assert_true(j.holds);
	elevation_set_release(&set);
	buf_clear(&text);
	assert_ok(elevation_set_write(&set, &text, &s->err), s->err);
	assert_int_equal(text.len, 0);
}

static void set__that_is_none__refused(void **state)
{
	static const struct {
		const char *text, *why;
	} cases[] = {
		{"", "elevations"},
		{"{}", "type: missing"},
		{"{\"type\":\"assay/elevations/2\",\"elevations\":[]}", "type: not"},
		{"{\"type\":\"assay/elevations/1\"}", "elevations: missing"},
		{"{\"type\":\"assay/elevations/1\",\"elevations\":[{}]}", "request: missing"},
		{"{\"type\":\"assay/elevations/1\",\"elevations\":[],\"more\":1}", "more"},
	};
	struct elevation_set set;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_told(elevation_set_parse(bytes_str(cases[i].text), &set, &s->err), s->err,
			ERR_FORMAT, cases[i].why);
}

/* ---- whether it holds ---- */

static void elevation__approved_by_enough__holds_until_its_end(void **state)
{
	(void)state;
	judge_at(SCENE_NOW);
	assert_true(j.holds);
	assert_int_equal(j.until, LENT_BEGAN + 600);
	assert_string_equal(j.persons, "alice as security, bob as security");
	judge_at(LENT_BEGAN + 599);
	assert_true(j.holds);
	judge_at(LENT_BEGAN + 600);
	assert_false(j.holds);
	assert_string_equal(j.why, "its time is over");
}

static void P5__approved_twice_by_one_person__counts_once(void **state)
{
	(void)state;
	l.approvals[1] = lending_approval(&l, "alice", "security");
	l.keys[1] = keys.alice;
	assert_too_few();
}

static void P5__one_key_under_two_names__counts_once(void **state)
{
	(void)state;
	l.keys[1] = keys.alice; /* "bob", signed by alice */
	assert_too_few();
}

static void P6__signed_by_a_key_of_nobody__does_not_count(void **state)
{
	(void)state;
	l.keys[1] = keys.other;
	assert_too_few();
}

static void elevation__person_whom_the_policy_does_not_name__does_not_count(void **state)
{
	(void)state;
	l.approvals[1] = lending_approval(&l, "mallory", "security");
	assert_too_few();
}

static void elevation__approved_in_a_role_not_held_or_not_asked_for__does_not_count(void **state)
{
	static const char *const roles[] = {"owner", "model-risk"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(roles); i++) {
		l.approvals[1] = lending_approval(&l, "bob", roles[i]);
		assert_too_few();
	}
	/* Of alice it is a role, but the right asks for none of it. */
	struct elevation_word word;
	l.approvals[0] = lending_approval(&l, "alice", "model-risk");
	lending_sign(&l);
	assert_ok(elevation_word_judge(s->policy, &s->policy->classes[0].elevations[0], &l.e,
			  buf_bytes(&l.e.approvals[0]), LENT_BEGAN, SCENE_NOW, &word, &s->err),
		s->err);
	assert_string_equal(word.why, "in a role that the right does not ask for");
	elevation_word_release(&word);
}

/* One as model-risk and one as security. */
static void two_roles(void)
{
	s->class_lines = SCENE_CLASS_LINES
		"    elevations:\n      - name: delete\n        entitlement: tickets.delete\n"
		"        duration_max: 30m\n        approvals: [ {role: model-risk, count: 1}, "
		"{role: "
		"security, count: 1} ]\n";
	scene_policy(s);
	memcpy(l.request.clause, s->policy->classes[0].elevations[0].clause, SHA256_LEN);
}

static void elevation__each_role_by_its_own_persons__counts(void **state)
{
	(void)state;
	two_roles();
	l.approvals[0] = lending_approval(&l, "alice", "model-risk");
	judge_at(SCENE_NOW);
	assert_true(j.holds);
	assert_string_equal(j.persons, "alice as model-risk, bob as security");
	l.keys[1] = NULL; /* one role's approval is not another's */
	assert_not("not approved by 1 as security");
	l.keys[1] = keys.bob;
	l.keys[0] = NULL;
	assert_not("not approved by 1 as model-risk");
	/* bob is no model-risk, though the right asks for one. */
	l.keys[0] = keys.bob;
	l.approvals[0] = lending_approval(&l, "bob", "model-risk");
	assert_not("not approved by 1 as model-risk");
}

static void word__wrong_in_several_ways__first_told(void **state)
{
	(void)state;
	struct elevation_word word;

	memset(l.approvals[0].request, 0x77, SHA256_LEN);
	l.approvals[0].verifier = TEXT("https://other.example");
	l.approvals[0].expires = SCENE_NOW;
	lending_sign(&l);
	assert_ok(elevation_word_judge(s->policy, &s->policy->classes[0].elevations[0], &l.e,
			  buf_bytes(&l.e.approvals[0]), LENT_BEGAN, SCENE_NOW, &word, &s->err),
		s->err);
	assert_string_equal(word.why, "of another request");
	elevation_word_release(&word);
}

static void word__larger_than_one_may_be__not_read(void **state)
{
	(void)state;
	lending_sign(&l);
	struct buf *envelope = &l.e.approvals[1];
	while (envelope->len < ELEVATION_ENVELOPE_MAX)
		buf_put_u8(envelope, ' ');
	assert_ok(elevation_judge(s->policy, &s->policy->classes[0], &l.e, LENT_BEGAN, SCENE_NOW,
			  &j, &s->err),
		s->err);
	assert_true(j.holds);
	buf_put_u8(envelope, ' ');
	assert_ok(elevation_judge(s->policy, &s->policy->classes[0], &l.e, LENT_BEGAN, SCENE_NOW,
			  &j, &s->err),
		s->err);
	assert_false(j.holds);
}

static void P7__requester_approves_by_name__does_not_count(void **state)
{
	(void)state;
	l.request.person = TEXT("bob");
	assert_too_few();
}

static void P7__requester_approves_with_a_second_key_of_the_same_person__does_not_count(
	void **state)
{
	(void)state;
	/* Her certificate has the key that the policy lists for bob. */
	memcpy(l.request.key, key_id(keys.bob), SHA256_LEN);
	assert_too_few();
	l.request.person = NULL; /* an instance with that key likewise */
	assert_too_few();
}

static void P10__approval_of_another_request__does_not_count(void **state)
{
	(void)state;
	memset(l.approvals[1].request, 0x77, SHA256_LEN);
	assert_too_few();
}

static void P10__approval_for_instance_A_replayed_for_B__does_not_count(void **state)
{
	uint8_t digest[SHA256_LEN];

	(void)state;
	lending_sign(&l);
	memcpy(digest, l.e.request->digest, SHA256_LEN);
	l.request.instance[0] ^= 1;
	lending_sign(&l); /* the approvals still name the request for A */
	assert_memory_equal(l.approvals[0].request, digest, SHA256_LEN);
	assert_too_few();
}

static void P10__duration_lengthened_after_approval__does_not_count(void **state)
{
	(void)state;
	lending_sign(&l);
	l.request.duration = 1800;
	assert_too_few();
}

static void P10__member_that_contradicts_the_request__does_not_count(void **state)
{
	(void)state;
	struct elevation_approval good = l.approvals[1];

	l.approvals[1].id[0] ^= 1;
	assert_too_few();
	l.approvals[1] = good;
	l.approvals[1].entry[0] ^= 1;
	assert_too_few();
	l.approvals[1] = good;
	l.approvals[1].verifier = TEXT("https://other.example");
	assert_too_few();
	l.approvals[1] = good;
	l.approvals[1].workload = TEXT("other");
	assert_too_few();
	l.approvals[1] = good;
	l.approvals[1].right = TEXT("other");
	assert_too_few();
	l.approvals[1] = good;
	l.approvals[1].duration = 601;
	assert_too_few();
	l.approvals[1] = good;
	judge_at(SCENE_NOW);
	assert_true(j.holds);
}

static void elevation__approved_for_less__ends_sooner(void **state)
{
	(void)state;
	l.approvals[1].duration = 120;
	judge_at(SCENE_NOW);
	assert_true(j.holds);
	assert_int_equal(j.until, LENT_BEGAN + 120);
}

static void P8__elevation_outlives_an_approval__ends_with_it(void **state)
{
	(void)state;
	l.approvals[1].expires = SCENE_NOW + 30;
	judge_at(SCENE_NOW);
	assert_true(j.holds);
	assert_int_equal(j.until, SCENE_NOW + 30);
	judge_at(SCENE_NOW + 30);
	assert_false(j.holds);
	assert_string_equal(j.why, "not approved by 2 as security");
}

static void elevation__approval_from_the_future__does_not_count(void **state)
{
	(void)state;
	l.approvals[1].issued = SCENE_NOW + 61;
	assert_too_few();
	l.approvals[1].issued = SCENE_NOW + 60;
	judge_at(SCENE_NOW);
	assert_true(j.holds);
}

static void P8__approver_taken_out_of_the_policy__ends(void **state)
{
	(void)state;
	lending_sign(&l);
	/* Today's policy names somebody else's key for bob. */
	struct scene_keys others = keys;
	others.bob = keys.other;
	s->keys = &others;
	scene_policy(s);
	s->keys = &keys;
	judge_at(SCENE_NOW);
	assert_false(j.holds);
	assert_string_equal(j.why, "not approved by 2 as security");
}

static void P8__right_no_longer_lent__ends(void **state)
{
	(void)state;
	s->class_lines = SCENE_CLASS_LINES;
	scene_policy(s);
	assert_not("no longer lent by the policy");
}

static void P8__right_lent_on_other_terms__ends(void **state)
{
	static const char *const classes[] = {
		SCENE_CLASS_LINES "    elevations:\n" LENT_RULE "        cool_down: 1s\n",
		SCENE_CLASS_LINES "    elevations:\n" LENT_RULE "        at_once: 2\n",
		SCENE_CLASS_LINES "    elevations:\n" LENT_RULE "        by_instance: true\n",
		SCENE_CLASS_LINES "    elevations:\n" LENT_RULE "        unapproved_for: 2h\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(classes); i++) {
		s->class_lines = classes[i];
		scene_policy(s);
		assert_not("asked for on other terms than the policy's");
	}
}

static void elevation__denied_by_one__ends(void **state)
{
	(void)state;
	l.approvals[2] = lending_approval(&l, "alice", "security");
	l.approvals[2].denied = true;
	l.keys[2] = keys.alice;
	assert_not("denied by alice");
	/* Who asked may take it back, though not approve. */
	l.request.person = TEXT("alice");
	memset(l.approvals[2].request, 0, SHA256_LEN);
	assert_not("denied by alice");
}

static void elevation__word_that_cannot_be_read__does_not_count(void **state)
{
	(void)state;
	lending_sign(&l);
	buf_clear(&l.e.approvals[1]);
	buf_put_str(&l.e.approvals[1], "{}");
	assert_ok(elevation_judge(s->policy, &s->policy->classes[0], &l.e, LENT_BEGAN, SCENE_NOW,
			  &j, &s->err),
		s->err);
	assert_false(j.holds);
	assert_string_equal(j.why, "not approved by 2 as security");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(request__written__read_back_the_same),
		T(request__bad_member__refused_by_name),
		T(approval__written__read_back_the_same),
		T(approval__bad_member__refused_by_name),
		T(set__written__read_back_the_same),
		T(set__that_is_none__refused),
		T(elevation__approved_by_enough__holds_until_its_end),
		T(P5__approved_twice_by_one_person__counts_once),
		T(P5__one_key_under_two_names__counts_once),
		T(P6__signed_by_a_key_of_nobody__does_not_count),
		T(elevation__person_whom_the_policy_does_not_name__does_not_count),
		T(elevation__approved_in_a_role_not_held_or_not_asked_for__does_not_count),
		T(elevation__each_role_by_its_own_persons__counts),
		T(word__wrong_in_several_ways__first_told),
		T(word__larger_than_one_may_be__not_read),
		T(P7__requester_approves_by_name__does_not_count),
		T(P7__requester_approves_with_a_second_key_of_the_same_person__does_not_count),
		T(P10__approval_of_another_request__does_not_count),
		T(P10__approval_for_instance_A_replayed_for_B__does_not_count),
		T(P10__duration_lengthened_after_approval__does_not_count),
		T(P10__member_that_contradicts_the_request__does_not_count),
		T(elevation__approved_for_less__ends_sooner),
		T(P8__elevation_outlives_an_approval__ends_with_it),
		T(elevation__approval_from_the_future__does_not_count),
		T(P8__approver_taken_out_of_the_policy__ends),
		T(P8__right_no_longer_lent__ends),
		T(P8__right_lent_on_other_terms__ends),
		T(elevation__denied_by_one__ends),
		T(elevation__word_that_cannot_be_read__does_not_count),
	};
	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
