/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/unit.h"

#include <stdlib.h>

#include "base/text.h"
#include "firmware/baseline.h"
#include "tests/support/vectors.h"
#include "tests/unit/firmware/log_build.h"

static struct buf bytes_[4], text;
static struct event_log logs[4];
static struct baseline baseline, parsed;
static struct baseline_findings findings;
static struct err err;

static int teardown(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(logs); i++) {
		event_log_release(&logs[i]);
		logs[i] = (struct event_log){0};
		buf_release(&bytes_[i]);
	}
	buf_release(&text);
	baseline_release(&baseline);
	baseline_release(&parsed);
	baseline_findings_release(&findings);
	return 0;
}

/* A boot with PCR 4 and 8: the texts of its events, NULL-terminated. */
static void boot(size_t i, const char *const pcr4[], const char *const pcr8[])
{
	log_begin(&bytes_[i]);
	for (size_t k = 0; pcr4[k]; k++)
		log_event(&bytes_[i], 4, EV_IPL, bytes_str(pcr4[k]), BYTES_LIT("image"));
	for (size_t k = 0; pcr8[k]; k++)
		log_text(&bytes_[i], 8, EV_POST_CODE, pcr8[k]);
	event_log_release(&logs[i]);
	assert_ok(
		event_log_open(buf_bytes(&bytes_[i]), EVENT_LOG_TPM, DIGEST_SHA256, &logs[i], &err),
		err);
}

#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})
#define NONE      ((const char *const[]){NULL})
#define MASK      (1u << 4 | 1u << 8 | 1u << 9)

static void learn(size_t i)
{
	assert_ok(baseline_learn(&baseline, &logs[i], DIGEST_SHA256, MASK, &err), err);
}

static void judge(size_t i, uint32_t vary)
{
	baseline_findings_release(&findings);
	assert_ok(baseline_judge(&baseline, &logs[i], vary, &findings, &err), err);
}

static void hex_of(const char *event, char out[65])
{
	struct digest digest;

	assert_true(digest_of(DIGEST_SHA256, bytes_str(event), &digest, &err));
	hex_encode(digest_bytes(&digest), out);
}

static void judge__the_log_it_was_learned_from__accepted(void **state)
{
	(void)state;
	boot(0, LIST("shim", "grub"), LIST("one", "two"));
	learn(0);
	judge(0, 0);
	assert_int_equal(findings.total, 0);
	assert_int_equal(baseline.list[4].count, 2);
	assert_int_equal(baseline.list[9].count, 0);
	assert_int_equal(baseline.logs, 1);
}

static void judge__another_image__named_with_the_line_that_accepts_it(void **state)
{
	char accept[200], hex[65];

	(void)state;
	boot(0, LIST("shim", "grub"), NONE);
	boot(1, LIST("shim", "evil"), NONE);
	learn(0);
	judge(1, 0);
	assert_int_equal(findings.total, 1);
	assert_int_equal(findings.count, 1);
	assert_int_equal(findings.list[0].fault, BASELINE_DIFFERENT);
	assert_string_equal(baseline_fault_name(findings.list[0].fault), "different");
	assert_int_equal(findings.list[0].pcr, 4);
	assert_int_equal(findings.list[0].event, 1);
	assert_int_equal(findings.list[0].type, EV_IPL);
	assert_true(digest_equal(
		&findings.list[0].expected, &baseline.list[4].steps[1].choices[0].digest));
	assert_string_equal(findings.list[0].expected_text, findings.list[0].found_text);
	hex_of("evil", hex);
	(void)snprintf(accept, sizeof(accept), "pcr 4: below step 2: or EV_IPL %s # %s", hex,
		findings.list[0].found_text);
	assert_string_equal(findings.list[0].accept, accept);
}

static void judge__one_event_more__unexpected(void **state)
{
	char accept[200], hex[65];

	(void)state;
	boot(0, LIST("shim"), NONE);
	boot(1, LIST("shim", "more"), NONE);
	boot(2, LIST("more", "shim"), NONE);
	learn(0);
	judge(1, 0);
	assert_int_equal(findings.total, 1);
	assert_int_equal(findings.list[0].fault, BASELINE_UNEXPECTED);
	assert_string_equal(baseline_fault_name(BASELINE_UNEXPECTED), "unexpected");
	assert_int_equal(findings.list[0].event, 1);
	assert_int_equal(findings.list[0].expected.len, 0);
	assert_string_equal(findings.list[0].expected_text, "");
	hex_of("more", hex);
	(void)snprintf(accept, sizeof(accept), "pcr 4: below step 1: event EV_IPL %s # %s", hex,
		findings.list[0].found_text);
	assert_string_equal(findings.list[0].accept, accept);
	judge(2, 0);
	assert_int_equal(findings.total, 1);
	assert_int_equal(findings.list[0].event, 0);
	assert_memory_equal(findings.list[0].accept, "pcr 4: before step 1: event EV_IPL", 34);
}

