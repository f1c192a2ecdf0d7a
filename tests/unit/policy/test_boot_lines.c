/* SPDX-License-Identifier: Apache-2.0 */
/* Rules for kernel command lines (boot_lines.c): what the log calls a line, and what any event may be
 * where no reference holds the PCR. */
#include "boot_scene.h"

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
	boot_setup(&keys, "secure-boot");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	boot_teardown();
	return 0;
}

/* GRUB and one command line, its class expecting exactly that. */
static void made_line(const char *command_line, const char *class_lines)
{
	static const enum digest_alg banks[] = {DIGEST_SHA256};
	struct log_maker m = {0};
	struct buf event = {0};

	log_maker_start(&m, banks, ARRAY_LEN(banks));
	log_maker_separators(&m, 0, 7);
	buf_printf(&event, "kernel_cmdline: %s", command_line);
	buf_put_u8(&event, 0);
	log_maker_put(&m, 8, EV_IPL, bytes_str(command_line), buf_bytes(&event));
	buf_release(&event);
	boot_made(&m, BOOT_RISK, class_lines);
	boot_attach(buf_bytes(&boot.firmware));
}

static void boot__command_lines__by_the_rules(void **state)
{
	static const struct {
		const char *line, *rules, *expected; /* NULL: accepted */
	} cases[] = {
		{"/vmlinuz root=/dev/vda ro", "allow: [\"/vmlinuz* ro\"]", NULL},
		{"/vmlinuz root=/dev/vda rw", "allow: [\"/vmlinuz* ro\"]",
			"one that the host class allows"},
		{"/vmlinuz ro ima_policy=tcb", "require: [ima_policy=tcb]", NULL},
		{"/vmlinuz ro ima_policy=tcbx", "require: [ima_policy=tcb]", "ima_policy=tcb"},
		{"/vmlinuz ro", "forbid: [\"init=*\"]", NULL},
		{"/vmlinuz init=/bin/sh ro", "forbid: [\"init=*\"]", "without this word"},
		{"/vmlinuz ro  init=x", "forbid: [\"init=*\"]", "without this word"},
		/* As the kernel reads it: quotes go, dashes are underscores, "--" ends it. */
		{"/vmlinuz ro \"init=/bin/sh\"", "forbid: [\"init=*\"]", "without this word"},
		{"/vmlinuz ro in'i't=x", "forbid: [\"init=*\"]", "without this word"},
		{"/vmlinuz a.b-c=1", "forbid: [\"a.b_c=*\"]", "without this word"},
		{"/vmlinuz a.b_c=1", "forbid: [\"a.b-c=*\"]", "without this word"},
		{"/vmlinuz a-b_c=1", "forbid: [\"a-b_c=*\"]", "without this word"},
		{"/vmlinuz x=\"a ima_policy=tcb b\"", "require: [ima_policy=tcb]",
			"ima_policy=tcb"},
		{"/vmlinuz x=\"a b\" ima_policy=tcb", "require: [ima_policy=tcb]", NULL},
		{"/vmlinuz ro -- ima_policy=tcb", "require: [ima_policy=tcb]", "ima_policy=tcb"},
		{"/vmlinuz --ro ima_policy=tcb", "require: [ima_policy=tcb]", NULL},
	};
	char lines[256];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		snprintf(lines, sizeof(lines), "    secure_boot: any\n    command_line: {%s}\n",
			cases[i].rules);
		made_line(cases[i].line, lines);
		scene_run(boot.s);
		if (!cases[i].expected) {
			assert_trusted(boot.s);
			continue;
		}
		assert_refused(boot.s, REASON_COMMAND_LINE);
		assert_string_equal(boot.s->verdict->reasons[0].expected, cases[i].expected);
		assert_non_null(strstr(boot.s->verdict->reasons[0].where, "firmware log event "));
	}
}

/* A command line that is left open for rules to judge, under a golden log with another one. */
static void boot__line_left_open__judged_by_rules_alone(void **state)
{
	struct buf golden = {0};

	(void)state;
	made_line("/vmlinuz root=UUID=1 ro", "    secure_boot: any\n");
	buf_put(&golden, buf_bytes(&boot.firmware));
	made_line("/vmlinuz root=UUID=2 ro", "    secure_boot: any\n");
	buf_clear(&boot.lines);
	boot_reference("golden-log", buf_bytes(&golden), "");
	boot_policy(BOOT_RISK, "    secure_boot: any\n    may_vary: [8]\n"
			       "    command_line: {allow: [\"/vmlinuz root=UUID=? ro\"]}\n");
	boot_attach(buf_bytes(&golden));
	scene_run(boot.s);
	assert_trusted(boot.s);
	buf_release(&golden);
}

/* ---- PCRs that are left open ---- */

struct open_event {
	unsigned pcr;
	uint32_t type;
	const char *hashed, *prefix; /* data: prefix and what is hashed; hashed NULL: nothing */
	bool utf16, uncovered;
};

