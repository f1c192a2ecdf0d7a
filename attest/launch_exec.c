/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/launch_exec.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"

/* Numbers that the file arguments do not reach: what is still needed waits there. */
#define ABOVE_FILES (LAUNCH_FIRST_FD + (int)LAUNCH_FILES_MAX)

static bool user_groups(struct launch_identity *identity, struct err *err)
{
	char room[4096];
	struct passwd entry, *found = NULL;
	identity->group_count = 1;
	identity->groups[0] = identity->gid;
	int why = getpwuid_r(identity->uid, &entry, room, sizeof(room), &found);
	if (why != 0)
		return err_errno(err, why, "user %u", identity->uid);
	if (!found)
		return true;
	identity->group_count = LAUNCH_GROUPS_MAX;
	if (getgrouplist(entry.pw_name, identity->gid, identity->groups, &identity->group_count) <
		0)
		return err_set(err, ERR_LIMIT, "user %u is in more than %d groups", identity->uid,
			LAUNCH_GROUPS_MAX);
	return true;
}

bool launch_identity_of(uid_t uid, gid_t gid, struct launch_identity *ret, struct err *err)
{
	*ret = (struct launch_identity){
		.uid = uid, .gid = gid, .change = geteuid() == 0 && uid != 0};
	if (ret->change)
		return user_groups(ret, err);
	if (geteuid() != uid || getuid() != uid)
		return err_set(err, ERR_DENIED, "the agent runs as user %u, and this is user %u",
			uid, geteuid());
	return true;
}

/* First, because it takes a capability to do it, and becoming a user may end them all. */
static bool drop_bounding(struct err *err)
{
	for (unsigned long c = 0;; c++) {
		int held = prctl(PR_CAPBSET_READ, c, 0, 0, 0);
		if (held < 0)
			return true; /* beyond the last one */
		if (held > 0 && prctl(PR_CAPBSET_DROP, c, 0, 0, 0) != 0)
			return err_errno(err, errno,
				"dropping capability %lu (root needs CAP_SETPCAP for it)", c);
	}
}

static bool drop_capabilities(struct err *err)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {0};
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0 ||
		syscall(SYS_capset, &header, none) != 0)
		return err_errno(err, errno, "dropping capabilities");
	return true;
}

static bool become(const struct launch_identity *identity, unsigned sandbox, struct err *err)
{
	uid_t real, effective, saved;
	if ((sandbox & SANDBOX_NO_CAPABILITIES) && !drop_bounding(err))
		return false;
	if (identity->change &&
		(setgroups((size_t)identity->group_count, identity->groups) != 0 ||
			setresgid(identity->gid, identity->gid, identity->gid) != 0 ||
			setresuid(identity->uid, identity->uid, identity->uid) != 0))
		return err_errno(err, errno, "becoming user %u", identity->uid);
	if (getresuid(&real, &effective, &saved) != 0 || real != identity->uid ||
		effective != identity->uid || saved != identity->uid)
		return err_set(err, ERR_INTERNAL, "this process is not user %u", identity->uid);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return err_errno(err, errno, "no_new_privs");
	return !(sandbox & SANDBOX_NO_CAPABILITIES) || drop_capabilities(err);
}

/* The agent opens /proc/self/fd/N, which asks for the right to read once more. */
static bool check_readable(int fd, struct err *err)
{
	char path[64];
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	OWNED(fd_close) int again = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (again < 0 && (errno == EACCES || errno == EPERM))
		return err_set(err, ERR_DENIED,
			"a file argument may be read by the caller, but not by the agent's user "
			"%u: give that user the right",
			getuid());
	return true;
}

static bool move_up(int *fd, struct err *err)
{
	int moved = fcntl(*fd, F_DUPFD_CLOEXEC, ABOVE_FILES);
	if (moved < 0)
		return err_errno(err, errno, "descriptor for the agent");
	*fd = moved;
	return true;
}

/* First everything up, then the arguments down to their places, so that none is overwritten on the way. */
static bool place(int *executable, int *socket, const int *files, size_t count, struct err *err)
{
	int up[LAUNCH_FILES_MAX];
	if (count > LAUNCH_FILES_MAX)
		return err_set(
			err, ERR_LIMIT, "%zu file arguments, at most %u", count, LAUNCH_FILES_MAX);
	if (!move_up(executable, err) || !move_up(socket, err))
		return false;
	for (size_t i = 0; i < count; i++) {
		up[i] = files[i];
		if (!move_up(&up[i], err))
			return false;
	}
	if (close_range(LAUNCH_FIRST_FD, UINT_MAX, CLOSE_RANGE_CLOEXEC) != 0)
		return err_errno(err, errno, "closing descriptors");
	for (size_t i = 0; i < count; i++) {
		if (dup2(up[i], LAUNCH_FIRST_FD + (int)i) < 0)
			return err_errno(err, errno, "descriptor for the agent");
	}
	return true;
}

bool launch_exec(int executable, const struct launch_plan *plan,
	const struct launch_identity *identity, const int *files, size_t file_count, int *socket,
	struct err *err)
{
	if (!become(identity, plan->sandbox, err))
		return false;
	if (chdir(plan->directory) != 0)
		return err_errno(
			err, errno, "working directory %s", ESC(bytes_str(plan->directory)));
	for (size_t i = 0; i < file_count; i++) {
		if (!check_readable(files[i], err))
			return false;
	}
	if (!place(&executable, socket, files, file_count, err))
		return false;
	(void)execveat(executable, "", (char *const *)(uintptr_t)plan->arguments,
		(char *const *)(uintptr_t)plan->environment, AT_EMPTY_PATH);
	return err_errno(err, errno, "executing %s", ESC(bytes_str(plan->arguments[0])));
}
