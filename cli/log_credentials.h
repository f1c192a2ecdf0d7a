/* SPDX-License-Identifier: Apache-2.0 */
/* Credentials that a relying party was shown, held against the ledger that it follows: whether the
 * decision that each names is there. */
#ifndef ASSAY_CLI_LOG_CREDENTIALS_H
#define ASSAY_CLI_LOG_CREDENTIALS_H

#include "cli/log_leaf.h"

#define CREDENTIALS_MAX 100000u

struct log_credential {
	char *name; /* of the file */
	uint8_t decision[SHA256_LEN];
	bool found;
};
struct log_credentials {
	struct log_credential *list; /* by decision, ascending */
	size_t count;
	size_t nameless; /* credentials that name no decision */
	size_t missing; /* of the list, after log_credentials_search */
};
void log_credentials_release(struct log_credentials *credentials);
/* Every file of the directory whose name begins with no dot: certificates (PEM or DER) and tokens. What
 * names no decision is reported on standard error and counted; what is no credential is an error. */
must_use bool log_credentials_read(
	struct cli *cli, const char *directory, struct log_credentials *ret);
/* A leaf of the ledger, as read and hashed by the caller: whoever names it is found. */
void log_credentials_leaf(struct log_credentials *credentials, const uint8_t hash[SHA256_LEN]);
/* Looks for the others among all leaves of a tree whose root was verified; each one found is proven
 * against that root. The missing are reported on standard error and counted. */
must_use bool log_credentials_search(struct log_credentials *credentials, struct log_client *client,
	const struct checkpoint *tree);

#endif
