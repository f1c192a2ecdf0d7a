/* SPDX-License-Identifier: Apache-2.0 */
/* Real namespaces: each test enters one in a child, as the user who runs the tests and, where that is root, as nobody too. */
#include "tests/support/unit.h"

#include "attest/launch_namespace.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "attest/launch_pack.h"
#include "base/file.h"
#include "tests/unit/attest/scratch_tree.h"

#define NOBODY 65534

struct fixture {
	struct launch_pack pack;
	bool rootless; /* drop root before entering */
	int to_child[2], to_parent[2];
	struct err err;
};

static int set_up_as(void **state, bool rootless)
{
	struct fixture *f = calloc(1, sizeof(*f));
	f->rootless = rootless && geteuid() == 0;
	if (tree_make(state) != 0 || chmod(tree_root, 0755) != 0 || pipe(f->to_child) != 0 ||
		pipe(f->to_parent) != 0 || !launch_pack_open(&f->pack, &f->err))
		return -1;
	*state = f;
	return 0;
}

static int set_up(void **state)
{
	return set_up_as(state, false);
}

static int set_up_rootless(void **state)
{
	return set_up_as(state, true);
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	launch_pack_release(&f->pack);
	for (int i = 0; i < 2; i++) {
		fd_close(&f->to_child[i]);
		fd_close(&f->to_parent[i]);
	}
	free(f);
	return tree_remove(state);
}

/* ---- what the index says ---- */

static void write_text(const char *name, const char *text)
{
	struct err err;
	assert_ok(file_write_atomic(tree_path(name), bytes_str(text), 0644, &err), err);
}

static struct measured_file measured_of(const char *path)
{
	struct measured_file m = {0};
	struct err err;
	int fd = -1;
	assert_ok(measure_open(path, &fd, &err), err);
	assert_ok(measure_fd(fd, path, MEASURE_SHA256, 1, &m, &err), err);
	(void)close(fd);
	return m;
}

static bool copy(struct fixture *f, const char *name)
{
	const char *path = tree_path(name);
	struct measured_file m = measured_of(path);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	bool ok = launch_pack_copy(&f->pack, fd, path, MEASURE_SHA256, &m, &f->err);
	measured_file_release(&m);
	(void)close(fd);
	return ok;
}

static void entry(struct fixture *f, struct launch_entry e)
{
	assert_ok(launch_pack_entry(&f->pack, &e, &f->err), f->err);
}

static void bind_entry(struct fixture *f, const char *name, enum launch_kind kind)
{
	struct measured_file m = measured_of(tree_path(name));
	entry(f, (struct launch_entry){.kind = kind,
			 .size = m.size,
			 .device = m.device,
			 .inode = m.inode,
			 .path = bytes_str(tree_path(name))});
	measured_file_release(&m);
}

/* ---- the child ---- */

static bool reads(const char *path, const char *wanted)
{
	OWNED(buf_release) struct buf text = {0};
	struct err err;
	if (!file_read(path, 4096, &text, &err)) {
		print_error("%s\n", err.text);
		return false;
	}
	if (bytes_equal_str(buf_bytes(&text), wanted))
		return true;
	print_error("%s: \"%.*s\", wanted \"%s\"\n", path, (int)text.len, (const char *)text.data,
		wanted);
	return false;
}

static bool absent(const char *path)
{
	return access(path, F_OK) != 0 && errno == ENOENT;
}

static void await(int fd)
{
	char byte;
	while (read(fd, &byte, 1) < 0 && errno == EINTR)
		;
}

static void wake(int fd)
{
	assert_int_equal(write(fd, "x", 1), 1);
}

static bool enter(struct fixture *f, struct err *err)
{
	OWNED(buf_release) struct buf index = {0};
	if (f->rootless && (setgroups(0, NULL) != 0 || setresgid(NOBODY, NOBODY, NOBODY) != 0 ||
				   setresuid(NOBODY, NOBODY, NOBODY) != 0 ||
				   prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) != 0)) /* as after an exec */
		return err_set(err, ERR_INTERNAL, "cannot become nobody");
	return lseek(f->pack.index, 0, SEEK_SET) == 0 &&
	       file_read_fd(f->pack.index, "index", LAUNCH_INDEX_MAX, &index, err) &&
	       launch_namespace_enter(buf_bytes(&index), f->pack.data, 0, err);
}

