/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of a host class that need no reference value: Secure Boot, who verified the boot images,
 * the age of dbx. Those of command lines are in boot_lines.c. */
#include <stdio.h>

#include "base/text.h"
#include "policy/boot.h"
#include "policy/policy_file.h"

#define BOOT_IMAGE_PCR 4u
/* PCRs whose events rules look at: boot images, Secure Boot, what loaders and stubs measured. */
#define JUDGED_BY_TYPE (1u << 4 | 1u << 7 | 1u << 8 | 1u << 9 | 0x7800u)

void boot_refuse_at(struct boot_case *c, enum reason_code code, const char *subject,
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
		boot_refuse_at(c, REASON_SECURE_BOOT, "Secure Boot", "on",
			secure_boot_flag_name(sb->state), sb->state_event);
	else if (!sb->enforced)
		verdict_refuse(c->verdict, REASON_SECURE_BOOT, "Secure Boot",
			"on, and shown to have verified what was booted", sb->why, NULL, NULL);
	else
		verdict_checked(c->verdict,
			"Secure Boot: on, in user mode, with an authority for what was booted");
}

static bool is_named(const struct host_class *class, const struct secure_boot_authority *authority)
{
	for (size_t i = 0; i < class->authority_count; i++)
		if (memcmp(class->authorities[i], authority->digest.bytes, SHA256_LEN) == 0)
			return true;
	return false;
}

/* Which authority verified an image no log proves: the order between PCRs is in no digest, so whoever
 * sends the log chooses it. Every authority measured must be a named one, so that it does not matter. */
static bool image_named(const struct host_class *class, const struct secure_boot *sb,
	const struct secure_boot_image *image)
{
	if (image->authority < 0)
		return false;
	for (size_t i = 0; i < sb->authority_count; i++)
		if (sb->authorities[i].vouches && !is_named(class, &sb->authorities[i]))
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
		boot_refuse_at(c, REASON_BOOT_AUTHORITY, "boot image",
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
	boot_refuse_at(c, REASON_DBX_OLD, "dbx", want, got, dbx->event);
}

/* Vendors have event types of their own. Where a reference holds each event by type and digest they
 * may stay; where rules look for events by their type, one of another type would hide from them. */
static void judge_types(struct boot_case *c)
{
	const struct boot_chain *chain = &c->facts->chain;

	if (chain->unknown_pcrs & (JUDGED_BY_TYPE | c->class->may_vary))
		boot_refuse_at(c, REASON_FIRMWARE_LOG, "firmware log", "known types of events",
			"an unknown or unused one", (uint32_t)chain->unknown_event);
}

void boot_judge_rules(struct boot_case *c)
{
	judge_types(c);
	judge_secure_boot(c);
	judge_authorities(c);
	judge_dbx(c);
	boot_judge_lines(c);
}
