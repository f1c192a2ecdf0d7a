/* SPDX-License-Identifier: Apache-2.0 */
/* What a workload's rollout does to verdicts, and that a record freezes it. */
#include "policy/policy.h"

#include "extra_key.h"
#include "scene.h"

static struct scene_keys keys;
static struct scene *s;
static struct buf frozen, again;
static struct policy_frozen thawed;

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
	s->context.rollout = (struct rollout_view){.state = ROLLOUT_RUNNING,
		.id = {0xab, 1},
		.share = 500,
		.changed = SCENE_NOW - 60,
		.drain = 600};
	memcpy(s->context.rollout.release_new, s->release_digest, SHA256_LEN);
	memset(s->context.rollout.release_old, 0x0d, SHA256_LEN);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	policy_frozen_release(&thawed);
	scene_free(s);
	buf_release(&frozen);
	buf_release(&again);
	return 0;
}

/* The host's keys are made anew in each run, so the id of the rollout is looked for. */
static void host_is_in_canary(bool wanted)
{
	uint64_t place = 0;

	do {
		s->context.rollout.id[1]++;
		if (s->context.rollout.id[1] == 0)
			s->context.rollout.id[2]++;
		assert_true(rollout_place(s->context.rollout.id, s->context.host.id, &place, NULL));
	} while (rollout_place_within(place, 500) != wanted);
}

/* The scene's release is the old one, or a third one. */
static void release_is_old(void)
{
	memcpy(s->context.rollout.release_old, s->release_digest, SHA256_LEN);
	memset(s->context.rollout.release_new, 0x0e, SHA256_LEN);
}

static void release_is_other(void)
{
	memset(s->context.rollout.release_new, 0x0e, SHA256_LEN);
}

static bool checked(const char *text)
{
	for (size_t i = 0; i < s->verdict->checked_count; i++)
		if (strstr(s->verdict->checked[i], text))
			return true;
	return false;
}

static const struct reason *reason(void)
{
	return &s->verdict->reasons[0];
}

static void no_rollout__nothing_asked_or_said(void **state)
{
	(void)state;
	s->context.rollout = (struct rollout_view){0};
	scene_run(s);
	assert_trusted(s);
	assert_false(checked("rollout"));
}

static void running__new_release_on_a_host_of_the_canary__trusted_and_said(void **state)
{
	(void)state;
	host_is_in_canary(true);
	scene_run(s);
	assert_trusted(s);
	assert_true(checked("(running, canary 5%): the new release, on a host of the canary"));
	assert_true(checked("rollout ab"));
}

static void running__new_release_outside_the_canary__refused_and_says_what_to_do(void **state)
{
	(void)state;
	host_is_in_canary(false);
	scene_run(s);
	assert_refused(s, REASON_ROLLOUT_CANARY);
	assert_string_equal(reason()->expected, "a host of the canary: a place below 5%");
	assert_non_null(strstr(reason()->actual, "a host outside it: place "));
	assert_non_null(strstr(reason()->where, "rollout ab"));
	assert_non_null(strstr(reason()->hint, "assay rollout status"));
}

static void renewal__canary_host__goes_on(void **state)
{
	(void)state;
	host_is_in_canary(true);
	scene_renewal(s);
	scene_run(s);
	assert_trusted(s);
	assert_true(checked("the new release, on a host of the canary"));
}

static void renewal__rollout_began_without_this_host__refused(void **state)
{
	struct rollout_view rollout = s->context.rollout;

	(void)state;
	s->context.rollout = (struct rollout_view){0};
	scene_renewal(s);
	s->context.rollout = rollout;
	host_is_in_canary(false);
	scene_run(s);
	assert_refused(s, REASON_ROLLOUT_CANARY);
}

static void running__old_release__trusted_on_every_host(void **state)
{
	(void)state;
	release_is_old();
	host_is_in_canary(true);
	scene_run(s);
	assert_trusted(s);
	assert_true(checked("admits this release here"));
	host_is_in_canary(false);
	scene_run(s);
	assert_trusted(s);
}

static void running__third_release__launch_refused_renewal_trusted(void **state)
{
	(void)state;
	release_is_other();
	scene_run(s);
	assert_refused(s, REASON_ROLLOUT_RELEASE);
	assert_non_null(strstr(reason()->expected, "0e0e"));
	assert_non_null(strstr(reason()->expected, " or 0d0d"));
	s->context.rollout.state = ROLLOUT_NONE;
	scene_renewal(s);
	s->context.rollout.state = ROLLOUT_RUNNING;
	scene_run(s);
	assert_trusted(s);
}

static void halted__new_release__neither_launches_nor_renews(void **state)
{
	(void)state;
	host_is_in_canary(true);
	scene_renewal(s);
	s->context.rollout.state = ROLLOUT_HALTED;
	scene_run(s);
	assert_refused(s, REASON_ROLLOUT_HALTED);
	assert_string_equal(reason()->actual, "halted since 2027-01-15T07:59:00Z");
	assert_string_equal(reason()->expected, "running or promoted");
	release_is_old();
	scene_run(s);
	assert_trusted(s);
}

