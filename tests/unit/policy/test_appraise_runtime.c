/* SPDX-License-Identifier: Apache-2.0 */
/* The appraisal: runtime log, launch against release, registers, and what renewals stand on. */
#include "policy/policy.h"

#include "scene.h"

static struct scene_keys keys;
static struct scene *s;

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
	scene_free(s);
	return 0;
}

/* Log and PCR up to where components would begin, for logs of another shape. */
static void log_begin(void)
{
	struct runtime_baseline baseline = scene_baseline(s);

	scene_log_clear(s);
	scene_log_baseline(s, &baseline);
}

static void log_components(void)
{
	for (size_t i = 0; i < s->release.component_count; i++)
		scene_log_component(s, &s->release.components[i]);
}

/* ---- the log itself ---- */

static void drop_log(struct scene *scene, struct evidence *e)
{
	(void)scene;
	e->runtime_log.len--;
}

static void runtime__another_log_than_claimed__refused(void **state)
{
	(void)state;
	s->edit_evidence = drop_log;
	scene_run(s);
	assert_refused(s, REASON_RUNTIME_LOG);
}

static void T1__byte_of_a_record_altered__refused(void **state)
{
	(void)state;
	s->log.data[s->log.len / 2] ^= 1;
	scene_run(s);
	assert_refused(s, REASON_RUNTIME_LOG);
}

static void runtime__claimed_end_differs__refused(void **state)
{
	(void)state;
	s->log_next++;
	scene_run(s);
	assert_refused(s, REASON_RUNTIME_LOG);
}

static void runtime__begins_later__refused(void **state)
{
	(void)state;
	s->claims.runtime_first = 1;
	scene_run(s);
	assert_refused(s, REASON_RUNTIME_GAP);
	assert_true(verdict_wants_full(s->verdict));
}

static void L21__unlogged_extend__refused(void **state)
{
	(void)state;
	s->pcrs.values[SCENE_PCR][0] ^= 1;
	scene_run(s);
	assert_refused(s, REASON_RUNTIME_PCR);
}

static void runtime__empty_log__refused(void **state)
{
	(void)state;
	scene_log_clear(s);
	scene_run(s);
	assert_refused(s, REASON_RUNTIME_BASELINE);
}

static void runtime__no_baseline__refused(void **state)
{
	(void)state;
	scene_log_clear(s);
	log_components();
	scene_log_launch(s);
	scene_run(s);
	assert_refused(s, REASON_RUNTIME_BASELINE);
}

static void runtime__second_baseline__refused(void **state)
{
	struct runtime_baseline baseline = scene_baseline(s);

	(void)state;
	scene_log_baseline(s, &baseline);
	scene_run(s);
	assert_refused(s, REASON_RUNTIME_BASELINE);
	assert_string_equal(s->verdict->reasons[0].where, "runtime log record 5");
}

static void runtime__record_of_another_bank_only__refused(void **state)
{
	const enum digest_alg banks[] = {DIGEST_SHA384};
	struct runtime_baseline baseline = scene_baseline(s);
	struct buf content = {0};
	struct digest digest;

	(void)state;
	scene_log_clear(s);
	assert_ok(runtime_baseline_encode(&baseline, 0, &content, &s->err), s->err);
	assert_ok(runtime_record_put(&s->log, s->log_next++, SCENE_PCR, banks, 1,
			  buf_bytes(&content), &digest, &s->err),
		s->err);
	buf_release(&content);
	scene_run(s);
	assert_refused(s, REASON_RUNTIME_LOG);
}

static void log_with(const struct runtime_baseline *baseline)
{
	scene_log_clear(s);
	scene_log_baseline(s, baseline);
	log_components();
	scene_log_launch(s);
	scene_run(s);
}

static void Q21__baseline_of_another_boot__refused(void **state)
{
	struct runtime_baseline b = scene_baseline(s);

	(void)state;
	b.reset_count = 2;
	log_with(&b);
	assert_refused(s, REASON_RUNTIME_BASELINE);
	b = scene_baseline(s);
	b.restart_count = 1;
	log_with(&b);
	assert_refused(s, REASON_RUNTIME_BASELINE);
	b = scene_baseline(s);
	b.boot_id[3] ^= 1;
	log_with(&b);
	assert_refused(s, REASON_BOOT_ID);
}

