/* SPDX-License-Identifier: Apache-2.0 */
/* A reload, waited for. */
#ifndef ASSAY_TESTS_UNIT_VERIFIER_RELOADED_H
#define ASSAY_TESTS_UNIT_VERIFIER_RELOADED_H

#include <stdatomic.h>
#include <unistd.h>

#include "verifier/app.h"

static atomic_int reload_outcome; /* 0: not told; 1: all parts were taken; -1: not all */

static inline void reload_heard(void *arg, bool all)
{
	(void)arg;
	atomic_store(&reload_outcome, all ? 1 : -1);
}

static inline void reload_begin(struct app *app, const char *path)
{
	atomic_store(&reload_outcome, 0);
	app_reload(app, path, reload_heard, NULL);
}

/* 0: not within that time. */
static inline int reload_await(int ms)
{
	for (int i = 0; i < ms && atomic_load(&reload_outcome) == 0; i++)
		(void)usleep(1000);
	return atomic_load(&reload_outcome);
}

static inline bool reloaded(struct app *app, const char *path)
{
	reload_begin(app, path);
	return reload_await(30000) == 1;
}

#endif
