/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ledger as a log for others: its name and key, the checkpoint over every tree (C2SP
 * tlog-checkpoint, signed with Ed25519), and the question whether the ledger found at start is the
 * one that was last signed.
 */
#ifndef ASSAY_VERIFIER_LEDGER_LOG_H
#define ASSAY_VERIFIER_LEDGER_LOG_H

#include "crypto/note.h"
#include "verifier/store.h"

#define LOG_CHECKPOINT_FILE "checkpoint"

struct ledger_log {
	struct note_key key; /* its name is the log's origin */
};
/* key: OSSL_STORE URI of an Ed25519 private key. */
must_use bool ledger_log_load(
	const char *key, const char *origin, struct ledger_log *ret, struct err *err);
void ledger_log_release(struct ledger_log *log);
/* As struct store_config wants it; arg is a struct ledger_log. */
must_use bool ledger_log_seal(
	void *arg, const struct store_tree *tree, struct buf *note, struct err *err);
/* Whether tiles, edge and the note stored with them are of one tree, signed by this log's key, and
 * whether that tree contains the one whose checkpoint was last put into the directory (NULL: none).
 * ERR_STORE with what is wrong: then the service must not start. A ledger from before there were
 * checkpoints is signed. */
must_use bool ledger_log_check(
	struct ledger_log *log, struct store *store, const char *directory, struct err *err);

#endif
