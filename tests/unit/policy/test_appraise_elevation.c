/* SPDX-License-Identifier: Apache-2.0 */
/* What of an elevation a verdict grants, and that an auditor reaches the same. */
#include "elevation_scene.h"

static struct scene_keys keys;
static struct scene *s;
static struct lending l;

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
	scene_free(s);
	return 0;
}

static bool says(const char *line)
{
	for (size_t i = 0; i < s->verdict->not_checked_count; i++)
		if (strcmp(s->verdict->not_checked[i], line) == 0)
			return true;
	return false;
}

static void appraise(void)
{
	s->context.challenge.issued = s->context.now - 2;
	s->context.challenge.expires = s->context.now + 118;
	lending_sign(&l);
	lending_give(&l);
	scene_run(s);
}

/* Trusted without the right, and told why. */
static void assert_plain(const char *why)
{
	char line[REASON_TEXT_MAX];

	appraise();
	assert_trusted(s);
	assert_int_equal(s->verdict->elevation_count, 0);
	assert_int_equal(s->verdict->credential_lifetime, 600);
	(void)snprintf(
		line, sizeof(line), "elevation 1d1d1d1d1d1d1d1d: delete is not carried: %s", why);
	if (!says(line)) {
		scene_print(s);
		fail_msg("not told: %s", line);
	}
}

static void elevation__in_force__granted_and_told(void **state)
{
	struct buf json = {0};

	(void)state;
	appraise();
	assert_trusted(s);
	assert_int_equal(s->verdict->elevation_count, 1);
	assert_string_equal(s->verdict->elevations[0].right, "delete");
	assert_string_equal(s->verdict->elevations[0].entitlement, "tickets.delete");
	assert_int_equal(s->verdict->elevations[0].until, LENT_BEGAN + 600);
	assert_int_equal(s->verdict->elevations[0].activation[0], 0xac);
	assert_true(s->verdict->held >> PART_ELEVATIONS & 1);
	assert_string_equal(s->verdict->checked[s->verdict->checked_count - 1],
		"elevation 1d1d1d1d1d1d1d1d: delete until 2027-01-15T08:09:00Z, approved by alice "
		"as security, bob as security");
	assert_true(says("asserted by the verifier: that elevation 1d1d1d1d1d1d1d1d is in force "
			 "since " LENT_AT ", and that nobody ended it"));
	assert_ok(verdict_json(s->verdict, &json, &s->err), s->err);
	buf_put(&json, bytes_of("", 1));
	assert_non_null(strstr((char *)json.data, "\"elevations\":[{\"approval\":\"acac"));
	buf_release(&json);
}

static void elevation__none__verdict_as_ever(void **state)
{
	struct buf json = {0};

	(void)state;
	scene_run(s);
	assert_trusted(s);
	assert_ok(verdict_json(s->verdict, &json, &s->err), s->err);
	buf_put(&json, bytes_of("", 1));
	assert_null(strstr((char *)json.data, "elevations"));
	buf_release(&json);
}

static void credential__that_carries_it__ends_before_it(void **state)
{
	(void)state;
	appraise(); /* 540 s are left of 600 */
	assert_int_equal(s->verdict->credential_lifetime, 540);
	assert_int_equal(s->verdict->renew_after, 270);
	s->context.now = LENT_BEGAN + 590;
	appraise();
	assert_int_equal(s->verdict->credential_lifetime, 10);
	assert_int_equal(s->verdict->renew_after, 5);
}

static void elevation__almost_over__not_carried(void **state)
{
	(void)state;
	s->context.now = LENT_BEGAN + 595;
	appraise();
	assert_int_equal(s->verdict->elevation_count, 1);
	assert_int_equal(s->verdict->credential_lifetime, 5);
	s->context.now = LENT_BEGAN + 596;
	assert_plain("its time is over");
	s->context.now = LENT_BEGAN + 600;
	assert_plain("its time is over");
}

