/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Incidents: records, notes, files, holds and subjects bound together under one id. There is no row
 * of one: its steps are entries of the ledger (leaf type 14), found by the index of entries, and what
 * they say is all there is. Private to verifier/.
 */
#ifndef ASSAY_VERIFIER_INCIDENTS_H
#define ASSAY_VERIFIER_INCIDENTS_H

#include "verifier/app.h"
#include "verifier/entries.h"

#define INCIDENT_ID_LEN    8 /* bytes; in hex everywhere */
#define INCIDENT_ID_TEXT   (2 * INCIDENT_ID_LEN + 1)
#define INCIDENT_STEPS_MAX 1000u
#define INCIDENT_FILE_MAX  (1u << 20) /* bytes of a note or file */
#define INCIDENT_BODY_MAX  (1500u << 10) /* of a request with one, in base64 */

/* As the steps tell it. */
struct incident {
	char id[INCIDENT_ID_TEXT];
	json_t *opened; /* what the first step says; NULL: there is no such incident */
	bool closed;
	unsigned step_count;
	json_t *steps; /* an array: time, entry, id, and what each says */
};
void incident_release(struct incident *incident);
must_use bool incident_load(struct sql *sql, const char *id, struct incident *ret, struct err *err);
/* {"incident", "title", "severity", "state", "opened", "opened_by", subjects, "steps"}; NULL: no
 * memory. */
json_t *incident_json(const struct incident *incident);

#endif
