/* SPDX-License-Identifier: Apache-2.0 */
/* Runtime log and launch: each limit from both sides, the words of each reason, and no check listed that did not hold. */
#include "policy/policy.h"

#include "decision.h"

static void log_begin(void)
{
	struct runtime_baseline baseline = scene_baseline(s);

	scene_log_clear(s);
	scene_log_baseline(s, &baseline);
}

static void log_whole(const struct runtime_baseline *baseline)
{
	scene_log_clear(s);
	scene_log_baseline(s, baseline);
	for (size_t i = 0; i < SCENE_COMPONENTS; i++)
		scene_log_component(s, &s->components[i]);
	scene_log_launch(s);
	scene_run(s);
}

static void relaunch(const struct release_component *components)
{
	log_begin();
	for (size_t i = 0; i < SCENE_COMPONENTS; i++)
		scene_log_component(s, &components[i]);
	scene_log_launch(s);
	scene_run(s);
}

/* ---- the log ---- */

static void runtime__replayed__said_with_its_records(void **state)
{
	static const char line[] =
		"runtime log: records 0 to 5 replay onto PCR 15, and nothing else";

	(void)state;
	scene_run(s);
	assert_trusted(s);
	assert_true(says(s->verdict, line));
	s->pcrs.values[SCENE_PCR][0] ^= 1;
	scene_run(s);
	assert_refused(s, REASON_RUNTIME_PCR);
	assert_false(says(s->verdict, "runtime log: records"));
	assert_string_equal(s->verdict->reasons[0].where, "replay of the runtime log");
	assert_int_equal(strlen(s->verdict->reasons[0].expected), 2 * SHA256_LEN);
	assert_int_equal(strlen(s->verdict->reasons[0].actual), 2 * SHA256_LEN);
}

static void runtime__length_claimed_is_another__refused(void **state)
{
	struct appraisal *a = parsed();

	(void)state;
	assert_true(check_quote(a, &s->err));
	a->claims.runtime_length++;
	assert_true(check_runtime(a, &s->err));
	assert_int_equal(s->verdict->reason_count, 1);
	assert_true(verdict_has(s->verdict, REASON_RUNTIME_LOG));
	assert_false(a->runtime.replayed);
	appraisal_free(&a);
}

static void change_log(struct scene *scene, struct evidence *e)
{
	static uint8_t bent[4096];

	(void)scene;
	assert_true(e->runtime_log.len <= sizeof(bent));
	memcpy(bent, e->runtime_log.data, e->runtime_log.len);
	bent[e->runtime_log.len - 1] ^= 1;
	e->runtime_log.data = bent;
}

static void runtime__bytes_that_the_claims_do_not_name__refused_as_that(void **state)
{
	(void)state;
	s->edit_evidence = change_log;
	scene_run(s);
	assert_refused(s, REASON_RUNTIME_LOG);
	assert_string_equal(s->verdict->reasons[0].where, "evidence");
	assert_int_equal(strlen(s->verdict->reasons[0].expected), 2 * SHA256_LEN);
}

/* What it would be replayed from is of another boot: nothing is said of it. */
static void renewal__stale__its_log_is_not_judged(void **state)
{
	(void)state;
	scene_renewal(s);
	s->claims.boot_id[0] ^= 1;
	s->pcrs.values[SCENE_PCR][0] ^= 1;
	scene_run(s);
	assert_refused(s, REASON_STATE_STALE);
}

static void runtime__begins_or_ends_elsewhere__both_numbers_said(void **state)
{
	(void)state;
	s->claims.runtime_first = 1;
	scene_run(s);
	assert_reason(REASON_RUNTIME_GAP, "record 0", "record 1");
	s->claims.runtime_first = 0;
	s->log_next++;
	scene_run(s);
	assert_reason(REASON_RUNTIME_LOG, "record 6", "record 5");
}

