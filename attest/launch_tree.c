/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/launch_tree.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "attest/launch_pack.h"
#include "base/file.h"
#include "base/text.h"

#define COMPARE_CHUNK 16384u

int launch_tree_host(const struct launch_tree *tree, struct bytes path, int flags)
{
	char text[PATH_MAX];
	struct open_how how = {.flags = (uint64_t)(unsigned)(flags | O_CLOEXEC | O_NOFOLLOW),
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS};
	if (path.len >= sizeof(text)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	struct bytes relative =
		path.len > 1 ? bytes_of(path.data + 1, path.len - 1) : BYTES_LIT(".");
	memcpy(text, relative.data, relative.len);
	text[relative.len] = '\0';
	return (int)syscall(SYS_openat2, tree->host, text, &how, sizeof(how));
}

/* ---- directories ---- */

/* A directory of ours has the host's mode, widened so that the agent's user reaches what was measured for it. */
static mode_t directory_mode(const struct launch_tree *tree, struct bytes path)
{
	struct stat st;
	OWNED(fd_close) int fd = launch_tree_host(tree, path, O_PATH | O_DIRECTORY);
	if (fd < 0 || fstat(fd, &st) != 0)
		return 0755;
	return (st.st_mode & 0755) | 0511;
}

static bool enter(struct launch_tree *tree, int above, struct bytes path, const char *name,
	int *ret, struct err *err)
{
	const int flags = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	int fd = openat(above, name, flags);
	if (fd < 0 && errno == ENOENT) {
		if (mkdirat(above, name, 0755) != 0 ||
			fchmodat(above, name, directory_mode(tree, path), 0) != 0)
			return err_errno(err, errno, "making %s", ESC(path));
		fd = openat(above, name, flags);
	}
	if (fd < 0)
		return err_errno(err, errno, "%s in the new root", ESC(path));
	*ret = fd;
	return true;
}

bool launch_tree_directory(
	struct launch_tree *tree, struct bytes path, int *ret_fd, struct err *err)
{
	if (tree->parent >= 0 && bytes_equal(buf_bytes(&tree->parent_path), path)) {
		*ret_fd = tree->parent;
		return true;
	}
	OWNED(fd_close) int at = openat(tree->root, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (at < 0)
		return err_errno(err, errno, "new root");
	for (size_t begin = 1; begin < path.len;) {
		const uint8_t *slash = memchr(path.data + begin, '/', path.len - begin);
		size_t end = slash ? (size_t)(slash - path.data) : path.len;
		char name[NAME_MAX + 1];
		int next = -1;
		if (end - begin > NAME_MAX)
			return err_set(err, ERR_FORMAT, "%s: a name of more than %d bytes",
				ESC(path), NAME_MAX);
		memcpy(name, path.data + begin, end - begin);
		name[end - begin] = '\0';
		if (!enter(tree, at, bytes_of(path.data, end), name, &next, err))
			return false;
		fd_close(&at);
		at = next;
		begin = end + 1;
	}
	buf_clear(&tree->parent_path);
	buf_put(&tree->parent_path, path);
	if (!buf_ok(&tree->parent_path, err))
		return false;
	fd_close(&tree->parent);
	tree->parent = at;
	at = -1;
	*ret_fd = tree->parent;
	return true;
}

bool launch_tree_parent(struct launch_tree *tree, struct bytes path, int *ret_fd,
	struct buf *ret_name, struct err *err)
{
	size_t slash = path.len;
	while (slash > 0 && path.data[slash - 1] != '/')
		slash--;
	buf_put(ret_name, bytes_of(path.data + slash, path.len - slash));
	if (!buf_str(ret_name))
		return err_set(err, ERR_NOMEM, "no memory for a path");
	return launch_tree_directory(
		tree, bytes_of(path.data, slash > 0 ? slash - 1 : 0), ret_fd, err);
}

bool launch_tree_is_exact(const struct launch_tree *tree, struct bytes path)
{
	for (size_t i = 0; i < tree->tree_count; i++) {
		if (bytes_equal(tree->trees[i], path))
			return true;
	}
	return false;
}

static bool put_tree(struct launch_tree *tree, const struct launch_entry *entry, struct err *err)
{
	int fd;
	if (tree->tree_count == LAUNCH_TREES_MAX)
		return err_set(err, ERR_LIMIT, "more than %u directories", LAUNCH_TREES_MAX);
	tree->trees[tree->tree_count++] = entry->path;
	return launch_tree_directory(tree, entry->path, &fd, err);
}

/* ---- files ---- */

static bool conflict(struct bytes path, struct err *err)
{
	return err_set(err, ERR_CONFLICT, "%s changed while it was being measured: start again",
		ESC(path));
}

/* A file that is in two components (a library in a measured directory, say) must be the same in both: `fd` is what stands in the
 * new root, and `other` the other one from `from` on. */
static bool same_content(
	int fd, int other, uint64_t from, const struct launch_entry *entry, struct err *err)
{
	uint8_t a[COMPARE_CHUNK], b[COMPARE_CHUNK];
	struct stat st;
	if (fstat(fd, &st) != 0)
		return err_errno(err, errno, "%s in the new root", ESC(entry->path));
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size != entry->size)
		return conflict(entry->path, err);
	for (uint64_t at = 0; at < entry->size;) {
		uint64_t left = entry->size - at;
		size_t want = left < sizeof(a) ? (size_t)left : sizeof(a);
		ssize_t n = pread(fd, a, want, (off_t)at);
		if (n <= 0 || pread(other, b, (size_t)n, (off_t)(from + at)) != n)
			return err_errno(err, errno, "comparing %s", ESC(entry->path));
		if (memcmp(a, b, (size_t)n) != 0)
			return conflict(entry->path, err);
		at += (uint64_t)n;
	}
	return true;
}

/* What stands at the entry's path already. *ret_copy: it is a file of the new root's own, and not one of the host's. */
static bool open_there(struct launch_tree *tree, int parent, const char *name,
	const struct launch_entry *entry, int *ret_fd, bool *ret_copy, struct err *err)
{
	struct stat st, root;
	*ret_fd = openat(parent, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (*ret_fd < 0 || fstat(*ret_fd, &st) != 0 || fstat(tree->root, &root) != 0)
		return err_errno(err, errno, "%s in the new root", ESC(entry->path));
	*ret_copy = st.st_dev == root.st_dev;
	return true;
}

static bool copy_content(int pack, int fd, const struct launch_entry *entry, struct err *err)
{
	off_t from = (off_t)entry->offset;
	for (uint64_t left = entry->size; left > 0;) {
		ssize_t n =
			sendfile(fd, pack, &from, left > (1u << 30) ? (1u << 30) : (size_t)left);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return err_errno(err, n < 0 ? errno : EIO, "copying %s", ESC(entry->path));
		left -= (uint64_t)n;
	}
	return true;
}

/* The place is taken: by the same copy, or by the host's file, which can be written to and therefore gives way. */
static bool make_way(struct launch_tree *tree, int parent, const char *name,
	const struct launch_entry *entry, bool *ret_done, struct err *err)
{
	OWNED(fd_close) int there = -1;
	OWNED(buf_release) struct buf path = {0};
	if (!open_there(tree, parent, name, entry, &there, ret_done, err) ||
		!same_content(there, tree->pack, entry->offset, entry, err))
		return false;
	if (*ret_done)
		return true;
	buf_put(&path, entry->path);
	if (!buf_str(&path))
		return err_set(err, ERR_NOMEM, "no memory for a path");
	if (umount2(buf_str(&path), MNT_DETACH | UMOUNT_NOFOLLOW) != 0 ||
		unlinkat(parent, name, 0) != 0)
		return err_errno(err, errno, "%s in the new root", ESC(entry->path));
	return true;
}

static bool put_copy(struct launch_tree *tree, const struct launch_entry *entry, struct err *err)
{
	const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
	OWNED(buf_release) struct buf name = {0};
	bool done = false;
	int parent;
	if (!launch_tree_parent(tree, entry->path, &parent, &name, err))
		return false;
	OWNED(fd_close) int fd = openat(parent, buf_str(&name), flags, 0600);
	if (fd < 0 && errno == EEXIST) {
		if (!make_way(tree, parent, buf_str(&name), entry, &done, err))
			return false;
		if (done)
			return true;
		fd = openat(parent, buf_str(&name), flags, 0600);
	}
	if (fd < 0)
		return err_errno(err, errno, "%s in the new root", ESC(entry->path));
	if (!copy_content(tree->pack, fd, entry, err))
		return false;
	if (fchmod(fd, entry->executable ? 0555 : 0444) != 0)
		return err_errno(err, errno, "mode of %s", ESC(entry->path));
	return true;
}

static bool put_empty(struct launch_tree *tree, const struct launch_entry *entry, struct err *err)
{
	OWNED(buf_release) struct buf name = {0};
	int parent;
	if (!launch_tree_parent(tree, entry->path, &parent, &name, err))
		return false;
	OWNED(fd_close)
	int fd = openat(
		parent, buf_str(&name), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0444);
	if (fd < 0)
		return err_errno(err, errno, "%s in the new root", ESC(entry->path));
	return true;
}

/* The host's own file is mounted only if it still is the inode that was measured: by the digest that the kernel enforces, or,
 * for what is not pinned, by its numbers. */
static bool is_measured(int fd, const struct launch_entry *entry, struct err *err)
{
	uint8_t digest[SHA256_LEN];
	struct stat st;
	if (fstat(fd, &st) != 0)
		return err_errno(err, errno, "%s", ESC(entry->path));
	bool same = S_ISREG(st.st_mode) && (uint64_t)st.st_size == entry->size;
	if (entry->kind == LAUNCH_PIN)
		same = same && launch_verity_digest(fd, digest) &&
		       bytes_equal(BYTES_OF(digest), BYTES_OF(entry->digest));
	else
		same = same && st.st_dev == entry->device && st.st_ino == entry->inode;
	return same || conflict(entry->path, err);
}

static bool mount_file(int fd, int parent, const char *name, struct bytes path, struct err *err)
{
	struct mount_attr attributes = {
		.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV};
	OWNED(fd_close)
	int clone = (int)syscall(
		SYS_open_tree, fd, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (clone < 0)
		return err_errno(err, errno, "pinning %s", ESC(path));
	if (syscall(SYS_mount_setattr, clone, "", AT_EMPTY_PATH, &attributes, sizeof(attributes)) !=
			0 ||
		syscall(SYS_move_mount, clone, "", parent, name, MOVE_MOUNT_F_EMPTY_PATH) != 0)
		return err_errno(err, errno, "mounting %s", ESC(path));
	return true;
}

/* The place is taken: a copy of the same content stays, and so does the same file. */
static bool keep_there(struct launch_tree *tree, int parent, const char *name, int fd,
	const struct launch_entry *entry, struct err *err)
{
	OWNED(fd_close) int there = -1;
	struct stat ours, theirs;
	bool copy = false;
	if (!open_there(tree, parent, name, entry, &there, &copy, err))
		return false;
	if (copy)
		return same_content(there, fd, 0, entry, err);
	if (fstat(there, &ours) != 0 || fstat(fd, &theirs) != 0)
		return err_errno(err, errno, "%s in the new root", ESC(entry->path));
	return (ours.st_dev == theirs.st_dev && ours.st_ino == theirs.st_ino) ||
	       conflict(entry->path, err);
}

static bool put_mount(struct launch_tree *tree, const struct launch_entry *entry, struct err *err)
{
	OWNED(buf_release) struct buf name = {0};
	OWNED(fd_close)
	int fd = launch_tree_host(tree, entry->path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
	int parent;
	if (fd < 0)
		return err_errno(err, errno, "%s", ESC(entry->path));
	if (!is_measured(fd, entry, err) ||
		!launch_tree_parent(tree, entry->path, &parent, &name, err))
		return false;
	if (faccessat(parent, buf_str(&name), F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return keep_there(tree, parent, buf_str(&name), fd, entry, err);
	/* The directory stays the one opened last. */
	return put_empty(tree, entry, err) &&
	       mount_file(fd, parent, buf_str(&name), entry->path, err);
}

/* ---- links ---- */

bool launch_tree_symlink(
	struct launch_tree *tree, struct bytes path, const char *target, struct err *err)
{
	OWNED(buf_release) struct buf name = {0};
	char there[PATH_MAX];
	int parent;
	if (!launch_tree_parent(tree, path, &parent, &name, err))
		return false;
	if (symlinkat(target, parent, buf_str(&name)) == 0)
		return true;
	if (errno != EEXIST)
		return err_errno(err, errno, "%s in the new root", ESC(path));
	ssize_t n = readlinkat(parent, buf_str(&name), there, sizeof(there));
	if (n < 0 || !bytes_equal_str(bytes_of(there, (size_t)n), target))
		return conflict(path, err);
	return true;
}

static bool put_link(struct launch_tree *tree, const struct launch_entry *entry, struct err *err)
{
	return launch_tree_freeze(tree, entry->path, entry->target, err);
}

static bool put_library(struct launch_tree *tree, const struct launch_entry *entry, struct err *err)
{
	OWNED(buf_release) struct buf path = {0}, target = {0};
	buf_printf(&path, "%s/%.*s", LAUNCH_LIBRARIES, (int)entry->path.len,
		(const char *)entry->path.data);
	buf_put(&target, entry->target);
	if (!buf_str(&path) || !buf_str(&target))
		return err_set(err, ERR_NOMEM, "no memory for a path");
	return launch_tree_symlink(tree, buf_bytes(&path), buf_str(&target), err);
}

/* ---- all of it ---- */

static bool (*const put[LAUNCH_KINDS])(
	struct launch_tree *, const struct launch_entry *, struct err *) = {
	[LAUNCH_COPY] = put_copy,
	[LAUNCH_TREE] = put_tree,
	[LAUNCH_BIND] = put_mount,
	[LAUNCH_PIN] = put_mount,
	[LAUNCH_LINK] = put_link,
	[LAUNCH_LIBRARY] = put_library,
	[LAUNCH_EMPTY] = put_empty,
};

static bool put_entries(struct launch_tree *tree, struct bytes index, struct err *err)
{
	struct reader r = rd_of(index);
	for (;;) {
		struct launch_entry entry;
		if (!launch_entry_next(&r, &entry, err))
			return false;
		if (entry.kind == LAUNCH_NONE)
			return true;
		if (!put[entry.kind](tree, &entry, err))
			return false;
	}
}

bool launch_tree_build(struct bytes index, int pack, struct err *err)
{
	struct launch_tree tree = {
		.pack = pack, .parent = -1, .tree_count = 1, .trees = {BYTES_LIT("/.assay")}};
	tree.root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	tree.host = open(LAUNCH_HOST, O_PATH | O_DIRECTORY | O_CLOEXEC);
	bool ok = tree.root >= 0 && tree.host >= 0 ? true : err_errno(err, errno, "the new root");
	mode_t mask = umask(0);
	ok = ok && put_entries(&tree, index, err) && launch_tree_surround(&tree, err);
	(void)umask(mask);
	fd_close(&tree.root);
	fd_close(&tree.host);
	fd_close(&tree.parent);
	buf_release(&tree.parent_path);
	return ok;
}
