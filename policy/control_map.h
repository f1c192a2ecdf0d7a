/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A control map: which controls of laws and standards concern what this program can show, and by
 * what (YAML, docs/formats/control-map.md). It judges nothing: whether a control is met is for
 * people to say.
 */
#ifndef ASSAY_POLICY_CONTROL_MAP_H
#define ASSAY_POLICY_CONTROL_MAP_H

#include "base/bytes.h"

#define CONTROL_MAP_TEXT_MAX (1u << 20)
#define CONTROLS_MAX         512u
#define CONTROL_ID_MAX       64u

/* What can be shown of a workload. */
enum evidence_kind {
	EVIDENCE_NONE = 0,
	EVIDENCE_REGISTERED, /* owner, purpose and risk class stand in the register */
	EVIDENCE_REVIEWED, /* a review was recorded and the next is not due */
	EVIDENCE_THIRD_PARTIES, /* third parties are listed with their jurisdiction */
	EVIDENCE_RELEASE_SIGNED, /* the current release is signed by a key of the policy */
	EVIDENCE_RELEASE_APPROVED, /* by the persons that the risk class asks for */
	EVIDENCE_CHANGE, /* it names its commit or change request */
	EVIDENCE_DATASETS, /* it names snapshots of its data sets */
	EVIDENCE_MEASURED, /* a trusted decision: what ran is what was released */
	EVIDENCE_BOOT, /* such a decision with the host's boot appraised */
	EVIDENCE_RECORDS, /* decisions are kept */
	EVIDENCE_AUDIT, /* one of them was reached again from its bundle */
	EVIDENCE_KINDS
};
const char *evidence_kind_name(enum evidence_kind kind); /* "release-signed"; "none" */

struct control {
	char *id; /* "EU-AI-Act/12": 1 to 64 letters, digits and . _ - / : ( ) */
	char *framework, *clause, *title;
	enum evidence_kind *evidence;
	unsigned evidence_count; /* at least 1, no kind twice */
};
struct control_map {
	int map; /* version of the format: 1 */
	char *name, *version;
	struct control *controls;
	unsigned controls_count;
};
/* Whether text can be a control's id, in a map or in the register. */
bool control_id_ok(struct bytes id);
/* Strict: unknown keys, unknown kinds, ids given twice are refused, ERR_CONFIG with file and, where
 * YAML is at fault, line. name stands in messages. */
must_use bool control_map_parse(
	struct bytes yaml, const char *name, struct control_map **ret, struct err *err);
void control_map_free(struct control_map **map);
const struct control *control_map_find(const struct control_map *map, const char *id);

#endif
