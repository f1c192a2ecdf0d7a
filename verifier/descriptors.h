/* SPDX-License-Identifier: Apache-2.0 */
/* How many connections the process has descriptors for. */
#ifndef ASSAY_VERIFIER_DESCRIPTORS_H
#define ASSAY_VERIFIER_DESCRIPTORS_H

#include "base/bytes.h"

/*
 * Raises the soft limit of descriptors to the hard one. Gives the connections that there is room for beside what is open now
 * and `own` more for what the service itself opens; at least 8, at most `wanted`.
 */
unsigned descriptors_for(unsigned wanted, unsigned own);

#endif