static void judge__one_event_less__missing(void **state)
{
	char accept[200], hex[65];

	(void)state;
	boot(0, LIST("shim", "grub", "linux"), NONE);
	boot(1, LIST("shim", "linux"), NONE);
	learn(0);
	judge(1, 0);
	assert_int_equal(findings.total, 1);
	assert_int_equal(findings.list[0].fault, BASELINE_MISSING);
	assert_string_equal(baseline_fault_name(BASELINE_MISSING), "missing");
	assert_string_equal(baseline_fault_name((enum baseline_fault)0), "none");
	assert_string_equal(baseline_fault_name(BASELINE_MISSING + 1), "none");
	assert_int_equal(findings.list[0].event, -1);
	assert_int_equal(findings.list[0].found.len, 0);
	assert_string_equal(findings.list[0].found_text, "");
	hex_of("grub", hex);
	(void)snprintf(accept, sizeof(accept), "pcr 4: step 2: maybe EV_IPL %s # %s", hex,
		findings.list[0].expected_text);
	assert_string_equal(findings.list[0].accept, accept);
}

static void judge__two_events_swapped__refused(void **state)
{
	(void)state;
	boot(0, LIST("shim", "grub"), NONE);
	boot(1, LIST("grub", "shim"), NONE);
	learn(0);
	judge(1, 0);
	assert_int_equal(findings.total, 2);
}

static void judge__event_in_a_pcr_without_events__unexpected(void **state)
{
	(void)state;
	boot(0, LIST("shim"), NONE);
	boot(1, LIST("shim"), LIST("cmdline"));
	learn(0);
	judge(1, 0);
	assert_int_equal(findings.total, 1);
	assert_int_equal(findings.list[0].pcr, 8);
}

static void judge__renamed_type__refused(void **state)
{
	(void)state;
	boot(0, LIST("shim"), NONE);
	boot(1, LIST("shim"), NONE);
	learn(0);
	logs[1].events[0].type = EV_POST_CODE;
	judge(1, 0);
	assert_int_equal(findings.total, 2); /* one missing, one unexpected */
}

static void judge__difference_in_a_pcr_that_may_vary__accepted(void **state)
{
	(void)state;
	boot(0, LIST("shim"), LIST("cmdline"));
	boot(1, LIST("shim"), LIST("other", "and more"));
	learn(0);
	judge(1, 1u << 8);
	assert_int_equal(findings.total, 0);
	judge(1, 1u << 4);
	assert_int_equal(findings.total, 2);
}

/* A baseline speaks of the PCRs that it was learned of, from the first to the last. */
static void judge__event_in_a_pcr_that_was_not_learned__ignored(void **state)
{
	static const uint32_t pcrs[] = {0, 5, 23};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(pcrs); i++) {
		boot(0, LIST("shim"), NONE);
		boot(1, LIST("shim"), NONE);
		log_text(&bytes_[1], pcrs[i], EV_POST_CODE, "more");
		event_log_release(&logs[1]);
		assert_ok(event_log_open(buf_bytes(&bytes_[1]), EVENT_LOG_TPM, DIGEST_SHA256,
				  &logs[1], &err),
			err);
		baseline_release(&baseline);
		baseline = (struct baseline){0};
		learn(0);
		judge(1, 0);
		assert_int_equal(findings.total, 0);
		baseline_release(&baseline);
		baseline = (struct baseline){0};
		assert_ok(baseline_learn(
				  &baseline, &logs[0], DIGEST_SHA256, MASK | 1u << pcrs[i], &err),
			err);
		judge(1, 0);
		assert_int_equal(findings.total, 1);
	}
}

