/* SPDX-License-Identifier: Apache-2.0 */
/* A change of the keys that sign the ledger's checkpoints, told by the ledger itself. */
#ifndef ASSAY_VERIFIER_LEDGER_KEYS_H
#define ASSAY_VERIFIER_LEDGER_KEYS_H

#include "verifier/app.h"

/* At start, over an open store: an entry {"event": "log-key", "key": …, "also": …}, verifier keys of C2SP
 * signed-note, where the last checkpoint was signed by other keys than these. It is signed by these. */
must_use bool ledger_keys_note(struct app *app, struct err *err);

#endif
