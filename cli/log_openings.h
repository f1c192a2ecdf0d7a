/* SPDX-License-Identifier: Apache-2.0 */
/* Entries of a ledger opened by the verifier, for whoever may ask it: what a leaf only commits to. */
#ifndef ASSAY_CLI_LOG_OPENINGS_H
#define ASSAY_CLI_LOG_OPENINGS_H

#include "cli/cli.h"
#include "cli/log_watch.h"
#include "ledger/ledger.h"

/* Asks the verifier for an entry's salt and content, holds them against the leaf's commitment, and has
 * the watch judge them. What is not opened is a warning of the watch; errors, put into cli, are of the
 * connection. */
must_use bool log_opening_judge(
	struct cli *cli, struct log_watch *watch, uint64_t index, const struct leaf *leaf);

#endif