static void runtime__log_that_lost_its_beginning__said(void **state)
{
	(void)state;
	scene_log_clear(s);
	scene_run(s);
	assert_refused(s, REASON_RUNTIME_BASELINE);
	assert_reason(REASON_RUNTIME_BASELINE, "at record 0", "none");
}

static void runtime__second_baseline__said(void **state)
{
	struct runtime_baseline baseline = scene_baseline(s);

	(void)state;
	baseline.reset_count = 9;
	scene_log_baseline(s, &baseline);
	scene_run(s);
	assert_refused(s, REASON_RUNTIME_BASELINE);
	assert_reason(REASON_RUNTIME_BASELINE, "one, at record 0", "another one");
}

static void Q21__baseline_of_another_boot__both_sides_said(void **state)
{
	struct runtime_baseline b = scene_baseline(s);

	(void)state;
	b.reset_count = 2;
	b.restart_count = 3;
	log_whole(&b);
	assert_refused(s, REASON_RUNTIME_BASELINE);
	assert_reason(REASON_RUNTIME_BASELINE, "reset count 1", "reset count 2, restart count 3");
	assert_string_equal(s->verdict->reasons[0].where, "runtime log record 0");
	assert_false(says(s->verdict, "runtime log: records"));
	b = scene_baseline(s);
	b.boot_id[15] ^= 1;
	log_whole(&b);
	assert_refused(s, REASON_BOOT_ID);
	assert_string_equal(s->verdict->reasons[0].where, "runtime log record 0");
	/* What follows is of that other boot, too. */
	assert_false(says(s->verdict, "runtime log: records"));
	assert_false(says(s->verdict, "launch: one"));
}

/* The host was suspended since: the TPM's count of restarts went on. */
static void Q22__baseline_of_before_a_restart__accepted(void **state)
{
	struct runtime_baseline b = scene_baseline(s);

	(void)state;
	b.restart_count = 2;
	s->attest.restart_count = 2;
	log_whole(&b);
	assert_trusted(s);
	s->attest.restart_count = 3;
	log_whole(&b);
	assert_trusted(s);
}

static void runtime__baseline_of_another_bank__both_said(void **state)
{
	static const uint8_t zeros[48];
	struct runtime_baseline b = scene_baseline(s);

	(void)state;
	b.bank = DIGEST_SHA384;
	b.pcr_before = BYTES_OF(zeros);
	log_whole(&b);
	assert_refused(s, REASON_RUNTIME_BASELINE);
	assert_string_equal(s->verdict->reasons[0].subject, "baseline: PCR bank");
	assert_reason(REASON_RUNTIME_BASELINE, "sha256", "sha384");
	assert_string_equal(s->verdict->reasons[0].where, "runtime log record 0");
}

