/* SPDX-License-Identifier: Apache-2.0 */
/* The story of entries: what is told of machines, instances and persons, in which order, and on what
 * each line rests. */
#include "ledger/timeline.h"

#include "base/cbor.h"
#include "base/text.h"
#include "tests/support/unit.h"

#define START 1800000000
#define HOST  "4040404040404040404040404040404040404040404040404040404040404040"

static struct err err;
static struct timeline *timeline;
static json_t *lines;
static uint64_t next_index;
static uint8_t last_id[SHA256_LEN];

static void begin(const uint8_t *host, int64_t until)
{
	const struct timeline_options options = {.host = host, .until = until};
	assert_ok(timeline_new(&options, &timeline, &err), err);
}

static int setup(void **state)
{
	(void)state;
	next_index = 0;
	begin(NULL, 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	timeline_free(&timeline);
	json_decref(lines);
	lines = NULL;
	return 0;
}

/* A trusted renewal of the one instance, one boot, a clock that goes with the time. */
static struct ledger_entry decision(int64_t after)
{
	struct ledger_entry e = {.index = next_index++,
		.type = LEAF_DECISION,
		.time = START + after,
		.decided = true,
		.facts = {.workload = "ocr",
			.purpose = PURPOSE_RENEW,
			.trusted = true,
			.renew_after = 300,
			.booted = true,
			.safe = true,
			.reset_count = 5,
			.restart_count = 1,
			.clock_ms = 1000000 + (uint64_t)after * 1000}};
	memset(e.facts.host, 0x40, HOST_ID_LEN);
	memset(e.facts.instance, 0x11, INSTANCE_ID_LEN);
	e.facts.boot_id[0] = 2;
	memset(e.id, (int)e.index + 1, sizeof(e.id));
	memcpy(last_id, e.id, sizeof(last_id));
	return e;
}

static struct ledger_entry launch(int64_t after)
{
	struct ledger_entry e = decision(after);
	e.facts.purpose = PURPOSE_LAUNCH;
	return e;
}

static void add(struct ledger_entry e)
{
	assert_ok(timeline_add(timeline, &e, false, &err), err);
}

static void said(enum leaf_type type, int64_t after, const char *text)
{
	struct ledger_entry e = {.index = next_index++, .type = type, .time = START + after};
	buf_put_str(&e.content, text);
	assert_ok(ledger_entry_open(&e, &err), err);
	assert_non_null(e.said);
	add(e);
	ledger_entry_release(&e);
}

static void issued(unsigned count)
{
	struct ledger_entry e = {.index = next_index++, .type = LEAF_ISSUED, .time = START};
	struct cbor_writer w = cbor_writer_of(&e.content);
	static const uint8_t digest[SHA256_LEN] = {9};
	cbor_put_map(&w, 2);
	cbor_put_int(&w, 0);
	cbor_put_bytes(&w, BYTES_OF(last_id));
	cbor_put_int(&w, 1);
	cbor_put_array(&w, count);
	for (unsigned i = 0; i < count; i++)
		cbor_put_bytes(&w, BYTES_OF(digest));
	assert_ok(cbor_writer_finish(&w, &err), err);
	add(e);
	ledger_entry_release(&e);
}

static const char *field(size_t i, const char *key)
{
	const char *text = json_string_value(json_object_get(json_array_get(lines, i), key));
	return text ? text : "";
}

/* The kinds in order. */
static void assert_story(const char *wanted)
{
	struct buf kinds = {0};
	assert_ok(timeline_finish(timeline, &lines, &err), err);
	for (size_t i = 0; i < json_array_size(lines); i++)
		buf_printf(&kinds, "%s%s", i ? " " : "", field(i, "kind"));
	assert_string_equal(kinds.len ? buf_str(&kinds) : "", wanted);
	buf_release(&kinds);
}

/* ---- boots ---- */

/* What the verifier says of the same two quotes (evidence/tpm_timeline.h). */
static void tpm__each_step__told_apart(void **state)
{
	const struct decision_facts before = decision(0).facts;
	static const struct {
		uint32_t resets, restarts;
		int64_t clock_ms;
		uint8_t boot;
		const char *wanted, *text;
	} cases[] = {
		{5, 1, 1000, 2, "", ""},
		{6, 0, -900000, 1, "reboot ", "rebooted (reset count 5, then 6)"},
		{5, 3, 1000, 1, "reboot ", "rebooted more than once (restart count 1, then 3)"},
		{5, 2, 1000, 2, "suspend ", "suspended and resumed (restart count 1, then 2)"},
		{5, 1, 1000, 1, "kexec ",
			"another kernel started without a reset of the TPM "
			"(another boot id)"},
		{0, 0, -940000, 1, "tpm-clear ",
			"the TPM was cleared: its counts and its clock began anew (reset count 5, "
			"then 0; clock 1000000 ms, then 60000 ms)"},
		{4, 9, -900000, 1, "rollback ",
			"an older state of the TPM was put back (reset count 5, then 4; clock "
			"1000000 ms, then 100000 ms)"},
		{4, 9, 1000, 1, "fork ",
			"the TPM's state lives twice: one copy was reset on (reset count 5, "
			"restart "
			"count 1), another went on without (4, 9, clock 1000000 ms, then 1001000 "
			"ms)"},
		{5, 0, 1000, 2, "fork ",
			"the TPM's state lives twice: one copy was reset on (reset count 5, "
			"restart "
			"count 1), another went on without (5, 0, clock 1000000 ms, then 1001000 "
			"ms)"},
		{5, 1, -600000, 2, "", ""}, /* one quote overtook another */
		{5, 1, -600001, 2, "fork ",
			"the TPM's clock went back without a reset, from 1000000 ms to 399999 ms: "
			"its state lives twice, the TPM was cloned"},
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char wanted[64];
		struct ledger_entry e = launch(0);
		add(e);
		e = decision(60);
		e.facts.reset_count = cases[i].resets;
		e.facts.restart_count = cases[i].restarts;
		e.facts.clock_ms = (uint64_t)((int64_t)before.clock_ms + cases[i].clock_ms);
		e.facts.boot_id[0] = cases[i].boot;
		add(e);
		(void)snprintf(wanted, sizeof(wanted), "boot launch %srenewals", cases[i].wanted);
		assert_story(wanted);
		if (cases[i].wanted[0])
			assert_string_equal(field(2, "text"), cases[i].text);
		(void)teardown(NULL);
		(void)setup(NULL);
	}
}

static void tpm__other_firmware__told(void **state)
{
	static const struct {
		uint64_t before, after;
		const char *wanted, *text;
	} cases[] = {
		{7, 7, "boot launch renewals", ""},
		{7, 8, "boot launch tpm-firmware renewals",
			"the TPM runs newer firmware (0000000000000007, then 0000000000000008)"},
		{8, 7, "boot launch tpm-firmware renewals",
			"the TPM runs older firmware (0000000000000008, then 0000000000000007)"},
		{0, 7, "boot launch renewals", ""}, /* an entry from before it was kept */
		{7, 0, "boot launch renewals", ""},
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct ledger_entry e = launch(0);
		e.facts.firmware_version = cases[i].before;
		add(e);
		e = decision(60);
		e.facts.firmware_version = cases[i].after;
		add(e);
		assert_story(cases[i].wanted);
		if (cases[i].text[0])
			assert_string_equal(field(2, "text"), cases[i].text);
		(void)teardown(NULL);
		(void)setup(NULL);
	}
}

/* The machine came back once, however often it was refused since. */
static void machine__rebooted_and_refused__told_once(void **state)
{
	(void)state;
	add(launch(0));
	for (unsigned i = 1; i < 4; i++) {
		struct ledger_entry e = launch(100 * (int64_t)i);
		e.facts.reset_count = 6;
		e.facts.restart_count = 0;
		e.facts.trusted = i == 3;
		add(e);
	}
	assert_story("boot launch reboot refusal refusal launch");
}

/* Two quotes are compared: both must have held. What the verifier's clock tells apart is its word. */
static void tpm__steps_of_audited_decisions__proven_but_for_what_time_says(void **state)
{
	static const struct {
		uint32_t resets;
		uint64_t clock;
		bool first, second;
		const char *kind, *standing;
	} cases[] = {
		{6, 2000000, true, true, "reboot", "proven"},
		{6, 2000000, false, true, "reboot", "asserted"},
		{6, 2000000, true, false, "reboot", "asserted"},
		{4, 2000000, true, true, "fork", "proven"},
		{4, 500000, true, true, "rollback", "asserted"},
		{0, 5000, true, true, "tpm-clear", "asserted"},
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct ledger_entry e = launch(0);
		assert_ok(timeline_add(timeline, &e, cases[i].first, &err), err);
		e = launch(60);
		e.facts.reset_count = cases[i].resets;
		e.facts.restart_count = 0;
		e.facts.clock_ms = cases[i].clock;
		assert_ok(timeline_add(timeline, &e, cases[i].second, &err), err);
		assert_ok(timeline_finish(timeline, &lines, &err), err);
		assert_string_equal(field(2, "kind"), cases[i].kind);
		assert_string_equal(field(2, "standing"), cases[i].standing);
		(void)teardown(NULL);
		(void)setup(NULL);
	}
}

static void machine__rebooted__told_before_the_launch_that_showed_it(void **state)
{
	struct ledger_entry e;
	(void)state;
	add(launch(0));
	e = launch(100);
	e.facts.reset_count = 7;
	e.facts.restart_count = 0;
	e.facts.safe = false;
	memset(e.facts.instance, 0x22, INSTANCE_ID_LEN);
	add(e);
	assert_story("boot launch reboot launch");
	assert_string_equal(field(2, "text"),
		"rebooted more than once (reset count 5, then 7); the last stop was not clean");
	assert_string_equal(field(2, "host"), HOST);
	assert_string_equal(field(2, "instance"), "");
	assert_int_equal(json_array_size(json_object_get(json_array_get(lines, 2), "rests_on")), 2);
}

static void machine__resumed_cleared_other_kernel__told(void **state)
{
	struct ledger_entry e;
	(void)state;
	add(launch(0));
	e = decision(300);
	e.facts.restart_count = 2;
	add(e);
	e = decision(600);
	e.facts.restart_count = 2;
	e.facts.boot_id[0] = 1;
	add(e);
	e = decision(900);
	e.facts.reset_count = e.facts.restart_count = 0;
	e.facts.clock_ms = 1000;
	add(e);
	assert_story("boot launch suspend renewals kexec renewals tpm-clear renewals");
	assert_string_equal(field(2, "text"), "suspended and resumed (restart count 1, then 2)");
}

static void fork__the_refused_state_stays_the_stranger(void **state)
{
	struct ledger_entry e;
	(void)state;
	add(launch(0));
	e = decision(200);
	e.facts.trusted = false;
	e.facts.clock_ms = 999000;
	e.facts.reason_count = 1;
	(void)snprintf(e.facts.reasons[0], DECISION_REASON_LEN, "clock-backwards");
	add(e);
	said(LEAF_HOST_STATE, 200,
		"{\"event\":\"host-state\",\"host\":\"" HOST "\",\"state\":\"quarantined\","
		"\"by\":\"verifier\",\"reason\":\"its state exists twice\"}");
	add(decision(300)); /* the first one again: nothing went back for it */
	assert_story("boot launch fork refusal quarantine renewals");
	assert_string_equal(field(2, "text"), "the TPM's clock went back without a reset, from "
					      "1000000 ms to 999000 ms: its state "
					      "lives twice, the TPM was cloned");
	assert_string_equal(field(3, "text"),
		"renew of instance 1111111111111111… of ocr refused: clock-backwards");
}

static void machine__quote_that_nobody_believed__no_boot(void **state)
{
	struct ledger_entry e = launch(0);
	(void)state;
	e.facts.trusted = false;
	e.facts.reason_count = 1;
	(void)snprintf(e.facts.reasons[0], DECISION_REASON_LEN, "quote-signature");
	add(e);
	e = launch(1);
	e.facts.booted = false;
	add(e);
	assert_story("refusal launch");
}

/* ---- renewals, gaps, ends ---- */

static void renewals__many__one_line_with_what_was_issued(void **state)
{
	(void)state;
	add(launch(0));
	issued(2);
	for (int i = 1; i <= 3; i++) {
		add(decision(300 * i));
		issued(1);
	}
	assert_story("boot launch credentials renewals");
	assert_string_equal(field(2, "text"), "2 credentials issued on it");
	assert_string_equal(field(3, "text"),
		"instance 1111111111111111… renewed 3 times, 3 credentials issued");
	assert_string_equal(field(3, "time"), "2027-01-15T08:05:00Z");
	assert_string_equal(field(3, "until"), "2027-01-15T08:15:00Z");
	assert_int_equal(json_integer_value(json_object_get(json_array_get(lines, 3), "count")), 3);
}

static void gap__longer_than_the_habit__told_with_what_the_clock_says(void **state)
{
	struct ledger_entry e;
	(void)state;
	add(launch(0));
	add(decision(660)); /* two renewals and a minute: not yet */
	e = decision(660 + 661);
	e.facts.clock_ms = decision(660).facts.clock_ms + 61000;
	next_index--;
	add(e);
	assert_story("boot launch renewals gap renewals");
	assert_string_equal(field(3, "text"),
		"instance 1111111111111111… silent for 661 s; it was to renew every 300 s; its TPM "
		"ran for 61 s of the 661 s");
	assert_string_equal(field(3, "standing"), "asserted");
}

static void gap__over_a_reboot__said_so(void **state)
{
	struct ledger_entry e;
	(void)state;
	add(launch(0));
	e = decision(4000);
	e.facts.reset_count++;
	add(e);
	assert_story("boot launch gap reboot renewals");
	assert_non_null(strstr(field(2, "text"), "the machine was rebooted meanwhile"));
}

static void gap__still_open__as_of_the_telling(void **state)
{
	(void)state;
	timeline_free(&timeline);
	begin(NULL, START + 10000);
	add(launch(0));
	assert_story("boot launch gap");
	assert_non_null(strstr(field(2, "text"), "nothing was heard since"));
}

static void gap__of_what_ended_or_was_stopped__none(void **state)
{
	(void)state;
	timeline_free(&timeline);
	begin(NULL, START + 10000);
	add(launch(0));
	add(decision(300));
	said(LEAF_INSTANCE_END, 400,
		"{\"event\":\"instance-end\",\"host\":\"" HOST
		"\",\"instance\":\"11111111111111111111111111111111\"}");
	struct ledger_entry e = launch(500);
	memset(e.facts.instance, 0x22, INSTANCE_ID_LEN);
	add(e);
	said(LEAF_HOST_STATE, 600,
		"{\"event\":\"host-state\",\"host\":\"" HOST
		"\",\"state\":\"retired\",\"by\":\"spiffe://x/operator/admin/olga\",\"reason\":"
		"\"old\"}");
	assert_story("boot launch renewals end launch host-retired");
	assert_string_equal(field(5, "text"), "host 4040404040404040 retired: old");
	assert_string_equal(field(5, "by"), "spiffe://x/operator/admin/olga");
}

static void gap__of_an_instance_that_was_refused__none(void **state)
{
	struct ledger_entry e;
	(void)state;
	add(launch(0));
	e = decision(300);
	e.facts.trusted = false;
	add(e);
	add(decision(90000));
	assert_story("boot launch refusal renewals");
}

/* ---- persons ---- */

static void words__events__each_with_its_kind(void **state)
{
	static const struct {
		enum leaf_type type;
		const char *content, *kind, *text;
	} cases[] = {
		{LEAF_POLICY, "{\"event\":\"policy\",\"version\":3}", "policy",
			"policy version 3 in force"},
		{LEAF_APPROVAL,
			"{\"event\":\"approval\",\"release\":\"" HOST
			"\",\"role\":\"owner\",\"withdrawn\":false}",
			"approval", "release 4040404040404040 approved by role owner"},
		{LEAF_APPROVAL,
			"{\"event\":\"approval\",\"release\":\"" HOST
			"\",\"role\":\"owner\",\"withdrawn\":true}",
			"withdrawal",
			"approval of release 4040404040404040 by role owner withdrawn"},
		{LEAF_INCIDENT,
			"{\"event\":\"incident\",\"incident\":\"ab\",\"step\":\"opened\",\"title\":"
			"\"a fork\",\"severity\":\"high\"}",
			"incident", "incident ab opened: a fork (high)"},
		{LEAF_WORKLOAD, "{\"event\":\"workload\"}", "workload", "workload registered"},
		{LEAF_RETENTION, "{\"event\":\"hold-set\",\"reason\":\"court\"}", "retention",
			"hold-set: court"},
		{LEAF_KEY, "{\"odd\":1}", "key",
			"an entry in a form that this program does not know"},
		{LEAF_HOST_STATE, "{\"event\":\"host-state\",\"state\":\"active\"}",
			"host-confirmed", "host none confirmed"},
		{LEAF_INSTANCE_STATE,
			"{\"event\":\"instance-state\",\"instance\":\"" HOST
			"\",\"state\":\"stale\",\"lease\":\"L\",\"heard\":\"H\"}",
			"instance-state",
			"instance 4040404040404040 is stale: its lease ended at L, last heard of "
			"at H"},
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		said(cases[i].type, (int64_t)i, cases[i].content);
	assert_ok(timeline_finish(timeline, &lines, &err), err);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_string_equal(field(i, "kind"), cases[i].kind);
		assert_string_equal(field(i, "text"), cases[i].text);
	}
}

static void words__long_texts__cut_at_a_character(void **state)
{
	struct buf text = {0};
	(void)state;
	buf_put_str(&text, "{\"event\":\"x\",\"reason\":\"");
	for (int i = 0; i < 400; i++)
		buf_put_str(&text, "é");
	buf_put_str(&text, "\"}");
	said(LEAF_POLICY, 0, buf_str(&text));
	assert_ok(timeline_finish(timeline, &lines, &err), err);
	assert_true(utf8_valid(bytes_str(field(0, "text"))));
	assert_true(strlen(field(0, "text")) > 310);
	buf_release(&text);
}

static void content__destroyed__said_so(void **state)
{
	struct ledger_entry e = {
		.index = 3, .type = LEAF_APPROVAL, .time = START, .destroyed = true};
	(void)state;
	add(e);
	assert_story("destroyed");
	assert_string_equal(field(0, "text"), "approval: its content was destroyed");
}

/* ---- the frame ---- */

static void host__of_others__left_out(void **state)
{
	struct ledger_entry e;
	uint8_t host[HOST_ID_LEN];
	(void)state;
	memset(host, 0x41, sizeof(host));
	timeline_free(&timeline);
	begin(host, 0);
	add(launch(0));
	issued(1);
	said(LEAF_HOST_STATE, 1,
		"{\"event\":\"host-state\",\"host\":\"" HOST "\",\"state\":\"retired\"}");
	said(LEAF_POLICY, 2, "{\"event\":\"policy\",\"version\":3}");
	e = launch(3);
	memset(e.facts.host, 0x41, HOST_ID_LEN);
	add(e);
	assert_story("policy boot launch");
}

static void standing__audited__proven(void **state)
{
	struct ledger_entry e = launch(0);
	(void)state;
	assert_ok(timeline_add(timeline, &e, true, &err), err);
	e = decision(300);
	assert_ok(timeline_add(timeline, &e, true, &err), err);
	e = decision(600);
	e.facts.reset_count++;
	assert_ok(timeline_add(timeline, &e, false, &err), err);
	assert_story("boot launch renewals reboot renewals");
	assert_string_equal(field(0, "standing"), "proven");
	assert_string_equal(field(1, "standing"), "proven");
	assert_string_equal(field(2, "standing"), "proven");
	assert_string_equal(field(3, "standing"), "asserted");
	assert_string_equal(field(4, "standing"), "asserted");
}

static void entries__out_of_order__refused(void **state)
{
	struct ledger_entry e = launch(0);
	(void)state;
	add(e);
	assert_fails(timeline_add(timeline, &e, false, &err), err, ERR_USAGE,
		"timeline: entry 0 behind entry 0");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(tpm__each_step__told_apart),
		TEST(tpm__other_firmware__told),
		TEST(machine__rebooted_and_refused__told_once),
		TEST(tpm__steps_of_audited_decisions__proven_but_for_what_time_says),
		TEST(machine__rebooted__told_before_the_launch_that_showed_it),
		TEST(machine__resumed_cleared_other_kernel__told),
		TEST(fork__the_refused_state_stays_the_stranger),
		TEST(machine__quote_that_nobody_believed__no_boot),
		TEST(renewals__many__one_line_with_what_was_issued),
		TEST(gap__longer_than_the_habit__told_with_what_the_clock_says),
		TEST(gap__over_a_reboot__said_so),
		TEST(gap__still_open__as_of_the_telling),
		TEST(gap__of_what_ended_or_was_stopped__none),
		TEST(gap__of_an_instance_that_was_refused__none),
		TEST(words__events__each_with_its_kind),
		TEST(words__long_texts__cut_at_a_character),
		TEST(content__destroyed__said_so),
		TEST(host__of_others__left_out),
		TEST(standing__audited__proven),
		TEST(entries__out_of_order__refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
