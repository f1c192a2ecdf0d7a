/* SPDX-License-Identifier: Apache-2.0 */
/* Host classes against each other, what a renewal stands on, and the IMA log under a class. */
#include "ima_scene.h"
#include "policy/boot.h"

static struct scene_keys keys;

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
	ima_setup(&keys);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	ima_teardown();
	return 0;
}

static bool checked(const char *text)
{
	return boot_says(boot.s->verdict->checked, boot.s->verdict->checked_count, text);
}

static bool not_checked(const char *text)
{
	return boot_says(boot.s->verdict->not_checked, boot.s->verdict->not_checked_count, text);
}

static void assert_first(
	enum reason_code code, const char *expected, const char *actual, const char *where)
{
	const struct reason *r = &boot.s->verdict->reasons[0];

	assert_true(boot.s->verdict->reason_count > 0);
	assert_int_equal(r->code, code);
	assert_string_equal(r->expected, expected);
	assert_string_equal(r->actual, actual);
	assert_string_equal(r->where, where);
}

/* The scene's evidence, parsed, and its quote checked or not. */
static struct appraisal *parsed(bool quoted)
{
	struct scene *s = boot.s;
	struct appraisal *a;
	bool ok = false;

	scene_attest(s);
	memset(s->verdict, 0, sizeof(*s->verdict));
	a = appraisal_new(&s->context, &s->state_in, s->verdict, &s->err);
	assert_non_null(a);
	assert_ok(appraisal_parse(a, buf_bytes(&s->evidence), &ok, &s->err), s->err);
	assert_true(ok);
	if (quoted)
		assert_true(check_quote(a, &s->err));
	return a;
}

/* ---- which class ---- */

/* Two classes by these lines, both with the golden log of this machine. */
static void two_classes(const char *risk, const char *first, const char *second)
{
	struct buf golden = {0};
	uint8_t digest[SHA256_LEN];
	char hex[2 * SHA256_LEN + 1];

	boot_read(GOOD, "firmware.log", &golden);
	assert_ok(sha256_of(buf_bytes(&golden), digest, &boot.s->err), boot.s->err);
	hex_encode(BYTES_OF(digest), hex);
	buf_clear(&boot.lines);
	boot_reference("golden-log", buf_bytes(&golden), "");
	buf_printf(&boot.lines,
		"%s  - name: edge\n    references: [ {kind: golden-log, sha256: %s} ]\n%s", first,
		hex, second);
	boot_policy(risk, "");
	boot_attach(buf_bytes(&golden));
	buf_release(&golden);
}

#define BOTH    SCENE_CLASS_LINES "    host_classes: [server, edge]\n"
#define NO_DBX  "    dbx_minimum: 100000\n"
#define NO_LINE "    command_line: {require: [x]}\n"

static size_t of_part(const enum verdict_part *parts, size_t n, enum verdict_part part)
{
	size_t count = 0;
	for (size_t i = 0; i < n; i++)
		count += parts[i] == part;
	return count;
}

/* Under which leaf of an audit each finding of a boot stands. */
static void class__findings__each_of_its_part(void **state)
{
	const struct verdict *v = boot.s->verdict;
	(void)state;
	scene_run(boot.s);
	assert_trusted(boot.s);
	assert_true(of_part(v->checked_part, v->checked_count, PART_BOOT) > 0);
	assert_true(of_part(v->checked_part, v->checked_count, PART_IMA_LOG) > 0);
	assert_true(v->held & 1u << PART_IMA_LOG);
	two_classes(BOTH, NO_DBX, NO_LINE);
	scene_run(boot.s);
	assert_true(v->reason_count > 0);
	assert_int_equal(v->reasons[0].part, PART_BOOT);
	assert_true(v->refused & 1u << PART_BOOT);
}

static void class__both_fit__the_first_is_the_hosts(void **state)
{
	(void)state;
	two_classes(BOTH, "", "");
	scene_run(boot.s);
	assert_trusted(boot.s);
	assert_int_equal(boot.s->state_out.host_class, 1);
	assert_true(checked("boot: host class server"));
	assert_false(checked("boot: host class edge"));
}

