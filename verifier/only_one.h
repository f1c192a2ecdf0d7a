/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One service a database. Two would both accept connections on the port (SO_REUSEPORT), and each would keep a ledger's
 * edge and a policy in memory that the other does not see. The lock is on a file beside the database, not on the database
 * itself: closing a descriptor of that would drop SQLite's own locks. It goes with the process, however that ends; the file
 * stays.
 */
#ifndef ASSAY_VERIFIER_ONLY_ONE_H
#define ASSAY_VERIFIER_ONLY_ONE_H

#include "base/bytes.h"
#include "base/err.h"

/* Takes DATABASE.lock without waiting; held until the descriptor is closed (fd_close). ERR_BUSY: another process holds it; ERR_IO. */
must_use bool only_one_take(const char *database, int *ret_fd, struct err *err);

#endif