static void P10__elevation_of_another_instance__not_granted(void **state)
{
	(void)state;
	l.request.instance[3] ^= 1;
	assert_plain("for another instance");
	l.request.instance[3] ^= 1;
	l.request.has_instance = false;
	l.request.host[3] ^= 1;
	memset(l.approvals[0].request, 0, SHA256_LEN);
	memset(l.approvals[1].request, 0, SHA256_LEN);
	assert_plain("for another host");
}

static void elevation__of_the_whole_workload__granted(void **state)
{
	(void)state;
	l.request.has_instance = l.request.has_host = l.request.has_release = false;
	memset(l.request.host, 0, HOST_ID_LEN);
	memset(l.request.instance, 0, INSTANCE_ID_LEN);
	appraise();
	assert_int_equal(s->verdict->elevation_count, 1);
}

static void P10__elevation_of_another_workload_or_verifier__not_granted(void **state)
{
	(void)state;
	l.request.workload = TEXT("other");
	assert_plain("of another workload");
	l.request.workload = TEXT("ocr-agent");
	l.request.verifier = TEXT("https://other.example");
	assert_plain("made for another verifier");
}

static void P9__release_changed_in_between__not_granted(void **state)
{
	(void)state;
	l.request.release[0] ^= 1;
	assert_plain("for another release");
	l.request.has_release = false;
	memset(l.approvals[0].request, 0, SHA256_LEN);
	memset(l.approvals[1].request, 0, SHA256_LEN);
	appraise();
	assert_int_equal(s->verdict->elevation_count, 1);
}

static void P8__right_no_longer_in_the_policy__not_granted(void **state)
{
	(void)state;
	s->class_lines = SCENE_CLASS_LINES;
	scene_policy(s);
	assert_plain("no longer lent by the policy");
}

static void P8__approval_withdrawn_or_too_few__not_granted(void **state)
{
	(void)state;
	l.keys[1] = NULL;
	assert_plain("not approved by 2 as security");
	l.keys[1] = keys.bob;
	l.approvals[2] = lending_approval(&l, "bob", "security");
	l.approvals[2].denied = true;
	l.keys[2] = keys.bob;
	assert_plain("denied by bob");
}

static void elevation__clock_that_went_back__not_granted(void **state)
{
	(void)state;
	s->context.now = LENT_BEGAN - 61;
	assert_plain("in force only later: the clock went back");
}

static void elevation__host_quarantined__refused_without_it(void **state)
{
	(void)state;
	s->context.host.state = HOST_QUARANTINED;
	appraise();
	assert_refused(s, REASON_HOST_STATE);
	assert_int_equal(s->verdict->elevation_count, 0);
	assert_false(s->verdict->held >> PART_ELEVATIONS & 1); /* not even looked at */
}

static void elevation__not_begun_or_in_the_future__not_granted(void **state)
{
	(void)state;
	lending_sign(&l);
	static const struct {
		int64_t activated;
		size_t granted;
	} cases[] = {{0, 0}, {1, 0}, {SCENE_NOW + 61, 0}, {SCENE_NOW + 60, 1}, {SCENE_NOW, 1}};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		l.e.activated = cases[i].activated;
		lending_give(&l);
		scene_run(s);
		assert_trusted(s);
		assert_int_equal(s->verdict->elevation_count, cases[i].granted);
	}
	l.e.activated = 0;
	lending_give(&l);
	scene_run(s);
	assert_true(says("elevation 1d1d1d1d1d1d1d1d: delete is not carried: in force only later: "
			 "the clock went back"));
}

static void elevation__of_a_class_that_the_policy_does_not_know__refused(void **state)
{
	(void)state;
	s->context.workload.risk_class = BYTES_LIT("other");
	s->claims.audiences[0] = BYTES_LIT("tickets.bank.example");
	s->claims.audience_count = 1;
	appraise();
	assert_refused_among(s, REASON_RISK_CLASS);
	assert_int_equal(s->verdict->elevation_count, 0);
}