static void class__neither_fits__the_nearest_is_told(void **state)
{
	static const struct {
		const char *first, *second;
		enum reason_code code;
	} cases[] = {
		{NO_DBX, NO_DBX NO_LINE, REASON_DBX_OLD},
		{NO_DBX NO_LINE, NO_LINE, REASON_COMMAND_LINE},
		{NO_DBX, NO_LINE, REASON_DBX_OLD}, /* as near: the first */
		{NO_LINE, NO_DBX, REASON_COMMAND_LINE},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		two_classes(BOTH, cases[i].first, cases[i].second);
		scene_run(boot.s);
		assert_refused(boot.s, cases[i].code);
		assert_int_equal(boot.s->state_out.host_class, 0);
		assert_false(checked("boot: host class"));
	}
}

static void class__more_reasons_than_a_verdict_holds__said_to_be_cut(void **state)
{
	static const enum digest_alg banks[] = {DIGEST_SHA256};
	struct log_maker maker = {0};
	struct buf line = {0}, event = {0};

	(void)state;
	for (unsigned i = 0; i < REASONS_MAX + 1; i++)
		buf_put_str(&line, "x=1 ");
	buf_printf(&event, "kernel_cmdline: %s", buf_str(&line));
	log_maker_start(&maker, banks, ARRAY_LEN(banks));
	log_maker_separators(&maker, 0, 7);
	log_maker_put(&maker, 8, EV_IPL, buf_bytes(&line), buf_bytes(&event));
	boot_made(
		&maker, BOOT_RISK, "    secure_boot: any\n    command_line: {forbid: [\"x=*\"]}\n");
	boot_attach(buf_bytes(&boot.firmware));
	scene_run(boot.s);
	assert_int_equal(boot.s->verdict->reason_count, REASONS_MAX);
	assert_true(boot.s->verdict->reasons_cut);
	buf_release(&line);
	buf_release(&event);
}

/* ---- what it is worth ---- */

static void boot__of_a_quote_that_does_not_hold__not_judged(void **state)
{
	struct appraisal *a = parsed(false);

	(void)state;
	a->runtime.replayed = true;
	assert_true(check_boot(a, &boot.s->err));
	assert_int_equal(a->verdict->assurance, ASSURANCE_NONE);
	assert_int_equal(a->verdict->reason_count, 0);
	assert_int_equal(a->host_class, 0);
	appraisal_free(&a);
}

/* A boot that fits lifts nothing where the agent itself is not shown. */
static void boot__under_a_runtime_log_that_does_not_replay__no_level(void **state)
{
	struct appraisal *a = parsed(true);

	(void)state;
	assert_true(check_boot(a, &boot.s->err));
	assert_int_equal(a->verdict->assurance, ASSURANCE_NONE);
	assert_int_equal(a->host_class, 1);
	a->runtime.replayed = true;
	assert_true(check_boot(a, &boot.s->err));
	assert_int_equal(a->verdict->assurance, ASSURANCE_MEASURED);
	appraisal_free(&a);
}

static void boot__under_no_risk_class__reported(void **state)
{
	struct appraisal *a = parsed(true);

	(void)state;
	a->class = NULL;
	a->runtime.replayed = true;
	assert_true(check_boot(a, &boot.s->err));
	assert_int_equal(a->verdict->assurance, ASSURANCE_REPORTED);
	assert_int_equal(a->verdict->reason_count, 0);
	assert_int_equal(a->host_class, 0);
	appraisal_free(&a);
}

/* ---- renewals ---- */

