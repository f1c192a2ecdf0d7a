/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether the service gets on with its work: every event loop turns, the writer commits what waits for it, the workers finish
 * what waits for them. systemd is told so only then, and restarts a service it does not hear of.
 */
#ifndef ASSAY_VERIFIER_WATCHDOG_H
#define ASSAY_VERIFIER_WATCHDOG_H

#include "verifier/app.h"

struct watchdog {
	uint64_t interval_ms; /* half of what systemd waits; 0: nobody asked */
	uint64_t beats, commits, finished; /* as of the last look */
	bool looked, writer_waited, workers_waited; /* something waited for them at the last look */
};
/* From the values of WATCHDOG_USEC and WATCHDOG_PID, NULL where one is not set. */
void watchdog_init(struct watchdog *dog, const char *usec, const char *pid, pid_t self);
/* Once an interval. NULL: all get on; else the name of what has stood still since the last look, a static text. */
const char *watchdog_look(struct watchdog *dog, struct app *app);

#endif
