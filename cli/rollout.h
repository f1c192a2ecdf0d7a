/* SPDX-License-Identifier: Apache-2.0 */
/* What the commands about rollouts share. */
#ifndef ASSAY_CLI_ROLLOUT_H
#define ASSAY_CLI_ROLLOUT_H

#include "cli/cli.h"

#define ROLLOUT_PATH_MAX 128u

/* /v1/rollouts/WORKLOAD and a suffix, of the first positional. ERR_USAGE. */
must_use bool rollout_path(struct cli *cli, const char *suffix, char out[ROLLOUT_PATH_MAX]);
/* The verifier's answer in lines for people. */
void rollout_print(struct cli *cli, const json_t *rollout);

#endif
