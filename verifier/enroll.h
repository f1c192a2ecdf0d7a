/* SPDX-License-Identifier: Apache-2.0 */
/* What the two halves of enrolment share. */
#ifndef ASSAY_VERIFIER_ENROLL_H
#define ASSAY_VERIFIER_ENROLL_H

#include "verifier/app.h"

/* SHA-256 over the EK's Name. */
must_use bool enroll_host_id(
	const struct tpmt_public *ek, uint8_t out[HOST_ID_LEN], struct err *err);
/* Trusted, or refused for want of an EK certificate alone (then an operator has to confirm the
 * host); otherwise ERR_DENIED with the first reason in words. */
must_use bool enroll_judge_ek(struct bytes ek_public, const struct bytes *certs, size_t cert_count,
	struct bytes ak_public, const struct policy *policy, int64_t now, struct err *err);
/* ERR_DENIED with the first reason in words. */
bool enroll_refused(const struct verdict *verdict, struct err *err);

#endif
