/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which logs are known, and whose cosignatures make a checkpoint one that everybody sees: C2SP
 * tlog-policy v1.0.0. Pure.
 */
#ifndef ASSAY_LEDGER_TLOG_POLICY_H
#define ASSAY_LEDGER_TLOG_POLICY_H

#include "crypto/note.h"
#include "ledger/tlog_proof.h"

#define TLOG_POLICY_MAX       65536 /* bytes of the file */
#define TLOG_POLICY_LOGS_MAX  32
#define TLOG_POLICY_NAMES_MAX 48 /* witnesses and groups, each: all of them fit one note */
#define TLOG_POLICY_NAME_MAX  255
#define TLOG_POLICY_URL_MAX   1024

struct tlog_party { /* a log or a witness */
	char name[TLOG_POLICY_NAME_MAX + 1]; /* in the policy; a log has the key's */
	struct note_key key;
	char *url; /* NULL: none */
};
struct tlog_group {
	char name[TLOG_POLICY_NAME_MAX + 1];
	unsigned threshold; /* of members that must have witnessed */
	uint64_t witnesses, groups; /* members: bits of their places in the lists */
};
struct tlog_policy {
	size_t log_count, witness_count, group_count;
	struct tlog_party logs[TLOG_POLICY_LOGS_MAX];
	struct tlog_party witnesses[TLOG_POLICY_NAMES_MAX];
	struct tlog_group groups[TLOG_POLICY_NAMES_MAX];
	enum { QUORUM_NONE = 1, QUORUM_WITNESS, QUORUM_GROUP } quorum;
	size_t quorum_index;
};
/* ERR_FORMAT with the line's number; ERR_LIMIT; keys as note_key_parse. *ret is malloc'd: the struct
 * is large. */
must_use bool tlog_policy_parse(struct bytes text, struct tlog_policy **ret, struct err *err);
void tlog_policy_free(struct tlog_policy **policy); /* cleanup; NULL is fine */

/* Whether a set of witnesses, bit i for witnesses[i], is a quorum. */
bool tlog_policy_quorum(const struct tlog_policy *policy, uint64_t witnesses);
/* A checkpoint with its cosignatures. */
struct tlog_cosigned {
	struct checkpoint checkpoint; /* its texts are borrowed from the note */
	uint64_t witnesses; /* who of the policy's cosigned */
	int64_t times[TLOG_POLICY_NAMES_MAX]; /* when, of each of them; seconds since 1970 */
};
#define TLOG_AHEAD_MAX 300 /* seconds that a clock may be ahead of ours */
/* Seconds since the youngest moment from which on a quorum had cosigned: whoever shows an old view for ever is found out by
 * it. -1: the policy demands no quorum, or there is none but with a time that is yet to come, which would be young for ever. */
int64_t tlog_policy_age(
	const struct tlog_policy *policy, const struct tlog_cosigned *cosigned, int64_t now);
/* A checkpoint signed by one of the logs, in its own name, and cosigned by a quorum. A known
 * witness's cosignature that does not verify is an error. ERR_MISMATCH: no such log, or no quorum;
 * *ret is filled in the latter case too. log: the one log that counts, instead of the policy's;
 * NULL: none. */
must_use bool tlog_policy_check(const struct tlog_policy *policy, const struct note_key *log,
	struct bytes note, struct tlog_cosigned *ret, struct err *err);
/* That a leaf of this hash stands at the proof's index in a tree so signed and cosigned. Errors
 * likewise; ERR_MISMATCH where the proof leads elsewhere. */
must_use bool tlog_policy_prove(const struct tlog_policy *policy, const struct tlog_proof *proof,
	const uint8_t leaf[SHA256_LEN], struct tlog_cosigned *ret, struct err *err);

#endif