static void judge__not_extended_events__ignored(void **state)
{
	(void)state;
	boot(0, LIST("shim"), NONE);
	learn(0);
	log_begin(&bytes_[1]);
	log_event(&bytes_[1], 4, EV_IPL, BYTES_LIT("shim"), BYTES_LIT("image"));
	log_event(&bytes_[1], 4, EV_NO_ACTION, BYTES_LIT("x"), BYTES_LIT("x"));
	assert_ok(
		event_log_open(buf_bytes(&bytes_[1]), EVENT_LOG_TPM, DIGEST_SHA256, &logs[1], &err),
		err);
	judge(1, 0);
	assert_int_equal(findings.total, 0);
}

static void judge__log_without_the_bank__error(void **state)
{
	(void)state;
	boot(0, LIST("shim"), NONE);
	learn(0);
	baseline.bank = DIGEST_SHA384;
	assert_false(baseline_judge(&baseline, &logs[0], 0, &findings, &err));
	assert_int_equal(err.code, ERR_NOT_FOUND);
}

static void judge__more_findings_than_kept__counted(void **state)
{
	const char *many[302] = {NULL};

	(void)state;
	boot(0, NONE, NONE);
	learn(0);
	for (size_t i = 0; i < 300; i++)
		many[i] = "x";
	boot(1, many, NONE);
	judge(1, 0);
	assert_int_equal(findings.total, 300);
	assert_int_equal(findings.count, BASELINE_FINDINGS_MAX);
}

static void judge__more_events_than_allowed__error(void **state)
{
	static const char *many[BASELINE_STEPS_MAX + 2];

	(void)state;
	for (size_t i = 0; i < BASELINE_STEPS_MAX + 1; i++)
		many[i] = "x";
	boot(0, NONE, NONE);
	boot(1, many, NONE);
	learn(0);
	assert_fails(baseline_judge(&baseline, &logs[1], 0, &findings, &err), err, ERR_LIMIT,
		"baseline: PCR 4: more than 1024 events");
}

/* ---- learning from several logs ---- */

static void learn__other_digest__alternative(void **state)
{
	(void)state;
	boot(0, LIST("shim", "linux-1"), LIST("a"));
	boot(1, LIST("shim", "linux-2"), LIST("a"));
	boot(2, LIST("shim", "linux-3"), LIST("a"));
	learn(0);
	learn(1);
	assert_int_equal(baseline.logs, 2);
	assert_int_equal(baseline.list[4].count, 2);
	assert_int_equal(baseline.list[4].steps[0].count, 1);
	assert_int_equal(baseline.list[4].steps[1].count, 2);
	for (size_t i = 0; i < 2; i++) {
		judge(i, 0);
		assert_int_equal(findings.total, 0);
	}
	judge(2, 0);
	assert_int_equal(findings.total, 1);
}

static void learn__one_event_more_or_less__optional(void **state)
{
	(void)state;
	boot(0, LIST("shim", "menu", "linux"), NONE);
	boot(1, LIST("shim", "linux", "late"), NONE);
	learn(0);
	learn(1);
	assert_int_equal(baseline.list[4].count, 4);
	assert_false(baseline.list[4].steps[0].optional);
	assert_true(baseline.list[4].steps[1].optional);
	assert_false(baseline.list[4].steps[2].optional);
	assert_true(baseline.list[4].steps[3].optional);
	for (size_t i = 0; i < 2; i++) {
		judge(i, 0);
		assert_int_equal(findings.total, 0);
	}
	boot(2, LIST("shim"), NONE);
	judge(2, 0);
	assert_int_equal(findings.total, 1);
	assert_int_equal(findings.list[0].fault, BASELINE_MISSING);
}

static void learn__other_bank_or_pcrs__usage(void **state)
{
	(void)state;
	boot(0, LIST("shim"), NONE);
	learn(0);
	assert_fails(baseline_learn(&baseline, &logs[0], DIGEST_SHA256, 1, &err), err, ERR_USAGE,
		"baseline: learned before with another bank or other PCRs");
}

static void learn__log_that_does_not_replay__refused(void **state)
{
	(void)state;
	boot(0, LIST("shim"), NONE);
	log_event(&bytes_[0], 4, EV_SEPARATOR, bytes_of("\1\0\0\0", 4), bytes_of("\1\0\0\0", 4));
	event_log_release(&logs[0]);
	assert_ok(
		event_log_open(buf_bytes(&bytes_[0]), EVENT_LOG_TPM, DIGEST_SHA256, &logs[0], &err),
		err);
	assert_false(baseline_learn(&baseline, &logs[0], DIGEST_SHA256, MASK, &err));
	assert_int_equal(err.code, ERR_MISMATCH);
	assert_int_equal(baseline.logs, 0);
}

