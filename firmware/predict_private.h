/* SPDX-License-Identifier: Apache-2.0 */
/* Private to firmware/: a prediction in the making. */
#ifndef ASSAY_FIRMWARE_PREDICT_PRIVATE_H
#define ASSAY_FIRMWARE_PREDICT_PRIVATE_H

#include "firmware/predict.h"

#define PREDICT_EVENTS_MAX (EVENTS_MAX + 64u)

/* An event of the next boot. */
struct predict_event {
	const struct firmware_event *event; /* of the old log; NULL: a new one */
	uint32_t pcr;
	struct digest digest; /* len 0: not extended in this bank */
	bool changed, dropped;
	char *what; /* owned; NULL unless changed, dropped or new */
};
struct predict {
	const struct event_log *log;
	enum digest_alg bank;
	struct pcr_bank before;
	struct boot_chain chain;
	size_t count;
	struct predict_event *events; /* room for PREDICT_EVENTS_MAX */
	uint32_t unknown;
	bool touched; /* some change was asked for */
	bool note_lost; /* for want of memory: predict_finish fails */
	size_t note_count;
	char *notes[PREDICT_NOTES_MAX];
};

/* The event of a number of the old log; never NULL for numbers of the log. */
struct predict_event *predict_find(struct predict *predict, uint32_t number);
/* The digest of an event changes; what says why. The same digest changes nothing. */
must_use bool predict_change(struct predict_event *event, const struct digest *digest,
	const char *what, struct err *err);
/* A new event in front of the one at `index`. */
must_use bool predict_insert(struct predict *predict, size_t index, uint32_t pcr,
	const struct digest *digest, const char *what, struct err *err);
/* Adds a note, once. Notes beyond PREDICT_NOTES_MAX are lost, as is what is longer than 1023 bytes. */
void predict_note(struct predict *predict, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* The number of the event by which shim measured SbatLevel; UINT32_MAX when there is none. */
uint32_t predict_sbat_event(struct predict *predict);
/* The events of the old log that measured Secure Boot say that it was on. */
bool predict_secure_boot(const struct predict *predict);

#endif
