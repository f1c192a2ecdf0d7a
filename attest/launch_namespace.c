/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/launch_namespace.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
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

static bool unshare_rootless(int network, struct err *err)
{
	uid_t uid = geteuid();
	gid_t gid = getegid();
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS | network) != 0) {
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

static bool unshare_parts(int network, struct err *err)
{
	if (geteuid() != 0)
		return unshare_rootless(network, err);
	if (unshare(CLONE_NEWNS | network) != 0)
		return err_errno(
			err, errno, "new mount namespace (root needs CAP_SYS_ADMIN for it)");
	return true;
}

/* What an agent does with itself over 127.0.0.1 goes on working. */
static bool loopback_up(struct err *err)
{
	struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	OWNED(fd_close) int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	return (fd >= 0 && ioctl(fd, SIOCSIFFLAGS, &request) == 0) ||
	       err_errno(err, errno,
		       "loopback in a network namespace of its own (root needs CAP_NET_ADMIN "
		       "for it)");
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

/* Every mount there is below the new root, the host's own among them. */
static bool freeze_mounts(struct err *err)
{
	struct mount_attr attributes = {.attr_set = MOUNT_ATTR_RDONLY};
	return syscall(SYS_mount_setattr, AT_FDCWD, "/", AT_RECURSIVE, &attributes,
		       sizeof(attributes)) == 0 ||
	       err_errno(err, errno, "making every mount read-only (Linux 5.12 and newer)");
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

bool launch_namespace_enter(struct bytes index, int pack, unsigned sandbox, struct err *err)
{
	bool network = (sandbox & SANDBOX_NO_NETWORK) != 0;
	uint64_t entries = 0;
	struct stat st;
	if (fstat(pack, &st) != 0)
		return err_errno(err, errno, "launch pack");
	if (!count_entries(index, &entries, err) ||
		!unshare_parts(network ? CLONE_NEWNET : 0, err) || (network && !loopback_up(err)))
		return false;
	/* Each file takes whole pages; a path is at most some ten directories of its own. */
	uint64_t bytes = (uint64_t)st.st_size + entries * 4096 + SIZE_SLACK;
	return make_root(bytes, entries * 12 + INODE_SLACK, err) &&
	       launch_tree_build(index, pack, err) && make_read_only(err) &&
	       (!(sandbox & SANDBOX_READ_ONLY) || freeze_mounts(err));
}
