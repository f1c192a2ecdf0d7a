/* SPDX-License-Identifier: Apache-2.0 */
/* Trusted certificates from files: what --roots and --intermediates name. */
#ifndef ASSAY_CLI_CERT_STORE_H
#define ASSAY_CLI_CERT_STORE_H

#include "cli/cli.h"
#include "crypto/x509.h"

#define CERT_STORE_CERTS_MAX 1024u
#define CERT_STORE_FILE_MAX  (8u << 20)

/* Large: allocate it. */
struct cert_store {
	struct cert *roots[CERT_STORE_CERTS_MAX], *intermediates[CERT_STORE_CERTS_MAX];
	size_t root_count, intermediate_count;
};
void cert_store_free(struct cert_store **store);
/* Every certificate of a file, PEM or DER; trusted: self-signed ones become roots. */
must_use bool cert_store_add_file(
	struct cert_store *store, const char *path, bool trusted, struct err *err);
/* Every regular file of a directory, trusted; names that begin with a dot are passed over. */
must_use bool cert_store_add_directory(struct cert_store *store, const char *path, struct err *err);

#endif