static void runtime__baseline_of_another_bank__refused(void **state)
{
	static const uint8_t zeros[48];
	struct runtime_baseline b = scene_baseline(s);

	(void)state;
	b.bank = DIGEST_SHA384;
	b.pcr_before = BYTES_OF(zeros);
	log_with(&b);
	assert_refused(s, REASON_RUNTIME_BASELINE);
}

static void runtime__pcr_extended_before_hostd__refused_with_hint(void **state)
{
	struct runtime_baseline b = scene_baseline(s);
	uint8_t before[SHA256_LEN] = {1};

	(void)state;
	b.pcr_before = BYTES_OF(before);
	log_with(&b);
	assert_refused(s, REASON_RUNTIME_BASELINE);
	assert_non_null(strstr(s->verdict->reasons[0].hint, "other software extends this PCR"));
}

/* ---- the launch ---- */

static void launch__none__refused(void **state)
{
	(void)state;
	log_begin();
	scene_run(s);
	assert_refused(s, REASON_RUNTIME_LAUNCH);
}

static void launch__two_of_one_instance__refused(void **state)
{
	(void)state;
	scene_log_launch(s);
	scene_run(s);
	assert_refused(s, REASON_RUNTIME_LAUNCH);
}

static void launch__of_another_instance__does_not_count(void **state)
{
	(void)state;
	memset(s->launch.instance, 0x22, INSTANCE_ID_LEN);
	log_begin();
	log_components();
	scene_log_launch(s);
	scene_run(s);
	assert_refused(s, REASON_RUNTIME_LAUNCH);
}

/* Another agent on the same host, measured and launched in between, is none of this one's business.
 */
static void launch__beside_another_instance__trusted(void **state)
{
	uint8_t ours[INSTANCE_ID_LEN], theirs[INSTANCE_ID_LEN];

	(void)state;
	memcpy(ours, s->instance, INSTANCE_ID_LEN);
	memset(theirs, 0x22, INSTANCE_ID_LEN);
	memcpy(s->instance, theirs, INSTANCE_ID_LEN);
	memcpy(s->launch.instance, theirs, INSTANCE_ID_LEN);
	s->launch.component_count = 0;
	scene_log_component(s, &s->components[0]);
	scene_log_launch(s);
	scene_log_exit(s, theirs);
	memcpy(s->instance, ours, INSTANCE_ID_LEN);
	scene_run(s);
	assert_trusted(s);
}

static void launch__of_another_workload_release_or_spec__refused(void **state)
{
	(void)state;
	s->launch.workload = bytes_str("other-agent");
	log_begin();
	log_components();
	scene_log_launch(s);
	scene_run(s);
	assert_refused(s, REASON_RUNTIME_LAUNCH);
	s->launch.workload = bytes_str("ocr-agent");
	s->launch.release[0] ^= 1;
	log_begin();
	log_components();
	scene_log_launch(s);
	scene_run(s);
	assert_refused(s, REASON_RUNTIME_LAUNCH);
	s->launch.release[0] ^= 1;
	s->launch.spec[0] ^= 1;
	log_begin();
	log_components();
	scene_log_launch(s);
	scene_run(s);
	assert_refused(s, REASON_SPEC_DIGEST);
}

static void launch__lists_a_component_that_was_not_measured__refused(void **state)
{
	(void)state;
	log_begin();
	log_components();
	memset(s->launch.components[s->launch.component_count++], 0x99, SHA256_LEN);
	scene_log_launch(s);
	scene_run(s);
	assert_refused(s, REASON_RUNTIME_LAUNCH);
}

static void launch__lists_a_component_twice__refused(void **state)
{
	(void)state;
	log_begin();
	log_components();
	memcpy(s->launch.components[3], s->launch.components[0], SHA256_LEN);
	s->launch.component_count = 4;
	scene_log_launch(s);
	scene_run(s);
	assert_refused(s, REASON_RUNTIME_LAUNCH);
}

