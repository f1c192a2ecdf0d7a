/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Watches the host's files that instances were measured from: inotify on their inodes, so that a write, a change of
 * attributes, a rename or the end of the file is heard at once. It says where to look, never what is so: what counts is what
 * a look at the file says. A write through a shared mapping is not heard; a renewal sees it.
 *
 * Safe for any thread.
 */
#ifndef ASSAY_ATTEST_DRIFT_H
#define ASSAY_ATTEST_DRIFT_H

#include "attest/instance.h"

#define DRIFT_WATCHES_MAX 65536u /* of all instances */
#define DRIFT_FOUND_MAX   256u /* instances of one reading; more count as lost events */

struct drift;
must_use bool drift_open(struct drift **ret, struct err *err);
void drift_free(struct drift **drift); /* cleanup; NULL is fine */
int drift_fd(const struct drift *drift); /* readable: call drift_read */

/* Its files that are not pinned, and, if wanted, those that it runs copies of. False with the reason when not all of them can
 * be watched; what is watched stays so. */
must_use bool drift_add(
	struct drift *drift, const struct instance *instance, bool originals, struct err *err);
void drift_remove(struct drift *drift, const struct instance *instance);

struct drift_found {
	bool lost; /* events were lost: anything may have changed */
	size_t count;
	uint8_t ids[DRIFT_FOUND_MAX][INSTANCE_ID_LEN]; /* none twice */
};
/* What has been heard by now. */
void drift_read(struct drift *drift, struct drift_found *ret);
/* The same of events as the kernel wrote them. */
void drift_take(struct drift *drift, struct bytes events, struct drift_found *ret);

#endif
