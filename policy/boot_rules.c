/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of a host class that need no reference value: Secure Boot, who verified the boot images,
 * the age of dbx, kernel command lines. */
#include <stdio.h>

#include "base/text.h"
#include "firmware/glob.h"
#include "policy/boot.h"
#include "policy/policy_file.h"

#define BOOT_IMAGE_PCR 4u
/* PCRs whose events rules look at: boot images, Secure Boot, what loaders and stubs measured. */
#define JUDGED_BY_TYPE (1u << 4 | 1u << 7 | 1u << 8 | 1u << 9 | 0x7800u)

static void refuse_at(struct boot_case *c, enum reason_code code, const char *subject,
	const char *expected, const char *actual, uint32_t event)
{
	char where[48];

	snprintf(where, sizeof(where), "firmware log event %u", event);
	verdict_refuse(c->verdict, code, subject, expected, actual, where, NULL);
}

static void judge_secure_boot(struct boot_case *c)
{
	const struct secure_boot *sb = c->facts->secure_boot;

	if (c->class->secure_boot == SECURE_BOOT_ANY) {
		verdict_not_checked(c->verdict,
			"Secure Boot is %s: the host class does not demand it",
			secure_boot_flag_name(sb->state));
		return;
	}
	if (sb->state != SECURE_BOOT_ON && sb->state != SECURE_BOOT_UNKNOWN)
		refuse_at(c, REASON_SECURE_BOOT, "Secure Boot", "on",
			secure_boot_flag_name(sb->state), sb->state_event);
	else if (!sb->enforced)
		verdict_refuse(c->verdict, REASON_SECURE_BOOT, "Secure Boot",
			"on, and shown to have verified what was booted", sb->why, NULL, NULL);
	else
		verdict_checked(c->verdict,
			"Secure Boot: on, in user mode, with an authority for what was booted");
}

static bool authority_named(const struct host_class *class, const struct secure_boot *sb, int i)
{
	if (i < 0 || !sb->authorities[i].vouches)
		return false;
	for (size_t k = 0; k < class->authority_count; k++)
		if (memcmp(class->authorities[k], sb->authorities[i].digest.bytes, SHA256_LEN) == 0)
			return true;
	return false;
}

/* The log does not say which of several authorities verified an image that came after all of them:
 * then every authority measured must be a named one, so that it does not matter. */
static bool image_named(const struct host_class *class, const struct secure_boot *sb,
	const struct secure_boot_image *image)
{
	if (image->certain)
		return authority_named(class, sb, image->authority);
	if (image->authority < 0)
		return false;
	for (size_t i = 0; i < sb->authority_count; i++)
		if (sb->authorities[i].vouches && !authority_named(class, sb, (int)i))
			return false;
	return true;
}

static void judge_authorities(struct boot_case *c)
{
	const struct secure_boot *sb = c->facts->secure_boot;
	size_t images = 0, before = c->verdict->reason_count;

	if (c->class->authority_count == 0)
		return;
	for (size_t i = 0; i < sb->image_count; i++) {
		const struct secure_boot_image *image = &sb->images[i];
		char actual[REASON_TEXT_MAX] =
			"no authority that was measured can have verified it";

		if (image->pcr != BOOT_IMAGE_PCR)
			continue;
		images++;
		if (image_named(c->class, sb, image))
			continue;
		if (image->authority >= 0)
			(void)authority_entry_text(sb->authorities[image->authority].variable.data,
				actual, sizeof(actual));
		refuse_at(c, REASON_BOOT_AUTHORITY, "boot image",
			"verified by an authority of the host class", actual, image->event);
	}
	if (images == 0)
		verdict_refuse(c->verdict, REASON_BOOT_AUTHORITY, "boot image", "an image in PCR 4",
			"none", "firmware log", NULL);
	else if (c->verdict->reason_count == before)
		verdict_checked(c->verdict,
			"boot images: %zu, each by an authority of the host class", images);
}

static void judge_dbx(struct boot_case *c)
{
	const struct secure_boot_database *dbx = &c->facts->secure_boot->variables[SECURE_BOOT_DBX];
	char want[48], got[48] = "not measured";

	if (c->class->dbx_minimum == 0 || (dbx->measured && dbx->count >= c->class->dbx_minimum))
		return;
	snprintf(want, sizeof(want), "%llu entries or more",
		(unsigned long long)c->class->dbx_minimum);
	if (dbx->measured)
		snprintf(got, sizeof(got), "%zu entries", dbx->count);
	refuse_at(c, REASON_DBX_OLD, "dbx", want, got, dbx->event);
}

#define COMMAND_LINE_MAX 4096u /* of a command line; Linux takes no more than 2048 */