static void rolled_back__new_release_refused_old_trusted(void **state)
{
	(void)state;
	s->context.rollout.state = ROLLOUT_ROLLED_BACK;
	scene_run(s);
	assert_refused(s, REASON_ROLLOUT_ROLLED_BACK);
	assert_string_equal(reason()->actual, "rolled back since 2027-01-15T07:59:00Z");
	release_is_old();
	scene_run(s);
	assert_trusted(s);
	release_is_other();
	s->context.rollout.release_old[0] = 1;
	scene_run(s);
	assert_refused(s, REASON_ROLLOUT_RELEASE);
	assert_int_equal(strncmp(reason()->expected, "01", 2), 0);
}

static void promoted__new_release__trusted_everywhere(void **state)
{
	(void)state;
	s->context.rollout.state = ROLLOUT_PROMOTED;
	host_is_in_canary(false);
	scene_run(s);
	assert_trusted(s);
	assert_true(checked("(promoted, canary 5%): admits this release here"));
}

static void promoted__old_release__launches_no_more_and_renews_until_the_drain_ends(void **state)
{
	(void)state;
	release_is_old();
	s->context.rollout.state = ROLLOUT_PROMOTED;
	scene_run(s);
	assert_refused(s, REASON_ROLLOUT_RELEASE);
	assert_int_equal(strncmp(reason()->expected, "0e0e", 4), 0);
	s->context.rollout.state = ROLLOUT_RUNNING;
	scene_renewal(s);
	s->context.rollout.state = ROLLOUT_PROMOTED;
	scene_run(s);
	assert_trusted(s);
	s->context.rollout.drain = 60; /* until now */
	scene_run(s);
	assert_refused(s, REASON_ROLLOUT_RELEASE);
	assert_string_equal(
		reason()->expected, "renewals of other releases before 2027-01-15T08:00:00Z");
}

/* A purpose is what a host says. */
static void promoted__first_evidence_called_a_renewal__judged_as_a_launch(void **state)
{
	(void)state;
	release_is_old();
	s->context.rollout.state = ROLLOUT_PROMOTED;
	s->context.challenge.purpose = s->claims.purpose = PURPOSE_RENEW;
	s->claims.running = true;
	scene_run(s);
	assert_refused(s, REASON_ROLLOUT_RELEASE);
}

/* Trusted before, and asking for a launch: a launch. */
static void promoted__trusted_instance_asks_for_a_launch__judged_as_a_launch(void **state)
{
	(void)state;
	release_is_old();
	scene_run(s);
	assert_trusted(s);
	s->state_in = s->state_out;
	s->context.rollout.state = ROLLOUT_PROMOTED;
	scene_run(s);
	assert_refused(s, REASON_ROLLOUT_RELEASE);
}

/* The launch was measured: another release in the claims is another launch. */
static void running__canary_host_claims_the_old_release__refused(void **state)
{
	(void)state;
	host_is_in_canary(false);
	memcpy(s->claims.release, s->context.rollout.release_old, SHA256_LEN);
	scene_run(s);
	assert_refused_among(s, REASON_RELEASE_UNKNOWN);
	assert_refused_among(s, REASON_RUNTIME_LAUNCH);
}

/* Another id is another endorsement key: the place is that of the key that answers. */
static void running__host_under_another_id__refused(void **state)
{
	(void)state;
	host_is_in_canary(false);
	memset(s->context.host.id, 0x42, HOST_ID_LEN);
	memset(s->claims.host_id, 0x42, HOST_ID_LEN);
	scene_run(s);
	assert_refused_among(s, REASON_HOST_OTHER);
}

/* ---- frozen ---- */

static bool find(void *arg, const uint8_t digest[SHA256_LEN], struct bytes *ret)
{
	const struct bytes objects[] = {buf_bytes(&s->policy_text), s->context.release,
		buf_bytes(&s->evidence), s->approval_list[0], s->approval_list[1]};

	(void)arg;
	for (size_t i = 0; i < ARRAY_LEN(objects); i++) {
		uint8_t own[SHA256_LEN];

		if (sha256_of(objects[i], own, NULL) && memcmp(own, digest, SHA256_LEN) == 0) {
			*ret = objects[i];
			return true;
		}
	}
	return false;
}

static void freeze(void)
{
	buf_clear(&frozen);
	assert_ok(policy_context_encode(
			  &s->context, buf_bytes(&s->evidence), &s->state_in, &frozen, &s->err),
		s->err);
}

static bool thaw(struct bytes from)
{
	return policy_context_decode(from, find, NULL, &thawed, &s->err);
}

static void assert_same_verdict(void)
{
	struct buf first = {0}, second = {0};
	struct policy_state out;

	assert_ok(verdict_json(s->verdict, &first, &s->err), s->err);
	assert_ok(policy_appraise(thawed.evidence, &thawed.context, &thawed.state_in, s->verdict,
			  &out, &s->err),
		s->err);
	assert_ok(verdict_json(s->verdict, &second, &s->err), s->err);
	assert_bytes(buf_bytes(&second), buf_bytes(&first));
	buf_release(&first);
	buf_release(&second);
}

