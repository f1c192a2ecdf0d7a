/* SPDX-License-Identifier: Apache-2.0 */
/* A story while it is told. Private to ledger/. */
#ifndef ASSAY_LEDGER_TIMELINE_PRIVATE_H
#define ASSAY_LEDGER_TIMELINE_PRIVATE_H

#include "evidence/tpm_timeline.h"
#include "ledger/timeline.h"

#define TIMELINE_TEXT_MAX 320

/* Where a line stands: by the entry that it rests on first, then by the place around it. */
enum place { PLACE_BEFORE = 0, PLACE_AT = 1, PLACE_BEHIND = 2 };

struct rest {
	uint64_t index;
	uint8_t id[SHA256_LEN];
};
static inline struct rest rest_of(const struct ledger_entry *entry)
{
	struct rest rest = {.index = entry->index};
	memcpy(rest.id, entry->id, sizeof(rest.id));
	return rest;
}

struct line {
	uint64_t index; /* stands there */
	enum place place;
	json_t *value;
};

/* The last accepted quote of a host, and the machine as it showed itself. */
struct host_seen {
	struct decision_facts facts;
	struct rest rest;
	int64_t time;
	bool audited;
	struct decision_facts told; /* of the last reboot, suspend or kexec that was told */
};
/* One instance: its last accepted decision, and the renewals that were not told yet. */
struct instance_seen {
	struct decision_facts facts;
	struct rest rest; /* of the last accepted decision */
	int64_t time;
	bool running; /* accepted last, neither ended nor refused since */
	bool audited; /* every decision of the run */
	unsigned renewals, credentials;
	struct rest first; /* of the run */
	int64_t first_time;
};
struct timeline {
	struct timeline_options options;
	uint8_t host[HOST_ID_LEN];
	bool begun;
	uint64_t last;
	struct line *lines;
	size_t line_count, line_room;
	struct host_seen *hosts;
	size_t host_count, host_room;
	struct instance_seen *instances;
	size_t instance_count, instance_room;
	uint8_t issued_on[SHA256_LEN]; /* the decision before; what was issued on it follows */
	bool issued_launch;
};

/* What a line says; text is a format's outcome. */
struct telling {
	enum place place;
	int64_t time, until; /* until 0: a moment */
	const char *kind, *text;
	bool proven;
	const struct decision_facts *facts; /* NULL: not of a decision */
	const uint8_t *host; /* a machine, and no instance on it; NULL: not of one */
	const struct ledger_entry *entry; /* its names are repeated; NULL: none */
	struct rest rests[2];
	size_t rest_count;
	unsigned count; /* 0: left out */
};
must_use bool timeline_tell(struct timeline *t, const struct telling *telling, struct err *err);

/* timeline_words.c: an entry that is told in JSON, or whose content is gone, in words. kind is
 * static. */
void timeline_words(
	const struct ledger_entry *entry, const char **ret_kind, char text[TIMELINE_TEXT_MAX]);

/* timeline_boot.c: what a TPM went through from one quote to a later one, a set of enum tpm_step. Times
 * are the verifier's. */
#define TIMELINE_STEPS_AGAINST (TPM_STEP_CLEAR | TPM_STEP_ROLLBACK | TPM_STEP_FORK)
unsigned timeline_steps(const struct decision_facts *before, int64_t before_time,
	const struct decision_facts *after, int64_t after_time);
/* The kind of the line and its text; NULL: there is nothing to tell. */
const char *timeline_boot_words(unsigned steps, const struct decision_facts *before,
	const struct decision_facts *after, char text[TIMELINE_TEXT_MAX]);
const char *timeline_firmware_words(unsigned steps, const struct decision_facts *before,
	const struct decision_facts *after, char text[TIMELINE_TEXT_MAX]);

/* timeline_decision.c */
must_use bool timeline_decision(
	struct timeline *t, const struct ledger_entry *entry, bool audited, struct err *err);
must_use bool timeline_issued(
	struct timeline *t, const struct ledger_entry *entry, struct err *err);
/* The host, or one instance of it, is stopped by what the entry says. */
must_use bool timeline_stop(struct timeline *t, const struct ledger_entry *entry, struct err *err);
/* Renewals not told yet, and who is silent. */
must_use bool timeline_close(struct timeline *t, struct err *err);

#endif
