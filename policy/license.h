/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX license expressions (SPDX 3.0.1, annex B): which licences somebody who takes the work must
 * live with. */
#ifndef ASSAY_POLICY_LICENSE_H
#define ASSAY_POLICY_LICENSE_H

#include "base/bytes.h"

#define LICENSE_TEXT_MAX  1024u
#define LICENSE_DEPTH_MAX 16u /* parentheses within each other */

/* Whether a licence, by its id as written in the expression, may be accepted. */
typedef bool (*license_ok)(const void *arg, struct bytes id);

/* Whether the work can be taken under acceptable licences alone: of OR one side suffices, of AND
 * both are needed; an exception (WITH) adds permissions only, so the licence before it decides.
 * Text that is no expression, or nests deeper than LICENSE_DEPTH_MAX, is acceptable to nobody. */
bool license_expression_ok(const char *expression, license_ok ok, const void *arg);
/* SPDX ids are compared without regard to the case of ASCII letters. */
bool license_id_equal(struct bytes id, const char *other);

#endif
