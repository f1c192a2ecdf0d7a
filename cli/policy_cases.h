/* SPDX-License-Identifier: Apache-2.0 */
/* A file of cases for a policy (docs/formats/policy.md, "Cases"): what is brought, and which verdict
 * is expected. */
#ifndef ASSAY_CLI_POLICY_CASES_H
#define ASSAY_CLI_POLICY_CASES_H

#include "policy/policy.h"

#define POLICY_CASES_MAX 4096u

enum case_expect { CASE_ACCEPTED = 1, CASE_REFUSED = 2 };
struct policy_case {
	char *name;
	char *release, *environment; /* a release with its approvals … */
	char **approvals;
	size_t approval_count;
	int64_t time;
	char *record; /* … or a stored decision */
	enum case_expect expect;
	bool reasons_given; /* then exactly these codes, in any order */
	bool reasons[REASON_CODES];
};
struct policy_cases {
	size_t count;
	struct policy_case *list;
};
/* The text of a file of that name. Paths in it are taken from `directory`. Strict: ERR_CONFIG names
 * the case. */
must_use bool policy_cases_parse(struct bytes yaml, const char *name, const char *directory,
	struct policy_cases *ret, struct err *err);
void policy_cases_release(struct policy_cases *cases);

#endif
