/* SPDX-License-Identifier: Apache-2.0 */
/* Private to verifier/. */
#ifndef ASSAY_VERIFIER_EVENT_NAMES_H
#define ASSAY_VERIFIER_EVENT_NAMES_H

#include "ledger/ledger.h"

/* Every name that an event can have (events.h); NULL behind the last one. */
const char *event_name_at(size_t i);
bool event_known(const char *name);
/* Whether an entry of that type may say that it is this event: those that nobody is told of may say
 * anything. */
bool event_fits(enum leaf_type type, const char *name);

#endif
