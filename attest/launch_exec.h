/* SPDX-License-Identifier: Apache-2.0 */
/* The last steps of a launch: become the workload's user, put the descriptors in place, execute the memfd. */
#ifndef ASSAY_ATTEST_LAUNCH_EXEC_H
#define ASSAY_ATTEST_LAUNCH_EXEC_H

#include "attest/launch_plan.h"

#define LAUNCH_FIRST_FD   3 /* number of the first file argument in the agent */
#define LAUNCH_FILES_MAX  32u
#define LAUNCH_GROUPS_MAX 64

struct launch_identity {
	uid_t uid;
	gid_t gid;
	bool change; /* the caller is root and the agent is not */
	int group_count;
	gid_t groups[LAUNCH_GROUPS_MAX];
};
/* Before the namespace: looks up the user's groups. ERR_DENIED when the caller can not become this user. */
must_use bool launch_identity_of(
	uid_t uid, gid_t gid, struct launch_identity *ret, struct err *err);

/* Returns only on failure. The file arguments become LAUNCH_FIRST_FD and up; standard input, output and error stay; all else
 * closes as the new program begins, and so does *socket (moved out of the arguments' way): that tells hostd. */
must_use bool launch_exec(int executable, const struct launch_plan *plan,
	const struct launch_identity *identity, const int *files, size_t file_count, int *socket,
	struct err *err);

#endif
