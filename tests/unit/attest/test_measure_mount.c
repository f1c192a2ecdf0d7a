/* SPDX-License-Identifier: Apache-2.0 */
/* What other mounts do to measuring. Each test runs in a mount namespace of its own, and is skipped where none may be made. */
#include "tests/unit/attest/scratch_tree.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include "attest/measure.h"

enum { CHILD_OK = 0, CHILD_FAILED = 1, CHILD_NO_NAMESPACE = 77 };

static bool put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool done = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
	if (fd >= 0)
		close(fd);
	return done;
}

/* Root needs no user namespace, and an ordinary user is root in his own. */
static bool enter_namespace(void)
{
	uid_t uid = geteuid();
	gid_t gid = getegid();
	char map[64];
	if (uid == 0 && unshare(CLONE_NEWNS) == 0)
		return mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0 || !put("/proc/self/setgroups", "deny"))
		return false;
	snprintf(map, sizeof(map), "0 %u 1", uid);
	if (!put("/proc/self/uid_map", map))
		return false;
	snprintf(map, sizeof(map), "0 %u 1", gid);
	return put("/proc/self/gid_map", map) &&
	       mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}

static bool refuses_tree(enum err_code code, const char *why)
{
	struct measured_tree tree = {0};
	struct err err = {0};
	bool done = measure_tree(tree_path("m"), MEASURE_SHA256, 1, &tree, &err);
	measured_tree_release(&tree);
	if (!done && err.code == code && strstr(err.text, why))
		return true;
	fprintf(stderr, "%s, wanted \"%s\"\n", done ? "measured" : err.text, why);
	return false;
}

static bool refuses_beneath(const char *relative)
{
	struct err err = {0};
	int directory = -1, fd = -1;
	bool refused = measure_open_directory(tree_path("m"), &directory, &err) &&
		       !measure_open_beneath(directory, relative, &fd, &err) &&
		       strstr(err.text, "crosses a mount point");
	if (directory >= 0)
		close(directory);
	if (fd >= 0)
		close(fd);
	return refused;
}

static void in_namespace(bool (*test)(void))
{
	int status = 0;
	tree_directory("m");
	tree_directory("m/sub");
	tree_file("m/sub/f", "x");
	tree_file("other", "y");
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(!enter_namespace() ? CHILD_NO_NAMESPACE : test() ? CHILD_OK : CHILD_FAILED);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == CHILD_NO_NAMESPACE)
		skip();
	assert_int_equal(status, 0);
}

static bool over_a_directory(void)
{
	return mount("none", tree_path("m/sub"), "tmpfs", 0, NULL) == 0 &&
	       refuses_tree(ERR_FORMAT, "sub: is a mount point");
}
static void M4__mount_over_a_directory_inside__refused(void **state)
{
	(void)state;
	in_namespace(over_a_directory);
}

/* The same file system and device: only the mount tells. */
static bool bound_directory(void)
{
	return mount(tree_path("m/sub"), tree_path("m/sub"), NULL, MS_BIND, NULL) == 0 &&
	       refuses_tree(ERR_FORMAT, "sub: is a mount point") && refuses_beneath("sub/f");
}
static void M4__directory_bound_over_itself__refused(void **state)
{
	(void)state;
	in_namespace(bound_directory);
}

static bool bound_file(void)
{
	return mount(tree_path("other"), tree_path("m/sub/f"), NULL, MS_BIND, NULL) == 0 &&
	       refuses_tree(ERR_FORMAT, "sub/f: is a mount point") && refuses_beneath("sub/f");
}
static void M4__file_bound_over_a_file_inside__refused(void **state)
{
	(void)state;
	in_namespace(bound_file);
}

/* Where the whole component lies on a mount of its own, that is its place. */
static bool whole_mount(void)
{
	struct measured_tree tree = {0};
	bool done = mount(tree_path("m/sub"), tree_path("m"), NULL, MS_BIND, NULL) == 0 &&
		    measure_tree(tree_path("m"), MEASURE_SHA256, 1, &tree, NULL) &&
		    tree.count == 1 && strcmp(tree.files[0].path, "f") == 0;
	measured_tree_release(&tree);
	return done;
}
static void measure_tree__root_is_a_mount__measured(void **state)
{
	(void)state;
	in_namespace(whole_mount);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, tree_make, tree_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(M4__mount_over_a_directory_inside__refused),
		TEST(M4__directory_bound_over_itself__refused),
		TEST(M4__file_bound_over_a_file_inside__refused),
		TEST(measure_tree__root_is_a_mount__measured),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