static void launch__component_measured_only_afterwards__refused(void **state)
{
	(void)state;
	log_begin();
	log_components();
	/* The last record is written behind the launch that lists it. */
	buf_clear(&s->log);
	log_begin();
	scene_log_component(s, &s->components[0]);
	scene_log_component(s, &s->components[1]);
	{
		struct buf kept = s->log;
		uint8_t pcr[SHA256_LEN];
		uint64_t next = s->log_next;

		s->log = (struct buf){0};
		memcpy(pcr, s->pcrs.values[SCENE_PCR], SHA256_LEN);
		scene_log_component(s, &s->components[2]); /* for its digest in the launch */
		buf_release(&s->log);
		s->log = kept;
		s->log_next = next;
		memcpy(s->pcrs.values[SCENE_PCR], pcr, SHA256_LEN);
	}
	scene_log_launch(s);
	scene_log_component(s, &s->components[2]);
	scene_run(s);
	assert_refused_among(s, REASON_RUNTIME_LAUNCH);
}

static void launch__component_measured_but_not_listed__refused(void **state)
{
	struct release_component extra = s->components[0];

	(void)state;
	extra.name = (char *)(uintptr_t) "late";
	scene_log_component(s, &extra); /* after the launch */
	scene_run(s);
	assert_refused(s, REASON_COMPONENT_EXTRA);
}

/* ---- components against the release ---- */

static void relaunch(const struct release_component *components, size_t n)
{
	log_begin();
	for (size_t i = 0; i < n; i++)
		scene_log_component(s, &components[i]);
	scene_log_launch(s);
	scene_run(s);
}

static void component__one_bit_differs__refused_with_both_digests(void **state)
{
	struct release_component changed[SCENE_COMPONENTS];

	(void)state;
	memcpy(changed, s->components, sizeof(changed));
	changed[1].digest[31] ^= 1;
	relaunch(changed, SCENE_COMPONENTS);
	assert_refused(s, REASON_COMPONENT_DIGEST);
	assert_string_equal(s->verdict->reasons[0].subject, "component model");
	assert_string_equal(s->verdict->reasons[0].where, "runtime log record 2");
	assert_string_equal(s->verdict->reasons[0].expected,
		"c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1");
	assert_string_equal(s->verdict->reasons[0].actual,
		"c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c0");
}

static void P11__same_digest_of_another_kind__refused(void **state)
{
	struct release_component changed[SCENE_COMPONENTS];

	(void)state;
	memcpy(changed, s->components, sizeof(changed));
	changed[1].kind = COMPONENT_SHA256;
	relaunch(changed, SCENE_COMPONENTS);
	assert_refused(s, REASON_COMPONENT_DIGEST);
	assert_string_equal(s->verdict->reasons[0].actual, "sha256");
}

static void component__in_another_role__refused(void **state)
{
	struct release_component changed[SCENE_COMPONENTS];

	(void)state;
	memcpy(changed, s->components, sizeof(changed));
	changed[2].role = (char *)(uintptr_t) "tools";
	relaunch(changed, SCENE_COMPONENTS);
	assert_refused(s, REASON_COMPONENT_DIGEST);
	assert_string_equal(s->verdict->reasons[0].subject, "component settings: role");
}

static void component__missing__refused(void **state)
{
	(void)state;
	relaunch(s->components, 2);
	assert_refused(s, REASON_COMPONENT_MISSING);
	assert_string_equal(s->verdict->reasons[0].subject, "component settings");
}

static void M8__component_that_the_release_does_not_list__refused(void **state)
{
	struct release_component more[SCENE_COMPONENTS + 1];

	(void)state;
	memcpy(more, s->components, sizeof(s->components));
	more[3] = more[0];
	more[3].name = (char *)(uintptr_t) "plugin";
	relaunch(more, 4);
	assert_refused(s, REASON_COMPONENT_EXTRA);
	assert_string_equal(s->verdict->reasons[0].subject, "component plugin");
}

static void component__two_of_one_name__refused(void **state)
{
	struct release_component more[SCENE_COMPONENTS + 1];

	(void)state;
	memcpy(more, s->components, sizeof(s->components));
	more[3] = more[0];
	more[3].digest[0] ^= 1;
	relaunch(more, 4);
	assert_refused(s, REASON_COMPONENT_EXTRA);
	assert_string_equal(s->verdict->reasons[0].actual, "measured twice");
}

