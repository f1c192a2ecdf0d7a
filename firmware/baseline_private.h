/* SPDX-License-Identifier: Apache-2.0 */
/* Private to firmware/: the events of one PCR, and how they are laid against a baseline's steps. */
#ifndef ASSAY_FIRMWARE_BASELINE_PRIVATE_H
#define ASSAY_FIRMWARE_BASELINE_PRIVATE_H

#include "firmware/baseline.h"

struct baseline_event {
	const struct firmware_event *event;
	struct digest digest;
	char *text; /* owned; NULL until baseline_run_texts */
};
struct baseline_run {
	size_t count;
	struct baseline_event *events; /* owned; in the order of the log */
};
/* The events that were extended into a PCR in a bank. ERR_LIMIT: BASELINE_STEPS_MAX. */
must_use bool baseline_run_of(const struct event_log *log, enum digest_alg bank, uint32_t pcr,
	struct baseline_run *ret, struct err *err);
/* Fills in the texts, once. */
must_use bool baseline_run_texts(struct baseline_run *run, struct err *err);
void baseline_run_release(struct baseline_run *run);

/* Type and digest are those of one of the step's choices. */
bool baseline_fits(const struct baseline_step *step, const struct baseline_event *event);
/* The choice of the event's type that is nearest: with its text if there is one, else the first;
 * NULL when no choice has the type. */
const struct baseline_choice *baseline_nearest(
	const struct baseline_step *step, const struct baseline_event *event);

/* How one step or event is accounted for. */
enum align_kind {
	ALIGN_FITS = 0, /* the event fits the step */
	ALIGN_SKIPPED, /* an optional step without event */
	ALIGN_DIFFERENT, /* the event is of the step's type */
	ALIGN_UNEXPECTED, /* an event without step, behind `step` steps */
	ALIGN_MISSING, /* a step without event */
};
struct align {
	enum align_kind kind;
	size_t step, event;
};
/* Whether every event fits a step, in order, and every step that is not optional has one. */
must_use bool baseline_accepts(const struct baseline_pcr *pcr, const struct baseline_run *run,
	bool *ret_accepted, struct err *err);
/* The cheapest way to account for all steps and events, in order. The run has its texts. The caller
 * frees *ret. */
must_use bool baseline_align(const struct baseline_pcr *pcr, const struct baseline_run *run,
	struct align **ret, size_t *ret_count, struct err *err);

/* Appends a choice, copying the comment; ERR_LIMIT: BASELINE_CHOICES_MAX. */
must_use bool baseline_choice_add(struct baseline_step *step, uint32_t type,
	const struct digest *digest, const char *comment, struct err *err);
/* Appends an empty step; ERR_LIMIT: BASELINE_STEPS_MAX. */
must_use bool baseline_step_add(
	struct baseline_pcr *pcr, bool optional, struct baseline_step **ret, struct err *err);
/* "EV_… <hex> # comment", as a line of the file. */
void baseline_choice_put(
	uint32_t type, const struct digest *digest, const char *comment, struct buf *out);

#endif
