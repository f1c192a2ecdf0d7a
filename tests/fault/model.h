/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a verifier must do, as simply as it can be said: hosts, workloads and instances with a state each, and of every step
 * whether it may be trusted. Nothing of the verifier's own code is in it. test_model.c plays the same steps on both.
 *
 * An instance is trusted when its host is active and has not been started anew since the instance was launched, its workload
 * is in the register and its release not revoked. What was refused before does not count: a refusal ends what was issued, and
 * the next evidence is appraised from the beginning.
 */
#ifndef ASSAY_TESTS_FAULT_MODEL_H
#define ASSAY_TESTS_FAULT_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum model_host_state { MODEL_NO_HOST = 0, MODEL_ACTIVE, MODEL_QUARANTINED, MODEL_RETIRED };
struct model_host {
	enum model_host_state state;
	unsigned boot; /* counts reboots */
	enum model_seen {
		MODEL_NOT_SEEN = 0,
		MODEL_PERHAPS_SEEN,
		MODEL_SEEN
	} seen; /* trusted in this boot */
};
struct model_workload {
	bool there, retired, revoked;
};
struct model_instance {
	bool there;
	unsigned boot; /* of its host when it was launched */
	size_t workload;
};

static inline bool model_may_trust(
	const struct model_host *h, const struct model_workload *w, const struct model_instance *i)
{
	return h->state == MODEL_ACTIVE && w->there && !w->retired && !w->revoked && i->there &&
	       i->boot == h->boot;
}

#endif
