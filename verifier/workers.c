/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier/fair.h"

#include "base/thread.h"
#include "base/time.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* An appraisal keeps its large parts on the heap; sanitizers make every frame several times as
 * large. */
#ifdef ASSAY_SANITIZED
#define WORKER_STACK (4u << 20)
#else
#define WORKER_STACK (512u << 10)
#endif
/* How much of what reserved work's own peers may have waiting: they are operators, and few. */
#define RESERVED_MAX      256u
#define RESERVED_PEER_MAX 64u

struct workers {
	struct workers_options options;
	pthread_mutex_t lock;
	pthread_cond_t wake, wake_reserved;
	struct work *first, **last; /* resubmitted: before all others */
	struct fair_queue common, reserved;
	unsigned resubmitted, running;
	unsigned peer_max, peer_running_max;
	uint64_t service_us; /* what one work takes, about */
	uint64_t finished, shed;
	bool closing;
	unsigned count; /* started; the first one is for reserved work alone */
	pthread_t threads[WORKERS_MAX + 1];
};

/* ---- what is run next; all under the lock ---- */

static struct work *resubmitted_take(struct workers *workers)
{
	struct work *work = workers->first;
	if (!work)
		return NULL;
	workers->first = work->next;
	workers->resubmitted--;
	if (!workers->first)
		workers->last = &workers->first;
	return work;
}

/* Of which queue a work came is what finish has to know; resubmitted work is nobody's in particular. */
struct taken {
	struct work *work;
	struct fair_queue *queue;
	uint64_t peer;
	uint64_t began_us;
};

static bool queue_take(struct fair_queue *queue, unsigned running_max, struct taken *ret)
{
	ret->work = fair_take(queue, running_max);
	ret->queue = ret->work ? queue : NULL;
	ret->peer = ret->work ? ret->work->peer : 0;
	return ret->work != NULL;
}

static bool common_take(struct workers *workers, struct taken *ret)
{
	*ret = (struct taken){.work = resubmitted_take(workers)};
	return ret->work || queue_take(&workers->reserved, WORKERS_MAX, ret) ||
	       queue_take(&workers->common, workers->peer_running_max, ret);
}

static bool work_take(struct workers *workers, bool reserved, struct taken *ret)
{
	*ret = (struct taken){0};
	(void)pthread_mutex_lock(&workers->lock);
	for (;;) {
		bool found = reserved ? queue_take(&workers->reserved, WORKERS_MAX, ret)
				      : common_take(workers, ret);
		/* A peer at its bound has more to come when one of its works ends. */
		if (found || (workers->closing && (reserved || workers->common.length == 0)))
			break;
		(void)pthread_cond_wait(
			reserved ? &workers->wake_reserved : &workers->wake, &workers->lock);
	}
	workers->running += ret->work ? 1 : 0;
	(void)pthread_mutex_unlock(&workers->lock);
	return ret->work != NULL;
}

static void work_finish(struct workers *workers, const struct taken *taken, bool shed)
{
	uint64_t took = clock_now_us() - taken->began_us;
	(void)pthread_mutex_lock(&workers->lock);
	workers->running--;
	workers->finished += shed ? 0 : 1;
	workers->shed += shed ? 1 : 0;
	if (taken->queue == &workers->common && !shed)
		workers->service_us += (took >> 4) - (workers->service_us >> 4);
	if (taken->queue)
		fair_done(taken->queue, taken->peer);
	/* Somebody may have waited for this peer, or for the end. */
	if (workers->common.length > 0)
		(void)pthread_cond_signal(&workers->wake);
	else if (workers->closing)
		(void)pthread_cond_broadcast(&workers->wake);
	(void)pthread_mutex_unlock(&workers->lock);
}

static bool too_late(const struct workers *workers, const struct taken *taken)
{
	uint64_t max = (uint64_t)workers->options.wait_max_ms * 1000;
	return max > 0 && taken->queue == &workers->common && taken->work->shed &&
	       taken->work->waited_us > max;
}

static void work_all(struct workers *workers, bool reserved)
{
	for (struct taken taken; work_take(workers, reserved, &taken);) {
		struct work *work = taken.work;
		taken.began_us = clock_now_us();
		if (taken.queue)
			work->waited_us = taken.began_us - work->queued_us;
		bool shed = too_late(workers, &taken);
		if (shed)
			work->shed(work);
		else
			work->run(work);
		work_finish(workers, &taken, shed);
	}
}

static void *worker_main(void *arg)
{
	work_all(arg, false);
	return NULL;
}

static void *reserve_main(void *arg)
{
	work_all(arg, true);
	return NULL;
}

/* ---- the pool ---- */

/* Two a core: operators' and enrolling requests wait for their commit, and the cores should not wait with them. */
static unsigned default_count(void)
{
	long count = 2 * sysconf(_SC_NPROCESSORS_ONLN);
	if (count < 4)
		return 4;
	return count > (long)WORKERS_MAX ? WORKERS_MAX : (unsigned)count;
}

