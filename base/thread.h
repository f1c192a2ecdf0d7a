/* SPDX-License-Identifier: Apache-2.0 */
/* Threads with a name, by which `top -H`, perf and debuggers tell them apart. */
#ifndef ASSAY_BASE_THREAD_H
#define ASSAY_BASE_THREAD_H

#include "base/bytes.h"

#include <pthread.h>

#define THREAD_NAME_MAX 16u /* with the NUL; what is longer is cut */

/* stack: bytes; 0: the system's size. name is copied. Whoever starts it joins or detaches it. *ret is set on success only.
 * ERR_NOMEM, or ERR_IO: there are too many. err may be NULL. */
must_use bool thread_start(pthread_t *ret, const char *name, size_t stack, void *(*run)(void *),
	void *arg, struct err *err);

/* A condition whose timed waits go by the monotonic clock (clock_deadline): who sets the wall clock wakes nobody. ERR_NOMEM; err
 * may be NULL. */
must_use bool thread_wake_init(pthread_cond_t *wake, struct err *err);

#endif