static void learn__more_alternatives_than_allowed__refused(void **state)
{
	bool ok = true;

	(void)state;
	for (size_t i = 0; i < BASELINE_CHOICES_MAX + 1; i++) {
		char name[16];

		assert_true(ok);
		(void)snprintf(name, sizeof(name), "linux-%zu", i);
		boot(0, LIST(name), NONE);
		ok = baseline_learn(&baseline, &logs[0], DIGEST_SHA256, MASK, &err);
	}
	assert_false(ok);
	assert_int_equal(err.code, ERR_LIMIT);
	assert_string_equal(err.text, "baseline: more than 64 alternatives of one event");
}

static void learn__more_steps_than_allowed__refused(void **state)
{
	static const char *many[BASELINE_STEPS_MAX + 1];

	(void)state;
	for (size_t i = 0; i < BASELINE_STEPS_MAX; i++)
		many[i] = "x";
	boot(0, many, NONE);
	boot(1, LIST("x"), NONE);
	learn(0);
	logs[1].events[0].type = EV_POST_CODE; /* fits none of them */
	assert_fails(baseline_learn(&baseline, &logs[1], DIGEST_SHA256, MASK, &err), err, ERR_LIMIT,
		"baseline: more than 1024 events of one PCR");
}

static void learn__long_text_of_an_event__cut_between_characters(void **state)
{
	char command[400] = "grub_cmd: ";

	(void)state;
	for (size_t i = 0; i < 150; i++)
		strcat(command, "\xc3\xa4");
	for (size_t odd = 0; odd < 2; odd++) {
		baseline_release(&baseline);
		baseline_release(&parsed);
		buf_clear(&text);
		log_begin(&bytes_[0]);
		log_event(&bytes_[0], 8, EV_IPL, bytes_str(command + 10), bytes_str(command));
		event_log_release(&logs[0]);
		assert_ok(event_log_open(buf_bytes(&bytes_[0]), EVENT_LOG_TPM, DIGEST_SHA256,
				  &logs[0], &err),
			err);
		learn(0);
		assert_true(strlen(baseline.list[8].steps[0].choices[0].comment) <=
			    BASELINE_COMMENT_MAX);
		baseline_write(&baseline, &text);
		assert_ok(baseline_parse(buf_bytes(&text), &parsed, &err), err);
		memmove(command + 11, command + 10, strlen(command + 10) + 1);
		command[10] = 'x';
	}
}

/* ---- the file ---- */

static void write__learned__parsed_again_the_same(void **state)
{
	OWNED(buf_release) struct buf again = {0};

	(void)state;
	boot(0, LIST("shim", "menu", "linux"), LIST("a # b"));
	boot(1, LIST("shim", "linux-2", "late"), LIST("a # c"));
	learn(0);
	learn(1);
	baseline_write(&baseline, &text);
	assert_ok(baseline_parse(buf_bytes(&text), &parsed, &err), err);
	baseline_write(&parsed, &again);
	assert_string_equal(buf_str(&again), buf_str(&text));
	assert_int_equal(parsed.pcrs, MASK);
	baseline_release(&baseline);
	baseline = TAKE_STRUCT(parsed);
	for (size_t i = 0; i < 2; i++) {
		judge(i, 0);
		assert_int_equal(findings.total, 0);
	}
}

#define HEAD "assay-baseline 1\nbank sha256\nlogs 1\n"
#define HEX  "1111111111111111111111111111111111111111111111111111111111111111"

static void write__every_kind_of_line__as_documented(void **state)
{
	static const char file[] = HEAD "\npcr 0\n"
					"event EV_S_CRTM_VERSION " HEX " # \"x\"\n"
					"or    0x00001234 " HEX "\n"
					"maybe EV_IPL " HEX " # a # b\n"
					"\npcr 12\n";

	(void)state;
	assert_ok(baseline_parse(bytes_str(file), &parsed, &err), err);
	assert_int_equal(parsed.list[0].count, 2);
	assert_int_equal(parsed.list[0].steps[0].count, 2);
	assert_int_equal(parsed.list[0].steps[0].choices[1].type, 0x1234);
	assert_string_equal(parsed.list[0].steps[1].choices[0].comment, "a # b");
	assert_int_equal(parsed.pcrs, 1u << 12 | 1u);
	baseline_write(&parsed, &text);
	assert_string_equal(buf_str(&text), file);
}

