/* SPDX-License-Identifier: Apache-2.0 */
/* What the verifier's answers show of a workload, kind by kind of a control map. Pure. */
#ifndef ASSAY_CLI_COMPLIANCE_H
#define ASSAY_CLI_COMPLIANCE_H

#include "base/json.h"
#include "policy/control_map.h"

/* The map that is built in: docs/compliance/controls.yaml. */
extern const unsigned char control_map_shipped[];
extern const size_t control_map_shipped_len;

/* Answers of the verifier's API, borrowed. */
struct compliance_facts {
	const json_t *workload; /* /v1/workloads/NAME */
	const json_t *release; /* /v1/releases/DIGEST of its current release; NULL: there is none */
	const json_t *records; /* its newest, an array */
	const json_t *record; /* /v1/records/ID of the newest trusted decision about the current
				 release whose content is kept; NULL: none among them */
	struct bytes bundle; /* the audit bundle of that decision; empty: none */
};

/* {"kind", "evidenced", "by": […]} or, where it is not shown, {"kind", "evidenced", "why"}. */
must_use bool compliance_evidence(const struct compliance_facts *facts, enum evidence_kind kind,
	json_t **ret, struct err *err);
/* One workload against a map: {"workload", "risk_class", "environment", "controls": [{"id",
 * "framework", "clause", "title", "declared", "status", "evidence"}], "not_in_map": […]}. status is
 * "evidenced", "partly evidenced" or "not evidenced here": it never says that a control is met. */
must_use bool compliance_report(const struct compliance_facts *facts, const struct control_map *map,
	json_t **ret, struct err *err);

struct cli;
/* cmd_compliance.c: what `assay compliance report NAME --json` prints, by the map that is built in.
 * Errors are put into cli->err. */
must_use bool compliance_of_workload(struct cli *cli, const char *name, json_t **ret);

#endif
