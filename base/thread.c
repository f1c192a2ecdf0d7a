/* SPDX-License-Identifier: Apache-2.0 */
#include "base/thread.h"

#include <stdio.h>
#include <stdlib.h>

struct beginning {
	void *(*run)(void *);
	void *arg;
	char name[THREAD_NAME_MAX];
};

/* It names itself: for another thread that takes a file of /proc, and a descriptor there may be none of. */
static void *begin(void *arg)
{
	const struct beginning b = *(struct beginning *)arg;
	free(arg);
	(void)pthread_setname_np(pthread_self(), b.name);
	return b.run(b.arg);
}

bool thread_start(pthread_t *ret, const char *name, size_t stack, void *(*run)(void *), void *arg,
	struct err *err)
{
	struct beginning *b = malloc(sizeof(*b));
	pthread_attr_t attributes;
	if (!b || pthread_attr_init(&attributes) != 0) {
		free(b);
		return err_set(err, ERR_NOMEM, "thread %s", name);
	}
	*b = (struct beginning){.run = run, .arg = arg};
	(void)snprintf(b->name, sizeof(b->name), "%s", name);
	int code = stack ? pthread_attr_setstacksize(&attributes, stack) : 0;
	if (code == 0)
		code = pthread_create(ret, &attributes, begin, b);
	(void)pthread_attr_destroy(&attributes);
	if (code == 0)
		return true;
	free(b);
	return err_errno(err, code, "thread %s", name);
}

bool thread_wake_init(pthread_cond_t *wake, struct err *err)
{
	pthread_condattr_t monotonic;
	if (pthread_condattr_init(&monotonic) != 0)
		return err_set(err, ERR_NOMEM, "condition");
	bool ok = pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC) == 0 &&
		  pthread_cond_init(wake, &monotonic) == 0;
	(void)pthread_condattr_destroy(&monotonic);
	return ok || err_set(err, ERR_NOMEM, "condition");
}
