/* SPDX-License-Identifier: Apache-2.0 */
/* What a launch left behind in its evidence: components, arguments, environment, sandbox, kernel,
 * model; and which of it is more than somebody's word. Pure. */
#ifndef ASSAY_CLI_LAUNCH_VIEW_H
#define ASSAY_CLI_LAUNCH_VIEW_H

#include "base/json.h"
#include "ledger/audit.h"

/* The launch record of the instance that the record is about, from the bundle's own evidence:
 * {"measured": "proven" or "asserted", "instance", "workload", "release", "spec", "uid", "gid",
 * "working_directory", "sandbox": [words], "components": [{"name", "role", "path", "kind", "digest",
 * "size", "files", "presence"}], "arguments": [salted digests], "environment": {name: salted digest},
 * "environment_kept": {"key", "bytes"} or null, "environment_values": {name: value} if they were opened,
 * "descriptors": [text], "kernel": {"release", "command_line", "standing", "why"} or null,
 * "model_version": text or null, "model_version_standing"}. measured is proven where the audit held:
 * the runtime log replays onto quoted PCRs. ERR_NOT_FOUND: the evidence holds no launch record of
 * it, as a renewal's does not. opener: the private key that the environment's values are kept for, each
 * of which must then be what its salted digest is of; NULL: they stay sealed. ERR_NOT_FOUND: none are
 * kept; ERR_MISMATCH: for another key, or not those of the launch. */
must_use bool launch_view(struct bytes bundle, const struct audit_report *report,
	struct key *opener, json_t **ret, struct err *err);
/* Whether a covered event of the boot log, replayed onto these PCRs, holds that command line: as
 * GRUB (behind "BOOT_IMAGE=") or as systemd-stub (UTF-16LE) measures it. A log that cannot be read
 * shows nothing. */
bool launch_view_line_measured(
	struct bytes firmware_log, const struct pcr_bank *quoted, struct bytes line);

#endif
