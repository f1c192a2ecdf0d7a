/* SPDX-License-Identifier: Apache-2.0 */
/* Whose certificate may sign records: audits hold it against this, and a verifier its own before it begins. */
#ifndef ASSAY_LEDGER_RECORD_SIGNER_H
#define ASSAY_LEDGER_RECORD_SIGNER_H

#include "crypto/x509.h"

enum record_signer_fault {
	RECORD_SIGNER_OK = 0,
	RECORD_SIGNER_OTHER_USE, /* it has an extendedKeyUsage, as agents, hosts, operators and servers have */
	RECORD_SIGNER_OTHER_DOMAIN /* its SPIFFE ID is of another trust domain than the verifier's */
};
/* cert: below a root that is believed, which this does not look at. verifier_id: as records name it, borrowed; one that is no
 * SPIFFE ID has no trust domain, and neither has a certificate without one. */
enum record_signer_fault record_signer_check(const struct cert *cert, struct bytes verifier_id);

#endif