static void parse__comments_and_spaces__ignored(void **state)
{
	static const char file[] = "# learned on Monday\n\n" HEAD "  pcr   4   # boot loader\n"
				   "\n   # nothing\n  event EV_IPL   " HEX "  #x\n";

	(void)state;
	assert_ok(baseline_parse(bytes_str(file), &parsed, &err), err);
	assert_int_equal(parsed.list[4].count, 1);
	assert_string_equal(parsed.list[4].steps[0].choices[0].comment, "x");
}

static void parse__malformed__line_named(void **state)
{
	static const struct {
		const char *file, *text;
	} cases[] = {
		{"", "baseline: ends before the first pcr"},
		{HEAD, "baseline: ends before the first pcr"},
		{"assay-baseline 2\n", "baseline, line 1: not version 1"},
		{"bank sha256\n", "baseline, line 1: expected \"assay-baseline …\""},
		{"assay-baseline 1\nlogs 1\n", "baseline, line 2: expected \"bank …\""},
		{"assay-baseline 1\nbank md5\n", "baseline, line 2: bank: not known"},
		{"assay-baseline 1\nbank sha256\nlogs 0\n",
			"baseline, line 3: logs: expected a number from 1 to 1000000"},
		{"assay-baseline 1\nbank sha256\nlogs 01\n",
			"baseline, line 3: logs: expected a number from 1 to 1000000"},
		{"assay-baseline 1\nbank sha256\nlogs 1x\n",
			"baseline, line 3: logs: expected a number from 1 to 1000000"},
		{"assay-baseline 1\nbank sha256\nlogs 99999999\n",
			"baseline, line 3: logs: expected a number from 1 to 1000000"},
		{HEAD "pcr 24\n", "baseline, line 4: pcr: expected a number from 0 to 23"},
		{HEAD "pcr 1\npcr 1\n", "baseline, line 5: pcr: not above the one before"},
		{HEAD "pcr 1 2\n", "baseline, line 4: pcr: expected a number from 0 to 23"},
		{HEAD "event EV_IPL " HEX "\n", "baseline, line 4: an event before the first pcr"},
		{HEAD "pcr 1\nor EV_IPL " HEX "\n", "baseline, line 5: or: no event before it"},
		{HEAD "pcr 1\nevent EV_IPL\n", "baseline, line 5: expected type and digest"},
		{HEAD "pcr 1\nevent EV_NONE " HEX "\n", "baseline, line 5: type: not known"},
		{HEAD "pcr 1\nevent 0x0000000d " HEX "\n", "baseline, line 5: type: not known"},
		{HEAD "pcr 1\nevent 0x0000zzzz " HEX "\n", "baseline, line 5: type: not known"},
		{HEAD "pcr 1\nevent EV_IPL " HEX "11\n",
			"baseline, line 5: digest: expected 64 lower-case hex digits"},
		{HEAD "pcr 1\nevent EV_IPL AA\n",
			"baseline, line 5: digest: expected 64 lower-case hex digits"},
		{HEAD "pcr 1\nevent EV_IPL " HEX " more\n",
			"baseline, line 5: more than three words"},
		{HEAD "pcr 1\nallow EV_IPL " HEX "\n",
			"baseline, line 5: expected pcr, event, maybe or or"},
		{HEAD "pcr 1\nevent EV_IPL " HEX, "baseline, line 5: no newline at its end"},
		{HEAD "pcr 1\n\tevent\n", "baseline, line 5: not printable UTF-8"},
		{HEAD "pcr 1 # \xff\n", "baseline, line 4: not printable UTF-8"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_fails(baseline_parse(bytes_str(cases[i].file), &parsed, &err), err,
			ERR_CONFIG, cases[i].text);
		assert_int_equal(parsed.pcrs, 0);
	}
}

static void parse__limits__refused(void **state)
{
	(void)state;
	assert_fails(baseline_parse(bytes_of("x", BASELINE_MAX + 1u), &parsed, &err), err,
		ERR_LIMIT, "baseline: more than 4194304 bytes");
	buf_put_str(&text, HEAD "pcr 1\nevent EV_IPL " HEX "\n");
	for (size_t i = 0; i < BASELINE_CHOICES_MAX; i++)
		buf_put_str(&text, "or EV_IPL " HEX "\n");
	assert_fails(baseline_parse(buf_bytes(&text), &parsed, &err), err, ERR_LIMIT,
		"baseline, line 69: more than 64 alternatives of one event");
	buf_clear(&text);
	buf_put_str(&text, HEAD "pcr 1\n");
	for (size_t i = 0; i < BASELINE_STEPS_MAX + 1; i++)
		buf_put_str(&text, "maybe EV_IPL " HEX "\n");
	assert_fails(baseline_parse(buf_bytes(&text), &parsed, &err), err, ERR_LIMIT,
		"baseline, line 1029: more than 1024 events of one PCR");
	buf_clear(&text);
	buf_put_str(&text, HEAD "pcr 1 #");
	for (size_t i = 0; i < 1001; i++)
		buf_put_u8(&text, 'x');
	buf_put_u8(&text, '\n');
	assert_fails(baseline_parse(buf_bytes(&text), &parsed, &err), err, ERR_CONFIG,
		"baseline, line 4: a comment of more than 1000 bytes");
}

/* ---- real logs ---- */

static bool open_vector(size_t i, const char *name)
{
	char path[200];

	(void)snprintf(path, sizeof(path), "made/vm/%s/binary_bios_measurements", name);
	if (!vectors_read(path, &bytes_[i]))
		return false;
	assert_ok(
		event_log_open(buf_bytes(&bytes_[i]), EVENT_LOG_TPM, DIGEST_SHA256, &logs[i], &err),
		err);
	return true;
}

static void judge__real_logs__each_accepts_itself_and_not_the_other(void **state)
{
	static const char *const names[] = {
		"grub-shim-secureboot-ms", "uki-no-secureboot", "systemd-boot-no-secureboot"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (!open_vector(i, names[i]))
			skip();
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		baseline_release(&baseline);
		assert_ok(baseline_learn(&baseline, &logs[i], DIGEST_SHA256, BASELINE_PCRS, &err),
			err);
		for (size_t k = 0; k < ARRAY_LEN(names); k++) {
			judge(k, 0);
			assert_int_equal(findings.total == 0, i == k);
		}
	}
}

static void judge__every_digest_of_a_real_log_flipped__found(void **state)
{
	(void)state;
	if (!open_vector(0, "grub-shim-secureboot-ms"))
		skip();
	assert_ok(baseline_learn(&baseline, &logs[0], DIGEST_SHA256, BASELINE_PCRS, &err), err);
	for (size_t i = 0; i < logs[0].count; i++) {
		struct firmware_event *event = &logs[0].events[i];
		uint8_t *byte = (uint8_t *)(uintptr_t)event->digests[1];

		if (event->type == EV_NO_ACTION || !byte)
			continue;
		byte[31] ^= 1;
		judge(0, 0);
		assert_int_equal(findings.total, 1);
		assert_int_equal(findings.list[0].event, event->number);
		byte[31] ^= 1;
	}
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(judge__the_log_it_was_learned_from__accepted),
		TEST(judge__another_image__named_with_the_line_that_accepts_it),
		TEST(judge__one_event_more__unexpected),
		TEST(judge__one_event_less__missing),
		TEST(judge__two_events_swapped__refused),
		TEST(judge__event_in_a_pcr_without_events__unexpected),
		TEST(judge__renamed_type__refused),
		TEST(judge__difference_in_a_pcr_that_may_vary__accepted),
		TEST(judge__event_in_a_pcr_that_was_not_learned__ignored),
		TEST(judge__not_extended_events__ignored),
		TEST(judge__log_without_the_bank__error),
		TEST(judge__more_findings_than_kept__counted),
		TEST(judge__more_events_than_allowed__error),
		TEST(learn__other_digest__alternative),
		TEST(learn__one_event_more_or_less__optional),
		TEST(learn__other_bank_or_pcrs__usage),
		TEST(learn__log_that_does_not_replay__refused),
		TEST(learn__more_alternatives_than_allowed__refused),
		TEST(learn__more_steps_than_allowed__refused),
		TEST(learn__long_text_of_an_event__cut_between_characters),
		TEST(write__learned__parsed_again_the_same),
		TEST(write__every_kind_of_line__as_documented),
		TEST(parse__comments_and_spaces__ignored),
		TEST(parse__malformed__line_named),
		TEST(parse__limits__refused),
		TEST(judge__real_logs__each_accepts_itself_and_not_the_other),
		TEST(judge__every_digest_of_a_real_log_flipped__found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