static void context__rollout__frozen_and_the_same_verdict_reached(void **state)
{
	(void)state;
	for (int canary = 0; canary < 2; canary++) {
		host_is_in_canary(canary);
		scene_run(s);
		assert_int_equal(s->verdict->trusted, canary);
		freeze();
		assert_ok(thaw(buf_bytes(&frozen)), s->err);
		assert_memory_equal(
			&thawed.context.rollout.id, s->context.rollout.id, ROLLOUT_ID_LEN);
		assert_int_equal(thawed.context.rollout.share, 500);
		assert_int_equal(thawed.context.rollout.drain, 600);
		assert_same_verdict();
		buf_clear(&again);
		assert_ok(policy_context_encode(&thawed.context, thawed.evidence, &thawed.state_in,
				  &again, &s->err),
			s->err);
		assert_bytes(buf_bytes(&again), buf_bytes(&frozen));
		policy_frozen_release(&thawed);
	}
}

static void context__no_rollout__key_left_out(void **state)
{
	size_t with;

	(void)state;
	scene_run(s);
	freeze();
	with = frozen.len;
	s->context.rollout = (struct rollout_view){0};
	freeze();
	assert_true(with > frozen.len + 100);
	assert_ok(thaw(buf_bytes(&frozen)), s->err);
	assert_int_equal(thawed.context.rollout.state, ROLLOUT_NONE);
}

static void context__rollout_malformed__refused(void **state)
{
	/* {1: id, 2: state, 3: share, …}: the bytes behind the id */
	static const struct {
		struct bytes from, to;
		const char *why;
	} cases[] = {
		{BYTES_LIT("\x02\x01\x03\x19\x01\xf4"), BYTES_LIT("\x02\x00\x03\x19\x01\xf4"),
			"rollout state: 0: left out where there was none"},
		{BYTES_LIT("\x02\x01\x03\x19\x01\xf4"), BYTES_LIT("\x02\x05\x03\x19\x01\xf4"),
			"rollout state"},
		{BYTES_LIT("\x02\x01\x03\x19\x01\xf4"), BYTES_LIT("\x02\x01\x03\x19\x27\x11"),
			"rollout share"},
		{BYTES_LIT("\x07\x19\x02\x58"), BYTES_LIT("\x07\x1a\x7f\xff\xff\xff"),
			"rollout drain"},
	};

	(void)state;
	scene_run(s);
	freeze();
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const uint8_t *at =
			memmem(frozen.data, frozen.len, cases[i].from.data, cases[i].from.len);

		assert_non_null(at);
		buf_clear(&again);
		buf_put(&again, bytes_of(frozen.data, (size_t)(at - frozen.data)));
		buf_put(&again, cases[i].to);
		at += cases[i].from.len;
		buf_put(&again, bytes_of(at, (size_t)(frozen.data + frozen.len - at)));
		s->err = (struct err){0};
		assert_false(thaw(buf_bytes(&again)));
		if (!strstr(s->err.text, cases[i].why))
			fail_msg("case %zu: %s", i, s->err.text);
	}
	extra_key_first(buf_bytes(&frozen),
		extra_key_find(buf_bytes(&frozen), BYTES_LIT("\x11\xa7\x01\x50")) + 1, &again);
	assert_false(thaw(buf_bytes(&again)));
}

static void context__rollout_times_out_of_range__not_encoded(void **state)
{
	(void)state;
	scene_run(s);
	s->context.rollout.changed = -1;
	assert_fails(policy_context_encode(
			     &s->context, buf_bytes(&s->evidence), &s->state_in, &frozen, &s->err),
		s->err, ERR_USAGE, "context: a time out of range");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(no_rollout__nothing_asked_or_said),
		T(running__new_release_on_a_host_of_the_canary__trusted_and_said),
		T(running__new_release_outside_the_canary__refused_and_says_what_to_do),
		T(renewal__canary_host__goes_on),
		T(renewal__rollout_began_without_this_host__refused),
		T(running__old_release__trusted_on_every_host),
		T(running__third_release__launch_refused_renewal_trusted),
		T(halted__new_release__neither_launches_nor_renews),
		T(rolled_back__new_release_refused_old_trusted),
		T(promoted__new_release__trusted_everywhere),
		T(promoted__old_release__launches_no_more_and_renews_until_the_drain_ends),
		T(promoted__first_evidence_called_a_renewal__judged_as_a_launch),
		T(promoted__trusted_instance_asks_for_a_launch__judged_as_a_launch),
		T(running__canary_host_claims_the_old_release__refused),
		T(running__host_under_another_id__refused),
		T(context__rollout__frozen_and_the_same_verdict_reached),
		T(context__no_rollout__key_left_out),
		T(context__rollout_malformed__refused),
		T(context__rollout_times_out_of_range__not_encoded),
#undef T
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