/* A path's '*' stops at '/': a command line's must not, or "init=*" would let "init=/bin/sh" by. */
static struct bytes without_slashes(struct bytes in, uint8_t *out, size_t max)
{
	for (size_t i = 0; i < in.len && i < max; i++)
		out[i] = in.data[i] == '/' ? 1 : in.data[i];
	return bytes_of(out, in.len < max ? in.len : max);
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

/* The next word of a command line; false at its end. */
static bool next_word(const char **at, struct bytes *ret)
{
	const char *start = *at + strspn(*at, " \t");
	size_t len = strcspn(start, " \t");

	*at = start + len;
	*ret = bytes_of(start, len);
	return len > 0;
}

static bool has_word(const char *line, const char *word)
{
	struct bytes found;

	while (next_word(&line, &found))
		if (bytes_equal_str(found, word))
			return true;
	return false;
}

static bool line_allowed(const struct host_command_line *rules, const char *line)
{
	for (size_t i = 0; i < rules->allow_count; i++)
		if (line_glob_match(rules->allow[i], bytes_str(line)))
			return true;
	return rules->allow_count == 0;
}

static void judge_line(struct boot_case *c, const struct boot_item *item)
{
	const struct host_command_line *rules = &c->class->command_line;
	const char *line = item->text ? item->text : "", *at = line;
	struct bytes word;

	if (!line_allowed(rules, line))
		refuse_at(c, REASON_COMMAND_LINE, "kernel command line",
			"one that the host class allows", line, item->event);
	for (size_t i = 0; i < rules->require_count; i++)
		if (!has_word(line, rules->require[i]))
			refuse_at(c, REASON_COMMAND_LINE, "kernel command line", rules->require[i],
				line, item->event);
	while (next_word(&at, &word))
		for (size_t i = 0; i < rules->forbid_count; i++)
			if (word.len > COMMAND_LINE_MAX ||
				line_glob_match(rules->forbid[i], word)) {
				char found[REASON_TEXT_MAX];

				text_escape(word, found, sizeof(found));
				refuse_at(c, REASON_COMMAND_LINE, "kernel command line",
					"without this word", found, item->event);
			}
}

/* Rules need text that a digest covers. A unified kernel image's own line is known by digest alone,
 * and so by references alone. */
static void judge_command_lines(struct boot_case *c)
{
	const struct host_command_line *rules = &c->class->command_line;
	const struct boot_chain *chain = &c->facts->chain;
	size_t lines = 0, before = c->verdict->reason_count;

	if (rules->allow_count + rules->require_count + rules->forbid_count == 0)
		return;
	for (size_t i = 0; i < chain->count; i++) {
		const struct boot_item *item = &chain->items[i];

		if (item->kind != BOOT_COMMAND_LINE || !item->covered)
			continue;
		lines++;
		judge_line(c, item);
	}
	if (lines == 0)
		verdict_refuse(c->verdict, REASON_COMMAND_LINE, "kernel command line",
			"one whose text a digest covers", "none", "firmware log", NULL);
	else if (c->verdict->reason_count == before)
		verdict_checked(
			c->verdict, "kernel command lines: %zu, as the host class demands", lines);
}

/* `measured` demands that nobody loads another kernel or an unsigned module past IMA. */
static void judge_lockdown(struct boot_case *c)
{
	const struct boot_chain *chain = &c->facts->chain;

	if (!c->class->ima.judged || c->class->ima.lockdown != LOCKDOWN_COMMAND_LINE)
		return;
	for (size_t i = 0; i < chain->count; i++) {
		const struct boot_item *item = &chain->items[i];

		if (item->kind == BOOT_COMMAND_LINE && item->covered &&
			(has_word(item->text, "lockdown=integrity") ||
				has_word(item->text, "lockdown=confidentiality")))
			return;
	}
	verdict_refuse(c->verdict, REASON_COMMAND_LINE, "kernel lockdown",
		"lockdown=integrity or lockdown=confidentiality", "neither in a covered line",
		"firmware log", NULL);
}

/* Vendors have event types of their own. Where a reference holds each event by type and digest they
 * may stay; where rules look for events by their type, one of another type would hide from them. */
static void judge_types(struct boot_case *c)
{
	const struct boot_chain *chain = &c->facts->chain;

	if (chain->unknown_pcrs & (JUDGED_BY_TYPE | c->class->may_vary))
		refuse_at(c, REASON_FIRMWARE_LOG, "firmware log", "known types of events",
			"an unknown or unused one", (uint32_t)chain->unknown_event);
}

bool boot_judge_rules(struct boot_case *c, struct err *err)
{
	(void)err;
	judge_types(c);
	judge_secure_boot(c);
	judge_authorities(c);
	judge_dbx(c);
	judge_command_lines(c);
	judge_lockdown(c);
	return true;
}