/* A machine with these events in PCRs that its class leaves to rules. */
static void open_machine(const struct open_event events[2], const char *class_lines)
{
	static const enum digest_alg banks[] = {DIGEST_SHA256};
	struct log_maker m = {0};

	log_maker_start(&m, banks, ARRAY_LEN(banks));
	log_maker_separators(&m, 0, 7);
	for (size_t i = 0; i < 2 && events[i].hashed; i++) {
		struct buf data = {0}, hashed = {0};

		if (events[i].utf16) {
			put_utf16le(&hashed, events[i].hashed);
			buf_put_u8(&hashed, 0);
			buf_put_u8(&hashed, 0);
		} else {
			buf_put_str(&hashed, events[i].hashed);
		}
		if (events[i].prefix)
			buf_put_str(&data, events[i].prefix);
		buf_put(&data, events[i].uncovered ? bytes_str("x") : buf_bytes(&hashed));
		log_maker_put(
			&m, events[i].pcr, events[i].type, buf_bytes(&hashed), buf_bytes(&data));
		buf_release(&data);
		buf_release(&hashed);
	}
	boot_made(&m, BOOT_RISK, class_lines);
	boot_attach(buf_bytes(&boot.firmware));
}

#define GRUB(text)                                                                                 \
	{                                                                                          \
		8, EV_IPL, text, "kernel_cmdline: ", false, false                                  \
	}

/* Whoever sends the log chooses types, prefixes and the data of what no digest covers. The line that
 * was booted with must not hide behind a better one. */
