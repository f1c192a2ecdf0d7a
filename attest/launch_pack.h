/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hostd's side of a launch plan: copies that are hashed while they are copied, so that what was measured is what the agent
 * gets, whatever happens to the file meanwhile.
 */
#ifndef ASSAY_ATTEST_LAUNCH_PACK_H
#define ASSAY_ATTEST_LAUNCH_PACK_H

#include "attest/launch_plan.h"
#include "attest/measure.h"

struct launch_pack {
	int data, index; /* memfds; owned */
	uint64_t size; /* bytes in data */
	size_t entries, binds;
	struct buf waiting; /* entries not yet in the index's memfd */
	uint8_t *chunk; /* what is read, hashed and written at a time */
};
must_use bool launch_pack_open(struct launch_pack *ret, struct err *err);
void launch_pack_release(struct launch_pack *pack); /* cleanup */

/* Copies an open file behind what is there and refuses it (ERR_CONFLICT) unless size and digest are those measured. */
must_use bool launch_pack_copy(struct launch_pack *pack, int fd, const char *path,
	enum measure_alg alg, const struct measured_file *measured, struct err *err);
must_use bool launch_pack_entry(
	struct launch_pack *pack, const struct launch_entry *entry, struct err *err);
/* No more entries: both memfds are sealed. */
must_use bool launch_pack_seal(struct launch_pack *pack, struct err *err);

/* The executable: an open file copied to a memfd of its own, checked in the same way, sealed and executable. */
must_use bool launch_memfd_executable(int fd, const char *path, enum measure_alg alg,
	const struct measured_file *measured, int *ret_fd, struct err *err);
/* Small content in a sealed memfd. */
must_use bool launch_memfd_of(const char *name, struct bytes content, int *ret_fd, struct err *err);
/* The kernel's fs-verity digest of an open file (SHA-256, 4 KiB blocks, no salt); false, and no error, when it has none. */
bool launch_verity_digest(int fd, uint8_t out[SHA256_LEN]);

#endif
