/* SPDX-License-Identifier: Apache-2.0 */
/* Private to crypto/: walks the blocks of a PEM text (RFC 7468). Never asks for a passphrase. */
#ifndef ASSAY_CRYPTO_PEM_H
#define ASSAY_CRYPTO_PEM_H

#include "base/bytes.h"

struct pem_block {
	const char *name; /* "CERTIFICATE" */
	const char *header; /* "Proc-Type: 4,ENCRYPTED…"; mostly empty */
	struct bytes der;
};
typedef bool pem_visit(const struct pem_block *block, void *context, struct err *err);

/* Calls visit for each block in order, until one returns false. Text between blocks is skipped; a
 * block that breaks off or is not base64 is an error, not the end. Block contents are wiped
 * afterwards. */
must_use bool pem_each(struct bytes text, pem_visit *visit, void *context, struct err *err);
/* Appends one block. */
must_use bool pem_put(struct buf *out, const char *name, struct bytes der, struct err *err);

#endif