static void L12__command_line_under_another_name__judged_all_the_same(void **state)
{
	static const struct {
		struct open_event events[2];
		const char *actual; /* NULL: accepted */
	} cases[] = {
		{{GRUB("/vmlinuz a ro"), GRUB("/vmlinuz b ro")}, NULL},
		{{GRUB("/vmlinuz a ro"), GRUB("/vmlinuz b rw")}, "/vmlinuz b rw"},
		{{GRUB("/vmlinuz a ro"), {8, EV_IPL, "/vmlinuz b rw", "grub_cmd: ", false, false}},
			"/vmlinuz b rw"},
		{{GRUB("/vmlinuz a ro"), {8, EV_IPL, "/vmlinuz b rw", NULL, false, false}},
			"/vmlinuz b rw"},
		{{GRUB("/vmlinuz a ro"), {8, EV_ACTION, "/vmlinuz b rw", NULL, false, false}},
			"/vmlinuz b rw"},
		{{GRUB("/vmlinuz a ro"), {8, EV_EVENT_TAG, "/vmlinuz b rw", NULL, false, false}},
			"/vmlinuz b rw"},
		{{GRUB("/vmlinuz a ro"), {8, EV_IPL, "/vmlinuz b rw", NULL, false, true}},
			"something else"},
		{{GRUB("/vmlinuz a ro"), {12, EV_IPL, "/vmlinuz b rw", NULL, true, false}},
			"/vmlinuz b rw"},
		{{GRUB("/vmlinuz a ro"), {12, EV_IPL, "/vmlinuz b rw", NULL, false, true}},
			"something else"},
		{{GRUB("/vmlinuz a ro"), {12, EV_IPL, "/vmlinuz b ro", NULL, true, false}}, NULL},
		{{GRUB("/vmlinuz a ro"), GRUB("/vmlinuz b\ninit=x ro")}, "something else"},
		{{GRUB("/vmlinuz a ro"), GRUB("/vmlinuz b\xa0init=x ro")}, "something else"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		open_machine(cases[i].events,
			"    secure_boot: any\n    may_vary: [8, 12]\n"
			"    command_line: {allow: [\"/vmlinuz * ro\"], forbid: [\"init=*\"]}\n");
		scene_run(boot.s);
		if (!cases[i].actual) {
			assert_trusted(boot.s);
			assert_int_equal(boot.s->verdict->assurance, ASSURANCE_BOOTED);
			continue;
		}
		assert_refused(boot.s, REASON_COMMAND_LINE);
		assert_string_equal(boot.s->verdict->reasons[0].actual, cases[i].actual);
	}
}

/* Where a reference holds the PCR, what is no command line is not judged as one. */
static void boot__grubs_commands_in_a_held_pcr__no_lines(void **state)
{
	static const struct open_event events[2] = {
		GRUB("/vmlinuz a ro"), {8, EV_IPL, "set x=y", "grub_cmd: ", false, false}};

	(void)state;
	open_machine(
		events, "    secure_boot: any\n    command_line: {allow: [\"/vmlinuz * ro\"]}\n");
	scene_run(boot.s);
	assert_trusted(boot.s);
}

/* Without rules an open PCR is just open. */
static void boot__open_pcr_without_rules__anything_goes(void **state)
{
	static const struct open_event events[2] = {{12, EV_IPL, "x.cpio", NULL, false, true}};

	(void)state;
	open_machine(events, "    secure_boot: any\n    may_vary: [12]\n");
	scene_run(boot.s);
	assert_trusted(boot.s);
	assert_int_equal(boot.s->verdict->assurance, ASSURANCE_REPORTED);
}

static void boot__notes_and_odd_letters_in_an_open_pcr__told_apart(void **state)
{
	static const enum digest_alg banks[] = {DIGEST_SHA256};

	(void)state;
	for (unsigned odd = 0; odd < 2; odd++) {
		struct log_maker m = {0};

		log_maker_start(&m, banks, ARRAY_LEN(banks));
		log_maker_separators(&m, 0, 7);
		log_maker_note(&m, 12, BYTES_LIT("a note"));
		/* "ro", or with U+016F in the place of the o. */
		log_maker_event(
			&m, 12, EV_IPL, odd ? BYTES_LIT("r\0o\1\0\0") : BYTES_LIT("r\0o\0\0\0"));
		boot_made(&m, BOOT_RISK,
			"    secure_boot: any\n    may_vary: [12]\n    command_line: {allow: "
			"[ro]}\n");
		boot_attach(buf_bytes(&boot.firmware));
		scene_run(boot.s);
		if (odd)
			assert_refused(boot.s, REASON_COMMAND_LINE);
		else
			assert_trusted(boot.s);
	}
}

/* The log's text for people is cut, the line is not. */
static void boot__forbidden_word_far_behind__found(void **state)
{
	char text[3100];
	const struct open_event events[2] = {GRUB(text)};

	(void)state;
	memset(text, 'a', sizeof(text));
	memcpy(text + 3000, " init=x", sizeof(" init=x"));
	open_machine(events, "    secure_boot: any\n    command_line: {forbid: [\"init=*\"]}\n");
	scene_run(boot.s);
	assert_refused(boot.s, REASON_COMMAND_LINE);
	assert_string_equal(boot.s->verdict->reasons[0].actual, "init=x");
}

static void boot__line_too_long__refused(void **state)
{
	char text[4200];
	const struct open_event events[2] = {GRUB(text)};

	(void)state;
	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	for (unsigned open = 0; open < 2; open++) {
		char lines[256];

		snprintf(lines, sizeof(lines),
			"    secure_boot: any\n%s    command_line: {forbid: [\"init=*\"]}\n",
			open ? "    may_vary: [8]\n" : "");
		open_machine(events, lines);
		scene_run(boot.s);
		assert_refused(boot.s, REASON_COMMAND_LINE);
	}
}

/* Lockdown by command line: one that a reference holds, or all that none holds. */
static void boot__lockdown__in_a_line_that_counts(void **state)
{
	static const struct {
		struct open_event events[2];
		const char *vary;
		bool locked;
	} cases[] = {
		{{GRUB("/v lockdown=integrity"), GRUB("/v")}, "", true},
		{{GRUB("/v lockdown=confidentiality")}, "", true},
		{{GRUB("/v lockdown=none")}, "", false},
		{{GRUB("/v -- lockdown=integrity")}, "", false},
		{{GRUB("/v lockdown=integrity"), GRUB("/v")}, "    may_vary: [8]\n", false},
		{{GRUB("/v lockdown=integrity"), GRUB("/v lockdown=integrity")},
			"    may_vary: [8]\n", true},
		{{{0}}, "    may_vary: [8]\n", false},
		{{{0}}, "", false},
	};
	char lines[512];
	struct buf rules = {0};

	(void)state;
	buf_put_str(&rules, "# nothing may run\n");
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		uint8_t digest[SHA256_LEN];
		char hex[2 * SHA256_LEN + 1];
		const struct reason *reason = NULL;

		assert_ok(sha256_of(buf_bytes(&rules), digest, &boot.s->err), boot.s->err);
		hex_encode(BYTES_OF(digest), hex);
		snprintf(lines, sizeof(lines),
			"      - {kind: ima-rules, sha256: %s}\n    secure_boot: any\n%s"
			"    ima:\n      lockdown: command-line\n      hostd: [ {path: /h, "
			"sha256: %s} ]\n",
			hex, cases[i].vary, hex);
		open_machine(cases[i].events, lines);
		scene_run(boot.s);
		assert_false(boot.s->verdict->trusted); /* there is no IMA log */
		for (size_t k = 0; k < boot.s->verdict->reason_count; k++)
			if (strcmp(boot.s->verdict->reasons[k].subject, "kernel lockdown") == 0)
				reason = &boot.s->verdict->reasons[k];
		if ((reason == NULL) != cases[i].locked)
			fail_msg("case %zu", i);
		assert_true(!reason || reason->code == REASON_COMMAND_LINE);
	}
	buf_release(&rules);
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(boot__command_lines__by_the_rules),
		T(boot__line_left_open__judged_by_rules_alone),
		T(L12__command_line_under_another_name__judged_all_the_same),
		T(boot__grubs_commands_in_a_held_pcr__no_lines),
		T(boot__open_pcr_without_rules__anything_goes),
		T(boot__notes_and_odd_letters_in_an_open_pcr__told_apart),
		T(boot__forbidden_word_far_behind__found),
		T(boot__line_too_long__refused),
		T(boot__lockdown__in_a_line_that_counts),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
