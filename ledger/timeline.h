/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The story that a ledger's entries tell, in its own order: what machines and their TPMs went through,
 * gaps, launches, renewals (together), refusals, ends, and what persons did meanwhile. Pure: entries
 * in, lines out.
 *
 * A line is {"time", "kind", "text", "standing", "rests_on": [{"entry", "id"}, …]} and, where they
 * apply, "until", "count", "host", "workload", "release", "instance", "incident", "by". standing is
 * "proven" where it follows from quotes whose audit held, "asserted" where somebody says so: the
 * verifier, or whoever "by" names. Times are the verifier's clock, UTC; whatever rests on them is
 * asserted too.
 */
#ifndef ASSAY_LEDGER_TIMELINE_H
#define ASSAY_LEDGER_TIMELINE_H

#include "ledger/entry.h"

#define TIMELINE_LINES_MAX     200000u
#define TIMELINE_HOSTS_MAX     4096u
#define TIMELINE_INSTANCES_MAX 65536u

struct timeline_options {
	const uint8_t *host; /* only it, and what is about no host; NULL: every host */
	int64_t until; /* when the story is told: what is silent by then is a gap; 0: nobody asks */
};
struct timeline;
must_use bool timeline_new(
	const struct timeline_options *options, struct timeline **ret, struct err *err);
void timeline_free(struct timeline **t);
/* Entries ascending, each once (ERR_USAGE otherwise). audited: the decision was audited, and held.
 * ERR_LIMIT. */
must_use bool timeline_add(
	struct timeline *t, const struct ledger_entry *entry, bool audited, struct err *err);
/* The lines, an array that the caller owns. */
must_use bool timeline_finish(struct timeline *t, json_t **ret_lines, struct err *err);

#endif
