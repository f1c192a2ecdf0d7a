/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the software host share. */
#ifndef ASSAY_TESTS_SUPPORT_SW_HOST_PRIVATE_H
#define ASSAY_TESTS_SUPPORT_SW_HOST_PRIVATE_H

#include "tests/support/sw_host.h"

/* Completes the claims with nonce, boot and log, has them quoted, proves possession of `key`, certifies tpm_key (NULL: none)
 * and encodes. */
must_use bool sw_evidence_put(struct sw_host *host, struct claims *claims, struct bytes challenge,
	struct bytes log, struct key *key, const struct tpm_sw_key *tpm_key, struct buf *out,
	struct err *err);

#endif
