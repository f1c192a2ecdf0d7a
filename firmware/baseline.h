/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Baselines: what a class of machines measured when it was well, learned from logs, approved by a
 * person, and held against the logs of later boots. A golden log is a baseline learned from it in
 * memory, so both are judged by the same code.
 *
 * A baseline is a sequence of steps for each PCR. A step is one event with its alternatives; a step
 * that not every log had is optional. An event fits a step when type and digest are those of one of
 * its choices. The file form is docs/formats/baseline.md.
 */
#ifndef ASSAY_FIRMWARE_BASELINE_H
#define ASSAY_FIRMWARE_BASELINE_H

#include "firmware/event_log.h"

#define BASELINE_MAX         (4u << 20) /* bytes of a file */
#define BASELINE_STEPS_MAX   1024u /* of one PCR, and events of one PCR in a log that is judged */
#define BASELINE_CHOICES_MAX 64u /* of one step */
#define BASELINE_COMMENT_MAX 200u

/* The PCRs that a firmware log accounts for: 0-9 and 11-14; 10 is IMA's, 15 the runtime's. */
#define BASELINE_PCRS 0x7bffu

struct baseline_choice {
	uint32_t type; /* EV_… */
	struct digest digest;
	char *comment; /* owned, printable; never NULL. For people: no digest covers it. */
};
struct baseline_step {
	bool optional;
	size_t count; /* at least 1 */
	struct baseline_choice *choices; /* owned */
};
struct baseline_pcr {
	size_t count;
	struct baseline_step *steps; /* owned; none: no event is expected */
};
struct baseline {
	enum digest_alg bank;
	uint32_t logs; /* learned from so many */
	uint32_t pcrs; /* bit n: PCR n is part of it */
	struct baseline_pcr list[TPM_PCRS];
};
void baseline_release(struct baseline *baseline);

/* Learns the events of the PCRs (a mask) in a bank. baseline is zero, or what was learned before with
 * the same bank and mask (ERR_USAGE otherwise): a different digest of the same type at the same place
 * becomes an alternative, an event more or less becomes an optional step. The log must replay
 * (ERR_MISMATCH, ERR_NOT_FOUND of event_log_replay); ERR_LIMIT. On failure baseline may have learned
 * a part: release it. */
must_use bool baseline_learn(struct baseline *baseline, const struct event_log *log,
	enum digest_alg bank, uint32_t pcrs, struct err *err);

/* Appends the file form. */
void baseline_write(const struct baseline *baseline, struct buf *out);
/* Reads it. ERR_CONFIG "baseline, line 7: digest: expected 64 hex digits". The caller releases ret,
 * which is empty on failure. */
must_use bool baseline_parse(struct bytes in, struct baseline *ret, struct err *err);

enum baseline_fault {
	BASELINE_DIFFERENT = 1, /* an event of the step's type, with another digest */
	BASELINE_UNEXPECTED, /* an event that no step is for */
	BASELINE_MISSING, /* a step that is not optional, and no event */
};
const char *baseline_fault_name(enum baseline_fault fault); /* "different" */

struct baseline_finding {
	enum baseline_fault fault;
	uint32_t pcr;
	int64_t event; /* number in the log; -1 when missing */
	uint32_t type; /* of the event; of the step when missing */
	struct digest expected; /* nearest known good; len 0 when unexpected */
	struct digest found; /* len 0 when missing */
	char *expected_text; /* owned; the choice's comment; "" when unexpected */
	char *found_text; /* owned; the event in words, printable; "" when missing */
	char *accept; /* owned; the change of the file that would accept it, one line: "pcr 4: below step
			 3: or EV_… <hex> # …" */
};
/* More than this are counted, not kept. */
#define BASELINE_FINDINGS_MAX 256u
struct baseline_findings {
	size_t count; /* of the list */
	size_t total; /* 0: the log is accepted */
	struct baseline_finding *list; /* owned; by PCR, then in the order of the log */
};
void baseline_findings_release(struct baseline_findings *findings);

/* Holds a log against a baseline, in its bank. PCRs in `vary` are passed over, as are those that are
 * not part of the baseline. Succeeds whatever it finds: total == 0 is acceptance. ERR_NOT_FOUND when
 * the log lacks the bank, ERR_LIMIT for a PCR with more than BASELINE_STEPS_MAX events. That the log
 * belongs to a quote is not checked here. The caller releases ret. */
must_use bool baseline_judge(const struct baseline *baseline, const struct event_log *log,
	uint32_t vary, struct baseline_findings *ret, struct err *err);

#endif
