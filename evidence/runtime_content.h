/* SPDX-License-Identifier: Apache-2.0 */
/* Decoding of what runtime records hold. Private to evidence/. */
#ifndef ASSAY_EVIDENCE_RUNTIME_CONTENT_H
#define ASSAY_EVIDENCE_RUNTIME_CONTENT_H

#include "evidence/runtime_log.h"

/* Fills kind, time and the part that belongs to the kind; a launch goes into *launch, which must be
 * there, and ret->launch points to it. */
must_use bool runtime_content_read(struct bytes content, struct runtime_record *ret,
	struct runtime_launch *launch, struct err *err);

#endif
