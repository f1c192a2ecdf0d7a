/* SPDX-License-Identifier: Apache-2.0 */
/* What the commands about elevations share. Private to cli/. */
#ifndef ASSAY_CLI_ELEVATE_H
#define ASSAY_CLI_ELEVATE_H

#include "cli/cli.h"

/* The path of an elevation, "/v1/elevations/ID" and a tail; ERR_USAGE for what is no id. */
must_use bool elevation_path(struct cli *cli, const char *id, const char *tail, char out[96]);
/* A verifier's view, for people. */
void elevation_print(const json_t *view, FILE *out);
/* Hands a person's signed word in; *ret is the elevation's view afterwards. */
must_use bool elevation_hand_in(struct cli *cli, struct bytes envelope, json_t **ret);

#endif
