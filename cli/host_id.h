/* SPDX-License-Identifier: Apache-2.0 */
/* What commands about one host share: its id, its attributes, how it is shown. */
#ifndef ASSAY_CLI_HOST_ID_H
#define ASSAY_CLI_HOST_ID_H

#include "cli/commands.h"

#include "crypto/digest.h"

/* Every host as the list shows it, page after page, appended to all. */
must_use bool hosts_fetch(struct cli *cli, json_t *all);
/* The host that the first argument names: its whole id, or the first digits of it (four or more)
 * when only one host begins so. ERR_USAGE, ERR_NOT_FOUND. */
must_use bool host_id_resolve(struct cli *cli, char out[2 * SHA256_LEN + 1]);
/* Puts an object of what a repeated option says as KEY=VALUE into the request; not given: nothing. */
must_use bool host_attributes_put(
	struct cli *cli, const char *name, json_t *request, const char *key);
/* The host as the verifier shows it, attributes and what was said of them one a line. Takes the
 * reference. */
enum status host_print(struct cli *cli, json_t *host);

#endif