static bool threads_start(struct workers *workers, unsigned wanted, struct err *err)
{
	char name[THREAD_NAME_MAX] = "reserve";
	while (workers->count < wanted + 1) {
		if (workers->count > 0)
			(void)snprintf(name, sizeof(name), "worker-%u", workers->count);
		if (!thread_start(&workers->threads[workers->count], name, WORKER_STACK,
			    workers->count == 0 ? reserve_main : worker_main, workers, err))
			return false;
		workers->count++;
	}
	return true;
}

bool workers_new(const struct workers_options *options, struct workers **ret, struct err *err)
{
	struct workers *workers = calloc(1, sizeof(*workers));
	if (!workers)
		return err_set(err, ERR_NOMEM, "worker threads");
	workers->options = *options;
	workers->last = &workers->first;
	fair_init(&workers->common, options->seed);
	fair_init(&workers->reserved, options->seed);
	unsigned wanted = options->count ? options->count : default_count();
	wanted = wanted > WORKERS_MAX ? WORKERS_MAX : wanted;
	workers->peer_max = options->queue_max / 4 > 2 ? options->queue_max / 4 : 2;
	workers->peer_running_max = wanted > 1 ? wanted - (wanted + 3) / 4 : 1;
	int code = pthread_mutex_init(&workers->lock, NULL);
	code = code ? code : pthread_cond_init(&workers->wake, NULL);
	code = code ? code : pthread_cond_init(&workers->wake_reserved, NULL);
	if (code) {
		free(workers);
		return err_errno(err, code, "worker threads");
	}
	if (!threads_start(workers, wanted, err)) {
		workers_free(&workers);
		return false;
	}
	*ret = workers;
	return true;
}

/* ---- letting in; under the lock ---- */

static enum work_refusal reserved_admit(struct workers *workers, const struct work *work)
{
	if (fair_flow_of(&workers->reserved, work->peer)->length >= RESERVED_PEER_MAX)
		return WORK_SHARE_FULL;
	return workers->reserved.length < RESERVED_MAX ? WORK_TAKEN : WORK_OVERLOADED;
}

/* A full queue makes room at the cost of whoever has the most waiting, if that is somebody else. */
static enum work_refusal common_admit(
	struct workers *workers, const struct work *work, struct work **ret_evicted)
{
	unsigned mine = fair_flow_of(&workers->common, work->peer)->length;
	uint64_t wait = (uint64_t)fair_ahead(&workers->common, work->peer) * workers->service_us /
			(workers->count - 1);
	if (mine >= workers->peer_max)
		return WORK_SHARE_FULL;
	if (workers->options.wait_max_ms > 0 &&
		wait > (uint64_t)workers->options.wait_max_ms * 1000)
		return WORK_OVERLOADED;
	if (workers->common.length >= workers->options.queue_max)
		*ret_evicted = fair_evict(&workers->common, mine + 1);
	return workers->common.length < workers->options.queue_max ? WORK_TAKEN : WORK_OVERLOADED;
}

enum work_refusal workers_submit(struct workers *workers, struct work *work)
{
	struct work *evicted = NULL;
	work->queued_us = clock_now_us();
	(void)pthread_mutex_lock(&workers->lock);
	enum work_refusal why = workers->closing ? WORK_CLOSING
				: work->reserved ? reserved_admit(workers, work)
						 : common_admit(workers, work, &evicted);
	if (why == WORK_TAKEN) {
		fair_put(work->reserved ? &workers->reserved : &workers->common, work);
		(void)pthread_cond_signal(&workers->wake);
		if (work->reserved)
			(void)pthread_cond_signal(&workers->wake_reserved);
	}
	workers->shed += (why != WORK_TAKEN ? 1u : 0u) + (evicted ? 1u : 0u);
	(void)pthread_mutex_unlock(&workers->lock);
	if (evicted)
		evicted->shed(evicted);
	return why;
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
		workers->resubmitted++;
		(void)pthread_cond_signal(&workers->wake);
	}
	(void)pthread_mutex_unlock(&workers->lock);
	return taken;
}

void workers_look(struct workers *workers, struct workers_state *ret)
{
	(void)pthread_mutex_lock(&workers->lock);
	*ret = (struct workers_state){
		.threads = workers->count,
		.queued = workers->common.length + workers->reserved.length + workers->resubmitted,
		.running = workers->running,
		.finished = workers->finished,
		.shed = workers->shed,
	};
	(void)pthread_mutex_unlock(&workers->lock);
}

void workers_end(struct workers *workers)
{
	if (!workers)
		return;
	(void)pthread_mutex_lock(&workers->lock);
	workers->closing = true;
	(void)pthread_cond_broadcast(&workers->wake);
	(void)pthread_cond_broadcast(&workers->wake_reserved);
	(void)pthread_mutex_unlock(&workers->lock);
	for (unsigned i = 0; i < workers->count; i++)
		(void)pthread_join(workers->threads[i], NULL);
	workers->count = 0;
}

void workers_free(struct workers **workers)
{
	struct workers *self = *workers;
	if (!self)
		return;
	workers_end(self);
	(void)pthread_cond_destroy(&self->wake);
	(void)pthread_cond_destroy(&self->wake_reserved);
	(void)pthread_mutex_destroy(&self->lock);
	free(self);
	*workers = NULL;
}