static void credential__renewed_often__after_a_second_at_the_least(void **state)
{
	(void)state;
	s->class_lines = SCENE_CLASS_LINES "    renew_after: 1s\n    elevations:\n" LENT_RULE;
	scene_policy(s);
	for (size_t i = 0; i < 2; i++)
		memcpy(s->approvals[i].approval.clause, s->policy->classes[0].clause, SHA256_LEN);
	scene_approve(s);
	appraise();
	assert_trusted(s);
	assert_int_equal(s->verdict->credential_lifetime, 540);
	assert_int_equal(s->verdict->renew_after, 1);
}

/* Two rights, the second of audiences alone: both are carried, where there is room for both. */
static void elevations__two_rights__both_carried(void **state)
{
	(void)state;
	static char names[AUDIENCES_MAX][8];
	s->class_lines =
		LENT_CLASS "      - name: watch\n        audiences: [w.bank.example]\n"
			   "        duration_max: 30m\n        approvals: [ {role: security, "
			   "count: 2} ]\n";
	scene_policy(s);
	lending_sign(&l);
	struct elevation_set set = {.count = 2, .list = {l.e}};
	l.e = (struct elevation){0};
	l.request.right = TEXT("watch");
	memcpy(l.request.clause, s->policy->classes[0].elevations[1].clause, SHA256_LEN);
	for (size_t i = 0; i < 2; i++) {
		l.approvals[i].right = TEXT("watch");
		memset(l.approvals[i].request, 0, SHA256_LEN);
	}
	lending_sign(&l);
	set.list[1] = l.e;
	assert_ok(elevation_set_write(&set, &l.set, &s->err), s->err);
	elevation_release(&set.list[0]);
	s->context.elevations = buf_bytes(&l.set);
	scene_run(s);
	assert_trusted(s);
	assert_int_equal(s->verdict->elevation_count, 2);
	assert_string_equal(s->verdict->elevations[1].right, "watch");
	assert_string_equal(s->verdict->elevations[1].entitlement, "");
	for (size_t i = 0; i < AUDIENCES_MAX - 1; i++) {
		(void)snprintf(names[i], sizeof(names[i]), "a%zu", i);
		s->claims.audiences[i] = bytes_str(names[i]);
	}
	s->claims.audience_count = AUDIENCES_MAX - 1;
	scene_run(s);
	assert_trusted(s);
	assert_int_equal(s->verdict->elevation_count, 1);
}

static void verdict__concluded_against__takes_the_right_back(void **state)
{
	(void)state;
	appraise();
	assert_int_equal(s->verdict->elevation_count, 1);
	verdict_refuse(s->verdict, REASON_SANDBOX, "x", NULL, NULL, NULL, NULL);
	verdict_conclude(s->verdict);
	assert_int_equal(s->verdict->elevation_count, 0);
}

static void elevation__twice_the_same_right__carried_once(void **state)
{
	(void)state;
	l.sets = 2;
	appraise();
	assert_trusted(s);
	assert_int_equal(s->verdict->elevation_count, 1);
}

static void audience__that_is_lent__refused_to_everybody(void **state)
{
	(void)state;
	s->claims.audiences[0] = BYTES_LIT("tickets.bank.example");
	s->claims.audience_count = 1;
	appraise();
	assert_refused(s, REASON_ELEVATION_AUDIENCE);
	assert_string_equal(s->verdict->reasons[0].actual, "tickets.bank.example");
	s->claims.audiences[0] = BYTES_LIT("invoices.bank.example");
	appraise();
	assert_trusted(s);
	assert_int_equal(s->verdict->elevation_count, 1);
}

static void elevation__without_room_for_its_tokens__not_granted(void **state)
{
	static char names[AUDIENCES_MAX][8];

	(void)state;
	for (size_t i = 0; i < AUDIENCES_MAX; i++) {
		(void)snprintf(names[i], sizeof(names[i]), "a%zu", i);
		s->claims.audiences[i] = bytes_str(names[i]);
	}
	s->claims.audience_count = AUDIENCES_MAX;
	assert_plain("no room for its tokens beside those asked for");
	s->claims.audience_count = AUDIENCES_MAX - 1;
	appraise();
	assert_int_equal(s->verdict->elevation_count, 1);
}