static void component__more_than_a_launch_may_have__refused(void **state)
{
	(void)state;
	log_begin();
	for (size_t i = 0; i <= RUNTIME_COMPONENTS_MAX; i++) {
		s->launch.component_count = 0;
		scene_log_component(s, &s->components[0]);
	}
	scene_log_launch(s);
	scene_run(s);
	assert_refused_among(s, REASON_COMPONENT_EXTRA);
	assert_string_equal(s->verdict->reasons[0].subject, "components of this instance");
}

static void component__measured_not_pinned__named_or_refused_by_class(void **state)
{
	(void)state;
	s->presence = PRESENT_MEASURED_ONLY;
	scene_log_default(s);
	scene_run(s);
	assert_trusted(s);
	assert_true(s->state_out.unpinned);
	assert_non_null(strstr(s->verdict->not_checked[3], "component model"));
	s->class_lines = SCENE_CLASS_LINES "    pinned: true\n";
	scene_policy(s);
	memcpy(s->approvals[0].approval.clause, s->policy->classes[0].clause, SHA256_LEN);
	memcpy(s->approvals[1].approval.clause, s->policy->classes[0].clause, SHA256_LEN);
	scene_approve(s);
	scene_run(s);
	assert_int_equal(s->verdict->reason_count, 3);
	assert_refused_among(s, REASON_COMPONENT_NOT_PINNED);
}

/* ---- registers, release, class ---- */

static void workload__unknown_other_or_retired__refused(void **state)
{
	(void)state;
	scene_attest(s);
	s->context.workload.state = WORKLOAD_NONE;
	scene_judge(s);
	assert_refused(s, REASON_WORKLOAD_UNKNOWN);
	s->context.workload.state = WORKLOAD_RETIRED;
	scene_judge(s);
	assert_refused(s, REASON_WORKLOAD_RETIRED);
	s->context.workload.state = WORKLOAD_ACTIVE;
	s->context.workload.name = bytes_str("other-agent");
	scene_judge(s);
	assert_refused_among(s, REASON_WORKLOAD_UNKNOWN);
	assert_refused_among(s, REASON_RELEASE_WORKLOAD);
}

static void release__of_another_workload__refused(void **state)
{
	(void)state;
	s->release.workload = (char *)(uintptr_t) "other-agent";
	scene_release(s);
	scene_approve(s);
	scene_log_default(s);
	s->launch.workload = bytes_str("ocr-agent");
	log_begin();
	log_components();
	scene_log_launch(s);
	scene_run(s);
	assert_refused(s, REASON_RELEASE_WORKLOAD);
}

static void release__unknown_or_revoked__refused(void **state)
{
	(void)state;
	scene_attest(s);
	s->context.release_state = RELEASE_NONE;
	scene_judge(s);
	assert_refused(s, REASON_RELEASE_UNKNOWN);
	s->context.release_state = RELEASE_REVOKED;
	scene_judge(s);
	assert_refused(s, REASON_RELEASE_REVOKED);
	s->context.release_state = RELEASE_PUBLISHED;
	s->context.release = (struct bytes){0};
	scene_judge(s);
	assert_refused(s, REASON_RELEASE_UNKNOWN);
}

static void P10__another_release_than_claimed__refused(void **state)
{
	uint8_t claimed[SHA256_LEN];

	(void)state;
	memcpy(claimed, s->claims.release, SHA256_LEN);
	s->release.version = (char *)(uintptr_t) "1.3.0";
	scene_release(s); /* the verifier hands over 1.3.0, the host claims 1.4.0 */
	scene_approve(s);
	memcpy(s->claims.release, claimed, SHA256_LEN);
	scene_run(s);
	assert_refused(s, REASON_RELEASE_UNKNOWN);
}

static void class__register_and_release_differ__refused(void **state)
{
	(void)state;
	s->class_lines = SCENE_CLASS_LINES
		"  - name: high\n    approvals: []\n    credential_lifetime: 5m\n";
	scene_policy(s);
	s->context.workload.risk_class = bytes_str("high");
	scene_run(s);
	assert_refused(s, REASON_RISK_CLASS);
}

static void class__register_names_one_that_the_policy_lacks__refused(void **state)
{
	(void)state;
	s->context.workload.risk_class = bytes_str("none");
	scene_run(s);
	assert_refused_among(s, REASON_RISK_CLASS);
	assert_string_equal(s->verdict->reasons[0].subject, "risk class of the workload");
}