static void renewal__of_the_second_class__stays_with_it(void **state)
{
	(void)state;
	two_classes(BOTH, NO_DBX, "    may_vary: [14]\n");
	scene_run(boot.s);
	assert_int_equal(boot.s->state_out.host_class, 2);
	scene_renewal(boot.s);
	boot.send_firmware = boot.send_ima = false;
	boot_claims();
	scene_run(boot.s);
	assert_trusted(boot.s);
	assert_int_equal(boot.s->state_out.host_class, 2);
	assert_true(checked("boot: host class edge"));
	assert_true(not_checked("what was measured into PCRs 14: host class edge leaves it open"));
	/* The risk class names the first one alone by now; under the same policy a workload moved. */
	for (size_t named = 1; named <= 2; named++) {
		struct policy_class *risk = &boot.s->policy->classes[0];

		risk->host_count = named;
		scene_run(boot.s);
		if (named == 2) {
			assert_trusted(boot.s);
			continue;
		}
		assert_refused(boot.s, REASON_STATE_STALE);
		assert_first(REASON_STATE_STALE, "one that the risk class names", "none or another",
			"state of the last appraisal");
		assert_string_equal(boot.s->verdict->reasons[0].subject, "host class");
	}
}

static void renewal__at_the_end_of_its_references__until_that_second(void **state)
{
	(void)state;
	policy_with(", until: 2027-01-15T08:00:10Z");
	ima_renewal();
	boot.s->context.now = SCENE_NOW + 10;
	scene_run(boot.s);
	assert_trusted(boot.s);
	assert_int_equal(boot.s->state_out.boot_until, SCENE_NOW + 10);
	boot.s->context.now++;
	scene_run(boot.s);
	assert_refused(boot.s, REASON_STATE_STALE);
	assert_first(REASON_STATE_STALE, "2027-01-15T08:00:10Z", "2027-01-15T08:00:11Z",
		"state of the last appraisal");
	/* In the first second of 1970 an end would be over; 0 says that there is none. */
	boot.s->state_in.boot_until = 1;
	scene_run(boot.s);
	assert_refused(boot.s, REASON_STATE_STALE);
}

static void renewal__refused_for_its_ima_log__fits_no_class(void **state)
{
	(void)state;
	ima_renewal();
	boot.s->claims.ima_start--;
	scene_run(boot.s);
	assert_refused(boot.s, REASON_STATE_STALE);
	assert_false(checked("boot: host class"));
}

/* ---- the IMA log ---- */

static void ima__not_from_where_it_ended__said(void **state)
{
	(void)state;
	boot.s->claims.ima_start = 1;
	scene_run(boot.s);
	assert_refused(boot.s, REASON_STATE_STALE);
	assert_first(REASON_STATE_STALE, "from the entry that the verifier asked for",
		"from another", "claims");
	boot.s->claims.ima_start = 0;
	boot.send_ima = false;
	scene_run(boot.s);
	assert_refused(boot.s, REASON_IMA_LOG);
	assert_first(REASON_IMA_LOG, "a log", "none", "evidence");
}

static void ima__no_prefix_fits__the_quoted_value_said(void **state)
{
	char hex[2 * SHA256_LEN + 1];

	(void)state;
	boot.s->pcrs.values[IMA_PCR][0] ^= 1;
	hex_encode(bytes_of(boot.s->pcrs.values[IMA_PCR], SHA256_LEN), hex);
	scene_run(boot.s);
	assert_refused(boot.s, REASON_IMA_PCR);
	assert_string_equal(boot.s->verdict->reasons[0].subject, "PCR 10");
	assert_first(REASON_IMA_PCR, hex, "no prefix of 41 entries gives it", "IMA log");
}

static void ima__accepted__said_how_many(void **state)
{
	(void)state;
	scene_run(boot.s);
	assert_trusted(boot.s);
	assert_true(checked("IMA: 41 entries from 0 on approved by rules; 0 behind them not "
			    "attested yet"));
	assert_false(not_checked("files that the IMA rules leave out"));
	for (size_t i = 0; ima_not_measured[i]; i++)
		assert_true(not_checked(ima_not_measured[i]));
	ima_renewal();
	scene_run(boot.s);
	assert_true(checked("IMA: 0 entries from 41 on approved by rules"));
}

