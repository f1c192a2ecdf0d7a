/* SPDX-License-Identifier: Apache-2.0 */
/* What a gate found, as a SLSA Verification Summary (v1): for those who take one signed word instead of all that it was made
 * from. Pure. */
#ifndef ASSAY_POLICY_VSA_H
#define ASSAY_POLICY_VSA_H

#include "base/bytes.h"
#include "crypto/digest.h"

/* Levels of our own must not begin with SLSA_: this says that all was met that the class asks. */
#define VSA_LEVEL_PREFIX "ASSAY_CLASS_"
#define VSA_INPUTS_MAX   256u

struct vsa {
	const char *verifier_id; /* URI that stands for the key */
	const char *resource_uri; /* what was judged, as the reader names it */
	const char *policy_uri;
	const uint8_t *policy_digest; /* NULL: not known */
	const char *risk_class;
	bool passed;
	int64_t time;
	struct bytes release; /* the release's statement: its subjects are the summary's */
	size_t input_count; /* all that the judgement used, or 0 */
	const struct bytes *inputs; /* envelopes as received */
};
/* Appends the in-toto statement. ERR_FORMAT when a reader (predicate_parse) would refuse it. */
must_use bool vsa_statement(const struct vsa *vsa, struct buf *out, struct err *err);

#endif
