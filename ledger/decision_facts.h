/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the objects of one decision tell of the machine and of the answer: the TPM's counts and clock
 * as quoted, the boot id as claimed, why it was refused and when to come again. A story is told from
 * them (timeline.h). Pure.
 *
 * As JSON, where they travel with an entry: {"host", "workload", "release", "instance": hex,
 * "purpose", "trusted", "full", "renew_after", "reasons": [code], "boot": {"reset_count",
 * "restart_count", "clock_ms", "safe", "boot_id", "firmware_version"} or null}.
 */
#ifndef ASSAY_LEDGER_DECISION_FACTS_H
#define ASSAY_LEDGER_DECISION_FACTS_H

#include "base/json.h"
#include "ledger/ledger.h"

#define DECISION_REASONS_MAX 8u
#define DECISION_REASON_LEN  48u

struct decision_facts {
	uint8_t host[HOST_ID_LEN], instance[INSTANCE_ID_LEN], release[SHA256_LEN];
	char workload[65]; /* empty: named none, or none that is a name */
	enum purpose purpose;
	bool trusted, full;
	int64_t renew_after; /* seconds; 0: none given */
	size_t reason_count; /* at most DECISION_REASONS_MAX, the first ones */
	char reasons[DECISION_REASONS_MAX][DECISION_REASON_LEN];
	bool booted; /* what is below is known */
	uint32_t reset_count, restart_count;
	uint64_t clock_ms;
	bool safe; /* the clock never stood on an older value */
	uint8_t boot_id[16];
	uint64_t
		firmware_version; /* of the TPM; 0: not known. In JSON 16 hex digits, or left out */
};
/* From the record, and its objects "evidence" and "verdict"; each may be empty. An object that cannot
 * be read tells nothing: no decision is undone by that. False for want of memory only. */
must_use bool decision_facts_of(const struct record *record, struct bytes evidence,
	struct bytes verdict, struct decision_facts *ret, struct err *err);
/* The caller owns it; NULL: no memory. */
json_t *decision_facts_json(const struct decision_facts *facts);
/* The other way; ERR_FORMAT names the field. */
must_use bool decision_facts_read(const json_t *value, struct decision_facts *ret, struct err *err);

#endif