static void ima__hostd_not_seen__its_path_said(void **state)
{
	(void)state;
	buf_clear(&class_lines);
	buf_put_str(&class_lines,
		"    ima:\n      lockdown: secure-boot\n      hostd: [ {path: /usr/bin/a\\x20b, "
		"sha256: 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff} ]\n");
	policy_with("");
	scene_run(boot.s);
	assert_refused(boot.s, REASON_HOSTD_UNMEASURED);
	assert_string_equal(boot.s->verdict->reasons[0].subject, "assay-hostd");
	assert_string_equal(boot.s->verdict->reasons[0].actual,
		"not in the log with a digest that the host class names");
	assert_int_equal(boot.s->state_out.ima.next, 0);
}

/* The class with these sets of rules; NULL: not attached. */
static void rule_sets(const struct buf *sets, size_t count, bool attached)
{
	struct buf golden = {0};

	boot_read(GOOD, "firmware.log", &golden);
	buf_clear(&boot.lines);
	boot_reference("golden-log", buf_bytes(&golden), "");
	for (size_t i = 0; i < count; i++)
		boot_reference("ima-rules", buf_bytes(&sets[i]), "");
	boot_policy(BOOT_RISK, buf_str(&class_lines));
	boot_attach(buf_bytes(&golden));
	for (size_t i = 0; attached && i < count; i++)
		boot_attach(buf_bytes(&sets[i]));
	buf_release(&golden);
}

static void ima__rules_not_attached__approve_nothing(void **state)
{
	(void)state;
	rule_sets(&rules, 1, false);
	scene_run(boot.s);
	assert_refused(boot.s, REASON_REFERENCE_EXPIRED);
	assert_first(REASON_REFERENCE_EXPIRED, "rules whose time is not over", "none", "");
}

/* The rules but for their first and their last line: two findings, and one. */
static void ima__two_sets_that_refuse__the_nearer_is_told(void **state)
{
	struct buf sets[2] = {{0}};
	const char *text = buf_str(&rules), *second = strchr(text, '\n') + 1;
	size_t last = rules.len - 1;

	(void)state;
	while (rules.data[last - 1] != '\n')
		last--;
	buf_put_str(&sets[0], second);
	buf_put(&sets[1], bytes_of(second, last - (size_t)(second - text)));
	for (unsigned swap = 0; swap < 2; swap++) {
		const struct buf order[2] = {sets[swap], sets[1 - swap]};

		rule_sets(order, 2, true);
		scene_run(boot.s);
		assert_int_equal(boot.s->verdict->reason_count, 1);
		assert_int_equal(boot.s->verdict->reasons[0].code, REASON_IMA_FILE);
		assert_string_equal(
			boot.s->verdict->reasons[0].expected, "what the IMA rules list");
	}
	/* The one that approves is taken, wherever it stands. */
	for (unsigned swap = 0; swap < 2; swap++) {
		const struct buf order[2] = {swap ? rules : sets[0], swap ? sets[0] : rules};

		rule_sets(order, 2, true);
		scene_run(boot.s);
		assert_trusted(boot.s);
	}
	buf_release(&sets[0]);
	buf_release(&sets[1]);
}

static void ima__known_with_another_digest__that_one_said(void **state)
{
	static const char known[] =
		"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

	(void)state;
	boot_machine("unlisted-program");
	buf_printf(&rules, "sha256:%s  /opt/unlisted\n", known);
	policy_with("");
	scene_run(boot.s);
	assert_refused(boot.s, REASON_IMA_FILE);
	assert_string_equal(boot.s->verdict->reasons[0].subject, "/opt/unlisted");
	assert_string_equal(boot.s->verdict->reasons[0].expected, known);
	assert_non_null(strstr(boot.s->verdict->reasons[0].actual, "entry 3: /opt/unlisted"));
}

/* Nothing is proposed that would allow it: what to do is said in general. */
static void ima__finding_that_no_rule_mends__has_a_hint(void **state)
{
	static const uint8_t sha1[20] = {1};

	(void)state;
	ima_renewal();
	ima_make_old(&boot.ima, IMA_PCR, BYTES_OF(sha1), "/bin/old");
	ima_extend_last();
	scene_run(boot.s);
	assert_refused(boot.s, REASON_IMA_FILE); /* and not without a hint */
	assert_non_null(strstr(boot.s->verdict->reasons[0].actual, "boot with ima_hash=sha256"));
	assert_false(checked("approved by rules"));
	assert_int_equal(boot.s->state_out.ima.next, IMA_SCENE_ENTRIES);
}

