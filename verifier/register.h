/* SPDX-License-Identifier: Apache-2.0 */
/* Workloads as the API takes and shows them. Private to verifier/. */
#ifndef ASSAY_VERIFIER_REGISTER_H
#define ASSAY_VERIFIER_REGISTER_H

#include "verifier/app.h"

#define REGISTER_CONTROLS_MAX 64u
#define REGISTER_PARTIES_MAX  32u
#define REGISTER_PARTY_LEN    128u
#define REGISTER_RELEASES_MAX 16u /* previous ones shown */

/* What a body may say of a workload besides what names it: unit, controls, third_parties,
 * review_interval, next_review. What it leaves out stays as it is in the row; lists begin as "[]".
 * ret_next is 0 when no date was given. */
void register_read_facts(
	struct json_fields *f, const json_t *body, struct workload_row *row, int64_t *ret_next);
/* Sets the row's next review: the date given, or the interval of the workload, else of its class,
 * from now. ERR_FORMAT when the date has passed or is later than the class allows, or when the
 * interval is longer. No date and no interval: none is set. */
must_use bool register_set_next(struct workload_row *row, const struct policy_class *class,
	int64_t given, int64_t now, struct err *err);

/* What the ledger keeps of a workload. NULL: no memory, or a row that does not parse. */
json_t *register_entry(const struct workload_row *row);
/* The same, with where its review stands and its releases, the current one first: the newest that
 * is published and not revoked. */
must_use bool register_view(struct sql *sql, const struct workload_row *row,
	const struct policy *policy, int64_t now, json_t **ret, struct err *err);

#endif
