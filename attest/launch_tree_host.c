/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/launch_tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"

#define LINKS_MAX 40u /* as the kernel's own limit */
#define DEPTH_MAX 128u

/* ---- links as they were written ---- */

struct walk {
	struct buf at; /* where the walk is: "" is the root */
	struct buf left; /* what is still to be walked: "/a/b" */
	unsigned links;
};

static void walk_release(struct walk *walk)
{
	buf_release(&walk->at);
	buf_release(&walk->left);
}

/* Takes the next part off `left`; false at the end. */
static bool walk_part(struct walk *walk, char name[NAME_MAX + 1])
{
	size_t begin = 0;
	while (begin < walk->left.len && walk->left.data[begin] == '/')
		begin++;
	size_t end = begin;
	while (end < walk->left.len && walk->left.data[end] != '/')
		end++;
	if (end == begin || end - begin > NAME_MAX)
		return false;
	memcpy(name, walk->left.data + begin, end - begin);
	name[end - begin] = '\0';
	memmove(walk->left.data, walk->left.data + end, walk->left.len - end);
	walk->left.len -= end;
	return true;
}

static void walk_up(struct walk *walk)
{
	while (walk->at.len > 0 && walk->at.data[walk->at.len - 1] != '/')
		walk->at.len--;
	if (walk->at.len > 0)
		walk->at.len--;
}

/* The target takes the link's place in what is left to be walked. */
static bool walk_link(struct walk *walk, struct bytes target, struct err *err)
{
	OWNED(buf_release) struct buf left = {0};
	if (++walk->links > LINKS_MAX)
		return err_set(err, ERR_CONFLICT, "more than %u links", LINKS_MAX);
	if (target.len > 0 && target.data[0] == '/')
		buf_clear(&walk->at);
	buf_put(&left, target);
	buf_put(&left, buf_bytes(&walk->left));
	if (!buf_ok(&left, err))
		return false;
	buf_release(&walk->left);
	walk->left = TAKE_STRUCT(left);
	return true;
}

static bool walk_step(
	struct launch_tree *tree, struct walk *walk, const char *name, struct err *err)
{
	char target[PATH_MAX];
	if (strcmp(name, ".") == 0)
		return true;
	if (strcmp(name, "..") == 0) {
		walk_up(walk);
		return true;
	}
	size_t before = walk->at.len;
	buf_put_str(&walk->at, "/");
	buf_put_str(&walk->at, name);
	if (!buf_ok(&walk->at, err))
		return false;
	OWNED(fd_close) int fd = launch_tree_host(tree, buf_bytes(&walk->at), O_PATH);
	struct stat st;
	if (fd < 0 || fstat(fd, &st) != 0)
		return err_errno(err, errno, "%s", ESC(buf_bytes(&walk->at)));
	if (!S_ISLNK(st.st_mode))
		return true;
	ssize_t n = readlinkat(fd, "", target, sizeof(target) - 1);
	if (n < 0)
		return err_errno(err, errno, "%s", ESC(buf_bytes(&walk->at)));
	target[n] = '\0';
	if (!launch_tree_symlink(tree, buf_bytes(&walk->at), target, err))
		return false;
	walk->at.len = before;
	return walk_link(walk, bytes_str(target), err);
}

bool launch_tree_freeze(
	struct launch_tree *tree, struct bytes path, struct bytes target, struct err *err)
{
	OWNED(walk_release) struct walk walk = {0};
	char name[NAME_MAX + 1];
	buf_put(&walk.left, path);
	if (!buf_ok(&walk.left, err))
		return false;
	while (walk_part(&walk, name)) {
		if (!walk_step(tree, &walk, name, err))
			return err_wrap(err, "link %s", ESC(path));
	}
	if (!bytes_equal(buf_bytes(&walk.at), target))
		return err_set(err, ERR_CONFLICT,
			"%s led to %s when it was measured and leads to %s now: start again",
			ESC(path), ESC(target), ESC(buf_bytes(&walk.at)));
	return true;
}

/* ---- what lies beside ---- */

/* One directory of ours, and the host's of the same path. */
struct beside {
	struct launch_tree *tree;
	int ours, theirs;
	struct buf path;
};

static void beside_release(struct beside *beside)
{
	fd_close(&beside->ours);
	fd_close(&beside->theirs);
	buf_release(&beside->path);
}

static bool link_to_host(const struct beside *beside, const char *name, struct err *err)
{
	OWNED(buf_release) struct buf target = {0};
	buf_put_str(&target, LAUNCH_HOST);
	buf_put(&target, buf_bytes(&beside->path));
	buf_put_str(&target, "/");
	buf_put_str(&target, name);
	if (!buf_str(&target))
		return err_set(err, ERR_NOMEM, "no memory for a path");
	if (symlinkat(buf_str(&target), beside->ours, name) != 0)
		return err_errno(err, errno, "%s beside measured files", ESC(buf_bytes(&target)));
	return true;
}

