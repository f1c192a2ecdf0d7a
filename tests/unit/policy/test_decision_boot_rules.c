/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of a host class over facts made for the occasion: each rule by itself, each limit from both sides. */
#include <stdlib.h>

#include "base/text.h"
#include "firmware/glob.h"
#include "policy/boot.h"
#include "policy/policy_file.h"
#include "tests/support/unit.h"

static struct boot_facts *facts;
static struct host_class *class;
static struct verdict *verdict;

static int setup(void **state)
{
	(void)state;
	facts = calloc(1, sizeof(*facts));
	class = calloc(1, sizeof(*class));
	verdict = calloc(1, sizeof(*verdict));
	assert_true(facts && class && verdict);
	facts->secure_boot = calloc(1, sizeof(*facts->secure_boot));
	assert_non_null(facts->secure_boot);
	facts->bank = DIGEST_SHA256;
	facts->chain.unknown_event = -1;
	facts->secure_boot->state = SECURE_BOOT_ON;
	facts->secure_boot->enforced = true;
	facts->secure_boot->state_event = 17;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(facts->secure_boot);
	free(facts);
	free(class);
	free(verdict);
	return 0;
}

static void judge(void)
{
	struct boot_case c = {.facts = facts, .class = class, .verdict = verdict, .now = 5};

	memset(verdict, 0, sizeof(*verdict));
	boot_judge_rules(&c);
}

static void assert_accepted(void)
{
	judge();
	assert_int_equal(verdict->reason_count, 0);
}

/* Refused for this alone. */
static void assert_refused_as(
	enum reason_code code, const char *expected, const char *actual, const char *where)
{
	judge();
	assert_int_equal(verdict->reason_count, 1);
	assert_int_equal(verdict->reasons[0].code, code);
	assert_string_equal(verdict->reasons[0].expected, expected);
	assert_string_equal(verdict->reasons[0].actual, actual);
	assert_string_equal(verdict->reasons[0].where, where);
}

static bool checked(const char *line)
{
	for (size_t i = 0; i < verdict->checked_count; i++)
		if (strcmp(verdict->checked[i], line) == 0)
			return true;
	return false;
}

/* ---- Secure Boot ---- */

#define ENFORCED "Secure Boot: on, in user mode, with an authority for what was booted"

static void secure_boot__each_state__in_its_words(void **state)
{
	struct secure_boot *sb = facts->secure_boot;

	(void)state;
	assert_accepted();
	assert_true(checked(ENFORCED));
	sb->state = SECURE_BOOT_OFF;
	assert_refused_as(REASON_SECURE_BOOT, "on", "off", "firmware log event 17");
	assert_false(checked(ENFORCED));
	sb->state = SECURE_BOOT_UNKNOWN;
	sb->enforced = false;
	snprintf(sb->why, sizeof(sb->why), "SecureBoot is unknown");
	assert_refused_as(REASON_SECURE_BOOT, "on, and shown to have verified what was booted",
		"SecureBoot is unknown", "");
	sb->state = SECURE_BOOT_ON;
	assert_refused_as(REASON_SECURE_BOOT, "on, and shown to have verified what was booted",
		"SecureBoot is unknown", "");
	assert_false(checked(ENFORCED));
}

static void secure_boot__not_demanded__said_to_be_unchecked(void **state)
{
	(void)state;
	class->secure_boot = SECURE_BOOT_ANY;
	facts->secure_boot->state = SECURE_BOOT_OFF;
	facts->secure_boot->enforced = false;
	assert_accepted();
	assert_int_equal(verdict->not_checked_count, 1);
	assert_string_equal(
		verdict->not_checked[0], "Secure Boot is off: the host class does not demand it");
	assert_int_equal(verdict->checked_count, 0);
}

/* ---- authorities ---- */

static void authority(size_t i, uint8_t digest, bool vouches)
{
	struct secure_boot_authority *a = &facts->secure_boot->authorities[i];

	a->vouches = vouches;
	memset(a->digest.bytes, digest, SHA256_LEN);
	if (facts->secure_boot->authority_count <= i)
		facts->secure_boot->authority_count = i + 1;
}

static void image(size_t i, uint32_t pcr, int by)
{
	facts->secure_boot->images[i] =
		(struct secure_boot_image){.event = 30 + (uint32_t)i, .pcr = pcr, .authority = by};
	if (facts->secure_boot->image_count <= i)
		facts->secure_boot->image_count = i + 1;
}

static void names(uint8_t first, uint8_t second)
{
	memset(class->authorities[0], first, SHA256_LEN);
	memset(class->authorities[1], second, SHA256_LEN);
	class->authority_count = second ? 2 : 1;
}

static void authorities__none_named__not_judged(void **state)
{
	(void)state;
	authority(0, 0xaa, true);
	image(0, 4, -1);
	assert_accepted();
	assert_int_equal(verdict->checked_count, 1); /* Secure Boot alone */
}