/* ---- frozen ---- */

struct objects {
	struct bytes list[16];
	size_t count;
};

static bool find(void *arg, const uint8_t digest[SHA256_LEN], struct bytes *ret)
{
	struct objects *o = arg;
	uint8_t actual[SHA256_LEN];

	for (size_t i = 0; i < o->count; i++)
		if (sha256_of(o->list[i], actual, NULL) &&
			memcmp(actual, digest, SHA256_LEN) == 0) {
			*ret = o->list[i];
			return true;
		}
	return false;
}

static void context__frozen_and_opened__same_verdict(void **state)
{
	struct objects o = {.count = 0};
	struct buf context = {0}, first = {0}, second = {0};
	struct policy_frozen *frozen = calloc(1, sizeof(*frozen));

	(void)state;
	appraise();
	assert_ok(verdict_json(s->verdict, &first, &s->err), s->err);
	assert_ok(policy_context_encode(
			  &s->context, buf_bytes(&s->evidence), &s->state_in, &context, &s->err),
		s->err);
	o.list[o.count++] = buf_bytes(&s->policy_text);
	o.list[o.count++] = s->context.release;
	o.list[o.count++] = buf_bytes(&s->evidence);
	for (size_t i = 0; i < s->context.approval_count; i++)
		o.list[o.count++] = s->context.approvals[i];
	assert_told(policy_context_decode(buf_bytes(&context), find, &o, frozen, &s->err), s->err,
		ERR_NOT_FOUND, "elevations ");
	o.list[o.count++] = buf_bytes(&l.set);
	assert_ok(policy_context_decode(buf_bytes(&context), find, &o, frozen, &s->err), s->err);
	assert_bytes(frozen->context.elevations, buf_bytes(&l.set));
	assert_ok(policy_appraise(frozen->evidence, &frozen->context, &frozen->state_in, s->verdict,
			  &s->state_out, &s->err),
		s->err);
	assert_ok(verdict_json(s->verdict, &second, &s->err), s->err);
	assert_bytes(buf_bytes(&second), buf_bytes(&first));
	policy_frozen_release(frozen);
	free(frozen);
	buf_release(&context);
	buf_release(&first);
	buf_release(&second);
}

static void context__set_that_cannot_be_read__undecided(void **state)
{
	(void)state;
	s->context.elevations = BYTES_LIT("{}");
	scene_attest(s);
	assert_told(policy_appraise(buf_bytes(&s->evidence), &s->context, &s->state_in, s->verdict,
			    &s->state_out, &s->err),
		s->err, ERR_FORMAT, "elevations");
	assert_false(s->verdict->trusted);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(elevation__in_force__granted_and_told),
		T(elevation__none__verdict_as_ever),
		T(credential__that_carries_it__ends_before_it),
		T(elevation__almost_over__not_carried),
		T(P10__elevation_of_another_instance__not_granted),
		T(elevation__of_the_whole_workload__granted),
		T(P10__elevation_of_another_workload_or_verifier__not_granted),
		T(P9__release_changed_in_between__not_granted),
		T(P8__right_no_longer_in_the_policy__not_granted),
		T(P8__approval_withdrawn_or_too_few__not_granted),
		T(elevation__clock_that_went_back__not_granted),
		T(elevation__host_quarantined__refused_without_it),
		T(elevation__not_begun_or_in_the_future__not_granted),
		T(elevation__of_a_class_that_the_policy_does_not_know__refused),
		T(credential__renewed_often__after_a_second_at_the_least),
		T(elevations__two_rights__both_carried),
		T(verdict__concluded_against__takes_the_right_back),
		T(elevation__twice_the_same_right__carried_once),
		T(audience__that_is_lent__refused_to_everybody),
		T(elevation__without_room_for_its_tokens__not_granted),
		T(context__frozen_and_opened__same_verdict),
		T(context__set_that_cannot_be_read__undecided),
	};
	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
