/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a boot was made of, as facts that a policy judges, each with the number of its event. Digests
 * are those of the chosen bank and are what the PCRs hold; text is marked with whether a digest
 * covers it. Text that none covers is for people only.
 */
#ifndef ASSAY_FIRMWARE_BOOT_CHAIN_H
#define ASSAY_FIRMWARE_BOOT_CHAIN_H

#include "firmware/event_log.h"

/* What an item is. */
enum boot_item_kind {
	BOOT_IMAGE = 0, /* EFI image: digest = Authenticode digest; text = device path, uncovered */
	BOOT_COMMAND_LINE, /* kernel command line by GRUB (PCR 8) or systemd (PCR 12): text covered */
	BOOT_LOAD_OPTIONS, /* kernel command line by the Linux EFI stub (PCR 9): digest alone, over
			      UTF-16LE without its NUL */
	BOOT_COMMAND, /* a GRUB command (PCR 8): text covered */
	BOOT_FILE, /* a file read by GRUB (PCR 9): digest of the content; its name uncovered */
	BOOT_INITRD, /* initrd by the Linux EFI stub (PCR 9): digest alone */
	BOOT_SECTION, /* section of a unified kernel image (PCR 11): digest of the content, text = the
			 section's name, covered by the event before */
	BOOT_CONFIG, /* anything else that a loader measured (EV_IPL, EV_EVENT_TAG): credentials,
			loader.conf, MokList, … */
	BOOT_ITEM_KINDS
};
const char *boot_item_kind_name(enum boot_item_kind kind); /* "image", "command-line" */

struct boot_item {
	enum boot_item_kind kind;
	uint32_t event, pcr, type;
	struct digest digest;
	char *text; /* owned, printable UTF-8 (escaped as text_escape does); never NULL */
	struct bytes raw; /* the text as it stands in the log: ASCII without NUL; UTF-16LE for
			     systemd. Empty when not covered. */
	bool covered; /* the digest covers text */
};

struct boot_chain {
	size_t count;
	struct boot_item *items; /* owned; in the order of the log */
	uint32_t separators; /* bit i: PCR i (0-7) has its separator, exactly one, with value 0 or
				0xffffffff. A whole boot has 0xff. */
	bool separator_error; /* one tells of a firmware error */
	bool exit_boot_services; /* "Exit Boot Services Invocation" and "…Returned with Success" */
	int64_t crtm_event; /* EV_S_CRTM_VERSION; -1: none */
	char *crtm_version; /* owned; "" when none */
	bool crtm_covered;
	/* An event in PCR 0-7 that has the digest of a separator without being one: somebody renamed
	 * events (their types are in no digest), so that nothing in this log may be believed. -1: none. */
	int64_t disguised_separator;
	size_t unknown_types; /* events extended whose type is not known or EV_UNUSED */
	int64_t unknown_event; /* the first of them; -1 */
	uint32_t unknown_pcrs; /* where they were extended, a bit for each PCR */
};

/* ERR_NOT_FOUND when the log lacks the bank; ERR_NOMEM. An event without a digest in this bank
 * is left out. The caller releases with boot_chain_release. */
must_use bool boot_chain_of(
	const struct event_log *log, enum digest_alg bank, struct boot_chain *ret, struct err *err);
void boot_chain_release(struct boot_chain *chain);

#endif
