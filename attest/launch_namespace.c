/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/launch_namespace.h"

#include <errno.h>
#include <inttypes.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "attest/launch_tree.h"
#include "base/file.h"

#define SIZE_SLACK  (16u << 20)
#define INODE_SLACK 262144u /* links to what lies beside measured files */

static bool write_map(const char *path, unsigned id, struct err *err)
{
	char text[32];
	int len = snprintf(text, sizeof(text), "%u %u 1", id, id);
	OWNED(fd_close) int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return err_errno(err, errno, "%s", path);
	return file_write_fd(fd, path, bytes_of(text, (size_t)len), err);
}

static bool unshare_rootless(struct err *err)
{
	uid_t uid = geteuid();
	gid_t gid = getegid();
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) {
		int why = errno;
		err_errno(err, why, "new user and mount namespace");
		return err_wrap(err, "this host does not let ordinary users make namespaces (see "
				     "`assay doctor`); run as root instead");
	}
	OWNED(fd_close) int groups = open("/proc/self/setgroups", O_WRONLY | O_CLOEXEC);
	return groups >= 0
		       ? file_write_fd(groups, "/proc/self/setgroups", BYTES_LIT("deny"), err) &&
				 write_map("/proc/self/gid_map", gid, err) &&
				 write_map("/proc/self/uid_map", uid, err)
		       : err_errno(err, errno, "/proc/self/setgroups");
}

static bool unshare_mounts(struct err *err)
{
	if (geteuid() != 0)
		return unshare_rootless(err);
	if (unshare(CLONE_NEWNS) != 0)
		return err_errno(
			err, errno, "new mount namespace (root needs CAP_SYS_ADMIN for it)");
	return true;
}

/* Any directory will do as the place where the new root waits to become it. */
static bool mount_tmpfs(uint64_t bytes, uint64_t inodes, struct err *err)
{
	static const char *const places[] = {"/tmp", "/run", "/var", "/usr", "/etc"};
	char options[128];
	(void)snprintf(options, sizeof(options), "mode=0755,size=%" PRIu64 "k,nr_inodes=%" PRIu64,
		bytes / 1024 + 1, inodes);
	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		if (mount("assay", places[i], "tmpfs", MS_NOSUID | MS_NODEV, options) == 0)
			return chdir(places[i]) == 0 ? true
						     : err_errno(err, errno, "%s", places[i]);
		if (errno != ENOENT && errno != ENOTDIR)
			return err_errno(err, errno, "mounting a tmpfs");
	}
	return err_set(err, ERR_UNSUPPORTED, "no directory to mount a tmpfs on");
}

static bool make_root(uint64_t bytes, uint64_t inodes, struct err *err)
{
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) {
		if (errno == EINVAL)
			return err_set(err, ERR_UNSUPPORTED,
				"the root directory is no mount point, as in a plain chroot: no "
				"agent "
				"can get a root of its own here");
		return err_errno(err, errno, "making the mounts private");
	}
	if (!mount_tmpfs(bytes, inodes, err))
		return false;
	mode_t mask = umask(022);
	bool made = mkdir(".assay", 0755) == 0 && mkdir("." LAUNCH_HOST, 0755) == 0 &&
		    mkdir("." LAUNCH_LIBRARIES, 0755) == 0;
	(void)umask(mask);
	if (!made)
		return err_errno(err, errno, "directories of the new root");
	if (syscall(SYS_pivot_root, ".", "." LAUNCH_HOST) != 0)
		return err_errno(err, errno,
			"pivot_root (a machine that runs from its initramfs has no root to "
			"change)");
	return chdir("/") == 0 ? true : err_errno(err, errno, "/");
}

static bool make_read_only(struct err *err)
{
	if (mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV, NULL) !=
		0)
		return err_errno(err, errno, "making the new root read-only");
	return true;
}

static bool count_entries(struct bytes index, uint64_t *ret, struct err *err)
{
	struct reader r = rd_of(index);
	uint64_t count = 0;
	for (;;) {
		struct launch_entry entry;
		if (!launch_entry_next(&r, &entry, err))
			return false;
		if (entry.kind == LAUNCH_NONE)
			break;
		if (++count > LAUNCH_ENTRIES_MAX)
			return err_set(err, ERR_LIMIT, "launch index of more than %u entries",
				LAUNCH_ENTRIES_MAX);
	}
	*ret = count;
	return true;
}

bool launch_namespace_enter(struct bytes index, int pack, struct err *err)
{
	uint64_t entries = 0;
	struct stat st;
	if (fstat(pack, &st) != 0)
		return err_errno(err, errno, "launch pack");
	if (!count_entries(index, &entries, err) || !unshare_mounts(err))
		return false;
	/* Each file takes whole pages; a path is at most some ten directories of its own. */
	uint64_t bytes = (uint64_t)st.st_size + entries * 4096 + SIZE_SLACK;
	return make_root(bytes, entries * 12 + INODE_SLACK, err) &&
	       launch_tree_build(index, pack, err) && make_read_only(err);
}