static void authorities__all_that_vouch_are_named__accepted_and_counted(void **state)
{
	(void)state;
	names(0xaa, 0xbb);
	authority(0, 0xaa, true);
	authority(1, 0xbb, true);
	authority(2, 0xcc, false); /* shim's state: vouches for nothing */
	image(0, 4, 0);
	image(1, 4, 1);
	assert_accepted();
	assert_true(checked("boot images: 2, each by an authority of the host class"));
}

static void authorities__one_that_vouches_is_not_named__every_image_refused(void **state)
{
	(void)state;
	names(0xbb, 0);
	for (size_t odd = 0; odd < 2; odd++) {
		authority(0, odd == 0 ? 0xaa : 0xbb, true);
		authority(1, odd == 1 ? 0xaa : 0xbb, true);
		image(0, 4, 0);
		image(1, 4, 1);
		judge();
		assert_int_equal(verdict->reason_count, 2);
		for (size_t i = 0; i < 2; i++) {
			assert_int_equal(verdict->reasons[i].code, REASON_BOOT_AUTHORITY);
			assert_string_equal(verdict->reasons[i].where,
				i == 0 ? "firmware log event 30" : "firmware log event 31");
		}
		assert_false(checked("boot images: 2, each by an authority of the host class"));
	}
}

/* The last byte of a digest counts. */
static void authorities__digest_differs_in_its_last_byte__refused(void **state)
{
	(void)state;
	names(0xaa, 0);
	class->authorities[0][SHA256_LEN - 1] ^= 1;
	authority(0, 0xaa, true);
	image(0, 4, 0);
	judge();
	assert_int_equal(verdict->reason_count, 1);
	assert_int_equal(verdict->reasons[0].code, REASON_BOOT_AUTHORITY);
	assert_string_not_equal(
		verdict->reasons[0].actual, "no authority that was measured can have verified it");
}

static void authorities__image_that_none_can_have_verified__refused(void **state)
{
	(void)state;
	names(0xaa, 0);
	authority(0, 0xaa, true);
	image(0, 4, -1);
	assert_refused_as(REASON_BOOT_AUTHORITY, "verified by an authority of the host class",
		"no authority that was measured can have verified it", "firmware log event 30");
}

static void authorities__drivers_in_other_pcrs__no_boot_images(void **state)
{
	(void)state;
	names(0xaa, 0);
	authority(0, 0xaa, true);
	image(0, 2, -1);
	assert_refused_as(REASON_BOOT_AUTHORITY, "an image in PCR 4", "none", "firmware log");
	image(1, 4, 0);
	assert_accepted();
	assert_true(checked("boot images: 1, each by an authority of the host class"));
}

/* ---- dbx ---- */

static void dbx__at_least_so_many_entries(void **state)
{
	struct secure_boot_database *dbx = &facts->secure_boot->variables[SECURE_BOOT_DBX];

	(void)state;
	dbx->event = 9;
	assert_accepted();
	class->dbx_minimum = 1;
	assert_refused_as(
		REASON_DBX_OLD, "1 entries or more", "not measured", "firmware log event 9");
	dbx->count = 7; /* of nothing that was measured */
	assert_refused_as(
		REASON_DBX_OLD, "1 entries or more", "not measured", "firmware log event 9");
	dbx->measured = true;
	class->dbx_minimum = 8;
	assert_refused_as(REASON_DBX_OLD, "8 entries or more", "7 entries", "firmware log event 9");
	class->dbx_minimum = 7;
	assert_accepted();
}

/* ---- types of events ---- */

static void types__unknown_where_rules_look_or_nothing_holds_them__refused(void **state)
{
	static const unsigned looked_at[] = {4, 7, 8, 9, 11, 12, 13, 14};
	uint32_t mask = 0;

	(void)state;
	facts->chain.unknown_event = 21;
	for (size_t i = 0; i < ARRAY_LEN(looked_at); i++)
		mask |= 1u << looked_at[i];
	for (unsigned pcr = 0; pcr < 16; pcr++) {
		facts->chain.unknown_pcrs = 1u << pcr;
		class->may_vary = 0;
		if (mask >> pcr & 1)
			assert_refused_as(REASON_FIRMWARE_LOG, "known types of events",
				"an unknown or unused one", "firmware log event 21");
		else
			assert_accepted();
		class->may_vary = 1u << pcr;
		assert_refused_as(REASON_FIRMWARE_LOG, "known types of events",
			"an unknown or unused one", "firmware log event 21");
	}
	facts->chain.unknown_pcrs = 0;
	assert_accepted();
}

/* ---- command lines ---- */

static struct boot_item items[3];

static void held_line(size_t i, const char *text)
{
	items[i] = (struct boot_item){.kind = BOOT_COMMAND_LINE,
		.event = 40 + (uint32_t)i,
		.pcr = 8,
		.raw = bytes_str(text)};
	facts->chain.items = items;
	facts->chain.count = i + 1;
}

