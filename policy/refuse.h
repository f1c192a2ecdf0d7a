/* SPDX-License-Identifier: Apache-2.0 */
/* Reasons with digests, ids and errors in them, in the one form that people see everywhere. Private
 * to policy/. */
#ifndef ASSAY_POLICY_REFUSE_H
#define ASSAY_POLICY_REFUSE_H

#include "crypto/digest.h"
#include "policy/verdict.h"

/* expected and actual as lower-case hex; an empty run stays an empty text. */
void refuse_hex(struct verdict *verdict, enum reason_code code, const char *subject,
	struct bytes expected, struct bytes actual, const char *where);
/* expected and actual as untrusted text, escaped here. */
void refuse_text(struct verdict *verdict, enum reason_code code, const char *subject,
	struct bytes expected, struct bytes actual, const char *where);
/* actual = what a parser or check said. False only when the error is none of the input's doing
 * (memory, a primitive): then nothing was decided. Otherwise the reason is added and err cleared.
 */
must_use bool refuse_error(struct verdict *verdict, enum reason_code code, const char *subject,
	const char *expected, struct err *err);
/* Parsers only: as refuse_error, but ERR_CRYPTO too is the input's doing. */
must_use bool refuse_malformed(
	struct verdict *verdict, enum reason_code code, const char *subject, struct err *err);

bool digest_is_zero(struct bytes digest);

#endif