static void ima__rules_before_any_other_reference__judge(void **state)
{
	struct buf golden = {0};

	(void)state;
	boot_read(GOOD, "firmware.log", &golden);
	buf_clear(&boot.lines);
	boot_reference("ima-rules", buf_bytes(&rules), "");
	boot_reference("golden-log", buf_bytes(&golden), "");
	boot_policy(BOOT_RISK, buf_str(&class_lines));
	boot_attach(buf_bytes(&golden));
	boot_attach(buf_bytes(&rules));
	scene_run(boot.s);
	assert_trusted(boot.s);
	assert_int_equal(boot.s->verdict->assurance, ASSURANCE_MEASURED);
	buf_release(&golden);
}

static void ima__two_sets_as_near__the_first_is_told(void **state)
{
	struct buf sets[2] = {{0}};
	char subjects[2][REASON_TEXT_MAX];
	const char *text = buf_str(&rules), *second = strchr(text, '\n') + 1,
		   *third = strchr(second, '\n') + 1;

	(void)state;
	buf_put_str(&sets[0], second);
	buf_put(&sets[1], bytes_of(text, (size_t)(second - text)));
	buf_put_str(&sets[1], third);
	for (unsigned swap = 0; swap < 2; swap++) {
		const struct buf order[2] = {sets[swap], sets[1 - swap]};

		rule_sets(order, 2, true);
		scene_run(boot.s);
		assert_int_equal(boot.s->verdict->reason_count, 1);
		snprintf(subjects[swap], sizeof(subjects[swap]), "%s",
			boot.s->verdict->reasons[0].subject);
	}
	assert_string_not_equal(subjects[0], subjects[1]);
	rule_sets(&sets[0], 1, true);
	scene_run(boot.s);
	assert_string_equal(subjects[0], boot.s->verdict->reasons[0].subject);
	buf_release(&sets[0]);
	buf_release(&sets[1]);
}

static void ima__more_findings_than_are_told__said_to_be_cut(void **state)
{
	struct buf none = {0};

	(void)state;
	buf_put_str(&none, "# nothing may run\n");
	rule_sets(&none, 1, true);
	scene_run(boot.s);
	assert_int_equal(boot.s->verdict->reason_count, IMA_FINDINGS_MAX);
	assert_true(boot.s->verdict->reasons_cut);
	buf_release(&none);
	boot_machine("unlisted-program");
	policy_with("");
	scene_run(boot.s);
	assert_int_equal(boot.s->verdict->reason_count, 1);
	assert_false(boot.s->verdict->reasons_cut);
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(class__findings__each_of_its_part),
		T(class__both_fit__the_first_is_the_hosts),
		T(class__neither_fits__the_nearest_is_told),
		T(class__more_reasons_than_a_verdict_holds__said_to_be_cut),
		T(boot__of_a_quote_that_does_not_hold__not_judged),
		T(boot__under_a_runtime_log_that_does_not_replay__no_level),
		T(boot__under_no_risk_class__reported),
		T(renewal__of_the_second_class__stays_with_it),
		T(renewal__at_the_end_of_its_references__until_that_second),
		T(renewal__refused_for_its_ima_log__fits_no_class),
		T(ima__not_from_where_it_ended__said),
		T(ima__no_prefix_fits__the_quoted_value_said),
		T(ima__accepted__said_how_many),
		T(ima__hostd_not_seen__its_path_said),
		T(ima__rules_not_attached__approve_nothing),
		T(ima__two_sets_that_refuse__the_nearer_is_told),
		T(ima__known_with_another_digest__that_one_said),
		T(ima__finding_that_no_rule_mends__has_a_hint),
		T(ima__rules_before_any_other_reference__judge),
		T(ima__two_sets_as_near__the_first_is_told),
		T(ima__more_findings_than_are_told__said_to_be_cut),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
