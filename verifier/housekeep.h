/* SPDX-License-Identifier: Apache-2.0 */
/* Rows that nobody asks about any more. Private to verifier/. */
#ifndef ASSAY_VERIFIER_HOUSEKEEP_H
#define ASSAY_VERIFIER_HOUSEKEEP_H

#include "verifier/app.h"

/* Forgets what has expired by the time that destruction goes by: a clock set ahead would take certificates off the list of the
 * revoked that are valid when it is right again. ERR_DENIED says how it jumped. */
must_use bool housekeep(struct app *app, struct err *err);

#endif