static char *word(const char *text)
{
	return (char *)(uintptr_t)text;
}

static void lines__each_rule__over_each_line(void **state)
{
	struct host_command_line *rules = &class->command_line;

	(void)state;
	rules->allow[0] = word("/vmlinuz*");
	rules->allow_count = 1;
	assert_refused_as(
		REASON_COMMAND_LINE, "one whose text a digest covers", "none", "firmware log");
	held_line(0, "/vmlinuz rw");
	assert_accepted();
	assert_true(checked("kernel command lines: 1, as the host class demands"));
	/* One that is allowed must still hold the words that are required. */
	rules->require[0] = word("ro");
	rules->require_count = 1;
	assert_refused_as(REASON_COMMAND_LINE, "ro", "/vmlinuz rw", "firmware log event 40");
	assert_false(checked("kernel command lines: 1, as the host class demands"));
	held_line(0, "/vmlinuz ro ~");
	held_line(1, "/other ro");
	assert_refused_as(REASON_COMMAND_LINE, "one that the host class allows", "/other ro",
		"firmware log event 41");
	held_line(1, "/vmlinuz a ro init=x");
	assert_accepted();
	assert_true(checked("kernel command lines: 2, as the host class demands"));
	rules->forbid[0] = word("init=*");
	rules->forbid_count = 1;
	assert_refused_as(
		REASON_COMMAND_LINE, "without this word", "init=x", "firmware log event 41");
	/* Only lines are lines. */
	items[1].kind = BOOT_COMMAND;
	assert_accepted();
	facts->chain.count = 0;
}

static void lines__as_long_as_they_may_be__and_no_longer(void **state)
{
	char *text = calloc(1, 4097);

	(void)state;
	assert_non_null(text);
	class->command_line.forbid[0] = word("init=*");
	class->command_line.forbid_count = 1;
	memset(text, 'a', 4095);
	held_line(0, text);
	assert_accepted();
	text[4095] = 'a';
	held_line(0, text);
	assert_refused_as(REASON_COMMAND_LINE, "printable text that its digest covers",
		"something else", "firmware log event 40");
	free(text);
	facts->chain.count = 0;
}

static void lockdown__by_command_line__where_the_class_judges_ima_by_it(void **state)
{
	(void)state;
	class->ima.lockdown = LOCKDOWN_COMMAND_LINE;
	assert_accepted();
	class->ima.judged = true;
	assert_refused_as(REASON_COMMAND_LINE, "lockdown=integrity or lockdown=confidentiality",
		"neither in a covered line", "firmware log");
	assert_string_equal(verdict->reasons[0].subject, "kernel lockdown");
	held_line(0, "/vmlinuz lockdown=integrity");
	assert_accepted();
	assert_int_equal(verdict->checked_count, 1); /* Secure Boot alone: there are no rules */
	held_line(0, "/vmlinuz lockdown=integrit");
	assert_refused_as(REASON_COMMAND_LINE, "lockdown=integrity or lockdown=confidentiality",
		"neither in a covered line", "firmware log");
	class->ima.lockdown = LOCKDOWN_SECURE_BOOT;
	assert_accepted();
	facts->chain.count = 0;
}

/* ---- globs over command lines ---- */

static void globs__too_long__match_nothing(void **state)
{
	struct err err = {0};
	char *text = calloc(1, 5000);

	(void)state;
	assert_non_null(text);
	memset(text, 'a', 4999);
	assert_true(line_glob_match("*", bytes_of(text, 4096)));
	assert_false(line_glob_match("*", bytes_of(text, 4097)));
	assert_true(line_glob_match("**", bytes_str("a/b")));
	assert_true(line_glob_check(bytes_of(text, GLOB_MAX), &err));
	assert_false(line_glob_check(bytes_of(text, GLOB_MAX + 1), &err));
	assert_false(line_glob_check(bytes_of(text, 4999), &err));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(secure_boot__each_state__in_its_words),
		T(secure_boot__not_demanded__said_to_be_unchecked),
		T(authorities__none_named__not_judged),
		T(authorities__all_that_vouch_are_named__accepted_and_counted),
		T(authorities__one_that_vouches_is_not_named__every_image_refused),
		T(authorities__digest_differs_in_its_last_byte__refused),
		T(authorities__image_that_none_can_have_verified__refused),
		T(authorities__drivers_in_other_pcrs__no_boot_images),
		T(dbx__at_least_so_many_entries),
		T(types__unknown_where_rules_look_or_nothing_holds_them__refused),
		T(lines__each_rule__over_each_line),
		T(lines__as_long_as_they_may_be__and_no_longer),
		T(lockdown__by_command_line__where_the_class_judges_ima_by_it),
		T(globs__too_long__match_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
