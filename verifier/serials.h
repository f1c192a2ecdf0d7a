/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Serial numbers of certificates, and names of tokens (jti): 16 bytes, as 32 digits of lower-case hex. From the highest bit on:
 *
 *     3    001: positive and of full length, so that the text is the same wherever it is made
 *     37   the time of issue in seconds since 1970, so that the store appends credentials and does not scatter them
 *     24   the first of the CA's key_id, so that a list and an answer are about that CA's certificates alone
 *     64   random (CA/Browser Forum Baseline Requirements, 7.1: at least 64)
 *
 * Those from before the CA stood in them begin with 01 and say nothing of it. Private to verifier/.
 */
#ifndef ASSAY_VERIFIER_SERIALS_H
#define ASSAY_VERIFIER_SERIALS_H

#include "crypto/digest.h"

#define SERIAL_LEN 16u

/* ca: key_id of the CA's key. */
must_use bool serial_make(struct random *random, int64_t now, const uint8_t ca[SHA256_LEN],
	uint8_t ret[SERIAL_LEN], struct err *err);
/* Whether a certificate of this serial number that was issued at that time may be one of the CA; false only where its number
 * says that it is another's. Pure. */
bool serial_may_be_of(const char *serial, int64_t issued, const uint8_t ca[SHA256_LEN]);

#endif
