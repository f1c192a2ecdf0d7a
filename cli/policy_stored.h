/* SPDX-License-Identifier: Apache-2.0 */
/* Policies as the verifier keeps them. */
#ifndef ASSAY_CLI_POLICY_STORED_H
#define ASSAY_CLI_POLICY_STORED_H

#include "cli/cli.h"

/* The first positional as a version: a number of 1 or more. */
must_use bool policy_stored_version(struct cli *cli, int64_t *ret);
/* All of them, highest version first: {"policies": […]}. */
must_use bool policy_stored_list(struct cli *cli, json_t **ret);
/* The newest row of a version; ERR_NOT_FOUND. */
must_use bool policy_stored_row(struct cli *cli, int64_t version, json_t **ret);
/* A text of a row; "" when it is not there. */
const char *policy_stored_text(const json_t *row, const char *key);
/* Lines about differences (POST /v1/shadow, GET …/differences), escaped. */
void policy_stored_differences(const struct cli *cli, const json_t *differences);

/* The policy's text with another version in its `version:` line, and nothing else changed.
 * ERR_CONFIG when there is no single such line of its own at the left margin. Pure. */
must_use bool policy_version_set(
	struct bytes text, int64_t version, struct buf *out, struct err *err);

#endif
