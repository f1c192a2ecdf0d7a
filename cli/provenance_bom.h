/* SPDX-License-Identifier: Apache-2.0 */
/* A bill of materials in words. Private to cli/. */
#ifndef ASSAY_CLI_PROVENANCE_BOM_H
#define ASSAY_CLI_PROVENANCE_BOM_H

#include "policy/predicate.h"

/* Adds to an answer what the BOM of a statement says: format, id, time, models and data sets in
 * words, the number of everything else; or why it was not read. False: no memory. */
must_use bool provenance_put_bom(json_t *object, const struct predicate *predicate);

#endif
