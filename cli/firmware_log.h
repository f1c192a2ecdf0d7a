/* SPDX-License-Identifier: Apache-2.0 */
/* What the firmware commands share: a log from a file, opened as the options say. */
#ifndef ASSAY_CLI_FIRMWARE_LOG_H
#define ASSAY_CLI_FIRMWARE_LOG_H

#include "cli/cli.h"
#include "firmware/event_log.h"

#define FIRMWARE_LOG_OPTIONS                                                                       \
	{"bank", "NAME", OPTION_VALUE, "sha1, sha256, sha384 or sha512"},                          \
	{                                                                                          \
		"type", "TYPE", OPTION_VALUE,                                                      \
			"tpm (default), or ccel: a log padded with 0xff as ACPI's CCEL area is"    \
	}

struct firmware_log {
	struct buf bytes;
	struct event_log log; /* borrows from bytes */
};

/* The value of --bank; DIGEST_NONE when not given. */
must_use bool firmware_bank_option(struct cli *cli, enum digest_alg *ret);
/* Reads and opens; bank as in event_log_open. The error names the path. */
must_use bool firmware_log_read(
	struct cli *cli, const char *path, enum digest_alg bank, struct firmware_log *ret);
void firmware_log_release(struct firmware_log *log);
/* The strongest bank that every one of the logs has: sha256 before all others, SHA-1 last. */
must_use bool firmware_bank_common(
	const struct firmware_log *logs, size_t n, enum digest_alg *ret, struct err *err);

#endif