/* Binds rather than links, so that ".." in them leads to what was measured and not to the host's own. */
static bool bind_directory(const struct beside *beside, const char *name, struct err *err)
{
	const int flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE | AT_NO_AUTOMOUNT |
			  AT_SYMLINK_NOFOLLOW;
	OWNED(fd_close) int clone = (int)syscall(SYS_open_tree, beside->theirs, name, flags);
	if (clone < 0)
		return link_to_host(beside, name, err);
	if (mkdirat(beside->ours, name, 0755) != 0)
		return err_errno(err, errno, "%s beside measured files", ESC(bytes_str(name)));
	if (syscall(SYS_move_mount, clone, "", beside->ours, name, MOVE_MOUNT_F_EMPTY_PATH) == 0)
		return true;
	(void)unlinkat(beside->ours, name, AT_REMOVEDIR);
	return link_to_host(beside, name, err);
}

static bool copy_link(const struct beside *beside, const char *name, struct err *err)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(beside->theirs, name, target, sizeof(target) - 1);
	if (n < 0)
		return errno == ENOENT ? true : err_errno(err, errno, "%s", ESC(bytes_str(name)));
	target[n] = '\0';
	if (symlinkat(target, beside->ours, name) != 0)
		return err_errno(err, errno, "%s beside measured files", ESC(bytes_str(name)));
	return true;
}

static bool show(const struct beside *beside, const char *name, struct err *err)
{
	struct stat st;
	if (fstatat(beside->theirs, name, &st, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) != 0)
		return errno == ENOENT || errno == EACCES
			       ? true
			       : err_errno(err, errno, "%s", ESC(bytes_str(name)));
	if (S_ISDIR(st.st_mode))
		return bind_directory(beside, name, err);
	return S_ISLNK(st.st_mode) ? copy_link(beside, name, err) : link_to_host(beside, name, err);
}

static bool surround(struct launch_tree *tree, struct bytes path, unsigned depth, struct err *err);

static bool surround_name(
	const struct beside *beside, const char *name, unsigned depth, struct err *err)
{
	struct stat st;
	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return true;
	if (fstatat(beside->ours, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return errno == ENOENT ? show(beside, name, err)
				       : err_errno(err, errno, "new root");
	if (!S_ISDIR(st.st_mode))
		return true;
	OWNED(buf_release) struct buf below = {0};
	buf_put(&below, buf_bytes(&beside->path));
	buf_put_str(&below, "/");
	buf_put_str(&below, name);
	return buf_ok(&below, err) && surround(beside->tree, buf_bytes(&below), depth + 1, err);
}

/* *ret false: the host has no such directory, or does not let us list it; then nothing of it shows. */
static bool beside_open(struct launch_tree *tree, struct bytes path, struct beside *ret,
	bool *ret_there, struct err *err)
{
	int ours;
	ret->tree = tree;
	ret->theirs = launch_tree_host(tree, path, O_RDONLY | O_DIRECTORY);
	*ret_there = ret->theirs >= 0;
	if (!*ret_there)
		return true;
	if (!launch_tree_directory(tree, path, &ours, err))
		return false;
	ret->ours = fcntl(ours, F_DUPFD_CLOEXEC, 0);
	if (ret->ours < 0)
		return err_errno(err, errno, "new root");
	buf_put(&ret->path, path);
	return buf_ok(&ret->path, err);
}

static void close_directory(DIR **dir)
{
	if (*dir)
		(void)closedir(*dir);
}

static bool surround(struct launch_tree *tree, struct bytes path, unsigned depth, struct err *err)
{
	OWNED(beside_release) struct beside beside = {.ours = -1, .theirs = -1};
	bool there = false;
	if (depth > DEPTH_MAX)
		return err_set(err, ERR_LIMIT, "directories nested deeper than %u", DEPTH_MAX);
	if (launch_tree_is_exact(tree, path))
		return true;
	if (!beside_open(tree, path, &beside, &there, err) || !there)
		return there ? false : true;
	int copy = fcntl(beside.theirs, F_DUPFD_CLOEXEC, 0);
	OWNED(close_directory) DIR *dir = copy >= 0 ? fdopendir(copy) : NULL;
	if (!dir)
		return err_errno(err, errno, "%s", ESC(path));
	for (const struct dirent *entry = readdir(dir); entry; entry = readdir(dir)) {
		if (!surround_name(&beside, entry->d_name, depth, err))
			return false;
	}
	return true;
}

bool launch_tree_surround(struct launch_tree *tree, struct err *err)
{
	return surround(tree, bytes_of(NULL, 0), 0, err);
}
