/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A host class's rules for kernel command lines, and its lockdown. Where references hold a PCR they
 * judge it, and rules look at what the log calls command lines. Where the class leaves it open
 * nothing proves what the log calls anything: no digest covers types and GRUB's prefixes. There every
 * event has to be a line that the rules accept.
 */
#include "base/text.h"
#include "firmware/glob.h"
#include "policy/boot.h"
#include "policy/policy_file.h"

#define COMMAND_LINE_MAX 4096u /* of a command line; Linux takes no more than 2048 */

/* A path's '*' stops at '/': a command line's must not, or "init=*" would let "init=/bin/sh" by. */
static struct bytes without_slashes(struct bytes in, uint8_t *out, size_t max)
{
	size_t len = in.len < max ? in.len : max;

	for (size_t i = 0; i < len; i++)
		out[i] = in.data[i] == '/' ? 1 : in.data[i];
	return bytes_of(out, len);
}

bool line_glob_check(struct bytes pattern, struct err *err)
{
	uint8_t plain[GLOB_MAX + 1];

	return glob_check(without_slashes(pattern, plain, sizeof(plain)), err);
}

bool line_glob_match(const char *pattern, struct bytes text)
{
	uint8_t plain[GLOB_MAX + 1], line[COMMAND_LINE_MAX];

	return text.len <= COMMAND_LINE_MAX &&
	       glob_match(without_slashes(bytes_str(pattern), plain, sizeof(plain)),
		       without_slashes(text, line, sizeof(line)));
}

/* The next word of a command line; false at its end. Quotes join nothing here. */
static bool next_word(const char **at, struct bytes *ret)
{
	const char *start = *at + strspn(*at, " \t");
	size_t len = strcspn(start, " \t");

	*at = start + len;
	*ret = bytes_of(start, len);
	return len > 0;
}

static bool is_quote(char c)
{
	return c == '"' || c == '\'';
}

static bool inside_quotes(const char *line, const void *at)
{
	bool open = false;

	for (; (const void *)line < at; line++)
		open ^= is_quote(*line);
	return open;
}

/* As the kernel takes it: a word by itself, not a part of a quoted value, and not behind "--", where
 * words are for init. */
static bool has_word(const char *line, const char *word)
{
	const char *at = line;
	struct bytes found;

	while (next_word(&at, &found) && !bytes_equal_str(found, "--"))
		if (bytes_equal_str(found, word) && !inside_quotes(line, found.data))
			return true;
	return false;
}

/* Whoever reads a command line drops quotes, and takes '-' and '_' in names for the same. */
static bool word_forbidden(const char *pattern, struct bytes word)
{
	static const char dashes[][2] = {{'-', '-'}, {'-', '_'}, {'_', '-'}};
	char plain[COMMAND_LINE_MAX]; /* as long as any line is, see plain_line */

	for (size_t i = 0; i < ARRAY_LEN(dashes); i++) {
		size_t n = 0;

		for (size_t k = 0; k < word.len; k++) {
			char c = (char)word.data[k];

			if (!is_quote(c))
				plain[n++] = c == dashes[i][0] ? dashes[i][1] : c;
		}
		if (line_glob_match(pattern, bytes_of(plain, n)))
			return true;
	}
	return false;
}

static bool line_allowed(const struct host_command_line *rules, const char *line)
{
	for (size_t i = 0; i < rules->allow_count; i++)
		if (line_glob_match(rules->allow[i], bytes_str(line)))
			return true;
	return rules->allow_count == 0;
}

static bool has_rules(const struct host_command_line *rules)
{
	return rules->allow_count + rules->require_count + rules->forbid_count > 0;
}

static void judge_line(struct boot_case *c, const char *text, uint32_t event)
{
	const struct host_command_line *rules = &c->class->command_line;
	const char *at = text;
	struct bytes word;

	if (!line_allowed(rules, text))
		boot_refuse_at(c, REASON_COMMAND_LINE, "kernel command line",
			"one that the host class allows", text, event);
	for (size_t i = 0; i < rules->require_count; i++)
		if (!has_word(text, rules->require[i]))
			boot_refuse_at(c, REASON_COMMAND_LINE, "kernel command line",
				rules->require[i], text, event);
	while (next_word(&at, &word))
		for (size_t i = 0; i < rules->forbid_count; i++)
			if (word_forbidden(rules->forbid[i], word)) {
				char found[REASON_TEXT_MAX];

				text_escape(word, found, sizeof(found));
				boot_refuse_at(c, REASON_COMMAND_LINE, "kernel command line",
					"without this word", found, event);
			}
}

