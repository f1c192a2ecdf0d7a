/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates that a person trusts, out of the files of a directory. */
#ifndef ASSAY_CLI_CERT_STORE_H
#define ASSAY_CLI_CERT_STORE_H

#include "crypto/x509.h"

#define CERT_STORE_MAX  1024u
#define CERT_STORE_FILE (8u << 20) /* one file */

struct cert_store {
	struct cert *roots[CERT_STORE_MAX], *intermediates[CERT_STORE_MAX];
	size_t root_count, intermediate_count;
};
/* cleanup for OWNED(). */
void cert_store_free(struct cert_store **store);
/* All certificates of a file, PEM or DER. trusted: self-issued ones become roots; all others are
 * intermediates. */
must_use bool cert_store_add_file(
	struct cert_store *store, const char *path, bool trusted, struct err *err);
/* Every regular file of a directory, trusted; names that begin with a dot are passed over. */
must_use bool cert_store_add_directory(struct cert_store *store, const char *path, struct err *err);

#endif
