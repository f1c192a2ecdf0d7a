/* SPDX-License-Identifier: Apache-2.0 */
/* A thread that puts the ledger's tiles and checkpoint into a directory as files, as any web server
 * can serve them (C2SP tlog-tiles). */
#ifndef ASSAY_VERIFIER_LOG_PUBLISH_H
#define ASSAY_VERIFIER_LOG_PUBLISH_H

#include "base/log.h"
#include "verifier/store.h"

struct log_publisher;
/* Makes the directory. What is missing in it is written, at once and about every second from then
 * on; a fault is logged and tried again, and holds nothing else up. */
must_use bool log_publisher_start(const char *directory, struct store *store, bool witnessed,
	const struct log *log, struct log_publisher **ret, struct err *err);
/* Writes what is new once more, and ends. NULL is fine. */
void log_publisher_stop(struct log_publisher **publisher);

/* One round: the tiles of the newest tree that are not there, its checkpoint as "latest", and as
 * "checkpoint" the same, or, witnessed, the newest that a quorum of witnesses cosigned. */
must_use bool log_publish(
	struct store *store, const char *directory, bool witnessed, struct err *err);

#endif
