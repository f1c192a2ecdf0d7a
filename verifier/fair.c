/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier/fair.h"

#include <assert.h>

static_assert((FAIR_FLOWS & (FAIR_FLOWS - 1)) == 0, "a mask picks the flow");

void fair_init(struct fair_queue *queue, uint64_t seed)
{
	memset(queue, 0, sizeof(*queue));
	queue->seed = seed;
	queue->last = &queue->first;
	for (size_t i = 0; i < FAIR_FLOWS; i++)
		queue->flows[i].last = &queue->flows[i].first;
}

struct fair_flow *fair_flow_of(struct fair_queue *queue, uint64_t peer)
{
	uint64_t h = peer ^ queue->seed;
	h = (h ^ (h >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	h = (h ^ (h >> 27)) * UINT64_C(0x94d049bb133111eb);
	h ^= h >> 31;
	return &queue->flows[h & (FAIR_FLOWS - 1)];
}

static void round_enter(struct fair_queue *queue, struct fair_flow *flow)
{
	flow->next = NULL;
	*queue->last = flow;
	queue->last = &flow->next;
	queue->active++;
}

/* at: what points to the flow in the round. */
static void round_leave(struct fair_queue *queue, struct fair_flow **at)
{
	struct fair_flow *flow = *at;
	*at = flow->next;
	if (queue->last == &flow->next)
		queue->last = at;
	flow->next = NULL;
	queue->active--;
}

void fair_put(struct fair_queue *queue, struct work *work)
{
	struct fair_flow *flow = fair_flow_of(queue, work->peer);
	work->next = NULL;
	*flow->last = work;
	flow->last = &work->next;
	queue->length++;
	if (flow->length++ == 0)
		round_enter(queue, flow);
}

static struct work *flow_take(struct fair_queue *queue, struct fair_flow *flow)
{
	struct work *work = flow->first;
	flow->first = work->next;
	if (!flow->first)
		flow->last = &flow->first;
	flow->length--;
	queue->length--;
	work->next = NULL;
	return work;
}

struct work *fair_take(struct fair_queue *queue, unsigned running_max)
{
	for (struct fair_flow **at = &queue->first; *at; at = &(*at)->next) {
		struct fair_flow *flow = *at;
		if (flow->running >= running_max)
			continue;
		struct work *work = flow_take(queue, flow);
		flow->running++;
		round_leave(queue, at);
		if (flow->length > 0)
			round_enter(queue, flow);
		return work;
	}
	return NULL;
}

void fair_done(struct fair_queue *queue, uint64_t peer)
{
	fair_flow_of(queue, peer)->running--;
}

struct work *fair_evict(struct fair_queue *queue, unsigned than)
{
	struct fair_flow **longest = NULL;
	for (struct fair_flow **at = &queue->first; *at; at = &(*at)->next)
		if (!longest || (*at)->length > (*longest)->length)
			longest = at;
	if (!longest || (*longest)->length <= than)
		return NULL;
	struct fair_flow *flow = *longest;
	struct work *work = flow_take(queue, flow);
	if (flow->length == 0)
		round_leave(queue, longest);
	return work;
}

unsigned fair_ahead(struct fair_queue *queue, uint64_t peer)
{
	const struct fair_flow *flow = fair_flow_of(queue, peer);
	uint64_t turns = (uint64_t)(flow->length + 1) * (queue->active + (flow->length == 0));
	return turns - 1 < queue->length ? (unsigned)(turns - 1) : queue->length;
}