/* The last byte counts as any other. */
static void runtime__pcr_extended_before_hostd__its_value_said(void **state)
{
	struct runtime_baseline b = scene_baseline(s);
	uint8_t before[SHA256_LEN] = {[SHA256_LEN - 1] = 1};

	(void)state;
	b.pcr_before = BYTES_OF(before);
	log_whole(&b);
	assert_refused(s, REASON_RUNTIME_BASELINE);
	assert_reason(REASON_RUNTIME_BASELINE,
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0000000000000000000000000000000000000000000000000000000000000001");
	assert_string_equal(s->verdict->reasons[0].where, "runtime log record 0");
	/* And that the replay then ends elsewhere is no news. */
	s->pcrs.values[SCENE_PCR][0] ^= 1;
	scene_run(s);
	assert_refused(s, REASON_RUNTIME_BASELINE);
}

static void runtime__bank_lacking_in_a_record__said(void **state)
{
	const enum digest_alg banks[] = {DIGEST_SHA384};
	struct runtime_exit e = {.instance = {9}};
	struct buf content = {0};
	struct digest digest;

	(void)state;
	assert_ok(runtime_exit_encode(&e, SCENE_NOW, &content, &s->err), s->err);
	assert_ok(runtime_record_put(&s->log, s->log_next++, SCENE_PCR, banks, 1,
			  buf_bytes(&content), &digest, &s->err),
		s->err);
	buf_release(&content);
	scene_run(s);
	assert_refused(s, REASON_RUNTIME_LOG);
	assert_non_null(strstr(s->verdict->reasons[0].actual, "record 5: no sha256 digest"));
}

/* Records may hold digests of other banks, before the policy's or behind it. */
static void runtime__more_banks_than_the_policys__replayed(void **state)
{
	static const enum digest_alg orders[2][2] = {
		{DIGEST_SHA384, DIGEST_SHA256}, {DIGEST_SHA256, DIGEST_SHA384}};
	struct runtime_exit e = {.instance = {9}};
	struct buf content = {0};

	(void)state;
	assert_ok(runtime_exit_encode(&e, SCENE_NOW, &content, &s->err), s->err);
	for (size_t i = 0; i < 2; i++) {
		struct digest digests[2];

		assert_ok(runtime_record_put(&s->log, s->log_next++, SCENE_PCR, orders[i], 2,
				  buf_bytes(&content), digests, &s->err),
			s->err);
		assert_ok(pcr_extend(DIGEST_SHA256, s->pcrs.values[SCENE_PCR], digests[1 - i].bytes,
				  &s->err),
			s->err);
	}
	buf_release(&content);
	scene_run(s);
	assert_trusted(s);
	assert_int_equal(s->state_out.runtime_next, 7);
}

static void runtime__exit_twice_or_of_another__ended_once_for_all(void **state)
{
	uint8_t theirs[INSTANCE_ID_LEN] = {0x22};

	(void)state;
	scene_log_exit(s, theirs);
	scene_run(s);
	assert_trusted(s);
	assert_false(s->state_out.ended);
	scene_log_exit(s, s->instance);
	scene_log_exit(s, s->instance);
	scene_log_exit(s, theirs);
	scene_run(s);
	assert_refused(s, REASON_INSTANCE_ENDED);
	assert_reason(REASON_INSTANCE_ENDED, "alive", "its exit is recorded");
	assert_true(s->state_out.ended);
}

/* ---- the launch ---- */

static void launch__as_released__said_with_its_components(void **state)
{
	(void)state;
	scene_run(s);
	assert_true(says(s->verdict,
		"launch: one, with the released spec and exactly the 3 components released"));
	assert_false(s->state_out.unpinned);
	assert_false(says(s->verdict, "component "));
	assert_false(says(s->verdict, "launch: the one accepted earlier"));
	s->release.spec[0] ^= 1;
	scene_log_default(s);
	s->release.spec[0] ^= 1;
	scene_run(s);
	assert_refused(s, REASON_SPEC_DIGEST);
	assert_false(says(s->verdict, "launch: one"));
}

static void component__first_and_last_of_the_release__compared(void **state)
{
	static const char *const subjects[] = {
		"component binary", "component model", "component settings"};

	(void)state;
	for (size_t i = 0; i < SCENE_COMPONENTS; i++) {
		struct release_component changed[SCENE_COMPONENTS];

		memcpy(changed, s->components, sizeof(changed));
		changed[i].digest[SHA256_LEN - 1] ^= 1;
		relaunch(changed);
		assert_refused(s, REASON_COMPONENT_DIGEST);
		assert_string_equal(s->verdict->reasons[0].subject, subjects[i]);
	}
}

static void component__cut_off_the_list__its_own_reason(void **state)
{
	const struct reason *r;

	(void)state;
	log_begin();
	for (size_t i = 0; i <= RUNTIME_COMPONENTS_MAX; i++) {
		s->launch.component_count = 0;
		scene_log_component(s, &s->components[0]);
	}
	scene_log_launch(s);
	scene_run(s);
	r = &s->verdict->reasons[0];
	assert_int_equal(r->code, REASON_COMPONENT_EXTRA);
	assert_string_equal(r->subject, "components of this instance");
	assert_string_equal(r->expected, "at most 256");
	assert_string_equal(r->actual, "more");
}

/* What no launch lists is refused as that; it is compared with nothing. */
static void component__unlisted_twin_of_a_released_one__refused_once(void **state)
{
	struct release_component twin = s->components[0];

	(void)state;
	twin.digest[0] ^= 1;
	log_begin();
	scene_log_component(s, &twin);
	s->launch.component_count = 0;
	for (size_t i = 0; i < SCENE_COMPONENTS; i++)
		scene_log_component(s, &s->components[i]);
	scene_log_launch(s);
	scene_run(s);
	assert_refused(s, REASON_COMPONENT_EXTRA);
	assert_string_equal(s->verdict->reasons[0].subject, "component measured for this instance");
}

static void renewal__nothing_launched__said(void **state)
{
	(void)state;
	scene_renewal(s);
	scene_run(s);
	assert_trusted(s);
	assert_true(says(s->verdict, "launch: the one accepted earlier; no other"));
	assert_false(s->state_out.unpinned);
}

/* As in a full appraisal: nobody lists it. */
static void renewal__component_measured_since__refused(void **state)
{
	(void)state;
	scene_renewal(s);
	scene_log_component(s, &s->components[0]);
	scene_run(s);
	assert_refused(s, REASON_COMPONENT_EXTRA);
	assert_string_equal(s->verdict->reasons[0].where, "runtime log record 5");
	assert_false(says(s->verdict, "launch: the one accepted earlier"));
}

/* ---- pinned or not ---- */

static void pinned__in_full__judged_by_what_was_measured(void **state)
{
	(void)state;
	s->presence = PRESENT_MEASURED_ONLY;
	scene_log_default(s);
	scene_run(s);
	assert_true(s->state_out.unpinned);
	assert_true(says(s->verdict, "component binary after it was measured"));
	s->pcrs.values[SCENE_PCR][0] ^= 1;
	scene_run(s);
	assert_refused(s, REASON_RUNTIME_PCR);
	assert_false(says(s->verdict, "component "));
	s->presence = PRESENT_COPY;
	scene_log_default(s);
	s->state_in.unpinned = true; /* of an earlier one */
	scene_run(s);
	assert_trusted(s);
	assert_false(s->state_out.unpinned);
	assert_false(says(s->verdict, "component "));
}

static void pinned__under_no_class__said(void **state)
{
	(void)state;
	s->presence = PRESENT_MEASURED_ONLY;
	scene_log_default(s);
	s->context.workload.risk_class = bytes_str("higher");
	scene_run(s);
	assert_false(verdict_has(s->verdict, REASON_COMPONENT_NOT_PINNED));
	assert_true(says(s->verdict, "component binary after it was measured"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(runtime__replayed__said_with_its_records),
		T(runtime__length_claimed_is_another__refused),
		T(runtime__bytes_that_the_claims_do_not_name__refused_as_that),
		T(renewal__stale__its_log_is_not_judged),
		T(runtime__begins_or_ends_elsewhere__both_numbers_said),
		T(runtime__log_that_lost_its_beginning__said),
		T(runtime__second_baseline__said),
		T(Q21__baseline_of_another_boot__both_sides_said),
		T(Q22__baseline_of_before_a_restart__accepted),
		T(runtime__baseline_of_another_bank__both_said),
		T(runtime__pcr_extended_before_hostd__its_value_said),
		T(runtime__bank_lacking_in_a_record__said),
		T(runtime__more_banks_than_the_policys__replayed),
		T(runtime__exit_twice_or_of_another__ended_once_for_all),
		T(launch__as_released__said_with_its_components),
		T(component__first_and_last_of_the_release__compared),
		T(component__cut_off_the_list__its_own_reason),
		T(component__unlisted_twin_of_a_released_one__refused_once),
		T(renewal__nothing_launched__said),
		T(renewal__component_measured_since__refused),
		T(pinned__in_full__judged_by_what_was_measured),
		T(pinned__under_no_class__said),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