/* ---- the lines of a boot ---- */

struct lines {
	size_t held, held_locked; /* in PCRs that references hold */
	size_t open, open_locked; /* in PCRs that are left open */
};

static bool locks_down(const char *text)
{
	return has_word(text, "lockdown=integrity") || has_word(text, "lockdown=confidentiality");
}

/* What was measured, as printable ASCII, be it UTF-16 or not; false for anything else. The log's own
 * text would do no more: it is cut where it is long. */
static bool plain_line(struct bytes text, char out[COMMAND_LINE_MAX])
{
	size_t step = text.len >= 2 && text.len % 2 == 0 && text.data[1] == 0 ? 2 : 1, n = 0;

	while (text.len >= step && text.data[text.len - step] == 0)
		text.len -= step;
	if (text.len == 0 || text.len / step >= COMMAND_LINE_MAX)
		return false;
	for (size_t i = 0; i < text.len; i += step) {
		if (text.data[i] < ' ' || text.data[i] > '~' || (step == 2 && text.data[i + 1]))
			return false;
		out[n++] = (char)text.data[i];
	}
	out[n] = '\0';
	return true;
}

/* Counts the line. covered is empty where no digest covers the text: that satisfies no rule. */
static void take(
	struct boot_case *c, struct bytes covered, uint32_t event, size_t *lines, size_t *locked)
{
	char text[COMMAND_LINE_MAX];

	++*lines;
	if (!plain_line(covered, text)) {
		boot_refuse_at(c, REASON_COMMAND_LINE, "kernel command line",
			"printable text that its digest covers", "something else", event);
		return;
	}
	*locked += locks_down(text);
	judge_line(c, text, event);
}

/* A unified kernel image's own line is known by digest alone, and so by references alone. */
static void take_held(struct boot_case *c, uint32_t open, struct lines *lines)
{
	const struct boot_chain *chain = &c->facts->chain;

	for (size_t i = 0; i < chain->count; i++) {
		const struct boot_item *item = &chain->items[i];

		if (item->kind == BOOT_COMMAND_LINE && !(open >> item->pcr & 1))
			take(c, item->raw, item->event, &lines->held, &lines->held_locked);
	}
}

static void take_open(struct boot_case *c, uint32_t open, struct lines *lines)
{
	const struct event_log *log = &c->facts->log;
	struct digest digest;

	for (size_t i = 0; i < log->count; i++) {
		const struct firmware_event *event = &log->events[i];

		if (event->type != EV_NO_ACTION && open >> event->pcr & 1 &&
			event_digest(log, event, c->facts->bank, &digest))
			take(c, event->covered, event->number, &lines->open, &lines->open_locked);
	}
}

void boot_judge_lines(struct boot_case *c)
{
	const struct host_class *class = c->class;
	uint32_t open = class->may_vary & COMMAND_LINE_PCRS;
	bool rules = has_rules(&class->command_line);
	bool lockdown = class->ima.judged && class->ima.lockdown == LOCKDOWN_COMMAND_LINE;
	size_t before = c->verdict->reason_count;
	struct lines lines = {0};

	if (!rules && !lockdown)
		return;
	take_held(c, open, &lines);
	take_open(c, open, &lines);
	if (rules && lines.held + lines.open == 0)
		verdict_refuse(c->verdict, REASON_COMMAND_LINE, "kernel command line",
			"one whose text a digest covers", "none", "firmware log", NULL);
	/* Of lines that no reference holds, any could be the one that counted. */
	if (lockdown && !lines.held_locked && (!lines.open || lines.open_locked < lines.open))
		verdict_refuse(c->verdict, REASON_COMMAND_LINE, "kernel lockdown",
			"lockdown=integrity or lockdown=confidentiality",
			"neither in a covered line", "firmware log", NULL);
	if (rules && c->verdict->reason_count == before)
		verdict_checked(c->verdict, "kernel command lines: %zu, as the host class demands",
			lines.held + lines.open);
}
