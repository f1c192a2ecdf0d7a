/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The runtime event log of this boot, on disk and in the TPM: one file per boot id and resetCount, one record per extend.
 *
 * A record is durable before its digest is extended. So after a crash the PCR is either what the log replays to, or lacks the
 * last record, which is then extended, once. Any other value means that somebody else extended the PCR or that the log was
 * lost: every append is then refused, with the reason, until the TPM is reset. The baseline is the first record and is made
 * only over a PCR that is still all zero: one per resetCount, none after a lost log.
 *
 * Safe for any thread: append, extend and quote pass one lock.
 */
#ifndef ASSAY_ATTEST_LOG_H
#define ASSAY_ATTEST_LOG_H

#include "attest/tpm.h"
#include "evidence/runtime_log.h"

#include <sys/types.h>

#define HOST_LOG_PCR_DEFAULT 15u
/* Launches stop here, so that exits of what runs can still be recorded below RUNTIME_LOG_MAX. */
#define HOST_LOG_LAUNCH_MAX (RUNTIME_LOG_MAX - (1u << 20))
/* So much of it for the launches of one ordinary user, and so much that only root's and hostd's own user's may have. */
#define HOST_LOG_OF_USER (2u << 20)
/* What a record needs beside its content. */
#define HOST_LOG_RECORD_MORE 160u

struct host_log_options {
	const char *directory; /* made 0700 */
	struct tpm *tpm; /* borrowed */
	uint32_t pcr; /* 8..15 but 10; 0: HOST_LOG_PCR_DEFAULT */
	enum digest_alg bank;
	uint8_t boot_id[16];
};

struct host_log;
/* Opens the log of this boot, or begins it. A log that does not fit the PCR is no error here: host_log_usable says so. */
must_use bool host_log_open(
	const struct host_log_options *options, struct host_log **ret, struct err *err);
void host_log_free(struct host_log **log); /* cleanup; NULL is fine */

/* Reads the PCR and resetCount: ERR_CONFLICT with what is wrong and what to do when the log and the PCR are not the same any
 * more. A TPM that was reset begins a new log. Called before each launch. */
must_use bool host_log_usable(struct host_log *log, struct err *err);

/* Room for what a launch will write, taken before anything is measured. */
struct host_log_place {
	uid_t uid; /* whom it will run as */
	bool bounded; /* an ordinary user asks */
	uint64_t left; /* bytes, as many as it may need at most */
};
/* ERR_LIMIT when there is no such room: for him, or at all. Then nothing is taken, and place->left is 0. */
must_use bool host_log_reserve(struct host_log *log, struct host_log_place *place, struct err *err);
/* What is left of it. */
void host_log_give_back(struct host_log *log, struct host_log_place *place);
/* As host_log_append, into what was reserved. */
must_use bool host_log_append_at(
	struct host_log *log, struct host_log_place *place, struct bytes content, struct err *err);

/* Appends one record (its content as runtime_*_encode made it), durably, and extends it. After ERR_TPM the record stands in
 * the log and is extended by the next call that reaches the TPM. */
must_use bool host_log_append(struct host_log *log, struct bytes content, struct err *err);

/* Calls use with the records from number `first` on, while nothing can be appended or extended: the place for a quote. */
struct host_log_view {
	struct bytes records;
	uint64_t first, next; /* next: number after the last record */
	uint32_t pcr;
	enum digest_alg bank;
	uint8_t boot_id[16];
};
typedef bool (*host_log_use)(void *context, const struct host_log_view *view, struct err *err);
must_use bool host_log_with(
	struct host_log *log, uint64_t first, host_log_use use, void *context, struct err *err);

struct host_log_status {
	uint64_t records, bytes;
	uint32_t pcr;
	enum digest_alg bank;
	uint32_t reset_count;
	bool usable;
	char reason[256]; /* why not */
};
void host_log_status(struct host_log *log, struct host_log_status *ret);

#endif