/* Enters in a child, where `check` looks around; between entering and looking the parent may `meddle` with the host's files. */
static void inside(
	struct fixture *f, bool (*check)(struct fixture *f), void (*meddle)(struct fixture *f))
{
	int status;
	assert_ok(launch_pack_seal(&f->pack, &f->err), f->err);
	pid_t child = fork();
	if (child == 0) {
		struct err err = {0};
		bool ok = enter(f, &err);
		if (!ok)
			print_error("entering: %s\n", err.text);
		if (write(f->to_parent[1], "x", 1) == 1)
			await(f->to_child[0]);
		_exit(ok && check(f) ? 0 : 1);
	}
	await(f->to_parent[0]);
	if (meddle)
		meddle(f);
	wake(f->to_child[1]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

/* Enters in a child and must fail with this text. */
static void refused(struct fixture *f, const char *why)
{
	int status;
	assert_ok(launch_pack_seal(&f->pack, &f->err), f->err);
	pid_t child = fork();
	if (child == 0) {
		struct err err = {0};
		bool ok = enter(f, &err);
		if (ok || !strstr(err.text, why))
			print_error(
				"wanted \"%s\", found \"%s\"\n", why, ok ? "entered" : err.text);
		_exit(!ok && strstr(err.text, why) ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

/* ---- copies ---- */

static bool see_copy(struct fixture *f)
{
	(void)f;
	bool ok = reads(tree_path("model"), "measured") && reads(tree_path("beside"), "beside");
	errno = 0;
	ok = ok && open(tree_path("model"), O_WRONLY) < 0 && (errno == EROFS || errno == EACCES);
	errno = 0;
	ok = ok && open(tree_path("new"), O_WRONLY | O_CREAT, 0600) < 0 &&
	     (errno == EROFS || errno == EACCES);
	return ok && access("/proc/self/status", F_OK) == 0 && access("/dev/null", W_OK) == 0;
}

static void namespace__copy__shown_read_only_beside_the_host(void **state)
{
	struct fixture *f = *state;
	write_text("model", "measured");
	write_text("beside", "beside");
	assert_ok(copy(f, "model"), f->err);
	inside(f, see_copy, NULL);
}

static bool see_measured(struct fixture *f)
{
	(void)f;
	return reads(tree_path("dir/model"), "measured");
}

/* M1: all the ways in which a file is swapped under an agent that runs. */
static void overwrite(struct fixture *f)
{
	(void)f;
	int fd = open(tree_path("dir/model"), O_WRONLY);
	assert_int_equal(write(fd, "EVIL....", 8), 8);
	(void)close(fd);
}

static void rename_over(struct fixture *f)
{
	(void)f;
	write_text("evil", "EVIL");
	assert_int_equal(rename(tree_path("evil"), tree_path("dir/model")), 0);
}

static void replace_directory(struct fixture *f)
{
	(void)f;
	assert_int_equal(rename(tree_path("dir"), tree_path("gone")), 0);
	assert_int_equal(mkdir(tree_path("dir"), 0755), 0);
	write_text("dir/model", "EVIL");
}

static void remove_and_link(struct fixture *f)
{
	(void)f;
	write_text("evil", "EVIL");
	assert_int_equal(unlink(tree_path("dir/model")), 0);
	assert_int_equal(symlink(tree_path("evil"), tree_path("dir/model")), 0);
}

static void meddling(struct fixture *f, void (*meddle)(struct fixture *f))
{
	assert_int_equal(mkdir(tree_path("dir"), 0755), 0);
	write_text("dir/model", "measured");
	assert_ok(copy(f, "dir/model"), f->err);
	inside(f, see_measured, meddle);
}

static void namespace__overwritten_on_host__measured_bytes_stay(void **state)
{
	meddling(*state, overwrite);
}

static void namespace__renamed_over_on_host__measured_bytes_stay(void **state)
{
	meddling(*state, rename_over);
}

static void namespace__directory_replaced_on_host__measured_bytes_stay(void **state)
{
	meddling(*state, replace_directory);
}

static void namespace__replaced_by_link_on_host__measured_bytes_stay(void **state)
{
	meddling(*state, remove_and_link);
}

/* ---- one file in two components ---- */

static void namespace__bound_and_then_copied__the_copy_shown(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(mkdir(tree_path("dir"), 0755), 0);
	write_text("dir/model", "measured");
	bind_entry(f, "dir/model", LAUNCH_BIND);
	assert_ok(copy(f, "dir/model"), f->err);
	inside(f, see_measured, overwrite);
}

static void namespace__copied_and_then_bound__the_copy_shown(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(mkdir(tree_path("dir"), 0755), 0);
	write_text("dir/model", "measured");
	assert_ok(copy(f, "dir/model"), f->err);
	bind_entry(f, "dir/model", LAUNCH_BIND);
	bind_entry(f, "dir/model", LAUNCH_BIND);
	inside(f, see_measured, overwrite);
}

static bool see_overwritten(struct fixture *f)
{
	(void)f;
	return reads(tree_path("dir/model"), "EVIL....");
}

static void namespace__bound_twice__bound(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(mkdir(tree_path("dir"), 0755), 0);
	write_text("dir/model", "measured");
	bind_entry(f, "dir/model", LAUNCH_BIND);
	bind_entry(f, "dir/model", LAUNCH_BIND);
	inside(f, see_overwritten, overwrite);
}

static void namespace__copied_and_bound_with_other_content__refused(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(mkdir(tree_path("dir"), 0755), 0);
	write_text("dir/model", "measured");
	assert_ok(copy(f, "dir/model"), f->err);
	overwrite(f);
	bind_entry(f, "dir/model", LAUNCH_BIND);
	refused(f, "dir/model changed while it was being measured: start again");
}

static void pack_copy__changed_after_measuring__refused(void **state)
{
	struct fixture *f = *state;
	write_text("model", "measured");
	struct measured_file m = measured_of(tree_path("model"));
	static const char *const contents[] = {"MEASURED", "measured and more", "measure"};
	for (size_t i = 0; i < ARRAY_LEN(contents); i++) {
		write_text("model", contents[i]);
		int fd = open(tree_path("model"), O_RDONLY);
		assert_false(launch_pack_copy(&f->pack, fd, "/model", MEASURE_SHA256, &m, &f->err));
		assert_string_equal(
			f->err.text, "/model changed while it was being measured: start again");
		int executable = -1;
		assert_false(launch_memfd_executable(
			fd, "/model", MEASURE_SHA256, &m, &executable, &f->err));
		assert_int_equal(executable, -1);
		(void)close(fd);
	}
	measured_file_release(&m);
}

static void pack_copy__fsverity_digest__over_the_same_bytes(void **state)
{
	struct fixture *f = *state;
	struct measured_file m = {0};
	char *big = calloc(1, 700001);
	memset(big, 'm', 700000);
	write_text("model", big);
	int fd = open(tree_path("model"), O_RDONLY);
	assert_ok(measure_fd(fd, "model", MEASURE_FSVERITY, 1, &m, &f->err), f->err);
	assert_ok(launch_pack_copy(&f->pack, fd, "/model", MEASURE_FSVERITY, &m, &f->err), f->err);
	m.digest[0] ^= 1;
	assert_false(launch_pack_copy(&f->pack, fd, "/model", MEASURE_FSVERITY, &m, &f->err));
	measured_file_release(&m);
	(void)close(fd);
	free(big);
}

static void memfd_executable__once_made__cannot_be_written(void **state)
{
	struct fixture *f = *state;
	int memfd = -1;
	write_text("agent", "#!/bin/true\n");
	struct measured_file m = measured_of(tree_path("agent"));
	int fd = open(tree_path("agent"), O_RDONLY);
	assert_ok(
		launch_memfd_executable(fd, "agent", MEASURE_SHA256, &m, &memfd, &f->err), f->err);
	assert_true(pwrite(memfd, "x", 1, 0) < 0 && errno == EPERM);
	assert_true(ftruncate(memfd, 0) < 0 && errno == EPERM);
	assert_true(fcntl(memfd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE) < 0);
	measured_file_release(&m);
	(void)close(memfd);
	(void)close(fd);
}

/* ---- directories ---- */

static bool see_tree(struct fixture *f)
{
	(void)f;
	return reads(tree_path("dir/model"), "measured") && absent(tree_path("dir/extra")) &&
	       absent(tree_path("dir/later")) &&
	       reads(tree_path("other/../dir/model"), "measured") &&
	       reads(tree_path("other/free"), "free");
}

static void add_later(struct fixture *f)
{
	(void)f;
	write_text("dir/later", "later");
	write_text("dir/model", "EVIL");
}

/* M8: what is in the directory but not in its manifest is not in the agent's sight. */
static void namespace__tree__shows_exactly_its_manifest(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(mkdir(tree_path("dir"), 0755) | mkdir(tree_path("other"), 0755), 0);
	write_text("dir/model", "measured");
	write_text("other/free", "free");
	entry(f, (struct launch_entry){.kind = LAUNCH_TREE, .path = bytes_str(tree_path("dir"))});
	assert_ok(copy(f, "dir/model"), f->err);
	write_text("dir/extra", "extra");
	inside(f, see_tree, add_later);
}

static void namespace__file_in_two_components__same_is_fine(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(mkdir(tree_path("dir"), 0755), 0);
	write_text("dir/model", "measured");
	assert_ok(copy(f, "dir/model"), f->err);
	assert_ok(copy(f, "dir/model"), f->err);
	inside(f, see_measured, NULL);
}

static void namespace__file_in_two_components__different_is_refused(void **state)
{
	struct fixture *f = *state;
	write_text("model", "measured");
	assert_ok(copy(f, "model"), f->err);
	write_text("model", "MEASURED");
	assert_ok(copy(f, "model"), f->err);
	refused(f, "changed while it was being measured");
}

/* ---- links ---- */

static bool see_through_link(struct fixture *f)
{
	(void)f;
	return reads(tree_path("link/model"), "measured") &&
	       reads(tree_path("dir/model"), "measured");
}

static void retarget(struct fixture *f)
{
	(void)f;
	assert_int_equal(mkdir(tree_path("evil"), 0755), 0);
	write_text("evil/model", "EVIL");
	assert_int_equal(unlink(tree_path("link")), 0);
	assert_int_equal(symlink("evil", tree_path("link")), 0);
}

static void link_entry(struct fixture *f)
{
	assert_int_equal(mkdir(tree_path("dir"), 0755), 0);
	write_text("dir/model", "measured");
	assert_int_equal(symlink("./dir/../dir", tree_path("link")), 0);
	assert_ok(copy(f, "dir/model"), f->err);
	entry(f, (struct launch_entry){.kind = LAUNCH_LINK,
			 .path = bytes_str(tree_path("link/model")),
			 .target = bytes_str(tree_path("dir/model"))});
}

/* M2 */
static void namespace__link_retargeted_on_host__frozen(void **state)
{
	struct fixture *f = *state;
	link_entry(f);
	inside(f, see_through_link, retarget);
}

static void namespace__link_retargeted_before_entering__refused(void **state)
{
	struct fixture *f = *state;
	link_entry(f);
	retarget(f);
	refused(f, "start again");
}

static void namespace__link_loop__refused(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(symlink("loop", tree_path("loop")), 0);
	entry(f, (struct launch_entry){.kind = LAUNCH_LINK,
			 .path = bytes_str(tree_path("loop")),
			 .target = bytes_str(tree_path("x"))});
	refused(f, "more than 40 links");
}

static bool see_library(struct fixture *f)
{
	(void)f;
	return reads(LAUNCH_LIBRARIES "/libx.so.1", "library") && reads("/etc/ld.so.preload", "");
}

static void namespace__library_and_preload__as_measured(void **state)
{
	struct fixture *f = *state;
	write_text("libx.so.1.2", "library");
	assert_ok(copy(f, "libx.so.1.2"), f->err);
	entry(f, (struct launch_entry){.kind = LAUNCH_LIBRARY,
			 .path = BYTES_LIT("libx.so.1"),
			 .target = bytes_str(tree_path("libx.so.1.2"))});
	entry(f, (struct launch_entry){
			 .kind = LAUNCH_EMPTY, .path = BYTES_LIT("/etc/ld.so.preload")});
	inside(f, see_library, NULL);
}

/* ---- the host's own inodes ---- */

static void namespace__bound_file_renamed_over__the_inode_stays(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(mkdir(tree_path("dir"), 0755), 0);
	write_text("dir/model", "measured");
	bind_entry(f, "dir/model", LAUNCH_BIND);
	inside(f, see_measured, rename_over);
}

static void namespace__bound_file_replaced_before__refused(void **state)
{
	struct fixture *f = *state;
	write_text("model", "measured");
	bind_entry(f, "model", LAUNCH_BIND);
	write_text("model", "MEASURED"); /* another inode: the writing is by rename */
	refused(f, "changed while it was being measured");
}

static void namespace__pinned_file_without_verity__refused(void **state)
{
	struct fixture *f = *state;
	write_text("model", "measured");
	bind_entry(f, "model", LAUNCH_PIN);
	refused(f, "changed while it was being measured");
}

/* A chroot has no root mount that could be made private, or left by pivot_root. */
static void namespace__root_is_no_mount_point__refused(void **state)
{
	struct fixture *f = *state;
	int status;
	if (geteuid() != 0)
		skip();
	pid_t child = fork();
	if (child == 0) {
		struct err err = {0};
		bool refused = chroot(tree_root) == 0 && chdir("/") == 0 &&
			       !launch_namespace_enter(BYTES_LIT(""), f->pack.data, 0, &err);
		_exit(refused && err.code == ERR_UNSUPPORTED &&
					strstr(err.text, "no mount point, as in a plain chroot")
				? 0
				: 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

/* ---- the index itself ---- */

static void namespace__bad_index__refused(void **state)
{
	struct fixture *f = *state;
	static const struct launch_entry bad[] = {
		{.kind = LAUNCH_COPY, .path = BYTES_LIT("/a/../b")},
		{.kind = LAUNCH_COPY, .path = BYTES_LIT("/a//b")},
		{.kind = LAUNCH_COPY, .path = BYTES_LIT("a")},
		{.kind = LAUNCH_COPY, .path = BYTES_LIT("/")},
		{.kind = LAUNCH_COPY, .path = BYTES_LIT("/a"), .target = BYTES_LIT("/b")},
		{.kind = LAUNCH_LIBRARY, .path = BYTES_LIT("../x"), .target = BYTES_LIT("/b")},
		{.kind = LAUNCH_LIBRARY, .path = BYTES_LIT("x"), .target = BYTES_LIT("b")},
		{.kind = LAUNCH_KINDS, .path = BYTES_LIT("/a")},
		{.kind = LAUNCH_NONE, .path = BYTES_LIT("/a")},
	};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		OWNED(buf_release) struct buf index = {0};
		struct launch_entry e;
		assert_ok(launch_entry_put(&bad[i], &index, &f->err), f->err);
		struct reader r = rd_of(buf_bytes(&index));
		assert_false(launch_entry_next(&r, &e, &f->err));
		assert_int_equal(f->err.code, ERR_FORMAT);
		r = rd_of(bytes_of(index.data, index.len - 1));
		assert_false(launch_entry_next(&r, &e, &f->err));
	}
}

#define BOTH(name)                                                                                 \
	{#name, name, set_up, tear_down, NULL},                                                    \
	{                                                                                          \
#name " as nobody", name, set_up_rootless, tear_down, NULL                         \
	}
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(namespace__copy__shown_read_only_beside_the_host),
		BOTH(namespace__overwritten_on_host__measured_bytes_stay),
		BOTH(namespace__renamed_over_on_host__measured_bytes_stay),
		BOTH(namespace__directory_replaced_on_host__measured_bytes_stay),
		BOTH(namespace__replaced_by_link_on_host__measured_bytes_stay),
		BOTH(namespace__tree__shows_exactly_its_manifest),
		BOTH(namespace__file_in_two_components__same_is_fine),
		BOTH(namespace__file_in_two_components__different_is_refused),
		BOTH(namespace__bound_and_then_copied__the_copy_shown),
		BOTH(namespace__copied_and_then_bound__the_copy_shown),
		BOTH(namespace__bound_twice__bound),
		BOTH(namespace__copied_and_bound_with_other_content__refused),
		BOTH(namespace__link_retargeted_on_host__frozen),
		BOTH(namespace__link_retargeted_before_entering__refused),
		BOTH(namespace__link_loop__refused),
		BOTH(namespace__library_and_preload__as_measured),
		BOTH(namespace__bound_file_renamed_over__the_inode_stays),
		BOTH(namespace__bound_file_replaced_before__refused),
		BOTH(namespace__pinned_file_without_verity__refused),
		TEST(pack_copy__changed_after_measuring__refused),
		TEST(pack_copy__fsverity_digest__over_the_same_bytes),
		TEST(memfd_executable__once_made__cannot_be_written),
		TEST(namespace__root_is_no_mount_point__refused),
		TEST(namespace__bad_index__refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
