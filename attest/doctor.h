/* SPDX-License-Identifier: Apache-2.0 */
/* `assay doctor`: what this host has and lacks, and what to do about it. Needs no daemon; looks,
 * changes nothing. */
#ifndef ASSAY_ATTEST_DOCTOR_H
#define ASSAY_ATTEST_DOCTOR_H

#include "attest/tpm.h"

#define DOCTOR_ITEMS_MAX 32u

enum doctor_level { DOCTOR_OK = 0, DOCTOR_WARN, DOCTOR_MISSING };
const char *doctor_level_name(enum doctor_level level); /* "ok", "warn", "missing" */

struct doctor_item {
	const char *name; /* stable: "tpm", "ek-certificate", … */
	enum doctor_level level;
	char found[256]; /* escaped */
	char todo[256]; /* empty when there is nothing to do */
};
struct doctor_report {
	size_t count;
	struct doctor_item items[DOCTOR_ITEMS_MAX];
};
struct doctor_options {
	const char *tcti; /* NULL: device:/dev/tpmrm0 */
	struct bytes owner_auth, endorsement_auth;
	struct tpm_ek_options ek;
	uint32_t ak_handle; /* 0: the default one */
	uint32_t runtime_pcr; /* 0: 15 */
	const char *components_dir; /* where agents' files lie, for fs-verity; NULL: "/" */
	int64_t now; /* wall clock, seconds */
	int64_t built; /* a clock before this is wrong; 0: not checked */
};
/* Never fails: what cannot be found out is an item that says so. */
void doctor_examine(const struct doctor_options *options, struct doctor_report *ret);
/* The worst level. */
enum doctor_level doctor_worst(const struct doctor_report *report);
/* {"level":"warn","items":[{"name","level","found","todo"}]} with a newline. */
must_use bool doctor_json(const struct doctor_report *report, struct buf *out, struct err *err);
/* One or two lines an item. colour: ANSI. */
must_use bool doctor_text(
	const struct doctor_report *report, bool colour, struct buf *out, struct err *err);

#endif