static void P10__approval_for_another_environment__refused(void **state)
{
	(void)state;
	s->context.workload.environment = bytes_str("staging");
	scene_run(s);
	assert_refused_among(s, REASON_APPROVAL_MISSING);
	assert_refused_among(s, REASON_APPROVAL_OTHER);
}

/* ---- renewals ---- */

static void renewal__nothing_new__trusted_without_sending_the_log_again(void **state)
{
	(void)state;
	scene_renewal(s);
	scene_run(s);
	assert_trusted(s);
	assert_false(s->verdict->full);
	assert_int_equal(s->state_out.runtime_next, 5);
	assert_memory_equal(s->state_out.launch, s->state_in.launch, SHA256_LEN);
	assert_memory_equal(s->state_out.pcr, s->state_in.pcr, SHA256_LEN);
}

static void renewal__of_a_renewal_with_others_launched__trusted(void **state)
{
	uint8_t theirs[INSTANCE_ID_LEN];

	(void)state;
	memset(theirs, 0x22, INSTANCE_ID_LEN);
	scene_renewal(s);
	scene_log_exit(s, theirs);
	scene_renewal(s);
	scene_log_exit(s, theirs);
	scene_run(s);
	assert_trusted(s);
	assert_int_equal(s->state_out.runtime_next, 7);
}

static void renewal__log_not_from_where_it_ended__refused(void **state)
{
	uint8_t theirs[INSTANCE_ID_LEN];

	(void)state;
	memset(theirs, 0x22, INSTANCE_ID_LEN);
	scene_renewal(s);
	scene_log_exit(s, theirs);
	buf_clear(&s->log); /* the record is kept back */
	s->claims.runtime_first = s->log_next;
	scene_run(s);
	assert_refused(s, REASON_RUNTIME_GAP);
}

static void renewal__record_kept_back__refused(void **state)
{
	uint8_t theirs[INSTANCE_ID_LEN];

	(void)state;
	memset(theirs, 0x22, INSTANCE_ID_LEN);
	scene_renewal(s);
	scene_log_exit(s, theirs);
	buf_clear(&s->log);
	s->log_next = s->claims.runtime_first;
	scene_run(s);
	assert_refused(s, REASON_RUNTIME_PCR);
}

static void renewal__exit_recorded__ended_and_never_trusted_again(void **state)
{
	(void)state;
	scene_renewal(s);
	scene_log_exit(s, s->instance);
	scene_run(s);
	assert_refused(s, REASON_INSTANCE_ENDED);
	assert_true(s->state_out.ended);
	assert_int_equal(s->state_out.runtime_next, s->state_in.runtime_next);
	s->state_in = s->state_out;
	s->log_next = s->state_in.runtime_next;
	buf_clear(&s->log);
	memcpy(s->pcrs.values[SCENE_PCR], s->state_in.pcr, SHA256_LEN);
	scene_run(s);
	assert_refused(s, REASON_INSTANCE_ENDED);
}

static void renewal__exit_in_evidence_that_proves_nothing__does_not_end_it(void **state)
{
	(void)state;
	scene_renewal(s);
	scene_log_exit(s, s->instance);
	s->signer = keys.other_ak;
	scene_run(s);
	assert_refused(s, REASON_QUOTE_SIGNATURE);
	assert_false(s->state_out.ended);
}

static void renewal__process_gone__refused(void **state)
{
	(void)state;
	scene_renewal(s);
	s->claims.running = false;
	scene_run(s);
	assert_refused(s, REASON_INSTANCE_NOT_RUNNING);
}

static void renewal__another_key__refused_incremental_and_full(void **state)
{
	(void)state;
	scene_renewal(s);
	scene_key(s, keys.other, KEY_SOFTWARE);
	scene_attest_with(s, keys.other);
	scene_judge(s);
	assert_refused(s, REASON_KEY_CHANGED);
	scene_log_default(s);
	scene_attest_with(s, keys.other);
	scene_judge(s);
	assert_true(s->verdict->full);
	assert_refused(s, REASON_KEY_CHANGED);
}

