/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier/workers.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#define WORKERS_MAX 64u
/* An appraisal keeps its large parts on the heap; sanitizers make every frame several times as
 * large. */
#ifdef ASSAY_SANITIZED
#define WORKER_STACK (4u << 20)
#else
#define WORKER_STACK (512u << 10)
#endif

struct workers {
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct work *first, **last;
	unsigned queued, queue_max;
	bool closing;
	unsigned count;
	pthread_t threads[WORKERS_MAX];
};

static struct work *work_take(struct workers *workers)
{
	(void)pthread_mutex_lock(&workers->lock);
	while (!workers->first && !workers->closing)
		(void)pthread_cond_wait(&workers->wake, &workers->lock);
	struct work *work = workers->first;
	if (work) {
		workers->first = work->next;
		workers->queued--;
		if (!workers->first)
			workers->last = &workers->first;
	}
	(void)pthread_mutex_unlock(&workers->lock);
	return work;
}

static void *worker_main(void *arg)
{
	struct workers *workers = arg;
	for (struct work *work; (work = work_take(workers)) != NULL;)
		work->run(work);
	return NULL;
}

/* Two a core: operators' and enrolling requests wait for their commit, and the cores should not wait with them. */
static unsigned default_count(void)
{
	long count = 2 * sysconf(_SC_NPROCESSORS_ONLN);
	if (count < 4)
		return 4;
	return count > (long)WORKERS_MAX ? WORKERS_MAX : (unsigned)count;
}

bool workers_new(unsigned count, unsigned queue_max, struct workers **ret, struct err *err)
{
	struct workers *workers = calloc(1, sizeof(*workers));
	pthread_attr_t attributes;
	if (!workers)
		return err_set(err, ERR_NOMEM, "worker threads");
	workers->last = &workers->first;
	workers->queue_max = queue_max;
	unsigned wanted = count ? count : default_count();
	wanted = wanted > WORKERS_MAX ? WORKERS_MAX : wanted;
	int code = pthread_mutex_init(&workers->lock, NULL);
	code = code ? code : pthread_cond_init(&workers->wake, NULL);
	code = code ? code : pthread_attr_init(&attributes);
	if (code) {
		free(workers);
		return err_errno(err, code, "worker threads");
	}
	(void)pthread_attr_setstacksize(&attributes, WORKER_STACK);
	while (!code && workers->count < wanted) {
		code = pthread_create(
			&workers->threads[workers->count], &attributes, worker_main, workers);
		workers->count += code ? 0 : 1;
	}
	(void)pthread_attr_destroy(&attributes);
	if (code) {
		workers_free(&workers);
		return err_errno(err, code, "worker threads");
	}
	*ret = workers;
	return true;
}

bool workers_submit(struct workers *workers, struct work *work)
{
	work->next = NULL;
	(void)pthread_mutex_lock(&workers->lock);
	bool taken = !workers->closing && workers->queued < workers->queue_max;
	if (taken) {
		*workers->last = work;
		workers->last = &work->next;
		workers->queued++;
		(void)pthread_cond_signal(&workers->wake);
	}
	(void)pthread_mutex_unlock(&workers->lock);
	return taken;
}

bool workers_resubmit(struct workers *workers, struct work *work)
{
	(void)pthread_mutex_lock(&workers->lock);
	bool taken = !workers->closing;
	if (taken) {
		work->next = workers->first;
		workers->first = work;
		if (!work->next)
			workers->last = &work->next;
		workers->queued++;
		(void)pthread_cond_signal(&workers->wake);
	}
	(void)pthread_mutex_unlock(&workers->lock);
	return taken;
}

void workers_free(struct workers **workers)
{
	struct workers *self = *workers;
	if (!self)
		return;
	(void)pthread_mutex_lock(&self->lock);
	self->closing = true;
	(void)pthread_cond_broadcast(&self->wake);
	(void)pthread_mutex_unlock(&self->lock);
	for (unsigned i = 0; i < self->count; i++)
		(void)pthread_join(self->threads[i], NULL);
	(void)pthread_cond_destroy(&self->wake);
	(void)pthread_mutex_destroy(&self->lock);
	free(self);
	*workers = NULL;
}
