/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier/watchdog.h"

#include <stdlib.h>

void watchdog_init(struct watchdog *dog, const char *usec, const char *pid, pid_t self)
{
	*dog = (struct watchdog){0};
	if (usec && (!pid || strtoul(pid, NULL, 10) == (unsigned long)self))
		dog->interval_ms = strtoull(usec, NULL, 10) / 2000;
}

/* The loops are asked for a beat each time; of writer and workers progress is wanted only while something waits. */
const char *watchdog_look(struct watchdog *dog, struct app *app)
{
	struct http_state front = {0};
	struct workers_state workers = {0};
	struct store_state store = {0};
	const char *stuck = NULL;
	http_server_look(app->server, &front);
	workers_look(app->workers, &workers);
	store_look(app->store, &store);
	if (dog->looked && front.beats == dog->beats)
		stuck = "event loop";
	else if (dog->writer_waited && store.queued > 0 && store.batches == dog->commits)
		stuck = "writer";
	else if (dog->workers_waited && workers.queued > 0 && workers.finished == dog->finished)
		stuck = "workers";
	dog->beats = front.beats;
	dog->commits = store.batches;
	dog->finished = workers.finished;
	dog->writer_waited = store.queued > 0;
	dog->workers_waited = workers.queued > 0;
	dog->looked = true;
	http_server_nudge(app->server);
	return stuck;
}