static void renewal__launched_again__refused(void **state)
{
	(void)state;
	scene_renewal(s);
	scene_log_launch(s);
	scene_run(s);
	assert_refused(s, REASON_RUNTIME_LAUNCH);
}

static void renewal__other_pcr_moved__full_appraisal_demanded_then_trusted(void **state)
{
	(void)state;
	scene_renewal(s);
	s->pcrs.values[7][0] ^= 1;
	scene_run(s);
	assert_refused(s, REASON_PCRS_CHANGED);
	assert_true(verdict_wants_full(s->verdict));
	scene_log_default(s);
	scene_run(s);
	assert_trusted(s);
	assert_true(s->verdict->full);
}

static void renewal__ima_pcr_moved__trusted(void **state)
{
	(void)state;
	scene_renewal(s);
	s->pcrs.values[10][0] ^= 1;
	scene_run(s);
	assert_trusted(s);
}

static void renewal__policy_changed__full_appraisal_demanded_then_trusted(void **state)
{
	(void)state;
	scene_renewal(s);
	s->top_lines = "challenge_lifetime: 121s\n";
	scene_policy(s);
	scene_run(s);
	assert_refused(s, REASON_STATE_STALE);
	assert_string_equal(s->verdict->reasons[0].subject, "policy");
	assert_true(verdict_wants_full(s->verdict));
	scene_log_default(s);
	scene_run(s);
	assert_trusted(s);
}

static void renewal__release_changed__full_appraisal_demanded(void **state)
{
	(void)state;
	scene_renewal(s);
	s->release.version = (char *)(uintptr_t) "1.5.0";
	scene_release(s);
	scene_approve(s);
	scene_run(s);
	assert_refused(s, REASON_STATE_STALE);
	assert_string_equal(s->verdict->reasons[0].subject, "release");
}

/* However well it fits what was established. */
static void renewal__full_appraisal_overdue__demanded_then_trusted(void **state)
{
	(void)state;
	scene_renewal(s);
	s->context.full_ago = 576;
	scene_run(s);
	assert_refused(s, REASON_STATE_STALE);
	assert_string_equal(s->verdict->reasons[0].subject, "full appraisal");
	assert_string_equal(s->verdict->reasons[0].expected, "the whole runtime log");
	assert_string_equal(s->verdict->reasons[0].actual, "576 renewals after the last one");
	assert_true(verdict_wants_full(s->verdict));
	scene_log_default(s);
	scene_run(s);
	assert_trusted(s);
}

/* Q22: a suspend shows in restartCount, and what was established before it does not carry over. */
static void Q22__boot_reset_restart_or_bank_changed__full_appraisal_demanded(void **state)
{
	(void)state;
	scene_renewal(s);
	s->attest.restart_count = 1;
	scene_run(s);
	assert_refused(s, REASON_STATE_STALE);
	s->attest.restart_count = 0;
	s->attest.reset_count = 2;
	scene_run(s);
	assert_refused(s, REASON_STATE_STALE);
	s->attest.reset_count = 1;
	s->claims.boot_id[0] ^= 1;
	scene_run(s);
	assert_refused(s, REASON_STATE_STALE);
	s->claims.boot_id[0] ^= 1;
	s->state_in.bank = DIGEST_SHA384;
	scene_run(s);
	assert_refused(s, REASON_STATE_STALE);
}

static void Q21__reset_and_whole_log_of_the_new_boot__the_old_launch_is_gone(void **state)
{
	(void)state;
	scene_renewal(s);
	s->attest.reset_count = 2;
	log_begin();
	scene_run(s);
	assert_refused_among(s, REASON_RUNTIME_BASELINE); /* still names reset 1 */
	{
		struct runtime_baseline b = scene_baseline(s);

		b.reset_count = 2;
		scene_log_clear(s);
		scene_log_baseline(s, &b);
	}
	scene_run(s);
	assert_refused(s, REASON_RUNTIME_LAUNCH);
}

static void renewal__full_log_with_another_launch_record__refused(void **state)
{
	(void)state;
	scene_renewal(s);
	s->launch.uid = 1000;
	log_begin();
	log_components();
	scene_log_launch(s);
	scene_run(s);
	assert_refused(s, REASON_RUNTIME_LAUNCH);
	assert_string_equal(s->verdict->reasons[0].subject, "launch record: as accepted earlier");
}

