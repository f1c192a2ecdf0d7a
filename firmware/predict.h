/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the PCRs will hold at the next boot, told from the log of a boot and what is about to be
 * changed: a boot loader, a kernel, an initrd, a unified kernel image, the command line, dbx, shim's
 * SbatLevel. The events of the old log are taken over, those that the change touches get new digests.
 *
 * A prediction is made in steps: predict_new, one call for each change, predict_finish. What it takes
 * for granted and what it cannot know is said in notes.
 */
#ifndef ASSAY_FIRMWARE_PREDICT_H
#define ASSAY_FIRMWARE_PREDICT_H

#include "firmware/boot_chain.h"
#include "firmware/event_log.h"

#define PREDICT_CHANGES_MAX 512u
#define PREDICT_NOTES_MAX   64u

struct predict;

/* Starts from a log, which must replay in the bank and must outlive the prediction. */
must_use bool predict_new(
	const struct event_log *log, enum digest_alg bank, struct predict **ret, struct err *err);
void predict_free(struct predict **predict);

/* Replaces what `old` names by a file: an event number ("23"), a digest in lower-case hex of the bank's length,
 * or the end of an image's device path or of a file's name as logged ("BOOTX64.EFI", "/vmlinuz";
 * letter case and the kind of slash do not matter).
 * Images (PCR 4) get the file's Authenticode digest; files read by GRUB and initrds (PCR 9) the hash of
 * its bytes. Images loaded several times change together, and so do the images without a path that
 * follow a kernel read by GRUB. ERR_NOT_FOUND when nothing is named so, ERR_USAGE when several different
 * things are, ERR_FORMAT when the file is no image. name is the file's, for messages. */
must_use bool predict_replace(struct predict *predict, const char *old, struct bytes file,
	const char *name, struct err *err);

/* Replaces the unified kernel image that was booted: its image event in PCR 4, the sections that
 * systemd-stub measured into PCR 11 (name with its NUL, then content, in the stub's order), the
 * kernel inside where the firmware measured it as an image of its own, and what the kernel measured
 * of command line and initrd into PCR 9. ERR_NOT_FOUND when no such image was booted. */
must_use bool predict_uki(
	struct predict *predict, struct bytes file, const char *name, struct err *err);

/* The kernel's command line as measured by GRUB (with the kernel's path) or systemd-boot. */
must_use bool predict_command_line(struct predict *predict, struct bytes line, struct err *err);

/* Appends to dbx as firmware does (EDK2): entries that are there already are dropped. update is one or
 * more EFI_SIGNATURE_LISTs, bare or behind EFI_VARIABLE_AUTHENTICATION_2 as updates are published. */
must_use bool predict_dbx(struct predict *predict, struct bytes update, struct err *err);
/* The new content of SbatLevel, "sbat,1,…\n…", as shim measures it. */
must_use bool predict_sbat_level(struct predict *predict, struct bytes level, struct err *err);

struct prediction_change {
	int64_t event; /* number in the old log; -1: a new event */
	uint32_t pcr;
	struct digest old, new_; /* len 0: none */
	char *what; /* owned, printable */
};
struct prediction {
	enum digest_alg bank;
	struct pcr_bank before, after; /* `present`: extended by some event */
	uint32_t changed; /* bit n: PCR n gets another value */
	uint32_t unknown; /* bit n: PCR n changes to a value that cannot be told */
	size_t change_count;
	struct prediction_change *changes; /* owned; in the order of the log */
	size_t note_count;
	char **notes; /* owned, printable: "assumes …", "cannot tell …" */
};
/* ERR_USAGE when nothing was changed. The caller releases ret. */
must_use bool predict_finish(struct predict *predict, struct prediction *ret, struct err *err);
void prediction_release(struct prediction *prediction);

#endif
