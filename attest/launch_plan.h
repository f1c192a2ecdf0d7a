/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What hostd hands to `assay run` once the verifier has trusted the launch: four descriptors.
 *   plan   JSON: argument vector, environment, working directory, user, numbers of the file arguments
 *   index  entries, one behind the other: what the mount namespace shows, and where each thing comes from
 *   pack   the copies' bytes, one behind the other; sealed
 *   executable  the program's own bytes in a memfd of its own; sealed
 *
 * One entry on the wire: kind u8 | executable u8 | offset u64 | size u64 | device u64 | inode u64 | digest 32 |
 * path u16 and bytes | target u16 and bytes. Everything big-endian.
 */
#ifndef ASSAY_ATTEST_LAUNCH_PLAN_H
#define ASSAY_ATTEST_LAUNCH_PLAN_H

#include "base/json.h"
#include "base/reader.h"
#include "crypto/digest.h"
#include "evidence/runtime_log.h"

#include <sys/types.h>

#define LAUNCH_ENTRIES_MAX 120000u
#define LAUNCH_INDEX_MAX   (64u << 20)
#define LAUNCH_PLAN_MAX    (4u << 20)
#define LAUNCH_BINDS_MAX   4096u /* mounts of single files in one launch */
#define LAUNCH_WORDS_MAX   RUNTIME_ARGUMENTS_MAX
#define LAUNCH_LIBRARIES   "/.assay/lib" /* where the loader looks first */
#define LAUNCH_HOST        "/.assay/host" /* the host's own root, as it was */

/* On the socket, in this order; a refusal comes with the first alone. */
enum launch_fd {
	LAUNCH_FD_VERDICT = 0, /* JSON, as the verifier sent it */
	LAUNCH_FD_PLAN,
	LAUNCH_FD_INDEX,
	LAUNCH_FD_PACK,
	LAUNCH_FD_EXECUTABLE,
	LAUNCH_FDS
};

enum launch_kind {
	LAUNCH_NONE = 0,
	LAUNCH_COPY, /* a file: size bytes of the pack from offset on */
	LAUNCH_TREE, /* a directory that shows exactly the entries below it, nothing of the host's */
	LAUNCH_BIND, /* the host's file, if it is still this device, inode and size */
	LAUNCH_PIN, /* the host's file, if its fs-verity digest is this one */
	LAUNCH_LINK, /* path as it was written; leads to target, and is frozen so */
	LAUNCH_LIBRARY, /* path is a name below LAUNCH_LIBRARIES; target the library's path */
	LAUNCH_EMPTY, /* an empty file in place of the host's */
	LAUNCH_KINDS
};
struct launch_entry {
	enum launch_kind kind;
	bool executable;
	uint64_t offset, size, device, inode;
	uint8_t digest[SHA256_LEN];
	struct bytes path, target;
};
must_use bool launch_entry_put(const struct launch_entry *entry, struct buf *out, struct err *err);
/* The next entry; kind LAUNCH_NONE at the end. Paths are absolute and have no ".", ".." or empty part. */
must_use bool launch_entry_next(struct reader *index, struct launch_entry *ret, struct err *err);

struct launch_plan {
	char instance[2 * INSTANCE_ID_LEN + 1];
	const char *directory;
	uid_t uid;
	gid_t gid;
	unsigned sandbox; /* enum runtime_sandbox */
	size_t argument_count, environment_count;
	const char *arguments[LAUNCH_WORDS_MAX + 1]; /* NULL-terminated */
	const char *environment[LAUNCH_WORDS_MAX + 1]; /* NULL-terminated, "NAME=value" */
	json_t *json; /* what the texts point into */
};
must_use bool launch_plan_write(const struct launch_plan *plan, struct buf *out, struct err *err);
must_use bool launch_plan_read(struct bytes in, struct launch_plan *ret, struct err *err);
void launch_plan_release(struct launch_plan *plan);

#endif
