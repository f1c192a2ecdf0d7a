/* SPDX-License-Identifier: Apache-2.0 */
/*
 * systemd's own measurement log, /run/log/systemd/tpm2-measure.log: what systemd-pcrphase,
 * systemd-pcrextend, systemd-cryptsetup and their kin extended after the firmware was done.
 *
 * A JSON text sequence (RFC 7464), each record 0x1e JSON 0x0a, in the JSON encoding of the TCG
 * Canonical Event Log:
 *   {"pcr":11,"digests":[{"hashAlg":"sha256","digest":"hex"}],"content_type":"systemd",
 *    "content":{"string":"enter-initrd","bootId":"hex","timestamp":µs,"eventType":"phase"}}
 * An extension of an NV index has "nv_index" in the place of "pcr".
 *
 * Nothing but the digests is authenticated by the PCR. systemd extends H(word) and logs the word
 * C-escaped and cut after 1024 bytes, for phases, file systems and the machine id; the volume key is
 * an HMAC that nobody without the key can check.
 */
#ifndef ASSAY_FIRMWARE_SYSTEMD_LOG_H
#define ASSAY_FIRMWARE_SYSTEMD_LOG_H

#include "crypto/digest.h"

#define SYSTEMD_LOG_MAX        (1u << 20)
#define SYSTEMD_LOG_EVENTS_MAX 4096
#define SYSTEMD_LOG_BANKS_MAX  8
#define SYSTEMD_LOG_PCRS       24

enum systemd_coverage {
	SYSTEMD_UNCOVERED = 0, /* the string is what the log says, no digest covers it */
	SYSTEMD_COVERED, /* each digest is the hash of the string */
};

struct systemd_event {
	size_t number; /* from 1 */
	bool nv; /* an NV index was extended, and no PCR */
	uint32_t pcr; /* or the NV index */
	size_t digest_count; /* of algorithms that are known; others are passed over */
	struct digest digests[SYSTEMD_LOG_BANKS_MAX];
	struct bytes type; /* "phase", "filesystem", …; empty when absent */
	struct bytes string; /* as logged, C-escaped; empty when absent */
	struct bytes boot_id; /* 32 hex digits */
	uint64_t timestamp; /* microseconds since boot */
	enum systemd_coverage coverage;
};

/* Called for each event; its views end with the call. Returning false stops the walk. */
typedef bool systemd_event_fn(void *context, const struct systemd_event *event, struct err *err);

/* Reads the whole log. ERR_FORMAT names the record and field: a record that is not RS JSON LF,
 * unknown keys, no or repeated digests, PCR above 23, a boot id that changes. ERR_MISMATCH: the
 * string of a phase, file system or machine id is not what was extended. ERR_LIMIT: too long or too
 * many. fn may be NULL. */
must_use bool systemd_log_walk(
	struct bytes log, systemd_event_fn *fn, void *context, struct err *err);

/* Extends pcrs, which hold the values before (of the bank's width), by all events, in order; bit n
 * of *ret_touched says that PCR n was extended. ERR_FORMAT for an event without a digest of this
 * bank. */
must_use bool systemd_log_replay(struct bytes log, enum digest_alg bank,
	struct digest pcrs[SYSTEMD_LOG_PCRS], uint32_t *ret_touched, struct err *err);

/* Appends one line without its end, untrusted text escaped:
 * "3 PCR 11 phase: enter-initrd" or "… (not covered by its digest)". */
void systemd_event_line(const struct systemd_event *event, struct buf *out);

#endif
