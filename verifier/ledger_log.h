/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ledger as a log for others: its name and key, the checkpoint over every tree (C2SP
 * tlog-checkpoint, signed with Ed25519), and the question whether the ledger found at start is the
 * one that was last signed.
 */
#ifndef ASSAY_VERIFIER_LEDGER_LOG_H
#define ASSAY_VERIFIER_LEDGER_LOG_H

#include "ledger/tlog_policy.h"
#include "verifier/store.h"

#include <pthread.h>

#define LOG_CHECKPOINT_FILE "checkpoint"
#define LOG_LATEST_FILE     "latest"

struct ledger_log {
	struct note_key key; /* its name is the log's origin */
	struct note_key also; /* signs too, in the same name; key NULL: there is none */
	struct tlog_policy *policy; /* its witnesses; NULL: none are named */
	struct key *host_ak; /* whose quotes are taken (log_quote.h); NULL: anybody's */
	int64_t quorum_age; /* see ledger_log_fresh; 0: not demanded */
	int64_t started;
	pthread_mutex_t lock; /* over what is below */
	uint64_t cosigned_size; /* of the largest tree accepted since the service started */
	uint64_t witnesses; /* who cosigned one of its trees, and when last */
	int64_t times[TLOG_POLICY_NAMES_MAX];
};
/* key: OSSL_STORE URI of an Ed25519 private key. */
must_use bool ledger_log_load(
	const char *key, const char *origin, struct ledger_log *ret, struct err *err);
/* A second key for every checkpoint, while those who follow the ledger learn of it or forget the one
 * before (docs/operations.md). After ledger_log_load. */
must_use bool ledger_log_load_also(struct ledger_log *log, const char *key, struct err *err);
/* Whether the checkpoint that was stored last is signed by other keys than these: then they were
 * changed since. Of an empty ledger they were not. */
must_use bool ledger_log_keys_changed(
	const struct ledger_log *log, struct store *store, bool *ret_changed, struct err *err);
void ledger_log_release(struct ledger_log *log);
/* Who witnesses it: a file of C2SP tlog-policy. now: when the service starts. */
must_use bool ledger_log_witnesses(
	struct ledger_log *log, const char *path, int64_t quorum_age, int64_t now, struct err *err);
/* As struct store_config wants it; arg is a struct ledger_log. */
must_use bool ledger_log_seal(
	void *arg, const struct store_tree *tree, struct buf *note, struct err *err);
/* Whether tiles, edge and the note stored with them are of one tree, signed by this log's key, and
 * whether that tree contains the one whose checkpoint was last put into the directory (NULL: none).
 * ERR_STORE with what is wrong: then the service must not start. A ledger from before there were
 * checkpoints is signed. */
must_use bool ledger_log_check(
	struct ledger_log *log, struct store *store, const char *directory, struct err *err);

/* The latest time since which a quorum of the witnesses has seen one of its trees; 0: none has since the service started, or no
 * witness is named. */
int64_t ledger_log_seen(struct ledger_log *log);
/* Takes a checkpoint that a quorum of the witnesses cosigned, of a tree that this ledger's own
 * contains, and keeps it unless a larger one is kept already. ERR_NOT_FOUND: no witnesses are
 * named; ERR_FORMAT, ERR_MISMATCH: not so signed; ERR_CONFLICT: signed by this log's key, and no
 * tree of this ledger: another history was shown to the witnesses. */
must_use bool ledger_log_accept(struct ledger_log *log, struct store *store, struct bytes note,
	int64_t now, struct err *err);
/* Whether this ledger had that root when it was of that size, and how large it is now, both by one reading: where the database
 * does not answer, nobody knows, and nothing is said against the checkpoint. */
must_use bool ledger_log_holds(struct store *store, struct store_tree *ret_tree,
	const struct checkpoint *checkpoint, bool *ret_same, struct err *err);
/* Whether a quorum saw this ledger since the service started, and at most quorum_age ago; true when
 * that is not demanded. ERR_BUSY otherwise: then nothing that is decided may leave. */
must_use bool ledger_log_fresh(struct ledger_log *log, int64_t now, struct err *err);

/* The same, where another verifier on this database may have been brought the checkpoint: what the
 * database has is read when this one knows of none that is fresh. */
must_use bool ledger_log_fresh_in(
	struct ledger_log *log, struct store *store, int64_t now, struct err *err);

#endif
