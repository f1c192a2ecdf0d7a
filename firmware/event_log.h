/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The TCG event log of a boot: parsed whole, checked where digests cover data, replayed onto PCRs.
 *
 * TCG PC Client Platform Firmware Profile 1.06, section 10 (crypto-agile, "Spec ID Event03") and
 * the SHA-1 form of the TPM 1.2 days. Events are numbered from 0, the Spec ID event that opens a
 * crypto-agile log is not counted: it is the log's header and in no PCR. All numbers in the log are
 * little endian. What is returned borrows from the input, which must outlive it.
 *
 * The types and PCR indexes of events are authenticated by nothing but the order of digests in each
 * PCR; data only where `coverage` says so. Whoever decides something looks at covered data alone.
 */
#ifndef ASSAY_FIRMWARE_EVENT_LOG_H
#define ASSAY_FIRMWARE_EVENT_LOG_H

#include "evidence/tpm.h"
#include "firmware/event_type.h"

#define EVENT_LOG_MAX   (8u << 20) /* bytes */
#define EVENTS_MAX      16384u
#define EVENT_BANKS_MAX 8u

enum event_log_kind {
	EVENT_LOG_TPM = 0, /* ends with its last event */
	EVENT_LOG_CCEL, /* ACPI CCEL area: registers 0..4 instead of PCRs, 0xff behind the last event */
};

/* What an event's digest says about its data. */
enum event_coverage {
	EVENT_UNCOVERED = 0, /* it is the digest of something else (an image, a blob): the data is
				shown, never judged */
	EVENT_COVERED, /* in every bank that was checked, it is the digest of `covered` */
	EVENT_NOT_EXTENDED, /* EV_NO_ACTION: in no PCR, so anybody may have written it */
};

struct firmware_event {
	uint32_t number; /* from 0 */
	uint32_t offset; /* of its first byte in the log */
	uint32_t pcr; /* 0..23; EV_NO_ACTION: anything */
	uint32_t type; /* EV_… */
	enum event_coverage coverage;
	bool odd; /* EV_NO_ACTION with a PCR other than 0 (Windows' 0xffffffff excepted) or with a
		     digest that is not zero: never used for anything */
	struct bytes data;
	struct bytes covered; /* the part of data that the digest covers; empty unless COVERED */
	const uint8_t *digests[EVENT_BANKS_MAX]; /* in the order of log->banks, each of that bank's
						    length; NULL: the event has none there */
};

struct event_bank {
	uint16_t id; /* TPM_ALG_ID */
	enum digest_alg alg; /* DIGEST_NONE: an algorithm that this build does not compute (SM3) */
	uint16_t len;
	bool checked; /* data was held against the digests of this bank */
};

struct event_log {
	enum event_log_kind kind;
	bool agile; /* crypto-agile; otherwise SHA-1 only */
	size_t bank_count;
	struct event_bank banks[EVENT_BANKS_MAX];
	size_t count;
	struct firmware_event *events; /* owned */
	uint8_t startup_locality; /* 0, 3 or 4: what PCR 0 starts at */
	bool hcrtm; /* PCR 0 holds an H-CRTM measurement */
};

/* Parses the log and checks each event whose digest the specification says to cover its data.
 * bank: the one bank to check, DIGEST_NONE: all that can be computed. A verifier names the bank
 * that was quoted: digests of the others are authenticated by nothing.
 * Refused: ERR_FORMAT (truncated, trailing bytes, wrong sizes, algorithms undeclared or twice, a
 * PCR above 23, a second Spec ID event, StartupLocality or H-CRTM after PCR 0 was extended),
 * ERR_LIMIT (EVENT_LOG_MAX, EVENTS_MAX, EVENT_BANKS_MAX), ERR_MISMATCH (data differs from the digest
 * that covers it), ERR_NOT_FOUND (bank is not in the log). The message names event, field and
 * offset. An event may lack banks (Windows extends only those in use), never have others. */
must_use bool event_log_open(struct bytes in, enum event_log_kind kind, enum digest_alg bank,
	struct event_log *ret, struct err *err);
void event_log_release(struct event_log *log);

/* The PCR values from which the log starts, in ret->values; ret->present is 0. Zero; PCR 0 ends in
 * the startup locality (4 with H-CRTM); PCRs 17-22 are all ones, since no dynamic launch is known
 * to a firmware log. ERR_NOT_FOUND when the log has no such bank. */
must_use bool event_log_start(
	const struct event_log *log, enum digest_alg bank, struct pcr_bank *ret, struct err *err);
/* Extends one event: nothing happens for EV_NO_ACTION and for an event without a digest in this
 * bank. `present` gains the PCR. */
must_use bool event_extend(const struct event_log *log, const struct firmware_event *event,
	struct pcr_bank *pcrs, struct err *err);
/* The PCR values after the whole log; `present` marks those that some event extended.
 * ERR_MISMATCH: a separator tells of an error (value 1), so measuring was cut short. */
must_use bool event_log_replay(
	const struct event_log *log, enum digest_alg bank, struct pcr_bank *ret, struct err *err);

/* The event's digest in a bank; false when it has none. */
bool event_digest(const struct event_log *log, const struct firmware_event *event,
	enum digest_alg bank, struct digest *ret);
/* A separator between firmware and operating system: EV_SEPARATOR in PCR 0-7. */
bool event_is_separator(const struct firmware_event *event);
/* An event that says something in plain words, as actions do: covered, printable ASCII, short.
 * What is in PCR 4 and is neither this nor a separator counts as an image, whatever its type says. */
bool event_is_remark(const struct firmware_event *event);
/* A separator whose value says that the firmware met an error. */
bool event_is_error(const struct firmware_event *event);

/* Appends one line on what the event measured, printable, without a newline: untrusted text is
 * escaped, long data cut. Never fails on odd data: it says so instead. */
void event_text(const struct firmware_event *event, struct buf *out);
const char *event_coverage_name(enum event_coverage coverage); /* "covered" */

/* The first event, for each PCR, from which two logs differ. */
struct firmware_difference {
	uint32_t pcr;
	int64_t old_event, new_event; /* numbers; -1: that log has no further event in this PCR */
	char *why; /* owned, printable */
};
/* Compares digests in `bank`, which must be in both logs. At most one difference a PCR, by PCR;
 * count is 0 when the PCRs are the same. The caller releases with firmware_differences_release. */
struct firmware_differences {
	size_t count;
	struct firmware_difference list[TPM_PCRS];
};
must_use bool firmware_diff(const struct event_log *old, const struct event_log *new,
	enum digest_alg bank, struct firmware_differences *ret, struct err *err);
void firmware_differences_release(struct firmware_differences *differences);

#endif
