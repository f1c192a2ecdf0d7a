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

#define HOST_LOG_PCR_DEFAULT 15u
/* Launches stop here, so that exits of what runs can still be recorded below RUNTIME_LOG_MAX. */
#define HOST_LOG_LAUNCH_MAX (RUNTIME_LOG_MAX - (1u << 20))

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
 * more, ERR_LIMIT when the log is full. A TPM that was reset begins a new log. Called before each launch. */
must_use bool host_log_usable(struct host_log *log, struct err *err);

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
