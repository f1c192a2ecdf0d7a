/* SPDX-License-Identifier: Apache-2.0 */
/* A release as commands are given it: a file, or a digest that the verifier knows; with the
 * approvals and statements that lie beside it, and a policy. */
#ifndef ASSAY_CLI_RELEASE_INPUT_H
#define ASSAY_CLI_RELEASE_INPUT_H

#include "cli/cli.h"
#include "policy/checklist.h"
#include "policy/security_floor.h"

/* Beside a release FILE lie its statements, one envelope a line, in FILE.statements.jsonl. */
#define STATEMENTS_SUFFIX ".statements.jsonl"

struct release_bundle {
	struct buf envelope;
	struct release *release;
	struct buf approvals[APPROVALS_MAX], statements[STATEMENTS_MAX];
	size_t approval_count, statement_count;
	const struct security_floor *floor; /* borrowed; NULL: none at hand */
};
void release_bundle_release(struct release_bundle *bundle);
/* The release that `name` names, by file or digest; of a digest, the answer is checked against it,
 * and the approvals and statements that the verifier has come along. */
must_use bool release_bundle_load(struct cli *cli, const char *name, struct release_bundle *ret);
/* Adds the files given with --approval and --statement and those beside the release. */
must_use bool release_bundle_gather(
	struct cli *cli, const char *name, struct release_bundle *bundle);
/* Of these, those in FILE.statements.jsonl; none is no error. */
must_use bool statements_beside(struct cli *cli, const char *name, struct release_bundle *bundle);
/* Appends the envelopes of a file to list: one a line of *.jsonl, else the whole file. */
must_use bool envelopes_read(
	const char *path, size_t max, struct buf *list, size_t *count, struct err *err);
/* --policy FILE, or the one in force at the verifier. */
must_use bool policy_of_option(struct cli *cli, struct policy **ret);
/* Judges a bundle for an environment, now. ret_release may be NULL after success: then it does not
 * parse. */
must_use bool release_bundle_judge(struct cli *cli, const struct release_bundle *bundle,
	const struct policy *policy, const char *environment, json_t **ret);

/* Lines for people, from what gate_json or release_diff made. */
void checklist_print(struct cli *cli, const json_t *checklist, FILE *out);
void diff_print(const json_t *diff, FILE *out);

/* An answer of gate_json as SARIF 2.1.0: a result for each reason; location names the release's
 * file. NULL: no memory. */
json_t *gate_sarif(const json_t *answer, const char *location);

#endif