static void renewal__approval_withdrawn_meanwhile__refused(void **state)
{
	(void)state;
	scene_renewal(s);
	scene_approval_set(s, 2, "bob", "security", keys.bob);
	s->approvals[2].approval.withdrawn = true;
	scene_approve(s);
	scene_run(s);
	assert_refused_among(s, REASON_APPROVAL_WITHDRAWN);
}

static void renewal__unpinned_at_launch__still_said(void **state)
{
	(void)state;
	s->presence = PRESENT_MEASURED_ONLY;
	scene_log_default(s);
	scene_renewal(s);
	scene_run(s);
	assert_trusted(s);
	assert_true(s->state_out.unpinned);
	assert_non_null(strstr(s->verdict->not_checked[1], "measured, not pinned"));
}

static void launch__with_a_suffix_of_the_log__refused(void **state)
{
	(void)state;
	scene_renewal(s);
	s->context.challenge.purpose = s->claims.purpose = PURPOSE_LAUNCH;
	scene_run(s);
	assert_refused(s, REASON_RUNTIME_GAP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(runtime__another_log_than_claimed__refused),
		T(T1__byte_of_a_record_altered__refused),
		T(runtime__claimed_end_differs__refused),
		T(runtime__begins_later__refused),
		T(L21__unlogged_extend__refused),
		T(runtime__empty_log__refused),
		T(runtime__no_baseline__refused),
		T(runtime__second_baseline__refused),
		T(runtime__record_of_another_bank_only__refused),
		T(Q21__baseline_of_another_boot__refused),
		T(runtime__baseline_of_another_bank__refused),
		T(runtime__pcr_extended_before_hostd__refused_with_hint),
		T(launch__none__refused),
		T(launch__two_of_one_instance__refused),
		T(launch__of_another_instance__does_not_count),
		T(launch__beside_another_instance__trusted),
		T(launch__of_another_workload_release_or_spec__refused),
		T(launch__lists_a_component_that_was_not_measured__refused),
		T(launch__lists_a_component_twice__refused),
		T(launch__component_measured_only_afterwards__refused),
		T(launch__component_measured_but_not_listed__refused),
		T(component__one_bit_differs__refused_with_both_digests),
		T(P11__same_digest_of_another_kind__refused),
		T(component__in_another_role__refused),
		T(component__missing__refused),
		T(M8__component_that_the_release_does_not_list__refused),
		T(component__two_of_one_name__refused),
		T(component__more_than_a_launch_may_have__refused),
		T(component__measured_not_pinned__named_or_refused_by_class),
		T(workload__unknown_other_or_retired__refused),
		T(release__of_another_workload__refused),
		T(release__unknown_or_revoked__refused),
		T(P10__another_release_than_claimed__refused),
		T(class__register_and_release_differ__refused),
		T(class__register_names_one_that_the_policy_lacks__refused),
		T(P10__approval_for_another_environment__refused),
		T(renewal__nothing_new__trusted_without_sending_the_log_again),
		T(renewal__of_a_renewal_with_others_launched__trusted),
		T(renewal__log_not_from_where_it_ended__refused),
		T(renewal__record_kept_back__refused),
		T(renewal__exit_recorded__ended_and_never_trusted_again),
		T(renewal__exit_in_evidence_that_proves_nothing__does_not_end_it),
		T(renewal__process_gone__refused),
		T(renewal__another_key__refused_incremental_and_full),
		T(renewal__launched_again__refused),
		T(renewal__other_pcr_moved__full_appraisal_demanded_then_trusted),
		T(renewal__ima_pcr_moved__trusted),
		T(renewal__policy_changed__full_appraisal_demanded_then_trusted),
		T(renewal__release_changed__full_appraisal_demanded),
		T(renewal__full_appraisal_overdue__demanded_then_trusted),
		T(Q22__boot_reset_restart_or_bank_changed__full_appraisal_demanded),
		T(Q21__reset_and_whole_log_of_the_new_boot__the_old_launch_is_gone),
		T(renewal__full_log_with_another_launch_record__refused),
		T(renewal__approval_withdrawn_meanwhile__refused),
		T(renewal__unpinned_at_launch__still_said),
		T(launch__with_a_suffix_of_the_log__refused),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
